"""What commands print, and with which status they end.

0 done; 1 the answer is no; 2 wrong use or wrong configuration; 3 the edge or its database is out of
reach. Errors are one line on standard error each.
"""

import json
import os
import sys
from collections.abc import Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from sipedge.accounts.errors import DataFileError, DomainError
from sipedge.config import ConfigurationError
from sipedge.stores.errors import StoreError

EXIT_DONE: Final = 0
EXIT_NO: Final = 1
EXIT_WRONG: Final = 2
EXIT_UNREACHABLE: Final = 3
# As a shell counts an end by SIGINT.
EXIT_INTERRUPTED: Final = 130


class CommandError(Exception):
    """A command ends with a status and one line that says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def report(error: Exception) -> int:
    """Print an expected error and return the status to end with; others are raised again."""
    match error:
        case CommandError():
            print_error(str(error))
            return error.status
        case ConfigurationError():
            print_error(str(error))
            return EXIT_WRONG
        case DataFileError():
            print_error(str(error))
            return EXIT_WRONG
        case DomainError():
            print_error(str(error))
            return EXIT_NO
        case StoreError():
            print_error(str(error))
            return EXIT_UNREACHABLE
        case _:
            raise error


def print_error(message: str) -> None:
    """Print one line on standard error."""
    line = " ".join(message.split())
    # What a stranger sent may be quoted in it, and must not drive the terminal.
    shown = "".join(char if char.isprintable() else "?" for char in line)
    print(f"sipedge: {shown}", file=sys.stderr)


def print_json(value: object) -> None:
    """Print a value for programs, in one document."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_rows(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table: aligned for people, separated by tabs when the output is no terminal."""
    texts = [[_cell(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        for row in (headings, *texts):
            print("\t".join(row))
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in headings:
        table.add_column(heading)
    for row in texts:
        table.add_row(*row)
    Console(highlight=False, markup=False).print(table)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def close_quietly() -> None:
    """Let the interpreter end without a word after `| head` has closed our output."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
