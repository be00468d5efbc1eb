from sipedge.proxy.effects import RecordRefusal
from sipedge.proxy.settings import ProxySettings
from sipedge.testing.builders import CARRIER_HOST, build_line, build_trunk
from sipedge.testing.calls import ENDED, RINGING, TALKING, AgentCall, IncomingCall
from sipedge.testing.network import Nat
from sipedge.testing.phone import Phone
from sipedge.testing.trunk import Carrier, called_number
from sipedge.testing.world import World

ALICE = "0033972100001"
BOB = "0033972100002"


def world_of_two(calls: int = 2, **options: object) -> tuple[World, Phone, Phone]:
    """Alice and Bob, registered, and a trunk that nobody stands behind."""
    world = World(lines=[build_line(ALICE, calls), build_line(BOB, 9)], trunks=[build_trunk()])
    alice = world.add_phone(ALICE, "198.51.100.1", **options)  # type: ignore[arg-type]
    bob = world.add_phone(BOB, "198.51.100.2", **options)  # type: ignore[arg-type]
    for phone in (alice, bob):
        phone.register()
    world.settle()
    return world, alice, bob


def incoming(phone: Phone) -> IncomingCall:
    call = phone.calls[-1]
    assert isinstance(call, IncomingCall)
    return call


def used(world: World, number: str) -> int:
    return world.edge.core.ledger.used(f"line:{number}")


def assert_idle(world: World) -> None:
    core = world.edge.core
    assert core.ledger.all_leases() == []
    assert (len(core.calls), core.layer.servers, core.layer.clients) == (0, {}, {})


def test_a_phone_answers_the_challenge_and_is_registered() -> None:
    world, alice, _ = world_of_two()
    assert (alice.registration_status, alice.is_registered) == (200, True)
    assert alice.bindings == [b"<sip:0033972100001@198.51.100.1:5060>;expires=3600"]
    assert len(world.edge.core.location) == 2
    alice.unregister()
    world.settle()
    assert not alice.is_registered
    assert alice.bindings == []


def test_a_phone_with_the_wrong_password_is_not_registered() -> None:
    world, alice, _ = world_of_two()
    alice.unregister()
    world.settle()
    alice.digest.password = "wrong"
    alice.register()
    world.settle()
    assert (alice.registration_status, alice.is_registered) == (401, False)


def test_a_phone_uses_its_nonce_again_and_gets_a_new_one_when_it_is_stale() -> None:
    world, alice, _ = world_of_two()
    challenges = world.edge.core.counters.auth_challenges
    alice.register()
    world.settle()
    assert world.edge.core.counters.auth_challenges == challenges
    world.run_for(400)
    alice.register()
    world.settle()
    assert alice.registration_status == 200
    assert world.edge.core.counters.auth_challenges == challenges + 1


def test_two_phones_talk_and_either_may_hang_up() -> None:
    for by_caller in (True, False):
        world, alice, bob = world_of_two()
        call = alice.call(BOB)
        world.settle()
        assert (call.stage, incoming(bob).stage) == (RINGING, RINGING)
        incoming(bob).answer()
        world.settle()
        assert (alice.talking, bob.talking) == ([call], [incoming(bob)])
        assert (used(world, ALICE), used(world, BOB)) == (1, 1)
        (call if by_caller else incoming(bob)).hang_up()
        world.settle()
        assert (call.ended_by, incoming(bob).ended_by) == (
            ("us", "them") if by_caller else ("them", "us")
        )
        world.run_for(40)
        assert_idle(world)
        assert alice.unexpected == bob.unexpected == []


def test_a_phone_that_refuses_tells_the_caller_so() -> None:
    world, alice, bob = world_of_two()
    bob.on_call = lambda call: call.refuse(486)
    call = alice.call(BOB)
    world.settle()
    assert (call.stage, call.status, call.ended_by) == (ENDED, 486, "refused")
    world.run_for(40)
    assert_idle(world)


def test_a_caller_may_cancel_at_any_moment() -> None:
    for wait in (0.0, 0.001, 0.012, 0.021, 2.0):
        world, alice, bob = world_of_two()
        call = alice.call(BOB)
        world.run_for(wait)
        call.cancel()
        world.run_for(80)
        assert (call.stage, call.ended_by) == (ENDED, "cancelled"), wait
        assert [call.ended_by for call in bob.calls] in ([], ["cancelled"])
        assert_idle(world)


def test_an_answer_that_crosses_the_cancel_is_hung_up() -> None:
    world, alice, bob = world_of_two()
    call = alice.call(BOB)
    world.settle()
    call.cancel()
    incoming(bob).answer()
    world.run_for(80)
    assert (call.ended_by, incoming(bob).ended_by) == ("cancelled", "them")
    assert_idle(world)


def test_the_call_too_many_is_refused_and_its_ticket_read() -> None:
    world, alice, bob = world_of_two(calls=2)
    bob.on_call = lambda call: call.answer()
    calls = [alice.call(BOB) for _ in range(3)]
    world.settle()
    assert [call.stage for call in calls] == [TALKING, TALKING, ENDED]
    assert calls[2].status == 486
    (ticket,) = [e.ticket for e in world.effects if isinstance(e, RecordRefusal)]
    assert ticket.code.encode() in calls[2].warning
    assert {holder.call_id for holder in ticket.holders} == {
        call.call_id.decode() for call in calls[:2]
    }


def test_a_hold_keeps_the_call_and_its_slot() -> None:
    world, alice, bob = world_of_two()
    bob.on_call = lambda call: call.answer()
    call = alice.call(BOB)
    world.settle()
    call.hold()
    world.settle()
    incoming(bob).hold(b"sendrecv")
    world.settle()
    assert (call.stage, used(world, ALICE)) == (TALKING, 1)
    call.hang_up()
    world.run_for(40)
    assert_idle(world)
    assert alice.unexpected == bob.unexpected == []


def test_a_phone_that_ignores_routes_is_served_all_the_same() -> None:
    world, alice, bob = world_of_two(follows_routes=False)
    bob.on_call = lambda call: call.answer()
    call = alice.call(BOB)
    world.settle()
    assert bob.talking
    call.hang_up()
    world.run_for(40)
    assert incoming(bob).ended_by == "them"
    assert_idle(world)


def test_an_answer_that_nobody_acknowledges_is_hung_up_after_64_t1() -> None:
    world, alice, bob = world_of_two()
    bob.on_call = lambda call: call.answer()
    alice.call(BOB)
    world.run_until(lambda: bool(bob.talking))
    alice.vanish()
    world.run_for(33)
    assert incoming(bob).ended_by == "lost"
    world.run_for(70)
    assert_idle(world)


def test_a_phone_behind_a_nat_calls_and_is_called() -> None:
    world = World(lines=[build_line(ALICE), build_line(BOB)])
    nat = Nat("203.0.113.200")
    alice = world.add_phone(ALICE, "192.168.1.10", nat=nat)
    bob = world.add_phone(BOB, "192.168.1.11", nat=nat, asks_for_rport=False)
    for phone in (alice, bob):
        phone.register()
        phone.on_call = lambda call: call.answer()
    world.settle()
    for caller, callee in ((alice, bob), (bob, alice)):
        call = caller.call(callee.user)
        world.settle()
        assert call.stage is TALKING
        callee.talking[0].hang_up()
        world.settle()
        assert call.ended_by == "them"
    world.run_for(40)
    assert_idle(world)


def test_phones_on_streams_and_on_ipv6_talk_to_the_others() -> None:
    world = World(lines=[build_line(ALICE), build_line(BOB)])
    alice = world.add_phone(ALICE, "198.51.100.1", transport="TCP")
    bob = world.add_phone(BOB, "2001:db8::b0b")
    for phone in (alice, bob):
        phone.register()
        phone.on_call = lambda call: call.answer()
    world.settle()
    for caller, callee in ((alice, bob), (bob, alice)):
        call = caller.call(callee.user)
        world.settle()
        assert call.stage is TALKING, call.status
        callee.talking[0].hang_up()
        world.settle()
        assert call.is_over
    world.run_for(40)
    assert_idle(world)
    assert (alice.copies_sent, bob.unexpected) == (0, [])


def test_a_phone_whose_stream_breaks_opens_another_one() -> None:
    world = World(lines=[build_line(ALICE), build_line(BOB)])
    alice = world.add_phone(ALICE, "198.51.100.1", transport="TCP")
    bob = world.add_phone(BOB, "198.51.100.2")
    bob.on_call = lambda call: call.answer()
    for phone in (alice, bob):
        phone.register()
    world.settle()
    call = alice.call(BOB)
    world.settle()
    world.break_stream(alice)
    call.hang_up()
    world.run_for(40)
    assert incoming(bob).ended_by == "them"
    assert_idle(world)


def test_a_carrier_takes_calls_and_calls_lines() -> None:
    world = World(lines=[build_line(ALICE)], trunks=[build_trunk()])
    alice = world.add_phone(ALICE, "198.51.100.1")
    carrier: Carrier = world.add_carrier(CARRIER_HOST)
    alice.register()
    world.settle()
    carrier.on_call = lambda call: call.answer()
    alice.on_call = lambda call: call.answer()
    out = alice.call("0612345678")
    world.settle()
    assert called_number(incoming(carrier)) == "0612345678"
    back = carrier.call_line(ALICE, caller="0033699999999")
    world.settle()
    assert (out.stage, back.stage) == (TALKING, TALKING)
    assert alice.calls[1].peer == "0033699999999"
    assert used(world, ALICE) == 2
    out.hang_up()
    alice.talking[0].hang_up()
    world.run_for(40)
    assert_idle(world)


def test_a_phone_gives_a_forked_invite_one_ring() -> None:
    """Two bindings of one phone: the second copy is merged, not a second call."""
    world, alice, bob = world_of_two()
    world.edge.core.location.bindings(BOB.encode())[0].uri += b";one"
    bob.register()
    world.settle()
    assert len(world.edge.core.location) == 2
    call = alice.call(BOB)
    world.settle()
    assert len(bob.calls) == 1
    incoming(bob).answer()
    world.settle()
    assert call.stage is TALKING


def test_without_challenges_nothing_is_proven() -> None:
    settings = ProxySettings(authenticate=frozenset())
    world = World(lines=[build_line(ALICE)], settings=settings)
    alice = world.add_phone(ALICE, "198.51.100.1")
    alice.register()
    world.settle()
    assert alice.registration_status == 200
    assert world.edge.core.counters.auth_challenges == 0


def test_every_change_of_a_call_is_told() -> None:
    world, alice, bob = world_of_two()
    bob.on_call = lambda call: call.answer()
    call = alice.call(BOB)
    seen: list[str] = []

    def note(changed: AgentCall) -> None:
        seen.append(changed.stage.value)

    call.on_change = note
    world.settle()
    call.hang_up()
    assert seen == ["talking", "ended"]
