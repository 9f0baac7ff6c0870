"""Names, codes and aliases of countries, regions, groups, actors and themes → their keys.

The names live in data/reference/*.csv, one file a kind, one row a thing; nothing of them is
written in Python. A name is looked up without regard to case, accents' composition, spaces,
hyphens or a leading "the".
"""

from __future__ import annotations

import csv
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from math import ceil, floor
from pathlib import Path

from ahocorasick_rs import AhoCorasick, MatchKind
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA
from slugify import slugify

from cybilgraph.errors import ReferenceDataError
from cybilgraph.model.organisations import strip_legal_form
from cybilgraph.model.resources import REFERENCE
from cybilgraph.model.values import value
from cybilgraph.runtime.bounded_cache import cache_short

#: kind of thing → its file and the column that holds its key
REFERENCE_FILES = {
    "country": ("countries.csv", "alpha2"),
    "region": ("regions.csv", "code"),
    "group": ("groups.csv", "id"),
    "theme": ("themes.csv", "id"),
    "actor": ("actors.csv", "id"),
    "status": ("statuses.csv", "id"),
    "role": ("roles.csv", "id"),
    "actor-type": ("actor-types.csv", "id"),
    "basis": ("bases.csv", "id"),
}
#: The kinds that are looked for in prose.
MENTIONED_KINDS = ("actor", "country", "region", "group", "theme")
#: What is of a country ("Kenyan"): such an entry has the country's key.
DEMONYM = "demonym"
#: A near match must be at least this alike (0 to 100), so that "Trindad" finds Trinidad
#: and "Niger" never finds Nigeria (90.9).
MIN_MATCH_SCORE = 93
#: Another that is less than this behind may be meant as well: "Government of Austrla".
_MIN_SCORE_LEAD = 3
#: A name this alike is worth asking "did you mean?", and no more.
MIN_SUGGESTION_SCORE = 75
#: A word is the same but for a slip from here on; and tells little where it is in so many names.
_MIN_WORD_SCORE, _MAX_NAMES_PER_WORD = 80, 40
#: In a sentence a name of so many letters may have one slip, a longer one two; a shorter one none.
_MIN_CHARACTERS_FOR_TYPO, _MIN_CHARACTERS_FOR_TWO_TYPOS, _MAX_TYPOS = 6, 10, 2
#: Names shorter or longer than this are near to none.
_MIN_NAME_CHARACTERS, _MAX_NAME_CHARACTERS = 4, 120

#: Countries that are called with an article.
_WITH_ARTICLE = re.compile(
    r"Republic|Kingdom|Emirates|States|Federation|^(?:Gambia|Bahamas|Philippines|Netherlands|Maldives|Comoros)$"
)
_GOVERNMENT_OF = "government of "
_DASHES = "-‐‑–—_"
#: A name whose key has nothing but its words.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 -]{1,200}")


#: Caches what a function makes of names; what is longer than a name is worked out each time.
cache_by_name = cache_short(entries=5_000, longest=500)


@cache_by_name
def fold(name: str) -> str:
    """The form in which names are compared."""
    name = unicodedata.normalize("NFC", name).replace("’", "'").casefold()
    for dash in _DASHES:
        name = name.replace(dash, " ")
    return " ".join(name.split()).strip(" .,;:*").removeprefix("the ")


@value(frozen=True, slots=True)
class GazetteerEntry:
    """One reference thing: a row of a file."""

    kind: str
    key: str
    name: str
    aliases: tuple[str, ...]
    row: Mapping[str, str] = field(compare=False, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The preferred name, then the aliases."""
        return (self.name, *self.aliases)

    def cell(self, column: str) -> tuple[str, ...]:
        """The values of a cell; several are separated by ``;``."""
        return tuple(part for part in self.row.get(column, "").split(";") if part)

    def closest_name(self, printed: str) -> str:
        """That of the names which is most like this one."""
        return closest_match(printed, self.names, 0)


@value(frozen=True, slots=True)
class Mention:
    """A known name in a text: ``text[start:end]`` names every one of ``entries``."""

    start: int
    end: int
    entries: tuple[GazetteerEntry, ...]

    def of(self, kind: str) -> GazetteerEntry | None:
        """The entry of this kind, if the name has one."""
        for entry in self.entries:
            if entry.kind == kind:
                return entry
        return None


class Gazetteer:
    """All reference things, by key and by name. Immutable once read."""

    def __init__(self, folder: Path = REFERENCE) -> None:
        """Read the files. Raises ReferenceDataError where a row or a name stands twice."""
        self.entries: dict[str, dict[str, GazetteerEntry]] = {
            kind: _read_entries(folder / file, kind, column) for kind, (file, column) in REFERENCE_FILES.items()
        }
        self._sorted: dict[str, tuple[list[str], list[int]]] = {}
        self._worded: dict[str, dict[str, list[str]]] = {}
        self._shaped: dict[str, dict[tuple[str, int, int], list[str]]] = {}
        self._governments: dict[str, GazetteerEntry] = {}
        countries = self.entries["country"].values()
        self._also = {fold(name): entry for entry in countries for name in entry.cell("also")}
        self._names = {kind: _index_names(kind, entries) for kind, entries in self.entries.items()}

    def __iter__(self) -> Iterator[GazetteerEntry]:
        """Every entry, kind by kind, in the order of the files."""
        for entries in self.entries.values():
            yield from entries.values()

    def get(self, kind: str, key: str) -> GazetteerEntry | None:
        """The entry of this kind and key."""
        return self.entries[kind].get(key)

    def find(self, kind: str, name: str) -> GazetteerEntry | None:
        """The entry that is called so: by name, alias or key; a firm also with its legal form behind it."""
        names = self._names[kind]
        return names.get(fold(name)) or (names.get(fold(strip_legal_form(name))) if kind == "actor" else None)

    def find_country_by_code(self, code: str) -> GazetteerEntry | None:
        """The country of an alpha-3 code (ISO 3166-1) or a number (M49), which may lack the zeros before it."""
        wanted = code.upper() if not code.isdigit() else code.zfill(3)
        countries = self.entries["country"].values()
        return next((entry for entry in countries if wanted in (entry.row["alpha3"], entry.row["numeric"])), None)

    def find_namesake(self, name: str) -> GazetteerEntry | None:
        """The other country that is called so: "Congo" is found as one of two."""
        return self._also.get(fold(name))

    def near(self, kind: str, name: str) -> GazetteerEntry | None:
        """The entry that must be meant: its name is nearly this one, and no other's is about as near. Of a
        government, the name of the country is, since all begin alike and not all are in the list.
        """
        folded = fold(name)
        if not (best := self._closest(kind, folded, MIN_MATCH_SCORE)):
            return None
        called, alikeness = best
        entry, least = self._names[kind][called], alikeness - _MIN_SCORE_LEAD
        rivals = process.extract(
            folded, self._of_similar_length(kind, len(folded), least), scorer=fuzz.ratio, score_cutoff=least, limit=None
        )
        if any(self._names[kind][rival] is not entry for rival, _, _ in rivals):
            return None
        country = self.governments.get(entry.key) if kind == "actor" and called.startswith(_GOVERNMENT_OF) else None
        owner = folded.partition(" of ")[2]
        return entry if country in (None, self.find("country", owner), self.near("country", owner)) else None

    def suggested(self, kind: str, name: str) -> GazetteerEntry | None:
        """The entry whose name is most like this one, to be asked about; None where none is much alike."""
        best = self._closest(kind, fold(name), MIN_SUGGESTION_SCORE)
        return self._names[kind][best[0]] if best else None

    def _closest(self, kind: str, folded: str, least: int) -> tuple[str, float] | None:
        if not _MIN_NAME_CHARACTERS <= len(folded) <= _MAX_NAME_CHARACTERS:
            return None
        names = self._of_similar_length(kind, len(folded), least)
        best = process.extractOne(folded, names, scorer=fuzz.ratio, score_cutoff=least)
        return best[:2] if best else None

    def _of_similar_length(self, kind: str, length: int, least: float) -> list[str]:
        """The names that may be so much alike, which differ little in length: 200 * shorter / (shorter +
        longer) is the most.
        """
        names, lengths = self._by_length(kind)
        low = bisect_left(lengths, ceil(length * least / (200 - least)))
        high = bisect_right(lengths, floor(length * (200 - least) / least))
        return names[low:high]

    def find_misspelt(self, kind: str, name: str) -> GazetteerEntry | None:
        """The one entry whose name this is but for a slip, or two in a long name: a letter that is
        wrong, missing, too much, or has changed its place. None where the words that differ are
        those of other names: "North Sudan" is not South Sudan.
        """
        folded = fold(name) if _MIN_CHARACTERS_FOR_TYPO <= len(name) <= _MAX_NAME_CHARACTERS else ""
        closest_match = self._by_shape(kind).get((*_shape(folded), len(folded)))
        if not closest_match or folded in self._known:
            return None
        most = 1 if len(folded) < _MIN_CHARACTERS_FOR_TWO_TYPOS else _MAX_TYPOS
        near = process.extract(folded, closest_match, scorer=OSA.distance, score_cutoff=most, limit=None)
        found = {entry.key: entry for called, _, _ in near if (entry := self._with_typo(kind, folded, called))}
        return next(iter(found.values())) if len(found) == 1 else None

    def _with_typo(self, kind: str, folded: str, called: str) -> GazetteerEntry | None:
        """The entry that is called so, where each word differs by a slip at most, and from no known word."""
        differ = [(our, their) for our, their in zip(folded.split(), called.split(), strict=True) if our != their]
        slips = all(our not in self._words and our[0] == their[0] and len(their) > 3 for our, their in differ)
        return self._names[kind][called] if slips else None

    def _by_shape(self, kind: str) -> dict[tuple[str, int, int], list[str]]:
        """The names that are long enough to have a slip, by their first letter, number of words, and each
        length that they may have with their slips.
        """
        if kind not in self._shaped:
            by_shape: dict[tuple[str, int, int], list[str]] = {}
            for name in self._names[kind]:
                if len(name) >= _MIN_CHARACTERS_FOR_TYPO:
                    for length in range(len(name) - _MAX_TYPOS, len(name) + _MAX_TYPOS + 1):
                        by_shape.setdefault((*_shape(name), length), []).append(name)
            self._shaped[kind] = by_shape
        return self._shaped[kind]

    @cached_property
    def _known(self) -> frozenset[str]:
        """All names, also those of countries in other languages: they are no slips."""
        return self._foreign.union(*self._names.values())

    @cached_property
    def _foreign(self) -> frozenset[str]:
        """The names of countries in other languages."""
        columns = ("name_es", "name_fr")
        return frozenset(fold(entry.row[column]) for entry in self.entries["country"].values() for column in columns)

    @cached_property
    def _words(self) -> frozenset[str]:
        """The words of all names, and what is of a country."""
        demonyms = (name for entry in self.entries["country"].values() for name in entry.cell("demonyms"))
        known = (name for names in self._names.values() for name in names)
        return frozenset(word for name in (*known, *map(fold, demonyms), *self._foreign) for word in name.split())

    def _by_length(self, kind: str) -> tuple[list[str], list[int]]:
        if kind not in self._sorted:
            names = sorted(self._names[kind], key=len)
            self._sorted[kind] = names, list(map(len, names))
        return self._sorted[kind]

    def find_resembling(self, kind: str, name: str) -> GazetteerEntry | None:
        """The entry that a careful reader would ask about: it is called by the same words, nearly so
        spelt, or lacks one or two of them that name no place; or it is an abbreviation with a slip, or the
        government of a country. None where there is none.
        """
        folded = fold(name)
        if not _MIN_NAME_CHARACTERS <= len(folded) <= _MAX_NAME_CHARACTERS:
            return None
        if " " not in folded:
            return self._abbreviated(kind, folded)
        head, _, owner = folded.partition(" of ")
        if kind == "actor" and fuzz.ratio(head, "government") >= _MIN_WORD_SCORE:
            country = self.suggested("country", owner)
            return country and self.government(country)
        shared = {called for word in set(folded.split()) for called in self._by_word(kind).get(word, ())}
        for called in sorted(shared, key=lambda called: (-fuzz.ratio(folded, called), called)):
            if not self._are_distinct(set(folded.split()), set(called.split())):
                return self._names[kind][called]
        return None

    def _abbreviated(self, kind: str, folded: str) -> GazetteerEntry | None:
        """The one entry that has a name of one word which this is but for a letter."""
        names = [name for name in self._of_similar_length(kind, len(folded), MIN_SUGGESTION_SCORE) if " " not in name]
        near = process.extract(folded, names, scorer=OSA.distance, score_cutoff=1, limit=None)
        found = {entry.key: entry for called, _, _ in near for entry in [self._names[kind][called]]}
        return next(iter(found.values())) if len(found) == 1 else None

    def _by_word(self, kind: str) -> dict[str, list[str]]:
        """The names of each word that is not in many of them."""
        if kind not in self._worded:
            by_word: dict[str, list[str]] = {}
            for name in self._names[kind]:
                for word in set(name.split()):
                    by_word.setdefault(word, []).append(name)
            self._worded[kind] = {word: names for word, names in by_word.items() if len(names) <= _MAX_NAMES_PER_WORD}
        return self._worded[kind]

    def _are_distinct(self, one: set[str], other: set[str]) -> bool:
        """True where two names share less than two words, or where words that only one of them has
        make it another name: a place, or several words.
        """
        lone = [
            word
            for word, others in (*((word, other) for word in one - other), *((word, one) for word in other - one))
            if len(word) > 2 and not process.extractOne(word, others, scorer=fuzz.ratio, score_cutoff=_MIN_WORD_SCORE)
        ]
        shared = sum(len(word) > 2 and word not in lone for word in one)
        if shared < 2 or len(lone) > 1:
            return True
        return any(self.find(place, word) for word in lone for place in ("country", "region", "group"))

    def government(self, country: GazetteerEntry) -> GazetteerEntry:
        """The actor that a country acts by; made up where the list of actors does not have it."""
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
        """The key of each government, with its country."""
        return {self.government(country).key: country for country in self.entries["country"].values()}

    def mentions(self, text: str) -> list[Mention]:
        """Known names in a text, longest first at each place, not overlapping.

        An abbreviation counts only in its own capitals ("RIA", never "ria"), any other
        name with a capital or digit somewhere, themes in any case.
        """
        matcher, owners = self._matcher
        folded = fold_in_place(text)
        found = []
        for index, start, end in matcher.find_matches_as_indexes(folded):
            entries = tuple(owner.entry for owner in owners[index] if owner.looks_like(text[start:end]))
            if entries:
                found.append(Mention(start, end, entries))
        return found

    @cached_property
    def _matcher(self) -> tuple[_WordMatcher, list[list[_NameUse]]]:
        owners: dict[str, list[_NameUse]] = {}
        for kind in MENTIONED_KINDS:
            for entry in self.entries[kind].values():
                spelt = dict.fromkeys((*entry.names, *(name.replace(", ", " ") for name in entry.names)))
                for name in spelt:
                    owners.setdefault(fold_in_place(name), []).append(_name_use(entry, name))
        for entry in self.entries["country"].values():
            demonym = replace(entry, kind=DEMONYM)
            for name in entry.cell("demonyms"):
                owners.setdefault(fold_in_place(name), []).append(_name_use(demonym, name))
        return _WordMatcher(list(owners)), list(owners.values())


def _shape(folded: str) -> tuple[str, int]:
    return folded[:1], folded.count(" ")


class _WordMatcher:
    """A multi-pattern matcher that finds whole words: the longest name at each place."""

    def __init__(self, names: list[str]) -> None:
        self._matcher = AhoCorasick(names, matchkind=MatchKind.Standard)
        self._lengths = [len(name) for name in names]

    def find_matches_as_indexes(self, text: str) -> list[tuple[int, int, int]]:
        found = self._matcher.find_matches_as_indexes(text, overlapping=True)
        whole = [
            (start, -end, index)
            for index, start, end in found
            if not (_is_inside_word(text, start) or _is_inside_word(text, end))
        ]
        whole.sort()
        longest, last = [], 0
        for start, minus_end, index in whole:
            if start >= last:
                last = -minus_end
                longest.append((index, start, last))
        return longest


def _is_inside_word(text: str, at: int) -> bool:
    """True where a word runs on over this boundary."""
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()


def fold_in_place(text: str) -> str:
    """Lower case and plain hyphens, quotes and spaces; every character keeps its index."""
    plain = _plain(text)
    low = plain.lower()
    if len(low) == len(plain):
        return low
    return "".join(one if len(one := char.lower()) == 1 else char for char in plain)  # "İ" grows


def _plain(text: str) -> str:
    """Plain hyphens, quotes and spaces; ``str.translate`` would take ten times as long."""
    if text.isascii():
        return text
    for char, plain in (("’", "'"), ("‘", "'"), ("‐", "-"), ("‑", "-"), ("–", "-"), ("\u00a0", " ")):
        text = text.replace(char, plain)
    return text


@dataclass(frozen=True, slots=True)
class _NameUse:
    """A thing that a name names, and how the name must be written to mean it."""

    entry: GazetteerEntry
    exact: frozenset[str]
    capital: bool

    def looks_like(self, printed: str) -> bool:
        """True where the name is printed as it must be."""
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
    """The reference data of the product, read once."""
    return Gazetteer()


@cache_by_name
def slug(name: str) -> str:
    """A key made from a name: lower-case ASCII letters and digits joined by hyphens."""
    if _PLAIN_NAME.fullmatch(name):  # as most are: slugify takes twenty times as long
        return "-".join(name.lower().replace("-", " ").split())
    # Named, or another would be looked for on the disk each time, and make other keys where it is installed.
    return slugify(name, max_length=200, word_boundary=True, backend="text-unidecode")


def closest_match(name: str, names: Iterable[str], least: int = MIN_MATCH_SCORE) -> str:
    """That one of the names which is most like this one; empty where none is so much alike."""
    best = process.extractOne(name, names, processor=fold, scorer=fuzz.ratio, score_cutoff=least)
    return best[0] if best else ""


def similarity(one: str, other: str, least: int) -> float:
    """How alike two names are, from 0 to 100, whatever the order of their words; 0 where less than ``least``."""
    return max(
        fuzz.ratio(fold(one), fold(other), score_cutoff=least),
        fuzz.token_sort_ratio(one, other, processor=fold, score_cutoff=least),
    )


def _read_entries(path: Path, kind: str, key_column: str) -> dict[str, GazetteerEntry]:
    entries: dict[str, GazetteerEntry] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            key = row.get(key_column) or ""
            if not key or not row.get("name") or None in row.values():
                raise ReferenceDataError(
                    f"{path.name}, line {number}: a row needs {key_column} and name, and all columns"
                )
            if key in entries:
                raise ReferenceDataError(f"{path.name}, line {number}: {key} stands twice")
            aliases = tuple(alias for alias in (row.get("aliases") or "").split(";") if alias)
            entries[key] = GazetteerEntry(kind, key, row["name"], aliases, row)
    return entries


def _index_names(kind: str, entries: Mapping[str, GazetteerEntry]) -> dict[str, GazetteerEntry]:
    names: dict[str, GazetteerEntry] = {}
    for entry in entries.values():
        for name in (*entry.names, entry.key):
            other = names.setdefault(fold(name), entry)
            if other is not entry and name != entry.key:
                raise ReferenceDataError(
                    f"{REFERENCE_FILES[kind][0]}: {name!r} names both {other.key} and {entry.key}",
                    "Give the name to one of them only.",
                )
    return names
