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
from cybilgraph.model.findings import CheckedFile, Fix, Report, Severity
from cybilgraph.model.formats import Format, FormatKind
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Contact, Record
from cybilgraph.model.resources import ONTOLOGY
from cybilgraph.model.rules import LANGUAGES, drop_superseded
from cybilgraph.pipeline.intake import Progress, read_derived_records, read_records, select_inputs, unreadable_finding
from cybilgraph.pipeline.preparation import CLASSES as RECORD_CLASSES
from cybilgraph.pipeline.preparation import LazyRecord, check_records, fingerprint, make_cached_reader, prepare_records
from cybilgraph.rdf.description import describe, describe_reference
from cybilgraph.rdf.forms import WRITERS, example_record
from cybilgraph.rdf.iati_activities import read_graph_records, write_activities
from cybilgraph.rdf.serialisation import serialise, turtle_to_ntriples
from cybilgraph.readers import Input, Location, count_inputs, find_inputs, read_input
from cybilgraph.readers.excerpts import with_cells, with_excerpts
from cybilgraph.readers.filesystems import local_copies
from cybilgraph.release import CLASSES as CHUNK_CLASSES
from cybilgraph.release import ForgottenNames, Release, Releases
from cybilgraph.runtime.cache import BuildCache
from cybilgraph.runtime.clock import build_time
from cybilgraph.runtime.cluster import connect_cluster
from cybilgraph.runtime.parallel import ProcessPool
from cybilgraph.runtime.spill import SpillList
from cybilgraph.validation import ShapeMessages, read_shapes, shapes_text, validate
from cybilgraph.validation.arbitrary_rdf import DataGraph, read_shapes_files, unknown_terms
from cybilgraph.validation.fixes import FixedFile, apply_fixes
from cybilgraph.validation.record_findings import context_triples, validate_records, validate_together


def read(*places: Location) -> Iterator[Record]:
    """The records at these places (files, folders, or "-"), with what their prose says.

    Raises SourceError at the first input that cannot be read.
    """
    for input_file in find_inputs(places):
        for record in read_input(input_file):
            yield derive(record)


def check(
    *places: Location,
    engine: str = "fast",
    as_of: date | None = None,
    since: str = "",
    kind: str = "",
    among: Iterable[Location] = (),
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
    with local_copies(places) as here:
        inputs, context_inputs = select_inputs(here, since, kind, among)
        return check_inputs(inputs, engine, as_of, excerpts, progress, count_inputs(here), context_inputs)


def check_inputs(
    inputs: Iterable[Input],
    engine: str = "fast",
    as_of: date | None = None,
    excerpts: bool = False,
    progress: Progress | None = None,
    total: int = 0,
    context_inputs: Iterable[Input] = (),
) -> Report:
    """Like ``check``, of inputs that are at hand; ``total`` is their number, for the progress. Of those
    ``context_inputs``, only what they break together with the others is told.
    """
    report, other_report = Report(as_of=_day(as_of)), Report()
    seen: dict[str, Input] = {}
    unseen: dict[str, Input] = {}
    with Identities() as identities, Identities() as alone, ProcessPool() as pool:
        records = read_records(inputs, total, report, read_input, progress, seen)
        others = _add_to_all(read_derived_records(context_inputs, 0, other_report, seen=unseen), identities, alone)
        for one in validate_together(check_records(records, report.as_of, engine, pool), report, engine, others):
            identities.add_identity(one.capture, one.source.name)
        known = set(alone.findings())
        report.extend(found for found in identities.findings() if found not in known)
        drop_superseded(report)
    met = {found.file for found in report.findings} - set(seen)
    report.files += [checked for checked in other_report.files if checked.name in met]
    report.findings = (with_excerpts if excerpts else with_cells)(report.findings, unseen | seen)
    return report.sort()


def _add_to_all(records: Iterable[Record], *all_identities: Identities) -> Iterator[Record]:
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


def check_input(input_file: Input, as_of: date | None = None) -> CheckedInput:
    """Read and validate one input, as ``check`` with excerpts does; for who wants its records and graph as well."""
    report = Report(as_of=_day(as_of))
    records: list[Record] = []
    seen: dict[str, Input] = {}
    with Identities() as identities, Assembly(identities) as assembly:
        for record, lines in validate_records(read_derived_records([input_file], 1, report, seen=seen), report):
            assembly.add(record, lines)
            records.append(record)
        report.extend(identities.findings())
        drop_superseded(report)
        blocks = list(assembly.blocks(history=False))
    report.findings = with_excerpts(report.findings, seen)
    return CheckedInput(report.sort(), records, blocks)


def check_rdf(
    *places: Location,
    shapes: Iterable[Location] = (),
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
    for input_file in select_inputs(places, since, kind)[0]:
        seen[input_file.name] = input_file
        report.sources += 1
        report.files.append(CheckedFile(input_file.name, input_file.uri, tracked=input_file.tracked))
        try:
            report.statements += graph.add(input_file)
        except SourceError as error:
            report.unread += 1
            report.extend([unreadable_finding(input_file, error)])
        if progress:
            progress(report.sources, total)
    if report.unread < report.sources:
        report.extend(graph.findings(validate(graph.ntriples + others, rules, engine), ShapeMessages(rules), language))
    if excerpts:
        report.findings = with_excerpts(report.findings, seen)
        slips = with_excerpts(slips, {file.name: file for file in rules_files})
    odd = {found.file for found in slips}
    report.files += [CheckedFile(file.name, file.uri, tracked=file.tracked) for file in rules_files if file.name in odd]
    report.extend(slips)
    return report.sort()


@dataclass(frozen=True, slots=True)
class FixRun:
    """The inputs that have fixes, with what these make of them, and the report of all inputs as they are then."""

    changes: list[tuple[Input, FixedFile]]
    report: Report


def fix_files(
    *places: Location,
    engine: str = "fast",
    as_of: date | None = None,
    since: str = "",
    kind: str = "",
    among: Iterable[Location] = (),
    progress: Progress | None = None,
) -> FixRun:
    """What ``check`` looks at, with the fixes that are certain applied, and what is left then; nothing is written.

    A file that would read worse when it is mended keeps its text, and its fixes are refused.
    Raises SourceError as ``check`` does.
    """
    chosen_inputs, context_inputs = select_inputs(places, since, kind, among)
    inputs = list(chosen_inputs)
    before = check_inputs(inputs, engine, as_of, True, progress, len(inputs), context_inputs)
    fixes: dict[str, list[Fix]] = defaultdict(list)
    for found in before.findings:
        if found.fix:
            fixes[found.file].append(found.fix)
    changes = {
        input_file.name: _apply(input_file, fixes[input_file.name]) for input_file in inputs if input_file.name in fixes
    }
    while any(change.applied for change in changes.values()):
        mended = [
            replace(input_file, data=changes[input_file.name].content) if input_file.name in changes else input_file
            for input_file in inputs
        ]
        after = check_inputs(mended, engine, as_of, True, progress, len(inputs), context_inputs)
        worse = [name for name, change in changes.items() if change.applied and _reads_worse(name, before, after)]
        if not worse:
            break
        changes |= {name: changes[name].reverted() for name in worse}
    else:
        after = before
    return FixRun(
        [(input_file, changes[input_file.name]) for input_file in inputs if input_file.name in changes], after
    )


def _apply(input_file: Input, fixes: Iterable[Fix]) -> FixedFile:
    with replace(input_file).open(sys.maxsize) as file:
        return apply_fixes(input_file.name, file.read(), fixes)


def _reads_worse(name: str, before: Report, after: Report) -> bool:
    """Whether a file has other records than before, or breaks a rule more often."""
    (records, violated), (records_after, violated_after) = (_read_as(name, report) for report in (before, after))
    return records != records_after or bool(violated_after - violated)


def _read_as(name: str, report: Report) -> tuple[int, Counter[str]]:
    """How many records a file has, and how often each rule is violated in it."""
    own = (found for found in report.findings if found.file == name)
    violated = Counter(found.rule for found in own if found.severity is Severity.VIOLATION)
    return sum(len(checked.records) for checked in report.files if checked.name == name), violated


def convert(places: Iterable[Location], fmt: Format, output: IO[bytes], progress: Progress | None = None) -> Report:
    """Write the triples of the records at these places, and nothing else.

    The report has what the reader found, and each input that could not be read.
    """

    def write(assembly: Assembly) -> None:
        serialise(assembly.blocks(history=fmt.kind is not FormatKind.GRAPH), fmt, output)

    return _convert(places, write, progress)


def convert_to_iati(places: Iterable[Location], output: IO[bytes], progress: Progress | None = None) -> Report:
    """Write the records at these places as activities of IATI; else like ``convert``."""

    def write(assembly: Assembly) -> None:
        write_activities(read_graph_records(assembly.blocks(history=False), assembly.shared()), output)

    return _convert(places, write, progress)


def _convert(places: Iterable[Location], write: Callable[[Assembly], None], progress: Progress | None) -> Report:
    report = Report()
    with local_copies(places) as here, Identities() as identities, Assembly(identities) as assembly:
        for record in read_derived_records(find_inputs(here), count_inputs(here), report, progress):
            assembly.add(record, describe(record))
        report.extend(identities.findings())
        write(assembly)
    return report.sort()


def write_form(places: Iterable[Location], form: str, output: IO[bytes], progress: Progress | None = None) -> Report:
    """Write a form (templates.WRITERS) with the records at these places, or with an example.

    The report has what the reader found, and each input that could not be read.
    """
    report = Report()
    places = list(places)
    records = list(read_derived_records(find_inputs(places), count_inputs(places), report, progress))
    output.write(WRITERS[form](records or [example_record()]))
    return report.sort()


def build(
    places: Iterable[Location],
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
    names = load_gazetteer()
    releases = Releases(into)
    with (
        local_copies(places) as here,
        releases.new(wait) as draft,
        ExitStack() as made_before,
        Identities(releases.identities()) as identities,
        Assembly(identities) as assembly,
        ProcessPool() as pool,
    ):
        hidden = _RedactionRule(contacts, releases.erased_hashes())
        remembered = made_before.enter_context(
            BuildCache(releases.build_cache, (*RECORD_CLASSES, *CHUNK_CLASSES), fingerprint() + repr(hidden).encode())
        )
        read = make_cached_reader(remembered, report.as_of, hidden)

        def keep(record: LazyRecord, page: bytes) -> None:
            if not record.hidden:
                draft.keep(page)

        records = read_records(find_inputs(here), count_inputs(here), report, read, progress, keep=keep)
        with connect_cluster(cluster) if cluster else nullcontext(pool) as executor:
            for one in validate_together(prepare_records(records, report.as_of, hidden, remembered, executor), report):
                assembly.add_split(one.capture, one.source.name, one.own, one.shared)
        report.extend(identities.findings())
        drop_superseded(report)
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
        others = [*describe_reference(names), *turtle_to_ntriples(ONTOLOGY.read_bytes())]
        release = draft.finish(assembly.blocks(others), report, identities, remembered, pool, dumps=dumps)
    return release, report


@dataclass(frozen=True, slots=True)
class _RedactionRule:
    """Whether a contact is to be left out: as everybody is without ``contacts``, and who is ``erased_hashes``."""

    contacts: bool
    erased_hashes: ForgottenNames

    def __bool__(self) -> bool:
        """Whether anybody is left out."""
        return not self.contacts or bool(self.erased_hashes)

    def __call__(self, contact: Contact) -> bool:
        return not self.contacts or any(name in self.erased_hashes for name in (contact.name, contact.email))


def _day(as_of: date | None) -> str:
    return (as_of or build_time().date()).isoformat()


def _first_reasons(report: Report, most: int = 3) -> str:
    violations = [found for found in report.findings if found.severity is Severity.VIOLATION]
    lines = [f"{found.file}{f':{found.line}' if found.line else ''}: {found.message}" for found in violations[:most]]
    if len(violations) > most:
        lines.append(f"… and {len(violations) - most} more: run cybilgraph check.")
    return "\n  ".join(lines)
