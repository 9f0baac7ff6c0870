"""The gazetteer: names, codes and aliases of countries, regions, groups, actors and themes with their keys.

The names come from data/reference/*.csv, one file per kind and one row per entry. Lookup ignores case,
Unicode normalisation, spaces, hyphens and a leading "the".
"""

from __future__ import annotations

import os
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from math import ceil, floor
from pathlib import Path

from ahocorasick_rs import AhoCorasick, MatchKind
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA
from slugify import slugify

from cybilgraph.errors import ReferenceDataError
from cybilgraph.model.identifiers import ActorIdentifier
from cybilgraph.model.organisations import strip_legal_form
from cybilgraph.model.overlay import (
    IDENTIFIER_COLUMNS,
    IDENTIFIERS,
    OVERLAID_KINDS,
    OVERLAY_VARIABLE,
    OverlayRow,
    check_identifier,
    check_row,
    read_overlay,
    read_rows,
)
from cybilgraph.model.resources import REFERENCE, read_reference
from cybilgraph.model.values import value
from cybilgraph.runtime.bounded_cache import cache_short

#: Each kind of entry with its file and key column.
REFERENCE_FILES = {
    "country": ("countries.csv", "alpha2"),
    "region": ("regions.csv", "code"),
    "group": ("groups.csv", "id"),
    "theme": ("themes.csv", "id"),
    "cmm": ("cmm-dimensions.csv", "id"),
    "audience": ("audiences.csv", "id"),
    "actor": ("actors.csv", "id"),
    "status": ("statuses.csv", "id"),
    "role": ("roles.csv", "id"),
    "actor-type": ("actor-types.csv", "id"),
    "basis": ("bases.csv", "id"),
    "activity-kind": ("activity-kinds.csv", "id"),
    "result-status": ("result-statuses.csv", "id"),
    "funding-kind": ("funding-kinds.csv", "id"),
}
#: The tables that a deployment may overlay.
OVERLAID_FILES = (*(REFERENCE_FILES[kind][0] for kind in OVERLAID_KINDS), IDENTIFIERS)
#: The kinds of places, and the kinds that are searched for in prose.
PLACES = ("country", "region", "group")
MENTIONED_KINDS = ("actor", *PLACES, "theme")
#: The kind of demonyms ("Kenyan"); such an entry has the key of its country.
DEMONYM = "demonym"
#: Minimum similarity (0 to 100) of a near match: "Trindad" finds Trinidad, but "Niger" (90.9) never finds
#: Nigeria.
MIN_MATCH_SCORE = 93
#: A near match is rejected if another entry scores less than this below it: "Government of Austrla".
_MIN_SCORE_LEAD = 3
#: Minimum similarity for a "did you mean?" suggestion.
MIN_SUGGESTION_SCORE = 75
#: Words at least this similar count as equal apart from a typo. A word that occurs in more names than the
#: maximum does not help to find a name.
_MIN_WORD_SCORE, _MAX_NAMES_PER_WORD = 80, 40
#: In a sentence, a name of at least six characters may have one typo, and one of at least ten may have two.
_MIN_CHARACTERS_FOR_TYPO, _MIN_CHARACTERS_FOR_TWO_TYPOS, _MAX_TYPOS = 6, 10, 2
#: Shorter and longer names have no near matches.
_MIN_NAME_CHARACTERS, _MAX_NAME_CHARACTERS = 4, 120

#: Countries whose names take an article.
_WITH_ARTICLE = re.compile(
    r"Republic|Kingdom|Emirates|States|Federation|^(?:Gambia|Bahamas|Philippines|Netherlands|Maldives|Comoros)$"
)
_GOVERNMENT_OF = "government of "
_DASHES = "-‐‑–—_"
_WORD = re.compile(r"[^\s(),;]+")
#: Names whose slug consists of their words alone.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 -]{1,200}")


#: Longer texts are not names.
_MAX_NAME_CHARS = 500
#: Caches functions of names.
cache_by_name = cache_short(entries=5_000, longest=_MAX_NAME_CHARS)


@cache_by_name
def fold(name: str) -> str:
    """Normalise a name for comparison."""
    if len(name) <= _MAX_NAME_CHARS:  # the time of normalize() grows with the square of a run of combining marks
        name = unicodedata.normalize("NFC", name)
    name = name.replace("’", "'").casefold()
    for dash in _DASHES:
        name = name.replace(dash, " ")
    return " ".join(name.split()).strip(" .,;:*").removeprefix("the ")


def sorting_key(name: str) -> str:
    """Return a key that sorts names alphabetically whatever their case and accents."""
    letters = unicodedata.normalize("NFKD", name[:_MAX_NAME_CHARS])
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()


@value(frozen=True, slots=True)
class GazetteerEntry:
    """One reference entry: a row of a file."""

    kind: str
    key: str
    name: str
    aliases: tuple[str, ...]
    row: Mapping[str, str] = field(compare=False, repr=False)
    identifiers: tuple[ActorIdentifier, ...] = field(default=(), compare=False, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The preferred name followed by the aliases."""
        return (self.name, *self.aliases)

    @property
    def is_part(self) -> bool:
        """Whether this is a part of a country with bodies of its own, such as Scotland. Its key is the country's."""
        return "is_part" in self.row

    def cell(self, column: str) -> tuple[str, ...]:
        """Return the values of a cell, which ``;`` separates."""
        return tuple(part for part in self.row.get(column, "").split(";") if part)

    def closest_name(self, printed: str) -> str:
        """Return the name of this entry that is most similar to the printed one."""
        return closest_match(printed, self.names, 0)


@value(frozen=True, slots=True)
class Mention:
    """A known name in a text: ``text[start:end]`` names every entry of ``entries``."""

    start: int
    end: int
    entries: tuple[GazetteerEntry, ...]

    def of(self, kind: str) -> GazetteerEntry | None:
        """Return the entry of this kind, or None."""
        for entry in self.entries:
            if entry.kind == kind:
                return entry
        return None


class Gazetteer:
    """All reference entries by key and by name; immutable once loaded."""

    def __init__(self, folder: Path = REFERENCE, overlay: Mapping[Path, str] | None = None) -> None:
        """Read the files, and then the texts of a deployment's own, whose rows take precedence.

        Raises ReferenceDataError if a row or name is duplicated, or a row of the deployment is wrong.
        """
        self.overlay = dict(overlay or {})
        #: The keys that actors had, or of actors that were merged into them, with the present entries.
        self.former: dict[str, GazetteerEntry] = {}
        self.entries: dict[str, dict[str, GazetteerEntry]] = {
            kind: {entry.key: entry for entry, _ in _read_entries(folder / file, kind, column)}
            for kind, (file, column) in REFERENCE_FILES.items()
        }
        #: The kinds and keys of our tables, without those that only the deployment has.
        self.published = frozenset((kind, key) for kind, entries in self.entries.items() for key in entries)
        own = self._add_overlay()
        self._add_identifiers(folder)
        #: The Sustainable Development Goals that a document relates to a theme.
        self.goals = read_reference(folder / "theme-goals.csv")
        self._names_by_length: dict[str, tuple[list[str], list[int]]] = {}
        self._names_by_shape: dict[str, dict[tuple[str, int, int], list[str]]] = {}
        self._governments: dict[str, GazetteerEntry] = {}
        countries = self.entries["country"].values()
        self._namesakes = {fold(name): entry for entry in countries for name in entry.cell("also")}
        self._names = {kind: _index_names(kind, entries, own) for kind, entries in self.entries.items()}
        parts = [part for country in countries for part in _parts(country)]
        self._parts = {name: part for part in parts for name in (part.name, *part.cell("demonyms"))}
        self._names["country"] |= {fold(part.name): part for part in parts}

    def _add_overlay(self) -> dict[tuple[str, str], OverlayRow]:
        """Add the entries of the deployment, and return their rows by kind and key."""
        own: dict[tuple[str, str], OverlayRow] = {}
        kinds = {file: (kind, column) for kind, (file, column) in REFERENCE_FILES.items() if kind in OVERLAID_KINDS}
        for path, text in self.overlay.items():
            if path.name == IDENTIFIERS:
                continue
            kind, key_column = kinds[path.name]
            for entry, row in _read_entries(path, kind, key_column, text, next(iter(self.entries[kind].values())).row):
                self.entries[kind][entry.key] = entry
                own[kind, entry.key] = row
        actors = self.entries["actor"]
        for key in [key for kind, key in own if kind == "actor"]:
            for former in actors[key].cell("former"):
                if ("actor", former) in own:
                    hint = "Remove that row: its actor was merged into this one."
                    raise own["actor", key].error("former", f"{former!r} is the key of another row", hint)
                actors.pop(former, None)
        self.former = {former: entry for entry in actors.values() for former in entry.cell("former")}
        for kind, key in own:
            check_row(kind, own[kind, key], REFERENCE_FILES[kind][1], self.entries)
        for key, entry in actors.items() if own else ():
            successor, separator, year = entry.row["replaced_by"].partition(":")
            cells = {"parent": self._present_key(entry.row["parent"])}
            cells["replaced_by"] = f"{self._present_key(successor)}{separator}{year}"
            if cells.items() - entry.row.items():
                actors[key] = replace(entry, row={**entry.row, **cells})
        return own

    def _add_identifiers(self, folder: Path) -> None:
        """Add the identifiers of actors. Those of the deployment replace ours in the same register.

        An actor that others were merged into keeps its own identifiers, and gets theirs in other registers.
        """
        actors = self.entries["actor"]
        own = {path: text for path, text in self.overlay.items() if path.name == IDENTIFIERS}
        ours = folder / IDENTIFIERS
        found: dict[tuple[str, str], ActorIdentifier] = {}
        for path, text in {ours: ours.read_text(encoding="utf-8"), **own}.items():
            seen: set[tuple[str, str]] = set()
            for row in read_rows(path, text, IDENTIFIER_COLUMNS):
                identifier = check_identifier(row, actors.keys() | self.former.keys())
                actor = row.cells["actor"], identifier.register
                if actor in seen:
                    raise row.error("register", f"{actor[0]} has two rows for {actor[1]}", "Keep one of them.")
                seen.add(actor)
                found[actor] = identifier
        by_actor: dict[str, dict[str, ActorIdentifier]] = {}
        for (key, register), identifier in sorted(found.items(), key=lambda item: item[0][0] not in actors):
            by_actor.setdefault(self._present_key(key), {}).setdefault(register, identifier)
        owners: dict[tuple[str, str], str] = {}
        for key, identifiers in by_actor.items():
            for register, identifier in identifiers.items():
                if (other := owners.setdefault((register, identifier.text), key)) != key:
                    raise ReferenceDataError(
                        f"{IDENTIFIERS}: {other} and {key} have the same identifier, {identifier.text}",
                        "Give it to one of them only. If both are one actor, merge them: cybilgraph actors merge.",
                    )
            actors[key] = replace(actors[key], identifiers=tuple(identifiers[name] for name in sorted(identifiers)))
        self._by_identifier = {identifier: actors[key] for identifier, key in owners.items()}

    def find_by_identifier(self, register: str, text: str) -> GazetteerEntry | None:
        """Return the actor with this identifier in a register, or None."""
        return self._by_identifier.get((register, text))

    def _present_key(self, key: str) -> str:
        return self.former[key].key if key in self.former and key not in self.entries["actor"] else key

    def __iter__(self) -> Iterator[GazetteerEntry]:
        """Yield every entry, kind by kind, in file order."""
        for entries in self.entries.values():
            yield from entries.values()

    def get(self, kind: str, key: str) -> GazetteerEntry | None:
        """Return the entry with this kind and key, or None."""
        return self.entries[kind].get(key)

    def find_by_key(self, kind: str, key: str) -> GazetteerEntry | None:
        """Return the entry that has this key or, if none does, the actor that had it."""
        return self.get(kind, key) or (self.former.get(key) if kind == "actor" else None)

    def find(self, kind: str, name: str) -> GazetteerEntry | None:
        """Return the entry with this name, alias or key, or None. An actor is also found by its name plus a
        legal form.
        """
        names = self._names[kind]
        return names.get(fold(name)) or (names.get(fold(strip_legal_form(name))) if kind == "actor" else None)

    def find_country(self, name: str) -> GazetteerEntry | None:
        """Return the country with this name or alias, but not by its code alone: "VU" may be an organisation."""
        country = self.find("country", name)
        return None if country and fold(name) == country.key.casefold() and name not in country.names else country

    def find_state(self, name: str) -> GazetteerEntry | None:
        """Return the country whose name in English, Spanish or French this is; not by its code alone."""
        return self.find_country(name) or self.find_translated_country(name)

    def find_translated_country(self, name: str) -> GazetteerEntry | None:
        """Return the country with this name in Spanish or French, unless it is also an English one."""
        return None if self.find("country", name) else self._translated_countries.get(fold(name))

    def find_by_name_or_code(self, kind: str, text: str) -> GazetteerEntry | None:
        """Return the entry of a kind with this name, alias or key; for a country also by its other codes."""
        return self.find(kind, text) or (self.find_country_by_code(text) if kind == "country" else None)

    def countries_in(self, place: GazetteerEntry) -> frozenset[str]:
        """Return the codes of the countries in a region, at any depth, or of the members of a group."""
        if place.kind == "group":
            return frozenset(place.cell("members"))
        regions = self.entries["region"]

        def is_within(region: str) -> bool:
            return region == place.key or (bool(region) and is_within(regions[region].row["parent"]))

        return frozenset(code for code, entry in self.entries["country"].items() if is_within(entry.row["region"]))

    def find_country_by_code(self, code: str) -> GazetteerEntry | None:
        """Return the country with an alpha-3 code (ISO 3166-1) or a numeric code (M49; leading zeros are
        optional), or None.
        """
        wanted = code.upper() if not code.isdigit() else code.zfill(3)
        countries = self.entries["country"].values()
        return next((entry for entry in countries if wanted in (entry.row["alpha3"], entry.row["numeric"])), None)

    def find_namesake(self, name: str) -> GazetteerEntry | None:
        """Return the other country that a name may mean: "Congo" names two countries."""
        return self._namesakes.get(fold(name))

    def find_near(self, kind: str, name: str) -> GazetteerEntry | None:
        """Return the entry that a misspelt name must mean: similar to this name, without a rival of about the
        same score.

        For a government, or the official name of a country, the country's own name must match too: all names
        of governments begin alike, and not every government is listed. An actor whose name has another country is
        another actor.
        """
        folded = fold(name)
        if not (best := self._closest(kind, folded, MIN_MATCH_SCORE)):
            return None
        listed, alikeness = best
        entry, min_score = self._names[kind][listed], alikeness - _MIN_SCORE_LEAD
        if kind == "actor" and self._are_of_different_states(folded, listed, entry):
            return None
        rivals = process.extract(
            folded,
            self._of_similar_length(kind, len(folded), min_score),
            scorer=fuzz.ratio,
            score_cutoff=min_score,
            limit=None,
        )
        if any(self._names[kind][rival] is not entry for rival, _, _ in rivals):
            return None
        owner = folded.partition(" of ")[2]
        if kind == "country":  # "Republic of Australia" is not that of Austria
            is_owned = self.find(kind, listed.partition(" of ")[2]) is entry
            return None if is_owned and self.find(kind, owner) not in (None, entry) else entry
        country = self.governments.get(entry.key) if kind == "actor" and listed.startswith(_GOVERNMENT_OF) else None
        return entry if country in (None, self.find("country", owner), self.find_near("country", owner)) else None

    def _are_of_different_states(self, folded: str, listed: str, entry: GazetteerEntry) -> bool:
        """Return whether a name has another country than a listed one, or none without being misspelt."""
        ours, theirs = self._countries_in(folded), self._countries_in(listed)
        return bool(ours - theirs - {entry.row["country"]}) or (
            bool(theirs - ours) and self._words.issuperset(_WORD.findall(folded))
        )

    def _countries_in(self, folded: str) -> set[str]:
        """Return the keys of the countries in a folded name, of which the longest at each position counts."""
        words, found = _WORD.findall(folded), set()
        while words:
            length = len(words)
            while length and not (country := self.find_country(" ".join(words[:length]))):
                length -= 1
            if length and country:
                found.add(country.key)
            del words[: length or 1]
        return found

    def suggest(self, kind: str, name: str) -> GazetteerEntry | None:
        """Return the most similar entry for a "did you mean?" question, or None."""
        return next(iter(self.suggestions(kind, name)), None)

    def suggestions(self, kind: str, name: str) -> list[GazetteerEntry]:
        """Return the entries with a similar name, most similar first."""
        folded = fold(name)
        if not _MIN_NAME_CHARACTERS <= len(folded) <= _MAX_NAME_CHARACTERS:
            return []
        names = self._of_similar_length(kind, len(folded), MIN_SUGGESTION_SCORE)
        near = process.extract(folded, names, scorer=fuzz.ratio, score_cutoff=MIN_SUGGESTION_SCORE)
        return [self._names[kind][listed] for listed, _, _ in near]

    def _closest(self, kind: str, folded: str, min_score: int) -> tuple[str, float] | None:
        if not _MIN_NAME_CHARACTERS <= len(folded) <= _MAX_NAME_CHARACTERS:
            return None
        names = self._of_similar_length(kind, len(folded), min_score)
        best = process.extractOne(folded, names, scorer=fuzz.ratio, score_cutoff=min_score)
        return best[:2] if best else None

    def _of_similar_length(self, kind: str, length: int, min_score: float) -> list[str]:
        """Return the names that can reach the minimum similarity. It is at most 200 * shorter / (shorter +
        longer), so that their lengths differ little.
        """
        names, lengths = self._by_length(kind)
        low = bisect_left(lengths, ceil(length * min_score / (200 - min_score)))
        high = bisect_right(lengths, floor(length * (200 - min_score) / min_score))
        return names[low:high]

    def find_misspelt(self, kind: str, name: str) -> GazetteerEntry | None:
        """Return the one entry whose name this is apart from a typo (two in a long name).

        A typo is a wrong, missing or additional letter, or two letters swapped. Return None if a differing
        word belongs to other names: "North Sudan" is not South Sudan.
        """
        folded = fold(name) if _MIN_CHARACTERS_FOR_TYPO <= len(name) <= _MAX_NAME_CHARACTERS else ""
        closest_match = self._by_shape(kind).get((*_shape(folded), len(folded)))
        if not closest_match or folded in self._known:
            return None
        max_typos = 1 if len(folded) < _MIN_CHARACTERS_FOR_TWO_TYPOS else _MAX_TYPOS
        near = process.extract(folded, closest_match, scorer=OSA.distance, score_cutoff=max_typos, limit=None)
        found = {entry.key: entry for listed, _, _ in near if (entry := self._with_typo(kind, folded, listed))}
        return next(iter(found.values())) if len(found) == 1 else None

    def _with_typo(self, kind: str, folded: str, listed: str) -> GazetteerEntry | None:
        """Return the entry of a listed name if every differing word has a typo and is not itself a known word."""
        pairs = zip(folded.split(), listed.split(), strict=True)
        differ = [(our.strip("()"), their.strip("()")) for our, their in pairs if our != their]
        slips = all(our not in self._words and our[:1] == their[:1] and len(their) > 3 for our, their in differ)
        return self._names[kind][listed] if slips else None

    def _by_shape(self, kind: str) -> dict[tuple[str, int, int], list[str]]:
        """Return the names that are long enough to have a typo, by first letter, number of words, and each
        length that they can have with typos.
        """
        if kind not in self._names_by_shape:
            by_shape: dict[tuple[str, int, int], list[str]] = {}
            for name in self._names[kind]:
                if len(name) >= _MIN_CHARACTERS_FOR_TYPO:
                    for length in range(len(name) - _MAX_TYPOS, len(name) + _MAX_TYPOS + 1):
                        by_shape.setdefault((*_shape(name), length), []).append(name)
            self._names_by_shape[kind] = by_shape
        return self._names_by_shape[kind]

    @cached_property
    def _known(self) -> frozenset[str]:
        """All names, including those of countries in other languages, which are not typos."""
        return frozenset(self._translated_countries).union(*self._names.values())

    @cached_property
    def _translated_countries(self) -> dict[str, GazetteerEntry]:
        """The names of countries in other languages, also without accents: "Etats-Unis"."""
        countries, columns = self.entries["country"].values(), ("name_es", "name_fr")
        printed = [(entry.row[column], entry) for entry in countries for column in columns]
        plain = (
            (unicodedata.normalize("NFD", name).encode("ascii", "ignore").decode(), entry) for name, entry in printed
        )
        return {fold(name): entry for name, entry in (*plain, *printed)}

    @cached_property
    def _words(self) -> frozenset[str]:
        """The words of all names and demonyms."""
        demonyms = (name for entry in self.entries["country"].values() for name in entry.cell("demonyms"))
        known = (name for names in self._names.values() for name in names)
        return frozenset(
            word for name in (*known, *map(fold, demonyms), *self._translated_countries) for word in name.split()
        )

    def _by_length(self, kind: str) -> tuple[list[str], list[int]]:
        if kind not in self._names_by_length:
            names = sorted(self._names[kind], key=len)
            self._names_by_length[kind] = names, list(map(len, names))
        return self._names_by_length[kind]

    def find_resembling_actor(self, name: str) -> GazetteerEntry | None:
        """Return the actor that a careful reader would ask about, or None.

        Its name has the same words apart from typos, or lacks one or two words that do not name a place. It
        may also be an abbreviation with one wrong letter, or the government of a country.
        """
        folded = fold(name)
        if not _MIN_NAME_CHARACTERS <= len(folded) <= _MAX_NAME_CHARACTERS:
            return None
        if " " not in folded:
            return self._abbreviated_actor(folded)
        head, _, owner = folded.partition(" of ")
        if fuzz.ratio(head, "government") >= _MIN_WORD_SCORE:
            country = self.suggest("country", owner)
            return country and self.government(country)
        shared = {listed for word in set(folded.split()) for listed in self._actors_by_word.get(word, ())}
        for listed in sorted(shared, key=lambda listed: (-fuzz.ratio(folded, listed), listed)):
            if not self._are_distinct(set(folded.split()), set(listed.split())):
                return self._names["actor"][listed]
        return None

    def _abbreviated_actor(self, folded: str) -> GazetteerEntry | None:
        """Return the one actor with a one-word name that differs from this one by a single letter."""
        similar = self._of_similar_length("actor", len(folded), MIN_SUGGESTION_SCORE)
        names = [name for name in similar if " " not in name]
        near = process.extract(folded, names, scorer=OSA.distance, score_cutoff=1, limit=None)
        found = {entry.key: entry for listed, _, _ in near for entry in [self._names["actor"][listed]]}
        return next(iter(found.values())) if len(found) == 1 else None

    @cached_property
    def _actors_by_word(self) -> dict[str, list[str]]:
        """The names of actors that contain each word, except words that occur in many names."""
        by_word: dict[str, list[str]] = {}
        for name in self._names["actor"]:
            for word in set(name.split()):
                by_word.setdefault(word, []).append(name)
        return {word: names for word, names in by_word.items() if len(names) <= _MAX_NAMES_PER_WORD}

    def _are_distinct(self, one: set[str], other: set[str]) -> bool:
        """Return whether two names are clearly different: they share less than two words, or words that only
        one of them has name a place, or are several.
        """
        unmatched = [
            word
            for word, others in (*((word, other) for word in one - other), *((word, one) for word in other - one))
            if len(word) > 2 and not process.extractOne(word, others, scorer=fuzz.ratio, score_cutoff=_MIN_WORD_SCORE)
        ]
        shared = sum(len(word) > 2 and word not in unmatched for word in one)
        if shared < 2 or len(unmatched) > 1:
            return True
        return any(self.find(place, word) for word in unmatched for place in PLACES)

    def government(self, country: GazetteerEntry) -> GazetteerEntry:
        """Return the actor that represents a country; a new entry if the list of actors has none."""
        if country.name not in self._governments:
            self._governments[country.name] = self._government(country)
        return self._governments[country.name]

    def _government(self, country: GazetteerEntry) -> GazetteerEntry:
        names = [f"Government of {country.name}", f"Government of the {country.name}"]
        found = next((entry for name in names if (entry := self.find("actor", name))), None)
        name = names[bool(_WITH_ARTICLE.search(country.name))]
        return found or GazetteerEntry("actor", slug(name), name, (), {})

    @cached_property
    def governments(self) -> dict[str, GazetteerEntry]:
        """The key of each government with its country."""
        return {self.government(country).key: country for country in self.entries["country"].values()}

    def find_mentions(self, text: str) -> list[Mention]:
        """Return the known names in a text: the longest at each position, without overlaps.

        An abbreviation matches only in its own capitals ("RIA", never "ria"), any other name only with a
        capital or digit somewhere, and a theme in any case.
        """
        matcher, owners = self._matcher
        folded = fold_in_place(text)
        whole = [
            (start, -end, index)
            for index, start, end in matcher.find_matches_as_indexes(folded, overlapping=True)
            if not (_is_inside_word(folded, start) or _is_inside_word(folded, end))
        ]
        whole.sort()
        found, last = [], 0
        for start, minus_end, index in whole:
            if start >= last:
                last = -minus_end
                if entries := tuple(owner.entry for owner in owners[index] if owner.looks_like(text[start:last])):
                    found.append(Mention(start, last, entries))
        return found

    @cached_property
    def _matcher(self) -> tuple[AhoCorasick, list[list[_NameUse]]]:
        owners: dict[str, list[_NameUse]] = {}
        for kind in MENTIONED_KINDS:
            for entry in self.entries[kind].values():
                spelt = dict.fromkeys((*entry.names, *(name.replace(", ", " ") for name in entry.names)))
                for name in spelt:
                    meant = self._parts.get(name, entry) if kind == "country" else entry
                    owners.setdefault(fold_in_place(name), []).append(_name_use(meant, name))
        for entry in self.entries["country"].values():
            for name in entry.cell("demonyms"):
                demonym = replace(self._parts.get(name, entry), kind=DEMONYM)
                owners.setdefault(fold_in_place(name), []).append(_name_use(demonym, name))
        return AhoCorasick(list(owners), matchkind=MatchKind.Standard), list(owners.values())


def _shape(folded: str) -> tuple[str, int]:
    return folded[:1], folded.count(" ")


def _is_inside_word(text: str, at: int) -> bool:
    """Return whether this position is inside a word."""
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()


def fold_in_place(text: str) -> str:
    """Convert to lower case with plain hyphens, quotes and spaces. Every character keeps its index."""
    plain = _plain(text)
    low = plain.lower()
    if len(low) == len(plain):
        return low
    return "".join(one if len(one := char.lower()) == 1 else char for char in plain)  # "İ" becomes two characters


def _plain(text: str) -> str:
    """Replace typographic hyphens, quotes and spaces; ``str.translate`` would take ten times as long."""
    if text.isascii():
        return text
    for char, plain in (("’", "'"), ("‘", "'"), ("‐", "-"), ("‑", "-"), ("–", "-"), ("\u00a0", " ")):
        text = text.replace(char, plain)
    return text


@dataclass(frozen=True, slots=True)
class _NameUse:
    """An entry with the spelling that a name must have to refer to it."""

    entry: GazetteerEntry
    exact: frozenset[str]
    capital: bool

    def looks_like(self, printed: str) -> bool:
        """Return whether the name is printed in the required spelling."""
        if self.exact:
            return printed in self.exact
        return (
            not self.capital
            or printed[0].isupper()
            or printed[0].isdigit()
            or printed.startswith(("sub-", "government"))
        )


def _name_use(entry: GazetteerEntry, name: str) -> _NameUse:
    abbreviated = name.isupper() or sum(char.isupper() for char in name) > len(name) / 2
    exact = frozenset((name, _plain(name))) if abbreviated else frozenset()
    return _NameUse(entry, exact, entry.kind != "theme" and name[0].isupper())


@cache
def load_gazetteer() -> Gazetteer:
    """Load the bundled reference data with those of the deployment, once. Raises ReferenceDataError."""
    folder = os.environ.get(OVERLAY_VARIABLE)
    return Gazetteer(REFERENCE, read_overlay(Path(folder) if folder else None, OVERLAID_FILES))


@cache_by_name
def slug(name: str) -> str:
    """Derive a key from a name: lower-case ASCII letters and digits joined by hyphens."""
    if _PLAIN_NAME.fullmatch(name):  # most names; slugify takes twenty times as long
        return "-".join(name.lower().replace("-", " ").split())
    # Name the backend: otherwise slugify searches the disk for another on each call, and would create other
    # keys where it is installed.
    return slugify(name, max_length=200, word_boundary=True, backend="text-unidecode")


def closest_match(name: str, names: Iterable[str], min_score: int = MIN_MATCH_SCORE) -> str:
    """Return the most similar of the names, or an empty string if none reaches the minimum score.

    Of several, one in the case of ``name`` precedes: "countries" is more like "country" than like "Country".
    """
    names = sorted(names, key=lambda one: one[:1].isupper() != name[:1].isupper())
    best = process.extractOne(name, names, processor=fold, scorer=fuzz.ratio, score_cutoff=min_score)
    return best[0] if best else ""


def closest_entries(printed: str, entries: list[GazetteerEntry]) -> list[GazetteerEntry]:
    """Return the first entry, and those with a name at most as many typos (edits of a letter) away."""
    folded = fold(printed)
    typos = [OSA.distance(folded, fold(entry.closest_name(printed))) for entry in entries]
    near = {entry.key: entry for entry, count in zip(entries, typos, strict=True) if count <= typos[0]}
    return list(near.values())


def similarity(one: str, other: str, min_score: int) -> float:
    """Return the similarity of two names, from 0 to 100, in any word order; 0 if below ``min_score``."""
    return max(
        fuzz.ratio(fold(one), fold(other), score_cutoff=min_score),
        fuzz.token_sort_ratio(one, other, processor=fold, score_cutoff=min_score),
    )


def _read_entries(
    path: Path, kind: str, key_column: str, text: str | None = None, columns: Collection[str] = ()
) -> Iterator[tuple[GazetteerEntry, OverlayRow]]:
    """Yield the entries of a table with their rows."""
    keys: set[str] = set()
    for row in read_rows(path, path.read_text(encoding="utf-8") if text is None else text, columns):
        key, name = row.cells.get(key_column, ""), row.cells.get("name", "")
        for column, cell in ((key_column, key), ("name", name)):
            if not cell:
                raise row.error(column, "the cell is empty", f"Every row needs {key_column} and name.")
        if key in keys:
            raise row.error(key_column, f"{key} occurs twice", "Keep one of the rows.")
        keys.add(key)
        official = (row.cells.get("official_name") or "").removeprefix("the ")
        aliases = (official, *(row.cells.get("aliases") or "").split(";"))
        names = dict.fromkeys(alias for alias in aliases if alias not in ("", name))
        yield GazetteerEntry(kind, key, name, tuple(names), row.cells), row


def _parts(country: GazetteerEntry) -> Iterator[GazetteerEntry]:
    """Yield an entry for each part of a country that has bodies of its own."""
    for part, _, demonym in (cell.partition(":") for cell in country.cell("parts")):
        yield replace(country, name=part, aliases=(), row={**country.row, "demonyms": demonym, "is_part": "yes"})


def _index_names(
    kind: str, entries: Mapping[str, GazetteerEntry], own: Mapping[tuple[str, str], OverlayRow]
) -> dict[str, GazetteerEntry]:
    """Return the entries by name. ``own`` are the rows of the deployment."""
    names: dict[str, GazetteerEntry] = {}
    for entry in entries.values():
        for name in (*entry.names, entry.key):
            other = names.setdefault(fold(name), entry)
            if other is not entry and name != entry.key:
                hint = "Give the name to one of them only."
                if row := own.get((kind, entry.key)) or own.get((kind, other.key)):
                    column = next((one for one, cell in row.cells.items() if name in cell.split(";")), "name")
                    hint += " A row with the key of ours replaces it."
                    hint += " If both are one actor, merge them: cybilgraph actors merge." if kind == "actor" else ""
                    raise row.error(column, f"{name!r} names both {other.key} and {entry.key}", hint)
                file = REFERENCE_FILES[kind][0]
                raise ReferenceDataError(f"{file}: {name!r} names both {other.key} and {entry.key}", hint)
    return names
