"""Session descriptions: what phones, WebRTC and attackers send."""

import pytest

from sipedge.sip import sdp
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.sdp import (
    INACTIVE,
    RECVONLY,
    SENDONLY,
    SENDRECV,
    Codec,
    Direction,
    MediaSection,
    parse_sdp,
)

OFFER = (
    b"v=0\r\n"
    b"o=phone 2890844526 2890842807 IN IP4 192.0.2.10\r\n"
    b"s=-\r\n"
    b"c=IN IP4 192.0.2.10\r\n"
    b"b=AS:84\r\n"
    b"t=0 0\r\n"
    b"m=audio 49170 RTP/AVP 8 0 18 101\r\n"
    b"a=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:18 G729/8000\r\n"
    b"a=fmtp:18 annexb=no\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-16\r\n"
    b"a=ptime:20\r\n"
    b"a=maxptime:150\r\n"
    b"a=sendrecv\r\n"
)


def section_with(*lines: bytes, media: bytes = b"audio 4000 RTP/AVP 0") -> MediaSection:
    """Parse a description with one section and these lines in it."""
    (section,) = parse_sdp(b"v=0\nm=" + media + b"\n" + b"\n".join(lines)).media
    return section


def test_a_usual_offer_is_read() -> None:
    session = parse_sdp(OFFER)
    assert session.origin == b"phone 2890844526 2890842807 IN IP4 192.0.2.10"
    assert session.connection == b"192.0.2.10"
    assert (session.bandwidth_as, session.bandwidth_tias) == (84, None)
    (audio,) = session.media
    assert (audio.kind, audio.port, audio.port_count, audio.proto) == (
        b"audio",
        49170,
        1,
        b"RTP/AVP",
    )
    assert audio.formats == [b"8", b"0", b"18", b"101"]
    assert audio.payloads == [8, 0, 18, 101]
    assert audio.codec(8) == Codec(b"PCMA", 8000)
    assert audio.codec(0) == Codec(b"PCMU", 8000)
    assert audio.codec(101) == Codec(b"TELEPHONE-EVENT", 8000)
    assert audio.codec(96) is None
    assert audio.fmtp == {18: b"annexb=no", 101: b"0-16"}
    assert (audio.ptime, audio.maxptime) == (20, 150)
    assert audio.connection == b"192.0.2.10"
    assert audio.direction is SENDRECV
    assert (audio.bandwidth_as, audio.bandwidth_tias) == (None, None)
    assert not audio.has_crypto
    assert not audio.has_fingerprint
    assert not audio.is_held


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b" \r\n"])
def test_line_ends_of_any_kind_are_read_alike(end: bytes) -> None:
    session = parse_sdp(OFFER.replace(b"\r\n", end))
    assert session.connection == b"192.0.2.10"
    assert session.media[0].payloads == [8, 0, 18, 101]
    assert session.media[0].ptime == 20


def test_a_last_line_without_an_end_counts() -> None:
    assert parse_sdp(OFFER.removesuffix(b"\r\n")).media[0].direction is SENDRECV
    assert parse_sdp(b"v=0").media == []


def test_a_section_overrides_its_session() -> None:
    session = parse_sdp(
        b"v=0\no=- 1 1 IN IP4 h\ns=\nc=IN IP4 192.0.2.1\na=recvonly\na=fingerprint:sha-256 AA\n"
        b"m=audio 22334 RTP/AVP 0\no=ignored\n"
        b"m=video 6024 RTP/AVP 107\nc=IN IP6 2001:DB8::1\nb=AS:512\nb=TIAS:500000\na=sendonly\n"
        b"a=rtpmap:107 H263-1998/90000\n"
    )
    audio, video = session.media
    assert session.origin == b"- 1 1 IN IP4 h"
    assert session.direction is RECVONLY
    assert (audio.connection, audio.direction) == (b"192.0.2.1", RECVONLY)
    assert (video.connection, video.direction) == (b"2001:db8::1", SENDONLY)
    assert audio.has_fingerprint
    assert video.has_fingerprint
    assert (video.bandwidth_as, video.bandwidth_tias) == (512, 500000)
    assert session.addresses() == [b"192.0.2.1", b"2001:db8::1"]
    assert video.codec(107) == Codec(b"H263-1998", 90000)


def test_a_webrtc_section_is_recognised() -> None:
    section = section_with(
        b"a=fingerprint:sha-256 AA:BB",
        b"a=rtpmap:111 opus/48000/2",
        b"a=fmtp:111 minptime=10;useinbandfec=1",
        b"a=candidate:1 1 udp 1 192.0.2.1 1 typ host",
        b"a=extmap-allow-mixed",
        media=b"audio 9 UDP/TLS/RTP/SAVPF 111 63",
    )
    assert section.has_fingerprint
    assert section.payloads == [111, 63]
    assert section.codec(111) == Codec(b"OPUS", 48000, 2)
    assert section.fmtp == {111: b"minptime=10;useinbandfec=1"}


def test_keys_in_the_clear_are_seen() -> None:
    assert section_with(b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA").has_crypto


def test_a_section_that_is_no_rtp_has_no_payload_types() -> None:
    section = section_with(media=b"IMAGE 4000 udptl t38")
    assert (section.kind, section.formats, section.payloads) == (b"image", [b"t38"], [])
    section = section_with(media=b"application 9 UDP/DTLS/SCTP 5000")
    assert section.payloads == []


def test_a_refused_section_may_be_bare() -> None:
    section = section_with(media=b"video 0 RTP/AVP")
    assert (section.port, section.formats) == (0, [])


def test_ports_may_be_counted_and_fields_spaced() -> None:
    section = section_with(media=b"audio  49170/2 \tRTP/AVP   0  8 ")
    assert (section.port, section.port_count, section.payloads) == (49170, 2, [0, 8])


@pytest.mark.parametrize(
    ("line", "held"),
    [
        (b"a=sendonly", True),
        (b"a=inactive", True),
        (b"a=recvonly", False),
        (b"a=sendrecv", False),
        (b"c=IN IP4 0.0.0.0", True),
        (b"c=IN IP6 ::", True),
        (b"c=IN IP4 192.0.2.1", False),
    ],
)
def test_a_hold_is_seen(line: bytes, *, held: bool) -> None:
    assert section_with(line).is_held is held


def test_every_direction_is_read() -> None:
    for direction in Direction:
        assert section_with(b"a=" + direction.value.encode()).direction is direction
    assert section_with(b"a=INACTIVE").direction is not INACTIVE


@pytest.mark.parametrize(
    ("connection", "address"),
    [
        (b"IN IP4 224.2.36.42/127", b"224.2.36.42"),
        (b"IN IP6 FF15::101/3", b"ff15::101"),
        (b"IN IP6 ::ffff:192.0.2.2", b"::ffff:192.0.2.2"),
        (b"IN IP4 host.example.com", b"host.example.com"),
        (b"IN IP4", b""),
        (b"", b""),
        (b"IN IP4 a b", b""),
    ],
)
def test_a_connection_address_loses_its_lifetime(connection: bytes, address: bytes) -> None:
    assert section_with(b"c=" + connection).connection == address


@pytest.mark.parametrize(
    "line",
    [
        b"a=rtpmap:0",
        b"a=rtpmap:0 ",
        b"a=rtpmap:0 PCMA",
        b"a=rtpmap:0 PCMA/",
        b"a=rtpmap:0 /8000",
        b"a=rtpmap:0 PCMA/0",
        b"a=rtpmap:0 PCMA/x",
        b"a=rtpmap:0 PCMA/-1",
        b"a=rtpmap:x PCMA/8000",
        b"a=rtpmap:128 PCMA/8000",
        b"a=rtpmap:0000 PCMA/8000",
        b"a=rtpmap",
        b"a=fmtp:",
        b"a=fmtp:x 1",
        b"a=ptime:",
        b"a=ptime:x",
        b"a=ptime:-20",
        b"a=ptime:0",
        b"a=ptime:" + b"9" * 5000,
        b"a=maxptime:1_0",
        b"b=AS:",
        b"b=AS:x",
        b"b=AS:" + b"9" * 5000,
        b"b=CT:100",
        b"b=",
        b"a=",
        b"a",
        b"",
        b"=",
        b"zz",
        b"k=prompt",
        b"\xff\x00",
    ],
)
def test_a_line_that_says_nothing_usable_changes_nothing(line: bytes) -> None:
    section = section_with(line)
    assert section.codec(0) == Codec(b"PCMU", 8000)
    assert (section.rtpmap, section.fmtp) == ({}, {})
    assert (section.ptime, section.maxptime) == (0, 0)
    assert (section.bandwidth_as, section.bandwidth_tias) == (None, None)


def test_figures_with_decimals_are_cut_off() -> None:
    assert section_with(b"a=ptime:20.5").ptime == 20
    assert section_with(b"a=ptime: 30 ").ptime == 30


def test_the_first_of_two_mappings_holds() -> None:
    section = section_with(
        b"a=rtpmap:0 PCMU/8000", b"a=rtpmap:0 L16/44100/0", b"a=rtpmap:96 x/1/0/y"
    )
    assert section.codec(0) == Codec(b"PCMU", 8000)
    assert section.codec(96) == Codec(b"X", 1)


def test_attributes_of_a_section_before_any_section_are_skipped() -> None:
    session = parse_sdp(b"v=0\na=ptime:20\na=rtpmap:0 x/1\na=crypto:1\nm=audio 1 RTP/AVP 0\n")
    assert session.media[0].ptime == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b" v=0\r\n",
        b"m=audio 1 RTP/AVP 0\r\n",
        b"\x89PNG\r\n",
        b"v=0\nm=\n",
        b"v=0\nm=audio\n",
        b"v=0\nm=audio 1\n",
        b"v=0\nm=audio x RTP/AVP 0\n",
        b"v=0\nm=audio -1 RTP/AVP 0\n",
        b"v=0\nm=audio 65536 RTP/AVP 0\n",
        b"v=0\nm=audio 123456 RTP/AVP 0\n",
        b"v=0\nm=audio 1/ RTP/AVP 0\n",
        b"v=0\nm=audio 1/0 RTP/AVP 0\n",
        b"v=0\nm=audio 1/x RTP/AVP 0\n",
        b"v=0\nm=audio 1/123456 RTP/AVP 0\n",
        b"v=0\n" + b"m=audio 1 RTP/AVP 0\n" * (sdp.MEDIA_MAX + 1),
        b"v=0\nm=audio 1 RTP/AVP" + b" 0" * (sdp.FORMATS_MAX + 1),
        b"v=0\n" + b"a=x\n" * sdp.LINES_MAX,
    ],
)
def test_an_unusable_description_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse_sdp(body)
    assert caught.value.status == 400


def test_formats_that_are_no_payload_types_are_only_listed() -> None:
    section = section_with(media=b"audio 1 RTP/AVP 0 * 128 999 1000 x 8")
    assert section.payloads == [0, 8]
    assert len(section.formats) == 7


def test_static_payload_types_are_those_of_rfc_3551() -> None:
    names = {payload: codec.name for payload, codec in sdp.STATIC_CODECS.items()}
    assert (names[0], names[3], names[8], names[9], names[18]) == (
        b"PCMU",
        b"GSM",
        b"PCMA",
        b"G722",
        b"G729",
    )
    assert sdp.STATIC_CODECS[9].clock_rate == 8000
    assert sdp.STATIC_CODECS[10].channels == 2


def test_codecs_compare_by_value() -> None:
    assert len({Codec(b"PCMU", 8000), Codec(b"PCMU", 8000), Codec(b"PCMU", 16000)}) == 2
    assert Codec(b"PCMU", 8000) != b"PCMU"
    assert repr(Codec(b"OPUS", 48000, 2)) == "<Codec OPUS/48000/2>"
