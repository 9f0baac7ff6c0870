"""Learn the weights of the linear models, and choose their thresholds, from the labelled texts.

For each class, this is a logistic regression with an L2 penalty (scikit-learn, BSD licence, in the extra "dev").
Each annotator's texts are predicted by weights learnt from the others; these predictions give the thresholds and
the figures printed. The phrases were written for the same texts and look better there than they are, so each set
is read with the phrases known before it (tests/samples/labelled/phrases). Equal input gives equal files.

Run: python update_weights.py [role]
"""

import csv
import json
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from cybilgraph.extraction import apply_introductions, participations, phrases, scopes
from cybilgraph.extraction.phrases import ROLES
from cybilgraph.extraction.role_features import context_features
from cybilgraph.extraction.sentences import split_sentences
from cybilgraph.model.gazetteer import load_gazetteer, slug
from cybilgraph.model.record import Basis, Record
from cybilgraph.readers import find_inputs, read_input

REFERENCE = Path(__file__).parent
LABELLED = REFERENCE.parents[1] / "tests" / "samples" / "labelled"
#: The number of the first text in each set; each set has its own annotator or kind of site.
SETS = (1, 101, 201, 261, 311, 361, 411, 461, 901, 961, 1001, 1041, *range(2001, 2301, 10))
#: The inverse strength of the penalty; features of fewer things are ignored.
C, MIN_THINGS = 0.4, 3
#: The precision of counted links, and its lower confidence bound (Wilson, one-sided, 90 %).
PRECISION, Z = 0.97, 1.28
#: A possible link is kept if at least this share of links with such a probability are right.
MIN_SHARE = 0.15


@dataclass(frozen=True)
class Example:
    """A thing in a text of a set: its features, the classes that a curator gave it, and those that a page states."""

    set: int
    features: frozenset[str]
    true: frozenset[str]


def texts() -> Iterator[tuple[int, Record, dict[str, list[str]]]]:
    """Yield each labelled text as a record, with its set and labels, with the phrases of its time in use."""
    known = sorted((LABELLED / "phrases").glob("*.csv"), key=lambda file: int(file.stem))
    for path in sorted(LABELLED.glob("*.txt")):
        number = int(path.name.split("-")[0])
        phrases.use_phrases_from([file for file in known if int(file.stem) <= number][-1])
        context_features.cache_clear()
        [record] = read_input(*find_inputs([path]))
        labels = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        yield max(first for first in SETS if first <= number), record, labels


def actors() -> Iterator[Example]:
    """Yield the actors that texts name or a curator has added, with their roles."""
    names = load_gazetteer()
    for number, record, labels in texts():
        true: dict[str, set[str]] = defaultdict(set)
        for key, role in labels["actors"]:
            true[key].add(role)
        keys = {slug(name): key for key, printed in labels.get("names", {}).items() for name in printed}
        sentences = list(apply_introductions(split_sentences(record, names)))
        for candidate, features in participations.candidate_features(record, sentences, names):
            key = candidate.actor.key
            yield Example(number, frozenset(features), frozenset(true.pop(key if key in true else keys.get(key, ""), ())))
        for link in record.participations:
            if link.basis is Basis.STATED:
                true.pop(link.actor.key, None)
                true.pop(keys.get(link.actor.key, ""), None)
        for roles in true.values():  # no sentence names them
            yield Example(number, frozenset(), frozenset(roles))


def countries() -> Iterator[Example]:
    """Yield the countries that texts name or a curator has added."""
    names = load_gazetteer()
    for number, record, labels in texts():
        true = set(labels["countries"]) - {link.concept.key for link in record.scopes}
        sentences = list(apply_introductions(split_sentences(record, names)))
        found = scopes.apply_rules(record, sentences, names)
        for key, _, features in scopes.candidate_countries(record, sentences, found, names):
            yield Example(number, frozenset(features), frozenset(["country"] if key in true else []))
            true.discard(key)
        for _ in true:  # no sentence names them
            yield Example(number, frozenset(), frozenset(["country"]))


MODELS = {"role": (actors, ROLES), "country": (countries, ("country",))}


def learn(examples: Sequence[Example], class_: str) -> tuple[DictVectorizer, LogisticRegression]:
    """Return the model of one class."""
    counts = Counter(feature for example in examples for feature in example.features)
    rows = [{name: 1 for name in example.features if counts[name] >= MIN_THINGS} for example in examples]
    vectors = DictVectorizer()
    model = LogisticRegression(C=C, solver="liblinear", random_state=0, max_iter=1000)
    model.fit(vectors.fit_transform(rows), [class_ in example.true for example in examples])
    return vectors, model


def predict(examples: Sequence[Example], classes: Sequence[str]) -> list[tuple[float, bool]]:
    """Return the probability of each class of each thing, predicted from the other sets, and whether it is true."""
    predicted = []
    for held_out in sorted({example.set for example in examples}):
        others = [example for example in examples if example.set != held_out]
        these = [example for example in examples if example.set == held_out]
        for class_ in classes:
            vectors, model = learn(others, class_)
            rows = vectors.transform([dict.fromkeys(example.features, 1) for example in these])
            found = model.predict_proba(rows)[:, 1]
            predicted += [(p, class_ in example.true) for p, example in zip(found.tolist(), these, strict=True)]
    return sorted(predicted, reverse=True)


def lower_bound(right: int, number: int) -> float:
    """Return the lower bound of the share of right links (Wilson score interval)."""
    share, z2 = right / number, Z * Z
    middle = share + z2 / (2 * number)
    return (middle - Z * math.sqrt(share * (1 - share) / number + z2 / (4 * number * number))) / (1 + z2 / number)


def thresholds(predicted: Sequence[tuple[float, bool]]) -> tuple[float, float]:
    """Return the probabilities from which links are counted, and from which they are kept as possible."""
    right, derived = 0, 1.0
    for number, (probability, is_true) in enumerate(predicted, start=1):
        right += is_true
        if lower_bound(right, number) >= PRECISION:
            derived = probability
    return math.ceil(derived * 100) / 100, MIN_SHARE


def report(name: str, predicted: Sequence[tuple[float, bool]], missed: int, derived: float, possible: float) -> None:
    """Print precision and recall of counted links and recall of all, and the calibration error of those kept."""
    due = sum(is_true for _, is_true in predicted) + missed
    for words, least in (("counted", derived), ("possible or counted", possible)):
        kept = [is_true for probability, is_true in predicted if probability >= least]
        print(f"{name}: {words} from {least:.2f}: precision {sum(kept) / len(kept):.3f} recall {sum(kept) / due:.3f}")
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for probability, is_true in predicted:
        if probability >= possible:
            bins[int(probability * 10)].append((probability, is_true))
    total = sum(map(len, bins.values()))
    error = sum(abs(sum(p - is_true for p, is_true in one)) for one in bins.values()) / total
    print(f"{name}: calibration error {error:.3f} of {total} links")


def write(name: str, examples: Sequence[Example], classes: Sequence[str]) -> None:
    """Write the weights, sorted by feature."""
    weights: dict[str, dict[str, str]] = defaultdict(dict)
    for class_ in classes:
        vectors, model = learn(examples, class_)
        for feature, weight in zip(vectors.get_feature_names_out(), model.coef_[0], strict=True):
            if abs(weight) >= 0.005:
                weights[feature][class_] = f"{weight:.2f}"
        weights["always"][class_] = f"{float(weights['always'].get(class_, 0)) + model.intercept_[0]:.2f}"
    with (REFERENCE / f"{name}-weights.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("feature", *classes))
        for feature, own in sorted(weights.items()):
            writer.writerow((feature, *(own.get(class_, "") for class_ in classes)))


def main(chosen: Sequence[str]) -> None:
    """Learn the chosen models, and write their weights and thresholds."""
    with (REFERENCE / "thresholds.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["model"]: (row["derived"], row["possible"]) for row in csv.DictReader(file)}
    for name in chosen or MODELS:
        read, classes = MODELS[name]
        examples = [*read()]
        named = [example for example in examples if example.features]
        missed = sum(len(example.true) for example in examples if not example.features)
        predicted = predict(named, classes)
        limits = thresholds(predicted)
        report(name, predicted, missed, *limits)
        write(name, named, classes)
        rows[name] = tuple(f"{limit:.2f}" for limit in limits)
    with (REFERENCE / "thresholds.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("model", "derived", "possible"))
        writer.writerows((name, *limits) for name, limits in sorted(rows.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
