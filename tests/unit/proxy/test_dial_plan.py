import pytest

from sipedge.proxy.dial_plan import DialPlan


@pytest.mark.parametrize(
    "spelled",
    [
        b"0033972100001",
        b"+33972100001",
        b"0972100001",
        b"+33 9 72 10 00 01",
        b"+33-972.10(00)01",
        b"09-72-10-00-01",
    ],
)
def test_every_spelling_of_a_number_is_one_number(spelled: bytes) -> None:
    assert DialPlan().canonical(spelled) == b"0033972100001"


@pytest.mark.parametrize(
    "user",
    [
        b"",
        b"+",
        b"alice",
        b"alice-1",
        b"112",
        b"0112",
        b"3900",
        b"*31#",
        b"+33x",
        "\u0663".encode(),
        b"1_0",
        b"++33",
    ],
)
def test_what_is_no_full_number_stays_as_it_is(user: bytes) -> None:
    assert DialPlan().canonical(user) == user


def test_another_country_dials_otherwise_and_means_the_same_stored_number() -> None:
    """Stored numbers begin with 00 everywhere; only what callers dial differs."""
    american = DialPlan(b"1", b"011", b"")
    assert american.canonical(b"+15551234567") == b"0015551234567"
    assert american.canonical(b"5551234567") == b"5551234567"
    assert american.canonical(b"01133972100001") == b"0033972100001"
    assert american.canonical(b"0033972100001") == b"0033972100001"
