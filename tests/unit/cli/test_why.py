import json

import pytest

from sipedge.cli.why import advice_for_support
from tests.unit.cli.command_runner import Run
from tests.unit.cli.control_server import LINE, StandInControl


def test_the_calls_that_held_the_line_are_named(control: StandInControl, run: Run) -> None:
    result = run("why", "R-7F3K")
    assert result.status == 0
    assert "R-7F3K  refused on 2026-03-01 08:01:01 UTC" in result.stdout
    found = f"the outgoing call from {LINE} to 0033145000003 found 2/2 calls in use."
    assert f"Line {LINE}: {found}" in result.stdout
    assert "Held at that instant by 2 calls:" in result.stdout
    for row in control.rows:
        (line,) = (one for one in result.rows() if row["call_id"] in one)
        assert line.startswith("2026-03-01 08:00:00 1m01s 0033145000001 outgoing confirmed L-")
    assert "3-refused@customer.example.test" in result.stdout
    assert "Tell the customer" in result.stdout


def test_the_code_is_passed_as_typed(control: StandInControl, run: Run) -> None:
    assert run("why", "r-7f3k").status == 0
    assert control.asked == ("refusal", "r-7f3k")
    assert run("why", "a/../b ?x=1").status == 1
    assert control.asked == ("refusal", "a/../b ?x=1")


def test_json_is_what_the_edge_answers(control: StandInControl, run: Run) -> None:
    report = json.loads(run("why", "R-7F3K", "--json").stdout)
    assert report["at"] == "2026-03-01T08:01:01Z"
    assert [holder["since"] for holder in report["holders"]] == ["2026-03-01T08:00:00Z"] * 2


def test_an_unknown_ticket_is_status_1_and_one_line(control: StandInControl, run: Run) -> None:
    result = run("why", "R-XXXX")
    assert result.status == 1
    assert result.stdout == ""
    assert "No such refusal ticket" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_line_without_holders_is_explained_too(control: StandInControl, run: Run) -> None:
    control.rows, control.limit = [], 0
    result = run("why", "R-7F3K")
    assert result.status == 0
    assert "has no simultaneous call" in result.stdout


def test_no_edge_is_status_3(run: Run) -> None:
    assert run("why", "R-7F3K").status == 3


@pytest.mark.parametrize(
    ("used", "limit", "said"),
    [
        (1, 1, "pays for 1 call at a time and all were taken; end one of them, or order 2 calls."),
        (2, 2, "pays for 2 calls at a time and all were taken; end one of them, or order 3 calls."),
        (2, 1, "was lowered to 1 call while 2 were up"),
        (0, 0, "has no simultaneous call"),
        (None, None, "had no free call at that instant"),
    ],
)
def test_the_advice_fits_the_count(used: int | None, limit: int | None, said: str) -> None:
    assert said in advice_for_support({"line": LINE, "used": used, "limit": limit})
