import pytest

from sipedge.proxy.arrival import Arrival
from sipedge.proxy.reach import default_port, flow_of_contact, flow_of_sender, flow_to_trunk
from sipedge.sip.flow import Flow
from sipedge.sip.names import RECORD_ROUTE
from sipedge.sip.uri import SipUri, parse_uri
from sipedge.testing.builders import TCP, TLS, UDP, build_listeners, build_trunk
from sipedge.testing.messages import as_request
from tests.unit.proxy.lab import CARRIER, Lab, tcp

SOURCE = Flow(UDP, "UDP", "198.51.100.1", 40_000)
GATEWAY = "203.0.113.44"


def sip(text: str) -> SipUri:
    uri = parse_uri(text.encode())
    assert isinstance(uri, SipUri)
    return uri


def arrival(flow: Flow = SOURCE, *, rport: bool = False, lab: Lab | None = None) -> Arrival:
    lab = lab or Lab()
    via = f"SIP/2.0/UDP {flow.host}:5060;branch=z9hG4bKx{';rport' if rport else ''}"
    return Arrival(lab.core, as_request(lab.invite("1", flow=flow, via=via)), flow, lab.now)


@pytest.mark.parametrize(
    ("uri", "port"),
    [("sip:a@h", 5060), ("sips:a@h", 5061), ("sip:a@h;transport=TLS", 5061)],
)
def test_the_default_port_is_that_of_the_transport(uri: str, port: int) -> None:
    assert default_port(sip(uri)) == port


@pytest.mark.parametrize(
    ("uri", "flow"),
    [
        ("sip:a@198.51.100.1:5062", Flow(UDP, "UDP", "198.51.100.1", 5062)),
        ("sip:a@198.51.100.1", Flow(UDP, "UDP", "198.51.100.1", 5060)),
        ("sip:a@10.0.0.1:5062", SOURCE),
        ("sip:a@phone.test:5062", SOURCE),
        ("sip:a@198.51.100.1;transport=tcp", Flow(TCP, "TCP", "198.51.100.1", 5060)),
        ("sips:a@198.51.100.1", Flow(TLS, "TLS", "198.51.100.1", 5061)),
        ("sip:a@198.51.100.1;transport=carrier-pigeon", SOURCE),
    ],
)
def test_a_phone_is_reached_at_its_contact_when_that_is_where_it_is(uri: str, flow: Flow) -> None:
    assert flow_of_contact(arrival(), sip(uri)) == flow


def test_a_transport_that_we_do_not_have_is_not_used() -> None:
    lab = Lab()
    listeners = build_listeners()
    listeners.by_index = listeners.by_index[:1]
    lab.core.listeners = listeners
    found = flow_of_contact(arrival(lab=lab), sip("sip:a@198.51.100.1;transport=tls"))
    assert found == SOURCE


def test_rport_promises_that_the_source_is_where_the_phone_listens() -> None:
    assert flow_of_contact(arrival(rport=True), sip("sip:a@198.51.100.1:5062")) == SOURCE
    over_tcp = sip("sip:a@198.51.100.1:5062;transport=tcp")
    assert flow_of_contact(arrival(rport=True), over_tcp) == Flow(TCP, "TCP", "198.51.100.1", 5062)


def test_a_stream_stays_the_stream() -> None:
    stream = tcp("198.51.100.1")
    assert flow_of_contact(arrival(stream), sip("sip:a@198.51.100.1:5062")) is stream
    assert flow_of_sender(arrival(stream), b"sip:a@198.51.100.1:5062", None) is stream


@pytest.mark.parametrize(
    "contact", [b"", b"sip:a@198.51.100.1:40000", b"tel:+331", b"sip:%zz@198.51.100.1", b"x"]
)
def test_the_sender_of_a_call_is_reached_where_it_sends_from(contact: bytes) -> None:
    assert flow_of_sender(arrival(), contact, None) == SOURCE


def test_the_sender_of_a_call_is_reached_at_its_contact_like_a_registered_one() -> None:
    found = flow_of_sender(arrival(), b"sip:a@198.51.100.1:5062", None)
    assert found == Flow(UDP, "UDP", "198.51.100.1", 5062)


def to_trunk(contact: str, routes: list[bytes], token: bytes = b"") -> Flow:
    trunk = build_trunk(hosts=("203.0.113.1", GATEWAY))
    lab = Lab(trunks=[trunk])
    message = as_request(lab.carrier_invite("1", contact=contact))
    for route in reversed(routes):
        message.lines.insert(0, b"Record-Route: " + route)
        message.ids.insert(0, RECORD_ROUTE)
    return flow_to_trunk(lab.core, trunk, message, token, CARRIER)


@pytest.mark.parametrize(
    ("contact", "flow"),
    [
        ("<sip:gw@203.0.113.1:5060>", CARRIER),
        (f"<sip:gw@{GATEWAY}:5080>", Flow(UDP, "UDP", GATEWAY, 5080)),
        (f"<sip:gw@{GATEWAY};transport=udp>", Flow(UDP, "UDP", GATEWAY, 5060)),
        (f"<sip:gw@{GATEWAY};transport=tcp>", CARRIER),
        ("<sip:gw@198.51.100.9>", CARRIER),
        ("<sip:gw@10.1.1.1>", CARRIER),
        ("<sip:gw@gw.carrier.test>", CARRIER),
        ("<sip:gw@203.0.113.44:99999>", CARRIER),
        ("<sip:", CARRIER),
        ("", CARRIER),
    ],
)
def test_a_trunk_is_reached_at_its_contact_when_that_is_an_address_of_it(
    contact: str, flow: Flow
) -> None:
    assert to_trunk(contact, []) == flow


def test_the_proxy_next_to_us_comes_before_the_contact() -> None:
    near, far = b"<sip:203.0.113.44:5070;lr>", b"<sip:203.0.113.1:5099;lr>"
    assert to_trunk("<sip:gw@203.0.113.1:5060>", [near, far]).port == 5070
    assert to_trunk("<sip:gw@203.0.113.1:5060>", [near + b" , " + far]).port == 5070
    ours = b"<sip:tok~en@192.0.2.1;lr>"
    assert to_trunk("<sip:gw@10.0.0.1>", [far, near, ours], b"tok~en").port == 5070
    assert to_trunk(f"<sip:gw@{GATEWAY}:5081>", [ours], b"tok~en").port == 5081


@pytest.mark.parametrize("route", [b"<sip:", b"<>", b",", b"<sip:198.51.100.9;lr>"])
def test_a_route_that_is_broken_or_of_somebody_else_is_not_followed(route: bytes) -> None:
    assert to_trunk("<sip:gw@10.0.0.1>", [route]) == CARRIER
