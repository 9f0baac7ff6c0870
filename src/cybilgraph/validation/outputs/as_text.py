"""A report for the terminal: file by file, each finding with its place in the line of the source."""

from __future__ import annotations

from itertools import groupby
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from cybilgraph.model.findings import (
    SEVERITIES,
    Excerpt,
    Finding,
    Report,
    Severity,
    escape_ci_commands,
    escape_controls,
)
from cybilgraph.validation.outputs.wording import omission_note, phrase_for, place_of, rule_name, summary, tally

_COLOURS = {Severity.VIOLATION: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
#: What stands before a finding's severity and before a rule's message, in so many columns; and the
#: columns that a terminal is taken to have at least.
_PLACE_COLUMN, _COUNT_COLUMN, _MIN_WIDTH = "  123:45  ", "  123 × ", 30
#: How wide a line of a source is shown where there is no terminal.
_PIPE_WIDTH = 100


def as_text(report: Report, stream: TextIO) -> None:
    """File by file, each finding with its place, message and rule; then the sums.

    Colour, and lines that fit, are for terminals only (and no colour where NO_COLOR is set): in
    a pipe, what is said stays on one line.
    """
    page = _Page(stream, report.language)
    for file, findings in groupby(report.findings, key=lambda finding: finding.file):
        page.line(Text(escape_controls(file), style="bold"))
        shown: tuple[int, Excerpt | None] | None = None
        for finding in findings:
            page.message(finding)
            if shown != (here := (finding.line, finding.excerpt)):  # once for all that is said of one place
                page.source(finding)
                shown = here
            if finding.suggestion:
                page.line(Text(f"→ {escape_controls(finding.suggestion)}", style="green"), page.margin)
            if finding.fix:
                fix = phrase_for(report.language, "fix", old=finding.fix.old, new=finding.fix.new)
                page.line(Text(f"✎ {escape_controls(fix)}", style="green"), page.margin)
        page.line(Text())
    page.line(Text(summary(report)))
    if note := omission_note(report):
        page.line(Text(note))
    if len(report.findings) > 1:
        for line in tally(report):
            page.line(Text(line), hanging=len(_COUNT_COLUMN))


class _Page:
    """Lines of findings, as wide as the terminal."""

    def __init__(self, stream: TextIO, language: str) -> None:
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._language = language
        self._width = max(self._console.width, _MIN_WIDTH) if self._console.is_terminal else 0
        self._severity = max(cell_len(phrase_for(language, severity.value)) for severity in SEVERITIES)
        self.margin = len(_PLACE_COLUMN) + self._severity
        if self._width and self._width < 3 * self.margin:
            self.margin = 4

    def line(self, text: Text, margin: int = 0, hanging: int = 0) -> None:
        """One line; on a terminal, so many as it takes, below each other behind the margin."""
        self._print(Text(" " * margin), text, margin + hanging)

    def message(self, finding: Finding) -> None:
        """Where it is, how bad, and what is wrong."""
        place = place_of(finding) or "-"
        severity = phrase_for(self._language, finding.severity.value)
        head = Text(f"{place:>{len(_PLACE_COLUMN) - 2}}  ").append(severity, style=_COLOURS[finding.severity])
        said = Text(escape_controls(finding.message)).append(f"  [{escape_controls(rule_name(finding))}]", style="dim")
        if self.margin < len(_PLACE_COLUMN):
            self.line(head)
            self.line(said, self.margin)
        else:
            head.append(" " * (self.margin + 2 - cell_len(head.plain)))
            self._print(head, said, self.margin + 2)

    def _print(self, lead: Text, text: Text, margin: int) -> None:
        """A text behind its lead; on a terminal, wrapped behind the margin."""
        first, *rest = text.wrap(self._console, self._width - margin - 1) if self._width else [text]
        self._put(lead + first)
        for part in rest:
            self._put(Text(" " * margin) + part)

    def _put(self, line: Text) -> None:
        """Print one line as it is; a terminal takes no commands of a CI service, and a pipe may lead to one."""
        self._console.print(line if self._width else Text(escape_ci_commands(line.plain)), soft_wrap=True)

    def source(self, finding: Finding) -> None:
        """The line of the source with the words marked; the words alone, where there is no line."""
        label, words = escape_controls(finding.label), escape_controls(_brief(finding.text))
        empty = (
            phrase_for(self._language, "empty") if finding.path and not words else ""
        )  # else it is of the file itself
        if finding.excerpt is None:
            if label or words:
                said = f"“{words}”" if words else empty
                self.line(Text(": ".join(filter(None, (label, said))), style="dim"), self.margin)
            return
        number = str(finding.line).rjust(self.margin - 3)
        gutter = f"{number} │ "
        width = (self._width or _PIPE_WIDTH + self.margin) - cell_len(gutter) - 1
        shown, before, marked = _window(finding.excerpt, max(width, 10))
        self._put(Text().append(gutter, style="dim").append(shown))
        if marked:
            shows_label = not words and _marked(finding.excerpt) == finding.label
            told = [label] * bool(label and not shows_label) + [empty] * bool(empty)
            note = f" {': '.join(told)}" if told else ""
            if self._width and before + marked + cell_len(note) > width:
                note = ""
            caret = Text().append(f"{'':{len(number)}} │ ", style="dim").append(" " * before)
            caret.append("^" * marked, style=_COLOURS[finding.severity]).append(note, style="dim")
            self._put(caret)


def _marked(excerpt: Excerpt) -> str:
    return excerpt.text[excerpt.mark - 1 :][: excerpt.length] if excerpt.mark else ""


def _window(excerpt: Excerpt, width: int) -> tuple[str, int, int]:
    """What is shown of a line, and the columns on the screen before its mark and under it."""
    mark = excerpt.mark or 1
    before = escape_controls(excerpt.text[: mark - 1])
    marked = escape_controls(_marked(excerpt))
    after = (
        escape_controls(excerpt.text[mark - 1 + excerpt.length :]) if excerpt.mark else escape_controls(excerpt.text)
    )
    lead = "…" if excerpt.cut else ""
    if cell_len(lead + before + marked + after) > width:
        # What is marked comes first, then what stands before it, to a third of the line; then the rest.
        marked = _cropped(marked, width - 2)
        kept = max(width // 3, width - 2 - cell_len(marked) - cell_len(after))
        if cell_len(lead + before) > min(kept, width - 2 - cell_len(marked)):
            lead, before = "…", _cropped(before, min(kept, width - 2 - cell_len(marked)), from_end=True)
        rest = width - cell_len(lead + before + marked)
        if cell_len(after) > rest:
            after = f"{_cropped(after, max(rest - 1, 0))}…"
    return f"{lead}{before}{marked}{after}", cell_len(lead + before), max(cell_len(marked), bool(excerpt.mark))


def _cropped(text: str, max_chars: int, from_end: bool = False) -> str:
    """So much of a text as fits into so many columns: its beginning, or its end."""
    if cell_len(text) <= max_chars:
        return text
    kept, width = [], 0
    for char in reversed(text) if from_end else text:
        width += cell_len(char)
        if width > max_chars:
            break
        kept.append(char)
    return "".join(reversed(kept) if from_end else kept)


def _brief(text: str, max_chars: int = 80) -> str:
    return text if len(text) <= max_chars else f"{text[: max_chars - 1].rstrip()}…"
