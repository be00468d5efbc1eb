"""A progress line for work that takes longer than two seconds."""

import sys
import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

# Work that ends before this says nothing.
QUIET_SECONDS: Final = 1.0
_STEP_PERCENT: Final = 10


class ProgressLine:
    """Shows stage and share done: a bar on a terminal, a line every 10% otherwise.

    Use as a context manager and hand `update` to the work.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._started_at = time.monotonic()
        self._stage = ""
        self._percent = 0
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` of a stage are done."""
        if time.monotonic() - self._started_at < QUIET_SECONDS:
            return
        if sys.stderr.isatty():
            self._draw(stage, done, total)
        else:
            self._print(stage, done, total)

    def _draw(self, stage: str, done: int, total: int) -> None:
        if self._bar is None or self._task is None:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task(stage, total=total)
            self._bar.start()
        description = f"{self._title}: {stage}"
        self._bar.update(self._task, description=description, completed=done, total=total)

    def _print(self, stage: str, done: int, total: int) -> None:
        percent = 100 * done // total // _STEP_PERCENT * _STEP_PERCENT if total else 100
        if stage != self._stage:
            self._stage, self._percent = stage, 0
        if percent > self._percent:
            self._percent = percent
            line = f"{self._title}: {stage} {percent}% ({done:,} of {total:,})"
            print(line, file=sys.stderr, flush=True)
