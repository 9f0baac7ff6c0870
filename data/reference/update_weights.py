"""Learn the weights of the linear models, and choose their thresholds, from the labelled texts.

For each class, this is a logistic regression with an L2 penalty (scikit-learn, BSD licence, in the extra "dev").
Each set of texts is predicted by weights learnt from the others; these predictions give the thresholds and the
figures printed. The phrases were written for the labelled pages and look better there than they are, so each set is
read with the phrases known before it (tests/samples/labelled/phrases). Nothing is learnt from reserved sites. Equal
input gives equal files.

Run: python update_weights.py
"""

import csv
import io
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from cybilgraph.extraction import participations, phrases, scopes
from cybilgraph.extraction.bare_names import add_states
from cybilgraph.extraction.enumerations import apply_introductions
from cybilgraph.extraction.linear_model import load_model
from cybilgraph.extraction.phrases import ROLES
from cybilgraph.extraction.role_features import context_features
from cybilgraph.extraction.sentences import split_sentences
from cybilgraph.model.gazetteer import GazetteerEntry, slug
from cybilgraph.model.record import Named, Record
from cybilgraph.model.state_bodies import find_actor
from cybilgraph.readers import find_inputs, read_input
from cybilgraph.runtime.files import atomic_write

REFERENCE = Path(__file__).parent
SAMPLES = REFERENCE.parents[1] / "tests" / "samples"
#: The number of the first page of each annotator.
ANNOTATORS = (1, 101, 201, 261, 311, 361, 411, 461, 901, 961, 1001, 1041)
#: The kinds of site are predicted in this many sets, each together with an annotator. New annotators do not change it.
SITE_SETS = 12
#: The inverse strength of the penalty; features of fewer things are ignored.
C, MIN_THINGS = 0.2, 3
#: Smaller weights are left out.
MIN_WEIGHT = 0.03
#: The lower confidence bound (Wilson, one-sided, 90 %) of the precision of counted links. For countries, 0.97 would
#: cost a third of the recall on reserved sites for one point of precision.
MIN_PRECISION, Z = {"country": 0.95, "role": 0.97}, 1.28
#: Links are kept as possible down to the probability from which at least this share of them is right.
MIN_SHARE, STEP = 0.2, 0.05


@dataclass(frozen=True)
class LabelledText:
    """A text as a record, the set that it is predicted with, its genre, and what a curator found in it.

    ``keys`` maps keys of printed names to the actors of the labels; ``dates`` are its start and end.
    """

    set: int
    genre: str
    is_reserved: bool
    record: Record
    actors: list[tuple[str, str]]
    countries: list[str]
    keys: dict[str, str]
    dates: dict[str, str | None]

    def key(self, actor: GazetteerEntry | Named, printed: str) -> str:
        """Return the key of an actor in the labels, where keys of bodies do not always contain the state."""
        return self.keys.get(actor.key, self.keys.get(slug(printed), actor.key))


@dataclass(frozen=True)
class Example:
    """A thing in a text: its features, and the classes that a curator gave it. None if no sentence names it."""

    text: LabelledText
    features: frozenset[str]
    true: frozenset[str]


def texts() -> Iterator[LabelledText]:
    """Yield the labelled pages and the texts in the style of sites, each with the phrases known before it."""
    known = sorted((SAMPLES / "labelled" / "phrases").glob("*.csv"), key=lambda file: int(file.stem))
    for path in sorted((SAMPLES / "labelled").glob("*.txt")):
        number = int(path.name.split("-")[0])
        use_phrases([file for file in known if int(file.stem) <= number][-1])
        labels = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        annotator = sum(first <= number for first in ANNOTATORS) - 1
        found, dates = (labels["actors"], labels["countries"]), {name: labels[name] for name in ("start", "end")}
        yield LabelledText(annotator, "page", False, read_text(path), *found, {}, dates)
    use_phrases(REFERENCE / "phrases.csv")
    with (SAMPLES / "sites" / "sites.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["text"]: row for row in csv.DictReader(file)}
    for line in (SAMPLES / "sites" / "labels.jsonl").read_text(encoding="utf-8").splitlines():
        labels = json.loads(line)
        row = rows[labels["text"][:3]]
        keys = {
            form: key
            for key, printed in labels["names"].items()
            for name in printed
            for form in (slug(name), find_actor(name).key)
        }
        site, is_reserved = int(row["site"]) % SITE_SETS, row["reserved"] == "yes"
        record = read_text(SAMPLES / "sites" / f"{labels['text']}.txt")
        found, dates = (labels["actors"], labels["countries"]), {name: labels[name] for name in ("start", "end")}
        yield LabelledText(site, row["genre"], is_reserved, record, *found, keys, dates)


def use_phrases(file: Path) -> None:
    """Use another phrase file, and clear the caches that depend on it."""
    phrases.use_phrases_from(file)
    context_features.cache_clear()


def read_text(path: Path) -> Record:
    """Read a text without its prose."""
    [record] = read_input(*find_inputs([path]))
    return record


def actors(text: LabelledText) -> Iterator[Example]:
    """Yield the actors that a text names or a curator has added, with their roles."""
    record = text.record
    true: dict[str, set[str]] = defaultdict(set)
    for key, role in text.actors:
        true[key].add(role)
    marked = list(apply_introductions(split_sentences(record)))
    found = record.scopes + tuple(scopes.find_scopes(record, marked))
    add_states(record, marked, found)
    for candidate, features in participations.candidate_features(record, marked, found):
        key = text.key(candidate.actor, candidate.actor.name)
        yield Example(text, frozenset(features), frozenset(true.pop(key, ())))
    for link in record.participations:
        true.pop(text.key(link.actor, link.actor.printed.text), None)
    for roles in true.values():  # no sentence names them
        yield Example(text, frozenset(), frozenset(roles))


def countries(text: LabelledText) -> Iterator[Example]:
    """Yield the countries that a text names or a curator has added."""
    record = text.record
    true = set(text.countries) - {link.concept.key for link in record.scopes}
    marked = list(apply_introductions(split_sentences(record)))
    found = scopes.apply_rules(record, marked)
    for key, _, features in scopes.candidate_countries(record, marked, found):
        yield Example(text, frozenset(features), frozenset(["country"] if key in true else []))
        true.discard(key)
    for _ in true:  # no sentence names them
        yield Example(text, frozenset(), frozenset(["country"]))


#: Countries first: the state of a body may depend on the country of the project.
MODELS = {"country": (countries, ("country",)), "role": (actors, ROLES)}


@dataclass(frozen=True)
class Prediction:
    """A class of a thing: its probability according to the other sets, and whether it is true."""

    example: Example
    probability: float
    is_true: bool


def learn(examples: Sequence[Example], classes: Sequence[str]) -> tuple[CountVectorizer, dict[str, LogisticRegression]]:
    """Return the model of each class."""
    vectors = CountVectorizer(analyzer=sorted, min_df=MIN_THINGS)
    features = vectors.fit_transform(example.features for example in examples)
    models = {class_: LogisticRegression(C=C, solver="liblinear", random_state=0, max_iter=1000) for class_ in classes}
    for class_, model in models.items():
        model.fit(features, [class_ in example.true for example in examples])
    return vectors, models


def predict(examples: Sequence[Example], classes: Sequence[str]) -> list[Prediction]:
    """Return the classes of each thing, predicted from the other sets, except reserved sites; most probable first.

    A thing that no sentence names has no chance.
    """
    predicted = [Prediction(example, 0, True) for example in examples if not example.features for _ in example.true]
    named = [example for example in examples if example.features]
    for held_out in sorted({example.text.set for example in named}):
        others = [example for example in named if example.text.set != held_out and not example.text.is_reserved]
        these = [example for example in named if example.text.set == held_out]
        vectors, models = learn(others, classes)
        features = vectors.transform(one.features for one in these)
        for class_, model in models.items():
            found = model.predict_proba(features)[:, 1].tolist()
            predicted += (Prediction(one, p, class_ in one.true) for p, one in zip(found, these, strict=True))
    return sorted(predicted, key=lambda one: -one.probability)


def lower_bound(right: int, number: int) -> float:
    """Return the lower bound of the share of right links (Wilson score interval)."""
    share, z2 = right / number, Z * Z
    middle = share + z2 / (2 * number)
    return (middle - Z * math.sqrt(share * (1 - share) / number + z2 / (4 * number * number))) / (1 + z2 / number)


def thresholds(predicted: Sequence[Prediction], precision: float) -> tuple[float, float]:
    """Return the probabilities from which links are counted with this precision, and from which they are possible."""
    right, derived = 0, 1.0
    for number, one in enumerate(predicted, start=1):
        right += one.is_true
        if lower_bound(right, number) >= precision:
            derived = one.probability
    possible = STEP
    while sum(near := [one.is_true for one in predicted if 0 <= one.probability - possible < STEP]) < MIN_SHARE * len(
        near
    ):
        possible += STEP
    return math.ceil(derived * 100) / 100, round(possible, 2)


def summary(predicted: Sequence[Prediction], derived: float, possible: float) -> str:
    """Return the precision and recall of counted links, those of all kept ones, and the calibration error."""
    due = sum(one.is_true for one in predicted)
    figures = []
    for words, least in (("counted", derived), ("all", possible)):
        kept = [one.is_true for one in predicted if one.probability >= least]
        figures.append(f"{words} {sum(kept) / (len(kept) or 1):.3f} / {sum(kept) / (due or 1):.3f}")
    errors: dict[int, float] = defaultdict(float)
    kept_ones = [one for one in predicted if one.probability >= possible]
    for one in kept_ones:
        errors[int(one.probability * 10)] += one.probability - one.is_true
    return f"{'   '.join(figures)}   calibration {sum(map(abs, errors.values())) / (len(kept_ones) or 1):.3f}"


def write(name: str, examples: Sequence[Example], classes: Sequence[str]) -> None:
    """Write the weights, sorted by feature."""
    weights: dict[str, dict[str, str]] = defaultdict(dict)
    vectors, models = learn(examples, classes)
    for class_, model in models.items():
        for feature, weight in zip(vectors.get_feature_names_out(), model.coef_[0], strict=True):
            if abs(weight) >= MIN_WEIGHT:
                weights[feature][class_] = f"{weight:.2f}"
        weights["always"][class_] = f"{float(weights['always'].get(class_, 0)) + model.intercept_[0]:.2f}"
    rows = ([feature, *(own.get(class_, "") for class_ in classes)] for feature, own in sorted(weights.items()))
    write_table(f"{name}-weights.csv", ("feature", *classes), rows)


def write_table(name: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Replace a table of the reference data, which stays as it was if this fails."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows((columns, *rows))
    with atomic_write(REFERENCE / name) as file:
        file.write(text.getvalue().encode())


def main() -> None:
    """Learn the models, and write their weights and thresholds."""
    limits = {}
    for name, (read, classes) in MODELS.items():
        examples = [example for text in texts() if not text.is_reserved for example in read(text)]
        predicted = predict(examples, classes)
        limits[name] = thresholds(predicted, MIN_PRECISION[name])
        print(f"{name}: {limits[name]}: {summary(predicted, *limits[name])}")
        write(name, [example for example in examples if example.features], classes)
        rows = ([model, f"{derived:.2f}", f"{least:.2f}"] for model, (derived, least) in limits.items())
        write_table("thresholds.csv", ("model", "derived", "possible"), rows)
        load_model.cache_clear()


if __name__ == "__main__":
    main()
