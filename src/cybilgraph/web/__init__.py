"""The web application: one blueprint a section, made by ``create_app``. It never writes to the graph."""

from __future__ import annotations

from flask import Flask, Response, request

from cybilgraph.checker import Checker
from cybilgraph.engine import Engine
from cybilgraph.release import Release
from cybilgraph.suggestions import Suggestions
from cybilgraph.web import check, openapi, pages, problems, rules, sparql, suggest
from cybilgraph.web.bodies import drain
from cybilgraph.web.clients import Clients
from cybilgraph.web.submissions import MAX_UPLOAD

#: A request's body may be this large; a query longer than queries.MAX_BYTES is refused anyway.
MAX_BODY = 1_000_000
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def create_app(
    engine: Engine,
    release: Release,
    checker: Checker,
    pages_engine: Engine,
    suggestions: Suggestions | None,
    checking: Clients,
) -> Flask:
    """The application over one engine and the release that it answers from.

    Visitors' own queries go to ``engine``, those of our pages to ``pages_engine``. What is sent to be
    checked goes to ``checker``, as often as ``checking`` lets a client; what is suggested, to
    ``suggestions``: without these, nothing can be.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_BODY
    app.url_map.strict_slashes = False
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions["cybilgraph"] = {
        "queries": engine,
        "pages": pages_engine,
        "release": release,
        "suggestions": suggestions,
        "checker": checker,
        "checking": checking,
        "sending": Clients(burst=5, each_second=1 / 60, at_once=1),
    }
    app.context_processor(lambda: {"release": release.manifest})
    app.register_blueprint(sparql.blueprint)
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(check.blueprint)
    app.register_blueprint(suggest.blueprint)
    app.register_blueprint(openapi.blueprint)
    app.register_blueprint(rules.blueprint)
    problems.register(app)
    app.before_request(_limit)
    app.after_request(_headers)
    return app


def _limit() -> None:
    """What is sent to be checked may be larger, and is read only when its client is let in."""
    if request.blueprint in ("check", "suggest"):
        request.max_content_length = request.max_form_memory_size = MAX_UPLOAD
    else:
        drain(MAX_BODY)


def _headers(response: Response) -> Response:
    """Anybody's page may read; nothing of ours may run a script or be framed."""
    response.headers.setdefault("Access-Control-Allow-Origin", "*")
    response.headers.setdefault("Access-Control-Allow-Headers", "Accept, Content-Type")
    response.headers.setdefault("Content-Security-Policy", _POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.vary.add("Accept")
    return response
