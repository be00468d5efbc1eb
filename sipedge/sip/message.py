"""SIP messages as views over the received bytes (RFC 3261 section 7).

One split cuts the head into lines, one table look-up each tells what they are; values are parsed
when they are first read and the lines themselves are never rewritten, so what we do not understand
travels on byte for byte. Only CRLF ends a line here: a bare CR or LF is refused, because a next hop
that reads it as a line end would see headers that we did not check.
"""

import re
from typing import Final

from sipedge.sip.address import tag_of
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.grammar import TOKEN, is_token
from sipedge.sip.headers import parse_cseq, top_via
from sipedge.sip.names import (
    ACK,
    CALL_ID,
    CONTENT_LENGTH,
    CSEQ,
    FROM,
    INVALID,
    MAX_FORWARDS,
    METHODS,
    TABLE,
    TO,
    VIA,
    header_id,
)
from sipedge.sip.uri import URI_PATTERN

# A datagram ends at 65,535 octets and peers stop earlier: Kamailio at 65,535, OpenSIPS at 65,535.
MESSAGE_BYTES_MAX: Final = 65_535
# The longest honest INVITE seen (RFC 4475 longreq) has 50; Asterisk stops at 64 per kind.
HEADER_LINES_MAX: Final = 200
# Apache stops a header line at 8,190 octets, nginx at 8 KiB; a token in Identity has about 1,000.
# Reading 60 KiB of parameters takes as long as five hundred honest messages.
HEADER_BYTES_MAX: Final = 8_192
# Real Request-URIs stay below 300 octets; the push parameters of RFC 8599 reach about 1,000.
URI_BYTES_MAX: Final = 2_048

_CR: Final = 0x0D
_LF: Final = 0x0A
_COLON: Final = 0x3A
# What a response repeats of its request, beside all Via (section 8.2.6.2).
_REPEATED_ONCE: Final = frozenset({FROM, TO, CALL_ID, CSEQ})
# A line whose name is not in TABLE as it is written: unknown, unusual, folded or no header at all.
_UNSETTLED: Final = -2
# Request-Line  =  Method SP Request-URI SP SIP-Version CRLF (section 25.1)
_match_request_line: Final = re.compile(
    rb"([%b]+) (%b) [Ss][Ii][Pp]/2\.0" % (re.escape(TOKEN), URI_PATTERN)
).fullmatch
# Status-Line  =  SIP-Version SP Status-Code SP Reason-Phrase CRLF; some peers stop after the code.
_match_status_line: Final = re.compile(
    rb"[Ss][Ii][Pp]/2\.0 ([1-6][0-9][0-9])(?: (.*))?", re.DOTALL
).fullmatch
# The Via values of nearly all peers, read in one step; whatever differs goes to parse_via. The
# branch is stopped at each mark that parse_via would stop at, and may not stand there twice.
_match_usual_via: Final = re.compile(
    rb"SIP/2\.0/[A-Z]+ ([-.:\[\]0-9A-Za-z]+)"
    rb'(?:;rport)?;branch=([^\s",;]+)(?:;(?:rport|received|alias)(?:=[-.:\[\]0-9A-Za-z]+)?)*'
).fullmatch


class Message:
    """What requests and responses share: header lines, their ids, and the body.

    `lines` are the header lines without their CRLF, folds kept inside; `ids[i]` says what
    `lines[i]` is (`sipedge.sip.names`). `body` is cut to Content-Length. Call-ID, CSeq and the top
    Via are read at once because every message needs them; tags when somebody asks.
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
        self.call_id = value_of(lines[ids.index(CALL_ID)])
        if not self.call_id:
            raise MalformedMessage(400, "Call-ID is empty")
        self.cseq_number, self.cseq_method = parse_cseq(value_of(lines[ids.index(CSEQ)]))
        value = value_of(lines[ids.index(VIA)])
        usual = _match_usual_via(value)
        if usual is not None:
            self.via_sent_by, self.via_branch = usual.groups()
        else:
            via = top_via(value)
            self.via_sent_by = via.sent_by
            self.via_branch = via.branch

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
        if method not in METHODS and (
            # RFC 4475 section 3.1.2.18: what is wrong first is that nobody knows the method.
            self.cseq_method != method
            # Methods are case-sensitive (section 7.1), but the next hop may read `invite` as INVITE
            # and set up a call that nobody counted.
            or method.upper() in METHODS
        ):
            raise MalformedMessage(501, "Not Implemented")
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
    value = line.partition(b":")[2]
    # An int is looked for in a fifth of the time that b"\r\n" takes; a line holds no bare LF.
    if _LF in value:
        value = b" ".join([piece.strip(b" \t") for piece in value.split(b"\r\n")])
    return value.strip(b" \t")


def parse_message(wire: bytes, *, is_own: bool = False) -> Request | Response:
    """Parse one whole message, as a datagram or a framed piece of a stream holds it.

    Raises MalformedMessage with the status that a request of this kind deserves; nothing else.
    `is_own` is for what we have sent ourselves: a message at one of the limits has grown by our
    Via and Record-Route, and must still be acknowledged and cancelled.
    """
    if wire[:2] == b"\r\n":
        # RFC 3261 section 7.5: empty lines before the start line are ignored.
        wire = wire.lstrip(b"\r\n")
    head, separator, body = wire.partition(b"\r\n\r\n")
    if not separator:
        raise MalformedMessage(400, "No empty line after the header fields")
    lines = head.split(b"\r\n")
    ends = len(lines) - 1
    if head.count(_LF) != ends or head.count(_CR) != ends:
        raise MalformedMessage(400, "Bare CR or LF in the header fields")
    if (len(wire) > MESSAGE_BYTES_MAX or ends > HEADER_LINES_MAX) and not is_own:
        raise MalformedMessage(513, "Longer than 65535 octets or 200 header lines")
    start_line = lines.pop(0)
    ids: list[int] = []
    look_up = TABLE.get
    for line in lines:
        name, colon, _ = line.partition(b":")
        ids.append(look_up(name, _UNSETTLED) if colon else _UNSETTLED)
    if _UNSETTLED in ids:
        lines = _join_folds(lines)
        ids = _settle_names(lines)
    if len(wire) > HEADER_BYTES_MAX and not is_own:
        _check_line_sizes(lines)
    _check_counts(ids)
    if CONTENT_LENGTH in ids:
        body = _cut_body(lines, ids, body)
    request_line = _match_request_line(start_line)
    if request_line is not None:
        method, uri = request_line.groups()
        if len(uri) > URI_BYTES_MAX and not is_own:
            raise MalformedMessage(414, "Request-URI longer than 2048 octets")
        return Request(wire, start_line, lines, ids, body, method, uri)
    status_line = _match_status_line(start_line)
    if status_line is not None:
        status, reason = status_line.groups()
        return Response(wire, start_line, lines, ids, body, int(status), reason or b"")
    raise _blame_start_line(start_line)


def _join_folds(lines: list[bytes]) -> list[bytes]:
    """Join each continuation line to the line that it continues (RFC 3261 section 7.3.1)."""
    groups: list[list[bytes]] = []
    for line in lines:
        if line[:1] not in (b" ", b"\t"):
            groups.append([line])
        elif groups:
            groups[-1].append(line)
        else:
            raise MalformedMessage(400, "White space before the first header field")
    return [b"\r\n".join(group) for group in groups]


def _settle_names(lines: list[bytes]) -> list[int]:
    """Return what each header line is, however its name is spelled."""
    ids: list[int] = []
    for line in lines:
        name, colon, _ = line.partition(b":")
        if not colon:
            raise MalformedMessage(400, "Header field without a colon")
        identifier = header_id(name)
        if identifier == INVALID:
            raise MalformedMessage(400, "Header field name is not a token")
        ids.append(identifier)
    return ids


def _check_line_sizes(lines: list[bytes]) -> None:
    for line in lines:
        if len(line) > HEADER_BYTES_MAX:
            raise MalformedMessage(513, "Header field longer than 8192 octets")


def _check_counts(ids: list[int]) -> None:
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
    if announced == b"%d" % len(body):
        return body
    if not announced.isdigit():
        raise MalformedMessage(400, "Content-Length is not a number of octets")
    # Nine digits at most, or int() would be the peer's to prolong; no message is that long.
    digits = announced.lstrip(b"0") or b"0"
    if len(digits) > 9 or int(digits) > len(body):
        raise MalformedMessage(400, "Body shorter than Content-Length")
    return body[: int(digits)]


def _blame_start_line(start_line: bytes) -> MalformedMessage:
    """Say what is wrong with a start line that is neither of a request nor of a response."""
    if start_line[:4].upper() == b"SIP/":
        return MalformedMessage(400, "Status-Line without version 2.0 and a code of 100 to 699")
    parts = start_line.split(b" ")
    if len(parts) != 3:
        return MalformedMessage(400, "Request-Line is not method, URI and version")
    method, uri, version = parts
    if version.upper() != b"SIP/2.0":
        if version[:4].upper() == b"SIP/":
            return MalformedMessage(505, "Version Not Supported")
        return MalformedMessage(400, "Request-Line does not end in SIP/2.0")
    if not is_token(method):
        return MalformedMessage(400, "Method is not a token")
    if len(uri) > URI_BYTES_MAX:
        return MalformedMessage(414, "Request-URI longer than 2048 octets")
    return MalformedMessage(400, "Request-URI is not a URI")


class Salvage:
    """What can still be read of a malformed request, just enough to answer it (section 21.4.1).

    `lines` hold its Via lines and the first CSeq, and From, To and Call-ID where there are any;
    `ids` says what they are.
    """

    __slots__ = ("ids", "lines")

    def __init__(self, lines: list[bytes], ids: list[int]) -> None:
        self.lines = lines
        self.ids = ids


def salvage_request(wire: bytes) -> Salvage | None:
    """Find the headers that an error response to this malformed request must repeat, or None.

    None for responses and ACK, which are never answered, and for whatever lacks Via or CSeq, by
    which its sender knows the answer. A Via may be what is broken: the answer goes to the source
    of the request and nowhere else.
    """
    head = wire[:MESSAGE_BYTES_MAX].lstrip(b"\r\n").partition(b"\r\n\r\n")[0]
    start_line, *lines = head.split(b"\r\n")[: HEADER_LINES_MAX + 1]
    method = start_line.partition(b" ")[0]
    if method == ACK or not is_token(method):
        return None
    try:
        lines = _join_folds(lines)
    except MalformedMessage:
        return None
    salvage = Salvage([], [])
    for line in lines:
        identifier = header_id(line.partition(b":")[0]) if _COLON in line else INVALID
        if identifier == VIA or (identifier in _REPEATED_ONCE and identifier not in salvage.ids):
            folds = line.count(b"\r\n")
            if line.count(_CR) != folds or line.count(_LF) != folds:
                return None
            salvage.lines.append(line)
            salvage.ids.append(identifier)
    return salvage if VIA in salvage.ids and CSEQ in salvage.ids else None
