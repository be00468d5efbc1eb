"""Groups: billing accounts, each with its three contacts."""

from dataclasses import dataclass
from typing import ClassVar

from sipedge.accounts.checks import check_name, check_text
from sipedge.accounts.entity import Entity


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Entity):
    """A billing account that holds lines and aliases.

    `admin` may do everything, `tech` the technical settings, `billing` sees the bills: each is the
    NIC handle of a contact.
    """

    table: ClassVar[str] = "group"
    key_field: ClassVar[str] = "billing_account"

    billing_account: str
    admin: str
    tech: str
    billing: str
    description: str = ""

    def __post_init__(self) -> None:
        check_name("billing_account", self.billing_account)
        check_name("admin", self.admin)
        check_name("tech", self.tech)
        check_name("billing", self.billing)
        check_text("description", self.description)
