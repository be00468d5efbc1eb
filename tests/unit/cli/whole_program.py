"""The whole program in this process, as its entry point runs it, and a working folder for it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from sipedge.cli.program import main

DATA = """
[[contact]]
nichandle = "ab1"
email = "ops@example.test"
name = "Example"
[[group]]
billing_account = "g1"
admin = "ab1"
tech = "ab1"
billing = "ab1"
[[link]]
name = "paris"
up_kbps = 1000
down_kbps = 8000
[[line]]
number = "0033972100001"
group = "g1"
offer = "entreprise"
password = "s3cret-1"
link = "paris"
[[alias]]
number = "0033972100010"
line = "0033972100001"
"""


@dataclass(frozen=True)
class Ended:
    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Program:
    """Runs commands with one configuration; `folder` is where it keeps its files."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> Ended:
        status = main([*words, "--config", str(self.folder / "sipedge.toml")])
        captured = self.capsys.readouterr()
        return Ended(status, captured.out, captured.err)

    def imports(self, text: str) -> Ended:
        file = self.folder / "data.toml"
        file.write_text(text)
        return self("import", str(file))


def install(folder: Path, capsys: pytest.CaptureFixture[str]) -> Program:
    (folder / "sipedge.toml").write_text(
        f'[edge]\ndata_dir = "{folder}/var"\n[database]\nurl = "sqlite:///{folder}/var/x.db"\n'
    )
    return Program(folder, capsys)
