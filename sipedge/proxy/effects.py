"""What the core asks the shell to do; the driver drains it once per wake-up."""

from sipedge.limits.tickets import RefusalTicket
from sipedge.proxy.location import Binding
from sipedge.proxy.records import CallRecord
from sipedge.sip.transactions.layer import Outbox


class StoreBinding:
    """Write this binding to the database; a restart must find it again."""

    __slots__ = ("aor", "binding")

    def __init__(self, aor: bytes, binding: Binding) -> None:
        self.aor = aor
        self.binding = binding


class RemoveBinding:
    """Remove this binding from the database."""

    __slots__ = ("aor", "binding")

    def __init__(self, aor: bytes, binding: Binding) -> None:
        self.aor = aor
        self.binding = binding


class RecordCall:
    """Keep the record of a call that ended, and log its one line."""

    __slots__ = ("record",)

    def __init__(self, record: CallRecord) -> None:
        self.record = record


class RecordRefusal:
    """Keep a refusal ticket where `sipedge why` finds it after a restart."""

    __slots__ = ("ticket",)

    def __init__(self, ticket: RefusalTicket) -> None:
        self.ticket = ticket


class CloseFlow:
    """Close a stream whose peer broke the framing or lost our trust."""

    __slots__ = ("connection", "listener")

    def __init__(self, listener: int, connection: int) -> None:
        self.listener = listener
        self.connection = connection


Effect = StoreBinding | RemoveBinding | RecordCall | RecordRefusal | CloseFlow


class Effects(Outbox):
    """Datagrams and pieces of stream to send, in order, and the rarer effects beside them."""

    __slots__ = ("others",)

    def __init__(self) -> None:
        super().__init__()
        self.others: list[Effect] = []

    def take_others(self) -> list[Effect]:
        """Return the effects that are not sends, and forget them."""
        others = self.others
        self.others = []
        return others
