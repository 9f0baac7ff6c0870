"""The server answers 300 random queries as the engine alone does."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pyoxigraph as ox
import pytest

from cybilgraph.release import Release
from cybilgraph.sparql.query_analysis import returns_graph
from tests.conftest import graph_of
from tests.support.http_client import send

pytestmark = pytest.mark.slow

COUNT, SEED = 300, 20
#: Queries with more rows than this are replaced by others.
_MOST_ROWS = 3_000
_PREFIXES = {"xsd": "http://www.w3.org/2001/XMLSchema#"}
_ORDER = re.compile(r" ORDER BY [^{}]*\Z")
_RESULTS = "application/sparql-results+json"


class QueryGenerator:
    """Generate random queries over a graph.

    Their terms, and the joins between them, occur in the data, so that most queries have rows.
    """

    def __init__(self, store: ox.Store, seed: int) -> None:
        self.chance = random.Random(seed)
        quads = sorted(store.quads_for_pattern(None, None, None, ox.DefaultGraph()), key=str)
        self.outgoing: dict[str, list[tuple[str, str]]] = {}
        self.incoming: dict[str, list[tuple[str, str]]] = {}
        self.triples = []
        for quad in quads:
            if any(isinstance(term, ox.BlankNode) for term in (quad.subject, quad.object)):
                continue
            s, p, o = (str(term) for term in quad.triple)
            self.triples.append((s, p, o))
            self.outgoing.setdefault(s, []).append((p, o))
            self.incoming.setdefault(o, []).append((s, p))
        self.predicates = sorted({p for _, p, _ in self.triples})
        self.kinds: list[Callable[[], str]] = [
            self.basic, self.optional, self.union, self.filtered, self.minus, self.path, self.grouped, self.ordered,
            self.subselect, self.values, self.bound, self.exists, self.ask, self.construct, self.describe, self.graph,
        ]  # fmt: skip

    def walk(self, length: int) -> tuple[list[str], list[str]]:
        """Return triple patterns along a random walk through the data, and their variables."""
        s, p, o = self.chance.choice(self.triples)
        names = {s: "?v0", o: "?v1"}
        patterns = [f"?v0 {p} {self.often('?v1', o)} ."]
        while len(patterns) < length:
            here = self.chance.choice(list(names))
            steps = [(here, p, o) for p, o in self.outgoing.get(here, ())] + [
                (s, p, here) for s, p in self.incoming.get(here, ())[:20]
            ]
            if not steps:
                break
            s, p, o = self.chance.choice(steps)
            for term in (s, o):
                names.setdefault(term, f"?v{len(names)}")
            patterns.append(f"{names[s]} {p} {self.often(names[o], o)} .")
        used = dict.fromkeys(word for pattern in patterns for word in pattern.split(" ") if word.startswith("?v"))
        return patterns, list(used)

    def often(self, variable: str, term: str) -> str:
        return variable if self.chance.random() < 0.75 else term

    def literal(self) -> str:
        return self.chance.choice(
            [o for _, _, o in self.chance.sample(self.triples, 50) if o.startswith('"')] or ['"x"']
        )

    def select(self, names: list[str], body: str) -> str:
        own = list(dict.fromkeys(names))
        chosen = " ".join(self.chance.sample(own, self.chance.randint(1, len(own)))) if own else "*"
        return f"SELECT {self.chance.choice(['', '', 'DISTINCT '])}{self.chance.choice(['*', chosen])} {{ {body} }}"

    def basic(self) -> str:
        patterns, names = self.walk(self.chance.randint(1, 4))
        return self.select(names, " ".join(patterns))

    def optional(self) -> str:
        patterns, names = self.walk(3)
        _, p, _ = self.chance.choice(self.triples)
        return self.select(
            [*names, "?more"], f"{patterns[0]} OPTIONAL {{ {' '.join(patterns[1:])} }} OPTIONAL {{ ?v0 {p} ?more }}"
        )

    def union(self) -> str:
        (one, names), (two, others) = self.walk(2), self.walk(1)
        return self.select([*names, *others], f"{{ {' '.join(one)} }} UNION {{ {' '.join(two)} }}")

    def filtered(self) -> str:
        patterns, names = self.walk(2)
        test = self.chance.choice([
            'LANG({0}) = "en"', "ISIRI({0})", "!ISLITERAL({0})", "STRLEN(STR({0})) > 20", 'CONTAINS(LCASE(STR({0})), "cyber")',
            'REGEX(STR({0}), "^[A-C]", "i")', "DATATYPE({0}) = xsd:integer", "{0} < {1}", "{0} != {1}", "{0} IN ({1}, {2})",
            'LANGMATCHES(LANG({0}), "*") || STR({0}) > "m"', "BOUND({0}) && SAMETERM({0}, {0})", "{0} > 5", "{0} >= {2}",
        ])  # fmt: skip
        chosen = test.format(self.chance.choice(names or ["?v0"]), self.chance.choice(names or ["?v1"]), self.literal())
        return self.select(names, f"{' '.join(patterns)} FILTER({chosen})")

    def minus(self) -> str:
        patterns, names = self.walk(2)
        _, p, o = self.chance.choice(self.triples)
        return self.select(names, f"{patterns[0]} MINUS {{ ?v0 {p} {self.chance.choice([o, '?any'])} }}")

    def exists(self) -> str:
        patterns, names = self.walk(2)
        no = self.chance.choice(["", "NOT "])
        return self.select(names, f"{patterns[0]} FILTER {no}EXISTS {{ {patterns[-1]} ?v0 ?p ?v1 }}")

    def path(self) -> str:
        s, p, o = self.chance.choice(self.triples)
        on = self.chance.choice(self.outgoing.get(o) or [(p, o)])[0]
        shape = self.chance.choice(
            [
                "{0}/{1}",
                "{0}*",
                "{0}+",
                "{0}?",
                "^{0}",
                "({0}|{1})",
                "!({0}|^{1})",
                "({0}/{1}?)",
                "^{0}/{0}",
                "({0}|^{1})+",
            ]
        )
        ends = self.chance.choice([(s, "?o"), ("?s", o), (s, "?o"), (s, o)])
        return f"SELECT * {{ {ends[0]} {shape.format(p, on)} {ends[1]} }}"

    def grouped(self) -> str:
        patterns, names = self.walk(2)
        key, value = (self.chance.choice(names or ["?v0"]) for _ in range(2))
        what = self.chance.choice(
            [
                "COUNT(*)",
                "COUNT({0})",
                "COUNT(DISTINCT {0})",
                "MIN(STR({0}))",
                "MAX(STRLEN(STR({0})))",
                "SUM(STRLEN(STR({0})))",
                "AVG(STRLEN(STR({0})))",
            ]
        )
        having = self.chance.choice(["", "", "HAVING (COUNT(*) > 1)"])
        group = self.chance.choice([f"GROUP BY {key} {having}", ""])
        return f"SELECT {key if group else ''} ({what.format(value)} AS ?x) {{ {' '.join(patterns)} }} {group}"

    def ordered(self) -> str:
        """Sort by all columns, so that the order is total except for equal rows."""
        patterns, names = self.walk(2)
        order = " ".join(self.chance.choice(["{0}", "DESC({0})", "ASC({0})"]).format(name) for name in names) or "?none"
        page = self.chance.choice(["", "LIMIT 7", "LIMIT 5 OFFSET 3", "OFFSET 2"])
        return f"SELECT {' '.join(names) or '*'} {{ {' '.join(patterns)} }} ORDER BY {order} {page}"

    def subselect(self) -> str:
        patterns, names = self.walk(3)
        inner = f"{{ SELECT DISTINCT ?v0 {{ {patterns[0]} }} ORDER BY ?v0 LIMIT {self.chance.randint(1, 30)} }}"
        return self.select(sorted({*names, "?v0"}), f"{inner} {' '.join(patterns)}")

    def values(self) -> str:
        patterns, names = self.walk(2)
        rows = [self.chance.choice(self.triples) for _ in range(5)]
        first = patterns[0].split(" ")[1]
        rows += [row for row in self.triples if row[1] == first][:5]
        block = " ".join(f"({s} {self.chance.choice([o, 'UNDEF'])})" for s, _, o in rows)
        return self.select(names, f"VALUES (?v0 ?v1) {{ {block} }} {' '.join(patterns)}")

    def bound(self) -> str:
        patterns, names = self.walk(2)
        name = self.chance.choice(names or ["?v0"])
        what = self.chance.choice(
            [
                "STR({0})",
                "CONCAT(STR({0}), 'é\\n')",
                "STRLEN(STR({0})) * 2",
                "IF(ISIRI({0}), 1, {0})",
                "COALESCE({0} + 1, 'none')",
                "UCASE(STR({0}))",
                "STRAFTER(STR({0}), '/')",
                "MD5(STR({0}))",
                "xsd:decimal(STRLEN(STR({0}))) / 3",
            ]
        )
        return self.select([*names, "?x"], f"{' '.join(patterns)} BIND({what.format(name)} AS ?x)")

    def graph(self) -> str:
        _, p, _ = self.chance.choice(self.triples)
        return f"SELECT * {{ GRAPH ?g {{ ?s {p} ?o }} {self.chance.choice(['', f'OPTIONAL {{ ?s {p} ?now }}'])} }}"

    def ask(self) -> str:
        patterns, _ = self.walk(3)
        return f"ASK {{ {' '.join(patterns)} {self.chance.choice(['', 'FILTER(?v0 = ?v1)'])} }}"

    def construct(self) -> str:
        patterns, _ = self.walk(2)
        return f"CONSTRUCT {{ {patterns[0]} ?v0 a ?v1 }} WHERE {{ {' '.join(patterns)} }}"

    def describe(self) -> str:
        s, _, _ = self.chance.choice(self.triples)
        return f"DESCRIBE {s}"


def rows(content: bytes) -> list[str] | bool:
    """Return the rows of an answer in JSON, each as a string."""
    found: dict[str, Any] = json.loads(content)
    if "boolean" in found:
        return bool(found["boolean"])
    return [json.dumps(row, sort_keys=True) for row in found["results"]["bindings"]]


def expected(store: ox.Store, query: str) -> list[str] | bool | None:
    """Return the engine's own answer; None if it is too large to compare."""
    result = store.query(query, prefixes=_PREFIXES)
    if isinstance(result, ox.QueryTriples):
        return sorted({f"{triple} ." for triple in result})
    if isinstance(result, ox.QueryBoolean):
        return bool(result)
    unsorted = _ORDER.sub("", query)  # sorting takes long if there are many rows, even if few of them are wanted
    few = store.query(
        f"SELECT (COUNT(*) AS ?n) {{ SELECT * {{ {{ {unsorted} }} }} LIMIT {_MOST_ROWS + 1} }}", prefixes=_PREFIXES
    )
    [[count]] = list(few)  # type: ignore[arg-type]
    if int(count.value) > _MOST_ROWS:
        return None
    return rows(result.serialize(format=ox.QueryResultsFormat.JSON))  # type: ignore[arg-type, union-attr]


@pytest.fixture(scope="module")
def generated(release: Release) -> list[tuple[str, list[str] | bool]]:
    """Return queries with the engine's answers."""
    store = ox.Store()
    store.bulk_load(graph_of(release.folder), format=ox.RdfFormat.N_QUADS)
    generator = QueryGenerator(store, SEED)
    found: list[tuple[str, list[str] | bool]] = []
    while len(found) < COUNT:
        query = generator.kinds[len(found) % len(generator.kinds)]()
        answer = expected(store, query)
        if answer is not None:
            found.append((query, answer))
    return found


def test_generated_queries_are_diverse_and_mostly_have_results(generated: list[tuple[str, list[str] | bool]]) -> None:
    assert len({query for query, _ in generated}) > COUNT * 0.95
    assert sum(bool(answer) for _, answer in generated) > COUNT * 0.6
    assert {returns_graph(query) for query, _ in generated} == {True, False}
    for word in (
        "OPTIONAL",
        "UNION",
        "FILTER",
        "MINUS",
        "GROUP BY",
        "ORDER BY",
        "VALUES",
        "BIND",
        "EXISTS",
        "GRAPH",
        "*",
        "+",
    ):
        assert sum(word in query for query, _ in generated) > 1, word


def test_http_answers_equal_those_of_the_engine(server: str, generated: list[tuple[str, list[str] | bool]]) -> None:
    wrong = []
    for query, answer in generated:
        reply = send(
            server, "GET", f"/sparql?{urlencode({'query': query})}", Accept=f"{_RESULTS}, application/n-triples;q=0.5"
        )
        if reply.status != 200:
            wrong.append((query, reply.body.decode()))
            continue
        got = rows(reply.body) if reply.type == _RESULTS else sorted({*reply.body.decode().splitlines()})
        same = got == answer
        if isinstance(got, list) and isinstance(answer, list) and "ORDER BY ?v" not in query.partition("}")[2]:
            same = Counter(got) == Counter(answer)
        if not same:
            wrong.append((query, f"{str(got)[:300]} is not {str(answer)[:300]}"))
    assert not wrong, "\n\n".join("\n".join(pair) for pair in wrong)
