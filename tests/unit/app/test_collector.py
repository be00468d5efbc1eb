import asyncio
import gc
from collections.abc import Iterator

import pytest

from sipedge.app import collector
from sipedge.app.collector import FORCED_SECONDS, QUIET_MESSAGES, Collector


class Traffic:
    """A count of messages that the test moves."""

    def __init__(self) -> None:
        self.messages = 0

    def __call__(self) -> int:
        return self.messages


@pytest.fixture
def traffic() -> Traffic:
    return Traffic()


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[tuple[int, int, int]]:
    before = gc.get_threshold()
    yield before
    assert gc.get_threshold() == before


def test_a_busy_edge_is_left_alone_until_it_is_quiet(traffic: Traffic) -> None:
    collects = Collector(traffic)
    for second in range(5, 50, 5):
        traffic.messages += QUIET_MESSAGES * 10
        assert not collects.check(float(second))
    assert collects.check(50.0)


def test_an_edge_that_did_nothing_has_nothing_to_collect(traffic: Traffic) -> None:
    collects = Collector(traffic)
    traffic.messages = 1
    assert not collects.check(5.0)
    assert not collects.check(10.0)


def test_an_edge_that_is_never_quiet_is_collected_after_an_hour(traffic: Traffic) -> None:
    collects = Collector(traffic)
    now = 0.0
    while now < FORCED_SECONDS:
        assert not collects.check(now)
        now += 5
        traffic.messages += QUIET_MESSAGES
    assert collects.check(FORCED_SECONDS)
    traffic.messages += QUIET_MESSAGES
    assert not collects.check(FORCED_SECONDS + 5)


def test_what_came_bit_by_bit_is_collected_too(traffic: Traffic) -> None:
    collects = Collector(traffic)
    done = []
    for second in range(QUIET_MESSAGES):
        traffic.messages += 1
        done.append(collects.check(float(second)))
    assert done == [False] * (QUIET_MESSAGES - 1) + [True]


async def test_a_cycle_is_found_and_the_schedule_is_given_back(
    traffic: Traffic, thresholds: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "CHECK_SECONDS", 0.01)
    running = asyncio.create_task(Collector(traffic).run())
    await asyncio.sleep(0)
    assert gc.get_threshold() != thresholds
    assert gc.get_freeze_count() > 0
    seen: list[str] = []

    class Knot:
        def __init__(self) -> None:
            self.myself = self

        def __del__(self) -> None:
            seen.append("collected")

    Knot()
    traffic.messages = QUIET_MESSAGES
    async with asyncio.timeout(10):
        while not seen:  # noqa: ASYNC110 - the collector tells nobody
            await asyncio.sleep(0.005)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert gc.get_freeze_count() == 0
