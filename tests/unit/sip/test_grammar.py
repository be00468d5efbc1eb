"""The lexical rules: tokens and quoted strings."""

import pytest

from sipedge.sip import grammar
from sipedge.sip.errors import MalformedMessage


@pytest.mark.parametrize("value", [b"INVITE", b"!interesting-Method0123456789_*+`.%indeed'~", b"1"])
def test_a_token_is_made_of_token_characters(value: bytes) -> None:
    assert grammar.is_token(value)


@pytest.mark.parametrize("value", [b"", b"a b", b"a;", b"a\x01", b"\xe9", b'"a"', b"a\n"])
def test_anything_else_is_no_token(value: bytes) -> None:
    assert not grammar.is_token(value)


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        (b'""', b""),
        (b'"a"', b"a"),
        (b'"a\\"b"', b'a"b'),
        (b'"J Rosenberg \\\\\\""', b'J Rosenberg \\"'),
        (b'"\\a\\\\\\b"', b"a\\b"),
        (b'"\\\\"', b"\\"),
        (b"bare", b"bare"),
        (b"", b""),
    ],
)
def test_unquote_takes_quotes_and_pairs_off(wire: bytes, text: bytes) -> None:
    assert grammar.unquote(wire) == text


@pytest.mark.parametrize("wire", [b'"', b'"a', b'"a\\"', b'"a"b', b'"a" ', b'"\\'])
def test_a_quoted_string_that_does_not_end_where_it_should_is_malformed(wire: bytes) -> None:
    with pytest.raises(MalformedMessage) as caught:
        grammar.unquote(wire)
    assert caught.value.status == 400


def test_quote_escapes_and_unquote_gives_the_text_back() -> None:
    text = b'a "b" \\ c \xe2\x82\xac'
    assert grammar.quote(text) == b'"a \\"b\\" \\\\ c \xe2\x82\xac"'
    assert grammar.unquote(grammar.quote(text)) == text


@pytest.mark.parametrize("text", [b"a\r\nVia: x", b"a\n", b"a\r", b"\0"])
def test_quote_refuses_what_would_end_the_line(text: bytes) -> None:
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        grammar.quote(text)
