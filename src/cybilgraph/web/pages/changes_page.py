"""Changes between releases as a page, RDF Patch, JSON, Atom, and an event stream.

Sources: Atom (RFC 4287) with tombstones (RFC 6721); RDF Patch; Linked Data Event Streams and TREE.
"""

from __future__ import annotations

import base64
import io
import re
import time
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from itertools import chain, islice
from typing import TypeVar

from flask import Blueprint, Response, redirect, render_template, request, stream_template, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from cybilgraph.errors import FormatMismatch, ReleaseBusy
from cybilgraph.model.formats import GRAPH_FORMATS, Format, FormatKind
from cybilgraph.model.vocabulary import ACTIVITY, DCTERMS, FOAF, LDES, RDF, SH, TREE, XSD, own_iri, thing_iri
from cybilgraph.rdf.ntriples import iri, literal
from cybilgraph.rdf.serialisation import serialise
from cybilgraph.release import Release
from cybilgraph.runtime.scheduler import Busy, Scheduler, run_blocking
from cybilgraph.sync import changes
from cybilgraph.sync.changes import ChangeLog, ChangeLogCache, LastChange
from cybilgraph.web.api import protocol
from cybilgraph.web.api.current_request import caller, live, page_in_url, site
from cybilgraph.web.api.negotiation import SUFFIXES, negotiate
from cybilgraph.web.server.render_queue import yield_turn

blueprint = Blueprint("changes", __name__)

FORMATS = (
    Format("json", FormatKind.RESULTS, ("application/json",), "json", "JSON", ""),
    Format("rdfp", FormatKind.DATASET, ("text/x-rdf-patch", "application/rdf-patch"), "rdfp", "RDF Patch", ""),
    Format("atom", FormatKind.RESULTS, ("application/atom+xml",), "atom", "Atom", ""),
)
_BY_NAME = {name: fmt for fmt in FORMATS for name in (fmt.name, *fmt.media_types)}
Triple = tuple[str, str, str]
Result = TypeVar("Result")
#: The number of releases to compare by default, and the most records on a page.
_DEFAULT_RELEASES, _MAX_RECORDS_SHOWN = 10, 500
#: The most record versions on a page of the event stream.
_MAX_MEMBERS = 500
#: Seconds that a client waits for its turn to compute a comparison.
_QUEUE_TIMEOUT = 60.0
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ACTIVITY_OF_KIND = {"added": ACTIVITY.Create, "changed": ACTIVITY.Update, "removed": ACTIVITY.Delete}


@blueprint.get("/changes")
@blueprint.get("/changes.<suffix>")
def page(suffix: str = "") -> BaseResponse:
    """Show the changes between the releases ``since`` and ``until``; by default, between the latest ones."""
    fmt = _format(suffix)
    logs, numbers = _changes(), _numbers()
    asked_until, asked_since = _number("until"), _number("since")
    until = asked_until or numbers[-1]
    since = asked_since or ([number for number in numbers if number <= until] or numbers)[-_DEFAULT_RELEASES:][0]
    log = _computed(logs.between, since, until)
    etag = f"{log.etag}-{'.'.join(str(number) for number in numbers if since <= number <= until)}"
    response: Response
    match fmt.name if fmt else "html":
        case "rdfp":
            size, digest = _computed(lambda: log.patch_digest)
            response = Response(log.patch(), content_type="text/x-rdf-patch; charset=utf-8")
            # A digest of the content as sent (RFC 9530).
            response.headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(digest)).decode()}:"
            response.content_length = size
            etag = log.etag
        case "json":
            last_changed = _computed(logs.last_changed, since, until)
            response = Response(changes.as_json(log, last_changed), content_type="application/json")
        case "atom":
            parts = stream_template("changes.atom.xml", **_template_values(log, logs))
            response = Response(parts, content_type="application/atom+xml; charset=utf-8")
            _link_hub(response)
        case _:
            shown = render_template("changes.html", numbers=numbers, **_template_values(log, logs, _MAX_RECORDS_SHOWN))
            response = Response(shown)
    is_pinned = bool(asked_since and asked_until and fmt)
    return _conditional(response, f"changes-{etag}-{fmt.name if fmt else f'html-{numbers[-1]}'}", until, is_pinned)


@blueprint.get("/feed")
@blueprint.get("/feed.<suffix>")
@blueprint.get("/feed/<int:number>")
@blueprint.get("/feed/<int:number>/all", endpoint="snapshot", defaults={"everything": True})
def feed(number: int = 0, suffix: str = "", everything: bool = False) -> BaseResponse:
    """Return the Linked Data Event Stream of record versions, or one of its pages.

    It has pages for each release, and a snapshot of all records of the oldest release kept. In formats with named
    graphs, the graph of a version contains its statements. Browsers are redirected to the changes page.
    """
    name = (SUFFIXES[suffix].name if suffix in SUFFIXES else suffix) or request.args.get("format", "")
    formats = negotiate(GRAPH_FORMATS, request.headers.get("Accept", ""), name, html=True)
    if not formats:
        return redirect(url_for("changes.page"), 303)
    fmt = formats[0]
    logs, numbers = _changes(), _numbers()
    if not number:
        triples = _root(numbers, changes.first_change_date(live().releases, numbers[0]))
        return _link_hub(_stream_response(_lines(triples), fmt, numbers[-1], is_pinned=False))
    release = logs.release(number)
    earlier = [other for other in numbers if other < number]
    if not earlier and not everything:
        return redirect(url_for("changes.snapshot", number=number), 303)

    def page_of_stream() -> Response:
        rows: Iterable[LastChange]
        if everything:
            rows = changes.last_changes_until(logs, live().releases, number)
        else:
            rows = changes.last_changes_in(logs.between(earlier[-1], number))
        part = page_in_url()
        found = list(islice(rows, (part - 1) * _MAX_MEMBERS, part * _MAX_MEMBERS + 1))
        if part > 1 and not found:
            raise NotFound(f"This part of the event stream has no page {part}")
        node, following = (_address(number, everything=everything, page=page) for page in (part, part + 1))
        lines = _lines(_page(node, found[:_MAX_MEMBERS], following if len(found) > _MAX_MEMBERS else ""))
        if fmt.kind is FormatKind.DATASET:
            lines = chain(lines, _member_statements(release, found[:_MAX_MEMBERS]))
        return _stream_response(lines, fmt, number, is_pinned=True)

    return _computed(page_of_stream)


def _link_hub(response: Response) -> Response:
    """Name the WebSub hub to which clients can subscribe for this address, if it is one that we announce."""
    if (hub := site("hub")) and not request.query_string:
        response.headers.add("Link", f'<{hub}>; rel="hub", <{request.base_url}>; rel="self"')
    return response


def _lines(triples: Iterable[Triple]) -> Iterator[bytes]:
    return (f"{iri(subject)} {iri(predicate)} {target} .\n".encode() for subject, predicate, target in triples)


def _stream_response(lines: Iterator[bytes], fmt: Format, release: int, *, is_pinned: bool) -> Response:
    output = io.BytesIO()
    serialise(lines, fmt, output)
    response = Response(output.getvalue(), content_type=fmt.content_type)
    return _conditional(response, f"feed-{sha256(output.getvalue()).hexdigest()[:32]}", release, is_pinned)


def _computed(compute: Callable[..., Result], *arguments: object) -> Result:
    """Call what may compute a comparison, one at a time and fair between clients. Raises ReleaseBusy."""
    scheduler: Scheduler = site("comparing")
    client = caller()
    with yield_turn():
        try:
            run_blocking(scheduler.enter(client, time.monotonic() + _QUEUE_TIMEOUT))
        except Busy:
            raise ReleaseBusy("Too many requests for changes at the moment", "Try again in a minute.") from None
        try:
            return compute(*arguments)
        finally:
            scheduler.leave(client)


def _changes() -> ChangeLogCache:
    found: ChangeLogCache = site("changes")
    return found


def _numbers() -> list[int]:
    """Return the numbers of the releases kept, up to the current one."""
    current = live().current.release.number
    return [number for number in live().releases.numbers if number <= current]


def _number(name: str) -> int:
    return protocol.release_number(request.args.get(name, ""), name)


def _format(suffix: str) -> Format | None:
    name = suffix or request.args.get("format", "")
    if name == "html":
        return None
    if name:
        if fmt := _BY_NAME.get(name.lower()):
            return fmt
        raise FormatMismatch(f"Changes are not available as {name[:40]!r}", f"Use one of: html, {', '.join(_BY_NAME)}")
    return next(iter(negotiate(FORMATS, request.headers.get("Accept", ""), html=True)), None)


def _template_values(log: ChangeLog, logs: ChangeLogCache, most: int | None = None) -> dict[str, object]:
    last_changed = _computed(logs.last_changed, *log.numbers)
    return {
        "log": log,
        "records": ((change, changes.change_date(change, log, last_changed)) for change in islice(log.records(), most)),
        "more": sum(log.counts[kind] for kind in _ACTIVITY_OF_KIND) - most if most else 0,
        "hub": site("hub"),
        "plain": lambda text: _NO_XML.sub("\ufffd", text),
    }


def _conditional(response: Response, etag: str, release: int, is_pinned: bool) -> Response:
    response.set_etag(etag)
    response.headers["Cybilgraph-Release"] = str(release)
    response.headers["Cache-Control"] = protocol.PINNED if is_pinned else protocol.FRESH
    response.make_conditional(request)
    return response


# ---- the event stream ------------------------------------------------------------------------


def _address(number: int = 0, everything: bool = False, page: int = 1) -> str:
    if not number:
        return url_for("changes.feed", _external=True)
    endpoint = "changes.snapshot" if everything else "changes.feed"
    return url_for(endpoint, number=number, page=page if page > 1 else None, _external=True)


def _stream(node: str) -> Iterator[Triple]:
    """Describe the stream, as each of its pages does; ``node`` is the page."""
    stream = own_iri("feed")
    yield stream, RDF.type, iri(LDES.EventStream)
    yield stream, LDES.timestampPath, iri(DCTERMS.created)
    yield stream, LDES.versionOfPath, iri(DCTERMS.isVersionOf)
    yield stream, TREE.view, iri(_address())
    yield stream, TREE.shape, iri(_member_shape())
    yield node, RDF.type, iri(TREE.Node)


def _member_shape() -> str:
    return f"{_address()}#member"


def _root(numbers: list[int], first: str) -> Iterator[Triple]:
    """Describe the stream and its pages by time; ``first`` is the earliest time on the first page."""
    node = _address()
    yield from _stream(node)
    # The first page has at least the last version of each record, whatever was pruned.
    kept = f"{node}#kept"
    yield node, LDES.retentionPolicy, iri(kept)
    yield kept, RDF.type, iri(LDES.LatestVersionSubset)
    yield kept, LDES.amount, literal("1", datatype=XSD.integer)
    yield from _describe_members()
    for number in numbers:
        page = _address(number, everything=number == numbers[0])
        relation = f"{node}#release-{number}"
        yield node, TREE.relation, iri(relation)
        yield relation, RDF.type, iri(TREE.GreaterThanOrEqualToRelation)
        yield relation, TREE.path, iri(DCTERMS.created)
        created = str(_changes().release(number).manifest["created"])
        yield relation, TREE.value, _time((number == numbers[0] and first) or created)
        yield relation, TREE.node, iri(page)


def _describe_members() -> Iterator[Triple]:
    """Describe what each record version has, as a shape."""
    shape = _member_shape()
    yield shape, RDF.type, iri(SH.NodeShape)
    one = literal("1", datatype=XSD.integer)
    for name, path, limit, value, is_required in (
        ("record", DCTERMS.isVersionOf, SH.nodeKind, SH.IRI, True),
        ("created", DCTERMS.created, SH.datatype, XSD.dateTime, True),
        ("title", DCTERMS.title, SH.datatype, XSD.string, False),  # deletions have no title
    ):
        node = f"{shape}-{name}"
        yield shape, SH.property, iri(node)
        yield from (
            (node, SH.path, iri(path)),
            (node, limit, iri(value)),
            (node, SH.maxCount, one),
        )
        if is_required:
            yield node, SH.minCount, one


def _version(row: LastChange) -> str:
    """Return the IRI of a version of a record, which is named after the release that introduced it."""
    return f"{own_iri(f'record/{row.key}')}?release={row.release}"


def _member_statements(release: Release, rows: Iterable[LastChange]) -> Iterator[bytes]:
    """Yield the statements of record versions, each version in a graph of its name (TREE, member extraction)."""
    graphs = {row.key: f" {iri(_version(row))} .\n".encode() for row in rows if row.kind != "removed"}
    return (line.removesuffix(b" .\n") + graphs[key] for key, line in changes.statements_of(release, graphs))


def _page(node: str, rows: Iterable[LastChange], following: str) -> Iterator[Triple]:
    """Describe a page of record versions; ``following`` is the address of the next page, if there is one."""
    stream = own_iri("feed")
    yield from _stream(node)
    if following:
        yield node, TREE.relation, iri(f"{node}#next")
        yield f"{node}#next", RDF.type, iri(TREE.Relation)
        yield f"{node}#next", TREE.node, iri(following)
    for row in rows:
        record, version = own_iri(f"record/{row.key}"), _version(row)
        yield stream, TREE.member, iri(version)
        yield version, RDF.type, iri(_ACTIVITY_OF_KIND[row.kind])
        yield version, DCTERMS.isVersionOf, iri(record)
        yield version, DCTERMS.created, _time(row.created)
        if row.kind != "removed":
            yield version, DCTERMS.title, literal(row.title)
            yield version, FOAF.primaryTopic, iri(f"{thing_iri('project', '')}{row.key}")


def _time(created: str) -> str:
    return literal(created, datatype=XSD.dateTime)
