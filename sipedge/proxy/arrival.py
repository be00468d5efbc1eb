"""A request on its way through the steps of the proxy, and how the edge refuses one."""

from typing import TYPE_CHECKING
from zlib import crc32

from sipedge.limits.emergency import is_sos_urn
from sipedge.proxy.directory import LineProfile, TrunkProfile
from sipedge.proxy.refusals import RETRY_AFTER_STATUSES, TABLE, Refusal
from sipedge.sip.address import parse_address
from sipedge.sip.build import build_response
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.flow import Flow
from sipedge.sip.headers import parse_via, split_top
from sipedge.sip.host import is_numeric
from sipedge.sip.message import Request, value_of
from sipedge.sip.names import ACK, FROM, INVITE, ROUTE, TO, VIA
from sipedge.sip.status import REASON_PHRASES
from sipedge.sip.transactions.base import ServerUser
from sipedge.sip.uri import SipUri, TelUri, Uri, parse_uri

if TYPE_CHECKING:
    from sipedge.proxy.core import Core


class Arrival:
    """One request, where it came from, and what the steps have found out about it.

    `routes` are the Route values that are left after our own; None while the received ones stand.
    """

    __slots__ = (
        "_from_user",
        "_is_emergency",
        "_loop_mark",
        "_uri",
        "core",
        "flow",
        "is_spiral",
        "line",
        "max_forwards",
        "now",
        "reply_flow",
        "request",
        "routes",
        "token",
        "trunk",
    )

    def __init__(self, core: "Core", request: Request, flow: Flow, now: float) -> None:
        self.core = core
        self.request = request
        self.flow = flow
        self.now = now
        self.reply_flow = complete_via(request, flow)
        self.routes: list[bytes] | None = None
        self.token = b""
        self._uri: Uri | None = None
        self._from_user: bytes | None = None
        self._is_emergency: bool | None = None
        self._loop_mark = -1
        self.max_forwards = 70
        self.is_spiral = False
        self.line: LineProfile | None = None
        self.trunk: TrunkProfile | None = None

    @property
    def uri(self) -> Uri:
        """The Request-URI; MalformedMessage when it is none."""
        uri = self._uri
        if uri is None:
            uri = self._uri = parse_uri(self.request.uri)
        return uri

    @property
    def dialled(self) -> bytes:
        """The unescaped user part or number of the Request-URI, empty without one."""
        return user_of(self.uri)

    @property
    def from_user(self) -> bytes:
        """The unescaped user part of the URI in From; MalformedMessage when it is none."""
        user = self._from_user
        if user is None:
            address = parse_address(self.request.first(FROM) or b"")
            user = self._from_user = user_of(parse_uri(address.uri))
        return user

    @property
    def to_user(self) -> bytes:
        """The unescaped user part of the URI in To; MalformedMessage when it can name no line.

        An address of record is a SIP URI (RFC 3261 section 10.3, RFC 4475 section 3.3.4).
        """
        uri = parse_uri(parse_address(self.request.first(TO) or b"").uri)
        if not isinstance(uri, SipUri | TelUri):
            raise MalformedMessage(400, "To is not a SIP URI")
        return user_of(uri)

    @property
    def loop_mark(self) -> int:
        """The hash over what decides the routing of the request."""
        if self._loop_mark < 0:
            self._loop_mark = loop_mark(self.request)
        return self._loop_mark

    @property
    def is_emergency(self) -> bool:
        """True for a call to an emergency service, in any spelling of its number or URN."""
        known = self._is_emergency
        if known is None:
            core = self.core
            prefixes = core.settings.emergency_outside_prefixes
            known = self._is_emergency = self.request.method == INVITE and (
                is_sos_urn(self.request.uri)
                or core.emergency.match(self.dialled, outside_prefixes=prefixes) is not None
            )
        return known

    def foreign_routes(self) -> list[bytes]:
        """Return the Route values that lead on from here to somebody else."""
        if self.routes is not None:
            return self.routes
        return self.request.values(ROUTE) if ROUTE in self.request.ids else []

    def answer(self, status: int, phrase: bytes, extra: tuple[bytes, ...] = ()) -> None:
        """Answer without keeping state: what we say again is the same, byte for byte."""
        core = self.core
        request = self.request
        if request.method == ACK:
            return
        core.counters.responses_sent[status // 100] += 1
        wire = build_response(request, status, phrase, core.local_tag(request), extra)
        core.send(self.reply_flow, wire)

    def answer_reliably(self, status: int, phrase: bytes, extra: tuple[bytes, ...] = ()) -> None:
        """Answer through a server transaction, which repeats a refused INVITE until its ACK."""
        core = self.core
        request = self.request
        core.counters.responses_sent[status // 100] += 1
        wire = build_response(request, status, phrase, core.local_tag(request), extra)
        server = core.layer.open_server(request, self.reply_flow, ServerUser(), self.now)
        server.send_response(status, wire, self.now)

    def challenge(self, refusal: Refusal, extra: tuple[bytes, ...], status: int) -> None:
        """Answer 401 or 407 statelessly: a stranger's INVITE must not make us repeat ourselves."""
        core = self.core
        core.counters.refusals[refusal.value] += 1
        core.guard.charge(self.flow.host, self.now, TABLE[refusal].charge)
        self.answer(status, REASON_PHRASES[status], extra)

    def refuse(self, refusal: Refusal, extra: tuple[bytes, ...] = (), status: int = 0) -> None:
        """Refuse the request as its row in the table says, and count it.

        A caller whom we know is answered through a transaction: a refused INVITE is repeated until
        the ACK, and a copy of any request is known as one before its proof is taken for a replay.
        A stranger costs no state. `status` overrides the row where a trunk wants another one.
        """
        core = self.core
        row = TABLE[refusal]
        core.counters.refusals[refusal.value] += 1
        if row.charge:
            core.guard.charge(self.flow.host, self.now, row.charge)
        phrase = REASON_PHRASES[status] if status else row.phrase
        headers = list(extra)
        if row.q850 and self.request.method == INVITE:
            headers.append(b"Reason: Q.850;cause=%d" % row.q850)
        if row.retry_after and (status or row.status) in RETRY_AFTER_STATUSES:
            headers.append(b"Retry-After: %d" % core.settings.retry_after_seconds)
        if self.line is not None or self.trunk is not None:
            self.answer_reliably(status or row.status, phrase, tuple(headers))
        else:
            self.answer(status or row.status, phrase, tuple(headers))


def complete_via(request: Request, flow: Flow) -> Flow:
    """Note the source in the top Via and return the flow on which the answer goes.

    RFC 3261 section 18.2.1 (received), RFC 3581 section 4 (rport), and for a phone behind NAT that
    asks for neither: when Via names another numeric host than the source, only the source port
    leads back through the NAT, so the answer goes there. It never goes to a host taken from Via.
    """
    at = request.ids.index(VIA)
    line = request.lines[at]
    host = f"[{flow.host}]" if ":" in flow.host else flow.host
    if request.via_sent_by == f"{host}:{flow.port}".encode("ascii") and b"rport" not in line:
        return flow
    top, rest = split_top(value_of(line))
    via = parse_via(top)
    source = flow.host.encode("ascii")
    is_same_host = via.host == source
    wants_rport = b"rport" in via.params
    if wants_rport:
        via.params[b"rport"] = b"%d" % flow.port
    if wants_rport or not is_same_host:
        via.params[b"received"] = source
        value = via.serialize()
        request.lines[at] = b"Via: " + (value + b", " + rest if rest else value)
    if flow.reliable or wants_rport or (not is_same_host and is_numeric(via.host)):
        return flow
    return Flow(flow.listener, flow.transport, flow.host, via.port or 5060)


def asks_for_rport(request: Request) -> bool:
    """True when the sender wants answers where it sends from, so that it listens there too."""
    value = request.lines[request.ids.index(VIA)]
    return b"rport" in value.partition(b",")[0]


def user_of(uri: Uri) -> bytes:
    """Return the unescaped user part of a sip URI, the number of a tel URI, empty for others."""
    if isinstance(uri, SipUri):
        # Parameters of RFC 3966 may follow the number inside the user part.
        return uri.unescaped_user().partition(b";")[0]
    return uri.number if isinstance(uri, TelUri) else b""


def loop_mark(request: Request) -> int:
    """Return a hash over what decides the routing of a request (RFC 3261 section 16.6 step 8).

    The same request coming back has the same mark and is a loop; a spiral has another Request-URI
    or Route and so another mark.
    """
    text = b"%b\0%b\0%b\0%d" % (request.uri, request.call_id, request.from_tag, request.cseq_number)
    if ROUTE in request.ids:
        text += b"\0".join(request.values(ROUTE))
    return crc32(text)
