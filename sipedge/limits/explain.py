"""The arithmetic of an admission without the admission: what `sipedge explain` shows.

It follows the rule of `Ledger.take` and takes nothing; a property test holds the two together.
"""

from collections.abc import Sequence

from sipedge.limits.ledger import Claim, Lease, Ledger, Why, count_earlier


class ExplainRow:
    """One claim of a hypothetical call, and whether it would pass.

    `wanted` is the number of slots the call has asked of this account up to and with this claim;
    `holders` are the leases that hold the account now.
    """

    __slots__ = ("account", "counted", "holders", "limit", "passes", "used", "wanted", "why")

    def __init__(self, claim: Claim, holders: tuple[Lease, ...], wanted: int) -> None:
        self.account: str = claim.account
        self.limit: int = claim.limit
        self.why: Why = claim.why
        self.counted: bool = claim.counted
        self.used = len(holders)
        self.wanted = wanted
        self.holders = holders
        self.passes = not claim.counted or self.used + wanted <= claim.limit


def arithmetic(ledger: Ledger, claims: Sequence[Claim]) -> list[ExplainRow]:
    """Return one row per claim, in their order; the call would be admitted if all rows pass."""
    return [
        ExplainRow(claim, tuple(ledger.held(claim.account)), count_earlier(claims, index) + 1)
        for index, claim in enumerate(claims)
    ]
