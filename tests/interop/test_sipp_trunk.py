"""Calls out to the carrier and in from it, and SIPp's own built-in scenarios."""

from tests.interop.stage import ABROAD, Stage


def test_a_line_calls_out_through_the_trunk(stage: Stage) -> None:
    """The carrier gets the line's number as P-Asserted-Identity and none of its credentials."""
    caller = stage.phone()
    carrier = stage.carrier_plays("uas_answer")
    caller.calls(ABROAD).must_succeed()
    invite = carrier.must_succeed().received("INVITE")[0]
    assert caller.line.number in invite.header("P-Asserted-Identity")
    assert invite.header("Proxy-Authorization") == ""


def test_the_carrier_calls_a_line_without_a_challenge(stage: Stage) -> None:
    """A source that is the trunk needs no password."""
    callee = stage.phone()
    callee.registers()
    answering = callee.plays("uas_answer")
    stage.carrier_calls(callee.line.number).must_succeed()
    answering.must_succeed()


def test_the_carrier_gets_404_for_a_number_that_is_no_line(stage: Stage) -> None:
    """What comes from the trunk never goes back to it."""
    stage.carrier_calls("0033972888888", "uac_plain_not_found").must_succeed()


def test_a_busy_carrier_gives_the_caller_486(stage: Stage) -> None:
    """The carrier's refusal is the caller's answer."""
    caller = stage.phone()
    carrier = stage.carrier_plays("uas_busy")
    caller.calls(ABROAD, "uac_busy").must_succeed()
    carrier.must_succeed()


def test_a_caller_gives_up_while_the_carrier_rings(stage: Stage) -> None:
    """The CANCEL reaches the carrier."""
    caller = stage.phone()
    carrier = stage.carrier_plays("uas_no_answer")
    caller.calls(ABROAD, "uac_cancel").must_succeed()
    carrier.must_succeed()


def test_sipps_built_in_caller_and_callee_complete_their_calls(stage: Stage) -> None:
    """`sipp -sn uac` ignores the route set; the edge knows its dialogs and routes them anyway."""
    callee = stage.phone()
    callee.registers()
    answering = callee.plays("uas", calls=4)
    for _ in range(4):
        stage.carrier_calls(callee.line.number, "uac").must_succeed()
    assert len(answering.must_succeed().received("BYE")) == 4
