"""The numbers that no limit may refuse: a dated list, from a file or the one shipped."""

import datetime as dt
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from sipedge.config.errors import ConfigurationError, show_found

SHIPPED_LIST: Final = "emergency-fr.toml"
_NUMBER: Final = re.compile(r"[0-9]{2,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class EmergencyNumber:
    """One short number with what it reaches, in French and in English."""

    number: str
    fr: str
    en: str


@dataclass(frozen=True, slots=True)
class EmergencyList:
    """The list in force: when it was checked, against what, and its numbers."""

    as_of: dt.date
    source: str
    numbers: tuple[EmergencyNumber, ...]

    @property
    def digits(self) -> frozenset[str]:
        """The bare numbers."""
        return frozenset(entry.number for entry in self.numbers)


def load_emergency_list(path: str) -> EmergencyList:
    """Read the list at `path`, or the shipped one when `path` is empty.

    Raises ConfigurationError, naming the file and the key.
    """
    if path:
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise ConfigurationError.single(
                path, "", "", f"cannot be read ({error.strerror}); correct emergency.list"
            ) from None
    else:
        path = SHIPPED_LIST
        content = resources.files("sipedge.config").joinpath(SHIPPED_LIST).read_bytes()
    try:
        document = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigurationError.single(path, "", "", f"is not TOML: {error}") from None
    return _read_list(path, document)


def _read_list(path: str, document: dict[str, object]) -> EmergencyList:
    as_of = document.get("as_of")
    if type(as_of) is not dt.date:
        raise _wrong(path, "as_of", as_of, "write the day the list was checked, as 2024-12-31")
    source = document.get("source")
    if not isinstance(source, str) or not source:
        raise _wrong(path, "source", source, "write in words where the list comes from")
    entries = document.get("number")
    if not isinstance(entries, list) or not entries:
        raise _wrong(path, "number", entries, "write at least one [[number]] table")
    numbers = tuple(_read_number(path, index, entry) for index, entry in enumerate(entries))
    seen: set[str] = set()
    for index, entry in enumerate(numbers):
        if entry.number in seen:
            raise _wrong(path, f"number[{index}].number", entry.number, "write each number once")
        seen.add(entry.number)
    return EmergencyList(as_of, source, numbers)


def _read_number(path: str, index: int, entry: object) -> EmergencyNumber:
    if not isinstance(entry, dict):
        raise _wrong(path, f"number[{index}]", entry, "write a [[number]] table")
    number = entry.get("number")
    if not isinstance(number, str) or not _NUMBER.fullmatch(number):
        raise _wrong(path, f"number[{index}].number", number, 'write 2 to 6 digits, as "112"')
    names = []
    for language in ("fr", "en"):
        name = entry.get(language)
        if not isinstance(name, str) or not name:
            raise _wrong(path, f"number[{index}].{language}", name, "write what it reaches")
        names.append(name)
    return EmergencyNumber(number, *names)


def _wrong(path: str, key: str, value: object, instead: str) -> ConfigurationError:
    found = "nothing" if value is None else show_found(key, value)
    return ConfigurationError.single(path, key, found, instead)
