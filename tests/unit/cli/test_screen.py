import pytest

from sipedge.cli.screen import cell_instant, duration, instant, plain


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (-3.0, "0s"),
        (59.9, "59s"),
        (60, "1m00s"),
        (3599, "59m59s"),
        (3600, "1h00m"),
        (90_061, "25h01m"),
        (None, "-"),
    ],
)
def test_durations_are_short(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_instants_name_their_zone() -> None:
    assert instant("2026-03-01T08:00:00Z") == "2026-03-01 08:00:00 UTC"
    assert cell_instant("2026-03-01T08:00:00Z") == "2026-03-01 08:00:00"


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), ("", "-"), (0, "0"), ("[b]x[/b]\x1b[2J", r"[b]x[/b]\x1b[2J")]
)
def test_values_are_shown_without_markup_and_control_characters(value: object, text: str) -> None:
    assert plain(value).plain == text
