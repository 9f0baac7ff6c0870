"""Read RDF that uses our ontology, in any syntax: the inverse of ``describe``.

The output of ``describe`` gives an equal record, including the basis and evidence of links. Partners' own
RDF may be simpler: a direct link without a node that describes it is stated, and an actor or a place may be
a name or a node with a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from cybilgraph.errors import SourceError
from cybilgraph.model.fields import FIELDS, Field, FieldKind
from cybilgraph.model.gazetteer import slug
from cybilgraph.model.record import LeftBlank, Place, Record, Source, Text
from cybilgraph.model.vocabulary import (
    BASE,
    CYB,
    DCTERMS,
    FOAF,
    PROV,
    RDF,
    RDFS,
    SKOS,
    SPDX,
    shorten,
    thing_iri,
)
from cybilgraph.model.vocabulary import record as record_iri
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.page.sections import CODE, Section
from cybilgraph.readers.rdf.graph import RecordGraph, Term, read_graphs
from cybilgraph.readers.rdf.links import BY_TERM, read_links
from cybilgraph.readers.rdf.literals import read_values
from cybilgraph.readers.rdf.view import NOWHERE, ProjectView, parse_own_iri, to_one_line

#: Properties of resources that are only mentioned.
_NAMES = {DCTERMS.isReplacedBy, RDF.type, SKOS.prefLabel, RDFS.label}
#: The key of a page without code and title, from the checksum of the page.
_UNTITLED_KEY = re.compile(r"untitled-([0-9a-f]{12})")


def read_rdf(input_file: Input) -> Iterator[Record]:
    """Yield the records of a file: those of its named graphs, which are earlier captures, then the current
    ones.

    Raises SourceError if the file is not RDF or contains no project; in a damaged file, after all projects
    except the one that contains the damage.
    """
    source, places, graphs, damage = read_graphs(input_file)
    found = False
    for graph in graphs:
        for project, about in _projects(graph).items():
            if damage.error and damage.subject.startswith((project, *about)):
                continue
            found = True
            yield _record(ProjectView(input_file, graph, places), project, about, source)
    if damage.error:
        raise damage.error
    if not found:
        raise SourceError(
            f"{input_file.name}: contains no project",
            f"A project is an instance of <{CYB.Project}>. The output of cybilgraph convert has examples.",
        )


def _projects(graph: RecordGraph) -> dict[str, list[str]]:
    """Return the described projects with the nodes of their records."""
    about: dict[str, list[str]] = {}
    typed: set[str] = set()
    for subject in graph.subjects:
        predicates = graph.predicates(subject)
        if FOAF.primaryTopic in predicates:
            for topic in graph.values(subject, FOAF.primaryTopic):
                if isinstance(topic, str) and (parse_own_iri(topic) or CYB.Record in graph.values(subject, RDF.type)):
                    about.setdefault(topic, []).append(subject)
        if RDF.type in predicates and CYB.Project in graph.values(subject, RDF.type):
            typed.add(subject)
            about.setdefault(subject, [])
        elif (found := parse_own_iri(subject)) and found[0] == "project":
            about.setdefault(subject, [])
    for project, records in about.items():
        if (
            (found := parse_own_iri(project))
            and (record := record_iri(found[1])) not in records
            and graph.predicates(record)
        ):
            records.append(record)
    # A project that another one only refers to is not a record, unless it has more than a name.
    return {
        project: records
        for project, records in about.items()
        if records or graph.predicates(project) - ({RDF.type} if project in typed else _NAMES)
    }


def _record(view: ProjectView, project: str, about: list[str], source: Source) -> Record:
    """Return the record of one project."""
    nodes = [*about, project]
    for node in nodes:
        view.visit(node)
        for predicate in (PROV.wasDerivedFrom, PROV.wasRevisionOf, FOAF.primaryTopic):  # the source is this file
            view.graph.values(node, predicate)
    stated = next((text for node in nodes if (text := view.text(node, DCTERMS.language).text)), "")
    view.language = (stated or _title_language(view, project)).lower()
    sections = view.sections()
    for row in FIELDS:
        printed = _text(view, project, nodes, row, bool(stated))
        if printed.text:
            sections.take(Section(row, shorten(row.term), printed.place or NOWHERE, [printed]))
    read = read_links(view, project) | read_values(view, project)
    for name, value in read.items():
        kept = sections.fit(value if isinstance(value, tuple) else [value], view.begin(project) or NOWHERE)
        read[name] = tuple(kept) if isinstance(value, tuple) else next(iter(kept), None)
    record = replace(sections.record(), source=source, left_blank=tuple(_left_blank(view, nodes)), **read)
    record = replace(record, labels=dict(_labels(view, project)) | record.labels)
    record = _with_identity(view, record, project, nodes)
    return replace(record, findings=tuple(view.collect_findings()))


def _text(view: ProjectView, project: str, nodes: list[str], row: Field, language_stated: bool) -> Text:
    """Return the text of a text field; empty if there is none, or if the field is of another kind."""
    if row.kind is FieldKind.VALUE:
        text = view.text(project, row.term)
        return text if text.text or row.name != "title" else view.name(project)
    if row.name == "language":
        texts = [found for node in nodes if (found := view.text(node, row.term)).text]
        place = texts[0].place if texts else None
        return Text(view.language if language_stated or view.language != "en" else "", place)
    if row.kind is FieldKind.RECORD:
        texts = [_record_text(view, node, row.term) for node in nodes]
        return next((text for text in texts if text.text), Text(""))
    return Text("")


def _labels(view: ProjectView, project: str) -> Iterator[tuple[str, tuple[str, Place]]]:
    """Yield the term and place of each field."""
    for row in FIELDS:
        for value in view.graph.values(project, row.term)[:1] if row.term else ():
            yield row.name, (shorten(row.term), view.place(project, row.term, value) or NOWHERE)


def _title_language(view: ProjectView, project: str) -> str:
    """Return the language of the title, which applies if the record gives none."""
    titles = view.graph.values(project, DCTERMS.title)
    languages = [language for title in titles if (language := getattr(title, "language", None))]
    return "en" if "en" in languages or not languages else str(languages[0])


def _record_text(view: ProjectView, node: str, predicate: str) -> Text:
    """Return a literal or an address; report further values."""
    first, *rest = view.values(node, predicate) or [""]
    for other in rest[:1]:
        view.note_second(predicate, *(view.printed(node, predicate, value) for value in (first, other)))
    return to_one_line(view.printed(node, predicate, first))


def _plain(term: Term) -> str:
    return term if isinstance(term, str) else term.value


def _left_blank(view: ProjectView, nodes: list[str]) -> Iterator[LeftBlank]:
    for node in nodes:
        for term in view.values(node, CYB.leftBlank):
            if isinstance(term, str) and (row := BY_TERM.get(term)):
                yield LeftBlank(row.name, shorten(term), view.place(node, CYB.leftBlank, term))
            else:
                view.note_unread(node, CYB.leftBlank, term)


def _with_identity(view: ProjectView, record: Record, project: str, nodes: list[str]) -> Record:
    """Return the record with the identity that its IRI gives, unless its code gives another."""
    found = parse_own_iri(project)
    if found is None or found[0] != "project":
        if project.startswith(("_:", BASE)):
            return record
        address = record.address or Text(project)
        if record.key.startswith("untitled-"):
            record = replace(record, slug=Text(slug(project)))
        return replace(record, address=address)
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
    """Return the source with the checksum of the original page, the only identity of a project without code and
    title.
    """
    for node in nodes:
        for page in view.graph.values(node, PROV.wasDerivedFrom):
            for checksum in view.graph.values(_plain(page), SPDX.checksum):
                for value in view.graph.values(_plain(checksum), SPDX.checksumValue):
                    if _plain(value).startswith(start):
                        return Source(source.name, _plain(value))
    return Source(source.name, start + source.sha256[len(start) :])
