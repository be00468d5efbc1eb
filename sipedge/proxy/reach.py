"""Where a peer is reached: through NAT, over streams, behind the proxies of a trunk (ADR 0009).

Answers go where `arrival.complete_via` says; this is about requests: calls to a registered contact,
and requests inside a dialog. All of it is decided by addresses that are numeric: no look-up here.
"""

from typing import TYPE_CHECKING, Final

from sipedge.proxy.arrival import Arrival, asks_for_rport
from sipedge.proxy.directory import TrunkProfile
from sipedge.proxy.relay import contact_uri
from sipedge.sip.address import parse_address, split_commas
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.flow import Flow
from sipedge.sip.host import is_numeric
from sipedge.sip.message import Message
from sipedge.sip.names import RECORD_ROUTE
from sipedge.sip.uri import SipUri, parse_uri

if TYPE_CHECKING:
    from sipedge.proxy.core import Core

_TRANSPORTS: Final = {b"": "UDP", b"udp": "UDP", b"tcp": "TCP", b"tls": "TLS"}


def default_port(uri: SipUri) -> int:
    """Return the port that a URI without one means (RFC 3261 section 19.1.2)."""
    return 5061 if uri.scheme == b"sips" or uri.transport == b"tls" else 5060


def flow_of_contact(arrival: Arrival, uri: SipUri) -> Flow:
    """Return the flow on which requests reach this contact of a phone.

    The stream it came on. For a datagram phone the source, since only that leads back through a
    NAT; unless its Contact names the source host and it does not ask for rport: such a phone is
    behind no NAT and may listen on another port than it sends from.
    """
    flow = arrival.flow
    if flow.reliable or not is_numeric(uri.host) or uri.host.decode("ascii") != flow.host:
        return flow
    transport = _TRANSPORTS.get(uri.transport or (b"tls" if uri.scheme == b"sips" else b""))
    if transport is None:
        return flow
    if transport == "UDP":
        if asks_for_rport(arrival.request):
            return flow
        return Flow(flow.listener, "UDP", flow.host, uri.port or 5060)
    listener = arrival.core.listeners.for_transport(transport, flow.host)
    if listener is None:
        return flow
    return Flow(listener.index, transport, flow.host, uri.port or default_port(uri))


def flow_of_sender(arrival: Arrival, contact: bytes, trunk: TrunkProfile | None) -> Flow:
    """Return the flow on which requests inside the dialog reach whoever sent this request.

    `contact` is the addr-spec of its Contact; `trunk` the trunk that it is, None for a phone.
    """
    flow = arrival.flow
    if trunk is not None:
        return flow_to_trunk(arrival.core, trunk, arrival.request, b"", flow)
    if flow.reliable or not contact or b"@%b:%d" % (flow.host.encode(), flow.port) in contact:
        return flow
    try:
        uri = parse_uri(contact)
    except MalformedMessage:
        return flow
    return flow_of_contact(arrival, uri) if isinstance(uri, SipUri) else flow


def flow_to_trunk(
    core: "Core", trunk: TrunkProfile, message: Message, token: bytes, flow: Flow
) -> Flow:
    """Return where requests inside the dialog go to a trunk: the hop next to us, or its Contact.

    `token` is ours in a response, empty in a request; `flow` is where the message came from or the
    request went to. It stays the answer for what is no numeric address of this trunk: a carrier
    behind NAT shows private ones, and nobody else is to be reached through us.
    """
    uri = contact_uri(message)
    shown = b"@%b:%d" % (flow.host.encode("ascii"), flow.port)
    has_routes = RECORD_ROUTE in message.ids and not _is_only_ours(message, token)
    if flow.reliable or (shown in uri and not has_routes):
        return flow
    if has_routes:
        uri = _next_hop(message, token) or uri
    try:
        target = parse_uri(uri) if uri else None
    except MalformedMessage:
        return flow
    if not isinstance(target, SipUri) or not target.host_is_numeric:
        return flow
    host = target.host.decode("ascii")
    if target.transport not in (b"", b"udp") or core.directory.trunk_of_source(host) is not trunk:
        return flow
    return Flow(flow.listener, flow.transport, host, target.port or 5060)


def _is_only_ours(message: Message, token: bytes) -> bool:
    """True for the one Record-Route of most answers, seen by its bytes: nobody is between us."""
    ids = message.ids
    if not token or ids.count(RECORD_ROUTE) != 1:
        return False
    line = message.lines[ids.index(RECORD_ROUTE)]
    return token in line and b"," not in line


def _next_hop(message: Message, token: bytes) -> bytes:
    """Return the Record-Route URI next to ours, empty when there is none or none that parses."""
    try:
        routes = [route for value in message.values(RECORD_ROUTE) for route in split_commas(value)]
        if token:
            routes = routes[: next((i for i, route in enumerate(routes) if token in route), 0)]
            return parse_address(routes[-1]).uri if routes else b""
        return parse_address(routes[0]).uri if routes else b""
    except MalformedMessage:
        return b""
