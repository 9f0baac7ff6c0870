"""Query a release or an endpoint from Python, with rows of Python values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any, Self, overload
from urllib.parse import urlsplit

from cybilgraph.model.formats import BY_NAME
from cybilgraph.model.vocabulary import XSD
from cybilgraph.release.folder import Releases
from cybilgraph.release.manifest import STORE
from cybilgraph.sparql import guard
from cybilgraph.sparql.embedded_engine import EmbeddedEngine
from cybilgraph.sparql.pooled_engine import PooledEngine, QueryLimits
from cybilgraph.sparql.queries import find_query
from cybilgraph.sparql.remote_engine import RemoteEngine

_ENDPOINT_TIMEOUT_SECONDS = 3600.0
#: How literals are converted to Python values. All others remain strings, such as years, which are not dates.
_VALUES: dict[str, Callable[[str], Any]] = {
    XSD.integer: int,
    XSD.decimal: Decimal,
    XSD.double: float,
    XSD.boolean: lambda text: text in ("true", "1"),
    XSD.date: date.fromisoformat,
    XSD.dateTime: datetime.fromisoformat,
}
Row = dict[str, Any]


class Rows(Sequence[Row]):
    """The rows of a result. Each is a dict keyed by variable; an unbound variable is None."""

    def __init__(self, columns: list[str], rows: list[Row]) -> None:
        self.columns = columns
        self._rows = rows

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        return self._rows[index]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def to_pandas(self) -> Any:
        """Return the rows as a pandas.DataFrame. Raises ImportError without pandas."""
        return import_module("pandas").DataFrame(self._rows, columns=self.columns)

    def to_polars(self) -> Any:
        """Return the rows as a polars.DataFrame. Raises ImportError without polars."""
        columns = {name: [row[name] for row in self._rows] for name in self.columns}
        return import_module("polars").DataFrame(columns, strict=False)


class OpenGraph:
    """A graph that can be queried until it is closed. Also a context manager."""

    def __init__(self, engine: PooledEngine, timeout: float | None) -> None:
        self._engine, self._timeout = engine, timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the processes that run queries."""
        self._engine.close()

    def query(self, query: str, **parameters: str | Sequence[str]) -> Rows | bool | str:
        """Return the rows of a SELECT query, a bool for ASK, or N-Triples for CONSTRUCT and DESCRIBE.

        ``query`` is the name of a query, SPARQL text, or the path of a file. A parameter has one or several values. The
        values in rows are numbers, dates and strings; IRIs are strings. Raises QueryError.
        """
        values = {name: [value] if isinstance(value, str) else list(value) for name, value in parameters.items()}
        text = find_query(query).bind(values)
        guard.guard(text)
        answer = self._engine.answer(text, (BY_NAME["json"], BY_NAME["ntriples"]), self._timeout)
        if answer.format.name != "json":
            return answer.content.decode()
        result = json.loads(answer.content)
        if "boolean" in result:
            return bool(result["boolean"])
        columns = result["head"]["vars"]
        rows = result["results"]["bindings"]
        return Rows(columns, [{name: _value(row.get(name)) for name in columns} for row in rows])


def open_graph(place: str | Path, *, timeout: float | None = None, credentials: str = "") -> OpenGraph:
    """Open the current release in a folder, or a site or endpoint by its URL, to query it.

    ``timeout`` is in seconds; ``credentials`` is the path of a file. Raises CybilgraphError.
    """
    return OpenGraph(open_engine(str(place), timeout, credentials), timeout)


def open_engine(place: str, timeout: float | None, credentials: str) -> PooledEngine:
    """Return an engine for a folder of releases, or for the URL of an endpoint or a site. Raises CybilgraphError."""
    if re.match(r"https?://", place):
        if urlsplit(place).path in ("", "/"):
            place = f"{place.rstrip('/')}/sparql"
        limits = QueryLimits(workers=1, timeout=timeout or _ENDPOINT_TIMEOUT_SECONDS)
        return RemoteEngine(place, limits, credentials=credentials)
    # Queries read nothing else, and verifying the other files would take twice as long again.
    return EmbeddedEngine(Releases(Path(place)).current(STORE).store, QueryLimits(workers=1))


def _value(term: Mapping[str, str] | None) -> Any:
    if term is None:
        return None
    try:
        return _VALUES.get(term.get("datatype", ""), str)(term["value"])
    except (ValueError, ArithmeticError):  # not in the lexical space of its datatype, or beyond that of Python
        return term["value"]
