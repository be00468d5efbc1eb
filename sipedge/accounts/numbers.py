"""Telephone numbers and the names of laboratory lines.

The canonical form of a number is `00`, the country code and the national number: the user name of
a line of the product, `0033972100001`. It does not depend on how the country dials abroad.

A line may instead have a name such as `sipp` or `lab-1`: a lower-case letter, then up to 31
lower-case letters, digits, dots, underscores and hyphens. Such a line is reached from other lines
only: no trunk delivers to a name.
"""

import re
from dataclasses import dataclass
from typing import Final

from sipedge.accounts.errors import DomainError, ErrorCode, show

CANONICAL_PREFIX: Final = "00"
# E.164: at most 15 digits after the prefix; the shortest national plans give 5 with the code.
DIGITS_MIN: Final = 5
DIGITS_MAX: Final = 15

_LAB_NAME: Final = re.compile(r"[a-z][a-z0-9._-]{0,31}", re.ASCII)
_CANONICAL: Final = re.compile(r"00[1-9][0-9]{4,14}", re.ASCII)
_DIGITS: Final = re.compile(r"\+?[0-9]+", re.ASCII)
_SEPARATORS: Final = str.maketrans("", "", " .-")


@dataclass(frozen=True, slots=True)
class Numbering:
    """How the numbers of one country are dialled."""

    country_code: str = "33"
    international_prefix: str = "00"
    national_prefix: str = "0"

    def canonical(self, text: str, field: str = "number") -> str:
        """Return the canonical form of `+33972100001`, `0033...` or `0972100001`.

        Spaces, dots and hyphens between digits are left out. Raises DomainError for what is no
        complete number: a short number has no canonical form.
        """
        digits = text.translate(_SEPARATORS)
        if not _DIGITS.fullmatch(digits):
            raise _refused(field, text, self._example())
        if digits.startswith("+"):
            subscriber = digits[1:]
        elif self.international_prefix and digits.startswith(self.international_prefix):
            subscriber = digits.removeprefix(self.international_prefix)
        elif digits.startswith(CANONICAL_PREFIX):
            subscriber = digits.removeprefix(CANONICAL_PREFIX)
        elif self.national_prefix and digits.startswith(self.national_prefix):
            subscriber = self.country_code + digits.removeprefix(self.national_prefix)
        else:
            raise _refused(field, text, self._example())
        doubled = self.country_code + self.national_prefix
        if self.national_prefix and subscriber.startswith(doubled):
            raise _refused(field, text, f"leave out the 0 after +{self.country_code}")
        if not DIGITS_MIN <= len(subscriber) <= DIGITS_MAX or subscriber.startswith("0"):
            raise _refused(field, text, self._example())
        return CANONICAL_PREFIX + subscriber

    def line_number(self, text: str, field: str = "number") -> str:
        """Return the canonical number of a line, or the name of a laboratory line as it is."""
        return text if is_lab_name(text) else self.canonical(text, field)

    def _example(self) -> str:
        return (
            f"write an international number, as {CANONICAL_PREFIX}{self.country_code}972100001 "
            f"or +{self.country_code}972100001"
        )


def is_lab_name(text: str) -> bool:
    """Whether `text` may name a line that has no number."""
    return _LAB_NAME.fullmatch(text) is not None


def is_canonical(text: str) -> bool:
    """Whether `text` is a number in the form that is stored."""
    return _CANONICAL.fullmatch(text) is not None


def check_canonical(field: str, value: str) -> None:
    """Accept a number in the form that is stored."""
    if not is_canonical(value):
        raise _refused(field, value, "write an international number, as 0033972100001")


def check_line_number(field: str, value: str) -> None:
    """Accept a stored number or the name of a laboratory line."""
    if not is_canonical(value) and not is_lab_name(value):
        raise _refused(
            field,
            value,
            "write an international number, as 0033972100001, or a lower-case name, as lab-1",
        )


def _refused(field: str, text: str, instead: str) -> DomainError:
    return DomainError(ErrorCode.INVALID, field, f"found {show(text)}; {instead}")
