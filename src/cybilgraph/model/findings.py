"""What was found wrong or missing in records: plain values, shared by all stages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol

from cybilgraph.model.values import value

#: Harmless where they are printed: wide and fixed spaces, and the joiners that some scripts are written with.
_FIRST_IRI = re.compile(r"<([^<>]*+)>")
_COMMAND = re.compile(r"^([^\S\n]*+):(?=:)|#(?=#\[)", re.MULTILINE)
_HARMLESS = re.compile(r"[\u00a0\u2000-\u200a\u202f\u205f\u3000\u200c\u200d]")


def escape_controls(text: str, lines: bool = False) -> str:
    """A text for the terminal: what would steer it, or turn the direction of what follows, is
    shown as its escape (``\\x1b``, ``\\u202e``); so is the end of a line, unless it has several.
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
    """Lines for a log that a CI service reads: what it would take for a command (``::error``, ``##[error]``)
    begins with an escape.
    """
    return _COMMAND.sub(lambda sign: rf"{sign[1]}\x3a" if sign[1] is not None else r"\x23", text)


class Severity(StrEnum):
    """How bad a finding is; the three levels of SHACL (section 2.1.4)."""

    VIOLATION = "violation"
    WARNING = "warning"
    INFO = "info"


#: Worst first: the order in which reports list findings.
SEVERITIES = tuple(Severity)


@value(frozen=True, slots=True)
class Fix:
    """A mend that is certain: at this place, the words ``old`` become ``new``."""

    line: int
    column: int
    old: str
    new: str


@value(frozen=True, slots=True)
class Excerpt:
    """A part of the line that a finding is about, as the source has it.

    ``cut`` characters of the line stand before it. ``mark`` is the first character that is meant,
    from 1 in ``text`` (0 where it is not known), and ``length`` how many are.
    """

    text: str
    cut: int = 0
    mark: int = 0
    length: int = 0

    @property
    def column(self) -> int:
        """The character of the source's line that is meant, from 1; 0 where it is not known."""
        return self.cut + self.mark if self.mark else 0


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file that was looked at: its name in findings, its address (a URI, relative to the folder
    that the work was started in where it lies below), the keys of its records, and its address from
    the root of its git repository, where it lies in one.
    """

    name: str
    uri: str
    records: list[str] = field(default_factory=list)
    tracked: str = ""


@value(frozen=True, slots=True, order=True)
class ShaclResult:
    """One SHACL validation result (SHACL, section 3.6.2), as text that a report in RDF is made of.

    ``focus`` and ``value`` are terms as N-Triples writes them; ``value`` is empty where there is
    none. ``rule``, ``component`` and ``severity`` are IRIs; ``rule`` is the source shape, of one
    without a name the nearest above it that has one, else its label (``_:b7``). ``path`` is a
    property path of SPARQL, ``(<urn:a>/^<urn:b>)``, and empty for a node shape.
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
        """The IRI of the first property of the path."""
        return first[1] if (first := _FIRST_IRI.search(self.path)) else ""

    @property
    def fault(self) -> ShaclResult:
        """The result without what each engine may word as it likes."""
        return replace(self, messages=())


@value(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a curator should know.

    ``rule`` is the IRI of the shape or reader rule that found it. ``line`` and ``column``
    count from 1 in ``file``, in characters; 0 means that no place is known. Readers tell where a value
    begins, and of a table which cell it is in: ``cell``, once readers/excerpts.py has put it there,
    and in ``column`` the character that is meant. ``label`` is the field's label
    as printed in the source, ``text`` the words concerned, ``suggestion`` how to mend them,
    and ``fix`` the mend where it is certain. ``focus``, ``path`` and ``value`` are the statement
    that a shape found wrong, for people to read: IRIs, the first property of a path, the text of a
    literal. ``result`` has all of it, as an engine reported it. ``values`` fill the gaps of the rule's words,
    and ``advice`` names the rule whose suggestion was given, so that they can be said in another
    language (rules.py). ``excerpt`` is the line of the source, where it was asked for.
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
    text: str = ""
    suggestion: str = ""
    focus: str = ""
    path: str = ""
    value: str = ""
    excerpt: Excerpt | None = None
    values: tuple[tuple[str, str], ...] = ()
    advice: str = ""
    fix: Fix | None = None
    result: ShaclResult | None = None

    @property
    def sort_key(self) -> tuple[str, int, int, int, str, str]:
        """File, then place, then severity: the order of a report."""
        rank = SEVERITIES.index(self.severity)
        return (self.file, self.line, self.column, rank, self.rule, self.text)


@dataclass(frozen=True, slots=True)
class OmittedFindings:
    """How many findings of a rule a truncated report does not list."""

    severity: Severity
    rule: str
    count: int


class Findings(Protocol):
    """A list of findings; or what is asked for as one, where they are many."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Finding]: ...
    def extend(self, values: Iterable[Finding], /) -> None:
        """Take more."""

    def sort(self, *, key: Callable[[Finding], Any]) -> None:
        """Put them in order."""


@dataclass(slots=True)
class Report:
    """All findings of one run, with what was looked at.

    ``as_of`` is the day that rules took for today, ``language`` that of the messages, and
    ``fail_on`` the least severity with which the run has failed. ``statements`` are those of RDF
    that was held against shapes of others: it has no records. ``omitted`` counts the findings that
    ``truncate`` removed, by severity and rule; all totals include them.
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
        """Add findings; order does not matter, ``sort`` puts them right."""
        self.findings.extend(findings)

    def sort(self) -> Report:
        """Order the findings by file, place and severity, so that equal input reads equal."""
        self.findings.sort(key=lambda finding: finding.sort_key)
        return self

    def keep(self, wanted: Callable[[Finding], bool]) -> None:
        """Let go of all findings but those that are wanted."""
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
        """How many findings are of each severity, the worst first."""
        found = Counter(finding.severity for finding in self.findings)
        for omitted in self.omitted:
            found[omitted.severity] += omitted.count
        return {severity: found[severity] for severity in SEVERITIES}

    @property
    def conforms(self) -> bool:
        """No violation; warnings and information are allowed."""
        return not self.counts[Severity.VIOLATION]

    def fails(self, finding: Finding | OmittedFindings) -> bool:
        """Whether this finding is bad enough for the run to have failed."""
        return SEVERITIES.index(finding.severity) <= SEVERITIES.index(self.fail_on)

    @property
    def passes(self) -> bool:
        """No finding is as bad as ``fail_on``."""
        return not any(map(self.fails, (*self.findings, *self.omitted)))
