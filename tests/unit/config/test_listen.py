import pytest

from sipedge.config.listen import Listen, parse_http_listen, parse_sip_listen


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("udp://0.0.0.0:5060", Listen("udp", "0.0.0.0", 5060)),
        ("TCP://127.0.0.1:0", Listen("tcp", "127.0.0.1", 0)),
        ("tls://[::1]:5061", Listen("tls", "::1", 5061)),
        ("udp://[0:0:0:0:0:0:0:1]", Listen("udp", "::1", 5060)),
        ("tls://192.0.2.1", Listen("tls", "192.0.2.1", 5061)),
    ],
)
def test_a_sip_address_is_read(text: str, listen: Listen) -> None:
    assert parse_sip_listen(text) == listen
    assert parse_sip_listen(str(listen)) == listen


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5060",
        "0.0.0.0:5060",
        "sctp://0.0.0.0:5060",
        "udp://localhost:5060",
        "udp://0.0.0.0:65536",
        "udp://0.0.0.0:+1",
        "udp://0.0.0.0:5_0",
        "udp://0.0.0.0:\u0665",
        "udp://0.0.0.0:5060/",
        "udp://[::1:5060",
        "udp://[127.0.0.1]:5060",
        "udp://::1:5060",
        "udp://0.0.0.0:5060\n",
        "ws://0.0.0.0:80",
        "wss://0.0.0.0:443",
    ],
)
def test_another_address_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        parse_sip_listen(text)


def test_an_http_address_has_host_and_port() -> None:
    assert parse_http_listen("[::]:80") == Listen("http", "::", 80)
    assert parse_http_listen("127.0.0.1:443", "https").scheme == "https"
    for text in ("127.0.0.1", "http://127.0.0.1:80", ":80", "[::]"):
        with pytest.raises(ValueError, match="write"):
            parse_http_listen(text)


def test_an_address_knows_its_family() -> None:
    assert parse_sip_listen("udp://[::1]:1").is_ipv6
    assert not parse_sip_listen("udp://127.0.0.1:1").is_ipv6
