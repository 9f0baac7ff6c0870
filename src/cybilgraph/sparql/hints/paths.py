"""Parses property paths (SPARQL 1.1 Query, section 9.1)."""

from __future__ import annotations

from cybilgraph.model.vocabulary import RDF
from cybilgraph.sparql.hints.cursor import Cursor, Unreadable
from cybilgraph.sparql.hints.syntax_tree import Term


class Path:
    """A property path: its IRIs, and those without which it matches nothing (``certain``).

    ``endless`` if it may have any length, ``simple`` if it is a single IRI.
    """

    def __init__(self) -> None:
        self.iris: list[Term] = []
        self.certain: set[str] = set()
        self.endless = False
        self.simple = True


class Paths(Cursor):
    """Parses paths."""

    def path(self) -> Path:
        """Parse the next path."""
        path = Path()
        self._alternatives(path)
        return path

    def _alternatives(self, path: Path) -> None:
        """Parse alternatives; if there are several, none of their IRIs is certain."""
        branches = [self._sequence(path)]
        while self.take("|"):
            branches.append(self._sequence(path))
        path.simple &= len(branches) == 1
        if len(branches) == 1:
            path.certain |= branches[0]

    def _sequence(self, path: Path) -> set[str]:
        needed = self._step(path)
        while self.word == "/":
            self.next()
            path.simple = False
            needed |= self._step(path)
        return needed

    def _step(self, path: Path) -> set[str]:
        if self.take("^"):
            path.simple = False
        if self.take("!"):
            path.simple = False
            if self.take("("):
                while not self.take(")"):
                    self.next()
            else:
                self.take("^")
                self.next()
            return set()
        if self.take("("):
            path.simple = False
            below = self.path()
            self.expect(")")
            path.iris += below.iris
            path.endless |= below.endless
            needed = below.certain
        else:
            iri = self.piece()
            if iri.value == "A" and iri.kind == "word":
                iri = iri._replace(kind="iri", value=RDF.type)
            if iri.kind != "iri":
                raise Unreadable(iri.start)
            path.iris.append(iri)
            needed = {iri.value}
        for mark in ("*", "+", "?"):
            if self.take(mark):
                path.simple = False
                path.endless |= mark != "?"
                return needed if mark == "+" else set()
        return needed
