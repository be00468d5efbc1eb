"""/metrics, /healthz and /readyz: what Prometheus, systemd and a load balancer look at.

Alive and ready are two questions. Alive: is the process worth keeping? A restart follows a no, and
cuts nobody's call short only if the answer was wrong; so the bound is generous and nothing but the
event loop is asked. Ready: may new calls come here? Every part that a call needs is asked.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from sipedge.observability.exposition import CONTENT_TYPE
from sipedge.observability.logs import log_event

logger = logging.getLogger(__name__)

# None when ready, else one sentence that an operator can act on. It may be shown to whoever
# reaches the port: no address of a database, no password.
ReadinessCheck = Callable[[], Awaitable[str | None]]

# Five seconds late, phones have sent each INVITE four times: nothing here works any more.
LOOP_LAG_MAX_SECONDS: Final = 5.0
# A probe that waits longer is given up by whoever sent it.
CHECK_TIMEOUT_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What the pages are made of.

    `render_metrics` returns the text behind /metrics, `loop_lag_seconds` how late the event loop
    runs now, `checks` the parts that must be ready, by the name shown for them.
    """

    render_metrics: Callable[[], bytes]
    loop_lag_seconds: Callable[[], float]
    checks: Mapping[str, ReadinessCheck]
    loop_lag_max_seconds: float = LOOP_LAG_MAX_SECONDS
    check_timeout_seconds: float = CHECK_TIMEOUT_SECONDS


def build_health_app(health: Health) -> web.Application:
    """Return an application with the three pages and nothing else."""
    app = web.Application()
    add_health_routes(app, health)
    return app


def add_health_routes(app: web.Application, health: Health) -> None:
    """Add the three pages to an application that serves others beside them."""
    pages = _HealthPages(health)
    app.router.add_get("/metrics", pages.metrics)
    app.router.add_get("/healthz", pages.alive)
    app.router.add_get("/readyz", pages.ready)


class _HealthPages:
    def __init__(self, health: Health) -> None:
        self._health = health

    async def metrics(self, _request: web.Request) -> web.Response:
        body = self._health.render_metrics()
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE} | _NOT_CACHED)

    async def alive(self, _request: web.Request) -> web.Response:
        lag = self._health.loop_lag_seconds()
        alive = lag <= self._health.loop_lag_max_seconds
        body = {
            "alive": alive,
            "loop_lag_seconds": round(lag, 3),
            "loop_lag_max_seconds": self._health.loop_lag_max_seconds,
        }
        return web.json_response(body, status=200 if alive else 503, headers=_NOT_CACHED)

    async def ready(self, _request: web.Request) -> web.Response:
        names = list(self._health.checks)
        answers = await asyncio.gather(*(self._ask(name) for name in names))
        found = dict(zip(names, answers, strict=True))
        not_ready = {name: sentence for name, sentence in found.items() if sentence is not None}
        body = {
            "ready": not not_ready,
            "checks": {name: "not ready" if name in not_ready else "ready" for name in names},
            "not_ready": not_ready,
        }
        return web.json_response(body, status=503 if not_ready else 200, headers=_NOT_CACHED)

    async def _ask(self, name: str) -> str | None:
        """Ask one part; a part that fails or does not answer in time is not ready."""
        limit = self._health.check_timeout_seconds
        try:
            return await asyncio.wait_for(self._health.checks[name](), limit)
        except TimeoutError:
            return f"no answer within {limit:g} s"
        except Exception as error:  # noqa: BLE001 - whatever broke, the answer is: not ready
            # The text of the error goes to the log only: it may hold a database address.
            fields = {"check": name, "error": f"{type(error).__name__}: {error}"}
            log_event(logger, logging.WARNING, "readiness_check_failed", fields)
            return f"the check failed ({type(error).__name__}); the log says why"


_NOT_CACHED: Final = {"Cache-Control": "no-store"}
