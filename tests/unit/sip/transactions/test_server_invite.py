"""The INVITE server transaction: every state with every input, then what each one sends."""

import pytest

from sipedge.sip.transactions.server_invite import TRANSITIONS, InviteServerTransaction
from sipedge.sip.transactions.states import (
    ACCEPTED,
    COMPLETED,
    CONFIRMED,
    PROCEEDING,
    TERMINATED,
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


def open_invite(exchange: Exchange) -> InviteServerTransaction:
    transaction = exchange.open_server(build_request(b"INVITE"))
    assert isinstance(transaction, InviteServerTransaction)
    return transaction


def accept(exchange: Exchange) -> InviteServerTransaction:
    transaction = open_invite(exchange)
    assert transaction.send_response(200, b"ok", exchange.now)
    return transaction


def refuse(exchange: Exchange) -> InviteServerTransaction:
    transaction = open_invite(exchange)
    assert transaction.send_response(486, b"busy", exchange.now)
    return transaction


def confirm(exchange: Exchange) -> InviteServerTransaction:
    transaction = refuse(exchange)
    assert exchange.receive(build_request(b"ACK", to_tag=b"bob-tag"))
    return transaction


def end(exchange: Exchange) -> InviteServerTransaction:
    transaction = open_invite(exchange)
    transaction.abandon(exchange.now)
    return transaction


MACHINE = Machine(
    TRANSITIONS,
    ways={
        PROCEEDING: open_invite,
        COMPLETED: refuse,
        CONFIRMED: confirm,
        ACCEPTED: accept,
        TERMINATED: end,
    },
    inputs={
        Input.INVITE: lambda exchange, it: it.receive_request(exchange.now),
        Input.ACK: lambda exchange, it: it.receive_ack(exchange.now),
        Input.SEND_PROVISIONAL: lambda exchange, it: it.send_response(180, b"r", exchange.now),
        Input.SEND_SUCCESS: lambda exchange, it: it.send_response(200, b"ok", exchange.now),
        Input.SEND_REFUSAL: lambda exchange, it: it.send_response(486, b"busy", exchange.now),
        Input.FLOW_FAILED: lambda exchange, it: it.transport_failed(exchange.now),
        Input.ABANDONED: lambda exchange, it: it.abandon(exchange.now),
    },
    timers={
        COMPLETED: {Input.TIMER_G: 0.5, Input.TIMER_H: 32.0},
        CONFIRMED: {Input.TIMER_I: 5.0},
        ACCEPTED: {Input.TIMER_L: 32.0},
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
def test_class_of_the_status_chooses_the_state(status: int, state: State) -> None:
    exchange = Exchange()
    transaction = open_invite(exchange)

    assert transaction.send_response(status, b"wire", exchange.now)

    assert_state(transaction, state)
    assert exchange.take_sent() == [b"wire"]


def test_copy_of_the_invite_is_silent_before_any_response() -> None:
    exchange = Exchange()
    open_invite(exchange)

    assert exchange.receive(build_request(b"INVITE"))

    assert exchange.take_sent() == []


def test_copy_of_the_invite_gets_the_latest_provisional_response() -> None:
    exchange = Exchange()
    transaction = open_invite(exchange)
    transaction.send_response(100, b"trying", exchange.now)
    transaction.send_response(180, b"ringing", exchange.now)
    exchange.take_sent()

    assert exchange.receive(build_request(b"INVITE"))

    assert exchange.take_sent() == [b"ringing"]
    assert exchange.layer.retransmissions_absorbed == 1


def test_copy_of_the_invite_gets_the_refusal_again() -> None:
    exchange = Exchange()
    MACHINE.reach(exchange, COMPLETED)

    assert exchange.receive(build_request(b"INVITE"))

    assert exchange.take_sent() == [b"busy"]


def test_copy_of_the_invite_is_swallowed_once_accepted_and_the_response_is_not_kept() -> None:
    exchange = Exchange()
    transaction = MACHINE.reach(exchange, ACCEPTED)

    assert exchange.receive(build_request(b"INVITE"))

    assert exchange.take_sent() == []
    assert transaction.response == b""


def test_refusal_is_repeated_with_growing_pauses_until_timer_h() -> None:
    exchange = Exchange()
    transaction = refuse(exchange)

    sent_after = exchange.run(33.0)

    assert sent_after == pytest.approx(
        [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5], abs=0.15
    )
    assert exchange.take_sent() == [b"busy"] * 11
    assert exchange.layer.retransmissions_sent == 10
    assert exchange.layer.acks_missing == 1
    assert exchange.take_told() == ["ack missing", "terminated"]
    assert_ended(exchange, transaction)


def test_refusal_on_a_stream_is_sent_once_but_its_ack_is_still_awaited() -> None:
    exchange = Exchange(TCP)
    transaction = refuse(exchange)

    assert exchange.run(31.9) == []
    assert_state(transaction, COMPLETED)
    exchange.run(0.2)

    assert exchange.take_sent() == [b"busy"]
    assert exchange.take_told() == ["ack missing", "terminated"]
    assert_ended(exchange, transaction)


def test_ack_ends_the_repetition_of_the_refusal() -> None:
    exchange = Exchange()
    transaction = refuse(exchange)
    exchange.run(0.7)
    exchange.take_sent()

    assert exchange.receive(build_request(b"ACK", to_tag=b"bob-tag"))
    assert exchange.run(4.9) == []

    assert_state(transaction, CONFIRMED)
    assert transaction.response == b""
    exchange.run(0.2)
    assert exchange.take_told() == ["terminated"]
    assert_ended(exchange, transaction)


def test_copies_of_the_ack_are_swallowed_until_timer_i() -> None:
    exchange = Exchange()
    MACHINE.reach(exchange, CONFIRMED)

    assert exchange.receive(build_request(b"ACK", to_tag=b"bob-tag"))
    assert exchange.receive(build_request(b"INVITE"))

    assert exchange.layer.retransmissions_absorbed == 2
    assert exchange.take_sent() == []


def test_ack_on_a_stream_ends_the_transaction_at_once() -> None:
    exchange = Exchange(TCP)
    transaction = refuse(exchange)

    assert exchange.receive(build_request(b"ACK", to_tag=b"bob-tag"))

    assert exchange.take_told() == ["terminated"]
    assert_ended(exchange, transaction)


def test_ack_of_a_2xx_that_reuses_the_branch_is_left_to_the_user() -> None:
    exchange = Exchange()
    MACHINE.reach(exchange, ACCEPTED)

    assert not exchange.receive(build_request(b"ACK", to_tag=b"bob-tag"))


def test_ack_before_any_final_response_is_swallowed() -> None:
    exchange = Exchange()
    transaction = open_invite(exchange)

    assert exchange.receive(build_request(b"ACK"))

    assert_state(transaction, PROCEEDING)


def test_repetitions_of_the_2xx_pass_and_do_not_prolong_timer_l() -> None:
    exchange = Exchange()
    transaction = accept(exchange)
    exchange.run(31.0)

    assert transaction.send_response(200, b"ok again", exchange.now)

    assert exchange.take_sent() == [b"ok", b"ok again"]
    exchange.run(1.1)
    assert_ended(exchange, transaction)


@pytest.mark.parametrize("state", [COMPLETED, CONFIRMED, TERMINATED])
@pytest.mark.parametrize("status", [180, 200, 486])
def test_response_after_the_end_is_not_sent(state: State, status: int) -> None:
    exchange = Exchange()
    transaction = MACHINE.reach(exchange, state)

    assert not transaction.send_response(status, b"late", exchange.now)

    assert exchange.take_sent() == []


@pytest.mark.parametrize("status", [100, 199, 300, 487, 699])
def test_only_a_2xx_passes_once_accepted(status: int) -> None:
    exchange = Exchange()
    transaction = MACHINE.reach(exchange, ACCEPTED)

    assert not transaction.send_response(status, b"late", exchange.now)

    assert exchange.take_sent() == []


@pytest.mark.parametrize("state", [PROCEEDING, COMPLETED, ACCEPTED])
def test_loss_of_the_stream_is_told_and_survived(state: State) -> None:
    exchange = Exchange(TCP)
    transaction = MACHINE.reach(exchange, state)

    exchange.layer.flow_failed(TCP, exchange.now)
    exchange.layer.flow_failed(TCP, exchange.now)

    assert exchange.take_told() == ["failed"]
    assert_state(transaction, state)
    transaction.abandon(exchange.now)
    assert_ended(exchange, transaction)


def test_abandoned_transaction_is_told_once() -> None:
    exchange = Exchange()
    transaction = open_invite(exchange)

    transaction.abandon(exchange.now)
    transaction.abandon(exchange.now)

    assert exchange.take_told() == ["terminated"]
    assert not exchange.receive(build_request(b"INVITE")), "the branch is free again"
