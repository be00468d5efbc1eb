"""Every torture message cut, bent and inflated: the edge answers or not, and stays what it was.

After each ordeal a plain OPTIONS and a whole call still work on the same edge, and once the timers
have run its tables have the sizes they had before.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from random import Random
from time import process_time

import pytest

from sipedge.proxy.edge import Edge
from sipedge.sip.address import parse_address, split_commas, tag_of
from sipedge.sip.digest import parse_challenge, parse_credentials
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.framing import StreamFramer
from sipedge.sip.headers import (
    parse_contacts,
    parse_cseq,
    parse_expires,
    parse_max_forwards,
    parse_option_tags,
    parse_routes,
    parse_via,
    top_via,
)
from sipedge.sip.message import (
    HEADER_BYTES_MAX,
    HEADER_LINES_MAX,
    MESSAGE_BYTES_MAX,
    parse_message,
    salvage_request,
)
from sipedge.sip.names import FROM, METHODS, TABLE, canonical_name
from sipedge.sip.uri import parse_uri
from sipedge.testing.messages import write_response
from tests.torture.corpus import Expectation, read_expectations
from tests.torture.stage import (
    CARRIER,
    PHONE,
    STRANGER,
    Sent,
    build_stage,
    give,
    prove_alive,
    relayed_in,
    settle,
    table_sizes,
)

each_message = pytest.mark.parametrize("message", read_expectations(), ids=lambda found: found.id)

HEADERS = [canonical_name(identifier) for identifier in sorted(set(TABLE.values()))]
# What the values of these say decides something, or is copied somewhere.
HEADERS_READ = (
    b"Via",
    b"From",
    b"To",
    b"Call-ID",
    b"CSeq",
    b"Max-Forwards",
    b"Content-Length",
    b"Contact",
    b"Route",
    b"Record-Route",
    b"Expires",
    b"Authorization",
    b"Proxy-Authorization",
    b"Proxy-Require",
    b"Privacy",
    b"Priority",
    b"P-Asserted-Identity",
    b"User-Agent",
    b"Timestamp",
)
USUAL = {
    b"Via": b"SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK-ordeal",
    b"From": b"<sip:watson@example.com>;tag=1",
    b"To": b"<sip:watson@example.com>",
    b"Call-ID": b"ordeal",
    b"CSeq": b"1 %b",
    b"Max-Forwards": b"70",
    b"Contact": b"<sip:watson@203.0.113.1>",
}
SOURCES = (CARRIER, STRANGER, PHONE)


def write(method: bytes, *, header: bytes = b"", values: Iterable[bytes] = ()) -> bytes:
    """A plain request whose lines of one header are these instead."""
    usual = {name: value.replace(b"%b", method) for name, value in USUAL.items()}
    if header:
        usual.pop(header, None)
    lines = [b"%b sip:watson@example.com SIP/2.0" % method]
    lines.extend(name + b": " + value for name, value in usual.items())
    lines.extend(header + b": " + value for value in values)
    return b"\r\n".join((*lines, b"", b""))


def endure(edge: Edge, ordeals: Iterable[bytes]) -> list[Sent]:
    """Let the edge receive every one of these from several sources, and prove that it lives on."""
    before = table_sizes(edge)
    bindings = {binding.uri for binding in edge.core.location.all_bindings()}
    sent = []
    for number, wire in enumerate(ordeals):
        sent.append(give(edge, wire, SOURCES[number % len(SOURCES)], 1.0 + number * 0.001))
    prove_alive(edge, 1, 100.0)
    settle(edge, 100.0)
    assert table_sizes(edge) == before
    assert {binding.uri for binding in edge.core.location.all_bindings()} == bindings
    return sent


@each_message
def test_cut_at_every_octet(message: Expectation) -> None:
    wire = message.wire
    endure(build_stage(), (wire[:length] for length in range(len(wire) + 1)))


@each_message
def test_one_octet_replaced_or_deleted(message: Expectation) -> None:
    random = Random(message.id)
    wire = message.wire

    def ordeals() -> Iterable[bytes]:
        for _ in range(400):
            at = random.randrange(len(wire))
            replacement = random.choice((b"", random.randbytes(1), random.choice(MARKS)))
            yield wire[:at] + replacement + wire[at + 1 :]

    endure(build_stage(), ordeals())


MARKS = (
    b";",
    b",",
    b'"',
    b"<",
    b">",
    b"\\",
    b":",
    b"@",
    b"%",
    b"=",
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"\0",
)


@each_message
def test_every_line_doubled(message: Expectation) -> None:
    head, separator, body = message.wire.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    endure(
        build_stage(),
        (
            b"\r\n".join((*lines[:at], line, *lines[at:])) + separator + body
            for at, line in enumerate(lines)
        ),
    )


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_few_and_very_many_of_each_header(method: bytes) -> None:
    """Two hundred lines are the most; ten thousand cost one refusal."""
    wires = []
    for header in HEADERS:
        value = USUAL.get(header, b"1")
        many = write(method, header=header, values=[value] * 10_000)
        wires += [
            many[: MESSAGE_BYTES_MAX - 4] + b"\r\n\r\n",
            many,
            write(method, header=header, values=[b", ".join([value] * 2_000)]),
            write(method, header=header, values=[value] * (HEADER_LINES_MAX - len(USUAL))),
        ]
    for wire, sent in zip(wires, endure(build_stage(), wires), strict=True):
        if wire.count(b"\r\n") > HEADER_LINES_MAX + 2:
            # 400 where the cut left half a line end.
            answers = [answer[:11] for _, answer in sent]
            assert answers in ([], [b"SIP/2.0 513"], [b"SIP/2.0 400"])


FILLINGS = {
    "semicolons": (b"", b";"),
    "commas": (b"", b","),
    "quotes": (b"", b'"'),
    "backslashes in quotes": (b'"', b"\\"),
    "opening brackets": (b"", b"<"),
    "closing brackets": (b"<sip:a@b>", b">"),
    "spaces": (b"<sip:a@b>", b" "),
    "parameters": (b"<sip:a@b>", b";a"),
    "quoted parameters": (b"<sip:a@b>", b';a="b"'),
    "names before a bracket": (b"", b"a "),
    "addresses": (b"<sip:a@b>", b",<sip:a@b>"),
    "quoted names": (b"", b'"a"'),
    "escapes": (b"<sip:", b"%41"),
    "colons": (b"<sip:a", b":"),
    "equals signs": (b"Digest a", b"="),
    "digest fields": (b"Digest a=b", b",a=b"),
    "digits": (b"", b"1"),
    "zeros": (b"", b"0"),
    "folds": (b"", b"\r\n "),
    "branches": (b"SIP/2.0/UDP a", b";branch=b"),
}


@pytest.mark.parametrize("filling", FILLINGS)
@pytest.mark.parametrize("header", HEADERS_READ, ids=lambda name: name.decode("ascii"))
def test_a_header_filled_to_its_limit_and_far_beyond(header: bytes, filling: str) -> None:
    """What fits is dealt with in no time; what does not is refused before anybody reads it."""
    beginning, piece = FILLINGS[filling]
    wires = []
    for method in (b"REGISTER", b"INVITE", b"SUBSCRIBE", b"ACK"):
        for size_bytes in (HEADER_BYTES_MAX - 100, 60_000):
            value = beginning + piece * ((size_bytes - len(beginning)) // len(piece))
            wires.append(write(method, header=header, values=[value]))
    assert max(map(len, wires)) < MESSAGE_BYTES_MAX
    began_at = process_time()
    sent = endure(build_stage(authenticate=frozenset({b"SUBSCRIBE"})), wires)
    # Some 30 ms on a desk, most of them for what comes after the ordeal.
    assert process_time() - began_at < 1.0
    for answers in sent[1:-2:2]:
        assert [answer[:11] for _, answer in answers] in ([b"SIP/2.0 513"], [])


PARSERS: dict[str, Callable[[bytes], object]] = {
    "uri": parse_uri,
    "address": parse_address,
    "tag": tag_of,
    "list": split_commas,
    "via": parse_via,
    "top via": top_via,
    "cseq": parse_cseq,
    "contacts": lambda value: parse_contacts([value]),
    "routes": lambda value: parse_routes([value]),
    "option tags": lambda value: parse_option_tags([value]),
    "max-forwards": parse_max_forwards,
    "expires": parse_expires,
    "credentials": parse_credentials,
    "challenge": parse_challenge,
    "message": parse_message,
    "salvage": salvage_request,
    "stream": lambda value: StreamFramer().feed(value),
}


@pytest.mark.parametrize("filling", FILLINGS)
@pytest.mark.parametrize("parser", PARSERS)
def test_sixty_kilobytes_cost_any_parser_a_linear_time(parser: str, filling: str) -> None:
    parse = PARSERS[parser]
    beginning, piece = FILLINGS[filling]

    def cost_seconds(size_bytes: int) -> float:
        value = beginning + piece * (size_bytes // len(piece))
        best = 1.0
        for _ in range(4):
            began_at = process_time()
            with suppress(MalformedMessage):
                parse(value)
            best = min(best, process_time() - began_at)
        return best

    half, whole = cost_seconds(30_000), cost_seconds(60_000)
    # Twice is linear; the rest is for a busy machine. Quadratic is four times, of far more.
    assert whole < 3.0 * half + 0.001
    assert whole < 0.2


LONG_VALUES = {
    "From tag": (b"From", b"<sip:watson@example.com>;tag=%b"),
    "From user": (b"From", b"<sip:%b@example.com>;tag=1"),
    "display name": (b"From", b'"%b" <sip:watson@example.com>;tag=1'),
    "branch": (b"Via", b"SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK%b"),
    "branch of RFC 2543": (b"Via", b"SIP/2.0/UDP 203.0.113.1:5060;branch=%b"),
    "Call-ID": (b"Call-ID", b"%b"),
    "Contact": (b"Contact", b"<sip:%b@203.0.113.1>"),
    "unknown": (b"X-Unknown", b"%b"),
}


@pytest.mark.parametrize("size_bytes", [255, 256, 4_096, 8_000, 60_000])
@pytest.mark.parametrize("what", LONG_VALUES)
def test_an_overlong_value_goes_there_and_back_or_is_refused(what: str, size_bytes: int) -> None:
    """CVE-2018-8828, CVE-2020-27507: what an overlong value breaks is the answer to it."""
    header, value = LONG_VALUES[what]
    wire = write(b"INVITE", header=header, values=[value.replace(b"%b", b"x" * size_bytes)])
    edge = build_stage()
    sent = give(edge, wire)
    if size_bytes > HEADER_BYTES_MAX:
        assert [answer[:11] for _, answer in sent] == [b"SIP/2.0 513"]
        return
    (copy,) = relayed_in(sent)
    busy = give(edge, write_response(copy, 486, to_tag=b"b" * size_bytes), PHONE)
    assert [message[:11] for _, message in busy] == [b"ACK sip:pho", b"SIP/2.0 486"]
    refused = parse_message(busy[1][1])
    assert refused.to_tag == b"b" * size_bytes
    assert refused.first(FROM) == parse_message(wire).first(FROM)
    settle(edge, 2.0)
    assert table_sizes(edge) == table_sizes(build_stage())
