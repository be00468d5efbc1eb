"""`sipedge explain`: what a call from one number to another would meet, without making it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sipedge.cli.context import ConfigOption, JsonOption
from sipedge.cli.edge_client import Json
from sipedge.cli.output import EXIT_DONE, EXIT_NO, EXIT_WRONG, CommandError, print_json
from sipedge.cli.screen import (
    edge_of,
    instant,
    make_table,
    plain,
    rows_of,
    show,
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    *,
    caller: Annotated[str, typer.Option("--from", metavar="N", help="The calling number.")],
    callee: Annotated[str, typer.Option("--to", metavar="N", help="The called number.")],
    sdp: Annotated[
        Path | None, typer.Option("--sdp", metavar="FILE", help="The SDP offer of the call.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show what a call would meet now: its limits, its target and its answer. Status 1: refused."""
    body: Json = {"from": caller, "to": callee}
    if sdp is not None:
        body["sdp"] = _read_sdp(sdp)
    report = edge_of(config).post("explain", body=body)
    if as_json:
        print_json(report)
    else:
        show(_report(report))
    return EXIT_DONE if report.get("admitted") is True else EXIT_NO


def _read_sdp(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        message = f"--sdp {path}: {error.strerror}; name a readable file"
        raise CommandError(EXIT_WRONG, message) from None
    except UnicodeDecodeError:
        message = f"--sdp {path}: is not UTF-8 text; name a file with an SDP"
        raise CommandError(EXIT_WRONG, message) from None


def _report(report: Json) -> RenderableType:
    admitted = report.get("admitted") is True
    verdict = plain("passes" if admitted else "refused", "bold green" if admitted else "bold red")
    emergency = ", an emergency call that no limit refuses" if report.get("emergency") else ""
    title = Text.assemble(
        plain(report.get("from")), " to ", plain(report.get("to")), emergency, ": ", verdict
    )
    lines: list[RenderableType] = [title, plain(report.get("sentence"))]
    lines.append(Text.assemble("Target: ", plain(report.get("target"))))
    if report.get("reason") is not None:
        answer = f"{report.get('status')}, {report.get('reason')}"
        lines.append(Text.assemble("Answer: ", plain(answer, "red")))
    if report.get("kbps") is not None:
        lines.append(Text.assemble("Bandwidth: ", plain(f"{report.get('kbps')} kbit/s each way")))
    limits = rows_of(report.get("limits"))
    if limits:
        lines.append(_limits(limits))
    return Group(*lines)


def _limits(limits: list[Json]) -> Table:
    table = make_table("Limit", "Counted as", "Used", "This call", "Allowed", "Passes", "Held by")
    for limit in limits:
        passes = limit.get("passes") is True
        allowed = limit.get("limit")
        table.add_row(
            plain(limit.get("account")),
            plain(limit.get("why")),
            plain(limit.get("used")),
            plain(f"+{limit.get('wanted')}" if limit.get("counted") else "not counted"),
            plain("no limit" if allowed is None else allowed),
            plain("yes" if passes else "no", "green" if passes else "bold red"),
            _holders(limit.get("holders")),
        )
    return table


def _holders(holders: object) -> Text:
    texts = [
        plain(f"{holder.get('id')} since {instant(holder.get('since'))} {holder.get('state')}")
        for holder in rows_of(holders)
    ]
    return Text("\n").join(texts) if texts else plain(None)
