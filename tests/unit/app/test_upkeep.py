import asyncio
import logging
import os
import time
from pathlib import Path

import pytest

from sipedge.app.upkeep import (
    CALLS_KEPT_SECONDS,
    REFUSALS_KEPT_SECONDS,
    Upkeep,
    reload_certificate,
    repeat,
)
from sipedge.limits.ledger import OUTGOING, Claim
from sipedge.stores.errors import Unavailable
from sipedge.stores.opening import opened_stores
from sipedge.stores.records import RefusalStore
from sipedge.testing.builders import build_edge
from sipedge.transport.tls import ServerTls, make_certificate


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.msg for record in caplog.records]


def make_tls(folder: Path) -> ServerTls:
    make_certificate(folder / "tls.crt", folder / "tls.key", ["127.0.0.1"])
    return ServerTls(folder / "tls.crt", folder / "tls.key")


async def test_work_is_repeated_and_a_fault_ends_one_round_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rounds: list[int] = []
    enough = asyncio.Event()

    async def work() -> None:
        rounds.append(len(rounds))
        if len(rounds) == 2:
            raise ZeroDivisionError("a fault of ours")
        if len(rounds) == 4:
            enough.set()

    with caplog.at_level(logging.INFO):
        task = asyncio.create_task(repeat(0.001, work))
        async with asyncio.timeout(10):
            await enough.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert rounds[:4] == [0, 1, 2, 3]
    assert events(caplog) == ["upkeep_failed"]
    assert "a fault of ours" in caplog.text


async def test_a_lease_without_a_call_is_freed_and_reported(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    edge = build_edge()
    claim = Claim("line:0033972100001", 2, OUTGOING, "0145000001")
    now = asyncio.get_running_loop().time()
    edge.core.ledger.take([claim], call=99, now=now - 10, expires_at=now - 1)
    async with opened_stores(f"sqlite:///{tmp_path}/x.db", tmp_path) as stores:
        upkeep = Upkeep(edge, None, stores.refusals, stores.call_records)
        with caplog.at_level(logging.WARNING):
            await upkeep.check()
            await upkeep.check()
    assert edge.core.ledger.used(claim.account) == 0
    assert events(caplog) == ["leases_lost"]


async def test_the_clock_of_the_core_follows_the_time_of_day(tmp_path: Path) -> None:
    edge = build_edge()
    async with opened_stores(f"sqlite:///{tmp_path}/x.db", tmp_path) as stores:
        await Upkeep(edge, None, stores.refusals, stores.call_records).check()
    now = asyncio.get_running_loop().time()
    assert abs(edge.core.wall_time(now) - time.time()) < 5


def test_a_changed_certificate_is_loaded_and_said_once(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    tls = make_tls(tmp_path)
    with caplog.at_level(logging.INFO):
        reload_certificate(tls)
        make_certificate(tls.certificate, tls.key, ["127.0.0.1"])
        reload_certificate(tls)
        reload_certificate(tls)
    assert events(caplog) == ["certificate_reloaded"]


def test_a_certificate_that_cannot_be_used_is_said_once(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    tls = make_tls(tmp_path)
    os.truncate(tls.certificate, 100)
    with caplog.at_level(logging.INFO):
        reload_certificate(tls)
        reload_certificate(tls)
    assert events(caplog) == ["certificate_not_reloaded"]


async def test_old_refusals_are_forgotten_and_recent_ones_kept(tmp_path: Path) -> None:
    async with opened_stores(f"sqlite:///{tmp_path}/x.db", tmp_path) as stores:
        now = time.time()
        await stores.refusals.add(
            [
                {"ticket": "R-OLD1", "at": now - REFUSALS_KEPT_SECONDS - 60},
                {"ticket": "R-NEW1", "at": now - REFUSALS_KEPT_SECONDS + 60},
            ]
        )
        kept = {"caller_line": "1", "callee_line": ""}
        await stores.call_records.add(
            [
                {"id": "old", "started_at": now - CALLS_KEPT_SECONDS - 60} | kept,
                {"id": "new", "started_at": now - CALLS_KEPT_SECONDS + 60} | kept,
            ]
        )
        await Upkeep(build_edge(), None, stores.refusals, stores.call_records).prune()
        assert [record["id"] for record in await stores.call_records.recent("1")] == ["new"]
        assert await stores.refusals.find("R-OLD1") is None
        assert await stores.refusals.find("R-NEW1") is not None


class Away(RefusalStore):
    """A database that does not answer."""

    async def prune(self, before_at: float) -> int:
        raise Unavailable("away")


async def test_a_database_that_is_away_is_pruned_another_time(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    async with opened_stores(f"sqlite:///{tmp_path}/x.db", tmp_path) as stores:
        upkeep = Upkeep(build_edge(), None, Away(), stores.call_records)  # type: ignore[abstract]
        # The notes of the migration of this new database are not ours to look at.
        caplog.clear()
        with caplog.at_level(logging.INFO):
            await upkeep.prune()
    assert events(caplog) == ["prune_failed"]
