from pathlib import Path

import pytest

from sipedge.stores.errors import Unavailable
from sipedge.stores.opening import open_stores


async def test_a_postgresql_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"database postgresql://u:\*\*\*@/x") as caught:
        await open_stores(f"postgresql://u:hunter2@/x?host={tmp_path}", tmp_path)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_database_that_does_not_exist_is_unavailable(cluster: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not exist"):
        await open_stores(f"postgresql://postgres@/none?host={cluster}", tmp_path)


async def test_a_user_that_does_not_exist_is_unavailable(cluster: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="nobody"):
        await open_stores(f"postgresql://nobody@/postgres?host={cluster}", tmp_path)
