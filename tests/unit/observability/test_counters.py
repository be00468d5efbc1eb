import pytest

from sipedge.observability.counters import (
    LOOP_LAG_BOUNDS_SECONDS,
    METHODS,
    OTHER_METHOD,
    Counters,
)


def make_counters() -> Counters:
    return Counters(drop_reasons=["malformed"], refusal_reasons=["line_full"], end_reasons=["bye"])


def test_every_counter_starts_at_zero() -> None:
    counters = make_counters()
    for name in Counters.__slots__:
        value = getattr(counters, name)
        if isinstance(value, dict):
            assert set(value.values()) == {0}, name
        elif isinstance(value, list):
            assert set(value) == {0}, name
        else:
            assert value == 0, name


@pytest.mark.parametrize("method", METHODS)
def test_a_known_method_counts_under_its_name(method: bytes) -> None:
    counters = make_counters()
    counters.count_request_received(method)
    counters.count_request_sent(method)
    counters.count_request_sent(method)
    assert counters.requests_received[method] == 1
    assert counters.requests_sent[method] == 2


def test_invented_methods_cannot_grow_the_tables() -> None:
    counters = make_counters()
    before = len(counters.requests_received)
    for number in range(1000):
        counters.count_request_received(b"METHOD%d" % number)
        counters.count_request_sent(b"invite")
    assert len(counters.requests_received) == before
    assert counters.requests_received[OTHER_METHOD] == 1000
    assert counters.requests_sent[OTHER_METHOD] == 1000


def test_an_undeclared_reason_is_our_own_fault_and_says_so() -> None:
    counters = make_counters()
    with pytest.raises(KeyError):
        counters.dropped["no_such_reason"] += 1


def test_a_counter_that_does_not_exist_cannot_be_made_by_a_typing_error() -> None:
    with pytest.raises(AttributeError):
        make_counters().calls_admited = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (0.001, 0), (0.00101, 1), (0.5, 8), (0.51, 9), (5.0, 11), (60.0, 12)],
)
def test_lag_falls_into_the_bucket_whose_bound_holds_it(seconds: float, bucket: int) -> None:
    counters = make_counters()
    counters.observe_loop_lag(seconds)
    assert counters.loop_lag_buckets.index(1) == bucket
    assert counters.loop_lag_seconds_count == sum(counters.loop_lag_buckets) == 1
    assert counters.loop_lag_seconds_sum == counters.loop_lag_seconds_max == seconds


def test_bounds_rise() -> None:
    assert list(LOOP_LAG_BOUNDS_SECONDS) == sorted(set(LOOP_LAG_BOUNDS_SECONDS))
