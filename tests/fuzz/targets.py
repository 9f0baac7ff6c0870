"""What is fuzzed: functions that read bytes of others, each with seeds and the properties that must hold for any input.

A target raises an exception other than the documented ones, or fails an assertion, if and only if there is a bug.
"""

from __future__ import annotations

import atexit
import hashlib
import io
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pyoxigraph as ox

from cybilgraph import pipeline
from cybilgraph.errors import DecisionError, PatchError, QueryError, SiteError, SourceError
from cybilgraph.extraction import derive
from cybilgraph.identity.decisions import Decisions
from cybilgraph.model.record import Text
from cybilgraph.model.site_profile import read_profile
from cybilgraph.rdf.description import describe
from cybilgraph.rdf.forms import WRITERS, example_record
from cybilgraph.readers import Input, read_input
from cybilgraph.sparql import guard, query_analysis, query_worker
from cybilgraph.sparql.fast_path import parse_shape
from cybilgraph.sparql.hints import find_hints, may_be_partial
from cybilgraph.sparql.hints.syntax import explain_mistake
from cybilgraph.sparql.lexer import scan
from cybilgraph.sync.overlap import find_matches
from cybilgraph.sync.patches import apply_patch, read_patch
from cybilgraph.sync.sitemaps import parse_sitemap
from cybilgraph.validation.outputs import OUTPUTS
from cybilgraph.web.checker.check_worker import answer
from cybilgraph.web.checker.submissions import Output
from tests.bench.served.client import Address, connect, receive
from tests.conftest import PAGES, ROOT, SAMPLES, running_server
from tests.support.hostile import GOOD, cases

#: The longest input, and the processor time that it may take.
MAX_BYTES, MAX_SECONDS = 100_000, 10
#: The size of seeds, and how many records of a file are read: each takes about a millisecond, so many are not a hang.
_MAX_SEED_BYTES, _MAX_RECORDS = 10_000, 1_000


class Target(NamedTuple):
    name: str
    run: Callable[[bytes], None]
    more_seeds: Callable[[], Iterable[bytes]] = tuple

    def seeds(self) -> list[bytes]:
        """Return valid inputs, from which the fuzzer makes others: those in the folder, and generated ones."""
        files = sorted((Path(__file__).parent / "seeds" / self.name).glob("*"))
        return [*(file.read_bytes() for file in files), *self.more_seeds()]


def _check_reader(suffix: str, data: bytes) -> None:
    """Nothing is lost: a file gives records that can be published, or an error that explains itself."""
    if suffix == ".xlsx" and data[:1].isdigit():
        data = _with_part(data)
    input_file = Input(f"any{suffix}", data=data)
    count, lines = 0, list[str]()
    try:
        for record in islice(read_input(input_file), _MAX_RECORDS):
            count += 1
            lines += describe(derive(record))
    except SourceError as error:
        assert error.what
        assert error.hint
        assert "Traceback" not in error.what
        count += 1
    assert count or input_file.notes, "neither a record nor an error"
    for _ in ox.parse("\n".join(lines).encode(), format=ox.RdfFormat.N_TRIPLES):
        pass
    # Validation takes ten times as long, so only some files are validated.
    if count < 100 and hashlib.sha256(data).digest()[0] < 12:
        report = pipeline.check_input(input_file).report
        assert report.records or report.findings


@cache
def _parts() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(GOOD()[".xlsx"])) as book:
        return {name: book.read(name) for name in book.namelist() if name.endswith((".xml", ".rels"))}


def _with_part(data: bytes) -> bytes:
    """Return a workbook with one of its parts replaced; the first byte selects it. Compressed parts hide mutations."""
    name = sorted(_parts())[int(data[:1]) % len(_parts())]
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w") as archive:
        for part, content in {**_parts(), name: data[1:]}.items():
            archive.writestr(part, content)
    return book.getvalue()


def _reader_seeds(suffix: str) -> Iterator[bytes]:
    yield GOOD()[suffix]
    for name, make in cases().items():
        if name.endswith(suffix) and len(content := make()) <= _MAX_SEED_BYTES:
            yield content
    for folder in (SAMPLES / "formats", SAMPLES / "one-project", ROOT / "data/records"):
        for path in sorted(folder.glob(f"*{suffix}")):
            if path.stat().st_size <= _MAX_SEED_BYTES:
                yield path.read_bytes()
    record = replace(example_record(), code=Text("G0001"))
    if suffix[1:] in WRITERS:
        yield WRITERS[suffix[1:]]([record, record])
    if suffix == ".xlsx":
        for number, name in enumerate(sorted(_parts())[:10]):
            yield str(number).encode() + _parts()[name]


def _check_query(data: bytes) -> None:
    """What reads a query before the engine does raises only documented errors, and the lexer loses nothing."""
    query = data.decode(errors="surrogateescape")
    with suppress(QueryError):
        guard.guard(query)
        for text in (query, query_analysis.with_columns(query, lambda _: [])):
            with suppress(SyntaxError, UnicodeError):
                query_worker.check_syntax(text)
    assert "".join(match[0] for _, match in scan(query)) == query, "the lexer loses characters"
    find_hints(query, ("empty", "slow", "partial"))
    explain_mistake(query, "error at 1:1: expected WHERE")
    may_be_partial(query)
    parse_shape(query)
    query_analysis.is_volatile(query)
    query_analysis.undeclared_names(query)
    query_analysis.returns_graph(query)
    query_analysis.hash_query(query)


def _in_folder(name: str, data: bytes, read: Callable[[Path], object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        read(path)


def _check_decisions(data: bytes) -> None:
    def read(path: Path) -> None:
        with suppress(DecisionError), Decisions(path.parent) as decisions:
            assert all(found.message for found in decisions.findings)
            for record in decisions.records():
                decisions.of(record)
            list(decisions.same_records())
            decisions.distinct_records()

    _in_folder("a.csv", data, read)


def _check_site(data: bytes) -> None:
    with suppress(SiteError):
        _in_folder("site.toml", data, lambda path: read_profile(path).document())


def _check_sync(data: bytes) -> None:
    """Read bytes of another site as patch, graph and sitemap."""
    old = GOOD()[".nq"].splitlines(keepends=True)[:50]
    with suppress(PatchError):
        _, changes = read_patch(io.BytesIO(data))
        list(apply_patch(sorted(old), changes))
    with suppress(ValueError, SyntaxError):
        find_matches(old, io.BytesIO(data))
    with suppress(ValueError):
        parse_sitemap(data)


@cache
def _record() -> str:
    return WRITERS["yaml"]([replace(example_record(), code=Text("G0001"))]).decode()


_FORM_OUTPUTS = (Output.PAGE, Output.TEXT, Output.FILE, Output.CELLS, Output.EDIT)


def _check_form(data: bytes) -> None:
    """The first line says who sends the body (API, form, suggestion, curator) and its media type."""
    first_line, _, body = data.partition(b"\n")
    sender, _, content_type = first_line.decode("latin-1").partition(" ")
    output = list(OUTPUTS)[len(body) % len(OUTPUTS)]
    upload = {"content_type": content_type, "arguments": "lang=es&include=turtle,derived,table"}
    if sender == "form":
        request = {"upload": upload | {"is_form": True}, "outputs": _FORM_OUTPUTS}
    elif sender == "suggestion":
        upload |= {"is_form": True, "base": _record(), "name": "record.yaml"}
        request = {"upload": upload, "outputs": _FORM_OUTPUTS}
    elif sender == "curator":
        edit = {"project": "G0001", "title": "", "current": _record()}
        record = {"name": "a.yaml", "as_of": "", "base": _record(), "edit": edit}
        request = {"submission": record, "outputs": (Output.DECISIONS,)}
    else:
        request = {"upload": upload, "outputs": (f"{Output.API}{output}", f"{Output.RDF}jsonld")}
    head, parts = answer(request, body)
    assert head.get("error") in (None, "heavy", "refused"), head
    assert "error" in head or sum(head["sizes"]) == len(parts)


@cache
def server() -> Address:
    """Start a server that runs until this process ends, and return its address."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # In another process: threads of the store do not survive the fork of the fuzzer.
    command = (sys.executable, "-m", "cybilgraph.cli", "build", *PAGES, "--into", folder / "releases")
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    options = ("--suggestions", folder / "suggestions", "--body-seconds", 5)
    started = running_server(folder / "releases", *options)
    started.__enter__()
    atexit.register(started.__exit__)
    return Address(started.port, "/")


_sources = random.Random(0)


def _check_http(data: bytes) -> None:
    """The server answers or closes the connection, without an error of its own, and keeps answering others."""
    source = f"127.{_sources.randrange(256)}.{_sources.randrange(256)}.{_sources.randrange(1, 255)}"
    with suppress(OSError), connect(server(), 0.5, source) as connection:
        connection.sendall(data)
        assert receive(connection)[0] not in (500, 502), data[:100]
    with connect(server(), 60, source) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        assert receive(connection)[0] == 200


def _get_requests() -> Iterator[bytes]:
    paths = (
        "/ /about /api/openapi.json /api/queries/example-projects-in-country /catalog.ttl /changes.json /check /claims "
        "/cite /compare /docs/README.md /feed /findings /graph/record/G0020 /history /iati.xml /id/project "
        "/id/project/G0020 /id/project/G0020.ttl /latest/SHA256SUMS /ns/context.jsonld /ontology.ttl /outcomes.csv "
        "/pictures/map /pictures/network /pictures/network.csv /pictures/timeline.svg /queries /record/G0020 "
        "/releases.json /removal/G0020 /rules/end-after-start /schema/records.json /search /search.csv /shapes.ttl "
        "/sitemap-1.xml /sparql /suggest/G0020"
    )
    query = quote("SELECT * { ?s ?p ?o } LIMIT 3")
    arguments = (
        f"query={query}&timeout=1&release=1&limit=3&offset=1&country=Belize&q=strategy&sort=title&evidence=possible"
        "&from=2010&to=2020&start=coe&expand=eu&role=funder&a=eu&b=coe&lang=es&format=csv&since=1&page=2&view=map"
        "&region=africa&all=1&other=0&among=country&of=/id/project/G0020&name=x&_scheme=x&_external=1"
    )
    for path in paths.split():
        for target, accept in ((path, "text/html"), (f"{path}?{arguments}", "text/turtle;q=0.5, */*;q=0.1")):
            yield f"GET {target} HTTP/1.1\r\nhost: localhost\r\naccept: {accept}\r\nconnection: close\r\n\r\n".encode()


_SUFFIXES = (
    *(".txt", ".html", ".csv", ".tsv", ".json", ".jsonl", ".yaml", ".xlsx", ".xml", ".warc"),
    *(".ttl", ".trig", ".nt", ".nq", ".rdf", ".jsonld"),
)
TARGETS = {
    suffix[1:]: Target(suffix[1:], partial(_check_reader, suffix), partial(_reader_seeds, suffix))
    for suffix in _SUFFIXES
} | {
    "query": Target("query", _check_query, lambda: (path.read_bytes() for path in (ROOT / "queries").glob("*.rq"))),
    "decisions": Target("decisions", _check_decisions),
    "site": Target("site", _check_site),
    "sync": Target("sync", _check_sync),
    "form": Target("form", _check_form),
    "http": Target("http", _check_http, _get_requests),
}
