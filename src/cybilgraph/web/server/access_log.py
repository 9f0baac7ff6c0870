"""The access log: one line for each query and each other request, and lines for server events.

Logging never blocks the caller: a separate thread writes the lines, and drops them if the queue is full.
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

from cybilgraph import errors
from cybilgraph.model.findings import escape_controls
from cybilgraph.runtime.pool import ProcessExit
from cybilgraph.runtime.scheduler import Caller
from cybilgraph.web.server.quotas import client_network

_ROOT_LOGGER = logging.getLogger("cybilgraph")
_SERVER_LOGGER = _ROOT_LOGGER.getChild("serve")
#: The longest queue of unwritten lines.
_MAX_QUEUED_LINES = 10_000
#: The most characters of each part of a line.
_MAX_CLIENT, _MAX_METHOD, _MAX_PATH, _MAX_QUERY = 64, 20, 500, 2_000
_MAX_MESSAGE, _MAX_TRACEBACK = 4_000, 20_000
#: Text that needs no quotes to be a single word of a line.
_WORD = re.compile(r"[^\s\"\\]+")
#: Seconds between two writes, and the most lines per write.
_WRITE_INTERVAL_SECONDS, _LINES_PER_WRITE = 0.05, 500
#: The first class that matches an error decides the outcome; if none does, the status decides.
_OUTCOMES: tuple[tuple[type[Exception], str], ...] = (
    (errors.QuerySyntaxError, "syntax"),
    (errors.QueryRefused, "refused"),
    (errors.FormatMismatch, "format"),
    (errors.QueryTimeout, "timeout"),
    (errors.AnswerTooLarge, "too_large"),
    (errors.ServiceFailed, "service"),
    (errors.EndpointFailed, "endpoint"),
    (errors.EngineUnavailable, "busy"),
)
OUTCOMES = ("ok", *(name for _, name in _OUTCOMES), "gone", "failed")


@dataclass(slots=True)
class LogEntry:
    """The log entry of one request, filled in while it is processed; ``query`` is empty for other requests."""

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
    #: The class only: the error itself would keep its frames, and thus the request, alive until garbage collection.
    error: type[Exception] | None = None
    #: The caller of that name, by default a new one.
    caller: Caller = field(default_factory=Caller)
    #: Whether the whole response was sent.
    sent: bool = False
    #: When it was logged, as in ``logging.LogRecord``.
    created: float = 0.0

    def __post_init__(self) -> None:
        self.caller.name = self.caller.name or self.client

    def ask(self, query: str, query_hash: str) -> None:
        """Record the query, shortened to what a line shows, because lines may wait in the queue."""
        self.query, self.query_hash = query[: _MAX_QUERY + 1], query_hash

    def end(self) -> None:
        """Record the duration; the request has ended."""
        self.seconds = time.perf_counter() - self.began

    @property
    def outcome(self) -> str:
        """The outcome of the request, one of OUTCOMES."""
        if not self.status or self.caller.has_left:
            return "gone"
        if self.status < 400:
            return "ok"
        if self.status == 429:
            return "busy"
        return next((name for kind, name in _OUTCOMES if self.error and issubclass(self.error, kind)), "failed")

    def fields(self, *, queries: bool, addresses: bool) -> dict[str, Any]:
        """Return the fields of the line, with or without the text of the query and the whole address."""
        fields: dict[str, Any] = {
            "event": "query" if self.query else "request",
            "client": self.client if addresses else _network_of(self.client),
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "outcome": self.outcome,
            "milliseconds": round(self.seconds * 1000, 1),
            "bytes": self.bytes,
        }
        if self.query:
            fields |= {name: getattr(self, name) for name in ("rows", "format", "cached", "release", "query_hash")}
            if queries:
                fields["query"] = self.query
        return fields


class AccessLog(logging.Handler):
    """The log, in JSON or as plain text, with or without the text of queries and whole addresses.

    A thread writes the lines; those that do not fit into its queue are dropped. It polls the queue several times a
    second, since waking it for each line would slow down requests.
    """

    def __init__(self, form: str, *, queries: bool, addresses: bool = False, handle: int | None = None) -> None:
        """Write lines to the file descriptor ``handle``, by default standard error."""
        super().__init__()
        self._handle = sys.stderr.fileno() if handle is None else handle
        self._lines = LineFormatter(form, queries=queries, addresses=addresses)
        self._waiting: deque[logging.LogRecord | LogEntry] = deque()
        self.dropped_lines = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()
        _ROOT_LOGGER.handlers = [self]
        _ROOT_LOGGER.propagate = False
        _SERVER_LOGGER.setLevel(logging.INFO)

    def log_event(self, message: str) -> None:
        """Log an event that does not belong to a request."""
        _SERVER_LOGGER.info(message, extra={"fields": {"event": "server", "message": message}})

    def log_process_end(self, ended: ProcessExit) -> None:
        """Log that a process ended unexpectedly."""
        _SERVER_LOGGER.warning(str(ended), extra={"fields": process_end_fields(ended)})

    def log_request(self, entry: LogEntry) -> None:
        """Log a request that has ended.

        This bypasses ``logging``, whose overhead is as large as that of a small answer. Client input is shortened
        here, not when the line is written, because lines may wait in the queue.
        """
        bounded = replace(
            entry,
            created=time.time(),
            client=_bounded(entry.client, _MAX_CLIENT),
            method=_bounded(entry.method, _MAX_METHOD),
            path=_bounded(entry.path, _MAX_PATH),
            query=_bounded(entry.query, _MAX_QUERY),
        )
        self.emit(bounded)

    def emit(self, record: logging.LogRecord | LogEntry) -> None:
        """Enqueue a record, or drop it if the queue is full."""
        if len(self._waiting) < _MAX_QUEUED_LINES:
            self._waiting.append(record)
        else:
            self.dropped_lines += 1

    def _write(self) -> None:
        while not self._closing.wait(_WRITE_INTERVAL_SECONDS) or self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _LINES_PER_WRITE))]
            data = "".join(map(self._line, batch)).encode("utf-8", "backslashreplace")
            with suppress(OSError):  # the reader has closed the pipe
                while data:
                    data = data[os.write(self._handle, data) :]

    def _line(self, record: logging.LogRecord | LogEntry) -> str:
        """Format a record; on failure, return "" and count the line as dropped, so that logging continues."""
        try:
            return f"{self._lines.format(record)}\n"
        except Exception:
            self.dropped_lines += 1
            return ""

    def close(self) -> None:
        """Write the rest of the queue, waiting at most two seconds."""
        self._closing.set()
        self._thread.join(timeout=2)
        super().close()


def process_end_fields(ended: ProcessExit) -> dict[str, Any]:
    """Return the log fields of a process that ended unexpectedly."""
    details = {"process": ended.what, "pid": ended.process, "how": ended.how, "done": ended.done}
    return {"event": "server", "message": str(ended), **details}


def http_server_logging(form: str) -> dict[str, Any]:
    """Return a configuration (logging.config) that formats the HTTP server's own lines like ours."""
    to_error = {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "ours"}
    return {
        "formatters": {"ours": {"()": f"{__name__}.{LineFormatter.__name__}", "form": form}},
        "handlers": {"console": to_error, "access": to_error},
    }


class LineFormatter(logging.Formatter):
    """Formats a record as a line of JSON, or of plain text that cannot control a terminal.

    Client input in plain text is a single word, quoted if necessary, and tracebacks are indented, so that neither can
    forge a line or a field.
    """

    def __init__(self, form: str, *, queries: bool = False, addresses: bool = False) -> None:
        super().__init__()
        self._is_json = form == "json"
        self._queries, self._addresses = queries, addresses

    def format(self, record: logging.LogRecord | LogEntry) -> str:
        """Return the line of a log record or of a request."""
        created = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        if isinstance(record, LogEntry):
            level, fields = "info", record.fields(queries=self._queries, addresses=self._addresses)
        else:
            level, fields = record.levelname.lower(), self._server_fields(record)
        if self._is_json:
            return json.dumps({"time": created, "level": level, **fields})
        event = fields.pop("event")
        if event == "server":
            traceback = f"\n{fields['exception']}" if "exception" in fields else ""
            indented = escape_controls(traceback, lines=True).replace("\n", "\n  ")
            return escape_controls(f"{created} {fields['message']}") + indented
        query = fields.pop("query", "")
        parts = [_word(f"{fields.pop(name)}") for name in ("client", "method", "path", "status", "outcome")]
        parts += [
            f"{name}={value}"
            for name, value in fields.items()
            if value is not None and value is not False and value != ""
        ]
        if query:
            parts.append(f"query={json.dumps(' '.join(query.split()), ensure_ascii=False)}")
        return escape_controls(" ".join((created, event, *parts)))

    def _server_fields(self, record: logging.LogRecord) -> dict[str, Any]:
        if found := record.__dict__.get("fields"):
            return dict(found)
        fields = {"event": "server", "message": _bounded(record.getMessage(), _MAX_MESSAGE)}
        if record.exc_info:
            fields["exception"] = _bounded(self.formatException(record.exc_info), _MAX_TRACEBACK)
        return fields


def _network_of(client: str) -> str:
    """Return the network of a client, too large to identify a person: 24 bits of IPv4, 48 of IPv6."""
    network = client_network(client.partition("/")[0], ipv6_bits=48, ipv4_bits=24)
    return network if "/" in network else ""  # a Unix socket, or whatever a proxy forwards


def _bounded(text: str, most: int) -> str:
    """Shorten a text, and escape surrogates, which JSON does not allow."""
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    return cut if cut.isascii() else cut.encode("utf-8", "backslashreplace").decode()


def _word(text: str) -> str:
    return text if _WORD.fullmatch(text) else json.dumps(text, ensure_ascii=False)
