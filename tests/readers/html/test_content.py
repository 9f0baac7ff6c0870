"""The project's part of an HTML page is found, without what surrounds it."""

from __future__ import annotations

from tests.support.html_pages import read


def test_hidden_and_surrounding_elements_are_not_read() -> None:
    record = read(
        "<body><h1>A project</h1><div hidden>x1</div><p style='DISPLAY : none'>x2</p><select><option>x3</select>"
        "<div class='social-share'>x4</div><textarea>x5</textarea><svg><text>x6</text></svg><!-- x7 -->"
        "<div role=navigation>x8</div><footer>x9</footer><dialog>x0</dialog><h2>Summary</h2><p>Text.</p>"
    )
    assert [text.text for _, text in record.narrative()] == ["Text."]
