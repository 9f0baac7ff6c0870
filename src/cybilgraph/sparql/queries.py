"""Handles SPARQL text: the guard for queries of users, and the named queries of queries/ with their parameters.

The text is scanned into tokens, not parsed: enough to distinguish a keyword from the same word in a comment, a string
or an IRI. Grammar: SPARQL 1.1 Query, section 19.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from cybilgraph.errors import QueryError, QueryRefused, QuerySyntaxError, UnknownQuery
from cybilgraph.model.gazetteer import MIN_SUGGESTION_SCORE, REFERENCE_FILES, Gazetteer, closest_match, load_gazetteer
from cybilgraph.model.resources import QUERIES
from cybilgraph.model.vocabulary import PREFIXES, XSD, thing_iri
from cybilgraph.rdf.ntriples import iri, is_iri, literal

#: More than any sensible query needs; deep nesting overflows the engine's stack.
MAX_QUERY_BYTES = 100_000
MAX_QUERY_DEPTH = 100
MAX_QUERY_TOKENS = 20_000

# PN_CHARS_U, PN_CHARS, PN_LOCAL and the others follow the grammar: tokens must end at the same place here and in the
# engine.
_U = (
    "A-Za-z_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f"
    "\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_C = rf"{_U}0-9\u00b7\u0300-\u036f\u203f-\u2040\-"
_PLX = r"(?:%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%])"
_LOCAL = rf"(?:(?:[{_U}:0-9]|{_PLX})(?:[{_C}:]++|{_PLX}|\.++(?=[{_C}:]|{_PLX}))*+)?+"
_WORD = rf"(?P<word>[{_U}][{_U}0-9]*+)"
_NUMBER = r"(?P<number>(?:[0-9]++\.?+[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?+)"
# All repetitions are possessive (``*+``), so none backtracks. What remains are long scans that fail and restart at a
# later character; ``_scan`` bounds those: it closes strings itself, and reads a run that is not a prefixed name once.
_TOKEN = re.compile(
    rf"""(?P<gap>(?:\s++|\#[^\n\r]*+)++)
      | (?P<iri><(?:[^<>"{{}}|^`\\\x00-\x20]++|\\u[0-9A-Fa-f]{{4}}|\\U[0-9A-Fa-f]{{8}})*+>)
      | (?P<quote>\"\"\"|'''|["'])
      | (?P<variable>[?$][{_U}0-9][{_U}0-9\u00b7\u0300-\u036f\u203f-\u2040]*+)
      | (?P<language>@[a-zA-Z]++(?:-[a-zA-Z0-9]++)*+)
      | (?P<blank>_:[{_U}0-9](?:[{_C}]++|\.++(?=[{_C}]))*+)
      | (?P<name>(?:[{_U}](?:[{_C}.]*+(?<!\.))?)?:{_LOCAL})
      | {_WORD}(?![{_C}.])
      | (?P<run>[{_U}][{_C}.]*+)
      | {_NUMBER}
      | (?P<open>[(\[{{]) | (?P<close>[)\]}}])
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
#: The tokens in a run of letters, digits, hyphens and dots that is neither a word nor followed by a colon.
_IN_RUN = re.compile(rf"{_WORD}|{_NUMBER}|(?P<other>.)", re.DOTALL)
#: By opening quotation mark: matches a string to its end or as far as possible; ``closed`` says which.
_STRINGS = {
    '"': re.compile(r'"(?:[^"\\\n\r]++|\\.)*+(?P<closed>")?', re.DOTALL),
    "'": re.compile(r"'(?:[^'\\\n\r]++|\\.)*+(?P<closed>')?", re.DOTALL),
    '"""': re.compile(r'"""(?:[^"\\]++|\\.|""?(?!"))*+(?P<closed>""")?', re.DOTALL),
    "'''": re.compile(r"'''(?:[^'\\]++|\\.|''?(?!'))*+(?P<closed>''')?", re.DOTALL),
}
_COMMENT = re.compile(r"#[^\n\r]*+")
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
_SERVICE = re.compile("service", re.IGNORECASE)
_CALL = re.compile(r"SERVICE(?:[ \t\r\n]++SILENT)?+[ \t\r\n]*+<([^<>\"{}|^`\\\x00-\x20]*+)>", re.IGNORECASE | re.ASCII)
_NON_SPACE = re.compile(r"\S")
_QUERY_FORMS = {"SELECT", "ASK", "CONSTRUCT", "DESCRIBE"}
_UPDATE_KEYWORDS = {"INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH"}
#: Longer names get no "Did you mean" suggestion.
_MAX_FUZZY_NAME_CHARS = 200
#: The error for every kind of update request.
READ_ONLY_ERROR = ("Updates are not allowed: the graph is read-only", "Use SELECT, ASK, CONSTRUCT or DESCRIBE.")
_HEADER = re.compile(r"#\s*(?:(?P<key>title|description):|(?P<param>param)\s)\s*(?P<rest>[^\n]*)")
_BLOCK = re.compile(r"(VALUES\s+\?(\w+)\s*\{)[^}\n]*\}")
#: Matches a line that is removed if its parameter is not given.
_ONLY_WITH = re.compile(r"^(.*)# only with (\w++)\n", re.MULTILINE)
_PARAM = re.compile(r"(?P<name>\w++)\s++(?P<type>[\w-]++)\s*+:\s*+(?P<description>.+)")


class Token(NamedTuple):
    """A token of SPARQL text: its kind (a group of the pattern above), its text and its position."""

    kind: str
    text: str
    start: int


def tokens(query: str) -> Iterator[Token]:
    """Yield the tokens of a query without comments and white space, in time linear in its length."""
    for kind, match in _scan(query):
        if kind != "gap":
            yield Token(kind, match[0], match.start())


def _scan(query: str) -> Iterator[tuple[str, re.Match[str]]]:
    """Yield the kind and the match of each token, and of the gaps between them (kind ``gap``).

    Total time is linear: an unclosed string is scanned once, because no string that starts inside it with the same
    quotation mark is closed either.
    """
    position = 0
    unclosed = dict.fromkeys(_STRINGS, 0)  # no string with this mark that starts before here is closed
    while position < len(query):
        for match in _TOKEN.finditer(query, position):
            kind = match.lastgroup or "other"
            if kind == "quote":
                kind, match = _string(query, match, unclosed)
            elif kind == "run":
                for inner in _IN_RUN.finditer(query, match.start()):
                    yield inner.lastgroup or "other", inner
                    position = inner.end()
                    if position >= match.end():
                        break
                break
            yield kind, match
            position = match.end()
            if kind == "string":
                break


def _string(query: str, opening: re.Match[str], unclosed: dict[str, int]) -> tuple[str, re.Match[str]]:
    """Match the string that starts with a quotation mark; the mark alone, as ``other``, if it is not closed."""
    for mark in dict.fromkeys((opening[0], opening[0][0])):
        if opening.start() >= unclosed[mark] and (found := _STRINGS[mark].match(query, opening.start())):
            if found["closed"]:
                return "string", found
            unclosed[mark] = found.end()
    return "other", opening


def keywords(query: str) -> set[str]:
    """Return the words of a query in upper case, including its keywords however they are written."""
    return {token.text.upper() for token in tokens(_ESCAPE.sub(_decode_escape, query)) if token.kind == "word"}


def without_comments(query: str) -> str:
    """Remove the comments of a query; line numbers stay the same."""
    return "".join(_COMMENT.sub("", match[0]) if kind == "gap" else match[0] for kind, match in _scan(query))


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


def too_long() -> QuerySyntaxError:
    """The error for a query over ``MAX_QUERY_BYTES``."""
    return QuerySyntaxError(f"The query is longer than {MAX_QUERY_BYTES:,} bytes", "Ask for less at a time.")


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
    for reading in {rest, _ESCAPE.sub(_decode_escape, rest)}:
        # The worker of such a query can send requests, so this check must not depend on where strings or comments end.
        if rest != query and "SERVICE" in reading.upper():
            raise _service_refused(services)
        _guard(reading, services)


def _service_refused(services: frozenset[str]) -> QueryRefused:
    """The error for a SERVICE that is not allowed, or not in this form."""
    if not services:
        return QueryRefused(
            "SERVICE is not allowed: this endpoint sends no requests to others",
            "Query both endpoints from your program, and join the answers there.",
        )
    return QueryRefused(
        "SERVICE is allowed only with listed endpoints, and the word must not occur elsewhere in the query",
        f"Listed: {', '.join(f'<{address}>' for address in sorted(services))}. Write the address in full, exactly as "
        "listed, and do not use the word in names, strings and comments.",
    )


def hash_query(query: str) -> str:
    """Return the hash that identifies a query in the logs (BLAKE2b, 8 bytes, hexadecimal)."""
    return hashlib.blake2b(query.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def is_federated(query: str, services: frozenset[str]) -> bool:
    """Whether a query calls one of these endpoints; ``guard`` checks whether it may."""
    return bool(services) and without_services(query, services) != query


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


def _decode_escape(match: re.Match[str]) -> str:
    char = chr(min(int(match[1] or match[2], 16), 0x10FFFF))
    return char if char.isalnum() else match[0]


def _guard(query: str, services: frozenset[str]) -> None:
    depth = count = 0
    form = ""
    for kind, match in _scan(query):  # tokens() would copy the text of each token
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
            if not form and word in _QUERY_FORMS:
                form = word
        # A scanner reads "1 <2)SERVICE#>" as an IRI, a parser as a comparison followed by a keyword.
        elif kind == "iri" and (bracket := match[0].find(")")) >= 0 and _SERVICE.search(match[0], bracket):
            raise _service_refused(services)
        if depth > MAX_QUERY_DEPTH or count > MAX_QUERY_TOKENS:
            raise QuerySyntaxError("The query is nested too deeply or has too many parts", "Ask for less at a time.")
    if not form:
        raise QuerySyntaxError(
            "This is not a query: it has no SELECT, ASK, CONSTRUCT or DESCRIBE",
            "Example: SELECT ?title WHERE { ?project dcterms:title ?title } LIMIT 10",
        )


#: Functions whose value differs from call to call (SPARQL 1.1 Query, section 17.4), and calls to other endpoints.
_VOLATILE = re.compile(r"\b(?:NOW|RAND|UUID|STRUUID|BNODE)\s*+\(|\bSERVICE\b", re.IGNORECASE)


def is_volatile(query: str) -> bool:
    """Whether a query may give different answers over the same graph. Errs on the side of True."""
    text = _ESCAPE.sub(_decode_escape, query) if "\\" in query else query
    return bool(_VOLATILE.search(text))


def returns_graph(query: str) -> bool:
    """Whether the query returns RDF (CONSTRUCT, DESCRIBE), not a table or a boolean.

    Reads at most ``MAX_QUERY_TOKENS`` tokens; the guard rejects longer queries.
    """
    keywords = (token.text.upper() for token in islice(tokens(query), MAX_QUERY_TOKENS))
    form = next((word for word in keywords if word in _QUERY_FORMS), "")
    return form in ("CONSTRUCT", "DESCRIBE")


def undeclared_prefixes(query: str) -> list[str]:
    """Return our prefixes that a query uses without declaring them, sorted."""
    return sorted(undeclared_names(query) & PREFIXES.keys())


def usable_prefixes(query: str) -> dict[str, str]:
    """Return our prefixes that a query may use; passing all of them would slow down the engine."""
    if "\\" in query:  # a name may be written with escapes
        return PREFIXES
    return {prefix: iri for prefix, iri in PREFIXES.items() if f"{prefix}:" in query}


def unknown_prefixes(query: str) -> list[str]:
    """Return the prefixes that a query uses without declaring them and that are not ours, sorted."""
    return sorted(undeclared_names(query) - PREFIXES.keys())


def undeclared_names(query: str) -> set[str]:
    """Return the prefixes that a query uses without declaring them."""
    used: set[str] = set()
    declared: set[str] = set()
    last = ""
    for token in tokens(query):
        if token.kind == "name":
            prefix = token.text.partition(":")[0]
            (declared if last == "PREFIX" else used).add(prefix)
        last = token.text.upper()
    return used - declared


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a named query: ``type`` is a kind of reference entity, or year, text, iri; ``default`` is the
    value in the text of the query.
    """

    name: str
    type: str
    description: str
    default: str = ""

    @property
    def allows_multiple(self) -> bool:
        """Whether it may have several values; years may not, because they are the ends of a range."""
        return self.type != "year"


@dataclass(frozen=True, slots=True)
class Query:
    """A named query: its text, and the title, description and parameters from its header."""

    name: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    text: str

    def bind(self, values: Mapping[str, Sequence[str]], names: Gazetteer | None = None) -> str:
        """Return the text with these values instead of the parameters' defaults.

        Values become RDF terms first, and only serialised terms enter the text, so a value can never become SPARQL.
        Duplicates are ignored. Raises QueryError for unknown names and values, and for more than one value where only
        one is allowed.
        """
        names = names or load_gazetteer()
        known = {parameter.name: parameter for parameter in self.parameters}
        terms = {}
        for name, given in values.items():
            if name not in known:
                have = ", ".join(known) or "none"
                raise QueryError(f"{self.name} has no parameter {name!r}", f"Its parameters: {have}.")
            distinct = dict.fromkeys(_term(known[name], value, names) for value in given)
            if len(distinct) > 1 and not known[name].allows_multiple:
                raise QueryError(f"More than one {name} was given", "Give only one.")
            terms[name] = " ".join(distinct)
        # Substitute in one pass, so that an inserted value is never searched for blocks of other parameters.
        return _BLOCK.sub(
            lambda match: f"{match[1]} {terms[match[2]]} }}" if match[2] in terms else match[0],
            _ONLY_WITH.sub(lambda match: f"{match[1].rstrip(' ')}\n" if match[2] in values else "", self.text),
        )

    def check_range(self, values: Mapping[str, Sequence[str]]) -> None:
        """Raise QueryError if the range of years, given or default, is empty."""
        defaults = {parameter.name: parameter.default for parameter in self.parameters if parameter.type == "year"}
        if {"from", "to"} <= defaults.keys() and {"from", "to"} & values.keys():
            first, last = (values.get(name, [defaults[name]])[0] for name in ("from", "to"))
            if int(first) > int(last):
                raise QueryError(f"No year is from {first} to {last}", "Give both, with from not later than to.")


def load_query(name: str, folder: Path = QUERIES) -> Query:
    """Load a named query. Raises UnknownQuery, with a list of the known ones, if there is none."""
    path = next((path for path in folder.glob("*.rq") if path.stem == name), None)
    if path is None:
        known = [query.name for query in example_queries(folder)]
        meant = closest_match(name, known, MIN_SUGGESTION_SCORE) if len(name) < _MAX_FUZZY_NAME_CHARS else ""
        did = f"Did you mean {meant}? " if meant else ""
        have = "\n  ".join(known)
        raise UnknownQuery(f"There is no query {name!r}", f"{did}Available queries:\n  {have}")
    return parse_named_query(name, path.read_text(encoding="utf-8"))


def example_queries(folder: Path = QUERIES) -> list[Query]:
    """Return all example queries, sorted by name."""
    return [
        parse_named_query(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("example-*.rq"))
    ]


def parse_named_query(name: str, text: str) -> Query:
    """Parse a query and its header comments. Raises QueryError if a param line is malformed."""
    header = {"title": name, "description": ""}
    parameters = []
    key = ""
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if match := _HEADER.match(line):
            key, rest = match["key"] or match["param"], match["rest"].strip()
            if key == "param":
                param = _PARAM.fullmatch(rest)
                if not param:
                    raise QueryError(f"{name}: cannot read {line!r}", "Write: # param NAME TYPE: description")
                parameters.append(Parameter(**param.groupdict(), default=_default(text, param["name"])))
            else:
                header[key] = rest
        elif key in header:
            header[key] += f" {line.lstrip('# ')}"
    return Query(name, header["title"], header["description"].strip(), tuple(parameters), text)


def _default(text: str, name: str) -> str:
    block = next((match for match in _BLOCK.finditer(text) if match[2] == name), None)
    term = next(tokens(block[0].partition("{")[2]), None) if block else None
    match term and term.kind:
        case "iri" | "name":
            return re.split("[:/]", term.text.strip("<>"))[-1] if term else ""
        case "string" | "number":
            return term.text.strip("\"'") if term else ""
    return ""


def _term(parameter: Parameter, value: str, names: Gazetteer) -> str:
    match parameter.type:
        case "year":
            if not re.fullmatch(r"\d{4}", value):
                raise QueryError(f"{parameter.name}: {value!r} is not a year", "Write four digits: 2018.")
            return literal(str(int(value)), datatype=XSD.integer)
        case "text":
            return literal(value)
        case "iri":
            if not is_iri(value):
                raise QueryError(f"{parameter.name}: {value!r} is not an IRI")
            return iri(value)
        case kind if kind in REFERENCE_FILES:
            prefix, _, rest = value.partition(":")
            written_out = f"{PREFIXES[prefix]}{rest}" if prefix in PREFIXES else value
            if _is_thing(kind, written_out, names):
                return iri(written_out)
            entry = names.find(kind, value) or (names.find_country_by_code(value) if kind == "country" else None)
            if entry is None:
                hint = f"{did_you_mean(kind, value, names)} Or use its IRI: {thing_iri(kind, '')}…"
                raise QueryError(f"{parameter.name}: no {kind} is called {value!r}", hint)
            return iri(thing_iri(kind, entry.key))
    raise QueryError(f"{parameter.name}: unknown type {parameter.type!r}")


def _is_thing(kind: str, value: str, names: Gazetteer) -> bool:
    """Whether a value is the IRI of an entity of this kind. Actors may also be missing from the reference list."""
    root = thing_iri(kind, "")
    key = value.removeprefix(root)
    if kind == "actor":
        return value.startswith(root) and is_iri(value) and re.fullmatch("[^/?#]+", key) is not None
    return unquote(key) in names.entries[kind] and value == thing_iri(kind, unquote(key))


def did_you_mean(kind: str, value: str, names: Gazetteer) -> str:
    """Return a hint for a name that no entity of this kind has."""
    near = names.suggest(kind, value)
    return f"Did you mean {near.name} ({near.key})?" if near else "Give its code or its name."
