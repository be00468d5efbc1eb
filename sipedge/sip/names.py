r"""Names on the wire: header names as small numbers, and the methods (RFC 3261 section 20, IANA).

`TABLE` answers the usual spellings with one look-up; `header_id` settles every other spelling. A
name that is not a token is INVALID, so that the message can be refused: proxies that read `X :` or
`X\x01:` otherwise than the next hop did have let forged headers through.
"""

from typing import Final

from sipedge.sip.grammar import is_token

INVALID: Final = -1
OTHER: Final = 0
VIA: Final = 1
FROM: Final = 2
TO: Final = 3
CALL_ID: Final = 4
CSEQ: Final = 5
MAX_FORWARDS: Final = 6
CONTENT_LENGTH: Final = 7
CONTACT: Final = 8
ROUTE: Final = 9
RECORD_ROUTE: Final = 10
EXPIRES: Final = 11
MIN_EXPIRES: Final = 12
AUTHORIZATION: Final = 13
PROXY_AUTHORIZATION: Final = 14
WWW_AUTHENTICATE: Final = 15
PROXY_AUTHENTICATE: Final = 16
AUTHENTICATION_INFO: Final = 17
PROXY_REQUIRE: Final = 18
REQUIRE: Final = 19
SUPPORTED: Final = 20
UNSUPPORTED: Final = 21
P_ASSERTED_IDENTITY: Final = 22
P_PREFERRED_IDENTITY: Final = 23
REMOTE_PARTY_ID: Final = 24
PRIVACY: Final = 25
PATH: Final = 26
SERVICE_ROUTE: Final = 27
USER_AGENT: Final = 28
SERVER: Final = 29
CONTENT_TYPE: Final = 30
CONTENT_ENCODING: Final = 31
CONTENT_DISPOSITION: Final = 32
CONTENT_LANGUAGE: Final = 33
REFER_TO: Final = 34
REFERRED_BY: Final = 35
REPLACES: Final = 36
JOIN: Final = 37
TARGET_DIALOG: Final = 38
SESSION_EXPIRES: Final = 39
MIN_SE: Final = 40
REASON: Final = 41
RETRY_AFTER: Final = 42
WARNING: Final = 43
ALERT_INFO: Final = 44
CALL_INFO: Final = 45
ERROR_INFO: Final = 46
DIVERSION: Final = 47
HISTORY_INFO: Final = 48
IDENTITY: Final = 49
IDENTITY_INFO: Final = 50
EVENT: Final = 51
ALLOW_EVENTS: Final = 52
SUBSCRIPTION_STATE: Final = 53
ALLOW: Final = 54
DATE: Final = 55
TIMESTAMP: Final = 56
SUBJECT: Final = 57
ACCEPT: Final = 58
ACCEPT_ENCODING: Final = 59
ACCEPT_LANGUAGE: Final = 60
ACCEPT_CONTACT: Final = 61
REJECT_CONTACT: Final = 62
REQUEST_DISPOSITION: Final = 63
RACK: Final = 64
RSEQ: Final = 65
IN_REPLY_TO: Final = 66
REPLY_TO: Final = 67
MIME_VERSION: Final = 68
ORGANIZATION: Final = 69
PRIORITY: Final = 70
RESOURCE_PRIORITY: Final = 71
ACCEPT_RESOURCE_PRIORITY: Final = 72
GEOLOCATION: Final = 73
MAX_BREADTH: Final = 74
SIP_ETAG: Final = 75
SIP_IF_MATCH: Final = 76
SECURITY_CLIENT: Final = 77
SECURITY_SERVER: Final = 78
SECURITY_VERIFY: Final = 79
FLOW_TIMER: Final = 80
P_CALLED_PARTY_ID: Final = 81
P_ASSOCIATED_URI: Final = 82
P_ACCESS_NETWORK_INFO: Final = 83
P_VISITED_NETWORK_ID: Final = 84
P_CHARGING_VECTOR: Final = 85
P_CHARGING_FUNCTION_ADDRESSES: Final = 86
REFER_SUB: Final = 87
USER_TO_USER: Final = 88

_CANONICAL: Final[dict[int, bytes]] = {
    VIA: b"Via",
    FROM: b"From",
    TO: b"To",
    CALL_ID: b"Call-ID",
    CSEQ: b"CSeq",
    MAX_FORWARDS: b"Max-Forwards",
    CONTENT_LENGTH: b"Content-Length",
    CONTACT: b"Contact",
    ROUTE: b"Route",
    RECORD_ROUTE: b"Record-Route",
    EXPIRES: b"Expires",
    MIN_EXPIRES: b"Min-Expires",
    AUTHORIZATION: b"Authorization",
    PROXY_AUTHORIZATION: b"Proxy-Authorization",
    WWW_AUTHENTICATE: b"WWW-Authenticate",
    PROXY_AUTHENTICATE: b"Proxy-Authenticate",
    AUTHENTICATION_INFO: b"Authentication-Info",
    PROXY_REQUIRE: b"Proxy-Require",
    REQUIRE: b"Require",
    SUPPORTED: b"Supported",
    UNSUPPORTED: b"Unsupported",
    P_ASSERTED_IDENTITY: b"P-Asserted-Identity",
    P_PREFERRED_IDENTITY: b"P-Preferred-Identity",
    REMOTE_PARTY_ID: b"Remote-Party-ID",
    PRIVACY: b"Privacy",
    PATH: b"Path",
    SERVICE_ROUTE: b"Service-Route",
    USER_AGENT: b"User-Agent",
    SERVER: b"Server",
    CONTENT_TYPE: b"Content-Type",
    CONTENT_ENCODING: b"Content-Encoding",
    CONTENT_DISPOSITION: b"Content-Disposition",
    CONTENT_LANGUAGE: b"Content-Language",
    REFER_TO: b"Refer-To",
    REFERRED_BY: b"Referred-By",
    REPLACES: b"Replaces",
    JOIN: b"Join",
    TARGET_DIALOG: b"Target-Dialog",
    SESSION_EXPIRES: b"Session-Expires",
    MIN_SE: b"Min-SE",
    REASON: b"Reason",
    RETRY_AFTER: b"Retry-After",
    WARNING: b"Warning",
    ALERT_INFO: b"Alert-Info",
    CALL_INFO: b"Call-Info",
    ERROR_INFO: b"Error-Info",
    DIVERSION: b"Diversion",
    HISTORY_INFO: b"History-Info",
    IDENTITY: b"Identity",
    IDENTITY_INFO: b"Identity-Info",
    EVENT: b"Event",
    ALLOW_EVENTS: b"Allow-Events",
    SUBSCRIPTION_STATE: b"Subscription-State",
    ALLOW: b"Allow",
    DATE: b"Date",
    TIMESTAMP: b"Timestamp",
    SUBJECT: b"Subject",
    ACCEPT: b"Accept",
    ACCEPT_ENCODING: b"Accept-Encoding",
    ACCEPT_LANGUAGE: b"Accept-Language",
    ACCEPT_CONTACT: b"Accept-Contact",
    REJECT_CONTACT: b"Reject-Contact",
    REQUEST_DISPOSITION: b"Request-Disposition",
    RACK: b"RAck",
    RSEQ: b"RSeq",
    IN_REPLY_TO: b"In-Reply-To",
    REPLY_TO: b"Reply-To",
    MIME_VERSION: b"MIME-Version",
    ORGANIZATION: b"Organization",
    PRIORITY: b"Priority",
    RESOURCE_PRIORITY: b"Resource-Priority",
    ACCEPT_RESOURCE_PRIORITY: b"Accept-Resource-Priority",
    GEOLOCATION: b"Geolocation",
    MAX_BREADTH: b"Max-Breadth",
    SIP_ETAG: b"SIP-ETag",
    SIP_IF_MATCH: b"SIP-If-Match",
    SECURITY_CLIENT: b"Security-Client",
    SECURITY_SERVER: b"Security-Server",
    SECURITY_VERIFY: b"Security-Verify",
    FLOW_TIMER: b"Flow-Timer",
    P_CALLED_PARTY_ID: b"P-Called-Party-ID",
    P_ASSOCIATED_URI: b"P-Associated-URI",
    P_ACCESS_NETWORK_INFO: b"P-Access-Network-Info",
    P_VISITED_NETWORK_ID: b"P-Visited-Network-ID",
    P_CHARGING_VECTOR: b"P-Charging-Vector",
    P_CHARGING_FUNCTION_ADDRESSES: b"P-Charging-Function-Addresses",
    REFER_SUB: b"Refer-Sub",
    USER_TO_USER: b"User-to-User",
}

_COMPACT: Final[dict[int, bytes]] = {
    ACCEPT_CONTACT: b"a",
    REFERRED_BY: b"b",
    CONTENT_TYPE: b"c",
    REQUEST_DISPOSITION: b"d",
    CONTENT_ENCODING: b"e",
    FROM: b"f",
    CALL_ID: b"i",
    REJECT_CONTACT: b"j",
    SUPPORTED: b"k",
    CONTENT_LENGTH: b"l",
    CONTACT: b"m",
    IDENTITY_INFO: b"n",
    EVENT: b"o",
    REFER_TO: b"r",
    SUBJECT: b"s",
    TO: b"t",
    ALLOW_EVENTS: b"u",
    VIA: b"v",
    SESSION_EXPIRES: b"x",
    IDENTITY: b"y",
}


def _build_table() -> dict[bytes, int]:
    table: dict[bytes, int] = {}
    for names in (_CANONICAL, _COMPACT):
        for identifier, name in names.items():
            # title(): some stacks capitalise by rule and write Call-Id, Cseq, Mime-Version.
            for spelling in (name, name.lower(), name.upper(), name.title()):
                table[spelling] = identifier
    return table


TABLE: Final[dict[bytes, int]] = _build_table()


def header_id(name: bytes) -> int:
    """Return the id of a header name as received, up to its colon: an id, OTHER or INVALID.

    Spaces and tabs before the colon are legal (HCOLON, RFC 3261 section 25.1) and ignored, case
    too. INVALID means that the name is empty or holds an octet that no token holds.
    """
    identifier = TABLE.get(name)
    if identifier is not None:
        return identifier
    bare = name.rstrip(b" \t")
    if not is_token(bare):
        return INVALID
    return TABLE.get(bare.lower(), OTHER)


def canonical_name(identifier: int) -> bytes:
    """Return the name that the registry gives to a header id; KeyError for OTHER and INVALID."""
    return _CANONICAL[identifier]


INVITE: Final = b"INVITE"
ACK: Final = b"ACK"
BYE: Final = b"BYE"
CANCEL: Final = b"CANCEL"
OPTIONS: Final = b"OPTIONS"
REGISTER: Final = b"REGISTER"
PRACK: Final = b"PRACK"
UPDATE: Final = b"UPDATE"
INFO: Final = b"INFO"
SUBSCRIBE: Final = b"SUBSCRIBE"
NOTIFY: Final = b"NOTIFY"
REFER: Final = b"REFER"
MESSAGE: Final = b"MESSAGE"
PUBLISH: Final = b"PUBLISH"

# Methods are case-sensitive (RFC 3261 section 7.1); one outside this set is an extension.
METHODS: Final[frozenset[bytes]] = frozenset(
    {
        INVITE,
        ACK,
        BYE,
        CANCEL,
        OPTIONS,
        REGISTER,
        PRACK,
        UPDATE,
        INFO,
        SUBSCRIBE,
        NOTIFY,
        REFER,
        MESSAGE,
        PUBLISH,
    }
)
