"""URIs: what phones write, what RFC 3261 compares, and what must not have two readings."""

import pytest

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.params import Params
from sipedge.sip.uri import (
    OtherUri,
    SipUri,
    TelUri,
    UrnUri,
    as_request_uri,
    escape_user,
    parse_uri,
)


def sip(text: bytes) -> SipUri:
    """Parse a URI that must be sip or sips."""
    uri = parse_uri(text)
    assert isinstance(uri, SipUri)
    return uri


def tel(text: bytes) -> TelUri:
    """Parse a URI that must be tel."""
    uri = parse_uri(text)
    assert isinstance(uri, TelUri)
    return uri


def test_a_usual_uri_is_taken_apart() -> None:
    uri = sip(b"SIP:1001:secret@Edge.Test:5062;Transport=UDP;lr?Subject=x&Priority=urgent")
    assert uri.scheme == b"sip"
    assert uri.user == b"1001"
    assert uri.password == b"secret"
    assert uri.host == b"edge.test"
    assert uri.port == 5062
    assert uri.params == {b"transport": b"UDP", b"lr": None}
    assert uri.transport == b"udp"
    assert uri.headers == b"Subject=x&Priority=urgent"
    assert not uri.host_is_numeric


def test_a_short_uri_has_empty_parts() -> None:
    uri = sip(b"sips:192.0.2.1")
    assert (uri.scheme, uri.user, uri.password, uri.port) == (b"sips", b"", b"", 0)
    assert (uri.params, uri.headers, uri.transport) == ({}, b"", b"")
    assert uri.host_is_numeric


@pytest.mark.parametrize(
    ("text", "user", "host"),
    [
        # RFC 4475: intmeth, esc01, escnull, semiuri.
        (
            b"sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d@a.b",
            b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
            b"a.b",
        ),
        (b"sip:sips%3Auser%40example.com@example.net", b"sips:user@example.com", b"example.net"),
        (b"sip:%75se%72@example.com", b"user", b"example.com"),
        (b"sip:I%20have%20spaces@example.net", b"I have spaces", b"example.net"),
        (b"sip:null-%00-null@example.com", b"null-\x00-null", b"example.com"),
        (b"sip:user;par=u%40example.net@example.com", b"user;par=u@example.net", b"example.com"),
        # Dial strings as phones send them, and UTF-8.
        (b"sip:*31#0612345678@edge.test", b"*31#0612345678", b"edge.test"),
        (b"sip:%2A31%23@edge.test", b"*31#", b"edge.test"),
        (b"sip:ren\xc3\xa9@edge.test", b"ren\xc3\xa9", b"edge.test"),
        (b"sip:+33-1.23@edge.test", b"+33-1.23", b"edge.test"),
        # RFC 5118.
        (b"sip:user@[2001:db8:::192.0.2.1]", b"user", b"2001:db8::c000:201"),
        (b"sip:user@[2001:db8::192.0.2.1]", b"user", b"2001:db8::c000:201"),
    ],
)
def test_a_user_is_unescaped_and_its_host_found(text: bytes, user: bytes, host: bytes) -> None:
    uri = sip(text)
    assert uri.unescaped_user() == user
    assert uri.host == host
    assert sip(uri.serialize()).equals(uri)


@pytest.mark.parametrize(
    ("body", "params"),
    [
        (b";%6C%72;n%61me=v%61lue%25%34%31", {b"lr": None, b"name": b"v%61lue%25%34%31"}),
        (b";unknownparam", {b"unknownparam": None}),
        (b";ob;transport=tcp;", {b"ob": None, b"transport": b"tcp"}),
        (b";x=a/b:c&d+e$f[g]", {b"x": b"a/b:c&d+e$f[g]"}),
        (b";a%0D%0AVia=x", {b"a%0d%0avia": b"x"}),
        (b";", {}),
    ],
)
def test_uri_parameters_have_unescaped_lower_case_names(body: bytes, params: Params) -> None:
    assert sip(b"sip:h" + body).params == params


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"sip",
        b"sip:",
        b":h",
        b"sip:@h",
        b"sip:u@",
        b"sip::pw@h",
        b"sip:u@h:",
        b"sip:u@h:99999",
        b"sip:900@edge.test@evil.test",
        b"sip:u@@h",
        b"sip:u@h;a=b@c",
        b"sip:u@h;;lr",
        b"sip:u@h;maddr=a;maddr=b",
        b"sip:u@h;%6Cr=1;lr=2",
        b"sip:u@h;transport=udp; lr",
        b"sip:u@h; lr",
        b" sip:u@h",
        b"sip:u@h ",
        b"sip: u@h",
        b"sip:u s@h",
        b"sip:u\t@h",
        b"sip:u@h\r\nVia: x",
        b"sip:u\x00@h",
        b'sip:"u"@h',
        b"sip:u<@h",
        b"sip:u\\@h",
        b"<sip:user@example.com>",
        b"sip:u%@h",
        b"sip:u%4@h",
        b"sip:u%4g@h",
        b"sip:u%+5@h",
        b"sip:u@h;x=%",
        b"sip:2001:db8::10",
        b"sip:u@2130706433",
        b"1a:x",
        b"a_b:x",
        b"\xc5\xbf:x",
        b"tel:",
        b"tel:+",
        b"tel:abc-xyz",
        b"tel:+12a",
        b"tel:12;a;a=1",
        b"urn:service",
        b"urn::sos",
        b"urn:service:",
    ],
)
def test_a_bad_uri_is_malformed(text: bytes) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse_uri(text)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "text",
    [
        b"sip:h",
        b"sips:1001@edge.test:5061;transport=tls",
        b"sip:1001:pw@[::1]:5060;lr;x=%41?a=b",
        b"sip:u@192.0.2.1?Route=%3Csip:h%3E",
        b"tel:+33123456789;ext=12",
        b"tel:112",
        b"urn:service:sos.fire",
        b"http://www.example.com/a?b",
    ],
)
def test_a_uri_in_normal_form_is_written_as_it_was_read(text: bytes) -> None:
    assert parse_uri(text).serialize() == text


def test_names_of_parameters_are_escaped_again() -> None:
    uri = sip(b"sip:h;a%3Bb=1;%0Ac;%25%340")
    assert uri.params == {b"a;b": b"1", b"%0ac": None, b"%2540": None}
    assert uri.serialize() == b"sip:h;a%3Bb=1;%0ac;%2540"
    assert sip(uri.serialize()).params == uri.params


def test_escape_user_leaves_nothing_that_ends_a_user_or_a_line() -> None:
    text = bytes(range(256))
    escaped = escape_user(text)
    assert sip(b"sip:" + escaped + b"@h").unescaped_user() == text
    assert not set(escaped) & set(b'@:#<>" \r\n\x00')


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # RFC 3261 section 19.1.4.
        (b"sip:%61lice@atlanta.com;transport=TCP", b"sip:alice@AtLanTa.CoM;Transport=tcp"),
        (b"sip:carol@chicago.com", b"sip:carol@chicago.com;newparam=5"),
        (b"sip:carol@chicago.com;security=on", b"sip:carol@chicago.com;newparam=5"),
        (
            b"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            b"sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            b"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            b"sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        (b"sip:u@[2001:DB8:0::1]", b"sip:u@[2001:db8::1]"),
        (b"sip:a%3bb@h", b"sip:a%3Bb@h"),
        (b"sip:u:p%77@h", b"sip:u:pw@h"),
        (b"sip:u@h;lr", b"sip:u@h;lr"),
    ],
)
def test_equal_uris_are_equal_both_ways(first: bytes, second: bytes) -> None:
    assert sip(first).equals(sip(second))
    assert sip(second).equals(sip(first))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # RFC 3261 section 19.1.4.
        (b"SIP:ALICE@AtLanTa.CoM;Transport=udp", b"sip:alice@AtLanTa.CoM;Transport=UDP"),
        (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com:5060"),
        (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com;transport=udp"),
        (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com:6000;transport=tcp"),
        (b"sip:carol@chicago.com", b"sip:carol@chicago.com?Subject=next%20meeting"),
        (b"sip:bob@phone21.boxesbybob.com", b"sip:bob@192.0.2.4"),
        (b"sip:carol@chicago.com;security=on", b"sip:carol@chicago.com;security=off"),
        (b"sip:u@h", b"sips:u@h"),
        (b"sip:u@h", b"sip:h"),
        (b"sip:u@h", b"sip:u:p@h"),
        (b"sip:u@h", b"sip:u@h;maddr=h"),
        (b"sip:a;b@h", b"sip:a%3Bb@h"),
        (b"sip:h;lr", b"sip:h;lr=x"),
    ],
)
def test_different_uris_differ_both_ways(first: bytes, second: bytes) -> None:
    assert not sip(first).equals(sip(second))
    assert not sip(second).equals(sip(first))


def test_a_tel_uri_loses_its_visual_separators() -> None:
    uri = tel(b"TEL:+33-(0)1.23-45;ext=7")
    assert uri.scheme == b"tel"
    assert uri.number == b"+3301" + b"2345"
    assert uri.params == {b"ext": b"7"}
    assert uri.phone_context == b""


def test_a_local_tel_number_says_where_it_is_valid() -> None:
    uri = tel(b"tel:*31#12;phone-context=+33")
    assert uri.number == b"*31#12"
    assert uri.phone_context == b"+33"


def test_tel_uris_compare_by_number_and_parameters() -> None:
    assert tel(b"tel:+33-1").equals(tel(b"tel:+331"))
    assert tel(b"tel:12;phone-context=A.b").equals(tel(b"tel:12;phone-context=a.B"))
    assert not tel(b"tel:12;phone-context=a").equals(tel(b"tel:12"))
    assert not tel(b"tel:12;phone-context=a").equals(tel(b"tel:13;phone-context=a"))


@pytest.mark.parametrize(
    ("text", "emergency"),
    [
        (b"urn:service:sos", True),
        (b"URN:Service:SOS.Fire", True),
        (b"urn:service:sosx", False),
        (b"urn:service:counseling", False),
        (b"urn:uuid:sos", False),
    ],
)
def test_an_emergency_service_is_recognised(text: bytes, *, emergency: bool) -> None:
    uri = parse_uri(text)
    assert isinstance(uri, UrnUri)
    assert uri.is_emergency is emergency


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        (b"isbn:2983792873", b"isbn"),
        (b"nobodyKnowsThisScheme:totallyopaquecontent", b"nobodyknowsthisscheme"),
        (b"soap.beep://192.0.2.103:3002", b"soap.beep"),
        (b"name:John_Smith", b"name"),
    ],
)
def test_an_unknown_scheme_is_kept_and_not_read(text: bytes, scheme: bytes) -> None:
    uri = parse_uri(text)
    assert isinstance(uri, OtherUri)
    assert uri.scheme == scheme
    assert uri.raw == uri.serialize() == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (b"sip:Bob@H;lr", b"sip:Bob@H;lr"),
        (b"sip:b%23@H;x=%41", b"sip:b%23@H;x=%41"),
        (b"sip:method@H", b"sip:method@H"),
        (b"sip:b@h?Route=%3Csip:x%3E", b"sip:b@h"),
        (b"sip:b@h:5070;METHOD=BYE;ob?a=b&c=d", b"sip:b@h:5070;ob"),
        (b"sip:b@h;%6Dethod=BYE;ob", b"sip:b@h;ob"),
        (b"tel:+33?a=b", b"tel:+33"),
        (b"http://h/a?b", b"http://h/a?b"),
        (b"sip:b@c@h;x?Route=y", b"sip:b@c@h;x"),
    ],
)
def test_a_request_uri_has_neither_headers_nor_a_method(text: bytes, written: bytes) -> None:
    assert as_request_uri(text) == written
