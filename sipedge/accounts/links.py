"""Links: the access links that lines share, with what they carry."""

from dataclasses import dataclass
from typing import ClassVar

from sipedge.accounts.checks import check_count, check_name
from sipedge.accounts.entity import Entity


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Entity):
    """An access link, with the kbit/s that calls may use of it, up and down as its site sees."""

    table: ClassVar[str] = "link"
    key_field: ClassVar[str] = "name"

    name: str
    up_kbps: int
    down_kbps: int

    def __post_init__(self) -> None:
        check_name("name", self.name)
        check_count("up_kbps", self.up_kbps, 1)
        check_count("down_kbps", self.down_kbps, 1)
