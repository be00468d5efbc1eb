"""Which addresses are ours, asked of the kernel without sending anything."""

import socket


def local_host(remote_host: str) -> str:
    """Return our address as this numeric host would see it: the kernel's choice of source.

    Connecting a datagram socket sends nothing; it only makes the kernel look up the route.
    """
    family = socket.AF_INET6 if ":" in remote_host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((remote_host, 9))
        except OSError:
            return "::1" if family == socket.AF_INET6 else "127.0.0.1"
        return str(probe.getsockname()[0])


def is_local(host: str) -> bool:
    """Tell whether this machine has the numeric address: only then can a socket be bound to it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
        return True
