import pytest

from sipedge.proxy.refusals import Refusal
from sipedge.sip.flow import Flow
from sipedge.testing.builders import UDP, build_line, build_trunk
from tests.unit.proxy.lab import ALICE, BOB, CAROL, CARRIER, Lab, Sent

BOTH = frozenset({b"REGISTER", b"INVITE"})
NUMBER = "0612345678"


def invite(lab: Lab, number: str = ALICE, callee: str = NUMBER, **changes: object) -> Sent:
    """What comes of an INVITE that proves itself: the answer, or the forwarded INVITE."""
    secret = changes.pop("secret", None)
    wire = lab.invite(callee, caller=number, **changes)
    challenge = lab.one(wire, lab.flow(number))
    assert challenge.word == "407", challenge.wire
    proof = {} if secret is None else {"secret": secret}
    return lab.send(lab.authorize(wire, challenge, number, **proof), lab.flow(number))[-1]


# -------------------------------------------------------------------------------- the proof


def test_a_line_that_proves_itself_may_call() -> None:
    lab = Lab(authenticate=BOTH)
    assert invite(lab).word == "INVITE"
    counters = lab.core.counters
    assert (counters.auth_challenges, counters.auth_successes, counters.auth_failures) == (1, 1, 0)


def test_a_challenge_takes_no_slot_and_keeps_no_state() -> None:
    lab = Lab(authenticate=BOTH)
    for _ in range(3):
        assert lab.one(lab.invite(NUMBER), lab.flow(ALICE)).word == "407"
    assert (lab.used(ALICE), lab.core.layer.servers) == (0, {})


def test_a_challenge_offers_every_algorithm_in_the_order_of_the_settings() -> None:
    lab = Lab(authenticate=BOTH)
    values = lab.one(lab.invite(NUMBER), lab.flow(ALICE)).header(b"Proxy-Authenticate")
    assert [value.partition(b"algorithm=")[2].partition(b",")[0] for value in values] == list(
        lab.core.settings.digest_algorithms
    )


def test_a_wrong_secret_is_challenged_again_and_counted() -> None:
    lab = Lab(authenticate=BOTH)
    answer = invite(lab, secret=b"wrong")
    assert answer.word == "407"
    assert b"stale=true" not in answer.header(b"Proxy-Authenticate")[0]
    assert lab.refused(Refusal.WRONG_PROOF) == 1


def test_a_nonce_that_is_too_old_is_stale_and_no_failure() -> None:
    lab = Lab(authenticate=BOTH)
    wire = lab.invite(NUMBER)
    challenge = lab.one(wire, lab.flow(ALICE))
    lab.run(301)
    answer = lab.one(lab.authorize(wire, challenge, ALICE), lab.flow(ALICE))
    assert answer.word == "407"
    assert b"stale=true" in answer.header(b"Proxy-Authenticate")[0]
    assert lab.core.counters.auth_failures == 0
    again = lab.send(lab.authorize(wire, answer, ALICE), lab.flow(ALICE))
    assert [item.word for item in again] == ["100", "INVITE"]


def test_a_nonce_from_before_a_restart_is_stale() -> None:
    old = Lab(authenticate=BOTH)
    wire = old.invite(NUMBER)
    challenge = old.one(wire, old.flow(ALICE))
    lab = Lab(authenticate=BOTH, seed=2)
    answer = lab.one(lab.authorize(wire, challenge, ALICE), lab.flow(ALICE))
    assert b"stale=true" in answer.header(b"Proxy-Authenticate")[0]


def test_a_proof_used_a_second_time_is_refused_with_a_fresh_nonce() -> None:
    lab = Lab(authenticate=BOTH)
    wire = lab.invite(NUMBER)
    challenge = lab.one(wire, lab.flow(ALICE))
    lab.send(lab.authorize(wire, challenge, ALICE), lab.flow(ALICE))
    answer = lab.one(lab.authorize(lab.invite(NUMBER), challenge, ALICE), lab.flow(ALICE))
    assert answer.word == "407"
    assert b"stale=true" in answer.header(b"Proxy-Authenticate")[0]
    assert lab.refused(Refusal.WRONG_PROOF) == 0, "a copy is no guess"


def test_the_same_nonce_with_the_next_count_is_good() -> None:
    lab = Lab(authenticate=BOTH)
    wire = lab.invite(NUMBER)
    challenge = lab.one(wire, lab.flow(ALICE))
    for nc in (1, 2, 3):
        wire = lab.invite(NUMBER)
        sent = lab.send(lab.authorize(wire, challenge, ALICE, nc=nc), lab.flow(ALICE))
        assert sent[0].word in {"100", "486"}


def test_a_proof_for_another_number_carries_no_call() -> None:
    lab = Lab(authenticate=BOTH)
    challenge = lab.one(lab.invite(NUMBER), lab.flow(ALICE))
    wire = lab.invite("0899000000")
    proof = lab.authorize(wire, challenge, ALICE, uri=b"sip:0612345678@edge.test")
    assert lab.one(proof, lab.flow(ALICE)).word == "407"


def test_a_proof_for_another_realm_is_not_looked_at() -> None:
    lab = Lab(authenticate=BOTH)
    value = 'Digest username="x", realm="other", nonce="n", uri="sip:x", response="00"'
    wire = lab.invite(NUMBER, extra=[f"Proxy-Authorization: {value}"])
    assert lab.one(wire, lab.flow(ALICE)).word == "407"
    assert lab.core.counters.auth_failures == 0


@pytest.mark.parametrize("value", ["Digest", "Digest username=", 'Digest realm="x", realm="y"'])
def test_a_broken_proof_is_malformed(value: str) -> None:
    lab = Lab(authenticate=BOTH)
    wire = lab.invite(NUMBER, extra=[f"Proxy-Authorization: {value}"])
    assert lab.one(wire, lab.flow(ALICE)).word == "400"


def test_an_algorithm_that_was_never_offered_is_challenged_again() -> None:
    lab = Lab(authenticate=BOTH)
    value = (
        'Digest username="0033972100001", realm="edge.test", nonce="n", uri="sip:x", '
        'response="00", algorithm=SHA-512-256-sess, qop=auth, nc=00000001, cnonce="c"'
    )
    wire = lab.invite(NUMBER, extra=[f"Proxy-Authorization: {value}"])
    assert lab.one(wire, lab.flow(ALICE)).word == "407"


def test_guessing_is_throttled_and_looks_the_same_even_when_right() -> None:
    lab = Lab(authenticate=BOTH)
    for _ in range(5):
        assert invite(lab, secret=b"wrong").word == "407"
    answer = invite(lab)
    assert answer.word == "407"
    assert b"stale=true" not in answer.header(b"Proxy-Authenticate")[0]
    lab.run(60)
    assert invite(lab).word == "INVITE"


def test_methods_that_nobody_named_are_challenged_too() -> None:
    lab = Lab(authenticate=BOTH)
    for method in ("MESSAGE", "SUBSCRIBE", "REFER", "OPTIONS", "INFO", "NOTIFY", "FOO"):
        wire = lab.request(method, f"sip:{BOB}@edge.test")
        assert lab.one(wire, lab.flow(ALICE)).word == "407", method


def test_where_only_registrations_are_challenged_the_from_user_names_the_line() -> None:
    lab = Lab(authenticate=frozenset({b"REGISTER"}))
    assert lab.dial(NUMBER).branch.word == "INVITE"
    assert lab.one(lab.register(ALICE), lab.flow(ALICE)).word == "401"


def test_without_challenges_an_unknown_from_user_may_do_nothing() -> None:
    lab = Lab()
    for wire in (
        lab.invite(NUMBER, from_value="<sip:nobody@edge.test>"),
        lab.register(ALICE, to_value="<sip:nobody@edge.test>"),
    ):
        assert lab.one(wire, lab.flow(ALICE)).word == "403"
    assert lab.refused(Refusal.UNKNOWN_CALLER) == 2


def test_a_trunk_is_known_by_where_it_is_and_needs_no_proof() -> None:
    lab = Lab(authenticate=BOTH)
    registered = lab.register(BOB)
    lab.send(lab.authorize(registered, lab.one(registered, lab.flow(BOB)), BOB), lab.flow(BOB))
    assert lab.dial_in(BOB).branch.word == "INVITE"
    assert lab.one(lab.register(BOB, flow=CARRIER), CARRIER).word == "401", "a trunk is no line"


def test_a_phone_beside_a_trunk_registers_like_any_other() -> None:
    """An IPBX may be a trunk for some numbers and register a line for others."""
    lab = Lab()
    assert lab.one(lab.register(BOB, flow=CARRIER), CARRIER).word == "200"


# ------------------------------------------------------------------- a line is itself in From


@pytest.mark.parametrize(
    "user",
    [
        "0033972100001",
        "+33972100001",
        "0972100001",
        "+33-9.72(10)00-01",
        "00339721%30%30001",
        "0033972109999",
        "0972109999",
        "0033972100001;phone-context=x",
        "Anonymous",
    ],
)
def test_a_line_may_show_its_own_number_in_any_spelling_or_nothing(user: str) -> None:
    lab = Lab(lines=[build_line(ALICE, aliases=("0033972109999",))], authenticate=BOTH)
    assert invite(lab, from_value=f'"Anybody" <sip:{user}@somewhere.test>').word == "INVITE"


def test_a_line_may_show_its_own_number_as_a_tel_uri() -> None:
    lab = Lab(authenticate=BOTH)
    assert invite(lab, from_value="<tel:+33-972-10-00-01>").word == "INVITE"


@pytest.mark.parametrize(
    "value",
    [
        f"<sip:{BOB}@edge.test>",
        "<sip:0033612345678@edge.test>",
        "<sip:0033612345678@anonymous.invalid>",
        '"anonymous.invalid" <sip:0033612345678@edge.test>',
        f'"{ALICE}" <sip:{BOB}@edge.test>',
        "<sip:edge.test>",
        "<tel:+33612345678>",
        f"<sip:{ALICE}x@edge.test>",
    ],
)
def test_a_line_that_shows_another_number_is_forbidden(value: str) -> None:
    lab = Lab(authenticate=BOTH)
    assert invite(lab, from_value=value).word == "403"
    assert lab.refused(Refusal.NOT_YOUR_IDENTITY) == 1
    assert lab.used(ALICE) == 0


# ---------------------------------------------------------------------- P-Asserted-Identity


ASSERTED = b"<sip:0033972100001@edge.test>"


def test_a_call_of_a_line_carries_its_number_as_the_edge_asserts_it() -> None:
    lab = Lab()
    lab.register_all()
    assert lab.dial(NUMBER).branch.header(b"P-Asserted-Identity") == [ASSERTED]
    assert lab.dial(BOB).branch.header(b"P-Asserted-Identity") == [ASSERTED]


FORGERIES = [
    b"P-Asserted-Identity: <sip:112@edge.test>",
    b"p-asserted-identity: <sip:112@edge.test>",
    b"P-ASSERTED-Identity: <sip:112@edge.test>",
    b"P-Asserted-Identity : <sip:112@edge.test>",
    b"P-Asserted-Identity\t: <sip:112@edge.test>",
    b"P-Asserted-Identity:\r\n <sip:112@edge.test>",
    b"P-Asserted-Identity: <sip:112@edge.test>,\r\n\t<tel:112>",
    b"P-Preferred-Identity: <sip:112@edge.test>",
    b"P-pREFERRED-iDENTITY  : <sip:112@edge.test>",
    b"Remote-Party-ID: <sip:112@edge.test>;party=calling",
    b"remote-party-id\t :\r\n\t<sip:112@edge.test>",
]


@pytest.mark.parametrize("forged", FORGERIES)
def test_what_a_line_claims_to_be_never_leaves_the_edge(forged: bytes) -> None:
    lab = Lab()
    sent = lab.dial(NUMBER, extra=[forged, forged]).branch
    assert sent.header(b"P-Asserted-Identity") == [ASSERTED]
    assert sent.header(b"P-Preferred-Identity") == []
    assert sent.header(b"Remote-Party-ID") == []
    assert b"112" not in sent.wire


@pytest.mark.parametrize(
    "name", [b"P-Asserted-Identity\x01", b"\x0bP-Asserted-Identity", b"P Asserted-Identity", b""]
)
def test_a_header_name_that_is_no_token_is_malformed(name: bytes) -> None:
    lab = Lab()
    wire = lab.invite(NUMBER, extra=[name + b": <sip:112@edge.test>"])
    assert lab.one(wire, lab.flow(ALICE)).word == "400"


def test_who_asks_for_privacy_stays_unnamed_to_other_lines_but_not_to_the_carrier() -> None:
    lab = Lab()
    lab.register_all()
    for privacy in (b"Privacy: id", b"privacy : critical ; ID", b"Privacy: header\r\nPrivacy: id"):
        extra = privacy.split(b"\r\n")
        assert lab.dial(BOB, extra=extra).branch.header(b"P-Asserted-Identity") == []
        sent = lab.dial(NUMBER, extra=extra).branch
        assert sent.header(b"P-Asserted-Identity") == [ASSERTED]
        assert sent.header(b"Privacy")[-1].lower().endswith(b"id"), "the carrier must know"
        lab = Lab()
        lab.register_all()


def test_who_hides_its_number_in_from_stays_unnamed_to_other_lines() -> None:
    lab = Lab(authenticate=BOTH, lines=[build_line(ALICE, 9), build_line(BOB, 9)])
    wire = lab.register(BOB)
    lab.send(lab.authorize(wire, lab.one(wire, lab.flow(BOB)), BOB), lab.flow(BOB))
    hidden = "<sip:anonymous@anonymous.invalid>"
    assert invite(lab, callee=BOB, from_value=hidden).header(b"P-Asserted-Identity") == []
    assert invite(lab, from_value=hidden).header(b"P-Asserted-Identity") == [ASSERTED]


def test_privacy_of_another_kind_hides_no_asserted_identity() -> None:
    lab = Lab()
    lab.register_all()
    sent = lab.dial(BOB, extra=["Privacy: none"]).branch
    assert sent.header(b"P-Asserted-Identity") == [ASSERTED]


def test_what_the_carrier_asserts_reaches_the_line_unless_it_is_private() -> None:
    lab = Lab()
    lab.register_all()
    asserted = "P-Asserted-Identity: <sip:0033612345678@carrier.test>"
    sent = lab.dial_in(BOB, extra=[asserted]).branch
    assert sent.header(b"P-Asserted-Identity") == [b"<sip:0033612345678@carrier.test>"]
    sent = lab.dial_in(BOB, extra=[asserted, "Privacy: id"]).branch
    assert sent.header(b"P-Asserted-Identity") == []


def test_the_proof_of_a_line_stays_here_and_proofs_for_others_go_on() -> None:
    lab = Lab(authenticate=BOTH)
    other = 'Digest username="x", realm="pbx", nonce="n", uri="sip:x", response="00"'
    sent = invite(lab, extra=[f"Proxy-Authorization: {other}"])
    assert sent.header(b"Proxy-Authorization") == [other.encode()]
    assert b'realm="edge.test"' not in sent.wire


# ------------------------------------------------------------------------------- suspension


def test_a_suspended_line_makes_no_call_and_sends_no_message() -> None:
    lab = Lab(lines=[build_line(ALICE, is_enabled=False), build_line(BOB)])
    for method in ("INVITE", "MESSAGE"):
        wire = lab.request(method, f"sip:{BOB}@edge.test")
        assert lab.one(wire, lab.flow(ALICE)).word == "403"
    assert lab.refused(Refusal.LINE_SUSPENDED) == 2


def test_a_suspended_line_must_still_prove_itself_before_it_is_told() -> None:
    lab = Lab(lines=[build_line(ALICE, is_enabled=False)], authenticate=BOTH)
    assert lab.one(lab.invite(NUMBER), lab.flow(ALICE)).word == "407"
    assert invite(lab).word == "403"


# -------------------------------------------------------------------------- emergency calls


def registered(lab: Lab) -> Lab:
    wire = lab.register(ALICE)
    lab.send(lab.authorize(wire, lab.one(wire, lab.flow(ALICE)), ALICE), lab.flow(ALICE))
    return lab


def test_an_emergency_call_from_where_the_line_is_registered_needs_no_proof() -> None:
    lab = registered(Lab(authenticate=BOTH))
    assert lab.dial("112").branch.flow == CARRIER


def test_an_emergency_call_with_a_useless_proof_passes_too() -> None:
    lab = registered(Lab(authenticate=BOTH))
    value = (
        'Digest username="0033972100001", realm="edge.test", nonce="n", uri="sip:x", '
        'response="00", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"'
    )
    call = lab.dial("112", extra=[f"Proxy-Authorization: {value}"])
    assert call.branch.word == "INVITE"


def test_an_emergency_call_from_elsewhere_has_to_prove_itself() -> None:
    lab = registered(Lab(authenticate=BOTH))
    elsewhere = Flow(UDP, "UDP", "198.51.100.66", 5060)
    assert lab.one(lab.invite("112", flow=elsewhere), elsewhere).word == "407"
    assert lab.one(lab.invite("112", caller=CAROL), lab.flow(CAROL)).word == "407"


def test_an_emergency_call_may_show_any_number_and_is_asserted_as_its_line() -> None:
    lab = Lab(authenticate=BOTH)
    sent = invite(lab, callee="112", from_value="<sip:+33612345678@edge.test>")
    assert (sent.word, sent.header(b"P-Asserted-Identity")) == ("INVITE", [ASSERTED])


def test_a_suspended_line_still_reaches_emergency_services() -> None:
    lab = Lab(lines=[build_line(ALICE, is_enabled=False)], trunks=[build_trunk()])
    assert lab.dial("112").branch.word == "INVITE"


def test_guesses_do_not_shut_an_emergency_call_out() -> None:
    lab = Lab(authenticate=BOTH)
    for _ in range(6):
        invite(lab, secret=b"wrong")
    assert invite(lab).word == "407"
    assert invite(lab, callee="112").word == "INVITE"


def test_a_failure_is_counted_whatever_its_kind() -> None:
    lab = Lab(authenticate=BOTH)
    for _ in range(6):
        invite(lab, secret=b"wrong")
    assert lab.core.counters.auth_failures == 6, "five checked, one throttled"


def test_a_phone_that_has_proven_itself_does_not_feel_the_guesses_of_others() -> None:
    lab = Lab(authenticate=BOTH)
    assert invite(lab).word == "INVITE"
    for number in range(40):
        guesser = Flow(UDP, "UDP", f"198.51.101.{number}", 5060)
        wire = lab.invite(NUMBER, flow=guesser)
        challenge = lab.one(wire, guesser)
        lab.send(lab.authorize(wire, challenge, ALICE, secret=b"guess"), guesser)
    assert invite(lab).word == "INVITE"
    elsewhere = Flow(UDP, "UDP", "198.51.101.200", 5060)
    wire = lab.invite(NUMBER, flow=elsewhere)
    proof = lab.authorize(wire, lab.one(wire, elsewhere), ALICE)
    assert lab.one(proof, elsewhere).word == "407"
