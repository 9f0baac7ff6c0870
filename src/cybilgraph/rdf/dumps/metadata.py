"""Describe the content and locations of a release: VoID (W3C note, 2011) and DCAT 3 according to DCAT-AP.

All IRIs are below our base. So are locations (``_LOCATIONS``) until a server replaces the base by its own
address. There are no blank nodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from cybilgraph.model.formats import BY_NAME, FORMATS, GRAPH_FORMATS, media_type_of
from cybilgraph.model.vocabulary import (
    BASE,
    CYB,
    DCAT,
    DCTERMS,
    FOAF,
    HYDRA,
    OWL,
    PROV,
    RDF,
    RDFS,
    SD,
    SKOS,
    SPDX,
    VOID,
    XSD,
    shorten,
)
from cybilgraph.rdf.ntriples import StatementsBySubject, iri, literal, term_text
from cybilgraph.rdf.serialisation import serialise

DATASET, CATALOG, SERVICE, PUBLISHER = (f"{BASE}{name}" for name in ("dataset", "catalog", "service", "about"))
#: Properties whose values are locations rather than names.
_LOCATIONS = tuple(
    iri(term)
    for term in (
        *(VOID.dataDump, VOID.sparqlEndpoint, DCAT.downloadURL, DCAT.accessURL, DCAT.landingPage),
        *(DCAT.endpointURL, DCAT.endpointDescription, FOAF.homepage),
    )
)
TITLE = "cybilgraph: cyber capacity-building projects as linked data"
ABOUT = (
    "Who funds and who delivers cyber capacity-building projects, where and when: projects, actors, countries, "
    "themes, outcomes. Links found only in a sentence are marked as derived and carry its quote."
)
RIGHTS = (
    "Project texts: as stated by the publisher of each record (dcterms:rights of the record). "
    "Names and codes of reference data: CC0 1.0."
)
KEYWORDS = ("cyber capacity building", "cybersecurity", "cybercrime", "international development", "linked data")
SOURCE = "https://cybilportal.org/"
_MEDIA_TYPE = "https://www.iana.org/assignments/media-types/"
_LINKS = (OWL.sameAs, RDFS.seeAlso, SKOS.closeMatch)
_PLACES = (CYB.country, CYB.region)
_COUNTED_PROPERTIES = {RDF.type, CYB.start, CYB.end, *_PLACES, *_LINKS}
_MAX_EXAMPLES = 3
_RIGHTS = iri(DCTERMS.rights)
_TABLES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


@dataclass(slots=True)
class GraphStatistics:
    """Counts of the default graph: resources by class, statements by property, and links from our resources to
    other sites.
    """

    triples: int = 0
    subjects: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    properties: Counter[str] = field(default_factory=Counter)
    links: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)
    start: str = ""
    end: str = ""

    def add(self, others: GraphStatistics) -> None:
        """Add the counts of a later chunk with other subjects."""
        self.triples += others.triples
        self.subjects += others.subjects
        self.classes += others.classes
        self.properties += others.properties
        self.links += others.links
        self.examples = (self.examples + others.examples)[:_MAX_EXAMPLES]
        self.places |= others.places
        self.start = min(filter(None, (self.start, others.start)), default="")
        self.end = max(self.end, others.end)


def count_statements(graph: StatementsBySubject) -> GraphStatistics:
    """Count the statements of a graph."""
    found = GraphStatistics(subjects=len(graph))
    for subject, own in graph.items():
        for predicate, terms in own.items():
            found.properties[predicate] += len(terms)
            if predicate not in _COUNTED_PROPERTIES:
                continue
            texts = map(term_text, terms)
            if predicate == RDF.type:
                found.classes.update(texts)
                if len(found.examples) < _MAX_EXAMPLES and f"<{CYB.Project}>" in terms:
                    found.examples.append(subject)
            elif predicate == CYB.start:
                found.start = min(filter(None, (found.start, *texts)), default="")
            elif predicate == CYB.end:
                found.end = max(found.end, *texts)
            elif predicate in _PLACES:
                found.places.update(texts)
            elif subject.startswith(f"{BASE}id/"):
                others = (term[1:-1] for term in terms if term.startswith("<") and not term.startswith(f"<{BASE}"))
                found.links.update((predicate, origin_of(address)) for address in others)
    found.triples = found.properties.total()
    return found


def origin_of(address: str) -> str:
    """Return the scheme and host of an address."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}/"


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """A file of a release to download."""

    name: str
    size: int
    sha256: str


def write_descriptions(
    counts: GraphStatistics, number: int, created: str, files: Iterable[ReleaseFile], folder: Path
) -> None:
    """Write void.ttl, and dcat in Turtle, JSON-LD and RDF/XML. Raises OSError."""
    files = list(files)
    void = sorted({*_dataset(number, created), *_void(counts, number, files)})
    dcat = sorted({*_dataset(number, created), *_dcat(counts, number, created, files)})
    for stem, lines, names in (("void", void, ("turtle",)), ("dcat", dcat, ("turtle", "jsonld", "rdfxml"))):
        for name in names:
            fmt = BY_NAME[name]
            with (folder / f"{stem}.{fmt.suffix}").open("xb") as output:
                serialise([f"{line}\n".encode() for line in lines], fmt, output)


def with_locations(lines: Iterable[str], address: str) -> Iterator[str]:
    """Yield the lines of a description with all locations below this server root."""
    for line in lines:
        subject, predicate, rest = line.split(" ", 2)
        if predicate in _LOCATIONS and rest.startswith(f"<{BASE}"):
            line = f"{subject} {predicate} <{address}{rest.removeprefix(f'<{BASE}')}"
        yield line


def with_licence(lines: Iterable[str], licence: str) -> Iterator[str]:
    """Yield the lines of a description with the publisher's licence (an address).

    It is added wherever rights are given, to the dataset and to each file, as DCAT-AP requires.
    """
    yield from _lines_about(licence, (RDF.type, iri(DCTERMS.LicenseDocument)))
    for line in lines:
        yield line
        subject, predicate, _ = line.split(" ", 2)
        if predicate == _RIGHTS:
            yield f"{subject} {iri(DCTERMS.license)} {iri(licence)} ."


def describe_paging(address: str) -> Iterator[str]:
    """Yield statements that the catalogue at this address has a single page, because CKAN harvesters look for
    the next.
    """
    yield from _lines_about(
        address,
        (RDF.type, iri(HYDRA.PagedCollection)),
        (HYDRA.totalItems, _number(1)),
        (HYDRA.itemsPerPage, _number(1)),
        (HYDRA.firstPage, literal(address)),
        (HYDRA.lastPage, literal(address)),
    )


def _lines_about(subject: str, *pairs: tuple[str, str]) -> Iterator[str]:
    return (f"{iri(subject)} {iri(predicate)} {value} ." for predicate, value in pairs)


def _number(value: int) -> str:
    return literal(str(value), datatype=XSD.integer)


def _english(text: str) -> str:
    return literal(text, "en")


def _dataset(number: int, created: str) -> Iterator[str]:
    """Yield the statements about the dataset that both descriptions share."""
    created_at = literal(created, datatype=XSD.dateTime)
    yield from _lines_about(
        DATASET,
        (RDF.type, iri(VOID.Dataset)),
        (RDF.type, iri(DCAT.Dataset)),
        (DCTERMS.title, _english(TITLE)),
        (DCTERMS.description, _english(ABOUT)),
        (DCTERMS.identifier, literal(DATASET)),
        (DCTERMS.publisher, iri(PUBLISHER)),
        (DCTERMS.modified, created_at),
        (DCTERMS.rights, iri(f"{DATASET}#rights")),
        (DCTERMS.source, iri(SOURCE)),
        (OWL.versionInfo, literal(str(number))),
        (DCTERMS.language, iri("http://publications.europa.eu/resource/authority/language/ENG")),
    )
    yield from _lines_about(
        f"{DATASET}#rights", (RDF.type, iri(DCTERMS.RightsStatement)), (RDFS.label, _english(RIGHTS))
    )
    yield from _lines_about(
        PUBLISHER, (RDF.type, iri(FOAF.Agent)), (FOAF.name, literal("cybilgraph")), (FOAF.homepage, iri(BASE))
    )


def _void(counts: GraphStatistics, number: int, files: list[ReleaseFile]) -> Iterator[str]:
    terms = (*counts.classes, *counts.properties)
    namespaces = {term[: max(term.rfind("#"), term.rfind("/")) + 1] for term in terms}
    yield from _lines_about(
        DATASET,
        (FOAF.homepage, iri(BASE)),
        (VOID.sparqlEndpoint, iri(f"{BASE}sparql")),
        (VOID.uriSpace, literal(BASE)),
        (VOID.triples, _number(counts.triples)),
        (VOID.distinctSubjects, _number(counts.subjects)),
        (VOID.classes, _number(len(counts.classes))),
        (VOID.properties, _number(len(counts.properties))),
        *((VOID.exampleResource, iri(example)) for example in counts.examples),
        *((VOID.vocabulary, iri(namespace)) for namespace in namespaces),
        *((VOID.dataDump, iri(_address(number, file.name))) for file in files if _syntax(file.name)),
        *((VOID.feature, iri(fmt.iri)) for fmt in GRAPH_FORMATS),
    )
    for kind, term, many in (
        *((VOID.classPartition, name, count) for name, count in counts.classes.items()),
        *((VOID.propertyPartition, name, count) for name, count in counts.properties.items()),
    ):
        of_class = kind == VOID.classPartition
        key = quote(shorten(term).replace(":", "-", 1), safe="")
        part = f"{DATASET}#{'class' if of_class else 'property'}-{key}"
        yield from _lines_about(DATASET, (kind, iri(part)))
        yield from _lines_about(
            part,
            (RDF.type, iri(VOID.Dataset)),
            (getattr(VOID, "class") if of_class else VOID.property, iri(term)),
            (VOID.entities if of_class else VOID.triples, _number(many)),
        )
    for place, ((predicate, site_), many) in enumerate(sorted(counts.links.items()), start=1):
        links = f"{DATASET}#links-{place}"
        yield from _lines_about(DATASET, (VOID.subset, iri(links)))
        yield from _lines_about(
            links,
            (RDF.type, iri(VOID.Linkset)),
            (VOID.linkPredicate, iri(predicate)),
            (VOID.subjectsTarget, iri(DATASET)),
            (VOID.objectsTarget, iri(site_)),
            (VOID.triples, _number(many)),
        )


def _dcat(counts: GraphStatistics, number: int, created: str, files: list[ReleaseFile]) -> Iterator[str]:
    created_at = literal(created, datatype=XSD.dateTime)
    period, history = f"{DATASET}#period", f"{DATASET}#provenance"
    yield from _lines_about(
        CATALOG,
        (RDF.type, iri(DCAT.Catalog)),
        (DCTERMS.title, _english("The cybilgraph dataset and its files")),
        (DCTERMS.description, _english("The current release of the dataset, and the SPARQL endpoint that serves it.")),
        (DCTERMS.publisher, iri(PUBLISHER)),
        (DCTERMS.modified, created_at),
        (FOAF.homepage, iri(BASE)),
        (DCAT.dataset, iri(DATASET)),
        (DCAT.service, iri(SERVICE)),
    )
    yield from _lines_about(
        SERVICE,
        (RDF.type, iri(DCAT.DataService)),
        (DCTERMS.title, _english("SPARQL endpoint of cybilgraph")),
        (DCTERMS.conformsTo, iri(SD.SPARQL11Query)),
        (DCTERMS.publisher, iri(PUBLISHER)),
        (DCAT.endpointURL, iri(f"{BASE}sparql")),
        (DCAT.endpointDescription, iri(f"{BASE}sparql")),
        (DCAT.servesDataset, iri(DATASET)),
    )
    yield from _lines_about(
        DATASET,
        (DCAT.version, literal(str(number))),
        (DCAT.landingPage, iri(f"{BASE}release/{number}")),
        (DCTERMS.provenance, iri(history)),
        (PROV.wasDerivedFrom, iri(SOURCE)),
        *((DCAT.keyword, _english(word)) for word in KEYWORDS),
        *((DCTERMS.spatial, iri(place)) for place in counts.places),
        *((DCAT.distribution, iri(_distribution(file.name))) for file in files),
    )
    yield from _lines_about(
        history,
        (RDF.type, iri(DCTERMS.ProvenanceStatement)),
        (
            RDFS.label,
            _english("Extracted from saved project pages and records; the data name each source with its checksum."),
        ),
    )
    if counts.start and counts.end:
        yield from _lines_about(DATASET, (DCTERMS.temporal, iri(period)))
        yield from _lines_about(
            period,
            (RDF.type, iri(DCTERMS.PeriodOfTime)),
            (DCAT.startDate, _time(counts.start)),
            (DCAT.endDate, _time(counts.end)),
        )
    for file in files:
        yield from _describe_file(file, number, created_at)


def _describe_file(file: ReleaseFile, number: int, created_at: str) -> Iterator[str]:
    here, address = _distribution(file.name), iri(_address(number, file.name))
    inner, compression = _types(file.name)
    yield from _lines_about(
        here,
        (RDF.type, iri(DCAT.Distribution)),
        (DCTERMS.title, _english(file.name)),
        (DCTERMS.identifier, literal(file.name)),
        (DCTERMS.modified, created_at),
        (DCTERMS.rights, iri(f"{DATASET}#rights")),
        (DCAT.accessURL, address),
        (DCAT.downloadURL, address),
        (DCAT.byteSize, literal(str(file.size), datatype=XSD.nonNegativeInteger)),
        (DCAT.mediaType, iri(f"{_MEDIA_TYPE}{inner}")),
        (DCTERMS.format, iri(f"{_MEDIA_TYPE}{inner}")),
        *(((DCAT.compressFormat, iri(f"{_MEDIA_TYPE}{compression}")),) if compression else ()),
        (SPDX.checksum, iri(f"{here}-checksum")),
    )
    yield from _lines_about(
        f"{here}-checksum",
        (RDF.type, iri(SPDX.Checksum)),
        (SPDX.algorithm, iri(SPDX.checksumAlgorithm_sha256)),
        (SPDX.checksumValue, literal(file.sha256, datatype=XSD.hexBinary)),
    )


def _distribution(name: str) -> str:
    return f"{DATASET}#file-{name}"


def _address(number: int, name: str) -> str:
    return f"{BASE}release/{number}/{name}"


def _syntax(name: str) -> str:
    """Return the RDF media type of a file's content, compressed or not; empty for other files."""
    suffixes = name.split(".")[1:]
    return next((fmt.media_type for fmt in FORMATS if fmt.carries_graph and fmt.suffix in suffixes[:1]), "")


def _types(name: str) -> tuple[str, str]:
    """Return the media types of a file's content and of its compression."""
    suffixes = name.split(".")[1:]
    outer = media_type_of(name)
    if len(suffixes) < 2:
        return outer, ""
    return _syntax(name) or _TABLES[suffixes[0]], outer


def _time(value: str) -> str:
    """Return a date as a literal of its precision."""
    kinds = {4: XSD.gYear, 7: XSD.gYearMonth}
    return literal(value, datatype=kinds.get(len(value), XSD.date))
