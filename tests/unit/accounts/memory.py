"""The accounts in a dictionary, as the port of `accounts.repositories` asks for them."""

from collections.abc import Collection, Sequence
from typing import TypeVar

from sipedge.accounts.data_file import parse_data_set
from sipedge.accounts.data_set import DataSet, Progress
from sipedge.accounts.entity import Entity
from sipedge.accounts.numbers import Numbering
from sipedge.accounts.offers import shipped_offers
from sipedge.accounts.repositories import Changes, Conflict

EntityT = TypeVar("EntityT", bound=Entity)
OFFERS = shipped_offers()

BASE = """
[[contact]]
nichandle = "ab1"
email = "ops@example.test"
name = "Example"
password = "console-1"
[[application]]
key = "AK"
secret = "AS"
[[credential]]
application = "AK"
consumer_key = "CK"
nichandle = "ab1"
rules = [{ method = "GET", path = "/*" }]
[[group]]
billing_account = "g1"
admin = "ab1"
tech = "ab1"
billing = "ab1"
[[link]]
name = "paris"
up_kbps = 1000
down_kbps = 8000
[[line]]
number = "0033972100001"
group = "g1"
offer = "entreprise"
password = "s3cret-1"
link = "paris"
[[alias]]
number = "0033972100010"
line = "0033972100001"
[[phone]]
mac = "80:5E:C0:AA:BB:CC"
model = "yealink.t54w"
line = "0033972100001"
"""


def parse(text: str | bytes) -> DataSet:
    return parse_data_set(text, numbering=Numbering(), offers=OFFERS)


class MemoryAccounts:
    """Keeps entities as they come; `collisions` makes that many writes come too late."""

    def __init__(self) -> None:
        self.tables: dict[type[Entity], dict[str, Entity]] = {}
        self.writes = 0
        self.collisions = 0
        self._version = 1

    async def version(self) -> int:
        return self._version

    async def find(self, kind: type[EntityT], keys: Collection[str]) -> dict[str, EntityT]:
        table = self.tables.get(kind, {})
        return {key: table[key] for key in keys if key in table}  # type: ignore[misc]

    async def all(self, kind: type[EntityT]) -> Sequence[EntityT]:
        table = self.tables.get(kind, {})
        return [table[key] for key in sorted(table)]  # type: ignore[misc]

    async def write(self, changes: Changes, *, version: int, progress: Progress) -> None:
        if self.collisions:
            self.collisions -= 1
            self._version += 1
        if version != self._version:
            raise Conflict
        for entity in (*changes.added, *changes.changed):
            self.tables.setdefault(type(entity), {})[entity.key] = entity
        self._version += 1
        self.writes += 1


class PlainPasswords:
    """Says what was hashed instead of hashing it."""

    def __init__(self) -> None:
        self.hashed: list[str] = []

    async def hash(self, password: str) -> str:
        self.hashed.append(password)
        return f"$argon2id${password}"

    async def verify(self, password_hash: str, password: str) -> bool:
        return password_hash == f"$argon2id${password}"
