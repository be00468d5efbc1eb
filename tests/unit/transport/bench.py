"""Streams with nobody behind them: what comes in is written down, and time is the test's."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Self

from sipedge.sip.flow import Flow
from sipedge.sip.framing import UnframableMessage
from sipedge.transport.stream import Streams
from sipedge.transport.tls import ServerTls, make_certificate

OPTIONS = b"OPTIONS sip:edge.test SIP/2.0\r\nContent-Length: 0\r\n\r\n"
LISTENER = 3


class Bench:
    """A `Streams` on a loopback port. Each list holds what its callback was called with."""

    def __init__(self, *, connections_max: int = 100, connections_per_host_max: int = 100) -> None:
        self.now = 1_000.0
        self.received: list[tuple[bytes, Flow]] = []
        self.refused: list[tuple[UnframableMessage, Flow]] = []
        self.failed: list[Flow] = []
        self.unconnected: list[Flow] = []
        self.flushes = 0
        self.port = 0
        self.streams = Streams(
            clock=lambda: self.now,
            receive=lambda wire, flow: self.received.append((wire, flow)),
            flush=self._flush,
            refuse=lambda error, flow: self.refused.append((error, flow)),
            flow_failed=self.failed.append,
            connect_failed=self.unconnected.append,
            connections_max=connections_max,
            connections_per_host_max=connections_per_host_max,
        )

    def _flush(self) -> None:
        self.flushes += 1

    async def __aenter__(self) -> Self:
        self.port = await self.streams.listen(LISTENER, "TCP", "127.0.0.1", 0, None)
        return self

    async def __aexit__(self, *_failure: object) -> None:
        await self.streams.stop()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection as a phone does."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def flow_of(self, writer: asyncio.StreamWriter) -> Flow:
        """Send one message on a connection and return the flow it arrived on."""
        before = len(self.received)
        writer.write(OPTIONS)
        await until(lambda: len(self.received) > before)
        return self.received[-1][1]


class Peer:
    """Something that listens for the edge's own connections and keeps what it reads."""

    def __init__(self) -> None:
        self.port = 0
        self.read = b""
        self.writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_failure: object) -> None:
        self._server.close()
        for writer in self.writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        while data := await reader.read(65_536):
            self.read += data


async def until(is_so: Callable[[], object], seconds: float = 10.0) -> None:
    """Let the loop run until something has happened."""
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - sockets tell no event
            await asyncio.sleep(0.001)


def make_server_tls(folder: Path, *, host: str = "127.0.0.1") -> ServerTls:
    """Return a server's context over a fresh certificate for one host."""
    make_certificate(folder / "tls.crt", folder / "tls.key", [host])
    return ServerTls(folder / "tls.crt", folder / "tls.key")


def trusting(folder: Path) -> ssl.SSLContext:
    """Return a client's context that trusts the certificate of `make_server_tls` and no other."""
    return ssl.create_default_context(cafile=str(folder / "tls.crt"))
