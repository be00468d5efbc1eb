"""Messages that the edge itself originates: responses, CANCEL, and ACK and BYE for a ghost answer.

What is forwarded is spliced (`sipedge.sip.edit`); what is made here repeats the lines that RFC 3261
sections 8.2.6, 9.1 and 12.2.1 name.
"""

from collections.abc import Sequence
from typing import Final

from sipedge.sip.address import find_comma, parse_address, tag_of
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.grammar import SPACES
from sipedge.sip.headers import parse_max_forwards
from sipedge.sip.message import (
    HEADER_BYTES_MAX,
    Request,
    Response,
    Salvage,
    parse_message,
    value_of,
)
from sipedge.sip.names import (
    CALL_ID,
    CONTACT,
    CSEQ,
    FROM,
    MAX_FORWARDS,
    ROUTE,
    TIMESTAMP,
    TO,
    VIA,
)
from sipedge.sip.uri import as_request_uri

_REPEATED: Final = frozenset({VIA, FROM, TO, CALL_ID, CSEQ})
_REPEATED_BY_100: Final = frozenset({VIA, FROM, TO, CALL_ID, CSEQ, TIMESTAMP})
_END: Final = b"Content-Length: 0\r\n\r\n"


def build_response(
    request: Request, status: int, reason: bytes, to_tag: bytes, extra: Sequence[bytes] = ()
) -> bytes:
    """Build a response without a body (RFC 3261 section 8.2.6.2).

    `to_tag` is added where the request has none and the status is not 100. `extra` are whole header
    lines without CRLF.
    """
    parts = [b"SIP/2.0 %d %b" % (status, reason)]
    repeated = _REPEATED_BY_100 if status == 100 else _REPEATED
    for line, header in zip(request.lines, request.ids, strict=True):
        if header == TO and status != 100 and not request.to_tag:
            parts.append(_add_tag(line, to_tag))
        elif header in repeated:
            parts.append(line)
    parts.extend(extra)
    parts.append(_END)
    return b"\r\n".join(parts)


def build_salvage_response(salvage: Salvage, status: int, reason: str, to_tag: bytes) -> bytes:
    """Build the answer to a request that could not be parsed, from what could be saved of it."""
    parts = [b"SIP/2.0 %d %b" % (status, reason.encode("ascii"))]
    for line, header in zip(salvage.lines, salvage.ids, strict=True):
        if header == TO and not _has_tag(value_of(line)):
            parts.append(_add_tag(line, to_tag))
        else:
            parts.append(line)
    parts.append(_END)
    return b"\r\n".join(parts)


def _add_tag(line: bytes, tag: bytes) -> bytes:
    # A semicolon too many at the end passes on the way in; two in a row might not on the way out.
    return line.rstrip(SPACES).removesuffix(b";") + b";tag=" + tag


def _has_tag(value: bytes) -> bool:
    """Tell whether a To has a tag, or is itself what is wrong: no tag of ours mends that."""
    try:
        return len(value) > HEADER_BYTES_MAX or bool(tag_of(value))
    except MalformedMessage:
        return True


def build_cancel(invite_wire: bytes) -> bytes:
    """Build the CANCEL of an INVITE that we sent: same Via, URI, Route (RFC 3261 section 9.1)."""
    invite = parse_message(invite_wire, is_own=True)
    assert isinstance(invite, Request), "only a request can be cancelled"
    parts = [b"CANCEL %b SIP/2.0" % invite.uri]
    via_seen = False
    for line, header in zip(invite.lines, invite.ids, strict=True):
        if header == VIA:
            if not via_seen:
                parts.append(line)
            via_seen = True
        elif header in (ROUTE, FROM, TO, CALL_ID):
            parts.append(line)
    parts.append(b"CSeq: %d CANCEL" % invite.cseq_number)
    parts.append(b"Max-Forwards: 70")
    parts.append(_END)
    return b"\r\n".join(parts)


def build_in_dialog(
    answer: Response,
    method: bytes,
    cseq: int,
    via_line: bytes,
    routes: Sequence[bytes],
    extra: Sequence[bytes] = (),
) -> bytes:
    """Build an ACK or BYE towards the peer that sent this 2xx (RFC 3261 sections 12.1.2, 13.2.2.4).

    Used for an answer that nobody is left to take: the edge acknowledges it and hangs up. `routes`
    are the Route values from the edge on; the remote target is the Contact of the answer, or the
    URI in To where that is missing or broken.
    """
    parts = [b"%b %b SIP/2.0" % (method, _remote_target(answer)), via_line]
    parts.extend(b"Route: " + route for route in routes)
    for line, header in zip(answer.lines, answer.ids, strict=True):
        if header in (FROM, TO, CALL_ID):
            parts.append(line)
    parts.append(b"CSeq: %d %b" % (cseq, method))
    parts.append(b"Max-Forwards: 70")
    parts.extend(extra)
    parts.append(_END)
    return b"\r\n".join(parts)


def _remote_target(answer: Response) -> bytes:
    for header in (CONTACT, TO):
        value = answer.first(header)
        if value is not None:
            try:
                return as_request_uri(parse_address(value[: find_comma(value, 0)]).uri)
            except MalformedMessage:
                continue
    return b"sip:unknown.invalid"


def reduced_max_forwards(request: Request) -> int:
    """Return the Max-Forwards that a forwarded copy carries, -1 when the request may go no further.

    A request without the header gets 70 (RFC 3261 section 16.6 step 3). A value that is no number
    in 0 to 255 counts as 70 too: the header only bounds loops, and Via loop detection stays.
    """
    value = request.first(MAX_FORWARDS)
    if value is None:
        return 70
    try:
        return parse_max_forwards(value) - 1
    except MalformedMessage:
        return 70
