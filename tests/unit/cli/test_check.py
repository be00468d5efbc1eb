import json
from pathlib import Path

import pytest

from tests.unit.cli.whole_program import Program, install


@pytest.fixture
def program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Program:
    return install(tmp_path, capsys)


def configure(program: Program, text: str) -> None:
    (program.folder / "sipedge.toml").write_text(text)


def test_a_good_configuration_is_summed_up(program: Program) -> None:
    ended = program("check-config")
    assert (ended.status, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"{program.folder}/sipedge.toml: fine\n")
    assert "emergency numbers 12, as of " in ended.stdout
    assert not (program.folder / "var").exists(), "checking makes nothing"


def test_every_mistake_is_a_line(program: Program) -> None:
    configure(program, "[log]\nlevel = 1\nformat = 2\n")
    ended = program("check-config")
    assert (ended.status, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 2
    assert all("sipedge.toml: log." in line for line in ended.stderr.splitlines())


def test_settings_in_force_are_shown_without_passwords(program: Program) -> None:
    configure(program, '[database]\nurl = "postgresql://u:hunter2@h/x"\n')
    ended = program("check-config", "--json")
    shown = json.loads(ended.stdout)["settings"]
    assert shown["database"]["url"] == "postgresql://u:***@h/x"
    assert shown["sip"]["listen"] == ["udp://0.0.0.0:5060", "tcp://0.0.0.0:5060"]
    assert "hunter2" not in ended.stdout


def test_keys_that_this_version_does_not_serve_are_told(program: Program) -> None:
    configure(program, '[provisioning]\nlisten = "127.0.0.1:8081"\n')
    assert "provisioning.listen is accepted" in program("check-config").stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "offers.toml: No such file or directory; correct offers.file"),
        (b"\xff", "offers.toml: write the file in UTF-8"),
        (b"version = 1", "offers.toml: key version: write the version"),
    ],
)
def test_a_mistake_in_the_offers_is_wrong_configuration(
    program: Program, content: bytes | None, said: str
) -> None:
    file = program.folder / "offers.toml"
    if content is not None:
        file.write_bytes(content)
    configure(program, f'[offers]\nfile = "{file}"\n')
    ended = program("check-config")
    assert ended.status == 2
    assert said in ended.stderr


def test_offers_of_our_own_are_in_force(program: Program) -> None:
    file = program.folder / "offers.toml"
    file.write_text(
        'version = "x"\n[[offer]]\nname = "lab"\nincluded = 1\nmaximum = 2\n'
        'label = { fr = "a", en = "b" }\n'
    )
    configure(program, f'[offers]\nfile = "{file}"\n')
    assert "offers lab, version x" in program("check-config").stdout
