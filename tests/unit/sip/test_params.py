"""Parameters: one reader for URIs, addresses and Via."""

import pytest

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.params import Params, parse_params, read_plain_params, split_unquoted, write_params


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", {}),
        (b";lr", {b"lr": None}),
        (b";tag=a1", {b"tag": b"a1"}),
        (b";TAG=a1;LR", {b"tag": b"a1", b"lr": None}),
        (b";a=b=c", {b"a": b"b=c"}),
        (b";rport=", {b"rport": b""}),
        (b";a=1;", {b"a": b"1"}),
        (b";", {}),
        (b" ; ", {}),
        (b";x=\xd0\xb5", {b"x": b"\xd0\xb5"}),
        (b" ;   tag    = 1918181833n", {b"tag": b"1918181833n"}),
        (b"\r\n  ;\r\n  tag = 98asjd8", {b"tag": b"98asjd8"}),
        (b'; a="b;c" ; d', {b"a": b'"b;c"', b"d": None}),
        (b';a="<>,\\"";b=1', {b"a": b'"<>,\\""', b"b": b"1"}),
        (b";a=1 ; ", {b"a": b"1"}),
        (b";lr;lr", {b"lr": None}),
        (b';a="1";a="1"', {b"a": b'"1"'}),
    ],
)
def test_parameters_are_read(text: bytes, expected: Params) -> None:
    assert parse_params(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        b"x",
        b"x;a=1",
        b" x ;a=1",
        b";;",
        b";a;;b",
        b" ;;a",
        b";=1",
        b"; =1",
        b";a b=1",
        b";a=1 2",
        b";a=<b>",
        b";a=1,b",
        b";a=\x01",
        b";a\x0b=1",
        b';a="',
        b';a="b"c',
        b';a="b\r\nVia: c"',
        b';a="b\nc"',
        b';a="b" c',
        b';a=b"c"',
        b";a=1;a=2",
        b";tag=1;TAG=2",
        b";a;a=",
        b";a=1 ;a=2",
    ],
)
def test_what_two_readers_could_read_differently_is_malformed(text: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_params(text)


def test_plain_parameters_come_without_their_first_semicolon() -> None:
    assert read_plain_params(b"transport=UDP;lr;") == {b"transport": b"UDP", b"lr": None}
    assert read_plain_params(b"") == {}


def test_parameters_are_written_in_their_order() -> None:
    assert write_params({b"lr": None, b"x": b"", b"y": b'"z"'}) == b';lr;x=;y="z"'


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (b"a,b", [b"a", b"b"]),
        (b'"a,b",c', [b'"a,b"', b"c"]),
        (b'a="x,y" "z,",b', [b'a="x,y" "z,"', b"b"]),
        (b'"a","b"', [b'"a"', b'"b"']),
        (b'"a"', [b'"a"']),
        (b'"\\","', [b'"\\","']),
        (b",", [b"", b""]),
    ],
)
def test_separators_in_quotes_do_not_split(text: bytes, parts: list[bytes]) -> None:
    assert split_unquoted(text, b",") == parts
