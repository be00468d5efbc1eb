"""The timer table: the values of RFC 3261 and what must hold between them."""

import pytest

from sipedge.sip.timers import Timers


def test_defaults_are_those_of_the_rfc() -> None:
    timers = Timers()

    assert (timers.t1, timers.t2, timers.t4) == (0.5, 4.0, 5.0)
    assert (timers.timer_b, timers.timer_f, timers.timer_h, timers.timer_j) == (32.0,) * 4
    assert (timers.timer_l, timers.timer_m) == (32.0, 32.0)
    assert timers.timer_d >= 32.0
    assert (timers.timer_i, timers.timer_k) == (5.0, 5.0)
    assert timers.timer_c > 180.0


def test_timer_d_grows_with_t1_but_never_falls_below_32_seconds() -> None:
    slow_link = Timers(t1=1.0)
    fast_link = Timers(t1=0.1, t2=0.5, t4=1.0)

    assert slow_link.timer_d == slow_link.timer_h == 64.0
    assert fast_link.timer_h == pytest.approx(6.4)
    assert fast_link.timer_d == 32.0


@pytest.mark.parametrize(
    ("t1", "t2", "t4", "timer_c"),
    [
        (0.0, 4.0, 5.0, 181.0),  # no pause at all
        (5.0, 4.0, 5.0, 181.0),  # the first copy after the longest pause
        (0.05, 4.0, 3.0, 181.0),  # timer F before the second copy
        (0.5, 4.0, 33.0, 181.0),  # copies that outlive timer J
        (0.5, 4.0, 0.0, 181.0),  # nothing absorbs copies
        (0.5, 4.0, 5.0, 32.0),  # timer C before timer B
    ],
)
def test_values_that_contradict_each_other_are_refused(
    t1: float, t2: float, t4: float, timer_c: float
) -> None:
    with pytest.raises(AssertionError):
        Timers(t1=t1, t2=t2, t4=t4, timer_c=timer_c)
