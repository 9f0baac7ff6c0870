"""Tells an organisation's name by its words: "Ministry", "University", "CERT"."""

from __future__ import annotations

import csv
import re
from functools import cache

from cybilgraph.model.resources import REFERENCE
from cybilgraph.runtime.bounded_cache import cache_short


@cache
def words(tells: str) -> frozenset[str]:
    """The words of data/reference/organisation-words.csv that tell this: ``body`` makes a name an
    organisation, ``thing`` something else ("Strategy"), ``common`` is in names of all kinds,
    ``no`` only begins a sentence.
    """
    with (REFERENCE / "organisation-words.csv").open(encoding="utf-8", newline="") as file:
        return frozenset(row["word"] for row in csv.DictReader(file) if row["tells"] == tells)


_MAY_CONTAIN_COMMA = re.compile(
    r"(?:Ministry|Department|Office|Centre|Center)\b"
    r"|(?:[\w-]+ ){0,2}(?:Committee|Agency|Commission|Directorate|Authority) (?:of|for) "
)


def may_contain_comma(name: str) -> bool:
    """True for a name that may go on behind a comma or an "and": "Ministry of Trade, Industry and Commerce"."""
    return _MAY_CONTAIN_COMMA.match(name) is not None


@cache_short(entries=5_000, longest=500)
def is_organisation_word(word: str) -> bool:
    """True for a word that makes a name an organisation."""
    bare = word.strip(",.").removesuffix("'s").removesuffix("’s").removesuffix("/CC").removesuffix("|CC")
    return bare in words("body") or bare.endswith(("CERT", "CSIRT")) or bare.startswith("CERT")


#: Words behind the name of a firm: "Deloitte Consulting LLP" is known as Deloitte.
_LEGAL_FORMS = frozenset(("LLP", "LLC", "Ltd", "Limited", "Inc", "Plc", "GmbH", "JSC", "Consulting", "Group", "Global"))


def strip_legal_form(name: str) -> str:
    """The name of a firm without its legal form, and without such words as Group."""
    words = name.split()
    while len(words) > 1 and words[-1].strip(".,") in _LEGAL_FORMS:
        words.pop()
    return " ".join(words).rstrip(",")


def is_organisation_name(name: str) -> bool:
    """True where a word of the name makes it an organisation."""
    return any(map(is_organisation_word, name.split())) or name.endswith(("Response Team", "Readiness Team"))


#: Words by which the bodies of a state are called.
_OFFICIAL = frozenset(
    (
        *("Ministry", "Ministère", "Ministerio", "Ministério", "Department", "Government", "Secretariat"),
        *("National", "Nationale", "Nacional", "Central", "Royal", "Regulatory", "Service", "Customs"),
        *("Authority", "Autoridade", "Autoridad", "Agency", "Commission", "Directorate", "Office", "Bureau"),
        *("Police", "Policía", "Gendarmerie", "Court", "Judiciary", "Prosecutor", "Fiscalía"),
    )
)


#: Words of bodies that are none of a state, or only of a kind: "CERTs".
_UNOFFICIAL = frozenset(
    ("University", "College", "School", "Association", "Foundation", "Society", "Ltd", "Limited", "Chamber", "Union")
)


@cache_short(entries=5_000, longest=500)
def is_public_authority(name: str) -> bool:
    """True for an authority of a state, by the words of its name."""
    words = name.split()
    if not _UNOFFICIAL.isdisjoint(words) or name.upper().removesuffix("S") in ("CERT", "CSIRT", "CIRT"):
        return False
    return any(word in _OFFICIAL or "CERT" in word or "CSIRT" in word or "CIRT" in word for word in words)
