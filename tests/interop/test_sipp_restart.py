"""The edge is restarted, or killed, under registered phones and running calls."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.interop.peers.edge import Edge, make_lines
from tests.interop.stage import Stage

DURABLE_SECONDS: Final = 1.0
"""A registration older than this survives a crash."""

CRASH: Final = pytest.mark.parametrize("crash", [False, True], ids=["stopped", "killed"])


@pytest.fixture
def running_edge(tmp_path: Path) -> Iterator[Edge]:
    """An edge of its own for each test, because these tests end it."""
    with Edge(work=tmp_path, lines=make_lines(4)).prepare().start() as edge:
        yield edge


@CRASH
def test_registered_phones_are_called_after_a_restart(stage: Stage, *, crash: bool) -> None:
    """No phone registers again, yet the call rings: the bindings came back from the database."""
    caller, callee = stage.phone(), stage.phone()
    callee.registers()
    if crash:
        time.sleep(DURABLE_SECONDS)  # the claim is about age; nothing tells when it is reached
    stage.edge.restart(crash=crash)
    answering = callee.plays("uas_answer")
    caller.calls(callee.line.number).must_succeed()
    answering.must_succeed()


@CRASH
def test_a_call_from_before_a_restart_is_hung_up_through_the_edge(
    stage: Stage, *, crash: bool
) -> None:
    """The new process has no dialog table; its own token in the Route lets the BYE pass."""
    caller, callee = stage.phone(), stage.phone()
    callee.registers()
    answering = callee.plays("uas_answer")
    call = caller.calls(callee.line.number, "uac_call_held")
    call.await_received("200")
    answering.await_received("ACK")
    stage.edge.restart(crash=crash)
    call.cue(call.call_id)
    call.must_succeed()
    answering.must_succeed()


def test_a_paid_limit_survives_a_crash(stage: Stage) -> None:
    """What `line set` has confirmed is in the database, whatever happens to the process."""
    caller, callee = stage.phone(), stage.phone()
    callee.registers()
    stage.edge.cli("line", "set", caller.line.number, "--calls", "1")
    time.sleep(DURABLE_SECONDS)
    stage.edge.restart(crash=True)
    callee.plays("uas_answer")
    held = caller.calls(callee.line.number, "uac_call_held")
    held.await_received("200")
    stage.phone(caller.line).calls(callee.line.number, "uac_over_limit").must_succeed()
    held.cue(held.call_id)
    held.must_succeed()
