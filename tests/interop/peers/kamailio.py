"""Kamailio (Debian kamailio): a carrier behind a trunk, or an IPBX that registers a line.

Its configurations lie in kamailio_configs/ and hold `{{NAME}}` where a test's own values go.
"""

import json
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from tests.interop.peers.addresses import Address
from tests.interop.peers.edge import DOMAIN, Line
from tests.interop.peers.probe import answers_options
from tests.interop.peers.program import PeerFailed, Program, find_program
from tests.interop.peers.waiting import wait_until

CONFIGS: Final = Path(__file__).resolve().parent / "kamailio_configs"
PRIVATE_MEGABYTES: Final = "8"
SHARED_MEGABYTES: Final = "64"
REGISTRATION: Final = "line"
REGISTERED_FLAG: Final = 4
UACREG_COLUMNS: Final = {
    "id(int,auto)": "1",
    "l_uuid(string)": REGISTRATION,
    "l_username(string)": "{line.number}",
    "l_domain(string)": "{address.host}",
    "r_username(string)": "{line.number}",
    "r_domain(string)": DOMAIN,
    "realm(string)": DOMAIN,
    "auth_username(string)": "{line.number}",
    "auth_password(string)": "{line.secret}",
    "auth_ha1(string,null)": "",
    "auth_proxy(string)": r"sip\:{edge.host}\:{edge.port}",
    "expires(int)": "600",
    "flags(int)": "0",
    "reg_delay(int)": "0",
    "contact_addr(string)": r"{address.host}\:{address.port}",
    "socket(string,null)": "",
}
"""The table `uacreg` of Kamailio's uac module, as db_text keeps it: one registration."""

_HOLE: Final = re.compile(r"\{\{([A-Z_]+)\}\}")


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put a value into each `{{NAME}}`; a name without value is an error, as is an unused value."""
    wanted = set(_HOLE.findall(text))
    assert wanted == set(values), f"wanted {sorted(wanted)}, given {sorted(values)}"
    return _HOLE.sub(lambda hole: values[hole[1]], text)


class Kamailio(Program):
    """One Kamailio listening on one UDP address, with a configuration made for this test."""

    def __init__(
        self,
        config: Path,
        *,
        work: Path,
        address: Address,
        values: Mapping[str, str],
        allocator: str = "",
        shared_megabytes: str = SHARED_MEGABYTES,
    ) -> None:
        self.address = address
        folder = work / f"kamailio-{config.stem}-{address.port}"
        folder.mkdir(parents=True)
        self._config_path = folder / "kamailio.cfg"
        self._config_path.write_text(fill(config.read_text("ascii"), values), encoding="ascii")
        command = [
            find_program("kamailio", package="kamailio"),
            *("-f", str(self._config_path), "-Y", str(folder), "-P", str(folder / "pid")),
            *("-DD", "-E", "-l", f"udp:{address}"),
            *("-m", shared_megabytes, "-M", PRIVATE_MEGABYTES),
            *(["-x", allocator, "-X", allocator] if allocator else []),
        ]
        super().__init__(f"kamailio-{config.stem}", command, work=folder)

    def start(self) -> Self:
        """Start Kamailio and return when it answers an OPTIONS."""
        super().start()
        wait_until(
            lambda: (
                answers_options(self.address, source=self.address.host) or not self.is_running()
            ),
            what=f"{self.name} answers OPTIONS at {self.address}",
            explain=self.report,
        )
        if not self.is_running():
            raise PeerFailed(f"{self.name} ended at once\n{self.report()}")
        return self

    def call_procedure(self, method: str, *arguments: str) -> object:
        """Call one of Kamailio's JSON-RPC procedures over its datagram socket."""
        server, own = self.work / "rpc.sock", self.work / "rpc-reply.sock"
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(arguments)}
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram:
            own.unlink(missing_ok=True)
            datagram.bind(str(own))
            datagram.settimeout(5.0)
            datagram.sendto(json.dumps(request).encode("ascii"), str(server))
            reply = json.loads(datagram.recv(65535))
        if "error" in reply:
            raise PeerFailed(f"{self.name}: {method} failed: {reply['error']}")
        return reply.get("result")


class Carrier(Kamailio):
    """A carrier's proxy: calls of the edge go to `equipment`, all others go to the edge."""

    def __init__(self, *, work: Path, address: Address, edge: Address, equipment: Address) -> None:
        self.equipment = equipment
        super().__init__(
            CONFIGS / "carrier.cfg",
            work=work,
            address=address,
            values={
                "EDGE_HOST": edge.host,
                "EDGE_PORT": str(edge.port),
                "EQUIPMENT": str(equipment),
            },
        )


class Ipbx(Kamailio):
    """An IPBX with one line at the edge: registers it, and relays for one extension."""

    def __init__(
        self, *, work: Path, address: Address, edge: Address, line: Line, extension: Address
    ) -> None:
        self.line = line
        self.extension = extension
        super().__init__(
            CONFIGS / "ipbx.cfg",
            work=work,
            address=address,
            values={
                "FOLDER": str(work / f"kamailio-ipbx-{address.port}"),
                "ADDRESS": str(address),
                "EDGE_HOST": edge.host,
                "EDGE_PORT": str(edge.port),
                "EXTENSION": str(extension),
                "USER": line.number,
                "SECRET": line.secret,
                "DOMAIN": DOMAIN,
            },
        )
        database = self.work / "db"
        database.mkdir()
        values = [
            text.format(line=line, edge=edge, address=address) for text in UACREG_COLUMNS.values()
        ]
        (database / "version").write_text(
            "id(int,auto) table_name(string) table_version(int) \n1:uacreg:5\n", encoding="ascii"
        )
        (database / "uacreg").write_text(
            " ".join(UACREG_COLUMNS) + " \n" + ":".join(values) + "\n", encoding="ascii"
        )

    def await_registered(self) -> None:
        """Wait until the edge has accepted the registration of the line."""
        wait_until(
            self._is_registered,
            what=f"{self.name} has registered its line",
            timeout_seconds=30.0,
            explain=self.report,
        )

    def _is_registered(self) -> bool:
        """Tell whether the line is registered; the table is read a moment after the start."""
        try:
            info = self.call_procedure("uac.reg_info", "l_uuid", REGISTRATION)
        except PeerFailed:
            return False
        assert isinstance(info, dict), info
        return bool(int(info["flags"]) & REGISTERED_FLAG)
