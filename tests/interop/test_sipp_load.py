"""A short load test, so that the long one (`make loadtest`) always works."""

import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


def test_two_hundred_calls_a_second_pass_without_a_failure() -> None:
    """`python loadtests/run.py --quick`: no failed call; the ratio is only printed."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "loadtests" / "run.py"), "--quick"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "| ratio |" in done.stdout
