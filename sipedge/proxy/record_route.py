"""The keyed token in our Record-Route: proof that a request belongs to a dialog that we set up.

The token is the user part of our Record-Route URI. It names the two flows of the dialog in plain
text and ends in a keyed hash over them, the Call-ID and the tag of the caller. A request that
carries it is relayed even after a restart, when no table knows its dialog any more, and nobody
without the key can turn the edge into an open relay (RFC 3261 section 16.6 step 4 lets a proxy put
what it wants there).
"""

import hmac
from hashlib import blake2s
from typing import Final

from sipedge.sip.flow import Flow

_SEPARATOR: Final = "~"
_MAC_BYTES: Final = 9


class TokenKeeper:
    """Makes and checks tokens with a key of 32 octets that outlives restarts."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        assert len(key) == 32, "the token key has 32 octets"
        self._key = key

    def build(self, caller: Flow, callee: Flow, call_id: bytes, caller_tag: bytes) -> bytes:
        """Return the token of a dialog whose requests go to these two flows."""
        body = f"{_pack(caller)}{_SEPARATOR}{_pack(callee)}".encode("ascii")
        return body + b"~" + self._mac(body, call_id, caller_tag)

    def verify(
        self, token: bytes, call_id: bytes, from_tag: bytes, to_tag: bytes
    ) -> tuple[Flow, bool] | None:
        """Return where the request goes and whether the caller sent it, or None for a forgery."""
        body, _, mac = token.rpartition(b"~")
        if hmac.compare_digest(mac, self._mac(body, call_id, from_tag)):
            is_from_caller = True
        elif hmac.compare_digest(mac, self._mac(body, call_id, to_tag)):
            is_from_caller = False
        else:
            return None
        pieces = body.decode("ascii").split(_SEPARATOR)
        flow = _unpack(pieces[4:] if is_from_caller else pieces[:4])
        return flow, is_from_caller

    def _mac(self, body: bytes, call_id: bytes, caller_tag: bytes) -> bytes:
        text = b"%b\0%b\0%b" % (body, call_id, caller_tag)
        digest = blake2s(text, digest_size=_MAC_BYTES, key=self._key)
        return digest.hexdigest().encode("ascii")


def _pack(flow: Flow) -> str:
    # A colon would end the user part of a SIP URI; an underscore is legal there.
    host = flow.host.replace(":", "_")
    return f"{flow.listener}{_SEPARATOR}{flow.transport}{_SEPARATOR}{host}{_SEPARATOR}{flow.port}"


def _unpack(pieces: list[str]) -> Flow:
    listener, transport, host, port = pieces
    return Flow(int(listener), transport, host.replace("_", ":"), int(port))
