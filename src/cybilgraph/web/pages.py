"""Pages: a resource at its own IRI's path, in HTML and in each RDF format."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, unquote

import rdflib
from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from rdflib import RDF, SKOS
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from cybilgraph import queries
from cybilgraph.fields import FIELDS, Kind
from cybilgraph.formats import FORMATS, GRAPH_FORMATS, Format
from cybilgraph.resources import ONTOLOGY
from cybilgraph.vocab import BASE, CYB, DCTERMS, FOAF, OA, PROV, RDFS, SCHEMA, SPDX, VCARD, short
from cybilgraph.web import sparql
from cybilgraph.web.negotiate import wanted
from cybilgraph.web.sparql import NTRIPLES, find, run, send

blueprint = Blueprint("pages", __name__)

_SUFFIXES = {f".{fmt.suffix}": fmt for fmt in GRAPH_FORMATS}
_LABELS = (SKOS.prefLabel, rdflib.URIRef(DCTERMS.title), rdflib.URIRef(RDFS.label))


@blueprint.get("/")
def home() -> str:
    """What this is, in numbers; all projects; the example queries."""
    [numbers] = run("page-numbers")
    return render_template(
        "home.html", numbers=numbers, projects=run("page-projects"), examples=queries.examples(), path=path_of
    )


@blueprint.get("/ontology")
@blueprint.get("/ontology.ttl")
def ontology() -> BaseResponse:
    """The ontology, as the file that it is written in."""
    return Response(ONTOLOGY.read_bytes(), content_type="text/turtle; charset=utf-8")


@blueprint.get("/id/<path:path>", defaults={"room": "id"})
@blueprint.get("/record/<path:path>", defaults={"room": "record"})
def resource(room: str, path: str) -> BaseResponse | str:
    """A resource of ours: HTML for people, RDF for programs, by negotiation or by suffix; with ``release=``,
    as of an earlier release.
    """
    path, chosen = _suffix(path.rstrip("/"))
    formats = chosen or wanted(
        GRAPH_FORMATS, request.headers.get("Accept", ""), request.values.get("format", ""), html=True
    )
    pinned = sparql.pin(request.args.get("release", ""))
    iri = f"{BASE}{room}/{quote(path)}"  # the server has resolved what vocab.thing had encoded
    if room == "record" and not formats and "/" not in path:
        return redirect(url_for("pages.resource", room="id", path=f"project/{path}", release=pinned or None), 303)
    text = queries.load("page-resource").bind({"resource": [iri]})
    answer = find(text, *(formats or (NTRIPLES,)))
    if formats:
        if not _has_statements(iri):
            raise NotFound(f"There is no {iri} in this release")
        return send(answer)
    graph = rdflib.Graph().parse(data=answer.content, format="nt")
    node = rdflib.URIRef(iri)
    if (node, None, None) not in graph:
        raise NotFound(f"There is no {iri} in this release")
    view = _Resource(graph, node)
    if (node, RDF.type, rdflib.URIRef(CYB.Project)) in graph:
        takes = current_app.extensions["cybilgraph"]["suggestions"] is not None
        suggest = url_for("suggest.page", key=unquote(iri.removeprefix(f"{BASE}id/project/"))) if takes else ""
        return render_template("project.html", project=_project(view), view=view, path=path_of, suggest=suggest)
    mentions = run("page-mentions", resource=iri)
    return render_template("resource.html", view=view, mentions=mentions, path=path_of, short=short)


def _has_statements(iri: str) -> bool:
    query = f"ASK {{ <{iri}> ?p ?o }}"
    queries.guard(query)
    return b"true" in find(query, *FORMATS).content


def _suffix(path: str) -> tuple[str, tuple[Format, ...]]:
    for suffix, fmt in _SUFFIXES.items():
        if path.endswith(suffix):
            return path.removesuffix(suffix), (fmt,)
    return path, ()


def path_of(iri: str) -> str:
    """Where a link to this IRI leads: our own things to their page here, others to themselves;
    nowhere where it is no web address.
    """
    if iri.startswith(f"{BASE}ontology#"):
        return url_for("pages.ontology")
    if iri.startswith(BASE):
        return request.script_root + "/" + iri.removeprefix(BASE)
    return iri if iri.startswith(("https://", "http://", "mailto:")) else ""


@dataclass(frozen=True, slots=True)
class _Resource:
    """One resource in the graph of statements around it."""

    graph: rdflib.Graph
    node: rdflib.URIRef

    @property
    def iri(self) -> str:
        return str(self.node)

    @property
    def label(self) -> str:
        return self.name(self.node)

    def name(self, node: rdflib.term.Node) -> str:
        """The English name of a thing, else any, else its IRI by prefix."""
        for predicate in _LABELS:
            found = [value for value in self.graph.objects(node, predicate) if isinstance(value, rdflib.Literal)]
            for value in sorted(found, key=lambda value: (value.language != "en", value)):
                return str(value)
        return short(str(node))

    def all(self, predicate: str, node: rdflib.term.Node | None = None) -> list[rdflib.term.Node]:
        """The objects of a property, in the order of the parts' numbers or of names."""
        found = list(self.graph.objects(node or self.node, rdflib.URIRef(predicate)))
        return sorted(
            found, key=lambda value: (len(str(value)), str(value)) if _numbered(value) else (0, self.name(value))
        )

    def one(self, predicate: str, node: rdflib.term.Node | None = None) -> str:
        """The text of a single-valued property; empty where there is none."""
        return str(next(iter(self.graph.objects(node or self.node, rdflib.URIRef(predicate))), ""))

    def statements(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Property by property: its IRI, and text and IRI (or nothing) of each value."""
        table: dict[str, list[tuple[str, str]]] = {}
        for predicate, value in sorted(self.graph.predicate_objects(self.node)):
            if isinstance(value, rdflib.URIRef):
                table.setdefault(str(predicate), []).append((self.name(value), str(value)))
            else:
                tag = f" ({value.language})" if isinstance(value, rdflib.Literal) and value.language else ""
                table.setdefault(str(predicate), []).append((f"{value}{tag}", ""))
        return list(table.items())


def _numbered(value: rdflib.term.Node) -> bool:
    return str(value).rpartition("/")[2].isdigit()


@dataclass(slots=True)
class _Link:
    """A link of a project, with how we know it."""

    name: str
    iri: str
    role: str = ""
    derived: bool = False
    quotes: list[tuple[str, str]] = field(default_factory=list)


def _project(view: _Resource) -> dict[str, object]:
    """What the page of a project shows."""
    record = view.graph.value(None, rdflib.URIRef(FOAF.primaryTopic), view.node)
    source = view.graph.value(record, rdflib.URIRef(PROV.wasDerivedFrom))
    checksum = view.graph.value(source, rdflib.URIRef(SPDX.checksum))
    blank = {str(term) for term in view.graph.objects(record, rdflib.URIRef(CYB.leftBlank))}
    links = [*_links(view, CYB.participation, CYB.actor), *_links(view, CYB.scope, CYB.concept)]
    return {
        "code": view.one(DCTERMS.identifier),
        "status": view.name(status[0]) if (status := view.all(CYB.status)) else "",
        "start": view.one(CYB.startAsPrinted),
        "end": view.one(CYB.endAsPrinted),
        "links": _grouped(links),
        "found": any(link.derived for link in links),
        "blank": [row.name for row in FIELDS if row.term in blank],
        "sections": [
            (row.name, _section(view, row.kind, row.term))
            for row in FIELDS
            if row.kind in (Kind.PROSE, Kind.ITEMS) and view.all(row.term)
        ],
        "web": [(view.one(DCTERMS.title, node), view.one(SCHEMA.url, node)) for node in view.all(CYB.link)],
        "contacts": [
            (view.one(VCARD.fn, node), view.one(VCARD.hasEmail, node).removeprefix("mailto:"))
            for node in view.all(CYB.contact)
        ],
        "rights": view.one(DCTERMS.rights, record),
        "source": view.one(RDFS.label, source),
        "sha256": view.one(SPDX.checksumValue, checksum),
    }


def _section(view: _Resource, kind: Kind, term: str) -> dict[str, list[str]]:
    if kind is Kind.PROSE:
        return {"paragraphs": [part for value in view.all(term) for part in str(value).split("\n\n")]}
    return {"items": [view.one(DCTERMS.description, node) for node in view.all(term)]}


def _links(view: _Resource, property_: str, target: str) -> list[_Link]:
    links = []
    for node in view.all(property_):
        thing = next(view.graph.objects(node, rdflib.URIRef(target)))
        role = view.graph.value(node, rdflib.URIRef(CYB.role))
        kind = view.name(role) if role else str(thing).removeprefix(f"{BASE}id/").partition("/")[0].capitalize()
        quotes = [(view.one(OA.exact, quote), view.one(CYB.line, quote)) for quote in view.all(CYB.evidence, node)]
        links.append(_Link(view.name(thing), str(thing), kind, view.one(CYB.basis, node).endswith("/derived"), quotes))
    return links


def _grouped(links: list[_Link]) -> list[tuple[str, list[_Link]]]:
    groups: dict[str, list[_Link]] = {}
    for link in sorted(links, key=lambda link: link.name.casefold()):
        groups.setdefault(link.role, []).append(link)
    order = ("Funder", "Implementer", "Partner", "Beneficiary", "Unspecified", "Country", "Region", "Group", "Theme")
    return sorted(groups.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order))
