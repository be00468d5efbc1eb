"""SIPp (Debian sip-tester): run one scenario, read its statistics, messages and errors."""

import csv
import re
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from tests.interop.peers.addresses import Address, free_address, is_bound
from tests.interop.peers.program import PeerFailed, Program, find_program
from tests.interop.peers.waiting import wait_until

SCENARIOS: Final = Path(__file__).resolve().parent.parent / "scenarios"
BUILT_IN: Final = frozenset({"uac", "uas"})
CONTROL_HOST: Final = "127.0.9.9"
"""SIPp takes each byte sent to its control port for a key, `q` for quit: keep late SIP away."""
TRACE_CHARACTERS: Final = 12000

_TRACED: Final = re.compile(
    r"^-{40,} (?P<at>[^\n]+)\n(?P<transport>\w+) message (?P<way>sent|received) [^\n]*\n\n",
    re.MULTILINE,
)


class TracedMessage(NamedTuple):
    """One message of the trace: sent by this SIPp or received by it."""

    is_sent: bool
    text: str

    @property
    def first_line(self) -> str:
        """Request line or status line."""
        return self.text.split("\n", 1)[0].strip()

    def header(self, name: str) -> str:
        """Return the first value of a header, or an empty string."""
        found = re.search(
            rf"^{re.escape(name)}[ \t]*:[ \t]*(.*?)\r?$", self.text, re.IGNORECASE | re.MULTILINE
        )
        return found.group(1) if found else ""

    def branch(self) -> str:
        """Return the branch of the topmost Via, which names the transaction."""
        found = re.search(r"branch=([^;,\s]+)", self.header("Via"))
        return found.group(1) if found else ""


class Login(NamedTuple):
    """Digest user and secret of a line."""

    user: str
    secret: str


class Sipp(Program):
    """One SIPp process on one address: a caller when `remote` is given, else a callee.

    `scenario` is a file name of scenarios/ without its suffix, or "uac"/"uas" for those built in.
    """

    def __init__(
        self,
        scenario: str,
        *,
        work: Path,
        local: Address,
        remote: Address | None = None,
        called: str = "",
        calls: int = 1,
        login: Login | None = None,
        keys: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.scenario = scenario
        self.local = local
        self.folder = _own_folder(work, scenario)
        self.call_id_word = f"{self.folder.name}-{local.port}"
        super().__init__(scenario, [], work=self.folder)
        self.command = [
            find_program("sipp", package="sip-tester"),
            *([str(remote)] if remote else []),
            *_scenario_options(scenario),
            *("-i", local.host, "-bind_local", "-p", str(local.port), "-t", "u1"),
            *("-mi", local.host, "-mp", str(free_address(local.host).port)),
            *("-ci", CONTROL_HOST, "-cp", str(free_address(CONTROL_HOST).port)),
            *("-m", str(calls), "-nostdin", "-cid_str", f"%u-{self.call_id_word}@%s"),
            *("-trace_stat", "-stf", str(self._statistics_path), "-fd", "1"),
            *("-trace_err", "-error_file", str(self._errors_path)),
            *("-trace_msg", "-message_file", str(self._messages_path)),
            *(["-s", called] if called else []),
            *(["-au", login.user, "-ap", login.secret] if login else []),
            *[word for key, value in (keys or {}).items() for word in ("-key", key, value)],
            *options,
        ]

    def start(self) -> Self:
        """Start SIPp and return when it holds its address."""
        super().start()
        wait_until(
            lambda: is_bound(self.local) or not self.is_running(),
            what=f"{self.name} binds {self.local}",
            explain=self.report,
        )
        return self

    def must_succeed(self, *, timeout_seconds: float = 40.0) -> Self:
        """Wait for the end; every call must have followed the scenario to its last step."""
        status = self.wait(timeout_seconds)
        counted = self.statistics()
        if status != 0 or counted.get("FailedCall(C)", 0) != 0:
            raise PeerFailed(f"{self.name}: a call left the scenario\n{self.report()}")
        return self

    def cue(self, call_id: str) -> None:
        """Let a call that waits for a MESSAGE go on: the test's own way to say "now"."""
        text = (
            f"MESSAGE sip:cue@{self.local} SIP/2.0\r\n"
            "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKcue\r\n"
            "From: <sip:cue@127.0.0.1>;tag=cue\r\nTo: <sip:cue@127.0.0.1>\r\n"
            f"Call-ID: {call_id}\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n"
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
            datagram.sendto(text.encode("ascii"), self.local)

    @property
    def call_id(self) -> str:
        """Call-ID of the first call this SIPp makes."""
        return f"1-{self.call_id_word}@{self.local.host}"

    def statistics(self) -> dict[str, float]:
        """Return the numbers of the last line of the statistics file; empty when there is none."""
        if not self._statistics_path.exists():
            return {}
        with self._statistics_path.open(encoding="latin-1", newline="") as lines:
            rows = list(csv.DictReader(lines, delimiter=";"))
        return _numbers(rows[-1]) if rows else {}

    def messages(self) -> list[TracedMessage]:
        """Return the messages sent and received so far, in order."""
        if not self._messages_path.exists():
            return []
        text = self._messages_path.read_text(encoding="latin-1")
        heads = list(_TRACED.finditer(text))
        ends = [*(head.start() for head in heads[1:]), len(text)]
        return [
            TracedMessage(head["way"] == "sent", text[head.end() : end])
            for head, end in zip(heads, ends, strict=False)
        ]

    def received(self, first_word: str) -> list[TracedMessage]:
        """Return the received requests of a method ("INVITE") or responses of a status ("486")."""
        return [message for message in self.messages() if _is_incoming(message, first_word)]

    def await_received(self, first_word: str, *, timeout_seconds: float = 20.0) -> TracedMessage:
        """Wait until such a message has arrived and return the last one of them."""
        return wait_until(
            lambda: self.received(first_word),
            what=f"{self.name} at {self.local} receives {first_word}",
            timeout_seconds=timeout_seconds,
            explain=self.report,
        )[-1]

    def report(self) -> str:
        """Return command, status, errors and message trace for an assertion message."""
        errors = self._errors_path.read_text("latin-1") if self._errors_path.exists() else ""
        trace = self._messages_path.read_text("latin-1") if self._messages_path.exists() else ""
        return (
            f"--- {self.name}: {' '.join(self.command)}\n--- exit status {self.exit_status}\n"
            f"--- errors\n{errors[-TRACE_CHARACTERS:]}\n--- messages\n{trace[-TRACE_CHARACTERS:]}"
        )

    @property
    def _statistics_path(self) -> Path:
        return self.folder / "statistics.csv"

    @property
    def _errors_path(self) -> Path:
        return self.folder / "errors.log"

    @property
    def _messages_path(self) -> Path:
        return self.folder / "messages.log"


def _own_folder(work: Path, scenario: str) -> Path:
    """Make a folder for one run; the same scenario may run several times in one test."""
    number = 1 + sum(1 for path in work.glob(f"sipp-{scenario}-*"))
    folder = work / f"sipp-{scenario}-{number}"
    folder.mkdir(parents=True)
    return folder


def _scenario_options(scenario: str) -> list[str]:
    if scenario in BUILT_IN:
        return ["-sn", scenario]
    path = SCENARIOS / f"{scenario}.xml"
    assert path.is_file(), f"no such scenario: {path}"
    return ["-sf", str(path)]


def _is_incoming(message: TracedMessage, first_word: str) -> bool:
    if message.is_sent:
        return False
    if first_word.isdigit():
        return message.first_line.startswith(f"SIP/2.0 {first_word} ")
    return message.first_line.startswith(f"{first_word} ")


def _numbers(row: Mapping[str, str | None]) -> dict[str, float]:
    """Keep the columns of SIPp's statistics that are plain numbers."""
    found: dict[str, float] = {}
    for name, text in row.items():
        try:
            found[name] = float(text or "")
        except ValueError:
            continue
    return found
