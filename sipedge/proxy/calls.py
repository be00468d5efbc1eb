"""Calls: what a limit counts and a record bills, and what a proxy may know of their dialogs.

A call holds its leases from the admitted INVITE until its last transaction and its dialog are gone.
In-dialog requests find their call by Call-ID and tag (RFC 3261 section 12), and with it the flow of
the other side, so that a peer that ignores the route set (`sipp -sn uac`) still gets through.
"""

from enum import Enum
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from sipedge.limits.ledger import Lease
from sipedge.proxy.directory import LineProfile, TrunkProfile
from sipedge.proxy.records import EndedBy
from sipedge.sip.flow import Flow
from sipedge.sip.message import Message, Request
from sipedge.sip.wheel import Timed

if TYPE_CHECKING:
    from sipedge.proxy.core import Core


# How often an answered call looks at the clock.
_LOOK_SECONDS: Final = 60.0
# Early and answered dialogs of one call; a peer that makes up tags must not fill the memory.
CALLEES_MAX: Final = 64


class CallState(Enum):
    """Where a call stands."""

    RINGING = "ringing"  # admitted; its INVITE transaction is under way
    ANSWERED = "answered"  # a 2xx went to the caller
    ENDED = "ended"  # leases freed, record written


RINGING: Final = CallState.RINGING
ANSWERED: Final = CallState.ANSWERED
ENDED: Final = CallState.ENDED


class Side:
    """One end of a dialog: where its requests go, and its remote target, a Contact's addr-spec."""

    __slots__ = ("contact", "flow", "is_trunk")

    def __init__(self, flow: Flow, contact: bytes, *, is_trunk: bool) -> None:
        self.flow = flow
        self.contact = contact
        self.is_trunk = is_trunk


class CallTimer(Timed):
    """Ends a call that lasts too long.

    It looks every minute, and loses its call when that ends: the wheel keeps what is disarmed until
    its slot comes, and half a day of ended calls would fill the memory.
    """

    __slots__ = ("call",)

    def __init__(self, call: "Call") -> None:
        super().__init__()
        self.call: Call | None = call

    @override
    def handle_timer(self, now: float) -> None:
        """Look whether the longest permitted call is over."""
        if self.call is not None:
            self.call.look_at_clock(now)


class Call:
    """One call, from its INVITE to the end of its BYE transaction.

    `callees` maps the tag of each callee that answered, early or finally, to its side: forks may
    set up several early dialogs. `tokens` are those that we put into Record-Route for this call.
    """

    __slots__ = (
        "answered_at",
        "answered_tags",
        "call_id",
        "callee",
        "callee_line",
        "callees",
        "caller",
        "caller_line",
        "caller_side",
        "caller_tag",
        "core",
        "ends_at",
        "invite_cseq",
        "is_emergency",
        "leases",
        "serial",
        "started_at",
        "state",
        "timer",
        "tokens",
        "trunk",
    )

    def __init__(self, core: "Core", serial: int, request: Request, now: float) -> None:
        self.core = core
        self.serial = serial
        self.call_id = request.call_id
        self.caller_tag = request.from_tag
        self.invite_cseq = request.cseq_number
        self.state = RINGING
        self.started_at = now
        self.answered_at = 0.0
        self.ends_at = 0.0
        self.timer: CallTimer | None = None
        self.caller = ""
        self.callee = ""
        self.caller_line: LineProfile | None = None
        self.callee_line: LineProfile | None = None
        self.trunk: TrunkProfile | None = None
        self.caller_side: Side | None = None
        self.callees: dict[bytes, Side] = {}
        self.answered_tags: list[bytes] = []
        self.tokens: list[bytes] = []
        self.leases: list[Lease] = []
        self.is_emergency = False

    @property
    def id(self) -> str:
        """The name people use for the call."""
        return f"C-{self.serial}"

    def keep_ringing(self, now: float) -> None:
        """Renew the short leases: the callee says that it is still ringing."""
        core = self.core
        expires_at = now + core.early_lease_seconds
        for lease in self.leases:
            core.ledger.prove(lease, now, expires_at)

    def answer(self, tag: bytes, now: float) -> None:
        """A callee took the call: long leases from here. A repeated or second 2xx adds no lease."""
        if self.state is ENDED or tag in self.answered_tags:
            return
        self.answered_tags.append(tag)
        if self.state is RINGING:
            core = self.core
            self.state = ANSWERED
            self.answered_at = now
            core.counters.calls_answered += 1
            expires_at = now + core.settings.call_seconds_max
            for lease in self.leases:
                core.ledger.confirm(lease, now, expires_at)
            self.ends_at = expires_at
            self.timer = CallTimer(self)
            self.look_at_clock(now)

    def hang_up(self, tag: bytes, now: float, ended_by: EndedBy) -> None:
        """The BYE transaction of the dialog with this callee is over; the last ends the call.

        A call that still rings ends with its INVITE: a BYE may end one early dialog of several.
        """
        if self.state is not ANSWERED:
            return
        if tag in self.answered_tags:
            self.answered_tags.remove(tag)
        if not self.answered_tags:
            self.end(now, ended_by, 200)

    def end(self, now: float, ended_by: EndedBy, status: int) -> None:
        """Free the leases and write the record, once."""
        if self.state is ENDED:
            return
        core = self.core
        self.state = ENDED
        for lease in self.leases:
            if lease.is_held:  # the operator may have released it by hand
                core.ledger.free(lease, now, ended_by.value)
        if self.timer is not None:
            core.wheel.disarm(self.timer)
            self.timer.call = None
        core.calls.remove(self)
        core.record_call(self, now, ended_by, status)

    def look_at_clock(self, now: float) -> None:
        """End the call when it has lasted as long as any may: nobody proved that it still lives."""
        if now >= self.ends_at:
            self.end(now, EndedBy.DURATION, 200)
        elif self.timer is not None:
            self.core.wheel.arm(self.timer, min(self.ends_at, now + _LOOK_SECONDS))


class CallTable:
    """All calls that are up, by serial, and by Call-ID and caller tag for in-dialog requests."""

    __slots__ = ("_by_dialog", "by_serial")

    def __init__(self) -> None:
        self.by_serial: dict[int, Call] = {}
        # A list, since a spiral brings the same Call-ID and tag back to us as another call.
        self._by_dialog: dict[bytes, list[Call]] = {}

    def __len__(self) -> int:
        return len(self.by_serial)

    def add(self, call: Call) -> None:
        """Add a call that was just admitted."""
        self.by_serial[call.serial] = call
        self._by_dialog.setdefault(b"%b\0%b" % (call.call_id, call.caller_tag), []).append(call)

    def remove(self, call: Call) -> None:
        """Remove a call that ended; nothing happens when it is gone already."""
        if self.by_serial.pop(call.serial, None) is None:
            return
        key = b"%b\0%b" % (call.call_id, call.caller_tag)
        calls = self._by_dialog[key]
        calls.remove(call)
        if not calls:
            del self._by_dialog[key]

    def from_caller(self, message: Message) -> list[Call]:
        """Return the calls whose caller has this message's Call-ID and From tag."""
        return self._by_dialog.get(b"%b\0%b" % (message.call_id, message.from_tag), [])

    def from_callee(self, message: Message) -> list[Call]:
        """Return the calls whose caller is this message's To tag."""
        return self._by_dialog.get(b"%b\0%b" % (message.call_id, message.to_tag), [])

    def of_line(self, number: str) -> list[Call]:
        """Return the calls that this line makes or takes, for the operator's list."""
        return [
            call
            for call in self.by_serial.values()
            if (call.caller_line is not None and call.caller_line.number == number)
            or (call.callee_line is not None and call.callee_line.number == number)
        ]
