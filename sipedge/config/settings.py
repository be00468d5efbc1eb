"""The settings of each package, frozen after they are read.

A default here is what an absent key means. `config/sipedge.toml` explains each key.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sipedge.config.emergency import EmergencyList, load_emergency_list
from sipedge.config.listen import Listen, parse_http_listen, parse_sip_listen
from sipedge.config.values import (
    DatabaseUrl,
    Destination,
    DigitsOrNothing,
    Domain,
    HttpListen,
    IpNetwork,
    LiveUrl,
    Method,
    Networks,
    NodeName,
    OptionalHost,
    Prefixes,
    SipListen,
    matching,
    parse_network,
    whole,
    wrong,
)

DAY_SECONDS = 86_400


class Section(BaseModel):
    """A table of the file: unknown keys and values of another type are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class EdgeSettings(Section):
    """Who this edge is and where it keeps its files."""

    name: NodeName = "edge1"
    domains: Annotated[tuple[Domain, ...], Field(strict=False)] = ("edge.test",)
    data_dir: Annotated[str, matching(r"[^\0]+", 'write a folder, as "var"')] = "var"

    @model_validator(mode="after")
    def _check_domains(self) -> Self:
        if not self.domains:
            raise wrong('write at least one, as ["sip.example.net"]', "domains", "[]")
        return self

    @property
    def realm(self) -> str:
        """The realm of digest challenges: the first domain."""
        return self.domains[0]

    @property
    def data_path(self) -> Path:
        """`data_dir` as a path, relative to the working directory."""
        return Path(self.data_dir)

    @property
    def control_socket(self) -> Path:
        """The local socket through which commands act on the running edge."""
        return self.data_path / "sipedge.sock"


class SipSettings(Section):
    """Listeners, registrations and what the proxy adds to messages."""

    listen: Annotated[tuple[SipListen, ...], Field(strict=False)] = (
        "udp://0.0.0.0:5060",
        "tcp://0.0.0.0:5060",
    )
    advertise: OptionalHost = ""
    authenticate: Annotated[tuple[Method, ...], Field(strict=False)] = ("REGISTER", "INVITE")
    tls_certificate: str = ""
    tls_key: str = ""
    digest_algorithms: Annotated[
        tuple[Literal["SHA-512-256", "SHA-256", "MD5"], ...], Field(strict=False, min_length=1)
    ] = ("MD5",)
    expires_min_seconds: Annotated[int, whole(1, DAY_SECONDS, "seconds")] = 60
    expires_default_seconds: Annotated[int, whole(1, DAY_SECONDS, "seconds")] = 1800
    expires_max_seconds: Annotated[int, whole(1, 7 * DAY_SECONDS, "seconds")] = 3600
    bindings_max: Annotated[int, whole(1, 100, "bindings per line")] = 10
    nonce_seconds: Annotated[int, whole(10, DAY_SECONDS, "seconds")] = 300

    @model_validator(mode="after")
    def _check_relations(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            missing = "tls_key" if self.tls_certificate else "tls_certificate"
            raise wrong("write both tls_certificate and tls_key, or neither", missing, '""')
        if self.expires_default_seconds < self.expires_min_seconds:
            raise wrong(
                f"write at least expires_min_seconds, {self.expires_min_seconds}",
                "expires_default_seconds",
                str(self.expires_default_seconds),
            )
        if self.expires_max_seconds < self.expires_default_seconds:
            raise wrong(
                f"write at least expires_default_seconds, {self.expires_default_seconds}",
                "expires_max_seconds",
                str(self.expires_max_seconds),
            )
        return self

    @model_validator(mode="after")
    def _check_listen(self) -> Self:
        if not self.listen:
            raise wrong('write at least one, as ["udp://0.0.0.0:5060"]', "listen", "[]")
        taken: set[tuple[bool, str, int]] = set()
        for index, listen in enumerate(self.listeners):
            address = (listen.scheme == "udp", listen.host, listen.port)
            if listen.port and address in taken:
                raise wrong(
                    "write each address once per transport (tcp and tls share their ports)",
                    f"listen[{index}]",
                    f'"{self.listen[index]}"',
                )
            taken.add(address)
        return self

    @property
    def listeners(self) -> tuple[Listen, ...]:
        """`listen`, parsed; the index is the number of the listener."""
        return tuple(parse_sip_listen(text) for text in self.listen)


class HttpSettings(Section):
    """Console, API and metrics."""

    listen: HttpListen = "127.0.0.1:8080"

    @property
    def listener(self) -> Listen | None:
        """`listen`, parsed; None when it is empty and nothing is served."""
        return parse_http_listen(self.listen) if self.listen else None


class ProvisioningSettings(Section):
    """Phone configuration. The keys are checked; this version serves nothing on them."""

    listen: HttpListen = ""
    listen_plain: HttpListen = ""
    tls_certificate: str = ""
    tls_key: str = ""

    @property
    def listener(self) -> Listen | None:
        """`listen`, parsed; None when empty."""
        return parse_http_listen(self.listen, "https") if self.listen else None


class DatabaseSettings(Section):
    """Where lines, registrations and records are kept."""

    url: DatabaseUrl = Field(default="sqlite:///var/sipedge.db", repr=False)


class LiveSettings(Section):
    """Where the state of running calls is kept."""

    url: LiveUrl = Field(default="memory://", repr=False)


class LimitSettings(Section):
    """How calls are counted and refused."""

    call_kbps_min: Annotated[int, whole(1, 100_000, "kbit/s")] = 70
    call_kbps_max: Annotated[int, whole(1, 100_000, "kbit/s")] = 100
    layer: Literal["ip", "ethernet", "pppoe", "atm"] = "ip"
    ring_seconds: Annotated[int, whole(10, 3600, "seconds")] = 180
    early_margin_seconds: Annotated[int, whole(1, 600, "seconds")] = 30
    call_seconds_max: Annotated[int, whole(60, 7 * DAY_SECONDS, "seconds")] = 43_200

    @model_validator(mode="after")
    def _check_relations(self) -> Self:
        if self.call_kbps_max < self.call_kbps_min:
            raise wrong(
                f"write at least call_kbps_min, {self.call_kbps_min}",
                "call_kbps_max",
                str(self.call_kbps_max),
            )
        return self


class NumberingSettings(Section):
    """How dialled numbers become international ones."""

    country_code: Annotated[str, matching(r"[1-9][0-9]{0,2}", 'write 1 to 3 digits, as "33"')] = (
        "33"
    )
    international_prefix: DigitsOrNothing = "00"
    national_prefix: DigitsOrNothing = "0"


class EmergencySettings(Section):
    """Numbers that no limit refuses."""

    list: str = ""
    outside_prefixes: Annotated[
        tuple[Annotated[str, matching(r"[0-9*#]{1,4}", 'write 1 to 4 keys, as "0"')], ...],
        Field(strict=False),
    ] = ("0",)
    callback_minutes: Annotated[int, whole(0, 1440, "minutes")] = 30

    def load_list(self) -> EmergencyList:
        """Read the list in force; ConfigurationError names its file and key."""
        return load_emergency_list(self.list)


class OfferSettings(Section):
    """What is sold: included and maximum simultaneous calls of each offer."""

    file: str = ""


class ScreenSettings(Section):
    """What a source may spend on fruitless messages before it is refused unread."""

    rate_per_second: Annotated[int, whole(1, 1_000_000, "messages per second")] = 200
    burst: Annotated[int, whole(1, 10_000_000, "messages")] = 2000
    ban_seconds: Annotated[int, whole(0, DAY_SECONDS, "seconds")] = 300
    trusted: Networks = ()

    @property
    def networks(self) -> tuple[IpNetwork, ...]:
        """`trusted`, parsed."""
        return tuple(parse_network(text) for text in self.trusted)


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class TrunkSettings(Section):
    """A carrier or another peer that is no line."""

    name: NodeName
    destinations: Annotated[tuple[Destination, ...], Field(strict=False)] = ()
    numbers: Prefixes = ()
    trusted: Networks = ()
    refusal_status: Literal[486, 480, 403, 503] = 486

    @property
    def networks(self) -> tuple[IpNetwork, ...]:
        """`trusted`, parsed: the sources that are this trunk."""
        return tuple(parse_network(text) for text in self.trusted)

    @model_validator(mode="after")
    def _check_use(self) -> Self:
        if self.numbers and not self.destinations:
            raise wrong(
                'write where the numbers go, as ["sip:192.0.2.1:5060"]', "destinations", "nothing"
            )
        if not self.destinations and not self.trusted:
            raise wrong(
                "write destinations, trusted or both: the trunk can be neither called nor known",
                "destinations",
                "nothing",
            )
        return self


class Settings(Section):
    """Everything a run of the program needs to know, one object per package."""

    edge: EdgeSettings = EdgeSettings()
    sip: SipSettings = SipSettings()
    http: HttpSettings = HttpSettings()
    provisioning: ProvisioningSettings = ProvisioningSettings()
    database: DatabaseSettings = DatabaseSettings()
    live: LiveSettings = LiveSettings()
    limits: LimitSettings = LimitSettings()
    numbering: NumberingSettings = NumberingSettings()
    emergency: EmergencySettings = EmergencySettings()
    offers: OfferSettings = OfferSettings()
    screen: ScreenSettings = ScreenSettings()
    log: LogSettings = LogSettings()
    trunk: Annotated[tuple[TrunkSettings, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _check_trunks(self) -> Self:
        names: set[str] = set()
        sources: dict[IpNetwork, str] = {}
        for index, trunk in enumerate(self.trunk):
            if trunk.name in names:
                raise wrong("write another name", f"trunk[{index}].name", f'"{trunk.name}"')
            names.add(trunk.name)
            for place, network in enumerate(trunk.networks):
                if network in sources:
                    raise wrong(
                        f"write a source of this trunk: that one is trunk {sources[network]}",
                        f"trunk[{index}].trusted[{place}]",
                        f'"{trunk.trusted[place]}"',
                    )
                sources[network] = trunk.name
        return self
