from ipaddress import ip_network

from sipedge.proxy.dial_plan import DialPlan
from sipedge.proxy.directory import Directory, TrunkProfile
from sipedge.testing.builders import build_line, build_trunk

ALICE = "0033972100001"
BOB = "0033972100002"


def test_a_line_is_found_by_user_number_and_alias() -> None:
    directory = Directory(DialPlan())
    line = build_line(ALICE, aliases=("0033972109999",))
    directory.put_line(line)
    for user in (ALICE, "+33972100001", "0972100001", "0033972109999", "+33 972 10 99 99"):
        assert directory.find_line(user.encode()) is line
    assert directory.find_line(BOB.encode()) is None


def test_a_replaced_line_leaves_no_number_behind() -> None:
    directory = Directory(DialPlan())
    directory.put_line(build_line(ALICE, 2, aliases=("0033972109999",)))
    line = build_line(ALICE, 5)
    directory.put_line(line)
    assert directory.find_line(ALICE.encode()) is line
    assert directory.find_line(b"0033972109999") is None
    assert directory.calls_paid == 5


def test_a_removed_line_is_gone_and_what_others_have_stays() -> None:
    directory = Directory(DialPlan())
    alice = build_line(ALICE, aliases=("0033972100002",))
    bob = build_line(BOB)
    directory.put_line(alice)
    directory.put_line(bob)
    directory.remove_line(alice)
    assert directory.find_line(ALICE.encode()) is None
    assert directory.find_line(b"+33972100002") is bob


def test_the_longest_prefix_wins_whatever_the_order() -> None:
    short, long = build_trunk("a", prefixes=("0",)), build_trunk("b", prefixes=("003", "+"))
    for trunks in ([short, long], [long, short]):
        directory = Directory(DialPlan())
        directory.put_trunks(trunks)
        assert directory.trunk_for(b"0033") is long
        assert directory.trunk_for(b"0123") is short
        assert directory.trunk_for(b"9") is None


def test_of_two_trunks_with_the_same_prefix_the_first_is_taken() -> None:
    directory = Directory(DialPlan())
    one, two = build_trunk("one"), build_trunk("two")
    directory.put_trunks([one, two])
    assert directory.trunk_for(b"0123") is one


def test_an_empty_prefix_takes_what_is_left() -> None:
    directory = Directory(DialPlan())
    rest = build_trunk(prefixes=("",))
    directory.put_trunks([rest])
    assert directory.trunk_for(b"anything") is rest


def test_an_emergency_call_may_take_every_trunk() -> None:
    directory = Directory(DialPlan())
    one, two = build_trunk("one", prefixes=("0",)), build_trunk("two", prefixes=("1",))
    directory.put_trunks([one, two])
    assert directory.trunks_for_emergency(b"112") == [two, one]
    assert directory.trunks_for_emergency(b"999") == [one, two]
    assert Directory(DialPlan()).trunks_for_emergency(b"112") == []


def test_a_trunk_is_known_by_its_networks() -> None:
    directory = Directory(DialPlan())
    networks = (ip_network("203.0.113.0/28"), ip_network("2001:db8:7::/48"))
    trunk = TrunkProfile("carrier", (b"0",), networks)
    directory.put_trunks([trunk])
    for host in ("203.0.113.1", "203.0.113.15", "2001:db8:7::9", "::ffff:203.0.113.1"):
        assert directory.trunk_of_source(host) is trunk, host
    for host in ("203.0.113.16", "198.51.100.1", "2001:db8:8::1"):
        assert directory.trunk_of_source(host) is None


def test_new_trunks_are_known_at_once() -> None:
    directory = Directory(DialPlan())
    assert directory.trunk_of_source("203.0.113.1") is None
    trunk = build_trunk()
    directory.put_trunks([trunk])
    assert directory.trunk_of_source("203.0.113.1") is trunk
    directory.put_trunks([])
    assert directory.trunk_of_source("203.0.113.1") is None


def test_what_is_remembered_of_sources_is_bounded() -> None:
    directory = Directory(DialPlan())
    for number in range(50_100):
        directory.trunk_of_source(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(directory._trunks_by_host) <= 50_000
