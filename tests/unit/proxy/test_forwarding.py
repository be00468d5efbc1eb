import gc

import pytest

from sipedge.proxy.calls import ANSWERED, RINGING
from sipedge.proxy.calls import Call as ProxyCall
from sipedge.proxy.forwarding import ResponseContext
from sipedge.proxy.records import EndedBy
from sipedge.sip.flow import Flow
from sipedge.testing.builders import EDGE_HOST, UDP, build_trunk
from sipedge.testing.messages import write_response
from tests.unit.proxy.lab import (
    ALICE,
    BOB,
    CAROL,
    CARRIER,
    Call,
    Lab,
    Sent,
    as_request,
    as_response,
    header_lines,
)


def fork(lab: Lab, *ports: int, q: str = "") -> None:
    """Register this many phones for Bob, each at its own port."""
    contacts = [f"<sip:bob@198.51.100.2:{port}>{q}" for port in ports]
    assert lab.one(lab.register(BOB, *contacts), lab.flow(BOB)).word == "200"


def words(sent: list[Sent]) -> list[str]:
    return [item.word for item in sent]


def to_caller(sent: list[Sent]) -> list[Sent]:
    return [item for item in sent if item.flow.host == "198.51.100.1"]


def to_callee(sent: list[Sent]) -> list[Sent]:
    return [item for item in sent if item.flow.host == "198.51.100.2"]


# --------------------------------------------------------------------------- one callee


def test_an_invite_is_tried_rung_and_answered() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    assert call.trying[0].response.reason == b"Trying"
    assert words(call.ring()) == ["180"]
    answer = call.reply(200)
    assert words(answer) == ["200"]
    vias = answer[0].header(b"Via")
    assert [b"198.51.100.1" in via for via in vias] == [True], "our own Via is gone"


def test_a_100_of_the_callee_is_not_forwarded() -> None:
    lab = Lab()
    lab.register_all()
    assert lab.dial().reply(100) == []


def test_the_callee_gets_one_hop_less_our_via_on_top_and_our_record_route() -> None:
    lab = Lab()
    lab.register_all()
    forwarded = lab.dial().branch
    assert forwarded.header(b"Max-Forwards") == [b"69"]
    assert [via.split(b";")[0] for via in forwarded.header(b"Via")] == [
        b"SIP/2.0/UDP 192.0.2.1:5060",
        b"SIP/2.0/UDP 198.51.100.1:5060",
    ]
    assert len(forwarded.header(b"Record-Route")) == 1
    assert forwarded.request.uri == b"sip:0033972100002@198.51.100.2:5060"


def test_a_copy_of_the_invite_gets_the_last_response_again() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.ring()
    assert words(lab.send(call.invite.wire, call.flow)) == ["180"]


def test_a_copy_of_the_200_goes_to_the_caller_again_and_counts_nothing() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    first = call.reply(200)
    again = call.reply(200)
    assert [item.wire for item in again] == [item.wire for item in first]
    assert (lab.used(ALICE), lab.used(BOB)) == (1, 1)
    assert lab.core.counters.calls_answered == 1


def test_a_refusal_is_acknowledged_and_forwarded() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    sent = call.reply(486)
    assert words(to_callee(sent)) == ["ACK"]
    assert words(to_caller(sent)) == ["486"]
    assert lab.used(ALICE) == 0
    assert call.acknowledge(to_caller(sent)[0]) == []
    assert lab.records()[0].ended_by is EndedBy.REFUSED


def test_a_refusal_is_repeated_until_it_is_acknowledged() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    refusal = to_caller(call.reply(486))[0]
    assert words(to_caller(lab.run(2))) == ["486", "486"]
    call.acknowledge(refusal)
    assert to_caller(lab.run(5)) == []


def test_a_callee_that_never_answers_gets_the_caller_a_408_after_timer_b() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    sent = lab.run(33)
    assert words(to_callee(sent)) == ["INVITE"] * 6, "copies at 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s"
    assert words(to_caller(sent))[0] == "408"
    assert lab.used(ALICE) == 0
    assert lab.records()[0].ended_by is EndedBy.NO_ANSWER
    call.acknowledge(to_caller(sent)[0])
    lab.assert_idle()


def test_a_phone_that_rings_for_ever_is_cancelled_by_timer_c() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.ring()
    sent = lab.run(181)
    assert words(to_callee(sent))[0] == "CANCEL"
    assert words(to_caller(sent))[0] == "408"
    assert lab.used(ALICE) == 0


def test_each_180_gives_the_ringing_another_timer_c() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    for _ in range(4):
        call.ring()
        assert lab.run(170) == []
    assert lab.used(ALICE) == 1
    assert words(to_callee(lab.run(11)))[0] == "CANCEL"


def test_a_response_without_transaction_is_dropped_and_counted() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    wire = write_response(call.branch.request, 180, to_tag=b"x")
    lab.silence(wire.replace(b"z9hG4bK", b"z9hG4bKnot", 1), lab.flow(BOB))
    assert lab.core.counters.dropped["stray_response"] == 1


def test_a_503_of_the_callee_is_not_passed_on_as_ours() -> None:
    """RFC 3261 section 16.7 step 6: a 503 would make the caller avoid the edge itself."""
    lab = Lab()
    lab.register_all()
    assert words(to_caller(lab.dial().reply(503))) == ["500"]


def test_a_redirection_is_the_callers_to_follow() -> None:
    lab = Lab()
    lab.register_all()
    sent = to_caller(lab.dial().reply(302, contact="<sip:0033972100003@edge.test>"))
    assert words(sent) == ["302"]
    assert sent[0].header(b"Contact") == [b"<sip:0033972100003@edge.test>"]


# -------------------------------------------------------------------------------- CANCEL


def test_a_cancel_before_any_response_waits_for_the_first_one() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    assert words(call.cancel()) == ["200"], "RFC 3261 section 9.1: nothing goes to the callee yet"
    sent = call.ring()
    assert words(to_callee(sent)) == ["CANCEL"]


def test_a_cancel_of_a_ringing_call_ends_it_with_487() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.ring()
    sent = call.cancel()
    assert words(to_caller(sent)) == ["200"]
    cancel = to_callee(sent)[0].request
    assert (cancel.method, cancel.uri) == (b"CANCEL", call.branch.request.uri)
    assert cancel.via_branch == call.branch.request.via_branch
    assert lab.used(ALICE) == 1, "the callee has not agreed yet"
    lab.send(write_response(cancel, 200, to_tag=b"b0"), lab.flow(BOB))
    assert words(to_caller(call.reply(487))) == ["487"]
    assert (lab.used(ALICE), lab.used(BOB)) == (0, 0)
    assert lab.records()[0].ended_by is EndedBy.CANCELLED


def test_a_copy_of_the_cancel_is_answered_and_does_nothing_more() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.ring()
    call.cancel()
    assert words(call.cancel()) == ["200"]


def test_a_cancel_after_the_answer_is_answered_and_ignored() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.pick_up()
    assert words(call.cancel()) == ["200"]
    assert lab.used(ALICE) == 1


def test_a_cancel_of_nothing_finds_no_transaction() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.flow = Flow(UDP, "UDP", "198.51.100.1", 5099)
    call.invite.lines[0] = b"Via: SIP/2.0/UDP 198.51.100.1:5099;branch=z9hG4bK-other"
    assert words(call.cancel()) == ["481"]


def test_a_200_that_crosses_the_cancel_is_a_call_and_stays_counted() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.ring()
    call.cancel()
    call.pick_up()
    assert (lab.used(ALICE), lab.used(BOB)) == (1, 1)
    assert next(iter(lab.core.calls.by_serial.values())).state is ANSWERED
    call.hang_up()
    assert (lab.used(ALICE), lab.used(BOB)) == (0, 0)
    lab.assert_idle()


def test_a_cancelled_phone_that_is_gone_gives_its_slot_back_after_64_t1() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.ring()
    call.cancel()
    lab.run(31)
    assert lab.used(ALICE) == 1
    sent = lab.run(2)
    assert "487" in words(to_caller(sent))
    assert lab.used(ALICE) == 0


def test_a_cancelled_phone_that_is_gone_leaves_no_transaction_behind() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.ring()
    call.cancel()
    sent = lab.run(33)
    call.acknowledge(next(item for item in to_caller(sent) if item.word == "487"))
    lab.assert_idle()


def test_a_phone_that_outrang_timer_c_and_is_gone_leaves_no_transaction_behind() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.ring()
    sent = lab.run(181)
    call.acknowledge(next(item for item in to_caller(sent) if item.word == "408"))
    lab.assert_idle()


def test_a_cancel_that_waits_for_the_first_response_ends_with_timer_b() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.cancel()
    sent = lab.run(40)
    assert "CANCEL" not in words(sent)
    assert "487" in words(to_caller(sent))
    lab.assert_idle()


# --------------------------------------------------------------------------------- forks


def test_all_phones_of_a_line_ring_at_once_and_count_as_one_call() -> None:
    lab = Lab()
    fork(lab, 5071, 5072, 5073)
    call = lab.dial()
    assert [branch.flow.port for branch in call.branches] == [5071, 5072, 5073]
    assert len({branch.request.via_branch for branch in call.branches}) == 3
    assert (lab.used(ALICE), lab.used(BOB)) == (1, 1)


def test_the_first_answer_cancels_the_other_phones() -> None:
    lab = Lab()
    fork(lab, 5071, 5072, 5073)
    call = lab.dial()
    call.ring(1)
    call.ring(2)
    sent = call.reply(200, branch=2)
    cancelled = [item.flow.port for item in sent if item.word == "CANCEL"]
    assert words(to_caller(sent)) == ["200"]
    assert cancelled == [5072], "5071 has not said a word yet"
    assert words(to_callee(call.ring(0))) == ["CANCEL"]
    assert words(to_callee(call.reply(487, branch=0))) == ["ACK"]
    assert to_caller(call.reply(487, branch=1)) == []


def test_a_cancelled_fork_that_is_gone_leaves_no_transaction_behind() -> None:
    lab = Lab()
    fork(lab, 5071, 5072)
    call = lab.dial()
    call.ring(1)
    call.pick_up(0)
    call.hang_up()
    lab.assert_idle()


def test_a_second_answer_goes_to_the_caller_and_holds_no_slot_of_its_own() -> None:
    lab = Lab()
    fork(lab, 5071, 5072)
    call = lab.dial()
    call.pick_up(0)
    second = call.reply(200, branch=1)
    assert words(to_caller(second)) == ["200"]
    assert (lab.used(ALICE), lab.used(BOB)) == (1, 1)


def test_a_call_with_two_answers_ends_with_the_second_hang_up() -> None:
    lab = Lab()
    fork(lab, 5071, 5072)
    call = lab.dial()
    call.pick_up(0)
    call.hang_up()
    lab.assert_idle()

    call = lab.dial()
    call.pick_up(0)
    call.pick_up(1)
    call.answered_by, call.answer = 1, as_response(to_caller(call.reply(200, branch=1))[0].wire)
    call.hang_up()
    assert lab.used(ALICE) == 1, "the first phone still talks"
    call.answered_by, call.answer = 0, as_response(to_caller(call.reply(200, branch=0))[0].wire)
    call.hang_up(cseq=3)
    assert lab.used(ALICE) == 0


def test_the_lowest_class_wins_and_inside_it_what_tells_how_to_try_again() -> None:
    """RFC 3261 section 16.7 step 6."""
    for statuses, best in [
        ((486, 480), "480"),
        ((500, 404), "404"),
        ((486, 415), "415"),
        ((404, 302), "302"),
        ((503, 500), "500"),
        ((503, 486), "486"),
        ((486, 603), "603"),
        ((404, 401), "401"),
    ]:
        lab = Lab()
        fork(lab, 5071, 5072)
        call = lab.dial()
        assert to_caller(call.reply(statuses[0], branch=0)) == []
        assert words(to_caller(call.reply(statuses[1], branch=1))) == [best], statuses


def test_a_phone_that_is_dead_does_not_outvote_one_that_is_busy() -> None:
    lab = Lab()
    fork(lab, 5071, 5072)
    call = lab.dial()
    call.reply(486, branch=0)
    assert words(to_caller(lab.run(33)))[0] == "486"


def test_a_600_stops_the_other_phones_and_is_what_the_caller_hears() -> None:
    lab = Lab()
    fork(lab, 5071, 5072)
    call = lab.dial()
    call.ring(1)
    sent = call.reply(603, branch=0)
    assert [item.flow.port for item in sent if item.word == "CANCEL"] == [5072]
    assert to_caller(sent) == [], "section 16.7 step 5: a 200 may still come"
    assert words(to_caller(call.reply(487, branch=1))) == ["603"]


def test_a_600_does_not_wait_for_a_phone_that_is_gone() -> None:
    lab = Lab()
    fork(lab, 5071, 5072)
    call = lab.dial()
    call.ring(1)
    call.reply(603, branch=0)
    assert words(to_caller(lab.run(33)))[0] == "603"


def test_a_200_that_crosses_a_600_wins() -> None:
    lab = Lab()
    fork(lab, 5071, 5072)
    call = lab.dial()
    call.ring(1)
    call.reply(603, branch=0)
    assert words(to_caller(call.reply(200, branch=1))) == ["200"]
    assert lab.used(ALICE) == 1


def test_the_challenges_of_all_phones_are_put_together() -> None:
    lab = Lab()
    fork(lab, 5071, 5072)
    call = lab.dial()
    one = b'WWW-Authenticate: Digest realm="one", nonce="1"'
    two = b'Proxy-Authenticate: Digest realm="two", nonce="2"'
    call.reply(401, branch=0, extra=[one])
    answer = to_caller(call.reply(407, branch=1, extra=[two]))[0]
    assert answer.word == "401"
    assert answer.header(b"WWW-Authenticate") == [one.partition(b": ")[2]]
    assert answer.header(b"Proxy-Authenticate") == [two.partition(b": ")[2]]


def test_the_phones_with_the_higher_q_ring_first() -> None:
    lab = Lab()
    lab.send(
        lab.register(BOB, "<sip:b@198.51.100.2:5071>;q=0.3", "<sip:b@198.51.100.2:5072>;q=0.9"),
        lab.flow(BOB),
    )
    call = lab.dial()
    assert [branch.flow.port for branch in call.branches] == [5072]
    sent = call.reply(486)
    assert [item.flow.port for item in sent if item.word == "INVITE"] == [5071]
    assert to_caller(sent) == []
    assert lab.used(ALICE) == 1


def test_the_best_response_is_chosen_among_all_groups() -> None:
    lab = Lab()
    lab.send(
        lab.register(BOB, "<sip:b@198.51.100.2:5071>;q=0.3", "<sip:b@198.51.100.2:5072>;q=0.9"),
        lab.flow(BOB),
    )
    call = lab.dial()
    call.branches += [item for item in call.reply(480, branch=0) if item.word == "INVITE"]
    assert words(to_caller(call.reply(486, branch=1))) == ["480"]


def test_a_cancelled_call_starts_no_further_group() -> None:
    lab = Lab()
    lab.send(
        lab.register(BOB, "<sip:b@198.51.100.2:5071>;q=0.3", "<sip:b@198.51.100.2:5072>;q=0.9"),
        lab.flow(BOB),
    )
    call = lab.dial()
    call.ring()
    call.cancel()
    sent = call.reply(487)
    assert words(to_caller(sent)) == ["487"]
    assert "INVITE" not in words(sent)


# ------------------------------------------------------------------------- ghost answers


def ghost(lab: Lab) -> Call:
    """A call whose caller was told 487 while its phone is still about to answer."""
    lab.register_all()
    call = lab.dial()
    call.ring()
    call.cancel()
    refusal = next(item for item in lab.run(33) if item.word == "487")
    call.acknowledge(refusal)
    return call


def test_an_answer_before_the_branch_is_given_up_is_taken_and_hung_up() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.ring()
    refusal = next(item for item in lab.run(181) if item.word == "408")
    call.acknowledge(refusal)
    sent = call.reply(200)
    assert words(sent) == ["ACK", "BYE"]
    assert {item.flow for item in sent} == {lab.flow(BOB)}
    ack, bye = (item.request for item in sent)
    assert (ack.uri, bye.uri) == (b"sip:callee@198.51.100.2:5060",) * 2
    assert (ack.cseq_number, bye.cseq_number) == (1, 2)
    assert header_lines(bye, b"Route") == [], "our own Record-Route is not to be followed"
    assert ack.to_tag == b"b0"
    assert lab.used(ALICE) == 0
    lab.send(write_response(bye, 200), lab.flow(BOB))
    lab.assert_idle()


def test_copies_of_a_ghost_answer_are_acknowledged_and_hung_up_once() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.ring()
    lab.run(181)
    call.reply(200)
    assert words(call.reply(200)) == ["ACK"]


def test_a_ghost_behind_a_proxy_is_reached_through_that_proxy() -> None:
    lab = Lab()
    call = lab.dial("0612345678")
    call.ring()
    lab.run(181)
    request = as_request(call.branch.wire)
    request.lines.insert(0, b"Record-Route: <sip:p1.test;lr>, <sip:p2.test;lr>")
    request.ids.insert(0, 10)
    sent = call.reply(200, request=request)
    assert sent[0].header(b"Route") == [b"<sip:p2.test;lr>", b"<sip:p1.test;lr>"]


def test_a_ghost_without_a_contact_is_acknowledged_all_the_same() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.ring()
    lab.run(181)
    assert words(call.reply(200, contact="")) == ["ACK", "BYE"]


def test_an_answer_after_the_branch_was_given_up_is_dropped() -> None:
    lab = Lab()
    call = ghost(lab)
    lab.run(33)
    assert call.reply(200) == []
    assert lab.used(ALICE) == 0


# --------------------------------------------------------------------- what a callee breaks


@pytest.mark.parametrize(
    "contact", ["<sip:", "sip:x@y?h=1", '"open <sip:x@y>', "<>", "*", "<sip:x y@z>"]
)
def test_an_answer_with_a_broken_contact_still_reaches_the_caller(contact: str) -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    assert words(to_caller(call.reply(200, contact=contact))) == ["200"]
    assert next(iter(lab.core.calls.by_serial.values())).state is ANSWERED


def test_an_answer_with_a_broken_tag_is_dropped_before_it_changes_anything() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    wire = write_response(call.branch.request, 200, to_tag=b"x").replace(b";tag=x", b";tag=")
    lab.silence(wire, lab.flow(BOB))
    assert lab.core.counters.dropped["malformed_response"] == 1
    assert next(iter(lab.core.calls.by_serial.values())).state is RINGING
    assert words(to_caller(call.reply(486))) == ["486"]
    lab.assert_idle()


def test_the_identity_that_a_callee_claims_in_its_answer_is_removed() -> None:
    lab = Lab()
    lab.register_all()
    forged = [b"P-Asserted-Identity : <sip:112@edge.test>", b"P-Preferred-Identity: <sip:1@x>"]
    answer = lab.dial().reply(200, extra=forged)[0]
    assert answer.header(b"P-Asserted-Identity") == []
    assert answer.header(b"P-Preferred-Identity") == []
    assert len(answer.header(b"Via")) == 1


def test_the_identity_that_a_carrier_asserts_in_its_answer_is_kept() -> None:
    lab = Lab()
    asserted = b"P-Asserted-Identity: <sip:0033612345678@carrier.test>"
    answer = lab.dial("0612345678").reply(200, extra=[asserted])[0]
    assert answer.header(b"P-Asserted-Identity") == [asserted.partition(b": ")[2]]


def test_a_response_whose_vias_are_joined_by_commas_is_understood() -> None:
    """SIPp joins them."""
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    wire = write_response(call.branch.request, 180, to_tag=b"b0")
    response = as_response(wire)
    ours, theirs = header_lines(response, b"Via")
    joined = wire.replace(b"Via: %b\r\n" % theirs, b"").replace(ours, ours + b", " + theirs)
    assert lab.one(joined, lab.flow(BOB)).header(b"Via") == [theirs]


# ------------------------------------------------------------------- trunks with two ways


BACKUP = Flow(UDP, "UDP", "203.0.113.2", 5060)


def two_ways() -> Lab:
    lab = Lab(trunks=[build_trunk(hosts=("203.0.113.1", "203.0.113.2"))])
    lab.register_all()
    return lab


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_way_to_the_carrier_that_fails_is_followed_by_the_next(status: int) -> None:
    lab = two_ways()
    call = lab.dial("0612345678")
    assert call.branch.flow == CARRIER
    sent = call.reply(status)
    assert [(item.word, item.flow) for item in sent if item.word == "INVITE"] == [
        ("INVITE", BACKUP)
    ]
    assert to_caller(sent) == []
    assert lab.used(ALICE) == 1


@pytest.mark.parametrize("status", [404, 480, 486, 403, 603])
def test_what_the_called_party_says_is_not_asked_a_second_time(status: int) -> None:
    lab = two_ways()
    sent = lab.dial("0612345678").reply(status)
    assert words(to_caller(sent)) == [str(status)]
    assert "INVITE" not in words(sent)


def test_a_silent_way_to_the_carrier_is_passed_over_within_seconds() -> None:
    lab = two_ways()
    call = lab.dial("0612345678")
    sent = lab.run(5.1)
    assert [item.flow for item in sent if item.word == "INVITE"][-1] == BACKUP
    late = call.reply(180)
    assert [(item.word, item.flow) for item in late if item.word == "CANCEL"] == [
        ("CANCEL", CARRIER)
    ]


def test_a_way_that_said_trying_is_given_its_time() -> None:
    lab = two_ways()
    lab.dial("0612345678").reply(100)
    assert "INVITE" not in words(lab.run(60))


def test_the_last_way_is_given_its_time() -> None:
    lab = two_ways()
    lab.dial("0612345678")
    sent = lab.run(31)
    assert to_caller(sent) == []
    assert "408" in words(to_caller(lab.run(10)))


def test_a_stream_that_cannot_be_opened_is_followed_by_the_next_way() -> None:
    trunk = build_trunk(hosts=("203.0.113.1", "203.0.113.2"), transport="TCP")
    lab = Lab(trunks=[trunk])
    call = lab.dial("0612345678")
    assert call.branch.flow.transport == "TCP"
    lab.edge.connect_failed(call.branch.flow, lab.now)
    assert [item.flow.host for item in lab.drain()] == ["203.0.113.2"]


def test_when_every_stream_fails_the_caller_is_not_told_to_avoid_the_edge() -> None:
    lab = Lab(trunks=[build_trunk(transport="TCP")])
    call = lab.dial("0612345678")
    lab.edge.connect_failed(call.branch.flow, lab.now)
    assert words(lab.drain()) == ["500"]
    assert lab.used(ALICE) == 0


# ------------------------------------------------------------------------- other methods


def test_a_request_that_is_no_invite_gets_no_100_and_its_final_response_once() -> None:
    lab = Lab()
    lab.register_all()
    wire = lab.request("MESSAGE", f"sip:{BOB}@edge.test", body=b"hello")
    forwarded = lab.one(wire, lab.flow(ALICE))
    assert forwarded.word == "MESSAGE"
    answer = write_response(forwarded.request, 200, to_tag=b"m")
    assert lab.one(answer, lab.flow(BOB)).word == "200"
    lab.silence(answer, lab.flow(BOB))
    assert lab.one(wire, lab.flow(ALICE)).word == "200"
    lab.assert_idle()


def test_a_request_that_nobody_answers_gets_no_late_408() -> None:
    """RFC 4320 section 4.2."""
    lab = Lab()
    lab.register_all()
    lab.send(lab.request("MESSAGE", f"sip:{BOB}@edge.test"), lab.flow(ALICE))
    assert to_caller(lab.run(40)) == []
    lab.assert_idle()


def test_responses_sent_are_counted_when_they_are_sent() -> None:
    lab = Lab()
    lab.register_all()
    before = sum(lab.core.counters.responses_sent)
    call = lab.dial()
    call.ring()
    call.pick_up()
    assert sum(lab.core.counters.responses_sent) - before == 3
    call.ring()
    assert sum(lab.core.counters.responses_sent) - before == 3


def test_the_via_of_the_edge_names_the_address_that_the_callee_can_reach() -> None:
    lab = Lab()
    lab.register_all()
    assert EDGE_HOST.encode() in lab.dial(CAROL).branch.header(b"Via")[0]


# ------------------------------------------------------------------- what must not pile up


def test_an_answer_after_everybody_hung_up_is_hung_up_too() -> None:
    """The slot is free already: the call that it would be is not counted."""
    lab = Lab()
    fork(lab, 5071, 5072)
    call = lab.dial()
    call.ring(1)
    call.pick_up(0)
    call.hang_up()
    sent = call.reply(200, branch=1)
    assert words(sent) == ["ACK", "BYE"]
    assert to_caller(sent) == []
    assert lab.used(ALICE) == 0


def test_a_copy_of_the_answer_after_the_hang_up_goes_to_the_caller() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.pick_up()
    call.hang_up()
    assert words(to_caller(call.reply(200))) == ["200"]


def test_a_callee_that_makes_up_tags_fills_nothing() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    for number in range(200):
        call.ring(tag=f"early{number}")
    (record,) = lab.core.calls.by_serial.values()
    assert len(record.callees) == 64
    for number in range(50):
        call.reply(200, tag=f"answer{number}")
    assert len(record.answered_tags) == 16


def test_an_answer_without_a_tag_is_dropped() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    wire = write_response(call.branch.request, 200, extra=[b"Contact: <sip:bob@198.51.100.2>"])
    lab.silence(wire, lab.flow(BOB))
    assert lab.core.counters.dropped["malformed_response"] == 1


def test_180s_of_a_cancelled_phone_do_not_prolong_its_ringing() -> None:
    lab = Lab()
    fork(lab, 5071, 5072)
    call = lab.dial()
    call.ring(1)
    call.reply(603, branch=0)
    sent: list[Sent] = []
    for _ in range(8):
        call.ring(1)
        sent += lab.run(5)
    assert "603" in words(to_caller(sent))


def answer_and_hang_up(lab: Lab) -> None:
    call = lab.dial()
    call.ring()
    call.pick_up()
    call.hang_up()


def test_calls_that_ended_leave_nothing_in_memory() -> None:
    """Reference counts alone must free them: the collector runs in quiet moments only (ADR 13).

    What is disarmed stays on the wheel for a while, too; it must not hold whole calls there.
    """
    lab = Lab()
    lab.register_all()
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            answer_and_hang_up(lab)
        lab.run(40)
        left = [item for item in gc.get_objects() if isinstance(item, ProxyCall | ResponseContext)]
        assert left == []
    finally:
        gc.enable()


def test_a_copy_of_an_answer_after_its_hang_up_brings_no_dialog_back() -> None:
    """Two phones picked up; the 200 that one repeated crossed its BYE."""
    lab = Lab()
    fork(lab, 5071, 5072)
    call = lab.dial()
    call.pick_up(0)
    call.pick_up(1)
    call.hang_up()
    call.reply(200, branch=1)
    call.answered_by, call.answer = 0, as_response(to_caller(call.reply(200, branch=0))[0].wire)
    call.hang_up(cseq=3)
    assert (lab.used(ALICE), lab.used(BOB)) == (0, 0)
