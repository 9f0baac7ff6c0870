"""Names and e-mail addresses of contacts, as pages and cells print them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from cybilgraph.record import Contact, Place, Text

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
#: What stands in the place of an address or a number that is left out.
LEFT_OUT = "[contact left out]"
#: What stands below a name and is none: a post, a telephone number.
_NOTE = re.compile(
    r"(?:.*\b(?:manager|officer|director|head of|coordinator|co-ordinator|adviser|advisor|specialist|analyst|lead|phone"
    r"|tel|mobile|fax)\b.*|[+(]?[\d ()/.-]{6,25})",
    re.IGNORECASE,
)


def is_address(line: str) -> bool:
    """True for an e-mail address alone, also one that is hidden from harvesters."""
    return bool(_HIDDEN_EMAIL.fullmatch(line)) or bool((email := _EMAIL.search(line)) and email[0] == line)


def no_addresses(text: str) -> Iterator[re.Match[str]]:
    """What was meant for an e-mail address, and is none that is read: name@@example.org."""
    for match in _LIKE_EMAIL.finditer(_HIDDEN_EMAIL.sub(lambda hidden: " " * len(hidden[0]), text)):
        if not _EMAIL.fullmatch(match[0]):
            yield match


def addresses(text: str) -> Iterator[str]:
    """The e-mail addresses in a text, each as one would write to it."""
    return (plain_addresses(match[0]) for match in _IN_PROSE.finditer(text))


def discreet(text: str, hidden: Callable[[str], bool], numbers: Iterable[str] = ()) -> str:
    """The text without e-mail addresses that are ``hidden``, and without these telephone ``numbers``."""
    if "@" in text or "at" in text:  # most texts have none, and are given back as they are
        text = _IN_PROSE.sub(lambda found: LEFT_OUT if hidden(plain_addresses(found[0])) else found[0], text)
    for number in numbers:
        text = text.replace(number, LEFT_OUT)
    return text


def numbers_of(contact: Contact) -> list[str]:
    """The telephone numbers that are printed of a contact."""
    return _PHONE.findall(contact.note)


def plain_addresses(text: str) -> str:
    """The text with addresses that are written for people only as one would write to them."""
    return _WRITTEN_OUT.sub(lambda found: "@" if found[1].lower() == "at" else ".", text)


def is_person(line: str) -> bool:
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
        if last and (not name or noted or _NOTE.fullmatch(name)) and not (address and last.email):
            note = ", ".join(part for part in (last.note, name) if part)
            contacts[-1] = replace(last, email=last.email or address, note=note)
        else:
            contacts.append(Contact(name, address, "", place))
