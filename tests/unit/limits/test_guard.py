import pytest

from sipedge.limits.guard import FailureThrottle, SourceGuard, find_source

SCANNER = "198.51.100.7"
TRUNK = "192.0.2.10"
USER = b"0033972100001"


@pytest.fixture
def guard() -> SourceGuard:
    return SourceGuard(1.0, 5, 60.0, 4, trusted=frozenset({TRUNK}))


def ban(guard: SourceGuard, host: str = SCANNER, now: float = 0.0) -> None:
    for _ in range(6):
        guard.charge(host, now)


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::6", "2001:db8:1:2::/64"),
        ("2001:db8::6", "2001:db8:0:0::/64"),
        ("2001:db8::1:2:3:4:5", "2001:db8:0:1::/64"),
        ("2001:db8::", "2001:db8:0:0::/64"),
        ("::1", "0:0:0:0::/64"),
        ("::", "0:0:0:0::/64"),
        ("fe80::1%eth0", "fe80:0:0:0::/64"),
        ("::ffff:1:2", "0:0:0:0::/64"),
    ],
)
def test_an_ipv6_source_is_its_64(host: str, source: str) -> None:
    assert find_source(host) == source


def test_a_clean_source_passes_and_costs_nothing(guard: SourceGuard) -> None:
    assert guard.allows(SCANNER, 0.0)
    assert guard.refused_datagrams == 0


def test_a_source_is_banned_by_the_charge_it_cannot_pay(guard: SourceGuard) -> None:
    for _ in range(5):
        guard.charge(SCANNER, 0.0)
    assert guard.allows(SCANNER, 0.0)
    guard.charge(SCANNER, 0.0)
    assert not guard.allows(SCANNER, 0.0)
    assert not guard.allows(SCANNER, 59.9)
    assert (guard.bans, guard.refused_datagrams) == (1, 2)


def test_others_do_not_feel_a_ban(guard: SourceGuard) -> None:
    ban(guard)
    assert guard.allows("198.51.100.8", 0.0)


def test_slow_mistakes_are_forgiven(guard: SourceGuard) -> None:
    for second in range(100):
        guard.charge(SCANNER, float(second))
    assert guard.allows(SCANNER, 100.0)


def test_a_heavier_mistake_costs_more(guard: SourceGuard) -> None:
    guard.charge(SCANNER, 0.0, cost=5)
    assert guard.allows(SCANNER, 0.0)
    guard.charge(SCANNER, 0.0, cost=1)
    assert not guard.allows(SCANNER, 0.0)


def test_challenges_that_led_to_a_good_answer_are_free(guard: SourceGuard) -> None:
    for _ in range(100):
        guard.charge(SCANNER, 0.0)
        guard.refund(SCANNER)
    assert guard.allows(SCANNER, 0.0)


def test_a_ban_ends_and_the_source_starts_afresh(guard: SourceGuard) -> None:
    ban(guard)
    assert guard.allows(SCANNER, 60.0)
    for _ in range(5):
        guard.charge(SCANNER, 60.0)
    assert guard.allows(SCANNER, 60.0)


def test_a_trusted_host_is_neither_charged_nor_banned(guard: SourceGuard) -> None:
    ban(guard, TRUNK)
    guard.ban(TRUNK, 1e9)
    assert guard.allows(TRUNK, 0.0)
    assert guard.bans == 0


def test_a_host_trusted_later_passes_at_once(guard: SourceGuard) -> None:
    ban(guard)
    guard.trusted = frozenset({SCANNER})
    assert guard.allows(SCANNER, 0.0)


def test_a_64_is_banned_as_one_source_but_for_its_trusted_host(guard: SourceGuard) -> None:
    guard.trusted = frozenset({"2001:db8::10"})
    for number in range(6):
        guard.charge(f"2001:db8::{number}", 0.0)
    assert not guard.allows("2001:db8::ffff", 0.0)
    assert guard.allows("2001:db8::10", 0.0)
    assert guard.allows("2001:db8:0:1::1", 0.0)
    assert guard.allows("2001:db8:0:1::1", 0.0)


def test_addresses_without_end_do_not_fill_the_memory(guard: SourceGuard) -> None:
    for number in range(10_000):
        assert guard.allows(f"2001:db8:0:{number:x}::1", 0.0)
    assert len(guard._prefixes) <= 4096
    for number in range(100):
        ban(guard, f"10.0.0.{number}")
    assert len(guard._banned) == 4
    assert not guard.allows("10.0.0.99", 0.0)


def test_a_ban_by_hand_lasts_until_its_instant(guard: SourceGuard) -> None:
    guard.ban(SCANNER, 1000.0)
    guard.ban(SCANNER, 500.0)
    assert not guard.allows(SCANNER, 999.9)
    assert guard.allows(SCANNER, 1000.0)


def test_a_lifted_ban_is_over(guard: SourceGuard) -> None:
    ban(guard)
    guard.lift(SCANNER)
    guard.lift(SCANNER)
    assert guard.allows(SCANNER, 0.0)
    guard.charge(SCANNER, 0.0)
    assert guard.allows(SCANNER, 0.0)


def test_an_emergency_call_from_a_banned_source_passes_now_and_then(guard: SourceGuard) -> None:
    ban(guard)
    assert not guard.allows(SCANNER, 0.0)
    assert guard.allows_emergency(SCANNER, 0.0)
    assert not guard.allows_emergency(SCANNER, 0.05)
    assert guard.allows_emergency(SCANNER, 0.5)
    assert guard.emergency_passes == 2
    assert guard.refused_datagrams == 1


def test_an_emergency_call_from_a_clean_source_needs_no_pass(guard: SourceGuard) -> None:
    assert guard.allows_emergency(SCANNER, 0.0)
    assert guard.emergency_passes == 0


def test_one_source_guesses_a_few_times_and_then_waits() -> None:
    throttle = FailureThrottle()
    for _ in range(5):
        assert throttle.allows(SCANNER, USER, 0.0)
        throttle.charge(SCANNER, USER, 0.0)
    assert not throttle.allows(SCANNER, USER, 0.0)
    assert not throttle.allows(SCANNER, USER, 11.0)
    assert throttle.allows(SCANNER, USER, 12.1)
    assert throttle.throttled == 2


def test_a_source_that_fails_for_one_user_is_heard_for_another() -> None:
    throttle = FailureThrottle()
    for _ in range(9):
        throttle.charge(SCANNER, USER, 0.0)
    assert throttle.allows(SCANNER, b"0033972100002", 0.0)
    assert throttle.allows("192.0.2.1", USER, 0.0)


def test_many_sources_that_guess_one_user_wait_and_its_phone_does_not() -> None:
    throttle = FailureThrottle()
    phone = "192.0.2.77"
    throttle.prove(phone, USER)
    for number in range(40):
        throttle.charge(f"198.51.100.{number}", USER, 0.0)
    assert not throttle.allows("203.0.113.1", USER, 0.0)
    assert throttle.allows(phone, USER, 0.0)


def test_the_mistakes_of_the_own_phone_are_between_it_and_its_address() -> None:
    throttle = FailureThrottle()
    phone = "192.0.2.77"
    throttle.prove(phone, USER)
    for _ in range(100):
        throttle.charge(phone, USER, 0.0)
    assert not throttle.allows(phone, USER, 0.0)
    assert throttle.allows("203.0.113.1", USER, 0.0)
    throttle.prove(phone, USER)
    assert throttle.allows(phone, USER, 0.0)


def test_neighbours_in_one_64_guess_as_one() -> None:
    throttle = FailureThrottle()
    for number in range(5):
        throttle.charge(f"2001:db8::{number}", USER, 0.0)
    assert not throttle.allows("2001:db8::99", USER, 0.0)


def test_users_without_end_do_not_fill_the_memory() -> None:
    throttle = FailureThrottle(capacity=3)
    for number in range(10):
        throttle.charge(SCANNER, b"%d" % number, 0.0)
        throttle.prove("192.0.2.77", b"%d" % number)
        throttle.charge(SCANNER, b"x" * 100_000, 0.0)
    assert len(throttle._pairs) <= 3
    assert len(throttle._users) <= 3
    assert len(throttle._proven) == 3
    assert not any(len(user) > 64 for user in throttle._users._buckets)
