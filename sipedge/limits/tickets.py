"""Refusal tickets: a short code in the answer, and behind it who held the line at that instant.

The caller reads the code to support, `sipedge why R-7F3K` tells the rest. The code is all that a
stranger gets: nothing about the account is in it or beside it.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Final, TypeVar

from sipedge.limits import crockford
from sipedge.limits.ledger import Lease

# Four symbols are a million codes; one more is used when live tickets fill one code in 64, so
# that a code typed with a mistake names no other ticket, nearly always.
_SYMBOLS_MIN: Final = 4
_SPARSENESS: Final = 64

# Draws before a longer code is tried: with one code in 64 taken, eight misses are 1 in 10**14.
_DRAWS_MAX: Final = 8

# Holders kept per ticket on average. A trunk of 100 calls that refuses for an hour must not fill
# the memory with its 100 holders per refusal: the oldest tickets go first.
_HOLDERS_PER_TICKET: Final = 8

_Field = TypeVar("_Field", str, int)


@dataclass(slots=True, kw_only=True)
class HolderSnapshot:
    """One call that held a slot when another was refused. Times are epoch seconds, UTC."""

    lease_id: str
    call_id: str
    peer: str
    why: str
    state: str
    since_utc: float
    duration_seconds: float


@dataclass(slots=True, kw_only=True)
class RefusalTicket:
    """What was refused, by which number, and who held it. `at_utc` is epoch seconds.

    `direction` is "outgoing" or "incoming" as the line sees it, `account` the ledger's key and
    `line` the number as people know it.
    """

    code: str
    at_utc: float
    reason: str
    account: str
    line: str
    direction: str
    limit: int
    used: int
    caller: str
    callee: str
    call_id: str
    holders: tuple[HolderSnapshot, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON; `from_dict` brings the ticket back."""
        return asdict(self) | {"holders": [asdict(holder) for holder in self.holders]}

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> "RefusalTicket":
        """Return the ticket that `to_dict` wrote; ValueError names the field that is not right."""
        holders = stored.get("holders")
        if not isinstance(holders, list):
            raise _describe_wrong("holders", "a list")
        return cls(
            code=_get_field(stored, "code", str),
            at_utc=_get_number(stored, "at_utc"),
            reason=_get_field(stored, "reason", str),
            account=_get_field(stored, "account", str),
            line=_get_field(stored, "line", str),
            direction=_get_field(stored, "direction", str),
            limit=_get_field(stored, "limit", int),
            used=_get_field(stored, "used", int),
            caller=_get_field(stored, "caller", str),
            callee=_get_field(stored, "callee", str),
            call_id=_get_field(stored, "call_id", str),
            holders=tuple([_get_holder(holder) for holder in holders]),
        )


def snapshot_holder(lease: Lease, *, call_id: str, now: float, at_utc: float) -> HolderSnapshot:
    """Return what a ticket keeps of `lease`; `now` (monotonic) and `at_utc` are one instant."""
    duration_seconds = now - lease.taken_at
    return HolderSnapshot(
        lease_id=lease.id,
        call_id=call_id,
        peer=lease.peer,
        why=lease.why.value,
        state=lease.state.value,
        since_utc=at_utc - duration_seconds,
        duration_seconds=duration_seconds,
    )


def warning_text(ticket: RefusalTicket) -> str:
    """Return the text of a `Warning: 399`, such as `R-7F3K 2/2 calls`: strangers read it.

    It holds no character that a quoted string has to escape (RFC 3261 section 20.43).
    """
    return f"{ticket.code} {ticket.used}/{ticket.limit} calls"


class RefusalArchive:
    """The latest tickets by code, at most `capacity` of them, the oldest out first.

    `entropy(n)` returns n bytes that a stranger cannot guess. A code is never given to a second
    ticket while the first is here.
    """

    __slots__ = ("_capacity", "_entropy", "_holders", "_holders_capacity", "_tickets")

    def __init__(self, capacity: int, entropy: Callable[[int], bytes]) -> None:
        assert capacity > 0, capacity
        self._capacity = capacity
        self._holders_capacity = capacity * _HOLDERS_PER_TICKET
        self._entropy = entropy
        self._holders = 0
        self._tickets: OrderedDict[str, RefusalTicket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tickets)

    def open(
        self,
        *,
        at_utc: float,
        reason: str,
        account: str,
        line: str,
        direction: str,
        limit: int,
        used: int,
        caller: str,
        callee: str,
        call_id: str,
        holders: tuple[HolderSnapshot, ...],
    ) -> RefusalTicket:
        """Keep a new ticket under a code of its own and return it."""
        ticket = RefusalTicket(
            code=self._draw_code(),
            at_utc=at_utc,
            reason=reason,
            account=account,
            line=line,
            direction=direction,
            limit=limit,
            used=used,
            caller=caller,
            callee=callee,
            call_id=call_id,
            holders=holders,
        )
        self.restore(ticket)
        return ticket

    def restore(self, ticket: RefusalTicket) -> None:
        """Keep a ticket that has its code already: one that the store kept over a restart."""
        symbols = crockford.fold(ticket.code.removeprefix("R-"))
        replaced = self._tickets.pop(symbols, None)
        if replaced is not None:
            self._holders -= len(replaced.holders)
        self._tickets[symbols] = ticket
        self._holders += len(ticket.holders)
        while len(self._tickets) > 1 and self._is_overfull():
            _, oldest = self._tickets.popitem(last=False)
            self._holders -= len(oldest.holders)

    def _is_overfull(self) -> bool:
        return len(self._tickets) > self._capacity or self._holders > self._holders_capacity

    def find(self, code: str) -> RefusalTicket | None:
        """Return the ticket whose code a person typed so; None when it is not (or no more) here.

        `r7f3k`, `7F3K` and `R - 7F3K` all name `R-7F3K`.
        """
        typed = crockford.fold(code)
        ticket = self._tickets.get(typed.removeprefix("R"))
        if ticket is None:
            # The R may belong to the symbols, the prefix being left out.
            ticket = self._tickets.get(typed)
        return ticket

    def _draw_code(self) -> str:
        length = _SYMBOLS_MIN
        while len(self._tickets) * _SPARSENESS >= 32**length:
            length += 1
        while True:
            for _ in range(_DRAWS_MAX):
                symbols = crockford.symbols(self._entropy(length))
                if symbols not in self._tickets:
                    return f"R-{symbols}"
            length += 1


def _describe_wrong(name: str, wanted: str) -> ValueError:
    return ValueError(f"refusal ticket: field '{name}' is not {wanted}")


def _get_field(stored: Mapping[str, object], name: str, kind: type[_Field]) -> _Field:
    value = stored.get(name)
    if not isinstance(value, kind):
        raise _describe_wrong(name, kind.__name__)
    return value


def _get_number(stored: Mapping[str, object], name: str) -> float:
    value = stored.get(name)
    if not isinstance(value, (int, float)):
        raise _describe_wrong(name, "a number")
    return float(value)


def _get_holder(stored: object) -> HolderSnapshot:
    if not isinstance(stored, Mapping):
        raise _describe_wrong("holders", "a list of tables")
    return HolderSnapshot(
        lease_id=_get_field(stored, "lease_id", str),
        call_id=_get_field(stored, "call_id", str),
        peer=_get_field(stored, "peer", str),
        why=_get_field(stored, "why", str),
        state=_get_field(stored, "state", str),
        since_utc=_get_number(stored, "since_utc"),
        duration_seconds=_get_number(stored, "duration_seconds"),
    )
