"""One burst of calls: SIPp to the server under test to SIPp, at a pinned rate, and its figures."""

import csv
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from loadtests.cpu import cpu_seconds, resident_megabytes
from tests.interop.peers.addresses import Address, free_address, is_bound
from tests.interop.peers.program import PeerFailed, Program, find_program
from tests.interop.peers.sipp import CONTROL_HOST
from tests.interop.peers.waiting import wait_until

SCENARIOS: Final = Path(__file__).resolve().parent / "scenarios"
CALLED: Final = "0033145000001"
SOCKET_BUFFER_BYTES: Final = 4_194_304
CALLS_AT_ONCE: Final = 15_000
"""Bound of SIPp's own calls; never reached by a server that keeps up."""
STRAGGLERS_SECONDS: Final = 40.0
"""How long a burst may last beyond its rate: 64*T1 for a lost message, and some more."""


@dataclass(frozen=True)
class Load:
    """What SIPp is asked for: calls per second, for so long, each held for so many milliseconds."""

    rate: int
    seconds: float
    hold_milliseconds: int = 0
    settle_seconds: float = 0.0
    """How long the server's CPU is watched after the last call: what it put off is in the bill."""

    @property
    def calls(self) -> int:
        """How many calls that makes."""
        return max(1, round(self.rate * self.seconds))


@dataclass(frozen=True)
class Figures:
    """What one burst gave. Times are milliseconds, at the caller; CPU is the server's alone."""

    calls: int
    failed: int
    calls_per_second: float
    retransmissions: int
    cpu_us_per_call: float
    cpu_share: float
    answer_p50_ms: float
    answer_p95_ms: float
    bye_p50_ms: float
    bye_p95_ms: float
    resident_mb: float

    def to_json(self) -> dict[str, float]:
        """Return the figures by name."""
        return asdict(self)


def run_burst(
    load: Load,
    *,
    server_pid: int,
    server: Address,
    callee: Address,
    callers_csv: Path,
    caller_host: str,
    work: Path,
    progress: Callable[[str], None],
) -> Figures:
    """Place the calls and measure them; raise PeerFailed when SIPp itself cannot run."""
    work.mkdir(parents=True)
    answering = _callee(callee, work)
    calling = _caller(load, server=server, host=caller_host, callers_csv=callers_csv, work=work)
    with answering, calling:
        answering.start()
        wait_until(lambda: is_bound(callee), what=f"the callee binds {callee}")
        cpu_before, began_at = cpu_seconds(server_pid), time.monotonic()
        calling.start()
        is_over = _await_end(calling, load, progress)
        elapsed = time.monotonic() - began_at
        time.sleep(load.settle_seconds)
        cpu_spent = cpu_seconds(server_pid) - cpu_before
        resident = resident_megabytes(server_pid)
    counted = _last_row(work / "caller.csv")
    if is_over and counted["TotalCallCreated"] < load.calls:
        raise PeerFailed(f"SIPp did not place all calls: was it ended?\n{calling.report()}")
    repeated = counted["Retransmissions(C)"] + _last_row(work / "callee.csv")["Retransmissions(C)"]
    done = int(counted["SuccessfulCall(C)"])
    times = _response_times(work)
    return Figures(
        calls=done,
        failed=load.calls - done,
        calls_per_second=counted["CallRate(C)"],
        retransmissions=int(repeated),
        cpu_us_per_call=1e6 * cpu_spent / max(done, 1),
        cpu_share=cpu_spent / elapsed,
        answer_p50_ms=_quantile(times["answer"], 0.50),
        answer_p95_ms=_quantile(times["answer"], 0.95),
        bye_p50_ms=_quantile(times["bye"], 0.50),
        bye_p95_ms=_quantile(times["bye"], 0.95),
        resident_mb=resident,
    )


def caller_command(load: Load, *, server: str, callers_csv: str) -> list[str]:
    """Return the part of the caller's command line that makes the load."""
    return [
        *("sipp", server, "-sf", "loadtests/scenarios/caller.xml", "-inf", callers_csv),
        *("-s", CALLED, "-r", str(load.rate), "-m", str(load.calls)),
        *("-d", str(load.hold_milliseconds), "-l", str(CALLS_AT_ONCE), "-t", "u1"),
        *("-buff_size", str(SOCKET_BUFFER_BYTES), "-timer_resol", "1"),
    ]


def _caller(load: Load, *, server: Address, host: str, callers_csv: Path, work: Path) -> Program:
    command = caller_command(load, server=str(server), callers_csv=str(callers_csv))
    command[command.index("-sf") + 1] = str(SCENARIOS / "caller.xml")
    command += ["-trace_rtt", "-rtt_freq", "1000"]
    return _sipp("caller", command, local=free_address(host), work=work)


def _callee(callee: Address, work: Path) -> Program:
    command = ["sipp", "-sf", str(SCENARIOS / "callee.xml"), "-t", "u1", "-l", str(CALLS_AT_ONCE)]
    command += ["-buff_size", str(SOCKET_BUFFER_BYTES), "-timer_resol", "1"]
    return _sipp("callee", command, local=callee, work=work)


def _sipp(name: str, command: list[str], *, local: Address, work: Path) -> Program:
    """Make a SIPp process of this command line, at this address, with statistics each second."""
    return Program(
        name,
        [
            find_program(command[0], package="sip-tester"),
            *command[1:],
            *("-i", local.host, "-bind_local", "-p", str(local.port)),
            *("-mi", local.host, "-mp", str(free_address(local.host).port)),
            *("-ci", CONTROL_HOST, "-cp", str(free_address(CONTROL_HOST).port)),
            *("-nostdin", "-deadcall_wait", "0", "-trace_err", "-error_file", f"{name}.err"),
            *("-trace_stat", "-stf", f"{name}.csv", "-fd", "1"),
        ],
        work=work,
    )


def _await_end(calling: Program, load: Load, progress: Callable[[str], None]) -> bool:
    """Wait until SIPp has placed all calls; stop it and return False when they do not end."""
    deadline = time.monotonic() + load.seconds + load.hold_milliseconds / 1000 + STRAGGLERS_SECONDS
    began_at = time.monotonic()
    while calling.is_running() and time.monotonic() < deadline:
        progress(f"{min(time.monotonic() - began_at, load.seconds):.0f}/{load.seconds:.0f} s")
        time.sleep(0.2)
    if not calling.is_running():
        return True
    calling.stop()
    return False


def _last_row(path: Path) -> dict[str, float]:
    with path.open(encoding="latin-1", newline="") as lines:
        row = list(csv.DictReader(lines, delimiter=";"))[-1]
    names = ("TotalCallCreated", "SuccessfulCall(C)", "Retransmissions(C)", "CallRate(C)")
    return {name: float(row[name]) for name in names}


def _response_times(work: Path) -> dict[str, list[float]]:
    """Read SIPp's response times, in milliseconds, by the name the scenario gives them."""
    found: dict[str, list[float]] = {"answer": [], "bye": []}
    for path in work.glob("*_rtt.csv"):
        with path.open(encoding="latin-1", newline="") as lines:
            for row in csv.reader(lines, delimiter=";"):
                if len(row) >= 3 and row[2] in found:
                    found[row[2]].append(float(row[1]))
    return found


def _quantile(times: list[float], share: float) -> float:
    """Return the value that this share of the times does not exceed; NaN without any."""
    if not times:
        return math.nan
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]
