"""Every asynchronous test of the transports runs on both loops: asyncio's and the edge's own."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop


@pytest.hookimpl(tryfirst=True)
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
