"""The tables of the data file: their keys, the fields they fill and how values are read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sipedge.accounts.applications import AccessRule, Application, Credential
from sipedge.accounts.contacts import Contact
from sipedge.accounts.entity import Entity
from sipedge.accounts.errors import DomainError, ErrorCode, show
from sipedge.accounts.groups import Group
from sipedge.accounts.lines import Alias, Line
from sipedge.accounts.links import Link
from sipedge.accounts.numbers import Numbering
from sipedge.accounts.phones import Phone, canonical_mac
from sipedge.accounts.secret import ClearSecret

Reader = Callable[[object, Numbering], object]


@dataclass(frozen=True, slots=True)
class Column:
    """A key of a table: the field it fills, and how its value is read."""

    key: str
    field: str
    read: Reader
    required: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the file: what it makes, from which keys; the first one is the natural key."""

    name: str
    build: Callable[..., Entity]
    columns: tuple[Column, ...]


def _text(value: object, _numbering: Numbering) -> str:
    if not isinstance(value, str):
        raise DomainError(ErrorCode.INVALID, "", f"found {show(value)}; write text in quotes")
    return value


def _secret(value: object, _numbering: Numbering) -> ClearSecret:
    if not isinstance(value, str):
        raise DomainError(ErrorCode.INVALID, "", "found a value that is not shown; write text")
    return ClearSecret(value)


def _count(value: object, _numbering: Numbering) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise DomainError(
            ErrorCode.INVALID, "", f"found {show(value)}; write a whole number, without quotes"
        )
    return value


def _flag(value: object, _numbering: Numbering) -> bool:
    if not isinstance(value, bool):
        raise DomainError(ErrorCode.INVALID, "", f"found {show(value)}; write true or false")
    return value


def _rules(value: object, numbering: Numbering) -> tuple[AccessRule, ...]:
    example = 'write [{ method = "GET", path = "/*" }]'
    if not isinstance(value, list):
        raise DomainError(ErrorCode.INVALID, "", f"found {show(value)}; {example}")
    rules = []
    for rule in value:
        if not isinstance(rule, dict) or set(rule) != {"method", "path"}:
            raise DomainError(ErrorCode.INVALID, "", f"found {show(rule)}; {example}")
        rules.append(AccessRule(_text(rule["method"], numbering), _text(rule["path"], numbering)))
    return tuple(rules)


def _number(value: object, numbering: Numbering) -> str:
    return numbering.canonical(_text(value, numbering))


def _line_number(value: object, numbering: Numbering) -> str:
    return numbering.line_number(_text(value, numbering))


def _mac(value: object, numbering: Numbering) -> str:
    return canonical_mac(_text(value, numbering))


# What is referred to stands before what refers to it.
TABLES: Final = (
    Table(
        "contact",
        Contact,
        (
            Column("nichandle", "nichandle", _text),
            Column("email", "email", _text),
            Column("name", "name", _text),
            Column("password", "password", _secret, required=False),
            Column("password_hash", "password_hash", _text, required=False),
            Column("voip_validated", "voip_validated", _flag, required=False),
        ),
    ),
    Table(
        "application",
        Application,
        (
            Column("key", "application_key", _text),
            Column("secret", "secret", _secret, required=False),
            Column("name", "name", _text, required=False),
        ),
    ),
    Table(
        "credential",
        Credential,
        (
            Column("consumer_key", "consumer_key", _text),
            Column("application", "application", _text),
            Column("nichandle", "nichandle", _text),
            Column("rules", "rules", _rules),
        ),
    ),
    Table(
        "group",
        Group,
        (
            Column("billing_account", "billing_account", _text),
            Column("admin", "admin", _text),
            Column("tech", "tech", _text),
            Column("billing", "billing", _text),
            Column("description", "description", _text, required=False),
        ),
    ),
    Table(
        "link",
        Link,
        (
            Column("name", "name", _text),
            Column("up_kbps", "up_kbps", _count),
            Column("down_kbps", "down_kbps", _count),
        ),
    ),
    Table(
        "line",
        Line,
        (
            Column("number", "number", _line_number),
            Column("group", "group", _text),
            Column("offer", "offer", _text),
            Column("simultaneous_calls", "simultaneous_calls", _count),
            Column("password", "password", _secret, required=False),
            Column("link", "link", _text, required=False),
            Column("description", "description", _text, required=False),
            Column("enabled", "enabled", _flag, required=False),
        ),
    ),
    Table(
        "alias",
        Alias,
        (
            Column("number", "number", _number),
            Column("line", "line", _line_number),
            Column("group", "group", _text),
        ),
    ),
    Table(
        "phone",
        Phone,
        (
            Column("mac", "mac", _mac),
            Column("model", "model", _text),
            Column("line", "line", _line_number),
        ),
    ),
)
