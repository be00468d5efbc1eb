import getpass
import json

from tests.unit.cli.command_runner import Run
from tests.unit.cli.control_server import LINE, StandInControl, lease_row


def test_a_release_says_what_it_freed_and_who_did_it_is_known(
    control: StandInControl, run: Run
) -> None:
    result = run("release", "L-3F-1", "--reason", "ghost call")
    assert result.status == 0
    assert result.stdout.strip() == (
        f"Released L-3F-1: outgoing call of line {LINE}, "
        "held since 2026-03-01 08:00:00 UTC (confirmed)."
    )
    assert control.asked == ("release", "L-3F-1", "ghost call", getpass.getuser())


def test_json_is_what_the_edge_answers(control: StandInControl, run: Run) -> None:
    result = run("release", "L-3F-1", "--reason", "ghost call", "--json")
    assert json.loads(result.stdout) == {"released": lease_row(1)}


def test_an_unknown_lease_is_status_1(control: StandInControl, run: Run) -> None:
    result = run("release", "L-9-9", "--reason", "ghost call")
    assert result.status == 1
    assert "No such lease" in result.stderr


def test_a_reason_must_be_given_and_say_something(control: StandInControl, run: Run) -> None:
    assert run("release", "L-3F-1").status == 2
    result = run("release", "L-3F-1", "--reason", "  ")
    assert result.status == 2
    assert "(reason)" in result.stderr
    assert control.asked == ()


def test_no_edge_is_status_3(run: Run) -> None:
    assert run("release", "L-3F-1", "--reason", "ghost call").status == 3
