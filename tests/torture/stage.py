"""The stage of the torture tests: an edge that serves every domain and user of the corpora.

A carrier stands on one side, which may call everybody, and a phone of each user on the other.
Whatever the edge is told, it has one outcome in the words of `expectations.toml`.
"""

import re
from typing import Final

from sipedge.limits.guard import SourceGuard
from sipedge.proxy.directory import LineProfile
from sipedge.proxy.edge import Edge
from sipedge.proxy.listeners import Listener, Listeners
from sipedge.proxy.location import Binding
from sipedge.proxy.settings import ProxySettings
from sipedge.sip.flow import Flow
from sipedge.sip.message import Request, parse_message
from sipedge.testing.builders import build_edge, build_trunk
from sipedge.testing.messages import write_response

Sent = list[tuple[Flow, bytes]]

STATUS_LINE: Final = re.compile(rb"SIP/2\.0 ([1-6][0-9][0-9]) [ -~]+\r\n")

CARRIER: Final = Flow(0, "UDP", "203.0.113.1", 5060)
CARRIER_IPV6: Final = Flow(2, "UDP", "2001:db8:c::1", 5060)
STRANGER: Final = Flow(0, "UDP", "203.0.113.66", 5060)
PHONE: Final = Flow(0, "UDP", "198.51.100.1", 5070)

# Every domain and host for which a message of the corpora is meant, and the edge itself.
OWN_HOSTS: Final = frozenset(
    {
        "chair-dnrc.example.com",
        "company.com",
        "edge.test",
        "example.com",
        "example.net",
        "example.org",
        "host.example.net",
        "registrar.example.com",
        "services.example.com",
        "127.0.0.1",
        "2001:db8::10",
        "2001:db8::c000:201",
    }
)
# Every user that is called or registers in the corpora, as the line that it is here.
USERS: Final = (
    "UserB",
    "j.user",
    "kumiko",
    "null-\0-null",
    "remote-target",
    "sips:user@example.com",
    "t.watson",
    "user",
    "vivekg",
    "watson",
    "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/",
)
# Callers and callees of the calls that prove that the edge still works.
CALLEE: Final = "0033972100002"


def build_stage(
    *, authenticate: frozenset[bytes] = frozenset(), guard: SourceGuard | None = None
) -> Edge:
    """Return an edge with a line for each user, each registered with one phone."""
    listeners = Listeners(
        [
            Listener(0, "UDP", "127.0.0.1", 5060, lambda _: "127.0.0.1"),
            Listener(1, "UDP", "127.0.0.1", 5080, lambda _: "127.0.0.1"),
            Listener(2, "UDP", "2001:db8::10", 5060, lambda _: "2001:db8::10"),
            Listener(3, "TCP", "127.0.0.1", 5060, lambda _: "127.0.0.1"),
        ],
        OWN_HOSTS,
        lambda _: False,
    )
    edge = build_edge(
        lines=[LineProfile(user, 1_000_000, None) for user in (*USERS, CALLEE)],
        trunks=[build_trunk(hosts=(CARRIER.host, CARRIER_IPV6.host))],
        settings=ProxySettings(domains=("edge.test",), authenticate=authenticate),
        listeners=listeners,
        guard=guard or SourceGuard(1e9, 1e9, 60.0, 1_000),
    )
    location = edge.core.location
    for line in edge.core.directory.lines.values():
        uri = b"sip:phone@%b:%d" % (PHONE.host.encode("ascii"), PHONE.port)
        location.add(Binding(location, line.user, uri, PHONE, 1e9))
    return edge


def give(edge: Edge, wire: bytes, flow: Flow = CARRIER, now: float = 1.0) -> Sent:
    """Let the edge receive one message and return what it sends for it."""
    edge.receive(wire, flow, now)
    edge.core.effects.take_others()
    return edge.core.effects.take_sends()


def outcome_of(edge: Edge, wire: bytes, flow: Flow = CARRIER) -> tuple[str, Sent]:
    """Return what the edge does with a message: `relayed`, `answered 400 malformed`, `dropped x`.

    The word after the status is the refusal, absent for an answer that is none.
    """
    refusals = dict(edge.core.counters.refusals)
    drops = dict(edge.core.counters.dropped)
    sent = give(edge, wire, flow)
    refused = [name for name, n in edge.core.counters.refusals.items() if n > refusals[name]]
    dropped = [name for name, n in edge.core.counters.dropped.items() if n > drops[name]]
    if relayed_in(sent):
        assert not refused, refused
        assert not dropped, dropped
        return "relayed", sent
    if sent:
        assert len(sent) == 1, "one answer is enough"
        assert not dropped, dropped
        assert sent[0][0].host == flow.host, "answers go to the source, wherever Via points"
        # The answer to a malformed request repeats what is malformed: it need not parse.
        status = STATUS_LINE.match(sent[0][1])
        assert status, sent[0][1]
        return " ".join(["answered", status[1].decode("ascii"), *refused]), sent
    assert len(dropped) == 1, f"dropped for {len(dropped)} reasons"
    assert not refused, refused
    return f"dropped {dropped[0]}", sent


def relayed_in(sent: Sent) -> list[Request]:
    """Return the requests among what was sent."""
    messages = [parse_message(wire) for _, wire in sent if not STATUS_LINE.match(wire)]
    return [message for message in messages if isinstance(message, Request)]


def table_sizes(edge: Edge) -> dict[str, int]:
    """Return how much the edge remembers, table by table."""
    core = edge.core
    return {
        "servers": len(core.layer.servers),
        "clients": len(core.layer.clients),
        "connections": len(core.layer.connections),
        "calls": len(core.calls),
        "dialogs": len(core.calls._by_dialog),
        "leases": len(core.ledger.all_leases()),
        "bindings": len(core.location),
        "nonces": len(core.nonces),
        "effects": len(core.effects.sends) + len(core.effects.others),
    }


def prove_alive(edge: Edge, number: int, now: float) -> None:
    """Ask the edge with OPTIONS, and carry one whole call from the carrier to a phone."""
    options = request(b"OPTIONS sip:edge.test SIP/2.0", b"OPTIONS", number)
    ((_, answer),) = give(edge, options, STRANGER, now)
    assert answer.startswith(b"SIP/2.0 200 "), answer
    number = -number
    invite = request(b"INVITE sip:0033972100002@edge.test SIP/2.0", b"INVITE", number)
    trying, (callee, forwarded) = give(edge, invite, CARRIER, now)
    assert trying[1].startswith(b"SIP/2.0 100 ")
    assert callee == PHONE
    copy = parse_message(forwarded)
    assert isinstance(copy, Request)
    contact = (b"Contact: <sip:phone@198.51.100.1:5070>",)
    ok = write_response(copy, 200, to_tag=b"phone", extra=contact)
    ((caller, answer),) = give(edge, ok, PHONE, now)
    assert caller == CARRIER
    assert answer.startswith(b"SIP/2.0 200 ")
    for method in (b"ACK", b"BYE"):
        start_line = method + b" sip:phone@198.51.100.1:5070 SIP/2.0"
        later = request(start_line, method, number, to_tag=b";tag=phone")
        ((_, forwarded),) = give(edge, later, CARRIER, now)
    copy = parse_message(forwarded)
    assert isinstance(copy, Request)
    ((_, answer),) = give(edge, write_response(copy, 200), PHONE, now)
    assert answer.startswith(b"SIP/2.0 200 ")


def request(start_line: bytes, method: bytes, number: int, to_tag: bytes = b"") -> bytes:
    """Write a plain request of the carrier, or of a stranger."""
    return b"\r\n".join(
        (
            start_line,
            b"Via: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK-alive-%b%d" % (method, number),
            b"From: <sip:carrier@203.0.113.1>;tag=%d" % number,
            b"To: <sip:0033972100002@edge.test>" + to_tag,
            b"Call-ID: alive-%d" % number,
            b"CSeq: %d %b" % (2 if method == b"BYE" else 1, method),
            b"Contact: <sip:carrier@203.0.113.1>",
            b"Max-Forwards: 70",
            b"Content-Length: 0",
            b"",
            b"",
        )
    )


def settle(edge: Edge, now: float) -> float:
    """Let every transaction, early call and registration come to its end; return when that is."""
    for _ in range(80):
        now += 100.0
        edge.handle_timers(now)
        edge.core.effects.take_sends()
        edge.core.effects.take_others()
    return now
