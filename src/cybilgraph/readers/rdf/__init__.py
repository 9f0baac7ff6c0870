"""Read RDF that uses our ontology, in any syntax: the inverse of ``describe``.

The output of ``describe`` gives an equal record, including the basis and evidence of links. Partners' own
RDF may be simpler: a direct link without a node that describes it is stated, and an actor or a place may be
a name or a node with a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cybilgraph.errors import SourceError
from cybilgraph.model.fields import FIELDS, Field, FieldKind
from cybilgraph.model.findings import Finding
from cybilgraph.model.gazetteer import slug
from cybilgraph.model.record import Record, Source, Text
from cybilgraph.model.rules import finding
from cybilgraph.model.vocabulary import CYB, DCTERMS, FOAF, PROV, RDF, RDFS, SKOS, SPDX, own_iri, shorten, thing_iri
from cybilgraph.model.vocabulary import record as record_iri
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.rdf.positions import Places
from cybilgraph.readers.rdf.project_values import read_left_blank, read_values
from cybilgraph.readers.rdf.view import (
    NOWHERE,
    ProjectView,
    RecordGraph,
    is_unknown,
    parse_own_iri,
    read_graphs,
    to_one_line,
)
from cybilgraph.readers.record_builder import CODE, RecordBuilder, Section

#: Properties of a record and its project that name this file as the source, or repeat what others state.
_REPEATED = (
    *(PROV.wasDerivedFrom, PROV.wasRevisionOf, CYB.currentSource, FOAF.primaryTopic, CYB.statusAsOf),
    CYB.decision,
)
#: Properties of resources that are only mentioned.
_NAMES = {DCTERMS.isReplacedBy, RDF.type, SKOS.prefLabel, RDFS.label}
#: The key of a page without code and title, from the checksum of the page.
_UNTITLED_KEY = re.compile(r"untitled-([0-9a-f]{12})")


def read_rdf(input_file: Input) -> Iterator[Record]:
    """Yield the records of a file: earlier captures, which are in named graphs, then the current records.

    Raises SourceError if the file is not RDF or contains no project; in a damaged file, after all projects
    except the one that contains the damage.
    """
    source, places, graphs, damage, last_subject = read_graphs(input_file)
    found = False
    unknown = tuple(_unknown_classes(input_file, graphs, places))
    for graph in graphs:
        for project, about in _projects(graph).items():
            if damage and last_subject.startswith((project, *about)):
                continue
            record = _record(ProjectView(input_file, graph, places), project, about, source)
            yield record if found else replace(record, findings=(*record.findings, *unknown))
            found = True
    if damage:
        raise damage
    if not found:
        raise SourceError(
            f"{input_file.name}: contains no project",
            f"A project is an instance of <{CYB.Project}>. The output of cybilgraph convert has examples.",
        )


def _unknown_classes(file: Input, graphs: list[RecordGraph], places: Places) -> Iterator[Finding]:
    """Yield a finding for each class of our namespace that the ontology does not have, at its first instance."""
    seen: set[str] = set()
    for graph in graphs:
        for subject, predicates in graph.statements.items():
            for term in predicates.get(RDF.type, ()):
                if is_unknown(term) and term not in seen:
                    seen.add(term)
                    name, place = shorten(term), places.place(graph.at(subject, RDF.type, term))
                    yield finding("unknown-term", file.name, {"term": name}, label=name, text=name, place=place)


def _projects(graph: RecordGraph) -> dict[str, list[str]]:
    """Return the described projects with the nodes of their records."""
    about: dict[str, list[str]] = {}
    typed: set[str] = set()
    for subject, predicates in graph.statements.items():
        for topic in graph.values(subject, FOAF.primaryTopic) if FOAF.primaryTopic in predicates else ():
            if isinstance(topic, str) and (parse_own_iri(topic) or CYB.Record in graph.values(subject, RDF.type)):
                about.setdefault(topic, []).append(subject)
        if RDF.type in predicates and CYB.Project in graph.values(subject, RDF.type):
            typed.add(subject)
            about.setdefault(subject, [])
        elif (found := parse_own_iri(subject)) and found[0] == "project":
            about.setdefault(subject, [])
    for project, records in about.items():
        record = record_iri(found[1]) if (found := parse_own_iri(project)) else ""
        if record not in records and record in graph.statements:
            records.append(record)
    # A project that another one only refers to is not a record, unless it has more than a name.
    return {
        project: records
        for project, records in about.items()
        if records or graph.statements.get(project, {}).keys() - ({RDF.type} if project in typed else _NAMES)
    }


def _record(view: ProjectView, project: str, about: list[str], source: Source) -> Record:
    """Return the record of one project."""
    nodes = [*about, project]
    for node in nodes:
        view.visit(node)
        for predicate in _REPEATED:
            view.graph.values(node, predicate)
    language = next((text for node in nodes if (text := view.text(node, DCTERMS.language).text)), "")
    titles = (getattr(title, "language", None) for title in view.graph.values(project, DCTERMS.title))
    of_titles = [found for found in titles if found] or ["en"]  # apply if the record gives none
    view.language = (language or ("en" if "en" in of_titles else of_titles[0])).lower()
    builder = RecordBuilder(view.file, view.findings)
    for row in FIELDS:
        printed = _text(view, project, nodes, row, bool(language))
        if printed.text:
            builder.take(Section(row, shorten(row.term), printed.place or NOWHERE, [printed]))
    read = read_values(view, project)
    for name, value in read.items():
        kept = builder.fit(value if isinstance(value, tuple) else [value], view.begin(project) or NOWHERE)
        read[name] = tuple(kept) if isinstance(value, tuple) else next(iter(kept), None)
    labels = {
        row.name: (shorten(row.term), view.place(project, row.term, value) or NOWHERE)
        for row in FIELDS
        for value in (view.graph.values(project, row.term)[:1] if row.term else ())
    }
    record, blank = builder.record(), tuple(read_left_blank(view, nodes))
    record = replace(record, source=source, left_blank=blank, labels=labels | record.labels, **read)
    record = _with_identity(view, record, project, nodes)
    return replace(record, findings=tuple(view.collect_findings()))


def _text(view: ProjectView, project: str, nodes: list[str], row: Field, language_stated: bool) -> Text:
    """Return the text of a text field; empty if there is none, or if the field is of another kind."""
    if row.kind is FieldKind.VALUE:
        if row.name == "title":
            title = view.name(project, (row.term,))
            return title if title.text else view.name(project)
        return view.text(project, row.term)
    if row.kind is not FieldKind.RECORD:
        return Text("")
    if row.name == "language":
        texts = [found for node in nodes if (found := view.text(node, row.term)).text]
        place = texts[0].place if texts else None
        return Text(view.language if language_stated or view.language != "en" else "", place)
    sources = (source for node in nodes for source in view.graph.values(node, CYB.currentSource))
    about = nodes if row.name != "retrieved" else [*nodes, *map(str, sources)]
    texts = [to_one_line(view.printed(node, row.term, view.single(node, row.term))) for node in about]
    return next((text for text in texts if text.text), Text(""))


def _with_identity(view: ProjectView, record: Record, project: str, nodes: list[str]) -> Record:
    """Return the record with the identity that its IRI gives, unless its code gives another."""
    found = parse_own_iri(project)
    if found is None or found[0] != "project":
        if project.startswith(("_:", own_iri())):
            return record
        own_slug = Text(slug(project)) if record.key.startswith("untitled-") else record.slug
        return replace(record, slug=own_slug, address=record.address or Text(project))
    key = found[1]
    if record.key == key:
        return record
    if (untitled := _UNTITLED_KEY.fullmatch(key)) and record.key.startswith("untitled-"):
        return replace(record, source=_with_checksum(view, record.source, nodes, untitled[1]))
    if CODE.fullmatch(key) and record.code is None:
        return replace(record, code=Text(key))
    if record.code is None and not view.graph.values(project, CYB.slug):
        return replace(record, slug=Text(key))
    view.find("other-key", Text(project, view.begin(project)), {"iri": thing_iri("project", record.key)})
    return record


def _with_checksum(view: ProjectView, source: Source, nodes: list[str], start: str) -> Source:
    """Return the source with the checksum of the original page, which identifies a project without a title."""
    terms: list[Any] = [*nodes]
    for predicate in (PROV.wasDerivedFrom, SPDX.checksum, SPDX.checksumValue):
        found = (value for term in terms for value in view.graph.values(term, predicate))
        terms = [getattr(value, "value", value) for value in found]
    checksums = (checksum for checksum in terms if checksum.startswith(start))
    return Source(source.name, next(checksums, start + source.sha256[len(start) :]))
