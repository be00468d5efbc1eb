"""The rules of the business that said no."""

from enum import StrEnum

from typing_extensions import override


class ErrorCode(StrEnum):
    """Stable words for what is wrong; interfaces translate them."""

    INVALID = "invalid"  # the value cannot be what the field means
    MISSING = "missing"  # a field that must be there is not
    UNKNOWN = "unknown"  # a key, a table or a thing that does not exist
    EXISTS = "exists"  # the key is taken
    TOO_MANY = "too_many"  # above what the offer allows


class DomainError(Exception):
    """A rule of the business refused a value or a change; nothing was changed.

    `field` is the key at fault as the data file spells it, `message` a sentence that says what was
    found and what would do. Secrets never stand in it.
    """

    def __init__(self, code: ErrorCode, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.code = code
        self.field = field
        self.message = message

    @override
    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions are pickled by their args, which hold the sentence only: an import that runs
        # in a process of its own must hand its refusal back whole.
        return type(self), (self.code, self.field, self.message)


class DataFileError(DomainError):
    """A data file was refused as a whole.

    `table` and `entry` (from 1, in the order of the file) tell where, `natural_key` is the number,
    name or MAC of the entry when it has one that can be read.
    """

    def __init__(
        self,
        error: DomainError,
        *,
        table: str = "",
        entry: int = 0,
        natural_key: str = "",
    ) -> None:
        super().__init__(error.code, error.field, error.message)
        self.table = table
        self.entry = entry
        self.natural_key = natural_key

    @override
    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (
            self.code,
            self.field,
            self.message,
            self.table,
            self.entry,
            self.natural_key,
        )

    @override
    def __str__(self) -> str:
        parts = []
        if self.table:
            key = f" ({self.natural_key})" if self.natural_key else ""
            parts.append(f"[[{self.table}]] entry {self.entry}{key}")
        if self.field:
            parts.append(f"key {self.field}")
        where = ", ".join(parts)
        return f"{where}: {self.message}" if where else self.message


def _restore(
    code: ErrorCode, field: str, message: str, table: str, entry: int, natural_key: str
) -> DataFileError:
    error = DomainError(code, field, message)
    return DataFileError(error, table=table, entry=entry, natural_key=natural_key)


def show(value: object) -> str:
    """Render a found value in at most 60 printable characters."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = f'"{value}"'
    elif isinstance(value, list):
        text = "a list"
    elif isinstance(value, dict):
        text = "a table"
    else:
        text = str(value) if not isinstance(value, int) or abs(value) < 10**40 else "a huge number"
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= 60 else text[:57] + "..."
