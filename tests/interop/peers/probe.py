"""Ask a SIP server whether it lives: one OPTIONS over UDP, any answer counts."""

import secrets
import socket
from typing import Final

from tests.interop.peers.addresses import Address

ANSWER_SECONDS: Final = 0.3


def answers_options(server: Address, *, source: str = "127.0.0.1") -> bool:
    """Send an OPTIONS from `source` and tell whether any final response came back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        datagram.bind((source, 0))
        datagram.settimeout(ANSWER_SECONDS)
        port = datagram.getsockname()[1]
        token = secrets.token_hex(8)
        text = (
            f"OPTIONS sip:{server} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {source}:{port};branch=z9hG4bK{token};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:probe@{source}>;tag={token}\r\n"
            f"To: <sip:{server}>\r\nCall-ID: {token}\r\nCSeq: 1 OPTIONS\r\n"
            "Content-Length: 0\r\n\r\n"
        )
        try:
            datagram.sendto(text.encode("ascii"), server)
            return datagram.recv(65535).startswith(b"SIP/2.0 ")
        except (TimeoutError, ConnectionRefusedError):
            return False
