# ruff: noqa: INP001 - a script beside the file it writes, not a package
"""Write the Grafana dashboard: `python config/grafana/build.py` makes sipedge.json beside it.

The dashboard is changed here and built again, never in Grafana: a diff of its JSON says nothing to
a reviewer. A test fails when the file is not what this script makes.
"""

import json
from pathlib import Path

OUTPUT = Path(__file__).with_name("sipedge.json")
WIDTH = 24  # columns of a Grafana page
HEIGHT = 8  # rows of one panel
PER_LINE = 3

# Every query speaks of the chosen instances, and rates are taken over what Grafana finds fit for
# the scrape interval and the zoom.
OURS = 'instance=~"$instance"'
PROCESS = f'job="sipedge",{OURS}'
RANGE = "[$__rate_interval]"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

Query = tuple[str, str]  # expression, legend
Json = dict[str, object]


def gauge(name: str, *by: str) -> str:
    """Write a gauge summed over the chosen instances, kept apart by the labels given."""
    return f"sum{_by(by)}({name}{{{OURS}}})"


def rate(name: str, *by: str, where: str = "") -> str:
    """Write the growth per second of a counter, summed over the chosen instances."""
    selector = f"{where},{OURS}" if where else OURS
    return f"sum{_by(by)}(rate({name}{{{selector}}}{RANGE}))"


def lag_quantile(quantile: float) -> str:
    """Write a quantile of the event-loop lag over the chosen instances."""
    buckets = rate("sipedge_event_loop_lag_seconds_bucket", "le")
    return f"histogram_quantile({quantile}, {buckets})"


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)}) " if labels else ""


class Panel:
    """One graph: its title, its unit, what it tells, its queries."""

    def __init__(self, title: str, unit: str, tells: str, *queries: Query) -> None:
        self.title = title
        self.unit = unit
        self.tells = tells
        self.queries = queries


SECTIONS: dict[str, list[Panel]] = {
    "Calls": [
        Panel(
            "Calls active",
            "short",
            "Calls up now, ringing included.",
            (gauge("sipedge_calls_active"), "calls"),
            (gauge("sipedge_leases", "state"), "leases {{state}}"),
        ),
        Panel(
            "Slots in use and paid",
            "short",
            "Simultaneous-call slots over all lines. A call between two lines takes two.",
            (gauge("sipedge_slots_in_use"), "in use"),
            (gauge("sipedge_slots_paid"), "paid"),
        ),
        Panel(
            "Refusals by reason",
            "reqps",
            "Refused requests per second; the first challenge of each authentication left out.",
            (
                rate("sipedge_calls_refused_total", "reason", where='reason!="challenged"'),
                "{{reason}}",
            ),
        ),
        Panel(
            "Calls per second",
            "cps",
            "Admitted: got their slots. Answered: got a 2xx.",
            (rate("sipedge_calls_admitted_total"), "admitted"),
            (rate("sipedge_calls_answered_total"), "answered"),
        ),
        Panel(
            "Calls ended, by how",
            "cps",
            "Who or what ended the admitted calls.",
            (rate("sipedge_calls_ended_total", "reason"), "{{reason}}"),
        ),
    ],
    "Registrar": [
        Panel(
            "Registrations",
            "short",
            "Bindings that have not expired.",
            (gauge("sipedge_registrations", "instance"), "{{instance}}"),
        ),
        Panel(
            "Registration changes",
            "ops",
            "Removed: by the phone, or expired.",
            (rate("sipedge_registration_changes_total", "change"), "{{change}}"),
        ),
        Panel(
            "Authentications",
            "ops",
            "Challenges sent, proofs accepted and refused.",
            (rate("sipedge_authentications_total", "outcome"), "{{outcome}}"),
        ),
    ],
    "SIP": [
        Panel(
            "SIP requests",
            "reqps",
            "Parsed (in) and sent (out), by method.",
            (rate("sipedge_sip_requests_total", "method", "direction"), "{{method}} {{direction}}"),
        ),
        Panel(
            "SIP responses",
            "reqps",
            "By class of status.",
            (rate("sipedge_sip_responses_total", "class", "direction"), "{{class}} {{direction}}"),
        ),
        Panel(
            "Retransmissions",
            "reqps",
            "Absorbed (in) and sent again (out). A rise is loss or lateness.",
            (rate("sipedge_sip_retransmissions_total", "direction"), "{{direction}}"),
        ),
        Panel(
            "Transactions",
            "short",
            "In memory, by kind.",
            (gauge("sipedge_transactions", "kind"), "{{kind}}"),
        ),
        Panel(
            "Messages dropped",
            "reqps",
            "Came in and got no answer.",
            (rate("sipedge_messages_dropped_total", "reason"), "{{reason}}"),
        ),
        Panel(
            "Datagrams received",
            "pps",
            "UDP, before any look at them.",
            (rate("sipedge_transport_datagrams_received_total", "instance"), "{{instance}}"),
        ),
        Panel(
            "SIP bytes",
            "Bps",
            "On all transports.",
            (rate("sipedge_transport_bytes_total", "direction"), "{{direction}}"),
        ),
        Panel(
            "Open flows",
            "short",
            "Connections of phones and trunks; UDP has none.",
            (gauge("sipedge_transport_flows", "transport"), "{{transport}}"),
        ),
    ],
    "Process": [
        Panel(
            "Event-loop lag",
            "s",
            "What a message waits before anybody looks at it.",
            (lag_quantile(0.5), "half below"),
            (lag_quantile(0.99), "99 % below"),
            (
                f"max by (instance) (sipedge_event_loop_lag_max_seconds{{{OURS}}})",
                "largest {{instance}}",
            ),
        ),
        Panel(
            "CPU",
            "percentunit",
            "One loop uses at most one core.",
            (
                f"sum by (instance) (rate(process_cpu_seconds_total{{{PROCESS}}}{RANGE}))",
                "{{instance}}",
            ),
        ),
        Panel(
            "Memory",
            "bytes",
            "In RAM, and the address space.",
            (f"process_resident_memory_bytes{{{PROCESS}}}", "in RAM {{instance}}"),
            (f"process_virtual_memory_bytes{{{PROCESS}}}", "addresses {{instance}}"),
        ),
        Panel(
            "Store",
            "wps",
            "Writes the database accepted and failed.",
            (rate("sipedge_store_writes_total"), "written"),
            (rate("sipedge_store_failures_total"), "failed"),
        ),
        Panel(
            "Store queue",
            "short",
            "Writes that wait for the database.",
            (gauge("sipedge_store_queue", "instance"), "{{instance}}"),
        ),
        Panel(
            "File descriptors",
            "short",
            "One per TCP or TLS connection.",
            (f"process_open_fds{{{PROCESS}}}", "open {{instance}}"),
            (f"process_max_fds{{{PROCESS}}}", "limit {{instance}}"),
        ),
        Panel(
            "Uptime",
            "s",
            "Since the edge and its process started.",
            (gauge("sipedge_uptime_seconds", "instance"), "edge {{instance}}"),
            (f"time() - process_start_time_seconds{{{PROCESS}}}", "process {{instance}}"),
        ),
        Panel(
            "Versions",
            "short",
            "Instances by what they run.",
            (
                gauge("sipedge_build_info", "version", "python"),
                "sipedge {{version}}, Python {{python}}",
            ),
        ),
    ],
}


def build_dashboard() -> Json:
    """Return the dashboard as Grafana reads it."""
    return {
        "uid": "sipedge",
        "title": "sipedge",
        "tags": ["sipedge", "sip"],
        "schemaVersion": 37,
        "editable": False,
        "graphTooltip": 1,  # one cross-hair over all panels
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": _variables()},
        "panels": _panels(),
    }


def _variables() -> list[Json]:
    return [
        {"name": "datasource", "label": "Source", "type": "datasource", "query": "prometheus"},
        {
            "name": "instance",
            "label": "Edge",
            "type": "query",
            "datasource": DATASOURCE,
            "query": "label_values(sipedge_build_info, instance)",
            "refresh": 2,  # when the time range changes
            "multi": True,
            "includeAll": True,
            "current": {"text": "All", "value": "$__all"},
        },
    ]


def _panels() -> list[Json]:
    panels: list[Json] = []
    top = 0
    for section, members in SECTIONS.items():
        title = {"type": "row", "title": section, "collapsed": False, "panels": []}
        panels.append(title | {"id": len(panels) + 1, "gridPos": _grid(0, top, WIDTH, 1)})
        top += 1
        for index, panel in enumerate(members):
            line, column = divmod(index, PER_LINE)
            width = WIDTH // PER_LINE
            place = _grid(column * width, top + line * HEIGHT, width, HEIGHT)
            panels.append(_graph(panel) | {"id": len(panels) + 1, "gridPos": place})
        top += -(-len(members) // PER_LINE) * HEIGHT
    return panels


def _grid(left: int, top: int, width: int, height: int) -> Json:
    return {"x": left, "y": top, "w": width, "h": height}


def _graph(panel: Panel) -> Json:
    targets = [
        {"refId": chr(ord("A") + index), "expr": expression, "legendFormat": legend}
        for index, (expression, legend) in enumerate(panel.queries)
    ]
    return {
        "type": "timeseries",
        "title": panel.title,
        "description": panel.tells,
        "datasource": DATASOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"tooltip": {"mode": "multi", "sort": "desc"}},
    }


def render() -> str:
    """Return the text of sipedge.json."""
    return json.dumps(build_dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    OUTPUT.write_text(render(), "utf-8")
