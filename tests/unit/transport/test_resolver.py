import socket

import pytest

from sipedge.sip.errors import MalformedMessage
from sipedge.transport.resolver import Destination, resolve_destination


@pytest.mark.parametrize(
    ("uri", "transport", "port"),
    [
        (b"sip:127.0.0.2", "UDP", 5060),
        (b"sip:127.0.0.2:5070", "UDP", 5070),
        (b"sip:user@127.0.0.2;transport=udp", "UDP", 5060),
        (b"sip:127.0.0.2;transport=tcp", "TCP", 5060),
        (b"sip:127.0.0.2;transport=TLS", "TLS", 5061),
        (b"sips:127.0.0.2", "TLS", 5061),
        (b"sips:127.0.0.2:5070", "TLS", 5070),
    ],
)
async def test_a_numeric_destination_is_itself(uri: bytes, transport: str, port: int) -> None:
    assert await resolve_destination(uri) == [
        Destination(transport, "127.0.0.2", port, "127.0.0.2")
    ]


async def test_an_ipv6_destination_has_no_brackets() -> None:
    (found,) = await resolve_destination(b"sip:[::1]:5070")
    assert (found.host, found.port) == ("::1", 5070)


async def test_a_name_leads_to_each_of_its_addresses_once() -> None:
    """What /etc/hosts says of localhost; `getaddrinfo` is asked by the test in another way."""
    found = await resolve_destination(b"sip:localhost:5070")
    hosts = {str(entry[4][0]) for entry in socket.getaddrinfo("localhost", None)}
    assert {place.host for place in found} == hosts
    assert len(found) == len(hosts)
    assert {place.name for place in found} == {"localhost"}


@pytest.mark.parametrize(
    "uri",
    [
        b"tel:+33145000001",
        b"sip:127.0.0.2;transport=sctp",
        b"sip:" + b"a" * 64 + b".invalid",
    ],
    ids=["tel", "sctp", "long label"],
)
async def test_what_leads_nowhere_is_an_os_error(uri: bytes) -> None:
    with pytest.raises(OSError, match=r"."):
        await resolve_destination(uri)


async def test_what_is_no_uri_is_malformed() -> None:
    with pytest.raises(MalformedMessage):
        await resolve_destination(b"sip:[::1")
