"""What a person sees of a running edge: tables and sentences, coloured on a terminal only.

Numbers, Call-IDs and names come from strangers: everything goes through `plain`, so that none of
it can drive the terminal or be read as markup.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from sipedge.cli.edge_client import EdgeClient, Json, find_edge
from sipedge.cli.output import EXIT_UNREACHABLE, CommandError
from sipedge.config import load_settings
from sipedge.observability.logs import escape

# Not a terminal: a program reads it, and a Call-ID folded over two lines is found by no grep.
_FILE_WIDTH: Final = 4096


def edge_of(config: Path | None) -> EdgeClient:
    """Return the edge that runs with this configuration; CommandError when none does."""
    settings = load_settings(config)
    edge = find_edge(settings)
    if edge is None:
        raise CommandError(
            EXIT_UNREACHABLE,
            f"{settings.edge.control_socket}: no edge answers; start it with `sipedge run`, "
            "or name its configuration with --config",
        )
    return edge


def open_screen() -> Console:
    """Return the standard output; a table keeps its rows on one line each outside a terminal."""
    width = None if sys.stdout.isatty() else _FILE_WIDTH
    return Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)


def show(answer: RenderableType) -> None:
    """Print an answer; outside a terminal without the spaces that fill its lines up."""
    screen = open_screen()
    if screen.is_terminal:
        screen.print(answer)
        return
    with screen.capture() as captured:
        screen.print(answer)
    for line in captured.get().splitlines():
        print(line.rstrip())


def plain(value: object, style: str = "") -> Text:
    """Return a value as text without control characters; `-` for None and for empty text."""
    text = "" if value is None else str(value)
    return Text(escape(text) or "-", style)


def make_table(*columns: str) -> Table:
    """Return an empty table with these headings."""
    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in table.columns:
        column.overflow = "fold"
    return table


def stacked(texts: Sequence[Text]) -> Text:
    """Return the texts one below the other in one cell."""
    return Text("\n").join(texts)


def duration(seconds: object) -> str:
    """Write seconds as `8s`, `1m01s` or `2h00m`."""
    if not isinstance(seconds, (int, float)):
        return "-"
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def instant(text: object) -> str:
    """Write an ISO 8601 instant in UTC as `2026-03-01 08:00:00 UTC`."""
    return f"{cell_instant(text)} UTC"


def cell_instant(text: object) -> str:
    """Write an ISO 8601 instant in UTC for a column whose heading names the zone."""
    return str(text).replace("T", " ").removesuffix("Z")


def rows_of(value: object) -> list[Json]:
    """Return the list of objects in an answer, without whatever else stands in it."""
    if not isinstance(value, list):
        return []
    return [row for row in value if isinstance(row, dict)]
