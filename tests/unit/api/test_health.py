import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

from sipedge.api.health import Health, ReadinessCheck, add_health_routes, build_health_app

Client = TestClient[web.Request, web.Application]


async def ready() -> str | None:
    return None


def health(**checks: ReadinessCheck) -> Health:
    return Health(
        render_metrics=lambda: b"sipedge_calls_active 0.0\n",
        loop_lag_seconds=lambda: 0.002,
        checks=checks,
    )


class Clients:
    def __init__(self) -> None:
        self.open: list[Client] = []

    async def __call__(self, app: web.Application) -> Client:
        client = TestClient(TestServer(app))
        await client.start_server()
        self.open.append(client)
        return client


@pytest.fixture
async def serve() -> AsyncIterator[Clients]:
    clients = Clients()
    yield clients
    for client in clients.open:
        await client.close()


async def test_metrics_are_rendered_at_each_request(serve: Clients) -> None:
    pages = iter([b"one 1\n", b"two 2\n"])
    client = await serve(build_health_app(replace(health(), render_metrics=lambda: next(pages))))
    for expected in ("one 1\n", "two 2\n"):
        response = await client.get("/metrics")
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert response.headers["Cache-Control"] == "no-store"
        assert await response.text() == expected


@pytest.mark.parametrize(("lag", "status"), [(0.0, 200), (5.0, 200), (5.01, 503), (60.0, 503)])
async def test_alive_until_the_loop_lags_beyond_its_bound(
    serve: Clients, lag: float, status: int
) -> None:
    client = await serve(build_health_app(replace(health(), loop_lag_seconds=lambda: lag)))
    response = await client.get("/healthz")
    assert response.status == status
    assert await response.json() == {
        "alive": status == 200,
        "loop_lag_seconds": lag,
        "loop_lag_max_seconds": 5.0,
    }


async def test_ready_when_every_part_is(serve: Clients) -> None:
    client = await serve(build_health_app(health(listeners=ready, database=ready)))
    response = await client.get("/readyz")
    assert response.status == 200
    assert await response.json() == {
        "ready": True,
        "checks": {"listeners": "ready", "database": "ready"},
        "not_ready": {},
    }


async def test_not_ready_names_the_part_and_what_it_lacks(serve: Clients) -> None:
    async def loading() -> str | None:
        return "700 of 100000 registrations loaded"

    client = await serve(build_health_app(health(listeners=ready, location=loading)))
    response = await client.get("/readyz")
    assert response.status == 503
    body = await response.json()
    assert body["checks"] == {"listeners": "ready", "location": "not ready"}
    assert body["not_ready"] == {"location": "700 of 100000 registrations loaded"}


async def test_a_part_that_does_not_answer_is_not_ready(serve: Clients) -> None:
    async def silent() -> str | None:
        await asyncio.get_running_loop().create_future()
        return None

    quick = replace(health(database=silent), check_timeout_seconds=0.01)
    client = await serve(build_health_app(quick))
    response = await client.get("/readyz")
    assert response.status == 503
    assert (await response.json())["not_ready"] == {"database": "no answer within 0.01 s"}


async def test_the_text_of_a_failure_goes_to_the_log_and_not_to_the_asker(
    serve: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> str | None:
        raise ConnectionError("10.1.2.3 refused the connection")

    client = await serve(build_health_app(health(database=broken)))
    with caplog.at_level(logging.WARNING):
        response = await client.get("/readyz")
    assert response.status == 503
    text = await response.text()
    assert "ConnectionError" in text
    assert "10.1.2.3" not in text
    (record,) = (one for one in caplog.records if one.getMessage() == "readiness_check_failed")
    assert "10.1.2.3" in record.__dict__["fields"]["error"]


async def test_checks_run_side_by_side(serve: Clients) -> None:
    arrived = asyncio.Barrier(2)

    async def meets_the_other() -> str | None:
        await arrived.wait()
        return None

    client = await serve(build_health_app(health(one=meets_the_other, two=meets_the_other)))
    assert (await client.get("/readyz")).status == 200


async def test_the_pages_stand_beside_others(serve: Clients) -> None:
    async def console(_request: web.Request) -> web.Response:
        return web.Response(text="console")

    app = web.Application()
    app.router.add_get("/", console)
    add_health_routes(app, health())
    client = await serve(app)
    assert await (await client.get("/")).text() == "console"
    assert (await client.get("/healthz")).status == 200
    assert (await client.post("/healthz")).status == 405
    assert (await client.head("/metrics")).status == 200


async def test_the_health_application_serves_nothing_else(serve: Clients) -> None:
    client = await serve(build_health_app(health()))
    async with ClientSession() as session, session.get(client.make_url("/")) as response:
        assert response.status == 404
