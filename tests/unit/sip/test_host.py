"""Hosts: one normal form for each, and nothing that another reader takes for another host."""

import pytest

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.host import is_numeric, parse_hostport, parse_ipv6, write_hostport


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (b"edge.test", b"edge.test", 0),
        (b"EDGE.Test:5060", b"edge.test", 5060),
        (b"edge.test.", b"edge.test", 0),
        (b"my_host-1", b"my_host-1", 0),
        (b"2n-intercom.local", b"2n-intercom.local", 0),
        (b"fox0xy.test", b"fox0xy.test", 0),
        (b"h2", b"h2", 0),
        (b"a--b-", b"a--b-", 0),
        (b"192.0.2.1", b"192.0.2.1", 0),
        (b"255.255.255.255:5061", b"255.255.255.255", 5061),
        (b"0.0.0.0", b"0.0.0.0", 0),
        (b"[2001:DB8::10]", b"2001:db8::10", 0),
        (b"[2001:db8::10]:5070", b"2001:db8::10", 5070),
        # RFC 5118 section 4.3: the colon inside belongs to the address.
        (b"[2001:db8::10:5070]", b"2001:db8::10:5070", 0),
        (b"[2001:0db8:0:0:0:0:0:0001]", b"2001:db8::1", 0),
        # RFC 5118 section 4.9 and 4.10.
        (b"[::ffff:192.0.2.10]:19823", b"::ffff:192.0.2.10", 19823),
        (b"[::FFFF:C000:020A]", b"::ffff:192.0.2.10", 0),
        (b"[2001:db8:::192.0.2.1]", b"2001:db8::c000:201", 0),
        (b"[2001:db8::192.0.2.1]", b"2001:db8::c000:201", 0),
        (b"[::1]", b"::1", 0),
    ],
)
def test_a_host_has_one_normal_form(text: bytes, host: bytes, port: int) -> None:
    assert parse_hostport(text) == (host, port)
    assert parse_hostport(write_hostport(host, port)) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b":5060",
        b"edge.test:",
        b"edge.test:0",
        b"edge.test:65536",
        b"edge.test:5060:1",
        b"edge.test:5060x",
        b"a b",
        b"a\x00b",
        b"edge.test\n",
        b"a@b",
        b"a/b",
        b"caf\xc3\xa9.test",
        b".",
        b"..",
        b".test",
        b"a..b",
        b"a" * 256,
        # RFC 5118 section 4.2: no brackets.
        b"2001:db8::10",
        b"[",
        b"[]",
        b"[::1",
        b"[::1]x",
        b"[::1]:",
        b"[::1]5060",
        b"[::::1]",
        b"[1:2:3]",
        b"[fe80::1%eth0]",
        b"[::1%1]",
        b"[::1/64]",
        b"[192.0.2.1]",
        b"[" + b":" * 60_000 + b"]",
        b"[::\xef\xbc\x91]",
        b"1",
        b"127.1",
        b"2130706433",
        b"0x7f000001",
        b"0x7f.1",
        b"127.0.0.0x1",
        b"010.0.0.1",
        b"192.0.2.01",
        b"256.0.0.1",
        b"1.2.3.4.5",
        b"1.2.3.4.",
        b"edge.1",
    ],
)
def test_what_is_no_host_is_malformed(text: bytes) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse_hostport(text)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("host", "numeric"),
    [(b"192.0.2.1", True), (b"::1", True), (b"edge.test", False), (b"h2", False)],
)
def test_a_numeric_host_needs_no_look_up(host: bytes, *, numeric: bool) -> None:
    assert is_numeric(host) is numeric


def test_an_ipv6_host_is_written_in_brackets() -> None:
    assert write_hostport(b"::1", 5060) == b"[::1]:5060"
    assert write_hostport(b"::1", 0) == b"[::1]"
    assert write_hostport(b"edge.test", 0) == b"edge.test"


def test_an_ipv6_address_is_read_without_brackets() -> None:
    assert parse_ipv6(b"2001:DB8::9:255") == b"2001:db8::9:255"
