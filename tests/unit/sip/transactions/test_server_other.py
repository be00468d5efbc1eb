"""The non-INVITE server transaction: every state with every input, then what each one sends."""

import pytest

from sipedge.sip.transactions.server_other import TRANSITIONS, OtherServerTransaction
from sipedge.sip.transactions.states import (
    COMPLETED,
    PROCEEDING,
    TERMINATED,
    TRYING,
    Input,
    State,
)
from tests.unit.sip.transactions.exchange import (
    TCP,
    Exchange,
    Machine,
    assert_ended,
    assert_state,
    build_request,
)


def open_bye(exchange: Exchange) -> OtherServerTransaction:
    transaction = exchange.open_server(build_request(b"BYE"))
    assert isinstance(transaction, OtherServerTransaction)
    return transaction


def proceed(exchange: Exchange) -> OtherServerTransaction:
    transaction = open_bye(exchange)
    assert transaction.send_response(100, b"trying", exchange.now)
    return transaction


def complete(exchange: Exchange) -> OtherServerTransaction:
    transaction = open_bye(exchange)
    assert transaction.send_response(200, b"ok", exchange.now)
    return transaction


def end(exchange: Exchange) -> OtherServerTransaction:
    transaction = open_bye(exchange)
    transaction.abandon(exchange.now)
    return transaction


MACHINE = Machine(
    TRANSITIONS,
    ways={TRYING: open_bye, PROCEEDING: proceed, COMPLETED: complete, TERMINATED: end},
    inputs={
        Input.REQUEST: lambda exchange, it: it.receive_request(exchange.now),
        Input.SEND_PROVISIONAL: lambda exchange, it: it.send_response(183, b"p", exchange.now),
        Input.SEND_FINAL: lambda exchange, it: it.send_response(404, b"no", exchange.now),
        Input.FLOW_FAILED: lambda exchange, it: it.transport_failed(exchange.now),
        Input.ABANDONED: lambda exchange, it: it.abandon(exchange.now),
    },
    timers={COMPLETED: {Input.TIMER_J: 32.0}},
)


def test_table_and_test_know_the_same_states_and_inputs() -> None:
    MACHINE.check_completeness()


@pytest.mark.parametrize(("state", "given"), MACHINE.pairs())
def test_each_input_in_each_state_does_what_the_table_says(state: State, given: Input) -> None:
    MACHINE.check_input(state, given)


@pytest.mark.parametrize("state", MACHINE.ways)
def test_each_state_ends_at_its_timer_and_no_other_ends(state: State) -> None:
    MACHINE.check_timers(state)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (100, PROCEEDING),
        (199, PROCEEDING),
        (200, COMPLETED),
        (299, COMPLETED),
        (300, COMPLETED),
        (699, COMPLETED),
    ],
)
def test_class_of_the_status_chooses_the_state(status: int, state: State) -> None:
    exchange = Exchange()
    transaction = open_bye(exchange)

    assert transaction.send_response(status, b"wire", exchange.now)

    assert_state(transaction, state)
    assert exchange.take_sent() == [b"wire"]


@pytest.mark.parametrize(
    ("state", "repeated"), [(TRYING, []), (PROCEEDING, [b"trying"]), (COMPLETED, [b"ok"])]
)
def test_copy_of_the_request_gets_the_last_response(state: State, repeated: list[bytes]) -> None:
    exchange = Exchange()
    MACHINE.reach(exchange, state)

    assert exchange.receive(build_request(b"BYE"))

    assert exchange.take_sent() == repeated
    assert exchange.layer.retransmissions_absorbed == 1


def test_final_response_is_not_repeated_by_a_timer_and_lives_until_timer_j() -> None:
    exchange = Exchange()
    transaction = complete(exchange)

    assert exchange.run(31.9) == []
    assert exchange.receive(build_request(b"BYE"))
    exchange.run(0.2)

    assert exchange.take_sent() == [b"ok", b"ok"]
    assert exchange.take_told() == ["terminated"]
    assert_ended(exchange, transaction)


def test_second_final_response_is_not_sent() -> None:
    exchange = Exchange()
    transaction = MACHINE.reach(exchange, COMPLETED)

    assert not transaction.send_response(500, b"late", exchange.now)

    assert exchange.take_sent() == []
    assert transaction.response == b"ok"


def test_final_response_on_a_stream_ends_the_transaction_at_once() -> None:
    exchange = Exchange(TCP)
    transaction = complete(exchange)

    assert exchange.take_sent() == [b"ok"]
    assert exchange.take_told() == ["terminated"]
    assert_ended(exchange, transaction)


def test_loss_of_the_stream_after_a_provisional_response_ends_the_transaction() -> None:
    exchange = Exchange(TCP)
    transaction = MACHINE.reach(exchange, PROCEEDING)

    exchange.layer.flow_failed(TCP, exchange.now)

    assert exchange.take_told() == ["failed", "terminated"]
    assert_ended(exchange, transaction)


def test_loss_of_the_stream_before_any_response_waits_for_the_user() -> None:
    exchange = Exchange(TCP)
    transaction = open_bye(exchange)

    exchange.layer.flow_failed(TCP, exchange.now)

    assert_state(transaction, TRYING)
    assert transaction.send_response(200, b"ok", exchange.now)
    assert exchange.take_told() == ["terminated"]
    assert_ended(exchange, transaction)
