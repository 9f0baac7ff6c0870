"""The query pages: forms to write and run a query, and its results. ``web.server.asgi`` answers API clients."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, json, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from cybilgraph.errors import QueryError, QuerySyntaxError
from cybilgraph.model.formats import BY_NAME
from cybilgraph.model.vocabulary import CYB, PREFIXES, VOCABULARIES, kind_of_iri, own_iri, shorten
from cybilgraph.sparql import Answer, Hint, guard, queries
from cybilgraph.sparql.queries import Query
from cybilgraph.web.api import named_queries, protocol, snippets
from cybilgraph.web.api.current_request import CSV, caller, form_values, open_release, query_rows, sent_request, serving
from cybilgraph.web.api.negotiation import SUFFIXES, split_suffix
from cybilgraph.web.api.protocol import QueryRequest
from cybilgraph.web.pages.citations import citation_of
from cybilgraph.web.pages.resource_view import negotiated_format, rdf_response
from cybilgraph.web.server.access_log import LogEntry
from cybilgraph.web.server.answer_cache import CachedAnswer, CacheKey
from cybilgraph.web.server.render_queue import yield_turn

blueprint = Blueprint("sparql", __name__)

_JSON = BY_NAME["json"]
_MAX_ROWS_SHOWN = 500
#: The most characters of the markup of these rows besides the values. Each cell, even an empty one, repeats its column.
_MAX_ROW_CHARS, _CELL_CHARS = 1_000_000, 40
#: Longer queries are not repeated in links and code.
_MAX_REPEATED_CHARS = 50_000
#: Larger results are not shown: parsing them would take seconds and block other pages.
_MAX_BYTES_SHOWN = 5_000_000
#: The query in the editor at first.
_INITIAL_QUERY = """# Project titles and their countries
SELECT ?title ?countryName ?project ?country WHERE {
  ?project a cyb:Project ;
    dcterms:title ?title ;
    cyb:country ?country .
  ?country skos:prefLabel ?countryName .
  FILTER(LANG(?countryName) = "en")
}
ORDER BY ?title ?countryName
LIMIT 100"""


@blueprint.route("/sparql", methods=["GET", "POST"])
@blueprint.get("/api/queries/<name>")
def sparql(name: str = "") -> Response | str:
    """Show the query page, with the result if the request has a query."""
    entry: LogEntry = request.environ["asgi.scope"]["entry"]
    query = named_queries.all_queries().get(named_queries.split_path(request.path)[0]) if name else None
    if query and _parameter_errors(query):
        return query_page(query.name)
    query_request = _parse_request(request.path.rstrip("/"))
    if query_request is None:
        return _page("", None)
    entry.ask(query_request.query, query_request.query_hash)
    entry.release = serving().release.number
    guard.guard(query_request.query, serving().engine.services)
    if sent_request(request.path.rstrip("/")).shown("explain"):
        with yield_turn():
            hints = serving().engine.explain(query_request.query, caller=caller())
        return Response(_page(query_request.query, None, query, hints))
    found = serving().answers.find(query_request.cache_key, query_request.timeout, caller())
    answer = found.answer if isinstance(found, CachedAnswer) else found
    entry.format, entry.rows = answer.format.name, answer.rows
    page = _page(query_request.query, answer, query, answer.hints or None, **_usage_values(query_request, query))
    return Response(page, headers=protocol.permalink_headers(query_request, serving().release.number))


@blueprint.get("/query")
def by_its_usual_name() -> BaseResponse:
    """Redirect from the address that other endpoints use, with all arguments."""
    arguments = request.query_string.decode("latin-1")
    return redirect(f"{url_for('sparql.sparql')}{'?' if arguments else ''}{arguments}", 301)


@blueprint.route("/sparql/use", methods=["GET", "POST"])
def usage() -> str:
    """Show how to cite, share and call a query without running it."""
    query_request = _parse_request("/sparql")
    if query_request is None:
        raise QuerySyntaxError("The request has no query", "Send it in the parameter query=…")
    guard.guard(query_request.query, serving().engine.services)
    return render_template("usage-page.html", query=query_request.query, **_usage_values(query_request, None))


def _parse_request(path: str) -> QueryRequest | None:
    """Parse the query in this request as if it had been sent to ``path``, and switch to the release it names."""
    query_request = protocol.parse_request(sent_request(path))
    if query_request and query_request.release:
        open_release(query_request.release)
    return query_request


@blueprint.get("/api/queries")
def query_list_json() -> Response:
    """Return all named queries as JSON."""
    return jsonify(named_queries.listing())


@blueprint.get("/queries")
def query_list() -> str:
    """List all named queries on a page."""
    return render_template("query-list.html", queries=named_queries.all_queries().values())


@blueprint.get("/queries/<name>")
def query_page(name: str) -> Response:
    """Show a named query with its description and parameters, bound to the values in the URL.

    The suffix .rq returns its text, the suffix of an RDF format its description.
    """
    name, suffix = split_suffix(name, {*SUFFIXES, "rq"})
    query = queries.load_query(name)
    values = _parameter_values(query)
    if suffix == "rq":
        text = named_queries.bind_query(query, values)
        return Response(text, content_type="application/sparql-query; charset=utf-8")
    if fmt := negotiated_format(suffix):
        return rdf_response(named_queries.describe_query(query, named_queries.bind_query(query, values)), fmt)
    faults = _parameter_errors(query)
    if faults:
        request.environ["asgi.scope"]["entry"].error = type(next(iter(faults.values())))
    text = query.bind({key: given for key, given in values.items() if key not in faults})
    return Response(_page(text, None, query, faults=faults), HTTPStatus.BAD_REQUEST if faults else HTTPStatus.OK)


def _parameter_values(query: Query) -> dict[str, list[str]]:
    sent = {own.name: named_queries.drop_empty_values(request.args.getlist(own.name)) for own in query.parameters}
    return {name: values for name, values in sent.items() if values}


def _parameter_errors(query: Query) -> dict[str, QueryError]:
    """Return the errors in the parameter values of the request, by parameter name."""
    faults = {}
    sent = _parameter_values(query)
    for name, values in sent.items():
        try:
            named_queries.bind_each(query, {name: values})
        except QueryError as error:
            faults[name] = error
    try:
        query.check_range({name: values for name, values in sent.items() if name not in faults})
    except QueryError as error:
        faults["to" if "to" in sent else "from"] = error
    return faults


def _page(
    query: str,
    answer: Answer | None,
    of: Query | None = None,
    hints: tuple[Hint, ...] | None = None,
    faults: Mapping[str, QueryError] | None = None,
    **usage_values: object,
) -> str:
    """Render the query page.

    Empty ``hints`` show that there are none; None hides them. ``faults`` are errors by parameter name, and
    ``usage_values`` come from ``_usage_values``.
    """
    return render_template(
        "query.html",
        query=query or (of.text if of else _INITIAL_QUERY),
        answer=answer and _answer_values(answer),
        named=of,
        hints=hints,
        faults=faults or {},
        sent_values=_parameter_values(of) if of else {},
        arguments=request.query_string.decode(),
        examples=queries.example_queries(),
        **form_values(of),
        **usage_values,
    )


def _usage_values(query_request: QueryRequest, of: Query | None) -> dict[str, Any]:
    """Return how to cite, share and call a query; nothing for a long one, which each of these would repeat."""
    if len(query_request.query) > _MAX_REPEATED_CHARS:
        return {"snippets": {}}
    release = serving().release
    path = query_request.permalink(release.number)
    link = f"{request.host_url.rstrip('/')}{path}" if path else ""
    return {
        "permalink": link,
        "citation": citation_of(of.title if of else "Results of a SPARQL query", path) if path else None,
        "snippets": snippets.snippets(query_request.query, f"{request.host_url}sparql", release.number),
    }


def _answer_values(answer: Answer) -> dict[str, object]:
    """Return what the page shows of an answer: a table, yes or no, Turtle, or a notice that it is too large."""
    if answer.body.size > _MAX_BYTES_SHOWN:
        what = f"The result is too large to show on a page ({answer.body.size:,} bytes)"
        return {"text": f"{what}. Choose a format to download it, or add a LIMIT."}
    if answer.format is not _JSON:
        return {"text": answer.content.decode()}
    result = json.loads(answer.content)
    if "boolean" in result:
        return {"text": "yes" if result["boolean"] else "no"}
    rows = result["results"]["bindings"]
    columns = result["head"]["vars"]
    shown = min(_MAX_ROWS_SHOWN, _MAX_ROW_CHARS // sum(_CELL_CHARS + len(column) for column in columns))
    return {
        "columns": columns,
        "rows": [[row.get(column) for column in columns] for row in rows[:shown]],
        "total": len(rows),
    }


@blueprint.get("/sparql/terms.json")
def terms() -> Response:
    """Return the completion data of the editor: prefixes, and for each term its name in SPARQL, kind and labels."""
    text = queries.load_query("page-completion").text
    response = Response(mimetype="application/json", headers={"Cache-Control": protocol.FRESH})
    etag = serving().answers.etag(CacheKey.of(text, (CSV,)))
    response.set_etag(etag)
    if etag in request.if_none_match:
        response.status_code = 304
        return response
    # Those of other vocabularies do not depend on the release.
    external = [
        {"name": shorten(f"{known.iri}{term}"), "kind": "class" if term[0].isupper() else "property", "label": term}
        for known in VOCABULARIES
        if known is not CYB and known.iri in PREFIXES.values()
        for term in sorted(known.terms)
    ]
    found = [_term(row) for row in query_rows(text)]
    response.set_data(jsonify(base=own_iri(), prefixes=PREFIXES, terms=[*found, *external]).get_data())
    return response


def _term(row: dict[str, str]) -> dict[str, object]:
    iri, name = row["thing"], shorten(row["thing"])
    others = sorted({other for other in row["others"].split("\n") if other and other != row["label"]})
    term = {
        "name": f"<{iri}>" if name == iri else name,
        "kind": row["kind"] or kind_of_iri(iri),
        "label": row["label"],
    }
    classes = {name: [*map(shorten, row[name].split())] for name in ("domains", "ranges")}
    optional = {"note": row["note"], "m49": row["number"], "others": others, **classes}
    return term | {key: value for key, value in optional.items() if value}
