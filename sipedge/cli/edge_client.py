"""The running edge, spoken to through its local socket: HTTP and JSON over AF_UNIX."""

import http.client
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from typing_extensions import override

from sipedge.cli.output import EXIT_NO, EXIT_UNREACHABLE, EXIT_WRONG, CommandError
from sipedge.config import Settings

Json = dict[str, object]

# An import of 100,000 lines may be behind the answer.
TIMEOUT_SECONDS: Final = 120.0
# What sockaddr_un holds beside its closing zero; a longer path is reached through its folder.
_SOCKET_PATH_MAX: Final = 107
# Requests that are wrong in themselves: a bad field, a file that is too large.
_WRONG_USE: Final = (400, 413)


class EdgeClient:
    """The edge behind one socket.

    Requests raise CommandError: status 1 or 2 when the edge refuses, 3 when it does not answer or
    failed. `find_edge` tells whether there is one to talk to.
    """

    def __init__(self, path: Path, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.path = path
        self.timeout_seconds = timeout_seconds

    def get(self, *segments: str, query: Mapping[str, str] | None = None) -> Json:
        """Ask for `/v1/segment/...`; each segment is quoted."""
        return self._exchange("GET", _target(segments, query), None)

    def post(self, *segments: str, body: bytes | Mapping[str, object] | None = None) -> Json:
        """Ask for a change; a mapping is sent as JSON, bytes as they are."""
        content = body if isinstance(body, bytes) else json.dumps(dict(body or {})).encode()
        return self._exchange("POST", _target(segments, None), content)

    def _exchange(self, method: str, target: str, body: bytes | None) -> Json:
        connection = _UnixConnection(self.path, self.timeout_seconds)
        try:
            connection.request(method, target, body)
            response = connection.getresponse()
            status, content = response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(self.path, error) from None
        finally:
            connection.close()
        return _read_answer(self.path, status, content)


def find_edge(settings: Settings) -> EdgeClient | None:
    """Return the edge that runs with this configuration, None when none does.

    Raises CommandError when that cannot be told, as when the socket is another user's: the database
    must not be changed behind an edge that may be running.
    """
    path = settings.edge.control_socket
    connection = _UnixConnection(path, TIMEOUT_SECONDS)
    try:
        connection.connect()
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        # No socket, or one left behind by an edge that was killed.
        return None
    except OSError as error:
        raise _unreachable(path, error) from None
    finally:
        connection.close()
    return EdgeClient(path)


class _UnixConnection(http.client.HTTPConnection):
    """An HTTP connection to a socket in the file system."""

    def __init__(self, path: Path, timeout_seconds: float) -> None:
        super().__init__("edge", timeout=timeout_seconds)
        self._path = path

    @override
    def connect(self) -> None:
        """Connect, through the folder when the path is longer than the kernel takes."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        if len(os.fsencode(self._path)) <= _SOCKET_PATH_MAX:
            self.sock.connect(str(self._path))
            return
        folder = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            self.sock.connect(f"/proc/self/fd/{folder}/{self._path.name}")
        finally:
            os.close(folder)


def _target(segments: tuple[str, ...], query: Mapping[str, str] | None) -> str:
    path = "/".join(quote(segment, safe="") for segment in ("v1", *segments))
    return f"/{path}?{urlencode(query)}" if query else f"/{path}"


def _read_answer(path: Path, status: int, content: bytes) -> Json:
    """Return a JSON object, or raise what the problem details (RFC 9457) say."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        message = f"{path}: the edge answered {status} with something that is no JSON object"
        raise CommandError(EXIT_UNREACHABLE, message)
    if status < 400:
        return answer
    message = _sentence(status, answer)
    if status >= 500:
        raise CommandError(EXIT_UNREACHABLE, message)
    raise CommandError(EXIT_WRONG if status in _WRONG_USE else EXIT_NO, message)


def _sentence(status: int, problem: Json) -> str:
    """Say a problem in one line: title, the field at fault and the detail."""
    title = str(problem.get("title") or f"The edge answered {status}")
    field, detail = problem.get("field"), problem.get("detail")
    where = f" ({field})" if field else ""
    return f"{title}{where}: {detail}" if detail else f"{title}{where}"


def _unreachable(path: Path, error: Exception) -> CommandError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    message = f"{path}: no edge answers ({reason or type(error).__name__})"
    return CommandError(EXIT_UNREACHABLE, message)
