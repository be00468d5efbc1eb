"""Addresses in header fields: name-addr and addr-spec (RFC 3261 sections 20.10 and 25.1).

Bent where phones bend it: an unquoted display name may hold any octets but `,` `"` `<` `>` `;` and
controls (UTF-8 and brackets are common), and no space is needed before `<`. Not bent: what follows
a quoted string or `>` is what the grammar says, and a URI that holds `?` or `,` is in angle
brackets, since outside of them nobody can tell what belongs to the header (RFC 4475 3.1.2.13).
"""

import re
from typing import Final

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.grammar import CONTROLS, SPACES, TOKEN, end_of_quoted, quote, unquote
from sipedge.sip.params import PLAIN, Params, parse_params, write_params
from sipedge.sip.uri import URI_PATTERN, match_uri

_NOT_IN_DISPLAY: Final = b',">' + bytes(set(CONTROLS) - set(SPACES))
_COMMA: Final = 0x2C
_QUOTE: Final = 0x22
_find_stop: Final = re.compile(rb'[,"<]').search
# From and To as nearly all peers write them: read in one step, and as strictly as any other value.
_match_usual: Final = re.compile(
    rb'(?:"[^"\\]*" *|[%b ]*)<%b>(?:;tag=([%b]+))?'
    % (re.escape(TOKEN), URI_PATTERN, re.escape(PLAIN.replace(b";", b"")))
).fullmatch


class Address:
    """One address: `display` without its quotes, `uri` as received and unparsed, parameters.

    `display` may hold any octet, CR and NUL included: quote it before writing it anywhere.
    """

    __slots__ = ("display", "params", "uri")

    def __init__(self, display: bytes, uri: bytes, params: Params) -> None:
        self.display = display
        self.uri = uri
        self.params = params

    def serialize(self) -> bytes:
        """Write the address as name-addr; ValueError when `display` holds CR, LF or NUL."""
        bracketed = b"<" + self.uri + b">" + write_params(self.params)
        return quote(self.display) + b" " + bracketed if self.display else bracketed


def parse_address(value: bytes) -> Address:
    """Parse one address with its parameters. Raises MalformedMessage."""
    value = value.strip(SPACES)
    if value.startswith(b'"'):
        end = end_of_quoted(value, 0)
        rest = value[end:].lstrip(SPACES)
        if not rest.startswith(b"<"):
            raise MalformedMessage(400, "Text between a display name and its URI")
        return _parse_brackets(unquote(value[:end]), rest[1:])
    name, bracket, rest = value.partition(b"<")
    # `sip:a@b;x="<"` has its first `<` in a parameter, and no brackets around its URI.
    if bracket and b";" not in name:
        if name:
            name = name.rstrip(SPACES)
            if len(name.translate(None, _NOT_IN_DISPLAY)) != len(name):
                raise MalformedMessage(400, "Bad display name")
        return _parse_brackets(name, rest)
    uri, semicolon, tail = value.partition(b";")
    uri = uri.rstrip(SPACES)
    _check_uri(uri)
    if b"?" in uri or b"," in uri:
        raise MalformedMessage(400, "URI must be in angle brackets")
    return Address(b"", uri, parse_params(semicolon + tail))


def tag_of(value: bytes) -> bytes:
    """Return the tag of a From or To value, b"" when it has none.

    A tag is any visible octets, since stacks put `@`, `:` and `/` into theirs, but never empty.
    Raises MalformedMessage, also for what is wrong elsewhere in the value.
    """
    usual = _match_usual(value)
    if usual is not None:
        return usual[1] or b""
    params = parse_address(value).params
    if b"tag" not in params:
        return b""
    found = params[b"tag"]
    # Empty tags have crashed proxies that built replies from them, and make two dialogs one.
    if not found or found.startswith(b'"'):
        raise MalformedMessage(400, "Bad tag")
    return found


def split_commas(value: bytes) -> list[bytes]:
    """Split a header value at its commas, outside quoted strings and angle brackets, and trim.

    An empty value gives an empty list. Raises MalformedMessage for an empty element (RFC 4475
    section 3.1.2.1) and for a quote or an angle bracket that never closes.
    """
    value = value.strip(SPACES)
    if not value:
        return []
    items: list[bytes] = []
    start = 0
    while True:
        comma = find_comma(value, start)
        item = value[start:comma].strip(SPACES)
        if not item:
            raise MalformedMessage(400, "Empty element in a list")
        items.append(item)
        if comma == len(value):
            return items
        start = comma + 1


def find_comma(value: bytes, start: int) -> int:
    """Return the index of the first comma that separates, at or after `start`; else the length.

    `start` stands outside quoted strings and angle brackets. Raises MalformedMessage as
    `split_commas` does.
    """
    position = start
    while True:
        found = _find_stop(value, position)
        if found is None:
            return len(value)
        position = found.start()
        octet = value[position]
        if octet == _COMMA:
            return position
        if octet == _QUOTE:
            position = end_of_quoted(value, position)
        else:
            position = value.find(b">", position) + 1
            if position == 0:
                raise MalformedMessage(400, "Angle bracket without its pair")


def _parse_brackets(display: bytes, rest: bytes) -> Address:
    """Parse what follows `<`."""
    uri, bracket, tail = rest.partition(b">")
    if not bracket:
        raise MalformedMessage(400, "Angle bracket without its pair")
    _check_uri(uri)
    return Address(display, uri, parse_params(tail) if tail else {})


def _check_uri(uri: bytes) -> None:
    if match_uri(uri) is None:
        raise MalformedMessage(400, "Bad URI in an address")
