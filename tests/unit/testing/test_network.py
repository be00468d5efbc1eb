from random import Random

from sipedge.testing.network import Faults, Nat, Network, Parcel

HERE, THERE = ("198.51.100.1", 5060), ("192.0.2.1", 5060)


def arrivals(network: Network) -> list[tuple[float, bytes]]:
    found = []
    while (at := network.next_at()) is not None:
        found.append((round(at, 6), network.take().wire))
    return found


def test_messages_arrive_in_order_after_the_delay() -> None:
    network = Network(Random(1))
    network.carry(Parcel(b"1", HERE, THERE, 0), 10.0)
    network.carry(Parcel(b"2", HERE, THERE, 0), 10.0)
    assert len(network) == 2
    assert arrivals(network) == [(10.005, b"1"), (10.005, b"2")]


def test_datagrams_are_lost_doubled_and_overtaken() -> None:
    network = Network(Random(1))
    network.faults = Faults(loss=0.3, duplicate=0.3, jitter_seconds=1.0)
    for number in range(1000):
        network.carry(Parcel(b"%d" % number, HERE, THERE, 0), float(number) / 100)
    found = arrivals(network)
    assert 200 < network.lost < 400
    assert 100 < network.doubled < 300
    assert len(found) == 1000 - network.lost + network.doubled
    numbers = [int(wire) for _, wire in found]
    assert numbers != sorted(numbers)


def test_a_stream_loses_nothing_and_keeps_its_order_until_it_breaks() -> None:
    network = Network(Random(1))
    network.faults = Faults(loss=1.0, duplicate=1.0, jitter_seconds=1.0)
    for number in range(20):
        network.carry(Parcel(b"%d" % number, HERE, THERE, 7), 10.0)
    network.carry(Parcel(b"other", HERE, THERE, 8), 10.0)
    assert len(network) == 21
    network.drop_stream(7)
    assert arrivals(network) == [(10.005, b"other")]


def test_a_nat_gives_each_private_address_a_port_until_it_moves() -> None:
    nat = Nat("203.0.113.200")
    one, two = ("192.168.1.2", 5060), ("192.168.1.3", 5060)
    public = nat.outside(one)
    assert public == nat.outside(one) == ("203.0.113.200", 20_000)
    assert nat.outside(two) == ("203.0.113.200", 20_001)
    assert nat.inside(public) == one
    assert nat.inside(("203.0.113.200", 1)) is None
    nat.move()
    assert nat.inside(public) is None
    assert nat.outside(one) == ("203.0.113.200", 20_002)
