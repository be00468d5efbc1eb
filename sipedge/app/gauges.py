"""The sizes that a scrape asks for, read off the tables of the edge."""

import asyncio
from collections import Counter
from collections.abc import Mapping

from sipedge.limits.ledger import LeaseState
from sipedge.observability.exposition import Exposition, Gauges
from sipedge.proxy.core import Core
from sipedge.transport.driver import Driver


def build_gauges(core: Core, driver: Driver, started_at: float) -> Gauges:
    """Return the callables behind the gauges."""
    loop = asyncio.get_running_loop()

    def slots_in_use() -> int:
        return sum(core.ledger.usage().values())

    def leases_by_state() -> Mapping[str, int]:
        counts = dict.fromkeys((state.value for state in LeaseState), 0)
        counts.update(Counter(lease.state.value for lease in core.ledger.all_leases()))
        return counts

    def flows_by_transport() -> Mapping[str, int]:
        return driver.streams.count_by_transport()

    return Gauges(
        calls_active=core.calls.__len__,
        slots_in_use=slots_in_use,
        slots_paid=lambda: core.directory.calls_paid,
        bindings=core.location.__len__,
        transactions_by_kind=core.layer.count_by_kind,
        leases_by_state=leases_by_state,
        flows_by_transport=flows_by_transport,
        uptime_seconds=lambda: loop.time() - started_at,
    )


def render_metrics(core: Core, exposition: Exposition) -> bytes:
    """Return the metrics page; what the transaction layer counts by itself is copied first."""
    counters, layer = core.counters, core.layer
    counters.retransmissions_received = layer.retransmissions_absorbed
    counters.retransmissions_sent = layer.retransmissions_sent
    return exposition.render()
