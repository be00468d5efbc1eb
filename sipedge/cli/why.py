"""`sipedge why TICKET`: which calls held the line when one more was refused."""

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from sipedge.cli.context import ConfigOption, JsonOption
from sipedge.cli.edge_client import Json
from sipedge.cli.output import print_json
from sipedge.cli.screen import (
    cell_instant,
    duration,
    edge_of,
    instant,
    make_table,
    plain,
    rows_of,
    show,
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("why")(why)


def why(
    ticket: Annotated[str, typer.Argument(help="The code the caller was given, as R-7F3K.")],
    *,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain a refusal: the calls that held the line at that instant, and what to tell."""
    report = edge_of(config).get("refusals", ticket)
    if as_json:
        print_json(report)
    else:
        show(_report(report))


def _report(report: Json) -> RenderableType:
    title = Text.assemble(
        plain(report.get("code"), "bold red"),
        f"  refused on {instant(report.get('at'))}\n",
        plain(_sentence_of_the_refusal(report)),
    )
    table = make_table("Since (UTC)", "For", "With", "Counted as", "State", "Lease", "Call-ID")
    holders = rows_of(report.get("holders"))
    for holder in holders:
        table.add_row(
            plain(cell_instant(holder.get("since"))),
            plain(duration(holder.get("duration_seconds"))),
            plain(holder.get("peer")),
            plain(holder.get("why")),
            plain(holder.get("state")),
            plain(holder.get("lease_id")),
            plain(holder.get("call_id")),
        )
    refused = plain(f"The refused call had the Call-ID {report.get('call_id')}.", "dim")
    advice = plain(advice_for_support(report), "bold")
    if not holders:
        return Group(title, "", advice, refused)
    heading = plain(f"Held at that instant by {_calls(len(holders))}:")
    return Group(title, "", heading, table, advice, refused)


def _sentence_of_the_refusal(report: Json) -> str:
    return (
        f"Line {report.get('line')}: the {report.get('direction')} call from "
        f"{report.get('caller')} to {report.get('callee')} found "
        f"{report.get('used')}/{report.get('limit')} calls in use."
    )


def advice_for_support(report: Json) -> str:
    """Return one sentence that a support person can say to the customer."""
    used, limit = report.get("used"), report.get("limit")
    line = f"line {report.get('line')}"
    if limit == 0:
        return f"Tell the customer: {line} has no simultaneous call; the first one must be paid."
    if not isinstance(used, int) or not isinstance(limit, int):
        return f"Tell the customer: {line} had no free call at that instant."
    if used > limit:
        return (
            f"Tell the customer: {line} was lowered to {_calls(limit)} while {used} were up; "
            "they go on, and a new one passes once fewer than that are up."
        )
    return (
        f"Tell the customer: {line} pays for {_calls(limit)} at a time and all were taken; "
        f"end one of them, or order {_calls(limit + 1)}."
    )


def _calls(count: int) -> str:
    return f"{count} call" if count == 1 else f"{count} calls"
