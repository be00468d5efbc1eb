"""What is sold: offers with their included and maximum simultaneous calls, as versioned data."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Final

from sipedge.accounts.checks import check_count, check_name, check_text
from sipedge.accounts.errors import DataFileError, DomainError, ErrorCode, show

SHIPPED_OFFERS: Final = "offers.toml"
_KEYS: Final = frozenset({"name", "included", "maximum", "label"})


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing a line is sold as.

    `included` simultaneous calls come with the line; more are paid, up to `maximum`.
    """

    name: str
    included: int
    maximum: int
    label_fr: str
    label_en: str

    def __post_init__(self) -> None:
        check_name("name", self.name)
        check_count("included", self.included, 0)
        check_count("maximum", self.maximum, max(self.included, 1))
        check_text("label.fr", self.label_fr, empty=False)
        check_text("label.en", self.label_en, empty=False)


class OfferCatalogue:
    """The offers in force and the version of the data they come from."""

    __slots__ = ("_by_name", "version")

    def __init__(self, version: str, offers: Mapping[str, Offer]) -> None:
        self.version = version
        self._by_name = dict(offers)

    @property
    def offers(self) -> tuple[Offer, ...]:
        """All offers, in the order of the file."""
        return tuple(self._by_name.values())

    def get(self, name: str) -> Offer:
        """Return the offer; DomainError lists the known ones."""
        offer = self._by_name.get(name)
        if offer is None:
            known = ", ".join(f'"{known}"' for known in self._by_name)
            raise DomainError(
                ErrorCode.UNKNOWN, "offer", f"found {show(name)}; write one of {known}"
            )
        return offer

    def check_calls(self, offer_name: str, calls: int) -> None:
        """Accept 0 (the line can make and take no call) up to the maximum of the offer."""
        offer = self.get(offer_name)
        if not 0 <= calls <= offer.maximum:
            code = ErrorCode.TOO_MANY if calls > 0 else ErrorCode.INVALID
            raise DomainError(
                code,
                "simultaneous_calls",
                f"found {show(calls)}; write 0 to {offer.maximum}, "
                f'the maximum of the offer "{offer.name}"',
            )


def shipped_offers() -> OfferCatalogue:
    """Read the offers shipped with sipedge."""
    return parse_offers(resources.files("sipedge.accounts").joinpath(SHIPPED_OFFERS).read_text())


def parse_offers(text: str) -> OfferCatalogue:
    """Read an offers file; DataFileError names entry and key."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _file_error("", f"is not TOML: {error}") from None
    version = document.get("version")
    if not isinstance(version, str) or not version:
        raise _file_error("version", 'write the version of this data, as "2024-1"')
    entries = document.get("offer")
    if not isinstance(entries, list) or not entries:
        raise _file_error("offer", "write at least one [[offer]] table")
    offers: dict[str, Offer] = {}
    for index, entry in enumerate(entries, start=1):
        try:
            offer = _read_offer(entry)
        except DomainError as error:
            raise DataFileError(error, table="offer", entry=index) from None
        if offer.name in offers:
            twice = DomainError(ErrorCode.EXISTS, "name", f"found {show(offer.name)} twice")
            raise DataFileError(twice, table="offer", entry=index, natural_key=offer.name)
        offers[offer.name] = offer
    return OfferCatalogue(version, offers)


def _read_offer(entry: object) -> Offer:
    if not isinstance(entry, dict):
        raise DomainError(ErrorCode.INVALID, "", f"found {show(entry)}; write an [[offer]] table")
    for key in entry:
        if key not in _KEYS:
            known = ", ".join(sorted(_KEYS))
            raise DomainError(ErrorCode.UNKNOWN, key, f"no such key; write one of {known}")
    label = entry.get("label")
    if not isinstance(label, dict):
        raise DomainError(ErrorCode.MISSING, "label", 'write { fr = "...", en = "..." }')
    return Offer(
        _text(entry, "name"),
        _count(entry, "included"),
        _count(entry, "maximum"),
        _text(label, "fr"),
        _text(label, "en"),
    )


def _text(table: Mapping[str, object], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str):
        raise DomainError(ErrorCode.INVALID, key, f"found {show(value)}; write text in quotes")
    return value


def _count(table: Mapping[str, object], key: str) -> int:
    value = table.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise DomainError(ErrorCode.INVALID, key, f"found {show(value)}; write a whole number")
    return value


def _file_error(field: str, message: str) -> DataFileError:
    return DataFileError(DomainError(ErrorCode.INVALID, field, message))
