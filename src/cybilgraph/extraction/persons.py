"""Find persons in a sentence. They act for organisations and are not actors themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from cybilgraph.extraction.name_spans import ACTOR, NAME, Span
from cybilgraph.extraction.organisation_names import is_organisation_in_context
from cybilgraph.model import organisations
from cybilgraph.model.organisations import is_organisation_name, is_organisation_word
from cybilgraph.model.record import Contact
from cybilgraph.model.resources import read_reference

_WORD = r"[A-ZÀ-ÖØ-Þ](?:[^\W\d_]|['’-](?=[^\W\d_]))+"
_HONORIFICS = (
    *("Associate Professor", "Assistant Professor"),
    *("Mr", "Mrs", "Ms", "Mx", "Miss", "Dr", "Prof", "Professor", "Sir", "Dame", "Madame", "Mme", "Sr", "Sra"),
    *("Señor", "Señora", "Hon", "H.E", "Ambassador", "Judge", "Col", "Colonel"),
)
_HONORIFIC = rf"(?:(?:{'|'.join(map(re.escape, _HONORIFICS))})\.? )"
#: The letters at the start of a capitalised word.
_LETTERS = re.compile(r"[A-ZÀ-ÖØ-Þ][^\W\d_]*")
#: "Tom Baker", "Ana de la Cruz", "John F Kennedy", possibly with honorifics.
_RUN = re.compile(
    rf"(?<![\w'’-])(?P<honorific>{_HONORIFIC}+)?"
    rf"{_WORD}(?: (?:(?:de|da|dos|del|la|van|von|der|al|el|bin|ben) )*(?:{_WORD}|[A-Z]\.?(?= [A-Z]))){{0,5}}(?![\w-])"
)
#: Text before the rest of a body's name: "Centre for Anna Lindh".
_BODY_BEFORE = re.compile(r"(?P<body>[A-Z][\w-]+) (?:of|for|de) \Z")
_MAX_LOOKBEHIND_CHARACTERS = 40
#: The most spaces in the name of a person.
_MAX_SPACES = 5


def find_persons(words: str, spans: Iterable[Span], contacts: Iterable[Contact]) -> Iterator[Span]:
    """Yield a span for each person: a contact of the record, or a name with an honorific or a given name.

    ``spans`` are the known names in the sentence. The span of a person has no entry and can therefore have
    no role.
    """
    found = [*_find_contacts(words, contacts), *_find_by_title_or_given_name(words)]
    spans, last = list(spans) if found else [], 0
    for start, end, is_certain in sorted(found, key=lambda one: (one[0], -one[1])):
        known = any(span.start < end and start < span.end and (span.mark == ACTOR or not is_certain) for span in spans)
        if start >= last and not known and not _is_body_name(words, start, end):
            yield Span(start, end, NAME, ())
            last = end


def _find_contacts(words: str, contacts: Iterable[Contact]) -> Iterator[tuple[int, int, bool]]:
    for contact in contacts:
        if " " in contact.name:
            for match in re.finditer(rf"\b{re.escape(contact.name)}(?![\w-]| [A-Z])", words):
                yield *match.span(), True


def _find_by_title_or_given_name(words: str) -> Iterator[tuple[int, int, bool]]:
    """Yield the spans of names with an honorific (True) or a given name (False)."""
    if _first_letters().isdisjoint(_LETTERS.findall(words)):
        return  # most sentences; searching for runs of names takes ten times as long
    for match in _RUN.finditer(words):
        start, end = match.span()
        if match["honorific"]:
            yield start, end, True
            continue
        # Skip words before the given name: the start of the sentence, or a post.
        while " " in words[start:end] and (first := words[start:end].split(" ", 1)[0]) not in _given_names():
            start += len(first) + 1
        if 0 < words.count(" ", start, end) < _MAX_SPACES:
            yield start, end, False


def _is_body_name(words: str, start: int, end: int) -> bool:
    """Return whether the name belongs to an organisation: "Anna Lindh Foundation", "the firm Baker Tilly"."""
    name = words[start:end]
    no_person = any(
        word in organisations.words(category) for word in name.split()[1:] for category in ("thing", "common")
    )
    of = _BODY_BEFORE.search(words, max(0, start - _MAX_LOOKBEHIND_CHARACTERS), start)
    return (
        no_person
        or is_organisation_name(name)
        or any(map(is_organisation_word, name.split()))
        or is_organisation_in_context(words, start, end)
        or (of is not None and is_organisation_word(of["body"]))
    )


@cache
def _first_letters() -> frozenset[str]:
    """Return the beginnings of all honorifics and given names."""
    return frozenset(match[0] for name in (*_HONORIFICS, *_given_names()) if (match := _LETTERS.match(name)))


@cache
def _given_names() -> frozenset[str]:
    return frozenset(row["name"] for row in read_reference("given-names.csv"))
