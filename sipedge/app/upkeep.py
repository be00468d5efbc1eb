"""What an edge does for itself from time to time, beside its calls."""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Final

from sipedge.observability.logs import log_event
from sipedge.proxy.edge import Edge
from sipedge.stores.errors import StoreError
from sipedge.stores.records import CallRecordStore, RefusalStore
from sipedge.transport.tls import ServerTls

_LOGGER: Final = logging.getLogger("sipedge")

# How often the ledger is compared with the calls, and the certificate files are looked at.
CHECK_SECONDS: Final = 5.0
PRUNE_SECONDS: Final = 3_600.0
# A caller asks for a refusal within days; a code may be given again once it is gone.
REFUSALS_KEPT_SECONDS: Final = 31 * 86_400.0
# A bill is disputed within a year; who called whom is nobody's business for longer.
CALLS_KEPT_SECONDS: Final = 366 * 86_400.0


async def repeat(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    """Do some work every so many seconds until cancelled; a fault ends one round, not the rest."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception:
            _LOGGER.exception("upkeep_failed")


class Upkeep:
    """The checks of a running edge; `tls` is None where nothing listens for TLS."""

    def __init__(
        self,
        edge: Edge,
        tls: ServerTls | None,
        refusals: RefusalStore,
        records: CallRecordStore,
    ) -> None:
        self._edge = edge
        self._tls = tls
        self._refusals = refusals
        self._records = records

    async def check(self) -> None:
        """Compare ledger and calls, load a changed certificate, follow the wall clock."""
        now = asyncio.get_running_loop().time()
        self._edge.core.wall_offset = time.time() - now
        lost = self._edge.audit(now)
        if lost:
            log_event(_LOGGER, logging.ERROR, "leases_lost", {"leases": lost})
        if self._tls is not None:
            reload_certificate(self._tls)

    async def prune(self) -> None:
        """Delete the refusals and call records that nobody will ask for any more."""
        now = time.time()
        try:
            await self._refusals.prune(now - REFUSALS_KEPT_SECONDS)
            await self._records.prune(now - CALLS_KEPT_SECONDS)
        except StoreError as error:
            log_event(_LOGGER, logging.WARNING, "prune_failed", {"error": str(error)})


def reload_certificate(tls: ServerTls) -> None:
    """Load the certificate files again if they changed, and say how it went."""
    certificate = str(tls.certificate)
    try:
        if tls.reload_if_changed():
            log_event(_LOGGER, logging.INFO, "certificate_reloaded", {"certificate": certificate})
    except (OSError, ssl.SSLError) as error:
        fields = {"certificate": certificate, "error": str(error)}
        log_event(_LOGGER, logging.ERROR, "certificate_not_reloaded", fields)
