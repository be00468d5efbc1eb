"""What the four transactions share: the outbox, the table, and what only a machine can know."""

import pytest

from sipedge.sip.timers import Timers
from sipedge.sip.transactions.base import (
    ClientTransaction,
    Outbox,
    ServerTransaction,
    Transaction,
    TransactionTable,
)
from sipedge.sip.transactions.server_invite import InviteServerTransaction
from sipedge.sip.transactions.states import CONFIRMED
from sipedge.sip.wheel import Wheel
from tests.unit.sip.transactions.exchange import (
    START,
    TCP,
    UDP,
    Exchange,
    build_request,
    build_response,
)


def test_outbox_keeps_the_order_and_forgets_what_was_taken() -> None:
    outbox = Outbox()
    outbox.send(UDP, b"one")
    outbox.send(TCP, b"two")

    assert outbox.take_sends() == [(UDP, b"one"), (TCP, b"two")]
    assert outbox.take_sends() == []


def test_move_that_the_table_does_not_know_is_a_mistake() -> None:
    exchange = Exchange()
    transaction = exchange.open_server(build_request(b"INVITE"))

    with pytest.raises(AssertionError):
        transaction._enter(CONFIRMED)


def test_stream_that_is_not_followed_can_be_forgotten() -> None:
    table = TransactionTable(Wheel(), Outbox(), Timers())
    exchange = Exchange()
    transaction = InviteServerTransaction(exchange.layer, b"key", TCP, exchange.server_user)

    table.forget_connection(transaction)

    assert table.connections == {}


def test_machines_say_themselves_what_their_inputs_do() -> None:
    server, client = ServerTransaction(), ClientTransaction()
    for act in (
        lambda: Transaction().transport_failed(START),
        lambda: Transaction().abandon(START),
        lambda: server.receive_request(START),
        lambda: server.send_response(200, b"", START),
        lambda: client.receive_response(build_response(200, b"BYE"), START),
    ):
        with pytest.raises(NotImplementedError):
            act()
