import asyncio
import getpass
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, UnixConnector, web
from aiohttp.test_utils import TestClient, TestServer

from sipedge.api.control import (
    ROWS_PER_SLICE,
    CallRow,
    Control,
    ExplainReport,
    LeaseRow,
    build_control_app,
    iso_text,
)
from sipedge.api.control_socket import ControlServer
from sipedge.api.problems import Problem

Client = TestClient[web.Request, web.Application]
LEASE: LeaseRow = {
    "id": "L-3F-17",
    "line": "0033972100001",
    "why": "outgoing",
    "since": "2026-03-01T08:00:00Z",
    "last_proof": "2026-03-01T08:00:00Z",
    "expires": "2026-03-01T09:00:00Z",
    "state": "confirmed",
}


def call_row(number: int) -> CallRow:
    return {
        "call": f"C-{number}",
        "call_id": f"{number}@phone.test",
        "from": "0033972100001",
        "to": "0033972100002",
        "state": "answered",
        "since": "2026-03-01T08:00:00Z",
        "seconds": 61.0,
        "leases": [LEASE],
        "trunk": None,
    }


class RecordingControl:
    """An edge that answers the same always and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.rows = 2
        self.turns = 0

    def status(self) -> dict[str, object]:
        return {"version": "0.1.0", "calls": 2}

    def calls(self, line: str | None) -> Iterable[CallRow]:
        self.asked.append(("calls", line))
        return self._rows()

    def _rows(self) -> Iterator[CallRow]:
        for number in range(self.rows):
            yield call_row(number)

    def refusal(self, code: str) -> dict[str, object] | None:
        self.asked.append(("refusal", code))
        if code != "R-7F3K":
            return None
        holder = {"call_id": "1@phone.test", "since_utc": 1772352000.0}
        return {"code": code, "at_utc": 1772352061.5, "holders": [holder]}

    def explain(self, caller: str, callee: str, sdp: bytes | None) -> ExplainReport:
        self.asked.append(("explain", caller, callee, sdp))
        return {
            "from": caller,
            "to": callee,
            "admitted": True,
            "emergency": False,
            "target": "1 binding",
            "status": 200,
            "reason": None,
            "sentence": "The call would ring.",
            "kbps": None,
            "limits": [],
        }

    def release(self, lease_id: str, reason: str, actor: str) -> LeaseRow | None:
        self.asked.append(("release", lease_id, reason, actor))
        return LEASE if lease_id == LEASE["id"] else None

    async def set_line(self, number: str, changes: dict[str, object]) -> dict[str, object]:
        self.asked.append(("set_line", number, changes))
        if number == "1/0":
            raise ZeroDivisionError("password=s3cret")
        if number != "0033972100001":
            raise Problem(404, "unknown-line", "No such line", field="number")
        return {"number": number, **changes}

    async def import_text(self, text: str) -> dict[str, object]:
        self.asked.append(("import", text))
        return {"line": text.count("[[line]]")}


@pytest.fixture
def control() -> RecordingControl:
    return RecordingControl()


@pytest.fixture
async def client(control: RecordingControl) -> AsyncIterator[Client]:
    checked: Control = control
    app = build_control_app(checked, import_size_max_bytes=4096)
    async with TestClient(TestServer(app)) as opened:
        yield opened


async def problem_of(
    client: Client, method: str, path: str, **request: object
) -> dict[str, object]:
    response = await client.request(method, path, **request)  # type: ignore[arg-type]
    assert response.headers["Content-Type"].startswith("application/problem+json")
    body: dict[str, object] = await response.json()
    assert list(body) == ["type", "title", "status", "detail", "field"]
    assert body["status"] == response.status
    return body


async def test_status_is_what_the_edge_says(client: Client) -> None:
    response = await client.get("/v1/status")
    assert response.status == 200
    assert await response.json() == {"version": "0.1.0", "calls": 2}


async def test_calls_are_listed(client: Client, control: RecordingControl) -> None:
    response = await client.get("/v1/calls")
    assert await response.json() == {"calls": [call_row(0), call_row(1)]}
    response = await client.get("/v1/calls", params={"line": "0033972100001"})
    assert response.status == 200
    assert control.asked == [("calls", None), ("calls", "0033972100001")]


async def test_no_call_is_an_empty_list(client: Client, control: RecordingControl) -> None:
    control.rows = 0
    assert await (await client.get("/v1/calls")).json() == {"calls": []}


async def test_the_loop_turns_while_many_calls_are_listed(control: RecordingControl) -> None:
    """The edge carries its calls on while somebody looks at ten thousand of them."""
    control.rows = 5 * ROWS_PER_SLICE
    turns_at_row: list[int] = []
    turns = 0

    class Watched(RecordingControl):
        def calls(self, line: str | None) -> Iterable[CallRow]:
            for number in range(control.rows):
                turns_at_row.append(turns)
                yield call_row(number)

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with TestClient(TestServer(build_control_app(Watched()))) as client:
        turning = asyncio.create_task(turn())
        response = await client.get("/v1/calls")
        assert len((await response.json())["calls"]) == control.rows
        turning.cancel()
    assert len(set(turns_at_row)) == 5


async def test_an_unknown_parameter_is_named(client: Client) -> None:
    body = await problem_of(client, "GET", "/v1/calls?lines=1")
    assert (body["status"], body["field"]) == (400, "lines")


async def test_a_ticket_has_its_instants_readable(client: Client) -> None:
    response = await client.get("/v1/refusals/R-7F3K")
    assert await response.json() == {
        "code": "R-7F3K",
        "at_utc": 1772352061.5,
        "at": "2026-03-01T08:01:01Z",
        "holders": [
            {
                "call_id": "1@phone.test",
                "since_utc": 1772352000.0,
                "since": "2026-03-01T08:00:00Z",
            }
        ],
    }


async def test_an_unknown_ticket_is_404(client: Client) -> None:
    body = await problem_of(client, "GET", "/v1/refusals/R-XXXX")
    assert body["type"] == "urn:sipedge:problem:unknown-ticket"
    assert (body["status"], body["field"]) == (404, "code")


async def test_explain_passes_numbers_and_offer_on(
    client: Client, control: RecordingControl
) -> None:
    request = {"from": "0033972100001", "to": "15", "sdp": "v=0\r\n"}
    response = await client.post("/v1/explain", json=request)
    assert (await response.json())["admitted"] is True
    assert (await client.post("/v1/explain", json={"from": "1", "to": "2"})).status == 200
    assert control.asked == [
        ("explain", "0033972100001", "15", b"v=0\r\n"),
        ("explain", "1", "2", None),
    ]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/explain", '{"from": "1"}', "to"),
        ("/v1/explain", '{"from": "", "to": "2"}', "from"),
        ("/v1/explain", '{"from": "1", "to": 2}', "to"),
        ("/v1/explain", '{"from": "1", "to": "2", "via": "3"}', "via"),
        ("/v1/explain", "[]", ""),
        ("/v1/explain", "not json", ""),
        ("/v1/explain", '{"from": "\\ud800", "to": "2"}', ""),
        ("/v1/leases/L-3F-17/release", '{"reason": "  "}', "reason"),
        ("/v1/leases/L-3F-17/release", "{}", "reason"),
        ("/v1/lines/0033972100001", "{}", "calls"),
        ("/v1/lines/0033972100001", '{"calls": -1}', "calls"),
        ("/v1/lines/0033972100001", '{"calls": 2147483647}', "calls"),
        ("/v1/lines/0033972100001", '{"calls": "5"}', "calls"),
        ("/v1/lines/0033972100001", '{"calls": 2.5}', "calls"),
        ("/v1/lines/0033972100001", '{"calls": true}', "calls"),
    ],
)
async def test_a_wrong_body_names_its_field_and_changes_nothing(
    client: Client, control: RecordingControl, path: str, body: str, field: str
) -> None:
    problem = await problem_of(client, "POST", path, data=body)
    assert problem["status"] == 400
    assert problem["field"] == field
    assert problem["detail"]
    assert control.asked == []


async def test_an_unknown_lease_is_404(client: Client) -> None:
    path = "/v1/leases/L-1-1/release"
    body = await problem_of(client, "POST", path, json={"reason": "ghost"})
    assert (body["status"], body["field"]) == (404, "id")


async def test_a_line_is_changed(client: Client, control: RecordingControl) -> None:
    response = await client.post("/v1/lines/0033972100001", json={"calls": 5})
    assert await response.json() == {"number": "0033972100001", "calls": 5}
    assert control.asked == [("set_line", "0033972100001", {"calls": 5})]


async def test_what_the_edge_refuses_is_passed_on(client: Client) -> None:
    body = await problem_of(client, "POST", "/v1/lines/0033972199999", json={"calls": 5})
    assert body["type"] == "urn:sipedge:problem:unknown-line"
    assert (body["status"], body["field"]) == (404, "number")


async def test_a_fault_of_ours_tells_nothing_and_is_logged(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    body = await problem_of(client, "POST", "/v1/lines/1%2F0", json={"calls": 5})
    assert body["status"] == 500
    assert "s3cret" not in str(body)
    (record,) = (one for one in caplog.records if one.getMessage() == "request_failed")
    assert record.__dict__["fields"]["path"] == "/v1/lines/1/0"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("GET", "/", 404), ("DELETE", "/v1/calls", 405)],
)
async def test_wrong_paths_and_methods_are_problems_too(
    client: Client, method: str, path: str, status: int
) -> None:
    assert (await problem_of(client, method, path))["status"] == status


async def test_the_right_method_is_named(client: Client) -> None:
    response = await client.delete("/v1/status")
    assert response.headers["Allow"] == "GET,HEAD"


async def test_a_large_body_is_refused(client: Client, control: RecordingControl) -> None:
    body = await problem_of(client, "POST", "/v1/explain", data=b"x" * 300_000)
    assert body["status"] == 413
    assert control.asked == []


async def test_a_file_is_imported_as_text(client: Client, control: RecordingControl) -> None:
    text = '[[line]]\nnumber = "0033972100001" # e acute: é\n'
    response = await client.post("/v1/import", data=text.encode())
    assert await response.json() == {"line": 1}
    assert control.asked == [("import", text)]


async def test_a_character_cut_between_two_chunks_is_whole(
    client: Client, control: RecordingControl
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for octet in "é€".encode():
            yield bytes([octet])
            await asyncio.sleep(0)

    assert (await client.post("/v1/import", data=pieces())).status == 200
    assert control.asked == [("import", "é€")]


@pytest.mark.parametrize("data", [b"\xff\xfe[", b"cut short: \xe2\x82"])
async def test_a_file_that_is_not_utf_8_is_refused(
    client: Client, control: RecordingControl, data: bytes
) -> None:
    body = await problem_of(client, "POST", "/v1/import", data=data)
    assert body["type"] == "urn:sipedge:problem:bad-encoding"
    assert body["status"] == 400
    assert control.asked == []


async def test_a_file_above_the_limit_is_refused(client: Client, control: RecordingControl) -> None:
    body = await problem_of(client, "POST", "/v1/import", data=b"x" * 4097)
    assert body["status"] == 413
    assert control.asked == []
    assert (await client.post("/v1/import", data=b"x" * 4096)).status == 200


async def test_the_actor_of_a_release_is_the_user_behind_the_socket(
    control: RecordingControl, tmp_path: Path
) -> None:
    path = tmp_path / "control.sock"
    server = ControlServer(build_control_app(control), path)
    await server.start()
    try:
        async with ClientSession(connector=UnixConnector(str(path))) as session:
            url = "http://edge/v1/leases/L-3F-17/release"
            async with session.post(url, json={"reason": "ghost call"}) as response:
                assert await response.json() == {"released": LEASE}
    finally:
        await server.close()
    assert control.asked == [("release", "L-3F-17", "ghost call", getpass.getuser())]


async def test_nobody_is_believed_to_be_somebody_over_tcp(
    client: Client, control: RecordingControl
) -> None:
    await client.post("/v1/leases/L-3F-17/release", json={"reason": "ghost call"})
    assert control.asked == [("release", "L-3F-17", "ghost call", "unknown")]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "1970-01-01T00:00:00Z"), (1772352061.5, "2026-03-01T08:01:01Z")],
)
def test_instants_are_written_in_utc(seconds: float, text: str) -> None:
    assert iso_text(seconds) == text
