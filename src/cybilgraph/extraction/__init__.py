"""Finds what a record tells only in prose: actors and roles, places, dates, other projects.

Real pages often print "Funders" with nothing under it, and say who paid in a sentence. What
is found here is *derived*: it carries the sentence that it was found in, so that a curator
can confirm it. What the page states under its headings is never changed or doubled.
"""

from __future__ import annotations

from dataclasses import replace

from cybilgraph.extraction.actors import find_participations
from cybilgraph.extraction.enumerations import with_introductions
from cybilgraph.extraction.other_countries import find_other_countries
from cybilgraph.extraction.periods import find_dates
from cybilgraph.extraction.relations import find_relations
from cybilgraph.extraction.scopes import find_scopes
from cybilgraph.extraction.sentences import sentences
from cybilgraph.extraction.spelling import find_near_names
from cybilgraph.model.gazetteer import Reference, reference
from cybilgraph.model.record import Record

__all__ = ["derive"]


def derive(record: Record, names: Reference | None = None) -> Record:
    """The record with what its prose says added, each derived; and with findings where a name
    was nearly a known one, or the aim is of another country.
    """
    names = names or reference()
    told = list(with_introductions(sentences(record, names)))
    scopes = record.scopes + tuple(find_scopes(record, told, names))
    findings = (*find_near_names(record, told, names), *find_other_countries(record, told, scopes, names))
    dates = find_dates(record, told)
    return replace(
        record,
        start=record.start or dates.get("start"),
        end=record.end or dates.get("end"),
        duration=record.duration or dates.get("duration"),
        scopes=scopes,
        participations=record.participations + find_participations(record, told, scopes, names),
        relations=record.relations + tuple(find_relations(record, told)),
        findings=record.findings + findings,
    )
