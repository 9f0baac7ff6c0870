"""The ontology and the rules, as reference pages and as RDF, both from their files; and the JSON Schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from markupsafe import Markup
from rdflib import OWL, RDF, RDFS, SKOS, Graph, Literal, URIRef
from rdflib.term import Node
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from cybilgraph.model.formats import BY_NAME, GRAPH_FORMATS, Format
from cybilgraph.model.resources import ONTOLOGY_VERSIONS, read_ontology
from cybilgraph.model.rules import LANGUAGES, catalogue
from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, PREFIXES, RULES, SCHEMA, with_own_base
from cybilgraph.pipeline import shapes_bundle
from cybilgraph.rdf.compact_jsonld import compact_context
from cybilgraph.rdf.description import describe_code_lists
from cybilgraph.rdf.forms import write_schema
from cybilgraph.rdf.serialisation import turtle_to_ntriples
from cybilgraph.sparql.queries import load_query
from cybilgraph.validation.outputs.as_json import schema as report_schema
from cybilgraph.validation.rule_handbook import find_rule, load_handbook
from cybilgraph.validation.shapes import all_shapes_text
from cybilgraph.web.api.negotiation import HTML, SUFFIXES, negotiate, split_suffix
from cybilgraph.web.pages import documentation
from cybilgraph.web.pages.ontology_diagram import Diagram, lay_out
from cybilgraph.web.pages.resource_view import negotiated_format, rdf_response

blueprint = Blueprint("ontology", __name__)

_TURTLE = BY_NAME["turtle"]
_CHAPTERS = {
    "Classes": OWL.Class,
    "Object properties": OWL.ObjectProperty,
    "Datatype properties": OWL.DatatypeProperty,
}
#: Queries shown on the page: direct properties, and claims.
_SHOWN_QUERIES = ("example-active-on-day", "example-stated-claims")
#: The beginning of a relative IRI.
_RELATIVE = re.compile("(?<=<)(?=[a-z]+[/#])")
#: The JSON Schemas by name.
_SCHEMAS: dict[str, Callable[[], bytes | str]] = {
    "records": lambda: write_schema(()),
    "report": lambda: json.dumps(report_schema(), ensure_ascii=False, indent=2),
}
#: Labels of the properties that the page shows for each term.
_DETAIL_LABELS = {
    RDFS.subClassOf: "Subclass of",
    RDFS.subPropertyOf: "Subproperty of",
    OWL.disjointWith: "Disjoint with",
    OWL.inverseOf: "Inverse of",
    URIRef(SCHEMA.domainIncludes): "Used with",
    RDFS.range: "Range",
    URIRef(SCHEMA.rangeIncludes): "Values include",
    RDFS.seeAlso: "See also",
}


@blueprint.get("/ontology")
@blueprint.get("/ontology/<version>")
@blueprint.get("/ontology/rules/<version>")
@blueprint.get("/ontology.<suffix>")
def page(suffix: str = "", version: str = "") -> BaseResponse | str:
    """Show the ontology as a page, with its texts in the language ``lang``, or return it as RDF."""
    if version:  # of the ontology or of its rules, which are parts of one document
        version, suffix = split_suffix(version)
        if version not in ("rules", _version(), *ONTOLOGY_VERSIONS):
            raise NotFound(f"The ontology has no version {version!r}; the current one is {_version()}")
    earlier = version if version in ONTOLOGY_VERSIONS else ""
    if suffix in SUFFIXES:
        formats: tuple[Format, ...] = (SUFFIXES[suffix],)
    else:
        name = suffix or request.args.get("format", "")
        formats = negotiate(GRAPH_FORMATS, request.headers.get("Accept", ""), name, html=True)
    if not formats and earlier:
        text = Markup('<p><a href="{}">Turtle</a></p>\n<pre tabindex="0"><code>{}</code></pre>').format(
            url_for("ontology.page", version=f"{earlier}.ttl"), read_ontology(earlier).decode()
        )
        document = documentation.RenderedDocument(f"Ontology, version {earlier}", (), {}, str(text))
        return documentation.show(document, f"ontology/{earlier}", "reference/ontology")
    if not formats:
        requested = request.args.get("lang", "")
        language = requested if requested in LANGUAGES else LANGUAGES[0]
        return render_template(
            "ontology.html",
            language=language,
            languages=LANGUAGES,
            diagram=_diagram(),
            queries=[load_query(name) for name in _SHOWN_QUERIES],
            prefixes=PREFIXES.items(),
            **_ontology(language),
        )
    if formats[0] is _TURTLE:
        return Response(read_ontology(earlier), content_type=_TURTLE.content_type)
    return rdf_response(turtle_to_ntriples(read_ontology(earlier)), formats[0])


@cache
def _graph() -> Graph:
    return Graph().parse(data=read_ontology(), format="turtle")


@cache
def _version() -> str:
    return str(_graph().value(URIRef(f"{BASE}ontology"), OWL.versionInfo))


@cache
def _diagram() -> Diagram:
    return lay_out(_graph())


def _absolute(example: Node) -> str:
    """Return an example with absolute IRIs, so that it can be copied into a query."""
    return with_own_base(_RELATIVE.sub(BASE, str(example)))


@cache
def _ontology(language: str) -> dict[str, Any]:
    """Return title, description, version, the terms by chapter, and the terms of other vocabularies."""
    graph = _graph()

    def text(node: Node, about: Node) -> str:
        texts = {one.language: str(one) for one in graph.objects(node, about) if isinstance(one, Literal)}
        return texts[language]

    def details(node: Node) -> list[tuple[str, list[str]]]:
        found = ((label, sorted(map(str, graph.objects(node, about)))) for about, label in _DETAIL_LABELS.items())
        return [(label, values) for label, values in found if values]

    def term(node: Node) -> dict[str, Any]:
        return {
            "name": str(node).removeprefix(CYB.iri),
            "label": text(node, RDFS.label),
            "definition": text(node, SKOS.definition),
            "examples": sorted(map(_absolute, graph.objects(node, SKOS.example))),
            "details": details(node),
        }

    def terms(nodes: Iterable[Node]) -> list[dict[str, Any]]:
        return sorted(map(term, nodes), key=lambda found: found["name"])

    about = URIRef(f"{BASE}ontology")
    of_rules = set(graph.subjects(RDFS.isDefinedBy, URIRef(f"{BASE}ontology/rules")))
    used = sorted(set(map(str, graph.subjects(URIRef(SCHEMA.domainIncludes)))))
    return {
        "title": text(about, URIRef(DCTERMS.title)),
        "description": text(about, URIRef(DCTERMS.description)),
        "version": _version(),
        "chapters": [
            *((title, terms(set(graph.subjects(RDF.type, kind)) - of_rules)) for title, kind in _CHAPTERS.items()),
            ("Terms of rules and reports", terms(of_rules)),
        ],
        "reused": [(iri, details(URIRef(iri))) for iri in used if not iri.startswith(CYB.iri)],
    }


@blueprint.get("/rules")
@blueprint.get("/rules.<suffix>")
def rules(suffix: str = "") -> BaseResponse:
    """List the rules by category and severity, or return the shapes as RDF."""
    if suffix and suffix not in SUFFIXES:
        raise NotFound(f"The rules are not available with the suffix {suffix!r}")
    if fmt := negotiated_format(suffix):
        return _as_data(_shapes(), fmt)
    language = _language()
    return _page("rules.html", language, chapters=load_handbook(language))


@blueprint.get("/rules/<name>")
def rule(name: str) -> BaseResponse:
    """Show one rule with its examples, or return its shape as RDF."""
    name, suffix = split_suffix(name)
    language = _language()
    found = find_rule(name, language)
    if found is None:
        raise NotFound(f"There is no rule {name!r}")
    if fmt := negotiated_format(suffix):
        return _as_data(_shapes().cbd(URIRef(f"{RULES}{name}")), fmt)
    return _page("rule.html", language, rule=found)


@blueprint.get("/rules/<name>/<file>")
def example(name: str, file: str) -> BaseResponse:
    """Return the file of an example, byte for byte."""
    found = catalogue().get(name)
    for sample in (found.good, found.bad) if found else ():
        if sample.file == file:
            is_text = not file.endswith(".xlsx")
            content_type = f"text/plain; charset={sample.encoding}" if is_text else "application/octet-stream"
            return Response(sample.content, content_type=content_type)
    raise NotFound(f"The rule {name!r} has no example {file!r}")


@blueprint.get("/shapes")
@blueprint.get("/shapes.ttl")
def shapes() -> BaseResponse:
    """Resolve the IRIs of rules: redirect browsers to the page, which keeps their #NAME, or return Turtle.

    It contains the reference data that the shapes need, as of today.
    """
    if request.path == "/shapes" and request.accept_mimetypes.quality(HTML) > request.accept_mimetypes["text/turtle"]:
        return redirect(url_for("ontology.rules"), 303)
    return Response(shapes_bundle(), content_type=_TURTLE.content_type)


@blueprint.get("/iati")
@blueprint.get("/iati.<suffix>")
def code_lists(suffix: str = "") -> BaseResponse:
    """Resolve the datatypes of IATI codes: redirect browsers to the document about codes, or return RDF."""
    if fmt := negotiated_format(suffix):
        return rdf_response(describe_code_lists(), fmt)
    return redirect(url_for("documentation.page", address="reference/ontology", _anchor="codes"), 303)


@blueprint.get("/ns/context.jsonld")
def jsonld_context() -> Response:
    """Return the context of compact JSON-LD."""
    context = json.dumps({"@context": compact_context()}, indent=1)
    return Response(context, content_type="application/ld+json")


@blueprint.get("/schema/<name>.json")
def json_schema(name: str) -> Response:
    """Return the JSON Schema of records or of reports, which they name in ``$schema``."""
    if name not in _SCHEMAS:
        raise NotFound(f"There is no schema {name!r}")
    return Response(_SCHEMAS[name](), content_type="application/schema+json")


@cache
def _shapes() -> Graph:
    return Graph().parse(data=all_shapes_text(), format="turtle")


def _as_data(graph: Graph, fmt: Format) -> Response:
    return rdf_response(sorted(graph.serialize(format="nt").splitlines()), fmt)


def _language() -> str:
    requested = request.args.get("lang", "")
    accepted = (tag.partition("-")[0] for tag in request.accept_languages.values())  # fr-CA selects French
    return next((language for language in (requested, *accepted) if language in LANGUAGES), LANGUAGES[0])


def _page(template: str, language: str, **values: object) -> BaseResponse:
    response = make_response(render_template(template, language=language, languages=LANGUAGES, **values))
    response.vary.add("Accept-Language")
    response.content_language.add(language)
    return response
