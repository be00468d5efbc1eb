import pytest

from sipedge.proxy.refusals import Refusal
from sipedge.testing.builders import build_line, build_trunk
from sipedge.testing.messages import write_response
from tests.unit.proxy.lab import ALICE, BOB, CARRIER, Lab

EVERYTHING = frozenset({b"REGISTER", b"INVITE"})


@pytest.mark.parametrize("uri", ["sip:edge.test", "sip:192.0.2.1:5060", "sip:[2001:db8::1]"])
def test_an_options_to_the_edge_is_answered_to_anybody(uri: str) -> None:
    lab = Lab(authenticate=EVERYTHING)
    answer = lab.one(lab.request("OPTIONS", uri, to_value="<sip:edge.test>"), lab.flow(ALICE))
    assert answer.word == "200"
    assert b"INVITE" in answer.header(b"Allow")[0]
    assert answer.header(b"Accept") == [b"application/sdp"]
    assert lab.core.layer.servers == {}, "stateless: it costs the edge nothing"


def test_an_options_that_may_go_no_further_is_answered_by_the_edge() -> None:
    lab = Lab(authenticate=EVERYTHING)
    wire = lab.request("OPTIONS", f"sip:{BOB}@edge.test", max_forwards=0)
    assert lab.one(wire, lab.flow(ALICE)).word == "200"


def test_an_options_to_a_line_goes_to_its_phones() -> None:
    lab = Lab()
    lab.register_all()
    sent = lab.one(lab.request("OPTIONS", f"sip:{BOB}@edge.test"), lab.flow(ALICE))
    assert (sent.word, sent.flow) == ("OPTIONS", lab.flow(BOB))


def test_a_message_reaches_the_phones_of_a_line() -> None:
    lab = Lab()
    lab.register_all()
    sent = lab.one(lab.request("MESSAGE", f"sip:{BOB}@edge.test", body=b"hi"), lab.flow(ALICE))
    assert sent.request.body == b"hi"
    assert sent.header(b"P-Asserted-Identity") == [b"<sip:0033972100001@edge.test>"]
    assert sent.header(b"Record-Route") == []
    assert lab.used(ALICE) == 0, "a message is no call"


def test_an_unknown_method_goes_through_byte_for_byte() -> None:
    lab = Lab()
    lab.register_all()
    extra = [b"X-Odd:  two  spaces ", b"x-fold: a\r\n\tb"]
    wire = lab.request("FROBNICATE", f"sip:{BOB}@edge.test", extra=extra, body=b"\0\xff\r\n")
    sent = lab.one(wire, lab.flow(ALICE))
    assert sent.word == "FROBNICATE"
    assert b"X-Odd:  two  spaces \r\nx-fold: a\r\n\tb\r\n" in sent.wire
    assert sent.request.body == b"\0\xff\r\n"


@pytest.mark.parametrize("method", ["BYE", "PRACK", "PUBLISH", "REFER"])
def test_methods_that_need_a_dialog_or_a_server_we_are_not_are_not_allowed(method: str) -> None:
    lab = Lab()
    lab.register_all()
    answer = lab.one(lab.request(method, f"sip:{BOB}@edge.test"), lab.flow(ALICE))
    assert (answer.word, len(answer.header(b"Allow"))) == ("405", 1)


def test_a_subscription_leaves_the_way_back_open() -> None:
    """Its NOTIFY comes in the dialog, by our token: no call table knows it."""
    lab = Lab()
    lab.register_all()
    wire = lab.request("SUBSCRIBE", f"sip:{BOB}@edge.test", extra=["Event: dialog"])
    sent = lab.one(wire, lab.flow(ALICE))
    routes = sent.header(b"Record-Route")
    assert len(routes) == 1
    notify = lab.request(
        "NOTIFY",
        "sip:0033972100001@198.51.100.1:5060",
        caller=BOB,
        call_id=sent.request.call_id.decode(),
        from_tag="bob",
        to_tag="a",
        extra=[b"Route: " + routes[0]],
    )
    back = lab.one(notify, lab.flow(BOB))
    assert (back.word, back.flow) == ("NOTIFY", lab.flow(ALICE))


def test_a_line_that_asks_for_its_own_messages_is_told_that_there_are_none_here() -> None:
    lab = Lab()
    lab.register_all()
    wire = lab.request("SUBSCRIBE", f"sip:{ALICE}@edge.test", extra=["Event: message-summary"])
    assert lab.one(wire, lab.flow(ALICE)).word == "489"
    assert lab.refused(Refusal.BAD_EVENT) == 1


def test_a_message_to_nobody_is_refused_and_a_copy_gets_the_same_answer() -> None:
    lab = Lab()
    for user, status in (("123", "404"), (BOB, "480")):
        wire = lab.request("MESSAGE", f"sip:{user}@edge.test")
        first = lab.one(wire, lab.flow(ALICE))
        assert first.word == status
        assert lab.one(wire, lab.flow(ALICE)).wire == first.wire
        assert first.header(b"Reason") == [], "only calls have a cause"


def test_a_message_to_a_suspended_line_finds_nobody() -> None:
    lab = Lab(lines=[build_line(ALICE), build_line(BOB, is_enabled=False)])
    lab.send(lab.register(BOB), lab.flow(BOB))
    wire = lab.request("MESSAGE", f"sip:{BOB}@edge.test")
    assert lab.one(wire, lab.flow(ALICE)).word == "480"


def test_a_message_of_the_carrier_reaches_a_line_without_what_is_private() -> None:
    lab = Lab()
    lab.register_all()
    extra = ["P-Asserted-Identity: <sip:0612345678@carrier>", "Privacy: id"]
    wire = lab.request("MESSAGE", f"sip:{BOB}@192.0.2.1", flow=CARRIER, extra=extra)
    sent = lab.one(wire, CARRIER)
    assert (sent.flow, sent.header(b"P-Asserted-Identity")) == (lab.flow(BOB), [])


def test_a_message_to_a_trunk_out_of_reach_is_temporarily_unavailable() -> None:
    trunk = build_trunk()
    trunk.flows = []
    lab = Lab(trunks=[trunk])
    wire = lab.request("MESSAGE", "sip:0612345678@edge.test")
    assert lab.one(wire, lab.flow(ALICE)).word == "480"


def test_a_proven_message_lost_on_its_way_is_answered_when_it_is_repeated() -> None:
    lab = Lab(authenticate=EVERYTHING)
    wire = lab.request("MESSAGE", "sip:123@edge.test")
    proven = lab.authorize(wire, lab.one(wire, lab.flow(ALICE)), ALICE)
    assert lab.one(proven, lab.flow(ALICE)).word == "404"
    assert lab.one(proven, lab.flow(ALICE)).word == "404"


def test_a_phone_that_answers_with_its_own_challenge_is_passed_on() -> None:
    lab = Lab()
    lab.register_all()
    sent = lab.one(lab.request("MESSAGE", f"sip:{BOB}@edge.test"), lab.flow(ALICE))
    extra = [b'WWW-Authenticate: Digest realm="bob", nonce="1"']
    back = lab.one(write_response(sent.request, 401, extra=extra), lab.flow(BOB))
    assert (back.word, back.header(b"WWW-Authenticate")) == (
        "401",
        [b'Digest realm="bob", nonce="1"'],
    )
