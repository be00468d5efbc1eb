"""Importing a data set: what is new, what changes, what stays, in one transaction."""

from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from sipedge.accounts.applications import Application
from sipedge.accounts.contacts import Contact
from sipedge.accounts.data_set import DataSet, Progress, no_progress
from sipedge.accounts.entity import Entity
from sipedge.accounts.errors import DataFileError, DomainError, ErrorCode
from sipedge.accounts.lines import Alias, Line
from sipedge.accounts.links import Link
from sipedge.accounts.offers import OfferCatalogue
from sipedge.accounts.references import check_references
from sipedge.accounts.repositories import (
    AccountsRepository,
    Changes,
    PasswordHasher,
    retry_on_conflict,
)

_PROGRESS_EVERY: Final = 2_000

EntityT = TypeVar("EntityT", bound=Entity)
Stored = dict[type[Entity], dict[str, Entity]]


@dataclass(slots=True)
class TableReport:
    """What an import did to one table."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0


@dataclass(slots=True)
class ImportReport:
    """What an import did.

    `lines` are the numbers whose profile a running edge has to read again: lines added or changed,
    and lines whose aliases were. `links` are the links added or changed.
    """

    tables: dict[str, TableReport] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written."""
        return all(not table.added and not table.changed for table in self.tables.values())


async def import_dataset(
    repository: AccountsRepository,
    data: DataSet,
    *,
    offers: OfferCatalogue,
    passwords: PasswordHasher,
    progress: Progress = no_progress,
) -> ImportReport:
    """Add and change what the data set says, in one transaction; what it does not name stays.

    Importing the same twice writes nothing the second time. Raises DataFileError, with the place
    in the file, when an entry refers to nothing or clashes with another.
    """

    async def attempt(version: int) -> ImportReport:
        stored = await _find_stored(repository, data)
        await check_references(repository, data, offers)
        changes, report = await _compare(data, stored, passwords, progress)
        if changes:
            await repository.write(changes, version=version, progress=progress)
        return report

    return await retry_on_conflict(repository, attempt)


async def _find_stored(repository: AccountsRepository, data: DataSet) -> Stored:
    stored: Stored = {}
    for kind, entries in data.tables():
        keys = [entity.key for entity in entries]
        stored[kind] = dict(await repository.find(kind, keys)) if keys else {}
    return stored


async def _compare(
    data: DataSet, stored: Stored, passwords: PasswordHasher, progress: Progress
) -> tuple[Changes, ImportReport]:
    """Sort the entries into new, changed and unchanged ones."""
    changes, report = Changes(), ImportReport()
    touched: dict[str, None] = {}
    total, done = len(data), 0
    for kind, entries in data.tables():
        counts = report.tables[kind.table] = TableReport()
        for index, entity in enumerate(entries, start=1):
            before = stored[kind].get(entity.key)
            try:
                after = await _settle(entity, before, passwords)
            except DomainError as error:
                raise DataFileError(
                    error, table=kind.table, entry=index, natural_key=entity.key
                ) from None
            if before is None:
                counts.added += 1
                changes.added.append(after)
            elif after != before:
                counts.changed += 1
                changes.changed.append(after)
            else:
                counts.unchanged += 1
            if after != before:
                _note(after, before, report, touched)
            done += 1
            if done % _PROGRESS_EVERY == 0 or done == total:
                progress("comparing", done, total)
    report.lines = list(touched)
    return changes, report


def _note(
    after: Entity, before: Entity | None, report: ImportReport, touched: dict[str, None]
) -> None:
    """Remember what a running edge has to read again."""
    for entity in (after, before):
        if isinstance(entity, Line):
            touched[entity.number] = None
        elif isinstance(entity, Alias):
            touched[entity.line] = None
    if isinstance(after, Link):
        report.links.append(after.name)


async def _settle(entity: Entity, before: Entity | None, passwords: PasswordHasher) -> Entity:
    """Give an entry the form in which it is kept: hashed, or with the secret it already had."""
    if isinstance(entity, Contact):
        return await _settle_contact(entity, before, passwords)
    merged = keep_secret(entity, before)
    require_secret(merged)
    return merged


async def _settle_contact(
    contact: Contact, before: Entity | None, passwords: PasswordHasher
) -> Contact:
    known = before.password_hash if isinstance(before, Contact) else ""
    if contact.password is not None:
        password = contact.password.reveal()
        if not known or not await passwords.verify(known, password):
            known = await passwords.hash(password)
    elif contact.password_hash:
        known = contact.password_hash
    return replace(contact, password=None, password_hash=known)


def keep_secret(entity: EntityT, before: Entity | None) -> EntityT:
    """Keep the stored secret of a line or application that comes without one."""
    if isinstance(entity, Line) and entity.password is None and isinstance(before, Line):
        return replace(entity, password=before.password)
    if (
        isinstance(entity, Application)
        and entity.secret is None
        and isinstance(before, Application)
    ):
        return replace(entity, secret=before.secret)
    return entity


def require_secret(entity: Entity) -> None:
    """Refuse a line or application that is left without its secret."""
    if isinstance(entity, Line) and entity.password is None:
        raise DomainError(
            ErrorCode.MISSING, "password", "found nothing; a new line needs its SIP password"
        )
    if isinstance(entity, Application) and entity.secret is None:
        raise DomainError(
            ErrorCode.MISSING, "secret", "found nothing; a new application needs its secret"
        )
