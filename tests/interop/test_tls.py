"""Phones on TLS: the certificate that the edge made for itself, and one that replaces it."""

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Self

import pytest

from sipedge.sip.framing import StreamFramer
from sipedge.testing.calls import IncomingCall
from sipedge.testing.phone import Phone
from sipedge.transport.tls import make_certificate
from tests.interop.peers.addresses import Address
from tests.interop.peers.edge import DOMAIN, Edge, Line, make_lines
from tests.interop.peers.waiting import wait_until
from tests.interop.stage import Stage

ANSWER_SECONDS: Final = 10.0
# The edge looks at the files every five seconds; two noisy cores may make it later.
RELOAD_SECONDS: Final = 20.0


@pytest.fixture
def fresh_edge(tmp_path: Path) -> Iterator[Edge]:
    """An edge of its own, for a test that replaces its certificate."""
    with Edge(work=tmp_path, lines=make_lines(4)).prepare().start() as edge:
        yield edge


def ring_and_answer(call: IncomingCall) -> None:
    """Let an incoming call ring and pick it up."""
    call.ring()
    call.answer()


class TlsPhone:
    """A phone on one TLS connection, which it keeps: calls come in on it too (RFC 5626)."""

    def __init__(self, edge: Edge, line: Line, trusted: Path) -> None:
        context = ssl.create_default_context(cafile=str(trusted))
        plain = socket.create_connection(edge.tls_address, timeout=ANSWER_SECONDS)
        self._stream = context.wrap_socket(plain, server_hostname=edge.tls_address.host)
        self._stream.settimeout(0.05)
        self._framer = StreamFramer(opened_by_us=True)
        host, port = self._stream.getsockname()
        self.phone = Phone(
            line.number,
            line.secret,
            (host, port),
            edge.tls_address,
            time.monotonic,
            domain=DOMAIN,
            transport="TLS",
        )
        self.phone.on_call = ring_and_answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self._stream.close()

    @property
    def certificate(self) -> bytes:
        """What the edge showed at the handshake."""
        found = self._stream.getpeercert(binary_form=True)
        assert found is not None
        return found

    def registers(self) -> None:
        """Register, whatever was registered before."""
        self.phone.registration_status = 0
        self.phone.register()
        self.goes_on_until(lambda: self.phone.registration_status)
        assert self.phone.registration_status == 200

    def goes_on_until(self, is_so: Callable[[], object]) -> None:
        """Send what the phone says and hand it what comes, until something is so."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while not is_so():
            assert time.monotonic() < deadline, self.phone.unexpected
            for _, wire in self.phone.take_sends():
                self._stream.sendall(wire)
            try:
                data = self._stream.recv(65_536)
            except TimeoutError:
                continue
            assert data, "the edge closed the connection"
            for framed in self._framer.feed(data):
                if isinstance(framed, bytes):
                    self.phone.receive(framed, self.phone.edge)
        for _, wire in self.phone.take_sends():
            self._stream.sendall(wire)


def own_certificate(edge: Edge) -> Path:
    return edge.folder / "var" / "tls.crt"


def test_a_phone_registers_over_tls_and_is_called_on_its_connection(stage: Stage) -> None:
    """The client trusts nothing but the certificate that the edge made on its first start."""
    edge = stage.edge
    line = edge.take_line()
    with TlsPhone(edge, line, own_certificate(edge)) as tls:
        tls.registers()
        assert edge.metrics()['sipedge_transport_flows{transport="tls"}'] == 1
        caller = stage.phone().calls(line.number)
        tls.goes_on_until(lambda: tls.phone.calls and not tls.phone.current)
        caller.must_succeed()
        assert tls.phone.calls[0].ended_by == "them"
        assert tls.phone.unexpected == []
    edge.await_metric('sipedge_transport_flows{transport="tls"}', 0)


def test_a_caller_on_tls_reaches_a_phone_on_udp(stage: Stage) -> None:
    edge = stage.edge
    callee = stage.phone()
    callee.registers()
    answering = callee.plays("uas_answer")
    with TlsPhone(edge, edge.take_line(), own_certificate(edge)) as tls:
        call = tls.phone.call(callee.line.number)
        tls.goes_on_until(lambda: tls.phone.talking or call.is_over)
        assert call.status == 200
        call.hang_up()
        tls.goes_on_until(lambda: answering.received("BYE"))
        answering.must_succeed()


def test_a_new_certificate_is_used_by_the_next_handshake_and_disturbs_no_flow(
    fresh_edge: Edge, tmp_path: Path
) -> None:
    certificate = own_certificate(fresh_edge)
    old = tmp_path / "old.crt"
    shutil.copy(certificate, old)
    line = fresh_edge.take_line()
    with TlsPhone(fresh_edge, line, old) as before:
        before.registers()
        new, key = tmp_path / "new.crt", tmp_path / "new.key"
        make_certificate(new, key, [fresh_edge.tls_address.host])
        shutil.copy(new, tmp_path / "trusted.crt")
        key.replace(certificate.with_suffix(".key"))
        new.replace(certificate)
        wait_until(
            lambda: "certificate_reloaded" in fresh_edge.output(),
            what="the new certificate is loaded",
            timeout_seconds=RELOAD_SECONDS,
            explain=fresh_edge.report,
        )
        with TlsPhone(fresh_edge, line, tmp_path / "trusted.crt") as after:
            assert after.certificate != before.certificate
            after.registers()
        before.registers()


def test_a_broken_certificate_leaves_the_old_one_in_use(fresh_edge: Edge, tmp_path: Path) -> None:
    certificate = own_certificate(fresh_edge)
    old = tmp_path / "old.crt"
    shutil.copy(certificate, old)
    certificate.write_text("-----BEGIN CERTIFICATE-----\n", encoding="ascii")
    wait_until(
        lambda: "certificate_not_reloaded" in fresh_edge.output(),
        what="the broken certificate is noticed",
        timeout_seconds=RELOAD_SECONDS,
        explain=fresh_edge.report,
    )
    with TlsPhone(fresh_edge, fresh_edge.take_line(), old) as tls:
        tls.registers()


@pytest.mark.parametrize(
    ("version", "is_spoken"), [("-tls1_3", True), ("-tls1_2", True), ("-tls1_1", False)]
)
def test_openssl_meets_the_certificate_of_the_edge(
    stage: Stage, version: str, *, is_spoken: bool
) -> None:
    """Another implementation of TLS than the one of our tests' own phones."""
    edge = stage.edge
    done = subprocess.run(
        [
            *("openssl", "s_client", version, "-connect", str(edge.tls_address)),
            *("-CAfile", str(own_certificate(edge)), "-verify_ip", edge.tls_address.host),
            "-verify_return_error",
        ],
        input="",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode == 0) == is_spoken, done.stdout + done.stderr


def test_a_handshake_that_stands_still_holds_up_nobody(running_edge: Edge) -> None:
    address: Address = running_edge.tls_address
    with socket.create_connection(address, timeout=ANSWER_SECONDS) as silent:
        silent.sendall(b"\x16\x03\x01")
        with TlsPhone(running_edge, running_edge.take_line(), own_certificate(running_edge)) as tls:
            tls.registers()
