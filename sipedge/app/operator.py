"""What the operator's commands ask of the running edge (`sipedge.api.control.Control`)."""

import asyncio
import concurrent.futures
import logging
import multiprocessing
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from sipedge.accounts.errors import DataFileError, DomainError, ErrorCode
from sipedge.accounts.importing import ImportReport
from sipedge.accounts.numbers import Numbering
from sipedge.accounts.offers import OfferCatalogue
from sipedge.accounts.services import set_line_calls
from sipedge.api.control import CallRow, ExplainReport, LeaseRow, LimitRow, iso_text
from sipedge.api.problems import Problem
from sipedge.app.writer import Writer
from sipedge.limits.emergency import is_sos_urn
from sipedge.limits.explain import ExplainRow
from sipedge.limits.ledger import COUNTING_RULES, OUTGOING, UNLIMITED, Lease
from sipedge.observability.logs import Scalar, log_event
from sipedge.proxy.calls import RINGING, Call
from sipedge.proxy.core import Core
from sipedge.proxy.directory import LineProfile
from sipedge.proxy.invite import Route, explain_call, find_route
from sipedge.proxy.refusals import TABLE, Refusal
from sipedge.stores.errors import StoreError
from sipedge.stores.import_job import ImportJob, run_import

if TYPE_CHECKING:
    from sipedge.app.lifecycle import App

_LOGGER: Final = logging.getLogger("sipedge.operator")


# Some hundred lines, which take a few milliseconds; a process takes a second to come up.
_THREAD_TEXT_MAX: Final = 100_000


class Operator:
    """Answers from the tables of the running edge, and changes what may be changed."""

    def __init__(
        self, app: "App", writer: Writer, offers: OfferCatalogue, numbering: Numbering
    ) -> None:
        self._app = app
        self._core: Core = app.core
        self._writer = writer
        self._offers = offers
        self._numbering = numbering
        self._loop = asyncio.get_running_loop()

    def status(self) -> dict[str, object]:
        """Return version, uptime, listeners and the main counts."""
        core = self._core
        return {
            "version": version("sipedge"),
            "name": core.settings.name,
            "listeners": [
                f"{listener.transport.lower()}:{listener.host or '*'}:{listener.port}"
                for listener in core.listeners.by_index
            ],
            "http_port": self._app.http_port,
            "lines": len(core.directory.lines),
            "registrations": len(core.location),
            "calls": len(core.calls),
            "slots_in_use": sum(core.ledger.usage().values()),
            "database_writes_waiting": core.counters.store_queue,
            "database_failing": self._writer.is_failing,
        }

    def calls(self, line: str | None) -> Iterator[CallRow]:
        """Return the calls that are up, the oldest first, all or those of one line."""
        if line is None:
            calls = list(self._core.calls.by_serial.values())
        else:
            calls = self._core.calls.of_line(self._get_line(line).number)
        return (self._call_row(call) for call in calls)

    def _call_row(self, call: Call) -> CallRow:
        core = self._core
        now = self._loop.time()
        return {
            "call": call.id,
            "call_id": call.call_id.decode("utf-8", "replace"),
            "from": call.caller,
            "to": call.callee,
            "state": "ringing" if call.state is RINGING else "answered",
            "since": iso_text(core.wall_time(call.started_at)),
            "seconds": round(now - call.started_at, 1),
            "leases": [self._lease_row(lease) for lease in call.leases],
            "trunk": call.trunk.name if call.trunk else None,
        }

    def _lease_row(self, lease: Lease) -> LeaseRow:
        wall_time = self._core.wall_time
        return {
            "id": lease.id,
            "line": lease.account.removeprefix("line:"),
            "why": lease.why.value,
            "since": iso_text(wall_time(lease.taken_at)),
            "last_proof": iso_text(wall_time(lease.proven_at)),
            "expires": iso_text(wall_time(lease.expires_at)),
            "state": lease.state.value,
        }

    def refusal(self, code: str) -> dict[str, object] | None:
        """Return the refusal ticket, or None when it is not known (any more)."""
        ticket = self._core.archive.find(code)
        return None if ticket is None else ticket.to_dict()

    def explain(self, caller: str, callee: str, sdp: bytes | None) -> ExplainReport:  # noqa: ARG002
        """Return what a call would meet now, without making it.

        The bandwidth of `sdp` is not counted in this version: `kbps` is None.
        """
        core = self._core
        line = core.directory.find_line(caller.encode("utf-8"))
        dialled = callee.encode("utf-8")
        prefixes = core.settings.emergency_outside_prefixes
        is_emergency = is_sos_urn(dialled) or (
            core.emergency.match(dialled, outside_prefixes=prefixes) is not None
        )
        found = find_route(core, dialled, is_from_line=line is not None, is_emergency=is_emergency)
        report: ExplainReport = {
            "from": caller,
            "to": callee,
            "admitted": False,
            "emergency": is_emergency,
            "target": "",
            "status": 0,
            "reason": None,
            "sentence": "",
            "kbps": None,
            "limits": [],
        }
        if isinstance(found, Refusal):
            return self._refused(report, found, f"Nobody is reached by {callee}.")
        report["target"] = _target(found)
        rows = explain_call(core, line, found)
        report["limits"] = [self._limit_row(row) for row in rows]
        return self._judge(report, line, found, rows)

    def _judge(
        self,
        report: ExplainReport,
        line: LineProfile | None,
        route: Route,
        rows: list[ExplainRow],
    ) -> ExplainReport:
        if line is not None and not line.is_enabled and not route.is_emergency:
            return self._refused(
                report, Refusal.LINE_SUSPENDED, f"Line {line.number} is suspended."
            )
        if not route.groups:
            refusal = Refusal.NOT_REGISTERED if route.line else Refusal.NO_ROUTE
            sentence = f"No phone of line {route.callee} is registered."
            if route.line is None:
                sentence = "The trunk has no destination that resolves."
            return self._refused(report, refusal, sentence)
        for row in rows:
            if not row.passes:
                is_outgoing = row.why is OUTGOING
                refusal = (
                    Refusal.OUTGOING_CALLS_IN_USE if is_outgoing else Refusal.INCOMING_CALLS_IN_USE
                )
                number = row.account.removeprefix("line:")
                sentence = (
                    f"Line {number} has {row.used} of its {row.limit} calls in use; "
                    f"this call needs {row.wanted} more."
                )
                return self._refused(report, refusal, sentence)
        report["admitted"] = True
        report["sentence"] = "The call passes."
        if route.is_emergency:
            report["sentence"] = "An emergency call passes whatever else is in use."
        return report

    def _refused(self, report: ExplainReport, refusal: Refusal, sentence: str) -> ExplainReport:
        report["status"] = TABLE[refusal].status
        report["reason"] = refusal.value
        report["sentence"] = sentence
        return report

    def _limit_row(self, row: ExplainRow) -> LimitRow:
        return {
            "account": row.account,
            "why": row.why.value,
            "used": row.used,
            "wanted": row.wanted,
            "limit": None if row.limit == UNLIMITED else row.limit,
            "counted": row.counted,
            "passes": row.passes,
            "rule": COUNTING_RULES[row.why],
            "holders": [self._lease_row(lease) for lease in row.holders],
        }

    def release(self, lease_id: str, reason: str, actor: str) -> LeaseRow | None:
        """Free a lease by hand; the call that held it goes on, uncounted, and the log says who."""
        core = self._core
        lease = core.ledger.find(lease_id)
        if lease is None:
            return None
        row = self._lease_row(lease)
        core.ledger.free(lease, self._loop.time(), f"operator {actor}: {reason}")
        call = core.calls.by_serial.get(lease.call)
        if call is not None:
            call.leases.remove(lease)
        fields = {"lease": lease.id, "line": row["line"], "reason": reason, "actor": actor}
        log_event(_LOGGER, logging.WARNING, "lease_released", fields)
        return row

    async def set_line(self, number: str, changes: dict[str, object]) -> dict[str, object]:
        """Change the simultaneous calls of a line: stored first, then in force at once."""
        calls = changes["calls"]
        assert isinstance(calls, int), "the API checks the body"
        line = self._get_line(number)
        try:
            change = await set_line_calls(
                self._app.stores.accounts, line.number, calls, offers=self._offers
            )
        except DomainError as error:
            status = 404 if error.code is ErrorCode.UNKNOWN else 400
            raise Problem(
                status,
                error.code.value,
                "The line was not changed",
                detail=error.message,
                field=error.field,
            ) from None
        except StoreError as error:
            raise Problem(503, "store", "The database is out of reach", detail=str(error)) from None
        await self._app.load_lines([line.number])
        before, after = change.before.simultaneous_calls, change.after.simultaneous_calls
        fields: dict[str, Scalar] = {"line": line.number, "calls_before": before, "calls": after}
        log_event(_LOGGER, logging.INFO, "line_changed", fields)
        used = self._core.ledger.used(line.account)
        return {"number": line.number, "calls": after, "calls_before": before, "in_use": used}

    def _get_line(self, number: str) -> LineProfile:
        line = self._core.directory.find_line(number.encode("utf-8"))
        if line is None:
            raise Problem(
                404,
                "unknown",
                "No such line",
                detail=f"There is no line {number}; `sipedge line list` shows them.",
                field="number",
            )
        return line

    async def import_text(self, text: str) -> dict[str, object]:
        """Import a data file beside the calls, then take what changed into service."""
        settings = self._app.settings
        job = ImportJob(
            settings.database.url, settings.edge.data_path, self._numbering, self._offers
        )
        try:
            report = await self._run_elsewhere(job, text)
        except (DataFileError, DomainError) as error:
            raise Problem(
                400, "bad-data", "The file has a mistake; nothing was changed", detail=str(error)
            ) from None
        except StoreError as error:
            raise Problem(503, "store", "The database is out of reach", detail=str(error)) from None
        if report.lines:
            few = report.lines if len(report.lines) < 1000 else None
            await self._app.load_lines(few)
        log_event(_LOGGER, logging.INFO, "data_imported", {"lines": len(report.lines)})
        return {
            "tables": {
                name: {
                    "added": table.added,
                    "changed": table.changed,
                    "unchanged": table.unchanged,
                }
                for name, table in report.tables.items()
            }
        }

    async def _run_elsewhere(self, job: ImportJob, text: str) -> ImportReport:
        """Run an import in a thread, or a large one, which is all computing, in a new process.

        Spawned and not forked: a copy of this process would hold its sockets and its threads.
        """
        if len(text) <= _THREAD_TEXT_MAX:
            return await asyncio.to_thread(run_import, job, text)
        pool = concurrent.futures.ProcessPoolExecutor(
            max_workers=1, mp_context=multiprocessing.get_context("spawn")
        )
        try:
            return await self._loop.run_in_executor(pool, run_import, job, text)
        finally:
            pool.shutdown(wait=False)


def _target(route: Route) -> str:
    if route.line is not None:
        phones = sum(len(group) for group in route.groups)
        return f"line {route.line.number}, {phones} registered"
    assert route.trunk is not None, "a route leads to a line or a trunk"
    return f"trunk {route.trunk.name}"
