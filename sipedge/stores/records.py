"""Refusals and call records as they are stored, and the ports through which they are written.

Both are JSON objects; the keys named here are looked for, all others are kept as they come.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

Record = Mapping[str, object]


class RefusalStore(Protocol):
    """Keeps what `why` tells about a ticket.

    Required keys of a refusal: `ticket` (text) and `at` (seconds since 1970).
    """

    async def add(self, batch: Sequence[Record]) -> None:
        """Add refusals in one transaction."""
        ...

    async def find(self, ticket: str) -> dict[str, object] | None:
        """Return the newest refusal of this ticket, in any case of letters; None without one."""
        ...

    async def recent(self, *, limit: int) -> list[dict[str, object]]:
        """Return the newest refusals, newest first."""
        ...

    async def prune(self, before_at: float) -> int:
        """Delete the refusals older than an instant; return how many."""
        ...


class CallRecordStore(Protocol):
    """Keeps one record for each call that ended.

    Required keys of a record: `id` (text, unique), `started_at` (seconds since 1970) and the lines
    it counts for, `caller_line` and `callee_line` (the number, or empty for a stranger).
    """

    async def add(self, batch: Sequence[Record]) -> None:
        """Add records in one transaction; a record whose id is stored already is left out."""
        ...

    async def recent(self, line: str = "", *, limit: int = 100) -> list[dict[str, object]]:
        """Return the newest records of a line, or of all lines, newest first."""
        ...

    async def prune(self, before_at: float) -> int:
        """Delete the records of calls that started before an instant; return how many."""
        ...
