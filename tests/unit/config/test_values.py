import pytest

from sipedge.config.values import parse_host, parse_network


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("SIP.Example.NET.", "sip.example.net"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("192.0.2.1", "192.0.2.1"),
        ("a-1", "a-1"),
    ],
)
def test_hosts_are_read_in_lower_case(text: str, host: str) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    "text", ["", "a b", "-a", "a-", "a..b", "1.2.3", "256.1.1.1", "a:5060", "\u00e9.test", "a\n"]
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        parse_host(text)


def test_networks_have_no_host_bits() -> None:
    assert str(parse_network("2001:db8::/48")) == "2001:db8::/48"
    for text in ("10.0.0.1/8", "10.0.0.0/33", "host", ""):
        with pytest.raises(ValueError, match="write"):
            parse_network(text)
