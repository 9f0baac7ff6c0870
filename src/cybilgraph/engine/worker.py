"""One query worker: a process of its own that evaluates one query at a time over a release.

Run as ``python -m cybilgraph.engine.worker STORE MEMORY_BYTES ANSWER_BYTES``. The parent kills the
process at a deadline: that is the only way to stop a query of this engine.
"""

from __future__ import annotations

import io
import sys
from typing import Any

import pyoxigraph as ox

from cybilgraph.engine.store import RDF_FORMATS, RESULT_FORMATS
from cybilgraph.vocab import PREFIXES
from cybilgraph.workers.inside import serve


class _TooLarge(Exception):
    """The answer is over the limit."""


class _Bounded(io.BytesIO):
    """A buffer that refuses to grow over a limit, which stops the query that writes it."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > self._limit:
            raise _TooLarge
        return super().write(data)


def evaluate(store: ox.Store, query: str, formats: list[str], limit: int) -> tuple[dict[str, Any], bytes]:
    """The head and content of an answer, or the head of a failure and nothing."""
    try:
        result = store.query(query, prefixes=PREFIXES)
        table: dict[str, Any] = RDF_FORMATS if isinstance(result, ox.QueryTriples) else RESULT_FORMATS
        name = next((name for name in formats if name in table), None)
        if name is None:
            return {"error": "format", "message": "graph" if table is RDF_FORMATS else "results"}, b""
        output = _Bounded(limit)
        if isinstance(result, ox.QueryTriples):
            ox.serialize(result, output, format=RDF_FORMATS[name], prefixes=PREFIXES)
        else:
            result.serialize(output, format=RESULT_FORMATS[name])
    except SyntaxError as error:
        return {"error": "syntax", "message": str(error)}, b""
    except _TooLarge:
        return {"error": "size", "message": str(limit)}, b""
    except (RuntimeError, ValueError, OSError, MemoryError) as error:
        return {"error": "evaluation", "message": str(error) or type(error).__name__}, b""
    return {"format": name}, output.getvalue()


def main(folder: str, memory: int, limit: int) -> None:
    """Open the store, and answer queries."""
    store = ox.Store.read_only(folder)
    serve(lambda request, _: evaluate(store, request["query"], request["formats"], limit), memory)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
