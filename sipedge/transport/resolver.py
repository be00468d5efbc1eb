"""Where the destinations of trunks lead: host names resolved beforehand, never during a call."""

import asyncio
import socket
from typing import Final, NamedTuple

from sipedge.sip.uri import SipUri, parse_uri

# How often names are asked again; records of carriers seldom live shorter.
REFRESH_SECONDS: Final = 60.0
_DEFAULT_PORTS: Final = {"UDP": 5060, "TCP": 5060, "TLS": 5061}


class Destination(NamedTuple):
    """One address that a URI leads to: transport, numeric host, port, and the name it had."""

    transport: str
    host: str
    port: int
    name: str


async def resolve_destination(destination: bytes) -> list[Destination]:
    """Return each address of a SIP URI, the first one best.

    `sip:carrier.example;transport=tcp` asks for TCP; `sips:` for TLS. Raises OSError when the name
    has no address, MalformedMessage for what is no URI.
    """
    uri = parse_uri(destination)
    if not isinstance(uri, SipUri):
        raise OSError(f"{destination.decode('ascii', 'replace')} is no sip: URI")
    transport = "TLS" if uri.scheme == b"sips" else (uri.transport or b"udp").decode().upper()
    if transport not in _DEFAULT_PORTS:
        raise OSError(f"transport {transport.lower()} is not one of udp, tcp, tls")
    port = uri.port or _DEFAULT_PORTS[transport]
    name = uri.host.decode("ascii")
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(name, port, type=socket.SOCK_DGRAM)
    except UnicodeError:
        # What a label of more than 63 octets is to the encoder of names.
        raise OSError(f"{name} is no host name") from None
    hosts = dict.fromkeys(str(address[0]) for *_, address in found)
    return [Destination(transport, host, port, name) for host in hosts]
