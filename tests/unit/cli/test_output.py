import os
import pty

import pytest

from sipedge.accounts.errors import DataFileError, DomainError, ErrorCode
from sipedge.cli.output import CommandError, print_error, print_rows, report
from sipedge.config import ConfigurationError
from sipedge.stores.errors import KeyFileError, Unavailable

NO = DomainError(ErrorCode.UNKNOWN, "number", "no")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CommandError(1, "no"), 1),
        (NO, 1),
        (DataFileError(NO, table="line", entry=1), 2),
        (ConfigurationError.single("f", "k", "1", "write 2"), 2),
        (Unavailable("gone"), 3),
        (KeyFileError("gone"), 3),
    ],
)
def test_every_expected_error_has_a_status_and_one_line(
    error: Exception, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1


def test_what_is_not_expected_is_raised_again() -> None:
    with pytest.raises(KeyError):
        report(KeyError("x"))


def test_an_error_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("a\r\n b\x1b[2J\u202e")
    assert capsys.readouterr().err == "sipedge: a b?[2J?\n"


def test_rows_are_aligned_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        print_rows(("number", "enabled"), [("[red]1", True), ("2", False)])
        terminal.flush()
        shown = os.read(ours, 65536).decode()
    os.close(ours)
    rows = [line.split() for line in shown.splitlines() if line.strip()]
    assert rows[0] == ["number", "enabled"]
    assert rows[2:] == [["[red]1", "yes"], ["2", "no"]], "no markup in what people wrote"
