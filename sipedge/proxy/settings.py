"""What an operator may choose for the proxy, as one value; `sipedge.config` fills it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """Choices of the proxy core. Durations are seconds.

    `ring_seconds` is timer C of RFC 3261; a trunk that shows no sign of life for `failover_seconds`
    is passed over while it has another destination.

    `domains` are the domains and host names that the edge answers for, lower-case. `authenticate`
    holds the methods that are challenged, REGISTER and INVITE; where an INVITE is not, its From
    user names the line. All other methods are challenged unless it is empty.
    """

    name: str = "edge1"
    domains: tuple[str, ...] = ("edge.test",)
    realm: str = "edge.test"
    authenticate: frozenset[bytes] = frozenset({b"REGISTER", b"INVITE"})
    digest_algorithms: tuple[bytes, ...] = (b"MD5",)
    expires_min_seconds: int = 60
    expires_default_seconds: int = 3600
    expires_max_seconds: int = 7200
    bindings_max: int = 10
    ring_seconds: float = 180.0
    failover_seconds: float = 5.0
    early_lease_margin_seconds: float = 30.0
    call_seconds_max: float = 43_200.0
    nonce_life_seconds: float = 300.0
    retry_after_seconds: int = 10
    country_code: bytes = b"33"
    international_prefix: bytes = b"00"
    national_prefix: bytes = b"0"
    emergency_outside_prefixes: tuple[bytes, ...] = field(default=(b"0",))
    callback_seconds: float = 1800.0
    transactions_max: int = 500_000
