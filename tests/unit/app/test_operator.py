"""The operator's side of a running edge, with calls of simulated phones on it."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sipedge.api.problems import Problem
from sipedge.app import App
from sipedge.app.operator import Operator
from sipedge.testing.calls import TALKING
from sipedge.testing.phone import Phone
from tests.unit.app.bench import ALICE, BOB, CAROL, DATA, Phones, fill, running, write_settings

TRUNK = """
[[trunk]]
name = "carrier"
destinations = ["sip:127.0.0.2:5070"]
numbers = ["0", "+"]
trusted = ["127.0.0.2"]
"""


class Bench:
    """An edge with two registered phones."""

    def __init__(self, app: App, phones: Phones, alice: Phone) -> None:
        self.app = app
        self.operator: Operator = app.operator
        self.phones = phones
        self.alice = alice

    async def hold(self, count: int = 1) -> None:
        for _ in range(count):
            await self.phones.talk(self.alice, BOB)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    settings = write_settings(tmp_path, TRUNK)
    await fill(settings)
    async with running(settings) as app:
        phones = Phones(app)
        alice = await phones.register(ALICE)
        await phones.register(BOB)
        yield Bench(app, phones, alice)
        phones.peers.close()


async def test_the_status_counts_what_is_there(bench: Bench) -> None:
    await bench.hold()
    status = bench.operator.status()
    assert status["listeners"] == [f"udp:127.0.0.1:{bench.app.sip_ports[0]}"]
    assert status["http_port"] == bench.app.http_port
    expected = {
        "name": "edge1",
        "lines": 3,
        "registrations": 2,
        "calls": 1,
        "slots_in_use": 2,
        "database_failing": False,
    }
    assert {key: status[key] for key in expected} == expected


async def test_calls_are_listed_with_the_leases_they_hold(bench: Bench) -> None:
    await bench.hold(2)
    rows = list(bench.operator.calls(None))
    assert [row["call_id"] for row in rows] == [call.call_id.decode() for call in bench.alice.calls]
    for row in rows:
        assert (row["from"], row["to"], row["state"]) == (ALICE, BOB, "answered")
        assert row["seconds"] >= 0
        assert {(lease["line"], lease["why"]) for lease in row["leases"]} == {
            (ALICE, "outgoing"),
            (BOB, "incoming"),
        }
        assert row["trunk"] is None
    assert list(bench.operator.calls(ALICE)) == rows
    assert list(bench.operator.calls("0972100001")) == rows, "as it is dialled"
    assert list(bench.operator.calls(CAROL)) == []


async def test_the_calls_of_an_unknown_line_are_a_problem(bench: Bench) -> None:
    with pytest.raises(Problem) as raised:
        bench.operator.calls("0033999999999")
    assert (raised.value.status, raised.value.field) == (404, "number")


async def test_a_refusal_names_the_calls_that_held_the_line(bench: Bench) -> None:
    await bench.hold(2)
    refused = await bench.phones.is_refused(bench.alice, BOB)
    code = refused.warning.split(b'"')[1].split()[0].decode()
    ticket = bench.operator.refusal(code.lower())
    assert ticket is not None
    assert (ticket["line"], ticket["used"], ticket["limit"]) == (ALICE, 2, 2)
    holders = ticket["holders"]
    assert isinstance(holders, list)
    held = [call.call_id.decode() for call in bench.alice.calls if call.stage is TALKING]
    assert sorted(holder["call_id"] for holder in holders) == sorted(held)
    assert bench.operator.refusal("R-0000") is None


async def test_explain_says_what_a_call_would_meet(bench: Bench) -> None:
    passes = bench.operator.explain(ALICE, BOB, None)
    assert (passes["admitted"], passes["status"]) == (True, 0)
    assert passes["target"] == f"line {BOB}, 1 registered"
    await bench.hold(2)
    refused = bench.operator.explain(ALICE, BOB, None)
    assert (refused["admitted"], refused["status"]) == (False, 486)
    assert refused["reason"] == "outgoing_calls_in_use"
    assert "2 of its 2 calls in use" in refused["sentence"]
    (outgoing, incoming) = refused["limits"]
    assert (outgoing["used"], outgoing["limit"], outgoing["passes"]) == (2, 2, False)
    assert len(outgoing["holders"]) == 2
    assert incoming["why"] == "incoming"
    incoming_only = bench.operator.explain("0145000001", BOB, None)
    assert incoming_only["reason"] == "incoming_calls_in_use"


@pytest.mark.parametrize(
    ("caller", "callee", "status", "reason"),
    [
        (ALICE, CAROL, 480, "not_registered"),
        (ALICE, "99", 404, "not_found"),
        ("0145000001", "0145000002", 404, "not_found"),
    ],
)
async def test_explain_says_why_nobody_would_be_reached(
    bench: Bench, caller: str, callee: str, status: int, reason: str
) -> None:
    report = bench.operator.explain(caller, callee, None)
    assert (report["admitted"], report["status"], report["reason"]) == (False, status, reason)
    assert report["sentence"]


async def test_explain_sends_a_call_abroad_to_its_trunk(bench: Bench) -> None:
    report = bench.operator.explain(ALICE, "0145000001", None)
    assert (report["admitted"], report["target"]) == (True, "trunk carrier")


@pytest.mark.parametrize("callee", ["112", "0112", "15", "urn:service:sos"])
async def test_explain_lets_an_emergency_call_pass_a_full_line(bench: Bench, callee: str) -> None:
    await bench.hold(2)
    report = bench.operator.explain(ALICE, callee, None)
    assert (report["emergency"], report["admitted"]) == (True, True), report["sentence"]


async def test_a_released_lease_makes_room_and_cuts_no_call(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.hold(2)
    row = next(iter(bench.operator.calls(None)))
    outgoing = next(lease for lease in row["leases"] if lease["why"] == "outgoing")
    incoming = next(lease for lease in row["leases"] if lease["why"] == "incoming")
    with caplog.at_level(logging.WARNING):
        for lease in (outgoing, incoming):
            released = bench.operator.release(lease["id"], "stuck", "root")
            assert released is not None
            assert released["id"] == lease["id"]
    fields = vars(caplog.records[0])["fields"]
    assert caplog.records[0].msg == "lease_released"
    assert (fields["actor"], fields["reason"]) == ("root", "stuck")
    assert bench.operator.release(outgoing["id"], "stuck", "root") is None, "once"
    assert len(bench.alice.talking) == 2
    await bench.hold()
    for call in list(bench.alice.talking):
        call.hang_up()
    await bench.phones.peers.until(lambda: not bench.app.core.calls, 1)
    await bench.phones.peers.until(lambda: False, 0.2)
    assert bench.operator.status()["slots_in_use"] == 0


async def test_a_paid_increase_acts_at_once_and_outlives_the_process(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.operator.set_line(BOB, {"calls": 5})
    await bench.hold(2)
    assert (await bench.phones.is_refused(bench.alice, BOB)).status == 486
    started_at = time.monotonic()
    with caplog.at_level(logging.INFO):
        changed = await bench.operator.set_line("0972100001", {"calls": 3})
    assert time.monotonic() - started_at < 1
    assert changed == {"number": ALICE, "calls": 3, "calls_before": 2, "in_use": 2}
    await bench.hold()
    with sqlite3.connect(tmp_path / "var/sipedge.db") as database:
        query = "SELECT simultaneous_calls FROM line WHERE number = ?"
        assert database.execute(query, (ALICE,)).fetchone() == (3,)
    database.close()
    assert "line_changed" in [record.msg for record in caplog.records]


async def test_a_lowered_limit_cuts_no_call(bench: Bench) -> None:
    await bench.hold(2)
    changed = await bench.operator.set_line(ALICE, {"calls": 1})
    assert changed["in_use"] == 2
    assert len(bench.alice.talking) == 2
    refused = await bench.phones.is_refused(bench.alice, BOB)
    assert b"2/1 calls" in refused.warning


@pytest.mark.parametrize(
    ("number", "calls", "status"), [("0033999999999", 3, 404), (ALICE, 100_000, 400)]
)
async def test_a_change_that_may_not_be_made_changes_nothing(
    bench: Bench, number: str, calls: int, status: int
) -> None:
    with pytest.raises(Problem) as raised:
        await bench.operator.set_line(number, {"calls": calls})
    assert raised.value.status == status
    line = bench.app.core.directory.find_line(ALICE.encode())
    assert line is not None
    assert line.calls_max == 2


async def test_a_change_without_a_database_is_not_in_force(bench: Bench, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "var/sipedge.db") as database:
        database.execute("ALTER TABLE line RENAME TO gone")
    database.close()
    with pytest.raises(Problem) as raised:
        await bench.operator.set_line(ALICE, {"calls": 3})
    assert raised.value.status == 503
    line = bench.app.core.directory.find_line(ALICE.encode())
    assert line is not None
    assert line.calls_max == 2


@pytest.mark.parametrize("padding", [0, 200_000], ids=["in a thread", "in a process"])
async def test_an_import_takes_effect_and_does_not_stop_the_calls(
    bench: Bench, padding: int
) -> None:
    """A call that is made meanwhile passes."""
    added = DATA.replace(ALICE, "0033972100009", 1) + "#" * padding
    importing = asyncio.create_task(bench.operator.import_text(added))
    await bench.hold()
    report = await importing
    assert report["tables"]["line"] == {"added": 1, "changed": 0, "unchanged": 2}  # type: ignore[index]
    assert bench.app.core.directory.find_line(b"0972100009") is not None


async def test_a_data_file_with_a_mistake_changes_nothing(bench: Bench) -> None:
    for text in ("[[line]]\nnumber = 1\n", "no toml at all", "#" * 200_000 + "\n[[line]]\n"):
        with pytest.raises(Problem) as raised:
            await bench.operator.import_text(text)
        assert raised.value.status == 400
        assert raised.value.detail
    assert bench.operator.status()["lines"] == 3
