"""Learn role-weights.csv again from the labelled texts.

For each role, this is a logistic regression over the features of extraction/role_model.py, with a penalty on
the sum of the weights, so that most features get none. The phrases were written for the same texts and look
better there than they are. Each set of texts is therefore read with the phrases known before it
(tests/samples/labelled/phrases). Equal input gives an equal file.

Run: python update_role_weights.py             learn, and write the file (about a minute)
     python update_role_weights.py --held-out  leave out each set in turn, and print what is found in it by
                                               phrases alone, and with the weights
"""

import csv
import json
import math
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cybilgraph.extraction import participations, phrases, role_model
from cybilgraph.extraction.bare_names import add_states
from cybilgraph.extraction.phrases import ROLES
from cybilgraph.extraction.role_features import context_features
from cybilgraph.extraction.scopes import find_scopes
from cybilgraph.extraction.sentences import split_sentences
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.readers import find_inputs, read_input

CSV_FILE = Path(__file__).with_name("role-weights.csv")
LABELLED = Path(__file__).parents[2] / "tests" / "samples" / "labelled"
#: The number of the first text in each set; each set has its own annotator.
SETS = (1, 101, 201, 261, 311, 361, 411, 461, 901, 1001, 1041)
#: This set is not used for learning, and shows the results on unseen texts.
UNSEEN = 901
#: The penalty for a weight, in labelled actors; features of fewer actors are ignored.
PENALTY, MIN_ACTORS = 0.8, 3
#: Learning ends when no weight changes by more than this, or after so many rounds.
MAX_CHANGE, MAX_ROUNDS = 0.003, 300


@dataclass(frozen=True)
class Labelled:
    """An actor in a text of a set, with its features, its roles according to phrases, and its true roles.

    Actors that a heading states, or that no sentence names, have no features.
    """

    set: int
    features: frozenset[str]
    phrase_roles: dict[str, float]
    true: frozenset[str]


def read_labelled() -> Iterator[Labelled]:
    """Yield the actors that labelled texts name or a curator has added."""
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
        [input_file] = find_inputs([path])
        [record] = read_input(input_file)
        sentences = list(split_sentences(record, names))
        scopes = record.scopes + tuple(find_scopes(record, sentences, names))
        add_states(record, sentences, scopes, names)
        beneficiary_countries = {scope.concept.key for scope in scopes if scope.concept.kind == "country"}
        found = participations.find_phrase_roles(record, sentences, beneficiary_countries, names)
        for candidate in participations.find_candidates(record, sentences, found, beneficiary_countries, names):
            right = frozenset(true.pop(candidate.actor.key, ()))
            yield Labelled(
                first,
                frozenset(role_model.role_features(candidate, beneficiary_countries)),
                candidate.phrase_roles,
                right,
            )
        stated: dict[str, dict[str, float]] = defaultdict(dict)
        for link in record.participations:
            stated[link.actor.key][link.role] = 1.0
        for key in sorted({*true, *stated}):
            yield Labelled(first, frozenset(), stated[key], frozenset(true.get(key, ())))


def learn(examples: list[Labelled], role: str) -> dict[str, float]:
    """Return the weights of the features for a role, by coordinate descent."""
    examples = [example for example in examples if example.features]
    rows: dict[str, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        for feature in example.features:
            rows[feature].append(index)
    rows = {feature: rows[feature] for feature in sorted(rows) if len(rows[feature]) >= MIN_ACTORS}
    true = [float(role in example.true) for example in examples]
    totals, probabilities = [0.0] * len(examples), [0.5] * len(examples)
    weights = dict.fromkeys(rows, 0.0)
    bounds = {feature: _bounds(feature, role) for feature in rows}
    for number in range(MAX_ROUNDS):
        is_full_round = number % 10 == 0  # other rounds only change non-zero weights
        most = 0.0
        for feature in rows if is_full_round else [feature for feature in rows if weights[feature]]:
            here = rows[feature]
            slope = sum(probabilities[index] - true[index] for index in here)
            bend = max(sum(probabilities[index] * (1 - probabilities[index]) for index in here), 0.05 * len(here), 0.1)
            best = weights[feature] - slope / bend
            cost = 0.0 if feature == "always" else PENALTY / bend
            best = math.copysign(max(abs(best) - cost, 0.0), best)
            least, greatest = bounds[feature]
            best = min(max(best, least), greatest)
            change = max(-1.0, min(1.0, best - weights[feature]))
            if change:
                weights[feature] += change
                most = max(most, abs(change))
                for index in here:
                    totals[index] += change
                    probabilities[index] = 1 / (1 + math.exp(-totals[index]))
        if is_full_round and most < MAX_CHANGE:
            break
    return {feature: round(weight, 2) for feature, weight in weights.items() if round(weight, 2)}


def _bounds(feature: str, role: str) -> tuple[float, float]:
    """Return the bounds of a feature's weight: a phrase for a role never supports another role, nor opposes its own.

    If a few texts suggest otherwise, the phrase was wrong at the time and has since been corrected.
    """
    phrase_role = feature.split()[1] if feature.startswith("phrase ") else ""
    if phrase_role not in ROLES:
        return -math.inf, math.inf
    return (0.0, math.inf) if phrase_role == role else (-math.inf, 0.0)


def write(examples: list[Labelled]) -> None:
    """Write the weights, sorted by feature."""
    seen = [example for example in examples if example.set != UNSEEN]
    by_role = {role: learn(seen, role) for role in ROLES}
    with CSV_FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("feature", *ROLES))
        for feature in sorted(set().union(*by_role.values())):
            writer.writerow((feature, *(by_role[role].get(feature, "") for role in ROLES)))


def held_out(examples: list[Labelled]) -> None:
    """Print the results for each set with weights learnt from the others."""
    print(f"{'set':>4} {'phrases alone':>26} {'with weights':>26}")
    alone_in_all, with_in_all = [0, 0, 0], [0, 0, 0]
    for first in SETS:
        others = [example for example in examples if example.set not in (first, UNSEEN)]
        weights: dict[str, list[int]] = defaultdict(lambda: [0] * len(ROLES))
        for index, role in enumerate(ROLES):
            for feature, weight in learn(others, role).items():
                weights[feature][index] = round(weight * 100)
        alone, weighed = [0, 0, 0], [0, 0, 0]
        for example in examples:
            if example.set == first:
                judged = (
                    role_model.decide_roles(
                        example.phrase_roles, role_model.role_probabilities(example.features, weights)
                    )
                    if example.features
                    else example.phrase_roles
                )
                _count(alone, set(example.phrase_roles), example.true)
                _count(weighed, set(judged), example.true)
        print(f"{first:4} {_figures(alone)} {_figures(weighed)}")
        alone_in_all = [a + b for a, b in zip(alone_in_all, alone, strict=True)]
        with_in_all = [a + b for a, b in zip(with_in_all, weighed, strict=True)]
    print(f"{'all':>4} {_figures(alone_in_all)} {_figures(with_in_all)}")


def _count(counts: list[int], found: set[str], true: frozenset[str]) -> None:
    counts[0] += len(found & true)
    counts[1] += len(found - true)
    counts[2] += len(true - found)


def _figures(counts: list[int]) -> str:
    right, wrong, missed = counts
    return f"precision {right / (right + wrong):.3f} recall {right / (right + missed):.3f}"


if __name__ == "__main__":
    known = list(read_labelled())
    held_out(known) if "--held-out" in sys.argv else write(known)
