"""An INVITE outside dialogs: where it goes, whether it may, and the call that it becomes."""

from typing import TYPE_CHECKING

from sipedge.limits.explain import ExplainRow, arithmetic
from sipedge.limits.ledger import (
    EMERGENCY,
    INCOMING,
    OUTGOING,
    PSAP_CALLBACK,
    Claim,
    Shortage,
    Why,
)
from sipedge.limits.tickets import snapshot_holder, warning_text
from sipedge.proxy.arrival import Arrival
from sipedge.proxy.calls import Call, Side
from sipedge.proxy.directory import LineProfile, TrunkProfile
from sipedge.proxy.forwarding import ResponseContext, Target
from sipedge.proxy.identity import asserted_identity
from sipedge.proxy.reach import flow_of_sender
from sipedge.proxy.refusals import Refusal
from sipedge.proxy.relay import Outgoing, contact_uri, wants_privacy
from sipedge.sip.flow import Flow
from sipedge.sip.names import PRIORITY
from sipedge.sip.uri import escape_user

if TYPE_CHECKING:
    from sipedge.proxy.core import Core


class Route:
    """Where a call goes: to a line or to a trunk, and whether it is one that nobody may refuse.

    `dialled` is the number as it was dialled; `groups` the targets, empty when nobody is there.
    """

    __slots__ = ("dialled", "groups", "is_emergency", "line", "trunk")

    def __init__(self, dialled: bytes) -> None:
        self.dialled = dialled
        self.line: LineProfile | None = None
        self.trunk: TrunkProfile | None = None
        self.groups: list[list[Target]] = []
        self.is_emergency = False

    @property
    def callee(self) -> str:
        """The called party as shown to people."""
        return self.line.number if self.line else self.dialled.decode("utf-8", "replace")


def find_route(
    core: "Core",
    dialled: bytes,
    *,
    is_from_line: bool,
    is_emergency: bool,
    source: TrunkProfile | None = None,
) -> Route | Refusal:
    """Decide where a number leads: to a line or alias, from a line also to a trunk; else 404.

    `source` is the trunk that the call comes from, to which no emergency call goes back.
    """
    if is_emergency:
        return _find_emergency_route(core, dialled, source)
    route = Route(dialled)
    route.line = core.directory.find_line(dialled)
    if route.line is not None:
        route.groups = [
            [Target(binding.flow, binding.uri, is_trunk=False) for binding in group]
            for group in core.location.groups(route.line.user)
        ]
        return route
    if not is_from_line:
        return Refusal.NOT_FOUND
    route.trunk = core.directory.trunk_for(dialled)
    if route.trunk is None:
        return Refusal.NOT_FOUND
    route.groups = trunk_targets(route.trunk, dialled)
    return route


def _find_emergency_route(
    core: "Core", dialled: bytes, source: TrunkProfile | None
) -> Route | Refusal:
    """Return the way of an emergency call: over every trunk, one after the other.

    urn:service:sos becomes the number that every network knows (RFC 5031 section 4.2 leaves the
    mapping to the network).
    """
    route = Route(dialled or _general_emergency_number(core))
    route.is_emergency = True
    for trunk in core.directory.trunks_for_emergency(route.dialled):
        if trunk is not source and trunk.flows:
            route.trunk = route.trunk or trunk
            route.groups += trunk_targets(trunk, route.dialled)
    return route if route.groups else Refusal.NO_ROUTE


def _general_emergency_number(core: "Core") -> bytes:
    numbers = [entry.number for entry in core.emergency.entries]
    return ("112" if "112" in numbers else numbers[0]).encode("ascii")


def trunk_targets(trunk: TrunkProfile, dialled: bytes) -> list[list[Target]]:
    """Return the destinations of a trunk, one group each: the next is tried when one fails."""
    user = escape_user(dialled)
    groups = []
    for flow in trunk.flows:
        host = f"[{flow.host}]" if ":" in flow.host else flow.host
        uri = b"sip:%b@%b:%d" % (user, host.encode("ascii"), flow.port)
        if flow.transport != "UDP":
            uri += b";transport=" + flow.transport.lower().encode("ascii")
        groups.append([Target(flow, uri, is_trunk=True)])
    return groups


def build_claims(
    caller: LineProfile | None, route: Route, caller_name: str, *, is_callback: bool
) -> list[Claim]:
    """Return what the call asks of each line: one on the calling and one on the called line."""
    claims = []
    if caller is not None:
        why: Why = EMERGENCY if route.is_emergency else OUTGOING
        claims.append(
            Claim(
                caller.account, caller.calls_max, why, route.callee, counted=not route.is_emergency
            )
        )
    callee = route.line
    if callee is not None:
        why = PSAP_CALLBACK if is_callback else INCOMING
        claims.append(
            Claim(callee.account, callee.calls_max, why, caller_name, counted=not is_callback)
        )
    return claims


def handle_invite(arrival: Arrival, outgoing: Outgoing) -> None:
    """Route the INVITE, take its leases, and forward it; or refuse it with a reason."""
    core = arrival.core
    request = arrival.request
    route = find_route(
        core,
        arrival.dialled,
        is_from_line=arrival.line is not None,
        is_emergency=arrival.is_emergency,
        source=arrival.trunk,
    )
    if isinstance(route, Refusal):
        arrival.refuse(route)
        return
    is_callback = _is_callback(arrival, route)
    is_closed = route.line is not None and not route.line.is_enabled and not is_callback
    if not route.groups or is_closed:
        # A suspended line looks like one whose phones are off: it is nobody else's business.
        arrival.refuse(Refusal.NOT_REGISTERED if route.line else Refusal.NO_ROUTE)
        return
    # All that is read from the request is read before a slot is taken.
    contact = contact_uri(request)
    source = flow_of_sender(arrival, contact, arrival.trunk)
    outgoing.source = source
    outgoing.record_route = True
    outgoing.asserted = asserted_identity(arrival, to_trunk=route.trunk is not None)
    if route.trunk is None and wants_privacy(request):
        # A carrier tells us who calls; a line is outside that trust (RFC 3325 section 5).
        outgoing.strip_identity = True
    call = _admit(arrival, route, is_callback=is_callback)
    if call is None:
        return
    call.caller_side = Side(source, contact, is_trunk=arrival.trunk is not None)
    context = ResponseContext(core, request, outgoing)
    context.call = call
    context.start(route.groups, arrival.reply_flow, arrival.now)


def _admit(arrival: Arrival, route: Route, *, is_callback: bool) -> Call | None:
    """Take the leases of the call, all or none; None when it was refused with a ticket."""
    core = arrival.core
    now = arrival.now
    caller = arrival.line
    caller_name = caller.number if caller else _shown_user(arrival)
    claims = build_claims(caller, route, caller_name, is_callback=is_callback)
    serial = core.new_call_serial()
    leases = core.ledger.take(claims, serial, now, now + core.early_lease_seconds)
    if isinstance(leases, Shortage):
        _refuse_with_ticket(arrival, route, leases, caller_name)
        return None
    call = Call(core, serial, arrival.request, now)
    call.leases = leases
    call.caller = caller_name
    call.callee = route.callee
    call.caller_line = caller
    call.callee_line = route.line
    call.trunk = route.trunk or arrival.trunk
    call.is_emergency = route.is_emergency
    if route.is_emergency:
        # What a banned source had to say was an emergency after all: its ACK and BYE must pass.
        core.guard.lift(arrival.flow.host)
        if caller is not None:
            core.callbacks.remember(caller.number, now)
    core.calls.add(call)
    core.counters.calls_admitted += 1
    return call


def _shown_user(arrival: Arrival) -> str:
    return arrival.from_user.decode("utf-8", "replace")


def _is_callback(arrival: Arrival, route: Route) -> bool:
    """True for a call from an emergency service to a line that may just have called it.

    The Priority header counts from a trunk only (RFC 7090 section 5); and any call to a line that
    dialled an emergency number lately may be the call back.
    """
    if arrival.trunk is None or route.line is None:
        return False
    priority = arrival.request.first(PRIORITY)
    if priority is not None and priority.lower() == b"psap-callback":
        return True
    return arrival.core.callbacks.covers(route.line.number, arrival.now)


def _refuse_with_ticket(
    arrival: Arrival, route: Route, shortage: Shortage, caller_name: str
) -> None:
    core = arrival.core
    now = arrival.now
    at_utc = core.wall_time(now)
    is_outgoing = shortage.why is OUTGOING
    refusal = Refusal.OUTGOING_CALLS_IN_USE if is_outgoing else Refusal.INCOMING_CALLS_IN_USE
    line = arrival.line if is_outgoing else route.line
    assert line is not None, "a shortage names the account of a line"
    ticket = core.archive.open(
        at_utc=at_utc,
        reason=refusal.value,
        account=shortage.account,
        line=line.number,
        direction="outgoing" if is_outgoing else "incoming",
        limit=shortage.limit,
        used=shortage.used,
        caller=caller_name,
        callee=route.callee,
        call_id=arrival.request.call_id.decode("utf-8", "replace"),
        holders=tuple(
            snapshot_holder(lease, call_id=_call_id(core, lease.call), now=now, at_utc=at_utc)
            for lease in shortage.held
        ),
    )
    core.record_refusal(ticket)
    # Who is refused by the line of somebody else learns the ticket, not how many calls it has.
    text = warning_text(ticket) if is_outgoing else f"{ticket.code} all calls in use"
    warning = f'Warning: 399 {core.settings.name} "{text}"'.encode()
    status = arrival.trunk.refusal_status if arrival.trunk is not None else 0
    arrival.refuse(refusal, (warning,), status)


def _call_id(core: "Core", serial: int) -> str:
    call = core.calls.by_serial.get(serial)
    return call.call_id.decode("utf-8", "replace") if call else ""


def explain_call(core: "Core", caller: LineProfile | None, route: Route) -> list[ExplainRow]:
    """Return the arithmetic of a hypothetical call, taking nothing."""
    name = caller.number if caller else ""
    return arithmetic(core.ledger, build_claims(caller, route, name, is_callback=False))


def flow_of(core: "Core", transport: str, host: str, port: int) -> Flow | None:
    """Return the flow that leads to an address over a transport, None where no listener fits."""
    listener = core.listeners.for_transport(transport, host)
    return Flow(listener.index, transport, host, port) if listener else None
