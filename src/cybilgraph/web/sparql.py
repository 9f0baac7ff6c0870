"""The endpoint for people: pages to write a query on, and to read its answer. Programs are served by ``front``."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, after_this_request, current_app, g, json, jsonify, render_template, request

from cybilgraph import queries
from cybilgraph.engine import Advice, Answer
from cybilgraph.errors import QueryError, QuerySyntaxError
from cybilgraph.formats import BY_NAME, FORMATS, RESULT_FORMATS, Format
from cybilgraph.queries import Query
from cybilgraph.release import SEARCH, Release
from cybilgraph.search import Search
from cybilgraph.web import endpoint, named, programs
from cybilgraph.web.answers import Kept, Question
from cybilgraph.web.endpoint import Asked, Request
from cybilgraph.web.journal import Entry
from cybilgraph.web.live import Live, Serving
from cybilgraph.web.negotiate import SUFFIXES, split, twin
from cybilgraph.web.view import graph_of, path_of, table_of
from cybilgraph.workers.turns import Caller

blueprint = Blueprint("sparql", __name__)

NTRIPLES = BY_NAME["ntriples"]
_ROWS_SHOWN = 500
#: A larger answer is not shown: to read it all would take seconds, in which nobody else is answered.
_BYTES_SHOWN = 5_000_000
_JSON, _CSV = BY_NAME["json"], BY_NAME["csv"]
#: What stands in the editor of who comes with no query.
_FIRST = """# The titles of projects, with the countries that they are about
SELECT ?title ?countryName ?project ?country WHERE {
  ?project a cyb:Project ;
    dcterms:title ?title ;
    cyb:country ?country .
  ?country skos:prefLabel ?countryName .
  FILTER(LANG(?countryName) = "en")
}
ORDER BY ?title ?countryName
LIMIT 100"""


def live() -> Live:
    """What the application serves now."""
    found: Live = current_app.extensions["cybilgraph"]["live"]
    return found


def serving() -> Serving:
    """The release that this request is answered from: the same from its beginning to its end."""
    if "serving" not in g:
        g.serving = live().current
    found: Serving = g.serving
    return found


def release_with(name: str) -> Release:
    """The release that this request is answered from, where this file of it is what was built. It is read only if
    somebody has written to it. Raises FileDamaged, ReleaseBusy.
    """
    found = serving().release
    if name in found.manifest["files"]:  # of a release of an earlier make, it need not be there
        live().damage.open(found, name).close()
    return found


def index() -> Search:
    """The index of the search, of the same release. Raises FileDamaged, ReleaseBusy."""
    release_with(SEARCH)
    return serving().search


def caller() -> Caller:
    """Whose request this is, for work that is shared out fairly, and that stops when they leave."""
    scope = request.environ.get("asgi.scope")
    return (scope and scope["entry"].caller) or Caller()


def pin(release: str) -> int:
    """Answer this request from the release of a number, as it stands in the address; without one, from the
    current one, and 0 is returned. Raises QuerySyntaxError, ReleaseError, ReleaseGone.
    """
    number = endpoint.release_number(release)
    if number:
        _open(number)
        g.pinned = number
        after_this_request(_tell_release)
    return number


def _open(number: int) -> None:
    """Answer this request from the release of a number, which stays open until the request ends."""
    close(None)
    g.opened = ExitStack()
    g.serving = g.opened.enter_context(live().opened(number))


def close(_: BaseException | None) -> None:
    """Let go of the release that was opened for this request, if any; for the end of each request."""
    if "opened" in g:
        g.opened.close()


def _tell_release(response: Response) -> Response:
    response.headers["Cybilgraph-Release"] = str(serving().release.number)
    return response


def find(query: str, *formats: Format, of: Serving | None = None) -> Answer:
    """The answer to a query of our own, from the release of this request or from another."""
    found = (of or serving()).answers.find(Question.of(query, formats), caller=caller())
    return found.answer if isinstance(found, Kept) else found


def send(answer: Answer) -> Response:
    """An answer as a response."""
    return Response(answer.content, content_type=answer.format.content_type)


@blueprint.route("/sparql", methods=["GET", "POST"])
@blueprint.get("/api/queries/<name>")
def sparql(name: str = "") -> Response | str:
    """The answer to a query as a page; without one, the page to write it on."""
    entry: Entry = request.environ["asgi.scope"]["entry"]
    query = named.known().get(named.split(request.path)[0]) if name else None
    if query and _faults(query):
        return query_page(query.name)
    asked = _asked(request.path.rstrip("/"))
    if asked is None:
        return _page("", None)
    entry.ask(asked.query, asked.query_hash)
    entry.release = serving().release.number
    queries.guard(asked.query, serving().engine.services)
    if request.values.get("explain"):
        return Response(_page(asked.query, None, query, advice=serving().engine.explain(asked.query, caller=caller())))
    found = serving().answers.find(asked.question, asked.timeout, caller())
    answer = found.answer if isinstance(found, Kept) else found
    entry.format, entry.rows = answer.format.name, answer.rows
    page = _page(asked.query, answer, query, answer.advice or None, **_using(asked, query))
    return Response(page, headers=endpoint.lasting(asked, serving().release.number))


@blueprint.route("/sparql/use", methods=["GET", "POST"])
def use() -> str:
    """How to cite, share and send a query, which is not run: what the page of its answer says, too."""
    asked = _asked("/sparql")
    if asked is None:
        raise QuerySyntaxError("No query was sent", "Send it as query=…")
    queries.guard(asked.query, serving().engine.services)
    return render_template("using-page.html", query=asked.query, **_using(asked, None))


def _asked(path: str) -> Asked | None:
    """What this request asks, as if it had been sent to ``path``; answers come from its release from now on."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    asked = endpoint.read(Request(request.method, request.query_string.decode(), headers, request.get_data(), path))
    if asked and asked.release:
        _open(asked.release)
    return asked


@blueprint.get("/api/queries")
def listed() -> Response:
    """All named queries, for programs."""
    return jsonify(named.listing())


@blueprint.get("/queries")
def overview() -> str:
    """All named queries, for people."""
    return render_template("queries.html", queries=named.known().values())


@blueprint.get("/queries/<name>")
def query_page(name: str) -> Response:
    """A named query, with its title, explanation and parameters, ready to run or change; values in the address
    are bound to these. By suffix, its text (.rq) and what is told of it, in RDF.
    """
    name, suffix = split(name, {*SUFFIXES, "rq"})
    query = queries.load(name)
    if suffix == "rq":
        return Response(named.bound(query, _given(query)), content_type="application/sparql-query; charset=utf-8")
    if fmt := twin(suffix, request.headers.get("Accept", ""), request.args.get("format", "")):
        return graph_of(named.described(query, named.bound(query, _given(query))), fmt)
    faults = _faults(query)
    if faults:
        request.environ["asgi.scope"]["entry"].error = type(next(iter(faults.values())))
    text = query.bind({key: values for key, values in _given(query).items() if key not in faults})
    return Response(_page(text, None, query, faults=faults), HTTPStatus.BAD_REQUEST if faults else HTTPStatus.OK)


def _given(query: Query) -> dict[str, list[str]]:
    """The values that were sent for the parameters of a query."""
    sent = {own.name: named.filled(request.args.getlist(own.name)) for own in query.parameters}
    return {name: values for name, values in sent.items() if values}


def _faults(query: Query) -> dict[str, QueryError]:
    """What is wrong with the value of a parameter, by its name."""
    faults = {}
    given = _given(query)
    for name, values in given.items():
        try:
            named.each_bound(query, {name: values})
        except QueryError as error:
            faults[name] = error
    try:
        query.check_range({name: values for name, values in given.items() if name not in faults})
    except QueryError as error:
        faults["to" if "to" in given else "from"] = error
    return faults


def _page(
    query: str,
    answer: Answer | None,
    of: Query | None = None,
    advice: tuple[Advice, ...] | None = None,
    faults: Mapping[str, QueryError] | None = None,
    **using: object,
) -> str:
    """The page with an answer and advice; advice that is empty is that there is none. ``faults`` are of
    parameters, by name; ``using`` is what is told of how to use the query.
    """
    return render_template(
        "query.html",
        query=query or (of.text if of else _FIRST),
        answer=answer and _shown(answer),
        named=of,
        advice=advice,
        faults=faults or {},
        given=_given(of) if of else {},
        arguments=request.query_string.decode(),
        examples=queries.examples(),
        **form(of),
        **using,
    )


def form(of: Query | None = None) -> dict[str, object]:
    """What the form of a query needs, beside its text."""
    return {
        "formats": [fmt.name for fmt in (named.formats(of) if of else FORMATS)],
        "tables": [fmt.name for fmt in RESULT_FORMATS],
    }


def _using(asked: Asked, of: Query | None) -> dict[str, Any]:
    """How to cite, share and send a query."""
    number = serving().release.number
    address = asked.at(number)
    return {
        "lasting": f"{request.host_url.rstrip('/')}{address}" if address else "",
        "citation": _citation(asked, of),
        "programs": programs.snippets(asked.query, f"{request.host_url}sparql", number),
    }


def _citation(asked: Asked, of: Query | None) -> str:
    """How to cite an answer; empty where it has no address that lasts."""
    manifest = serving().release.manifest
    address = asked.at(manifest["release"])
    if not address:
        return ""
    title = of.title if of else "Answer to a query"
    return (
        f"“{title}”. cybilgraph, release {manifest['release']} ({manifest['created'][:10]}). "
        f"{request.host_url.rstrip('/')}{address} (accessed {datetime.now(UTC).date()})."
    )


def _shown(answer: Answer) -> dict[str, object]:
    """What the page shows of an answer: a table, a yes or no, or Turtle; or that it is too large."""
    if answer.body.size > _BYTES_SHOWN:
        what = f"The answer has {answer.body.size:,} bytes: too many for a page. Choose a format to download it"
        return {"text": f"{what}, or add a LIMIT."}
    if answer.format is not _JSON:
        return {"text": answer.content.decode()}
    result = json.loads(answer.content)
    if "boolean" in result:
        return {"text": "yes" if result["boolean"] else "no"}
    rows = result["results"]["bindings"]
    columns = result["head"]["vars"]
    return {
        "columns": columns,
        "rows": [[_linked(row.get(column)) for column in columns] for row in rows[:_ROWS_SHOWN]],
        "total": len(rows),
    }


def _linked(cell: dict[str, str] | None) -> dict[str, str] | None:
    """A value with the address that it leads to."""
    address = path_of(cell["value"]) if cell and cell["type"] == "uri" else ""
    return cell | {"href": address} if cell and address else cell


def run(name: str, **values: str) -> list[dict[str, str]]:
    """The rows of a named SELECT, with parameters bound."""
    return rows(find(queries.load(name).bind({key: [value] for key, value in values.items()}), _CSV))


def table(query: str) -> Response:
    """The answer to a query of our own, as a table for people to open."""
    return table_of(csv.reader(io.StringIO(find(query, _CSV).content.decode())))


def rows(answer: Answer) -> list[dict[str, str]]:
    """The rows of an answer in CSV."""
    return list(csv.DictReader(io.StringIO(answer.content.decode())))
