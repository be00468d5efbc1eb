from sipedge.limits.explain import arithmetic
from sipedge.limits.ledger import EMERGENCY, INCOMING, OUTGOING, Claim, Ledger


def test_each_claim_shows_its_arithmetic_and_its_holders() -> None:
    ledger = Ledger("edge1", 1)
    held = ledger.take([Claim("line:1", 1, OUTGOING, "2")], 1, 0.0, 200.0)
    rows = arithmetic(
        ledger, [Claim("line:1", 1, OUTGOING, "3"), Claim("line:3", 2, INCOMING, "1")]
    )
    full, free = rows
    assert (full.account, full.used, full.limit, full.wanted) == ("line:1", 1, 1, 1)
    assert (full.why, full.counted) == (OUTGOING, True)
    assert not full.passes
    assert list(full.holders) == held
    assert (free.account, free.used, free.limit, free.wanted) == ("line:3", 0, 2, 1)
    assert free.passes
    assert free.holders == ()


def test_explaining_takes_nothing() -> None:
    ledger = Ledger("edge1", 1)
    arithmetic(ledger, [Claim("line:1", 0, OUTGOING, "2")])
    assert (ledger.taken, ledger.refused, ledger.usage()) == (0, 0, {})


def test_a_line_that_calls_itself_is_shown_to_want_two() -> None:
    itself = [Claim("line:1", 1, OUTGOING, "1"), Claim("line:1", 1, INCOMING, "1")]
    first, second = arithmetic(Ledger("edge1", 1), itself)
    assert (first.wanted, first.passes) == (1, True)
    assert (second.wanted, second.passes) == (2, False)


def test_an_emergency_call_passes_at_any_limit() -> None:
    (row,) = arithmetic(Ledger("edge1", 1), [Claim("line:1", 0, EMERGENCY, "112", counted=False)])
    assert row.passes
    assert not row.counted
