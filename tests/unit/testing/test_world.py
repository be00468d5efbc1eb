import pytest

from sipedge.sip.flow import Flow
from sipedge.testing.builders import build_edge, build_line
from sipedge.testing.network import Faults
from sipedge.testing.world import World

ALICE = "0033972100001"
BOB = "0033972100002"


class Witness:
    """Writes down what passes the edge."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, str, bytes]] = []
        self.steps = 0

    def edge_received(self, wire: bytes, flow: Flow, now: float) -> None:
        self.seen.append((now, f"<{flow.host}", wire))

    def edge_sent(self, wire: bytes, flow: Flow, now: float) -> None:
        self.seen.append((now, f">{flow.host}", wire))

    def step_done(self, world: World) -> None:
        self.steps += 1


def story(seed: int) -> list[tuple[float, str, bytes]]:
    """A call over a bad network, as the edge saw it."""
    world = World(lines=[build_line(ALICE), build_line(BOB)], seed=seed)
    witness = Witness()
    world.observers.append(witness)
    world.network.faults = Faults(loss=0.2, duplicate=0.2, jitter_seconds=0.3)
    alice, bob = world.add_phone(ALICE, "198.51.100.1"), world.add_phone(BOB, "198.51.100.2")
    bob.on_call = lambda call: call.answer()
    for phone in (alice, bob):
        phone.register()
    world.run_for(20)
    call = alice.call(BOB)
    world.run_for(20)
    call.hang_up()
    world.run_for(80)
    assert witness.steps > 10
    return witness.seen


def test_a_seed_repeats_a_story_to_the_last_octet() -> None:
    assert story(5) == story(5)
    assert story(5) != story(6)


def test_time_moves_by_events_only() -> None:
    world = World(lines=[build_line(ALICE)])
    assert not world.step()
    world.add_phone(ALICE, "198.51.100.1").register()
    assert world.step()
    assert world.now == pytest.approx(1000.005)
    before = world.now
    world.settle()
    assert world.now < before + 0.1
    world.run_for(3600.5)
    assert world.now == pytest.approx(before + 3600.5, abs=0.1)


def test_what_never_happens_is_said() -> None:
    world = World()
    with pytest.raises(AssertionError, match="within 5 s"):
        world.run_until(lambda: False, seconds=5)


def test_an_agent_that_is_nowhere_gets_nothing() -> None:
    world = World(lines=[build_line(ALICE), build_line(BOB)])
    alice, bob = world.add_phone(ALICE, "198.51.100.1"), world.add_phone(BOB, "198.51.100.2")
    for phone in (alice, bob):
        phone.register()
    world.settle()
    del world.agents["UDP", bob.address]
    call = alice.call(BOB)
    world.run_for(40)
    assert (call.status, bob.calls) == (408, [])


def test_another_edge_may_take_the_place_of_the_first() -> None:
    world = World(lines=[build_line(ALICE), build_line(BOB)])
    alice, bob = world.add_phone(ALICE, "198.51.100.1"), world.add_phone(BOB, "198.51.100.2")
    bob.on_call = lambda call: call.answer()
    for phone in (alice, bob):
        phone.register()
    world.settle()
    call = alice.call(BOB)
    world.settle()
    world.restart_edge(build_edge(lines=[build_line(ALICE), build_line(BOB)], seed=99))
    call.hang_up()
    world.run_for(40)
    assert bob.calls[0].ended_by == "them", "the token of the first edge leads through the second"
