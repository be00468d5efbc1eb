"""Token buckets of those who spent some lately; whoever is not in the table has a full one.

No bucket gives more than `rate_per_second` x time + `burst` tokens, and no table grows beyond its
capacity, whatever is thrown at it.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

# Full buckets dropped for each one that is added: two, so that the table shrinks after an attack
# without a sweep that would hold up the loop.
_DROPPED_PER_ADDED: Final = 2


class Bucket:
    """Tokens left at an instant; they come back at the rate of the table."""

    __slots__ = ("at", "tokens")

    def __init__(self, tokens: float, at: float) -> None:
        self.tokens = tokens
        self.at = at


class BucketTable(Generic[Key]):
    """At most `capacity` buckets of `burst` tokens that refill at `rate_per_second`.

    All share one rate, so the bucket spent from the longest ago is the first to be full again
    and the first to be dropped: eviction is looking at the front of the table.
    """

    __slots__ = ("_buckets", "burst", "capacity", "rate_per_second")

    def __init__(self, rate_per_second: float, burst: float, capacity: int) -> None:
        assert rate_per_second > 0, rate_per_second
        assert burst >= 1, burst
        assert capacity > 0, capacity
        self.rate_per_second = rate_per_second
        self.burst = burst
        self.capacity = capacity
        self._buckets: OrderedDict[Key, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def spend(self, key: Key, cost: float, now: float) -> bool:
        """Take `cost` tokens; False when there were too few, and then the bucket is empty."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._add(key, now)
        else:
            self._refill(bucket, now)
            self._buckets.move_to_end(key)
        if bucket.tokens < cost:
            bucket.tokens = 0.0
            return False
        bucket.tokens -= cost
        return True

    def get_tokens(self, key: Key, now: float) -> float:
        """Return the tokens that `key` could spend now."""
        bucket = self._buckets.get(key)
        if bucket is None:
            return self.burst
        self._refill(bucket, now)
        return bucket.tokens

    def refund(self, key: Key, cost: float) -> None:
        """Give `cost` tokens back; what does not fit in the bucket is lost."""
        bucket = self._buckets.get(key)
        if bucket is None:
            return
        bucket.tokens += cost
        if bucket.tokens >= self.burst:
            del self._buckets[key]

    def forget(self, key: Key) -> None:
        """Make the bucket of `key` full."""
        self._buckets.pop(key, None)

    def _refill(self, bucket: Bucket, now: float) -> None:
        if now > bucket.at:
            tokens = bucket.tokens + (now - bucket.at) * self.rate_per_second
            bucket.tokens = min(self.burst, tokens)
            bucket.at = now

    def _add(self, key: Key, now: float) -> Bucket:
        for _ in range(_DROPPED_PER_ADDED):
            if not self._buckets:
                break
            oldest, bucket = next(iter(self._buckets.items()))
            self._refill(bucket, now)
            if bucket.tokens < self.burst and len(self._buckets) < self.capacity:
                break
            del self._buckets[oldest]
        added = Bucket(self.burst, now)
        self._buckets[key] = added
        return added
