"""Hints about values that the release spells differently: language, datatype, upper and lower case, precision."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cybilgraph.model.gazetteer import MIN_SUGGESTION_SCORE, REFERENCE_FILES, closest_match, load_gazetteer
from cybilgraph.model.vocabulary import XSD, shorten, thing_iri
from cybilgraph.rdf.ntriples import literal
from cybilgraph.sparql.hints.facts import Facts
from cybilgraph.sparql.hints.outline import Note, Outline, Term

_DATES = {XSD.gYear, XSD.gYearMonth, XSD.date, f"{XSD.iri}dateTime"}
_DATE = re.compile(r"-?\d{4}(-\d\d){0,2}(T.*)?$")
_OPERATORS = {"=", "<", ">", "<=", ">="}
#: Longer values are not compared for similarity.
_MAX_FUZZY_CHARS = 200


def suggest_stored_value(predicate: Term, given: Term, facts: Facts) -> Note | None:
    """Suggest how the release writes a value that the property does not have as given; None if nothing is similar."""
    values = facts.values(predicate.value) if facts.may_search() else []
    literals = [value for value in values if value.kind == "literal"]
    if not literals:
        return Note(_link(predicate, given, values[0].value), given.start) if values else None
    for text in dict.fromkeys((given.value, given.value.upper(), given.value.lower())):
        for language, datatype in sorted({(value.language, value.datatype) for value in literals}):
            other = Term("literal", text, text, 0, language, datatype)
            if facts.has(None, predicate, other):
                return _suggest(predicate, given, other)
    if _DATE.match(given.value) and any(value.datatype in _DATES for value in literals):
        return Note(_dates(predicate, "?" + predicate.text.rpartition(":")[2], given.value, literals), given.start)
    names = {value.value: value for value in literals if len(value.value) < _MAX_FUZZY_CHARS}
    best = closest_match(given.value, list(names), MIN_SUGGESTION_SCORE) if len(given.value) < _MAX_FUZZY_CHARS else ""
    return _suggest(predicate, given, names[best]) if best else None


def _suggest(predicate: Term, given: Term, value: Term) -> Note:
    return Note(f"No value of {predicate.text} is {given.text}. Did you mean {_shown(value)}?", given.start)


def _shown(value: Term) -> str:
    if value.kind == "iri":
        return shorten(value.value)
    text = literal(value.value, language=value.language)
    return f"{text}^^{shorten(value.datatype)}" if value.datatype else text


def _link(predicate: Term, given: Term, example: str) -> str:
    """The hint for a literal where the property has resources as values."""
    names = load_gazetteer()
    kind = next((kind for kind in REFERENCE_FILES if example.startswith(thing_iri(kind, ""))), "")
    if kind and (entry := names.find(kind, given.value)):
        return (
            f"The values of {predicate.text} are IRIs, not strings. Did you mean {shorten(thing_iri(kind, entry.key))}?"
        )
    return (
        f"The values of {predicate.text} are IRIs, not strings. Match the name of the resource with {given.text} "
        "instead."
    )


def _dates(predicate: Term, name: str, given: str, values: list[Term]) -> str:
    kinds = sorted({shorten(value.datatype) for value in values if value.datatype})
    return (
        f"The dates of {predicate.text} have the precision of the source ({', '.join(kinds)}), and different datatypes "
        f'never match. Compare YEAR({name}) with {given[:4]}, or STR({name}) with "{given}".'
    )


def find_mismatched_comparisons(outline: Outline, facts: Facts, *, only_dates: bool = False) -> Iterator[Note]:
    """Find comparisons in FILTER and VALUES with values that the property does not have.

    With ``only_dates``, find those in FILTER of a date with dates of other datatypes, which never match.
    """
    predicates: dict[str, Term] = {}  # the property of which each variable is a value
    for triple in outline.triples:
        if triple.path and triple.object.kind == "variable":
            predicates.setdefault(triple.object.value, triple.path[-1])
    for block in outline.of_kind("FILTER"):
        for name, operator, given in _comparisons(block.terms):
            predicate = (
                predicates.get(name.removeprefix("LANG ")) if given.datatype in _DATES or not only_dates else None
            )
            if predicate and (note := _comparison(predicate, name, operator, given, facts)):
                yield note
    for block in () if only_dates else outline.of_kind("VALUES"):
        predicate = predicates.get(min(block.names)) if len(block.names) == 1 else None
        for value in block.terms if predicate else ():
            missing = predicate and value.kind == "literal" and not facts.has(None, predicate, value)
            if predicate and missing and (note := suggest_stored_value(predicate, value, facts)):
                yield note


def _comparisons(terms: tuple[Term, ...]) -> Iterator[tuple[str, str, Term]]:
    """Yield variables that are compared with a literal, and the operator. ``LANG x`` is the language of x."""
    for at, term in enumerate(terms):
        if term.kind != "literal":
            continue
        words = [word.value for word in terms[max(at - 7, 0) : at]]
        after = terms[at + 1 : at + 3]
        is_compared = bool(words) and words[-1] in _OPERATORS
        if is_compared and at > 1 and terms[at - 2].kind == "variable":
            yield words[-2], words[-1], term
        elif is_compared and words[-5:-3] == ["LANG", "("]:
            yield f"LANG {words[-3]}", words[-1], term
        elif words[:4] == ["LANGMATCHES", "(", "LANG", "("] and len(words) == 7:
            yield f"LANG {words[4]}", "", term
        elif len(after) == 2 and after[0].value in _OPERATORS and after[1].kind == "variable":
            yield after[1].value, after[0].value, term


def _kind(value: Term) -> str:
    return value.datatype or ("language" if value.language else "")


def _comparison(predicate: Term, name: str, operator: str, given: Term, facts: Facts) -> Note | None:
    values = facts.values(predicate.value)
    literals = [value for value in values if value.kind == "literal"]
    kinds = {_kind(value) for value in literals}
    if name.startswith("LANG "):
        return _language(predicate, given, literals)
    if not literals:
        return Note(_link(predicate, given, values[0].value), given.start) if values else None
    if dates := kinds & _DATES:
        right = dates == {_kind(given)}
        return None if right else Note(_dates(predicate, f"?{name}", given.value, literals), given.start)
    if operator == "=":
        return None if facts.has(None, predicate, given) else suggest_stored_value(predicate, given, facts)
    if "language" in kinds and not _kind(given):
        return Note(
            f"The values of {predicate.text} have a language tag. Compare STR(?{name}) with {given.text}.",
            given.start,
        )
    return None


def _language(predicate: Term, given: Term, literals: list[Term]) -> Note | None:
    """The hint for an unknown language; a range may match several tags (RFC 4647)."""
    tags, low = sorted({value.language for value in literals}), given.value.lower()
    if not tags or low == "*" or any(f"{tag}-".lower().startswith(f"{low}-") for tag in tags):
        return None
    have = ", ".join(f'"{tag}"' for tag in tags)
    return Note(f"No {predicate.text} has the language {given.text}. Available: {have}.", given.start)
