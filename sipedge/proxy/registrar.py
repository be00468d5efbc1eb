"""The registrar: REGISTER becomes bindings of a line that proved itself (RFC 3261 section 10.3)."""

from typing import Final

from sipedge.proxy.arrival import Arrival
from sipedge.proxy.effects import RemoveBinding, StoreBinding
from sipedge.proxy.location import Binding
from sipedge.proxy.reach import default_port, flow_of_contact
from sipedge.proxy.refusals import Refusal
from sipedge.sip.headers import ContactHeader, Star, parse_contacts, parse_expires
from sipedge.sip.names import CONTACT, EXPIRES, USER_AGENT
from sipedge.sip.uri import SipUri, parse_uri

# A phone that names itself at length gains nothing; 200 octets hold every real User-Agent.
_USER_AGENT_BYTES_MAX: Final = 200


def handle_register(arrival: Arrival) -> None:
    """Add, refresh or remove bindings, all of them or none, and answer with what is there now."""
    core = arrival.core
    line = arrival.line
    assert line is not None, "identify leaves a line on every REGISTER that it lets through"
    uri = arrival.uri
    if isinstance(uri, SipUri) and not core.listeners.is_own(uri.host):
        # Only now: a stranger gets the same challenge for every domain.
        arrival.refuse(Refusal.FOREIGN_DOMAIN)
        return
    user = arrival.to_user
    if user != line.user and core.directory.find_line(user) is not line:
        arrival.refuse(Refusal.NOT_YOUR_REGISTRATION)
        return
    contacts = parse_contacts(arrival.request.values(CONTACT))
    if isinstance(contacts, Star):
        _remove_all(arrival, line.user)
    elif contacts:
        _update(arrival, line.user, contacts)
    else:
        _answer(arrival, line.user)


def _remove_all(arrival: Arrival, aor: bytes) -> None:
    """Handle `Contact: *`, which is only for removing everything (section 10.2.2)."""
    request = arrival.request
    if request.first(EXPIRES) != b"0":
        arrival.refuse(Refusal.MALFORMED)
        return
    for binding in arrival.core.location.bindings(aor):
        if _is_out_of_order(arrival, binding):
            arrival.refuse(Refusal.OUT_OF_ORDER)
            return
    for binding in list(arrival.core.location.bindings(aor)):
        _remove(arrival, binding)
    _answer(arrival, aor)


def _is_out_of_order(arrival: Arrival, binding: Binding) -> bool:
    """Section 10.3 step 7: the same Call-ID must come with a higher CSeq."""
    request = arrival.request
    return binding.call_id == request.call_id and request.cseq_number <= binding.cseq


def _leads_here(arrival: Arrival, uri: SipUri) -> bool:
    """True for one of our names, and for one of our addresses with a port that we listen on."""
    listeners = arrival.core.listeners
    if not uri.host_is_numeric:
        return listeners.is_own(uri.host)
    return listeners.is_own_address(uri.host, uri.port or default_port(uri))


def _update(arrival: Arrival, aor: bytes, contacts: list[ContactHeader]) -> None:
    core = arrival.core
    settings = core.settings
    header = arrival.request.first(EXPIRES)
    default = settings.expires_default_seconds
    if header is not None:
        default = parse_expires(header)
    plan: list[tuple[ContactHeader, SipUri, Binding | None, int]] = []
    for contact in contacts:
        uri = parse_uri(contact.uri)
        if not isinstance(uri, SipUri) or _leads_here(arrival, uri):
            # A binding that leads back to the edge would loop every call of the line.
            arrival.refuse(Refusal.FORBIDDEN_URI)
            return
        expires = default if contact.expires is None else contact.expires
        if 0 < expires < settings.expires_min_seconds:
            minimum = b"Min-Expires: %d" % settings.expires_min_seconds
            arrival.refuse(Refusal.INTERVAL_TOO_BRIEF, (minimum,))
            return
        binding = _find(arrival, aor, contact, uri)
        if binding is not None and _is_out_of_order(arrival, binding):
            arrival.refuse(Refusal.OUT_OF_ORDER)
            return
        plan.append((contact, uri, binding, min(expires, settings.expires_max_seconds)))
    added = {contact.uri for contact, _, binding, expires in plan if binding is None and expires}
    removed = {binding.uri for _, _, binding, expires in plan if binding and not expires}
    left = len(core.location.bindings(aor)) - len(removed)
    if added and left + len(added) > settings.bindings_max:
        arrival.refuse(Refusal.TOO_MANY_BINDINGS)
        return
    for contact, uri, binding, expires in plan:
        _apply(arrival, aor, contact, uri, binding, expires)
    _answer(arrival, aor)


def _find(arrival: Arrival, aor: bytes, contact: ContactHeader, uri: SipUri) -> Binding | None:
    """Return the binding that this Contact updates.

    The same instance and reg-id are the same phone, wherever it moved (RFC 5626 section 6); else
    the URIs are compared by the rules of RFC 3261 section 19.1.4.
    """
    for binding in arrival.core.location.bindings(aor):
        if contact.instance and contact.instance == binding.instance:
            if contact.reg_id == binding.reg_id:
                return binding
            continue
        if contact.uri == binding.uri:
            return binding
        known = parse_uri(binding.uri)
        if isinstance(known, SipUri) and known.equals(uri):
            return binding
    return None


def _apply(
    arrival: Arrival,
    aor: bytes,
    contact: ContactHeader,
    uri: SipUri,
    binding: Binding | None,
    expires: int,
) -> None:
    core = arrival.core
    request = arrival.request
    if expires == 0:
        if binding is not None:
            _remove(arrival, binding)
        return
    flow = flow_of_contact(arrival, uri)
    expires_at = arrival.now + expires
    if binding is None:
        # Looked for once more: some phones write the same Contact twice.
        binding = _find(arrival, aor, contact, uri)
    if binding is None:
        binding = Binding(core.location, aor, contact.uri, flow, expires_at)
        core.location.add(binding)
        core.counters.registrations_added += 1
    else:
        binding.uri = contact.uri
        core.location.refresh(binding, flow, expires_at)
        core.counters.registrations_refreshed += 1
    binding.q = contact.q
    binding.call_id = request.call_id
    binding.cseq = request.cseq_number
    binding.instance = contact.instance
    binding.reg_id = contact.reg_id
    binding.user_agent = (request.first(USER_AGENT) or b"")[:_USER_AGENT_BYTES_MAX]
    core.effects.others.append(StoreBinding(aor, binding))


def _remove(arrival: Arrival, binding: Binding) -> None:
    core = arrival.core
    core.location.remove(binding)
    core.counters.registrations_removed += 1
    core.effects.others.append(RemoveBinding(binding.aor, binding))


def _answer(arrival: Arrival, aor: bytes) -> None:
    """Answer 200 with every binding and the seconds it has left (section 10.3 step 8)."""
    core = arrival.core
    lines = []
    for binding in core.location.bindings(aor):
        left = max(1, round(binding.expires_at - arrival.now))
        line = b"Contact: <%b>;expires=%d" % (binding.uri, left)
        if binding.q != 1000:
            line += b";q=%d.%03d" % divmod(binding.q, 1000)
        if binding.instance:
            line += b';+sip.instance="<%b>"' % binding.instance
            if binding.reg_id:
                line += b";reg-id=%d" % binding.reg_id
        lines.append(line)
    # Through a transaction: a copy of this REGISTER is neither out of order nor a replay.
    arrival.answer_reliably(200, b"OK", tuple(lines))
