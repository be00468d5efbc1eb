"""Values of the header fields that the edge reads (RFC 3261 section 20), each parsed on its own.

All of them take the value without its name, unfolded or not, and raise MalformedMessage only. That
a header may stand only once is for the message to check.
"""

from typing import Final

from sipedge.sip.address import Address, find_comma, parse_address, split_commas
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.grammar import SPACES, is_token, unquote
from sipedge.sip.host import parse_hostport, parse_ipv6, write_hostport
from sipedge.sip.names import METHODS
from sipedge.sip.numbers import Q_MAX, parse_delta_seconds, parse_number, parse_port, parse_q
from sipedge.sip.params import Params, parse_params, write_params

CSEQ_MAX: Final = 2**31 - 1
MAX_FORWARDS_MAX: Final = 255
EXPIRES_DEFAULT_SECONDS: Final = 3600
REG_ID_MAX: Final = 2**31 - 1

_BLANKS: Final = bytes.maketrans(b"\t\r\n", b"   ")


class Via:
    """One Via value (section 20.42): where a response goes next, and the branch it belongs to.

    `transport` is in upper case. `host` is normal, without brackets; `port` is 0 when absent;
    `sent_by` is host and port as received, without spaces. `branch` is b"" for a peer of RFC 2543.
    """

    __slots__ = ("branch", "host", "params", "port", "sent_by", "transport")

    def __init__(self, transport: bytes, sent_by: bytes, params: Params) -> None:
        self.transport = transport
        self.sent_by = sent_by
        self.host, self.port = parse_hostport(sent_by)
        self.params = params
        self.branch = params.get(b"branch") or b""

    @property
    def received(self) -> bytes:
        """The source address that the next hop saw, b"" when it added none.

        IPv6 with and without brackets is read (RFC 5118 section 4.5). Raises MalformedMessage.
        """
        value = self.params.get(b"received")
        if not value:
            return b""
        if b":" in value:
            return parse_ipv6(value.removeprefix(b"[").removesuffix(b"]"))
        return parse_hostport(value)[0]

    @property
    def rport(self) -> int:
        """The source port (RFC 3581): -1 not asked for, 0 asked for, else filled in.

        Raises MalformedMessage.
        """
        if b"rport" not in self.params:
            return -1
        value = self.params[b"rport"]
        return parse_port(value) if value else 0

    def serialize(self) -> bytes:
        """Write the value, its parameters in the order they have in `params`."""
        sent_by = write_hostport(self.host, self.port)
        return b"SIP/2.0/" + self.transport + b" " + sent_by + write_params(self.params)


class ContactHeader:
    """One value of a Contact header (sections 10.2 and 20.10, RFC 5626 section 4).

    `uri` is raw. `q` is in thousandths, 1000 when not said. `expires` is in seconds, None when not
    said. `instance` is the text of +sip.instance without quotes and brackets, b"" when absent;
    `reg_id` is 0 when absent.
    """

    __slots__ = ("display", "expires", "instance", "params", "q", "reg_id", "uri")

    def __init__(self, address: Address) -> None:
        params = address.params
        self.display = address.display
        self.uri = address.uri
        self.params = params
        self.q = Q_MAX
        self.expires: int | None = None
        self.instance = b""
        self.reg_id = 0
        if params:
            self._read_params(params)

    def _read_params(self, params: Params) -> None:
        if b"q" in params:
            self.q = parse_q(params[b"q"] or b"")
        if b"expires" in params:
            value = unquote(params[b"expires"] or b"")
            # Malformed values are equivalent to 3600 (section 20.10); some stacks send a date.
            malformed = not value.isdigit()
            self.expires = EXPIRES_DEFAULT_SECONDS if malformed else parse_delta_seconds(value)
        instance = params.get(b"+sip.instance")
        if instance:
            self.instance = unquote(instance).removeprefix(b"<").removesuffix(b">")
        if b"reg-id" in params:
            self.reg_id = parse_number(params[b"reg-id"] or b"", REG_ID_MAX)


class Star:
    """The Contact value `*`, which stands for every binding (section 10.2.2)."""

    __slots__ = ()


STAR: Final = Star()


def parse_via(value: bytes) -> Via:
    """Parse one Via value; spaces may stand around every mark of it (RFC 4475 3.1.1.1)."""
    sent, semicolon, tail = value.partition(b";")
    protocol, _, sent_by = sent.partition(b" ")
    if protocol.startswith(b"SIP/2.0/") and sent_by and len(protocol) > 8:
        transport = protocol[8:]
        sent_by = sent_by.strip(SPACES)
    else:
        transport, sent_by = _parse_spaced_protocol(sent)
    if not is_token(transport):
        raise MalformedMessage(400, "Bad transport in Via")
    params = parse_params(semicolon + tail) if semicolon else {}
    if b"branch" in params and (params[b"branch"] or b'"').startswith(b'"'):
        raise MalformedMessage(400, "Bad branch in Via")
    return Via(transport.upper(), _close_colon(sent_by), params)


def split_top(value: bytes) -> tuple[bytes, bytes]:
    """Cut the first of several comma-joined values off: itself and the rest, b"" when alone.

    For Via, Route and Record-Route, which some peers (SIPp) send joined in one line. Raises
    MalformedMessage when either side of the comma is empty.
    """
    comma = find_comma(value, 0)
    if comma == len(value):
        return value, b""
    top = value[:comma].strip(SPACES)
    rest = value[comma + 1 :].strip(SPACES)
    if not top or not rest:
        raise MalformedMessage(400, "Empty element in a list")
    return top, rest


def top_via(value: bytes) -> Via:
    """Parse the first Via of a header value that may hold several."""
    return parse_via(split_top(value)[0] if b"," in value else value)


def parse_cseq(value: bytes) -> tuple[int, bytes]:
    """Parse CSeq (section 20.16): a number below 2^31 and a method, whose case counts."""
    number, _, method = value.translate(_BLANKS).strip(b" ").partition(b" ")
    method = method.lstrip(b" ")
    if method not in METHODS and not is_token(method):
        raise MalformedMessage(400, "Bad method in CSeq")
    return parse_number(number, CSEQ_MAX), method


def parse_max_forwards(value: bytes) -> int:
    """Parse Max-Forwards, 0 to 255 (section 20.22)."""
    return parse_number(value.strip(SPACES), MAX_FORWARDS_MAX)


def parse_expires(value: bytes) -> int:
    """Parse Expires and Min-Expires, in seconds; above 2^32-1 counts as 2^32-1."""
    return parse_delta_seconds(value.strip(SPACES))


def parse_contacts(values: list[bytes]) -> list[ContactHeader] | Star:
    """Parse all Contact header values of a message, in order; STAR when they are a lone `*`.

    A `*` beside anything else raises MalformedMessage (section 10.3 item 6).
    """
    items: list[bytes] = []
    for value in values:
        found = split_commas(value)
        if not found:
            raise MalformedMessage(400, "Empty Contact")
        items += found
    if b"*" in items:
        if len(items) != 1:
            raise MalformedMessage(400, "Contact * beside other contacts")
        return STAR
    return [ContactHeader(parse_address(item)) for item in items]


def parse_routes(values: list[bytes]) -> list[Address]:
    """Parse Route, Record-Route or Path values, in order.

    Without angle brackets `;lr` would be a parameter of the header and the hop a strict router of
    RFC 2543, so the brackets that section 20.34 wants are insisted on.
    """
    routes: list[Address] = []
    for value in values:
        for item in split_commas(value):
            if b"<" not in item:
                raise MalformedMessage(400, "Route must be in angle brackets")
            routes.append(parse_address(item))
    return routes


def parse_option_tags(values: list[bytes]) -> list[bytes]:
    """Parse Require, Proxy-Require, Supported and the like: tags in lower case, in order.

    An empty value is legal (section 20.37); empty elements are skipped, as many phones write one.
    """
    tags: list[bytes] = []
    for value in values:
        for item in value.split(b","):
            tag = item.strip(SPACES)
            if not tag:
                continue
            if not is_token(tag):
                raise MalformedMessage(400, "Bad option tag")
            tags.append(tag.lower())
    return tags


def _parse_spaced_protocol(sent: bytes) -> tuple[bytes, bytes]:
    """Read `SIP / 2.0 / UDP host`: the transport and what follows it."""
    parts = sent.translate(_BLANKS).split(b"/", 2)
    if len(parts) != 3 or parts[0].strip(b" ").upper() != b"SIP" or parts[1].strip(b" ") != b"2.0":
        raise MalformedMessage(400, "Bad protocol in Via")
    transport, _, sent_by = parts[2].strip(b" ").partition(b" ")
    return transport, sent_by.strip(b" ")


def _close_colon(sent_by: bytes) -> bytes:
    """Drop the spaces around the colon of `host : port`; other spaces stay, to be refused."""
    if b" " not in sent_by and b"\t" not in sent_by:
        return sent_by
    host, colon, port = sent_by.rpartition(b":")
    return host.rstrip(SPACES) + colon + port.lstrip(SPACES)
