"""Requests for an exact path, and the security headers that every response has."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import urlsplit

HTML = "text/html"


def ask(server: str, method: str, path: str, accept: str = "*/*", host: str = "localhost") -> tuple[int, Any, bytes]:
    """Return the response to this exact path, without normalisation by a client."""
    place = urlsplit(server)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    try:
        connection.request(method, path, headers={"Accept": accept, "Host": host})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def require_secure(headers: Any) -> None:
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "Set-Cookie" not in headers
