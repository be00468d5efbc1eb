"""The driver between a real core and real sockets: phones here are sockets of the test."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Self

import pytest
from typing_extensions import override

from sipedge.proxy.edge import Edge
from sipedge.proxy.effects import CloseFlow, Effect, StoreBinding
from sipedge.proxy.listeners import Listener, Listeners
from sipedge.proxy.settings import ProxySettings
from sipedge.sip.flow import Flow
from sipedge.testing.builders import DOMAIN, build_edge, build_line, build_trunk
from sipedge.transport.driver import Driver
from sipedge.transport.udp import UdpListener, open_udp_socket
from tests.unit.transport.bench import until

LINE = "0033972100001"
BROKEN = b"OPTIONS sip:broken SIP/2.0\r\n\r\n"


class FragileEdge(Edge):
    """An edge with a fault: one request makes it raise, and so do its timers while `is_ill`."""

    __slots__ = ("is_ill",)

    def __init__(self, edge: Edge) -> None:
        super().__init__(edge.core)
        self.is_ill = False

    @override
    def receive(self, wire: bytes, flow: Flow, now: float) -> None:
        if wire == BROKEN:
            raise ZeroDivisionError("a fault of ours")
        super().receive(wire, flow, now)

    @override
    def handle_timers(self, now: float) -> None:
        super().handle_timers(now)
        if self.is_ill:
            self.is_ill = False
            raise ZeroDivisionError("a fault of ours in a timer")


class Bench:
    """A driver with one UDP and one TCP listener, before a line whose REGISTER needs no proof."""

    def __init__(self) -> None:
        sock = open_udp_socket("127.0.0.1", 0)
        self.udp: tuple[str, int] = sock.getsockname()
        listeners = [
            Listener(0, "UDP", "127.0.0.1", self.udp[1], str),
            Listener(1, "TCP", "127.0.0.1", 0, str),
        ]
        edge = build_edge(
            lines=[build_line(LINE)],
            trunks=[build_trunk(hosts=("127.0.0.2",), port=1)],
            settings=ProxySettings(authenticate=frozenset()),
            listeners=Listeners(listeners, frozenset({DOMAIN, "127.0.0.1"}), lambda _host: False),
        )
        self.edge = FragileEdge(edge)
        self.kept: list[Effect] = []
        self.driver = Driver(self.edge, self.kept.append)
        self.driver.add_udp(UdpListener(0, sock, self.driver.receive, self.driver.flush))
        self.tcp_port = 0

    async def __aenter__(self) -> Self:
        self.tcp_port = await self.driver.streams.listen(1, "TCP", "127.0.0.1", 0, None)
        self.edge.core.listeners.by_index[1].port = self.tcp_port
        self.driver.start()
        return self

    async def __aexit__(self, *_failure: object) -> None:
        await self.driver.stop()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench() as bench:
        yield bench


@pytest.fixture
def phone() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


def request(
    method: str, uri: str, *lines: str, transport: str = "UDP", port: int = 5999, token: str = "a"
) -> bytes:
    head = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/{transport} 127.0.0.1:{port};rport;branch=z9hG4bK{token}",
        f"From: <sip:{LINE}@{DOMAIN}>;tag={token}",
        f"To: <sip:{LINE}@{DOMAIN}>",
        f"Call-ID: {token}",
        f"CSeq: 1 {method}",
        "Max-Forwards: 70",
        *lines,
        "Content-Length: 0",
    ]
    return "\r\n".join([*head, "", ""]).encode()


async def receive(phone: socket.socket, seconds: float = 10) -> bytes:
    async with asyncio.timeout(seconds):
        return await asyncio.get_running_loop().sock_recv(phone, 65_536)


async def test_a_request_over_udp_is_answered(bench: Bench, phone: socket.socket) -> None:
    phone.sendto(request("OPTIONS", f"sip:{DOMAIN}"), bench.udp)
    answer = await receive(phone)
    assert answer.startswith(b"SIP/2.0 200 ")
    assert bench.edge.core.counters.bytes_out == len(answer)


async def test_requests_over_one_stream_are_answered_in_order(bench: Bench) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.tcp_port)
    for token in ("a", "b"):
        writer.write(request("OPTIONS", f"sip:{DOMAIN}", transport="TCP", token=token))
    for token in ("a", "b"):
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"SIP/2.0 200 ")
        assert f"\r\nCall-ID: {token}\r\n".encode() in answer
    writer.close()


async def test_a_stream_that_cannot_be_cut_gets_its_400_before_it_is_closed(bench: Bench) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.tcp_port)
    wire = request("OPTIONS", f"sip:{DOMAIN}", transport="TCP")
    writer.write(wire.replace(b"Content-Length: 0", b"Content-Length: x"))
    assert (await reader.read()).startswith(b"SIP/2.0 400 ")
    assert bench.edge.core.counters.refusals["malformed"] == 1
    writer.close()


async def test_what_is_no_send_goes_to_the_keeper(bench: Bench, phone: socket.socket) -> None:
    contact = f"Contact: <sip:{LINE}@127.0.0.1:{phone.getsockname()[1]}>"
    phone.sendto(request("REGISTER", f"sip:{DOMAIN}", contact), bench.udp)
    assert (await receive(phone)).startswith(b"SIP/2.0 200 ")
    (effect,) = bench.kept
    assert isinstance(effect, StoreBinding)


async def test_the_core_may_close_a_stream(bench: Bench) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.tcp_port)
    writer.write(b"\r\n\r\n")
    assert await reader.readexactly(2) == b"\r\n"
    bench.edge.core.effects.others.append(CloseFlow(1, 1))
    bench.driver.flush()
    assert await reader.read() == b""
    assert bench.kept == []
    writer.close()


async def test_timers_fire_without_any_message(bench: Bench, phone: socket.socket) -> None:
    """A phone that does not answer is sent the INVITE again after T1."""
    port = phone.getsockname()[1]
    contact = f"Contact: <sip:{LINE}@127.0.0.1:{port}>"
    phone.sendto(request("REGISTER", f"sip:{DOMAIN}", contact), bench.udp)
    await receive(phone)
    phone.sendto(request("INVITE", f"sip:{LINE}@{DOMAIN}", contact, token="b"), bench.udp)
    seen = [await receive(phone) for _ in range(3)]
    assert sorted(wire[:11] for wire in seen) == [b"INVITE sip:", b"INVITE sip:", b"SIP/2.0 100"]
    first, again = (wire for wire in seen if wire.startswith(b"INVITE"))
    assert first == again


async def test_a_fault_in_one_message_ends_nothing_else(
    bench: Bench, phone: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        phone.sendto(BROKEN, bench.udp)
        phone.sendto(request("OPTIONS", f"sip:{DOMAIN}"), bench.udp)
        assert (await receive(phone)).startswith(b"SIP/2.0 200 ")
    assert bench.driver.failures == 1
    assert "a fault of ours" in caplog.text


async def test_a_thousand_faults_do_not_fill_the_log(
    bench: Bench, phone: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    flow = Flow(0, "UDP", "127.0.0.1", 1)
    with caplog.at_level(logging.ERROR):
        for _ in range(1000):
            bench.driver.receive(BROKEN, flow)
    assert bench.driver.failures == 1000
    assert len(caplog.records) == 21


async def test_a_fault_in_a_timer_does_not_stop_the_clock(
    bench: Bench, phone: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    contact = f"Contact: <sip:{LINE}@127.0.0.1:{phone.getsockname()[1]}>"
    phone.sendto(request("REGISTER", f"sip:{DOMAIN}", contact), bench.udp)
    await receive(phone)
    bench.edge.is_ill = True
    phone.sendto(request("INVITE", f"sip:{LINE}@{DOMAIN}", contact, token="b"), bench.udp)
    with caplog.at_level(logging.ERROR):
        # Two copies: the second one comes by a timer that was armed after the fault.
        seen = [await receive(phone) for _ in range(4)]
    assert sum(wire.startswith(b"INVITE") for wire in seen) == 3
    assert "a fault of ours in a timer" in caplog.text


async def test_a_stream_that_cannot_be_opened_is_told_to_the_core(
    bench: Bench, phone: socket.socket
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    contact = f"Contact: <sip:{LINE}@127.0.0.1:{closed};transport=tcp>"
    wire = request("REGISTER", f"sip:{DOMAIN}", contact)
    bench.driver.receive(wire, Flow(1, "TCP", "127.0.0.1", closed))
    bench.driver.flush()
    await until(lambda: bench.edge.core.layer.count_by_kind()["other_server"] == 0)
    phone.sendto(request("INVITE", f"sip:{LINE}@{DOMAIN}", contact, token="b"), bench.udp)
    seen = [await receive(phone) for _ in range(2)]
    assert seen[0].startswith(b"SIP/2.0 100 ")
    assert seen[1].startswith((b"SIP/2.0 480 ", b"SIP/2.0 503 ", b"SIP/2.0 500 ", b"SIP/2.0 408 "))


async def test_nothing_is_heard_after_the_stop() -> None:
    async with Bench() as bench:
        _, writer = await asyncio.open_connection("127.0.0.1", bench.tcp_port)
        address = bench.udp
    open_udp_socket(*address).close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", bench.tcp_port)
    writer.close()
