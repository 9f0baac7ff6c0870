"""Texts that a backtracking scanner reads many times: a beginning, a repeated unit, and an end that fails to match.

They are sent to every route that reads untrusted text.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from urllib.parse import quote, quote_plus

from .attacks import BAD, DIRECT, FINE, FORM, HTTP_ERROR, REFUSED, Attack
from .client import Address, request

#: Sizes of queries in bytes. The last exceeds every limit.
SIZES = (16_000, 60_000, 100_000, 400_000, 1_000_000)
UNITS = {
    "closing brackets in an IRI": ("ASK { ?a ?b <x:", ")", "> }"),
    "closing brackets in an unclosed IRI": ("ASK { ?a ?b <x:", ")", ""),
    "escaped quotes": ('ASK { ?a ?b "', '\\"', ""),
    "escaped apostrophes": ("ASK { ?a ?b '", "\\'", ""),
    "quotes of both kinds": ("ASK { ", "\\'\\\"", ""),
    "unclosed quotes": ("ASK { ", '"\n', ""),
    "long strings": ('ASK { ?a ?b """', '\\"""', ""),
    "long strings of apostrophes": ("ASK { ?a ?b '''", "\\'''", ""),
    "names with dots": ("ASK { ", "a.", ""),
    "names with hyphens": ("ASK { ", "a-", ""),
    "dots": ("ASK { ?a ?b a:b", ".", ""),
    "unclosed IRIs": ("ASK { ", "<a", ""),
    "incomplete escapes": ("ASK { ", "\\u", ""),
    "escaped letters": ("ASK { ", "\\u0041", ""),
    "brackets in a path": ("ASK { ?a ", "(a|", "?b }"),
    "comments": ("ASK { ", "#\n", ""),
    "spaces": ("ASK { ?a ?b ", " ", ""),
    "functions without brackets": ("ASK { ", "NOW ", ""),
    "forms": ("", "SELECT ", ""),
    "no form": ("", "a ", ""),
}
#: Some of these texts are valid queries.
_ANY = FINE | BAD | REFUSED | {413, 429}
#: Texts for the record readers, the extraction and the search.
PROSE = {
    "spaces": ("A project\n\nSummary\n\nIt helps", " ", "Kenya."),
    "capitals": ("A project\n\nSummary\n\n", "A-A", " of"),
    "names": ("A project\n\nFunders\n\n", "A and ", ""),
    "numbers": ("A project\n\nContact\n\n", "(0 ", ""),
    "addresses": ("A project\n\nContact\n\n", "a.a@", ""),
    "labels": ("A project\n\n", "a:", ""),
    "quotes in Turtle": ('<a:b> <c:d> "', '\\"', ""),
    "quotes in JSON": ('[{"@id": "', '\\"', ""),
    "comments in XML": ("<?xml version='1.0'?>", "<!--", ""),
    "tags": ("<!doctype html>", "<p", ""),
}
HEADERS = {
    "accept": ("a/b;q=0.1,", "*,", '",', ' ;a="', ";", " "),
    "accept-encoding": ("gzip;q=0.1,", '",', "a ,", " "),
    "accept-language": ("a-b-c,", "en;q=0.1,", " "),
    "if-none-match": ('"a" ', 'W/"', '"', ", ", "a "),
    "if-modified-since": ("Mon, ", "1 ", "("),
    "if-range": ('W/"', " "),
    "range": ("bytes=", "0-1,", "0-"),
    "cookie": ('a="', "a=b; ", "\\", "= "),
    "content-type": (";a=b", ';a="', " ; "),
}


def text(unit: tuple[str, str, str], size: int) -> str:
    """Return a text of about ``size`` characters."""
    before, middle, after = unit
    return before + middle * ((size - len(before) - len(after)) // len(middle)) + after


def scans(address: Address, sizes: tuple[int, ...] = SIZES) -> Iterator[Attack]:
    """Yield attacks on the readers of queries, records, search terms and headers."""
    for name, unit in UNITS.items():
        for size in sizes:
            query = text(unit, size)
            sent = request(address, "POST", body=query.encode(), content_type=DIRECT)
            yield Attack(f"{size // 1000} kB of {name}", sent, _ANY)
        largest = min(max(sizes), 100_000)
        yield from _on_other_routes(address, name, text(unit, largest))
    yield from _records(address, min(max(sizes), 100_000))
    yield from _bodies(address, 5 * max(sizes))
    yield from _headers(address)


def _on_other_routes(address: Address, name: str, query: str) -> Iterator[Attack]:
    form = f"query={quote_plus(query, safe='')}".encode()
    html = "text/html"
    path = address.path
    yield Attack(f"form: {name}", request(address, "POST", body=form, content_type=FORM), _ANY)
    yield Attack(f"page: {name}", request(address, "POST", body=form, content_type=FORM, accept=html), _ANY, 3)
    explained = form + b"&explain=1"
    yield Attack(f"advice: {name}", request(address, "POST", body=explained, content_type=FORM, accept=html), _ANY, 3)
    use = Address(address.port, f"{path}/use", address.host)
    yield Attack(f"use: {name}", request(use, "POST", body=form, content_type=FORM), _ANY)
    short = quote(query[:15_000], safe="")[:60_000].rpartition("%")[0]
    yield Attack(f"GET: {name}", request(address, arguments=f"query={short}"), _ANY)
    named = Address(address.port, "/api/queries/example-outcomes-by-country", address.host)
    yield Attack(f"parameter: {name}", request(named, arguments=f"country={short}"), _ANY | {404})


def _records(address: Address, size: int) -> Iterator[Attack]:
    check, search = Address(address.port, "/api/check"), Address(address.port, "/search")
    for name, unit in PROSE.items():
        record = text(unit, size)
        # Records are checked in workers, which may use their ten seconds without affecting others.
        sent = request(check, "POST", body=record.encode(), content_type="text/plain", accept="application/json")
        yield Attack(f"check: {name}", sent, FINE | {400, 415, 422, 429, 503}, 12)
        words = quote(record[:15_000], safe="")[:15_900].rpartition("%")[0]
        yield Attack(f"search: {name}", request(search, arguments=f"q={words}", accept="text/html"), FINE | {400, 429})


#: Bodies that take long to decode: a beginning, a repeated unit, and an end.
BODIES = {
    "invalid escapes": (FORM, b"text=", b"%", b""),
    "escapes": (FORM, b"text=", b"%41", b""),
    "fields": (FORM, b"text=a", b"&a=1", b""),
    "empty fields": (FORM, b"text=a", b"&", b""),
    "lists in JSON": ("application/json", b'{"text":[[]', b",[]", b"]}"),
    "nested lists in JSON": ("application/json", b'{"text":', b"[", b""),
    "keys in JSON": ("application/json", b'{"text":"a"', b',"%d":0', b"}"),
    "escaped characters in JSON": ("application/json", b'{"text":"', b"\\u0041", b'"}'),
    "parts": (
        "multipart/form-data; boundary=x",
        b"",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n',
        b"",
    ),
    "invalid boundaries": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n',
        b"\r\n--",
        b"\r\n--x--\r\n",
    ),
    "rows with findings": ("text/csv", b"title,status,from,to\n", b"P%d,Finishd,Apr 2018,Mar 2017\n", b""),
}


def body(unit: tuple[str, bytes, bytes, bytes], size: int) -> tuple[str, bytes]:
    """Return the Content-Type and a body of about ``size`` bytes."""
    content_type, before, middle, after = unit
    number = (size - len(before) - len(after)) // len(middle)
    units = b"".join(map(middle.__mod__, range(number * 2 // 3))) if b"%d" in middle else middle * number
    return content_type, before + units + after


def _bodies(address: Address, size: int) -> Iterator[Attack]:
    """Yield bodies to all routes that accept one, and to one that does not."""
    for name, unit in BODIES.items():
        content_type, sent = body(unit, size)
        for path in ("/api/check", "/check", "/suggest/G0020", "/sparql", "/sparql/use", "/"):
            to, accept = Address(address.port, path, address.host), "text/html" if path != "/api/check" else "*/*"
            whole = request(to, "POST", body=sent.replace(b"text=", b"query=", 1) if "sparql" in path else sent,
                            content_type=content_type, accept=accept)  # fmt: skip
            statuses = FINE | {400, 404, 405, 413, 415, 422, 429, 503}
            yield Attack(f"body to {path}: {name}", whole, statuses, 12)


def _headers(address: Address) -> Iterator[Attack]:
    home, file = Address(address.port, "/"), Address(address.port, "/latest/graph.nq.zst")
    for name, units in HEADERS.items():
        for unit, size in ((unit, size) for unit in units for size in (900, 7_900, 60_000)):
            value = (unit * size)[: size - 1] + "a"
            for to, arguments in ((address, "query=ASK%7B%7D"), (home, ""), (file, "")):
                sent = request(to, "HEAD" if to is file else "GET", arguments, **{name: value})
                statuses = FINE | HTTP_ERROR | {304, 404, 406, 412, 416, 429}
                yield Attack(f"{name} of {size:,} times {unit!r} to {to.path}", sent, statuses)


_numbers = count()


def refused(address: Address, size: int) -> bytes:
    """Return a query of ``size`` bytes that the server refuses and has not seen before."""
    query = f"CLEAR ALL # {next(_numbers)} "
    return request(address, "POST", body=query.encode() + b"#" * (size - len(query)), close=False, content_type=DIRECT)
