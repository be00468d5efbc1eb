"""What can be done with accounts beside importing: export them, add and change lines."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace

from sipedge.accounts.applications import Application, Credential
from sipedge.accounts.contacts import Contact
from sipedge.accounts.data_set import DataSet, no_progress
from sipedge.accounts.errors import DataFileError, DomainError, ErrorCode, show
from sipedge.accounts.groups import Group
from sipedge.accounts.importing import keep_secret, require_secret
from sipedge.accounts.lines import Alias, Line
from sipedge.accounts.links import Link
from sipedge.accounts.offers import OfferCatalogue
from sipedge.accounts.phones import Phone
from sipedge.accounts.references import check_references
from sipedge.accounts.repositories import AccountsRepository, Changes, retry_on_conflict


@dataclass(frozen=True, slots=True)
class LineChange:
    """A line before and after a change."""

    before: Line
    after: Line


async def export_dataset(repository: AccountsRepository) -> DataSet:
    """Read everything, for `write_data_set`; secrets are in it, sealed until they are written."""
    return DataSet(
        contacts=list(await repository.all(Contact)),
        applications=list(await repository.all(Application)),
        credentials=list(await repository.all(Credential)),
        groups=list(await repository.all(Group)),
        links=list(await repository.all(Link)),
        lines=list(await repository.all(Line)),
        aliases=list(await repository.all(Alias)),
        phones=list(await repository.all(Phone)),
    )


async def list_lines(repository: AccountsRepository, *, group: str = "") -> Sequence[Line]:
    """List the lines in the order of their numbers, of one group or of all."""
    lines = await repository.all(Line)
    return [line for line in lines if line.group == group] if group else lines


async def get_line(repository: AccountsRepository, number: str) -> Line:
    """Return the line; DomainError when there is none of that number."""
    line = (await repository.find(Line, [number])).get(number)
    if line is None:
        raise DomainError(ErrorCode.UNKNOWN, "number", f"there is no line {show(number)}")
    return line


async def check_new_line(
    repository: AccountsRepository, line: Line, *, offers: OfferCatalogue
) -> None:
    """Refuse a new line when its number is taken or a reference leads nowhere."""
    if await repository.find(Line, [line.number]):
        raise DomainError(
            ErrorCode.EXISTS, "number", f"there is a line {show(line.number)} already"
        )
    await _refuse_in_own_words(check_references(repository, DataSet(lines=[line]), offers))
    require_secret(line)


async def add_line(repository: AccountsRepository, line: Line, *, offers: OfferCatalogue) -> Line:
    """Add one line; DomainError as `check_new_line` says."""

    async def attempt(version: int) -> Line:
        await check_new_line(repository, line, offers=offers)
        await repository.write(Changes(added=[line]), version=version, progress=no_progress)
        return line

    return await retry_on_conflict(repository, attempt)


async def set_line_calls(
    repository: AccountsRepository, number: str, calls: int, *, offers: OfferCatalogue
) -> LineChange:
    """Set the total of simultaneous calls of a line, 0 up to the maximum of its offer."""

    async def attempt(version: int) -> LineChange:
        before = await get_line(repository, number)
        offers.check_calls(before.offer, calls)
        after = replace(before, simultaneous_calls=calls)
        if after.simultaneous_calls != before.simultaneous_calls:
            changes = Changes(changed=[after])
            await repository.write(changes, version=version, progress=no_progress)
        return LineChange(before, after)

    return await retry_on_conflict(repository, attempt)


async def check_changed_line(
    repository: AccountsRepository, line: Line, *, offers: OfferCatalogue
) -> LineChange:
    """Say what replacing a line would change; DomainError when it may not be."""
    before = await get_line(repository, line.number)
    await _refuse_in_own_words(check_references(repository, DataSet(lines=[line]), offers))
    return LineChange(before, keep_secret(line, before))


async def change_line(
    repository: AccountsRepository, line: Line, *, offers: OfferCatalogue
) -> LineChange:
    """Replace a line by another form of it; `password` None keeps the stored one."""

    async def attempt(version: int) -> LineChange:
        change = await check_changed_line(repository, line, offers=offers)
        if change.after != change.before:
            changes = Changes(changed=[change.after])
            await repository.write(changes, version=version, progress=no_progress)
        return change

    return await retry_on_conflict(repository, attempt)


async def _refuse_in_own_words(check: Awaitable[None]) -> None:
    """Run a check of a data set that no file stands behind: its errors name no entry."""
    try:
        await check
    except DataFileError as error:
        raise DomainError(error.code, error.field, error.message) from None
