"""Requests inside a dialog (RFC 3261 sections 12.2 and 16.4): straight to the other side.

A request is in a dialog when the call table knows it and it carries our token or comes on one of
the flows of that dialog; or, for a dialog from before a restart, when its token verifies. A To tag
alone proves nothing, and no Route leads anywhere else.
"""

from typing import TYPE_CHECKING

from sipedge.proxy.arrival import Arrival
from sipedge.proxy.calls import Call, Side
from sipedge.proxy.forwarding import ResponseContext, Target
from sipedge.proxy.reach import flow_of_sender
from sipedge.proxy.refusals import Refusal
from sipedge.proxy.relay import Outgoing, contact_uri, wants_privacy
from sipedge.sip.address import parse_address, split_commas
from sipedge.sip.build import reduced_max_forwards
from sipedge.sip.message import value_of
from sipedge.sip.names import ACK, BYE, INVITE, ROUTE, UPDATE
from sipedge.sip.uri import SipUri, parse_uri

if TYPE_CHECKING:
    from sipedge.proxy.core import Core


def pop_own_routes(arrival: Arrival) -> None:
    """Take our own values off the Route set and note the token in them (section 16.4).

    Of several tokens only the first: a call that passes here twice has one for each passage, and
    the second belongs to what lies between. A strict router upstream put our Record-Route URI into
    the Request-URI and the real one last; that is undone first.
    """
    core = arrival.core
    request = arrival.request
    if ROUTE not in request.ids:
        return
    if _pop_usual_route(arrival):
        return
    routes = [route for value in request.values(ROUTE) for route in split_commas(value)]
    if routes and b"~" in request.uri and _is_token(arrival, _own_user(core, request.uri)):
        arrival.token = _own_user(core, request.uri) or b""
        request.uri = parse_address(routes.pop()).uri
        request.start_line = b"%b %b SIP/2.0" % (request.method, request.uri)
        arrival.routes = routes
    own = 0
    for route in routes:
        user = _own_user(core, _addr_spec(route))
        if user is None:
            break
        if b"~" in user:
            if arrival.token and user != arrival.token:
                break
            arrival.token = user
        own += 1
    if own:
        arrival.routes = routes[own:]


def _is_token(arrival: Arrival, user: bytes | None) -> bool:
    """True for a token that we made for the dialog of this request."""
    if not user:
        return False
    request = arrival.request
    return (
        arrival.core.tokens.verify(user, request.call_id, request.from_tag, request.to_tag)
        is not None
    )


def _pop_usual_route(arrival: Arrival) -> bool:
    """Take the lone `<sip:token@us;lr>` of most dialogs off, by its bytes; False for the rest."""
    request = arrival.request
    ids = request.ids
    if ids.count(ROUTE) != 1 or b"~" in request.uri:
        return False
    value = value_of(request.lines[ids.index(ROUTE)])
    user, _, rest = value.partition(b"@")
    if rest not in arrival.core.listeners.route_ends or user[:5] != b"<sip:" or b"~" not in user:
        return False
    arrival.token = user[5:]
    arrival.routes = []
    return True


def _addr_spec(route: bytes) -> bytes:
    if route[:1] == b"<":
        end = route.find(b">")
        if end > 0:
            return route[1:end]
    return parse_address(route).uri


def _own_user(core: "Core", text: bytes) -> bytes | None:
    """Return the user part of a URI that means the edge, None when it means somebody else."""
    uri = parse_uri(text)
    if isinstance(uri, SipUri) and core.listeners.is_own_address(uri.host, uri.port):
        return uri.user
    return None


def relay_in_dialog(arrival: Arrival) -> bool:
    """Relay the request to the other side of its dialog; False when it is in no dialog of ours."""
    core = arrival.core
    request = arrival.request
    found = _find_call(arrival)
    if found is None:
        if not arrival.token:
            return False
        verified = core.tokens.verify(
            arrival.token, request.call_id, request.from_tag, request.to_tag
        )
        if verified is None or verified[0].listener >= len(core.listeners.by_index):
            return False
        call = _find_call_of_token(arrival)
        _relay(arrival, call, Side(verified[0], b"", is_trunk=False), is_from_trunk=False)
        return True
    call, sender, receiver = found
    _note_target_refresh(arrival, sender)
    _relay(arrival, call, receiver, is_from_trunk=sender.is_trunk)
    return True


def _find_call(arrival: Arrival) -> tuple[Call, Side, Side] | None:
    """Return the call of the request with the sides of its sender and its receiver."""
    core = arrival.core
    request = arrival.request
    for call in core.calls.from_caller(request):
        callee = call.callees.get(request.to_tag)
        caller = call.caller_side
        if callee is not None and caller is not None and _belongs(arrival, call, caller):
            return call, caller, callee
    for call in core.calls.from_callee(request):
        callee = call.callees.get(request.from_tag)
        caller = call.caller_side
        if callee is not None and caller is not None and _belongs(arrival, call, callee):
            return call, callee, caller
    return None


def _find_call_of_token(arrival: Arrival) -> Call | None:
    """Return the call of a request that was faster than the answer whose tag it names."""
    request = arrival.request
    calls = arrival.core.calls
    for call in (*calls.from_caller(request), *calls.from_callee(request)):
        if arrival.token in call.tokens:
            return call
    return None


def _belongs(arrival: Arrival, call: Call, sender: Side) -> bool:
    """True when the request shows our token of this call or comes on the flow of its sender.

    A stream may have been opened anew and a trunk has several sources: there the host decides.
    """
    if arrival.token:
        return arrival.token in call.tokens
    flow = arrival.flow
    if sender.flow.host != flow.host:
        trunk = arrival.core.directory.trunk_of_source(flow.host)
        # By name: the operator may have changed the trunk since the call began.
        return (
            sender.is_trunk
            and trunk is not None
            and call.trunk is not None
            and trunk.name == call.trunk.name
        )
    return sender.is_trunk or flow.reliable or sender.flow.port == flow.port


def _note_target_refresh(arrival: Arrival, sender: Side) -> None:
    """Follow a phone that moved: its INVITE or UPDATE shows its new Contact and flow."""
    request = arrival.request
    if request.method in (INVITE, UPDATE):
        sender.contact = contact_uri(request) or sender.contact
        if arrival.token and not sender.is_trunk:
            sender.flow = flow_of_sender(arrival, sender.contact, None)


def _relay(arrival: Arrival, call: Call | None, receiver: Side, *, is_from_trunk: bool) -> None:
    core = arrival.core
    request = arrival.request
    max_forwards = reduced_max_forwards(request)
    if max_forwards < 0:
        arrival.refuse(Refusal.TOO_MANY_HOPS)
        return
    outgoing = Outgoing(arrival.flow, max_forwards, arrival.loop_mark)
    outgoing.routes = arrival.routes
    outgoing.strip_identity = not is_from_trunk or (
        not receiver.is_trunk and wants_privacy(request)
    )
    # Without our Route the sender did not learn the remote target from the answer either.
    uri = receiver.contact or None if not arrival.token else None
    if request.method == ACK:
        branch = core.new_branch(outgoing.loop_mark)
        wire, _ = outgoing.serialize(core, request, receiver.flow, uri, branch)
        core.counters.count_request_sent(ACK)
        core.send(receiver.flow, wire)
        return
    context = ResponseContext(core, request, outgoing)
    if call is not None and request.method == BYE:
        context.call = call
        is_caller = request.from_tag == call.caller_tag
        context.hang_up_tag = request.to_tag if is_caller else request.from_tag
    target = Target(receiver.flow, uri, is_trunk=receiver.is_trunk)
    context.start([[target]], arrival.reply_flow, arrival.now)
