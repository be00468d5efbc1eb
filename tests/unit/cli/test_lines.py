import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.control_server import StandInControl, serving
from tests.unit.cli.whole_program import DATA, Ended, Program, install

NUMBER = "0033972100001"


@pytest.fixture
def program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Program:
    program = install(tmp_path, capsys)
    assert program.imports(DATA).status == 0
    return program


def add(
    program: Program, number: str, *words: str, group: str = "g1", offer: str = "trunk"
) -> Ended:
    return program("line", "add", number, "--group", group, "--offer", offer, *words)


def test_lines_are_listed_without_passwords(program: Program) -> None:
    listed = program("line", "list")
    assert listed.stdout.splitlines() == [
        "number\tgroup\toffer\tcalls\tlink\tenabled\tdescription",
        f"{NUMBER}\tg1\tentreprise\t2\tparis\tyes\t",
    ]
    (line,) = json.loads(program("line", "list", "--group", "g1", "--json").stdout)
    assert line["simultaneous_calls"] == 2
    assert "password" not in line
    assert json.loads(program("line", "list", "--group", "g2", "--json").stdout) == []


def test_a_line_is_shown_with_its_aliases_in_any_form_of_its_number(program: Program) -> None:
    shown = json.loads(program("line", "show", "+33972100001", "--json").stdout)
    assert shown["aliases"] == ["0033972100010"]
    assert (shown["included_calls"], shown["maximum_calls"]) == (2, 100)
    text = program("line", "show", "0972100001").stdout
    assert "simultaneous calls: 2\n" in text
    assert "enabled: yes\n" in text
    assert "s3cret" not in text


def test_a_line_that_is_not_there_is_a_no(program: Program) -> None:
    for words in (("show", "sipp"), ("set", "sipp", "--calls", "3")):
        ended = program("line", *words)
        assert ended.status == 1
        assert ended.stderr == 'sipedge: number: there is no line "sipp"\n'


def test_calls_are_set_within_the_offer(program: Program) -> None:
    ended = program("line", "set", NUMBER, "--calls", "5")
    assert (ended.status, ended.stdout) == (0, f"line {NUMBER}: calls 2 -> 5\n")
    assert program("line", "set", NUMBER, "--calls", "5").stdout == f"line {NUMBER}: as it was\n"
    refused = program("line", "set", NUMBER, "--calls", "101")
    assert refused.status == 1
    assert "write 0 to 100" in refused.stderr
    answer = json.loads(program("line", "set", NUMBER, "--calls", "0", "--json").stdout)
    assert answer["simultaneous_calls"] == 0


def test_link_and_use_of_a_line_are_set(program: Program) -> None:
    ended = program("line", "set", NUMBER, "--link", "", "--disable")
    assert ended.stdout == f"line {NUMBER}: link paris -> none, disabled\n"
    assert program("line", "set", NUMBER, "--enable").stdout.endswith("enabled\n")
    assert program("line", "set", NUMBER, "--link", "rome").status == 1
    assert "s3cret-1" in program("export").stdout, "the password stays"


def test_nothing_to_set_is_wrong_use(program: Program) -> None:
    ended = program("line", "set", NUMBER)
    assert (ended.status, len(ended.stderr.splitlines())) == (2, 1)


def test_a_line_is_added_with_a_password_that_shows_once(program: Program) -> None:
    ended = add(program, "sipp")
    password = ended.stdout.split()[-1]
    assert len(password) == 16
    assert f'password = "{password}"' in program("export").stdout
    again = add(program, "sipp")
    assert (again.status, again.stderr) == (
        1,
        'sipedge: number: there is a line "sipp" already\n',
    )
    made = json.loads(add(program, "lab-1", "--calls", "9", "--json").stdout)
    assert (made["simultaneous_calls"], len(made["password"])) == (9, 16)


def test_a_password_may_come_from_standard_input(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("with spaces \nnot this\n"))
    ended = add(program, "sipp", "--password-stdin")
    assert ended.stdout == "line sipp added\n"
    assert 'password = "with spaces "\n' in program("export").stdout


@pytest.mark.parametrize(
    ("words", "group", "offer", "said"),
    [
        (("112",), "g1", "trunk", 'number: found "112"; write an international number'),
        (("sipp",), "g9", "trunk", 'group: found "g9", which does not exist'),
        (("sipp",), "g1", "gold", 'offer: found "gold"; write one of "individuel"'),
        (("sipp", "--calls", "2"), "g1", "individuel", "simultaneous_calls: found 2; write 0 to 1"),
        (("sipp", "--link", "rome"), "g1", "trunk", 'link: found "rome", which does not exist'),
    ],
)
def test_a_line_that_does_not_fit_is_a_no(
    program: Program, words: tuple[str, ...], group: str, offer: str, said: str
) -> None:
    ended = add(program, *words, group=group, offer=offer)
    assert ended.status == 1
    assert said in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


class Recording(StandInControl):
    """Takes every change and remembers it."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[str, object]] = []

    async def set_line(self, number: str, changes: dict[str, object]) -> dict[str, object]:
        self.changes.append((number, changes))
        return {"number": number}

    async def import_text(self, text: str) -> dict[str, object]:
        self.changes.append(("import", text))
        return {"tables": {"line": {"added": 1, "changed": 0, "unchanged": 0}}}


@pytest.fixture
def edge(program: Program) -> Iterator[Recording]:
    control = Recording()
    with serving(control, program.folder / "var/sipedge.sock"):
        yield control


def test_a_running_edge_is_told_of_the_calls(program: Program, edge: Recording) -> None:
    assert program("line", "set", "+33972100001", "--calls", "5").stdout.endswith("2 -> 5\n")
    assert edge.changes == [(NUMBER, {"calls": 5})]
    assert program("line", "set", NUMBER, "--calls", "101").status == 1
    assert len(edge.changes) == 1, "what the offer does not allow is not asked"


def test_a_running_edge_takes_other_changes_without_the_password(
    program: Program, edge: Recording
) -> None:
    assert program("line", "set", NUMBER, "--disable").status == 0
    ((kind, text),) = edge.changes
    assert kind == "import"
    assert "enabled = false" in str(text)
    assert "password" not in str(text)


def test_a_running_edge_takes_a_new_line_that_was_checked(
    program: Program, edge: Recording
) -> None:
    assert add(program, NUMBER).status == 1
    assert add(program, "sipp", group="g9").status == 1
    assert edge.changes == []
    assert add(program, "sipp").status == 0
    ((_, text),) = edge.changes
    assert 'number = "sipp"' in str(text)


def test_a_running_edge_takes_an_import(program: Program, edge: Recording) -> None:
    ended = program.imports("# \u00e9\n" + DATA)
    assert ended.stdout.endswith("data.toml: line 1 added\n")
    assert edge.changes == [("import", "# \u00e9\n" + DATA)]
