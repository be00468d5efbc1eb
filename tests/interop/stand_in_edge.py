"""An edge without SIP: its metrics page on a port of its own, with every counter moving.

Prints the port it listens on, and ends when its standard input does.
"""

import asyncio
import sys
import time

from aiohttp import web

from sipedge.api.health import Health, build_health_app
from sipedge.observability.counters import Counters
from sipedge.observability.exposition import Build, Exposition, Gauges
from sipedge.observability.loop_watch import LoopWatch

STEP_SECONDS = 0.02
NUMBERS = (
    "calls_admitted",
    "calls_answered",
    "auth_challenges",
    "auth_failures",
    "auth_successes",
    "registrations_added",
    "registrations_refreshed",
    "registrations_removed",
    "retransmissions_received",
    "retransmissions_sent",
    "datagrams_received",
    "bytes_in",
    "bytes_out",
    "store_writes",
    "store_failures",
)
TABLES = ("requests_received", "requests_sent", "dropped", "refusals", "calls_ended")
LISTS = ("responses_received", "responses_sent")


def move(counters: Counters) -> None:
    for name in NUMBERS:
        setattr(counters, name, getattr(counters, name) + 1)
    for name in TABLES:
        table = getattr(counters, name)
        for key in table:
            table[key] += 1
    for name in LISTS:
        by_class = getattr(counters, name)
        for index in range(1, len(by_class)):
            by_class[index] += 1


def make_gauges() -> Gauges:
    started = time.monotonic()
    return Gauges(
        calls_active=lambda: 3,
        slots_in_use=lambda: 5,
        slots_paid=lambda: 20,
        bindings=lambda: 12,
        transactions_by_kind=lambda: {"client_invite": 1, "server_invite": 1},
        leases_by_state=lambda: {"early": 1, "confirmed": 4, "unproven": 0},
        flows_by_transport=lambda: {"TCP": 2, "TLS": 1},
        uptime_seconds=lambda: time.monotonic() - started,
    )


async def main() -> None:
    counters = Counters(
        drop_reasons=["source_rate"],
        refusal_reasons=["challenged", "outgoing_calls_in_use", "overload"],
        end_reasons=["caller", "callee"],
    )
    exposition = Exposition(counters, make_gauges(), Build(version="0", python="3"))
    watch = LoopWatch(counters, asyncio.get_running_loop())
    watch.start()
    health = Health(
        render_metrics=exposition.render, loop_lag_seconds=watch.recent_lag_seconds, checks={}
    )
    runner = web.AppRunner(build_health_app(health))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    while not ended.done():
        move(counters)
        await asyncio.sleep(STEP_SECONDS)
    await runner.cleanup()


asyncio.run(main())
