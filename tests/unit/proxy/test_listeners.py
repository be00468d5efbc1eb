from sipedge.proxy.listeners import Listener, Listeners
from sipedge.sip.flow import Flow
from sipedge.testing.builders import TCP, TLS, UDP, UDP_IPV6, build_listeners


def test_a_via_names_our_address_and_transport() -> None:
    listeners = build_listeners().by_index
    assert listeners[UDP].via_prefix("198.51.100.1") == b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch="
    assert listeners[TLS].via_prefix("198.51.100.1") == b"Via: SIP/2.0/TLS 192.0.2.1:5061;branch="
    assert listeners[UDP_IPV6].sent_by("2001:db8::2") == "[2001:db8::1]:5060"


def test_a_wildcard_listener_names_the_address_each_host_can_reach() -> None:
    asked: list[str] = []

    def local_host(remote: str) -> str:
        asked.append(remote)
        return "10.0.0.1" if remote.startswith("10.") else "192.0.2.1"

    listener = Listener(0, "UDP", "", 5060, local_host)
    for _ in range(3):
        assert listener.via_prefix("10.0.0.9") == b"Via: SIP/2.0/UDP 10.0.0.1:5060;branch="
        assert listener.via_prefix("198.51.100.1") == b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch="
    assert asked == ["10.0.0.9", "198.51.100.1"], "the kernel is asked once for each host"


def test_a_record_route_names_the_transport_of_its_side() -> None:
    listeners = build_listeners()
    udp = listeners.record_route(Flow(UDP, "UDP", "198.51.100.1", 5060), b"t~")
    tcp = listeners.record_route(Flow(TCP, "TCP", "198.51.100.1", 5060, 1), b"t~")
    assert udp == b"Record-Route: <sip:t~@192.0.2.1:5060;lr>"
    assert tcp == b"Record-Route: <sip:t~@192.0.2.1:5060;transport=tcp;lr>"
    assert listeners.route_ends == {b"192.0.2.1:5060;lr>", b"192.0.2.1:5060;transport=tcp;lr>"}


def test_our_domains_and_addresses_are_ours_in_any_case_and_nobody_elses() -> None:
    listeners = build_listeners()
    for host in (b"edge.test", b"EDGE.Test", b"192.0.2.1", b"2001:db8::1"):
        assert listeners.is_own(host)
    for host in (b"edge.test.evil", b"test", b"192.0.2.2", b"", b"2001:db8::2", b"\xe9dge.test"):
        assert not listeners.is_own(host)


def test_an_address_of_this_machine_is_ours_where_the_name_outside_is_another() -> None:
    """With `advertise` set and a wildcard socket, phones of the LAN still use the LAN address."""
    advertised = Listener(0, "UDP", "edge.example", 5060, lambda _: "")
    listeners = Listeners([advertised], frozenset({"edge.example"}), lambda h: h == "10.0.0.1")
    assert listeners.is_own(b"10.0.0.1")
    assert not listeners.is_own(b"10.0.0.2")


def test_an_address_with_a_port_is_ours_when_we_listen_there() -> None:
    listeners = build_listeners()
    assert listeners.is_own_address(b"192.0.2.1", 5060)
    assert listeners.is_own_address(b"192.0.2.1", 5061)
    assert not listeners.is_own_address(b"192.0.2.1", 5062), "a neighbour on this machine"
    assert not listeners.is_own_address(b"198.51.100.1", 5060)


def test_without_a_port_a_name_is_ours_and_an_address_on_the_default_ports_only() -> None:
    assert build_listeners().is_own_address(b"edge.test", 0)
    assert build_listeners().is_own_address(b"192.0.2.1", 0)
    elsewhere = Listener(0, "UDP", "192.0.2.1", 5070, lambda _: "")
    listeners = Listeners([elsewhere], frozenset({"192.0.2.1", "edge.test"}), lambda _: False)
    assert listeners.is_own_address(b"edge.test", 0)
    assert not listeners.is_own_address(b"192.0.2.1", 0)


def test_the_listener_for_a_transport_has_the_family_of_the_host() -> None:
    for listeners in (build_listeners(), build_listeners(is_wildcard=True)):
        for transport, host, index in [
            ("UDP", "198.51.100.1", UDP),
            ("UDP", "2001:db8::2", UDP_IPV6),
            ("TCP", "198.51.100.1", TCP),
            ("TLS", "198.51.100.1", TLS),
        ]:
            found = listeners.for_transport(transport, host)
            assert found is not None
            assert found.index == index
        assert listeners.for_transport("TCP", "2001:db8::2") is None
        assert listeners.for_transport("WSS", "198.51.100.1") is None


def test_what_is_remembered_of_hosts_is_bounded() -> None:
    listeners = build_listeners(is_wildcard=True)
    for number in range(25_000):
        host = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        listeners.is_own(host.encode())
        listeners.by_index[UDP].via_prefix(host)
        listeners.record_route(Flow(UDP, "UDP", host, 5060), b"t~")
    assert len(listeners._local) <= 10_001
    assert len(listeners.by_index[UDP]._via_prefixes) <= 10_001
    assert len(listeners._route_ends) <= 10_001
