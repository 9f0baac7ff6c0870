"""Cases of the SPARQL protocol, and requests sent byte by byte."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.support.http_client import Reply, send

FORM, DIRECT = "application/x-www-form-urlencoded", "application/sparql-query"


@dataclass(frozen=True)
class Case:
    """A case: the request, and the expected status, media type, body pattern and header patterns."""

    what: str
    pairs: list[tuple[str, str]] = field(default_factory=list)
    method: str = "GET"
    path: str = "/sparql"
    accept: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str | bytes | None = None
    status: int = 200
    type: str = ""
    has: str = ""
    sent: dict[str, str] = field(default_factory=dict)

    def call(self, server: str, method: str = "") -> Reply:
        target = self.path + (f"?{urlencode(self.pairs)}" if self.pairs else "")
        body = self.body.encode() if isinstance(self.body, str) else self.body
        headers = self.headers | ({"Accept": self.accept} if self.accept else {})
        return send(server, method or self.method, target, body, **headers)


def post(what: str, kind: str | None, body: str | bytes, pairs: Any = (), **expected: Any) -> Case:
    headers = {"Content-Type": kind} if kind is not None else {}
    return Case(what, list(pairs), "POST", headers=headers, body=body, **{"accept": "text/csv", **expected})


def raw(server: str, request: str) -> bytes:
    """Send bytes over a connection, and return everything received."""
    place = urlsplit(server)
    with socket.create_connection((place.hostname, place.port), timeout=30) as stream:
        stream.sendall(request.replace("\n", "\r\n").encode())
        return b"".join(iter(lambda: stream.recv(100_000), b""))
