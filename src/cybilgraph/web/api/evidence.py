"""The level of evidence that a request chooses, and how links carry it on."""

from __future__ import annotations

from flask import request

from cybilgraph.model.record import DEFAULT_LEVEL, EvidenceLevel
from cybilgraph.sparql import queries


def evidence_level() -> EvidenceLevel:
    """Return the level of evidence in the URL of this request. Raises QueryError."""
    return queries.evidence_level(request.args.get("evidence", ""))


def carried_evidence() -> dict[str, str]:
    """Return the parameter that carries this request's level to other pages, if it is not the default."""
    level = request.args.get("evidence", "")
    return {"evidence": level} if level in tuple(EvidenceLevel) and level != DEFAULT_LEVEL else {}
