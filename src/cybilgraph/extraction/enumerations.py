"""Lists with an introduction: "It is funded by the following donors:" gives a role to each item."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from cybilgraph.extraction.name_spans import MARKS
from cybilgraph.extraction.phrases import ACTING, find_matches
from cybilgraph.extraction.sentences import Sentence
from cybilgraph.model.gazetteer import fold_in_place

#: The text between "funded by" and the first donor.
_TAIL = re.compile(r"(?: (?:the |these )?following(?: [\w-]+){0,4})?:\Z")
#: An introduction and its first item in one sentence.
_INLINE = re.compile(rf"[^:{MARKS}]{{1,120}}: (?=(?:the )?[{MARKS}])")
#: The roles that an introduction may give.
_INTRODUCED_ROLES = frozenset(ACTING) - {"acts", "unspecified"}
#: The beginning of an item that starts with a name.
_ITEM = re.compile(rf"(?:[•*–-] ?)?(?:the )?[{MARKS}]")


def apply_introductions(sentences: Iterable[Sentence]) -> Iterator[Sentence]:
    """Prepend its introduction to the marked text of each list item, without the colon, if that gives a role.

    The items keep their own text.
    """
    section = lead = ""
    for sentence in sentences:
        text = sentence.text
        if text.text.endswith(":") and not sentence.names:
            section, lead = sentence.section, text.text
            yield sentence
        elif ":" in sentence.marked and (inline := _INLINE.match(sentence.marked)):
            yield _with_introduction(sentence, inline[0], inline.end())
        elif not _ITEM.match(sentence.marked):
            lead = ""
            yield sentence
        elif text.subheading:
            yield _with_introduction(sentence, f"{text.subheading}:")
        else:
            yield _with_introduction(sentence, lead if sentence.section == section else "")


def _with_introduction(item: Sentence, lead: str, begin: int = 0) -> Sentence:
    """Return the item with its introduction; no name comes before ``begin``."""
    before = f"{_TAIL.sub('', fold_in_place(lead.rstrip()))} " if lead else ""
    marked = before + item.marked[begin:]
    if not before or not any(
        hit.phrase.claim in _INTRODUCED_ROLES and hit.mark_offsets for hit in find_matches(marked)
    ):
        return item
    further = len(before) - begin
    return replace(item, marked=marked, names=tuple(replace(name, at=name.at + further) for name in item.names))
