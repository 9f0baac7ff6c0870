"""An HTML tree becomes the lines that saving the page as text would give."""

from __future__ import annotations

from tests.support.html_pages import read


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
