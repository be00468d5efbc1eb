"""Whether a request outside dialogs may go on at all (RFC 3261 section 16.3)."""

from typing import Final

from sipedge.proxy.arrival import Arrival
from sipedge.proxy.identity import CONTINUE, DONE, Outcome
from sipedge.proxy.refusals import Refusal
from sipedge.sip.address import split_commas
from sipedge.sip.build import reduced_max_forwards
from sipedge.sip.headers import parse_option_tags, parse_via
from sipedge.sip.names import INVITE, OPTIONS, PROXY_REQUIRE, REGISTER, VIA
from sipedge.sip.uri import OtherUri, SipUri, TelUri

_SUPPORTED_BY_PROXY: Final[frozenset[bytes]] = frozenset()


def validate(arrival: Arrival) -> Outcome:
    """Refuse what no step after this one should see; CONTINUE for the rest.

    Raises MalformedMessage for a Request-URI that does not parse.
    """
    refusal = (
        _check_dialog(arrival)
        or _check_uri(arrival)
        or _check_hops(arrival)
        or _check_extensions(arrival)
        or _check_routes(arrival)
        or _check_merged(arrival)
    )
    if refusal is None:
        return CONTINUE
    if refusal is Refusal.BAD_EXTENSION:
        tags = b", ".join(_unsupported(arrival))
        arrival.refuse(refusal, (b"Unsupported: " + tags,))
    elif refusal is Refusal.TOO_MANY_HOPS and arrival.request.method == OPTIONS:
        # Section 11: an OPTIONS that may go no further is answered by whom it reached.
        return CONTINUE
    else:
        arrival.refuse(refusal)
    return DONE


def _check_uri(arrival: Arrival) -> Refusal | None:
    uri = arrival.uri
    if isinstance(uri, OtherUri):
        return Refusal.UNSUPPORTED_SCHEME
    if isinstance(uri, SipUri):
        if uri.headers:
            # Section 19.1.1: a Request-URI carries no headers (RFC 4475 escruri).
            return Refusal.FORBIDDEN_URI
        # A REGISTER is challenged first: foreign domains are to look like any other to a stranger.
        if (
            arrival.request.method != REGISTER
            and not arrival.core.listeners.is_own(uri.host)
            and not arrival.is_emergency
        ):
            return Refusal.FOREIGN_DOMAIN
    elif not isinstance(uri, TelUri) and not arrival.is_emergency:
        return Refusal.UNSUPPORTED_SCHEME
    return None


def _check_hops(arrival: Arrival) -> Refusal | None:
    arrival.max_forwards = reduced_max_forwards(arrival.request)
    if arrival.max_forwards < 0:
        return Refusal.TOO_MANY_HOPS
    if _passed_here_unchanged(arrival):
        return Refusal.LOOP
    return None


def _passed_here_unchanged(arrival: Arrival) -> bool:
    """True when one of the Vias is ours and the request is still the same (section 16.3 step 4)."""
    core = arrival.core
    mark = b".%08x" % arrival.loop_mark
    for value in arrival.request.values(VIA):
        if core.is_own_branch_in(value):
            for via in split_commas(value):
                branch = parse_via(via).branch
                if core.is_own_branch(branch):
                    arrival.is_spiral = True
                    if branch.endswith(mark):
                        return True
    return False


def _unsupported(arrival: Arrival) -> list[bytes]:
    tags = parse_option_tags(arrival.request.values(PROXY_REQUIRE))
    return [tag for tag in tags if tag not in _SUPPORTED_BY_PROXY]


def _check_extensions(arrival: Arrival) -> Refusal | None:
    if PROXY_REQUIRE in arrival.request.ids and _unsupported(arrival):
        return Refusal.BAD_EXTENSION
    return None


def _check_routes(arrival: Arrival) -> Refusal | None:
    """Refuse a Route to somebody else, which would make an open relay of the edge.

    An emergency call goes its own way, whatever else its phone was told.
    """
    if not arrival.foreign_routes():
        return None
    if arrival.is_emergency:
        arrival.routes = []
        return None
    return Refusal.FOREIGN_ROUTE


def _check_dialog(arrival: Arrival) -> Refusal | None:
    """Refuse what names a dialog: those that we know were relayed before."""
    return Refusal.UNKNOWN_DIALOG if arrival.request.to_tag else None


def _check_merged(arrival: Arrival) -> Refusal | None:
    request = arrival.request
    if request.method == INVITE and not arrival.is_spiral:
        # Section 8.2.2.2: the same request on two paths is one call, not two.
        for call in arrival.core.calls.from_caller(request):
            if call.invite_cseq == request.cseq_number:
                return Refusal.MERGED
    return None
