"""Writes a report for the terminal: each finding with its position in the line of the source."""

from __future__ import annotations

from itertools import accumulate, groupby
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
from cybilgraph.validation.outputs.wording import (
    omission_note,
    parts_of,
    phrase_for,
    place_of,
    rule_name,
    summary,
    tally,
)

_COLOURS = {Severity.VIOLATION: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
#: Widths of the columns before a finding's severity and before a rule's message; minimum width of a terminal.
_PLACE_COLUMN, _COUNT_COLUMN, _MIN_WIDTH = "  123:45  ", "  123 × ", 30
#: Width of a source line without a terminal.
_PIPE_WIDTH = 100


def as_text(report: Report, stream: TextIO) -> None:
    """Write each file's findings with position, message and rule, then the counts.

    Only terminals get colours (unless NO_COLOR is set) and wrapped lines. In a pipe, each message is on one line.
    """
    page = _Page(stream, report.language)
    for file, findings in groupby(report.findings, key=lambda finding: finding.file):
        page.line(Text(escape_controls(file), style="bold"))
        shown: tuple[object, ...] | None = None
        for finding in findings:
            page.message(finding)
            words = "" if finding.excerpt else (finding.label, finding.text)
            if shown != (
                here := (finding.line, finding.cell, finding.excerpt, words)
            ):  # only once for findings at the same position
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
    """Prints findings as wide as the terminal."""

    def __init__(self, stream: TextIO, language: str) -> None:
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._language = language
        self._width = max(self._console.width, _MIN_WIDTH) if self._console.is_terminal else 0
        self._severity = max(cell_len(phrase_for(language, severity.value)) for severity in SEVERITIES)
        self.margin = len(_PLACE_COLUMN) + self._severity
        if self._width and self._width < 3 * self.margin:
            self.margin = 4

    def line(self, text: Text, margin: int = 0, hanging: int = 0) -> None:
        """Print a text; on a terminal, wrap it behind the margin."""
        self._print(Text(" " * margin), text, margin + hanging)

    def message(self, finding: Finding) -> None:
        """Print the position, severity, message and rule of a finding."""
        place = place_of(finding) or "-"
        severity = phrase_for(self._language, finding.severity.value)
        head = Text(f"{place:>{len(_PLACE_COLUMN) - 2}}  ").append(severity, style=_COLOURS[finding.severity])
        message = Text(escape_controls(finding.message))
        message.append(f"  [{escape_controls(rule_name(finding))}]", style="dim")
        if self.margin < len(_PLACE_COLUMN):
            self.line(head)
            self.line(message, self.margin)
        else:
            head.append(" " * (self.margin + 2 - cell_len(head.plain)))
            self._print(head, message, self.margin + 2)

    def _print(self, lead: Text, text: Text, margin: int) -> None:
        """Print a text after its lead; on a terminal, wrap it behind the margin."""
        first, *rest = text.wrap(self._console, self._width - margin - 1) if self._width else [text]
        self._put(lead + first)
        for part in rest:
            self._put(Text(" " * margin) + part)

    def _put(self, line: Text) -> None:
        """Print one line; in a pipe, which may lead to a CI service, escape workflow commands."""
        self._console.print(line if self._width else Text(escape_ci_commands(line.plain)), soft_wrap=True)

    def source(self, finding: Finding) -> None:
        """Print the source line with the text marked, or only the text if there is no line."""
        label, words = escape_controls(finding.label), escape_controls(_brief(finding.text))
        is_empty = finding.path and not words and (not finding.cell or finding.advice == "fill-in")
        empty = phrase_for(self._language, "empty") if is_empty else ""
        if finding.excerpt is None:
            if label or words:
                quoted = f"“{words}”" if words else empty
                self.line(Text(": ".join(filter(None, (label, quoted))), style="dim"), self.margin)
            return
        number = str(finding.line).rjust(self.margin - 3)
        gutter = f"{number} │ "
        width = (self._width or _PIPE_WIDTH + self.margin) - cell_len(gutter) - 1
        shown, before, marked = fit_excerpt(finding.excerpt, max(width, 10))
        self._put(Text().append(gutter, style="dim").append(shown))
        if marked:
            shows_label = not words and parts_of(finding.excerpt)[1] == finding.label
            notes = [label] * bool(label and not shows_label) + [empty] * bool(empty)
            note = f" {': '.join(notes)}" if notes else ""
            if self._width and before + marked + cell_len(note) > width:
                note = ""
            caret = Text().append(f"{'':{len(number)}} │ ", style="dim").append(" " * before)
            caret.append("^" * marked, style=_COLOURS[finding.severity]).append(note, style="dim")
            self._put(caret)


def fit_excerpt(excerpt: Excerpt, width: int) -> tuple[str, int, int]:
    """Return the visible part of a line, and the number of terminal columns before and in its mark."""
    before, marked, after = map(escape_controls, parts_of(excerpt))
    lead = "…" if excerpt.cut else ""
    if cell_len(lead + before + marked + after) > width:
        # The marked text has priority, then the text before it, up to a third of the line, then the rest.
        marked = _cropped(marked, width - 2)
        kept = max(width // 3, width - 2 - cell_len(marked) - cell_len(after))
        if cell_len(lead + before) > min(kept, width - 2 - cell_len(marked)):
            lead, before = "…", _cropped(before, min(kept, width - 2 - cell_len(marked)), from_end=True)
        rest = width - cell_len(lead + before + marked)
        if cell_len(after) > rest:
            after = f"{_cropped(after, max(rest - 1, 0))}…"
    return f"{lead}{before}{marked}{after}", cell_len(lead + before), max(cell_len(marked), bool(excerpt.mark))


def _cropped(text: str, max_columns: int, from_end: bool = False) -> str:
    """Return the beginning, or the end, of a text that fits into a number of terminal columns."""
    if cell_len(text) <= max_columns:
        return text
    step = -1 if from_end else 1
    widths = accumulate(map(cell_len, text[::step]))
    return text[::step][: sum(1 for width in widths if width <= max_columns)][::step]


def _brief(text: str, max_chars: int = 80) -> str:
    return text if len(text) <= max_chars else f"{text[: max_chars - 1].rstrip()}…"
