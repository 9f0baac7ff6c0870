"""The checks of a site, one after the other; each gives words on what was found."""

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
#: Things that have pages, some of each.
_PAGES = (CYB.Project, CYB.Actor, CYB.Country, CYB.Theme)
_SYNTAXES = {"ttl": "text/turtle", "nt": NTRIPLES, "jsonld": "application/ld+json", "rdf": "application/rdf+xml"}
#: Subjects of which all statements are compared: where little is wished, and else.
_QUICK_SUBJECTS, _FULL_SUBJECTS = 100, 2_000
#: Quads of a dump that is asked all examples in some ten seconds, and in 1 GB: also where little is wished.
_MAX_QUICK_QUADS = 2_000_000
#: Projects whose pages are read, by chance.
_SAMPLE_PROJECTS = 20
_REPAIR_HINT = "activate a release that is whole (cybilgraph releases), or build it again"
_FIRST_RELEASE_NOTE = "there is no release before this one: nothing has changed since"


class SiteChecks:
    """The checks, over one release of the site."""

    def __init__(self, site: Site, folder: Path, quick: bool) -> None:
        self._site = site
        self._folder = folder
        self._quick = quick
        reply = site.get(f"/sparql?{urlencode({'query': 'ASK {}', 'format': 'json'})}")
        number = reply.headers.get("Cybilgraph-Release", "")
        if reply.is_page:
            raise got_web_page(f"{site.url}/sparql")
        if not number.isdigit():
            raise FetchError(f"{site.url} is no site of this kind: /sparql tells no release (status {reply.status})")
        self.release = int(number)
        self._client = SiteClient(site, self.release)
        self._sums: dict[str, str] = {}
        self._quads = self._triples = -1
        self._dump = Dump(folder / "graph.nq")
        #: The dumps and tables that were taken, by name.
        self._files: dict[str, Path] = {}

    def checks(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """The name of each, and what makes it: it gives words on what was found, or raises Wrong."""
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
            any("sparql-service-description#" in line for line in described), "/sparql does not describe itself"
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
            require_that(reply.status in allowed, f"{path} is answered with {reply.status}, and not with {allowed[0]}")
            require_that("problem+json" in reply.type, f"{path} tells its problem as {reply.type}")
        return "what cannot be answered is told as a problem"

    def _examples(self) -> str:
        """Each answers, with the rows that the dump gives, in any order; of a large dump only where the whole is
        looked at.

        One that finds nothing is always held against the dump: what it asks for need not be in the data.
        """
        listed = self._client.json("/api/queries")["queries"]
        require_that(bool(listed), "there are none")
        compared = self._dump.is_here and not (self._quick and self._quads > _MAX_QUICK_QUADS)
        wrong = []
        for query in listed:
            path = f"{query['links']['answer']}?release={self.release}"
            reply = self._client.ok(path, {"Accept": "text/csv" if "csv" in query["formats"] else NTRIPLES})
            require_that(bool(reply.body) or "csv" not in query["formats"], f"{query['name']} answers nothing")
            if compared or (not reply.body and self._dump.is_here):
                text = self._client.ok(f"{query['links']['page']}.rq", {"Accept": "*/*"}).body.decode()
                told, ours = rows_of(reply.body), self._dump.rows(text)
                if told != ours:
                    missing, more = (ours - told).total(), (told - ours).total()
                    wrong.append(f"{query['name']} ({missing:,} rows missing, {more:,} too many)")
        require_that(not wrong, f"answers are not what the dump gives: {', '.join(wrong)}")
        if compared:
            return f"all {len(listed)} answer, with the rows that the dump gives"
        why = f"it has {self._quads:,} quads: do it without --quick" if self._dump.is_here else "it could not be had"
        return f"all {len(listed)} answer; their rows were NOT compared with the dump ({why})"

    # ---- releases and files

    def _manifest(self) -> str:
        path = f"/release/{self.release}.json"
        manifest = self._client.json(path)
        told = manifest.get("release")
        require_that(told == self.release, f"{path} says that it is of release {told}: {_REPAIR_HINT}")
        projects = int(self._client.rows(f"SELECT (COUNT(?p) AS ?n) {{ ?p a <{CYB.Project}> }}")[0]["n"])
        check_counts = manifest.get("counts", {})
        wrong = [
            f"{check_counts.get(what, 'no'):,} {what} (counts.{what}), and the endpoint has {count:,}"
            if isinstance(check_counts.get(what), int)
            else f"no number of {what} (counts.{what}), and the endpoint has {count:,}"
            for what, count in (("quads", self._quads), ("projects", projects))
            if check_counts.get(what) != count
        ]
        require_that(not wrong, f"{path} tells of {'; of '.join(wrong)}: {_REPAIR_HINT}")
        return f"{projects:,} projects, {self._quads:,} quads, as the endpoint counts"

    def _dumps(self) -> str:
        listed = self._client.ok(f"/release/{self.release}/SHA256SUMS").body.decode()
        latest = self._client.ok("/latest/SHA256SUMS")
        require_that(latest.headers.get("Cybilgraph-Release") == str(self.release), "/latest is another release")
        require_that(latest.body.decode() == listed, "/latest/SHA256SUMS is not that of the release")
        self._sums = parse_checksums(listed)
        require_that(bool(self._sums), "SHA256SUMS names no file")
        names = [name for name in self._sums if not self._quick or name == self._nquads()]
        wrong = []
        for place, name in enumerate(names):
            file = self._folder / f"file-{place}"  # a name of a stranger is no name of a file here
            reply = self._site.download(f"/release/{self.release}/{quote(name)}", file)
            if reply.status != 200:
                wrong.append(f"{name} is answered with {reply.status}")
            elif sha256_of(file) != self._sums[name]:
                wrong.append(f"{name} is not what SHA256SUMS says")
            elif syntax_of(name) or is_table(name):
                self._files[name] = file
                continue
            file.unlink(missing_ok=True)
        require_that(not wrong, first_differences(wrong))
        return f"{len(names)} of {len(self._sums)} files are what SHA256SUMS says"

    def _nquads(self) -> str:
        return next((name for name in FULL_DUMPS if name in self._sums), "")

    def _graph(self) -> str:
        """The dump has as many quads as the endpoint, and is the graph that changes lead to."""
        name = self._nquads()
        require_that(name in self._files, "there is no dump of N-Quads to look at")
        self._unpack(self._files[name], name, self._dump.path)
        digested = HashedLines(sort_lines(self._dump.path))
        lines = sum(1 for _ in digested)
        require_that(lines == self._quads, f"{name} has {lines:,} quads, and the endpoint {self._quads:,}")
        reply = self._client.ok(f"/changes.rdfp?since={self.release}&until={self.release}")
        header, changes = read_patch(reply.body.splitlines(keepends=True))
        require_that(not list(changes), "a release differs from itself")
        require_that(header.sha256 == digested.sha256, "the checksum of the graph in /changes is not that of the dump")
        return f"{lines:,} quads, as the endpoint counts; SHA-256 of the sorted lines {digested.sha256[:16]}…"

    @staticmethod
    def _unpack(file: Path, name: str, into: Path) -> None:
        with open_decompressed(file, name) as content, into.open("wb") as out:
            shutil.copyfileobj(content, out, 1 << 20)

    @property
    def _ours(self) -> Dump:
        """The dump of N-Quads, which all else is compared with."""
        require_that(self._dump.is_here, "there is no dump of N-Quads to compare with")
        return self._dump

    def _contents(self) -> str:
        """Every dump has the statements of the N-Quads."""
        names = [name for name in self._files if syntax_of(name)]
        self._hold_all(names, DumpGraph(self._ours.path, self._folder))
        return f"{len(names)} dumps have the statements of the N-Quads"

    def _tables(self) -> str:
        """Every table has the rows that the N-Quads give."""
        names = [name for name in self._files if is_table(name)]
        self._hold_all(names, Tables(self._ours.path, self._folder))
        return f"{len(names)} tables have the rows that the N-Quads give"

    def _hold_all(self, names: Iterable[str], ours: DumpGraph | Tables) -> None:
        found = ((name, ours.describe_difference(self._files[name], name)) for name in names)
        wrong = [f"{name} {how}" for name, how in found if how]
        require_that(not wrong, "; ".join(wrong))

    def _compared(self) -> str:
        """What the endpoint has of some subjects, or of all where they are few, is what the dump has."""
        subjects = self._ours.subjects()
        asked = sorted(random.sample(subjects, min(_QUICK_SUBJECTS if self._quick else _FULL_SUBJECTS, len(subjects))))
        ours = self._dump.about(asked)
        for start in range(0, len(asked), _QUICK_SUBJECTS):
            block = asked[start : start + _QUICK_SUBJECTS]
            query = f"CONSTRUCT {{ ?s ?p ?o }} {{ VALUES ?s {{ {' '.join(block)} }} ?s ?p ?o }}{cache_buster()}"
            headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": NTRIPLES}
            sent = urlencode({"query": query, "release": self.release})
            theirs = by_subject(self._client.ok("/sparql", headers, "POST", sent).body.decode().split("\n")[:-1])
            other = [subject for subject in block if ours.get(subject) != theirs.get(subject)]
            require_that(not other, f"the endpoint has other statements about {', '.join(other[:1])} than the dump")
        return f"all statements about {len(asked):,} of {len(subjects):,} subjects are those of the dump"

    @cached_property
    def _heads(self) -> dict[str, HttpResponse]:
        """What is told of each file before it is sent."""
        require_that(bool(self._sums), "there are no checksums that tell of the files")
        return fetch_headers(self._client, self._sums)

    def _ranges(self) -> str:
        path = f"/release/{self.release}/SHA256SUMS"
        whole = self._client.ok(path)
        part = self._site.get(path, {"Range": "bytes=10-19"})
        require_that(
            (part.status, part.body) == (206, whole.body[10:20]), f"a part of {path} is answered with {part.status}"
        )
        other = self._site.get(path, {"Range": "bytes=10-19", "If-Range": '"another"'})
        require_that(other.body == whole.body, "a part is sent though If-Range names another file")
        beyond = self._site.get(path, {"Range": f"bytes={len(whole.body)}-"})
        require_that(beyond.status == 416, f"a part behind the end is answered with {beyond.status}")
        return "parts of files are sent as they are asked for"

    def _changes(self) -> str:
        told = check_counts(self._client, min(self._listed()), self._folder)
        self._client.statements("/feed")
        return told

    def _listed(self) -> list[int]:
        return [row["release"] for row in self._client.json("/releases.json")]

    @cached_property
    def _before(self) -> tuple[int, Path]:
        """The release before this one, and its N-Quads; 0 where there is none."""
        earlier_dump = self._folder / "before.nq"
        before = max((number for number in self._listed() if number < self.release), default=0)
        if before:
            sums = parse_checksums(self._client.ok(f"/release/{before}/SHA256SUMS").body.decode())
            name = next((name for name in FULL_DUMPS if name in sums), "")
            require_that(bool(name), f"release {before} has no dump of N-Quads")
            packed = self._client.file(f"/release/{before}/{name}", self._folder / "before")
            require_that(sha256_of(packed) == sums[name], f"{name} of release {before} is not what its SHA256SUMS says")
            self._unpack(packed, name, earlier_dump)
            packed.unlink()
        return before, earlier_dump

    def _patch(self) -> str:
        """The release before, with the changes since it, is this one."""
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
        require_that(not how, f"release {before} with {path} is not release {self.release}: it {how}")
        return f"release {before} with what has changed since is release {self.release}"

    def _words(self) -> str:
        """What has changed since the release before is told in words as both graphs give it."""
        before, earlier_dump = self._before
        if not before:
            return _FIRST_RELEASE_NOTE
        return check_change_records(
            self._client, before, {before: earlier_dump, self.release: self._ours.path}, self._folder
        )

    # ---- pages

    def _pages(self) -> str:
        things = [row["thing"] for kind in _PAGES for row in self._client.rows(_SAMPLE % kind)]
        require_that(bool(things), "the endpoint knows nothing that has a page")
        for thing in things:
            path = _path(thing)
            page = self._client.ok(path, {"Accept": BROWSER})
            require_that(page.type.startswith("text/html"), f"{path} is no page for a browser, but {page.type}")
            own = sorted({line for line in self._client.statements(path) if line.startswith(f"<{thing}> ")})
            how = describe_difference(
                map(_bytes, own), map(_bytes, sorted(self._about(thing))), "statements about itself"
            )
            require_that(not how, f"{path} as N-Triples {how.replace('the N-Quads', 'the endpoint')}")
        return f"{len(things)} pages have the statements of the endpoint"

    def _about(self, thing: str) -> set[str]:
        sent = urlencode(
            {"query": f"CONSTRUCT {{ <{thing}> ?p ?o }} {{ <{thing}> ?p ?o }}{cache_buster()}", "release": self.release}
        )
        return set(self._client.statements(f"/sparql?{sent}"))

    def _printed(self) -> str:
        """What pages of projects print for people, and for search engines, is what the endpoint says."""
        projects = self._dump.projects() if self._dump.is_here and not self._quick else []
        asked = sorted(random.sample(projects, min(_SAMPLE_PROJECTS, len(projects))))
        asked = asked or [row["thing"] for row in self._client.rows(_SAMPLE % CYB.Project)]
        wrong = []
        for project in asked:
            page = ProjectPage(self._client.ok(_path(project), {"Accept": BROWSER}).body.decode())
            wrong += [
                f"{_path(project)}: {how}"
                for how in page.differences(project, self._client.rows(values_query(project)))
            ]
        require_that(not wrong, first_differences(wrong))
        return f"facts, texts, contacts, links and JSON-LD of {len(asked)} pages are what the endpoint says"

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
            require_that(by_suffix.body == by_header.body, f"{path}.{suffix} is not what Accept: {kind} gives")
            require_that("accept" in by_header.headers.get("Vary", "").lower(), f"{path} does not vary by Accept")
        refused = self._site.get(path, {"Accept": "application/x-no-such-thing"})
        require_that(refused.status == 406, f"a format that there is not is answered with {refused.status}")
        cors = self._client.ok(path, {"Origin": "https://example.org"}).headers.get("Access-Control-Allow-Origin")
        require_that(cors in ("*", "https://example.org"), "pages of others may not read (CORS)")
        return f"{', '.join(_SYNTAXES)} and HTML, by suffix and by Accept"

    def _conditional(self) -> str:
        query = urlencode({"query": _COUNT, "format": "json"})
        paths = (f"/sparql?{query}", f"/release/{self.release}/SHA256SUMS", f"/changes.json?since={self.release}")
        for path in paths:
            etag = self._client.ok(path).headers.get("ETag", "")
            require_that(etag.startswith('"'), f"{path} has no strong ETag")
            again = self._site.get(path, {"If-None-Match": etag})
            require_that(
                (again.status, again.body) == (304, b""), f"{path} is sent again ({again.status}) to who has it"
            )
            head = self._site.get(path, method="HEAD")
            require_that(head.headers.get("ETag") == etag and not head.body, f"HEAD of {path} does not tell the same")
        return f"{len(paths)} kinds of answers are not sent again to who has them"

    # ---- descriptions

    def _void(self) -> str:
        about = TripleIndex(self._client.statements("/.well-known/void"))
        wrong, checked, parts = [], 0, {part for part, _ in about.pairs(VOID.linkPredicate)}
        for links, predicate in about.pairs(VOID.linkPredicate):
            for target, told in product(about.of(links, VOID.objectsTarget), about.of(links, VOID.triples)):
                count = int(self._client.rows(_links(predicate, term_text(target)))[0]["n"])
                checked += 1
                if int(told) != count:
                    whole = f"void:triples of links by {shorten(predicate)} to {term_text(target)}"
                    wrong.append(f"{whole} is {told}, and the endpoint counts {count:,}")
        for kind, total, query in (
            (getattr(VOID, "class"), VOID.entities, "SELECT (COUNT(DISTINCT ?s) AS ?n) {{ ?s a <{0}> }}"),
            (VOID.property, VOID.triples, "SELECT (COUNT(*) AS ?n) {{ ?s <{0}> ?o }}"),
        ):
            for part, iri in about.pairs(kind):
                parts.add(part)
                for told in about.of(part, total):
                    count = int(self._client.rows(query.format(iri))[0]["n"])
                    checked += 1
                    if int(told) != count:
                        wrong.append(f"{shorten(total)} of {shorten(iri)} is {told}, and the endpoint counts {count:,}")
        totals = [told for node, told in about.pairs(VOID.triples) if node not in parts]
        require_that(bool(totals), "there is no void:triples of the whole")
        both = f"the endpoint counts {self._triples:,}, and {self._quads:,} with named graphs"
        all_ = (self._triples, self._quads)
        wrong += [f"void:triples of the whole is {told}, and {both}" for told in totals if int(told) not in all_]
        require_that(not wrong, first_differences(wrong))
        require_that(checked > 0, "there are no partitions by class or property")
        return f"{checked} counts are those of the endpoint"

    def _dcat(self) -> str:
        about = TripleIndex(self._client.statements("/catalog"))
        checked = 0
        for file, address in about.pairs(DCAT.downloadURL):
            name = address.rpartition("/")[2]
            sums = [value for node in about.of(file, SPDX.checksum) for value in about.of(node, SPDX.checksumValue)]
            if name in self._sums:
                require_that(sums == [self._sums[name]], f"{name} has another checksum in DCAT than in SHA256SUMS")
                size = about.of(file, DCAT.byteSize)
                require_that(
                    [self._heads[name].headers.get("Content-Length")] == size,
                    f"{name} has another size in DCAT: {size}",
                )
                checked += 1
        require_that(checked > 0, "no distribution of it is a file of the release")
        return f"{checked} distributions are files of the release, with their sizes and checksums"

    def _steady(self) -> str:
        now = self._site.get(f"/sparql?{urlencode({'query': 'ASK {}', 'format': 'json'})}")
        number = now.headers.get("Cybilgraph-Release")
        require_that(number == str(self.release), f"release {number} is served by now: verify again")
        return f"release {self.release} was served from beginning to end"


def _path(iri: str) -> str:
    return f"/{iri.removeprefix(BASE)}"


def _links(predicate: str, site: str) -> str:
    """The query that counts the links of our things by a predicate to another site, as VoID tells of them."""
    return (
        f"SELECT (COUNT(*) AS ?n) {{ ?s <{predicate}> ?o FILTER(ISIRI(?o) && STRSTARTS(STR(?s), '{BASE}id/') "
        f"&& !STRSTARTS(STR(?o), '{BASE}') "
        f"&& REPLACE(STR(?o), '^([^:]+:(//[^/?#]*)?).*$', '$1/') = {literal(site)}) }}"
    )


def _bytes(line: str) -> bytes:
    return line.encode()
