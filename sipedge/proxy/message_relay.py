"""Requests outside dialogs that are neither REGISTER nor INVITE: answered here, or passed on."""

from typing import Final

from sipedge.proxy.arrival import Arrival
from sipedge.proxy.forwarding import ResponseContext
from sipedge.proxy.identity import asserted_identity
from sipedge.proxy.invite import find_route
from sipedge.proxy.refusals import Refusal
from sipedge.proxy.relay import Outgoing, wants_privacy
from sipedge.sip.names import BYE, NOTIFY, OPTIONS, PRACK, PUBLISH, REFER, SUBSCRIBE

ALLOW: Final = (
    b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, PRACK, UPDATE, INFO, MESSAGE, "
    b"SUBSCRIBE, NOTIFY, REFER"
)
# BYE and PRACK live only in dialogs; a PUBLISH has no presence server here to go to; and a REFER
# outside a dialog would start calls that no line asked for.
_REFUSED: Final = frozenset({BYE, PRACK, PUBLISH, REFER})
# Both set up a subscription, whose later requests need the way back.
_DIALOG_FORMING: Final = frozenset({SUBSCRIBE, NOTIFY})


def answer_options(arrival: Arrival) -> None:
    """Answer an OPTIONS to the edge itself: how peers ask whether it is alive (section 11.2)."""
    arrival.answer(200, b"OK", (ALLOW, b"Accept: application/sdp"))


def handle_other(arrival: Arrival, outgoing: Outgoing) -> None:
    """Pass a request of a known caller to the bindings of a line, or refuse it."""
    core = arrival.core
    request = arrival.request
    if request.method in _REFUSED:
        arrival.refuse(Refusal.METHOD_NOT_ALLOWED, (ALLOW,))
        return
    route = find_route(
        core, arrival.dialled, is_from_line=arrival.line is not None, is_emergency=False
    )
    if isinstance(route, Refusal):
        arrival.refuse(route)
        return
    if request.method == SUBSCRIBE and route.line is not None and route.line is arrival.line:
        # Waiting messages of its own line: there is no mailbox here, and the phone itself has none.
        arrival.refuse(Refusal.BAD_EVENT)
        return
    if not route.groups or (route.line is not None and not route.line.is_enabled):
        arrival.refuse(Refusal.NOT_REGISTERED if route.line else Refusal.NO_ROUTE)
        return
    outgoing.strip_identity |= route.trunk is None and wants_privacy(request)
    outgoing.record_route = request.method in _DIALOG_FORMING
    outgoing.asserted = asserted_identity(arrival, to_trunk=route.trunk is not None)
    context = ResponseContext(core, request, outgoing)
    context.start(route.groups, arrival.reply_flow, arrival.now)


def is_for_edge(arrival: Arrival) -> bool:
    """True for an OPTIONS without a user, or that may go no further."""
    if arrival.request.method != OPTIONS:
        return False
    return arrival.max_forwards < 0 or not arrival.dialled
