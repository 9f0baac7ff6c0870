"""Shapes and data of a vocabulary other than ours."""

from __future__ import annotations

from pathlib import Path

from cybilgraph import pipeline
from cybilgraph.model.findings import Report

HEAD = """@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix ex: <http://e/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""

SHAPES = f"""{HEAD}
ex:Person a sh:NodeShape ; sh:targetClass ex:C ; sh:property ex:age, [ sh:path ex:name ; sh:minCount 1 ; sh:severity sh:Warning ] .
ex:age sh:path ex:age ; sh:datatype xsd:integer ; sh:message "An age is a number."@en .
"""

DATA = """@prefix ex: <http://e/> .
ex:a a ex:C ; ex:name "A" ;
   ex:age "old"@en-GB ,
  5 .
[ a ex:C ; ex:age 1.5 ] .
"""


def check(
    tmp_path: Path, data: str | bytes, shapes: str = SHAPES, name: str = "data.ttl", engine: str = "fast"
) -> Report:
    (tmp_path / name).write_bytes(data.encode() if isinstance(data, str) else data)
    (tmp_path / "shapes.ttl").write_text(shapes, encoding="utf-8")
    return pipeline.check_rdf(tmp_path / name, shapes=[tmp_path / "shapes.ttl"], engine=engine)
