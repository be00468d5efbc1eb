"""The state of the schema: which migration the database is at, and moving it to ours."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from sipedge.stores.errors import Unavailable
from sipedge.stores.sql.database import Database

# The newest revision under migrations/versions; a test holds the two together.
HEAD: Final = "0001"
_MIGRATIONS: Final = Path(__file__).with_name("migrations")
# Any number that no other program on the same database takes for its advisory lock.
_LOCK_ID: Final = 0x51BED6E


async def current_revision(database: Database) -> str | None:
    """Return the revision of the database, None when it has no tables of ours yet."""
    async with database.read() as connection:
        return await connection.run_sync(_revision)


async def upgrade_schema(database: Database) -> str | None:
    """Bring the tables to this version of the program; return the revision they were at.

    All or nothing, and safe to run from two processes at once.
    """
    async with database.write() as connection:
        await _lock(connection, is_sqlite=database.is_sqlite)
        before = await connection.run_sync(_revision)
        if before != HEAD:
            await connection.run_sync(_upgrade, database.name, before)
        return before


async def require_schema(database: Database) -> None:
    """Make the tables of a new SQLite file; Unavailable when another database is not at ours."""
    revision = await current_revision(database)
    if revision == HEAD:
        return
    if revision is None and database.is_sqlite:
        await upgrade_schema(database)
        return
    found = "has no tables yet" if revision is None else f"has the tables of revision {revision}"
    raise Unavailable(
        f"database {database.name}: {found}, this program needs {HEAD}; run `sipedge db upgrade`"
    )


async def _lock(connection: AsyncConnection, *, is_sqlite: bool) -> None:
    # SQLite holds the write lock from BEGIN IMMEDIATE on.
    if not is_sqlite:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _LOCK_ID})


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return None if row is None else str(row[0])


def _upgrade(connection: Connection, name: str, before: str | None) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, HEAD)
    except CommandError as error:
        raise Unavailable(
            f"database {name}: revision {before} is not known to this version of sipedge; "
            f"run the version that wrote it ({error})"
        ) from None
