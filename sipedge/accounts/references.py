"""References between entries: refused when they lead nowhere or claim a number twice."""

from collections.abc import Iterable

from sipedge.accounts.applications import Application
from sipedge.accounts.contacts import Contact
from sipedge.accounts.data_set import DataSet
from sipedge.accounts.entity import Entity
from sipedge.accounts.errors import DataFileError, DomainError, ErrorCode, show
from sipedge.accounts.groups import Group
from sipedge.accounts.lines import Alias, Line
from sipedge.accounts.links import Link
from sipedge.accounts.offers import OfferCatalogue
from sipedge.accounts.repositories import AccountsRepository


async def check_references(
    repository: AccountsRepository, data: DataSet, offers: OfferCatalogue
) -> None:
    """Refuse entries that refer to nothing, and numbers that would be line and alias at once."""
    for line_index, line in enumerate(data.lines, start=1):
        try:
            offers.check_calls(line.offer, line.simultaneous_calls)
        except DomainError as error:
            raise _at(line, line_index, error) from None
    for target, references in _references(data):
        await _check_targets(repository, data, target, references)
    await _check_one_owner(repository, data)


Reference = tuple[Entity, int, str, str]  # who refers, its place, by which key, to what


def _references(data: DataSet) -> Iterable[tuple[type[Entity], list[Reference]]]:
    contacts: list[Reference] = []
    groups: list[Reference] = []
    lines: list[Reference] = []
    for index, group in enumerate(data.groups, start=1):
        contacts.append((group, index, "admin", group.admin))
        contacts.append((group, index, "tech", group.tech))
        contacts.append((group, index, "billing", group.billing))
    applications: list[Reference] = []
    for index, credential in enumerate(data.credentials, start=1):
        applications.append((credential, index, "application", credential.application))
        contacts.append((credential, index, "nichandle", credential.nichandle))
    links: list[Reference] = []
    for index, line in enumerate(data.lines, start=1):
        groups.append((line, index, "group", line.group))
        if line.link:
            links.append((line, index, "link", line.link))
    for index, alias in enumerate(data.aliases, start=1):
        lines.append((alias, index, "line", alias.line))
        groups.append((alias, index, "group", alias.group))
    for index, phone in enumerate(data.phones, start=1):
        lines.append((phone, index, "line", phone.line))
    return (
        (Contact, contacts),
        (Application, applications),
        (Group, groups),
        (Link, links),
        (Line, lines),
    )


async def _check_targets(
    repository: AccountsRepository,
    data: DataSet,
    target: type[Entity],
    references: list[Reference],
) -> None:
    known = {entity.key for kind, entries in data.tables() if kind is target for entity in entries}
    wanted = {key for _, _, _, key in references if key not in known}
    if not wanted:
        return
    known |= (await repository.find(target, wanted)).keys()
    for entity, index, field_name, key in references:
        if key not in known:
            message = (
                f"found {show(key)}, which does not exist; "
                f"write one that does, or add a [[{target.table}]]"
            )
            raise _at(entity, index, DomainError(ErrorCode.UNKNOWN, field_name, message))


async def _check_one_owner(repository: AccountsRepository, data: DataSet) -> None:
    line_numbers = {line.number for line in data.lines}
    alias_numbers = {alias.number for alias in data.aliases}
    lines_taken = line_numbers | (await repository.find(Line, alias_numbers)).keys()
    aliases_taken = alias_numbers | (await repository.find(Alias, line_numbers)).keys()
    for index, alias in enumerate(data.aliases, start=1):
        if alias.number in lines_taken:
            error = DomainError(
                ErrorCode.EXISTS, "number", f"found {show(alias.number)}, which is a line already"
            )
            raise _at(alias, index, error)
    for index, line in enumerate(data.lines, start=1):
        if line.number in aliases_taken:
            error = DomainError(
                ErrorCode.EXISTS, "number", f"found {show(line.number)}, which is an alias already"
            )
            raise _at(line, index, error)


def _at(entity: Entity, index: int, error: DomainError) -> DataFileError:
    return DataFileError(error, table=entity.table, entry=index, natural_key=entity.key)
