"""A simulated portal with the markup of WordPress, and with the faults of real sites."""

from __future__ import annotations

import gzip
import hashlib
import re
import socket
import ssl
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, NamedTuple, Self

COUNTRIES = ("Belize", "Samoa", "Tonga", "Kenya", "Peru", "Moldova", "Ghana", "Fiji")
FUNDERS = ("Council of Europe", "World Bank", "European Union", "International Telecommunication Union")


class Request(NamedTuple):
    """A request in the log of the server, with the size of the response, including its headers."""

    path: str
    time: float
    user_agent: str
    status: int
    size: int


class SimulatedPortal(ThreadingHTTPServer):
    """A portal of ``projects``; a context manager, which stops it.

    ``pages`` maps paths to functions that answer, and may be changed. ``log`` has all requests.
    """

    daemon_threads = True

    def __init__(
        self,
        projects: int = 20,
        *,
        has_sitemap: bool = True,
        has_validators: bool = True,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        #: With a certificate, http redirects to https on the same port.
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self.tls and certificate:
            self.tls.load_cert_chain(*certificate)
        self.host = f"127.0.0.1:{self.server_port}"
        self.url = f"http://{self.host}"
        self.log: list[Request] = []
        self.has_validators = has_validators
        self.lastmod = "2024-05-31T10:11:12+00:00"
        self.projects = {f"/projects/project-{number:03}/": project_page(number) for number in range(1, projects + 1)}
        self.changed_at: dict[str, str] = {}
        self.pages: dict[str, Callable[[_Handler], None]] = {
            "/robots.txt": lambda page: page.send(self.robots.encode(), media_type="text/plain"),
            "/": lambda page: page.send(wordpress("Home", '<a href="/projects/">All projects</a>', "home blog")),
            "/news/launch/": lambda page: page.send(wordpress("A launch", f"<p>{'News. ' * 50}</p>", "single-post")),
            "/actors/gfce/": lambda page: page.send(wordpress("GFCE", "<p>Type: NGO</p>", "single single-actor")),
        }
        #: The answers to all paths that begin in this way.
        self.answer_below: dict[str, Callable[[_Handler], None]] = {}
        self.robots = "User-agent: *\nDisallow: /wp-admin/\nDisallow: /projects/private\n"
        if has_sitemap:
            self.robots += f"Sitemap: {self.url}/sitemap_index.xml\n"
            self.pages["/sitemap_index.xml"] = lambda page: page.send(self.sitemap_index(), media_type="text/xml")
            self.pages["/project-sitemap.xml.gz"] = lambda page: page.send(
                gzip.compress(self.sitemap()), media_type="application/x-gzip"
            )
            self.pages["/post-sitemap.xml"] = lambda page: page.send(
                self.sitemap(["/news/launch/", "/actors/gfce/"]), media_type="text/xml"
            )

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answer over TLS if the client begins a handshake."""
        if self.tls and request.recv(1, socket.MSG_PEEK) == b"\x16":
            with self.tls.wrap_socket(request, server_side=True) as secure:
                super().finish_request(secure, client_address)
        else:
            super().finish_request(request, client_address)

    def handle_error(self, *_: object) -> None:
        """Ignore clients that disconnect."""

    def requests(self, path: str = "") -> list[Request]:
        """Return the requests of a path, or of all project pages."""
        return [one for one in self.log if one.path == path or (not path and one.path.startswith("/projects/"))]

    def sitemap_index(self) -> bytes:
        maps = ("/project-sitemap.xml.gz", "/post-sitemap.xml")
        rows = "".join(f"<sitemap><loc>{self.url}{path}</loc></sitemap>" for path in maps)
        rows += "<sitemap><loc>http://elsewhere.invalid/sitemap.xml</loc></sitemap>"
        return f'<?xml version="1.0"?><sitemapindex xmlns="{_SITEMAP}">{rows}</sitemapindex>'.encode()

    def sitemap(self, paths: list[str] | None = None) -> bytes:
        others = ["http://elsewhere.invalid/projects/x/", f"{self.url}/projects/private-notes/"]
        own = [f"{self.url}{path}" for path in (paths or self.projects)]
        rows = "".join(
            f"<url><loc>{url}</loc><lastmod>{self.changed_at.get(url.removeprefix(self.url), self.lastmod)}</lastmod></url>"
            for url in (*own, *others)
        )
        return f'<?xml version="1.0"?><urlset xmlns="{_SITEMAP}">{rows}</urlset>'.encode()

    def listing(self, number: int, size: int = 10) -> bytes:
        """Return a page of the list of projects."""
        own = list(self.projects)[(number - 1) * size : number * size]
        cards = "".join(
            f'<article class="project type-project"><h2><a href="{path}">A project</a></h2></article>' for path in own
        )
        cards += (
            '<a href="/projects/calendar/2026-01/">Calendar</a> <a href="http://elsewhere.invalid/projects/x/">x</a>'
        )
        if number * size < len(self.projects):
            cards += f'<a class="next" href="/projects/page/{number + 1}/">Next</a>'
        return wordpress("Projects", cards, "archive post-type-archive post-type-archive-project")


_LISTING, _CALENDAR = re.compile(r"/projects/(?:page/(\d+)/)?"), re.compile(r"/projects/calendar/(\d+)-(\d+)/")
_SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"


def wordpress(title: str, content: str, body_class: str, charset: str = "UTF-8") -> bytes:
    """Return a page with the markup of WordPress."""
    page = (
        f'<!DOCTYPE html><html lang="en-GB"><head><meta charset="{charset}"><title>{title} - Portal</title>'
        '<link rel="stylesheet" href="/wp-content/themes/portal/style.css"></head>'
        f'<body class="{body_class} wp-custom-logo"><header id="masthead" class="site-header"><nav class="main-navigation">'
        '<ul><li><a href="/projects/">Projects</a></li><li><a href="/news/launch/">News</a></li></ul></nav></header>'
        f'<main id="content">{content}</main><footer id="colophon" class="site-footer"><p>Funders</p></footer></body></html>'
    )
    return page.encode(charset, errors="xmlcharrefreplace")


def project_page(number: int, more: str = "", charset: str = "UTF-8") -> bytes:
    """Return the page of a project."""
    country, funder = COUNTRIES[number % len(COUNTRIES)], FUNDERS[number % len(FUNDERS)]
    content = (
        f'<article class="project type-project"><h1 class="entry-title">Cyber project {number:03} for {country}</h1>'
        f"<p>Status: Finished</p><p>From: 2019-01-01</p><h3>Funders</h3><ul><li>{funder}</li></ul>"
        f"<h3>Countries</h3><p>{country}</p><h3>Summary</h3>"
        + "".join(f"<p>It trained team {part} of the government of {country}. {more}</p>" for part in range(60))
        + "</article>"
    )
    return wordpress(f"Cyber project {number:03}", content, "project-template-default single single-project", charset)


class _Handler(BaseHTTPRequestHandler):
    server: SimulatedPortal
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        if self.server.tls and not isinstance(self.connection, ssl.SSLSocket):
            self.send(b"", 301, Location=f"https://{self.server.host}{self.path}")
        elif answer := self.server.pages.get(self.path):
            answer(self)
        elif content := self.server.projects.get(self.path):
            self.send(content)
        elif below := [answer for begin, answer in self.server.answer_below.items() if self.path.startswith(begin)]:
            below[0](self)
        elif match := _LISTING.fullmatch(self.path):
            self.send(self.server.listing(int(match[1] or 1)))
        elif match := _CALENDAR.fullmatch(self.path):
            year, month = divmod(int(match[1]) * 12 + int(match[2]), 12)
            link = f'<a href="/projects/calendar/{year}-{month + 1:02}/">Next month</a>'
            self.send(wordpress(f"Events of {match[1]}-{match[2]}", f"<p>No events.</p>{link}", "page"))
        else:
            self.send(wordpress("Page not found", "<h1>Oops!</h1>", "error404"), 404)

    def send(
        self, content: bytes, status: int = 200, media_type: str = "text/html; charset=UTF-8", **headers: str
    ) -> None:
        etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        if self.server.has_validators and status == 200:
            if self.headers.get("If-None-Match") == etag:
                status, content = 304, b""
            headers["ETag"] = etag
        self.begin(status, len(content), media_type, **headers)
        self.wfile.write(content)

    def begin(self, status: int, length: int, media_type: str = "text/html; charset=UTF-8", **headers: str) -> None:
        """Log the request, and send the headers of the response."""
        asked, agent = time.monotonic(), self.headers.get("User-Agent", "")
        self.send_response(status)
        for name, value in {"Content-Type": media_type, "Content-Length": str(length), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        size = sum(map(len, self._headers_buffer)) + len(b"\r\n") + length  # type: ignore[attr-defined]
        self.server.log.append(Request(self.path, asked, agent, status, size))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def busy_at_first(status: int, content: bytes, retry_after: str, times: int = 1) -> Callable[[_Handler], None]:
    """Return an answer that is an error status a number of times, then the content."""
    left = [None] * times

    def answer(page: _Handler) -> None:
        if left:
            left.pop()
            page.send(b"busy", status, Retry_After=retry_after)
        else:
            page.send(content)

    return answer


def truncated_at_first(content: bytes) -> Callable[[_Handler], None]:
    """Return an answer whose content is truncated once."""
    left = [None]

    def answer(page: _Handler) -> None:
        if not left:
            page.send(content)
            return
        left.pop()
        page.begin(200, len(content))
        page.wfile.write(content[: len(content) // 2])
        page.close_connection = True

    return answer


def dripping(content: bytes, seconds: float) -> Callable[[_Handler], None]:
    """Return an answer that sends ten bytes a second for some time, then the rest."""

    def answer(page: _Handler) -> None:
        page.begin(200, len(content))
        slow = int(10 * seconds)
        for position in range(slow):
            page.wfile.write(content[position : position + 1])
            time.sleep(0.1)
        page.wfile.write(content[slow:])

    return answer


def redirect(target: str, status: int = 302) -> Callable[[_Handler], None]:
    """Return an answer that redirects."""
    return lambda page: page.send(b"", status, Location=target)
