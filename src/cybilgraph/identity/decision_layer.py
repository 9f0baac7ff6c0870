"""Apply curators' decisions to the merged lines of a project: a layer above all its captures.

A decision takes precedence over what any capture states or what was derived from it, even after the text that it was
based on has changed; the change is reported. What was rejected or replaced may be personal data: it is never
published, neither with the decision nor in an earlier capture.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from urllib.parse import unquote

from cybilgraph.identity.decisions import (
    ACTOR,
    SAME,
    UNNAMED,
    Decision,
    Verdict,
    checksum,
    describe_decision,
    is_link,
    is_listed,
    kind_of,
)
from cybilgraph.model.fields import BY_NAME, DATE_FORMS, FIELDS, FieldKind
from cybilgraph.model.findings import Finding
from cybilgraph.model.gazetteer import load_gazetteer, slug
from cybilgraph.model.record import (
    Basis,
    Contact,
    Named,
    Participation,
    Place,
    Record,
    Relation,
    Scope,
    Source,
    Text,
)
from cybilgraph.model.state_bodies import find_actor
from cybilgraph.model.vocabulary import (
    CYB,
    DCTERMS,
    FOAF,
    OA,
    ORG,
    PROV,
    RDF,
    RDFS,
    RULES,
    SKOS,
    XSD,
    own_pattern,
    thing_iri,
)
from cybilgraph.model.vocabulary import record as record_iri
from cybilgraph.rdf.description import describe, field_of
from cybilgraph.rdf.description.triples import TripleWriter
from cybilgraph.rdf.ntriples import term_text
from cybilgraph.readers import Input
from cybilgraph.readers.cells import read_cell, read_cells

#: Removes what a release must not contain from a record.
Redact = Callable[[Record], Record]
_CLAIM = re.compile(r"/(participation|scope|relation)/([^/>]+)/([^/>]+)(/evidence/\d+)?>")
_ACTOR = "(?:/participation/|<OWNid/actor/)([^/>]+)"
_BASIS = f"<{CYB.basis}>"
#: Subjects that say how a value is known.
_EXPLAINS = re.compile("/dating/|/evidence/")
#: Properties of a date that follow from its value, and others that no sentence or value says.
_COMPUTED = {f"<{term}>" for term in (RDF.type, CYB.statusAsOf, CYB.activityKind, CYB.resultStatus)} | {
    f"<{row.term}{form}>" for row in FIELDS if row.kind is FieldKind.DATE for form in DATE_FORMS
}
#: Details of an actor: the kind of resource, and the property.
_ACTOR_DETAILS = {
    "type": ("actor-type", ORG.classification),
    "country": ("country", CYB.seat),
    "parent": ("actor", ORG.subOrganizationOf),
}
#: The source of a decided value, which has no file of its own.
_NO_INPUT, _NOWHERE = Input("decision.csv", data=b""), Source("", "")
#: The length of a decision in a finding.
_MAX_WORDS_CHARS = 200
_VERDICTS = {Verdict.YES: "confirmed", Verdict.NO: "rejected", Verdict.INSTEAD: "corrected"}


@dataclass(slots=True)
class Claim:
    """A claim in the lines of a project: a field, the key of what it links to, its node, and how it is known.

    ``sentences`` are its quotes in order, and ``confidence`` is the highest of their probabilities.
    """

    field: str
    key: str
    node: str
    basis: str = ""
    confidence: float = 1.0
    sentences: list[str] = attribute(default_factory=list)


def read_claims(lines: Iterable[str], project: str) -> dict[tuple[str, str], Claim]:
    """Return the claims in the sorted lines of a project, by field and key."""
    found: dict[tuple[str, str], Claim] = {}
    for line in lines:
        if not (match := _CLAIM.match(line, len(project) + 1)):
            continue
        kind, first, second, quote = match.groups()
        name, key = (second, unquote(first)) if kind == "participation" else (first, unquote(second))
        node = f"{project}/{kind}/{match[2]}/{match[3]}"
        claim = found.setdefault((name, key), Claim(name, key, node))
        _, predicate, term = line.removesuffix(" .").split(" ", 2)
        if quote:
            if predicate == f"<{OA.exact}>":
                claim.sentences.append(term_text(term))
        elif predicate == _BASIS:
            claim.basis = term_text(term).rpartition("/")[2]
        elif predicate == f"<{CYB.confidence}>":
            claim.confidence = float(term_text(term))
    return found


def field_lines(name: str, lines: Iterable[str], key: str) -> list[str]:
    """Return the lines of a project that belong to a field or role."""
    project, record = thing_iri("project", key), record_iri(key)
    row = BY_NAME.get(name)
    if row and row.kind is FieldKind.RECORD:
        return [line for line in lines if line.startswith(f"<{record}> <{row.term}> ")]
    own = (f"<{project}>", f"<{project}/")
    return [line for line in lines if line.startswith(own) and field_of(line, project) == name]


def value_checksum(lines: Iterable[str], project: str) -> str:
    """Return the checksum of the values in the lines of a field, regardless of where and how they are printed."""
    texts = set()
    for line in lines:
        subject, predicate, term = line.split(" ", 2)
        if not _EXPLAINS.search(subject) and predicate not in _COMPUTED and not term.startswith(f"<{project}/"):
            texts.add(term_text(term.removesuffix(" .")))
    return checksum("\n".join(sorted(texts)))


def subject_value(kind: str, key: str, name: str) -> str:
    """Return how a decision refers to a resource: by its key, or by its name if it is not in the reference data."""
    named = find_resource(kind, name) if kind == "actor" and not load_gazetteer().get(kind, key) else None
    return name if named and named.key == key else key


def find_resource(kind: str, text: str) -> Named | None:
    """Return the resource with this key or name; None if there is none of this kind."""
    if kind == "project":
        return Named(kind, text, Text(text))
    names = load_gazetteer()
    entry = names.find_by_key(kind, text) or names.get(
        kind, text.zfill(3)
    )  # spreadsheet programs write region 029 as 29
    if entry := entry or (find_actor(text) if kind == "actor" else names.find(kind, text)):
        return Named(kind, entry.key, Text(entry.name), names.get(kind, entry.key) is not None)
    return None


def claim_key(one: Decision) -> str:
    """Return the key of what a decision is about, which may be given by name; "" if it is about a whole field."""
    if not is_link(one.field):
        return one.value if one.field in (SAME, ACTOR) else ""
    found = find_resource(kind_of(one.field), one.value)
    return found.key if found else one.value


def _find(name: str, text: str, verdict: Verdict = Verdict.YES) -> Named:
    """Return the resource with this key or name that a field or role may link to. Raises ValueError.

    The error repeats the name only if a decision with this verdict publishes it.
    """
    if not (found := find_resource(kind_of(name), text)):
        raise ValueError(
            f"there is no {kind_of(name)} {text[:80]!r}"
            if verdict is Verdict.YES
            else f"there is no {kind_of(name)} with the name or key in the column value"
        )
    return found


class ActorDecisions:
    """Curators' decisions about actors in all records: which are the same as another one, which are not organisations.

    An organisation in its own right may have a type, a country and a parent, as in "type=government; country=BZ".
    """

    def __init__(self, decisions: Iterable[Decision]) -> None:
        self.findings: list[Finding] = []
        #: Maps the key of an actor to that of the actor that it is, or to "" if it is not an organisation.
        self._keys: dict[str, str] = {}
        #: Names and keys of what is not an organisation.
        self.rejected: set[str] = set()
        #: Lines about actors that others are the same as, and details of organisations in their own right, by key.
        self._added: dict[str, TripleWriter] = {}
        for one in decisions:
            try:
                self._take(one)
            except ValueError as error:
                self.findings.append(one.finding("decision-unread", reason=error))
        for key in list(self._keys):  # A is B, and B is C
            seen = {key}
            while (target := self._keys[key]) in self._keys and target not in seen:
                seen.add(target)
                self._keys[key] = self._keys[target]

    def _take(self, one: Decision) -> None:
        """Note a decision. Raises ValueError if it names an unknown resource, or one that it cannot be about."""
        actor = _find("partner", one.value, one.verdict)
        writer = TripleWriter()
        if one.verdict is Verdict.YES:
            for detail in filter(None, map(str.strip, one.new_value.split(";"))):
                name, _, text = detail.partition("=")
                if name not in _ACTOR_DETAILS:
                    raise ValueError(f"{detail[:80]!r} is not a type, country or parent")
                kind, term = _ACTOR_DETAILS[name]
                if not (found := find_resource(kind, text)):
                    raise ValueError(f"there is no {kind} {text[:80]!r}")
                writer.link(thing_iri("actor", actor.key), term, thing_iri(kind, found.key))
        elif one.verdict is Verdict.INSTEAD and (new := _find("partner", one.new_value)).key != actor.key:
            self._keys[actor.key] = new.key
            if not new.known:
                writer.link(thing_iri("actor", new.key), RDF.type, CYB.Actor)
                writer.name(thing_iri("actor", new.key), SKOS.prefLabel, new.printed.text)
        elif one.verdict is Verdict.NO:
            listed = load_gazetteer().get("actor", actor.key)
            if listed and slug(one.value) not in (listed.key, slug(listed.name)):  # since two actors were merged
                raise ValueError("the value is an alias of a listed organisation, which this would reject, too")
            self._keys[actor.key] = ""
            self.rejected |= {one.value, actor.key, actor.printed.text}
        self._added[actor.key] = writer

    def __bool__(self) -> bool:
        """Return whether there is a decision about any actor."""
        return bool(self._added)

    def translate(self, one: Decision) -> Decision | None:
        """Return a decision with its actor replaced by the one that it is; None if it is not an organisation."""
        found = find_resource("actor", one.value) if is_link(one.field) and kind_of(one.field) == "actor" else None
        new = self._keys.get(found.key) if found else None
        return one if new is None else replace(one, value=new) if new else None

    def concern(self, block: bytes) -> bool:
        """Return whether these lines name an actor that was decided on."""
        return bool(self) and any(unquote(key) in self._added for key in own_pattern(_ACTOR).findall(block.decode()))

    def describe(self, line: str) -> bool:
        """Return whether a line is about an actor that was decided on."""
        return any(unquote(key) in self._added for key in own_pattern(_ACTOR).findall(line.split(" ", 1)[0]))

    def apply(self, lines: Iterable[str]) -> list[str]:
        """Return the lines of a project with the actors that were decided on."""
        lines = list(lines)
        nodes = {line.split(" ", 1)[0] for line in lines if "/participation/" in line}
        kept = []
        for line in lines:
            keys = {key for key in map(unquote, own_pattern(_ACTOR).findall(line)) if key in self._keys}
            if not all(map(self._keys.get, keys)):
                continue
            renamed = own_pattern(_ACTOR).sub(self._renamed, line)
            # Of two claims that have become one, the one about the right actor stays.
            if keys and "/participation/" in line and (claim := _CLAIM.search(renamed)):
                node = renamed[: renamed.index("/participation/")].rpartition("<")[2]
                if f"<{node}{claim[0].removesuffix(claim[4] or '>').removesuffix('>')}>" in nodes:
                    continue
            kept.append(renamed)
        return sorted(set(kept))

    def _renamed(self, found: re.Match[str]) -> str:
        key = self._keys.get(unquote(found[1]))
        return found[0] if key is None else found[0][: -len(found[1])] + thing_iri("actor", key).rpartition("/")[2]

    def shared(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield the lines about shared resources; the names of a merged actor become names of the other."""
        replaced = {line.rsplit(" ", 2)[0] for writer in self._added.values() for line in writer.lines()}
        names = {f"<{term}>" for term in (SKOS.prefLabel, SKOS.altLabel, RDFS.label)}
        for line in lines:
            subject, predicate, term = line.split(" ", 2)
            key = unquote(found[1]) if (found := own_pattern(_ACTOR).fullmatch(subject[:-1])) else ""
            if key not in self._keys:
                if predicate in names or f"{subject} {predicate}" not in replaced:
                    yield line
            elif (new := self._keys[key]) and predicate in names:
                yield f"<{thing_iri('actor', new)}> <{SKOS.altLabel}> {term}"
        for key, writer in self._added.items():
            if new := self._keys.get(key, ""):
                writer.link(thing_iri("actor", key), DCTERMS.isReplacedBy, thing_iri("actor", new))
            yield from writer.lines()


class Withheld:
    """What curators rejected or replaced in a project: whole fields, and claims by field and key."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._fields: set[str] = set()
        self._claims: set[tuple[str, str]] = set()
        #: The IRIs of rejected resources that are not in the reference data: these are made from a name.
        self.unlisted: set[str] = set()
        #: Texts of what was left out, which findings must not repeat.
        self.texts: set[str] = set()

    def add(self, name: str, key: str = "") -> None:
        """Withhold a field or, with a key, one of its claims."""
        if not key:
            self._fields.add(name)
            return
        self._claims.add((name, key))
        if not is_listed(kind_of(name), key):
            self.unlisted.add(thing_iri(kind_of(name), key))
            self.texts |= {key, key.replace("-", " ")}

    def release(self, name: str, key: str = "") -> None:
        """Publish a field or claim that a later decision has confirmed or added."""
        self._fields.discard(name)
        self._claims.discard((name, key))

    def remove_from(self, lines: list[str]) -> list[str]:
        """Return the lines of a capture, or of all merged, without what is withheld."""
        project = thing_iri("project", self._key)
        removed: set[str] = set()
        for name in self._fields:
            removed.update(own := field_lines(name, lines, self._key))
            if name not in BY_NAME or BY_NAME[name].kind is not FieldKind.CHOICE:
                self._note_texts(own)
        for name, key in self._claims:
            target = thing_iri(kind_of(name), key)
            removed.update(own := claim_lines(lines, project, name, key))
            if target in self.unlisted:
                self._note_texts(own)
        return [line for line in lines if line not in removed] if removed else lines

    def _note_texts(self, lines: Iterable[str]) -> None:
        literals = (line.split(" ", 2) for line in lines if line.endswith(" .") and "/evidence/" not in line)
        self.texts.update(term_text(term.removesuffix(" .")) for _, _, term in literals if term.startswith('"'))


def claim_lines(lines: Iterable[str], project: str, name: str, key: str) -> list[str]:
    """Return the lines of a project that belong to a claim, with the direct link."""
    node, links = claim_node(project, name, key), _direct_links(project, name, key)
    return [
        line
        for line in lines
        if line in links or line.startswith((f"<{node}>", f"<{node}/")) or line.endswith(f" <{node}> .")
    ]


def _direct_links(project: str, name: str, key: str) -> set[str]:
    """Return the lines of the direct links that correspond to a claim."""
    terms = [BY_NAME[name].term] if name in BY_NAME else []
    if name == "audience":  # until version 0.2, audiences are also beneficiaries
        terms.append(CYB.beneficiary)
    return {f"<{project}> <{term}> <{thing_iri(kind_of(name), key)}> ." for term in terms}


def claim_node(project: str, name: str, key: str) -> str:
    """Return the IRI of a claim of a project."""
    segment = thing_iri("", key).rpartition("/")[2]
    row = BY_NAME.get(name)
    if row is None or row.kind is FieldKind.ACTORS:
        return f"{project}/participation/{segment}/{name}"
    return f"{project}/{'scope' if row.kind is FieldKind.SCOPES else 'relation'}/{name}/{segment}"


@dataclass(slots=True)
class DecidedProject:
    """The lines of a project after decisions, the lines that they add about shared resources, and findings."""

    lines: list[str]
    withheld: Withheld
    shared: list[str] = attribute(default_factory=list)
    findings: list[Finding] = attribute(default_factory=list)


def apply_decisions(key: str, lines: list[str], decisions: Iterable[Decision], redact: Redact) -> DecidedProject:
    """Apply decisions, the oldest first, to the merged lines of a project."""
    return _Application(key, lines, redact).run(decisions)


def find_fault(one: Decision) -> str:
    """Return why a decision that confirms or replaces something cannot be applied; empty if it can."""
    found = apply_decisions(one.record, [], [one], lambda record: record).findings if one.verdict != Verdict.NO else []
    return next((dict(fault.values)["reason"] for fault in found if fault.rule == f"{RULES}decision-unread"), "")


def _has_changed(one: Decision, claim: Claim | None) -> bool:
    """Return whether a claim, None if there is none any more, has changed since it was decided on."""
    if claim is None:
        return one.verdict is not Verdict.NO and bool(one.basis or one.sentence or one.sha256)
    if one.sha256 and not one.sentence:
        return checksum("\n".join(claim.sentences)) != one.sha256
    now, before = set(claim.sentences), set(one.sentences)
    if one.verdict is Verdict.YES:
        return bool(before) and not before & now
    is_newly_stated = bool(one.basis) and (claim.basis == Basis.STATED) != (one.basis == Basis.STATED)
    return is_newly_stated or (bool(before) and not now <= before)


class _Application:
    """The application of decisions to one project."""

    def __init__(self, key: str, lines: list[str], redact: Redact) -> None:
        self._key, self._redact = key, redact
        self._project, self._record = thing_iri("project", key), record_iri(key)
        self._captured = lines
        self._claims = read_claims(lines, self._project)
        self._lines = set(lines)
        self._shared: set[str] = set()
        self._withheld = Withheld(key)
        language = f"<{self._record}> <{DCTERMS.language}> "
        self._language = next((term_text(line[len(language) :]) for line in lines if line.startswith(language)), "en")

    def run(self, decisions: Iterable[Decision]) -> DecidedProject:
        findings = []
        for one in decisions:
            if one.field == SAME:
                continue
            before = self._lines.copy(), self._shared.copy()
            try:
                renewed = (self._decide_link if is_link(one.field) else self._decide_value)(one)
            except ValueError as error:
                self._lines, self._shared = before
                if one.verdict is not Verdict.YES:  # what it rejects or replaces may be personal data
                    self._withhold(one.field, claim_key(one))
                findings.append(one.finding("decision-unread", reason=error))
                continue
            if renewed:
                words = describe_decision(replace(one, value=one.published_value)).split()
                findings.append(
                    one.finding(
                        "decision-review",
                        who=self._curator(one),
                        day=one.when[:10],
                        what=" ".join(words)[:_MAX_WORDS_CHARS],
                        decision=one.id,
                        basis=renewed.basis,
                        sha256=renewed.sha256,
                    )
                )
        self._withheld.remove_from(self._captured)  # to know its texts
        return DecidedProject(sorted(self._lines), self._withheld, sorted(self._shared), findings)

    def _withhold(self, name: str, key: str = "") -> None:
        """Remove a field or, with a key, one of its claims."""
        own = claim_lines(self._lines, self._project, name, key) if key else field_lines(name, self._lines, self._key)
        self._lines.difference_update(own)
        self._withheld.add(name, key)

    # ---- claims ----------------------------------------------------------------------------

    def _decide_link(self, one: Decision) -> Decision | None:
        """Apply a decision about a claim; return it for the present text if it should be reviewed.

        Raises ValueError.
        """
        key = one.value if (one.field, one.value) in self._claims else _find(one.field, one.value, one.verdict).key
        claim = self._claims.get((one.field, key))
        node, target = claim_node(self._project, one.field, key), thing_iri(kind_of(one.field), key)
        if one.verdict is Verdict.YES:
            self._withheld.release(one.field, key)
            if not any(line.startswith(f"<{node}> ") for line in self._lines):
                self._add_claim(one.field, one.value)
            self._confirm(one, one.field, key)
        else:
            quotes = self._quotes(node)
            self._withhold(one.field, key)
            if one.verdict is Verdict.INSTEAD:
                field = one.new_field or one.field
                new_key = self._add_claim(field, one.new_value or one.value)
                new = claim_node(self._project, field, new_key)
                if not self._quotes(new):
                    self._lines.update(
                        line.replace(f"<{node}/", f"<{new}/").replace(f"<{node}>", f"<{new}>") for line in quotes
                    )
                self._confirm(one, field, new_key)
        is_published = one.verdict is Verdict.YES or is_listed(kind_of(one.field), key)
        term = BY_NAME[one.field].term if one.field in BY_NAME else CYB.involved
        self._describe(one, term, target if is_published else "")
        if not _has_changed(one, claim):
            return None
        return one.renew(claim.basis, checksum("\n".join(claim.sentences))) if claim else one.renew("", "")

    def _add_claim(self, name: str, text: str) -> str:
        """Add a claim, and return the key of what it links to. Raises ValueError."""
        named = _find(name, text)
        links: dict[FieldKind | None, dict[str, tuple[Participation | Scope | Relation, ...]]] = {
            FieldKind.ACTORS: {"participations": (Participation(named, name, Basis.CONFIRMED),)},
            FieldKind.SCOPES: {"scopes": (Scope(named, Basis.CONFIRMED),)},
            FieldKind.PROJECTS: {"relations": (Relation(name, named, Basis.CONFIRMED),)},
        }
        kind = BY_NAME[name].kind if name in BY_NAME else FieldKind.ACTORS
        self._take(name, self._describe_record(self._mini_record(**links[kind])))
        self._withheld.release(name, named.key)
        return named.key

    def _quotes(self, node: str) -> list[str]:
        """Return the lines about the quotes of a claim."""
        return [line for line in self._lines if line.startswith((f"<{node}>", f"<{node}/")) and "/evidence/" in line]

    def _confirm(self, one: Decision, name: str, key: str) -> None:
        """Give a claim the basis "confirmed", its curator, and the direct links, which a possible claim lacks."""
        node, writer = claim_node(self._project, name, key), TripleWriter()
        writer.link(node, CYB.basis, thing_iri("basis", Basis.CONFIRMED))
        self._attribute(writer, one, node)
        self._lines = {line for line in self._lines if not line.startswith(f"<{node}> {_BASIS} ")}
        self._lines.update(_direct_links(self._project, name, key), writer.lines())
        if name in BY_NAME:
            self._fill(BY_NAME[name].term)

    def _fill(self, term: str) -> None:
        """Note that a field is no longer blank."""
        self._lines.discard(f"<{self._record}> <{CYB.leftBlank}> <{term}> .")

    # ---- values ----------------------------------------------------------------------------

    def _decide_value(self, one: Decision) -> Decision | None:
        """Apply a decision about a field; return it for the present value if it should be reviewed.

        Raises ValueError.
        """
        row = BY_NAME[one.field]
        captured = field_lines(one.field, self._captured, self._key)
        now, decided = value_checksum(captured, self._project), ""
        if one.verdict is Verdict.YES:
            self._withheld.release(one.field)
        else:
            self._withhold(one.field)
        if one.verdict is Verdict.INSTEAD:
            self._take(one.field, self._value_lines(one, one.new_value))
            decided = value_checksum(field_lines(one.field, self._lines, self._key), self._project)
            is_known = row.kind is not FieldKind.CHOICE or load_gazetteer().find(one.field, one.new_value)
            if not decided or not is_known:
                raise ValueError(f"{one.new_value[:80]!r} cannot be read as {row.column.replace('_', ' ')}")
            self._fill(row.term)
        if row.kind is FieldKind.DATE and one.verdict is not Verdict.NO:
            self._confirm_date(one)
        texts = [term_text(line.split(" ", 2)[2].removesuffix(" .")) for line in captured if f" <{row.term}> " in line]
        self._describe(one, row.term, text=next(iter(texts), "") if one.verdict is Verdict.YES else "")
        printed = field_lines(one.field, self._value_lines(one, one.value), self._key)  # if written by hand
        before = one.sha256 or value_checksum(printed, self._project)
        return one.renew(one.basis, now) if now not in (before, decided) else None

    def _value_lines(self, one: Decision, text: str) -> list[str]:
        """Return the lines that describe a text as the value of the field of a decision; none if it is not readable."""
        row = BY_NAME[one.field]
        if one.field in ("code", "iati", "slug"):  # the key of the project, which they would change, is permanent
            writer = TripleWriter()
            writer.plain(self._project, row.term, text)
            return writer.lines()
        found = read_cells(_NO_INPUT, [read_cell(row.column or row.name, text, Place(1))], []) if text else None
        if found is None:
            return []
        language = found.language if one.field == "language" else Text(self._language)
        updated = Text(one.when[:10]) if one.field == "status" else found.updated
        funding = tuple(replace(sum_, basis=Basis.CONFIRMED) for sum_ in found.funding)
        return self._describe_record(
            replace(found, code=None, iati=None, source=_NOWHERE, language=language, updated=updated, funding=funding)
        )

    def _confirm_date(self, one: Decision) -> None:
        node = f"{self._project}/dating/{one.field}"
        term = f"<{self._project}> <{BY_NAME[one.field].term}> "
        value = next((line[len(term) :] for line in self._lines if line.startswith(term)), "")
        if not value:
            return
        self._lines = {line for line in self._lines if not line.startswith(f"<{node}> {_BASIS} ")}
        writer = TripleWriter()
        writer.link(self._project, CYB.dating, node)
        writer.link(node, RDF.type, CYB.Dating)
        writer.link(node, CYB.property, BY_NAME[one.field].term)
        writer.link(node, RDF.predicate, BY_NAME[one.field].term)
        writer.link(node, CYB.basis, thing_iri("basis", Basis.CONFIRMED))
        writer.link(node, PROV.wasDerivedFrom, f"{self._record}/source")
        self._attribute(writer, one, node)
        self._lines.update((*writer.lines(), f"<{node}> <{RDF.object}> {value}"))

    # ---- descriptions ----------------------------------------------------------------------

    def _mini_record(self, **links: tuple[Participation | Scope | Relation, ...]) -> Record:
        """Return a record with these links only."""
        return Record(source=_NOWHERE, language=Text(self._language), **links)  # type: ignore[arg-type]

    def _describe_record(self, record: Record) -> list[str]:
        """Return the lines about a record, without what the release must not contain."""
        return describe(replace(self._redact(record), slug=Text(self._key)))

    def _take(self, name: str, lines: list[str]) -> None:
        """Add the lines of a field, and those about shared resources."""
        self._lines.update(field_lines(name, lines, self._key))
        own = tuple(f"<{iri}{end}" for iri in (self._project, self._record) for end in ">/")
        self._shared.update(line for line in lines if not line.startswith(own))

    def _attribute(self, writer: TripleWriter, one: Decision, node: str) -> None:
        """Describe who decided and when."""
        name = self._curator(one)
        curator = thing_iri("curator", slug(name))
        writer.link(node, PROV.wasAttributedTo, curator)
        writer.plain(node, PROV.generatedAtTime, f"{one.when[:19]}Z", XSD.dateTime)
        agent = TripleWriter()
        agent.link(curator, RDF.type, PROV.Agent)
        agent.plain(curator, FOAF.name, name)
        self._shared.update(agent.lines())

    def _curator(self, one: Decision) -> str:
        """Return who decided, unless the release must not name this person."""
        who = self._redact(Record(source=_NOWHERE, contacts=(Contact(one.who),))).contacts
        return who[0].name if who else UNNAMED

    def _describe(self, one: Decision, predicate: str, target: str = "", text: str = "") -> None:
        """Describe the decision itself, with the resource or text that it is about if the graph may say it."""
        node = f"{self._record}/decision/{one.field}/{one.id}"
        writer = TripleWriter(self._language)
        writer.link(self._record, CYB.decision, node)
        writer.link(node, RDF.type, CYB.Decision)
        writer.link(node, RDF.predicate, predicate)
        if target:
            writer.link(node, RDF.object, target)
        elif text:
            writer.plain(node, RDF.object, text)
        writer.plain(node, CYB.verdict, _VERDICTS[one.verdict])
        self._attribute(writer, one, node)
        self._lines.update(writer.lines())
