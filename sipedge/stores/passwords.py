"""Console passwords: argon2id hashes, each a tenth of a second of work, done in a thread."""

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError


class ConsolePasswords:
    """Hashes and verifies with the parameters of RFC 9106 section 4, second choice (64 MiB)."""

    __slots__ = ("_hasher",)

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher: Final = hasher or PasswordHasher()

    async def hash(self, password: str) -> str:
        """Return a new salted hash."""
        return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password_hash: str, password: str) -> bool:
        """Whether the password is the hashed one; False for a hash that cannot be read."""
        try:
            return await asyncio.to_thread(self._hasher.verify, password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
