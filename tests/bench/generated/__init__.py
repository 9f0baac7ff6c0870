"""Generate any number of different pages and records for the benchmarks.

They are variations of the texts in data/records and tests/samples/labelled, with other codes, titles, years and
months, other names of actors, countries, regions, groups and themes, other words for half of the remaining
capitalised words, and another order of paragraphs and list items. Each long sentence gets a random word, so that
caching sentences does not help. The same number always gives the same page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import groupby
from pathlib import Path
from random import Random

from cybilgraph.model.gazetteer import GazetteerEntry, load_gazetteer
from cybilgraph.model.record import Basis, Date, Named, Participation, Record, Scope, Text
from cybilgraph.readers import Input, read_input

ROOT = Path(__file__).parents[3]
_FOLDERS = (ROOT / "data" / "records", ROOT / "tests" / "samples" / "labelled")
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_CODE = re.compile(r"\bG(?:\d{4}|I-\d{2,3})\b")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_MONTH = re.compile(rf"\b(?:{_MONTHS})\b")
_CAPITALISED = re.compile(rf"(?<=[a-z,] )(?!{_MONTHS})[A-Z][a-z]{{3,}}\b")
_LAST_WORD = re.compile(r" (?=[a-z]+[.;:!?”’)]*$)")
_SENTENCE_END = re.compile(r"(?<=[a-z][.!?;]) ")
#: A longer text is a paragraph; a longer line is a sentence, not a heading or a name.
_PARAGRAPH, _SENTENCE = 60, 30
_RIGHTS = "The Cybil project repository"


def write_pages(count: int, folder: Path) -> None:
    """Write pages to separate files, at most a thousand per folder."""
    for number in range(count):
        path = folder / f"{number // 1000:03}" / f"{number:06}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(page(number), encoding="utf-8")


def page(number: int) -> str:
    """Return the text of a page."""
    templates = _templates()
    text, title = templates[number % len(templates)]
    random = Random(number)
    if title:
        text = text.replace(title, f"{title} {_word(random).title()} {number}", 1)
    text = _renamed(text, random)
    years, months = random.randint(-6, 4), random.sample(_MONTHS.split("|"), 12)
    text = _YEAR.sub(lambda match: str(int(match[0]) + years), text)
    text = _MONTH.sub(lambda match: months[_MONTHS.split("|").index(match[0])], text)
    text = _CODE.sub(lambda _: f"G{number + 1:04}", text, count=1)
    return "\n".join(_reordered(text.split("\n"), random))


def records(count: int) -> Iterator[Record]:
    """Yield records with a value in every column, also where pages state it only in prose."""
    names = load_gazetteer()
    for number in range(count):
        random = Random(number)
        [record] = read_input(Input(f"{number:06}.txt", data=page(number).encode()))
        year = random.randint(2005, 2020)
        dates = (f"{year}-{random.randint(1, 12):02}", f"{year + random.randint(1, 4)}-{random.randint(1, 12):02}")
        status = random.choice([*names.entries["status"].values()])
        actors = random.sample([*names.entries["actor"].values()], 4)
        title = Text(f"{record.title.text if record.title else 'Project'} {number}")
        yield replace(
            record,
            code=Text(f"G{number + 1:04}"),
            title=title,
            slug=Text(f"project-{_word(random)}-{number}"),
            status=_named(status),
            start=Date(dates[0], Text(dates[0])),
            end=Date(dates[1], Text(dates[1])),
            participations=tuple(
                Participation(_named(actor), role, Basis.STATED)
                for actor, role in zip(actors, ("funder", "implementer", "implementer", "partner"), strict=True)
            ),
            scopes=tuple(
                Scope(_named(entry), Basis.STATED)
                for kind, most in (("country", 4), ("theme", 2))
                for entry in random.sample([*names.entries[kind].values()], random.randint(1, most))
            ),
            summary=record.summary or (Text(f"A summary of the project {title.text}."),),
            aim=record.aim or (Text(f"To help {_word(random)}."),),
            outcomes=record.outcomes or (Text(f"People have learnt {_word(random)}."),),
            contacts=(),
            left_blank=(),
        )


@cache
def _templates() -> list[tuple[str, str]]:
    """Return the texts that contain their title, each with the title, which is replaced."""
    found = []
    for path in (path for folder in _FOLDERS for path in sorted(folder.glob("*.txt"))):
        [record] = read_input(Input(path.name, path))
        text, title = path.read_text(encoding="utf-8"), record.title.text if record.title else ""
        if title in text:
            found.append((text, title))
    return found


@cache
def _entries(kind: str) -> list[GazetteerEntry]:
    return [entry for entry in load_gazetteer().entries[kind].values() if kind != "country" or entry.cell("demonyms")]


def _renamed(text: str, random: Random) -> str:
    """Replace each known name by the name of another entity of its kind, consistently."""
    chosen: dict[tuple[str, str], GazetteerEntry] = {}
    pieces, last = [], 0
    for mention in load_gazetteer().find_mentions(text):
        entry = mention.entries[0]
        kind = "country" if entry.kind == "demonym" else entry.kind
        other = chosen.setdefault((kind, entry.key), random.choice(_entries(kind)))
        name = other.cell("demonyms")[0] if entry.kind == "demonym" else random.choice(other.names[:2])
        pieces += [_invented(text[last : mention.start], random), name]
        last = mention.end
    return "".join([*pieces, _invented(text[last:], random)])


def _invented(text: str, random: Random) -> str:
    """Replace half of the capitalised words, so that names occur which are in no list."""
    text, rights, rest = text.partition(_RIGHTS)
    text = _CAPITALISED.sub(lambda match: _word(random).title() if random.random() < 0.5 else match[0], text)
    return text + rights + rest


def _reordered(lines: list[str], random: Random) -> Iterator[str]:
    """Shuffle adjacent paragraphs and list items, and add a random word to each sentence."""
    filled = [line for line in lines if line.strip()]
    head, body = filled[:2], filled[2:]  # the title stays first
    groups = [[*group] for _, group in groupby(body, key=lambda line: (len(line) > _PARAGRAPH, line[:3] == "  •"))]
    for group in groups:
        if len(group[0]) > _PARAGRAPH or group[0].startswith("  •"):
            # The rights statement, which may end the last paragraph, stays last.
            movable = [line for line in group if _RIGHTS not in line]
            group[: len(movable)] = random.sample(movable, len(movable))
    moved = iter([*head, *(line for group in groups for line in group)])
    for line in lines:
        yield "" if not line.strip() else _own_words(next(moved), random)


def _own_words(line: str, random: Random) -> str:
    if len(line) <= _SENTENCE or _RIGHTS in line:
        return line
    return " ".join(_LAST_WORD.sub(f" {_word(random)} ", part) for part in _SENTENCE_END.split(line.rstrip()))


def _word(random: Random) -> str:
    return "".join(random.choice("bdfgklmnprstv") + random.choice("aeiou") for _ in range(4))


def _named(entry: GazetteerEntry) -> Named:
    return Named(entry.kind, entry.key, Text(entry.name))
