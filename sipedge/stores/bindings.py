"""Registrations as they are stored, and the port through which the edge writes them behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

BindingKey = tuple[str, bytes, bytes, int]


@dataclass(slots=True)
class StoredBinding:
    """One registered address of a line (RFC 3261 section 10).

    `aor` is the number of the line. What a phone sent is kept as the bytes it sent. The flow is
    where the registration came from: the listener's index, the transport and the remote address.
    `q` is in thousandths. `expires_at` and `updated_at` are seconds since 1970 on the wall clock,
    so that they mean the same after a restart. `instance` and `reg_id` are those of RFC 5626
    section 4.1, empty and 0 without.
    """

    aor: str
    contact_uri: bytes
    listener: int
    transport: str
    host: str
    port: int
    q: int
    expires_at: float
    call_id: bytes
    cseq: int
    instance: bytes
    reg_id: int
    path: bytes
    user_agent: bytes
    updated_at: float

    @property
    def key(self) -> BindingKey:
        """What tells this binding from the others."""
        return (self.aor, self.contact_uri, self.instance, self.reg_id)


@dataclass(slots=True)
class DeletedBinding:
    """The end of a binding: its key."""

    aor: str
    contact_uri: bytes
    instance: bytes = b""
    reg_id: int = 0

    @property
    def key(self) -> BindingKey:
        """What tells the binding from the others."""
        return (self.aor, self.contact_uri, self.instance, self.reg_id)


BindingWrite = StoredBinding | DeletedBinding


class BindingStore(Protocol):
    """Keeps the bindings of all lines across a restart."""

    async def load_all(self) -> list[StoredBinding]:
        """Return every stored binding, the expired ones too, in the order of their keys."""
        ...

    async def apply(self, batch: Sequence[BindingWrite]) -> None:
        """Write a batch in one transaction; of several writes to one key the last one counts."""
        ...
