"""The ACK that a client transaction sends for a refusal (RFC 3261 section 17.1.1.3)."""

from typing import Final

from sipedge.sip.message import Request, Response, parse_message
from sipedge.sip.names import CALL_ID, FROM, ROUTE, TO, VIA

_END: Final = b"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"


def build_ack(invite_wire: bytes, response: Response) -> bytes:
    """Build the ACK of a 300-699 to the INVITE that we sent.

    Request-URI, top Via, Route, From, Call-ID and CSeq number are those of the INVITE, byte for
    byte; To is that of the response, whose tag names the refusal. The top Via of an INVITE that we
    sent stands alone on its line: we put it there.
    """
    invite = parse_message(invite_wire, is_own=True)
    assert isinstance(invite, Request), "only a request is acknowledged"
    parts = [b"ACK %b SIP/2.0" % invite.uri, invite.lines[invite.ids.index(VIA)]]
    for line, header in zip(invite.lines, invite.ids, strict=True):
        if header in (ROUTE, FROM, CALL_ID):
            parts.append(line)
    parts.append(response.lines[response.ids.index(TO)])
    parts.append(b"CSeq: %d ACK" % invite.cseq_number)
    parts.append(_END)
    return b"\r\n".join(parts)
