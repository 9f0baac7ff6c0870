"""What has changed between releases: for people, as a patch, as JSON and Atom, and as an event stream.

Sources: Atom (RFC 4287) with tombstones (RFC 6721); RDF Patch; Linked Data Event Streams and TREE.
"""

from __future__ import annotations

import base64
import io
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import islice

from flask import Blueprint, Response, current_app, redirect, render_template, request, stream_template, url_for
from werkzeug.wrappers import Response as BaseResponse

from cybilgraph.changes import Changes, Log, Moved, as_json, date_of, earliest, moved_until, of_log
from cybilgraph.engine.store import serialise
from cybilgraph.errors import FormatMismatch, ReleaseBusy
from cybilgraph.formats import GRAPH_FORMATS, Format, Kind
from cybilgraph.ntriples import iri, literal
from cybilgraph.vocab import ACTIVITY, BASE, DCTERMS, FOAF, LDES, RDF, TREE, XSD, thing
from cybilgraph.web import endpoint
from cybilgraph.web.making import waiting
from cybilgraph.web.negotiate import SUFFIXES, wanted
from cybilgraph.web.sparql import caller, live
from cybilgraph.workers.turns import Busy, Turns

blueprint = Blueprint("changes", __name__)

FORMATS = (
    Format("json", Kind.RESULTS, ("application/json",), "json", "JSON", ""),
    Format("rdfp", Kind.DATASET, ("text/x-rdf-patch", "application/rdf-patch"), "rdfp", "RDF Patch", ""),
    Format("atom", Kind.RESULTS, ("application/atom+xml",), "atom", "Atom", ""),
)
_BY_NAME = {name: fmt for fmt in FORMATS for name in (fmt.name, *fmt.media_types)}
#: Who does not say since when is told of so many releases; a page shows so many records.
_LAST, _SHOWN = 10, 500
#: Seconds that a client waits for its turn to have differences made.
_PATIENCE = 60.0
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STREAM = f"{BASE}feed"
_HAPPENED = {"added": ACTIVITY.Create, "changed": ACTIVITY.Update, "removed": ACTIVITY.Delete}


@blueprint.get("/changes")
@blueprint.get("/changes.<suffix>")
def changes(suffix: str = "") -> BaseResponse:
    """What has changed ``since`` a release ``until`` another; without them, of late until now."""
    fmt = _format(suffix)
    made = _changes()
    numbers = _numbers()
    last = [number for number in numbers if number <= (_number("until") or numbers[-1])]
    since, until = _number("since") or (last or numbers)[-_LAST:][0], _number("until") or numbers[-1]
    with _in_turn():
        log = made.between(since, until)
    etag = f"{log.etag}-{'.'.join(str(number) for number in numbers if since <= number <= until)}"
    response: Response
    match fmt.name if fmt else "html":
        case "rdfp":
            response = _streamed(log.patch(), "text/x-rdf-patch; charset=utf-8", log)
            etag = log.etag
        case "json":
            with _in_turn():
                moved = made.moved(since, until)
            response = _streamed(as_json(log, moved), "application/json", log)
        case "atom":
            parts = stream_template("changes.atom.xml", **_told(log, made))
            response = _streamed(parts, "application/atom+xml; charset=utf-8", log)
        case _:
            response = Response(render_template("changes.html", numbers=numbers, **_told(log, made, _SHOWN)))
    pinned = _number("since") and _number("until") and fmt is not None
    return _conditional(response, f"changes-{etag}-{fmt.name if fmt else f'html-{numbers[-1]}'}", until, bool(pinned))


@blueprint.get("/feed")
@blueprint.get("/feed.<suffix>")
@blueprint.get("/feed/<int:number>")
@blueprint.get("/feed/<int:number>/all", endpoint="snapshot", defaults={"everything": True})
def feed(number: int = 0, suffix: str = "", everything: bool = False) -> BaseResponse:
    """A Linked Data Event Stream of the versions of records: a page a release, and one of all records of the
    oldest that is kept. People are led to the changes in words.
    """
    name = (SUFFIXES[suffix].name if suffix in SUFFIXES else suffix) or request.args.get("format", "")
    formats = wanted(GRAPH_FORMATS, request.headers.get("Accept", ""), name, html=True)
    if not formats:
        return redirect(url_for("changes.changes"), 303)
    fmt = formats[0]
    made, numbers = _changes(), _numbers()
    if not number:
        output = io.BytesIO()
        serialise(_lines(_root(numbers, earliest(live().releases, numbers[0]))), fmt, output)
        response = Response(output.getvalue(), content_type=fmt.content_type)
        etag = f"feed-{sha256(output.getvalue()).hexdigest()[:32]}"
        return _conditional(response, etag, numbers[-1], pinned=False)
    made.release(number)  # or it is told that there is none
    earlier = [other for other in numbers if other < number]
    if not earlier and not everything:
        return redirect(url_for("changes.snapshot", number=number), 303)
    with _in_turn():
        rows = moved_until(made, live().releases, number) if everything else of_log(made.between(earlier[-1], number))
        output = io.BytesIO()
        serialise(_lines(_page(_address(number, everything=everything), rows)), fmt, output)
    response = Response(output.getvalue(), content_type=fmt.content_type)
    return _conditional(response, f"feed-{sha256(output.getvalue()).hexdigest()[:32]}", number, pinned=True)


@contextmanager
def _in_turn() -> Iterator[None]:
    """A block in which differences may have to be made, one at a time, clients taking turns. Raises ReleaseBusy."""
    turns: Turns = current_app.extensions["cybilgraph"]["comparing"]
    own = caller()
    with waiting():
        try:
            turns.enter(own, time.monotonic() + _PATIENCE)
        except Busy:
            raise ReleaseBusy("Too many ask for differences at this moment", "Ask again in a minute.") from None
        try:
            yield
        finally:
            turns.leave(own)


def _changes() -> Changes:
    found: Changes = current_app.extensions["cybilgraph"]["changes"]
    return found


def _numbers() -> list[int]:
    """The releases that are kept, up to the one that is served now."""
    current = live().current.release.number
    return [number for number in live().releases.numbers if number <= current]


def _number(name: str) -> int:
    """The number of a release in the address; 0 where there is none. Raises QuerySyntaxError."""
    return endpoint.release_number(request.args.get(name, ""), name)


def _format(suffix: str) -> Format | None:
    name = suffix or request.args.get("format", "")
    if name == "html":
        return None
    if name:
        if fmt := _BY_NAME.get(name.lower()):
            return fmt
        raise FormatMismatch(f"There is no format {name[:40]!r} here", f"On offer: html, {', '.join(_BY_NAME)}")
    return next(iter(wanted(FORMATS, request.headers.get("Accept", ""), html=True)), None)


def _told(log: Log, made: Changes, most: int | None = None) -> dict[str, object]:
    with _in_turn():
        moved = made.moved(log.header.since, log.header.until)
    return {
        "log": log,
        "records": ((change, date_of(change, log, moved)) for change in islice(log.records(), most)),
        "more": sum(log.counts[kind] for kind in _HAPPENED) - most if most else 0,
        "plain": lambda text: _NO_XML.sub("\ufffd", text),
    }


def _streamed(parts: Iterator[bytes] | Iterator[str], kind: str, log: Log) -> Response:
    response = Response(parts, content_type=kind)
    if kind.startswith("text/x-rdf-patch"):  # of the bytes that are sent (RFC 9530)
        response.headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(log.sha256)).decode()}:"
        response.content_length = log.size
    return response


def _conditional(response: Response, etag: str, release: int, pinned: bool) -> Response:
    response.set_etag(etag)
    response.headers["Cybilgraph-Release"] = str(release)
    response.headers["Cache-Control"] = endpoint.PINNED if pinned else endpoint.FRESH
    response.make_conditional(request)
    return response


# ---- the event stream ------------------------------------------------------------------------


def _lines(triples: Iterator[tuple[str, str, str]]) -> Iterator[bytes]:
    for subject, predicate, target in triples:
        yield f"{iri(subject)} {iri(predicate)} {target} .\n".encode()


def _address(number: int = 0, everything: bool = False) -> str:
    if not number:
        return url_for("changes.feed", _external=True)
    return url_for("changes.snapshot" if everything else "changes.feed", number=number, _external=True)


def _root(numbers: list[int], first: str) -> Iterator[tuple[str, str, str]]:
    """The stream, and its pages by time; ``first`` is the earliest that the first of them tells of."""
    node = _address()
    yield _STREAM, RDF.type, iri(LDES.EventStream)
    yield _STREAM, LDES.timestampPath, iri(DCTERMS.created)
    yield _STREAM, LDES.versionOfPath, iri(DCTERMS.isVersionOf)
    yield _STREAM, TREE.view, iri(node)
    yield node, RDF.type, iri(TREE.Node)
    for number in numbers:
        page = _address(number, everything=number == numbers[0])
        relation = f"{node}#release-{number}"
        yield node, TREE.relation, iri(relation)
        yield relation, RDF.type, iri(TREE.GreaterThanOrEqualToRelation)
        yield relation, TREE.path, iri(DCTERMS.created)
        created = str(_changes().release(number).manifest["created"])
        yield relation, TREE.value, _time((number == numbers[0] and first) or created)
        yield relation, TREE.node, iri(page)


def _page(node: str, rows: Iterable[Moved]) -> Iterator[tuple[str, str, str]]:
    """Versions of records, each named by the release that brought it."""
    yield _STREAM, RDF.type, iri(LDES.EventStream)
    yield _STREAM, TREE.view, iri(_address())
    yield node, RDF.type, iri(TREE.Node)
    for row in rows:
        record = f"{BASE}record/{row.key}"
        version = f"{record}?release={row.release}"
        yield _STREAM, TREE.member, iri(version)
        yield version, RDF.type, iri(_HAPPENED[row.kind])
        yield version, DCTERMS.isVersionOf, iri(record)
        yield version, DCTERMS.created, _time(row.created)
        yield version, DCTERMS.title, literal(row.title)
        if row.kind != "removed":
            yield version, FOAF.primaryTopic, iri(f"{thing('project', '')}{row.key}")


def _time(created: str) -> str:
    return literal(created, datatype=XSD.dateTime)
