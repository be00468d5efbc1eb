"""The edge under fuzz: any messages in any order from anybody, and then the clock runs out.

No exception leaves `receive` or a timer, nothing is sent to a host that nobody vouches for, and no
table has grown when all that was begun has ended.
"""

from typing import Final

from sipedge.proxy.edge import Edge
from sipedge.sip.flow import Flow
from sipedge.sip.message import Message, Request, parse_message
from sipedge.sip.names import RECORD_ROUTE, VIA
from tests.torture.stage import (
    CARRIER,
    CARRIER_IPV6,
    PHONE,
    STRANGER,
    build_stage,
    settle,
    table_sizes,
)

# Ends one message of an input; no message of the corpora holds it.
SEPARATOR: Final = b"\n%%\n"
STREAM: Final = Flow(3, "TCP", "203.0.113.66", 40_000, 9)
SOURCES: Final = (CARRIER, PHONE, STRANGER, CARRIER_IPV6, STREAM)
KNOWN_HOSTS: Final = frozenset(flow.host for flow in SOURCES)
# An input says `$VIA` where it wants the Via of the request that the edge sent last.
VIA_MARK: Final = b"$VIA"
ROUTE_MARK: Final = b"$ROUTE"

_AUTHENTICATED: Final = frozenset({b"REGISTER", b"INVITE"})


def fuzz_edge(data: bytes) -> None:
    """Play one input: its first octet says whether callers must prove who they are.

    The first octet of each message says where it comes from.
    """
    if not data:
        return
    edge = build_stage(authenticate=_AUTHENTICATED if data[0] & 1 else frozenset())
    before = table_sizes(edge)
    uris = {binding.uri for binding in edge.core.location.all_bindings()}
    last: Message | None = None
    now = 1.0
    for piece in data[1:].split(SEPARATOR):
        if not piece:
            continue
        source = SOURCES[piece[0] % len(SOURCES)]
        now += 0.05
        edge.receive(fill_in(piece[1:], last), source, now)
        last = check_sends(edge, source) or last
    settle(edge, now + call_seconds(edge))
    assert table_sizes(edge) == before
    assert {binding.uri for binding in edge.core.location.all_bindings()} == uris


def call_seconds(edge: Edge) -> float:
    """How long to wait for calls that were answered and that nobody ends."""
    return edge.core.settings.call_seconds_max if len(edge.core.calls) else 0.0


def fill_in(wire: bytes, last: Message | None) -> bytes:
    """Write what no input can guess: the keyed branch and token of the edge."""
    if last is not None and b"$" in wire:
        wire = wire.replace(VIA_MARK, last.values(VIA)[0])
        routes = last.values(RECORD_ROUTE)
        wire = wire.replace(ROUTE_MARK, routes[0] if routes else b"")
    return wire


def check_sends(edge: Edge, source: Flow) -> Message | None:
    """Check what the edge sent for one message; return the last request among it."""
    last = None
    edge.core.effects.take_others()
    for flow, wire in edge.core.effects.take_sends():
        assert flow.host in KNOWN_HOSTS, f"sent to {flow.host}"
        head = wire.partition(b"\r\n\r\n")[0]
        assert head.count(b"\r") == head.count(b"\n") == head.count(b"\r\n")
        # The answer to a malformed request repeats what is malformed; a request is always whole.
        if wire[:8].upper() != b"SIP/2.0 ":
            message = parse_message(wire, is_own=True)
            assert isinstance(message, Request)
            last = message
    return last
