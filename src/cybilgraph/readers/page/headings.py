"""Restore lost headings of a saved page from the blank lines that they left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from cybilgraph.model.fields import BY_NAME
from cybilgraph.model.record import Text
from cybilgraph.readers.page.names import BULLET
from cybilgraph.readers.page.sections import Section, is_text

#: The order of sections on the portal's pages; "Details" comes before the aim.
_SECTION_ORDER = ("summary", "description", "aim", "context", "outcomes", "outputs", "activities", "links")
#: A lost heading without a line of its own leaves one blank line more than between paragraphs.
_DENSE_RUN = 2
#: Lines of contact details above the text have fewer words.
_MAX_CONTACT_WORDS = 16


def restore_headings(head: Section, lines: list[Text]) -> Iterator[Section]:
    """Yield the sections of a page whose headings were lost.

    Each heading left an empty line between the blank lines around it, or one more blank line. The length of
    a run of blank lines therefore tells how many headings it replaces; the shortest run replaces one. The
    first heading is that of the summary. If the capture begins with the summary, its run is missing too.
    """
    runs = {id(after): blank_lines(before, after) for before, after in pairwise(lines)}
    usual = Counter(runs[id(line)] for line in lines if id(line) in runs and not BULLET.match(line.text))
    lost = {id(line): runs[id(line)] for line in head.lines if runs.get(id(line), 0) > 1}
    if len(lost) < 2 or (usual and usual.most_common(1)[0][0] == 0):
        return
    headings = _HeadingGuesser(lost)
    section, kept = head, list[Text]()
    for line, following in zip(head.lines, [*head.lines[1:], None], strict=True):
        is_first = line is lines[0] and is_text(line.text)
        if name := headings.section_of(line, is_first, following):
            assert line.place
            section = Section(BY_NAME[name], "", line.place)
            yield section
        (kept if section is head else section.lines).append(line)
    head.lines[:] = kept


class _HeadingGuesser:
    """Guesses which heading was lost before a line, from the runs of blank lines (by the identity of the line)."""

    def __init__(self, runs: dict[int, int]) -> None:
        self._runs, self._shortest, self._at = runs, min(runs.values()), -1
        self._dense = self._shortest == _DENSE_RUN
        self._order = _SECTION_ORDER if self._dense else tuple(name for name in _SECTION_ORDER if name != "description")

    def section_of(self, line: Text, is_first: bool, following: Text | None) -> str:
        """Return the section that a line opens, or an empty string. ``is_first``: the page begins with this text."""
        run, first = self._runs.get(id(line), 0), self._at < 0
        if is_first:
            self._at = 0
        elif (
            not run
            or self._at + 1 == len(self._order)
            or (first and self._dense and self._is_contact_line(line, following))
        ):
            return ""
        elif self._dense:
            # The side panel above the summary was lost too; below it at most "Details" and the aim.
            self._at = 0 if first else self._at + min(run - 1, 2 if self._at == 0 else run)
        else:
            self._at += 1 + (run - self._shortest) // 2
        self._at = min(self._at, len(self._order) - 1)
        return self._order[self._at]

    def _is_contact_line(self, line: Text, following: Text | None) -> bool:
        """Return whether a line between two lost headings contains contact details rather than text."""
        short = len(line.text.split()) < _MAX_CONTACT_WORDS and not line.text.endswith(".")
        return short and following is not None and id(following) in self._runs


def blank_lines(before: Text, after: Text) -> int:
    """Return the number of empty lines between two lines with text."""
    assert before.place
    assert after.place
    last = before.breaks[-1][1] if before.breaks else before.place
    return after.place.line - last.line - 1
