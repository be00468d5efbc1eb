"""One random run: phones that answer, refuse, cancel and vanish over a network that fails.

Everything comes from the seed, the kinds of fault included, so that each run tries a mixture of its
own. First the faults: the checkers must hold after every step. Then they stop, everybody hangs up,
and nothing may be left.
"""

from random import Random
from typing import Final

from sipedge.proxy.effects import RecordCall
from sipedge.proxy.settings import ProxySettings
from sipedge.testing.builders import CARRIER_HOST, build_edge, build_line, build_trunk
from sipedge.testing.calls import TALKING, AgentCall, IncomingCall, OutgoingCall
from sipedge.testing.checkers import CallBook, Violation, check_idle
from sipedge.testing.network import Faults, Nat
from sipedge.testing.phone import Phone
from sipedge.testing.trunk import Carrier
from sipedge.testing.world import World

NUMBERS: Final = ("0033972100001", "0033972100002", "0033972100003")
SECOND_CARRIER_HOST: Final = "203.0.113.2"
EMERGENCY: Final = frozenset({"112", "15"})
_REFUSALS: Final = (480, 486, 488, 500, 503, 600, 603)
# Nothing in a run lasts longer: what nobody ends, because both sides vanished, ends by this.
_CALL_SECONDS_MAX: Final = 600.0
_EXPIRES_SECONDS: Final = 300
_REFRESH_SECONDS: Final = 100.0


class Simulation:
    """One run; `run` raises Violation when something happens that must not."""

    def __init__(self, seed: int, *, calls: int = 12) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.calls = calls
        self.limits = {number: self.random.randint(0, 3) for number in NUMBERS}
        self.settings = ProxySettings(
            authenticate=frozenset({b"REGISTER", b"INVITE"} if self.random.random() < 0.5 else ()),
            ring_seconds=60.0,
            call_seconds_max=_CALL_SECONDS_MAX,
        )
        self.trunk = build_trunk(hosts=(CARRIER_HOST, SECOND_CARRIER_HOST))
        self.world = World(
            lines=[build_line(number, self.limits[number]) for number in NUMBERS],
            trunks=[self.trunk],
            settings=self.settings,
            seed=self.random.getrandbits(32),
        )
        self.book = CallBook(self.limits.__getitem__, EMERGENCY, _CALL_SECONDS_MAX)
        for number in NUMBERS:
            self.book.know_line(number)
        self.world.observers.append(self.book)
        self.phones: list[Phone] = []
        self.carriers: list[Carrier] = []
        self._people()

    def run(self) -> None:
        """Let the faults happen, then let everything end."""
        try:
            self._safety()
            self._liveness()
        except AssertionError as error:
            raise Violation(f"seed {self.seed} at {self.world.now:.3f}: {error}") from error

    # ------------------------------------------------------------------------------- the people

    def _people(self) -> None:
        random = self.random
        nat = Nat("203.0.113.200")
        for index, number in enumerate([*NUMBERS, random.choice(NUMBERS)]):
            is_inside = random.random() < 0.25
            transport = "TCP" if random.random() < 0.2 else "UDP"
            phone = self.world.add_phone(
                number,
                f"192.168.1.{index + 10}" if is_inside else f"198.51.100.{index + 10}",
                nat=nat if is_inside and transport == "UDP" else None,
                transport=transport,
                asks_for_rport=random.random() < 0.7,
                follows_routes=random.random() < 0.8,
            )
            phone.on_call = self._handle_call
            self.phones.append(phone)
            self._keep_registered(phone)
        for host in (CARRIER_HOST, SECOND_CARRIER_HOST):
            carrier = self.world.add_carrier(host)
            carrier.on_call = self._handle_call
            self.carriers.append(carrier)
        if random.random() < 0.2:
            self.carriers[0].vanish()

    def _keep_registered(self, phone: Phone) -> None:
        phone.register(_EXPIRES_SECONDS)
        phone.after(_REFRESH_SECONDS, lambda: self._keep_registered(phone))

    def _handle_call(self, call: IncomingCall) -> None:
        """Do with an incoming call what people do."""
        random = self.random
        phone = call.phone
        mood = random.random()
        if mood < 0.1:
            return
        if random.random() < 0.8:
            phone.after(random.random(), call.ring)
        wait = random.random() * 15
        if mood < 0.65:
            phone.after(wait, lambda: self._answer(call))
        elif mood < 0.9:
            phone.after(wait, lambda: call.refuse(random.choice(_REFUSALS)))
        elif mood < 0.95:
            phone.after(wait, phone.vanish)

    def _answer(self, call: IncomingCall) -> None:
        call.answer()
        self._talk(call)

    def _talk(self, call: AgentCall) -> None:
        """Talk for a while, perhaps with a hold, then hang up; silence ends every call."""
        random = self.random
        if random.random() < 0.2:
            call.phone.after(random.random() * 5, call.hold)
        call.phone.after(random.random() * 30, call.hang_up)

    # ------------------------------------------------------------------------------- two phases

    def _safety(self) -> None:
        random = self.random
        if random.random() < 0.85:
            self.world.network.faults = Faults(
                loss=random.choice((0.0, 0.05, 0.2)),
                duplicate=random.choice((0.0, 0.1)),
                jitter_seconds=random.choice((0.0, 0.05, 0.4)),
            )
        self.world.run_for(3)
        for _ in range(self.calls):
            self._reboot_some()
            self._make_call()
            self.world.run_for(random.choice((0.0, 0.01, 1.0, 5.0)))
            if random.random() < 0.15:
                self._disturb()
        self.world.run_for(20)

    def _reboot_some(self) -> None:
        """Let phones that lost power come back, with nothing in their memory."""
        for index, phone in enumerate(self.phones):
            if phone.is_gone and self.random.random() < 0.2:
                again = self.world.add_phone(
                    phone.user,
                    *phone.address,
                    transport=phone.transport,
                    asks_for_rport=phone.asks_for_rport,
                    follows_routes=phone.follows_routes,
                )
                self.world.break_stream(phone)
                again.on_call = self._handle_call
                self.phones[index] = again
                self._keep_registered(again)

    def _make_call(self) -> None:
        random = self.random
        if random.random() < 0.2:
            carrier = random.choice(self.carriers)
            call = carrier.call_line(random.choice(NUMBERS))
        else:
            phone = random.choice(self.phones)
            targets = (*NUMBERS, "0612345678", "0612345678", "112", "999")
            call = phone.call(random.choice(targets))
        self._live_with(call)

    def _live_with(self, call: OutgoingCall) -> None:
        random = self.random
        call.on_change = lambda changed: self._talk(changed) if changed.stage is TALKING else None
        mood = random.random()
        if mood < 0.25:
            call.phone.after(random.random() * random.choice((0.05, 1.0, 20.0)), call.cancel)
        else:
            # Nobody listens to ringing for ever.
            call.phone.after(40 + random.random() * 50, call.cancel)

    def _disturb(self) -> None:
        """Let something happen that is nobody's call."""
        random = self.random
        kind = random.randrange(6)
        phone = random.choice(self.phones)
        if kind == 0:
            number = random.choice(NUMBERS)
            self.limits[number] = random.randint(0, 3)
            self.world.edge.core.directory.put_line(build_line(number, self.limits[number]))
        elif kind == 1:
            phone.vanish()
        elif kind == 2:
            for nat in self.world.nats.values():
                nat.move()
        elif kind == 3:
            self.world.break_stream(phone)
        elif kind == 4:
            phone.unregister()
        elif random.random() < 0.3:
            self._restart()

    def _restart(self) -> None:
        lines = [build_line(number, self.limits[number]) for number in NUMBERS]
        edge = build_edge(
            lines=lines,
            trunks=[self.trunk],
            settings=self.settings,
            seed=self.random.getrandbits(32),
        )
        self.book.forget_calls()
        self.world.restart_edge(edge)

    def _liveness(self) -> None:
        """No more faults, no more calls: all must end, and exactly one record be kept of each."""
        world = self.world
        world.network.faults = Faults()
        for agent in (*self.phones, *self.carriers):
            for call in list(agent.current):
                if isinstance(call, OutgoingCall):
                    call.cancel()
                elif isinstance(call, IncomingCall):
                    call.refuse()
                call.hang_up()
        world.run_for(max(_CALL_SECONDS_MAX, 2 * _EXPIRES_SECONDS) + 100)
        for agent in (*self.phones, *self.carriers):
            agent.vanish()
        world.run_for(_EXPIRES_SECONDS + 200)
        check_idle(world)
        self._check_records()

    def _check_records(self) -> None:
        serials = [e.record.serial for e in self.world.effects if isinstance(e, RecordCall)]
        counters = self.world.edge.core.counters
        if counters.calls_admitted != sum(counters.calls_ended.values()):
            raise Violation("a call was admitted and never ended")
        if len(serials) > self.book.admitted:
            raise Violation("more records than calls")
