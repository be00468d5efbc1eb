# ruff: noqa: ANN401 - what a test changes of a request is anything

import re
from typing import Any

import pytest

from sipedge.limits.ledger import EMERGENCY, INCOMING, OUTGOING, PSAP_CALLBACK
from sipedge.proxy.invite import Route, explain_call, find_route, flow_of
from sipedge.proxy.records import EndedBy
from sipedge.proxy.refusals import Refusal
from sipedge.proxy.settings import ProxySettings
from sipedge.sip.flow import Flow
from sipedge.testing.builders import TCP, UDP, UDP_IPV6, build_line, build_trunk
from tests.unit.proxy.lab import ALICE, BOB, CAROL, CARRIER, Lab, Sent

NUMBER = "0612345678"
INTERNATIONAL = Flow(UDP, "UDP", "203.0.113.44", 5060)


def words(sent: list[Sent]) -> list[str]:
    return [item.word for item in sent]


def lab_with(*limits: int, **options: object) -> Lab:
    """Alice, Bob and Carol with these limits, all registered."""
    numbers = (ALICE, BOB, CAROL)
    lines = [build_line(number, calls) for number, calls in zip(numbers, limits, strict=False)]
    lab = Lab(lines=lines, **options)  # type: ignore[arg-type]
    for line in lines:
        lab.send(lab.register(line.number), lab.flow(line.number))
    return lab


def refused(lab: Lab, callee: str = NUMBER, **changes: Any) -> Sent:
    """Send an INVITE that must be refused and return the refusal."""
    return lab.one(lab.invite(callee, **changes), lab.flow(changes.get("caller", ALICE)))


# ---------------------------------------------------------------------------------- routing


@pytest.mark.parametrize(
    "user", [BOB, "+33972100002", "0972100002", "+33-9.72(10)00-02", "00339721%30%30002"]
)
def test_a_line_is_called_under_any_spelling_of_its_number(user: str) -> None:
    lab = lab_with(2, 2)
    call = lab.dial(user)
    assert call.branch.flow == lab.flow(BOB)
    assert lab.used(BOB) == 1


def test_a_line_is_called_under_its_aliases_by_lines_and_by_the_carrier() -> None:
    lab = Lab(lines=[build_line(ALICE), build_line(BOB, aliases=("0033972105555",))])
    lab.send(lab.register(BOB), lab.flow(BOB))
    assert lab.dial("0972105555").branch.flow == lab.flow(BOB)
    assert lab.dial_in("0033972105555").branch.flow == lab.flow(BOB)
    assert lab.used(BOB) == 2


def test_a_line_is_called_under_a_tel_uri() -> None:
    lab = lab_with(2, 2)
    assert lab.dial(uri="tel:+33-972-10-00-02").branch.flow == lab.flow(BOB)


def test_another_number_goes_to_the_carrier_as_it_was_dialled() -> None:
    lab = lab_with(2)
    branch = lab.dial("+33 6".replace(" ", "")).branch
    assert (branch.flow, branch.request.uri) == (CARRIER, b"sip:+336@203.0.113.1:5060")


def test_the_longest_prefix_chooses_the_trunk() -> None:
    trunks = [build_trunk(), build_trunk("abroad", prefixes=("00", "+1"), hosts=("203.0.113.44",))]
    lab = lab_with(9, trunks=trunks)
    for number, flow in [
        ("0612345678", CARRIER),
        ("0049301234", INTERNATIONAL),
        ("+15551234", INTERNATIONAL),
        ("+4930", CARRIER),
    ]:
        assert lab.dial(number).branch.flow == flow, number


def test_a_number_that_no_prefix_fits_is_not_found() -> None:
    lab = lab_with(2)
    assert refused(lab, "987").word == "404"
    assert lab.refused(Refusal.NOT_FOUND) == 1
    assert lab.used(ALICE) == 0


def test_a_number_of_a_foreign_domain_is_not_found() -> None:
    assert refused(lab_with(2), uri="sip:bob@other.example").word == "404"


def test_the_carrier_reaches_lines_only() -> None:
    lab = lab_with(2, 2)
    call = lab.dial_in(BOB)
    assert call.branch.flow == lab.flow(BOB)
    assert call.branch.request.uri == b"sip:0033972100002@198.51.100.2:5060"
    assert lab.one(lab.carrier_invite(NUMBER), CARRIER).word == "404", "no transit"


def test_a_trunk_over_a_stream_is_called_with_its_transport() -> None:
    lab = lab_with(2, trunks=[build_trunk(transport="TCP")])
    branch = lab.dial(NUMBER).branch
    assert branch.flow == Flow(TCP, "TCP", "203.0.113.1", 5060)
    assert branch.request.uri == b"sip:0612345678@203.0.113.1:5060;transport=tcp"


def test_a_trunk_over_ipv6_is_called_in_brackets() -> None:
    lab = lab_with(2, trunks=[build_trunk(hosts=("2001:db8::9",))])
    branch = lab.dial(NUMBER).branch
    assert branch.flow == Flow(UDP_IPV6, "UDP", "2001:db8::9", 5060)
    assert branch.request.uri == b"sip:0612345678@[2001:db8::9]:5060"


def test_what_is_dialled_cannot_add_to_the_uri_of_the_carrier() -> None:
    lab = lab_with(2)
    branch = lab.dial(uri="sip:06%40evil.test%3Bx%0D%0AX@edge.test").branch
    assert branch.request.uri == b"sip:06%40evil.test@203.0.113.1:5060"


def test_a_line_whose_phones_are_off_is_temporarily_unavailable() -> None:
    lab = Lab(lines=[build_line(ALICE), build_line(BOB)])
    answer = refused(lab, BOB)
    assert answer.word == "480"
    assert answer.header(b"Reason") == [b"Q.850;cause=20"]
    assert answer.header(b"Retry-After") == [b"10"]
    assert (lab.used(ALICE), lab.used(BOB)) == (0, 0)


def test_a_suspended_line_looks_like_one_whose_phones_are_off() -> None:
    lab = Lab(lines=[build_line(ALICE), build_line(BOB, is_enabled=False)])
    off = refused(lab, BOB).message.start_line
    lab.send(lab.register(BOB), lab.flow(BOB))
    assert refused(lab, BOB).message.start_line == off


def test_a_trunk_that_does_not_resolve_is_temporarily_unavailable() -> None:
    trunk = build_trunk()
    trunk.flows = []
    assert refused(lab_with(2, trunks=[trunk])).word == "480"


def test_an_edge_that_drains_takes_no_new_call_and_keeps_those_that_are_up() -> None:
    lab = lab_with(2, 2)
    call = lab.dial(BOB)
    call.pick_up()
    lab.core.is_draining = True
    answer = refused(lab)
    assert (answer.word, answer.header(b"Retry-After")) == ("503", [b"10"])
    assert lab.dial("112").branch.word == "INVITE"
    call.hang_up()
    assert lab.used(BOB) == 0


# --------------------------------------------------------------------------- limits, outgoing


def test_the_call_beyond_the_paid_number_is_refused_with_a_ticket() -> None:
    lab = lab_with(2, 9)
    for _ in range(2):
        lab.dial(BOB).pick_up()
    answer = refused(lab)
    assert (answer.word, answer.response.reason) == ("486", b"Busy Here")
    assert answer.header(b"Reason") == [b"Q.850;cause=34"]
    assert answer.header(b"Retry-After") == [b"10"]
    warning = answer.header(b"Warning")[0]
    assert re.fullmatch(rb'399 edge1 "R-[0-9A-Z]{4} 2/2 calls"', warning), warning
    assert lab.refused(Refusal.OUTGOING_CALLS_IN_USE) == 1
    assert lab.used(ALICE) == 2


def test_the_ticket_names_the_calls_that_held_the_line() -> None:
    lab = lab_with(2, 9)
    lab.core.wall_offset = 1_700_000_000.0
    first = lab.dial(BOB)
    first.pick_up()
    lab.run(60)
    second = lab.dial("0033612345678")
    refused(lab, "0699999999", call_id="the-one-too-many")
    (ticket,) = lab.tickets()
    assert lab.core.archive.find(ticket.code) is ticket
    assert (ticket.line, ticket.direction, ticket.used, ticket.limit) == (ALICE, "outgoing", 2, 2)
    assert (ticket.caller, ticket.callee) == (ALICE, "0699999999")
    assert ticket.call_id == "the-one-too-many"
    assert ticket.at_utc == pytest.approx(1_700_000_000 + lab.now)
    held = [(h.call_id, h.peer, h.why, h.state, h.duration_seconds) for h in ticket.holders]
    assert held == [
        (first.invite.call_id.decode(), BOB, "outgoing", "confirmed", pytest.approx(60)),
        (second.invite.call_id.decode(), "0033612345678", "outgoing", "early", 0.0),
    ]


def test_a_refused_call_is_repeated_until_its_ack_and_holds_nothing() -> None:
    lab = lab_with(0)
    wire = lab.invite(NUMBER)
    refusal = lab.one(wire, lab.flow(ALICE))
    assert lab.one(wire, lab.flow(ALICE)).wire == refusal.wire, "one ticket for all copies"
    assert words(lab.run(1.6)) == ["486", "486"]
    assert len(lab.tickets()) == 1
    lab.assert_idle()


def test_nothing_below_the_limit_is_refused_and_nothing_above_admitted() -> None:
    lab = lab_with(3, 9)
    calls = [lab.dial(BOB) for _ in range(3)]
    for _ in range(3):
        assert refused(lab, BOB).word == "486"
    calls[1].reply(486)
    assert lab.dial(BOB).branch.word == "INVITE"
    assert refused(lab, BOB).word == "486"
    assert lab.used(ALICE) == 3


def test_a_limit_of_zero_lets_no_call_through_and_no_limit_lets_all() -> None:
    assert refused(lab_with(0)).header(b"Warning")[0].endswith(b'0/0 calls"')
    lab = lab_with(2**31 - 1)
    for _ in range(50):
        lab.dial(NUMBER)
    assert lab.used(ALICE) == 50


def test_a_line_that_calls_itself_needs_two() -> None:
    assert refused(lab_with(1), ALICE).word == "486"
    lab = lab_with(2)
    lab.dial(ALICE).pick_up()
    assert lab.used(ALICE) == 2


def test_outgoing_and_incoming_calls_share_the_paid_number() -> None:
    lab = lab_with(2, 2)
    lab.dial(NUMBER)
    lab.dial_in(ALICE)
    assert refused(lab).word == "486"
    assert [lease.why for lease in lab.core.ledger.all_leases()] == [OUTGOING, INCOMING]


def test_either_both_lines_are_charged_or_none() -> None:
    lab = lab_with(2, 0)
    assert refused(lab, BOB).word == "486"
    assert (lab.used(ALICE), lab.used(BOB)) == (0, 0)


# --------------------------------------------------------------------------- limits, incoming


def test_a_stranger_learns_the_ticket_and_nothing_of_the_account() -> None:
    lab = lab_with(9, 1)
    lab.dial(BOB).pick_up()
    for answer in (
        refused(lab, BOB),
        lab.one(lab.carrier_invite(BOB), CARRIER),
    ):
        assert answer.word == "486"
        assert answer.header(b"Reason") == [b"Q.850;cause=17"]
        warning = answer.header(b"Warning")[0]
        assert re.fullmatch(rb'399 edge1 "R-[0-9A-Z]{4} all calls in use"', warning), warning
        text = answer.wire.partition(b"To:")[2].partition(b"\r\n")[2]
        assert b"1/1" not in answer.wire
        assert BOB.encode() not in text.replace(b"CSeq", b"")
    ticket = lab.tickets()[-1]
    assert (ticket.line, ticket.direction, ticket.caller) == (BOB, "incoming", "0033612345678")


@pytest.mark.parametrize(
    ("status", "phrase", "retry"),
    [
        (480, b"Temporarily Unavailable", [b"10"]),
        (403, b"Forbidden", []),
        (503, b"Service Unavailable", [b"10"]),
        (486, b"Busy Here", [b"10"]),
    ],
)
def test_a_trunk_is_refused_with_the_status_it_wants(
    status: int, phrase: bytes, retry: list[bytes]
) -> None:
    """Retry-After only where RFC 3261 section 20.33 has it."""
    lab = lab_with(2, 0, trunks=[build_trunk(refusal_status=status)])
    answer = lab.one(lab.carrier_invite(BOB), CARRIER)
    assert (answer.response.status, answer.response.reason) == (status, phrase)
    assert answer.header(b"Retry-After") == retry
    assert answer.header(b"Reason") == [b"Q.850;cause=17"]


# ------------------------------------------------------------------------------- live changes


def test_a_raised_limit_lets_the_next_call_through() -> None:
    lab = lab_with(1, 9)
    lab.dial(BOB).pick_up()
    assert refused(lab).word == "486"
    lab.core.directory.put_line(build_line(ALICE, 2))
    assert lab.dial(NUMBER).branch.word == "INVITE"
    assert refused(lab).word == "486"


def test_a_lowered_limit_cuts_no_call_and_takes_no_new_one() -> None:
    lab = lab_with(3, 9)
    calls = [lab.dial(BOB) for _ in range(3)]
    for call in calls:
        call.pick_up()
    lab.core.directory.put_line(build_line(ALICE, 1))
    answer = refused(lab)
    assert answer.header(b"Warning")[0].endswith(b'3/1 calls"')
    calls[0].hang_up()
    calls[1].hang_up()
    assert refused(lab).header(b"Warning")[0].endswith(b'1/1 calls"')
    calls[2].hang_up()
    assert lab.dial(NUMBER).branch.word == "INVITE"


def test_a_line_removed_while_it_talks_ends_its_call_like_any_other() -> None:
    lab = lab_with(2, 2)
    call = lab.dial(BOB)
    call.pick_up()
    lab.core.directory.remove_line(lab.core.directory.lines[ALICE.encode()])
    call.hang_up()
    lab.assert_idle()


# ---------------------------------------------------------------------------------- the leases


def test_a_ringing_call_holds_short_leases_and_an_answered_one_long_ones() -> None:
    lab = lab_with(2, 2)
    call = lab.dial(BOB)
    leases = lab.core.ledger.all_leases()
    assert [lease.expires_at - lab.now for lease in leases] == [210.0, 210.0]
    call.ring()
    lab.run(100)
    call.ring()
    assert leases[0].expires_at - lab.now == 210.0, "180 is a proof of life"
    call.pick_up()
    assert [lease.expires_at - lab.now for lease in leases] == [43_200.0, 43_200.0]
    assert {lease.state.value for lease in leases} == {"confirmed"}


def test_a_lease_whose_call_is_lost_is_found_by_the_audit() -> None:
    lab = lab_with(2, 2)
    call = lab.dial(BOB)
    call.pick_up()
    assert lab.edge.audit(lab.now + 50_000) == 0, "its call is there"
    found = lab.core.calls.by_serial.pop(1)
    assert lab.edge.audit(lab.now + 100_000) == 2
    assert lab.used(ALICE) == 0
    assert found.leases[0].freed_because == "lost"


def test_a_lease_released_by_hand_is_not_freed_again_with_its_call() -> None:
    lab = lab_with(1, 2)
    call = lab.dial(BOB)
    call.pick_up()
    lab.core.ledger.free(lab.core.ledger.held(f"line:{ALICE}")[0], lab.now, "operator")
    assert lab.dial(NUMBER).branch.word == "INVITE"
    call.hang_up()
    assert lab.core.ledger.double_frees == 0
    assert lab.used(ALICE) == 1


@pytest.mark.parametrize("contact", ["<sip:", "sip:x@y?h=1", '"open <sip:x@y>', "<>", "x"])
def test_an_invite_with_a_broken_contact_takes_no_slot_for_ever(contact: str) -> None:
    lab = lab_with(2, 2)
    sent = lab.send(lab.invite(BOB, contact=contact), lab.flow(ALICE))
    if words(sent) == ["100", "INVITE"]:
        assert lab.used(ALICE) == 1
        lab.run(40)
    else:
        assert words(sent) == ["400"]
    assert lab.used(ALICE) == 0
    lab.assert_idle()


# ----------------------------------------------------------------------------- emergency calls


@pytest.mark.parametrize(
    "uri",
    [
        "sip:112@edge.test",
        "sip:15@edge.test",
        "sip:0112@edge.test",
        "sip:+33112@edge.test",
        "sip:0033112@edge.test",
        "sip:1-1-2@edge.test",
        "sip:%31%31%32@edge.test",
        "sip:112;phone-context=+33@edge.test;user=phone",
        "sip:112@192.0.2.1:5060",
        "sip:112@somewhere.else.test",
        "tel:112",
        "tel:112;phone-context=+33",
        "tel:+33116000",
        "urn:service:sos",
        "URN:Service:SOS.police",
    ],
)
def test_an_emergency_call_passes_with_every_call_in_use(uri: str) -> None:
    lab = lab_with(0)
    call = lab.dial(uri=uri, to_value="<sip:help@edge.test>")
    assert call.branch.flow == CARRIER
    assert lab.used(ALICE) == 0
    (lease,) = lab.core.ledger.all_leases()
    assert (lease.why, lease.counted) == (EMERGENCY, False)
    call.pick_up()
    call.hang_up()
    assert lab.records()[0].is_emergency
    lab.assert_idle()


@pytest.mark.parametrize("number", ["1120", "0015", "1512", "11", "00115", "112112"])
def test_a_number_that_only_looks_like_one_is_no_emergency(number: str) -> None:
    lab = lab_with(0)
    assert refused(lab, number).word in {"404", "486"}


def test_the_sos_urn_is_dialled_as_the_number_every_network_knows() -> None:
    branch = lab_with(0).dial(uri="urn:service:sos.fire", to_value="<sip:x@edge.test>").branch
    assert branch.request.uri == b"sip:112@203.0.113.1:5060"


def test_another_urn_is_not_understood() -> None:
    assert refused(lab_with(2), uri="urn:service:counseling", to_value="<sip:x@y>").word == "416"


def test_an_emergency_call_ignores_what_its_phone_was_told_about_routes() -> None:
    branch = lab_with(0).dial("112", extra=["Route: <sip:old-proxy.test;lr>"]).branch
    assert (branch.flow, branch.header(b"Route")) == (CARRIER, [])


def test_an_emergency_call_tries_every_trunk_whatever_the_first_one_says() -> None:
    trunks = [build_trunk(), build_trunk("abroad", prefixes=("00",), hosts=("203.0.113.44",))]
    lab = lab_with(0, trunks=trunks)
    call = lab.dial("112")
    sent = call.reply(403)
    assert [item.flow for item in sent if item.word == "INVITE"] == [INTERNATIONAL]


def test_an_emergency_call_passes_a_trunk_that_does_not_resolve() -> None:
    trunks = [build_trunk(), build_trunk("abroad", prefixes=("00",), hosts=("203.0.113.44",))]
    trunks[0].flows = []
    assert lab_with(0, trunks=trunks).dial("112").branch.flow == INTERNATIONAL


def test_an_emergency_call_without_any_trunk_is_unavailable() -> None:
    assert refused(lab_with(2, trunks=[]), "112").word == "480"


def test_an_emergency_call_of_a_trunk_never_goes_back_to_it() -> None:
    lab = lab_with(0)
    assert lab.one(lab.carrier_invite("112"), CARRIER).word == "480"
    trunks = [build_trunk(), build_trunk("abroad", prefixes=("00",), hosts=("203.0.113.44",))]
    assert lab_with(0, trunks=trunks).dial_in("112").branch.flow == INTERNATIONAL


def test_an_emergency_call_passes_an_edge_that_is_full() -> None:
    settings = ProxySettings(authenticate=frozenset(), transactions_max=0)
    lab = Lab(settings=settings)
    assert refused(lab).word == "503"
    assert lab.dial("112").branch.word == "INVITE"


def test_the_service_that_calls_back_is_never_refused() -> None:
    lab = lab_with(0, 0)
    assert lab.one(lab.carrier_invite(ALICE), CARRIER).word == "486"
    call = lab.dial("112")
    call.pick_up()
    call.hang_up()
    back = lab.dial_in(ALICE)
    assert back.branch.flow == lab.flow(ALICE)
    assert [lease.why for lease in lab.core.ledger.all_leases()] == [PSAP_CALLBACK]
    assert lab.one(lab.carrier_invite(BOB), CARRIER).word == "486", "only to who had called"
    lab.run(1801)
    assert lab.one(lab.carrier_invite(ALICE), CARRIER).word == "486", "and for half an hour"


def test_a_marked_call_back_passes_from_a_trunk_and_from_nobody_else() -> None:
    lab = lab_with(0, 0, 9)
    marked = ["Priority: PSAP-callback"]
    assert lab.dial_in(ALICE, extra=marked).branch.word == "INVITE"
    answer = lab.one(lab.invite(BOB, caller=CAROL, extra=marked), lab.flow(CAROL))
    assert answer.word == "486"


def test_a_call_back_reaches_a_suspended_line() -> None:
    lab = Lab(lines=[build_line(BOB, 0, is_enabled=False)])
    lab.send(lab.register(BOB), lab.flow(BOB))
    assert lab.dial_in(BOB, extra=["Priority: psap-callback"]).branch.word == "INVITE"


# -------------------------------------------------------------------------- records and the like


def test_the_record_of_a_call_says_who_when_and_how_long() -> None:
    lab = lab_with(2, 2)
    lab.core.wall_offset = 1_000_000.0
    call = lab.dial(BOB)
    lab.run(4)
    call.pick_up()
    lab.run(60)
    call.hang_up(by_caller=False)
    (record,) = lab.records()
    assert (record.caller, record.callee) == (ALICE, BOB)
    assert (record.caller_line, record.callee_line, record.trunk) == (ALICE, BOB, "")
    assert record.seconds == pytest.approx(60)
    assert record.answered_at - record.started_at == pytest.approx(4)
    assert (record.ended_by, record.status) == (EndedBy.CALLEE, 200)


def test_the_record_of_a_call_from_the_carrier_names_the_trunk() -> None:
    lab = lab_with(2, 2)
    lab.dial_in(BOB).reply(486)
    (record,) = lab.records()
    assert (record.caller, record.callee, record.trunk) == ("0033612345678", BOB, "carrier")
    assert (record.seconds, record.status) == (0.0, 486)


def test_a_hypothetical_call_is_explained_without_taking_anything() -> None:
    lab = lab_with(1, 1)
    lab.dial(NUMBER)
    line = lab.core.directory.find_line(ALICE.encode())
    route = find_route(lab.core, BOB.encode(), is_from_line=True, is_emergency=False)
    assert isinstance(route, Route)
    rows = explain_call(lab.core, line, route)
    assert [(row.account, row.used, row.limit, row.passes) for row in rows] == [
        (f"line:{ALICE}", 1, 1, False),
        (f"line:{BOB}", 0, 1, True),
    ]
    assert lab.used(ALICE) == 1


def test_the_flow_to_an_address_is_that_of_the_listener_that_can_reach_it() -> None:
    core = Lab().core
    assert flow_of(core, "UDP", "203.0.113.9", 5062) == Flow(UDP, "UDP", "203.0.113.9", 5062)
    assert flow_of(core, "UDP", "2001:db8::9", 5062) == Flow(UDP_IPV6, "UDP", "2001:db8::9", 5062)
    assert flow_of(core, "TCP", "2001:db8::9", 5062) is None


# ----------------------------------------------------------------- where the dialog is kept open


def test_a_caller_that_sends_from_another_port_is_reached_at_its_contact() -> None:
    lab = lab_with(2, 2)
    source = Flow(UDP, "UDP", "198.51.100.1", 50_123)
    call = lab.dial(
        BOB,
        flow=source,
        via="SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK-old",
        contact="<sip:alice@198.51.100.1:5060>",
    )
    assert call.trying[0].flow.port == 5060
    call.flow = lab.flow(ALICE)
    call.pick_up(0)
    sent = call.send_in_dialog("BYE", by_caller=False)
    assert [(item.word, item.flow.port) for item in sent] == [("BYE", 5060)]


def test_a_caller_behind_a_nat_is_reached_where_it_sends_from() -> None:
    lab = lab_with(2, 2)
    source = Flow(UDP, "UDP", "198.51.100.1", 50_123)
    via = "SIP/2.0/UDP 192.168.1.2:5060;branch=z9hG4bK-nat"
    call = lab.dial(BOB, flow=source, via=via, contact="<sip:alice@192.168.1.2:5060>")
    assert call.trying[0].flow == source
    call.pick_up()
    sent = call.send_in_dialog("BYE", by_caller=False)
    assert [(item.word, item.flow) for item in sent] == [("BYE", source)]


@pytest.mark.parametrize(
    ("contact", "host"),
    [
        ("<sip:gw@203.0.113.44:5062>", "203.0.113.44"),
        ("<sip:gw@10.0.0.5:5062>", "203.0.113.1"),
        ("<sip:gw@198.51.100.99:5062>", "203.0.113.1"),
        ("<sip:gw@gateway.test>", "203.0.113.1"),
    ],
)
def test_requests_inside_the_dialog_go_to_the_gateway_of_the_carrier(
    contact: str, host: str
) -> None:
    """Where its Contact says, when that is an address of the carrier; else where it was called."""
    lab = lab_with(2, trunks=[build_trunk(hosts=("203.0.113.1", "203.0.113.44"))])
    call = lab.dial(NUMBER)
    call.pick_up(contact=contact)
    assert call.send_in_dialog("BYE")[0].flow.host == host


def test_requests_inside_the_dialog_go_to_the_proxy_of_the_carrier_next_to_us() -> None:
    lab = lab_with(2, trunks=[build_trunk(hosts=("203.0.113.1", "203.0.113.44"))])
    call = lab.dial(NUMBER)
    request = call.branch.request
    request.lines.insert(0, b"Record-Route: <sip:203.0.113.99;lr>, <sip:203.0.113.44:5070;lr>")
    request.ids.insert(0, 10)
    call.pick_up(request=request, contact="<sip:gw@10.0.0.5>")
    sent = call.send_in_dialog("BYE")
    assert sent[0].flow == Flow(UDP, "UDP", "203.0.113.44", 5070)
    assert sent[0].header(b"Route") == [b"<sip:203.0.113.44:5070;lr>", b"<sip:203.0.113.99;lr>"]


def test_requests_to_a_carrier_that_called_go_to_its_proxy_next_to_us() -> None:
    lab = lab_with(2, 2, trunks=[build_trunk(hosts=("203.0.113.1", "203.0.113.44"))])
    routes = ["Record-Route: <sip:203.0.113.44:5070;lr>", "Record-Route: <sip:203.0.113.99;lr>"]
    call = lab.dial_in(BOB, extra=routes, contact="<sip:gw@10.0.0.5>")
    call.pick_up()
    sent = call.send_in_dialog("BYE", by_caller=False)
    assert sent[0].flow == Flow(UDP, "UDP", "203.0.113.44", 5070)
