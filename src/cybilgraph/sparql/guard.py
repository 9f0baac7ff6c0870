"""The guard: rejects queries of users that must never run."""

from __future__ import annotations

import re
from itertools import islice

from cybilgraph.errors import QueryRefused, QuerySyntaxError
from cybilgraph.sparql.lexer import ESCAPE, QUERY_FORMS, decode_escape, scan, tokens

#: More than any sensible query needs, such as three columns of 5,000 rows in VALUES, where brackets count too. Deep
#: nesting overflows the engine's stack.
MAX_QUERY_BYTES = 1_000_000
MAX_QUERY_DEPTH = 100
MAX_QUERY_TOKENS = 30_000
_SERVICE = re.compile("service", re.IGNORECASE)
_CALL = re.compile(r"SERVICE(?:[ \t\r\n]++SILENT)?+[ \t\r\n]*+<([^<>\"{}|^`\\\x00-\x20]*+)>", re.IGNORECASE | re.ASCII)
_NON_SPACE = re.compile(r"\S")
_UPDATE_KEYWORDS = {"INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH"}
#: The error for every kind of update request.
READ_ONLY_ERROR = ("Updates are not allowed: the graph is read-only", "Use SELECT, ASK, CONSTRUCT or DESCRIBE.")


def too_long() -> QuerySyntaxError:
    """Return the error for a query over ``MAX_QUERY_BYTES``."""
    return QuerySyntaxError(f"The query is longer than {MAX_QUERY_BYTES:,} bytes", "Split it into smaller queries.")


def check_length(query: str) -> None:
    """Reject a query that is too long, before anything else reads it. Raises QuerySyntaxError."""
    # Check characters first, because encoding takes time.
    if len(query) > MAX_QUERY_BYTES or len(query.encode(errors="surrogatepass")) > MAX_QUERY_BYTES:
        raise too_long()


def guard(query: str, services: frozenset[str] = frozenset()) -> None:
    """Reject queries that must never run, before any engine sees them.

    ``services`` are the absolute IRIs that SERVICE may name. If a query calls one, the word "service" may not occur
    anywhere else in it.

    Raises QuerySyntaxError (empty, too long, too deep), QueryRefused (updates, SERVICE).
    """
    check_length(query)
    # SPARQL resolves escapes like \\u0053 before tokenisation (section 19.2), our engine only inside tokens. Check
    # both readings, so that no keyword is hidden from either.
    rest = without_services(query, services) if services else query
    for reading in {rest, ESCAPE.sub(decode_escape, rest)}:
        # The worker of such a query can send requests, so this check must not depend on where strings or comments end.
        if rest != query and "SERVICE" in reading.upper():
            raise _service_refused(services)
        _guard(reading, services)


def _service_refused(services: frozenset[str]) -> QueryRefused:
    """Return the error for a SERVICE that is not allowed, or not in this form."""
    if not services:
        return QueryRefused(
            "SERVICE is not allowed: this endpoint sends no requests to others",
            "Query both endpoints from your program, and join the results there.",
        )
    return QueryRefused(
        "SERVICE is allowed only with listed endpoints, and the word must not occur elsewhere in the query",
        f"Listed: {', '.join(f'<{address}>' for address in sorted(services))}. Write the address in full, exactly as "
        "listed, and do not use the word in names, strings and comments.",
    )


def without_services(query: str, services: frozenset[str] | None = None) -> str:
    """Remove the SERVICE calls to these (default: all) endpoints; their group patterns stay, at the same position."""
    if "SERVICE" not in query.upper():  # true of nearly all queries
        return query
    parts: list[str] = []
    last = 0
    for token in islice(tokens(query), MAX_QUERY_TOKENS):  # the guard rejects longer queries
        call = _CALL.match(query, token.start) if token.kind == "word" else None
        if call and token.text.upper() == "SERVICE" and (services is None or call[1] in services):
            parts += query[last : token.start], _NON_SPACE.sub(" ", call[0])
            last = call.end()
    return "".join([*parts, query[last:]])


def _guard(query: str, services: frozenset[str]) -> None:
    depth = count = 0
    form = ""
    for kind, match in scan(query):  # tokens() would copy the text of each token
        if kind == "gap":
            continue
        count += 1
        if kind == "open":
            depth += 1
        elif kind == "close":
            depth -= 1
        elif kind == "word":
            word = match[0].upper()
            # No other keyword contains these letters, but a parser reads "trueSERVICE" as two words.
            if "SERVICE" in word:
                raise _service_refused(services)
            if not form and word in _UPDATE_KEYWORDS:
                raise QueryRefused(*READ_ONLY_ERROR)
            if not form and word in QUERY_FORMS:
                form = word
        # A scanner reads "1 <2)SERVICE#>" as an IRI, a parser as a comparison followed by a keyword.
        elif kind == "iri" and (bracket := match[0].find(")")) >= 0 and _SERVICE.search(match[0], bracket):
            raise _service_refused(services)
        if depth > MAX_QUERY_DEPTH or count > MAX_QUERY_TOKENS:
            raise QuerySyntaxError(
                f"The query has more than {MAX_QUERY_TOKENS:,} names, values and signs, "
                f"or {MAX_QUERY_DEPTH} nested brackets",
                "Simplify it or split it.",
            )
    if not form:
        raise QuerySyntaxError(
            "This is not a query: it has no SELECT, ASK, CONSTRUCT or DESCRIBE",
            "Example: SELECT ?title WHERE { ?project dcterms:title ?title } LIMIT 10",
        )
