"""Writing behind: what the core wants kept goes to the database in batches, a few times a second.

The hot path never waits for the database. Bindings, refusals and call records are collected and
written in one transaction each; while the database is away they wait here, up to a bound, and the
metrics and the log say so.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, Protocol, TypeVar

from sipedge.observability.counters import Counters
from sipedge.observability.logs import Scalar, log_event
from sipedge.stores.errors import StoreError, Unavailable

_LOGGER: Final = logging.getLogger(__name__)
# A registration survives a crash when it is older than this and one write; the issue allows 1 s.
FLUSH_SECONDS: Final = 0.25
# About 200 MB of waiting records at worst; an hour of a busy edge without its database.
QUEUE_MAX: Final = 200_000
_BATCH_MAX: Final = 5_000
# While the database is away it is asked this often.
RETRY_SECONDS: Final = 1.0
# So many rows refused one after the other, and none taken: something else is wrong than the rows.
_REFUSED_MAX: Final = 20

ItemT = TypeVar("ItemT")


class Queue(Protocol):
    """A queue of any kind of row, as the writer sees it."""

    name: str

    def __len__(self) -> int:
        """How many rows wait."""
        ...

    async def flush(self) -> int:
        """Write what is there and return how many; an error leaves the rest waiting."""
        ...

    def take_lost(self) -> int:
        """Return how many rows were lost since the last time this was asked."""
        ...


class WriteQueue(Generic[ItemT]):
    """What waits for one table, in order. `lost` rows could not be kept since `take_lost`."""

    def __init__(self, name: str, write: Callable[[Sequence[ItemT]], Awaitable[None]]) -> None:
        self.name = name
        self._write = write
        self._items: list[ItemT] = []
        self.lost = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: ItemT) -> None:
        """Add an item; beyond the bound it is lost, counted and reported, the call goes on."""
        if len(self._items) < QUEUE_MAX:
            self._items.append(item)
            return
        if not self.lost:
            fields: dict[str, Scalar] = {"table": self.name, "waiting": len(self._items)}
            log_event(_LOGGER, logging.ERROR, "database_queue_full", fields)
        self.lost += 1

    async def flush(self) -> int:
        """Write what is there, in batches, and return how many; an error leaves the rest here."""
        written = 0
        while self._items:
            batch = self._items[:_BATCH_MAX]
            try:
                await self._write(batch)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - raised again unless a row is at fault
                await self._write_apart(batch, error)
            del self._items[: len(batch)]
            written += len(batch)
        return written

    async def _write_apart(self, batch: Sequence[ItemT], error: Exception) -> None:
        """Write row by row what was refused as a whole, so that one bad row holds up no other.

        Where no row passes, it is not the rows: then the error is raised and they all wait.
        """
        refused = 0
        passed = 0
        for item in batch:
            try:
                await self._write([item])
                passed += 1
            except Unavailable:
                raise
            except Exception as reason:  # noqa: BLE001 - whatever it is, the row is set aside
                refused += 1
                error = reason
                if not passed and refused >= _REFUSED_MAX:
                    break
        if not passed:
            raise error
        self.lost += refused
        fields: dict[str, Scalar] = {"table": self.name, "rows": refused, "error": str(error)}
        log_event(_LOGGER, logging.ERROR, "database_rows_refused", fields)

    def take_lost(self) -> int:
        """Return how many rows were lost since the last time this was asked."""
        lost, self.lost = self.lost, 0
        return lost


class Writer:
    """The task that flushes all queues."""

    def __init__(self, counters: Counters, queues: Sequence[Queue]) -> None:
        self._counters = counters
        self._queues = queues
        self._task: asyncio.Task[None] | None = None
        self._failing_since = 0.0

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Write what is left and end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.flush()

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt to write failed."""
        return bool(self._failing_since)

    async def flush(self) -> None:
        """Try to write everything now; what fails stays for the next time."""
        has_failed = False
        for queue in self._queues:
            try:
                self._counters.store_writes += await queue.flush()
            except Exception as error:  # noqa: BLE001 - a fault in one must not end all writing
                has_failed = True
                self._counters.store_failures += 1
                self._note_failure(queue, error)
                if isinstance(error, Unavailable):
                    break
        if not has_failed:
            self._note_success()
        self._counters.store_queue = sum(len(queue) for queue in self._queues)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(RETRY_SECONDS if self.is_failing else FLUSH_SECONDS)
            await self.flush()

    def _note_failure(self, queue: Queue, error: Exception) -> None:
        if self._failing_since:
            return
        self._failing_since = time.monotonic()
        fields: dict[str, Scalar] = {
            "table": queue.name,
            "waiting": len(queue),
            "error": str(error),
        }
        log_event(_LOGGER, logging.ERROR, "database_write_failed", fields)
        if not isinstance(error, StoreError):
            _LOGGER.error("write_failed", exc_info=error)

    def _note_success(self) -> None:
        if not self._failing_since:
            return
        fields: dict[str, Scalar] = {
            "seconds": round(time.monotonic() - self._failing_since, 1),
            "rows_lost": sum(queue.take_lost() for queue in self._queues),
        }
        self._failing_since = 0.0
        log_event(_LOGGER, logging.WARNING, "database_back", fields)
