"""Parses the outline of a query: its groups, patterns and expressions, as far as hints need them.

The parser makes one pass over the tokens. It is as strict as the grammar about what may follow what, so that it stops
at a mistake rather than where the engine gives up. Grammar: SPARQL 1.1 Query, section 19.8.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise, takewhile
from typing import NamedTuple
from urllib.parse import urljoin

from cybilgraph.model.gazetteer import MIN_SUGGESTION_SCORE, closest_match
from cybilgraph.model.vocabulary import PREFIXES, RDF, XSD
from cybilgraph.rdf.ntriples import is_iri
from cybilgraph.sparql.lexer import Token, tokens

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
_WRONG_OPERATORS = {"==": "=", "=>": ">=", "=<": "<="}
_WRONG_WORDS = {"AND": "&&", "OR": "||", "LIKE": "CONTAINS or REGEX", "NULL": "!BOUND(?a)", "<>": "!="}
_COMPARING = frozenset("=<>&|")
_COMPARISON = "A comparison must be inside a FILTER: FILTER(?a = ?b)"
_QUOTE_MARKS = {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_ESCAPED = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)


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


class Path(NamedTuple):
    """A property path: its IRIs, and those without which it matches nothing; ``endless`` if it may have any length."""

    iris: tuple[Term, ...] = ()
    certain: frozenset[str] = frozenset()
    has_unbounded_length: bool = False


@dataclass(frozen=True, slots=True)
class Triple:
    """A triple pattern. ``predicate`` is None if its path is more than one IRI; ``path`` is empty for a variable."""

    subject: Term
    predicate: Term | None
    object: Term
    path: Path

    @property
    def names(self) -> frozenset[str]:
        """Its variables and blank nodes."""
        terms = (self.subject, self.predicate, self.object)
        return frozenset(term.value for term in terms if term and not term.constant)

    @property
    def predicate_text(self) -> str:
        """The abbreviated text of its property or path."""
        if self.predicate:
            return "a" if self.predicate.value == RDF.type else self.predicate.text
        return f"{self.path.iris[0].text} ..." if self.path.iris else "!(...)"

    @property
    def text(self) -> str:
        """Its abbreviated text."""
        return f"{{ {self.subject.text} {self.predicate_text} {self.object.text} }}"

    @property
    def start(self) -> int:
        """Its offset."""
        return self.subject.start


@dataclass(frozen=True, slots=True)
class Block:
    """Any other part of a group: OPTIONAL, MINUS, UNION, GROUP, GRAPH, SERVICE, SELECT, FILTER, BIND or VALUES.

    ``terms`` are those of its expression or data, or the modifiers of a SELECT, whose ``head`` has those before the
    pattern. ``names`` are in scope outside of it. ``rows`` is the size of a VALUES.
    """

    kind: str
    start: int
    groups: tuple[Group, ...] = ()
    terms: tuple[Term, ...] = ()
    names: frozenset[str] = frozenset()
    rows: int = 0
    head: tuple[Term, ...] = ()

    @property
    def text(self) -> str:
        """A short description."""
        shown = " ".join(f"?{name}" for name in sorted(self.names)[:2] if name[0] not in "[(_")
        return f"{self.kind} of {shown}" if shown else self.kind


@dataclass(slots=True)
class Group:
    """A group graph pattern, with the kind of its block and the group around that."""

    kind: str = ""
    outer: Group | None = None
    parts: list[Triple | Block] = field(default_factory=list)

    @property
    def within(self) -> frozenset[str]:
        """The kinds of the blocks around it."""
        return frozenset((self.kind,)) | (self.outer.within if self.outer else frozenset())

    @property
    def required(self) -> bool:
        """Whether the answer is empty if the group matches nothing."""
        return self.within.isdisjoint(("OPTIONAL", "UNION", "MINUS", "FILTER"))

    @property
    def triples(self) -> list[Triple]:
        """The triple patterns directly in the group."""
        return [part for part in self.parts if isinstance(part, Triple)]

    @property
    def blocks(self) -> list[Block]:
        """The other parts directly in the group."""
        return [part for part in self.parts if isinstance(part, Block)]

    @property
    def names(self) -> frozenset[str]:
        """The variables in scope after the group."""
        return frozenset().union(*(part.names for part in self.parts))


class Use(NamedTuple):
    """An IRI in a query, its role (property, class or thing), its group, and whether the group needs it to match."""

    term: Term
    role: str
    group: Group
    certain: bool


@dataclass(slots=True)
class Outline:
    """A whole query: ``main`` is its pattern as a SELECT; all its ``groups`` in the order of the text.

    ``prefixes`` has the offset of the first use of each prefix, and ``graphs`` those named by FROM.
    """

    main: Block = field(init=False)
    groups: list[Group] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    declared: dict[str, str] = field(default_factory=dict)
    prefixes: dict[str, int] = field(default_factory=dict)
    graphs: list[Term] = field(default_factory=list)

    @property
    def triples(self) -> list[Triple]:
        """All triple patterns."""
        return [triple for group in self.groups for triple in group.triples]

    def blocks(self, *kinds: str) -> list[Block]:
        """Return all blocks of these kinds."""
        return [block for group in self.groups for block in group.blocks if block.kind in kinds]


def parse_outline(query: str) -> Outline:
    """Parse the outline of a query. Raises OutlineError, also if it is too long or nested too deeply."""
    found = list(islice(tokens(query), MAX_TOKENS + 1))
    if len(found) > MAX_TOKENS:
        raise OutlineError(0)
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
        self._tokens = [*found, end, end]  # two, so that every token has a next one
        self._at = 0
        self._base = ""
        self._open: list[Token] = []
        self._group: Group | None = None  # the innermost
        self.outline = Outline()

    @property
    def token(self) -> Token:
        """The next token; after the last, one of the kind ``end``."""
        return self._tokens[self._at]

    @property
    def _word(self) -> str:
        """The next token in upper case; empty for strings, names and other tokens that are not words or marks."""
        return self.token.text.upper() if self.token.kind in ("word", "open", "close", "other") else ""

    def _error(self, text: str = "") -> OutlineError:
        """The error for the next token; ``text`` applies unless the token explains itself."""
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
        elif shown.upper() in _WRONG_WORDS and token.kind in ("word", "iri"):
            text = f"SPARQL has no {shown}. Write {_WRONG_WORDS[shown.upper()]}"
        return OutlineError(token.start, text)

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
        match token.kind:
            case "variable":
                return Term("variable", token.text[1:], token.text, token.start)
            case "iri":
                try:
                    value = urljoin(self._base, token.text[1:-1])
                except ValueError:  # such as an unclosed bracket in the host
                    raise OutlineError(token.start) from None
                if not is_iri(value):
                    raise OutlineError(token.start)
                return Term("iri", value, token.text, token.start)
            case "name":
                prefix, _, local = token.text.partition(":")
                namespace = self.outline.declared.get(prefix, PREFIXES.get(prefix))
                if namespace is None:
                    raise OutlineError(token.start)
                self.outline.prefixes.setdefault(prefix, token.start)
                return Term("iri", namespace + re.sub(r"\\(.)", r"\1", local), token.text, token.start)
            case "blank":
                return Term("blank", token.text, token.text, token.start)
            case "number":
                datatype = f"{XSD.iri}double" if "e" in token.text.lower() else XSD.decimal
                datatype = XSD.integer if token.text.isdigit() else datatype
                return Term("literal", token.text, token.text, token.start, "", datatype)
            case "string":
                return self._literal(token)
            case "other" if token.text in "+-" and self.token.kind == "number":
                number = self._term()
                sign = token.text
                return number._replace(value=sign + number.value, text=sign + number.text, start=token.start)
            case "word" if token.text.lower() in ("true", "false"):
                return Term("literal", token.text.lower(), token.text, token.start, "", f"{XSD.iri}boolean")
        return _word_term(token)

    def _literal(self, token: Token) -> Term:
        quotes = 3 if token.text[:3] in ('"""', "'''") else 1
        value = _ESCAPED.sub(_unescaped, token.text[quotes:-quotes])
        if self.token.kind == "language":
            tag = self._next().text
            return Term("literal", value, token.text + tag, token.start, tag[1:])
        if self._take("^"):
            self._expect("^", "A datatype needs two marks: ^^")
            datatype = self._node()
            return Term("literal", value, f"{token.text}^^{datatype.text}", token.start, "", datatype.value)
        return Term("literal", value, token.text, token.start)

    # Query forms

    def query(self) -> None:
        while self._word in ("PREFIX", "BASE"):
            self._declaration()
        form, start = self._word, self.token.start
        if form == "SELECT":
            self.outline.main = self._select()
        elif not self._take("ASK", "CONSTRUCT", "DESCRIBE"):
            raise self._error()
        else:
            head = self._template() if form == "CONSTRUCT" and self._word == "{" else []
            while form == "DESCRIBE" and (self.token.kind in ("variable", "iri", "name") or self._word == "*"):
                head.append(self._term())
            self._use("thing", *head, certain=None)
            self.outline.main = self._body(start, tuple(head), is_pattern_optional=form == "DESCRIBE")
        if self.token.kind != "end":
            raise self._error()

    def _declaration(self) -> None:
        name = self._next() if self._word == "BASE" else None
        if not name:
            self._next()
            name = self.token
            if name.kind != "name" or not name.text.endswith(":"):
                text = f"A prefix declaration needs a colon: PREFIX {name.text.rstrip(':')}: <...>"
                raise self._error(text if name.kind in ("word", "name") else "")
            self._next()
        if self.token.kind != "iri":
            raise self._error("The IRI of a prefix needs angle brackets: <https://...>")
        iri = self._term().value
        if name.kind == "name":
            self.outline.declared[name.text[:-1]] = iri
        else:
            self._base = iri

    def _select(self) -> Block:
        start = self._next().start
        self._take("DISTINCT", "REDUCED")
        star = (self._term(),) if self._word == "*" else ()
        plain: list[Term] = []
        computed: list[Term] = []
        while not star and (self.token.kind == "variable" or self._word == "("):
            if self._word == "(":
                computed += self._expression()[0]
            else:
                plain.append(self._term())
        if self._word == ",":
            raise self._error("The columns of a SELECT are not separated by commas: SELECT ?a ?b")
        if self._word in _AGGREGATES:
            raise self._error(f"An expression needs parentheses and a name: ({self._word}(?a) AS ?b)")
        select = self._body(start, (*star, *plain, *computed))
        names = (term.value for term in takewhile(lambda term: term.value not in ("HAVING", "ORDER"), select.terms))
        keys = frozenset(names) if any(term.value == "GROUP" for term in select.terms[:1]) else frozenset()
        if star and keys:
            raise OutlineError(star[0].start, "Name the columns: SELECT * is not allowed with GROUP BY.")
        if any(term.kind == "word" and term.value in _AGGREGATES for term in computed):
            for term in plain:
                if term.value not in keys:
                    text = f"{term.text} is selected along with an aggregate: add GROUP BY {term.text}"
                    raise OutlineError(term.start, text)
        columns = frozenset(term.value for term in plain) | names_after_as(computed)
        return select if star else replace(select, names=columns)

    def _body(self, start: int, head: tuple[Term, ...], *, is_pattern_optional: bool = False) -> Block:
        """Parse all that follows the head of a query."""
        while self._take("FROM"):
            self._take("NAMED")
            self.outline.graphs.append(self._node())
        self._take("WHERE")
        group = Group() if is_pattern_optional and self._word != "{" else self._pattern("SELECT")
        modifiers = self._modifiers()
        if self._word == "VALUES":
            group.parts.append(self._values())
        return Block("SELECT", start, (group,), modifiers, group.names, 0, head)

    def _is_call(self) -> bool:
        """Whether the next token is the name of a function before its arguments."""
        return self.token.kind in ("word", "iri", "name") and self._tokens[self._at + 1].text == "("

    def _template(self) -> list[Term]:
        """Parse the template of a CONSTRUCT; return its variables."""
        used, groups, start = len(self.outline.uses), len(self.outline.groups), self._at
        self._pattern()
        del self.outline.uses[used:], self.outline.groups[groups:]
        found = [token for token in self._tokens[start : self._at] if token.kind == "variable"]
        return [Term("variable", token.text[1:], token.text, token.start) for token in found]

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
            terms += (self._term(),) if is_plain else self._expression()[0]
        return tuple(terms)

    # Patterns

    def _pattern(self, kind: str = "") -> Group:
        """Parse the group of a block of this kind."""
        self._expect("{")
        outer, self._group = self._group, Group(kind, self._group)
        group = self._group
        self.outline.groups.append(group)
        if self._word == "SELECT":
            group.parts.append(self._select())
            if self._word != "}":
                raise self._error()
        while not self._take("}"):
            if block := self._block():
                group.parts.append(block)
                self._take(".")
            else:
                self._triples(group)
                if not self._take(".") and self._word not in _TRIPLE_FOLLOWERS:
                    shown = self.token.text[:_MAX_SHOWN_CHARS]
                    raise self._error(f"A dot (or ; or ,) is missing before {shown}." if shown else "")
        self._group = outer
        return group

    def _block(self) -> Block | None:
        start, kind = self.token.start, self._word
        match kind:
            case "OPTIONAL" | "MINUS":
                self._next()
                group = self._pattern(kind)
                return Block(kind, start, (group,), (), group.names if kind == "OPTIONAL" else frozenset())
            case "GRAPH" | "SERVICE":
                self._next()
                self._take("SILENT")
                node = self._node()
                self._use("thing", node)
                group = self._pattern(kind)
                names = group.names | frozenset((node.value,) if node.kind == "variable" else ())
                return Block(kind, start, (group,), (node,), names)
            case "FILTER" | "BIND":
                self._next()
                if not (self._word in ("(", "NOT", "EXISTS") or self._is_call()):
                    raise self._error(f"The condition of a {kind} needs parentheses: {kind}(?a > 1)")
                terms, groups = self._expression()
                self._use("thing", *terms)
                return Block(kind, start, groups, terms, names_after_as(terms))
            case "VALUES":
                return self._values()
            case "{":
                found = [self._pattern("GROUP")]
                while self._take("UNION"):
                    found.append(self._pattern("UNION"))
                    found[0].kind = "UNION"
                names = frozenset().union(*(each.names for each in found))
                return Block(found[0].kind, start, tuple(found), (), names)
        return None

    def _values(self) -> Block:
        start = self._next().start
        names = frozenset(term.value for term in self._row())
        terms: list[Term] = []
        rows = 0
        self._expect("{")
        while not self._take("}"):
            if self._word in ("{", "."):
                raise self._error()
            terms += self._row()
            rows += 1
        self._use("thing", *terms)
        return Block("VALUES", start, (), tuple(terms), names, rows)

    def _row(self) -> list[Term]:
        """Read a term, or several in parentheses."""
        if not self._take("("):
            return [self._term()]
        terms: list[Term] = []
        while not self._take(")"):
            terms.append(self._term())
        return terms

    def _use(self, role: str, *terms: Term, certain: Iterable[str] | None = ()) -> None:
        """Record the IRIs among these terms; ``certain`` are those that the pattern needs (None: all)."""
        group = self._group or Group()
        iris = (term for term in terms if term.kind == "iri")
        self.outline.uses += (Use(term, role, group, certain is None or term.value in certain) for term in iris)

    def _triples(self, group: Group) -> None:
        before = len(group.parts)
        bracketed = self._word in ("[", "(")
        subject = self._node(group)
        self._use("thing", subject, certain=None)
        if not bracketed or len(group.parts) == before or self._is_verb():
            self._properties(group, subject)

    def _is_verb(self) -> bool:
        return self.token.kind in ("variable", "iri", "name") or self._word in ("A", "^", "!", "(")

    def _properties(self, group: Group, subject: Term) -> None:
        while True:
            if not self._is_verb():
                raise self._error(_COMPARISON if self._word in _COMPARING else "")
            predicate, path = self._predicate()
            is_class = bool(path.iris) and path.iris[-1].value == RDF.type
            self._use("property", *path.iris, certain=path.certain)
            while True:
                value = self._node(group)
                self._use("class" if is_class else "thing", value, certain=None)
                group.parts.append(Triple(subject, predicate, value, path))
                if not self._take(","):
                    break
            if not self._take(";"):
                return
            while self._take(";"):
                pass
            if not self._is_verb():
                return

    def _node(self, group: Group | None = None) -> Term:
        """Read a term of a triple; ``group`` takes the triples of brackets, which are not allowed without one."""
        start = self.token.start
        if group and self._take("["):
            blank = Term("blank", f"[{start}", "[]", start)
            if not self._take("]"):
                self._properties(group, blank)
                self._expect("]")
            return blank
        if group and self._take("("):
            while not self._take(")"):
                self._node(group)
            return Term("blank", f"({start}", "()", start)
        if self._word and self._word not in ("TRUE", "FALSE", "+", "-"):
            raise self._error(_COMPARISON if self._word in _COMPARING else "")
        term = self._term()
        if term.kind == "word":
            raise OutlineError(start)
        return term

    def _predicate(self) -> tuple[Term | None, Path]:
        """Read a variable or a property path (section 9.1)."""
        if self.token.kind == "variable":
            return self._term(), Path()
        iris: list[Term] = []
        words: list[str] = []
        depth, ended = 0, False  # whether an operand has ended
        while depth or not ended or self._word in ("/", "|", "*", "+", "?"):
            word = self._word
            if word not in (_AFTER_STEP if ended else _BEFORE_STEP):
                iris.append(self._term())
                if ended or (iris[-1].kind != "iri" and iris[-1].value != "A"):
                    raise OutlineError(iris[-1].start)
                ended = True
            else:
                self._next()
                depth += (word == "(") - (word == ")")
                ended = ended and word not in ("/", "|")
            words.append(word)
        iris = [iri if iri.kind == "iri" else iri._replace(kind="iri", value=RDF.type) for iri in iris]
        predicate = iris[0] if len(words) == 1 else None
        if "!" in words:
            iris = []  # it matches all other properties
        # With alternatives or optional groups, no property is certain.
        is_loose = "|" in words or any(last == ")" and word in ("*", "?") for last, word in pairwise(words))
        marks = [word for last, word in pairwise((*words, "")) if last in ("", "A")]
        certain = frozenset(iri.value for iri, mark in zip(iris, marks, strict=False) if mark not in ("*", "?"))
        has_unbounded_length = not {"*", "+"}.isdisjoint(words)
        return predicate, Path(tuple(iris), frozenset() if is_loose else certain, has_unbounded_length)

    # Expressions

    def _expression(self) -> tuple[tuple[Term, ...], tuple[Group, ...]]:
        """Parse an expression in parentheses, a call, or EXISTS with its group; return its terms and groups.

        Checks that operands and operators alternate, not which operands they take.
        """
        terms: list[Term] = []
        groups: list[Group] = []
        depth, ended = 0, False  # whether an operand has ended
        while depth or not ended:
            sign, size = self._sign()
            before = [term.value for term in terms[-2:] if term.kind != "literal"]
            if sign == "{" and before[-1:] == ["EXISTS"]:
                groups.append(self._pattern("FILTER"))
                ended = True
                continue
            is_call = before[-1:] == ["("] and len(before) > 1 and before[0] not in _BEFORE_OPERAND
            is_binary = sign in _BINARY and (ended or sign not in _UNARY)
            if not ended and (is_binary or (sign == ")" and not is_call)):
                raise self._error(f"A value is missing before {sign}")
            if ended and not is_binary and sign != ")":
                raise self._error(f"An operator or ) is missing before {self.token.text[:_MAX_SHOWN_CHARS]}")
            if before[-1:] == ["IN"] and sign != "(":
                raise self._error("After IN there must be a list in parentheses: ?a IN (1, 2)")
            if before[-1:] == ["AS"] and self.token.kind != "variable":
                raise self._error("After AS there must be a variable: (... AS ?name)")
            depth += (sign == "(") - (sign == ")")
            ended = sign == ")" or (not is_binary and self._is_operand(sign))
            terms += [_word_term(self._next()) if is_binary else self._term() for _ in range(size)]
        return tuple(terms), tuple(groups)

    def _sign(self) -> tuple[str, int]:
        """The next word or operator, and its number of tokens."""
        token, following = self.token, self._tokens[self._at + 1]
        pair = self._word + following.text.upper()
        if self._word and following.start == token.start + 1 and pair in _WRONG_OPERATORS:
            equals = "SPARQL tests equality with a single =."
            raise self._error(equals if pair == "==" else f"SPARQL has no {pair}. Write {_WRONG_OPERATORS[pair]}")
        if pair == "NOTIN" or (self._word and following.start == token.start + 1 and pair in _BINARY):
            return "IN" if pair == "NOTIN" else pair, 2
        return self._word, 1

    def _is_operand(self, sign: str) -> bool:
        """Whether the next token is an operand, not what precedes one."""
        following = self._tokens[self._at + 1].text.upper()
        if sign == "NOT" and following != "EXISTS":
            raise self._error("NOT only occurs in NOT IN and NOT EXISTS. Write ! for negation.")
        if sign == "EXISTS" and following != "{":
            raise self._error("After EXISTS there must be a pattern in braces.")
        if sign in _BEFORE_OPERAND:
            return sign in ("+", "-") and self._tokens[self._at + 1].kind == "number"
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


def _word_term(token: Token) -> Term:
    return Term("word", token.text.upper(), token.text, token.start)


def shortened(text: str) -> str:
    """Return the text of a hint, cut if it is long."""
    return text if len(text) <= _MAX_HINT_CHARS else f"{text[:_MAX_HINT_CHARS]}..."


def _unescaped(match: re.Match[str]) -> str:
    if len(match[1]) > 1:
        return chr(min(int(match[1][1:], 16), 0x10FFFF))
    return _ESCAPES.get(match[1], match[1])
