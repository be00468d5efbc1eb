import asyncio
import logging
import os
import resource
import signal
import socket
import sqlite3
import stat
import time
import urllib.request
from pathlib import Path

import pytest

from sipedge.app import App, StartError, lifecycle, run
from sipedge.stores.errors import StoreError
from sipedge.transport.udp import open_udp_socket
from tests.unit.app.bench import (
    ALICE,
    BOB,
    CAROL,
    DATA,
    Phones,
    fill,
    make_app,
    running,
    write_settings,
)


def open_files() -> set[str]:
    """Return what sockets and database files this process has open."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.startswith("socket:") or ".db" in target or ".lock" in target:
            found.add(target)
    return found


async def fetch(app: App, path: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{app.http_port}{path}"

    def get() -> tuple[int, str]:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()

    return await asyncio.to_thread(get)


async def test_an_edge_serves_what_its_database_holds(tmp_path: Path) -> None:
    settings = write_settings(tmp_path)
    await fill(settings)
    async with running(settings) as app:
        assert sorted(app.core.directory.lines) == [
            number.encode() for number in (ALICE, BOB, CAROL)
        ]
        status, page = await fetch(app, "/metrics")
        assert status == 200
        assert "sipedge_slots_paid 6.0" in page
        status, ready = await fetch(app, "/readyz")
        assert (status, "database" in ready) == (200, True)


async def test_a_registration_is_there_again_after_a_restart(tmp_path: Path) -> None:
    settings = write_settings(tmp_path)
    await fill(settings)
    async with running(settings) as app:
        phones = Phones(app)
        phone = await phones.register(ALICE)
        phones.peers.close()
    async with running(settings) as app:
        (binding,) = app.core.location.bindings(ALICE.encode())
        assert (binding.flow.host, binding.flow.port) == phone.address
        left = binding.expires_at - asyncio.get_running_loop().time()
        assert 3500 < left <= 3600


async def test_a_ticket_is_explained_after_a_restart(tmp_path: Path) -> None:
    settings = write_settings(tmp_path)
    await fill(settings)
    async with running(settings) as app:
        phones = Phones(app)
        alice, _ = await phones.register(ALICE), await phones.register(BOB)
        for _ in range(2):
            await phones.talk(alice, BOB)
        await phones.is_refused(alice, BOB)
        phones.peers.close()
    with sqlite3.connect(tmp_path / "var/sipedge.db") as database:
        (code,) = database.execute("SELECT ticket FROM refusal").fetchone()
    database.close()
    async with running(settings) as app:
        report = app.operator.refusal(code)
        assert report is not None
        assert (report["line"], report["used"], report["limit"]) == (ALICE, 2, 2)


async def test_expired_and_orphaned_registrations_leave_the_database(tmp_path: Path) -> None:
    settings = write_settings(tmp_path)
    await fill(settings)
    async with running(settings) as app:
        phones = Phones(app)
        for number in (ALICE, BOB, CAROL):
            await phones.register(number)
        phones.peers.close()
    with sqlite3.connect(tmp_path / "var/sipedge.db") as database:
        database.execute("UPDATE binding SET expires_at = ? WHERE aor = ?", (time.time() - 1, BOB))
        database.execute("UPDATE binding SET aor = '0033972199999' WHERE aor = ?", (CAROL,))
    database.close()
    async with running(settings) as app:
        assert len(app.core.location) == 1
    with sqlite3.connect(tmp_path / "var/sipedge.db") as database:
        assert database.execute("SELECT aor FROM binding").fetchall() == [(ALICE,)]
    database.close()


async def test_calls_take_slots_and_give_them_back(tmp_path: Path) -> None:
    settings = write_settings(tmp_path)
    await fill(settings)
    async with running(settings) as app:
        phones = Phones(app)
        alice, _ = await phones.register(ALICE), await phones.register(BOB)
        calls = [await phones.talk(alice, BOB) for _ in range(2)]
        refused = await phones.is_refused(alice, BOB)
        assert refused.status == 486
        _, page = await fetch(app, "/metrics")
        assert "sipedge_calls_active 2.0" in page
        assert "sipedge_slots_in_use 4.0" in page
        for call in calls:
            await phones.hang_up(call)
        _, page = await fetch(app, "/metrics")
        assert "sipedge_calls_active 0.0" in page
        assert "sipedge_slots_in_use 0.0" in page
        phones.peers.close()
        await app.keeper.records.flush()
        records = await app.stores.call_records.recent(ALICE)
        assert {record["ended_by"] for record in records} == {"caller"}


async def test_a_certificate_is_made_once_and_its_key_is_private(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, listen="tls://127.0.0.1:0")
    async with running(settings) as app:
        assert app.sip_ports[0] > 0
        assert app.core.listeners.by_index[0].port == app.sip_ports[0]
    certificate = (tmp_path / "var/tls.crt").read_bytes()
    assert stat.S_IMODE((tmp_path / "var/tls.key").stat().st_mode) == 0o600
    async with running(settings):
        pass
    assert (tmp_path / "var/tls.crt").read_bytes() == certificate


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
async def test_a_taken_address_is_one_line_and_leaves_nothing_open(
    scheme: str, tmp_path: Path
) -> None:
    kind = socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if scheme == "tcp":
            taken.listen()
        address = f"{scheme}://127.0.0.1:{taken.getsockname()[1]}"
        settings = write_settings(tmp_path, listen=f'udp://127.0.0.1:0", "{address}')
        before = open_files()
        with pytest.raises(StartError) as refused:
            await make_app(settings).start()
        assert str(refused.value).startswith(f"sip.listen: cannot listen on {address} (")
        assert "\n" not in str(refused.value)
        assert open_files() == before


async def test_a_taken_http_address_names_its_key(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = write_settings(tmp_path)
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        http = settings.http.model_copy(update={"listen": address})
        settings = settings.model_copy(update={"http": http})
        before = open_files()
        with pytest.raises(StartError, match=r"^http.listen: cannot listen on "):
            await make_app(settings).start()
        assert open_files() == before


async def test_a_second_edge_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    settings = write_settings(tmp_path)
    async with running(settings):
        with pytest.raises(StartError, match="another edge runs here"):
            await make_app(settings).start()
    async with running(settings):
        pass


async def test_files_that_are_no_pair_are_one_line(tmp_path: Path) -> None:
    for name in ("a.crt", "a.key"):
        (tmp_path / name).write_text("no PEM", encoding="ascii")
    settings = write_settings(tmp_path, listen="tls://127.0.0.1:0")
    sip = settings.sip.model_copy(
        update={"tls_certificate": str(tmp_path / "a.crt"), "tls_key": str(tmp_path / "a.key")}
    )
    with pytest.raises(StartError, match=r"^sip.tls_certificate: .* do not make a TLS pair"):
        await make_app(settings.model_copy(update={"sip": sip})).start()


async def test_everything_is_closed_after_the_stop(tmp_path: Path) -> None:
    before = open_files()
    settings = write_settings(tmp_path, listen='udp://127.0.0.1:0", "tls://127.0.0.1:0')
    async with running(settings) as app:
        port = app.sip_ports[0]
        tasks = asyncio.all_tasks()
    assert open_files() == before
    assert len(asyncio.all_tasks()) < len(tasks)
    open_udp_socket("127.0.0.1", port).close()


async def test_a_fault_in_stopping_one_part_does_not_leave_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = open_files()
    async with running(write_settings(tmp_path)) as app:

        async def fail() -> None:
            raise ZeroDivisionError("a fault of ours")

        app._cleanups.append(fail)
        with caplog.at_level(logging.ERROR):
            await app.stop()
    assert "stop_failed" in caplog.text
    assert open_files() == before


async def test_a_registration_answered_at_the_last_moment_is_written(tmp_path: Path) -> None:
    """No flush has happened yet when the edge is told to stop."""
    settings = write_settings(tmp_path)
    await fill(settings)
    async with running(settings) as app:
        phones = Phones(app)
        await phones.register(ALICE)
        phones.peers.close()
        await app.stop()
    with sqlite3.connect(tmp_path / "var/sipedge.db") as database:
        assert database.execute("SELECT count(*) FROM binding").fetchall() == [(1,)]
    database.close()


async def test_a_database_of_another_key_is_refused(tmp_path: Path) -> None:
    settings = write_settings(tmp_path)
    await fill(settings)
    (key,) = (tmp_path / "var").glob("*.key")
    key.write_bytes(key.read_bytes()[::-1])
    key.chmod(0o600)
    with pytest.raises(StoreError):
        await make_app(settings).start()


def test_run_serves_on_uvloop_until_it_is_told_to_stop(tmp_path: Path) -> None:
    settings = write_settings(tmp_path)
    asyncio.run(fill(settings, DATA))
    seen: list[str] = []

    def ready(app: App) -> None:
        seen.append(type(asyncio.get_running_loop()).__module__)
        seen.append(str(len(app.core.directory.lines)))
        os.kill(os.getpid(), signal.SIGTERM)

    run(make_app(settings), ready)
    assert seen == ["uvloop", "3"]


def test_a_process_may_open_as_many_files_as_its_system_lets_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda *limits: asked.append(limits))
    lifecycle.raise_file_limit()
    assert asked == [(resource.RLIMIT_NOFILE, (4096, 4096))]
