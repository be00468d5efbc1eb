from pathlib import Path

from tests.contracts.stored import stores_on

REFUSAL = {"ticket": "R-7F3K", "at": 100.0, "line": "1", "holders": [{"call": "a\x00\ud800"}]}


def record(name: str, started_at: float, caller: str = "", callee: str = "") -> dict[str, object]:
    return {
        "id": name,
        "started_at": started_at,
        "caller_line": caller,
        "callee_line": callee,
        "outcome": "answered",
    }


async def test_a_ticket_tells_its_newest_refusal(database_url: str, tmp_path: Path) -> None:
    newer = {**REFUSAL, "at": 200.0, "line": "2"}
    async with stores_on(database_url, tmp_path) as stores:
        await stores.refusals.add([newer, REFUSAL])
        assert await stores.refusals.find("r-7f3k") == newer
        assert await stores.refusals.find("R-0000") is None
        await stores.refusals.add([])


async def test_the_latest_refusals_come_newest_first(database_url: str, tmp_path: Path) -> None:
    newer = {**REFUSAL, "ticket": "R-8888", "at": 200.0}
    async with stores_on(database_url, tmp_path) as stores:
        await stores.refusals.add([REFUSAL, newer])
        assert await stores.refusals.recent(limit=5) == [newer, REFUSAL]
        assert await stores.refusals.recent(limit=1) == [newer]


async def test_old_refusals_go(database_url: str, tmp_path: Path) -> None:
    async with stores_on(database_url, tmp_path) as stores:
        await stores.refusals.add([REFUSAL, {**REFUSAL, "at": 300.0}])
        assert await stores.refusals.prune(200.0) == 1
        found = await stores.refusals.find("R-7F3K")
        assert found is not None
        assert found["at"] == 300.0


async def test_the_records_of_a_line_are_newest_first(database_url: str, tmp_path: Path) -> None:
    a, b, c = record("a", 1.0, "1", "2"), record("b", 2.0, "2"), record("c", 3.0, "", "1")
    async with stores_on(database_url, tmp_path) as stores:
        await stores.call_records.add([a, b, c])
        assert await stores.call_records.recent("1") == [c, a]
        assert await stores.call_records.recent("2") == [b, a]
        assert await stores.call_records.recent() == [c, b, a]
        assert await stores.call_records.recent(limit=1) == [c]
        assert await stores.call_records.recent("3") == []


async def test_a_call_is_recorded_once(database_url: str, tmp_path: Path) -> None:
    async with stores_on(database_url, tmp_path) as stores:
        await stores.call_records.add([record("a", 1.0, "1")])
        await stores.call_records.add([record("a", 9.0, "1"), record("b", 2.0, "1")])
        await stores.call_records.add([])
        assert [row["started_at"] for row in await stores.call_records.recent("1")] == [2.0, 1.0]


async def test_old_records_go(database_url: str, tmp_path: Path) -> None:
    async with stores_on(database_url, tmp_path) as stores:
        await stores.call_records.add([record("a", 1.0), record("b", 2.0)])
        assert await stores.call_records.prune(2.0) == 1
        assert [row["id"] for row in await stores.call_records.recent()] == ["b"]
