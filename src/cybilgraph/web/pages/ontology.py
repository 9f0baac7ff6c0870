"""The ontology, as a reference page and as RDF, both from its files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import rdflib
from flask import Blueprint, Response, render_template, request
from rdflib import OWL, RDF, RDFS, SKOS
from werkzeug.wrappers import Response as BaseResponse

from cybilgraph.model.formats import BY_NAME, GRAPH_FORMATS, Format
from cybilgraph.model.resources import read_ontology
from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, SCHEMA, shorten
from cybilgraph.rdf.serialisation import turtle_to_ntriples
from cybilgraph.web.api.negotiation import SUFFIXES, negotiate
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


@blueprint.get("/ontology")
@blueprint.get("/ontology/<version>")
@blueprint.get("/ontology/rules/<version>")
@blueprint.get("/ontology.<suffix>")
def page(suffix: str = "", version: str = "") -> BaseResponse | str:
    """Show the ontology as a page, or return it as RDF."""
    end = version.rpartition(".")[2]  # one version and one document, so any path means the same
    fmt = _format(suffix or (end if end in SUFFIXES else ""))
    if fmt is _TURTLE:
        return Response(read_ontology(), content_type=_TURTLE.content_type)
    if fmt:
        return rdf_response(turtle_to_ntriples(read_ontology()), fmt)
    title, description, version, chapters = _read()
    return render_template(
        "ontology.html", title=title, description=description, version=version, chapters=chapters, short=shorten,
        path=page_path,
    )  # fmt: skip


def _format(suffix: str) -> Format | None:
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    name = suffix or request.args.get("format", "")
    formats = negotiate(GRAPH_FORMATS, request.headers.get("Accept", ""), name, html=True)
    return formats[0] if formats else None


@cache
def _read() -> tuple[str, str, str, list[tuple[str, list[OntologyTerm]]]]:
    """Return title, description, version, and the terms by chapter."""
    graph = rdflib.Graph().parse(data=read_ontology(), format="turtle")
    about = rdflib.URIRef(f"{BASE}ontology")
    head = [str(graph.value(about, term)) for term in
            (rdflib.URIRef(DCTERMS.title), rdflib.URIRef(DCTERMS.description), OWL.versionInfo)]  # fmt: skip
    chapters = [
        (title, sorted((_term(graph, node) for node in graph.subjects(RDF.type, kind)), key=lambda term: term.name))
        for kind, title in _KINDS
    ]
    return head[0], head[1], head[2], chapters


def _term(graph: rdflib.Graph, node: rdflib.term.Node) -> OntologyTerm:
    details = [(label, sorted(map(str, graph.objects(node, term)))) for term, label in _DETAIL_LABELS.items()]
    return OntologyTerm(
        str(node).removeprefix(CYB.iri),
        str(graph.value(node, RDFS.label)),
        str(graph.value(node, SKOS.definition)),
        sorted(map(str, graph.objects(node, SKOS.example))),
        [(label, values) for label, values in details if values],
    )
