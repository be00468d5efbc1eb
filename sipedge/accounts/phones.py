"""Phones: the devices that are configured for a line, known by their MAC address."""

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from sipedge.accounts.entity import Entity
from sipedge.accounts.errors import DomainError, ErrorCode, show
from sipedge.accounts.numbers import check_line_number

_MAC: Final = re.compile(r"[0-9a-f]{12}", re.ASCII)
_MODEL: Final = re.compile(r"[a-z0-9-]{1,31}\.[a-z0-9-]{1,31}", re.ASCII)
_SEPARATORS: Final = str.maketrans("", "", ":-.")


def canonical_mac(text: str) -> str:
    """Return a MAC as 12 lower-case hexadecimal digits; colons, hyphens and dots are left out."""
    mac = text.lower().translate(_SEPARATORS)
    # The lowest bit of the first byte marks a group address, which no device has.
    if not _MAC.fullmatch(mac) or int(mac[:2], 16) & 1:
        raise DomainError(
            ErrorCode.INVALID,
            "mac",
            f"found {show(text)}; write the 12 hexadecimal digits on the phone, as 805ec0aabbcc",
        )
    return mac


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone(Entity):
    """A device; `model` is maker and model in lower case, as `yealink.t54w`."""

    table: ClassVar[str] = "phone"
    key_field: ClassVar[str] = "mac"

    mac: str
    model: str
    line: str

    def __post_init__(self) -> None:
        if canonical_mac(self.mac) != self.mac:
            raise DomainError(ErrorCode.INVALID, "mac", f"found {show(self.mac)}")
        if not _MODEL.fullmatch(self.model):
            raise DomainError(
                ErrorCode.INVALID,
                "model",
                f"found {show(self.model)}; write maker and model, as yealink.t54w",
            )
        check_line_number("line", self.line)
