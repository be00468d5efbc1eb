"""What is wrong with a configuration, in lines that a person can act on."""

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

FOUND_LENGTH_MAX: Final = 60
_URL_PASSWORD: Final = re.compile(r"(://[^:/@\s]*:)[^\s\"]*@")
_SECRET_KEY: Final = re.compile(r"(?:^|[._])(?:password|secret|token)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it is, what was found there and what to write instead."""

    file: str
    key: str
    found: str
    instead: str

    @override
    def __str__(self) -> str:
        where = f"{self.file}: {self.key}" if self.key else self.file
        found = f"found {self.found}; " if self.found else ""
        return f"{where}: {found}{self.instead}"


class ConfigurationError(Exception):
    """The configuration cannot be used; nothing was started and nothing was changed.

    `problems` holds every mistake in the order of the file; the text of the exception is the
    first of them, in one line.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(str(self.problems[0]))

    @classmethod
    def single(cls, file: str, key: str, found: str, instead: str) -> "ConfigurationError":
        """Build the error for one mistake."""
        return cls([Problem(file, key, found, instead)])


def show_found(key: str, value: object) -> str:
    """Render a value in at most 60 characters, without a password that stands in it."""
    if _SECRET_KEY.search(key):
        return "a value that is not shown"
    if isinstance(value, str | int | float | bool | list | dict):
        text = json.dumps(value, default=str, ensure_ascii=False)
    else:
        text = str(value)
    text = hide_url_password(text)
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= FOUND_LENGTH_MAX else text[: FOUND_LENGTH_MAX - 3] + "..."


def hide_url_password(text: str) -> str:
    """Replace the password in a URL by stars."""
    return _URL_PASSWORD.sub(r"\1***@", text)


def suggest(word: str, known: Iterable[str]) -> str:
    """Say which known word was probably meant, or list them all."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"write `{close[0]}`"
    return "write one of " + ", ".join(f"`{name}`" for name in names)
