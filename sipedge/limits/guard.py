"""Who is refused before parsing, and who has guessed passwords too often.

A source pays for messages that came to nothing and for nothing else (ADR 0005): a carrier with a
thousand calls a second pays nothing, a scanner pays for every probe.
"""

from collections import OrderedDict
from collections.abc import Container
from typing import Final

from sipedge.limits.buckets import BucketTable

# IPv6 texts whose /64 is remembered; a flood from random addresses only empties this table.
_PREFIXES_MAX: Final = 4096

# A banned source may be a house on fire: this often, one INVITE to an emergency number passes.
# A phone repeats its INVITE after 0.5 s (RFC 3261 timer A); a flooder gains ten messages a second.
_EMERGENCY_PASS_SECONDS: Final = 0.1

# A digest user name is kept as a key: no more of it than any line has.
_USER_BYTES_MAX: Final = 64


def find_source(host: str) -> str:
    """Return what a host is counted as: an IPv4 address itself, an IPv6 address its /64.

    A customer has a whole /64, and so has an attacker. `host` is numeric as the kernel writes it;
    `::ffff:192.0.2.1` is the IPv4 source that a dual-stack socket shows that way.
    """
    if ":" not in host:
        return host
    if host.startswith("::ffff:") and "." in host:
        return host[7:]
    head, gap, tail = host.partition("%")[0].partition("::")
    groups = head.split(":") if head else []
    if gap:
        after = tail.split(":") if tail else []
        groups += ["0"] * (8 - len(groups) - len(after)) + after
    return ":".join(groups[:4]) + "::/64"


class Ban:
    """A source that is refused until an instant; `passed_at` is its last emergency pass."""

    __slots__ = ("passed_at", "until")

    def __init__(self, until: float) -> None:
        self.until = until
        self.passed_at = -_EMERGENCY_PASS_SECONDS


class SourceGuard:
    """Refuses sources that keep sending messages that come to nothing.

    A source has `burst` tokens that come back at `rate_per_second`. The charge that finds none
    bans it for `ban_seconds`. `trusted` hosts (trunks, the IPBX of a site) are never refused.
    """

    __slots__ = (
        "_banned",
        "_buckets",
        "_prefixes",
        "ban_seconds",
        "bans",
        "capacity",
        "emergency_passes",
        "refused_datagrams",
        "trusted",
    )

    def __init__(
        self,
        rate_per_second: float,
        burst: float,
        ban_seconds: float,
        capacity: int,
        *,
        trusted: Container[str] = frozenset(),
    ) -> None:
        self.ban_seconds = ban_seconds
        self.capacity = capacity
        self.trusted = trusted
        self.bans = 0
        self.refused_datagrams = 0
        self.emergency_passes = 0
        self._buckets: BucketTable[str] = BucketTable(rate_per_second, burst, capacity)
        self._banned: OrderedDict[str, Ban] = OrderedDict()
        self._prefixes: dict[str, str] = {}

    def allows(self, host: str, now: float) -> bool:
        """Whether to look at a message from `host` at all; every False is counted."""
        # Only the banned are in this table: the buckets are of no concern to a datagram.
        ban = self._banned.get(self._find_prefix(host) if ":" in host else host)
        if ban is None:
            return True
        if host in self.trusted:
            return True
        if now >= ban.until:
            self.lift(host)
            return True
        self.refused_datagrams += 1
        return False

    def allows_emergency(self, host: str, now: float) -> bool:
        """Whether a refused message that reads as an emergency call may pass after all.

        Asked after `allows` said no. The call that follows is authenticated like any other;
        once it is, `lift` lets its ACK and BYE through.
        """
        ban = self._banned.get(find_source(host))
        if ban is None:
            return True
        if now - ban.passed_at < _EMERGENCY_PASS_SECONDS:
            return False
        ban.passed_at = now
        self.emergency_passes += 1
        return True

    def charge(self, host: str, now: float, cost: float = 1.0) -> None:
        """Make `host` pay for a message that came to nothing; it is banned when it cannot."""
        if host in self.trusted:
            return
        if not self._buckets.spend(find_source(host), cost, now):
            self.ban(host, now + self.ban_seconds)

    def refund(self, host: str, cost: float = 1.0) -> None:
        """Give back what a message cost that came to something: the 401 before a good answer."""
        self._buckets.refund(find_source(host), cost)

    def ban(self, host: str, until: float) -> None:
        """Refuse `host` until an instant; a longer ban stays. A trusted host is not banned."""
        if host in self.trusted:
            return
        source = find_source(host)
        ban = self._banned.get(source)
        if ban is not None:
            ban.until = max(ban.until, until)
            return
        if len(self._banned) >= self.capacity:
            self._banned.popitem(last=False)
        self._banned[source] = Ban(until)
        self.bans += 1

    def lift(self, host: str) -> None:
        """End the ban of `host` and forget what it owes."""
        source = find_source(host)
        self._banned.pop(source, None)
        self._buckets.forget(source)

    def _find_prefix(self, host: str) -> str:
        prefix = self._prefixes.get(host)
        if prefix is None:
            if len(self._prefixes) >= _PREFIXES_MAX:
                self._prefixes.clear()
            prefix = self._prefixes[host] = find_source(host)
        return prefix


class FailureThrottle:
    """Slows down guessing the password of a line without shutting the line's own phone out.

    A wrong proof is paid twice: by the source for this user (a few a minute, then wait), and by
    the user over all sources, against guessing spread over many addresses. A source that has
    proven this user before does not feel the second: the real phone still registers while others
    guess. While a pair is throttled its proofs are not even checked and get the usual challenge,
    so that the right guess looks like a wrong one.
    """

    __slots__ = ("_pairs", "_proven", "_users", "capacity", "throttled")

    def __init__(
        self,
        *,
        pair_rate_per_second: float = 1 / 12,
        pair_burst: float = 5,
        user_rate_per_second: float = 1 / 4,
        user_burst: float = 30,
        capacity: int = 50_000,
    ) -> None:
        self.capacity = capacity
        self.throttled = 0
        self._pairs: BucketTable[tuple[str, bytes]] = BucketTable(
            pair_rate_per_second, pair_burst, capacity
        )
        self._users: BucketTable[bytes] = BucketTable(user_rate_per_second, user_burst, capacity)
        self._proven: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def allows(self, host: str, user: bytes, now: float) -> bool:
        """Whether to check a proof of `user` that came from `host`; every False is counted.

        The user need not exist: unknown ones are throttled alike and so cannot be told apart.
        """
        pair = (find_source(host), user[:_USER_BYTES_MAX])
        if self._pairs.get_tokens(pair, now) >= 1 and (
            pair in self._proven or self._users.get_tokens(pair[1], now) >= 1
        ):
            return True
        self.throttled += 1
        return False

    def charge(self, host: str, user: bytes, now: float) -> None:
        """Note a wrong proof. A stale or foreign nonce is no proof and is not charged."""
        pair = (find_source(host), user[:_USER_BYTES_MAX])
        self._pairs.spend(pair, 1.0, now)
        if pair not in self._proven:
            self._users.spend(pair[1], 1.0, now)

    def prove(self, host: str, user: bytes) -> None:
        """Note a right proof: this source is one of the user's own from now on."""
        pair = (find_source(host), user[:_USER_BYTES_MAX])
        self._pairs.forget(pair)
        self._proven[pair] = None
        self._proven.move_to_end(pair)
        if len(self._proven) > self.capacity:
            self._proven.popitem(last=False)
