"""The terms of SHACL: what else stands in its namespace is a slip, and engines pass over it in silence."""

from __future__ import annotations

from functools import cache

import rdflib

from cybilgraph.model.vocabulary import SH

#: Terms that are words of Python, which rdflib cannot list.
_PYTHON_KEYWORD_TERMS = ("and", "class", "in", "not", "or")
#: Terms of later drafts of SHACL Advanced Features, which rdflib does not list.
_DRAFT_TERMS = (
    *("values", "minus", "if", "then", "else", "exists", "distinct", "count", "min", "max", "sum", "groupConcat"),
    *("limit", "offset", "orderBy", "desc"),
)


@cache
def known_terms() -> frozenset[str]:
    """The names of all terms, without the namespace."""
    return frozenset((*rdflib.SH.__annotations__, *_PYTHON_KEYWORD_TERMS, *_DRAFT_TERMS))


def unknown_term(iri: str) -> str:
    """The name of a term in SHACL's namespace that SHACL does not have; empty for any other IRI.

    A parameter is called by its component as well (``sh:AndConstraintComponent-and``).
    """
    name = iri.removeprefix(SH.iri)
    return "" if name == iri or not name or name.split("-")[0] in known_terms() else name
