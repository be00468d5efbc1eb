import logging

import pytest

from sipedge.app.trunks import TrunkResolver
from sipedge.proxy.directory import TrunkProfile
from sipedge.sip.flow import Flow
from sipedge.testing.builders import TCP, TLS, UDP, UDP_IPV6, build_edge
from sipedge.transport.stream import Streams


def make_trunk(*destinations: bytes) -> TrunkProfile:
    return TrunkProfile("carrier", (b"0",), (), destinations, 486)


async def resolve(*trunks: TrunkProfile) -> Streams:
    edge = build_edge(trunks=trunks)
    streams = Streams(
        clock=lambda: 0.0,
        receive=lambda _wire, _flow: None,
        flush=lambda: None,
        refuse=lambda _error, _flow: None,
        flow_failed=lambda _flow: None,
        connect_failed=lambda _flow: None,
    )
    await TrunkResolver(edge.core, streams).resolve()
    return streams


async def test_each_destination_is_reached_by_a_listener_of_its_kind_in_order() -> None:
    trunk = make_trunk(
        b"sip:127.0.0.2:5070",
        b"sip:127.0.0.3;transport=tcp",
        b"sips:127.0.0.4",
        b"sip:[::1]:5070",
    )
    await resolve(trunk)
    assert trunk.flows == [
        Flow(UDP, "UDP", "127.0.0.2", 5070),
        Flow(TCP, "TCP", "127.0.0.3", 5060),
        Flow(TLS, "TLS", "127.0.0.4", 5061),
        Flow(UDP_IPV6, "UDP", "::1", 5070),
    ]


async def test_the_name_of_a_destination_is_kept_for_its_certificate() -> None:
    trunk = make_trunk(b"sips:localhost:5071")
    streams = await resolve(trunk)
    assert streams.server_names[trunk.flows[0].host, 5071] == "localhost"


async def test_a_destination_that_leads_nowhere_is_reported_and_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trunk = make_trunk(b"tel:+331", b"sip:[::1", b"sip:127.0.0.2")
    with caplog.at_level(logging.INFO):
        await resolve(trunk)
    assert [flow.host for flow in trunk.flows] == ["127.0.0.2"]
    assert [record.msg for record in caplog.records] == ["trunk_not_resolved"] * 2


async def test_a_trunk_that_leads_nowhere_now_keeps_where_it_led_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trunk = make_trunk(b"sip:" + b"a" * 64 + b".invalid")
    before = trunk.flows = [Flow(UDP, "UDP", "127.0.0.2", 5060)]
    with caplog.at_level(logging.INFO):
        await resolve(trunk)
    assert trunk.flows == before
