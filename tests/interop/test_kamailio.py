"""Kamailio as the carrier behind the trunk, and as an IPBX that registers a line."""

from tests.interop.peers.addresses import free_address
from tests.interop.peers.edge import Line
from tests.interop.peers.kamailio import Carrier, Ipbx
from tests.interop.peers.sipp import Sipp
from tests.interop.stage import ABROAD, Stage

EXTENSION_HOST = "127.0.3.1"
IPBX_HOST = "127.0.3.2"


def _carrier(stage: Stage) -> Carrier:
    """Put Kamailio at the trunk's destination, with SIPp to be placed behind it."""
    carrier = Carrier(
        work=stage.work,
        address=stage.edge.carrier,
        edge=stage.edge.address,
        equipment=free_address("127.0.2.1"),
    )
    stage.hosts(carrier)
    return carrier


def test_a_line_calls_out_through_a_real_carrier(stage: Stage) -> None:
    """The call crosses two proxies that both stay in the route; the caller hangs up."""
    carrier = _carrier(stage)
    answering = stage.sipp("uas_answer", local=carrier.equipment)
    stage.phone().calls(ABROAD).must_succeed()
    answering.must_succeed()


def test_the_called_party_abroad_hangs_up(stage: Stage) -> None:
    """A BYE from beyond the carrier finds its way back to the phone."""
    carrier = _carrier(stage)
    answering = stage.sipp("uas_hangs_up", local=carrier.equipment)
    call = stage.phone().calls(ABROAD, "uac_hung_up")
    answering.await_received("ACK")
    answering.cue(call.call_id)
    call.must_succeed()
    answering.must_succeed()


def test_a_call_from_abroad_rings_the_phone_of_a_line(stage: Stage) -> None:
    """The carrier relays a call to the edge: no challenge, and the phone answers."""
    carrier = _carrier(stage)
    callee = stage.phone()
    callee.registers()
    answering = callee.plays("uas_answer")
    stage.sipp(
        "uac_call_plain",
        local=carrier.equipment,
        remote=carrier.address,
        line=Line(ABROAD, ""),
        called=callee.line.number,
    ).must_succeed()
    answering.must_succeed()


def test_a_caller_gives_up_while_it_rings_abroad(stage: Stage) -> None:
    """CANCEL and 487 cross both proxies."""
    carrier = _carrier(stage)
    ringing = stage.sipp("uas_no_answer", local=carrier.equipment)
    stage.phone().calls(ABROAD, "uac_cancel").must_succeed()
    ringing.must_succeed()


def _ipbx(stage: Stage) -> Ipbx:
    """Start an IPBX on a line of its own and wait until it has registered."""
    ipbx = Ipbx(
        work=stage.work,
        address=free_address(IPBX_HOST),
        edge=stage.edge.address,
        line=stage.edge.take_line(),
        extension=free_address(EXTENSION_HOST),
    )
    stage.hosts(ipbx)
    ipbx.await_registered()
    return ipbx


def test_an_ipbx_registers_a_line_and_is_called(stage: Stage) -> None:
    """A call to the line goes to the IPBX, which rings its extension."""
    ipbx, caller = _ipbx(stage), stage.phone()
    answering = stage.sipp("uas_answer", local=ipbx.extension)
    caller.calls(ipbx.line.number).must_succeed()
    answering.must_succeed()


def test_an_extension_of_the_ipbx_calls_out(stage: Stage) -> None:
    """The IPBX answers the edge's 407 with the line's credentials; the extension sees none."""
    ipbx = _ipbx(stage)
    carrier = stage.carrier_plays("uas_answer")
    calling = stage.sipp(
        "uac_call_plain",
        local=ipbx.extension,
        remote=ipbx.address,
        line=Line("101", ""),
        called=ABROAD,
    )
    calling.must_succeed()
    assert calling.received("407") == []
    invite = carrier.must_succeed().received("INVITE")[0]
    assert ipbx.line.number in invite.header("P-Asserted-Identity")


def test_an_ipbx_gets_the_486_of_the_call_over_its_limit(stage: Stage) -> None:
    """The two paid calls of the IPBX's line are up: its third extension hears busy."""
    ipbx = _ipbx(stage)
    stage.carrier_plays("uas_answer", calls=2)
    held = []
    for host in ("127.0.3.11", "127.0.3.12"):
        call = _extension_calls(stage, ipbx, host, "uac_plain_held")
        call.await_received("200")
        held.append(call)
    refused = _extension_calls(stage, ipbx, "127.0.3.13", "uac_plain_busy")
    refused.must_succeed()
    for call in held:
        call.cue(call.call_id)
        call.must_succeed()


def _extension_calls(stage: Stage, ipbx: Ipbx, host: str, scenario: str) -> Sipp:
    return stage.sipp(
        scenario,
        local=free_address(host),
        remote=ipbx.address,
        line=Line("101", ""),
        called=ABROAD,
    )
