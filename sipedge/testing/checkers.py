"""What must hold whatever the network does: a book kept from the wire, compared with the edge.

The book knows nothing of the tables of the edge. It reads what the edge receives and sends, counts
the calls that are up by the rules that customers are told, and compares after every step.
"""

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Final

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.flow import Flow
from sipedge.sip.message import Request, Response, parse_message
from sipedge.testing.agent import LIFE
from sipedge.testing.messages import header_lines, target_of

if TYPE_CHECKING:
    from sipedge.testing.world import World

# The wheel fires up to two slots of 10 ms late; inside this the book cannot tell.
_BLUR_SECONDS: Final = 0.05

Key = tuple[bytes, bytes]


class BookedCall:
    """One call in the book: the lines that it counts for, and its dialogs that are up."""

    def __init__(self, lines: list[str], cseq: int) -> None:
        self.lines = lines
        self.cseq = cseq
        self.is_answered = False
        self.ends_at = inf
        self.tags: set[bytes] = set()
        self.ended_tags: set[bytes] = set()
        # Tags and CSeq of each BYE that was forwarded and not answered yet.
        self.byes: set[tuple[bytes, bytes, int]] = set()
        # Callee tag -> when the BYE that nobody answers ends that dialog.
        self.gone_at: dict[bytes, float] = {}

    def is_blurred(self, now: float) -> bool:
        """True at the instant at which an unanswered BYE ends the call, give or take."""
        ends = (self.ends_at, *self.gone_at.values())
        return any(abs(at - now) <= _BLUR_SECONDS for at in ends)


class Violation(AssertionError):
    """Something that must never happen has happened."""


class CallBook:
    """Counts the calls of every line from the wire; `limit_of` returns the paid number of one."""

    def __init__(
        self,
        limit_of: Callable[[str], int],
        emergency_numbers: frozenset[str],
        call_seconds_max: float,
    ) -> None:
        self.call_seconds_max = call_seconds_max
        self.limit_of = limit_of
        self.emergency_numbers = emergency_numbers
        self.calls: dict[Key, BookedCall] = {}
        self.admitted = 0
        self.refused = 0
        self.ended = 0
        self._lines: set[str] = set()
        self._branches: set[bytes] = set()
        self._sent: set[bytes] = set()
        self._called_for_help: set[str] = set()
        self._finals: dict[bytes, int] = {}
        self._dialled: dict[Key, str] = {}

    def know_line(self, number: str) -> None:
        """Keep a book about this line."""
        self._lines.add(number)

    def forget_calls(self) -> None:
        """Begin anew: the edge was started again, and knows no call from before."""
        self.ended += len(self.calls)
        self.calls.clear()
        self._called_for_help.clear()
        self._finals.clear()

    def count(self, number: str, now: float) -> tuple[int, int]:
        """Return the fewest and the most calls that the line can have up now."""
        low = high = 0
        for call in self.calls.values():
            held = call.lines.count(number)
            high += held
            low += 0 if call.is_blurred(now) else held
        return low, high

    # ------------------------------------------------------------------------------- the wire

    def edge_received(self, wire: bytes, flow: Flow, now: float) -> None:  # noqa: ARG002
        """Note the branch of a request, to which an answer may go, and what an INVITE dials."""
        message = _parse(wire)
        if isinstance(message, Request):
            self._branches.add(message.via_branch)
            if message.method == b"INVITE" and not message.to_tag:
                self._dialled[message.call_id, message.from_tag] = _user(message.uri)

    def edge_sent(self, wire: bytes, flow: Flow, now: float) -> None:  # noqa: ARG002
        """Book what the edge lets through, refuses, answers and ends."""
        message = _parse(wire)
        if message is None:
            raise Violation(f"the edge sent what it would not read: {wire!r}")
        if isinstance(message, Request):
            self._book_request(message, now)
        else:
            self._book_response(message, now)

    def step_done(self, world: "World") -> None:
        """Compare the book with the ledger of the edge."""
        now = world.now
        for key, call in list(self.calls.items()):
            if call.ends_at < now - _BLUR_SECONDS:
                self._end(key)
            for tag, at in list(call.gone_at.items()):
                if at < now - _BLUR_SECONDS:
                    self._end_dialog(key, call, tag)
        ledger = world.edge.core.ledger
        for number in self._lines:
            low, high = self.count(number, now)
            used = ledger.used(f"line:{number}")
            if not low <= used <= high:
                raise Violation(f"{number}: the ledger says {used}, the wire {low} to {high}")
        if ledger.double_frees:
            raise Violation("a lease was freed twice")

    # ----------------------------------------------------------------------------- what it says

    def _book_request(self, request: Request, now: float) -> None:
        key = (request.call_id, request.from_tag)
        if request.method == b"INVITE" and not request.to_tag:
            # A copy admits nobody: a branch that was given up is repeated until timer B.
            if key not in self.calls and request.via_branch not in self._sent:
                self._admit(request, key, now)
            self._sent.add(request.via_branch)
        elif request.method == b"BYE":
            found = self._find(request)
            if found is not None:
                found[1].gone_at.setdefault(found[2], now + LIFE)
                bye = (request.from_tag, request.to_tag, request.cseq_number)
                if request.via_branch not in self._sent:
                    found[1].byes.add(bye)
                self._sent.add(request.via_branch)

    def _admit(self, request: Request, key: Key, now: float) -> None:
        self.admitted += 1
        caller = _user(target_of(header_lines(request, b"From")[0]))
        callee = _user(request.uri)
        lines = [number for number in (caller, callee) if number in self._lines]
        if self._dialled.get(key, "") in self.emergency_numbers:
            lines = []
            self._called_for_help.add(caller)
        elif caller not in self._lines and callee in self._called_for_help:
            # Any call from outside may be the service that calls back.
            lines = []
        self.calls[key] = BookedCall(lines, request.cseq_number)
        for number in lines:
            low, _ = self.count(number, now)
            if low > self.limit_of(number):
                raise Violation(f"{number}: {low} calls admitted, {self.limit_of(number)} paid")

    def _book_response(self, response: Response, now: float) -> None:
        if response.via_branch not in self._branches:
            raise Violation(f"a response without a request: {response.start_line!r}")
        method = response.cseq_method
        if response.status < 200:
            return
        if method == b"INVITE":
            if response.via_branch not in self._finals or response.status < 300:
                self._book_invite_answer(response, now)
            self._check_final(response)
        elif method == b"BYE" and response.status not in {401, 407}:
            found = self._find(response)
            # One that the edge refused by itself, 481 for want of proof, ends nothing.
            bye = (response.from_tag, response.to_tag, response.cseq_number)
            if found is not None and bye in found[1].byes:
                found[1].byes.discard(bye)
                self._end_dialog(*found)

    def _check_final(self, response: Response) -> None:
        if response.status in {401, 407}:
            return  # without state: the copy of a challenged INVITE may be let through
        known = self._finals.setdefault(response.via_branch, response.status)
        if known != response.status:
            raise Violation(f"one INVITE was answered {known} and {response.status}")

    def _book_invite_answer(self, response: Response, now: float) -> None:
        key = (response.call_id, response.from_tag)
        call = self.calls.get(key)
        if call is None:
            warning = b"".join(header_lines(response, b"Warning"))
            if response.status == 486 and b"399 edge1" in warning:
                self.refused += 1
                self._check_refusal(response, key, now)
        elif response.cseq_number != call.cseq:
            return
        elif response.status < 300:
            if not call.is_answered:
                call.is_answered = True
                call.ends_at = now + self.call_seconds_max
            if response.to_tag not in call.ended_tags:
                call.tags.add(response.to_tag)
        elif not call.is_answered:
            self._end(key)

    def _check_refusal(self, response: Response, key: Key, now: float) -> None:
        caller = _user(target_of(header_lines(response, b"From")[0]))
        callee = self._dialled.get(key, "")
        for number in (caller, callee):
            if number in self._lines:
                # A line that calls itself needs two.
                wanted = 2 if caller == callee else 1
                if self.count(number, now)[1] + wanted > self.limit_of(number):
                    return
        raise Violation(f"a call from {caller} to {callee} was refused below the limit")

    def _find(self, message: Request | Response) -> tuple[Key, BookedCall, bytes] | None:
        for mine, other in (
            (message.from_tag, message.to_tag),
            (message.to_tag, message.from_tag),
        ):
            call = self.calls.get((message.call_id, mine))
            if call is not None:
                return (message.call_id, mine), call, other
        return None

    def _end_dialog(self, key: Key, call: BookedCall, tag: bytes) -> None:
        call.gone_at.pop(tag, None)
        if call.is_answered and tag in call.tags:
            call.tags.discard(tag)
            call.ended_tags.add(tag)
            if not call.tags:
                self._end(key)

    def _end(self, key: Key) -> None:
        if self.calls.pop(key, None) is not None:
            self.ended += 1


def check_idle(world: "World") -> None:
    """Raise Violation when anything is left of calls, transactions or registrations."""
    core = world.edge.core
    left = {
        "leases": len(core.ledger.all_leases()),
        "calls": len(core.calls),
        "server transactions": len(core.layer.servers),
        "client transactions": len(core.layer.clients),
        "streams followed": len(core.layer.connections),
        "bindings": len(core.location),
        "timers": len(core.wheel),
    }
    found = {name: count for name, count in left.items() if count}
    if found:
        raise Violation(f"left behind: {found}")


def _parse(wire: bytes) -> Request | Response | None:
    try:
        return parse_message(wire)
    except MalformedMessage:
        return None


def _user(uri: bytes) -> str:
    return uri.partition(b":")[2].partition(b"@")[0].decode("utf-8", "replace")
