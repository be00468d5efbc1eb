"""URIs: sip and sips (RFC 3261 section 19.1), tel (RFC 3966), urn (RFC 8141, 5031), and any other.

Bent where phones bend it: `#` may stand unescaped in a user (dial strings such as `*31#`) and so
may octets above 0x7F (UTF-8). Never bent: a second `@`, a space, a quote, an angle bracket, a
control or half an escape, because there two readers can see two different users or hosts.
"""

import re
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.grammar import ALPHANUM, CONTROLS, DIGITS, HEX
from sipedge.sip.host import is_numeric, parse_hostport, write_hostport
from sipedge.sip.params import Params, add_param, read_plain_params, write_params

_UNRESERVED: Final = ALPHANUM + b"-_.!~*'()"
URI_OCTETS: Final = _UNRESERVED + b";/?:@&=+$,%[]#" + bytes(range(0x80, 0x100))
# What every URI looks like, whatever its scheme: in a Request-Line as in an address, so that what
# was taken from a Contact can be written into a Request-Line.
URI_PATTERN: Final = rb"[A-Za-z][-+.A-Za-z0-9]*:[%b]+" % re.escape(URI_OCTETS)
match_uri: Final = re.compile(URI_PATTERN).fullmatch
# user-unreserved and param-unreserved of section 25.1, as quote_from_bytes wants them.
_USER_SAFE: Final = "-_.!~*'()&=+$,;?/"
_PARAM_SAFE: Final = "-_.!~*'()[]/:&+$"
_SCHEME_REST: Final = ALPHANUM + b"+-."
_QUESTION_MARK: Final = 0x3F
_PERCENT: Final = 0x25
_VISUAL_SEPARATORS: Final = b"-.()"
_LOCAL_NUMBER: Final = HEX + b"*#"
# A URI with one of these never equals a URI without it (section 19.1.4; transport: its examples).
_NEVER_IGNORED: Final = (b"user", b"ttl", b"method", b"maddr", b"transport")


class SipUri:
    """A sip or sips URI.

    `user` and `password` are as received, still escaped, b"" when absent. `host` is normal (see
    sipedge.sip.host), IPv6 without brackets. `port` is 0 when absent. Names in `params` are in
    lower case and unescaped, values as received. `headers` is the text after `?`.
    """

    __slots__ = ("headers", "host", "params", "password", "port", "scheme", "user")

    def __init__(
        self,
        scheme: bytes,
        user: bytes,
        host: bytes,
        port: int,
        params: Params,
        password: bytes = b"",
        headers: bytes = b"",
    ) -> None:
        self.scheme = scheme
        self.user = user
        self.host = host
        self.port = port
        self.params = params
        self.password = password
        self.headers = headers

    @property
    def host_is_numeric(self) -> bool:
        """Whether the host is an IP address, which needs no look-up."""
        return is_numeric(self.host)

    @property
    def transport(self) -> bytes:
        """The transport parameter in lower case, b"" when there is none."""
        return (self.params.get(b"transport") or b"").lower()

    def unescaped_user(self) -> bytes:
        """Return the user with its escapes resolved: any octet may be in it, even CR or NUL."""
        return unquote_to_bytes(self.user) if b"%" in self.user else self.user

    def serialize(self) -> bytes:
        """Write the URI. Its parts must be well formed: see `escape_user`."""
        pieces = [self.scheme, b":"]
        if self.user:
            pieces.append(self.user)
            if self.password:
                pieces.append(b":" + self.password)
            pieces.append(b"@")
        pieces.append(write_hostport(self.host, self.port))
        if self.params:
            pieces.append(write_params(_escape_names(self.params)))
        if self.headers:
            pieces.append(b"?" + self.headers)
        return b"".join(pieces)

    def equals(self, other: "SipUri") -> bool:
        """Compare as RFC 3261 section 19.1.4 does: not transitive, and default ports count."""
        return (
            self.host == other.host
            and self.port == other.port
            and self.scheme == other.scheme
            and _plain(self.user) == _plain(other.user)
            and _plain(self.password) == _plain(other.password)
            and _params_agree(self.params, other.params)
            and _header_set(self.headers) == _header_set(other.headers)
        )


class TelUri:
    """A tel URI (RFC 3966): `number` has no visual separators, and a `+` when it is global."""

    __slots__ = ("number", "params", "scheme")

    def __init__(self, number: bytes, params: Params) -> None:
        self.scheme = b"tel"
        self.number = number
        self.params = params

    @property
    def phone_context(self) -> bytes:
        """Where a local number is valid, b"" when not said (RFC 3966 wants it, phones omit it)."""
        return self.params.get(b"phone-context") or b""

    def serialize(self) -> bytes:
        """Write the URI, without the visual separators it may have had."""
        return b"tel:" + self.number + write_params(_escape_names(self.params))

    def equals(self, other: "TelUri") -> bool:
        """Compare number and parameters (RFC 3966 section 4); case does not count."""
        return self.number.lower() == other.number.lower() and {
            name: (value or b"").lower() for name, value in self.params.items()
        } == {name: (value or b"").lower() for name, value in other.params.items()}


class UrnUri:
    """A urn: `namespace` and `specific` in lower case, as services are compared (RFC 5031)."""

    __slots__ = ("namespace", "scheme", "specific")

    def __init__(self, namespace: bytes, specific: bytes) -> None:
        self.scheme = b"urn"
        self.namespace = namespace
        self.specific = specific

    @property
    def is_emergency(self) -> bool:
        """Whether this is urn:service:sos or one of its kinds (RFC 5031 section 4.2)."""
        return self.namespace == b"service" and (
            self.specific == b"sos" or self.specific.startswith(b"sos.")
        )

    def serialize(self) -> bytes:
        """Write the URI."""
        return b"urn:" + self.namespace + b":" + self.specific


class OtherUri:
    """A URI of a scheme that we carry and do not read: `raw` is all of it, scheme included."""

    __slots__ = ("raw", "scheme")

    def __init__(self, scheme: bytes, raw: bytes) -> None:
        self.scheme = scheme
        self.raw = raw

    def serialize(self) -> bytes:
        """Return the URI as received."""
        return self.raw


Uri = SipUri | TelUri | UrnUri | OtherUri


def parse_uri(text: bytes) -> Uri:
    """Parse an addr-spec or Request-URI, without angle brackets or spaces around it.

    A scheme we do not know is no error (416 is the proxy's to say). Raises MalformedMessage.
    """
    scheme, colon, rest = text.partition(b":")
    if scheme not in (b"sip", b"sips"):
        scheme = scheme.lower()
    if not colon or not rest or rest.translate(None, URI_OCTETS):
        raise MalformedMessage(400, "Bad URI")
    if b"%" in rest:
        _check_escapes(rest)
    if scheme in (b"sip", b"sips"):
        return _parse_sip(scheme, rest)
    if not scheme or scheme.translate(None, _SCHEME_REST) or not scheme[:1].isalpha():
        raise MalformedMessage(400, "Bad URI scheme")
    if scheme == b"tel":
        return _parse_tel(rest)
    if scheme == b"urn":
        namespace, colon, specific = rest.lower().partition(b":")
        if not namespace or not specific:
            raise MalformedMessage(400, "Bad URN")
        return UrnUri(namespace, specific)
    return OtherUri(scheme, text)


def escape_user(text: bytes) -> bytes:
    """Escape any octets to be the user part of a URI, whatever they are."""
    return quote_from_bytes(text, _USER_SAFE).encode("ascii")


def as_request_uri(text: bytes) -> bytes:
    """Return a URI without what none may have in a Request-Line (RFC 3261 section 19.1.1, table 1).

    Headers after `?` and the method parameter are for who makes a request of the URI; in a
    Request-URI the next hop might obey them (RFC 4475 section 3.1.2.11).
    """
    if _QUESTION_MARK not in text and _PERCENT not in text and b"method" not in text.lower():
        return text
    try:
        uri = parse_uri(text)
    except MalformedMessage:
        return text.partition(b"?")[0]
    if not isinstance(uri, SipUri) or not (uri.headers or b"method" in uri.params):
        return text
    uri.headers = b""
    uri.params.pop(b"method", None)
    return uri.serialize()


def _parse_sip(scheme: bytes, text: bytes) -> SipUri:
    user, at, rest = text.rpartition(b"@")
    password = b""
    if at:
        if b"@" in user:
            raise MalformedMessage(400, "More than one @ in a URI")
        user, _, password = user.partition(b":")
        if not user:
            raise MalformedMessage(400, "Empty user in a URI")
    headers = b""
    if b"?" in rest:
        rest, _, headers = rest.partition(b"?")
    hostport, semicolon, body = rest.partition(b";")
    host, port = parse_hostport(hostport)
    params = _parse_uri_params(body) if semicolon else {}
    return SipUri(scheme, user, host, port, params, password, headers)


def _parse_tel(text: bytes) -> TelUri:
    """Read global-number and local-number; a separator is dropped wherever it stands."""
    number, semicolon, body = text.partition(b";")
    number = number.translate(None, _VISUAL_SEPARATORS)
    if number.startswith(b"+"):
        bad = len(number) == 1 or number[1:].translate(None, DIGITS)
    else:
        bad = not number or number.translate(None, _LOCAL_NUMBER)
    if bad:
        raise MalformedMessage(400, "Bad number in a tel URI")
    return TelUri(number, _parse_uri_params(body) if semicolon else {})


def _parse_uri_params(body: bytes) -> Params:
    params = read_plain_params(body)
    if b"%" not in body:
        return params
    # `%6C%72` is `lr` (RFC 4475 section 3.1.1.3); a name that hides a control or a `%` stays
    # escaped, so that nothing is unescaped twice.
    unescaped: Params = {}
    for name, value in params.items():
        plain = unquote_to_bytes(name)
        if b"%" in plain or len(plain.translate(None, CONTROLS)) != len(plain):
            plain = _escape(plain)
        add_param(unescaped, plain.lower(), value)
    return unescaped


def _escape_names(params: Params) -> Params:
    return {name if b"%" in name else _escape(name): value for name, value in params.items()}


def _escape(name: bytes) -> bytes:
    return quote_from_bytes(name, _PARAM_SAFE).encode("ascii")


def _check_escapes(text: bytes) -> None:
    for part in text.split(b"%")[1:]:
        digits = part[:2]
        if len(digits) != 2 or digits.translate(None, HEX):
            raise MalformedMessage(400, "Bad escape in a URI")


def _plain(text: bytes) -> bytes:
    """Normalise escapes for comparison: an octet equals its escape unless it is reserved."""
    if b"%" not in text:
        return text
    head, *parts = text.split(b"%")
    pieces = [head]
    for part in parts:
        octet = unquote_to_bytes(b"%" + part[:2])
        pieces.append(octet if octet in _UNRESERVED else b"%" + part[:2].upper())
        pieces.append(part[2:])
    return b"".join(pieces)


def _params_agree(ours: Params, theirs: Params) -> bool:
    if not ours and not theirs:
        return True
    for name in _NEVER_IGNORED:
        if (name in ours) != (name in theirs):
            return False
    for name, value in ours.items():
        if name in theirs:
            other = theirs[name]
            if _plain(value or b"").lower() != _plain(other or b"").lower():
                return False
    return True


def _header_set(headers: bytes) -> set[tuple[bytes, bytes]]:
    if not headers:
        return set()
    fields: set[tuple[bytes, bytes]] = set()
    for field in headers.split(b"&"):
        name, _, value = field.partition(b"=")
        fields.add((_plain(name).lower(), _plain(value)))
    return fields
