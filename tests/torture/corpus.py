"""The torture messages, octet by octet as the RFCs publish them, and what is expected of each."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
FOLDERS = ("rfc4475", "rfc5118")


@dataclass(frozen=True)
class Expectation:
    """One table of expectations.toml, and the message it is about."""

    corpus: str
    name: str
    wire: bytes
    section: str
    parser: str
    edge: str
    why: str
    sipx: str = ""
    differs: str = ""

    @property
    def id(self) -> str:
        """The name of its test."""
        return f"{self.corpus}-{self.name}"


def message_files() -> dict[str, Path]:
    """Every file of the corpora, under the id of its expectation."""
    return {
        f"{folder}-{path.stem}": path
        for folder in FOLDERS
        for path in sorted((HERE / folder).iterdir())
    }


def read_expectations() -> list[Expectation]:
    """Every expectation whose file exists, in the order of the list."""
    files = message_files()
    return [
        Expectation(corpus, name, files[f"{corpus}-{name}"].read_bytes(), **table)
        for corpus, tables in read_tables().items()
        for name, table in tables.items()
        if f"{corpus}-{name}" in files
    ]


def read_tables() -> dict[str, dict[str, dict[str, str]]]:
    """The list as it is written."""
    tables: dict[str, dict[str, dict[str, str]]]
    tables = tomllib.loads((HERE / "expectations.toml").read_text(encoding="utf-8"))
    return tables
