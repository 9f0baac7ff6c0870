"""A release's graph, report and kept sources → the same without one contact, by name or e-mail address."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cybilgraph.model.vocabulary import DCTERMS, SCHEMA, VCARD
from cybilgraph.rdf.ntriples import term_text
from cybilgraph.rdf.serialisation import is_in_earlier_graph
from cybilgraph.readers.contacts import (
    address_pattern,
    normalise_addresses,
    phone_patterns,
    redact_contacts,
    to_ascii_forms,
)
from cybilgraph.release.graph_file import GRAPH, open_lines, write_graph
from cybilgraph.release.sources import SOURCES, Sources, iterate_sources

_NOTE = f"<{VCARD.note}>".encode()
_NAME_PROPERTIES = (f"<{VCARD.fn}>".encode(), f"<{VCARD.hasEmail}>".encode())
#: An address as it is given: jane@example.org, mailto:jane@example.org, Jane Doe <jane@example.org>.
_EMAIL_INPUT = re.compile(r"(?:[^<>]*<)? ?(?:mailto:)?([^<>\s]+@[^<>\s]+?) ?>?")
#: The first word of a name or an address: a text that lacks it has neither.
_FIRST_WORD = re.compile(r"\w+")
#: What an address has, also one that is written for people only; most lines have none.
_MAYBE_EMAIL = re.compile(rb"@|%40|\xef\xbc\xa0|\bat\b", re.IGNORECASE)
#: What has the address of a page elsewhere as its value.
_WEB_ADDRESS_PROPERTIES = (f"<{SCHEMA.url}>", f"<{DCTERMS.source}>")
#: What parts the words of an IRI.
_WORD_SEPARATORS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Erasure:
    """What became of a release: whether the contact was found in it; whether it was made anew, as also where only its
    store may have held the contact; the IRIs that statements with the name are about still; what is ``damaged``, in
    words, where it is, so that it was left as it is.
    """

    found: bool = False
    was_rebuilt: bool = False
    remaining: tuple[str, ...] = ()
    damaged: str = ""


def normalise_name(who: str) -> str:
    """A name or an e-mail address as such are compared: in small letters, with single spaces, an address alone."""
    words = " ".join(who.casefold().split())
    return given[1] if (given := _EMAIL_INPUT.fullmatch(words)) else words


def names_of_contact(release: Path, who: str) -> set[str]:
    """The names and e-mail addresses of a contact, in small letters: those that a release gives to who is called so,
    and what was given.
    """
    words = normalise_name(who)
    nodes = _contact_nodes(release / GRAPH, words)
    found = {words}
    with open_lines(release / GRAPH) as lines:
        for line in lines:
            subject, predicate, rest = line.split(b" ", 2)
            if predicate in _NAME_PROPERTIES and (subject, _graph(line)) in nodes:
                found.add(_name_of(rest))
    return found


def contact_phone_patterns(release: Path, known: Iterable[str]) -> set[re.Pattern[str]]:
    """What finds the telephone numbers that a release tells of a contact, who is ``names_of_contact`` these words."""
    nodes = set().union(*(_contact_nodes(release / GRAPH, words) for words in known))
    found: set[re.Pattern[str]] = set()
    with open_lines(release / GRAPH) as lines:
        for line in lines:
            subject, predicate, rest = line.split(b" ", 2)
            if predicate == _NOTE and (subject, _graph(line)) in nodes:
                found.update(phone_patterns(term_text(rest.decode())))
    return found


def write_without_contact(
    release: Path, folder: Path, who: str, addresses: Iterable[str], numbers: Collection[re.Pattern[str]] = ()
) -> tuple[dict[str, Any], bool]:
    """Write the graph and the kept sources of a release into another folder, without a contact; its report without it,
    and whether anything was left out. The ``addresses`` and telephone ``numbers`` are left out of prose, too.
    Raises OSError, FileDamaged.
    """
    hidden = {normalise_name(who), *addresses}
    nodes = set().union(*(_contact_nodes(release / GRAPH, words) for words in hidden))
    with open_lines(release / GRAPH) as lines:
        redacted = _RedactedLines((line for line in lines if not _is_about(line, nodes)), hidden, numbers)
        write_graph(folder / GRAPH, redacted)

    def names(text: str) -> bool:
        return mentions_contact(text, hidden, numbers)

    kept = _sources(release / SOURCES, folder / SOURCES, names)
    report: dict[str, Any] = json.loads((release / "report.json").read_text(encoding="utf-8"))
    findings = [found for found in report["findings"] if not names(json.dumps(found, ensure_ascii=False))]
    found = bool(nodes or redacted.changed or kept or len(findings) < len(report["findings"]))
    counts = Counter(found["severity"] for found in findings)
    return report | {"findings": findings, "counts": {name: counts[name] for name in report["counts"]}}, found


def find_remaining(folder: Path, hidden: set[str], numbers: Collection[re.Pattern[str]] = ()) -> tuple[str, ...]:
    """What statements of a release with a name, an address or a telephone number are about still, and rows of its
    names; also where a key was made of the words: actor/jane-roe-example-org.
    """
    keys = {key for words in hidden if (key := " ".join(_WORD_SEPARATORS.sub(" ", words).split()))}

    def is_there(text: str) -> bool:
        known = to_ascii_forms(unquote(text))
        apart = _WORD_SEPARATORS.sub(" ", known)
        return (
            mentions(text, hidden)
            or mentions(apart, keys)
            or any(number.search(redacted) for number in numbers for redacted in (known, apart))
        )

    found: dict[str, None] = {}
    with open_lines(folder / GRAPH) as lines:
        for line in lines:
            redacted = line.decode()
            if mentions(term_text(redacted.split(" ", 2)[2]), hidden) or is_there(redacted):
                found[redacted.split(" ", 1)[0][1:-1]] = None
    if is_there((folder / "identities.csv").read_text(encoding="utf-8")):
        found["identities.csv"] = None
    return tuple(found)


def mentions(text: str, hidden: Iterable[str]) -> bool:
    """Whether a text has a name or an address, as ``normalise_name`` gives them, in any spelling."""
    known = unicodedata.normalize("NFKC", unescape(unquote(text))).casefold()
    near = [words for words in hidden if not (first := _FIRST_WORD.search(words)) or first[0] in known]
    if not near:  # so it is of most lines, and the rest takes ten times as long
        return False
    known = normalise_addresses(" ".join(known.split()))
    return any(words in known or ("@" in words and address_pattern(words).search(known)) for words in near)


def mentions_contact(text: str, hidden: Iterable[str], numbers: Iterable[re.Pattern[str]]) -> bool:
    """Whether a text has a name or an address, as in ``mentions``, or one of the telephone numbers."""
    return mentions(text, hidden) or any(number.search(to_ascii_forms(text)) for number in numbers)


class _RedactedLines:
    """Lines of N-Quads, each once, without the addresses that are hidden and the telephone numbers. When they have
    been asked for, it is known how many were ``changed``.
    """

    def __init__(self, lines: Iterable[bytes], hidden: set[str], numbers: Collection[re.Pattern[str]]) -> None:
        self._lines = lines
        self._addresses = {words for words in hidden if "@" in words}
        self._known = [*numbers, *map(address_pattern, self._addresses)]
        self._has_numbers = bool(numbers)
        self.changed = 0

    def __iter__(self) -> Iterator[bytes]:
        given: set[bytes] = set()
        for line in self._lines:
            may_be = self._has_numbers or (self._addresses and _MAYBE_EMAIL.search(line))
            redacted = _redact_line(line.decode(), self._addresses, self._known).encode() if may_be else line
            if redacted != line:
                self.changed += 1
                if not redacted or redacted in given:
                    continue
                given.add(redacted)
            yield redacted


def _redact_line(line: str, addresses: set[str], known: Collection[re.Pattern[str]]) -> str:
    """A line whose literal, if it has one, is without the addresses, and what else is ``known``; empty where it is
    the address of a page that has them.
    """
    subject, predicate, rest = line.split(" ", 2)

    def redacted(text: str) -> str:
        return redact_contacts(text, lambda address: address.casefold() in addresses, known)

    if rest.startswith('"'):
        end = rest.rindex('"')
        return f'{subject} {predicate} "{redacted(rest[1:end])}{rest[end:]}'
    return (
        line
        if predicate not in _WEB_ADDRESS_PROPERTIES or redacted(address := rest[: rest.index(">")]) == address
        else ""
    )


def _graph(line: bytes) -> bytes:
    return line.rsplit(b" ", 2)[1] if is_in_earlier_graph(line) else b""


def _name_of(rest: bytes) -> str:
    """What the object of a line says, as a name or an address."""
    return normalise_name(
        unquote(term_text(rest.split(b" ", 1)[0].decode())) if rest.startswith(b"<") else term_text(rest.decode())
    )


def _contact_nodes(graph: Path, words: str) -> set[tuple[bytes, bytes]]:
    """The contacts of this name or address, each with the graph that it is in."""
    found = set()
    with open_lines(graph) as lines:
        for line in lines:
            subject, predicate, rest = line.split(b" ", 2)
            if predicate in _NAME_PROPERTIES and _name_of(rest) == words:
                found.add((subject, _graph(line)))
    return found


def _is_about(line: bytes, nodes: set[tuple[bytes, bytes]]) -> bool:
    """Whether a statement is about one of the nodes, or leads to it."""
    if not nodes or b"/contact/" not in line:
        return False
    graph = _graph(line)
    subject, _, rest = line.split(b" ", 2)
    return (subject, graph) in nodes or (rest.split(b" ", 1)[0], graph) in nodes


def _sources(path: Path, target: Path, names: Callable[[str], bool]) -> bool:
    """The kept sources, without those that name the contact."""
    changed = False
    with closing(Sources(target)) as kept:
        for content in iterate_sources(path):
            if names(content.decode("utf-8", "replace")):
                changed = True
            else:
                kept.keep(content)
    return changed
