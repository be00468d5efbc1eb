"""Simulated peers on real sockets: the same phones and carriers, over UDP, on the loop of asyncio.

A peer knows neither sockets nor time; here a datagram socket gives it the one and the loop the
other. Nothing but loopback addresses is meant to be used.
"""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from typing import Final

from sipedge.testing.agent import Address, UserAgent

_DATAGRAM_BYTES_MAX: Final = 65_535
# What a peer heard last, for whoever wants to show a message as it came.
_HEARD_MAX: Final = 50


def open_socket(host: str = "127.0.0.1") -> socket.socket:
    """Bind a datagram socket to a free port of a local address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)  # noqa: FBT003 - it takes no keyword
        sock.bind((host, 0))
    except OSError:
        sock.close()
        raise
    return sock


def address_of(sock: socket.socket) -> Address:
    """Return host and port of a bound socket."""
    name = sock.getsockname()
    return str(name[0]), int(name[1])


class LivePeer:
    """One peer behind one socket. `heard` holds the latest messages it got, the newest last."""

    def __init__(self, agent: UserAgent, sock: socket.socket, changed: Callable[[], None]) -> None:
        self.agent = agent
        self.heard: deque[bytes] = deque(maxlen=_HEARD_MAX)
        self._sock = sock
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._loop.add_reader(sock.fileno(), self._read)

    def pump(self) -> None:
        """Send what the peer wants to say and wake it when it wants to be woken."""
        for destination, wire in self.agent.take_sends():
            # A full buffer or a port where nobody listens loses it, as the network might.
            with contextlib.suppress(OSError):
                self._sock.sendto(wire, destination)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.agent.next_deadline()
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._wake)

    def close(self) -> None:
        """Leave the network."""
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()

    def _read(self) -> None:
        try:
            wire, source = self._sock.recvfrom(_DATAGRAM_BYTES_MAX)
        except OSError:
            # Nothing there after all, or the ICMP error of an earlier send.
            return
        self.heard.append(wire)
        self.agent.receive(wire, (str(source[0]), int(source[1])))
        self.pump()
        self._changed()

    def _wake(self) -> None:
        self.agent.handle_timers()
        self.pump()
        self._changed()


class LivePeers:
    """The peers of one loop. Tell an agent what to do, then wait with `until`."""

    def __init__(self) -> None:
        self._peers: list[LivePeer] = []
        self._has_changed = asyncio.Event()

    def join(self, agent: UserAgent, sock: socket.socket) -> LivePeer:
        """Give an agent its socket, which is closed with the others."""
        peer = LivePeer(agent, sock, self._has_changed.set)
        self._peers.append(peer)
        return peer

    async def until(self, is_so: Callable[[], object], seconds: float = 10.0) -> bool:
        """Let the peers go on until something is so; False when it is not within this time."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    for peer in self._peers:
                        peer.pump()
                    if is_so():
                        return True
                    self._has_changed.clear()
                    await self._has_changed.wait()
        except TimeoutError:
            return bool(is_so())

    def close(self) -> None:
        """Let every peer leave the network."""
        for peer in self._peers:
            peer.close()
        self._peers.clear()
