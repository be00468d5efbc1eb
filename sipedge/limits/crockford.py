"""Crockford's base 32: short codes that survive being read aloud, copied by hand and typed back.

The alphabet has no I, L, O and U, so that nothing in a code looks like something else.
"""

from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

# What people and word processors do to a code: spaces, every kind of dash, quotes around it.
_NOISE: Final = " \t\"'-_\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_AS_MEANT: Final = str.maketrans("OIL", "011", _NOISE)


def encode(number: int) -> str:
    """Return `number`, which is 0 or more, in as few symbols as it takes."""
    assert number >= 0, number
    text = ALPHABET[number & 31]
    number >>= 5
    while number:
        text = ALPHABET[number & 31] + text
        number >>= 5
    return text


def symbols(chance: bytes) -> str:
    """Return one symbol for each byte; 256 is a multiple of 32, so every symbol is as likely."""
    return "".join([ALPHABET[byte & 31] for byte in chance])


def fold(typed: str) -> str:
    """Return what a person meant to type: upper case, no dashes, O read as 0, I and L as 1."""
    return typed.upper().translate(_AS_MEANT)
