"""Hosts and ports of URIs and Via (RFC 3261 section 25.1, RFC 5118, RFC 5952).

A host leaves here validated and normal, so that equal hosts are equal bytes: lower case, no
brackets, no final dot, IPv6 shortened. Underscores pass, since machines are named with them.
"""

import ipaddress
import re
from typing import Final

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.grammar import ALPHANUM, HEX
from sipedge.sip.numbers import parse_port

HOST_BYTES_MAX: Final = 255  # A longer name cannot be asked of the DNS (RFC 1035 section 2.3.4).

_NAME: Final = ALPHANUM + b"-._"
# No octet may begin with a zero: 010 is eight to one reader and ten to another.
_OCTET: Final = rb"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_is_ipv4: Final = re.compile(rb"%b(?:\.%b){3}" % (_OCTET, _OCTET)).fullmatch
_NINE: Final = 0x39


def parse_hostport(text: bytes) -> tuple[bytes, int]:
    """Read `host[:port]`; the port is 0 when none is given. Raises MalformedMessage."""
    if text.startswith(b"["):
        return _parse_reference(text)
    host, colon, port = text.partition(b":")
    if not (host[:1].isdigit() and _is_ipv4(host)):
        host = _read_name(host)
    return host, parse_port(port) if colon else 0


def parse_ipv6(text: bytes) -> bytes:
    """Return the normal form of an IPv6 address without brackets (RFC 5952).

    An IPv4-mapped address ends in dotted digits, as the kernel prints it. Three colons in a row,
    which the grammar of RFC 3261 produces, count as two (RFC 5118 section 4.10). Scoped addresses
    mean something on one machine only and are refused. Raises MalformedMessage.
    """
    if len(text) > 46 or text.translate(None, HEX + b":."):
        raise MalformedMessage(400, "Bad IPv6 address")
    try:
        address = ipaddress.IPv6Address(text.replace(b":::", b"::").decode("ascii"))
    except ValueError:
        raise MalformedMessage(400, "Bad IPv6 address") from None
    mapped = address.ipv4_mapped
    if mapped is not None:
        return b"::ffff:" + str(mapped).encode("ascii")
    return address.compressed.encode("ascii")


def is_numeric(host: bytes) -> bool:
    """Tell whether a host that `parse_hostport` returned is an IP address."""
    return b":" in host or host.rpartition(b".")[2].isdigit()


def write_hostport(host: bytes, port: int) -> bytes:
    """Write `host[:port]`, an IPv6 address in brackets; port 0 is left out."""
    if b":" in host:
        host = b"[" + host + b"]"
    return b"%b:%d" % (host, port) if port else host


def _parse_reference(text: bytes) -> tuple[bytes, int]:
    address, bracket, rest = text[1:].partition(b"]")
    if not bracket:
        raise MalformedMessage(400, "Bad IPv6 address")
    host = parse_ipv6(address)
    if not rest:
        return host, 0
    if not rest.startswith(b":"):
        raise MalformedMessage(400, "Bad host")
    return host, parse_port(rest[1:])


def _read_name(text: bytes) -> bytes:
    if (
        not text
        or text.translate(None, _NAME)
        or len(text) > HOST_BYTES_MAX
        or b".." in text
        or text.startswith(b".")
    ):
        raise MalformedMessage(400, "Bad host")
    name = text.lower()
    # Nearly all names end in a letter and hold no 0x; the others may pretend to be IPv4.
    if name[-1] <= _NINE or b"0x" in name:
        name = name.removesuffix(b".")
        # What ends in a number is no name: its last label must begin with a letter. Some resolvers
        # read 127.1 and 0x7f000001 as addresses, past the rules made for addresses.
        last = name.rpartition(b".")[2]
        if last.isdigit() or last.startswith(b"0x"):
            raise MalformedMessage(400, "Bad IPv4 address")
    return name
