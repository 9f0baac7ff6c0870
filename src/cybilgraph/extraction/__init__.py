"""Extract claims from prose: actors and roles, places, dates, sums of money and related projects.

Many pages print "Funders" with nothing under it and name the donor in a sentence. Whatever is found here is
*derived*: it carries its sentence as evidence, so that a curator can confirm it. Values that the page states
under its headings are never changed or duplicated.
"""

from __future__ import annotations

from dataclasses import replace

from cybilgraph.extraction.bare_names import add_states
from cybilgraph.extraction.enumerations import apply_introductions
from cybilgraph.extraction.other_countries import find_other_countries
from cybilgraph.extraction.participations import find_audiences, find_participations
from cybilgraph.extraction.periods import find_dates
from cybilgraph.extraction.related_projects import find_relations
from cybilgraph.extraction.scopes import find_scopes
from cybilgraph.extraction.sentences import split_sentences
from cybilgraph.extraction.spelling import find_near_names
from cybilgraph.extraction.sums import find_funding
from cybilgraph.model.record import Record

__all__ = ["derive"]


def derive(record: Record) -> Record:
    """Return the record with the links and dates derived from its prose.

    Findings report names that were nearly known, and an aim that names another country.
    """
    sentences = list(apply_introductions(split_sentences(record)))
    scopes = record.scopes + tuple(find_scopes(record, sentences))
    add_states(record, sentences, scopes)
    findings = (*find_near_names(record, sentences), *find_other_countries(record, sentences, scopes))
    dates = find_dates(record, sentences)
    return replace(
        record,
        start=record.start or dates.get("start"),
        end=record.end or dates.get("end"),
        duration=record.duration or dates.get("duration"),
        scopes=scopes + tuple(find_audiences(sentences)),
        participations=record.participations + find_participations(record, sentences, scopes),
        relations=record.relations + tuple(find_relations(record, sentences)),
        funding=record.funding + find_funding(record, sentences),
        findings=record.findings + findings,
    )
