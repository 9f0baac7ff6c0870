"""Estimate the probability of each role of an actor, in addition to the phrases.

Phrases cover known wordings. The weights in role-weights.csv, learnt from labelled texts by
data/reference/update_role_weights.py, also use the words around the names, the kind of actor, the other
participants, and the phrases themselves.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from cybilgraph.errors import ReferenceDataError
from cybilgraph.extraction.name_spans import ACTOR, BODY, DEMONYM, PLACE
from cybilgraph.extraction.phrases import ROLES, has_phrase
from cybilgraph.extraction.role_features import context_features
from cybilgraph.extraction.sentences import Name, Sentence
from cybilgraph.model.fields import Content, sections
from cybilgraph.model.gazetteer import GazetteerEntry, load_gazetteer
from cybilgraph.model.organisations import is_organisation_word, is_public_authority
from cybilgraph.model.resources import REFERENCE

#: Sections about the purpose of the project.
PURPOSE_SECTIONS = sections(Content.PURPOSE, Content.DETAILS)
#: The confidence of the most explicit phrases.
MIN_SURE_CONFIDENCE = 0.95
#: The minimum confidence, and the roles, for which a phrase counts although the model finds no role likely.
#: Phrases for implementers and unspecified roles are too weak.
_MIN_PLAIN_CONFIDENCE, _PLAIN_ROLES = 0.85, frozenset(("funder", "extending", "partner", "beneficiary"))
#: The minimum probability of a role; and of one with a phrase of at least _MIN_PLAIN_CONFIDENCE. Little more
#: can be known about an unspecified role.
_MIN_PROBABILITY, _MIN_PROBABILITY_WITH_PHRASE, _MIN_PROBABILITY_UNSPECIFIED = 0.5, 0.25, 0.1
#: The minimum probability for funder and implementer together. If an explicit phrase gives one of them, the
#: other needs a phrase too.
_MIN_PROBABILITY_OF_BOTH = 0.7
#: For each feature, its weight for each of ROLES in hundredths: the sum of integers does not depend on their
#: order.
Weights = Mapping[str, Sequence[int]]
#: The weights of no feature.
_NO_WEIGHTS = (0,) * len(ROLES)


@dataclass(slots=True)
class Candidate:
    """An actor named in sentences, with what is known about it.

    ``names`` are its mentions and ``first`` whether one is in the first sentences. ``phrase_roles`` maps
    roles to the confidence of their phrases, and ``phrase_sections`` has their sections. ``others`` are
    roles of other actors, and ``stated`` roles that the page states.
    """

    actor: GazetteerEntry
    names: list[tuple[Sentence, Name]] = field(default_factory=list)
    first: bool = False
    phrase_roles: dict[str, float] = field(default_factory=dict)
    phrase_sections: frozenset[tuple[str, str]] = frozenset()
    others: frozenset[str] = frozenset()
    stated: frozenset[str] = frozenset()


def decide_roles(phrase_roles: Mapping[str, float], role_probabilities: Mapping[str, float]) -> dict[str, float]:
    """Return the accepted roles of an actor with their confidence.

    These are the roles of explicit phrases or else the likeliest role, and both funder and implementer if
    both are likely. Strong phrases count if no role is likely.
    """
    plain = {role for role, confidence in phrase_roles.items() if confidence >= MIN_SURE_CONFIDENCE}
    thresholds = {
        role: _MIN_PROBABILITY_UNSPECIFIED if role == "unspecified" else _MIN_PROBABILITY_WITH_PHRASE
        for role in phrase_roles
        if phrase_roles[role] >= _MIN_PLAIN_CONFIDENCE
    }
    likely = {
        role: probability
        for role, probability in role_probabilities.items()
        if probability >= thresholds.get(role, _MIN_PROBABILITY)
    }
    if not likely:
        plain = plain or {
            role
            for role, confidence in phrase_roles.items()
            if role in _PLAIN_ROLES and confidence >= _MIN_PLAIN_CONFIDENCE
        }
    if not plain and not likely:
        return {}
    best = plain or {max(likely, key=lambda role: likely[role])}
    kept_together = {
        role
        for role in ("funder", "implementer")
        if role_probabilities.get(role, 0) >= _MIN_PROBABILITY_OF_BOTH and (not plain or role in phrase_roles)
    }
    kept = best | (kept_together if best & {"funder", "implementer"} else set())
    return {
        role: (role_probabilities[role] + phrase_roles[role]) / 2
        if role in plain or role_probabilities[role] < _MIN_PROBABILITY
        else role_probabilities[role]
        for role in sorted(kept)
    }


def role_probabilities(role_features: Iterable[str], weights: Weights | None = None) -> dict[str, float]:
    """Return the probability of each role, from 0 to 1; ``weights`` replace those of role-weights.csv."""
    weights = _weights() if weights is None else weights
    known = [weights[feature] for feature in role_features if feature in weights]
    totals = map(sum, zip(_NO_WEIGHTS, *known, strict=True))
    return {role: 1 / (1 + math.exp(-total / 100)) for role, total in zip(ROLES, totals, strict=True)}


def clearest_sentence(candidate: Candidate, role: str) -> tuple[Sentence, Name]:
    """Return the sentence, and the name in it, that best supports a role."""

    def speaks(where: tuple[Sentence, Name]) -> tuple[bool, float]:
        sentence, name = where
        return sentence.section in PURPOSE_SECTIONS, role_probabilities(
            context_features(sentence.marked).get(name.at, ())
        )[role]

    return max(candidate.names, key=speaks)


def role_features(candidate: Candidate, beneficiary_countries: set[str]) -> set[str]:
    """Return the features of a candidate, as named in role-weights.csv.

    ``beneficiary_countries`` are the beneficiary countries of the project.
    """
    actor, named = candidate.actor, candidate.names
    found = {"always", f"named {min(len(named), 3)}", *(f"stated {role}" for role in candidate.stated)}
    found.update(f"other {role}" for role in ("funder", "implementer") if role in candidate.others)
    found.update(f"phrase {role}" for role in candidate.phrase_roles or ("none",))
    found.update(f"phrase {role} {confidence:.2f}" for role, confidence in candidate.phrase_roles.items())
    found.update(f"phrase {role} in {_section_kind(section)}" for role, section in candidate.phrase_sections)
    if candidate.first:
        found.add("first")
    purpose = any(sentence.section in PURPOSE_SECTIONS for sentence, _ in named)
    for sentence, name in named:
        found.update(_name_features(sentence, name, beneficiary_countries))
        if sentence.section in PURPOSE_SECTIONS or not (purpose or sentence.section == "title"):
            found.update(_context_features(sentence, name))
    if actor.row and not _is_listed_authority(actor, beneficiary_countries):
        found.add(f"type {actor.row['type']}")
        if seat := actor.row["country"]:
            found.add("seat helped" if seat in beneficiary_countries else "seat elsewhere")
    elif not actor.key.startswith("government-of-"):  # the name of a government says nothing more
        if is_public_authority(actor.name):
            found.add("official")
        words = actor.name.split()
        found.add(f"words {min(len(words), 4)}")
        found.update(f"word {word.lower()}" for word in words if is_organisation_word(word))
    return found


def _section_kind(section: str) -> str:
    """Return the kind of a section: about the project, its title, or also about others."""
    return "purpose" if section in PURPOSE_SECTIONS else "title" if section == "title" else "background"


def _name_features(sentence: Sentence, name: Name, beneficiary_countries: set[str]) -> Iterator[str]:
    yield f"in {_section_kind(sentence.section)}"
    listed = name.mark == ACTOR and _is_listed_authority(name.entries[0], beneficiary_countries)
    yield f"mark {BODY if listed else name.mark}"
    if is_helped_authority(name, beneficiary_countries):
        yield "helped authority"
    if home := name.entries[0] if name.mark in (PLACE, DEMONYM) else name.home:
        place = "helped" if home.key in beneficiary_countries else "elsewhere"
        yield f"{'state' if home is not name.home else 'home'} {place}"


def _context_features(sentence: Sentence, name: Name) -> Iterator[str]:
    """Yield the features of the words around a name."""
    yield from context_features(sentence.marked).get(name.at, ())
    if has_phrase(sentence, "compare"):
        yield "compare"


def is_helped_authority(name: Name, beneficiary_countries: set[str]) -> bool:
    """Return whether a name is an authority of a beneficiary country. One without a country is assumed to be."""
    if name.mark == ACTOR:
        return _is_listed_authority(name.entries[0], beneficiary_countries)
    if name.mark != BODY or not beneficiary_countries or (name.home and name.home.key not in beneficiary_countries):
        return False
    return is_public_authority(name.entries[0].name)


def _is_listed_authority(actor: GazetteerEntry, beneficiary_countries: set[str]) -> bool:
    """Return whether a listed actor is an authority of a beneficiary country: it has the features of others."""
    return (
        actor.row.get("type") == "government"
        and actor.row["country"] in beneficiary_countries
        and actor.key not in load_gazetteer().governments
    )


@cache
def _weights() -> Weights:
    """Load the weights of the features.

    Raises ReferenceDataError if a weight is not a number.
    """
    with (REFERENCE / "role-weights.csv").open(encoding="utf-8", newline="") as file:
        try:
            return {
                row["feature"]: tuple(round(float(row[role] or 0) * 100) for role in ROLES)
                for row in csv.DictReader(file)
            }
        except (KeyError, ValueError) as error:
            raise ReferenceDataError(
                f"role-weights.csv: cannot be read: {error}",
                "Run data/reference/update_role_weights.py to create it again.",
            ) from error
