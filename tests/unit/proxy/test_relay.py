import pytest

from sipedge.proxy.relay import contact_uri, relayed_response, routes_beyond, wants_privacy
from sipedge.testing.messages import as_request, as_response, header_lines, write_message
from tests.unit.proxy.lab import ALICE, Lab

OURS = b"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours"
THEIRS = b"SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKtheirs"


def response(*lines: bytes, vias: tuple[bytes, ...] = (OURS, THEIRS), body: bytes = b"") -> bytes:
    fixed = [b"From: <sip:a@x>;tag=a", b"To: <sip:b@x>;tag=b", b"Call-ID: c", b"CSeq: 1 INVITE"]
    return write_message(
        b"SIP/2.0 200 All Right", [*(b"Via: " + via for via in vias), *lines, *fixed], body
    )


def relayed(wire: bytes, *, strip: bool = False, start_line: bytes = b"") -> bytes:
    return relayed_response(as_response(wire), start_line, strip_identity=strip)


@pytest.mark.parametrize(
    "vias", [(OURS, THEIRS), (OURS + b", " + THEIRS,), (OURS + b" ," + THEIRS,)]
)
def test_a_response_loses_our_via_and_keeps_every_other_octet(vias: tuple[bytes, ...]) -> None:
    odd = [b"X-Odd :  a ;b", b"x-fold: 1\r\n\t2", b"Server: \xff\xfe"]
    out = relayed(response(*odd, vias=vias, body=b"\0body\r\n\r\n"))
    assert out == response(*odd, vias=(THEIRS,), body=b"\0body\r\n\r\n")


def test_a_via_that_is_not_the_first_header_is_found() -> None:
    wire = response(b"X: y").replace(b"X: y\r\n", b"", 1)
    moved = wire.replace(b"SIP/2.0 200 All Right\r\n", b"SIP/2.0 200 All Right\r\nX: y\r\n")
    out = relayed(moved)
    assert out.startswith(b"SIP/2.0 200 All Right\r\nX: y\r\nVia: " + THEIRS)


def test_the_status_line_can_be_another_one() -> None:
    assert relayed(response(), start_line=b"SIP/2.0 500 Sorry").startswith(b"SIP/2.0 500 Sorry\r\n")
    stripped = relayed(
        response(b"P-Asserted-Identity: <sip:x@y>"), strip=True, start_line=b"SIP/2.0 500 Sorry"
    )
    assert stripped.startswith(b"SIP/2.0 500 Sorry\r\n")


@pytest.mark.parametrize("vias", [(OURS, THEIRS), (OURS + b", " + THEIRS,)])
def test_identities_are_removed_on_demand(vias: tuple[bytes, ...]) -> None:
    wire = response(b"p-asserted-identity : <sip:x@y>", b"Remote-Party-ID: <sip:z@y>", vias=vias)
    kept = as_response(relayed(wire))
    assert header_lines(kept, b"P-Asserted-Identity") == [b"<sip:x@y>"]
    out = as_response(relayed(wire, strip=True))
    assert header_lines(out, b"Via") == [THEIRS]
    assert header_lines(out, b"P-Asserted-Identity") == []
    assert header_lines(out, b"Remote-Party-ID") == []


@pytest.mark.parametrize(
    ("value", "uri"),
    [
        (b"<sip:a@b;x=1>;expires=3", b"sip:a@b;x=1"),
        (b"sip:a@b;expires=3", b"sip:a@b"),
        (b'"A <fake>" <sip:a@b>', b"sip:a@b"),
        (b"A B <sip:a@b>, <sip:c@d>", b"sip:a@b"),
        (b"sip:a@b, sip:c@d", b"sip:a@b"),
        (b"<tel:+331>", b"tel:+331"),
        (b"*", b""),
        (b"", b""),
        (b"<>", b""),
        (b"<sip:a b@c>", b""),
        (b"<nocolon>", b""),
        (b"<sip:a@b", b""),
        (b"sip:a@b?x=y", b""),
    ],
)
def test_the_remote_target_is_the_first_contact_that_is_one(value: bytes, uri: bytes) -> None:
    assert contact_uri(as_response(response(b"Contact: " + value))) == uri


def test_without_a_contact_there_is_no_remote_target() -> None:
    assert contact_uri(as_response(response())) == b""


def test_the_routes_beyond_us_are_those_above_ours_in_reverse() -> None:
    lines = [
        b"Record-Route: <sip:far.test;lr>, <sip:near.test;lr>",
        b"Record-Route: <sip:tok~en@192.0.2.1;lr>",
        b"Record-Route: <sip:tok~en@192.0.2.1;transport=tcp;lr>",
        b"Record-Route: <sip:upstream.test;lr>",
    ]
    message = as_response(response(*lines))
    assert routes_beyond(message, b"tok~en") == [b"<sip:near.test;lr>", b"<sip:far.test;lr>"]
    assert routes_beyond(message, b"other") == []
    assert routes_beyond(message, b"") == []


@pytest.mark.parametrize(
    ("lines", "wants"),
    [
        (["Privacy: id"], True),
        (["privacy: ID"], True),
        (["Privacy: header;id"], True),
        (["Privacy: header ; id ; critical"], True),
        (["Privacy: header", "Privacy: id"], True),
        (["Privacy: none"], False),
        (["Privacy: identity"], False),
        (["Privacy:"], False),
        ([], False),
    ],
)
def test_who_asks_for_privacy(lines: list[str], wants: bool) -> None:
    lab = Lab()
    assert wants_privacy(as_request(lab.invite("1", caller=ALICE, extra=lines))) is wants


def test_a_forwarded_request_keeps_every_octet_that_is_not_ours_to_change() -> None:
    lab = Lab()
    extra = [b"X-Odd :  a ;b", b"x-fold: 1\r\n\t2", b"s: \xff\xfe", b"k: 100rel"]
    wire = lab.invite("0612345678", extra=extra, body=b"\0\r\n\r\nbody")
    out = lab.send(wire, lab.flow(ALICE))[1].wire
    for line in extra:
        assert line + b"\r\n" in out
    assert out.endswith(b"\r\n\r\n\0\r\n\r\nbody")
