"""The location service: which contact addresses each line has registered (RFC 3261 section 10).

Memory first: the database behind it is written by effects and read once at start.
"""

from collections.abc import Callable

from typing_extensions import override

from sipedge.sip.flow import Flow
from sipedge.sip.wheel import Timed, Wheel


class Binding(Timed):
    """One registration of a line: a contact address, and the flow on which it is reached.

    `uri` is the addr-spec of the Contact; `q` thousandths; `expires_at` on the core's clock.
    `instance` and `reg_id` are those of RFC 5626 section 4.1, empty and 0 where the phone has none.
    """

    __slots__ = (
        "aor",
        "call_id",
        "cseq",
        "expires_at",
        "flow",
        "instance",
        "location",
        "q",
        "reg_id",
        "uri",
        "user_agent",
    )

    def __init__(
        self,
        location: "Location",
        aor: bytes,
        uri: bytes,
        flow: Flow,
        expires_at: float,
    ) -> None:
        super().__init__()
        self.location = location
        self.aor = aor
        self.uri = uri
        self.flow = flow
        self.expires_at = expires_at
        self.q = 1000
        self.call_id = b""
        self.cseq = 0
        self.instance = b""
        self.reg_id = 0
        self.user_agent = b""

    @override
    def handle_timer(self, now: float) -> None:
        """Forget the binding when its time is over, unless it was refreshed meanwhile."""
        if now >= self.expires_at:
            self.location.expire(self)
        else:
            self.location.wheel.arm(self, self.expires_at)


def _one_per_instance(bindings: list[Binding]) -> list[Binding]:
    """Leave out the older flows of a phone that registered over several (RFC 5626 section 5.3).

    They are for when one fails; a phone that got the call on all of them would ring twice.
    """
    latest: dict[bytes, Binding] = {}
    for binding in bindings:
        if binding.instance and binding.reg_id:
            known = latest.get(binding.instance)
            if known is None or binding.expires_at >= known.expires_at:
                latest[binding.instance] = binding
    return [
        binding
        for binding in bindings
        if not (binding.instance and binding.reg_id) or latest[binding.instance] is binding
    ]


class Location:
    """Address of record to bindings, for every line that has any.

    An address of record is the user part of the line. `on_expired` is told of each binding whose
    time ran out, so that the database forgets it too.
    """

    __slots__ = ("_bindings", "_count", "_hosts", "on_expired", "wheel")

    def __init__(self, wheel: Wheel, on_expired: Callable[[Binding], None]) -> None:
        self.wheel = wheel
        self.on_expired = on_expired
        self._bindings: dict[bytes, list[Binding]] = {}
        self._hosts: dict[str, int] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def bindings(self, aor: bytes) -> list[Binding]:
        """Return the bindings of an address of record, the newest last; do not change the list."""
        return self._bindings.get(aor, [])

    def groups(self, aor: bytes) -> list[list[Binding]]:
        """Return the bindings by falling q: each group is tried at once, the next one after it."""
        bindings = self._bindings.get(aor)
        if not bindings:
            return []
        if len(bindings) == 1:
            return [bindings]
        by_q: dict[int, list[Binding]] = {}
        for binding in _one_per_instance(bindings):
            by_q.setdefault(binding.q, []).append(binding)
        return [by_q[q] for q in sorted(by_q, reverse=True)]

    def add(self, binding: Binding) -> None:
        """Add a binding that is not there yet and arm its end."""
        self._bindings.setdefault(binding.aor, []).append(binding)
        self._count += 1
        host = binding.flow.host
        self._hosts[host] = self._hosts.get(host, 0) + 1
        self.wheel.arm(binding, binding.expires_at)

    def refresh(self, binding: Binding, flow: Flow, expires_at: float) -> None:
        """Give a binding a new life on the flow of its latest REGISTER."""
        self._forget_host(binding.flow.host)
        self._hosts[flow.host] = self._hosts.get(flow.host, 0) + 1
        binding.flow = flow
        binding.expires_at = expires_at
        self.wheel.arm(binding, expires_at)

    def remove(self, binding: Binding) -> None:
        """Remove a binding; nothing happens when it is gone already."""
        bindings = self._bindings.get(binding.aor)
        if bindings is None or binding not in bindings:
            return
        # A new list: an iteration over the old one, such as a fork under way, stays valid.
        left = [other for other in bindings if other is not binding]
        if left:
            self._bindings[binding.aor] = left
        else:
            del self._bindings[binding.aor]
        self._count -= 1
        self._forget_host(binding.flow.host)
        self.wheel.disarm(binding)

    def expire(self, binding: Binding) -> None:
        """Remove a binding whose time ran out and say so."""
        self.remove(binding)
        self.on_expired(binding)

    def has_host(self, host: str) -> bool:
        """True when some line is registered from this numeric host."""
        return host in self._hosts

    def all_bindings(self) -> list[Binding]:
        """Return every binding, for the operator's list."""
        return [binding for bindings in self._bindings.values() for binding in bindings]

    def _forget_host(self, host: str) -> None:
        left = self._hosts.get(host, 0) - 1
        if left > 0:
            self._hosts[host] = left
        else:
            self._hosts.pop(host, None)
