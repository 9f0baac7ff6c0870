"""Lists of names as pages print them → single names, and the things that are called so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from cybilgraph.model.gazetteer import GazetteerEntry, load_gazetteer
from cybilgraph.model.organisations import is_organisation_name, may_contain_comma
from cybilgraph.model.record import Text

BULLET = re.compile(r"(?:[•◦▪●‣·*]|[–-](?=\s)|\d{1,2}[.)](?=\s)|\(?[a-z]\)(?=\s))\s*")
_BRACKETS = re.compile(r" ?\([^()]{0,200}\)")
_PRIORITY = re.compile(r" ?\((?:priority|priority country)\)$", re.IGNORECASE)
_GOES_ON = re.compile(r"(?: \([^()]{1,40}\))? of the ")
_OWNER = re.compile(r"(?:the )?(?:U\.?S\.?A?|U\.?K\.?)(?:['’]s)? ")
#: "DAI, LLC"; "the Centre, operated by the Agency".
_NO_BODY = re.compile(r"(?:LLC|LLP|LTD|JSC|PLC|INC)\b|(?!the )[a-z]")
#: "A, B and the relevant institutions (C, D)": what says in small letters what those in brackets are.
_GROUP = re.compile(
    r"(?:,| and|, and) (?:(?!and )[a-z]+ ){0,4}(?:institutions|agencies|bodies|organi[sz]ations|authorities|ministries"
    r"|departments|partners|donors|companies|services) ?\((?P<names>[^()]+, [^()]+)\)\.?$"
)
#: "In Africa:" sorts the list below it and is no value of it.
SORTING = re.compile(r"in (?:the )?(?P<name>[^:]{2,40}):", re.IGNORECASE)


def kinds_for_field(kind: str) -> tuple[str, ...]:
    """The kinds of thing that a value under this heading may be, the likeliest first."""
    return (kind,) if kind == "theme" else tuple(dict.fromkeys((kind, "country", "region", "group")))


def split_list(lines: list[Text], kinds: tuple[str, ...], whole: bool = False) -> Iterator[Text]:
    """The values of a list: no bullets, no lines that only sort it, no remark of priority.

    Several values on one line are told apart where each of them is a known name, so that
    "Foreign, Commonwealth and Development Office" stays whole; and at semicolons, unless all lines are ``whole``.
    """
    for line in lines:
        if SORTING.fullmatch(line.text):
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
    """What is told apart by commas and "and"."""
    if is_known(part.text, kinds):
        yield part
        return
    names = list(split_parts(part, r" ?, (?:and )?| and | & "))
    if all(is_known(name.text, kinds) for name in names):
        yield from names
        return
    names = list(split_parts(part, r" ?, (?:and )?| and "))  # "Deloitte & Touche" is one
    if "actor" in kinds and _are_bodies(part.text, names, kinds):
        yield from names
        return
    # One name that nobody knows does not spoil the others.
    names = list(split_parts(part, r" ?, (?:and )?"))
    least = 2 if "actor" in kinds else 1  # "DAI, LLC" is one
    if sum(is_known(name.text, kinds) for name in names) < least:
        yield part
        return
    for name in names:  # "Bosnia and Herzegovina, Serbia and Kosovo": only the last are two
        yield from [name] if is_known(name.text, kinds) else _split_at_and(name, kinds)


def _split_same_kind(name: Text) -> Iterator[Text]:
    """The parts of a name that each begin with its first word, where such a name may go on behind a comma: "Ministry
    of Interior, Ministry of Trade and Industry" are two, for no ministry is in another.
    """
    first = re.escape(name.text.split(" ", 1)[0])
    again = rf"(?: ?, (?:and )?| and )(?=(?:the )?{first} (?:of|for)\b)"
    yield from split_parts(name, again) if may_contain_comma(name.text) else [name]


def _split_at_and(name: Text, kinds: tuple[str, ...]) -> list[Text]:
    """The two known names on both sides of an "and", or the name where it is not two."""
    for match in re.finditer(r" and | & ", name.text):
        pair = [name.part(0, match.start()), name.part(match.end())]
        if all(is_known(each.text, kinds) for each in pair):
            return pair
    return [name]


def _are_bodies(whole: str, names: list[Text], kinds: tuple[str, ...]) -> bool:
    """True for "Monash University, AICTO and the Arab League"; not for "Ministry of Trade and Industry"."""
    if may_contain_comma(whole) or any(_NO_BODY.match(name.text) for name in names):
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
    """True where a thing of one of these kinds is called so."""
    return any(find(kind, name) for kind in kinds)


def find(kind: str, name: str) -> GazetteerEntry | None:
    """The thing of this name; of an actor also with its country before it ("the UK's FCDO") or
    an abbreviation behind it, and the government of a country that stands for it.
    """
    names = load_gazetteer()
    bare = _BRACKETS.sub("", name)
    if entry := names.find(kind, name) or names.find(kind, bare):
        return entry
    if kind == "actor":
        owner, _, owned = bare.replace("’", "'").partition("'s ")
        if owned and names.find("country", owner) and (entry := names.find(kind, owned)):
            return entry
        owner, dash, owned = bare.replace(" – ", " - ").partition(" - ")
        if dash and names.find("country", owner) and (entry := names.find(kind, owned)):
            return entry  # "United Kingdom - Home Office"
        if country := names.find("country", bare):
            return names.government(country)
        # "C-PROC (Bucharest) of the Council of Europe", "U.S. Department of State"
        for mention in names.mentions(name):
            after = mention.start == 0 and _GOES_ON.match(name, mention.end)
            if (actor := mention.of("actor")) and (
                after or (mention.end == len(bare) and _OWNER.fullmatch(name, 0, mention.start))
            ):
                return actor
    return None


def near(kind: str, name: str) -> GazetteerEntry | None:
    """The thing whose name is most like this one; of an actor also the government of a country."""
    names = load_gazetteer()
    if (entry := names.near(kind, name)) or kind != "actor":
        return entry
    country = names.near("country", name)
    return country and names.government(country)


def split_parts(text: Text, separator: str) -> Iterator[Text]:
    """The parts of a text between separators (a pattern), none of them empty."""
    start = 0
    for match in (*re.finditer(separator, text.text), None):
        part = text.part(start, match.start() if match else None)
        if bare := part.text.rstrip(" ."):
            yield replace(part, text=bare)
        start = match.end() if match else 0


def without_bullet(line: Text) -> Text:
    """An item of a list without its bullet or number, and without the semicolon behind it."""
    match = BULLET.match(line.text)
    item = line.part(match.end()) if match else line
    return Text(item.text.rstrip(" ;"), item.place, item.under, item.breaks)
