"""Contacts, groups, lines and the rest over SQL: the port of `accounts.repositories`."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, Table, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import Update

from sipedge.accounts.data_set import Progress
from sipedge.accounts.entity import Entity
from sipedge.accounts.repositories import Changes, Conflict
from sipedge.stores.secrets import SecretBox
from sipedge.stores.sql.database import Database, in_parts
from sipedge.stores.sql.rows import Mapper, Values, mapper_of
from sipedge.stores.sql.tables import SETTING

EntityT = TypeVar("EntityT", bound=Entity)

ACCOUNTS_VERSION: Final = "accounts_version"
# Keys in one IN list: SQLite of old takes 999 parameters.
_KEYS_PER_QUERY: Final = 500
# From here on reading the whole table costs less than asking for the keys.
_KEYS_READ_ALL: Final = 5_000
# Rows in one statement: large enough to be cheap, small enough for a progress line to move.
_ROWS_PER_STATEMENT: Final = 5_000
# Rows made into entities, about 2 ms, before the loop of a running edge gets its turn.
_ROWS_PER_SLICE: Final = 500


class SqlAccounts:
    """The accounts in a database, with their secrets sealed by one key."""

    __slots__ = ("_box", "_database")

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    async def version(self) -> int:
        """Return a number that grows with every write to the accounts."""
        async with self._database.read() as connection:
            return await _read_version(connection)

    async def find(self, kind: type[EntityT], keys: Collection[str]) -> dict[str, EntityT]:
        """Return those that exist, by key."""
        if len(keys) > _KEYS_READ_ALL:
            wanted = set(keys)
            every = await self.all(kind)
            return {entity.key: entity for entity in every if entity.key in wanted}
        mapper = mapper_of(kind)
        column = mapper.table.c[mapper.key]
        found: dict[str, EntityT] = {}
        if keys:
            async with self._database.read() as connection:
                for part in in_parts(sorted(keys), _KEYS_PER_QUERY):
                    rows = await connection.execute(select(mapper.table).where(column.in_(part)))
                    entities = (mapper.from_row(self._box, row) for row in rows)
                    found.update((entity.key, entity) for entity in entities)
        return found

    async def all(self, kind: type[EntityT]) -> Sequence[EntityT]:
        """Return every one of a kind, in the order of their keys."""
        mapper = mapper_of(kind)
        key: ColumnElement[str] = mapper.table.c[mapper.key]
        # Of bytes, as SQLite and Python sort; PostgreSQL by default goes by the language.
        order = key if self._database.is_sqlite else key.collate("C")
        async with self._database.read() as connection:
            rows = (await connection.execute(select(mapper.table).order_by(order))).all()
        entities: list[EntityT] = []
        for part in in_parts(rows, _ROWS_PER_SLICE):
            entities += [mapper.from_row(self._box, row) for row in part]
            await asyncio.sleep(0)
        return entities

    async def write(self, changes: Changes, *, version: int, progress: Progress) -> None:
        """Write all of it in one transaction, or nothing.

        Sealing is done before the transaction begins, so that other writers wait for the statements
        only. Raises Conflict when `version` is no longer the one of the accounts.
        """
        added = list(self._statements(changes.added))
        changed = list(self._statements(changes.changed))
        total = len(changes.added) + len(changes.changed)
        done = 0
        async with self._database.write() as connection:
            await _advance_version(connection, version)
            for mapper, rows in added:
                await connection.execute(insert(mapper.table), rows)
                done += len(rows)
                progress("writing", done, total)
            for mapper, rows in changed:
                await connection.execute(_update_by_key(mapper.table, mapper.key), _renamed(rows))
                done += len(rows)
                progress("writing", done, total)

    def _statements(
        self, entities: Sequence[Entity]
    ) -> Iterator[tuple[Mapper[Entity], list[Values]]]:
        """Cut entities into runs of one kind and a bounded number of rows."""
        for kind, run in groupby(entities, key=type):
            mapper: Mapper[Entity] = mapper_of(kind)
            for part in in_parts(list(run), _ROWS_PER_STATEMENT):
                yield mapper, [mapper.to_row(entity, self._box) for entity in part]


def _update_by_key(table: Table, key: str) -> Update:
    values: Values = {column.name: bindparam(f"new_{column.name}") for column in table.c}
    return update(table).where(table.c[key] == bindparam(f"new_{key}")).values(values)


def _renamed(rows: Iterable[Values]) -> list[Values]:
    """Name the parameters of an update apart from the columns, as SQLAlchemy asks."""
    return [{f"new_{name}": value for name, value in row.items()} for row in rows]


async def _read_version(connection: AsyncConnection) -> int:
    query = select(SETTING.c.value).where(SETTING.c.name == ACCOUNTS_VERSION)
    return int((await connection.execute(query)).scalar_one())


async def _advance_version(connection: AsyncConnection, expected: int) -> None:
    """Move the version on; on PostgreSQL this row is what makes two writers queue."""
    result = await connection.execute(
        update(SETTING)
        .where(SETTING.c.name == ACCOUNTS_VERSION, SETTING.c.value == str(expected))
        .values(value=str(expected + 1))
    )
    if result.rowcount != 1:
        raise Conflict
