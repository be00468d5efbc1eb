"""The INVITE client transaction (RFC 3261 section 17.1.1, as changed by RFC 6026 section 7.2).

TRANSITIONS is figure 5 of RFC 3261 as RFC 6026 section 8.4 replaced it; docs/transactions.md draws
it. Timer C, which bounds Proceeding, belongs to the proxy core (RFC 3261 section 16.8).
"""

from typing import ClassVar, Final

from typing_extensions import override

from sipedge.sip.flow import Flow
from sipedge.sip.message import Response
from sipedge.sip.transactions.ack import build_ack
from sipedge.sip.transactions.base import (
    INVITE_CLIENT,
    ClientTransaction,
    ClientUser,
    TransactionTable,
)
from sipedge.sip.transactions.states import (
    ACCEPTED,
    CALLING,
    COMPLETED,
    PROCEEDING,
    TERMINATED,
    Input,
    Move,
    Transition,
    moves_of,
)

TRANSITIONS: Final[frozenset[Transition]] = frozenset(
    {
        (CALLING, Input.TIMER_A, CALLING),
        (CALLING, Input.TIMER_B, TERMINATED),
        (CALLING, Input.FLOW_FAILED, TERMINATED),
        (CALLING, Input.PROVISIONAL, PROCEEDING),
        (CALLING, Input.SUCCESS, ACCEPTED),
        (CALLING, Input.REFUSAL, COMPLETED),
        (CALLING, Input.ABANDONED, TERMINATED),
        (PROCEEDING, Input.PROVISIONAL, PROCEEDING),
        (PROCEEDING, Input.SUCCESS, ACCEPTED),
        (PROCEEDING, Input.REFUSAL, COMPLETED),
        (PROCEEDING, Input.ABANDONED, TERMINATED),
        (COMPLETED, Input.REFUSAL, COMPLETED),
        (COMPLETED, Input.FLOW_FAILED, TERMINATED),
        (COMPLETED, Input.TIMER_D, TERMINATED),
        (COMPLETED, Input.ABANDONED, TERMINATED),
        (ACCEPTED, Input.SUCCESS, ACCEPTED),
        (ACCEPTED, Input.TIMER_M, TERMINATED),
        (ACCEPTED, Input.ABANDONED, TERMINATED),
    }
)


class InviteClientTransaction(ClientTransaction):
    """Sends one INVITE, and acknowledges its refusal.

    In Completed `wire` is that ACK; in Accepted nothing is kept. `_repeat_seconds` and
    `_timeout_at` have a meaning in Calling only.
    """

    __slots__ = ("_repeat_seconds", "_timeout_at")

    KIND: ClassVar[int] = INVITE_CLIENT
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
        self.state = CALLING
        timers = layer.timers
        self._repeat_seconds = timers.t1
        self._timeout_at = now + timers.timer_b
        layer.wheel.arm(self, self._timeout_at if flow.reliable else now + timers.t1)
        layer.outbox.send(flow, wire)

    @override
    def receive_response(self, response: Response, now: float) -> None:
        """Pass a response to the user; absorb a late 1xx, a known refusal, a 2xx after a refusal.

        RFC 6026 section 7.2: each 2xx goes to the user until timer M, whatever its To tag.
        """
        status = response.status
        state = self.state
        is_open = state is CALLING or state is PROCEEDING
        if status >= 300:
            if is_open:
                self._complete(response, now)
            elif state is COMPLETED:
                self.layer.retransmissions_absorbed += 1
                self.layer.outbox.send(self.flow, self.wire)
        elif status >= 200:
            if is_open:
                self._enter(ACCEPTED)
                self.wire = b""
                self.layer.wheel.arm(self, now + self.layer.timers.timer_m)
            if is_open or state is ACCEPTED:
                self.user.receive_response(self, response, now)
        elif is_open:
            if state is CALLING:
                self._enter(PROCEEDING)
                self.due_at = 0.0
            self.user.receive_response(self, response, now)

    @override
    def handle_timer(self, now: float) -> None:
        """Run timer A, B, D or M, whichever the state and the clock name."""
        state = self.state
        if state is CALLING:
            layer = self.layer
            if now < self._timeout_at:
                layer.outbox.send(self.flow, self.wire)
                layer.retransmissions_sent += 1
                self._repeat_seconds *= 2.0
                layer.wheel.arm(self, min(now + self._repeat_seconds, self._timeout_at))
            else:
                layer.timeouts_invite += 1
                user = self._terminate()
                user.client_timeout(self, now)
                user.client_terminated(self, now)
        elif state is COMPLETED or state is ACCEPTED:
            user = self._terminate()
            user.client_terminated(self, now)

    @override
    def transport_failed(self, now: float) -> None:
        """Give up in Calling; in Completed there is nobody left to acknowledge.

        In Proceeding the answer may still come on another connection (RFC 3261 section 18.2.2).
        """
        state = self.state
        if state is CALLING or state is COMPLETED:
            user = self._terminate()
            if state is CALLING:
                self.layer.flow_failures += 1
                user.client_failed(self, now)
            user.client_terminated(self, now)

    def _complete(self, response: Response, now: float) -> None:
        """Acknowledge the first refusal, and be ready to do it again until timer D."""
        layer = self.layer
        self._enter(COMPLETED)
        self.wire = build_ack(self.wire, response)
        layer.outbox.send(self.flow, self.wire)
        if self.flow.reliable:
            # Timer D is 0: a stream brings no copies.
            user = self._terminate()
            user.receive_response(self, response, now)
            user.client_terminated(self, now)
        else:
            layer.wheel.arm(self, now + layer.timers.timer_d)
            self.user.receive_response(self, response, now)
