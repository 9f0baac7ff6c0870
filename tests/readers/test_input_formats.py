"""Recognition of input without a file name."""

from __future__ import annotations

import pytest

from cybilgraph.readers import READERS
from cybilgraph.readers.input_formats import INPUT_FORMATS, guess_suffix, input_name
from tests.conftest import RECORDS, SAMPLES
from tests.support.hostile import ANY, GOOD

KNOWN = frozenset(READERS) - {""}


@pytest.mark.parametrize("suffix", sorted(KNOWN))
def test_valid_files_are_recognised(suffix: str) -> None:
    assert READERS[guess_suffix(GOOD()[suffix])] in (READERS[suffix], READERS[".json"])


def test_samples_are_recognised() -> None:
    for path in [*RECORDS.iterdir(), *(SAMPLES / "labelled").glob("*.txt"), *(SAMPLES / "one-project").iterdir()]:
        assert READERS[guess_suffix(path.read_bytes())] is READERS[path.suffix], path.name


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        ("Title: A\nStatus: Ongoing\n", ".txt"),
        ("title: A\nstatus: Ongoing\n", ".yaml"),
        ("# a comment\nprojects:\n- title: A\n", ".yaml"),
        ('\n {"title": "A"}', ".json"),
        ('{"title": "A"}\n{"title": "B"}\n', ".jsonl"),
        ('{"@context": {}, "@id": "x:y"}', ".jsonld"),
        ("title;code\nA;G0101\n", ".csv"),
        ("title\tcode\nA\tG0101\n", ".tsv"),
        ("A project, and another\n\nSummary\n", ".txt"),
        ("PREFIX cyb: <x>\n<a> <b> <c> .", ".ttl"),
        ('<a:a> <b:b> "c" .\n', ".ttl"),
        ('<a:a> <b:b> "c" <g:g> .\n', ".nq"),
        ("@prefix a: <b> . a:g { a:s a:p a:o . }", ".trig"),
        ("<?xml version='1.0'?>\n<!-- x -->\n<rdf:RDF/>", ".rdf"),
        ("<?xml version='1.0'?><iati-activities/>", ".xml"),
        ("<!DOCTYPE html><p>x", ".html"),
        ("", ".txt"),
    ],
)
def test_guesses_suffix_of_text(content: str, suffix: str) -> None:
    assert guess_suffix(content.encode()) == suffix
    assert guess_suffix(content.encode("utf-16")) == suffix


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "line",
    ["#\n", "# a\n\n  ", "<!---->", "<!--a--> \n", "<?xml?>", "<!doctype a>", "<!doctype a[]>\n", "# {\n@prefix"],
)
def test_many_comments_take_bounded_time(line: str) -> None:
    """A pattern that could match comments in several ways would take exponential time."""
    guess_suffix(line.encode() * 1_000)
    assert guess_suffix(line.encode() * 1_000 + b"x") == guess_suffix(line.encode() * 30 + b"x")


@pytest.mark.parametrize("name", ANY)
def test_hostile_content_can_be_guessed(name: str) -> None:
    assert guess_suffix(ANY[name]()) in KNOWN


@pytest.mark.parametrize(
    ("name", "requested", "media_type", "content", "expected"),
    [
        ("", "", "", b"A project", "record.txt"),
        ("a.YML", "", "", b"x", "a.YML"),
        ("a.txt", "yaml", "", b"x", "a.yaml"),
        ("a.yaml", "yaml", "text/csv", b"x", "a.yaml"),
        ("a.docx", "", "", b"A project", "a.docx.txt"),
        ("", "", "text/turtle", b"x", "record.ttl"),
        ("", "", "text/plain", b'{"title": "x"}', "record.json"),
        ("../../etc/passwd", "", "", b"x", "passwd.txt"),
        ("..\\..\\boot.ini", "", "", b"x", "boot.ini.txt"),
        ("/", "", "", b"x", "record.txt"),
        ("...", "", "", b"x", "record.txt"),
        (".ttl", "", "", b"x", "ttl.txt"),
        ("a\0\x1b[31m\u202e.txt", "", "", b"x", "a\\x00\\x1b[31m\\u202e.txt"),
        ("a" * 5_000 + ".csv", "", "", b"x", "a" * 96 + ".csv"),
    ],
)
def test_names_uploads(name: str, requested: str, media_type: str, content: bytes, expected: str) -> None:
    assert input_name(name, requested, media_type, content, KNOWN) == expected


def test_every_kind_has_a_reader() -> None:
    assert {kind.suffix for kind in INPUT_FORMATS} <= KNOWN
    assert {READERS[kind.suffix] for kind in INPUT_FORMATS} == set(READERS.values())
    assert len({kind.name for kind in INPUT_FORMATS}) == len(INPUT_FORMATS)
