"""`line add|list|show|set`: the lines, on the running edge where one runs, else in the database."""

import secrets
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sipedge.accounts.data_set import DataSet
from sipedge.accounts.data_text import write_data_set
from sipedge.accounts.lines import Alias, Line
from sipedge.accounts.secret import ClearSecret
from sipedge.accounts.services import (
    LineChange,
    add_line,
    change_line,
    check_changed_line,
    check_new_line,
    get_line,
    list_lines,
)
from sipedge.cli.context import (
    ConfigOption,
    JsonOption,
    load_numbering,
    load_offers,
    with_stores,
)
from sipedge.cli.edge_client import EdgeClient, find_edge
from sipedge.cli.output import EXIT_WRONG, CommandError, print_json, print_rows
from sipedge.config import load_settings

if TYPE_CHECKING:
    from sipedge.stores.opening import Stores

app = typer.Typer(help="Lines: the SIP identities of customers.", no_args_is_help=True)

# No characters that a person reading a password aloud or typing it on a phone mistakes.
_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_PASSWORD_LENGTH: Final = 16

NumberArgument = Annotated[
    str, typer.Argument(metavar="NUMBER", help="Number of the line, as 0033972100001.")
]


@app.command("add")
def add(  # noqa: PLR0917 - typer calls it by name
    number: NumberArgument,
    group: Annotated[str, typer.Option("--group", help="Billing account it belongs to.")],
    offer: Annotated[str, typer.Option("--offer", help="What it is sold as.")],
    calls: Annotated[
        int | None,
        typer.Option("--calls", help="Simultaneous calls in total; those of the offer by default."),
    ] = None,
    link: Annotated[str, typer.Option("--link", help="Access link it shares.")] = "",
    description: Annotated[str, typer.Option("--description", help="Free text.")] = "",
    password_stdin: Annotated[
        bool,
        typer.Option(
            "--password-stdin", help="Read the SIP password from standard input; else one is made."
        ),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a line. A password that is made is printed this once."""
    settings = load_settings(config)
    offers = load_offers(settings)
    password = _read_password() if password_stdin else _make_password()
    line = Line(
        number=load_numbering(settings).line_number(number),
        group=group,
        offer=offer,
        simultaneous_calls=offers.get(offer).included if calls is None else calls,
        password=ClearSecret(password),
        link=link,
        description=description,
    )
    edge = find_edge(settings)
    if edge is None:
        with_stores(settings, lambda stores: add_line(stores.accounts, line, offers=offers))
    else:
        with_stores(settings, lambda stores: check_new_line(stores.accounts, line, offers=offers))
        _import_line(edge, line)
    if as_json:
        made = {} if password_stdin else {"password": password}
        print_json({**_as_json(line), **made})
    elif password_stdin:
        print(f"line {line.number} added")
    else:
        print(f"line {line.number} added, password {password}")


@app.command("list")
def list_(
    group: Annotated[str, typer.Option("--group", help="Only lines of this group.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the lines, in the order of their numbers; passwords are never shown."""
    settings = load_settings(config)
    lines = with_stores(settings, lambda stores: list_lines(stores.accounts, group=group))
    if as_json:
        print_json([_as_json(line) for line in lines])
        return
    print_rows(
        ("number", "group", "offer", "calls", "link", "enabled", "description"),
        [
            (
                line.number,
                line.group,
                line.offer,
                line.simultaneous_calls,
                line.link or "-",
                line.enabled,
                line.description,
            )
            for line in lines
        ],
    )


@app.command("show")
def show(number: NumberArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show one line with its aliases; the password is never shown."""
    settings = load_settings(config)
    canonical = load_numbering(settings).line_number(number)
    offers = load_offers(settings)

    async def read(stores: "Stores") -> tuple[Line, list[str]]:
        line = await get_line(stores.accounts, canonical)
        aliases = await stores.accounts.all(Alias)
        return line, [alias.number for alias in aliases if alias.line == canonical]

    line, aliases = with_stores(settings, read)
    offer = offers.get(line.offer)
    shown = {
        **_as_json(line),
        "included_calls": offer.included,
        "maximum_calls": offer.maximum,
        "aliases": aliases,
    }
    if as_json:
        print_json(shown)
        return
    for key, value in shown.items():
        text = ", ".join(value) if isinstance(value, list) else value
        text = ("yes" if text else "no") if isinstance(text, bool) else text
        print(f"{key.replace('_', ' ')}: {text if text != '' else '-'}")


@app.command("set")
def set_(
    number: NumberArgument,
    calls: Annotated[
        int | None, typer.Option("--calls", help="Simultaneous calls in total; 0 lets none pass.")
    ] = None,
    link: Annotated[
        str | None, typer.Option("--link", help='Access link it shares; "" for none.')
    ] = None,
    enabled: Annotated[
        bool | None,
        typer.Option(
            "--enable/--disable",
            help="Whether it may call; a disabled line still registers, for emergency calls.",
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a line; a running edge follows within a second, and cuts no call."""
    if calls is None and link is None and enabled is None:
        raise CommandError(EXIT_WRONG, "line set: name what to change, as --calls 5")
    settings = load_settings(config)
    canonical = load_numbering(settings).line_number(number)
    edge = find_edge(settings)

    async def change(stores: "Stores") -> LineChange:
        before = await get_line(stores.accounts, canonical)
        after = replace(
            before,
            simultaneous_calls=before.simultaneous_calls if calls is None else calls,
            link=before.link if link is None else link,
            enabled=before.enabled if enabled is None else enabled,
        )
        work = change_line if edge is None else check_changed_line
        return await work(stores.accounts, after, offers=load_offers(settings))

    changed = with_stores(settings, change)
    after = changed.after
    if edge is not None and changed.before != after:
        _tell(edge, changed)
    if as_json:
        print_json(_as_json(after))
    else:
        print(_describe_change(changed.before, after))


def _tell(edge: EdgeClient, change: LineChange) -> None:
    """Let the running edge make a change that was checked."""
    calls = change.after.simultaneous_calls
    if replace(change.before, simultaneous_calls=calls) == change.after:
        edge.post("lines", change.after.number, body={"calls": calls})
    else:
        _import_line(edge, replace(change.after, password=None))


def _describe_change(before: Line, after: Line) -> str:
    changes = []
    if before.simultaneous_calls != after.simultaneous_calls:
        changes.append(f"calls {before.simultaneous_calls} -> {after.simultaneous_calls}")
    if before.link != after.link:
        changes.append(f"link {before.link or 'none'} -> {after.link or 'none'}")
    if before.enabled != after.enabled:
        changes.append("enabled" if after.enabled else "disabled")
    return f"line {after.number}: {', '.join(changes) or 'as it was'}"


def _as_json(line: Line) -> dict[str, object]:
    """Say what a line is, without its password."""
    return {
        "number": line.number,
        "group": line.group,
        "offer": line.offer,
        "simultaneous_calls": line.simultaneous_calls,
        "link": line.link,
        "description": line.description,
        "enabled": line.enabled,
    }


def _import_line(edge: EdgeClient, line: Line) -> None:
    """Hand one line to the running edge; without a password the stored one stays."""
    edge.post("import", body=write_data_set(DataSet(lines=[line])).encode())


def _read_password() -> str:
    # Only the end of the line is taken off: a password may begin or end with a space.
    return sys.stdin.readline().removesuffix("\n").removesuffix("\r")


def _make_password() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_PASSWORD_LENGTH))
