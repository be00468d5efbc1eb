"""Strategies for the values of SIP, shared by the property tests."""

from hypothesis import strategies as st

from sipedge.sip.address import Address
from sipedge.sip.grammar import TOKEN, quote
from sipedge.sip.headers import Via
from sipedge.sip.host import parse_hostport, write_hostport
from sipedge.sip.params import PLAIN, Params
from sipedge.sip.uri import SipUri, TelUri, UrnUri, escape_user

# What a parser trips over, more often than chance would bring it.
MARKS = list(b' \t\r\n;,:@<>"\\=%?&/*+-.[]()0159az\x00\x7f\x80\xff')


def octets(alphabet: bytes, *, least: int = 0, most: int = 20) -> st.SearchStrategy[bytes]:
    """Draw octets out of `alphabet`."""
    return st.lists(st.sampled_from(list(alphabet)), min_size=least, max_size=most).map(bytes)


def tokens() -> st.SearchStrategy[bytes]:
    """Draw tokens."""
    return octets(TOKEN, least=1)


def texts() -> st.SearchStrategy[bytes]:
    """Draw texts that a quoted string can carry: any octets but CR, LF and NUL."""
    return octets(bytes(set(range(256)) - set(b"\r\n\0")), most=12)


def names() -> st.SearchStrategy[bytes]:
    """Draw host names in normal form."""
    label = octets(b"abcxyz019-_", least=1, most=8)
    return st.builds(
        lambda labels, last: b".".join([*labels, last]),
        st.lists(label, max_size=3),
        octets(b"abcxyz", least=1, most=8),
    )


def hosts() -> st.SearchStrategy[bytes]:
    """Draw hosts in normal form: names, IPv4 and IPv6."""
    return st.one_of(
        names(),
        st.ip_addresses(v=4).map(lambda address: str(address).encode()),
        st.ip_addresses(v=6).map(
            lambda address: parse_hostport(write_hostport(str(address).encode(), 0))[0]
        ),
    )


def ports() -> st.SearchStrategy[int]:
    """Draw ports, and 0 for none."""
    return st.integers(0, 65535)


def escaped_users() -> st.SearchStrategy[bytes]:
    """Draw user parts as they stand in a URI, any octets having been escaped."""
    return st.binary(min_size=1, max_size=12).map(escape_user)


def params(value: st.SearchStrategy[bytes]) -> st.SearchStrategy[Params]:
    """Draw parameters: lower-case names, values out of `value` or None."""
    return st.dictionaries(
        octets(b"abcxyz019-_.!~*'+", least=1, most=8), st.none() | value, max_size=4
    )


def uri_params() -> st.SearchStrategy[Params]:
    """Draw URI parameters; values stand as in the URI, escapes included."""
    value = octets(b"abcXYZ019-_.!~*'()[]/:&+$", most=8)
    return params(value | st.binary(max_size=4).map(escape_user).map(_without_marks))


def header_params() -> st.SearchStrategy[Params]:
    """Draw header parameters; values are plain or quoted strings."""
    plain = octets(PLAIN.replace(b";", b""), most=8)
    return params(plain | texts().map(quote))


def sip_uris() -> st.SearchStrategy[SipUri]:
    """Draw sip and sips URIs."""
    return st.builds(
        SipUri,
        st.sampled_from([b"sip", b"sips"]),
        st.just(b"") | escaped_users(),
        hosts(),
        ports(),
        uri_params(),
        st.just(b""),
        st.sampled_from([b"", b"Subject=x", b"a=%41&b="]),
    )


def tel_uris() -> st.SearchStrategy[TelUri]:
    """Draw tel URIs, global and local."""
    number = st.builds(
        lambda plus, digits: plus + digits,
        st.sampled_from([b"", b"+"]),
        octets(b"0123456789", least=1, most=15),
    )
    return st.builds(TelUri, number, uri_params())


def urn_uris() -> st.SearchStrategy[UrnUri]:
    """Draw urns."""
    return st.builds(UrnUri, octets(b"abcxyz019-", least=1), octets(b"abcxyz019-.:", least=1))


def addresses() -> st.SearchStrategy[Address]:
    """Draw name-addr values: any display name that can be written, any of our URIs."""
    uri = st.one_of(sip_uris(), tel_uris(), urn_uris()).map(lambda uri: uri.serialize())
    return st.builds(Address, texts(), uri, header_params())


def vias() -> st.SearchStrategy[Via]:
    """Draw Via values with a branch."""
    return st.builds(
        lambda transport, host, port, branch, rest: Via(
            transport, write_hostport(host, port), {b"branch": branch, **rest}
        ),
        tokens().map(bytes.upper),
        hosts(),
        ports(),
        tokens(),
        header_params().map(lambda found: {k: v for k, v in found.items() if k != b"branch"}),
    )


@st.composite
def digest_fields(draw: st.DrawFn) -> list[tuple[bytes, bytes, bytes]]:
    """Draw the fields that credentials must have and others: name, content, content as written."""
    needed = [b"username", b"Realm", b"nonce", b"URI", b"response"]
    extra = octets(b"xyzXYZ-0", least=1, most=6).map(lambda name: b"x-" + name)
    more = draw(st.lists(extra, max_size=3, unique_by=bytes.lower))
    fields: list[tuple[bytes, bytes, bytes]] = []
    for name in draw(st.permutations([*needed, *more])):
        if draw(st.booleans()):
            text = draw(texts())
            fields.append((name, text, quote(text)))
        else:
            plain = draw(octets(PLAIN, least=1, most=8))
            fields.append((name, plain, plain))
    return fields


def descriptions() -> st.SearchStrategy[bytes]:
    """Draw session descriptions: lines that mean something, in any order after v=."""
    line = st.sampled_from(
        [
            b"o=- 1 1 IN IP4 192.0.2.1",
            b"c=IN IP4 192.0.2.1/127",
            b"c=IN IP6 2001:db8::1",
            b"b=AS:64",
            b"b=TIAS:64000",
            b"m=audio 4000/2 RTP/AVP 0 8 101",
            b"m=video 0 UDP/TLS/RTP/SAVPF 96",
            b"a=rtpmap:101 telephone-event/8000/1",
            b"a=fmtp:101 0-16",
            b"a=ptime:20",
            b"a=maxptime:150",
            b"a=inactive",
            b"a=crypto:1 x inline:y",
            b"a=fingerprint:sha-256 AA",
        ]
    )
    return st.lists(line, max_size=20).map(lambda lines: b"\r\n".join([b"v=0", *lines, b""]))


def wire(*, most: int = 60) -> st.SearchStrategy[bytes]:
    """Draw octets as an attacker sends them: mostly marks, or anything at all."""
    return octets(bytes(MARKS), most=most) | st.binary(max_size=most)


def mangled(values: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Draw values that are good but for a few octets, cut, doubled or replaced."""
    return st.builds(_mangle, values, st.lists(st.tuples(st.integers(0, 200), wire(most=3))))


def _mangle(value: bytes, edits: list[tuple[int, bytes]]) -> bytes:
    for place, piece in edits[:4]:
        at = place % (len(value) + 1)
        value = value[:at] + piece + value[at + place % 3 :]
    return value


def _without_marks(text: bytes) -> bytes:
    return text.replace(b";", b"").replace(b"?", b"").replace(b"@", b"").replace(b"=", b"")
