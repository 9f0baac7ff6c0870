"""Collect the project pages of websites into web archives, politely.

The crawler obeys robots.txt, sends one request at a time, and never leaves the host. It takes the pages from sitemaps,
or else follows links. It requests a page that it knows conditionally, and records pages that are gone.
"""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from heapq import heappop, heappush
from itertools import count
from math import ceil
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from protego import Protego

from cybilgraph.errors import CollectError, FetchError, SourceError
from cybilgraph.readers.html import CapturedPage, read_captured_page
from cybilgraph.readers.html.page_kind import PageKind
from cybilgraph.readers.html.tree import MAX_HTML_BYTES
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.web_archives import charset_of, is_page_type
from cybilgraph.runtime.http_client import MAX_REDIRECTS, REDIRECT_STATUSES, user_agent
from cybilgraph.sync.crawl_archive import Capture, CrawlArchive, digest_of
from cybilgraph.sync.fetch import HttpResponse, Limits, Site, TooLarge
from cybilgraph.sync.sitemaps import Sitemap, parse_sitemap

#: The name that robots.txt uses (RFC 9309, section 2.2.1).
_ROBOT = "cybilgraph"
_MAX_ROBOTS_BYTES = 512_000
#: A site that asks for longer intervals is not collected.
_MAX_INTERVAL_SECONDS = 30 * 86_400
#: Sitemaps of sites whose robots.txt names none: the convention, and those of WordPress and its plugins.
_SITEMAPS = ("/sitemap.xml", "/sitemap_index.xml", "/wp-sitemap.xml")
_MAX_SITEMAPS = 500
_MAX_ADDRESS_CHARACTERS, _MAX_SEGMENTS = 2_000, 20
#: Calendars link to a next month forever: links are not followed after this many pages in a row that neither describe
#: nor led to a project: pages of which each links to the next, with addresses that differ only in numbers, or any.
_MAX_CHAIN, _MAX_ALIKE, _MAX_IN_A_ROW = 6, 50, 500
#: After this many failures in a row, the site is considered down.
_MAX_FAILURES = 20
#: The pages listed with each outcome in a summary.
_MAX_LISTED = 100
_GONE_STATUSES = (404, 410)
#: A page over the limit of size is requested again after this time, or if its sitemap says that it has changed.
_LARGE_PAGE_INTERVAL = timedelta(days=30)
_NO_PAGE = re.compile(
    r"\.(?:pdf|docx?|xlsx?|pptx?|odt|zip|gz|jpe?g|png|gif|svg|webp|ico|mp[34]|avi|mov|css|js|ics|xml|json|rss)$|/feed/?$",
    re.IGNORECASE,
)
#: Characters that an address keeps (RFC 3986): reserved ones, and the sign of those that are encoded already.
_UNRESERVED = "/?:@!$&'()*+,;=-._~%"
_DIGITS = re.compile(r"\d+")

Progress = Callable[[int, int], None]
Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """How to collect: ``match`` are patterns for paths, ``rate`` is in requests per second.

    ``contact`` is an address or e-mail address that the site's operators can use. ``timeout`` is the maximum time in
    seconds without data; a whole page may take four times as long at any speed, so that one page cannot hold up a run.
    """

    match: tuple[str, ...]
    rate: float
    contact: str
    max_pages: int
    timeout: float
    attempts: int


class Outcome(StrEnum):
    """What became of a page."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    GONE = "gone"
    FAILED = "failed"
    OTHER = "other"  # not a project


@dataclass(slots=True)
class CollectSummary:
    """The result for one host.

    ``pages`` are the addresses with each outcome, with the reason if it is gone or failed. ``notes`` say what was not
    followed.
    """

    host: str
    pages: dict[Outcome, dict[str, str]] = field(default_factory=lambda: {outcome: {} for outcome in Outcome})
    requests: int = 0
    bytes: int = 0
    is_first: bool = True
    is_resumed: bool = False
    notes: list[str] = field(default_factory=list)
    #: Whether pages were left out that a complete run would have requested.
    is_incomplete: bool = False

    @property
    def is_partial(self) -> bool:
        """Whether some pages were unavailable, or not requested."""
        return bool(self.pages[Outcome.FAILED]) or self.is_incomplete

    def __str__(self) -> str:
        counts = ", ".join(
            f"{len(self.pages[outcome]):,} {outcome}" for outcome in Outcome if outcome is not Outcome.OTHER
        )
        resumed = "; continued after an interruption" if self.is_resumed else ""
        size = f"{self.requests:,} requests, {self.bytes / 1e6:.1f} MB downloaded{resumed}"
        lines = [f"{self.host}: {counts}; {len(self.pages[Outcome.OTHER]):,} other pages ({size})"]
        for outcome in (Outcome.NEW, Outcome.CHANGED, Outcome.GONE, Outcome.FAILED):
            pages = list(self.pages[outcome].items())
            if self.is_first and outcome is Outcome.NEW:
                continue
            lines += [f"  {outcome}: {url}{f' ({reason})' if reason else ''}" for url, reason in pages[:_MAX_LISTED]]
            if len(pages) > _MAX_LISTED:
                lines.append(f"  {outcome}: … and {len(pages) - _MAX_LISTED:,} more")
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


class _MovedToHttps(Exception):
    """The site redirects from http to https."""


class _PageFailed(Exception):
    """A page is not available, for this reason."""


def collect(
    urls: Iterable[str],
    into: Path,
    options: CollectOptions,
    on_progress: Progress = lambda _, __: None,
    on_notice: Notice = lambda _: None,
) -> Iterator[CollectSummary | CollectError]:
    """Collect the project pages of each host, and yield its result, or the error because of which it has none.

    ``on_notice`` gets what users should know before a run is over: that robots.txt makes it slow.

    Raises OSError if the archives cannot be written.
    """
    hosts: dict[str, list[str]] = defaultdict(list)
    for url in urls:
        hosts[_host(url)].append(_normalise(url))
    for host, own in hosts.items():
        try:
            with CrawlArchive(into, host, user_agent(options.contact)) as archive:
                try:
                    summary = _Crawl(host, own, archive, options, on_progress, on_notice).run()
                except _MovedToHttps:
                    own = [url.replace("http://", "https://", 1) for url in own]
                    summary = _Crawl(host, own, archive, options, on_progress, on_notice).run()
        except CollectError as error:
            yield error
        else:
            yield summary


class _Crawl:
    """The crawl of one host."""

    def __init__(
        self,
        host: str,
        urls: list[str],
        archive: CrawlArchive,
        options: CollectOptions,
        on_progress: Progress,
        on_notice: Notice,
    ) -> None:
        self._host = host
        self._starts = urls
        self._archive = archive
        self._options = options
        self._on_progress = on_progress
        self._on_notice = on_notice
        self._summary = CollectSummary(host, is_first=not archive.earlier, is_resumed=archive.is_resumed)
        self._interval = 1 / options.rate
        self._next_request_at = 0.0
        self._scheme = urlsplit(urls[0]).scheme
        self._site = Site(
            f"{self._scheme}://{host}",
            options.timeout,
            options.attempts,
            limits=Limits(MAX_HTML_BYTES, 4 * options.timeout, bytes_per_second=0, grace=options.timeout),
            follows=False,
            before_request=self._wait_for_turn,
            contact=options.contact,
        )
        self._robots = Protego.parse("")
        #: The pages to request: those with a query last, which often show the same as the address without it.
        self._queue: list[tuple[bool, int, str]] = []
        self._numbers = count()
        self._seen: set[str] = set()
        self._changed_at: dict[str, datetime | None] = {}
        self._follows_links = False
        self._parsed: dict[str, CapturedPage] = {}  # only the page in progress
        self._links = _Links()
        self._deferred: list[str] = []
        self._failures = 0
        #: The address of each stored project page by its text: other addresses may show the same page.
        self._by_text = {
            capture.text: url
            for url, capture in (archive.earlier | archive.done).items()
            if capture.is_project and capture.text and self._matches(url)
        }

    def run(self) -> CollectSummary:
        """Collect the pages. Raises CollectError if the site cannot be crawled at all, or _MovedToHttps."""
        self._read_robots()
        is_complete = self._read_sitemaps()
        self._follows_links = not (is_complete and self._queue)
        for start in self._starts:
            if self._follows_links or self._matches(start):
                self._add(self._with_scheme(start))
        known = [url for url, capture in self._archive.earlier.items() if capture.is_project and self._matches(url)]
        if self._interval > 1 / self._options.rate:
            pages = len(self._seen.union(known) - self._archive.done.keys())
            longest = timedelta(seconds=ceil(pages * self._interval))
            self._on_notice(
                f"{self._host}: the {pages:,} pages known so far take up to {longest} (hours:minutes:seconds), "
                "and longer if the site is slow."
            )
        self._process_queue()
        # Pages that earlier runs found come last, so that lists that lead to them are seen to be of use.
        for url in known:
            self._add(url)
        self._process_queue()
        self._note_unfinished()
        if not any(url not in self._starts for pages in self._summary.pages.values() for url in pages):
            self._raise_nothing_found()
        return self._summary

    def _process_queue(self) -> None:
        while self._queue and self._failures < _MAX_FAILURES:
            *_, url = heappop(self._queue)
            self._process(url)
            done = sum(map(len, self._summary.pages.values()))
            self._on_progress(done, done + len(self._queue))

    def _raise_nothing_found(self) -> None:
        """Raise CollectError unless a start is itself a project, or not available."""
        found = {outcome for outcome, pages in self._summary.pages.items() if pages} - {Outcome.OTHER}
        if disallowed := [url for url in self._starts if not self._robots.can_fetch(url, _ROBOT)]:
            raise CollectError(
                f"robots.txt of {self._host} disallows {disallowed[0]}", "Ask the operators of the site for permission."
            )
        if not found:
            patterns = " or ".join(self._options.match)
            raise CollectError(
                f"{self._host}: no page with a path like {patterns} was found in its sitemaps or by following links",
                "Give the address of the list of projects, or the pattern of their paths: --match '*/project/*'",
            )

    # ---- requests

    def _wait_for_turn(self) -> None:
        time.sleep(max(self._next_request_at - time.monotonic(), 0))
        self._next_request_at = time.monotonic() + self._interval
        self._summary.requests += 1

    def _with_scheme(self, url: str) -> str:
        return urlunsplit(urlsplit(url)._replace(scheme=self._scheme))

    def _get(self, url: str, before: Capture | None = None) -> HttpResponse:
        """Request an address. Raises FetchError if it is not available."""
        headers = {"Accept-Encoding": "gzip"}
        if before:
            validators = (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified"))
            headers |= {name: before.headers[value] for name, value in validators if value in before.headers}
        response = self._site.get(url.removeprefix(self._site.url), headers)
        self._summary.bytes += len(response.body)
        return response

    def _load(self, url: str) -> Capture:
        """Return the capture of an address in this run, which is requested only once. Raises _PageFailed."""
        done, before = self._archive.done.get(url), self._archive.earlier.get(url)
        if (large := done or before) and large.too_large and (done or not self._is_due(url, large)):
            raise _PageFailed(large.too_large)
        if done:
            return done
        before = before if before and before.status == 200 and not (before.gone or before.too_large) else None
        if before and self._is_known_unchanged(url, before):
            return replace(before, is_new=False)
        if before and before.original:
            original = self._archive.earlier.get(before.original)
            if not original or not self._original(url, original.text):
                before = None  # this page may take the place of its original
        try:
            response = self._get(url, before)
        except FetchError as error:
            reason = error.what.removeprefix(f"{url} ")
            if isinstance(error, TooLarge):
                self._archive.add_too_large(url, reason)
            raise _PageFailed(reason) from error
        if response.status == 200:
            self._store(url, response, before)
        elif response.status == 304 and before:
            self._archive.add_unchanged(url, response, before)
        elif response.status in (*REDIRECT_STATUSES, *_GONE_STATUSES):
            self._archive.add_response(url, response)
        else:
            raise _PageFailed(f"status {response.status}")
        return self._archive.done[url]

    def _original(self, url: str, text: str) -> str:
        """Return another address that has been stored with this text, if it still shows it, or an empty string.

        It is requested now if this run has not yet done so: the result does not depend on the order of the pages.
        """
        original = self._by_text.get(text, url)
        if original == url:
            return ""
        self._add(original)
        if original not in self._seen:
            return ""  # it may not be requested
        try:
            capture = self._load(original)
        except _PageFailed:
            return original  # its earlier capture stays valid
        return original if capture.is_project and capture.text == text else ""

    def _is_due(self, url: str, large: Capture) -> bool:
        """Return whether to request a page again that was over the limit of size."""
        captured, changed_at = datetime.fromisoformat(large.captured), self._changed_at.get(url)
        return datetime.now(UTC) > captured + _LARGE_PAGE_INTERVAL or bool(changed_at and changed_at > captured)

    def _store(self, url: str, response: HttpResponse, before: Capture | None) -> None:
        """Add a complete response to the archive, unless the page says what it said before."""
        if before and before.digest == digest_of(response.body):
            self._archive.add_unchanged(url, response, before)
            return
        if not is_page_type(response.type):
            self._archive.add_response(url, response)
            return
        page = self._parse(url, response.body, response.type)
        text = digest_of(page.text.encode(errors="replace")) if page else ""
        if before and text and text == before.text:
            self._archive.add_unchanged(url, response, before)
            return
        if page and page.kind is PageKind.PROJECT:
            stored = self._archive.earlier.get(url)
            if not (stored and stored.is_project) and (original := self._original(url, text)):
                self._archive.add_duplicate(url, response, original)
                return
            self._by_text[text] = url
        key = page.record.key if page and page.record else ""
        self._archive.add_response(url, response, page.kind if page else PageKind.OTHER, text, key)

    def _parse(self, url: str, content: bytes, content_type: str) -> CapturedPage | None:
        if url not in self._parsed:
            self._parsed.clear()
            try:
                given = Input(url, data=content, address=url, charset=charset_of(content_type))
                self._parsed[url] = read_captured_page(given)
            except SourceError:
                return None
        return self._parsed[url]

    def _resolve(self, url: str) -> tuple[str, Capture]:
        """Return the address and the capture to which an address leads. Raises _PageFailed."""
        for _ in range(MAX_REDIRECTS + 1):
            capture = self._load(url)
            if capture.status not in REDIRECT_STATUSES:
                return url, capture
            target = _join(url, capture.headers.get("Location", ""))
            if _host(target) != self._host:
                raise _PageFailed(f"redirects to another host: {target[:200] or 'nowhere'}")
            if target == url.replace("http://", "https://", 1) != url:
                raise _MovedToHttps
            url = self._with_scheme(target)
            if not self._robots.can_fetch(url, _ROBOT):
                raise _PageFailed(f"redirects to {url[:200]}, which robots.txt disallows")
        raise _PageFailed(f"more than {MAX_REDIRECTS} redirects")

    # ---- which pages

    def _read_robots(self) -> None:
        """Read robots.txt (RFC 9309): without one, everything is allowed; if it is unavailable, nothing is.

        Raises CollectError.
        """
        url = f"{self._scheme}://{self._host}/robots.txt"
        try:
            _, capture = self._resolve(url)
        except _PageFailed as error:
            reason = str(error)
            if re.match(r"status 4\d\d$", reason):
                return
            hint = "Check the address, and your network."
            if "another host" in reason:
                hint = "Give the address of that host, if you want to collect its pages."
            raise CollectError(f"{url} {reason}", hint) from error
        if capture.status == 200:
            text = self._archive.content(capture)[:_MAX_ROBOTS_BYTES].decode("utf-8", errors="replace")
            self._robots = Protego.parse(text)
        rate = self._robots.request_rate(_ROBOT)
        requested = self._robots.crawl_delay(_ROBOT) or 0, rate.seconds / rate.requests if rate else 0
        interval = max(self._interval, *requested)
        self._next_request_at += interval - self._interval
        reason = f"robots.txt asks for {interval:,.10g} seconds between requests"
        if interval > _MAX_INTERVAL_SECONDS:
            raise CollectError(f"{self._host}: {reason}", "Ask the operators of the site for permission.")
        if interval > self._interval:
            self._on_notice(f"{self._host}: {reason}, which is slower than --rate.")
        self._interval = interval

    def _read_sitemaps(self) -> bool:
        """Add the pages in sitemaps that match; return whether all sitemaps could be read."""
        given = [
            start
            for start in self._starts
            if start.endswith((".xml", ".xml.gz")) or ("sitemap" in start.rpartition("/")[2] and start.endswith(".txt"))
        ]
        self._starts = [start for start in self._starts if start not in given]
        named = given or [urljoin(self._site.url, sitemap) for sitemap in self._robots.sitemaps]
        guesses = [] if named else [f"{self._scheme}://{self._host}{path}" for path in _SITEMAPS]
        waiting = deque(named or guesses)
        read: set[str] = set()
        elsewhere: set[str] = set()
        is_complete = True
        while waiting:
            url = waiting.popleft()
            if _host(url) != self._host:
                self._summary.notes.append(f"sitemap on another host, not read: {url[:200]}")
                continue
            url = self._with_scheme(_normalise(url))
            if url in read or not self._robots.can_fetch(url, _ROBOT):
                continue
            if len(read) == _MAX_SITEMAPS:
                self._summary.notes.append(f"more than {_MAX_SITEMAPS} sitemaps; the others were not read")
                break
            read.add(url)
            try:
                sitemap = self._sitemap(url)
            except (_PageFailed, ValueError) as error:
                if url not in guesses:
                    is_complete = False
                    self._summary.notes.append(f"sitemap not read: {url}: {error}")
                continue
            if url in guesses:
                waiting.clear()  # one is enough
            waiting += sitemap.sitemaps
            for page, changed_at in sitemap.pages.items():
                if _host(page) != self._host:
                    elsewhere.add(page)
                elif self._matches(_normalise(page)):
                    page = self._with_scheme(_normalise(page))
                    self._changed_at[page] = changed_at
                    self._add(page)
        if elsewhere:
            example = min(elsewhere)[:200]
            self._summary.notes.append(f"pages on other hosts in sitemaps: {len(elsewhere):,}, such as {example}")
        return is_complete

    def _sitemap(self, url: str) -> Sitemap:
        """Return a sitemap. Raises _PageFailed, and ValueError if it is none."""
        _, capture = self._resolve(url)
        if capture.status != 200:
            raise _PageFailed(f"status {capture.status}")
        return parse_sitemap(self._archive.content(capture))

    def _matches(self, url: str) -> bool:
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return not _NO_PAGE.search(parts.path) and any(fnmatchcase(path, pattern) for pattern in self._options.match)

    def _add(self, url: str, found_on: str = "") -> None:
        """Add a page to the queue, if it may be requested and has not been added."""
        if url in self._seen or len(url) > _MAX_ADDRESS_CHARACTERS or url.count("/") > _MAX_SEGMENTS:
            return
        if not self._robots.can_fetch(url, _ROBOT) or len(self._seen) >= self._options.max_pages:
            return
        self._seen.add(url)
        if found_on:
            self._links.add(url, found_on)
        self._push(url)

    def _push(self, url: str) -> None:
        heappush(self._queue, ("?" in url, next(self._numbers), url))

    # ---- pages

    def _process(self, url: str) -> None:
        if self._links.is_endless(url):
            self._deferred.append(url)
            return
        if self._is_variant(url):
            return
        try:
            target, capture = self._resolve(url)
        except _PageFailed as error:
            self._fail(url, str(error))
            return
        if target in self._archive.done:  # otherwise, its sitemap says that it is unchanged
            self._failures = 0
        if target != url:
            before = self._archive.earlier.get(url)
            if before and before.project and not before.gone:
                self._count_gone(url, f"redirects to {target}")
            if target in self._seen:
                return
            self._seen.add(target)
            self._links.redirect(url, target)
        self._count(target, capture)
        self._links.visit(target, capture.is_project)
        if capture.is_project:
            for deferred in self._deferred:
                self._push(deferred)
            self._deferred.clear()
        if self._follows_links and capture.status == 200 and capture.kind:
            self._follow_links(target, capture)

    def _is_variant(self, url: str) -> bool:
        """Return whether an address found by a link is that of a project page with a query, such as ?share=mail.

        A page that has been stored under such an address keeps it.
        """
        page, query, _ = url.partition("?")
        if not query or url not in self._links or any(capture.is_project for capture in self._captures(url)):
            return False
        return any(capture.is_project or capture.gone or capture.original for capture in self._captures(page))

    def _captures(self, url: str) -> list[Capture]:
        """Return the captures of an address in this run and before."""
        return [captures[url] for captures in (self._archive.done, self._archive.earlier) if url in captures]

    def _is_known_unchanged(self, url: str, before: Capture) -> bool:
        """Return whether the sitemap says that a page has not changed, if its server cannot answer that itself."""
        changed_at = self._changed_at.get(url)
        if changed_at is None or not before.is_project or before.headers.keys() & {"ETag", "Last-Modified"}:
            return False
        return changed_at < datetime.fromisoformat(before.captured)

    def _count(self, url: str, capture: Capture) -> None:
        """Count a page, compared with earlier runs, unless it is another address of a page."""
        before = self._archive.earlier.get(url)
        was_project = before is not None and before.is_project
        if capture.original:
            return
        if capture.status in _GONE_STATUSES:
            if was_project:
                self._count_gone(url, f"status {capture.status}")
            elif before is None or (before.status in _GONE_STATUSES and not before.gone):
                self._fail(url, f"status {capture.status}")
        elif not capture.is_project:
            if was_project:
                self._count_gone(url, f"its URL no longer shows a project ({capture.kind or 'other file'})")
            else:
                self._summary.pages[Outcome.OTHER][url] = ""
        elif not was_project:
            self._summary.pages[Outcome.NEW][url] = ""
        elif capture.is_new:
            self._summary.pages[Outcome.CHANGED][url] = ""
        elif not self._original(url, capture.text):
            self._summary.pages[Outcome.UNCHANGED][url] = ""

    def _count_gone(self, url: str, reason: str) -> None:
        before = self._archive.earlier[url]
        if not self._archive.done[url].gone:
            self._archive.add_gone(url, reason, before.project)
        self._summary.pages[Outcome.GONE][url] = reason

    def _fail(self, url: str, reason: str) -> None:
        self._failures += 1
        self._summary.pages[Outcome.FAILED][url] = reason

    def _follow_links(self, url: str, capture: Capture) -> None:
        content = b"" if url in self._parsed else self._archive.content(capture)
        page = self._parse(url, content, capture.headers.get("Content-Type", ""))
        for link in page.links if page else ():
            if _host(link) == self._host and self._matches(target := _normalise(link)):
                self._add(self._with_scheme(target), url)

    def _note_unfinished(self) -> None:
        """Note what was not requested, or is of no use."""
        if {outcome for outcome, pages in self._summary.pages.items() if pages} == {Outcome.OTHER}:
            self._summary.notes.append("none of these pages was recognised as a project page")
        if self._deferred:
            self._summary.notes.append(
                f"links not followed, because they seem endless: {len(self._deferred):,}, such as {self._deferred[0]}; "
                "the pages before them led to no project"
            )
        self._summary.is_incomplete = bool(self._queue) or len(self._seen) >= self._options.max_pages
        if self._queue:
            self._summary.notes.append(
                f"stopped after {_MAX_FAILURES} failures in a row; {len(self._queue):,} pages were not requested"
            )
        if len(self._seen) >= self._options.max_pages:
            self._summary.notes.append(f"stopped at {self._options.max_pages:,} pages (--max-pages)")


class _Links:
    """The pages found by links, and whether following them leads to projects."""

    def __init__(self) -> None:
        self._found_on: dict[str, str] = {}
        self._productive: set[str] = set()
        self._useless: Counter[str] = Counter()  # by shape
        self._useless_in_a_row = 0

    def __contains__(self, url: str) -> bool:
        return url in self._found_on

    def add(self, url: str, found_on: str) -> None:
        """Add a page with the first page that links to it."""
        self._found_on[url] = found_on

    def redirect(self, url: str, target: str) -> None:
        """Note that a page leads to another one."""
        if url in self._found_on:
            self._found_on[target] = self._found_on[url]

    def visit(self, url: str, is_project: bool) -> None:
        """Note whether a page describes a project."""
        if is_project:
            self._useless_in_a_row = 0
            for page in (url, self._found_on.get(url, url)):
                self._productive.add(page)
                self._useless[_shape(page)] = 0
        elif url in self._found_on:
            self._useless_in_a_row += 1
            self._useless[_shape(url)] += 1

    def is_endless(self, url: str) -> bool:
        """Return whether the pages before this one led to no project."""
        if url not in self._found_on:
            return False
        if self._useless_in_a_row >= _MAX_IN_A_ROW or self._useless[_shape(url)] >= _MAX_ALIKE:
            return True
        chain, page = 0, self._found_on[url]
        while page in self._found_on and page not in self._productive and chain < _MAX_CHAIN:
            chain, page = chain + 1, self._found_on[page]
        return chain == _MAX_CHAIN


def _shape(url: str) -> str:
    """Return what addresses have in common that differ only in numbers and in the values of their query."""
    parts = urlsplit(url)
    names = "&".join(sorted(part.partition("=")[0] for part in parts.query.split("&")))
    return _DIGITS.sub("0", parts.path) + (f"?{names}" if parts.query else "")


def _host(url: str) -> str:
    """Return the host of an address, with its port unless it is the default one; empty if there is none."""
    try:
        parts = urlsplit(url)
        port = {("http", 80): None, ("https", 443): None}.get((parts.scheme, parts.port or 0), parts.port)
    except ValueError:
        return ""
    name = (parts.hostname or "") if parts.scheme in ("http", "https") else ""
    name = f"[{name}]" if ":" in name else name
    return f"{name}:{port}" if name and port else name


def _normalise(url: str) -> str:
    """Return an address of a host, percent-encoded, without fragment, credentials and default port."""
    parts = urlsplit(url)
    path, query = (quote(part, safe=_UNRESERVED) for part in (parts.path or "/", parts.query))
    return urlunsplit((parts.scheme.lower(), _host(url), path, query, ""))


def _join(base: str, location: str) -> str:
    try:
        return _normalise(urljoin(base, location)) if location else ""
    except ValueError:
        return ""
