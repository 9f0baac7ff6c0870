"""Tables of hostile queries and requests, with the statuses that each may get.

A query may run until its time limit (``timeout=``); one that is refused before it runs must be refused at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from urllib.parse import quote

from .client import JSON, Address, Reply, Trap, ask, exchange, request

#: The time limit of a query, and the deadline of all other requests, in seconds.
LIMIT, PROMPT = 2.0, 1.0
#: A response may exceed its deadline by this many seconds.
GRACE = 1.0

STOPPED, TOO_MUCH = frozenset({504}), frozenset({400, 422, 504})
BAD, REFUSED, FINE = frozenset({400}), frozenset({403}), frozenset({200})
HTTP_ERROR = frozenset({400, 408, 411, 413, 414, 431, 501})
#: Stands for a connection that the server closes without a response.
CLOSED = 0
NESTED = 10_000
P = "cyb:country|^cyb:country|cyb:funder|^cyb:funder|cyb:implementer|^cyb:implementer"


@dataclass(frozen=True, slots=True)
class Attack:
    """A request: its bytes, the statuses that are allowed, and its deadline in seconds.

    The response must not contain ``never``.
    """

    name: str
    sent: bytes
    statuses: Set[int]
    within: float = PROMPT
    never: bytes = b""

    def verdict(self, address: Address, source: str = "127.0.0.1") -> tuple[str, float, str]:
        """Send the request, and return the status, the elapsed seconds, and the problem, if any."""
        try:
            reply = exchange(address, self.sent, wait=self.within + 20, source=source)
        except OSError as error:
            if CLOSED in self.statuses:
                return "closed", 0, ""
            return "-", 0, f"no response: {error}"
        return str(reply.status), reply.seconds, self._wrong(reply)

    def _wrong(self, reply: Reply) -> str:
        if reply.status not in self.statuses:
            return f"not {'/'.join(map(str, sorted(self.statuses)))}: {reply.body[:200]!r}"
        if self.never and self.never in reply.body:
            return f"{self.never!r} is in the response"
        if reply.status in (429, 503) and not reply.headers.get("retry-after", "").isdigit():
            return "no Retry-After"
        return "late" if reply.seconds > self.within + GRACE else ""


HEAVY = {
    "cross product, counted": ("SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }", STOPPED),
    "cross product, all rows": ("SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }", TOO_MUCH),
    "cross product, sorted": ("SELECT * { ?a ?b ?c . ?d ?e ?f } ORDER BY ?f ?e DESC(?a)", TOO_MUCH),
    "DISTINCT of a product": ("SELECT DISTINCT ?c ?f { ?a ?b ?c . ?d ?e ?f } ORDER BY ?c", TOO_MUCH),
    "GROUP_CONCAT of a product": (
        "SELECT (GROUP_CONCAT(CONCAT(STR(?c), STR(?f))) AS ?x) { ?a ?b ?c . ?d ?e ?f }",
        TOO_MUCH,
    ),
    "GROUP BY all of a product": (
        "SELECT ?c ?f (SAMPLE(?a) AS ?x) { ?a ?b ?c . ?d ?e ?f } GROUP BY ?c ?f ORDER BY ?x",
        TOO_MUCH,
    ),
    "CONSTRUCT of a product": ("CONSTRUCT { ?a ?e ?f } { ?a ?b ?c . ?d ?e ?f }", TOO_MUCH),
    "DESCRIBE of a product": ("DESCRIBE ?a ?d { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }", TOO_MUCH),
    "path (a|b)*, both ends free": (f"SELECT (COUNT(*) AS ?n) {{ ?a ({P})* ?b }}", STOPPED),
    "path (!p)*, both ends free": ("SELECT (COUNT(*) AS ?n) { ?a (!cyb:none|!^cyb:none)* ?b }", STOPPED),
    "path ((p*)*)*": (f"SELECT (COUNT(*) AS ?n) {{ ?a ((({P})*)*)* ?b . ?b (({P})+)+ ?c }}", STOPPED),
    "long path of !p": (f"SELECT (COUNT(*) AS ?n) {{ ?a {'/'.join(['(!cyb:none|!^cyb:none)'] * 20)} ?b }}", STOPPED),
    "regex that backtracks": (
        'SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f FILTER(REGEX(CONCAT(STR(?c), STR(?f)), "^(([a-z])+.)+[A-Z]([a-z])+$")) }',
        STOPPED,
    ),
    "regex that expands": (
        'SELECT (COUNT(*) AS ?n) { ?a ?b ?c FILTER(REGEX(STR(?c), "((((a{1,99}){1,99}){1,99}){1,99}){1,99}")) }',
        frozenset({200, 400, 504}),
    ),
    "REPLACE of a product": (
        'SELECT (SUM(STRLEN(REPLACE(CONCAT(STR(?c), STR(?f)), "(.)", "$1$1$1$1"))) AS ?n) { ?a ?b ?c . ?d ?e ?f }',
        STOPPED,
    ),
    "hash of a product": ("SELECT (COUNT(DISTINCT SHA512(CONCAT(STR(?c), STR(?f)))) AS ?n) { ?a ?b ?c . ?d ?e ?f }", TOO_MUCH),
    "CONCAT doubled 40 times": (
        'SELECT (STRLEN(?x40) AS ?n) { BIND("0123456789" AS ?x0) '
        + " ".join(f"BIND(CONCAT(?x{n}, ?x{n}) AS ?x{n + 1})" for n in range(40))
        + " }",
        TOO_MUCH,
    ),
    "NOT EXISTS of a product": ("SELECT (COUNT(*) AS ?n) { ?a ?b ?c FILTER NOT EXISTS { ?d ?e ?f . ?g ?h ?c FILTER(?f = ?a) } }", STOPPED),
    "MINUS of products": ("SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f MINUS { ?a ?b ?f . ?g ?h ?i } }", TOO_MUCH),
    "OPTIONALs that multiply": (
        "SELECT (COUNT(*) AS ?n) { ?a a cyb:Project " + " ".join(f"OPTIONAL {{ ?a ?p{n} ?o{n} }}" for n in range(20)) + " }",
        STOPPED,
    ),
    "UNIONs that multiply": (
        "SELECT (COUNT(*) AS ?n) { " + " ".join(f"{{ ?a ?p{n} ?o{n} }} UNION {{ ?o{n} ?p{n} ?a }}" for n in range(20)) + " }",
        STOPPED,
    ),
    "subselects that multiply": (
        "SELECT (COUNT(*) AS ?n) { " + " ".join(f"{{ SELECT ?a{n} {{ ?a{n} ?p ?o }} }}" for n in range(20)) + " }",
        TOO_MUCH,
    ),
    "product of VALUES": (
        "SELECT (COUNT(*) AS ?n) { "
        + " ".join(f"VALUES ?x{m} {{ {' '.join(map(str, range(1_500)))} }}" for m in range(6))
        + " }",
        STOPPED,
    ),
    "1,000 patterns": ("SELECT * { " + " ".join(f"?a <http://x/{n}> ?b{n} ." for n in range(1_000)) + " }", STOPPED),
    "an object list of 4,000": ("SELECT * { ?a ?b " + ",".join(f"?c{n}" for n in range(4_000)) + " }", TOO_MUCH),
    "a collection of 9,000": ("SELECT * { ?a ?b (" + "1 " * 9_000 + ") }", TOO_MUCH | FINE),
    "a sum of 9,000": ("SELECT (" + "1+" * 9_000 + "1 AS ?n) {}", TOO_MUCH | FINE),
    "9,000 negations": ("ASK { FILTER(" + "!" * 9_000 + "true) }", TOO_MUCH | FINE),
    "9,000 minus signs": ("ASK { FILTER(" + "- " * 9_000 + "1 = 1) }", TOO_MUCH | FINE),
    "a disjunction of 9,000": ("ASK { FILTER(" + "true||" * 9_000 + "true) }", TOO_MUCH | FINE),
    "a path of 9,000 steps": ("ASK { ?a " + "a/" * 9_000 + "a ?b }", TOO_MUCH | FINE),
    "a path of 9,000 choices": ("ASK { ?a " + "a|" * 9_000 + "a ?b }", TOO_MUCH | FINE),
    "3,000 UNIONs": ("SELECT * { {}" + " UNION { ?a ?b 1 }" * 3_000 + " }", TOO_MUCH | FINE),
    "2,000 BINDs": ("SELECT ?x0 { " + " ".join(f"BIND({n} AS ?x{n})" for n in range(2_000)) + " }", TOO_MUCH | FINE),
    "99 nested OPTIONALs": ("SELECT * { " + "OPTIONAL { ?a ?b ?c " * 98 + "}" * 98 + " }", TOO_MUCH),
    "99 nested brackets": ("ASK { FILTER(" + "(" * 97 + "true" + ")" * 97 + ") }", FINE),
}  # fmt: skip

DEEP = {
    "brackets": ("ASK { FILTER(", "(", "true", ")", ") }"),
    "braces": ("ASK ", "{", " ?a ?b ?c ", "}", ""),
    "UNIONs": ("ASK { ", "{ {} UNION ", "{}", " }", " }"),
    "OPTIONALs": ("ASK { ", "OPTIONAL { ", "?a ?b ?c", " }", " }"),
    "subselects": ("ASK { ", "{ SELECT * ", "{}", " }", " }"),
    "paths": ("ASK { ?a ", "(", "a", ")*", " ?b }"),
    "blank nodes": ("ASK { ?a ?b ", "[ ?p ", "1", " ]", " }"),
    "collections": ("ASK { ?a ?b ", "(", "1", ")", " }"),
    "quoted triples": ("ASK { ", "<<( ", "?a ?b ?c", " )>> ?b ?c", " }"),
    "NOT EXISTS": ("ASK { ", "FILTER NOT EXISTS { ", "?a ?b ?c", " }", " }"),
    "functions": ("ASK { FILTER(", "STR(", "1", ")", ") }"),
    "GRAPHs": ("ASK { ", "GRAPH ?g { ", "?a ?b ?c", " }", " }"),
}


def deep(kind: str) -> str:
    """Return a query with 10,000 levels of nesting."""
    before, opening, inner, closing, after = DEEP[kind]
    return before + opening * NESTED + inner + closing * NESTED + after


def disguises(url: str) -> dict[str, str]:
    """Return queries that try to hide a SERVICE request to ``url`` from the guard, by name."""
    to = f"<{url}> {{ ?a ?b ?c }}"
    escaped = "".join(f"\\u{ord(char):04x}" for char in "service")
    return {
        "plain": f"SELECT * {{ SERVICE {to} }}",
        "in mixed case": f"SELECT * {{ sErViCe {to} }}",
        "SILENT": f"SELECT * {{ SERVICE SILENT {to} }}",
        "before a comment": f"SELECT * {{ SERVICE# no\n# no\n{to} }}",
        "after a comment": f"SELECT * {{ # ' \" <\nSERVICE {to} }}",
        "as \\u0053": f"SELECT * {{ \\u0053ERVICE {to} }}",
        "as \\U00000053": f"SELECT * {{ S\\U00000045RVICE {to} }}",
        "in escapes only": f"SELECT * {{ {escaped} {to} }}",
        "after a string": f"SELECT * {{ BIND('''a' ''b\\''' ' AS ?x) SERVICE {to} }}",
        "after a string with quotes": f'SELECT * {{ BIND("\\"" AS ?x) SERVICE {to} BIND("\\"" AS ?y) }}',
        "after a broken string": f"SELECT * {{ FILTER('a' = '\\u0027) SERVICE {to} # ' }}",
        "after a comparison": f"SELECT * {{ FILTER(1 <2)SERVICE#>\n{to} }}",
        "without spaces": f"SELECT * {{ FILTER(true)SERVICE{to} }}",
        "after a word": f"SELECT * {{ BIND(1 AS ?x) FILTER(?x=?x&&trueSERVICE {to} }}",
        "prefixed": f"PREFIX e: <{url}> SELECT * {{ SERVICE e: {{ ?a ?b ?c }} }}",
        "relative": f"BASE <{url}> SELECT * {{ SERVICE <> {{ ?a ?b ?c }} }}",
        "by a variable": f"SELECT * {{ BIND(<{url}> AS ?e) SERVICE ?e {{ ?a ?b ?c }} }}",
        "by VALUES": f"SELECT * {{ VALUES ?e {{ <{url}> }} SERVICE SILENT ?e {{ ?a ?b ?c }} }}",
        "in a subselect": f"SELECT * {{ {{ SELECT * {{ OPTIONAL {{ SERVICE {to} }} }} }} }}",
        "in EXISTS": f"ASK {{ FILTER EXISTS {{ GRAPH ?g {{ SERVICE {to} }} }} }}",
        "in CONSTRUCT": f"CONSTRUCT {{ ?a ?b ?c }} WHERE {{ SERVICE {to} }}",
        "in DESCRIBE": f"DESCRIBE ?a {{ {{}} UNION {{ SERVICE {to} }} }}",
        "with a long s": f"SELECT * {{ \u017fervice {to} }}",
        "after a no-break space": f"SELECT * {{ BIND(1 AS ?x)\u00a0SERVICE {to} }}",
        "after a vertical tab": f"SELECT * {{ BIND(1 AS ?x)\x0bSERVICE {to} }}",
        "after a carriage return": f"SELECT * {{ # a\rSERVICE {to}\n }}",
    }


def queries(address: Address, trap: Trap) -> Iterator[Attack]:
    """Yield attacks with hostile queries."""
    for name, (query, statuses) in HEAVY.items():
        accept = "text/turtle" if query.startswith(("CONSTRUCT", "DESCRIBE")) else JSON
        yield Attack(name, ask(address, query, LIMIT, accept=accept), statuses, LIMIT)
    for kind in DEEP:
        yield Attack(f"10,000 {kind}", ask(address, deep(kind)), BAD)
    for name, query in disguises(trap.url).items():
        yield Attack(f"SERVICE {name}", ask(address, query), REFUSED | BAD)
    away, file = trap.url, "file:///etc/passwd"
    for source in (away, file):
        for clause in ("FROM", "FROM NAMED"):
            query = f"SELECT * {clause} <{source}> {{ {{ ?a ?b ?c }} UNION {{ GRAPH ?g {{ ?a ?b ?c }} }} }}"
            yield Attack(f"{clause} <{source[:4]}…>", ask(address, query), FINE, never=b"root:")
        for name in ("default-graph-uri", "named-graph-uri"):
            sent = request(address, arguments=f"query={quote('SELECT * { ?a ?b ?c }')}&{name}={quote(source)}")
            yield Attack(f"{name}={source[:4]}…", sent, FINE, never=b"root:")
    for update in (f"LOAD <{away}>", f"LO\\u0041D SILENT <{file}>", "CLEAR ALL", "INSERT DATA { <a:a> <a:b> 1 }"):
        yield Attack(f"update {update[:10]}…", ask(address, update), REFUSED | BAD)
    yield Attack("update after a query", ask(address, f"ASK {{}} ; LOAD <{away}>"), REFUSED | BAD)
    yield Attack("update=", request(address, "POST", body=b"update=CLEAR+ALL", content_type=FORM), REFUSED)


FORM, DIRECT = "application/x-www-form-urlencoded", "application/sparql-query"


def requests(address: Address) -> Iterator[Attack]:
    """Yield attacks with hostile HTTP requests."""
    query = "query=" + quote("SELECT * { ?a ?b ?c } LIMIT 1")

    def get(**headers: str) -> bytes:
        return request(address, arguments=query, **headers)

    def direct(body: bytes, **headers: str) -> bytes:
        return request(address, "POST", body=body, content_type=DIRECT, **headers)

    def raw(*lines: str, body: bytes = b"", start: str = "") -> bytes:
        start = start or f"POST {address.path} HTTP/1.1"
        return "\r\n".join([start, "host: localhost", f"content-type: {DIRECT}", *lines, "", ""]).encode() + body

    plain = b"ASK { }"
    size = f"content-length: {len(plain)}"
    chunked = "transfer-encoding: chunked"
    yield Attack("a body of 20 MB", direct(b"#" * 20_000_000), frozenset({413}), within=3)
    yield Attack(
        "a form of 20 MB",
        request(address, "POST", body=b"query=" + b"a" * 20_000_000, content_type=FORM),
        frozenset({413}),
        3,
    )
    yield Attack("a body declared as 1 TB", raw("content-length: 1000000000000", body=plain), frozenset({408, 413}))
    yield Attack("80,000 parameters", request(address, "POST", body=b"a=1&" * 80_000, content_type=FORM), BAD)
    yield Attack(
        "10,000 graphs",
        request(address, "POST", body=query.encode() + b"&named-graph-uri=a:b" * 10_000, content_type=FORM),
        BAD | FINE,
    )
    yield Attack("UTF-16", direct("ASK { }".encode("utf-16")), BAD)
    yield Attack(
        "UTF-16, as charset",
        request(address, "POST", body="ASK { }".encode("utf-16"), content_type=f"{DIRECT}; charset=utf-16"),
        BAD,
    )
    yield Attack("NUL in a query", direct(b"ASK { ?a\x00 ?b ?c }"), BAD)
    yield Attack("overlong UTF-8", request(address, arguments="query=ASK%7B%C0%AF%7D"), BAD)
    yield Attack("a lone surrogate", request(address, arguments="query=ASK%7B%22%ED%A0%80%22%7D"), BAD)
    yield Attack("a lone surrogate, escaped", ask(address, 'ASK { ?a ?b "\\uD800" }'), BAD)
    yield Attack("a character beyond Unicode", ask(address, 'ASK { ?a ?b "\\UFFFFFFFF" }'), BAD)
    yield Attack(
        "Latin-1 in the URL",
        f"GET {address.path}?query=ASK%7B%7D&x=é HTTP/1.1\r\nhost: a\r\n\r\n".encode("latin-1"),
        BAD,
    )
    yield Attack("a gzip body", direct(b"\x1f\x8b\x08" + b"\0" * 100, content_encoding="gzip"), frozenset({400, 415}))
    yield Attack("10,000 headers", raw(*(f"x-{n}: 1" for n in range(10_000)), size, body=plain), HTTP_ERROR)
    yield Attack("a header of 1 MB", get(x="a" * 1_000_000), HTTP_ERROR)
    yield Attack("a header name of 1 MB", get(**{"x" * 1_000_000: "a"}), HTTP_ERROR)
    yield Attack("two lengths", raw(size, "content-length: 3", body=plain), HTTP_ERROR)
    yield Attack("a length and chunks", raw(size, chunked, body=b"7\r\nASK { }\r\n0\r\n\r\n"), HTTP_ERROR | FINE)
    yield Attack("a negative length", raw("content-length: -7", body=plain), HTTP_ERROR)
    yield Attack("a length with a sign", raw("content-length: +7", body=plain), HTTP_ERROR)
    yield Attack("a length beyond 64 bits", raw("content-length: 99999999999999999999", body=plain), HTTP_ERROR)
    yield Attack("an invalid chunk size", raw(chunked, body=b"zz\r\nASK { }\r\n0\r\n\r\n"), HTTP_ERROR)
    yield Attack("a huge chunk size", raw(chunked, body=b"fffffffffffffffff\r\nASK { }\r\n0\r\n\r\n"), HTTP_ERROR)
    yield Attack("an unknown transfer coding", raw("transfer-encoding: xchunked", body=plain), HTTP_ERROR)
    yield Attack("a folded header", raw("x-a: b\r\n c", size, body=plain), HTTP_ERROR)
    yield Attack("a bare CR in a header", raw("x-a: b\rc", size, body=plain), HTTP_ERROR)
    yield Attack("NUL in a header", raw("x-a: b\x00c", size, body=plain), HTTP_ERROR)
    yield Attack("a space before the colon", raw("content-length : 7", body=plain), HTTP_ERROR)
    yield Attack(
        "CR LF in a parameter",
        request(address, arguments=f"{query}&format=a%0D%0AX-Evil:%201"),
        frozenset({406}),
        never=b"\nX-Evil",
    )
    yield Attack("a URL of 100 kB", request(address, arguments=f"{query}&x={'a' * 100_000}"), HTTP_ERROR)
    yield Attack("a URL of 60 kB", request(address, arguments=f"{query}&x={'a' * 60_000}"), FINE)
    yield Attack("ETags of 100 kB", get(if_none_match=", ".join(f'"{n:010}"' for n in range(7_500))), HTTP_ERROR)
    yield Attack("a cookie of 9 kB", get(cookie=f"a={'b' * 9_000}"), HTTP_ERROR)
    yield Attack(
        "Accept of 10,000 parts", get(accept=",".join(f"a/b{n};q=0.{n % 10}" for n in range(10_000))), HTTP_ERROR
    )
    yield Attack(
        "Accept-Encoding of 10,000 parts",
        get(accept_encoding=",".join(f"x{n};q=0.1" for n in range(10_000))),
        HTTP_ERROR,
    )
    yield Attack("Accept of 100 kB", get(accept="," * 100_000), HTTP_ERROR)
    yield Attack(
        "a multipart body",
        request(address, "POST", body=b"--a\r\n" * 9_000, content_type="multipart/form-data; boundary=a"),
        frozenset({415}),
    )
    yield Attack("an unknown method", raw(start=f"{'X' * 500} {address.path} HTTP/1.1"), frozenset({400, 405, 501}))
    yield Attack("TRACE", raw(start=f"TRACE {address.path} HTTP/1.1"), frozenset({400, 405, 501}))
    yield Attack("no host", f"GET {address.path}?{query} HTTP/1.1\r\n\r\n".encode(), BAD | FINE)
    yield Attack("an invalid host", get(host="a/../<b>"), BAD)
    yield Attack("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 90, HTTP_ERROR | {CLOSED})
    yield Attack("no HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00" * 20 + b"\r\n\r\n", HTTP_ERROR)
    for given in ("nan", "inf", "-1", "0", "1e-400", "9" * 400, "١"):
        yield Attack(f"timeout={given[:6]}", request(address, arguments=f"{query}&timeout={quote(given)}"), BAD)
    for given in ("-1", "999999", "../../etc", "9" * 400, "²"):
        yield Attack(f"release={given[:9]}", request(address, arguments=f"{query}&release={quote(given)}"), BAD | {404})
    yield Attack("an unknown format", request(address, arguments=f"{query}&format={'x' * 50_000}"), frozenset({406}))
