"""`make loadtest`: SIPp through sipedge and through Kamailio in turn, CPU per call side by side."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from loadtests import report  # noqa: E402
from loadtests.burst import Load, caller_command, run_burst  # noqa: E402
from loadtests.report import Measured  # noqa: E402
from loadtests.servers import (  # noqa: E402
    CALLER_HOST,
    Server,
    load_lines,
    start_edge,
    start_kamailio,
    write_callers,
)
from tests.interop.peers.program import PeerFailed  # noqa: E402

RESULTS: Final = ROOT / "loadtests" / "results"
WARM_UP: Final = Load(rate=200, seconds=1.0)
QUICK: Final = (
    *("--rates", "200", "--seconds", "3", "--rounds", "1", "--settle-seconds", "0"),
    "--keep-no-results",
)


def parse_arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line; --quick puts other defaults in place."""
    parser = argparse.ArgumentParser(prog="loadtests/run.py", description=__doc__)
    add = parser.add_argument
    add("--rates", type=int, nargs="+", default=[500, 1000, 2000], help="calls per second")
    add("--seconds", type=float, default=10.0, help="length of each burst")
    add("--rounds", type=int, default=3, help="bursts of each server at each rate, interleaved")
    add("--hold-milliseconds", type=int, default=0, help="how long each call stays up")
    add("--settle-seconds", type=float, default=6.0, help="CPU watched after the last call")
    add("--only", choices=["sipedge", "kamailio"], help="measure one server")
    add("--quick", action="store_true", help=f"the smoke test: {' '.join(QUICK)}")
    add("--keep-no-results", action="store_true", help="print only, write nothing")
    arguments = parser.parse_args(words)
    return parser.parse_args([*QUICK, *words]) if arguments.quick else arguments


def main(words: Sequence[str]) -> int:
    """Run the load test; 0 when no call of the edge failed, else 1."""
    arguments = parse_arguments(words)
    with tempfile.TemporaryDirectory(prefix="sipedge-load-") as folder, ExitStack() as running:
        work = Path(folder)
        servers = start_servers(work, arguments.only, running)
        bursts = measure(arguments, servers, work)
        commands = {server.name: server_command(server) for server in servers}
    command = caller_command(
        load_of(arguments, arguments.rates[-1]), server="SERVER", callers_csv="CALLERS.csv"
    )
    commands["caller"] = " ".join(command)
    print(f"\n{report.table(bursts)}\n\n{report.ratio_table(bursts)}")
    if not arguments.keep_no_results:
        invocation = " ".join(["python", "loadtests/run.py", *words])
        path = report.write(
            RESULTS,
            bursts,
            commands={name: command.replace(folder, "WORK") for name, command in commands.items()},
            invocation=invocation,
        )
        print(f"\nwritten: {path.relative_to(ROOT)} and .json")
    return 1 if report.failed_calls(bursts, "sipedge") else 0


def load_of(arguments: argparse.Namespace, rate: int) -> Load:
    """Return the load of the command line at one rate."""
    return Load(rate, arguments.seconds, arguments.hold_milliseconds, arguments.settle_seconds)


def server_command(server: Server) -> str:
    """Return how the server was started, without the folder that this clone happens to be in."""
    return " ".join(server.program.command).replace(f"{ROOT}/", "")


def start_servers(work: Path, only: str | None, running: ExitStack) -> list[Server]:
    """Start the servers asked for; they are stopped when `running` closes."""
    servers: list[Server] = []
    if only != "kamailio":
        servers.append(start_edge(work, load_lines()))
        running.enter_context(servers[-1].program)
    if only != "sipedge":
        servers.append(start_kamailio(work))
        running.enter_context(servers[-1].program)
    return servers


def measure(arguments: argparse.Namespace, servers: Sequence[Server], work: Path) -> list[Measured]:
    """Warm each server up, then run every rate and round, the servers taking turns."""
    callers = work / "callers.csv"
    write_callers(callers, load_lines())
    bursts: list[Measured] = []
    plan = [(WARM_UP, 0)] + [
        (load_of(arguments, rate), number)
        for rate in arguments.rates
        for number in range(1, arguments.rounds + 1)
    ]
    for load, number in plan:
        for server in servers:
            label = f"{server.name:9} {load.rate:5} calls/s" + (f" round {number}" * bool(number))
            figures = run_burst(
                load,
                server_pid=server.program.pid,
                server=server.address,
                callee=server.callee,
                callers_csv=callers,
                caller_host=CALLER_HOST,
                work=work / f"{server.name}-{load.rate}-{number}",
                progress=partial(show_progress, label),
            )
            if not server.program.is_running():
                raise PeerFailed(f"{server.name} has ended\n{server.program.report()}")
            show_result(
                f"{label}: {figures.cpu_us_per_call:.1f} us/call, {figures.failed} failed,"
                f" {figures.retransmissions} retransmissions"
            )
            if number:
                bursts.append(Measured(server.name, number, load, figures))
    return bursts


def show_progress(label: str, text: str) -> None:
    """Show how far a burst is: one moving line, on a terminal only."""
    if sys.stdout.isatty():
        print(f"\r\033[K{label}: {text}", end="", flush=True)


def show_result(text: str) -> None:
    """Show the result of a burst in place of its progress."""
    print(f"\r\033[K{text}" if sys.stdout.isatty() else text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
