"""Hints on why an answer may be empty: unknown terms, patterns without a match, and variables without a value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from cybilgraph.model.gazetteer import MIN_SUGGESTION_SCORE, closest_match
from cybilgraph.model.vocabulary import CYB, PREFIXES, RDF, shorten
from cybilgraph.sparql.hints.comparisons import find_mismatched_comparisons, suggest_stored_value
from cybilgraph.sparql.hints.facts import Facts, iri_term
from cybilgraph.sparql.hints.known_names import Names, local_name, similar_name
from cybilgraph.sparql.hints.outline import Note, Outline, Term, Triple, names_after_as

#: The local names of properties that name a resource.
_NAMING = {"label", "prefLabel", "name", "title", "fn"}
#: Functions that may have unbound arguments.
_UNBOUND_ALLOWED = {"BOUND", "COALESCE", "IF"}
#: Properties of a class that a hint lists.
_MAX_LISTED = 8


def find_empty_causes(outline: Outline, facts: Facts | None, graphs: Sequence[str] = ()) -> Iterator[Note]:
    """Yield causes of an empty answer, the likeliest first.

    Without facts, only causes that hold for any release. ``graphs`` are those of the request, which override the query.
    """
    chosen = tuple(map(iri_term, graphs)) or tuple(outline.graphs)
    required = [group for group in outline.groups if group.required]
    named = [block.terms[0] for group in required for block in group.blocks if block.kind == "GRAPH"]
    if facts:
        yield from _missing_graphs((*chosen, *named), facts)
    wrong_prefixes = dict(_wrong_prefixes(outline))
    yield from wrong_prefixes.values()
    names = Names(facts)
    reported: set[str] = set()
    for use in outline.uses:
        if use.term.text.partition(":")[0] in wrong_prefixes:
            reported.add(use.term.value)
        elif use.term.value not in reported and (note := names.wrong(use)):
            reported.add(use.term.value)
            yield note
    yield from find_unbound_variables(outline)
    if facts:
        yield from _lacking_properties(outline, facts, reported)
        yield from find_mismatched_comparisons(outline, facts)
        for triple in (triple for group in required for triple in group.triples):
            if note := _unmatched(triple, facts, reported):
                yield note
    if chosen or named:
        yield Note("Named graphs (GRAPH, FROM) hold earlier captures. The current data is in the default graph.", 0)


def find_unbound_variables(outline: Outline) -> Iterator[Note]:
    """Find variables in SELECT, modifiers and FILTER that no pattern binds."""
    bound = frozenset().union(*(group.names for group in outline.groups))
    # A FILTER may use the variables of the groups around it, so accept all of the query.
    scopes = [(block.terms, bound) for block in outline.blocks("FILTER")]
    for select in (outline.main, *outline.blocks("SELECT")):
        terms = select.head + select.terms
        scopes.append((terms, select.groups[0].names | names_after_as(terms)))
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
            yield prefix, Note(f"{text}, but this data uses <{PREFIXES[prefix]}>.", outline.prefixes[prefix])


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
    """Find properties of a variable that its class never has; the class is stated, or that of a property's values."""
    patterns = [
        (group, triple, triple.predicate)
        for group in outline.groups
        for triple in group.triples
        if triple.predicate and triple.predicate.constant and triple.predicate.value not in reported
    ]
    typed = [triple for _, triple, predicate in patterns if predicate.value == RDF.type and triple.object.kind == "iri"]
    stated = {triple.subject.value: triple.object.value for triple in typed}
    sources = {
        triple.object.value: predicate.value for _, triple, predicate in patterns if triple.object.kind == "variable"
    }
    for group, triple, predicate in patterns:
        name = triple.subject.value
        if triple.subject.constant or predicate.value == RDF.type or predicate.value in reported:
            continue
        kinds = [stated[name]] if name in stated else facts.classes(sources[name]) if name in sources else []
        kinds = sorted(set(kinds) - reported, key=lambda kind: not kind.startswith(CYB.iri))
        if not kinds or not facts.is_class(kinds[0]) or not all(facts.lacks(kind, predicate.value) for kind in kinds):
            continue
        known = [iri for iri in facts.properties(kinds[0]) if iri != RDF.type]
        meant = _nearest_property(predicate.value, known, facts)
        if meant or group.required:
            listed = ", ".join(map(shorten, known[:_MAX_LISTED]))
            more = f"Did you mean {meant}?" if meant else f"It may have {listed}."
            reported.add(predicate.value)
            yield Note(f"No {shorten(kinds[0])} in this release has {predicate.text}. {more}", predicate.start)


def _nearest_property(iri: str, known: list[str], facts: Facts) -> str:
    """Return a property among those of a class that may stand for another; empty if there is none."""
    names = {local_name(each): each for each in known}
    naming = (name for name in names if {name, local_name(iri)} <= _NAMING)
    if near := next(naming, "") or similar_name(local_name(iri), names):
        return shorten(names[near])
    # The property may belong to what another property leads to.
    for each in known:
        if any(iri in facts.properties(kind) for kind in facts.classes(each)):
            return f"{shorten(each)}/{shorten(iri)}"
    return ""


def _unmatched(triple: Triple, facts: Facts, reported: set[str]) -> Note | None:
    """The hint for a pattern that matches nothing on its own."""
    predicate = triple.predicate
    subject, value = (term if term.constant else None for term in (triple.subject, triple.object))
    if predicate is None or not predicate.constant or not (subject or value):
        return None
    if any(term and term.value in reported for term in (subject, value, predicate)) or facts.has(
        subject, predicate, value
    ):
        return None
    if triple.object.kind == "literal" and (note := suggest_stored_value(predicate, triple.object, facts)):
        return note
    if subject and not value and not facts.has(subject=subject):
        return None
    return Note(f"No statement in this release matches {triple.text}.", triple.start)
