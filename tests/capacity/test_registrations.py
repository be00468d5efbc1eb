"""What one edge holds: 100,000 registrations of 100,000 lines, in a bounded memory."""

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from sipedge.config import load_settings
from sipedge.stores.bindings import StoredBinding
from sipedge.stores.opening import opened_stores
from sipedge.testing.agent import Address
from sipedge.testing.calls import ENDED, TALKING, IncomingCall
from sipedge.testing.live import LivePeers, address_of, open_socket
from sipedge.testing.phone import Phone
from tests.interop.peers.edge import Edge, Line

LINES: Final = 100_000
MEMORY_KIB_MAX: Final = 400 * 1024
START_SECONDS_MAX: Final = 60.0
PHONE_HOST: Final = "127.0.1.9"
BATCH: Final = 5_000
EXPIRES_SECONDS: Final = 3_000


def make_binding(line: Line, address: Address, expires_at: float) -> StoredBinding:
    """Return a registration as a desk phone of this line would have left it."""
    host, port = address
    return StoredBinding(
        aor=line.number,
        contact_uri=f"sip:{line.number}@{host}:{port};transport=udp".encode("ascii"),
        listener=0,
        transport="UDP",
        host=host,
        port=port,
        q=1000,
        expires_at=expires_at,
        call_id=f"{line.number}-8f3a2c7d91be@{host}".encode("ascii"),
        cseq=17,
        instance=f"urn:uuid:00000000-0000-1000-8000-{line.number[-12:]}".encode("ascii"),
        reg_id=1,
        path=b"",
        user_agent=b"Yealink SIP-T54W 96.86.0.70",
        updated_at=expires_at - EXPIRES_SECONDS,
    )


async def store_bindings(edge: Edge, called: Line, phone: Address) -> None:
    """Register every line in the database: the called one at its phone, the others far away."""
    settings = load_settings(edge.config_path, environ={})
    expires_at = time.time() + EXPIRES_SECONDS
    rows = [
        make_binding(line, (f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}", 5060), expires_at)
        for index, line in enumerate(edge.lines)
        if line is not called
    ]
    rows.append(make_binding(called, phone, expires_at))
    async with opened_stores(settings.database.url, settings.edge.data_path) as stores:
        for start in range(0, len(rows), BATCH):
            await stores.bindings.apply(rows[start : start + BATCH])


def resident_kib(pid: int) -> int:
    """Return the memory that a process holds now, as the kernel counts it."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    found = re.search(r"^VmRSS:\s+([0-9]+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1])


@pytest.fixture(scope="module")
def callee_socket() -> Iterator[socket.socket]:
    with open_socket(PHONE_HOST) as sock:
        yield sock


@pytest.fixture(scope="module")
def full_edge(
    tmp_path_factory: pytest.TempPathFactory, callee_socket: socket.socket
) -> Iterator[Edge]:
    """An edge that is not started yet, over a database with everybody in it."""
    lines = [Line(f"00339721{index:05}", f"s3cret-{index:05}") for index in range(LINES)]
    edge = Edge(work=tmp_path_factory.mktemp("full"), lines=lines).prepare()
    asyncio.run(store_bindings(edge, lines[-1], address_of(callee_socket)))
    yield edge
    edge.stop()


async def call_the_last_line(edge: Edge, sock: socket.socket) -> None:
    """Let a phone of the first line call the last one, whose phone has not registered again."""
    peers = LivePeers()
    loop = asyncio.get_running_loop()
    first, last = edge.lines[0], edge.lines[-1]
    callee = Phone(last.number, last.secret, address_of(sock), edge.address, loop.time, seed=1)
    callee.on_call = IncomingCall.answer
    peers.join(callee, sock.dup())
    caller_socket = open_socket(PHONE_HOST)
    caller = Phone(
        first.number, first.secret, address_of(caller_socket), edge.address, loop.time, seed=2
    )
    peers.join(caller, caller_socket)
    try:
        call = caller.call(last.number)
        assert await peers.until(lambda: call.stage is TALKING), call.status
        call.hang_up()
        assert await peers.until(lambda: callee.calls[0].stage is ENDED)
    finally:
        peers.close()


def test_a_hundred_thousand_registrations_fit_and_are_called(
    full_edge: Edge, callee_socket: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    started_at = time.monotonic()
    full_edge.start()
    seconds = time.monotonic() - started_at
    metrics = full_edge.metrics()
    assert metrics["sipedge_registrations"] == LINES
    kib = resident_kib(full_edge.pid)
    with capsys.disabled():
        said = f"ready after {seconds:.1f} s, {kib / 1024:.0f} MiB"
        print(f"\n{LINES} registrations: {said}")  # noqa: T201 - a figure for the log of the run
    assert kib < MEMORY_KIB_MAX
    assert seconds < START_SECONDS_MAX
    asyncio.run(call_the_last_line(full_edge, callee_socket))
    full_edge.assert_idle()
    assert resident_kib(full_edge.pid) < MEMORY_KIB_MAX


def test_a_paid_increase_among_a_hundred_thousand_lines_acts_within_a_second(
    full_edge: Edge,
) -> None:
    """The edge follows the database by the line, not by reading all of it."""
    if not full_edge.is_running():
        full_edge.start()
    number = full_edge.lines[LINES // 2].number
    before = full_edge.metrics()["sipedge_slots_paid"]
    full_edge.cli("line", "set", number, "--calls", "7")
    assert full_edge.metrics()["sipedge_slots_paid"] == before + 5
    lag = full_edge.metrics()["sipedge_event_loop_lag_max_seconds"]
    assert lag < 1.0, f"no message waited for it: the worst lag is {lag} s"
