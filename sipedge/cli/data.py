"""`import` and `export`: the domain data as a file."""

import os
import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from sipedge.accounts.data_text import write_data_set
from sipedge.accounts.errors import DataFileError
from sipedge.accounts.importing import ImportReport
from sipedge.accounts.services import export_dataset
from sipedge.cli.context import ConfigOption, JsonOption, load_numbering, load_offers, with_stores
from sipedge.cli.edge_client import EdgeClient, find_edge
from sipedge.cli.output import EXIT_WRONG, CommandError, print_error, print_json
from sipedge.cli.progress import ProgressLine
from sipedge.config import Settings, load_settings

Counts = dict[str, dict[str, int]]


def import_data(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Data file in TOML, - for standard input.")
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add and change contacts, groups, lines and the rest from a data file.

    What the file does not name stays as it is; importing a file twice changes nothing the second
    time. An error in the file changes nothing at all.
    """
    settings = load_settings(config)
    content = _read_input(file)
    name = "standard input" if file == "-" else file
    edge = find_edge(settings)
    if edge is not None:
        counts = _import_there(edge, content, name)
    else:
        counts = _counts(_import_here(settings, content, name))
    if as_json:
        print_json({"tables": counts})
    else:
        _print_counts(name, counts)


def export_data(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write there, with mode 0600."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Print every contact, group, line and the rest as a data file, SIP passwords included."""
    settings = load_settings(config)
    data = with_stores(settings, lambda stores: export_dataset(stores.accounts))
    text = write_data_set(data)
    print_error("warning: the export holds SIP passwords and API secrets; keep it like a key")
    if output is None:
        sys.stdout.write(text)
    else:
        _write_private(output, text)


def _import_here(settings: Settings, content: bytes, name: str) -> ImportReport:
    from sipedge.stores.import_job import ImportJob, run_import

    job = ImportJob(
        settings.database.url,
        settings.edge.data_path,
        load_numbering(settings),
        load_offers(settings),
    )
    try:
        with ProgressLine(f"import {name}") as progress:
            return run_import(job, content, progress.update)
    except DataFileError as error:
        raise CommandError(EXIT_WRONG, f"{name}: {error}") from None


def _import_there(edge: EdgeClient, content: bytes, name: str) -> Counts:
    try:
        answer = edge.post("import", body=content)
    except CommandError as error:
        raise CommandError(error.status, f"{name}: {error}") from None
    tables = answer.get("tables")
    return tables if isinstance(tables, dict) else {}


def _counts(report: ImportReport) -> Counts:
    return {
        name: {"added": table.added, "changed": table.changed, "unchanged": table.unchanged}
        for name, table in report.tables.items()
    }


def _print_counts(name: str, counts: Counts) -> None:
    done = []
    for table, numbers in counts.items():
        parts = [f"{number} {word}" for word, number in numbers.items() if number]
        if parts:
            done.append(f"{table} {', '.join(parts)}")
    print(f"{name}: {'; '.join(done) or 'nothing in it'}")


def _read_input(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise CommandError(EXIT_WRONG, f"{file}: cannot be read ({error.strerror})") from None


def _write_private(path: Path, text: str) -> None:
    """Put the text in place in one step, in a file that only its owner reads."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            temporary.replace(path)
        except BaseException:
            temporary.unlink()
            raise
    except OSError as error:
        raise CommandError(EXIT_WRONG, f"{path}: cannot be written ({error.strerror})") from None
