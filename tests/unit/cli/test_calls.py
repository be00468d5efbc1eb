import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from sipedge.api.control import CallRow
from tests.unit.cli.command_runner import Run
from tests.unit.cli.control_server import HOSTILE, LINE, StandInControl, call_row

ROOT = Path(__file__).parents[3]
PROGRAM = "import sys; from sipedge.cli.program import main; sys.exit(main())"


def test_every_call_is_one_line_with_its_leases(control: StandInControl, run: Run) -> None:
    result = run("calls")
    assert result.status == 0
    for number, state in ((1, "answered"), (2, "ringing")):
        (line,) = (one for one in result.rows() if f"L-3F-{number} " in one)
        assert line.startswith(f"2026-03-01 08:00:00 1m01s {state} {LINE} 0033145000001 carrier")
        assert call_row(number)["call_id"] in line
        assert f"L-3F-{number} {LINE} outgoing confirmed" in line
    assert result.rows()[-1] == "2 calls."


def test_the_calls_of_one_line_are_asked_for(control: StandInControl, run: Run) -> None:
    assert run("calls", "--line", LINE).status == 0
    assert control.asked == ("calls", LINE)
    result = run("calls", "--line", "0033972100009")
    assert result.status == 0
    assert result.stdout.strip() == "No calls of line 0033972100009."


def test_json_is_what_the_edge_answers(control: StandInControl, run: Run) -> None:
    result = run("calls", "--json")
    assert json.loads(result.stdout) == {"calls": [call_row(1), call_row(2)]}


def test_what_a_stranger_sent_cannot_drive_the_terminal(control: StandInControl, run: Run) -> None:
    hostile: CallRow = {**call_row(1), "call_id": HOSTILE, "from": HOSTILE}
    control.rows = [hostile]
    result = run("calls")
    assert "\x1b" not in result.stdout
    assert r"\x1b[2J[red]\r\n" in result.stdout


def test_no_edge_is_status_3_and_says_what_to_do(run: Run) -> None:
    result = run("calls")
    assert result.status == 3
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert "no edge answers" in result.stderr
    assert "sipedge run" in result.stderr


def test_a_wrong_configuration_is_status_2(config: Path, run: Run) -> None:
    config.write_text("[edge]\nnaem = 1\n")
    result = run("calls")
    assert result.status == 2
    assert "naem" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_fault_of_the_edge_is_status_3_and_shows_no_secret(
    control: StandInControl, run: Run
) -> None:
    result = run("calls", "--line", "broken")
    assert result.status == 3
    assert "s3cret" not in result.stdout + result.stderr


def test_watching_in_json_prints_one_object_per_line_until_interrupted(
    control: StandInControl, config: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "calls", "--watch", "--json", "--config", str(config)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        for _ in range(2):
            assert len(json.loads(process.stdout.readline())["calls"]) == 2
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_watching_on_a_terminal_is_coloured_and_ends_with_ctrl_c(
    control: StandInControl, config: Path
) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "calls", "--watch", "--config", str(config)],
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "150"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    deadline = time.monotonic() + 30
    while shown.count(b"2 calls.") < 2:  # drawn, and drawn again
        assert time.monotonic() < deadline, shown
        if select.select([ours], [], [], 0.1)[0]:
            shown += os.read(ours, 65536)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    os.close(ours)
    assert b"\x1b[32manswered" in shown
