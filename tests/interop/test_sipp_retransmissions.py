"""Lost and repeated messages on UDP, played by SIPp on either side of the edge."""

from typing import Final

from tests.interop.stage import Stage

LOSSY: Final = ("-pause_msg_ign",)
"""SIPp drops what arrives in a pause of its scenario: that is the loss."""


def test_a_repeated_invite_and_a_repeated_bye_reach_the_callee_once(stage: Stage) -> None:
    """The edge absorbs the caller's retransmissions and answers the second BYE itself."""
    caller, callee = stage.phone(), stage.phone()
    callee.registers()
    answering = callee.plays("uas_answer_late")
    caller.calls(callee.line.number, "uac_repeats", options=LOSSY).must_succeed()
    answering.must_succeed()
    for method in ("INVITE", "BYE"):
        branches = {message.branch() for message in answering.received(method)}
        assert len(branches) == 1, f"{method} was forwarded as {len(branches)} transactions"


def test_a_200_repeated_for_a_lost_ack_gets_another_ack(stage: Stage) -> None:
    """A repeated 200 to INVITE is passed on, and each ACK of the caller reaches the callee."""
    caller, callee = stage.phone(), stage.phone()
    callee.registers()
    answering = callee.plays("uas_repeats_200", options=LOSSY)
    call = caller.calls(callee.line.number, "uac_waits")
    call.must_succeed()
    answering.must_succeed()
    answers = [answer for answer in call.received("200") if "INVITE" in answer.header("CSeq")]
    assert len(answers) == 2
    assert len(answering.received("ACK")) == 2


def test_a_bye_the_callee_lost_is_sent_again(stage: Stage) -> None:
    """The edge retransmits the BYE of its own client transaction until the callee answers."""
    caller, callee = stage.phone(), stage.phone()
    callee.registers()
    answering = callee.plays("uas_loses_bye", options=LOSSY)
    caller.calls(callee.line.number, "uac_waits").must_succeed()
    answering.must_succeed()
    assert len({message.branch() for message in answering.received("BYE")}) == 1
