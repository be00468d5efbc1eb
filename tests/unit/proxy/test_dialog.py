import pytest

from sipedge.proxy.records import EndedBy
from sipedge.proxy.refusals import Refusal
from sipedge.sip.flow import Flow
from sipedge.sip.names import RECORD_ROUTE
from sipedge.testing.builders import (
    CARRIER_HOST,
    EDGE_HOST,
    UDP,
    build_line,
    build_listeners,
    build_trunk,
)
from sipedge.testing.messages import write_message, write_response, write_sdp
from tests.unit.proxy.lab import (
    ALICE,
    BOB,
    CARRIER,
    Call,
    Lab,
    Sent,
    as_request,
    as_response,
    tcp,
)


def words(sent: list[Sent]) -> list[str]:
    return [item.word for item in sent]


def answered(lab: Lab, callee: str = BOB) -> Call:
    if callee == BOB:
        lab.register_all()
    call = lab.dial(callee)
    call.ring()
    call.pick_up()
    return call


def revive(call: Call, lab: Lab) -> Call:
    """The same call at an edge that started anew: same key, empty tables."""
    call.lab = lab
    return call


# ------------------------------------------------------------------------ by the call table


def test_requests_of_both_sides_reach_the_other_one() -> None:
    call = answered(Lab())
    sent = call.send_in_dialog("INFO")
    assert [(item.word, item.flow.host) for item in sent] == [("INFO", "198.51.100.2")]
    assert sent[0].header(b"Route") == [], "our own Route is taken off"
    assert sent[0].request.uri == b"sip:callee@198.51.100.2:5060"
    sent = call.send_in_dialog("INFO", by_caller=False)
    assert [(item.word, item.flow.host) for item in sent] == [("INFO", "198.51.100.1")]
    assert sent[0].request.uri == b"sip:0033972100001@198.51.100.1:5060"


def test_a_peer_that_ignores_the_route_set_is_known_by_its_flow() -> None:
    """`sipp -sn uac` sends ACK and BYE to the number it dialled, without our Route."""
    lab = Lab()
    call = answered(lab, "0612345678")
    uri = b"sip:0612345678@192.0.2.1:5060"
    ack = call.send_in_dialog("ACK", routes=False, uri=uri, cseq=1)
    assert (ack[0].word, ack[0].flow) == ("ACK", CARRIER)
    assert ack[0].request.uri == b"sip:callee@203.0.113.1:5060", "the remote target is put in"
    call.hang_up(routes=False, uri=uri)
    assert lab.used(ALICE) == 0
    lab.assert_idle()


def test_a_callee_that_ignores_the_route_set_hangs_up_too() -> None:
    lab = Lab()
    call = answered(lab, "0612345678")
    call.hang_up(by_caller=False, routes=False)
    assert lab.records()[0].ended_by is EndedBy.CALLEE


def test_the_right_tags_from_another_place_prove_nothing() -> None:
    lab = Lab()
    call = answered(lab)
    stranger = Flow(UDP, "UDP", "198.51.100.99", 5060)
    sent = call.send_in_dialog("BYE", routes=False, flow=stranger)
    assert [(item.word, item.flow) for item in sent] == [("481", stranger)]
    other_port = Flow(UDP, "UDP", "198.51.100.1", 5999)
    assert words(call.send_in_dialog("BYE", routes=False, flow=other_port)) == ["481"]
    assert lab.used(ALICE) == 1


def test_a_stream_opened_anew_is_still_the_same_phone() -> None:
    lab = Lab()
    lab.register_all()
    stream = tcp("198.51.100.1", connection=1)
    call = lab.dial(flow=stream)
    call.pick_up()
    again = tcp("198.51.100.1", port=41_000, connection=2)
    assert words(call.send_in_dialog("BYE", routes=False, flow=again)) == ["BYE"]


def test_another_host_of_the_same_carrier_may_hang_up() -> None:
    lab = Lab(trunks=[build_trunk(hosts=(CARRIER_HOST, "203.0.113.2"))])
    call = answered(lab, "0612345678")
    lab.core.directory.put_trunks([build_trunk(hosts=(CARRIER_HOST, "203.0.113.2"))])
    other = Flow(UDP, "UDP", "203.0.113.2", 5060)
    assert words(call.send_in_dialog("BYE", by_caller=False, routes=False, flow=other)) == ["BYE"]


def test_an_early_dialog_takes_requests_too() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.answer = next(item for item in call.ring() if item.word == "180").response
    assert words(call.send_in_dialog("PRACK")) == ["PRACK"]


# ------------------------------------------------------------------------------ by the token


def test_a_token_from_before_a_restart_still_leads_to_the_other_side() -> None:
    call = answered(Lab())
    revive(call, Lab(seed=2))
    sent = call.send_in_dialog("BYE")
    assert [(item.word, item.flow.host) for item in sent] == [("BYE", "198.51.100.2")]
    sent = call.send_in_dialog("BYE", by_caller=False)
    assert [(item.word, item.flow.host) for item in sent] == [("BYE", "198.51.100.1")]


def test_the_answer_to_a_request_by_token_comes_back() -> None:
    call = answered(Lab())
    lab = Lab(seed=2)
    sent = revive(call, lab).hang_up()
    assert [(item.word, item.flow.host) for item in sent] == [("200", "198.51.100.1")]
    lab.assert_idle()


def test_a_token_of_another_edge_proves_nothing() -> None:
    call = answered(Lab())
    revive(call, Lab(seed=2, token_key=b"x" * 32))
    assert words(call.send_in_dialog("BYE")) == ["481"]


@pytest.mark.parametrize("restarted", [False, True])
def test_a_forged_token_proves_nothing(restarted: bool) -> None:
    lab = Lab()
    call = answered(lab)
    ours = call.branch.header(b"Record-Route")[0]
    other_host = ours.replace(b"198.51.100.2", b"198.51.100.9")
    other_mac = ours.replace(b"@192", b"0@192")
    if restarted:
        lab = Lab(seed=2)
        revive(call, lab)
    for forged in (other_host, other_mac, b"<sip:~~~~~~~~@192.0.2.1:5060;lr>"):
        sent = call.send_in_dialog("BYE", routes=[forged])
        assert words(sent) == ["481"], forged
    assert lab.refused(Refusal.UNKNOWN_DIALOG) == 3


def test_a_token_is_good_for_its_own_dialog_only() -> None:
    lab = Lab()
    one = answered(lab)
    two = answered(lab)
    borrowed = one.branch.header(b"Record-Route")
    assert words(two.send_in_dialog("BYE", routes=borrowed)) == ["481"]
    lab_after = Lab(seed=2)
    assert words(revive(two, lab_after).send_in_dialog("BYE", routes=borrowed)) == ["481"]


def test_a_token_may_come_from_a_phone_whose_address_changed() -> None:
    lab = Lab()
    call = answered(lab)
    roamed = Flow(UDP, "UDP", "198.51.100.77", 33_000)
    assert words(call.send_in_dialog("BYE", flow=roamed)) == ["BYE"]


def test_a_reinvite_from_a_new_place_moves_the_dialog_there() -> None:
    lab = Lab()
    call = answered(lab)
    roamed = Flow(UDP, "UDP", "198.51.100.77", 33_000)
    contact = [b"Contact: <sip:alice@10.0.0.1>"]
    call.send_in_dialog("INVITE", flow=roamed, extra=contact)
    sent = call.send_in_dialog("BYE", by_caller=False, routes=False)
    assert [(item.word, item.flow) for item in sent] == [("BYE", roamed)]
    assert sent[0].request.uri == b"sip:alice@10.0.0.1"


def test_a_reinvite_from_the_same_flow_moves_nothing() -> None:
    lab = Lab()
    call = answered(lab)
    call.send_in_dialog("INVITE", extra=[b"Contact: <sip:alice@198.51.100.1:5060>"])
    assert call.send_in_dialog("INFO", by_caller=False)[0].flow == lab.flow(ALICE)


# -------------------------------------------------------------------------------- no dialog


def test_a_to_tag_alone_is_no_dialog() -> None:
    lab = Lab()
    lab.register_all()
    for method in ("INVITE", "BYE", "INFO", "UPDATE", "NOTIFY", "REFER"):
        wire = lab.request(method, f"sip:{BOB}@edge.test", to_tag="made-up")
        assert lab.one(wire, lab.flow(ALICE)).word == "481", method
    assert lab.used(ALICE) == 0


def test_a_stray_ack_is_dropped_and_counted() -> None:
    lab = Lab()
    lab.register_all()
    for tag in ("", "made-up"):
        lab.silence(lab.request("ACK", f"sip:{BOB}@edge.test", to_tag=tag), lab.flow(ALICE))
    assert lab.core.counters.dropped["stray_ack"] == 2


def test_an_ack_that_may_go_no_further_is_dropped() -> None:
    lab = Lab()
    call = answered(lab)
    wire = call.in_dialog("ACK", cseq=1).replace(b"Max-Forwards: 70", b"Max-Forwards: 0")
    lab.silence(wire, call.flow)


def test_a_request_in_a_dialog_that_may_go_no_further_is_refused() -> None:
    lab = Lab()
    call = answered(lab)
    wire = call.in_dialog("INFO").replace(b"Max-Forwards: 70", b"Max-Forwards: 0")
    assert lab.one(wire, call.flow).word == "483"


def test_no_route_and_no_request_uri_leads_to_somebody_else() -> None:
    """The edge is no open relay: 403 for a Route, 404 for a Request-URI, 481 for a made-up tag."""
    lab = Lab()
    lab.register_all()
    foreign = "<sip:198.51.100.200;lr>"
    for method in ("INVITE", "MESSAGE", "OPTIONS"):
        wire = lab.request(method, f"sip:{BOB}@edge.test", extra=[f"Route: {foreign}"])
        assert lab.one(wire, lab.flow(ALICE)).word == "403"
        wire = lab.request(method, "sip:bob@198.51.100.200")
        assert lab.one(wire, lab.flow(ALICE)).word == "404"
        own = "<sip:192.0.2.1;lr>"
        wire = lab.request(method, f"sip:{BOB}@edge.test", extra=[f"Route: {own}, {foreign}"])
        assert lab.one(wire, lab.flow(ALICE)).word == "403"
        wire = lab.request(
            method, "sip:bob@198.51.100.200", to_tag="t", extra=[f"Route: {own}, {foreign}"]
        )
        assert lab.one(wire, lab.flow(ALICE)).word == "481"


def test_in_a_dialog_a_foreign_route_still_goes_to_the_other_side() -> None:
    lab = Lab()
    call = answered(lab)
    routes = [*call.branch.header(b"Record-Route"), b"<sip:198.51.100.200;lr>"]
    sent = call.send_in_dialog("INFO", routes=routes, uri=b"sip:evil@198.51.100.201")
    assert [item.flow.host for item in sent] == ["198.51.100.2"]
    assert sent[0].header(b"Route") == [b"<sip:198.51.100.200;lr>"]


# ------------------------------------------------------------------------------ the Route set


def test_a_phone_with_the_edge_as_outbound_proxy_calls_through_it() -> None:
    lab = Lab()
    lab.register_all()
    for route in ("<sip:edge.test;lr>", "<sip:192.0.2.1:5060;lr>", "<sip:pbx@edge.test;lr>"):
        call = lab.dial(extra=[f"Route: {route}"])
        assert call.branch.header(b"Route") == []
        call.reply(486)


def test_an_outbound_proxy_beside_our_token_is_taken_off_too() -> None:
    lab = Lab()
    call = answered(lab)
    routes = [b"<sip:edge.test;lr>", *call.branch.header(b"Record-Route")]
    sent = call.send_in_dialog("BYE", routes=routes)
    assert (words(sent), sent[0].header(b"Route")) == (["BYE"], [])


def test_routes_joined_by_a_comma_are_read_one_by_one() -> None:
    lab = Lab()
    call = answered(lab)
    ours = call.branch.header(b"Record-Route")[0]
    sent = call.send_in_dialog("BYE", routes=[ours + b", <sip:p.test;lr>,<sip:q.test;lr>"])
    assert sent[0].header(b"Route") == [b"<sip:p.test;lr>", b"<sip:q.test;lr>"]


def test_a_strict_router_upstream_is_undone() -> None:
    """RFC 3261 section 16.4: ours stands in the Request-URI, and the real one is the last Route."""
    lab = Lab()
    call = answered(lab)
    ours = call.branch.header(b"Record-Route")[0].strip(b"<>")
    sent = call.send_in_dialog("BYE", uri=ours, routes=[b"<sip:callee@198.51.100.2:5060>"])
    assert [(item.word, item.flow.host) for item in sent] == [("BYE", "198.51.100.2")]
    assert sent[0].request.uri == b"sip:callee@198.51.100.2:5060"
    assert sent[0].header(b"Route") == []
    assert words(revive(call, Lab(seed=2)).send_in_dialog("BYE", uri=ours)) == ["BYE"]


def test_a_number_with_a_tilde_is_no_token() -> None:
    lab = Lab(lines=[build_line(ALICE), build_line(BOB)])
    wire = lab.invite("x~y", extra=["Route: <sip:edge.test;lr>"])
    assert lab.one(wire, lab.flow(ALICE)).word == "404"


@pytest.mark.parametrize("route", ["", " ", ",", "<sip:", "<sip:edge.test;lr>,", "<>"])
def test_an_empty_or_broken_route_does_no_harm(route: str) -> None:
    lab = Lab()
    call = answered(lab)
    ours = call.branch.header(b"Record-Route")[0].strip(b"<>")
    for uri in (b"sip:x@edge.test", ours):
        wire = call.in_dialog("INFO", routes=[route.encode()], uri=uri)
        assert len(lab.send(wire, call.flow)) == 1


def test_a_call_that_passes_here_twice_is_two_calls_until_both_hang_up() -> None:
    """Line to carrier and back to a line: each passage has its own token, and its own leases."""
    lab = Lab()
    lab.register_all()
    out = lab.dial("0612345678")
    back = as_request(out.branch.wire)
    lines = [
        b"Via: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK-carrier",
        *[line for line in back.lines if not line.startswith(b"Content-Length")],
    ]
    wire = write_message(b"INVITE sip:0033972100002@192.0.2.1 SIP/2.0", lines, back.body)
    into = Call(lab, wire, CARRIER, lab.send(wire, CARRIER))
    assert into.branch.flow == lab.flow(BOB)
    assert (lab.used(ALICE), lab.used(BOB), len(lab.core.calls)) == (1, 1, 2)

    bob = write_response(
        into.branch.request, 200, to_tag=b"bob", extra=[b"Contact: <sip:bob@198.51.100.2:5060>"]
    )
    from_edge = lab.one(bob, lab.flow(BOB))
    assert from_edge.flow == CARRIER
    received = out.branch.request
    received.lines.insert(0, b"Record-Route: " + into.branch.header(b"Record-Route")[0])
    received.ids.insert(0, RECORD_ROUTE)
    contact = [b"Contact: <sip:bob@198.51.100.2:5060>"]
    answer = lab.one(write_response(received, 200, to_tag=b"bob", extra=contact), CARRIER)
    assert answer.flow == lab.flow(ALICE)
    out.answer = answer.response

    bye = out.send_in_dialog("BYE")
    assert [(item.word, item.flow) for item in bye] == [("BYE", CARRIER)], "not past the carrier"
    via = b"Via: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK-c2\r\n"
    second = bye[0].wire.replace(b"Via: ", via + b"Via: ", 1)
    last = lab.one(second, CARRIER)
    assert (last.word, last.flow) == ("BYE", lab.flow(BOB))
    through = lab.one(write_response(last.request, 200), lab.flow(BOB))
    assert (lab.used(ALICE), lab.used(BOB)) == (1, 0)
    assert through.flow == CARRIER
    lab.one(write_response(bye[0].request, 200), CARRIER)
    assert lab.used(ALICE) == 0
    lab.assert_idle()


# ---------------------------------------------------------------- over two transports, families


def test_a_call_between_transports_leaves_one_record_route_for_each_side() -> None:
    """RFC 5658: each side reaches the URI that stands next to it."""
    lab = Lab()
    lab.register_all()
    call = lab.dial(flow=tcp("198.51.100.1"))
    routes = call.branch.header(b"Record-Route")
    assert [b"transport=tcp" in route for route in routes] == [False, True]
    call.pick_up()
    for by_caller in (True, False):
        sent = call.send_in_dialog("INFO", by_caller=by_caller)
        assert (words(sent), sent[0].header(b"Route")) == (["INFO"], [])
    call.hang_up()
    assert lab.used(ALICE) == 0


def test_a_call_between_ipv6_and_ipv4_leaves_both_addresses() -> None:
    lab = Lab()
    lab.register_all()
    phone = Flow(2, "UDP", "2001:db8::77", 5060)
    call = lab.dial(flow=phone)
    routes = call.branch.header(b"Record-Route")
    assert [b"@192.0.2.1:5060" in routes[0], b"@[2001:db8::1]:5060" in routes[1]] == [True, True]
    call.pick_up()
    sent = revive(call, Lab(seed=2)).send_in_dialog("BYE", by_caller=False)
    assert [(item.word, item.flow) for item in sent] == [("BYE", phone)]


def test_a_wildcard_listener_names_the_address_that_each_side_can_reach() -> None:
    lab = Lab(listeners=build_listeners(is_wildcard=True))
    call = answered(lab)
    assert EDGE_HOST.encode() in call.branch.header(b"Record-Route")[0]
    assert words(call.send_in_dialog("BYE")) == ["BYE"]


# ------------------------------------------------------------------------------- the slots


def test_a_reinvite_and_a_hold_keep_the_slot_and_take_no_other() -> None:
    lab = Lab(lines=[build_line(ALICE, 1), build_line(BOB, 1)])
    for number in (ALICE, BOB):
        lab.send(lab.register(number), lab.flow(number))
    call = lab.dial()
    call.pick_up()
    for by_caller, direction in ((True, b"sendonly"), (False, b"inactive"), (True, b"sendrecv")):
        body = write_sdp("198.51.100.1", direction=direction)
        offer = call.send_in_dialog("INVITE", by_caller=by_caller, body=body, cseq=7)
        trying, forwarded = offer
        assert (trying.word, forwarded.word) == ("100", "INVITE")
        assert forwarded.header(b"Record-Route") == []
        assert direction in forwarded.wire
        answer = write_response(forwarded.request, 200, extra=[b"Contact: <sip:x@10.0.0.1>"])
        assert words(lab.send(answer, forwarded.flow)) == ["200"]
        assert words(call.send_in_dialog("ACK", by_caller=by_caller, cseq=7)) == ["ACK"]
        assert (lab.used(ALICE), lab.used(BOB)) == (1, 1)
    assert lab.core.counters.calls_admitted == 1
    call.hang_up()
    assert (lab.used(ALICE), lab.used(BOB)) == (0, 0)
    lab.assert_idle()


@pytest.mark.parametrize("status", [408, 481, 488, 491, 500])
def test_a_refused_reinvite_leaves_the_call_up(status: int) -> None:
    lab = Lab()
    call = answered(lab)
    forwarded = call.send_in_dialog("INVITE")[1]
    sent = lab.send(write_response(forwarded.request, status), forwarded.flow)
    assert words(sent) == ["ACK", str(status)]
    assert lab.used(ALICE) == 1


def test_a_late_answer_to_a_reinvite_is_acknowledged_and_ends_nothing() -> None:
    lab = Lab()
    call = answered(lab)
    forwarded = call.send_in_dialog("INVITE")[1]
    lab.send(write_response(forwarded.request, 180), forwarded.flow)
    lab.run(181)
    answer = write_response(forwarded.request, 200, extra=[b"Contact: <sip:bob@198.51.100.2>"])
    assert words(lab.send(answer, forwarded.flow)) == ["ACK"]
    assert lab.used(ALICE) == 1


def test_a_bye_frees_the_slots_when_it_is_answered_and_not_before() -> None:
    lab = Lab()
    call = answered(lab)
    bye = call.send_in_dialog("BYE")[0]
    assert (lab.used(ALICE), lab.used(BOB)) == (1, 1)
    assert words(lab.send(write_response(bye.request, 200), bye.flow)) == ["200"]
    assert (lab.used(ALICE), lab.used(BOB)) == (0, 0)
    assert lab.core.ledger.double_frees == 0
    assert [record.ended_by for record in lab.records()] == [EndedBy.CALLER]


def test_a_copy_of_the_bye_frees_nothing_twice() -> None:
    lab = Lab()
    call = answered(lab)
    wire = call.in_dialog("BYE")
    bye = lab.one(wire, call.flow)
    lab.send(write_response(bye.request, 200), bye.flow)
    assert lab.one(wire, call.flow).word == "200"
    assert lab.core.ledger.double_frees == 0
    assert len(lab.records()) == 1


def test_a_bye_from_both_sides_frees_once() -> None:
    lab = Lab()
    call = answered(lab)
    one = call.send_in_dialog("BYE")[0]
    two = call.send_in_dialog("BYE", by_caller=False)[0]
    lab.send(write_response(one.request, 200), one.flow)
    lab.send(write_response(two.request, 481), two.flow)
    assert (lab.used(ALICE), lab.core.ledger.double_frees, len(lab.records())) == (0, 0, 1)
    lab.assert_idle()


def test_a_bye_that_nobody_answers_frees_the_slots_after_timer_f() -> None:
    lab = Lab()
    call = answered(lab)
    call.send_in_dialog("BYE")
    lab.run(31)
    assert lab.used(ALICE) == 1
    lab.run(2)
    assert (lab.used(ALICE), lab.used(BOB)) == (0, 0)
    lab.assert_idle()


def test_a_bye_that_is_challenged_frees_nothing() -> None:
    lab = Lab()
    call = answered(lab, "0612345678")
    for status in (401, 407):
        bye = call.send_in_dialog("BYE")[0]
        assert words(lab.send(write_response(bye.request, status), bye.flow)) == [str(status)]
        assert lab.used(ALICE) == 1
    call.hang_up()
    assert lab.used(ALICE) == 0


def test_a_bye_that_finds_no_dialog_at_the_other_side_frees_the_slots() -> None:
    lab = Lab()
    call = answered(lab)
    assert words(call.hang_up(status=481)) == ["481"]
    assert lab.used(ALICE) == 0


def test_a_bye_in_an_early_dialog_leaves_the_call_to_its_invite() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    call.answer = next(item for item in call.ring() if item.word == "180").response
    call.hang_up()
    assert lab.used(ALICE) == 1, "its phone may still answer"
    call.reply(487)
    assert lab.used(ALICE) == 0


def test_a_call_that_lasts_too_long_is_ended_in_the_books() -> None:
    lab = Lab()
    call = answered(lab)
    lab.run(43_201)
    assert lab.used(ALICE) == 0
    assert lab.records()[0].ended_by is EndedBy.DURATION
    assert words(call.send_in_dialog("BYE")) == ["BYE"], "the token still leads to the other side"


# --------------------------------------------------------------------------------- identity


def test_inside_a_dialog_a_line_cannot_forge_an_identity_either() -> None:
    call = answered(Lab())
    forged = [b"p-asserted-identity : <sip:112@edge.test>", b"Remote-Party-ID: <sip:1@x>"]
    sent = call.send_in_dialog("INVITE", extra=forged)[1]
    assert sent.header(b"P-Asserted-Identity") == []
    assert sent.header(b"Remote-Party-ID") == []


def test_inside_a_dialog_the_carriers_identity_is_kept_unless_it_is_private() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial_in()
    call.pick_up()
    asserted = b"P-Asserted-Identity: <sip:0033612345678@carrier.test>"
    sent = call.send_in_dialog("UPDATE", extra=[asserted])[0]
    assert sent.header(b"P-Asserted-Identity") == [asserted.partition(b": ")[2]]
    sent = call.send_in_dialog("UPDATE", cseq=3, extra=[asserted, b"Privacy: id"])[0]
    assert sent.header(b"P-Asserted-Identity") == []


def test_the_proof_of_a_phone_does_not_reach_the_other_side() -> None:
    lab = Lab()
    call = answered(lab)
    ours = b'Digest username="a", realm="edge.test", nonce="n", uri="sip:x", response="0"'
    theirs = ours.replace(b"edge.test", b"other.test")
    extra = [b"Proxy-Authorization: " + ours, b"Proxy-Authorization: " + theirs]
    sent = call.send_in_dialog("INVITE", extra=[*extra, b"authorization: " + ours])[1]
    assert sent.header(b"Proxy-Authorization") == [theirs]
    assert sent.header(b"Authorization") == []


def test_a_bye_that_overtakes_the_answer_still_ends_the_call() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    answer = write_response(
        call.branch.request, 200, to_tag=b"b0", extra=[b"Contact: <sip:callee@198.51.100.2>"]
    )
    call.answer = as_response(answer)
    bye = call.send_in_dialog("BYE", by_caller=False)[0]
    assert bye.flow == lab.flow(ALICE), "by the token: no response showed this tag yet"
    lab.send(answer, lab.flow(BOB))
    assert lab.used(ALICE) == 1
    lab.send(write_response(bye.request, 481), lab.flow(ALICE))
    assert lab.used(ALICE) == 0


def test_a_caller_of_rfc_2543_that_has_no_tag_is_served_both_ways() -> None:
    for by_caller in (True, False):
        lab = Lab()
        lab.register_all()
        wire = lab.invite(BOB).replace(b";tag=a", b"", 1)
        call = Call(lab, wire, lab.flow(ALICE), lab.send(wire, lab.flow(ALICE)))
        call.pick_up()
        call.hang_up(by_caller=by_caller)
        assert (lab.used(ALICE), lab.used(BOB)) == (0, 0)
        lab.assert_idle()
