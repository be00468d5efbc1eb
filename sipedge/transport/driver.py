"""The driver: the only object that runs the edge. One writer, no lock, no task per message.

Sockets call it with bytes, it calls the core with bytes and `now`, and after each batch it drains
the effects once. One timer of the loop serves all timers of the core.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from sipedge.observability.counters import Counters
from sipedge.proxy.edge import Edge
from sipedge.proxy.effects import CloseFlow, Effect
from sipedge.sip.flow import Flow
from sipedge.sip.framing import UnframableMessage
from sipedge.transport.stream import Streams
from sipedge.transport.udp import UdpListener

_LOGGER: Final = logging.getLogger(__name__)
# A connection may hang around this much longer than its limit.
_SWEEP_SECONDS: Final = 5.0


class Driver:
    """Connects an edge to its sockets, its clock, and whoever takes the rarer effects.

    `keep` is called with each effect that is neither a send nor a close, in order.
    """

    def __init__(self, edge: Edge, keep: Callable[[Effect], None]) -> None:
        self.edge = edge
        self._counters: Counters = edge.core.counters
        self._effects = edge.core.effects
        self._keep = keep
        self._loop = asyncio.get_running_loop()
        # The clock of the loop is monotonic; the whole core lives on it.
        self.clock = self._loop.time
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._sweep: asyncio.TimerHandle | None = None
        self._udp: dict[int, UdpListener] = {}
        self.streams = Streams(
            clock=self.clock,
            receive=self.receive,
            flush=self.flush,
            refuse=self._refuse_unframable,
            flow_failed=self._flow_failed,
            connect_failed=self._connect_failed,
        )
        self.failures = 0

    def add_udp(self, listener: UdpListener) -> None:
        """Take a datagram listener into service."""
        self._udp[listener.index] = listener
        listener.start(self._loop)

    def start(self) -> None:
        """Begin to serve timers."""
        self._sweep = self._loop.call_later(_SWEEP_SECONDS, self._close_overdue)
        self.flush()

    async def stop(self) -> None:
        """Close every socket; what was to be sent has been sent."""
        for handle in (self._timer, self._sweep):
            if handle is not None:
                handle.cancel()
        for listener in self._udp.values():
            listener.stop(self._loop)
        await self.streams.stop()

    def receive(self, wire: bytes, flow: Flow) -> None:
        """Give one message to the core; whatever goes wrong stays with this message."""
        try:
            self.edge.receive(wire, flow, self.clock())
        except Exception as error:  # noqa: BLE001
            # A fault of ours in one message must not end the calls of everybody else.
            self._report(error, "message from %s failed", flow)

    def flush(self) -> None:
        """Drain the effects, and set the loop's timer to what the core waits for."""
        effects = self._effects
        while effects.sends or effects.others:
            for flow, wire in effects.take_sends():
                self._counters.bytes_out += len(wire)
                listener = self._udp.get(flow.listener)
                if listener is not None:
                    listener.send(flow, wire)
                else:
                    self.streams.send(flow, wire)
            for effect in effects.take_others():
                if isinstance(effect, CloseFlow):
                    self.streams.close_connection(effect.connection)
                else:
                    self._keep(effect)
        self._arm()

    def _arm(self) -> None:
        deadline = self.edge.next_deadline()
        if deadline is None:
            return
        timer = self._timer
        if timer is not None:
            if self._timer_at <= deadline:
                return
            timer.cancel()
        # Kept here: what uvloop returns for an instant that has passed does not know its own.
        self._timer_at = deadline
        self._timer = self._loop.call_at(deadline, self._handle_timers)

    def _handle_timers(self) -> None:
        self._timer = None
        try:
            self.edge.handle_timers(self.clock())
        except Exception as error:  # noqa: BLE001 - the other timers must fire all the same
            self._report(error, "timers failed")
        self.flush()

    def _refuse_unframable(self, error: UnframableMessage, flow: Flow) -> None:
        self.edge.refuse_malformed(error.wire, flow, error, self.clock())
        self.flush()

    def _flow_failed(self, flow: Flow) -> None:
        self.edge.flow_failed(flow, self.clock())
        self._loop.call_soon(self.flush)

    def _connect_failed(self, flow: Flow) -> None:
        self.edge.connect_failed(flow, self.clock())
        self.flush()

    def _close_overdue(self) -> None:
        self.streams.close_overdue()
        self._sweep = self._loop.call_later(_SWEEP_SECONDS, self._close_overdue)

    def _report(self, error: Exception, message: str, *arguments: object) -> None:
        """Log a fault of ours: the first ones in full, then every thousandth."""
        self.failures += 1
        if self.failures <= 20 or self.failures % 1000 == 0:
            _LOGGER.error(message, *arguments, exc_info=error)
