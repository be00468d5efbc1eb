"""A simulated network: messages under way, what it does to them, and the NATs between.

Deterministic from its seed. Datagrams may be lost, doubled, delayed and so overtaken; streams keep
their order and lose nothing, but can be broken.
"""

from heapq import heappop, heappush
from random import Random

from sipedge.testing.agent import Address


class Faults:
    """What happens to datagrams: shares between 0 and 1, and how much the delay varies."""

    def __init__(
        self, *, loss: float = 0.0, duplicate: float = 0.0, jitter_seconds: float = 0.0
    ) -> None:
        self.loss = loss
        self.duplicate = duplicate
        self.jitter_seconds = jitter_seconds


class Parcel:
    """One message under way. `connection` is the stream that carries it, 0 for a datagram."""

    __slots__ = ("connection", "destination", "source", "wire")

    def __init__(self, wire: bytes, source: Address, destination: Address, connection: int) -> None:
        self.wire = wire
        self.source = source
        self.destination = destination
        self.connection = connection


class Network:
    """Messages under way, by the instant of their arrival."""

    def __init__(self, random: Random, delay_seconds: float = 0.005) -> None:
        self.random = random
        self.delay_seconds = delay_seconds
        self.faults = Faults()
        self.lost = 0
        self.doubled = 0
        self._heap: list[tuple[float, int, Parcel]] = []
        self._serial = 0
        self._stream_clear_at: dict[tuple[int, Address], float] = {}

    def __len__(self) -> int:
        return len(self._heap)

    def carry(self, parcel: Parcel, now: float) -> None:
        """Take a message and let it arrive later, once, twice or never."""
        if parcel.connection:
            # One after the other, in each direction.
            way = (parcel.connection, parcel.destination)
            at = max(now + self.delay_seconds, self._stream_clear_at.get(way, 0.0))
            self._stream_clear_at[way] = at
            self._push(at, parcel)
            return
        faults = self.faults
        if faults.loss and self.random.random() < faults.loss:
            self.lost += 1
            return
        self._push(now + self._draw_delay(), parcel)
        if faults.duplicate and self.random.random() < faults.duplicate:
            self.doubled += 1
            self._push(now + self._draw_delay(), parcel)

    def next_at(self) -> float | None:
        """Return when the next message arrives, None when none is under way."""
        return self._heap[0][0] if self._heap else None

    def take(self) -> Parcel:
        """Return the message that arrives next."""
        return heappop(self._heap)[2]

    def drop_stream(self, connection: int) -> None:
        """Lose what is under way on a stream that breaks."""
        self._heap = [item for item in self._heap if item[2].connection != connection]
        self._heap.sort(key=lambda item: item[:2])

    def _push(self, at: float, parcel: Parcel) -> None:
        self._serial += 1
        heappush(self._heap, (at, self._serial, parcel))

    def _draw_delay(self) -> float:
        jitter = self.faults.jitter_seconds
        return self.delay_seconds + (self.random.random() * jitter if jitter else 0.0)


class Nat:
    """A NAT in front of agents: each private address gets a port of the public host.

    `move` gives them all new ports, as a router does that was switched off.
    """

    def __init__(self, public_host: str, first_port: int = 20_000) -> None:
        self.public_host = public_host
        self._next_port = first_port
        self._outside: dict[Address, Address] = {}
        self._inside: dict[Address, Address] = {}

    def outside(self, private: Address) -> Address:
        """Return the public address of a private one, made when it is first needed."""
        public = self._outside.get(private)
        if public is None:
            public = (self.public_host, self._next_port)
            self._next_port += 1
            self._outside[private] = public
            self._inside[public] = private
        return public

    def inside(self, public: Address) -> Address | None:
        """Return the private address behind a public one, None for a port nobody has."""
        return self._inside.get(public)

    def move(self) -> None:
        """Forget every mapping."""
        self._outside.clear()
        self._inside.clear()
