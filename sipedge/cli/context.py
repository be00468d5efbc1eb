"""What every command starts from: its common options, the settings and the stores."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from sipedge.accounts.errors import DataFileError
from sipedge.accounts.numbers import Numbering
from sipedge.accounts.offers import OfferCatalogue, parse_offers, shipped_offers
from sipedge.cli.output import EXIT_WRONG, CommandError
from sipedge.config import Settings

if TYPE_CHECKING:
    from sipedge.stores.opening import Stores

ResultT = TypeVar("ResultT")

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        envvar="SIPEDGE_CONFIG",
        help="Configuration file; config/sipedge.toml or /etc/sipedge/sipedge.toml by default.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def load_offers(settings: Settings) -> OfferCatalogue:
    """Read the offers in force: the file of the configuration, or the shipped ones."""
    name = settings.offers.file
    if not name:
        return shipped_offers()
    try:
        return parse_offers(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(EXIT_WRONG, f"{name}: {error.strerror}; correct offers.file") from None
    except UnicodeDecodeError:
        raise CommandError(EXIT_WRONG, f"{name}: write the file in UTF-8") from None
    except DataFileError as error:
        raise CommandError(EXIT_WRONG, f"{name}: {error}") from None


def load_numbering(settings: Settings) -> Numbering:
    """Take the dialling rules of the configuration."""
    numbering = settings.numbering
    return Numbering(
        numbering.country_code, numbering.international_prefix, numbering.national_prefix
    )


def with_stores(settings: Settings, use: Callable[["Stores"], Awaitable[ResultT]]) -> ResultT:
    """Open the stores, let `use` work with them, and close them."""
    from sipedge.stores.opening import opened_stores

    async def run() -> ResultT:
        async with opened_stores(settings.database.url, settings.edge.data_path) as stores:
            return await use(stores)

    return asyncio.run(run())
