"""`sipedge run`: the edge itself, in the foreground, until SIGTERM or SIGINT."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sipedge.cli.context import ConfigOption, load_numbering, load_offers, with_stores
from sipedge.cli.output import EXIT_UNREACHABLE, EXIT_WRONG, CommandError
from sipedge.config import Settings, load_settings
from sipedge.observability.logs import LogFormat, configure

if TYPE_CHECKING:
    from sipedge.app import App

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def run(
    config: ConfigOption = None,
    demo_data: Annotated[
        Path | None,
        typer.Option(
            "--demo-data",
            metavar="FILE",
            help="Import this data file first when the database has no line yet.",
        ),
    ] = None,
) -> None:
    """Run the edge until it is told to stop."""
    from sipedge.app import App, StartError
    from sipedge.app import run as run_app

    settings = load_settings(config)
    log_format = LogFormat.JSON if settings.log.format == "json" else LogFormat.TEXT
    configure(
        log_format=log_format,
        level=_LEVELS[settings.log.level],
        stream=sys.stderr,
        is_buffered=True,
    )
    if demo_data is not None:
        _import_demo(settings, demo_data)
    app = App(settings, load_offers(settings), load_numbering(settings))
    try:
        run_app(app, _announce)
    except StartError as error:
        raise CommandError(EXIT_UNREACHABLE, str(error)) from None


def _import_demo(settings: Settings, file: Path) -> None:
    """Fill an empty database, so that the first start of a newcomer has something to show."""
    from sipedge.accounts.data_file import parse_data_set
    from sipedge.accounts.errors import DataFileError
    from sipedge.accounts.importing import import_dataset
    from sipedge.accounts.lines import Line
    from sipedge.stores.opening import Stores

    try:
        data = parse_data_set(
            file.read_bytes(), numbering=load_numbering(settings), offers=load_offers(settings)
        )
    except (OSError, DataFileError) as error:
        raise CommandError(EXIT_WRONG, f"{file}: {error}") from None

    async def fill(stores: Stores) -> int:
        if await stores.accounts.all(Line):
            return 0
        await import_dataset(
            stores.accounts, data, offers=load_offers(settings), passwords=stores.passwords
        )
        return len(data.lines)

    count = with_stores(settings, fill)
    if count:
        print(f"sipedge: demo data: {count} lines from {file}", file=sys.stderr)


def _announce(app: "App") -> None:
    """Tell an operator on one screen where everything is."""
    core = app.core
    addresses = ", ".join(
        f"{listener.transport.lower()} {listen.host}:{listener.port}"
        for listener, listen in zip(
            core.listeners.by_index, app.settings.sip.listeners, strict=True
        )
    )
    print(
        f"sipedge: {core.settings.name} serves {len(core.directory.lines)} lines, "
        f"{len(core.location)} registrations; {addresses}",
        file=sys.stderr,
    )
    if app.http_port:
        host = app.settings.http.listen.rpartition(":")[0]
        print(f"sipedge: metrics at http://{host}:{app.http_port}/metrics", file=sys.stderr)
    sys.stderr.flush()
