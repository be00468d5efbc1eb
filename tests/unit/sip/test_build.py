"""What the edge says itself: well formed, and repeating what the RFC tells it to repeat."""

import pytest

from sipedge.sip.build import (
    build_cancel,
    build_in_dialog,
    build_response,
    build_salvage_response,
    reduced_max_forwards,
)
from sipedge.sip.message import Request, Response, parse_message, salvage_request

VIA_LINES = (
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKedge",
    b"v: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK-1, SIP/2.0/TCP a.example",
)
FROM_LINE = b"From: <sip:alice@atlanta.example>;tag=1928301774"
CALL_ID_LINE = b"i: a84b4c76e66710"


def write(start: bytes, *lines: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join((start, *VIA_LINES, FROM_LINE, CALL_ID_LINE, *lines, b"", body))


def invite(*lines: bytes, to_line: bytes = b"To: <sip:bob@biloxi.example>") -> Request:
    start = b"INVITE sip:bob@biloxi.example SIP/2.0"
    message = parse_message(write(start, to_line, b"CSeq: 7 INVITE", *lines))
    assert isinstance(message, Request)
    return message


def answer(*lines: bytes, to_line: bytes = b"t: <sip:bob@biloxi.example>;tag=b") -> Response:
    message = parse_message(write(b"SIP/2.0 200 OK", to_line, b"CSeq: 7 INVITE", *lines))
    assert isinstance(message, Response)
    return message


def test_a_response_repeats_via_from_to_call_id_and_cseq_in_their_order() -> None:
    request = invite(b"Subject: x", b"Record-Route: <sip:p1;lr>", b"Timestamp: 54")
    wire = build_response(request, 486, b"Busy Here", b"edge", (b"Retry-After: 10",))
    assert wire.split(b"\r\n") == [
        b"SIP/2.0 486 Busy Here",
        *VIA_LINES,
        FROM_LINE,
        CALL_ID_LINE,
        b"To: <sip:bob@biloxi.example>;tag=edge",
        b"CSeq: 7 INVITE",
        b"Retry-After: 10",
        b"Content-Length: 0",
        b"",
        b"",
    ]


def test_trying_has_no_tag_and_repeats_timestamp() -> None:
    wire = build_response(invite(b"Timestamp: 54"), 100, b"Trying", b"edge")
    assert b"tag=edge" not in wire
    assert b"\r\nTimestamp: 54\r\n" in wire


def test_the_tag_of_the_request_stays() -> None:
    request = invite(to_line=b"To: <sip:bob@biloxi.example>;tag=theirs")
    wire = build_response(request, 200, b"OK", b"edge")
    assert b"To: <sip:bob@biloxi.example>;tag=theirs\r\n" in wire
    assert b"tag=edge" not in wire


@pytest.mark.parametrize(
    "to_line",
    [
        b"To: sip:bob@biloxi.example",
        b"TO :\r\n sip:bob@biloxi.example ;x=y",
        b"To: <sip:bob@biloxi.example>;",
        b"To: <sip:bob@biloxi.example>;x; ",
        b't:"tag=no" <sip:bob@biloxi.example;tag=no>',
    ],
)
def test_a_tag_is_added_to_every_form_of_to(to_line: bytes) -> None:
    request = invite(to_line=to_line)
    for wire in (
        build_response(request, 404, b"Not Found", b"edge"),
        salvaged(request.wire),
    ):
        response = parse_message(wire)
        assert response.to_tag == b"edge"
        assert to_line.rstrip(b"; ") + b";tag=edge" in response.lines


def salvaged(wire: bytes) -> bytes:
    salvage = salvage_request(wire)
    assert salvage is not None
    return build_salvage_response(salvage, 400, "Bad Request", b"edge")


def test_the_answer_to_a_broken_request_repeats_what_there_is() -> None:
    wire = b"OPTIONS\r\nVia: ;;\r\nCSeq: 99999999999 OPTIONS\r\nZ: y\r\n\r\nbody"
    assert salvaged(wire) == (
        b"SIP/2.0 400 Bad Request\r\nVia: ;;\r\nCSeq: 99999999999 OPTIONS\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


@pytest.mark.parametrize(
    "to_line",
    [
        b"To: <sip:bob@biloxi.example>;tag=theirs",
        b'To: "Bob <sip:bob@biloxi.example>',
        b"To: <sip:bob@biloxi.example>;tag=",
        b"To: <sip:bob@biloxi.example>" + b";a" * 5_000,
    ],
)
def test_no_second_tag_goes_to_a_to_that_has_one_or_is_broken(to_line: bytes) -> None:
    wire = b"OPTIONS\r\nVia: a\r\nCSeq: 8 OPTIONS\r\n" + to_line + b"\r\n\r\n"
    assert b"\r\n" + to_line + b"\r\n" in salvaged(wire)


def test_a_cancel_repeats_what_names_the_invite_and_nothing_else() -> None:
    request = invite(
        b"Route: <sip:p1;lr>, <sip:p2;lr>", b"route: <sip:p3;lr>", b"Require: x", b"Contact: *"
    )
    assert build_cancel(request.wire).split(b"\r\n") == [
        b"CANCEL sip:bob@biloxi.example SIP/2.0",
        VIA_LINES[0],
        FROM_LINE,
        CALL_ID_LINE,
        b"To: <sip:bob@biloxi.example>",
        b"Route: <sip:p1;lr>, <sip:p2;lr>",
        b"route: <sip:p3;lr>",
        b"CSeq: 7 CANCEL",
        b"Max-Forwards: 70",
        b"Content-Length: 0",
        b"",
        b"",
    ]


def test_what_left_longer_than_anything_may_come_in_can_still_be_cancelled() -> None:
    wire = write(
        b"INVITE sip:%b SIP/2.0" % (b"u" * 3_000),
        b"To: <sip:b@c>",
        b"CSeq: 7 INVITE",
        *[b"Z: y"] * 300,
        body=b"x" * 66_000,
    )
    assert build_cancel(wire).startswith(b"CANCEL sip:uuu")


def test_a_response_cannot_be_cancelled() -> None:
    with pytest.raises(AssertionError):
        build_cancel(answer().wire)


@pytest.mark.parametrize(
    ("contact", "target"),
    [
        (b"Contact: <sip:bob@192.0.2.4;ob>;q=1", b"sip:bob@192.0.2.4;ob"),
        (b"m: sip:bob@192.0.2.4;q=1", b"sip:bob@192.0.2.4"),
        (b'Contact: "<sip:evil> ," <sip:bob@192.0.2.4>, <sip:other>', b"sip:bob@192.0.2.4"),
        (b"Contact: <sip:bob@192.0.2.4;method=INVITE?Replaces=1>", b"sip:bob@192.0.2.4"),
        (b"Contact: *", b"sip:bob@biloxi.example"),
        (b"Contact: <sip:a b>", b"sip:bob@biloxi.example"),
        (b"Contact: <sip:a", b"sip:bob@biloxi.example"),
        (b"Contact:", b"sip:bob@biloxi.example"),
        (b"Subject: no contact", b"sip:bob@biloxi.example"),
    ],
)
def test_a_request_after_an_answer_goes_to_its_contact(contact: bytes, target: bytes) -> None:
    via = b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKnew"
    routes, extra = (b"<sip:p2;lr>", b"<sip:p1;lr>"), (b"Reason: SIP;cause=487",)
    wire = build_in_dialog(answer(contact), b"BYE", 8, via, routes, extra)
    assert wire.split(b"\r\n") == [
        b"BYE " + target + b" SIP/2.0",
        via,
        b"Route: <sip:p2;lr>",
        b"Route: <sip:p1;lr>",
        FROM_LINE,
        CALL_ID_LINE,
        b"t: <sip:bob@biloxi.example>;tag=b",
        b"CSeq: 8 BYE",
        b"Max-Forwards: 70",
        b"Reason: SIP;cause=487",
        b"Content-Length: 0",
        b"",
        b"",
    ]
    assert parse_message(wire).cseq_method == b"BYE"


def test_an_answer_without_any_address_gets_a_request_that_is_at_least_well_formed() -> None:
    response = answer(b"Contact: <", to_line=b"To: ???;tag=b")
    wire = build_in_dialog(response, b"ACK", 7, VIA_LINES[0], ())
    assert parse_message(wire).start_line == b"ACK sip:unknown.invalid SIP/2.0"


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ((), 70),
        ((b"Max-Forwards: 70",), 69),
        ((b"Max-Forwards: 1",), 0),
        ((b"Max-Forwards: 0",), -1),
        ((b"MaX-fOrWaRdS: 0068",), 67),
        ((b"Max-Forwards: 255",), 254),
        ((b"Max-Forwards: 256",), 70),
        ((b"Max-Forwards: 300",), 70),
        ((b"Max-Forwards: -1",), 70),
        ((b"Max-Forwards:",), 70),
        ((b"Max-Forwards: 1_0",), 70),
        ((b"Max-Forwards: \xb2",), 70),
        ((b"Max-Forwards: " + b"9" * 5_000,), 70),
    ],
)
def test_max_forwards_falls_by_one_and_what_is_no_number_counts_as_absent(
    lines: tuple[bytes, ...], left: int
) -> None:
    assert reduced_max_forwards(invite(*lines)) == left
