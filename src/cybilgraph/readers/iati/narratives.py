"""Extract the texts of IATI elements in the language of the activity.

IATI Activity Standard 2.03: ``narrative`` elements contain the text, one or more per language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cybilgraph.model.record import Place, Text
from cybilgraph.readers.iati.xml import Element
from cybilgraph.readers.page.names import BULLET
from cybilgraph.readers.text import normalise, unwrap

LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_ENDED = re.compile(r"[.!?:;”\"’)\]]$")
#: The minimum length of a line that an editor wrapped; shorter lines were ended by their author.
_MIN_WRAPPED_CHARACTERS = 60
#: The maximum number of lines of a text; the rest counts as one line.
_MAX_LINES = 20_000


class Narratives:
    """Reads texts in one language, if they exist in it."""

    def __init__(self, language: str) -> None:
        self._language = language.lower()

    def text(self, value: str, element: Element) -> list[Text]:
        """Return a list with one text, or an empty list for a blank value."""
        texts = normalise(value)
        return [Text(texts, place(element))] if texts else []

    def attribute(self, element: Element, name: str) -> list[Text]:
        """Return the value of an attribute; an empty list if it is blank."""
        return self.text(element.get(name, ""), element)

    def name(self, element: Element) -> list[Text]:
        """Return the text of an element on one line; an empty list if it has none."""
        return [
            text for narrative in self._narratives(element)[:1] for text in self.text(_full_text(narrative), narrative)
        ]

    def names(self, element: Element, *tags: str) -> list[Text]:
        """Return the texts of the child elements with these tags, one line each."""
        return [text for tag in tags for found in element.iterfind(tag) for text in self.name(found)]

    def paragraphs(self, element: Element) -> list[Text]:
        """Return the paragraphs and list items of an element."""
        texts: list[Text] = []
        for narrative in self._narratives(element):
            texts += (
                text
                for text in unwrap(_lines(_full_text(narrative), narrative.sourceline or 0), _is_continuation)
                if text.text
            )
        return texts

    def _narratives(self, element: Element) -> list[Element]:
        """Return the narratives in the language of the activity, or else in the language of the first."""
        texts = [found for found in element.iterfind("narrative") if _full_text(found).strip()]
        if not texts:  # text directly in the element, as before version 2 and in some elements
            return [element] if element.find("narrative") is None else []
        wanted = self._language
        languages = [(found.get(LANG) or wanted).lower() for found in texts]
        best = min(languages, key=lambda language: (language != wanted, language[:2] != wanted[:2]))
        return [found for found, language in zip(texts, languages, strict=True) if language == best]


def place(element: Element) -> Place:
    """Return the place of an element; the parser gives only the line."""
    return Place(element.sourceline or 0)


def _full_text(element: Element) -> str:
    return "".join(element.itertext())


def _lines(text: str, first: int) -> Iterator[Text]:
    for number, printed in enumerate(text.split("\n", _MAX_LINES), start=first):
        yield Text(normalise(printed), Place(number, len(printed) - len(printed.lstrip()) + 1))


def _is_continuation(line: Text, following: Text) -> bool:
    """Return whether a line continues the one before: neither a blank line nor the author's line end separates
    them.
    """
    if not line.text or not following.text or _ENDED.search(line.text) or BULLET.match(following.text):
        return False
    return following.text[0].islower() or len(line.text) >= _MIN_WRAPPED_CHARACTERS
