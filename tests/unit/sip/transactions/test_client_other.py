"""The non-INVITE client transaction: every state with every input, then what each one sends."""

import pytest

from sipedge.sip.transactions.base import ClientTransaction
from sipedge.sip.transactions.client_other import TRANSITIONS, OtherClientTransaction
from sipedge.sip.transactions.states import (
    COMPLETED,
    PROCEEDING,
    TERMINATED,
    TRYING,
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

BYE = build_request(b"BYE", branch=OUR_BRANCH)


def send(exchange: Exchange) -> ClientTransaction:
    transaction = exchange.open_client(BYE)
    assert isinstance(transaction, OtherClientTransaction)
    return transaction


def proceed(exchange: Exchange) -> ClientTransaction:
    transaction = send(exchange)
    assert exchange.answer(100, b"BYE")
    return transaction


def complete(exchange: Exchange) -> ClientTransaction:
    transaction = send(exchange)
    assert exchange.answer(200, b"BYE")
    return transaction


def end(exchange: Exchange) -> ClientTransaction:
    transaction = send(exchange)
    transaction.abandon(exchange.now)
    return transaction


def give(exchange: Exchange, transaction: ClientTransaction, status: int) -> None:
    transaction.receive_response(build_response(status, b"BYE"), exchange.now)


MACHINE = Machine(
    TRANSITIONS,
    ways={TRYING: send, PROCEEDING: proceed, COMPLETED: complete, TERMINATED: end},
    inputs={
        Input.PROVISIONAL: lambda exchange, it: give(exchange, it, 183),
        Input.FINAL: lambda exchange, it: give(exchange, it, 200),
        Input.FLOW_FAILED: lambda exchange, it: it.transport_failed(exchange.now),
        Input.ABANDONED: lambda exchange, it: it.abandon(exchange.now),
    },
    timers={
        TRYING: {Input.TIMER_E: 0.5, Input.TIMER_F: 32.0},
        PROCEEDING: {Input.TIMER_E: 0.5, Input.TIMER_F: 32.0},
        COMPLETED: {Input.TIMER_K: 5.0},
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


@pytest.mark.parametrize("first", [TRYING, PROCEEDING])
@pytest.mark.parametrize(
    ("status", "state"),
    [(100, PROCEEDING), (199, PROCEEDING), (200, COMPLETED), (300, COMPLETED), (699, COMPLETED)],
)
def test_class_of_the_status_chooses_the_state(first: State, status: int, state: State) -> None:
    exchange = Exchange()
    transaction = MACHINE.reach(exchange, first)

    assert exchange.answer(status, b"BYE")

    assert_state(transaction, state)
    assert exchange.take_told() == [str(status)]


def test_request_is_sent_at_once_and_repeated_until_timer_f() -> None:
    exchange = Exchange()
    transaction = send(exchange)
    assert exchange.take_sent() == [BYE.wire]

    sent_after = exchange.run(33.0)

    assert sent_after == pytest.approx(
        [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5], abs=0.15
    )
    assert exchange.layer.retransmissions_sent == 10
    assert exchange.layer.timeouts_other == 1
    assert exchange.take_told() == ["timeout", "terminated"]
    assert_ended(exchange, transaction)


def test_provisional_response_slows_the_repetition_down_to_t2() -> None:
    exchange = Exchange()
    send(exchange)
    exchange.run(0.2)
    exchange.answer(100, b"BYE")
    exchange.take_sent()

    # Timer E runs on as it was set; from there on it is T2.
    assert exchange.run(20.0) == pytest.approx([0.3, 4.3, 8.3, 12.3, 16.3], abs=0.15)

    exchange.run(13.0)
    assert exchange.take_told() == ["100", "timeout", "terminated"]


def test_request_on_a_stream_is_sent_once_and_still_times_out() -> None:
    exchange = Exchange(TCP)
    transaction = send(exchange)

    exchange.run(31.9)
    assert_state(transaction, TRYING)
    exchange.run(0.2)

    assert exchange.take_sent() == [BYE.wire]
    assert exchange.take_told() == ["timeout", "terminated"]
    assert_ended(exchange, transaction)


def test_copies_of_the_final_response_are_swallowed_until_timer_k() -> None:
    exchange = Exchange()
    transaction = MACHINE.reach(exchange, COMPLETED)
    assert transaction.wire == b""

    assert exchange.answer(200, b"BYE")
    exchange.run(4.9)
    assert exchange.answer(200, b"BYE")
    exchange.run(0.2)

    assert exchange.layer.retransmissions_absorbed == 2
    assert exchange.take_sent() == []
    assert exchange.take_told() == ["terminated"]
    assert not exchange.answer(200, b"BYE")
    assert_ended(exchange, transaction)


def test_final_response_on_a_stream_ends_the_transaction_at_once() -> None:
    exchange = Exchange(TCP)
    transaction = complete(exchange)

    assert exchange.take_told() == ["200", "terminated"]
    assert_ended(exchange, transaction)


@pytest.mark.parametrize("state", [TRYING, PROCEEDING])
def test_loss_of_the_stream_before_the_final_response_is_a_failure(state: State) -> None:
    exchange = Exchange(TCP)
    transaction = MACHINE.reach(exchange, state)

    exchange.layer.flow_failed(TCP, exchange.now)

    assert exchange.take_told() == ["failed", "terminated"]
    assert exchange.layer.flow_failures == 1
    assert_ended(exchange, transaction)
