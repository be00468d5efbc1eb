"""Lines and aliases: the SIP identities of customers and the further numbers that reach them."""

from dataclasses import dataclass
from typing import ClassVar

from sipedge.accounts.checks import check_count, check_name, check_secret, check_text
from sipedge.accounts.entity import Entity
from sipedge.accounts.numbers import check_canonical, check_line_number
from sipedge.accounts.secret import ClearSecret, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Line(Entity):
    """A customer's SIP identity.

    `number` is its user name; `simultaneous_calls` the total it may have at once, included by the
    offer or paid (0: none but emergency calls); `password` the secret of digest authentication,
    None on import meaning that the stored one stays; `link` the access link it shares, or empty. A
    line that is not `enabled` still registers, but makes and takes emergency calls only.
    """

    table: ClassVar[str] = "line"
    key_field: ClassVar[str] = "number"

    number: str
    group: str
    offer: str
    simultaneous_calls: int
    password: Secret | None = None
    link: str = ""
    description: str = ""
    enabled: bool = True

    def __post_init__(self) -> None:
        check_line_number("number", self.number)
        check_name("group", self.group)
        check_name("offer", self.offer)
        check_count("simultaneous_calls", self.simultaneous_calls, 0)
        # A sealed one was checked on its way in.
        if isinstance(self.password, ClearSecret):
            check_secret("password", self.password.reveal())
        if self.link:
            check_name("link", self.link)
        check_text("description", self.description)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias(Entity):
    """A further number that reaches a line; it belongs to a group of its own choosing."""

    table: ClassVar[str] = "alias"
    key_field: ClassVar[str] = "number"

    number: str
    line: str
    group: str

    def __post_init__(self) -> None:
        check_canonical("number", self.number)
        check_line_number("line", self.line)
        check_name("group", self.group)
