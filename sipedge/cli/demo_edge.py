"""The edge of `sipedge demo`: a `sipedge run` of its own, in a folder that goes away with it."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sipedge
from sipedge.cli.edge_client import EdgeClient, Json
from sipedge.cli.output import CommandError
from sipedge.config import load_settings
from sipedge.testing.agent import Address

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 5.0
COMMAND_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05

_CONFIGURATION: Final = """\
[edge]
name = "demo"
domains = ["edge.test"]
data_dir = "{folder}/var"

[sip]
listen = ["udp://127.0.0.1:0"]

[http]
listen = ""

[database]
url = "sqlite:///{folder}/var/sipedge.db"

[[trunk]]
name = "carrier"
destinations = ["sip:{carrier_host}:{carrier_port}"]
numbers = ["0", "+"]
trusted = ["{carrier_host}"]
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended, and what it printed."""

    status: int
    output: str


class EdgeProcess:
    """An edge in a process of its own, and the operator's commands on it."""

    def __init__(self, folder: Path, carrier: Address, data: str) -> None:
        self.config = folder / "sipedge.toml"
        self.log = folder / "edge.log"
        self._data = folder / "demo.toml"
        self._process: asyncio.subprocess.Process | None = None
        self.config.write_text(
            _CONFIGURATION.format(folder=folder, carrier_host=carrier[0], carrier_port=carrier[1])
        )
        self._data.write_text(data)
        settings = load_settings(self.config, environ={})
        self._client = EdgeClient(settings.edge.control_socket, COMMAND_SECONDS)

    async def start(self) -> None:
        """Start the edge and return once it answers; CommandError when it does not."""
        with self.log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *_command("run", "--config", str(self.config), "--demo-data", str(self._data)),
                env=_environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_SECONDS
        while True:
            try:
                await self.ask("status")
            except CommandError:
                if self._process.returncode is not None or loop.time() > deadline:
                    raise
                await asyncio.sleep(_POLL_SECONDS)
            else:
                return

    async def stop(self) -> None:
        """End the edge, by force when it does not end by itself."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def ask(self, *segments: str, query: Mapping[str, str] | None = None) -> Json:
        """Ask the running edge something, as the commands do."""
        return await asyncio.to_thread(self._client.get, *segments, query=query)

    async def address(self) -> Address:
        """Return where the edge listens for SIP over UDP."""
        listeners = (await self.ask("status")).get("listeners")
        assert isinstance(listeners, list), "the status names the listeners"
        _transport, host, port = str(listeners[0]).split(":")
        return host, int(port)

    async def command(self, *words: str) -> Outcome:
        """Run `sipedge WORDS` against this edge, as an operator would."""
        process = await asyncio.create_subprocess_exec(
            *_command(*words, "--config", str(self.config)),
            env=_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return Outcome(process.returncode or 0, output.decode("utf-8", "replace"))

    def last_words(self) -> list[str]:
        """Return the end of what the edge printed, for a report of a failure."""
        if not self.log.exists():
            return []
        return self.log.read_text("utf-8", "replace").splitlines()[-5:]


def _command(*words: str) -> list[str]:
    # Not from the working directory (-P): the same program as this one.
    return [sys.executable, "-P", "-m", "sipedge", *words]


def _environment() -> dict[str, str]:
    """Return our environment without settings, which would reach into the demo."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIPEDGE")}
    here = str(Path(sipedge.__file__).parents[1])
    paths = [here, *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(paths), "NO_COLOR": "1"}
