"""Debian's Prometheus reads a running edge under SIPp load: rules, alerts, the whole dashboard."""

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.interop.peers.addresses import free_address
from tests.interop.peers.edge import DOMAIN, Edge, EdgeSettings, Line, make_lines
from tests.interop.peers.toml_text import Scalar
from tests.interop.peers.waiting import wait_until
from tests.interop.stage import PHONE_HOST, Stage

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
SCRAPE_INTERVAL = "250ms"
# More calls than SIPp gets done before it is stopped.
ENDLESS = 100_000
LINE_CALLS = 100
SCANNER_HOST = "127.0.0.66"
# Grafana fills these in. One minute holds many scrapes of ours, and two are enough for a rate.
VARIABLES = {"$__rate_interval": "1m", "$instance": ".*"}


@pytest.fixture(scope="module")
def loaded_edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """An edge with calls, refusals, registrations and a flood until the end of the module."""
    work = tmp_path_factory.mktemp("loaded")
    lines = make_lines(4, simultaneous_calls=LINE_CALLS)
    screen: dict[str, Scalar | Sequence[Scalar]] = {"rate_per_second": 1, "burst": 20}
    screen["trusted"] = [PHONE_HOST]
    settings = EdgeSettings(extra={"screen": screen})
    edge = Edge(work=work, lines=lines, settings=settings).prepare()
    with edge.start(), Stage(edge, work) as stage:
        load(stage)
        yield edge


def load(stage: Stage) -> None:
    """Start everything that an edge meets in a day; SIPp goes on with it until it is stopped."""
    caller, callee, full, other = (stage.phone(line) for line in stage.edge.lines)
    callee.registers()
    stage.edge.cli("line", "set", full.line.number, "--calls", "1")
    callee.plays("uas_answer", calls=ENDLESS)
    caller.calls(callee.line.number, calls=ENDLESS, options=per_second(10))
    held = stage.phone(full.line).calls(callee.line.number, "uac_call_held")
    held.await_received("200")
    full.calls(callee.line.number, "uac_over_limit", calls=ENDLESS, options=per_second(5))
    stage.sipp(
        "register",
        local=other.address,
        remote=stage.edge.address,
        line=other.line,
        calls=ENDLESS,
        options=("-auth_uri", DOMAIN, "-key", "expires", "60", *per_second(5)),
    )
    # A scanner that guesses: refused by the parser, then by the door.
    stage.sipp(
        "uac_plain_busy",
        local=free_address(SCANNER_HOST),
        remote=stage.edge.address,
        line=Line("scanner", ""),
        called="100",
        calls=ENDLESS,
        options=per_second(20),
    )


def per_second(rate: int) -> tuple[str, ...]:
    return ("-r", str(rate), "-l", "1000")


@pytest.fixture(scope="module")
def metrics_address(loaded_edge: Edge) -> str:
    """Where the metrics page is: host and port."""
    return str(loaded_edge.http)


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
    address = str(free_address())
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

        wait_until(has_ended_or_is_ready, what="Prometheus starts", timeout_seconds=60)
        assert process.poll() is None, log.read_text("utf-8")
        # Three scrapes: every rate has two samples to stand on, whichever is still being stored.
        count = 'count_over_time(up{job="sipedge"}[1m]) >= 3'
        wait_until(lambda: started.query(count), what="Prometheus has scraped", timeout_seconds=60)
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


@pytest.mark.parametrize(
    "expression",
    [
        "sipedge_calls_active",
        "sipedge_slots_in_use",
        "sipedge_registrations",
        "rate(sipedge_calls_answered_total[1m])",
        'rate(sipedge_calls_ended_total{reason="caller"}[1m])',
        'rate(sipedge_calls_refused_total{reason="outgoing_calls_in_use"}[1m])',
        'rate(sipedge_registration_changes_total{change="refreshed"}[1m])',
        'rate(sipedge_authentications_total{outcome="success"}[1m])',
        'rate(sipedge_sip_requests_total{method="BYE",direction="out"}[1m])',
        'rate(sipedge_messages_dropped_total{reason="banned_or_flooding"}[1m])',
        "rate(sipedge_store_writes_total[1m])",
    ],
)
def test_what_sipp_does_is_seen_by_prometheus(prometheus: Prometheus, expression: str) -> None:
    """Not only that a series exists: it moves with the load."""

    def is_above_zero() -> bool:
        return any(float(sample["value"][1]) > 0 for sample in prometheus.query(expression))

    wait_until(is_above_zero, what=f"{expression} is above zero", timeout_seconds=30)


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

    wait_until(lambda: not unevaluated(), what="rules are evaluated", timeout_seconds=60)
    (group,) = prometheus.get("rules", type="alert")["groups"]
    assert {rule["health"] for rule in group["rules"]} == {"ok"}, group


def test_a_scrape_takes_a_small_part_of_its_interval(prometheus: Prometheus) -> None:
    (sample,) = prometheus.query('min_over_time(scrape_duration_seconds{job="sipedge"}[1m])')
    assert float(sample["value"][1]) < 0.1
