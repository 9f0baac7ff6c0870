"""The whole line: sources → records → triples → report, and on to a release.

``check`` is the same line as ``build``, cut before the release; ``convert`` is cut before
validation. The command line, the web form and CI all call these.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import IO

from cybilgraph.errors import ReleaseError, SourceError
from cybilgraph.extraction import derive
from cybilgraph.identity import Identities
from cybilgraph.identity.assembly import Assembly
from cybilgraph.model.findings import Checked, Fix, Report, Severity
from cybilgraph.model.formats import Format, FormatKind
from cybilgraph.model.gazetteer import reference
from cybilgraph.model.record import Contact, Record
from cybilgraph.model.resources import ONTOLOGY
from cybilgraph.model.rules import LANGUAGES, tell_once
from cybilgraph.pipeline.intake import Progress, chosen, printed, records_of, unreadable
from cybilgraph.pipeline.preparation import CLASSES as PREPARED
from cybilgraph.pipeline.preparation import Known, fingerprint, judged, prepared, read_once
from cybilgraph.rdf.description import describe, describe_reference
from cybilgraph.rdf.forms import WRITERS, example
from cybilgraph.rdf.iati_activities import records_of_graph, write_activities
from cybilgraph.rdf.serialisation import serialise, statements
from cybilgraph.readers import Input, Place, count_inputs, find_inputs, read_input
from cybilgraph.readers.excerpts import with_cells, with_excerpts
from cybilgraph.readers.filesystems import at_hand
from cybilgraph.release import CLASSES as PIECES
from cybilgraph.release import ForgottenNames, Release, Releases
from cybilgraph.runtime.cache import BuildCache
from cybilgraph.runtime.clock import moment
from cybilgraph.runtime.cluster import workers_of
from cybilgraph.runtime.parallel import ProcessPool
from cybilgraph.runtime.spill import SpillList
from cybilgraph.validation import ShapeMessages, read_shapes, shapes_text, validate
from cybilgraph.validation.arbitrary_rdf import DataGraph, read_shapes_files, unknown_terms
from cybilgraph.validation.fixes import FixedFile, apply_fixes
from cybilgraph.validation.record_findings import context_triples, validate_records, validate_together


def read(*places: Place) -> Iterator[Record]:
    """The records at these places (files, folders, or "-"), with what their prose says.

    Raises SourceError at the first input that cannot be read.
    """
    for given in find_inputs(places):
        for record in read_input(given):
            yield derive(record)


def check(
    *places: Place,
    engine: str = "fast",
    as_of: date | None = None,
    since: str = "",
    kind: str = "",
    among: Iterable[Place] = (),
    excerpts: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Read and validate; everything that is wrong or missing is in the report.

    ``as_of`` is the day by which an end lies in the future: today, unless given. ``since`` names a
    commit of git: of the others, and of those ``among`` which all these stand, only what they break
    together with what has changed since then is told. ``kind`` is the suffix that standard input is
    read as. With ``excerpts``, each finding has its line. Raises SourceError where a place does not
    exist, or git cannot tell what has changed, AddressError where an address cannot be read.
    """
    with at_hand(places) as here:
        inputs, beside = chosen(here, since, kind, among)
        return check_inputs(inputs, engine, as_of, excerpts, progress, count_inputs(here), beside)


def check_inputs(
    inputs: Iterable[Input],
    engine: str = "fast",
    as_of: date | None = None,
    excerpts: bool = False,
    progress: Progress | None = None,
    total: int = 0,
    beside: Iterable[Input] = (),
) -> Report:
    """Like ``check``, of inputs that are at hand; ``total`` is their number, for the progress. Of those
    ``beside``, only what they break together with the others is told.
    """
    report, aside = Report(as_of=_day(as_of)), Report()
    seen: dict[str, Input] = {}
    unseen: dict[str, Input] = {}
    with Identities() as identities, Identities() as alone, ProcessPool() as crew:
        records = printed(inputs, total, report, read_input, progress, seen)
        others = _added(records_of(beside, 0, aside, seen=unseen), identities, alone)
        for one in validate_together(judged(records, report.as_of, engine, crew), report, engine, others):
            identities.add_captured(one.capture, one.source.name)
        known = set(alone.findings())
        report.extend(found for found in identities.findings() if found not in known)
        tell_once(report)
    met = {found.file for found in report.findings} - set(seen)
    report.files += [checked for checked in aside.files if checked.name in met]
    report.findings = (with_excerpts if excerpts else with_cells)(report.findings, unseen | seen)
    return report.sort()


def _added(records: Iterable[Record], *all_identities: Identities) -> Iterator[Record]:
    """The records, each when it was added."""
    for record in records:
        for identities in all_identities:
            identities.add(record)
        yield record


@dataclass(frozen=True, slots=True)
class CheckedInput:
    """One input, checked: the report, the records, and their graph in N-Triples."""

    report: Report
    records: list[Record]
    blocks: list[bytes]


def check_input(given: Input, as_of: date | None = None) -> CheckedInput:
    """Read and validate one input, as ``check`` with excerpts does; for who wants its records and graph as well."""
    report = Report(as_of=_day(as_of))
    records: list[Record] = []
    seen: dict[str, Input] = {}
    with Identities() as identities, Assembly(identities) as assembly:
        for record, lines in validate_records(records_of([given], 1, report, seen=seen), report):
            assembly.add(record, lines)
            records.append(record)
        report.extend(identities.findings())
        tell_once(report)
        blocks = list(assembly.blocks(history=False))
    report.findings = with_excerpts(report.findings, seen)
    return CheckedInput(report.sort(), records, blocks)


def check_rdf(
    *places: Place,
    shapes: Iterable[Place] = (),
    engine: str = "fast",
    as_of: date | None = None,
    since: str = "",
    kind: str = "",
    language: str = LANGUAGES[0],
    excerpts: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Validate RDF of any kind against any shapes: all files together are one data graph. Where no shapes
    are given, it is validated against all of ours, among our reference things.

    ``as_of``, ``since``, ``kind`` and ``excerpts`` are those of ``check``. ``language`` is that of the shapes'
    messages, where they have it. What cannot be read is in the report, and terms of SHACL that
    there are none of. Raises ShapesError where the shapes cannot be used, EnginesDisagree where both engines are
    asked and find different faults, SourceError where a place does not exist.
    """
    rules_files = list(find_inputs(shapes))
    report, graph = Report(as_of="" if rules_files else _day(as_of)), DataGraph()
    if rules_files:
        rules, others = read_shapes_files(rules_files), ""
    else:
        rules = read_shapes(f"{shapes_text()}\n{shapes_text(cross_record=True)}").text
        others = context_triples(report.as_of)
    slips = [found for file in rules_files for found in unknown_terms(file)]
    seen: dict[str, Input] = {}
    total = count_inputs(places)
    for given in chosen(places, since, kind)[0]:
        seen[given.name] = given
        report.sources += 1
        report.files.append(Checked(given.name, given.uri, tracked=given.tracked))
        try:
            report.statements += graph.add(given)
        except SourceError as error:
            report.unread += 1
            report.extend([unreadable(given, error)])
        if progress:
            progress(report.sources, total)
    if report.unread < report.sources:
        report.extend(graph.findings(validate(graph.ntriples + others, rules, engine), ShapeMessages(rules), language))
    if excerpts:
        report.findings = with_excerpts(report.findings, seen)
        slips = with_excerpts(slips, {file.name: file for file in rules_files})
    odd = {found.file for found in slips}
    report.files += [Checked(file.name, file.uri, tracked=file.tracked) for file in rules_files if file.name in odd]
    report.extend(slips)
    return report.sort()


@dataclass(frozen=True, slots=True)
class Mending:
    """The inputs that have fixes, with what these make of them, and the report of all inputs as they are then."""

    changes: list[tuple[Input, FixedFile]]
    report: Report


def mend(
    *places: Place,
    engine: str = "fast",
    as_of: date | None = None,
    since: str = "",
    kind: str = "",
    among: Iterable[Place] = (),
    progress: Progress | None = None,
) -> Mending:
    """What ``check`` looks at, with the fixes that are certain applied, and what is left then; nothing is written.

    A file that would read worse when it is mended keeps its text, and its fixes are refused.
    Raises SourceError as ``check`` does.
    """
    chosen_inputs, beside = chosen(places, since, kind, among)
    inputs = list(chosen_inputs)
    before = check_inputs(inputs, engine, as_of, True, progress, len(inputs), beside)
    fixes: dict[str, list[Fix]] = defaultdict(list)
    for found in before.findings:
        if found.fix:
            fixes[found.file].append(found.fix)
    changes = {given.name: _applied(given, fixes[given.name]) for given in inputs if given.name in fixes}
    while any(change.applied for change in changes.values()):
        mended = [
            replace(given, given=changes[given.name].content) if given.name in changes else given for given in inputs
        ]
        after = check_inputs(mended, engine, as_of, True, progress, len(inputs), beside)
        worse = [name for name, change in changes.items() if change.applied and _reads_worse(name, before, after)]
        if not worse:
            break
        changes |= {name: changes[name].reverted() for name in worse}
    else:
        after = before
    return Mending([(given, changes[given.name]) for given in inputs if given.name in changes], after)


def _applied(given: Input, fixes: Iterable[Fix]) -> FixedFile:
    with replace(given).open(sys.maxsize) as file:
        return apply_fixes(given.name, file.read(), fixes)


def _reads_worse(name: str, before: Report, after: Report) -> bool:
    """Whether a file has other records than before, or breaks a rule more often."""
    (records, violated), (records_after, violated_after) = (_read_as(name, report) for report in (before, after))
    return records != records_after or bool(violated_after - violated)


def _read_as(name: str, report: Report) -> tuple[int, Counter[str]]:
    """How many records a file has, and how often each rule is violated in it."""
    own = (found for found in report.findings if found.file == name)
    violated = Counter(found.rule for found in own if found.severity is Severity.VIOLATION)
    return sum(len(checked.records) for checked in report.files if checked.name == name), violated


def convert(places: Iterable[Place], fmt: Format, output: IO[bytes], progress: Progress | None = None) -> Report:
    """Write the triples of the records at these places, and nothing else.

    The report has what the reader found, and each input that could not be read.
    """

    def write(assembly: Assembly) -> None:
        serialise(assembly.blocks(history=fmt.kind is not FormatKind.GRAPH), fmt, output)

    return _converted(places, write, progress)


def convert_to_iati(places: Iterable[Place], output: IO[bytes], progress: Progress | None = None) -> Report:
    """Write the records at these places as activities of IATI; else like ``convert``."""

    def write(assembly: Assembly) -> None:
        write_activities(records_of_graph(assembly.blocks(history=False), assembly.shared()), output)

    return _converted(places, write, progress)


def _converted(places: Iterable[Place], write: Callable[[Assembly], None], progress: Progress | None) -> Report:
    report = Report()
    with at_hand(places) as here, Identities() as identities, Assembly(identities) as assembly:
        for record in records_of(find_inputs(here), count_inputs(here), report, progress):
            assembly.add(record, describe(record))
        report.extend(identities.findings())
        write(assembly)
    return report.sort()


def fill(places: Iterable[Place], form: str, output: IO[bytes], progress: Progress | None = None) -> Report:
    """Write a form (templates.WRITERS) with the records at these places, or with an example.

    The report has what the reader found, and each input that could not be read.
    """
    report = Report()
    places = list(places)
    records = list(records_of(find_inputs(places), count_inputs(places), report, progress))
    output.write(WRITERS[form](records or [example()]))
    return report.sort()


def build(
    places: Iterable[Place],
    into: Path,
    strict: bool = False,
    as_of: date | None = None,
    progress: Progress | None = None,
    *,
    wait: bool = False,
    dumps: bool = True,
    contacts: bool = True,
    cluster: str = "",
) -> tuple[Release, Report]:
    """Make a release of the records at these places, and make it the current one.

    A record that cannot be read, or that breaks a rule as of a day (today, unless given), is
    reported; the others go on. With ``strict``, any violation stops the release. While another
    build runs, ``wait`` for it. Without ``dumps``, nothing is made to be taken away; without
    ``contacts``, persons are left out, as those always are who are to be forgotten. With a
    ``cluster`` of Dask (its address, or local:N), its workers do what else the processors of this
    machine do: the release is the same, byte for byte. Raises SourceError where a place does not
    exist, AddressError where an address cannot be read, ReleaseError where the release cannot be made,
    ClusterError where there is no cluster; the earlier release stays.
    """
    report = Report(as_of=_day(as_of), findings=SpillList())
    names = reference()
    releases = Releases(into)
    with (
        at_hand(places) as here,
        releases.new(wait) as draft,
        ExitStack() as made_before,
        Identities(releases.identities()) as identities,
        Assembly(identities) as assembly,
        ProcessPool() as crew,
    ):
        hidden = _Hidden(contacts, releases.erased_hashes())
        remembered = made_before.enter_context(
            BuildCache(releases.build_cache, (*PREPARED, *PIECES), fingerprint() + repr(hidden).encode())
        )
        read = read_once(remembered, report.as_of, hidden)

        def keep(record: Known, page: bytes) -> None:
            if not record.hidden:
                draft.keep(page)

        records = printed(find_inputs(here), count_inputs(here), report, read, progress, keep=keep)
        with workers_of(cluster) if cluster else nullcontext(crew) as team:
            for one in validate_together(prepared(records, report.as_of, hidden, remembered, team), report):
                assembly.add_parted(one.capture, one.source.name, one.own, one.shared)
        report.extend(identities.findings())
        tell_once(report)
        report.sort()
        if not report.records:
            raise ReleaseError(
                "No record could be read",
                _first_reasons(report) or "Give a folder of records.",
            )
        if strict and not report.conforms:
            raise ReleaseError(
                f"{report.counts[Severity.VIOLATION]} violations, and the build is strict: no release was made",
                _first_reasons(report),
            )
        others = [*describe_reference(names), *statements(ONTOLOGY.read_bytes())]
        release = draft.finish(assembly.blocks(others), report, identities, remembered, crew, dumps=dumps)
    return release, report


@dataclass(frozen=True, slots=True)
class _Hidden:
    """Whether a contact is to be left out: as everybody is without ``contacts``, and who is ``erased_hashes``."""

    contacts: bool
    erased_hashes: ForgottenNames

    def __bool__(self) -> bool:
        """Whether anybody is left out."""
        return not self.contacts or bool(self.erased_hashes)

    def __call__(self, contact: Contact) -> bool:
        return not self.contacts or any(name in self.erased_hashes for name in (contact.name, contact.email))


def _day(given: date | None) -> str:
    return (given or moment().date()).isoformat()


def _first_reasons(report: Report, most: int = 3) -> str:
    violations = [found for found in report.findings if found.severity is Severity.VIOLATION]
    lines = [f"{found.file}{f':{found.line}' if found.line else ''}: {found.message}" for found in violations[:most]]
    if len(violations) > most:
        lines.append(f"… and {len(violations) - most} more: run cybilgraph check.")
    return "\n  ".join(lines)
