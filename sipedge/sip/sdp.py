"""Session descriptions as far as an edge reads them (RFC 8866, RFC 3264, RFC 3551 section 6).

Who sends what media where, in which codecs and packet times: enough to count kbit/s and to see a
hold. Bodies are relayed as received, so this reader skips what it does not know, takes bare LF for
a line end, and refuses only what gives no answer to those questions or is made to be slow.
"""

from enum import Enum
from typing import Final

from typing_extensions import override

from sipedge.sip.errors import MalformedMessage
from sipedge.sip.numbers import PORT_MAX

# A WebRTC offer with bundled audio and video has about 250 lines and 120 payload types.
LINES_MAX: Final = 1_000
MEDIA_MAX: Final = 32
FORMATS_MAX: Final = 128

_PAYLOAD_MAX: Final = 127
# Below 2^31 whatever the unit: bits, kilobits or milliseconds.
_FIGURE_DIGITS_MAX: Final = 9


class Direction(Enum):
    """Which way media flows, as the author of the description sees it (RFC 8866 section 6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


SENDRECV: Final = Direction.SENDRECV
SENDONLY: Final = Direction.SENDONLY
RECVONLY: Final = Direction.RECVONLY
INACTIVE: Final = Direction.INACTIVE

_DIRECTIONS: Final[dict[bytes, Direction]] = {
    direction.value.encode("ascii"): direction for direction in Direction
}
# How RFC 2543 held a call (RFC 3264 section 8.4); the second is its IPv6 twin.
_NOWHERE: Final = (b"0.0.0.0", b"::")


class Codec:
    """An encoding: `name` in upper case, `clock_rate` in Hz (G722 says 8000), `channels`."""

    __slots__ = ("channels", "clock_rate", "name")

    def __init__(self, name: bytes, clock_rate: int, channels: int = 1) -> None:
        self.name = name
        self.clock_rate = clock_rate
        self.channels = channels

    @override
    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Codec)
            and self.name == other.name
            and self.clock_rate == other.clock_rate
            and self.channels == other.channels
        )

    @override
    def __hash__(self) -> int:
        return hash((self.name, self.clock_rate, self.channels))

    @override
    def __repr__(self) -> str:
        return f"<Codec {self.name.decode('latin-1')}/{self.clock_rate}/{self.channels}>"


# RFC 3551 section 6, tables 4 and 5; 2 is G726-32 in old phones, and reserved since.
STATIC_CODECS: Final[dict[int, Codec]] = {
    0: Codec(b"PCMU", 8000),
    2: Codec(b"G726-32", 8000),
    3: Codec(b"GSM", 8000),
    4: Codec(b"G723", 8000),
    5: Codec(b"DVI4", 8000),
    6: Codec(b"DVI4", 16000),
    7: Codec(b"LPC", 8000),
    8: Codec(b"PCMA", 8000),
    9: Codec(b"G722", 8000),
    10: Codec(b"L16", 44100, 2),
    11: Codec(b"L16", 44100),
    12: Codec(b"QCELP", 8000),
    13: Codec(b"CN", 8000),
    14: Codec(b"MPA", 90000),
    15: Codec(b"G728", 8000),
    16: Codec(b"DVI4", 11025),
    17: Codec(b"DVI4", 22050),
    18: Codec(b"G729", 8000),
    25: Codec(b"CELB", 90000),
    26: Codec(b"JPEG", 90000),
    28: Codec(b"NV", 90000),
    31: Codec(b"H261", 90000),
    32: Codec(b"MPV", 90000),
    33: Codec(b"MP2T", 90000),
    34: Codec(b"H263", 90000),
}


class MediaSection:
    """One m= section, with what it takes over from the session already in place.

    `kind` is in lower case; `port` 0 means refused or disabled. `formats` are as listed; `payloads`
    are those that are RTP payload types, in order of preference. `connection` is an address, b""
    when none is given. Times are in ms and 0 when absent; `bandwidth_as` is in kbit/s and
    `bandwidth_tias` in bit/s, both None when absent.
    """

    __slots__ = (
        "bandwidth_as",
        "bandwidth_tias",
        "connection",
        "direction",
        "fmtp",
        "formats",
        "has_crypto",
        "has_fingerprint",
        "kind",
        "maxptime",
        "payloads",
        "port",
        "port_count",
        "proto",
        "ptime",
        "rtpmap",
    )

    def __init__(self, kind: bytes, port: int, proto: bytes, formats: list[bytes]) -> None:
        self.kind = kind
        self.port = port
        self.port_count = 1
        self.proto = proto
        self.formats = formats
        self.payloads: list[int] = []
        self.rtpmap: dict[int, Codec] = {}
        self.fmtp: dict[int, bytes] = {}
        self.ptime = 0
        self.maxptime = 0
        self.connection = b""
        self.direction = SENDRECV
        self.bandwidth_as: int | None = None
        self.bandwidth_tias: int | None = None
        self.has_crypto = False
        self.has_fingerprint = False

    @property
    def is_held(self) -> bool:
        """Whether the author does not want to hear us (RFC 3264 section 8.4)."""
        return (
            self.direction is SENDONLY or self.direction is INACTIVE or self.connection in _NOWHERE
        )

    def codec(self, payload: int) -> Codec | None:
        """Return the codec of a payload type: the one it is mapped to, else the static one."""
        return self.rtpmap.get(payload) or STATIC_CODECS.get(payload)


class SessionDescription:
    """A description: `origin` is the value of o=, which changes when the description does.

    `connection`, bandwidths and `direction` are those of the session level; see MediaSection.
    """

    __slots__ = (
        "bandwidth_as",
        "bandwidth_tias",
        "connection",
        "direction",
        "has_fingerprint",
        "media",
        "origin",
    )

    def __init__(self) -> None:
        self.origin = b""
        self.connection = b""
        self.direction = SENDRECV
        self.bandwidth_as: int | None = None
        self.bandwidth_tias: int | None = None
        self.has_fingerprint = False
        self.media: list[MediaSection] = []

    def addresses(self) -> list[bytes]:
        """Return each connection address once, the session's first."""
        found = [self.connection, *(section.connection for section in self.media)]
        return [address for address in dict.fromkeys(found) if address]


def parse_sdp(body: bytes) -> SessionDescription:
    """Parse a body of type application/sdp.

    Raises MalformedMessage when it does not begin with v=, has an m= line without port or protocol,
    or exceeds LINES_MAX, MEDIA_MAX or FORMATS_MAX.
    """
    if body.count(b"\n") > LINES_MAX:
        raise MalformedMessage(400, "Session description too long")
    if not body.startswith(b"v="):
        raise MalformedMessage(400, "Not a session description")
    session = SessionDescription()
    section: MediaSection | None = None
    for line in body.split(b"\n"):
        kind = line[:2]
        value = line[2:].strip(b" \t\r")
        if kind == b"a=":
            _read_attribute(session, section, value)
        elif kind == b"m=":
            section = _parse_media(value)
            section.connection = session.connection
            section.direction = session.direction
            section.has_fingerprint = session.has_fingerprint
            session.media.append(section)
            if len(session.media) > MEDIA_MAX:
                raise MalformedMessage(400, "Too many media sections")
        elif kind == b"c=":
            (section or session).connection = _parse_connection(value)
        elif kind == b"b=":
            _read_bandwidth(section or session, value)
        elif kind == b"o=" and section is None:
            session.origin = value
    return session


def _parse_media(value: bytes) -> MediaSection:
    """Read `audio 49170/2 RTP/AVP 0 8`; a section that is refused may list no format."""
    fields = _words(value)
    if len(fields) < 3:
        raise MalformedMessage(400, "Bad media section")
    kind, ports, proto = fields[:3]
    port, slash, count = ports.partition(b"/")
    if not port.isdigit() or len(port) > 5 or int(port) > PORT_MAX:
        raise MalformedMessage(400, "Bad media port")
    if slash and (not count.isdigit() or len(count) > 5 or int(count) == 0):
        raise MalformedMessage(400, "Bad media port")
    formats = fields[3:]
    if len(formats) > FORMATS_MAX:
        raise MalformedMessage(400, "Too many media formats")
    section = MediaSection(kind.lower(), int(port), proto, formats)
    if slash:
        section.port_count = int(count)
    if b"RTP/" in proto.upper():
        for text in formats:
            payload = _parse_payload(text)
            if payload >= 0:
                section.payloads.append(payload)
    return section


def _parse_connection(value: bytes) -> bytes:
    """Return the address of `IN IP4 224.2.36.42/127`, without its TTL; b"" when there is none."""
    fields = _words(value)
    return fields[2].partition(b"/")[0].lower() if len(fields) == 3 else b""


def _read_bandwidth(level: SessionDescription | MediaSection, value: bytes) -> None:
    kind, _, text = value.partition(b":")
    figure = _parse_figure(text)
    if figure >= 0:
        if kind == b"AS":
            level.bandwidth_as = figure
        elif kind == b"TIAS":
            level.bandwidth_tias = figure


def _read_attribute(
    session: SessionDescription, section: MediaSection | None, value: bytes
) -> None:
    name, _, text = value.partition(b":")
    direction = _DIRECTIONS.get(name)
    if direction is not None:
        (section or session).direction = direction
    elif name == b"fingerprint":
        (section or session).has_fingerprint = True
    elif section is None:
        return
    elif name == b"rtpmap":
        _read_rtpmap(section, text)
    elif name == b"fmtp":
        head, _, parameters = text.strip(b" \t").partition(b" ")
        payload = _parse_payload(head)
        if payload >= 0:
            section.fmtp.setdefault(payload, parameters.strip(b" \t"))
    elif name == b"ptime":
        section.ptime = max(_parse_figure(text), 0)
    elif name == b"maxptime":
        section.maxptime = max(_parse_figure(text), 0)
    elif name == b"crypto":
        section.has_crypto = True


def _read_rtpmap(section: MediaSection, text: bytes) -> None:
    """Read `97 iLBC/8000` or `98 opus/48000/2`; the first mapping of a payload type holds."""
    head, _, encoding = text.strip(b" \t").partition(b" ")
    payload = _parse_payload(head)
    parts = encoding.strip(b" \t").split(b"/", 3)
    if payload < 0 or len(parts) < 2 or not parts[0]:
        return
    clock_rate = _parse_figure(parts[1])
    if clock_rate <= 0:
        return
    channels = _parse_figure(parts[2]) if len(parts) > 2 else 1
    codec = Codec(parts[0].upper(), clock_rate, max(channels, 1))
    section.rtpmap.setdefault(payload, codec)


def _parse_payload(text: bytes) -> int:
    """Return a payload type, -1 for what is none."""
    if not text.isdigit() or len(text) > 3:
        return -1
    payload = int(text)
    return payload if payload <= _PAYLOAD_MAX else -1


def _parse_figure(text: bytes) -> int:
    """Return the whole part of a figure (`20`, `20.5`), -1 for what is none or is absurd."""
    whole = text.strip(b" \t").partition(b".")[0]
    return int(whole) if whole.isdigit() and len(whole) <= _FIGURE_DIGITS_MAX else -1


def _words(value: bytes) -> list[bytes]:
    return [word for word in value.replace(b"\t", b" ").split(b" ") if word]
