"""Described records become one graph: ordered, deduplicated, with history aside."""

from __future__ import annotations

import random

from cybilgraph.assemble import Assembly
from cybilgraph.vocab import BASE, SKOS, thing

A, B = (thing("project", key) for key in "AB")


def line(subject: str, text: str) -> str:
    return f'<{subject}> <urn:p> "{text}" .'


def test_the_order_of_records_does_not_matter() -> None:
    records = [(f"G{number:04d}", [line(thing("project", f"G{number:04d}"), "x")]) for number in range(50)]
    results = []
    for _ in range(3):
        random.shuffle(records)
        with Assembly() as assembly:
            for key, lines in records:
                assembly.add(key, lines)
            results.append(list(assembly.quads([line("urn:other", "y")])))
    assert results[0] == results[1] == results[2]
    assert len(results[0]) == 51


def test_the_last_capture_is_the_present_and_earlier_ones_are_kept() -> None:
    with Assembly() as assembly:
        assert assembly.add("A", [line(A, "old")]) == 1
        assert assembly.add("B", [line(B, "b")]) == 1
        assert assembly.add("A", [line(A, "new")]) == 2
        assert assembly.projects == 2
        assert list(assembly.quads()) == [
            line(A, "new"),
            f'<{A}> <urn:p> "old" <{BASE}graph/A/1> .',
            line(B, "b"),
        ]


def test_what_records_share_is_said_once_with_one_preferred_name() -> None:
    actor = thing("actor", "x")
    label = f"<{actor}> <{SKOS.prefLabel}>"
    with Assembly() as assembly:
        assembly.add("A", [line(A, "a"), f'{label} "X Ltd"@en .'])
        assembly.add("B", [line(B, "b"), f'{label} "X Ltd"@en .', f'{label} "X ltd"@en .', f'{label} "X"@fr .'])
        shared = [found for found in assembly.quads() if actor in found]
    assert shared == [f'<{actor}> <{SKOS.altLabel}> "X ltd"@en .', f'{label} "X Ltd"@en .', f'{label} "X"@fr .']
