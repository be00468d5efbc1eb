"""The ACK of a refusal, line by line."""

import pytest

from sipedge.sip.message import Request, Response, parse_message
from sipedge.sip.transactions.ack import build_ack
from tests.unit.sip.transactions.exchange import build_response

INVITE_LINES = [
    b"INVITE sip:bob@198.51.100.9:5062;transport=udp SIP/2.0",
    b"Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKedge-1;rport",
    b"Record-Route: <sip:198.51.100.1;lr>",
    b"v: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKcaller-1",
    b"Route: <sip:next.edge.test;lr>",
    b"route:\r\n  <sip:after.edge.test;lr>",
    b"Max-Forwards: 12",
    b'f: "Alice, \\"A\\"" <sip:alice@edge.test>;tag=alice-tag',
    b"To: <sip:bob@edge.test>",
    b"i: call-1",
    b"CSeq: 7 INVITE",
    b"Contact: <sip:alice@192.0.2.7>",
    b"Content-Type: application/sdp",
    b"Content-Length: 5",
    b"",
    b"v=0\r\n",
]


def test_ack_repeats_what_the_rfc_names_and_nothing_else() -> None:
    ack = build_ack(b"\r\n".join(INVITE_LINES), build_response(486, b"INVITE", to_tag=b"bob-tag"))

    assert ack.split(b"\r\n") == [
        b"ACK sip:bob@198.51.100.9:5062;transport=udp SIP/2.0",
        b"Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKedge-1;rport",
        b"Route: <sip:next.edge.test;lr>",
        b"route:",
        b"  <sip:after.edge.test;lr>",
        b'f: "Alice, \\"A\\"" <sip:alice@edge.test>;tag=alice-tag',
        b"i: call-1",
        b"To: <sip:bob@edge.test>;tag=bob-tag",
        b"CSeq: 7 ACK",
        b"Max-Forwards: 70",
        b"Content-Length: 0",
        b"",
        b"",
    ]


def test_ack_is_a_message_that_matches_the_transaction_of_the_invite() -> None:
    wire = b"\r\n".join(INVITE_LINES)
    invite = parse_message(wire)
    ack = parse_message(build_ack(wire, build_response(302, b"INVITE")))

    assert isinstance(ack, Request)
    assert isinstance(invite, Request)
    assert ack.method == b"ACK"
    assert (ack.uri, ack.via_branch, ack.via_sent_by, ack.call_id, ack.cseq_number) == (
        invite.uri,
        invite.via_branch,
        invite.via_sent_by,
        invite.call_id,
        invite.cseq_number,
    )
    assert ack.from_tag == invite.from_tag
    assert ack.to_tag == b"bob-tag"


def test_only_requests_are_acknowledged() -> None:
    response = build_response(486, b"INVITE")
    assert isinstance(response, Response)

    with pytest.raises(AssertionError):
        build_ack(response.wire, response)
