"""Datagram sockets, drained in batches: one wake-up, one `now`, many datagrams.

A raw socket with a reader costs less than a datagram protocol, works alike on asyncio and uvloop,
and lets the driver send everything at the end of a batch.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from sipedge.sip.flow import Flow

# Enough to empty the queue in a few turns, few enough to let timers and other sockets in between.
BATCH: Final = 64
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
        self._batch = 1

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to read."""
        loop.add_reader(self.sock.fileno(), self._drain)

    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop reading and close the socket."""
        loop.remove_reader(self.sock.fileno())
        self.sock.close()

    def send(self, flow: Flow, wire: bytes) -> None:
        """Send one datagram; a full buffer loses it, as the network might, and SIP repeats it."""
        try:
            self.sock.sendto(wire, (flow.host, flow.port))
        except OSError:
            self.send_failures += 1

    def _drain(self) -> None:
        """Read what has come, as many datagrams as seem to be there, and send what follows of it.

        The loop calls again while something is left, so a batch may end early. Asking an empty
        socket costs as much as reading a datagram: the batch grows while it fills up and shrinks
        when the socket is found empty, and an edge with little to do never asks in vain.
        """
        recvfrom = self.sock.recvfrom
        receive = self._receive
        index = self.index
        batch = self._batch
        for _ in range(batch):
            try:
                wire, address = recvfrom(_DATAGRAM_BYTES_MAX)
            except (BlockingIOError, InterruptedError):
                self._batch = max(1, batch // 2)
                break
            except OSError:
                # An ICMP error of an earlier send; its transaction's timers find out by themselves.
                continue
            receive(wire, Flow(index, "UDP", address[0], address[1]))
        else:
            if batch < BATCH:
                self._batch = batch + 1
        self._flush()


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
