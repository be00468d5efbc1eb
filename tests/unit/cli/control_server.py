"""The real control interface on a real socket, before an edge that always answers the same."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sipedge.api.control import CallRow, Control, ExplainReport, LeaseRow, build_control_app
from sipedge.api.control_socket import ControlServer
from sipedge.api.problems import Problem

LINE = "0033972100001"
HOSTILE = "\x1b[2J[red]\r\n"


def lease_row(number: int, *, state: str = "confirmed") -> LeaseRow:
    return {
        "id": f"L-3F-{number}",
        "line": LINE,
        "why": "outgoing",
        "since": "2026-03-01T08:00:00Z",
        "last_proof": "2026-03-01T08:00:00Z",
        "expires": "2026-03-01T09:00:00Z",
        "state": state,
    }


def call_row(number: int) -> CallRow:
    return {
        "call": f"C-{number}",
        "call_id": f"{number}-a84b4c76e66710@a-phone-with-a-long-name.customer.example.test",
        "from": LINE,
        "to": "0033145000001",
        "state": "answered" if number == 1 else "ringing",
        "since": "2026-03-01T08:00:00Z",
        "seconds": 61.5,
        "leases": [lease_row(number)],
        "trunk": "carrier",
    }


class StandInControl:
    """Two calls, one ticket, one lease; what was asked last is kept."""

    def __init__(self) -> None:
        self.rows = [call_row(1), call_row(2)]
        self.asked: tuple[object, ...] = ()
        self.limit = 2
        self.admitted = False

    def status(self) -> dict[str, object]:
        return {"version": "0"}

    def calls(self, line: str | None) -> list[CallRow]:
        self.asked = ("calls", line)
        if line == "broken":
            raise RuntimeError("password=s3cret")
        return self.rows if line in {None, LINE} else []

    def refusal(self, code: str) -> dict[str, object] | None:
        self.asked = ("refusal", code)
        if code.upper().removeprefix("R-") != "7F3K":
            return None
        return {
            "code": "R-7F3K",
            "at_utc": 1772352061.5,
            "reason": "outgoing_calls_in_use",
            "account": LINE,
            "line": LINE,
            "direction": "outgoing",
            "limit": self.limit,
            "used": 2,
            "caller": LINE,
            "callee": "0033145000003",
            "call_id": "3-refused@customer.example.test",
            "holders": [
                {
                    "lease_id": lease["id"],
                    "call_id": row["call_id"],
                    "peer": row["to"],
                    "why": lease["why"],
                    "state": lease["state"],
                    "since_utc": 1772352000.0,
                    "duration_seconds": 61.5,
                }
                for row in self.rows
                for lease in row["leases"]
            ],
        }

    def explain(self, caller: str, callee: str, sdp: bytes | None) -> ExplainReport:
        self.asked = ("explain", caller, callee, sdp)
        return {
            "from": caller,
            "to": callee,
            "admitted": self.admitted,
            "emergency": callee == "15",
            "target": "trunk carrier",
            "status": 200 if self.admitted else 486,
            "reason": None if self.admitted else "outgoing_calls_in_use",
            "sentence": "The line has used its 2 calls.",
            "kbps": 80.0,
            "limits": [
                {
                    "account": LINE,
                    "why": "outgoing",
                    "used": 2,
                    "wanted": 1,
                    "limit": 2,
                    "counted": True,
                    "passes": self.admitted,
                    "rule": "A call this line makes counts as one.",
                    "holders": [lease_row(1), lease_row(2, state="unproven")],
                },
                {
                    "account": "group",
                    "why": "outgoing",
                    "used": 0,
                    "wanted": 1,
                    "limit": None,
                    "counted": False,
                    "passes": True,
                    "rule": "",
                    "holders": [],
                },
            ],
        }

    def release(self, lease_id: str, reason: str, actor: str) -> LeaseRow | None:
        self.asked = ("release", lease_id, reason, actor)
        return lease_row(1) if lease_id == "L-3F-1" else None

    async def set_line(self, number: str, changes: dict[str, object]) -> dict[str, object]:
        raise Problem(404, "unknown-line", "No such line", detail="It has no row.", field="number")

    async def import_text(self, text: str) -> dict[str, object]:
        return {"characters": len(text)}


@contextmanager
def serving(control: Control, path: Path) -> Iterator[None]:
    """Serve `control` on a socket from a thread of its own, as the edge is another process."""
    started, loop = threading.Event(), asyncio.new_event_loop()
    server = ControlServer(build_control_app(control), path)

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(server.start())
        loop.call_soon(started.set)
        loop.run_forever()
        loop.run_until_complete(server.close())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(30)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
