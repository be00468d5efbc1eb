"""What every simulated user agent does: transactions of its own, requests in and requests out.

It shares the parser with the edge and nothing else: its transactions are written for these few
lines, so that a mistake in those of the edge does not hide behind its twin here. Bytes come in by
`receive`, time by `handle_timers`; `take_sends` gives what is to leave. The clock is a callable, so
that a simulation and a loop of asyncio drive the same code.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.message import Request, Response, parse_message
from sipedge.testing.agenda import Agenda, Reminder
from sipedge.testing.messages import write_message, write_response

Address = tuple[str, int]
Answer = Callable[[Response | None], None]

T1: Final = 0.5
T2: Final = 4.0
LIFE: Final = 64 * T1


def write_address(address: Address) -> str:
    """Write `host:port`, an IPv6 host in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class OwnRequest:
    """A request that the agent sent and repeats until a response comes.

    `answer` is called with each response, and with None when none came in time.
    """

    def __init__(self, agent: "UserAgent", wire: bytes, method: str, answer: Answer) -> None:
        self.agent = agent
        self.wire = wire
        self.method = method
        self.answer = answer
        self.pause_seconds = T1
        self.has_response = False
        self.is_over = False
        self._repeat: Reminder | None = None
        self._end = agent.after(LIFE, self._give_up)
        if not agent.is_reliable:
            self._repeat = agent.after(T1, self._send_again)

    def receive(self, response: Response) -> None:
        """Take a response; only the first final one ends a request that is no INVITE."""
        self.has_response = True
        is_final = response.status >= 200
        if self._repeat is not None and (is_final or self.method == "INVITE"):
            self._repeat.call_off()
        if self.method == "INVITE" or is_final:
            self._end.call_off()
        if self.is_over and self.method != "INVITE":
            return
        self.is_over = self.is_over or is_final
        self.answer(response)

    def stop(self) -> None:
        """Repeat it no more and wait for nothing."""
        self._end.call_off()
        if self._repeat is not None:
            self._repeat.call_off()

    def _send_again(self) -> None:
        self.agent.send(self.wire)
        self.agent.copies_sent += 1
        self.pause_seconds *= 2
        if self.method != "INVITE":
            self.pause_seconds = min(self.pause_seconds, T2)
        self._repeat = self.agent.after(self.pause_seconds, self._send_again)

    def _give_up(self) -> None:
        self.stop()
        if not self.is_over:
            self.is_over = True
            self.answer(None)


class UserAgent:
    """A peer of the edge: `address` is where it is, `edge` where it sends everything.

    `asks_for_rport` is RFC 3581. `is_gone` agents hear and say nothing any more.
    """

    transport = "UDP"

    def __init__(
        self,
        address: Address,
        edge: Address,
        clock: Callable[[], float],
        *,
        domain: str = "edge.test",
        seed: int = 1,
        transport: str = "UDP",
        asks_for_rport: bool = True,
    ) -> None:
        self.address = address
        self.edge = edge
        self.clock = clock
        self.domain = domain
        self.random = Random(seed)
        self.transport = transport
        self.asks_for_rport = asks_for_rport
        self.is_gone = False
        self.copies_sent = 0
        self.copies_received = 0
        self.unexpected: list[str] = []
        self._agenda = Agenda()
        self._sends: list[tuple[Address, bytes]] = []
        self._own: dict[tuple[bytes, bytes], OwnRequest] = {}
        # What a copy of a request gets; empty while there is no answer to it.
        self._answered: dict[tuple[bytes, bytes], bytes] = {}

    @property
    def is_reliable(self) -> bool:
        """True on a stream, where nothing is repeated."""
        return self.transport != "UDP"

    # ----------------------------------------------------------------- bytes and time in and out

    def receive(self, wire: bytes, source: Address) -> None:
        """Take one message."""
        if self.is_gone or not wire.strip(b"\r\n"):
            return
        try:
            message = parse_message(wire)
        except MalformedMessage as error:
            self.unexpected.append(f"malformed from {source}: {error.reason}")
            return
        if isinstance(message, Request):
            self._receive_request(message)
            return
        own = self._own.get((message.via_branch, message.cseq_method))
        if own is not None:
            own.receive(message)
        else:
            self.unexpected.append(f"{message.status} without request")

    def next_deadline(self) -> float | None:
        """Return when `handle_timers` wants to be called, None for never."""
        return None if self.is_gone else self._agenda.next_at()

    def handle_timers(self) -> None:
        """Do what is due."""
        if not self.is_gone:
            self._agenda.run(self.clock())

    def take_sends(self) -> list[tuple[Address, bytes]]:
        """Return what is to be sent, with its destination, and forget it."""
        sends, self._sends = self._sends, []
        return [] if self.is_gone else sends

    def after(self, seconds: float, what: Callable[[], None]) -> Reminder:
        """Do something in a while."""
        return self._agenda.add(self.clock() + seconds, what)

    def send(self, wire: bytes) -> None:
        """Send to the edge."""
        self._sends.append((self.edge, wire))

    def vanish(self) -> None:
        """Lose power: nothing is heard or said from now on."""
        self.is_gone = True
        self._agenda.clear()
        self._sends.clear()

    # -------------------------------------------------------------------------------- requests

    def new_token(self) -> str:
        """Return text that nobody else makes: a tag, a branch, a Call-ID."""
        return self.random.randbytes(6).hex()

    def write_via(self, branch: str) -> bytes:
        """Return the Via line of a request of ours."""
        rport = ";rport" if self.asks_for_rport else ""
        where = write_address(self.address)
        return f"Via: SIP/2.0/{self.transport} {where}{rport};branch={branch}".encode()

    def contact_uri(self, user: str) -> str:
        """Return the URI under which the agent wants to be reached."""
        parameter = "" if self.transport == "UDP" else f";transport={self.transport.lower()}"
        return f"sip:{user}@{write_address(self.address)}{parameter}"

    def request(
        self,
        method: str,
        uri: bytes,
        lines: Sequence[bytes],
        answer: Answer,
        *,
        branch: str = "",
        body: bytes = b"",
    ) -> OwnRequest:
        """Send a request with these header lines below our Via, and wait for its responses."""
        branch = branch or f"z9hG4bK{self.new_token()}"
        start_line = b"%b %b SIP/2.0" % (method.encode(), uri)
        wire = write_message(start_line, [self.write_via(branch), *lines], body)
        own = OwnRequest(self, wire, method, answer)
        key = (branch.encode(), method.encode())
        self._own[key] = own
        self.after(4 * LIFE, lambda: self._forget(key))
        self.send(wire)
        return own

    # ------------------------------------------------------------------------------- responses

    def respond(
        self,
        request: Request,
        status: int,
        *,
        to_tag: bytes = b"",
        extra: Sequence[bytes] = (),
        body: bytes = b"",
        phrase: bytes = b"",
    ) -> bytes:
        """Answer a request; a copy of it will get the same answer."""
        wire = write_response(request, status, to_tag=to_tag, extra=extra, body=body, phrase=phrase)
        key = (request.via_branch, request.method)
        self._answered[key] = wire
        if status >= 200:
            self.after(2 * LIFE, lambda: self._forget(key))
        self.send(wire)
        return wire

    def _forget(self, key: tuple[bytes, bytes]) -> None:
        self._own.pop(key, None)
        self._answered.pop(key, None)

    def _receive_request(self, request: Request) -> None:
        key = (request.via_branch, request.method)
        if key in self._answered:
            self.copies_received += 1
            answered = self._answered[key]
            if answered:
                self.send(answered)
            return
        if request.method != b"ACK":
            self._answered[key] = b""
        self.handle_request(request)

    def handle_request(self, request: Request) -> None:
        """Deal with a request that is no copy; OPTIONS gets 200 and the rest 501 here."""
        if request.method != b"ACK":
            self.respond(request, 200 if request.method == b"OPTIONS" else 501)
