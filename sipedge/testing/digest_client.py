"""The client side of digest authentication, as a phone does it."""

from random import Random

from sipedge.sip import digest
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.message import Response
from sipedge.testing.messages import header_lines

_ATTEMPTS_MAX = 3


class DigestClient:
    """Answers challenges, and uses the nonce it has got as long as it is good."""

    def __init__(self, user: str, password: str, random: Random) -> None:
        self.user = user
        self.password = password
        self._random = random
        self._challenges: dict[int, digest.Challenge] = {}
        self._counts: dict[bytes, int] = {}

    def take_challenge(self, response: Response, *, attempts: int) -> bool:
        """Read a 401 or 407; False when there is no use in answering it (again)."""
        name = b"WWW-Authenticate" if response.status == 401 else b"Proxy-Authenticate"
        for value in header_lines(response, name):
            try:
                challenge = digest.parse_challenge(value)
            except MalformedMessage:
                continue
            if challenge is not None and challenge.is_answerable:
                self._challenges[response.status] = challenge
                return attempts == 0 or (challenge.stale and attempts < _ATTEMPTS_MAX)
        return False

    def authorize(self, method: bytes, uri: bytes) -> list[bytes]:
        """Return the header lines that prove a request, as far as we were asked for any."""
        lines = []
        for status, name in ((401, b"Authorization"), (407, b"Proxy-Authorization")):
            # What the registrar asked for goes to the registrar alone.
            if status not in self._challenges or (status == 401) != (method == b"REGISTER"):
                continue
            challenge = self._challenges[status]
            count = self._counts[challenge.nonce] = self._counts.get(challenge.nonce, 0) + 1
            value = digest.build_credentials(
                challenge,
                username=self.user.encode("utf-8"),
                secret=self.password.encode("utf-8"),
                method=method,
                uri=uri,
                cnonce=self._random.randbytes(6).hex().encode("ascii"),
                nc=count,
            )
            lines.append(name + b": " + value)
        return lines
