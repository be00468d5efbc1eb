"""Edits change whole lines; all that they do not touch keeps its bytes."""

import pytest

from sipedge.sip.edit import Edits, without_top_via
from sipedge.sip.message import Message, parse_message
from sipedge.sip.names import CONTACT, MAX_FORWARDS, OTHER, P_ASSERTED_IDENTITY, ROUTE, VIA

LINES = (
    b"via  : SIP/2.0/UDP a;branch=x",
    b"FROM:\r\n  <sip:a@b>;tag=1",
    b"t:sip:b@c",
    b"Call-ID:  9",
    b"P-Asserted-Identity : <sip:1@a>",
    b"CSeq: 1 INVITE",
    b"p-asserted-identity:<sip:2@a>",
    b"X-Odd :  ;;,;  ",
)
START = b"INVITE sip:b@c SIP/2.0"


def message(*lines: bytes, body: bytes = b"v=0\r\n") -> Message:
    return parse_message(b"\r\n".join((START, *LINES, *lines, b"", body)))


def head(wire: bytes) -> list[bytes]:
    return wire.partition(b"\r\n\r\n")[0].split(b"\r\n")


def test_nothing_edited_is_nothing_changed() -> None:
    received = message(b"Content-Length  :5")
    assert Edits(received).splice() == received.wire


def test_a_body_that_was_cut_is_cut_in_the_copy_too() -> None:
    received = message(b"Content-Length: 5", body=b"v=0\r\nINVITE sip:noise SIP/2.0\r\n\r\n")
    assert Edits(received).splice().endswith(b"\r\n\r\nv=0\r\n")


def test_a_missing_content_length_is_added_because_a_stream_needs_it() -> None:
    received = message()
    assert Edits(received).splice() == b"\r\n".join(
        (START, *LINES, b"Content-Length: 5", b"", b"v=0\r\n")
    )
    assert without_top_via(received, b"", 0) == b"\r\n".join(
        (START, *LINES[1:], b"Content-Length: 5", b"", b"v=0\r\n")
    )


def test_lines_put_on_top_stand_before_all_others_the_last_one_first() -> None:
    edits = Edits(message())
    edits.prepend(ROUTE, b"Route: <sip:p;lr>")
    edits.prepend(VIA, b"Via: ours")
    edits.append(CONTACT, b"Contact: <sip:x>")
    lines = edits.splice().split(b"\r\n")
    assert lines[1:4] == [b"Via: ours", b"Route: <sip:p;lr>", LINES[0]]
    assert lines[-5:-1] == [b"Contact: <sip:x>", b"Content-Length: 5", b"", b"v=0"]


def test_a_line_is_replaced_where_it_stands_or_added_below() -> None:
    edits = Edits(message())
    edits.replace(VIA, b"Via: SIP/2.0/UDP b")
    edits.replace(MAX_FORWARDS, b"Max-Forwards: 69")
    lines = head(edits.splice())
    assert lines[1] == b"Via: SIP/2.0/UDP b"
    assert lines[-2] == b"Max-Forwards: 69"


def test_every_line_of_a_kind_is_removed_whatever_its_spelling() -> None:
    edits = Edits(message())
    edits.remove(P_ASSERTED_IDENTITY)
    edits.remove(ROUTE)
    kept = [line for line in LINES if b"sserted" not in line]
    assert edits.splice().startswith(b"\r\n".join((START, *kept)))


def test_lines_that_hold_certain_octets_are_removed_and_others_of_their_kind_stay() -> None:
    edits = Edits(message())
    edits.remove_holding(P_ASSERTED_IDENTITY, b"sip:1@a")
    edits.remove_holding(OTHER, b"sip:1@a")
    kept = [line for line in LINES if b"sip:1@a" not in line]
    assert edits.splice().startswith(b"\r\n".join((START, *kept, b"Content-Length")))


def test_one_line_is_removed_by_its_bytes() -> None:
    edits = Edits(message())
    edits.remove_line(LINES[4])
    assert LINES[4] not in edits.splice()
    assert LINES[6] in edits.splice()


def test_the_start_line_can_be_another() -> None:
    edits = Edits(message())
    edits.start_line = b"INVITE sip:phone@192.0.2.4 SIP/2.0"
    assert edits.splice().startswith(b"INVITE sip:phone@192.0.2.4 SIP/2.0\r\n" + LINES[0])


def test_the_message_itself_stays_as_it_came_and_splicing_twice_gives_the_same() -> None:
    received = message()
    edits = Edits(received)
    edits.prepend(VIA, b"Via: ours")
    edits.remove(P_ASSERTED_IDENTITY)
    assert edits.splice() == edits.splice()
    assert received.lines == list(LINES)
    assert len(received.ids) == len(LINES)


@pytest.mark.parametrize(
    ("rest", "start_line", "first"),
    [
        (b"", b"", [START, LINES[1].split(b"\r\n")[0]]),
        (b"SIP/2.0/UDP b", b"", [START, b"Via: SIP/2.0/UDP b"]),
        (b"", b"SIP/2.0 500 x", [b"SIP/2.0 500 x", LINES[1].split(b"\r\n")[0]]),
    ],
)
def test_the_top_via_goes_and_what_it_was_joined_with_stays(
    rest: bytes, start_line: bytes, first: list[bytes]
) -> None:
    received = message(b"Content-Length: 5")
    wire = without_top_via(received, rest, 0, start_line)
    assert wire.split(b"\r\n")[:2] == first
    assert wire.endswith(b"X-Odd :  ;;,;  \r\nContent-Length: 5\r\n\r\nv=0\r\n")
    assert received.lines[0] == LINES[0]
