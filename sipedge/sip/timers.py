"""The timers of RFC 3261 section 17 (its table 4) and RFC 6026 section 8, in seconds.

Everything follows from T1, T2 and T4. Timers A, E and G are no constants: they start at T1 and
double (E and G up to T2). On a reliable flow timers A, E and G never run and D, I, J and K are 0;
the transactions know that, this table does not.
"""

from typing import Final

# RFC 3261 section 17.1.1.2: at least 32 s on unreliable flows, whatever T1 is.
_TIMER_D_MIN_SECONDS: Final = 32.0


class Timers:
    """One set of values, shared by every transaction; the defaults are those of the RFC.

    `t1` is the estimated round trip, `t2` the longest pause between two copies of anything but an
    INVITE, `t4` the longest life of a message in the network. `timer_c` bounds the ringing of a
    branch (section 16.6 step 11: more than three minutes); the proxy core runs it.
    """

    __slots__ = (
        "t1",
        "t2",
        "t4",
        "timer_b",
        "timer_c",
        "timer_d",
        "timer_f",
        "timer_h",
        "timer_i",
        "timer_j",
        "timer_k",
        "timer_l",
        "timer_m",
    )

    def __init__(
        self, *, t1: float = 0.5, t2: float = 4.0, t4: float = 5.0, timer_c: float = 181.0
    ) -> None:
        assert 0.0 < t1 <= t2, "copies go out after T1 first, never more than T2 apart"
        self.t1 = t1
        self.t2 = t2
        self.t4 = t4
        lifetime = 64.0 * t1
        self.timer_b = lifetime
        self.timer_f = lifetime
        self.timer_h = lifetime
        self.timer_j = lifetime
        self.timer_l = lifetime
        self.timer_m = lifetime
        self.timer_d = max(_TIMER_D_MIN_SECONDS, lifetime)
        self.timer_i = t4
        self.timer_k = t4
        self.timer_c = timer_c
        assert t2 < lifetime, "something must be repeated before timers F and H give up"
        assert 0.0 < t4 <= lifetime, "a copy must not outlive the transaction that absorbs it"
        assert self.timer_d >= self.timer_h, "we must acknowledge as long as the peer may repeat"
        assert timer_c > self.timer_b, "a silent branch ends by timer B before timer C"
