"""The completion data of the query editor: prefixes, ontology terms and named entities of the release."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from cybilgraph.model.formats import BY_NAME
from cybilgraph.model.vocabulary import BASE, CYB, PREFIXES, VOCABULARIES, shorten
from cybilgraph.sparql import queries
from cybilgraph.web.api.protocol import FRESH
from cybilgraph.web.pages.query_page import answer_query, read_rows, serving
from cybilgraph.web.server.answer_cache import CacheKey

blueprint = Blueprint("completion", __name__)

_CSV = BY_NAME["csv"]


@blueprint.get("/sparql/terms.json")
def terms() -> Response:
    """Return prefixes and terms: for each term its name in SPARQL, kind, label, note and other labels."""
    text = queries.load_query("page-completion").text
    etag = serving().answers.etag(CacheKey.of(text, (_CSV,)))
    response = Response()
    response.set_etag(etag)
    response.headers["Cache-Control"] = FRESH
    if etag in request.if_none_match:
        response.status_code = 304
        return response
    rows = read_rows(answer_query(text, _CSV))
    response.set_data(jsonify(base=BASE, prefixes=PREFIXES, terms=[*map(_term, rows), *_external_terms()]).get_data())
    response.mimetype = "application/json"
    return response


def _term(row: dict[str, str]) -> dict[str, object]:
    iri, name = row["thing"], shorten(row["thing"])
    others = sorted({other for other in row["others"].split("\n") if other and other != row["label"]})
    return {
        "name": f"<{iri}>" if name == iri else name,
        "kind": row["kind"] or iri.removeprefix(f"{BASE}id/").partition("/")[0],
        "label": row["label"],
        **({"note": row["note"]} if row["note"] else {}),
        **({"m49": row["number"]} if row["number"] else {}),
        **({"others": others} if others else {}),
    }


def _external_terms() -> list[dict[str, object]]:
    """Return the terms of other vocabularies that the graph uses; they do not depend on the release."""
    return [
        {"name": shorten(f"{known.iri}{term}"), "kind": "class" if term[0].isupper() else "property", "label": term}
        for known in VOCABULARIES
        if known is not CYB and known.iri in PREFIXES.values()
        for term in sorted(known.terms)
    ]
