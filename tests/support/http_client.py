"""Requests to a server under test: exactly as given, or with the redirects and defaults of urllib."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
HTML = "text/html; charset=utf-8"
PROBLEM = "application/problem+json"
#: A query that exceeds any time limit.
SLOW = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(STR(?c) < STR(?f) && STR(?i) < STR(?a)) }"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def problem(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


def send(
    server: str,
    method: str,
    target: str,
    body: bytes | None = None,
    *,
    source: str = "127.0.0.1",
    timeout: float = 60,
    **headers: str,
) -> Reply:
    """Send a request with these headers, and no others except Host, Accept-Encoding: identity and Content-Length."""
    place = urlsplit(server)
    assert place.hostname
    connection = HTTPConnection(place.hostname, place.port, timeout=timeout, source_address=(source, 0))
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, target, body, names)
        answer = connection.getresponse()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def q(query: str, **more: str) -> list[tuple[str, str]]:
    """Return the URL parameters of a SPARQL query; an underscore in a name stands for a hyphen."""
    return [("query", query), *((name.replace("_", "-"), value) for name, value in more.items())]


class Response(NamedTuple):
    status: int
    content_type: str
    body: bytes
    headers: dict[str, str]


def http(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Response:
    """Send a request as urllib does, following redirects."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=body, method=method, headers=names)
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        sent = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status, sent.get("content-type", ""), answer.read(), sent)


def get(server: str, query: str, accept: str = "*/*", **parameters: str) -> Response:
    """Send a SPARQL query by GET."""
    return http(f"{server}/sparql?{urlencode({'query': query, **parameters})}", Accept=accept)
