"""Refusals and call records over SQL: the ports of `stores.records`."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, delete, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite

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

    async def prune(self, before_at: float) -> int:
        """Delete the refusals older than an instant; return how many."""
        return await _prune(self._database, REFUSAL, "at", before_at)


class SqlCallRecords:
    """The call records in a database."""

    __slots__ = ("_database", "_insert")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = _insert_new(is_sqlite=database.is_sqlite)

    async def add(self, batch: Sequence[Record]) -> None:
        """Add records in one transaction; a record whose id is stored already is left out."""
        if not batch:
            return
        rows = [
            {
                "id": record["id"],
                "started_at": record["started_at"],
                "caller_line": record["caller_line"],
                "callee_line": record["callee_line"],
                "data": _dump(record),
            }
            for record in batch
        ]
        async with self._database.write() as connection:
            await connection.execute(self._insert, rows)

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


def _insert_new(*, is_sqlite: bool) -> Any:  # noqa: ANN401 - the two dialects share no type
    statement = sqlite.insert(CALL_RECORD) if is_sqlite else postgresql.insert(CALL_RECORD)
    return statement.on_conflict_do_nothing(index_elements=["id"])
