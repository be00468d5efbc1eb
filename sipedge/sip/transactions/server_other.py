"""The server transaction of every method but INVITE and ACK (RFC 3261 section 17.2.2, figure 8).

TRANSITIONS is that figure; docs/transactions.md draws it.
"""

from typing import ClassVar, Final

from typing_extensions import override

from sipedge.sip.flow import Flow
from sipedge.sip.transactions.base import (
    OTHER_SERVER,
    ServerTransaction,
    ServerUser,
    TransactionTable,
)
from sipedge.sip.transactions.states import (
    COMPLETED,
    PROCEEDING,
    TERMINATED,
    TRYING,
    Input,
    Move,
    Transition,
    moves_of,
)

TRANSITIONS: Final[frozenset[Transition]] = frozenset(
    {
        (TRYING, Input.REQUEST, TRYING),
        (TRYING, Input.SEND_PROVISIONAL, PROCEEDING),
        (TRYING, Input.SEND_FINAL, COMPLETED),
        (TRYING, Input.ABANDONED, TERMINATED),
        (PROCEEDING, Input.REQUEST, PROCEEDING),
        (PROCEEDING, Input.SEND_PROVISIONAL, PROCEEDING),
        (PROCEEDING, Input.SEND_FINAL, COMPLETED),
        (PROCEEDING, Input.FLOW_FAILED, TERMINATED),
        (PROCEEDING, Input.ABANDONED, TERMINATED),
        (COMPLETED, Input.REQUEST, COMPLETED),
        (COMPLETED, Input.FLOW_FAILED, TERMINATED),
        (COMPLETED, Input.TIMER_J, TERMINATED),
        (COMPLETED, Input.ABANDONED, TERMINATED),
    }
)


class OtherServerTransaction(ServerTransaction):
    """Answers one request that is no INVITE, and its copies, until timer J.

    It never ends by itself before it has a final response: a user that has none to send abandons
    it (RFC 4320 section 4.2).
    """

    __slots__ = ()

    KIND: ClassVar[int] = OTHER_SERVER
    MOVES: ClassVar[frozenset[Move]] = moves_of(TRANSITIONS)

    def __init__(self, layer: TransactionTable, key: bytes, flow: Flow, user: ServerUser) -> None:
        super().__init__()
        self.layer = layer
        self.key = key
        self.flow = flow
        self.user = user
        self.response = b""
        self.state = TRYING

    @override
    def receive_request(self, now: float) -> None:
        """Answer a copy of the request with the last response; in Trying there is none."""
        if self.response:
            self.layer.outbox.send(self.flow, self.response)

    @override
    def send_response(self, status: int, wire: bytes, now: float) -> bool:
        """Send a response of the user; False after the first final one."""
        state = self.state
        if state is not TRYING and state is not PROCEEDING:
            return False
        layer = self.layer
        layer.outbox.send(self.flow, wire)
        self.response = wire
        if status < 200:
            if state is TRYING:
                self._enter(PROCEEDING)
            return True
        self._enter(COMPLETED)
        if self.flow.reliable:
            # Timer J is 0: a stream brings no copies.
            self._end(now)
        else:
            layer.wheel.arm(self, now + layer.timers.timer_j)
        return True

    @override
    def handle_timer(self, now: float) -> None:
        """Run timer J."""
        if self.state is COMPLETED:
            self._end(now)

    @override
    def transport_failed(self, now: float) -> None:
        """Tell the user and end, once an answer has gone out on that stream."""
        if self.state is PROCEEDING or self.state is COMPLETED:
            user = self._terminate()
            user.server_failed(self, now)
            user.server_terminated(self, now)

    def _end(self, now: float) -> None:
        user = self._terminate()
        user.server_terminated(self, now)
