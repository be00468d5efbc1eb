"""Imports only go down, and name only what pyproject.toml declares."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.architecture.source_tree import ROOT, listing, sources

NOT_IMPORTED = {
    "aiosqlite",  # a driver that SQLAlchemy loads by the name in the database's URL
    "asyncpg",  # likewise
}


def test_the_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_what_is_imported_is_what_is_declared() -> None:
    declared = {canonical(requirement) for requirement in project()["dependencies"]}
    distributions = packages_distributions()
    imported = {
        canonical(distribution)
        for module in imported_modules() - sys.stdlib_module_names - {"sipedge"}
        for distribution in distributions.get(module, [module])
    }
    assert imported - declared == set(), "imported and not declared in pyproject.toml"
    assert declared - imported == NOT_IMPORTED, "declared in pyproject.toml and not imported"


def test_nothing_is_imported_from_the_tests() -> None:
    found = [
        f"{source.name} imports {module}"
        for source in sources()
        for module in modules_of(source.tree)
        if module.partition(".")[0] in {"tests", "loadtests", "scripts"}
    ]
    assert not found, listing(found)


def project() -> dict[str, list[str]]:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    table: dict[str, list[str]] = tomllib.loads(text)["project"]
    return table


def canonical(requirement: str) -> str:
    """The name of a distribution in the one spelling of the package index, without its bounds."""
    name = re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def imported_modules() -> set[str]:
    return {module.partition(".")[0] for source in sources() for module in modules_of(source.tree)}


def modules_of(tree: ast.Module) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            modules.add(node.module)
    return modules
