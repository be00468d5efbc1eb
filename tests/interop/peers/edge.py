"""A real `sipedge run` process in a folder of its own: start, restart, ask, scrape, stop."""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from tests.interop.peers.addresses import Address, free_address
from tests.interop.peers.program import PeerFailed, Program
from tests.interop.peers.toml_text import Document, Scalar, toml_text
from tests.interop.peers.waiting import Timeout, wait_until

DOMAIN: Final = "edge.test"
EDGE_HOST: Final = "127.0.0.1"
CARRIER_HOST: Final = "127.0.0.2"
BILLING_ACCOUNT: Final = "ab1234-edge-1"
NICHANDLE: Final = "ab1234-edge"
COMMAND_SECONDS: Final = 60.0
START_SECONDS: Final = 60.0
LEAK_METRICS: Final = ("sipedge_calls_active", "sipedge_slots_in_use")
IDLE_SECONDS: Final = 40.0
"""Longer than 64*T1: what only a transaction timeout clears is clear by then."""

_SAMPLE: Final = re.compile(
    r"^(?P<name>[a-zA-Z_:][^ ]*(?:\{.*\})?) (?P<value>[^ ]+)$", re.MULTILINE
)


@dataclass(frozen=True)
class Line:
    """One line of the data file: digest user (its number), secret and paid calls."""

    number: str
    secret: str
    simultaneous_calls: int = 2


def make_lines(count: int, *, simultaneous_calls: int = 2) -> list[Line]:
    """Make that many lines with consecutive numbers, each with a secret of its own."""
    return [
        Line(f"00339721{index:05d}", f"s3cret-{index:05d}", simultaneous_calls)
        for index in range(1, count + 1)
    ]


def data_document(lines: Sequence[Line]) -> Document:
    """Return the data file for one customer with these lines."""
    return {
        "contact": [
            {
                "nichandle": NICHANDLE,
                "email": "ops@example.test",
                "name": "Example",
                "password": "a-console-password-1",
                "voip_validated": True,
            }
        ],
        "group": [
            {
                "billing_account": BILLING_ACCOUNT,
                "admin": NICHANDLE,
                "tech": NICHANDLE,
                "billing": NICHANDLE,
            }
        ],
        "line": [
            {
                "number": line.number,
                "group": BILLING_ACCOUNT,
                "offer": "entreprise",
                "simultaneous_calls": line.simultaneous_calls,
                "password": line.secret,
            }
            for line in lines
        ],
    }


@dataclass
class EdgeSettings:
    """What a test may choose; everything else is as an operator would leave it."""

    authenticate: Sequence[str] = ("REGISTER", "INVITE")
    trunk_prefixes: Sequence[str] = ("0", "+")
    carrier: Address = field(default_factory=lambda: free_address(CARRIER_HOST))
    extra: Mapping[str, Mapping[str, Scalar | Sequence[Scalar]]] = field(default_factory=dict)
    """More keys by section, for instance `{"limits": {"call_kbps_max": 90}}`."""


class Edge(Program):
    """The edge under test: `address` for SIP over UDP and TCP, `tls_address`, and `http`."""

    def __init__(
        self, *, work: Path, lines: Sequence[Line], settings: EdgeSettings | None = None
    ) -> None:
        self.lines = list(lines)
        self.settings = settings or EdgeSettings()
        self.carrier = self.settings.carrier
        self.address = free_address(EDGE_HOST)
        self.tls_address = free_address(EDGE_HOST)
        self.http = free_address(EDGE_HOST)
        self.folder = work / "edge"
        self.folder.mkdir(parents=True)
        self.config_path = self.folder / "sipedge.toml"
        self.data_path = self.folder / "data.toml"
        self._unused_lines = iter(self.lines)
        self.program = str(Path(sys.executable).with_name("sipedge"))
        super().__init__(
            "sipedge", [self.program, "run", "--config", str(self.config_path)], work=self.folder
        )

    def take_line(self) -> Line:
        """Return a line no test of this edge has used yet, so that no old binding is in the way."""
        return next(self._unused_lines)

    def prepare(self) -> Self:
        """Write the configuration and import the data into an empty database."""
        self.config_path.write_text(toml_text(self._configuration()), encoding="utf-8")
        self.data_path.write_text(toml_text(data_document(self.lines)), encoding="utf-8")
        self.cli("import", str(self.data_path))
        return self

    def start(self) -> Self:
        """Start the edge and return when /readyz says 200."""
        super().start()
        wait_until(
            lambda: self._is_ready() or not self.is_running(),
            what=f"{self.http}/readyz answers 200",
            timeout_seconds=START_SECONDS,
            explain=self.report,
        )
        if not self.is_running():
            raise PeerFailed(f"the edge ended at once\n{self.report()}")
        return self

    def restart(self, *, crash: bool = False) -> None:
        """Stop the edge in order, or with SIGKILL, and start it again on the same database."""
        if crash:
            self.kill()
        else:
            self.stop(grace_seconds=20.0)
        self.start()

    def cli(self, *words: str, expect: int = 0) -> str:
        """Run `sipedge WORDS` with this edge's configuration and return what it prints."""
        done = subprocess.run(
            [self.program, *words, "--config", str(self.config_path)],
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
            cwd=self.folder,
        )
        if done.returncode != expect:
            raise PeerFailed(
                f"sipedge {' '.join(words)}: status {done.returncode}, expected {expect}\n"
                f"{done.stdout}\n{done.stderr}\n{self.report()}"
            )
        return done.stdout

    def cli_json(self, *words: str) -> object:
        """Run a command with --json and return what it printed, decoded."""
        return json.loads(self.cli(*words, "--json"))

    def metrics(self) -> dict[str, float]:
        """Scrape /metrics: sample name with its labels, as printed, to its value."""
        return {
            sample["name"]: float(sample["value"])
            for sample in _SAMPLE.finditer(self._get("/metrics"))
        }

    def await_metric(self, name: str, value: float, *, timeout_seconds: float = 20.0) -> None:
        """Wait until a sample has this value."""
        wait_until(
            lambda: self.metrics().get(name) == value,
            what=f"{name} is {value:g}",
            timeout_seconds=timeout_seconds,
            explain=lambda: f"{name} is {self.metrics().get(name)}\n{self.report()}",
        )

    def slots(self) -> float:
        """Return how many calls are up or slots are held, whichever is more, as /metrics says."""
        sample = self.metrics()
        return max(sample[name] for name in LEAK_METRICS)

    def assert_idle(self, *, but: float = 0) -> None:
        """No call and no slot is left: what every scenario must leave behind."""
        try:
            wait_until(
                lambda: self.slots() <= but,
                what=f"{' and '.join(LEAK_METRICS)} are {but:g} again",
                timeout_seconds=IDLE_SECONDS,
                explain=lambda: f"{self.cli('calls')}\n{self.report()}",
            )
        except Timeout as leak:
            raise PeerFailed(f"leak: {leak}") from None

    def _is_ready(self) -> bool:
        try:
            self._get("/readyz")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return True

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://{self.http}{path}", timeout=5.0) as answer:
            text: bytes = answer.read()
        return text.decode("utf-8")

    def _configuration(self) -> Document:
        base: dict[str, dict[str, Scalar | Sequence[Scalar]]] = {
            "edge": {"name": "edge1", "domains": [DOMAIN], "data_dir": str(self.folder / "var")},
            "sip": {
                "listen": [
                    f"udp://{self.address}",
                    f"tcp://{self.address}",
                    f"tls://{self.tls_address}",
                ],
                "authenticate": list(self.settings.authenticate),
            },
            "http": {"listen": str(self.http)},
            "provisioning": {"listen": str(free_address(EDGE_HOST))},
            "database": {"url": f"sqlite:///{self.folder / 'sipedge.db'}"},
        }
        for section, keys in self.settings.extra.items():
            base.setdefault(section, {}).update(keys)
        return {
            **base,
            "trunk": [
                {
                    "name": "carrier",
                    "destinations": [f"sip:{self.carrier}"],
                    "numbers": list(self.settings.trunk_prefixes),
                    "trusted": [self.carrier.host],
                }
            ],
        }
