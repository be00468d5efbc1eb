"""The call ledger: every paid call in progress is held by leases, and every number is their count.

A lease has an identity, so that a second release finds nothing to release: no count can go below
zero, drift or need repair (ADR 0003). One owner, the loop that runs the edge, changes the ledger;
`take` checks and takes without anything in between. The ledger knows accounts and limits, never
lines, and never ends a call: it is told.
"""

from collections.abc import Sequence
from enum import Enum
from math import inf
from typing import Final

from typing_extensions import override

from sipedge.limits import crockford

# "No limit" is a value of its own, neither 0 (no call at all) nor an absent setting. It compares
# like any other limit and fits a 32-bit column.
UNLIMITED: Final = 2**31 - 1

# Far more digits than a serial ever has; int() on a digit string of any length is not free.
_SERIAL_DIGITS_MAX: Final = 18


class Why(Enum):
    """Why a lease is held: one value here and one row in COUNTING_RULES for each reason."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"
    EMERGENCY = "emergency"
    PSAP_CALLBACK = "psap-callback"


OUTGOING: Final = Why.OUTGOING
INCOMING: Final = Why.INCOMING
EMERGENCY: Final = Why.EMERGENCY
PSAP_CALLBACK: Final = Why.PSAP_CALLBACK

# The rule in one sentence, shown beside every lease: a customer must be able to check the count.
COUNTING_RULES: Final[dict[Why, str]] = {
    OUTGOING: "A call this line makes counts as one, from its INVITE until its BYE is answered.",
    INCOMING: "A call to this line counts as one, however many phones ring, until its BYE.",
    EMERGENCY: "An emergency call is never refused and takes none of the paid calls.",
    PSAP_CALLBACK: "A call back from an emergency service is never refused and takes none.",
}


class LeaseState(Enum):
    """How sure the edge is of the call behind a lease; all three hold a slot."""

    EARLY = "early"  # INVITE admitted, no 2xx yet
    CONFIRMED = "confirmed"  # answered; renewed by proof of life
    UNPROVEN = "unproven"  # one negative came (no proof in time, or a restart): waits for a second


EARLY: Final = LeaseState.EARLY
CONFIRMED: Final = LeaseState.CONFIRMED
UNPROVEN: Final = LeaseState.UNPROVEN


class Claim:
    """What one call asks of one account: one slot under `limit`.

    `limit` is 0 or more, UNLIMITED for no limit. `peer` is the other party as shown to people.
    A claim that is not `counted` always passes and shows up in no count.
    """

    __slots__ = ("account", "counted", "limit", "peer", "why")

    def __init__(
        self, account: str, limit: int, why: Why, peer: str, *, counted: bool = True
    ) -> None:
        assert limit >= 0, (account, limit)
        # An emergency call that counted could be the one that a limit refuses (ADR 0004).
        assert not counted or (why is not EMERGENCY and why is not PSAP_CALLBACK), account
        self.account = account
        self.limit = limit
        self.why = why
        self.peer = peer
        self.counted = counted


class Lease:
    """One slot of one account, held by one call until it is freed, once.

    Instants are monotonic seconds. `freed_because` is None while the lease is held and tells,
    with `freed_at`, who let it go and when; `call` is the serial of the call, `serial` is unique
    within `owner` and `epoch`.
    """

    __slots__ = (
        "account",
        "call",
        "counted",
        "epoch",
        "expires_at",
        "freed_at",
        "freed_because",
        "owner",
        "peer",
        "proven_at",
        "serial",
        "state",
        "taken_at",
        "why",
    )

    def __init__(
        self,
        serial: int,
        claim: Claim,
        call: int,
        now: float,
        expires_at: float,
        owner: str,
        epoch: int,
    ) -> None:
        self.serial = serial
        self.account = claim.account
        self.why = claim.why
        self.peer = claim.peer
        self.counted = claim.counted
        self.call = call
        self.taken_at = now
        self.proven_at = now
        self.expires_at = expires_at
        self.owner = owner
        self.epoch = epoch
        self.state = EARLY
        self.freed_at = 0.0
        self.freed_because: str | None = None

    @property
    def id(self) -> str:
        """The name people use for the lease: `L-3F-17`, serial 17 of epoch 111."""
        return f"L-{crockford.encode(self.epoch)}-{self.serial}"

    @property
    def is_held(self) -> bool:
        """Whether the lease still takes its slot."""
        return self.freed_because is None

    @override
    def __repr__(self) -> str:
        return f"<Lease {self.id} {self.account} {self.why.value} {self.state.value}>"


class Shortage:
    """Why a call was not admitted: the first of its claims that had no room.

    `used` and `held` are those of the instant of the refusal. `wanted` is the number of slots the
    call asked of the account, 2 for a line that calls itself.
    """

    __slots__ = ("account", "held", "limit", "used", "wanted", "why")

    def __init__(self, claim: Claim, held: tuple[Lease, ...], wanted: int) -> None:
        self.account = claim.account
        self.limit = claim.limit
        self.why = claim.why
        self.used = len(held)
        self.held = held
        self.wanted = wanted


def count_earlier(claims: Sequence[Claim], index: int) -> int:
    """Return how many counted claims before `index` ask the same account.

    Each of them takes a slot before this one can.
    """
    account = claims[index].account
    earlier = 0
    for position in range(index):
        claim = claims[position]
        if claim.counted and claim.account == account:
            earlier += 1
    return earlier


class Ledger:
    """All leases of one owner in one epoch (one life of the process).

    Invariants: `taken - freed` is the number of leases; an account's use is the number of its
    counted leases; `take` never brings an account above the limit it is given.
    """

    __slots__ = (
        "_counted",
        "_earliest_expiry_at",
        "_leases",
        "double_frees",
        "epoch",
        "freed",
        "owner",
        "refused",
        "taken",
    )

    def __init__(self, owner: str, epoch: int) -> None:
        self.owner = owner
        self.epoch = epoch
        self.taken = 0
        self.freed = 0
        self.double_frees = 0
        self.refused = 0
        self._leases: dict[int, Lease] = {}
        # Accounts that hold at least one counted lease; an idle line costs nothing.
        self._counted: dict[str, dict[int, Lease]] = {}
        # No lease expires before this: a lower bound, so that asking for overdue leases at every
        # turn of the loop costs one comparison.
        self._earliest_expiry_at = inf

    def take(
        self, claims: Sequence[Claim], call: int, now: float, expires_at: float
    ) -> list[Lease] | Shortage:
        """Take one lease per claim, in their order, or none at all.

        All claims must have room (line AND group AND link, never OR). On failure the shortage
        names the first claim without room; put the narrowest account first.
        """
        shortage = self._find_shortage(claims)
        if shortage is not None:
            self.refused += 1
            return shortage
        if expires_at < self._earliest_expiry_at:  # noqa: PLR1730 - min() is a call, on each INVITE
            self._earliest_expiry_at = expires_at
        leases = []
        for claim in claims:
            self.taken += 1  # the serial, too: the n-th lease taken in this epoch
            lease = Lease(self.taken, claim, call, now, expires_at, self.owner, self.epoch)
            self._leases[lease.serial] = lease
            if claim.counted:
                held = self._counted.get(claim.account)
                if held is None:
                    self._counted[claim.account] = {lease.serial: lease}
                else:
                    held[lease.serial] = lease
            leases.append(lease)
        return leases

    def _find_shortage(self, claims: Sequence[Claim]) -> Shortage | None:
        asked = len(claims)
        for index in range(asked):
            claim = claims[index]
            if not claim.counted:
                continue
            held = self._counted.get(claim.account)
            used = 0 if held is None else len(held)
            # Far from the limit there is room for all claims of the call, whatever they ask.
            if used + asked <= claim.limit:
                continue
            earlier = count_earlier(claims, index)
            if used + earlier >= claim.limit:
                return Shortage(claim, tuple(held.values()) if held else (), earlier + 1)
        return None

    def confirm(self, lease: Lease, now: float, expires_at: float) -> bool:
        """Give the lease its long life: a 2xx came (again). False when it was freed before."""
        if not self._extend(lease, expires_at):
            return False
        lease.proven_at = now
        lease.state = CONFIRMED
        return True

    def prove(self, lease: Lease, now: float, expires_at: float) -> bool:
        """Note a proof of life and move the expiry. False when the lease was freed before."""
        if not self._extend(lease, expires_at):
            return False
        lease.proven_at = now
        if lease.state is UNPROVEN:
            lease.state = CONFIRMED
        return True

    def doubt(self, lease: Lease, expires_at: float) -> bool:
        """Note a first negative: the slot stays held until a second one, or a proof.

        An early lease stays early: its transaction, not a probe, tells when it ends. False when
        the lease was freed before.
        """
        if not self._extend(lease, expires_at):
            return False
        if lease.state is CONFIRMED:
            lease.state = UNPROVEN
        return True

    def _extend(self, lease: Lease, expires_at: float) -> bool:
        # A freed lease never comes back: its slot may be somebody else's by now.
        if lease.freed_because is not None:
            return False
        lease.expires_at = expires_at
        if expires_at < self._earliest_expiry_at:  # noqa: PLR1730 - as in take
            self._earliest_expiry_at = expires_at
        return True

    def free(self, lease: Lease, now: float, because: str) -> bool:
        """Give the slot back. True only the first time; again is a no-op, counted."""
        if lease.freed_because is not None:
            self.double_frees += 1
            return False
        assert self._leases.get(lease.serial) is lease, lease
        del self._leases[lease.serial]
        if lease.counted:
            held = self._counted[lease.account]
            del held[lease.serial]
            if not held:
                del self._counted[lease.account]
        lease.freed_at = now
        lease.freed_because = because
        self.freed += 1
        return True

    def used(self, account: str) -> int:
        """Return how many slots of `account` are held; may be above a limit that was lowered."""
        held = self._counted.get(account)
        return 0 if held is None else len(held)

    def usage(self) -> dict[str, int]:
        """Return the slots held of every account that holds any."""
        return {account: len(held) for account, held in self._counted.items()}

    def held(self, account: str) -> list[Lease]:
        """Return the counted leases of `account`, the oldest first."""
        held = self._counted.get(account)
        return [] if held is None else list(held.values())

    def all_leases(self) -> list[Lease]:
        """Return every lease, counted or not, the oldest first."""
        return list(self._leases.values())

    def uncounted(self) -> list[Lease]:
        """Return the leases of calls that no limit may refuse, the oldest first."""
        return [lease for lease in self._leases.values() if not lease.counted]

    def find(self, lease_id: str) -> Lease | None:
        """Return the held lease of this id as a person typed it; None when there is none."""
        typed = lease_id.strip().upper()
        epoch, dash, serial = typed.removeprefix("L-").rpartition("-")
        serial = crockford.fold(serial)
        if not dash or not (serial.isascii() and serial.isdigit()):
            return None
        if len(serial) > _SERIAL_DIGITS_MAX:
            return None
        lease = self._leases.get(int(serial))
        if lease is None or crockford.encode(lease.epoch) != crockford.fold(epoch):
            return None
        return lease

    def overdue(self, now: float) -> list[Lease]:
        """Return the leases whose expiry has come. Nothing is freed: the proxy decides.

        They come back at every call until they are proven, doubted or freed.
        """
        if now < self._earliest_expiry_at:
            return []
        leases = self._leases.values()
        self._earliest_expiry_at = min((lease.expires_at for lease in leases), default=inf)
        return [lease for lease in leases if lease.expires_at <= now]
