import pytest

from sipedge.proxy.settings import ProxySettings
from sipedge.testing.builders import build_line
from sipedge.testing.calls import TALKING
from sipedge.testing.checkers import CallBook, Violation, check_idle
from sipedge.testing.phone import Phone
from sipedge.testing.world import World

ALICE = "0033972100001"
BOB = "0033972100002"


def watched(limit: int = 2) -> tuple[World, CallBook, Phone, Phone]:
    """Two registered phones and a book that watches the edge."""
    limits = {ALICE: limit, BOB: 9}
    settings = ProxySettings(authenticate=frozenset())
    world = World(
        lines=[build_line(number, calls) for number, calls in limits.items()], settings=settings
    )
    book = CallBook(limits.__getitem__, frozenset({"112"}), 43_200.0)
    for number in limits:
        book.know_line(number)
    world.observers.append(book)
    alice, bob = world.add_phone(ALICE, "198.51.100.1"), world.add_phone(BOB, "198.51.100.2")
    bob.on_call = lambda call: call.answer()
    for phone in (alice, bob):
        phone.register()
    world.settle()
    return world, book, alice, bob


def test_the_book_follows_calls_from_the_wire_alone() -> None:
    world, book, alice, _ = watched()
    call = alice.call(BOB)
    world.settle()
    assert book.count(ALICE, world.now) == (1, 1)
    assert book.count(BOB, world.now) == (1, 1)
    call.hang_up()
    world.settle()
    assert (book.count(ALICE, world.now), book.admitted, book.ended) == ((0, 0), 1, 1)


def test_a_refusal_at_the_limit_is_right() -> None:
    world, book, alice, _ = watched(limit=1)
    alice.call(BOB)
    second = alice.call(BOB)
    world.settle()
    assert (second.status, book.refused) == (486, 1)


def test_a_slot_that_leaks_is_seen() -> None:
    world, _, alice, _ = watched()
    call = alice.call(BOB)
    world.settle()
    assert call.stage is TALKING
    core = world.edge.core
    core.ledger.free(core.ledger.held(f"line:{ALICE}")[0], world.now, "by mistake")
    alice.register()
    with pytest.raises(Violation, match="the ledger says 0, the wire 1 to 1"):
        world.settle()


def test_a_call_above_the_paid_number_is_seen() -> None:
    world, book, alice, _ = watched(limit=1)
    world.edge.core.directory.put_line(build_line(ALICE, 5))
    alice.call(BOB)
    alice.call(BOB)
    with pytest.raises(Violation, match="2 calls admitted, 1 paid"):
        world.settle()
    assert book.admitted == 2


def test_a_refusal_below_the_limit_is_seen() -> None:
    world, _, alice, _ = watched(limit=2)
    world.edge.core.directory.put_line(build_line(ALICE, 0))
    alice.call(BOB)
    with pytest.raises(Violation, match="refused below the limit"):
        world.settle()


def test_what_is_left_behind_is_named() -> None:
    world, _, alice, _ = watched()
    alice.call(BOB)
    world.settle()
    with pytest.raises(Violation, match="'leases': 2, 'calls': 1"):
        check_idle(world)


def test_an_answer_out_of_nowhere_is_seen() -> None:
    world, book, alice, _ = watched()
    call = alice.call(BOB)
    world.settle()
    wire = b"\r\n".join(
        [
            b"SIP/2.0 200 OK",
            b"Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKnever",
            b"From: <sip:a@x>;tag=a",
            b"To: <sip:b@x>;tag=b",
            b"Call-ID: " + call.call_id,
            b"CSeq: 1 INVITE",
            b"",
            b"",
        ]
    )
    flow = world.edge.core.location.bindings(ALICE.encode())[0].flow
    with pytest.raises(Violation, match="a response without a request"):
        book.edge_sent(wire, flow, world.now)
    with pytest.raises(Violation, match="would not read"):
        book.edge_sent(b"rubbish", flow, world.now)
