"""Find other projects that the prose names by code or by quoted title."""

from __future__ import annotations

from collections.abc import Iterator

from cybilgraph.extraction.name_spans import PROJECT
from cybilgraph.extraction.phrases import APART, RELATIONS, phrase_claims
from cybilgraph.extraction.sentences import Sentence
from cybilgraph.model.record import Basis, Evidence, Named, Record, Relation, Text


def find_relations(record: Record, sentences: list[Sentence]) -> Iterator[Relation]:
    """Yield the projects that this one is part of, follows or is related to."""
    naming = [sentence for sentence in sentences if PROJECT in sentence.marked]
    if not naming:
        return
    stated = {link.project.key for link in record.relations} | {record.key, record.slug and record.slug.text}
    found: dict[str, dict[str, list[tuple[Evidence, str]]]] = {}
    for sentence in naming:
        for phrase, name in phrase_claims(sentence, APART, *RELATIONS):
            project = name.entries[0]
            if phrase.claim != APART and project.key not in stated:
                quote = (sentence.evidence(phrase.confidence), project.name)
                found.setdefault(project.key, {}).setdefault(phrase.claim, []).append(quote)
    for key, by_kind in found.items():
        kind = min(by_kind, key=RELATIONS.index)
        quotes = by_kind[kind]
        printed = Text(quotes[0][1], quotes[0][0].place)
        evidence = tuple(dict.fromkeys(quote for quote, _ in quotes))
        yield Relation(kind, Named("project", key, printed), Basis.DERIVED, evidence)
