"""Structured log lines, as JSON or as text: an event, which is a constant word, and its fields.

The standard logging module carries them, with a formatter of our own, rather than structlog:
aiohttp, SQLAlchemy and Alembic log through it anyway, so the escaping and the hiding of secrets
must stand behind it in any case, and then nothing is left for a second library to do.

One line per call end and per change of state, none per message: a line costs as much as half an
INVITE. The words of an event are those of the metrics. Whatever a peer sent is escaped, so that
one event is always one line, and no line can be forged or drive the terminal of its reader.
"""

import json
import logging
import re
import time
import traceback
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Final, TextIO

from typing_extensions import override

Scalar = str | int | float | bool | None

HIDDEN: Final = "[hidden]"
# Some hundred kilobytes of lines.
BUFFERED_LINES_MAX: Final = 1000
# A SIP header of a usual size fits; a flood of 64 KiB Call-IDs does not fill the disk.
VALUE_LENGTH_MAX: Final = 1024
# The end of a traceback says what happened; fifty frames of it are enough.
TRACEBACK_LENGTH_MAX: Final = 8192


# Made once: json.dumps with separators builds an encoder per call.
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))


class LogFormat(Enum):
    """How a line is written."""

    JSON = "json"  # one object per line, for machines
    TEXT = "text"  # time, level, event, key=value, for people


def configure(
    *, log_format: LogFormat, level: int, stream: TextIO, is_buffered: bool = False
) -> None:
    """Send every log line of the process to `stream`, replacing what was set up before.

    `level` is one of logging's (logging.INFO). aiohttp's line per HTTP request and Alembic's notes
    are left out. With `is_buffered` somebody must call `flush_logs` regularly.
    """
    handler = BufferedHandler(stream) if is_buffered else logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if log_format is LogFormat.JSON else TextFormatter())
    root = logging.getLogger()
    for former in list(root.handlers):
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(level)
    # A line per HTTP request, and one per migration of a database that is being made.
    for talkative in ("aiohttp.access", "alembic"):
        logging.getLogger(talkative).setLevel(logging.WARNING)


def log_event(logger: logging.Logger, level: int, event: str, fields: Mapping[str, Scalar]) -> None:
    """Write one event with its fields.

    `event` is a constant word in the past tense (`call_ended`). A field whose name tells of a
    secret is written as `[hidden]`.
    """
    if not logger.isEnabledFor(level):
        return
    # Made by hand: Logger.log walks the stack for a file and a line that nobody writes out, which
    # is a third of the price.
    record = logging.LogRecord(logger.name, level, "", 0, event, None, None)
    record.fields = fields
    logger.handle(record)


class BufferedHandler(logging.StreamHandler[TextIO]):
    """Collects the lines of quiet levels and writes them together; a warning takes them along.

    A line written alone costs a system call. Whoever runs the process calls `flush` a few times a
    second, so that a crash loses the calls of that moment and never what led to it.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Take one line; a warning or worse, and a full buffer, are written at once."""
        try:
            self._lines.append(self.format(record))
        except Exception:  # noqa: BLE001 - as every handler: a bad record is reported, not raised
            self.handleError(record)
        if record.levelno >= logging.WARNING or len(self._lines) >= BUFFERED_LINES_MAX:
            self.flush()

    @override
    def flush(self) -> None:
        """Write what waits."""
        lines = self._lines
        if lines:
            self._lines = []
            self.stream.write("\n".join(lines) + self.terminator)
        super().flush()


def flush_logs() -> None:
    """Write the lines that wait in every handler of the process."""
    for handler in logging.getLogger().handlers:
        handler.flush()


class JsonFormatter(logging.Formatter):
    """One JSON object per line: at, level, logger, event, then the fields."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Scalar] = {
            "at": utc_text(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": clean(record.getMessage(), VALUE_LENGTH_MAX),
        }
        for name, value in _fields_of(record).items():
            line[name if name not in line else f"field_{name}"] = _shown(name, value)
        failure = _failure_of(record)
        if failure:
            line["traceback"] = failure
        # ASCII output escapes every control and direction character but DEL.
        return _ENCODER.encode(line).replace("\x7f", "\\u007f")


class TextFormatter(logging.Formatter):
    """`2026-03-01T08:00:00.125Z info call_ended call_id=ab12 seconds=61` on one line.

    The frames of a traceback follow on lines of their own, indented, as no other line is.
    """

    @override
    def format(self, record: logging.LogRecord) -> str:
        words = [
            utc_text(record.created),
            record.levelname.lower(),
            escape(clean(record.getMessage(), VALUE_LENGTH_MAX)),
        ]
        for name, value in _fields_of(record).items():
            words.append(f"{escape(name)}={_as_word(_shown(name, value))}")
        lines = [" ".join(words)]
        failure = _failure_of(record)
        lines.extend("    " + escape(line) for line in failure.split("\n") if line)
        return "\n".join(lines)


def utc_text(created: float) -> str:
    """Write an instant (seconds since 1970) as ISO 8601 in UTC with milliseconds."""
    milliseconds = int(created * 1000)
    return f"{_second_text(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


def escape(text: str) -> str:
    """Write every character that is not printable as an escape: CR, LF, ESC, DEL, bidi controls.

    A backslash is doubled, so that an escape cannot be mistaken for a text that looks like one.
    """
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(_escaped(character) for character in text)


def clean(text: str, length_max: int) -> str:
    """Cut `text` to its first `length_max` characters and hide the secrets in it."""
    if len(text) > length_max:
        text = f"{text[:length_max]}...({len(text) - length_max} more)"
    return hide_secrets(text)


def hide_secrets(text: str) -> str:
    """Write `[hidden]` for what looks like a secret.

    Known by shape: Authorization headers, `password=...` and its like, the proof inside a digest,
    the password in `scheme://user:password@host` and in `sip:user:password@host`.
    """
    if ":" in text or "=" in text:
        text = _SECRET_HEADER.sub(rf"\1: {HIDDEN}", text)
        text = _SECRET_PAIR.sub(rf"\1{HIDDEN}", text)
        text = _SECRET_IN_URI.sub(rf"\1:{HIDDEN}@", text)
    return text


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Tell whether a field of this name holds something that must not reach a log."""
    plain = name.lower().replace("-", "_")
    return plain in _SECRET_WORDS or any(part in plain for part in _SECRET_PARTS)


_SECRET_PARTS: Final = ("password", "passwd", "secret", "authorization", "cookie", "private_key")
_SECRET_WORDS: Final = frozenset(
    {"a1", "api_key", "cnonce", "consumer_key", "ha1", "nonce", "response", "signature", "token"}
)

# Each bound keeps the search linear, and none starts inside a word: a peer chooses this text.
_SECRET_HEADER: Final = re.compile(
    r"(?i)\b((?:proxy-|www-)?(?:authorization|authenticate)|(?:set-)?cookie)[ \t]{0,8}:[^\r\n]*"
)
_SECRET_PAIR: Final = re.compile(
    r"(?i)(?<![a-z0-9])"
    r"((?:[a-z0-9]{1,32}[_-]){0,4}"
    r"(?:password|passwd|secret|private[_-]key|api[_-]key|consumer[_-]key|ha1|c?nonce"
    r"|signature|token|response)"
    r"""["']?[ \t]{0,8}[=:][ \t]{0,8})"""
    r"""("(?:[^"\\]|\\.){0,1024}+"?|'[^']{0,1024}'?|[^\s,;&"'\[]{1,1024})"""
)
_SECRET_IN_URI: Final = re.compile(
    r"(?i)(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,15}:(?://)?[^\s:/@?#]{0,128}):[^\s@/]{1,256}@"
)


@lru_cache(maxsize=2)
def _second_text(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _fields_of(record: logging.LogRecord) -> Mapping[str, Scalar]:
    fields = getattr(record, "fields", None)
    return fields if isinstance(fields, Mapping) else {}


def _shown(name: str, value: object) -> Scalar:
    if is_secret_name(name):
        return HIDDEN
    if isinstance(value, str):
        return clean(value, VALUE_LENGTH_MAX)
    if value is None or isinstance(value, (int, float)):
        return value
    # What is no Scalar (an address, an exception) must not break the line.
    return clean(str(value), VALUE_LENGTH_MAX)


def _failure_of(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[0] is None:
        return ""
    text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
    # Hidden before it is cut: the cut may take the name and leave the secret.
    return hide_secrets(text)[-TRACEBACK_LENGTH_MAX:]


def _as_word(value: Scalar) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    text = escape(value)
    if text and not _NEEDS_QUOTES.search(text):
        return text
    return '"' + text.replace('"', '\\"') + '"'


_NEEDS_QUOTES: Final = re.compile(r'[\s"=]|^-$')


def _escaped(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
