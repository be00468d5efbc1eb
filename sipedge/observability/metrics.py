"""Every metric of the edge, in one place: its name, kind, labels and what it says.

Names are `sipedge_<area>_<noun>_<unit|total>`. The values of a label come from a closed set (a
method, a class of status, a reason), never from a number, a user or an address: a stranger who can
add a value to a label can fill the memory of whoever scrapes us. docs/runbooks.md explains each
metric to the operator, and a test compares the two lists.
"""

from enum import Enum
from typing import Final

from typing_extensions import override


class Kind(Enum):
    """What a metric does over time."""

    COUNTER = "counter"  # only grows; the name ends in _total
    GAUGE = "gauge"  # the value at this moment
    HISTOGRAM = "histogram"  # observations by size
    INFO = "info"  # constant 1, the labels are the message


class Metric:
    """One declared metric; `name` is what Prometheus stores, suffix included."""

    __slots__ = ("help", "kind", "labels", "name")

    def __init__(self, name: str, kind: Kind, help_text: str, *labels: str) -> None:
        self.name = name
        self.kind = kind
        self.help = help_text
        self.labels = labels

    @override
    def __repr__(self) -> str:
        return f"<Metric {self.name} {self.kind.value}>"


BUILD_INFO: Final = Metric(
    "sipedge_build_info", Kind.INFO, "Version of the edge and of its Python.", "version", "python"
)
UPTIME: Final = Metric("sipedge_uptime_seconds", Kind.GAUGE, "Seconds since the edge started.")

CALLS_ACTIVE: Final = Metric("sipedge_calls_active", Kind.GAUGE, "Calls up now, ringing included.")
CALLS_ADMITTED: Final = Metric(
    "sipedge_calls_admitted_total", Kind.COUNTER, "Calls that were given their slots."
)
CALLS_ANSWERED: Final = Metric(
    "sipedge_calls_answered_total", Kind.COUNTER, "Calls that got a 2xx."
)
CALLS_ENDED: Final = Metric(
    "sipedge_calls_ended_total", Kind.COUNTER, "Admitted calls that ended, by how.", "reason"
)
CALLS_REFUSED: Final = Metric(
    "sipedge_calls_refused_total", Kind.COUNTER, "Requests refused, by named refusal.", "reason"
)
SLOTS_IN_USE: Final = Metric(
    "sipedge_slots_in_use", Kind.GAUGE, "Simultaneous-call slots taken, over all lines."
)
SLOTS_PAID: Final = Metric(
    "sipedge_slots_paid", Kind.GAUGE, "Simultaneous-call slots included or paid, over all lines."
)
LEASES: Final = Metric("sipedge_leases", Kind.GAUGE, "Leases of the call ledger.", "state")

REGISTRATIONS: Final = Metric(
    "sipedge_registrations", Kind.GAUGE, "Bindings of all lines that have not expired."
)
REGISTRATION_CHANGES: Final = Metric(
    "sipedge_registration_changes_total",
    Kind.COUNTER,
    "Bindings added, refreshed and removed (expired ones too).",
    "change",
)
AUTHENTICATIONS: Final = Metric(
    "sipedge_authentications_total",
    Kind.COUNTER,
    "Digest authentication: challenges sent, proofs accepted, proofs refused.",
    "outcome",
)

SIP_REQUESTS: Final = Metric(
    "sipedge_sip_requests_total", Kind.COUNTER, "SIP requests.", "method", "direction"
)
SIP_RESPONSES: Final = Metric(
    "sipedge_sip_responses_total", Kind.COUNTER, "SIP responses.", "class", "direction"
)
SIP_RETRANSMISSIONS: Final = Metric(
    "sipedge_sip_retransmissions_total",
    Kind.COUNTER,
    "Copies of messages: absorbed by a transaction (in), sent again by its timer (out).",
    "direction",
)
TRANSACTIONS: Final = Metric("sipedge_transactions", Kind.GAUGE, "Transactions in memory.", "kind")
MESSAGES_DROPPED: Final = Metric(
    "sipedge_messages_dropped_total",
    Kind.COUNTER,
    "Datagrams and messages that got no answer, by why.",
    "reason",
)
DATAGRAMS_RECEIVED: Final = Metric(
    "sipedge_transport_datagrams_received_total",
    Kind.COUNTER,
    "Datagrams read from the sockets, before any look at them.",
)
TRANSPORT_BYTES: Final = Metric(
    "sipedge_transport_bytes_total", Kind.COUNTER, "Bytes of SIP on all transports.", "direction"
)
FLOWS: Final = Metric(
    "sipedge_transport_flows", Kind.GAUGE, "Open connections of phones and trunks.", "transport"
)

EVENT_LOOP_LAG: Final = Metric(
    "sipedge_event_loop_lag_seconds",
    Kind.HISTOGRAM,
    "How late a timer of the event loop ran: what every message waited.",
)
EVENT_LOOP_LAG_MAX: Final = Metric(
    "sipedge_event_loop_lag_max_seconds",
    Kind.GAUGE,
    "The largest lag of the event loop in the last one to two minutes.",
)
STORE_WRITES: Final = Metric(
    "sipedge_store_writes_total", Kind.COUNTER, "Writes the database accepted."
)
STORE_FAILURES: Final = Metric(
    "sipedge_store_failures_total", Kind.COUNTER, "Writes the database failed."
)
STORE_QUEUE: Final = Metric("sipedge_store_queue", Kind.GAUGE, "Writes that wait for the database.")

METRICS: Final = (
    BUILD_INFO,
    UPTIME,
    CALLS_ACTIVE,
    CALLS_ADMITTED,
    CALLS_ANSWERED,
    CALLS_ENDED,
    CALLS_REFUSED,
    SLOTS_IN_USE,
    SLOTS_PAID,
    LEASES,
    REGISTRATIONS,
    REGISTRATION_CHANGES,
    AUTHENTICATIONS,
    SIP_REQUESTS,
    SIP_RESPONSES,
    SIP_RETRANSMISSIONS,
    TRANSACTIONS,
    MESSAGES_DROPPED,
    DATAGRAMS_RECEIVED,
    TRANSPORT_BYTES,
    FLOWS,
    EVENT_LOOP_LAG,
    EVENT_LOOP_LAG_MAX,
    STORE_WRITES,
    STORE_FAILURES,
    STORE_QUEUE,
)

# Not ours by name: what prometheus_client reads from /proc under the names that every Prometheus
# dashboard knows.
PROCESS_METRICS: Final = (
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_virtual_memory_bytes",
)
