"""A small world: one edge, its peers, the network between them, and a clock that only events move.

Time jumps from one event to the next: a message arrives, a timer of the edge or of an agent is due.
Nothing here reads a real clock, so hours of calls take a moment and a seed repeats them exactly.
"""

from collections.abc import Callable, Iterable
from random import Random
from typing import Final, Protocol

from sipedge.proxy.directory import LineProfile, TrunkProfile
from sipedge.proxy.edge import Edge
from sipedge.proxy.effects import CloseFlow, Effect
from sipedge.proxy.settings import ProxySettings
from sipedge.sip.flow import Flow
from sipedge.testing.agent import Address, UserAgent
from sipedge.testing.builders import (
    EDGE_HOST,
    EDGE_HOST_IPV6,
    EDGE_PORT,
    TCP,
    TOKEN_KEY,
    UDP,
    UDP_IPV6,
    build_edge,
    password_of,
)
from sipedge.testing.network import Nat, Network, Parcel
from sipedge.testing.phone import Phone
from sipedge.testing.trunk import Carrier

EDGE: Final = (EDGE_HOST, EDGE_PORT)
EDGE_IPV6: Final = (EDGE_HOST_IPV6, EDGE_PORT)


class Observer(Protocol):
    """Somebody who watches what passes the edge, such as a checker."""

    def edge_received(self, wire: bytes, flow: Flow, now: float) -> None:
        """See a message before the edge does."""

    def edge_sent(self, wire: bytes, flow: Flow, now: float) -> None:
        """See a message that the edge sent, before the network has it."""

    def step_done(self, world: "World") -> None:
        """Look at the tables after the edge dealt with one event."""


class World:
    """Everything at once. `add` agents, then `run_for`, `run_until` or `step`."""

    def __init__(
        self,
        *,
        lines: Iterable[LineProfile] = (),
        trunks: Iterable[TrunkProfile] = (),
        settings: ProxySettings | None = None,
        seed: int = 1,
        token_key: bytes = TOKEN_KEY,
    ) -> None:
        self.now = 1000.0
        self.random = Random(seed)
        self.network = Network(Random(self.random.random()))
        self.agents: dict[tuple[str, Address], UserAgent] = {}
        self.nats: dict[str, Nat] = {}
        self.observers: list[Observer] = []
        self.effects: list[Effect] = []
        self.steps = 0
        self._behind: dict[Address, Nat] = {}
        self._streams: dict[int, UserAgent] = {}
        self._stream_serial = 0
        self.edge: Edge = build_edge(
            lines=lines,
            trunks=trunks,
            settings=settings,
            seed=self.random.getrandbits(32),
            token_key=token_key,
        )

    def clock(self) -> float:
        """Return the time of this world, in seconds."""
        return self.now

    # ------------------------------------------------------------------------------- peopling

    def add(self, agent: UserAgent, nat: Nat | None = None) -> None:
        """Put an agent at its address, behind a NAT if one is given."""
        self.agents[agent.transport, agent.address] = agent
        if nat is not None:
            self.nats[nat.public_host] = nat
            self._behind[agent.address] = nat

    def add_phone(
        self,
        number: str,
        host: str,
        port: int = 5060,
        *,
        nat: Nat | None = None,
        transport: str = "UDP",
        asks_for_rport: bool = True,
        follows_routes: bool = True,
        instance: str = "",
    ) -> Phone:
        """Make a phone for a line, with the password that `build_line` gave it."""
        phone = Phone(
            number,
            password_of(number),
            (host, port),
            EDGE_IPV6 if ":" in host else EDGE,
            self.clock,
            seed=self.random.getrandbits(32),
            transport=transport,
            asks_for_rport=asks_for_rport,
            follows_routes=follows_routes,
            instance=instance,
        )
        self.add(phone, nat)
        return phone

    def add_carrier(self, host: str, port: int = 5060, *, transport: str = "UDP") -> Carrier:
        """Make a carrier, which the edge knows when a trunk has its host."""
        seed = self.random.getrandbits(32)
        carrier = Carrier((host, port), EDGE, self.clock, seed=seed, transport=transport)
        self.add(carrier)
        return carrier

    def restart_edge(self, edge: Edge) -> None:
        """Put another edge in the place of this one: streams break, calls stay in the phones."""
        for connection in list(self._streams):
            self.network.drop_stream(connection)
        self._streams.clear()
        self.edge = edge

    # -------------------------------------------------------------------------- passing of time

    def step(self, until: float | None = None) -> bool:
        """Let the next event happen; False when there is none (before `until`)."""
        self._collect()
        at = self._next_at()
        if at is None or (until is not None and at > until):
            return False
        self.now = max(self.now, at)
        self.steps += 1
        arrival = self.network.next_at()
        deadline = self.edge.next_deadline()
        if arrival is not None and arrival <= self.now:
            self._deliver(self.network.take())
        elif deadline is not None and deadline <= self.now:
            self.edge.handle_timers(self.now)
            self._drain_edge()
        else:
            for agent in list(self.agents.values()):
                agent.handle_timers()
        self._collect()
        return True

    def run_for(self, seconds: float) -> None:
        """Let this much time pass."""
        end = self.now + seconds
        while self.step(end):
            pass
        self.now = end

    def run_until(self, condition: Callable[[], bool], seconds: float = 120.0) -> None:
        """Let time pass until something holds; AssertionError when it does not within `seconds`."""
        end = self.now + seconds
        while not condition():
            if not self.step(end):
                raise AssertionError(f"it did not happen within {seconds} s")

    def settle(self) -> None:
        """Let what is under way arrive, and what it causes, without waiting for any timer."""
        self._collect()
        while (at := self.network.next_at()) is not None:
            self.now = max(self.now, at)
            self._deliver(self.network.take())
            self._collect()

    def _next_at(self) -> float | None:
        instants = [self.network.next_at(), self.edge.next_deadline()]
        instants += [agent.next_deadline() for agent in self.agents.values()]
        return min((at for at in instants if at is not None), default=None)

    # -------------------------------------------------------------------------------- messages

    def break_stream(self, agent: UserAgent) -> None:
        """Break the stream of an agent; its next message opens another one."""
        for connection, owner in list(self._streams.items()):
            if owner is agent:
                del self._streams[connection]
                self.network.drop_stream(connection)
                self.edge.flow_failed(self._stream_flow(agent, connection), self.now)
        self._drain_edge()

    def _collect(self) -> None:
        """Hand what the agents want to send to the network."""
        for agent in list(self.agents.values()):
            for destination, wire in agent.take_sends():
                if agent.is_reliable:
                    connection = self._open_stream(agent)
                    parcel = Parcel(wire, agent.address, destination, connection)
                else:
                    nat = self._behind.get(agent.address)
                    source = nat.outside(agent.address) if nat else agent.address
                    parcel = Parcel(wire, source, destination, 0)
                self.network.carry(parcel, self.now)

    def _open_stream(self, agent: UserAgent) -> int:
        for connection, owner in self._streams.items():
            if owner is agent:
                return connection
        self._stream_serial += 1
        self._streams[self._stream_serial] = agent
        return self._stream_serial

    def _stream_flow(self, agent: UserAgent, connection: int) -> Flow:
        nat = self._behind.get(agent.address)
        host, port = nat.outside(agent.address) if nat else agent.address
        return Flow(TCP, "TCP", host, port, connection)

    def _deliver(self, parcel: Parcel) -> None:
        if parcel.destination not in (EDGE, EDGE_IPV6):
            agent = self._find_agent(parcel)
            if agent is not None:
                agent.receive(parcel.wire, parcel.source)
            return
        if parcel.connection:
            owner = self._streams.get(parcel.connection)
            if owner is None:
                return
            flow = self._stream_flow(owner, parcel.connection)
        else:
            index = UDP_IPV6 if parcel.destination == EDGE_IPV6 else UDP
            flow = Flow(index, "UDP", *parcel.source)
        for observer in self.observers:
            observer.edge_received(parcel.wire, flow, self.now)
        self.edge.receive(parcel.wire, flow, self.now)
        self._drain_edge()

    def _find_agent(self, parcel: Parcel) -> UserAgent | None:
        if parcel.connection:
            return self._streams.get(parcel.connection)
        nat = self.nats.get(parcel.destination[0])
        address = nat.inside(parcel.destination) if nat else parcel.destination
        return None if address is None else self.agents.get(("UDP", address))

    def _drain_edge(self) -> None:
        """Hand what the edge wants to send to the network, and let the observers look."""
        effects = self.edge.core.effects
        while effects.sends or effects.others:
            for flow, wire in effects.take_sends():
                for observer in self.observers:
                    observer.edge_sent(wire, flow, self.now)
                self._send_from_edge(wire, flow)
            for effect in effects.take_others():
                if not isinstance(effect, CloseFlow):
                    self.effects.append(effect)
        for observer in self.observers:
            observer.step_done(self)

    def _send_from_edge(self, wire: bytes, flow: Flow) -> None:
        destination = (flow.host, flow.port)
        if flow.transport == "UDP":
            source = EDGE_IPV6 if ":" in flow.host else EDGE
            self.network.carry(Parcel(wire, source, destination, 0), self.now)
            return
        connection = flow.connection
        if not connection:
            agent = self.agents.get((flow.transport, destination))
            if agent is None or agent.is_gone:
                self.edge.connect_failed(flow, self.now)
                return
            connection = self._open_stream(agent)
        elif connection not in self._streams:
            self.edge.flow_failed(flow, self.now)
            return
        self.network.carry(Parcel(wire, EDGE, destination, connection), self.now)
