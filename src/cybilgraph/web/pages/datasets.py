"""Pages of the releases and their files, and machine-readable descriptions (VoID, DCAT, DCAT-US, schema.org, sitemap).

``web.api.downloads`` sends the files themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.wrappers import Response
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from cybilgraph.errors import ReleaseError
from cybilgraph.model.formats import GRAPH_FORMATS, TABLE_FORMATS, Format, media_type_of
from cybilgraph.model.vocabulary import own_iri, path_of, thing_iri
from cybilgraph.rdf.dumps import MAY_REACH, NAME, metadata
from cybilgraph.rdf.dumps.tables import describe_columns
from cybilgraph.rdf.serialisation import turtle_to_ntriples
from cybilgraph.release import IDENTITIES, Release
from cybilgraph.web.api.current_request import live, profile, release_with_intact, serving
from cybilgraph.web.api.negotiation import HTML, SUFFIXES, negotiate
from cybilgraph.web.api.protocol import FRESH
from cybilgraph.web.pages import documentation
from cybilgraph.web.pages.resource_view import negotiated_format, rdf_response

blueprint = Blueprint("datasets", __name__)

_DCAT = "dcat.ttl"
#: The terms of Croissant that we use; the others are those of schema.org.
_CROISSANT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    **{term: f"cr:{term}" for term in ("recordSet", "field", "source", "fileObject", "extract", "column", "repeated")},
}

#: The pages of the sitemap other than projects and documentation.
_PAGES = (
    "home.page",
    "about.page",
    "explore.page",
    "data.page",
    "about.contribute",
    "search.page",
    "sparql.sparql",
    "sparql.query_list",
    "check.page",
    "ontology.rules",
    "datasets.releases",
    "openapi.page",
)
#: Projects per part of the sitemap. A part may have 50,000 URLs (sitemaps.org), and the first has other pages too.
_PROJECTS_PER_SITEMAP = 49_000


@blueprint.get("/releases")
def releases() -> str:
    """List all releases, newest first."""
    return render_template("releases.html", rows=_list_releases())


@blueprint.get("/releases.json")
def releases_json() -> Response:
    """List all releases as JSON, newest first."""
    return _cacheable(jsonify(_list_releases()))


@blueprint.get("/release/<int:number>")
@blueprint.get("/release/<int:number>.<suffix>")
def release(number: int, suffix: str = "") -> Response | str:
    """Show a release and its files, or return their description as RDF (DCAT 3)."""
    found = live().verified(number)
    if suffix and suffix not in SUFFIXES:
        raise NotFound(f"Descriptions of releases are not available with the suffix {suffix!r}")
    if fmt := negotiated_format(suffix):
        return _description_response(found, "dcat", fmt)
    return render_template("release.html", shown=found, files=list(_files(found)))


@blueprint.get("/.well-known/void")
def void() -> Response:
    """Describe the current release at the well-known address (VoID, section 7.2)."""
    return _description_response(serving().release, "void", _wanted_format())


@blueprint.get("/catalog")
@blueprint.get("/catalog.<suffix>")
def catalog(suffix: str = "") -> Response:
    """Return the catalogue of the dataset for harvesters (DCAT 3)."""
    by_suffix = {fmt.suffix: fmt for fmt in GRAPH_FORMATS}
    if suffix and suffix not in by_suffix:
        raise NotFound(f"The catalogue is not available with the suffix {suffix!r}")
    fmt = by_suffix[suffix] if suffix else _wanted_format()
    return _description_response(serving().release, "dcat", fmt, metadata.describe_paging(request.base_url))


@blueprint.get("/dataset")
def dataset() -> BaseResponse:
    """Resolve the IRI of the dataset: redirect browsers to its files, API clients to the catalogue."""
    if HTML in request.accept_mimetypes.values():
        return redirect(url_for("datasets.release", number=serving().release.number), 303)
    return redirect(url_for("datasets.catalog"), 303)


def _wanted_format() -> Format:
    return negotiate(GRAPH_FORMATS, request.headers.get("Accept", ""), request.args.get("format", ""))[0]


def _description_response(of: Release, name: str, fmt: Format, more: Iterable[str] = ()) -> Response:
    """Return the VoID or DCAT description of a release, with the addresses and the profile of this site."""
    file = f"{name}.ttl"
    if file not in of.served_files():
        raise NotFound(f"Release {of.number} has no descriptions: it was built without dumps, or by an older version")
    with live().integrity.open(of, file) as opened:
        lines = metadata.with_profile(turtle_to_ntriples(opened.read()), profile(), built=of.profile)
    response = rdf_response([*metadata.with_locations(lines, request.url_root), *more], fmt)
    response.headers["Link"] = f'<{url_for("sparql.sparql")}>; rel="service"'
    return _cacheable(response)


@blueprint.get("/sitemap.xml")
def sitemap() -> Response:
    """Return the index of the sitemaps (sitemaps.org)."""
    found = serving().release
    parts = -(-found.manifest["counts"]["projects"] // _PROJECTS_PER_SITEMAP)
    urls = [url_for("datasets.sitemap_part", part=part, _external=True) for part in range(1, parts + 1)]
    return _xml(render_template("sitemap.xml", urls=urls, index=True, modified=found.manifest["created"]))


@blueprint.get("/sitemap-<int:part>.xml")
def sitemap_part(part: int) -> Response:
    """Return a sitemap of project pages; the first also lists the other pages."""
    found = release_with_intact(IDENTITIES)
    start = min(max(part - 1, 0) * _PROJECTS_PER_SITEMAP, found.manifest["counts"]["projects"])
    with found.identities() as rows:
        keys = [key for key, _ in islice(groupby(rows, itemgetter(0)), start, start + _PROJECTS_PER_SITEMAP)]
    if part < 1 or not keys:
        raise NotFound(f"The sitemap has no part {part}")
    urls = [f"{request.url_root}{path_of(thing_iri('project', key))}" for key in keys]
    if part == 1:
        documents = [{"address": address or None} for address in documentation.listed()]
        pages = [*((name, {}) for name in _PAGES), *(("documentation.page", values) for values in documents)]
        urls = [*(url_for(name, _external=True, **values) for name, values in pages), *urls]
    return _xml(render_template("sitemap.xml", urls=urls, index=False, modified=found.manifest["created"]))


@blueprint.get("/robots.txt")
def robots() -> Response:
    """Tell crawlers which paths to skip and where the sitemap is (RFC 9309)."""
    return _cacheable(Response(render_template("robots.txt"), content_type="text/plain; charset=utf-8"))


def _xml(text: str) -> Response:
    return _cacheable(Response(text, content_type="application/xml"))


def _cacheable(response: Response) -> Response:
    response.headers["Cache-Control"] = FRESH
    response.add_etag()
    response.make_conditional(request.environ)
    return response


@blueprint.app_context_processor
def _for_templates() -> dict[str, object]:
    return {"dataset": _dataset}


def _dataset() -> dict[str, Any]:
    """Describe the dataset in schema.org terms, for search engines."""
    release, about, root = serving().release, profile(), request.url_root
    publisher = {
        "@type": "Organization",
        **({"@id": about.publisher_iri} if about.publisher_iri else {}),
        "name": about.publisher_name,
        "url": about.publisher_iri or root,
        **({"logo": about.publisher_logo} if about.publisher_logo else {}),
        **({"email": about.contact_email} if about.contact_email else {}),
    }
    doi = f"https://doi.org/{about.doi}" if about.doi else ""
    places, period = _coverage(release)
    return {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": own_iri("dataset"),
        "name": about.title,
        "alternateName": about.name,
        "description": about.description,
        "url": root,
        "version": str(release.number),
        "dateModified": release.manifest["created"],
        "keywords": metadata.KEYWORDS,
        "isAccessibleForFree": True,
        "inLanguage": about.languages,
        "includedInDataCatalog": {"@type": "DataCatalog", "name": about.name, "url": f"{root}catalog"},
        **({"license": about.licence} if about.licence else {}),
        **({"identifier": doi, "sameAs": doi} if doi else {}),
        **({"isBasedOn": about.sources} if about.sources else {}),
        **({"spatialCoverage": places} if places else {}),
        **({"temporalCoverage": period} if period else {}),
        "creator": publisher,
        "publisher": publisher,
        "distribution": [
            {
                "@type": "DataDownload",
                "name": file["what"],
                "contentUrl": file["url"],
                "encodingFormat": file["type"],
                "contentSize": f"{file['size']} B",
                "sha256": file["sha256"],
            }
            for file in _data_files(release)
        ],
    }


@blueprint.get("/data.json")
def data_json() -> Response:
    """Describe the dataset for portals of the United States (DCAT-US 1.1, Project Open Data Metadata Schema).

    It requires a contact, which only sites with a site file have.
    """
    release, about, root = serving().release, profile(), request.url_root
    places, period = _coverage(release)
    contact = {"hasEmail": f"mailto:{about.contact_email}"} if about.contact_email else {}
    dataset = {
        "@type": "dcat:Dataset",
        "identifier": own_iri("dataset"),
        "title": about.title,
        "description": about.description,
        "keyword": metadata.KEYWORDS,
        "modified": release.manifest["created"],
        "publisher": {"@type": "org:Organization", "name": about.publisher_name},
        "contactPoint": {"@type": "vcard:Contact", "fn": about.publisher_name, **contact},
        "accessLevel": "public",
        "rights": about.rights,
        "language": about.languages,
        "landingPage": root,
        **({"license": about.licence} if about.licence else {}),
        **({"spatial": ", ".join(places)} if places else {}),
        **({"temporal": period} if period else {}),
        "distribution": [
            {
                "@type": "dcat:Distribution",
                "title": file["name"],
                "description": file["what"],
                "downloadURL": file["url"],
                "mediaType": file["type"],
            }
            for file in _data_files(release)
        ],
    }
    schema = "https://project-open-data.cio.gov/v1.1/"
    catalogue = {
        "@context": f"{schema}schema/catalog.jsonld",
        "@id": request.base_url,
        "@type": "dcat:Catalog",
        "conformsTo": f"{schema}schema",
        "describedBy": f"{schema}schema/catalog.json",
        "dataset": [dataset],
    }
    return _cacheable(jsonify(catalogue))


@blueprint.get("/croissant.json")
def croissant() -> Response:
    """Describe the tables and their columns for machine-learning libraries (Croissant 1.0)."""
    found = _dataset()
    files = {file["name"]: file for file in _data_files(serving().release) if file["name"].endswith(".parquet")}
    tables = {name: name.removesuffix(".parquet") for name in files}
    found |= {
        "@context": _CROISSANT,
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "datePublished": found["dateModified"],
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": name,
                "name": name,
                "description": file["what"],
                "contentUrl": file["url"],
                "encodingFormat": "application/x-parquet",  # the only name that mlcroissant knows
                "contentSize": f"{file['size']} B",
                "sha256": file["sha256"],
            }
            for name, file in files.items()
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": table,
                "name": table,
                "description": files[name]["what"],
                "field": [
                    {
                        "@type": "cr:Field",
                        "@id": f"{table}/{column}",
                        "name": column,
                        "dataType": f"sc:{kind}",
                        **({"repeated": True} if is_list else {}),
                        "source": {"fileObject": {"@id": name}, "extract": {"column": column}},
                    }
                    for column, kind, is_list in describe_columns(table)
                ],
            }
            for name, table in tables.items()
        ],
    }
    return _cacheable(jsonify(found))


def _coverage(release: Release) -> tuple[Sequence[str], str]:
    """Return the names of the places of a release, and its period; empty if it has no intact description."""
    if _DCAT not in release.served_files():
        return (), ""
    try:
        with live().integrity.open(release, _DCAT) as opened:
            return metadata.read_coverage(opened.read())
    except (ReleaseError, OSError):
        return (), ""


def _list_releases() -> list[dict[str, Any]]:
    releases, current = live().releases, live().current.release.number
    rows = []
    for number in reversed(releases.numbers):
        try:
            manifest = releases.get(number).manifest
        except ReleaseError:
            continue  # being removed, or damaged
        row = {"release": number, "created": manifest["created"], "current": number == current}
        rows.append(row | manifest["counts"])
    return rows


def _data_files(release: Release) -> list[dict[str, Any]]:
    """Describe the files that contain data of the release."""
    return [
        file
        for file in _files(release)
        if file["name"].startswith((NAME, MAY_REACH))
        or file["name"].partition(".")[2].removesuffix(".gz") in TABLE_FORMATS
    ]


def _files(release: Release) -> list[dict[str, Any]]:
    """Describe each file: name, content, media type, size in bytes and checksum."""
    return [
        {
            "name": name,
            "url": f"{request.url_root}release/{release.number}/{name}",
            "what": metadata.describe_file(name),
            "type": media_type_of(name),
            "size": release.file_size(name),
            "sha256": release.checksum(name),
        }
        for name in sorted(release.served_files())
    ]
