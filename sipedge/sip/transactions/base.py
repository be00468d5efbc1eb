"""What the four transactions share: their users, their means, and how they end.

Theory of operation. A transaction lives in a dictionary of the layer under its key, lies on the
wheel while a timer runs, and talks to two sides: the network, through the outbox, and its user (the
proxy core, which RFC 3261 calls TU). It changes its own state first and calls its user last, so a
user may call back into any transaction. Once terminated it holds no message and no user: what the
wheel may still hold of it for half a minute is one small object.
"""

from typing import ClassVar, Final

from typing_extensions import override

from sipedge.sip.flow import Flow
from sipedge.sip.message import Response
from sipedge.sip.timers import Timers
from sipedge.sip.transactions.states import TERMINATED, Move, State
from sipedge.sip.wheel import Timed, Wheel

# Kinds of transactions, as indexes of `TransactionTable.live`.
INVITE_SERVER: Final = 0
OTHER_SERVER: Final = 1
INVITE_CLIENT: Final = 2
OTHER_CLIENT: Final = 3


class Outbox:
    """Messages on their way out, in order; whoever drives the core takes and sends them."""

    __slots__ = ("sends",)

    def __init__(self) -> None:
        self.sends: list[tuple[Flow, bytes]] = []

    def send(self, flow: Flow, wire: bytes) -> None:
        """Let these bytes leave on this flow."""
        self.sends.append((flow, wire))

    def take_sends(self) -> list[tuple[Flow, bytes]]:
        """Return what is to be sent, and forget it."""
        sends = self.sends
        self.sends = []
        return sends


class TransactionTable:
    """The transactions that are alive, the means they share, and what they counted.

    `live` counts them by kind. `retransmissions_sent` are copies sent by a timer;
    `retransmissions_absorbed` copies received that no user saw.
    """

    __slots__ = (
        "acks_missing",
        "clients",
        "connections",
        "created_clients",
        "created_servers",
        "flow_failures",
        "live",
        "outbox",
        "retransmissions_absorbed",
        "retransmissions_sent",
        "servers",
        "stray_responses",
        "timeouts_invite",
        "timeouts_other",
        "timers",
        "wheel",
    )

    def __init__(self, wheel: Wheel, outbox: Outbox, timers: Timers) -> None:
        self.wheel = wheel
        self.outbox = outbox
        self.timers = timers
        self.servers: dict[bytes, ServerTransaction] = {}
        self.clients: dict[bytes, ClientTransaction] = {}
        # Listener and connection -> the transactions on that stream, in order of creation.
        self.connections: dict[tuple[int, int], dict[Transaction, None]] = {}
        self.live = [0, 0, 0, 0]
        self.created_servers = 0
        self.created_clients = 0
        self.retransmissions_sent = 0
        self.retransmissions_absorbed = 0
        self.timeouts_invite = 0
        self.timeouts_other = 0
        self.acks_missing = 0
        self.stray_responses = 0
        self.flow_failures = 0

    def follow_connection(self, transaction: "Transaction") -> None:
        """Remember that this transaction wants to know when its stream fails."""
        flow = transaction.flow
        self.connections.setdefault((flow.listener, flow.connection), {})[transaction] = None

    def forget_connection(self, transaction: "Transaction") -> None:
        """Undo `follow_connection`; the last one out removes the entry."""
        flow = transaction.flow
        place = (flow.listener, flow.connection)
        on_stream = self.connections.get(place)
        if on_stream is not None:
            on_stream.pop(transaction, None)
            if not on_stream:
                del self.connections[place]


class Transaction(Timed):
    """One of the four. `key` is its place in the table, `flow` where its messages go."""

    __slots__ = ("flow", "key", "layer", "state")

    KIND: ClassVar[int]
    MOVES: ClassVar[frozenset[Move]]

    layer: TransactionTable
    key: bytes
    flow: Flow
    state: State

    def transport_failed(self, now: float) -> None:
        """Learn that the stream under this transaction is gone."""
        raise NotImplementedError

    def abandon(self, now: float) -> None:
        """End the transaction here and now because its user has no more to say or to wait for."""
        raise NotImplementedError

    def _enter(self, state: State) -> None:
        assert (self.state, state) in self.MOVES, (self.state, state)
        self.state = state


class ServerTransaction(Transaction):
    """Answers one request. `response` is what a copy of the request gets, empty when nothing."""

    __slots__ = ("response", "user")

    user: "ServerUser"
    response: bytes

    def receive_request(self, now: float) -> None:
        """Deal with a copy of the request."""
        raise NotImplementedError

    def send_response(self, status: int, wire: bytes, now: float) -> bool:
        """Send a response of the user; False when the state of the transaction forbids it."""
        raise NotImplementedError

    @override
    def abandon(self, now: float) -> None:
        """End the transaction without a further response; nothing to do when it has ended.

        RFC 4320 section 4.2: a request other than INVITE that nobody answered gets no 408.
        """
        if self.state is not TERMINATED:
            user = self._terminate()
            user.server_terminated(self, now)

    def _terminate(self) -> "ServerUser":
        """Leave the table and let go of everything; the caller tells the user returned."""
        self._enter(TERMINATED)
        self.due_at = 0.0
        self.response = b""
        layer = self.layer
        del layer.servers[self.key]
        layer.live[self.KIND] -= 1
        if self.flow.connection:
            layer.forget_connection(self)
        user = self.user
        self.user = NO_SERVER_USER
        return user


class ClientTransaction(Transaction):
    """Sends one request and waits for its final response. `wire` is what its timer repeats."""

    __slots__ = ("user", "wire")

    user: "ClientUser"
    wire: bytes

    def receive_response(self, response: Response, now: float) -> None:
        """Deal with a response whose top Via and CSeq name this transaction."""
        raise NotImplementedError

    @override
    def abandon(self, now: float) -> None:
        """Stop waiting for a response; nothing to do when the transaction has ended.

        RFC 3261 section 9.1: what a CANCEL did not end within 64 T1 is over.
        """
        if self.state is not TERMINATED:
            user = self._terminate()
            user.client_terminated(self, now)

    def _terminate(self) -> "ClientUser":
        """Leave the table and let go of everything; the caller tells the user returned."""
        self._enter(TERMINATED)
        self.due_at = 0.0
        self.wire = b""
        layer = self.layer
        del layer.clients[self.key]
        layer.live[self.KIND] -= 1
        if self.flow.connection:
            layer.forget_connection(self)
        user = self.user
        self.user = NO_CLIENT_USER
        return user


class ServerUser:
    """Whoever answers a request; every method may be left out.

    Each transaction calls `server_terminated` exactly once, as its last word.
    """

    __slots__ = ()

    def server_terminated(self, transaction: ServerTransaction, now: float) -> None:
        """Learn that the transaction is over and holds this user no longer."""

    def server_ack_missing(self, transaction: ServerTransaction, now: float) -> None:
        """Learn that no ACK came for the refusal of an INVITE (timer H)."""

    def server_failed(self, transaction: ServerTransaction, now: float) -> None:
        """Learn that the stream on which the answers go is gone; an INVITE stays unanswered."""


class ClientUser:
    """Whoever sent a request; every method may be left out.

    Each transaction calls `client_terminated` exactly once, as its last word. At most one of
    `client_timeout` and `client_failed` comes before it, and neither after a final response.
    """

    __slots__ = ()

    def receive_response(
        self, transaction: ClientTransaction, response: Response, now: float
    ) -> None:
        """Take a response: each 1xx, the first final one, and each further 2xx to an INVITE."""

    def client_timeout(self, transaction: ClientTransaction, now: float) -> None:
        """Learn that no final response came in time (timer B or F)."""

    def client_failed(self, transaction: ClientTransaction, now: float) -> None:
        """Learn that the stream of the request is gone before a final response."""

    def client_terminated(self, transaction: ClientTransaction, now: float) -> None:
        """Learn that the transaction is over and holds this user no longer."""


# Stands in for the user of a terminated transaction, which must not keep a call alive.
NO_SERVER_USER: Final = ServerUser()
NO_CLIENT_USER: Final = ClientUser()
