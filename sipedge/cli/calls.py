"""`sipedge calls`: the calls up now, and which lease holds which line for them."""

import json
import sys
from threading import Event
from typing import Annotated, Final

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from sipedge.cli.context import ConfigOption, JsonOption
from sipedge.cli.edge_client import EdgeClient, Json
from sipedge.cli.output import print_json
from sipedge.cli.screen import (
    cell_instant,
    duration,
    edge_of,
    make_table,
    open_screen,
    plain,
    rows_of,
    show,
    stacked,
)

WATCH_SECONDS: Final = 2.0
_STATE_STYLES: Final = {"ringing": "yellow", "answered": "green"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("calls")(calls)


def calls(
    *,
    line: Annotated[
        str | None, typer.Option("--line", metavar="N", help="Only the calls of this line.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show them again every two seconds, until Ctrl-C.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the calls up now: who, since when, and which leases they hold."""
    edge = edge_of(config)
    if watch:
        _watch(edge, line, as_json=as_json)
        return
    answer = _ask(edge, line)
    if as_json:
        print_json(answer)
    else:
        show(_table(answer, line))


def _ask(edge: EdgeClient, line: str | None) -> Json:
    return edge.get("calls", query={"line": line} if line is not None else None)


def _watch(edge: EdgeClient, line: str | None, *, as_json: bool) -> None:
    screen = open_screen()
    try:
        if screen.is_terminal and not as_json:
            _refresh(edge, line, screen)
        while True:
            answer = _ask(edge, line)
            if as_json:
                print(json.dumps(answer))  # one document per line
            else:
                show(_table(answer, line))
            sys.stdout.flush()
            Event().wait(WATCH_SECONDS)
    except KeyboardInterrupt:
        return  # the way to end it


def _refresh(edge: EdgeClient, line: str | None, screen: Console) -> None:
    with Live(_table(_ask(edge, line), line), console=screen, auto_refresh=False) as live:
        while True:
            Event().wait(WATCH_SECONDS)
            live.update(_table(_ask(edge, line), line), refresh=True)


def _table(answer: Json, line: str | None) -> RenderableType:
    rows = rows_of(answer.get("calls"))
    of_line = f" of line {line}" if line is not None else ""
    if not rows:
        return plain(f"No calls{of_line}.", "dim")
    table = make_table("Since (UTC)", "For", "State", "From", "To", "Trunk", "Leases", "Call-ID")
    for row in rows:
        state = str(row.get("state"))
        table.add_row(
            plain(cell_instant(row.get("since"))),
            plain(duration(row.get("seconds"))),
            plain(state, _STATE_STYLES.get(state, "")),
            plain(row.get("from")),
            plain(row.get("to")),
            plain(row.get("trunk")),
            _leases(row.get("leases")),
            plain(row.get("call_id"), "dim"),
        )
    noun = "call" if len(rows) == 1 else "calls"
    return Group(table, plain(f"{len(rows)} {noun}{of_line}.", "bold"))


def _leases(leases: object) -> Text:
    return stacked(
        [
            plain(
                f"{lease.get('id')} {lease.get('line')} {lease.get('why')} {lease.get('state')}",
                "red" if lease.get("state") == "unproven" else "",
            )
            for lease in rows_of(leases)
        ]
    )
