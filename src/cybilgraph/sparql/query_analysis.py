"""What the text of a query says: its form, prefixes and columns, without running it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from itertools import islice

from cybilgraph.model.vocabulary import PREFIXES
from cybilgraph.sparql.guard import MAX_QUERY_TOKENS, without_services
from cybilgraph.sparql.lexer import ESCAPE, QUERY_FORMS, decode_escape, tokens


def with_columns(query: str, columns: Callable[[str], Sequence[str]]) -> str:
    """Replace the first ``SELECT *`` of a query by its columns, in the order of their first use in the text.

    ``columns`` returns the columns of a query, which is passed without SERVICE calls.
    """
    found = list(tokens(query))
    select = next((place for place, token in enumerate(found) if token.text.upper() == "SELECT"), len(found))
    after = select + 1
    if after < len(found) and found[after].text.upper() in ("DISTINCT", "REDUCED"):
        after += 1
    if after >= len(found) or found[after].text != "*":
        return query
    used = dict.fromkeys(token.text[1:] for token in found if token.kind == "variable")
    order = sorted(columns(without_services(query)), key=list(used).index)
    star = found[after].start
    return query[:star] + " ".join(f"?{name}" for name in order) + query[star + 1 :] if order else query


def hash_query(query: str) -> str:
    """Return the hash that identifies a query in the logs (BLAKE2b, 8 bytes, hexadecimal)."""
    return hashlib.blake2b(query.encode(errors="surrogatepass"), digest_size=8).hexdigest()


#: Functions whose value differs from call to call (SPARQL 1.1 Query, section 17.4), and calls to other endpoints.
_VOLATILE = tuple(
    # Each begins with a literal text, which is found fifty times as fast as alternatives in either case.
    re.compile(rf"{name}(?<![?$\w]{name})\b")
    for name in ("NOW", "RAND", "UUID", "STRUUID", "BNODE", "SERVICE")
)


def is_volatile(query: str) -> bool:
    """Return whether a query may give different answers over the same graph. If in doubt, return True."""
    text = ESCAPE.sub(decode_escape, query) if "\\" in query else query
    upper = text.upper()
    return any(pattern.search(upper) for pattern in _VOLATILE)


def returns_graph(query: str) -> bool:
    """Return whether the query returns RDF (CONSTRUCT, DESCRIBE), not a table or a boolean.

    Reads at most ``MAX_QUERY_TOKENS`` tokens; the guard rejects longer queries.
    """
    words = (token.text.upper() for token in islice(tokens(query), MAX_QUERY_TOKENS))
    return next((word for word in words if word in QUERY_FORMS), "") in ("CONSTRUCT", "DESCRIBE")


def usable_prefixes(query: str) -> dict[str, str]:
    """Return our prefixes that a query may use; passing all of them would slow down the engine."""
    if "\\" in query:  # a name may be written with escapes
        return PREFIXES
    return {prefix: iri for prefix, iri in PREFIXES.items() if f"{prefix}:" in query}


def undeclared_names(query: str) -> set[str]:
    """Return the prefixes that a query uses without declaring them."""
    used, declared, last = set[str](), set[str](), ""
    for token in tokens(query):
        if token.kind == "name":
            prefix = token.text.partition(":")[0]
            (declared if last == "PREFIX" else used).add(prefix)
        last = token.text.upper()
    return used - declared
