"""The Unix socket of the control interface: made for its owner alone, and never stolen.

A file left by an edge that was killed is replaced; one that somebody answers on is not.
"""

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aiohttp import web

# sun_path of Linux holds 108 bytes, the closing zero included; a longer path goes by its folder.
_ADDRESS_LENGTH_MAX_BYTES: Final = 107
# A listener on this machine answers at once; only a full queue makes us wait, and that is in use.
PROBE_TIMEOUT_SECONDS: Final = 1.0


class ControlSocketError(Exception):
    """The control socket cannot be made; the text says why and what to do."""


class ControlSocketInUse(ControlSocketError):
    """Another edge runs with the same data directory: stop it, or give this one its own."""


class ControlServer:
    """An application served on a Unix socket from `start` to `close`.

    A lock file beside the socket (`<name>.lock`, kept) makes the check and the replacement one
    step when two edges start together; the kernel drops the lock of a process that dies.
    """

    def __init__(self, app: web.Application, path: Path) -> None:
        self._path = path
        # Not one line per command: what a command changed is an event of its own.
        self._runner = web.AppRunner(app, access_log=None)
        self._lock: int | None = None
        self._inode: tuple[int, int] | None = None

    async def start(self) -> None:
        """Listen. Raises ControlSocketError, and then leaves everything as it was."""
        self._lock = _take_lock(self._path)
        try:
            listener = _bind(self._path)
        except BaseException:
            self._drop_lock()
            raise
        self._inode = _inode_of(self._path)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def close(self) -> None:
        """Stop listening and remove the socket, if it is still ours. Harmless when not started."""
        await self._runner.cleanup()
        if self._inode is not None and _inode_of(self._path) == self._inode:
            self._path.unlink()
        self._inode = None
        self._drop_lock()

    def _drop_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _take_lock(path: Path) -> int:
    lock_path = path.with_name(path.name + ".lock")
    try:
        lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ControlSocketError(f"{lock_path}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise ControlSocketInUse(f"{path}: another edge runs here") from None
    return lock


def _bind(path: Path) -> socket.socket:
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _address_of(path) as address:
            listener.bind(address)
        # Before listen(): until then nobody can connect, whatever the mode is.
        path.chmod(0o600)
        listener.settimeout(0)
    except OSError as error:
        listener.close()
        raise ControlSocketError(f"{path}: {error.strerror}") from error
    return listener


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise ControlSocketError(f"{path}: {error.strerror}") from error
    if not stat.S_ISSOCK(mode):
        raise ControlSocketError(f"{path}: exists and is not a socket; move it away")
    if _answers(path):
        raise ControlSocketInUse(f"{path}: another program answers here")
    path.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_TIMEOUT_SECONDS)
        try:
            with _address_of(path) as address:
                probe.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            # A full queue, a missing right: somebody may be there. Rather refuse than steal.
            return True
        return True


@contextmanager
def _address_of(path: Path) -> Iterator[str]:
    """Give the address by which the kernel reaches `path`, however long the path is."""
    if len(os.fsencode(path)) <= _ADDRESS_LENGTH_MAX_BYTES:
        yield os.fspath(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _inode_of(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
