import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from sipedge.observability.metrics import METRICS, PROCESS_METRICS, Kind

GRAFANA = Path(__file__).parents[2] / "config" / "grafana"
RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks.md"


@pytest.fixture(scope="module")
def text() -> str:
    return (GRAFANA / "sipedge.json").read_text("utf-8")


@pytest.fixture(scope="module")
def panels(text: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(text)["panels"]
    return listed


def test_the_dashboard_is_what_its_builder_makes(text: str) -> None:
    built = runpy.run_path(str(GRAFANA / "build.py"))["render"]()
    assert text == built, "run: python config/grafana/build.py"


def test_every_metric_has_a_panel(panels: list[dict[str, Any]]) -> None:
    expressions = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    shown = {name for expression in expressions for name in re.findall(r"\w+(?={)", expression)}
    declared = {
        metric.name + ("_bucket" if metric.kind is Kind.HISTOGRAM else "") for metric in METRICS
    }
    assert shown == declared | set(PROCESS_METRICS)


def test_panels_have_their_own_id_title_and_place(panels: list[dict[str, Any]]) -> None:
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_panels_that_the_runbooks_name_exist(panels: list[dict[str, Any]]) -> None:
    alerts = RUNBOOKS.read_text("utf-8").split("## Metrics")[0]
    named = set(re.findall(r"(?<!\*)\*([A-Z][A-Za-z -]+)\*(?!\*)", alerts))
    assert named, "the runbooks name panels like this: *Event-loop lag*"
    assert named <= {panel["title"] for panel in panels}
