import asyncio
from pathlib import Path

import pytest

from sipedge.accounts.data_set import no_progress
from sipedge.accounts.data_text import write_data_set
from sipedge.accounts.errors import DataFileError
from sipedge.accounts.importing import ImportReport, import_dataset
from sipedge.accounts.lines import Line
from sipedge.accounts.repositories import Changes, Conflict
from sipedge.accounts.services import export_dataset, get_line, set_line_calls
from sipedge.stores.errors import StoreError
from sipedge.stores.opening import Stores
from tests.contracts.stored import stores_on
from tests.unit.accounts.memory import BASE, OFFERS, PlainPasswords, parse

NUMBER = "0033972100001"


async def imports(stores: Stores, text: str) -> ImportReport:
    return await import_dataset(
        stores.accounts, parse(text), offers=OFFERS, passwords=PlainPasswords()
    )


async def test_what_is_imported_comes_back_and_a_second_time_changes_nothing(
    database_url: str, tmp_path: Path
) -> None:
    async with stores_on(database_url, tmp_path) as stores:
        first = await imports(stores, BASE)
        assert {table.added for table in first.tables.values()} == {1}
        version = await stores.accounts.version()
        exported = write_data_set(await export_dataset(stores.accounts))
        assert (await imports(stores, BASE)).is_empty
        assert (await imports(stores, exported)).is_empty
        assert await stores.accounts.version() == version
    async with stores_on(database_url, tmp_path) as stores:
        assert write_data_set(await export_dataset(stores.accounts)) == exported
        assert "s3cret-1" in exported


async def test_only_changed_rows_change(database_url: str, tmp_path: Path) -> None:
    async with stores_on(database_url, tmp_path) as stores:
        await imports(stores, BASE)
        report = await imports(
            stores, BASE.replace("s3cret-1", "s3cret-2").replace("up_kbps = 1000", "up_kbps = 9")
        )
        assert (report.tables["line"].changed, report.tables["link"].changed) == (1, 1)
        line = await get_line(stores.accounts, NUMBER)
        assert line.password is not None
        assert line.password.reveal() == "s3cret-2"


async def test_an_error_changes_nothing(database_url: str, tmp_path: Path) -> None:
    async with stores_on(database_url, tmp_path) as stores:
        await imports(stores, BASE)
        before = write_data_set(await export_dataset(stores.accounts))
        wrong = BASE.replace("s3cret-1", "s3cret-2").replace(
            'offer = "entreprise"', 'offer = "trunk"'
        )
        with pytest.raises(DataFileError):
            await imports(stores, wrong.replace('admin = "ab1"', 'admin = "nobody"'))
        assert write_data_set(await export_dataset(stores.accounts)) == before


async def test_a_write_that_fails_half_way_is_undone(database_url: str, tmp_path: Path) -> None:
    async with stores_on(database_url, tmp_path) as stores:
        await imports(stores, BASE)
        line = await get_line(stores.accounts, NUMBER)
        version = await stores.accounts.version()
        other = Line(
            number="sipp", group="g1", offer="trunk", simultaneous_calls=1, password=line.password
        )
        orphan = Line(
            number="lost", group="none", offer="trunk", simultaneous_calls=1, password=line.password
        )
        with pytest.raises(StoreError):
            await stores.accounts.write(
                Changes(added=[other, orphan]), version=version, progress=no_progress
            )
        assert set(await stores.accounts.find(Line, ["sipp", "lost", NUMBER])) == {NUMBER}
        assert await stores.accounts.version() == version


async def test_a_stale_version_is_a_conflict(database_url: str, tmp_path: Path) -> None:
    async with stores_on(database_url, tmp_path) as stores:
        await imports(stores, BASE)
        line = await get_line(stores.accounts, NUMBER)
        stale = await stores.accounts.version() - 1
        with pytest.raises(Conflict):
            await stores.accounts.write(
                Changes(changed=[line]), version=stale, progress=no_progress
            )


async def test_two_writers_at_once_both_count(database_url: str, tmp_path: Path) -> None:
    async with (
        stores_on(database_url, tmp_path) as first,
        stores_on(database_url, tmp_path) as second,
    ):
        await imports(first, BASE)
        text = '[[line]]\nnumber = "sipp"\ngroup = "g1"\noffer = "trunk"\npassword = "p"\n'
        await asyncio.gather(
            set_line_calls(first.accounts, NUMBER, 5, offers=OFFERS), imports(second, text)
        )
        assert (await get_line(second.accounts, NUMBER)).simultaneous_calls == 5
        assert (await get_line(first.accounts, "sipp")).offer == "trunk"


async def test_many_keys_are_found_in_one_or_many_queries(
    database_url: str, tmp_path: Path
) -> None:
    line = '[[line]]\nnumber = "lab-{}"\ngroup = "g1"\noffer = "trunk"\npassword = "p"\n'
    async with stores_on(database_url, tmp_path) as stores:
        await imports(stores, BASE + "".join(line.format(number) for number in range(1_200)))
        some = {f"lab-{number}" for number in range(600)} | {"missing"}
        assert set(await stores.accounts.find(Line, some)) == some - {"missing"}
        every = {f"lab-{number}" for number in range(6_000)}
        assert len(await stores.accounts.find(Line, every)) == 1_200
        assert await stores.accounts.find(Line, []) == {}
        keys = [entity.key for entity in await stores.accounts.all(Line)]
        assert keys == sorted(keys)
        assert len(keys) == 1_201


async def test_no_secret_lies_in_the_open(tmp_path: Path) -> None:
    async with stores_on(f"sqlite:///{tmp_path}/sipedge.db", tmp_path) as stores:
        await import_dataset(
            stores.accounts, parse(BASE), offers=OFFERS, passwords=stores.passwords
        )
    for path in tmp_path.iterdir():  # noqa: ASYNC240 - nothing else runs by now
        content = path.read_bytes()
        for secret in (b"s3cret-1", b"console-1", b'"AS"'):
            assert secret not in content, path.name
        assert path.stat().st_mode & 0o077 == 0, path.name
