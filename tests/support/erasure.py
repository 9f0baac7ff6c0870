"""A person in the records, and where a search for that person looks."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import zstandard

from cybilgraph import read
from tests.conftest import SEED

#: The contact of the seed record, whose name occurs in no other record.
[_CONTACT] = next(iter(read(SEED))).contacts
NAME, EMAIL = _CONTACT.name, _CONTACT.email


def everything(folder: Path) -> bytes:
    """Return the decompressed content of all files in a folder, except stores."""
    parts = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.parent.name == "store":
            continue
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        elif path.suffix == ".zst":
            content = zstandard.ZstdDecompressor().stream_reader(content).read()
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                content = b"".join(archive.read(name) for name in archive.namelist())
        parts.append(content)
    return b"\n".join(parts)


PROSE = """A project

Summary

It helps Fiji.
Write to Tevita.Losa@example.org, or (tevita.losa [at] example [dot] org), or call +676 555 12 34.
The Council of Europe delivers it with others@partner.example.org.

Contact

Tevita Losa
tevita.losa@example.org
Tel: +676 555 12 34
"""
