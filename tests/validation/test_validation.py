"""Two independent engines find the same faults: all planted ones, and no others."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator

import pyoxigraph as ox
import pytest

from cybilgraph import validation
from cybilgraph.errors import EnginesDisagree, ShapesError
from cybilgraph.model.findings import ShaclResult
from cybilgraph.model.resources import shape_files
from cybilgraph.model.vocabulary import RULES as RULE
from cybilgraph.model.vocabulary import SH, XSD
from cybilgraph.validation import BOTH_ENGINES, ENGINES, rust_engine, validate, validate_batches
from tests.support.planted import RULES, records, shapes, sorts, with_context

SHACL = "http://www.w3.org/ns/shacl#"


@pytest.mark.slow
def test_good_record_conforms_and_each_update_breaks_its_rule() -> None:
    good = [sort for sort in sorts() if not sort.rule]
    assert len(good) == 2
    assert not any(sort.broken for sort in good)
    for sort in sorts():
        assert not sort.rule or f"{RULE}{sort.rule}" in {result.rule for result in sort.broken}, sort.rule
    assert {sort.rule for sort in sorts()} == {"", *RULES}


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "number"), [("fast", 1_000), ("pyshacl", 14)])
def test_planted_faults_are_found_without_false_alarms(engine: str, number: int) -> None:
    planted: set[str] = set()
    for batch in records(number):
        data = with_context(line for record in batch for line in record.lines)
        results = validate(data, shapes(), engine)
        wanted = {result.without_messages for record in batch for result in record.broken}
        assert {result.without_messages for result in results} == wanted
        planted |= {record.rule for record in batch}
    # test_shapes covers each rule with both engines.
    assert planted == {"", *RULES} if engine == "fast" else len(planted) > 5


# ---- randomly mutated shapes ----------------------------------------------------------------------

_NUMBERS = {f"{SHACL}{name}" for name in ("minCount", "maxCount", "minLength", "maxLength")}
_CONSTRAINTS = _NUMBERS | {
    f"{SHACL}{name}" for name in ("pattern", "node", "class", "hasValue", "in", "or", "datatype", "nodeKind")
}
_TIGHTER = (
    ("maxCount", ox.Literal(0)),
    ("minCount", ox.Literal(2)),
    ("nodeKind", ox.NamedNode(f"{SHACL}IRI")),
    ("nodeKind", ox.NamedNode(f"{SHACL}Literal")),
    ("datatype", ox.NamedNode(XSD.date)),
    ("maxLength", ox.Literal(12)),
    ("minLength", ox.Literal(12)),
    ("pattern", ox.Literal("^[A-Z].*[.]$")),
    ("uniqueLang", ox.Literal(True)),
    ("lessThan", ox.NamedNode("http://purl.org/dc/terms/title")),
    ("class", ox.NamedNode("http://www.w3.org/2004/02/skos/core#Concept")),
)


def mutated(seed: int) -> str:
    """Our shapes with some constraints removed, widened or added."""
    chance = random.Random(seed)
    triples = [quad.triple for path in shape_files() for quad in ox.parse(path=path, format=ox.RdfFormat.TURTLE)]
    kept: list[ox.Triple] = []
    for triple in triples:
        change = triple.predicate.value in _CONSTRAINTS and chance.random() < 0.2
        if change and triple.predicate.value in _NUMBERS:
            value = max(int(triple.object.value) + chance.choice((-1, 1, 2)), 0)
            kept.append(ox.Triple(triple.subject, triple.predicate, ox.Literal(value)))
        elif not change:
            kept.append(triple)
    owners = sorted({str(triple.subject) for triple in triples if triple.predicate.value == f"{SHACL}path"})
    said = {(str(triple.subject), triple.predicate.value) for triple in kept}
    for shape in chance.sample(owners, 12):
        name, value = chance.choice(_TIGHTER)
        if shape.startswith("<") and (shape, f"{SHACL}{name}") not in said:  # a shape has most of them once
            kept.append(ox.Triple(ox.NamedNode(shape[1:-1]), ox.NamedNode(f"{SHACL}{name}"), value))
    return ox.serialize(kept, format=ox.RdfFormat.N_TRIPLES).decode()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_engines_agree_on_randomly_mutated_shapes(seed: int) -> None:
    [batch] = records(8, seed)
    data = with_context(line for record in batch for line in record.lines)
    assert validate(data, mutated(seed), BOTH_ENGINES) != validate(data, shapes()), "the changes change something"


@pytest.mark.slow
def test_day_and_year_are_not_comparable() -> None:
    """Such a value breaks the shape (SHACL, section 4.3.1); pySHACL treats a year as its first day."""
    shapes = f"""@prefix sh: <{SHACL}> . @prefix xsd: <{XSD.iri}> .
        <urn:s> sh:targetNode <urn:a> ; sh:property [ sh:path <urn:p> ; sh:minInclusive "2017-01-01"^^xsd:date ] ."""
    data = f'<urn:a> <urn:p> "2018"^^<{XSD.gYear}> .'
    assert len(validate(data, shapes)) == 1
    with pytest.raises(EnginesDisagree, match="only fast: <urn:a>"):
        validate(data, shapes, BOTH_ENGINES)


# ---- both ------------------------------------------------------------------------------------------

SHAPES = f"""@prefix sh: <{SHACL}> . @prefix e: <http://e/> . @prefix xsd: <{XSD.iri}> .
e:S a sh:NodeShape ; sh:targetClass e:C ;
  sh:property [ sh:path e:v ; sh:datatype xsd:integer ; sh:nodeKind sh:IRI ; sh:severity e:Bad ] ;
  sh:property [ sh:path ( e:p [ sh:inversePath e:q ] [ sh:zeroOrMorePath e:r ]
      [ sh:alternativePath ( e:s [ sh:oneOrMorePath [ sh:zeroOrOnePath e:u ] ] ) ] ) ; sh:minCount 1 ; sh:message "m"@en, "n"@es ] ;
  sh:property [ sh:path [ sh:inversePath ( e:q e:q2 ) ] ; sh:minCount 1 ] .
[ sh:targetNode "a literal" ] sh:nodeKind sh:IRI .
"""
DATA = """<http://e/a> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://e/C> .
<http://e/a> <http://e/v> "01"^^<http://www.w3.org/2001/XMLSchema#decimal> .
<http://e/a> <http://e/v> "x"@en-gb .
<http://e/a> <http://e/v> "a\\n\\"b\\"\\\\é\\t\\u007F" .
<http://e/a> <http://e/v> _:x .
_:second <http://e/v> _:x .
_:second <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://e/C> .
"""


@pytest.mark.slow
def test_results_keep_terms_paths_components_and_severities() -> None:
    results = validate(DATA, SHAPES, BOTH_ENGINES)
    assert {result.value for result in results} >= {
        '"01"^^<http://www.w3.org/2001/XMLSchema#decimal>',
        '"x"@en-gb',
        '"a\\n\\"b\\"\\\\é\\t\\u007F"',
        "_:x",
        "",
    }
    assert {result.focus for result in results} == {"<http://e/a>", "_:second", '"a literal"'}
    assert {result.path for result in results} == {
        "",
        "<http://e/v>",
        "^(<http://e/q>/<http://e/q2>)",
        "(<http://e/p>/^<http://e/q>/(<http://e/r>)*/(<http://e/s>|((<http://e/u>)?)+))",
    }
    assert {result.severity for result in results} == {SH.Violation, "http://e/Bad"}
    assert {result.rule for result in results} == {"http://e/S", "_:b17"}
    assert ("m", "n") in {result.messages for result in results}
    assert f"{SHACL}DatatypeConstraintComponent" in {result.component for result in results}


@pytest.mark.slow
def test_disagreement_of_engines_lists_each_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    found = validate(DATA, SHAPES)
    less: Callable[..., list[ShaclResult]] = lambda *given: rust_engine.validate(*given)[1:]  # noqa: E731
    with monkeypatch.context() as patch:
        patch.setitem(ENGINES, "fast", less)
        with pytest.raises(EnginesDisagree, match="disagree: 1 results of only one engine") as error:
            validate(DATA, SHAPES, BOTH_ENGINES)
    [_, difference] = error.value.what.splitlines()
    parts = ((each.focus, each.path, each.value, each.rule, each.component, each.severity) for each in found)
    assert difference in {f"  only pyshacl: {' '.join(filter(None, each))}" for each in parts}


@pytest.mark.slow
def test_engines_may_disagree_on_recursive_shapes() -> None:
    """SHACL leaves recursion undefined (section 3.4.3), so a disagreement must be reported."""
    shapes = f"@prefix sh: <{SHACL}> . <urn:s> a sh:NodeShape ; sh:targetClass <http://e/C> ; sh:not <urn:s> ."
    with pytest.raises(EnginesDisagree, match="only fast: "):
        validate(DATA, shapes, BOTH_ENGINES)


@pytest.mark.slow
@pytest.mark.parametrize(
    "shapes",
    [
        "",
        "<urn:a> <urn:b> 1 .",
        "<urn:s> sh:targetClass <http://e/C> ; sh:sparql [ sh:select 'SELECT $this { SERVICE <http://127.0.0.1:9/> { ?a ?b ?c } }' ] .",
        "<urn:s> sh:targetClass <http://e/C> ; sh:sparql [ sh:select 'SELECT $this FROM <file:///etc/hostname> { $this ?b ?c }' ] .",
        "<urn:s> sh:targetClass <http://e/C> ; sh:sparql [ sh:select 'SELECT $this { $this ex:p ?value }' ] .",
        "<urn:s> sh:targetClass <http://e/C> ; sh:sparql [ sh:select 'SELECT $this { $this ' ] .",
        "<urn:s> sh:targetClass <http://e/C> ; sh:sparql [ sh:select '" + "{" * 10_000 + "' ] .",
        "<urn:s> sh:declare [ sh:prefix 'x' ; sh:namespace 'urn:x> SELECT $this { } #' ] ; sh:targetClass <http://e/C> .",
        "<urn:s> sh:targetClass <http://e/C> ; sh:property [ sh:path [] ; sh:minCount 1 ] .",
        "<urn:s> sh:targetClass <http://e/C> ; sh:property [ sh:path <urn:p> ; sh:minCount 'x' ] .",
        "<urn:s> sh:targetClass <http://e/C> ; sh:or <urn:y> .",
        "<urn:s> sh:targetClass <http://e/C> ; sh:property [ sh:path <http://e/v> ; sh:pattern '(' ] .",
        "<urn:s> sh:targetClass <http://e/C> ; sh:in _:l . _:l rdf:first 1 ; rdf:rest _:l .",
        "<urn:s> sh:targetClass <http://e/C> ; sh:property [ sh:path _:p ; sh:minCount 1 ] . _:p sh:inversePath _:p .",
        "<urn:s> sh:targetClass <http://e/C> ; sh:not _:n0 . "
        + "".join(f"_:n{i} sh:not _:n{i + 1} . " for i in range(2_000)),
    ],
)
def test_unusable_shapes_raise_a_clear_error(shapes: str) -> None:
    head = f"@prefix sh: <{SHACL}> . @prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> . "
    for engine in ENGINES:
        with pytest.raises(ShapesError) as error:
            validate(DATA, head + shapes, engine)
        assert error.value.hint


def test_batches_keep_their_order_with_limited_lookahead(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    made: list[int] = []

    def batches() -> Iterator[tuple[int, str]]:
        for number in range(10):
            made.append(number)
            yield number, str(number)

    def run(text: str, *_: object) -> list[ShaclResult]:
        if text == "0":
            gate.wait(10)
        return [ShaclResult(text, "", "", "", "", "", ())]

    monkeypatch.setattr(validation, "validate", run)
    running = validate_batches(batches())
    threading.Timer(0.2, gate.set).start()
    assert next(running)[0] == 0
    assert made == [0, 1, 2]
    assert [(number, results[0].focus) for number, results in running] == [(n, str(n)) for n in range(1, 10)]


def test_engine_failure_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object) -> list[ShaclResult]:
        raise ValueError("no N-Triples")

    monkeypatch.setattr(validation, "validate", run)
    with pytest.raises(ValueError, match="no N-Triples"):
        list(validate_batches([(1, "")]))
