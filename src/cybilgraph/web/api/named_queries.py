"""The named queries as paths: ``/api/queries/NAME?country=BZ`` is asked as its text would be at ``/sparql``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from cybilgraph.errors import QueryError, QuerySyntaxError
from cybilgraph.model.formats import FORMATS, GRAPH_FORMATS, RESULT_FORMATS, Format, find_formats
from cybilgraph.model.vocabulary import BASE, DCTERMS, RDF, SH
from cybilgraph.rdf.ntriples import iri, literal
from cybilgraph.sparql import queries
from cybilgraph.sparql.queries import Query

ROOT = "/api/queries/"
#: Parameters that every path has: a query has none of the same name.
COMMON_PARAMETERS = ("format", "release", "timeout")
#: Those of a table only: of a graph, they would count rows that nobody sees.
TABLE_PARAMETERS = ("limit", "offset")
#: Those of a number of rows.
_MAX_DIGITS = 9
_SUFFIXES = {fmt.suffix: fmt.name for fmt in FORMATS}


@cache
def all_queries() -> Mapping[str, Query]:
    """The queries that have a path, by name."""
    return {query.name: query for query in queries.example_queries()}


def formats(query: Query) -> tuple[Format, ...]:
    """The formats that an answer can have."""
    return GRAPH_FORMATS if queries.returns_graph(query.text) else RESULT_FORMATS


def split_path(path: str) -> tuple[str, str]:
    """The name of a query in a path, and the format that the suffix tells, empty where there is none."""
    whole = path.removeprefix(ROOT)
    name, dot, suffix = whole.rpartition(".")
    if dot and (suffix in _SUFFIXES or find_formats(suffix)):
        return name, _SUFFIXES.get(suffix, suffix)
    return whole, ""


def query_text(name: str, sent: Mapping[str, Sequence[str]]) -> str:
    """The query with the parameters that were sent.

    Raises UnknownQuery, QueryError.
    """
    query = all_queries().get(name) or queries.load_query(name)
    common = {*COMMON_PARAMETERS, *(TABLE_PARAMETERS if formats(query) == RESULT_FORMATS else ())}
    own = {key: drop_empty_values(values) for key, values in sent.items() if key not in common}
    whole = bind_query(query, own)
    for key in TABLE_PARAMETERS:
        if key in common and (given := sent.get(key, [""])[0]):
            if len(set(sent[key])) > 1:
                raise QuerySyntaxError(f"More than one {key} was sent", "Send one.")
            if not (given.isascii() and given.isdigit()):
                raise QuerySyntaxError(f"{key}={given} is no number of rows", f"Example: {key}=10")
            if len(given) > _MAX_DIGITS:
                raise QuerySyntaxError(f"{key}={given[:40]} is too large", f"It has {_MAX_DIGITS} digits at most.")
            whole += f"\n{key.upper()} {int(given)}"
    return whole


def bind_query(query: Query, values: Mapping[str, Sequence[str]]) -> str:
    """The text with values that were sent; none may be empty, and years must be a range. Raises QueryError."""
    whole = bind_each(query, values)
    query.check_range(values)
    return whole


def bind_each(query: Query, values: Mapping[str, Sequence[str]]) -> str:
    """The same, each value looked at by itself."""
    for parameter in query.parameters:
        if "" in values.get(parameter.name, ()):
            hint = f"Give a value, or leave it out: it is {parameter.default} then."
            raise QueryError(f"The parameter {parameter.name} is empty", hint)
    return query.bind(values)


def drop_empty_values(values: Sequence[str]) -> list[str]:
    """The values of a parameter, without the fields of a form that were left empty beside others; an empty one alone
    is one, and is refused.
    """
    return [value for value in values if value] or list(values[:1])


def listing() -> dict[str, object]:
    """All of them, for programs."""
    return {
        "queries": [
            {
                "name": query.name,
                "title": query.title,
                "description": query.description,
                "parameters": [
                    {
                        "name": parameter.name,
                        "type": parameter.type,
                        "description": parameter.description,
                        "default": parameter.default,
                    }
                    for parameter in query.parameters
                ],
                "formats": [fmt.name for fmt in formats(query)],
                "links": {"answer": f"{ROOT}{query.name}", "page": f"/queries/{query.name}"},
            }
            for query in all_queries().values()
        ]
    }


def describe_query(query: Query, query_text: str) -> Iterator[str]:
    """Lines of N-Triples that tell of a query with this text, as an executable of SHACL (SHACL-SPARQL, section 5)."""
    form = "construct" if queries.returns_graph(query_text) else "select"
    about = f"{BASE}queries/{query.name}"
    told = (
        (RDF.type, iri(f"{SH.iri}SPARQL{form.capitalize()}Executable")),
        (DCTERMS.title, literal(query.title, "en")),
        (DCTERMS.description, literal(query.description, "en")),
        (f"{SH.iri}{form}", literal(query_text)),
    )
    return (f"{iri(about)} {iri(term)} {value} ." for term, value in told)
