import io
import json
import logging
import time
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipedge.observability.logs import (
    HIDDEN,
    TRACEBACK_LENGTH_MAX,
    VALUE_LENGTH_MAX,
    JsonFormatter,
    LogFormat,
    Scalar,
    TextFormatter,
    clean,
    configure,
    escape,
    flush_logs,
    is_secret_name,
    log_event,
    utc_text,
)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root, access = logging.getLogger(), logging.getLogger("aiohttp.access")
    before = (list(root.handlers), root.level, access.level)
    yield
    root.handlers[:], level, access_level = before
    root.setLevel(level)
    access.setLevel(access_level)


def lines_of(log_format: LogFormat, event: str, fields: Mapping[str, Scalar]) -> list[str]:
    stream = io.StringIO()
    configure(log_format=log_format, level=logging.INFO, stream=stream)
    log_event(logging.getLogger("sipedge.test"), logging.INFO, event, fields)
    text = stream.getvalue()
    assert text.endswith("\n")
    return text[:-1].split("\n")


def record(event: str = "event", fields: Mapping[str, object] | None = None) -> logging.LogRecord:
    made = logging.LogRecord("sipedge.test", logging.INFO, "", 0, event, None, None)
    made.fields = fields or {}
    return made


def failed_record(text: str) -> logging.LogRecord:
    def fail() -> None:
        raise ValueError(text)

    made = record()
    try:
        fail()
    except ValueError as error:
        made.exc_info = (type(error), error, error.__traceback__)
    return made


def test_a_call_end_is_one_json_line() -> None:
    (line,) = lines_of(
        LogFormat.JSON, "call_ended", {"call": "c1", "seconds": 61.5, "status": 200, "trunk": None}
    )
    read = json.loads(line)
    assert read.pop("at").endswith("Z")
    assert read == {
        "level": "info",
        "logger": "sipedge.test",
        "event": "call_ended",
        "call": "c1",
        "seconds": 61.5,
        "status": 200,
        "trunk": None,
    }


def test_a_call_end_is_one_text_line() -> None:
    (line,) = lines_of(
        LogFormat.TEXT,
        "call_ended",
        {"call": "c1", "seconds": 61.5, "kept": True, "trunk": None, "to": "two words", "x": ""},
    )
    instant, rest = line.split(" ", 1)
    assert instant.endswith("Z")
    assert rest == 'info call_ended call=c1 seconds=61.5 kept=true trunk=- to="two words" x=""'


def test_a_text_that_looks_like_none_is_told_from_none() -> None:
    (line,) = lines_of(LogFormat.TEXT, "event", {"trunk": "-"})
    assert line.endswith('trunk="-"')


@pytest.mark.parametrize("log_format", LogFormat)
@pytest.mark.parametrize(
    "hostile",
    [
        "x\r\n2026-01-01T00:00:00.000Z info call_ended call=forged",
        "x\n    forged frame",
        "\x1b[2J\x1b]0;title\x07",
        "\x00\x08\x0b\x0c\x7f\x85\x9b",
        "\u2028\u2029\u202e\u2066",
        "\ud800",
    ],
)
def test_what_a_peer_sent_stays_on_its_line_and_cannot_drive_a_terminal(
    log_format: LogFormat, hostile: str
) -> None:
    for fields in ({"call_id": hostile}, {hostile: "value"}):
        (line,) = lines_of(log_format, "event", fields)
        assert line.isprintable()
    (line,) = lines_of(log_format, hostile, {})
    assert line.isprintable()


@given(st.text(), st.text())
def test_json_gives_back_what_went_in(name: str, value: str) -> None:
    line = JsonFormatter().format(record("event", {name: value}))
    assert line.isascii()
    assert line.isprintable()
    read = json.loads(line)
    if name in {"at", "level", "logger", "event"}:
        name = f"field_{name}"
    if clean(value, VALUE_LENGTH_MAX) == value and not is_secret_name(name):
        assert read[name] == value


@given(st.text(), st.text())
def test_text_is_one_printable_line_whatever_it_holds(name: str, value: str) -> None:
    assert TextFormatter().format(record("event", {name: value})).isprintable()


@given(st.text(), st.text())
def test_two_texts_never_escape_to_the_same(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) == (one == other)


def test_a_field_cannot_replace_the_event() -> None:
    (line,) = lines_of(LogFormat.JSON, "call_ended", {"event": "forged", "level": "error"})
    read = json.loads(line)
    assert read["event"] == "call_ended"
    assert read["level"] == "info"
    assert read["field_event"] == "forged"


SECRET = "s3cret-0001"


@pytest.mark.parametrize("log_format", LogFormat)
@pytest.mark.parametrize(
    "name",
    [
        "password",
        "sip_password",
        "application_secret",
        "Proxy-Authorization",
        "response",
        "ha1",
        "cnonce",
        "set-cookie",
        "token",
        "consumer_key",
    ],
)
def test_a_field_named_like_a_secret_is_hidden(log_format: LogFormat, name: str) -> None:
    (line,) = lines_of(log_format, "event", {name: SECRET})
    assert SECRET not in line
    assert HIDDEN in line


@pytest.mark.parametrize("log_format", LogFormat)
@pytest.mark.parametrize(
    "text",
    [
        f'Authorization: Digest username="0033", response="{SECRET}"',
        f"proxy-authorization : Digest x={SECRET}",
        f"INVITE sip:x SIP/2.0\r\nAuthorization: {SECRET}\r\nTo: <sip:y>",
        f'Digest username="0033", response="{SECRET}", qop=auth',
        f"response={SECRET},qop=auth",
        f'password = "{SECRET}"',
        f"{{'password': '{SECRET}', 'line': '0033'}}",
        f'{{"sip_password":"{SECRET}"}}',
        f"password='{SECRET} and more",
        f'secret="an escaped \\" {SECRET}"',
        f"postgresql://edge:{SECRET}@127.0.0.1/sipedge",
        f"redis://:{SECRET}@127.0.0.1",
        f"sip:0033972100001:{SECRET}@edge.test",
        f"Contact: <sips:alice:{SECRET}@10.0.0.1:5061;transport=tcp>",
        f"PASSWORD={SECRET}",
        f"X-Api-Key: {SECRET}",
    ],
)
def test_a_secret_inside_a_text_is_hidden(log_format: LogFormat, text: str) -> None:
    assert SECRET not in lines_of(log_format, "event", {"detail": text})[0]
    assert SECRET not in lines_of(log_format, text, {})[0]
    failed = failed_record(text)
    formatter = JsonFormatter() if log_format is LogFormat.JSON else TextFormatter()
    assert SECRET not in formatter.format(failed)


@pytest.mark.parametrize(
    "text",
    [
        "sip:0033972100001@127.0.0.1:5060;transport=tcp",
        "<sip:[2001:db8::1]:5060>",
        "a84b4c76e66710@pc33.example.test",
        "2026-03-01T08:00:00Z",
        "response time: 5",
        "no response from 127.0.0.1:5060",
        "expected=1 found=2",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert clean(text, VALUE_LENGTH_MAX) == text


def test_a_secret_is_hidden_even_where_the_traceback_is_cut() -> None:
    failed = failed_record("Authorization: " + "x" * TRACEBACK_LENGTH_MAX + SECRET)
    assert SECRET not in JsonFormatter().format(failed)


@pytest.mark.parametrize(
    "piece",
    ["a:", "password", "a", "sip:a:", 'secret="\\"', "x_", "token:'", "a1_", "Authorization ", "-"],
)
def test_hiding_takes_linear_time_on_text_made_to_be_slow(piece: str) -> None:
    short, long = piece * 500, piece * 8000

    def best_of_three(text: str) -> float:
        times = []
        for _ in range(3):
            started = time.perf_counter()
            clean(text, len(text))
            times.append(time.perf_counter() - started)
        return min(times)

    # Sixteen times the text; a quadratic search would take 256 times as long.
    assert best_of_three(long) < 64 * best_of_three(short) + 0.002


def test_a_long_value_is_cut_and_says_so() -> None:
    (line,) = lines_of(LogFormat.JSON, "event", {"call_id": "x" * (VALUE_LENGTH_MAX + 7)})
    assert json.loads(line)["call_id"] == "x" * VALUE_LENGTH_MAX + "...(7 more)"


def test_a_traceback_is_one_json_field_or_indented_lines() -> None:
    failed = failed_record("broken\nforged line")
    assert "ValueError: broken" in json.loads(JsonFormatter().format(failed))["traceback"]
    first, *rest = TextFormatter().format(failed).split("\n")
    assert first.endswith("info event")
    assert all(line.startswith("    ") for line in rest)


def test_lines_of_libraries_are_written_alike() -> None:
    stream = io.StringIO()
    configure(log_format=LogFormat.JSON, level=logging.INFO, stream=stream)
    logging.getLogger("some.library").warning("lost %s after %d s", "connection", 3)
    logging.getLogger("aiohttp.access").info("GET /metrics")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["event"] == "lost connection after 3 s"


def test_what_is_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    configure(log_format=LogFormat.TEXT, level=logging.WARNING, stream=stream)
    log_event(logging.getLogger("sipedge.test"), logging.INFO, "call_ended", {})
    assert stream.getvalue() == ""


def test_configuring_twice_writes_once() -> None:
    configure(log_format=LogFormat.TEXT, level=logging.INFO, stream=io.StringIO())
    assert len(lines_of(LogFormat.TEXT, "event", {})) == 1


def test_a_value_of_another_type_does_not_break_the_line() -> None:
    line = JsonFormatter().format(record("event", {"address": ("127.0.0.1", 5060)}))
    assert json.loads(line)["address"] == "('127.0.0.1', 5060)"


@pytest.mark.parametrize(
    ("created", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1772352000.1256, "2026-03-01T08:00:00.125Z"),
        (1772352000.9999, "2026-03-01T08:00:00.999Z"),
    ],
)
def test_instants_are_utc_with_milliseconds(created: float, text: str) -> None:
    assert utc_text(created) == text


def test_buffered_lines_are_written_together_and_a_warning_takes_them_along() -> None:
    stream = io.StringIO()
    configure(log_format=LogFormat.TEXT, level=logging.INFO, stream=stream, is_buffered=True)
    logger = logging.getLogger("sipedge.test")
    log_event(logger, logging.INFO, "call_ended", {"seconds": 1})
    assert stream.getvalue() == ""
    flush_logs()
    assert stream.getvalue().count("\n") == 1
    log_event(logger, logging.INFO, "call_ended", {"seconds": 2})
    log_event(logger, logging.WARNING, "database_back", {})
    assert stream.getvalue().count("\n") == 3
