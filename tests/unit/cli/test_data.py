import io
import json
from pathlib import Path

import pytest

from tests.unit.cli.whole_program import DATA, Program, install


@pytest.fixture
def program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Program:
    return install(tmp_path, capsys)


def test_an_import_says_what_it_did_and_twice_changes_nothing(program: Program) -> None:
    first = program.imports(DATA)
    assert (first.status, first.stderr) == (0, "")
    assert first.stdout.endswith("link 1 added; line 1 added; alias 1 added\n")
    second = program.imports(DATA)
    assert second.stdout.endswith("link 1 unchanged; line 1 unchanged; alias 1 unchanged\n")
    assert program.imports("").stdout.endswith("nothing in it\n")


def test_an_import_reports_in_json(program: Program) -> None:
    (program.folder / "d.toml").write_text(DATA)
    answer = json.loads(program("import", str(program.folder / "d.toml"), "--json").stdout)
    assert answer["tables"]["line"] == {"added": 1, "changed": 0, "unchanged": 0}


def test_an_import_reads_standard_input(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(DATA.encode())))
    assert program("import", "-").stdout.startswith("standard input: contact 1 added")


def test_a_mistake_is_one_line_with_the_file_and_changes_nothing(program: Program) -> None:
    program.imports(DATA)
    ended = program.imports(DATA.replace("up_kbps = 1000", "up_kbps = 0").replace("ret-1", "ret-2"))
    assert ended.status == 2
    assert ended.stdout == ""
    assert ended.stderr == (
        f"sipedge: {program.folder}/data.toml: [[link]] entry 1 (paris), key up_kbps: found 0; "
        "write a whole number from 1 to 2147483647\n"
    )
    assert "s3cret-1" in program("export").stdout


def test_a_missing_file_is_wrong_use(program: Program) -> None:
    ended = program("import", "no.toml")
    assert (ended.status, ended.stderr) == (
        2,
        "sipedge: no.toml: cannot be read (No such file or directory)\n",
    )


def test_an_export_is_a_backup_and_warns(program: Program, tmp_path: Path) -> None:
    program.imports(DATA)
    exported = program("export")
    assert 'password = "s3cret-1"' in exported.stdout
    assert "warning" in exported.stderr
    assert len(exported.stderr.splitlines()) == 1
    assert "added" not in program.imports(exported.stdout).stdout


def test_an_export_to_a_file_is_for_its_owner_only(program: Program) -> None:
    program.imports(DATA)
    file = program.folder / "backup.toml"
    file.write_text("old")
    file.chmod(0o644)
    ended = program("export", "--output", str(file))
    assert (ended.status, ended.stdout) == (0, "")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == program("export").stdout
    assert not list(program.folder.glob(".backup*"))


def test_an_export_that_cannot_be_written_says_so(program: Program) -> None:
    ended = program("export", "--output", str(program.folder / "no" / "backup.toml"))
    assert ended.status == 2
    assert "cannot be written (No such file or directory)" in ended.stderr


def test_a_database_out_of_reach_is_status_3(program: Program) -> None:
    (program.folder / "var").write_text("in the way")
    ended = program.imports(DATA)
    assert ended.status == 3
    assert len(ended.stderr.splitlines()) == 1
    assert "cannot be made" in ended.stderr


def test_a_key_that_others_read_is_status_3(program: Program) -> None:
    program.imports(DATA)
    (program.folder / "var/secret.key").chmod(0o644)
    ended = program("export")
    assert (ended.status, ended.stdout) == (3, "")
    assert "chmod 600" in ended.stderr
