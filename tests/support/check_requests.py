"""Requests that send a record to the checker, and the form of its page."""

from __future__ import annotations

import json
from html.parser import HTMLParser

from tests.support.http_client import BROWSER, Response, http

BAD = (
    b"A project for Belize\n\nCybil code: G0999\n\nStatus: Finishd\n\nFrom: Apr 2018\n\nTo: Mar 2017\n\n"
    b"Summary\n\nUNODC helped Belize.\n"
)
FORM = "multipart/form-data; boundary=xyz"


def part(name: str, content: bytes, file: str | None = None, media_type: str = "") -> bytes:
    head = f'--xyz\r\nContent-Disposition: form-data; name="{name}"'
    head += f'; filename="{file}"' if file is not None else ""
    head += f"\r\nContent-Type: {media_type}" if media_type else ""
    return head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--xyz--\r\n"


def post(url: str, body: bytes, content_type: str, accept: str = "*/*", path: str = "/api/check") -> Response:
    return http(f"{url}{path}", "POST", body, Content_Type=content_type, Accept=accept)


def rules(reply: Response) -> list[str]:
    report = json.loads(reply.body)
    return [found["rule"].rpartition("#")[2] for found in report.get("report", report)["findings"]]


class Controls(HTMLParser):
    """The fields of a form as a browser without scripts would send them, with ids and links of the page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.ids: list[str] = []
        self.links: list[str] = []
        self._area = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        self.ids += filter(None, [own.get("id")])
        self.links += filter(None, [own.get("href")])
        if tag == "textarea":
            self._area = own["name"] or ""
            self.fields[self._area] = ""
        elif tag == "input" and own.get("type") != "file":
            self.fields[own["name"] or ""] = own.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.fields[self._area] += data if self.fields[self._area] else data.removeprefix("\n")


def submit(portal: str, path: str, **fields: str) -> Response:
    return post(portal, form(*(part(name, value.encode()) for name, value in fields.items())), FORM, BROWSER, path)
