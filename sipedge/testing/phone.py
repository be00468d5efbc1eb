"""A simulated phone: registers with digest, calls, rings, answers, refuses, holds and hangs up.

It keeps its own books (`calls`, `registration_status`, `registered_until`), so that a test can
compare what the edge counts with what the phones know.
"""

from collections.abc import Callable, Sequence

from typing_extensions import override

from sipedge.sip.message import Request, Response
from sipedge.testing.agent import Address, UserAgent
from sipedge.testing.calls import ENDED, TALKING, AgentCall, IncomingCall, OutgoingCall
from sipedge.testing.digest_client import DigestClient
from sipedge.testing.messages import header_lines, write_message, write_sdp


def ring(call: IncomingCall) -> None:
    """Let an incoming call ring; what phones do unless they are told otherwise."""
    call.ring()


class Phone(UserAgent):
    """The phone of a line: `user` is its number, `on_call` is called with each incoming call.

    `follows_routes` is False for the kind of peer that sends ACK and BYE where it sent the INVITE.
    """

    def __init__(
        self,
        user: str,
        password: str,
        address: Address,
        edge: Address,
        clock: Callable[[], float],
        *,
        domain: str = "edge.test",
        seed: int = 1,
        transport: str = "UDP",
        asks_for_rport: bool = True,
        follows_routes: bool = True,
        instance: str = "",
    ) -> None:
        super().__init__(
            address,
            edge,
            clock,
            domain=domain,
            seed=seed,
            transport=transport,
            asks_for_rport=asks_for_rport,
        )
        self.user = user
        self.digest = DigestClient(user, password, self.random)
        self.follows_routes = follows_routes
        self.instance = instance
        self.calls: list[AgentCall] = []
        self.on_call: Callable[[IncomingCall], None] = ring
        self.extra_lines: list[bytes] = []
        self.registration_status = 0
        self.registered_until = 0.0
        self.bindings: list[bytes] = []
        self._register_id = self.new_token().encode()
        self._register_cseq = 0

    def identity(self) -> bytes:
        """Return the phone's own name-addr, without a tag."""
        return f"<sip:{self.user}@{self.domain}>".encode()

    def contact_line(self) -> bytes:
        """Return the Contact line of this phone."""
        return f"Contact: <{self.contact_uri(self.user)}>".encode()

    # ----------------------------------------------------------------------------- registering

    @property
    def is_registered(self) -> bool:
        """True while the last answer of the registrar holds."""
        return self.clock() < self.registered_until

    def register(self, expires_seconds: int = 3600) -> None:
        """Register this phone's contact, or remove it with 0 seconds."""
        self._send_register(expires_seconds, attempts=0)

    def unregister(self) -> None:
        """Remove this phone's contact."""
        self.register(0)

    def _send_register(self, expires_seconds: int, *, attempts: int) -> None:
        self._register_cseq += 1
        uri = f"sip:{self.domain}".encode()
        contact = self.contact_line() + b";expires=%d" % expires_seconds
        if self.instance:
            contact += f';+sip.instance="<{self.instance}>";reg-id=1'.encode()
        lines = [
            b"From: " + self.identity() + b";tag=" + self.new_token().encode(),
            b"To: " + self.identity(),
            b"Call-ID: " + self._register_id,
            b"CSeq: %d REGISTER" % self._register_cseq,
            b"Max-Forwards: 70",
            contact,
            *self.digest.authorize(b"REGISTER", uri),
        ]

        def answer(response: Response | None) -> None:
            self._receive_registration(response, expires_seconds, attempts)

        self.request("REGISTER", uri, lines, answer)

    def _receive_registration(
        self, response: Response | None, expires_seconds: int, attempts: int
    ) -> None:
        if response is not None and response.status < 200:
            return
        if (
            response is not None
            and response.status == 401
            and self.digest.take_challenge(response, attempts=attempts)
        ):
            self._send_register(expires_seconds, attempts=attempts + 1)
            return
        self.registration_status = 408 if response is None else response.status
        if response is not None and response.status == 200:
            self.bindings = header_lines(response, b"Contact")
            self.registered_until = self.clock() + expires_seconds

    # --------------------------------------------------------------------------------- calling

    def call(self, number: str, uri: str = "") -> OutgoingCall:
        """Call a number, or any URI."""
        call = OutgoingCall(self, number, uri or f"sip:{number}@{self.domain}")
        self.calls.append(call)
        call.start()
        return call

    @property
    def talking(self) -> list[AgentCall]:
        """The calls in which this phone talks, in its own view."""
        return [call for call in self.calls if call.stage is TALKING]

    @property
    def current(self) -> list[AgentCall]:
        """The calls that are not over, in this phone's view."""
        return [call for call in self.calls if call.stage is not ENDED]

    def acknowledge_refusal(self, response: Response, uri: bytes, routes: Sequence[bytes]) -> None:
        """Send the ACK of a refusal (RFC 3261 section 17.1.1.3)."""
        via = self.write_via(response.via_branch.decode("ascii"))
        lines = [
            via,
            *[b"Route: " + route for route in routes],
            b"From: " + header_lines(response, b"From")[0],
            b"To: " + header_lines(response, b"To")[0],
            b"Call-ID: " + response.call_id,
            b"CSeq: %d ACK" % response.cseq_number,
            b"Max-Forwards: 70",
        ]
        self.send(write_message(b"ACK %b SIP/2.0" % uri, lines))

    # --------------------------------------------------------------------------- being called

    @override
    def handle_request(self, request: Request) -> None:
        """Deal with a request that is no copy of an earlier one."""
        method = request.method
        if method == b"ACK":
            self._handle_ack(request)
        elif method == b"CANCEL":
            self._handle_cancel(request)
        elif request.to_tag:
            self._handle_in_dialog(request)
        elif method == b"INVITE":
            self._handle_invite(request)
        elif method in {b"OPTIONS", b"MESSAGE", b"INFO"}:
            self.respond(request, 200, to_tag=self.new_token().encode())
        else:
            self.respond(request, 501, to_tag=self.new_token().encode())

    def _handle_invite(self, request: Request) -> None:
        for call in self._incoming(request.call_id):
            if call.invite.from_tag == request.from_tag and not call.is_over:
                # RFC 3261 section 8.2.2.2: it came on another path too.
                self.respond(request, 482, to_tag=self.new_token().encode())
                return
        call = IncomingCall(self, request)
        self.calls.append(call)
        self.on_call(call)

    def _handle_ack(self, request: Request) -> None:
        for call in self._incoming(request.call_id):
            if request.to_tag == call.tag:
                call.receive_ack(request)

    def _incoming(self, call_id: bytes) -> list[IncomingCall]:
        calls = (call for call in self.calls if call.call_id == call_id)
        return [call for call in calls if isinstance(call, IncomingCall)]

    def _handle_cancel(self, request: Request) -> None:
        for call in self.calls:
            if isinstance(call, IncomingCall) and call.invite.via_branch == request.via_branch:
                call.receive_cancel(request)
                return
        self.respond(request, 481, to_tag=self.new_token().encode())

    def _handle_in_dialog(self, request: Request) -> None:
        call = next((call for call in self.calls if call.names(request)), None)
        if call is None:
            self.respond(request, 481)
        elif request.method == b"BYE":
            call.receive_bye(request)
        elif call.is_over:
            self.respond(request, 481)
        elif request.method == b"INVITE":
            lines = [self.contact_line(), b"Content-Type: application/sdp"]
            self.respond(request, 200, extra=lines, body=write_sdp(self.address[0]))
        else:
            self.respond(request, 200)
