"""Contacts: the people and companies behind groups, known by their NIC handle."""

from dataclasses import dataclass
from typing import ClassVar

from sipedge.accounts.checks import check_email, check_name, check_secret, check_text
from sipedge.accounts.entity import Entity
from sipedge.accounts.errors import DomainError, ErrorCode
from sipedge.accounts.secret import ClearSecret, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact(Entity):
    """A person or company (never the SIP header of that name).

    `password` is only there on its way in: what is kept is `password_hash`, in argon2's own text
    form. Both empty means no console login, or on import that the stored one stays.
    """

    table: ClassVar[str] = "contact"
    key_field: ClassVar[str] = "nichandle"

    nichandle: str
    email: str
    name: str
    password: Secret | None = None
    password_hash: str = ""
    voip_validated: bool = False

    def __post_init__(self) -> None:
        check_name("nichandle", self.nichandle)
        check_email("email", self.email)
        check_text("name", self.name)
        if isinstance(self.password, ClearSecret):
            check_secret("password", self.password.reveal())
        if self.password_hash and not self.password_hash.startswith("$argon2id$"):
            raise DomainError(
                ErrorCode.INVALID,
                "password_hash",
                "found another kind of hash; write an argon2id one, or `password` instead",
            )
        if self.password is not None and self.password_hash:
            raise DomainError(
                ErrorCode.INVALID, "password_hash", "write it or `password`, not both"
            )
