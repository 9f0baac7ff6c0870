"""Names and e-mail addresses of contacts, as printed on pages and in cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from urllib.parse import unquote

import phonenumbers

from cybilgraph.model.record import Contact, Place, Text

# All repetitions are bounded, so that no line takes long to search.
_EMAIL = re.compile(r"(?<![^\s<>(:;,])[^\s@<>():;,]{1,64}@[^\s@<>();,]{1,255}")
#: A string with an @ between other characters.
_LIKE_EMAIL = re.compile(r"(?<![^\s<>(:;,])[^\s@<>():;,]{1,64}@[^\s<>();,]{1,255}")
_HIDDEN_EMAIL = re.compile(r"\[email.protected\]")
_PERSON = re.compile(r"(?:[^\W\d_][\w.'’-]*\s){1,4}[^\W\d_][\w.'’-]*")
#: An address in prose, with any punctuation around it, or obfuscated: jane (at) example.org.
_IN_PROSE = re.compile(
    r"[\w.!#$%&*+=?^{}~-]{1,64}@(?:[\w-]{1,63}\.){1,8}\w{2,24}"
    r"|[\w.+-]{1,64} ?[\[(] ?at ?[\])] ?[\w-]{1,63}(?: ?(?:\.|[\[(] ?dot ?[\])]) ?[\w-]{1,63}){1,8}",
    re.IGNORECASE,
)
_WRITTEN_OUT = re.compile(r" ?[\[(] ?(at|dot) ?[\])] ?", re.IGNORECASE)
_PHONE = re.compile(r"[+(]?\d[\d ()/.-]{4,23}\d")
#: One or several numbers separated by slashes; a number has at most 15 digits (ITU-T E.164).
_PHONES = re.compile(r"[+(]?\d[\d +()/._-]{4,99}\d")
_MAX_PHONE_DIGITS = 15
#: A pair of years, not a telephone number: 2018-2020.
_YEARS = re.compile(r"(?:19|20)\d\d\D{1,3}(?:19|20)\d\d")
#: Text allowed between two digits of a number.
_BETWEEN_DIGITS = r"[\s()/._-]{0,3}"
#: An alternative ending for a second line: 7946 0958/9.
_ALTERNATIVE_ENDING = r"(?:/\d{1,2})?"
#: Characters that replace ASCII characters: full-width forms from Chinese and Japanese keyboards, non-breaking,
#: thin and zero-width spaces, and other hyphens. Each is replaced by one character, which keeps positions
#: valid.
_ASCII_FORMS = (
    {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
    | dict.fromkeys((0xA0, 0xAD, 0x1680, *range(0x2000, 0x200E), 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF), " ")
    | dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-")
)
#: A web, mail or telephone link, without punctuation or brackets after it.
_LINK = re.compile(
    r"(?:\b[a-z][a-z\d+.-]{1,20}://|\bmailto:|\bwww\.)[^\s<>\"()\[\]]{0,2000}[^\s<>\"()\[\].,;:!?'’”]"
    r"|\b(?:tel|sms|callto):(?://)?(?:\+|%2B)?\d[\d().-]{4,24}+(?! ?\d)",
    re.IGNORECASE,
)
_INTERNATIONAL, _ANYTHING = re.compile(r"[+\uff0b][\s(]{0,3}\d"), re.compile(r".+", re.DOTALL)
#: Each link contains one of these; most texts contain none.
_LINK_SIGNS = ("://", "www.", "mailto:", "tel:", "sms:", "callto:")
_CALL = re.compile(r"(?:tel|sms|callto):", re.IGNORECASE)
#: Separators of values in a link, of words in it (host names contain dots), and of words elsewhere.
_VALUES, _HYPHENS, _WORDS = re.compile(r"[/?&=:;,#]"), re.compile(r"[+_-]"), re.compile(r"[\W_]+")
#: Replaces an address or number that is left out.
REDACTED = "[contact left out]"
#: A line below a name that is not a name: a post, a telephone number.
_NOTE = re.compile(
    r"(?:.*\b(?:manager|officer|director|head of|coordinator|co-ordinator|adviser|advisor|specialist|analyst|lead|phone"
    r"|tel|mobile|fax)\b.*|[+(]?[\d ()/.-]{6,25})",
    re.IGNORECASE,
)
#: Telephone numbers only.
_NUMBERS = re.compile(r"[+(]?\d(?:[\d +(),/.|–_-]|\b(?:or|and)\b){4,99}\d", re.IGNORECASE)


def is_email_address(line: str) -> bool:
    """Return whether a line is an e-mail address only, possibly hidden from harvesters."""
    return bool(_HIDDEN_EMAIL.fullmatch(line)) or bool((email := _EMAIL.search(line)) and email[0] == line)


def find_malformed_addresses(text: str) -> Iterator[re.Match[str]]:
    """Yield malformed e-mail addresses: name@@example.org."""
    for match in _LIKE_EMAIL.finditer(_HIDDEN_EMAIL.sub(lambda is_hidden: " " * len(is_hidden[0]), text)):
        if not _EMAIL.fullmatch(match[0]):
            yield match


def find_addresses(text: str) -> Iterator[str]:
    """Yield the e-mail addresses in a text in their normal form."""
    return (normalise_addresses(match[0]) for match in _IN_PROSE.finditer(to_ascii_forms(text)))


def redact_contacts(text: str, is_hidden: Callable[[str], bool], known: Collection[re.Pattern[str]] = ()) -> str:
    """Remove contact details from a text.

    These are e-mail addresses and telephone numbers that are ``is_hidden``, and text that matches ``known``
    contact details (``phone_patterns``, ``address_pattern``). A link that contains any is removed entirely.
    Unknown telephone numbers are recognised if they begin with + and are valid in their country.
    """
    if any(sign in text for sign in _LINK_SIGNS):
        text = _redact_matches(text, _LINK.finditer, lambda link: _link_has_contacts(link, is_hidden, known))
    return _redact_text(text, is_hidden, known)


def _redact_text(text: str, is_hidden: Callable[[str], bool], known: Collection[re.Pattern[str]]) -> str:
    """Remove contact details as ``redact_contacts`` does, but from within links too."""
    # Most texts contain none of these and are returned unchanged.
    if "@" in text or "at" in text or "\uff20" in text:
        text = _redact_matches(text, _IN_PROSE.finditer, lambda found: is_hidden(normalise_addresses(found)))
    for pattern in known:
        text = _redact_matches(text, pattern.finditer, bool)
    if _INTERNATIONAL.search(text):
        text = _redact_matches(text, _find_international_numbers, is_hidden)
    return text


def _link_has_contacts(link: str, is_hidden: Callable[[str], bool], known: Collection[re.Pattern[str]]) -> bool:
    """Return whether a link contains contact details: in a parameter value, or in hyphenated words."""
    if _CALL.match(link) and is_hidden(link):
        return True
    values = _VALUES.sub(" ", to_ascii_forms(unquote(link)))
    return any(_redact_text(form, is_hidden, known) != form for form in (values, _HYPHENS.sub(" ", values)))


def _find_international_numbers(text: str) -> Iterator[re.Match[str]]:
    """Yield the telephone numbers that have a country code and are valid in that country."""
    for found in phonenumbers.PhoneNumberMatcher(text, None):
        if match := _ANYTHING.match(text, found.start, found.end):
            yield match


def _redact_matches(
    text: str, find: Callable[[str], Iterable[re.Match[str]]], is_selected: Callable[[str], bool]
) -> str:
    """Replace the matches that ``is_selected`` selects, and keep all other text unchanged."""
    parts, end = [], 0
    for match in find(to_ascii_forms(text)):
        if is_selected(match[0]):
            parts += [text[end : match.start()], REDACTED]
            end = match.end()
    return "".join((*parts, text[end:]))


def to_ascii_forms(text: str) -> str:
    """Replace variants of ASCII characters by these characters, one for one."""
    return text if text.isascii() else text.translate(_ASCII_FORMS)


def phone_patterns(note: str) -> list[re.Pattern[str]]:
    """Return patterns for the telephone numbers in a contact's note.

    They match any notation: with or without country code (+, 00), grouped, with brackets or dots.
    """
    numbers = []
    for run in _PHONES.findall(to_ascii_forms(note)):
        if sum(map(str.isdigit, run)) <= _MAX_PHONE_DIGITS:
            numbers.append(run)  # 020/7946 0958
        if "/" in run:  # 0712 345 678 / 0733 345 679
            numbers += (part for each in run.split("/") if _PHONE.fullmatch(part := each.strip(" ")))
    return [_number_pattern(number) for number in numbers if not _YEARS.fullmatch(number)]


@lru_cache(1_000)
def address_pattern(address: str) -> re.Pattern[str]:
    """Return a pattern for "jane.roe at example dot org", and for a key's words: "jane roe example org".

    It is used for known addresses only: "available at example.org" is not an address.
    """
    local, _, host = re.escape(address).partition("@")
    spelt = rf"{local}\s+at\s+" + host.replace(r"\.", r"(?:\.|\s+dot\s+)")
    words = " ".join(map(re.escape, _WORDS.sub(" ", address).split()))
    return re.compile(rf"(?<![\w.+-])(?:{spelt}|{words})(?![\w-])", re.IGNORECASE)


@lru_cache(1_000)
def _number_pattern(number: str) -> re.Pattern[str]:
    """Return a pattern for the notations of a number (ITU-T E.123)."""
    written = re.sub(r"^\(?00", "+", number)
    country, digits = r"(?:\+|00)\d{1,3}", "".join(filter(str.isdigit, number)).lstrip("0")
    try:
        parsed = phonenumbers.parse(written)
        country, digits = rf"(?:\+|00)?{parsed.country_code}", phonenumbers.national_significant_number(parsed)
    except phonenumbers.NumberParseException:
        pass  # no country code
    prefix = rf"(?:\(?{country}{_BETWEEN_DIGITS})?(?:\(?0{_BETWEEN_DIGITS})?\(?"
    return re.compile(rf"(?<![\w+])(?<!\w-){prefix}{_BETWEEN_DIGITS.join(digits)}{_ALTERNATIVE_ENDING}(?!\w)")


def normalise_addresses(text: str) -> str:
    """Convert obfuscated addresses to their normal form."""
    return _WRITTEN_OUT.sub(lambda found: "@" if found[1].lower() == "at" else ".", text)


def may_be_person(line: str) -> bool:
    """Return whether a line may be the name of a person."""
    return bool(_PERSON.fullmatch(line))


def read_contacts(lines: Iterable[Text], before: Iterable[Contact] = ()) -> list[Contact]:
    """Add the names and addresses in these lines to earlier contacts. An address belongs to the name before it."""
    contacts = list(before)
    for line in lines:
        for part in re.split(r" ?; ?", line.text):
            _read_part(_HIDDEN_EMAIL.sub("", part), line.place, contacts)
    return contacts


def _read_part(text: str, place: Place | None, contacts: list[Contact]) -> None:
    """Read a part of a line with any number of contacts: Ann ann@example.org, Ben ben@example.org."""
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
