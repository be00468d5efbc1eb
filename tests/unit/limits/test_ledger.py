import pytest

from sipedge.limits.ledger import (
    CONFIRMED,
    COUNTING_RULES,
    EARLY,
    EMERGENCY,
    INCOMING,
    OUTGOING,
    PSAP_CALLBACK,
    UNLIMITED,
    UNPROVEN,
    Claim,
    Lease,
    LeaseState,
    Ledger,
    Shortage,
    Why,
)

ALICE = "line:0033972100001"
BOB = "line:0033972100002"


def claim(account: str = ALICE, limit: int = 2, why: Why = OUTGOING) -> Claim:
    counted = why in {OUTGOING, INCOMING}
    return Claim(account, limit, why, "0033972100009", counted=counted)


def take(ledger: Ledger, *claims: Claim, call: int = 1, now: float = 10.0) -> list[Lease]:
    leases = ledger.take(claims, call, now, now + 200)
    assert isinstance(leases, list)
    return leases


def refuse(ledger: Ledger, *claims: Claim) -> Shortage:
    before = ledger.usage()
    shortage = ledger.take(claims, 99, 10.0, 210.0)
    assert isinstance(shortage, Shortage)
    assert ledger.usage() == before
    return shortage


def assert_state(lease: Lease, state: LeaseState) -> None:
    assert lease.state is state


@pytest.fixture
def ledger() -> Ledger:
    return Ledger("edge1", 111)


def test_one_call_takes_a_lease_on_each_of_its_lines(ledger: Ledger) -> None:
    outgoing, incoming = take(ledger, claim(ALICE), claim(BOB, why=INCOMING), call=7)
    assert (outgoing.account, outgoing.why, outgoing.call) == (ALICE, OUTGOING, 7)
    assert (incoming.account, incoming.why, incoming.call) == (BOB, INCOMING, 7)
    assert outgoing.peer == "0033972100009"
    assert (outgoing.taken_at, outgoing.proven_at, outgoing.expires_at) == (10.0, 10.0, 210.0)
    assert (outgoing.owner, outgoing.epoch) == ("edge1", 111)
    assert_state(outgoing, EARLY)
    assert ledger.used(ALICE) == ledger.used(BOB) == 1
    assert ledger.usage() == {ALICE: 1, BOB: 1}


def test_the_call_beyond_the_limit_is_refused_and_told_who_held_it(ledger: Ledger) -> None:
    first = take(ledger, claim())
    second = take(ledger, claim())
    shortage = refuse(ledger, claim())
    assert (shortage.account, shortage.limit, shortage.used, shortage.wanted) == (ALICE, 2, 2, 1)
    assert shortage.why is OUTGOING
    assert shortage.held == (*first, *second)
    assert ledger.refused == 1


def test_the_holders_of_a_shortage_stay_those_of_that_instant(ledger: Ledger) -> None:
    (lease,) = take(ledger, claim(limit=1))
    shortage = refuse(ledger, claim(limit=1))
    ledger.free(lease, 20.0, "BYE")
    assert shortage.held == (lease,)
    assert shortage.used == 1


def test_all_claims_pass_or_nothing_is_taken(ledger: Ledger) -> None:
    take(ledger, claim(BOB, limit=1))
    shortage = refuse(ledger, claim(ALICE), claim(BOB, limit=1, why=INCOMING))
    assert shortage.account == BOB
    assert shortage.why is INCOMING
    assert ledger.used(ALICE) == 0
    assert len(ledger.all_leases()) == 1


def test_the_first_claim_without_room_is_the_one_named(ledger: Ledger) -> None:
    shortage = refuse(ledger, claim(BOB, limit=0), claim(ALICE, limit=0))
    assert shortage.account == BOB


def test_a_limit_of_zero_lets_no_call_pass(ledger: Ledger) -> None:
    shortage = refuse(ledger, claim(limit=0))
    assert (shortage.used, shortage.limit, shortage.held) == (0, 0, ())


def test_no_limit_is_a_value_of_its_own(ledger: Ledger) -> None:
    for call in range(100):
        take(ledger, claim(limit=UNLIMITED), call=call)
    assert ledger.used(ALICE) == 100


def test_a_negative_limit_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(AssertionError):
        claim(limit=-1)


def test_a_call_that_asks_nothing_takes_nothing(ledger: Ledger) -> None:
    assert take(ledger) == []


def test_a_line_that_calls_itself_needs_two_calls(ledger: Ledger) -> None:
    itself = (claim(limit=1), claim(limit=1, why=INCOMING))
    shortage = refuse(ledger, *itself)
    assert (shortage.used, shortage.limit, shortage.wanted) == (0, 1, 2)
    assert len(take(ledger, claim(limit=2), claim(limit=2, why=INCOMING))) == 2
    assert ledger.used(ALICE) == 2


def test_the_other_claims_of_a_call_do_not_narrow_an_account(ledger: Ledger) -> None:
    last_of_bob = claim(BOB, limit=1, why=INCOMING)
    assert len(take(ledger, claim(ALICE, limit=1), last_of_bob)) == 2


def test_an_uncounted_claim_on_the_same_account_asks_no_slot(ledger: Ledger) -> None:
    assert len(take(ledger, claim(why=EMERGENCY), claim(limit=1, why=INCOMING))) == 2
    assert ledger.used(ALICE) == 1


@pytest.mark.parametrize("why", [EMERGENCY, PSAP_CALLBACK])
def test_calls_nobody_may_refuse_pass_at_any_limit_and_are_counted_apart(
    ledger: Ledger, why: Why
) -> None:
    paid = take(ledger, claim(limit=1))
    (lease,) = take(ledger, claim(limit=0, why=why))
    assert ledger.used(ALICE) == 1
    assert ledger.held(ALICE) == paid
    assert ledger.uncounted() == [lease]
    assert ledger.all_leases() == [*paid, lease]
    assert ledger.free(lease, 11.0, "BYE")
    assert ledger.uncounted() == []


@pytest.mark.parametrize("why", [EMERGENCY, PSAP_CALLBACK])
def test_a_call_nobody_may_refuse_cannot_be_claimed_as_counted(why: Why) -> None:
    with pytest.raises(AssertionError):
        Claim(ALICE, 1, why, "112", counted=True)


def test_each_reason_states_its_counting_rule() -> None:
    assert set(COUNTING_RULES) == set(Why)


def test_a_freed_slot_is_free_for_the_next_call(ledger: Ledger) -> None:
    (lease,) = take(ledger, claim(limit=1))
    assert lease.is_held
    assert ledger.free(lease, 30.0, "BYE")
    assert not lease.is_held
    assert (lease.freed_at, lease.freed_because) == (30.0, "BYE")
    assert ledger.usage() == {}
    take(ledger, claim(limit=1))


def test_a_second_release_changes_nothing_and_is_counted(ledger: Ledger) -> None:
    (lease,) = take(ledger, claim(limit=1))
    ledger.free(lease, 0.0, "BYE")
    take(ledger, claim(limit=1))
    assert not ledger.free(lease, 31.0, "release by hand")
    assert (lease.freed_at, lease.freed_because) == (0.0, "BYE")
    assert ledger.used(ALICE) == 1
    assert (ledger.taken, ledger.freed, ledger.double_frees) == (2, 1, 1)


def test_a_lease_of_another_ledger_is_not_freed_here(ledger: Ledger) -> None:
    take(ledger, claim())
    (stranger,) = take(Ledger("edge2", 5), claim())
    with pytest.raises(AssertionError):
        ledger.free(stranger, 11.0, "BYE")
    assert ledger.used(ALICE) == 1


def test_a_lowered_limit_cuts_no_call_and_refuses_new_ones(ledger: Ledger) -> None:
    for call in range(12):
        take(ledger, claim(limit=12), call=call)
    shortage = refuse(ledger, claim(limit=10))
    assert (shortage.used, shortage.limit) == (12, 10)
    assert ledger.used(ALICE) == 12


def test_a_raised_limit_counts_at_once(ledger: Ledger) -> None:
    take(ledger, claim(limit=1))
    refuse(ledger, claim(limit=1))
    take(ledger, claim(limit=2))


def test_a_2xx_gives_the_long_life(ledger: Ledger) -> None:
    (lease,) = take(ledger, claim())
    assert ledger.confirm(lease, 15.0, 4000.0)
    assert_state(lease, CONFIRMED)
    assert (lease.proven_at, lease.expires_at) == (15.0, 4000.0)


def test_proof_of_life_renews_without_answering_the_call(ledger: Ledger) -> None:
    (lease,) = take(ledger, claim())
    assert ledger.prove(lease, 15.0, 300.0)
    assert_state(lease, EARLY)
    assert (lease.proven_at, lease.expires_at) == (15.0, 300.0)


def test_one_negative_only_casts_doubt_and_a_proof_ends_it(ledger: Ledger) -> None:
    (lease,) = take(ledger, claim())
    ledger.confirm(lease, 15.0, 100.0)
    assert ledger.doubt(lease, 130.0)
    assert_state(lease, UNPROVEN)
    assert (lease.proven_at, lease.expires_at) == (15.0, 130.0)
    assert ledger.used(ALICE) == 1
    assert ledger.prove(lease, 120.0, 220.0)
    assert_state(lease, CONFIRMED)


def test_doubt_leaves_an_early_lease_to_its_transaction(ledger: Ledger) -> None:
    (lease,) = take(ledger, claim())
    assert ledger.doubt(lease, 240.0)
    assert_state(lease, EARLY)
    assert lease.expires_at == 240.0


def test_a_freed_lease_never_comes_back(ledger: Ledger) -> None:
    (lease,) = take(ledger, claim())
    ledger.free(lease, 12.0, "CANCEL")
    assert not ledger.confirm(lease, 13.0, 999.0)
    assert not ledger.prove(lease, 13.0, 999.0)
    assert not ledger.doubt(lease, 999.0)
    assert (lease.proven_at, lease.expires_at) == (10.0, 210.0)
    assert ledger.all_leases() == []


def test_overdue_reports_and_frees_nothing(ledger: Ledger) -> None:
    (first,) = take(ledger, claim(), now=10.0)
    (second,) = take(ledger, claim(), now=20.0)
    assert ledger.overdue(209.9) == []
    assert ledger.overdue(210.0) == [first]
    assert ledger.overdue(210.0) == [first]
    assert ledger.overdue(220.0) == [first, second]
    assert ledger.used(ALICE) == 2


def test_overdue_forgets_the_extended_and_the_freed(ledger: Ledger) -> None:
    (first,) = take(ledger, claim())
    (second,) = take(ledger, claim())
    ledger.confirm(first, 15.0, 4000.0)
    ledger.free(second, 16.0, "BYE")
    assert ledger.overdue(210.0) == []
    assert ledger.overdue(3999.0) == []
    assert ledger.overdue(4000.0) == [first]
    ledger.free(first, 4000.0, "silence")
    assert ledger.overdue(4001.0) == []


def test_an_expiry_brought_forward_is_noticed(ledger: Ledger) -> None:
    (lease,) = take(ledger, claim())
    assert ledger.overdue(5.0) == []
    ledger.doubt(lease, 50.0)
    assert ledger.overdue(50.0) == [lease]


def test_a_lease_is_found_by_the_id_people_read(ledger: Ledger) -> None:
    first, second = take(ledger, claim(), claim(BOB))
    assert (first.id, second.id) == ("L-3F-1", "L-3F-2")
    assert repr(first) == f"<Lease L-3F-1 {ALICE} outgoing early>"
    for typed in ("L-3F-2", "l-3f-2", " 3f-2 ", "L-3F-02"):
        assert ledger.find(typed) is second
    assert ledger.find("L-3F-l") is first
    ledger.free(first, 11.0, "BYE")
    assert ledger.find("L-3F-1") is None


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "L",
        "L-",
        "L-3F",
        "L-3F-",
        "L-3F-x",
        "L-3E-1",
        "L-3F-3",
        "L-3F-\u00b2",
        "L-3F-\uff11",
        "L-3F-" + "1" * 5000,
        "R-7F3K",
    ],
)
def test_ids_of_no_lease_find_nothing(ledger: Ledger, typed: str) -> None:
    take(ledger, claim(), claim(BOB))
    assert ledger.find(typed) is None


def test_an_idle_account_holds_nothing(ledger: Ledger) -> None:
    assert ledger.used(ALICE) == 0
    assert ledger.held(ALICE) == []
