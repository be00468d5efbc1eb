"""The transaction layer: which message belongs to which transaction, and what is left after."""

import gc
import weakref

import pytest
from typing_extensions import override

from sipedge.sip.build import build_response as build_our_response
from sipedge.sip.flow import Flow
from sipedge.sip.message import Response
from sipedge.sip.transactions.base import (
    ClientTransaction,
    ClientUser,
    ServerTransaction,
    ServerUser,
)
from sipedge.sip.transactions.server_invite import InviteServerTransaction
from sipedge.sip.transactions.server_other import OtherServerTransaction
from sipedge.sip.transactions.states import ACCEPTED, CONFIRMED, PROCEEDING
from tests.unit.sip.transactions.exchange import (
    OUR_BRANCH,
    START,
    TCP,
    UDP,
    Exchange,
    assert_ended,
    assert_state,
    build_request,
    build_response,
)

INVITE = build_request(b"INVITE", branch=OUR_BRANCH)
CANCEL = build_request(b"CANCEL", branch=OUR_BRANCH)
BYE = build_request(b"BYE", branch=OUR_BRANCH)


def test_new_request_is_not_absorbed_and_opens_the_machine_of_its_method() -> None:
    exchange = Exchange()

    invite = exchange.open_server(build_request(b"INVITE"))
    options = exchange.open_server(build_request(b"OPTIONS"))

    assert isinstance(invite, InviteServerTransaction)
    assert isinstance(options, OtherServerTransaction)
    assert exchange.layer.count_by_kind() == {
        "invite_server": 1,
        "other_server": 1,
        "invite_client": 0,
        "other_client": 0,
    }
    assert exchange.layer.created_servers == 2
    assert exchange.layer.find_server(invite.key) is invite
    assert exchange.layer.find_server(b"unknown") is None


@pytest.mark.parametrize("change", [{"branch": b"z9hG4bKcaller-2"}, {"sent_by": b"192.0.2.7:5062"}])
def test_another_branch_or_sender_is_another_transaction(change: dict[str, bytes]) -> None:
    exchange = Exchange()
    exchange.open_server(build_request(b"INVITE"))

    other = build_request(b"INVITE", **change)  # type: ignore[arg-type]

    assert not exchange.receive(other)
    exchange.open_server(other)
    assert len(exchange.layer.servers) == 2


def test_opening_what_was_not_looked_for_is_a_mistake() -> None:
    exchange = Exchange()
    exchange.open_server(build_request(b"INVITE"))

    with pytest.raises(AssertionError):
        exchange.layer.open_server(
            build_request(b"INVITE"), UDP, exchange.server_user, exchange.now
        )
    with pytest.raises(AssertionError):
        exchange.layer.open_server(build_request(b"ACK"), UDP, exchange.server_user, exchange.now)


def test_ack_that_matches_nothing_is_not_absorbed() -> None:
    exchange = Exchange()

    assert not exchange.receive(build_request(b"ACK", to_tag=b"bob-tag"))


def test_cancel_finds_the_invite_of_its_branch_and_has_a_transaction_of_its_own() -> None:
    exchange = Exchange()
    invite = exchange.open_server(build_request(b"INVITE"))
    cancel = build_request(b"CANCEL")

    own = exchange.open_server(cancel)

    assert isinstance(own, OtherServerTransaction)
    assert exchange.layer.find_invite_for_cancel(cancel) is invite
    assert exchange.receive(cancel), "a copy of the CANCEL belongs to its own transaction"


@pytest.mark.parametrize("change", [{"branch": b"z9hG4bKcaller-2"}, {"sent_by": b"192.0.2.8:5060"}])
def test_cancel_of_something_else_finds_nothing(change: dict[str, bytes]) -> None:
    exchange = Exchange()
    exchange.open_server(build_request(b"INVITE"))

    cancel = build_request(b"CANCEL", **change)  # type: ignore[arg-type]

    assert exchange.layer.find_invite_for_cancel(cancel) is None


def test_cancel_still_finds_the_invite_after_its_final_response() -> None:
    exchange = Exchange()
    invite = exchange.open_server(build_request(b"INVITE"))
    invite.send_response(200, b"ok", exchange.now)

    found = exchange.layer.find_invite_for_cancel(build_request(b"CANCEL"))

    assert found is invite
    assert_state(invite, ACCEPTED)


def test_answers_follow_the_phone_when_its_nat_gives_it_another_port() -> None:
    exchange = Exchange()
    invite = exchange.open_server(build_request(b"INVITE"))
    invite.send_response(100, b"trying", exchange.now)
    exchange.take_sent()

    exchange.flow = Flow(1, "UDP", "192.0.2.7", 6_666)
    assert exchange.receive(build_request(b"INVITE"))

    assert exchange.take_sent() == [b"trying"]
    invite.send_response(180, b"ringing", exchange.now)
    assert exchange.take_sent() == [b"ringing"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (UDP, Flow(1, "UDP", "203.0.113.66", 5060)),  # another host: an attacker, or bad luck
        (TCP, Flow(1, "UDP", "192.0.2.7", 6_666)),
        (UDP, Flow(2, "TCP", "192.0.2.7", 40_000, connection=9)),
    ],
)
def test_answers_do_not_follow_anywhere_else(first: Flow, second: Flow) -> None:
    exchange = Exchange(first)
    invite = exchange.open_server(build_request(b"INVITE"))
    invite.send_response(100, b"trying", exchange.now)

    assert exchange.layer.absorb_request(build_request(b"INVITE"), second, exchange.now)

    assert exchange.take_sent() == [b"trying", b"trying"]


def test_response_goes_to_the_transaction_of_its_branch_and_method() -> None:
    exchange = Exchange()
    invite = exchange.open_client(INVITE)
    cancel = exchange.open_client(CANCEL)

    assert exchange.answer(200, b"CANCEL")
    assert exchange.answer(487, b"INVITE")

    assert exchange.take_told() == ["200", "487"]
    assert invite.key != cancel.key
    assert exchange.layer.created_clients == 2
    assert exchange.layer.count_by_kind()["invite_client"] == 1
    assert exchange.layer.count_by_kind()["other_client"] == 1


def test_response_without_a_transaction_is_counted_as_stray() -> None:
    exchange = Exchange()
    exchange.open_client(INVITE)

    assert not exchange.answer(200, b"BYE")
    assert not exchange.layer.receive_response(
        build_response(200, b"INVITE", branch=b"z9hG4bKforeign"), exchange.now
    )

    assert exchange.layer.stray_responses == 2


def test_branch_used_twice_is_a_mistake() -> None:
    exchange = Exchange()
    exchange.open_client(INVITE)

    with pytest.raises(AssertionError):
        exchange.open_client(INVITE)


def test_full_layer_says_so_and_refuses_nothing_itself() -> None:
    exchange = Exchange()
    exchange.layer.max_servers = 1
    assert not exchange.layer.is_full()
    exchange.open_server(build_request(b"INVITE"))

    assert exchange.layer.is_full()
    exchange.open_server(build_request(b"BYE"))
    assert len(exchange.layer.servers) == 2


def test_failure_of_a_stream_reaches_its_transactions_and_no_others() -> None:
    exchange = Exchange(TCP)
    on_stream = exchange.open_client(BYE)
    exchange.flow = Flow(2, "TCP", "192.0.2.7", 40_001, connection=10)
    on_another = exchange.open_client(INVITE)
    exchange.flow = Flow(1, "TCP", "192.0.2.7", 40_001, connection=9)
    on_other_listener = exchange.open_client(CANCEL)

    exchange.layer.flow_failed(TCP, exchange.now)

    assert exchange.take_told() == ["failed", "terminated"]
    assert on_stream.key not in exchange.layer.clients
    assert set(exchange.layer.clients) == {on_another.key, on_other_listener.key}


def test_failure_of_an_unknown_stream_is_nothing() -> None:
    exchange = Exchange()
    exchange.open_client(INVITE)

    exchange.layer.flow_failed(TCP, exchange.now)
    exchange.layer.flow_failed(UDP, exchange.now)

    assert exchange.take_told() == []


def test_stream_is_forgotten_with_its_last_transaction() -> None:
    exchange = Exchange(TCP)
    first = exchange.open_client(INVITE)
    second = exchange.open_client(BYE)

    first.abandon(exchange.now)
    assert exchange.layer.connections == {(2, 9): {second: None}}
    second.abandon(exchange.now)

    assert exchange.layer.connections == {}


# ------------------------------------------------------------------------------- peers of RFC 2543


LEGACY_BRANCHES = [b"", b"1", b"z9hG4bK", b"Z9HG4BKxyz"]


@pytest.mark.parametrize("branch", LEGACY_BRANCHES)
def test_copy_without_the_cookie_is_known_by_its_other_fields(branch: bytes) -> None:
    exchange = Exchange()
    exchange.open_server(build_request(b"INVITE", branch=branch))

    assert exchange.receive(build_request(b"INVITE", branch=branch))
    for other in (
        build_request(b"INVITE", branch=branch, uri=b"sip:carol@edge.test"),
        build_request(b"INVITE", branch=branch, from_tag=b"x"),
        build_request(b"INVITE", branch=branch, to_tag=b"x"),
        build_request(b"INVITE", branch=branch, call_id=b"x"),
        build_request(b"INVITE", branch=branch, cseq=2),
        build_request(b"INVITE", branch=branch, sent_by=b"192.0.2.9"),
        build_request(b"OPTIONS", branch=branch),
        build_request(b"INVITE", branch=b"2"),
    ):
        assert not exchange.receive(other)


@pytest.mark.parametrize("branch", LEGACY_BRANCHES)
def test_legacy_ack_is_known_by_the_to_tag_of_our_refusal(branch: bytes) -> None:
    exchange = Exchange()
    request = build_request(b"INVITE", branch=branch)
    invite = exchange.open_server(request)
    ack = build_request(b"ACK", branch=branch, to_tag=b"our-tag")
    assert exchange.receive(ack), "nothing to acknowledge yet, and nothing to relay"
    invite.send_response(404, build_our_response(request, 404, b"No", b"our-tag"), exchange.now)

    assert not exchange.receive(build_request(b"ACK", branch=branch, to_tag=b"other-tag"))
    assert exchange.receive(ack)
    assert_state(invite, CONFIRMED)
    assert exchange.receive(ack)


def test_legacy_ack_in_a_dialog_is_known_by_the_dialogs_own_tag() -> None:
    exchange = Exchange()
    invite = exchange.open_server(build_request(b"INVITE", branch=b"", to_tag=b"bob-tag"))
    invite.send_response(488, b"no", exchange.now)

    assert exchange.receive(build_request(b"ACK", branch=b"", to_tag=b"bob-tag"))

    assert_state(invite, CONFIRMED)


def test_legacy_ack_of_a_2xx_is_left_to_the_user() -> None:
    exchange = Exchange()
    invite = exchange.open_server(build_request(b"INVITE", branch=b""))
    invite.send_response(200, b"ok", exchange.now)

    assert not exchange.receive(build_request(b"ACK", branch=b"", to_tag=b"bob-tag"))
    assert not exchange.receive(build_request(b"ACK", branch=b"", to_tag=b"x", call_id=b"y"))


def test_legacy_cancel_finds_its_invite() -> None:
    exchange = Exchange()
    invite = exchange.open_server(build_request(b"INVITE", branch=b""))

    cancel = build_request(b"CANCEL", branch=b"")

    assert not exchange.receive(cancel)
    assert exchange.layer.find_invite_for_cancel(cancel) is invite


# ------------------------------------------------------------------------------ users and memory


class SilentUser(ServerUser):
    """Overrides nothing."""


class SilentClientUser(ClientUser):
    """Overrides nothing."""


def test_users_need_not_listen() -> None:
    exchange = Exchange(TCP)
    layer, now = exchange.layer, exchange.now
    server, client = SilentUser(), SilentClientUser()
    refused = layer.open_server(build_request(b"INVITE"), TCP, server, now)
    failed = layer.open_server(build_request(b"MESSAGE"), TCP, server, now)
    refused.send_response(486, b"busy", now)
    failed.send_response(100, b"trying", now)
    layer.open_client(INVITE.wire, UDP, b"z9hG4bK1", b"INVITE", client, now)
    layer.open_client(BYE.wire, UDP, b"z9hG4bK2", b"BYE", client, now)
    layer.open_client(BYE.wire, TCP, b"z9hG4bK3", b"BYE", client, now)
    layer.receive_response(build_response(200, b"BYE", branch=b"z9hG4bK2"), now)

    layer.flow_failed(TCP, now)
    exchange.outbox.sends.clear()
    exchange.run(40.0)

    assert layer.servers == {}
    assert layer.clients == {}


class ChainingUser(ClientUser):
    """Ends one transaction and opens the next while being told of a response, as a proxy does."""

    def __init__(self, exchange: Exchange, server: ServerTransaction) -> None:
        self.exchange = exchange
        self.server = server

    @override
    def receive_response(
        self, transaction: ClientTransaction, response: Response, now: float
    ) -> None:
        self.server.send_response(response.status, response.wire, now)
        transaction.abandon(now)
        self.exchange.open_client(BYE)

    @override
    def client_terminated(self, transaction: ClientTransaction, now: float) -> None:
        self.server.abandon(now)


def test_user_may_act_on_transactions_while_being_told() -> None:
    exchange = Exchange()
    server = exchange.open_server(build_request(b"INVITE"))
    client = exchange.layer.open_client(
        INVITE.wire, UDP, OUR_BRANCH, b"INVITE", ChainingUser(exchange, server), exchange.now
    )
    exchange.take_sent()

    assert exchange.answer(200, b"INVITE")

    assert len(exchange.take_sent()) == 2
    assert exchange.take_told() == ["terminated"]
    assert client.key not in exchange.layer.clients
    assert server.key not in exchange.layer.servers
    assert exchange.layer.count_by_kind()["other_client"] == 1


class Call(ServerUser):
    """A user that holds its transaction, as every proxy context does."""

    __slots__ = ("__weakref__", "transaction")

    def __init__(self) -> None:
        self.transaction: ServerTransaction | None = None


def test_terminated_transaction_keeps_no_call_alive_even_without_the_garbage_collector() -> None:
    exchange = Exchange()
    call = Call()
    call.transaction = exchange.layer.open_server(build_request(b"INVITE"), UDP, call, exchange.now)
    call.transaction.send_response(200, b"ok", exchange.now)
    seen = weakref.ref(call)
    gc.disable()
    try:
        del call
        exchange.run(31.0)
        assert seen() is not None
        exchange.run(1.1)
        assert seen() is None
    finally:
        gc.enable()


def test_exception_of_a_user_in_a_timer_leaves_the_layer_clean() -> None:
    class Broken(ClientUser):
        @override
        def client_timeout(self, transaction: ClientTransaction, now: float) -> None:
            raise RuntimeError("broken user")

    exchange = Exchange()
    client = exchange.layer.open_client(
        INVITE.wire, UDP, OUR_BRANCH, b"INVITE", Broken(), exchange.now
    )
    other = exchange.layer.open_client(
        BYE.wire, UDP, OUR_BRANCH, b"BYE", exchange.client_user, exchange.now
    )

    with pytest.raises(ExceptionGroup):
        exchange.run(33.0)
    exchange.now = START + 33.0
    exchange.run(1.0)

    assert_ended(exchange, client)
    assert_ended(exchange, other)
    assert exchange.take_told() == ["timeout", "terminated"]


def test_thousand_calls_leave_nothing_behind() -> None:
    exchange = Exchange()
    for number in range(1_000):
        branch = b"z9hG4bK-%d" % number
        invite = exchange.open_server(build_request(b"INVITE", branch=branch))
        assert_state(invite, PROCEEDING)
        exchange.open_client(build_request(b"INVITE", branch=branch))
        exchange.layer.receive_response(build_response(200, b"INVITE", branch=branch), exchange.now)
        invite.send_response(200, b"ok", exchange.now)
        exchange.run(0.001)
    assert len(exchange.layer.servers) == len(exchange.layer.clients) == 1_000

    exchange.run(33.0)

    assert exchange.layer.servers == exchange.layer.clients == {}
    assert exchange.layer.live == [0, 0, 0, 0]
    assert len(exchange.wheel) == 0
    assert exchange.take_told().count("terminated") == 2_000
