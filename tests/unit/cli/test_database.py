import json
from pathlib import Path

import pytest

from sipedge.stores.sql.schema import HEAD
from tests.unit.cli.whole_program import install


def test_an_upgrade_says_from_where_to_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = install(tmp_path, capsys)
    assert program("db", "upgrade").stdout == f"database upgraded from nothing to revision {HEAD}\n"
    assert program("db", "upgrade").stdout == f"database at revision {HEAD} already\n"
    assert json.loads(program("db", "upgrade", "--json").stdout) == {"before": HEAD, "after": HEAD}


def test_a_server_out_of_reach_is_status_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = install(tmp_path, capsys)
    (tmp_path / "sipedge.toml").write_text(
        f'[database]\nurl = "postgresql://u:hunter2@/x?host={tmp_path}"\n'
    )
    ended = program("db", "upgrade")
    assert ended.status == 3
    assert len(ended.stderr.splitlines()) == 1
    assert "hunter2" not in ended.stderr
