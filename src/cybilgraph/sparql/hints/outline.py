"""Parses the outline of a query: its groups, patterns and expressions, as far as hints need them.

The parser makes one pass over the tokens. It is as strict as the grammar about what may follow what, so that it stops
at a mistake rather than where the engine gives up. Grammar: SPARQL 1.1 Query, section 19.8.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise, takewhile
from typing import ClassVar, NamedTuple
from urllib.parse import urljoin

from cybilgraph.model.gazetteer import MIN_SUGGESTION_SCORE, closest_match
from cybilgraph.model.vocabulary import PREFIXES, RDF, XSD
from cybilgraph.rdf.ntriples import is_iri
from cybilgraph.sparql.lexer import QUERY_FORMS, Token, tokens

#: Longer queries are not parsed, which bounds the time (about 10 µs per token).
MAX_TOKENS = 20_000
_AGGREGATES = frozenset(("COUNT", "SUM", "AVG", "MIN", "MAX", "SAMPLE", "GROUP_CONCAT"))
#: BuiltInCall, and the functions of SPARQL 1.2.
_OTHER_FUNCTIONS = """
STR LANG LANGMATCHES LANGDIR HASLANG HASLANGDIR STRLANG STRLANGDIR STRDT DATATYPE BOUND IRI URI BNODE RAND ABS CEIL
FLOOR ROUND CONCAT STRLEN UCASE LCASE ENCODE_FOR_URI CONTAINS STRSTARTS STRENDS STRBEFORE STRAFTER SUBSTR REPLACE REGEX
YEAR MONTH DAY HOURS MINUTES SECONDS TIMEZONE TZ NOW ADJUST UUID STRUUID MD5 SHA1 SHA256 SHA384 SHA512 COALESCE IF
SAMETERM ISIRI ISURI ISBLANK ISLITERAL ISNUMERIC TRIPLE ISTRIPLE SUBJECT PREDICATE OBJECT
"""
_FUNCTIONS = _AGGREGATES.union(_OTHER_FUNCTIONS.split())
_FUNCTION_ALIASES = {"LOWER": "LCASE", "UPPER": "UCASE", "LENGTH": "STRLEN", "LEN": "STRLEN"}
#: What may follow a triple without a dot.
_TRIPLE_FOLLOWERS = frozenset(("OPTIONAL", "MINUS", "FILTER", "BIND", "VALUES", "GRAPH", "SERVICE", "{", "}"))
#: Modifiers, with their place in the order (SolutionModifier).
_MODIFIERS = {"GROUP": 0, "HAVING": 1, "ORDER": 2, "LIMIT": 3, "OFFSET": 3}
#: Limits of a hint, and of a token in it.
_MAX_HINT_CHARS, _MAX_SHOWN_CHARS = 400, 40
_BEFORE_STEP, _AFTER_STEP = frozenset("^!("), frozenset("/|*+?)")
_CLOSING = {"{": "}", "(": ")", "[": "]"}
_BINARY = frozenset(("&&", "||", "=", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/", ",", ";", "AS", "IN"))
_UNARY = frozenset(("+", "-", "*"))  # and binary: * as in COUNT(*)
_BEFORE_OPERAND = frozenset(("(", "!", "+", "-", "DISTINCT", "NOT", "EXISTS"))
#: What users of other languages write.
_WRONG_SIGNS = {"<>": "!=", "=>": ">=", "=<": "<=", "AND": "&&", "OR": "||"}
_WRONG_WORDS = {**_WRONG_SIGNS, "LIKE": "CONTAINS or REGEX", "NULL": "!BOUND(?a)"}
#: Pairs of tokens without a space between them that are one sign.
_PAIRS = frozenset(("&&", "||", "!=", "<=", ">=", "==", "=>", "=<"))
_COMPARING = frozenset("=<>&|")
_COMPARISON = "A comparison must be inside a FILTER: FILTER(?a = ?b)"
_QUOTE_MARKS = {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_ESCAPED = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)


#: Characters of a base IRI that count.
_MAX_BASE_CHARS = 1_000


class OutlineError(Exception):
    """The query has a syntax error at the offset ``start``; ``text`` explains it, unless it is empty."""

    def __init__(self, start: int, text: str = "") -> None:
        super().__init__(start, text)
        self.start = start
        self.text = text


class Note(NamedTuple):
    """The text of a hint, and the offset in the query that it is about."""

    text: str
    start: int


class Term(NamedTuple):
    """A variable, iri, blank or literal, or a word of an expression (in upper case). ``text`` is as in the query."""

    kind: str
    value: str
    text: str
    start: int
    language: str = ""
    datatype: str = ""

    @property
    def constant(self) -> bool:
        """Whether it is an IRI or a literal."""
        return self.kind in ("iri", "literal")


@dataclass(frozen=True, slots=True)
class Triple:
    """A triple pattern; ``predicate`` is None if it has a longer property path.

    ``path`` has the IRIs of the predicate or path, and ``certain`` those without which it matches nothing.
    """

    subject: Term
    predicate: Term | None
    object: Term
    path: tuple[Term, ...] = ()
    certain: frozenset[str] = frozenset()
    is_unbounded: bool = False
    is_sequence: bool = False
    kind: ClassVar[str] = "TRIPLE"

    @property
    def names(self) -> frozenset[str]:
        """Its variables and blank nodes."""
        return frozenset(
            term.value for term in (self.subject, self.predicate, self.object) if term and not term.constant
        )

    @property
    def steps(self) -> list[Triple]:
        """The triple; for a sequence of properties, one for each, joined by blank nodes (section 18.2.2.4)."""
        if not self.is_sequence:
            return [self]
        between = (Term("blank", f"/{iri.start}", "[]", iri.start) for iri in self.path[1:])
        nodes = pairwise((self.subject, *between, self.object))
        return [Triple(node, iri, other, (iri,)) for iri, (node, other) in zip(self.path, nodes, strict=True)]

    @property
    def predicate_text(self) -> str:
        """The abbreviated text of its property or path."""
        if self.predicate:
            return "a" if self.predicate.value == RDF.type else self.predicate.text
        return f"{self.path[0].text} ..." if self.path else "!(...)"

    @property
    def text(self) -> str:
        """Its abbreviated text."""
        return f"{{ {self.subject.text} {self.predicate_text} {self.object.text} }}"

    @property
    def start(self) -> int:
        """Its offset."""
        return self.subject.start


@dataclass(slots=True, eq=False)
class Block:
    """A whole query (of the kind SELECT, ASK, CONSTRUCT or DESCRIBE), or any other part of it than a triple pattern:
    OPTIONAL, MINUS, UNION, GROUP, GRAPH, SERVICE, SELECT, FILTER, EXISTS, BIND or VALUES, ``outer`` being around it.

    ``terms`` are those of its expression or data, or the modifiers of a query, whose ``head`` has those before the
    pattern. ``names`` are in scope outside of it.
    """

    kind: str
    start: int
    outer: Block | None
    parts: list[Triple | Block] = field(default_factory=list)
    terms: tuple[Term, ...] = ()
    names: frozenset[str] = frozenset()
    head: tuple[Term, ...] = ()

    @property
    def text(self) -> str:
        """A short description."""
        shown = " ".join(f"?{name}" for name in sorted(self.names)[:2] if name[0] not in "[(_")
        return f"{self.kind} of {shown}" if shown else self.kind

    @property
    def within(self) -> set[str]:
        """The kinds of this and the blocks around it."""
        return {self.kind} | (self.outer.within if self.outer else set())

    @property
    def required(self) -> bool:
        """Whether the answer is empty if its patterns match nothing."""
        return self.within.isdisjoint(("OPTIONAL", "UNION", "MINUS", "EXISTS"))

    @property
    def triples(self) -> list[Triple]:
        """The triple patterns directly in the block."""
        return [part for part in self.parts if isinstance(part, Triple)]

    @property
    def inner_names(self) -> frozenset[str]:
        """The variables in scope at the end of its patterns."""
        return frozenset().union(*(part.names for part in self.parts))


@dataclass(slots=True)
class Outline:
    """A whole query: all its ``blocks`` in the order of the text.

    ``prefixes`` has the offset of the first use of each prefix, and ``graphs`` those named by FROM.
    """

    blocks: list[Block] = field(default_factory=list)
    declared: dict[str, str] = field(default_factory=dict)
    prefixes: dict[str, int] = field(default_factory=dict)
    graphs: list[Term] = field(default_factory=list)

    @property
    def main(self) -> Block:
        """The query itself."""
        return self.blocks[0]

    @property
    def triples(self) -> list[Triple]:
        """All triple patterns."""
        return [triple for block in self.blocks for triple in block.triples]

    def of_kind(self, *kinds: str) -> list[Block]:
        """Return all blocks of these kinds."""
        return [block for block in self.blocks if block.kind in kinds]


def parse_outline(query: str) -> Outline:
    """Parse the outline of a query. Raises OutlineError, also if it is too long or nested too deeply."""
    found: list[Token] = []
    for number, token in enumerate(tokens(query)):
        if number == MAX_TOKENS:
            raise OutlineError(0)
        last = found[-1] if found else token
        text = last.text + token.text
        if last.kind == token.kind == "other" and last.start + 1 == token.start and text in _PAIRS:
            found[-1] = Token("other", text, last.start)
        elif last.kind == token.kind == "word" and text.upper() == "NOTIN":
            found[-1] = Token("word", "IN", last.start)
        else:
            found.append(token)
    parser = _Parser(query, found)
    try:
        parser.query()
    except RecursionError:
        raise OutlineError(parser.token.start) from None
    return parser.outline


class _Parser:
    """A position in a query. All methods raise OutlineError on a syntax error."""

    def __init__(self, query: str, found: list[Token]) -> None:
        end = Token("end", "", len(query))
        self._query = query
        self._tokens = [*found, end, end]  # two, so that every token has a next one
        self._at = 0
        self._base = ""
        self._open: list[Token] = []
        self._inner: Block | None = None  # the innermost block
        self.outline = Outline()

    @property
    def token(self) -> Token:
        """The next token; after the last, one of the kind ``end``."""
        return self._tokens[self._at]

    @property
    def _following(self) -> Token:
        return self._tokens[self._at + 1]

    @property
    def _word(self) -> str:
        """The next token in upper case; empty for strings, names and other tokens that are not words or marks."""
        return self.token.text.upper() if self.token.kind in ("word", "open", "close", "other") else ""

    def _error(self, text: str = "") -> OutlineError:
        """Return the error for the next token; ``text`` applies unless the token explains itself."""
        token, shown = self.token, self.token.text
        opened = self._open[-1] if self._open else None
        is_stray = token.kind == "close" and shown not in (_CLOSING[each.text] for each in self._open)
        is_end = token.kind == "end" or (token.kind == "close" and not is_stray)
        if opened and is_end and shown != _CLOSING[opened.text]:
            return OutlineError(opened.start, f"This {opened.text} is not closed: {_CLOSING[opened.text]} is missing.")
        if is_stray:
            text = f"This {shown} has no matching opening bracket."
        elif token.kind == "other" and shown in _QUOTE_MARKS:
            text = f"{shown} is not a quotation mark in SPARQL. Write {_QUOTE_MARKS[shown]}"
        elif token.kind == "other" and shown in "\"'":
            text = "The string is not closed on this line."
        elif shown == "==":
            text = "SPARQL tests equality with a single =."
        elif shown.upper() in _WRONG_WORDS and token.kind in ("word", "iri", "other"):
            text = f"SPARQL has no {shown}. Write {_WRONG_WORDS[shown.upper()]}"
        return OutlineError(token.start, text)

    def _after_line(self, text: str) -> OutlineError:
        """Return the error for the next token; at the end of the last one if that is on an earlier line."""
        error, last = self._error(text), self._tokens[self._at - 1]
        end = last.start + len(last.text)
        if error.text == text and "\n" in self._query[end : error.start]:
            error.start = end
        return error

    def _next(self) -> Token:
        token = self.token
        if token.kind == "end":
            raise self._error()
        if token.kind == "open":
            self._open.append(token)
        elif token.kind == "close":
            if not self._open or token.text != _CLOSING[self._open[-1].text]:
                raise self._error()
            self._open.pop()
        self._at += 1
        return token

    def _take(self, *words: str) -> bool:
        """Consume the next token if it is one of these; return whether it was."""
        if found := self._word in words:
            self._next()
        return found

    def _expect(self, word: str, text: str = "") -> None:
        if not self._take(word):
            raise self._error(text)

    def _term(self) -> Term:
        """Read the next term, or word of an expression."""
        token = self._next()
        kind, value, datatype = token.kind, token.text, ""
        match kind:
            case "string":
                return self._literal(token)
            case "other" if value in "+-" and self.token.kind == "number":
                number = self._term()
                return number._replace(value=value + number.value, text=value + number.text, start=token.start)
            case "variable":
                value = value[1:]
            case "iri":
                try:
                    value = urljoin(self._base, value[1:-1])
                except ValueError:  # such as an unclosed bracket in the host
                    value = ""
                if not is_iri(value):
                    raise OutlineError(token.start)
            case "name":
                prefix, _, local = value.partition(":")
                namespace = self.outline.declared.get(prefix, PREFIXES.get(prefix))
                if namespace is None:
                    raise OutlineError(token.start)
                self.outline.prefixes.setdefault(prefix, token.start)
                kind, value = "iri", namespace + re.sub(r"\\(.)", r"\1", local)
            case "number":
                is_double = "e" in value.lower()
                datatype = f"{XSD.iri}double" if is_double else XSD.integer if value.isdigit() else XSD.decimal
                kind = "literal"
            case "word" if value.lower() in ("true", "false"):
                kind, value, datatype = "literal", value.lower(), f"{XSD.iri}boolean"
            case "word" | "open" | "close" | "other" | "language":
                kind, value = "word", value.upper()
        return Term(kind, value, token.text, token.start, "", datatype)

    def _literal(self, token: Token) -> Term:
        quotes = 3 if token.text[:3] in ('"""', "'''") else 1
        value = _ESCAPED.sub(_unescaped, token.text[quotes:-quotes])
        if self.token.kind == "language":
            tag = self._next().text
            return Term("literal", value, token.text + tag, token.start, tag[1:])
        if self._take("^"):
            self._expect("^", "A datatype needs two carets: ^^")
            datatype = self._node()
            return Term("literal", value, f"{token.text}^^{datatype.text}", token.start, "", datatype.value)
        return Term("literal", value, token.text, token.start)

    def _begin(self, kind: str) -> Block:
        """Begin a block inside the current one, with its keyword if there is one."""
        block = Block(kind, self.token.start, self._inner)
        if self._inner:
            self._inner.parts.append(block)
        self.outline.blocks.append(block)
        self._inner = block
        self._take(kind)
        return block

    def _end(self, block: Block, names: frozenset[str] | None = None) -> None:
        """End a block, with the names in scope outside of it (None: all)."""
        block.names = block.inner_names if names is None else names
        self._inner = block.outer

    # Query forms

    def query(self) -> None:
        while self._word in ("PREFIX", "BASE"):
            self._declaration()
        if self._word not in QUERY_FORMS:
            raise self._error()
        if self._word == "SELECT":
            self._select()
        else:
            main = self._begin(self._word)
            head: list[Term] = []
            if main.kind == "CONSTRUCT" and self._word == "{":
                template = self._at
                self._pattern()
                main.parts.clear()
                found = [token for token in self._tokens[template : self._at] if token.kind == "variable"]
                head = [Term("variable", token.text[1:], token.text, token.start) for token in found]
            while main.kind == "DESCRIBE" and (self.token.kind in ("variable", "iri", "name") or self._word == "*"):
                head.append(self._term())
            self._body(main, tuple(head))
        if self.token.kind != "end":
            raise self._error()

    def _declaration(self) -> None:
        is_base = self._next().text.upper() == "BASE"
        name = self.token
        if not is_base:
            if name.kind != "name" or not name.text.endswith(":"):
                text = f"A prefix declaration needs a colon: PREFIX {name.text.rstrip(':')}: <...>"
                raise self._error(text if name.kind in ("word", "name") else "")
            self._next()
        if self.token.kind != "iri":
            raise self._error("The IRI of a prefix needs angle brackets: <https://...>")
        iri = self._term().value
        if is_base:
            self._base = iri[:_MAX_BASE_CHARS]  # each relative IRI is resolved against it
        else:
            self.outline.declared[name.text[:-1]] = iri

    def _select(self) -> None:
        select = self._begin("SELECT")
        self._take("DISTINCT", "REDUCED")
        star = (self._term(),) if self._word == "*" else ()
        plain: list[Term] = []
        computed: list[Term] = []
        while not star and (self.token.kind == "variable" or self._word == "("):
            if self._word == "(":
                computed += self._expression()
            else:
                plain.append(self._term())
        if self._word == ",":
            raise self._error("The columns of a SELECT are not separated by commas: SELECT ?a ?b")
        if self._word in _AGGREGATES:
            raise self._error(f"An expression needs parentheses and a name: ({self._word}(?a) AS ?b)")
        self._body(select, (*star, *plain, *computed))
        self._end(select, None if star else frozenset(term.value for term in plain) | names_after_as(computed))
        is_grouped = bool(select.terms) and select.terms[0].value == "GROUP"
        if star and is_grouped:
            raise OutlineError(star[0].start, "Name the columns: SELECT * is not allowed with GROUP BY.")
        if any(term.kind == "word" and term.value in _AGGREGATES for term in computed):
            keys = {term.value for term in takewhile(lambda term: term.value not in ("HAVING", "ORDER"), select.terms)}
            for term in plain:
                if not is_grouped or term.value not in keys:
                    text = f"{term.text} is selected along with an aggregate: add GROUP BY {term.text}"
                    raise OutlineError(term.start, text)

    def _body(self, block: Block, head: tuple[Term, ...]) -> None:
        """Parse all that follows the head of a query."""
        block.head = head
        while self._take("FROM"):
            self._take("NAMED")
            self.outline.graphs.append(self._node())
        self._take("WHERE")
        if block.kind != "DESCRIBE" or self._word == "{":
            self._pattern()
        block.terms = self._modifiers()
        if self._word == "VALUES":
            self._values()

    def _is_call(self) -> bool:
        """Return whether the next token is the name of a function before its arguments."""
        return self.token.kind in ("word", "iri", "name") and self._following.text == "("

    def _modifiers(self) -> tuple[Term, ...]:
        terms: list[Term] = []
        last = "GROUP"
        while self.token.kind != "end" and self._word not in ("}", "VALUES"):
            if (word := self._word) in _MODIFIERS:
                if _MODIFIERS[word] < _MODIFIERS[last]:
                    raise self._error(f"{word} must come before {last}: first GROUP BY, then HAVING, ORDER BY, LIMIT.")
                last = word
            elif not terms or word in ("{", "."):
                raise self._error()
            is_plain = word in (*_MODIFIERS, "BY", "ASC", "DESC") or not (word == "(" or self._is_call())
            terms += (self._term(),) if is_plain else self._expression()
        return tuple(terms)

    # Patterns

    def _pattern(self) -> None:
        """Parse a group in braces into the current block."""
        self._expect("{")
        if self._word == "SELECT":
            self._select()
            if self._word != "}":
                raise self._error()
        while not self._take("}"):
            if self._block():
                self._take(".")
            else:
                self._triples()
                if not self._take(".") and self._word not in _TRIPLE_FOLLOWERS:
                    shown = self.token.text[:_MAX_SHOWN_CHARS]
                    raise self._error(f"A dot (or ; or ,) is missing before {shown}." if shown else "")

    def _block(self) -> bool:
        """Parse a part of a group, unless it is a triple pattern."""
        match kind := self._word:
            case "OPTIONAL" | "MINUS" | "GRAPH" | "SERVICE":
                block = self._begin(kind)
                if kind in ("GRAPH", "SERVICE"):
                    self._take("SILENT")
                    block.terms = (self._node(),)
                self._pattern()
                graphs = {term.value for term in block.terms if term.kind == "variable"}
                self._end(block, frozenset() if kind == "MINUS" else block.inner_names | graphs)
            case "FILTER" | "BIND":
                block = self._begin(kind)
                if not (self._word in ("(", "NOT", "EXISTS") or self._is_call()):
                    raise self._error(f"The condition of a {kind} needs parentheses: {kind}(?a > 1)")
                block.terms = self._expression()
                self._end(block, names_after_as(block.terms))
            case "VALUES":
                self._values()
            case "{":
                union = self._begin("GROUP")
                while not union.parts or self._take("UNION"):
                    group = self._begin("GROUP")
                    self._pattern()
                    self._end(group)
                union.kind = "UNION" if len(union.parts) > 1 else "GROUP"
                self._end(union)
            case _:
                return False
        return True

    def _values(self) -> None:
        block = self._begin("VALUES")
        names = frozenset(term.value for term in self._row())
        self._expect("{")
        terms: list[Term] = []
        while not self._take("}"):
            if self._word in ("{", "."):
                raise self._error()
            terms += self._row()
        block.terms = tuple(terms)
        self._end(block, names)

    def _row(self) -> list[Term]:
        """Read a term, or several in parentheses."""
        if not self._take("("):
            return [self._term()]
        terms: list[Term] = []
        while not self._take(")"):
            terms.append(self._term())
        return terms

    def _triples(self) -> None:
        assert self._inner
        before, is_bracketed = len(self._inner.parts), self._word in ("[", "(")
        subject = self._node(nested=True)
        if not is_bracketed or len(self._inner.parts) == before or self._is_verb():
            self._properties(subject)

    def _is_verb(self) -> bool:
        return self.token.kind in ("variable", "iri", "name") or self._word in ("A", "^", "!", "(")

    def _properties(self, subject: Term) -> None:
        assert self._inner
        while True:
            if not self._is_verb():
                raise self._error(_COMPARISON if self._word[:1] in _COMPARING else "")
            verb = self._predicate(subject)
            while True:
                self._inner.parts.append(replace(verb, object=self._node(nested=True)))
                if not self._take(","):
                    break
            if not self._take(";"):
                return
            while self._take(";"):
                pass
            if not self._is_verb():
                return

    def _node(self, *, nested: bool = False) -> Term:
        """Read a term of a triple; ``nested`` if it may be in brackets, whose triples go into the current block."""
        start = self.token.start
        if nested and self._take("["):
            blank = Term("blank", f"[{start}", "[]", start)
            if not self._take("]"):
                self._properties(blank)
                self._expect("]")
            return blank
        if nested and self._take("("):
            while not self._take(")"):
                self._node(nested=True)
            return Term("blank", f"({start}", "()", start)
        if self._word and self._word not in ("TRUE", "FALSE", "+", "-"):
            raise self._error(_COMPARISON if self._word[:1] in _COMPARING else "")
        term = self._term()
        if term.kind == "word":
            raise OutlineError(start)
        return term

    def _predicate(self, subject: Term) -> Triple:
        """Read a variable or a property path (section 9.1) as a triple that lacks its object."""
        if self.token.kind == "variable":
            return Triple(subject, self._term(), subject)
        iris: list[Term] = []
        words: list[str] = []
        depth, ended = 0, False  # whether an operand has ended
        while depth or not ended or self._word in ("/", "|", "*", "+", "?"):
            word = self._word
            if word in (_AFTER_STEP if ended else _BEFORE_STEP):
                self._next()
                depth += (word == "(") - (word == ")")
                ended = ended and word not in ("/", "|")
            else:
                iri = self._term()
                if ended or (iri.kind != "iri" and iri.value != "A"):
                    raise OutlineError(iri.start)
                iris.append(iri if iri.kind == "iri" else iri._replace(kind="iri", value=RDF.type))
                ended = True
            words.append(word)
        predicate = iris[0] if len(words) == 1 else None
        if "!" in words:
            iris = []  # it matches all other properties
        # With alternatives or optional groups, no property is certain.
        is_loose = "|" in words or any(last == ")" and word in ("*", "?") for last, word in pairwise(words))
        marks = [word for last, word in pairwise((*words, "")) if last in ("", "A")]
        certain = (iri.value for iri, mark in zip(iris, marks, strict=False) if mark not in ("*", "?"))
        is_unbounded = not {"*", "+"}.isdisjoint(words)
        is_sequence = {"", "A", "/"}.issuperset(words)
        certain_iris = frozenset(() if is_loose else certain)
        return Triple(subject, predicate, subject, tuple(iris), certain_iris, is_unbounded, is_sequence)

    # Expressions

    def _expression(self) -> tuple[Term, ...]:
        """Parse an expression in parentheses, a call, or EXISTS with its group; return its terms.

        Checks that operands and operators alternate, not which operands they take.
        """
        terms: list[Term] = []
        depth, ended = 0, False  # whether an operand has ended
        while depth or not ended:
            sign = self._word
            before = [term.value for term in terms[-2:] if term.kind != "literal"]
            if sign == "{" and before[-1:] == ["EXISTS"]:
                block = self._begin("EXISTS")
                self._pattern()
                self._end(block, frozenset())
                ended = True
                continue
            is_call = before[-1:] == ["("] and len(before) > 1 and before[0] not in _BEFORE_OPERAND
            is_binary = sign in _BINARY and (ended or sign not in _UNARY)
            if not ended and (is_binary or (sign == ")" and not is_call)):
                raise self._error(f"A value is missing before {sign}")
            if ended and not is_binary and sign != ")":
                raise self._after_line(f"An operator or ) is missing before {self.token.text[:_MAX_SHOWN_CHARS]}")
            if before[-1:] == ["IN"] and sign != "(":
                raise self._error("After IN there must be a list in parentheses: ?a IN (1, 2)")
            if before[-1:] == ["AS"] and self.token.kind != "variable":
                raise self._error("After AS there must be a variable: (... AS ?name)")
            depth += (sign == "(") - (sign == ")")
            ended = sign == ")" or (not is_binary and self._is_operand(sign))
            if is_binary:
                terms.append(Term("word", sign, self.token.text, self.token.start))
                self._next()
            else:
                terms.append(self._term())
        return tuple(terms)

    def _is_operand(self, sign: str) -> bool:
        """Return whether the next token is an operand, not what precedes one."""
        following = self._following.text.upper()
        if sign == "NOT" and following != "EXISTS":
            raise self._error("NOT is valid only in NOT IN and NOT EXISTS. For negation, write !")
        if sign == "EXISTS" and following != "{":
            raise self._error("After EXISTS there must be a pattern in braces.")
        if sign in _BEFORE_OPERAND:
            return sign in ("+", "-") and self._following.kind == "number"
        if self._is_call():
            if self.token.kind == "word" and sign not in _FUNCTIONS:
                meant = _FUNCTION_ALIASES.get(sign) or closest_match(sign, sorted(_FUNCTIONS), MIN_SUGGESTION_SCORE)
                raise self._error(f"SPARQL has no function {sign}." + (f" Did you mean {meant}?" if meant else ""))
            return False
        if self.token.kind in ("open", "close", "other", "language", "end") and sign != "*":
            raise self._error(f"A value is missing before {self.token.text}")
        if self.token.kind == "word" and sign not in ("TRUE", "FALSE", "SEPARATOR"):
            raise self._error(f"The arguments of {self.token.text} need parentheses: {self.token.text}(?a)")
        return True


def names_after_as(terms: Iterable[Term]) -> frozenset[str]:
    """Return the variables that an expression binds with AS."""
    return frozenset(name.value for word, name in pairwise(terms) if word.kind == "word" and word.value == "AS")


def shortened(text: str) -> str:
    """Return the text of a hint, cut if it is long."""
    return text if len(text) <= _MAX_HINT_CHARS else f"{text[:_MAX_HINT_CHARS]}..."


def _unescaped(match: re.Match[str]) -> str:
    if len(match[1]) > 1:
        return chr(min(int(match[1][1:], 16), 0x10FFFF))
    return _ESCAPES.get(match[1], match[1])
