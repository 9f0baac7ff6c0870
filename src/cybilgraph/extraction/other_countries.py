"""Report texts about other countries, which may have been copied from another project."""

from __future__ import annotations

from collections.abc import Iterator

from cybilgraph.extraction.locations import find_places, place_entries
from cybilgraph.extraction.sentences import Sentence
from cybilgraph.model.findings import Finding
from cybilgraph.model.gazetteer import GazetteerEntry, load_gazetteer
from cybilgraph.model.record import Record, Scope
from cybilgraph.model.rules import finding


def find_other_countries(record: Record, sentences: list[Sentence], scopes: tuple[Scope, ...]) -> Iterator[Finding]:
    """Report each country that the aim names as a place of the project but that the project does not have."""
    own = {(link.concept.kind, link.concept.key) for link in scopes}
    if not any(kind == "country" for kind, _ in own):
        return
    for sentence in sentences:
        if sentence.section == "aim" and sentence.text.place:
            for name, _ in find_places(sentence):
                for entry in place_entries(sentence, name):
                    if entry.kind == "country" and own.isdisjoint(_wider(entry)):
                        own.add(("country", entry.key))
                        yield finding(
                            "aim-of-another-country",
                            record.source.name,
                            {"name": entry.name},
                            place=sentence.text.place,
                            text=sentence.text.text,
                        )


def _wider(country: GazetteerEntry) -> Iterator[tuple[str, str]]:
    """Yield the country, the regions that contain it and the groups that it belongs to."""
    names = load_gazetteer()
    yield "country", country.key
    region = names.get("region", country.row["region"])
    while region:
        yield "region", region.key
        region = names.get("region", region.row["parent"])
    for group in names.entries["group"].values():
        if country.key in group.cell("members"):
            yield "group", group.key
