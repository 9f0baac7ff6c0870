"""Learn role-weights.csv anew from the labelled texts.

For each role a logistic regression over the signs of mentions/likely.py, with a penalty on the
sum of the weights, so that most signs get none. Phrases were learnt on the same texts, and look
better there than they are: each set of texts is therefore read with the phrases that were known
before it was (tests/samples/labelled/phrases). Equal input gives an equal file.

Run: python update_role_weights.py             learn, and write the file (about a minute)
     python update_role_weights.py --held-out  learn without each set in turn, and print what is
                                               found in it by phrases alone, and with the weights
"""

import csv
import json
import math
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cybilgraph.extraction import actors, phrases, role_model
from cybilgraph.extraction.context import context_features
from cybilgraph.extraction.phrases import ROLES
from cybilgraph.extraction.scopes import find_scopes
from cybilgraph.extraction.sentences import split_sentences
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.readers import find_inputs, read_input

CSV_FILE = Path(__file__).with_name("role-weights.csv")
LABELLED = Path(__file__).parents[2] / "tests" / "samples" / "labelled"
#: The first text of each set; each has an annotator of its own.
SETS = (1, 101, 201, 261, 311, 361, 411, 461, 901, 1001, 1041)
#: No weight is learnt from this one, so that one set is left that shows what unseen texts give.
UNSEEN = 901
#: What a weight costs, in labelled actors; a sign that stands with fewer actors is no sign.
PENALTY, RARE = 0.8, 3
#: No weight changes by more when learning ends.
EXACT, MOST_ROUNDS = 0.003, 300


@dataclass(frozen=True)
class Labelled:
    """An actor of a text: of which set that is, what is seen of it, what is told of it, what is true.
    Nothing is seen of one that a heading states, and of one that no sentence names.
    """

    set: int
    signs: frozenset[str]
    told: dict[str, float]
    true: frozenset[str]


def labelled() -> Iterator[Labelled]:
    """All actors that the labelled texts name, and those of which a curator knows."""
    names, known = load_gazetteer(), list((LABELLED / "phrases").glob("*.csv"))
    for path in sorted(LABELLED.glob("*.txt")):
        number = int(path.name.split("-")[0])
        phrases.use_phrases_from(
            max((file for file in known if int(file.stem) <= number), key=lambda file: int(file.stem))
        )
        context_features.cache_clear()
        first = max(first for first in SETS if first <= number)
        true: dict[str, set[str]] = defaultdict(set)
        for key, role in json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["actors"]:
            true[key].add(role)
        [given] = find_inputs([path])
        [record] = read_input(given)
        told = list(split_sentences(record, names))
        scopes = record.scopes + tuple(find_scopes(record, told, names))
        helped = {scope.concept.key for scope in scopes if scope.concept.kind == "country"}
        found = actors.find_phrase_roles(record, told, helped, names)
        for candidate in actors.find_candidates(record, told, found, helped, names):
            right = frozenset(true.pop(candidate.actor.key, ()))
            yield Labelled(first, frozenset(role_model.role_features(candidate, helped)), candidate.phrase_roles, right)
        stated: dict[str, dict[str, float]] = defaultdict(dict)
        for link in record.participations:
            stated[link.actor.key][link.role] = 1.0
        for key in sorted({*true, *stated}):
            yield Labelled(first, frozenset(), stated[key], frozenset(true.get(key, ())))


def learnt(examples: list[Labelled], role: str) -> dict[str, float]:
    """The weights of the signs for a role: one sign after the other is set to what is best while
    the others stay, until none changes.
    """
    examples = [example for example in examples if example.signs]
    rows: dict[str, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        for sign in example.signs:
            rows[sign].append(index)
    rows = {sign: rows[sign] for sign in sorted(rows) if len(rows[sign]) >= RARE}
    true = [float(role in example.true) for example in examples]
    totals, chance = [0.0] * len(examples), [0.5] * len(examples)
    weights = dict.fromkeys(rows, 0.0)
    bounds = {sign: _bounds(sign, role) for sign in rows}
    for number in range(MOST_ROUNDS):
        all_signs = number % 10 == 0  # between, only those that have a weight
        most = 0.0
        for sign in rows if all_signs else [sign for sign in rows if weights[sign]]:
            here = rows[sign]
            slope = sum(chance[index] - true[index] for index in here)
            bend = max(sum(chance[index] * (1 - chance[index]) for index in here), 0.05 * len(here), 0.1)
            best = weights[sign] - slope / bend
            cost = 0.0 if sign == "always" else PENALTY / bend
            best = math.copysign(max(abs(best) - cost, 0.0), best)
            least, greatest = bounds[sign]
            best = min(max(best, least), greatest)
            change = max(-1.0, min(1.0, best - weights[sign]))
            if change:
                weights[sign] += change
                most = max(most, abs(change))
                for index in here:
                    totals[index] += change
                    chance[index] = 1 / (1 + math.exp(-totals[index]))
        if all_signs and most < EXACT:
            break
    return {sign: round(weight, 2) for sign, weight in weights.items() if round(weight, 2)}


def _bounds(sign: str, role: str) -> tuple[float, float]:
    """Between what the weight of a sign may lie: what a phrase tells speaks for no other role, nor against
    this one. Where a few texts say so, the phrase was wrong, and has been mended since.
    """
    told = sign.split()[1] if sign.startswith("told ") else ""
    if told not in ROLES:
        return -math.inf, math.inf
    return (0.0, math.inf) if told == role else (-math.inf, 0.0)


def write(examples: list[Labelled]) -> None:
    """Write the weights, sorted by sign."""
    seen = [example for example in examples if example.set != UNSEEN]
    by_role = {role: learnt(seen, role) for role in ROLES}
    with CSV_FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("sign", *ROLES))
        for sign in sorted(set().union(*by_role.values())):
            writer.writerow((sign, *(by_role[role].get(sign, "") for role in ROLES)))


def held_out(examples: list[Labelled]) -> None:
    """Print what is found in each set when nothing was learnt from it."""
    print(f"{'set':>4} {'phrases alone':>26} {'with weights':>26}")
    alone_in_all, with_in_all = [0, 0, 0], [0, 0, 0]
    for first in SETS:
        others = [example for example in examples if example.set not in (first, UNSEEN)]
        weights: dict[str, list[int]] = defaultdict(lambda: [0] * len(ROLES))
        for index, role in enumerate(ROLES):
            for sign, weight in learnt(others, role).items():
                weights[sign][index] = round(weight * 100)
        alone, weighed = [0, 0, 0], [0, 0, 0]
        for example in examples:
            if example.set == first:
                judged = (
                    role_model.decide_roles(example.told, role_model.role_probabilities(example.signs, weights))
                    if example.signs
                    else example.told
                )
                _count(alone, set(example.told), example.true)
                _count(weighed, set(judged), example.true)
        print(f"{first:4} {_figures(alone)} {_figures(weighed)}")
        alone_in_all = [a + b for a, b in zip(alone_in_all, alone, strict=True)]
        with_in_all = [a + b for a, b in zip(with_in_all, weighed, strict=True)]
    print(f"{'all':>4} {_figures(alone_in_all)} {_figures(with_in_all)}")


def _count(counts: list[int], given: set[str], true: frozenset[str]) -> None:
    counts[0] += len(given & true)
    counts[1] += len(given - true)
    counts[2] += len(true - given)


def _figures(counts: list[int]) -> str:
    right, wrong, missed = counts
    return f"precision {right / (right + wrong):.3f} recall {right / (right + missed):.3f}"


if __name__ == "__main__":
    known = list(labelled())
    held_out(known) if "--held-out" in sys.argv else write(known)
