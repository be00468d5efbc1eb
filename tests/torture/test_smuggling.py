"""What one reader skips and another believes: identities, dialogs, numbers and lengths in disguise.

The reader `careless_headers` takes for a header whatever any known stack has taken for one. Even it
finds nothing in what leaves the edge but what the edge itself has written.
"""

import re

import pytest

from sipedge.proxy.edge import Edge
from sipedge.sip.flow import Flow
from sipedge.sip.framing import StreamFramer, UnframableMessage
from sipedge.sip.message import Request, parse_message
from tests.torture.stage import (
    CALLEE,
    CARRIER,
    PHONE,
    Sent,
    build_stage,
    give,
    outcome_of,
    relayed_in,
)

CALLER = b"watson"
OWN_IDENTITY = b"<sip:watson@edge.test>"
FORGED = b"<sip:president@elysee.example>"
IDENTITY_NAMES = (b"P-Asserted-Identity", b"P-Preferred-Identity", b"Remote-Party-ID")


def invite(
    *lines: bytes,
    uri: bytes = b"sip:0033972100002@edge.test",
    to_line: bytes = b"To: <sip:0033972100002@edge.test>",
    start_line: bytes = b"",
    body: bytes = b"",
) -> bytes:
    """An INVITE of the line `watson`."""
    return b"\r\n".join(
        (
            start_line or b"INVITE %b SIP/2.0" % uri,
            b"Via: SIP/2.0/UDP 198.51.100.1:5070;branch=z9hG4bK-smuggler",
            b"From: <sip:watson@edge.test>;tag=w",
            to_line,
            b"Call-ID: smuggled",
            b"CSeq: 1 INVITE",
            b"Contact: <sip:watson@198.51.100.1:5070>",
            *lines,
            b"",
            body,
        )
    )


def careless_headers(wire: bytes) -> list[tuple[bytes, bytes]]:
    """Read headers as no two stacks do alike: any line end, any white space, any octet for a dash.

    A name is what stands before the first colon of a line without all that is neither letter nor
    dash; folds and what follows an empty line count too.
    """
    headers = []
    for line in re.split(rb"[\r\n\x0b\x0c\x1c-\x1e\x85]+", wire):
        name, _, value = line.partition(b":")
        bare = re.sub(rb"[^A-Za-z-]", b"", name).lower()
        headers.append((bare, value.strip()))
    return headers


SPELLINGS = {
    "plain": b"NAME: VALUE",
    "a space before the colon": b"NAME : VALUE",
    "a tab before the colon": b"NAME\t: VALUE",
    "many before the colon": b"NAME \t \t: VALUE",
    "no space after the colon": b"NAME:VALUE",
    "lower case": b"name: VALUE",
    "upper case": b"UPPER: VALUE",
    "a folded value": b"NAME:\r\n VALUE",
    "a value folded by a tab": b"NAME :\r\n\t \r\n\tVALUE",
    "a folded name": b"NAME\r\n : VALUE",
    "twice": b"NAME: VALUE\r\nNAME: VALUE",
    "twice, joined": b"NAME: VALUE, VALUE",
    "after a fold of another": b"Subject: a\r\n b\r\nNAME: VALUE",
    "0x01 before the colon": b"NAME\x01: VALUE",
    "NUL before the colon": b"NAME\0: VALUE",
    "0x0b before the colon": b"NAME\x0b: VALUE",
    "0x0c before the colon": b"NAME\x0c: VALUE",
    "a no-break space before the colon": b"NAME\xa0: VALUE",
    "0x0b before the name": b"\x0bNAME: VALUE",
    "NUL before the name": b"\0NAME: VALUE",
    "a byte order mark before the name": b"\xef\xbb\xbfNAME: VALUE",
    "a soft hyphen in the name": b"NAME\xc2\xad: VALUE",
    "a quoted name": b'"NAME": VALUE',
    "a bare LF before it": b"Subject: a\nNAME: VALUE",
    "a bare CR before it": b"Subject: a\rNAME: VALUE",
    "LF CR before it": b"Subject: a\n\rNAME: VALUE",
    "a bare LF inside": b"NAME:\n VALUE",
    "two colons": b"NAME:: VALUE",
}


def spell(name: bytes, spelling: str) -> bytes:
    text = SPELLINGS[spelling].replace(b"VALUE", FORGED)
    return (
        text.replace(b"NAME", name).replace(b"name", name.lower()).replace(b"UPPER", name.upper())
    )


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", IDENTITY_NAMES, ids=lambda name: name.decode("ascii"))
@pytest.mark.parametrize("is_first", [True, False])
def test_an_identity_that_a_line_writes_itself_never_leaves(
    name: bytes, spelling: str, is_first: bool
) -> None:
    forged = spell(name, spelling)
    wire = invite(forged)
    if is_first:
        wire = wire.replace(b"\r\nVia:", b"\r\n" + forged + b"\r\nVia:", 1)
    outcome, sent = outcome_of(build_stage(), wire, PHONE)
    assert outcome in {"relayed", "answered 400 malformed"}
    assert_nothing_forged(sent)


def assert_nothing_forged(sent: Sent) -> None:
    for copy in relayed_in(sent):
        assert FORGED not in copy.wire
        said = [value for name, value in careless_headers(copy.wire) if name in LOWER_NAMES]
        assert said == [OWN_IDENTITY]


LOWER_NAMES = {name.lower() for name in IDENTITY_NAMES}


def test_the_spellings_that_are_legal_are_relayed_without_what_they_claimed() -> None:
    """The rule above would hold too if every call were refused."""
    for spelling in list(SPELLINGS)[:9]:
        outcome, _ = outcome_of(build_stage(), invite(spell(IDENTITY_NAMES[0], spelling)), PHONE)
        assert outcome == "relayed", spelling


def test_a_header_after_the_empty_line_is_body_and_says_how_long_it_is() -> None:
    body = b"P-Asserted-Identity: " + FORGED + b"\r\n\r\n"
    (copy,) = relayed_in(give(build_stage(), invite(body=body), PHONE))
    assert copy.body == body
    head = copy.wire[: -len(body)]
    assert b"\r\nContent-Length: %d\r\n" % len(body) in head
    assert FORGED not in head


def test_a_fold_hides_nothing_that_would_be_a_header_without_it() -> None:
    wire = invite(b"Subject: a\r\n P-Asserted-Identity: " + FORGED)
    (copy,) = relayed_in(give(build_stage(), wire, PHONE))
    assert b"Subject: a\r\n P-Asserted-Identity: " + FORGED in copy.lines


@pytest.mark.parametrize("header", IDENTITY_NAMES, ids=lambda name: name.decode("ascii"))
def test_a_phone_that_answers_claims_no_other_identity_either(header: bytes) -> None:
    edge = build_stage()
    wire = invite()
    (copy,) = relayed_in(give(edge, wire, PHONE))
    answer = copy.wire.replace(copy.start_line, b"SIP/2.0 200 OK", 1)
    answer = answer.replace(b"\r\nContact:", b"\r\n" + header + b" : " + FORGED + b"\r\nContact:")
    answer = answer.replace(b"To: <sip:0033972100002@edge.test>", b"To: <sip:b@edge.test>;tag=b")
    sent = give(edge, answer, PHONE)
    assert sent
    for _, relayed in sent:
        assert FORGED not in relayed


def test_a_carrier_is_believed() -> None:
    """It is inside the trust domain (RFC 3325); what it asserts is what the callee sees."""
    wire = invite(b"P-Asserted-Identity : " + FORGED)
    (copy,) = relayed_in(give(build_stage(), wire, CARRIER))
    assert b"P-Asserted-Identity : " + FORGED in copy.lines


# --------------------------------------------------- in a dialog or not (CVE-2016-9938 and its kin)


@pytest.mark.parametrize(
    "to_lines",
    [
        b"To: <sip:0033972100002@edge.test>;tag=x",
        b"To : <sip:0033972100002@edge.test> ;\r\n tag = x",
        b"t:sip:0033972100002@edge.test;tag=x",
    ],
)
def test_a_to_tag_alone_is_no_dialog(to_lines: bytes) -> None:
    outcome, _ = outcome_of(build_stage(), invite(to_line=to_lines), PHONE)
    assert outcome == "answered 481 unknown_dialog"


PLAIN_TO = b"To: <sip:0033972100002@edge.test>"


@pytest.mark.parametrize(
    "second",
    [b"To: V", b"to: V", b"t:V", b"To : V", b"To\t: V", b"To\x01: V", b"\x0bTo: V", b"To\0: V"],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_two_to_are_refused_however_the_second_is_spelled(second: bytes, is_first: bool) -> None:
    forged = second.replace(b"V", b"<sip:0033972100002@edge.test>;tag=x")
    lines = (forged, PLAIN_TO) if is_first else (PLAIN_TO, forged)
    outcome, sent = outcome_of(build_stage(), invite(to_line=b"\r\n".join(lines)), PHONE)
    assert outcome == "answered 400 malformed"
    assert len(sent) == 1


def test_a_dialog_of_somebody_else_does_not_carry_a_request_of_ours() -> None:
    """The tags and the Call-ID of a call prove nothing on another flow."""
    edge = build_stage()
    (copy,) = relayed_in(give(edge, invite(), PHONE))
    ok = copy.wire.replace(copy.start_line, b"SIP/2.0 200 OK", 1)
    give(edge, ok.replace(PLAIN_TO, PLAIN_TO + b";tag=b"), PHONE)
    reinvite = invite(to_line=PLAIN_TO + b";tag=b").replace(b"smuggler", b"thief")
    thief = Flow(0, "UDP", "203.0.113.66", 5060)
    assert outcome_of(edge, reinvite.replace(b" 1 INV", b" 2 INV"), thief)[0] == (
        "answered 481 unknown_dialog"
    )
    assert outcome_of(edge, reinvite.replace(b" 1 INV", b" 2 INV"), PHONE)[0] == "relayed"


# ------------------------------------------------------------------- what the Request-Line may hide

TO_CALLEE = ("phone", b"sip:phone@198.51.100.1:5070")
URIS = {
    b"sip:0033972100002@edge.test": TO_CALLEE,
    b"SIP:0033972100002@EDGE.test": TO_CALLEE,
    b"sips:0033972100002@edge.test": TO_CALLEE,
    b"tel:+33972100002": TO_CALLEE,
    b"tel:+33-97-210-00-02": TO_CALLEE,
    b"sip:+33972100002@edge.test;user=phone": TO_CALLEE,
    b"sip:0033972100002:secret@edge.test": TO_CALLEE,
    b"sip:0033972100002;phone-context=evil@edge.test": TO_CALLEE,
    b"sip:0033972100002@edge.test;maddr=203.0.113.66": TO_CALLEE,
    b"sip:0033972100002@edge.test:5060;transport=tcp;lr": TO_CALLEE,
    b"sip:%30033972100002@edge.test": TO_CALLEE,
    b"sip:003397210000%32@edge.test": TO_CALLEE,
    b"sip:0899@edge.test": ("carrier", b"sip:0899@203.0.113.1:5060"),
    b"sip:%30899@edge.test": ("carrier", b"sip:0899@203.0.113.1:5060"),
    b"sip:0899@edge.test;maddr=203.0.113.66": ("carrier", b"sip:0899@203.0.113.1:5060"),
    b"tel:0899;phone-context=+33": ("carrier", b"sip:0899@203.0.113.1:5060"),
    # No line and no prefix of the carrier.
    b"sip:900@edge.test": ("404", b"not_found"),
    b"sip:%39%30%30@edge.test": ("404", b"not_found"),
    b"tel:900": ("404", b"not_found"),
    b"sip:edge.test": ("404", b"not_found"),
    b"sip:nobody@edge.test": ("404", b"not_found"),
    # Somebody else's domain, in every disguise of ours.
    b"sip:0899@evil.example": ("404", b"foreign_domain"),
    b"sip:0899@edge.test.evil.example": ("404", b"foreign_domain"),
    b"sip:edge.test@evil.example": ("404", b"foreign_domain"),
    b"sip:0899@evil.example;maddr=edge.test": ("404", b"foreign_domain"),
    b"sip:0899@[::ffff:127.0.0.1]": ("404", b"foreign_domain"),
    # Two readers, two numbers.
    b"sip:0899@edge.test?Route=%3Csip:evil.example%3E": ("400", b"forbidden_uri"),
    b"sip:0899@edge.test?P-Asserted-Identity=sip:0%40x": ("400", b"forbidden_uri"),
    b"sip:0899@edge.test?P-Asserted-Identity=sip:0@x": ("400", b"malformed"),
    b"sip:900@edge.test@evil.example": ("400", b"malformed"),
    b"sip:0899%@edge.test": ("400", b"malformed"),
    b"sip:0899%4@edge.test": ("400", b"malformed"),
    b"sip:@edge.test": ("400", b"malformed"),
    b"sip:0899@": ("400", b"malformed"),
    b"sip:0899@127.1": ("400", b"malformed"),
    b"sip:0899@0x7f000001": ("400", b"malformed"),
    b"sip:0899@edge.test:0": ("400", b"malformed"),
    b"sip:0899@edge.test:70000": ("400", b"malformed"),
    b"sip:0899@edge.test;a=1;a=2": ("400", b"malformed"),
    b"<sip:0899@edge.test>": ("400", b"malformed"),
    b"sip:0899@edge.test\x00": ("400", b"malformed"),
    b"sip:0899\t@edge.test": ("400", b"malformed"),
    b'sip:"0899"@edge.test': ("400", b"malformed"),
    b"tel:+": ("400", b"malformed"),
    b"http://edge.test/0899": ("416", b"unsupported_scheme"),
    b"urn:service:counseling": ("416", b"unsupported_scheme"),
    b"mailto:0899@edge.test": ("416", b"unsupported_scheme"),
}


@pytest.mark.parametrize("uri", URIS, ids=lambda uri: uri.decode("latin-1"))
def test_the_number_that_is_checked_is_the_number_that_is_called(uri: bytes) -> None:
    where, what = URIS[uri]
    outcome, sent = outcome_of(build_stage(), invite(uri=uri), PHONE)
    if where.isdigit():
        assert outcome == f"answered {where} {what.decode('ascii')}"
        return
    assert outcome == "relayed"
    ((flow, wire),) = [send for send in sent if not send[1].startswith(b"SIP/2.0 ")]
    copy = parse_message(wire)
    assert isinstance(copy, Request)
    assert copy.uri == what
    assert flow == (CARRIER if where == "carrier" else PHONE)


@pytest.mark.parametrize(
    ("start_line", "outcome"),
    [
        (b"INVITE sip:0899@edge.test SIP/2.00", "answered 505 malformed"),
        (b"INVITE sip:0899@edge.test SIP/2.0 ", "answered 400 malformed"),
        (b"INVITE sip:0899@edge.test  SIP/2.0", "answered 400 malformed"),
        (b"INVITE sip:0899@edge.test sip:0@evil SIP/2.0", "answered 400 malformed"),
        (b"INVITE\tsip:0899@edge.test SIP/2.0", "dropped unanswerable"),
        (b"invite sip:0899@edge.test SIP/2.0", "answered 501 malformed"),
        (b"Invite sip:0899@edge.test SIP/2.0", "answered 501 malformed"),
        (b"INVITE\x01 sip:0899@edge.test SIP/2.0", "dropped unanswerable"),
        (b"INVITE sip:0899@edge.test SIP/2.0\r\n folded: x", "dropped unanswerable"),
    ],
)
def test_a_request_line_is_read_in_one_way_or_not_at_all(start_line: bytes, outcome: str) -> None:
    assert outcome_of(build_stage(), invite(start_line=start_line), PHONE)[0] == outcome


def test_a_method_in_another_case_carries_no_uncounted_call() -> None:
    wire = invite(start_line=b"invite sip:0899@edge.test SIP/2.0").replace(b"1 INV", b"1 inv")
    wire = wire.replace(b"1 invITE", b"1 invite")
    assert outcome_of(build_stage(), wire, PHONE)[0] == "answered 501 malformed"


@pytest.mark.parametrize(
    "routes",
    [
        (b"Route: <sip:203.0.113.66;lr>",),
        (b"Route: <sip:edge.test;lr>, <sip:203.0.113.66;lr>",),
        (b"Route: <sip:edge.test;lr>", b"route :\t<sip:evil.example;lr>"),
        (b"ROUTE:\r\n <sip:evil.example>",),
        (b"Route: <sip:edge.test@evil.example;lr>",),
        (b"Route: <sip:edge.test.evil.example;lr>",),
        (b"Route: <tel:+33972100002>",),
    ],
)
def test_a_route_to_somebody_else_is_refused(routes: tuple[bytes, ...]) -> None:
    outcome, sent = outcome_of(build_stage(), invite(*routes), PHONE)
    assert outcome == "answered 403 foreign_route"
    assert [flow.host for flow, _ in sent] == [PHONE.host]


@pytest.mark.parametrize(
    "routes",
    [
        (b"Route: sip:edge.test;lr",),
        (b"Route: <sip:edge.test;lr>,",),
        (b"Route: ,<sip:evil.example;lr>",),
        (b"Route: <sip:edge.test;lr",),
        (b'Route: "<sip:edge.test;lr>" <sip:a@b@evil.example>',),
        (b"Route:",),
    ],
)
def test_a_route_that_is_none_goes_nowhere(routes: tuple[bytes, ...]) -> None:
    outcome, sent = outcome_of(build_stage(), invite(*routes), PHONE)
    assert outcome != "relayed" or all(flow == PHONE for flow, _ in sent)
    assert {flow.host for flow, _ in sent} == {PHONE.host}


# --------------------------------------------------------------------------- how long the body is

SECOND = b"MESSAGE sip:0033972100002@edge.test SIP/2.0\r\n\r\n"
LENGTHS = {
    "negative": (b"-1",),
    "signed": (b"+5",),
    "hexadecimal": (b"0x10",),
    "with an exponent": (b"1e3",),
    "with an underscore": (b"1_0",),
    "in full-width digits": ("\uff11\uff12".encode(),),
    "superscript": (b"\xb2",),
    "with a space": (b"4 7",),
    "empty": (b"",),
    "2^31": (b"2147483648",),
    "2^32 + 32": (b"4294967328",),
    "2^64": (b"18446744073709551616",),
    "10^5000": (b"1" + b"0" * 5_000,),
    "two": (b"0", b"47"),
    "two, the other way": (b"47", b"0"),
    "joined": (b"47, 0",),
}


@pytest.mark.parametrize("name", [b"Content-Length: ", b"l:", b"CONTENT-LENGTH :\t"])
@pytest.mark.parametrize("length", LENGTHS)
def test_a_length_that_two_readers_might_read_in_two_ways_is_refused(
    name: bytes, length: str
) -> None:
    lines = [name + value for value in LENGTHS[length]]
    wire = invite(*lines, body=SECOND)
    assert outcome_of(build_stage(), wire, PHONE)[0] == "answered 400 malformed"
    assert_stream_ends(wire)


def test_two_lengths_in_two_spellings_are_refused() -> None:
    wire = invite(b"l: 0", b"Content-Length: 47", body=SECOND)
    assert outcome_of(build_stage(), wire, PHONE)[0] == "answered 400 malformed"
    assert_stream_ends(wire)


def assert_stream_ends(wire: bytes) -> None:
    """On a stream nothing after such a head is a message, and the answer is the only one."""
    for pieces in ([wire], [wire[i : i + 1] for i in range(len(wire))]):
        framer = StreamFramer()
        with pytest.raises(UnframableMessage) as caught:
            feed_all(framer, pieces)
        assert caught.value.framed == []
        edge: Edge = build_stage()
        edge.refuse_malformed(caught.value.wire, PHONE, caught.value, 1.0)
        ((flow, answer),) = edge.core.effects.take_sends()
        assert flow == PHONE
        assert answer[:11] in (b"SIP/2.0 400", b"SIP/2.0 413")
        with pytest.raises(UnframableMessage):
            framer.feed(SECOND)


def feed_all(framer: StreamFramer, pieces: list[bytes]) -> None:
    for piece in pieces:
        assert framer.feed(piece) == []


def test_a_stream_without_a_length_has_no_next_message() -> None:
    assert_stream_ends(invite(body=SECOND))


def test_a_second_request_in_a_datagram_is_noise() -> None:
    for body in (SECOND, b"\r\n" + SECOND):
        edge = build_stage()
        sent = give(edge, invite(b"Content-Length: 0", body=body), PHONE)
        (copy,) = relayed_in(sent)
        assert copy.body == b""
        assert edge.core.counters.datagrams_received == 1


def test_a_second_request_in_a_body_stays_in_the_body() -> None:
    wire = invite(b"Content-Length: %d" % len(SECOND), body=SECOND)
    (copy,) = relayed_in(give(build_stage(), wire, PHONE))
    assert copy.body == SECOND
    assert StreamFramer().feed(wire + wire) == [wire, wire]


def test_every_callee_of_these_tests_exists() -> None:
    lines = build_stage().core.directory.lines
    assert CALLER in lines
    assert CALLEE.encode("ascii") in lines
