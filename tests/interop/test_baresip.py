"""Two real phones (baresip) register and call each other through the edge."""

from collections.abc import Iterator

import pytest

from tests.interop.peers.baresip import Baresip
from tests.interop.peers.edge import Edge, EdgeSettings, make_lines
from tests.interop.stage import Stage

TRANSPORTS = ["udp", "tcp", "tls"]


@pytest.fixture(scope="module")
def running_edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """An edge that offers MD5 alone.

    Debian's baresip 1.0.0 gives up on a response when any of its challenges names an algorithm it
    does not know ("Register: Function not implemented"), in whatever order they come.
    """
    settings = EdgeSettings(extra={"sip": {"digest_algorithms": ["MD5"]}})
    work = tmp_path_factory.mktemp("edge")
    with Edge(work=work, lines=make_lines(20), settings=settings).prepare().start() as edge:
        yield edge


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
