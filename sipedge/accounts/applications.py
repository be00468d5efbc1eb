"""API keys: applications and the credentials with which they act for a contact."""

from dataclasses import dataclass
from typing import ClassVar, Final

from sipedge.accounts.checks import TEXT_LENGTH_MAX, check_name, check_secret, check_text
from sipedge.accounts.entity import Entity
from sipedge.accounts.errors import DomainError, ErrorCode, show
from sipedge.accounts.secret import ClearSecret, Secret

HTTP_METHODS: Final = ("GET", "POST", "PUT", "DELETE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Application(Entity):
    """A program that may call the API, with the secret that signs its calls.

    `secret` None on import means that the stored one stays.
    """

    table: ClassVar[str] = "application"
    key_field: ClassVar[str] = "application_key"

    application_key: str
    secret: Secret | None = None
    name: str = ""

    def __post_init__(self) -> None:
        check_name("key", self.application_key)
        if isinstance(self.secret, ClearSecret):
            check_secret("secret", self.secret.reveal())
        check_text("name", self.name)


@dataclass(frozen=True, slots=True)
class AccessRule:
    """One thing a credential may do: a method on a path, where `*` stands for any text."""

    method: str
    path: str

    def __post_init__(self) -> None:
        if self.method not in HTTP_METHODS:
            raise DomainError(
                ErrorCode.INVALID,
                "rules",
                f"found method {show(self.method)}; write one of {', '.join(HTTP_METHODS)}",
            )
        path = self.path
        if not path.startswith("/") or len(path) > TEXT_LENGTH_MAX or not path.isprintable():
            raise DomainError(
                ErrorCode.INVALID,
                "rules",
                f"found path {show(path)}; write one as /telephony/*",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential(Entity):
    """The right of an application to act for a contact, within its rules."""

    table: ClassVar[str] = "credential"
    key_field: ClassVar[str] = "consumer_key"

    consumer_key: str
    application: str
    nichandle: str
    rules: tuple[AccessRule, ...]

    def __post_init__(self) -> None:
        check_name("consumer_key", self.consumer_key)
        check_name("application", self.application)
        check_name("nichandle", self.nichandle)
        if not self.rules:
            raise DomainError(
                ErrorCode.MISSING,
                "rules",
                'found none; write at least one, as { method = "GET", path = "/*" }',
            )
