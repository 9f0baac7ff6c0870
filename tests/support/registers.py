"""Files of registers of organisations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: A result of the query in the recipe, with two names of the first item.
CSV_RESULT = (
    "item,name,country,homepage,ror,lei\n"
    "http://www.wikidata.org/entity/Q42,Bula Trust,FJ,https://www.bula.example.org,0abcdef23,\n"
    "http://www.wikidata.org/entity/Q42,BT,FJ,https://www.bula.example.org,0abcdef23,\n"
    "http://www.wikidata.org/entity/Q43,Other,,,not an identifier,\n"
)


def ror_record(
    name: str,
    *,
    key: str = "0abcdef23",
    acronym: str = "",
    country: str = "FJ",
    homepage: str = "https://trust.example.org/",
    status: str = "active",
    wikidata: Sequence[str] = (),
    preferred: str | None = None,
) -> dict[str, Any]:
    """Return a record of ROR in schema 2."""
    names = [{"lang": "en", "types": ["ror_display", "label"], "value": name}]
    names += [{"lang": None, "types": ["acronym"], "value": acronym}] if acronym else []
    return {
        "admin": {"created": {"date": "2018-11-14", "schema_version": "1.0"}},
        "domains": [],
        "established": 1999,
        "external_ids": [{"all": [*wikidata], "preferred": preferred, "type": "wikidata"}] if wikidata else [],
        "id": f"https://ror.org/{key}",
        "links": [{"type": "website", "value": homepage}] if homepage else [],
        "locations": [{"geonames_details": {"country_code": country, "name": "A city"}, "geonames_id": 1}],
        "names": names,
        "relationships": [],
        "status": status,
        "types": ["nonprofit"],
    }
