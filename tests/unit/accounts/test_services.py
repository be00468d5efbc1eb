from dataclasses import replace

import pytest

from sipedge.accounts.data_text import write_data_set
from sipedge.accounts.errors import DataFileError, DomainError, ErrorCode
from sipedge.accounts.importing import import_dataset
from sipedge.accounts.lines import Line
from sipedge.accounts.secret import ClearSecret
from sipedge.accounts.services import (
    add_line,
    change_line,
    export_dataset,
    get_line,
    list_lines,
    set_line_calls,
)
from tests.unit.accounts.memory import BASE, OFFERS, MemoryAccounts, PlainPasswords, parse

NUMBER = "0033972100001"


@pytest.fixture
async def accounts() -> MemoryAccounts:
    accounts = MemoryAccounts()
    await import_dataset(accounts, parse(BASE), offers=OFFERS, passwords=PlainPasswords())
    return accounts


def new_line(number: str = "sipp", **changes: object) -> Line:
    line = Line(
        number=number,
        group="g1",
        offer="trunk",
        simultaneous_calls=5,
        password=ClearSecret("p"),
    )
    return replace(line, **changes)  # type: ignore[arg-type]


async def test_calls_are_raised_and_lowered_within_the_offer(accounts: MemoryAccounts) -> None:
    change = await set_line_calls(accounts, NUMBER, 5, offers=OFFERS)
    assert (change.before.simultaneous_calls, change.after.simultaneous_calls) == (2, 5)
    assert (await get_line(accounts, NUMBER)).simultaneous_calls == 5
    await set_line_calls(accounts, NUMBER, 0, offers=OFFERS)
    with pytest.raises(DomainError) as caught:
        await set_line_calls(accounts, NUMBER, 101, offers=OFFERS)
    assert caught.value.code is ErrorCode.TOO_MANY
    assert (await get_line(accounts, NUMBER)).simultaneous_calls == 0


async def test_the_same_number_of_calls_writes_nothing(accounts: MemoryAccounts) -> None:
    await set_line_calls(accounts, NUMBER, 2, offers=OFFERS)
    assert accounts.writes == 1


async def test_a_line_that_is_not_there_is_unknown(accounts: MemoryAccounts) -> None:
    with pytest.raises(DomainError, match='there is no line "sipp"') as caught:
        await set_line_calls(accounts, "sipp", 2, offers=OFFERS)
    assert caught.value.code is ErrorCode.UNKNOWN


async def test_a_line_is_added_once(accounts: MemoryAccounts) -> None:
    await add_line(accounts, new_line(), offers=OFFERS)
    assert [line.number for line in await list_lines(accounts)] == [NUMBER, "sipp"]
    with pytest.raises(DomainError) as caught:
        await add_line(accounts, new_line(), offers=OFFERS)
    assert caught.value.code is ErrorCode.EXISTS


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (new_line(group="g9"), "group"),
        (new_line(link="rome"), "link"),
        (new_line(offer="gold"), "offer"),
        (new_line(offer="individuel"), "simultaneous_calls"),
        (new_line(password=None), "password"),
        (new_line("0033972100010"), "number"),
    ],
)
async def test_a_new_line_that_does_not_fit_is_refused(
    accounts: MemoryAccounts, line: Line, field: str
) -> None:
    with pytest.raises(DomainError) as caught:
        await add_line(accounts, line, offers=OFFERS)
    assert caught.value.field == field
    assert not isinstance(caught.value, DataFileError), "there is no file to name"
    assert accounts.writes == 1


async def test_a_change_without_a_password_keeps_it(accounts: MemoryAccounts) -> None:
    before = await get_line(accounts, NUMBER)
    await change_line(accounts, replace(before, link="", password=None), offers=OFFERS)
    after = await get_line(accounts, NUMBER)
    assert after == replace(before, link="")
    with pytest.raises(DomainError, match="rome"):
        await change_line(accounts, replace(after, link="rome"), offers=OFFERS)


async def test_lines_are_listed_by_group(accounts: MemoryAccounts) -> None:
    assert len(await list_lines(accounts, group="g1")) == 1
    assert await list_lines(accounts, group="g2") == []


async def test_an_export_imports_as_nothing_new(accounts: MemoryAccounts) -> None:
    text = write_data_set(await export_dataset(accounts))
    report = await import_dataset(accounts, parse(text), offers=OFFERS, passwords=PlainPasswords())
    assert report.is_empty
    copy = MemoryAccounts()
    await import_dataset(copy, parse(text), offers=OFFERS, passwords=PlainPasswords())
    assert write_data_set(await export_dataset(copy)) == text
