"""`db upgrade`: the tables of the database."""

import asyncio

import typer

from sipedge.cli.context import ConfigOption, JsonOption
from sipedge.cli.output import print_json
from sipedge.config import Settings, load_settings

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command("upgrade")
def upgrade(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Bring the tables to this version of sipedge: all or nothing."""
    from sipedge.stores.sql.schema import HEAD

    before = asyncio.run(_upgrade(load_settings(config)))
    if as_json:
        print_json({"before": before, "after": HEAD})
    elif before == HEAD:
        print(f"database at revision {HEAD} already")
    else:
        print(f"database upgraded from {before or 'nothing'} to revision {HEAD}")


async def _upgrade(settings: Settings) -> str | None:
    from sipedge.stores.sql.database import open_database
    from sipedge.stores.sql.schema import upgrade_schema

    database = open_database(settings.database.url)
    try:
        return await upgrade_schema(database)
    finally:
        await database.close()
