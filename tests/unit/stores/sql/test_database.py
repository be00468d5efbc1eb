import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from sipedge.stores.errors import StoreError, Unavailable
from sipedge.stores.sql.database import Database, open_database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = open_database(f"sqlite:///{tmp_path}/x.db")
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY)"))
    yield database
    await database.close()


async def numbers(database: Database) -> list[int]:
    async with database.read() as connection:
        return list((await connection.execute(text("SELECT n FROM t ORDER BY n"))).scalars())


async def test_a_block_that_raises_leaves_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as connection:
            await connection.execute(text("INSERT INTO t VALUES (1)"))
            await connection.execute(text("CREATE TABLE u (n INTEGER)"))
            raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        await fail()
    assert await numbers(database) == []
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE u (n INTEGER)"))


async def test_writers_queue_and_readers_do_not_wait(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.write() as connection:
            found = (await connection.execute(text("SELECT count(*) FROM t"))).scalar_one()
            await asyncio.sleep(0)
            await connection.execute(text("INSERT INTO t VALUES (:n)"), {"n": found * 10 + number})

    async with database.write() as connection:
        await connection.execute(text("INSERT INTO t VALUES (1000)"))
        assert await numbers(database) == [], "a reader sees what was committed"
    await asyncio.gather(*(write(number) for number in range(4)))
    assert len(await numbers(database)) == 5


async def test_a_broken_rule_of_the_tables_is_a_store_error_in_one_line(
    database: Database,
) -> None:
    with pytest.raises(StoreError, match="UNIQUE constraint failed") as caught:
        async with database.write() as connection:
            await connection.execute(text("INSERT INTO t VALUES (1), (1)"))
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, Unavailable)


async def test_a_missing_table_is_unavailable(database: Database) -> None:
    with pytest.raises(Unavailable, match="no such table"):
        async with database.read() as connection:
            await connection.execute(text("SELECT 1 FROM missing"))


def test_a_file_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match=r"file/x\.db: cannot be made"):
        open_database(f"sqlite:///{tmp_path}/file/x.db")


async def test_opening_a_database_again_keeps_the_locks_of_this_process(
    database: Database, tmp_path: Path
) -> None:
    # Without our lock on it, another process that leaves takes itself for the last one and deletes
    # the log that we are still writing to.
    await open_database(f"sqlite:///{tmp_path}/x.db").close()
    program = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM t')"
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program + "; c.close()", str(tmp_path / "x.db")
    )
    assert await other.wait() == 0
    assert {path.name for path in tmp_path.iterdir()} == {"x.db", "x.db-wal", "x.db-shm"}  # noqa: ASYNC240


async def test_many_first_openers_find_one_database_with_a_log(tmp_path: Path) -> None:
    databases = [open_database(f"sqlite:///{tmp_path}/x.db") for _ in range(6)]

    async def journal(database: Database) -> str:
        async with database.write() as connection:
            return str((await connection.execute(text("PRAGMA journal_mode"))).scalar_one())

    assert await asyncio.gather(*(journal(database) for database in databases)) == ["wal"] * 6
    for database in databases:
        await database.close()
