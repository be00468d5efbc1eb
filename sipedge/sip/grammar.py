"""The few lexical rules every value shares (RFC 3261 section 25.1): tokens, spaces, quoted strings.

A set of octets is written as the bytes of its members; `value.translate(None, SET)` then leaves
what does not belong, in one pass of C and in linear time.
"""

from typing import Final

from sipedge.sip.errors import MalformedMessage

ALPHANUM: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
DIGITS: Final = b"0123456789"
HEX: Final = b"0123456789ABCDEFabcdef"
# token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~")
TOKEN: Final = ALPHANUM + b"-.!%*_+`'~"
# LWS once a folded line is unfolded; CR and LF stay in the set because a value may still be folded.
SPACES: Final = b" \t\r\n"
CONTROLS: Final = bytes(range(0x20)) + b"\x7f"


def is_token(value: bytes) -> bool:
    """Tell whether `value` is a token: not empty, and nothing but token characters."""
    return len(value) > 0 and not value.translate(None, TOKEN)


def quote(text: bytes) -> bytes:
    """Write `text` as a quoted-string.

    Raises ValueError on CR, LF and NUL: no quoting carries them (RFC 3261 section 25.1), and CR LF
    would begin a header line of the author's own choice.
    """
    if b"\r" in text or b"\n" in text or b"\0" in text:
        raise ValueError("a quoted string cannot carry CR, LF or NUL")
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def unquote(value: bytes) -> bytes:
    """Take the quotes and the quoted-pairs off `value`; what does not begin with `"` is unchanged.

    Raises MalformedMessage when the closing quote is missing or is not the last octet.
    """
    if not value.startswith(b'"'):
        return value
    if end_of_quoted(value, 0) != len(value):
        raise MalformedMessage(400, "Text after a quoted string")
    return resolve_pairs(value[1:-1])


def resolve_pairs(text: bytes) -> bytes:
    """Replace each quoted-pair by the octet that it stands for, inside the quotes of a string."""
    if b"\\" not in text:
        return text
    # A run of backslashes pairs up from its left end, which is how split() finds them.
    return b"\\".join(part.replace(b"\\", b"") for part in text.split(b"\\\\"))


def end_of_quoted(value: bytes, start: int) -> int:
    """Return the index after the closing quote of the quoted-string that opens at `start`.

    Raises MalformedMessage when it never closes (RFC 4475 section 3.1.2.6).
    """
    position = start + 1
    end = -1
    while True:
        # Look for the next quote only once the last one found is passed, or a run of backslashes
        # would cost the square of its length.
        if end < position:
            end = value.find(b'"', position)
            if end < 0:
                raise MalformedMessage(400, "Unterminated quoted string")
        backslash = value.find(b"\\", position, end)
        if backslash < 0:
            return end + 1
        position = backslash + 2
