"""Entities to rows and back; secrets are sealed on their way in and stay sealed coming out."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Table

from sipedge.accounts.applications import AccessRule, Application, Credential
from sipedge.accounts.contacts import Contact
from sipedge.accounts.entity import Entity
from sipedge.accounts.groups import Group
from sipedge.accounts.lines import Alias, Line
from sipedge.accounts.links import Link
from sipedge.accounts.phones import Phone
from sipedge.accounts.secret import Secret
from sipedge.stores.secrets import SealedSecret, SecretBox
from sipedge.stores.sql import tables

EntityT = TypeVar("EntityT", bound=Entity)
# A row read, in the order of the columns of its table, and the values of a row to write.
Row = Sequence[Any]
Values = dict[str, object]

# What a sealed value is, authenticated with it.
LINE_PASSWORD: Final = "line password"  # noqa: S105
APPLICATION_SECRET: Final = "application secret"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Mapper(Generic[EntityT]):
    """How one kind of entity is kept: its table, the column of its key, and both directions."""

    table: Table
    key: str
    to_row: Callable[[EntityT, SecretBox], Values]
    from_row: Callable[[SecretBox, Row], EntityT]


def _seal(box: SecretBox, secret: Secret | None, *, kind: str, owner: str) -> bytes:
    assert secret is not None, "the services require a secret before they write"
    if isinstance(secret, SealedSecret) and secret.belongs_to(box, kind=kind, owner=owner):
        return secret.sealed
    return box.seal(secret.reveal(), kind=kind, owner=owner)


def _contact_to_row(contact: Contact, _box: SecretBox) -> Values:
    return {
        "nichandle": contact.nichandle,
        "email": contact.email,
        "name": contact.name,
        "password_hash": contact.password_hash,
        "voip_validated": contact.voip_validated,
    }


def _contact_from_row(_box: SecretBox, row: Row) -> Contact:
    nichandle, email, name, password_hash, voip_validated = row
    return Contact(
        nichandle=nichandle,
        email=email,
        name=name,
        password_hash=password_hash,
        voip_validated=voip_validated,
    )


def _application_to_row(application: Application, box: SecretBox) -> Values:
    key = application.application_key
    return {
        "key": key,
        "secret": _seal(box, application.secret, kind=APPLICATION_SECRET, owner=key),
        "name": application.name,
    }


def _application_from_row(box: SecretBox, row: Row) -> Application:
    key, secret, name = row
    sealed = SealedSecret(box, secret, kind=APPLICATION_SECRET, owner=key)
    return Application(application_key=key, secret=sealed, name=name)


def _credential_to_row(credential: Credential, _box: SecretBox) -> Values:
    return {
        "consumer_key": credential.consumer_key,
        "application": credential.application,
        "nichandle": credential.nichandle,
        "rules": json.dumps([[rule.method, rule.path] for rule in credential.rules]),
    }


def _credential_from_row(_box: SecretBox, row: Row) -> Credential:
    consumer_key, application, nichandle, rules = row
    return Credential(
        consumer_key=consumer_key,
        application=application,
        nichandle=nichandle,
        rules=tuple(AccessRule(method, path) for method, path in json.loads(rules)),
    )


def _group_to_row(group: Group, _box: SecretBox) -> Values:
    return {
        "billing_account": group.billing_account,
        "admin": group.admin,
        "tech": group.tech,
        "billing": group.billing,
        "description": group.description,
    }


def _group_from_row(_box: SecretBox, row: Row) -> Group:
    billing_account, admin, tech, billing, description = row
    return Group(
        billing_account=billing_account,
        admin=admin,
        tech=tech,
        billing=billing,
        description=description,
    )


def _link_to_row(link: Link, _box: SecretBox) -> Values:
    return {"name": link.name, "up_kbps": link.up_kbps, "down_kbps": link.down_kbps}


def _link_from_row(_box: SecretBox, row: Row) -> Link:
    name, up_kbps, down_kbps = row
    return Link(name=name, up_kbps=up_kbps, down_kbps=down_kbps)


def _line_to_row(line: Line, box: SecretBox) -> Values:
    return {
        "number": line.number,
        "billing_group": line.group,
        "offer": line.offer,
        "simultaneous_calls": line.simultaneous_calls,
        "password": _seal(box, line.password, kind=LINE_PASSWORD, owner=line.number),
        "link": line.link or None,
        "description": line.description,
        "enabled": line.enabled,
    }


def _line_from_row(box: SecretBox, row: Row) -> Line:
    number, group, offer, calls, password, link, description, enabled = row
    return Line(
        number=number,
        group=group,
        offer=offer,
        simultaneous_calls=calls,
        password=SealedSecret(box, password, kind=LINE_PASSWORD, owner=number),
        link=link or "",
        description=description,
        enabled=enabled,
    )


def _alias_to_row(alias: Alias, _box: SecretBox) -> Values:
    return {"number": alias.number, "line": alias.line, "billing_group": alias.group}


def _alias_from_row(_box: SecretBox, row: Row) -> Alias:
    number, line, group = row
    return Alias(number=number, line=line, group=group)


def _phone_to_row(phone: Phone, _box: SecretBox) -> Values:
    return {"mac": phone.mac, "model": phone.model, "line": phone.line}


def _phone_from_row(_box: SecretBox, row: Row) -> Phone:
    mac, model, line = row
    return Phone(mac=mac, model=model, line=line)


# One mapper fits its own kind only; the repository pairs them by the type it is asked for.
_MAPPERS: Final[dict[type[Entity], object]] = {
    Contact: Mapper(tables.CONTACT, "nichandle", _contact_to_row, _contact_from_row),
    Application: Mapper(tables.APPLICATION, "key", _application_to_row, _application_from_row),
    Credential: Mapper(tables.CREDENTIAL, "consumer_key", _credential_to_row, _credential_from_row),
    Group: Mapper(tables.BILLING_GROUP, "billing_account", _group_to_row, _group_from_row),
    Link: Mapper(tables.LINK, "name", _link_to_row, _link_from_row),
    Line: Mapper(tables.LINE, "number", _line_to_row, _line_from_row),
    Alias: Mapper(tables.ALIAS, "number", _alias_to_row, _alias_from_row),
    Phone: Mapper(tables.PHONE, "mac", _phone_to_row, _phone_from_row),
}


def mapper_of(kind: type[EntityT]) -> Mapper[EntityT]:
    """Return the mapper of a kind of entity."""
    mapper = _MAPPERS[kind]
    assert isinstance(mapper, Mapper)
    return mapper
