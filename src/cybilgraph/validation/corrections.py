"""Adds suggestions to findings: a similar name, the line that contradicts them, and a fix if it is safe.

The texts are in shapes/; this module provides the values of their variables.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

from cybilgraph.model.dates import read_date
from cybilgraph.model.findings import Finding, Fix
from cybilgraph.model.gazetteer import (
    MIN_SUGGESTION_SCORE,
    GazetteerEntry,
    cache_by_name,
    closest_entries,
    closest_match,
    load_gazetteer,
    slug,
)
from cybilgraph.model.record import Column, Record, Source, Text
from cybilgraph.model.rules import Rule, catalogue, translate
from cybilgraph.model.vocabulary import CYB, RULES
from cybilgraph.readers.cells import cell_name
from cybilgraph.readers.excerpts import WORKBOOKS
from cybilgraph.readers.inputs import Input

_CODE = re.compile(r"(?:(?:cybil|gfce) code:? ?)?(G|GI)[ -]?(\d{1,4})", re.IGNORECASE)
#: By rule and IATI element, the rule whose suggestion explains the allowed values.
_IATI_RULES = {("status-list", "activity-status"): "status-code", ("date-form", "activity-date"): "iso-date"}
_ADDRESS = re.compile(r"h{0,2}t{1,3}p{1,2}(s?)[:;]?/{1,3}([\w-]+(?:\.[\w-]+)+(?:[:/?#].*)?)", re.IGNORECASE)
_EMAIL = re.compile(r"([^@\s]+)@{2,}([^@\s.]+(?:\.[^@\s.]+)+)")
#: Numbers from 20000 (1954) on; serial numbers count days from this one on (ECMA-376 part 1, 18.17.4.1).
_SERIAL_DATE, _FIRST_SERIAL_DAY = re.compile(r"[2-6]\d{4}"), date(1899, 12, 30)
#: The days that some months lack. All months have the 28th, and no date with it is ambiguous.
_LAST_DAY = re.compile(r"\b(?:29|30|31)(?!\d)")
#: The number of a month, at each place where a numeric date may have it.
_MONTH = re.compile(r"(?<=^\d{4}[-/])\d\d\b|(?<=^\d\d[./])\d\d(?=[./]\d{4}$)|^\d\d(?=[./]\d{4}$)", re.ASCII)
_KINDS = {"country-type": "country", "region-type": "region", "group-type": "group", "theme-type": "theme"}


def with_hint(found: Finding, record: Record) -> Finding:
    """Return the finding of a record with a suggestion, if there is one."""
    rule = found.rule.removeprefix(RULES)
    if advice := _IATI_RULES.get((rule, found.label)):
        return translate(replace(found, advice=advice))
    if (described := catalogue().get(rule)) and (column := column_for(described, record.source)):
        return translate(_fill_in(found, record, column))
    advise = _HINTS.get(rule)
    return translate(advise(found, record)) if advise and found.text else found


def column_for(rule: Rule, source: Source) -> Column | None:
    """Return the first column of a table for a value that a rule requires."""
    return next((column for column in source.columns if column.term in rule.requires), None)


def _fill_in(found: Finding, record: Record, column: Column) -> Finding:
    """Point to the cell of a table that needs a value: it is empty, or its text could not be read."""
    if not found.label:  # otherwise the cell says that it was left blank
        line = record.source.line or found.line
        found = replace(found, line=line, column=column.number, label=column.name, text="")
    place, advice = (found.line, found.column), "fill-in"
    beside = [one.rule.removeprefix(RULES) for one in record.findings if (one.line, one.column) == place and one.text]
    if any(f"{RULES}{advice}" not in catalogue()[rule].supersedes for rule in beside):
        advice = "free-text" if "not-a-name" in beside else ""
    return replace(found, advice=advice, values=(*found.values, ("column", column.name)))


def _suggest_name(found: Finding, record: Record) -> Finding:
    gazetteer, rule = load_gazetteer(), found.rule.removeprefix(RULES)
    if rule == "known-actor":
        entries = [entry for entry in (_similar_actor(found.text),) if entry]
    else:
        kinds = ("status",) if rule == "status-list" else (_KINDS[rule], "country", "region", "group", "theme")
        parts = [part.strip() for part in found.text.split(",")]
        if len(parts) > 1 and all(any(gazetteer.find(kind, part) for kind in kinds) for part in parts):
            return _suggested(found, "; ".join(parts))
        near = next((near for kind in kinds if (near := gazetteer.suggestions(kind, found.text))), [])
        entries = _likeliest(found.text, near, record)
    if len(entries) == 1 and (other := _given_beside(entries[0], found, record)):
        return other
    names = [entry.closest_name(found.text) for entry in entries]
    if len(names) > 1:  # only a person can choose
        return replace(found, advice="choose-name", values=(*found.values, ("meant", ", ".join(names))))
    return _suggested(found, names[0]) if names else found


def _given_beside(meant: GazetteerEntry, found: Finding, record: Record) -> Finding | None:
    """Return the finding with the advice to delete a name whose correct form is in the same cell; None if it is not."""
    for scope in record.scopes:
        place = scope.concept.printed.place
        is_meant = (scope.concept.kind, scope.concept.key) == (meant.kind, meant.key)
        if is_meant and place and place.is_cell and (place.line, place.column) == (found.line, found.column):
            values = (*found.values, ("meant", scope.concept.printed.text), ("wrong", found.text))
            return replace(found, advice="already-given", values=values, proposal=_fix(found, ""))
    return None


def _likeliest(printed: str, near: list[GazetteerEntry], record: Record) -> list[GazetteerEntry]:
    """Return the entry that the record also names elsewhere, or else the closest ones."""
    mentions = load_gazetteer().find_mentions(record.title.text) if record.title and len(near) > 1 else []
    named = {entry.key for mention in mentions for entry in mention.entries}
    named |= {scope.concept.key for scope in record.scopes if scope.concept.known}
    return [entry for entry in near if entry.key in named][:1] or closest_entries(printed, near)


@cache_by_name  # an unknown actor often occurs in several projects
def _similar_actor(name: str) -> GazetteerEntry | None:
    names = load_gazetteer()
    return names.find_misspelt("actor", name) or names.find_resembling_actor(name)


def _suggested(found: Finding, name: str) -> Finding:
    values = (*found.values, ("meant", name))
    return replace(found, advice="did-you-mean", values=values, proposal=_fix(found, name))


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
    advice = "which-is-earlier"
    if Input(found.file).suffix in WORKBOOKS:
        values["cell"], advice = cell_name(place.line, place.column), "which-is-earlier-cell"
    more = tuple((name, str(value)) for name, value in values.items())
    return replace(found, advice=advice, values=(*found.values, *more))


def _suggest_date(found: Finding, _record: Record) -> Finding:
    """Suggest the date whose serial number a spreadsheet program has stored (44927 is 2023-01-01), or say that there
    is no such day (2023-02-29) or month (2023-13).
    """
    if not _SERIAL_DATE.fullmatch(found.text):
        if _LAST_DAY.search(found.text) and read_date(Text(_LAST_DAY.sub("28", found.text, count=1))):
            return replace(found, advice="no-such-day")
        if (month := _MONTH.search(found.text)) and read_date(Text(_MONTH.sub("01", found.text, count=1))):
            return replace(found, advice="no-such-month", values=(*found.values, ("month", month[0])))
        return found
    day = (_FIRST_SERIAL_DAY + timedelta(days=int(found.text))).isoformat()
    return replace(found, advice="date-serial", values=(*found.values, ("day", day)), proposal=_fix(found, day))


def _suggest_code(found: Finding, _record: Record) -> Finding:
    """Suggest the standard form of a code: "g 20" is G0020."""
    match = _CODE.fullmatch(found.text)
    if match is None:
        return found
    letters, number = match[1].upper(), int(match[2])
    code = f"GI-{number:02}" if letters == "GI" else f"G{number:04}"
    is_safe = len(match[2]) == (2 if letters == "GI" else 4)  # no digit was added
    return _certain(_suggested(found, code)) if is_safe else _suggested(found, code)


def _certain(found: Finding) -> Finding:
    return replace(found, fix=found.proposal, proposal=None)


def _correct(suggest: Callable[[str], str]) -> Callable[[Finding, Record], Finding]:
    """Return a function that replaces the text of a finding with a suggestion, if there is one."""

    def corrected(found: Finding, _record: Record) -> Finding:
        suggestion = suggest(found.text)
        return _certain(_suggested(found, suggestion)) if suggestion else found

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
    meant = closest_match(found.label.removeprefix("cyb:"), sorted(CYB.terms), MIN_SUGGESTION_SCORE)
    if not meant:
        return found
    return replace(found, advice="did-you-mean", values=(*found.values, ("meant", f"cyb:{meant}")))


def _suggest_spelling(found: Finding, _record: Record) -> Finding:
    """Replace a spelling that was read as a similar name with that name."""
    values = dict(found.values)
    return replace(found, fix=_fix(found, values["name"], values["printed"]))


def _fix(found: Finding, new: str, old: str = "") -> Fix | None:
    old = old or found.text
    at = found.text.find(old)
    return Fix(found.line, found.column + max(at, 0), old, new) if found.line and at >= 0 else None


_HINTS: dict[str, Callable[[Finding, Record], Finding]] = {
    "date-form": _suggest_date,
    "unknown-term": _suggest_term,
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
