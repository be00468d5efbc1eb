"""A transaction layer between a fake network and a fake user, with verbs for the tests.

Time moves only where a test moves it, and a timer fires when the wheel says that it is next.
"""

from collections.abc import Callable
from itertools import product
from typing import Generic, TypeVar

from typing_extensions import override

from sipedge.sip.flow import Flow
from sipedge.sip.message import Request, Response, parse_message
from sipedge.sip.timers import Timers
from sipedge.sip.transactions.base import (
    NO_CLIENT_USER,
    NO_SERVER_USER,
    ClientTransaction,
    ClientUser,
    Outbox,
    ServerTransaction,
    ServerUser,
    Transaction,
)
from sipedge.sip.transactions.layer import TransactionLayer
from sipedge.sip.transactions.states import TERMINATED, Input, State, Transition
from sipedge.sip.wheel import Wheel

T = TypeVar("T", bound=Transaction)

START = 1_000.0
SLOT = 0.02
BRANCH = b"z9hG4bKcaller-1"
OUR_BRANCH = b"z9hG4bKedge-1"
SENT_BY = b"192.0.2.7:5060"
UDP = Flow(1, "UDP", "192.0.2.7", 5060)
TCP = Flow(2, "TCP", "192.0.2.7", 40_000, connection=9)

TIMER_INPUTS = frozenset(member for member in Input if member.name.startswith("TIMER_"))


def build_request(
    method: bytes,
    *,
    branch: bytes = BRANCH,
    sent_by: bytes = SENT_BY,
    uri: bytes = b"sip:bob@edge.test",
    from_tag: bytes = b"alice-tag",
    to_tag: bytes = b"",
    call_id: bytes = b"call-1",
    cseq: int = 1,
) -> Request:
    """A request as a phone sends it; the tests change what they are about."""
    branch_parameter = b";branch=" + branch if branch else b""
    to_parameter = b";tag=" + to_tag if to_tag else b""
    wire = b"\r\n".join(
        (
            b"%b %b SIP/2.0" % (method, uri),
            b"Via: SIP/2.0/UDP %b%b" % (sent_by, branch_parameter),
            b"Max-Forwards: 70",
            b"From: <sip:alice@edge.test>;tag=" + from_tag,
            b"To: <sip:bob@edge.test>" + to_parameter,
            b"Call-ID: " + call_id,
            b"CSeq: %d %b" % (cseq, method),
            b"Content-Length: 0",
            b"",
            b"",
        )
    )
    request = parse_message(wire)
    assert isinstance(request, Request)
    return request


def build_response(
    status: int, method: bytes, *, branch: bytes = OUR_BRANCH, to_tag: bytes = b"bob-tag"
) -> Response:
    """A response as the next hop sends it to us."""
    wire = b"\r\n".join(
        (
            b"SIP/2.0 %d Whatever" % status,
            b"Via: SIP/2.0/UDP 198.51.100.1:5060;branch=" + branch,
            b"Via: SIP/2.0/UDP %b;branch=%b" % (SENT_BY, BRANCH),
            b"From: <sip:alice@edge.test>;tag=alice-tag",
            b"To: <sip:bob@edge.test>;tag=" + to_tag,
            b"Call-ID: call-1",
            b"CSeq: 1 " + method,
            b"Content-Length: 0",
            b"",
            b"",
        )
    )
    response = parse_message(wire)
    assert isinstance(response, Response)
    return response


class RecordingServerUser(ServerUser):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @override
    def server_terminated(self, transaction: ServerTransaction, now: float) -> None:
        self.told.append("terminated")

    @override
    def server_ack_missing(self, transaction: ServerTransaction, now: float) -> None:
        self.told.append("ack missing")

    @override
    def server_failed(self, transaction: ServerTransaction, now: float) -> None:
        self.told.append("failed")


class RecordingClientUser(ClientUser):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @override
    def receive_response(
        self, transaction: ClientTransaction, response: Response, now: float
    ) -> None:
        self.told.append(str(response.status))

    @override
    def client_timeout(self, transaction: ClientTransaction, now: float) -> None:
        self.told.append("timeout")

    @override
    def client_failed(self, transaction: ClientTransaction, now: float) -> None:
        self.told.append("failed")

    @override
    def client_terminated(self, transaction: ClientTransaction, now: float) -> None:
        self.told.append("terminated")


class Exchange:
    """One layer, the flow that its transactions use, and what went out and up."""

    def __init__(self, flow: Flow = UDP) -> None:
        self.flow = flow
        self.now = START
        self.wheel = Wheel()
        self.wheel.advance(START)
        self.outbox = Outbox()
        self.timers = Timers()
        self.layer = TransactionLayer(self.wheel, self.outbox, self.timers)
        self.server_user = RecordingServerUser()
        self.client_user = RecordingClientUser()

    def receive(self, request: Request) -> bool:
        """Let a request come in; True when the layer absorbed it."""
        return self.layer.absorb_request(request, self.flow, self.now)

    def open_server(self, request: Request) -> ServerTransaction:
        """Let a request come in that is new."""
        assert not self.receive(request)
        return self.layer.open_server(request, self.flow, self.server_user, self.now)

    def open_client(self, request: Request) -> ClientTransaction:
        """Send a request."""
        return self.layer.open_client(
            request.wire,
            self.flow,
            request.via_branch,
            request.method,
            self.client_user,
            self.now,
        )

    def answer(self, status: int, method: bytes, to_tag: bytes = b"bob-tag") -> bool:
        """Let a response come in to the client transaction of OUR_BRANCH."""
        response = build_response(status, method, to_tag=to_tag)
        return self.layer.receive_response(response, self.now)

    def take_sent(self) -> list[bytes]:
        """Return what has been sent since the last time, and check that it went the right way."""
        sends = self.outbox.take_sends()
        assert all(flow is self.flow for flow, _ in sends)
        return [wire for _, wire in sends]

    def take_told(self) -> list[str]:
        """Return what the users were told since the last time."""
        told = self.server_user.told + self.client_user.told
        self.server_user.told.clear()
        self.client_user.told.clear()
        return told

    def run(self, seconds: float) -> list[float]:
        """Let time pass; return after how many seconds something was sent, late by a slot each."""
        start, end = self.now, self.now + seconds
        sent_after: list[float] = []
        while (at := self.wheel.next_at()) is not None and at <= end:
            sends = len(self.outbox.sends)
            self.now = at
            self.wheel.advance(at)
            sent_after += [at - start] * (len(self.outbox.sends) - sends)
        self.now = end
        self.wheel.advance(end)
        return sent_after


def assert_state(transaction: Transaction, state: State) -> None:
    """Compare through a call: mypy would remember the state of the last comparison."""
    assert transaction.state is state


def assert_ended(exchange: Exchange, transaction: Transaction) -> None:
    """Nothing of the transaction is left in the layer, nothing of the call in the transaction."""
    layer = exchange.layer
    assert_state(transaction, TERMINATED)
    assert transaction.key not in layer.servers
    assert transaction.key not in layer.clients
    assert layer.connections == {}
    assert layer.live == [0, 0, 0, 0]
    assert transaction.due_at == 0.0
    if isinstance(transaction, ServerTransaction):
        assert transaction.user is NO_SERVER_USER
        assert transaction.response == b""
    if isinstance(transaction, ClientTransaction):
        assert transaction.user is NO_CLIENT_USER
        assert transaction.wire == b""


def declared(transitions: frozenset[Transition], state: State) -> dict[Input, State]:
    """What the table says of one state."""
    return {given: after for before, given, after in transitions if before is state}


class Machine(Generic[T]):
    """One of the four machines, with a way into each of its states and a way to make each input.

    `timers` says after how many seconds in a state each of its timers ends it.
    """

    def __init__(
        self,
        transitions: frozenset[Transition],
        ways: dict[State, Callable[[Exchange], T]],
        inputs: dict[Input, Callable[[Exchange, T], object]],
        timers: dict[State, dict[Input, float]],
    ) -> None:
        self.transitions = transitions
        self.ways = ways
        self.inputs = inputs
        self.timers = timers

    def pairs(self) -> list[tuple[State, Input]]:
        """Every state with every input that is no timer."""
        return list(product(self.ways, self.inputs))

    def check_completeness(self) -> None:
        """The test knows every state, input and timer of the table, and no other."""
        table = self.transitions
        assert {before for before, _, _ in table} == set(self.ways) - {TERMINATED}
        assert {after for _, _, after in table} <= set(self.ways)
        named = {given for _, given, _ in table}
        assert named - TIMER_INPUTS == set(self.inputs)
        for state in self.ways:
            assert set(declared(table, state)) & TIMER_INPUTS == set(self.timers.get(state, ()))

    def check_input(self, state: State, given: Input) -> None:
        """One input in one state does what the table says, and nothing where it says nothing."""
        exchange = Exchange()
        transaction = self.reach(exchange, state)
        due_at = transaction.due_at
        self.inputs[given](exchange, transaction)
        after = declared(self.transitions, state).get(given)
        if after is None:
            assert_state(transaction, state)
            assert transaction.due_at == due_at
            assert exchange.take_sent() == []
            assert exchange.take_told() == []
        else:
            assert_state(transaction, after)
        if transaction.state is TERMINATED:
            assert_ended(exchange, transaction)

    def check_timers(self, state: State) -> None:
        """A state ends at its timer, never before, and not at all when it has none."""
        exchange = Exchange()
        transaction = self.reach(exchange, state)
        ends_after = max(self.timers.get(state, {}).values(), default=0.0)
        if ends_after == 0.0:
            assert transaction.due_at == 0.0
            exchange.run(10_000.0)
            transaction.handle_timer(exchange.now)
            assert_state(transaction, state)
            assert exchange.take_sent() == []
            return
        exchange.run(ends_after - 0.01)
        assert_state(transaction, state)
        exchange.run(0.01 + 2 * SLOT)
        assert_ended(exchange, transaction)
        assert exchange.take_told()[-1] == "terminated"

    def reach(self, exchange: Exchange, state: State) -> T:
        """Bring a new transaction into this state; forget what that sent and told."""
        transaction = self.ways[state](exchange)
        assert_state(transaction, state)
        exchange.take_sent()
        exchange.take_told()
        return transaction
