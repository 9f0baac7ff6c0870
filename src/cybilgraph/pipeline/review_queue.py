"""Select what curators should decide on in a release.

These are decisions about texts that have changed since, uncertain claims, and organisations not in the reference data.

Claims come in order of uncertainty. A tenth of them are chosen at random, so that the decisions also show how often
claims that seem certain are wrong. Memory does not grow with the release.
"""

from __future__ import annotations

import hashlib
import heapq
from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count, groupby
from operator import itemgetter
from pathlib import Path
from urllib.parse import unquote

from cybilgraph.errors import SourceError
from cybilgraph.identity.decision_layer import Claim, claim_key, find_resource, read_claims, subject_value
from cybilgraph.identity.decisions import (
    ACTOR,
    COLUMNS,
    Decision,
    Decisions,
    Verdict,
    append_decisions,
    deciding,
    is_link,
    kind_of,
)
from cybilgraph.model.fields import BY_NAME, Field, FieldKind
from cybilgraph.model.gazetteer import closest_match, load_gazetteer
from cybilgraph.model.record import Basis, EvidenceLevel
from cybilgraph.model.vocabulary import DCTERMS, RULES, SKOS, thing_iri
from cybilgraph.rdf.ntriples import format_decimal, term_text
from cybilgraph.rdf.serialisation import is_in_earlier_graph
from cybilgraph.readers import Input
from cybilgraph.readers.cells import cell_name
from cybilgraph.readers.tabular import TableRow
from cybilgraph.readers.workbooks import table_rows
from cybilgraph.release import Release
from cybilgraph.release.graph_file import GRAPH, read_graph, resource_of
from cybilgraph.release.manifest import REPORT
from cybilgraph.release.report_file import read_findings

#: The rule about decisions whose text has changed.
_REVIEW = f"{RULES}decision-review"
#: One claim in this many is chosen at random.
_RANDOM_SHARE = 10
#: Claims that have this probability of being right are the least certain.
_UNCERTAIN = 0.5
#: Claims found in prose; a curator has not decided on them yet.
OPEN = tuple(basis for basis in Basis if basis not in EvidenceLevel.STATED.bases)
#: The roles that a curator may give a claim instead, in the order of their number keys.
ROLES = ("funder", "implementer", "partner", "beneficiary", "unspecified")
#: The lowest similarity of a listed name that is offered for an unlisted one.
_MIN_SCORE = 60
#: The maximum number of wrong cells that an error message lists.
_MAX_PROBLEMS = 10


class Question(ABC):
    """Something that a curator decides on."""

    __slots__ = ()

    @abstractmethod
    def decide(self, who: str, verdict: Verdict) -> Decision:
        """Return a decision."""

    def settled(self, folder: Path) -> Decision | None:
        """Return the decision in a folder that has answered it meanwhile, if there is one. Raises DecisionError."""
        return earlier_decision(folder, self.decide("", Verdict.YES))

    def answer(self, folder: Path, one: Decision) -> Decision:
        """Add a decision and return it, or the one that has answered the question meanwhile. Raises DecisionError."""
        return decide_once(folder, one)

    def take_back(self, folder: Path, one: Decision) -> None:
        """Undo an answer. Raises DecisionError."""
        append_decisions(folder, [one.undo()])


@dataclass(frozen=True, slots=True)
class OpenClaim(Question):
    """A claim to decide on. It links to what ``name`` names; ``claims`` are all the claims of its record.

    ``known`` has the field and the name of each other claim.
    """

    record: str
    title: str
    claim: Claim
    claims: list[Claim]
    name: str = ""
    known: tuple[tuple[str, str], ...] = ()

    @property
    def meaning(self) -> str:
        """What a link of this kind says, from the table of fields."""
        return BY_NAME[self.claim.field].about if self.claim.field in BY_NAME else ""

    @property
    def subject(self) -> str:
        """The value by which a decision refers to what the claim links to."""
        return subject_value(kind_of(self.claim.field), self.claim.key, self.name)

    def decide(self, who: str, verdict: Verdict, new_field: str = "", new_value: str = "", why: str = "") -> Decision:
        """Return a decision about the claim."""
        return Decision(
            record=self.record,
            field=self.claim.field,
            value=self.subject,
            verdict=verdict,
            new_field=new_field,
            new_value=new_value,
            who=who,
            why=why,
            basis=self.claim.basis,
            sentence="\n".join(self.claim.sentences),
        ).simplified()


@dataclass(frozen=True, slots=True)
class ChangedDecision(Question):
    """A decision about a text that has changed since, and the same decision for the present text.

    ``sentences`` are what the claim now quotes, if the release publishes it.
    """

    made: Decision
    renewed: Decision
    title: str
    sentences: tuple[str, ...] = ()

    def decide(self, who: str, verdict: Verdict) -> Decision:
        """Return a decision that keeps it (``YES``) or withdraws it (``UNDO``)."""
        return self.made.undo(who) if verdict is Verdict.UNDO else replace(self.renewed, who=who)

    def settled(self, folder: Path) -> Decision | None:
        """Return the decision in a folder that has replaced it, if there is one. Raises DecisionError."""
        now = earlier_decision(folder, self.renewed)
        return now if now and now.id != self.made.id else None

    def answer(self, folder: Path, one: Decision) -> Decision:
        """Add a decision and return it, or another one that has replaced this one. Raises DecisionError."""
        return decide_once(folder, one, self.made.id)

    def take_back(self, folder: Path, one: Decision) -> None:
        """Undo an answer; the undoing of a decision is undone by making it again. Raises DecisionError."""
        again = replace(self.made, id="", when="")
        append_decisions(folder, [again if one.verdict is Verdict.UNDO else one.undo()])


@dataclass(slots=True)
class UnlistedActor(Question):
    """An organisation not in the reference data: how many claims name it, one of them, and the most similar name."""

    key: str
    example: OpenClaim
    count: int = 1
    name: str = ""
    similar: str = ""

    def decide(self, who: str, verdict: Verdict, new_value: str = "") -> Decision:
        """Return a decision about the organisation in all records."""
        value = subject_value("actor", self.key, self.name)
        sentence = "\n".join(self.example.claim.sentences)
        return Decision(field=ACTOR, value=value, verdict=verdict, new_value=new_value, who=who, sentence=sentence)


def changed_decisions(release: Release, folder: Path) -> list[ChangedDecision]:
    """Return the decisions in a folder that a release reports because the text has changed since."""
    reported = (one["values"] for one in read_findings(release.folder / REPORT, rule=_REVIEW))
    found: dict[str, dict[str, str]] = {values.get("decision", ""): values for values in reported}
    with Decisions(folder if found else None) as decided:
        made = [one for record in decided.records() for one in decided.of(record) if one.id in found]
    records = {one.record for one in made}
    titles, sentences = dict.fromkeys(records, ""), dict[tuple[str, str, str], list[str]]()
    for key, title, claims in _projects(release) if made else ():
        if key in records:
            titles[key] = title
            sentences |= {(key, claim.field, claim.key): claim.sentences for claim in claims}
    return [
        ChangedDecision(
            one,
            one.renew(found[one.id]["basis"], found[one.id]["sha256"]),
            titles[one.record],
            tuple(sentences.get((one.record, *_claim_after(one)), ())),
        )
        for one in made
    ]


def _claim_after(one: Decision) -> tuple[str, str]:
    """Return the field and the key of the claim that a decision confirms, or puts in place of another."""
    after = replace(one, field=one.new_field or one.field, value=one.new_value or one.value)
    return after.field, claim_key(after)


def open_claims(release: Release, folder: Path, limit: int, seed: int) -> list[OpenClaim]:
    """Return the claims of a release to decide on, without those that the decisions in a folder are about."""
    uncertain, drawn = _Lowest(limit), _Lowest(max(limit // _RANDOM_SHARE, 1))
    with Decisions(folder) as decided:
        for key, title, claims in _projects(release):
            subjects = {(one.field, claim_key(one)) for one in decided.of(key)}
            for claim in claims:
                if claim.basis in OPEN and (claim.field, claim.key) not in subjects:
                    one = OpenClaim(key, title, claim, claims)
                    chance = hashlib.sha256(f"{seed} {claim.node}".encode()).digest()
                    uncertain.add(abs(claim.confidence - _UNCERTAIN), one)
                    drawn.add(int.from_bytes(chance[:6]), one)
    by_chance = drawn.values()
    rest = [one for one in uncertain.values() if not any(one is other for other in by_chance)]
    chosen: list[OpenClaim] = []
    while (rest or by_chance) and len(chosen) < limit:
        is_random = by_chance and (not rest or len(chosen) % _RANDOM_SHARE == _RANDOM_SHARE // 2)
        chosen.append((by_chance if is_random else rest).pop(0))
    names = _names(release, {(kind_of(claim.field), claim.key) for one in chosen for claim in one.claims})
    return [
        replace(
            one,
            name=_name(one.claim, names),
            known=tuple((other.field, _name(other, names)) for other in one.claims if other is not one.claim),
        )
        for one in chosen
    ]


def name_span(text: str, name: str, key: str, field: str) -> tuple[int, int]:
    """Return where a text has the name of what a claim links to, in any of its printed forms; (0, 0) if it has not."""
    entry = load_gazetteer().entries.get(kind_of(field), {}).get(key)
    without_qualifier = name.partition(" (")[0]  # the text may say it in other words
    for form in (name, *sorted((entry.names if entry else ()), key=len, reverse=True), without_qualifier):
        if (start := text.casefold().find(form.casefold())) >= 0:
            return start, start + len(form)
    return 0, 0


def earlier_decision(folder: Path, one: Decision) -> Decision | None:
    """Return the decision in force on the same subject, if there is one. Raises DecisionError."""
    with Decisions(folder, one.record or one.field) as decided:
        return next(iter(_on_same_subject(decided, one)), None)


def _on_same_subject(decided: Decisions, one: Decision) -> list[Decision]:
    """Return the decisions in force on what a decision is about, which each may give by key or by name."""
    subject = one.field, claim_key(one)
    return [other for other in decided.of(one.record) if (other.field, claim_key(other)) == subject]


def decide_once(folder: Path, one: Decision, replaces: str = "") -> Decision:
    """Add a decision and return it; if there is one on the same subject already, return that one instead.

    The new one may replace the decision with the id ``replaces``. Raises DecisionError.
    """
    with deciding(folder):
        earlier = earlier_decision(folder, one)
        return earlier if earlier and earlier.id != replaces else append_decisions(folder, [one])[0]


def unlisted_actors(release: Release, folder: Path, limit: int) -> list[UnlistedActor]:
    """Return the organisations of a release that are not in the reference data, those with the most claims first.

    Those that the decisions in a folder are about are left out.
    """
    found: dict[str, UnlistedActor] = {}
    listed = load_gazetteer().entries["actor"]
    for record, title, claims in _projects(release):
        for claim in claims:
            if kind_of(claim.field) == "actor" and claim.key not in listed:
                if claim.key in load_gazetteer().governments:
                    continue
                if known := found.get(claim.key):
                    known.count += 1
                else:
                    found[claim.key] = UnlistedActor(claim.key, OpenClaim(record, title, claim, claims))
    names = _names(release, {("actor", key) for key in found})
    with Decisions(folder) as decided:
        subjects = {one.value for one in decided.of("")}
    chosen: list[UnlistedActor] = []
    for one in sorted(found.values(), key=lambda one: (-one.count, one.key)):
        one.name = names.get(("actor", one.key), one.key)
        if one.key not in subjects and one.name not in subjects and len(chosen) < limit:
            chosen.append(one)
    known_names = [name for entry in listed.values() for name in entry.names]
    for one in chosen:
        one.example = replace(one.example, name=one.name)
        one.similar = closest_match(one.name, known_names, _MIN_SCORE)
    return chosen


class _Lowest:
    """The claims of lowest rank, up to a limit; of equal ones, the first."""

    def __init__(self, limit: int) -> None:
        self._limit, self._count = limit, count()
        self._heap: list[tuple[float, int, OpenClaim]] = []

    def add(self, rank: float, one: OpenClaim) -> None:
        heapq.heappush(self._heap, (-rank, -next(self._count), one))
        if len(self._heap) > self._limit:
            heapq.heappop(self._heap)

    def values(self) -> list[OpenClaim]:
        """Return the claims, that of lowest rank first."""
        return [one for _, _, one in sorted(self._heap, key=itemgetter(0, 1), reverse=True)]


def _projects(release: Release) -> Iterator[tuple[str, str, list[Claim]]]:
    """Yield key, title and claims of each project of a release."""
    start_of_project = f"<{thing_iri('project', '')}"
    for chunk in read_graph(release.folder / GRAPH):
        lines = (line for line in chunk.splitlines() if not is_in_earlier_graph(line + b"\n"))
        for _, group in groupby(lines, key=resource_of):
            own = [line.decode() for line in group]
            if not own[0].startswith(start_of_project):
                continue
            key = unquote(own[0][len(start_of_project) :].split(">", 1)[0].split("/", 1)[0])
            project = thing_iri("project", key)
            start = f"<{project}> <{DCTERMS.title}> "
            title = next((term_text(line[len(start) :]) for line in own if line.startswith(start)), key)
            yield key, title, list(read_claims(own, project).values())


def _names(release: Release, resources: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the names of those of these resources, given by kind and key, that are not in the reference data."""
    listed = load_gazetteer()
    unlisted = {(kind, key) for kind, key in resources if kind != "project" and not listed.get(kind, key)}
    wanted = {f"<{thing_iri(kind, key)}>": (kind, key) for kind, key in unlisted}
    starts = {f"\n<{thing_iri(kind, '')}".encode() for kind, _ in unlisted}
    found: dict[tuple[str, str], str] = {}
    for chunk in read_graph(release.folder / GRAPH) if wanted else ():
        for line in chunk.decode().splitlines() if any(start in chunk for start in starts) else ():
            subject, predicate, term = line.split(" ", 2)
            if subject in wanted and predicate == f"<{SKOS.prefLabel}>":
                found[wanted[subject]] = term_text(term)
    return found


def _name(claim: Claim, names: dict[tuple[str, str], str]) -> str:
    kind, listed = kind_of(claim.field), load_gazetteer()
    if country := listed.governments.get(claim.key) if kind == "actor" else None:
        return listed.government(country).name
    entry = listed.get(kind, claim.key) if kind != "project" else None
    return entry.name if entry else names.get((kind, claim.key), claim.key)


# ---- in a spreadsheet ------------------------------------------------------------------------

#: The columns of a workbook of claims: those that describe the claim, and those to fill in.
SHEET = tuple(
    Field(name, FieldKind.VALUE, column=name, about=about)
    for name, about in (
        ("record", "The key of the project."),
        ("title", "The project's name."),
        ("field", "The role or kind of link."),
        ("value", "The key of what the project links to."),
        ("name", "The name of what the project links to."),
        ("basis", "The evidence for the link: derived or possible."),
        ("confidence", "The estimated probability that it is correct."),
        ("sentence", "The sentence that it was found in."),
        ("verdict", "yes, no or instead; leave it empty to skip the claim."),
        ("new_field", "With instead: the correct role, such as partner."),
        ("new_value", "With instead: the correct organisation or place, by name or key."),
        ("why", "A reason, if you want to give one."),
    )
)


def sheet_rows(claims: Iterable[OpenClaim]) -> Iterator[list[str]]:
    """Yield the cells of each claim in the columns of SHEET."""
    for one in claims:
        claim = one.claim
        known = [claim.basis, format_decimal(claim.confidence), "\n".join(claim.sentences)]
        yield [one.record, one.title, claim.field, one.subject, one.name, *known, "", "", "", ""]


def import_sheet(release: Release, path: Path, folder: Path, who: str) -> tuple[int, int, list[Decision]]:
    """Add the decisions filled in on a sheet (XLSX or CSV) about projects of a release.

    Return how many were added, how many existed, and those of other curators that differ and stay in force.

    Raises SourceError if the file is not such a sheet or a cell is wrong, DecisionError.
    """
    rows = table_rows(Input(path.name, path=path))
    header = next(rows, TableRow(1, [])).cells
    if missing := [name for name in ("record", "field", "value", "verdict") if name not in header]:
        raise SourceError(
            f"{path.name} has no column {', '.join(missing)}",
            "Fill in a file written by cybilgraph review --export, and keep its first row.",
        )
    given = [(row.line, dict(zip(header, map(str.strip, row.cells), strict=False))) for row in rows]
    given = [(line, cells) for line, cells in given if cells.get("verdict")]
    records = {key for key, _, _ in _projects(release)}
    wrong = [(line, header.index(name), reason) for line, cells in given for name, reason in _problems(cells, records)]
    if wrong:
        is_workbook = path.suffix.casefold() == ".xlsx"
        lines = [
            f"{cell_name(line, at + 1) if is_workbook else f'line {line}'} ({header[at]}): {reason}"
            for line, at, reason in wrong[:_MAX_PROBLEMS]
        ]
        more = [f"and {len(wrong) - _MAX_PROBLEMS:,} more"] if len(wrong) > _MAX_PROBLEMS else []
        raise SourceError(
            "\n  ".join([f"{path.name}: no decisions were added because of these cells:", *lines, *more]),
            "Correct them and import the file again.",
        )
    added: list[Decision] = []
    known, others = 0, []
    with Decisions(folder) as decided:
        for _, cells in given:
            values = {name: text for name, text in cells.items() if name in COLUMNS}
            verdict = Verdict(values["verdict"].casefold())
            one = Decision(**values | {"verdict": verdict, "who": who}).simplified()  # type: ignore[arg-type]
            same = _on_same_subject(decided, one)
            if any(other.agrees(one) for other in same):
                known += 1
            elif same and same[-1].who != who:
                others.append(same[-1])
            else:
                added.append(one)
    append_decisions(folder, added)
    return len(added), known, others


def _problems(cells: dict[str, str], records: Container[str]) -> Iterator[tuple[str, str]]:
    """Yield the column and the reason of each wrong cell in a row of claims, which must be about these records."""
    field, new_field = cells["field"], cells.get("new_field", "")
    if not cells["record"]:
        yield "record", "empty; it must contain the key of the project"
    elif cells["record"] not in records:
        yield "record", f"the release has no project {cells['record'][:40]!r}"
    for column, name in (("field", field), ("new_field", new_field)):
        if not is_link(name) and (name or column == "field"):
            yield column, f"{name[:40]!r} is not a role or kind of link, such as {', '.join(ROLES)} or country"
            return
    if (verdict := cells["verdict"].casefold()) not in (Verdict.YES, Verdict.NO, Verdict.INSTEAD):
        yield "verdict", f"{cells['verdict'][:40]!r} is not a verdict; enter yes, no or instead"
    elif verdict == Verdict.INSTEAD and not new_field and not cells.get("new_value"):
        yield "verdict", "instead needs the correct role in new_field or the correct name in new_value"
    for column, name in (("value", field), ("new_value", new_field or field)):
        text, kind = cells.get(column, ""), kind_of(name)
        if not find_resource(kind, text) if text else column == "value":
            near = dict.fromkeys(entry.name for entry in load_gazetteer().suggestions(kind, text)[:3])
            question = f"; did you mean {' or '.join(near)}?" if near else ""
            yield column, f"there is no {kind} {text[:40]!r}{question}"
