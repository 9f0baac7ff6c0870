"""The log of a server: one line for each query and each other request, and for what happens to releases.

Who tells something never waits: lines are written by a thread of their own, and left out while
nobody takes them.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cybilgraph.errors import (
    AnswerTooLarge,
    EndpointFailed,
    EngineUnavailable,
    FormatMismatch,
    QueryRefused,
    QuerySyntaxError,
    QueryTimeout,
    ServiceFailed,
)
from cybilgraph.model.findings import escape_controls
from cybilgraph.runtime.pool import ProcessExit
from cybilgraph.runtime.scheduler import Caller

_ROOT_LOGGER = logging.getLogger("cybilgraph")
_SERVER_LOGGER = _ROOT_LOGGER.getChild("serve")
#: So many lines wait to be written.
_MAX_QUEUED_LINES = 10_000
#: Characters of what a client sends, and of what is said of it, that a line holds.
_MAX_CLIENT, _MAX_METHOD, _MAX_PATH, _MAX_QUERY = 64, 20, 500, 2_000
_MAX_MESSAGE, _MAX_TRACEBACK = 4_000, 20_000
#: What needs no quotes to be one word of a line.
_WORD = re.compile(r"[^\s\"\\]+")
#: Seconds between two writes, and the lines of one.
_WRITE_INTERVAL_SECONDS, _LINES_PER_WRITE = 0.05, 500
#: The first class that an error is of decides; without one of them it is its status.
_OUTCOMES: tuple[tuple[type[Exception], str], ...] = (
    (QuerySyntaxError, "syntax"),
    (QueryRefused, "refused"),
    (FormatMismatch, "format"),
    (QueryTimeout, "timeout"),
    (AnswerTooLarge, "too_large"),
    (ServiceFailed, "abroad"),
    (EndpointFailed, "endpoint"),
    (EngineUnavailable, "busy"),
)
OUTCOMES = ("ok", *(name for _, name in _OUTCOMES), "gone", "failed")


@dataclass(slots=True)
class LogEntry:
    """What is told of one request; filled as it goes on. ``query`` is empty where none was asked."""

    client: str
    method: str
    path: str
    began: float = field(default_factory=time.perf_counter)
    status: int = 0
    bytes: int = 0
    seconds: float = 0.0
    query: str = ""
    query_hash: str = ""
    format: str = ""
    rows: int | None = None
    cached: bool = False
    release: int = 0
    #: Not the error itself: it holds on to its frames, and so to the request, until garbage is collected.
    error: type[Exception] | None = None
    caller: Caller | None = None
    #: Whether the last part of the response was sent.
    sent: bool = False

    def ask(self, query: str, query_hash: str) -> None:
        """Note the query. Lines may wait to be written, so that only what a line shows of it is kept."""
        self.query, self.query_hash = query[: _MAX_QUERY + 1], query_hash

    def end(self) -> None:
        """Nothing more comes."""
        self.seconds = time.perf_counter() - self.began

    @property
    def outcome(self) -> str:
        """What became of it, by one of OUTCOMES."""
        if not self.status or (self.caller and self.caller.gone):
            return "gone"
        if self.status < 400:
            return "ok"
        if self.status == 429:
            return "busy"
        return next((name for kind, name in _OUTCOMES if self.error and issubclass(self.error, kind)), "failed")


class AccessLog:
    """The log, in JSON or as text for people; the text of queries is left out if so wished."""

    def __init__(self, form: str, *, queries: bool, handle: int | None = None) -> None:
        """Lines go to ``handle``, else to standard error."""
        self._queries = queries
        self.writer = _Writer(sys.stderr.fileno() if handle is None else handle, formatter(form))
        _ROOT_LOGGER.handlers = [self.writer]
        _ROOT_LOGGER.propagate = False
        _SERVER_LOGGER.setLevel(logging.INFO)

    def log_event(self, what: str) -> None:
        """Something has happened that is of no request."""
        _SERVER_LOGGER.info(what, extra={"told": {"event": "server", "message": what}})

    def log_process_end(self, log_process_end: ProcessExit) -> None:
        """A process has ended unasked."""
        _SERVER_LOGGER.warning(str(log_process_end), extra={"told": process_end_fields(log_process_end)})

    def log_request(self, log_request: LogEntry) -> None:
        """A request has ended. It goes past ``logging``, whose bookkeeping takes as long as a small answer.

        Lines wait while nobody takes them: what a client sent is cut now, and not when its line is written.
        """
        kept = replace(
            log_request,
            client=_bounded(log_request.client, _MAX_CLIENT),
            method=_bounded(log_request.method, _MAX_METHOD),
            path=_bounded(log_request.path, _MAX_PATH),
            query=_bounded(log_request.query, _MAX_QUERY),
        )
        self.writer.put(_RequestRecord(time.time(), kept, self._queries))


def process_end_fields(ended: ProcessExit) -> dict[str, Any]:
    """What a line says of a process that has ended unasked."""
    what = {"process": ended.what, "pid": ended.process, "how": ended.how, "done": ended.done}
    return {"event": "server", "message": str(ended), **what}


def _bounded(text: str, most: int) -> str:
    """The text, cut to so many characters; what is no Unicode text, and so no JSON, is escaped."""
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    return cut if cut.isascii() else cut.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True, slots=True)
class _RequestRecord:
    """A request that has ended, as a record of the log: what is told of it is made by the thread that writes."""

    created: float
    entry: LogEntry
    queries: bool
    levelname: str = "INFO"

    @property
    def fields(self) -> dict[str, Any]:
        """What a line says of it."""
        entry = self.entry
        fields: dict[str, Any] = {
            "event": "query" if entry.query else "request",
            "client": entry.client,
            "method": entry.method,
            "path": entry.path,
            "status": entry.status,
            "outcome": entry.outcome,
            "milliseconds": round(entry.seconds * 1000, 1),
            "bytes": entry.bytes,
        }
        if entry.query:
            fields |= {
                "rows": entry.rows,
                "format": entry.format,
                "cached": entry.cached,
                "release": entry.release,
                "query_hash": entry.query_hash,
            }
            if self.queries:
                fields["query"] = entry.query
        return fields


def formatter(form: str) -> _Json | _Text:
    """What makes lines of this form."""
    return _Json() if form == "json" else _Text()


def http_server_logging(form: str) -> dict[str, Any]:
    """Have the HTTP server's own lines, and those of its main process, among the others (logging.config)."""
    to_error = {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "ours"}
    return {
        "formatters": {"ours": {"()": f"{__name__}.{formatter.__name__}", "form": form}},
        "handlers": {"console": to_error, "access": to_error},
    }


def _timestamp(record: logging.LogRecord | _RequestRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _fields(record: logging.LogRecord | _RequestRecord) -> dict[str, Any]:
    if isinstance(record, _RequestRecord):
        return record.fields
    if found := record.__dict__.get("told"):
        return dict(found)
    fields = {"event": "server", "message": _bounded(record.getMessage(), _MAX_MESSAGE)}
    if record.exc_info:
        fields["exception"] = _bounded(logging.Formatter().formatException(record.exc_info), _MAX_TRACEBACK)
    return fields


class _Json(logging.Formatter):
    """A line of JSON."""

    def format(self, record: logging.LogRecord | _RequestRecord) -> str:
        return json.dumps({"time": _timestamp(record), "level": record.levelname.lower(), **_fields(record)})


class _Text(logging.Formatter):
    """A line for people, that steers no terminal. What a client sent is one word, in quotes where it needs them; a
    traceback is indented: neither can pass for a line, or a field, of ours.
    """

    def format(self, record: logging.LogRecord | _RequestRecord) -> str:
        fields = _fields(record)
        event = fields.pop("event")
        if event == "server":
            traceback = f"\n{fields['exception']}" if "exception" in fields else ""
            return escape_controls(f"{_timestamp(record)} {fields['message']}") + escape_controls(
                traceback, lines=True
            ).replace("\n", "\n  ")
        query = fields.pop("query", "")
        parts = [_word(f"{fields.pop(name)}") for name in ("client", "method", "path", "status", "outcome")]
        parts += [
            f"{name}={value}"
            for name, value in fields.items()
            if value is not None and value is not False and value != ""
        ]
        if query:
            parts.append(f"query={json.dumps(' '.join(query.split()), ensure_ascii=False)}")
        return escape_controls(" ".join((_timestamp(record), event, *parts)))


def _word(text: str) -> str:
    return text if _WORD.fullmatch(text) else json.dumps(text, ensure_ascii=False)


class _Writer(logging.Handler):
    """Writes lines from a thread of its own. What finds no room is left out, and counted.

    The thread looks for itself, a few times a second: to wake it for each line would hold up who answers.
    """

    def __init__(self, handle: int, lines: _Json | _Text) -> None:
        super().__init__()
        self._handle = handle
        self._lines = lines
        self._waiting: deque[logging.LogRecord | _RequestRecord] = deque()
        self.dropped_lines = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        self.put(record)

    def put(self, record: logging.LogRecord | _RequestRecord) -> None:
        """Have a line written of this."""
        if len(self._waiting) < _MAX_QUEUED_LINES:
            self._waiting.append(record)
        else:
            self.dropped_lines += 1

    def _write(self) -> None:
        while not self._closing.wait(_WRITE_INTERVAL_SECONDS) or self._waiting:
            some = [self._waiting.popleft() for _ in range(min(len(self._waiting), _LINES_PER_WRITE))]
            data = "".join(map(self._line, some)).encode("utf-8", "backslashreplace")
            with suppress(OSError):  # nobody reads any more
                while data:
                    data = data[os.write(self._handle, data) :]

    def _line(self, record: logging.LogRecord | _RequestRecord) -> str:
        """A line; nothing of what cannot be told, which is counted: the log goes on."""
        try:
            return f"{self._lines.format(record)}\n"
        except Exception:
            self.dropped_lines += 1
            return ""

    def close(self) -> None:
        """Write what waits, unless nobody takes it."""
        self._closing.set()
        self._thread.join(timeout=2)
        super().close()
