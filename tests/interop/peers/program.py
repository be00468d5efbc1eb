"""One real program started for a test: its own process group, its output kept, always stopped."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

TAIL_CHARACTERS: Final = 6000
"""How much of a program's output goes into an assertion message."""

DIES_WITH_US: Final = ("setpriv", "--pdeathsig", "TERM", "--")
"""From util-linux: the kernel ends the program when the test run itself is killed."""

SYSTEM_PATHS: Final = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where Debian keeps servers; an ordinary user's PATH does not name them."""


class PeerFailed(AssertionError):
    """A peer could not be started, or ended otherwise than the test says."""


def find_program(name: str, *, package: str) -> str:
    """Return the path of a program. A missing one fails the test: it is never skipped."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_PATHS}")
    if found is None:
        raise PeerFailed(f"{name} is not installed; Debian package {package} has it")
    return found


class Program:
    """A child process. Leaving its `with` block ends it, whatever happened inside."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        work: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.command = [str(word) for word in command]
        self.work = work
        self.output_path = work / f"{name}.out"
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start the program with no input; its output is appended to `output_path`."""
        with self.output_path.open("ab") as output:
            self._process = subprocess.Popen(
                [*DIES_WITH_US, *self.command],
                cwd=self.work,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )
        return self

    @property
    def pid(self) -> int:
        """Process id, also after the end."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """Exit status, negative for a signal; None while it runs or before it started."""
        return None if self._process is None else self._process.poll()

    def is_running(self) -> bool:
        """Tell whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def wait(self, timeout_seconds: float) -> int:
        """Wait for the program's own end and return its exit status."""
        assert self._process is not None, f"{self.name} was never started"
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise PeerFailed(
                f"{self.name} did not end within {timeout_seconds:g} s\n{self.report()}"
            ) from None

    def stop(self, *, grace_seconds: float = 5.0) -> None:
        """Ask the program to end, then end its whole process group. Safe to call twice."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_seconds)
        self.kill()

    def kill(self) -> None:
        """End the program and everything it started with SIGKILL, as a crash would."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def output(self) -> str:
        """Return what the program has printed so far."""
        if not self.output_path.exists():
            return ""
        return self.output_path.read_text(encoding="utf-8", errors="replace")

    def report(self) -> str:
        """Return what a reader of a failed test needs: command, status, end of the output."""
        return (
            f"--- {self.name}: {' '.join(self.command)}\n"
            f"--- exit status {self.exit_status}\n{self.output()[-TAIL_CHARACTERS:]}"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
