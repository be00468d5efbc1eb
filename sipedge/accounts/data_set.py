"""A set of domain data: what a data file holds and what export writes."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sipedge.accounts.applications import Application, Credential
from sipedge.accounts.contacts import Contact
from sipedge.accounts.entity import Entity
from sipedge.accounts.groups import Group
from sipedge.accounts.lines import Alias, Line
from sipedge.accounts.links import Link
from sipedge.accounts.phones import Phone

# Says how far a long work is: the stage in one word or two, done and total.
Progress = Callable[[str, int, int], None]


def no_progress(_stage: str, _done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class DataSet:
    """Entries by table, in the order of the file."""

    contacts: list[Contact] = field(default_factory=list)
    applications: list[Application] = field(default_factory=list)
    credentials: list[Credential] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    phones: list[Phone] = field(default_factory=list)

    def tables(self) -> tuple[tuple[type[Entity], list[Entity]], ...]:
        """Return every table with its entries; what is referred to comes before what refers."""
        return (
            (Contact, list(self.contacts)),
            (Application, list(self.applications)),
            (Credential, list(self.credentials)),
            (Group, list(self.groups)),
            (Link, list(self.links)),
            (Line, list(self.lines)),
            (Alias, list(self.aliases)),
            (Phone, list(self.phones)),
        )

    def add(self, entity: Entity) -> None:
        """Append an entry to its table."""
        match entity:
            case Contact():
                self.contacts.append(entity)
            case Application():
                self.applications.append(entity)
            case Credential():
                self.credentials.append(entity)
            case Group():
                self.groups.append(entity)
            case Link():
                self.links.append(entity)
            case Line():
                self.lines.append(entity)
            case Alias():
                self.aliases.append(entity)
            case Phone():
                self.phones.append(entity)
            case _:
                raise TypeError(type(entity).__name__)

    def __len__(self) -> int:
        return sum(len(entries) for _, entries in self.tables())
