"""Find the themes and topics of a project.

A title without a theme name may show the theme by its words: "Short Courses for the Public Service". The
patterns are in data/reference/theme-cues.csv, the most specific first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from functools import cache

from cybilgraph.extraction.sentences import Sentence
from cybilgraph.model.fields import Content, sections
from cybilgraph.model.gazetteer import GazetteerEntry, fold_in_place, load_gazetteer
from cybilgraph.model.resources import compile_pattern, read_reference

#: Sections whose themes count if the title names none.
_PURPOSE_SECTIONS = sections(Content.PURPOSE)
#: Confidence in a theme from words of the title, or from the purpose.
_CUE_CONFIDENCE, _PURPOSE_CONFIDENCE = 0.8, 0.7

ScopeQuotes = dict[tuple[str, str], dict[Sentence, tuple[GazetteerEntry, float]]]


@cache
def load_cues() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Load each theme with the pattern of its cue words, the most specific first.

    Raises ReferenceDataError if a pattern is invalid.
    """
    file = "theme-cues.csv"
    return tuple((row["theme"], compile_pattern(row["pattern"], file)) for row in read_reference(file))


def add_themes(found: ScopeQuotes, sentences: list[Sentence], stated: Set[tuple[str, str]]) -> None:
    """Add themes from cue words in the title, or else from the purpose.

    If the title names a theme, only topics of it are added. A theme is dropped if one of its topics is
    known.
    """
    if not any(kind == "theme" for kind, _ in stated):
        within = {key for kind, key in found if kind == "theme"}
        if cued := _find_cued_theme(sentences, within):
            entry, sentence = cued
            found[entry.kind, entry.key] = {sentence: (entry, _CUE_CONFIDENCE)}
        else:
            _add_purpose_themes(found, sentences, within)
    for key in [key for kind, key in (*stated, *found) if kind == "theme"]:
        if topic := load_gazetteer().get("theme", key):
            found.pop(("theme", topic.row["parent"]), None)


def _find_cued_theme(sentences: list[Sentence], within: Set[str]) -> tuple[GazetteerEntry, Sentence] | None:
    """Return the theme whose cue words are in the title, or in the first sentence if there is no title."""
    titles = [sentence for sentence in sentences if sentence.section == "title"] or sentences[:1]
    texts = [(sentence, fold_in_place(sentence.text.text)) for sentence in titles]
    for key, pattern in load_cues():
        entry = load_gazetteer().get("theme", key)
        if entry is not None and _is_within(entry, within):
            for sentence, text in texts:
                if pattern.search(text):
                    return entry, sentence
    return None


def _add_purpose_themes(found: ScopeQuotes, sentences: Iterable[Sentence], within: Set[str]) -> None:
    for sentence in sentences:
        if sentence.section in _PURPOSE_SECTIONS:
            for entry in sentence.themes:
                if _is_within(entry, within):
                    found.setdefault((entry.kind, entry.key), {})[sentence] = (entry, _PURPOSE_CONFIDENCE)


def _is_within(entry: GazetteerEntry, themes: Set[str]) -> bool:
    return not themes or entry.row["parent"] in themes
