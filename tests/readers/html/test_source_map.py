"""Values of an HTML page have their place in the file."""

from __future__ import annotations

import html

from cybilgraph.model.record import Place
from tests.support.html_pages import FORMATS, read, text_record


def test_places_are_positions_in_the_file() -> None:
    path = FORMATS / "belize-G0020.html"
    lines = path.read_text(encoding="utf-8").split("\n")
    record = text_record(path)
    for text in (record.title, record.code, *record.summary, *record.aim, *record.activities, record.rights):
        assert text
        assert text.place
        here = lines[text.place.line - 1][text.place.column - 1 :]
        assert html.unescape(here).startswith(text.text[:20]), text
    assert record.links[0].place
    assert lines[record.links[0].place.line - 1][record.links[0].place.column - 1 :].startswith("Podcast episode <a")
    assert record.blank("funder").place  # type: ignore[union-attr]


def test_words_with_character_references_have_columns() -> None:
    body = "<main><h1>A project</h1>\n<h3>Countries</h3><ul><li>Gha&#110;na</li><li>&#80;eru &amp; x</li></ul></main>"
    record = read(f"<html><body>\n{body}</body></html>")
    places = [scope.concept.printed.place for scope in record.scopes]
    line = body.split("\n")[1]
    assert places == [Place(3, line.index("Gha&") + 1), Place(3, line.index("&#80;") + 1)]
