"""Find the actors that take part in a project, with their roles.

Every actor that a sentence names is a candidate. A linear model estimates the probability of each role from
the phrases and words around its names (role_features.py), from what it is, and from the roles of others.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field

from cybilgraph.extraction.linear_model import LinearModel, load_model
from cybilgraph.extraction.name_spans import BODY, DEMONYM, PLACE, country_key
from cybilgraph.extraction.phrases import has_phrase, role_claims
from cybilgraph.extraction.role_features import context_features, first_words
from cybilgraph.extraction.sentences import FIRST_SENTENCE_COUNT, Name, Sentence
from cybilgraph.model.fields import Content, sections
from cybilgraph.model.gazetteer import GazetteerEntry, load_gazetteer, slug
from cybilgraph.model.organisations import is_public_authority
from cybilgraph.model.record import Basis, Named, Participation, Record, Scope, Text
from cybilgraph.model.state_bodies import find_actor, find_home, only_country, parse_actor_name

#: Sections about the purpose of the project.
_PURPOSE_SECTIONS = sections(Content.PURPOSE, Content.DETAILS)
#: The claims of phrases that say who delivers or pays for a project.
_MAIN_CLAIMS = ("funder", "implementer", "acts")
#: The claims of phrases about whole sentences.
_SENTENCE_CLAIMS = ("compare", "aside")
#: A role that a phrase claims with this confidence is possible, even if the model finds it improbable: on texts
#: that its weights had not seen, 18 of 42 such links were right.
_SURE_CONFIDENCE = 0.95
#: What says nothing about the role of the next name: "not funded by", but not "not only by"; "alumni of", "a subsidiary
#: of", "projects funded by": others acted, or elsewhere.
_NOT_ITS_ROLE_BEFORE = re.compile(
    r"\bn(?:ot|ever|or|either) (?!only|just)[\w ]{0,40}\Z"
    r"|\b(?:members|alumni|graduates|students|employees|former (?:\w+ )?(?:staff|employees|members)"
    r"|(?:an?|the) (?:subsidiary|spin-off|competitor|rival)) of (?:the )?\Z"
    r"|\b(?<!these )(?<!the )(?<!two )(?<!both )projects (?:\w+ )?(?:funded|financed|implemented|run|supported)"
    r" by (?:the )?\Z"
)
_MAX_LOOKBEHIND_CHARACTERS = 60


@dataclass(slots=True)
class Candidate:
    """An actor named in sentences: its mentions with features, and the claims of phrases with their confidence."""

    actor: GazetteerEntry
    mentions: list[tuple[Sentence, Name, frozenset[str]]] = field(default_factory=list)
    claims: dict[str, float] = field(default_factory=dict)
    is_early: bool = False

    def best_sentence(self, model: LinearModel, role: str) -> Sentence:
        """Return the sentence that supports a role most, the first of several."""
        if len(self.mentions) == 1:  # the usual case
            return self.mentions[0][0]
        return max(self.mentions, key=lambda mention: model.scores(mention[2]).get(role, 0))[0]


def find_participations(
    record: Record, sentences: list[Sentence], scopes: Iterable[Scope]
) -> tuple[Participation, ...]:
    """Return the participations found only in sentences, each with the sentence that supports it most.

    ``scopes`` are the beneficiary countries, stated and found.
    """
    model = load_model("role")
    present = {link.actor.key for link in record.participations}
    governments = _governments_of_funders(record)
    country = only_country(scopes)
    links = []
    for candidate, features in candidate_features(record, sentences, scopes):
        if _is_listed(candidate.actor, present):
            continue
        for role, probability in model.probabilities(features).items():
            basis = model.grade(probability)
            if basis is None and candidate.claims.get(role, 0) >= _SURE_CONFIDENCE:
                basis = Basis.POSSIBLE
            if basis is None or (role == "funder" and candidate.actor.key in governments):
                continue
            actor, home = _with_state(candidate.actor, role, country)
            if actor.key not in present:
                sentence = candidate.best_sentence(model, role)
                known = load_gazetteer().get("actor", actor.key) is not None
                printed = Text(candidate.actor.name, sentence.text.place)
                named = Named("actor", actor.key, printed, known, "" if known else home)
                links.append(Participation(named, role, basis, (sentence.evidence(round(probability, 2)),)))
    return tuple(links)


def _governments_of_funders(record: Record) -> set[str]:
    """Return the governments whose own bodies the page states as funders: "the UK paid" beside FCDO is not another."""
    names = load_gazetteer()
    funders = (names.get("actor", link.actor.key) for link in record.participations if link.role == "funder")
    bodies = (entry.row for entry in funders if entry and entry.row and entry.row["type"] == "government")
    countries = (names.get("country", row["country"]) for row in bodies)
    return {names.government(country).key for country in countries if country}


def find_audiences(sentences: list[Sentence]) -> Iterator[Scope]:
    """Yield the audiences that phrases name as beneficiaries. They are only possible: no labelled text has any."""
    seen = set()
    for sentence in sentences:
        for phrase, name in role_claims(sentence):
            actor = name.of("actor") if phrase.claim == "beneficiary" else None
            audience = load_gazetteer().find("audience", actor.name) if actor and not actor.row else None
            if audience and audience.key not in seen:
                seen.add(audience.key)
                named = Named("audience", audience.key, Text(audience.name, sentence.text.place))
                yield Scope(named, Basis.POSSIBLE, (sentence.evidence(phrase.confidence),))


def _with_state(actor: GazetteerEntry, role: str, country: str) -> tuple[GazetteerEntry, str]:
    """Return an actor, and the country that it belongs to if its name does not contain it.

    A body of a state that benefits from a project in one ``country`` belongs to that country.
    """
    home = _state(actor)
    if role == "beneficiary" and not home and (home := find_home(actor.name, {}, country)):
        return find_actor(actor.name, home), home
    return actor, home


def _state(actor: GazetteerEntry) -> str:
    """Return the country of an unlisted body of a state whose name does not contain it, or an empty string."""
    labels = () if parse_actor_name(actor.name).country else actor.aliases
    countries = (parse_actor_name(label).country for label in labels)
    return next((country.key for country in countries if country), "")


def candidate_features(
    record: Record, sentences: list[Sentence], scopes: Iterable[Scope]
) -> Iterator[tuple[Candidate, set[str]]]:
    """Yield the actors that sentences name and the page does not state, with the features in role-weights.csv."""
    stated = [link for link in record.participations if link.basis is Basis.STATED]
    stated_keys, stated_roles = {link.actor.key for link in stated}, {link.role for link in stated}
    candidates = _find_candidates(sentences, stated_keys)
    helped = {link.concept.key for link in scopes if link.concept.kind == "country" and link.basis.counts}
    has_fields = bool(record.code or record.start or record.status)
    for candidate in candidates:
        actor = candidate.actor
        found = {"always", f"named {min(len(candidate.mentions), 3)}", *(f"stated {role}" for role in stated_roles)}
        found.update(*(features for _, _, features in candidate.mentions))
        others = stated_roles.union(*(other.claims for other in candidates if other is not candidate))
        found.update(f"other {claim}" for claim in _MAIN_CLAIMS if claim in others)
        if candidate.is_early:
            found.add("first")
        if has_fields:
            found.add("fields")
            found.update(f"fields claim {claim}" for claim in candidate.claims)
        if is_helped := _is_helped_authority(actor, helped):
            found.add("helped authority")
        elif actor.row:
            found.update((f"type {actor.row['type']}", f"actor {actor.key}"))
        found.update(f"claim {claim} {confidence:.2f}" for claim, confidence in candidate.claims.items())
        found.add("listed" if actor.row and not is_helped else "unlisted")
        found.update(f"mark {BODY if is_helped else name.mark}" for _, name, _ in candidate.mentions)
        found.update(_name_features(actor))
        yield candidate, found


def _is_helped_authority(actor: GazetteerEntry, countries: Set[str]) -> bool:
    """Return whether an actor is an authority of a beneficiary country. One without a country is assumed to be."""
    if actor.row:
        is_authority = actor.row["type"] == "government" and actor.key not in load_gazetteer().governments
        return is_authority and actor.row["country"] in countries
    home = _state(actor) or country_key(parse_actor_name(actor.name).country)
    return is_public_authority(actor.name) and bool(countries) and (not home or home in countries)


def _name_features(actor: GazetteerEntry) -> Iterator[str]:
    """Yield features of a name, which show whether it is that of an organisation.

    The state of a body says nothing; that of a government says whether it is a donor.
    """
    bare = actor.name if actor.key in load_gazetteer().governments else parse_actor_name(actor.name).bare
    yield from (f"name {word}" for word in slug(bare).split("-"))
    words = bare.lower().split()
    yield f"words {min(len(words), 6)}"
    yield f"begins with {words[0]}"
    yield f"ends with {words[-1]}"
    if bare.isupper():
        yield "capitals"


def _find_candidates(sentences: list[Sentence], stated: set[str]) -> list[Candidate]:
    """Return the actors that sentences name, except those that the page states."""
    found: dict[str, Candidate] = {}
    for number, sentence in enumerate(sentences):
        if not sentence.names:
            continue
        claims: dict[int, dict[str, float]] = defaultdict(dict)
        for phrase, name in role_claims(sentence):
            of_name = claims[name.at]
            of_name[phrase.claim] = max(of_name.get(phrase.claim, 0), phrase.confidence)
        part = _section_kind(sentence.section)
        shared = {f"in {part}", f"sentence {min(number, 12) // 3}", *first_words(sentence.marked)}
        shared.update(f"{claim} sentence" for claim in _SENTENCE_CLAIMS if has_phrase(sentence, claim))
        contexts = {} if has_phrase(sentence, "aside") else context_features(sentence.marked)
        for name in sentence.names:
            actor = _acting_entry(name)
            if actor and not _is_listed(actor, stated):
                begin = max(name.at - _MAX_LOOKBEHIND_CHARACTERS, 0)
                is_other = _NOT_ITS_ROLE_BEFORE.search(sentence.marked, begin, name.at)
                own = {} if is_other else claims[name.at]
                features = shared.union(() if is_other else contexts.get(name.at, ()))
                features.update(*((f"claim {claim}", f"claim {claim} in {part}") for claim in own))
                candidate = found.setdefault(actor.key, Candidate(actor, is_early=number < FIRST_SENTENCE_COUNT))
                candidate.mentions.append((sentence, name, frozenset(features)))
                for claim, confidence in own.items():
                    candidate.claims[claim] = max(candidate.claims.get(claim, 0), confidence)
    return list(found.values())


def _acting_entry(name: Name) -> GazetteerEntry | None:
    """Return the named actor, unless it is an audience ("Small Businesses"), or the government of a named country."""
    names = load_gazetteer()
    if actor := name.of("actor"):
        return actor if actor.row or not names.find("audience", actor.name) else None
    country = (name.of("country") or name.of("demonym")) if name.mark in (PLACE, DEMONYM) else None
    return names.government(country) if country else None


def _is_listed(actor: GazetteerEntry, keys: Set[str]) -> bool:
    """Return whether an actor is among these, possibly with its country: "Ministry of Health of Fiji" for
    "Ministry of Health".
    """
    if not keys or actor.row or actor.key in keys:
        return actor.key in keys
    if slug(parse_actor_name(actor.name).bare) in keys:
        return True
    longer = f"{actor.key}-of-"
    return any(key.startswith(longer) for key in keys)


def _section_kind(section: str) -> str:
    """Return the kind of a section: about the project, its title, or also about others."""
    return "purpose" if section in _PURPOSE_SECTIONS else "title" if section == "title" else "background"
