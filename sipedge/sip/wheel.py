"""The timer wheel: every timer of the process, in slots of 10 ms, driven by `now`.

Theory of operation. A slot is a list of items under the number of its tick; a heap holds the
numbers of the slots that exist, so an empty stretch of time costs nothing and three hours ahead
works like ten milliseconds ahead. Nearly every timer of SIP is moved or cancelled before it fires,
so both are lazy: they write `due_at` and leave the item where it lies. Whoever opens the slot looks
at `due_at` and drops the item, puts it where it belongs now, or fires it. Far items lie in coarse
slots, opened early and put into their fine slot then; without that, 100,000 registrations spread
over an hour would each own a list.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
from typing import Final

# The `slotted_at` of an item that no slot holds: later than any instant, so that `arm` needs one
# comparison to know that it must insert.
NOT_SLOTTED: Final = inf

# Beyond 4,096 ticks (41 s, so that the 32 s timers of SIP go straight to their slot) an item goes
# to a slot whose number is a multiple of 128 (1.28 s).
_FINE_TICKS: Final = 4_096
_COARSE_MASK: Final = ~127

# One call of `advance` opens no further slot after this many items: about 20 ms of work, then the
# sockets get their turn.
BURST_MAX: Final = 20_000


class Timed:
    """Something with one timer. `due_at` is when it fires, 0.0 when it is not armed.

    `slotted_at` is when the wheel will look at it, never later than `due_at`; only the wheel writes
    it. Cancelling is `due_at = 0.0`, by `Wheel.disarm` or by hand.
    """

    __slots__ = ("due_at", "slotted_at")

    def __init__(self) -> None:
        self.due_at = 0.0
        self.slotted_at = NOT_SLOTTED

    def handle_timer(self, now: float) -> None:
        """Do what was due; the item is no longer armed and may arm itself again."""
        raise NotImplementedError


class Wheel:
    """Fires items once `now` has passed their instant: never early, less than two slots late.

    An exception that leaves `handle_timer` does not keep the other items from firing. It goes to
    `on_error`; without one, `advance` raises an ExceptionGroup when it has fired the others.
    Instants are positive seconds of one monotonic clock.
    """

    __slots__ = ("_granularity", "_heap", "_next_slot", "_on_error", "_per_second", "_slots")

    def __init__(
        self,
        granularity_seconds: float = 0.01,
        on_error: Callable[[Timed, Exception], None] | None = None,
    ) -> None:
        assert granularity_seconds > 0.0, "a slot lasts some time"
        self._granularity = granularity_seconds
        self._per_second = 1.0 / granularity_seconds
        self._on_error = on_error
        self._slots: dict[int, list[Timed]] = {}
        self._heap: list[int] = []
        # The first slot after the last `now`. What a handler arms goes there or further, so that
        # no item can keep one call of `advance` busy for ever.
        self._next_slot = 0

    def arm(self, item: Timed, at: float) -> None:
        """Let the item fire at this instant, and no longer at the one it was armed for.

        Moving it later costs one assignment; an instant in the past fires at the next slot.
        """
        assert at > 0.0, "instants are positive; 0.0 means not armed"
        item.due_at = at
        if item.slotted_at > at:
            self._insert(item, at, self._next_slot)

    def disarm(self, item: Timed) -> None:
        """Let the item not fire; its place is cleared when its slot is opened."""
        item.due_at = 0.0

    def next_at(self) -> float | None:
        """Return the instant of the next slot to open, None when there is none.

        Never later than the next item to fire. It may be early: the slot may hold only items that
        were cancelled or moved.
        """
        if not self._heap:
            return None
        return self._heap[0] * self._granularity

    def advance(self, now: float) -> int:
        """Open every slot up to `now`, in order, and return how many items fired.

        An item armed meanwhile, even for an instant already past, fires at a later call. So does
        what lies beyond the first BURST_MAX items; `next_at` then is in the past.
        """
        heap = self._heap
        granularity = self._granularity
        next_slot = int(now * self._per_second) + 1
        self._next_slot = next_slot if next_slot * granularity > now else next_slot + 1
        fired = looked_at = 0
        errors: list[Exception] = []
        while heap and heap[0] * granularity <= now and looked_at < BURST_MAX:
            slot = heappop(heap)
            items = self._slots.pop(slot)
            looked_at += len(items)
            fired += self._open(items, slot * granularity, now, errors)
        if errors:
            raise ExceptionGroup("timer handlers failed", errors)
        return fired

    def __len__(self) -> int:
        """Count the places taken, those of cancelled items included; a walk over the slots."""
        return sum(map(len, self._slots.values()))

    def _insert(self, item: Timed, at: float, first_slot: int) -> None:
        granularity = self._granularity
        slot = int(at * self._per_second) + 1
        if slot * granularity <= at:  # the product was rounded down
            slot += 1
        if slot < first_slot:  # noqa: PLR1730 - max() costs a fifth of the whole insertion
            slot = first_slot
        if slot - self._next_slot > _FINE_TICKS:
            slot &= _COARSE_MASK
        item.slotted_at = slot * granularity
        items = self._slots.get(slot)
        if items is None:
            self._slots[slot] = [item]
            heappush(self._heap, slot)
        else:
            items.append(item)

    def _open(
        self, items: list[Timed], opened_at: float, now: float, errors: list[Exception]
    ) -> int:
        fired = 0
        for item in items:
            # Armed for an earlier slot after it was put here: this place is stale.
            if item.slotted_at != opened_at:
                continue
            item.slotted_at = NOT_SLOTTED
            due_at = item.due_at
            if due_at == 0.0:
                continue
            if due_at > opened_at:
                self._insert(item, due_at, 0)
                continue
            item.due_at = 0.0
            fired += 1
            try:
                item.handle_timer(now)
            except Exception as error:  # noqa: BLE001 - whatever one handler does, the others fire
                if self._on_error is None:
                    errors.append(error)
                else:
                    self._on_error(item, error)
        return fired
