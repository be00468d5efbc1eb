"""The INVITE client transaction: every state with every input, then what each one sends."""

import pytest

from sipedge.sip.transactions.base import ClientTransaction
from sipedge.sip.transactions.client_invite import TRANSITIONS, InviteClientTransaction
from sipedge.sip.transactions.states import (
    ACCEPTED,
    CALLING,
    COMPLETED,
    PROCEEDING,
    TERMINATED,
    Input,
    State,
)
from tests.unit.sip.transactions.exchange import (
    OUR_BRANCH,
    TCP,
    Exchange,
    Machine,
    assert_ended,
    assert_state,
    build_request,
    build_response,
)

INVITE = build_request(b"INVITE", branch=OUR_BRANCH)


def call(exchange: Exchange) -> ClientTransaction:
    transaction = exchange.open_client(INVITE)
    assert isinstance(transaction, InviteClientTransaction)
    return transaction


def ring(exchange: Exchange) -> ClientTransaction:
    transaction = call(exchange)
    assert exchange.answer(180, b"INVITE")
    return transaction


def accept(exchange: Exchange) -> ClientTransaction:
    transaction = call(exchange)
    assert exchange.answer(200, b"INVITE")
    return transaction


def refuse(exchange: Exchange) -> ClientTransaction:
    transaction = call(exchange)
    assert exchange.answer(486, b"INVITE")
    return transaction


def end(exchange: Exchange) -> ClientTransaction:
    transaction = call(exchange)
    transaction.abandon(exchange.now)
    return transaction


def give(exchange: Exchange, transaction: ClientTransaction, status: int) -> None:
    transaction.receive_response(build_response(status, b"INVITE"), exchange.now)


MACHINE = Machine(
    TRANSITIONS,
    ways={
        CALLING: call,
        PROCEEDING: ring,
        COMPLETED: refuse,
        ACCEPTED: accept,
        TERMINATED: end,
    },
    inputs={
        Input.PROVISIONAL: lambda exchange, it: give(exchange, it, 183),
        Input.SUCCESS: lambda exchange, it: give(exchange, it, 200),
        Input.REFUSAL: lambda exchange, it: give(exchange, it, 486),
        Input.FLOW_FAILED: lambda exchange, it: it.transport_failed(exchange.now),
        Input.ABANDONED: lambda exchange, it: it.abandon(exchange.now),
    },
    timers={
        CALLING: {Input.TIMER_A: 0.5, Input.TIMER_B: 32.0},
        COMPLETED: {Input.TIMER_D: 32.0},
        ACCEPTED: {Input.TIMER_M: 32.0},
    },
)


def test_table_and_test_know_the_same_states_and_inputs() -> None:
    MACHINE.check_completeness()


@pytest.mark.parametrize(("state", "given"), MACHINE.pairs())
def test_each_input_in_each_state_does_what_the_table_says(state: State, given: Input) -> None:
    MACHINE.check_input(state, given)


@pytest.mark.parametrize("state", MACHINE.ways)
def test_each_state_ends_at_its_timer_and_no_other_ends(state: State) -> None:
    MACHINE.check_timers(state)


@pytest.mark.parametrize("first", [CALLING, PROCEEDING])
@pytest.mark.parametrize(
    ("status", "state"),
    [
        (100, PROCEEDING),
        (199, PROCEEDING),
        (200, ACCEPTED),
        (299, ACCEPTED),
        (300, COMPLETED),
        (699, COMPLETED),
    ],
)
def test_class_of_the_status_chooses_the_state(first: State, status: int, state: State) -> None:
    exchange = Exchange()
    transaction = MACHINE.reach(exchange, first)

    assert exchange.answer(status, b"INVITE")

    assert_state(transaction, state)
    assert exchange.take_told() == [str(status)]


def test_invite_is_sent_at_once_and_repeated_with_doubled_pauses_until_timer_b() -> None:
    exchange = Exchange()
    transaction = call(exchange)
    assert exchange.take_sent() == [INVITE.wire]

    sent_after = exchange.run(33.0)

    assert sent_after == pytest.approx([0.5, 1.5, 3.5, 7.5, 15.5, 31.5], abs=0.15)
    assert exchange.take_sent() == [INVITE.wire] * 6
    assert exchange.layer.retransmissions_sent == 6
    assert exchange.layer.timeouts_invite == 1
    assert exchange.take_told() == ["timeout", "terminated"]
    assert_ended(exchange, transaction)


def test_invite_on_a_stream_is_sent_once_and_still_times_out() -> None:
    exchange = Exchange(TCP)
    transaction = call(exchange)

    exchange.run(31.9)
    assert_state(transaction, CALLING)
    exchange.run(0.2)

    assert exchange.take_sent() == [INVITE.wire]
    assert exchange.take_told() == ["timeout", "terminated"]
    assert_ended(exchange, transaction)


def test_provisional_response_ends_the_repetition_for_good() -> None:
    exchange = Exchange()
    transaction = ring(exchange)
    exchange.take_sent()

    assert exchange.run(1_000.0) == []

    assert_state(transaction, PROCEEDING)
    assert exchange.take_told() == ["180"]


def test_refusal_is_acknowledged_and_every_copy_of_it_again() -> None:
    exchange = Exchange()
    transaction = MACHINE.reach(exchange, PROCEEDING)

    assert exchange.answer(486, b"INVITE")
    assert exchange.answer(486, b"INVITE")

    first, second = exchange.take_sent()
    assert first == second
    assert first.startswith(b"ACK sip:bob@edge.test SIP/2.0\r\n")
    assert b"tag=bob-tag" in first
    assert exchange.take_told() == ["486"]
    assert exchange.layer.retransmissions_absorbed == 1
    assert_state(transaction, COMPLETED)


def test_refusal_on_a_stream_is_acknowledged_and_ends_the_transaction_at_once() -> None:
    exchange = Exchange(TCP)
    transaction = call(exchange)
    exchange.take_sent()

    assert exchange.answer(603, b"INVITE")

    assert len(exchange.take_sent()) == 1
    assert exchange.take_told() == ["603", "terminated"]
    assert_ended(exchange, transaction)


def test_every_2xx_goes_to_the_user_until_timer_m_and_none_is_acknowledged() -> None:
    exchange = Exchange()
    transaction = call(exchange)
    exchange.take_sent()

    assert exchange.answer(200, b"INVITE", to_tag=b"phone-1")
    assert exchange.answer(200, b"INVITE", to_tag=b"phone-1")
    exchange.run(31.0)
    assert exchange.answer(200, b"INVITE", to_tag=b"phone-2")
    exchange.run(1.1)

    assert exchange.take_sent() == []
    assert exchange.take_told() == ["200", "200", "200", "terminated"]
    assert_ended(exchange, transaction)
    assert not exchange.answer(200, b"INVITE")
    assert exchange.layer.stray_responses == 1


def test_2xx_on_a_stream_lingers_as_long_as_on_datagrams() -> None:
    exchange = Exchange(TCP)
    transaction = accept(exchange)

    exchange.run(31.9)
    assert_state(transaction, ACCEPTED)
    exchange.run(0.2)

    assert_ended(exchange, transaction)


def test_accepted_transaction_keeps_no_message() -> None:
    exchange = Exchange()

    assert accept(exchange).wire == b""


@pytest.mark.parametrize(("state", "status"), [(ACCEPTED, 486), (COMPLETED, 200), (ACCEPTED, 180)])
def test_response_of_another_class_after_the_final_one_is_swallowed(
    state: State, status: int
) -> None:
    exchange = Exchange()
    transaction = MACHINE.reach(exchange, state)

    assert exchange.answer(status, b"INVITE")

    assert_state(transaction, state)
    assert exchange.take_sent() == []
    assert exchange.take_told() == []


def test_loss_of_the_stream_while_calling_is_told_as_a_failure() -> None:
    exchange = Exchange(TCP)
    transaction = call(exchange)

    exchange.layer.flow_failed(TCP, exchange.now)

    assert exchange.take_told() == ["failed", "terminated"]
    assert exchange.layer.flow_failures == 1
    assert_ended(exchange, transaction)


@pytest.mark.parametrize("state", [PROCEEDING, ACCEPTED])
def test_loss_of_the_stream_after_a_response_changes_nothing(state: State) -> None:
    exchange = Exchange(TCP)
    transaction = MACHINE.reach(exchange, state)

    exchange.layer.flow_failed(TCP, exchange.now)

    assert exchange.take_told() == []
    assert_state(transaction, state)
    assert exchange.answer(200, b"INVITE"), "the answer may come on another connection"
    assert exchange.take_told() == ["200"]


def test_loss_of_the_flow_after_a_refusal_is_no_failure_of_the_call() -> None:
    exchange = Exchange()
    transaction = MACHINE.reach(exchange, COMPLETED)

    transaction.transport_failed(exchange.now)

    assert exchange.take_told() == ["terminated"]
    assert exchange.layer.flow_failures == 0
    assert_ended(exchange, transaction)
