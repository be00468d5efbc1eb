"""Messages are cut from bytes at once and read when somebody asks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.message import (
    HEADER_BYTES_MAX,
    HEADER_LINES_MAX,
    MESSAGE_BYTES_MAX,
    URI_BYTES_MAX,
    Message,
    Request,
    Response,
    parse_message,
    salvage_request,
    value_of,
)
from sipedge.sip.names import (
    CALL_ID,
    CONTACT,
    CONTENT_LENGTH,
    CSEQ,
    FROM,
    MAX_FORWARDS,
    OTHER,
    ROUTE,
    SUBJECT,
    TO,
    VIA,
)

START = b"INVITE sip:bob@biloxi.example SIP/2.0"
VIA_LINE = b"Via: SIP/2.0/UDP pc33.atlanta.example:5060;branch=z9hG4bK776asdhds"
FROM_LINE = b"From: Alice <sip:alice@atlanta.example>;tag=1928301774"
TO_LINE = b"To: Bob <sip:bob@biloxi.example>"
CALL_ID_LINE = b"Call-ID: a84b4c76e66710@pc33.atlanta.example"
CSEQ_LINE = b"CSeq: 314159 INVITE"
LINES = (VIA_LINE, FROM_LINE, TO_LINE, CALL_ID_LINE, CSEQ_LINE)


def write(start: bytes = START, lines: tuple[bytes, ...] = LINES, body: bytes = b"") -> bytes:
    return b"\r\n".join((start, *lines, b"", body))


def with_line(old: bytes, *new: bytes) -> bytes:
    at = LINES.index(old)
    return write(lines=(*LINES[:at], *new, *LINES[at + 1 :]))


def request(wire: bytes) -> Request:
    message = parse_message(wire)
    assert isinstance(message, Request)
    return message


def refusal_of(wire: bytes, *, is_own: bool = False) -> tuple[int, str]:
    with pytest.raises(MalformedMessage) as caught:
        parse_message(wire, is_own=is_own)
    return caught.value.status, caught.value.reason


def test_a_request_is_cut_into_lines_that_keep_their_bytes() -> None:
    message = request(write(lines=(*LINES, b"x-foo :  bar", b"s:"), body=b"v=0\r\n"))
    assert message.method == b"INVITE"
    assert message.uri == b"sip:bob@biloxi.example"
    assert message.start_line == START
    assert message.lines == [*LINES, b"x-foo :  bar", b"s:"]
    assert message.ids == [VIA, FROM, TO, CALL_ID, CSEQ, OTHER, SUBJECT]
    assert message.body == b"v=0\r\n"
    assert message.wire.endswith(b"v=0\r\n")


def test_what_every_message_needs_is_read_at_once() -> None:
    message = request(write())
    assert message.call_id == b"a84b4c76e66710@pc33.atlanta.example"
    assert (message.cseq_number, message.cseq_method) == (314159, b"INVITE")
    assert message.via_branch == b"z9hG4bK776asdhds"
    assert message.via_sent_by == b"pc33.atlanta.example:5060"


def test_tags_are_read_when_somebody_asks_and_remembered() -> None:
    message = request(write())
    assert message.from_tag == b"1928301774"
    assert message.to_tag == b""
    message.lines.clear()
    assert message.from_tag == b"1928301774"
    assert message.to_tag == b""


def test_a_broken_to_costs_only_whoever_asks_for_its_tag() -> None:
    message = request(with_line(TO_LINE, b'To: "Bob <sip:bob@biloxi.example>'))
    assert message.from_tag == b"1928301774"
    with pytest.raises(MalformedMessage):
        _ = message.to_tag


def test_a_response_has_a_status_and_a_reason() -> None:
    message = parse_message(write(b"SIP/2.0 486 Busy Here"))
    assert isinstance(message, Response)
    assert (message.status, message.reason) == (486, b"Busy Here")


@pytest.mark.parametrize(
    ("start", "status", "reason"),
    [
        (b"SIP/2.0 200 ", 200, b""),
        (b"SIP/2.0 200", 200, b""),
        (b"sip/2.0 100 Trying", 100, b"Trying"),
        (b"SIP/2.0 699 = 2**3 \xd1\x82 :<>", 699, b"= 2**3 \xd1\x82 :<>"),
    ],
)
def test_unusual_status_lines_are_read(start: bytes, status: int, reason: bytes) -> None:
    message = parse_message(write(start))
    assert isinstance(message, Response)
    assert (message.status, message.reason) == (status, reason)


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"SIP/2.0 099 Low", 400),
        (b"SIP/2.0 700 High", 400),
        (b"SIP/2.0 4294967301 better not", 400),
        (b"SIP/2.0 20 Short", 400),
        (b"SIP/2.0  200 OK", 400),
        (b"SIP/2.0 2\xb20 OK", 400),
        (b"SIP/2.0 +20 OK", 400),
        (b"SIP/2.0 200OK", 400),
        (b"SIP/3.0 200 OK", 400),
        (b"", 400),
        (b"INVITE", 400),
        (b"INVITE sip:bob@biloxi.example", 400),
        (b"INVITE  sip:bob@biloxi.example SIP/2.0", 400),
        (b"INVITE sip:bob@biloxi.example SIP/2.0 ", 400),
        (b"INVITE sip:bob@biloxi.example; lr SIP/2.0", 400),
        (b" INVITE sip:bob@biloxi.example SIP/2.0", 400),
        (b"INVITE\tsip:bob@biloxi.example\tSIP/2.0", 400),
        (b"INVITE sip:bob@biloxi.example HTTP/1.1", 400),
        (b"INVITE sip:bob@biloxi.example SIP/2.00", 505),
        (b"INVITE sip:bob@biloxi.example SIP/7.0", 505),
        (b"INVITE sip:bob@biloxi.example sip/1.0", 505),
        (b"INVITE <sip:bob@biloxi.example> SIP/2.0", 400),
        (b'INVITE sip:"bob"@biloxi.example SIP/2.0', 400),
        (b"INVITE sip:bob\t@biloxi.example SIP/2.0", 400),
        (b"INVITE sip:bob\x00@biloxi.example SIP/2.0", 400),
        (b"INVITE biloxi.example SIP/2.0", 400),
        (b"INVITE sip: SIP/2.0", 400),
        (b"INVITE :bob SIP/2.0", 400),
        (b"INV(ITE sip:bob@biloxi.example SIP/2.0", 400),
        (b"INVITE\x01 sip:bob@biloxi.example SIP/2.0", 400),
        (b"INVITE sip:" + b"b" * URI_BYTES_MAX + b" SIP/2.0", 414),
        (b"INVITE <" + b"b" * URI_BYTES_MAX + b"> SIP/2.0", 414),
    ],
)
def test_a_start_line_that_two_readers_might_read_in_two_ways_is_refused(
    start: bytes, status: int
) -> None:
    assert refusal_of(write(start))[0] == status


def test_the_version_is_read_in_any_case_and_the_method_is_not() -> None:
    assert request(write(START.replace(b"SIP/2", b"sip/2"))).method == b"INVITE"
    for method in (b"invite", b"Invite", b"oPTIONS"):
        assert refusal_of(write().replace(b"INVITE", method))[0] == 501
    assert request(write().replace(b"INVITE", b"invite-x")).method == b"invite-x"


def test_a_method_that_differs_from_its_cseq_is_refused_with_501_when_nobody_knows_it() -> None:
    assert refusal_of(with_line(CSEQ_LINE, b"CSeq: 1 OPTIONS"))[0] == 400
    assert refusal_of(write(START.replace(b"INVITE", b"NEWMETHOD")))[0] == 501


def test_empty_lines_before_the_start_line_are_ignored() -> None:
    assert request(b"\r\n\r\n" + write()).method == b"INVITE"


@pytest.mark.parametrize(
    "wire",
    [
        write()[:-2],
        write().replace(b"\r\n", b"\n"),
        write().replace(TO_LINE, TO_LINE + b"\n"),
        write().replace(TO_LINE, TO_LINE + b"\r"),
        write().replace(TO_LINE, b"\n" + TO_LINE),
        b"",
        b"\r\n\r\n",
        b"\0" * 100,
    ],
)
def test_only_crlf_ends_a_line_and_only_an_empty_line_ends_the_head(wire: bytes) -> None:
    assert refusal_of(wire)[0] == 400


@pytest.mark.parametrize(
    "line",
    [
        b"Viax",
        b"Via",
        b"X-Foo",
        b": value",
        b"Vi a: x",
        b"Via\x01: x",
        b"\x0bVia: x",
        b"\xc4\xb0: x",
        b"X(: x",
        b"X:\r\n y\r\n\tz\r\n:",
    ],
)
def test_a_line_that_is_no_header_field_is_refused(line: bytes) -> None:
    assert refusal_of(write(lines=(*LINES, line)))[0] == 400


@pytest.mark.parametrize("line", [b"X-Foo\t : x", b"VIA : SIP/2.0/UDP a", b"\r\n c\r\n d:"])
def test_spaces_before_a_colon_and_folds_are_legal(line: bytes) -> None:
    assert request(write(lines=(*LINES, line if line[:1] != b"\r" else b"Z: a" + line))).ids


def test_a_folded_header_is_one_line_with_its_fold_inside() -> None:
    message = request(write(lines=(*LINES, b"Subject:\r\n\t I know \r\n you're there", b"Z: y")))
    assert message.lines[-2:] == [b"Subject:\r\n\t I know \r\n you're there", b"Z: y"]
    assert message.first(SUBJECT) == b"I know you're there"
    assert message.first(OTHER) == b"y"


def test_no_fold_continues_the_start_line() -> None:
    assert refusal_of(write(lines=(b" folded", *LINES)))[0] == 400


@pytest.mark.parametrize("line", LINES)
def test_a_message_without_one_of_the_five_is_refused(line: bytes) -> None:
    assert refusal_of(with_line(line))[0] == 400


@pytest.mark.parametrize("line", [*LINES[1:], b"Max-Forwards: 70"])
def test_a_header_that_stands_once_may_not_stand_twice(line: bytes) -> None:
    assert refusal_of(write(lines=(*LINES, line, line)))[0] == 400


@pytest.mark.parametrize("value", [b"", b" ", b"\t"])
def test_an_empty_call_id_names_no_call(value: bytes) -> None:
    assert refusal_of(with_line(CALL_ID_LINE, b"Call-ID:" + value))[0] == 400


@pytest.mark.parametrize(
    "value",
    [b"", b"1", b"INVITE", b"-1 INVITE", b"2147483648 INVITE", b"4294967296 INVITE", b"1_0 INVITE"],
)
def test_a_broken_cseq_is_refused(value: bytes) -> None:
    assert refusal_of(with_line(CSEQ_LINE, b"CSeq: " + value))[0] == 400


def test_a_cseq_may_have_leading_zeros_and_folds() -> None:
    message = request(with_line(CSEQ_LINE, b"cseq: 0009\r\n  INVITE"))
    assert (message.cseq_number, message.cseq_method) == (9, b"INVITE")


@pytest.mark.parametrize(
    ("value", "sent_by", "branch"),
    [
        (b"SIP/2.0/UDP a.example;branch=z9hG4bKx", b"a.example", b"z9hG4bKx"),
        (b"SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKx", b"192.0.2.1:5060", b"z9hG4bKx"),
        (
            b"SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bKx;alias",
            b"[2001:db8::1]:5061",
            b"z9hG4bKx",
        ),
        (b"SIP/2.0/UDP a;branch=x;rport=5060;received=192.0.2.9", b"a", b"x"),
        # From here on through the full parser.
        (b"SIP/2.0/udp a;ttl=1;branch=x", b"a", b"x"),
        (b"SIP/2.0/UDP a ; branch = x", b"a", b"x"),
        (b"SIP / 2.0 / UDP a:5060 ;branch=x", b"a:5060", b"x"),
        (b"SIP/2.0/UDP a;BRANCH=x", b"a", b"x"),
        (b"SIP/2.0/UDP a", b"a", b""),
        (b"SIP/2.0/UDP a;branch=x, SIP/2.0/UDP b;branch=y", b"a", b"x"),
        (b"SIP/2.0/UDP a;branch=x;branch=x", b"a", b"x"),
    ],
)
def test_the_top_via_is_read_however_it_is_written(
    value: bytes, sent_by: bytes, branch: bytes
) -> None:
    message = request(with_line(VIA_LINE, b"Via: " + value, VIA_LINE))
    assert (message.via_sent_by, message.via_branch) == (sent_by, branch)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"SIP/2.0/UDP",
        b"SIP/2.0/ a;branch=x",
        b"SIP/3.0/UDP a;branch=x",
        b"SIP/2.0/UDP a b;branch=x",
        b"SIP/2.0/UDP a;branch=x;branch=y",
        b"SIP/2.0/UDP a;branch=x;rport;;",
        b'SIP/2.0/UDP a;branch="x"',
        b"SIP/2.0/UDP a;branch=x,",
        b"SIP/2.0/UDP 192.0.2.15;;,;,,",
    ],
)
def test_a_broken_top_via_is_refused(value: bytes) -> None:
    assert refusal_of(with_line(VIA_LINE, b"Via: " + value, VIA_LINE))[0] == 400


def test_a_broken_via_below_the_top_is_the_next_hops_business() -> None:
    assert request(write(lines=(*LINES, b"Via: ;;,;"))).via_branch == b"z9hG4bK776asdhds"


@pytest.mark.parametrize(
    ("values", "body", "kept"),
    [
        ([b"4"], b"v=0\r\n", b"v=0\r"),
        ([b"0"], b"noise", b""),
        ([b"005"], b"v=0\r\n", b"v=0\r\n"),
        ([b"0" * 5000 + b"5"], b"v=0\r\n", b"v=0\r\n"),
        ([b"5", b"5"], b"v=0\r\n", b"v=0\r\n"),
        ([b"000"], b"", b""),
        ([b"\r\n 5"], b"v=0\r\nnoise", b"v=0\r\n"),
    ],
)
def test_the_body_is_what_content_length_announces(
    values: list[bytes], body: bytes, kept: bytes
) -> None:
    lengths = tuple(b"Content-Length: " + value for value in values)
    assert request(write(lines=(*LINES, *lengths), body=body)).body == kept


@pytest.mark.parametrize(
    "values",
    [
        [b"6"],
        [b""],
        [b"-1"],
        [b"+5"],
        [b"0x5"],
        [b"5e0"],
        [b"1_0"],
        [b"5 5"],
        [b"5;"],
        ["\uff15".encode()],
        [b"\xb2"],
        [b"2147483648"],
        [b"4294967301"],
        [b"18446744073709551621"],
        [b"1" + b"0" * 5000],
        [b"5", b"4"],
        [b"4", b"5"],
        [b"5", b"05"],
        [b"5", b""],
    ],
)
def test_a_length_that_is_not_that_of_the_body_is_refused(values: list[bytes]) -> None:
    lengths = tuple(b"Content-Length: " + value for value in values)
    assert refusal_of(write(lines=(*LINES, *lengths), body=b"v=0\r\n"))[0] == 400
    compact = tuple(b"l:" + value for value in values)
    assert refusal_of(write(lines=(*LINES, *compact), body=b"v=0\r\n"))[0] == 400


def test_limits_are_for_what_comes_in_and_not_for_what_we_have_sent_ourselves() -> None:
    at_limit = (*LINES, *[b"Z: y"] * (HEADER_LINES_MAX - len(LINES)))
    assert len(request(write(lines=at_limit)).ids) == HEADER_LINES_MAX
    above = write(lines=(*at_limit, b"Y: z"))
    assert refusal_of(above)[0] == 513
    assert len(parse_message(above, is_own=True).ids) == HEADER_LINES_MAX + 1

    long = write(body=b"x" * MESSAGE_BYTES_MAX)
    assert refusal_of(long)[0] == 513
    assert parse_message(long, is_own=True).body == b"x" * MESSAGE_BYTES_MAX
    fits = write(body=b"x" * (MESSAGE_BYTES_MAX - len(write())))
    assert len(fits) == MESSAGE_BYTES_MAX
    assert request(fits).body

    line = b"Z: " + b"y" * (HEADER_BYTES_MAX - 3)
    assert request(write(lines=(*LINES, line))).lines[-1] == line
    for longer in (line + b"y", line[:-2] + b"\r\n y"):
        assert refusal_of(write(lines=(*LINES, longer)))[0] == 513
        assert parse_message(write(lines=(*LINES, longer)), is_own=True).lines[-1] == longer

    uri = b"sip:" + b"u" * URI_BYTES_MAX
    assert refusal_of(write(b"INVITE %b SIP/2.0" % uri))[0] == 414
    own = parse_message(write(b"INVITE %b SIP/2.0" % uri), is_own=True)
    assert isinstance(own, Request)
    assert own.uri == uri


def test_what_we_have_sent_ourselves_is_read_as_strictly() -> None:
    assert refusal_of(with_line(TO_LINE), is_own=True)[0] == 400


def test_first_and_values_look_into_the_lines() -> None:
    lines = (*LINES, b"Route: <sip:a;lr>", b"ROUTE :\t<sip:b;lr>,\r\n <sip:c;lr> ")
    message = request(write(lines=lines))
    assert message.first(ROUTE) == b"<sip:a;lr>"
    assert message.values(ROUTE) == [b"<sip:a;lr>", b"<sip:b;lr>, <sip:c;lr>"]
    assert message.first(CONTACT) is None
    assert message.values(CONTACT) == []
    assert message.first(MAX_FORWARDS) is None
    assert message.first(CONTENT_LENGTH) is None


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"A:b", b"b"),
        (b"A: b:c ", b"b:c"),
        (b"A:", b""),
        (b"A : \tb\t ", b"b"),
        (b"A:\r\n\tb \r\n  c", b"b c"),
        (b"A: \x0bb\x0c\x85", b"\x0bb\x0c\x85"),
        (b"no header", b""),
    ],
)
def test_the_value_of_a_line_is_trimmed_of_spaces_and_tabs_only(line: bytes, value: bytes) -> None:
    assert value_of(line) == value


def test_a_refused_request_can_be_answered_from_what_was_saved_of_it() -> None:
    wire = write(START + b" ", (VIA_LINE, b"v : SIP/2.0/TCP b", *LINES[1:], b"Z: y"))
    salvage = salvage_request(wire)
    assert salvage is not None
    assert salvage.lines == [VIA_LINE, b"v : SIP/2.0/TCP b", *LINES[1:]]
    assert salvage.ids == [VIA, VIA, FROM, TO, CALL_ID, CSEQ]


def test_only_the_first_of_each_is_repeated_in_the_answer() -> None:
    salvage = salvage_request(write(lines=(*LINES, b"t: <sip:x>", b"CSeq: 2 BYE", b"no header")))
    assert salvage is not None
    assert salvage.lines == list(LINES)


def test_folds_are_saved_and_a_truncated_head_too() -> None:
    salvage = salvage_request(b"\r\nOPTIONS\r\nVia: a\r\n\tb\r\nCSeq:\r\n 8")
    assert salvage is not None
    assert salvage.lines == [b"Via: a\r\n\tb", b"CSeq:\r\n 8"]


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"SIP/2.0 200 OK\r\nVia: a\r\nCSeq: 1 INVITE\r\n\r\n",
        b"ACK sip:bob@biloxi.example SIP/2.0\r\nVia: a\r\nCSeq: 1 ACK\r\n\r\n",
        b"INV(ITE sip:bob SIP/2.0\r\nVia: a\r\nCSeq: 1 INVITE\r\n\r\n",
        b"INVITE sip:bob SIP/2.0\r\nVia: a\r\n\r\n",
        b"INVITE sip:bob SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n",
        b"INVITE sip:bob SIP/2.0\r\n folded\r\nVia: a\r\nCSeq: 1 INVITE\r\n\r\n",
        b"INVITE sip:bob SIP/2.0\r\nVia: a\nX: y\r\nCSeq: 1 INVITE\r\n\r\n",
        b"INVITE sip:bob SIP/2.0\r\nVia: a\rX: y\r\nCSeq: 1 INVITE\r\n\r\n",
        b"INVITE sip:bob SIP/2.0\nVia: a\nCSeq: 1 INVITE\n\n",
    ],
)
def test_what_nobody_waits_for_or_nobody_would_know_is_not_answered(wire: bytes) -> None:
    assert salvage_request(wire) is None


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_malformed(wire: bytes) -> None:
    try:
        message: Message | None = parse_message(wire)
    except MalformedMessage:
        message = None
    assert message is None or len(message.ids) == len(message.lines)
    salvage_request(wire)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"X-Foo", b"Subject", b"s", b"P-Asserted-Identity", b"Route "]),
            st.binary(max_size=30).map(lambda value: value.translate(None, b"\r\n")),
        ),
        max_size=8,
    ),
    st.binary(max_size=40),
)
def test_lines_joined_again_are_the_message(
    headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    wire = write(lines=(*LINES, *[name + b":" + value for name, value in headers]), body=body)
    message = parse_message(wire)
    assert b"\r\n".join([message.start_line, *message.lines, b"", message.body]) == wire
