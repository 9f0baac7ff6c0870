"""The parts of a query have their variables, and the groups inside it are walked with their enclosing blocks."""

from __future__ import annotations

from cybilgraph.sparql.hints.outline import parse_outline
from cybilgraph.sparql.hints.syntax_tree import walk_groups


def test_groups_are_walked_with_the_enclosing_blocks() -> None:
    outline = parse_outline(
        "SELECT * { ?a ?b ?c OPTIONAL { ?d a ?e { ?f a ?g } } { ?h a ?i } UNION { ?j a ?k MINUS { ?l a ?m } } }"
    )
    found = {
        "".join(sorted(triple.subject.value for triple in group.triples)): within
        for group, within in walk_groups(outline.main.groups[0])
    }
    assert found == {
        "a": (),
        "d": ("OPTIONAL",),
        "f": ("OPTIONAL", "GROUP"),
        "h": ("UNION",),
        "j": ("UNION",),
        "l": ("UNION", "MINUS"),
    }


def test_names_are_variables_and_blank_nodes() -> None:
    [triple] = parse_outline("SELECT * { _:x cyb:country ?c }").main.groups[0].triples
    assert triple.names == {"_:x", "c"}
