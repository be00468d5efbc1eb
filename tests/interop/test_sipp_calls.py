"""SIPp on both ends of a call between two lines: answer, refusal, CANCEL, forks, hold."""

from tests.interop.stage import Stage


def test_a_call_goes_through_and_ends_with_the_callers_bye(stage: Stage) -> None:
    """The caller is challenged with 407, the callee sees one INVITE with the caller's number."""
    caller, callee = stage.phone(), stage.phone()
    callee.registers()
    answering = callee.plays("uas_answer")
    caller.calls(callee.line.number).must_succeed()
    invite = answering.must_succeed().received("INVITE")[0]
    assert caller.line.number in invite.header("P-Asserted-Identity")
    assert invite.header("Proxy-Authorization") == ""


def test_the_callee_hangs_up(stage: Stage) -> None:
    """A BYE from the called phone reaches the caller by the dialog's route."""
    caller, callee = stage.phone(), stage.phone()
    callee.registers()
    answering = callee.plays("uas_hangs_up")
    call = caller.calls(callee.line.number, "uac_hung_up")
    answering.await_received("ACK")
    answering.cue(call.call_id)
    call.must_succeed()
    answering.must_succeed()


def test_a_busy_callee_gives_the_caller_486(stage: Stage) -> None:
    """The 486 of the only phone of a line is the answer to the caller."""
    caller, callee = stage.phone(), stage.phone()
    callee.registers()
    busy = callee.plays("uas_busy")
    caller.calls(callee.line.number, "uac_busy").must_succeed()
    busy.must_succeed()


def test_a_caller_who_gives_up_cancels_the_ringing_phone(stage: Stage) -> None:
    """CANCEL while nobody answers: the phone stops ringing, the caller gets 200 and 487."""
    caller, callee = stage.phone(), stage.phone()
    callee.registers()
    ringing = callee.plays("uas_no_answer")
    caller.calls(callee.line.number, "uac_cancel").must_succeed()
    ringing.must_succeed()


def test_a_cancel_that_crosses_the_answer_leaves_a_call_that_can_be_hung_up(stage: Stage) -> None:
    """The callee's 200 wins over the CANCEL: the call is up until the caller's BYE."""
    caller, callee = stage.phone(), stage.phone()
    callee.registers()
    answering = callee.plays("uas_answers_the_cancel")
    caller.calls(callee.line.number, "uac_cancel_too_late").must_succeed()
    answering.must_succeed()


def test_a_line_without_a_phone_is_unavailable(stage: Stage) -> None:
    """No binding, no voicemail: the caller hears at once that nobody can be reached."""
    caller, callee = stage.phone(), stage.phone()
    caller.calls(callee.line.number, "uac_unavailable").must_succeed()


def test_of_two_ringing_phones_one_answers_and_the_other_is_cancelled(stage: Stage) -> None:
    """Both phones of a line ring; the answer of one ends the ringing of the other."""
    caller, desk = stage.phone(), stage.phone()
    mobile = stage.phone(desk.line)
    desk.registers()
    mobile.registers()
    ringing, answering = desk.plays("uas_no_answer"), mobile.plays("uas_answer_late")
    call = caller.calls(desk.line.number, "uac_call_forked")
    call.must_succeed()
    ringing.must_succeed()
    answering.must_succeed()
    answered_tags = {message.header("To") for message in call.received("200")}
    assert len(answered_tags) == 1


def test_one_busy_phone_does_not_end_the_ringing_of_the_other(stage: Stage) -> None:
    """Best response: the caller is connected although one branch answered 486."""
    caller, desk = stage.phone(), stage.phone()
    mobile = stage.phone(desk.line)
    desk.registers()
    mobile.registers()
    busy, answering = desk.plays("uas_busy"), mobile.plays("uas_answer_late")
    caller.calls(desk.line.number, "uac_call_forked").must_succeed()
    busy.must_succeed()
    answering.must_succeed()


def test_a_call_is_put_on_hold_and_resumed(stage: Stage) -> None:
    """re-INVITE with sendonly and back to sendrecv pass unchanged within the dialog."""
    caller, callee = stage.phone(), stage.phone()
    callee.registers()
    held = callee.plays("uas_hold")
    caller.calls(callee.line.number, "uac_hold").must_succeed()
    held.must_succeed()


def test_sipps_own_digest_uri_is_accepted(stage: Stage) -> None:
    """SIPp left to itself names only host and port of the server in the digest's uri."""
    caller, callee = stage.phone(), stage.phone()
    callee.registers()
    answering = callee.plays("uas_answer")
    stage.sipp(
        "uac_call",
        local=caller.address,
        remote=stage.edge.address,
        line=caller.line,
        called=callee.line.number,
    ).must_succeed()
    answering.must_succeed()


def test_a_caller_on_tcp_reaches_a_phone_on_udp(stage: Stage) -> None:
    """The edge relays between transports, and the BYE comes back over the same connection."""
    caller, callee = stage.phone(), stage.phone()
    callee.registers()
    answering = callee.plays("uas_answer")
    caller.calls(callee.line.number, options=("-t", "t1")).must_succeed()
    assert stage.edge.address.host in answering.must_succeed().received("INVITE")[0].header("Via")
