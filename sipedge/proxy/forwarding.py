"""Request forwarding and response processing of a stateful proxy (RFC 3261 section 16.6 to 16.10).

A `ResponseContext` stands for one forwarded request: its server transaction above, a `Branch` with
a client transaction below for each target. Targets come in groups: the branches of one group run in
parallel, the next group starts when all of them failed.
"""

from typing import TYPE_CHECKING, Final

from typing_extensions import override

from sipedge.proxy.calls import CALLEES_MAX, ENDED, Call, Side
from sipedge.proxy.reach import flow_to_trunk
from sipedge.proxy.records import EndedBy
from sipedge.proxy.relay import (
    Outgoing,
    contact_uri,
    relayed_response,
    routes_beyond,
    wants_privacy,
)
from sipedge.sip.build import build_cancel, build_in_dialog, build_response
from sipedge.sip.flow import Flow
from sipedge.sip.message import Request, Response
from sipedge.sip.names import (
    ACK,
    BYE,
    CANCEL,
    INVITE,
    PROXY_AUTHENTICATE,
    WWW_AUTHENTICATE,
)
from sipedge.sip.status import REASON_PHRASES
from sipedge.sip.transactions.base import (
    ClientTransaction,
    ClientUser,
    ServerTransaction,
    ServerUser,
)
from sipedge.sip.wheel import Timed

if TYPE_CHECKING:
    from sipedge.proxy.core import Core

# Section 16.7 step 6: responses that tell the caller how to try again win inside their class.
_TELLING: Final = frozenset({401, 407, 415, 420, 484})
# Answers of one call that go to the caller, who has to hang up all but one. More phones than this
# do not pick up at once; a peer that makes up tags must not hold the slot with them.
_ANSWERS_MAX: Final = 16


class Target:
    """Where one branch goes: a flow, and the Request-URI to write (None leaves it as it came)."""

    __slots__ = ("flow", "is_trunk", "uri")

    def __init__(self, flow: Flow, uri: bytes | None, *, is_trunk: bool) -> None:
        self.flow = flow
        self.uri = uri
        self.is_trunk = is_trunk


class Branch(ClientUser):
    """One copy of a forwarded request, to one target, and what came back for it.

    `status` is 0 until a final response came, or until we stopped waiting for one.
    """

    __slots__ = (
        "branch_id",
        "cancel_state",
        "client",
        "context",
        "final",
        "is_provisional",
        "status",
        "target",
        "token",
        "wire",
    )

    def __init__(self, context: "ResponseContext", target: Target, branch_id: bytes) -> None:
        self.context = context
        self.target = target
        self.branch_id = branch_id
        self.token = b""
        self.wire = b""
        self.client: ClientTransaction | None = None
        self.final: Response | None = None
        self.status = 0
        self.is_provisional = False
        self.cancel_state = 0  # 0 not wanted, 1 wanted after the first 1xx, 2 sent

    @override
    def receive_response(
        self, transaction: ClientTransaction, response: Response, now: float
    ) -> None:
        """Take what the client transaction lets through: 1xx, the final one, and repeated 2xx."""
        status = response.status
        if status < 200:
            if not self.is_provisional:
                self.is_provisional = True
                self.context.receive_sign_of_life(self, now)
            if self.cancel_state == 1:
                self.send_cancel(now)
            if status != 100:
                self.context.receive_provisional(self, response, now)
            return
        self.final = response
        self.status = status
        if status < 300:
            self.context.receive_success(self, response, now)
        else:
            self.context.receive_failure(self, now)

    @override
    def client_timeout(self, transaction: ClientTransaction, now: float) -> None:
        """Nobody answered in 64*T1: as if a 408 had come (section 16.7 step 1)."""
        self.give_up(408, now)

    @override
    def client_failed(self, transaction: ClientTransaction, now: float) -> None:
        """The flow is broken: as if a 503 had come (section 16.9)."""
        self.give_up(503, now)

    @override
    def client_terminated(self, transaction: ClientTransaction, now: float) -> None:
        """The client transaction is gone; the last one to go frees the context."""
        self.client = None
        self.context.let_go()

    def give_up(self, status: int, now: float) -> None:
        """Stop waiting for this branch and count it as answered with `status`."""
        if self.status == 0:
            self.status = status
            self.context.receive_failure(self, now)

    def cancel(self, now: float) -> None:
        """Cancel the branch, at once or when its first provisional response comes (section 9.1)."""
        if self.status == 0 and self.cancel_state == 0:
            if self.is_provisional:
                self.send_cancel(now)
            else:
                self.cancel_state = 1

    def send_cancel(self, now: float) -> None:
        """Send the CANCEL; its own response interests nobody."""
        self.cancel_state = 2
        self.context.expect_end(now)
        core = self.context.core
        core.counters.count_request_sent(CANCEL)
        core.layer.open_client(
            build_cancel(self.wire), self.target.flow, self.branch_id, CANCEL, ClientUser(), now
        )


class RingTimer(Timed):
    """Timer C of RFC 3261 section 16.6 step 11, one for all branches of a group.

    The wheel drops what was disarmed only when its slot comes: by then `context` is None, or three
    minutes of calls would be kept in memory for nothing.
    """

    __slots__ = ("context",)

    def __init__(self, context: "ResponseContext") -> None:
        super().__init__()
        self.context: ResponseContext | None = context

    @override
    def handle_timer(self, now: float) -> None:
        """Ringing took too long, nobody showed signs of life, or cancelled branches did not end."""
        if self.context is not None:
            self.context.handle_ring_timeout(now)


class ResponseContext(ServerUser):
    """One forwarded request and all that is under way for it (section 16.7).

    `call` is the counted call that this request sets up (INVITE) or ends (BYE); None for others.
    `branches` are those of all groups so far, the latest last. `answers` are the tags of the 2xx
    that went to the caller, `hung_up` of those that nobody was left to take.
    """

    __slots__ = (
        "answers",
        "branches",
        "call",
        "core",
        "groups",
        "hang_up_tag",
        "hung_up",
        "is_answered",
        "is_cancelled",
        "is_final_sent",
        "outgoing",
        "request",
        "ring_timer",
        "server",
    )

    def __init__(self, core: "Core", request: Request, outgoing: Outgoing) -> None:
        self.core = core
        self.request = request
        self.outgoing = outgoing
        self.server: ServerTransaction | None = None
        self.branches: list[Branch] = []
        self.groups: list[list[Target]] = []
        self.call: Call | None = None
        self.hang_up_tag = b""
        self.hung_up: list[bytes] = []
        self.answers: list[bytes] = []
        self.ring_timer: RingTimer | None = None
        self.is_answered = False
        self.is_cancelled = False
        self.is_final_sent = False

    def start(self, groups: list[list[Target]], reply_flow: Flow, now: float) -> None:
        """Open the server transaction and send the request to the first group of targets."""
        core = self.core
        self.groups = groups
        request = self.request
        self.server = core.layer.open_server(request, reply_flow, self, now)
        if request.method == INVITE:
            self._respond(100, build_response(request, 100, b"Trying", b""), now)
        self._start_next_group(now)

    def _start_next_group(self, now: float) -> None:
        core = self.core
        request = self.request
        method = request.method
        branches = [
            Branch(self, target, core.new_branch(self.outgoing.loop_mark))
            for target in self.groups.pop(0)
        ]
        self.branches += branches
        if method == INVITE:
            settings = core.settings
            may_fail_over = self.groups and branches[0].target.is_trunk
            wait = settings.failover_seconds if may_fail_over else settings.ring_seconds
            self._arm_ring_timer(now + wait)
        for branch in branches:
            target = branch.target
            wire, token = self.outgoing.serialize(
                core, request, target.flow, target.uri, branch.branch_id
            )
            branch.token = token
            branch.wire = wire
            if token and self.call is not None:
                self.call.tokens.append(token)
            core.counters.count_request_sent(method)
            branch.client = core.layer.open_client(
                wire, target.flow, branch.branch_id, method, branch, now
            )

    def receive_sign_of_life(self, branch: Branch, now: float) -> None:
        """A 1xx of a branch gives it another timer C (section 16.7 step 2), unless we cancelled."""
        if self.ring_timer is not None and branch.cancel_state == 0 and not self.is_final_sent:
            self._arm_ring_timer(now + self.core.settings.ring_seconds)

    def expect_end(self, now: float) -> None:
        """Section 9.1: 64*T1 after its CANCEL a branch counts as cancelled, whatever it does."""
        self._arm_ring_timer(now + self.core.layer.timers.timer_f)

    def receive_provisional(self, branch: Branch, response: Response, now: float) -> None:
        """Forward a 101 to 199 at once (section 16.7 step 5) and note the early dialog."""
        if self.is_final_sent:
            return
        self.receive_sign_of_life(branch, now)
        call = self.call
        if call is not None:
            self._note_callee(call, branch, response)
            call.keep_ringing(now)
        self._forward(branch, response, now)

    def receive_success(self, branch: Branch, response: Response, now: float) -> None:
        """Forward every 2xx at once; the first one of an INVITE cancels the other branches."""
        if self.request.method != INVITE:
            if not self.is_final_sent:
                self._forward(branch, response, now)
                self._finish(response.status, now)
            return
        call = self.call
        tag = response.to_tag
        is_refused = self.is_final_sent and not self.is_answered
        is_late = call is not None and call.state is ENDED and tag not in self.answers
        if is_refused or is_late or (tag not in self.answers and len(self.answers) >= _ANSWERS_MAX):
            self._end_ghost(branch, response, now)
            return
        if tag not in self.answers:
            # Once: a copy that comes after its BYE must not bring the dialog back to life.
            self.answers.append(tag)
            if call is not None:
                self._note_callee(call, branch, response)
                call.answer(tag, now)
        self._forward(branch, response, now)
        if not self.is_answered:
            self.is_answered = True
            self.is_final_sent = True
            self._cancel_branches(now)

    def receive_failure(self, branch: Branch, now: float) -> None:
        """Keep a final failure until all branches have one, then answer with the best."""
        if self.is_final_sent:
            return
        if branch.status >= 600:
            self._cancel_branches(now)
        for other in self.branches:
            if other.status == 0:
                return
        if self.groups and self._may_try_next():
            self._start_next_group(now)
        else:
            self._send_best(now)

    def cancel(self, now: float) -> None:
        """The caller sent CANCEL: cancel all branches that still wait (section 16.10)."""
        if self.is_cancelled or self.is_final_sent:
            return
        self.is_cancelled = True
        self._cancel_branches(now)

    def _cancel_branches(self, now: float) -> None:
        """Cancel what still waits, start nothing new, and see to it that all of it ends."""
        self.groups = []
        self._disarm_ring_timer()
        for branch in self.branches:
            if branch.status == 0:
                branch.cancel(now)
                self.expect_end(now)

    def _may_try_next(self) -> bool:
        """Tell whether the next group is for this failure.

        The bindings of a line are tried one after the other whatever the phone before them said; a
        second way to a trunk only where the first one failed, or a busy callee would be called
        twice. An emergency call tries every way there is.
        """
        last = self.branches[-1]
        if not last.target.is_trunk or (self.call is not None and self.call.is_emergency):
            return True
        return last.final is None or 500 <= last.status < 600

    def handle_ring_timeout(self, now: float) -> None:
        """Timer C fired (section 16.8): cancel what rings, give up what never said a word."""
        waiting = [branch for branch in self.branches if branch.status == 0]
        if self.is_final_sent:
            self._abandon_branches(now)
            return
        is_silent = not any(branch.is_provisional for branch in waiting)
        next_group = self.groups if is_silent else []
        status = 487 if self.is_cancelled else 408
        for branch in waiting:
            branch.cancel(now)
            branch.status = status
        if next_group:
            self._start_next_group(now)
        else:
            self.groups = []
            self._send_best(now)

    def _abandon_branches(self, now: float) -> None:
        """End the client transactions that a peer left open after its CANCEL (section 9.1)."""
        for branch in self.branches:
            if branch.final is None and branch.client is not None:
                branch.client.abandon(now)

    def _send_best(self, now: float) -> None:
        best = min(self.branches, key=_rank)
        status = best.status
        if self.is_cancelled and status < 600:
            status = 487
        response = best.final
        if response is None or response.status != status:
            # Section 16.7 step 6: a 503 of one downstream says nothing of us; and a flow of ours
            # that broke is no reason for the caller to avoid the edge either.
            status = 500 if status == 503 else status
            self._respond_local(status, now)
        elif status == 503:
            self._respond(500, relayed_response(response, b"SIP/2.0 500 Service Unavailable"), now)
        elif status in (401, 407):
            self._respond(status, self._with_all_challenges(best, response), now)
        else:
            self._forward(best, response, now)
        self._finish(status, now)

    def _respond_local(self, status: int, now: float) -> None:
        core = self.core
        if status == 408 and self.request.method != INVITE:
            # RFC 4320 section 4.2: a late 408 finds nobody; the sender's own timer F has run out.
            if self.server is not None:
                self.server.abandon(now)
            return
        phrase = REASON_PHRASES.get(status, b"Failure")
        self._respond(
            status, build_response(self.request, status, phrase, core.local_tag(self.request)), now
        )

    def _with_all_challenges(self, best: Branch, response: Response) -> bytes:
        """Return the response with the challenges of all branches (section 16.7 step 7)."""
        wire = relayed_response(response)
        extra = []
        for branch in self.branches:
            if branch is not best and branch.final is not None and branch.status in (401, 407):
                for line, header in zip(branch.final.lines, branch.final.ids, strict=True):
                    if header in (WWW_AUTHENTICATE, PROXY_AUTHENTICATE):
                        extra.append(line)
        if not extra:
            return wire
        head, separator, body = wire.partition(b"\r\n\r\n")
        return b"\r\n".join((head, *extra)) + separator + body

    def _finish(self, status: int, now: float) -> None:
        """A final response other than a 2xx to INVITE went out: only repetitions are left."""
        self.is_final_sent = True
        self._disarm_ring_timer()
        if self.request.method == INVITE and any(branch.final is None for branch in self.branches):
            self.expect_end(now)
        call = self.call
        if call is None:
            return
        if self.request.method == INVITE:
            call.end(now, _ended_by(status, is_cancelled=self.is_cancelled), status)
        elif self.request.method == BYE and status not in (401, 407):
            is_caller = self.request.from_tag == call.caller_tag
            call.hang_up(self.hang_up_tag, now, EndedBy.CALLER if is_caller else EndedBy.CALLEE)

    def _arm_ring_timer(self, at: float) -> None:
        if self.ring_timer is None:
            self.ring_timer = RingTimer(self)
        self.core.wheel.arm(self.ring_timer, at)

    def _disarm_ring_timer(self) -> None:
        if self.ring_timer is not None:
            self.core.wheel.disarm(self.ring_timer)
            self.ring_timer.context = None
            self.ring_timer = None

    def _note_callee(self, call: Call, branch: Branch, response: Response) -> None:
        tag = response.to_tag
        if tag and tag not in call.callees and len(call.callees) < CALLEES_MAX:
            target = branch.target
            flow = target.flow
            if target.is_trunk and call.trunk is not None:
                flow = flow_to_trunk(self.core, call.trunk, response, branch.token, flow)
            call.callees[tag] = Side(flow, contact_uri(response), is_trunk=target.is_trunk)

    def _forward(self, branch: Branch, response: Response, now: float) -> None:
        is_hidden = not branch.target.is_trunk or wants_privacy(response)
        wire = relayed_response(response, strip_identity=is_hidden)
        self._respond(response.status, wire, now)

    def _respond(self, status: int, wire: bytes, now: float) -> None:
        server = self.server
        if server is not None and server.send_response(status, wire, now):
            self.core.counters.responses_sent[status // 100] += 1

    def _end_ghost(self, branch: Branch, response: Response, now: float) -> None:
        """A 2xx came after we refused the call upstream: take it and hang up, nobody is left."""
        core = self.core
        flow = branch.target.flow
        prefix = core.listeners.by_index[flow.listener].via_prefix(flow.host)
        routes = routes_beyond(response, branch.token)
        ack_via = prefix + core.new_branch(0)
        cseq = response.cseq_number
        core.send(flow, build_in_dialog(response, ACK, cseq, ack_via, routes))
        tag = response.to_tag
        if self.request.to_tag or tag in self.hung_up:
            # A late answer to a re-INVITE ends no call, and a copy of the answer ends it once.
            return
        self.hung_up.append(tag)
        bye_branch = core.new_branch(0)
        reason = b'Reason: SIP;cause=487;text="Call completed elsewhere or cancelled"'
        bye = build_in_dialog(response, BYE, cseq + 1, prefix + bye_branch, routes, (reason,))
        core.counters.count_request_sent(BYE)
        core.layer.open_client(bye, flow, bye_branch, BYE, ClientUser(), now)

    @override
    def server_terminated(self, transaction: ServerTransaction, now: float) -> None:
        """The server transaction is gone; drop what would keep this context alive."""
        self.server = None
        self.let_go()

    def let_go(self) -> None:
        """Cut the cycles when no transaction is left: reference counts alone must free a call."""
        if self.server is None and all(branch.client is None for branch in self.branches):
            self._disarm_ring_timer()
            self.branches = []
            self.call = None


def _rank(branch: Branch) -> tuple[int, int, int]:
    """Order branches so that the smallest is the best response (section 16.7 step 6)."""
    status = branch.status
    if status >= 600:
        return (0, 0, status)
    has_response = 0 if branch.final is not None else 1
    if status == 503:
        return (9, has_response, status)
    return (status // 100, 0 if status in _TELLING else 1 + has_response, status)


def _ended_by(status: int, *, is_cancelled: bool) -> EndedBy:
    if is_cancelled:
        return EndedBy.CANCELLED
    if status == 408:
        return EndedBy.NO_ANSWER
    return EndedBy.FAILED if status >= 500 and status < 600 else EndedBy.REFUSED
