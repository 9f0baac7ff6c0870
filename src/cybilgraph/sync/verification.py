"""Verifies that what a running site offers to data partners agrees: endpoint, dumps, changes and descriptions.

All requests use public HTTP, so that anyone can verify any site. Counts given by the site are compared with counts of
the data that it sends.
"""

from __future__ import annotations

import csv
import io
import json
import random
import secrets
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from cybilgraph.errors import FetchError, PatchError, QueryError
from cybilgraph.model.formats import BY_NAME, GRAPH_FORMATS, Format
from cybilgraph.model.vocabulary import BASE, CYB, DCAT, SPDX, VOID, own_iri, path_of, shorten
from cybilgraph.rdf.dumps import FULL_DUMPS, MAY_REACH, NAME, STATED_DUMP
from cybilgraph.rdf.dumps.stated import stated_statements
from cybilgraph.rdf.ntriples import group_by_subject, term_text
from cybilgraph.rdf.serialisation import convert_to_nquads, is_in_earlier_graph
from cybilgraph.release.graph_file import split_chunks
from cybilgraph.runtime.compression import DECOMPRESSION_ERRORS, open_decompressed
from cybilgraph.runtime.files import parse_checksums, sha256_of
from cybilgraph.sparql.guard import guard
from cybilgraph.sparql.may_reach import describe_may_reach
from cybilgraph.sparql.store import load_into_memory, query_bytes
from cybilgraph.sync.fetch import HttpResponse, Site, got_web_page
from cybilgraph.sync.patches import ADDED, REMOVED, HashedLines, apply_patch, diff_lines, read_patch, sort_lines

_NTRIPLES = "application/n-triples"
#: The Accept header of a browser.
_BROWSER = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
_RELEASE_QUERY = f"/sparql?{urlencode({'query': 'ASK {}', 'format': 'json'})}"
_COUNT = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
_COUNT_NAMED = "SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } }"
_COUNT_LINKS = """SELECT (COUNT(*) AS ?n) {{ ?s <{0}> ?o
    FILTER(ISIRI(?o) && STRSTARTS(STR(?o), STR(<{1}>)))
    FILTER(STRSTARTS(STR(?s), STR(<{2}>)) || STRSTARTS(STR(?s), STR(<{3}>))) }}"""
_SAMPLE = "SELECT ?thing { ?thing a <%s> } ORDER BY ?thing LIMIT 3"
#: Classes of resources whose descriptions are checked.
_CLASSES = (CYB.Project, CYB.Actor, CYB.Country, CYB.Theme)
_SYNTAXES = {"ttl": "text/turtle", "nt": _NTRIPLES, "jsonld": "application/ld+json", "rdf": "application/rdf+xml"}
#: Number of subjects whose statements are compared in a quick and in a full verification.
_QUICK_SUBJECTS, _FULL_SUBJECTS = 100, 2_000
#: Size of a dump on which a quick verification also runs the example queries (about ten seconds, 1 GB of memory).
_MAX_QUICK_QUADS = 2_000_000
#: Maximum number of differences in a message, and length of an example.
_MAX_DIFFERENCES, _MAX_EXAMPLE_BYTES = 5, 240
_CLASS = getattr(VOID, "class")
_REPAIR_HINT = "activate an intact release (cybilgraph releases), or build it again"


class SiteCheckFailed(Exception):
    """A check has failed; the message describes the problem."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check; ``message`` describes the result or the problem."""

    name: str
    passes: bool
    message: str


@dataclass(slots=True)
class Verification:
    """The results for a release of a site."""

    url: str
    release: int
    checks: list[Check] = field(default_factory=list)

    @property
    def passes(self) -> bool:
        """Whether no check fails."""
        return all(check.passes for check in self.checks)

    def as_json(self) -> str:
        """Return the results as JSON."""
        checks = [
            {"name": check.name, "outcome": "holds" if check.passes else "fails", "says": check.message}
            for check in self.checks
        ]
        document = {"url": self.url, "release": self.release, "holds": self.passes, "checks": checks}
        return json.dumps(document, ensure_ascii=False, indent=1)


def verify(site: Site, quick: bool = False, on_check: Callable[[Check], None] = lambda _: None) -> Verification:
    """Run all checks, calling ``on_check`` with each result.

    ``quick`` downloads one dump instead of every file, and compares less of a large one, as the results say.
    Raises FetchError if the site does not respond.
    """
    with tempfile.TemporaryDirectory(prefix="cybilgraph-verify-") as folder:
        site_checks = SiteChecks(site, Path(folder), quick)
        verification = Verification(site.url, site_checks.release)
        for name, check in site_checks.checks():
            try:
                result = Check(name, True, check())
            except SiteCheckFailed as error:
                result = Check(name, False, str(error))
            except (FetchError, PatchError, QueryError) as error:
                result = Check(name, False, error.what)
            # Another site may send anything.
            except (ValueError, LookupError, TypeError, SyntaxError, OSError, *DECOMPRESSION_ERRORS) as error:
                result = Check(name, False, f"the response has an unexpected form: {error}")
            verification.checks.append(result)
            on_check(result)
    return verification


def _require(condition: object, message: str) -> None:
    if not condition:
        raise SiteCheckFailed(message)


class SiteChecks:
    """The checks of one release of a site. Each returns a description of its result, or raises SiteCheckFailed.

    Requests raise FetchError, and SiteCheckFailed for a status other than 200 or an unexpected form.
    """

    def __init__(self, site: Site, folder: Path, quick: bool) -> None:
        self._site = site
        self._folder = folder
        self._quick = quick
        reply = site.get(_RELEASE_QUERY)
        number = reply.headers.get("Cybilgraph-Release", "")
        site.use_base()
        if reply.is_page:
            raise got_web_page(f"{site.url}/sparql")
        if not number.isdigit():
            raise FetchError(
                f"{site.url} is not a cybilgraph site: /sparql does not name a release (status {reply.status})"
            )
        self.release = int(number)
        self._comment = f"\n# {secrets.token_hex(8)}"  # so that no cache has answers to our queries
        self._sums: dict[str, str] = {}
        self._quads = self._triples = -1
        self._dump = Dump(folder)
        #: The downloaded dumps, by name.
        self._files: dict[str, Path] = {}

    def checks(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Yield the name and the function of each check."""
        yield "endpoint", self._endpoint
        yield "manifest", self._manifest
        yield "dumps", self._dumps
        yield "graph", self._graph
        if not self._quick:
            yield "contents", self._contents
        yield "statements", self._statements
        if not self._quick:
            yield "patch", self._patch
        yield "descriptions", self._descriptions
        yield "negotiation", self._negotiation
        yield "example queries", self._examples
        yield "VoID", self._void
        yield "DCAT", self._dcat
        yield "release", self._same_release

    def ok(self, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: str = "") -> HttpResponse:
        """Send a request, and return the response."""
        reply = self._site.get(path, headers, method, body)
        _require(reply.status == 200, f"{path} returns status {reply.status}")
        return reply

    def file(self, path: str, into: Path) -> Path:
        """Download a response of any size to a file."""
        status = self._site.download(path, into).status
        _require(status == 200, f"{path} returns status {status}")
        return into

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query, bypassing caches."""
        sent = urlencode({"query": query + self._comment, "format": "csv", "release": self.release})
        return list(csv.DictReader(io.StringIO(self.ok(f"/sparql?{sent}").body.decode(), newline="")))

    def _count(self, query: str) -> int:
        """Return the number ?n of a query with one row."""
        return int(self.rows(query)[0]["n"])

    def _about(self, subjects: list[str]) -> dict[str, set[str]]:
        """Return the endpoint's statements about subjects (terms), bypassing caches."""
        query = f"CONSTRUCT {{ ?s ?p ?o }} {{ VALUES ?s {{ {' '.join(subjects)} }} ?s ?p ?o }}{self._comment}"
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": _NTRIPLES}
        sent = urlencode({"query": query, "release": self.release})
        found = by_subject(self.ok("/sparql", headers, "POST", sent).body.decode().split("\n")[:-1])
        return {subject: found.get(subject, set()) for subject in subjects}

    def json(self, path: str) -> Any:
        """Return a JSON response."""
        reply = self.ok(path)
        try:
            return reply.json()
        except ValueError as error:
            raise SiteCheckFailed(
                f"{path} is not valid JSON ({reply.type}; {error}): check whether a proxy replaces the response"
            ) from error

    def statements(self, path: str) -> list[str]:
        """Return the lines of an N-Triples response."""
        reply = self.ok(path, {"Accept": _NTRIPLES})
        _require(reply.type.startswith(_NTRIPLES), f"{path} is {reply.type} instead of N-Triples")
        return reply.body.decode().split("\n")[:-1]

    def _endpoint(self) -> str:
        self._triples, named = map(self._count, (_COUNT, _COUNT_NAMED))
        self._quads = self._triples + named
        is_described = any("sparql-service-description#" in line for line in self.statements("/sparql"))
        _require(is_described, "/sparql has no service description")
        return f"{self._triples:,} statements, and {named:,} in named graphs"

    def _manifest(self) -> str:
        path = f"/release/{self.release}.json"
        manifest = self.json(path)
        number = manifest.get("release")
        _require(number == self.release, f"{path} describes release {number}: {_REPAIR_HINT}")
        projects = self._count(f"SELECT (COUNT(?p) AS ?n) {{ ?p a <{CYB.Project}> }}")
        counts = manifest.get("counts", {})
        problems = []
        for key, count in (("quads", self._quads), ("projects", projects)):
            if (given := counts.get(key)) != count:
                number = f"{given:,}" if isinstance(given, int) else "no number of"
                problems.append(f"{number} {key} (counts.{key}), but the endpoint has {count:,}")
        _require(not problems, f"{path} gives {'; '.join(problems)}: {_REPAIR_HINT}")
        return f"{projects:,} projects and {self._quads:,} quads, as in the endpoint"

    def _dumps(self) -> str:
        listed = self.ok(f"/release/{self.release}/SHA256SUMS").body.decode()
        latest = self.ok("/latest/SHA256SUMS")
        _require(latest.headers.get("Cybilgraph-Release") == str(self.release), "/latest is another release")
        _require(latest.body.decode() == listed, "/latest/SHA256SUMS differs from that of the release")
        self._sums = parse_checksums(listed)
        _require(self._sums, "SHA256SUMS lists no files")
        names = [_full_dump(self._sums)] if self._quick else list(self._sums)
        problems = []
        for number, name in enumerate(names):
            # Never use another site's names for local files, except known ones.
            file = self._folder / (name if name in FULL_DUMPS else f"file-{number}")
            reply = self._site.download(f"/release/{self.release}/{quote(name)}", file)
            if reply.status != 200:
                problems.append(f"{name} returns status {reply.status}")
            elif sha256_of(file) != self._sums[name]:
                problems.append(f"{name} does not match SHA256SUMS")
            elif name == MAY_REACH or syntax_of(name):
                self._files[name] = file
                continue
            file.unlink(missing_ok=True)
        _require(not problems, first_differences(problems))
        return f"{len(names)} of {len(self._sums)} files match SHA256SUMS"

    def _graph(self) -> str:
        """Check that the dump has as many quads as the endpoint, and the checksum given by /changes."""
        name = _full_dump(self._sums)
        _require(name in self._files, f"{name} could not be downloaded")
        lines, digest = self._dump.load(self._files[name])
        _require(lines == self._quads, f"{name} has {lines:,} quads, but the endpoint has {self._quads:,}")
        reply = self.ok(f"/changes.rdfp?since={self.release}&until={self.release}")
        header, changes = read_patch(reply.body.splitlines(keepends=True))
        _require(not list(changes), "/changes lists differences between the release and itself")
        _require(header.sha256 == digest, "the graph's checksum in /changes differs from that of the dump")
        return f"{lines:,} quads, as in the endpoint; SHA-256 of the sorted lines {digest[:16]}…"

    def _require_dump(self) -> None:
        _require(self._dump.path.exists(), "there is no N-Quads dump to compare with")

    def _contents(self) -> str:
        """Check that every dump has the statements of the N-Quads that belong in it, or those derived from them."""
        self._require_dump()
        found = ((name, self._dump.describe_difference(file, name)) for name, file in self._files.items())
        problems = [f"{name} {difference}" for name, difference in found if difference]
        _require(not problems, "; ".join(problems))
        return f"{len(self._files)} dumps have the statements of the N-Quads"

    def _statements(self) -> str:
        """Check that endpoint and dump have the same statements about a sample of subjects."""
        self._require_dump()
        subjects = self._dump.subjects()
        sample = sorted(random.sample(subjects, min(_QUICK_SUBJECTS if self._quick else _FULL_SUBJECTS, len(subjects))))
        ours = self._dump.about(sample)
        for start in range(0, len(sample), _QUICK_SUBJECTS):
            for subject, theirs in self._about(sample[start : start + _QUICK_SUBJECTS]).items():
                _require(ours[subject] == theirs, f"endpoint and dump have different statements about {subject}")
        return f"all statements about {len(sample):,} of {len(subjects):,} subjects match the dump"

    def _patch(self) -> str:
        """Check that the previous release plus the changes equals this one."""
        self._require_dump()
        numbers = [row["release"] for row in self.json("/releases.json")]
        before = max((number for number in numbers if number < self.release), default=0)
        if not before:
            return "this is the first release: nothing to compare with"
        sums = parse_checksums(self.ok(f"/release/{before}/SHA256SUMS").body.decode())
        name = _full_dump(sums)
        earlier = self.file(f"/release/{before}/{name}", self._folder / f"before-{name}")
        _require(sha256_of(earlier) == sums[name], f"{name} of release {before} does not match its SHA256SUMS")
        path = f"/changes.rdfp?since={before}&until={self.release}"
        patch = self.file(path, self._folder / "patch")
        with patch.open("rb") as rows, self._dump.path.open("rb") as expected:
            _, changes = read_patch(rows)
            try:
                difference = describe_difference(apply_patch(sort_lines(earlier), changes), expected)
            except PatchError as error:
                raise SiteCheckFailed(
                    f"{path} cannot be applied to the dump of release {before}: {error.what}"
                ) from error
        _require(not difference, f"release {before} plus {path} differs from release {self.release}: it {difference}")
        return f"release {before} plus its changes equals release {self.release}"

    def _descriptions(self) -> str:
        sample = [f"<{row['thing']}>" for kind in _CLASSES for row in self.rows(_SAMPLE % kind)]
        _require(sample, "the endpoint has no resources")
        for subject, expected in self._about(sample).items():
            path = f"/{path_of(subject[1:-1])}"
            own = by_subject(self.statements(path)).get(subject, set())
            _require(
                own == expected,
                f"{path} as N-Triples differs from the endpoint "
                f"({len(expected - own)} statements missing, {len(own - expected)} extra)",
            )
        return f"{len(sample)} resources have the same statements as in the endpoint"

    def _negotiation(self) -> str:
        [row, *_] = self.rows(_SAMPLE % CYB.Project)
        path = f"/{path_of(row['thing'])}"
        for suffix, kind in _SYNTAXES.items():
            by_suffix = self.ok(f"{path}.{suffix}")
            by_header = self.ok(path, {"Accept": f"{kind}, text/html;q=0.5"})
            for reply in (by_suffix, by_header):
                _require(reply.type.startswith(kind), f"{path} as {kind} is {reply.type}")
            _require(by_suffix.body == by_header.body, f"{path}.{suffix} differs from Accept: {kind}")
            _require("accept" in by_header.headers.get("Vary", "").lower(), f"{path} lacks Vary: Accept")
        page = self.ok(path, {"Accept": _BROWSER})
        _require(page.type.startswith("text/html"), f"{path} is {page.type} instead of HTML for a browser")
        refused = self._site.get(path, {"Accept": "application/x-no-such-thing"})
        _require(refused.status == 406, f"an unknown format returns status {refused.status}")
        return f"{', '.join(_SYNTAXES)} and HTML, by suffix and by Accept"

    def _examples(self) -> str:
        """Check that each query returns the same rows as on the dump, in any order; not on large dumps if quick."""
        listed = self.json("/api/queries")["queries"]
        _require(listed, "there are no example queries")
        reason = "" if self._dump.path.exists() else "it is not available"
        if not reason and self._quick and self._quads > _MAX_QUICK_QUADS:
            reason = f"it has {self._quads:,} quads; run without --quick"
        problems = []
        for query in listed:
            path = f"{query['links']['answer']}?release={self.release}"
            reply = self.ok(path, {"Accept": "text/csv" if "csv" in query["formats"] else _NTRIPLES})
            _require(reply.body or "csv" not in query["formats"], f"{query['name']} returns nothing")
            if not reason:
                text = self.ok(f"{query['links']['page']}.rq").body.decode()
                theirs, ours = rows_of(reply.body), self._dump.rows(text)
                if theirs != ours:
                    missing, extra = (ours - theirs).total(), (theirs - ours).total()
                    problems.append(f"{query['name']} ({missing:,} rows missing, {extra:,} extra)")
        _require(not problems, f"results differ from the dump: {', '.join(problems)}")
        if reason:
            return f"all {len(listed)} queries work; their rows were NOT compared with the dump ({reason})"
        return f"all {len(listed)} queries return the same rows as on the dump"

    def _void(self) -> str:
        lines = self.statements("/.well-known/void")
        problems, checked = [], 0
        for kind, total, query in (
            (_CLASS, VOID.entities, "SELECT (COUNT(DISTINCT ?s) AS ?n) {{ ?s a <{0}> }}"),
            (VOID.property, VOID.triples, "SELECT (COUNT(*) AS ?n) {{ ?s <{0}> ?o }}"),
            (VOID.linkPredicate, VOID.triples, _COUNT_LINKS),
        ):
            for part, term in _pairs(lines, kind):
                [site] = _objects(lines, part, VOID.objectsTarget) or [""]
                if path_of(site):  # links within the dataset, which are not in the graph
                    continue
                for value in _objects(lines, part, total):
                    checked += 1
                    if int(value) != (count := self._count(query.format(term, site, own_iri("id/"), f"{BASE}id/"))):
                        links = f" to {site}" * bool(site)
                        problems.append(
                            f"{shorten(total)} of {shorten(term)}{links} is {value}, but the endpoint counts {count:,}"
                        )
        for part, address in _pairs(lines, VOID.dataDump):
            name = address.rpartition("/")[2]
            if name in (MAY_REACH, STATED_DUMP) and name in self._files:
                with open_decompressed(self._files[name], name) as statements:
                    count = sum(1 for _ in statements)
                checked += 1
                if (values := _objects(lines, part, VOID.triples)) != [str(count)]:
                    problems.append(f"void:triples of {name} is {', '.join(values)}, but it has {count:,}")
        _require(checked, "there are no partitions by class or property")
        parts = {part for kind in (_CLASS, VOID.property, VOID.linkPredicate) for part, _ in _pairs(lines, kind)}
        parts |= {part for _, part in _pairs(lines, VOID.subset)}
        totals = [value for node, value in _pairs(lines, VOID.triples) if node not in parts]
        _require(totals, "there is no void:triples of the dataset")
        counts = f"the endpoint counts {self._triples:,}, or {self._quads:,} with named graphs"
        problems += [
            f"void:triples of the dataset is {value}, but {counts}"
            for value in totals
            if int(value) not in (self._triples, self._quads)
        ]
        _require(not problems, first_differences(problems))
        return f"{checked} counts match the endpoint and the dumps"

    def _dcat(self) -> str:
        lines = self.statements("/catalog")
        checked = 0
        for file, address in _pairs(lines, DCAT.downloadURL):
            name = address.rpartition("/")[2]
            if name in self._sums:
                nodes = _objects(lines, file, SPDX.checksum)
                sums = [value for node in nodes for value in _objects(lines, node, SPDX.checksumValue)]
                _require(sums == [self._sums[name]], f"{name} has different checksums in DCAT and SHA256SUMS")
                size = _objects(lines, file, DCAT.byteSize)
                head = self.ok(f"/release/{self.release}/{quote(name)}", method="HEAD")
                _require([head.headers.get("Content-Length")] == size, f"{name} has a wrong size in DCAT: {size}")
                checked += 1
        _require(checked, "no distribution is a file of the release")
        return f"{checked} distributions match the sizes and checksums of files of the release"

    def _same_release(self) -> str:
        number = self._site.get(_RELEASE_QUERY).headers.get("Cybilgraph-Release")
        _require(number == str(self.release), f"the site now serves release {number}: verify again")
        return f"release {self.release} was served throughout"


def _full_dump(sums: dict[str, str]) -> str:
    """Return the name of the N-Quads dump among the files of a release. Raises SiteCheckFailed if there is none."""
    name = next((name for name in FULL_DUMPS if name in sums), "")
    _require(name, "SHA256SUMS lists no N-Quads dump")
    return name


def first_differences(differences: list[str]) -> str:
    """Return the first few differences, and the number of the others."""
    others = len(differences) - _MAX_DIFFERENCES
    return "; ".join(differences[:_MAX_DIFFERENCES]) + (f"; and {others:,} more" if others > 0 else "")


def _pairs(lines: list[str], predicate: str) -> list[tuple[str, str]]:
    """Return the subjects and objects of a predicate in N-Triples: nodes without brackets, literals as text."""
    triples = (line.removesuffix(" .").split(" ", 2) for line in lines)
    return [(term_text(subject), term_text(value)) for subject, own, value in triples if own == f"<{predicate}>"]


def _objects(lines: list[str], subject: str, predicate: str) -> list[str]:
    return [value for node, value in _pairs(lines, predicate) if node == subject]


# ---- the dump --------------------------------------------------------------------------------


class Dump:
    """The N-Quads of a release, with which everything else is compared, sorted on disk in bounded memory.

    ``path`` exists once they have been loaded.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "graph.nq"
        self._temporary, self._stated = folder / "temporary.nq", folder / "stated.nt"
        self._source = self.path

    def load(self, file: Path) -> tuple[int, str]:
        """Load a dump; return its number of quads and the SHA-256 of its sorted lines. Raises DECOMPRESSION_ERRORS."""
        lines = HashedLines(sort_lines(file))
        with self._temporary.open("wb") as quads:
            quads.writelines(lines)
        self._temporary.replace(self.path)
        self._source = file
        return lines.count, lines.sha256

    def _current(self) -> Iterator[bytes]:
        """Yield the statements of the current graph. Raises OSError."""
        with self.path.open("rb") as lines:
            yield from (line for line in lines if not is_in_earlier_graph(line))

    def _stated_facts(self) -> Iterator[bytes]:
        """Return the stated facts of the current graph, sorted. Raises OSError, DECOMPRESSION_ERRORS."""
        # The dump, unlike its sorted lines, has all statements of a project in one place.
        with open_decompressed(self._source) as quads, self._stated.open("w", encoding="utf-8") as stated:
            for chunk in split_chunks(line for line in quads if not is_in_earlier_graph(line)):
                stated.writelines(stated_statements(group_by_subject([chunk])))
        return sort_lines(self._stated)

    def subjects(self) -> list[str]:
        """Return the subjects of the current graph as terms, sorted. Raises OSError."""
        return sorted({line.split(b" ", 1)[0].decode() for line in self._current()})

    def about(self, subjects: Iterable[str]) -> dict[str, set[str]]:
        """Return the current statements about some subjects. Raises OSError."""
        wanted = {subject.encode() for subject in subjects}
        lines = (line for line in self._current() if line.split(b" ", 1)[0] in wanted)
        return by_subject(line.decode().rstrip("\n") for line in lines)

    def rows(self, query: str) -> Counter[tuple[str, ...]]:
        """Return the rows of a query on the dump. Raises QueryError if it is not allowed, SyntaxError."""
        guard(query)
        return rows_of(query_bytes(self._store, query))

    @cached_property
    def _store(self) -> Any:
        return load_into_memory(str(self.path))

    def describe_difference(self, file: Path, name: str) -> str:
        """Describe how another dump, compressed as its name says, differs; return "" if it does not.

        MAY_REACH is compared with what we derive. Only FULL_DUMPS have more than the current statements; one dump has
        only the stated facts among them. Our graphs have no blank nodes, so labels of blank nodes are compared
        literally. Raises OSError.
        """
        fmt = syntax_of(name) or BY_NAME["ntriples"]
        try:
            with open_decompressed(file, name) as content, self._temporary.open("wb") as output:
                convert_to_nquads(content, fmt, output)
        except (SyntaxError, ValueError, *DECOMPRESSION_ERRORS) as error:
            return f"cannot be read as {fmt.title}: {error}"
        if name == MAY_REACH:
            return describe_difference(sort_lines(self._temporary), sorted(describe_may_reach(self._store)))
        with self.path.open("rb") as lines:
            ours = lines if name in FULL_DUMPS else self._current()
            if name == STATED_DUMP:
                ours = self._stated_facts()
            return describe_difference(sort_lines(self._temporary), ours)


def describe_difference(theirs: Iterable[bytes], ours: Iterable[bytes]) -> str:
    """Describe the difference between sorted statements with counts and an example; return "" if there is none."""
    counts: Counter[bytes] = Counter()
    example = ""
    for kind, line in diff_lines(theirs, ours):
        counts[kind] += 1
        if not example:
            text = line[:_MAX_EXAMPLE_BYTES].decode("utf-8", "replace").rstrip("\n")
            example = f"{'it lacks' if kind == ADDED else 'it has'} {text}"
    if not example:
        return ""
    parts = [f"lacks {counts[ADDED]:,} statements"] if counts[ADDED] else []
    parts += [f"has {counts[REMOVED]:,} extra statements"] if counts[REMOVED] else []
    return f"{' and '.join(parts)} compared with the N-Quads: {example}"


def syntax_of(name: str) -> Format | None:
    """Return the syntax of a dump from its name, or None for another file."""
    stem, _, suffixes = name.removeprefix(NAME).partition(".")
    is_dump = name.startswith(NAME) and (not stem or name == STATED_DUMP)
    return next((fmt for fmt in GRAPH_FORMATS if is_dump and fmt.suffix == suffixes.split(".")[0]), None)


def by_subject(lines: Iterable[str]) -> dict[str, set[str]]:
    """Group lines of N-Triples by subject."""
    found: dict[str, set[str]] = {}
    for line in lines:
        found.setdefault(line.split(" ", 1)[0], set()).add(line)
    return found


def rows_of(answer: bytes) -> Counter[tuple[str, ...]]:
    """Return the rows of a CSV table, or the lines of N-Triples, without their order."""
    return Counter(map(tuple, csv.reader(answer.decode().splitlines(keepends=True))))
