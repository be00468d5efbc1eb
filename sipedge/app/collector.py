"""When the garbage collector runs: in quiet moments, not in the middle of a burst of calls.

The core lets go of its objects by reference counts (a test holds it to that), so the collector
finds nothing there; but each of its full runs walks every live transaction, a quarter of a second
at 40,000 of them, and by default it runs whenever a quarter more objects have come to live. Here
the young generations are collected as ever and the old one when little is going on, or after an
hour.
"""

import asyncio
import gc
from collections.abc import Callable
from typing import Final

# Young objects die within one message; a larger nursery means that fewer are walked at all.
YOUNG_OBJECTS: Final = 20_000
MIDDLE_RUNS: Final = 20
# Never reached: full runs are ours to begin.
_OLD_RUNS: Final = 1_000_000_000
CHECK_SECONDS: Final = 5.0
# Fewer messages than this between two checks is a quiet moment.
QUIET_MESSAGES: Final = 50
FORCED_SECONDS: Final = 3600.0


class Collector:
    """Runs the full collection when `messages()` has hardly moved, at most hourly apart if busy."""

    def __init__(self, messages: Callable[[], int]) -> None:
        self._messages = messages
        self._seen = 0
        self._collected_at = 0.0
        self._dirty_messages = 0

    async def run(self) -> None:
        """Take over from the interpreter's own schedule, until cancelled."""
        loop = asyncio.get_running_loop()
        gc.collect()
        # What was loaded so far, lines and code, stays for good: never walk it again.
        gc.freeze()
        before = gc.get_threshold()
        gc.set_threshold(YOUNG_OBJECTS, MIDDLE_RUNS, _OLD_RUNS)
        self._collected_at = loop.time()
        try:
            while True:
                await asyncio.sleep(CHECK_SECONDS)
                self.check(loop.time())
        finally:
            gc.set_threshold(*before)
            gc.unfreeze()

    def check(self, now: float) -> bool:
        """Collect if this is the moment; True when it did."""
        messages = self._messages()
        fresh = messages - self._seen
        self._seen = messages
        self._dirty_messages += fresh
        is_quiet = fresh < QUIET_MESSAGES and self._dirty_messages >= QUIET_MESSAGES
        if not is_quiet and now - self._collected_at < FORCED_SECONDS:
            return False
        gc.collect()
        self._collected_at = now
        self._dirty_messages = 0
        return True
