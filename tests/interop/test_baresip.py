"""Two real phones (baresip) register and call each other through the edge."""

import pytest

from tests.interop.peers.baresip import Baresip
from tests.interop.stage import Stage

TRANSPORTS = ["udp", "tcp", "tls"]


def _two_phones(stage: Stage, transport: str = "udp") -> tuple[Baresip, Baresip]:
    """Start two phones on lines of their own and wait until both are registered."""
    phones = []
    for host in ("127.0.1.1", "127.0.1.2"):
        phone = Baresip(
            stage.edge.take_line(),
            work=stage.work,
            edge=stage.edge.tls_address if transport == "tls" else stage.edge.address,
            host=host,
            transport=transport,
        )
        stage.hosts(phone)
        phones.append(phone)
    for phone in phones:
        phone.await_registered()
    return phones[0], phones[1]


def _establish(caller: Baresip, callee: Baresip) -> None:
    caller.dials(callee.line.number)
    caller.await_event("CALL_RINGING")
    callee.await_event("CALL_INCOMING")
    callee.answers()
    caller.await_event("CALL_ESTABLISHED")
    callee.await_event("CALL_ESTABLISHED")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_caller_hangs_up(stage: Stage, transport: str) -> None:
    """Both phones register with digest, talk, and the caller's BYE ends the call at both ends."""
    caller, callee = _two_phones(stage, transport)
    _establish(caller, callee)
    assert stage.edge.slots() > 0
    caller.hangs_up()
    callee.await_event("CALL_CLOSED")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_callee_hangs_up(stage: Stage, transport: str) -> None:
    """The called phone's BYE ends the call at both ends."""
    caller, callee = _two_phones(stage, transport)
    _establish(caller, callee)
    callee.hangs_up()
    caller.await_event("CALL_CLOSED")


def test_the_callee_rejects(stage: Stage) -> None:
    """A phone whose user declines: the caller is told so."""
    caller, callee = _two_phones(stage)
    caller.dials(callee.line.number)
    callee.await_event("CALL_INCOMING")
    callee.hangs_up()
    assert "486" in caller.await_event("CALL_CLOSED").detail


def test_the_caller_gives_up_while_it_rings(stage: Stage) -> None:
    """The CANCEL of a real phone ends the ringing of the other."""
    caller, callee = _two_phones(stage)
    caller.dials(callee.line.number)
    callee.await_event("CALL_INCOMING")
    caller.await_event("CALL_RINGING")
    caller.hangs_up()
    callee.await_event("CALL_CLOSED")
