"""The story that `sipedge demo` tells: each step does something and checks that it happened.

A step returns what to print, or raises StepFailed. What phones saw is asked of the phones, what
the edge counted is asked of the edge.
"""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from sipedge.cli.demo_edge import EdgeProcess
from sipedge.cli.screen import rows_of
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.message import Response, parse_message
from sipedge.testing.agent import Address
from sipedge.testing.calls import TALKING, AgentCall, IncomingCall, OutgoingCall
from sipedge.testing.live import LivePeer, LivePeers, address_of, open_socket
from sipedge.testing.messages import header_lines
from sipedge.testing.phone import Phone
from sipedge.testing.trunk import Carrier

CALLER: Final = "0033972100001"
CALLEE: Final = "0033972100002"
PASSWORDS: Final = {CALLER: "s3cret-0001", CALLEE: "s3cret-0002"}
ABROAD: Final = ("0145000001", "0145000002")
CARRIER_HOST: Final = "127.0.0.2"
PAID_CALLS: Final = 2
# How long a step waits for what takes milliseconds: two noisy cores, and no more patience.
STEP_SECONDS: Final = 8.0
_POLL_SECONDS: Final = 0.05
_TICKET: Final = re.compile(r"R-[0-9A-Z]{4,}")

Lines = list[str]


class StepFailed(Exception):
    """A step did not happen; the sentence says what came instead."""


def check(is_so: object, sentence: str) -> None:
    """Raise StepFailed with this sentence unless it is so."""
    if not is_so:
        raise StepFailed(sentence)


def answer_at_once(call: IncomingCall) -> None:
    """Let a phone ring and pick it up."""
    call.ring()
    call.answer()


def check_refusal(call: OutgoingCall, heard: list[bytes], paid: int) -> tuple[str, Lines]:
    """Check that a call was refused as one too many; return its ticket and what the phone saw."""
    check(call.is_over, f"the call is {call.stage.value}, and not refused")
    answers = [found for wire in heard if (found := _final_response(wire, call.call_id))]
    check(answers, "the phone got no final answer to its INVITE")
    answer = answers[-1]
    first_line = f"SIP/2.0 {answer.status} {answer.reason.decode('utf-8', 'replace')}"
    check(answer.status == 486, f"the phone got {first_line} instead of 486")
    warning = _header(answer, b"Warning")
    ticket = _TICKET.search(warning)
    if ticket is None or f"{paid}/{paid} calls" not in warning:
        raise StepFailed(f"no ticket with {paid}/{paid} calls in Warning: {warning or 'none'}")
    reason = _header(answer, b"Reason")
    check(reason == "Q.850;cause=34", f"the Reason is {reason or 'missing'}, not Q.850;cause=34")
    return ticket.group(), [first_line, f"Warning: {warning}", f"Reason: {reason}"]


def check_why(output: str, ticket: str, held: list[AgentCall]) -> None:
    """Check that the explanation of a refusal names its ticket and each call that held the line."""
    check(ticket in output, f"`why` does not name {ticket}")
    for number, call in enumerate(held, start=1):
        call_id = call.call_id.decode("ascii")
        check(call_id in output, f"`why` does not name call {number}, {call_id}")


class Story:
    """Two phones, a carrier and an edge, and what happens between them, step by step.

    Use `steps` in their order; each is a title and what to await.
    """

    def __init__(self, edge: EdgeProcess, peers: LivePeers, carrier: Carrier) -> None:
        self.edge = edge
        self.peers = peers
        self.carrier = carrier
        carrier.on_call = answer_at_once
        self._phones: dict[str, LivePeer] = {}
        self._calls: list[OutgoingCall] = []
        self._refused: OutgoingCall | None = None
        self._ticket = ""

    @property
    def steps(self) -> tuple[tuple[str, Callable[[], Awaitable[Lines]]], ...]:
        """The steps: title, and the work that returns what to print of it."""
        return (
            ("start", self.start),
            ("register", self.register),
            ("call 1", self.call_colleague),
            ("call 2", self.call_abroad),
            ("call 3", self.call_too_many),
            ("why", self.ask_why),
            ("pay", self.pay),
            ("call 3", self.call_again),
            ("hang up", self.hang_up),
            ("empty", self.find_empty),
        )

    async def start(self) -> Lines:
        """Start the edge on this machine only."""
        await self.edge.start()
        host, port = await self.edge.address()
        self.carrier.edge = (host, port)
        status = await self.edge.ask("status")
        lines = status.get("lines")
        check(lines == 3, f"the edge knows {lines} lines and not the three of the demo")
        return [f"`sipedge run` serves {lines} lines on {host}:{port}, with a trunk to a carrier"]

    async def register(self) -> Lines:
        """Let both phones prove their password."""
        address = await self.edge.address()
        for number in (CALLER, CALLEE):
            self._phones[number] = self._place_phone(number, address)
        phones = [self._phone(number) for number in (CALLER, CALLEE)]
        for phone in phones:
            phone.register()
        await self.peers.until(lambda: all(phone.registration_status for phone in phones))
        for phone in phones:
            status = phone.registration_status
            check(status == 200, f"{phone.user} was answered {status} to its REGISTER")
        count = (await self.edge.ask("status")).get("registrations")
        check(count == 2, f"the edge has {count} registrations and not 2")
        return [f"{CALLER} and {CALLEE}: 401, digest proof, 200; 2 registrations"]

    async def call_colleague(self) -> Lines:
        """Call the other line."""
        call = await self._connect(CALLEE)
        other = self._phone(CALLEE)
        check(_talks(other, call), f"{CALLEE} does not talk")
        return [f"{CALLER} calls {CALLEE}: answered; {await self._check_use(1, PAID_CALLS)}"]

    async def call_abroad(self) -> Lines:
        """Call out through the trunk."""
        call = await self._connect(ABROAD[0])
        check(_talks(self.carrier, call), "the carrier does not talk")
        used = await self._check_use(2, PAID_CALLS)
        return [f"{CALLER} calls {ABROAD[0]} through the carrier: answered; {used}"]

    async def call_too_many(self) -> Lines:
        """Dial the third number, which the line does not pay for."""
        calls_before = len(self._carrier_calls())
        call = self._phone(CALLER).call(ABROAD[1])
        await self.peers.until(lambda: call.is_over or call.stage is TALKING, STEP_SECONDS)
        heard = list(self._phones[CALLER].heard)
        self._ticket, seen = check_refusal(call, heard, PAID_CALLS)
        check(len(self._carrier_calls()) == calls_before, "the carrier was called all the same")
        await self._check_use(PAID_CALLS, PAID_CALLS)
        return [f"{CALLER} dials {ABROAD[1]}, and its phone is told:", *seen]

    async def ask_why(self) -> Lines:
        """Ask the operator's question."""
        explained = await self.edge.command("why", self._ticket)
        check(explained.status == 0, f"`why` ended with {explained.status}: {explained.output}")
        check_why(explained.output, self._ticket, list(self._calls))
        lines = [line.rstrip() for line in explained.output.splitlines()]
        shown = [line for line in lines if line and not _is_ruler(line)]
        return [f"$ sipedge why {self._ticket}", *shown]

    async def pay(self) -> Lines:
        """Raise the line while its calls are up."""
        wanted = PAID_CALLS + 1
        changed = await self.edge.command("line", "set", CALLER, "--calls", str(wanted))
        check(changed.status == 0, f"`line set` ended with {changed.status}: {changed.output}")
        used = await self._check_use(PAID_CALLS, wanted)
        command = f"$ sipedge line set {CALLER} --calls {wanted}"
        return [command, f"{changed.output.strip()}; no restart, no call cut: {used}"]

    async def call_again(self) -> Lines:
        """Dial the refused number once more."""
        call = await self._connect(ABROAD[1])
        check(_talks(self.carrier, call), "the carrier does not talk")
        used = await self._check_use(PAID_CALLS + 1, PAID_CALLS + 1)
        return [f"{CALLER} dials {ABROAD[1]} again: answered; {used}"]

    async def hang_up(self) -> Lines:
        """End the calls, one from each party."""
        first, second, third = self._calls
        first.hang_up()
        _same_call(self._phone(CALLEE), first)
        _same_call(self.carrier, second).hang_up()
        third.hang_up()
        everybody = (self._phone(CALLER), self._phone(CALLEE), self.carrier)
        ended = await self.peers.until(
            lambda: not any(peer.current for peer in everybody), STEP_SECONDS
        )
        check(ended, "a call is still up at one of the phones")
        check(second.ended_by == "them", "the caller did not hear the carrier hang up")
        return ["one ended by the carrier, two by the caller; both sides of each agree"]

    async def find_empty(self) -> Lines:
        """Find nothing left in the ledger."""
        deadline = asyncio.get_running_loop().time() + STEP_SECONDS
        while True:
            status = await self.edge.ask("status")
            left = {name: status.get(name) for name in ("calls", "slots_in_use")}
            if not any(left.values()) or asyncio.get_running_loop().time() > deadline:
                break
            # The edge keeps a call until the BYE transaction is over.
            await self.peers.until(lambda: False, _POLL_SECONDS)
        check(set(left.values()) == {0}, f"the edge still counts {left}")
        listed = await self.edge.command("calls")
        check(listed.output.strip() == "No calls.", f"`sipedge calls` says: {listed.output}")
        return [f"$ sipedge calls: {listed.output.strip()} 0 slots in use"]

    def _place_phone(self, number: str, edge: Address) -> LivePeer:
        sock = open_socket()
        loop = asyncio.get_running_loop()
        seed = secrets.randbits(64)
        phone = Phone(number, PASSWORDS[number], address_of(sock), edge, loop.time, seed=seed)
        phone.on_call = answer_at_once
        return self.peers.join(phone, sock)

    def _phone(self, number: str) -> Phone:
        agent = self._phones[number].agent
        assert isinstance(agent, Phone), "phones were placed here"
        return agent

    def _carrier_calls(self) -> list[AgentCall]:
        return self.carrier.calls

    async def _connect(self, number: str) -> OutgoingCall:
        call = self._phone(CALLER).call(number)
        await self.peers.until(lambda: call.is_over or call.stage is TALKING, STEP_SECONDS)
        came = f"{call.status} {call.warning.decode('utf-8', 'replace')}".rstrip()
        if not call.status:
            came = f"it is still {call.stage.value}"
        check(call.stage is TALKING, f"{number} did not answer: {came}")
        self._calls.append(call)
        return call

    async def _check_use(self, used: int, paid: int) -> str:
        """Check how many calls the edge counts for the line, and how many it would let pass."""
        answer = await self.edge.ask("calls", query={"line": CALLER})
        leases = [
            lease
            for row in rows_of(answer.get("calls"))
            for lease in rows_of(row.get("leases"))
            if lease.get("line") == CALLER
        ]
        check(len(leases) == used, f"the edge counts {len(leases)} calls of the line, not {used}")
        return f"the line uses {used} of {paid} calls"


def _final_response(wire: bytes, call_id: bytes) -> Response | None:
    """Return a message as the last answer to an INVITE of this call; None when it is another."""
    try:
        message = parse_message(wire)
    except MalformedMessage:
        return None
    if not isinstance(message, Response) or message.call_id != call_id:
        return None
    is_final = message.status >= 200 and message.status not in {401, 407}
    return message if is_final and message.cseq_method == b"INVITE" else None


def _header(message: Response, name: bytes) -> str:
    return (header_lines(message, name) or [b""])[0].decode("utf-8", "replace")


def _same_call(peer: Phone, call: OutgoingCall) -> AgentCall:
    """Return the other end of a call, as that peer knows it."""
    found = [other for other in peer.calls if other.call_id == call.call_id]
    check(found, f"{peer.user} knows nothing of the call")
    return found[-1]


def _talks(peer: Phone, call: OutgoingCall) -> bool:
    return any(other.call_id == call.call_id and other.stage is TALKING for other in peer.calls)


def _is_ruler(line: str) -> bool:
    return not any(char.isalnum() for char in line)
