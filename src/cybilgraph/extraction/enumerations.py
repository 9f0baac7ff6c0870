"""Lists that a sentence introduces: "It is funded by the following donors:" says of each item what they do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from cybilgraph.extraction.phrases import ACTING, find_matches
from cybilgraph.extraction.sentences import Sentence
from cybilgraph.extraction.spans import MARKS
from cybilgraph.model.gazetteer import fold_in_place

#: What stands between "funded by" and the first donor.
_FOLLOWS = re.compile(r"(?: (?:the |these )?following(?: [\w-]+){0,4})?:\Z")
#: An introduction and its first item in one sentence.
_INLINE = re.compile(rf"[^:{MARKS}]{{1,120}}: (?=(?:the )?[{MARKS}])")
#: What an introduction may tell of who takes part.
_TELLS = frozenset(ACTING) - {"acts", "unspecified"}
#: An item begins with a name.
_ITEM = re.compile(rf"(?:[•*–-] ?)?(?:the )?[{MARKS}]")


def apply_introductions(sentences: Iterable[Sentence]) -> Iterator[Sentence]:
    """The sentences; those that are items of a list are marked as if its introduction stood before each without its
    colon, where that tells a role. They keep their own text.
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
        elif text.under:
            yield _with_introduction(sentence, f"{text.under}:")
        else:
            yield _with_introduction(sentence, lead if sentence.section == section else "")


def _with_introduction(item: Sentence, lead: str, begin: int = 0) -> Sentence:
    """The item, whose names all stand from ``begin`` on."""
    before = f"{_FOLLOWS.sub('', fold_in_place(lead.rstrip()))} " if lead else ""
    marked = before + item.marked[begin:]
    if not before or not any(hit.phrase.claim in _TELLS and hit.mark_offsets for hit in find_matches(marked)):
        return item
    further = len(before) - begin
    return replace(item, marked=marked, names=tuple(replace(name, at=name.at + further) for name in item.names))
