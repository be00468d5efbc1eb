import os
import subprocess
import sys
from pathlib import Path

import pytest

from sipedge.cli.program import app, main

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("words", [(), ("line",), ("db",)])
def test_a_bare_group_prints_its_help_and_is_wrong_use(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(list(words)) == 2
    captured = capsys.readouterr()
    assert "Usage:" in captured.out + captured.err


@pytest.mark.parametrize(
    "words",
    [("nonsense",), ("line", "show"), ("line", "set", "a", "--calls", "x"), ("import", "--what")],
)
def test_wrong_use_is_one_line_and_status_2(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(list(words)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert "--help" in captured.err


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    names = [command.name for command in app.registered_commands]
    words = [[str(name)] for name in names]
    words += [["line", verb] for verb in ("add", "list", "show", "set")] + [["db", "upgrade"]]
    for command in words:
        assert main([*command, "--help"]) == 0, command
        shown = capsys.readouterr().out
        assert "--config" in shown, command


def test_a_missing_configuration_is_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["line", "list", "--config", str(tmp_path / "no.toml")]) == 2
    assert "no.toml: no such file" in capsys.readouterr().err


def test_the_configuration_may_be_named_in_the_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIPEDGE_CONFIG", str(tmp_path / "named.toml"))
    assert main(["check-config"]) == 2
    assert "named.toml" in capsys.readouterr().err


def test_a_fault_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("sipedge.cli.check.load_settings", fail)
    with pytest.raises(ZeroDivisionError):
        main(["check-config", "--config", "x"])


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path, unbuffered: str) -> None:
    config = tmp_path / "sipedge.toml"
    config.write_text(f'[edge]\ndata_dir = "{tmp_path}"\n')
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-m", "sipedge", "check-config", "--config", str(config)],
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=60,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")
