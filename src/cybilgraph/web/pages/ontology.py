"""The ontology, as a reference page and as RDF, both from its files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import rdflib
from flask import Blueprint, Response, render_template, request
from rdflib import OWL, RDF, RDFS, SKOS
from rdflib.term import Node
from werkzeug.wrappers import Response as BaseResponse

from cybilgraph.model.formats import BY_NAME, GRAPH_FORMATS, Format
from cybilgraph.model.resources import read_ontology
from cybilgraph.model.rules import LANGUAGES
from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, SCHEMA, shorten
from cybilgraph.pipeline import shapes_bundle
from cybilgraph.rdf.serialisation import turtle_to_ntriples
from cybilgraph.web.api.negotiation import SUFFIXES, negotiate
from cybilgraph.web.pages.ontology_diagram import Diagram, lay_out
from cybilgraph.web.pages.resource_view import page_path, rdf_response

blueprint = Blueprint("ontology", __name__)

_TURTLE = BY_NAME["turtle"]
_KINDS = (
    (OWL.Class, "Classes"),
    (OWL.ObjectProperty, "Object properties"),
    (OWL.DatatypeProperty, "Datatype properties"),
)
#: Labels of the properties that the page shows for each term.
_DETAIL_LABELS = {
    RDFS.subClassOf: "Subclass of",
    RDFS.subPropertyOf: "Subproperty of",
    OWL.inverseOf: "Inverse of",
    rdflib.URIRef(SCHEMA.domainIncludes): "Used with",
    RDFS.range: "Range",
    rdflib.URIRef(SCHEMA.rangeIncludes): "Values include",
    RDFS.seeAlso: "See also",
}


@dataclass(frozen=True, slots=True)
class OntologyTerm:
    """A class or property of the ontology."""

    name: str
    label: str
    definition: str
    examples: list[str]
    details: list[tuple[str, list[str]]]


@blueprint.get("/shapes.ttl")
def shapes() -> Response:
    """Return the shapes with the reference data that they need, as of today."""
    return Response(shapes_bundle(), content_type=_TURTLE.content_type)


@blueprint.get("/ontology")
@blueprint.get("/ontology/<version>")
@blueprint.get("/ontology/rules/<version>")
@blueprint.get("/ontology.<suffix>")
def page(suffix: str = "", version: str = "") -> BaseResponse | str:
    """Show the ontology as a page, with its texts in the language ``lang``, or return it as RDF."""
    end = version.rpartition(".")[2]  # one version and one document, so any path means the same
    fmt = _format(suffix or (end if end in SUFFIXES else ""))
    if fmt is _TURTLE:
        return Response(read_ontology(), content_type=_TURTLE.content_type)
    if fmt:
        return rdf_response(turtle_to_ntriples(read_ontology()), fmt)
    requested = request.args.get("lang", "")
    language = requested if requested in LANGUAGES else LANGUAGES[0]
    title, description, version, chapters = _read(language)
    return render_template(
        "ontology.html", title=title, description=description, version=version, chapters=chapters, short=shorten,
        path=page_path, language=language, languages=LANGUAGES, diagram=_diagram(),
    )  # fmt: skip


def _format(suffix: str) -> Format | None:
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    name = suffix or request.args.get("format", "")
    formats = negotiate(GRAPH_FORMATS, request.headers.get("Accept", ""), name, html=True)
    return formats[0] if formats else None


@cache
def _graph() -> rdflib.Graph:
    return rdflib.Graph().parse(data=read_ontology(), format="turtle")


@cache
def _diagram() -> Diagram:
    return lay_out(_graph())


@cache
def _read(language: str) -> tuple[str, str, str, list[tuple[str, list[OntologyTerm]]]]:
    """Return title, description, version, and the terms by chapter."""
    graph = _graph()
    about = rdflib.URIRef(f"{BASE}ontology")
    title, description = (_text(about, rdflib.URIRef(term), language) for term in (DCTERMS.title, DCTERMS.description))
    chapters = [
        (title, sorted((_term(node, language) for node in graph.subjects(RDF.type, kind)), key=lambda term: term.name))
        for kind, title in _KINDS
    ]
    return title, description, str(graph.value(about, OWL.versionInfo)), chapters


def _text(node: Node, predicate: Node, language: str) -> str:
    texts = {text.language: str(text) for text in _graph().objects(node, predicate) if isinstance(text, rdflib.Literal)}
    return texts[language]


def _term(node: Node, language: str) -> OntologyTerm:
    graph = _graph()
    details = [(label, sorted(map(str, graph.objects(node, term)))) for term, label in _DETAIL_LABELS.items()]
    return OntologyTerm(
        str(node).removeprefix(CYB.iri),
        _text(node, RDFS.label, language),
        _text(node, SKOS.definition, language),
        sorted(map(str, graph.objects(node, SKOS.example))),
        [(label, values) for label, values in details if values],
    )
