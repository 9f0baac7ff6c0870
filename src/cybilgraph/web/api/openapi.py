"""What programs may ask of this server, as an OpenAPI 3.1 document made from one table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, jsonify
from flask.wrappers import Response

from cybilgraph.model.formats import FORMATS, GRAPH_FORMATS, RESULT_FORMATS, Format, media_type_of
from cybilgraph.model.gazetteer import REFERENCE_FILES
from cybilgraph.model.rules import LANGUAGES
from cybilgraph.model.vocabulary import thing_iri
from cybilgraph.readers.input_kinds import KINDS
from cybilgraph.release.search import ORDERS
from cybilgraph.sparql.queries import Query
from cybilgraph.validation.outputs import OUTPUTS
from cybilgraph.validation.outputs.as_json import schema
from cybilgraph.version import __version__
from cybilgraph.web.api import named_queries
from cybilgraph.web.checker import MAX_UPLOAD_BYTES
from cybilgraph.web.checker.submissions import EXTRA_OUTPUTS
from cybilgraph.web.pages.changes_page import FORMATS as CHANGES
from cybilgraph.web.pages.check_form import OUTPUT_TYPES
from cybilgraph.web.pages.search_page import FACET_TITLES

blueprint = Blueprint("openapi", __name__)

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string"}
_HTML = {"text/html": _TEXT}
_GRAPHS = {fmt.media_type: _TEXT for fmt in GRAPH_FORMATS}
_TABLES = {fmt.media_type: _TEXT for fmt in RESULT_FORMATS}
_REPORTS = {name: OUTPUT_TYPES[name] for name in OUTPUT_TYPES if name in OUTPUTS}
_PROBLEMS = {
    400: "The request is not what it should be",
    403: "The query is such that it is never run",
    404: "There is no such thing",
    406: "Nothing here is of the kind that was asked for",
    408: "The body did not come in time",
    410: "The release is not kept any more",
    413: "The request is too large",
    415: "What was sent is of no kind that is read here",
    422: "What was sent cannot be read as a record, or is too heavy; `report` says where and why",
    429: "Too many requests: Retry-After says when to come again",
    502: "Another endpoint, that the query calls with SERVICE, gives no answer",
    503: "All workers are busy: Retry-After says when to come again",
    504: "The work was stopped at its deadline",
}
_DEFAULT_NOTE = "Not sent, it is the default; empty, it is refused."
_REPEATABLE_NOTE = f"Sent several times, each value counts. {_DEFAULT_NOTE}"
_EXPENSIVE_STATUSES = (400, 406, 413, 415, 422, 429, 503)
_ASK = "ASK { ?project a cyb:Project }"
_RECORD = "A project\n\nCybil code: G0999\n\nStatus: Ongoing\n\nSummary\n\nIt helps Belize.\n"


@dataclass(frozen=True, slots=True)
class ApiParameter:
    """One parameter of the address: in the path if it is in braces there, else in the query."""

    name: str
    about: str
    example: str = ""
    choice: tuple[str, ...] = ()
    several: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One row: ``bodies`` and ``answers`` are schemas by media type, ``problems`` the statuses of errors."""

    method: str
    path: str
    summary: str
    answers: Mapping[str, Schema]
    parameters: tuple[ApiParameter, ...] = ()
    bodies: Mapping[str, Schema] = field(default_factory=dict)
    examples: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[int, ...] = ()
    status: int = 200
    about: str = ""


_FORMAT_OF_REPORT = ApiParameter("format", "The format of the report; also by Accept.", choice=tuple(_REPORTS))
_OPTIONS = {
    "format": {"type": "string", "enum": [kind.name for kind in KINDS], "description": "What the record is."},
    "name": {"type": "string", "description": "A file's name: its suffix tells what the record is."},
    "lang": {"type": "string", "enum": list(LANGUAGES), "description": "The language of the messages."},
    "as_of": {"type": "string", "format": "date", "description": "The day that rules take for today."},
    "fix": {"type": "string", "description": "Apply the certain mend at this line:column; `text` has the record then."},
    "include": {"type": "array", "items": {"enum": list(EXTRA_OUTPUTS)}, "description": "What else is wished for."},
}
_QUERY = ApiParameter("query", "A query of SPARQL 1.1; the usual prefixes need no declaration.", _ASK)
_TIMEOUT = ApiParameter("timeout", "Seconds after which to give up.", "10")
_RELEASE = ApiParameter("release", "The number of a release: the header Cybilgraph-Release of an answer has it.")
_PAGING = (
    ApiParameter("limit", "So many rows at most.", "100"),
    ApiParameter("offset", "So many rows are passed over first."),
)
_KINDS = ("project", "actor", "country", "region", "group", "theme", "status", "role", "actor-type", "basis")


def _of_query(query: Query) -> Operation:
    """The path of a named query."""
    formats = named_queries.formats(query)
    own = [
        ApiParameter(
            given.name,
            f"{given.description} ({_values(given.type)}). "
            f"{_REPEATABLE_NOTE if given.allows_multiple else _DEFAULT_NOTE}",
            given.default,
            several=given.allows_multiple,
        )
        for given in query.parameters
    ]
    wish = ApiParameter("format", "The format; also by Accept, or by a suffix of the path.", choice=_names(formats))
    paging = _PAGING if formats == RESULT_FORMATS else ()
    return Operation(
        *("get", f"{named_queries.ROOT}{query.name}", query.title),
        about=query.description,
        answers={fmt.media_type: _TEXT for fmt in formats} | _HTML,
        parameters=(*own, *paging, wish, _TIMEOUT, _RELEASE),
        problems=(400, 404, 406, 410, 422, 429, 503, 504),
    )


def _values(kind: str) -> str:
    """What a parameter of a named query takes."""
    return f"{kind}: a code or a name, or the IRI {thing_iri(kind, '')}…" if kind in REFERENCE_FILES else kind


def _names(formats: tuple[Format, ...]) -> tuple[str, ...]:
    return tuple(fmt.name for fmt in formats)


#: To add a path: a row here. A test calls each with its examples.
OPERATIONS = (
    Operation(
        *("post", "/api/check", "Check a record: what is wrong or missing in it, and where"),
        answers={
            media_type: {"$ref": "#/components/schemas/Report"} if name == "json" else _TEXT
            for name, media_type in _REPORTS.items()
        },
        parameters=(_FORMAT_OF_REPORT,),
        bodies={
            "application/json": {"$ref": "#/components/schemas/Submission"},
            "multipart/form-data": {
                "type": "object",
                "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream"}, **_OPTIONS},
            },
            **{kind.media_types[0]: _TEXT for kind in KINDS if kind.name != "json"},
        },
        examples={"application/json": {"text": _RECORD, "lang": "es"}, "text/plain": _RECORD},
        problems=_EXPENSIVE_STATUSES,
    ),
    Operation("get", "/api/openapi.json", "This document", {"application/json": {"type": "object"}}),
    Operation(
        *("get", "/sparql", "Answer a query (SPARQL 1.1 Protocol, section 2.1)"),
        answers=_TABLES | _GRAPHS,
        parameters=(
            _QUERY,
            ApiParameter("default-graph-uri", "A graph that takes part in the default graph.", several=True),
            ApiParameter("named-graph-uri", "A graph that GRAPH may name.", several=True),
            ApiParameter("format", "The format of the answer; also by Accept.", choice=_names(FORMATS)),
            _TIMEOUT,
            _RELEASE,
        ),
        problems=(400, 403, 404, 406, 410, 422, 429, 502, 503, 504),
    ),
    Operation(
        *("post", "/sparql", "Answer a query that is sent as the body"),
        answers=_TABLES | _GRAPHS,
        bodies={
            "application/sparql-query": _TEXT,
            "application/x-www-form-urlencoded": {"type": "object", "properties": {"query": _TEXT, "timeout": _TEXT}},
        },
        examples={"application/sparql-query": _ASK, "application/x-www-form-urlencoded": {"query": _ASK}},
        problems=(400, 403, 404, 406, 408, 410, 413, 415, 422, 429, 502, 503, 504),
    ),
    Operation(
        "get", "/api/queries", "The named queries, with their parameters", {"application/json": {"type": "object"}}
    ),
    *map(_of_query, named_queries.all_queries().values()),
    Operation(
        *("get", "/id/{kind}/{key}", "A project, actor, country …, as data or as a page"),
        answers=_GRAPHS | _HTML,
        parameters=(
            ApiParameter("kind", "What it is.", "project", _KINDS),
            ApiParameter("key", "Its key; with a suffix (.ttl …) it tells the format.", "G0020"),
        ),
        problems=(404, 406, 503, 504),
    ),
    Operation(
        *("get", "/record/{key}", "The record that describes a project, as data"),
        answers=_GRAPHS,
        parameters=(ApiParameter("key", "The key of the project.", "G0020"),),
        problems=(404, 406, 503, 504),
    ),
    Operation("get", "/releases.json", "The releases that there are", {"application/json": {"type": "array"}}),
    Operation("get", "/.well-known/void", "What the current release holds (VoID)", _GRAPHS, problems=(406, 503)),
    Operation("get", "/catalog", "The dataset and its files (DCAT 3)", _GRAPHS, problems=(406, 503)),
    Operation(
        *("get", "/latest/{name}", "A file of the current release, as /release/N/NAME of any: with Range and ETag"),
        answers={"text/plain": _TEXT, **{media_type_of(f"x.{suffix}"): _TEXT for suffix in ("gz", "zst", "parquet")}},
        parameters=(ApiParameter("name", "Its name: /releases.json has them.", "SHA256SUMS"),),
        problems=(404, 503),
    ),
    Operation(
        *("get", "/changes", "What has changed between two releases: records, and statements as RDF Patch"),
        answers={fmt.media_type: {"type": "object"} if fmt.name == "json" else _TEXT for fmt in CHANGES} | _HTML,
        parameters=(
            ApiParameter("since", "The number of the earlier release."),
            ApiParameter("until", "The number of the later release; else the current one."),
            ApiParameter("format", "The format; also by Accept, or by a suffix of the path.", choice=_names(CHANGES)),
        ),
        problems=(400, 404, 406, 410),
    ),
    Operation(
        "get", "/feed", "The versions of all records, as Linked Data Event Stream", _GRAPHS, problems=(404, 406, 410)
    ),
    Operation(
        *("get", "/search.csv", "Projects by words and by what they are about"),
        answers={"text/csv": _TEXT},
        parameters=(
            ApiParameter("q", "Words; slips are forgiven.", "strategy"),
            *(
                ApiParameter(name, f"By {title.lower()}: a key or a name.", several=True)
                for name, title in FACET_TITLES.items()
            ),
            ApiParameter("sort", "The order.", choice=ORDERS),
        ),
        problems=(400,),
    ),
    Operation("get", "/ontology", "The ontology", {"text/turtle": _TEXT}),
    Operation("get", "/shapes.ttl", "The rules, as SHACL shapes", {"text/turtle": _TEXT}),
    Operation("get", "/shapes", "The same; for people, the page of rules", {"text/turtle": _TEXT}),
    Operation("get", "/rules", "The rules, for people, with an example each; as data, the shapes", _GRAPHS | _HTML),
    Operation(
        *("get", "/rules/{name}", "One rule, for people; as data, its shape"),
        answers=_GRAPHS | _HTML,
        parameters=(
            ApiParameter("name", "Its name: what its IRI ends in.", "end-after-start"),
            ApiParameter("lang", "The language.", "es", LANGUAGES),
        ),
        problems=(404, 406),
    ),
    Operation("get", "/", "All projects, for people", _HTML),
    Operation("get", "/healthz", "The server is alive", {"text/plain": _TEXT}),
    Operation("get", "/readyz", "Queries are answered", {"text/plain": _TEXT}, problems=(503,)),
    Operation("get", "/metrics", "Figures for Prometheus", {"text/plain": _TEXT}),
    Operation("get", "/check", "The form on which a record is checked", _HTML),
    Operation("get", "/queries", "The example queries, for people", _HTML),
    Operation(
        *("get", "/queries/{name}", "An example query, for people; with the suffix .rq its text"),
        answers=_GRAPHS | _HTML,
        parameters=(ApiParameter("name", "Its name.", "example-projects-in-country"),),
        problems=(400, 404, 406),
    ),
)


@blueprint.get("/api/openapi.json")
def document() -> Response:
    """The document."""
    paths: dict[str, dict[str, Any]] = {}
    for row in OPERATIONS:
        paths.setdefault(row.path, {})[row.method] = _operation(row)
    return jsonify(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "cybilgraph",
                "version": __version__,
                "summary": "Cyber capacity-building projects as linked data",
                "description": "No key is needed. What is sent to be checked may have at most "
                f"{MAX_UPLOAD_BYTES:,} bytes, and is not kept. Errors are problem details (RFC 9457).",
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": "/"}],
            "paths": paths,
            "components": {"schemas": {**_SCHEMAS, **_report_schemas()}},
        }
    )


def _operation(row: Operation) -> dict[str, Any]:
    answers = {media_type: {"schema": schema} for media_type, schema in row.answers.items()}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    found: dict[str, Any] = {
        "summary": row.summary,
        **({"description": row.about} if row.about else {}),
        "operationId": f"{row.method} {row.path}",
        "responses": {
            str(row.status): {"description": "The answer", "content": answers},
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


def _parameter(row: Operation, given: ApiParameter) -> dict[str, Any]:
    in_path = f"{{{given.name}}}" in row.path
    schema = _TEXT | ({"enum": list(given.choice)} if given.choice else {})
    if given.several:
        schema = {"type": "array", "items": schema}
    return {
        "name": given.name,
        "in": "path" if in_path else "query",
        "required": in_path,
        "description": given.about,
        "schema": schema,
        **({"example": [given.example] if given.several else given.example} if given.example else {}),
    }


def _report_schemas() -> dict[str, Schema]:
    """The schema of ``check -f json``, in parts, and what else may be asked for with a report."""
    whole = json.loads(json.dumps(schema()).replace("#/$defs/", "#/components/schemas/"))
    parts: dict[str, Schema] = whole.pop("$defs")
    report = {name: whole[name] for name in ("type", "title", "properties", "required", "additionalProperties")}
    report["properties"] |= {
        "text": {"type": "string", "description": "The record, where a mend was applied."},
        "turtle": {"type": "string", "description": "The graph of the record, where it was asked for."},
        "derived": {"type": "array", "items": {"$ref": "#/components/schemas/Derived"}},
    }
    return {"Report": report, **parts}


_COUNT: Schema = {"type": "integer", "minimum": 0}
_SCHEMAS: dict[str, Schema] = {
    "Submission": {
        "type": "object",
        "properties": {"text": {"type": "string", "description": "The record."}, **_OPTIONS},
        "required": ["text"],
    },
    "Derived": {
        "type": "object",
        "description": "What stands only in a sentence of the record.",
        "properties": {
            **dict.fromkeys(("project", "field", "name", "quote"), _TEXT),
            "line": _COUNT,
            "column": _COUNT,
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        },
    },
    "Problem": {
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT,
            "instance": {"type": "string", "format": "uri-reference"},
            "hint": _TEXT,
            "excerpt": _TEXT,
            "line": _COUNT,
            "column": _COUNT,
            "advice": {"type": "array", "items": _TEXT},
            "report": {"$ref": "#/components/schemas/Report"},
        },
        "required": ["type", "title", "status", "detail", "instance"],
    },
}
