import pytest

from sipedge.transport.addresses import is_local, local_host


@pytest.mark.parametrize(
    ("remote", "local"), [("127.0.0.9", "127.0.0.1"), ("::1", "::1"), ("0.0.0.0", "127.0.0.1")]
)
def test_a_peer_on_this_machine_sees_us_at_loopback(remote: str, local: str) -> None:
    assert local_host(remote) == local


def test_an_address_without_a_route_falls_back_to_loopback() -> None:
    assert local_host("255.255.255.255") == "127.0.0.1"


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("192.0.2.1", False),
        ("2001:db8::1", False),
    ],
)
def test_only_our_own_addresses_are_local(host: str, *, is_ours: bool) -> None:
    assert is_local(host) == is_ours
