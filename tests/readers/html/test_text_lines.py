"""An HTML tree becomes the lines that saving the page as text would give, with their places in the file."""

from __future__ import annotations

import html

from cybilgraph.model.record import Place
from tests.support.html_pages import FORMATS, read, text_record


def test_reads_nested_lists_and_preformatted_text() -> None:
    record = read(
        "<h1>A <i>pro</i>ject&nbsp;<br>of two</h1><h2>Activities</h2><ul><li><p>One</p><ul><li>One A</li></ul></li><li>Two</ul>"
        "<h2>Outputs</h2><ol start=3><li>Three<li>Four</ol><h2>Summary</h2><pre>a\nb</pre>"
    )
    assert record.title
    assert record.title.text == "A project of two"
    assert [item.text for item in record.activities] == ["One", "One A", "Two"]
    assert [item.text for item in record.outputs] == ["Three", "Four"]


def test_content_after_html_end_tag_is_read() -> None:
    record = read("<html><body><h1>A project</h1></body></html><h2>Summary</h2>\n<p>Text.</p>")
    assert [text.text for text in record.summary] == ["Text."]


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
