"""Checks of single values that every table of the domain shares."""

import re
from typing import Final

from sipedge.accounts.errors import DomainError, ErrorCode, show

NAME_LENGTH_MAX: Final = 64
TEXT_LENGTH_MAX: Final = 255
# Longer than any phone can hold, short enough for a header of the challenge to stay sane.
SECRET_LENGTH_MAX: Final = 128
COUNT_MAX: Final = 2**31 - 1

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,63})", re.ASCII)
_EMAIL: Final = re.compile(r"[^\s@<>\"(),;:\\]{1,64}@[A-Za-z0-9.-]{1,190}", re.ASCII)


def check_name(field: str, value: str) -> None:
    """Accept 1 to 64 ASCII letters, digits, dots, hyphens and underscores."""
    if not _NAME.fullmatch(value):
        raise DomainError(
            ErrorCode.INVALID,
            field,
            f"found {show(value)}; write 1 to 64 letters, digits, dots, hyphens and underscores",
        )


def check_text(field: str, value: str, *, empty: bool = True) -> None:
    """Accept up to 255 printable characters of any script."""
    if not value and not empty:
        raise DomainError(ErrorCode.MISSING, field, "found nothing; write some text")
    if len(value) > TEXT_LENGTH_MAX or not value.isprintable():
        raise DomainError(
            ErrorCode.INVALID,
            field,
            f"found {show(value)}; write up to {TEXT_LENGTH_MAX} printable characters",
        )


def check_secret(field: str, value: str) -> None:
    """Accept 1 to 128 printable characters; the refusal does not repeat them."""
    if not 1 <= len(value) <= SECRET_LENGTH_MAX or not value.isprintable():
        raise DomainError(
            ErrorCode.INVALID,
            field,
            f"found {len(value)} characters that are not shown; "
            f"write 1 to {SECRET_LENGTH_MAX} printable ones",
        )


def check_email(field: str, value: str) -> None:
    """Accept what has the shape of an address; only a mail proves more."""
    if not _EMAIL.fullmatch(value):
        raise DomainError(
            ErrorCode.INVALID, field, f"found {show(value)}; write an address as ops@example.test"
        )


def check_count(field: str, value: int, low: int, high: int = COUNT_MAX) -> None:
    """Accept a whole number from `low` to `high`."""
    if not low <= value <= high:
        raise DomainError(
            ErrorCode.INVALID,
            field,
            f"found {show(value)}; write a whole number from {low} to {high}",
        )
