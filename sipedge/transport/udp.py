"""Datagram sockets, drained in batches: one wake-up, one `now`, many datagrams.

A raw socket with a reader costs less than a datagram protocol, works alike on asyncio and uvloop,
and lets the driver send everything at the end of a batch. Under load the socket is looked at every
two milliseconds instead of at every datagram, as a network card does with its interrupts: waking up
for a single datagram costs as much again as dealing with it (ADR 0014).
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from sipedge.sip.flow import Flow

# Enough to empty the queue in a few turns, few enough to let timers and other sockets in between.
BATCH: Final = 256
# The longest that a datagram waits under load; T1, after which a peer repeats itself, is 500 ms.
TICK_SECONDS: Final = 0.002
# 4 MiB hold about two seconds of a flood; the kernel clips it to net.core.rmem_max.
SOCKET_BUFFER_BYTES: Final = 4 * 1024 * 1024
_DATAGRAM_BYTES_MAX: Final = 65_535


class UdpListener:
    """One bound datagram socket.

    `receive(wire, flow)` is called for each datagram, `flush()` once after each batch.
    """

    def __init__(
        self,
        index: int,
        sock: socket.socket,
        receive: Callable[[bytes, Flow], None],
        flush: Callable[[], None],
    ) -> None:
        self.index = index
        self.sock = sock
        self._receive = receive
        self._flush = flush
        self.send_failures = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._woken_at = 0.0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to read."""
        self._loop = loop
        loop.add_reader(self.sock.fileno(), self._wake)

    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop reading and close the socket."""
        if self._timer is not None:
            self._timer.cancel()
        loop.remove_reader(self.sock.fileno())
        self.sock.close()

    def send(self, flow: Flow, wire: bytes) -> None:
        """Send one datagram; a full buffer loses it, as the network might, and SIP repeats it."""
        try:
            self.sock.sendto(wire, (flow.host, flow.port))
        except OSError:
            self.send_failures += 1

    def _wake(self) -> None:
        """Something came: read it, and when wake-ups follow each other fast, go over to ticks."""
        loop = self._loop
        assert loop is not None, "a listener is started before it reads"
        now = loop.time()
        count = self._drain()
        if now - self._woken_at < TICK_SECONDS and count:
            loop.remove_reader(self.sock.fileno())
            self._timer = loop.call_later(TICK_SECONDS, self._tick)
        self._woken_at = now

    def _tick(self) -> None:
        """Read what came since the last tick; an empty one goes back to being woken."""
        loop = self._loop
        assert loop is not None, "a listener is started before it reads"
        count = 1
        try:
            count = self._drain()
        finally:
            # Whatever went wrong with this batch, the next one must be read.
            if count:
                self._timer = loop.call_later(TICK_SECONDS, self._tick)
            else:
                self._timer = None
                loop.add_reader(self.sock.fileno(), self._wake)

    def _drain(self) -> int:
        """Read what is there, up to a bound, send what follows of it, and return how many came."""
        recvfrom = self.sock.recvfrom
        receive = self._receive
        index = self.index
        count = 0
        for _ in range(BATCH):
            try:
                wire, address = recvfrom(_DATAGRAM_BYTES_MAX)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                # An ICMP error of an earlier send; its transaction's timers find out by themselves.
                continue
            count += 1
            receive(wire, Flow(index, "UDP", address[0], address[1]))
        self._flush()
        return count


def open_udp_socket(host: str, port: int) -> socket.socket:
    """Bind a non-blocking datagram socket; raises OSError when the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER_BYTES)
        sock.setblocking(False)  # noqa: FBT003 - it takes no keyword
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
