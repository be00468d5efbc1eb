"""The data file: TOML text to a data set, with errors that name table, entry and key.

A file is taken as a whole or not at all. What it refers to may be in the file or in the database;
that is checked by the service that imports it.
"""

import difflib
import tomllib
from collections.abc import Iterable
from typing import Final

from sipedge.accounts.data_set import DataSet, Progress, no_progress
from sipedge.accounts.data_tables import TABLES, Column, Table
from sipedge.accounts.entity import Entity
from sipedge.accounts.errors import DataFileError, DomainError, ErrorCode, show
from sipedge.accounts.numbers import Numbering
from sipedge.accounts.offers import OfferCatalogue

_PROGRESS_EVERY: Final = 2_000


def parse_data_set(
    text: str | bytes,
    *,
    numbering: Numbering,
    offers: OfferCatalogue,
    progress: Progress = no_progress,
) -> DataSet:
    """Read a data file; DataFileError says what is wrong with it."""
    document = _read_toml(text)
    names = [table.name for table in TABLES]
    for name in document:
        if name not in names:
            raise _refused("", f"found a table [[{_plain(name)}]]; {_suggest(name, names)}")
    total = sum(len(entries) for entries in document.values() if isinstance(entries, list))
    reading = _Reading(numbering, offers, progress, total)
    for table in TABLES:
        reading.read_table(table, document.get(table.name, []))
    return reading.data


def _read_toml(text: str | bytes) -> dict[str, object]:
    try:
        return tomllib.loads(text.decode() if isinstance(text, bytes) else text)
    except UnicodeDecodeError as error:
        raise _refused("", f"write the file in UTF-8: byte {error.start} is none") from None
    except RecursionError:
        raise _refused("", "is not a data file: brackets are nested too deep") from None
    except ValueError as error:
        raise _refused("", f"is not TOML: {error}") from None


class _Reading:
    """One file being read: what it has given so far, and what reading it takes."""

    __slots__ = ("_done", "_numbering", "_offers", "_progress", "_total", "data")

    def __init__(
        self, numbering: Numbering, offers: OfferCatalogue, progress: Progress, total: int
    ) -> None:
        self.data = DataSet()
        self._numbering = numbering
        self._offers = offers
        self._progress = progress
        self._total = total
        self._done = 0

    def read_table(self, table: Table, entries: object) -> None:
        """Read every entry of one table into the data set."""
        if not isinstance(entries, list):
            raise _refused(table.name, f"write [[{table.name}]], with two brackets, for each entry")
        groups_of_lines = {line.number: line.group for line in self.data.lines}
        seen: set[str] = set()
        for index, values in enumerate(entries, start=1):
            try:
                filled = self._with_defaults(table, values, groups_of_lines)
                self.data.add(_read_entry(table, filled, seen, self._numbering))
            except DomainError as error:
                raise DataFileError(
                    error, table=table.name, entry=index, natural_key=_natural_key(table, values)
                ) from None
            self._done += 1
            if self._done % _PROGRESS_EVERY == 0 or self._done == self._total:
                self._progress("checking", self._done, self._total)

    def _with_defaults(
        self, table: Table, values: object, groups_of_lines: dict[str, str]
    ) -> object:
        """Fill in what follows from elsewhere: a line's calls, an alias's group."""
        if not isinstance(values, dict):
            return values
        if table.name == "line" and isinstance(values.get("offer"), str):
            offer = self._offers.get(values["offer"])
            calls = values.get("simultaneous_calls", offer.included)
            if isinstance(calls, int) and not isinstance(calls, bool):
                self._offers.check_calls(offer.name, calls)
            return {**values, "simultaneous_calls": calls}
        if table.name == "alias" and isinstance(values.get("line"), str):
            group = groups_of_lines.get(self._numbering.line_number(values["line"], "line"))
            if group is not None and "group" not in values:
                return {**values, "group": group}
        return values


def _read_entry(table: Table, values: object, seen: set[str], numbering: Numbering) -> Entity:
    if not isinstance(values, dict):
        raise DomainError(ErrorCode.INVALID, "", f"found {show(values)}; write [[{table.name}]]")
    known = {column.key for column in table.columns}
    for key in values:
        if key not in known:
            raise DomainError(
                ErrorCode.UNKNOWN, _plain(key), f"no such key; {_suggest(key, sorted(known))}"
            )
    fields: dict[str, object] = {}
    for column in table.columns:
        if column.key in values:
            fields[column.field] = _read_value(column, values[column.key], numbering)
        elif column.required:
            raise DomainError(
                ErrorCode.MISSING, column.key, "found nothing; this key must be there"
            )
    try:
        entity = table.build(**fields)
    except DomainError as error:
        raise _in_file_words(table, error) from None
    if entity.key in seen:
        key = table.columns[0].key
        raise DomainError(ErrorCode.EXISTS, key, f"found {show(entity.key)} twice in this file")
    seen.add(entity.key)
    return entity


def _read_value(column: Column, value: object, numbering: Numbering) -> object:
    try:
        return column.read(value, numbering)
    except DomainError as error:
        raise DomainError(error.code, column.key, error.message) from None


def _in_file_words(table: Table, error: DomainError) -> DomainError:
    """Name the key of the file where the entity named its field."""
    for column in table.columns:
        if column.field == error.field:
            return DomainError(error.code, column.key, error.message)
    return error


def _natural_key(table: Table, values: object) -> str:
    key = values.get(table.columns[0].key) if isinstance(values, dict) else None
    return _plain(key) if isinstance(key, str) else ""


def _plain(text: str) -> str:
    """Cut a text of the file to what may stand in one line of a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text[:64])


def _suggest(word: str, names: Iterable[str]) -> str:
    known = list(names)
    close = difflib.get_close_matches(word[:64], known, n=1)
    return f"write {close[0]}" if close else "write one of " + ", ".join(known)


def _refused(field: str, message: str) -> DataFileError:
    return DataFileError(DomainError(ErrorCode.INVALID, field, message))
