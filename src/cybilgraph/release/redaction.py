"""Removes hidden persons from a record: their contacts, and their addresses and telephone numbers in its prose.

Runs after everything else was read from the record, so that positions refer to the original page and a quote loses the
same words as its paragraph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

from cybilgraph.model.gazetteer import slug
from cybilgraph.model.record import Contact, Named, Place, Record, Source, Text, WebLink
from cybilgraph.readers.contacts import REDACTED, address_pattern, find_addresses, phone_patterns, redact_contacts

#: Returns whether a contact must be left out.
IsHidden = Callable[[Contact], bool]


def mentions_hidden(record: Record, page: bytes, hidden: IsHidden) -> bool:
    """Return whether a record or its page contains a ``hidden`` person, or their e-mail address or telephone number."""
    text = repr(record) + page.decode("utf-8", "replace")
    without = redact_contacts(text, lambda address: hidden(Contact("", address)))
    return without != text or any(map(hidden, record.contacts))


def redact(record: Record, hidden: IsHidden | None) -> Record:
    """Return the record without ``hidden`` persons, also in its findings.

    A key made from redacted text is made again from the redacted form.
    """
    if hidden is None:
        return record
    removed = [contact for contact in record.contacts if hidden(contact)]
    kept = _without_contacts(record, removed) if removed else record
    known = [number for contact in removed for number in phone_patterns(contact.note)]
    known += [address_pattern(contact.email) for contact in removed if contact.email]

    def redact_text(text: str) -> str:
        return redact_contacts(text, lambda address: hidden(Contact("", address)), known)

    redacted: Record = _redact_value(kept, redact_text)
    if record.slug and (key := _redact_key(record.slug.text, record.title.text if record.title else "", redact_text)):
        redacted = replace(redacted, slug=replace(record.slug, text=key))
    if redacted.findings != kept.findings:  # a fix contains the words that it replaces
        pairs = zip(kept.findings, redacted.findings, strict=True)
        findings = tuple(new if new == old else replace(new, fix=None) for old, new in pairs)
        redacted = replace(redacted, findings=findings)
    return redacted


def _redact_key(key: str, printed: str, redact_text: Callable[[str], str]) -> str:
    """Make a key again from its ``printed`` text or its own words after ``redact_text``; "" if nothing is redacted."""
    words = printed if key == slug(printed) else key.replace("-", " ")
    left = redact_text(words)
    for address in find_addresses(printed):
        if redact_text(address) != address:
            left = address_pattern(address).sub("", left)
    return "" if left == words else slug(left.replace(REDACTED, "")) or "unnamed"


def _without_contacts(record: Record, removed: list[Contact]) -> Record:
    """Return the record without these contacts, and without findings that name them."""
    words = [word.casefold() for contact in removed for word in (contact.name, contact.email, contact.note) if word]
    findings = tuple(
        found
        for found in record.findings
        if not any(word in text.casefold() for word in words for text in (found.text, found.message, found.suggestion))
    )
    kept = tuple(contact for contact in record.contacts if contact not in removed)
    return replace(record, contacts=kept, findings=findings)


def _redact_value(value: Any, redact_text: Callable[[str], str]) -> Any:
    """Apply ``redact_text`` to every text in a value; return the value itself if nothing changes."""
    match value:
        case Enum() | Source() | Place():
            return value
        case str():
            return redact_text(value)
        case tuple():
            parts = tuple(_redact_value(part, redact_text) for part in value)
            return value if all(new is old for new, old in zip(parts, value, strict=True)) else parts
        case Text() if (text := redact_text(value.text)) != value.text:
            breaks = tuple((len(redact_text(value.text[:offset])), place) for offset, place in value.breaks)
            return replace(value, text=text, subheading=redact_text(value.subheading), breaks=breaks)
        case Named(known=False) | Named(kind="project") if key := _redact_key(
            value.key, value.printed.text, redact_text
        ):
            return replace(value, key=key, printed=_redact_value(value.printed, redact_text))
        case WebLink() if redact_text(value.url) != value.url:
            return replace(value, text=redact_text(value.text), url="")
        case _ if is_dataclass(value) and not isinstance(value, type):
            before = {field.name: getattr(value, field.name) for field in fields(value)}
            after = {name: _redact_value(part, redact_text) for name, part in before.items()}
            changed = {name: part for name, part in after.items() if part is not before[name]}
            return replace(value, **changed) if changed else value
    return value
