"""Finds the language of the messages in results, which engines return without language tags."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache

import pyoxigraph as ox

from cybilgraph.model.rules import LANGUAGES
from cybilgraph.model.vocabulary import SH

_VARIABLE = re.compile(r"\{[?$]\w+\}")


class ShapeMessages:
    """The messages of one shapes graph, with their languages."""

    def __init__(self, ntriples: str) -> None:
        self._fixed: dict[str, set[str]] = defaultdict(set)
        self._parts: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for quad in ox.parse(ntriples.encode(), format=ox.RdfFormat.N_TRIPLES):
            if quad.predicate.value == SH.message and isinstance(quad.object, ox.Literal):
                language = (quad.object.language or LANGUAGES[0]).split("-")[0].lower()
                parts = tuple(_VARIABLE.split(quad.object.value))
                if len(parts) > 1:
                    self._parts[parts].add(language)
                else:
                    self._fixed[parts[0]].add(language)
        self.choose = cache(self._choose)  # many results have the same messages

    def _choose(self, messages: Sequence[str], language: str) -> str:
        """Return the message in this language, else one in our first language or without a tag, else any, else ""."""

        def rank(message: str) -> int:
            languages = self._languages(message)
            return 0 if language in languages else 1 if LANGUAGES[0] in languages else 2 if languages else 3

        return min(messages, key=rank, default="")

    def _languages(self, message: str) -> set[str]:
        """Return the languages of a message, whose variables may have been replaced."""
        if languages := self._fixed.get(message):
            return languages
        matching = [parts for parts in self._parts if _matches(message, parts)]
        return self._parts[max(matching, key=lambda parts: sum(map(len, parts)))] if matching else set()


def _matches(message: str, parts: tuple[str, ...]) -> bool:
    """Return whether a message consists of these parts with any text between them."""
    first, *between, last = parts
    if not (message.startswith(first) and message.endswith(last)):
        return False
    at = len(first)
    for part in between:
        if (at := message.find(part, at)) < 0:
            return False
        at += len(part)
    return at <= len(message) - len(last)
