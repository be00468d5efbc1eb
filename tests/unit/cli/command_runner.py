"""Runs one command in this process and tells how it ended, as `sipedge` itself would."""

from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from sipedge.cli.program import main


@dataclass(frozen=True)
class Outcome:
    status: int
    stdout: str
    stderr: str

    def rows(self) -> list[str]:
        """Return the lines of the standard output with single spaces."""
        return [" ".join(line.split()) for line in self.stdout.splitlines()]


Run = Callable[..., Outcome]


def run_command(config: Path, *words: str) -> Outcome:
    stdout, stderr = StringIO(), StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr):
        status = main([*words, "--config", str(config)])
    return Outcome(status, stdout.getvalue(), stderr.getvalue())
