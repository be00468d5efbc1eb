"""How late the event loop runs: a timer that measures its own delay.

Every message waits for the loop as long as this timer did, so the lag is what a caller feels.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from sipedge.observability.counters import Counters

# Ten wake-ups a second cost about 0.01 % of a core and catch a stall of 100 ms for certain.
INTERVAL_SECONDS: Final = 0.1
# Longer than any usual scrape interval, so that a peak between two scrapes is still seen.
WINDOW_SECONDS: Final = 60.0


class LoopWatch:
    """Feeds `Counters.observe_loop_lag` from a timer of the running loop.

    `loop_lag_seconds_max` then holds the worst of the current and of the previous minute.
    """

    __slots__ = (
        "_clock",
        "_counters",
        "_due_at",
        "_handle",
        "_last_lag",
        "_loop",
        "_window_ends_at",
        "_window_max",
    )

    def __init__(
        self,
        counters: Counters,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._counters = counters
        self._loop = loop
        # Not loop.time(): uvloop reads the clock once per turn, and a turn is what we measure.
        self._clock = clock
        self._handle: asyncio.TimerHandle | None = None
        self._due_at = 0.0
        self._last_lag = 0.0
        self._window_ends_at = 0.0
        self._window_max = 0.0

    def start(self) -> None:
        """Begin to measure; call it in the thread of the loop."""
        assert self._handle is None, "started twice"
        self._window_ends_at = self._clock() + WINDOW_SECONDS
        self._arm()

    def stop(self) -> None:
        """Stop measuring; harmless when not started."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def recent_lag_seconds(self) -> float:
        """Return how late the last beat was, or the next one already is: whichever is more."""
        if self._handle is None:
            return 0.0
        return max(self._last_lag, self._clock() - self._due_at)

    def beat(self) -> None:
        """Note the lag of this beat and arm the next: the callback of the timer."""
        now = self._clock()
        lag = max(0.0, now - self._due_at)
        self._counters.observe_loop_lag(lag)
        self._last_lag = lag
        self._window_max = max(self._window_max, lag)
        if now >= self._window_ends_at:
            self._counters.loop_lag_seconds_max = self._window_max
            self._window_max = 0.0
            self._window_ends_at = now + WINDOW_SECONDS
        self._arm()

    def _arm(self) -> None:
        self._due_at = self._clock() + INTERVAL_SECONDS
        self._handle = self._loop.call_later(INTERVAL_SECONDS, self.beat)
