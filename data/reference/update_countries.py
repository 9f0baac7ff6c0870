"""Check and refresh countries.csv from ISO 3166-1 (pycountry), CLDR (Babel) and Natural Earth.

alpha2, alpha3, numeric and official_name come from pycountry, name_es and
name_fr from Babel, and wikidata from Natural Earth, if its table is given. The
curated columns (name, region, aliases, demonyms, given_name, also, parts,
territory_of) are kept. A code that is new in ISO 3166-1 gets a row whose
region, aliases and demonyms are left blank for a curator. A row whose code is not in ISO 3166-1 (XK,
Kosovo) keeps its codes; a row that has been withdrawn from ISO 3166-1 is kept
too, since old records may name it. If nothing has changed, the file is written
back byte for byte the same.

Run: python update_countries.py [ne_10m_admin_0_countries.dbf]

The table is that of Natural Earth, 1:10m, Admin 0 – Countries (version 5.1.1), in any of its points of view.
"""

import csv
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pycountry
from babel import Locale

CSV_FILE = Path(__file__).with_name("countries.csv")
COLUMNS = (
    "alpha2",
    "alpha3",
    "numeric",
    "name",
    "name_es",
    "name_fr",
    "official_name",
    "region",
    "aliases",
    "demonyms",
    "given_name",
    "also",
    "parts",
    "wikidata",
    "territory_of",
)
#: Natural Earth has other things under these codes: the region of Palestine, and the island of Saint Helena alone.
NOT_EXACT = ("PS", "SH")


def updated(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the rows refreshed, completed and sorted by alpha2; change none in place."""
    spanish, french = Locale("es").territories, Locale("fr").territories
    by_code = {row["alpha2"]: dict(row) for row in rows}
    if len(by_code) != len(rows):
        raise ValueError("an alpha2 code occurs twice")
    for country in pycountry.countries:
        code = country.alpha_2
        if code not in by_code:
            by_code[code] = dict.fromkeys(COLUMNS, "")
            by_code[code]["name"] = getattr(country, "common_name", country.name)
        by_code[code] |= {
            "alpha2": code,
            "alpha3": country.alpha_3,
            "numeric": country.numeric,
            "official_name": getattr(country, "official_name", ""),
        }
    for code, row in by_code.items():
        row["name_es"] = spanish.get(code, row["name_es"])
        row["name_fr"] = french.get(code, row["name_fr"])
    return [by_code[code] for code in sorted(by_code)]


def wikidata_items(table: bytes) -> dict[str, str]:
    """Return the Wikidata item of each country by its alpha2 code, from the table of Natural Earth."""
    items: dict[str, str] = {}
    for row in read_dbf(table):
        if row["ISO_A2_EH"] not in NOT_EXACT and row["WIKIDATAID"]:
            items.setdefault(row["ISO_A2_EH"], row["WIKIDATAID"])  # a country comes before its minor islands
    return items


def read_dbf(table: bytes) -> Iterator[dict[str, str]]:
    """Yield the rows of a dBASE III table of texts."""
    count, header, size = struct.unpack("<LHH", table[4:12])
    fields = [table[at : at + 32] for at in range(32, header - 1, 32)]
    for number in range(count):
        at, row = header + number * size + 1, {}
        for field in fields:
            name, width = field[:11].partition(b"\0")[0].decode(), field[16]
            row[name] = table[at : at + width].decode().strip(" \0")
            at += width
        yield row


def main(*tables: str) -> None:
    """Read countries.csv, refresh it and write it back."""
    with CSV_FILE.open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    for table in tables:
        items = wikidata_items(Path(table).read_bytes())
        rows = [row | {"wikidata": items.get(row["alpha2"], "")} for row in rows]
    with CSV_FILE.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(updated(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
