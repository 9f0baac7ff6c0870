"""The terms of SHACL. Any other name in its namespace is a mistake, which engines ignore silently."""

from __future__ import annotations

from functools import cache

import rdflib

from cybilgraph.model.vocabulary import SH

#: Python keywords, which rdflib cannot list.
_PYTHON_KEYWORD_TERMS = ("and", "class", "in", "not", "or")
#: Terms of later drafts of SHACL Advanced Features, missing in rdflib.
_DRAFT_TERMS = (
    *("values", "minus", "if", "then", "else", "exists", "distinct", "count", "min", "max", "sum", "groupConcat"),
    *("limit", "offset", "orderBy", "desc"),
)


@cache
def known_terms() -> frozenset[str]:
    """Return the names of all SHACL terms, without the namespace."""
    return frozenset((*rdflib.SH.__annotations__, *_PYTHON_KEYWORD_TERMS, *_DRAFT_TERMS))


def unknown_term(iri: str) -> str:
    """Return the name of an unknown term in SHACL's namespace, or "" for any other IRI.

    Accepts parameters named with their component (``sh:AndConstraintComponent-and``).
    """
    name = iri.removeprefix(SH.iri)
    return "" if name == iri or not name or name.split("-")[0] in known_terms() else name
