"""The worker process of the embedded engine: evaluates one query at a time over a release.

Run as ``python -m cybilgraph.sparql.query_worker BASE STORE GRAPH SHA256 MEMORY_BYTES ANSWER_BYTES OPENS
[ENDPOINT …]``. BASE is the base of the site. With a GRAPH (N-Quads with this checksum) all workers share one store in
memory; without one, each opens the STORE on disk. With OPENS (``opens`` or empty) they may open files of the STORE
later, and call the ENDPOINTs. The parent kills a worker at the deadline, which is the only way to stop a query of this
engine.
"""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import unescape

import pyoxigraph as ox

from cybilgraph.errors import AnswerTooLarge, FileDamaged, FormatMismatch, QueryError, QuerySyntaxError
from cybilgraph.model.formats import BY_NAME, FORMATS, Format
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.vocabulary import PREFIXES, RDF, use_base
from cybilgraph.rdf.serialisation import RDF_FORMATS
from cybilgraph.runtime.sandbox import Policy
from cybilgraph.runtime.worker import BAD_DATA, Handler, SendPart, run_fork_server
from cybilgraph.sparql import guard, lexer, query_analysis
from cybilgraph.sparql.hints import explain_cost, find_hints, may_be_partial
from cybilgraph.sparql.hints.facts import Facts
from cybilgraph.sparql.hints.syntax import explain_mistake
from cybilgraph.sparql.store import RESULT_FORMATS, QueryResult, load_into_memory

#: Larger answers are sent in parts of this size.
PART_BYTES = 1_000_000
#: Byte strings that occur once in each serialised row, whatever its values, and how many occur outside of rows.
_ROW = {
    "json": ((b'"bindings":[{"', b'"}},{"'), 0),
    "xml": ((b"<result>",), 0),
    "csv": ((b"\r\n",), 1),
    "tsv": ((b"\n",), 1),
}
_ROW_MARK_BYTES = 16
#: Characters not allowed in XML 1.0 (section 2.2), and the output of the engine for a property that XML cannot name.
_INVALID_XML_CHARACTER = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")
_INVALID_XML_NAME = re.compile(rb'<\w+:[^\w>]* xmlns:\w+="([^"]*)"')
#: Not allowed as properties (RDF 1.1 XML Syntax, section 5.1, oldTerms); the engine itself rejects the others.
_RESERVED = frozenset(f"{RDF.iri}{name}" for name in ("aboutEach", "aboutEachPrefix", "bagID"))
#: Slower queries get hints.
_SLOW_SECONDS = 1.0
#: How error messages of the engine begin if it cannot read the store on disk (RocksDB's Status).
_STORAGE_ERROR_PREFIXES = ("Corruption: ", "IO error: ")
#: Matches a zero in a row of counts.
_ZERO = re.compile(rb'"value":"0"|>0</literal>|[\n,\t]0[\r\n,\t]')
_QUOTED = re.compile(rb'"[^"]+"')


class SerialisedAnswer(NamedTuple):
    """An answer: its format, its number of rows if it is a table, its last part, and whether it is empty."""

    format: str
    rows: int | None
    last_part: bytes
    is_empty: bool


class _Output(io.BytesIO):
    """Sends an answer in parts and counts its rows; stops the query if the answer is too large or not well-formed."""

    def __init__(self, send: SendPart, limit: int, name: str) -> None:
        super().__init__()
        self._send = send
        self._limit, self._bytes_written = limit, 0
        self._tail = b""
        self._row, of_none = _ROW.get(name, ((), 0))
        self.rows = -of_none
        # The engine writes characters and names that are not allowed in XML, so parse its output.
        self._name = name
        self._xml = expat.ParserCreate(namespace_separator=" ") if name in ("xml", "rdfxml") else None

    def write(self, data: Any) -> int:
        self._bytes_written += len(data)
        if self._bytes_written > self._limit:
            what = f"The result is larger than {self._limit:,} bytes"
            raise AnswerTooLarge(what, "Add a LIMIT, or download the full dataset.")
        super().write(data)
        if self.tell() >= PART_BYTES:
            self._send(self.rest(last=False))
        return len(data)

    def rest(self, *, last: bool = True) -> bytes:
        """Return the part that is not sent yet. Raises FormatMismatch."""
        part = self.getvalue()
        self.seek(0)
        self.truncate()
        if self._xml:
            # Parsers would turn a carriage return into a line feed (XML 1.0, section 2.11).
            part = part.replace(b"\r", b"&#13;")
            try:
                self._xml.Parse(part, last)
            except expat.ExpatError as error:
                raise _unwritable(self._name, _invalid_xml(part)) from error
        # A row marker may be split between two parts, so scan the tail of the previous part again.
        seen = self._tail + part
        self.rows += sum(seen.count(row) - self._tail.count(row) for row in self._row)
        self._tail = part[-_ROW_MARK_BYTES:]
        return part


def _invalid_xml(part: bytes) -> str:
    """Say which part of an answer is not well-formed XML."""
    if char := _INVALID_XML_CHARACTER.search(part):
        return f"it contains the character U+{ord(char[0].decode()):04X}, which XML does not allow"
    if name := _INVALID_XML_NAME.search(part):
        return f"the property <{unescape(name[1].decode())}> does not end in a valid XML name"
    return "it contains a name that XML does not allow"


def evaluate(
    facts: Facts | None,
    request: dict[str, Any],
    send: SendPart,
    limit: int,
    *,
    find: Callable[[dict[str, Any]], QueryResult],
    clock: Callable[[], float] = time.process_time,
) -> tuple[dict[str, Any], bytes]:
    """Return the head and the last part of an answer, or the head of an error and no bytes: a kind of QueryError with
    its arguments, or ``storage`` or ``evaluation`` with a message.

    ``find`` runs the query; ``clock`` measures whether it is slow.
    """
    query = request["query"]
    try:
        if request.get("explain"):
            check_syntax(query)
            return {"advice": find_hints(query, facts=facts)}, b""
        began = clock()
        result = find(request)
        done = serialise_answer(result, request["formats"], send, limit)
        head: dict[str, Any] = {"format": done.format, "rows": done.rows}
        if causes := _hinted_causes(query, done, is_slow=clock() - began > _SLOW_SECONDS):
            graphs = (*request.get("default_graphs", ()), *request.get("named_graphs", ()))
            head["advice"] = find_hints(query, causes, facts, graphs)
    except SyntaxError as error:
        return failed(QuerySyntaxError, *explain_mistake(query, str(error)))
    except AnswerTooLarge as error:
        hints = explain_cost(query)
        return failed(AnswerTooLarge, error.what, hints[0].text if hints else error.hint, hints)
    except QueryError as error:
        return failed(type(error), error.what, error.hint)
    except MemoryError:
        return failed(QueryError, "The query failed: it exceeded its memory limit")
    except (RuntimeError, ValueError, OSError) as error:
        message = str(error) or type(error).__name__
        kind = "storage" if message.startswith(_STORAGE_ERROR_PREFIXES) else "evaluation"
        return {"error": kind, "message": message}, b""
    return head, done.last_part


def failed(kind: type[QueryError], *arguments: object) -> tuple[dict[str, Any], bytes]:
    """Return the head of an error, and no bytes."""
    return {"error": kind.__name__, "arguments": arguments}, b""


def _unwritable(name: str, why: str) -> FormatMismatch:
    fmt = BY_NAME[name]
    what = f"The result cannot be written as {fmt.title}: {why}"
    return FormatMismatch(what, _other_formats(fmt, carry_graph=fmt.carries_graph))


def _other_formats(*but: Format, carry_graph: bool) -> str:
    names = (fmt.name for fmt in FORMATS if fmt.carries_graph == carry_graph and fmt not in but)
    return f"Ask for one of: {', '.join(names)}"


def _hinted_causes(query: str, done: SerialisedAnswer, *, is_slow: bool) -> tuple[str, ...]:
    """Return the kinds of hints that an answer may need."""
    is_empty = done.is_empty or (done.rows == 1 and bool(_ZERO.search(done.last_part)) and _is_count(query))
    is_partial = not is_empty and (may_be_partial(query) or _has_unbound_column(done))
    return ("empty",) * is_empty + ("slow",) * is_slow + ("partial",) * is_partial


def _has_unbound_column(done: SerialisedAnswer) -> bool:
    """Return whether a column of a JSON result in one part has no value, perhaps because of a mistake in an OPTIONAL.

    Does not parse it; quotation marks in values are escaped.
    """
    head, _, rows = done.last_part.partition(b'"results"') if done.format == "json" else (b"", b"", b"")
    return any(name + b":" not in rows for name in _QUOTED.findall(head.partition(b'"vars":')[2]))


def serialise_answer(result: QueryResult, formats: Sequence[str], send: SendPart, limit: int) -> SerialisedAnswer:
    """Serialise a result in the first of these formats that fits.

    Raises AnswerTooLarge if it exceeds the limit, FormatMismatch, OSError, RuntimeError.
    """
    is_graph = not isinstance(result, ox.QuerySolutions | ox.QueryBoolean)
    table: dict[str, Any] = RDF_FORMATS if is_graph else RESULT_FORMATS
    name = next((name for name in formats if name in table), "")
    if not name:
        kinds = "RDF (CONSTRUCT, DESCRIBE)" if is_graph else "a table (SELECT, ASK)"
        what = f"The query returns {kinds}, which none of the requested formats supports"
        raise FormatMismatch(what, _other_formats(carry_graph=is_graph))
    output = _Output(send, limit, name)
    if isinstance(result, ox.QuerySolutions | ox.QueryBoolean):
        result.serialize(output, format=RESULT_FORMATS[name])
        last_part = output.rest()
        if isinstance(result, ox.QueryBoolean):
            return SerialisedAnswer(name, None, last_part, is_empty=not result)
        return SerialisedAnswer(name, output.rows, last_part, is_empty=not output.rows)
    triples = _checked_triples(result, _RESERVED if name == "rdfxml" else frozenset())
    first = next(triples, None)
    try:
        ox.serialize(chain((first,), triples) if first else (), output, format=RDF_FORMATS[name], prefixes=PREFIXES)
    except OSError as error:
        raise _unwritable(name, str(error)) from error
    return SerialisedAnswer(name, None, output.rest(), is_empty=first is None)


def _checked_triples(triples: Iterable[ox.Triple], reserved: frozenset[str]) -> Iterator[ox.Triple]:
    """Pass on triples; distinguish errors of the query from errors of writing, and reject ``reserved`` properties."""
    try:
        for triple in triples:
            if reserved and triple.predicate.value in reserved:
                raise _unwritable("rdfxml", f"the property <{triple.predicate.value}> is reserved in RDF/XML")
            yield triple
    except OSError as error:
        raise RuntimeError(str(error)) from error


def _is_count(query: str) -> bool:
    """Return whether the query counts all its matches, so that an empty result is a row with 0."""
    words = lexer.keywords(query)
    return "COUNT" in words and "GROUP" not in words


def columns(query: str) -> list[str]:
    """Return the columns of a SELECT in any order; empty for other forms."""
    found = check_syntax(query)
    return [variable.value for variable in found.variables] if isinstance(found, ox.QuerySolutions) else []


def run_query(
    store: ox.Store, request: dict[str, Any], columns: Callable[[str], Sequence[str]] = columns
) -> QueryResult:
    """Run a query over the graphs of the request (SPARQL 1.1 Protocol, section 2.1.4) or of the query itself.

    The columns of ``SELECT *`` keep the order of the query, which the engine would sort. ``columns`` returns them; the
    fast path passes its own, because parsing the query takes as long as a lookup.
    """
    query = request["query"]
    options: dict[str, Any] = {"prefixes": query_analysis.usable_prefixes(query)}
    if request.get("default_graphs") or request.get("named_graphs"):
        options["default_graph"] = [ox.NamedNode(graph) for graph in request["default_graphs"]]
        options["named_graphs"] = [ox.NamedNode(graph) for graph in request["named_graphs"]]
    return store.query(query_analysis.with_columns(query, columns) if "*" in query else query, **options)


def check_syntax(query: str) -> Any:
    """Run a query over an empty store, without calling other endpoints. Raises SyntaxError if it is not valid."""
    return ox.Store().query(guard.without_services(query), prefixes=query_analysis.usable_prefixes(query))


def encode_query(query: str) -> bytes:
    """Encode a query, which may have lone surrogates, as the content of a request to a worker."""
    return query.encode(errors="surrogatepass")


def with_query(request: dict[str, Any], content: bytes) -> dict[str, Any]:
    """Add the query in the content of a request to its head."""
    return request | {"query": content.decode(errors="surrogatepass")}


def main(
    base: str, folder: str, graph: str, checksum: str, memory: str, limit: str, opens: str, *endpoints: str
) -> None:
    """Load the shared data and fork workers. Exits with BAD_DATA if the file is damaged."""
    use_base(base)
    try:
        shared = load_into_memory(graph, checksum) if graph else None
    except FileDamaged:
        sys.exit(BAD_DATA)
    load_gazetteer()  # hints need it, and workers cannot open files later

    def prepare() -> Handler:
        store = shared or ox.Store.read_only(folder)
        facts = Facts(store)
        find = partial(run_query, store)
        return lambda request, query, send: evaluate(facts, with_query(request, query), send, int(limit), find=find)

    run_fork_server(prepare, int(memory), Policy((folder,) if opens else (), endpoints, is_measured=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
