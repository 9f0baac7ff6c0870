"""Pages of the releases, with their files to take away. The files themselves are sent by ``files``."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, jsonify, render_template
from flask.wrappers import Response

from cybilgraph.errors import ReleaseError
from cybilgraph.formats import FORMATS, file_type
from cybilgraph.release import Release
from cybilgraph.web.files import size_of
from cybilgraph.web.live import Live

blueprint = Blueprint("datasets", __name__)

_WORDS = {
    "projects": "Projects, one a row",
    "participations": "Who takes part in which project, as what",
    "outcomes": "Outcomes, outputs and activities",
    "manifest": "Counts, versions and checksums of the release",
    "report": "What was found wrong or missing in the records",
    "SHA256SUMS": "Checksums, for sha256sum --check",
    "void": "Description of the dataset (VoID)",
    "dcat": "Description of the files (DCAT 3)",
}
_PACKED = {"gz": "gzip", "zst": "Zstandard"}
_TABLES = {"csv": "CSV", "parquet": "Parquet"}


@blueprint.get("/releases")
def releases() -> str:
    """All releases, the newest first."""
    return render_template("releases.html", rows=_listed())


@blueprint.get("/releases.json")
def releases_json() -> Response:
    """The same for programs."""
    response = jsonify(_listed())
    response.headers["Cache-Control"] = "public, max-age=60"
    response.add_etag()
    return response


@blueprint.get("/release/<int:number>")
def release(number: int) -> str:
    """One release: its numbers, and its files."""
    found = _live().shelf(number)
    return render_template("release.html", shown=found, files=list(_files(found)))


def _live() -> Live:
    live: Live = current_app.extensions["cybilgraph"]["live"]
    return live


def _listed() -> list[dict[str, Any]]:
    live = _live()
    rows = []
    for number in reversed(live.numbers()):
        try:
            manifest = live.listed(number).manifest
        except ReleaseError:
            continue  # it is being removed, or damaged: nobody can have it
        rows.append(
            {
                "release": number,
                "created": manifest["created"],
                "current": number == live.current.release.number,
                **manifest["counts"],
            }
        )
    return rows


def _files(release: Release) -> list[dict[str, Any]]:
    """Name, what it is, bytes and checksum of each file."""
    return [
        {
            "name": name,
            "what": _what(name),
            "type": file_type(name),
            "size": size_of(path),
            "sha256": release.checksum(name),
        }
        for name, path in sorted(release.served().items())
    ]


def _what(name: str) -> str:
    stem, *suffixes = name.split(".")
    packed = f", by {_PACKED[suffixes[-1]]}" if suffixes and suffixes[-1] in _PACKED else ""
    syntax = next((fmt.title for fmt in FORMATS if suffixes and fmt.suffix == suffixes[0] and fmt.carries_graph), "")
    kind = syntax or _TABLES.get(suffixes[0] if suffixes else "", "")
    words = _WORDS.get(stem, "The whole graph")
    return f"{words}{f' as {kind}' if kind else ''}{packed}"
