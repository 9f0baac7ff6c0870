"""Pages of resources at the path of their IRI, in HTML and in each RDF format; lists also in CSV."""

from __future__ import annotations

import csv
from functools import lru_cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from flask import Blueprint, after_this_request, g, make_response, redirect, render_template, request, url_for
from rdflib import RDF, Graph, URIRef
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from cybilgraph.errors import FileDamaged, FormatMismatch, ThingGone
from cybilgraph.identity.decision_layer import subject_value
from cybilgraph.identity.decisions import kind_of
from cybilgraph.model.formats import BY_NAME, GRAPH_FORMATS, Format, FormatKind
from cybilgraph.model.gazetteer import PLACES, load_gazetteer, sorting_key
from cybilgraph.model.record import EvidenceLevel
from cybilgraph.model.vocabulary import CYB, DCTERMS, PROV, iri_of, path_of, scheme_iri, thing_iri
from cybilgraph.pipeline.review_queue import OPEN
from cybilgraph.rdf.compact_jsonld import write_compact_jsonld
from cybilgraph.rdf.rdflib_graph import graph_of
from cybilgraph.release import Release
from cybilgraph.release.search import SearchQuery, Summary, read_facet
from cybilgraph.sparql import queries
from cybilgraph.web.api.current_request import (
    CSV,
    NTRIPLES,
    answer_query,
    answer_response,
    csv_response,
    live,
    named_query_rows,
    page_in_url,
    pin_release,
    profile,
    query_rows,
    search_index,
    serving,
    short_form,
    site,
)
from cybilgraph.web.api.evidence import evidence_level
from cybilgraph.web.api.negotiation import HTML, SUFFIXES, negotiate, split_suffix
from cybilgraph.web.pages import entity_queries
from cybilgraph.web.pages.check_form import ensure_same_origin, send_suggestion, suggestion_outcome
from cybilgraph.web.pages.citations import citation_of
from cybilgraph.web.pages.evidence_switch import all_links, evidence_switch
from cybilgraph.web.pages.resource_view import (
    QuoteReader,
    Resource,
    claimed_links,
    describe_organisation,
    page_path,
    project_values,
)
from cybilgraph.web.pages.source_text import readable_sources, source_page
from cybilgraph.web.server.open_release import OpenRelease
from cybilgraph.web.suggestions import EditBase, Suggestion, SuggestionQueue

blueprint = Blueprint("entities", __name__)

#: The number of entities per page of a list, of outcomes per page, and of names without projects that are not folded.
_PAGE_ROWS, _PAGE_OUTCOMES, _MAX_INACTIVE_SHOWN = 60, 30, 60
#: The number of rows of evidence on a project page that are not folded.
_MAX_EVIDENCE_SHOWN = 8
#: The longest text by which a list is filtered.
_MAX_FILTER_CHARS = 200
#: Compact JSON-LD, for clients that accept JSON; JSON-LD (.jsonld) needs no context from elsewhere.
_JSON = Format("compact", FormatKind.GRAPH, ("application/json",), "json", "JSON", "")
#: The relation of a JSON document to its context (JSON-LD 1.1, section 6.1).
_CONTEXT_RELATION = "http://www.w3.org/ns/json-ld#context"
#: The formats of a resource, and those that its page links to.
_FORMATS = (*GRAPH_FORMATS, _JSON)
_LINKED_FORMATS = (*(BY_NAME[name] for name in ("turtle", "jsonld", "ntriples", "rdfxml")), _JSON)
#: The suffixes that select a format.
_SUFFIXES = SUFFIXES | {fmt.suffix: fmt for fmt in (CSV, _JSON)}


@blueprint.get("/id/<path:path>", defaults={"section": "id"})
@blueprint.get("/record/<path:path>", defaults={"section": "record"})
@blueprint.get("/graph/<path:path>", defaults={"section": "graph"})
def resource(section: str, path: str) -> BaseResponse | str:
    """Show a resource as HTML or RDF, chosen by suffix or content negotiation; ``release=`` selects the release."""
    path, suffix = split_suffix(path.rstrip("/"), _SUFFIXES)
    pinned = pin_release(request.args.get("release", "")) or None
    kind, _, key = path.partition("/")
    entity_kind = entity_queries.ENTITY_KINDS.get(kind) if section == "id" and "/" not in key else None
    formats = _formats(suffix, is_list=entity_kind is not None)
    if entity_kind and not key:
        return _list(entity_kind, formats)

    def redirected(target: str, code: int) -> BaseResponse:
        return redirect(url_for("entities.resource", section="id", path=target, release=pinned), code)

    iri = iri_of(f"{section}/{quote(path)}")  # the server has percent-decoded the path
    if section == "record" and not formats and "/" not in path:
        return redirected(f"project/{path}", 303)
    end = f".{suffix}" if suffix else ""
    text, graph = _statements(iri, serving())
    node = URIRef(iri)
    if not graph:
        if section == "id" and (spelling := _other_capitalisation(kind, key)):
            return redirected(f"{kind}/{spelling}{end}", 301)
        raise _not_found(iri)
    if entity_kind and CSV in formats[:1]:
        return csv_response(entity_queries.entity_query("page-linked", kind, key, evidence_level()))
    # An organisation that another one succeeded still has its page; a former key of a project has not.
    replacement = graph.value(node, URIRef(DCTERMS.isReplacedBy))
    if replacement is not None and (node, RDF.type, None) not in graph:
        return redirected(path_of(str(replacement)).removeprefix("id/") + end, 301)
    after_this_request(partial(_add_links, iri=iri, path=f"{section}/{path}", formats=formats, release=pinned))
    if formats:
        return _graph_response(text, iri, formats)
    view = Resource(graph, node)
    if section == "record" and (node, RDF.type, URIRef(PROV.Entity)) in graph:
        return source_page(view)
    g.removed = pinned is not None and not _statements(iri, live().current)[1]
    if (node, RDF.type, URIRef(CYB.Project)) in graph:
        return _project(view, unquote(key))
    if entity_kind and (node, RDF.type, URIRef(entity_kind.iri)) in graph:
        return _entity_page(view, entity_kind, key)
    return render_template("resource.html", view=view, mentions=named_query_rows("page-mentions", resource=iri))


@blueprint.get("/id/project")
@blueprint.get("/id/project.<suffix>")
def projects(suffix: str = "") -> BaseResponse:
    """List all projects: redirect to the search for HTML and CSV, or return their IRIs and titles as RDF."""
    if suffix and suffix not in _SUFFIXES:
        raise NotFound(f"The list of projects is not available with the suffix {suffix!r}")
    formats = _formats(suffix, is_list=True)
    if not formats or formats[0] is CSV:
        return redirect(url_for("search.table" if formats else "search.page"), 303)
    return _concept_scheme(CYB.Project, "project", formats)


def _concept_scheme(class_iri: str, kind: str, formats: tuple[Format, ...]) -> BaseResponse:
    text = queries.load_query("page-kind").bind({"kind": [class_iri], "scheme": [scheme_iri(kind)]})
    return _graph_response(text, scheme_iri(kind), formats)


def _graph_response(text: str, iri: str, formats: tuple[Format, ...]) -> BaseResponse:
    """Return the result of a query for the statements about a resource in the first format that supports it."""
    if formats[0] is not _JSON:
        return answer_response(text, *(fmt for fmt in formats if fmt is not _JSON))
    context = url_for("ontology.jsonld_context", _external=True)
    content = write_compact_jsonld(answer_query(text, NTRIPLES).content, context, iri)
    response = make_response(content)
    response.content_type = _JSON.content_type
    response.headers.add("Link", f'<{context}>; rel="{_CONTEXT_RELATION}"; type="application/ld+json"')
    return response


def _add_links(
    response: BaseResponse, iri: str, path: str, formats: tuple[Format, ...], release: int | None
) -> BaseResponse:
    """Add Link headers (RFC 8288) to a resource: its IRI, its page and data, and the licence (signposting.org)."""
    section, _, rest = path.partition("/")

    def link(suffix: str, relation: str, media_type: str) -> str:
        url = url_for("entities.resource", section=section, path=f"{rest}{suffix}", release=release)
        return f'<{url}>; rel="{relation}"; type="{media_type}"'

    links = [f'<{iri}>; rel="cite-as"']
    if formats:
        links.append(link("", "describes", HTML))
    else:
        links += [link(f".{fmt.suffix}", "describedby", fmt.media_type) for fmt in _LINKED_FORMATS]
    if licence := profile().licence:
        links.append(f'<{licence}>; rel="license"')
    response.headers.add("Link", ", ".join(links))
    return response


@blueprint.get("/outcomes.csv")
def outcomes_table() -> BaseResponse:
    """Return the outcomes of all projects as CSV."""
    return csv_response(queries.load_query("page-outcomes").text)


@blueprint.get("/outcomes")
def outcomes() -> str:
    """List the outcomes of all projects by project."""
    rows = named_query_rows("page-outcomes")
    page, pages = _page_of(len(rows), _PAGE_OUTCOMES)
    return render_template(
        "outcomes.html", rows=rows[(page - 1) * _PAGE_OUTCOMES : page * _PAGE_OUTCOMES], total=len(rows), page=page,
        pages=pages, url_of_page=lambda number: url_for("entities.outcomes", page=number),
    )  # fmt: skip


def _page_of(rows: int, per_page: int) -> tuple[int, int]:
    """Return the number of the page in the URL, limited to those that exist, and the number of pages."""
    pages = max(-(-rows // per_page), 1)
    return page_in_url(pages), pages


def _project(view: Resource, key: str) -> str:
    accepts_edits = site("suggestions") is not None and serving() is live().current
    try:
        readable = readable_sources(map(str, view.sources()))
    except FileDamaged:  # the rest of the page does not need the sources
        readable = set()
    shown = project_values(view, QuoteReader(view, readable), evidence_level())
    try:
        search = search_index()
        findings, is_available = search.findings(key, shown["source"]), search.is_available
    except FileDamaged:  # the rest of the page does not need the search index
        findings, is_available = [], False
    suggest = url_for("check.suggest", key=key) if accepts_edits else ""
    citation = citation_of(view.label, f"/{path_of(view.iri)}")
    return render_template(
        "project.html",
        project=shown,
        view=view,
        max_evidence=_MAX_EVIDENCE_SHOWN,
        findings=findings,
        is_available=is_available,
        suggest=suggest,
        citation=citation,
        key=key,
        evidence=evidence_switch(shown["links_by_level"], "link"),
    )


@blueprint.post("/answer/<path:key>")
def answer(key: str) -> BaseResponse:
    """Queue a visitor's answer to whether a claim is right, as a suggestion. Raises NotFound, SuggestionError."""
    queue: SuggestionQueue | None = site("suggestions")
    if queue is None:
        raise NotFound("This server does not accept suggestions")
    ensure_same_origin()
    iri, path = thing_iri("project", key), short_form().get("claim", "")
    view = Resource(_statements(iri, serving())[1], URIRef(iri))
    claims = (one for one in claimed_links(view, QuoteReader(view, ())) if one.claim == path and one.basis in OPEN)
    if not (claim := next(claims, None)):
        raise NotFound("The project no longer has this claim, or the claim is no longer uncertain")
    kind, first, second = map(unquote, path.split("/"))
    field, value = (second, first) if kind == "participation" else (first, second)
    base = EditBase("", "", "\n".join(quote.text for quote in claim.quotes), is_source=False)
    sent = send_suggestion(
        Suggestion(
            project=key,
            title=view.label,
            name="answer.txt",
            base=base,
            text=short_form().get("answer", ""),
            field=field,
            value=subject_value(kind_of(field), value, claim.name),
            basis=claim.basis,
        )
    )
    return suggestion_outcome(sent, page_path(iri), HTTPStatus.ACCEPTED)


def _entity_page(view: Resource, entity_kind: entity_queries.EntityKind, key: str) -> str:
    kind, level = entity_kind.name, evidence_level()
    first, related = (
        query_rows(entity_queries.entity_query(name, kind, key, level)) for name in ("page-first", "page-related")
    )
    totals: dict[EvidenceLevel, int] = {}
    try:
        index, search = search_index(), SearchQuery(chosen=((kind, (view.iri,)),), level=level)
        summary, everything = index.summarise(search), index.summarise(SearchQuery(level=level))
        totals = index.totals(search)
    except FileDamaged:  # the rest of the page does not need the search index
        summary = everything = Summary(0, {}, {})
    shown = entity_queries.page_values(view.iri, kind, first, related, summary, everything, totals)
    gaps = [
        (theme.name, thing_iri("theme", theme.key))
        for theme in entity_queries.themes()
        if kind != "theme" and thing_iri("theme", theme.key) not in shown["covered"]
    ]

    def search_url(facet: str, value: str) -> str:
        """Return the search for the projects of the page that also have a value of a facet."""
        chosen: dict[str, Any] = {kind: unquote(key), facet: unquote(value.rpartition("/")[2])}
        return url_for("search.page", **chosen)

    return render_template(
        "entity.html", view=view, entity_kind=entity_kind, shown=shown, summary=summary, gaps=gaps,
        search_url=search_url,
        evidence=evidence_switch(totals, "project"), citation=citation_of(view.label, f"/{path_of(view.iri)}"),
        organisation=describe_organisation(view) if kind == "actor" else None,
    )  # fmt: skip


def _list(entity_kind: entity_queries.EntityKind, formats: tuple[Format, ...]) -> BaseResponse | str:
    text = entity_queries.list_query(entity_kind, evidence_level())
    if formats and formats[0] is CSV:
        return csv_response(text)
    if formats:
        return _concept_scheme(entity_kind.iri, entity_kind.name, formats)
    known = sorted(query_rows(text), key=lambda row: sorting_key(row["label"]))
    words, order = request.args.get("q", "")[:_MAX_FILTER_CHARS].strip(), request.args.get("sort", "")
    matching = [row for row in known if words.casefold() in row["label"].casefold()]
    active = [row for row in matching if row["projects"] != "0"]
    is_nested = entity_kind.name == "theme" and order != "projects"
    if order == "projects":
        active.sort(key=lambda row: -int(row["projects"]))
    elif is_nested:  # each topic below its theme
        active.sort(key=lambda row: ((row["broader"] or row["label"]).casefold(), row["broader"] != ""))
    page, pages = _page_of(len(active), _PAGE_ROWS)

    def url_of_page(number: int) -> str:
        kept = {"q": words or None, "sort": order or None, "release": g.get("pinned")}
        return url_for("entities.resource", section="id", path=entity_kind.name, page=number, **kept)

    return render_template(
        "entity-list.html", entity_kind=entity_kind, total=len(matching), active=len(active), page=page, pages=pages,
        url_of_page=url_of_page, places={name: entity_queries.ENTITY_KINDS[name] for name in PLACES},
        rows=active[(page - 1) * _PAGE_ROWS : page * _PAGE_ROWS], words=words, order=order, is_nested=is_nested,
        inactive=[row for row in matching if row["projects"] == "0"] if page == pages else [],
        max_inactive=_MAX_INACTIVE_SHOWN, evidence=evidence_switch(all_links(), "link"),
    )  # fmt: skip


def _statements(iri: str, of: OpenRelease) -> tuple[str, Graph]:
    """Return the query for the statements about a resource and its result.

    If there are none, the query is for statements that mention it; the graph is empty if there are none either.
    """
    for name in ("page-resource", "page-mentioned"):
        text = queries.load_query(name).bind({"resource": [iri]})
        graph = graph_of(answer_query(text, NTRIPLES, of=of).content)
        if (URIRef(iri), None, None) in graph:
            break
    return text, graph


def _formats(suffix: str, *, is_list: bool) -> tuple[Format, ...]:
    """Return the formats the client accepts, best first; empty means HTML. Raises FormatMismatch."""
    offered = (*_FORMATS, CSV) if is_list else _FORMATS
    name = request.args.get("format", "")
    if suffix or name == _JSON.suffix:
        if (found := _SUFFIXES[suffix or name]) in offered:
            return (found,)
        raise FormatMismatch("Only lists are available as CSV", "Use one of: ttl, nt, json, jsonld, rdf.")
    return negotiate(offered, request.headers.get("Accept", ""), name, html=True)


def _other_capitalisation(kind: str, key: str) -> str:
    """Return the known key that differs from ``key`` in capitalisation only; empty if there is none."""
    known = _keys(serving().release.folder) if kind == "project" else load_gazetteer().entries.get(kind, {})
    return next((one for one in known if one.casefold() == key.casefold() and one != key), "")


def _not_found(iri: str) -> NotFound | ThingGone:
    """Return the error for an unknown IRI: ThingGone if an earlier release had this project or actor."""
    key = unquote(iri.removeprefix(thing_iri("project", "")))
    for earlier in live().earlier():
        if key in _keys(earlier.folder) or iri in _actors(earlier.folder):
            what = f"{iri} was last in release {earlier.number} and has been removed since"
            return ThingGone(what, page_path(iri, earlier.number))
    return NotFound("This release has no page at this address")


@lru_cache(maxsize=8)
def _keys(folder: Path) -> frozenset[str]:
    """Return the project keys of the release in a folder. A release never changes, so the result can be cached."""
    try:
        with Release(0, folder, {}).identities() as rows:
            return frozenset(key for key, _ in rows)
    except (OSError, KeyError, UnicodeDecodeError, csv.Error):
        return frozenset()  # an older version of the software built it without this file


@lru_cache(maxsize=8)
def _actors(folder: Path) -> frozenset[str]:
    """Return the IRIs of the actors in projects of the release in a folder."""
    return read_facet(Release(0, folder, {}).search, "actor")
