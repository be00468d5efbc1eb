"""Building the core of an edge from its settings."""

import logging
import os
from collections.abc import Container, Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from typing_extensions import override

from sipedge.config import Listen, Settings
from sipedge.limits.emergency import EmergencyEntry, EmergencyNumbers
from sipedge.limits.guard import FailureThrottle, SourceGuard
from sipedge.limits.ledger import Ledger
from sipedge.limits.tickets import RefusalArchive
from sipedge.observability.counters import Counters
from sipedge.proxy.core import Core
from sipedge.proxy.dial_plan import DialPlan
from sipedge.proxy.directory import Directory, TrunkProfile
from sipedge.proxy.edge import DROP_REASONS
from sipedge.proxy.listeners import Listener, Listeners
from sipedge.proxy.records import EndedBy
from sipedge.proxy.refusals import Refusal
from sipedge.proxy.settings import ProxySettings
from sipedge.sip.wheel import Timed
from sipedge.transport.addresses import is_local, local_host

_LOGGER: Final = logging.getLogger(__name__)
_WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to
# A ticket of 2 KB each: two weeks of a busy edge in memory, all of them in the database.
_TICKETS_MAX: Final = 50_000
_SOURCES_MAX: Final = 100_000


class TrustedHosts(Container[str]):
    """The hosts of some networks, however large these are."""

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network]) -> None:
        self._networks = networks

    @override
    def __contains__(self, host: object) -> bool:
        address = ip_address(str(host))
        return any(address in network for network in self._networks)


def proxy_settings(settings: Settings) -> ProxySettings:
    """Return what the proxy needs of the settings."""
    sip, limits, numbering = settings.sip, settings.limits, settings.numbering
    return ProxySettings(
        name=settings.edge.name,
        domains=tuple(settings.edge.domains),
        realm=settings.edge.realm,
        authenticate=frozenset(method.encode("ascii") for method in sip.authenticate),
        digest_algorithms=tuple(name.encode("ascii") for name in sip.digest_algorithms),
        expires_min_seconds=sip.expires_min_seconds,
        expires_default_seconds=sip.expires_default_seconds,
        expires_max_seconds=sip.expires_max_seconds,
        bindings_max=sip.bindings_max,
        ring_seconds=limits.ring_seconds,
        early_lease_margin_seconds=limits.early_margin_seconds,
        call_seconds_max=limits.call_seconds_max,
        nonce_life_seconds=sip.nonce_seconds,
        country_code=numbering.country_code.encode("ascii"),
        international_prefix=numbering.international_prefix.encode("ascii"),
        national_prefix=numbering.national_prefix.encode("ascii"),
        emergency_outside_prefixes=tuple(
            prefix.encode("ascii") for prefix in settings.emergency.outside_prefixes
        ),
        callback_seconds=settings.emergency.callback_minutes * 60,
    )


def build_listeners(settings: Settings, bound: Iterable[tuple[Listen, int]]) -> Listeners:
    """Return the listeners as headers name them; `bound` pairs each with its real port."""
    listeners = []
    hosts = {domain.lower() for domain in settings.edge.domains}
    advertised = settings.sip.advertise
    if advertised:
        hosts.add(advertised.lower())
    for index, (listen, port) in enumerate(bound):
        host = "" if listen.host in _WILDCARDS else listen.host
        if host:
            hosts.add(host)
        transport = listen.scheme.upper()
        shown = advertised or host
        is_ipv6 = ":" in listen.host
        listeners.append(Listener(index, transport, shown, port, local_host, is_ipv6=is_ipv6))
    has_wildcard = any(listener.host in ("", advertised) for listener in listeners)
    return Listeners(listeners, frozenset(hosts), is_local if has_wildcard else lambda _host: False)


def build_trunks(settings: Settings) -> list[TrunkProfile]:
    """Return the trunks, their destinations not resolved yet."""
    return [
        TrunkProfile(
            trunk.name,
            tuple(prefix.encode("ascii") for prefix in trunk.numbers),
            tuple(trunk.networks),
            tuple(destination.encode("ascii") for destination in trunk.destinations),
            trunk.refusal_status,
        )
        for trunk in settings.trunk
    ]


def build_core(settings: Settings, listeners: Listeners, *, token_key: bytes, epoch: int) -> Core:
    """Return a core without lines; the caller loads them."""
    chosen = proxy_settings(settings)
    numbers = settings.emergency.load_list()
    numbering = DialPlan(chosen.country_code, chosen.international_prefix, chosen.national_prefix)
    screen = settings.screen
    trusted = [*screen.networks, *(net for trunk in settings.trunk for net in trunk.networks)]
    directory = Directory(numbering)
    directory.put_trunks(build_trunks(settings))
    return Core(
        settings=chosen,
        counters=Counters(
            drop_reasons=DROP_REASONS,
            refusal_reasons=[refusal.value for refusal in Refusal],
            end_reasons=[ended_by.value for ended_by in EndedBy],
        ),
        directory=directory,
        listeners=listeners,
        emergency=EmergencyNumbers(
            [EmergencyEntry(number.number, number.en) for number in numbers.numbers],
            numbers.as_of.isoformat(),
            country_code=settings.numbering.country_code,
            international_prefix=settings.numbering.international_prefix,
        ),
        guard=SourceGuard(
            screen.rate_per_second,
            screen.burst,
            screen.ban_seconds,
            _SOURCES_MAX,
            trusted=TrustedHosts(trusted),
        ),
        failures=FailureThrottle(),
        ledger=Ledger(settings.edge.name, epoch),
        archive=RefusalArchive(_TICKETS_MAX, os.urandom),
        entropy=os.urandom,
        token_key=token_key,
        on_error=_report_timer,
    )


def _report_timer(item: Timed, error: Exception) -> None:
    _LOGGER.error("timer_failed: %s", type(item).__name__, exc_info=error)
