"""Tell the bodies of one state from those of another: "Fiji Police Force", "the Ministry of Justice of Spain".

Every state has a ministry of justice, so that the key of such a body contains its state, however that is printed:
in brackets, as an owner, as an adjective, or not at all if the rest of the record leaves no doubt.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

from cybilgraph.model.gazetteer import DEMONYM, PLACES, GazetteerEntry, fold, load_gazetteer, slug
from cybilgraph.model.record import Named, Participation, Scope
from cybilgraph.model.resources import read_reference
from cybilgraph.model.values import value
from cybilgraph.runtime.bounded_cache import cache_short

#: A last qualifier in brackets, and a word that may abbreviate the name before it.
_QUALIFIER = re.compile(r" \((?P<qualifier>[^()]+)\)(?:, (?P<rest>.*))?$")
_SHORT_WORD = re.compile(r"[A-Z][\w./&-]{1,15}")
#: Two capitals may be the code of a country.
_CODE_LENGTH = 2
#: Text that is no part of a name.
_ARTICLE, _REMARK = re.compile(r"the ", re.IGNORECASE), re.compile(r",? (?:which|who) \w.*$")
#: What joins a country to the body after or before it.
_OWNS = re.compile(r"['’]s? | [-–] | ")
_OWNED_BY = re.compile(r"(?:,| [-–]|,? (?:of|in|del?|du|des|da|do))?(?: the| la)? \Z|,? d(?:e l)?['’]\Z", re.IGNORECASE)
#: The same before the name of a country in Spanish or French. The Republic of China is not China.
_OWNED_BY_TRANSLATED = re.compile(
    r"(?:,? d(?:e l)?['’]|(?:,| [-–]|,? (?:del?|du|des|da|do))? (?:(?:la|las|los) )?)"
    r"(?P<form>(?:República|Reino|Estado Plurinacional|République|Royaume|État plurinacional) "
    r"(?:d['’]|(?:del?|du|des)(?: la)? )(?!Chin[ae]\b))?"
)
#: The most characters of the name of a state in Spanish or French, and of what joins it.
_MAX_STATE_CHARS = 100
#: The end of a longer name of a state: "of the Republic of China" is not of China.
_LONGER_NAME = re.compile(r"(?:Republic|République|República|Kingdom|State|Commonwealth|Union|Democratic|Federation)\Z")
_WORD = re.compile(r"[^\W\d_]+")
_GOVERNMENT = re.compile(
    r"(?:(?:Royal|Federal|National|Central) )?Government"
    r"|(?:Gobierno|Gouvernement)(?: (?:Federal|Nacional|Central|royal|fédéral|national|central))?"
)


@value(frozen=True, slots=True)
class ActorName:
    """The name of an actor, split from the qualifier or state that distinguishes it from others of that name.

    A state may be a part of one: Scotland has a police of its own. ``label`` is the name with its state.
    """

    bare: str
    qualifier: str
    country: GazetteerEntry | None
    label: str

    @property
    def key(self) -> str:
        """The key if the actor is not listed; the same for both apostrophes and, in a body of a state, for "&"."""
        name = f"{self.bare} {self.qualifier}"
        return _key(name.replace(" & ", " and ") if self.country else name)


def _key(name: str) -> str:
    return slug(name.replace("’", "'"))


def parse_actor_name(name: str, home: str = "") -> ActorName:
    """Split the name of an actor. ``home`` is the key of the country that it belongs to if the name has none.

    A country is named as in the reference data. An abbreviation of the name is no qualifier.
    """
    parsed = _parse(name)
    country = load_gazetteer().get("country", home) if not parsed.qualifier else None
    return _of_state(parsed.bare, country) if country and is_state_body(parsed.bare, owned=True) else parsed


@cache_short(entries=5_000, longest=500)
def _parse(name: str) -> ActorName:
    names = load_gazetteer()
    label = name = _drop_abbreviation(_REMARK.sub("", name[4:] if _ARTICLE.match(name) else name))
    if match := _QUALIFIER.search(name):
        bare, qualifier = name[: match.start()], match["qualifier"].strip()
        short, comma, place = qualifier.partition(", ")
        if comma and names.find_country(place) and _is_abbreviation(short, bare):
            qualifier = place  # "(MoF, Kenya)"
        country = _find_country(qualifier, bare)
        if country or not _is_abbreviation(qualifier, bare):
            return ActorName(bare, country.name if country else qualifier, country, label)
        name = f"{bare}, {rest}" if (rest := match["rest"]) and names.find_country(rest) else bare
    # "Ministerio de Justicia de España"
    for owned in _OWNED_BY_TRANSLATED.finditer(name, max(len(name) - _MAX_STATE_CHARS, 0)):
        find = names.find_state if owned["form"] else names.find_translated_country
        bare, country = name[: owned.start()], find(name[owned.end() :])
        if country and is_state_body(bare, owned=True):
            return _of_state(bare, country)
    written = name.title() if name.islower() else name  # countries are found by their capitals
    for mention in names.find_mentions(written):
        found = mention.of("country") or mention.of(DEMONYM)
        if found is None or names.find_namesake(name[mention.start : mention.end]):
            continue
        country = replace(found, kind="country")
        if mention.start == 0 and (joint := _OWNS.match(name, mention.end)):
            bare = name[joint.end() :]
        elif found == country and mention.end == len(name) and (joint := _OWNED_BY.search(name, 0, mention.start)):
            bare = name[: joint.start()]
            if _LONGER_NAME.search(written, 0, joint.start()):
                continue
        else:
            continue
        listed = names.find("actor", name)
        if listed and listed.row["country"] not in ("", country.key):
            continue  # the "Georgia National Guard" is that of a state of the United States
        if is_state_body(bare, owned=True):
            is_proper = joint[0] == " " and found == country  # "Fiji Police Force", "CERT Tonga"
            parsed = _of_state(bare, country)
            return replace(parsed, label=label) if is_proper else parsed
    return ActorName(name, "", None, label)


def _drop_abbreviation(name: str) -> str:
    """Return a name with two qualifiers in brackets without the one that abbreviates it, first or last."""
    last = _QUALIFIER.search(name)
    first = _QUALIFIER.search(name[: last.start()]) if last else None
    if last is None or first is None or first["rest"]:
        return name
    bare = name[: first.start()]
    is_short = [
        _is_abbreviation(word, bare) and not _find_country(word, bare)
        for word in (first["qualifier"].strip(), last["qualifier"].strip())
    ]
    return f"{bare}{name[last.start() :]}" if is_short[0] else name[: last.start()] if is_short[1] else name


def _find_country(qualifier: str, body: str) -> GazetteerEntry | None:
    """Return the country that a qualifier in brackets after a name is."""
    names = load_gazetteer()
    country = names.find_country(qualifier)
    if country is None and is_state_body(body, owned=True):
        country = names.find_translated_country(qualifier) or find_abbreviated_country(qualifier, body)
    return country


def find_abbreviated_country(word: str, body: str) -> GazetteerEntry | None:
    """Return the country that a word in brackets after a body of a state abbreviates in Spanish or French: "RDC".

    The initials of the body abbreviate the body.
    """
    if word == "".join(filter(str.isupper, body)):
        return None
    return load_gazetteer().get("country", _country_abbreviations().get(word, ""))


@cache
def _country_abbreviations() -> dict[str, str]:
    return {row["abbreviation"]: row["country"] for row in read_reference("country-abbreviations.csv")}


def _is_abbreviation(word: str, name: str) -> bool:
    """Return whether a word in brackets abbreviates a name: by its capitals, or as its letters occur there in order.

    "Incibe" does; "Nairobi" in "Regional Office (Nairobi)" and "CH" in "Ministry of Justice (CH)" distinguish offices,
    and so does "LT" in "National Cyber Security Centre (LT)": two capitals abbreviate a body only as initials.
    """
    if not _SHORT_WORD.fullmatch(word):
        return False
    if len(word) > _CODE_LENGTH and sum(map(str.isupper, word)) > 1:
        return True
    is_code = len(word) == _CODE_LENGTH and is_state_body(name, owned=True)
    letters = iter(part[0] for part in fold(name).split()) if is_code else iter(fold(name))
    return all(letter in letters for letter in fold(word) if letter.isalnum())


def _of_state(bare: str, country: GazetteerEntry) -> ActorName:
    return ActorName(bare, country.name, country, f"{bare} ({country.name})")


def find_state_body(name: ActorName) -> GazetteerEntry | None:
    """Return the listed body of this name in its state, or the government of the state, or None."""
    names, country = load_gazetteer(), name.country
    if country is None:
        return None
    if _GOVERNMENT.fullmatch(name.bare):
        return names.government(country)
    owners = (*country.names, *country.cell("demonyms"))
    for form in ("{0} ({1})", "{0} of {1}", "{0} of the {1}", "{1} {0}", "{0} {1}"):
        for owner in owners:
            found = names.find("actor", form.format(name.bare, owner))
            if found and found.row["country"] in ("", country.key):
                return found
    found = names.find("actor", name.bare)
    return found if found and not is_of_other_state(name, found) else None


@cache_short(entries=5_000, longest=500)
def find_actor(name: str, home: str = "") -> GazetteerEntry:
    """Return the actor with this name; a new entry if it is not listed, with the name and its label."""
    parsed = parse_actor_name(name, home)
    if found := find_state_body(parsed):
        return found
    found = load_gazetteer().find("actor", name)
    if found and not is_of_other_state(parsed, found):
        return found
    if listed := load_gazetteer().get("actor", parsed.key):  # with an abbreviation that is not listed
        return listed
    return GazetteerEntry("actor", parsed.key, name, (parsed.label,), {})


def successor_key(key: str, names: Iterable[str]) -> str:
    """Return the current key of an unlisted actor, whose former ``key`` may lack the qualifier in its names.

    A state under its official name is its government.
    """
    for name in names:
        if key == slug(name) and (country := load_gazetteer().find_state(name)):
            return load_gazetteer().government(country).key
        parsed = parse_actor_name(name)
        if parsed.qualifier and key in (slug(parsed.bare), slug(name)):
            found = find_state_body(parsed)
            return found.key if found else parsed.key
    return key


def is_of_other_state(name: ActorName, entry: GazetteerEntry) -> bool:
    """Return whether the state in a name, or the part of one, shows that a listed actor of this name is another."""
    return name.country is not None and (name.country.is_part or name.country.key != entry.row.get("country"))


@cache
def _words() -> dict[str, str]:
    return {fold(row["word"]): row["kind"] for row in read_reference("state-bodies.csv")}


@cache_short(entries=5_000, longest=500)
def is_state_body(name: str, owned: bool = False) -> bool:
    """Return whether every state may have a body of this name, by its words (data/reference/state-bodies.csv).

    ``owned``: the state is known.
    """
    words = [word for word in _WORD.findall(fold(name)) if word != "s"]
    kinds = [_words().get(word, "") for word in words]
    for number, kind in enumerate(kinds):
        if not kind:
            return False
        if kind in (("opens", "opens-owned") if owned else ("opens",)) and number + 1 < len(kinds):
            return True
    return "sole" in kinds or (owned and ("sole-owned" in kinds or len(kinds) > 1))


def label(actor: Named) -> str:
    """Return the printed name of an actor; that of a body of a state contains the state."""
    parsed = parse_actor_name(actor.printed.text, actor.home)
    return parsed.label if not actor.known and parsed.key == actor.key else actor.printed.text


def find_homes(actors: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Return the states of the bodies of each name, given the names of actors and the countries they belong to.

    A body of a part of a state counts as one without a state.
    """
    homes: dict[str, set[str]] = defaultdict(set)
    for name, home in actors:
        parsed = parse_actor_name(name, home)
        if parsed.country and is_state_body(parsed.bare, owned=True):
            homes[_key(parsed.bare)].add("" if parsed.country.is_part else parsed.country.key)
    return homes


def find_home(name: str, homes: Mapping[str, set[str]], country: str) -> str:
    """Return the country of a body named without one: that of the only body of this name in ``homes``.

    If there is none, return ``country`` if every state may have such a body, otherwise an empty string.
    """
    parsed = parse_actor_name(name)
    if parsed.qualifier:
        return ""
    if known := homes.get(_key(parsed.bare)):
        return next(iter(known)) if len(known) == 1 else ""
    return country if is_state_body(parsed.bare) else ""


def only_country(scopes: Iterable[Scope]) -> str:
    """Return the country of a project in no other country, region or group; otherwise an empty string."""
    places = {(scope.concept.kind, scope.concept.key) for scope in scopes}
    places = {(kind, key) for kind, key in places if kind in PLACES}
    kind, key = next(iter(places)) if len(places) == 1 else ("", "")
    return key if kind == "country" else ""


def seat(actor: Named) -> str:
    """Return the country of an actor: that of the reference data, or that in its name; empty if unknown."""
    names = load_gazetteer()
    if country := names.governments.get(actor.key):
        return country.key
    if listed := names.get("actor", actor.key):
        return listed.row.get("country", "")
    named = parse_actor_name(actor.printed.text, actor.home).country
    return named.key if named else ""


def qualify(links: tuple[Participation, ...], scopes: Iterable[Scope]) -> tuple[Participation, ...]:
    """Return the stated links, with the country of each body of a state that is named without one.

    It is that of another printed form of the name or else that of the project, if it has only one, and the body
    benefits from the project, or pays nothing and no participant is from another state. A listed body of another state
    keeps its country, unless it would benefit from the project, or take part in one that the country pays for itself.
    """
    homes = find_homes((link.actor.printed.text, "") for link in links)
    country = only_country(scopes)
    is_alone = all(seat(link.actor) in ("", country) for link in links)
    is_own = {seat(link.actor) for link in links if link.role == "funder"} == {country}
    helped = {link.actor.printed.text for link in links if link.role == "beneficiary"}
    links = tuple(
        replace(link, actor=Named("actor", parse_actor_name(printed.text).key, printed, known=False))
        if (is_own or printed.text in helped) and _may_be_of_other_state(link.actor, country)
        else link
        for link, printed in ((link, link.actor.printed) for link in links)
    )
    helped = {link.actor.key for link in links if link.role == "beneficiary"}
    local = helped | {link.actor.key for link in links if is_alone} - {
        link.actor.key for link in links if link.role == "funder"
    }
    return tuple(
        replace(link, actor=_at_home(link.actor, home))
        if not link.actor.known
        and (home := find_home(link.actor.printed.text, homes, country if link.actor.key in local else ""))
        else link
        for link in links
    )


def _may_be_of_other_state(actor: Named, country: str) -> bool:
    """Return whether a listed body of another state is named without it, by a name that this state's may have."""
    names, printed = load_gazetteer(), actor.printed.text
    listed = names.get("actor", actor.key)
    owner = names.get("country", listed.row["country"]) if listed else None
    if not country or owner is None or owner.key == country or not is_state_body(printed, owned=True):
        return False
    return not any(fold(name) in fold(printed) for name in (*owner.names, *owner.cell("demonyms")))


def _at_home(actor: Named, home: str) -> Named:
    parsed = parse_actor_name(actor.printed.text, home)
    entry = find_state_body(parsed)
    known = entry is not None and load_gazetteer().get("actor", entry.key) is not None
    return Named("actor", entry.key if entry else parsed.key, actor.printed, known, home)
