"""Recognise names of organisations by their words: "Ministry", "University", "CERT"."""

from __future__ import annotations

import re
from functools import cache

from cybilgraph.model.resources import read_reference
from cybilgraph.runtime.bounded_cache import cache_short


def words(category: str) -> frozenset[str]:
    """Return the words of a category in data/reference/organisation-words.csv.

    ``body`` words make a name an organisation, ``thing`` words something else ("Strategy"), ``common`` words
    occur in names of all kinds, ``no`` words only begin a sentence. ``population`` words end descriptions of groups;
    those of Spanish and French, ``population-first``, may also begin them.
    """
    return _words_by_category()[category]


@cache
def _words_by_category() -> dict[str, frozenset[str]]:
    """Read all categories at once, because sandboxed workers cannot read the file for another one later."""
    rows = read_reference("organisation-words.csv")
    return {
        name: frozenset(row["word"] for row in rows if row["category"] == name)
        for name in {row["category"] for row in rows}
    }


_MAY_CONTAIN_COMMA = re.compile(
    r"(?:Ministry|Department|Bureau|Office|Centre|Center)\b"
    r"|(?:[\w-]+ ){0,2}(?:Committee|Agency|Commission|Directorate|Authority) (?:of|for) "
)


def may_contain_comma(name: str) -> bool:
    """Return whether a name may continue after a comma or "and": "Ministry of Trade, Industry and Commerce"."""
    return _MAY_CONTAIN_COMMA.match(name) is not None


@cache_short(entries=5_000, longest=500)
def is_organisation_word(word: str) -> bool:
    """Return whether this word makes a name an organisation."""
    bare = word.strip(",.").removesuffix("'s").removesuffix("’s").removesuffix("/CC").removesuffix("|CC")
    return bare in words("body") or bare.endswith(("CERT", "CSIRT")) or bare.startswith("CERT")


#: Trailing words that do not distinguish a firm: "Deloitte Consulting LLP" is listed as Deloitte.
_LEGAL_FORMS = frozenset(("LLP", "LLC", "Ltd", "Limited", "Inc", "Plc", "GmbH", "JSC", "Consulting", "Group", "Global"))


def strip_legal_form(name: str) -> str:
    """Return the name of a firm without its legal form and words such as Group."""
    words = name.split()
    while len(words) > 1 and words[-1].strip(".,") in _LEGAL_FORMS:
        words.pop()
    return " ".join(words).rstrip(",")


def is_organisation_name(name: str) -> bool:
    """Return whether a word of the name makes it an organisation."""
    return any(map(is_organisation_word, name.split())) or name.endswith(("Response Team", "Readiness Team"))


#: Words in the names of public authorities.
_OFFICIAL = frozenset(
    (
        *("Ministry", "Ministère", "Ministerio", "Ministério", "Department", "Government", "Secretariat"),
        *("National", "Nationale", "Nacional", "Central", "Royal", "Regulatory", "Service", "Customs"),
        *("Authority", "Autoridade", "Autoridad", "Agency", "Commission", "Directorate", "Office", "Bureau"),
        *("Police", "Policía", "Gendarmerie", "Court", "Judiciary", "Prosecutor", "Fiscalía"),
    )
)


#: Words in the names of bodies that are not public authorities.
_UNOFFICIAL = frozenset(
    ("University", "College", "School", "Association", "Foundation", "Society", "Ltd", "Limited", "Chamber", "Union")
)


#: Ends the heads of a description, as in "women | in policy", and divides them.
_AFTER_HEADS = re.compile(
    r" \(| (?:of|in|on|for|with|without|from|who|that|which|at|above|responsible|preparing"
    r"|de|del|des|du|en|dans|con|avec|para|pour|que|qui) | d['’]"
)
_BETWEEN_HEADS = re.compile(r", (?:and )?| (?:and|or|y|e|et|o|ou) ")
#: "Police of 49 African countries".
_SEVERAL = re.compile(r" (?:of|in|from) (?:the )?\d+ ")


@cache_short(entries=5_000, longest=500)
def is_population(name: str) -> bool:
    """Return whether a name describes a group of people or organisations instead of naming an organisation.

    "Women diplomats" and "law enforcement agencies in Central America" do: they end in a plural of such words. In
    "mujeres rurales", it comes first.
    """
    whole = f"{name[:1].lower()}{name[1:]}" if name[1:2].islower() else name
    heads = _BETWEEN_HEADS.split(_AFTER_HEADS.split(whole, maxsplit=1)[0])
    ends, starts = words("population") | words("population-first"), words("population-first")
    return (
        any(head.rpartition(" ")[2] in ends for head in heads)
        or (heads[0].partition(" ")[0] in starts and heads[0].islower())
        or _SEVERAL.search(name) is not None
    )


@cache_short(entries=5_000, longest=500)
def is_public_authority(name: str) -> bool:
    """Return whether a name is that of a public authority, by its words."""
    words = name.split()
    if not _UNOFFICIAL.isdisjoint(words) or name.upper().removesuffix("S") in ("CERT", "CSIRT", "CIRT"):
        return False
    return any(word in _OFFICIAL or "CERT" in word or "CSIRT" in word or "CIRT" in word for word in words)
