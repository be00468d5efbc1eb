"""Nonces: nothing kept for a challenge, and no count accepted twice, whatever was forgotten."""

import pytest

from sipedge.sip.nonces import FRESH, REPLAYED, STALE, NonceSource


class Counter:
    """Entropy that never repeats and that a test can foresee."""

    def __init__(self, start: int = 0) -> None:
        self.drawn = start

    def __call__(self, size: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(size, "big")


def source(*, life_seconds: float = 60.0, uses_max: int = 100, start: int = 0) -> NonceSource:
    """Make a nonce source with foreseeable entropy."""
    return NonceSource(b"key", life_seconds, Counter(start), uses_max=uses_max)


def test_a_nonce_needs_no_quoting_and_no_memory() -> None:
    nonces = source()
    issued = {nonces.issue(5.0) for _ in range(1000)}
    assert len(issued) == 1000
    assert {len(nonce) for nonce in issued} == {32}
    assert all(nonce.replace(b"-", b"").replace(b"_", b"").isalnum() for nonce in issued)
    assert len(nonces) == 0


def test_a_nonce_lives_as_long_as_its_source_says() -> None:
    nonces = source(life_seconds=60.0)
    nonce = nonces.issue(1000.0)
    assert nonces.use(nonce, 1, 1060.0) is FRESH
    assert nonces.use(nonce, 2, 1060.002) is STALE
    assert nonces.use(nonces.issue(1000.0), 1, 1060.002) is STALE


def test_a_nonce_from_the_future_is_stale() -> None:
    nonces = source()
    assert nonces.use(nonces.issue(1000.0), 1, 999.0) is STALE


def test_a_nonce_does_not_outlive_its_source() -> None:
    nonce = source(start=1).issue(10.0)
    assert source(start=2).use(nonce, 1, 10.0) is STALE


@pytest.mark.parametrize(
    "nonce",
    [
        b"",
        b"x",
        b"A" * 31,
        b"A" * 32,
        b"A" * 33,
        b"=" * 32,
        b"A" * 31 + b"=",
        b"\xff" * 32,
        b" " * 32,
        b"A" * 60_000,
    ],
)
def test_a_nonce_that_we_did_not_make_is_stale(nonce: bytes) -> None:
    nonces = source()
    assert nonces.use(nonce, 1, 0.0) is STALE
    assert nonces.use_once(nonce, 0.0) is STALE
    assert len(nonces) == 0


def test_a_nonce_with_any_character_changed_is_stale() -> None:
    nonces = source()
    nonce = nonces.issue(0.0)
    for i in range(len(nonce)):
        other = b"B" if nonce[i : i + 1] == b"A" else b"A"
        assert nonces.use(nonce[:i] + other + nonce[i + 1 :], 1, 0.0) is STALE
    assert nonces.use(nonce, 1, 0.0) is FRESH


def test_counts_out_of_order_are_accepted_once_each() -> None:
    nonces = source()
    nonce = nonces.issue(0.0)
    for count in (3, 1, 2, 66, 64, 65, 4):
        assert nonces.use(nonce, count, 0.0) is FRESH, count
        assert nonces.use(nonce, count, 0.0) is REPLAYED, count
    for count in (1, 2, 3, 4, 64, 65, 66):
        assert nonces.use(nonce, count, 0.0) is REPLAYED, count


def test_a_count_older_than_the_window_is_taken_for_a_copy() -> None:
    nonces = source()
    nonce = nonces.issue(0.0)
    assert nonces.use(nonce, 100, 0.0) is FRESH
    assert nonces.use(nonce, 37, 0.0) is FRESH
    assert nonces.use(nonce, 36, 0.0) is REPLAYED
    assert nonces.use(nonce, 0, 0.0) is REPLAYED


def test_a_jump_of_the_count_costs_nothing() -> None:
    nonces = source()
    nonce = nonces.issue(0.0)
    assert nonces.use(nonce, 1, 0.0) is FRESH
    assert nonces.use(nonce, 0xFFFFFFFF, 0.0) is FRESH
    assert nonces.use(nonce, 1, 0.0) is REPLAYED
    assert nonces.use(nonce, 0xFFFFFFFE, 0.0) is FRESH


def test_a_nonce_without_a_count_is_good_once() -> None:
    nonces = source()
    nonce = nonces.issue(0.0)
    assert nonces.use_once(nonce, 0.0) is FRESH
    assert nonces.use_once(nonce, 0.0) is STALE
    counted = nonces.issue(0.0)
    assert nonces.use(counted, 1, 0.0) is FRESH
    assert nonces.use_once(counted, 0.0) is STALE


def test_expired_uses_are_dropped_when_others_come() -> None:
    nonces = source(life_seconds=60.0)
    for i in range(10):
        assert nonces.use(nonces.issue(float(i)), 1, float(i)) is FRESH
    assert len(nonces) == 10
    assert nonces.use(nonces.issue(65.0), 1, 65.0) is FRESH
    assert len(nonces) == 6
    assert nonces.use(nonces.issue(1000.0), 1, 1000.0) is FRESH
    assert len(nonces) == 1


def test_a_full_table_forgets_the_oldest_use_without_letting_it_be_replayed() -> None:
    nonces = source(uses_max=3)
    used = [nonces.issue(float(i)) for i in range(5)]
    for nonce in used:
        assert nonces.use(nonce, 1, 5.0) is FRESH
    assert len(nonces) == 3
    assert [nonces.use(nonce, 1, 5.0) for nonce in used] == [STALE, STALE, *[REPLAYED] * 3]
    assert [nonces.use(nonce, 2, 5.0) for nonce in used] == [STALE, STALE, *[FRESH] * 3]


def test_after_a_drop_only_nonces_made_since_are_taken_for_new() -> None:
    nonces = source(uses_max=1)
    unused_before = nonces.issue(1.0)
    dropped = nonces.issue(2.0)
    unused_since = nonces.issue(3.0)
    assert nonces.use(dropped, 1, 4.0) is FRESH
    assert nonces.use(unused_since, 1, 4.0) is FRESH
    # `dropped` made room; nobody can tell `unused_before` from it any more.
    assert nonces.use(unused_before, 1, 4.0) is STALE
    assert nonces.use(dropped, 2, 4.0) is STALE
    assert nonces.use(nonces.issue(4.0), 1, 4.0) is FRESH


def test_the_floor_never_sinks() -> None:
    nonces = source(uses_max=1)
    late, early, last = nonces.issue(9.0), nonces.issue(1.0), nonces.issue(10.0)
    # The one made last is dropped first.
    assert nonces.use(late, 1, 10.0) is FRESH
    assert nonces.use(early, 1, 10.0) is FRESH
    assert nonces.use(last, 1, 10.0) is FRESH
    for nonce in (early, late):
        assert nonces.use(nonce, 1, 10.0) is STALE


def test_the_table_never_exceeds_its_size() -> None:
    nonces = source(uses_max=50)
    for i in range(500):
        nonces.use(nonces.issue(i * 0.01), 1, i * 0.01)
        assert len(nonces) <= 50
