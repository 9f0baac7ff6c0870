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
from cybilgraph.findings import visible
from cybilgraph.workers.pool import Ended
from cybilgraph.workers.turns import Caller

_ALL = logging.getLogger("cybilgraph")
_LOG = _ALL.getChild("serve")
#: So many lines wait to be written.
_LINES = 10_000
#: Characters of what a client sends, and of what is said of it, that a line holds.
_MAX_CLIENT, _MAX_METHOD, _MAX_PATH, _MAX_QUERY = 64, 20, 500, 2_000
_MAX_MESSAGE, _MAX_TRACEBACK = 4_000, 20_000
#: What needs no quotes to be one word of a line.
_WORD = re.compile(r"[^\s\"\\]+")
#: Seconds between two writes, and the lines of one.
_PAUSE, _AT_ONCE = 0.05, 500
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
class Entry:
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


class Journal:
    """The log, in JSON or as text for people; the text of queries is left out if so wished."""

    def __init__(self, form: str, *, queries: bool, handle: int | None = None) -> None:
        """Lines go to ``handle``, else to standard error."""
        self._queries = queries
        self.writer = _Writer(sys.stderr.fileno() if handle is None else handle, formatter(form))
        _ALL.handlers = [self.writer]
        _ALL.propagate = False
        _LOG.setLevel(logging.INFO)

    def tell(self, what: str) -> None:
        """Something has happened that is of no request."""
        _LOG.info(what, extra={"told": {"event": "server", "message": what}})

    def ended(self, ended: Ended) -> None:
        """A process has ended unasked."""
        _LOG.warning(str(ended), extra={"told": told_of(ended)})

    def entry(self, entry: Entry) -> None:
        """A request has ended. It goes past ``logging``, whose bookkeeping takes as long as a small answer.

        Lines wait while nobody takes them: what a client sent is cut now, and not when its line is written.
        """
        kept = replace(
            entry,
            client=_bounded(entry.client, _MAX_CLIENT),
            method=_bounded(entry.method, _MAX_METHOD),
            path=_bounded(entry.path, _MAX_PATH),
            query=_bounded(entry.query, _MAX_QUERY),
        )
        self.writer.put(_Ended(time.time(), kept, self._queries))


def told_of(ended: Ended) -> dict[str, Any]:
    """What a line says of a process that has ended unasked."""
    what = {"process": ended.what, "pid": ended.process, "how": ended.how, "done": ended.done}
    return {"event": "server", "message": str(ended), **what}


def _bounded(text: str, most: int) -> str:
    """The text, cut to so many characters; what is no Unicode text, and so no JSON, is escaped."""
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    return cut if cut.isascii() else cut.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True, slots=True)
class _Ended:
    """A request that has ended, as a record of the log: what is told of it is made by the thread that writes."""

    created: float
    entry: Entry
    queries: bool
    levelname: str = "INFO"

    @property
    def told(self) -> dict[str, Any]:
        """What a line says of it."""
        entry = self.entry
        told: dict[str, Any] = {
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
            told |= {
                "rows": entry.rows,
                "format": entry.format,
                "cached": entry.cached,
                "release": entry.release,
                "query_hash": entry.query_hash,
            }
            if self.queries:
                told["query"] = entry.query
        return told


def formatter(form: str) -> _Json | _Text:
    """What makes lines of this form."""
    return _Json() if form == "json" else _Text()


def of_http_server(form: str) -> dict[str, Any]:
    """Have the HTTP server's own lines, and those of its main process, among the others (logging.config)."""
    to_error = {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "ours"}
    return {
        "formatters": {"ours": {"()": f"{__name__}.{formatter.__name__}", "form": form}},
        "handlers": {"console": to_error, "access": to_error},
    }


def _when(record: logging.LogRecord | _Ended) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _told(record: logging.LogRecord | _Ended) -> dict[str, Any]:
    if isinstance(record, _Ended):
        return record.told
    if found := record.__dict__.get("told"):
        return dict(found)
    told = {"event": "server", "message": _bounded(record.getMessage(), _MAX_MESSAGE)}
    if record.exc_info:
        told["exception"] = _bounded(logging.Formatter().formatException(record.exc_info), _MAX_TRACEBACK)
    return told


class _Json(logging.Formatter):
    """A line of JSON."""

    def format(self, record: logging.LogRecord | _Ended) -> str:
        return json.dumps({"time": _when(record), "level": record.levelname.lower(), **_told(record)})


class _Text(logging.Formatter):
    """A line for people, that steers no terminal. What a client sent is one word, in quotes where it needs them; a
    traceback is indented: neither can pass for a line, or a field, of ours.
    """

    def format(self, record: logging.LogRecord | _Ended) -> str:
        told = _told(record)
        event = told.pop("event")
        if event == "server":
            traceback = f"\n{told['exception']}" if "exception" in told else ""
            return visible(f"{_when(record)} {told['message']}") + visible(traceback, lines=True).replace("\n", "\n  ")
        query = told.pop("query", "")
        parts = [_word(f"{told.pop(name)}") for name in ("client", "method", "path", "status", "outcome")]
        parts += [
            f"{name}={value}"
            for name, value in told.items()
            if value is not None and value is not False and value != ""
        ]
        if query:
            parts.append(f"query={json.dumps(' '.join(query.split()), ensure_ascii=False)}")
        return visible(" ".join((_when(record), event, *parts)))


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
        self._waiting: deque[logging.LogRecord | _Ended] = deque()
        self.left_out = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        self.put(record)

    def put(self, record: logging.LogRecord | _Ended) -> None:
        """Have a line written of this."""
        if len(self._waiting) < _LINES:
            self._waiting.append(record)
        else:
            self.left_out += 1

    def _write(self) -> None:
        while not self._closing.wait(_PAUSE) or self._waiting:
            some = [self._waiting.popleft() for _ in range(min(len(self._waiting), _AT_ONCE))]
            data = "".join(map(self._line, some)).encode("utf-8", "backslashreplace")
            with suppress(OSError):  # nobody reads any more
                while data:
                    data = data[os.write(self._handle, data) :]

    def _line(self, record: logging.LogRecord | _Ended) -> str:
        """A line; nothing of what cannot be told, which is counted: the log goes on."""
        try:
            return f"{self._lines.format(record)}\n"
        except Exception:
            self.left_out += 1
            return ""

    def close(self) -> None:
        """Write what waits, unless nobody takes it."""
        self._closing.set()
        self._thread.join(timeout=2)
        super().close()
