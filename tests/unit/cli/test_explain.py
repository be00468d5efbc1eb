import json
from pathlib import Path

from tests.unit.cli.command_runner import Run
from tests.unit.cli.control_server import LINE, StandInControl

NUMBERS = ("--from", LINE, "--to", "0033145000001")


def test_a_call_that_would_be_refused_is_status_1_with_its_arithmetic(
    control: StandInControl, run: Run
) -> None:
    result = run("explain", *NUMBERS)
    assert result.status == 1
    assert f"{LINE} to 0033145000001: refused" in result.stdout
    assert "The line has used its 2 calls." in result.stdout
    assert "Target: trunk carrier" in result.stdout
    assert "Answer: 486, outgoing_calls_in_use" in result.stdout
    assert "Bandwidth: 80.0 kbit/s each way" in result.stdout
    assert "L-3F-1 since 2026-03-01 08:00:00 UTC confirmed" in result.stdout
    assert "group outgoing 0 not counted no limit yes -" in result.rows()
    assert control.asked == ("explain", LINE, "0033145000001", None)


def test_a_call_that_would_pass_is_status_0(control: StandInControl, run: Run) -> None:
    control.admitted = True
    result = run("explain", *NUMBERS)
    assert result.status == 0
    assert "passes" in result.stdout
    assert "Answer:" not in result.stdout


def test_an_emergency_call_is_named(control: StandInControl, run: Run) -> None:
    control.admitted = True
    assert "emergency" in run("explain", "--from", LINE, "--to", "15").stdout


def test_json_has_the_same_status(control: StandInControl, run: Run) -> None:
    result = run("explain", *NUMBERS, "--json")
    assert result.status == 1
    assert json.loads(result.stdout)["admitted"] is False


def test_the_offer_is_sent_as_it_is(control: StandInControl, run: Run, tmp_path: Path) -> None:
    offer = b"v=0\r\nm=audio 4000 RTP/AVP 8\r\n"
    (tmp_path / "offer.sdp").write_bytes(offer)
    run("explain", *NUMBERS, "--sdp", str(tmp_path / "offer.sdp"))
    assert control.asked == ("explain", LINE, "0033145000001", offer)


def test_an_offer_that_cannot_be_read_is_wrong_use(
    control: StandInControl, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "binary.sdp").write_bytes(b"\xff\xfe")
    (tmp_path / "large.sdp").write_bytes(b"x" * 70_000)
    for name, said in (
        ("absent.sdp", "readable file"),
        ("binary.sdp", "not UTF-8"),
        ("large.sdp", "sdp"),
    ):
        result = run("explain", *NUMBERS, "--sdp", str(tmp_path / name))
        assert result.status == 2, name
        assert said in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert control.asked == ()


def test_a_missing_number_is_wrong_use(run: Run) -> None:
    assert run("explain", "--from", LINE).status == 2


def test_an_empty_number_is_wrong_use(control: StandInControl, run: Run) -> None:
    result = run("explain", "--from", LINE, "--to", "")
    assert result.status == 2
    assert "(to)" in result.stderr


def test_no_edge_is_status_3(run: Run) -> None:
    assert run("explain", *NUMBERS).status == 3
