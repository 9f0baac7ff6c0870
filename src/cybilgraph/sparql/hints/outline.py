"""Parses the outline of a query: its groups, patterns and filters, as far as hints need them.

The parser makes one pass over the tokens. It is as strict as the grammar about where patterns begin and end, so that it
stops at the position of a mistake, but does not parse expressions. Grammar: SPARQL 1.1 Query, section 19.8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cybilgraph.sparql.hints.cursor import Unreadable
from cybilgraph.sparql.hints.paths import Paths
from cybilgraph.sparql.hints.syntax_tree import Block, Group, Outline, Term, Triple

#: What may follow a triple without a dot.
TRIPLE_FOLLOWERS = frozenset(("OPTIONAL", "MINUS", "FILTER", "BIND", "VALUES", "GRAPH", "SERVICE", "{", "}"))


def parse_outline(query: str) -> Outline:
    """Parse the outline of a query. Raises Unreadable, also if it is nested too deeply."""
    reader = _Reader(query)
    try:
        return reader.query()
    except RecursionError:
        raise Unreadable(reader.token.start) from None


class _Reader(Paths):
    """Parses a whole query."""

    def query(self) -> Outline:
        while self.word in ("PREFIX", "BASE"):
            self._declaration()
        form = self.word
        described: tuple[Term, ...] = ()
        if form == "SELECT":
            main = self.select()
        elif form not in ("ASK", "CONSTRUCT", "DESCRIBE"):
            raise Unreadable(self.token.start)
        else:
            self.next()
            if form == "CONSTRUCT" and self.word == "{":
                self._skip()
            start = self.token.start
            head = tuple(self._up_to_group())
            described = head if form == "DESCRIBE" else ()
            group = self.group() if self.word == "{" else Group()
            main = Block("SELECT", start, (group,), tuple(self._modifiers()), group.names)
        if self.token.kind != "end":
            raise Unreadable(self.token.start)
        return Outline(main, described, self.declared, self.used, tuple(self.graphs))

    def _declaration(self) -> None:
        prefixed = self.next().text.upper() == "PREFIX"
        name = self.next() if prefixed else None
        if (name and (name.kind != "name" or not name.text.endswith(":"))) or self.token.kind != "iri":
            raise Unreadable(self.token.start)
        iri = self.piece().value
        if name:
            self.declared[name.text[:-1]] = iri
        else:
            self.base = iri

    def select(self) -> Block:
        start = self.next().start
        head = list(self._up_to_group())
        group = self.group()
        names = _projected(head) if not any(term.value == "*" for term in head[:2]) else group.names
        return Block("SELECT", start, (group,), tuple(self._modifiers()), frozenset(names))

    def _up_to_group(self) -> Iterator[Term]:
        """Yield the terms before the pattern: columns, or those of a DESCRIBE; FROM is read on the way."""
        while self.word != "{" and self.token.kind != "end":
            if self.take("FROM"):
                self.take("NAMED")
                self.graphs.append(self.piece())
            elif not self.take("WHERE"):
                yield self.piece()

    def _modifiers(self) -> Iterator[Term]:
        while self.token.kind != "end" and self.word not in ("}", "VALUES"):
            if self.word in ("{", "{|"):
                raise Unreadable(self.token.start)
            yield self.piece()
        if self.word == "VALUES":
            yield from self._values().terms

    def _skip(self) -> None:
        depth = 1
        self.next()
        while depth:
            depth += (self.token.kind == "open") - (self.token.kind == "close")
            self.next()

    def group(self) -> Group:
        self.expect("{")
        group = Group()
        if self.word == "SELECT":
            group.parts.append(self.select())
            self.expect("}")
            return group
        while not self.take("}"):
            block = self._block()
            if block:
                group.parts.append(block)
                self.take(".")
            else:
                self._triples(group)
                if not self.take(".") and self.word not in TRIPLE_FOLLOWERS:
                    raise Unreadable(self.token.start, between=True)
        return group

    def _block(self) -> Block | None:
        start, kind = self.token.start, self.word
        match kind:
            case "OPTIONAL" | "MINUS":
                self.next()
                groups: tuple[Group, ...] = (self.group(),)
            case "GRAPH" | "SERVICE":
                self.next()
                self.take("SILENT")
                node = self.piece()
                group = self.group()
                names = group.names | ({node.value} if node.kind == "variable" else set())
                return Block(kind, start, (group,), (node,), names)
            case "FILTER" | "BIND":
                self.next()
                return self._expression(kind, start)
            case "VALUES":
                return self._values()
            case "{":
                found = [self.group()]
                while self.take("UNION"):
                    found.append(self.group())
                groups, kind = tuple(found), "UNION" if len(found) > 1 else "GROUP"
            case _:
                return None
        # variables in MINUS are not in scope outside of it
        names = frozenset().union(*(group.names for group in groups)) if kind != "MINUS" else frozenset()
        return Block(kind, start, groups, (), names)

    def _expression(self, kind: str, start: int) -> Block:
        terms: list[Term] = []
        groups: list[Group] = []
        depth, ended = 0, False
        while depth or not ended:
            if self.word == "{":
                groups.append(self.group())
                ended = True
            elif self.word == "}":
                raise Unreadable(self.token.start)
            else:
                ended = self.word == ")"
                depth += (self.word == "(") - ended
                terms.append(self.piece())
        names = frozenset(term.value for term in terms if term.kind == "variable")
        return Block(kind, start, tuple(groups), tuple(terms), names)

    def _values(self) -> Block:
        start = self.next().start
        names: list[str] = []
        if self.take("("):
            while not self.take(")"):
                names.append(self.piece().value)
        else:
            names.append(self.piece().value)
        self.expect("{")
        terms: list[Term] = []
        while not self.take("}"):
            if self.word in ("{", "."):
                raise Unreadable(self.token.start)
            if not (self.take("(") or self.take(")")):
                terms.append(self.piece())
        return Block("VALUES", start, (), tuple(terms), frozenset(names), len(terms) // max(len(names), 1))

    def _triples(self, group: Group) -> None:
        before = len(group.parts)
        bracketed = self.word in ("[", "(")
        subject = self._node(group)
        if not bracketed or len(group.parts) == before or self._is_verb():
            self._properties(group, subject)

    def _is_verb(self) -> bool:
        return self.token.kind in ("variable", "iri", "name") or self.word in ("A", "^", "!", "(")

    def _properties(self, group: Group, subject: Term) -> None:
        while True:
            make = self._verb()
            while True:
                group.parts.append(make(subject, self._node(group)))
                if not self.take(","):
                    break
            if not self.take(";"):
                return
            while self.take(";"):
                pass
            if not self._is_verb():
                return

    def _verb(self) -> Callable[[Term, Term], Triple]:
        if self.token.kind == "variable":
            variable = self.piece()
            return lambda subject, value: Triple(subject, variable, value)
        path = self.path()
        only = path.iris[0] if path.simple and len(path.iris) == 1 else None
        iris, certain, endless = tuple(path.iris), frozenset(path.certain), path.endless
        return lambda subject, value: Triple(subject, only, value, iris, certain, endless)

    def _node(self, group: Group) -> Term:
        start = self.token.start
        if self.take("["):
            blank = Term("blank", f"[{start}", "[]", start)
            if not self.take("]"):
                self._properties(group, blank)
                self.expect("]")
            return blank
        if self.take("("):
            while not self.take(")"):
                self._node(group)
            return Term("blank", f"({start}", "()", start)
        term = self.piece()
        if term.kind == "word":
            raise Unreadable(start)
        return term


def _projected(head: list[Term]) -> set[str]:
    """The columns that a SELECT names: variables outside of brackets, and those after AS."""
    depth = 0
    found = set()
    before = ""
    for term in head:
        depth += (term.value == "(" and term.kind == "word") - (term.value == ")" and term.kind == "word")
        if term.kind == "variable" and (not depth or before == "AS"):
            found.add(term.value)
        before = term.value if term.kind == "word" else ""
    return found
