"""Propose identifiers for organisations by comparing them with those of a register.

Names, countries and homepages are compared. The proposals are for a curator to decide: nothing is entered.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from rapidfuzz import fuzz, process

from cybilgraph.model.gazetteer import Gazetteer, cache_by_name, fold
from cybilgraph.model.identifiers import ActorIdentifier
from cybilgraph.model.organisations import strip_legal_form
from cybilgraph.readers.organisation_extracts import RegisteredOrganisation

#: Names below this similarity (0 to 100) are different. An equal abbreviation counts as this similar.
_MIN_SIMILARITY, _ABBREVIATION_SIMILARITY = 90, 60
#: A word that occurs in more of our names does not help to find one.
_MAX_NAMES_PER_WORD = 60
#: How names agree, by their similarity; other names are similar.
_BY_NAME: dict[float, str] = {100: "equal", _ABBREVIATION_SIMILARITY: "abbreviation"}
#: How much of the score (0 to 100) each comparison makes up, and the share of it for each outcome.
_NAME_WEIGHT, _COUNTRY_WEIGHT, _HOMEPAGE_WEIGHT = 0.6, 20, 20
_SHARE = {"agrees": 1.0, "unknown": 0.4, "differs": 0.0}
#: "Microsoft (United States)"; the path of a start page, perhaps in one of several languages.
_PLACE = re.compile(r" \([^()]*\)\Z")
_START_PAGE = re.compile(r"/?(?:[a-z]{2}(?:[-_][a-z]{2})?)?/?(?:(?:index|home|default)(?:\.\w+)?)?/?")


class OurOrganisation(NamedTuple):
    """An organisation that may lack identifiers; ``country`` and ``homepage`` may be empty."""

    key: str
    name: str
    names: tuple[str, ...]
    country: str
    homepage: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """An identifier that an organisation may have, and how far both agree."""

    ours: OurOrganisation
    identifier: ActorIdentifier
    score: int
    found: str
    by_name: str
    by_country: str
    by_homepage: str


def listed_organisations(names: Gazetteer) -> list[OurOrganisation]:
    """Return the organisations of the reference data."""
    return [
        OurOrganisation(entry.key, entry.name, entry.names, entry.row["country"], entry.row["homepage"])
        for entry in names.entries["actor"].values()
    ]


def propose_identifiers(
    names: Gazetteer,
    ours: Iterable[OurOrganisation],
    registered: Iterable[RegisteredOrganisation],
    min_score: int,
    most: int,
    rejected: Collection[tuple[str, str, str]] = (),
) -> list[Proposal]:
    """Return the proposals of at least this score, at most ``most`` for each organisation and register.

    Organisations that have an identifier in a register are left out, and so are identifiers that another organisation
    has, and pairs that a curator has ``rejected`` (key, register and identifier).
    """
    has = {(key, one.register) for key, entry in names.entries["actor"].items() for one in entry.identifiers}
    index, found = _Index(ours), defaultdict[tuple[str, str], list[Proposal]](list)
    for theirs in registered:
        for one, alikeness in index.find(theirs).values():
            by_name = _BY_NAME.get(alikeness, "similar")
            by_country, by_homepage = _outcomes(one, theirs)
            score = round(
                alikeness * _NAME_WEIGHT + _COUNTRY_WEIGHT * _SHARE[by_country] + _HOMEPAGE_WEIGHT * _SHARE[by_homepage]
            )
            # Many states have a "Ministry of the Interior".
            if score < min_score or (by_country == "differs" and by_homepage != "agrees"):
                continue
            for identifier in theirs.identifiers:
                key = one.key, identifier.register
                if (
                    key not in has
                    and (*key, identifier.text) not in rejected
                    and not names.find_by_identifier(identifier.register, identifier.text)
                ):
                    found[key].append(Proposal(one, identifier, score, theirs.name, by_name, by_country, by_homepage))
    ranked = (sorted(some, key=lambda one: (-one.score, one.identifier))[:most] for some in found.values())
    return sorted(
        (proposal for some in ranked for proposal in some),
        key=lambda one: (-one.score, one.ours.key, one.identifier),
    )


class _Index:
    """Our organisations by name, and by the host of their homepage."""

    def __init__(self, ours: Iterable[OurOrganisation]) -> None:
        self._by_name: dict[str, list[OurOrganisation]] = defaultdict(list)
        self._by_abbreviation: dict[str, list[OurOrganisation]] = defaultdict(list)
        self._names_by_word: dict[str, set[str]] = defaultdict(set)
        for one in ours:
            for name in one.names:
                if _is_abbreviation(name):
                    self._by_abbreviation[name].append(one)
                    continue
                self._by_name[_normalise(name)].append(one)
                for word in _normalise(name).split():
                    self._names_by_word[word].add(_normalise(name))

    def find(self, theirs: RegisteredOrganisation) -> dict[str, tuple[OurOrganisation, float]]:
        """Return our organisations that have the same or a similar name by key, each with the best similarity."""
        found: dict[str, tuple[OurOrganisation, float]] = {}

        def add(ours: Iterable[OurOrganisation], alikeness: float) -> None:
            for one in ours:
                if one.key not in found or found[one.key][1] < alikeness:
                    found[one.key] = one, alikeness

        for printed in theirs.names:
            if _is_abbreviation(printed):
                add(self._by_abbreviation.get(printed, ()), _ABBREVIATION_SIMILARITY)
                continue
            name = _normalise(printed)
            near = {name} & self._by_name.keys()
            for word in name.split():
                if len(some := self._names_by_word.get(word, ())) <= _MAX_NAMES_PER_WORD:
                    near.update(some)
            for listed, alikeness, _ in process.extract(
                name, near, scorer=fuzz.ratio, score_cutoff=_MIN_SIMILARITY, limit=None
            ):
                add(self._by_name[listed], alikeness)
        return found


def _outcomes(ours: OurOrganisation, theirs: RegisteredOrganisation) -> tuple[str, str]:
    """Return how country and homepage compare."""
    by_country = _outcome(bool(ours.country and theirs.countries), ours.country in theirs.countries)
    address, addresses = _homepage(ours.homepage), {_homepage(one) for one in theirs.homepages} - {None}
    return by_country, _outcome(bool(address and addresses), address in addresses)


def _outcome(is_known: bool, agrees: bool) -> str:
    return "unknown" if not is_known else "agrees" if agrees else "differs"


def _is_abbreviation(name: str) -> bool:
    """Return whether a name is short for another one; organisations of other countries may have it, too."""
    return name.isupper() and " " not in name


@cache_by_name
def _normalise(name: str) -> str:
    """Return the words of a name in alphabetical order, without legal form and place."""
    return " ".join(sorted(fold(strip_legal_form(_PLACE.sub("", name))).replace(",", "").replace(".", "").split()))


def _homepage(url: str) -> tuple[str, str] | None:
    """Return the host of a homepage, and its path unless it is that of a start page; None if this is no URL."""
    try:
        parts = urlsplit(url.casefold())
        host = parts.hostname
    except ValueError:
        return None
    return (
        (host.removeprefix("www."), "" if _START_PAGE.fullmatch(parts.path) else parts.path.rstrip("/"))
        if host
        else None
    )
