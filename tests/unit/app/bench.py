"""An edge in this process, in a folder of the test, with three lines and simulated phones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sipedge.accounts.data_file import parse_data_set
from sipedge.accounts.importing import import_dataset
from sipedge.accounts.numbers import Numbering
from sipedge.accounts.offers import shipped_offers
from sipedge.app import App
from sipedge.config import Settings, load_settings
from sipedge.stores.opening import opened_stores
from sipedge.testing.calls import TALKING, IncomingCall, OutgoingCall
from sipedge.testing.live import LivePeers, address_of, open_socket
from sipedge.testing.phone import Phone

ALICE: Final = "0033972100001"
BOB: Final = "0033972100002"
CAROL: Final = "0033972100003"

DATA: Final = """
[[contact]]
nichandle = "ab1"
email = "ops@example.test"
name = "Example"
[[group]]
billing_account = "g1"
admin = "ab1"
tech = "ab1"
billing = "ab1"
""" + "".join(
    f'[[line]]\nnumber = "{number}"\ngroup = "g1"\noffer = "entreprise"\n'
    f'simultaneous_calls = 2\npassword = "s3cret-{number}"\n'
    for number in (ALICE, BOB, CAROL)
)


def write_settings(folder: Path, extra: str = "", *, listen: str = "udp://127.0.0.1:0") -> Settings:
    """Write a configuration with ports of the system's choice, and read it."""
    file = folder / "sipedge.toml"
    file.write_text(
        f'[edge]\ndata_dir = "{folder}/var"\n'
        f'[sip]\nlisten = ["{listen}"]\n[http]\nlisten = "127.0.0.1:0"\n'
        f'[database]\nurl = "sqlite:///{folder}/var/sipedge.db"\n{extra}',
        encoding="utf-8",
    )
    return load_settings(file, environ={})


async def fill(settings: Settings, data: str = DATA) -> None:
    """Import a data set into the database of these settings."""
    settings.edge.data_path.mkdir(parents=True, exist_ok=True)
    parsed = parse_data_set(data, numbering=Numbering(), offers=shipped_offers())
    async with opened_stores(settings.database.url, settings.edge.data_path) as stores:
        await import_dataset(
            stores.accounts, parsed, offers=shipped_offers(), passwords=stores.passwords
        )


def make_app(settings: Settings) -> App:
    """Return an edge that is not started."""
    return App(settings, shipped_offers(), Numbering())


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[App]:
    """Start an edge for the length of a block."""
    app = make_app(settings)
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


def answer_at_once(call: IncomingCall) -> None:
    """Let a phone ring and pick it up."""
    call.ring()
    call.answer()


class Phones:
    """Phones of the lines, registered at one edge."""

    def __init__(self, app: App) -> None:
        self.peers = LivePeers()
        self._edge = ("127.0.0.1", app.sip_ports[0])
        self._count = 0

    async def register(self, number: str) -> Phone:
        """Place a phone and let it register."""
        sock = open_socket()
        self._count += 1
        clock = asyncio.get_running_loop().time
        phone = Phone(
            number,
            f"s3cret-{number}",
            address_of(sock),
            self._edge,
            clock,
            seed=self._count,
        )
        phone.on_call = answer_at_once
        self.peers.join(phone, sock)
        phone.register()
        assert await self.peers.until(lambda: phone.registration_status == 200)
        return phone

    async def talk(self, phone: Phone, number: str) -> OutgoingCall:
        """Let a phone make a call that is answered."""
        call = phone.call(number)
        assert await self.peers.until(lambda: call.stage is TALKING), call.status
        return call

    async def is_refused(self, phone: Phone, number: str) -> OutgoingCall:
        """Let a phone make a call that is refused."""
        call = phone.call(number)
        assert await self.peers.until(lambda: call.is_over), call.stage
        return call

    async def hang_up(self, call: OutgoingCall) -> None:
        """End a call, and let the edge see the end of its BYE."""
        call.hang_up()
        await self.peers.until(lambda: False, 0.2)
