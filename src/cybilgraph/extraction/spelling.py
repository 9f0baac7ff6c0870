"""Report misspelt names that were matched to a similar name, and names shared by two countries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cybilgraph.extraction.sentences import Sentence
from cybilgraph.model.findings import Finding
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Record
from cybilgraph.model.rules import finding


def find_near_names(record: Record, sentences: Iterable[Sentence]) -> Iterator[Finding]:
    """Report each misspelt or ambiguous spelling where it first occurs."""
    seen: set[str] = set()
    for sentence in sentences:
        for name in sentence.names:
            if name.printed_spelling and name.printed_spelling not in seen:
                seen.add(name.printed_spelling)
                label, _ = record.labels.get(sentence.section, ("", None))
                values = {"printed": name.printed_spelling, "name": name.entries[0].closest_name(name.printed_spelling)}
                if other := load_gazetteer().find_namesake(name.printed_spelling):
                    values["other"] = other.name
                yield finding(
                    "ambiguous-name" if other else "near-name",
                    record.source.name,
                    values,
                    place=sentence.text.at(sentence.text.text.find(name.printed_spelling)),
                    label=label,
                    text=name.printed_spelling,
                )
