import json
import random
from collections.abc import Callable

import pytest

from sipedge.limits.ledger import OUTGOING, Claim, Ledger
from sipedge.limits.tickets import (
    HolderSnapshot,
    RefusalArchive,
    RefusalTicket,
    snapshot_holder,
    warning_text,
)


def seeded(seed: int = 1) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes


def scripted(*draws: bytes) -> Callable[[int], bytes]:
    """Return an entropy that gives `draws` in turn, whatever the length asked."""
    rest = list(draws)
    return lambda _length: rest.pop(0)


def holder(number: int = 1) -> HolderSnapshot:
    return HolderSnapshot(
        lease_id=f"L-3F-{number}",
        call_id="a84b4c76e66710@192.0.2.1",
        peer="0033972100009",
        why="outgoing",
        state="confirmed",
        since_utc=1_764_000_000.0,
        duration_seconds=61.5,
    )


def open_ticket(archive: RefusalArchive, holders: int = 0) -> RefusalTicket:
    return archive.open(
        at_utc=1_764_000_061.5,
        reason="calls-of-line",
        account="line:0033972100001",
        line="0033972100001",
        direction="outgoing",
        limit=2,
        used=2,
        caller="0033972100001",
        callee="0033140000000",
        call_id="3848276298220188511@192.0.2.1",
        holders=tuple([holder(number) for number in range(holders)]),
    )


def test_a_ticket_is_found_by_its_code() -> None:
    archive = RefusalArchive(10, seeded())
    ticket = open_ticket(archive, holders=2)
    assert archive.find(ticket.code) is ticket
    assert (ticket.line, ticket.limit, ticket.used) == ("0033972100001", 2, 2)
    assert len(ticket.holders) == 2


def test_a_code_has_four_plain_symbols() -> None:
    archive = RefusalArchive(10, scripted(bytes([7, 15, 3, 19])))
    assert open_ticket(archive).code == "R-7F3K"


@pytest.mark.parametrize(
    "typed", ["R-7F10", "r-7f10", "R7F10", "7F10", "7flo", "R-7FIO", "r\u20117fl0", " R - 7F10 "]
)
def test_a_code_is_found_however_it_is_typed(typed: str) -> None:
    archive = RefusalArchive(10, scripted(bytes([7, 15, 1, 0])))
    ticket = open_ticket(archive)
    assert archive.find(typed) is ticket


@pytest.mark.parametrize("typed", ["R-R123", "RR123", "R123"])
def test_a_code_that_starts_with_the_letter_of_the_prefix_is_found(typed: str) -> None:
    archive = RefusalArchive(10, scripted(bytes([24, 1, 2, 3])))
    ticket = open_ticket(archive)
    assert ticket.code == "R-R123"
    assert archive.find(typed) is ticket


@pytest.mark.parametrize("typed", ["", "R", "R-", "R-7F3", "R-7F3KK", "L-3F-17"])
def test_a_foreign_code_finds_nothing(typed: str) -> None:
    archive = RefusalArchive(10, scripted(bytes([7, 15, 3, 19])))
    open_ticket(archive)
    assert archive.find(typed) is None


def test_a_live_code_is_never_given_twice() -> None:
    same = bytes([7, 15, 3, 19])
    archive = RefusalArchive(10, scripted(same, same, same, bytes([1, 1, 1, 1])))
    assert open_ticket(archive).code == "R-7F3K"
    assert open_ticket(archive).code == "R-1111"


def test_codes_grow_when_chance_repeats_itself() -> None:
    archive = RefusalArchive(10, bytes)
    assert [open_ticket(archive).code for _ in range(3)] == ["R-0000", "R-00000", "R-000000"]


def test_codes_grow_when_the_archive_is_crowded() -> None:
    archive = RefusalArchive(17_000, seeded())
    codes = [open_ticket(archive).code for _ in range(16_500)]
    assert {len(code) for code in codes[:16_384]} == {6}
    assert {len(code) for code in codes[16_384:]} == {7}
    assert len(set(codes)) == len(codes)


def test_the_oldest_ticket_goes_first() -> None:
    archive = RefusalArchive(2, seeded())
    first, second, third = [open_ticket(archive) for _ in range(3)]
    assert archive.find(first.code) is None
    assert archive.find(second.code) is second
    assert archive.find(third.code) is third
    assert len(archive) == 2


def test_tickets_with_many_holders_do_not_fill_the_memory() -> None:
    archive = RefusalArchive(10, seeded())
    tickets = [open_ticket(archive, holders=40) for _ in range(5)]
    assert len(archive) == 2
    assert archive.find(tickets[-1].code) is tickets[-1]


def test_the_newest_ticket_stays_however_many_calls_held_the_line() -> None:
    archive = RefusalArchive(2, seeded())
    open_ticket(archive)
    ticket = open_ticket(archive, holders=1000)
    assert archive.find(ticket.code) is ticket
    assert len(archive) == 1


def test_a_ticket_restored_twice_is_one_ticket() -> None:
    stored = open_ticket(RefusalArchive(10, seeded()), holders=10)
    archive = RefusalArchive(2, seeded())
    for _ in range(3):
        archive.restore(stored)
    assert archive.find(stored.code) is stored
    assert len(archive) == 1
    open_ticket(archive, holders=6)
    assert len(archive) == 2


def test_a_ticket_survives_the_store() -> None:
    ticket = open_ticket(RefusalArchive(10, seeded()), holders=2)
    stored = json.dumps(ticket.to_dict())
    assert RefusalTicket.from_dict(json.loads(stored)) == ticket


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("code", 7),
        ("at_utc", "yesterday"),
        ("limit", None),
        ("used", "2"),
        ("holders", {}),
        ("holders", ["L-3F-1"]),
        ("holders", [{"lease_id": "L-3F-1"}]),
    ],
)
def test_a_stored_ticket_that_is_not_right_names_its_field(field: str, wrong: object) -> None:
    stored = open_ticket(RefusalArchive(10, seeded())).to_dict() | {field: wrong}
    with pytest.raises(ValueError, match=r"^refusal ticket: field '\w+' is not "):
        RefusalTicket.from_dict(stored)


def test_strangers_read_a_code_and_two_numbers() -> None:
    ticket = open_ticket(RefusalArchive(10, scripted(bytes([7, 15, 3, 19]))), holders=2)
    assert warning_text(ticket) == "R-7F3K 2/2 calls"


def test_a_holder_is_kept_as_it_was_at_the_refusal() -> None:
    ledger = Ledger("edge1", 111)
    leases = ledger.take([Claim("line:1", 1, OUTGOING, "0033140000000")], 1, 100.0, 300.0)
    assert isinstance(leases, list)
    kept = snapshot_holder(leases[0], call_id="abc@x", now=160.0, at_utc=1_764_000_060.0)
    ledger.confirm(leases[0], 170.0, 4000.0)
    assert kept == HolderSnapshot(
        lease_id="L-3F-1",
        call_id="abc@x",
        peer="0033140000000",
        why="outgoing",
        state="early",
        since_utc=1_764_000_000.0,
        duration_seconds=60.0,
    )
