"""baresip (Debian baresip-core): a real phone without sound card, driven over its control port."""

import json
import re
import socket
import time
from pathlib import Path
from typing import Final, NamedTuple, Self

from tests.interop.peers.addresses import Address, free_address
from tests.interop.peers.edge import DOMAIN, Line
from tests.interop.peers.program import PeerFailed, Program, find_program
from tests.interop.peers.waiting import Timeout, wait_until

MODULES: Final = Path("/usr/lib/baresip/modules")
EVENT_SECONDS: Final = 30.0
REGISTERED: Final = re.compile(r"200 OK .*\[\d+ binding")

CONFIG: Final = """\
poll_method epoll
sip_listen {address}
call_local_timeout 120
call_max_calls 4
audio_player aubridge,{name}
audio_source ausine,440
audio_alert aubridge,{name}-alert
ausrc_srate 48000
auplay_srate 8000
ausrc_channels 2
auplay_channels 1
rtp_ports {rtp_first}-{rtp_last}
module_path {modules}
module g711.so
module ausine.so
module aubridge.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {control}
ring_aufile none
ringback_disabled yes
"""

ACCOUNT: Final = (
    "<sip:{line.number}@{domain};transport={transport}>;auth_user={line.number}"
    ';auth_pass={line.secret};outbound="sip:{edge};transport={transport}"'
    ";regint=600;answermode={answers};audio_codecs=pcma/8000/1\n"
)


class Event(NamedTuple):
    """One event of the phone: its type and the other party or reason it names."""

    kind: str
    detail: str


class Baresip(Program):
    """One baresip with one account, on one address of the loopback network."""

    def __init__(
        self,
        line: Line,
        *,
        work: Path,
        edge: Address,
        host: str,
        answers: str = "manual",
        transport: str = "udp",
    ) -> None:
        self.line = line
        self.address = free_address(host)
        self._control_address = free_address(host)
        self._control: socket.socket | None = None
        self._unread = b""
        self.events: list[Event] = []
        folder = work / f"baresip-{self.address.port}"
        folder.mkdir(parents=True)
        self._write_files(folder, edge=edge, answers=answers, transport=transport)
        # baresip leaves the loopback interface out unless it is told to use it.
        command = [find_program("baresip", package="baresip-core"), "-f", str(folder), "-n", host]
        super().__init__(
            f"baresip-{line.number}", command, work=folder, environment={"HOME": str(folder)}
        )

    def start(self) -> Self:
        """Start the phone and return when its control port takes commands."""
        super().start()
        self._control = wait_until(
            self._connect,
            what=f"{self.name} opens its control port {self._control_address}",
            explain=self.report,
        )
        return self

    def stop(self, *, grace_seconds: float = 5.0) -> None:
        """Let the phone unregister and end."""
        if self._control is not None:
            self._control.close()
            self._control = None
        super().stop(grace_seconds=grace_seconds)

    def await_registered(self) -> None:
        """Wait until the edge has accepted this phone's registration.

        The phone registers before anybody can listen to its events: its output tells.
        """
        wait_until(
            lambda: REGISTERED.search(self.output()),
            what=f"{self.name} is registered",
            timeout_seconds=EVENT_SECONDS,
            explain=self.report,
        )

    def dials(self, number: str) -> None:
        """Call a number of the edge's domain."""
        self._command("dial", f"sip:{number}@{DOMAIN}")

    def answers(self) -> None:
        """Take the call that rings."""
        self._command("accept")

    def hangs_up(self) -> None:
        """End, reject or cancel the current call."""
        self._command("hangup")

    def await_event(self, kind: str) -> Event:
        """Wait for the next event of this kind and forget the events before it."""
        deadline = time.monotonic() + EVENT_SECONDS
        seen = 0
        while time.monotonic() < deadline:
            for index, event in enumerate(self.events[seen:], seen):
                if event.kind == kind:
                    del self.events[: index + 1]
                    return event
            seen = len(self.events)
            self._read_control()
        raise Timeout(f"{self.name}: no {kind}, but {self.events}\n{self.report()}")

    def _connect(self) -> socket.socket | None:
        if not self.is_running():
            raise PeerFailed(f"{self.name} ended at once\n{self.report()}")
        try:
            control = socket.create_connection(self._control_address, timeout=1.0)
        except OSError:
            return None
        control.settimeout(0.2)
        return control

    def _command(self, command: str, parameters: str = "") -> None:
        assert self._control is not None, f"{self.name} is not running"
        order = {"command": command, "params": parameters, "token": command}
        payload = json.dumps(order).encode("ascii")
        self._control.sendall(b"%d:%b," % (len(payload), payload))

    def _read_control(self) -> None:
        """Read what the control port has: events are kept, replies to commands are checked."""
        assert self._control is not None, f"{self.name} is not running"
        try:
            received = self._control.recv(65536)
        except TimeoutError:
            return
        if not received:
            raise PeerFailed(f"{self.name} closed its control port\n{self.report()}")
        self._unread += received
        while (payload := self._take_netstring()) is not None:
            self._keep(json.loads(payload))

    def _take_netstring(self) -> bytes | None:
        """Take one complete `length:payload,` from the bytes read so far."""
        length, colon, rest = self._unread.partition(b":")
        if not colon or len(rest) <= int(length):
            return None
        self._unread = rest[int(length) + 1 :]
        return rest[: int(length)]

    def _keep(self, message: dict[str, object]) -> None:
        if message.get("event"):
            detail = str(message.get("param") or message.get("peeruri") or "")
            self.events.append(Event(str(message.get("type")), detail))
        elif message.get("ok") is False:
            raise PeerFailed(f"{self.name} refused {message}\n{self.report()}")

    def _write_files(self, folder: Path, *, edge: Address, answers: str, transport: str) -> None:
        first = free_address(self.address.host).port
        text = CONFIG.format(
            address=self.address,
            name=self.line.number,
            modules=MODULES,
            control=self._control_address,
            rtp_first=first,
            rtp_last=min(first + 20, 65534),
        )
        (folder / "config").write_text(text, encoding="ascii")
        account = ACCOUNT.format(
            line=self.line, domain=DOMAIN, edge=edge, answers=answers, transport=transport
        )
        (folder / "accounts").write_text(account, encoding="ascii")
        (folder / "contacts").write_text("", encoding="ascii")
