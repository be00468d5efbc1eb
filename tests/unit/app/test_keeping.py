import logging
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from sipedge.app.keeping import Keeper, restored_binding, stored_binding
from sipedge.limits.tickets import RefusalTicket
from sipedge.proxy.edge import Edge
from sipedge.proxy.effects import RecordCall, RecordRefusal, RemoveBinding, StoreBinding
from sipedge.proxy.location import Binding
from sipedge.proxy.records import CallRecord, EndedBy
from sipedge.sip.flow import Flow
from sipedge.stores.bindings import BindingWrite, DeletedBinding, StoredBinding
from sipedge.stores.opening import opened_stores
from sipedge.stores.records import Record
from sipedge.testing.builders import TCP, TLS, UDP, UDP_IPV6, build_edge, build_line

LINE = "0033972100001"


class Bindings:
    """The port of the bindings, over a list."""

    def __init__(self) -> None:
        self.writes: list[BindingWrite] = []

    async def load_all(self) -> list[StoredBinding]:
        return [write for write in self.writes if isinstance(write, StoredBinding)]

    async def apply(self, batch: Sequence[BindingWrite]) -> None:
        self.writes += batch


class Records:
    """The ports of refusals and of call records, over a list."""

    def __init__(self) -> None:
        self.rows: list[Record] = []

    async def add(self, batch: Sequence[Record]) -> None:
        self.rows += batch

    async def find(self, ticket: str) -> dict[str, object] | None:
        return next((dict(row) for row in self.rows if row["ticket"] == ticket), None)

    async def recent(self, line: str = "", *, limit: int = 100) -> list[dict[str, object]]:
        return [dict(row) for row in self.rows][:limit]

    async def prune(self, before_at: float) -> int:
        return 0


class Bench:
    """A keeper over lists, before an edge whose clock is 1 hour behind the time of day."""

    def __init__(self) -> None:
        self.edge: Edge = build_edge(lines=[build_line(LINE)])
        self.edge.core.wall_offset = 3600.0
        self.bindings = Bindings()
        self.refusals = Records()
        self.records = Records()
        self.keeper = Keeper(self.edge.core, 255, self.bindings, self.refusals, self.records)

    def binding(self, flow: Flow | None = None) -> Binding:
        flow = flow or Flow(UDP, "UDP", "198.51.100.1", 5062)
        uri = b"sip:0033972100001@198.51.100.1:5062"
        binding = Binding(self.edge.core.location, LINE.encode(), uri, flow, 1600.0)
        binding.q = 700
        binding.call_id = b"a\xffb"
        binding.cseq = 7
        binding.instance = b"urn:uuid:1"
        binding.reg_id = 2
        binding.user_agent = b"Phone/1"
        return binding

    async def flush(self) -> None:
        for queue in (self.keeper.bindings, self.keeper.refusals, self.keeper.records):
            await queue.flush()


def record(**changes: object) -> CallRecord:
    values: dict[str, object] = {
        "serial": 3,
        "call_id": "a84b4c76",
        "caller": LINE,
        "callee": "0145000001",
        "caller_line": LINE,
        "callee_line": "",
        "trunk": "carrier",
        "started_at": 100.0,
        "answered_at": 102.0,
        "ended_at": 112.5,
        "ended_by": EndedBy.CALLER,
        "status": 200,
        "is_emergency": False,
        **changes,
    }
    return CallRecord(**values)  # type: ignore[arg-type]


async def test_a_binding_comes_back_from_its_row_as_it_was() -> None:
    bench = Bench()
    binding = bench.binding()
    bench.keeper.keep(StoreBinding(binding.aor, binding))
    await bench.flush()
    (row,) = await bench.bindings.load_all()
    assert row.expires_at == 1600.0 + 3600.0, "on the wall clock"
    assert abs(row.updated_at - time.time()) < 60
    bench.edge.core.wall_offset = 3000.0
    restored = restored_binding(bench.edge.core, row)
    assert restored is not None
    assert restored.expires_at == 2200.0, "on the clock of the new process"
    for name in ("aor", "uri", "flow", "q", "call_id", "cseq", "instance", "reg_id", "user_agent"):
        assert getattr(restored, name) == getattr(binding, name), name


async def test_a_binding_survives_the_real_database_byte_for_byte(tmp_path: Path) -> None:
    bench = Bench()
    row = stored_binding(bench.edge.core, bench.binding())
    async with opened_stores(f"sqlite:///{tmp_path}/x.db", tmp_path) as stores:
        await stores.bindings.apply([row])
        (loaded,) = await stores.bindings.load_all()
    assert loaded == row


async def test_a_removed_binding_is_deleted_under_its_key() -> None:
    bench = Bench()
    binding = bench.binding()
    bench.keeper.keep(StoreBinding(binding.aor, binding))
    bench.keeper.keep(RemoveBinding(binding.aor, binding))
    await bench.flush()
    stored, deleted = bench.bindings.writes
    assert isinstance(deleted, DeletedBinding)
    assert deleted.key == stored.key


def test_a_binding_whose_listener_moved_is_reached_by_another_of_its_kind() -> None:
    bench = Bench()
    row = stored_binding(bench.edge.core, bench.binding())
    for listener, transport, host, expected in (
        (TLS, "UDP", "198.51.100.1", UDP),
        (17, "TCP", "198.51.100.1", TCP),
        (17, "UDP", "2001:db8::7", UDP_IPV6),
    ):
        row.listener, row.transport, row.host = listener, transport, host
        restored = restored_binding(bench.edge.core, row)
        assert restored is not None
        assert restored.flow.listener == expected


def test_a_binding_of_a_transport_that_is_gone_is_left_out() -> None:
    bench = Bench()
    row = stored_binding(bench.edge.core, bench.binding())
    row.transport = "WS"
    assert restored_binding(bench.edge.core, row) is None


def test_a_stream_comes_back_as_an_address_to_connect_to() -> None:
    """The connection died with the old process; its number must not name a new one."""
    bench = Bench()
    flow = Flow(TCP, "TCP", "198.51.100.1", 40_000, 17)
    row = stored_binding(bench.edge.core, bench.binding(flow))
    restored = restored_binding(bench.edge.core, row)
    assert restored is not None
    assert restored.flow.connection == 0


async def test_an_ended_call_is_one_row_and_one_line(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    with caplog.at_level(logging.INFO):
        bench.keeper.keep(RecordCall(record()))
    await bench.flush()
    (row,) = bench.records.rows
    assert row["id"] == "edge1-ff-3"
    assert row["seconds"] == 10.5
    assert row["ended_by"] == "caller"
    (line,) = caplog.records
    assert line.msg == "call_ended"
    fields = vars(line)["fields"]
    assert fields["call_id"] == "a84b4c76"
    assert "emergency" not in fields, "what is not so is not said"


async def test_a_refusal_is_one_row_under_its_ticket_and_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    ticket = RefusalTicket(
        code="R-7F3K",
        at_utc=1000.5,
        reason="outgoing_calls_in_use",
        account=f"line:{LINE}",
        line=LINE,
        direction="outgoing",
        limit=2,
        used=2,
        caller=LINE,
        callee="0145000001",
        call_id="a84b4c76",
    )
    with caplog.at_level(logging.INFO):
        bench.keeper.keep(RecordRefusal(ticket))
    await bench.flush()
    found = await bench.refusals.find("R-7F3K")
    assert found is not None
    assert found["at"] == 1000.5
    assert RefusalTicket.from_dict(found) == ticket
    (line,) = caplog.records
    assert line.msg == "call_refused"
    assert vars(line)["fields"]["ticket"] == "R-7F3K"
