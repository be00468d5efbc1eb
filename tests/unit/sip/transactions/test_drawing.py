"""The page docs/transactions.md says what the tables say."""

import runpy
from pathlib import Path

import pytest

from sipedge.sip.transactions.drawing import draw, draw_page
from sipedge.sip.transactions.states import PROCEEDING, TERMINATED, TRYING, Input

PAGE = Path(__file__).resolve().parents[4] / "docs" / "transactions.md"


def test_page_is_the_one_that_the_tables_draw() -> None:
    assert PAGE.read_text(encoding="ascii") == draw_page(), (
        "write it anew: python -m sipedge.sip.transactions.drawing > docs/transactions.md"
    )


def test_arrows_are_ordered_and_inputs_share_them() -> None:
    transitions = frozenset(
        {
            (PROCEEDING, Input.TIMER_F, TERMINATED),
            (TRYING, Input.REQUEST, TRYING),
            (TRYING, Input.SEND_PROVISIONAL, PROCEEDING),
            (PROCEEDING, Input.ABANDONED, TERMINATED),
        }
    )

    assert draw(transitions, TRYING).split("\n") == [
        "stateDiagram-v2",
        "    [*] --> Trying",
        "    Trying --> Trying: request",
        "    Trying --> Proceeding: 1xx from user",
        "    Proceeding --> Terminated: timer F, abandoned by user",
        "    Terminated --> [*]",
    ]


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_module_writes_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_module("sipedge.sip.transactions.drawing", run_name="__main__")

    assert capsys.readouterr().out == draw_page()
