"""What shapes of anyone say, by language: an engine gives the messages of a result without it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache

import pyoxigraph as ox

from cybilgraph.model.rules import LANGUAGES
from cybilgraph.model.vocabulary import SH

_GAP = re.compile(r"\{[?$]\w+\}")


class ShapeMessages:
    """The messages of one shapes graph, with their languages."""

    def __init__(self, ntriples: str) -> None:
        self._whole: dict[str, set[str]] = defaultdict(set)
        self._parts: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for quad in ox.parse(ntriples.encode(), format=ox.RdfFormat.N_TRIPLES):
            if quad.predicate.value == SH.message and isinstance(quad.object, ox.Literal):
                language = (quad.object.language or LANGUAGES[0]).split("-")[0].lower()
                parts = tuple(_GAP.split(quad.object.value))
                if len(parts) > 1:
                    self._parts[parts].add(language)
                else:
                    self._whole[parts[0]].add(language)
        self.chosen = cache(self._chosen)  # many results say the same

    def _chosen(self, messages: Sequence[str], language: str) -> str:
        """That of the messages which speaks this language; else the first language of ours, as one
        without a tag does, else the first of them. Empty where there is none.
        """

        def rank(message: str) -> int:
            spoken = self._languages(message)
            return 0 if language in spoken else 1 if LANGUAGES[0] in spoken else 2 if spoken else 3

        return min(messages, key=rank, default="")

    def _languages(self, message: str) -> set[str]:
        """The languages of the message as it was written; its gaps may be filled."""
        if spoken := self._whole.get(message):
            return spoken
        fitting = [parts for parts in self._parts if _fits(message, parts)]
        return self._parts[max(fitting, key=lambda parts: sum(map(len, parts)))] if fitting else set()


def _fits(message: str, parts: tuple[str, ...]) -> bool:
    """Whether a message is these parts, with something between them."""
    first, *between, last = parts
    if not (message.startswith(first) and message.endswith(last)):
        return False
    at = len(first)
    for part in between:
        if (at := message.find(part, at)) < 0:
            return False
        at += len(part)
    return at <= len(message) - len(last)
