"""The edits of a message that passes through (RFC 3261 sections 16.6 and 16.7).

Requests get our Via, one hop less, our Record-Route and the asserted identity; responses lose our
Via. Everything else keeps the bytes it came with.
"""

from typing import TYPE_CHECKING, Final

from sipedge.sip.address import parse_address, split_commas
from sipedge.sip.edit import Edits, without_top_via
from sipedge.sip.flow import Flow
from sipedge.sip.headers import split_top
from sipedge.sip.message import Message, Request, Response, value_of
from sipedge.sip.names import (
    CONTACT,
    MAX_FORWARDS,
    P_ASSERTED_IDENTITY,
    P_PREFERRED_IDENTITY,
    PROXY_AUTHORIZATION,
    RECORD_ROUTE,
    REMOTE_PARTY_ID,
    ROUTE,
    VIA,
)
from sipedge.sip.uri import SipUri, parse_uri

if TYPE_CHECKING:
    from sipedge.proxy.core import Core

# What only we may say of a caller: a line that sends one of these forges (RFC 3325 section 9.1).
IDENTITY_HEADERS: Final = (P_ASSERTED_IDENTITY, P_PREFERRED_IDENTITY, REMOTE_PARTY_ID)


class Outgoing:
    """What changes in a request before it is forwarded, the same for all its branches.

    `routes` replaces the Route headers (None keeps them); `asserted` is a whole
    P-Asserted-Identity line or empty; `source` the flow it came on, for Record-Route.
    """

    __slots__ = (
        "asserted",
        "loop_mark",
        "max_forwards",
        "record_route",
        "routes",
        "source",
        "strip_authorization",
        "strip_identity",
    )

    def __init__(self, source: Flow, max_forwards: int, loop_mark: int) -> None:
        self.source = source
        self.max_forwards = max_forwards
        self.loop_mark = loop_mark
        self.routes: list[bytes] | None = None
        self.asserted = b""
        self.record_route = False
        self.strip_identity = True
        self.strip_authorization = False

    def serialize(
        self, core: "Core", request: Request, flow: Flow, uri: bytes | None, branch: bytes
    ) -> tuple[bytes, bytes]:
        """Return the request as it leaves on `flow`, and the token in its Record-Route or empty."""
        edits = Edits(request)
        ids = request.ids
        if uri is not None:
            edits.start_line = b"%b %b SIP/2.0" % (request.method, uri)
        edits.replace(MAX_FORWARDS, b"Max-Forwards: %d" % self.max_forwards)
        if self.routes is not None:
            edits.remove(ROUTE)
            for route in reversed(self.routes):
                edits.prepend(ROUTE, b"Route: " + route)
        if self.strip_identity:
            for header in IDENTITY_HEADERS:
                if header in ids:
                    edits.remove(header)
        if self.asserted:
            edits.append(P_ASSERTED_IDENTITY, self.asserted)
        if self.strip_authorization:
            edits.remove(PROXY_AUTHORIZATION)
        token = b""
        if self.record_route:
            token = core.tokens.build(self.source, flow, request.call_id, request.from_tag)
            self._record_route(core, edits, flow, token)
        listener = core.listeners.by_index[flow.listener]
        edits.prepend(VIA, listener.via_prefix(flow.host) + branch)
        return edits.splice(), token

    def _record_route(self, core: "Core", edits: Edits, flow: Flow, token: bytes) -> None:
        source = self.source
        inner = core.listeners.record_route(source, token)
        outer = core.listeners.record_route(flow, token)
        edits.prepend(RECORD_ROUTE, inner)
        if outer != inner:
            # RFC 5658: each side must be able to reach the URI that stands next to it.
            edits.prepend(RECORD_ROUTE, outer)


def relayed_response(
    response: Response, start_line: bytes = b"", *, strip_identity: bool = False
) -> bytes:
    """Return a response as it goes upstream: our Via removed, forged identities too on demand."""
    if strip_identity and P_ASSERTED_IDENTITY in response.ids:
        edits = Edits(response)
        edits.remove(P_ASSERTED_IDENTITY)
        edits.start_line = start_line or response.start_line
        first = response.lines[response.ids.index(VIA)]
        rest = split_top(value_of(first))[1]
        if rest:
            edits.replace(VIA, b"Via: " + rest)
        else:
            edits.remove_line(first)
        return edits.splice()
    at = response.ids.index(VIA)
    line = response.lines[at]
    rest = split_top(value_of(line))[1] if b"," in line else b""
    return without_top_via(response, rest, at, start_line)


def contact_uri(message: Message) -> bytes:
    """Return the addr-spec of the first Contact, the remote target of a dialog, or empty."""
    value = message.first(CONTACT)
    if value is None or value == b"*":
        return b""
    start = value.find(b"<")
    end = value.find(b">", start)
    if 0 <= start < end and b'"' not in value[:start]:
        return value[start + 1 : end]
    return parse_address(split_commas(value)[0]).uri


def routes_beyond(response: Response, token: bytes) -> list[bytes]:
    """Return the Route values for a request of ours to the peer that sent this response.

    They are those of the proxies between us and it: what stands above our own Record-Route.
    """
    routes = [route for value in response.values(RECORD_ROUTE) for route in split_commas(value)]
    above = next((i for i, route in enumerate(routes) if token and token in route), 0)
    return routes[:above][::-1]


def neighbour_flow(message: Message, token: bytes, flow: Flow) -> Flow:
    """Return where in-dialog requests to a trunk go: its Record-Route next to us, or its Contact.

    `token` is ours in a response, empty in a request. Falls back on `flow`, on which the message
    came, for a host that is not numeric or another transport: no look-up inside a dialog.
    """
    routes = [route for value in message.values(RECORD_ROUTE) for route in split_commas(value)]
    uri = contact_uri(message)
    if token:
        above = [i for i, route in enumerate(routes) if token in route]
        if above and above[0] > 0:
            uri = parse_address(routes[above[0] - 1]).uri
    elif routes:
        uri = parse_address(routes[0]).uri
    target = parse_uri(uri) if uri else None
    if not isinstance(target, SipUri) or not target.host_is_numeric or flow.reliable:
        return flow
    if target.transport not in (b"", b"udp"):
        return flow
    return Flow(flow.listener, flow.transport, target.host.decode("ascii"), target.port or 5060)
