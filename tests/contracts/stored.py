"""Stores over a database whose tables are made."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sipedge.stores.opening import Stores, opened_stores
from sipedge.stores.sql.database import open_database
from sipedge.stores.sql.schema import upgrade_schema


async def upgrade(url: str) -> str | None:
    database = open_database(url)
    try:
        return await upgrade_schema(database)
    finally:
        await database.close()


@asynccontextmanager
async def stores_on(url: str, data_dir: Path) -> AsyncIterator[Stores]:
    await upgrade(url)
    async with opened_stores(url, data_dir) as stores:
        yield stores
