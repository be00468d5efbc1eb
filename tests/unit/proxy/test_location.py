from sipedge.proxy.location import Binding, Location
from sipedge.sip.flow import Flow
from sipedge.sip.wheel import Wheel
from sipedge.testing.builders import UDP


class Place:
    """A location service, and what it said it forgot."""

    def __init__(self) -> None:
        self.wheel = Wheel()
        self.expired: list[bytes] = []
        self.location = Location(self.wheel, lambda binding: self.expired.append(binding.uri))

    def add(self, uri: str, *, aor: str = "a", q: int = 1000, expires_at: float = 100.0) -> Binding:
        flow = Flow(UDP, "UDP", "198.51.100.1", 5060)
        binding = Binding(self.location, aor.encode(), uri.encode(), flow, expires_at)
        binding.q = q
        self.location.add(binding)
        return binding


def test_bindings_are_found_by_their_address_of_record() -> None:
    place = Place()
    one, two, other = place.add("1"), place.add("2"), place.add("3", aor="b")
    assert place.location.bindings(b"a") == [one, two]
    assert place.location.bindings(b"b") == [other]
    assert place.location.bindings(b"c") == []
    assert len(place.location) == 3
    assert set(place.location.all_bindings()) == {one, two, other}


def test_groups_fall_by_q_and_keep_the_order_inside() -> None:
    place = Place()
    low, high, low_too = place.add("1", q=200), place.add("2", q=900), place.add("3", q=200)
    assert place.location.groups(b"a") == [[high], [low, low_too]]
    assert place.location.groups(b"b") == []
    assert Place().location.groups(b"a") == []


def test_a_phone_with_two_flows_gets_a_call_on_the_latest_one() -> None:
    place = Place()
    old, new, other = place.add("1"), place.add("2", expires_at=200.0), place.add("3")
    old.instance = new.instance = b"urn:uuid:1"
    old.reg_id, new.reg_id = 1, 2
    assert place.location.groups(b"a") == [[new, other]]
    place.location.refresh(old, old.flow, 300.0)
    assert place.location.groups(b"a") == [[old, other]]


def test_a_binding_is_forgotten_when_its_time_is_over() -> None:
    place = Place()
    place.add("1", expires_at=100.0)
    place.wheel.advance(99.9)
    assert len(place.location) == 1
    place.wheel.advance(100.1)
    assert (len(place.location), place.expired) == (0, [b"1"])


def test_a_refreshed_binding_lives_on() -> None:
    place = Place()
    binding = place.add("1", expires_at=100.0)
    flow = Flow(UDP, "UDP", "198.51.100.2", 5060)
    place.location.refresh(binding, flow, 200.0)
    place.wheel.advance(150.0)
    assert place.expired == []
    assert place.location.has_host("198.51.100.2")
    assert not place.location.has_host("198.51.100.1")
    place.wheel.advance(201.0)
    assert place.expired == [b"1"]
    assert not place.location.has_host("198.51.100.2")


def test_a_timer_that_fires_early_is_armed_again() -> None:
    place = Place()
    binding = place.add("1", expires_at=100.0)
    binding.handle_timer(50.0)
    assert len(place.location) == 1
    place.wheel.advance(101.0)
    assert place.expired == [b"1"]


def test_removing_leaves_a_fork_under_way_alone() -> None:
    place = Place()
    one, two = place.add("1"), place.add("2")
    under_way = place.location.bindings(b"a")
    place.location.remove(one)
    assert under_way == [one, two]
    assert place.location.bindings(b"a") == [two]


def test_removing_twice_is_removing_once() -> None:
    place = Place()
    one = place.add("1")
    place.add("2")
    place.location.remove(one)
    place.location.remove(one)
    assert len(place.location) == 1
    place.wheel.advance(1000.0)
    assert place.expired == [b"2"]


def test_a_host_is_known_as_long_as_any_line_is_registered_from_it() -> None:
    place = Place()
    one, two = place.add("1"), place.add("2", aor="b")
    place.location.remove(one)
    assert place.location.has_host("198.51.100.1")
    place.location.remove(two)
    assert not place.location.has_host("198.51.100.1")
