"""The calls of a simulated user agent, from both ends: dialogs of its own, and books about them."""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Final

from sipedge.sip.message import Message, Request, Response
from sipedge.testing.agenda import Reminder
from sipedge.testing.agent import LIFE, T1, T2, OwnRequest
from sipedge.testing.messages import header_lines, route_set, target_of, write_message, write_sdp

if TYPE_CHECKING:
    from sipedge.testing.phone import Phone


class Stage(Enum):
    """Where a call stands in the books of one agent."""

    CALLING = "calling"
    RINGING = "ringing"
    TALKING = "talking"
    ENDED = "ended"


CALLING: Final = Stage.CALLING
RINGING: Final = Stage.RINGING
TALKING: Final = Stage.TALKING
ENDED: Final = Stage.ENDED


class AgentCall:
    """One call: `status` is the final response to its INVITE, 0 before, 408 for silence.

    `ended_by` is "us", "them", "refused", "cancelled" or "lost"; `on_change` is called at each
    change of `stage`.
    """

    def __init__(self, phone: "Phone", peer: str) -> None:
        self.phone = phone
        self.peer = peer
        self.stage = CALLING
        self.status = 0
        self.ended_by = ""
        self.warning = b""
        self.call_id = b""
        self.cseq = 0
        self.local = b""
        self.remote = b""
        self.target = b""
        self.routes: list[bytes] = []
        self.on_change: Callable[[AgentCall], None] = lambda _call: None

    @property
    def is_over(self) -> bool:
        """True when nothing is left of it."""
        return self.stage is ENDED

    def hang_up(self) -> None:
        """Send BYE; the call is over when it is answered, or when nobody answers."""
        if self.stage is TALKING:
            self._end("us")
            self.in_dialog("BYE", self._handle_bye_answer)

    def hold(self, direction: bytes = b"sendonly") -> None:
        """Offer to send and hear nothing; `direction` "sendrecv" takes the call up again."""
        if self.stage is not TALKING:
            return
        host = self.phone.address[0]
        self.in_dialog(
            "INVITE", self._handle_reinvite_answer, body=write_sdp(host, direction=direction)
        )

    def in_dialog(
        self,
        method: str,
        answer: Callable[[Response | None], None],
        *,
        body: bytes = b"",
    ) -> OwnRequest:
        """Send a request inside the dialog."""
        self.cseq += 1
        lines = self.dialog_lines(f"{self.cseq} {method}")
        if method in {"INVITE", "UPDATE"}:
            lines.append(self.phone.contact_line())
        if body:
            lines.append(b"Content-Type: application/sdp")
        lines += self.phone.digest.authorize(method.encode(), self.request_uri())
        return self.phone.request(method, self.request_uri(), lines, answer, body=body)

    def request_uri(self) -> bytes:
        """Return the URI of requests in the dialog: the remote target, or what was dialled."""
        if self.phone.follows_routes:
            return self.target
        return f"sip:{self.peer}@{self.phone.domain}".encode()

    def dialog_lines(self, cseq: str) -> list[bytes]:
        """Return the header lines that name the dialog."""
        routes = self.routes if self.phone.follows_routes else []
        return [
            *[b"Route: " + route for route in routes],
            b"From: " + self.local,
            b"To: " + self.remote,
            b"Call-ID: " + self.call_id,
            b"CSeq: " + cseq.encode(),
            b"Max-Forwards: 70",
        ]

    def acknowledge(self, cseq: int) -> bytes:
        """Send the ACK of a 2xx, and return it, to be sent again for each copy of the 2xx."""
        via = self.phone.write_via(f"z9hG4bK{self.phone.new_token()}")
        lines = [via, *self.dialog_lines(f"{cseq} ACK")]
        wire = write_message(b"ACK %b SIP/2.0" % self.request_uri(), lines)
        self.phone.send(wire)
        return wire

    def names(self, message: Message) -> bool:
        """True when a request of the other side belongs to this dialog."""
        return (
            message.call_id == self.call_id
            and message.to_tag == _tag(self.local)
            and message.from_tag == _tag(self.remote)
        )

    def receive_bye(self, request: Request) -> None:
        """The other side hung up."""
        self.phone.respond(request, 200)
        self._end("them")

    def _handle_bye_answer(self, response: Response | None) -> None:
        if response is not None and response.status in {401, 407}:
            self.phone.unexpected.append("challenge for a BYE")

    def _handle_reinvite_answer(self, response: Response | None) -> None:
        if response is None or response.status < 200:
            return
        if response.status < 300:
            self.acknowledge(response.cseq_number)
        else:
            self.phone.acknowledge_refusal(response, self.request_uri(), self.routes)
            if response.status in {408, 481}:
                self._end("lost")

    def _enter(self, stage: Stage) -> None:
        if self.stage is not stage and self.stage is not ENDED:
            self.stage = stage
            self.on_change(self)

    def _end(self, ended_by: str) -> None:
        if self.stage is not ENDED:
            self.ended_by = ended_by
            self._enter(ENDED)


class OutgoingCall(AgentCall):
    """A call that the agent makes."""

    def __init__(self, phone: "Phone", number: str, uri: str) -> None:
        super().__init__(phone, number)
        self.uri = uri.encode()
        self.call_id = phone.new_token().encode()
        self.local = phone.identity() + b";tag=" + phone.new_token().encode()
        self.remote = f"<{uri}>".encode()
        self.is_cancelled = False
        self._attempts = 0
        self._own: OwnRequest | None = None
        self._cancel: OwnRequest | None = None
        self._acks: dict[bytes, bytes] = {}
        self._has_provisional = False
        self._branch = ""

    def start(self) -> None:
        """Send the INVITE."""
        phone = self.phone
        self.cseq += 1
        self._branch = f"z9hG4bK{phone.new_token()}"
        self._has_provisional = False
        lines = [
            b"From: " + self.local,
            b"To: " + self.remote,
            b"Call-ID: " + self.call_id,
            f"CSeq: {self.cseq} INVITE".encode(),
            b"Max-Forwards: 70",
            phone.contact_line(),
            b"Content-Type: application/sdp",
            *phone.digest.authorize(b"INVITE", self.uri),
            *phone.extra_lines,
        ]
        body = write_sdp(phone.address[0])
        self._own = phone.request(
            "INVITE", self.uri, lines, self._receive, branch=self._branch, body=body
        )

    def cancel(self) -> None:
        """Give up; sent at once, or when the first provisional response allows it."""
        if self.is_cancelled or self.stage not in {CALLING, RINGING}:
            return
        self.is_cancelled = True
        if self._has_provisional:
            self._send_cancel()

    def _send_cancel(self) -> None:
        lines = [
            b"From: " + self.local,
            b"To: " + self.remote,
            b"Call-ID: " + self.call_id,
            f"CSeq: {self.cseq} CANCEL".encode(),
            b"Max-Forwards: 70",
        ]
        self._cancel = self.phone.request(
            "CANCEL", self.uri, lines, lambda _response: None, branch=self._branch
        )
        self.phone.after(LIFE + 1, lambda: self._end("cancelled"))

    def _receive(self, response: Response | None) -> None:
        if response is None:
            self.status = 408
            self._end("lost")
        elif response.status < 200:
            if not self._has_provisional:
                self._has_provisional = True
                if self.is_cancelled:
                    self._send_cancel()
            if response.status >= 180:
                self._enter(RINGING)
        elif response.status < 300:
            self._receive_answer(response)
        else:
            self._receive_refusal(response)

    def _receive_answer(self, response: Response) -> None:
        tag = response.to_tag
        known = self._acks.get(tag)
        if known is not None:
            self.phone.send(known)
            return
        if self._acks or self.stage is ENDED or self.is_cancelled:
            self._refuse_answer(response)
            return
        self._open_dialog(response)
        self.status = response.status
        self._acks[tag] = self.acknowledge(response.cseq_number)
        self._enter(TALKING)

    def _open_dialog(self, response: Response) -> None:
        self.remote = header_lines(response, b"To")[0]
        self.target = target_of((header_lines(response, b"Contact") or [b"<" + self.uri + b">"])[0])
        self.routes = route_set(response, is_caller=True)

    def _refuse_answer(self, response: Response) -> None:
        """Acknowledge and end an answer too many: of a second phone, or after the CANCEL."""
        other = AgentCall(self.phone, self.peer)
        other.call_id, other.cseq, other.local = self.call_id, self.cseq, self.local
        other.remote = header_lines(response, b"To")[0]
        contact = header_lines(response, b"Contact") or [b"<" + self.uri + b">"]
        other.target = target_of(contact[0])
        other.routes = route_set(response, is_caller=True)
        other.stage = TALKING
        self._acks[response.to_tag] = other.acknowledge(response.cseq_number)
        other.hang_up()
        if self.is_cancelled:
            self.status = 487
            self._end("cancelled")

    def _receive_refusal(self, response: Response) -> None:
        self.phone.acknowledge_refusal(response, self.uri, [])
        if self.stage is ENDED or response.cseq_number != self.cseq:
            return
        if (
            response.status in {401, 407}
            and not self.is_cancelled
            and self.phone.digest.take_challenge(response, attempts=self._attempts)
        ):
            self._attempts += 1
            self.start()
            return
        self.status = response.status
        self.warning = (header_lines(response, b"Warning") or [b""])[0]
        self._end("cancelled" if self.is_cancelled else "refused")


class IncomingCall(AgentCall):
    """A call to the agent; `invite` is its INVITE."""

    def __init__(self, phone: "Phone", invite: Request) -> None:
        origin = header_lines(invite, b"From")[0]
        user = target_of(origin).partition(b":")[2].partition(b"@")[0]
        super().__init__(phone, user.decode("utf-8", "replace"))
        self.invite = invite
        self.call_id = invite.call_id
        self.tag = phone.new_token().encode()
        self.local = header_lines(invite, b"To")[0] + b";tag=" + self.tag
        self.remote = origin
        self.target = target_of((header_lines(invite, b"Contact") or [origin])[0])
        self.routes = route_set(invite, is_caller=False)
        self._final = b""
        self._repeat: Reminder | None = None
        self._pause_seconds = T1

    def ring(self) -> None:
        """Answer 180."""
        if self.status == 0:
            self.phone.respond(self.invite, 180, to_tag=self.tag, extra=[self.phone.contact_line()])
            self._enter(RINGING)

    def answer(self) -> None:
        """Answer 200, and again until the ACK comes; hang up when none does."""
        if self.status:
            return
        lines = [self.phone.contact_line(), b"Content-Type: application/sdp"]
        body = write_sdp(self.phone.address[0])
        self._enter(TALKING)
        self._send_final(200, lines, body)

    def refuse(self, status: int = 486, extra: Sequence[bytes] = ()) -> None:
        """Answer with a refusal, and again until the ACK comes."""
        if self.status:
            return
        self._send_final(status, extra, b"")
        self._end("cancelled" if status == 487 else "refused")

    def receive_cancel(self, request: Request) -> None:
        """The caller gave up."""
        self.phone.respond(request, 200, to_tag=self.tag)
        self.refuse(487)

    def receive_ack(self, request: Request) -> None:
        """The final response has arrived."""
        if self._repeat is not None and request.cseq_number == self.invite.cseq_number:
            self._repeat.call_off()
            self._repeat = None
            self._final = b""

    def _send_final(self, status: int, lines: Sequence[bytes], body: bytes) -> None:
        self.status = status
        self._final = self.phone.respond(
            self.invite, status, to_tag=self.tag, extra=lines, body=body
        )
        give_up_at = self.phone.clock() + LIFE
        self._repeat = self.phone.after(T1, lambda: self._send_again(give_up_at))

    def _send_again(self, give_up_at: float) -> None:
        if self.phone.clock() >= give_up_at:
            self._repeat = None
            if self.stage is TALKING:
                # RFC 3261 section 13.3.1.4: nobody acknowledged, so nobody talks.
                self.hang_up()
                self.ended_by = "lost"
            return
        self.phone.send(self._final)
        self.phone.copies_sent += 1
        self._pause_seconds = min(2 * self._pause_seconds, T2)
        pause = min(self._pause_seconds, give_up_at - self.phone.clock())
        self._repeat = self.phone.after(pause, lambda: self._send_again(give_up_at))


def _tag(value: bytes) -> bytes:
    return value.rpartition(b";tag=")[2].partition(b";")[0]
