import pytest

from sipedge.proxy.refusals import Refusal
from sipedge.testing.messages import write_message
from tests.unit.proxy.lab import ALICE, BOB, CARRIER, Lab, Sent, as_request

NUMBER = "0612345678"


def answer(lab: Lab, wire: bytes) -> Sent:
    return lab.one(wire, lab.flow(ALICE))


# -------------------------------------------------------------------------- the Request-URI


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("sip:0612345678@edge.test?Subject=x", "400"),
        ("sip:0612345678@edge.test?Route=%3Csip:evil%3E", "400"),
        ("http://edge.test/", "416"),
        ("im:alice@edge.test", "416"),
        ("sip:06@evil@edge.test", "400"),
        ("sip:0612345678@edge.test:99999", "400"),
        ("sip:%zz@edge.test", "400"),
        ("sip:@edge.test", "400"),
        ("sip:0612345678@evil.test", "404"),
        ("sip:0612345678@edge.test.evil.test", "404"),
    ],
)
def test_a_request_uri_that_is_not_for_us_is_refused(uri: str, status: str) -> None:
    lab = Lab()
    wire = lab.request("INVITE", uri, to_value="<sip:x@edge.test>")
    assert answer(lab, wire).word == status


def test_parameters_of_the_request_uri_lead_nowhere_else() -> None:
    lab = Lab()
    branch = lab.dial(uri="sip:0612345678@edge.test;maddr=198.51.100.200;transport=tcp").branch
    assert branch.flow == CARRIER
    assert branch.request.uri == b"sip:0612345678@203.0.113.1:5060"


def test_sips_and_any_case_of_our_name_are_ours() -> None:
    for uri in ("sips:0612345678@edge.test", "SIP:0612345678@EDGE.Test", "sip:06@[2001:DB8::1]"):
        assert Lab().dial(uri=uri, to_value="<sip:x@edge.test>").branch.flow == CARRIER


# ----------------------------------------------------------------------------- Max-Forwards


def test_a_request_that_may_go_no_further_is_refused() -> None:
    lab = Lab()
    assert answer(lab, lab.invite(NUMBER, max_forwards=0)).word == "483"
    assert lab.used(ALICE) == 0


def test_a_request_without_max_forwards_gets_seventy() -> None:
    assert Lab().dial(NUMBER, max_forwards=None).branch.header(b"Max-Forwards") == [b"70"]


def test_the_last_hop_is_still_used() -> None:
    assert Lab().dial(NUMBER, max_forwards=1).branch.header(b"Max-Forwards") == [b"0"]


# ------------------------------------------------------------------------------------ loops


def carried_back(lab: Lab, sent: Sent, uri: bytes | None = None, *, marker: bytes = b"1") -> bytes:
    """The forwarded request as the carrier sends it back to us."""
    request = as_request(sent.wire)
    lines = [
        b"Via: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK-back" + marker,
        *[line for line in request.lines if not line.startswith(b"Content-Length")],
    ]
    start_line = b"INVITE %b SIP/2.0" % (uri or request.uri)
    return write_message(start_line, lines, request.body)


def test_a_request_that_comes_back_unchanged_is_a_loop() -> None:
    lab = Lab()
    call = lab.dial(NUMBER)
    wire = carried_back(lab, call.branch, uri=b"sip:0612345678@edge.test")
    assert lab.one(wire, CARRIER).word == "482"
    assert lab.refused(Refusal.LOOP) == 1


def test_a_loop_is_seen_however_the_vias_are_written() -> None:
    lab = Lab()
    call = lab.dial(NUMBER)
    wire = carried_back(lab, call.branch, uri=b"sip:0612345678@edge.test")
    ours, theirs = call.branch.header(b"Via")
    joined = wire.replace(b"Via: %b\r\nVia: %b\r\n" % (ours, theirs), b"", 1)
    if joined == wire:
        joined = wire.replace(b"Via: %b\r\n" % theirs, b"").replace(ours, ours + b" , " + theirs)
    assert lab.one(joined, CARRIER).word == "482"


def test_a_request_that_comes_back_for_somebody_else_is_a_spiral_and_passes() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial(NUMBER)
    sent = lab.send(carried_back(lab, call.branch, uri=b"sip:0033972100002@192.0.2.1"), CARRIER)
    assert [(item.word, item.flow) for item in sent] == [
        ("100", CARRIER),
        ("INVITE", lab.flow(BOB)),
    ]
    assert (lab.used(ALICE), lab.used(BOB)) == (1, 1)


def test_a_spiral_that_closes_is_a_loop() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial(NUMBER)
    back = lab.send(carried_back(lab, call.branch, uri=b"sip:0033972100002@192.0.2.1"), CARRIER)
    again = carried_back(lab, back[1], uri=b"sip:0033972100002@192.0.2.1", marker=b"2")
    assert lab.one(again, CARRIER).word == "482"


def test_a_via_that_only_looks_like_ours_is_no_loop() -> None:
    lab = Lab()
    via = "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK0000000000.1.00000000"
    assert lab.dial(NUMBER, extra=[via]).branch.word == "INVITE"


# ------------------------------------------------------------------------------- extensions


def test_an_extension_asked_of_the_proxy_is_not_supported() -> None:
    lab = Lab()
    wire = lab.invite(NUMBER, extra=["Proxy-Require: foo, Bar", "Require: 100rel"])
    refusal = answer(lab, wire)
    assert (refusal.word, refusal.header(b"Unsupported")) == ("420", [b"foo, bar"])


def test_an_extension_asked_of_the_callee_is_none_of_our_business() -> None:
    assert Lab().dial(NUMBER, extra=["Require: nothingSupportsThis"]).branch.word == "INVITE"


def test_an_empty_proxy_require_asks_for_nothing() -> None:
    assert Lab().dial(NUMBER, extra=["Proxy-Require:"]).branch.word == "INVITE"


# ----------------------------------------------------------------------------------- merged


def test_the_same_call_on_a_second_path_is_merged() -> None:
    lab = Lab()
    call = lab.dial(NUMBER, call_id="fork")
    second = lab.invite(NUMBER, call_id="fork")
    assert answer(lab, second).word == "482"
    assert lab.refused(Refusal.MERGED) == 1
    assert lab.used(ALICE) == 1
    call.reply(486)
    lab.assert_idle()


def test_another_call_of_the_same_phone_is_not_merged() -> None:
    lab = Lab()
    lab.dial(NUMBER, call_id="one")
    lab.dial(NUMBER, call_id="one", from_tag="other")
    assert lab.used(ALICE) == 2


def test_a_call_that_is_over_may_be_tried_again_with_the_same_call_id() -> None:
    lab = Lab()
    lab.dial(NUMBER, call_id="one").reply(486)
    assert lab.dial(NUMBER, call_id="one", cseq=2).branch.word == "INVITE"
