"""Rebuild given-names.csv from the given names that the package Faker (MIT licence) has in at least two languages.

Names in one language only are often ordinary words in others ("Media", "Royal", "General").

Run: install Faker 40 in a separate environment, and run python update_given_names.py
"""

import csv
import importlib
import pkgutil
import re
from collections import Counter
from pathlib import Path

from faker.providers import person

CSV_FILE = Path(__file__).with_name("given-names.csv")
LISTS = ("first_names", "first_names_male", "first_names_female", "first_names_nonbinary")
#: Latin letters; each part starts with a capital.
LATIN = re.compile(r"[A-ZÀ-Þ][a-zß-ɏ]+(?:-[A-ZÀ-Þ][a-zß-ɏ]+)?")


def main() -> None:
    """Count the languages of each name, and write the names that have several."""
    languages: Counter[str] = Counter()
    for module in pkgutil.iter_modules(person.__path__):
        provider = importlib.import_module(f"{person.__name__}.{module.name}").Provider
        lists = (getattr(provider, name, ()) for name in LISTS)
        languages.update({name for names in lists if not isinstance(names, property) for name in names})
    names = sorted(name for name, count in languages.items() if count > 1 and LATIN.fullmatch(name))
    with CSV_FILE.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([["name"], *([name] for name in names)])


if __name__ == "__main__":
    main()
