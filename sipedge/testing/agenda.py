"""What an agent means to do later: instants and callables, driven by whoever has a clock."""

from collections.abc import Callable
from heapq import heappop, heappush


class Reminder:
    """One thing to do at an instant, unless it is called off."""

    __slots__ = ("at", "is_off", "what")

    def __init__(self, at: float, what: Callable[[], None]) -> None:
        self.at = at
        self.what = what
        self.is_off = False

    def call_off(self) -> None:
        """Let it not happen."""
        self.is_off = True


class Agenda:
    """Reminders in the order of their instants; equal ones in the order in which they were made."""

    __slots__ = ("_heap", "_serial")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Reminder]] = []
        self._serial = 0

    def __len__(self) -> int:
        return sum(not reminder.is_off for _, _, reminder in self._heap)

    def add(self, at: float, what: Callable[[], None]) -> Reminder:
        """Remember to do something at an instant."""
        reminder = Reminder(at, what)
        self._serial += 1
        heappush(self._heap, (at, self._serial, reminder))
        return reminder

    def next_at(self) -> float | None:
        """Return the instant of the next reminder, None when there is none."""
        while self._heap and self._heap[0][2].is_off:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def run(self, now: float) -> None:
        """Do all that is due."""
        while (at := self.next_at()) is not None and at <= now:
            reminder = heappop(self._heap)[2]
            reminder.is_off = True
            reminder.what()

    def clear(self) -> None:
        """Forget everything."""
        self._heap.clear()
