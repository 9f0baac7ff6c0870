"""Split printed lists of names, and look up the entries of the names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from cybilgraph.model.gazetteer import PLACES, GazetteerEntry, load_gazetteer
from cybilgraph.model.organisations import is_organisation_name, is_population, may_contain_comma
from cybilgraph.model.record import Text
from cybilgraph.model.state_bodies import find_state_body, is_of_other_state, is_state_body, parse_actor_name

BULLET = re.compile(r"(?:[•◦▪●‣·*]|[–-](?=\s)|\d{1,2}[.)](?=\s)|\(?[a-z]\)(?=\s))\s*")
_BRACKETS = re.compile(r" ?\([^()]{0,200}\)")
_PRIORITY = re.compile(r" ?\((?:priority|priority country)\)$", re.IGNORECASE)
_OF_THE = re.compile(r"(?: \([^()]{1,40}\))? of the ")
_OWNER = re.compile(r"(?:the )?(?:U\.?S\.?A?|U\.?K\.?)(?:['’]s)? ")
#: "DAI, LLC"; "the Centre, operated by the Agency".
_NOT_A_BODY = re.compile(r"(?:LLC|LLP|LTD|JSC|PLC|INC)\b|(?!the )[a-z]")
#: "A, B and the relevant institutions (C, D)": a description of the bodies in brackets.
_GROUP = re.compile(
    r"(?:,| and|, and) (?:(?!and )[a-z]+ ){0,4}(?:institutions|agencies|bodies|organi[sz]ations|authorities|ministries"
    r"|departments|partners|donors|companies|services) ?\((?P<names>[^()]+, [^()]+)\)\.?$"
)
#: What people work in: "Women in | Tech Africa".
_FIELD = re.compile(r" (?:in|for) (?P<words>[A-Z][\w&-]*(?: [A-Z][\w&-]*)+)$")
#: "In Africa:" introduces a part of a list and is not one of its values.
LIST_HEADING = re.compile(r"in (?:the )?(?P<name>[^:]{2,40}):", re.IGNORECASE)


def kinds_for_field(kind: str) -> tuple[str, ...]:
    """Return the kinds of entry that a value under this heading may be, the likeliest first."""
    return (kind,) if kind in ("theme", "audience") else tuple(dict.fromkeys((kind, "country", "region", "group")))


def split_list(lines: list[Text], kinds: tuple[str, ...], whole: bool = False) -> Iterator[Text]:
    """Yield the values of a list, without bullets, introductory lines and "(priority)".

    Several values on a line are separated if each is a known name, so that "Foreign, Commonwealth and
    Development Office" remains whole. They are also separated at semicolons, unless all lines are ``whole``.
    """
    for line in lines:
        if LIST_HEADING.fullmatch(line.text):
            continue
        item = without_bullet(line)
        item = item.part(0, match.start()) if (match := _PRIORITY.search(item.text)) else item
        if is_known(item.text, kinds):
            yield item
            continue
        pieces = [item]
        if "actor" in kinds and (group := _GROUP.search(item.text)):
            pieces = [item.part(0, group.start()), *split_parts(item.part(*group.span("names")), " ?, (?:and )?")]
        for name in (name for piece in pieces for name in split_parts(piece, " / " if whole else r" ?; ?| / ")):
            for part in [name] if is_known(name.text, kinds) else _split_same_kind(name):
                yield from _names(part, kinds)


def _names(part: Text, kinds: tuple[str, ...]) -> Iterator[Text]:
    """Split names at commas and "and". Audiences are described rather than named: only known ones are separated."""
    if is_known(part.text, kinds):
        yield part
        return
    if "actor" in kinds and _is_body_of_state(split_parts(part, " ?, (?!and )")):
        yield part
        return
    names = split_parts(part, r" ?, (?:and )?| and | & ")
    listed = all(is_known(name.text, kinds) or is_known(name.text, ("audience",)) for name in names)
    if kinds == ("audience",) or ("actor" in kinds and listed):
        yield from names if listed else [part]
        return
    if "actor" in kinds and len(names) == 2 and _ends_in_joint_place(part.text):
        yield part
        return
    if all(is_known(name.text, kinds) for name in names):
        yield from names
        return
    names = split_parts(part, r" ?, (?:and )?| and ")  # "Deloitte & Touche" is one name
    if "actor" in kinds and _are_bodies(part.text, names, kinds):
        yield from names
        return
    # Split at commas even if one name is unknown.
    names = split_parts(part, r" ?, (?:and )?")
    min_known = 2 if "actor" in kinds else 1  # "DAI, LLC" is one name
    if sum(is_known(name.text, kinds) for name in names) < min_known:
        yield part
        return
    for name in names:  # in "Bosnia and Herzegovina, Serbia and Kosovo", only the last two are separate
        cuts = () if is_known(name.text, kinds) else re.finditer(r" and | & ", name.text)
        pairs = ([name.part(0, cut.start()), name.part(cut.end())] for cut in cuts)
        yield from next((pair for pair in pairs if all(is_known(each.text, kinds) for each in pair)), [name])


def _is_body_of_state(names: list[Text]) -> bool:
    """Return whether these are a body and the state that it belongs to: "National Police, Niger".

    So are the "Home Office, Kenya", although the one of the United Kingdom is listed.
    """
    if len(names) != 2 or not (state := load_gazetteer().find("country", names[1].text)):
        return False
    body = names[0].text
    listed = find("actor", body)
    return (
        is_state_body(body, owned=True)
        and (listed is None or listed.row["country"] not in ("", state.key))
        and not parse_actor_name(body).country
    )


def _ends_in_joint_place(name: str) -> bool:
    """Return whether a name ends in that of one place which contains "and": "Police of England and Wales"."""
    last = next(reversed(load_gazetteer().find_mentions(name)), None)
    return (
        last is not None
        and last.of("country") is not None
        and 0 < last.start < last.end == len(name)
        and " and " in name[last.start :]
    )


def _split_same_kind(name: Text) -> list[Text]:
    """Split "Ministry of Interior, Ministry of Trade and Industry": no ministry is part of another."""
    first = re.escape(name.text.split(" ", 1)[0])
    again = rf"(?: ?, (?:and )?| and )(?=(?:the )?{first} (?:of|for)\b)"
    return split_parts(name, again) if may_contain_comma(name.text) else [name]


def _are_bodies(whole: str, names: list[Text], kinds: tuple[str, ...]) -> bool:
    """Return whether these are separate bodies: "Monash University and AICTO", not "Ministry of Trade and Industry"."""
    if may_contain_comma(whole) or any(_NOT_A_BODY.match(name.text) for name in names):
        return False
    if len(names) == 2 and re.fullmatch("[A-Z]{3,8}", names[1].text) and " " in names[0].text:
        return True  # "Free Press Unlimited and SMEX"
    return all(
        is_known(name.text, kinds)
        or (" " in name.text and is_organisation_name(name.text))
        or re.fullmatch("[A-Z]{3,8}", name.text)
        for name in names
    )


def is_known(name: str, kinds: tuple[str, ...]) -> bool:
    """Return whether an entry of one of these kinds has this name."""
    return any(find(kind, name) for kind in kinds)


def find(kind: str, name: str) -> GazetteerEntry | None:
    """Return the entry with this name, or None.

    What stands in brackets is not part of the name, except of that of an audience: "Students (Fiji)". An actor is
    also found with its country before the name ("the UK's FCDO") or its abbreviation after it.
    The name of a country, also in Spanish or French, stands for its government.
    """
    names = load_gazetteer()
    bare = _BRACKETS.sub("", name)
    if entry := names.find(kind, name):
        return entry
    if kind != "actor":
        return names.find(kind, bare) if kind != "audience" else None
    parsed = parse_actor_name(name)
    if entry := find_state_body(parsed):
        return entry
    if (entry := names.find(kind, bare)) and not is_of_other_state(parsed, entry):
        return entry
    for separator in ("'s ", " - "):  # "the UK's FCDO", "United Kingdom - Home Office"
        owner, _, owned = bare.replace("’", "'").replace(" – ", " - ").partition(separator)
        if owned and names.find_country(owner) and (entry := names.find(kind, owned)):
            return None if is_of_other_state(parsed, entry) else entry
    if country := names.find_state(bare):
        return names.government(country)
    # "C-PROC (Bucharest) of the Council of Europe", "U.S. Department of State"
    for mention in names.find_mentions(name):
        after = mention.start == 0 and _OF_THE.match(name, mention.end)
        if (
            (actor := mention.of("actor"))
            and (after or (mention.end == len(bare) and _OWNER.fullmatch(name, 0, mention.start)))
            and not is_of_other_state(parsed, actor)
        ):
            return actor
    return None


def is_audience(name: str) -> bool:
    """Return whether a printed beneficiary is a group of people or organisations rather than an organisation.

    In "Women in Tech Africa", the place without a preposition belongs to the name of an organisation.
    """
    if is_known(name, ("audience",)):
        return True
    if not is_population(name) or find("actor", name):
        return False
    words = match["words"].split(" ") if (match := _FIELD.search(name)) else []
    in_place = next((at for at in range(len(words)) if is_known(" ".join(words[at:]), PLACES)), 0)
    return in_place == 0


def find_near(kind: str, name: str) -> GazetteerEntry | None:
    """Return the entry that a misspelt name must mean. A country may stand for its government as an actor.

    A name that a state's body may have is not misspelt: "Department of Justice" is not that of the US, nor "Iran's
    National Cyber Directorate" that of Israel.
    """
    names = load_gazetteer()
    if kind == "actor" and is_state_body(parse_actor_name(name).bare, owned=True):
        return None
    if (entry := names.find_near(kind, name)) or kind != "actor":
        return entry
    country = names.find_near("country", name)
    return country and names.government(country)


def split_parts(text: Text, separator: str) -> list[Text]:
    """Return the non-empty parts of a text between matches of a separator pattern."""
    cuts = [0, *(at for match in re.finditer(separator, text.text) for at in match.span()), len(text.text)]
    parts = (text.part(start, stop) for start, stop in zip(cuts[::2], cuts[1::2], strict=True))
    return [replace(part, text=bare) for part in parts if (bare := part.text.rstrip(" ."))]


def without_bullet(line: Text) -> Text:
    """Return a list item without its bullet or number and without a trailing semicolon."""
    match = BULLET.match(line.text)
    item = line.part(match.end()) if match else line
    return Text(item.text.rstrip(" ;"), item.place, item.subheading, item.breaks)
