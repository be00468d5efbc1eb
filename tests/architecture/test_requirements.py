"""The locked requirements: exact, hashed, and silent about where their files are fetched."""

import re
import tomllib

import pytest

from tests.architecture.source_tree import ROOT
from tests.architecture.test_imports import canonical

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
ADDRESS = re.compile(r"://|^\s*(?:-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host)")


@pytest.fixture(params=LOCKS, ids=lambda path: path.name)
def lock(request: pytest.FixtureRequest) -> str:
    text: str = request.param.read_text(encoding="utf-8")
    return text


def test_a_lock_names_no_address(lock: str) -> None:
    assert [line for line in lock.splitlines() if ADDRESS.search(line)] == []


def test_a_lock_pins_and_hashes_every_entry(lock: str) -> None:
    for name, entry in entries(lock).items():
        assert re.match(r"[a-z0-9-]+==\S+", entry), f"{name} is not pinned"
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), f"{name} has no hash"


def test_the_locks_hold_what_the_project_declares() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    run = {
        canonical(requirement)
        for requirement in project["project"]["dependencies"] + project["build-system"]["requires"]
    }
    test = {canonical(line) for line in project["project"]["optional-dependencies"]["test"]}
    assert run <= locked("run.txt").keys()
    assert run | test <= locked("test.txt").keys()


def test_what_is_tested_is_what_runs() -> None:
    tested = locked("test.txt")
    assert {name: entry for name, entry in locked("run.txt").items() if tested[name] != entry} == {}


def locked(name: str) -> dict[str, str]:
    return entries((ROOT / "requirements" / name).read_text(encoding="utf-8"))


def entries(lock: str) -> dict[str, str]:
    """Each locked distribution with its lines joined: version, markers and hashes."""
    joined = lock.replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return {canonical(line): line for line in lines}
