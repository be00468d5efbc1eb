import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipedge.limits.buckets import BucketTable


@pytest.fixture
def table() -> BucketTable[str]:
    return BucketTable(2.0, 4, 3)


def test_an_unknown_key_has_a_full_bucket(table: BucketTable[str]) -> None:
    assert table.get_tokens("a", 0.0) == 4
    assert len(table) == 0


def test_tokens_are_spent_and_come_back_with_time(table: BucketTable[str]) -> None:
    assert table.spend("a", 3, 0.0)
    assert table.get_tokens("a", 0.0) == 1
    assert table.get_tokens("a", 1.0) == 3
    assert table.get_tokens("a", 9.0) == 4


def test_what_cannot_be_paid_empties_the_bucket(table: BucketTable[str]) -> None:
    assert table.spend("a", 3, 0.0)
    assert not table.spend("a", 3, 0.0)
    assert table.get_tokens("a", 0.0) == 0


def test_a_clock_that_stands_still_or_steps_back_gives_nothing(table: BucketTable[str]) -> None:
    table.spend("a", 3, 10.0)
    assert table.get_tokens("a", 5.0) == 1


def test_a_refund_fills_no_more_than_the_bucket(table: BucketTable[str]) -> None:
    table.spend("a", 3, 0.0)
    table.refund("a", 1)
    assert table.get_tokens("a", 0.0) == 2
    table.refund("a", 100)
    assert len(table) == 0
    table.refund("a", 1)
    assert table.get_tokens("a", 0.0) == 4


def test_a_forgotten_key_has_a_full_bucket(table: BucketTable[str]) -> None:
    table.spend("a", 4, 0.0)
    table.forget("a")
    table.forget("a")
    assert table.get_tokens("a", 0.0) == 4


def test_full_buckets_are_dropped_while_others_are_added(table: BucketTable[str]) -> None:
    table.spend("a", 1, 0.0)
    table.spend("b", 1, 0.0)
    table.spend("c", 1, 5.0)
    assert len(table) == 1


def test_a_full_table_drops_the_one_that_spent_the_longest_ago(table: BucketTable[str]) -> None:
    for key in ("a", "b", "c", "a"):
        table.spend(key, 2, 0.0)
    table.spend("d", 1, 0.0)
    assert len(table) == 3
    assert table.get_tokens("b", 0.0) == 4
    assert table.get_tokens("a", 0.0) == 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcde"),
            st.floats(0, 5, allow_nan=False),
            st.floats(0.25, 3, allow_nan=False),
        )
    )
)
def test_a_bucket_never_gives_more_than_rate_times_time_and_burst(
    steps: list[tuple[str, float, float]],
) -> None:
    table: BucketTable[str] = BucketTable(2.0, 4, 8)
    now = 0.0
    spent: dict[str, float] = {}
    for key, pause, cost in steps:
        now += pause
        if table.spend(key, cost, now):
            spent[key] = spent.get(key, 0.0) + cost
        assert 0 <= table.get_tokens(key, now) <= 4
        assert spent.get(key, 0.0) <= 4 + 2.0 * now + 1e-6


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 1)), max_size=200))
def test_a_table_never_grows_beyond_its_capacity(steps: list[tuple[int, float]]) -> None:
    table: BucketTable[int] = BucketTable(1.0, 10, 5)
    now = 0.0
    for key, pause in steps:
        now += pause
        table.spend(key, 1, now)
        assert len(table) <= 5
