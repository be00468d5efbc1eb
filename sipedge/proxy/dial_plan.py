"""One spelling for one number: `+33972...`, `0033972...` and `0972...` are the same line."""

from typing import Final

_SEPARATORS: Final = b"-.() "
# What a stored number begins with, however this country dials abroad (accounts/numbers.py).
CANONICAL_PREFIX: Final = b"00"


class DialPlan:
    """How callers dial in the country in which the edge stands.

    `international_prefix` is what replaces the plus sign; `national_prefix` is what a number of
    `country_code` begins with at home.
    """

    __slots__ = ("country_code", "international_prefix", "national_prefix")

    def __init__(
        self,
        country_code: bytes = b"33",
        international_prefix: bytes = b"00",
        national_prefix: bytes = b"0",
    ) -> None:
        self.country_code = country_code
        self.international_prefix = international_prefix
        self.national_prefix = national_prefix

    def canonical(self, user: bytes) -> bytes:
        """Return the international spelling of a number, `0033972100001`; other users unchanged."""
        number = user.translate(None, _SEPARATORS)
        bare = number[1:] if number[:1] == b"+" else number
        if not bare.isdigit():
            return user
        if bare is not number:
            return CANONICAL_PREFIX + bare
        if self.international_prefix and number.startswith(self.international_prefix):
            return CANONICAL_PREFIX + number[len(self.international_prefix) :]
        if number.startswith(CANONICAL_PREFIX):
            return number
        if self.national_prefix and number.startswith(self.national_prefix) and len(number) > 4:
            national = number[len(self.national_prefix) :]
            return CANONICAL_PREFIX + self.country_code + national
        return number
