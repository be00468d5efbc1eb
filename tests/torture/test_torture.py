"""RFC 4475 and RFC 5118: each message ends as `expectations.toml` says, and the edge lives on."""

import hashlib
import re

import pytest

from sipedge.proxy.edge import Edge
from sipedge.sip.address import split_commas
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.flow import Flow
from sipedge.sip.headers import parse_via, split_top
from sipedge.sip.message import Message, Request, Response, parse_message, value_of
from sipedge.sip.names import (
    CONTACT,
    CONTENT_LENGTH,
    MAX_FORWARDS,
    RECORD_ROUTE,
    ROUTE,
    UNSUPPORTED,
    VIA,
)
from tests.torture.corpus import Expectation, message_files, read_expectations, read_tables
from tests.torture.stage import (
    CARRIER,
    CARRIER_IPV6,
    PHONE,
    STRANGER,
    Sent,
    build_stage,
    give,
    outcome_of,
    prove_alive,
    relayed_in,
    table_sizes,
)

EXPECTATIONS = read_expectations()
BY_NAME = {expectation.name: expectation for expectation in EXPECTATIONS}
# What git, an editor or a mail program might have changed: one hash over all names and octets.
CORPUS_SHA256 = "fe5914f6d6bbd6005eebf63a47ccbc32e8a0729ee987c1b5bf1c54920a89809d"

OUTCOMES_OF_A_BROKEN_MESSAGE = ("malformed", "malformed_response", "unanswerable", "forbidden_uri")

each_message = pytest.mark.parametrize("expected", EXPECTATIONS, ids=lambda expected: expected.id)


def source_of(expected: Expectation) -> Flow:
    return CARRIER_IPV6 if expected.corpus == "rfc5118" else CARRIER


def test_every_message_is_listed_and_every_listed_message_exists() -> None:
    listed = {f"{corpus}-{name}" for corpus, tables in read_tables().items() for name in tables}
    assert listed == set(message_files())


def test_the_messages_are_the_octets_that_the_rfcs_publish() -> None:
    digest = hashlib.sha256()
    for name, path in sorted(message_files().items()):
        digest.update(name.encode("ascii") + b"\0" + path.read_bytes() + b"\0")
    assert digest.hexdigest() == CORPUS_SHA256


@each_message
def test_the_parser_takes_or_refuses_it_as_listed(expected: Expectation) -> None:
    assert verdict_of(expected.wire) == expected.parser


def verdict_of(wire: bytes) -> str:
    try:
        parse_message(wire)
    except MalformedMessage as error:
        return f"refused {error.status}"
    return "accepted"


@each_message
def test_the_edge_deals_with_it_as_listed_and_lives_on(expected: Expectation) -> None:
    edge = build_stage()
    before = table_sizes(edge)
    outcome, sent = outcome_of(edge, expected.wire, source_of(expected))
    assert outcome == expected.edge
    # An answer to a known sender is kept for its copies; bindings are what a REGISTER is for.
    if outcome.startswith("dropped") or outcome.endswith("malformed"):
        assert table_sizes(edge) == before
    prove_alive(edge, 1, 2.0)
    assert len(sent) <= 2


@each_message
def test_a_verdict_that_differs_from_the_third_party_says_why(expected: Expectation) -> None:
    assert expected.why
    if expected.sipx:
        is_taken_there = expected.sipx == "ParseOk"
        is_taken_here = not expected.edge.endswith(OUTCOMES_OF_A_BROKEN_MESSAGE)
        assert bool(expected.differs) == (is_taken_here != is_taken_there)


@each_message
def test_nothing_of_a_stranger_gets_through(expected: Expectation) -> None:
    edge = build_stage(authenticate=frozenset({b"REGISTER", b"INVITE"}))
    bindings = len(edge.core.location)
    outcome, sent = outcome_of(edge, expected.wire, STRANGER)
    challenged = {"answered 401 challenged", "answered 407 challenged"}
    assert outcome in {expected.edge, *challenged}
    assert outcome != "relayed"
    assert all(flow.host == STRANGER.host for flow, _ in sent)
    assert len(edge.core.location) == bindings
    assert not edge.core.layer.servers, "a stranger costs no state"


@each_message
def test_a_relayed_message_keeps_every_octet_that_need_not_change(expected: Expectation) -> None:
    if expected.edge == "relayed":
        check_relayed(expected.wire, give(build_stage(), expected.wire, source_of(expected)))


def test_the_short_tortuous_invite_keeps_its_folds() -> None:
    """Outside the dialog that its To tag claims, wsinv goes through with all its white space."""
    wire = BY_NAME["wsinv"].wire
    outside = wire.replace(b" ;   tag    = 1918181833n", b" ")
    assert outside != wire
    copy = check_relayed(outside, give(build_stage(), outside))
    assert b'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>\r\n  ;\r\n' in copy.wire
    assert copy.values(MAX_FORWARDS) == [b"67"]


def test_an_invite_with_ipv6_addresses_in_its_body_is_relayed_once_its_length_is_right() -> None:
    wire = BY_NAME["ipv6-in-sdp"].wire
    mended = wire.replace(b"Content-Length: 268", b"Content-Length: 251")
    check_relayed(mended, give(build_stage(), mended, CARRIER_IPV6))


def check_relayed(wire: bytes, sent: Sent) -> Request:
    """Compare a relayed request with what was received, line by line; return it."""
    (copy,) = relayed_in(sent)
    received = parse_message(wire)
    assert isinstance(received, Request)
    assert copy.method == received.method
    assert copy.uri == b"sip:phone@198.51.100.1:5070"
    assert copy.body == received.body
    assert untouched_lines(copy, received) == untouched_lines(received, received)
    ours, top, *below = copy.values(VIA)
    assert b"," not in ours
    assert [b"Via: " + ours] == copy.lines[:1]
    received_top, *received_below = received.values(VIA)
    assert below == received_below
    assert_same_via(top, received_top)
    return copy


def untouched_lines(message: Message, received: Message) -> list[bytes]:
    """The lines that no hop of a proxy changes, in their order (RFC 3261 section 16.6)."""
    changed = {VIA, MAX_FORWARDS, ROUTE}
    if CONTENT_LENGTH not in received.ids:
        changed.add(CONTENT_LENGTH)
    return [
        line
        for line, header in zip(message.lines, message.ids, strict=True)
        if header not in changed and not (header == RECORD_ROUTE and b"~UDP~" in line)
    ]


def assert_same_via(ours: bytes, theirs: bytes) -> None:
    """The top Via says what it said, and where it came from."""
    (our_value, our_rest), (their_value, their_rest) = split_top(ours), split_top(theirs)
    assert our_rest == their_rest
    after, before = parse_via(our_value), parse_via(their_value)
    assert (after.transport, after.host, after.port) == (
        before.transport,
        before.host,
        before.port,
    )
    added = {name: value for name, value in after.params.items() if name not in before.params}
    assert added.keys() <= {b"received", b"rport"}


def contacts_after(edge: Edge, wire: bytes) -> list[bytes]:
    """The Contact values of the 200 to a REGISTER, without those that were there before."""
    ((_, answer),) = give(edge, wire)
    response = parse_message(answer)
    assert isinstance(response, Response)
    assert response.status == 200
    values = [item for value in response.values(CONTACT) for item in split_commas(value)]
    return [value for value in values if b"phone@198.51.100.1" not in value]


@pytest.mark.parametrize(
    ("name", "contacts"),
    [
        ("escnull", [b"<sip:%00@host5.example.com>", b"<sip:%00%00@host5.example.com>"]),
        ("cparam01", [b"<sip:+19725552222@gw1.example.net>"]),
        ("cparam02", [b"<sip:+19725552222@gw1.example.net;unknownparam>"]),
        ("dblreq", [b"<sip:j.user@host.example.com>"]),
    ],
)
def test_a_registration_comes_back_as_the_uri_it_named(name: str, contacts: list[bytes]) -> None:
    values = contacts_after(build_stage(), BY_NAME[name].wire)
    assert [value.partition(b";expires=")[0] for value in values] == contacts


def test_a_contact_with_an_escaped_header_is_kept_when_it_is_not_our_own_address() -> None:
    wire = BY_NAME["regescrt"].wire.replace(
        b"M: <sip:user@example.com?", b"M: <sip:user@host9.example.com?"
    )
    edge = build_stage()
    (contact,) = contacts_after(edge, wire)
    assert contact.startswith(b"<sip:user@host9.example.com?Route=%3Csip:sip.example.com%3E>")
    # RFC 3261 section 16.6 step 2: whoever calls it is not made to send the header.
    copies = relayed_in(give(edge, BY_NAME["invut"].wire))
    assert b"sip:user@host9.example.com" in [copy.uri for copy in copies]
    assert all(b"Route=" not in copy.wire for copy in copies)


def test_a_proxy_lists_what_it_does_not_support_of_proxy_require_only() -> None:
    ((_, answer),) = give(build_stage(), BY_NAME["bext01"].wire)
    values = parse_message(answer).values(UNSUPPORTED)
    tags = [tag.strip() for value in values for tag in value.lower().split(b",")]
    assert tags == [b"noproxiessupportthis", b"nordoanyproxiessupportthis"]


def test_no_response_goes_where_a_via_points() -> None:
    """RFC 4475 section 3.3.10: a proxy that believed Via would send to the broadcast address."""
    edge = build_stage()
    invite = BY_NAME["invut"].wire.replace(b"somehost.example.com", b"255.255.255.255")
    (copy,) = relayed_in(give(edge, invite))
    top = copy.values(VIA)[0]
    bcast = BY_NAME["bcast"].wire
    answer = re.sub(rb"Via: [^\r]+198;[^\r]+", b"Via: " + top, bcast)
    answer = answer.replace(b"35 INVITE", b"235448 INVITE")
    ((flow, wire),) = give(edge, answer, PHONE)
    assert flow == CARRIER
    assert value_of(wire.split(b"\r\n")[1]) == b"SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23"
