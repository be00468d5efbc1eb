"""Refusals and call records over SQL: the ports of `stores.records`."""

import json
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Table, delete, insert, or_, select, text

from sipedge.stores.records import Record
from sipedge.stores.sql.database import Database
from sipedge.stores.sql.tables import CALL_RECORD, REFUSAL


class SqlRefusals:
    """The refusals in a database."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, batch: Sequence[Record]) -> None:
        """Add refusals in one transaction."""
        if not batch:
            return
        rows = [
            {"ticket": str(refusal["ticket"]).upper(), "at": refusal["at"], "data": _dump(refusal)}
            for refusal in batch
        ]
        async with self._database.write() as connection:
            await connection.execute(insert(REFUSAL), rows)

    async def find(self, ticket: str) -> dict[str, object] | None:
        """Return the newest refusal of this ticket, in any case of letters; None without one."""
        query = (
            select(REFUSAL.c.data)
            .where(REFUSAL.c.ticket == ticket.upper())
            .order_by(REFUSAL.c.at.desc(), REFUSAL.c.id.desc())
            .limit(1)
        )
        async with self._database.read() as connection:
            data = (await connection.execute(query)).scalar_one_or_none()
        return None if data is None else _load(data)

    async def recent(self, *, limit: int) -> list[dict[str, object]]:
        """Return the newest refusals, newest first."""
        query = select(REFUSAL.c.data).order_by(REFUSAL.c.at.desc(), REFUSAL.c.id.desc())
        async with self._database.read() as connection:
            rows = (await connection.execute(query.limit(limit))).scalars().all()
        return [_load(data) for data in rows]

    async def prune(self, before_at: float) -> int:
        """Delete the refusals older than an instant; return how many."""
        return await _prune(self._database, REFUSAL, "at", before_at)


class SqlCallRecords:
    """The call records in a database."""

    __slots__ = ("_database", "_insert")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = text(_INSERT_SQLITE if database.is_sqlite else _INSERT_POSTGRESQL)

    async def add(self, batch: Sequence[Record]) -> None:
        """Add records in one transaction; a record whose id is stored already is left out."""
        if not batch:
            return
        # One statement for the batch: the driver gives the interpreter up for a whole statement
        # only, and thousands of short ones would fight the loop that carries the calls for it.
        content = json.dumps([dict(record) for record in batch], separators=(",", ":"))
        async with self._database.write() as connection:
            await connection.execute(self._insert, {"batch": content})

    async def recent(self, line: str = "", *, limit: int = 100) -> list[dict[str, object]]:
        """Return the newest records of a line, or of all lines, newest first."""
        query = select(CALL_RECORD.c.data)
        if line:
            query = query.where(
                or_(CALL_RECORD.c.caller_line == line, CALL_RECORD.c.callee_line == line)
            )
        query = query.order_by(CALL_RECORD.c.started_at.desc(), CALL_RECORD.c.id).limit(limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).scalars().all()
        return [_load(data) for data in rows]

    async def prune(self, before_at: float) -> int:
        """Delete the records of calls that started before an instant; return how many."""
        return await _prune(self._database, CALL_RECORD, "started_at", before_at)


def _dump(record: Record) -> str:
    return json.dumps(dict(record), separators=(",", ":"))


def _load(data: str) -> dict[str, object]:
    value = json.loads(data)
    assert isinstance(value, dict)
    return value


async def _prune(database: Database, table: Table, column: str, before_at: float) -> int:
    async with database.write() as connection:
        result = await connection.execute(delete(table).where(table.c[column] < before_at))
        return int(result.rowcount)


_INSERT_SQLITE: Final = """
    INSERT OR IGNORE INTO call_record (id, started_at, caller_line, callee_line, data)
    SELECT json_extract(value, '$.id'), json_extract(value, '$.started_at'),
           json_extract(value, '$.caller_line'), json_extract(value, '$.callee_line'), value
    FROM json_each(:batch)
"""
_INSERT_POSTGRESQL: Final = """
    INSERT INTO call_record (id, started_at, caller_line, callee_line, data)
    SELECT record->>'id', (record->>'started_at')::double precision,
           record->>'caller_line', record->>'callee_line', record::text
    FROM json_array_elements(CAST(:batch AS json)) AS record
    ON CONFLICT (id) DO NOTHING
"""
