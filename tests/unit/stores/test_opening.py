import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from sipedge.stores.errors import KeyFileError, StoreError, Unavailable
from sipedge.stores.opening import open_stores, opened_stores


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder}/db/sipedge.db"


async def test_the_first_start_makes_database_tables_and_key(tmp_path: Path) -> None:
    async with opened_stores(url_of(tmp_path), tmp_path / "data") as stores:
        assert await stores.accounts.version() == 1
    for path in (tmp_path / "db/sipedge.db", tmp_path / "data/secret.key"):
        assert path.stat().st_mode & 0o777 == 0o600


async def test_first_starts_at_once_share_one_key(tmp_path: Path) -> None:
    opened = await asyncio.gather(*(open_stores(url_of(tmp_path), tmp_path) for _ in range(4)))
    sealed = opened[0].box.seal("a", kind="k", owner="o")
    for stores in opened:
        assert stores.box.open(sealed, kind="k", owner="o") == "a"
        await stores.close()


async def test_a_lost_key_is_not_replaced_behind_the_database(tmp_path: Path) -> None:
    async with opened_stores(url_of(tmp_path), tmp_path):
        pass
    key = tmp_path / "secret.key"
    key.unlink()
    with pytest.raises(KeyFileError, match="no such file; restore it from a backup"):
        await open_stores(url_of(tmp_path), tmp_path)
    assert not key.exists()


async def test_the_key_of_another_database_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        async with opened_stores(url_of(tmp_path / name), tmp_path / name):
            pass
    with pytest.raises(KeyFileError, match="is not the key that sealed"):
        await open_stores(url_of(tmp_path / "a"), tmp_path / "b")


async def test_a_folder_or_another_file_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="unable to open database file"):
        await open_stores(f"sqlite:///{tmp_path}", tmp_path)
    (tmp_path / "notes.txt").write_text("not a database, " * 100)
    with pytest.raises(StoreError, match=r"notes\.txt: file is not a database") as caught:
        await open_stores(f"sqlite:///{tmp_path}/notes.txt", tmp_path)
    assert "\n" not in str(caught.value)


async def test_the_database_is_told_to_be_safe(tmp_path: Path) -> None:
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    async with (
        opened_stores(url_of(tmp_path), tmp_path) as stores,
        stores.database.read() as connection,
    ):
        found = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar_one() for name in names
        }
    assert found["journal_mode"] == "wal"
    assert found["synchronous"] == 2, "full: a commit is on the disk"
    assert found["foreign_keys"] == 1
    assert found["busy_timeout"] >= 10_000
