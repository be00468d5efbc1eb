"""A running edge: how it starts, what it needs, and how it stops."""

import asyncio
import logging
import resource
import signal
import socket
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final

import uvloop
from aiohttp import web

from sipedge.accounts.lines import Alias, Line
from sipedge.accounts.numbers import Numbering
from sipedge.accounts.offers import OfferCatalogue
from sipedge.api.control import build_control_app
from sipedge.api.control_socket import ControlServer, ControlSocketError
from sipedge.api.health import Health, build_health_app
from sipedge.app.building import build_core, build_listeners
from sipedge.app.collector import Collector
from sipedge.app.gauges import build_gauges, render_metrics
from sipedge.app.keeping import Keeper, restored_binding
from sipedge.app.operator import Operator
from sipedge.app.profiles import aliases_by_line, build_profile
from sipedge.app.trunks import TrunkResolver
from sipedge.app.upkeep import CHECK_SECONDS, PRUNE_SECONDS, Upkeep, repeat
from sipedge.app.writer import Writer
from sipedge.config import Listen, Settings
from sipedge.limits.tickets import RefusalTicket
from sipedge.observability.exposition import Build, Exposition
from sipedge.observability.logs import flush_logs, log_event
from sipedge.observability.loop_watch import LoopWatch
from sipedge.proxy.core import Core
from sipedge.proxy.edge import Edge
from sipedge.stores.bindings import DeletedBinding
from sipedge.stores.opening import Stores, open_stores
from sipedge.transport.driver import Driver
from sipedge.transport.resolver import REFRESH_SECONDS
from sipedge.transport.tls import ServerTls, make_certificate
from sipedge.transport.udp import UdpListener, open_udp_socket

_LOGGER: Final = logging.getLogger("sipedge")
# Tickets taken back from the database: a customer asks for a refusal within hours, not months.
TICKETS_RESTORED: Final = 5_000
_LOG_FLUSH_SECONDS: Final = 0.2
# A scrape that is under way gets this long to be read.
_HTTP_STOP_SECONDS: Final = 2.0
# Rows turned into profiles between two turns of the loop.
_SLICE: Final = 500


class StartError(Exception):
    """The edge cannot start: one line that says what is in the way and what to do."""


class App:
    """One edge, from `start` to `stop`."""

    def __init__(self, settings: Settings, offers: OfferCatalogue, numbering: Numbering) -> None:
        self.settings = settings
        self._offers = offers
        self._numbering = numbering
        self._started_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._cleanups: list[Callable[[], Awaitable[None]]] = []
        self._tls: ServerTls | None = None
        self._sockets: dict[int, socket.socket] = {}
        self.sip_ports: list[int] = []
        self.http_port = 0
        self.core: Core
        self.edge: Edge
        self.driver: Driver
        self.stores: Stores
        self.keeper: Keeper
        self.operator: Operator

    async def start(self) -> None:
        """Open the stores, load what they hold, bind the sockets and begin to serve.

        Raises StartError, StoreError or KeyFileError; what was opened by then is closed.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        self._started_at = loop.time()
        settings = self.settings
        settings.edge.data_path.mkdir(parents=True, exist_ok=True)
        self.stores = await open_stores(settings.database.url, settings.edge.data_path)
        self._cleanups.append(self.stores.close)
        self._cleanups.append(_as_cleanup(self._close_sockets))
        bound = self._bind_datagrams()
        listeners = build_listeners(settings, bound)
        epoch = int(time.time())
        token_key = self.stores.box.derive("record-route token")
        self.core = build_core(settings, listeners, token_key=token_key, epoch=epoch)
        self.core.wall_offset = time.time() - loop.time()
        self.edge = Edge(self.core)
        self.keeper = Keeper(
            self.core, epoch, self.stores.bindings, self.stores.refusals, self.stores.call_records
        )
        self.driver = Driver(self.edge, self.keeper.keep)
        await self.load_lines()
        await self._load_bindings()
        await self._load_refusals()
        keeper = self.keeper
        writer = Writer(self.core.counters, (keeper.bindings, keeper.refusals, keeper.records))
        writer.start()
        # Stopped after the sockets are closed: what was answered by then has been written.
        self._cleanups.append(writer.stop)
        await self._listen(bound)
        await self._start_services(writer)

    def _bind_datagrams(self) -> list[tuple[Listen, int]]:
        """Bind the UDP sockets and return every listener with its port (0 where not bound yet)."""
        bound = []
        for index, listen in enumerate(self.settings.sip.listeners):
            port = listen.port
            if listen.scheme == "udp":
                try:
                    sock = open_udp_socket(listen.host, port)
                except OSError as error:
                    raise _cannot_listen(listen, error) from None
                self._sockets[index] = sock
                port = int(sock.getsockname()[1])
            bound.append((listen, port))
        return bound

    def _close_sockets(self) -> None:
        """Close the UDP sockets that no listener closes, because the start failed before it."""
        for sock in self._sockets.values():
            sock.close()

    async def _listen(self, bound: list[tuple[Listen, int]]) -> None:
        """Take all listeners into service; a stream on port 0 learns its port here."""
        driver = self.driver
        self._cleanups.append(driver.stop)
        for index, (listen, udp_port) in enumerate(bound):
            port = udp_port
            if listen.scheme == "udp":
                driver.add_udp(
                    UdpListener(index, self._sockets[index], driver.receive, driver.flush)
                )
            else:
                tls = self._server_tls().context if listen.scheme == "tls" else None
                try:
                    port = await driver.streams.listen(
                        index, listen.scheme.upper(), listen.host, port, tls
                    )
                except OSError as error:
                    raise _cannot_listen(listen, error) from None
                self.core.listeners.by_index[index].port = port
            self.sip_ports.append(port)
        driver.streams.client_tls = ssl.create_default_context()
        driver.start()

    def _server_tls(self) -> ServerTls:
        if self._tls is None:
            sip = self.settings.sip
            certificate, key = Path(sip.tls_certificate), Path(sip.tls_key)
            if not sip.tls_certificate:
                folder = self.settings.edge.data_path
                certificate, key = folder / "tls.crt", folder / "tls.key"
                if not certificate.exists() or not key.exists():
                    hosts = [*self.settings.edge.domains, "127.0.0.1", "::1"]
                    make_certificate(certificate, key, hosts)
            try:
                self._tls = ServerTls(certificate, key)
            except (OSError, ssl.SSLError) as error:
                raise StartError(
                    f"sip.tls_certificate: {certificate} and {key} do not make a TLS pair "
                    f"({error}); write two PEM files that belong together"
                ) from None
        return self._tls

    async def load_lines(self, numbers: list[str] | None = None) -> None:
        """Read lines and aliases from the database into the directory: all, or some by number."""
        accounts = self.stores.accounts
        if numbers is None:
            lines = list(await accounts.all(Line))
        else:
            lines = list((await accounts.find(Line, numbers)).values())
        aliases = aliases_by_line(await accounts.all(Alias))
        for count, line in enumerate(lines, start=1):
            self.core.directory.put_line(build_profile(line, aliases.get(line.number, ())))
            if count % _SLICE == 0:
                await asyncio.sleep(0)

    async def _load_bindings(self) -> None:
        now = asyncio.get_running_loop().time()
        wall = time.time()
        for row in await self.stores.bindings.load_all():
            if row.expires_at <= wall or row.aor.encode() not in self.core.directory.lines:
                self.keeper.bindings.put(
                    DeletedBinding(row.aor, row.contact_uri, row.instance, row.reg_id)
                )
                continue
            binding = restored_binding(self.core, row)
            if binding is not None and binding.expires_at > now:
                self.core.location.add(binding)

    async def _load_refusals(self) -> None:
        """Take back the latest tickets, so that `why` knows them after a restart."""
        for row in reversed(await self.stores.refusals.recent(limit=TICKETS_RESTORED)):
            self.core.archive.restore(RefusalTicket.from_dict(row))

    async def _start_services(self, writer: Writer) -> None:
        loop = asyncio.get_running_loop()
        counters = self.core.counters
        watch = LoopWatch(counters, loop)
        watch.start()
        self._cleanups.append(_as_cleanup(watch.stop))
        trunks = TrunkResolver(self.core, self.driver.streams)
        await trunks.resolve()
        stores = self.stores
        upkeep = Upkeep(self.edge, self._tls, stores.refusals, stores.call_records)
        collector = Collector(lambda: counters.datagrams_received)
        self._tasks = [
            loop.create_task(work)
            for work in (
                collector.run(),
                repeat(_LOG_FLUSH_SECONDS, _flush_logs),
                repeat(CHECK_SECONDS, upkeep.check),
                repeat(REFRESH_SECONDS, trunks.resolve),
                repeat(PRUNE_SECONDS, upkeep.prune),
            )
        ]
        self.operator = Operator(self, writer, self._offers, self._numbering)
        control = ControlServer(build_control_app(self.operator), self.settings.edge.control_socket)
        try:
            await control.start()
        except ControlSocketError as error:
            raise StartError(str(error)) from None
        self._cleanups.append(control.close)
        listen = self.settings.http.listener
        if listen is not None:
            await self._serve_http(listen, watch)

    async def _serve_http(self, listen: Listen, watch: LoopWatch) -> None:
        gauges = build_gauges(self.core, self.driver, self._started_at)
        build = Build(version=version("sipedge"), python=sys.version.split()[0])
        exposition = Exposition(self.core.counters, gauges, build)
        health = Health(
            render_metrics=lambda: render_metrics(self.core, exposition),
            loop_lag_seconds=watch.recent_lag_seconds,
            checks={"database": self._check_database, "listeners": self._check_listeners},
        )
        runner = web.AppRunner(
            build_health_app(health), access_log=None, shutdown_timeout=_HTTP_STOP_SECONDS
        )
        await runner.setup()
        self._cleanups.append(runner.cleanup)
        site = web.TCPSite(runner, listen.host, listen.port)
        try:
            await site.start()
        except OSError as error:
            raise _cannot_listen(listen, error, key="http.listen") from None
        self.http_port = int(runner.addresses[0][1])

    async def _check_database(self) -> str | None:
        await self.stores.accounts.version()
        return None

    async def _check_listeners(self) -> str | None:
        return None if self.sip_ports else "no SIP listener is bound"

    async def stop(self) -> None:
        """Stop serving, write what waits, and close everything, in the reverse order of opening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        while self._cleanups:
            try:
                await self._cleanups.pop()()
            except Exception:
                # Whatever one of them meets, the next ones must get their turn.
                _LOGGER.exception("stop_failed")


async def _flush_logs() -> None:
    """Write the collected log lines; a warning has not waited for it."""
    flush_logs()


def _as_cleanup(stop: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def cleanup() -> None:
        stop()

    return cleanup


def _cannot_listen(listen: Listen, error: OSError, key: str = "sip.listen") -> StartError:
    return StartError(
        f"{key}: cannot listen on {listen} ({error.strerror}); "
        "stop what uses the address, or write another one"
    )


async def _serve(app: App, ready: Callable[[App], None]) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    # A closed terminal ends the edge in order, too: what waits is written.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopping.set)
    await app.start()
    try:
        ready(app)
        await stopping.wait()
        log_event(_LOGGER, logging.INFO, "edge_stopping", {"calls": len(app.core.calls)})
    finally:
        await app.stop()


def raise_file_limit() -> None:
    """Let this process open what its system lets it: every connection of a phone is a file.

    The soft limit is often 1024, for the sake of programs that use select().
    """
    _, files_max = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, files_max))


def run(app: App, ready: Callable[[App], None]) -> None:
    """Run an edge until SIGTERM or SIGINT; `ready` is called once it serves."""
    raise_file_limit()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(app, ready))
