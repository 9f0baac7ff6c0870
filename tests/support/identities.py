"""Short records to identify, and the findings about them."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from cybilgraph.identity import Identities
from cybilgraph.identity.assembly import Assembly
from cybilgraph.model.record import Basis, Date, Named, Participation, Record, Scope, Source, Text


def record(title: str, code: str = "", start: str = "", country: str = "", actor: str = "") -> Record:
    return Record(
        source=Source(f"{title[:20]}.txt", sha256(title.encode()).hexdigest()),
        title=Text(title),
        code=Text(code) if code else None,
        start=Date(start, Text(start)) if start else None,
        scopes=(Scope(Named("country", country, Text(country)), Basis.STATED),) if country else (),
        participations=(Participation(Named("actor", actor, Text(actor)), "funder", Basis.STATED),) if actor else (),
    )


def rules(*records: Record) -> list[str]:
    with Identities() as identities:
        for each in records:
            identities.add(each)
        return [finding.rule.rpartition("#")[2] for finding in identities.findings()]


def quads(assembly: Assembly, others: Iterable[str] = ()) -> list[str]:
    """Return the lines of N-Quads of the whole graph."""
    return b"".join(assembly.blocks(others)).decode().split("\n")[:-1]
