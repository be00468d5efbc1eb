"""Parameters after a semicolon, read in one place for URIs, addresses and Via (RFC 3261 7.3.1).

Bent where phones bend it: one semicolon too many at the end passes, a value may hold any visible
octet (stacks put addresses, base64 and UTF-8 there), `name=` without a value passes, and a
parameter may be repeated with one and the same value. Two different values are refused, because
the next hop might believe the other one.
"""

from typing import Final

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.grammar import SPACES, end_of_quoted

Params = dict[bytes, bytes | None]

# Every octet that needs no quoting and breaks nothing: visible, and no `"` `,` `<` `>` `\`.
PLAIN: Final = bytes(set(range(0x21, 0x7F)) - set(b'",<>\\')) + bytes(range(0x80, 0x100))


def parse_params(text: bytes) -> Params:
    """Read `;name=value;name...`, where spaces may stand around each mark and values may be quoted.

    Names come out in lower case; a quoted value keeps its quotes (grammar.unquote takes them off);
    a name without `=` has the value None. Raises MalformedMessage.
    """
    if not text:
        return {}
    if not text.translate(None, PLAIN):
        if not text.startswith(b";"):
            raise MalformedMessage(400, "Text where a parameter should be")
        return read_plain_params(text[1:])
    return _read_spaced_params(text)


def read_plain_params(body: bytes) -> Params:
    """Read `name=value;name...`, already known to hold neither spaces nor quoted strings."""
    params: Params = {}
    if not body:
        return params
    if body.endswith(b";"):
        body = body[:-1]
    for part in body.split(b";"):
        name, equals, value = part.partition(b"=")
        if not name:
            raise MalformedMessage(400, "Empty parameter")
        add_param(params, name.lower(), value if equals else None)
    return params


def add_param(params: Params, name: bytes, value: bytes | None) -> None:
    """Add one parameter; raises MalformedMessage when it is there with another value."""
    if name in params and params[name] != value:
        raise MalformedMessage(400, "Parameter given twice")
    params[name] = value


def write_params(params: Params) -> bytes:
    """Write the parameters in the order they have, each after its semicolon."""
    pieces: list[bytes] = []
    for name, value in params.items():
        pieces.append(b";" + name if value is None else b";" + name + b"=" + value)
    return b"".join(pieces)


def split_unquoted(text: bytes, separator: bytes) -> list[bytes]:
    """Split at each one-octet `separator` outside quoted strings, in linear time.

    Raises MalformedMessage when a quoted string does not end.
    """
    if b'"' not in text:
        return text.split(separator)
    parts: list[bytes] = []
    start = position = 0
    cut = -1
    while True:
        # A separator found beyond a quoted string stays good until we pass it.
        if cut < position:
            cut = text.find(separator, position)
            if cut < 0:
                cut = len(text)
        opening = text.find(b'"', position, cut)
        if opening >= 0:
            position = end_of_quoted(text, opening)
        elif cut == len(text):
            parts.append(text[start:])
            return parts
        else:
            parts.append(text[start:cut])
            start = position = cut + 1


def _read_spaced_params(text: bytes) -> Params:
    parts = split_unquoted(text.strip(SPACES), b";")
    if parts[0].strip(SPACES):
        raise MalformedMessage(400, "Text where a parameter should be")
    if len(parts) > 1 and not parts[-1].strip(SPACES):
        parts.pop()
    params: Params = {}
    for part in parts[1:]:
        name, equals, value = part.partition(b"=")
        name = name.strip(SPACES)
        value = value.strip(SPACES)
        if not name or name.translate(None, PLAIN):
            raise MalformedMessage(400, "Bad parameter name")
        if value.startswith(b'"'):
            # CR and LF can be quoted no more than NUL can; what is read here may be written again.
            if end_of_quoted(value, 0) != len(value) or b"\r" in value or b"\n" in value:
                raise MalformedMessage(400, "Bad quoted string")
        elif value.translate(None, PLAIN):
            raise MalformedMessage(400, "Bad parameter value")
        add_param(params, name.lower(), value if equals else None)
    return params
