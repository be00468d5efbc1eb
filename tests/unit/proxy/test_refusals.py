import pytest

from sipedge.proxy.refusals import RETRY_AFTER_STATUSES, TABLE, Refusal
from sipedge.sip.status import REASON_PHRASES


def test_every_refusal_has_its_row() -> None:
    assert set(TABLE) == set(Refusal)
    assert len({refusal.value for refusal in Refusal}) == len(Refusal)


@pytest.mark.parametrize("refusal", Refusal)
def test_a_row_can_be_sent(refusal: Refusal) -> None:
    row = TABLE[refusal]
    assert row.status in REASON_PHRASES
    assert row.phrase.isascii()
    assert not row.retry_after or row.status in RETRY_AFTER_STATUSES
    assert 0 <= row.q850 < 128
    assert refusal.value.replace("_", "").isalpha()


def test_only_our_own_overload_is_503() -> None:
    """An upstream that gets 503 tries the same call at our neighbours."""
    assert [refusal for refusal in Refusal if TABLE[refusal].status == 503] == [Refusal.OVERLOAD]


def test_what_a_customer_may_do_costs_nothing_at_the_door() -> None:
    for refusal in (
        Refusal.OUTGOING_CALLS_IN_USE,
        Refusal.INCOMING_CALLS_IN_USE,
        Refusal.NOT_REGISTERED,
        Refusal.OVERLOAD,
        Refusal.NO_ROUTE,
    ):
        assert TABLE[refusal].charge == 0
