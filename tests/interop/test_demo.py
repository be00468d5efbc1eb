"""`sipedge demo` as a newcomer runs it, and what becomes of it when something does not happen."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from sipedge.cli.demo_stage import demo_data, play
from tests.interop.peers.waiting import wait_until

PROGRAM: Final = str(Path(sys.executable).with_name("sipedge"))
DEMO_SECONDS: Final = 20.0
ROOT: Final = Path(__file__).resolve().parents[2]


def start(work: Path, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start the demo in a folder that has nothing of ours; its own files go below it too."""
    return subprocess.Popen(
        [PROGRAM, "demo"],
        cwd=work,
        env={**os.environ, "TMPDIR": str(work), **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def edges_of(work: Path) -> list[str]:
    """Return the command lines of the processes that use a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if str(work) in words:
            found.append(words.replace("\0", " "))
    return found


def test_the_demo_shows_the_refusal_and_the_paid_increase(tmp_path: Path) -> None:
    """Settings of the user's environment do not reach into it, and it leaves nothing behind."""
    foreign = {"SIPEDGE__SIP__LISTEN": "udp://192.0.2.1:5060", "SIPEDGE_CONFIG": "/nowhere"}
    started_at = time.monotonic()
    ended = start(tmp_path, foreign)
    shown, errors = ended.communicate(timeout=60)
    seconds = time.monotonic() - started_at
    assert (ended.returncode, errors) == (0, ""), shown + errors
    assert seconds < DEMO_SECONDS
    for expected in (
        "SIP/2.0 486 Busy Here",
        'Warning: 399 demo "R-',
        ' 2/2 calls"',
        "Reason: Q.850;cause=34",
        "$ sipedge why R-",
        "calls 2 -> 3",
        "the line uses 3 of 3 calls",
        "No calls. 0 slots in use",
        "All of it happened",
    ):
        assert expected in shown, shown
    assert "\x1b" not in shown, "colours are for terminals"
    assert list(tmp_path.iterdir()) == []
    assert edges_of(tmp_path) == []


def test_a_demo_that_is_ended_takes_its_edge_along(tmp_path: Path) -> None:
    running = start(tmp_path)
    wait_until(lambda: edges_of(tmp_path), what="the edge of the demo starts")
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=30)
    assert running.returncode == 143
    assert edges_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


async def test_a_call_that_is_not_refused_fails_the_demo(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The line pays for three calls from the start: its third one is answered."""
    bought = demo_data().replace("simultaneous_calls = 2", "simultaneous_calls = 3", 1)
    assert await play(bought) == 1
    shown = capsys.readouterr().out
    assert "FAILED    call 3: the call is talking, and not refused" in shown
    assert "All of it happened" not in shown


async def test_an_edge_that_does_not_start_fails_the_demo(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await play(demo_data() + "\n[[line]]\nnumber = 1\n") == 1
    shown = capsys.readouterr().out
    assert "FAILED    start: " in shown
    assert "demo.toml: " in shown, "what the edge said is shown"


def test_the_demo_data_is_the_one_of_the_configuration_folder() -> None:
    assert demo_data() == (ROOT / "config" / "demo.toml").read_text(encoding="utf-8")
