"""The API description as an OpenAPI 3.1 document, generated from one table, and the page that shows it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from flask import Blueprint, jsonify, render_template, url_for
from flask.wrappers import Response

from cybilgraph.model.formats import FORMATS, GRAPH_FORMATS, RESULT_FORMATS, Format, media_type_of
from cybilgraph.model.gazetteer import REFERENCE_FILES, slug
from cybilgraph.model.record import DEFAULT_LEVEL, EvidenceLevel
from cybilgraph.model.rules import LANGUAGES
from cybilgraph.model.vocabulary import thing_iri
from cybilgraph.readers.input_formats import INPUT_FORMATS
from cybilgraph.release.search import ORDERS
from cybilgraph.sparql.queries import Query
from cybilgraph.validation.outputs.as_json import schema
from cybilgraph.version import __version__
from cybilgraph.web.api import named_queries
from cybilgraph.web.api.current_request import profile
from cybilgraph.web.checker import MAX_UPLOAD_BYTES
from cybilgraph.web.checker.submissions import EXTRA_OUTPUTS
from cybilgraph.web.pages import documentation
from cybilgraph.web.pages.changes_page import FORMATS as CHANGES
from cybilgraph.web.pages.check_form import OUTPUT_TYPES
from cybilgraph.web.pages.search_page import FACET_TITLES

blueprint = Blueprint("openapi", __name__)

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string"}
_HTML = {"text/html": _TEXT}
_LINKSET = "application/linkset+json"
_JSON: dict[str, Schema] = {"application/json": {"type": "object"}}
_GRAPHS = {fmt.media_type: _TEXT for fmt in GRAPH_FORMATS}
_TABLES = {fmt.media_type: _TEXT for fmt in RESULT_FORMATS}
_PROBLEMS = {
    400: "The request is malformed",
    403: "This kind of query is not allowed",
    404: "Not found",
    406: "Not available in an acceptable format",
    408: "The request body did not arrive in time",
    410: "The release or resource no longer exists",
    413: "The request is too large",
    415: "The media type of the request body is not supported",
    422: "The content cannot be read as a record, or exceeds a limit; `report` says where and why",
    429: "Too many requests; Retry-After says when to try again",
    502: "A remote endpoint did not return a complete result",
    503: "The server is busy; Retry-After says when to try again",
    504: "The request exceeded its time limit",
}
#: Tags of operations, each with its description and the first segments of its paths.
_TAGS = {
    "Query": ("Run SPARQL, or a named query with parameters.", ("sparql", "queries", "api/queries")),
    "Search": ("Find and compare projects.", ("search.csv", "compare.csv")),
    "Resources": ("Get one project, organisation, place or record.", ("id", "record")),
    "Dataset": (
        "Describe and download releases, and follow their changes.",
        ("releases.json", ".well-known/void", "catalog", "data.json", "croissant.json", "latest", "changes", "feed"),
    ),
    "Check": ("Check a record before you publish it.", ("api/check", "check")),
    "Vocabulary": (
        "Get the ontology, the rules and the schemas.",
        ("ontology", "shapes", "shapes.ttl", "rules", "ns", "schema"),
    ),
    "Site": ("Descriptions of the API, and the state of the server.", ()),
}
_DEFAULT_NOTE = "The default applies if the parameter is omitted; an empty value is an error."
_REPEATABLE_NOTE = f"May be repeated to match any of several values. {_DEFAULT_NOTE}"
_EXPENSIVE_STATUSES = (400, 406, 413, 415, 422, 429, 503)
_ASK = "ASK { ?project a cyb:Project }"
_RECORD = "A project\n\nCybil code: G0999\n\nStatus: Ongoing\n\nSummary\n\nIt helps Belize.\n"


class ApiParameter(NamedTuple):
    """A parameter: part of the path if the path has its name in braces, else of the query string."""

    name: str
    about: str
    example: str = ""
    choice: tuple[str, ...] = ()
    is_repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation: ``bodies`` and ``answers`` are schemas by media type, ``problems`` the status codes of errors."""

    method: str
    path: str
    summary: str
    answers: Mapping[str, Schema]
    parameters: tuple[ApiParameter, ...] = ()
    bodies: Mapping[str, Schema] = field(default_factory=dict)
    examples: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[int, ...] = ()
    about: str = ""


def _text(description: str, **more: object) -> Schema:
    return {**_TEXT, "description": description, **more}


_OPTIONS = {
    "format": _text("The format of the record.", enum=[kind.name for kind in INPUT_FORMATS]),
    "name": _text("A file name; its suffix determines the format of the record."),
    "lang": _text("The language of the messages.", enum=list(LANGUAGES)),
    "as_of": _text("The date that the rules use as today.", format="date"),
    "fix": _text("Apply the fix offered at this line:column; `text` then has the corrected record."),
    "include": {
        "type": "array",
        "items": {"enum": list(EXTRA_OUTPUTS)},
        "description": "Additional members of the response.",
    },
}
_QUERY = ApiParameter("query", "A SPARQL 1.1 query; common prefixes need no declaration.", _ASK)
_TIMEOUT = ApiParameter("timeout", "The time limit in seconds.", "10")
_RELEASE = ApiParameter("release", "The number of the release to query; the default is the current one.")
_PAGING = (
    ApiParameter("limit", "The maximum number of rows.", "100"),
    ApiParameter("offset", "The number of rows to skip."),
)
_KINDS = ("project", "actor", "country", "region", "group", "theme", "status", "role", "actor-type", "basis")


def _of_query(query: Query) -> Operation:
    formats = named_queries.formats(query)
    parameters = []
    for own in query.parameters:
        values = f"{own.type}: a code or a name, or the IRI {thing_iri(own.type, '')}…"
        note = _REPEATABLE_NOTE if own.allows_multiple else _DEFAULT_NOTE
        about = f"{own.description} ({values if own.type in REFERENCE_FILES else own.type}). {note}"
        parameters.append(ApiParameter(own.name, about, own.default, own.choices, is_repeatable=own.allows_multiple))
    return Operation(
        *("get", f"{named_queries.ROOT}{query.name}", query.title),
        about=query.description,
        answers={fmt.media_type: _TEXT for fmt in formats} | _HTML,
        parameters=(
            *parameters,
            *(_PAGING if formats == RESULT_FORMATS else ()),
            _format_choice(formats, "The result format; overrides Accept."),
            *(_TIMEOUT, _RELEASE),
        ),
        problems=(400, 404, 406, 410, 422, 429, 503, 504),
    )


def _format_choice(formats: Iterable[Format], about: str) -> ApiParameter:
    return ApiParameter("format", about, choice=tuple(fmt.name for fmt in formats))


def operations() -> tuple[Operation, ...]:
    """Return the operations. To describe a new endpoint, add a row; a test calls each endpoint with its examples."""
    return (
        Operation(
            *("post", "/api/check", "Check a record and report what is wrong or missing, and where"),
            answers={
                media_type: {"$ref": "#/components/schemas/Report"} if name == "json" else _TEXT
                for name, media_type in OUTPUT_TYPES.items()
            },
            parameters=(
                ApiParameter("format", "The format of the report; overrides Accept.", choice=tuple(OUTPUT_TYPES)),
            ),
            bodies={
                "application/json": {"$ref": "#/components/schemas/Submission"},
                "multipart/form-data": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
                        **_OPTIONS,
                    },
                },
                **{kind.media_types[0]: _TEXT for kind in INPUT_FORMATS if kind.name != "json"},
            },
            examples={"application/json": {"text": _RECORD, "lang": "es"}, "text/plain": _RECORD},
            problems=_EXPENSIVE_STATUSES,
        ),
        Operation("get", "/api/openapi.json", "Get this OpenAPI description", {"application/json": {"type": "object"}}),
        Operation(
            *("get", "/sparql", "Run a query (SPARQL 1.1 Protocol, section 2.1)"),
            answers=_TABLES | _GRAPHS,
            parameters=(
                _QUERY,
                ApiParameter("default-graph-uri", "A graph to merge into the default graph.", is_repeatable=True),
                ApiParameter("named-graph-uri", "A graph that GRAPH can match.", is_repeatable=True),
                _format_choice(FORMATS, "The result format; overrides Accept."),
                *(_TIMEOUT, _RELEASE),
            ),
            problems=(400, 403, 404, 406, 410, 422, 429, 502, 503, 504),
        ),
        Operation(
            *("post", "/sparql", "Run a query sent in the request body"),
            answers=_TABLES | _GRAPHS,
            bodies={
                "application/sparql-query": _TEXT,
                "application/x-www-form-urlencoded": {
                    "type": "object",
                    "properties": {"query": _TEXT, "timeout": _TEXT},
                },
            },
            examples={"application/sparql-query": _ASK, "application/x-www-form-urlencoded": {"query": _ASK}},
            problems=(400, 403, 404, 406, 408, 410, 413, 415, 422, 429, 502, 503, 504),
        ),
        Operation(
            "get",
            "/api/queries",
            "List the named queries and their parameters",
            {"application/json": {"type": "object"}},
        ),
        *map(_of_query, named_queries.all_queries().values()),
        Operation(
            *("get", "/id/{kind}/{key}", "Get a project, organisation, country …, as RDF or as a page"),
            answers=_GRAPHS | _JSON | _HTML,
            parameters=(
                ApiParameter("kind", "The kind of resource.", "project", _KINDS),
                ApiParameter("key", "The key of the resource; a suffix (.ttl …) selects the format.", "G0020"),
            ),
            problems=(404, 406, 503, 504),
        ),
        Operation(
            *("get", "/record/{key}", "Get the source record of a project as RDF"),
            answers=_GRAPHS | _JSON,
            parameters=(ApiParameter("key", "The key of the project.", "G0020"),),
            problems=(404, 406, 503, 504),
        ),
        Operation("get", "/releases.json", "List the releases", {"application/json": {"type": "array"}}),
        Operation("get", "/.well-known/void", "Describe the current release (VoID)", _GRAPHS, problems=(406, 503)),
        Operation("get", "/catalog", "Describe the dataset and its files (DCAT 3)", _GRAPHS, problems=(406, 503)),
        Operation("get", "/data.json", "Describe the dataset and its files (DCAT-US 1.1)", _JSON),
        Operation("get", "/croissant.json", "Describe the tables and their columns (Croissant 1.0)", _JSON),
        Operation(
            *("get", "/latest/{name}"),
            "Download a file of the current release, with Range and ETag; /release/N/NAME for others",
            answers={
                "text/plain": _TEXT,
                **{media_type_of(f"x.{suffix}"): _TEXT for suffix in ("gz", "zst", "parquet")},
            },
            parameters=(ApiParameter("name", "The file name.", "SHA256SUMS"),),
            problems=(404, 503),
        ),
        Operation(
            *("get", "/changes", "List the changes between two releases: records, or statements as RDF Patch"),
            answers={fmt.media_type: {"type": "object"} if fmt.name == "json" else _TEXT for fmt in CHANGES} | _HTML,
            parameters=(
                ApiParameter("since", "The number of the earlier release."),
                ApiParameter("until", "The number of the later release; the default is the current one."),
                _format_choice(CHANGES, "The format; overrides Accept, as a suffix does."),
            ),
            problems=(400, 404, 406, 410),
        ),
        Operation(
            *("get", "/feed", "Get all record versions as a Linked Data Event Stream"),
            _GRAPHS,
            problems=(404, 406, 410),
        ),
        Operation(
            *("get", "/search.csv", "Search projects by keyword and facet"),
            answers={"text/csv": _TEXT},
            parameters=(
                ApiParameter("q", "Search text; approximate spellings match.", "strategy"),
                *(
                    ApiParameter(
                        name,
                        "Filter by year of activity."
                        if name == "year"
                        else f"Filter by {title.lower()}: a key or a name.",
                        is_repeatable=True,
                    )
                    for name, title in FACET_TITLES.items()
                ),
                ApiParameter("from", "The first year of activity."),
                ApiParameter("to", "The last year of activity."),
                ApiParameter("sort", "The sort order.", choice=ORDERS),
                ApiParameter("evidence", "Which links count.", DEFAULT_LEVEL, tuple(EvidenceLevel)),
            ),
            problems=(400,),
        ),
        Operation(
            *("get", "/compare.csv", "Compare the projects of two organisations, places or themes"),
            answers={"text/csv": _TEXT},
            parameters=(
                *(
                    ApiParameter(name, "A name, a code, or a path such as actor/eu.", example)
                    for name, example in (("a", "European Union"), ("b", "Council of Europe"))
                ),
                ApiParameter("from", "The first year."),
                ApiParameter("to", "The last year."),
            ),
            problems=(400, 404),
        ),
        Operation(
            *("get", "/ontology", "Show the ontology, or get it as RDF"),
            answers=_GRAPHS | _HTML,
            parameters=(ApiParameter("lang", "The language of the page.", "es", LANGUAGES),),
        ),
        Operation("get", "/shapes.ttl", "Get the rules as SHACL shapes", {"text/turtle": _TEXT}),
        Operation(
            "get", "/shapes", "Get the shapes; browsers are redirected to the rules page", {"text/turtle": _TEXT}
        ),
        Operation("get", "/rules", "Show the rules with examples, or get the shapes as RDF", _GRAPHS | _HTML),
        Operation(
            *("get", "/rules/{name}", "Show one rule, or get its shape as RDF"),
            answers=_GRAPHS | _HTML,
            parameters=(
                ApiParameter("name", "The name of the rule, the last part of its IRI.", "end-after-start"),
                ApiParameter("lang", "The language.", "es", LANGUAGES),
            ),
            problems=(404, 406),
        ),
        Operation(
            *("get", "/ns/context.jsonld", "Get the context of compact JSON-LD"),
            answers={"application/ld+json": {"type": "object"}},
        ),
        Operation(
            *("get", "/.well-known/api-catalog", "List the APIs with their descriptions (RFC 9727)"),
            answers={_LINKSET: {"type": "object"}},
        ),
        Operation(
            *("get", "/schema/{name}", "Get the JSON Schema of records or of reports"),
            answers={"application/schema+json": {"type": "object"}},
            parameters=(ApiParameter("name", "The file name.", "records.json", ("records.json", "report.json")),),
            problems=(404,),
        ),
        Operation("get", "/", "Show the home page", _HTML),
        Operation("get", "/healthz", "Liveness check: the server is running", {"text/plain": _TEXT}),
        Operation(
            "get", "/readyz", "Readiness check: the server answers queries", {"text/plain": _TEXT}, problems=(503,)
        ),
        Operation("get", "/metrics", "Metrics for Prometheus", {"text/plain": _TEXT}),
        Operation("get", "/check", "Show the form for checking a record", _HTML),
        Operation("get", "/queries", "Show the example queries", _HTML),
        Operation(
            *("get", "/queries/{name}", "Show an example query; the suffix .rq returns its text"),
            answers=_GRAPHS | _HTML,
            parameters=(ApiParameter("name", "The name of the query.", "example-projects-in-country"),),
            problems=(400, 404, 406),
        ),
    )


@blueprint.get("/.well-known/api-catalog")
def api_catalog() -> Response:
    """Return the APIs of the site with links to their descriptions, as a link set (RFC 9264)."""

    def links(media_type: str, endpoint: str, **values: str) -> list[dict[str, str]]:
        return [{"href": url_for(endpoint, **values, _external=True), "type": media_type}]

    manual = links("text/html", "documentation.page", address="reference/api")
    apis = [
        {
            "anchor": url_for("sparql.sparql", _external=True),
            "service-desc": links("text/turtle", "sparql.sparql", format="turtle"),
            "service-doc": manual,
            "service-meta": links("text/turtle", "datasets.void"),
        },
        {
            "anchor": url_for("sparql.query_list_json", _external=True),
            "service-desc": links("application/json", "openapi.document"),
            "service-doc": manual,
        },
    ]
    return Response(json.dumps({"linkset": apis}, indent=1), content_type=_LINKSET)


@blueprint.get("/api/openapi.json")
def document() -> Response:
    """Return the OpenAPI document."""
    return jsonify(_document())


@blueprint.get("/api")
def page() -> str:
    """Show the OpenAPI document as a page."""
    shown = _document()
    body = render_template("api.html", api=shown, anchor=slug)
    headings = [documentation.Heading(2, slug(tag["name"]), tag["name"]) for tag in shown["tags"]]
    return documentation.show(
        documentation.RenderedDocument("API operations", headings, {}, body), "api", "reference/api"
    )


def _document() -> dict[str, Any]:
    about, paths = profile(), dict[str, dict[str, Any]]()
    for row in operations():
        paths.setdefault(row.path, {})[row.method] = _operation(row)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": about.name,
            "version": __version__,
            "summary": about.tagline or about.title,
            "contact": {"name": about.publisher_name} | ({"email": about.contact_email} if about.contact_email else {}),
            "description": "No API key is needed. Records to check may be at most "
            f"{MAX_UPLOAD_BYTES:,} bytes long and are not stored. Errors are problem details (RFC 9457).",
            # Of the data, rather than of the software.
            "license": {"name": about.licence or about.rights} | ({"url": about.licence} if about.licence else {}),
        },
        "servers": [{"url": "/"}],
        "externalDocs": {"url": "/docs/reference/api", "description": "Formats, limits and errors"},
        "tags": [{"name": name, "description": description} for name, (description, _) in _TAGS.items()],
        "paths": paths,
        "components": {"schemas": {**_SCHEMAS, **_report_schemas()}},
    }


def _tag(path: str) -> str:
    return next(
        (name for name, (_, starts) in _TAGS.items() if any(f"{path}/".startswith(f"/{start}/") for start in starts)),
        "Site",
    )


def _operation(row: Operation) -> dict[str, Any]:
    answers = {media_type: {"schema": schema} for media_type, schema in row.answers.items()}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    found: dict[str, Any] = {
        "summary": row.summary,
        **({"description": row.about} if row.about else {}),
        "operationId": f"{row.method} {row.path}",
        "tags": [_tag(row.path)],
        "responses": {
            "200": {"description": "Success", "content": answers},
            **{str(status): {"description": _PROBLEMS[status], "content": problem} for status in row.problems},
        },
    }
    if row.parameters:
        found["parameters"] = [_parameter(row, parameter) for parameter in row.parameters]
    if row.bodies:
        content = {media_type: {"schema": schema} for media_type, schema in row.bodies.items()}
        for media_type, example in row.examples.items():
            content[media_type]["example"] = example
        found["requestBody"] = {"required": True, "content": content}
    return found


def _parameter(row: Operation, parameter: ApiParameter) -> dict[str, Any]:
    in_path = f"{{{parameter.name}}}" in row.path
    schema = _TEXT | ({"enum": list(parameter.choice)} if parameter.choice else {})
    many = parameter.is_repeatable
    return {
        "name": parameter.name,
        "in": "path" if in_path else "query",
        "required": in_path,
        "description": parameter.about,
        "schema": {"type": "array", "items": schema} if many else schema,
        **({"example": [parameter.example] if many else parameter.example} if parameter.example else {}),
    }


def _report_schemas() -> dict[str, Schema]:
    """Split the schema of ``check -f json`` into components, and add the optional members of the API's report."""
    whole = json.loads(json.dumps(schema()).replace("#/$defs/", "#/components/schemas/"))
    parts: dict[str, Schema] = whole.pop("$defs")
    report = {name: whole[name] for name in ("type", "title", "properties", "required", "additionalProperties")}
    report["properties"] |= {
        "text": _text("The corrected record, if `fix` was sent."),
        "turtle": _text("The graph of the record, if requested in `include`."),
        "derived": {"type": "array", "items": {"$ref": "#/components/schemas/Derived"}},
        "table": {"type": "array", "items": {"$ref": "#/components/schemas/Row"}},
    }
    return {"Report": report, **parts}


_COUNT: Schema = {"type": "integer", "minimum": 0}
_SCHEMAS: dict[str, Schema] = {
    "Submission": {
        "type": "object",
        "properties": {"text": _text("The record."), **_OPTIONS},
        "required": ["text"],
    },
    "Row": {
        "type": "object",
        "description": "A row of a checked workbook, if `table` was requested in `include`: the first rows, and others "
        "with findings. Long texts are cut.",
        "properties": {"number": _COUNT, "cells": {"type": "array", "items": {"type": "string"}}},
        "required": ["number", "cells"],
        "additionalProperties": False,
    },
    "Derived": {
        "type": "object",
        "description": "A link extracted from a sentence of the record.",
        "properties": {
            **dict.fromkeys(("project", "field", "name", "quote"), _TEXT),
            "basis": {"type": "string", "enum": ["confirmed", "derived", "possible"]},
            "line": _COUNT,
            "column": _COUNT,
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        },
    },
    "Problem": {
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "properties": {
            **dict.fromkeys(("type", "instance"), _TEXT | {"format": "uri-reference"}),
            **dict.fromkeys(("title", "detail", "hint", "excerpt"), _TEXT),
            "status": {"type": "integer"},
            "line": _COUNT,
            "column": _COUNT,
            "advice": {"type": "array", "items": _TEXT},
            "report": {"$ref": "#/components/schemas/Report"},
        },
        "required": ["type", "title", "status", "detail", "instance"],
    },
}
