from sipedge.app.gauges import build_gauges, render_metrics
from sipedge.observability.exposition import Build, Exposition
from sipedge.transport.driver import Driver
from tests.unit.proxy.lab import ALICE, Lab


async def test_repetitions_that_the_transaction_layer_counts_reach_the_page() -> None:
    lab = Lab()
    lab.register_all()
    call = lab.dial()
    lab.send(call.invite.wire, lab.flow(ALICE))
    driver = Driver(lab.edge, lambda effect: None)
    gauges = build_gauges(lab.core, driver, 0.0)
    page = render_metrics(
        lab.core, Exposition(lab.core.counters, gauges, Build(version="1", python="3"))
    ).decode()
    assert 'sipedge_sip_retransmissions_total{direction="in"} 1.0' in page
    assert "sipedge_calls_active 1.0" in page
