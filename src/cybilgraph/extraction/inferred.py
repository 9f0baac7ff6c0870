"""List what was inferred from prose, as findings, so that a curator can compare it with the text."""

from __future__ import annotations

from collections.abc import Iterator

from cybilgraph.model.findings import Finding
from cybilgraph.model.record import Evidence, Record
from cybilgraph.model.rules import finding

_DATES = ("start", "end", "duration")


def find_inferred(record: Record) -> Iterator[Finding]:
    """Report each link and date that sentences support, at the first of them."""
    links = (
        *((link.role, link.actor.printed.text, link.basis.counts, link.evidence) for link in record.participations),
        *((link.concept.kind, link.concept.printed.text, link.basis.counts, link.evidence) for link in record.scopes),
        *((link.kind, link.project.printed.text, link.basis.counts, link.evidence) for link in record.relations),
        *(("budget", link.printed.text, link.basis.counts, link.evidence) for link in record.funding),
        *((name, date.value, True, date.evidence) for name in _DATES if (date := getattr(record, name))),
    )
    for what, name, counts, evidence in links:
        if evidence:
            quote = max(evidence, key=_confidence)
            yield finding(
                "inferred" if counts else "inferred-possible",
                record.source.name,
                {"what": what.replace("_", " "), "name": name, "confidence": f"{quote.confidence:.2f}"},
                place=quote.place,
                text=quote.quote,
            )


def _confidence(quote: Evidence) -> float:
    return quote.confidence
