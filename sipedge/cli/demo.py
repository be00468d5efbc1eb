"""`sipedge demo`: the whole point in a few seconds, on loopback, with nothing to set up."""

import asyncio
from pathlib import Path
from typing import Annotated, Final

import typer

# As a shell counts an end by SIGTERM.
EXIT_TERMINATED: Final = 143


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    *,
    _config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Not read: the demo brings its own."),
    ] = None,
) -> int:
    """Show calls taking a line's paid calls, the refusal of one more, and a paid increase.

    Starts an edge, two phones and a carrier on loopback; ends with 0 only if all of it happened.
    """
    from sipedge.cli.demo_stage import demo_data, play

    try:
        return asyncio.run(play(demo_data()))
    except asyncio.CancelledError:
        return EXIT_TERMINATED
