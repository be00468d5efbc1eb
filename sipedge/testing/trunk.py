"""A simulated carrier: takes calls to any number, and calls the lines behind the edge.

It is a phone that registers nowhere, proves nothing and shows whatever number a call comes from.
"""

from collections.abc import Callable

from typing_extensions import override

from sipedge.testing.agent import Address
from sipedge.testing.calls import IncomingCall, OutgoingCall
from sipedge.testing.messages import target_of
from sipedge.testing.phone import Phone


class Carrier(Phone):
    """The other side of a trunk. `answers` tells by called number what to do with a call."""

    def __init__(
        self,
        address: Address,
        edge: Address,
        clock: Callable[[], float],
        *,
        seed: int = 1,
        transport: str = "UDP",
    ) -> None:
        super().__init__(
            "carrier", "", address, edge, clock, domain=edge[0], seed=seed, transport=transport
        )
        self.caller = "0033612345678"

    @override
    def identity(self) -> bytes:
        """Return the number that the next call shows."""
        return f"<sip:{self.caller}@{self.address[0]}>".encode()

    def call_line(self, number: str, *, caller: str = "0033612345678") -> OutgoingCall:
        """Call a number of the edge, showing this caller."""
        self.caller = caller
        return self.call(number, f"sip:{number}@{self.edge[0]}:{self.edge[1]}")


def called_number(call: IncomingCall) -> str:
    """Return the number that a call to the carrier dials."""
    uri = target_of(b"<" + call.invite.uri + b">")
    return uri.partition(b":")[2].partition(b"@")[0].decode("utf-8", "replace")
