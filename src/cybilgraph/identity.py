"""Which records describe one project, under which key, and which of them is the newest.

Records of one code, or of one IATI identifier, are one project. So are records of one slug
or title, unless their codes say that they are several: then a record without a code that
carries the same title stays a project of its own, and is reported. Records that only look
alike are reported and never merged.

A key that was given once stays good: where a project has got another (it has a code now),
the old one becomes an alias of it. ``rows`` are what a release keeps of all this, and what
the next build is given as ``earlier``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from sys import intern
from typing import TypeVar

from cybilgraph.findings import Finding
from cybilgraph.record import KEY, Record
from cybilgraph.reference import likeness, reference, slug
from cybilgraph.rules import finding

#: Titles at least this alike (0 to 100) may name one project; so may less alike ones of the
#: same dates, country and actor.
_ALIKE, _RATHER_ALIKE = 93, 60
#: So many records of one rare word, or of one month and country, are compared with each other.
_COMPARED = 20
#: So many of the rarest words of a title decide with which others it is compared.
_RAREST = 3
_PLACES = ("country", "region", "group")


@dataclass(slots=True)
class Capture:
    """What identity needs to know of one record; small, since there is one for each. ``strong`` are
    names that no two projects share, ``weak`` such as they may.
    """

    key: str
    strong: tuple[str, ...]
    weak: tuple[str, ...]
    age: tuple[str, int, int]
    source: str
    line: int
    title: str
    facts: tuple[str, str, tuple[str, ...], tuple[str, ...]]


class Identities:
    """Collects records, and tells their projects apart when all are there."""

    def __init__(self, earlier: Iterable[tuple[str, str]] = ()) -> None:
        """``earlier`` are rows of the release before: a key, and a name of its project."""
        self._earlier = list(earlier)
        self._captures: list[Capture] = []
        self._keys: list[str] | None = None
        self._of_name: dict[str, str] = {}
        self.projects: dict[str, list[int]] = {}
        self.aliases: dict[str, str] = {}

    def add(self, record: Record) -> None:
        """Take a record; it is known by the number of records before it."""
        self._captures.append(_capture(record, len(self._captures)))
        self._keys = None

    def resolve(self) -> None:
        """Tell the projects apart: ``projects`` has for each key its records, the oldest first."""
        if self._keys is not None:
            return
        groups = _Groups(self._captures)
        self.projects = {}
        self._keys = [""] * len(self._captures)
        for members in groups.members():
            members.sort(key=lambda number: self._captures[number].age)
            key = self._key(members)
            self.projects[key] = members
            for number in members:
                self._keys[number] = key
        self._name(groups)

    def capture(self, number: int) -> Capture:
        """The record of this number."""
        return self._captures[number]

    def key_of(self, key: str) -> str | None:
        """The present key of a project that is called by any key, slug or identifier."""
        if key in self.projects:
            return key
        return self.aliases.get(key) or self._of_name.get(f"slug:{key}")

    def rows(self) -> Iterator[tuple[str, str]]:
        """Each project's key with each of its names, in order."""
        names: dict[str, set[str]] = defaultdict(set)
        for name, key in self._of_name.items():
            names[key].add(name)
        for alias, key in self.aliases.items():
            names[key].add(f"key:{alias}")
        for key in sorted(names):
            yield from ((key, name) for name in sorted(names[key]))

    def findings(self) -> Iterator[Finding]:
        """What a curator should know: records that were put together, and such as look alike."""
        self.resolve()
        for members in self.projects.values():
            for earlier, later in pairwise(members):
                yield self._second(self._captures[earlier], self._captures[later])
        yield from self._suspected()

    def _key(self, members: list[int]) -> str:
        """The code, else the slug of the newest, else what an identifier gives."""
        captures = [self._captures[number] for number in reversed(members)]
        coded = (capture.key for capture in captures if f"code:{capture.key}" in capture.strong)
        named = (capture.key for capture in captures if f"slug:{capture.key}" in capture.weak)
        return next(coded, None) or next(named, None) or captures[0].key

    def _name(self, groups: _Groups) -> None:
        assert self._keys is not None
        self._of_name = {
            name: self._keys[number] for name, number in groups.owners.items() if name not in groups.ambiguous
        }
        self.aliases = {
            capture.key: key
            for capture, key in zip(self._captures, self._keys, strict=True)
            if capture.key != key and capture.key not in self.projects
        }
        for old, name in self._earlier:
            present = self._of_name.get(name)
            for key in (old, *([name.removeprefix("key:")] if name.startswith("key:") else ())):
                present = present or self.key_of(old)
                if present and key not in self.projects:
                    self.aliases.setdefault(key, present)

    def _second(self, older: Capture, newer: Capture) -> Finding:
        rule = "second-capture" if set(older.strong) & set(newer.strong) else "same-title"
        return finding(rule, newer.source, {"other": older.source}, record=newer.key, line=newer.line)

    def _suspected(self) -> Iterator[Finding]:
        blocks: dict[Hashable, list[str]] = defaultdict(list)
        captures = [self._captures[members[-1]] for members in self.projects.values()]
        often = _shared(word for capture in captures for word in _words(capture.title))
        there = _shared(place for capture in captures for place in _when_and_where(capture))
        for key, capture in zip(self.projects, captures, strict=True):
            # Titles that are nearly the same share one at least of their rarest words.
            shared = (word for word in _words(capture.title) if word in often)
            for word in sorted(shared, key=lambda word: (often[word], word))[:_RAREST]:
                blocks[word].append(key)
            for place in _when_and_where(capture):
                if place in there:
                    blocks[place].append(key)
        told: set[tuple[str, str]] = set()
        for keys in blocks.values():
            for one, other in combinations(keys[:_COMPARED], 2):
                pair = (min(one, other), max(one, other))
                first, second = (self._captures[self.projects[key][-1]] for key in pair)
                if one != other and pair not in told and (rule := _alike(first, second)):
                    told.add(pair)
                    yield finding(
                        rule,
                        second.source,
                        {"other": first.source, "key": first.key},
                        record=second.key,
                        line=second.line,
                        text=second.title,
                    )


class _Groups:
    """Captures joined by the names that they share."""

    def __init__(self, captures: list[Capture]) -> None:
        self._parent = list(range(len(captures)))
        self.owners: dict[str, int] = {}
        self.ambiguous: set[str] = set()
        for number, capture in enumerate(captures):
            for name in sorted(capture.strong):
                self._join(self.owners.setdefault(name, number), number)
        by_name: dict[str, list[int]] = defaultdict(list)
        for number, capture in enumerate(captures):
            for name in sorted(capture.weak):
                by_name[name].append(number)
        for name, numbers in by_name.items():
            identified = {self.root(number) for number in numbers if captures[self.root(number)].strong}
            if len(identified) > 1:  # the title tells them not apart: their codes do
                self.ambiguous.add(name)
                numbers = [number for number in numbers if self.root(number) not in identified]
            for number in numbers:
                self._join(numbers[0], number)
            if numbers:
                self.owners.setdefault(name, numbers[0])

    def root(self, number: int) -> int:
        while self._parent[number] != number:
            self._parent[number] = number = self._parent[self._parent[number]]
        return number

    def members(self) -> Iterable[list[int]]:
        groups: dict[int, list[int]] = defaultdict(list)
        for number in range(len(self._parent)):
            groups[self.root(number)].append(number)
        return groups.values()

    def _join(self, one: int, other: int) -> None:
        one, other = self.root(one), self.root(other)
        if one != other:
            self._parent[max(one, other)] = min(one, other)


def _capture(record: Record, number: int) -> Capture:
    strong = set()
    if record.code and KEY.fullmatch(record.code.text):
        strong.add(f"code:{record.code.text}")
    if record.iati:
        strong.add(f"iati:{record.iati.text}")
    slugs = {record.slug.text if record.slug else "", slug(record.title.text) if record.title else ""} - {""}
    # "GFCE Code" is what older pages print.
    label = record.labels.get("code", ("", None))[0].casefold()
    place = record.title.place if record.title else None
    return Capture(
        key=record.key,
        strong=tuple(sorted(strong)),
        weak=tuple(f"slug:{text}" for text in sorted(slugs)) if slugs else (f"key:{record.key}",),
        age=(record.updated.text if record.updated else "", -label.startswith("gfce"), number),
        source=record.source.name,
        line=place.line if place else 0,
        title=record.title.text if record.title else "",
        facts=(
            record.start.value[:7] if record.start else "",
            record.end.value[:7] if record.end else "",
            tuple(intern(link.concept.key) for link in record.scopes if link.concept.kind == "country"),
            tuple({intern(link.actor.key) for link in record.participations}),
        ),
    )


def _alike(one: Capture, other: Capture) -> str:
    """The rule by which two captures may describe one project; empty where none says so. Titles that tell
    of two places or of two phases are not alike, however few letters tell them apart.
    """
    likely = likeness(one.title, other.title)
    if not one.title or likely < _RATHER_ALIKE or _told_apart(one.title, other.title):
        return ""
    same_time = one.facts[0] == other.facts[0] and one.facts[1] == other.facts[1]
    if likely >= _ALIKE and (same_time or not (one.facts[0] and other.facts[0])):
        return "duplicate-suspected"
    shared = all(set(one.facts[number]) & set(other.facts[number]) for number in (2, 3))
    if same_time and one.facts[0] and shared:
        return "overlap-suspected"
    return ""


def _when_and_where(capture: Capture) -> list[tuple[str, str, str]]:
    start, end, countries, _ = capture.facts
    return [(start, end, country) for country in countries]


_Key = TypeVar("_Key", bound=Hashable)


def _shared(keys: Iterable[_Key]) -> Counter[_Key]:
    """How often each key stands there, of those that stand there twice at least: most stand but
    once, and are kept no longer than the count takes.
    """
    once: set[int] = set()
    again: Counter[_Key] = Counter()
    for key in keys:
        if hash(key) in once:
            again[key] += 1
        once.add(hash(key))
    return again


def _words(title: str) -> set[str]:
    return {word for part in title.casefold().split() if (word := part.strip("()[]“”\"'’,.:;–-"))}


def _told_apart(one: str, other: str) -> bool:
    names = reference()
    return any(
        any(char.isdigit() for char in word)
        or word in ("i", "ii", "iii", "iv", "v")
        or (len(word) > 3 and any(names.find(kind, word) for kind in _PLACES))
        for word in _words(one) ^ _words(other)
    )
