"""Lines and trunks as the proxy sees them: small read models in memory, refreshed by events.

The hot path never touches the business model: a paid order publishes a new `LineProfile` here.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, Protocol

from sipedge.proxy.dial_plan import DialPlan
from sipedge.sip.flow import Flow

# Sources whose trunk, or lack of one, is remembered: a look-up instead of a search per request.
_HOSTS_REMEMBERED: Final = 50_000


class LineSecret(Protocol):
    """Knows the digest secret of a line without showing it."""

    def ha1(self, algorithm: bytes, realm: bytes) -> bytes:
        """Return the hex H(user:realm:secret) of RFC 7616 section 3.4.2 for `MD5`, `SHA-256`..."""
        ...


class LineProfile:
    """A line: the SIP identity of a customer, with the number of calls that is paid for it.

    `number` is the canonical number and the SIP user; `account` its key in the ledger; `link` the
    name of its access link, empty for none.
    """

    __slots__ = (
        "account",
        "aliases",
        "calls_max",
        "is_enabled",
        "link",
        "number",
        "secret",
        "user",
    )

    def __init__(
        self,
        number: str,
        calls_max: int,
        secret: LineSecret | None,
        link: str = "",
        aliases: tuple[str, ...] = (),
        *,
        is_enabled: bool = True,
    ) -> None:
        self.number = number
        self.user = number.encode("ascii")
        self.account = "line:" + number
        self.calls_max = calls_max
        self.secret = secret
        self.link = link
        self.aliases = aliases
        self.is_enabled = is_enabled


class TrunkProfile:
    """A carrier or another peer that is no line.

    `prefixes` are the dialled beginnings that go to it; `trusted` the networks that are it;
    `flows` where its destinations resolve to, in order of preference, kept fresh by the driver.
    """

    __slots__ = ("destinations", "flows", "name", "prefixes", "refusal_status", "trusted")

    def __init__(
        self,
        name: str,
        prefixes: tuple[bytes, ...],
        trusted: tuple[IPv4Network | IPv6Network, ...],
        destinations: tuple[bytes, ...] = (),
        refusal_status: int = 486,
    ) -> None:
        self.name = name
        self.prefixes = prefixes
        self.trusted = trusted
        self.destinations = destinations
        self.refusal_status = refusal_status
        self.flows: list[Flow] = []


class Directory:
    """All lines by user, number and alias, and all trunks by prefix and by source.

    `calls_paid` is the sum of the simultaneous calls of all lines.
    """

    __slots__ = (
        "_by_number",
        "_prefixes",
        "_trunks_by_host",
        "calls_paid",
        "dial_plan",
        "lines",
        "trunks",
    )

    def __init__(self, dial_plan: DialPlan) -> None:
        self.dial_plan = dial_plan
        self.calls_paid = 0
        self.lines: dict[bytes, LineProfile] = {}
        self._by_number: dict[bytes, LineProfile] = {}
        self.trunks: list[TrunkProfile] = []
        self._prefixes: list[tuple[bytes, TrunkProfile]] = []
        self._trunks_by_host: dict[str, TrunkProfile | None] = {}

    def put_line(self, line: LineProfile) -> None:
        """Add a line or replace the one with its number; calls that are up keep what they hold."""
        previous = self.lines.get(line.user)
        if previous is not None:
            self.remove_line(previous)
        self.lines[line.user] = line
        self.calls_paid += line.calls_max
        self._by_number[self._key(line.number)] = line
        for alias in line.aliases:
            owner = self._by_number.get(self._key(alias))
            # A number belongs to the line that has it, never to one that has it for an alias.
            if owner is None or self._key(owner.number) != self._key(alias):
                self._by_number[self._key(alias)] = line

    def remove_line(self, line: LineProfile) -> None:
        """Remove a line and its numbers, and leave alone what others have meanwhile."""
        found = self.lines.pop(line.user, None)
        if found is None:
            return
        self.calls_paid -= found.calls_max
        for number in (found.number, *found.aliases):
            if self._by_number.get(self._key(number)) is found:
                del self._by_number[self._key(number)]

    def _key(self, number: str) -> bytes:
        return self.dial_plan.canonical(number.encode("ascii"))

    def put_trunks(self, trunks: Iterable[TrunkProfile]) -> None:
        """Replace all trunks."""
        self.trunks = list(trunks)
        self._trunks_by_host.clear()
        pairs = [(prefix, trunk) for trunk in self.trunks for prefix in trunk.prefixes]
        # Longest first, so that the first that fits is the one; else the file's order is kept.
        self._prefixes = sorted(pairs, key=lambda pair: -len(pair[0]))

    def find_line(self, user: bytes) -> LineProfile | None:
        """Return the line whose number or alias this user part is, in any usual spelling."""
        line = self.lines.get(user)
        if line is None:
            line = self._by_number.get(self.dial_plan.canonical(user))
        return line

    def trunk_of_source(self, host: str) -> TrunkProfile | None:
        """Return the trunk to whose trusted sources this numeric host belongs."""
        known = self._trunks_by_host
        if host not in known:
            if len(known) >= _HOSTS_REMEMBERED:
                known.clear()
            address: IPv4Address | IPv6Address = ip_address(host)
            if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
                # A dual-stack socket shows IPv4 peers that way.
                address = address.ipv4_mapped
            known[host] = next(
                (trunk for trunk in self.trunks for network in trunk.trusted if address in network),
                None,
            )
        return known[host]

    def trunk_for(self, dialled: bytes) -> TrunkProfile | None:
        """Return the trunk with the longest prefix of the dialled number, as it was dialled."""
        for prefix, trunk in self._prefixes:
            if dialled.startswith(prefix):
                return trunk
        return None

    def trunks_for_emergency(self, dialled: bytes) -> list[TrunkProfile]:
        """Return every trunk, in the order to try them: the one for the number first."""
        first = self.trunk_for(dialled)
        others = [trunk for trunk in self.trunks if trunk is not first]
        return [first, *others] if first is not None else others
