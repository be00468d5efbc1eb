"""The call over the limit: two paid calls, the third refused, explained, and then allowed."""

import re
from typing import Final

from tests.interop.peers.sipp import Sipp
from tests.interop.stage import ABROAD, SippPhone, Stage

TICKET: Final = re.compile(r"R-[0-9A-Z]{4}")


def _hold_two_calls(stage: Stage) -> tuple[SippPhone, SippPhone, list[Sipp]]:
    """Take both paid calls of a fresh line; return caller, callee and the two calls."""
    caller = stage.phone()
    callee = stage.phone()
    stage.edge.cli("line", "set", callee.line.number, "--calls", "9")
    callee.registers()
    callee.plays("uas_answer", calls=3)
    held = []
    for _ in range(2):
        call = stage.phone(caller.line).calls(callee.line.number, "uac_call_held")
        call.await_received("200")
        held.append(call)
    return caller, callee, held


def _hang_up(call: Sipp) -> None:
    call.cue(call.call_id)
    call.must_succeed()


def test_the_third_call_of_a_line_with_two_is_refused_with_a_ticket(stage: Stage) -> None:
    """486 with Reason and Warning; the ticket names the two calls that held the line."""
    caller, callee, held = _hold_two_calls(stage)
    refused = caller.calls(callee.line.number, "uac_over_limit").must_succeed()
    warning = refused.received("486")[0].header("Warning")
    assert warning.startswith("399 ")
    ticket = TICKET.search(warning)
    assert ticket is not None
    assert "2/2" in warning
    explained = stage.edge.cli("why", ticket.group())
    for call in held:
        assert call.call_id in explained
    for call in held:
        _hang_up(call)


def test_a_bye_makes_room_for_the_next_call(stage: Stage) -> None:
    """The slot is free when the BYE is answered: the call refused before passes now."""
    caller, callee, held = _hold_two_calls(stage)
    caller.calls(callee.line.number, "uac_over_limit").must_succeed()
    _hang_up(held[0])
    caller.calls(callee.line.number).must_succeed()
    _hang_up(held[1])


def test_a_paid_increase_acts_at_once(stage: Stage) -> None:
    """`sipedge line set N --calls 3` on the running edge: the very next call passes."""
    caller, callee, held = _hold_two_calls(stage)
    caller.calls(callee.line.number, "uac_over_limit").must_succeed()
    stage.edge.cli("line", "set", caller.line.number, "--calls", "3")
    caller.calls(callee.line.number).must_succeed()
    for call in held:
        _hang_up(call)


def test_a_lowered_limit_cuts_no_call(stage: Stage) -> None:
    """With one paid call left two go on; a new one is refused and told 2/1."""
    caller, callee, held = _hold_two_calls(stage)
    stage.edge.cli("line", "set", caller.line.number, "--calls", "1")
    refused = caller.calls(callee.line.number, "uac_over_limit").must_succeed()
    assert "2/1" in refused.received("486")[0].header("Warning")
    for call in held:
        _hang_up(call)


def test_cancelled_calls_leave_no_slot_behind(stage: Stage) -> None:
    """Three calls given up one after the other, on a line with two."""
    caller, callee = stage.phone(), stage.phone()
    callee.registers()
    ringing = callee.plays("uas_no_answer", calls=3)
    for _ in range(3):
        caller.calls(callee.line.number, "uac_cancel").must_succeed()
    ringing.must_succeed()


def test_calls_that_only_ring_hold_their_slots(stage: Stage) -> None:
    """A slot is taken with the INVITE, not with the answer."""
    caller = stage.phone()
    stage.carrier_plays("uas_no_answer", calls=2)
    ringing = []
    for _ in range(2):
        call = stage.phone(caller.line).calls(ABROAD, "uac_cancel_on_cue")
        call.await_received("180")
        ringing.append(call)
    caller.calls(ABROAD, "uac_over_limit").must_succeed()
    for call in ringing:
        _hang_up(call)


def test_an_emergency_call_passes_a_full_line(stage: Stage) -> None:
    """112 is never refused, whatever is paid for."""
    caller, _, held = _hold_two_calls(stage)
    carrier = stage.carrier_plays("uas_answer")
    caller.calls("112").must_succeed()
    carrier.must_succeed()
    for call in held:
        _hang_up(call)


def test_a_carrier_call_to_a_full_line_is_refused_without_account_data(stage: Stage) -> None:
    """The called line counts too: its third incoming call gets 486, and no number but its own."""
    callee = stage.phone()
    callee.registers()
    callee.plays("uas_answer", calls=2)
    held = [stage.carrier_calls(callee.line.number, "uac_plain_held") for _ in range(2)]
    for call in held:
        call.await_received("200")
    refused = stage.carrier_calls(callee.line.number, "uac_plain_over_limit").must_succeed()
    answer = refused.received("486")[0]
    assert "ab1234" not in answer.text
    for call in held:
        _hang_up(call)
