"""Who sends a request, and what we say of it to others (RFC 3261 section 22, RFC 3325).

A trunk is known by its source. A line proves itself with its digest secret, or, where the operator
switched that off, is named by the From user. Whatever a line may try, it presents its own number.
"""

from enum import Enum
from typing import Final

from sipedge.proxy.arrival import Arrival
from sipedge.proxy.directory import LineProfile
from sipedge.proxy.refusals import Refusal
from sipedge.proxy.relay import wants_privacy
from sipedge.sip import digest
from sipedge.sip.digest import Credentials, Proof
from sipedge.sip.names import (
    AUTHORIZATION,
    INVITE,
    PROXY_AUTHORIZATION,
    REGISTER,
)


class Outcome(Enum):
    """What a step of the chain says to the next one."""

    CONTINUE = "continue"
    DONE = "done"


CONTINUE: Final = Outcome.CONTINUE
DONE: Final = Outcome.DONE


def identify(arrival: Arrival) -> Outcome:
    """Find out who sends a request outside dialogs: a trunk, a line, or nobody that we serve."""
    core = arrival.core
    request = arrival.request
    arrival.trunk = core.directory.trunk_of_source(arrival.flow.host)
    if arrival.trunk is not None and request.method != REGISTER:
        return CONTINUE
    arrival.trunk = None
    if _must_prove(arrival):
        return authenticate(arrival)
    user = arrival.to_user if request.method == REGISTER else arrival.from_user
    line = core.directory.find_line(user)
    if line is None:
        arrival.refuse(Refusal.UNKNOWN_CALLER)
        return DONE
    return _accept(arrival, line)


def _must_prove(arrival: Arrival) -> bool:
    """Tell whether the method is challenged: as configured, and the rarer ones with any of those.

    What nobody thinks of is what spoofers use: MESSAGE, SUBSCRIBE, an OPTIONS that finds users.
    """
    challenged = arrival.core.settings.authenticate
    method = arrival.request.method
    return method in challenged if method in (REGISTER, INVITE) else bool(challenged)


def authenticate(arrival: Arrival) -> Outcome:
    """Ask for the proof of a line, and check it.

    Unknown users, wrong secrets and throttled guesses all get the same challenge after the same
    work, so that a stranger learns nothing from the difference.
    """
    core = arrival.core
    request = arrival.request
    is_register = request.method == REGISTER
    header = AUTHORIZATION if is_register else PROXY_AUTHORIZATION
    realm = core.settings.realm.encode("utf-8")
    credentials = None
    for value in request.values(header):
        parsed = digest.parse_credentials(value)
        if parsed is not None and parsed.realm == realm:
            credentials = parsed
            break
    if credentials is None:
        return _vouch(arrival) or _challenge(arrival, Refusal.CHALLENGED)
    line = core.directory.lines.get(credentials.username)
    failures = core.failures
    if not arrival.is_emergency and not failures.allows(
        arrival.flow.host, credentials.username, arrival.now
    ):
        core.counters.auth_failures += 1
        return _challenge(arrival, Refusal.WRONG_PROOF)
    proof = _check_proof(arrival, line, credentials)
    if proof is Proof.VALID and line is not None:
        core.counters.auth_successes += 1
        failures.prove(arrival.flow.host, credentials.username)
        # A challenge cost the source one token: the answer to it gives two back.
        core.guard.refund(arrival.flow.host, 2)
        return _accept(arrival, line)
    if proof is Proof.STALE:
        return _vouch(arrival) or _challenge(arrival, Refusal.CHALLENGED, is_stale=True)
    core.counters.auth_failures += 1
    if proof is Proof.REPLAYED:
        # A copy, not a guess, by somebody who knows the secret or heard it used: with `stale` the
        # phone goes on with the new nonce and does not ask its user for another password.
        return _vouch(arrival) or _challenge(arrival, Refusal.CHALLENGED, is_stale=True)
    failures.charge(arrival.flow.host, credentials.username, arrival.now)
    return _vouch(arrival) or _challenge(arrival, Refusal.WRONG_PROOF)


def _check_proof(arrival: Arrival, line: LineProfile | None, credentials: Credentials) -> Proof:
    core = arrival.core
    algorithm = credentials.algorithm
    if algorithm not in core.settings.digest_algorithms:
        return Proof.UNSUPPORTED
    realm = core.settings.realm.encode("utf-8")
    if line is not None and line.secret is not None:
        secret_hash = line.secret.ha1(algorithm, realm)
    else:
        # Nobody has this secret: a stranger cannot tell by the time that the user does not exist.
        secret_hash = digest.ha1(
            algorithm, username=credentials.username, realm=realm, secret=core.nobody_secret
        )
    return digest.verify(
        credentials,
        secret_hash,
        method=arrival.request.method,
        request_uri=arrival.request.uri,
        nonces=core.nonces,
        now=arrival.now,
        is_own_host=core.listeners.is_own,
    )


def _vouch(arrival: Arrival) -> Outcome | None:
    """Let an emergency call go on that comes from where its line is registered; None for others.

    Nothing may stand between a subscriber and help, not even a challenge: the registration, which
    was proven, vouches for the call.
    """
    core = arrival.core
    if not arrival.is_emergency:
        return None
    line = core.directory.find_line(arrival.from_user)
    if line is None:
        return None
    hosts = {binding.flow.host for binding in core.location.bindings(line.user)}
    return _accept(arrival, line) if arrival.flow.host in hosts else None


def _challenge(arrival: Arrival, refusal: Refusal, *, is_stale: bool = False) -> Outcome:
    core = arrival.core
    core.counters.auth_challenges += 1
    realm = core.settings.realm.encode("utf-8")
    is_register = arrival.request.method == REGISTER
    name = b"WWW-Authenticate: " if is_register else b"Proxy-Authenticate: "
    challenges = digest.challenges(
        realm,
        core.nonces.issue(arrival.now),
        stale=is_stale,
        algorithms=core.settings.digest_algorithms,
    )
    extra = tuple(name + challenge for challenge in challenges)
    arrival.challenge(refusal, extra, 401 if is_register else 407)
    return DONE


def _accept(arrival: Arrival, line: LineProfile) -> Outcome:
    """Let a line go on as itself: the right state, and its own number in From."""
    core = arrival.core
    arrival.line = line
    if arrival.request.method == REGISTER:
        return CONTINUE
    if not line.is_enabled and not arrival.is_emergency:
        arrival.refuse(Refusal.LINE_SUSPENDED)
        return DONE
    user = arrival.from_user
    is_own = user == line.user or core.directory.find_line(user) is line
    if not is_own and not _is_anonymous(user) and not arrival.is_emergency:
        arrival.refuse(Refusal.NOT_YOUR_IDENTITY)
        return DONE
    return CONTINUE


def _is_anonymous(user: bytes) -> bool:
    """True for the From user that hides a number (RFC 3323 section 4.1.1.3).

    The host says nothing: any number could be written in front of anonymous.invalid.
    """
    return user.lower() == b"anonymous"


def asserted_identity(arrival: Arrival, *, to_trunk: bool) -> bytes:
    """Return the P-Asserted-Identity line for a request of a line, empty where none may go.

    Towards another customer a caller that asked for privacy, or hides its number in From, stays
    unnamed (RFC 3325 section 7); a trunk is inside our trust domain and is told.
    """
    line = arrival.line
    if line is None:
        return b""
    if not to_trunk and (wants_privacy(arrival.request) or _is_anonymous(arrival.from_user)):
        return b""
    domain = arrival.core.settings.domains[0].encode("ascii")
    return b"P-Asserted-Identity: <sip:%b@%b>" % (line.user, domain)
