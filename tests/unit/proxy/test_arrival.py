import pytest

from sipedge.proxy.arrival import asks_for_rport, complete_via
from sipedge.sip.flow import Flow
from sipedge.testing.builders import TCP, UDP, UDP_IPV6
from sipedge.testing.messages import as_request, header_lines, write_message
from tests.unit.proxy.lab import ALICE, Lab


def completed(via: str, flow: Flow) -> tuple[Flow, list[bytes]]:
    lines = [
        f"Via: {via}".encode(),
        b"From: <sip:a@x>;tag=a",
        b"To: <sip:b@x>",
        b"Call-ID: c",
        b"CSeq: 1 OPTIONS",
    ]
    request = as_request(write_message(b"OPTIONS sip:x SIP/2.0", lines))
    return complete_via(request, flow), header_lines(request, b"Via")


SOURCE = Flow(UDP, "UDP", "198.51.100.1", 40_000)


def test_a_via_that_is_the_source_stays_as_it_is() -> None:
    via = "SIP/2.0/UDP 198.51.100.1:40000;branch=z9hG4bKx"
    flow, vias = completed(via, SOURCE)
    assert (flow, vias) == (SOURCE, [via.encode()])


def test_rport_is_filled_in_and_answered_at_the_source() -> None:
    flow, vias = completed("SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bKx", SOURCE)
    assert flow == SOURCE
    assert vias == [b"SIP/2.0/UDP 10.0.0.1:5060;rport=40000;branch=z9hG4bKx;received=198.51.100.1"]


def test_rport_is_filled_in_even_where_nothing_was_translated() -> None:
    """RFC 3581 section 4: received goes with it, always."""
    _, vias = completed("SIP/2.0/UDP 198.51.100.1:40000;branch=z9hG4bKx;rport", SOURCE)
    assert vias == [
        b"SIP/2.0/UDP 198.51.100.1:40000;branch=z9hG4bKx;rport=40000;received=198.51.100.1"
    ]


def test_a_forged_received_and_rport_are_overwritten() -> None:
    via = "SIP/2.0/UDP 10.0.0.1;rport=1;received=192.0.2.66;branch=z9hG4bKx"
    flow, vias = completed(via, SOURCE)
    assert flow == SOURCE
    assert b"192.0.2.66" not in vias[0]
    assert b"rport=40000" in vias[0]


def test_another_port_of_the_same_host_is_where_the_phone_listens() -> None:
    flow, vias = completed("SIP/2.0/UDP 198.51.100.1:5062;branch=z9hG4bKx", SOURCE)
    assert flow == Flow(UDP, "UDP", "198.51.100.1", 5062)
    assert b"received" not in vias[0]


def test_no_port_means_5060() -> None:
    flow, _ = completed("SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKx", SOURCE)
    assert flow.port == 5060


def test_another_numeric_host_is_behind_a_nat_and_answered_at_the_source() -> None:
    flow, vias = completed("SIP/2.0/UDP 192.168.1.9:5060;branch=z9hG4bKx", SOURCE)
    assert flow == SOURCE
    assert vias == [b"SIP/2.0/UDP 192.168.1.9:5060;branch=z9hG4bKx;received=198.51.100.1"]


def test_a_name_is_answered_at_its_source_host_and_its_own_port() -> None:
    """RFC 3261 section 18.2.2; no look-up, and never another host than the source."""
    flow, vias = completed("SIP/2.0/UDP pbx.example:5070;branch=z9hG4bKx", SOURCE)
    assert flow == Flow(UDP, "UDP", "198.51.100.1", 5070)
    assert vias[0].endswith(b";received=198.51.100.1")


def test_a_stream_is_answered_on_that_stream() -> None:
    stream = Flow(TCP, "TCP", "198.51.100.1", 40_000, 3)
    flow, vias = completed("SIP/2.0/TCP 10.0.0.1:5060;branch=z9hG4bKx", stream)
    assert flow is stream
    assert vias[0].endswith(b";received=198.51.100.1")


def test_an_ipv6_source_is_compared_in_its_normal_form() -> None:
    source = Flow(UDP_IPV6, "UDP", "2001:db8::9", 5060)
    flow, vias = completed("SIP/2.0/UDP [2001:DB8:0::9];branch=z9hG4bKx", source)
    assert flow == source
    assert b"received" not in vias[0]
    flow, vias = completed("SIP/2.0/UDP [2001:db8::8];rport;branch=z9hG4bKx", source)
    assert vias[0].endswith(b";received=2001:db8::9")


def test_only_the_top_via_is_completed() -> None:
    top = "SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bKx"
    _, vias = completed(f"{top}, SIP/2.0/UDP 10.9.9.9;rport;branch=z9hG4bKy", SOURCE)
    assert vias[0].endswith(b", SIP/2.0/UDP 10.9.9.9;rport;branch=z9hG4bKy")
    assert vias[0].count(b"received") == 1


@pytest.mark.parametrize(
    ("via", "asks"),
    [
        ("SIP/2.0/UDP h;rport;branch=z9hG4bKx", True),
        ("SIP/2.0/UDP h;branch=z9hG4bKx", False),
        ("SIP/2.0/UDP h;branch=z9hG4bKx, SIP/2.0/UDP g;rport;branch=z9hG4bKy", False),
    ],
)
def test_who_asks_for_rport_is_read_off_the_top_via(via: str, asks: bool) -> None:
    lab = Lab()
    wire = lab.request("OPTIONS", "sip:edge.test", via=via)
    assert asks_for_rport(as_request(wire)) is asks


def test_what_we_say_again_without_state_is_the_same() -> None:
    lab = Lab()
    wire = lab.request("OPTIONS", "sip:edge.test")
    assert lab.one(wire, lab.flow(ALICE)).wire == lab.one(wire, lab.flow(ALICE)).wire
