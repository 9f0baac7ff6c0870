"""The checks of a site, each of which returns a description of its result."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import product
from pathlib import Path
from urllib.parse import quote, urlencode

from cybilgraph.errors import FetchError, PatchError
from cybilgraph.model.vocabulary import BASE, CYB, DCAT, SPDX, VOID, shorten
from cybilgraph.rdf.dumps import FULL_DUMPS
from cybilgraph.rdf.ntriples import literal, term_text
from cybilgraph.runtime.compression import open_decompressed
from cybilgraph.runtime.files import parse_checksums, sha256_of
from cybilgraph.sync.fetch import HttpResponse, Site, got_web_page
from cybilgraph.sync.patches import HashedLines, apply_patch, read_patch, sort_lines
from cybilgraph.sync.verification.change_feeds import check_change_records, check_counts
from cybilgraph.sync.verification.dump import Dump, TripleIndex, by_subject, rows_of
from cybilgraph.sync.verification.entity_pages import check_entity_pages
from cybilgraph.sync.verification.file_contents import DumpGraph, Tables, describe_difference, is_table, syntax_of
from cybilgraph.sync.verification.listings import (
    check_media_types,
    check_release_list,
    check_sitemap,
    check_start_page,
    fetch_headers,
)
from cybilgraph.sync.verification.project_page import ProjectPage, values_query
from cybilgraph.sync.verification.site_client import (
    BROWSER,
    NTRIPLES,
    SiteCheckFailed,
    SiteClient,
    cache_buster,
    first_differences,
    require_that,
)

_COUNT = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
_COUNT_NAMED = "SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } }"
_SAMPLE = "SELECT ?thing { ?thing a <%s> } ORDER BY ?thing LIMIT 3"
#: Classes of resources with pages.
_PAGES = (CYB.Project, CYB.Actor, CYB.Country, CYB.Theme)
_SYNTAXES = {"ttl": "text/turtle", "nt": NTRIPLES, "jsonld": "application/ld+json", "rdf": "application/rdf+xml"}
#: Number of subjects whose statements are compared in a quick and in a full verification.
_QUICK_SUBJECTS, _FULL_SUBJECTS = 100, 2_000
#: Size of a dump on which a quick verification also runs the example queries (about ten seconds, 1 GB of memory).
_MAX_QUICK_QUADS = 2_000_000
#: Random sample size of project pages.
_SAMPLE_PROJECTS = 20
_REPAIR_HINT = "activate an intact release (cybilgraph releases), or build it again"
_FIRST_RELEASE_NOTE = "this is the first release: nothing to compare with"


class SiteChecks:
    """The checks of one release of a site."""

    def __init__(self, site: Site, folder: Path, quick: bool) -> None:
        self._site = site
        self._folder = folder
        self._quick = quick
        reply = site.get(f"/sparql?{urlencode({'query': 'ASK {}', 'format': 'json'})}")
        number = reply.headers.get("Cybilgraph-Release", "")
        if reply.is_page:
            raise got_web_page(f"{site.url}/sparql")
        if not number.isdigit():
            raise FetchError(
                f"{site.url} is not a cybilgraph site: /sparql does not name a release (status {reply.status})"
            )
        self.release = int(number)
        self._client = SiteClient(site, self.release)
        self._sums: dict[str, str] = {}
        self._quads = self._triples = -1
        self._dump = Dump(folder / "graph.nq")
        #: The downloaded dumps and tables, by name.
        self._files: dict[str, Path] = {}

    def checks(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Yield the name of each check, and a function that returns a description or raises SiteCheckFailed."""
        yield "endpoint", self._endpoint
        yield "errors", self._errors
        yield "manifest", self._manifest
        yield "dumps", self._dumps
        yield "graph", self._graph
        if not self._quick:
            yield "contents", self._contents
            yield "tables", self._tables
        yield "statements", self._compared
        yield "releases", lambda: check_release_list(self._client)
        yield "file types", lambda: check_media_types(self._client, self._heads)
        yield "ranges", self._ranges
        yield "changes", self._changes
        if not self._quick:
            yield "patch", self._patch
            yield "words of changes", self._words
        yield "start page", lambda: check_start_page(self._client, self._quads, self._sums, self._heads)
        yield "sitemap", lambda: check_sitemap(self._client, self._ours.projects(), self._folder)
        yield "pages", self._pages
        yield "page values", self._printed
        yield "pages of lists", lambda: check_entity_pages(self._client)
        yield "negotiation", self._negotiation
        yield "conditional requests", self._conditional
        yield "example queries", self._examples
        yield "VoID", self._void
        yield "DCAT", self._dcat
        yield "steadiness", self._steady

    # ---- the endpoint

    def _endpoint(self) -> str:
        self._triples, named = (int(self._client.rows(query)[0]["n"]) for query in (_COUNT, _COUNT_NAMED))
        self._quads = self._triples + named
        headers = {"Content-Type": "application/sparql-query", "Accept": "application/sparql-results+json"}
        posted = self._client.json("/sparql", headers, "POST", "ASK { ?s ?p ?o }")
        require_that(posted["boolean"] is True, "ASK { ?s ?p ?o } by POST is not true")
        described = self._client.statements("/sparql")
        require_that(
            any("sparql-service-description#" in line for line in described), "/sparql has no service description"
        )
        return f"{self._triples:,} statements, and {named:,} in named graphs"

    def _errors(self) -> str:
        for path, status in (
            (f"/sparql?{urlencode({'query': 'SELECT * { ?s ?p'})}", 400),
            (f"/sparql?{urlencode({'query': 'DELETE WHERE { ?s ?p ?o }'})}", (400, 403)),
            ("/id/project/there-is-no-such-project", 404),
            (f"/changes.json?since={self.release + 1_000_000}", 404),
        ):
            reply = self._site.get(path, {"Accept": "*/*"})
            allowed = status if isinstance(status, tuple) else (status,)
            require_that(reply.status in allowed, f"{path} returns status {reply.status} instead of {allowed[0]}")
            require_that("problem+json" in reply.type, f"{path} reports its error as {reply.type}")
        return "errors are reported as problem details"

    def _examples(self) -> str:
        """Check that each query returns the same rows as on the dump, in any order; not on large dumps if quick.

        An empty answer is always compared, because the query may ask for something that is not in the data.
        """
        listed = self._client.json("/api/queries")["queries"]
        require_that(bool(listed), "there are no example queries")
        compared = self._dump.is_available and not (self._quick and self._quads > _MAX_QUICK_QUADS)
        wrong = []
        for query in listed:
            path = f"{query['links']['answer']}?release={self.release}"
            reply = self._client.ok(path, {"Accept": "text/csv" if "csv" in query["formats"] else NTRIPLES})
            require_that(bool(reply.body) or "csv" not in query["formats"], f"{query['name']} returns nothing")
            if compared or (not reply.body and self._dump.is_available):
                text = self._client.ok(f"{query['links']['page']}.rq", {"Accept": "*/*"}).body.decode()
                theirs, ours = rows_of(reply.body), self._dump.rows(text)
                if theirs != ours:
                    missing, extra = (ours - theirs).total(), (theirs - ours).total()
                    wrong.append(f"{query['name']} ({missing:,} rows missing, {extra:,} extra)")
        require_that(not wrong, f"results differ from the dump: {', '.join(wrong)}")
        if compared:
            return f"all {len(listed)} queries return the same rows as on the dump"
        reason = (
            f"it has {self._quads:,} quads; run without --quick" if self._dump.is_available else "it is not available"
        )
        return f"all {len(listed)} queries work; their rows were NOT compared with the dump ({reason})"

    # ---- releases and files

    def _manifest(self) -> str:
        path = f"/release/{self.release}.json"
        manifest = self._client.json(path)
        number = manifest.get("release")
        require_that(number == self.release, f"{path} describes release {number}: {_REPAIR_HINT}")
        projects = int(self._client.rows(f"SELECT (COUNT(?p) AS ?n) {{ ?p a <{CYB.Project}> }}")[0]["n"])
        counts = manifest.get("counts", {})
        wrong = [
            f"{counts.get(key, 'no'):,} {key} (counts.{key}), but the endpoint has {count:,}"
            if isinstance(counts.get(key), int)
            else f"no number of {key} (counts.{key}), but the endpoint has {count:,}"
            for key, count in (("quads", self._quads), ("projects", projects))
            if counts.get(key) != count
        ]
        require_that(not wrong, f"{path} gives {'; '.join(wrong)}: {_REPAIR_HINT}")
        return f"{projects:,} projects and {self._quads:,} quads, as in the endpoint"

    def _dumps(self) -> str:
        listed = self._client.ok(f"/release/{self.release}/SHA256SUMS").body.decode()
        latest = self._client.ok("/latest/SHA256SUMS")
        require_that(latest.headers.get("Cybilgraph-Release") == str(self.release), "/latest is another release")
        require_that(latest.body.decode() == listed, "/latest/SHA256SUMS differs from that of the release")
        self._sums = parse_checksums(listed)
        require_that(bool(self._sums), "SHA256SUMS lists no files")
        names = [name for name in self._sums if not self._quick or name == self._nquads()]
        wrong = []
        for number, name in enumerate(names):
            file = self._folder / f"file-{number}"  # never use a foreign site's names for local files
            reply = self._site.download(f"/release/{self.release}/{quote(name)}", file)
            if reply.status != 200:
                wrong.append(f"{name} returns status {reply.status}")
            elif sha256_of(file) != self._sums[name]:
                wrong.append(f"{name} does not match SHA256SUMS")
            elif syntax_of(name) or is_table(name):
                self._files[name] = file
                continue
            file.unlink(missing_ok=True)
        require_that(not wrong, first_differences(wrong))
        return f"{len(names)} of {len(self._sums)} files match SHA256SUMS"

    def _nquads(self) -> str:
        return next((name for name in FULL_DUMPS if name in self._sums), "")

    def _graph(self) -> str:
        """Check that the dump has as many quads as the endpoint, and the checksum given by /changes."""
        name = self._nquads()
        require_that(name in self._files, "there is no N-Quads dump to check")
        self._decompress(self._files[name], name, self._dump.path)
        digested = HashedLines(sort_lines(self._dump.path))
        lines = sum(1 for _ in digested)
        require_that(lines == self._quads, f"{name} has {lines:,} quads, but the endpoint has {self._quads:,}")
        reply = self._client.ok(f"/changes.rdfp?since={self.release}&until={self.release}")
        header, changes = read_patch(reply.body.splitlines(keepends=True))
        require_that(not list(changes), "/changes lists differences between the release and itself")
        require_that(header.sha256 == digested.sha256, "the graph's checksum in /changes differs from that of the dump")
        return f"{lines:,} quads, as in the endpoint; SHA-256 of the sorted lines {digested.sha256[:16]}…"

    @staticmethod
    def _decompress(file: Path, name: str, into: Path) -> None:
        with open_decompressed(file, name) as content, into.open("wb") as out:
            shutil.copyfileobj(content, out, 1 << 20)

    @property
    def _ours(self) -> Dump:
        """The N-Quads dump, with which everything else is compared."""
        require_that(self._dump.is_available, "there is no N-Quads dump to compare with")
        return self._dump

    def _contents(self) -> str:
        """Check that every dump has the statements of the N-Quads."""
        names = [name for name in self._files if syntax_of(name)]
        self._compare_all(names, DumpGraph(self._ours.path, self._folder))
        return f"{len(names)} dumps have the statements of the N-Quads"

    def _tables(self) -> str:
        """Check that every table matches the N-Quads."""
        names = [name for name in self._files if is_table(name)]
        self._compare_all(names, Tables(self._ours.path, self._folder))
        return f"{len(names)} tables match the N-Quads"

    def _compare_all(self, names: Iterable[str], ours: DumpGraph | Tables) -> None:
        found = ((name, ours.describe_difference(self._files[name], name)) for name in names)
        wrong = [f"{name} {how}" for name, how in found if how]
        require_that(not wrong, "; ".join(wrong))

    def _compared(self) -> str:
        """Check that endpoint and dump have the same statements about a sample of subjects."""
        subjects = self._ours.subjects()
        sample = sorted(random.sample(subjects, min(_QUICK_SUBJECTS if self._quick else _FULL_SUBJECTS, len(subjects))))
        ours = self._dump.about(sample)
        for start in range(0, len(sample), _QUICK_SUBJECTS):
            block = sample[start : start + _QUICK_SUBJECTS]
            query = f"CONSTRUCT {{ ?s ?p ?o }} {{ VALUES ?s {{ {' '.join(block)} }} ?s ?p ?o }}{cache_buster()}"
            headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": NTRIPLES}
            sent = urlencode({"query": query, "release": self.release})
            theirs = by_subject(self._client.ok("/sparql", headers, "POST", sent).body.decode().split("\n")[:-1])
            other = [subject for subject in block if ours.get(subject) != theirs.get(subject)]
            require_that(not other, f"endpoint and dump have different statements about {', '.join(other[:1])}")
        return f"all statements about {len(sample):,} of {len(subjects):,} subjects match the dump"

    @cached_property
    def _heads(self) -> dict[str, HttpResponse]:
        """The response headers of each file."""
        require_that(bool(self._sums), "there are no checksums of files")
        return fetch_headers(self._client, self._sums)

    def _ranges(self) -> str:
        path = f"/release/{self.release}/SHA256SUMS"
        whole = self._client.ok(path)
        part = self._site.get(path, {"Range": "bytes=10-19"})
        require_that(
            (part.status, part.body) == (206, whole.body[10:20]), f"a range of {path} returns status {part.status}"
        )
        other = self._site.get(path, {"Range": "bytes=10-19", "If-Range": '"another"'})
        require_that(other.body == whole.body, "a range is sent although If-Range does not match")
        beyond = self._site.get(path, {"Range": f"bytes={len(whole.body)}-"})
        require_that(beyond.status == 416, f"a range beyond the end returns status {beyond.status}")
        return "ranges of files are sent as requested"

    def _changes(self) -> str:
        result = check_counts(self._client, min(self._listed()), self._folder)
        self._client.statements("/feed")
        return result

    def _listed(self) -> list[int]:
        return [row["release"] for row in self._client.json("/releases.json")]

    @cached_property
    def _before(self) -> tuple[int, Path]:
        """The number of the previous release (0 if there is none), and the path of its N-Quads."""
        earlier_dump = self._folder / "before.nq"
        before = max((number for number in self._listed() if number < self.release), default=0)
        if before:
            sums = parse_checksums(self._client.ok(f"/release/{before}/SHA256SUMS").body.decode())
            name = next((name for name in FULL_DUMPS if name in sums), "")
            require_that(bool(name), f"release {before} has no N-Quads dump")
            compressed = self._client.file(f"/release/{before}/{name}", self._folder / "before")
            require_that(
                sha256_of(compressed) == sums[name], f"{name} of release {before} does not match its SHA256SUMS"
            )
            self._decompress(compressed, name, earlier_dump)
            compressed.unlink()
        return before, earlier_dump

    def _patch(self) -> str:
        """Check that the previous release plus the changes equals this one."""
        ours = self._ours.path
        before, earlier_dump = self._before
        if not before:
            return _FIRST_RELEASE_NOTE
        path = f"/changes.rdfp?since={before}&until={self.release}"
        with self._client.file(path, self._folder / "patch").open("rb") as rows:
            _, changes = read_patch(rows)
            try:
                how = describe_difference(
                    apply_patch(sort_lines(earlier_dump), changes), sort_lines(ours), "statements"
                )
            except PatchError as error:
                raise SiteCheckFailed(
                    f"{path} cannot be applied to the dump of release {before}: {error.what}"
                ) from error
        require_that(not how, f"release {before} plus {path} differs from release {self.release}: it {how}")
        return f"release {before} plus its changes equals release {self.release}"

    def _words(self) -> str:
        """Check that the descriptions of changes since the previous release match both graphs."""
        before, earlier_dump = self._before
        if not before:
            return _FIRST_RELEASE_NOTE
        return check_change_records(
            self._client, before, {before: earlier_dump, self.release: self._ours.path}, self._folder
        )

    # ---- pages

    def _pages(self) -> str:
        things = [row["thing"] for kind in _PAGES for row in self._client.rows(_SAMPLE % kind)]
        require_that(bool(things), "the endpoint has no resources with pages")
        for thing in things:
            path = _path(thing)
            page = self._client.ok(path, {"Accept": BROWSER})
            require_that(page.type.startswith("text/html"), f"{path} is {page.type} instead of HTML for a browser")
            own = sorted({line for line in self._client.statements(path) if line.startswith(f"<{thing}> ")})
            how = describe_difference(
                map(_bytes, own), map(_bytes, sorted(self._about(thing))), "statements about itself"
            )
            require_that(not how, f"{path} as N-Triples {how.replace('the N-Quads', 'the endpoint')}")
        return f"{len(things)} pages have the same statements as the endpoint"

    def _about(self, thing: str) -> set[str]:
        sent = urlencode(
            {"query": f"CONSTRUCT {{ <{thing}> ?p ?o }} {{ <{thing}> ?p ?o }}{cache_buster()}", "release": self.release}
        )
        return set(self._client.statements(f"/sparql?{sent}"))

    def _printed(self) -> str:
        """Check that project pages, including their JSON-LD, match the endpoint."""
        projects = self._dump.projects() if self._dump.is_available and not self._quick else []
        sample = sorted(random.sample(projects, min(_SAMPLE_PROJECTS, len(projects))))
        sample = sample or [row["thing"] for row in self._client.rows(_SAMPLE % CYB.Project)]
        wrong = []
        for project in sample:
            page = ProjectPage(self._client.ok(_path(project), {"Accept": BROWSER}).body.decode())
            wrong += [
                f"{_path(project)}: {how}"
                for how in page.differences(project, self._client.rows(values_query(project)))
            ]
        require_that(not wrong, first_differences(wrong))
        return f"facts, texts, contacts, links and JSON-LD of {len(sample)} pages match the endpoint"

    def _negotiation(self) -> str:
        [row, *_] = self._client.rows(_SAMPLE % CYB.Project)
        path = _path(row["thing"])
        for suffix, kind in _SYNTAXES.items():
            by_suffix, by_header = (
                self._client.ok(f"{path}.{suffix}"),
                self._client.ok(path, {"Accept": f"{kind}, text/html;q=0.5"}),
            )
            for reply in (by_suffix, by_header):
                require_that(reply.type.startswith(kind), f"{path} as {kind} is {reply.type}")
            require_that(by_suffix.body == by_header.body, f"{path}.{suffix} differs from Accept: {kind}")
            require_that("accept" in by_header.headers.get("Vary", "").lower(), f"{path} lacks Vary: Accept")
        refused = self._site.get(path, {"Accept": "application/x-no-such-thing"})
        require_that(refused.status == 406, f"an unknown format returns status {refused.status}")
        cors = self._client.ok(path, {"Origin": "https://example.org"}).headers.get("Access-Control-Allow-Origin")
        require_that(cors in ("*", "https://example.org"), "other sites may not read the data (CORS)")
        return f"{', '.join(_SYNTAXES)} and HTML, by suffix and by Accept"

    def _conditional(self) -> str:
        query = urlencode({"query": _COUNT, "format": "json"})
        paths = (f"/sparql?{query}", f"/release/{self.release}/SHA256SUMS", f"/changes.json?since={self.release}")
        for path in paths:
            etag = self._client.ok(path).headers.get("ETag", "")
            require_that(etag.startswith('"'), f"{path} has no strong ETag")
            again = self._site.get(path, {"If-None-Match": etag})
            require_that(
                (again.status, again.body) == (304, b""),
                f"{path} returns status {again.status} instead of 304 to a matching If-None-Match",
            )
            head = self._site.get(path, method="HEAD")
            require_that(head.headers.get("ETag") == etag and not head.body, f"HEAD of {path} differs from GET")
        return f"{len(paths)} kinds of responses support conditional requests"

    # ---- descriptions

    def _void(self) -> str:
        about = TripleIndex(self._client.statements("/.well-known/void"))
        wrong, checked, parts = [], 0, {part for part, _ in about.pairs(VOID.linkPredicate)}
        for links, predicate in about.pairs(VOID.linkPredicate):
            for target, value in product(about.of(links, VOID.objectsTarget), about.of(links, VOID.triples)):
                count = int(self._client.rows(_links(predicate, term_text(target)))[0]["n"])
                checked += 1
                if int(value) != count:
                    name = f"void:triples of {shorten(predicate)} links to {term_text(target)}"
                    wrong.append(f"{name} is {value}, but the endpoint counts {count:,}")
        for kind, total, query in (
            (getattr(VOID, "class"), VOID.entities, "SELECT (COUNT(DISTINCT ?s) AS ?n) {{ ?s a <{0}> }}"),
            (VOID.property, VOID.triples, "SELECT (COUNT(*) AS ?n) {{ ?s <{0}> ?o }}"),
        ):
            for part, iri in about.pairs(kind):
                parts.add(part)
                for value in about.of(part, total):
                    count = int(self._client.rows(query.format(iri))[0]["n"])
                    checked += 1
                    if int(value) != count:
                        wrong.append(
                            f"{shorten(total)} of {shorten(iri)} is {value}, but the endpoint counts {count:,}"
                        )
        totals = [value for node, value in about.pairs(VOID.triples) if node not in parts]
        require_that(bool(totals), "there is no void:triples of the dataset")
        counts = f"the endpoint counts {self._triples:,}, or {self._quads:,} with named graphs"
        expected = (self._triples, self._quads)
        wrong += [
            f"void:triples of the dataset is {value}, but {counts}" for value in totals if int(value) not in expected
        ]
        require_that(not wrong, first_differences(wrong))
        require_that(checked > 0, "there are no partitions by class or property")
        return f"{checked} counts match the endpoint"

    def _dcat(self) -> str:
        about = TripleIndex(self._client.statements("/catalog"))
        checked = 0
        for file, address in about.pairs(DCAT.downloadURL):
            name = address.rpartition("/")[2]
            sums = [value for node in about.of(file, SPDX.checksum) for value in about.of(node, SPDX.checksumValue)]
            if name in self._sums:
                require_that(sums == [self._sums[name]], f"{name} has different checksums in DCAT and SHA256SUMS")
                size = about.of(file, DCAT.byteSize)
                require_that(
                    [self._heads[name].headers.get("Content-Length")] == size,
                    f"{name} has a wrong size in DCAT: {size}",
                )
                checked += 1
        require_that(checked > 0, "no distribution is a file of the release")
        return f"{checked} distributions match the sizes and checksums of files of the release"

    def _steady(self) -> str:
        now = self._site.get(f"/sparql?{urlencode({'query': 'ASK {}', 'format': 'json'})}")
        number = now.headers.get("Cybilgraph-Release")
        require_that(number == str(self.release), f"the site now serves release {number}: verify again")
        return f"release {self.release} was served throughout"


def _path(iri: str) -> str:
    return f"/{iri.removeprefix(BASE)}"


def _links(predicate: str, site: str) -> str:
    """Return the query that counts the links with a predicate from our resources to another site, as in VoID."""
    return (
        f"SELECT (COUNT(*) AS ?n) {{ ?s <{predicate}> ?o FILTER(ISIRI(?o) && STRSTARTS(STR(?s), '{BASE}id/') "
        f"&& !STRSTARTS(STR(?o), '{BASE}') "
        f"&& REPLACE(STR(?o), '^([^:]+:(//[^/?#]*)?).*$', '$1/') = {literal(site)}) }}"
    )


def _bytes(line: str) -> bytes:
    return line.encode()
