import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipedge.proxy.record_route import TokenKeeper
from sipedge.sip.flow import Flow
from sipedge.sip.uri import SipUri, parse_uri
from sipedge.testing.builders import TCP, UDP, UDP_IPV6

CALLER = Flow(UDP, "UDP", "198.51.100.1", 5060)
CALLEE = Flow(TCP, "TCP", "203.0.113.1", 40_000, 9)
KEEPER = TokenKeeper(b"k" * 32)
TOKEN = KEEPER.build(CALLER, CALLEE, b"call", b"caller-tag")


def test_a_token_leads_each_side_to_the_other() -> None:
    assert KEEPER.verify(TOKEN, b"call", b"caller-tag", b"callee-tag") == (
        Flow(TCP, "TCP", "203.0.113.1", 40_000),
        True,
    )
    assert KEEPER.verify(TOKEN, b"call", b"callee-tag", b"caller-tag") == (CALLER, False)


def test_a_token_is_legal_as_the_user_of_a_sip_uri() -> None:
    for flow in (CALLER, Flow(UDP_IPV6, "UDP", "2001:db8::1:9", 5060)):
        token = KEEPER.build(flow, CALLEE, b"call", b"tag")
        uri = parse_uri(b"sip:%b@192.0.2.1;lr" % token)
        assert isinstance(uri, SipUri)
        assert uri.user == token
        verified = KEEPER.verify(token, b"call", b"x", b"tag")
        assert verified is not None
        assert (verified[0].host, verified[0].port) == (flow.host, flow.port)


@pytest.mark.parametrize(
    ("call_id", "from_tag", "to_tag"),
    [(b"other", b"caller-tag", b"x"), (b"call", b"x", b"y"), (b"call", b"", b"")],
)
def test_a_token_is_good_for_its_own_dialog_only(
    call_id: bytes, from_tag: bytes, to_tag: bytes
) -> None:
    assert KEEPER.verify(TOKEN, call_id, from_tag, to_tag) is None


def test_another_key_makes_and_takes_other_tokens() -> None:
    assert TokenKeeper(b"x" * 32).verify(TOKEN, b"call", b"caller-tag", b"y") is None


@given(st.binary(max_size=120))
def test_whatever_is_shown_as_a_token_is_refused_without_harm(token: bytes) -> None:
    assert KEEPER.verify(token, b"call", b"caller-tag", b"callee-tag") is None


@given(st.integers(0, len(TOKEN) - 1), st.integers(1, 255))
def test_no_octet_of_a_token_can_be_changed(at: int, change: int) -> None:
    forged = TOKEN[:at] + bytes([TOKEN[at] ^ change]) + TOKEN[at + 1 :]
    assert KEEPER.verify(forged, b"call", b"caller-tag", b"callee-tag") is None
