"""Requests for the files of a release."""

from __future__ import annotations

from tests.support.http_client import Reply, send

DUMP = "cybilgraph.nq.gz"


def get(shelf: str, target: str, method: str = "GET", **headers: str) -> Reply:
    return send(shelf, method, target, **headers)
