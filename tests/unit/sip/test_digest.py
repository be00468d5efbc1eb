"""Digest: the published examples, and every way in which a proof can be no proof."""

import pytest

from sipedge.sip import digest
from sipedge.sip.digest import (
    MD5,
    REPLAYED,
    SHA_256,
    SHA_512_256,
    STALE,
    UNSUPPORTED,
    VALID,
    WRONG,
    Challenge,
    Credentials,
    Proof,
)
from sipedge.sip.errors import MalformedMessage
from sipedge.sip.nonces import NonceSource

USER = b"0033972100001"
REALM = b"edge.test"
SECRET = b"s3cret-0001"
URI = b"sip:0033972100002@edge.test"


def never_own(_host: bytes) -> bool:
    """Say that no host is ours."""
    return False


def source(*, life_seconds: float = 300.0) -> NonceSource:
    """Make a nonce source whose chance is all zeros."""
    return NonceSource(b"key", life_seconds, bytes)


def answer(
    nonce: bytes,
    *,
    algorithm: bytes = MD5,
    secret: bytes = SECRET,
    method: bytes = b"INVITE",
    uri: bytes = URI,
    nc: int = 1,
    qop: bytes = b"auth",
) -> Credentials:
    """Answer a challenge with this nonce as a phone does, through the header's text."""
    fields = {b"realm": REALM, b"nonce": nonce, b"algorithm": algorithm, b"qop": qop}
    value = digest.build_credentials(
        Challenge(fields),
        username=USER,
        secret=secret,
        method=method,
        uri=uri,
        cnonce=b"c0ffee",
        nc=nc,
    )
    credentials = digest.parse_credentials(value)
    assert credentials is not None
    return credentials


def check(
    credentials: Credentials,
    nonces: NonceSource,
    *,
    now: float = 0.0,
    request_uri: bytes = URI,
    qop_required: bool = True,
) -> Proof:
    """Verify credentials for an INVITE of our user."""
    algorithm = credentials.algorithm if credentials.algorithm in (SHA_256, SHA_512_256) else MD5
    secret_hash = digest.ha1(algorithm, username=USER, realm=REALM, secret=SECRET)
    return digest.verify(
        credentials,
        secret_hash,
        method=b"INVITE",
        request_uri=request_uri,
        nonces=nonces,
        now=now,
        is_own_host=never_own,
        qop_required=qop_required,
    )


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        (MD5, b"8ca523f5e9506fed4657c9700eebdbec"),
        (SHA_256, b"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616_section_3_9_1_come_out(algorithm: bytes, expected: bytes) -> None:
    secret_hash = digest.ha1(
        algorithm, username=b"Mufasa", realm=b"http-auth@example.org", secret=b"Circle of Life"
    )
    found = digest.response(
        algorithm,
        secret_hash=secret_hash,
        method=b"GET",
        uri=b"/dir/index.html",
        nonce=b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        nc=b"00000001",
        cnonce=b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert found == expected


def test_the_sha_512_256_example_of_rfc_7616_comes_out_as_erratum_4897_says() -> None:
    secret_hash = digest.ha1(
        SHA_512_256,
        username="J\u00e4s\u00f8n Doe".encode(),
        realm=b"api@example.org",
        secret=b"Secret, or not?",
    )
    found = digest.response(
        SHA_512_256,
        secret_hash=secret_hash,
        method=b"GET",
        uri=b"/doe.json",
        nonce=b"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
        nc=b"00000001",
        cnonce=b"NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
    )
    assert found == b"3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"


def test_the_example_without_qop_of_rfc_2069_comes_out_as_its_erratum_says() -> None:
    secret_hash = digest.ha1(
        MD5, username=b"Mufasa", realm=b"testrealm@host.com", secret=b"CircleOfLife"
    )
    found = digest.response(
        MD5,
        secret_hash=secret_hash,
        method=b"GET",
        uri=b"/dir/index.html",
        nonce=b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
    )
    assert found == b"1949323746fe6a43ef61f9606e7febea"


def test_credentials_are_read_from_their_header() -> None:
    credentials = digest.parse_credentials(
        b'Digest username="a\\"b,c", realm="edge.test",\r\n nonce="n=", uri="sip:h;x=1,2",'
        b'response="ABC", algorithm=md5, cnonce="c", qop="Auth" , nc=0000000A, opaque="",'
        b'cnonce="c",'
    )
    assert credentials is not None
    assert credentials.username == b'a"b,c'
    assert credentials.realm == b"edge.test"
    assert credentials.nonce == b"n="
    assert credentials.uri == b"sip:h;x=1,2"
    assert credentials.response == b"ABC"
    assert credentials.algorithm == MD5
    assert (credentials.qop, credentials.nc, credentials.cnonce) == (b"auth", b"0000000A", b"c")
    assert not credentials.userhash


def test_credentials_without_qop_have_no_count() -> None:
    credentials = digest.parse_credentials(
        b'DIGEST username="u",realm="r",nonce="n",uri="sip:h",response="x",nc=1'
    )
    assert credentials is not None
    assert (credentials.algorithm, credentials.qop, credentials.nc) == (MD5, b"", b"")


@pytest.mark.parametrize(
    "value", [b"", b"NoOneKnowsThisScheme opaque-data=here", b"Basic dTpw", b'DigestX realm="r"']
)
def test_another_scheme_is_not_ours_to_read(value: bytes) -> None:
    assert digest.parse_credentials(value) is None
    assert digest.parse_challenge(value) is None


BASE = b'Digest username="u", realm="r", nonce="n", uri="sip:h", response="x"'


@pytest.mark.parametrize(
    "value",
    [
        b"Digest",
        b"Digest ,",
        b'Digest username="u"',
        BASE.replace(b'username="u", ', b""),
        BASE.replace(b'response="x"', b"x"),
        BASE + b", qop=auth",
        BASE + b', qop=auth, nc=1, cnonce="c"',
        BASE + b', qop=auth, nc=0000000g, cnonce="c"',
        BASE + b', qop=auth, nc=+0000001, cnonce="c"',
        BASE + b", qop=auth, nc=00000001",
        BASE + b', qop=auth, nc=00000001, cnonce=""',
        BASE + b', opaque="',
        BASE + b', opaque="a" b',
        BASE + b", opaque=a b",
        BASE + b", opaque=a\x01",
        BASE + b', username="v"',
        BASE + b", =1",
        BASE + b', opaque="a"b',
        BASE + b', opaque=a"b"',
        BASE + b', opaque="\\"',
        BASE + b', opaque="a"x="b"',
        BASE + b" x=y",
        BASE + b", x",
        BASE + b', a b="1"',
    ],
)
def test_bad_credentials_are_malformed(value: bytes) -> None:
    with pytest.raises(MalformedMessage):
        digest.parse_credentials(value)


@pytest.mark.parametrize("algorithm", [MD5, SHA_256, SHA_512_256])
def test_a_right_proof_is_valid(algorithm: bytes) -> None:
    nonces = source()
    assert check(answer(nonces.issue(0.0), algorithm=algorithm), nonces) is VALID


def test_the_hexadecimal_case_of_a_response_does_not_count() -> None:
    nonces = source()
    credentials = answer(nonces.issue(0.0))
    credentials.response = credentials.response.upper()
    assert check(credentials, nonces) is VALID


def test_a_proof_is_accepted_once() -> None:
    nonces = source()
    credentials = answer(nonces.issue(0.0))
    assert check(credentials, nonces) is VALID
    assert check(credentials, nonces, now=1.0) is REPLAYED
    assert check(answer(credentials.nonce, nc=2), nonces, now=1.0) is VALID


def test_a_wrong_proof_is_wrong_and_leaves_nothing_behind() -> None:
    nonces = source()
    nonce = nonces.issue(0.0)
    assert check(answer(nonce, secret=b"guess"), nonces) is WRONG
    assert check(answer(nonce, method=b"REGISTER"), nonces) is WRONG
    credentials = answer(nonce)
    credentials.nc = b"00000002"
    assert check(credentials, nonces) is WRONG
    credentials.response = b""
    assert check(credentials, nonces) is WRONG
    credentials.response = "\uff10".encode() * 32
    assert check(credentials, nonces) is WRONG
    assert len(nonces) == 0
    assert check(answer(nonce), nonces) is VALID


def test_a_right_proof_with_an_old_or_foreign_nonce_is_stale_and_a_wrong_one_is_wrong() -> None:
    nonces = source(life_seconds=10.0)
    nonce = nonces.issue(0.0)
    assert check(answer(nonce), nonces, now=10.1) is STALE
    assert check(answer(nonce, secret=b"guess"), nonces, now=10.1) is WRONG
    assert check(answer(b"made-by-another-edge"), nonces) is STALE
    assert check(answer(b"made-by-another-edge", secret=b"guess"), nonces) is WRONG


def test_a_proof_for_one_number_does_not_carry_a_call_to_another() -> None:
    nonces = source()
    credentials = answer(nonces.issue(0.0))
    assert check(credentials, nonces, request_uri=b"sip:0900@edge.test") is WRONG
    assert check(credentials, nonces, request_uri=URI + b":5060;transport=udp") is VALID


@pytest.mark.parametrize(
    ("digest_uri", "request_uri", "same"),
    [
        (b"sip:edge.test", b"sip:edge.test", True),
        (b"sip:edge.test", b"sip:EDGE.test:5060;transport=tcp", True),
        (b"sips:1@edge.test", b"sip:%31@edge.test", True),
        (b"sip:1@edge.test", b"sip:edge.test", False),
        (b"sip:1@edge.test", b"sip:1@evil.test", False),
        (b"tel:+33-1", b"tel:+331", True),
        (b"tel:+331", b"tel:+332", False),
        (b"tel:+331", b"sip:+331@edge.test", False),
        (b"urn:service:sos", b"urn:service:sos", True),
        (b"urn:service:sos", b"urn:service:sos.fire", False),
        (b"/", b"sip:edge.test", False),
        (b"sip:edge.test", b"sip:", False),
        (b"?", b"?", True),
    ],
)
def test_a_digest_uri_means_a_user_at_a_host(
    digest_uri: bytes, request_uri: bytes, *, same: bool
) -> None:
    assert digest.is_for_request(digest_uri, request_uri, never_own) is same


def test_a_digest_uri_that_names_only_the_server_passes_where_the_server_is_us() -> None:
    """SIPp proves `sip:host:port` for every request."""
    call = b"sip:0033123456789@edge.test"
    ours = digest.is_for_request(b"sip:127.0.0.1:5060", call, lambda host: host == b"127.0.0.1")
    assert ours
    assert not digest.is_for_request(b"sip:127.0.0.1:5060", call, never_own)
    assert not digest.is_for_request(b"sip:other@127.0.0.1", call, lambda _host: True)


@pytest.mark.parametrize("algorithm", [b"NONE", b"MD5-SESS", b"SHA-256-SESS", b""])
def test_an_algorithm_that_we_do_not_offer_is_unsupported(algorithm: bytes) -> None:
    nonces = source()
    credentials = answer(nonces.issue(0.0))
    credentials.algorithm = algorithm
    assert check(credentials, nonces) is UNSUPPORTED


def test_a_protection_that_we_do_not_offer_is_unsupported() -> None:
    nonces = source()
    credentials = answer(nonces.issue(0.0))
    credentials.qop = b"auth-int"
    assert check(credentials, nonces, qop_required=False) is UNSUPPORTED
    credentials = answer(nonces.issue(0.0))
    credentials.userhash = True
    assert check(credentials, nonces) is UNSUPPORTED


def test_a_proof_without_qop_needs_the_setting_and_passes_once() -> None:
    nonces = source()
    credentials = answer(nonces.issue(0.0), qop=b"")
    assert credentials.qop == b""
    assert check(credentials, nonces) is UNSUPPORTED
    assert check(credentials, nonces, qop_required=False) is VALID
    assert check(credentials, nonces, qop_required=False) is STALE


def test_challenges_come_in_the_order_of_preference() -> None:
    nonce = source().issue(0.0)
    first, second = digest.challenges(b'edge "x"', nonce, stale=False)
    assert first == (
        b'Digest realm="edge \\"x\\"", nonce="' + nonce + b'", algorithm=SHA-256, qop="auth"'
    )
    assert second.endswith(b', algorithm=MD5, qop="auth"')
    (only,) = digest.challenges(REALM, nonce, stale=True, algorithms=(SHA_512_256,))
    assert only.endswith(b', algorithm=SHA-512-256, qop="auth", stale=true')


def test_a_client_answers_the_challenges_of_the_edge() -> None:
    nonces = source()
    for value in digest.challenges(
        REALM, nonces.issue(0.0), stale=True, algorithms=(SHA_512_256, SHA_256, MD5)
    ):
        challenge = digest.parse_challenge(value)
        assert challenge is not None
        assert challenge.is_answerable
        assert challenge.stale
        assert challenge.realm == REALM


def test_a_challenge_of_another_server_is_read_and_answered() -> None:
    challenge = digest.parse_challenge(
        b'Digest realm="biloxi.com", qop="auth, auth-int", nonce="dcd98b", opaque="5ccc"'
    )
    assert challenge is not None
    assert challenge.is_answerable
    assert challenge.qops == [b"auth", b"auth-int"]
    assert not challenge.stale
    value = digest.build_credentials(
        challenge,
        username=b"bob",
        secret=b"zanzibar",
        method=b"INVITE",
        uri=b"sip:bob@biloxi.com",
        cnonce=b"0a4f113b",
        nc=11,
    )
    assert b"nc=0000000b" in value
    assert b'opaque="5ccc"' in value
    assert digest.parse_credentials(value) is not None


@pytest.mark.parametrize(
    "tail", [b", algorithm=MD5-sess", b", algorithm=NONE", b', qop="auth-int"', b', qop="x"']
)
def test_a_challenge_that_we_cannot_answer_says_so(tail: bytes) -> None:
    challenge = digest.parse_challenge(b'Digest realm="r", nonce="n"' + tail)
    assert challenge is not None
    assert not challenge.is_answerable


@pytest.mark.parametrize("value", [b'Digest realm="r"', b'Digest nonce="n"'])
def test_an_incomplete_challenge_is_malformed(value: bytes) -> None:
    with pytest.raises(MalformedMessage):
        digest.parse_challenge(value)
