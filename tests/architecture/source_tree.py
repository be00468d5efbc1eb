"""The source files of the project as syntax trees, for the tests that read them."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "sipedge"
CORE = ("sip", "proxy", "limits")
"""The packages without I/O, clock and chance."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file of Python: where it is, what it says and what that means."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The path as a person types it, from the root of the project."""
        return self.path.relative_to(ROOT).as_posix()

    def at(self, node: ast.stmt | ast.expr) -> str:
        """Where `node` stands, as editors understand it."""
        return f"{self.name}:{node.lineno}"


def read(path: Path) -> Source:
    """Read and parse one file."""
    text = path.read_text(encoding="utf-8")
    return Source(path, text, ast.parse(text, str(path)))


def sources(*packages: str) -> list[Source]:
    """All files of the named packages of sipedge, of the whole of it when none is named."""
    folders = [PACKAGE / package for package in packages] or [PACKAGE]
    return [read(path) for folder in folders for path in sorted(folder.rglob("*.py"))]


def functions(source: Source) -> Iterator[Function]:
    """All functions and methods of a file, nested ones among them."""
    for node in ast.walk(source.tree):
        if isinstance(node, Function):
            yield node


def classes(source: Source) -> Iterator[ast.ClassDef]:
    """All classes of a file."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef):
            yield node


def dotted(node: ast.expr) -> str:
    """`a.b.c` for the expression that spells it, and an empty text for any other."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    names.append(node.id)
    return ".".join(reversed(names))


def imported_names(source: Source) -> dict[str, str]:
    """What each imported name stands for: after `from time import time as t`, t is time.time."""
    names: dict[str, str] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def listing(violations: Iterable[str]) -> str:
    """Violations one a line, for the message of an assertion."""
    return "\n" + "\n".join(sorted(violations))
