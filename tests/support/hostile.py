"""Hostile input files: functions that create their bytes, by name, for each suffix and for all suffixes."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import zipfile
import zlib
from collections.abc import Callable
from functools import cache

import openpyxl

from cybilgraph.readers import READERS
from tests.conftest import SEED

SUFFIXES = tuple(READERS)
TABLES, DOCUMENTS = (".csv", ".tsv"), (".json", ".jsonl", ".ndjson", ".yaml", ".yml")
XML, RDF_XML, HTML = (".xml", ".iati"), (".rdf", ".owl"), (".html", ".htm", ".xhtml")
TURTLE, LINES = (".ttl", ".n3", ".trig"), (".nt", ".nq")
#: The files below refer to this one, which no reader may open.
BAIT = "/etc/hostname"
BAIT_URL = "http://127.0.0.1:9/bait"
Maker = Callable[[], bytes]


def _good() -> dict[str, bytes]:
    """Return a valid file of each suffix."""
    page = SEED.read_bytes()
    row = {"title": "A table of Kenya", "code": "G0101", "funders": "UNODC", "summary": "It helps Kenya."}
    rows = ([*row], [*row.values()])
    table, book = io.StringIO(), openpyxl.Workbook()
    csv.writer(table).writerows(rows)
    for cells in rows:
        book.active.append(cells)
    workbook = io.BytesIO()
    book.save(workbook)
    tsv = "\n".join("\t".join(cells) for cells in rows)
    document = json.dumps({"projects": [row]})
    html = "<html><head><title>T</title></head><body><h1>A page</h1><h2>Summary</h2><p>It helps Fiji.</p></body></html>"
    iati = (
        '<?xml version="1.0"?><iati-activities version="2.03"><iati-activity><iati-identifier>X-1</iati-identifier>'
        "<title><narrative>A project</narrative></title><description><narrative>It helps Peru.</narrative>"
        "</description></iati-activity></iati-activities>"
    )
    return {
        **dict.fromkeys((".txt", ".text", ""), page),
        ".csv": table.getvalue().encode(),
        ".tsv": tsv.encode(),
        ".xlsx": workbook.getvalue(),
        **dict.fromkeys((".json", ".jsonl", ".ndjson", ".yaml", ".yml"), document.encode()),
        **dict.fromkeys(XML, iati.encode()),
        **dict.fromkeys(HTML, html.encode()),
        **_archives(html.encode()),
        **_graphs(),
    }


def _archives(page: bytes) -> dict[str, bytes]:
    archive = warc_record("https://example.org/projects/a-page/", page)
    return {".warc": archive, ".warc.gz": gzip.compress(archive)}


def warc_record(
    address: str, page: bytes, headers: str = "", kind: str = "response", date: str = "2026-01-31"
) -> bytes:
    """Return a record of a web archive."""
    content = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + headers.encode() + b"\r\n" + page
    head = (
        f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {address}\r\nWARC-Date: {date}T10:00:00Z\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content + b"\r\n\r\n"


def _graphs() -> dict[str, bytes]:
    from cybilgraph import pipeline
    from cybilgraph.model.formats import BY_NAME

    def written(name: str) -> bytes:
        output = io.BytesIO()
        pipeline.convert([SEED], BY_NAME[name], output)
        return output.getvalue()

    names = {
        **dict.fromkeys(TURTLE, "turtle"),
        **dict.fromkeys(LINES, "ntriples"),
        **dict.fromkeys(RDF_XML, "rdfxml"),
        ".jsonld": "jsonld",
    }
    return {suffix: written(name) for suffix, name in names.items()}


GOOD = cache(_good)


# ---- makers ---------------------------------------------------------------------------------


def _random(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def _workbook(parts: dict[str, bytes | str], **changed: bytes | str) -> bytes:
    """Return a valid workbook with replaced parts."""
    output = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(GOOD()[".xlsx"])) as good,
        zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in dict.fromkeys([*good.namelist(), *parts]):
            new.writestr(name, parts[name] if name in parts else good.read(name))
    return output.getvalue()


def _sheet(rows: str, head: str = "") -> bytes:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return _workbook(
        {
            "xl/worksheets/sheet1.xml": f'<?xml version="1.0"?>{head}<worksheet xmlns="{space}"><sheetData>{rows}'
            "</sheetData></worksheet>"
        }
    )


def _cells(*texts: str, number: int = 1) -> str:
    cells = "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in texts)
    return f'<row r="{number}">{cells}</row>'


def _lying_zip() -> bytes:
    """Return an archive whose directory wrongly states that a part has ten bytes uncompressed."""
    raw = bytearray(_sheet(_cells("title") + "".join(_cells("x" * 1000, number=n) for n in range(2, 2000))))
    at = raw.rfind(b"PK\x01\x02", 0, raw.rfind(b"xl/worksheets/sheet1.xml"))
    raw[at + 24 : at + 28] = (10).to_bytes(4, "little")
    return bytes(raw)


def _encrypted() -> bytes:
    raw = bytearray(GOOD()[".xlsx"])
    for sign, flag in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := raw.find(sign, at + 1)) >= 0:
            raw[at + flag] |= 1
    return bytes(raw)


def _method(number: int) -> bytes:
    raw = bytearray(GOOD()[".xlsx"])
    for sign, flag in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = -1
        while (at := raw.find(sign, at + 1)) >= 0:
            raw[at + flag : at + flag + 2] = number.to_bytes(2, "little")
    return bytes(raw)


def _iati(activity: str, head: str = "") -> bytes:
    return (
        f'<?xml version="1.0"?>{head}<iati-activities version="2.03"><iati-activity>{activity}</iati-activity>'
        "</iati-activities>"
    ).encode()


def _rdfxml(inner: str, head: str = "", more: str = "") -> bytes:
    space = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    return (
        f'<?xml version="1.0"?>{head}<rdf:RDF xmlns:rdf="{space}" xmlns:cyb="https://w3id.org/cybilgraph/ontology#" '
        f'xmlns:dcterms="http://purl.org/dc/terms/"{more}>{inner}</rdf:RDF>'
    ).encode()


def _turtle(title: str, more: str = "") -> bytes:
    return (
        "@prefix cyb: <https://w3id.org/cybilgraph/ontology#> . @prefix dcterms: <http://purl.org/dc/terms/> .\n"
        f'<https://w3id.org/cybilgraph/id/project/x> a cyb:Project ; dcterms:title "{title}" {more} .'
    ).encode()


_BOMB = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12))
    + "]>"
)
_OUTSIDE = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{BAIT}"><!ENTITY % p SYSTEM "{BAIT_URL}"> %p;]>'
_DTD = f'<!DOCTYPE iati-activities SYSTEM "{BAIT_URL}">'
_TITLE = "<title><narrative>A project</narrative></title>"

#: For every suffix: name → maker.
ANY: dict[str, Maker] = {
    "empty": lambda: b"",
    "blank": lambda: b" \r\n\t\n ",
    "nul": lambda: b"\0" * 1000,
    "one-byte": lambda: b"\xff",
    "marks-alone": lambda: b"\xef\xbb\xbf",
    "utf16-mark-alone": lambda: b"\xff\xfe",
    "random": lambda: _random(20_000),
    "gzip": lambda: b"\x1f\x8b\x08\0" + _random(500),
    "zip": lambda: b"PK\x03\x04" + _random(500),
    "empty-zip": lambda: b"PK\x05\x06" + b"\0" * 18,
    "jpeg": lambda: b"\xff\xd8\xff\xe0\0\x10JFIF\0" + _random(500),
    "pdf": lambda: b"%PDF-1.7\n" + _random(500),
    "compressed": lambda: zlib.compress(b"x" * 100_000),
    "page": lambda: SEED.read_bytes(),
    "cp1252": lambda: "Côte d’Ivoire – “project”\n\nSummary\n\nIt helps.".encode("cp1252"),
    "utf16": lambda: SEED.read_text(encoding="utf-8").encode("utf-16"),
    "utf16-odd": lambda: "A project".encode("utf-16") + b"\0",
    "utf16-no-mark": lambda: SEED.read_text(encoding="utf-8").encode("utf-16-le"),
    "utf32": lambda: "A project".encode("utf-32"),
    "utf7": lambda: "A proj–ct".encode("utf-7"),
    "surrogates": lambda: "A \ud800 project \udfff".encode("utf-8", "surrogatepass"),
    "overlong": lambda: b"A \xc0\xaf\xe0\x80\xaf\xf8\x88\x80\x80\xaf project",
    "no-line-end": lambda: b"A project " * 15_000,
    "one-word": lambda: b"x" * 150_000,
    "line-ends": lambda: b"\n" * 120_000,
    "carriage-returns": lambda: b"A project\rSummary\rIt helps.\r",
    "separators": lambda: "A project\u2028Summary\x85It helps.\x0b\x0c\x1c\x1d\x1e".encode(),
    "direction": lambda: "A \u202eproject\u2066 of \u200fKenya\n\nSummary\n\n\u202dIt helps.".encode(),
    "escape-sequences": lambda: b"A \x1b[31mproject\x1b]0;x\x07\nSummary\n\xc2\x9b31m helps",
    "not-characters": lambda: "A \ufffe\uffff\U0010ffff\ufdd0 project".encode(),
    "combining": lambda: b"A " + "\u0301".encode() * 20_000,
    "paths": lambda: b"../../etc/passwd\n\nCybil code: ../../x\n\nSummary\n\n/etc/passwd",
    "templates": lambda: b"{{7*7}} ${7*7} %s%s%n {0} [red]x[/red] <script>alert(1)</script>",
    "brackets": lambda: b"[" * 15_000,
    "braces": lambda: b"{" * 15_000,
    "objects": lambda: b'{"a":' * 20_000,
    "round": lambda: b"(" * 15_000,
    "tags": lambda: b"<a>" * 20_000,
    "less-than": lambda: b"<" * 80_000,
    "triple-terms": lambda: b"<<" * 20_000,
    "quotes": lambda: b'"' * 100_001,
    "apostrophes": lambda: b"'" * 100_001,
    "backslashes": lambda: b'"' + b"\\" * 100_001,
    "ampersands": lambda: b"&" * 15_000,
    "dashes": lambda: b"- " * 20_000,
    "colons": lambda: b"a: " * 30_000,
    "commas": lambda: b"," * 80_000,
    "tabs": lambda: b"\t" * 80_000,
    "bomb": lambda: (_BOMB + "<x>&m;</x>").encode(),
    "outside": lambda: (_OUTSIDE + "<x>&e;</x>").encode(),
    "sparse": lambda: b"",  # the test extends it to a large sparse file
}

#: Of some suffixes: their own.
_TABLE_CASES: dict[str, Maker] = {
    "one-line": lambda: b"title," + b"x" * 300_000,
    "open-quote": lambda: b'title,summary\n"' + b"x" * 300_000,
    "long-cell": lambda: b"title,summary\nx," + b"y " * 100_000,
    "many-columns": lambda: b"title," + b"a," * 100_000 + b"\n1\n",
    "long-rows": lambda: b"title\n" + b"a," * 100_000,
    "quotes-inside": lambda: b"title,summary\n" + b"".join(b'%d,"b"c"\n' % n for n in range(300)),
    "same-column": lambda: b"title,title,title\n1,2,3\n",
    "formulas": lambda: b"title,summary\n=cmd|' /C calc'!A0,@SUM(1)\n",
    "each-line-opens": lambda: b"title,summary\n" + b'a","\n' * 1_000,
    "field-of-lines": lambda: b'title,summary\n"' + (b"a" * 99 + b"\n") * 1_400 + b'",b\n',
    "names-alone": lambda: b"title,summary\n",
    "no-names": lambda: b"1,2\n3,4\n",
    "column-of-brackets": lambda: b"title,[/red]\n1,[red]\n",
}
_JSON_CASES: dict[str, Maker] = {
    "lone-surrogates": lambda: b'{"title":"a \\ud800 b","\\udfff":"\\ud800","url":"https://e.org/\\ud800"}',
    "surrogate-code": lambda: (
        b'{"code":"\\ud800","links":["https://e.org/\\udc00"],"contacts":["\\ud800@example.org"]}'
    ),
    "deep-items": lambda: b'{"title":"x","outcomes":' + b'{"under":"a","items":' * 220 + b'"x"' + b"}" * 221,
    "deeper-items": lambda: b'{"title":"x","outcomes":' + b'{"under":"a","items":' * 470 + b'"x"' + b"}" * 471,
    "deep-lists": lambda: b'{"title":"x","outcomes":' + b"[" * 400 + b'"x"' + b"]" * 400 + b"}",
    "numbers": lambda: b'{"title":' + b"9" * 20_000 + b',"start":1e999999,"end":NaN,"status":true,"summary":-Infinity}',
    "wrong-kinds": lambda: (
        b'{"title":{"a":[1]},"code":[],"status":{},"start":[["2018"]],"contacts":{"name":{"x":1}},'
        b'"links":{"url":[1]},"outcomes":{"under":{},"items":{"a":{}}},"part_of":[null,{"a":1}],"language":["en"]}'
    ),
    "projects-of-nothing": lambda: b'{"projects":[[],null,1,"x",{"title":"Kept"}]}',
    "projects-text": lambda: b'{"projects":"x"}',
    "top-level": lambda: b'"x"',
    "half": lambda: b'{"projects":[{"title":"A"},{"title":"B',
    "context": lambda: b'{"@context":"%s","@id":"file://%s","title":"x"}' % (BAIT_URL.encode(), BAIT.encode()),
    "keys": lambda: b"{" + b",".join(b'"k%d":"v"' % n for n in range(5_000)) + b',"title":"x"}',
    "long-key": lambda: b'{"' + b"k" * 200_000 + b'":"v","title":"x"}',
}
_YAML_CASES: dict[str, Maker] = {
    "tags-of-python": lambda: (
        b'title: !!python/object/apply:os.system ["touch /tmp/hostile"]\nsummary: !!binary "eA=="\n'
    ),
    "include": lambda: b"title: !include %s\nsummary: !<file://%s> x\n" % (BAIT.encode(), BAIT.encode()),
    "aliases": lambda: b"a: &a [x, x]\nb: &b [*a, *a]\ntitle: [*b, *b]\n",
    "itself": lambda: b"title: &a [*a]\n",
    "merge": lambda: b"title: x\n<<: {summary: y}\n",
    "keys-that-are-lists": lambda: b"? [a, b]\n: x\n? {c: d}\n: y\ntitle: z\n",
    "nul-inside": lambda: b"title: a\0b\n",
    "escaped": lambda: b'title: "a\\0\\x07\\x1b[31m\\uD800\\u202e"\n',
    "anchors": lambda: b"".join(b"&a%d x%d: y\n" % (n, n) for n in range(2_000)),
    "documents": lambda: b"--- {title: x}\n" * 300,
    "tabs-inside": lambda: b"title:\n\t- x\n",
    "directives": lambda: b"%%YAML 9.9\n%%TAG ! tag:%s,2000:\n---\ntitle: x\n" % BAIT.encode(),
    "many-nodes": lambda: b"title: x\noutcomes:\n" + b"- a\n" * 100_000,
    "empty-nodes": lambda: b"-\n" * 200_000,
}
_XML_CASES: dict[str, Maker] = {
    "bomb-inside": lambda: _iati("<title><narrative>&m;</narrative></title>", _BOMB),
    "outside-inside": lambda: _iati("<title><narrative>&e;</narrative></title>", _OUTSIDE),
    "dtd": lambda: _iati(_TITLE, _DTD),
    "style-sheet": lambda: _iati(_TITLE, f'<?xml-stylesheet href="{BAIT_URL}" type="text/xsl"?>'),
    "include": lambda: _iati(
        f'{_TITLE}<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file://{BAIT}" parse="text"/>'
    ),
    "schema-place": lambda: _iati(
        f'<title xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="{BAIT_URL}">'
        "<narrative>A</narrative></title>"
    ),
    "wrapped-lines": lambda: _iati(
        f"{_TITLE}<description><narrative>" + "a\n" * 100_000 + "</narrative></description>"
    ),
    "many-narratives": lambda: _iati("<title>" + "<narrative>a</narrative>" * 50_000 + "</title>"),
    "many-activities": lambda: _iati("</iati-activity><iati-activity>".join([_TITLE] * 300)),
    "broken-encoding": lambda: _iati(_TITLE).replace(b'"1.0"', b'"1.0" encoding="utf-99"'),
    "wrong-encoding": lambda: _iati(_TITLE).replace(b'"1.0"', b'"1.0" encoding="utf-16"'),
    "ebcdic": lambda: _iati(_TITLE).replace(b'"1.0"', b'"1.0" encoding="IBM037"'),
    "deep": lambda: _iati("<a>" * 10_000),
    "attributes": lambda: _iati("<title " + " ".join(f"a{n}='x'" for n in range(20_000)) + "/>"),
    "namespaces": lambda: _iati("<title " + " ".join(f"xmlns:a{n}='x'" for n in range(5_000)) + "/>"),
    "references": lambda: _iati("<title><narrative>&#0; &#xD800; &#x1F600; &#x202e;</narrative></title>"),
    "cut": lambda: _iati(_TITLE)[:-30],
    "two-roots": lambda: _iati(_TITLE) * 2,
    "dates": lambda: _iati(
        f'{_TITLE}<activity-date type="1" iso-date="{"9" * 5000}"/><activity-status code="{"x" * 5000}"/>'
    ),
}
_RDF_XML_CASES: dict[str, Maker] = {
    "bomb-inside": lambda: _rdfxml("<cyb:Project><dcterms:title>&m;</dcterms:title></cyb:Project>", _BOMB),
    "outside-inside": lambda: _rdfxml("<cyb:Project><dcterms:title>&e;</dcterms:title></cyb:Project>", _OUTSIDE),
    "base": lambda: _rdfxml(
        "<cyb:Project rdf:about=''><dcterms:title>x</dcterms:title></cyb:Project>", more=f' xml:base="file://{BAIT}"'
    ),
    "resource": lambda: _rdfxml(
        f'<cyb:Project rdf:about="file://{BAIT}"><dcterms:source rdf:resource="{BAIT_URL}"/></cyb:Project>'
    ),
    "deep": lambda: _rdfxml("<cyb:Project><cyb:funder>" * 5_000),
    "literal": lambda: _rdfxml(
        '<cyb:Project><dcterms:title rdf:parseType="Literal"><b>x</b></dcterms:title></cyb:Project>'
    ),
}
_TURTLE_CASES: dict[str, Maker] = {
    "control": lambda: _turtle("a \\u0001\\u001b[31m\\u0007\\u202e b", '; dcterms:abstract "\\u0000\\uFFFE"'),
    "surrogate": lambda: _turtle("a \\uD800 b"),
    "base": lambda: f"@base <file://{BAIT}> .\n".encode() + _turtle("a", "; dcterms:source <> , <x>"),
    "nested": lambda: _turtle("a", "; cyb:funder " + "[ cyb:funder " * 5_000),
    "collections": lambda: _turtle("a", "; cyb:funder " + "(" * 5_000),
    "prefixes": lambda: b"".join(b"@prefix p%d: <x:> .\n" % n for n in range(5_000)) + _turtle("a"),
    "loop": lambda: _turtle("a", "; dcterms:isPartOf <https://w3id.org/cybilgraph/id/project/x>"),
    "many-titles": lambda: _turtle("a", ", " + ",".join(f'"t{n}"' for n in range(5_000))),
    "many-projects": lambda: _turtle("a").replace(b"project/x>", b"project/%2e%2e%2f>") + b"\n" + _turtle("b"),
    "key": lambda: _turtle("a").replace(b"project/x>", b"project/" + b"y" * 20_000 + b">"),
    "numbers": lambda: _turtle(
        "a", "; cyb:outcome <https://w3id.org/cybilgraph/id/project/x/outcome/99999999999999999999>"
    ),
    "languages": lambda: _turtle("a", ", " + ",".join(f'"t"@a-{n}' for n in range(2_000))),
}
_JSONLD_CASES: dict[str, Maker] = {
    "context-of-net": lambda: b'{"@context":"%s","@id":"x","title":"y"}' % BAIT_URL.encode(),
    "context-of-file": lambda: b'{"@context":["file://%s",{"a":"x:y"}],"a":"y"}' % BAIT.encode(),
    "import": lambda: b'{"@context":{"@version":1.1,"@import":"%s"},"@id":"x"}' % BAIT_URL.encode(),
    "context-in-itself": lambda: b'{"@context":{"a":{"@id":"a:a","@context":{"a":{"@id":"a:a"}}}},"a":{"a":"x"}}',
    "lone-surrogates": lambda: (
        b'{"@id":"x:y","@type":"https://w3id.org/cybilgraph/ontology#Project",'
        b'"http://purl.org/dc/terms/title":"\\ud800"}'
    ),
}
_HTML_CASES: dict[str, Maker] = {
    "loads": lambda: (
        f'<html><head><base href="file://{BAIT}"><link rel=stylesheet href="{BAIT_URL}"><link rel=canonical href="{BAIT_URL}">'
        f'<meta http-equiv=refresh content="0;url={BAIT_URL}"><script src="{BAIT_URL}"></script></head><body><h1>T</h1>'
        f'<iframe src="file://{BAIT}"></iframe><object data="file://{BAIT}"></object><img src="{BAIT_URL}"><p>Summary<p>x'
    ).encode(),
    "dtd": lambda: f'<!DOCTYPE html SYSTEM "{BAIT_URL}"><html><h1>T</h1><p>Summary<p>x'.encode(),
    "linked-data": lambda: (
        b'<html><head><script type="application/ld+json">{"@context":"%s","@type":"WebPage",'
        b'"url":"https://e.org/\\ud800","dateModified":"2020-01-01\\ud800"}</script></head><h1>T</h1><p>Summary<p>x'
        % BAIT_URL.encode()
    ),
    "deep-data": lambda: b'<html><script type="application/ld+json">' + b"[" * 90_000 + b"</script><h1>T</h1><p>x",
    "broken-host": lambda: (
        b"<html><base href='http://[::1'><h1>T</h1><h2>Links</h2><a href='//[x'>a</a><a href='..//['>b</a>"
    ),
    "references": lambda: b"<h1>&#xD800; &#0; &#x1b;[31m &#x202e; T</h1><p>Summary<p>&#xFFFE;",
    "charset": lambda: b"<html><meta charset=zip><h1>T</h1><p>Summary<p>\xff",
    "utf7-charset": lambda: b"<html><meta charset=utf-7><h1>T</h1><p>+ADw-script+AD4-",
    "attributes": lambda: b"<p " + b"".join(b"a%d=x " % n for n in range(50_000)) + b">x",
    "one-attribute": lambda: b"<p title='" + b"x" * 1_000_000 + b"'>x",
    "deep": lambda: b"<div>" * 20_000,
    "tables": lambda: b"<table><tr><td>" * 80 + b"<h1>T</h1>x",
    "many-tables": lambda: b"<table><tr><th>Status<th>From<tr><td>a<td>b</table>" * 2_000,
    "many-cells": lambda: b"<table><tr>" + b"<td>a" * 50_000,
    "lists": lambda: b"<ul><li>a" * 100,
    "labels": lambda: b"<p>Summary" * 20_000,
    "links": lambda: b"<h1>T</h1><h2>Links</h2><p>" + b"<a href=x>y</a>" * 20_000,
    "comments": lambda: b"<!--" * 50_000,
    "scripts": lambda: b"<script>" * 20_000,
    "paragraphs": lambda: b"<p>a</p>" * 19_000,
    "breaks": lambda: b"<h1>T</h1>x" + b"<br>" * 100_000,
    "classes": lambda: b"<div class='" + b"nav " * 100_000 + b"'><h1>T</h1>x",
}
_XLSX_CASES: dict[str, Maker] = {
    "cut": lambda: GOOD()[".xlsx"][:-200],
    "no-end": lambda: GOOD()[".xlsx"][:2_000],
    "bomb": lambda: _workbook({"xl/worksheets/sheet1.xml": b"\0" * 120_000_000}),
    "lying": _lying_zip,
    "encrypted": _encrypted,
    "bzip2": lambda: _method(12),
    "lzma": lambda: _method(14),
    "unknown-method": lambda: _method(99),
    "entities": lambda: _sheet(_cells("title") + _cells("&m;", number=2), _BOMB),
    "outside": lambda: _sheet(_cells("title") + _cells("&e;", number=2), _OUTSIDE),
    "entities-of-book": lambda: _workbook({"xl/workbook.xml": _BOMB + "<workbook>&m;</workbook>"}),
    "outside-of-book": lambda: _workbook({"xl/workbook.xml": _OUTSIDE + "<workbook>&e;</workbook>"}),
    "outside-of-types": lambda: _workbook({"[Content_Types].xml": _OUTSIDE + "<Types>&e;</Types>"}),
    "damaged-book": lambda: _workbook({"xl/workbook.xml": b"<workbook"}),
    "damaged-sheet": lambda: _workbook({"xl/worksheets/sheet1.xml": b"<worksheet><sheetData><row><c"}),
    "damaged-styles": lambda: _workbook({"xl/styles.xml": b"<styleSheet"}),
    "empty-parts": lambda: _workbook(
        dict.fromkeys(("xl/workbook.xml", "xl/styles.xml", "xl/worksheets/sheet1.xml"), b"")
    ),
    "no-sheet": lambda: _workbook(
        {"xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>'}
    ),
    "paths": lambda: _workbook({"../../../tmp/hostile": b"x", "/etc/hostile": b"x"}),
    "external": lambda: _workbook(
        {
            "xl/externalLinks/externalLink1.xml": b"<externalLink/>",
            "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
            f'Target="file://{BAIT}" TargetMode="External"/></Relationships>',
        }
    ),
    "far-cell": lambda: _sheet(
        f'{_cells("title")}<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row>'
    ),
    "beyond": lambda: _sheet(
        f'{_cells("title")}<row r="99999999999"><c r="ZZZZZ9" t="inlineStr"><is><t>x</t></is></c></row>'
    ),
    "negative": lambda: _sheet(f'{_cells("title")}<row r="-5"><c r="A-1"><v>x</v></c></row>'),
    "numbers": lambda: _sheet(
        f'{_cells("title", "start", "code")}<row r="2"><c><v>{"9" * 500}</v></c><c s="1"><v>1e308</v></c><c><v>NaN</v></c></row>'
        '<row r="3"><c t="d"><v>99999-99-99</v></c><c t="s"><v>99999</v></c><c t="b"><v>x</v></c><c t="zz"><v>1</v></c></row>'
    ),
    "unknown-tags": lambda: _sheet(_cells("title") + "<a/>" * 3_000_000),
    "empty-cells": lambda: _sheet(_cells("title") + "<row>" + "<c/>" * 3_000_000 + "</row>"),
    "many-formats": lambda: _workbook({"xl/styles.xml": "<styleSheet><cellXfs>" + "<xf/>" * 1_000_000}),
    "one-part-many-sheets": lambda: _workbook({"xl/workbook.xml": f"<workbook><sheets>{'<sheet/>' * 50_000}"}),
    "wide-rows": lambda: _sheet(
        _cells("title") + "".join(f'<row r="{n}"><c r="ZZZ{n}"><v>1</v></c></row>' for n in range(2, 100_000))
    ),
    "many-rows": lambda: _sheet(_cells("title") + "<row/>" * 200_000),
    "long-cell": lambda: _sheet(_cells("title", "summary") + _cells("x", "y " * 300_000, number=2)),
    "escapes": lambda: _sheet(_cells("title") + _cells("_xD800_ _x0007_ _x001B_[31m", number=2)),
    "error-cell": lambda: _sheet(f'{_cells("title")}<row r="2"><c t="e"><v>#REF!</v></c></row>'),
}

_PAGE = b"<h1>T</h1><p>Status: Finished"
_ADDRESS = "https://example.org/projects/x/"
_ARCHIVE_CASES: dict[str, Maker] = {
    "addresses": lambda: b"".join(
        warc_record(address, _PAGE)
        for address in (
            BAIT_URL,
            f"file://{BAIT}",
            "http://[::1",
            "https://x/\x1b[31m\u202e",
            "x" * 100_000,
            "",
            "urn:x",
        )
    ),
    "page-that-loads": lambda: warc_record(BAIT_URL, _HTML_CASES["loads"]()),
    "page-of-tags": lambda: warc_record(_ADDRESS, b"<div>" * 20_000),
    "page-bomb": lambda: warc_record(_ADDRESS, gzip.compress(bytes(50_000_000)), "Content-Encoding: gzip\r\n"),
    "long-header": lambda: b"WARC/1.1\r\nX: " + b"x" * 2_000_000,
    "long-http-header": lambda: warc_record(_ADDRESS, b"", "X: " + "x" * 2_000_000),
    "many-headers": lambda: warc_record(_ADDRESS, _PAGE, "X: y\r\n" * 100_000),
    "blank-lines": lambda: warc_record(_ADDRESS, _PAGE) + b"\r\n" * 1_000_000 + warc_record(_ADDRESS, _PAGE),
    "lengths": lambda: b"".join(
        b"WARC/1.1\r\nWARC-Type: response\r\nContent-Length: %b\r\n\r\n\r\n\r\n" % length
        for length in (b"0", b"", b"x", b"-1", b"9" * 30)
    ),
    "chunks": lambda: warc_record(_ADDRESS, b"fffffff\r\n" * 1_000 + b"zz\r\n", "Transfer-Encoding: chunked\r\n"),
    "encodings": lambda: b"".join(
        warc_record(_ADDRESS, _PAGE, f"Content-Encoding: {coding}\r\n") for coding in ("br", "gzip", "x" * 9_000, "\0")
    ),
    "many-records": lambda: warc_record(_ADDRESS, b"", kind="request") * 20_000,
    "fields": lambda: warc_record(_ADDRESS, b"cybilgraph-gone: \x1b[31m\r\n" * 1_000, kind="metadata"),
    "dates": lambda: warc_record(_ADDRESS, _PAGE, date="9999-99-99") + warc_record(_ADDRESS, _PAGE, date="\u202e"),
}


def cases() -> dict[str, Maker]:
    """Return the function that creates each file of the corpus, by name."""
    own: list[tuple[tuple[str, ...], dict[str, Maker]]] = [
        (TABLES, _TABLE_CASES),
        (DOCUMENTS, _JSON_CASES),
        ((".yaml", ".yml"), _YAML_CASES),
        (XML, _XML_CASES),
        (RDF_XML, _RDF_XML_CASES),
        (TURTLE, _TURTLE_CASES),
        ((".jsonld",), _JSONLD_CASES),
        (HTML, _HTML_CASES),
        ((".xlsx",), _XLSX_CASES),
        ((".warc",), _ARCHIVE_CASES),
    ]
    found = {f"{name}{suffix}": maker for suffix in SUFFIXES for name, maker in ANY.items()}
    for suffixes, makers in own:
        found |= {f"own-{name}{suffix}": maker for suffix in suffixes for name, maker in makers.items()}
    for suffix in SUFFIXES:
        for part in (3, 2):
            found[f"cut-{part}{suffix}"] = lambda suffix=suffix, part=part: GOOD()[suffix][
                : len(GOOD()[suffix]) * (part - 1) // part
            ]
        found[f"flipped{suffix}"] = lambda suffix=suffix: bytes(
            byte ^ (0x20 if at % 97 == 50 else 0) for at, byte in enumerate(GOOD()[suffix])
        )
        found[f"twice{suffix}"] = lambda suffix=suffix: GOOD()[suffix] * 2
    return found
