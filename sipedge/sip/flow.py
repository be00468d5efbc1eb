"""A flow: the path of a message in, and of its answer out (RFC 5626 section 2)."""

from typing_extensions import override


class Flow:
    """One local listener and one remote address, with the connection between them if there is one.

    `host` is numeric and without brackets. `connection` names the stream inside its listener and
    is 0 for a datagram flow, which any number of messages may share without set-up.
    """

    __slots__ = ("connection", "host", "listener", "port", "reliable", "transport")

    def __init__(
        self,
        listener: int,
        transport: str,
        host: str,
        port: int,
        connection: int = 0,
    ) -> None:
        self.listener = listener
        self.transport = transport
        self.host = host
        self.port = port
        self.connection = connection
        self.reliable = transport != "UDP"

    @override
    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Flow)
            and self.port == other.port
            and self.host == other.host
            and self.listener == other.listener
            and self.connection == other.connection
        )

    @override
    def __hash__(self) -> int:
        return hash((self.listener, self.host, self.port, self.connection))

    @override
    def __repr__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"<Flow {self.transport} {host}:{self.port} via {self.listener}/{self.connection}>"
