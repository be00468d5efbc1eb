"""The ledger against a model that knows nothing but sets of calls and limits."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from sipedge.limits.explain import arithmetic
from sipedge.limits.ledger import (
    CONFIRMED,
    EARLY,
    EMERGENCY,
    INCOMING,
    OUTGOING,
    UNLIMITED,
    UNPROVEN,
    Claim,
    Lease,
    LeaseState,
    Ledger,
    Shortage,
)

ACCOUNTS = ("line:a", "line:b", "group:g", "link:paris")
LIMITS = st.one_of(st.integers(0, 4), st.just(UNLIMITED))


class Fact:
    """What the model knows of one lease."""

    def __init__(self, account: str, expires_at: float, *, counted: bool) -> None:
        self.account = account
        self.counted = counted
        self.expires_at = expires_at
        self.state: LeaseState = EARLY
        self.freed: tuple[float, str] | None = None


class LedgerMachine(RuleBasedStateMachine):
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger("edge1", 111)
        self.now = 0.0
        self.calls = 0
        self.refused = 0
        self.double_frees = 0
        self.limits = dict.fromkeys(ACCOUNTS, 2)
        self.facts: dict[Lease, Fact] = {}

    def count(self, account: str) -> int:
        return sum(
            fact.account == account and fact.counted and fact.freed is None
            for fact in self.facts.values()
        )

    @rule(
        target=leases,
        wanted=st.lists(st.tuples(st.sampled_from(ACCOUNTS), st.booleans()), max_size=4),
        seconds=st.floats(0.5, 50),
    )
    def take(self, wanted: list[tuple[str, bool]], seconds: float) -> object:
        claims = [
            Claim(account, self.limits[account], why, "peer", counted=counted)
            for account, counted in wanted
            for why in [OUTGOING if counted else EMERGENCY]
        ]
        asked = [account for account, counted in wanted if counted]
        has_room = all(
            self.count(account) + asked.count(account) <= self.limits[account] for account in asked
        )
        rows = arithmetic(self.ledger, claims)
        self.calls += 1
        taken = self.ledger.take(claims, self.calls, self.now, self.now + seconds)
        assert isinstance(taken, list) == has_room == all(row.passes for row in rows)
        if isinstance(taken, Shortage):
            self.refused += 1
            short = next(row for row in rows if not row.passes)
            assert (taken.account, taken.used, taken.limit, taken.wanted, taken.held) == (
                short.account,
                short.used,
                short.limit,
                short.wanted,
                short.holders,
            )
            return multiple()
        assert [lease.account for lease in taken] == [claim.account for claim in claims]
        for lease in taken:
            self.facts[lease] = Fact(lease.account, self.now + seconds, counted=lease.counted)
        return multiple(*taken)

    @rule(account=st.sampled_from(ACCOUNTS), limit=LIMITS)
    def set_limit(self, account: str, limit: int) -> None:
        self.limits[account] = limit

    @rule(seconds=st.floats(0, 30))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(lease=leases, seconds=st.floats(0.5, 50))
    def confirm(self, lease: Lease, seconds: float) -> None:
        self.extend(
            lease, seconds, CONFIRMED, self.ledger.confirm(lease, self.now, self.now + seconds)
        )

    @rule(lease=leases, seconds=st.floats(0.5, 50))
    def prove(self, lease: Lease, seconds: float) -> None:
        before = self.facts[lease].state
        state = CONFIRMED if before is UNPROVEN else before
        self.extend(lease, seconds, state, self.ledger.prove(lease, self.now, self.now + seconds))

    @rule(lease=leases, seconds=st.floats(0.5, 50))
    def doubt(self, lease: Lease, seconds: float) -> None:
        before = self.facts[lease].state
        state = UNPROVEN if before is CONFIRMED else before
        self.extend(lease, seconds, state, self.ledger.doubt(lease, self.now + seconds))

    def extend(self, lease: Lease, seconds: float, state: LeaseState, done: bool) -> None:
        fact = self.facts[lease]
        assert done == (fact.freed is None)
        if done:
            fact.expires_at = self.now + seconds
            fact.state = state

    @rule(lease=leases, because=st.sampled_from(["BYE", "CANCEL", "silence"]))
    def free(self, lease: Lease, because: str) -> None:
        fact = self.facts[lease]
        first = fact.freed is None
        assert self.ledger.free(lease, self.now, because) == first
        if first:
            fact.freed = (self.now, because)
        else:
            self.double_frees += 1

    @rule()
    def free_the_overdue(self) -> None:
        for lease in self.ledger.overdue(self.now):
            self.free(lease, "silence")
        assert self.ledger.overdue(self.now) == []

    @invariant()
    def every_number_is_that_of_the_model(self) -> None:
        held = [lease for lease, fact in self.facts.items() if fact.freed is None]
        counted = {account: n for account in ACCOUNTS if (n := self.count(account))}
        assert self.ledger.all_leases() == held
        assert self.ledger.usage() == counted
        assert self.ledger.uncounted() == [lease for lease in held if not lease.counted]
        for account in ACCOUNTS:
            assert self.ledger.used(account) == self.count(account)
            assert self.ledger.held(account) == [
                lease for lease in held if lease.counted and lease.account == account
            ]
        assert self.ledger.taken == len(self.facts)
        assert self.ledger.freed == len(self.facts) - len(held)
        assert self.ledger.refused == self.refused
        assert self.ledger.double_frees == self.double_frees

    @invariant()
    def every_lease_is_that_of_the_model(self) -> None:
        for lease, fact in self.facts.items():
            assert lease.state is fact.state
            assert lease.expires_at == fact.expires_at
            assert lease.is_held == (fact.freed is None)
            assert self.ledger.find(lease.id) is (lease if fact.freed is None else None)
            if fact.freed is not None:
                assert (lease.freed_at, lease.freed_because) == fact.freed

    @invariant()
    def the_overdue_are_those_whose_expiry_has_come(self) -> None:
        assert self.ledger.overdue(self.now) == [
            lease
            for lease, fact in self.facts.items()
            if fact.freed is None and fact.expires_at <= self.now
        ]


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


@given(
    st.integers(0, 12),
    st.integers(0, 12),
    st.lists(st.sampled_from(["out", "in"]), min_size=0, max_size=40),
)
def test_of_any_number_of_calls_at_once_exactly_the_limit_is_admitted(
    limit_of_line: int, limit_of_group: int, calls: list[str]
) -> None:
    ledger = Ledger("edge1", 1)
    admitted = 0
    for call, direction in enumerate(calls):
        why = OUTGOING if direction == "out" else INCOMING
        claims = [
            Claim("line:a", limit_of_line, why, "x"),
            Claim("group:g", limit_of_group, why, "x"),
        ]
        admitted += isinstance(ledger.take(claims, call, 0.0, 200.0), list)
    assert admitted == min(limit_of_line, limit_of_group, len(calls))
    assert ledger.refused == len(calls) - admitted


@given(st.lists(st.booleans(), max_size=30))
def test_every_freed_slot_admits_exactly_one_more(frees: list[bool]) -> None:
    ledger = Ledger("edge1", 1)
    up: list[Lease] = []
    for call, is_free in enumerate(frees):
        if is_free and up:
            lease = up.pop(0)
            assert ledger.free(lease, float(call), "BYE")
            assert not ledger.free(lease, float(call), "BYE of the other side")
        taken = ledger.take([Claim("line:a", 3, OUTGOING, "x")], call, float(call), 1e9)
        assert isinstance(taken, list) == (len(up) < 3)
        if isinstance(taken, list):
            up += taken
    assert ledger.used("line:a") == len(up)
