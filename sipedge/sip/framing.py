"""Cutting messages and keep-alives out of a stream (RFC 3261 section 18.3, RFC 5626 section 3.5.1).

Pieces of any size go in, whole messages come out; the same bytes give the same result however they
were cut. Each byte is looked at a bounded number of times, and memory grows with what has arrived,
never with what a peer announces.
"""

import re
from enum import Enum
from typing import Final, TypeAlias

from sipedge.sip.errors import MalformedMessage

HEAD_BYTES_MAX: Final = 65_536
# What a datagram could carry. SDP of browsers reaches 20 kB, presence documents rarely 50 kB.
BODY_BYTES_MAX: Final = 65_536


class KeepAlive(Enum):
    """What may stand between two messages of a stream."""

    PING = b"\r\n\r\n"
    PONG = b"\r\n"


# The peer wants to see that the flow lives: answer PONG.value.
PING: Final = KeepAlive.PING
# The answer to our ping, or an empty line before a message, which means nothing (section 7.5).
PONG: Final = KeepAlive.PONG

Framed: TypeAlias = bytes | KeepAlive

# Content-Length  =  ( "Content-Length" / "l" ) HCOLON 1*DIGIT
# HCOLON          =  *( SP / HTAB ) ":" SWS
# A line that begins with white space continues the one before and is no header: no match there.
_CONTENT_LENGTH: Final = re.compile(rb"\r\n(?:Content-Length|l)[ \t]*:", re.IGNORECASE)
_SWS: Final = b" \t\r\n"


class UnframableMessage(MalformedMessage):
    """The stream cannot be cut any further: answer `wire` if it is a request, then close.

    `wire` is the head that could not be trusted, or its beginning where it is too long. `framed` is
    what the same piece of the stream held before it.
    """

    def __init__(self, status: int, reason: str, wire: bytes) -> None:
        super().__init__(status, reason)
        self.wire = wire
        self.framed: list[Framed] = []


class StreamFramer:
    """The receiving half of one stream.

    `opened_by_us`: who opened a connection sends the pings and receives the pongs, so there each
    CRLF is a PONG; else two of them are a PING, and one alone is known when the next byte comes.
    """

    __slots__ = (
        "_body_bytes_max",
        "_buffer",
        "_failure",
        "_head_bytes_max",
        "_length",
        "_opened_by_us",
        "_searched",
    )

    def __init__(
        self,
        head_bytes_max: int = HEAD_BYTES_MAX,
        body_bytes_max: int = BODY_BYTES_MAX,
        *,
        opened_by_us: bool = False,
    ) -> None:
        self._head_bytes_max = head_bytes_max
        self._body_bytes_max = body_bytes_max
        self._opened_by_us = opened_by_us
        # The unfinished message. `_searched` bytes of it are known not to end its head; `_length`
        # is its whole length once the head is complete, 0 before.
        self._buffer = bytearray()
        self._searched = 0
        self._length = 0
        self._failure: UnframableMessage | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no message has begun, so that no deadline runs for the rest of it.

        Half a keep-alive is no message: many phones keep a flow alive with a single CRLF.
        """
        return b"\r\n\r".startswith(self._buffer)

    def feed(self, data: bytes) -> list[Framed]:
        """Take the next piece of the stream; return the messages and keep-alives it completes.

        Raises UnframableMessage, at every call from then on.
        """
        failed = self._failure
        if failed is not None:
            raise UnframableMessage(failed.status, failed.reason, failed.wire)
        framed: list[Framed] = []
        source: bytes | bytearray = data
        if self._buffer:
            self._buffer += data
            source = self._buffer
        try:
            rest = self._cut(source, framed)
        except UnframableMessage as failure:
            failure.framed = framed
            self._failure = failure
            self._buffer.clear()
            raise
        if source is self._buffer:
            del self._buffer[:rest]
        elif rest < len(data):
            self._buffer += data[rest:] if rest else data
        return framed

    def _cut(self, source: bytes | bytearray, framed: list[Framed]) -> int:
        """Append to `framed` what is complete; return where the unfinished rest begins."""
        start = 0
        end = len(source)
        while start < end:
            if not self._length:
                skipped = 0
                if source[start] == 13:  # CR begins a keep-alive, and no message
                    skipped = self._skip_keep_alive(source, start, framed)
                if skipped < 0 or (skipped == 0 and not self._measure(source, start)):
                    return start
                if skipped:
                    start += skipped
                    continue
            after = start + self._length
            if after > end:
                return start
            framed.append(bytes(source[start:after]))
            start = after
            self._length = 0
            self._searched = 0
        return start

    def _skip_keep_alive(self, source: bytes | bytearray, start: int, framed: list[Framed]) -> int:
        """Return how many bytes of keep-alive stand here, -1 when only the next byte will tell."""
        beginning = bytes(source[start : start + 4])
        if beginning == b"\r\n\r\n" and not self._opened_by_us:
            framed.append(PING)
            return 4
        if beginning[:2] == b"\r\n" and (
            self._opened_by_us or (len(beginning) > 2 and beginning != b"\r\n\r")
        ):
            framed.append(PONG)
            return 2
        return -1 if b"\r\n\r".startswith(beginning) else 0

    def _measure(self, source: bytes | bytearray, start: int) -> bool:
        """Find the end of the head and with it the length of the message; False when not there."""
        blank = source.find(b"\r\n\r\n", start + self._searched)
        # Without a blank line: the last three bytes may be its beginning.
        head_bytes = (blank if blank >= 0 else len(source) - 3) - start
        if head_bytes > self._head_bytes_max:
            wire = bytes(source[start : start + self._head_bytes_max])
            raise UnframableMessage(513, "Header fields too long", wire)
        if blank < 0:
            self._searched = max(head_bytes, 0)
            return False
        head = bytes(source[start : blank + 4])
        self._length = len(head) + self._body_length(head)
        return True

    def _body_length(self, head: bytes) -> int:
        announced = b""
        for match in _CONTENT_LENGTH.finditer(head):
            value = _value_at(head, match.end())
            if not value.isdigit():
                raise UnframableMessage(400, "Content-Length is not a number of octets", head)
            value = value.lstrip(b"0") or b"0"
            if announced and value != announced:
                raise UnframableMessage(400, "Content-Length values differ", head)
            announced = value
        if not announced:
            raise UnframableMessage(400, "Content-Length is missing on a stream", head)
        # Nine digits at most: int() of a longer text would be the peer's to prolong.
        if len(announced) > 9 or int(announced) > self._body_bytes_max:
            raise UnframableMessage(413, "Body too long", head)
        return int(announced)


def _value_at(head: bytes, start: int) -> bytes:
    """Return the trimmed value of the header whose colon ends at `start`, folds included."""
    end = head.find(b"\r\n", start)
    while head[end + 2] in b" \t":
        end = head.find(b"\r\n", end + 2)
    return head[start:end].strip(_SWS)
