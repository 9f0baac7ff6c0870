"""Locate the data folders: next to src/ in a checkout, inside the package in an installed wheel."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from cybilgraph.errors import ReferenceDataError

_PACKAGE = Path(__file__).parents[1]
_BUNDLED = _PACKAGE / "_data"  # where pyproject.toml puts the folders in a wheel
ROOT = _BUNDLED if _BUNDLED.is_dir() else _PACKAGE.parents[1]

_ONTOLOGY = ROOT / "ontology"
#: The terms of the graph, and those of the rules.
ONTOLOGY_FILES = (_ONTOLOGY / "cybilgraph.ttl", _ONTOLOGY / "rules.ttl")
#: Earlier versions of the ontology, as they were published.
ONTOLOGY_VERSIONS = {file.stem: file for file in sorted((_ONTOLOGY / "versions").glob("*.ttl"))}
QUERIES = ROOT / "queries"
REFERENCE = ROOT / "data" / "reference"
RECORDS = ROOT / "data" / "records"
#: Projects compiled from public sources, which data/README.md describes.
SAMPLE_TABLE = RECORDS / "projects.csv"
DOCS = ROOT / "docs"
_SHAPES = ROOT / "shapes"
#: The files that determine the result for a record: folders with patterns.
FINGERPRINT_FILES = (
    (_PACKAGE, "*.py"),
    (REFERENCE, "*.csv"),
    (QUERIES, "*.rq"),
    (_SHAPES, "*.ttl"),
    (_ONTOLOGY, "*.ttl"),
)


def read_reference(file: str | Path) -> list[dict[str, str]]:
    """Return the rows of a table in this folder, or of another with its path."""
    with (REFERENCE / file).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def compile_pattern(text: str, where: str) -> re.Pattern[str]:
    """Compile a pattern of the reference data. Raises ReferenceDataError, which says ``where`` it is."""
    try:
        return re.compile(text)
    except re.error as error:
        raise ReferenceDataError(f"{where}: {text[:60]!r} is not a valid regular expression: {error}") from error


def read_ontology(version: str = "") -> bytes:
    """Return the files of the ontology, or an earlier version of it, as one Turtle document."""
    files = (ONTOLOGY_VERSIONS[version],) if version else ONTOLOGY_FILES
    return b"\n".join(file.read_bytes() for file in files)


def shape_files() -> Iterator[Path]:
    """Yield the shape files in a fixed order. Raise OSError if they cannot be listed."""
    yield from sorted(path for path in _SHAPES.iterdir() if path.suffix == ".ttl")  # ``glob`` would hide the error
