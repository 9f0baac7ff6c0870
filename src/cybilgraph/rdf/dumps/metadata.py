"""Describe the content and locations of a release: VoID (W3C note, 2011) and DCAT 3 according to DCAT-AP 3.0.1.

All IRIs are below the base of the site. So are locations (``_LOCATIONS``) until a server replaces the base by its own
address. There are no blank nodes. Values from other vocabularies have their types, because DCAT-AP requires them and
most validators do not look up values. Omitted are recommended properties that we cannot know: the types of the
publisher and of the licence, how long files will be available, and when the catalogue was first published.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import quote, urlsplit

from cybilgraph.model.dates import date_bounds
from cybilgraph.model.formats import BY_NAME, FORMATS, GRAPH_FORMATS, TABLE_FORMATS, Format, media_type_of
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.site_profile import DEFAULT_PROFILE, SiteProfile
from cybilgraph.model.vocabulary import (
    CYB,
    DCAT,
    DCTERMS,
    FOAF,
    HYDRA,
    OWL,
    PREFIXES,
    RDF,
    RDFS,
    SKOS,
    VOID,
    XSD,
    kind_of_iri,
    own_iri,
    path_of,
    shorten,
)
from cybilgraph.rdf.dumps import FULL_DUMPS, MAY_REACH, STATED_DUMP
from cybilgraph.rdf.iati_publication import ACTIVITIES
from cybilgraph.rdf.ntriples import StatementsBySubject, iri, literal, term_text
from cybilgraph.rdf.serialisation import serialise, turtle_to_ntriples

#: Properties whose values are locations rather than names.
_LOCATIONS = tuple(
    iri(term)
    for term in (
        *(VOID.dataDump, VOID.sparqlEndpoint, DCAT.downloadURL, DCAT.accessURL, DCAT.landingPage),
        *(DCAT.endpointURL, DCAT.endpointDescription, FOAF.homepage),
    )
)
KEYWORDS = ("cyber capacity building", "cybersecurity", "cybercrime", "international development", "linked data")
MAY_REACH_ABOUT = (
    "Countries that each project may reach: its own, those of its regions, and the members of its groups. "
    "Derived, and not part of the graph"
)
_MEDIA_TYPE = "https://www.iana.org/assignments/media-types/"
#: Tables of the EU Publications Office, which DCAT-AP prescribes.
_EU = "http://publications.europa.eu/resource/authority/"
_FILE_TYPES = {
    "ttl": "RDF_TURTLE",
    "nt": "RDF_N_TRIPLES",
    "nq": "RDF_N_QUADS",
    "trig": "RDF_TRIG",
    "rdf": "RDF_XML",
    "jsonld": "JSON_LD",
    "csv": "CSV",
    "parquet": "PARQUET",
    "geojson": "GEOJSON",
    **dict.fromkeys(("graphml", "gexf", "xml"), "XML"),
}
_THEMES = {"INTR": "International issues", "TECH": "Science and technology"}
_FILE_DESCRIPTIONS = {
    "projects": "Projects, one per row",
    "participations": "Participations: organisations, projects and roles",
    "scopes": "Scopes: countries, regions, groups, themes and audiences of projects",
    "outcomes": "Outcomes, outputs and activities",
    "funding": "Sums of money, which few projects state",
    "countries": "Countries with the number of projects in each, for maps",
    "network": "The network of projects, organisations and places",
    "network-nodes": "The nodes of the network: projects, organisations and places",
    "network-edges": "The edges of the network: participations and places",
    "may-reach": MAY_REACH_ABOUT,
    "manifest": "Counts, versions and checksums of the release",
    "report": "Problems found in the records",
    "SHA256SUMS": "Checksums for sha256sum --check",
    "void": "Description of the dataset (VoID)",
    "dcat": "Description of the files (DCAT 3)",
}
_COMPRESSIONS = {"gz": "gzip", "zst": "Zstandard"}
_LINKS = (OWL.sameAs, RDFS.seeAlso, SKOS.closeMatch, SKOS.exactMatch)
_PLACES = (CYB.country, CYB.region)
_COUNTED_PROPERTIES = {RDF.type, CYB.start, CYB.end, *_PLACES, *_LINKS}
_MAX_EXAMPLES = 3
_RIGHTS = iri(DCTERMS.rights)
_IS_DOCUMENT = f" {iri(RDF.type)} {iri(FOAF.Document)} ."


@dataclass(slots=True)
class GraphStatistics:
    """Counts of the default graph: resources by class, statements by property, links by property and site.

    ``quads`` includes the named graphs, ``stated`` only stated facts.
    """

    quads: int = 0
    stated: int = 0
    triples: int = 0
    subjects: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    properties: Counter[str] = field(default_factory=Counter)
    links: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)
    #: Statements of the file of countries that projects may reach; they are not in the graph.
    may_reach: int = 0
    #: Projects by what they lack to be published as IATI activities; those that lack nothing are under "".
    activities: Counter[str] = field(default_factory=Counter)
    first_day: str = ""
    last_day: str = ""

    def add(self, others: GraphStatistics) -> None:
        """Add the counts of a later chunk with other subjects."""
        self.quads += others.quads
        self.stated += others.stated
        self.triples += others.triples
        self.subjects += others.subjects
        self.classes += others.classes
        self.properties += others.properties
        self.links += others.links
        self.activities += others.activities
        self.examples = (self.examples + others.examples)[:_MAX_EXAMPLES]
        self.places |= others.places
        self.first_day = min(filter(None, (self.first_day, others.first_day)), default="")
        self.last_day = max(self.last_day, others.last_day)


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
                days = (date_bounds(date)[0] for date in texts)
                found.first_day = min(filter(None, (found.first_day, *days)))
            elif predicate == CYB.end:
                found.last_day = max(found.last_day, *(date_bounds(date)[1] for date in texts))
            elif predicate in _PLACES:
                found.places.update(texts)
            elif kind_of_iri(subject):
                others = (term[1:-1] for term in terms if term.startswith("<") and not path_of(term[1:-1]))
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
    counts: GraphStatistics,
    number: int,
    created: str,
    files: Iterable[ReleaseFile],
    folder: Path,
    profile: SiteProfile = DEFAULT_PROFILE,
) -> None:
    """Write void.ttl, and dcat in Turtle, JSON-LD and RDF/XML. Raises OSError."""
    files = list(files)
    created_at = literal(created, datatype=XSD.dateTime)
    dataset = _dataset(number, created_at)
    void = with_profile(_statements(dataset + _void(counts, number, files)), profile)
    dcat = with_profile(_statements(dataset + _dcat(counts, number, created_at, files)), profile)
    for stem, lines, names in (("void", void, ("turtle",)), ("dcat", dcat, ("turtle", "jsonld", "rdfxml"))):
        for name in names:
            fmt = BY_NAME[name]
            with (folder / f"{stem}.{fmt.suffix}").open("xb") as output:
                serialise([f"{line}\n".encode() for line in lines], fmt, output)


def with_profile(lines: Iterable[str], profile: SiteProfile, built: SiteProfile | None = None) -> list[str]:
    """Add what a profile says to the lines of a description, in place of what the profile ``built`` added."""
    lines = list(lines)
    if profile == built:
        return lines
    is_catalogue = any(line.startswith(f"<{own_iri('catalog')}> ") for line in lines)
    replaced = set(_describe_profile(built, is_catalogue) if built else ())
    if built and built.licence:
        replaced |= {line for line in with_licence(lines, built.licence) if iri(built.licence) in line}
    found = sorted({*(line for line in lines if line not in replaced), *_describe_profile(profile, is_catalogue)})
    return [*with_licence(found, profile.licence)]


def with_locations(lines: Iterable[str], address: str) -> Iterator[str]:
    """Yield the lines of a description with all locations below this server root."""
    base = f"<{own_iri()}"
    for line in lines:
        subject, predicate, rest = line.split(" ", 2)
        if predicate in _LOCATIONS and rest.startswith(base):
            line = f"{subject} {predicate} <{address}{rest.removeprefix(base)}"
        elif line.endswith(_IS_DOCUMENT) and line.startswith(base):
            line = f"<{address}{line.removeprefix(base)}"
        yield line


def with_licence(lines: Iterable[str], licence: str) -> Iterator[str]:
    """Add a licence (a URL, or "" for none) wherever the lines of a description give rights, as DCAT-AP requires."""
    if licence:
        yield f"{iri(licence)} {iri(RDF.type)} {iri(DCTERMS.LicenseDocument)} ."
    for line in lines:
        yield line
        subject, predicate, _ = line.split(" ", 2)
        if licence and predicate == _RIGHTS:
            yield f"{subject} {iri(DCTERMS.license)} {iri(licence)} ."


@lru_cache(maxsize=4)
def read_coverage(catalogue: bytes) -> tuple[Sequence[str], str]:
    """Return the names of the places in dcat.ttl, and its period as an interval (ISO 8601); each may be empty."""
    names, days = set(), dict[str, str]()
    for line in turtle_to_ntriples(catalogue):
        predicate, value = line.split(" ", 2)[1:]
        if predicate == iri(DCTERMS.spatial):
            kind, key = path_of(value.partition(">")[0][1:]).split("/")[1:]
            if entry := load_gazetteer().entries[kind].get(key):
                names.add(entry.name)
        elif predicate in (iri(DCAT.startDate), iri(DCAT.endDate)):
            days[predicate] = value.split('"')[1]
    return sorted(names), "/".join(sorted(days.values()))


def describe_paging(address: str) -> Iterator[str]:
    """State that the catalogue at this address has a single page, because CKAN harvesters look for the next."""
    one, page = literal("1", datatype=XSD.integer), literal(address)
    for predicate, value in (
        (RDF.type, iri(HYDRA.PagedCollection)),
        (HYDRA.totalItems, one),
        (HYDRA.itemsPerPage, one),
        (HYDRA.firstPage, page),
        (HYDRA.lastPage, page),
    ):
        yield f"{iri(address)} {iri(predicate)} {value} ."


def _statements(turtle: str) -> list[str]:
    """Return the statements of Turtle with our prefixes and with IRIs relative to the base of the site."""
    prefixes = "".join(f"@prefix {prefix}: <{namespace}> .\n" for prefix, namespace in PREFIXES.items())
    return sorted(set(turtle_to_ntriples(f"@base <{own_iri()}> .\n{prefixes}{turtle}".encode())))


def _each(predicate: str, values: Iterable[str]) -> str:
    return "".join(f"{predicate} {value} ;\n" for value in values)


def _english(text: str) -> str:
    return literal(text, "en")


@cache
def _describe_profile(profile: SiteProfile, is_catalogue: bool) -> list[str]:
    """Return what a profile says about the dataset and, in a catalogue, about the catalogue and the endpoint."""

    def text(value: str) -> str:
        return literal(value, profile.languages[0])

    publisher = iri(profile.publisher_iri) if profile.publisher_iri else "<about>"
    parts = f"""
    <dataset> dcterms:title {text(profile.title)} ;
        dcterms:description {text(profile.description)} ;
        {_each("dcterms:language", map(iri, profile.language_iris))}
        {_each("prov:wasDerivedFrom" if is_catalogue else "dcterms:source", map(iri, profile.sources))}
        dcterms:publisher {publisher} .
    <dataset#rights> a dcterms:RightsStatement ; rdfs:label {text(profile.rights)} .
    {publisher} a foaf:Agent ; {_each("foaf:logo", map(iri, filter(None, [profile.publisher_logo])))}
        foaf:name {literal(profile.publisher_name)} .
    """
    parts += "".join(_entry(language, "language", "dcterms:LinguisticSystem") for language in profile.language_iris)
    if not profile.publisher_iri:
        parts += "<about> foaf:homepage <> .\n"
    if profile.doi:
        doi = iri(f"https://doi.org/{profile.doi}")
        parts += f"""
    <dataset> adms:identifier {doi} .
    {doi} a adms:Identifier ; skos:notation {literal(doi[1:-1], datatype=XSD.anyURI)} .
    """
    if profile.contact_email:
        parts += f"""
    <dataset> dcat:contactPoint <dataset#contact> .
    <dataset#contact> a vcard:Kind ; vcard:fn {literal(profile.publisher_name)} ;
        vcard:hasEmail {iri(f"mailto:{profile.contact_email}")} .
    """
    if is_catalogue:
        if profile.contact_email:
            parts += "<service> dcat:contactPoint <dataset#contact> .\n"
        parts += f"""
    <catalog> dcterms:title {_english(f"The {profile.name} dataset and its files")} ; dcterms:publisher {publisher} ;
        dcterms:language {", ".join(map(iri, profile.language_iris))} .
    <service> dcterms:title {_english(f"SPARQL endpoint of {profile.name}")} ; dcterms:publisher {publisher} .
    """
    return _statements(parts)


def _dataset(number: int, created_at: str) -> str:
    """Return the description of the dataset that both files share."""
    return f"""
    <dataset> a void:Dataset, dcat:Dataset ;
        dcterms:identifier "{own_iri("dataset")}" ;
        dcterms:modified {created_at} ;
        dcterms:rights <dataset#rights> ;
        owl:versionInfo "{number}" .
    <> a foaf:Document .
    """


def _void(counts: GraphStatistics, number: int, files: list[ReleaseFile]) -> str:
    terms = (*counts.classes, *counts.properties)
    names = [file.name for file in files]
    whole = [name for name in names if _syntax(name) and name not in (STATED_DUMP, MAY_REACH)]
    namespaces = {term[: max(term.rfind("#"), term.rfind("/")) + 1] for term in terms}
    parts = f"""
    <dataset> foaf:homepage <> ;
        void:sparqlEndpoint <sparql> ;
        void:uriSpace "{own_iri()}" ;
        void:triples {counts.triples} ;
        void:distinctSubjects {counts.subjects} ;
        void:classes {len(counts.classes)} ;
        void:properties {len(counts.properties)} ;
        {_each("void:exampleResource", map(iri, counts.examples))}
        {_each("void:vocabulary", map(iri, namespaces))}
        {_each("void:dataDump", (f"<release/{number}/{name}>" for name in whole))}
        {_each("void:feature", (iri(fmt.iri) for fmt in GRAPH_FORMATS))} .
    """
    if STATED_DUMP in names:
        parts += f"""
    <dataset> void:subset <dataset#stated> .
    <dataset#stated> a void:Dataset ;
        dcterms:description {_english(_describe_dump(STATED_DUMP, counts))} ;
        void:triples {counts.stated} ;
        void:dataDump <release/{number}/{STATED_DUMP}> .
    """
    for kind, counted, times in (("class", counts.classes, "entities"), ("property", counts.properties, "triples")):
        for term, many in counted.items():
            part = f"<dataset#{kind}-{quote(shorten(term).replace(':', '-', 1), safe='')}>"
            parts += f"""
    <dataset> void:{kind}Partition {part} .
    {part} a void:Dataset ; void:{kind} {iri(term)} ; void:{times} {many} .
    """
    for place, ((predicate, site), many) in enumerate(sorted(counts.links.items()), start=1):
        parts += f"""
    <dataset> void:subset <dataset#links-{place}> .
    <dataset#links-{place}> a void:Linkset ; void:linkPredicate {iri(predicate)} ;
        void:subjectsTarget <dataset> ; void:objectsTarget {iri(site)} ; void:triples {many} .
    """
    if MAY_REACH in names:
        parts += f"""
    <dataset#may-reach> a void:Linkset ; void:linkPredicate {iri(CYB.mayReach)} ;
        dcterms:description {_english(f"{MAY_REACH_ABOUT}.")} ;
        void:subjectsTarget <dataset> ; void:objectsTarget <dataset> ; prov:wasDerivedFrom <dataset> ;
        void:triples {counts.may_reach} ; void:dataDump <release/{number}/{MAY_REACH}> .
    """
    return parts


def _entry(value: str, table: str, kind: str) -> str:
    """State that a value is an entry of a table of the EU Publications Office."""
    return f"{iri(value)} a {kind} ; skos:inScheme <{_EU}{table}> .\n"


def _dcat(counts: GraphStatistics, number: int, created_at: str, files: list[ReleaseFile]) -> str:
    about = f"""
        {_each("dcat:theme", (f"<{_EU}data-theme/{theme}>" for theme in _THEMES))}
        {_each("dcat:keyword", map(_english, KEYWORDS))}
        dcterms:accessRights <{_EU}access-right/PUBLIC> ;
        dcterms:rights <dataset#rights>"""
    places = _each("dcterms:spatial", map(iri, counts.places))
    parts = f"""
    <catalog> a dcat:Catalog ;
        dcterms:description "The current release of the dataset, and the SPARQL endpoint that serves it."@en ;
        dcterms:modified {created_at} ;
        dcterms:rights <dataset#rights> ;
        {places}
        dcat:themeTaxonomy <{_EU}data-theme> ;
        foaf:homepage <> ;
        dcat:dataset <dataset> ;
        dcat:service <service> .
    <service> a dcat:DataService ;
        dcterms:conformsTo sd:SPARQL11Query ;
        dcat:endpointURL <sparql> ;
        dcat:endpointDescription <sparql> ;
        dcat:servesDataset <dataset> ;
        {about} .
    sd:SPARQL11Query a dcterms:Standard .
    <release/{number}> a foaf:Document .
    <{_EU}data-theme> a skos:ConceptScheme ; dcterms:title "Data theme"@en .
    <dataset> dcat:version "{number}" ;
        dcat:landingPage <release/{number}> ;
        dcterms:provenance <dataset#provenance> ;
        {places} {about} ;
        {_each("dcat:distribution", (f"<dataset#file-{file.name}>" for file in files))} .
    <dataset#provenance> a dcterms:ProvenanceStatement ; rdfs:label
        "Extracted from saved project pages and records; the data name each source with its checksum."@en .
    spdx:checksumAlgorithm_sha256 a spdx:ChecksumAlgorithm .
    """
    parts += _entry(f"{_EU}access-right/PUBLIC", "access-right", "dcterms:RightsStatement")
    for theme, name in _THEMES.items():
        parts += _entry(f"{_EU}data-theme/{theme}", "data-theme", f"skos:Concept ; skos:prefLabel {_english(name)}")
    parts += "".join(f"{iri(place)} a dcterms:Location .\n" for place in counts.places)
    if counts.first_day and counts.last_day:
        parts += f"""
    <dataset> dcterms:temporal <dataset#period> .
    <dataset#period> a dcterms:PeriodOfTime ;
        dcat:startDate "{counts.first_day}"^^xsd:date ; dcat:endDate "{counts.last_day}"^^xsd:date .
    """
    for file in files:
        kind, compression = _types(file.name)
        file_type = next(f"{_EU}file-type/{_FILE_TYPES[end]}" for end in file.name.split(".") if end in _FILE_TYPES)
        parts += _entry(file_type, "file-type", "dcterms:MediaTypeOrExtent")
        for value in filter(None, (kind, compression)):
            parts += f"<{_MEDIA_TYPE}{value}> a dcterms:MediaType .\n"
        parts += f"""
    <dataset#file-{file.name}> a dcat:Distribution ;
        dcterms:title "{file.name}"@en ;
        dcterms:identifier "{file.name}" ;
        dcterms:description {_english(describe_file(file.name, counts))} ;
        dcterms:modified {created_at} ;
        dcterms:rights <dataset#rights> ;
        dcterms:format <{file_type}> ;
        dcat:mediaType <{_MEDIA_TYPE}{kind}> ;
        {_each("dcat:compressFormat", [f"<{_MEDIA_TYPE}{compression}>"] if compression else [])}
        dcat:accessURL <release/{number}/{file.name}> ;
        dcat:downloadURL <release/{number}/{file.name}> ;
        dcat:byteSize "{file.size}"^^xsd:nonNegativeInteger ;
        spdx:checksum <dataset#file-{file.name}-checksum> .
    <dataset#file-{file.name}-checksum> a spdx:Checksum ;
        spdx:algorithm spdx:checksumAlgorithm_sha256 ;
        spdx:checksumValue "{file.sha256}"^^xsd:hexBinary .
    """
    return parts


def describe_file(name: str, counts: GraphStatistics | None = None) -> str:
    """Say what a file of a release contains; with ``counts``, also the number of statements of a dump."""
    stem, *suffixes = name.split(".")
    syntaxes = {suffix: fmt.title for suffix, fmt in TABLE_FORMATS.items()}
    syntaxes |= {fmt.suffix: fmt.title for fmt in FORMATS if fmt.carries_graph}
    kinds = [f" as {syntaxes[suffix]}" for suffix in suffixes[:1] if suffix in syntaxes]
    compressed = [f" ({_COMPRESSIONS[suffix]})" for suffix in suffixes[-1:] if suffix in _COMPRESSIONS]
    if name == ACTIVITIES:
        return _describe_activities(counts.activities if counts else Counter())
    content = _FILE_DESCRIPTIONS.get(stem) or f"The graph, {_describe_dump(name, counts)},"
    return "".join([content, *kinds, *compressed])


def _describe_dump(name: str, counts: GraphStatistics | None = None) -> str:
    if name == STATED_DUMP:
        content = "current state, stated and confirmed facts only, without derived links and their quotes"
        count = "stated"
    elif name in FULL_DUMPS:
        content, count = "current state and history (named graphs)", "quads"
    else:
        content, count = "current state only", "triples"
    return f"{content}: {getattr(counts, count):,} statements" if counts else content


def _describe_activities(found: Counter[str]) -> str:
    """Say how many projects are in the file of activities, and what the others lack."""
    content = "Projects that have what IATI requires, as activities (IATI 2.03)"
    lacking = [f"{what} ({number:,})" for what, number in found.most_common() if what]
    others = f"; the others lack {', '.join(lacking)}" if lacking else ""
    return f"{content}: {found['']:,} of {found.total():,}{others}" if found else content


def _syntax(name: str) -> Format | None:
    """Return the RDF syntax of a file's content, compressed or not; None for other files."""
    suffixes = name.split(".")[1:]
    return next((fmt for fmt in FORMATS if fmt.carries_graph and fmt.suffix in suffixes[:1]), None)


def _types(name: str) -> tuple[str, str]:
    """Return the media types of a file's content and of its compression."""
    suffixes = name.split(".")[1:]
    outer = media_type_of(name)
    if not _COMPRESSIONS.keys() & suffixes[1:]:
        return outer, ""
    fmt = _syntax(name)
    return fmt.media_type if fmt else TABLE_FORMATS[suffixes[0]].media_type, outer
