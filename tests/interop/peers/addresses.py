"""Loopback addresses and ports for one test: who sits where, and which ports are free."""

import re
import socket
from pathlib import Path
from typing import Final, NamedTuple

PROC_NET: Final = Path("/proc/net")


class Address(NamedTuple):
    """A host and port on loopback; `str()` gives host:port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def free_address(host: str = "127.0.0.1") -> Address:
    """Find a port of `host` that is free for UDP and for TCP at this moment.

    The port is even, so that it serves as an RTP port too.
    """
    for _ in range(200):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
            datagram.bind((host, 0))
            port = int(datagram.getsockname()[1])
            if port % 2 == 0 and _is_free_for_tcp(host, port):
                return Address(host, port)
    raise AssertionError(f"no free port on {host} in 200 attempts")


def _is_free_for_tcp(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream:
        try:
            stream.bind((host, port))
        except OSError:
            return False
    return True


def is_bound(address: Address, *, transport: str = "udp") -> bool:
    """Tell whether some process has bound this address, by the kernel's own table."""
    packed = socket.inet_aton(address.host)[::-1].hex().upper()
    wanted = f"{packed}:{address.port:04X}"
    table = (PROC_NET / transport).read_text(encoding="ascii")
    return re.search(rf"^\s*\d+: {wanted} ", table, re.MULTILINE) is not None
