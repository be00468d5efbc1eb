"""Where the fuzzers begin: the torture messages, their header values, and whole calls."""

from pathlib import Path

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.message import Message, parse_message
from sipedge.testing.messages import write_sdp
from tests.fuzz.edge_target import ROUTE_MARK, SEPARATOR, VIA_MARK
from tests.torture.corpus import read_expectations
from tests.torture.stage import request

_TARGETS_OF_VALUES = ("uri", "address", "tag", "list", "via", "numbers", "headers", "digest")
_CREDENTIALS = (
    b'Digest username="watson", realm="edge.test", nonce="MTIzNDU2Nzg5MDEyMzQ1Njc4OTAx", '
    b'uri="sip:edge.test", response="6629fae49393a05397450978507c4ef1", algorithm=MD5, '
    b'qop=auth, nc=00000001, cnonce="0a4f113b"'
)
_CHALLENGE = (
    b'Digest realm="a \\"b\\"", nonce="n", algorithm=SHA-256, qop="auth,auth-int", stale=true, '
    b'opaque="x"'
)


def seeds_of(target: str) -> list[bytes]:
    """Return the inputs from which a target begins."""
    wires = [expectation.wire for expectation in read_expectations()]
    if target == "message":
        return wires
    if target == "framing":
        return [bytes([at % 256]) + wire for at, wire in enumerate(wires)] + [b"\x03\r\n\r\n\r\n"]
    if target == "sdp":
        bodies = [wire.partition(b"\r\n\r\n")[2] for wire in wires]
        return [body for body in bodies if body.startswith(b"v=0")] + [write_sdp("192.0.2.1")]
    if target == "edge":
        return [*(b"\0\0" + wire for wire in wires), *(b"\1\2" + wire for wire in wires), *_calls()]
    assert target in _TARGETS_OF_VALUES, target
    return _values(wires)


def write_seeds(target: str, folder: Path) -> None:
    """Write the inputs from which a target begins, one file each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds_of(target)):
        (folder / f"seed-{number:03}").write_bytes(seed)


def _values(wires: list[bytes]) -> list[bytes]:
    """Every header value and URI of the messages, once."""
    values = {_CREDENTIALS: None, _CHALLENGE: None, b"tel:+33-1.23;ext=5": None, b"*": None}
    for wire in wires:
        try:
            message: Message = parse_message(wire)
        except MalformedMessage:
            continue
        for identifier in set(message.ids):
            values |= dict.fromkeys(message.values(identifier))
        values |= dict.fromkeys(message.start_line.split(b" ")[1:2])
    values |= dict.fromkeys(uri.strip(b"<>") for uri in list(values) if uri.startswith(b"<"))
    return list(values)


def _calls() -> list[bytes]:
    """Whole calls from the carrier to a phone, with every way to end."""
    invite = b"\0" + request(b"INVITE sip:user@example.com SIP/2.0", b"INVITE", 7)
    ringing, answered, busy, moved = (
        b"\1" + _response(status) for status in (b"180 Ringing", b"200 OK", b"486 Busy", b"302 x")
    )
    ack, bye, reinvite, refer = (_later(method) for method in (b"ACK", b"BYE", b"INVITE", b"REFER"))
    cancel = b"\0" + request(b"CANCEL sip:user@example.com SIP/2.0", b"CANCEL", 7).replace(
        b"-alive-CANCEL", b"-alive-INVITE"
    )
    calls = (
        (invite, ringing, answered, ack, bye, b"\1" + _response(b"200 OK", b"2 BYE")),
        (invite, ringing, cancel, b"\1" + _response(b"487 x"), ack),
        (invite, ringing, cancel, answered, ack),
        (invite, busy, ack),
        (invite, moved, ack, invite),
        (invite, answered, ack, reinvite, answered, ack, refer, bye),
        (invite, answered, answered, busy, ringing, bye, bye, invite),
    )
    return [b"\0" + SEPARATOR.join(call) for call in calls]


def _response(status: bytes, cseq: bytes = b"1 INVITE") -> bytes:
    return b"\r\n".join(
        (
            b"SIP/2.0 " + status,
            b"Via: " + VIA_MARK,
            b"Via: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK-alive-%b7" % cseq[2:],
            b"Record-Route: " + ROUTE_MARK,
            b"From: <sip:carrier@203.0.113.1>;tag=7",
            b"To: <sip:0033972100002@edge.test>;tag=phone",
            b"Call-ID: alive-7",
            b"CSeq: " + cseq,
            b"Contact: <sip:phone@198.51.100.1:5070>",
            b"Content-Length: 0",
            b"",
            b"",
        )
    )


def _later(method: bytes) -> bytes:
    start_line = method + b" sip:phone@198.51.100.1:5070 SIP/2.0"
    wire = request(start_line, method, 7, to_tag=b";tag=phone")
    return b"\0" + wire.replace(b"\r\nFrom", b"\r\nRoute: " + ROUTE_MARK + b"\r\nFrom", 1)
