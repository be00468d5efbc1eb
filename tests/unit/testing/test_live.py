import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from sipedge.testing.agent import UserAgent
from sipedge.testing.calls import ENDED, TALKING, IncomingCall
from sipedge.testing.live import LivePeers, address_of, open_socket
from sipedge.testing.phone import Phone


@pytest.fixture
async def peers() -> AsyncIterator[LivePeers]:
    peers = LivePeers()
    yield peers
    peers.close()


def place(peers: LivePeers, user: str, seed: int, host: str = "127.0.0.1") -> Phone:
    sock = open_socket(host)
    clock = asyncio.get_running_loop().time
    phone = Phone(user, "secret", address_of(sock), address_of(sock), clock, seed=seed)
    peers.join(phone, sock)
    return phone


def answer(call: IncomingCall) -> None:
    call.ring()
    call.answer()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_two_phones_talk_over_real_sockets(peers: LivePeers, host: str) -> None:
    """Each takes the other for its proxy, so no edge is needed."""
    alice, bob = place(peers, "alice", 1, host), place(peers, "bob", 2, host)
    alice.edge, bob.edge = bob.address, alice.address
    bob.on_call = answer
    call = alice.call("bob")
    assert await peers.until(lambda: bool(bob.talking) and call.stage is TALKING)
    call.hang_up()
    assert await peers.until(lambda: not bob.current)
    assert (call.ended_by, bob.calls[0].ended_by) == ("us", "them")


async def test_what_a_peer_heard_can_be_shown(peers: LivePeers) -> None:
    alice, bob = place(peers, "alice", 1), place(peers, "bob", 2)
    alice.edge, bob.edge = bob.address, alice.address
    bob.on_call = lambda call: call.refuse(603)
    call = alice.call("bob")
    assert await peers.until(lambda: call.stage is ENDED)
    heard = [wire.partition(b"\r\n")[0] for peer in peers._peers for wire in peer.heard]
    assert b"SIP/2.0 603 Decline" in heard
    assert b"INVITE sip:bob@edge.test SIP/2.0" in heard


async def test_a_peer_that_hears_nothing_says_it_again(peers: LivePeers) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        alice = place(peers, "alice", 1)
        alice.edge = silent.getsockname()
        alice.register()
        assert await peers.until(lambda: alice.copies_sent == 1)
        silent.settimeout(5)
        assert silent.recv(65_535) == silent.recv(65_535)


async def test_waiting_in_vain_ends(peers: LivePeers) -> None:
    place(peers, "alice", 1)
    assert not await peers.until(lambda: False, 0.05)


async def test_a_port_where_nobody_listens_disturbs_nobody(peers: LivePeers) -> None:
    with open_socket() as gone:
        closed = address_of(gone)
    alice, bob = place(peers, "alice", 1), place(peers, "bob", 2)
    alice.edge, bob.edge = closed, alice.address
    alice.register()
    assert not await peers.until(lambda: False, 0.05)
    alice.edge = bob.address
    bob.on_call = answer
    call = alice.call("bob")
    assert await peers.until(lambda: call.stage is TALKING)


async def test_after_the_end_a_socket_is_free_again(peers: LivePeers) -> None:
    alice = place(peers, "alice", 1)
    assert isinstance(alice, UserAgent)
    peers.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(alice.address)
