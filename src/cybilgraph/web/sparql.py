"""The endpoint: queries of the SPARQL 1.1 Protocol (section 2.1), and a plain page to write one."""

from __future__ import annotations

import csv
import io

from flask import Blueprint, Response, current_app, json, render_template, request
from werkzeug.exceptions import UnsupportedMediaType

from cybilgraph import queries
from cybilgraph.engine import Answer, Engine
from cybilgraph.errors import QuerySyntaxError
from cybilgraph.formats import FORMATS, GRAPH_FORMATS, RESULT_FORMATS, Format
from cybilgraph.web.negotiate import wanted

blueprint = Blueprint("sparql", __name__)

DIRECT = "application/sparql-query"
FORM = "application/x-www-form-urlencoded"
#: For the page: tables as JSON, graphs as Turtle.
_FOR_PAGE = tuple(fmt for fmt in FORMATS if fmt.name in ("json", "turtle"))
NTRIPLES = next(fmt for fmt in FORMATS if fmt.name == "ntriples")
_ROWS_SHOWN = 500
_JSON, _CSV = (next(fmt for fmt in RESULT_FORMATS if fmt.name == name) for name in ("json", "csv"))


def engine(use: str) -> Engine:
    """The engine of the running application for visitors' "queries", or for our "pages"."""
    found: Engine = current_app.extensions["cybilgraph"][use]
    return found


def ask(query: str, formats: tuple[Format, ...]) -> Answer:
    """Guard a query, and answer it. Raises QueryError."""
    queries.guard(query)
    return engine("queries").answer(query, formats, timeout=_timeout())


def send(answer: Answer) -> Response:
    """An answer as a response."""
    return Response(answer.content, content_type=answer.format.content_type)


@blueprint.route("/sparql", methods=["GET", "POST"])
def sparql() -> Response | str:
    """Answer a query; without one, show the page to write it on."""
    formats = wanted((*RESULT_FORMATS, *GRAPH_FORMATS), html=True)
    query = _query()
    if query is None:
        if formats:
            raise QuerySyntaxError(
                "No query was sent",
                "Send it as query=… by GET or POST, or as the body with Content-Type: application/sparql-query.",
            )
        return _page("", None)
    if not formats:
        return _page(query, ask(query, _FOR_PAGE))
    return send(ask(query, formats))


@blueprint.get("/queries/<name>")
def named(name: str) -> Response | str:
    """A named query, with its title, explanation and parameters, ready to run or change."""
    return render_template("query.html", query="", answer=None, named=queries.load(name), examples=queries.examples())


def _query() -> str | None:
    """The query of this request, or None. Raises QuerySyntaxError, UnsupportedMediaType."""
    if request.method == "POST" and request.mimetype == DIRECT:
        try:
            return request.get_data().decode()
        except UnicodeDecodeError as error:
            raise QuerySyntaxError("The query is not UTF-8", "Send the body as UTF-8.") from error
    if request.method == "POST" and request.mimetype != FORM:
        raise UnsupportedMediaType(f"A query is sent as {FORM} or {DIRECT}, not as {request.mimetype or 'nothing'}")
    if graphs := [name for name in ("default-graph-uri", "named-graph-uri") if name in request.values]:
        raise QuerySyntaxError(f"{graphs[0]} is not supported", "Choose graphs in the query, by FROM and FROM NAMED.")
    given = (request.form if request.method == "POST" else request.args).getlist("query")
    if len(given) > 1:
        raise QuerySyntaxError("More than one query was sent", "Send one query in one request.")
    return given[0] if given and given[0].strip() else None


def _timeout() -> float | None:
    given = request.values.get("timeout")
    if not given:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0
    if not 0 < seconds < 1e6:
        raise QuerySyntaxError(f"timeout={given} is no number of seconds", "Example: timeout=10")
    return seconds


def _page(query: str, answer: Answer | None) -> str:
    return render_template(
        "query.html", query=query, answer=answer and _shown(answer), named=None, examples=queries.examples()
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


def rows(answer: Answer) -> list[dict[str, str]]:
    """The rows of a CSV answer."""
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def run(name: str, **values: str) -> list[dict[str, str]]:
    """The rows of a named SELECT, with parameters bound."""
    text = queries.load(name).bind({key: [value] for key, value in values.items()})
    return rows(engine("pages").answer(text, (_CSV,)))
