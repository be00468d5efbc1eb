"""Numbers as SIP writes them: ASCII digits and nothing else.

`int()` also takes signs, spaces, underscores and the digits of every script, and refuses above 4300
digits with an error of its own; no number from the wire may reach it unchecked.
"""

from typing import Final

from sipedge.sip.errors import MalformedMessage

DELTA_SECONDS_MAX: Final = 2**32 - 1
PORT_MAX: Final = 65535
Q_MAX: Final = 1000


def parse_number(value: bytes, largest: int) -> int:
    """Read `value` as 1*DIGIT, leading zeros allowed (`Max-Forwards: 0068`).

    Raises MalformedMessage when it is anything else or above `largest`.
    """
    if not value.isdigit():
        raise MalformedMessage(400, "Not a number")
    # The length is looked at before the digits are: 60,000 of them cost nothing.
    digits = value.lstrip(b"0")
    if len(digits) > 20:
        raise MalformedMessage(400, "Number out of range")
    number = int(digits or b"0")
    if number > largest:
        raise MalformedMessage(400, "Number out of range")
    return number


def parse_port(value: bytes) -> int:
    """Read a port, 1 to 65535: nothing can be sent to port 0, and 0 means "none" in our objects."""
    if not value.isdigit() or len(value) > 5:
        raise MalformedMessage(400, "Bad port")
    port = int(value)
    if not 0 < port <= PORT_MAX:
        raise MalformedMessage(400, "Bad port")
    return port


def parse_delta_seconds(value: bytes) -> int:
    """Read delta-seconds; what exceeds 2^32-1 becomes 2^32-1 (RFC 3261 sections 20.10, 20.19).

    The range is the RFC's. It leaves open what an overlarge value means (RFC 4475 section 3.1.2.4);
    "as long as can be" keeps the peer's intent, and each user of the value has a ceiling below it.
    Raises MalformedMessage when `value` is not 1*DIGIT.
    """
    if not value.isdigit():
        raise MalformedMessage(400, "Not a number of seconds")
    digits = value.lstrip(b"0")
    if len(digits) > 10:
        return DELTA_SECONDS_MAX
    return min(int(digits or b"0"), DELTA_SECONDS_MAX)


def parse_q(value: bytes) -> int:
    """Read a qvalue as thousandths, 0 to 1000 (RFC 3261 section 25.1).

    A missing leading zero (`.5`) and more than three decimals are read too, the latter cut off:
    a preference is no reason to refuse a phone. Raises MalformedMessage for the rest.
    """
    whole, _, decimals = value.partition(b".")
    if not (whole + decimals).isdigit() or len(value) > 20:
        raise MalformedMessage(400, "Bad q value")
    thousandths = int(whole or b"0") * 1000 + int((decimals + b"000")[:3])
    if thousandths > Q_MAX:
        raise MalformedMessage(400, "Bad q value")
    return thousandths
