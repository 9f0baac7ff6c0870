"""Input for Morph-KGC: tables of records with resolved keys, and an RML mapping that produces our triples."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Named, Record
from cybilgraph.model.vocabulary import (
    BASE,
    CYB,
    DCTERMS,
    FOAF,
    PROV,
    RDF,
    RDFS,
    SCHEMA,
    SPDX,
    XSD,
)

_PROJECT, _RECORD = BASE + "id/project/{code}", BASE + "record/{code}"
_PREFIXES = """@prefix rr: <http://www.w3.org/ns/r2rml#> .
@prefix rml: <http://semweb.mmlab.be/ns/rml#> .
@prefix ql: <http://semweb.mmlab.be/ns/ql#> .
"""
_ITEMS = {"outcomes": "outcome", "outputs": "output", "activities": "activity"}
_COLUMNS = {
    "projects": "code title slug abstract description aim context status start start_printed end end_printed rights",
    "participants": "code actor role printed",
    "scopes": "code kind key printed",
    "items": "code property class number text under",
    "links": "code number text url",
}


def write_tables(records: Iterable[Record], folder: Path) -> None:
    """Write a table of projects, and one for each multi-valued property."""
    writers = {}
    files = {name: (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") for name in _COLUMNS}
    for name, file in files.items():
        writers[name] = csv.writer(file)
        writers[name].writerow(_COLUMNS[name].split())
    for record in records:
        for name, row in _rows(record):
            writers[name].writerow([record.key, *row])
    for file in files.values():
        file.close()


def _rows(record: Record) -> Iterator[tuple[str, list[object]]]:
    assert record.title
    assert record.slug
    assert record.status
    assert record.start
    assert record.end
    prose = [
        "\n\n".join(part.text for part in record.values(name)) for name in ("summary", "description", "aim", "context")
    ]
    dates = [record.start.value, record.start.printed.text, record.end.value, record.end.printed.text]
    rights = record.rights.text if record.rights else ""
    yield "projects", [record.title.text, record.slug.text, *prose, record.status.key, *dates, rights]
    for part in record.participations:
        yield "participants", [part.actor.key, part.role, _printed(part.actor)]
    for scope in record.scopes:
        yield "scopes", [scope.concept.kind, scope.concept.key, _printed(scope.concept)]
    for name, kind in _ITEMS.items():
        for number, item in enumerate(record.values(name), start=1):
            yield "items", [kind, kind.title(), number, item.text, item.subheading]
    for number, link in enumerate(record.links, start=1):
        yield "links", [number, link.text, link.url]


def _printed(named: Named) -> str:
    """Return a name as printed; empty, so that it gives no triple, if it is the preferred one."""
    entry = load_gazetteer().get(named.kind, named.key)
    return "" if entry and entry.name == named.printed.text else named.printed.text


def mapping(folder: Path, table: Path) -> str:
    """Return the RML mapping. Statements about the source table are constants."""
    cyb, stated = f"{CYB.iri}", _iri(f"{BASE}id/basis/stated")
    part, scope = _PROJECT + "/participation/{actor}/{role}", _PROJECT + "/scope/{kind}/{key}"
    item, link = _PROJECT + "/{property}/{number}", _PROJECT + "/link/{number}"
    source = f"{_RECORD}/source"
    rules = (
        ("projects", _PROJECT, _project()),
        (
            "projects",
            _RECORD,
            [
                (RDF.type, _iri(CYB.Record)),
                (FOAF.primaryTopic, _iri(_PROJECT)),
                (DCTERMS.language, 'rr:constant "en"'),
                (DCTERMS.rights, _text("rights")),
                (PROV.wasDerivedFrom, _iri(source)),
            ],
        ),
        (
            "projects",
            source,
            [
                (RDF.type, _iri(PROV.Entity)),
                (RDFS.label, f'rr:constant "{table.name}"'),
                (SPDX.checksum, _iri(f"{source}/checksum")),
            ],
        ),
        (
            "projects",
            f"{source}/checksum",
            [
                (RDF.type, _iri(SPDX.Checksum)),
                (SPDX.algorithm, _iri(SPDX.checksumAlgorithm_sha256)),
                (
                    SPDX.checksumValue,
                    f'rr:constant "{hashlib.sha256(table.read_bytes()).hexdigest()}" ; rr:datatype <{XSD.hexBinary}>',
                ),
            ],
        ),
        (
            "participants",
            part,
            [
                (RDF.type, _iri(CYB.Participation)),
                (CYB.actor, _iri(BASE + "id/actor/{actor}")),
                (CYB.role, _iri(BASE + "id/role/{role}")),
                (CYB.basis, stated),
                (CYB.nameAsPrinted, _plain("printed")),
            ],
        ),
        (
            "participants",
            _PROJECT,
            [(CYB.participation, _iri(part)), (cyb + "{role}", _iri(BASE + "id/actor/{actor}"))],
        ),
        (
            "scopes",
            scope,
            [
                (RDF.type, _iri(CYB.Scope)),
                (CYB.concept, _iri(BASE + "id/{kind}/{key}")),
                (CYB.basis, stated),
                (CYB.nameAsPrinted, _plain("printed")),
            ],
        ),
        ("scopes", _PROJECT, [(CYB.scope, _iri(scope)), (cyb + "{kind}", _iri(BASE + "id/{kind}/{key}"))]),
        (
            "items",
            item,
            [
                (RDF.type, _iri(cyb + "{class}")),
                (DCTERMS.description, _text("text")),
                (CYB.subheading, _text("under")),
            ],
        ),
        ("items", _PROJECT, [(cyb + "{property}", _iri(item))]),
        (
            "links",
            link,
            [
                (RDF.type, _iri(CYB.WebLink)),
                (DCTERMS.title, _text("text")),
                (SCHEMA.url, _column("url", "rr:termType rr:IRI")),
            ],
        ),
        ("links", _PROJECT, [(CYB.link, _iri(link))]),
    )
    return _PREFIXES + "".join(_rule(number, folder, *rule) for number, rule in enumerate(rules))


def _project() -> list[tuple[str, str]]:
    month = f"rr:datatype <{XSD.gYearMonth}>"
    return [
        (RDF.type, _iri(CYB.Project)),
        (DCTERMS.identifier, _plain("code")),
        (DCTERMS.title, _text("title")),
        (CYB.slug, _plain("slug")),
        (DCTERMS.abstract, _text("abstract")),
        (DCTERMS.description, _text("description")),
        (CYB.aim, _text("aim")),
        (CYB.context, _text("context")),
        (CYB.status, _iri(BASE + "id/status/{status}")),
        (CYB.start, _column("start", month)),
        (CYB.startAsPrinted, _plain("start_printed")),
        (CYB.end, _column("end", month)),
        (CYB.endAsPrinted, _plain("end_printed")),
    ]


def _rule(number: int, folder: Path, table: str, subject: str, pairs: list[tuple[str, str]]) -> str:
    objects = "".join(
        f" ;\n  rr:predicateObjectMap [ rr:predicateMap [ {_iri(predicate)} ] ; rr:objectMap [ {value} ] ]"
        for predicate, value in pairs
    )
    path = folder / f"{table}.csv"
    source = f'rml:logicalSource [ rml:source "{path}" ; rml:referenceFormulation ql:CSV ]'
    return f"\n<#rule{number}> a rr:TriplesMap ; {source} ;\n  rr:subjectMap [ {_iri(subject)} ]{objects} .\n"


def _iri(template: str) -> str:
    return f'rr:template "{template}"' if "{" in template else f"rr:constant <{template}>"


def _text(column: str) -> str:
    return _column(column, 'rr:language "en"')


def _plain(column: str) -> str:
    return _column(column, "rr:termType rr:Literal")


def _column(column: str, more: str) -> str:
    return f'rml:reference "{column}" ; {more}'
