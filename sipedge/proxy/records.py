"""The record of a call: what is left of it when it is over, for the customer and for support."""

from enum import Enum


class EndedBy(Enum):
    """Who or what ended a call; the value is a counter label."""

    CALLER = "caller"
    CALLEE = "callee"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    DURATION = "duration"
    OPERATOR = "operator"


class CallRecord:
    """One call from INVITE to end. Times are seconds of the epoch; `answered_at` 0.0 when never."""

    __slots__ = (
        "answered_at",
        "call_id",
        "callee",
        "callee_line",
        "caller",
        "caller_line",
        "ended_at",
        "ended_by",
        "is_emergency",
        "serial",
        "started_at",
        "status",
        "trunk",
    )

    def __init__(
        self,
        *,
        serial: int,
        call_id: str,
        caller: str,
        callee: str,
        caller_line: str,
        callee_line: str,
        trunk: str,
        started_at: float,
        answered_at: float,
        ended_at: float,
        ended_by: EndedBy,
        status: int,
        is_emergency: bool,
    ) -> None:
        self.serial = serial
        self.call_id = call_id
        self.caller = caller
        self.callee = callee
        self.caller_line = caller_line
        self.callee_line = callee_line
        self.trunk = trunk
        self.started_at = started_at
        self.answered_at = answered_at
        self.ended_at = ended_at
        self.ended_by = ended_by
        self.status = status
        self.is_emergency = is_emergency

    @property
    def seconds(self) -> float:
        """How long the two talked; 0.0 for a call that was not answered."""
        return self.ended_at - self.answered_at if self.answered_at else 0.0
