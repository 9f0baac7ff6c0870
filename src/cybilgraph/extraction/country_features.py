"""Features of the countries that a text names: does the project work in them, or are they donors, venues or examples?

The rules of scopes.py are among the features, so that a country that no rule finds can be possible.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import lru_cache

from cybilgraph.extraction.locations import find_place_lists, is_item
from cybilgraph.extraction.name_spans import DEMONYM, PLACE
from cybilgraph.extraction.phrases import has_phrase, phrase_claims, role_claims
from cybilgraph.extraction.role_features import context_features, first_words
from cybilgraph.extraction.sentences import FIRST_SENTENCE_COUNT, Name, Sentence
from cybilgraph.model.gazetteer import PLACES, GazetteerEntry, load_gazetteer

_PLACE_CLAIMS = ("place", "listed", "elsewhere")
_SENTENCE_CLAIMS = ("compare", "aside", "elsewhere")


@dataclass(slots=True)
class CountryCandidate:
    """A country that sentences name: its mentions with their features, and how often its own name occurs."""

    mentions: list[tuple[Sentence, set[str]]] = field(default_factory=list)
    named: int = 0
    is_early: bool = False


def country_features(
    sentences: list[Sentence],
    stated: Set[tuple[str, str]],
    found: Mapping[str, float],
    donors: Set[str],
) -> Iterator[tuple[str, CountryCandidate, set[str]]]:
    """Yield the countries that sentences name and the page does not state, with the features in country-weights.csv.

    ``stated`` are the stated scopes, and ``found`` the countries that the rules find, with their confidence.
    """
    candidates = _find_candidates(sentences)
    for key in found:
        candidates.setdefault(key, CountryCandidate())
    in_title = {key for key, one in candidates.items() if any(text.section == "title" for text, _ in one.mentions)}
    shared = {"always", *(f"stated {kind}" for kind, _ in stated if kind in PLACES)}
    shared.add(f"countries {min(sum(one.named > 0 for one in candidates.values()), 5)}")
    for key, candidate in sorted(candidates.items()):
        if ("country", key) in stated:
            continue
        features = shared.union(*(own for _, own in candidate.mentions))
        features.add(f"named {min(candidate.named, 4)}")
        features.add(f"rule {found[key]:.2f}" if key in found else "no rule")
        if found.keys() <= {key}:
            features.add("no other rule")
        if key in donors:
            features.add("donor by rule" if key in found else "donor")
        if in_title:
            features.add("in title" if key in in_title else "other in title")
        if candidate.is_early:
            features.add("first")
        yield key, candidate, features


def _find_candidates(sentences: list[Sentence]) -> dict[str, CountryCandidate]:
    found: dict[str, CountryCandidate] = {}
    for number, sentence in enumerate(sentences):
        if not sentence.names:
            continue
        claims: dict[int, set[str]] = defaultdict(set)
        for phrase, name in (*phrase_claims(sentence, *_PLACE_CLAIMS), *role_claims(sentence)):
            claims[name.at].add(phrase.claim)
        lists = find_place_lists(sentence)
        shared = {f"{claim} sentence" for claim in _SENTENCE_CLAIMS if has_phrase(sentence, claim)}
        shared |= {*first_words(sentence.marked), f"sentence {min(number, 12) // 3}"}
        if is_item(sentence):
            shared.add("item")
        for name in sentence.names:
            for country, how in _countries(name):
                features = {f"{how} in {sentence.section}"} | shared
                if how != "seat":
                    features.update(f"{how} {claim}" for claim in claims[name.at])
                    features.update(_prefixed(how, context_features(sentence.marked).get(name.at, ())))
                    if any(low <= name.at < high for low, high in lists):
                        features.update(("in list", f"in list of {sentence.section}"))
                candidate = found.setdefault(country, CountryCandidate(is_early=number < FIRST_SENTENCE_COUNT))
                candidate.named += how != "seat"
                candidate.mentions.append((sentence, features))
    return found


@lru_cache(maxsize=2_000)  # the countries of a list share their context
def _prefixed(how: str, words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple([f"{how} {each}" for each in words])


def _countries(name: Name) -> Iterator[tuple[str, str]]:
    """Yield the countries of a name: its own, that of an adjective, the home of a body, or the seat of an actor."""

    def is_country(entry: GazetteerEntry | None) -> bool:
        return entry is not None and load_gazetteer().get("country", entry.key) is not None

    for entry in name.entries if name.mark in (PLACE, DEMONYM) else ():
        if entry.kind in ("country", "demonym") and is_country(entry):
            yield entry.key, "place" if entry.kind == "country" else "adjective"
    if name.home and is_country(name.home):
        yield name.home.key, "home"
    actor = name.of("actor")
    if actor and actor.row.get("country"):
        yield actor.row["country"], "seat"
