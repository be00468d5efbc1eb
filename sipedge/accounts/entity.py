"""What every thing of the domain has in common: a table of the data file and a natural key."""

from typing import ClassVar


class Entity:
    """A thing with a natural key, kept in one table.

    `table` is its name in the data file, `key_field` the field that tells one from another.
    """

    __slots__ = ()
    table: ClassVar[str]
    key_field: ClassVar[str]

    @property
    def key(self) -> str:
        """The natural key."""
        return str(getattr(self, self.key_field))
