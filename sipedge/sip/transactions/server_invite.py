"""The INVITE server transaction (RFC 3261 section 17.2.1, as changed by RFC 6026 section 7.1).

TRANSITIONS is figure 7 of RFC 3261 as RFC 6026 section 8.7 replaced it; docs/transactions.md draws
it. The transaction sends no 100 by itself: the proxy core does, at once.
"""

from typing import ClassVar, Final

from typing_extensions import override

from sipedge.sip.flow import Flow
from sipedge.sip.transactions.base import (
    INVITE_SERVER,
    ServerTransaction,
    ServerUser,
    TransactionTable,
)
from sipedge.sip.transactions.states import (
    ACCEPTED,
    COMPLETED,
    CONFIRMED,
    PROCEEDING,
    TERMINATED,
    Input,
    Move,
    Transition,
    moves_of,
)

TRANSITIONS: Final[frozenset[Transition]] = frozenset(
    {
        (PROCEEDING, Input.INVITE, PROCEEDING),
        (PROCEEDING, Input.SEND_PROVISIONAL, PROCEEDING),
        (PROCEEDING, Input.SEND_SUCCESS, ACCEPTED),
        (PROCEEDING, Input.SEND_REFUSAL, COMPLETED),
        (PROCEEDING, Input.FLOW_FAILED, PROCEEDING),
        (PROCEEDING, Input.ABANDONED, TERMINATED),
        (COMPLETED, Input.INVITE, COMPLETED),
        (COMPLETED, Input.TIMER_G, COMPLETED),
        (COMPLETED, Input.FLOW_FAILED, COMPLETED),
        (COMPLETED, Input.ACK, CONFIRMED),
        (COMPLETED, Input.TIMER_H, TERMINATED),
        (COMPLETED, Input.ABANDONED, TERMINATED),
        (CONFIRMED, Input.ACK, CONFIRMED),
        (CONFIRMED, Input.TIMER_I, TERMINATED),
        (CONFIRMED, Input.ABANDONED, TERMINATED),
        (ACCEPTED, Input.INVITE, ACCEPTED),
        (ACCEPTED, Input.ACK, ACCEPTED),
        (ACCEPTED, Input.SEND_SUCCESS, ACCEPTED),
        (ACCEPTED, Input.FLOW_FAILED, ACCEPTED),
        (ACCEPTED, Input.TIMER_L, TERMINATED),
        (ACCEPTED, Input.ABANDONED, TERMINATED),
    }
)


class InviteServerTransaction(ServerTransaction):
    """Answers one INVITE until its refusal is acknowledged or its success has settled.

    In Accepted the repetitions of the 2xx and its ACK belong to the user, and the response is not
    kept. `_repeat_seconds` and `_timeout_at` have a meaning in Completed only.
    """

    __slots__ = ("_repeat_seconds", "_timeout_at")

    KIND: ClassVar[int] = INVITE_SERVER
    MOVES: ClassVar[frozenset[Move]] = moves_of(TRANSITIONS)

    def __init__(self, layer: TransactionTable, key: bytes, flow: Flow, user: ServerUser) -> None:
        super().__init__()
        self.layer = layer
        self.key = key
        self.flow = flow
        self.user = user
        self.response = b""
        self.state = PROCEEDING
        self._repeat_seconds = 0.0
        self._timeout_at = 0.0

    @override
    def receive_request(self, now: float) -> None:
        """Answer a copy of the INVITE with the last response.

        Silence in Confirmed and Accepted: the peer has its final response (RFC 6026 section 7.1).
        """
        state = self.state
        if (state is PROCEEDING or state is COMPLETED) and self.response:
            self.layer.outbox.send(self.flow, self.response)

    def receive_ack(self, now: float) -> bool:
        """Take an ACK; False when it acknowledges a 2xx and is for the user to relay.

        The ACK to a 2xx has a branch of its own, but some peers reuse that of the INVITE.
        """
        state = self.state
        if state is ACCEPTED:
            return False
        if state is COMPLETED:
            self._enter(CONFIRMED)
            self.response = b""
            if self.flow.reliable:
                self._end(now)
            else:
                # The wheel looks at timer G's slot and finds timer I.
                self.layer.wheel.arm(self, now + self.layer.timers.timer_i)
        elif state is CONFIRMED:
            self.layer.retransmissions_absorbed += 1
        return True

    @override
    def send_response(self, status: int, wire: bytes, now: float) -> bool:
        """Send a response of the user; False when the state of the transaction forbids it."""
        state = self.state
        layer = self.layer
        if state is PROCEEDING:
            if status < 200:
                self.response = wire
            elif status < 300:
                self._enter(ACCEPTED)
                self.response = b""
                layer.wheel.arm(self, now + layer.timers.timer_l)
            else:
                self._enter(COMPLETED)
                self.response = wire
                self._expect_ack(now)
        elif state is not ACCEPTED or not 200 <= status < 300:
            return False
        layer.outbox.send(self.flow, wire)
        return True

    @override
    def handle_timer(self, now: float) -> None:
        """Run timer G, H, I or L, whichever the state and the clock name."""
        state = self.state
        if state is COMPLETED:
            if now < self._timeout_at:
                self._repeat_response(now)
            else:
                self.layer.acks_missing += 1
                user = self._terminate()
                user.server_ack_missing(self, now)
                user.server_terminated(self, now)
        elif state is CONFIRMED or state is ACCEPTED:
            self._end(now)

    @override
    def transport_failed(self, now: float) -> None:
        """Tell the user and stay: the peer may come back on another connection (RFC 6026)."""
        if self.state is not CONFIRMED and self.state is not TERMINATED:
            self.user.server_failed(self, now)

    def _expect_ack(self, now: float) -> None:
        layer = self.layer
        timers = layer.timers
        self._timeout_at = now + timers.timer_h
        if self.flow.reliable:
            layer.wheel.arm(self, self._timeout_at)
        else:
            self._repeat_seconds = timers.t1
            layer.wheel.arm(self, now + timers.t1)

    def _repeat_response(self, now: float) -> None:
        layer = self.layer
        layer.outbox.send(self.flow, self.response)
        layer.retransmissions_sent += 1
        self._repeat_seconds = min(self._repeat_seconds * 2.0, layer.timers.t2)
        layer.wheel.arm(self, min(now + self._repeat_seconds, self._timeout_at))

    def _end(self, now: float) -> None:
        user = self._terminate()
        user.server_terminated(self, now)
