"""Micro-benchmarks of the hot path: CPU microseconds of one step, best and median of the rounds.

Read them as ratios between two commits on one machine; `make loadtest` tells about calls a second.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from sipedge.limits.guard import SourceGuard
from sipedge.limits.ledger import INCOMING, OUTGOING, Claim, Ledger
from sipedge.proxy.edge import Edge
from sipedge.proxy.location import Binding
from sipedge.proxy.settings import ProxySettings
from sipedge.sip.build import build_response
from sipedge.sip.edit import Edits
from sipedge.sip.flow import Flow
from sipedge.sip.framing import StreamFramer
from sipedge.sip.headers import parse_via
from sipedge.sip.message import Request, parse_message
from sipedge.sip.names import CONTACT, RECORD_ROUTE, VIA
from sipedge.sip.uri import parse_uri
from sipedge.sip.wheel import Timed, Wheel
from sipedge.testing.builders import DOMAIN, EDGE_HOST, build_edge, build_line

ROUNDS: Final = 15
ROUND_SECONDS: Final = 0.05
CALLS: Final = 200  # of one round of whole calls

CALLER: Final = "0033972100001"
CALLEE: Final = "0033972100002"
CALLER_FLOW: Final = Flow(0, "UDP", "198.51.100.1", 5060)
CALLEE_FLOW: Final = Flow(0, "UDP", "198.51.100.2", 5060)
SDP: Final = (
    b"v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 8 0 18 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:18 G729/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n"
)


def build_request(method: bytes, serial: int, *, to_tag: bytes = b"", body: bytes = b"") -> bytes:
    """Return a request as a desk phone writes it; `serial` makes its call its own."""
    number = b"1" if method != b"BYE" else b"2"
    lines = [
        b"%b sip:%b@%b SIP/2.0" % (method, CALLEE.encode(), DOMAIN.encode()),
        b"Via: SIP/2.0/UDP 198.51.100.1:5060;rport;branch=z9hG4bK-%x-%b" % (serial, method),
        b'From: "Line one" <sip:%b@%b>;tag=from-%x' % (CALLER.encode(), DOMAIN.encode(), serial),
        b"To: <sip:%b@%b>%b" % (CALLEE.encode(), DOMAIN.encode(), to_tag),
        b"Call-ID: %x-bench@198.51.100.1" % serial,
        b"CSeq: %b %b" % (number, method),
        b"Contact: <sip:%b@198.51.100.1:5060>" % CALLER.encode(),
        b"Max-Forwards: 70",
        b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, NOTIFY, REFER, UPDATE",
        b"Supported: replaces, timer, path",
        b"User-Agent: Desk Phone 1.2.3",
        b"Content-Type: application/sdp",
        b"Content-Length: %d" % len(body),
    ]
    return b"\r\n".join([*lines, b"", body])


def build_answer(wire: bytes, status: int, reason: bytes) -> bytes:
    """Return what a phone answers to a request that the edge sent it."""
    request = parse_message(wire)
    assert isinstance(request, Request)
    routes = [b"Record-Route: " + value for value in request.values(RECORD_ROUTE)]
    contact = b"Contact: <sip:%b@198.51.100.2:5060>" % CALLEE.encode()
    return build_response(request, status, reason, b"callee", [*routes, contact])


class CallBench:
    """An edge in memory with two lines, and calls from one to the other."""

    def __init__(self) -> None:
        lines = [build_line(CALLER, 1_000_000), build_line(CALLEE, 1_000_000)]
        settings = ProxySettings(authenticate=frozenset(), domains=(DOMAIN, EDGE_HOST))
        self.edge: Edge = build_edge(lines=lines, settings=settings)
        location = self.edge.core.location
        contact = b"sip:%b@198.51.100.2:5060" % CALLEE.encode()
        location.add(Binding(location, CALLEE.encode(), contact, CALLEE_FLOW, 1e9))
        self.serial = 0
        self.now = 1.0

    def round(self) -> float:
        """Place, answer and end `CALLS` calls; return the CPU seconds of the edge for one."""
        serials = range(self.serial, self.serial + CALLS)
        self.serial += CALLS
        self.now += 2.0
        spent = 0.0

        def pass_on(wires: list[bytes], flow: Flow) -> list[bytes]:
            nonlocal spent
            started = time.process_time()
            sent = [self.last_sent(wire, flow) for wire in wires]
            spent += time.process_time() - started
            return sent

        tag = b";tag=callee"
        invites = pass_on([build_request(b"INVITE", n, body=SDP) for n in serials], CALLER_FLOW)
        pass_on([build_answer(wire, 180, b"Ringing") for wire in invites], CALLEE_FLOW)
        pass_on([build_answer(wire, 200, b"OK") for wire in invites], CALLEE_FLOW)
        pass_on([build_request(b"ACK", n, to_tag=tag) for n in serials], CALLER_FLOW)
        byes = pass_on([build_request(b"BYE", n, to_tag=tag) for n in serials], CALLER_FLOW)
        pass_on([build_answer(wire, 200, b"OK") for wire in byes], CALLEE_FLOW)
        started = time.process_time()
        self.edge.handle_timers(self.now)
        return (spent + time.process_time() - started) / CALLS

    def last_sent(self, wire: bytes, flow: Flow) -> bytes:
        """Hand one message to the edge; return the last that it sends for it."""
        effects = self.edge.core.effects
        self.edge.receive(wire, flow, self.now)
        effects.take_others()
        return effects.take_sends()[-1][1]


def calls() -> Callable[[], float]:
    """Return the rounds of whole calls, after the transactions of 32 seconds have filled up."""
    bench = CallBench()
    for _ in range(20):
        bench.round()
    return bench.round


def round_of(step: Callable[[], object]) -> Callable[[], float]:
    """Return a function that repeats a step for one round and tells the CPU seconds of one step."""
    repeats = 1
    while True:
        started = time.process_time()
        for _ in range(repeats):
            step()
        if time.process_time() - started > ROUND_SECONDS:
            break
        repeats *= 2

    def measure() -> float:
        started = time.process_time()
        for _ in range(repeats):
            step()
        return (time.process_time() - started) / repeats

    return measure


def steps() -> dict[str, Callable[[], object]]:
    """The steps that are timed one by one, by name."""
    invite = build_request(b"INVITE", 1, body=SDP)
    answer = build_answer(invite, 200, b"OK")
    request = parse_message(invite)
    assert isinstance(request, Request)
    via = request.values(VIA)[0]
    uri = b"sip:0033972100002@edge.test:5060;transport=udp"
    stream = StreamFramer()
    wheel, item = Wheel(), Timed()
    ledger = Ledger("bench", 1)
    claims = [Claim("line:1", 5, OUTGOING, CALLEE), Claim("line:2", 5, INCOMING, CALLER)]
    guard = SourceGuard(1_000.0, 1_000.0, 60.0, 1_000)

    def splice() -> bytes:
        edits = Edits(request)
        edits.prepend(VIA, b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-edge")
        edits.replace(CONTACT, b"Contact: <sip:192.0.2.1>")
        return edits.splice()

    def lease() -> None:
        leases = ledger.take(claims, 1, 1.0, 60.0)
        assert isinstance(leases, list)
        for held in leases:
            ledger.free(held, 2.0, "bye")

    def arm() -> None:
        wheel.arm(item, 32.0)
        wheel.disarm(item)

    return {
        f"parse an INVITE of {len(invite)} bytes": lambda: parse_message(invite),
        "parse a 200": lambda: parse_message(answer),
        "parse a Via": lambda: parse_via(via),
        "parse a SIP URI": lambda: parse_uri(uri),
        "splice an INVITE with two edits": splice,
        "build a 180": lambda: build_response(request, 180, b"Ringing", b"tag"),
        "cut an INVITE out of a stream": lambda: stream.feed(invite),
        "arm and disarm a timer": arm,
        "take and free the two leases of a call": lease,
        "screen a source": lambda: guard.allows("198.51.100.1", 1.0),
    }


def main() -> None:
    """Time every step and print one line for each."""
    width = 42
    print(f"{'step':{width}}{'best us':>10}{'median us':>12}")
    benches: dict[str, Callable[[], Callable[[], float]]] = {
        name: partial(round_of, step) for name, step in steps().items()
    }
    benches["a whole call, 6 messages in, no socket"] = calls
    for name, prepare in benches.items():
        measure = prepare()
        measure()
        rounds = [measure() * 1e6 for _ in range(ROUNDS)]
        print(f"{name:{width}}{min(rounds):10.2f}{statistics.median(rounds):12.2f}", flush=True)


if __name__ == "__main__":
    main()
