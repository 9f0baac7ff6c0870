"""The sheet of proposed identifiers of organisations: written for a curator, and read with their verdicts."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from urllib.parse import unquote

from cybilgraph.errors import SourceError
from cybilgraph.identity.organisation_matches import OurOrganisation, Proposal
from cybilgraph.model.identifiers import ActorIdentifier
from cybilgraph.model.overlay import IDENTIFIER_COLUMNS
from cybilgraph.model.own_actors import add_identifiers
from cybilgraph.readers import Input
from cybilgraph.readers.tabular import escape_formula
from cybilgraph.readers.workbooks import table_rows
from cybilgraph.release.open_graph import Rows, open_graph

#: The columns of the sheet: the curator's, those of identifiers.csv, and the evidence.
_COLUMNS = ("verdict", *IDENTIFIER_COLUMNS, "score", "our_name", "their_name", "by_name", "by_country", "by_homepage")
_VERDICTS = ("yes", "no", "")
_PARTICIPANTS = """
SELECT DISTINCT ?actor ?name ?main ?seat ?homepage WHERE {
  ?participation cyb:actor ?actor .
  ?actor skos:prefLabel ?main ; skos:prefLabel|skos:altLabel ?name .
  OPTIONAL { ?actor cyb:seat ?seat }
  OPTIONAL { ?actor foaf:homepage ?homepage }
} ORDER BY ?actor ?name
"""


def participating_organisations(folder: Path) -> list[OurOrganisation]:
    """Return the organisations that take part in projects of the current release, including those not listed."""
    found: dict[str, OurOrganisation] = {}
    with open_graph(folder) as graph:
        rows = graph.query(_PARTICIPANTS)
        assert isinstance(rows, Rows)
        for row in rows:
            key, seat = unquote(row["actor"].rpartition("/")[2]), (row["seat"] or "").rpartition("/")[2]
            one = found.get(key) or OurOrganisation(key, row["main"], (), seat, row["homepage"] or "")
            found[key] = one._replace(names=(*one.names, row["name"]))
    return list(found.values())


def proposals_sheet(proposals: Iterable[Proposal]) -> bytes:
    """Return the sheet as CSV, with an empty column for verdicts."""
    output = StringIO(newline="")
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for one in proposals:
        cells = (one.ours.key, *one.identifier, str(one.score), one.ours.name, one.found)
        writer.writerow(("", *map(escape_formula, cells), one.by_name, one.by_country, one.by_homepage))
    return output.getvalue().encode()


def rejected_proposals(sheet: Path) -> set[tuple[str, str, str]]:
    """Return the actor, register and identifier of the proposals with the verdict no. Raises SourceError."""
    return {(actor, one.register, one.text) for verdict, actor, one in _read_sheet(sheet) if verdict == "no"}


def accept_proposals(sheet: Path, folder: Path) -> tuple[int, int]:
    """Add the identifiers with the verdict yes to a deployment's own table.

    Return how many were added, and how many it had already. Raises SourceError, ReferenceDataError; then nothing is
    added.
    """
    accepted = [(actor, one) for verdict, actor, one in _read_sheet(sheet) if verdict == "yes"]
    added = add_identifiers(folder, accepted)
    return added, len(accepted) - added


def _read_sheet(sheet: Path) -> Iterator[tuple[str, str, ActorIdentifier]]:
    """Yield the verdict, the actor and the identifier of each row of a sheet (CSV or XLSX)."""
    rows = table_rows(Input(sheet.name, path=sheet))
    header = next(rows).cells
    if missing := [name for name in ("verdict", *IDENTIFIER_COLUMNS) if name not in header]:
        raise SourceError(
            f"{sheet.name} has no column {', '.join(missing)}",
            "Fill in a file written by cybilgraph match, and keep its first row.",
        )
    for row in rows:
        cells = dict(zip(header, map(str.strip, row.cells), strict=False))
        verdict, actor, *identifier = (cells.get(name, "") for name in ("verdict", *IDENTIFIER_COLUMNS))
        if verdict.casefold() not in _VERDICTS:
            raise SourceError(
                f"{sheet.name}, line {row.line}: {verdict!r} is not a verdict", "Write yes or no, or leave it empty."
            )
        yield verdict.casefold(), actor, ActorIdentifier(*identifier)
