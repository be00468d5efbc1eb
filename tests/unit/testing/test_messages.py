import pytest

from sipedge.sip.sdp import parse_sdp
from sipedge.testing.messages import (
    as_request,
    as_response,
    header_lines,
    route_set,
    target_of,
    write_message,
    write_response,
    write_sdp,
)

REQUEST = write_message(
    b"INVITE sip:b@x SIP/2.0",
    [
        b"Via: SIP/2.0/UDP h;branch=z9hG4bK1",
        b"Record-Route: <sip:p1;lr>, <sip:p2;lr>",
        b"From: <sip:a@x>;tag=a",
        b"To: <sip:b@x>",
        b"Call-ID: c",
        b"CSeq: 1 INVITE",
        b"subject: hi",
        b"Subject : there",
    ],
    b"body",
)


def test_a_written_message_can_be_read() -> None:
    request = as_request(REQUEST)
    assert request.body == b"body"
    assert header_lines(request, b"SUBJECT") == [b"hi", b"there"]


def test_a_response_repeats_what_it_must() -> None:
    request = as_request(REQUEST)
    ringing = as_response(write_response(request, 180, to_tag=b"b", extra=[b"X: y"]))
    assert (ringing.status, ringing.reason, ringing.to_tag) == (180, b"Ringing", b"b")
    assert header_lines(ringing, b"Record-Route") == [b"<sip:p1;lr>, <sip:p2;lr>"]
    assert header_lines(ringing, b"X") == [b"y"]
    refusal = as_response(write_response(request, 499, to_tag=b"b", phrase=b"Odd"))
    assert (refusal.reason, header_lines(refusal, b"Record-Route")) == (b"Odd", [])


def test_the_route_set_is_turned_around_for_the_caller() -> None:
    request = as_request(REQUEST)
    assert route_set(request, is_caller=False) == [b"<sip:p1;lr>", b"<sip:p2;lr>"]
    assert route_set(request, is_caller=True) == [b"<sip:p2;lr>", b"<sip:p1;lr>"]


def test_the_target_is_what_stands_in_the_brackets_or_before_the_parameters() -> None:
    assert target_of(b'"x" <sip:a@b;c>;d') == b"sip:a@b;c"
    assert target_of(b"sip:a@b;d") == b"sip:a@b"


@pytest.mark.parametrize("host", ["198.51.100.1", "2001:db8::1"])
def test_an_offer_is_sdp(host: str) -> None:
    session = parse_sdp(write_sdp(host, direction=b"sendonly"))
    assert len(session.media) == 1


def test_a_request_is_no_response() -> None:
    with pytest.raises(AssertionError):
        as_response(REQUEST)
    with pytest.raises(AssertionError):
        as_request(write_response(as_request(REQUEST), 200))
