"""Digest authentication (RFC 3261 section 22, RFC 7616, RFC 8760): challenge, proof and check.

Algorithms MD5, SHA-256 and SHA-512-256 with qop=auth. Neither offered nor accepted: the -sess
variants, auth-int (others may change the body) and userhash. Proofs without qop, which clients of
RFC 2069 send and which cannot be told from their copies, pass only where a setting allows them.
Nonces are made and remembered in sipedge.sip.nonces.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from enum import Enum
from typing import Final

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.grammar import HEX, SPACES, quote, resolve_pairs
from sipedge.sip.nonces import Freshness, NonceSource
from sipedge.sip.params import PLAIN
from sipedge.sip.uri import SipUri, TelUri, parse_uri

MD5: Final = b"MD5"
SHA_256: Final = b"SHA-256"
SHA_512_256: Final = b"SHA-512-256"
# hashlib's names for them.
_HASHES: Final[dict[bytes, str]] = {MD5: "md5", SHA_256: "sha256", SHA_512_256: "sha512_256"}
# Topmost is preferred; a client answers the first challenge that it knows (RFC 8760 section 2.4).
ALGORITHMS_OFFERED: Final = (SHA_256, MD5)

_AUTH: Final = b"auth"
_SCHEME_ENDS: Final = (b" ", b"\t", b"\r", b"\n", b"")

# name = "quoted" | plain, spaces around each mark. Every quantifier is possessive or stops at an
# octet that it cannot take, so the time is linear. Twice as fast as splitting by hand.
_FIELD: Final = (
    rb"[ \t\r\n]*+([-.!%%*_+`'~A-Za-z0-9]++)[ \t\r\n]*+=[ \t\r\n]*+"
    rb'(?:"((?:[^"\\]++|\\.)*+)"|([%b]*+))' % re.escape(PLAIN)
)
_find_fields: Final = re.compile(_FIELD, re.DOTALL).findall
_is_field_list: Final = re.compile(
    rb"(?:%b)?+(?:[ \t\r\n]*+,(?:%b)?+)*+[ \t\r\n]*+" % (_FIELD, _FIELD), re.DOTALL
).fullmatch


class Proof(Enum):
    """What credentials turned out to be."""

    VALID = "valid"
    STALE = "stale"  # the secret is known but the nonce is not fresh: challenge with stale=true
    REPLAYED = "replayed"  # a copy of a proof seen before, or one too old to tell
    WRONG = "wrong"  # made with another secret, or for another request
    UNSUPPORTED = "unsupported"  # an algorithm or a qop that we never offered


VALID: Final = Proof.VALID
STALE: Final = Proof.STALE
REPLAYED: Final = Proof.REPLAYED
WRONG: Final = Proof.WRONG
UNSUPPORTED: Final = Proof.UNSUPPORTED

_PROOFS: Final[dict[Freshness, Proof]] = {
    Freshness.FRESH: VALID,
    Freshness.STALE: STALE,
    Freshness.REPLAYED: REPLAYED,
}


class Credentials:
    """The Digest value of an Authorization or Proxy-Authorization header (RFC 7616 section 3.4).

    All texts are without their quotes; `algorithm` is in upper case, MD5 when not said; `qop` is
    in lower case, b"" for a client of RFC 2069; `nc` is the eight digits as sent, b"" without qop.
    """

    __slots__ = (
        "algorithm",
        "cnonce",
        "nc",
        "nonce",
        "qop",
        "realm",
        "response",
        "uri",
        "userhash",
        "username",
    )

    def __init__(self, fields: dict[bytes, bytes]) -> None:
        try:
            self.username = fields[b"username"]
            self.realm = fields[b"realm"]
            self.nonce = fields[b"nonce"]
            self.uri = fields[b"uri"]
            self.response = fields[b"response"]
        except KeyError:
            raise MalformedMessage(400, "Incomplete digest credentials") from None
        self.algorithm = fields.get(b"algorithm", MD5).upper()
        self.qop = fields.get(b"qop", b"").lower()
        self.cnonce = fields.get(b"cnonce", b"")
        self.nc = fields.get(b"nc", b"") if self.qop else b""
        self.userhash = fields.get(b"userhash", b"").lower() == b"true"
        if self.qop and (len(self.nc) != 8 or self.nc.translate(None, HEX) or not self.cnonce):
            raise MalformedMessage(400, "Incomplete digest credentials")


class Challenge:
    """The Digest value of WWW-Authenticate or Proxy-Authenticate (RFC 7616 section 3.3)."""

    __slots__ = ("algorithm", "nonce", "opaque", "qops", "realm", "stale")

    def __init__(self, fields: dict[bytes, bytes]) -> None:
        if b"realm" not in fields or b"nonce" not in fields:
            raise MalformedMessage(400, "Incomplete digest challenge")
        self.realm = fields[b"realm"]
        self.nonce = fields[b"nonce"]
        self.algorithm = fields.get(b"algorithm", MD5).upper()
        self.qops = [qop.strip(SPACES) for qop in fields.get(b"qop", b"").lower().split(b",")]
        self.opaque = fields.get(b"opaque")
        self.stale = fields.get(b"stale", b"").lower() == b"true"

    @property
    def is_answerable(self) -> bool:
        """Whether `build_credentials` can answer it: a known algorithm, and qop auth or none."""
        return self.algorithm in _HASHES and (_AUTH in self.qops or self.qops == [b""])


def parse_credentials(value: bytes) -> Credentials | None:
    """Parse a value of Authorization or Proxy-Authorization; None when it is not of Digest.

    Raises MalformedMessage.
    """
    fields = _parse_fields(value)
    return None if fields is None else Credentials(fields)


def parse_challenge(value: bytes) -> Challenge | None:
    """Parse a value of WWW-Authenticate or Proxy-Authenticate; None when it is not of Digest.

    Raises MalformedMessage.
    """
    fields = _parse_fields(value)
    return None if fields is None else Challenge(fields)


def ha1(algorithm: bytes, *, username: bytes, realm: bytes, secret: bytes) -> bytes:
    """Return the hexadecimal hash that stands for a secret. KeyError for an unknown algorithm."""
    return _hash(algorithm, username + b":" + realm + b":" + secret)


def response(
    algorithm: bytes,
    *,
    secret_hash: bytes,
    method: bytes,
    uri: bytes,
    nonce: bytes,
    nc: bytes = b"",
    cnonce: bytes = b"",
) -> bytes:
    """Return the `response` for the ha1 `secret_hash`; without `nc`, that of RFC 2069.

    KeyError for an unknown algorithm.
    """
    request_hash = _hash(algorithm, method + b":" + uri)
    if not nc:
        return _hash(algorithm, secret_hash + b":" + nonce + b":" + request_hash)
    fields = (secret_hash, nonce, nc, cnonce, _AUTH, request_hash)
    return _hash(algorithm, b":".join(fields))


def verify(
    credentials: Credentials,
    secret_hash: bytes,
    *,
    method: bytes,
    request_uri: bytes,
    nonces: NonceSource,
    now: float,
    is_own_host: Callable[[bytes], bool],
    qop_required: bool = True,
) -> Proof:
    """Check a proof against the ha1 of its user, and use its nonce up when it is right.

    The caller has chosen credentials of its own realm, and `secret_hash` for their algorithm; for
    a user that does not exist it passes the ha1 of a secret that nobody has, so that strangers
    cannot tell by the time it takes. Nothing is remembered of a wrong proof. STALE means right
    but for its nonce, whatever is the matter with that: expired, or of an edge before a restart.
    """
    if credentials.algorithm not in _HASHES or credentials.userhash:
        return UNSUPPORTED
    if credentials.qop != _AUTH and (credentials.qop or qop_required):
        return UNSUPPORTED
    expected = response(
        credentials.algorithm,
        secret_hash=secret_hash,
        method=method,
        uri=credentials.uri,
        nonce=credentials.nonce,
        nc=credentials.nc,
        cnonce=credentials.cnonce,
    )
    # The hash is compared before anything that a wrong guess could learn from.
    if not hmac.compare_digest(expected, credentials.response.lower()):
        return WRONG
    if not is_for_request(credentials.uri, request_uri, is_own_host):
        return WRONG
    if credentials.nc:
        return _PROOFS[nonces.use(credentials.nonce, int(credentials.nc, 16), now)]
    return _PROOFS[nonces.use_once(credentials.nonce, now)]


def is_for_request(
    digest_uri: bytes, request_uri: bytes, is_own_host: Callable[[bytes], bool]
) -> bool:
    """Tell whether a digest-uri means the Request-URI: the same octets, or the same user and host.

    Ports, parameters and sip against sips are let go, because phones leave `;transport=` or a
    default port out of one of the two. The user is not: a proof for a call to one number must not
    carry a call to another (RFC 7616 section 3.4.6 wants the two to be the same resource). SIPp
    writes the server alone, `sip:host:port`; that passes where the host is our own.
    """
    if digest_uri == request_uri:
        return True
    try:
        ours = parse_uri(request_uri)
        theirs = parse_uri(digest_uri)
    except MalformedMessage:
        return False
    if isinstance(theirs, SipUri) and not theirs.user and is_own_host(theirs.host):
        return True
    if isinstance(ours, SipUri) and isinstance(theirs, SipUri):
        return ours.host == theirs.host and ours.unescaped_user() == theirs.unescaped_user()
    if isinstance(ours, TelUri) and isinstance(theirs, TelUri):
        return ours.equals(theirs)
    return False


def challenges(
    realm: bytes,
    nonce: bytes,
    *,
    stale: bool,
    algorithms: tuple[bytes, ...] = ALGORITHMS_OFFERED,
) -> list[bytes]:
    """Return one header value per algorithm, to be written in this order, each on its own line."""
    head = b"Digest realm=" + quote(realm) + b', nonce="' + nonce + b'", algorithm='
    tail = b', qop="auth", stale=true' if stale else b', qop="auth"'
    return [head + algorithm + tail for algorithm in algorithms]


def build_credentials(
    challenge: Challenge,
    *,
    username: bytes,
    secret: bytes,
    method: bytes,
    uri: bytes,
    cnonce: bytes,
    nc: int = 1,
) -> bytes:
    """Answer a challenge: return the value of Authorization or Proxy-Authorization.

    `nc` counts the requests sent with this nonce, this one included. KeyError when the challenge
    is not answerable; ValueError when a text cannot be quoted.
    """
    algorithm = challenge.algorithm
    counted = _AUTH in challenge.qops
    count = b"%08x" % nc if counted else b""
    proof = response(
        algorithm,
        secret_hash=ha1(algorithm, username=username, realm=challenge.realm, secret=secret),
        method=method,
        uri=uri,
        nonce=challenge.nonce,
        nc=count,
        cnonce=cnonce,
    )
    fields = [
        b"username=" + quote(username),
        b"realm=" + quote(challenge.realm),
        b"nonce=" + quote(challenge.nonce),
        b"uri=" + quote(uri),
        b'response="' + proof + b'"',
        b"algorithm=" + algorithm,
    ]
    if counted:
        fields += [b"qop=auth", b"nc=" + count, b"cnonce=" + quote(cnonce)]
    if challenge.opaque is not None:
        fields.append(b"opaque=" + quote(challenge.opaque))
    return b"Digest " + b", ".join(fields)


def _hash(algorithm: bytes, text: bytes) -> bytes:
    # MD5 is broken as a signature, not for this use; phones that know nothing else are many.
    digest = hashlib.new(_HASHES[algorithm], text, usedforsecurity=False)
    return digest.hexdigest().encode("ascii")


def _parse_fields(value: bytes) -> dict[bytes, bytes] | None:
    """Read `Digest name=value, ...`: names in lower case, values without their quotes.

    A comma too many passes. None for another scheme.
    """
    value = value.strip(SPACES)
    if value[:6].lower() != b"digest" or value[6:7] not in _SCHEME_ENDS:
        return None
    text = value[6:]
    if not _is_field_list(text):
        raise MalformedMessage(400, "Bad digest parameters")
    fields: dict[bytes, bytes] = {}
    for name, quoted, plain in _find_fields(text):
        content = resolve_pairs(quoted) if quoted else plain
        if fields.setdefault(name.lower(), content) != content:
            raise MalformedMessage(400, "Digest parameter given twice")
    return fields
