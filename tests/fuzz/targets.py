"""What is fuzzed, and the rules: a value or MalformedMessage, nothing else, and what is written is
read again as what it was. A target takes any bytes and raises when a rule is broken.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from sipedge.sip import digest
from sipedge.sip.address import parse_address, split_commas, tag_of
from sipedge.sip.build import (
    build_cancel,
    build_in_dialog,
    build_response,
    build_salvage_response,
    reduced_max_forwards,
)
from sipedge.sip.edit import Edits, without_top_via
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.framing import Framed, StreamFramer, UnframableMessage
from sipedge.sip.headers import (
    Star,
    parse_contacts,
    parse_cseq,
    parse_expires,
    parse_max_forwards,
    parse_option_tags,
    parse_routes,
    parse_via,
    split_top,
    top_via,
)
from sipedge.sip.message import Message, Request, Response, parse_message, salvage_request
from sipedge.sip.names import CONTENT_LENGTH, FROM, INVITE, TO, VIA
from sipedge.sip.nonces import NonceSource
from sipedge.sip.sdp import parse_sdp
from sipedge.sip.uri import OtherUri, SipUri, TelUri, UrnUri, parse_uri
from tests.fuzz.edge_target import fuzz_edge


def fuzz_message(data: bytes) -> None:
    """A parsed message is written as it was read; what is built from it can be read."""
    salvage = salvage_request(data)
    if salvage is not None:
        assert_no_line_was_slipped_in(build_salvage_response(salvage, 400, "Bad Request", b"t"))
    try:
        message = parse_message(data)
    except MalformedMessage:
        return
    assert len(message.lines) == len(message.ids)
    copy = parse_message(Edits(message).splice(), is_own=True)
    assert copy.body == message.body
    assert copy.lines[: len(message.lines)] == message.lines
    assert (copy.call_id, copy.cseq_number, copy.via_branch) == (
        message.call_id,
        message.cseq_number,
        message.via_branch,
    )
    if CONTENT_LENGTH in message.ids:
        assert message.wire.startswith(copy.wire)
    assert_no_line_was_slipped_in(without_top_via(message, b"", message.ids.index(VIA)))
    assert_read_fast_is_read_right(message)
    try:
        tags = (message.from_tag, message.to_tag)
    except MalformedMessage:
        return
    assert_built_from(message, tags)


def assert_read_fast_is_read_right(message: Message) -> None:
    """The usual Via, From and To take a short cut, which leads to the same place."""
    try:
        via = top_via(message.values(VIA)[0])
    except MalformedMessage:
        pass
    else:
        assert (via.branch, via.sent_by) == (message.via_branch, message.via_sent_by)
    for header in (FROM, TO):
        fuzz_tag(message.values(header)[0])


def assert_built_from(message: Message, tags: tuple[bytes, bytes]) -> None:
    from_tag, to_tag = tags
    if isinstance(message, Response):
        wire = build_in_dialog(message, b"BYE", 1, b"Via: SIP/2.0/UDP a;branch=b", ())
        assert parse_message(wire, is_own=True).from_tag == from_tag
        return
    assert isinstance(message, Request)
    assert -1 <= reduced_max_forwards(message) <= 254
    answer = parse_message(build_response(message, 404, b"Not Found", b"ours"), is_own=True)
    assert answer.from_tag == from_tag
    assert answer.to_tag == (to_tag or b"ours")
    assert (answer.cseq_number, answer.cseq_method) == (message.cseq_number, message.method)
    if message.method == INVITE:
        cancel = parse_message(build_cancel(message.wire), is_own=True)
        assert isinstance(cancel, Request)
        assert cancel.uri == message.uri
        assert cancel.via_branch == message.via_branch


def assert_no_line_was_slipped_in(wire: bytes) -> None:
    head = wire.partition(b"\r\n\r\n")[0]
    assert head.count(b"\r") == head.count(b"\n") == head.count(b"\r\n")


def fuzz_uri(data: bytes) -> None:
    """A URI is written as one that equals it, and equals itself."""
    try:
        uri = parse_uri(data)
    except MalformedMessage:
        return
    again = parse_uri(uri.serialize())
    if isinstance(uri, SipUri):
        assert isinstance(again, SipUri)
        assert uri.equals(uri)
        assert uri.equals(again)
        assert again.equals(uri)
        assert uri.unescaped_user() == again.unescaped_user()
        assert (uri.host, uri.port) == (again.host, again.port)
    elif isinstance(uri, TelUri):
        assert isinstance(again, TelUri)
        assert uri.equals(again)
    elif isinstance(uri, UrnUri):
        assert isinstance(again, UrnUri)
        assert (uri.namespace, uri.specific) == (again.namespace, again.specific)
    else:
        assert isinstance(again, OtherUri)
        assert again.raw == uri.raw == data


def fuzz_address(data: bytes) -> None:
    """An address is written as one with the same name, URI and parameters."""
    try:
        address = parse_address(data)
    except MalformedMessage:
        return
    if not set(address.display) & set(b"\r\n\0"):
        again = parse_address(address.serialize())
        assert (again.display, again.uri) == (address.display, address.uri)
        assert again.params == address.params


def fuzz_tag(data: bytes) -> None:
    """A tag is what the full parser finds, and nothing more is taken for an address."""
    try:
        tag = tag_of(data)
    except MalformedMessage:
        return
    assert (parse_address(data).params.get(b"tag") or b"") == tag


def fuzz_list(data: bytes) -> None:
    """The items of a list, joined again, are the same items."""
    try:
        items = split_commas(data)
    except MalformedMessage:
        return
    assert split_commas(b", ".join(items)) == items
    if items:
        top, rest = split_top(data)
        assert split_commas(top) == items[:1]
        assert split_commas(rest) == items[1:]


def fuzz_via(data: bytes) -> None:
    """A Via is written as one that says the same."""
    try:
        via = parse_via(data)
    except MalformedMessage:
        return
    again = parse_via(via.serialize())
    assert (again.transport, again.host, again.port) == (via.transport, via.host, via.port)
    assert again.params == via.params
    for read in (lambda: via.received, lambda: via.rport):
        reads_or_refuses(read)


def fuzz_numbers(data: bytes) -> None:
    """CSeq, Max-Forwards and Expires are numbers within their range."""
    number, method = reads_or_refuses(lambda: parse_cseq(data)) or (0, b"M")
    assert 0 <= number < 2**31
    assert parse_cseq(b"%d %b" % (number, method)) == (number, method)
    assert 0 <= (reads_or_refuses(lambda: parse_max_forwards(data)) or 0) <= 255
    assert 0 <= (reads_or_refuses(lambda: parse_expires(data)) or 0) < 2**32


def fuzz_headers(data: bytes) -> None:
    """Contacts, routes and option tags of several lines at once."""
    values = data.split(b"\n")
    contacts = reads_or_refuses(lambda: parse_contacts(values))
    if contacts is not None and not isinstance(contacts, Star):
        assert all(0 <= contact.q <= 1000 for contact in contacts)
        assert all(contact.expires is None or contact.expires >= 0 for contact in contacts)
    for route in reads_or_refuses(lambda: parse_routes(values)) or []:
        assert b":" in route.uri
    tags = reads_or_refuses(lambda: parse_option_tags(values)) or []
    assert tags == parse_option_tags([b", ".join(tags)])


def fuzz_digest(data: bytes) -> None:
    """A challenge that can be answered is answered right, whatever else it says."""
    credentials = reads_or_refuses(lambda: digest.parse_credentials(data))
    if credentials is not None:
        nonces = NonceSource(b"k" * 32, 300.0, bytes)
        proof = digest.verify(
            credentials,
            b"0" * 32,
            method=INVITE,
            request_uri=b"sip:b@edge.test",
            nonces=nonces,
            now=1.0,
            is_own_host=has_no_host,
            qop_required=False,
        )
        assert proof is not digest.VALID
        assert len(nonces) == 0
    challenge = reads_or_refuses(lambda: digest.parse_challenge(data))
    if challenge is None or not challenge.is_answerable:
        return
    secret = {"username": b"a", "realm": challenge.realm, "secret": b"s"}
    try:
        value = digest.build_credentials(
            challenge, username=b"a", secret=b"s", method=INVITE, uri=b"sip:b@c", cnonce=b"0a"
        )
    except ValueError:
        return  # a realm or nonce that no quoted string carries
    answer = digest.parse_credentials(value)
    assert answer is not None
    assert (answer.realm, answer.nonce) == (challenge.realm, challenge.nonce)
    proof = digest.verify(
        answer,
        digest.ha1(challenge.algorithm, **secret),
        method=INVITE,
        request_uri=b"sip:b@c",
        nonces=NonceSource(b"k" * 32, 300.0, bytes),
        now=1.0,
        is_own_host=has_no_host,
        qop_required=False,
    )
    assert proof is digest.STALE, "the proof is right, and the nonce is not of ours"


def has_no_host(_host: bytes) -> bool:
    """No host is the edge's own here."""
    return False


def fuzz_sdp(data: bytes) -> None:
    """A session description says where its media go."""
    session = reads_or_refuses(lambda: parse_sdp(data))
    if session is None:
        return
    assert all(isinstance(address, bytes) for address in session.addresses())
    for media in session.media:
        assert 0 <= media.port <= 65_535
        assert media.is_held in (True, False)
        for payload in range(128):
            media.codec(payload)


def fuzz_framing(data: bytes) -> None:
    """However a stream is cut into pieces, the same messages come out of it.

    The first octet is the size of the pieces.
    """
    if data:
        size = data[0] % 32 + 1
        stream = data[1:]
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert frame(pieces) == frame([stream])


def frame(pieces: list[bytes]) -> tuple[list[Framed], tuple[int, bytes] | None]:
    framer = StreamFramer(head_bytes_max=2_048, body_bytes_max=1_024)
    framed: list[Framed] = []
    for piece in pieces:
        try:
            framed += framer.feed(piece)
        except UnframableMessage as failure:
            # Of a head that is too long only the beginning is kept.
            return framed + failure.framed, (failure.status, failure.wire[:2_048])
    return framed, None


Value = TypeVar("Value")


def reads_or_refuses(read: Callable[[], Value]) -> Value | None:
    """Return the value, or None for what is malformed."""
    try:
        return read()
    except MalformedMessage:
        return None


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "message": fuzz_message,
    "uri": fuzz_uri,
    "address": fuzz_address,
    "tag": fuzz_tag,
    "list": fuzz_list,
    "via": fuzz_via,
    "numbers": fuzz_numbers,
    "headers": fuzz_headers,
    "digest": fuzz_digest,
    "sdp": fuzz_sdp,
    "framing": fuzz_framing,
    "edge": fuzz_edge,
}
