"""Phones on IPv6, and calls between the two families, through a running edge."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from sipedge.testing.agent import Address
from sipedge.testing.calls import TALKING, IncomingCall, OutgoingCall
from sipedge.testing.live import LivePeers, address_of, open_socket
from sipedge.testing.phone import Phone
from tests.interop.peers.addresses import free_address
from tests.interop.peers.edge import Edge, EdgeSettings, make_lines

IPV6: Final = "::1"
IPV4: Final = "127.0.1.7"


class DualEdge:
    """A running edge that listens on both families."""

    def __init__(self, edge: Edge, ipv6: Address) -> None:
        self.edge = edge
        self._ipv6 = ipv6

    def address(self, host: str) -> Address:
        """Return where a phone at this host sends to."""
        return self._ipv6 if ":" in host else self.edge.address


def free_ipv6_port() -> int:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind((IPV6, 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def dual_edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DualEdge]:
    port = free_ipv6_port()
    address = free_address()
    listen = [f"udp://{address}", f"udp://[{IPV6}]:{port}", f"tcp://[{IPV6}]:{port}"]
    settings = EdgeSettings(extra={"sip": {"listen": listen}})
    work: Path = tmp_path_factory.mktemp("edge")
    edge = Edge(work=work, lines=make_lines(12), settings=settings)
    edge.address = address
    with edge.prepare().start():
        yield DualEdge(edge, (IPV6, port))


@pytest.fixture
async def peers() -> AsyncIterator[LivePeers]:
    peers = LivePeers()
    yield peers
    peers.close()


async def register(dual_edge: DualEdge, peers: LivePeers, host: str, seed: int) -> Phone:
    """Register a phone of a fresh line from this address."""
    line = dual_edge.edge.take_line()
    sock = open_socket(host)
    clock = asyncio.get_running_loop().time
    edge = dual_edge.address(host)
    phone = Phone(line.number, line.secret, address_of(sock), edge, clock, seed=seed)
    phone.on_call = IncomingCall.answer
    peers.join(phone, sock)
    phone.register()
    assert await peers.until(lambda: phone.registration_status)
    assert phone.registration_status == 200
    return phone


def is_talking(call: OutgoingCall) -> bool:
    return call.stage is TALKING


async def test_a_phone_registers_its_ipv6_address(dual_edge: DualEdge, peers: LivePeers) -> None:
    phone = await register(dual_edge, peers, IPV6, 1)
    (binding,) = phone.bindings
    assert f"@[{IPV6}]:{phone.address[1]}>".encode() in binding


@pytest.mark.parametrize(
    ("caller_host", "callee_host"),
    [(IPV6, IPV6), (IPV6, IPV4), (IPV4, IPV6)],
    ids=["v6 to v6", "v6 to v4", "v4 to v6"],
)
async def test_a_call_passes_within_and_between_the_families(
    dual_edge: DualEdge, peers: LivePeers, caller_host: str, callee_host: str
) -> None:
    """Each side hangs up once: the BYE finds its way through the edge in both directions."""
    caller = await register(dual_edge, peers, caller_host, 2)
    callee = await register(dual_edge, peers, callee_host, 3)
    for ends_it in (caller, callee):
        call = caller.call(callee.user)
        assert await peers.until(partial(is_talking, call)), call.status
        assert callee.talking[-1].call_id == call.call_id
        ends_it.talking[-1].hang_up()
        assert await peers.until(lambda: not caller.current and not callee.current)
    assert caller.unexpected == []
    assert callee.unexpected == []
    await asyncio.to_thread(dual_edge.edge.assert_idle)


def test_the_stream_listener_answers_on_ipv6(dual_edge: DualEdge) -> None:
    host, port = dual_edge.address(IPV6)
    request = (
        f"OPTIONS sip:[{host}]:{port} SIP/2.0\r\n"
        f"Via: SIP/2.0/TCP [{host}]:9;branch=z9hG4bKv6;rport\r\nMax-Forwards: 70\r\n"
        f"From: <sip:a@[{host}]>;tag=a\r\nTo: <sip:[{host}]>\r\nCall-ID: v6\r\n"
        "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    with socket.create_connection((host, port), timeout=10) as stream:
        stream.sendall(request.encode("ascii"))
        assert stream.recv(65_536).startswith(b"SIP/2.0 200 ")
