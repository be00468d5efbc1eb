"""The stage of `sipedge demo`: who takes part, and how what happens is shown."""

import asyncio
import secrets
import signal
import tempfile
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sipedge.cli.demo_edge import EdgeProcess
from sipedge.cli.demo_story import CARRIER_HOST, StepFailed, Story
from sipedge.cli.output import EXIT_DONE, EXIT_NO, CommandError
from sipedge.cli.screen import open_screen, plain
from sipedge.testing.live import LivePeers, address_of, open_socket
from sipedge.testing.trunk import Carrier

_TITLE_WIDTH: Final = 9


def demo_data() -> str:
    """Return the demo data set."""
    return files("sipedge.testing").joinpath("demo.toml").read_text(encoding="utf-8")


async def play(data: str) -> int:
    """Play the story on this data set; return the exit status."""
    screen = open_screen()
    started_at = time.monotonic()
    screen.print("An edge, two phones and a carrier, all on this machine's loopback.", style="bold")
    peers = LivePeers()
    loop = asyncio.get_running_loop()
    myself = asyncio.current_task()
    assert myself is not None, "a coroutine runs in a task"
    # Ended like by Ctrl-C: the edge ends with the demo, and its folder goes.
    loop.add_signal_handler(signal.SIGTERM, myself.cancel)
    with tempfile.TemporaryDirectory(prefix="sipedge-demo-") as folder:
        sock = open_socket(CARRIER_HOST)
        # Where the edge listens is known once it does.
        carrier = Carrier(address_of(sock), ("", 0), loop.time, seed=secrets.randbits(64))
        peers.join(carrier, sock)
        edge = EdgeProcess(Path(folder), address_of(sock), data)
        try:
            failure = await _play_steps(screen, Story(edge, peers, carrier))
        finally:
            peers.close()
            await edge.stop()
        if failure:
            _print_step(screen, "FAILED", [failure, *edge.last_words()], "bold red")
            return EXIT_NO
    seconds = time.monotonic() - started_at
    screen.print(Text(f"All of it happened, in {seconds:.1f} s.", "bold green"))
    return EXIT_DONE


async def _play_steps(screen: Console, story: Story) -> str:
    """Play every step and print it; return what went wrong, empty when nothing did."""
    for title, step in story.steps:
        try:
            if screen.is_terminal:
                with screen.status(title):
                    lines = await step()
            else:
                lines = await step()
        except (StepFailed, CommandError) as error:
            return f"{title}: {error}"
        _print_step(screen, title, lines, "bold cyan")
    return ""


def _print_step(screen: Console, title: str, lines: Sequence[str], style: str) -> None:
    """Print the title once, and the lines beside it; a narrow terminal folds them there."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=_TITLE_WIDTH, style=style)
    grid.add_column(overflow="fold")
    for number, line in enumerate(lines):
        shown = plain(line, _style_of(line))
        if screen.is_terminal:
            grid.add_row(title if number == 0 else "", shown)
        else:
            print(f"{title if number == 0 else '':{_TITLE_WIDTH}} {shown.plain}", flush=True)
    if screen.is_terminal:
        screen.print(grid)


def _style_of(line: str) -> str:
    if line.startswith("$ "):
        return "yellow"
    return "red" if line.startswith(("SIP/2.0 4", "Warning:", "Reason:")) else ""
