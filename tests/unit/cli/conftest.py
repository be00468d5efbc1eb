from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sipedge.config import load_settings
from tests.unit.cli.command_runner import Run, run_command
from tests.unit.cli.control_server import StandInControl, serving


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "sipedge.toml"
    path.write_text(f'[edge]\ndata_dir = "{tmp_path}"\n')
    return path


@pytest.fixture
def control(config: Path) -> Iterator[StandInControl]:
    stand_in = StandInControl()
    with serving(stand_in, load_settings(config, {}).edge.control_socket):
        yield stand_in


@pytest.fixture
def run(config: Path) -> Run:
    """Run a command with our configuration."""
    return partial(run_command, config)
