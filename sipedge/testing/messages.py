"""SIP messages as the simulated peers write them, made without the builders of the edge.

A peer that shared them would share their mistakes, and a test would not see it.
"""

from collections.abc import Sequence
from typing import Final

from sipedge.sip.address import split_commas
from sipedge.sip.message import Message, Request, Response, parse_message, value_of
from sipedge.sip.names import CALL_ID, CSEQ, FROM, RECORD_ROUTE, TO, VIA

PHRASES: Final[dict[int, bytes]] = {
    100: b"Trying",
    180: b"Ringing",
    183: b"Session Progress",
    200: b"OK",
    302: b"Moved Temporarily",
    401: b"Unauthorized",
    404: b"Not Found",
    407: b"Proxy Authentication Required",
    408: b"Request Timeout",
    480: b"Temporarily Unavailable",
    481: b"Call/Transaction Does Not Exist",
    486: b"Busy Here",
    487: b"Request Terminated",
    500: b"Server Internal Error",
    503: b"Service Unavailable",
    600: b"Busy Everywhere",
    603: b"Decline",
}

_COPIED: Final = frozenset({VIA, FROM, TO, CALL_ID, CSEQ})


def write_message(start_line: bytes, lines: Sequence[bytes], body: bytes = b"") -> bytes:
    """Write a message from whole header lines, Content-Length added."""
    return b"\r\n".join((start_line, *lines, b"Content-Length: %d" % len(body), b"", body))


def write_response(
    request: Request,
    status: int,
    *,
    to_tag: bytes = b"",
    phrase: bytes = b"",
    extra: Sequence[bytes] = (),
    body: bytes = b"",
) -> bytes:
    """Write the response of a user agent to a request (RFC 3261 section 8.2.6).

    `to_tag` is added where the request has none. Record-Route goes back in 18x and 2xx.
    """
    lines: list[bytes] = []
    echoes_route = 100 < status < 300
    for line, header in zip(request.lines, request.ids, strict=True):
        if header == TO and to_tag and b"tag=" not in line:
            lines.append(line + b";tag=" + to_tag)
        elif header in _COPIED or (header == RECORD_ROUTE and echoes_route):
            lines.append(line)
    start_line = b"SIP/2.0 %d %b" % (status, phrase or PHRASES.get(status, b"Whatever"))
    return write_message(start_line, [*lines, *extra], body)


def write_sdp(host: str, port: int = 40_000, *, direction: bytes = b"", version: int = 1) -> bytes:
    """Write an offer or answer with G.711 A-law; `direction` is for instance `sendonly`."""
    family = b"IP6" if ":" in host else b"IP4"
    where = b"%b %b" % (family, host.encode("ascii"))
    lines = [
        b"v=0",
        b"o=- 1 %d IN %b" % (version, where),
        b"s=-",
        b"c=IN %b" % where,
        b"t=0 0",
        b"m=audio %d RTP/AVP 8" % port,
        b"a=rtpmap:8 PCMA/8000",
    ]
    if direction:
        lines.append(b"a=" + direction)
    return b"\r\n".join(lines) + b"\r\n"


def as_request(wire: bytes) -> Request:
    """Parse what must be a request."""
    message = parse_message(wire)
    assert isinstance(message, Request), wire
    return message


def as_response(wire: bytes) -> Response:
    """Parse what must be a response."""
    message = parse_message(wire)
    assert isinstance(message, Response), wire
    return message


def header_lines(message: Message, name: bytes) -> list[bytes]:
    """Return the values of every header line with this name, as its bytes say, case ignored."""
    return [
        value_of(line)
        for line in message.lines
        if line.partition(b":")[0].strip(b" \t").lower() == name.lower()
    ]


def route_set(message: Message, *, is_caller: bool) -> list[bytes]:
    """Return the Route values for requests in the dialog of this message (section 12.1)."""
    routes = [item for value in message.values(RECORD_ROUTE) for item in split_commas(value)]
    return routes[::-1] if is_caller else routes


def target_of(contact: bytes) -> bytes:
    """Return the addr-spec of a Contact, From or To value."""
    start, end = contact.find(b"<"), contact.find(b">")
    return contact[start + 1 : end] if 0 <= start < end else contact.partition(b";")[0]
