"""The endpoint for people: pages to write a query on, and to read its answer. Programs are served by ``front``."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

from flask import Blueprint, Response, after_this_request, current_app, g, json, jsonify, render_template, request

from cybilgraph import queries
from cybilgraph.engine import Advice, Answer
from cybilgraph.formats import BY_NAME, FORMATS, Format
from cybilgraph.queries import Query
from cybilgraph.web import endpoint, named
from cybilgraph.web.answers import Kept, Question
from cybilgraph.web.endpoint import Asked, Request
from cybilgraph.web.journal import Entry
from cybilgraph.web.live import Live, Serving
from cybilgraph.workers.turns import Caller

blueprint = Blueprint("sparql", __name__)

NTRIPLES = BY_NAME["ntriples"]
_ROWS_SHOWN = 500
_JSON, _CSV = BY_NAME["json"], BY_NAME["csv"]


def serving() -> Serving:
    """The release that this request is answered from: the same from its beginning to its end."""
    if "serving" not in g:
        live: Live = current_app.extensions["cybilgraph"]["live"]
        g.serving = live.current
    found: Serving = g.serving
    return found


def pin(release: str) -> int:
    """Answer this request from the release of a number, as it stands in the address; without one, from the
    current one, and 0 is returned. Raises QuerySyntaxError, ReleaseError, ReleaseGone.
    """
    number = endpoint.release_number(release)
    if number:
        live: Live = current_app.extensions["cybilgraph"]["live"]
        g.serving = live.at(number)
        after_this_request(_tell_release)
    return number


def _tell_release(response: Response) -> Response:
    response.headers["Cybilgraph-Release"] = str(serving().release.number)
    return response


def find(query: str, *formats: Format) -> Answer:
    """The answer to a query of our own."""
    found = serving().answers.find(Question.of(query, formats))
    return found.answer if isinstance(found, Kept) else found


def send(answer: Answer) -> Response:
    """An answer as a response."""
    return Response(answer.content, content_type=answer.format.content_type)


@blueprint.route("/sparql", methods=["GET", "POST"])
@blueprint.get("/api/queries/<name>")
def sparql(name: str = "") -> Response | str:
    """The answer to a query as a page; without one, the page to write it on."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    given = Request(
        request.method, request.query_string.decode(), headers, request.get_data(), request.path.rstrip("/")
    )
    asked = endpoint.read(given)
    if asked is None:
        return _page("", None)
    if asked.release:
        live: Live = current_app.extensions["cybilgraph"]["live"]
        g.serving = live.at(asked.release)
    entry: Entry = request.environ["asgi.scope"]["entry"]
    entry.query, entry.release = asked.query, serving().release.number
    queries.guard(asked.query, serving().engine.services)
    query = queries.load(named.split(request.path)[0]) if name else None
    if request.values.get("explain"):
        return Response(_page(asked.query, None, query, advice=serving().engine.explain(asked.query)))
    found = serving().answers.find(asked.question, asked.timeout, Caller(request.remote_addr or ""))
    answer = found.answer if isinstance(found, Kept) else found
    entry.format, entry.rows = answer.format.name, answer.rows
    page = _page(asked.query, answer, query, _citation(asked, query), answer.advice or None)
    return Response(page, headers=endpoint.lasting(asked, serving().release.number))


@blueprint.get("/api/queries")
def listed() -> Response:
    """All named queries, for programs."""
    return jsonify(named.listing())


@blueprint.get("/queries/<name>")
def query_page(name: str) -> str:
    """A named query, with its title, explanation and parameters, ready to run or change."""
    return _page("", None, queries.load(name))


def _page(
    query: str,
    answer: Answer | None,
    of: Query | None = None,
    citation: str = "",
    advice: tuple[Advice, ...] | None = None,
) -> str:
    """The page with an answer and advice; advice that is empty is that there is none."""
    return render_template(
        "query.html",
        query=query,
        answer=answer and _shown(answer),
        named=of,
        citation=citation,
        advice=advice,
        given=request.args,
        formats=[fmt.name for fmt in (named.formats(of) if of else FORMATS)],
        arguments=request.query_string.decode(),
        examples=queries.examples(),
    )


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
    """What the page shows of an answer: a table, a yes or no, or Turtle."""
    if answer.format is not _JSON:
        return {"text": answer.content.decode()}
    result = json.loads(answer.content)
    if "boolean" in result:
        return {"text": "yes" if result["boolean"] else "no"}
    rows = result["results"]["bindings"]
    columns = result["head"]["vars"]
    return {
        "columns": columns,
        "rows": [[row.get(column) for column in columns] for row in rows[:_ROWS_SHOWN]],
        "total": len(rows),
    }


def run(name: str, **values: str) -> list[dict[str, str]]:
    """The rows of a named SELECT, with parameters bound."""
    return rows(find(queries.load(name).bind({key: [value] for key, value in values.items()}), _CSV))


def rows(answer: Answer) -> list[dict[str, str]]:
    """The rows of an answer in CSV."""
    return list(csv.DictReader(io.StringIO(answer.content.decode())))
