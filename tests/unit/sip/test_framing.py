"""Cutting a stream: every message is written out, and every cut of the stream gives the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.framing import (
    BODY_BYTES_MAX,
    HEAD_BYTES_MAX,
    PING,
    PONG,
    Framed,
    KeepAlive,
    StreamFramer,
    UnframableMessage,
)

HEAD = b"MESSAGE sip:b@edge.test SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1\r\n"


def message(length_line: bytes, body: bytes = b"") -> bytes:
    return HEAD + length_line + b"\r\nSubject: x\r\n\r\n" + body


HELLO = message(b"Content-Length: 5", b"hello")
EMPTY = message(b"Content-Length: 0")


class Cut:
    """What a stream gave: messages and keep-alives, and how it ended if it broke."""

    def __init__(self, framer: StreamFramer, pieces: list[bytes]) -> None:
        self.framed: list[Framed] = []
        self.failure: tuple[int, str, bytes] | None = None
        for piece in pieces:
            try:
                self.framed += framer.feed(piece)
            except UnframableMessage as failure:
                self.framed += failure.framed
                self.failure = (failure.status, str(failure), failure.wire)
                break


def cut_whole(stream: bytes, head_bytes_max: int = HEAD_BYTES_MAX) -> Cut:
    return Cut(StreamFramer(head_bytes_max), [stream])


def cut_bytewise(stream: bytes, head_bytes_max: int = HEAD_BYTES_MAX) -> Cut:
    return Cut(StreamFramer(head_bytes_max), [stream[i : i + 1] for i in range(len(stream))])


def test_message_in_one_piece_is_returned_as_it_came() -> None:
    framer = StreamFramer()

    assert framer.feed(HELLO) == [HELLO]
    assert framer.is_idle


def test_message_in_pieces_is_returned_when_its_last_byte_comes() -> None:
    framer = StreamFramer()

    for i in range(len(HELLO) - 1):
        assert framer.feed(HELLO[i : i + 1]) == []
        assert not framer.is_idle
    assert framer.feed(HELLO[-1:]) == [HELLO]
    assert framer.is_idle


def test_messages_that_come_together_are_separated() -> None:
    framer = StreamFramer()

    assert framer.feed(HELLO + EMPTY + HELLO[:-2]) == [HELLO, EMPTY]
    assert framer.feed(HELLO[-2:] + EMPTY) == [HELLO, EMPTY]


def test_body_may_look_like_the_end_of_a_head() -> None:
    body = b"\r\n\r\nContent-Length: 99\r\n\r\n"
    wire = message(b"Content-Length: %d" % len(body), body)

    assert cut_whole(wire + EMPTY).framed == [wire, EMPTY]
    assert cut_bytewise(wire + EMPTY).framed == [wire, EMPTY]


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Length: 5",
        b"content-length:5",
        b"CONTENT-LENGTH :   5  ",
        b"Content-Length\t \t:\t5\t",
        b"l: 5",
        b"L:5",
        b"l : 005",
        b"Content-Length:\r\n 5",
        b"Content-Length: \r\n\t  5",
        b"Content-Length: 5\r\n ",
        b"l:\r\n \r\n\t\r\n 5",
        b"Content-Length: 5\r\nl: 5",
        b"Content-Length: 5\r\nContent-Length: 05",
        b"Subject: a\r\n Content-Length: 9\r\nContent-Length: 5",
        b"Content-Length-Of-Life: 9\r\nlength: 9\r\nX-l: 9\r\nl: 5",
    ],
)
def test_every_spelling_of_content_length_is_understood(line: bytes) -> None:
    wire = message(line, b"hello")

    assert cut_whole(wire + EMPTY).framed == [wire, EMPTY]
    assert cut_bytewise(wire + EMPTY).framed == [wire, EMPTY]


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        (b"Expires: 5", 400, "Content-Length is missing on a stream"),
        (b"Expires: 5\r\n Content-Length: 5", 400, "Content-Length is missing on a stream"),
        (b"Content-Length: 5\r\nContent-Length: 6", 400, "Content-Length values differ"),
        (b"l: 0\r\nContent-Length: 5", 400, "Content-Length values differ"),
        (b"Content-Length: 5\r\nl: 0", 400, "Content-Length values differ"),
        (b"Content-Length: -5", 400, "Content-Length is not a number of octets"),
        (b"Content-Length: +5", 400, "Content-Length is not a number of octets"),
        (b"Content-Length:", 400, "Content-Length is not a number of octets"),
        (b"Content-Length: ", 400, "Content-Length is not a number of octets"),
        (b"Content-Length:\r\n ", 400, "Content-Length is not a number of octets"),
        (b"Content-Length: 1_0", 400, "Content-Length is not a number of octets"),
        (b"Content-Length: 0x5", 400, "Content-Length is not a number of octets"),
        (b"Content-Length: 5 5", 400, "Content-Length is not a number of octets"),
        (b"Content-Length: 1\r\n 5", 400, "Content-Length is not a number of octets"),
        (b"Content-Length: 5, 5", 400, "Content-Length is not a number of octets"),
        (b"Content-Length: 5;x=y", 400, "Content-Length is not a number of octets"),
        (b"Content-Length: \xb2", 400, "Content-Length is not a number of octets"),
        (b"Content-Length: \xef\xbc\x95", 400, "Content-Length is not a number of octets"),
        (b"Content-Length: 5\x0b", 400, "Content-Length is not a number of octets"),
        (b"Content-Length: %d" % (BODY_BYTES_MAX + 1), 413, "Body too long"),
        (b"Content-Length: 4294967301", 413, "Body too long"),
        (b"Content-Length: " + b"9" * 5_000, 413, "Body too long"),
    ],
)
def test_untrustworthy_content_length_ends_the_stream(
    line: bytes, status: int, reason: str
) -> None:
    wire = message(line)
    for cut in (cut_whole(EMPTY + wire + b"hello"), cut_bytewise(EMPTY + wire + b"hello")):
        assert cut.framed == [EMPTY], "what came before is not lost"
        assert cut.failure == (status, f"{status} {reason}", wire)


def test_failure_is_a_malformed_message_and_repeats_itself() -> None:
    framer = StreamFramer()
    with pytest.raises(MalformedMessage):
        framer.feed(EMPTY + message(b"Content-Length: x"))

    for piece in (b"", EMPTY, b"\r\n\r\n"):
        with pytest.raises(UnframableMessage) as caught:
            framer.feed(piece)
        assert caught.value.framed == []
        assert caught.value.wire == message(b"Content-Length: x")
    assert framer.is_idle, "a broken stream holds no bytes"


def test_largest_body_passes() -> None:
    wire = message(b"Content-Length: %d" % BODY_BYTES_MAX, b"x" * BODY_BYTES_MAX)

    assert cut_whole(wire).framed == [wire]


def test_head_of_exactly_the_largest_size_passes_and_one_byte_more_does_not() -> None:
    bare = message(b"Content-Length: 0")
    for padding in (0, 1, 2, 3, 4, 5):
        wire = message(b"Content-Length: 0\r\nX: " + b"x" * padding)
        limit = len(bare) - len(b"\r\n\r\n") + len(b"\r\nX: ") + 2
        for cut in (
            cut_whole(wire, head_bytes_max=limit),
            cut_bytewise(wire, head_bytes_max=limit),
        ):
            if padding <= 2:
                assert cut.framed == [wire]
            else:
                assert cut.framed == []
                assert cut.failure == (513, "513 Header fields too long", wire[:limit])


def test_head_that_never_ends_is_cut_off() -> None:
    pieces = [b"a" * 1_000] * (2 * HEAD_BYTES_MAX // 1_000)

    cut = Cut(StreamFramer(), pieces)

    assert cut.failure == (513, "513 Header fields too long", b"a" * HEAD_BYTES_MAX)


def test_announced_length_reserves_no_memory() -> None:
    framer = StreamFramer(body_bytes_max=900_000_000)

    assert framer.feed(message(b"Content-Length: 899999999", b"x")) == []

    assert framer._buffer.__alloc__() < 1_000


def test_ping_and_pong_are_told_apart_by_what_follows() -> None:
    framer = StreamFramer()

    assert framer.feed(b"\r\n") == []
    assert framer.feed(b"\r\n") == [PING]
    assert framer.is_idle
    assert framer.feed(b"\r\n" + EMPTY) == [PONG, EMPTY]
    assert framer.feed(b"\r\n\r\n\r\n\r\n\r\n") == [PING, PING]
    assert framer.feed(EMPTY) == [PONG, EMPTY]


def test_half_a_keep_alive_begins_no_message() -> None:
    framer = StreamFramer()
    for byte in (b"\r", b"\n", b"\r"):
        assert framer.feed(byte) == []
        assert framer.is_idle
    framer.feed(b"M")
    assert not framer.is_idle


def test_who_opened_the_connection_receives_pongs_at_once() -> None:
    framer = StreamFramer(opened_by_us=True)

    assert framer.feed(b"\r") == []
    assert framer.feed(b"\n") == [PONG]
    assert framer.is_idle
    assert framer.feed(b"\r\n\r\n" + EMPTY) == [PONG, PONG, EMPTY]


def test_keep_alives_carry_their_bytes() -> None:
    assert KeepAlive.PING.value == b"\r\n\r\n"
    assert PONG.value == b"\r\n"


def test_message_that_begins_with_a_bare_carriage_return_is_left_to_the_parser() -> None:
    for beginning in (b"\r", b"\n", b"\rX\r\n"):
        wire = beginning + EMPTY
        assert cut_whole(wire).framed == [wire]
        assert cut_bytewise(wire).framed == [wire]


def test_empty_line_then_a_bare_carriage_return() -> None:
    wire = b"\r" + EMPTY

    assert cut_whole(b"\r\n" + wire).framed == [PONG, wire]
    assert cut_bytewise(b"\r\n" + wire).framed == [PONG, wire]


def test_body_in_many_pieces_is_not_searched_again() -> None:
    """A stream in small pieces costs one step per byte: counted, not timed."""
    framer = StreamFramer()
    framer.feed(HEAD)
    for _ in range(30_000):
        framer.feed(b"a")
        assert len(framer._buffer) - framer._searched <= 3


fragments = st.lists(
    st.sampled_from(
        [
            HELLO,
            EMPTY,
            b"\r\n",
            b"\r\n\r\n",
            b"\r",
            b"\n",
            b" ",
            b"x",
            b"l: 3\r\n",
            b"Content-Length:\r\n 1\r\n",
            b"l: 1\r\nL: 2\r\n\r\n",
            b"A b SIP/2.0\r\n",
        ]
    ),
    max_size=12,
).map(b"".join)


@given(fragments, st.data(), st.booleans())
def test_every_cut_of_a_stream_gives_the_same(
    stream: bytes, data: st.DataObject, opened_by_us: bool
) -> None:
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
    pieces = [
        stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)
    ]
    whole = StreamFramer(200, 50, opened_by_us=opened_by_us)
    expected = Cut(whole, [stream])

    for cut in (pieces, [stream[i : i + 1] for i in range(len(stream))]):
        framer = StreamFramer(200, 50, opened_by_us=opened_by_us)
        found = Cut(framer, cut)
        assert found.framed == expected.framed
        assert found.failure == expected.failure
        assert framer.is_idle == whole.is_idle


@given(st.binary(max_size=300))
def test_no_bytes_are_invented_or_lost(stream: bytes) -> None:
    framer = StreamFramer()
    cut = Cut(framer, [stream])

    taken = b"".join(item.value if isinstance(item, KeepAlive) else item for item in cut.framed)
    assert stream.startswith(taken)
    if cut.failure is None:
        assert taken + bytes(framer._buffer) == stream
