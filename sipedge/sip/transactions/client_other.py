"""The client transaction of every method but INVITE and ACK (RFC 3261 section 17.1.2, figure 6).

TRANSITIONS is that figure; docs/transactions.md draws it.
"""

from typing import ClassVar, Final

from typing_extensions import override

from sipedge.sip.flow import Flow
from sipedge.sip.message import Response
from sipedge.sip.transactions.base import (
    OTHER_CLIENT,
    ClientTransaction,
    ClientUser,
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
        (TRYING, Input.TIMER_E, TRYING),
        (TRYING, Input.TIMER_F, TERMINATED),
        (TRYING, Input.FLOW_FAILED, TERMINATED),
        (TRYING, Input.PROVISIONAL, PROCEEDING),
        (TRYING, Input.FINAL, COMPLETED),
        (TRYING, Input.ABANDONED, TERMINATED),
        (PROCEEDING, Input.TIMER_E, PROCEEDING),
        (PROCEEDING, Input.TIMER_F, TERMINATED),
        (PROCEEDING, Input.FLOW_FAILED, TERMINATED),
        (PROCEEDING, Input.PROVISIONAL, PROCEEDING),
        (PROCEEDING, Input.FINAL, COMPLETED),
        (PROCEEDING, Input.ABANDONED, TERMINATED),
        (COMPLETED, Input.FINAL, COMPLETED),
        (COMPLETED, Input.TIMER_K, TERMINATED),
        (COMPLETED, Input.ABANDONED, TERMINATED),
    }
)


class OtherClientTransaction(ClientTransaction):
    """Sends one request that is no INVITE until a final response comes."""

    __slots__ = ("_repeat_seconds", "_timeout_at")

    KIND: ClassVar[int] = OTHER_CLIENT
    MOVES: ClassVar[frozenset[Move]] = moves_of(TRANSITIONS)

    def __init__(
        self,
        layer: TransactionTable,
        key: bytes,
        flow: Flow,
        wire: bytes,
        user: ClientUser,
        now: float,
    ) -> None:
        super().__init__()
        self.layer = layer
        self.key = key
        self.flow = flow
        self.wire = wire
        self.user = user
        self.state = TRYING
        timers = layer.timers
        self._repeat_seconds = timers.t1
        self._timeout_at = now + timers.timer_f
        layer.wheel.arm(self, self._timeout_at if flow.reliable else now + timers.t1)
        layer.outbox.send(flow, wire)

    @override
    def receive_response(self, response: Response, now: float) -> None:
        """Pass each 1xx and the first final response to the user; absorb what follows."""
        state = self.state
        if state is not TRYING and state is not PROCEEDING:
            self.layer.retransmissions_absorbed += 1
            return
        if response.status < 200:
            if state is TRYING:
                self._enter(PROCEEDING)
            self.user.receive_response(self, response, now)
            return
        self._enter(COMPLETED)
        self.wire = b""
        if self.flow.reliable:
            # Timer K is 0: a stream brings no copies.
            user = self._terminate()
            user.receive_response(self, response, now)
            user.client_terminated(self, now)
        else:
            self.layer.wheel.arm(self, now + self.layer.timers.timer_k)
            self.user.receive_response(self, response, now)

    @override
    def handle_timer(self, now: float) -> None:
        """Run timer E, F or K, whichever the state and the clock name."""
        state = self.state
        if state is COMPLETED:
            user = self._terminate()
            user.client_terminated(self, now)
        elif state is not TERMINATED:
            if now < self._timeout_at:
                self._repeat_request(now)
            else:
                self.layer.timeouts_other += 1
                user = self._terminate()
                user.client_timeout(self, now)
                user.client_terminated(self, now)

    @override
    def transport_failed(self, now: float) -> None:
        """Give up unless the final response is here."""
        if self.state is TRYING or self.state is PROCEEDING:
            self.layer.flow_failures += 1
            user = self._terminate()
            user.client_failed(self, now)
            user.client_terminated(self, now)

    def _repeat_request(self, now: float) -> None:
        layer = self.layer
        layer.outbox.send(self.flow, self.wire)
        layer.retransmissions_sent += 1
        longest = layer.timers.t2
        # In Proceeding the peer has the request: copies only guard against a lost response.
        doubled = self._repeat_seconds * 2.0
        self._repeat_seconds = longest if self.state is PROCEEDING else min(doubled, longest)
        layer.wheel.arm(self, min(now + self._repeat_seconds, self._timeout_at))
