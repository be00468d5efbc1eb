"""The page behind /metrics: counters and gauges read at the moment somebody scrapes.

Between two scrapes nothing here runs. prometheus_client writes the text format; OpenMetrics would
take half as long again, on the loop that carries the calls, and say nothing more. What is written
is declared in `metrics.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from typing_extensions import override

from sipedge.observability import metrics
from sipedge.observability.counters import LOOP_LAG_BOUNDS_SECONDS, Counters
from sipedge.observability.metrics import Metric

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4

Count = Callable[[], int]
CountByLabel = Callable[[], Mapping[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """The sizes of things that the edge knows anyway, as callables asked once per scrape.

    They run in the thread of the event loop between two messages: a length or a kept sum, not a
    walk over every call. A mapping has a fixed set of keys, zeros included, or its series would
    come and go on every graph.
    """

    calls_active: Count
    slots_in_use: Count
    slots_paid: Count
    bindings: Count
    transactions_by_kind: CountByLabel
    leases_by_state: CountByLabel
    flows_by_transport: CountByLabel
    uptime_seconds: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What runs here."""

    version: str
    python: str


class EdgeCollector(Collector):
    """Turns counters and gauges into metric families when prometheus_client asks for them."""

    def __init__(self, counters: Counters, gauges: Gauges, build: Build) -> None:
        self._counters = counters
        self._gauges = gauges
        self._build = build

    # The registry looks for this method by name; the base class does not have it.
    def describe(self) -> Iterable[Family]:
        """Name nothing in advance: without this the registry would collect once to find out."""
        return ()

    @override
    def collect(self) -> Iterator[Family]:
        """Yield every family of `metrics.METRICS`, once."""
        yield from self._of_the_edge()
        yield from self._of_calls()
        yield from self._of_registrations()
        yield from self._of_messages()
        yield from self._of_the_process()

    def _of_the_edge(self) -> Iterator[Family]:
        build = InfoMetricFamily(_stem(metrics.BUILD_INFO), metrics.BUILD_INFO.help)
        build.add_metric([], {"version": self._build.version, "python": self._build.python})
        yield build
        yield _gauge(metrics.UPTIME, self._gauges.uptime_seconds())

    def _of_calls(self) -> Iterator[Family]:
        counters, gauges = self._counters, self._gauges
        yield _gauge(metrics.CALLS_ACTIVE, gauges.calls_active())
        yield _counter(metrics.CALLS_ADMITTED, counters.calls_admitted)
        yield _counter(metrics.CALLS_ANSWERED, counters.calls_answered)
        yield _counters(metrics.CALLS_ENDED, counters.calls_ended)
        yield _counters(metrics.CALLS_REFUSED, counters.refusals)
        yield _gauge(metrics.SLOTS_IN_USE, gauges.slots_in_use())
        yield _gauge(metrics.SLOTS_PAID, gauges.slots_paid())
        yield _gauges(metrics.LEASES, gauges.leases_by_state())

    def _of_registrations(self) -> Iterator[Family]:
        counters = self._counters
        yield _gauge(metrics.REGISTRATIONS, self._gauges.bindings())
        changes = {
            "added": counters.registrations_added,
            "refreshed": counters.registrations_refreshed,
            "removed": counters.registrations_removed,
        }
        yield _counters(metrics.REGISTRATION_CHANGES, changes)
        outcomes = {
            "challenge": counters.auth_challenges,
            "success": counters.auth_successes,
            "failure": counters.auth_failures,
        }
        yield _counters(metrics.AUTHENTICATIONS, outcomes)

    def _of_messages(self) -> Iterator[Family]:
        counters, gauges = self._counters, self._gauges
        requests = CounterMetricFamily(
            metrics.SIP_REQUESTS.name,
            metrics.SIP_REQUESTS.help,
            labels=metrics.SIP_REQUESTS.labels,
        )
        for direction, by_method in (
            ("in", counters.requests_received),
            ("out", counters.requests_sent),
        ):
            for method, value in by_method.items():
                requests.add_metric([method.decode("ascii"), direction], value)
        yield requests
        responses = CounterMetricFamily(
            metrics.SIP_RESPONSES.name,
            metrics.SIP_RESPONSES.help,
            labels=metrics.SIP_RESPONSES.labels,
        )
        for direction, by_class in (
            ("in", counters.responses_received),
            ("out", counters.responses_sent),
        ):
            for status_class in range(1, len(by_class)):
                responses.add_metric([f"{status_class}xx", direction], by_class[status_class])
        yield responses
        copies = {
            "in": counters.retransmissions_received,
            "out": counters.retransmissions_sent,
        }
        yield _counters(metrics.SIP_RETRANSMISSIONS, copies)
        yield _gauges(metrics.TRANSACTIONS, gauges.transactions_by_kind())
        yield _counters(metrics.MESSAGES_DROPPED, counters.dropped)
        yield _counter(metrics.DATAGRAMS_RECEIVED, counters.datagrams_received)
        bytes_moved = {"in": counters.bytes_in, "out": counters.bytes_out}
        yield _counters(metrics.TRANSPORT_BYTES, bytes_moved)
        yield _gauges(metrics.FLOWS, gauges.flows_by_transport())

    def _of_the_process(self) -> Iterator[Family]:
        counters = self._counters
        yield _loop_lag(counters)
        yield _gauge(metrics.EVENT_LOOP_LAG_MAX, counters.loop_lag_seconds_max)
        yield _counter(metrics.STORE_WRITES, counters.store_writes)
        yield _counter(metrics.STORE_FAILURES, counters.store_failures)
        yield _gauge(metrics.STORE_QUEUE, counters.store_queue)


class Exposition:
    """The metrics page of one edge."""

    def __init__(self, counters: Counters, gauges: Gauges, build: Build) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(EdgeCollector(counters, gauges, build))
        ProcessCollector(registry=self._registry)

    def render(self) -> bytes:
        """Return the page as it is now, in the format that CONTENT_TYPE names."""
        return generate_latest(self._registry)


def _stem(metric: Metric) -> str:
    # prometheus_client appends the suffix of an info family itself.
    return metric.name.removesuffix("_info")


def _gauge(metric: Metric, value: float) -> Family:
    return GaugeMetricFamily(metric.name, metric.help, value=value)


def _gauges(metric: Metric, values: Mapping[str, int]) -> Family:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for label, value in values.items():
        family.add_metric([label], value)
    return family


def _counter(metric: Metric, value: int) -> Family:
    return CounterMetricFamily(metric.name, metric.help, value=value)


def _counters(metric: Metric, values: Mapping[str, int]) -> Family:
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for label, value in values.items():
        family.add_metric([label], value)
    return family


def _loop_lag(counters: Counters) -> Family:
    buckets: list[tuple[str, float]] = []
    cumulative = 0
    bounds = [str(bound) for bound in LOOP_LAG_BOUNDS_SECONDS] + ["+Inf"]
    for bound, observed in zip(bounds, counters.loop_lag_buckets, strict=True):
        cumulative += observed
        buckets.append((bound, cumulative))
    metric = metrics.EVENT_LOOP_LAG
    return HistogramMetricFamily(
        metric.name, metric.help, buckets=buckets, sum_value=counters.loop_lag_seconds_sum
    )
