"""The transaction layer (RFC 3261 section 17): finds the transaction of a message, opens new ones.

The proxy core asks in this order: `absorb_request`, and for what is new `open_server`. An ACK that
is not absorbed acknowledges a 2xx and belongs to no transaction (section 17.1.1.3).
"""

from typing import Final

from sipedge.sip.flow import Flow
from sipedge.sip.message import Request, Response, parse_message
from sipedge.sip.names import ACK, INVITE
from sipedge.sip.timers import Timers
from sipedge.sip.transactions.base import (
    INVITE_CLIENT,
    INVITE_SERVER,
    OTHER_CLIENT,
    OTHER_SERVER,
    ClientTransaction,
    ClientUser,
    Outbox,
    ServerTransaction,
    ServerUser,
    TransactionTable,
)
from sipedge.sip.transactions.client_invite import InviteClientTransaction
from sipedge.sip.transactions.client_other import OtherClientTransaction
from sipedge.sip.transactions.keys import client_key, has_magic_cookie, legacy_key, server_key
from sipedge.sip.transactions.server_invite import InviteServerTransaction
from sipedge.sip.transactions.server_other import OtherServerTransaction
from sipedge.sip.transactions.states import COMPLETED
from sipedge.sip.wheel import Wheel

__all__ = [
    "ClientTransaction",
    "ClientUser",
    "InviteServerTransaction",
    "Outbox",
    "ServerTransaction",
    "ServerUser",
    "TransactionLayer",
]

# 2,000 calls per second leave 128,000 server transactions behind while timers J and L run.
MAX_SERVERS: Final = 500_000


class TransactionLayer(TransactionTable):
    """All transactions of one edge."""

    __slots__ = ("max_servers",)

    def __init__(
        self, wheel: Wheel, outbox: Outbox, timers: Timers, max_servers: int = MAX_SERVERS
    ) -> None:
        super().__init__(wheel, outbox, timers)
        self.max_servers = max_servers

    def is_full(self) -> bool:
        """Tell whether requests should be refused; the layer itself refuses none.

        Whoever asks knows better which request to turn away: never BYE, CANCEL or an emergency.
        """
        return len(self.servers) >= self.max_servers

    def find_server(self, key: bytes) -> ServerTransaction | None:
        """Return the server transaction under this key (`server_key`), or None."""
        return self.servers.get(key)

    def absorb_request(self, request: Request, flow: Flow, now: float) -> bool:
        """Deal with a copy of a request, or with the ACK of a refusal; False when it is new."""
        method = request.method
        if method == ACK:
            return self._absorb_ack(request, now)
        transaction = self.servers.get(server_key(request, method))
        if transaction is None:
            return False
        self.retransmissions_absorbed += 1
        known = transaction.flow
        if (
            flow.port != known.port
            and flow.host == known.host
            and not flow.reliable
            and not known.reliable
        ):
            # A NAT may give the phone another port between two copies: answer to the latest. A
            # stream stays what it is: its transactions are listed under its connection.
            transaction.flow = flow
        transaction.receive_request(now)
        return True

    def open_server(
        self,
        request: Request,
        flow: Flow,
        user: ServerUser,
        now: float,  # noqa: ARG002 - no timer runs before the first response; every input has `now`
    ) -> ServerTransaction:
        """Open the transaction of a request that `absorb_request` did not know; never of an ACK."""
        method = request.method
        key = server_key(request, method)
        assert method != ACK, "an ACK opens no transaction"
        assert key not in self.servers, "absorb_request comes first"
        transaction: ServerTransaction
        if method == INVITE:
            transaction = InviteServerTransaction(self, key, flow, user)
            self.live[INVITE_SERVER] += 1
        else:
            transaction = OtherServerTransaction(self, key, flow, user)
            self.live[OTHER_SERVER] += 1
        self.created_servers += 1
        self.servers[key] = transaction
        if flow.connection:
            self.follow_connection(transaction)
        return transaction

    def find_invite_for_cancel(self, request: Request) -> InviteServerTransaction | None:
        """Return the INVITE transaction that this CANCEL means (RFC 3261 section 9.2), or None."""
        transaction = self.servers.get(server_key(request, INVITE))
        return transaction if isinstance(transaction, InviteServerTransaction) else None

    def open_client(
        self, wire: bytes, flow: Flow, branch: bytes, method: bytes, user: ClientUser, now: float
    ) -> ClientTransaction:
        """Send a request and wait for its responses.

        `branch` is that of its top Via; no two requests share it, but an INVITE and its CANCEL.
        """
        key = client_key(branch, method)
        assert key not in self.clients, "a branch names one transaction"
        transaction: ClientTransaction
        if method == INVITE:
            transaction = InviteClientTransaction(self, key, flow, wire, user, now)
            self.live[INVITE_CLIENT] += 1
        else:
            transaction = OtherClientTransaction(self, key, flow, wire, user, now)
            self.live[OTHER_CLIENT] += 1
        self.created_clients += 1
        self.clients[key] = transaction
        if flow.connection:
            self.follow_connection(transaction)
        return transaction

    def receive_response(self, response: Response, now: float) -> bool:
        """Give a response to its client transaction; False when there is none (section 17.1.3)."""
        transaction = self.clients.get(response.cseq_method + response.via_branch)
        if transaction is None:
            self.stray_responses += 1
            return False
        transaction.receive_response(response, now)
        return True

    def flow_failed(self, flow: Flow, now: float) -> None:
        """Tell every transaction of a stream that it is gone.

        Datagram flows do not fail: an ICMP error is too easily forged, and the timers of the
        transactions find out by themselves.
        """
        transactions = self.connections.pop((flow.listener, flow.connection), None)
        if transactions is not None:
            for transaction in transactions:
                transaction.transport_failed(now)

    def count_by_kind(self) -> dict[str, int]:
        """Return how many transactions live, by kind, for the metrics."""
        live = self.live
        return {
            "invite_server": live[INVITE_SERVER],
            "other_server": live[OTHER_SERVER],
            "invite_client": live[INVITE_CLIENT],
            "other_client": live[OTHER_CLIENT],
        }

    def _absorb_ack(self, request: Request, now: float) -> bool:
        transaction = self.servers.get(server_key(request, INVITE))
        if transaction is None and not has_magic_cookie(request.via_branch):
            transaction = self._find_legacy_invite(request)
        if not isinstance(transaction, InviteServerTransaction):
            return False
        return transaction.receive_ack(now)

    def _find_legacy_invite(self, ack: Request) -> ServerTransaction | None:
        """Find the first INVITE of a dialog by an ACK of RFC 2543.

        Its To tag is not that of the INVITE, which had none, but that of our response.
        """
        transaction = self.servers.get(legacy_key(ack, INVITE, b""))
        if transaction is None or transaction.state is not COMPLETED:
            return transaction
        return (
            transaction
            if parse_message(transaction.response, is_own=True).to_tag == ack.to_tag
            else None
        )
