import os
import pty

import pytest

from sipedge.cli import progress
from sipedge.cli.progress import ProgressLine


@pytest.fixture(autouse=True)
def speak_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)


def test_without_a_terminal_there_is_a_line_every_ten_percent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ProgressLine("import x") as line:
        for done in range(1, 1_001):
            line.update("checking", done, 1_000)
        line.update("writing", 0, 0)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert lines[0] == "import x: checking 10% (100 of 1,000)"
    assert lines[9] == "import x: checking 100% (1,000 of 1,000)"


def test_short_work_says_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 3600.0)
    with ProgressLine("import x") as line:
        line.update("checking", 1, 1)
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        with ProgressLine("import x") as line:
            line.update("checking", 10, 1_000)
            line.update("writing", 1_000, 1_000)
        terminal.flush()
        shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert "import x: writing" in shown
    assert "1,000 of 1,000" in shown
