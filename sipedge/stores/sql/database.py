"""The connection to the database: how it is opened, read, written and closed."""

import os
import secrets
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from sipedge.stores.errors import StoreError, Unavailable

# How long a writer waits for another one: an import of 100,000 lines writes for about two seconds.
BUSY_SECONDS: Final = 15
# PostgreSQL and its network get this long to accept a connection.
CONNECT_SECONDS: Final = 5

_WRITES: Final = "sipedge_writes"

ItemT = TypeVar("ItemT")


class Database:
    """A database and its pool of connections.

    `read()` and `write()` give a connection inside a transaction that ends with the block: kept
    when the block ends well, undone when it raises. On SQLite a writer takes the write lock at
    once, so that two of them queue and none fails half-way.
    """

    __slots__ = ("engine", "name")

    def __init__(self, engine: AsyncEngine, name: str) -> None:
        self.engine = engine
        self.name = name

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a local file."""
        return self.engine.dialect.name == "sqlite"

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that sees one state of the database."""
        async with self._transaction(writes=False) as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that is written as a whole or not at all."""
        async with self._transaction(writes=True) as connection:
            yield connection

    @asynccontextmanager
    async def _transaction(self, *, writes: bool) -> AsyncIterator[AsyncConnection]:
        try:
            connection = await self.engine.connect()
        except (SQLAlchemyError, OSError) as error:
            raise Unavailable(f"database {self.name}: {_reason(error)}") from error
        try:
            connection = await connection.execution_options(**{_WRITES: writes})
            async with connection.begin():
                yield connection
        except (OperationalError, InterfaceError, OSError) as error:
            raise Unavailable(f"database {self.name}: {_reason(error)}") from error
        except SQLAlchemyError as error:
            raise StoreError(f"database {self.name}: {_reason(error)}") from error
        finally:
            await connection.close()

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def in_parts(items: Sequence[ItemT], size: int) -> Iterator[Sequence[ItemT]]:
    """Cut a sequence into parts of at most `size` items."""
    return (items[start : start + size] for start in range(0, len(items), size))


def open_database(url: str) -> Database:
    """Prepare the database of a `sqlite:///` or `postgresql://` address; nothing is sent yet.

    A missing SQLite file is made, readable by its owner only. Raises Unavailable when it cannot be.
    """
    parsed = make_url(url)
    if parsed.drivername == "sqlite":
        path = Path(parsed.database or "")
        _make_private_file(path)
        engine = create_async_engine(
            parsed.set(drivername="sqlite+aiosqlite"), connect_args={"timeout": BUSY_SECONDS}
        )
        _prepare_sqlite(engine)
        return Database(engine, str(path))
    engine = create_async_engine(
        parsed.set(drivername="postgresql+asyncpg"),
        connect_args={"timeout": CONNECT_SECONDS},
        pool_pre_ping=True,
    )
    return Database(engine, parsed.render_as_string(hide_password=True))


def _make_private_file(path: Path) -> None:
    """Make an empty database with mode 0600 and a write-ahead log, where there is none.

    It is made aside and linked into place: two first starts would otherwise meet while one of them
    changes the journal, which SQLite refuses without waiting. A file that exists is not opened
    here: closing it would drop the locks that this process holds on it elsewhere.
    """
    if path.exists():
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The files beside it (-wal, -shm) take the mode of this one.
        os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            with closing(sqlite3.connect(temporary)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
            with suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            temporary.unlink()
    except OSError as error:
        raise Unavailable(f"database {path}: cannot be made ({error.strerror})") from None


def _prepare_sqlite(engine: AsyncEngine) -> None:
    """Make transactions ours to begin, and set what SQLite leaves off by default."""

    # The adapted driver connection has no public type in SQLAlchemy.
    def on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401
        # Otherwise the driver begins by itself, before some statements and not before others.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        # A commit is on the disk when it returns: a paid limit outlives a power cut.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    def on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine.sync_engine, "connect", on_connect)
    event.listen(engine.sync_engine, "begin", on_begin)


def _reason(error: Exception) -> str:
    """Take the one line of an error that says what happened."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    lines = str(cause).strip().splitlines() or [type(cause).__name__]
    # The asyncpg dialect puts the class of the error in front: `<class '...'>: the sentence`.
    return lines[0].rpartition("'>: ")[2]
