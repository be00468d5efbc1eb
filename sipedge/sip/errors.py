"""The one exception that code fed with network bytes may raise."""


class MalformedMessage(ValueError):
    """The peer sent bytes that are not SIP as RFC 3261 defines it.

    `status` is the response a request deserves (400, 413, 416, 505, 513); `reason` says what is
    wrong in plain ASCII and never repeats the peer's bytes, so it is safe in a response or a log.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason
