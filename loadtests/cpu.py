"""CPU time of a server: all its processes and threads, as the kernel's scheduler counts it."""

from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")


def family_of(pid: int) -> list[int]:
    """Return a process and all its descendants; a server may be many processes."""
    children: dict[int, list[int]] = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            parent = _parent_of(int(folder.name))
            children.setdefault(parent, []).append(int(folder.name))
    found, waiting = [], [pid]
    while waiting:
        process = waiting.pop()
        found.append(process)
        waiting.extend(children.get(process, []))
    return found


def cpu_seconds(pid: int) -> float:
    """Return the seconds all threads of a process and of its descendants have spent on a CPU.

    From the first field of /proc/PID/task/TID/schedstat, in nanoseconds: user and system time
    without the 10 ms grain of /proc/PID/stat. A thread that ended takes its time with it, so a
    server is measured with the threads it keeps.
    """
    total = 0
    for process in family_of(pid):
        for task in (PROC / str(process) / "task").glob("*/schedstat"):
            try:
                total += int(task.read_text(encoding="ascii").split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue
    return total / 1e9


def resident_megabytes(pid: int) -> float:
    """Return the memory a process and its descendants hold, pages they share counted once (PSS)."""
    total = 0
    for process in family_of(pid):
        try:
            text = (PROC / str(process) / "smaps_rollup").read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total / 1024


def _parent_of(pid: int) -> int:
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="latin-1")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(text.rpartition(")")[2].split()[1])
