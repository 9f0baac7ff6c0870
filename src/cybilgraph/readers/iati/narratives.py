"""What the elements of an IATI activity say → Texts, in the activity's language.

IATI Activity Standard 2.03: a text stands in ``narrative`` elements, one or more a language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from cybilgraph.readers.iati.xml import Element
from cybilgraph.readers.sections import BULLET
from cybilgraph.record import Place, Text

LANG = "{http://www.w3.org/XML/1998/namespace}lang"
#: What a value weighs beside its characters, so that many short ones weigh too.
_WEIGHT = 100
_SPACE = re.compile(r"[\s\u200b\ufeff]+")
_ENDED = re.compile(r"[.!?:;”\"’)\]]$")
#: A line at least so long was ended by the width of an editor, a shorter one by its writer.
_FULL = 60
#: A paragraph is wrapped into fewer lines.
_WRAPPED_MOST = 200


class TooMuch(Exception):
    """More is told than a project can hold."""


class Narratives:
    """Reads texts until they are more than ``most`` characters together: then TooMuch is raised."""

    def __init__(self, language: str, most: int) -> None:
        self._language = language.lower()
        self._left = most

    def text(self, value: str, element: Element) -> list[Text]:
        """One text; none where the value is blank."""
        self._left -= len(value) + _WEIGHT
        if self._left < 0:
            raise TooMuch
        plain = _SPACE.sub(" ", value).strip()
        return [Text(plain, place(element))] if plain else []

    def attribute(self, element: Element, name: str) -> list[Text]:
        """The value of an attribute; none where it is blank."""
        return self.text(element.get(name, ""), element)

    def name(self, element: Element) -> list[Text]:
        """What an element says, on one line; none where it says nothing."""
        return [text for narrative in self._chosen(element)[:1] for text in self.text(_said(narrative), narrative)]

    def names(self, element: Element, *tags: str) -> list[Text]:
        """What the elements of these names below an element say, a line each."""
        return [text for tag in tags for found in element.iterfind(tag) for text in self.name(found)]

    def paragraphs(self, element: Element) -> list[Text]:
        """What an element says, its paragraphs and list items kept apart."""
        told: list[Text] = []
        for narrative in self._chosen(element):
            said = _said(narrative)
            self.text(said, narrative)
            told += _unwrapped(said, narrative.sourceline or 0)
        return told

    def _chosen(self, element: Element) -> list[Element]:
        """The narratives in the language of the activity; without such, in that of the first."""
        told = [found for found in element.iterfind("narrative") if _said(found).strip()]
        if not told:  # before version 2, and in some elements, the text stands in the element itself
            return [element] if element.find("narrative") is None else []
        wanted = self._language
        spoken = [(found.get(LANG) or wanted).lower() for found in told]
        best = min(spoken, key=lambda language: (language != wanted, language[:2] != wanted[:2]))
        return [found for found, language in zip(told, spoken, strict=True) if language == best]


def place(element: Element) -> Place:
    """Where an element stands. The parser tells the line."""
    return Place(element.sourceline or 0)


def _said(element: Element) -> str:
    return "".join(element.itertext())


def _unwrapped(said: str, first: int) -> Iterator[Text]:
    """Paragraphs: a blank line ends one, and so does a line end that no editor's width made."""
    whole: list[Text] = []
    for number, printed in enumerate(said.split("\n"), start=first):
        line = _SPACE.sub(" ", printed).strip()
        here = Text(line, Place(number, len(printed) - len(printed.lstrip()) + 1))
        if whole and line and len(whole) < _WRAPPED_MOST and _goes_on(whole[-1].text, line):
            whole.append(here)
            continue
        if whole:
            yield _joined(whole)
        whole = [here] if line else []
    if whole:
        yield _joined(whole)


def _joined(lines: list[Text]) -> Text:
    breaks: list[tuple[int, Place]] = []
    start = 0
    for line in lines:
        if start and line.place:
            breaks.append((start, line.place))
        start += len(line.text) + 1
    return replace(lines[0], text=" ".join(line.text for line in lines), breaks=tuple(breaks))


def _goes_on(line: str, following: str) -> bool:
    broken = following[0].islower() or len(line) >= _FULL
    return broken and not _ENDED.search(line) and not BULLET.match(following)
