"""Find the beneficiary countries, regions and groups of a project, and its themes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from functools import cache

from cybilgraph.extraction.country_features import CountryCandidate, country_features
from cybilgraph.extraction.linear_model import LinearModel, load_model
from cybilgraph.extraction.locations import (
    find_listed_places,
    find_place_lists,
    find_places,
    find_title_places,
    is_item,
    place_entries,
)
from cybilgraph.extraction.name_spans import DEMONYM, PLACE
from cybilgraph.extraction.phrases import has_phrase, phrase_claims
from cybilgraph.extraction.sentences import Sentence
from cybilgraph.extraction.themes import ScopeQuotes, add_themes
from cybilgraph.model.fields import Content, sections
from cybilgraph.model.gazetteer import PLACES, GazetteerEntry, load_gazetteer
from cybilgraph.model.organisations import is_public_authority
from cybilgraph.model.record import Basis, Named, Record, Scope, Text

#: Sections whose places are those of the project, rather than of its results or links.
_SECTIONS = sections(Content.PURPOSE, Content.DETAILS)
#: Sections used if the first have no places: the context also mentions neighbours, and activities mention
#: venues.
_FALLBACK_SECTIONS = sections(Content.BACKGROUND, Content.ACTIVITIES)
#: Places with at least this confidence are used from them anyway ("participants came from").
_MIN_FALLBACK_CONFIDENCE = 0.95
#: If only a region or nothing is known, lists of countries show which ones. A country as a subject ("Kenya and
#: Ghana adopted") is a result of the project; in the context, it belongs to the past.
_RESULT_SECTIONS, _PAST_SECTIONS = sections(Content.RESULTS, Content.ACTIVITIES), sections(Content.BACKGROUND)
_LISTING_SECTIONS = (*_SECTIONS, *_RESULT_SECTIONS, *_PAST_SECTIONS)
#: With fewer countries than this, a region needs a phrase of this confidence, more than "in".
_MIN_COUNTRIES_OF_LIST, _MIN_REGION_CONFIDENCE = 3, 0.9
#: Regions whose names mean something else in prose ("Australia and New Zealand" are two donors).
_AMBIGUOUS_REGIONS = {("region", "001"), ("region", "053")}
#: The group of donor countries. Next to other countries, they are not beneficiaries.
_DONORS = "dac"
#: Regions, groups and themes with less confidence are only possible: four in five of them are right.
_MIN_DERIVED_CONFIDENCE = 0.9
#: Confidence in a place in the title, as a list item, or in a list of several.
_TITLE_CONFIDENCE, _ITEM_CONFIDENCE, _LIST_CONFIDENCE = 0.95, 0.95, 0.85
#: Confidence in the country of an authority if no other place is known.
_HOME_CONFIDENCE = 0.8
#: At most this confidence in a country that the title names only as a donor or partner, and in one that a record with
#: stated places does not state: of these, prose mostly names donors and venues.
_DOUBTFUL_CONFIDENCE = 0.5


def find_scopes(record: Record, sentences: list[Sentence]) -> Iterator[Scope]:
    """Yield the places and themes found only in prose. A linear model decides on countries."""
    found = apply_rules(record, sentences)
    for (kind, key), quotes in found.items():
        if kind != "country":
            first, (entry, _) = next(iter(quotes.items()))
            evidence = tuple(sentence.evidence(confidence) for sentence, (_, confidence) in quotes.items())
            surest = max(confidence for _, confidence in quotes.values())
            grade = Basis.DERIVED if surest >= _MIN_DERIVED_CONFIDENCE else Basis.POSSIBLE
            yield Scope(Named(kind, key, Text(entry.name, first.text.place)), grade, evidence)
    model, sponsors = load_model("country"), _sponsors(sentences)
    titles = [sentence for sentence in sentences if sentence.section == "title"]
    of_title = _sponsors(titles) | _companions_of_donors(titles)
    has_stated_places = any(link.concept.kind in PLACES for link in record.scopes)
    for key, candidate, features in candidate_countries(record, sentences, found):
        [probability] = model.probabilities(features).values()
        quotes = found.get(("country", key), {})
        in_title = key in of_title and all(sentence.section == "title" for sentence in quotes)
        if has_stated_places or key in sponsors or in_title:
            probability = min(probability, _DOUBTFUL_CONFIDENCE)
        if basis := model.grade(probability):
            sentence = next(iter(quotes), None) or _best_sentence(model, candidate)
            entry = load_gazetteer().entries["country"][key]
            named = Named("country", key, Text(entry.name, sentence.text.place))
            yield Scope(named, basis, (sentence.evidence(round(probability, 2)),))


def _best_sentence(model: LinearModel, candidate: CountryCandidate) -> Sentence:
    """Return the sentence that supports a country most, given its last mention in each."""
    scores = {sentence: model.scores(own).get("country", 0) for sentence, own in candidate.mentions}
    return max(scores, key=lambda sentence: scores[sentence])


def candidate_countries(
    record: Record, sentences: list[Sentence], found: ScopeQuotes
) -> Iterator[tuple[str, CountryCandidate, set[str]]]:
    """Yield the countries that prose names, with their features, given what the rules find."""
    stated = {(link.concept.kind, link.concept.key) for link in record.scopes}
    by_rule = {
        key: max(confidence for _, confidence in quotes.values())
        for (kind, key), quotes in found.items()
        if kind == "country"
    }
    return country_features(sentences, stated, by_rule, _donors())


def _sponsors(sentences: Iterable[Sentence]) -> set[str]:
    """Return the countries that sentences name only as donors, partners, hosts or occasion: "Israeli funding"."""
    sponsors: set[str] = set()
    others: set[str] = set()
    for sentence in sentences:
        offsets = {name.at for _, name in phrase_claims(sentence, "sponsor")}
        for name in sentence.names:
            places = {(entry.kind, entry.key) for entry in place_entries(sentence, name)}
            (sponsors if name.at in offsets else others).update(_countries(places))
    return sponsors - others


def _companions_of_donors(titles: Iterable[Sentence]) -> set[str]:
    """Return the countries that a title names after "with" beside a donor: "Workshops with the UK and Singapore"."""
    found: set[str] = set()
    for title in titles:
        for low, high in find_place_lists(title):
            entries = {entry for name in title.within(low, high) for entry in place_entries(title, name)}
            countries = _countries((entry.kind, entry.key) for entry in entries)
            if countries & _donors() and title.marked[:low].removesuffix("the ").endswith("with "):
                found |= countries
    return found


def apply_rules(record: Record, sentences: list[Sentence]) -> ScopeQuotes:
    """Return the places and themes that rules find in prose, with their sentences.

    A country in a sentence counts only if neither a heading nor the title names one, because prose also
    compares, gives history and introduces people. A country as a list item always counts, and then sentences
    do not. If the purpose names no country, or only one next to a region, countries listed in any section
    count.
    """
    stated = {(link.concept.kind, link.concept.key) for link in record.scopes}
    found = _find_unambiguous_places(sentences)
    add_themes(found, sentences, stated)
    known_countries = _countries(stated) | (_countries(found) - _donors() or _countries(found))
    _add_phrase_places(found, _in_sections(sentences, _SECTIONS), known_countries)
    wide = not known_countries and _is_wide((*stated, *found))
    min_confidence = _MIN_FALLBACK_CONFIDENCE if any(kind in PLACES for kind, _ in (*stated, *found)) else 0
    _add_phrase_places(found, _in_sections(sentences, _FALLBACK_SECTIONS), known_countries, min_confidence)
    if wide:
        _add_listed_countries(found, _in_sections(sentences, _LISTING_SECTIONS))
    if not any(kind in PLACES for kind, _ in (*stated, *found)):
        _add_home_countries(found, _in_sections(sentences, _SECTIONS))
    helps = (_countries(stated) | _countries(found)) - _donors()
    unhelped = _donors() - known_countries - _donors_in_lists(found) if helps else frozenset()
    return {
        (kind, key): quotes
        for (kind, key), quotes in found.items()
        if (kind, key) not in stated | _AMBIGUOUS_REGIONS and not (kind == "country" and key in unhelped)
    }


def _in_sections(sentences: Iterable[Sentence], sections: tuple[str, ...]) -> Iterator[Sentence]:
    return (sentence for sentence in sentences if sentence.section in sections)


@cache
def _donors() -> frozenset[str]:
    group = load_gazetteer().get("group", _DONORS)
    return frozenset(group.cell("members") if group else ())


def _countries(places: Iterable[tuple[str, str]]) -> set[str]:
    return {key for kind, key in places if kind == "country"}


def _donors_in_lists(found: ScopeQuotes) -> set[str]:
    """Return the donors that are listed with a larger number of beneficiaries: "Kenya, Ghana, Togo and Japan"."""
    among: set[str] = set()
    for sentence in {sentence for quotes in found.values() for sentence in quotes}:
        for low, high in find_place_lists(sentence):
            entries = [entry for name in sentence.within(low, high) for entry in place_entries(sentence, name)]
            listed = {entry.key for entry in entries if entry.kind == "country"}
            if len(listed - _donors()) > max(len(listed & _donors()), 2):
                among |= listed & _donors()
    return among


def _is_wide(places: Iterable[tuple[str, str]]) -> bool:
    """Return whether there is no beneficiary country, or only one next to a region or group."""
    places = list(places)
    max_countries = 1 if any(kind in ("region", "group") for kind, _ in places) else 0
    return len(_countries(places) - _donors()) <= max_countries


def _find_unambiguous_places(sentences: Iterable[Sentence]) -> ScopeQuotes:
    """Return the places in the title and those that are list items.

    A donor in the title may be the funder, unless the title says "in".
    """
    found: ScopeQuotes = {}
    for sentence in sentences:
        if sentence.section == "title":
            for name in find_title_places(sentence):
                for entry in place_entries(sentence, name):
                    has_place_claim = name.mark != DEMONYM and any(
                        name == other for _, other in phrase_claims(sentence, "place")
                    )
                    if entry.key not in _donors() or has_place_claim:
                        _add(found, sentence, entry, _TITLE_CONFIDENCE)
            for entry in sentence.themes:
                _add(found, sentence, entry, _TITLE_CONFIDENCE)
        elif sentence.section in (*_SECTIONS, *_FALLBACK_SECTIONS) and is_item(sentence):
            for name in sentence.names:
                if name.mark == PLACE:  # skip the town before it
                    for entry in place_entries(sentence, name):
                        _add(found, sentence, entry, _ITEM_CONFIDENCE)
    return found


def _add_phrase_places(
    found: ScopeQuotes, sentences: Iterable[Sentence], known_countries: Set[str], min_confidence: float = 0
) -> None:
    """Add the places in sentences with at least this confidence.

    If a heading or the title names countries (``known_countries``), only compatible places are added. A donor's
    demonym ("Estonian companies") is not a place.
    """
    for sentence in sentences:
        if sentence.names and not is_item(sentence):
            mentioned = [
                (name.at, entry, confidence)
                for name, confidence in find_places(sentence)
                if confidence >= min_confidence
                for entry in place_entries(sentence, name)
                if not (name.mark == DEMONYM and entry.key in _donors())
            ]
            # Countries listed together with a country from the title also benefit: the title names only one of
            # them.
            known = [at for at, entry, _ in mentioned if entry.kind == "country" and entry.key in known_countries]
            lists = [
                (low, high)
                for low, high in (find_place_lists(sentence) if known else ())
                if _any_within(known, low, high)
            ]
            for at, entry, confidence in mentioned:
                listed = entry.kind == "country" and any(low <= at < high for low, high in lists)
                if listed or (entry.kind, entry.key) in found or _is_compatible(entry, confidence, known_countries):
                    _add(found, sentence, entry, confidence)


def _add_home_countries(found: ScopeQuotes, sentences: Iterable[Sentence]) -> None:
    """Add the countries of the authorities that the purpose names, if no other place is known."""
    for sentence in sentences:
        if not (has_phrase(sentence, "aside") or has_phrase(sentence, "compare")):
            for name in sentence.names:
                actor = name.of("actor")
                home = name.home or (actor and load_gazetteer().get("country", actor.row.get("country", "")))
                official = actor and (actor.row.get("type") == "government" or is_public_authority(actor.name))
                if official and home and home.kind == "country" and home.key not in _donors():
                    _add(found, sentence, home, _HOME_CONFIDENCE)


def _any_within(places: Iterable[int], low: int, high: int) -> bool:
    return any(low <= at < high for at in places)


def _is_compatible(entry: GazetteerEntry, confidence: float, known_countries: Set[str]) -> bool:
    """Return whether a place is compatible with the known countries.

    Without known countries, any is. Otherwise it must be a region with many countries or with strong
    evidence.
    """
    if entry.kind == "country" or not known_countries:
        return not known_countries
    return len(known_countries) >= _MIN_COUNTRIES_OF_LIST or confidence >= _MIN_REGION_CONFIDENCE


def _add_listed_countries(found: ScopeQuotes, sentences: Iterable[Sentence]) -> None:
    """Add the countries of each sentence that names several, and those that results and activities name
    individually.

    Donors are skipped.
    """
    single: dict[str, tuple[Sentence, GazetteerEntry]] = {}
    for sentence in sentences:
        countries = {
            entry.key: entry
            for name in find_listed_places(sentence, past=sentence.section in _PAST_SECTIONS)
            for entry in place_entries(sentence, name)
            if entry.kind == "country" and entry.key not in _donors()
        }
        if len(countries) > 1:
            for entry in countries.values():
                _add(found, sentence, entry, _LIST_CONFIDENCE)
        elif sentence.section in _RESULT_SECTIONS:
            for entry in countries.values():
                single.setdefault(entry.key, (sentence, entry))
    if len(single) > 1 or not any(kind in PLACES for kind, _ in found):
        for sentence, entry in single.values():
            _add(found, sentence, entry, _LIST_CONFIDENCE)


def _add(found: ScopeQuotes, sentence: Sentence, entry: GazetteerEntry, confidence: float) -> None:
    found.setdefault((entry.kind, entry.key), {}).setdefault(sentence, (entry, confidence))
