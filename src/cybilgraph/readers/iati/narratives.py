"""What the elements of an IATI activity say → Texts, in the activity's language.

IATI Activity Standard 2.03: a text stands in ``narrative`` elements, one or more a language.
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
#: A line at least so long was ended by the width of an editor, a shorter one by its writer.
_FULL = 60
#: No text has more lines; what stands behind them is taken for one.
_MAX_LINES = 20_000


class Narratives:
    """Reads texts in one language, as far as they are told in it."""

    def __init__(self, language: str) -> None:
        self._language = language.lower()

    def text(self, value: str, element: Element) -> list[Text]:
        """One text; none where the value is blank."""
        texts = normalise(value)
        return [Text(texts, place(element))] if texts else []

    def attribute(self, element: Element, name: str) -> list[Text]:
        """The value of an attribute; none where it is blank."""
        return self.text(element.get(name, ""), element)

    def name(self, element: Element) -> list[Text]:
        """What an element says, on one line; none where it says nothing."""
        return [text for narrative in self._chosen(element)[:1] for text in self.text(_full_text(narrative), narrative)]

    def names(self, element: Element, *tags: str) -> list[Text]:
        """What the elements of these names below an element say, a line each."""
        return [text for tag in tags for found in element.iterfind(tag) for text in self.name(found)]

    def paragraphs(self, element: Element) -> list[Text]:
        """What an element says, its paragraphs and list items kept apart."""
        texts: list[Text] = []
        for narrative in self._chosen(element):
            texts += (
                text for text in unwrap(_lines(_full_text(narrative), narrative.sourceline or 0), _goes_on) if text.text
            )
        return texts

    def _chosen(self, element: Element) -> list[Element]:
        """The narratives in the language of the activity; without such, in that of the first."""
        texts = [found for found in element.iterfind("narrative") if _full_text(found).strip()]
        if not texts:  # before version 2, and in some elements, the text stands in the element itself
            return [element] if element.find("narrative") is None else []
        wanted = self._language
        spoken = [(found.get(LANG) or wanted).lower() for found in texts]
        best = min(spoken, key=lambda language: (language != wanted, language[:2] != wanted[:2]))
        return [found for found, language in zip(texts, spoken, strict=True) if language == best]


def place(element: Element) -> Place:
    """Where an element stands. The parser tells the line."""
    return Place(element.sourceline or 0)


def _full_text(element: Element) -> str:
    return "".join(element.itertext())


def _lines(said: str, first: int) -> Iterator[Text]:
    for number, printed in enumerate(said.split("\n", _MAX_LINES), start=first):
        yield Text(normalise(printed), Place(number, len(printed) - len(printed.lstrip()) + 1))


def _goes_on(line: Text, following: Text) -> bool:
    """A blank line ends a paragraph, and so does a line end that no editor's width made."""
    if not line.text or not following.text or _ENDED.search(line.text) or BULLET.match(following.text):
        return False
    return following.text[0].islower() or len(line.text) >= _FULL
