"""A data set to the text of a data file, the same for the same data."""

from collections.abc import Iterator, Sequence

from sipedge.accounts.applications import Application, Credential
from sipedge.accounts.contacts import Contact
from sipedge.accounts.data_set import DataSet
from sipedge.accounts.entity import Entity
from sipedge.accounts.groups import Group
from sipedge.accounts.lines import Alias, Line
from sipedge.accounts.links import Link
from sipedge.accounts.phones import Phone
from sipedge.accounts.secret import Secret

Value = str | int | bool
Pair = tuple[str, Value]


def write_data_set(data: DataSet) -> str:
    """Write every entry, secrets included; entries are in the order of their keys."""
    blocks = [
        _block(kind.table, _pairs(entity), _raw_pairs(entity))
        for kind, entries in data.tables()
        for entity in sorted(entries, key=lambda entity: entity.key)
    ]
    return "\n".join(blocks)


def _block(table: str, pairs: Sequence[Pair], raw: Sequence[tuple[str, str]]) -> str:
    lines = [f"[[{table}]]"]
    lines += [f"{key} = {_value(value)}" for key, value in pairs]
    lines += [f"{key} = {text}" for key, text in raw]
    return "\n".join(lines) + "\n"


def _pairs(entity: Entity) -> list[Pair]:
    """List the keys of an entry; what is as by default is left out where that reads better."""
    match entity:
        case Contact():
            return [
                ("nichandle", entity.nichandle),
                ("email", entity.email),
                ("name", entity.name),
                *_optional("password", _reveal(entity.password)),
                *_optional("password_hash", entity.password_hash),
                ("voip_validated", entity.voip_validated),
            ]
        case Application():
            return [
                ("key", entity.application_key),
                *_optional("secret", _reveal(entity.secret)),
                *_optional("name", entity.name),
            ]
        case Credential():
            return [
                ("application", entity.application),
                ("consumer_key", entity.consumer_key),
                ("nichandle", entity.nichandle),
            ]
        case Group():
            return [
                ("billing_account", entity.billing_account),
                ("admin", entity.admin),
                ("tech", entity.tech),
                ("billing", entity.billing),
                *_optional("description", entity.description),
            ]
        case Link():
            return [
                ("name", entity.name),
                ("up_kbps", entity.up_kbps),
                ("down_kbps", entity.down_kbps),
            ]
        case Line():
            return list(_line_pairs(entity))
        case Alias():
            return [("number", entity.number), ("line", entity.line), ("group", entity.group)]
        case Phone():
            return [("mac", entity.mac), ("model", entity.model), ("line", entity.line)]
        case _:
            raise TypeError(type(entity).__name__)


def _line_pairs(line: Line) -> Iterator[Pair]:
    yield "number", line.number
    yield "group", line.group
    yield "offer", line.offer
    yield "simultaneous_calls", line.simultaneous_calls
    yield from _optional("password", _reveal(line.password))
    yield from _optional("link", line.link)
    yield from _optional("description", line.description)
    if not line.enabled:
        yield "enabled", False


def _raw_pairs(entity: Entity) -> list[tuple[str, str]]:
    if not isinstance(entity, Credential):
        return []
    rules = (
        f"{{ method = {_value(rule.method)}, path = {_value(rule.path)} }}" for rule in entity.rules
    )
    return [("rules", f"[{', '.join(rules)}]")]


def _optional(key: str, text: str) -> list[Pair]:
    return [(key, text)] if text else []


def _reveal(secret: Secret | None) -> str:
    return "" if secret is None else secret.reveal()


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return f'"{"".join(_escape(char) for char in value)}"'


def _escape(char: str) -> str:
    """Escape what a basic string of TOML 1.0 may not hold."""
    if char in '"\\':
        return "\\" + char
    if ord(char) < 0x20 or ord(char) == 0x7F:
        return f"\\u{ord(char):04x}"
    return char
