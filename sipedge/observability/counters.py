"""The counters of the hot path: plain ints in slots, dicts and lists with keys fixed at the start.

Counting is one addition and never fails, allocates or locks: the loop that runs the edge is the
only writer. What the numbers are called outside stands in `metrics.py`.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

# RFC 3261 and its extensions. Every other method counts as OTHER_METHOD, or a stranger could grow
# the tables, and the metrics page with them, one invented method at a time.
METHODS: Final = (
    b"INVITE",
    b"ACK",
    b"BYE",
    b"CANCEL",
    b"REGISTER",
    b"OPTIONS",
    b"PRACK",
    b"UPDATE",
    b"INFO",
    b"REFER",
    b"NOTIFY",
    b"SUBSCRIBE",
    b"PUBLISH",
    b"MESSAGE",
)
OTHER_METHOD: Final = b"OTHER"

# Upper bounds in seconds. 1 ms is what a timer of the loop resolves, 0.5 s is T1: from there on
# peers retransmit because of us (RFC 3261 section 17.1.1.1).
LOOP_LAG_BOUNDS_SECONDS: Final = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
)

# A status class is status // 100; index 0 of the lists stays unused.
STATUS_CLASSES: Final = 7


class Counters:
    """Everything one edge has counted since it started.

    The dicts by reason are closed: they hold the names given here and a KeyError on any other is a
    fault of ours. Index `responses_*` with `status // 100`. For a method from the wire use
    `count_request_received` and `count_request_sent`, which know the closed set.
    """

    __slots__ = (
        "auth_challenges",
        "auth_failures",
        "auth_successes",
        "bytes_in",
        "bytes_out",
        "calls_admitted",
        "calls_answered",
        "calls_ended",
        "datagrams_received",
        "dropped",
        "loop_lag_buckets",
        "loop_lag_seconds_count",
        "loop_lag_seconds_max",
        "loop_lag_seconds_sum",
        "refusals",
        "registrations_added",
        "registrations_refreshed",
        "registrations_removed",
        "requests_received",
        "requests_sent",
        "responses_received",
        "responses_sent",
        "retransmissions_received",
        "retransmissions_sent",
        "store_failures",
        "store_queue",
        "store_writes",
    )

    def __init__(
        self,
        *,
        drop_reasons: Iterable[str],
        refusal_reasons: Iterable[str],
        end_reasons: Iterable[str],
    ) -> None:
        self.requests_received: dict[bytes, int] = _zeros_by_method()
        self.requests_sent: dict[bytes, int] = _zeros_by_method()
        self.responses_received: list[int] = [0] * STATUS_CLASSES
        self.responses_sent: list[int] = [0] * STATUS_CLASSES
        self.retransmissions_received = 0
        self.retransmissions_sent = 0
        self.dropped: dict[str, int] = dict.fromkeys(drop_reasons, 0)
        self.refusals: dict[str, int] = dict.fromkeys(refusal_reasons, 0)

        self.calls_admitted = 0
        self.calls_answered = 0
        self.calls_ended: dict[str, int] = dict.fromkeys(end_reasons, 0)

        self.auth_challenges = 0
        self.auth_failures = 0
        self.auth_successes = 0
        self.registrations_added = 0
        self.registrations_refreshed = 0
        self.registrations_removed = 0

        self.datagrams_received = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.store_writes = 0
        self.store_failures = 0
        self.store_queue = 0
        """Writes that wait for the database now: the one value here that also goes down."""

        # One bucket per bound, not cumulative, and a last one for what is above them all.
        self.loop_lag_buckets: list[int] = [0] * (len(LOOP_LAG_BOUNDS_SECONDS) + 1)
        self.loop_lag_seconds_sum = 0.0
        self.loop_lag_seconds_count = 0
        self.loop_lag_seconds_max = 0.0
        """The largest lag of the last one to two minutes (see `loop_watch.py`)."""

    def count_request_received(self, method: bytes) -> None:
        """Count a request that was parsed, under its method or under OTHER."""
        table = self.requests_received
        table[method if method in table else OTHER_METHOD] += 1

    def count_request_sent(self, method: bytes) -> None:
        """Count a request that left, under its method or under OTHER."""
        table = self.requests_sent
        table[method if method in table else OTHER_METHOD] += 1

    def observe_loop_lag(self, seconds: float) -> None:
        """Note how late the event loop ran a timer."""
        self.loop_lag_buckets[bisect_left(LOOP_LAG_BOUNDS_SECONDS, seconds)] += 1
        self.loop_lag_seconds_sum += seconds
        self.loop_lag_seconds_count += 1
        self.loop_lag_seconds_max = max(self.loop_lag_seconds_max, seconds)


def _zeros_by_method() -> dict[bytes, int]:
    table = dict.fromkeys(METHODS, 0)
    table[OTHER_METHOD] = 0
    return table
