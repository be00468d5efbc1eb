import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = 100_000
LIMIT_SECONDS = 60
HEAD = """
[[contact]]
nichandle = "ab1"
email = "ops@example.test"
name = "Example"
[[group]]
billing_account = "g1"
admin = "ab1"
tech = "ab1"
billing = "ab1"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sipedge.toml").write_text(
        f'[edge]\ndata_dir = "{tmp_path}"\n[database]\nurl = "sqlite:///{tmp_path}/x.db"\n'
    )
    lines = (
        f'[[line]]\nnumber = "00339721{number:05}"\ngroup = "g1"\noffer = "entreprise"\n'
        f'simultaneous_calls = 2\npassword = "s3cret-{number:05}"\n'
        for number in range(LINES)
    )
    (tmp_path / "data.toml").write_text(HEAD + "".join(lines))
    return tmp_path


def imports(folder: Path) -> tuple[float, str, str]:
    started_at = time.monotonic()
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "sipedge", "import", str(folder / "data.toml")),
            *("--config", str(folder / "sipedge.toml")),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=280,
    )
    return time.monotonic() - started_at, ended.stdout, ended.stderr


def test_a_hundred_thousand_lines_are_imported_within_a_minute(folder: Path) -> None:
    seconds, said, progress = imports(folder)
    assert seconds < LIMIT_SECONDS
    assert "line 100000 added" in said
    assert "data.toml: checking 50%" in progress
    assert len(progress.splitlines()) < 60
    seconds, said, _ = imports(folder)
    assert seconds < LIMIT_SECONDS
    assert "line 100000 unchanged" in said
