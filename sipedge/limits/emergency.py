"""Which calls nobody may refuse: emergency numbers, emergency URNs and calls back from rescuers.

The numbers are dated data from the configuration (in France a list that ARCEP decides); the URNs
are RFC 5031 section 4.2, the call-back is RFC 7090. This is the outermost rule of all (ADR 0004).
"""

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# What people write between digits: RFC 3966 visual separators, spaces, the pause after the
# outside-line digit.
_SEPARATORS: Final = b"-.() ,"

# Two digits are the shortest in use anywhere, six the longest (116000). A longer one is an
# ordinary number, and listing it would open a way around every limit.
_DIGITS_MIN: Final = 2
_DIGITS_MAX: Final = 6

_SOS: Final = b"urn:service:sos"
# After "sos": the end, a sub-service, or the components that RFC 8141 section 2.3 allows.
_AFTER_SOS: Final = b".?#;"

_DATE: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")

_INVITE: Final = b"INVITE "
# A request line that carries an emergency target is far shorter than this.
_PEEK_BYTES: Final = 256


@dataclass(frozen=True, slots=True)
class EmergencyEntry:
    """One number as it is dialled inside its country, and the service that answers."""

    number: str
    service: str


class EmergencyNumbers:
    """The emergency numbers of one country as of `effective_date` (`2022-12-01`).

    Raises ValueError, in one line that says what to write, for a list that cannot be right.
    """

    __slots__ = ("_spellings", "effective_date", "entries")

    def __init__(
        self,
        entries: Sequence[EmergencyEntry],
        effective_date: str,
        *,
        country_code: str = "33",
        international_prefix: str = "00",
    ) -> None:
        _check_date(effective_date)
        _check_digits("country_code", country_code, 1, 3)
        _check_digits("international_prefix", international_prefix, 1, 4)
        if not entries:
            raise ValueError("emergency numbers: the list is empty; write at least 112")
        self.entries = tuple(entries)
        self.effective_date = effective_date
        self._spellings: dict[bytes, str] = {}
        for entry in entries:
            _check_digits("number", entry.number, _DIGITS_MIN, _DIGITS_MAX)
            number = entry.number.encode("ascii")
            if number in self._spellings:
                raise ValueError(f"emergency numbers: {entry.number} is listed twice")
            self._spellings[number] = entry.number
            self._spellings[f"+{country_code}".encode("ascii") + number] = entry.number
            self._spellings[f"{international_prefix}{country_code}".encode() + number] = (
                entry.number
            )

    def match(self, user: bytes, *, outside_prefixes: Sequence[bytes] = ()) -> str | None:
        """Return the emergency number that the user part of a URI dials, else None.

        `user` is unescaped and without parameters: the caller has read `;phone-context`. Only
        the whole of it matches, as dialled, after +33 or 0033, or after one outside-line prefix:
        never 15 inside a longer number.
        """
        number = self._spellings.get(user)
        if number is not None:
            return number
        digits = user.translate(None, _SEPARATORS)
        number = self._spellings.get(digits)
        if number is not None:
            return number
        for prefix in outside_prefixes:
            if digits.startswith(prefix):
                number = self._spellings.get(digits[len(prefix) :])
                if number is not None:
                    return number
        return None

    def peek(self, wire: bytes, *, outside_prefixes: Sequence[bytes] = ()) -> bool:
        """Whether unparsed bytes open like an INVITE to an emergency service.

        For messages of banned sources: it reads the request line only, and a wrong yes costs one
        parsing.
        """
        if not wire.startswith(_INVITE):
            return False
        uri, space, _ = wire[len(_INVITE) : _PEEK_BYTES].partition(b" ")
        if not space:
            return False
        if is_sos_urn(uri):
            return True
        _, _, rest = uri.partition(b":")
        user = rest.partition(b"@")[0].partition(b";")[0]
        return self.match(user, outside_prefixes=outside_prefixes) is not None


def is_sos_urn(uri: bytes) -> bool:
    """Whether `uri` is urn:service:sos or one of its sub-services, in any case (RFC 5031)."""
    if uri[: len(_SOS)].lower() != _SOS:
        return False
    return len(uri) == len(_SOS) or uri[len(_SOS)] in _AFTER_SOS


class CallbackWindow:
    """Lines that called an emergency service lately: any call to them may be the call back.

    RFC 7090 marks call-backs with `Priority: psap-callback`, which few networks carry yet. At
    most `capacity` lines are remembered; the one that called the longest ago goes first.
    """

    __slots__ = ("_called_at", "_capacity", "_seconds")

    def __init__(self, seconds: float, capacity: int) -> None:
        assert seconds >= 0, seconds
        assert capacity > 0, capacity
        self._seconds = seconds
        self._capacity = capacity
        self._called_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._called_at)

    def remember(self, line: str, now: float) -> None:
        """Open the window of `line`: its emergency call began or ended now."""
        self._called_at[line] = now
        self._called_at.move_to_end(line)
        if len(self._called_at) > self._capacity:
            self._called_at.popitem(last=False)

    def covers(self, line: str, now: float) -> bool:
        """Whether a call to `line` may be the call back of an emergency service."""
        called_at = self._called_at.get(line)
        if called_at is None:
            return False
        if now - called_at < self._seconds:
            return True
        del self._called_at[line]
        return False


def _check_digits(key: str, value: str, digits_min: int, digits_max: int) -> None:
    # str.isdigit() alone takes superscripts and the digits of every script.
    if value.isascii() and value.isdigit() and digits_min <= len(value) <= digits_max:
        return
    raise ValueError(
        f"emergency numbers: {key} {value!r} is not {digits_min} to {digits_max} digits"
    )


def _check_date(value: str) -> None:
    if _DATE.fullmatch(value) is None:
        raise ValueError(
            f"emergency numbers: effective_date {value!r} is no date; write it as 2022-12-01"
        )
