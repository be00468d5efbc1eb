"""Values of SIP under chance: written is read back, and bad input is refused in linear time."""

import gc
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipedge.sip import digest, grammar, headers, names, numbers, params, sdp
from sipedge.sip.address import Address, parse_address, split_commas, tag_of
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.headers import Via
from sipedge.sip.host import parse_hostport, parse_ipv6, write_hostport
from sipedge.sip.nonces import FRESH, NonceSource
from sipedge.sip.params import PLAIN, Params, parse_params, split_unquoted, write_params
from sipedge.sip.uri import SipUri, TelUri, UrnUri, parse_uri
from tests.property.strategies import (
    addresses,
    descriptions,
    digest_fields,
    header_params,
    hosts,
    mangled,
    octets,
    ports,
    sip_uris,
    tel_uris,
    texts,
    urn_uris,
    vias,
    wire,
)


def outcome(parse: Callable[[bytes], object], value: bytes) -> object:
    """Return what a parser makes of a value, None when it refuses it; other errors escape."""
    try:
        return parse(value)
    except MalformedMessage as error:
        refusal = error
    assert refusal.status == 400
    assert refusal.reason.isascii()
    assert refusal.reason.isprintable()
    return None


def read_via(value: bytes) -> object:
    """Parse a Via with the parts that are read late."""
    via = headers.top_via(value)
    return via.received, via.rport, via.serialize()


PARSERS: dict[str, Callable[[bytes], object]] = {
    "uri": parse_uri,
    "hostport": parse_hostport,
    "ipv6": parse_ipv6,
    "address": parse_address,
    "tag": tag_of,
    "commas": split_commas,
    "params": parse_params,
    "unquote": grammar.unquote,
    "via": read_via,
    "top": headers.split_top,
    "cseq": headers.parse_cseq,
    "max_forwards": headers.parse_max_forwards,
    "expires": headers.parse_expires,
    "contacts": lambda value: headers.parse_contacts([value]),
    "routes": lambda value: headers.parse_routes([value]),
    "option_tags": lambda value: headers.parse_option_tags([value]),
    "credentials": digest.parse_credentials,
    "challenge": digest.parse_challenge,
    "sdp": sdp.parse_sdp,
    "header_id": names.header_id,
    "q": numbers.parse_q,
    "delta_seconds": numbers.parse_delta_seconds,
}
# What each kind of value begins with, so that chance gets past the first check.
BEGINNINGS = [
    b"",
    b"sip:",
    b"<sip:",
    b"<sip:a@b>;x=",
    b'"',
    b'"a" <sip:b',
    b"SIP/2.0/UDP h;x=",
    b"1 ",
    b"Digest a=",
    b'Digest a="',
    b"v=0\nm=audio 1 RTP/AVP ",
    b"v=0\nm=audio 1 RTP/AVP 0\na=rtpmap:",
]


# -------------------------------------------------------------------------- written is read back


@given(sip_uris())
def test_a_sip_uri_is_read_as_it_was_written(uri: SipUri) -> None:
    again = parse_uri(uri.serialize())
    assert isinstance(again, SipUri)
    assert (again.scheme, again.user, again.password) == (uri.scheme, uri.user, uri.password)
    assert (again.host, again.port, again.headers) == (uri.host, uri.port, uri.headers)
    assert again.params == uri.params
    assert again.equals(uri)
    assert uri.equals(again)


@given(sip_uris(), sip_uris())
def test_comparing_uris_is_symmetric(first: SipUri, second: SipUri) -> None:
    assert first.equals(second) == second.equals(first)


@given(st.one_of(sip_uris(), tel_uris(), urn_uris()).map(lambda uri: uri.serialize()))
def test_writing_a_uri_changes_nothing_the_second_time(text: bytes) -> None:
    assert parse_uri(text).serialize() == text


@given(mangled(sip_uris().map(SipUri.serialize)))
def test_a_uri_that_passes_is_written_on_one_line_and_passes_again(text: bytes) -> None:
    uri = outcome(parse_uri, text)
    if isinstance(uri, SipUri | TelUri | UrnUri):
        written = uri.serialize()
        assert not set(written) & set(b' \r\n\t\0<>"')
        assert parse_uri(written).serialize() == written


@given(hosts(), ports())
def test_a_host_is_read_as_it_was_written(host: bytes, port: int) -> None:
    assert parse_hostport(write_hostport(host, port)) == (host, port)


@given(addresses())
def test_an_address_is_read_as_it_was_written(address: Address) -> None:
    again = parse_address(address.serialize())
    assert (again.display, again.uri, again.params) == (
        address.display,
        address.uri,
        address.params,
    )


@given(vias(), vias())
def test_vias_are_read_as_they_were_written_alone_and_joined(first: Via, second: Via) -> None:
    top, rest = headers.split_top(first.serialize() + b", " + second.serialize())
    for via, text in ((first, top), (second, rest)):
        again = headers.parse_via(text)
        assert (again.transport, again.host, again.port) == (via.transport, via.host, via.port)
        assert (again.branch, again.params) == (via.branch, via.params)


@given(mangled(vias().map(Via.serialize)))
def test_a_via_that_passes_is_written_on_one_line_and_passes_again(text: bytes) -> None:
    via = outcome(headers.parse_via, text)
    if isinstance(via, Via):
        written = via.serialize()
        assert b"\r" not in written
        assert b"\n" not in written
        assert headers.parse_via(written).serialize() == written


@given(header_params())
def test_parameters_are_read_as_they_were_written(found: Params) -> None:
    assert parse_params(write_params(found)) == found


@given(texts())
def test_a_quoted_text_is_read_as_it_was_written(text: bytes) -> None:
    assert grammar.unquote(grammar.quote(text)) == text


@given(st.lists(addresses().map(Address.serialize), max_size=5))
def test_a_list_is_cut_where_it_was_joined(items: list[bytes]) -> None:
    assert split_commas(b", ".join(items)) == items


@given(digest_fields())
def test_digest_fields_are_read_as_they_were_written(
    fields: list[tuple[bytes, bytes, bytes]],
) -> None:
    text = b"Digest " + b" , ".join(name + b" = " + written for name, _, written in fields)
    credentials = digest.parse_credentials(text)
    assert credentials is not None
    expected = {name.lower(): content for name, content, _ in fields}
    assert credentials.username == expected[b"username"]
    assert credentials.realm == expected[b"realm"]
    assert credentials.nonce == expected[b"nonce"]
    assert credentials.uri == expected[b"uri"]
    assert credentials.response == expected[b"response"]


# ------------------------------------------------------------------ one reading, however it is read


@given(
    octets(PLAIN.replace(b"%", b""), most=12).map(lambda text: b";" + text)
    | mangled(header_params().map(write_params))
)
def test_the_quick_and_the_careful_reader_of_parameters_agree(text: bytes) -> None:
    quick = outcome(parse_params, text)
    careful = outcome(params._read_spaced_params, text)
    assert quick == careful


@given(mangled(addresses().map(Address.serialize)) | wire().map(lambda text: b"<sip:a>" + text))
def test_a_tag_is_found_exactly_where_the_address_has_it(value: bytes) -> None:
    address = outcome(parse_address, value)
    tag = outcome(tag_of, value)
    if isinstance(address, Address) and b"tag" not in address.params:
        assert tag == b""
    elif isinstance(address, Address):
        written = address.params[b"tag"]
        assert tag == (None if not written or written.startswith(b'"') else written)
    else:
        assert tag is None


@given(wire())
def test_quoted_strings_are_skipped_as_one_octet_after_the_other_says(text: bytes) -> None:
    parts = [b""]
    is_quoted = is_escaped = False
    for octet in text:
        character = bytes([octet])
        if character == b"," and not is_quoted:
            parts.append(b"")
            continue
        parts[-1] += character
        if is_escaped:
            is_escaped = False
        elif is_quoted and character == b"\\":
            is_escaped = True
        elif character == b'"':
            is_quoted = not is_quoted
    assert outcome(lambda value: split_unquoted(value, b","), text) == (
        None if is_quoted else parts
    )


# ------------------------------------------------------------------------- bad input, good manners


@pytest.mark.parametrize("name", PARSERS)
@given(beginning=st.sampled_from(BEGINNINGS), rest=wire())
def test_any_octets_are_a_value_or_malformed(name: str, beginning: bytes, rest: bytes) -> None:
    outcome(PARSERS[name], beginning + rest)


@given(mangled(descriptions()))
def test_any_description_is_read_or_malformed(body: bytes) -> None:
    outcome(sdp.parse_sdp, body)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_any_digest_uri_is_for_a_request_or_not(first: bytes, second: bytes) -> None:
    def never_own(_host: bytes) -> bool:
        return False

    one_way = digest.is_for_request(first, second, never_own)
    assert one_way == digest.is_for_request(second, first, never_own)
    assert digest.is_for_request(b"sip:" + first, b"sip:" + first, never_own)


REPEATED = [
    b";",
    b",",
    b'"',
    b"\\",
    b"<",
    b">",
    b" ",
    b"\t",
    b"\r\n ",
    b"%",
    b"%41",
    b"@",
    b":",
    b".",
    b"=",
    b"0",
    b"a",
    b"a,",
    b"a ",
    b';a="b"',
    b'""',
    b'"",',
    b'"\\',
    b'\\"',
    b'"a,',
    b"<>,",
    b"<a:b>,",
    b"a=b,",
    b'a="b",',
    b" ,",
    b"a/",
    b"?&",
    b"\na=x",
    b"\n",
]
SIZE = 60_000
# Below this even a hidden square is no weapon: one core then refuses 7 MB in a second.
QUICK_SECONDS = 0.008


def cpu_seconds(parse: Callable[[bytes], object], value: bytes) -> float:
    """Measure the processor time of one parse, without the collector's."""
    gc.disable()
    try:
        start = time.process_time()
        outcome(parse, value)
        return time.process_time() - start
    finally:
        gc.enable()


def is_linear(parse: Callable[[bytes], object], whole: bytes, quarter: bytes) -> bool:
    """Tell whether four times the input costs about four times the time, not sixteen.

    A busy machine slows single runs; the best of several on each side is compared, and more are
    made as long as they do not agree.
    """
    best_whole = best_quarter = float("inf")
    for _ in range(10):
        best_whole = min(best_whole, cpu_seconds(parse, whole))
        if best_whole < QUICK_SECONDS:
            return True
        for _ in range(3):
            best_quarter = min(best_quarter, cpu_seconds(parse, quarter))
        if best_whole < 9 * best_quarter:
            return True
    return False


@pytest.mark.parametrize("name", PARSERS)
def test_hostile_repetition_costs_linear_time(name: str) -> None:
    parse = PARSERS[name]
    for beginning in BEGINNINGS:
        for unit in REPEATED:
            value = beginning + unit * (SIZE // len(unit))
            assert is_linear(parse, value, value[: SIZE // 4]), (beginning, unit)


def test_many_different_parameters_cost_linear_time() -> None:
    def many(count: int) -> bytes:
        return b"<sip:a@b>" + b"".join(b";p%d=%d" % (i, i) for i in range(count))

    assert is_linear(parse_address, many(20_000), many(5_000))


@pytest.mark.parametrize(
    ("parse", "unit"),
    [
        (lambda text: grammar.unquote(b'"' + text + b'"'), b"\\\\"),
        (lambda text: split_unquoted(text, b","), b'""'),
        (split_commas, b"a,"),
        (lambda text: split_unquoted(b'"' + text + b'"', b","), b"\\\\"),
    ],
)
def test_looking_ahead_costs_linear_time_at_any_size(
    parse: Callable[[bytes], object], unit: bytes
) -> None:
    """A search to the far end for each octet hides its square below 60 KB; here it shows."""
    assert is_linear(parse, unit * 400_000, unit * 100_000)


# ------------------------------------------------------------------------------- proofs and nonces


@given(texts(), texts(), texts(), st.sampled_from([digest.MD5, digest.SHA_256, digest.SHA_512_256]))
def test_only_the_secret_itself_proves_anything(
    username: bytes, secret: bytes, other: bytes, algorithm: bytes
) -> None:
    nonces = NonceSource(b"key", 60.0, bytes)
    (value,) = digest.challenges(
        b"edge.test", nonces.issue(0.0), stale=False, algorithms=(algorithm,)
    )
    challenge = digest.parse_challenge(value)
    assert challenge is not None
    uri = b"sip:edge.test"
    credentials = digest.parse_credentials(
        digest.build_credentials(
            challenge, username=username, secret=secret, method=b"REGISTER", uri=uri, cnonce=b"c"
        )
    )
    assert credentials is not None
    assert credentials.username == username
    for candidate in (other, secret):
        proof = digest.verify(
            credentials,
            digest.ha1(algorithm, username=username, realm=b"edge.test", secret=candidate),
            method=b"REGISTER",
            request_uri=uri,
            nonces=nonces,
            now=1.0,
            is_own_host=lambda _host: False,
        )
        assert proof in (
            (digest.VALID, digest.REPLAYED) if candidate == secret else (digest.WRONG,)
        )


@given(
    st.integers(1, 4),
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(1, 130), st.integers(0, 3)),
        min_size=1,
        max_size=60,
    ),
)
def test_no_count_of_a_nonce_is_ever_accepted_twice(
    uses_max: int, steps: list[tuple[int, int, int]]
) -> None:
    """Nonces come and go, the table is tiny, time passes: a copy still never passes."""
    drawn = 0

    def entropy(size: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return drawn.to_bytes(size, "big")

    nonces = NonceSource(b"key", 10.0, entropy, uses_max=uses_max)
    now = 0.0
    issued = [nonces.issue(now)]
    accepted: set[tuple[bytes, int]] = set()
    for which, count, pause in steps:
        now += pause
        if which >= len(issued):
            issued.append(nonces.issue(now))
        nonce = issued[min(which, len(issued) - 1)]
        if nonces.use(nonce, count, now) is FRESH:
            assert (nonce, count) not in accepted
            accepted.add((nonce, count))
        assert len(nonces) <= uses_max
    # And whoever answers a new challenge at once is always let in.
    assert nonces.use(nonces.issue(now + 0.01), 1, now + 0.01) is FRESH
