import asyncio
import logging
from collections.abc import Sequence

import pytest

from sipedge.app import writer
from sipedge.app.writer import QUEUE_MAX, WriteQueue, Writer
from sipedge.observability.counters import Counters
from sipedge.stores.errors import StoreError, Unavailable
from sipedge.testing.builders import build_counters


class Table:
    """A table of numbers. `fault` is raised on any write, `bad` rows are refused."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.batches: list[int] = []
        self.fault: Exception | None = None
        self.bad: set[int] = set()

    async def write(self, batch: Sequence[int]) -> None:
        await asyncio.sleep(0)
        self.batches.append(len(batch))
        if self.fault is not None:
            raise self.fault
        if self.bad.intersection(batch):
            raise StoreError("a row that no table takes")
        self.rows += batch


class Bench:
    """A writer over two tables."""

    def __init__(self) -> None:
        self.tables = (Table(), Table())
        self.queues = tuple(
            WriteQueue[int](name, table.write)
            for name, table in zip(("first", "second"), self.tables, strict=True)
        )
        self.counters: Counters = build_counters()
        self.writer = Writer(self.counters, self.queues)

    def put(self, *rows: int) -> None:
        for queue in self.queues:
            for row in rows:
                queue.put(row)


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.msg for record in caplog.records]


async def test_rows_are_written_in_order_and_counted() -> None:
    bench = Bench()
    bench.put(1, 2, 3)
    await bench.writer.flush()
    assert [table.rows for table in bench.tables] == [[1, 2, 3], [1, 2, 3]]
    assert [table.batches for table in bench.tables] == [[3], [3]]
    assert bench.counters.store_writes == 6
    assert bench.counters.store_queue == 0
    assert not bench.writer.is_failing


async def test_many_rows_go_in_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_BATCH_MAX", 4)
    bench = Bench()
    bench.put(*range(10))
    await bench.writer.flush()
    assert bench.tables[0].rows == list(range(10))
    assert bench.tables[0].batches == [4, 4, 2]


async def test_rows_wait_for_a_database_that_is_away_and_are_written_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    bench.tables[0].fault = Unavailable("the disk is gone")
    bench.put(1)
    with caplog.at_level(logging.INFO):
        await bench.writer.flush()
        bench.put(2)
        await bench.writer.flush()
        assert bench.writer.is_failing
        assert bench.tables[1].batches == [], "the database is away for every table"
        assert bench.counters.store_failures == 2
        assert bench.counters.store_queue == 4
        bench.tables[0].fault = None
        await bench.writer.flush()
    assert [table.rows for table in bench.tables] == [[1, 2], [1, 2]]
    assert not bench.writer.is_failing
    assert events(caplog) == ["database_write_failed", "database_back"], "said once each"


async def test_what_is_put_while_a_batch_is_written_is_not_forgotten() -> None:
    bench = Bench()
    bench.put(1)
    flushing = asyncio.create_task(bench.writer.flush())
    await asyncio.sleep(0)
    bench.put(2)
    await flushing
    await bench.writer.flush()
    assert [table.rows for table in bench.tables] == [[1, 2], [1, 2]]


async def test_a_full_queue_loses_the_newest_and_says_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "QUEUE_MAX", 3)
    assert QUEUE_MAX > 100_000, "the real bound holds the bindings of a large edge"
    bench = Bench()
    bench.tables[0].fault = Unavailable("away")
    with caplog.at_level(logging.INFO):
        await bench.writer.flush()
        for row in range(5):
            bench.queues[0].put(row)
        await bench.writer.flush()
        assert (len(bench.queues[0]), bench.queues[0].lost) == (3, 2)
        bench.tables[0].fault = None
        await bench.writer.flush()
    assert bench.tables[0].rows == [0, 1, 2]
    assert bench.queues[0].lost == 0
    assert events(caplog).count("database_queue_full") == 1
    assert vars(caplog.records[-1])["fields"]["rows_lost"] == 2


async def test_one_bad_row_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.tables[0].bad = {2}
    bench.put(1, 2, 3)
    with caplog.at_level(logging.INFO):
        await bench.writer.flush()
    assert bench.tables[0].rows == [1, 3]
    assert bench.tables[1].rows == [1, 2, 3]
    assert len(bench.queues[0]) == 0
    assert bench.queues[0].lost == 1
    assert events(caplog) == ["database_rows_refused"]


async def test_rows_that_are_all_refused_wait_and_the_other_table_is_written(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A table that was locked away refuses every row: none of them is at fault."""
    bench = Bench()
    bench.tables[0].fault = StoreError("permission denied")
    bench.put(*range(100))
    with caplog.at_level(logging.INFO):
        await bench.writer.flush()
        await bench.writer.flush()
    assert len(bench.queues[0]) == 100
    assert len(bench.tables[0].batches) < 100, "and it is not asked for each of them"
    assert bench.tables[1].rows == list(range(100))
    assert bench.writer.is_failing
    assert events(caplog) == ["database_write_failed"]


async def test_a_database_that_goes_away_among_single_rows_loses_none() -> None:
    bench = Bench()
    table = bench.tables[0]
    table.bad = {3}
    bench.put(1, 2, 3)
    calls = 0
    write = table.write

    async def leave(batch: Sequence[int]) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Unavailable("away")
        await write(batch)

    bench.queues[0]._write = leave
    await bench.writer.flush()
    assert len(bench.queues[0]) == 3
    assert bench.writer.is_failing
    await bench.writer.flush()
    assert table.rows == [1, 1, 2], "written again; every table takes a row twice"
    assert len(bench.queues[0]) == 0


async def test_a_fault_of_ours_is_logged_with_its_trace_and_ends_no_writing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    bench.tables[0].fault = ZeroDivisionError("a fault of ours")
    bench.put(1)
    with caplog.at_level(logging.INFO):
        await bench.writer.flush()
    assert bench.tables[1].rows == [1]
    assert "ZeroDivisionError" in caplog.text
    bench.tables[0].fault = None
    await bench.writer.flush()
    assert bench.tables[0].rows == [1]


async def test_the_writer_writes_by_itself_and_its_stop_writes_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer, "FLUSH_SECONDS", 0.01)
    bench = Bench()
    bench.writer.start()
    bench.put(1)
    async with asyncio.timeout(10):
        while not bench.tables[1].rows:  # noqa: ASYNC110 - it is the task's own pace we watch
            await asyncio.sleep(0.005)
    bench.put(2)
    await bench.writer.stop()
    assert [table.rows for table in bench.tables] == [[1, 2], [1, 2]]


async def test_a_writer_that_was_never_started_can_be_stopped() -> None:
    bench = Bench()
    bench.put(1)
    await bench.writer.stop()
    assert bench.tables[0].rows == [1]
