"""The web application: one blueprint a section, made by ``create_app``. It never writes to the graph."""

from __future__ import annotations

import csv
import secrets
import sys
import threading
from pathlib import Path

from flask import Flask, Response, current_app, g

from cybilgraph.changes import Changes
from cybilgraph.checker import Checker
from cybilgraph.settings import Settings
from cybilgraph.suggestions import Suggestions
from cybilgraph.web import (
    changes,
    check,
    completion,
    datasets,
    documentation,
    finding,
    home,
    openapi,
    pages,
    problems,
    rules,
    seeing,
    sparql,
    suggest,
    terms,
)
from cybilgraph.web.clients import Clients
from cybilgraph.web.front import SECURITY_HEADERS, Front
from cybilgraph.web.journal import Journal
from cybilgraph.web.live import Live
from cybilgraph.web.metrics import Metrics
from cybilgraph.web.observed import Observed
from cybilgraph.web.submissions import MAX_UPLOAD
from cybilgraph.web.view import titled
from cybilgraph.workers.turns import Turns

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: Of pages with an editor: it makes style sheets of its own, which only who knows the nonce can.
_EDITOR_POLICY = (
    "default-src 'none'; style-src 'self' 'nonce-{nonce}'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: The scripts that were bundled when the package was installed; without them the site has plain forms.
BUNDLE = Path(__file__).parent / "static" / "built" / "query.js"


def create_app(live: Live, checker: Checker, settings: Settings, journal: Journal) -> Observed:
    """The ASGI application over the release that is live.

    What is sent to be checked goes to ``checker``; what is done is told to ``journal``.
    """
    csv.field_size_limit(sys.maxsize)  # answers of our own engine are read, whose limit is that of an answer
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = MAX_UPLOAD
    app.url_map.strict_slashes = False
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["titled"] = titled
    app.extensions["cybilgraph"] = {
        "live": live,
        "comparing": Turns(1),
        "changes": Changes(live.releases, opened=live.damage.open),
        "suggestions": Suggestions(settings.suggestions) if settings.suggestions else None,
        "licence": settings.licence,
        "public_url": settings.public_url,
        "checker": checker,
        "checking": Clients(burst=max(settings.rate // 4, 1), each_second=settings.rate / 60, at_once=4),
        "sending": Clients(burst=5, each_second=1 / 60, at_once=1),
    }
    live.tended.append(checker.tend)
    bundled = BUNDLE.is_file()
    app.context_processor(
        lambda: {
            "release": sparql.serving().release.manifest,
            "bundled": bundled,
            "licence": settings.licence,
            "nonce": _nonce,
            "current": sparql.serving().release.number == live.current.release.number,
        }
    )
    queries = (sparql, completion)
    sections = (
        home,
        finding,
        pages,
        seeing,
        terms,
        *queries,
        datasets,
        changes,
        documentation,
        check,
        suggest,
        openapi,
        rules,
    )
    for section in sections:
        app.register_blueprint(section.blueprint)
    problems.register(app)
    app.teardown_request(sparql.close)
    app.after_request(_headers)
    threading.Thread(target=_compile, args=(app,), daemon=True).start()
    routes = frozenset(rule.rule.split("/", 2)[1] for rule in app.url_map.iter_rules())
    metrics = Metrics(live, journal, routes | {"latest", "healthz", "readyz", "metrics"})
    return Observed(Front(live, app, MAX_UPLOAD, settings), live, journal, metrics)


def _compile(app: Flask) -> None:
    """Have all templates compiled, before the first visitor of each kind of page."""
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)


def _nonce() -> str:
    """The secret of this page, by which its editor may make style sheets."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    nonce: str = g.nonce
    return nonce


def _headers(response: Response) -> Response:
    """Set the headers of every page: any site may read it, none may frame it or run a script in it, and a cache asks
    again each time unless the page says otherwise.
    """
    response.headers.setdefault("Access-Control-Allow-Origin", "*")
    response.headers.setdefault("Cache-Control", "no-cache")
    response.headers.setdefault("Access-Control-Allow-Headers", "Accept, Content-Type")
    policy = _EDITOR_POLICY.format(nonce=g.nonce) if "nonce" in g else _POLICY
    response.headers.setdefault("Content-Security-Policy", policy)
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.vary.add("Accept")
    if not current_app.extensions["cybilgraph"]["public_url"]:
        response.vary.add("Host")  # links begin with it
    return response
