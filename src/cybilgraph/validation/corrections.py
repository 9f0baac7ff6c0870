"""A finding → the same with how to mend it: which name was meant, which other line contradicts
it, and a fix where the mend is certain. What to say is in shapes/; here is what fills its gaps.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from cybilgraph.model.findings import Finding, Fix
from cybilgraph.model.gazetteer import GazetteerEntry, cache_by_name, load_gazetteer, slug
from cybilgraph.model.record import Date, Place, Record
from cybilgraph.model.rules import translate
from cybilgraph.model.vocabulary import RULES

_CODE = re.compile(r"(?:(?:cybil|gfce) code:? ?)?(G|GI)[ -]?(\d{1,4})", re.IGNORECASE)
#: A rule and the element of IATI that breaks it → the rule that says what belongs there.
_IATI_RULES = {("status-list", "activity-status"): "status-code", ("date-form", "activity-date"): "iso-date"}
_ADDRESS = re.compile(r"h{0,2}t{1,3}p{1,2}(s?)[:;]?/{1,3}([\w-]+(?:\.[\w-]+)+(?:[:/?#].*)?)", re.IGNORECASE)
_EMAIL = re.compile(r"([^@\s]+)@{2,}([^@\s.]+(?:\.[^@\s.]+)+)")
_KINDS = {"country-type": "country", "region-type": "region", "group-type": "group", "theme-type": "theme"}


def with_hint(found: Finding, record: Record) -> Finding:
    """The finding of a record, with what can be said of how to mend it."""
    rule = found.rule.removeprefix(RULES)
    if advice := _IATI_RULES.get((rule, found.label)):
        return translate(replace(found, advice=advice))
    advise = _HINTS.get(rule)
    return translate(advise(found, record)) if advise and found.text else found


def _suggest_name(found: Finding, _record: Record) -> Finding:
    """A name that stands in no list: the one in the list that it is most like."""
    names, rule = load_gazetteer(), found.rule.removeprefix(RULES)
    if rule == "known-actor":
        entry = _similar_actor(found.text)
    else:
        kinds = ("status",) if rule == "status-list" else (_KINDS[rule], "country", "region", "group", "theme")
        entry = next((near for kind in kinds if (near := names.suggest(kind, found.text))), None)
    return _suggested(found, entry.closest_name(found.text)) if entry else found


@cache_by_name  # who is unknown takes part in more than one project
def _similar_actor(name: str) -> GazetteerEntry | None:
    names = load_gazetteer()
    return names.find_misspelt("actor", name) or names.find_resembling("actor", name)


def _suggested(found: Finding, name: str) -> Finding:
    return replace(found, advice="did-you-mean", values=(*found.values, ("meant", name)))


def _point_to_start_date(found: Finding, record: Record) -> Finding:
    """An end before the start: both as printed, with the line of the other."""
    if not (record.start and record.end and (place := _place(record.start))):
        return found
    label = record.labels["start"][0] if "start" in record.labels else "start"
    values = {"end": record.end.printed.text, "start": record.start.printed.text, "label": label, "line": place.line}
    more = tuple((name, str(value)) for name, value in values.items())
    return replace(found, advice="which-is-earlier", values=(*found.values, *more))


def _place(date: Date) -> Place | None:
    return date.evidence[0].place if date.evidence else date.printed.place


def _suggest_code(found: Finding, _record: Record) -> Finding:
    """A code that lacks nothing but its form: "g 20" is G0020."""
    match = _CODE.fullmatch(found.text)
    if match is None:
        return found
    letters, number = match[1].upper(), int(match[2])
    code = f"GI-{number:02}" if letters == "GI" else f"G{number:04}"
    certain = len(match[2]) == (2 if letters == "GI" else 4)  # no digit was made up
    return replace(_suggested(found, code), fix=_fix(found, code) if certain else None)


def _suggest_web_address(found: Finding, _record: Record) -> Finding:
    """The address of a page whose first letters are nearly right: htp://example.org."""
    match = _ADDRESS.fullmatch(found.text)
    return _corrected(found, f"http{match[1].lower()}://{match[2]}") if match else found


def _suggest_email(found: Finding, _record: Record) -> Finding:
    """An e-mail address with its sign written twice."""
    match = _EMAIL.fullmatch(found.text)
    return _corrected(found, f"{match[1]}@{match[2]}") if match else found


def _corrected(found: Finding, suggestion: str) -> Finding:
    return replace(_suggested(found, suggestion), fix=_fix(found, suggestion))


def _suggest_slug(found: Finding, _record: Record) -> Finding:
    made = slug(found.text)
    return replace(_suggested(found, made), fix=_fix(found, made)) if made else found


def _suggest_spelling(found: Finding, _record: Record) -> Finding:
    """A spelling that was nearly right, and was taken for a name: written as that name."""
    values = dict(found.values)
    return replace(found, fix=_fix(found, values["name"], values["printed"]))


def _fix(found: Finding, new: str, old: str = "") -> Fix | None:
    old = old or found.text
    at = found.text.find(old)
    return Fix(found.line, found.column + max(at, 0), old, new) if found.line and at >= 0 else None


_HINTS: dict[str, Callable[[Finding, Record], Finding]] = {
    "end-after-start": _point_to_start_date,
    "code": _suggest_code,
    "slug": _suggest_slug,
    "web-link-address": _suggest_web_address,
    "contact-email-form": _suggest_email,
    "near-name": _suggest_spelling,
    "known-actor": _suggest_name,
    "status-list": _suggest_name,
    **dict.fromkeys(_KINDS, _suggest_name),
}
