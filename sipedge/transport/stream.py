"""Streams: TCP and TLS connections, accepted or opened, each a flow of its own (RFC 5626)."""

import asyncio
import contextlib
import resource
import ssl
import sys
from collections.abc import Callable
from typing import Final, cast

from typing_extensions import override

from sipedge.sip.flow import Flow
from sipedge.sip.framing import PING, KeepAlive, StreamFramer, UnframableMessage

# A message must be whole this long after its first octet: a slow-loris holds one socket, not more.
MESSAGE_SECONDS_MAX: Final = 10.0
# Phones ping every 2 minutes or re-register every hour; what is silent longer is gone.
IDLE_SECONDS_MAX: Final = 7_200.0
# A TLS handshake is two round trips; until it is done nobody counts the connection.
HANDSHAKE_SECONDS_MAX: Final = 10.0
CONNECT_SECONDS_MAX: Final = 10.0
# Sites behind one address have hundreds of phones; more connections than this are an attack.
CONNECTIONS_PER_HOST_MAX: Final = 2_000
# Files that the edge opens beside the connections: the database, listeners, scrapes, commands.
_FILES_RESERVED: Final = 256
# What is left to be written when the edge stops gets this long to leave.
STOP_SECONDS_MAX: Final = 1.0
# A peer that does not read its socket is cut off before it fills our memory.
WRITE_BUFFER_BYTES_MAX: Final = 1024 * 1024
_QUEUED_MAX: Final = 1_000


class StreamConnection(asyncio.Protocol):
    """One connection; what it receives goes to the `Streams` that own it."""

    def __init__(
        self,
        streams: "Streams",
        listener: int,
        transport_name: str,
        connection: int,
        *,
        opened_by_us: bool,
    ) -> None:
        self._streams = streams
        self._listener = listener
        self._transport_name = transport_name
        self._connection = connection
        self._framer = StreamFramer(opened_by_us=opened_by_us)
        self._transport: asyncio.Transport | None = None
        self.flow = Flow(listener, transport_name, "", 0, connection)
        self.is_addressed = False
        """Whether messages went this way because of its address, not as answers on this flow."""
        self.active_at = 0.0
        self.message_began_at = 0.0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Learn who is there and become known as a flow."""
        # Not asserted: the transports of uvloop have the methods and not the base class.
        transport = cast("asyncio.Transport", transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES_MAX)
        peer = transport.get_extra_info("peername") or ("", 0)
        self.flow = Flow(
            self._listener, self._transport_name, str(peer[0]), int(peer[1]), self._connection
        )
        if not self._streams.add(self):
            transport.abort()

    @override
    def data_received(self, data: bytes) -> None:
        """Cut messages out of the stream and hand them on, in order."""
        streams = self._streams
        now = streams.clock()
        self.active_at = now
        try:
            framed = self._framer.feed(data)
        except UnframableMessage as error:
            self._take(error.framed)
            streams.refuse(error, self.flow)
            self.close()
            return
        self._take(framed)
        if self._framer.is_idle:
            self.message_began_at = 0.0
        elif framed or not self.message_began_at:
            self.message_began_at = now

    def _take(self, framed: list[bytes | KeepAlive]) -> None:
        for item in framed:
            if item is PING:
                self.send(b"\r\n")
            elif isinstance(item, bytes):
                self._streams.receive(item, self.flow)
        self._streams.flush()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the flow and fail its transactions."""
        self._streams.remove(self)

    def send(self, wire: bytes) -> None:
        """Write one message; a peer that lets too much pile up is cut off."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(wire)
        if transport.get_write_buffer_size() > WRITE_BUFFER_BYTES_MAX:
            transport.abort()

    def close(self) -> None:
        """Close after what was written has left."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once, whatever was still to be written."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def is_closing(self) -> bool:
        """Whether it was closed already and only waits for its peer to read."""
        return self._transport is not None and self._transport.is_closing()

    def is_overdue(self, now: float) -> bool:
        """True when a message is unfinished for too long, or nothing came for hours."""
        if self.message_began_at and now - self.message_began_at > MESSAGE_SECONDS_MAX:
            return True
        return now - self.active_at > IDLE_SECONDS_MAX


def find_connections_max() -> int:
    """Return how many connections fit into the files that this process may open."""
    files_max, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files_max == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(files_max - _FILES_RESERVED, 1)


class Streams:
    """All connections of one edge: by listener and number, and by the address they lead to."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        receive: Callable[[bytes, Flow], None],
        flush: Callable[[], None],
        refuse: Callable[[UnframableMessage, Flow], None],
        flow_failed: Callable[[Flow], None],
        connect_failed: Callable[[Flow], None],
        connections_max: int | None = None,
        connections_per_host_max: int = CONNECTIONS_PER_HOST_MAX,
    ) -> None:
        self.clock = clock
        self.receive = receive
        self.flush = flush
        self.refuse = refuse
        self._flow_failed = flow_failed
        self._connect_failed = connect_failed
        self._connections_max = connections_max or find_connections_max()
        self._connections_per_host_max = connections_per_host_max
        self._connections: dict[int, StreamConnection] = {}
        self._by_address: dict[tuple[str, str, int], StreamConnection] = {}
        self._per_host: dict[str, int] = {}
        self._per_transport = {"tcp": 0, "tls": 0}
        self._queued: dict[tuple[str, str, int], list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._serial = 0
        self._emptied: asyncio.Event | None = None
        self.client_tls: ssl.SSLContext | None = None
        self.server_names: dict[tuple[str, int], str] = {}
        """Host name by numeric address, for the certificate of a peer whose name we looked up."""

    def __len__(self) -> int:
        return len(self._connections)

    def count_by_transport(self) -> dict[str, int]:
        """Return how many connections are up, by transport."""
        return self._per_transport

    async def listen(
        self, index: int, transport_name: str, host: str, port: int, tls: ssl.SSLContext | None
    ) -> int:
        """Accept connections on this address and return the bound port; raises OSError."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: self._accepted(index, transport_name),
            host or None,
            port,
            ssl=tls,
            ssl_handshake_timeout=HANDSHAKE_SECONDS_MAX if tls is not None else None,
            reuse_address=True,
            backlog=1024,
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def _accepted(self, index: int, transport_name: str) -> StreamConnection:
        self._serial += 1
        return StreamConnection(self, index, transport_name, self._serial, opened_by_us=False)

    def add(self, connection: StreamConnection) -> bool:
        """Make a connection known; False when its host, or everybody, has too many already."""
        flow = connection.flow
        count = self._per_host.get(flow.host, 0)
        if count >= self._connections_per_host_max or len(self) >= self._connections_max:
            return False
        self._per_host[flow.host] = count + 1
        self._per_transport[flow.transport.lower()] += 1
        self._connections[flow.connection] = connection
        connection.active_at = self.clock()
        self._by_address[flow.transport, flow.host, flow.port] = connection
        return True

    def remove(self, connection: StreamConnection) -> None:
        """Forget a connection that is closed, and fail what waited on it."""
        flow = connection.flow
        if self._connections.pop(flow.connection, None) is None:
            return
        left = self._per_host.get(flow.host, 1) - 1
        if left:
            self._per_host[flow.host] = left
        else:
            self._per_host.pop(flow.host, None)
        address = (flow.transport, flow.host, flow.port)
        if self._by_address.get(address) is connection:
            del self._by_address[address]
        self._per_transport[flow.transport.lower()] -= 1
        self._flow_failed(flow)
        if connection.is_addressed:
            self._connect_failed(Flow(flow.listener, flow.transport, flow.host, flow.port))
        if self._emptied is not None and not self._connections:
            self._emptied.set()

    def send(self, flow: Flow, wire: bytes) -> None:
        """Send on the connection of the flow, or on any to its address, opening one if need be."""
        if flow.connection:
            connection = self._connections.get(flow.connection)
            if connection is None:
                self._flow_failed(flow)
            else:
                connection.send(wire)
            return
        address = (flow.transport, flow.host, flow.port)
        connection = self._by_address.get(address)
        if connection is not None and not connection.is_closing:
            connection.is_addressed = True
            connection.send(wire)
            return
        queued = self._queued.get(address)
        if queued is None:
            self._queued[address] = [wire]
            task = asyncio.get_running_loop().create_task(self._connect(flow))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif len(queued) < _QUEUED_MAX:
            queued.append(wire)

    async def _connect(self, flow: Flow) -> None:
        loop = asyncio.get_running_loop()
        self._serial += 1
        connection = StreamConnection(
            self, flow.listener, flow.transport, self._serial, opened_by_us=True
        )
        tls = self.client_tls if flow.transport == "TLS" else None
        name = self.server_names.get((flow.host, flow.port), flow.host) if tls else None
        try:
            async with asyncio.timeout(CONNECT_SECONDS_MAX):
                await loop.create_connection(
                    lambda: connection, flow.host, flow.port, ssl=tls, server_hostname=name
                )
            if connection.is_closing:
                raise ConnectionResetError("refused by our own limits, or closed at once")
        except (OSError, TimeoutError):
            self._queued.pop((flow.transport, flow.host, flow.port), None)
            self._connect_failed(flow)
            return
        connection.is_addressed = True
        for wire in self._queued.pop((flow.transport, flow.host, flow.port), []):
            connection.send(wire)

    def close_overdue(self) -> None:
        """Close the connections whose time is over; the driver calls this every few seconds.

        One that is closing since the last time has a peer that does not read: it is cut off.
        """
        now = self.clock()
        for connection in list(self._connections.values()):
            if connection.is_closing:
                connection.abort()
            elif connection.is_overdue(now):
                connection.close()

    def close_connection(self, number: int) -> None:
        """Close one connection by its number."""
        connection = self._connections.get(number)
        if connection is not None:
            connection.close()

    async def stop(self) -> None:
        """Stop accepting and close everything, within a second or so whatever the peers do."""
        for server in self._servers:
            server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self._connections.values()):
            connection.close()
        await self._wait_until_empty()
        for connection in list(self._connections.values()):
            connection.abort()
        await self._wait_until_empty()
        for server in self._servers:
            await server.wait_closed()

    async def _wait_until_empty(self) -> None:
        self._emptied = asyncio.Event()
        if self._connections:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS_MAX):
                    await self._emptied.wait()
