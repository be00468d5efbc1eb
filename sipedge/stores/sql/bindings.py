"""Registrations over SQL: the port of `stores.bindings`."""

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from sipedge.stores.bindings import BindingKey, BindingWrite, DeletedBinding, StoredBinding
from sipedge.stores.sql.database import Database, in_parts
from sipedge.stores.sql.tables import BINDING

_KEY: Final = ("aor", "contact_uri", "instance", "reg_id")
_FIELDS: Final = tuple(field.name for field in fields(StoredBinding))
# About 5 ms of making parameters, on the loop that carries the calls.
_ROWS_PER_STATEMENT: Final = 500
_DELETE: Final = delete(BINDING).where(
    *(BINDING.c[name] == bindparam(f"old_{name}") for name in _KEY)
)


class SqlBindings:
    """The bindings of all lines in a database."""

    __slots__ = ("_database", "_upsert")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._upsert = _upsert(is_sqlite=database.is_sqlite)

    async def load_all(self) -> list[StoredBinding]:
        """Return every stored binding, the expired ones too, in the order of their keys."""
        query = select(*(BINDING.c[name] for name in _FIELDS))
        async with self._database.read() as connection:
            rows = await connection.execute(query)
            bindings = [StoredBinding(*row) for row in rows]
        return sorted(bindings, key=attrgetter("key"))

    async def apply(self, batch: Sequence[BindingWrite]) -> None:
        """Write a batch in one transaction; of several writes to one key the last one counts."""
        last: dict[BindingKey, BindingWrite] = {write.key: write for write in batch}
        ended = [write for write in last.values() if isinstance(write, DeletedBinding)]
        stored = [write for write in last.values() if isinstance(write, StoredBinding)]
        if not last:
            return
        async with self._database.write() as connection:
            for deletes in in_parts(ended, _ROWS_PER_STATEMENT):
                keys = [{f"old_{name}": getattr(row, name) for name in _KEY} for row in deletes]
                await connection.execute(_DELETE, keys)
            for upserts in in_parts(stored, _ROWS_PER_STATEMENT):
                rows = [{name: getattr(row, name) for name in _FIELDS} for row in upserts]
                await connection.execute(self._upsert, rows)


def _upsert(*, is_sqlite: bool) -> Any:  # noqa: ANN401 - the two dialects share no statement type
    statement = sqlite.insert(BINDING) if is_sqlite else postgresql.insert(BINDING)
    return statement.on_conflict_do_update(
        index_elements=list(_KEY),
        set_={name: statement.excluded[name] for name in _FIELDS if name not in _KEY},
    )
