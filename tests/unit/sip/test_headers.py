"""Header values: Via, CSeq, Contact, routes, numbers and option tags."""

import pytest

from sipedge.sip import headers
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.headers import STAR, ContactHeader, Star


def contacts(*values: bytes) -> list[ContactHeader]:
    """Parse Contact values that must not be a star."""
    found = headers.parse_contacts(list(values))
    assert not isinstance(found, Star)
    return found


def test_a_usual_via_is_taken_apart() -> None:
    via = headers.parse_via(b"SIP/2.0/UDP Phone.test:5062;branch=z9hG4bK1;rport;alias")
    assert via.transport == b"UDP"
    assert via.sent_by == b"Phone.test:5062"
    assert (via.host, via.port) == (b"phone.test", 5062)
    assert via.branch == b"z9hG4bK1"
    assert via.rport == 0
    assert via.received == b""
    assert via.params == {b"branch": b"z9hG4bK1", b"rport": None, b"alias": None}
    assert via.serialize() == b"SIP/2.0/UDP phone.test:5062;branch=z9hG4bK1;rport;alias"


@pytest.mark.parametrize(
    ("value", "transport", "sent_by", "branch"),
    [
        # RFC 4475: wsinv, transports, inv2543; RFC 5118 section 4.7.
        (
            b"SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw",
            b"UDP",
            b"192.0.2.2",
            b"390skdjuw",
        ),
        (
            b"SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8",
            b"TCP",
            b"spindle.example.com",
            b"z9hG4bK9ikj8",
        ),
        (
            b"SIP /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239",
            b"UDP",
            b"192.168.255.111",
            b"z9hG4bK30239",
        ),
        (
            b"SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd",
            b"UNKNOWN",
            b"t4.example.com",
            b"z9hG4bKasd",
        ),
        (b"SIP/2.0/UDP iftgw.example.com", b"UDP", b"iftgw.example.com", b""),
        (b"SIP/2.0/UDP [2001:db8::9:1]:6050;branch=x", b"UDP", b"[2001:db8::9:1]:6050", b"x"),
        (b"SIP/2.0/TCP h;branch=z9hG4bK-.!%66*_+`'~", b"TCP", b"h", b"z9hG4bK-.!%66*_+`'~"),
        (b"sip/2.0/udp h", b"UDP", b"h", b""),
        (b"SIP/2.0/UDP\th", b"UDP", b"h", b""),
        (b"SIP/2.0/UDP   h", b"UDP", b"h", b""),
        (b"SIP/2.0/ UDP h", b"UDP", b"h", b""),
        (b"SIP/2.0/UDP h : 5060 ;branch=x", b"UDP", b"h:5060", b"x"),
        (b"SIP / 2.0 / UDP [::1]\t:\t5060", b"UDP", b"[::1]:5060", b""),
        (b"SIP/2.0/UDP h;branch=z9hG4bK@a/b=", b"UDP", b"h", b"z9hG4bK@a/b="),
    ],
)
def test_a_via_may_have_spaces_around_its_marks(
    value: bytes, transport: bytes, sent_by: bytes, branch: bytes
) -> None:
    via = headers.parse_via(value)
    assert (via.transport, via.sent_by, via.branch) == (transport, sent_by, branch)
    again = headers.parse_via(via.serialize())
    assert (again.host, again.port, again.params) == (via.host, via.port, via.params)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"SIP/2.0/UDP",
        b"SIP/2.0/UDP ",
        b"SIP/2.0/UDP ;branch=x",
        b"SIP/2.0/ h",
        b"SIP/2.0 h",
        b"SIP/3.0/UDP h",
        b"HTTP/2.0/UDP h",
        b"SIP/2.0/U@P h",
        b"SIP/2.0/UDP/x h",
        b"SIP/2.0/UDP a b",
        b"SIP/2.0/UDP a b:5060",
        b"SIP/2.0/UDP a:50 60",
        b"SIP/2.0/UDP h:0",
        b"SIP/2.0/UDP h:99999",
        b"SIP/2.0/UDP h;branch",
        b"SIP/2.0/UDP h;branch=",
        b'SIP/2.0/UDP h;branch="x"',
        b"SIP/2.0/UDP h;branch=a;branch=b",
        b"SIP/2.0/UDP h;branch=a b",
        b"SIP/2.0/UDP h,SIP/2.0/UDP i",
        b"SIP/2.0/UDP 2001:db8::1",
        # RFC 4475: badinv01.
        b"SIP/2.0/UDP 192.0.2.15;;,;,,",
    ],
)
def test_a_bad_via_is_malformed(value: bytes) -> None:
    with pytest.raises(MalformedMessage):
        headers.parse_via(value)


def test_a_via_with_empty_values_after_it_is_malformed() -> None:
    with pytest.raises(MalformedMessage):
        headers.top_via(b"SIP/2.0/UDP 192.0.2.15;;,;,,")


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (b"192.0.2.200", b"192.0.2.200"),
        # RFC 5118 section 4.5: both are seen.
        (b"2001:db8::9:255", b"2001:db8::9:255"),
        (b"[2001:DB8::9:255]", b"2001:db8::9:255"),
    ],
)
def test_received_is_an_address_without_brackets(received: bytes, expected: bytes) -> None:
    via = headers.parse_via(b"SIP/2.0/UDP [2001:db8::9:1];received=" + received + b";branch=x")
    assert via.received == expected


def test_a_received_that_is_no_address_is_malformed() -> None:
    via = headers.parse_via(b"SIP/2.0/UDP h;received=1.2.3")
    with pytest.raises(MalformedMessage):
        _ = via.received


@pytest.mark.parametrize(
    ("tail", "rport"), [(b"", -1), (b";rport", 0), (b";rport=", 0), (b";rport=5062", 5062)]
)
def test_rport_says_whether_it_is_asked_for_or_filled_in(tail: bytes, rport: int) -> None:
    assert headers.parse_via(b"SIP/2.0/UDP h" + tail).rport == rport


def test_an_rport_that_is_no_port_is_malformed() -> None:
    via = headers.parse_via(b"SIP/2.0/UDP h;rport=x")
    with pytest.raises(MalformedMessage):
        _ = via.rport


def test_the_top_of_joined_vias_is_cut_off() -> None:
    joined = b'SIP/2.0/UDP a;x=",";branch=1 , SIP/2.0/TCP b;branch=2,SIP/2.0/TCP c'
    top, rest = headers.split_top(joined)
    assert top == b'SIP/2.0/UDP a;x=",";branch=1'
    assert headers.split_top(rest) == (b"SIP/2.0/TCP b;branch=2", b"SIP/2.0/TCP c")
    assert headers.split_top(b"SIP/2.0/TCP c") == (b"SIP/2.0/TCP c", b"")
    assert headers.top_via(joined).branch == b"1"
    assert headers.top_via(rest).branch == b"2"
    assert headers.top_via(b"SIP/2.0/TCP c").host == b"c"


@pytest.mark.parametrize("value", [b",", b"a,", b",a", b" , a", b"a , "])
def test_a_joined_value_with_an_empty_side_is_malformed(value: bytes) -> None:
    with pytest.raises(MalformedMessage):
        headers.split_top(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"1 INVITE", (1, b"INVITE")),
        (b"0009\r\n  INVITE", (9, b"INVITE")),
        (b" 4711\tBYE ", (4711, b"BYE")),
        (b"0 invite", (0, b"invite")),
        (b"2147483647 OPTIONS", (2147483647, b"OPTIONS")),
        (b"29344 RE%47IST%45R", (29344, b"RE%47IST%45R")),
    ],
)
def test_cseq_is_a_number_and_a_method(value: bytes, expected: tuple[int, bytes]) -> None:
    assert headers.parse_cseq(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"1",
        b"INVITE",
        b"INVITE 1",
        b"-1 INVITE",
        b"1_0 INVITE",
        b"2147483648 INVITE",
        b"4294967296 INVITE",
        # RFC 4475: scalar02, scalarlg.
        b"36893488147419103232 REGISTER",
        b"9292394834772304023312 OPTIONS",
        b"1 INVITE x",
        b"1 IN\x00VITE",
        b"1\x0bINVITE",
        b"1 " + b"(" * 60_000,
    ],
)
def test_a_bad_cseq_is_malformed(value: bytes) -> None:
    with pytest.raises(MalformedMessage):
        headers.parse_cseq(value)


def test_max_forwards_is_at_most_255() -> None:
    assert headers.parse_max_forwards(b"0068") == 68
    assert headers.parse_max_forwards(b" 255 ") == 255
    for value in (b"256", b"300", b"-1", b""):
        with pytest.raises(MalformedMessage):
            headers.parse_max_forwards(value)


def test_expires_is_in_seconds_and_stops_at_its_largest_value() -> None:
    assert headers.parse_expires(b" 3600 ") == 3600
    assert headers.parse_expires(b"1" + b"0" * 100) == 2**32 - 1
    with pytest.raises(MalformedMessage):
        headers.parse_expires(b"Thu, 01 Dec 2025 16:00:00 GMT")


def test_a_contact_has_its_preference_expiry_and_instance() -> None:
    (contact,) = contacts(
        b'"Mr. Watson" <sip:1001@192.0.2.1:5062;ob>;q=0.7;expires=120;reg-id=1'
        b';+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"'
    )
    assert contact.display == b"Mr. Watson"
    assert contact.uri == b"sip:1001@192.0.2.1:5062;ob"
    assert contact.q == 700
    assert contact.expires == 120
    assert contact.instance == b"urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    assert contact.reg_id == 1


def test_a_bare_contact_has_the_defaults() -> None:
    (contact,) = contacts(b"sip:1001@192.0.2.1")
    assert (contact.q, contact.expires, contact.instance, contact.reg_id) == (1000, None, b"", 0)
    (contact,) = contacts(b"<sip:1001@192.0.2.1>;ob")
    assert (contact.q, contact.expires, contact.instance, contact.reg_id) == (1000, None, b"", 0)


def test_a_tortuous_contact_is_read() -> None:
    (contact,) = contacts(
        b'"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n'
        b"  secondparam ; q = 0.33"
    )
    assert contact.display == b'Quoted string ""'
    assert contact.q == 330
    assert contact.params[b"newparam"] == b"newvalue"


@pytest.mark.parametrize(
    ("expires", "seconds"),
    [
        (b"0", 0),
        (b'"60"', 60),
        (b"280297596632815", 2**32 - 1),
        (b"soon", 3600),
        (b"-1", 3600),
        (b"", 3600),
        (b'"Thu, 01 Dec 2025 16:00:00 GMT"', 3600),
    ],
)
def test_a_malformed_contact_expiry_counts_as_an_hour(expires: bytes, seconds: int) -> None:
    (contact,) = contacts(b"<sip:a@b>;expires=" + expires)
    assert contact.expires == seconds


def test_contacts_come_in_order_from_every_line() -> None:
    found = contacts(b"<sip:a@h>;q=1, sip:b@h;q=0", b'"C, c" <sip:c,c@h>')
    assert [contact.uri for contact in found] == [b"sip:a@h", b"sip:b@h", b"sip:c,c@h"]
    assert contacts() == []


def test_a_lone_star_stands_for_every_binding() -> None:
    assert headers.parse_contacts([b" * "]) is STAR


@pytest.mark.parametrize(
    "values",
    [
        [b"*", b"<sip:a@b>"],
        [b"*, <sip:a@b>"],
        [b"*", b"*"],
        [b"*;expires=0"],
        [b""],
        [b"<sip:a@b>", b" "],
        [b"<>"],
        [b"<sip:a@b>;q=2"],
        [b"<sip:a@b>;q"],
        [b"<sip:a@b>;reg-id=x"],
        [b"<sip:a@b>;reg-id"],
        [b'<sip:a@b>;+sip.instance="<urn'],
        [b"<sip:a@b>,"],
        # RFC 4475: regbadct, badinv01.
        [b"sip:user@example.com?Route=%3Csip:sip.example.com%3E"],
        [b'"Joe" <sip:joe@example.org>;;;;'],
    ],
)
def test_bad_contacts_are_malformed(values: list[bytes]) -> None:
    with pytest.raises(MalformedMessage):
        headers.parse_contacts(values)


def test_routes_come_in_order_from_every_line() -> None:
    routes = headers.parse_routes([b"<sip:a;lr>,<sip:b;lr>;x=1", b" <sip:c> "])
    assert [route.uri for route in routes] == [b"sip:a;lr", b"sip:b;lr", b"sip:c"]
    assert routes[1].params == {b"x": b"1"}


@pytest.mark.parametrize("value", [b"sip:a;lr", b"<sip:a;lr>,sip:b", b"<sip:a", b"<sip:a>x"])
def test_a_route_without_brackets_is_malformed(value: bytes) -> None:
    with pytest.raises(MalformedMessage):
        headers.parse_routes([value])


def test_option_tags_are_lower_case_and_in_order() -> None:
    assert headers.parse_option_tags([b"100rel, Timer,", b"", b" path"]) == [
        b"100rel",
        b"timer",
        b"path",
    ]


def test_an_option_tag_that_is_no_token_is_malformed() -> None:
    with pytest.raises(MalformedMessage):
        headers.parse_option_tags([b"100rel, a b"])
