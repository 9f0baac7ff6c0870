"""The page of rules, in the reader's language; and the shapes themselves, for programs."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from cybilgraph.resources import shape_files
from cybilgraph.rules import LANGUAGES, catalogue
from cybilgraph.validation.handbook import entry, handbook
from cybilgraph.web.negotiate import HTML

blueprint = Blueprint("rules", __name__)


@blueprint.get("/rules")
def rules() -> BaseResponse:
    """Every rule, by promise and severity."""
    language = _language()
    return _page("rules.html", language, chapters=handbook(language))


@blueprint.get("/rules/<name>")
def rule(name: str) -> BaseResponse:
    """One rule, with its examples."""
    language = _language()
    found = entry(name, language)
    if found is None:
        raise NotFound(f"There is no rule {name!r}")
    return _page("rule.html", language, rule=found)


@blueprint.get("/rules/<name>/<file>")
def example(name: str, file: str) -> BaseResponse:
    """The file that an example is, byte for byte: what its command checks."""
    found = catalogue().get(name)
    for sample in (found.good, found.bad) if found else ():
        if sample.file == file:
            return Response(sample.content, content_type=f"text/plain; charset={sample.encoding}")
    raise NotFound(f"There is no example {file!r} of a rule {name!r}")


@blueprint.get("/shapes")
@blueprint.get("/shapes.ttl")
def shapes() -> BaseResponse:
    """Where the IRIs of rules lead: people to the page, which keeps their #NAME; programs to Turtle."""
    if request.path == "/shapes" and request.accept_mimetypes.quality(HTML) > request.accept_mimetypes["text/turtle"]:
        return redirect(url_for("rules.rules"), 303)
    text = "\n".join(path.read_text(encoding="utf-8") for path in shape_files())
    return Response(text, content_type="text/turtle; charset=utf-8")


def _language() -> str:
    asked = request.args.get("lang", "")
    liked = (tag.partition("-")[0] for tag in request.accept_languages.values())  # fr-CA is French, too
    return next((language for language in (asked, *liked) if language in LANGUAGES), LANGUAGES[0])


def _page(template: str, language: str, **values: object) -> BaseResponse:
    response = make_response(render_template(template, language=language, languages=LANGUAGES, **values))
    response.vary.add("Accept-Language")
    response.content_language.add(language)
    return response
