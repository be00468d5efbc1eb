"""Fixtures of the interop tests: a running edge, and a stage of real peers around it."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.interop.peers.edge import Edge, make_lines
from tests.interop.stage import Stage


@pytest.fixture(scope="module")
def running_edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """One edge for the tests of a module: sixty lines with two paid calls each, one trunk."""
    edge = Edge(work=tmp_path_factory.mktemp("edge"), lines=make_lines(60)).prepare()
    with edge.start():
        yield edge


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember whether the test itself failed, for the fixtures that clean up after it."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture
def stage(running_edge: Edge, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Peers around the running edge. After every test no call and no slot may be left.

    A failed test leaves calls behind: it is not asked for more, and the next starts from there.
    """
    already_up = running_edge.slots()
    with Stage(running_edge, tmp_path) as peers:
        yield peers
    if not request.node.stash.get(FAILED, False):
        running_edge.assert_idle(but=already_up)
