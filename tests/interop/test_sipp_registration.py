"""SIPp registers at the edge with digest authentication."""

from dataclasses import replace

from tests.interop.peers.edge import Edge, Line
from tests.interop.stage import Stage


def test_a_phone_registers_with_authentication(stage: Stage) -> None:
    """401, then 200 with the phone's own Contact and the expiry it asked for."""
    phone = stage.phone()
    accepted = phone.registers(expires_seconds=600)
    assert str(phone.address) in accepted.header("Contact")
    assert "expires=600" in accepted.header("Contact").replace(" ", "")


def test_a_phone_refreshes_with_the_nonce_it_has(stage: Stage) -> None:
    """A refresh with the next nonce count is accepted without a second challenge."""
    refreshed = stage.phone().registers("register_refresh")
    assert refreshed.header("CSeq") == "3 REGISTER"


def test_a_phone_unregisters(stage: Stage) -> None:
    """Expires 0 removes the binding, and the line can no longer be called."""
    phone, caller = stage.phone(), stage.phone()
    phone.registers()
    assert phone.unregisters().header("Contact") == ""
    caller.calls(phone.line.number, "uac_unavailable").must_succeed()


def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(stage: Stage) -> None:
    """A stranger learns nothing: the refusals differ in nothing but what the request brought."""
    wrong = stage.phone(replace(stage.edge.take_line(), secret="not-the-secret"))
    unknown = stage.phone(Line("0033972999999", "not-the-secret"))
    answers = [phone.registers("register_refused") for phone in (wrong, unknown)]
    names = [
        [line.split(":", 1)[0] for line in answer.text.split("\n")[1:] if ":" in line]
        for answer in answers
    ]
    assert answers[0].first_line == answers[1].first_line
    assert names[0] == names[1]


def test_two_phones_of_one_line_are_both_registered(stage: Stage, running_edge: Edge) -> None:
    """A second phone is added to the line: the first one's binding stays."""
    first = stage.phone()
    second = stage.phone(first.line)
    first.registers()
    accepted = second.registers()
    assert str(first.address) in accepted.text
    assert str(second.address) in accepted.text
