"""Erases a contact, given by name or e-mail address, from a release's graph, report and stored sources."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from html import unescape
from itertools import groupby
from operator import methodcaller
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cybilgraph.identity.decisions import UNNAMED
from cybilgraph.model.gazetteer import slug
from cybilgraph.model.vocabulary import DCTERMS, FOAF, SCHEMA, VCARD, thing_iri
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
from cybilgraph.release.sources import SOURCES, Sources, iterate_sources, iterate_text_pages

_NOTE = f"<{VCARD.note}>".encode()
_NAME_PROPERTIES = (f"<{VCARD.fn}>".encode(), f"<{VCARD.hasEmail}>".encode())
#: Forms of an address on input: jane@example.org, mailto:jane@example.org, Jane Doe <jane@example.org>.
_EMAIL_INPUT = re.compile(r"(?:[^<>]*<)? ?(?:mailto:)?([^<>\s]+@[^<>\s]+?) ?>?")
#: The first word of a name or an address; a text without it cannot contain them.
_FIRST_WORD = re.compile(r"\w+")
#: Any sign of an e-mail address, including "name at example"; most lines have none.
_MAYBE_EMAIL = re.compile(rb"@|%40|\xef\xbc\xa0|\bat\b", re.IGNORECASE)
#: Properties whose values are URLs of pages elsewhere.
_WEB_ADDRESS_PROPERTIES = (f"<{SCHEMA.url}>", f"<{DCTERMS.source}>")
#: Separators of the words in an IRI.
_WORD_SEPARATORS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Erasure:
    """The outcome of an erasure in one release.

    ``found`` tells whether the release contained the contact, and was rebuilt without it. ``remaining`` lists the
    subjects of statements that still contain the name. ``damaged`` describes the damage of a release that was left
    unchanged for that reason.
    """

    found: bool = False
    remaining: tuple[str, ...] = ()
    damaged: str = ""


def normalise_name(who: str) -> str:
    """Return a name or an e-mail address in the form for comparison: lower case, single spaces, only the address."""
    words = " ".join(who.casefold().split())
    return address[1] if (address := _EMAIL_INPUT.fullmatch(words)) else words


def names_of_contact(release: Path, who: str) -> set[str]:
    """Return all normalised names and e-mail addresses that a release gives for a contact, and ``who`` itself."""
    words = normalise_name(who)
    return {words, *map(_name_of, _contact_values(release, {words}, _NAME_PROPERTIES))}


def contact_phone_patterns(release: Path, known: Collection[str]) -> set[re.Pattern[str]]:
    """Return patterns for the telephone numbers of a contact in a release; ``known`` is from ``names_of_contact``."""
    notes = _contact_values(release, known, (_NOTE,))
    return {pattern for note in notes for pattern in phone_patterns(term_text(note.decode()))}


def _contact_values(release: Path, names: Collection[str], properties: Collection[bytes]) -> Iterator[bytes]:
    """Yield the objects of statements with these properties about contacts with one of these names."""
    nodes = _contact_nodes(release / GRAPH, names)
    with open_lines(release / GRAPH) as lines:
        for line in lines:
            subject, predicate, rest = line.split(b" ", 2)
            if predicate in properties and (subject, _graph(line)) in nodes:
                yield rest


def write_without_contact(
    release: Path, folder: Path, who: str, known: Collection[str], numbers: Collection[re.Pattern[str]] = ()
) -> tuple[dict[str, Any], bool]:
    """Copy the graph and stored sources of a release to another folder, without a contact, who may be a curator, too.

    Return the report without the contact, and whether anything was removed. ``known`` are all names and addresses of
    the contact; the addresses and telephone ``numbers`` are also removed from prose. Raises OSError, FileDamaged.
    """
    hidden = {normalise_name(who), *(name for name in known if "@" in name)}
    nodes, curators = _contact_nodes(release / GRAPH, hidden), _curators(release / GRAPH, known)
    changed: set[bytes] = set()
    with open_lines(release / GRAPH) as lines:
        kept = (line for line in _without_curators(lines, curators) if not _is_about(line, nodes))
        write_graph(folder / GRAPH, _redact_lines(kept, hidden, numbers, changed))

    def is_mentioned(text: str) -> bool:
        return mentions_contact(text, hidden, numbers)

    sources_changed = _copy_sources(release / SOURCES, folder / SOURCES, is_mentioned)
    report: dict[str, Any] = json.loads((release / "report.json").read_text(encoding="utf-8"))
    findings = [
        finding
        for finding in report["findings"]
        if not mentions_contact(json.dumps(finding, ensure_ascii=False), known, numbers)
    ]
    found = bool(nodes or curators or changed or sources_changed or len(findings) < len(report["findings"]))
    counts = Counter(finding["severity"] for finding in findings)
    return report | {"findings": findings, "counts": {name: counts[name] for name in report["counts"]}}, found


def find_remaining(folder: Path, hidden: set[str], numbers: Collection[re.Pattern[str]] = ()) -> tuple[str, ...]:
    """Return the subjects of statements that still contain a name, an address or a telephone number.

    Also finds keys made from these, such as actor/jane-roe-example-org, and names in identities.csv.
    """
    keys = {key for words in hidden if (key := " ".join(_WORD_SEPARATORS.sub(" ", words).split()))}

    def is_mentioned(text: str) -> bool:
        plain = to_ascii_forms(unquote(text))
        words = _WORD_SEPARATORS.sub(" ", plain)
        return (
            mentions(text, hidden)
            or mentions(words, keys)
            or any(number.search(form) for number in numbers for form in (plain, words))
        )

    found: dict[str, None] = {}
    with open_lines(folder / GRAPH) as lines:
        for line in lines:
            statement = line.decode()
            if mentions(term_text(statement.split(" ", 2)[2]), hidden) or is_mentioned(statement):
                found[statement.split(" ", 1)[0][1:-1]] = None
    if is_mentioned((folder / "identities.csv").read_text(encoding="utf-8")):
        found["identities.csv"] = None
    return tuple(found)


def mentions(text: str, hidden: Iterable[str]) -> bool:
    """Return whether a text contains a name or an address from ``normalise_name``, in any spelling.

    A single name, such as "mere", must be a word of its own, in scripts that separate words. Others may have endings.
    """
    plain = unicodedata.normalize("NFKC", unescape(unquote(text))).casefold()
    candidates = [words for words in hidden if not (first := _FIRST_WORD.search(words)) or first[0] in plain]
    if not candidates:  # true of most lines, and ten times as fast as the rest
        return False
    plain = normalise_addresses(" ".join(plain.split()))
    return any(
        _is_word(words, plain) if words.isalpha() and words.upper() != words
        else words in plain or ("@" in words and address_pattern(words).search(plain))
        for words in candidates
    )  # fmt: skip


def _is_word(word: str, text: str) -> bool:
    return re.search(rf"(?<!\w){word}(?!\w)", text) is not None


def mentions_contact(text: str, hidden: Iterable[str], numbers: Iterable[re.Pattern[str]]) -> bool:
    """Return whether a text contains a name or an address, as in ``mentions``, or one of the telephone numbers."""
    return mentions(text, hidden) or any(number.search(to_ascii_forms(text)) for number in numbers)


def _redact_lines(
    lines: Iterable[bytes], hidden: set[str], numbers: Collection[re.Pattern[str]], changed: set[bytes]
) -> Iterator[bytes]:
    """Yield lines of N-Quads without the hidden addresses and telephone numbers; add the changed ones to a set."""
    addresses = {words for words in hidden if "@" in words}
    known = [*numbers, *map(address_pattern, addresses)]
    for line in lines:
        is_candidate = numbers or (addresses and _MAYBE_EMAIL.search(line))
        redacted = _redact_line(line.decode(), addresses, known).encode() if is_candidate else line
        if redacted != line:
            is_repeated = redacted in changed
            changed.add(redacted)
            if is_repeated or not redacted:
                continue
        yield redacted


def _redact_line(line: str, addresses: set[str], known: Collection[re.Pattern[str]]) -> str:
    """Return a line with the addresses and the ``known`` patterns removed from its literal.

    Return "" for a line whose object is the URL of a page that contains them.
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
    """Return the object of a statement as a normalised name or address."""
    return normalise_name(
        unquote(term_text(rest.split(b" ", 1)[0].decode())) if rest.startswith(b"<") else term_text(rest.decode())
    )


def _contact_nodes(graph: Path, names: Collection[str]) -> set[tuple[bytes, bytes]]:
    """Return the contact nodes with one of these names or addresses, each with its graph."""
    found = set()
    with open_lines(graph) as lines:
        for line in lines:
            subject, predicate, rest = line.split(b" ", 2)
            if predicate in _NAME_PROPERTIES and _name_of(rest) in names:
                found.add((subject, _graph(line)))
    return found


def _curator(key: str = "") -> bytes:
    """Return the beginning of the IRI of a curator, as in a line of the graph."""
    return f"<{thing_iri('curator', key)}".encode()


def _curators(graph: Path, names: Collection[str]) -> dict[bytes, bytes]:
    """Return the IRIs of the curators with one of these names, each with its name as a term."""
    with open_lines(graph) as lines:
        start = _curator()
        own = (line.removesuffix(b" .\n").split(b" ", 2) for line in lines if line.startswith(start))
        return {
            subject: term
            for subject, predicate, term in own
            if predicate == f"<{FOAF.name}>".encode() and _name_of(term) in names
        }


def _without_curators(lines: Iterable[bytes], curators: dict[bytes, bytes]) -> Iterator[bytes]:
    """Yield sorted lines with an unnamed curator instead of these."""
    is_about_curator, unnamed = methodcaller("startswith", _curator()), _curator(slug(UNNAMED)) + b">"
    for is_curator, group in groupby(lines, key=is_about_curator):
        if not is_curator:
            for line in group:
                target = line.split(b" ", 3)[2]
                yield line.replace(target, unnamed) if target in curators else line
            continue
        own_lines = set()
        for line in group:
            subject = line.split(b" ", 1)[0]
            if subject in curators:
                line = line.replace(subject, unnamed).replace(curators[subject], f'"{UNNAMED}"'.encode())
            own_lines.add(line)
        yield from sorted(own_lines)


def _is_about(line: bytes, nodes: set[tuple[bytes, bytes]]) -> bool:
    """Return whether one of the nodes is the subject or object of a statement."""
    if not nodes or b"/contact/" not in line:
        return False
    graph = _graph(line)
    subject, _, rest = line.split(b" ", 2)
    return (subject, graph) in nodes or (rest.split(b" ", 1)[0], graph) in nodes


def _copy_sources(path: Path, target: Path, is_mentioned: Callable[[str], bool]) -> bool:
    """Copy the stored sources that do not mention the contact; return whether any was left out."""
    changed = False
    with closing(Sources(target)) as sources:
        for content in iterate_sources(path):
            if is_mentioned(content.decode("utf-8", "replace")):
                changed = True
            else:
                sources.add(content)
        for key, number, text in iterate_text_pages(path):
            if is_mentioned(text):
                changed = True
            else:
                sources.add_page(key, number, text)
    return changed
