import asyncio
import time

from sipedge.observability.counters import Counters
from sipedge.observability.loop_watch import INTERVAL_SECONDS, WINDOW_SECONDS, LoopWatch


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def make_counters() -> Counters:
    return Counters(drop_reasons=[], refusal_reasons=[], end_reasons=[])


async def test_a_late_beat_is_counted_with_its_lag() -> None:
    counters, clock = make_counters(), Clock()
    watch = LoopWatch(counters, asyncio.get_running_loop(), clock)
    watch.start()
    clock.now += INTERVAL_SECONDS + 0.3
    watch.beat()
    assert counters.loop_lag_seconds_count == 1
    assert abs(counters.loop_lag_seconds_sum - 0.3) < 1e-9
    watch.stop()


async def test_an_early_beat_is_no_negative_lag() -> None:
    counters, clock = make_counters(), Clock()
    watch = LoopWatch(counters, asyncio.get_running_loop(), clock)
    watch.start()
    watch.beat()
    assert counters.loop_lag_seconds_sum == 0.0
    watch.stop()


async def test_recent_lag_is_the_last_beat_or_the_beat_that_is_overdue() -> None:
    clock = Clock()
    watch = LoopWatch(make_counters(), asyncio.get_running_loop(), clock)
    assert watch.recent_lag_seconds() == 0.0
    watch.start()
    clock.now += INTERVAL_SECONDS + 2.0
    assert abs(watch.recent_lag_seconds() - 2.0) < 1e-9
    watch.beat()
    assert abs(watch.recent_lag_seconds() - 2.0) < 1e-9
    clock.now += INTERVAL_SECONDS + 3.0
    assert abs(watch.recent_lag_seconds() - 3.0) < 1e-9
    watch.stop()
    assert watch.recent_lag_seconds() == 0.0


async def test_the_maximum_forgets_a_peak_after_two_windows() -> None:
    counters, clock = make_counters(), Clock()
    watch = LoopWatch(counters, asyncio.get_running_loop(), clock)
    watch.start()

    def beat_on_time_for(seconds: float) -> None:
        until = clock.now + seconds
        while clock.now < until:
            clock.now += INTERVAL_SECONDS
            watch.beat()

    clock.now += INTERVAL_SECONDS + 4.0
    watch.beat()
    assert abs(counters.loop_lag_seconds_max - 4.0) < 1e-9
    beat_on_time_for(WINDOW_SECONDS)
    assert abs(counters.loop_lag_seconds_max - 4.0) < 1e-9
    beat_on_time_for(WINDOW_SECONDS)
    assert counters.loop_lag_seconds_max < 0.001
    watch.stop()


async def test_a_blocked_loop_is_seen() -> None:
    counters = make_counters()
    watch = LoopWatch(counters, asyncio.get_running_loop())
    watch.start()
    time.sleep(INTERVAL_SECONDS + 0.2)  # noqa: ASYNC251  the blocking is what the test is about
    await asyncio.sleep(0.001)  # due after the beat, so the beat runs first
    watch.stop()
    assert counters.loop_lag_seconds_max >= 0.19
