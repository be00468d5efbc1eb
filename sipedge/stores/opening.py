"""Opening the stores: database, tables and secret key, checked to belong together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import insert, select

from sipedge.stores.errors import KeyFileError
from sipedge.stores.passwords import ConsolePasswords
from sipedge.stores.secrets import KEY_FILE_NAME, SecretBox
from sipedge.stores.sql.accounts import SqlAccounts
from sipedge.stores.sql.bindings import SqlBindings
from sipedge.stores.sql.database import Database, open_database
from sipedge.stores.sql.records import SqlCallRecords, SqlRefusals
from sipedge.stores.sql.schema import require_schema
from sipedge.stores.sql.tables import SETTING

# A row that only the right key opens: it tells a lost key before the first call does.
_KEY_CHECK: Final = "key_check"
_KEY_CHECK_TEXT: Final = "sipedge"


@dataclass(frozen=True, slots=True)
class Stores:
    """Every store of one edge, over one database."""

    database: Database
    box: SecretBox
    passwords: ConsolePasswords
    accounts: SqlAccounts
    bindings: SqlBindings
    refusals: SqlRefusals
    call_records: SqlCallRecords

    async def close(self) -> None:
        """Close the connections to the database."""
        await self.database.close()


async def open_stores(database_url: str, data_dir: Path) -> Stores:
    """Open the stores; on the first start the tables (SQLite) and the key are made.

    Raises Unavailable when the database cannot be used, KeyFileError when the key cannot.
    """
    database = open_database(database_url)
    try:
        await require_schema(database)
        box = await _open_box(database, data_dir / KEY_FILE_NAME)
    except BaseException:
        await database.close()
        raise
    return Stores(
        database=database,
        box=box,
        passwords=ConsolePasswords(),
        accounts=SqlAccounts(database, box),
        bindings=SqlBindings(database),
        refusals=SqlRefusals(database),
        call_records=SqlCallRecords(database),
    )


@asynccontextmanager
async def opened_stores(database_url: str, data_dir: Path) -> AsyncIterator[Stores]:
    """Open the stores for the length of a block."""
    stores = await open_stores(database_url, data_dir)
    try:
        yield stores
    finally:
        await stores.close()


async def _open_box(database: Database, path: Path) -> SecretBox:
    """Load the key of this database, or make it for a database that has none yet."""
    query = select(SETTING.c.value).where(SETTING.c.name == _KEY_CHECK)
    async with database.read() as connection:
        check = (await connection.execute(query)).scalar_one_or_none()
    if check is not None:
        _check_key(database, box := SecretBox.load(path), check)
        return box
    box = SecretBox.load_or_create(path)
    sealed = box.seal(_KEY_CHECK_TEXT, kind=_KEY_CHECK, owner="").hex()
    async with database.write() as connection:
        # Another first start may have been faster, with the same key file.
        check = (await connection.execute(query)).scalar_one_or_none()
        if check is None:
            await connection.execute(insert(SETTING), {"name": _KEY_CHECK, "value": sealed})
    if check is not None:
        _check_key(database, box, check)
    return box


def _check_key(database: Database, box: SecretBox, check: str) -> None:
    try:
        box.open(bytes.fromhex(check), kind=_KEY_CHECK, owner="")
    except (ValueError, KeyFileError):
        raise KeyFileError(
            f"{box.path}: is not the key that sealed the secrets of database {database.name}; "
            "restore both from the same backup"
        ) from None
