"""Find capitalised names that are not listed: organisations, by their words, and other names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cybilgraph.extraction.name_spans import ACTOR, BODY, DEMONYM, NAME, PLACE, Span
from cybilgraph.model import organisations
from cybilgraph.model.gazetteer import GazetteerEntry, fold, load_gazetteer
from cybilgraph.model.organisations import is_organisation_name, is_organisation_word, may_contain_comma
from cybilgraph.model.state_bodies import find_actor
from cybilgraph.runtime.bounded_cache import cache_short

#: An unmistakable name: an abbreviation, or a word with a capital inside.
_DISTINCTIVE_NAME = re.compile(r"[A-Z]{3,8}(?:/[A-Z]{2,8})?|[A-Z][a-z]+[A-Z]\w+")
_WORD = r"(?:U\.S\.(?= [A-Z])|(?:[dl][’'])?(?:(?<![\w’'])[a-z](?=[A-Z][a-z]))?[A-ZÀ-ÖØ-Þ](?:[\w&|./’'‐‑-]*[\w|])?)"
_LINK = (
    r"(?:of|for|and|the|on|de|des|du|la|le|les|del|los|las|da|do|das|dos|e|y|et|à|für|der|van|dan|against|&"
    r"|in(?= (?:ICT|IT|STEM|Tech|Technology|Cyber|Cybersecurity|Security|Science|Information|International)\b))"
)
#: Lower-case words in a name: "École nationale à vocation régionale".
_SMALL = r"(?: (?:nationale|nationaux|régionale?|générale?|supérieure?|publique|nacional|à vocation|d[’']\w+)\b){0,3}"
_LINK_FIRST, _LINK_LAST = re.compile(rf"{_LINK} "), re.compile(rf",? {_LINK}\Z")
#: "INCIBE of León": a name with its town.
_OF_TOWN = re.compile(r"(?<!Port)(?<!Bank)(?<!Government) (?:of|from|in) [A-ZÀ-Þ][\w-]+\Z")
_OF_OWNER = re.compile(r" of (?:the )?\Z")
_OF_OR_IN = re.compile(r"(?:^| )(?:of|in|from|and) (?:the )?\Z")
#: A word that begins the sentence before a name: "Mentoring of the CSIRT", "Hosting the Office".
_LEADING_WORD = re.compile(r"(\w+) (?:of|on|for) the |([A-Z][a-z]+ing) the ")
#: "A risk assessment framework (RAF)": an abbreviation, possibly in the plural.
_ABBREVIATION = re.compile(r" \((?P<letters>[A-Z]{2,8})s?\)")
#: "Grid Guard is a joint programme": a project name.
_PROJECT = re.compile(
    r"(?:The )?(?P<name>[A-Z][\w+-]*(?: [A-Z][\w+-]*){0,4})(?: \([^)]{1,60}\))? (?:is|was) an? "
    r"(?:(?!of|in|for|to|partner)[\w-]+ ){0,4}(?:[Pp]roject|[Pp]rogram(?:me)?|[Ii]nitiative|[Cc]ampaign)\b"
)
#: "The CyberSouth project": no name of an organisation, unless it is listed.
_CALLED_PROJECT = re.compile(r"\b[Tt]he (?P<name>[A-Z][\w-]*) (?:project|program(?:me)?|initiative|campaign)\b")
#: What ``_CALLED_PROJECT`` contains; testing these first is cheaper.
_EFFORTS_AFTER = (" project", " program", " initiative", " campaign")
_JOINING = {"of", "and", "the", "for", "in", "on", "to", "a", "an"}
_HEAD = re.compile(r" (?:of|for|on|against|de|des|du|et|y) ")
#: "The consulting firm Cyber Resilience": a name follows, whatever its words are.
_BODY_TYPE_BEFORE = re.compile(
    r"\b(?:firms?|company|consultancy|NGO|charity|think[- ]tank|start-?up|contractor|non-profit|provider"
    r"|association|organi[sz]ation|collective|cooperative|operator) \Z"
)
#: "The TSARKA association": the name before it is an organisation, whatever its words are.
_BODY_TYPE_AFTER = re.compile(
    r" (?:association|foundation|institute|consortium|consultancy|ministry|university|agency|NGO)\b"
)
#: Text before an actor, whatever the words of its name: "funded by Digital Rights Kenya".
_ACTOR_AFTER = re.compile(
    r"(?:\b(?:(?:co-?)?(?:fund|financ|organi[sz]|host)|implement|deliver|execut|conduct|carried out|sponsor|support"
    r"|back|manag|coordinat|facilitat|commission|taught|train|written|develop|prepar|provid|led|run)\w* (?:jointly )?by"
    r"|\b(?:deliver|implement|channell?|execut)ed through|\b(?:partnership|cooperation|co-operation|collaboration"
    r"|conjunction|association|together|jointly|partner\w*|work(?:s|ed|ing)?) (?:closely )?with|\bon behalf of"
    r"|\b(?:funding|funds|financing|grants?|support|assistance|help|contributions?|donations?|money) (?:from|of|by)"
    r"|\bpartners?(?: [a-z]+){0,4}(?:,|:)?(?: are| is| were| was| include[sd]?| being| such as| like)?) (?:the )?\Z",
    re.IGNORECASE,
)
#: Text after an actor: "Vodafone Fiji is a partner".
_ACTOR_IS_BEFORE = re.compile(
    r",? (?:which |who )?(?:is|are|was|were|act(?:s|ed)? as) (?:an? |the |our |its )?(?:\w+ )?"
    r"(?:partners?|donors?|funders?|sponsors?|implementers?)\b"
)
#: The last words of texts that ``_ACTOR_AFTER`` matches; testing these first is cheaper.
_ACTOR_AFTER_ENDINGS = (
    *("by ", "through ", "with ", "of ", "from ", "the ", "partner ", "partners ", "partner: ", "partners: "),
    *("partner, ", "partners, ", "are ", "is ", "was ", "were ", "include ", "included ", "includes ", "as ", "like "),
)
#: How far to look back from a name, and past how many names of a list.
_MAX_LOOKBEHIND_CHARACTERS, _MAX_LIST_ITEMS = 70, 15
_LISTED = re.compile(r"(?: \([^)]{1,30}\))?(?:,? (?:and|&)|,)(?: (?:by|from|with))?(?: the)? ")
#: "National CSIRT": a kind of team that every country has, not a name.
_KIND_OF_TEAM = re.compile(
    r"(?:(?:National|Governmental|Government|Sectoral|Regional|Military) )*C(?:ER|SIR|IR)Ts?(?:/C(?:ER|SIR|IR)Ts?)*"
)
#: "The third Steering Committee meeting": every project has one.
_KIND_OF_GROUP = re.compile(r"(?:Project )?(?:Steering|Organi[sz]ing|Advisory|Technical) (?:Committee|Board|Group)")
#: "Ministries of Justice": of any country.
_KINDS = {"Ministries", "Agencies", "Authorities", "Academies", "Offices", "Departments", "Institutions", "Governments"}
#: A name that contains the name of a place.
_HAS_PLACE = re.compile(r"Port of |[A-Z][a-z]+[A-Z]|(?:\w+ )?International ")
#: "UNODC Regional Office": still UNODC.
_ITS_OFFICE = re.compile(
    r"(?:['’]s)?(?: (?:Regional|Country|Sub-?regional|Liaison|Project|National|Field))* Offices?"
    r"|(?: [A-Z][a-z]+){1,3} (?:Department|Division|Section|Unit|Fund)"
)
#: Text after a name at the start of a sentence, but not after ordinary words.
FIRST_ACTS = re.compile(
    r",? and (?:the )?[A-Z]| will "
    r"| (?:(?:has|have) )?(?:deliver|implement|conduct|execut|manag|fund|financ)(?:s|ed|es)?\b"
)
#: Words that turn a name into another name: "Internet Society Foundation".
_NAMED_AFTER = re.compile(r" (?:Foundation|Academy|Institute|School|College|Fund|Council|University)")
#: "LACNIC", "CaribNOG": no ordinary word at the start of a sentence looks like this.
_DISTINCTIVE_LETTERS = re.compile(r"\A[A-Z]+\Z|[a-z][A-Z]")
_NAMES = re.compile(rf"{_WORD}{_SMALL}(?:,? (?:{_LINK} ){{0,3}}{_WORD}{_SMALL}){{0,11}}")
#: A run starts at a capital, possibly after "d'e" ("d'eGovernment").
_CAPITAL, _BEFORE_CAPITAL = re.compile(r"[A-ZÀ-ÖØ-Þ]"), 3
_SEPARATOR = re.compile(r",? (?:and|&|et|y) (?:the )?|, (?:the )?|['’]s? | for the ")
#: A word; the most words and the fewest letters of a country name when correcting spelling in a title.
_TOKEN, _MAX_COUNTRY_WORDS, _MIN_COUNTRY_CHARACTERS = re.compile(r"[^\W\d_][\w'’-]*|&"), 4, 4
#: A possible country name: "Trinidad and Tobago".
_PAIR = re.compile(r"\b[^\W\d_]+ (?:and|&) [^\W\d_]+\b")
#: Text after several names: "are partners".
_PLURAL = re.compile(r" (?:are|were|have|both|jointly|together) ")
#: A subject of ministries: "Ministry of Telecommunications and the Information Society".
_SOCIETY = "Information Society"
#: A post whose office is a body: "Prime Minister's Office".
_POST = re.compile(r"(?:Prosecutor|General|Minister|President|Governor|Attorney|Commissioner|Ombudsman|Registrar)\Z")
_OFFICE = re.compile(r"(?:Office|Department|Chambers|Cabinet|Secretariat)\b")
_EFFORTS = frozenset(("Project", "Programme", "Program", "Initiative", "Campaign", "Strategy", "Plan"))
_CONJUNCTIONS = ("and", "&", "et", "y")
#: A listed name at the start of a longer one: "United Nations Economic and Social Commission".
_CONTINUES = re.compile(r" [A-Z]")
_OWNER_SIGN = re.compile(r"['’]s?\Z")
#: Endings that are not typos: "Governments of Fiji", "the Institute's Centre".
_ENDING = re.compile(r"['’]s\b|(?<=\bGovernment)s\b")
#: Names up to this length match others only by a typo in one of several words: "World Bnak".
_MAX_SHORT_NAME_CHARACTERS = 12
#: A code of a currency, and the number after it.
_CURRENCY_CHARACTERS, _DIGIT_AFTER = 3, re.compile(r" ?[0-9]")
#: The representative of a country.
_GOVERNMENT = re.compile(r"(?:\w+ )?Government of (?:the )?")


def add_unlisted_names(words: str, spans: list[Span], short: dict[str, Span | None]) -> list[Span]:
    """Add spans for unlisted names. A longer name replaces the shorter ones inside it."""
    for match in _find_runs(words):
        if (
            not match.start()
            and _is_ordinary_first_word(match[0])
            and (match[0].endswith(("ly", "s")) or not FIRST_ACTS.match(words, match.end()))
        ):
            continue  # an ordinary first word, the usual case
        for start, end in _split_run(words, *match.span(), spans):
            inside = [span for span in spans if span.start < end and start < span.end]
            if inside:
                if any(span.mark == ACTOR and not _is_part_of_longer_name(words, span, start, end) for span in inside):
                    continue
                first = inside[0] if len(inside) == 1 and inside[0].start == start else None
                if first and first.mark == ACTOR and _is_thing(words[start:end]):
                    continue
                if first and first.mark == ACTOR and _ITS_OFFICE.fullmatch(words, first.end, end):
                    first.end = end
                    continue
                if any(span.start <= start and end <= span.end for span in inside):
                    continue
                end = _without_owner(words, start, end, inside)
                inside = [span for span in inside if span.start < end]
            if found := _classify_name(words, start, end, spans, short):
                spans = [*(span for span in spans if span not in inside), found]
    return sorted(spans, key=lambda span: span.start)


def _find_runs(words: str) -> Iterator[re.Match[str]]:
    """Yield the runs of capitalised words.

    The search starts near capitals only: the pattern may begin with a small letter and would be tried
    everywhere.
    """
    at = 0
    while capital := _CAPITAL.search(words, at):
        match = _NAMES.search(words, max(at, capital.start() - _BEFORE_CAPITAL))
        if match is None:
            return
        if words[match.start() - 1 : match.start()] != "@":  # "Cybercrime@Octopus"
            yield match
        at = match.end()


def find_non_organisations(words: str) -> Iterator[str]:
    """Yield names that are not organisations: projects that a sentence defines or calls so, abbreviations of things.

    The expansion of such an abbreviation is in lower case or ends in a word such as "strategy" or
    "framework", and contains no word for an organisation.
    """
    if (" is a" in words or " was a" in words) and (project := _PROJECT.match(words)):
        yield project["name"]
    if any(effort in words for effort in _EFFORTS_AFTER):
        names = (called["name"] for called in _CALLED_PROJECT.finditer(words))
        yield from (name for name in names if any(map(str.isupper, name[1:])))
    for match in _ABBREVIATION.finditer(words) if " (" in words else ():
        letters, expansion = match["letters"], list[str]()
        for word in reversed(words[: match.start()].split(" ")[-2 * len(letters) :]):
            if word not in _JOINING:
                expansion.insert(0, word)
            if len(expansion) == len(letters):
                break
        if "".join(word[:1] for word in expansion).upper() != letters or any(
            is_organisation_word(word.title()) for word in expansion
        ):
            continue
        if expansion[-1].islower() or expansion[-1].rstrip("s") in organisations.words("thing"):
            yield letters
            yield f"{letters}s"


def add_misspelt_countries(words: str, spans: list[Span]) -> list[Span]:
    """Add spans for misspelt country names, without any other unlisted names."""
    tokens = [(*match.span(), match[0][0].isupper()) for match in _TOKEN.finditer(words)]
    is_free = bytearray(b"\1") * len(words)
    for span in spans:
        is_free[span.start : span.end] = bytes(span.end - span.start)
    for length in range(_MAX_COUNTRY_WORDS, 0, -1):
        for (start, _, begins), (_, end, ends) in zip(tokens, tokens[length - 1 :], strict=False):
            if (
                begins
                and ends
                and end - start > _MIN_COUNTRY_CHARACTERS
                and all(is_free[start:end])
                and (near := _near_entry(words[start:end], NAME))
            ):
                spans = [*spans, Span(start, end, PLACE, (near,), printed_spelling=words[start:end])]
                is_free[start:end] = bytes(end - start)
    return sorted(spans, key=lambda span: span.start)


def is_organisation_in_context(words: str, start: int, end: int) -> bool:
    """Return whether the words around a name show that it is an organisation."""
    return _follows_body_type(words, start) or _BODY_TYPE_AFTER.match(words, end) is not None


def _follows_body_type(words: str, start: int) -> bool:
    return _BODY_TYPE_BEFORE.search(words, max(0, start - 20), start) is not None


def _without_owner(words: str, start: int, end: int, inside: list[Span]) -> int:
    """Return the end of a name without a listed owner: "the Fund of the UK Government" is the Fund."""
    owner = inside[-1] if inside and inside[-1].mark == ACTOR and inside[-1].end == end else None
    of = owner and _OF_OWNER.search(words, start, owner.start)
    return of.start() if of else end


def _may_act(name: str) -> bool:
    """Return whether a name has several words, starts with a capital and contains no digit."""
    return " " in name and name[0].isupper() and not any(map(str.isdigit, name))


def _is_amount(words: str, start: int, end: int) -> bool:
    """Return whether a name is the currency of an amount: "SDR 3.1 million"."""
    is_code = end - start == _CURRENCY_CHARACTERS and words[start:end].isupper()
    return is_code and _DIGIT_AFTER.match(words, end) is not None


def _is_thing(name: str) -> bool:
    """Return whether a name describes a thing: "Cyber Bootcamp Project", "Corporate Security"."""
    last = name.rsplit(" ", 1)[-1]
    return last in _EFFORTS or (name.count(" ") == 1 and last in organisations.words("thing"))


def _is_actor_position(words: str, start: int, end: int, spans: list[Span]) -> bool:
    """Return whether the position is that of an actor, alone or in a list."""
    if start and _ACTOR_IS_BEFORE.match(words, end):
        return True
    for _ in range(_MAX_LIST_ITEMS):
        if words.endswith(_ACTOR_AFTER_ENDINGS, 0, start) and _ACTOR_AFTER.search(
            words, max(0, start - _MAX_LOOKBEHIND_CHARACTERS), start
        ):
            return True
        before = [span for span in spans if span.end < start and _LISTED.fullmatch(words, span.end, start)]
        if not before:
            return False
        start = before[-1].start
    return False


def _classify_name(words: str, start: int, end: int, spans: list[Span], short: dict[str, Span | None]) -> Span | None:
    """Return the span of a capitalised name, or None if it is not a name of interest.

    It may be an abbreviation introduced earlier, a misspelt known name, an organisation or another name.
    """
    name = words[start:end]
    inside = [span for span in spans if span.start < end and start < span.end]
    if name in short:
        expansion = short[name]
        return Span(start, end, expansion.mark, expansion.entries, expansion.home) if expansion else None
    bare = start + of.end() if (of := _GOVERNMENT.match(name)) else start
    if near := _near_entry(place := _OWNER_SIGN.sub("", words[bare:end]), NAME):
        return Span(bare, bare + len(place), PLACE, (near,), printed_spelling=place)
    if " " in name and (near := _near_entry(name, BODY)) and near.name != name:
        return Span(start, end, ACTOR, (near,), printed_spelling=_misspelt(name, near))
    mark, own = _classify_mark(name, "" if start else words[end:]), None
    if mark is None or _is_amount(words, start, end):
        return None
    if mark != BODY and _follows_body_type(words, start):
        mark = BODY if inside else NAME
    if mark == NAME and _BODY_TYPE_AFTER.match(words, end):
        mark = BODY
    ends_with_place = len(inside) == 1 and inside[0].end == end and not _OF_OR_IN.search(words, start, inside[0].start)
    if (
        (not mark or (mark == NAME and ends_with_place))
        and _may_act(name)
        and not _is_thing(name)
        and _is_actor_position(words, start, end, spans)
    ):
        mark = BODY
    if mark == NAME and (of := _OF_TOWN.search(name)):
        name, end = name[: of.start()], start + of.start()
    # "Port of Spain" is a town, not a place in Spain; "Radio Kiribati" is an organisation in Kiribati.
    if mark == NAME and len(inside) == 1 and inside[0].mark == PLACE:
        own = inside[0].start == start or ends_with_place
    if mark == BODY or (
        mark == NAME and (not inside or own or _HAS_PLACE.match(name) or _has_initials_behind(words, start, end))
    ):
        return _unlisted_span(words, start, end, mark, inside)
    return None


def _has_initials_behind(words: str, start: int, end: int) -> bool:
    """Return whether the initials of a name follow in brackets: "Africa Quantitative Sciences (AQS)"."""
    short = _ABBREVIATION.match(words, end)
    return short is not None and short["letters"] == "".join(re.findall(r"\b[A-Z]", words[start:end]))


def _is_ordinary_first_word(word: str) -> bool:
    """Return whether a word is probably capitalised only because it begins the sentence."""
    return word.isalpha() and word[1:].islower() and "CERT" not in word and "CSIRT" not in word


def _is_part_of_longer_name(words: str, span: Span, start: int, end: int) -> bool:
    """Return whether a span is only part of a longer name: "Oxford" in "Oxford Brookes University", "Internet
    Society" in "Internet Society Foundation".
    """
    if span.start < start or end < span.end:
        return False
    called_after = span.start == start and _NAMED_AFTER.fullmatch(words, span.end, end) is not None
    return called_after or (span.end - span.start) * 2 < end - start


def _split_run(words: str, start: int, end: int, spans: list[Span]) -> Iterator[tuple[int, int]]:
    """Split a run of capitalised words into separate names, without words that only begin the sentence."""
    if words.find(" ", start, end) < 0:  # the usual case
        yield from _trim(words, start, end)
        return
    joined = words.find(" and ", start, end) >= 0 or words.find(" & ", start, end) >= 0
    for pair in _PAIR.finditer(words, start, end) if joined else ():
        if _near_entry(pair[0], NAME):  # "Bosnia and Herzegovna"
            yield pair.span()
            for side in ((start, pair.start() - 1), (pair.end() + 1, end)):
                yield from _split_run(words, *side, spans) if side[0] < side[1] else ()
            return
    cuts, plural = [start], _PLURAL.match(words, end) is not None
    for match in _SEPARATOR.finditer(words, start, end):
        left, right = words[cuts[-1] : match.start()].removeprefix("The "), words[match.end() : end]
        if _are_separate(match[0], left, right, plural) or any(
            (known.mark == ACTOR and known.start == match.end())
            or (
                known.mark == ACTOR
                and cuts[-1] <= known.start < match.start()
                and not _CONTINUES.match(words, known.end)
            )
            or (known.mark == PLACE and cuts[-1] == known.start and known.end == match.start())
            or (known.end == match.start() and cuts[-1] < known.start and _ends_with_country(match[0], known, right))
            or (
                known.mark in (DEMONYM, PLACE)
                and known.start == match.end()
                and known.end < end
                and is_organisation_name(left)
                and is_organisation_name(right)
            )
            for known in spans
        ):
            yield from _trim(words, cuts[-1], match.start())
            cuts.append(match.end())
    yield from _trim(words, cuts[-1], end)


def _are_separate(between: str, left: str, right: str, plural: bool) -> bool:
    """Return whether two parts are separate names.

    They are not in "Ministry of Trade, Industry and Commerce" and "Information and Communication Authority".
    ``plural``: a plural verb follows.
    """
    if between == " for the " and (" " not in right or not is_organisation_name(right)):
        return False  # "National School for the Judiciary", "Centre for the Protection of Infrastructure"
    if _POST.search(left) and _OFFICE.match(right):
        return False  # "Public Prosecutor's Office"
    joins = between.strip() in _CONJUNCTIONS
    if joins and plural and not may_contain_comma(left):
        return True
    if not is_organisation_name(left):
        return not (joins and is_organisation_name(right))
    if joins and _DISTINCTIVE_NAME.fullmatch(right):
        return True  # "the Bank of Zambia and ZESCO"
    if (
        between.endswith(" the ")
        and is_organisation_name(right)
        and not (right == _SOCIETY and may_contain_comma(left))
    ):
        return True  # an article begins a name: "the Security Council, the Agency and the Bureau"
    if may_contain_comma(left):
        first = _SEPARATOR.split(right, maxsplit=1)[0].split(" ")
        ends = between == ", " and len(first) > 1 and first[-1] != "Society" and is_organisation_word(first[-1])
        return is_organisation_name(right) and (ends or is_organisation_word(first[0]))
    return (
        is_organisation_name(_head(right))
        or between.startswith((",", "'", "’"))
        or is_organisation_word(left.rsplit(" ", 1)[-1])
    )


def _ends_with_country(between: str, place: Span, right: str) -> bool:
    """Return whether the left name ends with its country: "the Ministry of Interior of Senegal and Data
    Senegal".
    """
    return place.mark == PLACE and (
        (between.strip(", ") in _CONJUNCTIONS and is_organisation_name(right))
        or (between == " and the " and right[:1].isupper())
    )


def _is_leading_filler(word: str) -> bool:
    return word == "NGO" or word.strip(",") in organisations.words("no") or word.endswith("-based")


def _trim(words: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    if (at := words.find(" NGO ", start, end)) >= 0:  # "Kyrgyz NGO Civil Initiative": the name follows
        start = at + 5
    if not start and (lead := _LEADING_WORD.match(words, start, end)) and is_organisation_name(words[lead.end() : end]):
        start = lead.end() if not is_organisation_word(lead[1] or lead[2]) else start
    while start < end and (first := words[start:end].split(" ", 1)[0]) and _is_leading_filler(first):
        start += len(first) + 1
        while start < end and _LINK_FIRST.match(words, start, end):
            start += words[start:end].index(" ") + 1
    while words.find(" ", start, end) > 0 and (tail := _LINK_LAST.search(words, max(start, end - 10), end)):
        end = tail.start()
    if words.startswith(("on ", "in "), start):
        return  # "A and B, on Tuesday": a time or place
    while end > start and words[end - 1] in ".,’'/":
        end -= 1
    if words[start:end].endswith(("'s", "’s")):
        end -= 2
    if end > start:
        yield start, end


def _head(name: str) -> str:
    """Return the name without its complement: "Bureau" of "Bureau of Digital Policy"."""
    return _HEAD.split(name, maxsplit=1)[0]


def _classify_mark(name: str, after: str) -> str | None:
    """Return the mark of a capitalised name: an organisation, another name, or an empty string for neither.

    Return None for organisations of any country. ``after`` is the text after a name that begins the
    sentence, where any word is capitalised.
    """
    if ("RT" in name and _KIND_OF_TEAM.fullmatch(name)) or _KIND_OF_GROUP.fullmatch(name):
        return ""
    head = _head(name).split()
    if head[-1] in _KINDS:
        return None
    if is_organisation_name(" ".join(head)) and head[-1] not in organisations.words("thing"):
        return BODY if name != head[-1] or not name.isalpha() or "CERT" in name or "CSIRT" in name else ""
    tokens, common = [token.strip(",") for token in name.split()], organisations.words("common")
    if not (organisations.words("thing").isdisjoint(tokens) and organisations.words("no").isdisjoint(tokens)):
        return ""
    if common.issuperset(tokens) or (tokens[0] in common and len(tokens) < 3):
        return ""
    if len(name) < 3 or any(map(str.isdigit, name)):
        return ""
    if after and len(tokens) == 1 and not _DISTINCTIVE_LETTERS.search(name) and not FIRST_ACTS.match(after):
        return ""
    return NAME


def _unlisted_span(words: str, start: int, end: int, mark: str, inside: list[Span]) -> Span:
    """Return the span of an unlisted or misspelt name.

    A country at its beginning or end is its home country. A name that is only a country's name, as in "the
    US state of Georgia", refers to neither.
    """
    names = load_gazetteer()
    name = words[start:end]
    if names.find("country", name):
        return Span(start, end, NAME, ())
    home = next(
        (
            span.entries[0]
            for span in inside
            if span.mark in (DEMONYM, PLACE) and (span.start == start or span.end == end)
        ),
        None,
    )
    if home and (found := names.find("actor", f"{name} of {home.name}")):
        return Span(start, end, ACTOR, (found,), home)
    if mark == BODY and (found := _near_entry(name, mark)):
        return Span(start, end, ACTOR, (found,), home, printed_spelling=_misspelt(name, found))
    return Span(start, end, mark, (find_actor(name),), home)


@cache_short(entries=5_000, longest=500)
def _near_entry(name: str, mark: str) -> GazetteerEntry | None:
    names = load_gazetteer()
    if mark == BODY:
        if len(name) > _MAX_SHORT_NAME_CHARACTERS:
            found = names.find_near("actor", name)
        else:
            found = names.find_misspelt("actor", name) if " " in name else None
        return None if found and _lacks_only_country(name, found) else found
    return names.find_misspelt("country", name)


def _misspelt(name: str, entry: GazetteerEntry) -> str:
    """Return the name if the entry is called differently, apart from word endings; otherwise an empty string."""
    bare = fold(_ENDING.sub("", name))
    return "" if any(bare == fold(_ENDING.sub("", called)) for called in entry.names) else name


def _lacks_only_country(name: str, found: GazetteerEntry) -> bool:
    """Return whether only the country is missing: "National Cyber Security Centre" is not necessarily that of
    the UK.
    """
    words = set(fold(name).split())
    others = (set(fold(called).split()) for called in found.names)
    return any(
        words < other and all(load_gazetteer().find("country", word) for word in other - words) for other in others
    )
