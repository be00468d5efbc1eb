"""Checked value types of the settings: each refusal says what to write instead."""

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from sipedge.config.listen import parse_http_listen, parse_sip_listen

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOST_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*",
    re.ASCII,
)
_NODE_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,62})", re.ASCII)
_METHOD_NAMES: Final = (
    "REGISTER", "INVITE", "SUBSCRIBE", "PUBLISH", "MESSAGE", "REFER", "OPTIONS", "NOTIFY",
)  # fmt: skip


def wrong(instead: str, key: str, found: str) -> PydanticCustomError:
    """Build the refusal of a value for its relation to others.

    `key` is the key at fault below the table that was checked, `found` what stands there.
    """
    context = {"instead": instead, "key": key, "found": found}
    return PydanticCustomError("sipedge", "{instead}", context)


def whole(low: int, high: int, unit: str = "") -> AfterValidator:
    """Accept a whole number from `low` to `high`."""
    what = f"write a whole number from {low} to {high}" + (f" ({unit})" if unit else "")

    def check(value: int) -> int:
        if not low <= value <= high:
            raise ValueError(what)
        return value

    return AfterValidator(check)


def matching(pattern: str, instead: str) -> AfterValidator:
    """Accept text that matches the whole pattern."""
    compiled = re.compile(pattern, re.ASCII)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(instead)
        return value

    return AfterValidator(check)


def checked_by(parse: Callable[[str], object]) -> AfterValidator:
    """Accept text that `parse` reads without ValueError, and keep the text."""

    def check(value: str) -> str:
        parse(value)
        return value

    return AfterValidator(check)


def parse_network(text: str) -> IpNetwork:
    """Read an address or a network in CIDR form; ValueError says what to write instead."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        if "host bits" in str(error):
            network = ipaddress.ip_network(text, strict=False)
            raise ValueError(f'write "{network}" for the network, or the address alone') from None
        raise ValueError('write an address or a network, as "192.0.2.7" or "2001:db8::/48"') from (
            None
        )


def parse_host(text: str) -> str:
    """Read a host name or numeric address, in lower case and without brackets."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    name = bare.lower().removesuffix(".")
    if _HOST_NAME.fullmatch(name) and not name.replace(".", "").isdecimal():
        return name
    raise ValueError('write a host name or an address without a port, as "sip.example.net"')


def _check_method(value: str) -> str:
    if value in _METHOD_NAMES:
        return value
    if value.upper() in _METHOD_NAMES:
        raise ValueError(f'write "{value.upper()}": methods are in capitals')
    raise ValueError("write one of " + ", ".join(f'"{name}"' for name in _METHOD_NAMES))


def _check_destination(value: str) -> str:
    match = re.fullmatch(
        r"sips?:(?P<host>\[[^\[\]]+\]|[^\[\]:;@?\s]+)(?::(?P<port>[0-9]{1,5}))?"
        r"(?P<params>(?:;[A-Za-z0-9_.!~*'()%-]+(?:=[A-Za-z0-9_.!~*'()%-]+)?)*)",
        value,
        re.ASCII,
    )
    instead = 'write a SIP URI of a host, as "sip:192.0.2.1:5060" or "sip:sbc.test;transport=tcp"'
    if match is None:
        raise ValueError(instead)
    try:
        parse_host(match["host"])
    except ValueError:
        raise ValueError(instead) from None
    if match["port"] is not None and not 1 <= int(match["port"]) <= 65535:
        raise ValueError("write a port from 1 to 65535")
    return value


def _check_sqlite_or_postgresql(value: str) -> str:
    example = 'write "sqlite:///var/sipedge.db" or "postgresql://user@host/name"'
    if value.startswith("sqlite:///"):
        path = value.removeprefix("sqlite:///")
        if not path or path.startswith(":memory:") or "?" in path:
            raise ValueError('write the path of a file, as "sqlite:///var/sipedge.db"')
        return value
    if re.fullmatch(r"postgresql://[^\s]+", value):
        return value
    raise ValueError(example)


def _check_live(value: str) -> str:
    if value == "memory://":
        return value
    if value.startswith(("redis://", "rediss://")):
        raise ValueError('Redis is not in this version; write "memory://"')
    raise ValueError('write "memory://"')


def _empty_or(parse: Callable[[str], object]) -> AfterValidator:
    return checked_by(lambda text: text and parse(text))


NodeName = Annotated[
    str, matching(_NODE_NAME.pattern, "write 1 to 63 letters, digits, dots and hyphens")
]
Domain = Annotated[str, AfterValidator(parse_host)]
SipListen = Annotated[str, checked_by(parse_sip_listen)]
HttpListen = Annotated[str, _empty_or(parse_http_listen)]
OptionalHost = Annotated[str, AfterValidator(lambda text: text and parse_host(text))]
Method = Annotated[str, AfterValidator(_check_method)]
Network = Annotated[str, checked_by(parse_network)]
Destination = Annotated[str, AfterValidator(_check_destination)]
Prefix = Annotated[
    str, matching(r"\+?[0-9]{0,15}", 'write leading digits, as "0", "0033" or "+"; "" takes all')
]
DatabaseUrl = Annotated[str, AfterValidator(_check_sqlite_or_postgresql)]
LiveUrl = Annotated[str, AfterValidator(_check_live)]
DigitsOrNothing = Annotated[str, matching(r"[0-9]{0,4}", 'write up to 4 digits, or ""')]

Networks = Annotated[tuple[Network, ...], Field(strict=False)]
Prefixes = Annotated[tuple[Prefix, ...], Field(strict=False)]
