"""The control interface: what the commands of an operator ask of the running edge.

HTTP and JSON on a Unix socket that only its owner may open: the file mode is the authentication,
and the user behind the connection, as the kernel knows it, is the actor written to the audit.
"""

import asyncio
import codecs
import json
import pwd
import socket
import struct
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Final, Protocol, TypedDict

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from sipedge.api.problems import Problem, answer_problems

# A million lines with their phones; beyond that, split the file.
IMPORT_SIZE_MAX_BYTES: Final = 256 * 1024 * 1024
# The largest body of every other request: an SDP and a few fields.
BODY_SIZE_MAX_BYTES: Final = 256 * 1024
# About a millisecond of rows; ten thousand at once would stop the loop for a tenth of a second.
ROWS_PER_SLICE: Final = 100


class LeaseRow(TypedDict):
    """One lease of a call. Instants are ISO 8601 in UTC; `why` and `state` are the ledger's."""

    id: str
    line: str
    why: str
    since: str
    last_proof: str
    expires: str
    state: str


# The functional form, because `from` is a word of Python.
CallRow = TypedDict(
    "CallRow",
    {
        "call": str,  # our id of the call
        "call_id": str,  # the Call-ID header
        "from": str,
        "to": str,
        "state": str,  # ringing | answered
        "since": str,  # ISO 8601, UTC
        "seconds": float,
        "leases": list[LeaseRow],
        "trunk": str | None,
    },
)


class LimitRow(TypedDict):
    """One limit that a call meets: `used` are taken now, `wanted` is what the call adds.

    `limit` is None when there is none. `holders` are the calls that hold the slots now.
    """

    account: str
    why: str
    used: int
    wanted: int
    limit: int | None
    counted: bool
    passes: bool
    rule: str
    holders: list[LeaseRow]


# What a call from one number to another would meet now, without making it. `target` says where it
# would go; `status`, `reason` and `sentence` say what the caller would get.
ExplainReport = TypedDict(
    "ExplainReport",
    {
        "from": str,
        "to": str,
        "admitted": bool,
        "emergency": bool,
        "target": str,
        "status": int,
        "reason": str | None,
        "sentence": str,
        "kbps": float | None,
        "limits": list[LimitRow],
    },
)


class Control(Protocol):
    """What the edge offers its operator. Every method but the last two answers at once.

    Any of them may raise `Problem`.
    """

    def status(self) -> dict[str, object]:
        """Return version, uptime, listeners and the main counts."""

    def calls(self, line: str | None) -> Iterable[CallRow]:
        """Return the calls up now, the oldest first; only those of `line` when it is given.

        The rows are read in slices between which the edge carries its calls on: a generator makes
        a row when it is read, and walks over a copy of the table.
        """

    def refusal(self, code: str) -> dict[str, object] | None:
        """Return the refusal ticket as its `to_dict` does, or None when it is not known (any more).

        `code` is as a person typed it.
        """

    def explain(self, caller: str, callee: str, sdp: bytes | None) -> ExplainReport:
        """Return what a call would meet now; `sdp` is the offer it would carry."""

    def release(self, lease_id: str, reason: str, actor: str) -> LeaseRow | None:
        """Free a lease by hand and return it as it was, or None when no such lease is held."""

    async def set_line(self, number: str, changes: dict[str, object]) -> dict[str, object]:
        """Change a line (`calls`: its simultaneous calls) and return it as it is now."""

    async def import_text(self, text: str) -> dict[str, object]:
        """Import a data file in TOML, all of it or nothing.

        Return `{"tables": {name: {"added": n, "changed": n, "unchanged": n}}}`.
        """


def build_control_app(
    control: Control, *, import_size_max_bytes: int = IMPORT_SIZE_MAX_BYTES
) -> web.Application:
    """Return the application to serve on the control socket."""
    app = web.Application(middlewares=[answer_problems], client_max_size=BODY_SIZE_MAX_BYTES)
    routes = _Routes(control, import_size_max_bytes)
    app.router.add_get("/v1/status", routes.status)
    app.router.add_get("/v1/calls", routes.calls)
    app.router.add_get("/v1/refusals/{code}", routes.refusal)
    app.router.add_post("/v1/explain", routes.explain)
    app.router.add_post("/v1/leases/{id}/release", routes.release)
    app.router.add_post("/v1/lines/{number}", routes.set_line)
    app.router.add_post("/v1/import", routes.import_text)
    return app


Party = Annotated[str, Field(min_length=1, max_length=256)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _ExplainBody(_Body):
    caller: Party = Field(alias="from")
    callee: Party = Field(alias="to")
    sdp: str | None = Field(default=None, max_length=65_536)


class _ReleaseBody(_Body):
    reason: str = Field(min_length=1, max_length=500, pattern=r"\S")


class _LineBody(_Body):
    # The ledger's own bound: one below its mark for "no limit".
    calls: int = Field(ge=0, lt=2**31 - 1)


class _Routes:
    def __init__(self, control: Control, import_size_max_bytes: int) -> None:
        self._control = control
        self._import_size_max_bytes = import_size_max_bytes

    async def status(self, _request: web.Request) -> web.Response:
        return web.json_response(self._control.status())

    async def calls(self, request: web.Request) -> web.Response:
        for name in request.query:
            if name != "line":
                raise Problem(
                    400, "bad-field", "Unknown parameter", detail="Only line is known.", field=name
                )
        rows: list[str] = []
        for row in self._control.calls(request.query.get("line")):
            rows.append(json.dumps(row))
            if len(rows) % ROWS_PER_SLICE == 0:
                await asyncio.sleep(0)
        text = f'{{"calls": [{", ".join(rows)}]}}'
        return web.json_response(text=text)

    async def refusal(self, request: web.Request) -> web.Response:
        code = request.match_info["code"]
        report = self._control.refusal(code)
        if report is None:
            raise Problem(
                404,
                "unknown-ticket",
                "No such refusal ticket",
                detail="The code is mistyped, or the ticket is too old to be kept.",
                field="code",
            )
        return web.json_response(with_instants(report))

    async def explain(self, request: web.Request) -> web.Response:
        body = _ExplainBody.model_validate_json(await request.read())
        sdp = None if body.sdp is None else body.sdp.encode()
        return web.json_response(self._control.explain(body.caller, body.callee, sdp))

    async def release(self, request: web.Request) -> web.Response:
        body = _ReleaseBody.model_validate_json(await request.read())
        lease = self._control.release(request.match_info["id"], body.reason, actor_of(request))
        if lease is None:
            raise Problem(
                404,
                "unknown-lease",
                "No such lease is held",
                detail="It was freed already, or the id is mistyped: sipedge calls shows them.",
                field="id",
            )
        return web.json_response({"released": lease})

    async def set_line(self, request: web.Request) -> web.Response:
        body = _LineBody.model_validate_json(await request.read())
        line = await self._control.set_line(request.match_info["number"], body.model_dump())
        return web.json_response(line)

    async def import_text(self, request: web.Request) -> web.Response:
        text = await self._read_text(request)
        return web.json_response(await self._control.import_text(text))

    async def _read_text(self, request: web.Request) -> str:
        """Read the body as it arrives: one copy of it in memory, and no long stop of the loop."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        pieces: list[str] = []
        size = 0
        try:
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > self._import_size_max_bytes:
                    limit = f"At most {self._import_size_max_bytes} bytes; split the file."
                    raise Problem(413, "too-large", "The file is too large", detail=limit)
                pieces.append(decoder.decode(chunk))
            pieces.append(decoder.decode(b"", final=True))
        except UnicodeDecodeError as error:
            raise Problem(
                400,
                "bad-encoding",
                "The file is not UTF-8",
                detail=f"{error.reason}; save it as UTF-8.",
                field="body",
            ) from None
        return "".join(pieces)


def with_instants(report: dict[str, object]) -> dict[str, object]:
    """Return a refusal ticket with `at`, and `since` per holder, in ISO 8601 beside the seconds."""
    shown = dict(report)
    at_utc = report.get("at_utc")
    if isinstance(at_utc, (int, float)):
        shown["at"] = iso_text(at_utc)
    holders = report.get("holders")
    if isinstance(holders, list):
        shown["holders"] = [
            holder | {"since": iso_text(holder["since_utc"])} if "since_utc" in holder else holder
            for holder in holders
        ]
    return shown


def iso_text(seconds_utc: float) -> str:
    """Write an instant (seconds since 1970) as ISO 8601 in UTC, to the second, as rows show it."""
    return datetime.fromtimestamp(seconds_utc, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def actor_of(request: web.Request) -> str:
    """Name the user at the other end of the socket: `root`, `uid 1000` without a name, or unknown.

    The kernel tells (SO_PEERCRED); nothing the client says is believed.
    """
    transport = request.transport
    connection = None if transport is None else transport.get_extra_info("socket")
    if connection is None or connection.family != socket.AF_UNIX:
        return "unknown"
    size = struct.calcsize("3i")
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _pid, uid, _gid = struct.unpack("3i", packed)
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
