"""Hints on why an answer may be empty: unknown terms, patterns without a match, variables without a value, and values
that the release spells differently (in language, datatype, upper and lower case, or precision).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, takewhile
from urllib.parse import unquote

from cybilgraph.model.gazetteer import (
    MIN_SUGGESTION_SCORE,
    REFERENCE_FILES,
    GazetteerEntry,
    closest_match,
    load_gazetteer,
)
from cybilgraph.model.vocabulary import (
    BASE,
    CYB,
    PREFIXES,
    RDF,
    VOCABULARIES,
    XSD,
    narrower_classes,
    own_iri,
    path_of,
    shorten,
    thing_iri,
)
from cybilgraph.rdf.ntriples import literal
from cybilgraph.sparql.hints.facts import Facts, iri_term
from cybilgraph.sparql.hints.outline import Note, Outline, Term, Triple, names_after_as
from cybilgraph.sparql.lexer import QUERY_FORMS

#: The local names of properties that name a resource.
_NAMING = {"label", "prefLabel", "name", "title", "fn"}
#: Functions that may have unbound arguments.
_UNBOUND_ALLOWED = {"BOUND", "COALESCE", "IF"}
#: Properties of a class that a hint lists.
_MAX_LISTED = 8
_DATES = {XSD.gYear, XSD.gYearMonth, XSD.date, f"{XSD.iri}dateTime"}
_DATE = re.compile(r"-?\d{4}(-\d\d){0,2}(T.*)?$")
_OPERATORS = {"=", "<", ">", "<=", ">="}
#: Longer values are not compared for similarity.
_MAX_FUZZY_CHARS = 200
_NOT_FOUND = {"property": "Nothing in this release has", "class": "Nothing in this release is a"}
#: What other vocabularies add to a name, as in hasCountry, fundedBy or startDate.
_AFFIXES = re.compile(r"^(?:has|is)(?=[A-Z])|(?:ed)?(?:By|Of|In|To|For)$|(?:Name|Date)$")
#: Searches for similar names per query.
_MAX_SEARCHES = 100


def find_empty_causes(outline: Outline, facts: Facts | None, graphs: Sequence[str] = ()) -> Iterator[Note]:
    """Yield causes of an empty answer, the likeliest first.

    Without facts, only causes that hold for any release. ``graphs`` are those of the request, which override the query.
    """
    chosen = tuple(map(iri_term, graphs)) or tuple(outline.graphs)
    required = [block for block in outline.blocks if block.required]
    named = [block.terms[0] for block in required if block.kind == "GRAPH"]
    if facts:
        yield from _missing_graphs((*chosen, *named), facts)
    reported: set[str] = set()
    yield from find_wrong_names(outline, facts, reported)
    yield from find_unbound_variables(outline)
    if facts:
        yield from find_mismatched_comparisons(outline, facts)
        for triple in (triple for block in required for triple in block.triples):
            if note := _unmatched(triple, facts, reported):
                yield note
    if chosen or named:
        yield Note("Named graphs (GRAPH, FROM) hold earlier versions. The current data are in the default graph.", 0)


def find_wrong_names(outline: Outline, facts: Facts | None, reported: set[str]) -> Iterator[Note]:
    """Find wrong prefixes and IRIs, and properties that a class never has. Adds the IRIs to ``reported``."""
    wrong_prefixes = dict(_wrong_prefixes(outline))
    yield from wrong_prefixes.values()
    names = _Names(facts)
    for term, role, is_required in _uses(outline):
        if term.text.partition(":")[0] in wrong_prefixes:
            reported.add(term.value)
        elif term.value not in reported and (note := names.find_mistake(term, role, required=is_required)):
            reported.add(term.value)
            yield note
    if facts:
        yield from _lacking_properties(outline, facts, reported)


def find_unbound_variables(outline: Outline) -> Iterator[Note]:
    """Find variables in SELECT, modifiers and FILTER that no pattern binds."""
    bound = frozenset().union(*(block.inner_names for block in outline.blocks))
    # A FILTER may use the variables of the groups around it, so accept all of the query.
    scopes = [(block.terms, bound) for block in outline.of_kind("FILTER")]
    for select in outline.of_kind(*QUERY_FORMS):
        terms = select.head + select.terms
        scopes.append((terms, select.inner_names | names_after_as(terms)))
    for terms, scope in scopes:
        for term in takewhile(lambda term: term.value not in _UNBOUND_ALLOWED, terms):
            if term.kind == "variable" and term.value not in scope:
                meant = closest_match(term.value, sorted(scope), MIN_SUGGESTION_SCORE)
                more = f" Did you mean ?{meant}?" if meant else ""
                yield Note(f"{term.text} is never bound: no pattern gives it a value.{more}", term.start)
                break


def _wrong_prefixes(outline: Outline) -> Iterator[tuple[str, Note]]:
    """Find prefixes for a misspelled namespace, and our prefixes declared with another namespace."""
    ours = {_bare(iri): (prefix, iri) for prefix, iri in PREFIXES.items()}
    for prefix, iri in outline.declared.items():
        if iri in PREFIXES.values() or prefix not in outline.prefixes:
            continue
        text = f"{prefix}: is declared as <{iri}>"
        if _bare(iri) in ours:
            name, right = ours[_bare(iri)]
            yield prefix, Note(f"{text}. The namespace of {name}: is <{right}>.", outline.prefixes[prefix])
        elif prefix in PREFIXES:
            yield prefix, Note(f"{text}, but this dataset uses <{PREFIXES[prefix]}>.", outline.prefixes[prefix])


def _bare(iri: str) -> str:
    return iri.partition("://")[2].removeprefix("www.").rstrip("#/").lower()


def _missing_graphs(terms: Iterable[Term], facts: Facts) -> Iterator[Note]:
    for term in terms:
        if term.kind == "iri" and not facts.is_graph(term.value):
            known = facts.graphs() if facts.may_search() else []
            meant = closest_match(term.value, known, MIN_SUGGESTION_SCORE)
            more = f" Did you mean <{meant}>?" if meant else ""
            yield Note(f"There is no graph {term.text} in this release.{more}", term.start)


def _lacking_properties(outline: Outline, facts: Facts, reported: set[str]) -> Iterator[Note]:
    """Find properties of a variable or blank node that its class never has.

    The class is stated, or that of the values of a property.
    """
    patterns = [
        (block, triple, triple.predicate)
        for block in outline.blocks
        for triple in chain.from_iterable(each.steps for each in block.triples)
        if triple.predicate and triple.predicate.constant and triple.predicate.value not in reported
    ]
    typed = [triple for _, triple, predicate in patterns if predicate.value == RDF.type and triple.object.kind == "iri"]
    stated = {triple.subject.value: triple.object.value for triple in typed}
    sources = {
        (0 if block.required else id(block), triple.object.value): predicate.value  # others may be alternatives
        for block, triple, predicate in patterns
        if not triple.object.constant
    }
    for block, triple, predicate in patterns:
        name = triple.subject.value
        if triple.subject.constant or predicate.value == RDF.type or predicate.value in reported:
            continue
        source = sources.get((id(block), name)) or sources.get((0, name), "")
        kinds = [stated[name]] if name in stated else facts.classes(source) if source else []
        kinds = sorted(set(kinds) - reported, key=lambda kind: not kind.startswith(CYB.iri))
        if not kinds or not facts.is_class(kinds[0]) or not all(facts.lacks(kind, predicate.value) for kind in kinds):
            continue
        known = [iri for iri in facts.properties(kinds[0]) if iri != RDF.type]
        meant = _nearest_property(predicate.value, known, facts)
        if meant or block.required:
            listed = ", ".join(map(shorten, known[:_MAX_LISTED]))
            more = f"Did you mean {meant}?" if meant else f"Properties of this class include {listed}."
            reported.add(predicate.value)
            yield Note(f"No {shorten(kinds[0])} in this release has {predicate.text}. {more}", predicate.start)


def _nearest_property(iri: str, known: list[str], facts: Facts) -> str:
    """Return a property among those of a class that may stand for another; empty if there is none."""
    names = {_local_name(each): each for each in known}
    naming = (name for name in names if {name, _local_name(iri)} <= _NAMING)
    if near := next(naming, "") or _similar_name(_local_name(iri), names):
        return shorten(names[near])
    # The property may belong to what another property leads to.
    for each in known:
        if any(iri in facts.properties(kind) for kind in facts.classes(each)):
            return f"{shorten(each)}/{shorten(iri)}"
    return ""


def _unmatched(triple: Triple, facts: Facts, reported: set[str]) -> Note | None:
    """Return the hint for a pattern that matches nothing on its own."""
    predicate = triple.predicate
    subject, value = (term if term.constant else None for term in (triple.subject, triple.object))
    if predicate is None or not predicate.constant or not (subject or value):
        return None
    if any(term and term.value in reported for term in (subject, value, predicate)) or facts.has(
        subject, predicate, value
    ):
        return None
    if triple.object.kind == "literal" and (note := _suggest_stored_value(predicate, triple.object, facts)):
        return note
    if subject and not value and not facts.has(subject=subject):
        return None
    return Note(f"No statement in this release matches {triple.text}.", triple.start)


def _uses(outline: Outline) -> list[tuple[Term, str, bool]]:
    """Return the IRIs of a query, in the order of the text, with the role of each (property, class or thing), and
    whether the answer is empty if nothing matches it.
    """
    found = [(term, "thing", True) for term in outline.main.head if outline.main.kind == "DESCRIBE"]
    for block in outline.blocks:
        required = block.required
        for part in block.parts:
            if isinstance(part, Triple):
                role = "class" if part.path and part.path[-1].value == RDF.type else "thing"
                found += (part.subject, "thing", required), (part.object, role, required)
                found += ((iri, "property", required and iri.value in part.certain) for iri in part.path)
            elif part.kind != "SELECT":
                found += ((term, "thing", False) for term in part.terms)
    return sorted(dict.fromkeys(use for use in found if use[0].kind == "iri"), key=lambda use: use[0].start)


def _similar_name(name: str, names: Iterable[str]) -> str:
    """Return the most similar of the names, even if it lacks an affix of this name; empty if none is similar."""
    known = list(names)
    forms = (name, _AFFIXES.sub("", name))
    if forms[1] in known:
        return forms[1]
    return next(filter(None, (closest_match(form, known, MIN_SUGGESTION_SCORE) for form in forms if form)), "")


def _local_name(iri: str) -> str:
    """Return the last part of an IRI."""
    return re.split("[/#]", iri)[-1]


class _Names:
    """Checks the names of one query: by the release, or without facts by the vocabularies."""

    def __init__(self, facts: Facts | None) -> None:
        self._facts = facts
        self._searches = 0

    def find_mistake(self, term: Term, role: str, *, required: bool) -> Note | None:
        """Say what is wrong with an IRI, if the answer is empty without it or another was meant."""
        if (right := _with_scheme(term.value)) != term.value:
            return _missing(term, "There is no", shorten(right))
        for kind in ("project", *REFERENCE_FILES):
            if term.value.startswith(thing_iri(kind, "")):
                key = unquote(term.value.removeprefix(thing_iri(kind, "")))
                return self._wrong_thing(term, kind, key, required=required)
        if role == "thing" and not any(term.value.startswith(vocabulary.iri) for vocabulary in VOCABULARIES):
            known = self._facts is None or self._facts.is_resource(term.value)
            # An IRI in an expression may be a datatype or a function.
            return None if known or not required else _missing(term, "There is no", where=" in this release")
        if self._exists(role, term.value):
            return None
        narrower = (
            [kind for kind in narrower_classes(term.value) if self._exists(role, kind)] if role == "class" else []
        )
        if narrower:
            listed = " ".join(map(shorten, narrower))
            return Note(
                f"Resources have the subclasses of {term.text} as types: VALUES ?class {{ {listed} }} ?x a ?class",
                term.start,
            )
        meant = self._suggest(term.value, role)
        if not meant and (role == "thing" or not required or self._facts is None):
            return None
        return _missing(term, _NOT_FOUND.get(role, "There is no"), shorten(meant) if meant else "")

    def _exists(self, role: str, iri: str) -> bool:
        if self._facts is None:
            return any(iri.removeprefix(vocabulary.iri) in vocabulary.terms for vocabulary in VOCABULARIES)
        if role == "property":
            return self._facts.is_property(iri)
        if role == "class":
            return self._facts.is_class(iri)
        # The data describes classes and properties even if it does not use them.
        return self._facts.is_resource(iri) or self._facts.is_property(iri) or not path_of(iri)

    def _suggest(self, iri: str, role: str) -> str:
        """Return the similar term in the same vocabulary, else the term with the same name in another."""
        self._searches += 1
        if self._searches > _MAX_SEARCHES:
            return ""
        for vocabulary in VOCABULARIES:
            if iri.startswith(vocabulary.iri):
                local = iri.removeprefix(vocabulary.iri)
                if local in vocabulary.terms and role != "property":
                    local = local[:1].upper() + local[1:]
                names = [name for name in sorted(vocabulary.terms) if self._exists(role, vocabulary.iri + name)]
                best = _similar_name(local, names)
                if best and (best.lower() == local.lower() or local not in vocabulary.terms):
                    return vocabulary.iri + best
                break
        local = _local_name(iri).lower()
        namesakes = (each.iri + name for each in VOCABULARIES for name in sorted(each.terms) if name.lower() == local)
        return next((each for each in namesakes if self._facts and each != iri and self._exists(role, each)), "")

    def _wrong_thing(self, term: Term, kind: str, key: str, *, required: bool) -> Note | None:
        if not key or (self._facts and self._facts.is_resource(term.value)):
            return None  # an empty key is the namespace of a kind, as in STR(country:)
        self._searches += 1
        if self._searches > _MAX_SEARCHES or (self._facts is None and kind == "project"):
            return None
        if self._facts and kind == "project":
            others = (thing_iri(kind, other) for other in (key.upper(), key.lower()))
            meant = next((shorten(other) for other in others if self._facts.is_resource(other)), "")
            return _missing(term, "There is no", meant, where="" if meant else " in this release")
        if entry := load_gazetteer().get(kind, key):
            if self._facts is None or not required:
                return None
            return Note(f"{term.text} ({entry.name}) is known, but this release does not mention it.", term.start)
        if entry := _similar_entry(kind, key):
            meant = f"{shorten(thing_iri(entry.kind, entry.key))} ({entry.name})"
            return _missing(term, "There is no", meant)
        if self._facts is None and kind == "actor":
            return None  # a release has more actors than the reference list
        return _missing(term, "There is no", where=" in this release")


def _missing(term: Term, what: str, meant: str = "", where: str = "") -> Note:
    return Note(f"{what} {term.text}{where}." + (f" Did you mean {meant}?" if meant else ""), term.start)


def _with_scheme(iri: str) -> str:
    """Return the IRI with the scheme (http or https) of our namespace."""
    scheme, found, rest = iri.partition("://")
    other = f"{'http' if scheme == 'https' else 'https'}://{rest}"
    ours = (own_iri(), BASE, *PREFIXES.values())
    return other if found and other.startswith(ours) and not iri.startswith(ours) else iri


def _similar_entry(kind: str, key: str) -> GazetteerEntry | None:
    """Find the entry for a wrong key: by name, by another country code, in another kind, or by a similar name."""
    names, name = load_gazetteer(), key.replace("-", " ").replace("_", " ")
    found = names.find(kind, name) or (names.find_country_by_code(key) if kind == "country" else None)
    others = (names.find(other, name) for other in REFERENCE_FILES)
    return found or next(filter(None, others), None) or names.suggest(kind, name)


def _suggest_stored_value(predicate: Term, given: Term, facts: Facts) -> Note | None:
    """Suggest how the release writes a value that the property does not have as given; None if nothing is similar."""
    values = facts.values(predicate.value) if facts.may_search() else []
    literals = [value for value in values if value.kind == "literal"]
    if not literals:
        return _link(predicate, given, values)
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
    text = literal(value.value, language=value.language)
    shown = f"{text}^^{shorten(value.datatype)}" if value.datatype else text
    return Note(f"No value of {predicate.text} is {given.text}. Did you mean {shown}?", given.start)


def _link(predicate: Term, given: Term, values: list[Term]) -> Note | None:
    """Return the hint for a literal where the property has resources as values."""
    if not values:
        return None
    kind = next((kind for kind in REFERENCE_FILES if values[0].value.startswith(thing_iri(kind, ""))), "")
    entry = load_gazetteer().find(kind, given.value) if kind else None
    more = (
        f"Did you mean {shorten(thing_iri(kind, entry.key))}?"
        if entry
        else f"Match the name of the resource with {given.text} instead."
    )
    return Note(f"The values of {predicate.text} are IRIs, not strings. {more}", given.start)


def _dates(predicate: Term, name: str, given: str, values: list[Term]) -> str:
    kinds = sorted({shorten(value.datatype) for value in values if value.datatype})
    bounds = " or ".join(f"{shorten(predicate.value)}{bound}" for bound in ("Earliest", "Latest"))
    days = f"Use {bounds}, which are always days; or compare" if predicate.value in (CYB.start, CYB.end) else "Compare"
    return (
        f"The dates of {predicate.text} have the precision of the source ({', '.join(kinds)}), and different datatypes "
        f"never match. {days} YEAR({name}) with {given[:4]}."
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
            if only_dates and given.datatype not in _DATES:
                continue
            predicate = predicates.get(name.removeprefix("LANG "))
            if predicate and (note := _comparison(predicate, name, operator, given, facts)):
                yield note
    for block in () if only_dates else outline.of_kind("VALUES"):
        if len(block.names) == 1 and (predicate := predicates.get(min(block.names))):
            for value in block.terms:
                is_missing = value.kind == "literal" and not facts.has(None, predicate, value)
                if is_missing and (note := _suggest_stored_value(predicate, value, facts)):
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
        return _link(predicate, given, values)
    if dates := kinds & _DATES:
        right = dates == {_kind(given)}
        return None if right else Note(_dates(predicate, f"?{name}", given.value, literals), given.start)
    if operator == "=":
        return None if facts.has(None, predicate, given) else _suggest_stored_value(predicate, given, facts)
    if "language" in kinds and not _kind(given):
        text = f"The values of {predicate.text} have a language tag. Compare STR(?{name}) with {given.text}."
        return Note(text, given.start)
    return None


def _language(predicate: Term, given: Term, literals: list[Term]) -> Note | None:
    """Return the hint for an unknown language; a range may match several tags (RFC 4647)."""
    tags, low = sorted({value.language for value in literals}), given.value.lower()
    if not tags or low == "*" or any(f"{tag}-".lower().startswith(f"{low}-") for tag in tags):
        return None
    have = ", ".join(f'"{tag}"' for tag in tags)
    return Note(f"No {predicate.text} has the language {given.text}. Available: {have}.", given.start)
