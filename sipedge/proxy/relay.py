"""The edits of a message that passes through (RFC 3261 sections 16.6 and 16.7).

Requests get our Via, one hop less, our Record-Route and the asserted identity; responses lose our
Via. Everything else keeps the bytes it came with.
"""

from typing import TYPE_CHECKING, Final

from sipedge.sip.address import parse_address, split_commas
from sipedge.sip.edit import Edits, without_top_via
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.flow import Flow
from sipedge.sip.headers import split_top
from sipedge.sip.message import Message, Request, Response, value_of
from sipedge.sip.names import (
    AUTHORIZATION,
    CONTACT,
    MAX_FORWARDS,
    P_ASSERTED_IDENTITY,
    P_PREFERRED_IDENTITY,
    PRIVACY,
    PROXY_AUTHORIZATION,
    RECORD_ROUTE,
    REMOTE_PARTY_ID,
    ROUTE,
    VIA,
)
from sipedge.sip.uri import as_request_uri, match_uri

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

    def serialize(
        self, core: "Core", request: Request, flow: Flow, uri: bytes | None, branch: bytes
    ) -> tuple[bytes, bytes]:
        """Return the request as it leaves on `flow`, and the token in its Record-Route or empty."""
        edits = Edits(request)
        ids = request.ids
        if uri is not None:
            edits.start_line = b"%b %b SIP/2.0" % (request.method, as_request_uri(uri))
        edits.replace(MAX_FORWARDS, b"Max-Forwards: %d" % self.max_forwards)
        if self.routes is not None:
            edits.remove(ROUTE)
            for route in reversed(self.routes):
                edits.prepend(ROUTE, b"Route: " + route)
        if self.strip_identity and has_identity(request):
            remove_identity(edits, request)
        if self.asserted:
            edits.append(P_ASSERTED_IDENTITY, self.asserted)
        if PROXY_AUTHORIZATION in ids or AUTHORIZATION in ids:
            _remove_own_credentials(edits, core.settings.realm)
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


def _remove_own_credentials(edits: Edits, realm: str) -> None:
    """Remove the proofs made for us and keep those for others (RFC 3261 section 22.3).

    Also from Authorization, which only our registrar asks for: a callee that challenges in our name
    must not get a hash of the secret to guess at.
    """
    quoted = b'"%b"' % realm.encode("utf-8")
    for header in (PROXY_AUTHORIZATION, AUTHORIZATION):
        edits.remove_holding(header, quoted)


def relayed_response(
    response: Response, start_line: bytes = b"", *, strip_identity: bool = False
) -> bytes:
    """Return a response as it goes upstream: our Via removed, forged identities too on demand."""
    at = response.ids.index(VIA)
    line = response.lines[at]
    rest = split_top(value_of(line))[1] if b"," in line else b""
    if not strip_identity or not has_identity(response):
        return without_top_via(response, rest, at, start_line)
    edits = Edits(response)
    edits.start_line = start_line or response.start_line
    remove_identity(edits, response)
    if rest:
        edits.replace(VIA, b"Via: " + rest)
    else:
        edits.remove_line(line)
    return edits.splice()


def has_identity(message: Message) -> bool:
    """True when the message says who its sender is in one of the headers for that."""
    ids = message.ids
    return P_ASSERTED_IDENTITY in ids or P_PREFERRED_IDENTITY in ids or REMOTE_PARTY_ID in ids


def remove_identity(edits: Edits, message: Message) -> None:
    """Remove every header that says who the sender is, in whatever spelling it came."""
    for header in IDENTITY_HEADERS:
        if header in message.ids:
            edits.remove(header)


def wants_privacy(message: Message) -> bool:
    """True when the sender asks for its asserted identity to be withheld (RFC 3325 section 9.3)."""
    if PRIVACY not in message.ids:
        return False
    values = b";".join(message.values(PRIVACY)).lower()
    return b"id" in [value.strip(b" \t") for value in values.replace(b",", b";").split(b";")]


def contact_uri(message: Message) -> bytes:
    """Return the addr-spec of the first Contact, the remote target of a dialog, or empty.

    Empty for what is no address either: a peer that writes a broken Contact loses what it is for,
    and no call is given up for it.
    """
    value = message.first(CONTACT)
    if value is None:
        return b""
    start = value.find(b"<")
    end = value.find(b">", start)
    if 0 <= start < end and b'"' not in value[:start]:
        uri = value[start + 1 : end]
        return uri if match_uri(uri) is not None else b""
    try:
        return parse_address(split_commas(value)[0]).uri
    except (MalformedMessage, IndexError):
        return b""


def routes_beyond(response: Response, token: bytes) -> list[bytes]:
    """Return the Route values for a request of ours to the peer that sent this response.

    They are those of the proxies between us and it: what stands above our own Record-Route.
    """
    routes = [route for value in response.values(RECORD_ROUTE) for route in split_commas(value)]
    above = next((i for i, route in enumerate(routes) if token and token in route), 0)
    return routes[:above][::-1]
