"""Unknown terms in the namespace of SHACL are reported."""

from __future__ import annotations

import json
from pathlib import Path

from cybilgraph.readers import Input
from cybilgraph.validation.arbitrary_rdf import unknown_terms
from tests.conftest import ROOT, run
from tests.support.arbitrary_shapes import HEAD


def test_unknown_shacl_terms_are_reported_with_a_suggestion(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    shapes = f"""{HEAD}ex:S a sh:NodeShape ; sh:targetClass ex:C ;
  sh:property [ sh:path ex:name ; sh:maxLenght 3 ; sh:maxLenght 4 ] ,
    [ sh:path ex:age ; sh:minCoun 1 ; sh:severity sh:Worning ; sh:AndConstraintComponent-and () ; sh:qwxz 1 ] .
"""
    (tmp_path / "a" / "data.ttl").write_text(shapes, encoding="utf-8")  # same name as the data file
    (tmp_path / "data.ttl").write_text(f'{HEAD}ex:a a ex:C ; ex:name "Long" .', encoding="utf-8")
    shown = run("check", "--shapes", "a/data.ttl", "data.ttl", "-f", "json", cwd=tmp_path)
    assert shown.returncode == 0
    found = json.loads(shown.stdout)["findings"]
    assert [(each["line"], each["column"], each["text"], each["suggestion"]) for each in found if each["line"] < 6] == [
        (5, 35, "sh:maxLenght", "Did you mean sh:maxLength?"),
    ]
    assert {(each["text"], each["suggestion"]) for each in found if each["line"] == 6} == {
        ("sh:minCoun", "Did you mean sh:minCount?"),
        ("sh:Worning", "Did you mean sh:Warning?"),
        ("sh:qwxz", "Use a term of the SHACL recommendation, or one from another namespace."),
    }
    for each in found:
        excerpt = each["excerpt"]
        assert excerpt["text"][excerpt["mark"] - 1 :].startswith(each["text"])
    assert run("check", "--shapes", "a/data.ttl", "data.ttl", "--fail-on", "warning", cwd=tmp_path).returncode == 1


def test_own_shapes_have_no_unknown_terms() -> None:
    for path in (ROOT / "shapes").glob("*.ttl"):
        assert not list(unknown_terms(Input(path.name, path))), path
