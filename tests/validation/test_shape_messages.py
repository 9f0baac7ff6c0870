"""Messages of any shapes are in the requested language."""

from __future__ import annotations

from pathlib import Path

import pytest

from cybilgraph import pipeline
from tests.conftest import run
from tests.support.arbitrary_shapes import DATA, HEAD, SHAPES

WORDED = f"""{HEAD}
ex:S a sh:NodeShape ; sh:targetClass ex:C ;
  sh:property [ sh:path ex:name ; sh:maxLength 3 ; sh:message "Demasiado largo"@es, "Too long"@en, "Trop long"@fr-CA ],
    [ sh:path ex:name ; sh:minLength 9 ; sh:message "Kurz"@de, "Short" ],
    [ sh:path ex:name ; sh:nodeKind sh:IRI ; sh:message "Kein IRI"@de ] ;
  sh:sparql [ sh:message "{{?value}} est mauvais"@fr, "{{?value}} is bad"@en, "{{?value}}"@es ;
    sh:select "SELECT $this ?value {{ $this <http://e/name> ?value }}" ] .
"""


@pytest.mark.parametrize("engine", ["fast", "pyshacl"])
@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", {"Too long", "Short", "Kein IRI", "Long is bad"}),
        ("es", {"Demasiado largo", "Short", "Kein IRI", "Long"}),
        ("fr", {"Trop long", "Short", "Kein IRI", "Long est mauvais"}),
    ],
)
def test_messages_of_shapes_are_in_the_requested_language(
    tmp_path: Path, engine: str, language: str, expected: set[str]
) -> None:
    (tmp_path / "shapes.ttl").write_text(WORDED, encoding="utf-8")
    (tmp_path / "data.ttl").write_text(f'{HEAD}ex:a a ex:C ; ex:name "Long" .', encoding="utf-8")
    report = pipeline.check_rdf(
        tmp_path / "data.ttl", shapes=[tmp_path / "shapes.ttl"], engine=engine, language=language
    )
    assert {found.message for found in report.findings} == expected


def test_default_message_is_in_the_requested_language(tmp_path: Path) -> None:
    (tmp_path / "shapes.ttl").write_text(SHAPES, encoding="utf-8")
    (tmp_path / "data.ttl").write_text(DATA, encoding="utf-8")
    shown = run("check", "--shapes", tmp_path / "shapes.ttl", tmp_path / "data.ttl", "--lang", "fr").stdout.decode()
    assert "An age is a number." in shown
    assert "http://e/name ne respectent pas sh:minCount." in shown
