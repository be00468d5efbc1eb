import pytest

from sipedge.proxy.calls import ANSWERED, ENDED, RINGING, Call, CallTable
from sipedge.proxy.records import EndedBy
from sipedge.testing.messages import as_request
from tests.unit.proxy.lab import ALICE, BOB, CAROL, Lab


def build_call(lab: Lab, serial: int = 1, **changes: str) -> Call:
    request = as_request(lab.invite(BOB, **changes))
    call = Call(lab.core, serial, request, lab.now)
    lab.core.calls.add(call)
    return call


def test_a_call_rings_is_answered_and_ends_once() -> None:
    lab = Lab()
    call = build_call(lab)
    assert (call.id, call.state) == ("C-1", RINGING)
    call.answer(b"b", lab.now)
    assert call.state is ANSWERED
    call.hang_up(b"b", lab.now, EndedBy.CALLEE)
    assert call.state is ENDED
    call.end(lab.now, EndedBy.CALLER, 200)
    call.hang_up(b"b", lab.now, EndedBy.CALLER)
    call.answer(b"late", lab.now)
    lab.drain()
    assert [record.ended_by for record in lab.records()] == [EndedBy.CALLEE]


def test_a_repeated_answer_counts_once() -> None:
    lab = Lab()
    call = build_call(lab)
    for tag in (b"b", b"b", b"c"):
        call.answer(tag, lab.now)
    assert (call.answered_tags, lab.core.counters.calls_answered) == ([b"b", b"c"], 1)
    call.hang_up(b"b", lab.now, EndedBy.CALLER)
    assert call.state is ANSWERED
    call.hang_up(b"b", lab.now, EndedBy.CALLER)
    assert call.state is ANSWERED
    call.hang_up(b"c", lab.now, EndedBy.CALLER)
    assert call.state is ENDED


def test_a_ringing_call_is_not_hung_up() -> None:
    lab = Lab()
    call = build_call(lab)
    call.hang_up(b"b", lab.now, EndedBy.CALLER)
    assert call.state is RINGING


def test_an_answered_call_looks_at_the_clock_every_minute_until_its_time_is_over() -> None:
    lab = Lab()
    call = build_call(lab)
    call.answer(b"b", lab.now)
    assert call.timer is not None
    assert call.timer.due_at == lab.now + 60
    lab.run(43_199)
    assert call.state is ANSWERED
    lab.run(2)
    assert call.state is ENDED
    assert lab.records()[0].ended_by is EndedBy.DURATION


def test_the_timer_of_an_ended_call_does_nothing() -> None:
    lab = Lab()
    call = build_call(lab)
    call.answer(b"b", lab.now)
    call.end(lab.now, EndedBy.CALLER, 200)
    assert call.timer is not None
    assert call.timer.call is None
    call.timer.handle_timer(lab.now)


def test_the_table_finds_calls_by_caller_and_callee_and_forgets_them() -> None:
    lab = Lab()
    table: CallTable = lab.core.calls
    one = build_call(lab, 1, call_id="c", from_tag="a")
    two = build_call(lab, 2, call_id="c", from_tag="a")
    other = build_call(lab, 3, call_id="c", from_tag="x")
    from_caller = as_request(lab.request("BYE", "sip:x@y", call_id="c", from_tag="a", to_tag="b"))
    from_callee = as_request(lab.request("BYE", "sip:x@y", call_id="c", from_tag="b", to_tag="a"))
    assert table.from_caller(from_caller) == [one, two]
    assert table.from_callee(from_callee) == [one, two]
    assert table.from_callee(from_caller) == []
    table.remove(one)
    table.remove(one)
    assert table.from_caller(from_caller) == [two]
    table.remove(two)
    table.remove(other)
    assert (len(table), table.from_caller(from_caller)) == (0, [])


def test_the_calls_of_a_line_are_those_it_makes_and_takes() -> None:
    lab = Lab()
    lab.register_all()
    lab.dial(BOB)
    lab.dial_in(ALICE)
    lab.dial("0612345678", caller=CAROL)
    table = lab.core.calls
    assert [call.callee for call in table.of_line(ALICE)] == [BOB, ALICE]
    assert [call.callee for call in table.of_line(CAROL)] == ["0612345678"]
    assert table.of_line("0033000000000") == []


@pytest.mark.parametrize("seconds", [5.0, 0.0])
def test_a_record_tells_how_long_the_two_talked(seconds: float) -> None:
    lab = Lab()
    call = build_call(lab)
    if seconds:
        call.answer(b"b", lab.now)
    lab.run(seconds)
    call.end(lab.now, EndedBy.CALLER, 200)
    lab.drain()
    assert lab.records()[0].seconds == pytest.approx(seconds)
