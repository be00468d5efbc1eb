"""What changes in a message before it leaves: whole header lines; all others keep their bytes."""

from sipedge.sip.message import Message
from sipedge.sip.names import CONTENT_LENGTH


class Edits:
    """The header lines of a message on its way out (the lump list of Kamailio, by line).

    The message itself is not changed. Lines put on top stand before every received line, the last
    one prepended first, as RFC 3261 section 16.6 wants it for Via and Record-Route.
    """

    __slots__ = ("_ids", "_lines", "_message", "start_line")

    def __init__(self, message: Message) -> None:
        self._message = message
        self.start_line = message.start_line
        self._lines = message.lines.copy()
        self._ids = message.ids.copy()

    def prepend(self, header: int, line: bytes) -> None:
        """Put a header line above all others."""
        self._lines.insert(0, line)
        self._ids.insert(0, header)

    def append(self, header: int, line: bytes) -> None:
        """Put a header line below all others."""
        self._lines.append(line)
        self._ids.append(header)

    def replace(self, header: int, line: bytes) -> None:
        """Replace the first line with this id, or append it where there is none."""
        if header in self._ids:
            self._lines[self._ids.index(header)] = line
        else:
            self.append(header, line)

    def remove(self, header: int) -> None:
        """Remove every line with this id."""
        ids = self._ids
        while header in ids:
            at = ids.index(header)
            del ids[at]
            del self._lines[at]

    def remove_holding(self, header: int, octets: bytes) -> None:
        """Remove every line with this id that holds these octets."""
        for at in range(len(self._ids) - 1, -1, -1):
            if self._ids[at] == header and octets in self._lines[at]:
                del self._ids[at]
                del self._lines[at]

    def remove_line(self, line: bytes) -> None:
        """Remove the first line that has exactly these bytes."""
        at = self._lines.index(line)
        del self._ids[at]
        del self._lines[at]

    def splice(self) -> bytes:
        """Return the whole message as bytes, the body untouched."""
        body = self._message.body
        lines = [self.start_line, *self._lines, b"", body]
        if CONTENT_LENGTH not in self._ids:
            lines.insert(-2, _content_length(body))
        return b"\r\n".join(lines)


def without_top_via(
    message: Message, value_after: bytes, at: int, start_line: bytes = b""
) -> bytes:
    """Return a response without its first Via value (RFC 3261 section 16.7 step 3).

    `at` is the index of the Via line; `value_after` is what else stood on that line, joined by a
    comma as SIPp does, and is empty as a rule. `start_line` replaces the received one unless empty.
    """
    body = message.body
    lines = [start_line or message.start_line, *message.lines, b"", body]
    if CONTENT_LENGTH not in message.ids:
        lines.insert(-2, _content_length(body))
    if value_after:
        lines[at + 1] = b"Via: " + value_after
    else:
        del lines[at + 1]
    return b"\r\n".join(lines)


def _content_length(body: bytes) -> bytes:
    """Return the line that a datagram may lack and a stream may not (RFC 3261 section 18.3)."""
    return b"Content-Length: %d" % len(body)
