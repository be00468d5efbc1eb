"""What the services need from storage; `stores` implements it, tests do too."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from sipedge.accounts.data_set import Progress
from sipedge.accounts.entity import Entity

EntityT = TypeVar("EntityT", bound=Entity)
ResultT = TypeVar("ResultT")

# Writers are few and short: a third collision in a row means that something else is wrong.
_ATTEMPTS: Final = 3


class Conflict(Exception):
    """Somebody else changed the accounts between our reading and our writing; read again."""


@dataclass(slots=True)
class Changes:
    """What one transaction writes; what is referred to stands before what refers."""

    added: list[Entity] = field(default_factory=list)
    changed: list[Entity] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.changed)


class AccountsRepository(Protocol):
    """Contacts, groups, lines and the rest, by kind and natural key.

    Entities that come out carry their secrets sealed: `reveal()` opens them one at a time.
    """

    async def version(self) -> int:
        """Return a number that grows with every write to the accounts."""
        ...

    async def find(self, kind: type[EntityT], keys: Collection[str]) -> dict[str, EntityT]:
        """Return those that exist, by key."""
        ...

    async def all(self, kind: type[EntityT]) -> Sequence[EntityT]:
        """Return every one of a kind, in the order of their keys."""
        ...

    async def write(self, changes: Changes, *, version: int, progress: Progress) -> None:
        """Write all of it in one transaction, or nothing.

        Raises Conflict when `version` is no longer the one of the accounts.
        """
        ...


class PasswordHasher(Protocol):
    """Hashes console passwords slowly, off the loop."""

    async def hash(self, password: str) -> str:
        """Return a new salted hash."""
        ...

    async def verify(self, password_hash: str, password: str) -> bool:
        """Whether the password is the hashed one."""
        ...


async def retry_on_conflict(
    repository: AccountsRepository, attempt: Callable[[int], Awaitable[ResultT]]
) -> ResultT:
    """Read, decide and write; again when somebody else wrote in between."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return await attempt(await repository.version())
        except Conflict:
            continue
    return await attempt(await repository.version())
