# ruff: noqa: ANN401 - what a test changes of a request is anything

from typing import Any

import pytest

from sipedge.proxy.effects import RemoveBinding, StoreBinding
from sipedge.proxy.refusals import Refusal
from sipedge.proxy.settings import ProxySettings
from sipedge.sip.flow import Flow
from sipedge.testing.builders import DOMAIN, EDGE_HOST, TCP, TLS, UDP, build_line
from tests.unit.proxy.lab import ALICE, BOB, HOSTS, Lab, Sent, tcp

AOR = ALICE.encode()
HOME = Flow(UDP, "UDP", HOSTS[ALICE], 5060)


def contacts(answer: Sent) -> list[bytes]:
    assert answer.word == "200", answer.wire
    return answer.header(b"Contact")


def register(lab: Lab, *values: str, **changes: Any) -> Sent:
    flow = changes.get("flow", HOME)
    assert isinstance(flow, Flow)
    return lab.one(lab.register(ALICE, *values, **changes), flow)


def test_a_registration_is_answered_with_the_binding_and_its_seconds() -> None:
    lab = Lab()
    answer = register(lab, "<sip:a@198.51.100.1:5062>", extra=["Expires: 600"])
    assert contacts(answer) == [b"<sip:a@198.51.100.1:5062>;expires=600"]
    binding = lab.core.location.bindings(AOR)[0]
    assert (binding.uri, binding.expires_at) == (b"sip:a@198.51.100.1:5062", lab.now + 600)
    assert lab.core.counters.registrations_added == 1


def test_a_registration_without_contact_lists_what_is_there() -> None:
    lab = Lab()
    register(lab, "<sip:a@198.51.100.1:5062>;expires=600")
    lab.run(100)
    assert contacts(register(lab, "")) == [b"<sip:a@198.51.100.1:5062>;expires=500"]


def test_several_contacts_become_several_bindings_with_their_q() -> None:
    lab = Lab()
    answer = register(lab, "<sip:a@198.51.100.1:5062>;q=0.7, <sip:a@198.51.100.1:5064>;q=0.25")
    assert contacts(answer) == [
        b"<sip:a@198.51.100.1:5062>;expires=3600;q=0.700",
        b"<sip:a@198.51.100.1:5064>;expires=3600;q=0.250",
    ]
    groups = lab.core.location.groups(AOR)
    assert [[binding.q for binding in group] for group in groups] == [[700], [250]]


def test_the_contact_parameter_wins_over_the_expires_header() -> None:
    lab = Lab()
    value = "<sip:a@198.51.100.1:5062>;expires=120"
    answer = register(lab, value, extra=["Expires: 900"])
    assert contacts(answer) == [b"<sip:a@198.51.100.1:5062>;expires=120"]


def test_nobody_registers_for_longer_than_the_maximum() -> None:
    lab = Lab()
    answer = register(lab, extra=["Expires: 4294967295"])
    assert contacts(answer)[0].endswith(b";expires=7200")


def test_too_short_a_registration_is_told_the_minimum() -> None:
    lab = Lab()
    answer = register(lab, extra=["Expires: 10"])
    assert answer.word == "423"
    assert answer.header(b"Min-Expires") == [b"60"]
    assert lab.core.location.bindings(AOR) == []


def test_an_expiry_of_zero_removes_the_one_binding() -> None:
    lab = Lab()
    register(lab, "<sip:a@198.51.100.1:5062>", "<sip:a@198.51.100.1:5064>")
    answer = register(lab, "<sip:a@198.51.100.1:5062>;expires=0")
    assert contacts(answer) == [b"<sip:a@198.51.100.1:5064>;expires=3600"]
    assert lab.core.counters.registrations_removed == 1


def test_removing_what_is_not_there_is_no_error() -> None:
    lab = Lab()
    assert contacts(register(lab, extra=["Expires: 0"])) == []


def test_a_star_removes_every_binding() -> None:
    lab = Lab()
    register(lab, "<sip:a@198.51.100.1:5062>", "<sip:a@198.51.100.1:5064>")
    assert contacts(register(lab, "*", extra=["Expires: 0"])) == []
    assert len(lab.core.location) == 0


@pytest.mark.parametrize("extra", [[], ["Expires: 3600"]])
def test_a_star_is_only_for_removing(extra: list[str]) -> None:
    lab = Lab()
    register(lab)
    assert register(lab, "*", extra=extra).word == "400"
    assert len(lab.core.location) == 1


def test_a_star_beside_another_contact_is_malformed() -> None:
    lab = Lab()
    assert register(lab, "*", "<sip:a@198.51.100.1>", extra=["Expires: 0"]).word == "400"


def test_a_refresh_moves_the_end_and_adds_nothing() -> None:
    lab = Lab()
    register(lab, extra=["Expires: 600"], call_id="r", cseq=1)
    lab.run(300)
    register(lab, extra=["Expires: 600"], call_id="r", cseq=2)
    lab.run(400)
    assert len(lab.core.location) == 1
    lab.run(201)
    assert len(lab.core.location) == 0
    assert lab.core.counters.registrations_refreshed == 1


def test_a_lower_cseq_of_the_same_phone_changes_nothing() -> None:
    lab = Lab()
    register(lab, call_id="r", cseq=5)
    answer = register(lab, call_id="r", cseq=4, extra=["Expires: 0"])
    assert answer.word == "500"
    assert len(lab.core.location) == 1


def test_a_star_with_a_lower_cseq_changes_nothing() -> None:
    lab = Lab()
    register(lab, call_id="r", cseq=5)
    assert register(lab, "*", call_id="r", cseq=4, extra=["Expires: 0"]).word == "500"
    assert len(lab.core.location) == 1


def test_a_repeated_register_gets_the_same_answer_again() -> None:
    """The 200 was lost: the copy is neither out of order nor a second registration."""
    lab = Lab()
    wire = lab.register(ALICE, call_id="r", cseq=5)
    first = lab.one(wire, HOME)
    lab.run(0.5)
    again = lab.one(wire, HOME)
    assert (first.word, again.wire) == ("200", first.wire)
    assert lab.core.counters.registrations_refreshed == 0


def test_a_repeated_register_with_proof_is_not_taken_for_a_replay() -> None:
    lab = Lab(authenticate=frozenset({b"REGISTER"}))
    wire = lab.register(ALICE)
    proven = lab.authorize(wire, lab.one(wire, HOME), ALICE)
    first = lab.one(proven, HOME)
    lab.run(0.5)
    assert (first.word, lab.one(proven, HOME).wire) == ("200", first.wire)
    assert lab.core.counters.auth_failures == 0


def test_after_a_reboot_a_new_call_id_may_count_from_one() -> None:
    lab = Lab()
    register(lab, call_id="before", cseq=500)
    assert register(lab, call_id="after", cseq=1).word == "200"
    assert len(lab.core.location) == 1


def test_a_line_has_no_more_bindings_than_the_maximum() -> None:
    lab = Lab(settings=ProxySettings(authenticate=frozenset(), bindings_max=2))
    assert register(lab, "<sip:a@198.51.100.1:1>", "<sip:a@198.51.100.1:2>").word == "200"
    assert register(lab, "<sip:a@198.51.100.1:3>").word == "403"
    assert len(lab.core.location) == 2
    assert register(lab, "<sip:a@198.51.100.1:1>").word == "200", "a refresh is always possible"


def test_a_binding_may_take_the_place_of_one_that_goes_in_the_same_request() -> None:
    lab = Lab(settings=ProxySettings(authenticate=frozenset(), bindings_max=1))
    register(lab, "<sip:a@198.51.100.1:1>")
    answer = register(lab, "<sip:a@198.51.100.1:1>;expires=0", "<sip:a@198.51.100.1:2>")
    assert contacts(answer) == [b"<sip:a@198.51.100.1:2>;expires=3600"]


def test_removing_one_binding_twice_makes_no_room_for_two() -> None:
    lab = Lab(settings=ProxySettings(authenticate=frozenset(), bindings_max=1))
    register(lab, "<sip:a@198.51.100.1:1>")
    gone = "<sip:a@198.51.100.1:1>;expires=0"
    answer = register(lab, gone, gone, "<sip:a@198.51.100.1:2>", "<sip:a@198.51.100.1:3>")
    assert answer.word == "403"
    assert len(lab.core.location) == 1


def test_the_same_contact_twice_in_one_request_is_one_binding() -> None:
    lab = Lab()
    answer = register(lab, "<sip:a@198.51.100.1:1>", "<sip:a@198.51.100.1:1>")
    assert contacts(answer) == [b"<sip:a@198.51.100.1:1>;expires=3600"]
    assert len(lab.core.location) == 1


def test_all_contacts_are_taken_or_none() -> None:
    lab = Lab()
    answer = register(lab, "<sip:a@198.51.100.1:1>", "<sip:a@198.51.100.1:2>;expires=5")
    assert answer.word == "423"
    assert len(lab.core.location) == 0


def test_the_same_instance_replaces_its_binding_wherever_it_moved() -> None:
    lab = Lab()
    instance = ';+sip.instance="<urn:uuid:1>";reg-id=1'
    register(lab, f"<sip:a@198.51.100.1:5060>{instance}", call_id="before")
    moved = Flow(UDP, "UDP", "198.51.100.77", 5060)
    answer = register(lab, f"<sip:a@198.51.100.77:5060>{instance}", call_id="after", flow=moved)
    assert contacts(answer) == [
        b'<sip:a@198.51.100.77:5060>;expires=3600;+sip.instance="<urn:uuid:1>";reg-id=1'
    ]
    assert lab.core.location.bindings(AOR)[0].flow == moved


def test_another_reg_id_of_the_same_instance_is_another_binding() -> None:
    lab = Lab()
    register(lab, '<sip:a@198.51.100.1:1>;+sip.instance="<urn:uuid:1>";reg-id=1')
    register(lab, '<sip:a@198.51.100.1:2>;+sip.instance="<urn:uuid:1>";reg-id=2')
    assert len(lab.core.location) == 2


def test_contacts_that_are_equal_uris_are_one_binding() -> None:
    lab = Lab()
    register(lab, "<sip:a%6C@198.51.100.1:5060;ob>")
    register(lab, "<sip:al@198.51.100.1:5060>")
    assert len(lab.core.location) == 1


# --------------------------------------------------------------------- where calls will go (NAT)


def flow_after(lab: Lab, value: str, source: Flow, **changes: Any) -> Flow:
    assert register(lab, value, flow=source, **changes).word == "200"
    return lab.core.location.bindings(AOR)[0].flow


def test_a_contact_behind_a_nat_is_reached_where_its_register_came_from() -> None:
    source = Flow(UDP, "UDP", HOSTS[ALICE], 33_333)
    assert flow_after(Lab(), "<sip:a@192.168.1.20:5060>", source) == source


def test_a_contact_with_a_name_is_reached_where_its_register_came_from() -> None:
    source = Flow(UDP, "UDP", HOSTS[ALICE], 33_333)
    assert flow_after(Lab(), "<sip:a@phone.example>", source) == source


def test_a_phone_that_sends_from_another_port_is_reached_at_its_contact() -> None:
    source = Flow(UDP, "UDP", HOSTS[ALICE], 50_001)
    assert flow_after(Lab(), f"<sip:a@{HOSTS[ALICE]}:5060>", source).port == 5060


def test_a_contact_without_a_port_means_the_default_one() -> None:
    source = Flow(UDP, "UDP", HOSTS[ALICE], 50_001)
    assert flow_after(Lab(), f"<sip:a@{HOSTS[ALICE]}>", source).port == 5060


def test_a_phone_that_asks_for_rport_is_reached_where_it_sends_from() -> None:
    """RFC 3581 section 4: whoever asks for rport listens where it sends from."""
    source = Flow(UDP, "UDP", HOSTS[ALICE], 33_333)
    via = f"SIP/2.0/UDP {HOSTS[ALICE]}:5060;rport;branch=z9hG4bK-r"
    assert flow_after(Lab(), f"<sip:a@{HOSTS[ALICE]}:5060>", source, via=via) == source


def test_a_stream_is_reached_by_that_stream() -> None:
    source = tcp(HOSTS[ALICE])
    contact = f"<sip:a@{HOSTS[ALICE]}:5060;transport=tcp>"
    assert flow_after(Lab(), contact, source) is source


def test_a_contact_with_another_transport_is_reached_over_that_one() -> None:
    contact = f"<sip:a@{HOSTS[ALICE]}:5070;transport=tcp>"
    assert flow_after(Lab(), contact, HOME) == Flow(TCP, "TCP", HOSTS[ALICE], 5070)


@pytest.mark.parametrize("uri", ["sip:a@{};transport=tls", "sips:a@{}"])
def test_a_secure_contact_is_reached_over_tls_at_its_own_default_port(uri: str) -> None:
    contact = f"<{uri.format(HOSTS[ALICE])}>"
    assert flow_after(Lab(), contact, HOME) == Flow(TLS, "TLS", HOSTS[ALICE], 5061)


@pytest.mark.parametrize(
    "contact",
    [
        f"<sip:{BOB}@{EDGE_HOST}>",
        f"<sip:{BOB}@{EDGE_HOST}:5060;transport=tcp>",
        f"<sip:{BOB}@{DOMAIN}>",
        f"<sip:{BOB}@EDGE.test:5070>",
        "<sips:x@edge.test>",
        "<tel:+33972100002>",
        "<mailto:alice@example.test>",
    ],
)
def test_a_contact_that_leads_back_to_the_edge_or_nowhere_is_refused(contact: str) -> None:
    lab = Lab()
    assert register(lab, contact).word == "400"
    assert len(lab.core.location) == 0


# ------------------------------------------------------------------------- who may register what


def test_registering_for_somebody_else_is_forbidden() -> None:
    lab = Lab(authenticate=frozenset({b"REGISTER"}))
    wire = lab.register(ALICE, to_value=f"<sip:{BOB}@{DOMAIN}>")
    answer = lab.one(lab.authorize(wire, lab.one(wire, HOME), ALICE), HOME)
    assert answer.word == "403"
    assert len(lab.core.location) == 0
    assert lab.refused(Refusal.NOT_YOUR_REGISTRATION) == 1


def test_a_line_may_register_under_any_spelling_of_its_number_and_its_aliases() -> None:
    lab = Lab(lines=[build_line(ALICE, aliases=("0033972109999",))])
    for user in ("0972100001", "+33972100001", "0033972109999", "+33-972.10(99)99"):
        assert register(lab, to_value=f"<sip:{user}@{DOMAIN}>").word == "200"
    assert len(lab.core.location) == 1


def test_a_stranger_gets_the_same_challenge_whatever_he_tries() -> None:
    """Unknown user, wrong password, another line, a foreign domain: one and the same 401."""

    def answer(number: str, **changes: Any) -> list[bytes]:
        lab = Lab(authenticate=frozenset({b"REGISTER"}))
        asked = {name: changes.pop(name) for name in ("secret",) if name in changes}
        wire = lab.register(ALICE, **changes)
        challenge = lab.one(wire, HOME)
        if number:
            challenge = lab.one(lab.authorize(wire, challenge, number, **asked), HOME)
        nonces = [b"nonce", b"branch", b"CSeq", b"To:", b"tag"]
        assert lab.core.location.bindings(AOR) == []
        return [
            line
            for line in [challenge.message.start_line, *challenge.message.lines]
            if not any(name in line for name in nonces)
        ] + [line.partition(b"nonce=")[0] for line in challenge.message.lines if b"nonce" in line]

    plain = answer("")
    assert plain[0] == b"SIP/2.0 401 Unauthorized"
    assert answer("0033999999999") == plain
    assert answer(ALICE, secret=b"wrong") == plain
    assert answer("", to_value=f"<sip:{BOB}@{DOMAIN}>") == plain
    assert answer("", to_value="<sip:nobody@foreign.example>") == plain
    assert answer("", uri="sip:foreign.example") == plain


def test_a_proven_registration_at_a_foreign_domain_is_not_found() -> None:
    lab = Lab(authenticate=frozenset({b"REGISTER"}))
    wire = lab.register(ALICE, uri="sip:foreign.example")
    assert lab.one(lab.authorize(wire, lab.one(wire, HOME), ALICE), HOME).word == "404"


def test_a_suspended_line_may_register_so_that_it_can_call_for_help() -> None:
    lab = Lab(lines=[build_line(ALICE, is_enabled=False)])
    assert register(lab).word == "200"


# --------------------------------------------------------------------------------- the database


def test_every_change_is_told_to_the_database() -> None:
    lab = Lab()
    register(lab, "<sip:a@198.51.100.1:1>", call_id="r", cseq=1, extra=["User-Agent: Phone/1"])
    register(lab, "<sip:a@198.51.100.1:1>", call_id="r", cseq=2)
    register(lab, "<sip:a@198.51.100.1:1>;expires=0", call_id="r", cseq=3)
    kinds = [type(effect) for effect in lab.effects]
    assert kinds == [StoreBinding, StoreBinding, RemoveBinding]
    stored = lab.effects[0]
    assert isinstance(stored, StoreBinding)
    assert (stored.aor, stored.binding.cseq) == (AOR, 2)


def test_an_expired_binding_is_told_to_the_database() -> None:
    lab = Lab()
    register(lab, extra=["Expires: 60"])
    lab.run(61)
    assert isinstance(lab.effects[-1], RemoveBinding)
    assert lab.core.counters.registrations_removed == 1


def test_a_long_user_agent_is_kept_short() -> None:
    lab = Lab()
    register(lab, extra=["User-Agent: " + "x" * 5_000])
    assert len(lab.core.location.bindings(AOR)[0].user_agent) == 200
