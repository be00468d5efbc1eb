"""Where the effects of the core that are no sends go: the database and the log."""

import logging
import time
from typing import Final

from sipedge.app.writer import WriteQueue
from sipedge.observability.logs import Scalar, log_event
from sipedge.proxy.core import Core
from sipedge.proxy.effects import Effect, RecordCall, RecordRefusal, RemoveBinding, StoreBinding
from sipedge.proxy.location import Binding
from sipedge.proxy.records import CallRecord
from sipedge.sip.flow import Flow
from sipedge.stores.bindings import BindingStore, BindingWrite, DeletedBinding, StoredBinding
from sipedge.stores.records import CallRecordStore, Record, RefusalStore

_LOGGER: Final = logging.getLogger("sipedge.calls")

_LOGGED: Final = (
    "id",
    "call_id",
    "caller",
    "callee",
    "trunk",
    "seconds",
    "ended_by",
    "status",
    "emergency",
)


class Keeper:
    """Turns effects into rows and log lines."""

    def __init__(
        self,
        core: Core,
        epoch: int,
        bindings: BindingStore,
        refusals: RefusalStore,
        records: CallRecordStore,
    ) -> None:
        self._core = core
        self._epoch = epoch
        self.bindings: WriteQueue[BindingWrite] = WriteQueue("binding", bindings.apply)
        self.refusals: WriteQueue[Record] = WriteQueue("refusal", refusals.add)
        self.records: WriteQueue[Record] = WriteQueue("call_record", records.add)

    def keep(self, effect: Effect) -> None:
        """Take one effect."""
        if isinstance(effect, RecordCall):
            self._keep_call(effect.record)
        elif isinstance(effect, StoreBinding):
            self.bindings.put(stored_binding(self._core, effect.binding))
        elif isinstance(effect, RemoveBinding):
            binding = effect.binding
            self.bindings.put(
                DeletedBinding(
                    binding.aor.decode("ascii"), binding.uri, binding.instance, binding.reg_id
                )
            )
        elif isinstance(effect, RecordRefusal):
            ticket = effect.ticket
            row = ticket.to_dict() | {"ticket": ticket.code, "at": ticket.at_utc}
            self.refusals.put(row)
            fields: dict[str, Scalar] = {
                "ticket": ticket.code,
                "reason": ticket.reason,
                "line": ticket.line,
                "used": ticket.used,
                "limit": ticket.limit,
                "call_id": ticket.call_id,
            }
            log_event(_LOGGER, logging.INFO, "call_refused", fields)

    def _keep_call(self, record: CallRecord) -> None:
        fields: dict[str, Scalar] = {
            "id": f"{self._core.settings.name}-{self._epoch:x}-{record.serial}",
            "call_id": record.call_id,
            "caller": record.caller,
            "callee": record.callee,
            "caller_line": record.caller_line,
            "callee_line": record.callee_line,
            "trunk": record.trunk,
            "started_at": round(record.started_at, 3),
            "answered_at": round(record.answered_at, 3),
            "ended_at": round(record.ended_at, 3),
            "seconds": round(record.seconds, 3),
            "ended_by": record.ended_by.value,
            "status": record.status,
            "emergency": record.is_emergency,
        }
        self.records.put(fields)
        # The record in the database has the rest.
        line = {name: fields[name] for name in _LOGGED if fields[name]}
        log_event(_LOGGER, logging.INFO, "call_ended", line)


def stored_binding(core: Core, binding: Binding) -> StoredBinding:
    """Return the row of a binding, its instants on the wall clock."""
    flow = binding.flow
    return StoredBinding(
        aor=binding.aor.decode("ascii"),
        contact_uri=binding.uri,
        listener=flow.listener,
        transport=flow.transport,
        host=flow.host,
        port=flow.port,
        q=binding.q,
        expires_at=core.wall_time(binding.expires_at),
        call_id=binding.call_id,
        cseq=binding.cseq,
        instance=binding.instance,
        reg_id=binding.reg_id,
        path=b"",
        user_agent=binding.user_agent,
        updated_at=time.time(),
    )


def restored_binding(core: Core, row: StoredBinding) -> Binding | None:
    """Return the binding of a row, or None when its listener is gone or its time over.

    The connection of a stream is not restored: calls go to a new one to its address, if it listens.
    """
    listeners = core.listeners.by_index
    listener = listeners[row.listener] if row.listener < len(listeners) else None
    if listener is None or listener.transport != row.transport:
        listener = core.listeners.for_transport(row.transport, row.host)
    expires_at = row.expires_at - core.wall_offset
    if listener is None:
        return None
    flow = Flow(listener.index, row.transport, row.host, row.port)
    binding = Binding(core.location, row.aor.encode("ascii"), row.contact_uri, flow, expires_at)
    binding.q = row.q
    binding.call_id = row.call_id
    binding.cseq = row.cseq
    binding.instance = row.instance
    binding.reg_id = row.reg_id
    binding.user_agent = row.user_agent
    return binding
