import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import Connection

from sipedge.stores.errors import Unavailable
from sipedge.stores.opening import open_stores
from sipedge.stores.sql.database import open_database
from sipedge.stores.sql.schema import HEAD, current_revision, require_schema, upgrade_schema
from sipedge.stores.sql.tables import METADATA
from tests.contracts.stored import upgrade

MIGRATIONS = Path(__file__).parents[2] / "sipedge/stores/sql/migrations"


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, METADATA))


async def test_the_migrations_lead_to_the_tables_of_the_program(database_url: str) -> None:
    assert await upgrade(database_url) is None
    database = open_database(database_url)
    try:
        assert await current_revision(database) == HEAD
        async with database.read() as connection:
            assert await connection.run_sync(differences) == []
    finally:
        await database.close()


async def test_an_upgrade_of_what_is_up_to_date_does_nothing(database_url: str) -> None:
    await upgrade(database_url)
    assert await upgrade(database_url) == HEAD


async def test_two_first_starts_at_once_make_the_tables_once(database_url: str) -> None:
    found = await asyncio.gather(upgrade(database_url), upgrade(database_url))
    assert sorted(str(revision) for revision in found) == [HEAD, "None"]


async def test_a_database_of_a_newer_program_is_left_alone(database_url: str) -> None:
    await upgrade(database_url)
    database = open_database(database_url)
    try:
        async with database.write() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(Unavailable, match="revision 9999, this program needs"):
            await require_schema(database)
        with pytest.raises(Unavailable, match="9999 is not known to this version"):
            await upgrade_schema(database)
        assert await current_revision(database) == "9999"
    finally:
        await database.close()


async def test_only_sqlite_makes_its_tables_by_itself(database_url: str, tmp_path: Path) -> None:
    if database_url.startswith("sqlite"):
        stores = await open_stores(database_url, tmp_path)
        assert await current_revision(stores.database) == HEAD
        await stores.close()
    else:
        with pytest.raises(Unavailable, match=r"has no tables yet.*sipedge db upgrade"):
            await open_stores(database_url, tmp_path)


def test_the_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]
