"""Findings: problems in records, as plain values shared by all pipeline stages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol

from cybilgraph.model.values import value

_FIRST_IRI = re.compile(r"<([^<>]*+)>")
_COMMAND = re.compile(r"^([^\S\n]*+):(?=:)|#(?=#\[)", re.MULTILINE)
#: Characters that are safe to print: wide and fixed-width spaces, and the joiners that some scripts need.
_HARMLESS = re.compile(r"[\u00a0\u2000-\u200a\u202f\u205f\u3000\u200c\u200d]")


def escape_controls(text: str, lines: bool = False) -> str:
    """Escape terminal control characters and bidirectional overrides (``\\x1b``, ``\\u202e``).

    Line ends are escaped too, unless ``lines`` is true.
    """
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable() or _HARMLESS.match(char) or (lines and char == "\n")
        else char.encode("unicode_escape").decode()
        for char in text
    )


def escape_ci_commands(text: str) -> str:
    """Escape text that a CI service would take for a command (``::error``, ``##[error]``)."""
    return _COMMAND.sub(lambda sign: rf"{sign[1]}\x3a" if sign[1] is not None else r"\x23", text)


class Severity(StrEnum):
    """The severity of a finding; the three levels of SHACL (section 2.1.4)."""

    VIOLATION = "violation"
    WARNING = "warning"
    INFO = "info"


#: Worst first, as reports list findings.
SEVERITIES = tuple(Severity)


@value(frozen=True, slots=True)
class Fix:
    """A correction: at this place, replace ``old`` with ``new``. In a workbook, the column is that of the cell."""

    line: int
    column: int
    old: str
    new: str


@value(frozen=True, slots=True)
class Excerpt:
    """The part of a source line that a finding is about, unchanged.

    The first ``cut`` characters of the line are left out. ``mark`` is the position in ``text`` of the first
    character concerned, from 1 (0 if unknown), and ``length`` the number of characters concerned.
    """

    text: str
    cut: int = 0
    mark: int = 0
    length: int = 0

    @property
    def column(self) -> int:
        """The column in the source line, from 1; 0 if unknown."""
        return self.cut + self.mark if self.mark else 0


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A checked file.

    ``name`` identifies it in findings. ``uri`` is relative to the working directory if the file is below it.
    ``records`` are the keys of its records. ``tracked`` is its path from the root of its git repository, if
    any.
    """

    name: str
    uri: str
    records: list[str] = field(default_factory=list)
    tracked: str = ""


@value(frozen=True, slots=True, order=True)
class ShaclResult:
    """One SHACL validation result (SHACL, section 3.6.2), as text for a report in RDF.

    ``focus`` and ``value`` are terms in N-Triples syntax; ``value`` is empty if there is none. ``rule``,
    ``component`` and ``severity`` are IRIs. ``rule`` is the source shape; for an unnamed shape, its nearest
    named ancestor, or else its label (``_:b7``). ``path`` is a SPARQL property path, ``(<urn:a>/^<urn:b>)``,
    and empty for a node shape.
    """

    focus: str
    rule: str
    path: str
    value: str
    component: str
    severity: str
    messages: tuple[str, ...]

    @property
    def first(self) -> str:
        """The IRI of the first property in the path."""
        return first[1] if (first := _FIRST_IRI.search(self.path)) else ""

    @property
    def without_messages(self) -> ShaclResult:
        """The result without its messages, whose wording differs between engines."""
        return replace(self, messages=())


@value(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem that a curator should know about.

    ``rule`` is the IRI of the shape or reading rule that was broken. ``line`` and ``column`` count from 1 in
    ``file``, in characters; 0 means unknown. Readers of tables first put the cell number into ``column``;
    readers/excerpts.py then moves it to ``cell`` and sets ``column`` to the character; a workbook's cell also
    has its name in ``cell_name``. ``label`` is the field's label as printed, ``text`` the words concerned,
    ``suggestion`` the proposed correction, ``fix`` a safe automatic correction, and ``proposal`` one that a
    person must confirm. ``focus``, ``path`` and ``value`` are the offending statement in
    readable form: IRIs, the first property of a path, the text of a literal. ``result`` is the full result
    as the engine reported it. ``values`` fill the placeholders of the rule's message, and ``advice`` names
    the rule that provides the suggestion; both allow translation (rules.py). ``excerpt`` is the source line,
    if requested.
    """

    severity: Severity
    rule: str
    message: str
    file: str
    record: str = ""
    label: str = ""
    line: int = 0
    column: int = 0
    cell: int = 0
    cell_name: str = ""
    text: str = ""
    suggestion: str = ""
    focus: str = ""
    path: str = ""
    value: str = ""
    excerpt: Excerpt | None = None
    values: tuple[tuple[str, str], ...] = ()
    advice: str = ""
    fix: Fix | None = None
    proposal: Fix | None = None
    result: ShaclResult | None = None

    @property
    def sort_key(self) -> tuple[str, int, int, int, int, str, str]:
        """The sort order of reports: file, then place, then severity."""
        rank = SEVERITIES.index(self.severity)
        return (self.file, self.line, self.column, self.cell, rank, self.rule, self.text)


@dataclass(frozen=True, slots=True)
class OmittedFindings:
    """How many findings of a rule a truncated report does not list."""

    severity: Severity
    rule: str
    count: int


class Findings(Protocol):
    """A list of findings, or an object that behaves like one for large numbers of findings."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Finding]: ...
    def extend(self, values: Iterable[Finding], /) -> None:
        """Add findings."""

    def sort(self, *, key: Callable[[Finding], Any]) -> None:
        """Sort the findings in place."""


@dataclass(slots=True)
class Report:
    """All findings of one run, and what was checked.

    ``as_of`` is the date that rules use as today, ``language`` the language of the messages, and ``fail_on``
    the lowest severity that makes the run fail. ``statements`` counts the triples of arbitrary RDF, which
    has no records. ``omitted`` counts the findings that ``truncate`` removed, by severity and rule; all totals
    include them.
    """

    as_of: str = ""
    language: str = "en"
    fail_on: Severity = Severity.VIOLATION
    sources: int = 0
    records: int = 0
    statements: int = 0
    unread: int = 0
    files: list[CheckedFile] = field(default_factory=list)
    findings: Findings = field(default_factory=list[Finding])
    omitted: list[OmittedFindings] = field(default_factory=list)

    def extend(self, findings: Iterable[Finding]) -> None:
        """Add findings in any order; call ``sort`` afterwards."""
        self.findings.extend(findings)

    def sort(self) -> Report:
        """Sort the findings by file, place and severity, so that equal input gives an equal report."""
        self.findings.sort(key=lambda finding: finding.sort_key)
        return self

    def keep(self, wanted: Callable[[Finding], bool]) -> None:
        """Keep only the wanted findings."""
        kept: Findings = type(self.findings)()
        kept.extend(filter(wanted, self.findings))
        self.findings = kept

    def truncate(self, max_findings: int, max_size: int, size_of: Callable[[Finding], int]) -> None:
        """Keep the first findings and the first record keys of each file, and count the findings removed.

        At most ``max_findings`` are kept, and none after their sizes, by ``size_of``, add up to ``max_size``.
        """
        kept: list[Finding] = []
        omitted: Counter[tuple[Severity, str]] = Counter()
        size = 0
        for finding in self.findings:
            if len(kept) < max_findings and size < max_size and not omitted:
                size += size_of(finding)
                if size <= max_size:
                    kept.append(finding)
                    continue
            omitted[finding.severity, finding.rule] += 1
        self.findings = kept
        self.omitted = [OmittedFindings(*key, count) for key, count in sorted(omitted.items())]
        for file in self.files:
            del file.records[max_findings:]

    @property
    def counts(self) -> dict[Severity, int]:
        """The number of findings of each severity, worst first."""
        found = Counter(finding.severity for finding in self.findings)
        for omitted in self.omitted:
            found[omitted.severity] += omitted.count
        return {severity: found[severity] for severity in SEVERITIES}

    @property
    def conforms(self) -> bool:
        """Whether there is no violation; warnings and information are allowed."""
        return not self.counts[Severity.VIOLATION]

    def fails(self, finding: Finding | OmittedFindings) -> bool:
        """Return whether this finding is severe enough to make the run fail."""
        return SEVERITIES.index(finding.severity) <= SEVERITIES.index(self.fail_on)

    @property
    def passes(self) -> bool:
        """Whether no finding makes the run fail."""
        return not any(map(self.fails, (*self.findings, *self.omitted)))
