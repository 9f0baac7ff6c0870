"""Map IATI codes to fields and names of the reference data.

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
    """Return the fields that an IATI element carries, each with the type of the element, in page order."""
    return [(row, row.iati[1]) for row in NARRATIVE_FIELDS if row.iati and row.iati[0] == element]


def _by_type(element: str) -> dict[str, str]:
    return {kind: row.name for row, kind in reversed(fields_of(element))}


#: Code lists DescriptionType, ResultType and RelatedActivityType with their fields, and the field for other
#: codes.
DESCRIPTIONS, DESCRIPTION = _by_type("description"), "description"
RESULTS, RESULT, IMPACT = _by_type("result"), "outcomes", "3"
RELATIONS, RELATION = {"1": "part_of"}, "related"
#: Code list ActivityDateType: the actual date, or else the planned one.
DATES = {"start": ("2", "1"), "end": ("4", "3")}
#: Vocabularies for a publisher's own sectors and tags.
OWN_VOCABULARIES = ("98", "99")
#: Our extensions, as the standard allows: the field of a description (attribute) or related activity (element),
#: and for derived values each quote with its section and confidence.
FIELD, EVIDENCE, SECTION, CONFIDENCE = f"{{{CYB.iri}}}field", f"{{{CYB.iri}}}evidence", "section", "confidence"
#: Our element for a participant in a role without an IATI code.
PARTICIPANT = f"{{{CYB.iri}}}participant"
#: Our elements for a field without an IATI element, for a field left blank, and for the printed form of a
#: value.
STATED, LEFT_BLANK, PRINTED = (f"{{{CYB.iri}}}{name}" for name in ("stated", "leftBlank", "printed"))
FIELD_ATTRIBUTE = "field"
WITHOUT_ELEMENT = ("slug", "duration", "address", "rights")
#: The prefix of identifiers that we generate for projects without one.
GENERATED_PREFIX = "cybilgraph-"
UNSPECIFIED = "unspecified"
#: Code list ActivityStatus. In "Finalisation", the work is done but the accounts are still open.
_FINALISATION, _CLOSED = "3", "4"
#: Code list RegionVocabulary.
_DAC, _M49 = "1", "2"


def status_name(code: str) -> str:
    """Return the name of an ActivityStatus code, or the code itself if unknown."""
    known = _CLOSED if code == _FINALISATION else code
    statuses = load_gazetteer().entries["status"].values()
    return next((entry.name for entry in statuses if code and entry.row["iati"] == known), code)


def role_key(code: str) -> str:
    """Return the role of an OrganisationRole code, or ``unspecified`` if unknown."""
    roles = load_gazetteer().entries["role"].values()
    return next((entry.key for entry in roles if code and entry.row["iati"] == code), UNSPECIFIED)


def is_same_meaning(kind: str, printed: str, stated: str) -> bool:
    """Return whether a printed name of this kind, or date, means the same as a stated one."""
    if kind == "date":
        date = read_date(Text(printed))
        return date is not None and date.value == stated
    entry = find(kind, printed)
    return entry is not None and entry is find(kind, stated)


def find_regions(vocabulary: str, code: str) -> tuple[tuple[str, ...], str]:
    """Return the regions or groups for a code, and its official name; empty values for an unknown code.

    "South & Central Asia" of the OECD DAC is two regions of UN M49; "States Ex-Yugoslavia unspecified" none.
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
