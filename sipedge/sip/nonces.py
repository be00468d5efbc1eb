"""Nonces for digest authentication: made without memory, remembered only once they were used.

A nonce says when it was made and carries a keyed tag, so that a flood of challenges costs nothing
to keep (RFC 7616 section 3.3 suggests as much). What must be remembered is which nonce counts were
seen: an entry for each nonce that came back with a right proof, so no stranger fills the table.
"""

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Final

# 65,536 entries of about 250 bytes: with the default life of 300 s, 218 new proofs per second.
USES_MAX: Final = 65_536
LIFE_SECONDS: Final = 300.0
# Counts may arrive out of order by this much: several requests of a phone are under way at once.
WINDOW_BITS: Final = 64

_INSTANT_BYTES: Final = 6
_CHANCE_BYTES: Final = 6
_TAG_BYTES: Final = 12
_BODY_BYTES: Final = _INSTANT_BYTES + _CHANCE_BYTES
_NONCE_CHARACTERS: Final = 32  # base64 of 24 octets, which needs no padding
_WINDOW_MASK: Final = (1 << WINDOW_BITS) - 1


class Freshness(Enum):
    """What a nonce is good for, once the proof made with it was right."""

    FRESH = "fresh"
    STALE = "stale"
    REPLAYED = "replayed"


FRESH: Final = Freshness.FRESH
STALE: Final = Freshness.STALE
REPLAYED: Final = Freshness.REPLAYED


class NonceSource:
    """Makes nonces, and accepts each count of each nonce once.

    A nonce lives `life_seconds` and never beyond its source: the tag key is drawn from `key` and
    from `entropy`, because a nonce that outlived the table of its uses could be replayed.

    The table holds `uses_max` nonces. A full one drops the nonce that was first used longest ago,
    and `_floor`, the latest making of any dropped nonce, moves up: a nonce made before it that is
    not in the table may be a dropped one, so it is stale. A forgotten nonce therefore costs its
    phone one more round trip and never lets a copy through.
    """

    __slots__ = ("_entropy", "_floor", "_key", "_life", "_order", "_uses", "_uses_max")

    def __init__(
        self,
        key: bytes,
        life_seconds: float,
        entropy: Callable[[int], bytes],
        *,
        uses_max: int = USES_MAX,
    ) -> None:
        assert life_seconds > 0
        assert uses_max > 0
        self._key = hashlib.blake2s(entropy(32), key=hashlib.sha256(key).digest()).digest()
        self._life = int(life_seconds * 1000)
        self._entropy = entropy
        self._uses_max = uses_max
        # Nonce body -> highest count << 64 | window; bit n of the window: highest - n was seen.
        self._uses: dict[bytes, int] = {}
        self._order: deque[bytes] = deque()
        self._floor = -1

    def __len__(self) -> int:
        return len(self._uses)

    def issue(self, now: float) -> bytes:
        """Make a nonce: 32 characters that need no quoting."""
        body = int(now * 1000).to_bytes(_INSTANT_BYTES, "big") + self._entropy(_CHANCE_BYTES)
        return urlsafe_b64encode(body + self._tag(body))

    def use(self, nonce: bytes, count: int, now: float) -> Freshness:
        """Use a nonce up for one count. Call it only when the proof is right but for freshness."""
        body = self._open(nonce)
        if body is None:
            return STALE
        instant = int(now * 1000)
        issued = int.from_bytes(body[:_INSTANT_BYTES], "big")
        if not 0 <= instant - issued <= self._life:
            return STALE
        seen = self._uses.get(body)
        if seen is None:
            if issued <= self._floor:
                return STALE
            self._make_room(instant)
            self._uses[body] = count << WINDOW_BITS | 1
            self._order.append(body)
            return FRESH
        highest = seen >> WINDOW_BITS
        window = seen & _WINDOW_MASK
        if count > highest:
            # A jump past the window forgets it; the shift is bounded, whatever the count.
            window = window << min(count - highest, WINDOW_BITS) & _WINDOW_MASK | 1
            self._uses[body] = count << WINDOW_BITS | window
            return FRESH
        bit = 1 << min(highest - count, WINDOW_BITS)
        if window & bit or bit > _WINDOW_MASK:
            return REPLAYED
        self._uses[body] = seen | bit
        return FRESH

    def use_once(self, nonce: bytes, now: float) -> Freshness:
        """Use a nonce up for a proof without a count: good once, then stale."""
        body = self._open(nonce)
        if body is None or body in self._uses:
            return STALE
        return self.use(nonce, 0, now)

    def _make_room(self, instant: int) -> None:
        """Drop the expired entries in front, and the oldest entry when the table is full."""
        while self._order:
            oldest = self._order[0]
            issued = int.from_bytes(oldest[:_INSTANT_BYTES], "big")
            if instant - issued <= self._life:
                if len(self._order) < self._uses_max:
                    return
                self._floor = max(self._floor, issued)
            self._order.popleft()
            del self._uses[oldest]

    def _open(self, nonce: bytes) -> bytes | None:
        """Return the body of a nonce of ours, None for any other text."""
        if len(nonce) != _NONCE_CHARACTERS:
            return None
        try:
            octets = urlsafe_b64decode(nonce)
        except binascii.Error:
            return None
        body = octets[:_BODY_BYTES]
        # Characters outside the alphabet are skipped by the decoder: what is left is too short.
        if not hmac.compare_digest(octets[_BODY_BYTES:], self._tag(body)):
            return None
        return body

    def _tag(self, body: bytes) -> bytes:
        return hashlib.blake2s(body, key=self._key, digest_size=_TAG_BYTES).digest()
