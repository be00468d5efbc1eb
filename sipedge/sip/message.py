"""SIP messages as views over the received bytes (RFC 3261 section 7).

One split cuts the head into lines, one table look-up each tells what they are; values are parsed
when they are first read and the lines themselves are never rewritten, so what we do not understand
travels on byte for byte. Only CRLF ends a line here: a bare CR or LF is refused, because a next hop
that reads it as a line end would see headers that we did not check.
"""

from typing import Final

from sipedge.sip.address import tag_of
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.headers import parse_cseq, parse_via, split_top
from sipedge.sip.names import (
    ACK,
    CALL_ID,
    CONTENT_LENGTH,
    CSEQ,
    FROM,
    INVALID,
    MAX_FORWARDS,
    TABLE,
    TO,
    VIA,
    header_id,
)

# A datagram ends at 65,535 octets and peers stop earlier: Kamailio at 65,535, OpenSIPS at 65,535.
MESSAGE_BYTES_MAX: Final = 65_535
# The longest honest INVITE seen (RFC 4475 longreq) has 50; Asterisk stops at 64 per kind, sofia at 256.
HEADERS_MAX: Final = 200
# Real Request-URIs stay below 300 octets; the push parameters of RFC 8599 reach about 1,000.
URI_BYTES_MAX: Final = 2_048

_VERSION: Final = b"SIP/2.0"


class Message:
    """What requests and responses share: header lines, their ids, and the body.

    `lines` are the header lines without their CRLF, folds kept inside; `ids[i]` says what `lines[i]`
    is (`sipedge.sip.names`). `body` is cut to Content-Length. Via and CSeq are read at once because
    every message needs them; tags when somebody asks.
    """

    __slots__ = (
        "_from_tag",
        "_to_tag",
        "body",
        "call_id",
        "cseq_method",
        "cseq_number",
        "ids",
        "lines",
        "start_line",
        "via_branch",
        "via_sent_by",
        "wire",
    )

    def __init__(
        self, wire: bytes, start_line: bytes, lines: list[bytes], ids: list[int], body: bytes
    ) -> None:
        self.wire = wire
        self.start_line = start_line
        self.lines = lines
        self.ids = ids
        self.body = body
        self._from_tag: bytes | None = None
        self._to_tag: bytes | None = None
        self.call_id = self.first(CALL_ID) or b""
        self.cseq_number, self.cseq_method = parse_cseq(self.first(CSEQ) or b"")
        self.via_branch = b""
        self.via_sent_by = b""
        self._read_top_via()

    def _read_top_via(self) -> None:
        value = self.first(VIA) or b""
        # The usual `SIP/2.0/UDP host:port;branch=z9...`: two cuts instead of a parse.
        sent, _, parameters = value.partition(b";")
        if b"," not in value and b'"' not in value and sent.count(b" ") == 1:
            start = parameters.find(b"branch=")
            if start == 0 or (start > 0 and parameters[start - 1 : start] == b";"):
                branch = parameters[start + 7 :].partition(b";")[0]
                if branch and b" " not in branch and b"\t" not in branch:
                    protocol, _, sent_by = sent.partition(b" ")
                    if protocol[:8] == b"SIP/2.0/" and sent_by and len(protocol) > 8:
                        self.via_branch = branch
                        self.via_sent_by = sent_by
                        return
        via = parse_via(split_top(value)[0])
        self.via_branch = via.branch
        self.via_sent_by = via.sent_by

    def first(self, header: int) -> bytes | None:
        """Return the value of the first header line with this id, unfolded and trimmed, or None."""
        ids = self.ids
        if header not in ids:
            return None
        return value_of(self.lines[ids.index(header)])

    def values(self, header: int) -> list[bytes]:
        """Return the value of every header line with this id, in order, commas left as they are."""
        return [value_of(self.lines[i]) for i, found in enumerate(self.ids) if found == header]

    @property
    def from_tag(self) -> bytes:
        """The tag of the From header; empty for a peer of RFC 2543."""
        tag = self._from_tag
        if tag is None:
            tag = self._from_tag = tag_of(self.first(FROM) or b"")
        return tag

    @property
    def to_tag(self) -> bytes:
        """The tag of the To header; empty outside a dialog."""
        tag = self._to_tag
        if tag is None:
            tag = self._to_tag = tag_of(self.first(TO) or b"")
        return tag


class Request(Message):
    """A request: `method` and `uri` are the received bytes of the Request-Line (section 7.1)."""

    __slots__ = ("method", "uri")

    def __init__(
        self,
        wire: bytes,
        start_line: bytes,
        lines: list[bytes],
        ids: list[int],
        body: bytes,
        method: bytes,
        uri: bytes,
    ) -> None:
        super().__init__(wire, start_line, lines, ids, body)
        self.method = method
        self.uri = uri
        if self.cseq_method != method:
            raise MalformedMessage(400, "CSeq method differs from the request method")


class Response(Message):
    """A response: `status` is 100 to 699, `reason` the received reason phrase (section 7.2)."""

    __slots__ = ("reason", "status")

    def __init__(
        self,
        wire: bytes,
        start_line: bytes,
        lines: list[bytes],
        ids: list[int],
        body: bytes,
        status: int,
        reason: bytes,
    ) -> None:
        super().__init__(wire, start_line, lines, ids, body)
        self.status = status
        self.reason = reason


def value_of(line: bytes) -> bytes:
    """Return what stands after the colon of a header line, trimmed; a fold becomes one space."""
    value = line[line.find(b":") + 1 :]
    if b"\r\n" in value:
        value = b" ".join(piece.strip(b" \t") for piece in value.split(b"\r\n"))
    return value.strip(b" \t")


def parse_message(wire: bytes) -> Request | Response:
    """Parse one whole message, as a datagram or a framed piece of a stream holds it.

    Raises MalformedMessage with the status that a request of this kind deserves; nothing else.
    """
    if wire[:2] == b"\r\n":
        # RFC 3261 section 7.5: empty lines before the start line are ignored.
        wire = wire.lstrip(b"\r\n")
    if len(wire) > MESSAGE_BYTES_MAX:
        raise MalformedMessage(513, "Message longer than 65535 octets")
    head, separator, body = wire.partition(b"\r\n\r\n")
    if not separator:
        raise MalformedMessage(400, "No empty line after the header fields")
    lines = head.split(b"\r\n")
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1:
        raise MalformedMessage(400, "Bare CR or LF in the header fields")
    start_line = lines.pop(0)
    if b"\r\n " in head or b"\r\n\t" in head:
        lines = _keep_folds_together(lines)
    ids = [TABLE.get(line[: line.find(b":")], -2) for line in lines]
    if -2 in ids:
        _settle_unusual_names(lines, ids)
    _check_counts(ids)
    if CONTENT_LENGTH in ids:
        body = _cut_body(lines, ids, body)
    if start_line[:8] == b"SIP/2.0 ":
        status, reason = _parse_status_line(start_line)
        return Response(wire, start_line, lines, ids, body, status, reason)
    method, uri = _parse_request_line(start_line)
    return Request(wire, start_line, lines, ids, body, method, uri)


def _keep_folds_together(lines: list[bytes]) -> list[bytes]:
    """Join each continuation line to the line that it continues (RFC 3261 section 7.3.1)."""
    groups: list[list[bytes]] = []
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            if not groups:
                raise MalformedMessage(400, "White space before the first header field")
            groups[-1].append(line)
        else:
            groups.append([line])
    return [b"\r\n".join(group) for group in groups]


def _settle_unusual_names(lines: list[bytes], ids: list[int]) -> None:
    for i, found in enumerate(ids):
        if found == -2:
            line = lines[i]
            colon = line.find(b":")
            if colon < 0:
                raise MalformedMessage(400, "Header field without a colon")
            identifier = header_id(line[:colon])
            if identifier == INVALID:
                raise MalformedMessage(400, "Header field name is not a token")
            ids[i] = identifier


def _check_counts(ids: list[int]) -> None:
    if len(ids) > HEADERS_MAX:
        raise MalformedMessage(400, "More than 200 header fields")
    if VIA not in ids:
        raise MalformedMessage(400, "Via is missing")
    if (
        ids.count(FROM) != 1
        or ids.count(TO) != 1
        or ids.count(CALL_ID) != 1
        or ids.count(CSEQ) != 1
        or ids.count(MAX_FORWARDS) > 1
    ):
        raise MalformedMessage(400, "From, To, Call-ID and CSeq must stand exactly once")


def _cut_body(lines: list[bytes], ids: list[int], body: bytes) -> bytes:
    """Return the body that Content-Length announces; octets after it are noise (section 18.3)."""
    announced = value_of(lines[ids.index(CONTENT_LENGTH)])
    if ids.count(CONTENT_LENGTH) > 1:
        for line, found in zip(lines, ids, strict=True):
            if found == CONTENT_LENGTH and value_of(line) != announced:
                raise MalformedMessage(400, "Content-Length values differ")
    if not announced.isdigit() or len(announced) > 9:
        raise MalformedMessage(400, "Content-Length is not a number of octets")
    length = int(announced)
    if length == len(body):
        return body
    if length > len(body):
        raise MalformedMessage(400, "Body shorter than Content-Length")
    return body[:length]


def _parse_request_line(start_line: bytes) -> tuple[bytes, bytes]:
    parts = start_line.split(b" ")
    if len(parts) != 3:
        raise MalformedMessage(400, "Request-Line is not method, URI and version")
    method, uri, version = parts
    if version != _VERSION and version.upper() != _VERSION:
        if version[:4].upper() == b"SIP/":
            raise MalformedMessage(505, "Version Not Supported")
        raise MalformedMessage(400, "Request-Line does not end in SIP/2.0")
    if header_id(method) == INVALID or method.rstrip(b"\t") != method:
        raise MalformedMessage(400, "Method is not a token")
    if len(uri) > URI_BYTES_MAX:
        raise MalformedMessage(414, "Request-URI longer than 2048 octets")
    if not uri or b"<" in uri or b'"' in uri or b"\t" in uri:
        raise MalformedMessage(400, "Request-URI is not a URI")
    return method, uri


def _parse_status_line(start_line: bytes) -> tuple[int, bytes]:
    code = start_line[8:11]
    if len(code) != 3 or not code.isdigit() or start_line[11:12] not in (b" ", b""):
        raise MalformedMessage(400, "Status-Line without a three-digit code")
    status = int(code)
    if not 100 <= status <= 699:
        raise MalformedMessage(400, "Status code outside 100 to 699")
    return status, start_line[12:]


class Salvage:
    """What can still be read of a malformed request, just enough to answer it (section 21.4.1).

    `lines` hold its Via lines and the first From, To, Call-ID and CSeq; `via` is the top Via value.
    """

    __slots__ = ("lines", "via")

    def __init__(self, lines: list[bytes], via: bytes) -> None:
        self.lines = lines
        self.via = via


def salvage_request(wire: bytes) -> Salvage | None:
    """Find the headers that an error response to this malformed request must repeat, or None.

    None for responses and ACK, which are never answered, and for whatever lacks a Via that parses:
    no answer goes to an address taken from a broken Via.
    """
    head = wire[:MESSAGE_BYTES_MAX].lstrip(b"\r\n").partition(b"\r\n\r\n")[0]
    lines = head.split(b"\r\n")[: HEADERS_MAX + 1]
    start_line = lines.pop(0)
    method = start_line.partition(b" ")[0]
    if method[:4].upper() == b"SIP/" or method == ACK or header_id(method) == INVALID:
        return None
    kept: list[bytes] = []
    seen: set[int] = set()
    via = b""
    for line in lines:
        if b"\n" in line or b"\r" in line:
            return None
        identifier = TABLE.get(line[: line.find(b":")], 0)
        if identifier == VIA:
            via = via or value_of(line)
        elif identifier not in (FROM, TO, CALL_ID, CSEQ) or identifier in seen:
            continue
        seen.add(identifier)
        kept.append(line)
    if len(seen) != 5:
        return None
    try:
        top = split_top(via)[0]
        parse_via(top)
    except MalformedMessage:
        return None
    return Salvage(kept, top)
