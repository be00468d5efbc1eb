"""From lines as they are sold and stored to the profiles that the proxy reads on every call."""

from collections.abc import Iterable

from sipedge.accounts.lines import Alias, Line
from sipedge.accounts.secret import Secret
from sipedge.proxy.directory import LineProfile
from sipedge.sip import digest


class SealedLineSecret:
    """The digest secret of a line: opened when it is first asked for, then kept as hashes only."""

    __slots__ = ("_hashes", "_secret", "_user")

    def __init__(self, user: str, secret: Secret) -> None:
        self._user = user.encode("utf-8")
        self._secret = secret
        self._hashes: dict[tuple[bytes, bytes], bytes] | None = None

    def ha1(self, algorithm: bytes, realm: bytes) -> bytes:
        """Return the hex H(user:realm:secret) of RFC 7616 section 3.4.2."""
        if self._hashes is None:
            self._hashes = {}
        found = self._hashes.get((algorithm, realm))
        if found is None:
            secret = self._secret.reveal().encode("utf-8")
            found = digest.ha1(algorithm, username=self._user, realm=realm, secret=secret)
            self._hashes[algorithm, realm] = found
        return found


def build_profile(line: Line, aliases: tuple[str, ...]) -> LineProfile:
    """Return the read model of one line with the further numbers that reach it."""
    secret = SealedLineSecret(line.number, line.password) if line.password else None
    return LineProfile(
        line.number,
        line.simultaneous_calls,
        secret,
        line.link,
        aliases,
        is_enabled=line.enabled,
    )


def aliases_by_line(aliases: Iterable[Alias]) -> dict[str, tuple[str, ...]]:
    """Return the alias numbers of each line that has any."""
    found: dict[str, list[str]] = {}
    for alias in aliases:
        found.setdefault(alias.line, []).append(alias.number)
    return {line: tuple(numbers) for line, numbers in found.items()}
