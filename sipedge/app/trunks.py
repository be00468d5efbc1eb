"""Where calls to the trunks go: their destinations looked up at start and every minute."""

import logging
from typing import Final

from sipedge.observability.logs import log_event
from sipedge.proxy.core import Core
from sipedge.proxy.directory import TrunkProfile
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.flow import Flow
from sipedge.transport.resolver import resolve_destination
from sipedge.transport.stream import Streams

_LOGGER: Final = logging.getLogger("sipedge")


class TrunkResolver:
    """Keeps the flows of every trunk up to date with the addresses of its destinations."""

    def __init__(self, core: Core, streams: Streams) -> None:
        self._core = core
        self._streams = streams

    async def resolve(self) -> None:
        """Look the destinations of all trunks up; a trunk that fails keeps what it led to."""
        for trunk in self._core.directory.trunks:
            flows: list[Flow] = []
            for destination in trunk.destinations:
                try:
                    flows += await self._flows_to(destination)
                except (OSError, MalformedMessage) as error:
                    _report(trunk, destination, error)
            trunk.flows = flows or trunk.flows

    async def _flows_to(self, destination: bytes) -> list[Flow]:
        flows: list[Flow] = []
        transport = ""
        for transport, host, port, name in await resolve_destination(destination):
            listener = self._core.listeners.for_transport(transport, host)
            if listener is not None:
                flows.append(Flow(listener.index, transport, host, port))
                self._streams.server_names[host, port] = name
        if not flows:
            raise OSError(f"sip.listen has no {transport.lower()} listener of its address family")
        return flows


def _report(trunk: TrunkProfile, destination: bytes, error: Exception) -> None:
    fields = {
        "trunk": trunk.name,
        "destination": destination.decode("ascii", "replace"),
        "error": str(error),
    }
    log_event(_LOGGER, logging.ERROR, "trunk_not_resolved", fields)
