"""The pages of the rules in the reader's language, and the SHACL shapes as RDF."""

from __future__ import annotations

from functools import cache

import rdflib
from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from cybilgraph.model.formats import Format
from cybilgraph.model.resources import shape_files
from cybilgraph.model.rules import LANGUAGES, catalogue
from cybilgraph.model.vocabulary import RULES
from cybilgraph.validation.rule_handbook import find_rule, load_handbook
from cybilgraph.web.api.negotiation import HTML, SUFFIXES, negotiate_rdf, split_suffix
from cybilgraph.web.pages.resource_view import rdf_response

blueprint = Blueprint("rules", __name__)


@blueprint.get("/rules")
@blueprint.get("/rules.<suffix>")
def page(suffix: str = "") -> BaseResponse:
    """List the rules by category and severity, or return the shapes as RDF."""
    if suffix and suffix not in SUFFIXES:
        raise NotFound(f"The rules are not available with the suffix {suffix!r}")
    if fmt := _negotiate(suffix):
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
    if fmt := _negotiate(suffix):
        return _as_data(_shapes().cbd(rdflib.URIRef(f"{RULES}{name}")), fmt)
    return _page("rule.html", language, rule=found)


@blueprint.get("/rules/<name>/<file>")
def example(name: str, file: str) -> BaseResponse:
    """Return the file of an example, byte for byte."""
    found = catalogue().get(name)
    for sample in (found.good, found.bad) if found else ():
        if sample.file == file:
            return Response(sample.content, content_type=f"text/plain; charset={sample.encoding}")
    raise NotFound(f"The rule {name!r} has no example {file!r}")


@blueprint.get("/shapes")
@blueprint.get("/shapes.ttl")
def shapes() -> BaseResponse:
    """Resolve the IRIs of rules: redirect browsers to the page, which keeps their #NAME, or return Turtle."""
    if request.path == "/shapes" and request.accept_mimetypes.quality(HTML) > request.accept_mimetypes["text/turtle"]:
        return redirect(url_for("rules.page"), 303)
    text = "\n".join(path.read_text(encoding="utf-8") for path in shape_files())
    return Response(text, content_type="text/turtle; charset=utf-8")


def _negotiate(suffix: str) -> Format | None:
    return negotiate_rdf(suffix, request.headers.get("Accept", ""), request.args.get("format", ""))


def _as_data(graph: rdflib.Graph, fmt: Format) -> Response:
    return rdf_response(sorted(graph.serialize(format="nt").splitlines()), fmt)


@cache
def _shapes() -> rdflib.Graph:
    graph = rdflib.Graph()
    for path in shape_files():
        graph.parse(path, format="turtle")
    return graph


def _language() -> str:
    requested = request.args.get("lang", "")
    accepted = (tag.partition("-")[0] for tag in request.accept_languages.values())  # fr-CA selects French
    return next((language for language in (requested, *accepted) if language in LANGUAGES), LANGUAGES[0])


def _page(template: str, language: str, **values: object) -> BaseResponse:
    response = make_response(render_template(template, language=language, languages=LANGUAGES, **values))
    response.vary.add("Accept-Language")
    response.content_language.add(language)
    return response
