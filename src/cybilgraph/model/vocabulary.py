"""IRIs and prefixes: our own terms, reused terms, and the construction of our IRIs.

Data partners depend on these names: never change a released one. Our own terms are read from
the files in ontology/, which give each a label, definition and example.

The terms, and the countries, themes and other concepts of the reference data, have the same IRIs on every site. What
a site itself publishes begins with the base of that site: its projects, organisations, records, named graphs, dataset,
releases and feeds.
"""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import quote

from cybilgraph.errors import SiteMismatch
from cybilgraph.model.resources import read_ontology
from cybilgraph.runtime.bounded_cache import cache_short

#: The prefix of the IRIs that all sites share, and of a site's own IRIs unless its site file gives a base.
BASE = "https://w3id.org/cybilgraph/"
#: The kinds of resources that records create, whose IRIs therefore belong to the site.
OWN_KINDS = ("project", "actor", "audience", "curator")
#: The first segments of the paths of other shared IRIs: terms, rules, code lists and formats.
_SHARED_SECTIONS = ("ontology", "shapes", "iati", "schema")


class Vocabulary:
    """A namespace of known terms: ``CYB.aim`` is an IRI, ``CYB.aime`` an error.

    rdflib's ClosedNamespace is similar, but every command imports this module and would have to import
    rdflib too.
    """

    def __init__(self, iri: str, terms: str) -> None:
        """Create a namespace; spaces separate its ``terms``."""
        self.iri = iri
        self.terms = frozenset(terms.split())
        self.__dict__.update({term: f"{iri}{term}" for term in self.terms})

    def __getattr__(self, term: str) -> str:  # called for unknown terms only
        raise AttributeError(f"no term {term!r} in {self.iri}")


_ONTOLOGY = read_ontology().decode()
#: Our own terms are those that the ontology defines.
CYB = Vocabulary(f"{BASE}ontology#", " ".join(re.findall(r"^cyb:(\w+)$", _ONTOLOGY, re.MULTILINE)))
RDF = Vocabulary("http://www.w3.org/1999/02/22-rdf-syntax-ns#", "type first rest nil reifies subject predicate object")
RDFS = Vocabulary("http://www.w3.org/2000/01/rdf-schema#", "label seeAlso isDefinedBy Datatype")
XSD = Vocabulary(
    "http://www.w3.org/2001/XMLSchema#",
    "gYear gYearMonth date dateTime duration integer decimal double boolean nonNegativeInteger hexBinary anyURI string",
)
OWL = Vocabulary("http://www.w3.org/2002/07/owl#", "Ontology deprecated sameAs imports versionInfo")
DCTERMS = Vocabulary(
    "http://purl.org/dc/terms/",
    "identifier title abstract description isPartOf hasPart relation isReplacedBy hasVersion source rights language "
    "modified created issued publisher creator license spatial temporal PeriodOfTime RightsStatement LicenseDocument "
    "format conformsTo provenance ProvenanceStatement isVersionOf type",
)
SKOS = Vocabulary(
    "http://www.w3.org/2004/02/skos/core#",
    "Concept ConceptScheme Collection prefLabel altLabel notation note definition inScheme topConceptOf broader "
    "closeMatch exactMatch member relatedMatch",
)
ADMS = Vocabulary("http://www.w3.org/ns/adms#", "Identifier identifier schemaAgency")
FOAF = Vocabulary("http://xmlns.com/foaf/0.1/", "Agent Document primaryTopic homepage name")
ORG = Vocabulary("http://www.w3.org/ns/org#", "classification identifier subOrganizationOf")
OA = Vocabulary("http://www.w3.org/ns/oa#", "TextQuoteSelector exact")
PROV = Vocabulary(
    "http://www.w3.org/ns/prov#",
    "Agent Entity generatedAtTime wasAttributedTo wasDerivedFrom wasQuotedFrom wasRevisionOf",
)
SPDX = Vocabulary("http://spdx.org/rdf/terms#", "Checksum checksum algorithm checksumValue checksumAlgorithm_sha256")
VCARD = Vocabulary("http://www.w3.org/2006/vcard/ns#", "Kind fn hasEmail note")
SCHEMA = Vocabulary(
    "https://schema.org/",
    "url position dissolutionDate domainIncludes rangeIncludes amount leiCode MonetaryAmount value currency",
)
SH = Vocabulary(
    "http://www.w3.org/ns/shacl#",
    "Violation Warning Info name message severity NodeShape PropertyShape property targetClass targetNode "
    "targetSubjectsOf targetObjectsOf SPARQLSelectExecutable SPARQLConstructExecutable construct sparql select ask "
    "prefixes declare prefix namespace path nodeKind IRI datatype minCount maxCount",
)

SD = Vocabulary(
    "http://www.w3.org/ns/sparql-service-description#",
    "Service Dataset Graph SPARQL11Query BasicFederatedQuery endpoint supportedLanguage resultFormat feature "
    "defaultDataset defaultGraph",
)
VOID = Vocabulary(
    "http://rdfs.org/ns/void#",
    "Dataset Linkset triples distinctSubjects classes properties entities classPartition class propertyPartition "
    "property vocabulary exampleResource dataDump sparqlEndpoint uriSpace feature subset target subjectsTarget "
    "objectsTarget linkPredicate",
)
DCAT = Vocabulary(
    "http://www.w3.org/ns/dcat#",
    "Catalog Dataset Distribution DataService dataset service distribution version accessURL downloadURL "
    "accessService byteSize mediaType compressFormat landingPage startDate endDate endpointURL endpointDescription "
    "servesDataset keyword",
)
HYDRA = Vocabulary("http://www.w3.org/ns/hydra/core#", "PagedCollection totalItems itemsPerPage firstPage lastPage")
LDES = Vocabulary(
    "https://w3id.org/ldes#", "EventStream LatestVersionSubset amount retentionPolicy timestampPath versionOfPath"
)
TREE = Vocabulary(
    "https://w3id.org/tree#", "Node Relation GreaterThanOrEqualToRelation member node path relation shape value view"
)
ACTIVITY = Vocabulary("https://www.w3.org/ns/activitystreams#", "Create Update Delete")
#: All vocabularies.
VOCABULARIES = (
    *(CYB, RDF, RDFS, XSD, OWL, DCTERMS, SKOS, ADMS, FOAF, ORG, OA, PROV, SPDX, VCARD, SCHEMA, SH, SD, VOID, DCAT),
    *(HYDRA, LDES, TREE, ACTIVITY),
)

#: Prefixes that queries may use without declaring them, and that Turtle output uses.
PREFIXES: dict[str, str] = {
    "cyb": CYB.iri,
    "adms": ADMS.iri,
    "dcat": DCAT.iri,
    "dcterms": DCTERMS.iri,
    "foaf": FOAF.iri,
    # One prefix per kind of our own resources: country:BZ, actor:oas-cicte, role:funder
    **{
        kind: f"{BASE}id/{kind}/"
        for kind in (
            *("project", "actor", "country", "region", "group", "theme", "status", "role", "actor-type", "basis"),
            *("audience", "activity-kind", "result-status", "funding-kind"),
        )
    },
    "record": f"{BASE}record/",
    "oa": OA.iri,
    "org": ORG.iri,
    "owl": OWL.iri,
    "prov": PROV.iri,
    "rdf": RDF.iri,
    "rdfs": RDFS.iri,
    "schema": SCHEMA.iri,
    "sd": SD.iri,
    "sh": SH.iri,
    "skos": SKOS.iri,
    "spdx": SPDX.iri,
    "vcard": VCARD.iri,
    "void": VOID.iri,
    "xsd": XSD.iri,
}

#: The prefix of shape and reading rule IRIs, as in the ``rule`` of a finding.
RULES = f"{BASE}shapes#"

# The base is a value of the process, because nearly every module makes or matches IRIs, down to the writers of single
# statements: as an argument, it would be part of several hundred calls. A process therefore works with one base. It is
# fixed by ``use_base`` or, at the latest, when the first IRI is made. Worker processes get it as an argument.
_fixed_bases: list[str] = []


def use_base(base: str) -> None:
    """Have this process use a site's base, ending in a slash, in its own IRIs; "" stands for ``BASE``.

    Raises SiteMismatch if the process works with another base already.
    """
    base = base or BASE
    if not _fixed_bases:
        _fixed_bases.append(base)
        own = ("record", *(kind for kind in OWN_KINDS if kind in PREFIXES))
        PREFIXES.update({prefix: f"{base}{PREFIXES[prefix].removeprefix(BASE)}" for prefix in own})
    elif base != _fixed_bases[0]:
        raise SiteMismatch(
            f"IRIs with the base {base} cannot be mixed with those of {_fixed_bases[0]}",
            "A process works with one base: use another process, or the same site file (--site).",
        )


def own_iri(path: str = "") -> str:
    """Return the IRI of something that this site publishes: ``own_iri("dataset")``; without a path, its base."""
    if not _fixed_bases:
        use_base(BASE)
    return f"{_fixed_bases[0]}{path}"


@cache
def own_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern in which OWN stands for the base of this site."""
    return re.compile(pattern.replace("OWN", re.escape(own_iri())))


@cache
def own_byte_pattern(pattern: str) -> re.Pattern[bytes]:
    """Compile a pattern like ``own_pattern``, for bytes."""
    return re.compile(own_pattern(pattern).pattern.encode())


def with_own_base(text: str) -> str:
    """Replace the default base by that of this site in the own IRIs of a query or of rules, and in patterns of them."""
    return _DEFAULT_OWN.sub(lambda found: own_iri().replace(".", found[1]), text)


#: The default base in own IRIs, with a dot as in an IRI or in a pattern.
_DEFAULT_OWN = re.compile(rf"https://w3id(\.|\[\.\])org/cybilgraph/(?=(?:id/(?:{'|'.join(OWN_KINDS)})|record|graph)/)")


@cache_short(entries=5_000, longest=500)
def thing_iri(kind: str, key: str) -> str:
    """Return the IRI of a resource: ``thing_iri("country", "BZ")``. The key is percent-encoded (RFC 3987)."""
    return f"{scheme_iri(kind)}/{quote(key, safe='')}"


def scheme_iri(kind: str) -> str:
    """Return the IRI of the concept scheme with concepts ``thing_iri(kind, …)``."""
    return own_iri(f"id/{kind}") if kind in OWN_KINDS else f"{BASE}id/{kind}"


def published_iri(kind: str, key: str) -> str:
    """Return the IRI that a site without a base gives to an entry of our tables; "" if it has that IRI here, too.

    Sites with bases of their own link to it, which is how their organisations can be joined.
    """
    iri = f"{BASE}id/{kind}/{quote(key, safe='')}"
    return "" if iri == thing_iri(kind, key) else iri


def record(key: str) -> str:
    """Return the IRI of the record of a project."""
    return own_iri(f"record/{quote(key, safe='')}")


def version_graph(key: str, number: int) -> str:
    """Return the IRI of the named graph of an earlier capture, counted from 1."""
    return own_iri(f"graph/{quote(key, safe='')}/{number}")


def iri_of(path: str) -> str:
    """Return the IRI for which a site answers at a path: ``iri_of("id/country/BZ")``."""
    section, kind, *_ = re.split("[/#?]", f"{path}/", maxsplit=2)
    is_shared = kind not in OWN_KINDS if section == "id" else section in _SHARED_SECTIONS
    return f"{BASE}{path}" if is_shared else own_iri(path)


def path_of(iri: str) -> str:
    """Return the path at which this site answers for an IRI (the inverse of ``iri_of``); "" for IRIs of others."""
    path = iri.removeprefix(own_iri()) if iri.startswith(own_iri()) else iri.removeprefix(BASE)
    return path if path != iri and iri_of(path) == iri else ""


@cache_short(entries=5_000, longest=500)
def kind_of_iri(iri: str) -> str:
    """Return the kind of a resource (the inverse of ``thing_iri``): country; "" for IRIs of others."""
    section, _, rest = path_of(iri).partition("/")
    return rest.partition("/")[0] if section == "id" else ""


def shorten(iri: str) -> str:
    """Shorten an IRI with its prefix for display: cyb:aim. Return it unchanged if no prefix fits."""
    for prefix, namespace in PREFIXES.items():
        if iri.startswith(namespace) and len(iri) > len(namespace):
            return f"{prefix}:{iri.removeprefix(namespace)}"
    return iri


def rule(name: str) -> str:
    """Return the IRI of a reading rule."""
    return f"{RULES}{name}"


def narrower_classes(iri: str) -> list[str]:
    """Return our subclasses of one of our classes, in the order of the ontology."""
    is_narrower = re.compile(rf"^    rdfs:subClassOf [^;]*\bcyb:{re.escape(iri.removeprefix(CYB.iri))}\b", re.MULTILINE)
    blocks = re.finditer(r"^cyb:(\w+)\n(?:.+\n)+", _ONTOLOGY, re.MULTILINE)
    return [f"{CYB.iri}{block[1]}" for block in blocks if is_narrower.search(block[0])]
