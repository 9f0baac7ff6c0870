"""The checks of a site, each of which returns a description of its result."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

from cybilgraph.errors import FetchError, PatchError
from cybilgraph.model.vocabulary import BASE, CYB, DCAT, SPDX, VOID, shorten
from cybilgraph.rdf.dumps import FULL_DUMPS
from cybilgraph.runtime.files import parse_checksums, sha256_of
from cybilgraph.sync.fetch import Site, got_web_page
from cybilgraph.sync.patches import apply_patch, read_patch, sort_lines
from cybilgraph.sync.verification.dump import Dump, TripleIndex, by_subject, describe_difference, rows_of, syntax_of
from cybilgraph.sync.verification.site_client import (
    BROWSER,
    NTRIPLES,
    SiteCheckFailed,
    SiteClient,
    first_differences,
    require_that,
)

_COUNT = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
_COUNT_NAMED = "SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } }"
_SAMPLE = "SELECT ?thing { ?thing a <%s> } ORDER BY ?thing LIMIT 3"
#: Classes of resources whose descriptions are checked.
_CLASSES = (CYB.Project, CYB.Actor, CYB.Country, CYB.Theme)
_SYNTAXES = {"ttl": "text/turtle", "nt": NTRIPLES, "jsonld": "application/ld+json", "rdf": "application/rdf+xml"}
#: Number of subjects whose statements are compared in a quick and in a full verification.
_QUICK_SUBJECTS, _FULL_SUBJECTS = 100, 2_000
#: Size of a dump on which a quick verification also runs the example queries (about ten seconds, 1 GB of memory).
_MAX_QUICK_QUADS = 2_000_000
_CLASS = getattr(VOID, "class")
_REPAIR_HINT = "activate an intact release (cybilgraph releases), or build it again"


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
        self._dump = Dump(folder)
        #: The downloaded dumps, by name.
        self._files: dict[str, Path] = {}

    def checks(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Yield the name of each check, and a function that returns a description or raises SiteCheckFailed."""
        yield "endpoint", self._endpoint
        yield "manifest", self._manifest
        yield "dumps", self._dumps
        yield "graph", self._graph
        if not self._quick:
            yield "contents", self._contents
        yield "statements", self._compared
        if not self._quick:
            yield "patch", self._patch
        yield "descriptions", self._descriptions
        yield "negotiation", self._negotiation
        yield "example queries", self._examples
        yield "VoID", self._void
        yield "DCAT", self._dcat
        yield "steadiness", self._steady

    def _endpoint(self) -> str:
        self._triples, named = (int(self._client.rows(query)[0]["n"]) for query in (_COUNT, _COUNT_NAMED))
        self._quads = self._triples + named
        is_described = any("sparql-service-description#" in line for line in self._client.statements("/sparql"))
        require_that(is_described, "/sparql has no service description")
        return f"{self._triples:,} statements, and {named:,} in named graphs"

    def _examples(self) -> str:
        """Check that each query returns the same rows as on the dump, in any order; not on large dumps if quick."""
        listed = self._client.json("/api/queries")["queries"]
        require_that(bool(listed), "there are no example queries")
        reason = "" if self._dump.is_available else "it is not available"
        if not reason and self._quick and self._quads > _MAX_QUICK_QUADS:
            reason = f"it has {self._quads:,} quads; run without --quick"
        wrong = []
        for query in listed:
            path = f"{query['links']['answer']}?release={self.release}"
            reply = self._client.ok(path, {"Accept": "text/csv" if "csv" in query["formats"] else NTRIPLES})
            require_that(bool(reply.body) or "csv" not in query["formats"], f"{query['name']} returns nothing")
            if not reason:
                text = self._client.ok(f"{query['links']['page']}.rq").body.decode()
                theirs, ours = rows_of(reply.body), self._dump.rows(text)
                if theirs != ours:
                    missing, extra = (ours - theirs).total(), (theirs - ours).total()
                    wrong.append(f"{query['name']} ({missing:,} rows missing, {extra:,} extra)")
        require_that(not wrong, f"results differ from the dump: {', '.join(wrong)}")
        if reason:
            return f"all {len(listed)} queries work; their rows were NOT compared with the dump ({reason})"
        return f"all {len(listed)} queries return the same rows as on the dump"

    def _manifest(self) -> str:
        path = f"/release/{self.release}.json"
        manifest = self._client.json(path)
        number = manifest.get("release")
        require_that(number == self.release, f"{path} describes release {number}: {_REPAIR_HINT}")
        projects = int(self._client.rows(f"SELECT (COUNT(?p) AS ?n) {{ ?p a <{CYB.Project}> }}")[0]["n"])
        counts = manifest.get("counts", {})
        wrong = []
        for key, count in (("quads", self._quads), ("projects", projects)):
            if (given := counts.get(key)) != count:
                number = f"{given:,}" if isinstance(given, int) else "no number of"
                wrong.append(f"{number} {key} (counts.{key}), but the endpoint has {count:,}")
        require_that(not wrong, f"{path} gives {'; '.join(wrong)}: {_REPAIR_HINT}")
        return f"{projects:,} projects and {self._quads:,} quads, as in the endpoint"

    def _dumps(self) -> str:
        listed = self._client.ok(f"/release/{self.release}/SHA256SUMS").body.decode()
        latest = self._client.ok("/latest/SHA256SUMS")
        require_that(latest.headers.get("Cybilgraph-Release") == str(self.release), "/latest is another release")
        require_that(latest.body.decode() == listed, "/latest/SHA256SUMS differs from that of the release")
        self._sums = parse_checksums(listed)
        require_that(bool(self._sums), "SHA256SUMS lists no files")
        names = [_full_dump(self._sums)] if self._quick else list(self._sums)
        wrong = []
        for number, name in enumerate(names):
            # Never use another site's names for local files, except known ones.
            file = self._folder / (name if name in FULL_DUMPS else f"file-{number}")
            reply = self._site.download(f"/release/{self.release}/{quote(name)}", file)
            if reply.status != 200:
                wrong.append(f"{name} returns status {reply.status}")
            elif sha256_of(file) != self._sums[name]:
                wrong.append(f"{name} does not match SHA256SUMS")
            elif syntax_of(name):
                self._files[name] = file
                continue
            file.unlink(missing_ok=True)
        require_that(not wrong, first_differences(wrong))
        return f"{len(names)} of {len(self._sums)} files match SHA256SUMS"

    def _graph(self) -> str:
        """Check that the dump has as many quads as the endpoint, and the checksum given by /changes."""
        name = _full_dump(self._sums)
        require_that(name in self._files, f"{name} could not be downloaded")
        lines, digest = self._dump.load(self._files[name])
        require_that(lines == self._quads, f"{name} has {lines:,} quads, but the endpoint has {self._quads:,}")
        reply = self._client.ok(f"/changes.rdfp?since={self.release}&until={self.release}")
        header, changes = read_patch(reply.body.splitlines(keepends=True))
        require_that(not list(changes), "/changes lists differences between the release and itself")
        require_that(header.sha256 == digest, "the graph's checksum in /changes differs from that of the dump")
        return f"{lines:,} quads, as in the endpoint; SHA-256 of the sorted lines {digest[:16]}…"

    @property
    def _ours(self) -> Dump:
        """The N-Quads dump, with which everything else is compared."""
        require_that(self._dump.is_available, "there is no N-Quads dump to compare with")
        return self._dump

    def _contents(self) -> str:
        """Check that every dump has the statements of the N-Quads."""
        ours = self._ours
        found = ((name, ours.describe_difference(file, name)) for name, file in self._files.items())
        wrong = [f"{name} {how}" for name, how in found if how]
        require_that(not wrong, "; ".join(wrong))
        return f"{len(self._files)} dumps have the statements of the N-Quads"

    def _compared(self) -> str:
        """Check that endpoint and dump have the same statements about a sample of subjects."""
        subjects = self._ours.subjects()
        sample = sorted(random.sample(subjects, min(_QUICK_SUBJECTS if self._quick else _FULL_SUBJECTS, len(subjects))))
        ours = self._dump.about(sample)
        for start in range(0, len(sample), _QUICK_SUBJECTS):
            block = sample[start : start + _QUICK_SUBJECTS]
            theirs = self._client.about(block)
            other = [subject for subject in block if ours.get(subject) != theirs.get(subject)]
            require_that(not other, f"endpoint and dump have different statements about {', '.join(other[:1])}")
        return f"all statements about {len(sample):,} of {len(subjects):,} subjects match the dump"

    def _patch(self) -> str:
        """Check that the previous release plus the changes equals this one."""
        ours = self._ours.path
        numbers = [row["release"] for row in self._client.json("/releases.json")]
        before = max((number for number in numbers if number < self.release), default=0)
        if not before:
            return "this is the first release: nothing to compare with"
        sums = parse_checksums(self._client.ok(f"/release/{before}/SHA256SUMS").body.decode())
        name = _full_dump(sums)
        earlier = self._client.file(f"/release/{before}/{name}", self._folder / f"before-{name}")
        require_that(sha256_of(earlier) == sums[name], f"{name} of release {before} does not match its SHA256SUMS")
        path = f"/changes.rdfp?since={before}&until={self.release}"
        with self._client.file(path, self._folder / "patch").open("rb") as rows, ours.open("rb") as expected:
            _, changes = read_patch(rows)
            try:
                how = describe_difference(apply_patch(sort_lines(earlier), changes), expected)
            except PatchError as error:
                raise SiteCheckFailed(
                    f"{path} cannot be applied to the dump of release {before}: {error.what}"
                ) from error
        require_that(not how, f"release {before} plus {path} differs from release {self.release}: it {how}")
        return f"release {before} plus its changes equals release {self.release}"

    def _descriptions(self) -> str:
        sample = [f"<{row['thing']}>" for kind in _CLASSES for row in self._client.rows(_SAMPLE % kind)]
        require_that(bool(sample), "the endpoint has no resources")
        expected = self._client.about(sample)
        for subject in sample:
            path = f"/{subject[1:-1].removeprefix(BASE)}"
            own = by_subject(self._client.statements(path)).get(subject, set())
            missing, extra = len(expected[subject] - own), len(own - expected[subject])
            require_that(
                not missing and not extra,
                f"{path} as N-Triples differs from the endpoint ({missing} statements missing, {extra} extra)",
            )
        return f"{len(sample)} resources have the same statements as in the endpoint"

    def _negotiation(self) -> str:
        [row, *_] = self._client.rows(_SAMPLE % CYB.Project)
        path = f"/{row['thing'].removeprefix(BASE)}"
        for suffix, kind in _SYNTAXES.items():
            by_suffix = self._client.ok(f"{path}.{suffix}")
            by_header = self._client.ok(path, {"Accept": f"{kind}, text/html;q=0.5"})
            for reply in (by_suffix, by_header):
                require_that(reply.type.startswith(kind), f"{path} as {kind} is {reply.type}")
            require_that(by_suffix.body == by_header.body, f"{path}.{suffix} differs from Accept: {kind}")
            require_that("accept" in by_header.headers.get("Vary", "").lower(), f"{path} lacks Vary: Accept")
        page = self._client.ok(path, {"Accept": BROWSER})
        require_that(page.type.startswith("text/html"), f"{path} is {page.type} instead of HTML for a browser")
        refused = self._site.get(path, {"Accept": "application/x-no-such-thing"})
        require_that(refused.status == 406, f"an unknown format returns status {refused.status}")
        return f"{', '.join(_SYNTAXES)} and HTML, by suffix and by Accept"

    def _void(self) -> str:
        about = TripleIndex(self._client.statements("/.well-known/void"))
        wrong, checked = [], 0
        for kind, total, query in (
            (_CLASS, VOID.entities, "SELECT (COUNT(DISTINCT ?s) AS ?n) {{ ?s a <{0}> }}"),
            (VOID.property, VOID.triples, "SELECT (COUNT(*) AS ?n) {{ ?s <{0}> ?o }}"),
        ):
            for part, term in about.pairs(kind):
                for value in about.of(part, total):
                    checked += 1
                    if int(value) != (count := int(self._client.rows(query.format(term))[0]["n"])):
                        wrong.append(
                            f"{shorten(total)} of {shorten(term)} is {value}, but the endpoint counts {count:,}"
                        )
        require_that(checked > 0, "there are no partitions by class or property")
        parts = {part for term in (_CLASS, VOID.property, VOID.linkPredicate) for part, _ in about.pairs(term)}
        totals = [value for node, value in about.pairs(VOID.triples) if node not in parts]
        require_that(bool(totals), "there is no void:triples of the dataset")
        counts = f"the endpoint counts {self._triples:,}, or {self._quads:,} with named graphs"
        own = (self._triples, self._quads)
        wrong += [f"void:triples of the dataset is {value}, but {counts}" for value in totals if int(value) not in own]
        require_that(not wrong, first_differences(wrong))
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
                head = self._client.ok(f"/release/{self.release}/{quote(name)}", method="HEAD")
                require_that([head.headers.get("Content-Length")] == size, f"{name} has a wrong size in DCAT: {size}")
                checked += 1
        require_that(checked > 0, "no distribution is a file of the release")
        return f"{checked} distributions match the sizes and checksums of files of the release"

    def _steady(self) -> str:
        now = self._site.get(f"/sparql?{urlencode({'query': 'ASK {}', 'format': 'json'})}")
        number = now.headers.get("Cybilgraph-Release")
        require_that(number == str(self.release), f"the site now serves release {number}: verify again")
        return f"release {self.release} was served throughout"


def _full_dump(sums: dict[str, str]) -> str:
    """Return the name of the N-Quads dump among the files of a release. Raises SiteCheckFailed if there is none."""
    name = next((name for name in FULL_DUMPS if name in sums), "")
    require_that(bool(name), "SHA256SUMS lists no N-Quads dump")
    return name
