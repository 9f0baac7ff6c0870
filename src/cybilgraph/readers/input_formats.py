"""The formats of inputs that may come without a file name, and how to recognise them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from cybilgraph.model.findings import escape_controls
from cybilgraph.model.formats import FORMATS, FormatKind
from cybilgraph.readers.cells import find_field
from cybilgraph.readers.inputs import COMPRESSED_ARCHIVE


@dataclass(frozen=True, slots=True)
class InputFormat:
    """An input format. ``suffix`` selects its reader; ``is_text`` is false for binary formats."""

    name: str
    title: str
    suffix: str
    media_types: tuple[str, ...]
    is_text: bool = True


INPUT_FORMATS = (
    InputFormat("text", "Text of a project page", ".txt", ("text/plain",)),
    InputFormat("html", "Saved web page (HTML)", ".html", ("text/html", "application/xhtml+xml")),
    InputFormat("yaml", "YAML", ".yaml", ("application/yaml", "application/x-yaml", "text/yaml")),
    InputFormat("json", "JSON", ".json", ("application/json",)),
    InputFormat("jsonl", "JSON Lines", ".jsonl", ("application/jsonl", "application/x-ndjson")),
    InputFormat("csv", "Table (CSV)", ".csv", ("text/csv",)),
    InputFormat("tsv", "Table (TSV)", ".tsv", ("text/tab-separated-values",)),
    InputFormat(
        "xlsx",
        "Workbook (XLSX)",
        ".xlsx",
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",),
        False,
    ),
    InputFormat("iati", "IATI activities (XML)", ".xml", ("application/xml", "text/xml")),
    InputFormat("warc", "Web archive (WARC)", ".warc", ("application/warc",), False),
    *(
        InputFormat(fmt.name, fmt.title, f".{fmt.suffix}", fmt.media_types)
        for fmt in FORMATS
        if fmt.kind is not FormatKind.RESULTS
    ),
)
BY_NAME = {fmt.name: fmt for fmt in INPUT_FORMATS}
_BY_MEDIA_TYPE = {
    media_type: fmt.suffix
    for fmt in reversed(INPUT_FORMATS)  # the first one wins
    for media_type in fmt.media_types
    if media_type != "text/plain"
}

_MAX_PROBE_BYTES = 4_096
#: Comments before the content, matched possessively: otherwise a text of comments only could be split in too
#: many ways.
_HASHES = r"(?:#[^\n]*\n\s*)*+"
_COMMENTS = r"<\?xml[^>]*>\s*|<!--.*?-->\s*"
#: A literal in N-Quads with its language or datatype; possessive for the same reason.
_LITERAL = r'"(?:[^"\\\n]++|\\.)*+"\S*+'
#: Patterns for the start of the text, with the suffix that they imply; the first match wins.
_SIGNATURES: tuple[tuple[str, str], ...] = (
    (r"<!doctype html|<html\b", ".html"),
    (rf"(?>{_COMMENTS})*+<(?:iati|\w*:?iati-activit)", ".xml"),
    (rf"(?>{_COMMENTS}|<!doctype[^\[>]*(?:\[.*?\])?>\s*)*+<(?:\w+:)?rdf\b", ".rdf"),
    (r"<\?xml\b(?=.*<html\b)", ".html"),
    (r"<\?xml\b", ".xml"),
    (_HASHES + r"(?:@prefix|@base|prefix\s+[\w-]*:|base\s+<)(?=.*\{)(?=.*\bgraph\b|.*[>\w]\s*\{)", ".trig"),
    (_HASHES + r"(?:@prefix|@base|prefix\s+[\w-]*:\s*<|base\s+<)", ".ttl"),
    (rf"(?:<\S+>|_:\S+)\s+<\S+>\s+(?:<\S+>|_:\S+|{_LITERAL})\s+(?:<\S+>|_:\S+)\s*+\.", ".nq"),
    (r"(?:<\S+>|_:\S+)\s+<\S+>\s", ".ttl"),
    (r"[\[{](?=.*\"@(?:context|id|graph|type)\")", ".jsonld"),
    (r"\{[^\n]*\}[^\S\n]*+\n\s*+\{", ".jsonl"),
    (r"[\[{]", ".json"),
    (_HASHES + r"(?:---|%yaml|projects:\s*\n)", ".yaml"),
)
_PATTERNS = tuple((re.compile(rf"\s*(?:{begin})", re.IGNORECASE | re.DOTALL), suffix) for begin, suffix in _SIGNATURES)
_YAML = re.compile(r"(?:- )?([\w-]+): *(?:\S.*)?$")
_MAX_NAME_CHARACTERS = 100


def input_name(name: str, requested: str, media_type: str, content: bytes, known: frozenset[str]) -> str:
    """Return the name of an input, whose suffix selects the reader.

    The format ``requested`` wins, then the suffix of the file name if it is ``known``, then a media type more
    specific than "text" or "bytes", then the content. Raises KeyError if there is no such format.
    """
    stem = escape_controls(PurePosixPath(name.replace("\\", "/")).name)[-_MAX_NAME_CHARACTERS:].strip(". ") or "record"
    own_suffix = PurePosixPath(stem).suffix
    if requested:
        suffix = BY_NAME[requested].suffix
    elif own_suffix and own_suffix.lower() in known:
        return stem
    else:  # any format may be sent as text/plain
        suffix = _BY_MEDIA_TYPE.get(media_type) or guess_suffix(content)
    if own_suffix.lower() == suffix:
        return stem
    return f"{stem.removesuffix(own_suffix) if own_suffix.lower() in known else stem}{suffix}"


def guess_suffix(content: bytes) -> str:
    """Return the suffix for a content; that of page text if it looks like nothing else."""
    if content.startswith(b"PK"):
        return ".xlsx"
    if content.startswith((b"WARC/", b"\x1f\x8b")):
        return ".warc" if content.startswith(b"WARC/") else COMPRESSED_ARCHIVE
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = content[:_MAX_PROBE_BYTES].decode("utf-16" if wide else "utf-8-sig", errors="ignore")
    for pattern, suffix in _PATTERNS:
        if pattern.match(text):
            return suffix
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for separator, suffix in (("\t", ".tsv"), (",", ".csv"), (";", ".csv")):
        names = [cell.strip().strip('"') for cell in lines[0].split(separator) if cell.strip()] if lines else []
        if len(names) > 1 and 2 * sum(find_field(name) is not None for name in names) >= len(names):
            return suffix
    keys = [match[1] if (match := _YAML.match(line)) else "" for line in lines[:3]]
    is_yaml = all(key and key == key.lower() for key in keys) and any(map(find_field, keys))
    return ".yaml" if is_yaml else ".txt"
