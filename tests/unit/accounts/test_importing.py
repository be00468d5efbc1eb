import pytest

from sipedge.accounts.applications import Application
from sipedge.accounts.contacts import Contact
from sipedge.accounts.errors import DataFileError
from sipedge.accounts.importing import ImportReport, import_dataset
from sipedge.accounts.lines import Alias, Line
from sipedge.accounts.repositories import Conflict
from tests.unit.accounts.memory import BASE, OFFERS, MemoryAccounts, PlainPasswords, parse

LINE = '[[line]]\nnumber = "0033972100001"\ngroup = "g1"\noffer = "entreprise"\nlink = "paris"\n'


async def imports(
    accounts: MemoryAccounts, text: str, passwords: PlainPasswords | None = None
) -> ImportReport:
    return await import_dataset(
        accounts, parse(text), offers=OFFERS, passwords=passwords or PlainPasswords()
    )


@pytest.fixture
async def accounts() -> MemoryAccounts:
    accounts = MemoryAccounts()
    await imports(accounts, BASE)
    return accounts


async def test_the_first_import_adds_everything_in_one_write() -> None:
    accounts = MemoryAccounts()
    report = await imports(accounts, BASE)
    assert {table.added for table in report.tables.values()} == {1}
    assert accounts.writes == 1
    assert report.lines == ["0033972100001"]
    assert report.links == ["paris"]


async def test_importing_twice_changes_nothing(accounts: MemoryAccounts) -> None:
    passwords = PlainPasswords()
    report = await imports(accounts, BASE, passwords)
    assert report.is_empty
    assert (report.lines, report.links) == ([], [])
    assert {table.unchanged for table in report.tables.values()} == {1}
    assert accounts.writes == 1
    assert passwords.hashed == [], "a password that verifies is not hashed again"


async def test_only_what_differs_is_written(accounts: MemoryAccounts) -> None:
    report = await imports(accounts, BASE.replace('"s3cret-1"', '"s3cret-2"'))
    assert report.tables["line"].changed == 1
    assert sum(table.changed for table in report.tables.values()) == 1
    line = accounts.tables[Line]["0033972100001"]
    assert isinstance(line, Line)
    assert line.password is not None
    assert line.password.reveal() == "s3cret-2"


async def test_what_the_file_does_not_name_stays(accounts: MemoryAccounts) -> None:
    await imports(accounts, LINE.replace("100001", "100002") + 'password = "p"\n')
    assert set(accounts.tables[Line]) == {"0033972100001", "0033972100002"}


async def test_a_secret_that_is_left_out_stays(accounts: MemoryAccounts) -> None:
    report = await imports(accounts, LINE + '[[application]]\nkey = "AK"\n')
    assert report.is_empty
    application = accounts.tables[Application]["AK"]
    assert isinstance(application, Application)
    assert application.secret is not None


@pytest.mark.parametrize(
    "text",
    [
        LINE.replace("100001", "100009"),
        '[[application]]\nkey = "AK2"\n',
    ],
)
async def test_a_new_secret_is_asked_for(accounts: MemoryAccounts, text: str) -> None:
    with pytest.raises(DataFileError, match="found nothing; a new"):
        await imports(accounts, text)
    assert accounts.writes == 1


async def test_a_console_password_is_kept_as_a_hash_only(accounts: MemoryAccounts) -> None:
    def stored() -> Contact:
        contact = accounts.tables[Contact]["ab1"]
        assert isinstance(contact, Contact)
        return contact

    assert stored().password is None
    assert stored().password_hash == "$argon2id$console-1"
    contact = '[[contact]]\nnichandle = "ab1"\nemail = "new@example.test"\nname = "Example"\n'
    await imports(accounts, contact)
    assert stored().password_hash == "$argon2id$console-1"
    await imports(accounts, contact + 'password = "console-2"\n')
    assert stored().password_hash == "$argon2id$console-2"
    await imports(accounts, contact + 'password_hash = "$argon2id$other"\n')
    assert stored().password_hash == "$argon2id$other"


async def test_a_moved_alias_touches_both_lines(accounts: MemoryAccounts) -> None:
    await imports(accounts, LINE.replace("100001", "100002") + 'password = "p"\n')
    report = await imports(
        accounts,
        '[[alias]]\nnumber = "0033972100010"\nline = "0033972100002"\ngroup = "g1"\n',
    )
    assert set(report.lines) == {"0033972100001", "0033972100002"}


REFERENCES = [
    (
        LINE.replace('"g1"', '"g2"'),
        (
            '[[line]] entry 1 (0033972100001), key group: found "g2", which does not exist; '
            "write one that does, or add a [[group]]"
        ),
    ),
    (
        LINE.replace('"paris"', '"rome"'),
        (
            '[[line]] entry 1 (0033972100001), key link: found "rome", which does not exist; '
            "write one that does, or add a [[link]]"
        ),
    ),
    (
        '[[group]]\nbilling_account = "g2"\nadmin = "ab1"\ntech = "zz"\nbilling = "ab1"\n',
        (
            '[[group]] entry 1 (g2), key tech: found "zz", which does not exist; '
            "write one that does, or add a [[contact]]"
        ),
    ),
    (
        '[[phone]]\nmac = "805ec0aabbcd"\nmodel = "a.b"\nline = "sipp"\n',
        (
            '[[phone]] entry 1 (805ec0aabbcd), key line: found "sipp", which does not exist; '
            "write one that does, or add a [[line]]"
        ),
    ),
    (
        '[[alias]]\nnumber = "0033972100001"\nline = "0033972100001"\ngroup = "g1"\n',
        (
            '[[alias]] entry 1 (0033972100001), key number: found "0033972100001", '
            "which is a line already"
        ),
    ),
    (
        LINE.replace("100001", "100010") + 'password = "p"\n',
        (
            '[[line]] entry 1 (0033972100010), key number: found "0033972100010", '
            "which is an alias already"
        ),
    ),
    (
        (
            '[[credential]]\nconsumer_key = "c"\napplication = "zz"\nnichandle = "ab1"\n'
            'rules = [{ method = "GET", path = "/*" }]\n'
        ),
        (
            '[[credential]] entry 1 (c), key application: found "zz", which does not exist; '
            "write one that does, or add a [[application]]"
        ),
    ),
]


@pytest.mark.parametrize(("text", "said"), REFERENCES)
async def test_a_reference_to_nothing_changes_nothing(
    accounts: MemoryAccounts, text: str, said: str
) -> None:
    with pytest.raises(DataFileError) as caught:
        await imports(accounts, text)
    assert str(caught.value) == said
    assert accounts.writes == 1
    assert len(accounts.tables[Alias]) == len(accounts.tables[Line]) == 1


async def test_another_writer_makes_it_read_again(accounts: MemoryAccounts) -> None:
    accounts.collisions = 2
    report = await imports(accounts, LINE + "simultaneous_calls = 7\n")
    assert report.tables["line"].changed == 1
    assert accounts.writes == 2


async def test_writers_that_never_stop_are_an_error(accounts: MemoryAccounts) -> None:
    accounts.collisions = 99
    with pytest.raises(Conflict):
        await imports(accounts, LINE + "simultaneous_calls = 7\n")
