"""Names and e-mail addresses of contacts, as pages and cells print them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from urllib.parse import unquote

import phonenumbers

from cybilgraph.model.record import Contact, Place, Text

# Each part has a most: no line, however long and strange, may take long to look through.
_EMAIL = re.compile(r"(?<![^\s<>(:;,])[^\s@<>():;,]{1,64}@[^\s@<>();,]{1,255}")
#: What has the sign of an address, and something on both sides of it.
_LIKE_EMAIL = re.compile(r"(?<![^\s<>(:;,])[^\s@<>():;,]{1,64}@[^\s<>();,]{1,255}")
_HIDDEN_EMAIL = re.compile(r"\[email.protected\]")
_PERSON = re.compile(r"(?:[^\W\d_][\w.'’-]*\s){1,4}[^\W\d_][\w.'’-]*")
#: An address within prose, in whatever it is wrapped, and one that is written for people only: jane (at) example.org.
_IN_PROSE = re.compile(
    r"[\w.!#$%&*+=?^{}~-]{1,64}@(?:[\w-]{1,63}\.){1,8}\w{2,24}"
    r"|[\w.+-]{1,64} ?[\[(] ?at ?[\])] ?[\w-]{1,63}(?: ?(?:\.|[\[(] ?dot ?[\])]) ?[\w-]{1,63}){1,8}",
    re.IGNORECASE,
)
_WRITTEN_OUT = re.compile(r" ?[\[(] ?(at|dot) ?[\])] ?", re.IGNORECASE)
_PHONE = re.compile(r"[+(]?\d[\d ()/.-]{4,23}\d")
#: One number or some, with a slash between; a number has 15 digits at most (ITU-T E.164).
_PHONES = re.compile(r"[+(]?\d[\d +()/._-]{4,99}\d")
_MAX_PHONE_DIGITS = 15
#: Two years, which are no number to call: 2018-2020.
_YEARS = re.compile(r"(?:19|20)\d\d\D{1,3}(?:19|20)\d\d")
#: What may stand between two digits of a number.
_PART = r"[\s()/._-]{0,3}"
#: What follows a number whose last digits are others on a second line: 7946 0958/9.
_OR_ELSE = r"(?:/\d{1,2})?"
#: What is written for a sign of ASCII: letters and signs of full width, as Chinese and Japanese keyboards give them,
#: spaces that keep a line together, are thin or have no width, and other hyphens. One for one, so that places stay.
_ODD = (
    {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
    | dict.fromkeys((0xA0, 0xAD, 0x1680, *range(0x2000, 0x200E), 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF), " ")
    | dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-")
)
#: An address of the web, of a letter or of a call. What ends a sentence or is in brackets behind it is no part of it.
_LINK = re.compile(
    r"(?:\b[a-z][a-z\d+.-]{1,20}://|\bmailto:|\bwww\.)[^\s<>\"()\[\]]{0,2000}[^\s<>\"()\[\].,;:!?'’”]"
    r"|\b(?:tel|sms|callto):(?://)?(?:\+|%2B)?\d[\d().-]{4,24}+(?! ?\d)",
    re.IGNORECASE,
)
_TELLS_COUNTRY, _ANYTHING = re.compile(r"[+\uff0b][\s(]{0,3}\d"), re.compile(r".+", re.DOTALL)
#: What each link has one of; most texts have none.
_OF_LINKS = ("://", "www.", "mailto:", "tel:", "sms:", "callto:")
_CALL = re.compile(r"(?:tel|sms|callto):", re.IGNORECASE)
#: What parts the values in a link, what parts words there (a name of a site has dots), and what parts them elsewhere.
_VALUES, _HYPHENS, _WORDS = re.compile(r"[/?&=:;,#]"), re.compile(r"[+_-]"), re.compile(r"[\W_]+")
#: What stands in the place of an address or a number that is left out.
REDACTED = "[contact left out]"
#: What stands below a name and is none: a post, a telephone number.
_NOTE = re.compile(
    r"(?:.*\b(?:manager|officer|director|head of|coordinator|co-ordinator|adviser|advisor|specialist|analyst|lead|phone"
    r"|tel|mobile|fax)\b.*|[+(]?[\d ()/.-]{6,25})",
    re.IGNORECASE,
)
#: Nothing but telephone numbers, which are no name.
_NUMBERS = re.compile(r"[+(]?\d(?:[\d +(),/.|–_-]|\b(?:or|and)\b){4,99}\d", re.IGNORECASE)


def is_email_address(line: str) -> bool:
    """True for an e-mail address alone, also one that is hidden from harvesters."""
    return bool(_HIDDEN_EMAIL.fullmatch(line)) or bool((email := _EMAIL.search(line)) and email[0] == line)


def find_malformed_addresses(text: str) -> Iterator[re.Match[str]]:
    """What was meant for an e-mail address, and is none that is read: name@@example.org."""
    for match in _LIKE_EMAIL.finditer(_HIDDEN_EMAIL.sub(lambda hidden: " " * len(hidden[0]), text)):
        if not _EMAIL.fullmatch(match[0]):
            yield match


def find_addresses(text: str) -> Iterator[str]:
    """The e-mail addresses in a text, each as one would write to it."""
    return (normalise_addresses(match[0]) for match in _IN_PROSE.finditer(to_ascii_forms(text)))


def redact_contacts(text: str, hidden: Callable[[str], bool], known: Collection[re.Pattern[str]] = ()) -> str:
    """The text without e-mail addresses and telephone numbers that are ``hidden``, and without what is ``known`` of
    somebody (``phone_patterns``, ``address_pattern``); also where they are part of a link, which is left out as a
    whole. Of numbers of nobody who is known, those are found that begin with + and are valid in their country.
    """
    if any(sign in text for sign in _OF_LINKS):
        text = _redact_matches(
            text, _LINK.finditer(to_ascii_forms(text)), lambda link: _link_tells(link, hidden, known)
        )
    return _redact_text(text, hidden, known)


def _redact_text(text: str, hidden: Callable[[str], bool], known: Collection[re.Pattern[str]]) -> str:
    """As ``redact_contacts``, of a text in which no link goes whole."""
    # Most texts have nothing of all this, and are given back as they are.
    if "@" in text or "at" in text or "\uff20" in text:
        text = _redact_matches(
            text, _IN_PROSE.finditer(to_ascii_forms(text)), lambda found: hidden(normalise_addresses(found))
        )
    for pattern in known:
        text = _redact_matches(text, pattern.finditer(to_ascii_forms(text)), bool)
    if _TELLS_COUNTRY.search(text):
        text = _redact_matches(text, _find_international_numbers(to_ascii_forms(text)), hidden)
    return text


def _link_tells(link: str, hidden: Callable[[str], bool], known: Collection[re.Pattern[str]]) -> bool:
    """Whether a link has an address or a number that is to be left out: as the value of a parameter, or in words that
    hyphens part.
    """
    if _CALL.match(link) and hidden(link):
        return True
    values = _VALUES.sub(" ", to_ascii_forms(unquote(link)))
    return any(_redact_text(said, hidden, known) != said for said in (values, _HYPHENS.sub(" ", values)))


def _find_international_numbers(text: str) -> Iterator[re.Match[str]]:
    """The numbers in a text that tell their country, and are valid there."""
    for found in phonenumbers.PhoneNumberMatcher(text, None):
        if match := _ANYTHING.match(text, found.start, found.end):
            yield match


def _redact_matches(text: str, found: Iterable[re.Match[str]], gone: Callable[[str], bool]) -> str:
    """The text without those of what was found in it that are to be gone; all else stays as it is written."""
    parts, end = [], 0
    for match in found:
        if gone(match[0]):
            parts += [text[end : match.start()], REDACTED]
            end = match.end()
    return "".join((*parts, text[end:]))


def to_ascii_forms(text: str) -> str:
    """The text with what stands for signs of ASCII as those, each in its place."""
    return text if text.isascii() else text.translate(_ODD)


def phone_patterns(note: str) -> list[re.Pattern[str]]:
    """What finds the telephone numbers of a contact's note, however they are written: with the code of the country
    (+, 00) or without it, in groups, with brackets, dots or none.
    """
    found = (number for run in _PHONES.findall(to_ascii_forms(note)) for number in _split_numbers(run))
    return [_number_pattern(number) for number in found if not _YEARS.fullmatch(number)]


def _split_numbers(run: str) -> Iterator[str]:
    """The numbers that a run of digits may be: the whole (020/7946 0958), and what stands between its slashes
    (0712 345 678 / 0733 345 679).
    """
    parts = [part.strip(" ") for part in run.split("/")]
    if sum(map(str.isdigit, run)) <= _MAX_PHONE_DIGITS:
        yield run
    if len(parts) > 1:
        yield from (part for part in parts if _PHONE.fullmatch(part))


@lru_cache(1_000)
def address_pattern(address: str) -> re.Pattern[str]:
    """What finds an e-mail address that is written with words for its signs, or without them, as in a key: jane.roe at
    example dot org, jane roe example org. Only of one that is known: “available at example.org” is none.
    """
    local, _, host = re.escape(address).partition("@")
    spelt = rf"{local}\s+at\s+" + host.replace(r"\.", r"(?:\.|\s+dot\s+)")
    words = " ".join(map(re.escape, _WORDS.sub(" ", address).split()))
    return re.compile(rf"(?<![\w.+-])(?:{spelt}|{words})(?![\w-])", re.IGNORECASE)


@lru_cache(1_000)
def _number_pattern(number: str) -> re.Pattern[str]:
    """The ways in which people write a number (ITU-T E.123)."""
    written = re.sub(r"^\(?00", "+", number)
    country, digits = r"(?:\+|00)\d{1,3}", "".join(filter(str.isdigit, number)).lstrip("0")
    try:
        parsed = phonenumbers.parse(written)
        country, digits = rf"(?:\+|00)?{parsed.country_code}", phonenumbers.national_significant_number(parsed)
    except phonenumbers.NumberParseException:
        pass  # of no country that is told
    prefix = rf"(?:\(?{country}{_PART})?(?:\(?0{_PART})?\(?"
    return re.compile(rf"(?<![\w+])(?<!\w-){prefix}{_PART.join(digits)}{_OR_ELSE}(?!\w)")


def normalise_addresses(text: str) -> str:
    """The text with addresses that are written for people only as one would write to them."""
    return _WRITTEN_OUT.sub(lambda found: "@" if found[1].lower() == "at" else ".", text)


def may_be_person(line: str) -> bool:
    """True for what may be the name of a person."""
    return bool(_PERSON.fullmatch(line))


def read_contacts(lines: Iterable[Text], before: Iterable[Contact] = ()) -> list[Contact]:
    """A name, an address, or both on each line, after those of earlier lines; an address belongs
    to the name before it.
    """
    contacts = list(before)
    for line in lines:
        for part in re.split(r" ?; ?", line.text):
            _read(_HIDDEN_EMAIL.sub("", part), line.place, contacts)
    return contacts


def _read(text: str, place: Place | None, contacts: list[Contact]) -> None:
    """One part of a line may hold several names and addresses: Ann ann@example.org, Ben ben@example.org."""
    start = 0
    for email in (*_EMAIL.finditer(text), None):
        name = text[start : email.start() if email else None].strip(" ,>")
        noted = name.startswith("(") and name.endswith(")")
        name = re.sub(r"(?i)(?:^|[\s,(])(?:e-?mail|contact|name)s?(?: address)? ?:", " ", name)
        name = " ".join(name.split()).strip(" ,;:<>()|/–-")
        start = email.end() if email else len(text)
        if not name and not email:
            continue
        last = contacts[-1] if contacts else None
        address = email[0].rstrip(".") if email else ""
        number = _NUMBERS.fullmatch(name)
        if last and (not name or noted or number or _NOTE.fullmatch(name)) and not (address and last.email):
            note = ", ".join(part for part in (last.note, name) if part)
            contacts[-1] = replace(last, email=last.email or address, note=note)
        elif number:
            contacts.append(Contact("", address, name, place))
        else:
            contacts.append(Contact(name, address, "", place))
