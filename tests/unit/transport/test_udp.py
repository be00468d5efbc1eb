import asyncio
import errno
import socket
from collections.abc import Iterator
from itertools import pairwise

import pytest

from sipedge.sip.flow import Flow
from sipedge.transport.udp import BATCH, UdpListener, open_udp_socket
from tests.unit.transport.bench import until

LISTENER = 2


class Inbox:
    """A listener on a loopback port; `flushes` holds how many messages each batch had brought."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.received: list[tuple[bytes, Flow]] = []
        self.flushes: list[int] = []
        self.listener = UdpListener(LISTENER, open_udp_socket(host, 0), self._receive, self._flush)
        self.address = self.listener.sock.getsockname()

    def _receive(self, wire: bytes, flow: Flow) -> None:
        self.received.append((wire, flow))

    def _flush(self) -> None:
        self.flushes.append(len(self.received))


@pytest.fixture
def phone() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        yield sock


async def test_a_datagram_comes_with_the_flow_that_answers_it(phone: socket.socket) -> None:
    inbox = Inbox()
    loop = asyncio.get_running_loop()
    inbox.listener.start(loop)
    phone.sendto(b"hello", inbox.address)
    await until(lambda: inbox.received)
    ((wire, flow),) = inbox.received
    assert wire == b"hello"
    assert (flow.listener, flow.transport, flow.host, flow.port) == (
        LISTENER,
        "UDP",
        *phone.getsockname(),
    )
    assert not flow.reliable
    inbox.listener.send(flow, b"answer")
    assert phone.recv(100) == b"answer"
    inbox.listener.stop(loop)


async def test_ipv6_flows_have_no_brackets() -> None:
    inbox = Inbox("::1")
    loop = asyncio.get_running_loop()
    inbox.listener.start(loop)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as phone:
        phone.bind(("::1", 0))
        phone.settimeout(10)
        phone.sendto(b"hello", inbox.address)
        await until(lambda: inbox.received)
        flow = inbox.received[0][1]
        assert (flow.host, flow.port) == phone.getsockname()[:2]
        inbox.listener.send(flow, b"answer")
        assert phone.recv(100) == b"answer"
    inbox.listener.stop(loop)


async def test_every_datagram_of_a_burst_is_read_in_order(phone: socket.socket) -> None:
    inbox = Inbox()
    loop = asyncio.get_running_loop()
    sent = [b"%d" % number for number in range(BATCH + BATCH // 4)]
    for wire in sent:
        phone.sendto(wire, inbox.address)
    inbox.listener.start(loop)
    await until(lambda: len(inbox.received) == len(sent))
    assert [wire for wire, _ in inbox.received] == sent
    sizes = [after - before for before, after in pairwise([0, *inbox.flushes])]
    assert max(sizes) <= BATCH
    assert len(sizes) < len(sent) / 2, "a burst is worked off in batches"
    inbox.listener.stop(loop)


async def test_an_empty_datagram_and_the_largest_one_are_read(phone: socket.socket) -> None:
    inbox = Inbox()
    loop = asyncio.get_running_loop()
    inbox.listener.start(loop)
    phone.sendto(b"", inbox.address)
    phone.sendto(b"x" * 65_507, inbox.address)
    await until(lambda: len(inbox.received) == 2)
    assert [len(wire) for wire, _ in inbox.received] == [0, 65_507]
    inbox.listener.stop(loop)


async def test_a_send_that_fails_is_counted_and_ends_nothing(phone: socket.socket) -> None:
    inbox = Inbox()
    loop = asyncio.get_running_loop()
    inbox.listener.start(loop)
    for flow in (Flow(LISTENER, "UDP", "2001:db8::1", 5060), Flow(LISTENER, "UDP", "127.0.0.1", 0)):
        inbox.listener.send(flow, b"lost")
    assert inbox.listener.send_failures == 2
    inbox.listener.send(Flow(LISTENER, "UDP", "127.0.0.1", 9), b"x" * 70_000)
    assert inbox.listener.send_failures == 3
    phone.sendto(b"still here", inbox.address)
    await until(lambda: inbox.received)
    inbox.listener.stop(loop)


async def test_a_port_that_is_closed_does_not_disturb_the_others(phone: socket.socket) -> None:
    """The ICMP error of a send to it surfaces at the next read, as an OSError."""
    inbox = Inbox()
    loop = asyncio.get_running_loop()
    inbox.listener.start(loop)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        closed = gone.getsockname()
    inbox.listener.send(Flow(LISTENER, "UDP", *closed), b"nobody")
    phone.sendto(b"hello", inbox.address)
    await until(lambda: inbox.received)
    inbox.listener.stop(loop)


def test_a_taken_address_and_a_foreign_one_are_refused() -> None:
    with open_udp_socket("127.0.0.1", 0) as taken:
        with pytest.raises(OSError, match=r".") as in_use:
            open_udp_socket("127.0.0.1", taken.getsockname()[1])
        assert in_use.value.errno == errno.EADDRINUSE
    with pytest.raises(OSError, match=r".") as foreign:
        open_udp_socket("192.0.2.1", 0)
    assert foreign.value.errno == errno.EADDRNOTAVAIL


def test_an_ipv6_wildcard_leaves_ipv4_to_another_listener() -> None:
    with open_udp_socket("::", 0) as ipv6:
        port = ipv6.getsockname()[1]
        open_udp_socket("0.0.0.0", port).close()
