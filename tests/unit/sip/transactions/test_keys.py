"""Keys of transactions: equal for what belongs together, different for all else."""

from itertools import combinations

import pytest

from sipedge.sip.transactions.keys import (
    client_key,
    has_magic_cookie,
    legacy_key,
    server_key,
)
from tests.unit.sip.transactions.exchange import build_request


@pytest.mark.parametrize(
    ("branch", "expected"),
    [
        (b"z9hG4bKa", True),
        (b"z9hG4bK", False),
        (b"", False),
        (b"z9hg4bKa", False),
        (b"1z9hG4bKa", False),
    ],
)
def test_magic_cookie_needs_something_behind_it(branch: bytes, expected: bool) -> None:
    assert has_magic_cookie(branch) is expected


def test_server_key_is_made_of_branch_sender_and_method() -> None:
    keys = [
        server_key(request, request.method)
        for request in (
            build_request(b"INVITE"),
            build_request(b"CANCEL"),
            build_request(b"INVITE", branch=b"z9hG4bKother"),
            build_request(b"INVITE", sent_by=b"192.0.2.8"),
        )
    ]

    assert all(one != other for one, other in combinations(keys, 2))
    assert keys[0] == server_key(build_request(b"INVITE", to_tag=b"x", cseq=9), b"INVITE")


def test_ack_and_cancel_find_the_key_of_the_invite() -> None:
    invite = server_key(build_request(b"INVITE"), b"INVITE")

    assert server_key(build_request(b"ACK", to_tag=b"bob-tag"), b"INVITE") == invite
    assert server_key(build_request(b"CANCEL"), b"INVITE") == invite


def test_request_without_cookie_has_a_key_of_all_its_fields() -> None:
    request = build_request(b"INVITE", branch=b"7", to_tag=b"bob-tag")

    key = server_key(request, b"INVITE")

    assert key == legacy_key(request, b"INVITE", b"bob-tag")
    assert key != legacy_key(request, b"INVITE", b"")
    assert key.startswith(b"\n"), "no key with a cookie begins like this"


def test_client_key_tells_an_invite_from_its_cancel() -> None:
    assert client_key(b"z9hG4bKa", b"INVITE") != client_key(b"z9hG4bKa", b"CANCEL")
