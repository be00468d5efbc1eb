"""The edge as its driver sees it: bytes and time go in, effects come out.

The order of the steps is that of every proxy: screen, parse, absorb, dialog, validate, identify,
and then what the method asks for.
"""

from typing import Final

from sipedge.proxy.arrival import Arrival
from sipedge.proxy.core import Core
from sipedge.proxy.dialog import pop_own_routes, relay_in_dialog
from sipedge.proxy.forwarding import ResponseContext
from sipedge.proxy.identity import CONTINUE, identify
from sipedge.proxy.invite import handle_invite
from sipedge.proxy.message_relay import answer_options, handle_other, is_for_edge
from sipedge.proxy.refusals import Refusal
from sipedge.proxy.registrar import handle_register
from sipedge.proxy.relay import Outgoing
from sipedge.proxy.validate import validate
from sipedge.sip.build import build_salvage_response
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.flow import Flow
from sipedge.sip.message import Request, Response, parse_message, salvage_request
from sipedge.sip.names import ACK, BYE, CANCEL, INVITE, REGISTER

# What is dropped without an answer, by reason; the labels of one counter.
DROP_REASONS: Final = (
    "banned_or_flooding",
    "unanswerable",
    "keepalive",
    "stray_ack",
    "stray_response",
    "malformed_response",
)


class Edge:
    """The façade of the proxy core: the only thing that a driver, a test or a simulation calls."""

    __slots__ = ("core",)

    def __init__(self, core: Core) -> None:
        self.core = core

    def receive(self, wire: bytes, flow: Flow, now: float) -> None:
        """Take one datagram or one framed message of a stream; effects stay in `core.effects`."""
        core = self.core
        counters = core.counters
        counters.datagrams_received += 1
        counters.bytes_in += len(wire)
        if not core.guard.allows(flow.host, now) and not self._is_emergency(wire, flow, now):
            counters.dropped["banned_or_flooding"] += 1
            return
        if len(wire) <= 4 and not wire.strip(b"\r\n\0"):
            # RFC 5626 section 3.5.1; a datagram phone only wants its NAT binding kept open.
            counters.dropped["keepalive"] += 1
            return
        try:
            message = parse_message(wire)
            if isinstance(message, Response):
                self._receive_response(message, now)
            else:
                self._receive_request(message, flow, now)
        except MalformedMessage as error:
            self.refuse_malformed(wire, flow, error, now)

    def handle_timers(self, now: float) -> None:
        """Fire what is due."""
        self.core.wheel.advance(now)

    def next_deadline(self) -> float | None:
        """Return the instant at which `handle_timers` wants to be called next, or None."""
        return self.core.wheel.next_at()

    def audit(self, now: float) -> int:
        """Free the leases that outlived their call, and return how many; the driver asks regularly.

        A lease is freed by its call. One that is overdue while no call stands behind it would be
        held for ever: that is a fault, counted as drift, and mended here.
        """
        core = self.core
        lost = 0
        for lease in core.ledger.overdue(now):
            call = core.calls.by_serial.get(lease.call)
            if call is not None and lease in call.leases:
                core.ledger.prove(lease, now, now + core.early_lease_seconds)
            else:
                core.ledger.free(lease, now, "lost")
                lost += 1
        return lost

    def flow_failed(self, flow: Flow, now: float) -> None:
        """Learn that a stream is gone: its transactions fail at once instead of timing out."""
        self.core.layer.flow_failed(flow, now)

    def connect_failed(self, flow: Flow, now: float) -> None:
        """Learn that no stream to this address could be opened; rare, so a search will do."""
        for transaction in list(self.core.layer.clients.values()):
            if transaction.flow == flow:
                transaction.transport_failed(now)

    def _is_emergency(self, wire: bytes, flow: Flow, now: float) -> bool:
        core = self.core
        prefixes = core.settings.emergency_outside_prefixes
        return core.emergency.peek(wire, outside_prefixes=prefixes) and core.guard.allows_emergency(
            flow.host, now
        )

    def _receive_response(self, response: Response, now: float) -> None:
        core = self.core
        core.counters.responses_received[response.status // 100] += 1
        # Read now what may be malformed: a transaction that took the response could not undo it. An
        # answer without a tag makes a dialog that no BYE could name (RFC 3261 section 12.1.1).
        if not response.to_tag and response.status // 100 == 2 and response.cseq_method == INVITE:
            raise MalformedMessage(400, "Answer to an INVITE without a tag")
        if not core.layer.receive_response(response, now):
            core.counters.dropped["stray_response"] += 1

    def _receive_request(self, request: Request, flow: Flow, now: float) -> None:
        core = self.core
        method = request.method
        core.counters.count_request_received(method)
        # Read now what may be malformed: nothing has changed yet.
        assert request.from_tag is not None
        # A caller of RFC 2543 has no tag; the BYE that comes back to it has none in To either.
        is_in_dialog = bool(request.to_tag) or method == BYE
        arrival = Arrival(core, request, flow, now)
        if core.layer.absorb_request(request, arrival.reply_flow, now):
            return
        if method == CANCEL:
            self._handle_cancel(arrival)
            return
        pop_own_routes(arrival)
        if is_in_dialog and relay_in_dialog(arrival):
            return
        if method == ACK:
            if request.to_tag != core.local_tag(request):
                # Else it acknowledges a refusal that we made without state.
                core.counters.dropped["stray_ack"] += 1
            return
        if validate(arrival) is not CONTINUE:
            return
        if is_for_edge(arrival):
            answer_options(arrival)
        elif identify(arrival) is CONTINUE:
            self._dispatch(arrival)

    def _dispatch(self, arrival: Arrival) -> None:
        request = arrival.request
        core = arrival.core
        if request.method == REGISTER:
            handle_register(arrival)
            return
        if (core.is_draining or core.layer.is_full()) and not arrival.is_emergency:
            arrival.refuse(Refusal.OVERLOAD)
            return
        outgoing = Outgoing(arrival.flow, arrival.max_forwards, arrival.loop_mark)
        outgoing.routes = arrival.routes
        outgoing.strip_identity = arrival.trunk is None
        if request.method == INVITE:
            handle_invite(arrival, outgoing)
        else:
            handle_other(arrival, outgoing)

    def _handle_cancel(self, arrival: Arrival) -> None:
        """Answer the CANCEL, then cancel what its INVITE started (RFC 3261 section 16.10)."""
        core = self.core
        server = core.layer.find_invite_for_cancel(arrival.request)
        if server is None:
            arrival.refuse(Refusal.NO_SUCH_TRANSACTION)
            return
        # Its sender repeats the CANCEL until it is answered: that comes first.
        arrival.answer_reliably(200, b"OK")
        context = server.user
        if isinstance(context, ResponseContext):
            context.cancel(arrival.now)

    def refuse_malformed(
        self, wire: bytes, flow: Flow, error: MalformedMessage, now: float
    ) -> None:
        """Answer what cannot be parsed where it can be answered, without any state."""
        core = self.core
        core.guard.charge(flow.host, now, 1)
        if wire[:8].upper() == b"SIP/2.0 ":
            core.counters.dropped["malformed_response"] += 1
            return
        salvage = salvage_request(wire)
        if salvage is None:
            core.counters.dropped["unanswerable"] += 1
            return
        core.counters.refusals[Refusal.MALFORMED.value] += 1
        core.counters.responses_sent[error.status // 100] += 1
        tag = core.entropy(6).hex().encode("ascii")
        reply = build_salvage_response(salvage, error.status, error.reason, tag)
        core.send(flow, reply)
