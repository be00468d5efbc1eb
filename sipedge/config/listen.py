"""Listening addresses as they are written: `udp://0.0.0.0:5060`, `[::1]:8080`."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

DEFAULT_PORTS: Final = {"udp": 5060, "tcp": 5060, "tls": 5061}
LATER_SCHEMES: Final = ("ws", "wss")

_URL: Final = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?"
    r"(?P<host>\[[^\[\]]*\]|[^\[\]:/]*)"
    r"(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Listen:
    """A local address to listen on.

    `host` is numeric and without brackets; port 0 lets the system choose one. `scheme` is `udp`,
    `tcp` or `tls` for SIP and `http` or `https` for the web.
    """

    scheme: str
    host: str
    port: int

    @override
    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_ipv6(self) -> bool:
        """Whether the address is an IPv6 one."""
        return ":" in self.host


def parse_sip_listen(text: str) -> Listen:
    """Read `udp://host:port`, `tcp://...` or `tls://...`; ValueError says what to write instead."""
    example = 'write an address such as "udp://0.0.0.0:5060" or "tls://[::]:5061"'
    match = _URL.fullmatch(text)
    if match is None or match["scheme"] is None:
        if text.count(":") > 3 and "[" not in text:
            raise ValueError('write IPv6 in brackets, such as "udp://[::1]:5060"')
        raise ValueError(example)
    scheme = match["scheme"].lower()
    if scheme in LATER_SCHEMES:
        raise ValueError(f"{scheme}:// is not in this version; write udp://, tcp:// or tls://")
    if scheme not in DEFAULT_PORTS:
        raise ValueError("write udp://, tcp:// or tls:// in front of the address")
    port = DEFAULT_PORTS[scheme] if match["port"] is None else _port(match["port"])
    return Listen(scheme, _numeric_host(match["host"]), port)


def parse_http_listen(text: str, scheme: str = "http") -> Listen:
    """Read `host:port`; ValueError says what to write instead."""
    match = _URL.fullmatch(text)
    if match is None or match["scheme"] is not None or match["port"] is None:
        raise ValueError('write an address and a port, such as "127.0.0.1:8080" or "[::1]:8080"')
    return Listen(scheme, _numeric_host(match["host"]), _port(match["port"]))


def _port(text: str) -> int:
    port = int(text)
    if port > 65535:
        raise ValueError("write a port from 0 to 65535 (0: any free one)")
    return port


def _numeric_host(text: str) -> str:
    try:
        if text.startswith("["):
            return str(ipaddress.IPv6Address(text[1:-1]))
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise ValueError(
            'write a numeric address of this machine, such as 127.0.0.1, 0.0.0.0 or "[::]"'
        ) from None
