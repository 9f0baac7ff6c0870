"""Records after decisions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cybilgraph.extraction import derive
from cybilgraph.identity import Identities
from cybilgraph.identity.assembly import Assembly
from cybilgraph.identity.decision_layer import Claim, Redact, read_claims
from cybilgraph.identity.decisions import Decision, Decisions, Verdict, append_decisions
from cybilgraph.model.findings import Finding
from cybilgraph.model.vocabulary import thing_iri
from cybilgraph.rdf.description import describe
from cybilgraph.readers import Input, read_input

CANADA = "The training was funded by the Government of Canada."
COUNCIL = "It was delivered by the Council of Europe."
PAGE = f"""Cybercrime training for Belize
Cybil Code: G0020
Status: Finished
From: Apr 2018
To: Mar 2020

Funders

Implementors

CTO

Summary

{CANADA}
{COUNCIL}
"""
#: A page whose prose names organisations and an audience whose roles are only possible.
POSSIBLE_PAGE = """Cybercrime training for Belize
Cybil Code: G0020
Status: Finished

Summary

The Oceania Cyber Security Centre (OCSC) conducted the review in partnership with ITU, GCSCC and APNIC.
It supported the Ministry of Finance in Belize. The beneficiaries are Small Businesses.
"""
KEY = "G0020"


def decision(field: str, value: str = "", verdict: Verdict = Verdict.YES, **more: Any) -> Decision:
    """Return a decision of Ana about the record of PAGE."""
    return Decision(**{"record": KEY, "field": field, "value": value, "verdict": verdict, "who": "Ana"} | more)


@dataclass(frozen=True)
class Decided:
    """The lines of a graph after decisions, and the findings about them."""

    lines: list[str]
    findings: list[Finding]

    @property
    def rules(self) -> list[str]:
        return [found.rule.rpartition("#")[2] for found in self.findings]

    def claims(self, key: str = KEY) -> dict[tuple[str, str], Claim]:
        return read_claims(self.lines, thing_iri("project", key))

    def has(self, *terms: str) -> bool:
        """Return whether there is a statement with these terms."""
        return any(line.startswith(" ".join(terms)) for line in self.lines)


def decide(
    folder: Path,
    decisions: Iterable[Decision],
    *pages: str,
    redact: Redact = lambda record: record,
    suffix: str = "txt",
) -> Decided:
    """Add decisions to a folder, and apply all in it to pages."""
    append_decisions(folder, decisions)
    with (
        Decisions(folder) as decided,
        Identities((), decided.same_records(), decided.distinct_records()) as identities,
        Assembly(identities) as assembly,
    ):
        for number, page in enumerate(pages or (PAGE,)):
            for record in read_input(Input(f"{number}.{suffix}", data=page.encode())):
                derived = derive(record)
                assembly.add(derived, describe(derived))
        findings = [*identities.findings(), *assembly.decide(decided, redact)]
        return Decided(b"".join(assembly.blocks(history=False)).decode().splitlines(), findings)
