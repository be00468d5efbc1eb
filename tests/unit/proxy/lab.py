"""A bench for the proxy core: bytes go in on a flow, and what comes out is looked at, parsed."""

# ruff: noqa: ANN401 - what a test changes of a request is anything

from collections.abc import Iterable, Sequence
from typing import Any

from sipedge.limits.guard import SourceGuard
from sipedge.limits.tickets import RefusalTicket
from sipedge.proxy.directory import LineProfile, TrunkProfile
from sipedge.proxy.edge import Edge
from sipedge.proxy.effects import Effect, RecordCall, RecordRefusal
from sipedge.proxy.listeners import Listeners
from sipedge.proxy.records import CallRecord
from sipedge.proxy.refusals import Refusal
from sipedge.proxy.settings import ProxySettings
from sipedge.sip import digest
from sipedge.sip.flow import Flow
from sipedge.sip.message import Request, Response, parse_message
from sipedge.testing.builders import (
    CARRIER_HOST,
    DOMAIN,
    EDGE_HOST,
    EDGE_PORT,
    TCP,
    TOKEN_KEY,
    UDP,
    build_edge,
    build_line,
    build_trunk,
    password_of,
)
from sipedge.testing.messages import (
    as_request,
    as_response,
    header_lines,
    route_set,
    target_of,
    write_message,
    write_response,
    write_sdp,
)

__all__ = [
    "ALICE",
    "BOB",
    "CAROL",
    "CARRIER",
    "Call",
    "Lab",
    "Sent",
    "as_request",
    "as_response",
    "header_lines",
    "write_message",
    "write_response",
]

ALICE = "0033972100001"
BOB = "0033972100002"
CAROL = "0033972100003"
HOSTS = {ALICE: "198.51.100.1", BOB: "198.51.100.2", CAROL: "198.51.100.3"}
CARRIER = Flow(UDP, "UDP", CARRIER_HOST, 5060)
NOBODY: frozenset[bytes] = frozenset()


class Sent:
    """One message that the edge sent."""

    def __init__(self, flow: Flow, wire: bytes) -> None:
        self.flow = flow
        self.wire = wire
        self.message = parse_message(wire)

    @property
    def word(self) -> str:
        """The method of a request, the status of a response."""
        message = self.message
        return message.method.decode() if isinstance(message, Request) else str(message.status)

    @property
    def request(self) -> Request:
        return as_request(self.wire)

    @property
    def response(self) -> Response:
        return as_response(self.wire)

    def header(self, name: bytes) -> list[bytes]:
        return header_lines(self.message, name)

    def __repr__(self) -> str:
        return f"<{self.word} to {self.flow.host}:{self.flow.port}>"


class Lab:
    """An edge with three lines of two calls each and a trunk; challenges only when asked to."""

    def __init__(
        self,
        *,
        lines: Iterable[LineProfile] | None = None,
        trunks: Iterable[TrunkProfile] | None = None,
        authenticate: frozenset[bytes] = NOBODY,
        settings: ProxySettings | None = None,
        listeners: Listeners | None = None,
        guard: SourceGuard | None = None,
        token_key: bytes = TOKEN_KEY,
        seed: int = 1,
    ) -> None:
        self.now = 1000.0
        self.edge: Edge = build_edge(
            lines=[build_line(number) for number in HOSTS] if lines is None else lines,
            trunks=[build_trunk()] if trunks is None else trunks,
            settings=settings or ProxySettings(authenticate=authenticate),
            listeners=listeners,
            guard=guard,
            token_key=token_key,
            seed=seed,
        )
        self.core = self.edge.core
        self.effects: list[Effect] = []
        self.serial = 0

    # ------------------------------------------------------------------ bytes in, messages out

    def send(self, wire: bytes, flow: Flow) -> list[Sent]:
        """Give bytes to the edge and return what it sends because of them."""
        self.edge.receive(wire, flow, self.now)
        return self.drain()

    def drain(self) -> list[Sent]:
        self.effects += self.core.effects.take_others()
        return [Sent(flow, wire) for flow, wire in self.core.effects.take_sends()]

    def one(self, wire: bytes, flow: Flow) -> Sent:
        """Give bytes to the edge, which must send exactly one message."""
        sent = self.send(wire, flow)
        assert len(sent) == 1, sent
        return sent[0]

    def silence(self, wire: bytes, flow: Flow) -> None:
        """Give bytes to the edge, which must send nothing."""
        assert self.send(wire, flow) == []

    def run(self, seconds: float) -> list[Sent]:
        """Let time pass, from deadline to deadline, and return what the edge sends meanwhile."""
        end = self.now + seconds
        sent: list[Sent] = []
        while (deadline := self.edge.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.edge.handle_timers(self.now)
            sent += self.drain()
        self.now = end
        return sent

    # --------------------------------------------------------------------------- what is there

    def used(self, number: str) -> int:
        """Slots held by a line."""
        return self.core.ledger.used(f"line:{number}")

    def refusals(self) -> dict[str, int]:
        """The refusals counted, without those that never happened."""
        return {name: count for name, count in self.core.counters.refusals.items() if count}

    def refused(self, refusal: Refusal) -> int:
        return self.core.counters.refusals[refusal.value]

    def records(self) -> list[CallRecord]:
        return [effect.record for effect in self.effects if isinstance(effect, RecordCall)]

    def tickets(self) -> list[RefusalTicket]:
        return [effect.ticket for effect in self.effects if isinstance(effect, RecordRefusal)]

    def assert_idle(self) -> None:
        """No call, lease or transaction is left once what lingers by the RFC is over."""
        self.run(300)
        assert self.core.ledger.all_leases() == []
        assert len(self.core.calls) == 0
        layer = self.core.layer
        assert (layer.servers, layer.clients, layer.connections) == ({}, {}, {})
        assert layer.count_by_kind() == dict.fromkeys(layer.count_by_kind(), 0)

    # --------------------------------------------------------------------------------- writing

    def flow(self, number: str, port: int = 5060) -> Flow:
        """The flow of the phone of a line."""
        return Flow(UDP, "UDP", HOSTS[number], port)

    def request(
        self,
        method: str,
        uri: str,
        *,
        caller: str = ALICE,
        flow: Flow | None = None,
        call_id: str = "",
        from_tag: str = "a",
        from_value: str = "",
        to_value: str = "",
        to_tag: str = "",
        cseq: int = 1,
        via: str = "",
        branch: str = "",
        contact: str | None = None,
        max_forwards: int | None = 70,
        extra: Sequence[str | bytes] = (),
        body: bytes = b"",
    ) -> bytes:
        """Write a request of a phone, every part of it open to change."""
        self.serial += 1
        flow = flow or self.flow(caller)
        host = f"[{flow.host}]" if ":" in flow.host else flow.host
        branch = branch or f"z9hG4bK-{self.serial}"
        lines = [f"Via: {via or f'SIP/2.0/{flow.transport} {host}:{flow.port};branch={branch}'}"]
        lines.append(f"From: {from_value or f'<sip:{caller}@{DOMAIN}>'};tag={from_tag}")
        to = to_value or f"<{uri}>"
        lines.append(f"To: {to};tag={to_tag}" if to_tag else f"To: {to}")
        lines.append(f"Call-ID: {call_id or f'call-{self.serial}'}")
        lines.append(f"CSeq: {cseq} {method}")
        if max_forwards is not None:
            lines.append(f"Max-Forwards: {max_forwards}")
        if contact is None:
            lines.append(f"Contact: <sip:{caller}@{host}:{flow.port}>")
        elif contact:
            lines.append(f"Contact: {contact}")
        encoded = [line.encode() for line in lines]
        encoded += [line if isinstance(line, bytes) else line.encode() for line in extra]
        return write_message(f"{method} {uri} SIP/2.0".encode(), encoded, body)

    def register(
        self,
        number: str,
        *contacts: str,
        flow: Flow | None = None,
        **changes: Any,
    ) -> bytes:
        """Write a REGISTER; without contacts, one for the place it is sent from."""
        flow = flow or self.flow(number)
        host = f"[{flow.host}]" if ":" in flow.host else flow.host
        values = contacts or (f"<sip:{number}@{host}:{flow.port}>",)
        extra = changes.pop("extra", ())
        assert isinstance(extra, Sequence)
        lines = [f"Contact: {value}" for value in values if value]
        options: dict[str, Any] = {
            "caller": number,
            "flow": flow,
            "to_value": f"<sip:{number}@{DOMAIN}>",
            "contact": "",
            "extra": [*lines, *extra],
        } | changes
        uri = str(options.pop("uri", f"sip:{DOMAIN}"))
        return self.request("REGISTER", uri, **options)

    def invite(self, callee: str, *, caller: str = ALICE, **changes: Any) -> bytes:
        """Write an INVITE of a phone to a number."""
        uri = str(changes.pop("uri", f"sip:{callee}@{DOMAIN}"))
        options: dict[str, Any] = {
            "caller": caller,
            "extra": ["Content-Type: application/sdp"],
            "body": write_sdp(HOSTS.get(caller, CARRIER_HOST)),
        } | changes
        return self.request("INVITE", uri, **options)

    def carrier_invite(
        self, callee: str, *, caller: str = "0033612345678", **changes: Any
    ) -> bytes:
        """Write an INVITE of the carrier to a number of ours."""
        options: dict[str, Any] = {
            "flow": CARRIER,
            "uri": f"sip:{callee}@{EDGE_HOST}:{EDGE_PORT}",
        }
        return self.invite(callee, caller=caller, **(options | changes))

    def authorize(self, wire: bytes, challenge: Sent, number: str, **changes: Any) -> bytes:
        """Return the request once more, with the proof that the challenge asks for."""
        request = as_request(wire)
        is_proxy = challenge.word == "407"
        name = b"Proxy-Authenticate" if is_proxy else b"WWW-Authenticate"
        asked = digest.parse_challenge(challenge.header(name)[0])
        assert asked is not None
        options: dict[str, Any] = {
            "username": number.encode(),
            "secret": password_of(number).encode(),
            "method": request.method,
            "uri": request.uri,
            "cnonce": b"c%d" % self.serial,
            "nc": 1,
        } | changes
        value = digest.build_credentials(asked, **options)
        self.serial += 1
        answer = b"Proxy-Authorization: " if is_proxy else b"Authorization: "
        lines = [
            b"Via: SIP/2.0/UDP %b;branch=z9hG4bK-%d" % (request.via_sent_by, self.serial)
            if i == 0
            else line.replace(
                b"CSeq: %d " % request.cseq_number, b"CSeq: %d " % (request.cseq_number + 1)
            )
            for i, line in enumerate(request.lines)
            if not line.startswith(b"Content-Length")
            and not (line.startswith(answer) and DOMAIN.encode() in line)
        ]
        return write_message(request.start_line, [*lines, answer + value], request.body)

    # ----------------------------------------------------------------------------- whole scenes

    def register_all(self) -> None:
        """Register every line at its own place."""
        for number in HOSTS:
            assert self.one(self.register(number), self.flow(number)).word == "200"

    def dial(self, callee: str = BOB, *, caller: str = ALICE, **changes: Any) -> "Call":
        """Send an INVITE that must pass, and return the call with all its branches."""
        flow = changes.get("flow") or self.flow(caller)
        assert isinstance(flow, Flow)
        wire = self.invite(callee, caller=caller, **changes)
        return Call(self, wire, flow, self.send(wire, flow))

    def dial_in(self, callee: str = BOB, **changes: Any) -> "Call":
        """Let the carrier call a number of ours."""
        wire = self.carrier_invite(callee, **changes)
        return Call(self, wire, CARRIER, self.send(wire, CARRIER))


class Call:
    """A call under way, seen from both ends: what the caller sent, what each callee received."""

    def __init__(self, lab: Lab, invite: bytes, flow: Flow, sent: list[Sent]) -> None:
        self.lab = lab
        self.invite = as_request(invite)
        self.flow = flow
        self.trying = [item for item in sent if item.word == "100"]
        self.branches = [item for item in sent if item.word == "INVITE"]
        assert len(self.trying) == 1, sent
        assert self.branches, sent
        self.answer: Response | None = None
        self.answered_by = 0

    @property
    def branch(self) -> Sent:
        assert len(self.branches) == 1, self.branches
        return self.branches[0]

    def reply(
        self,
        status: int,
        *,
        branch: int = 0,
        tag: str = "",
        extra: Sequence[bytes] = (),
        contact: str | None = None,
        request: Request | None = None,
    ) -> list[Sent]:
        """Let the callee of a branch answer."""
        target = self.branches[branch]
        lines = list(extra)
        if contact is None and 100 < status < 300:
            host = f"[{target.flow.host}]" if ":" in target.flow.host else target.flow.host
            lines.append(f"Contact: <sip:callee@{host}:{target.flow.port}>".encode())
        elif contact:
            lines.append(f"Contact: {contact}".encode())
        to_tag = b"" if status == 100 else (tag or f"b{branch}").encode()
        wire = write_response(request or target.request, status, to_tag=to_tag, extra=lines)
        return self.lab.send(wire, target.flow)

    def ring(self, branch: int = 0, **changes: Any) -> list[Sent]:
        return self.reply(180, branch=branch, **changes)

    def pick_up(self, branch: int = 0, **changes: Any) -> list[Sent]:
        """Let the callee of a branch answer 200 and the caller acknowledge it."""
        sent = self.reply(200, branch=branch, **changes)
        answers = [item for item in sent if item.word == "200" and item.flow.host == self.flow.host]
        assert answers, sent
        self.answer = answers[0].response
        self.answered_by = branch
        self.lab.send(self.in_dialog("ACK", cseq=self.invite.cseq_number), self.flow)
        return sent

    def cancel(self) -> list[Sent]:
        """Let the caller give up."""
        invite = self.invite
        lines = [invite.lines[0]]
        lines += [line for line in invite.lines if line.startswith((b"From:", b"To:", b"Call-ID:"))]
        lines += [b"CSeq: %d CANCEL" % invite.cseq_number, b"Max-Forwards: 70"]
        return self.lab.send(write_message(b"CANCEL %b SIP/2.0" % invite.uri, lines), self.flow)

    def acknowledge(self, refusal: Sent) -> list[Sent]:
        """Let the caller acknowledge a refusal."""
        invite = self.invite
        lines = [invite.lines[0]]
        lines += [line for line in invite.lines if line.startswith((b"From:", b"Call-ID:"))]
        lines += [b"To: " + refusal.header(b"To")[0]]
        lines += [b"CSeq: %d ACK" % invite.cseq_number, b"Max-Forwards: 70"]
        return self.lab.send(write_message(b"ACK %b SIP/2.0" % invite.uri, lines), self.flow)

    def in_dialog(
        self,
        method: str,
        *,
        by_caller: bool = True,
        cseq: int = 2,
        routes: bool | list[bytes] = True,
        uri: bytes = b"",
        extra: Sequence[bytes] = (),
        flow: Flow | None = None,
        body: bytes = b"",
        to_tag: bytes | None = None,
    ) -> bytes:
        """Write a request inside the dialog; `routes` False leaves the route set out (SIPp)."""
        lab = self.lab
        lab.serial += 1
        assert self.answer is not None
        invite, answer = self.invite, self.answer
        branch = self.branches[self.answered_by]
        if by_caller:
            source = flow or self.flow
            lines_from = b"From: " + header_lines(invite, b"From")[0]
            lines_to = b"To: " + header_lines(answer, b"To")[0]
            route_values = route_set(answer, is_caller=True)
            target = target_of(header_lines(answer, b"Contact")[0])
        else:
            source = flow or branch.flow
            lines_from = b"From: " + header_lines(answer, b"To")[0]
            lines_to = b"To: " + header_lines(invite, b"From")[0]
            route_values = route_set(branch.message, is_caller=False)
            target = target_of(header_lines(invite, b"Contact")[0])
        if to_tag is not None:
            lines_to = lines_to.partition(b";tag=")[0] + (b";tag=" + to_tag if to_tag else b"")
        if isinstance(routes, list):
            route_values = routes
        elif not routes:
            route_values = []
        host = f"[{source.host}]" if ":" in source.host else source.host
        lines = [
            f"Via: SIP/2.0/{source.transport} {host}:{source.port}".encode()
            + f";branch=z9hG4bK-{lab.serial}".encode(),
            *[b"Route: " + route for route in route_values],
            lines_from,
            lines_to,
            b"Call-ID: " + invite.call_id,
            f"CSeq: {cseq} {method}".encode(),
            b"Max-Forwards: 70",
            *extra,
        ]
        start_line = b"%b %b SIP/2.0" % (method.encode(), uri or target)
        return write_message(start_line, lines, body)

    def send_in_dialog(self, method: str, *, by_caller: bool = True, **changes: Any) -> list[Sent]:
        """Send a request inside the dialog from the side that makes it."""
        wire = self.in_dialog(method, by_caller=by_caller, **changes)
        flow = changes.get("flow") or (
            self.flow if by_caller else self.branches[self.answered_by].flow
        )
        assert isinstance(flow, Flow)
        return self.lab.send(wire, flow)

    def hang_up(self, *, by_caller: bool = True, status: int = 200, **changes: Any) -> list[Sent]:
        """Send a BYE from one side and the response from the other; return what comes of it."""
        sent = self.send_in_dialog("BYE", by_caller=by_caller, **changes)
        assert [item.word for item in sent] == ["BYE"], sent
        return self.lab.send(write_response(sent[0].request, status), sent[0].flow)


def tcp(host: str, port: int = 40_000, connection: int = 7) -> Flow:
    """A stream that a phone opened."""
    return Flow(TCP, "TCP", host, port, connection)


def ends_with_domain(uri: bytes) -> bool:
    return uri.endswith(DOMAIN.encode())
