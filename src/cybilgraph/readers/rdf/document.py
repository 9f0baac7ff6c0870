"""Parse an RDF file in any syntax into statements with places, within limits and without fetching anything.

pyoxigraph parses most syntaxes with an explicit stack. Nested triple terms, nested JSON and JSON-LD contexts
with dependent terms, however, overflow the thread's stack, which cannot be caught. Deep RDF/XML and large
numbers of contexts take quadratic time. All of them are counted token by token before parsing, so that
strings, IRIs and comments do not count. In invalid text, the count may be too high but never too low.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from itertools import repeat
from pathlib import PurePath

import pyoxigraph as ox

from cybilgraph.errors import SourceError
from cybilgraph.model.vocabulary import own_iri
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.rdf.positions import JSON_TOKEN, NOWHERE, TURTLE_TOKEN, Places, Spot, parse
from cybilgraph.readers.text import guess_wide_encoding

#: Syntaxes by suffix. N3 beyond Turtle is rejected as a syntax error.
SYNTAXES = {
    ".ttl": ox.RdfFormat.TURTLE,
    ".n3": ox.RdfFormat.TURTLE,
    ".nt": ox.RdfFormat.N_TRIPLES,
    ".nq": ox.RdfFormat.N_QUADS,
    ".trig": ox.RdfFormat.TRIG,
    ".rdf": ox.RdfFormat.RDF_XML,
    ".owl": ox.RdfFormat.RDF_XML,
    ".jsonld": ox.RdfFormat.JSON_LD,
}
#: The maximum size of a file. For JSON-LD, the parser holds whole objects in memory, at fifty times their size.
MAX_RDF_BYTES, MAX_JSON_LD_BYTES = 200_000_000, 50_000_000
#: The maximum number of statements in a file, enough for three thousand projects; each takes up to half a
#: kilobyte.
MAX_STATEMENTS = 2_000_000
#: The maximum size of a file whose statements are located, which takes about five times as long as parsing.
MAX_LOCATED_BYTES = 50_000_000
#: People nest three or four levels; the parser supports a thousand.
MAX_NESTING_DEPTH = 100
#: The maximum number of strings in a JSON-LD context; each term has two.
_MAX_CONTEXT_TERMS = 500
#: The maximum of contexts times their strings, which the parser copies for each context.
_MAX_COPIED_BYTES = 200_000_000
#: The maximum number of values in JSON-LD: the parser uses half a kilobyte for each, and may hold them all.
_MAX_JSON_VALUES = 2_000_000
#: The maximum number of namespaces in scope, and of attributes of an element, in XML.
_MAX_NAMESPACES, _MAX_ATTRIBUTES = 1_000, 5_000

#: How each mark of Turtle changes the depth; those of a triple term may also be two marks.
_STEPS = {
    b"<<(": 2,
    b")>>": -2,
    **dict.fromkeys((b"<<", b"[", b"(", b"{", b"{|"), 1),
    **dict.fromkeys((b">>", b"]", b")", b"}", b"|}"), -1),
}
# Each alternative also matches if its closing token is missing. Otherwise an unclosed token would be searched
# again from each of its characters.
_XML = re.compile(
    rb"""
      <!--(?:[^-]++|-(?!->))*+(?:-->)?
    | <!\[CDATA\[(?:[^\]]++|\](?!\]>))*+(?:\]\]>)?
    | <\?(?:[^?]++|\?(?!>))*+(?:\?>)?
    | (?P<declared><!)
    | (?P<close></)
    | (?P<open><(?:[^<>"'!?/]|/(?!>))(?:[^<>"'/]++|/(?!>)|"[^"]*+"?|'[^']*+'?)*+)(?P<empty>/>)?
    """,
    re.VERBOSE,
)


class Document:
    """The text of an RDF file that is safe to parse."""

    def __init__(self, input_file: Input) -> None:
        """Read the file. Raises SourceError if its syntax is unknown, or if it is too large or unsafe to parse."""
        self.name = input_file.name
        suffix = input_file.suffix if input_file.suffix in SYNTAXES else PurePath(input_file.name).suffix.lower()
        if suffix not in SYNTAXES:
            raise SourceError(f"{input_file.name}: not an RDF file", f"Supported suffixes: {', '.join(SYNTAXES)}.")
        self.syntax = SYNTAXES[suffix]
        with input_file.open(MAX_JSON_LD_BYTES if self.syntax == ox.RdfFormat.JSON_LD else MAX_RDF_BYTES) as file:
            self.content = file.read().removeprefix(b"\xef\xbb\xbf")
        if wide := guess_wide_encoding(self.content[:4096]):
            raise SourceError(
                f"{input_file.name}: this is {wide}, but RDF must be UTF-8",
                f"Save it as UTF-8, or convert it: iconv -f {wide} -t UTF-8",
            )
        if reason := _find_excess(self.content, self.syntax):
            raise SourceError(
                f"{input_file.name}: not parsed, because {reason}", "Avoid this, for example by writing N-Triples."
            )

    @cached_property
    def places(self) -> Places:
        """Converts offsets to lines and columns."""
        return Places(self.content)

    def statements(self, located: bool = True, base: str | None = None) -> Iterator[tuple[ox.Quad, Spot]]:
        """Yield the statements in the order of the text, with their places if ``located``.

        Raises SourceError if the text is invalid or has too many statements.
        """
        base = own_iri() if base is None else base
        try:
            if located:
                found = parse(self.content, self.syntax, base)
            else:
                found = zip(ox.parse(self.content, format=self.syntax, base_iri=base), repeat(NOWHERE), strict=False)
            for number, statement in enumerate(found):
                if number == MAX_STATEMENTS:
                    raise SourceError(
                        f"{self.name}: more than {MAX_STATEMENTS:,} statements", "Split it into smaller files."
                    )
                yield statement
        except SyntaxError as error:
            raise self._broken(error) from error
        except MemoryError as error:  # the parser's report that a token exceeds its buffer
            raise SourceError(
                f"{self.name}: a term or comment is larger than 16 MB",
                "Shorten it. The projects before it were read.",
            ) from error

    def _broken(self, error: SyntaxError) -> SourceError:
        message = str(error.msg)
        if "LoadDocumentCallback" in message:
            return SourceError(
                f"{self.name}: its @context is a URL, but nothing is fetched",
                "Put the context itself into the file instead of its URL.",
            )
        if "Only UTF-8 is supported" in message:
            return SourceError(
                f"{self.name}: it declares an encoding other than UTF-8, which RDF requires",
                "Save it as UTF-8, and declare UTF-8 or no encoding in its first line.",
            )
        message = re.sub(r"^Parser error (?:at|between) .*?: | \(line \d+\)$", "", message)[:300]
        where = f":{error.lineno}:{error.offset}" if error.lineno else ""
        return SourceError(
            f"{self.name}{where}: invalid {self.syntax.name}: {message}",
            "Correct the file there, or check that its suffix matches its syntax. The projects before it were read.",
        )


def _find_excess(content: bytes, syntax: ox.RdfFormat) -> str:
    """Return the reason why this text must not be parsed, or an empty string."""
    if syntax in (ox.RdfFormat.N_TRIPLES, ox.RdfFormat.N_QUADS) and b"<<" not in content:
        return ""  # only triple terms can be nested in these
    return {ox.RdfFormat.JSON_LD: _json, ox.RdfFormat.RDF_XML: _xml}.get(syntax, _turtle)(content)


def _too_deep(what: str) -> str:
    return f"{what} are nested more than {MAX_NESTING_DEPTH} levels deep"


def _turtle(content: bytes) -> str:
    depth = 0
    for token in TURTLE_TOKEN.finditer(content):
        if token.lastgroup == "mark":
            depth = max(depth + _STEPS.get(token[0], 0), 0)
        if depth > MAX_NESTING_DEPTH:
            return _too_deep("statements")
    return ""


def _json(content: bytes) -> str:
    """Check the depth and the contexts, which must not be nested, large or too numerous."""
    depth = within = strings = contexts = total = values = 0
    named = False  # whether the previous token was "@context"
    for token in JSON_TOKEN.finditer(content):
        kind = "string" if token.lastgroup == "key" else token.lastgroup
        values += kind in ("open", "next")
        if values > _MAX_JSON_VALUES:
            return f"it has more than {_MAX_JSON_VALUES:,} values"
        if kind == "close" and depth == within:
            within = 0
        depth = max(depth + (kind == "open") - (kind == "close"), 0)
        if depth > MAX_NESTING_DEPTH:
            return _too_deep("objects")
        if kind == "open" and named and not within:
            within, strings, contexts = depth, 0, contexts + 1
        elif kind == "string" and within:
            strings, total = strings + 1, total + 1
            if strings > _MAX_CONTEXT_TERMS:
                return f"a @context has more than {_MAX_CONTEXT_TERMS // 2} terms"
        named = kind == "string" and _is_context(token["string"])
        if named and within:
            return "a @context is nested in another"
    return "it has too many contexts" if contexts * total > _MAX_COPIED_BYTES else ""


def _is_context(token: bytes) -> bool:
    """Return whether a token is "@context", in any escaped form (escapes have at most six characters)."""
    if b"\\" not in token or len(token) > 2 + 6 * len("@context"):
        return token == b'"@context"'
    with suppress(ValueError):
        return bool(json.loads(token) == "@context")
    return False


def _xml(content: bytes) -> str:
    """Check entities, depth, namespaces and attributes."""
    if b"<!ENTITY" in content:
        return "it declares entities"
    opened: list[int] = []
    namespaces = 0
    for token in _XML.finditer(content):
        kind = token.lastgroup
        if kind == "close":
            namespaces -= opened.pop() if opened else 0
        elif kind in ("open", "empty"):
            declared = token[0].count(b"xmlns")
            if namespaces + declared > _MAX_NAMESPACES or token[0].count(b"=") > _MAX_ATTRIBUTES:
                return "an element has too many namespaces or attributes"
            if kind == "open":
                opened.append(declared)
                namespaces += declared
            if len(opened) > MAX_NESTING_DEPTH:
                return _too_deep("elements")
    return ""
