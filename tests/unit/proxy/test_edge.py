import pytest

from sipedge.limits.guard import SourceGuard
from sipedge.proxy.refusals import Refusal
from sipedge.sip.flow import Flow
from sipedge.testing.builders import UDP, build_trunk
from sipedge.testing.messages import write_response
from tests.unit.proxy.lab import ALICE, BOB, CAROL, CARRIER, Lab, tcp

NUMBER = "0612345678"
STRANGER = Flow(UDP, "UDP", "198.51.100.250", 5060)


def guarded(burst: float, **options: object) -> Lab:
    """A lab whose sources may owe this much before they are banned for a minute."""
    return Lab(guard=SourceGuard(0.001, burst, 60.0, 100), **options)  # type: ignore[arg-type]


# ------------------------------------------------------------------------- what is not SIP


@pytest.mark.parametrize("wire", [b"", b"\r\n", b"\r\n\r\n", b"\0\0\0\0"])
def test_a_keep_alive_is_counted_and_costs_nothing(wire: bytes) -> None:
    lab = Lab()
    lab.silence(wire, STRANGER)
    assert lab.core.counters.dropped["keepalive"] == 1


@pytest.mark.parametrize(
    "wire", [b"hello", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 500, b"INVITE sip:x SIP/2.0\r\n\r\n"]
)
def test_what_cannot_be_answered_is_dropped_and_counted(wire: bytes) -> None:
    lab = Lab()
    lab.silence(wire, STRANGER)
    assert lab.core.counters.dropped["unanswerable"] == 1


# --------------------------------------------------------------------------- malformed SIP


def test_a_malformed_request_is_answered_where_it_came_from_and_costs_no_state() -> None:
    lab = Lab()
    wire = lab.invite(NUMBER, via="SIP/2.0/UDP 198.51.100.99:9;branch=z9hG4bK-x").replace(
        b"Max-Forwards: 70", b"No colon here"
    )
    answer = lab.one(wire, STRANGER)
    assert (answer.word, answer.flow) == ("400", STRANGER)
    assert answer.response.to_tag
    assert lab.core.layer.servers == {}
    assert lab.refused(Refusal.MALFORMED) == 1


def test_a_malformed_ack_or_response_is_never_answered() -> None:
    lab = Lab()
    ack = lab.request("ACK", "sip:x@edge.test").replace(b"Max-Forwards: 70", b"No colon")
    lab.silence(ack, STRANGER)
    call = lab.dial(NUMBER)
    bad = write_response(call.branch.request, 200).replace(b"CSeq: 1 INVITE", b"CSeq: x INVITE")
    lab.silence(bad, CARRIER)
    assert lab.core.counters.dropped["malformed_response"] == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b";tag=a", b";tag="),
        (b";tag=a", b';tag="x"'),
        (b"<sip:0033972100001@edge.test>;tag", b"<sip:;tag"),
        (b"To: <sip:", b"To: <sip"),
        (b"To: <", b'To: "open <'),
        (b"CSeq: 1", b"CSeq: 1_0"),
        (b"CSeq: 1", b"CSeq: 4294967296"),
    ],
)
def test_a_broken_header_of_an_invite_is_400_and_takes_nothing(old: bytes, new: bytes) -> None:
    lab = Lab()
    wire = lab.invite(NUMBER)
    assert old in wire
    lab.edge.receive(wire.replace(old, new, 1), lab.flow(ALICE), lab.now)
    ((flow, answer),) = lab.core.effects.take_sends()
    # The answer repeats the broken header, as it must: our own parser would refuse it.
    assert (flow, answer[:12]) == (lab.flow(ALICE), b"SIP/2.0 400 ")
    assert lab.core.layer.servers == {}
    assert lab.core.ledger.all_leases() == []


def test_a_cancel_with_a_broken_tag_leaves_no_transaction_behind() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.ring()
    before = len(lab.core.layer.servers)
    call.invite.lines[1] = b"From: <sip:0033972100001@edge.test>;tag="
    assert [item.word for item in call.cancel()] == ["400"]
    assert len(lab.core.layer.servers) == before
    call.reply(486)
    lab.assert_idle()


def test_every_message_is_counted_by_what_it_is() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.ring()
    call.pick_up()
    counters = lab.core.counters
    assert counters.requests_received[b"INVITE"] == 1
    assert counters.requests_received[b"ACK"] == 1
    assert counters.requests_sent[b"INVITE"] == 1
    assert counters.requests_sent[b"ACK"] == 1
    assert (counters.responses_received[1], counters.responses_received[2]) == (1, 1)
    second = lab.dial()
    second.ring()
    second.cancel()
    assert counters.requests_sent[b"CANCEL"] == 1


# ------------------------------------------------------------------------------- the guard


def test_a_source_that_sends_nothing_of_use_is_refused_before_parsing() -> None:
    lab = guarded(5)
    for _ in range(6):
        lab.send(lab.request("OPTIONS", "sip:100@edge.test"), STRANGER)
    lab.silence(lab.request("OPTIONS", "sip:100@edge.test"), STRANGER)
    assert lab.core.counters.dropped["banned_or_flooding"] == 1
    assert lab.one(lab.register(ALICE), lab.flow(ALICE)).word == "200", "others do not feel it"
    lab.run(61)
    assert lab.one(lab.request("OPTIONS", "sip:edge.test"), STRANGER).word == "200"


def test_a_phone_that_works_pays_nothing() -> None:
    lab = guarded(3, authenticate=frozenset({b"REGISTER", b"INVITE"}))
    for _ in range(20):
        wire = lab.register(ALICE)
        proven = lab.authorize(wire, lab.one(wire, lab.flow(ALICE)), ALICE)
        assert lab.one(proven, lab.flow(ALICE)).word == "200"
        wire = lab.invite(NUMBER)
        sent = lab.send(lab.authorize(wire, lab.one(wire, lab.flow(ALICE)), ALICE), lab.flow(ALICE))
        assert sent[0].word in {"100", "486"}
    assert lab.core.guard.bans == 0


def test_a_line_whose_calls_are_all_in_use_pays_nothing_for_trying() -> None:
    lab = guarded(3)
    for _ in range(2):
        lab.dial(NUMBER)
    for _ in range(20):
        assert lab.one(lab.invite(NUMBER), lab.flow(ALICE)).word == "486"
    assert lab.core.guard.bans == 0


def test_a_banned_house_still_calls_for_help() -> None:
    lab = guarded(2)
    lab.send(lab.register(ALICE), lab.flow(ALICE))
    for _ in range(4):
        lab.send(lab.invite("987"), lab.flow(ALICE))
    lab.silence(lab.invite(NUMBER), lab.flow(ALICE))
    call = lab.dial("112")
    call.pick_up()
    call.hang_up()
    assert lab.core.guard.emergency_passes == 1


def test_a_banned_source_gets_one_emergency_through_at_a_time() -> None:
    lab = guarded(2, trunks=[])
    for _ in range(4):
        lab.send(lab.invite("987"), lab.flow(ALICE))
    assert lab.one(lab.invite("112"), lab.flow(ALICE)).word == "480"
    lab.silence(lab.invite("112"), lab.flow(ALICE))


# ---------------------------------------------------------------------- streams that break


def test_a_call_whose_stream_breaks_ends_by_the_other_side() -> None:
    lab = Lab()
    lab.register_all()
    stream = tcp("198.51.100.1")
    call = lab.dial(flow=stream)
    call.ring()
    lab.edge.flow_failed(stream, lab.now)
    call.reply(486)
    lab.assert_idle()


def test_a_callee_whose_stream_breaks_before_it_says_a_word_counts_as_failed() -> None:
    lab = Lab()
    stream = tcp("198.51.100.2")
    lab.send(lab.register(BOB, flow=stream), stream)
    call = lab.dial()
    assert call.branch.flow == stream
    lab.edge.flow_failed(stream, lab.now)
    sent = lab.drain()
    assert [item.word for item in sent] == ["500"]
    assert lab.used(ALICE) == 0


def test_the_other_phones_ring_on_when_the_stream_of_one_breaks() -> None:
    lab = Lab()
    stream = tcp("198.51.100.2")
    lab.send(lab.register(BOB, flow=stream), stream)
    lab.send(lab.register(BOB, "<sip:b@198.51.100.2:5075>"), lab.flow(BOB))
    call = lab.dial()
    assert len(call.branches) == 2
    lab.edge.flow_failed(stream, lab.now)
    assert lab.drain() == []
    assert [item.word for item in call.reply(180, branch=1)] == ["180"]


def test_a_connection_that_cannot_be_opened_fails_what_waits_for_it() -> None:
    lab = Lab(trunks=[build_trunk(transport="TCP")])
    call = lab.dial(NUMBER)
    lab.edge.connect_failed(call.branch.flow, lab.now)
    assert [item.word for item in lab.drain()] == ["500"]


# ---------------------------------------------------------------- where the answers go (NAT)


def test_a_phone_that_repeats_from_another_port_is_answered_where_it_listens() -> None:
    """Its Via names the port it listens on; the copy must not move the answers to the source."""
    lab = Lab()
    lab.register_all()
    source = Flow(UDP, "UDP", "198.51.100.1", 50_555)
    via = "SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK-asym"
    wire = lab.invite(BOB, flow=source, via=via)
    sent = lab.send(wire, source)
    assert sent[0].flow.port == 5060
    lab.run(0.4)
    assert [item.flow.port for item in lab.send(wire, source)] == [5060]
    ringing = write_response(sent[1].request, 180, to_tag=b"b")
    assert lab.one(ringing, lab.flow(BOB)).flow.port == 5060


def test_a_nat_that_changes_the_port_between_two_copies_is_followed() -> None:
    lab = Lab()
    lab.register_all()
    via = "SIP/2.0/UDP 10.0.0.2:5060;rport;branch=z9hG4bK-nat"
    first = Flow(UDP, "UDP", "198.51.100.1", 30_001)
    wire = lab.invite(BOB, flow=first, via=via)
    sent = lab.send(wire, first)
    second = Flow(UDP, "UDP", "198.51.100.1", 30_002)
    assert lab.one(wire, second).flow == second
    ringing = write_response(sent[1].request, 180, to_tag=b"b")
    assert lab.one(ringing, lab.flow(BOB)).flow == second


def test_the_edge_has_nothing_to_do_when_nothing_happens() -> None:
    assert Lab().edge.next_deadline() is None


def test_a_thousand_mixed_messages_leave_no_state_behind() -> None:
    lab = Lab()
    lab.register_all()
    for turn in range(100):
        caller, callee = ((ALICE, BOB), (BOB, CAROL), (CAROL, NUMBER))[turn % 3]
        call = lab.dial(callee, caller=caller)
        if turn % 4 == 0:
            call.ring()
            call.cancel()
            call.reply(487)
        elif turn % 4 == 1:
            call.reply(486)
        else:
            call.pick_up()
            call.hang_up(by_caller=turn % 2 == 0)
        lab.run(0.01)
    lab.assert_idle()
    assert lab.core.counters.calls_admitted == 100
    assert len(lab.records()) == 100
