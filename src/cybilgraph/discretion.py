"""A record → the same without persons who are hidden: as contacts, and by address and telephone number in its prose.

It is done when all else was read of the record, so that places are those of its page, and a quote loses the same
words as the paragraph that it is of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

from cybilgraph.readers.contacts import LEFT_OUT, addresses, discreet, numbers_of, spelt_out
from cybilgraph.record import Contact, Named, Place, Record, Source, Text
from cybilgraph.reference import slug

#: Whether a contact is to be left out. One that is false hides nobody.
Hidden = Callable[[Contact], bool]


def no_one(_: Contact) -> bool:
    """Hides nobody."""
    return False


def is_named(text: str, hidden: Hidden) -> bool:
    """Whether a text has the e-mail address of somebody who is ``hidden``."""
    return _hides(hidden) and any(hidden(Contact("", address)) for address in addresses(text))


def without(record: Record, hidden: Hidden) -> Record:
    """The record without who is ``hidden``, and without what its findings tell of them."""
    if not _hides(hidden):
        return record
    gone = [contact for contact in record.contacts if hidden(contact)]
    kept = _without(record, gone) if gone else record
    known = [number for contact in gone for number in numbers_of(contact.note)]
    known += [spelt_out(contact.email) for contact in gone if contact.email]
    said: Record = _of(kept, lambda text: discreet(text, lambda address: hidden(Contact("", address)), known))
    if said.findings != kept.findings:  # a fix has the words that it replaces
        pairs = zip(kept.findings, said.findings, strict=True)
        said = replace(said, findings=tuple(new if new == old else replace(new, fix=None) for old, new in pairs))
    return said


def _hides(hidden: Hidden) -> bool:
    return hidden is not no_one and bool(hidden)


def _without(record: Record, gone: list[Contact]) -> Record:
    """The record without these contacts, and without findings that name them."""
    words = [word.casefold() for contact in gone for word in (contact.name, contact.email, contact.note) if word]
    findings = tuple(
        found
        for found in record.findings
        if not any(word in text.casefold() for word in words for text in (found.text, found.message, found.suggestion))
    )
    kept = tuple(contact for contact in record.contacts if contact not in gone)
    return replace(record, contacts=kept, findings=findings)


def _of(given: Any, said: Callable[[str], str]) -> Any:
    """A value with each text in it as it is to be ``said``; itself where nothing is different."""
    match given:
        case Enum() | Source() | Place():
            return given
        case str():
            return said(given)
        case tuple():
            parts = tuple(_of(part, said) for part in given)
            return given if all(new is old for new, old in zip(parts, given, strict=True)) else parts
        case Text() if (text := said(given.text)) != given.text:
            breaks = tuple((len(said(given.text[:offset])), place) for offset, place in given.breaks)
            return replace(given, text=text, under=said(given.under), breaks=breaks)
        case Named(known=False) if (printed := _of(given.printed, said)) is not given.printed:
            return replace(given, key=slug(printed.text.replace(LEFT_OUT, "")) or "unnamed", printed=printed)
        case _ if is_dataclass(given) and not isinstance(given, type):
            before = {field.name: getattr(given, field.name) for field in fields(given)}
            after = {name: _of(value, said) for name, value in before.items()}
            changed = {name: value for name, value in after.items() if value is not before[name]}
            return replace(given, **changed) if changed else given
    return given
