"""A record → the same without persons who are hidden: as contacts, and by address and telephone number in its prose.

It is done when all else was read of the record, so that places are those of its page, and a quote loses the same
words as the paragraph that it is of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

from cybilgraph.model.gazetteer import slug
from cybilgraph.model.record import Contact, Named, Place, Record, Source, Text, WebLink
from cybilgraph.readers.contacts import REDACTED, address_pattern, find_addresses, phone_patterns, redact_contacts

#: Whether a contact is to be left out. One that is false hides nobody.
IsHidden = Callable[[Contact], bool]


def hide_nobody(_: Contact) -> bool:
    """Hides nobody."""
    return False


def mentions_hidden(text: str, hidden: IsHidden) -> bool:
    """Whether a text has the e-mail address, or the telephone number, of somebody who is ``hidden``."""
    return _hides(hidden) and redact_contacts(text, lambda address: hidden(Contact("", address))) != text


def redact(record: Record, hidden: IsHidden) -> Record:
    """The record without who is ``hidden``, and without what its findings tell of them. A key that was made of words
    is made of what is left of them.
    """
    if not _hides(hidden):
        return record
    gone = [contact for contact in record.contacts if hidden(contact)]
    kept = _without_contacts(record, gone) if gone else record
    known = [number for contact in gone for number in phone_patterns(contact.note)]
    known += [address_pattern(contact.email) for contact in gone if contact.email]

    def redact_text(text: str) -> str:
        return redact_contacts(text, lambda address: hidden(Contact("", address)), known)

    told: Record = _redact_value(kept, redact_text)
    if record.slug and (key := _redact_key(record.slug.text, record.title.text if record.title else "", redact_text)):
        told = replace(told, slug=replace(record.slug, text=key))
    if told.findings != kept.findings:  # a fix has the words that it replaces
        pairs = zip(kept.findings, told.findings, strict=True)
        told = replace(told, findings=tuple(new if new == old else replace(new, fix=None) for old, new in pairs))
    return told


def _redact_key(key: str, printed: str, redact_text: Callable[[str], str]) -> str:
    """A key made from a ``printed`` text or from other words, made again from them after ``redact_text``; empty where
    nothing is redacted.
    """
    words = printed if key == slug(printed) else key.replace("-", " ")
    left = redact_text(words)
    for address in find_addresses(printed):
        if redact_text(address) != address:
            left = address_pattern(address).sub("", left)
    return "" if left == words else slug(left.replace(REDACTED, "")) or "unnamed"


def _hides(hidden: IsHidden) -> bool:
    return hidden is not hide_nobody and bool(hidden)


def _without_contacts(record: Record, gone: list[Contact]) -> Record:
    """The record without these contacts, and without findings that name them."""
    words = [word.casefold() for contact in gone for word in (contact.name, contact.email, contact.note) if word]
    findings = tuple(
        found
        for found in record.findings
        if not any(word in text.casefold() for word in words for text in (found.text, found.message, found.suggestion))
    )
    kept = tuple(contact for contact in record.contacts if contact not in gone)
    return replace(record, contacts=kept, findings=findings)


def _redact_value(given: Any, redact_text: Callable[[str], str]) -> Any:
    """A value with each text in it as it is to be ``redact_text``; itself where nothing is different."""
    match given:
        case Enum() | Source() | Place():
            return given
        case str():
            return redact_text(given)
        case tuple():
            parts = tuple(_redact_value(part, redact_text) for part in given)
            return given if all(new is old for new, old in zip(parts, given, strict=True)) else parts
        case Text() if (text := redact_text(given.text)) != given.text:
            breaks = tuple((len(redact_text(given.text[:offset])), place) for offset, place in given.breaks)
            return replace(given, text=text, subheading=redact_text(given.subheading), breaks=breaks)
        case Named(known=False) | Named(kind="project") if key := _redact_key(
            given.key, given.printed.text, redact_text
        ):
            return replace(given, key=key, printed=_redact_value(given.printed, redact_text))
        case WebLink() if redact_text(given.url) != given.url:
            return replace(given, text=redact_text(given.text), url="")
        case _ if is_dataclass(given) and not isinstance(given, type):
            before = {field.name: getattr(given, field.name) for field in fields(given)}
            after = {name: _redact_value(value, redact_text) for name, value in before.items()}
            changed = {name: value for name, value in after.items() if value is not before[name]}
            return replace(given, **changed) if changed else given
    return given
