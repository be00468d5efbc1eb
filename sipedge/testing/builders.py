"""Builds an edge in memory, with lines, trunks and a clock-free core, from a seed.

Everything that is random in production comes from the seed here, so that a run can be repeated.
Addresses are those of documentation (RFC 5737, RFC 3849): nothing here reaches a network.
"""

from collections.abc import Callable, Iterable
from ipaddress import ip_network
from random import Random
from typing import Final

from sipedge.limits.emergency import EmergencyEntry, EmergencyNumbers
from sipedge.limits.guard import FailureThrottle, SourceGuard
from sipedge.limits.ledger import Ledger
from sipedge.limits.tickets import RefusalArchive
from sipedge.observability.counters import Counters
from sipedge.proxy.core import Core
from sipedge.proxy.dial_plan import DialPlan
from sipedge.proxy.directory import Directory, LineProfile, TrunkProfile
from sipedge.proxy.edge import DROP_REASONS, Edge
from sipedge.proxy.listeners import Listener, Listeners
from sipedge.proxy.records import EndedBy
from sipedge.proxy.refusals import Refusal
from sipedge.proxy.settings import ProxySettings
from sipedge.sip import digest
from sipedge.sip.flow import Flow
from sipedge.sip.wheel import Timed

EDGE_HOST: Final = "192.0.2.1"
EDGE_HOST_IPV6: Final = "2001:db8::1"
EDGE_PORT: Final = 5060
EDGE_TLS_PORT: Final = 5061
DOMAIN: Final = "edge.test"
CARRIER_HOST: Final = "203.0.113.1"
CARRIER_PORT: Final = 5060

# Places of the listeners that `build_listeners` makes.
UDP: Final = 0
TCP: Final = 1
UDP_IPV6: Final = 2
TLS: Final = 3

TOKEN_KEY: Final = b"the token key of tests: 32 bytes"


class PlainSecret:
    """The digest secret of a line, kept as it is: for lines that exist in a test only."""

    __slots__ = ("_password", "_user")

    def __init__(self, user: str, password: str) -> None:
        self._user = user.encode("ascii")
        self._password = password.encode("utf-8")

    def ha1(self, algorithm: bytes, realm: bytes) -> bytes:
        """Return the hash that stands for the secret in this realm."""
        return digest.ha1(algorithm, username=self._user, realm=realm, secret=self._password)


def password_of(number: str) -> str:
    """Return the password that `build_line` gives to a line: `s3cret-0001` for ...0001."""
    return f"s3cret-{number[-4:]}"


def build_line(
    number: str,
    calls: int = 2,
    *,
    aliases: tuple[str, ...] = (),
    link: str = "",
    is_enabled: bool = True,
) -> LineProfile:
    """Return a line with a password (`password_of`) and this many simultaneous calls."""
    secret = PlainSecret(number, password_of(number))
    return LineProfile(number, calls, secret, link, aliases, is_enabled=is_enabled)


def build_trunk(
    name: str = "carrier",
    *,
    prefixes: tuple[str, ...] = ("0", "+"),
    hosts: tuple[str, ...] = (CARRIER_HOST,),
    port: int = CARRIER_PORT,
    transport: str = "UDP",
    refusal_status: int = 486,
) -> TrunkProfile:
    """Return a trunk whose hosts are both its destinations, in order, and its trusted sources."""
    trunk = TrunkProfile(
        name,
        tuple(prefix.encode("ascii") for prefix in prefixes),
        tuple(ip_network(host) for host in hosts),
        tuple(f"sip:{host}:{port}".encode("ascii") for host in hosts),
        refusal_status,
    )
    for host in hosts:
        index = {"TCP": TCP, "TLS": TLS}.get(transport, UDP_IPV6 if ":" in host else UDP)
        trunk.flows.append(Flow(index, transport, host, port))
    return trunk


def build_listeners(*, is_wildcard: bool = False) -> Listeners:
    """Return the four listeners of a test edge; a wildcard one has no address written down."""
    host, ipv6 = ("", "") if is_wildcard else (EDGE_HOST, EDGE_HOST_IPV6)

    def local_host(remote: str) -> str:
        return EDGE_HOST_IPV6 if ":" in remote else EDGE_HOST

    listeners = [
        Listener(UDP, "UDP", host, EDGE_PORT, local_host),
        Listener(TCP, "TCP", host, EDGE_PORT, local_host),
        Listener(UDP_IPV6, "UDP", ipv6, EDGE_PORT, local_host, is_ipv6=True),
        Listener(TLS, "TLS", host, EDGE_TLS_PORT, local_host),
    ]
    own = frozenset({DOMAIN} if is_wildcard else {DOMAIN, EDGE_HOST, EDGE_HOST_IPV6})
    return Listeners(listeners, own, lambda found: found in (EDGE_HOST, EDGE_HOST_IPV6))


def build_emergency_numbers() -> EmergencyNumbers:
    """Return a short list of emergency numbers."""
    entries = [
        EmergencyEntry("112", "European emergency number"),
        EmergencyEntry("15", "medical emergencies"),
        EmergencyEntry("116000", "missing children"),
    ]
    return EmergencyNumbers(entries, "2022-12-01")


def build_counters() -> Counters:
    """Return counters with the reasons of the proxy."""
    return Counters(
        drop_reasons=DROP_REASONS,
        refusal_reasons=[refusal.value for refusal in Refusal],
        end_reasons=[ended_by.value for ended_by in EndedBy],
    )


def _raise(_item: Timed, error: Exception) -> None:
    raise error


def build_edge(
    *,
    lines: Iterable[LineProfile] = (),
    trunks: Iterable[TrunkProfile] = (),
    settings: ProxySettings | None = None,
    listeners: Listeners | None = None,
    seed: int = 1,
    token_key: bytes = TOKEN_KEY,
    guard: SourceGuard | None = None,
    entropy: Callable[[int], bytes] | None = None,
) -> Edge:
    """Return an edge that knows these lines and trunks; a fault in one of its timers is raised."""
    draw = entropy or Random(seed).randbytes
    directory = Directory(DialPlan())
    for line in lines:
        directory.put_line(line)
    directory.put_trunks(trunks)
    core = Core(
        settings=settings or ProxySettings(),
        counters=build_counters(),
        directory=directory,
        listeners=listeners or build_listeners(),
        emergency=build_emergency_numbers(),
        guard=guard or SourceGuard(1_000.0, 10_000.0, 60.0, 1_000),
        failures=FailureThrottle(),
        ledger=Ledger("edge1", 1),
        archive=RefusalArchive(1_000, draw),
        entropy=draw,
        token_key=token_key,
        on_error=_raise,
    )
    return Edge(core)
