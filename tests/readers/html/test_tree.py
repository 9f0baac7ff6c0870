"""HTML files in any encoding are decoded and parsed within limits, and the project's part of them is found."""

from __future__ import annotations

from tests.support.html_pages import read


def test_file_in_older_encoding_keeps_accents() -> None:
    body = "<h1>Côte d’Ivoire – a project</h1><h2>Summary</h2><p>Text.</p>"
    for declared, written, found in (
        ("utf-8", "utf-8", 0), ("iso-8859-1", "utf-8", 0), ("iso-8859-1", "cp1252", 0), ("windows-1252", "cp1252", 0),
        ("utf-8", "cp1252", 1), ("", "cp1252", 1), ("", "utf-8-sig", 0), ("utf-8", "utf-16", 0), ("", "utf-16-le", 0),
        ("", "utf-8", 0), ("zip", "utf-8", 0), ("no-such", "cp1252", 1),
    ):  # fmt: skip
        record = read(f'<html><meta charset="{declared}">{body}'.encode(written))
        assert record.title
        assert record.title.text == "Côte d’Ivoire – a project", (declared, written)
        assert len(record.findings) == found, (declared, written)
    assert read('<meta charset="shift_jis"><h1>日本の計画</h1>'.encode("shift_jis")).title.text == "日本の計画"  # type: ignore[union-attr]


def test_reads_tables_by_rows_and_columns() -> None:
    expected = read(
        "<h1>A project</h1><p>Status: Ongoing</p><h2>Funders</h2><p>Norway</p><p>UNODC</p><h2>Countries</h2><p>Mali</p>"
    )
    for table in (
        "<tr><th>Funders<td>Norway<br>UNODC<tr><th>Countries<td>Mali<tr><th>Status<td>Ongoing",
        "<thead><tr><th>Status<th>Funders<th>Countries<tbody><tr><td>Ongoing<td>Norway<td>Mali<tr><td><td>UNODC<td>",
    ):
        assert read(f"<h1>A project</h1><table>{table}</table>") == expected
    other = read("<h1>A project</h1><h2>Details</h2><table><tr><th>Year<th>What<tr><td>2018<td>A course</table>")
    assert [text.text for text in other.description] == ["Year What", "2018 A course"]


def test_entities_defined_by_page_are_text() -> None:
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 50}">' for n in range(1, 20))
    record = read(
        f'<!DOCTYPE html [<!ENTITY e0 "x">{bomb}<!ENTITY f SYSTEM "file:///etc/hostname">]>'
        "<h1>A project</h1><p>&e19;&f;</p>"
    )
    assert len(repr(record)) < 10_000


def test_hidden_and_surrounding_elements_are_not_read() -> None:
    record = read(
        "<body><h1>A project</h1><div hidden>x1</div><p style='DISPLAY : none'>x2</p><select><option>x3</select>"
        "<div class='social-share'>x4</div><textarea>x5</textarea><svg><text>x6</text></svg><!-- x7 -->"
        "<div role=navigation>x8</div><footer>x9</footer><dialog>x0</dialog><h2>Summary</h2><p>Text.</p>"
    )
    assert [text.text for _, text in record.narrative()] == ["Text."]
