"""The listening addresses as the core writes them into Via and Record-Route."""

from collections.abc import Callable

from sipedge.sip.flow import Flow
from sipedge.sip.host import is_numeric


class Listener:
    """One socket that the edge listens on, known by its index.

    `host` is the address to write in headers: the advertised one, or the bound one. On a wildcard
    socket it is empty and `local_host` says which address of ours a remote host can answer to.
    `is_ipv6` says what `host` may not: the family of a wildcard socket or of an advertised name.
    """

    __slots__ = ("_via_prefixes", "host", "index", "is_ipv6", "local_host", "port", "transport")

    def __init__(
        self,
        index: int,
        transport: str,
        host: str,
        port: int,
        local_host: Callable[[str], str],
        *,
        is_ipv6: bool | None = None,
    ) -> None:
        self.is_ipv6 = ":" in host if is_ipv6 is None else is_ipv6
        self.index = index
        self.transport = transport
        self.host = host
        self.port = port
        self.local_host = local_host
        self._via_prefixes: dict[str, bytes] = {}

    def sent_by(self, remote_host: str) -> str:
        """Return our `host:port` as this remote host can reach it, IPv6 in brackets."""
        host = self.host or self.local_host(remote_host)
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def via_prefix(self, remote_host: str) -> bytes:
        """Return `Via: SIP/2.0/UDP host:port;branch=`, made once for each remote host."""
        key = "" if self.host else remote_host
        prefix = self._via_prefixes.get(key)
        if prefix is None:
            if len(self._via_prefixes) > 10_000:
                self._via_prefixes.clear()
            prefix = f"Via: SIP/2.0/{self.transport} {self.sent_by(remote_host)};branch=".encode()
            self._via_prefixes[key] = prefix
        return prefix

    def route_end(self, remote_host: str) -> bytes:
        """Return `host:port;lr>`, what follows the token in our Record-Route towards this host."""
        end = self.sent_by(remote_host).encode("ascii")
        if self.transport != "UDP":
            end += b";transport=" + self.transport.lower().encode("ascii")
        return end + b";lr>"


class Listeners:
    """All listeners, and the hosts that are us.

    `own_hosts` are our domains and the addresses that are written down; `is_local` tells of any
    other numeric host whether this machine has it, where a listener is a wildcard.
    """

    __slots__ = (
        "_local",
        "_route_ends",
        "by_index",
        "is_local",
        "own_hosts",
        "route_ends",
    )

    def __init__(
        self,
        listeners: list[Listener],
        own_hosts: frozenset[str],
        is_local: Callable[[str], bool],
    ) -> None:
        self.by_index = listeners
        self.own_hosts = own_hosts
        self.is_local = is_local
        self._local: dict[bytes, bool] = {}
        # Listener and remote host -> the end of our Record-Route; and the set of all such ends, by
        # which a Route of ours is known without parsing it.
        self._route_ends: dict[tuple[int, str], bytes] = {}
        self.route_ends: set[bytes] = set()

    def is_own(self, host: bytes) -> bool:
        """True when a URI with this host means the edge: one of its domains or addresses."""
        known = self._local.get(host)
        if known is None:
            text = host.decode("latin-1").lower()
            known = text in self.own_hosts or (is_numeric(host) and self.is_local(text))
            if len(self._local) > 10_000:
                self._local.clear()
            self._local[host] = known
        return known

    def record_route(self, flow: Flow, token: bytes) -> bytes:
        """Return the Record-Route line with this token, as the far end of this flow reaches it."""
        listener = self.by_index[flow.listener]
        key = (flow.listener, "" if listener.host else flow.host)
        end = self._route_ends.get(key)
        if end is None:
            if len(self._route_ends) > 10_000:
                self._route_ends.clear()
            end = self._route_ends[key] = listener.route_end(flow.host)
            self.route_ends.add(end)
        return b"Record-Route: <sip:%b@%b" % (token, end)

    def is_own_address(self, host: bytes, port: int) -> bool:
        """True when host and port lead to one of our listeners.

        Port 0 is none: a name without a port is ours wherever DNS says that we listen, an address
        without one means 5060 or 5061, where a neighbour on this machine may be instead of us.
        """
        if not self.is_own(host):
            return False
        if port == 0:
            return not is_numeric(host) or any(item.port in (5060, 5061) for item in self.by_index)
        return any(listener.port == port for listener in self.by_index)

    def for_transport(self, transport: str, host: str) -> Listener | None:
        """Return the listener that can send to this numeric host over this transport."""
        wants_ipv6 = ":" in host
        for listener in self.by_index:
            if listener.transport == transport and listener.is_ipv6 == wants_ipv6:
                return listener
        return None
