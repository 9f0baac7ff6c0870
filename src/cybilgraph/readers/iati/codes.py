"""Codes of IATI → fields, and names that the reference data know.

IATI Activity Standard 2.03, https://iatistandard.org/en/iati-standard/203/codelists/.
"""

from __future__ import annotations

import csv
from functools import cache

from cybilgraph.model.dates import read_date
from cybilgraph.model.fields import NARRATIVE_FIELDS, Field
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Text
from cybilgraph.model.resources import REFERENCE
from cybilgraph.model.vocabulary import CYB
from cybilgraph.readers.page.names import find


def fields_of(element: str) -> list[tuple[Field, str]]:
    """Return the fields that an element of IATI carries, each with the type of the element, in the order of a page."""
    return [(row, row.iati[1]) for row in NARRATIVE_FIELDS if row.iati and row.iati[0] == element]


def _by_type(element: str) -> dict[str, str]:
    return {kind: row.name for row, kind in reversed(fields_of(element))}


#: Code lists DescriptionType, ResultType and RelatedActivityType → fields, and the field of any other code.
DESCRIPTIONS, DESCRIPTION = _by_type("description"), "description"
RESULTS, RESULT, IMPACT = _by_type("result"), "outcomes", "3"
RELATIONS, RELATION = {"1": "part_of"}, "related"
#: Code list ActivityDateType: the actual date, else the planned.
DATES = {"start": ("2", "1"), "end": ("4", "3")}
#: The vocabularies of sectors and tags that are a publisher's own words.
OWN = ("98", "99")
#: Of our own, as the standard allows: which field of ours a description (attribute) or a related activity (element)
#: is of; and in what was derived from prose, each quote, with its section and confidence.
FIELD, EVIDENCE, SECTION, CONFIDENCE = f"{{{CYB.iri}}}field", f"{{{CYB.iri}}}evidence", "section", "confidence"
#: An element of our own: who takes part in a role that IATI has no code for.
PARTICIPANT = f"{{{CYB.iri}}}participant"
#: A field that IATI has no element for; one that is left blank; and in an element of a stated value,
#: how that was printed.
STATED, LEFT_BLANK, PRINTED = (f"{{{CYB.iri}}}{name}" for name in ("stated", "leftBlank", "printed"))
OF = "field"
WITHOUT_ELEMENT = ("slug", "duration", "address", "rights")
#: How identifiers begin that we have made for projects without one.
OURS = "cybilgraph-"
UNSPECIFIED = "unspecified"
#: Code list ActivityStatus: "Finalisation", the work is done and the accounts are not yet closed.
_FINALISATION, _CLOSED = "3", "4"
#: Code list RegionVocabulary.
_DAC, _M49 = "1", "2"


def status_name(code: str) -> str:
    """The name of a code of the list ActivityStatus; the code itself where it is none of them."""
    known = _CLOSED if code == _FINALISATION else code
    statuses = load_gazetteer().entries["status"].values()
    return next((entry.name for entry in statuses if code and entry.row["iati"] == known), code)


def role_key(code: str) -> str:
    """The role of a code of the list OrganisationRole; ``unspecified`` where it is none of them."""
    roles = load_gazetteer().entries["role"].values()
    return next((entry.key for entry in roles if code and entry.row["iati"] == code), UNSPECIFIED)


def is_same_meaning(kind: str, printed: str, stated: str) -> bool:
    """Whether a name of a ``kind``, or a ``date``, is another way to say what an element says."""
    if kind == "date":
        date = read_date(Text(printed))
        return date is not None and date.value == stated
    entry = find(kind, printed)
    return entry is not None and entry is find(kind, stated)


def find_regions(vocabulary: str, code: str) -> tuple[tuple[str, ...], str]:
    """The regions or groups that a code stands for, and its official name.

    Nothing and the empty text where the code is unknown. "South & Central Asia" of the OECD DAC
    is two regions of UN M49; "States Ex-Yugoslavia unspecified" is none.
    """
    if vocabulary == _M49 and (region := load_gazetteer().get("region", code.zfill(3))):
        return (region.key,), region.name
    if vocabulary in ("", _DAC):
        return _dac().get(code.lstrip("0"), ((), ""))
    return (), ""


@cache
def _dac() -> dict[str, tuple[tuple[str, ...], str]]:
    with (REFERENCE / "dac-regions.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["code"]: (tuple(part for part in row["means"].split(";") if part), row["name"])
            for row in csv.DictReader(file)
        }
