"""The two servers under test, started with the same job: relay a line's calls to one trunk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.interop.peers.addresses import Address, free_address
from tests.interop.peers.edge import CARRIER_HOST, EDGE_HOST, Edge, EdgeSettings, Line, make_lines
from tests.interop.peers.kamailio import Kamailio
from tests.interop.peers.program import Program

CALLER_HOST: Final = "127.0.0.9"
CALLERS: Final = 100
CALLS_PER_LINE: Final = 100
"""The most that the offer `entreprise` sells; a hundred callers hold ten thousand calls."""
KAMAILIO_CONFIG: Final = Path(__file__).resolve().parent / "kamailio.cfg"
KAMAILIO_SHARED_MEGABYTES: Final = "1024"
ALLOCATOR: Final = "tlsf"
"""Kamailio's fastest memory manager on this load."""


@dataclass(frozen=True)
class Server:
    """One server under test: its process, where it listens, and the callee it relays to."""

    name: str
    program: Program
    address: Address
    callee: Address


def start_edge(work: Path, lines: Sequence[Line]) -> Server:
    """Start the edge with authentication off; the load's source is not screened."""
    edge = Edge(
        work=work,
        lines=lines,
        settings=EdgeSettings(authenticate=(), extra={"screen": {"trusted": [CALLER_HOST]}}),
    )
    edge.prepare().start()
    return Server("sipedge", edge, edge.address, edge.carrier)


def start_kamailio(work: Path) -> Server:
    """Start Kamailio with one UDP worker and its fastest allocator."""
    callee = free_address(CARRIER_HOST)
    kamailio = Kamailio(
        KAMAILIO_CONFIG,
        work=work,
        address=free_address(EDGE_HOST),
        values={"CALLS_MAX": str(CALLS_PER_LINE), "CALLEE": str(callee)},
        allocator=ALLOCATOR,
        shared_megabytes=KAMAILIO_SHARED_MEGABYTES,
    )
    kamailio.start()
    return Server("kamailio", kamailio, kamailio.address, callee)


def load_lines() -> list[Line]:
    """Return the lines that call in a load test."""
    return make_lines(CALLERS, simultaneous_calls=CALLS_PER_LINE)


def write_callers(path: Path, lines: Sequence[Line]) -> None:
    """Write the numbers of the lines as a file that SIPp takes its callers from, in turn."""
    path.write_text(
        "SEQUENTIAL\n" + "".join(f"{line.number}\n" for line in lines), encoding="ascii"
    )
