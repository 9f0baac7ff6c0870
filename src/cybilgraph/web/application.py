"""The web application, one Flask blueprint per section of the site. It never writes to the graph."""

from __future__ import annotations

import csv
import secrets
import sys
from contextlib import suppress
from http import HTTPStatus
from importlib.util import cache_from_source
from pathlib import Path
from pickle import UnpicklingError
from urllib.parse import quote, urlsplit

from flask import Flask, Response, g, redirect, request, url_for
from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket
from werkzeug.wrappers import Response as BaseResponse

from cybilgraph.model.site_profile import read_profile
from cybilgraph.model.vocabulary import BASE, own_iri, shorten
from cybilgraph.runtime.scheduler import Scheduler
from cybilgraph.sync.changes import ChangeLogCache
from cybilgraph.web.api import openapi, problems, protocol
from cybilgraph.web.api.current_request import close_release, profile, serving, site
from cybilgraph.web.api.evidence import carried_evidence
from cybilgraph.web.checker import MAX_UPLOAD_BYTES, Checker
from cybilgraph.web.curator_logins import CuratorAccess, CuratorFile
from cybilgraph.web.hub_notifier import HubNotifier
from cybilgraph.web.pages import (
    about,
    changes_page,
    check_form,
    citations,
    compare,
    curation,
    data_page,
    datasets,
    documentation,
    explore,
    home,
    network_page,
    ontology,
    query_page,
    removal,
    resource_pages,
    search_page,
)
from cybilgraph.web.pages.resource_view import page_path, project_title, shorten_title
from cybilgraph.web.review_desk import ReviewDesk
from cybilgraph.web.server.access_log import AccessLog
from cybilgraph.web.server.asgi import SECURITY_HEADERS, Application
from cybilgraph.web.server.live_releases import LiveReleases
from cybilgraph.web.server.metrics import Metrics
from cybilgraph.web.server.middleware import Middleware
from cybilgraph.web.server.quotas import ClientQuotas
from cybilgraph.web.server.settings import Settings
from cybilgraph.web.suggestions import SuggestionQueue

#: No route accepts a longer body.
MAX_BODY_BYTES = max(MAX_UPLOAD_BYTES, protocol.MAX_BODY_BYTES)
_POLICY = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
#: For pages with charts, whose script fetches the projects of a country.
_CHART_POLICY = f"{_POLICY}; script-src 'self'; connect-src 'self'"
#: For pages with the query editor, which inserts style sheets; the browser accepts only those with the nonce.
_EDITOR_POLICY = (
    "default-src 'none'; style-src 'self' 'nonce-{nonce}'; font-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: The scripts bundled when the package was installed; without them the site falls back to plain forms.
BUNDLE = Path(__file__).parent / "static" / "built" / "query.js"
_OWN_SOURCE = Path(__file__).read_text(encoding="utf-8")
_STYLES = Path(__file__).parent / "styles"
#: The parts of the site's style sheet, in order. They are sent as one file, because browsers revalidate each file.
_STYLE_PARTS = ("tokens", "base", "components", "charts")
#: The sections of the site whose links carry the level of evidence on.
_COUNTING_SECTIONS = frozenset(
    section.blueprint.name
    for section in (about, compare, data_page, explore, home, network_page, resource_pages, search_page)
)
#: How long browsers may use the typeface without revalidating it, so that text appears in it at once.
_FONT_SECONDS = 86_400


def create_app(live: LiveReleases, checker: Checker, settings: Settings, access_log: AccessLog) -> Middleware:
    """Return the ASGI application that serves the current release of ``live``.

    ``checker`` checks submitted records; requests are logged to ``access_log``.
    """
    csv.field_size_limit(sys.maxsize)  # the CSV is our own engine's, which limits the size of its answers
    app = _Site(__package__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # it would redirect to the host that the client names
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.bytecode_cache = CompiledTemplates(str(Path(cache_from_source(__file__)).parent))
    app.jinja_env.filters["shorten"] = shorten_title
    app.jinja_env.filters["project_title"] = project_title
    app.jinja_env.globals |= {
        "path": page_path,
        "short": shorten,
        "own_iri": own_iri,
        "carried_evidence": carried_evidence,
    }
    own_profile = read_profile(settings.site) if settings.site else None
    app.extensions["cybilgraph"] = {
        "live": live,
        "comparing": Scheduler(1),
        "changes": ChangeLogCache(live.releases, open_file=live.integrity.open),
        "suggestions": SuggestionQueue(settings.suggestions) if settings.suggestions else None,
        "access": CuratorAccess(CuratorFile(settings.curators), access_log.log_event) if settings.curators else None,
        "desk": ReviewDesk(settings.decisions) if settings.curators and settings.decisions else None,
        "profile": own_profile,
        # Not from the profile of a release, which may be a copy of another site's.
        "hub": own_profile.hub if own_profile else "",
        "licence": settings.licence,
        "source_texts": settings.source_texts,
        "doi": settings.doi,
        "public_url": settings.public_url,
        "checker": checker,
        "checking": ClientQuotas(burst=max(settings.rate // 4, 1), per_second=settings.rate / 60, at_once=4),
        "sending": ClientQuotas(burst=5, per_second=1 / 60, at_once=1),
    }
    live.maintenance_tasks.append(checker.maintain)
    if (hub := app.extensions["cybilgraph"]["hub"]) and settings.public_url:
        topics = [f"{settings.public_url}/{feed}" for feed in ("changes.atom", "feed")]
        notifier = HubNotifier(hub, topics, lambda: live.current.release.number, access_log.log_event)
        live.maintenance_tasks.append(notifier.maintain)
    bundled = BUNDLE.is_file()

    @app.context_processor
    def _for_templates() -> dict[str, object]:
        release = serving().release
        is_current = release.number == live.current.release.number
        about = profile()
        takedown = about.takedown or (url_for("removal.form") if site("suggestions") else "")
        found = {"release": release.manifest, "current": is_current, "bundled": bundled, "profile": about}
        return found | {"takedown": takedown}

    @app.url_defaults
    def _carry_evidence(endpoint: str, values: dict[str, object]) -> None:
        if endpoint.partition(".")[0] in _COUNTING_SECTIONS:
            for name, level in carried_evidence().items():
                values.setdefault(name, level)

    @app.template_global("chart_script")
    def _chart_script() -> str:
        g.chart_script = url_for("static", filename="built/explore.js")
        return str(g.chart_script)

    @app.template_global("nonce")
    def _nonce() -> str:
        return str(g.setdefault("nonce", secrets.token_urlsafe(16)))

    parts = (*(("fonts",) if bundled else ()), *_STYLE_PARTS)
    style = "\n".join((_STYLES / f"{part}.css").read_text(encoding="utf-8") for part in parts)

    @app.get("/static/style.css")
    def _style() -> Response:
        response = Response(style, mimetype="text/css")
        response.add_etag()
        response.make_conditional(request)
        return response

    pages = (about, changes_page, check_form, citations, compare, data_page, datasets, documentation, explore, home)
    for section in (*pages, network_page, ontology, openapi, query_page, removal, resource_pages, search_page):
        app.register_blueprint(section.blueprint)
    if settings.curators:
        app.register_blueprint(curation.blueprint)
    problems.register(app)
    app.teardown_request(close_release)
    app.after_request(_headers)
    app.after_request(_redirect_below_base)  # before the headers: the last one registered runs first
    # Compile all templates now, while the engine loads the data, so that no visitor has to wait for it.
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
    routes = frozenset(rule.rule.split("/", 2)[1] for rule in app.url_map.iter_rules())
    metrics = Metrics(live, access_log, routes | {"latest", "healthz", "readyz", "metrics"})
    return Middleware(Application(live, app, settings), live, access_log, metrics)


class CompiledTemplates(FileSystemBytecodeCache):
    """Keeps compiled templates where Python keeps compiled modules, if it may write there."""

    def get_source_checksum(self, source: str) -> str:
        """Return a checksum of a template and of this module, which sets how templates are compiled."""
        return str(super().get_source_checksum(source + _OWN_SOURCE))

    def load_bytecode(self, bucket: Bucket) -> None:
        """Load a compiled template, unless there is none or it is damaged: it is compiled then."""
        with suppress(OSError, EOFError, UnpicklingError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write a compiled template, unless Python is told to write none or the folder is not writable."""
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                super().dump_bytecode(bucket)


class _Site(Flask):
    """The application; static files are revalidated at each use, except for the typeface."""

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """Return how long browsers may use a static file without revalidating it, in seconds."""
        return _FONT_SECONDS if filename and filename.endswith(".woff2") else None


def _redirect_below_base(response: Response) -> BaseResponse:
    """Redirect an IRI of the site whose base has a path to the page, which has the same path below the host.

    The path may be that of a section, such as /docs/: what the section has there comes first.
    """
    path = urlsplit(own_iri()).path
    is_missing = response.status_code == HTTPStatus.NOT_FOUND
    if not is_missing or own_iri() == BASE or path == "/" or not request.path.startswith(path):
        return response
    page = f"/{quote(request.path.removeprefix(path).lstrip('/'))}"  # never another host
    query = request.query_string.decode("latin-1")
    return redirect(f"{page}?{query}" if query else page, 303)


def _policy() -> str:
    """Return the Content-Security-Policy of this page, depending on its script."""
    if "nonce" in g:
        return _EDITOR_POLICY.format(nonce=g.nonce)
    return _CHART_POLICY if "chart_script" in g else _POLICY


def _headers(response: Response) -> Response:
    """Set the headers of every page, unless it has its own.

    Other sites may read pages, but not frame them or run scripts in them; caches revalidate.
    """
    defaults = {
        "access-control-allow-origin": "*",
        "cache-control": "no-cache",
        "access-control-allow-headers": "Accept, Content-Type",
        **SECURITY_HEADERS,
        "content-security-policy": _policy(),
    }
    if curation.is_private(request.path):
        del defaults["access-control-allow-origin"]
        defaults |= curation.HEADERS
    for name, value in defaults.items():
        response.headers.setdefault(name, value)
    response.vary.add("Accept")
    if not site("public_url"):
        response.vary.add("Host")  # absolute links contain it
    return response
