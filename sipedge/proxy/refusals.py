"""Every way in which a request ends other than being relayed: one table, one counter each.

A row gives the status, the reason phrase, the Q.850 cause for the Reason header (RFC 3326), whether
Retry-After goes with it (RFC 3261 section 20.33), and whether the source pays for it at the door.
"""

from enum import Enum
from typing import Final


class Refusal(Enum):
    """Why a request was refused; the value is the counter label and the word in traces."""

    MALFORMED = "malformed"
    FORBIDDEN_URI = "forbidden_uri"
    UNSUPPORTED_SCHEME = "unsupported_scheme"
    TOO_MANY_HOPS = "too_many_hops"
    LOOP = "loop"
    MERGED = "merged"
    BAD_EXTENSION = "bad_extension"
    CHALLENGED = "challenged"
    WRONG_PROOF = "wrong_proof"
    NOT_YOUR_IDENTITY = "not_your_identity"
    NOT_YOUR_REGISTRATION = "not_your_registration"
    UNKNOWN_CALLER = "unknown_caller"
    LINE_SUSPENDED = "line_suspended"
    NOT_FOUND = "not_found"
    FOREIGN_DOMAIN = "foreign_domain"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BAD_EVENT = "bad_event"
    NOT_REGISTERED = "not_registered"
    OUTGOING_CALLS_IN_USE = "outgoing_calls_in_use"
    INCOMING_CALLS_IN_USE = "incoming_calls_in_use"
    UNKNOWN_DIALOG = "unknown_dialog"
    NO_SUCH_TRANSACTION = "no_such_transaction"
    INTERVAL_TOO_BRIEF = "interval_too_brief"
    TOO_MANY_BINDINGS = "too_many_bindings"
    OUT_OF_ORDER = "out_of_order"
    NO_ROUTE = "no_route"
    FOREIGN_ROUTE = "foreign_route"
    OVERLOAD = "overload"


# RFC 3261 section 20.33: the responses in which a phone looks for Retry-After.
RETRY_AFTER_STATUSES: Final = frozenset({404, 413, 480, 486, 500, 503, 600, 603})


class Row:
    """One row of the table; `q850` is 0 for no Reason header."""

    __slots__ = ("charge", "phrase", "q850", "retry_after", "status")

    def __init__(
        self,
        status: int,
        phrase: bytes,
        *,
        q850: int = 0,
        retry_after: bool = False,
        charge: int = 0,
    ) -> None:
        self.status = status
        self.phrase = phrase
        self.q850 = q850
        self.retry_after = retry_after
        self.charge = charge


TABLE: Final[dict[Refusal, Row]] = {
    Refusal.MALFORMED: Row(400, b"Bad Request", charge=1),
    Refusal.FORBIDDEN_URI: Row(400, b"Bad Request-URI", charge=1),
    Refusal.UNSUPPORTED_SCHEME: Row(416, b"Unsupported URI Scheme", charge=1),
    Refusal.TOO_MANY_HOPS: Row(483, b"Too Many Hops", charge=1),
    Refusal.LOOP: Row(482, b"Loop Detected", charge=1),
    Refusal.MERGED: Row(482, b"Request Merged", charge=1),
    Refusal.BAD_EXTENSION: Row(420, b"Bad Extension", charge=1),
    Refusal.CHALLENGED: Row(401, b"Unauthorized", charge=1),
    Refusal.WRONG_PROOF: Row(401, b"Unauthorized", charge=2),
    Refusal.NOT_YOUR_IDENTITY: Row(403, b"From Is Not Your Number", q850=21, charge=1),
    Refusal.NOT_YOUR_REGISTRATION: Row(403, b"Forbidden", charge=1),
    Refusal.UNKNOWN_CALLER: Row(403, b"Forbidden", q850=21, charge=1),
    Refusal.LINE_SUSPENDED: Row(403, b"Line Suspended", q850=21, charge=1),
    Refusal.NOT_FOUND: Row(404, b"Not Found", q850=1, charge=1),
    Refusal.FOREIGN_DOMAIN: Row(404, b"Not Found", q850=1, charge=1),
    Refusal.METHOD_NOT_ALLOWED: Row(405, b"Method Not Allowed", charge=1),
    Refusal.BAD_EVENT: Row(489, b"Bad Event", charge=1),
    Refusal.NOT_REGISTERED: Row(480, b"Temporarily Unavailable", q850=20, retry_after=True),
    Refusal.OUTGOING_CALLS_IN_USE: Row(486, b"Busy Here", q850=34, retry_after=True),
    Refusal.INCOMING_CALLS_IN_USE: Row(486, b"Busy Here", q850=17, retry_after=True),
    Refusal.UNKNOWN_DIALOG: Row(481, b"Call/Transaction Does Not Exist", charge=1),
    Refusal.NO_SUCH_TRANSACTION: Row(481, b"Call/Transaction Does Not Exist", charge=1),
    Refusal.INTERVAL_TOO_BRIEF: Row(423, b"Interval Too Brief"),
    Refusal.TOO_MANY_BINDINGS: Row(403, b"Too Many Registrations", charge=1),
    Refusal.OUT_OF_ORDER: Row(500, b"Out Of Order", charge=1),
    Refusal.NO_ROUTE: Row(480, b"Temporarily Unavailable", q850=38, retry_after=True),
    Refusal.FOREIGN_ROUTE: Row(403, b"Route Not Allowed", charge=1),
    Refusal.OVERLOAD: Row(503, b"Service Unavailable", q850=42, retry_after=True),
}
