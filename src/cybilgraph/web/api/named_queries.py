"""The named queries as endpoints: ``/api/queries/NAME?country=BZ`` answers like ``/sparql`` with the query's text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from cybilgraph.errors import QueryError, QuerySyntaxError
from cybilgraph.model.formats import FORMATS, GRAPH_FORMATS, RESULT_FORMATS, Format, find_formats
from cybilgraph.model.vocabulary import DCTERMS, RDF, SH, own_iri
from cybilgraph.rdf.ntriples import iri, literal
from cybilgraph.sparql import queries, query_analysis
from cybilgraph.sparql.queries import Query

ROOT = "/api/queries/"
#: Parameters of every endpoint; no query may have a parameter of the same name.
COMMON_PARAMETERS = ("format", "release", "timeout")
#: Parameters of SELECT queries. In a CONSTRUCT query they would limit solutions, not statements.
TABLE_PARAMETERS = ("limit", "offset")
#: The most digits of ``limit`` and ``offset``.
_MAX_DIGITS = 9
_SUFFIXES = {fmt.suffix: fmt.name for fmt in FORMATS}


@cache
def all_queries() -> Mapping[str, Query]:
    """Return the queries that have an endpoint, by name."""
    return {query.name: query for query in queries.example_queries()}


def formats(query: Query) -> tuple[Format, ...]:
    """Return the formats available for the results of a query."""
    return GRAPH_FORMATS if query_analysis.returns_graph(query.text) else RESULT_FORMATS


def split_path(path: str) -> tuple[str, str]:
    """Split a path into the name of a query and the format of its suffix, empty if it has none."""
    whole = path.removeprefix(ROOT)
    name, dot, suffix = whole.rpartition(".")
    if dot and (suffix in _SUFFIXES or find_formats(suffix)):
        return name, _SUFFIXES.get(suffix, suffix)
    return whole, ""


def query_text(name: str, sent: Mapping[str, Sequence[str]]) -> str:
    """Return the text of a query with the parameters that were sent. Raises UnknownQuery, QueryError."""
    query = all_queries().get(name) or queries.load_query(name)
    common = {*COMMON_PARAMETERS, *(TABLE_PARAMETERS if formats(query) == RESULT_FORMATS else ())}
    own = {key: drop_empty_values(values) for key, values in sent.items() if key not in common}
    whole = bind_query(query, own)
    for key in TABLE_PARAMETERS:
        if key in common and (value := sent.get(key, [""])[0]):
            if len(set(sent[key])) > 1:
                raise QuerySyntaxError(f"The request has more than one {key}", "Send one.")
            if not (value.isascii() and value.isdigit()):
                raise QuerySyntaxError(f"{key}={value} is not a number of rows", f"Example: {key}=10")
            if len(value) > _MAX_DIGITS:
                raise QuerySyntaxError(f"{key}={value[:40]} is too large", f"Use at most {_MAX_DIGITS} digits.")
            whole += f"\n{key.upper()} {int(value)}"
    return whole


def bind_query(query: Query, values: Mapping[str, Sequence[str]]) -> str:
    """Bind values to a query; none may be empty, and years must form a range. Raises QueryError."""
    whole = bind_each(query, values)
    query.check_range(values)
    return whole


def bind_each(query: Query, values: Mapping[str, Sequence[str]]) -> str:
    """Bind values to a query, validating each on its own. Raises QueryError."""
    for parameter in query.parameters:
        if "" in values.get(parameter.name, ()):
            hint = f"Give a value, or omit the parameter to use the default, {parameter.default}."
            raise QueryError(f"The parameter {parameter.name} is empty", hint)
    return query.bind(values)


def drop_empty_values(values: Sequence[str]) -> list[str]:
    """Drop the empty values of a parameter, which come from unused form fields.

    If all are empty, one remains, so that ``bind_each`` reports it.
    """
    return [value for value in values if value] or list(values[:1])


def listing() -> dict[str, object]:
    """Return the named queries with their parameters, for the JSON list."""
    return {
        "queries": [
            {
                "name": query.name,
                "title": query.title,
                "description": query.description,
                "parameters": [
                    {key: getattr(parameter, key) for key in ("name", "type", "description", "default")}
                    | ({"choices": parameter.choices} if parameter.choices else {})
                    for parameter in query.parameters
                ],
                "formats": [fmt.name for fmt in formats(query)],
                "links": {"answer": f"{ROOT}{query.name}", "page": f"/queries/{query.name}"},
            }
            for query in all_queries().values()
        ]
    }


def describe_query(query: Query, query_text: str) -> Iterator[str]:
    """Describe a query with this text as a SPARQL executable (SHACL, section 5), as lines of N-Triples."""
    form = "construct" if query_analysis.returns_graph(query_text) else "select"
    about = own_iri(f"queries/{query.name}")
    properties = (
        (RDF.type, iri(f"{SH.iri}SPARQL{form.capitalize()}Executable")),
        (DCTERMS.title, literal(query.title, "en")),
        (DCTERMS.description, literal(query.description, "en")),
        (f"{SH.iri}{form}", literal(query_text)),
    )
    return (f"{iri(about)} {iri(term)} {value} ." for term, value in properties)
