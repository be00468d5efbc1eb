"""Wait for a condition of another process; the only place of these tests that looks at a clock."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

POLL_SECONDS: Final = 0.02

T = TypeVar("T")


class Timeout(AssertionError):
    """A condition did not come true before its deadline."""


def wait_until(
    probe: Callable[[], T],
    *,
    what: str,
    timeout_seconds: float = 20.0,
    explain: Callable[[], str] = str,
) -> T:
    """Call `probe` until it returns something true and return that.

    Deadlines are generous because two noisy cores run everything; `explain` is asked only on
    failure and goes into the message, with the last value the probe gave.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Timeout(
                f"not within {timeout_seconds:g} s: {what} (last: {value!r})\n{explain()}"
            )
        time.sleep(POLL_SECONDS)
