"""The pipeline from sources to records, triples, a report and a release.

``check`` runs the stages of ``build`` without the release, and ``convert`` also without validation. The command line
and the website call these functions.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date
from itertools import filterfalse
from pathlib import Path
from typing import IO

from cybilgraph.errors import DecisionError, ReleaseError
from cybilgraph.extraction import derive
from cybilgraph.identity import Identities
from cybilgraph.identity.assembly import Assembly, DecidedChange
from cybilgraph.identity.decisions import Decisions
from cybilgraph.model.findings import CheckedFile, Finding, Fix, Report, Severity
from cybilgraph.model.formats import Format, FormatKind
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Contact, Record
from cybilgraph.model.resources import read_ontology
from cybilgraph.model.rules import LANGUAGES, drop_superseded
from cybilgraph.model.site_profile import DEFAULT_PROFILE, SiteProfile
from cybilgraph.model.vocabulary import RULES, use_base
from cybilgraph.pipeline.preparation import (
    Progress,
    Work,
    fingerprint,
    prepare,
    read_derived_records,
    reporting,
    select_inputs,
)
from cybilgraph.rdf.description import describe, describe_reference
from cybilgraph.rdf.forms import WRITERS, example_record
from cybilgraph.rdf.iati_activities import actor_names, read_graph_records, require_publisher_id, write_activities
from cybilgraph.rdf.serialisation import serialise, turtle_to_ntriples
from cybilgraph.readers import Input, Location, count_inputs, find_inputs, read_input
from cybilgraph.readers.excerpts import with_cells, with_excerpts
from cybilgraph.readers.filesystems import local_copies
from cybilgraph.release import Release, Releases
from cybilgraph.release.forgotten import ForgottenNames, read_forgotten
from cybilgraph.release.redaction import redact
from cybilgraph.runtime.clock import build_time
from cybilgraph.runtime.parallel import ProcessPool, connect_cluster
from cybilgraph.runtime.spill import SpillList
from cybilgraph.validation import validate
from cybilgraph.validation.arbitrary_rdf import DataGraph, read_shapes_files, unknown_shape_terms, unknown_terms
from cybilgraph.validation.fixes import FixedFile, FixedWorkbook, apply_fixes
from cybilgraph.validation.record_findings import context_triples, validate_records, validate_together
from cybilgraph.validation.shapes import all_shapes_text, read_shapes


def read(*places: Location) -> Iterator[Record]:
    """Yield the records at these places (files, folders, or "-"), with the statements extracted from their prose.

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
    list_inferred: bool = False,
    progress: Progress | None = None,
    decisions: Path | None = None,
) -> Report:
    """Read and validate records; return a report of everything that is wrong or missing.

    ``as_of`` is the day against which dates are checked (default: today). With the git commit ``since``, only files
    changed since then are checked. Unchanged files and those ``among`` serve as context: only their conflicts with
    the checked files are reported. ``kind`` is the suffix of standard input. With ``excerpts``, findings include their
    line of text. With ``list_inferred``, what was inferred from prose is reported as information. ``decisions`` is a
    folder of curators' decisions: those that need a review are reported.

    Raises SourceError if a place does not exist or git fails, AddressError if an address cannot be read, DecisionError
    if the decisions cannot.
    """
    with local_copies(places) as local_places:
        inputs, context_inputs = select_inputs(local_places, since, kind, among)
        total = count_inputs(local_places)
        return check_inputs(inputs, engine, as_of, excerpts, progress, total, context_inputs, list_inferred, decisions)


def check_inputs(
    inputs: Iterable[Input],
    engine: str = "fast",
    as_of: date | None = None,
    excerpts: bool = False,
    progress: Progress | None = None,
    total: int = 0,
    context_inputs: Iterable[Input] = (),
    list_inferred: bool = False,
    decisions: Path | None = None,
) -> Report:
    """Check inputs like ``check``; ``total`` is their number, for the progress.

    Of the ``context_inputs``, only conflicts with the checked inputs are reported.
    """
    report, context_report = Report(as_of=_day(as_of)), Report()
    seen: dict[str, Input] = {}
    seen_context: dict[str, Input] = {}
    with (
        Decisions(decisions) as decided,
        Identities((), decided.same_records(), decided.distinct_records()) as identities,
        Identities() as context_identities,
        Assembly(identities) as assembly,
        ProcessPool() as pool,
    ):
        work = Work(report.as_of, engine, list_inferred=list_inferred)
        records = prepare(inputs, work, report, pool, total=total, progress=progress, seen=seen)

        def read_context() -> Iterator[Record]:
            for record in read_derived_records(context_inputs, 0, context_report, seen=seen_context):
                if decisions:
                    assembly.add(record, describe(record))
                else:
                    identities.add(record)
                context_identities.add(record)
                yield record

        def decide() -> Iterator[DecidedChange]:
            report.extend(assembly.decide(decided))
            return assembly.changes()

        for one in validate_together(records, report, engine, read_context(), decide):
            if decisions:
                assembly.add_split(one.identity, one.own, one.shared)
            else:  # nothing needs the graph
                identities.add_identity(one.identity)
        known = set(context_identities.findings())
        report.extend(found for found in identities.findings() if found not in known)
        drop_superseded(report)
    reported = {found.file for found in report.findings} - set(seen)
    report.files += [checked for checked in context_report.files if checked.name in reported]
    report.findings = (with_excerpts if excerpts else with_cells)(report.findings, seen_context | seen)
    return report.sort()


@dataclass(frozen=True, slots=True)
class CheckedInput:
    """The report, the records and the graph (N-Triples) of one checked input."""

    report: Report
    records: list[Record]
    blocks: list[bytes]


def check_input(input_file: Input, as_of: date | None = None) -> CheckedInput:
    """Check one input like ``check`` with excerpts, and return its records and graph as well."""
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
    """Validate any RDF against any shapes; all files together form one data graph.

    Without ``shapes``, validates against our own shapes and together with our reference data. ``as_of``, ``since``,
    ``kind`` and ``excerpts`` are as in ``check``. ``language`` selects the language of the shapes' messages. The report
    includes unreadable inputs, unknown terms of SHACL in ``shapes``, and of our ontology without ``shapes``.

    Raises ShapesError if the shapes cannot be used, EnginesDisagree if both engines run and their results differ,
    SourceError if a place does not exist.
    """
    rules_files = list(find_inputs(shapes))
    report, graph = Report(as_of="" if rules_files else _day(as_of)), DataGraph()
    if rules_files:
        rules, others = read_shapes_files(rules_files), ""
    else:
        rules = read_shapes(all_shapes_text()).text
        others = context_triples(report.as_of)
    unknown = [found for file in rules_files for found in unknown_shape_terms(file)]
    seen: dict[str, Input] = {}
    total = count_inputs(places)
    for input_file in select_inputs(places, since, kind)[0]:
        with reporting(input_file, report, total, progress, seen):
            report.statements += graph.add(input_file)
            if not rules_files:
                report.extend(unknown_terms(input_file))
    if report.unread < report.sources:
        report.extend(graph.findings(validate(graph.ntriples + others, rules, engine), rules, language))
    if excerpts:
        report.findings = with_excerpts(report.findings, seen)
        unknown = with_excerpts(unknown, {file.name: file for file in rules_files})
    reported = {found.file for found in unknown}
    report.files += [
        CheckedFile(file.name, file.uri, tracked=file.tracked) for file in rules_files if file.name in reported
    ]
    report.extend(unknown)
    return report.sort()


@dataclass(frozen=True, slots=True)
class FixRun:
    """The inputs with fixes and their fixed content, and the report on all inputs after the fixes."""

    changes: list[tuple[Input, FixedFile | FixedWorkbook]]
    report: Report


def fix_files(
    *places: Location,
    engine: str = "fast",
    as_of: date | None = None,
    since: str = "",
    kind: str = "",
    among: Iterable[Location] = (),
    progress: Progress | None = None,
    proposals: bool = False,
) -> FixRun:
    """Check like ``check``, apply the safe fixes in memory, and check again; write nothing.

    With ``proposals``, also apply the corrections that a person must confirm.

    The fixes of a file are refused if they would change its records or break more rules. Raises SourceError as
    ``check`` does.
    """
    chosen_inputs, context_inputs = select_inputs(places, since, kind, among)
    inputs = list(chosen_inputs)
    before = check_inputs(inputs, engine, as_of, True, progress, len(inputs), context_inputs)
    fixes: dict[str, list[Fix]] = defaultdict(list)
    for found in before.findings:
        if fix := found.fix or (found.proposal if proposals else None):
            fixes[found.file].append(fix)
    changes = {
        input_file.name: _apply(input_file, fixes[input_file.name]) for input_file in inputs if input_file.name in fixes
    }
    while any(change.applied for change in changes.values()):
        fixed = [
            replace(input_file, data=changes[input_file.name].content) if input_file.name in changes else input_file
            for input_file in inputs
        ]
        after = check_inputs(fixed, engine, as_of, True, progress, len(inputs), context_inputs)
        worse = [name for name, change in changes.items() if change.applied and _is_worse(name, before, after)]
        if not worse:
            break
        changes |= {name: changes[name].reverted() for name in worse}
    else:
        after = before
    return FixRun(
        [(input_file, changes[input_file.name]) for input_file in inputs if input_file.name in changes], after
    )


def _apply(input_file: Input, fixes: Iterable[Fix]) -> FixedFile | FixedWorkbook:
    with replace(input_file).open(sys.maxsize) as file:
        return apply_fixes(input_file.name, file.read(), fixes)


def _is_worse(name: str, before: Report, after: Report) -> bool:
    """Return whether a file has a different number of records than before, or more violations of a rule."""
    (records, violations), (records_after, violations_after) = (_counts(name, report) for report in (before, after))
    return records != records_after or bool(violations_after - violations)


def _counts(name: str, report: Report) -> tuple[int, Counter[str]]:
    """Return the number of records in a file, and the number of violations of each rule."""
    own = (found for found in report.findings if found.file == name)
    violations = Counter(found.rule for found in own if found.severity is Severity.VIOLATION)
    return sum(len(checked.records) for checked in report.files if checked.name == name), violations


def reference_triples(as_of: date | None = None) -> list[str]:
    """Return the triples that the rules need besides records: the reference data, and the day of the check."""
    return context_triples(_day(as_of)).split("\n")


def shapes_bundle(as_of: date | None = None, publisher: bool = False) -> bytes:
    """Return our shapes with the triples that they need, in Turtle, for other SHACL engines.

    With ``publisher``, includes the shapes that concern only the publisher of the records.
    """
    texts = [all_shapes_text(publisher), *reference_triples(as_of)]
    return ("\n".join(texts) + "\n").encode()


def convert(
    places: Iterable[Location],
    fmt: Format | None,
    output: IO[bytes],
    progress: Progress | None = None,
    *,
    stated_only: bool = False,
    others: Iterable[str] = (),
    profile: SiteProfile = DEFAULT_PROFILE,
) -> Report:
    """Write the records at these places, and ``others``, as triples; without a format, as IATI activities.

    With ``stated_only``, extract nothing from prose. The site of the ``profile`` reports the activities, and decides
    whether contacts are included. The report
    contains the findings of the readers, and the inputs that could not be read. Raises SiteError if the
    profile lacks what IATI requires.
    """
    use_base(profile.base)
    if fmt is None:
        require_publisher_id(profile)
    report, work = Report(), Work(hidden=_redaction_rule(profile), stated_only=stated_only)
    with (
        local_copies(places) as local_places,
        Identities() as identities,
        Assembly(identities) as assembly,
        ProcessPool() as pool,
    ):
        inputs, total = find_inputs(local_places), count_inputs(local_places)
        for one in prepare(inputs, work, report, pool, total=total, progress=progress):
            report.extend(one.findings)
            assembly.add_split(one.identity, one.own, one.shared)
        report.extend(identities.findings())
        if fmt:
            serialise(assembly.blocks(others, history=fmt.kind is not FormatKind.GRAPH), fmt, output)
        else:
            names = actor_names(f"{line}\n".encode() for line in assembly.shared())
            write_activities(read_graph_records(assembly.blocks(history=False), names), output, profile)
    return report.sort()


def write_form(places: Iterable[Location], form: str, output: IO[bytes], progress: Progress | None = None) -> Report:
    """Write a form (``rdf.forms.WRITERS``) with the records at these places, or with an example.

    The report contains the findings of the readers, and the inputs that could not be read.
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
    contacts: bool | None = None,
    stated_only: bool = False,
    cluster: str = "",
    decisions: Path | None = None,
    profile: SiteProfile = DEFAULT_PROFILE,
) -> tuple[Release, Report]:
    """Build a release of the records at these places, and make it the current one.

    Inputs that cannot be read and violations of rules (as of the given day, by default today) are reported, and do not
    stop the build. With ``strict``, any violation does. ``wait`` waits for another running build. ``dumps`` adds the
    downloads. Without ``contacts`` (by default, the ``profile`` decides), the release contains no persons; erased
    persons are always left out. ``stated_only`` extracts nothing from prose. With a Dask ``cluster`` (its address, or
    local:N), the cluster's workers replace the local processors; the release has the same bytes. The curators'
    ``decisions`` in a folder take precedence over the records. The release describes itself with the ``profile`` of
    the site.

    Raises SourceError if a place does not exist, AddressError if an address cannot be read, ReleaseError if the
    release cannot be built, ClusterError if the cluster does not respond, DecisionError if the decisions cannot be
    read. In each case the earlier release stays.
    """
    use_base(profile.base)
    report = Report(as_of=_day(as_of), findings=SpillList())
    names = load_gazetteer()
    releases = Releases(into)
    if contacts is not None:
        profile = replace(profile, contacts=contacts)
    with (
        local_copies(places) as local_places,
        releases.new(wait) as draft,
        Decisions(decisions) as decided,
        Identities(releases.identities(profile), decided.same_records(), decided.distinct_records()) as identities,
        Assembly(identities) as assembly,
        ProcessPool() as pool,
    ):
        if lost := decided.lost_rejections:
            raise DecisionError(
                f"{decisions}: broken lines ({len(lost)}) may reject what the release would publish",
                f"{_first_reasons(Report(findings=lost))}\n  Correct them. To see all: "
                f"cybilgraph check SOURCE --decisions {decisions}",
            )
        hidden = _redaction_rule(profile, read_forgotten(into))
        work = Work(report.as_of, "fast", hidden, stated_only=stated_only, code=fingerprint() if cluster else b"")
        with connect_cluster(cluster) if cluster else nullcontext(pool) as executor:
            records = prepare(
                find_inputs(local_places),
                work,
                report,
                executor,
                total=count_inputs(local_places),
                progress=progress,
                on_page=draft.add_source,
                on_other=draft.add_texts,
            )

            def decide() -> Iterator[DecidedChange]:
                report.extend(assembly.decide(decided, lambda record: redact(record, hidden)))
                return assembly.changes()

            for one in validate_together(records, report, decided=decide):
                assembly.add_split(one.identity, one.own, one.shared)
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
                f"No release was built, because of {report.counts[Severity.VIOLATION]} violations (--strict)",
                _first_reasons(report),
            )
        if decisions:
            report.findings = _publishable(report.findings, assembly)
            report.sort()
        others = [*describe_reference(names), *turtle_to_ntriples(read_ontology())]
        release = draft.finish(assembly.blocks(others), report, identities, pool, dumps=dumps, profile=profile)
    return release, report


@dataclass(frozen=True, slots=True)
class _RedactionRule:
    """Decides whether a contact is left out: everybody without ``contacts``, and always the erased persons."""

    contacts: bool
    erased: ForgottenNames

    def __call__(self, contact: Contact) -> bool:
        return not self.contacts or contact.name in self.erased or contact.email in self.erased


def _redaction_rule(profile: SiteProfile, erased: ForgottenNames | None = None) -> _RedactionRule | None:
    """Return the rule for the contacts of a site, or None if it publishes all of them."""
    erased = erased or ForgottenNames()
    return _RedactionRule(profile.contacts, erased) if erased.hashes or not profile.contacts else None


def _day(as_of: date | None) -> str:
    return (as_of or build_time().date()).isoformat()


def _publishable(findings: Iterable[Finding], assembly: Assembly) -> SpillList[Finding]:
    """Return findings without what curators rejected, and without the files of decisions, which name a curator."""
    kept: SpillList[Finding] = SpillList()
    for found in filterfalse(assembly.is_withheld, findings):
        is_about_decision = found.rule.startswith(f"{RULES}decision-")
        kept.extend([replace(found, file="", line=0) if is_about_decision else found])
    return kept


def _first_reasons(report: Report, limit: int = 3) -> str:
    violations = [found for found in report.findings if found.severity is Severity.VIOLATION]
    lines = [f"{found.file}{f':{found.line}' if found.line else ''}: {found.message}" for found in violations[:limit]]
    if len(violations) > limit:
        lines.append(f"… and {len(violations) - limit} more: run cybilgraph check.")
    return "\n  ".join(lines)
