"""Check and refresh countries.csv from ISO 3166-1 (pycountry) and CLDR (Babel).

alpha2, alpha3, numeric and official_name come from pycountry, name_es and
name_fr from Babel. The curated columns (name, region, aliases, demonyms,
given_name, also) are kept as they stand. A code that is new in ISO 3166-1 gets a row whose region,
aliases and demonyms are left blank for a curator. A row whose code is not in
ISO 3166-1 (XK, Kosovo) keeps its codes; a row that has been withdrawn from
ISO 3166-1 is kept too, since old records may name it. If nothing has changed,
the file is written back byte for byte the same.

Run: python update_countries.py
"""

import csv
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
)


def updated(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the rows refreshed, completed and sorted by alpha2; change none in place."""
    spanish, french = Locale("es").territories, Locale("fr").territories
    by_code = {row["alpha2"]: dict(row) for row in rows}
    if len(by_code) != len(rows):
        raise ValueError("an alpha2 code stands twice")
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


def main() -> None:
    """Read countries.csv, refresh it and write it back."""
    with CSV_FILE.open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    with CSV_FILE.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(updated(rows))


if __name__ == "__main__":
    main()
