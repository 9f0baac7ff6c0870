"""Finds wrong IRIs in a query, and the ones that were meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

from cybilgraph.model.gazetteer import (
    MIN_SUGGESTION_SCORE,
    REFERENCE_FILES,
    GazetteerEntry,
    closest_match,
    load_gazetteer,
)
from cybilgraph.model.vocabulary import BASE, PREFIXES, VOCABULARIES, shorten, thing_iri
from cybilgraph.sparql.hints.facts import Facts
from cybilgraph.sparql.hints.outline import Note, Term, Use

_NOT_FOUND = {"property": "Nothing in this release has", "class": "Nothing in this release is a"}
#: What other vocabularies add to a name, as in hasCountry, fundedBy or startDate.
_AFFIXES = re.compile(r"^(?:has|is)(?=[A-Z])|(?:ed)?(?:By|Of|In|To|For)$|(?:Name|Date)$")
#: Searches for similar names per query.
_MAX_SEARCHES = 100


def similar_name(name: str, names: Iterable[str]) -> str:
    """Return the most similar of the names, even if it lacks an affix of this name; empty if none is similar."""
    known = list(names)
    forms = (name, _AFFIXES.sub("", name))
    return next(filter(None, (closest_match(form, known, MIN_SUGGESTION_SCORE) for form in forms if form)), "")


def local_name(iri: str) -> str:
    """Return the last part of an IRI."""
    return re.split("[/#]", iri)[-1]


class Names:
    """Checks the names of one query: by the release, or without facts by the vocabularies."""

    def __init__(self, facts: Facts | None) -> None:
        self._facts = facts
        self._searches = 0
        self._fitting: dict[tuple[str, str], list[str]] = {}

    def wrong(self, use: Use) -> Note | None:
        """Say what is wrong with an IRI, if the answer is empty without it or another was meant."""
        term, role = use.term, use.role
        required = use.certain and use.group.required
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
        return self._facts.is_resource(iri) or self._facts.is_property(iri) or not iri.startswith(BASE)

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
                if (vocabulary.iri, role) not in self._fitting:
                    names = [name for name in sorted(vocabulary.terms) if self._exists(role, vocabulary.iri + name)]
                    self._fitting[vocabulary.iri, role] = names
                best = similar_name(local, self._fitting[vocabulary.iri, role])
                if best and (best.lower() == local.lower() or local not in vocabulary.terms):
                    return vocabulary.iri + best
                break
        local = local_name(iri).lower()
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
    """The IRI with the scheme (http or https) of our namespace."""
    scheme, found, rest = iri.partition("://")
    other = f"{'http' if scheme == 'https' else 'https'}://{rest}"
    ours = (BASE, *PREFIXES.values())
    return other if found and other.startswith(ours) and not iri.startswith(ours) else iri


def _similar_entry(kind: str, key: str) -> GazetteerEntry | None:
    """Find the entry for a wrong key: by name, by another country code, in another kind, or by a similar name."""
    names, name = load_gazetteer(), key.replace("-", " ").replace("_", " ")
    found = names.find(kind, name) or (names.find_country_by_code(key) if kind == "country" else None)
    others = (names.find(other, name) for other in REFERENCE_FILES)
    return found or next(filter(None, others), None) or names.suggest(kind, name)
