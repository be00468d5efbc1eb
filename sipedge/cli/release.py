"""`sipedge release LEASE`: free by hand a slot whose call is gone."""

from typing import Annotated

import typer

from sipedge.cli.context import ConfigOption, JsonOption
from sipedge.cli.output import print_json
from sipedge.cli.screen import edge_of, instant, plain, show


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("release")(release)


def release(
    lease: Annotated[str, typer.Argument(help="The lease, as `sipedge calls` shows it.")],
    *,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept with your user name.")
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Free a lease by hand. The call itself is not cut: make sure that nobody talks any more."""
    answer = edge_of(config).post("leases", lease, "release", body={"reason": reason})
    if as_json:
        print_json(answer)
        return
    released = answer.get("released")
    freed = released if isinstance(released, dict) else {}
    show(
        plain(
            f"Released {freed.get('id')}: {freed.get('why')} call of line {freed.get('line')}, "
            f"held since {instant(freed.get('since'))} ({freed.get('state')}).",
            "green",
        )
    )
