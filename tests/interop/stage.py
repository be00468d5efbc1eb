"""The people of a test: phones and a carrier played by SIPp around one running edge."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from tests.interop.peers.addresses import Address, free_address
from tests.interop.peers.edge import DOMAIN, Edge, Line
from tests.interop.peers.program import Program
from tests.interop.peers.sipp import Login, Sipp, TracedMessage

PHONE_HOST: Final = "127.0.1.1"
ABROAD: Final = "0033145000001"
"""A number that is no line here: it goes to the carrier."""


class SippPhone:
    """A phone of a line, at a fixed address; SIPp runs one scenario after another from there."""

    def __init__(self, stage: "Stage", line: Line, address: Address) -> None:
        self.stage = stage
        self.line = line
        self.address = address

    def registers(self, scenario: str = "register", *, expires_seconds: int = 600) -> TracedMessage:
        """Register this phone's address and return the edge's last answer."""
        registering = self.stage.sipp(
            scenario,
            local=self.address,
            remote=self.stage.edge.address,
            line=self.line,
            options=("-auth_uri", DOMAIN, "-key", "expires", str(expires_seconds)),
        )
        registering.must_succeed()
        registering.stop()
        return [message for message in registering.messages() if not message.is_sent][-1]

    def unregisters(self) -> TracedMessage:
        """Remove this phone's binding and return the edge's last answer."""
        return self.registers("unregister", expires_seconds=0)

    def plays(self, scenario: str, *, calls: int = 1, options: Sequence[str] = ()) -> Sipp:
        """Start a callee's scenario at this phone."""
        return self.stage.sipp(
            scenario, local=self.address, line=self.line, calls=calls, options=options
        )

    def calls(
        self,
        number: str,
        scenario: str = "uac_call",
        *,
        calls: int = 1,
        options: Sequence[str] = (),
    ) -> Sipp:
        """Start a caller's scenario from this phone to a number."""
        return self.stage.sipp(
            scenario,
            local=self.address,
            remote=self.stage.edge.address,
            line=self.line,
            called=number,
            calls=calls,
            options=("-auth_uri", f"{number}@{DOMAIN}", *options),
        )


class Stage:
    """Starts peers for one test and stops them all at its end, also when the test fails."""

    def __init__(self, edge: Edge, work: Path) -> None:
        self.edge = edge
        self.work = work
        self._started = ExitStack()
        self._peers: list[Program] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._started.close()

    def phone(self, line: Line | None = None, *, host: str = PHONE_HOST) -> SippPhone:
        """Place a phone at a free address, on this line or on one no test has used yet."""
        return SippPhone(self, line or self.edge.take_line(), free_address(host))

    def carrier_plays(self, scenario: str, *, calls: int = 1) -> Sipp:
        """Start a callee's scenario at the trunk's destination."""
        return self.sipp(scenario, local=self.edge.carrier, calls=calls)

    def carrier_calls(
        self, number: str, scenario: str = "uac_call_plain", *, calls: int = 1
    ) -> Sipp:
        """Start a caller's scenario from an address the edge trusts as the trunk."""
        return self.sipp(
            scenario,
            local=free_address(self.edge.carrier.host),
            remote=self.edge.address,
            line=Line(ABROAD, ""),
            called=number,
            calls=calls,
        )

    def sipp(
        self,
        scenario: str,
        *,
        local: Address,
        remote: Address | None = None,
        line: Line | None = None,
        called: str = "",
        calls: int = 1,
        options: Sequence[str] = (),
    ) -> Sipp:
        """Start any SIPp scenario; it is stopped at the end of the test."""
        program = Sipp(
            scenario,
            work=self.work,
            local=local,
            remote=remote,
            called=called,
            calls=calls,
            login=Login(line.number, line.secret) if line else None,
            keys={"domain": DOMAIN, "user": line.number if line else called or "nobody"},
            options=options,
        )
        self.hosts(program)
        return program

    def hosts(self, peer: Program) -> None:
        """Start a peer; it is stopped at the end of the test."""
        self._peers.append(peer)
        self._started.enter_context(peer).start()

    def report(self) -> str:
        """Return what every peer of this test has sent, received and printed."""
        return "\n".join(peer.report() for peer in self._peers)
