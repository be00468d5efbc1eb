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
from sipedge.stores.errors import StoreError

_LOGGER: Final = logging.getLogger(__name__)
# A registration survives a crash when it is older than this and one write; the issue allows 1 s.
FLUSH_SECONDS: Final = 0.25
# About 200 MB of waiting records at worst; an hour of a busy edge without its database.
QUEUE_MAX: Final = 200_000
_BATCH_MAX: Final = 5_000

ItemT = TypeVar("ItemT")


class Queue(Protocol):
    """A queue of any kind of row, as the writer sees it."""

    name: str

    def __len__(self) -> int:
        """How many rows wait."""
        ...

    async def flush(self) -> int:
        """Write what is there and return how many; StoreError leaves the rest waiting."""
        ...


class WriteQueue(Generic[ItemT]):
    """What waits for one table, in order."""

    def __init__(self, name: str, write: Callable[[Sequence[ItemT]], Awaitable[None]]) -> None:
        self.name = name
        self._write = write
        self._items: list[ItemT] = []
        self.lost = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: ItemT) -> None:
        """Add an item; beyond the bound it is lost, counted and reported, the call goes on."""
        if len(self._items) >= QUEUE_MAX:
            self.lost += 1
        else:
            self._items.append(item)

    async def flush(self) -> int:
        """Write what is there, in batches, and return how many; StoreError leaves the rest here."""
        written = 0
        while self._items:
            batch = self._items[:_BATCH_MAX]
            await self._write(batch)
            del self._items[: len(batch)]
            written += len(batch)
        return written


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
        """Try to write everything now."""
        for queue in self._queues:
            try:
                self._counters.store_writes += await queue.flush()
            except StoreError as error:
                self._counters.store_failures += 1
                self._note_failure(queue, error)
                break
        else:
            self._note_success()
        self._counters.store_queue = sum(len(queue) for queue in self._queues)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except Exception:
                # A fault here must not end the writing of everything else for good.
                self._counters.store_failures += 1
                _LOGGER.exception("write_failed")
                await asyncio.sleep(1)

    def _note_failure(self, queue: Queue, error: StoreError) -> None:
        if not self._failing_since:
            self._failing_since = time.monotonic()
            fields: dict[str, Scalar] = {
                "table": queue.name,
                "waiting": len(queue),
                "error": str(error),
            }
            log_event(_LOGGER, logging.ERROR, "database_write_failed", fields)

    def _note_success(self) -> None:
        if self._failing_since:
            seconds = round(time.monotonic() - self._failing_since, 1)
            self._failing_since = 0.0
            log_event(_LOGGER, logging.WARNING, "database_back", {"seconds": seconds})
