"""Texts of IATI elements are read in the language of the activity."""

from __future__ import annotations

import pytest

from tests.support.iati_files import one, read, wrapped


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ('<narrative>A</narrative><narrative xml:lang="en">B</narrative>', "A"),
        ('<narrative xml:lang="fr">A</narrative><narrative xml:lang="EN">B</narrative>', "B"),
        ('<narrative xml:lang="fr">A</narrative><narrative xml:lang="en-GB">B</narrative>', "B"),
        ('<narrative xml:lang="fr">A</narrative><narrative xml:lang="es">B</narrative>', "A"),
        ("<narrative> </narrative><narrative>B</narrative>", "B"),
        ("<narrative><![CDATA[A & <b>]]></narrative>", "A & <b>"),
        ("<narrative>A<!-- not --> B&#160;C\n  D</narrative>", "A B C D"),
        ("A", "A"),
    ],
)
def test_uses_narrative_in_language_of_activity(title: str, text: str) -> None:
    [record] = read(wrapped(f'<iati-activity xml:lang="en"><title>{title}</title></iati-activity>'))
    assert record.title
    assert record.title.text == text


def test_paragraphs_and_items_stay_separate_and_wrapped_lines_are_joined() -> None:
    long = "This line is as long as the width of an editor would allow it to"
    record = one(
        f"<description><narrative>Background\n{long}\nBelize be.\n\nIt has:\n- one,\n- two.</narrative></description>"
    )
    assert [part.text for part in record.summary] == [
        "Background",
        f"{long} Belize be.",
        "It has:",
        "one,",
        "two.",
    ]
