"""Hints on why an answer may be empty: unknown terms, and values that the release spells differently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import unquote

from cybilgraph.model.gazetteer import (
    MIN_SUGGESTION_SCORE,
    REFERENCE_FILES,
    GazetteerEntry,
    closest_match,
    load_gazetteer,
)
from cybilgraph.model.vocabulary import BASE, PREFIXES, RDF, VOCABULARIES, shorten, thing_iri
from cybilgraph.sparql.hints.comparisons import find_mismatched_comparisons, suggest_stored_value
from cybilgraph.sparql.hints.facts import Facts, iri_term
from cybilgraph.sparql.hints.syntax_tree import Note, Outline, Term, Triple, walk_groups

_NOT_FOUND = {
    "property": "Nothing in this release has",
    "class": "Nothing in this release is a",
    "thing": "There is no",
}
#: A pattern in these may fail without making the answer empty.
_OPTIONAL_BLOCKS = {"OPTIONAL", "UNION", "MINUS", "FILTER"}


def find_empty_causes(outline: Outline, facts: Facts | None, graphs: Sequence[str] = ()) -> Iterator[Note]:
    """Yield causes of an empty answer, the likeliest first.

    Without facts, only causes that hold for any release. ``graphs`` are those of the request, which override the query.
    """
    chosen = tuple(map(iri_term, graphs)) or outline.graphs
    if facts:
        yield from _graphs((*chosen, *_constant_graphs(outline)), facts)
    misread = dict(_prefixes(outline))
    yield from misread.values()
    names = _Names(facts)
    reported: set[str] = set()
    for term, role, required in _terms(outline):
        if term.text.partition(":")[0] in misread:
            reported.add(term.value)
        elif term.value not in reported and (note := names.wrong(term, role, required=required)):
            reported.add(term.value)
            yield note
    if facts:
        yield from find_mismatched_comparisons(outline, facts)
        yield from _patterns(outline, facts, reported)
    if chosen or _is_of_graphs(outline):
        yield Note("Named graphs (GRAPH, FROM) hold earlier captures. The current data is in the default graph.", 0)


def _prefixes(outline: Outline) -> Iterator[tuple[str, Note]]:
    """Find prefixes for a misspelled namespace, and our prefixes declared with another namespace."""
    ours = {_bare(iri): (prefix, iri) for prefix, iri in PREFIXES.items()}
    for prefix, iri in outline.declared.items():
        if iri in PREFIXES.values() or prefix not in outline.used:
            continue
        if _bare(iri) in ours:
            name, right = ours[_bare(iri)]
            text = f"{prefix}: is declared as <{iri}>. The namespace of {name}: is <{right}>."
            yield prefix, Note(text, outline.used[prefix])
        elif prefix in PREFIXES:
            text = f"{prefix}: is declared as <{iri}>, but this data uses <{PREFIXES[prefix]}>."
            yield prefix, Note(text, outline.used[prefix])


def _bare(iri: str) -> str:
    return iri.partition("://")[2].removeprefix("www.").rstrip("#/").lower()


def _with_scheme(iri: str) -> str:
    """The IRI with the scheme (http or https) of our namespace."""
    scheme, found, rest = iri.partition("://")
    other = f"{'http' if scheme == 'https' else 'https'}://{rest}"
    ours = (BASE, *PREFIXES.values())
    return other if found and other.startswith(ours) and not iri.startswith(ours) else iri


def _terms(outline: Outline) -> Iterator[tuple[Term, str, bool]]:
    """Yield the IRIs of a query with their role, and whether the answer is empty if the release does not use them."""
    for iri in outline.described:
        if iri.kind == "iri":
            yield iri, "thing", True
    for root in outline.main.groups:
        for group, within in walk_groups(root):
            needed = not _OPTIONAL_BLOCKS.intersection(within)
            for triple in group.triples:
                verbs = triple.path or ((triple.predicate,) if triple.predicate else ())
                yield from ((verb, "property", needed and verb.value in triple.certain) for verb in verbs)
                is_class = bool(triple.path) and triple.path[-1].value == RDF.type
                yield triple.object, "class" if is_class else "thing", needed
                yield triple.subject, "thing", needed
            for block in group.blocks:
                yield from ((term, "thing", False) for term in block.terms if block.kind != "SELECT")


def _constant_graphs(outline: Outline) -> Iterator[Term]:
    """Yield the graphs that required GRAPH patterns name."""
    for root in outline.main.groups:
        for group, within in walk_groups(root):
            if not _OPTIONAL_BLOCKS.intersection(within):
                yield from (block.terms[0] for block in group.blocks if block.kind == "GRAPH")


def _graphs(terms: Iterable[Term], facts: Facts) -> Iterator[Note]:
    """Find graphs that do not exist."""
    for term in terms:
        if term.kind != "iri" or facts.is_graph(term.value):
            continue
        known = facts.graphs() if facts.may_search() else []
        meant = closest_match(term.value, known, MIN_SUGGESTION_SCORE)
        more = f" Did you mean <{meant}>?" if meant else ""
        yield Note(f"There is no graph {term.text} in this release.{more}", term.start)


def _is_of_graphs(outline: Outline) -> bool:
    """True where a pattern of named graphs must be there: as one of several it leaves the others."""
    groups = (within for root in outline.main.groups for _, within in walk_groups(root))
    return any("GRAPH" in within and not _OPTIONAL_BLOCKS.intersection(within) for within in groups)


class _Names:
    """What is known of names: by the release, or without one by the vocabularies."""

    def __init__(self, facts: Facts | None) -> None:
        self._facts = facts

    def wrong(self, term: Term, role: str, *, required: bool) -> Note | None:
        """What is wrong with an IRI, if it leaves nothing, or another was meant."""
        if term.kind != "iri":
            return None
        if (right := _with_scheme(term.value)) != term.value:
            return Note(f"There is no {term.text}. Did you mean {shorten(right)}?", term.start)
        for kind in ("project", *REFERENCE_FILES):
            if term.value.startswith(thing_iri(kind, "")):
                return self._thing(term, kind, unquote(term.value.removeprefix(thing_iri(kind, ""))), required=required)
        if role == "thing" and not any(term.value.startswith(vocabulary.iri) for vocabulary in VOCABULARIES):
            known = self._facts is None or self._facts.is_thing(term.value)
            # An IRI in an expression may be a datatype or a function.
            return None if known or not required else Note(f"There is no {term.text} in this release.", term.start)
        return self._term(term, role, required=required)

    def _term(self, term: Term, role: str, *, required: bool) -> Note | None:
        if self._is(role, term.value):
            return None
        what = {"property": "Nothing in this release has", "class": "Nothing in this release is a"}.get(
            role, "There is no"
        )
        if meant := self._meant(term, role):
            return Note(f"{what} {term.text}. Did you mean {shorten(meant)}?", term.start)
        if role == "thing" or not required or self._facts is None:
            return None
        return Note(f"{what} {term.text}.", term.start)

    def _is(self, role: str, iri: str) -> bool:
        if self._facts is None:
            return any(iri.removeprefix(vocabulary.iri) in vocabulary.terms for vocabulary in VOCABULARIES)
        if role == "property":
            return self._facts.is_property(iri)
        # The data describes classes and properties even if it does not use them.
        return (
            self._facts.is_class(iri)
            if role == "class"
            else (self._facts.is_thing(iri) or self._facts.is_property(iri) or not iri.startswith(BASE))
        )

    def _meant(self, term: Term, role: str) -> str:
        """The similar term in the same vocabulary, else the term with the same name in another."""
        for vocabulary in VOCABULARIES:
            if term.value.startswith(vocabulary.iri):
                local = term.value.removeprefix(vocabulary.iri)
                if local in vocabulary.terms and role != "property":
                    local = local[:1].upper() + local[1:]
                fitting = [name for name in sorted(vocabulary.terms) if self._is(role, vocabulary.iri + name)]
                best = closest_match(local, fitting, MIN_SUGGESTION_SCORE)
                if best and (best.lower() == local.lower() or local not in vocabulary.terms):
                    return vocabulary.iri + best
                break
        local = term.value.replace("#", "/").rpartition("/")[2].lower()
        for vocabulary in VOCABULARIES:
            for name in sorted(vocabulary.terms):
                iri = vocabulary.iri + name
                if name.lower() == local and iri != term.value and self._facts and self._is(role, iri):
                    return iri
        return ""

    def _thing(self, term: Term, kind: str, key: str, *, required: bool) -> Note | None:
        if not key or (self._facts and self._facts.is_thing(term.value)):
            return None  # an empty key is the namespace of a kind, as in STR(country:)
        if kind == "project":
            return self._project(term, key) if self._facts else None
        names = load_gazetteer()
        if entry := names.get(kind, key):
            if self._facts is None or not required:
                return None
            return Note(f"{term.text} ({entry.name}) is known, but this release does not mention it.", term.start)
        entry = _entry(kind, key)
        if entry:
            iri = thing_iri(entry.kind, entry.key)
            return Note(f"There is no {term.text}. Did you mean {shorten(iri)} ({entry.name})?", term.start)
        if self._facts is None and kind == "actor":
            return None  # a release has more actors than the reference list
        return Note(f"There is no {term.text} in this release.", term.start)

    def _project(self, term: Term, key: str) -> Note:
        assert self._facts
        for other in (key.upper(), key.lower()):
            if self._facts.is_thing(thing_iri("project", other)):
                return Note(
                    f"There is no {term.text}. Did you mean {shorten(thing_iri('project', other))}?", term.start
                )
        return Note(f"There is no {term.text} in this release.", term.start)


def _words(key: str) -> str:
    return key.replace("-", " ").replace("_", " ")


def _entry(kind: str, key: str) -> GazetteerEntry | None:
    """Find the entry for a wrong key: by name, by another country code, in another kind, or by a similar name."""
    names = load_gazetteer()
    name = _words(key)
    if found := names.find(kind, name):
        return found
    if kind == "country" and (found := names.find_country_by_code(key)):
        return found
    others = (names.find(other, name) for other in REFERENCE_FILES)
    return next(filter(None, others), None) or names.suggest(kind, name)


def _patterns(outline: Outline, facts: Facts, reported: set[str]) -> Iterator[Note]:
    """Find required patterns that match nothing on their own."""
    for root in outline.main.groups:
        for group, within in walk_groups(root):
            if _OPTIONAL_BLOCKS.intersection(within):
                continue
            for triple in group.triples:
                if note := _pattern(triple, facts, reported):
                    yield note


def _pattern(triple: Triple, facts: Facts, reported: set[str]) -> Note | None:
    verb = triple.predicate
    ends = [term if term.constant else None for term in (triple.subject, triple.object)]
    if verb is None or not verb.constant or not any(ends):
        return None
    if any(term and term.value in reported for term in (*ends, verb)) or facts.has(ends[0], verb, ends[1]):
        return None
    if triple.object.kind == "literal" and (note := suggest_stored_value(verb, triple.object, facts)):
        return note
    if ends[0] and ends[1] is None and not facts.has(subject=ends[0]):
        return None
    verb_text = "a" if verb.value == RDF.type else verb.text
    return Note(
        f"No statement in this release matches {{ {triple.subject.text} {verb_text} {triple.object.text} }}.",
        triple.subject.start,
    )
