"""Numbers from the wire: ASCII digits in range, and never what int() alone would take."""

from collections.abc import Callable

import pytest

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.numbers import (
    DELTA_SECONDS_MAX,
    parse_delta_seconds,
    parse_number,
    parse_port,
    parse_q,
)

# What int() or str.isdigit() take, or choke on, and SIP does not.
NOT_NUMBERS = [
    b"",
    b"-1",
    b"+5",
    b"0x10",
    b"1e3",
    b"1_0",
    b" 1",
    b"1 ",
    b"1\n",
    "\uff11\uff12".encode(),
    "\u00b2".encode(),
    b"\xb2",
    b"1.0",
    b"NaN",
]


@pytest.mark.parametrize("value", NOT_NUMBERS)
@pytest.mark.parametrize("parse", [lambda value: parse_number(value, 10**9), parse_delta_seconds])
def test_only_ascii_digits_are_a_number(parse: Callable[[bytes], int], value: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse(value)


@pytest.mark.parametrize(
    ("value", "expected"), [(b"0", 0), (b"0068", 68), (b"255", 255), (b"0" * 60_000 + b"7", 7)]
)
def test_a_number_may_have_leading_zeros(value: bytes, expected: int) -> None:
    assert parse_number(value, 255) == expected


@pytest.mark.parametrize(
    "value", [b"256", b"36893488147419103232", b"9" * 5000, b"1" + b"0" * 60_000]
)
def test_a_number_above_its_limit_is_malformed(value: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_number(value, 255)


@pytest.mark.parametrize(("value", "expected"), [(b"1", 1), (b"5060", 5060), (b"65535", 65535)])
def test_a_port_is_read(value: bytes, expected: int) -> None:
    assert parse_port(value) == expected


@pytest.mark.parametrize("value", [b"0", b"65536", b"123456", b"", b"5o60", b"00000", *NOT_NUMBERS])
def test_a_port_outside_its_range_is_malformed(value: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_port(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"0", 0),
        (b"3600", 3600),
        (b"4294967295", DELTA_SECONDS_MAX),
        (b"4294967296", DELTA_SECONDS_MAX),
        (b"280297596632815", DELTA_SECONDS_MAX),
        (b"1" + b"0" * 10_000, DELTA_SECONDS_MAX),
    ],
)
def test_delta_seconds_stop_at_their_largest_value(value: bytes, expected: int) -> None:
    assert parse_delta_seconds(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"0", 0),
        (b"1", 1000),
        (b"1.0", 1000),
        (b"1.000", 1000),
        (b"0.33", 330),
        (b"0.7", 700),
        (b"0.001", 1),
        (b".5", 500),
        (b"0.", 0),
        (b"0.12345", 123),
    ],
)
def test_q_is_read_in_thousandths(value: bytes, expected: int) -> None:
    assert parse_q(value) == expected


@pytest.mark.parametrize(
    "value", [b".", b"1.001", b"2", b"0.5.5", b"0." + b"0" * 60_000, *NOT_NUMBERS[:-2]]
)
def test_a_q_that_is_no_preference_is_malformed(value: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_q(value)
