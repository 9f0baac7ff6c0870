"""The switch between levels of evidence, which the layout shows on every page with numbers of links or projects."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import urlencode

from flask import request

from cybilgraph.errors import FileDamaged
from cybilgraph.model.record import DEFAULT_LEVEL, EvidenceLevel
from cybilgraph.web.api.current_request import search_index
from cybilgraph.web.api.evidence import evidence_level

#: The links that each level adds to the one before it.
_ADDED = {
    EvidenceLevel.STATED: "stated and confirmed",
    EvidenceLevel.SURE: "sure",
    EvidenceLevel.POSSIBLE: "possible",
}
_IN_FORCE = {
    EvidenceLevel.STATED: "Only stated and confirmed links count.",
    EvidenceLevel.SURE: "Stated, confirmed and sure links count.",
    EvidenceLevel.POSSIBLE: "All links count, even those that are only possible.",
}


class EvidenceSwitch(NamedTuple):
    """The level in force, each level with its label and URL, and in words which links count and which are left out."""

    level: EvidenceLevel
    options: list[tuple[EvidenceLevel, str, str]]
    in_force: str
    effect: str


def all_links() -> dict[EvidenceLevel, int]:
    """Return the number of links in the release at each level; empty if it has no search index."""
    try:
        return search_index().links()
    except FileDamaged:  # the rest of the page does not need the search index
        return {}


def evidence_switch(totals: Mapping[EvidenceLevel, int], noun: str) -> EvidenceSwitch:
    """Return the switch for this request; ``totals`` are the links or projects that a page has at each level."""
    level = evidence_level()
    options = [
        (one, f"plus {words}" if one != EvidenceLevel.STATED else words, _url(one)) for one, words in _ADDED.items()
    ]
    return EvidenceSwitch(level, options, _IN_FORCE[level], _effect(level, totals, noun))


def _url(level: EvidenceLevel) -> str:
    """Return the URL of this page, or of the first of its pages, at another level."""
    arguments = [pair for pair in request.args.items(multi=True) if pair[0] not in ("evidence", "page")]
    query = urlencode([*arguments, *([("evidence", level)] if level != DEFAULT_LEVEL else [])])
    return f"{request.script_root}{request.path}{'?' if query else ''}{query}"


def _effect(level: EvidenceLevel, totals: Mapping[EvidenceLevel, int], noun: str) -> str:
    """Describe what a level leaves out; or what the last level adds, since it leaves nothing out."""
    if not totals:
        return ""
    steps = {upper: totals[upper] - totals[lower] for lower, upper in pairwise(EvidenceLevel)}
    left_out = [one for one in steps if not set(one.bases) <= set(level.bases)]

    def words(kind: EvidenceLevel) -> str:
        nouns = noun if steps[kind] == 1 else f"{noun}s"
        number = f"{steps[kind]:,}"
        if noun == "link":
            return f"{number} {_ADDED[kind]} {nouns}"
        return f"{number} {nouns} with only {_ADDED[kind]} links"

    shown = " and ".join(words(one) for one in left_out or [level] if steps[one]) or f"no {noun}s"
    return f"This {'leaves out' if left_out else 'adds'} {shown}."
