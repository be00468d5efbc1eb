"""The timer wheel: asked for its next instant and moved there; no test waits."""

from collections.abc import Callable
from functools import partial
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipedge.sip import wheel as wheel_module
from sipedge.sip.wheel import NOT_SLOTTED, Timed, Wheel

START = 1_000.0
SLOT = 0.01


class Alarm(Timed):
    """Writes down when it fired, and does one thing more if asked to."""

    __slots__ = ("action", "fired_at")

    def __init__(self, action: Callable[[float], None] | None = None) -> None:
        super().__init__()
        self.fired_at: list[float] = []
        self.action = action

    def handle_timer(self, now: float) -> None:
        assert self.due_at == 0.0
        self.fired_at.append(now)
        if self.action is not None:
            self.action(now)


def started_wheel() -> Wheel:
    wheel = Wheel(SLOT)
    wheel.advance(START)
    return wheel


def run_until(wheel: Wheel, end: float) -> int:
    """Open slot after slot, as the driver does."""
    fired = 0
    while (at := wheel.next_at()) is not None and at <= end:
        fired += wheel.advance(at)
    return fired


def test_new_item_is_not_armed() -> None:
    item = Alarm()

    assert item.due_at == 0.0
    assert item.slotted_at == NOT_SLOTTED == inf


def test_base_class_has_no_timer_of_its_own() -> None:
    with pytest.raises(NotImplementedError):
        Timed().handle_timer(START)


def test_empty_wheel_has_no_next_instant() -> None:
    wheel = Wheel()

    assert wheel.next_at() is None
    assert wheel.advance(START) == 0
    assert len(wheel) == 0


@pytest.mark.parametrize("ahead", [0.001, 0.01, 0.5, 5.0, 32.0, 41.5, 181.0, 3_600.0, 10_800.0])
def test_item_fires_once_and_never_early_and_at_most_two_slots_late(ahead: float) -> None:
    wheel = started_wheel()
    item = Alarm()

    wheel.arm(item, START + ahead)
    run_until(wheel, START + 20_000.0)

    assert len(item.fired_at) == 1
    assert START + ahead <= item.fired_at[0] <= START + ahead + 2 * SLOT
    assert item.due_at == 0.0
    assert item.slotted_at == NOT_SLOTTED
    assert len(wheel) == 0


def test_advancing_to_the_next_instant_always_makes_progress() -> None:
    # 29 * 0.01 * 100 is 28.999...: a wheel that rounds twice would turn on the spot here.
    wheel = Wheel(SLOT)
    for tick in range(1, 3_000):
        wheel.arm(Alarm(), tick * SLOT)

    previous = 0.0
    while (at := wheel.next_at()) is not None:
        assert at > previous
        wheel.advance(at)
        previous = at


def test_instant_in_the_past_fires_at_the_next_slot() -> None:
    wheel = started_wheel()
    item = Alarm()

    wheel.arm(item, START - 5.0)
    next_at = wheel.next_at()

    assert next_at is not None
    assert START < next_at <= START + 2 * SLOT
    assert wheel.advance(next_at) == 1


def test_zero_is_not_an_instant() -> None:
    with pytest.raises(AssertionError):
        Wheel().arm(Alarm(), 0.0)


def test_a_slot_lasts_some_time() -> None:
    with pytest.raises(AssertionError):
        Wheel(0.0)


def test_disarmed_item_does_not_fire_and_its_place_is_cleared() -> None:
    wheel = started_wheel()
    item = Alarm()
    wheel.arm(item, START + 1.0)

    wheel.disarm(item)

    assert item.due_at == 0.0
    assert len(wheel) == 1
    assert run_until(wheel, START + 2.0) == 0
    assert len(wheel) == 0
    assert wheel.next_at() is None
    assert item.slotted_at == NOT_SLOTTED


def test_rearming_later_takes_no_second_place() -> None:
    wheel = started_wheel()
    item = Alarm()
    wheel.arm(item, START + 1.0)
    next_at = wheel.next_at()

    wheel.arm(item, START + 2.0)
    wheel.arm(item, START + 3.0)

    assert len(wheel) == 1
    assert wheel.next_at() == next_at, "early because the item was moved, which is allowed"
    run_until(wheel, START + 10.0)
    assert len(item.fired_at) == 1
    assert item.fired_at[0] >= START + 3.0


def test_rearming_earlier_fires_once_at_the_earlier_instant() -> None:
    wheel = started_wheel()
    item = Alarm()
    wheel.arm(item, START + 3.0)

    wheel.arm(item, START + 1.0)
    run_until(wheel, START + 2.0)

    assert len(item.fired_at) == 1
    assert item.fired_at[0] <= START + 1.0 + 2 * SLOT
    assert run_until(wheel, START + 10.0) == 0, "the place for the later instant is stale"
    assert len(wheel) == 0


def test_stale_place_is_dropped_even_when_the_item_is_armed_for_later() -> None:
    wheel = started_wheel()
    item = Alarm()
    wheel.arm(item, START + 3.0)
    wheel.arm(item, START + 1.0)
    run_until(wheel, START + 2.0)

    wheel.arm(item, START + 5.0)
    assert len(wheel) == 2
    run_until(wheel, START + 4.0)

    assert len(wheel) == 1, "the stale place did not breed another"
    run_until(wheel, START + 10.0)
    assert len(item.fired_at) == 2


def test_item_disarmed_and_armed_again_before_its_slot_keeps_its_place() -> None:
    wheel = started_wheel()
    item = Alarm()
    wheel.arm(item, START + 1.0)
    wheel.disarm(item)

    wheel.arm(item, START + 1.5)

    assert len(wheel) == 1
    assert run_until(wheel, START + 1.4) == 0
    assert run_until(wheel, START + 2.0) == 1


def note(order: list[int], number: int, _now: float) -> None:
    order.append(number)


def test_late_advance_fires_everything_in_order_of_slots() -> None:
    wheel = started_wheel()
    order: list[int] = []
    for number in (3, 1, 2):
        wheel.arm(Alarm(partial(note, order, number)), START + number)
    moved = Alarm(partial(note, order, 25))
    wheel.arm(moved, START + 0.5)
    wheel.arm(moved, START + 2.5)

    assert wheel.advance(START + 60.0) == 4

    assert order == [1, 2, 25, 3]


def test_item_that_arms_itself_in_the_past_cannot_hold_the_wheel() -> None:
    wheel = started_wheel()
    item = Alarm()
    item.action = lambda now: wheel.arm(item, now - 1.0)
    wheel.arm(item, START + 1.0)

    assert wheel.advance(START + 2.0) == 1
    assert wheel.advance(START + 2.0) == 0
    assert wheel.advance(START + 2.1) == 1


def test_handler_may_arm_and_disarm_other_items() -> None:
    wheel = started_wheel()
    victim = Alarm()
    newcomer = Alarm()

    def act(now: float) -> None:
        wheel.disarm(victim)
        wheel.arm(newcomer, now + 0.5)

    actor = Alarm(act)
    wheel.arm(actor, START + 1.0)
    wheel.arm(victim, START + 1.0)  # the same slot, after the actor

    assert run_until(wheel, START + 3.0) == 2
    assert victim.fired_at == []
    assert len(newcomer.fired_at) == 1


def fail(_now: float) -> None:
    raise RuntimeError("a handler broke")


def test_error_in_one_handler_is_reported_and_the_others_fire() -> None:
    errors: list[tuple[Timed, Exception]] = []
    wheel = Wheel(SLOT, on_error=lambda item, error: errors.append((item, error)))
    items = [Alarm(), Alarm(fail), Alarm()]
    for item in items:
        wheel.arm(item, START)

    assert wheel.advance(START + 1.0) == 3

    assert [len(item.fired_at) for item in items] == [1, 1, 1]
    assert [(item, str(error)) for item, error in errors] == [(items[1], "a handler broke")]


def test_without_a_reporter_errors_are_raised_together_after_the_others_fired() -> None:
    wheel = started_wheel()
    items = [Alarm(fail), Alarm(), Alarm(fail), Alarm()]
    for number, item in enumerate(items):
        wheel.arm(item, START + 1.0 + number)

    with pytest.raises(ExceptionGroup) as caught:
        wheel.advance(START + 60.0)

    assert len(caught.value.exceptions) == 2
    assert [len(item.fired_at) for item in items] == [1, 1, 1, 1]


def test_one_call_does_a_bounded_amount_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheel_module, "BURST_MAX", 10)
    wheel = started_wheel()
    for number in range(40):
        wheel.arm(Alarm(), START + 1.0 + number * SLOT)

    assert wheel.advance(START + 60.0) == 10

    next_at = wheel.next_at()
    assert next_at is not None
    assert next_at <= START + 60.0, "the driver comes back at once"
    assert [wheel.advance(START + 60.0) for _ in range(4)] == [10, 10, 10, 0]


def test_far_items_share_slots_so_that_memory_follows_items_not_instants() -> None:
    wheel = started_wheel()
    items = [Alarm() for _ in range(20_000)]
    for number, item in enumerate(items):
        wheel.arm(item, START + 60.0 + number * 0.5)

    assert len(wheel) == 20_000
    assert len(wheel._slots) < 20_000 * 0.5 / 1.28 + 2
    run_until(wheel, START + 20_000.0)
    assert all(len(item.fired_at) == 1 for item in items)
    assert all(
        START + 60.0 + number * 0.5 <= item.fired_at[0] <= START + 60.0 + number * 0.5 + 2 * SLOT
        for number, item in enumerate(items)
    )


def test_wheel_left_alone_for_hours_still_fires_in_time() -> None:
    # An empty wheel is not advanced; its idea of the present is old when the next item comes.
    wheel = started_wheel()
    item = Alarm()
    later = START + 50_000.0

    wheel.arm(item, later + 0.5)
    while not item.fired_at:
        at = wheel.next_at()
        assert at is not None
        wheel.advance(max(at, later))

    assert later + 0.5 <= item.fired_at[0] <= later + 0.5 + 2 * SLOT


steps = st.lists(
    st.tuples(
        st.sampled_from(["arm", "disarm", "advance"]),
        st.integers(min_value=0, max_value=5),
        st.one_of(st.floats(min_value=0.0, max_value=2.0), st.floats(0.0, 200.0)),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(steps)
def test_wheel_agrees_with_a_plain_list_of_instants(
    script: list[tuple[str, int, float]],
) -> None:
    wheel = started_wheel()
    items = [Alarm() for _ in range(6)]
    due: dict[int, float] = {}
    now = START
    for verb, number, seconds in script:
        if verb == "arm":
            due[number] = now + seconds
            wheel.arm(items[number], now + seconds)
        elif verb == "disarm":
            due.pop(number, None)
            wheel.disarm(items[number])
        else:
            now += seconds
            before = [len(item.fired_at) for item in items]
            wheel.advance(now)
            for place, item in enumerate(items):
                fired = len(item.fired_at) - before[place]
                if place not in due or due[place] > now:
                    assert fired == 0
                elif due[place] + 2 * SLOT <= now or fired:
                    assert fired == 1
                    del due[place]
        next_at = wheel.next_at()
        if due:
            assert next_at is not None
            assert next_at <= max(min(due.values()), now) + 2 * SLOT
    run_until(wheel, now + 1_000.0)
    assert len(wheel) == 0
    assert all(item.due_at == 0.0 for item in items)
