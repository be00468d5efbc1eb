"""Which transaction a message belongs to (RFC 3261 sections 9.2, 17.1.3 and 17.2.3).

A key is one bytes object: half the memory of a tuple, and as fast to make and find. The parts need
no separator, because the branch begins with the magic cookie.
"""

from typing import Final

from sipedge.sip.message import Request

MAGIC_COOKIE: Final = b"z9hG4bK"


def has_magic_cookie(branch: bytes) -> bool:
    """Tell whether the branch names a transaction by itself (RFC 3261 section 8.1.1.7).

    The cookie alone names nothing (RFC 4475 section 3.2.1).
    """
    return branch[:7] == MAGIC_COOKIE and len(branch) > 7


def server_key(request: Request, method: bytes) -> bytes:
    """Return the key of the server transaction of this request.

    `method` is that of the request, or INVITE to find what an ACK or a CANCEL is about.
    """
    branch = request.via_branch
    if branch[:7] == MAGIC_COOKIE and len(branch) > 7:
        return method + request.via_sent_by + branch
    return legacy_key(request, method, request.to_tag)


def legacy_key(request: Request, method: bytes, to_tag: bytes) -> bytes:
    """Return the key for a client of RFC 2543, which has no unique branch (section 17.2.3).

    LF separates the parts: no part can contain it, and no key with a cookie begins like this.
    """
    return b"\n".join(
        (
            b"",
            method,
            request.uri,
            request.call_id,
            request.from_tag,
            to_tag,
            b"%d" % request.cseq_number,
            request.via_sent_by,
            request.via_branch,
        )
    )


def client_key(branch: bytes, method: bytes) -> bytes:
    """Return the key of a client transaction: our own branch, and the method of the CSeq."""
    return method + branch
