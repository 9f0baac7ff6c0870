"""Measure how well the readers and the extraction find what a careful curator finds in the labelled texts.

Print precision and recall of counted links by kind; with --misses, each difference; with --phrases, how often each
phrase indicates the right role of an actor, and the true roles where it does not.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from cybilgraph import read
from cybilgraph.extraction.phrases import ROLES, Phrase, role_claims
from cybilgraph.extraction.sentences import split_sentences
from cybilgraph.model.record import Record
from cybilgraph.readers import find_inputs, read_input

FOLDER = Path(__file__).parents[1] / "samples" / "labelled"
KINDS = ("actor", "actor and role", "country", "region", "group", "theme", "date", "outline")


def found(record: Record) -> Iterator[tuple[str, object]]:
    """Return the extracted values, as pairs of kind and value."""
    for link in record.participations:
        yield "actor", link.actor.key
        yield "actor and role", (link.actor.key, link.role)
    for scope in record.scopes:
        yield scope.concept.kind, scope.concept.key
    for name in ("start", "end"):
        if (date := getattr(record, name)) and date.value:
            yield "date", (name, date.value)
    for name in ("outcomes", "outputs", "activities"):
        yield "outline", (name, len(getattr(record, name)))
    yield "outline", ("code", record.code.text if record.code else None)
    yield "outline", ("title", record.title.text if record.title else None)
    yield "outline", ("status", record.status.key if record.status else None)
    yield "outline", ("left blank", tuple(sorted(blank.label for blank in record.left_blank)))


def labelled(truth: dict[str, list[str]]) -> Iterator[tuple[str, object]]:
    """Return the values that a curator found, in the same form."""
    for key, role in truth["actors"]:
        yield "actor", key
        yield "actor and role", (key, role)
    for kind, field in (("country", "countries"), ("region", "regions"), ("group", "groups"), ("theme", "themes")):
        yield from ((kind, key) for key in truth[field])
    yield from (("date", (name, truth[name])) for name in ("start", "end") if truth[name])
    yield from (("outline", (name, truth[name])) for name in ("outcomes", "outputs", "activities"))
    yield from (("outline", (name, truth[name])) for name in ("code", "title", "status"))
    yield "outline", ("left blank", tuple(sorted(truth["left_blank"])))


def derived(record: Record) -> Iterator[tuple[float, tuple[str, object]]]:
    """Yield derived links with the highest confidence of their quotes."""
    for link in record.participations:
        if link.evidence:
            pair = ("actor and role", (link.actor.key, link.role))
            yield max(words.confidence for words in link.evidence), pair
    for scope in record.scopes:
        if scope.evidence:
            yield max(words.confidence for words in scope.evidence), (scope.concept.kind, scope.concept.key)


def print_phrases() -> None:
    """Print how many actors each role phrase names, how many are right, and the true roles of the others.

    The role of an actor that does not take part is "none". The phrases that are wrong most often come first.
    """
    outcomes: dict[Phrase, Counter[str]] = defaultdict(Counter)
    for path in sorted(FOLDER.glob("*.txt")):
        true: dict[str, set[str]] = defaultdict(set)
        for key, role in json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["actors"]:
            true[key].add(role)
        [record] = read_input(*find_inputs([path]))
        seen = {
            (phrase, actor.key)
            for sentence in split_sentences(record)
            for phrase, name in role_claims(sentence)
            if phrase.claim in ROLES and (actor := name.of("actor"))
        }
        for phrase, key in seen:
            right = phrase.claim in true[key]
            outcomes[phrase]["right" if right else ", ".join(sorted(true[key])) or "none"] += 1
    for phrase, counts in sorted(outcomes.items(), key=lambda item: item[1]["right"] - item[1].total()):
        others = "; ".join(f"{role} {count}" for role, count in counts.most_common() if role != "right")
        row = f"line {phrase.number + 2:3} {phrase.claim:11} {phrase.confidence:.2f}"
        print(f"{row} {counts['right']:4} of {counts.total():4}  {others}")


def main(show_misses: bool) -> None:
    """Compare each text with its labels, and print the figures."""
    right: dict[str, int] = defaultdict(int)
    wrong: dict[str, int] = defaultdict(int)
    missed: dict[str, int] = defaultdict(int)
    confirmed: dict[float, list[bool]] = defaultdict(list)
    paths = sorted(FOLDER.glob("*.txt"))
    for path in paths:
        [record] = read(path)
        ours = set(found(record.counted()))
        truth = set(labelled(json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))))
        for confidence, pair in derived(record):
            confirmed[confidence].append(pair in truth)
        for kind, value in sorted(ours | truth, key=str):
            counts = right if (kind, value) in ours & truth else wrong if (kind, value) in ours else missed
            counts[kind] += 1
            if show_misses and counts is not right:
                print(f"{path.stem[:28]:28} {'+' if counts is wrong else '-'} {kind:15} {value}")
    print(f"{len(paths)} labelled texts")
    print(f"{'kind':16} {'precision':>9} {'recall':>7}   right wrong missed")
    for kind in KINDS:
        given, due = right[kind] + wrong[kind], right[kind] + missed[kind]
        precision, recall = right[kind] / (given or 1), right[kind] / (due or 1)
        print(f"{kind:16} {precision:9.3f} {recall:7.3f}   {right[kind]:5} {wrong[kind]:5} {missed[kind]:6}")
    print("confidence  links  right")
    for confidence, answers in sorted(confirmed.items(), reverse=True):
        print(f"{confidence:10.2f} {len(answers):6} {sum(answers) / len(answers):6.2f}")


if __name__ == "__main__":
    print_phrases() if "--phrases" in sys.argv else main("--misses" in sys.argv)
