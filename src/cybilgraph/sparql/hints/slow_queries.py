"""Hints on why a query may be slow: patterns that this engine evaluates inefficiently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cybilgraph.sparql.hints.outline import Block, Note, Outline, Term, Triple
from cybilgraph.sparql.lexer import QUERY_FORMS

#: A VALUES block with at most this many rows may be combined with anything.
_FEW_ROWS = 50
_TEXT_FUNCTIONS = {"CONTAINS", "REGEX", "STRSTARTS", "STRENDS"}


def find_slow_causes(outline: Outline) -> Iterator[Note]:
    """Yield causes of a slow query, the worst first. Needs no store."""
    times = Counter(name for block in outline.blocks for name in _uses(block))
    for find in (_find_cross_products, _find_late_bindings, _find_unbounded_paths, _find_searches):
        for block in outline.blocks:
            yield from find(block, times)
    yield from _find_sorting(outline, times)


def _uses(block: Block) -> Iterator[str]:
    """Yield the variables of the patterns and VALUES of a block, once per use."""
    for part in block.parts:
        if part.kind in ("TRIPLE", "VALUES"):
            yield from part.names


def _find_cross_products(block: Block, _: Counter[str]) -> Iterator[Note]:
    """Find parts of a block that share no variable, which makes a cross product."""
    if block.kind == "UNION" or "EXISTS" in block.within:
        return  # these are alternatives, or joined with the rows outside
    parts = [part for part in block.parts if part.names and part.kind != "BIND"]
    joined: dict[str, str] = {}  # a variable, and another one of the same component
    for part in parts:
        first, *others = part.names
        for name in others:
            joined[_root(joined, name)] = _root(joined, first)
    found: dict[str, Triple | Block] = {}
    for part in parts:
        # A short VALUES may be combined with anything.
        if isinstance(part, Triple) or part.kind != "VALUES" or len(part.terms) > _FEW_ROWS * len(part.names):
            found.setdefault(_root(joined, next(iter(part.names))), part)
    wide = [part for part in found.values() if not _has_few_rows(part)]
    if len(wide) > 1:
        yield Note(
            f"{wide[0].text} and {wide[1].text} share no variable, so every row of one is combined with every row"
            " of the other. Add a pattern that joins them, or use two queries.",
            wide[1].start,
        )


def _root(joined: dict[str, str], name: str) -> str:
    while (up := joined.get(name, name)) != name:
        joined[name] = joined.get(up, up)
        name = up
    return name


def _has_few_rows(part: Triple | Block) -> bool:
    """Return whether a part can only have few rows: it has a constant subject, or is a single row of aggregates."""
    if isinstance(part, Triple):
        return part.subject.constant and bool(part.predicate and part.predicate.constant)
    if part.kind == "SELECT":
        is_grouped = any(term.value == "GROUP" for term in part.terms)
        return not is_grouped and len(part.names) < 2 and part.names.isdisjoint(part.inner_names)
    return part.kind in ("GROUP", "OPTIONAL", "GRAPH") and all(
        _has_few_rows(below) for below in part.parts if below.names and below.kind != "BIND"
    )


def _find_late_bindings(block: Block, _: Counter[str]) -> Iterator[Note]:
    """Find a required pattern after an OPTIONAL: the engine keeps that order, so it filters too late."""
    kinds = [part.kind for part in block.parts]
    for part in block.parts[kinds.index("OPTIONAL") :] if "OPTIONAL" in kinds else ():
        if part.kind in ("TRIPLE", "VALUES"):
            yield Note(
                f"{part.text} is required but comes after an OPTIONAL, so the engine evaluates it last."
                " Move required patterns to the front.",
                part.start,
            )
            return


def _find_unbounded_paths(block: Block, times: Counter[str]) -> Iterator[Note]:
    """Find paths of any length with two unbound ends."""
    for triple in block.triples:
        ends = (triple.subject, triple.object)
        if triple.is_unbounded and all(not end.constant and times[end.value] == 1 for end in ends):
            yield Note(
                f"Both ends of the path {triple.text} are unbound, so the engine follows it from every resource."
                " Bind one end.",
                triple.subject.start,
            )


def _find_searches(block: Block, times: Counter[str]) -> Iterator[Note]:
    """Find text filters on values that no other pattern narrows down."""
    others = [part for part in block.parts if isinstance(part, Block)]
    searched = {name: start for part in others if part.kind == "FILTER" for name, start in _searched(part.terms)}
    if not searched:
        return
    given = frozenset().union(*(part.names for part in others if part.kind in ("VALUES", "BIND", "SELECT")))
    narrowed = {
        triple.subject.value
        for triple in block.triples
        if triple.object.constant or triple.object.value in given or triple.subject.value in given
    }
    # A variable that is also used in another group is narrowed by the join.
    here = Counter(_uses(block))
    narrowed |= {name for name in here if times[name] > here[name]}
    # So is a variable that is linked to a narrowed one.
    narrowed |= {
        end.value
        for triple in block.triples
        for end in (triple.subject, triple.object)
        if {triple.subject.value, triple.object.value} & narrowed
    }
    for triple in block.triples:
        if triple.object.value not in searched or triple.subject.constant or triple.subject.value in narrowed:
            continue
        free = triple.predicate is not None and not triple.predicate.constant and triple.predicate.value not in given
        every = "every value in the data" if free else f"every {triple.predicate_text} in the data"
        yield Note(
            f"The text filter on {triple.object.text} reads {every}."
            f" Narrow down {triple.subject.text} with another pattern{', and name the property' if free else ''}.",
            searched[triple.object.value],
        )
        return


def _searched(terms: tuple[Term, ...]) -> Iterator[tuple[str, int]]:
    """Yield the variables in the first argument of text search functions."""
    for at, term in enumerate(terms):
        if term.kind == "word" and term.value in _TEXT_FUNCTIONS:
            for argument in terms[at + 1 : at + 12]:
                if argument.value == ",":
                    break
                if argument.kind == "variable":
                    yield argument.value, term.start


def _find_sorting(outline: Outline, times: Counter[str]) -> Iterator[Note]:
    """Find sorting without effect, or of the whole graph.

    Engines join the values of GROUP_CONCAT in the order of a subquery.
    """
    forms = [*outline.of_kind(*QUERY_FORMS)]
    is_joined = any(term.value.upper() == "GROUP_CONCAT" for select in forms for term in select.head)
    for select in forms:
        words = {term.value: term.start for term in select.terms if term.kind == "word"}
        if "ORDER" not in words or "LIMIT" in words:
            continue
        if select is not outline.main:
            if not is_joined:
                yield Note("ORDER BY in a subquery without LIMIT has no effect. Remove it.", words["ORDER"])
        elif any(len(each.names) == 3 and all(times[name] == 1 for name in each.names) for each in outline.triples):
            yield Note("ORDER BY sorts the whole graph here. Remove it, or add a LIMIT.", words["ORDER"])
