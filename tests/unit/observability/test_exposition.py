import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sipedge.observability.counters import Counters
from sipedge.observability.exposition import Build, Exposition, Gauges
from sipedge.observability.metrics import METRICS, PROCESS_METRICS, Kind

ROOT = Path(__file__).parents[3]
DECLARED = {metric.name for metric in METRICS}
HISTOGRAMS = {metric.name for metric in METRICS if metric.kind is Kind.HISTOGRAM}
STORED = (
    DECLARED
    | set(PROCESS_METRICS)
    | {name + suffix for name in HISTOGRAMS for suffix in ("_bucket", "_sum", "_count")}
)


def make_counters() -> Counters:
    return Counters(
        drop_reasons=["malformed", "source_rate"],
        refusal_reasons=["outgoing_calls_in_use", "overload"],
        end_reasons=["bye", "cancelled"],
    )


def make_exposition(counters: Counters) -> Exposition:
    gauges = Gauges(
        calls_active=lambda: 7,
        slots_in_use=lambda: 9,
        slots_paid=lambda: 20,
        bindings=lambda: 3,
        transactions_by_kind=lambda: {"client_invite": 1, "server_invite": 2},
        leases_by_state=lambda: {"ringing": 4, "answered": 5},
        flows_by_transport=lambda: {"TCP": 1, "TLS": 0},
        uptime_seconds=lambda: 12.5,
    )
    return Exposition(counters, gauges, Build(version="0.1.0", python="3.11.7"))


def samples_of(exposition: Exposition) -> dict[str, float]:
    """Return every series as Prometheus writes it: `name{label="value"}` to value."""
    samples: dict[str, float] = {}
    for family in text_string_to_metric_families(exposition.render().decode()):
        for sample in family.samples:
            labels = ",".join(f'{key}="{value}"' for key, value in sorted(sample.labels.items()))
            series = f"{sample.name}{{{labels}}}" if labels else sample.name
            assert series not in samples
            samples[series] = sample.value
    return samples


def test_every_declared_metric_is_rendered_and_no_other() -> None:
    page = make_exposition(make_counters()).render().decode()
    rendered = re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE)
    kinds = {metric.name: metric.kind.value for metric in METRICS}
    kinds["sipedge_build_info"] = "gauge"  # the text format knows no info
    ours = {name: kind for name, kind in rendered if name.startswith("sipedge_")}
    assert ours == kinds
    assert {name for name, _ in rendered} - set(ours) == set(PROCESS_METRICS)


def test_labels_are_those_declared() -> None:
    declared = {metric.name: set(metric.labels) for metric in METRICS}
    page = make_exposition(make_counters()).render().decode()
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if not sample.name.startswith("sipedge_"):
                continue
            name = re.sub(r"_(bucket|sum|count)$", "", sample.name)
            assert set(sample.labels) - {"le"} == declared[name], sample.name


def test_gauges_are_asked_when_the_page_is_rendered() -> None:
    samples = samples_of(make_exposition(make_counters()))
    assert samples["sipedge_calls_active"] == 7
    assert samples["sipedge_slots_in_use"] == 9
    assert samples["sipedge_slots_paid"] == 20
    assert samples["sipedge_registrations"] == 3
    assert samples['sipedge_transactions{kind="server_invite"}'] == 2
    assert samples['sipedge_leases{state="ringing"}'] == 4
    assert samples['sipedge_transport_flows{transport="TCP"}'] == 1
    assert samples["sipedge_uptime_seconds"] == 12.5
    assert samples['sipedge_build_info{python="3.11.7",version="0.1.0"}'] == 1


@pytest.mark.parametrize(
    ("attribute", "key", "series"),
    [
        ("calls_admitted", None, "sipedge_calls_admitted_total"),
        ("calls_answered", None, "sipedge_calls_answered_total"),
        ("calls_ended", "bye", 'sipedge_calls_ended_total{reason="bye"}'),
        (
            "refusals",
            "outgoing_calls_in_use",
            'sipedge_calls_refused_total{reason="outgoing_calls_in_use"}',
        ),
        ("dropped", "malformed", 'sipedge_messages_dropped_total{reason="malformed"}'),
        (
            "requests_received",
            b"INVITE",
            'sipedge_sip_requests_total{direction="in",method="INVITE"}',
        ),
        ("requests_sent", b"OTHER", 'sipedge_sip_requests_total{direction="out",method="OTHER"}'),
        ("responses_received", 1, 'sipedge_sip_responses_total{class="1xx",direction="in"}'),
        ("responses_sent", 6, 'sipedge_sip_responses_total{class="6xx",direction="out"}'),
        ("retransmissions_received", None, 'sipedge_sip_retransmissions_total{direction="in"}'),
        ("retransmissions_sent", None, 'sipedge_sip_retransmissions_total{direction="out"}'),
        ("auth_challenges", None, 'sipedge_authentications_total{outcome="challenge"}'),
        ("auth_failures", None, 'sipedge_authentications_total{outcome="failure"}'),
        ("auth_successes", None, 'sipedge_authentications_total{outcome="success"}'),
        ("registrations_added", None, 'sipedge_registration_changes_total{change="added"}'),
        ("registrations_refreshed", None, 'sipedge_registration_changes_total{change="refreshed"}'),
        ("registrations_removed", None, 'sipedge_registration_changes_total{change="removed"}'),
        ("datagrams_received", None, "sipedge_transport_datagrams_received_total"),
        ("bytes_in", None, 'sipedge_transport_bytes_total{direction="in"}'),
        ("bytes_out", None, 'sipedge_transport_bytes_total{direction="out"}'),
        ("store_writes", None, "sipedge_store_writes_total"),
        ("store_failures", None, "sipedge_store_failures_total"),
        ("store_queue", None, "sipedge_store_queue"),
        ("loop_lag_seconds_max", None, "sipedge_event_loop_lag_max_seconds"),
    ],
)
def test_a_counter_moves_its_series_and_no_other(
    attribute: str, key: str | bytes | int | None, series: str
) -> None:
    counters = make_counters()
    exposition = make_exposition(counters)
    before = samples_of(exposition)
    if key is None:
        setattr(counters, attribute, 42)
    else:
        getattr(counters, attribute)[key] = 42
    after = samples_of(exposition)
    moved = {name for name in after if after[name] != before[name] and "process_" not in name}
    assert moved == {series}
    assert after[series] == 42


def test_the_histogram_is_cumulative_and_agrees_with_itself() -> None:
    counters = make_counters()
    for seconds in (0.0005, 0.0005, 0.02, 99.0):
        counters.observe_loop_lag(seconds)
    samples = samples_of(make_exposition(counters))
    name = "sipedge_event_loop_lag_seconds"
    assert samples[f'{name}_bucket{{le="0.001"}}'] == 2
    assert samples[f'{name}_bucket{{le="0.025"}}'] == 3
    assert samples[f'{name}_bucket{{le="5.0"}}'] == 3
    assert samples[f'{name}_bucket{{le="+Inf"}}'] == samples[f"{name}_count"] == 4
    assert samples[f"{name}_sum"] == pytest.approx(99.021)


def test_names_follow_the_rule() -> None:
    for metric in METRICS:
        assert re.fullmatch(r"sipedge(_[a-z]+)+", metric.name), metric
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER), metric
        assert metric.help.endswith("."), metric
    assert len(DECLARED) == len(METRICS)


def test_no_name_is_used_that_is_not_declared() -> None:
    """Wherever a metric is named, in code, alerts, dashboard or runbooks, it is one that exists."""
    files = [
        *(ROOT / "sipedge" / "observability").glob("*.py"),
        *(ROOT / "sipedge" / "api").glob("*.py"),
        *(path for path in (ROOT / "config").rglob("*") if path.is_file()),
        *(ROOT / "docs").rglob("*.md"),
    ]
    unknown = {
        (word, str(path.relative_to(ROOT)))
        for path in files
        for word in re.findall(r"\bsipedge(?:_[a-z]+)+\b", path.read_text("utf-8"))
        if word not in STORED
    }
    assert unknown == set()


def test_the_runbooks_explain_every_metric() -> None:
    text = (ROOT / "docs" / "runbooks.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z_]+)` \| ([a-z, ]*) \| (.+) \|$", text, re.MULTILINE)
    explained = {name: [word for word in labels.split(", ") if word] for name, labels, _ in rows}
    ours = {metric.name: list(metric.labels) for metric in METRICS}
    assert explained == ours | {name: [] for name in PROCESS_METRICS}
