"""Adds suggestions to findings: a similar name, the line that contradicts them, and a fix if it is safe.

The texts are in shapes/; this module provides the values of their variables.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from cybilgraph.model.findings import Finding, Fix
from cybilgraph.model.gazetteer import (
    MIN_SUGGESTION_SCORE,
    GazetteerEntry,
    cache_by_name,
    closest_match,
    load_gazetteer,
    slug,
)
from cybilgraph.model.record import Record
from cybilgraph.model.rules import translate
from cybilgraph.model.vocabulary import CYB, RULES

_CODE = re.compile(r"(?:(?:cybil|gfce) code:? ?)?(G|GI)[ -]?(\d{1,4})", re.IGNORECASE)
#: By rule and IATI element, the rule whose suggestion explains the allowed values.
_IATI_RULES = {("status-list", "activity-status"): "status-code", ("date-form", "activity-date"): "iso-date"}
_ADDRESS = re.compile(r"h{0,2}t{1,3}p{1,2}(s?)[:;]?/{1,3}([\w-]+(?:\.[\w-]+)+(?:[:/?#].*)?)", re.IGNORECASE)
_EMAIL = re.compile(r"([^@\s]+)@{2,}([^@\s.]+(?:\.[^@\s.]+)+)")
_KINDS = {"country-type": "country", "region-type": "region", "group-type": "group", "theme-type": "theme"}


def with_hint(found: Finding, record: Record) -> Finding:
    """Return the finding of a record with a suggestion, if there is one."""
    rule = found.rule.removeprefix(RULES)
    if advice := _IATI_RULES.get((rule, found.label)):
        return translate(replace(found, advice=advice))
    advise = _HINTS.get(rule)
    return translate(advise(found, record)) if advise and found.text else found


def _suggest_name(found: Finding, _record: Record) -> Finding:
    names, rule = load_gazetteer(), found.rule.removeprefix(RULES)
    if rule == "known-actor":
        entry = _similar_actor(found.text)
    else:
        kinds = ("status",) if rule == "status-list" else (_KINDS[rule], "country", "region", "group", "theme")
        entry = next((near for kind in kinds if (near := names.suggest(kind, found.text))), None)
    return _suggested(found, entry.closest_name(found.text)) if entry else found


@cache_by_name  # an unknown actor often occurs in several projects
def _similar_actor(name: str) -> GazetteerEntry | None:
    names = load_gazetteer()
    return names.find_misspelt("actor", name) or names.find_resembling("actor", name)


def _suggested(found: Finding, name: str) -> Finding:
    return replace(found, advice="did-you-mean", values=(*found.values, ("meant", name)))


def _point_to_start_date(found: Finding, record: Record) -> Finding:
    """Add both dates as printed, and the line of the start date."""
    if not record.start or not record.end:
        return found
    evidence = record.start.evidence
    place = evidence[0].place if evidence else record.start.printed.place
    if not place:
        return found
    label = record.labels["start"][0] if "start" in record.labels else "start"
    values = {"end": record.end.printed.text, "start": record.start.printed.text, "label": label, "line": place.line}
    more = tuple((name, str(value)) for name, value in values.items())
    return replace(found, advice="which-is-earlier", values=(*found.values, *more))


def _suggest_code(found: Finding, _record: Record) -> Finding:
    """Suggest the standard form of a code: "g 20" is G0020."""
    match = _CODE.fullmatch(found.text)
    if match is None:
        return found
    letters, number = match[1].upper(), int(match[2])
    code = f"GI-{number:02}" if letters == "GI" else f"G{number:04}"
    is_safe = len(match[2]) == (2 if letters == "GI" else 4)  # no digit was added
    return replace(_suggested(found, code), fix=_fix(found, code) if is_safe else None)


def _correct(suggest: Callable[[str], str]) -> Callable[[Finding, Record], Finding]:
    """Return a function that replaces the text of a finding with a suggestion, if there is one."""

    def corrected(found: Finding, _record: Record) -> Finding:
        suggestion = suggest(found.text)
        return replace(_suggested(found, suggestion), fix=_fix(found, suggestion)) if suggestion else found

    return corrected


def _web_address(text: str) -> str:
    """Correct a misspelt scheme of a URL: htp://example.org."""
    match = _ADDRESS.fullmatch(text)
    return f"http{match[1].lower()}://{match[2]}" if match else ""


def _email(text: str) -> str:
    """Correct an e-mail address with a repeated @."""
    match = _EMAIL.fullmatch(text)
    return f"{match[1]}@{match[2]}" if match else ""


def _suggest_term(found: Finding, _record: Record) -> Finding:
    """Suggest a term of the ontology in place of one that it does not have: "cyb:implementor"."""
    prefix, _, name = found.label.partition(":")
    meant = (
        closest_match(name, sorted(CYB.terms), MIN_SUGGESTION_SCORE)
        if prefix == "cyb" and name not in CYB.terms
        else ""
    )
    return _suggested(found, f"cyb:{meant}") if meant else found


def _suggest_spelling(found: Finding, _record: Record) -> Finding:
    """Replace a spelling that was read as a similar name with that name."""
    values = dict(found.values)
    return replace(found, fix=_fix(found, values["name"], values["printed"]))


def _fix(found: Finding, new: str, old: str = "") -> Fix | None:
    old = old or found.text
    at = found.text.find(old)
    return Fix(found.line, found.column + max(at, 0), old, new) if found.line and at >= 0 else None


_HINTS: dict[str, Callable[[Finding, Record], Finding]] = {
    "not-read": _suggest_term,
    "end-after-start": _point_to_start_date,
    "code": _suggest_code,
    "slug": _correct(slug),
    "web-link-address": _correct(_web_address),
    "contact-email-form": _correct(_email),
    "near-name": _suggest_spelling,
    "known-actor": _suggest_name,
    "status-list": _suggest_name,
    **dict.fromkeys(_KINDS, _suggest_name),
}
