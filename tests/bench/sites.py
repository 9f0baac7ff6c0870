"""Measure extraction on texts in the style of 30 sites, by area, by genre, and for reserved sites.

Print precision and recall of counted actors with their roles, and of countries; with --possible, of all that are kept;
with --misses, also each difference. Weights are learnt from the sites that are not reserved.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from cybilgraph import read
from cybilgraph.model.gazetteer import slug
from cybilgraph.model.record import Named, Record
from cybilgraph.model.state_bodies import find_actor

FOLDER = Path(__file__).parents[1] / "samples" / "sites"
#: A found or labelled fact: ("actor", key, role) or ("country", code).
Fact = tuple[str, ...]


def found(record: Record, keys: dict[str, str]) -> set[Fact]:
    """Return the links of a record; ``keys`` maps keys of printed names to those of the labels."""
    actors = {("actor", _key(link.actor, keys), link.role) for link in record.participations}
    return actors | {("country", link.concept.key) for link in record.scopes if link.concept.kind == "country"}


def _key(actor: Named, keys: dict[str, str]) -> str:
    """Return the key of an actor in the labels, where keys of bodies do not always contain the state."""
    return keys.get(actor.key, keys.get(slug(actor.printed.text), actor.key))


def compared(possible: bool) -> Iterator[tuple[dict[str, str], set[Fact], set[Fact]]]:
    """Yield each text's row in sites.csv, the facts found in it, and its labels."""
    with (FOLDER / "sites.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["text"]: row for row in csv.DictReader(file)}
    with (FOLDER / "labels.jsonl").open(encoding="utf-8") as file:
        for labels in map(json.loads, file):
            forms = ((name, key) for key, names in labels["names"].items() for name in names)
            keys = {form: key for name, key in forms for form in (slug(name), find_actor(name).key)}
            [record] = read(FOLDER / f"{labels['text']}.txt")
            record = record if possible else record.counted()
            truth = {("actor", key, role) for key, role in labels["actors"]}
            truth |= {("country", country) for country in labels["countries"]}
            yield rows[labels["text"][:3]], found(record, keys), truth


def main(show_misses: bool, possible: bool) -> None:
    """Compare each text with its labels, and print the figures."""
    counts: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for row, ours, truth in compared(possible):
        reserved = "reserved sites" if row["reserved"] == "yes" else "other sites"
        for fact in sorted(ours | truth):
            outcome = "right" if fact in ours & truth else "wrong" if fact in ours else "missed"
            for group in ("all", row["area"], row["genre"], reserved):
                counts[group][fact[0], outcome] += 1
            if show_misses and outcome != "right":
                print(f"{row['text']} {outcome:6} {' '.join(fact)}")
    print(f"{'texts':16} {'actor and role':>22} {'country':>22}")
    for group, own in counts.items():
        figures = []
        for kind in ("actor", "country"):
            right, wrong, missed = (own[kind, outcome] for outcome in ("right", "wrong", "missed"))
            figures.append(
                f"precision {right / ((right + wrong) or 1):.3f} recall {right / ((right + missed) or 1):.3f}"
            )
        print(f"{group:16} {'   '.join(figures)}")


if __name__ == "__main__":
    main("--misses" in sys.argv, "--possible" in sys.argv)
