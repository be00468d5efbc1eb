"""Debian's Prometheus reads the edge: configuration, alert rules and every query of the dashboard.

`metrics_address` is where a metrics page is whose counters move: host and port.
"""

import json
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
SCRAPE_INTERVAL = "250ms"
DEADLINE_SECONDS = 60.0
POLL_SECONDS = 0.1
# Grafana fills these in. One minute holds many scrapes of ours, and two are enough for a rate.
VARIABLES = {"$__rate_interval": "1m", "$instance": ".*"}


@pytest.fixture(scope="module")
def metrics_address() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("stand_in_edge.py"))],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            yield f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


class Prometheus:
    """A running Prometheus, asked through its HTTP API."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str, **parameters: str) -> Any:  # noqa: ANN401  JSON of any shape
        query = urllib.parse.urlencode(parameters)
        url = f"http://{self.address}/api/v1/{path}?{query}"
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            pytest.fail(f"{path} {parameters}: {error.read().decode()}")
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return result

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=10) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False


def wait_until(is_so: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(POLL_SECONDS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def config_for(edge: str, folder: Path) -> Path:
    """Copy our configuration, with the address of this edge and intervals fit for a test."""
    text = (CONFIG / "prometheus.yml").read_text("utf-8")
    for old, new in (
        ("127.0.0.1:8080", edge),
        ("scrape_interval: 15s", f"scrape_interval: {SCRAPE_INTERVAL}"),
        ("evaluation_interval: 15s", f"evaluation_interval: {SCRAPE_INTERVAL}"),
        ("scrape_timeout: 5s", f"scrape_timeout: {SCRAPE_INTERVAL}"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "alerts.yml").write_text((CONFIG / "alerts.yml").read_text("utf-8"), "utf-8")
    path = folder / "prometheus.yml"
    path.write_text(text, "utf-8")
    return path


@pytest.fixture(scope="module")
def prometheus(
    metrics_address: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    address = f"127.0.0.1:{free_port()}"
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config_for(metrics_address, folder)}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    started = Prometheus(address)
    try:

        def has_ended_or_is_ready() -> bool:
            return process.poll() is not None or started.is_ready()

        wait_until(has_ended_or_is_ready, "Prometheus did not start")
        assert process.poll() is None, log.read_text("utf-8")
        # Three scrapes: every rate has two samples to stand on, whichever is still being stored.
        count = 'count_over_time(up{job="sipedge"}[1m]) >= 3'
        wait_until(lambda: started.query(count), "Prometheus did not scrape the edge")
        yield started
    finally:
        process.terminate()
        process.wait(30)


def dashboard_queries() -> list[tuple[str, str]]:
    dashboard = json.loads((CONFIG / "grafana" / "sipedge.json").read_text("utf-8"))
    return [
        (panel["title"], target["expr"])
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    ]


def promtool(*arguments: str) -> str:
    done = subprocess.run(
        ["promtool", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_accepts_the_configuration_and_the_rules() -> None:
    assert "is valid prometheus config" in promtool("check", "config", "config/prometheus.yml")
    assert "12 rules found" in promtool("check", "rules", "config/alerts.yml")


def test_the_alerts_fire_when_they_should_and_only_then() -> None:
    assert "SUCCESS" in promtool("test", "rules", "tests/interop/alerts.test.yml")


def test_every_alert_is_tested_and_has_its_runbook() -> None:
    rules = (CONFIG / "alerts.yml").read_text("utf-8")
    alerts = re.findall(r"- alert: (\w+)", rules)
    assert alerts
    tested = (ROOT / "tests/interop/alerts.test.yml").read_text("utf-8")
    runbooks = (ROOT / "docs/runbooks.md").read_text("utf-8")
    severities = re.findall(r"severity: (\w+) }", rules)
    for alert, severity in zip(alerts, severities, strict=True):
        assert f"alertname: {alert}\n        exp_alerts:" in tested, alert
        assert f"### {alert}\n\n*{severity}.* " in runbooks, alert
        assert f'runbook: "docs/runbooks.md#{alert.lower()}"' in rules, alert
    assert set(re.findall(r"^### (\w+)$", runbooks, re.MULTILINE)) == set(alerts)


def test_promtool_finds_nothing_to_say_of_the_page(metrics_address: str) -> None:
    with urllib.request.urlopen(f"http://{metrics_address}/metrics", timeout=10) as response:
        page = response.read()
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize(("title", "expression"), dashboard_queries())
def test_every_query_of_the_dashboard_returns_data(
    prometheus: Prometheus, title: str, expression: str
) -> None:
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression
    result = prometheus.query(expression)
    assert result, (title, expression)
    assert all(sample["value"][1] != "NaN" for sample in result), (title, result)


def test_every_series_that_an_alert_watches_exists(prometheus: Prometheus) -> None:
    """An alert on a series that no edge has would be silent for ever."""
    (group,) = prometheus.get("rules", type="alert")["groups"]
    selectors = {
        selector
        for rule in group["rules"]
        for selector in re.findall(
            r"\b(?:sipedge|process)_\w+(?:{[^}]*})?|\bup{[^}]*}", rule["query"]
        )
    }
    assert len(selectors) >= len(group["rules"])
    missing = {selector for selector in selectors if not prometheus.query(selector)}
    assert missing == set()


def test_every_rule_can_be_evaluated(prometheus: Prometheus) -> None:
    def unevaluated() -> list[str]:
        (group,) = prometheus.get("rules", type="alert")["groups"]
        return [rule["name"] for rule in group["rules"] if rule["health"] == "unknown"]

    wait_until(lambda: not unevaluated(), "rules were not evaluated")
    (group,) = prometheus.get("rules", type="alert")["groups"]
    assert {rule["health"] for rule in group["rules"]} == {"ok"}, group


def test_a_scrape_takes_a_small_part_of_its_interval(prometheus: Prometheus) -> None:
    (sample,) = prometheus.query('min_over_time(scrape_duration_seconds{job="sipedge"}[1m])')
    assert float(sample["value"][1]) < 0.1
