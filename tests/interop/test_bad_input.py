"""What strangers and mistakes do to a running edge: nothing, and it can be seen."""

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.interop.peers.addresses import Address
from tests.interop.peers.edge import DOMAIN, Edge, make_lines
from tests.interop.peers.probe import answers_options
from tests.interop.peers.waiting import wait_until
from tests.interop.stage import Stage

STRANGER_HOST: Final = "127.0.0.77"
FLOODER_HOST: Final = "127.0.0.66"
ANSWER_SECONDS: Final = 5.0
# Five times what a source may waste, sent for as long as the calls of the others take.
FLOOD_PER_SECOND: Final = 5_000
DROPPED: Final = 'sipedge_messages_dropped_total{reason="banned_or_flooding"}'
MALFORMED: Final = 'sipedge_calls_refused_total{reason="malformed"}'
UNANSWERABLE: Final = 'sipedge_messages_dropped_total{reason="unanswerable"}'

GOOD_LINES: Final = (
    "Via: SIP/2.0/UDP {here};branch=z9hG4bK-{token};rport",
    "Max-Forwards: 70",
    "From: <sip:stranger@example.test>;tag={token}",
    f"To: <sip:0033972100001@{DOMAIN}>",
    "Call-ID: {token}",
    "CSeq: 1 INVITE",
    "Content-Length: 0",
)


class Stranger:
    """A socket somewhere on loopback that sends what it likes and reads what comes back."""

    def __init__(self, host: str, edge: Address) -> None:
        self._edge = edge
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.settimeout(ANSWER_SECONDS)
        self.here = "{}:{}".format(*self._socket.getsockname())

    def send(self, wire: bytes) -> None:
        self._socket.sendto(wire, self._edge)

    def asks(self, wire: bytes) -> str:
        """Send and return the first line of the answer."""
        self.send(wire)
        return self._socket.recv(65_535).split(b"\r\n", 1)[0].decode("ascii")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def stranger(running_edge: Edge) -> Iterator[Stranger]:
    stranger = Stranger(STRANGER_HOST, running_edge.address)
    yield stranger
    stranger.close()


def write_invite(here: str, token: str, **changes: str) -> bytes:
    """Write an INVITE in which the named header lines stand as given; an empty one is left out."""
    lines = [f"INVITE sip:0033972100001@{DOMAIN} SIP/2.0"]
    for line in GOOD_LINES:
        name = line.partition(":")[0]
        changed = changes.get(name.replace("-", "_"), line)
        if changed:
            lines.append(changed.format(here=here, token=token))
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def count_transactions(edge: Edge) -> float:
    return sum(
        value for name, value in edge.metrics().items() if name.startswith("sipedge_transactions{")
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"CSeq": "CSeq: one INVITE"},
        {"CSeq": "CSeq: 1 OPTIONS"},
        {"From": ""},
        {"To": ""},
        {"Call_ID": ""},
        {"From": "From: <sip:stranger@example.test;tag=a"},
        {"Content_Length": "Content-Length: -1"},
        {"Content_Length": "Content-Length: 9999"},
        {"Content_Length": "Content-Length: 0\r\nContent-Length: 7"},
    ],
    ids=lambda changes: ",".join(changes.values()) or "missing " + ",".join(changes),
)
def test_a_malformed_request_gets_400_and_costs_no_state(
    running_edge: Edge, stranger: Stranger, changes: dict[str, str]
) -> None:
    before = count_transactions(running_edge)
    counted = running_edge.metrics()[MALFORMED]
    answer = stranger.asks(write_invite(stranger.here, "malformed", **changes))
    assert answer.startswith("SIP/2.0 400 "), answer
    assert count_transactions(running_edge) == before
    assert running_edge.metrics()[MALFORMED] == counted + 1
    assert running_edge.slots() == 0


def test_what_cannot_be_answered_is_counted_and_costs_no_state(
    running_edge: Edge, stranger: Stranger
) -> None:
    before = count_transactions(running_edge)
    counted = running_edge.metrics()[UNANSWERABLE]
    nonsense = (
        b"\x00" * 100,
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(range(256)) * 20,
        write_invite(stranger.here, "no-via", Via=""),
        write_invite(stranger.here, "no-cseq", CSeq=""),
        b"INVITE sip:a SIP/2.0\r\n" * 100,
    )
    for wire in nonsense:
        stranger.send(wire)
    wait_until(
        lambda: running_edge.metrics()[UNANSWERABLE] == counted + len(nonsense),
        what="every piece of nonsense is counted",
        explain=lambda: str(running_edge.metrics()),
    )
    assert count_transactions(running_edge) == before


def test_a_stream_of_nonsense_is_closed_and_the_edge_goes_on(running_edge: Edge) -> None:
    for wire in (
        b"\x16\x03\x01\x02\x00\x01\x00" + b"\r\n\r\n" * 100,
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        write_invite("127.0.0.1:5060", "stream", Content_Length="Content-Length: many"),
    ):
        with socket.create_connection(running_edge.address, timeout=ANSWER_SECONDS) as stream:
            stream.sendall(wire)
            while stream.recv(65_536):
                pass
    wait_until(lambda: answers_options(running_edge.address), what="the edge goes on")


@contextmanager
def flood(edge: Address) -> Iterator[None]:
    """Send guesses from one address, as a scanner does, for the length of a block."""
    is_over = threading.Event()
    flooder = Stranger(FLOODER_HOST, edge)

    def send() -> None:
        wire = write_invite(flooder.here, "flood", CSeq="CSeq: x")
        began_at = time.monotonic()
        sent = 0
        while not is_over.is_set():
            due = int((time.monotonic() - began_at) * FLOOD_PER_SECOND)
            for _ in range(due - sent):
                flooder.send(wire)
            sent = due
            is_over.wait(0.01)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        flooder.close()


def test_a_flood_is_refused_before_parsing_and_others_do_not_feel_it(stage: Stage) -> None:
    """Calls from another address go on beside it, without one failure."""
    edge = stage.edge
    caller, callee = stage.phone(), stage.phone()
    for phone in (caller, callee):
        edge.cli("line", "set", phone.line.number, "--calls", "50")
    callee.registers()
    callee.plays("uas_answer", calls=100)
    dropped = edge.metrics()[DROPPED]
    malformed = edge.metrics()[MALFORMED]
    with flood(edge.address):
        wait_until(lambda: edge.metrics()[DROPPED] > dropped, what="the flood is noticed")
        calls = caller.calls(callee.line.number, calls=100, options=("-r", "20"))
        calls.must_succeed()
        assert not answers_options(edge.address, source=FLOODER_HOST), "its source is banned"
        wait_until(
            lambda: answers_options(edge.address, source=STRANGER_HOST),
            what="somebody else is answered",
        )
    metrics = edge.metrics()
    assert metrics[DROPPED] - dropped > FLOOD_PER_SECOND
    # What was parsed before the ban came: the burst, and what came back to the bucket meanwhile.
    assert metrics[MALFORMED] - malformed < 4_000


def run(edge: Edge, *words: str, config: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [edge.program, *words, "--config", str(config or edge.config_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=edge.folder,
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "edge1"', 'name = "edge1"\nnmae = "x"', ("edge.nmae", "write `name`")),
        ('listen = ["udp://', 'listen = ["udp//', ("sip.listen", "udp//", "write")),
        ('authenticate = ["REGISTER"', 'authenticate = ["RIGESTER"', ("RIGESTER", "REGISTER")),
        ("[sip]", "[sip", ("line ",)),
        ("trusted = [", "trusted = [7, ", ("trunk", "trusted", "7")),
    ],
    ids=["unknown key", "address", "method", "no TOML", "type"],
)
def test_a_wrong_configuration_is_one_line_and_starts_nothing(
    running_edge: Edge, tmp_path: Path, old: str, new: str, said: tuple[str, ...]
) -> None:
    text = running_edge.config_path.read_text("utf-8")
    text = text.replace(str(running_edge.folder), str(tmp_path))
    assert text.count(old) == 1
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(text.replace(old, new), "utf-8")
    for command in ("run", "check-config"):
        ended = run(running_edge, command, config=wrong)
        assert (ended.returncode, ended.stdout) == (2, "")
        (line,) = ended.stderr.splitlines()
        for part in (str(wrong), *said):
            assert part in line
    assert list(tmp_path.iterdir()) == [wrong]


def test_a_wrong_data_file_is_one_line_and_changes_nothing(running_edge: Edge) -> None:
    """Neither in the database nor in the edge that runs on it."""
    listed = running_edge.cli("line", "list")
    paid = running_edge.metrics()["sipedge_slots_paid"]
    wrong = running_edge.folder / "wrong-data.toml"
    text = running_edge.data_path.read_text("utf-8")
    good, bad = "simultaneous_calls = 2", 'simultaneous_calls = "two"'
    head, _, tail = text.rpartition(good)
    # The first line of the file would change, the last one is the mistake.
    wrong.write_text(head.replace(good, "simultaneous_calls = 9", 1) + bad + tail, "utf-8")
    ended = run(running_edge, "import", str(wrong))
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    for part in (str(wrong), "line", running_edge.lines[-1].number, "simultaneous_calls", "two"):
        assert part in line
    assert running_edge.cli("line", "list") == listed
    assert running_edge.metrics()["sipedge_slots_paid"] == paid


def test_a_taken_address_is_one_line_and_status_3(running_edge: Edge, tmp_path: Path) -> None:
    other = Edge(work=tmp_path, lines=make_lines(1))
    other.address = running_edge.address
    other.prepare()
    ended = run(other, "run")
    assert (ended.returncode, ended.stdout) == (3, "")
    lines = [line for line in ended.stderr.splitlines() if line.startswith("sipedge: ")]
    assert len(lines) == 1
    assert f"sip.listen: cannot listen on udp://{running_edge.address}" in lines[0]
