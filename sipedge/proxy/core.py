"""The tables and tools that every step of the proxy shares; one Core per process, one writer."""

from collections.abc import Callable
from hashlib import blake2s
from typing import Final

from sipedge.limits.emergency import CallbackWindow, EmergencyNumbers
from sipedge.limits.guard import FailureThrottle, SourceGuard
from sipedge.limits.ledger import Ledger
from sipedge.limits.tickets import RefusalArchive, RefusalTicket
from sipedge.observability.counters import Counters
from sipedge.proxy.calls import Call, CallTable
from sipedge.proxy.directory import Directory
from sipedge.proxy.effects import Effects, RecordCall, RecordRefusal, RemoveBinding
from sipedge.proxy.listeners import Listeners
from sipedge.proxy.location import Binding, Location
from sipedge.proxy.record_route import TokenKeeper
from sipedge.proxy.records import CallRecord, EndedBy
from sipedge.proxy.settings import ProxySettings
from sipedge.sip.flow import Flow
from sipedge.sip.message import Request
from sipedge.sip.nonces import NonceSource
from sipedge.sip.timers import Timers
from sipedge.sip.transactions.layer import TransactionLayer
from sipedge.sip.wheel import Timed, Wheel

_COOKIE: Final = b"z9hG4bK"


class Core:
    """What the steps of the proxy work with.

    `entropy(n)` returns n random octets; `wall_offset` plus the core's clock is the time of day in
    seconds of the epoch, set by the driver.
    """

    __slots__ = (
        "_branch_prefix",
        "_branch_serial",
        "_call_serial",
        "_tag_key",
        "archive",
        "callbacks",
        "calls",
        "counters",
        "directory",
        "early_lease_seconds",
        "effects",
        "emergency",
        "entropy",
        "failures",
        "guard",
        "is_draining",
        "layer",
        "ledger",
        "listeners",
        "location",
        "nobody_secret",
        "nonces",
        "settings",
        "tokens",
        "wall_offset",
        "wheel",
    )

    def __init__(
        self,
        *,
        settings: ProxySettings,
        counters: Counters,
        directory: Directory,
        listeners: Listeners,
        emergency: EmergencyNumbers,
        guard: SourceGuard,
        failures: FailureThrottle,
        ledger: Ledger,
        archive: RefusalArchive,
        entropy: Callable[[int], bytes],
        token_key: bytes,
        on_error: Callable[[Timed, Exception], None],
        timers: Timers | None = None,
    ) -> None:
        self.settings = settings
        self.counters = counters
        self.directory = directory
        self.listeners = listeners
        self.emergency = emergency
        self.guard = guard
        self.failures = failures
        self.ledger = ledger
        self.archive = archive
        self.entropy = entropy
        self.effects = Effects()
        self.wheel = Wheel(on_error=on_error)
        self.layer = TransactionLayer(
            self.wheel, self.effects, timers or Timers(), max_servers=settings.transactions_max
        )
        self.location = Location(self.wheel, self._forget_binding)
        self.calls = CallTable()
        self.callbacks = CallbackWindow(settings.callback_seconds, capacity=10_000)
        self.tokens = TokenKeeper(token_key)
        self.nonces = NonceSource(entropy(32), settings.nonce_life_seconds, entropy)
        self.early_lease_seconds = settings.ring_seconds + settings.early_lease_margin_seconds
        self.wall_offset = 0.0
        self.is_draining = False
        self._branch_prefix = _COOKIE + entropy(5).hex().encode("ascii")
        self._branch_serial = 0
        self._call_serial = 0
        self._tag_key = entropy(16)
        self.nobody_secret = entropy(16)

    def new_branch(self, loop_mark: int) -> bytes:
        """Return a branch, unique in space and time, that ends in the loop mark of its request."""
        self._branch_serial += 1
        return b"%b.%x.%08x" % (self._branch_prefix, self._branch_serial, loop_mark)

    def is_own_branch(self, branch: bytes) -> bool:
        """True when this process made the branch."""
        return branch.startswith(self._branch_prefix)

    def is_own_branch_in(self, value: bytes) -> bool:
        """True when a Via header holds a branch that this process made."""
        return self._branch_prefix in value

    def new_call_serial(self) -> int:
        """Return the serial of the next call."""
        self._call_serial += 1
        return self._call_serial

    def local_tag(self, request: Request) -> bytes:
        """Return the To tag of our own answer: keyed, so that copies get the same one."""
        text = b"%b\0%b\0%b" % (request.call_id, request.from_tag, request.via_branch)
        return blake2s(text, digest_size=8, key=self._tag_key).hexdigest().encode("ascii")

    def wall_time(self, now: float) -> float:
        """Return the time of day of an instant of the core's clock, in seconds of the epoch."""
        return now + self.wall_offset

    def record_call(self, call: Call, now: float, ended_by: EndedBy, status: int) -> None:
        """Ask the shell to keep the record of a call that just ended."""
        self.counters.calls_ended[ended_by.value] += 1
        record = CallRecord(
            serial=call.serial,
            call_id=call.call_id.decode("utf-8", "replace"),
            caller=call.caller,
            callee=call.callee,
            caller_line=call.caller_line.number if call.caller_line else "",
            callee_line=call.callee_line.number if call.callee_line else "",
            trunk=call.trunk.name if call.trunk else "",
            started_at=call.started_at + self.wall_offset,
            answered_at=call.answered_at + self.wall_offset if call.answered_at else 0.0,
            ended_at=now + self.wall_offset,
            ended_by=ended_by,
            status=status,
            is_emergency=call.is_emergency,
        )
        self.effects.others.append(RecordCall(record))

    def record_refusal(self, ticket: RefusalTicket) -> None:
        """Ask the shell to keep a refusal ticket."""
        self.effects.others.append(RecordRefusal(ticket))

    def _forget_binding(self, binding: Binding) -> None:
        self.counters.registrations_removed += 1
        self.effects.others.append(RemoveBinding(binding.aor, binding))

    def send(self, flow: Flow, wire: bytes) -> None:
        """Send what belongs to no transaction: a stateless answer, an ACK of a 2xx."""
        self.effects.send(flow, wire)
