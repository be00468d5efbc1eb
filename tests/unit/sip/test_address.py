"""Addresses: name-addr and addr-spec, tags, and lists cut at the right commas."""

import pytest

from sipedge.sip.address import Address, parse_address, split_commas, tag_of
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.params import Params

CASES: list[tuple[bytes, bytes, bytes, Params]] = [
    (b"<sip:a@b>", b"", b"sip:a@b", {}),
    (b"<sip:a@b;lr?x=y>;tag=1", b"", b"sip:a@b;lr?x=y", {b"tag": b"1"}),
    (b"<sip:a@b> ; tag = 1", b"", b"sip:a@b", {b"tag": b"1"}),
    (b'"Alice" <sip:a@b>;tag=1', b"Alice", b"sip:a@b", {b"tag": b"1"}),
    (b'"Alice"<sip:a@b>', b"Alice", b"sip:a@b", {}),
    (b'"" <sip:a@b>', b"", b"sip:a@b", {}),
    (b"Alice Smith <sip:a@b>", b"Alice Smith", b"sip:a@b", {}),
    (b"Ren\xc3\xa9 (work) <sip:a@b>", b"Ren\xc3\xa9 (work)", b"sip:a@b", {}),
    (b"sip:a@b", b"", b"sip:a@b", {}),
    (b"sip:a@b;tag=1", b"", b"sip:a@b", {b"tag": b"1"}),
    (b'sip:a@b;x="<sip:c@d>"', b"", b"sip:a@b", {b"x": b'"<sip:c@d>"'}),
    (b"isbn:2983792873", b"", b"isbn:2983792873", {}),
    (b"<sip:a@b>;", b"", b"sip:a@b", {}),
    # RFC 4475: wsinv, intmeth, esc02, lwsdisp, cparam01.
    (
        b'"J Rosenberg \\\\\\""       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8',
        b'J Rosenberg \\"',
        b"sip:jdrosen@example.com",
        {b"tag": b"98asjd8"},
    ),
    (
        b"sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n",
        b"",
        b"sip:vivekg@chair-dnrc.example.com",
        {b"tag": b"1918181833n"},
    ),
    (
        b'"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:a@b>',
        b"BEL:\x07 NUL:\x00 DEL:\x7f",
        b"sip:a@b",
        {},
    ),
    (
        b"token1~` token2'+_ token3*%!.- <sip:a@b>",
        b"token1~` token2'+_ token3*%!.-",
        b"sip:a@b",
        {},
    ),
    (b'"%Z%45" <sip:resource@example.com>', b"%Z%45", b"sip:resource@example.com", {}),
    (
        b"caller<sip:caller@example.com>;tag=323",
        b"caller",
        b"sip:caller@example.com",
        {b"tag": b"323"},
    ),
    (
        b"sip:+19725552222@gw1.example.net;unknownparam",
        b"",
        b"sip:+19725552222@gw1.example.net",
        {b"unknownparam": None},
    ),
]


@pytest.mark.parametrize(("value", "display", "uri", "params"), CASES)
def test_an_address_is_taken_apart(
    value: bytes, display: bytes, uri: bytes, params: Params
) -> None:
    address = parse_address(value)
    assert address.display == display
    assert address.uri == uri
    assert address.params == params
    assert tag_of(value) == (params.get(b"tag") or b"")


MALFORMED = [
    b"",
    b" ",
    b"sip",
    b"<>",
    b"<sip>",
    b"<sip:a@b",
    b"sip:a@b>",
    b"<sip:a@b>x",
    b"<sip:a@b>x;tag=1",
    b"<sip:a@b>,<sip:c@d>",
    b"<sip:a@b>;tag=1,<sip:c@d>",
    b"<sip:a@b>>;tag=1",
    b"<sip:a@b>;tag=1>;tag=2",
    b"<<sip:a@b>>",
    b"<sip:a@b;x=<y>>",
    b'"Alice <sip:a@b>',
    b'"Alice <sip:a@b>;tag=1',
    b'"Alice\\" <sip:a@b>;tag=1',
    b'"Alice>;tag=1',
    b'"Alice" Smith <sip:a@b>;tag=1',
    b'"Alice" sip:a@b;tag=1',
    b'Alice "Smith" <sip:a@b>;tag=1',
    b"Al;ice <sip:a@b>",
    b"Al>ice <sip:a@b>",
    b"Al\x01ice <sip:a@b>",
    b"sip:a@b x",
    b"sip:a@b\x00",
    b"sip:a@b,sip:c@d",
    b"<sip:a@b>;tag=1;tag=2",
    b'<sip:a@b>;x="',
    # RFC 4475: badaspec, baddn, regbadct, quotbal.
    b'"Watson, Thomas" < sip:t.watson@example.org >',
    b"Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
    b"sip:user@example.com?Route=%3Csip:sip.example.com%3E",
    b'"Mr. J. User <sip:j.user@example.com>',
]


@pytest.mark.parametrize("value", MALFORMED)
def test_a_bad_address_is_malformed_and_has_no_tag(value: bytes) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse_address(value)
    assert caught.value.status == 400
    with pytest.raises(MalformedMessage):
        tag_of(value)


@pytest.mark.parametrize(
    "value",
    [
        b"<sip:a@b>;tag=",
        b"<sip:a@b>;tag",
        b"<sip:a@b>;x;tag=",
        b'<sip:a@b>;tag=""',
        b'<sip:a@b>;tag="1"',
        b"sip:a@b;tag=",
    ],
)
def test_an_empty_or_quoted_tag_is_malformed(value: bytes) -> None:
    with pytest.raises(MalformedMessage):
        tag_of(value)


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        (b'"x>;tag=evil" <sip:a;tag=no@b;tag=no>;tag=yes', b"yes"),
        (b"<sip:a@b>;x=1;TAG=yes", b"yes"),
        (b'<sip:a@b>;x=";tag=no";tag=yes', b"yes"),
        (b"<sip:a@b>;tag=yes;", b"yes"),
        (b"<sip:a@b;tag=no>", b""),
        (b'";tag=no" <sip:a@b>', b""),
        (b"<sip:a@b>;tag=as5f@1.2.3.4:5060/x=", b"as5f@1.2.3.4:5060/x="),
        (b'"A" <sip:a@b>;tag=' + b"9" * 60_000, b"9" * 60_000),
    ],
)
def test_a_tag_is_the_one_after_the_address(value: bytes, tag: bytes) -> None:
    assert tag_of(value) == tag


@pytest.mark.parametrize(
    ("value", "items"),
    [
        (b"", []),
        (b"  ", []),
        (b"a", [b"a"]),
        (b" a , b,c ", [b"a", b"b", b"c"]),
        (b'"a,b" <sip:a>, <sip:c,d;x=">', [b'"a,b" <sip:a>', b'<sip:c,d;x=">']),
        (b'"\\",\\\\",b', [b'"\\",\\\\"', b"b"]),
        (b'<sip:a>;x=",";y, <sip:b>', [b'<sip:a>;x=",";y', b"<sip:b>"]),
    ],
)
def test_a_list_is_cut_at_its_own_commas(value: bytes, items: list[bytes]) -> None:
    assert split_commas(value) == items


@pytest.mark.parametrize(
    "value", [b",", b"a,", b",a", b"a,,b", b"a, ,b", b'"a', b"<a", b'a,"b', b"a,<b"]
)
def test_a_list_with_a_hole_in_it_is_malformed(value: bytes) -> None:
    with pytest.raises(MalformedMessage):
        split_commas(value)


def test_an_address_is_written_with_its_display_name_quoted() -> None:
    address = Address(b'A "B" \\', b"sip:a@b", {b"tag": b"1"})
    assert address.serialize() == b'"A \\"B\\" \\\\" <sip:a@b>;tag=1'
    assert Address(b"", b"sip:a@b", {}).serialize() == b"<sip:a@b>"


def test_a_display_name_that_would_begin_a_header_is_not_written() -> None:
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        Address(b"A\r\nVia: x", b"sip:a@b", {}).serialize()
