"""The result of a load test: one table to read, one JSON document to compare with."""

import json
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from loadtests.burst import Figures, Load
from tests.interop.peers.program import find_program

ROOT: Final = Path(__file__).resolve().parent.parent
RATIO_WANTED: Final = 1.5
"""CPU per call of the edge over Kamailio's that the project set itself as the most."""

COLUMNS: Final = (
    ("calls/s wanted", "{load.rate}"),
    ("server", "{server}"),
    ("round", "{round}"),
    ("calls/s", "{figures.calls_per_second:.0f}"),
    ("failed", "{figures.failed}"),
    ("retransmissions", "{figures.retransmissions}"),
    ("us CPU/call", "{figures.cpu_us_per_call:.1f}"),
    ("% of a core", "{share:.0f}"),
    ("answer p50/p95 ms", "{figures.answer_p50_ms:.0f}/{figures.answer_p95_ms:.0f}"),
    ("bye p50/p95 ms", "{figures.bye_p50_ms:.0f}/{figures.bye_p95_ms:.0f}"),
    ("MB", "{figures.resident_mb:.0f}"),
)


@dataclass(frozen=True)
class Measured:
    """One burst: which server, in which round, under which load, and what it gave."""

    server: str
    round: int
    load: Load
    figures: Figures


def table(bursts: Sequence[Measured]) -> str:
    """Return all bursts as a Markdown table, in the order they were run."""
    rows = [[name for name, _ in COLUMNS], ["---"] * len(COLUMNS)]
    for burst in bursts:
        values = {**vars(burst), "share": 100 * burst.figures.cpu_share}
        rows.append([text.format(**values) for _, text in COLUMNS])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def ratios(bursts: Sequence[Measured]) -> dict[int, float]:
    """Return CPU per call of sipedge over Kamailio's by rate, medians over the rounds."""
    found: dict[int, float] = {}
    for rate in dict.fromkeys(burst.load.rate for burst in bursts):
        edge = _median_cpu(bursts, "sipedge", rate)
        yardstick = _median_cpu(bursts, "kamailio", rate)
        if edge and yardstick:
            found[rate] = edge / yardstick
    return found


def ratio_table(bursts: Sequence[Measured]) -> str:
    """Return the verdict by rate: medians of both, their ratio, failed calls of the edge."""
    lines = [
        "| calls/s | sipedge us/call | kamailio us/call | ratio | at most | sipedge failed calls |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for rate, ratio in ratios(bursts).items():
        edge = _median_cpu(bursts, "sipedge", rate)
        yardstick = _median_cpu(bursts, "kamailio", rate)
        lines.append(
            f"| {rate} | {edge:.1f} | {yardstick:.1f} | **{ratio:.2f}** | {RATIO_WANTED} "
            f"| {failed_calls(bursts, 'sipedge', rate)} |"
        )
    return "\n".join(lines)


def failed_calls(bursts: Sequence[Measured], server: str, rate: int | None = None) -> int:
    """Return how many calls of a server failed, at one rate or at all of them."""
    return sum(
        burst.figures.failed
        for burst in bursts
        if burst.server == server and rate in (None, burst.load.rate)
    )


def write(
    folder: Path, bursts: Sequence[Measured], *, commands: Mapping[str, str], invocation: str
) -> Path:
    """Write <date>-<commit>.md and .json and return the path of the first."""
    commit = _output("git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=8")
    name = f"{datetime.now(UTC):%Y-%m-%d}-{commit}"
    machine = describe_machine()
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "machine": machine,
        "invocation": invocation,
        "commands": dict(commands),
        "ratios": {str(rate): round(ratio, 3) for rate, ratio in ratios(bursts).items()},
        "bursts": [
            {
                "server": burst.server,
                "round": burst.round,
                "rate": burst.load.rate,
                "seconds": burst.load.seconds,
                "hold_milliseconds": burst.load.hold_milliseconds,
                **burst.figures.to_json(),
            }
            for burst in bursts
        ],
    }
    (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    described = "\n".join(f"- {key}: {value}" for key, value in machine.items())
    started = "\n".join(f"- {server}: `{command}`" for server, command in commands.items())
    text = (
        f"# Load test of {name}\n\n{ratio_table(bursts)}\n\n{table(bursts)}\n\n"
        f"## Machine\n\n{described}\n\n## Commands\n\n- `{invocation}`\n{started}\n"
    )
    path = folder / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    return path


def describe_machine() -> dict[str, str]:
    """Return what a reader must know to compare: processor, cores, kernel, versions."""
    processor = _first_value(Path("/proc/cpuinfo"), "model name")
    cores = Path("/proc/cpuinfo").read_text(encoding="utf-8").count("processor\t")
    kamailio = _output(find_program("kamailio", package="kamailio"), "-v")
    sipp = _output(find_program("sipp", package="sip-tester"), "-v")
    return {
        "processor": f"{processor}, {cores} cores, shared by both SIPp and the server",
        "kernel": platform.release(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "kamailio": kamailio.split("\n")[0],
        "sipp": next(line for line in sipp.split("\n") if "SIPp" in line).strip(),
    }


def _median_cpu(bursts: Sequence[Measured], server: str, rate: int) -> float:
    found = [
        burst.figures.cpu_us_per_call
        for burst in bursts
        if burst.server == server and burst.load.rate == rate
    ]
    return statistics.median(found) if found else 0.0


def _first_value(path: Path, key: str) -> str:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(key):
            return line.split(":", 1)[1].strip()
    return "unknown"


def _output(*command: str) -> str:
    """Return what a command prints, whatever its exit status: SIPp's -v ends with 99."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    return done.stdout.strip()
