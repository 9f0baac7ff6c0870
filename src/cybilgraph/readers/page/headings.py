"""Pages whose headings were lost when they were saved: blank lines tell where they stood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from cybilgraph.model.fields import BY_NAME
from cybilgraph.model.record import Text
from cybilgraph.readers.page.names import BULLET
from cybilgraph.readers.page.sections import Section, is_text

#: The sections of the page layout of the portal in their order; "Details" is above the aim.
_LOST = ("summary", "description", "aim", "context", "outcomes", "outputs", "activities", "links")
#: A lost heading that leaves no line of its own: one blank line more than between paragraphs.
_ONE_HEADING = 2
#: What stands above the text, and is no part of it, has fewer words: whom to ask.
_MAX_CONTACT_WORDS = 16


def restore_headings(head: Section, lines: list[Text]) -> Iterator[Section]:
    """The sections of a page whose headings were lost: each left its own empty line between
    the blank lines around it, or one blank line more, so that the run of blank lines tells how
    many were passed: the shortest of them passes one. The first is that of the summary; where
    the capture begins with it, that run is lost, too.
    """
    runs = {id(after): blank_lines(before, after) for before, after in pairwise(lines)}
    usual = Counter(runs[id(line)] for line in lines if id(line) in runs and not BULLET.match(line.text))
    lost = {id(line): runs[id(line)] for line in head.lines if runs.get(id(line), 0) > 1}
    if len(lost) < 2 or (usual and usual.most_common(1)[0][0] == 0):
        return
    headings = _HeadingGuesser(lost)
    section, kept = head, list[Text]()
    for line, following in zip(head.lines, [*head.lines[1:], None], strict=True):
        begins = line is lines[0] and is_text(line.text)
        if name := headings.passed(line, begins, following):
            assert line.place
            section = Section(BY_NAME[name], "", line.place)
            yield section
        (kept if section is head else section.lines).append(line)
    head.lines[:] = kept


class _HeadingGuesser:
    """Which heading was lost in front of a line, by the runs of blank lines (by line's identity)."""

    def __init__(self, runs: dict[int, int]) -> None:
        self._runs, self._shortest, self._at = runs, min(runs.values()), -1
        self._dense = self._shortest == _ONE_HEADING
        self._order = _LOST if self._dense else tuple(name for name in _LOST if name != "description")

    def passed(self, line: Text, begins: bool, following: Text | None) -> str:
        """The section that opens with a line, or "". ``begins``: the page begins with it, a text."""
        run, first = self._runs.get(id(line), 0), self._at < 0
        if begins:
            self._at = 0
        elif (
            not run
            or self._at + 1 == len(self._order)
            or (first and self._dense and self._is_contact_line(line, following))
        ):
            return ""
        elif self._dense:
            # Above the summary the side of the page was lost, too; below it "Details" and the aim at most.
            self._at = 0 if first else self._at + min(run - 1, 2 if self._at == 0 else run)
        else:
            self._at += 1 + (run - self._shortest) // 2
        self._at = min(self._at, len(self._order) - 1)
        return self._order[self._at]

    def _is_contact_line(self, line: Text, following: Text | None) -> bool:
        """True for a line between two lost headings that is no text: whom to ask."""
        short = len(line.text.split()) < _MAX_CONTACT_WORDS and not line.text.endswith(".")
        return short and following is not None and id(following) in self._runs


def blank_lines(before: Text, after: Text) -> int:
    """How many lines were empty between two that were not."""
    assert before.place
    assert after.place
    last = before.breaks[-1][1] if before.breaks else before.place
    return after.place.line - last.line - 1
