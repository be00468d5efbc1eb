"""Where the destinations of trunks lead: host names resolved beforehand, never during a call."""

import asyncio
import socket
from typing import Final

from sipedge.sip.uri import SipUri, parse_uri

# How often names are asked again; records of carriers seldom live shorter.
REFRESH_SECONDS: Final = 60.0
_DEFAULT_PORTS: Final = {"UDP": 5060, "TCP": 5060, "TLS": 5061}


async def resolve_destination(destination: bytes) -> list[tuple[str, str, int]]:
    """Return transport, numeric host and port of each address of a SIP URI, the first one best.

    `sip:carrier.example;transport=tcp` asks for TCP; `sips:` for TLS. Raises OSError when the name
    has no address, MalformedMessage for what is no URI.
    """
    uri = parse_uri(destination)
    if not isinstance(uri, SipUri):
        raise OSError(f"{destination.decode('ascii', 'replace')} is no sip: URI")
    transport = "TLS" if uri.scheme == b"sips" else (uri.transport or b"udp").decode().upper()
    port = uri.port or _DEFAULT_PORTS.get(transport, 5060)
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(uri.host.decode("ascii"), port, type=socket.SOCK_DGRAM)
    return list(dict.fromkeys((transport, str(address[0]), port) for *_, address in found))
