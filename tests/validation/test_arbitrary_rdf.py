"""Any RDF with any shapes: findings have positions, errors are clear, nothing is fetched or crashes."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pyoxigraph as ox
import pytest
from rdflib import SH, Graph, Literal, URIRef

from cybilgraph import pipeline
from cybilgraph.errors import ShapesError
from cybilgraph.model.findings import Finding, Severity
from cybilgraph.model.rules import catalogue
from cybilgraph.model.vocabulary import CYB
from cybilgraph.readers import Input
from cybilgraph.readers.rdf.document import SYNTAXES
from cybilgraph.validation import ENGINES
from cybilgraph.validation.arbitrary_rdf import unknown_shape_terms, unknown_terms
from cybilgraph.validation.outputs import OUTPUTS
from cybilgraph.validation.pyshacl_engine import sparql_path
from tests.conftest import ROOT, run
from tests.support.arbitrary_shapes import DATA, HEAD, SHAPES, check


def brief(finding: Finding) -> tuple[int, int, str, str]:
    return finding.line, finding.column, finding.rule, finding.text


@pytest.mark.parametrize("engine", ["fast", "pyshacl", "both"])
def test_finding_has_the_position_of_its_statement(tmp_path: Path, engine: str) -> None:
    report = check(tmp_path, DATA, engine=engine)
    assert list(map(brief, report.findings)) == [
        (3, 11, "http://e/age", "old"),
        (5, 1, "http://e/Person", ""),
        (5, 19, "http://e/age", "1.5"),
    ]
    first, second, third = report.findings
    assert first.message == "An age is a number."
    assert first.file == "data.ttl"
    assert (first.focus, first.path, first.value) == ("http://e/a", "http://e/age", "old")
    assert first.result
    assert first.result.value == '"old"@en-gb'
    assert second.severity is Severity.WARNING
    assert second.message
    assert third.result
    assert third.result.focus.startswith("_:")
    assert (report.statements, report.records, report.sources, report.unread) == (6, 0, 1, 0)


@pytest.mark.parametrize("suffix", SYNTAXES)
def test_every_syntax_gives_the_same_findings(tmp_path: Path, suffix: str) -> None:
    triples = [quad.triple for quad in ox.parse(DATA.encode(), format=ox.RdfFormat.TURTLE)]
    content = ox.serialize(triples, format=SYNTAXES[suffix], prefixes={"ex": "http://e/"})
    report = check(tmp_path, content, name=f"data{suffix}")
    lines = content.decode().split("\n")
    assert len(report.findings) == 3
    for finding in report.findings:
        assert finding.line
        if finding.value:
            assert finding.value in lines[finding.line - 1][finding.column - 1 :]


def test_files_form_one_graph_with_separate_blank_nodes(tmp_path: Path) -> None:
    (tmp_path / "a.ttl").write_text(f'{HEAD}_:x a ex:C ; ex:name "A" ; ex:age ex:b .\n')
    (tmp_path / "b.nq").write_text('_:x <http://e/age> "x" <urn:g> .\n<http://e/b> <http://e/is> "an age" .\n')
    (tmp_path / "shapes.ttl").write_text(
        f"{HEAD}ex:S sh:targetClass ex:C ; sh:property [ sh:path ( ex:age ex:is ) ; sh:maxCount 0 ], ex:age . ex:age sh:path ex:age ; sh:maxCount 0 ."
    )
    report = pipeline.check_rdf(tmp_path / "a.ttl", tmp_path / "b.nq", shapes=[tmp_path / "shapes.ttl"], engine="both")
    assert [(finding.file, finding.line, finding.rule) for finding in report.findings] == [
        ("a.ttl", 4, "http://e/S"),
        ("a.ttl", 4, "http://e/age"),
    ]
    assert report.sources == 2


def test_relative_iris_resolve_against_their_file(tmp_path: Path) -> None:
    shapes = f"{HEAD}<#s> a sh:NodeShape ; sh:targetNode <data.ttl#me> ; sh:nodeKind sh:Literal ."
    [finding] = check(tmp_path, "<#me> <#p> 1 .", shapes).findings
    assert finding.focus == (tmp_path / "data.ttl").as_uri() + "#me"
    assert (finding.line, finding.column) == (1, 1)


def test_focus_node_without_own_statements_has_a_position(tmp_path: Path) -> None:
    shapes = f"{HEAD}ex:S a sh:NodeShape ; sh:targetObjectsOf ex:age ; sh:nodeKind sh:IRI ; sh:severity ex:Worst ."
    findings = check(tmp_path, DATA, shapes, engine="both").findings
    assert [(finding.line, finding.text, finding.severity) for finding in findings] == [
        (3, "old", Severity.VIOLATION),
        (4, "5", Severity.VIOLATION),
        (5, "1.5", Severity.VIOLATION),
    ]


def test_turtle_report_has_every_property_of_each_result(tmp_path: Path) -> None:
    shapes = f"""{HEAD}ex:S sh:targetClass ex:C ; sh:severity ex:Worst ; sh:property [ sh:path ex:age ; sh:nodeKind sh:IRI ;
        sh:severity ex:Worst ], [ sh:minCount 1 ; sh:path ( ex:p [ sh:inversePath ex:q ] [ sh:zeroOrMorePath ex:r ]
        [ sh:alternativePath ( ex:s [ sh:oneOrMorePath [ sh:zeroOrOnePath ( ex:u ex:v ) ] ] ) ] ) ] ."""
    report = check(tmp_path, DATA, shapes)
    output = io.StringIO()
    OUTPUTS["turtle"](report, output)
    graph = Graph().parse(data=output.getvalue(), format="turtle")
    assert {str(path) for path in graph.objects(None, SH.resultPath) if isinstance(path, URIRef)} == {"http://e/age"}
    paths = {sparql_path(graph, path) for path in graph.objects(None, SH.resultPath)}
    assert paths == {found.result.path for found in report.findings if found.result}
    assert len(paths) == 2
    assert Literal("old", lang="en-gb") in set(graph.objects(None, SH.value))
    assert URIRef("http://e/Worst") in set(graph.objects(None, SH.resultSeverity))
    assert set(graph.objects(None, SH.sourceConstraintComponent)) == {
        SH.NodeKindConstraintComponent,
        SH.MinCountConstraintComponent,
    }


@pytest.mark.slow
def test_exit_code_reflects_the_result(tmp_path: Path) -> None:
    good, bad, shapes = tmp_path / "good.ttl", tmp_path / "bad.ttl", tmp_path / "shapes.ttl"
    good.write_text('@prefix ex: <http://e/> . ex:a a ex:C ; ex:name "A" ; ex:age 5 .')
    bad.write_text(DATA)
    shapes.write_text(SHAPES)
    assert run("check", "--shapes", shapes, good).returncode == 0
    shown = run("check", "--shapes", shapes, bad, "--engine", "both")
    assert shown.returncode == 1
    assert b"3:12  violation  An age is a number.  [http://e/age]" in shown.stdout
    assert b"6 statements from 1 source: 2 violations, 1 warning" in shown.stdout
    report = json.loads(run("check", "--shapes", shapes, bad, "-f", "json").stdout)
    assert report["findings"][0]["line"] == 3
    shapes.write_text(f"{HEAD}ex:S a sh:NodeShape ; sh:targetClass ex:C ; sh:not ex:S .")
    shown = run("check", "--shapes", shapes, good, "--engine", "both")
    assert shown.returncode == 2
    assert b"only fast: <http://e/a> <http://e/a> http://e/S" in shown.stderr


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (f"{HEAD}ex:S a\n  sh:NodeShape ; ; sh:path [ .", b"shapes.ttl:5:30: invalid Turtle"),
        ("", b"shapes.ttl: there are no shapes in it"),
        (DATA, b"shapes.ttl: there are no shapes in it"),
        (f"{HEAD}ex:S sh:targetClass ex:C ; sh:property " + "[ sh:property " * 10_000, b"are nested more than"),
    ],
)
def test_command_reports_unusable_shapes(tmp_path: Path, shapes: str, message: bytes) -> None:
    (tmp_path / "data.ttl").write_text(DATA)
    (tmp_path / "shapes.ttl").write_text(shapes)
    shown = run("check", "--shapes", tmp_path / "shapes.ttl", tmp_path / "data.ttl")
    assert shown.returncode == 2
    assert message in shown.stderr, shown.stderr.decode()


BOMB = (
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {b} "&{a};&{a};&{a};&{a};">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)

HOSTILE = {
    "brackets.ttl": "<urn:a> <urn:b> " + "[ <urn:b> " * 10_000 + "] " * 10_000 + ".",
    "lists.trig": "<urn:a> <urn:b> " + "( " * 10_000 + ") " * 10_000 + ".",
    "terms.nt": "<urn:a> <urn:b> " + "<<( <urn:a> <urn:b> " * 10_000 + "<urn:c>" + " )>>" * 10_000 + " .",
    "entities.rdf": f'<?xml version="1.0"?>{BOMB}<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">&i;</rdf:RDF>',
    "context.jsonld": '{"@context": "http://127.0.0.1:9/c", "@id": "urn:a", "b": 1}',
    "objects.jsonld": '{"urn:a": ' * 10_000 + "1" + "}" * 10_000,
    "broken.ttl": "<urn:a> <urn:b> .",
    "binary.nq": "\x00\x01\x02",
    "page.txt": "Title\nStatus: Ongoing",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_unreadable_data_is_reported(tmp_path: Path, name: str) -> None:
    report = check(tmp_path, HOSTILE[name], name=name)
    [finding] = report.findings
    assert finding.rule.endswith("#unreadable")
    assert finding.file == name
    assert report.unread == report.sources == 1
    (tmp_path / "good.ttl").write_text(DATA)
    report = pipeline.check_rdf(tmp_path / name, tmp_path / "good.ttl", shapes=[tmp_path / "shapes.ttl"])
    assert (report.unread, len(report.findings)) == (1, 4)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """A local server's address, and the requests that it received."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(1_000))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/x", asked
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_is_fetched(tmp_path: Path, engine: str, listener: tuple[str, list[bytes]]) -> None:
    url, asked = listener
    imports = f"<{url}> <http://www.w3.org/2002/07/owl#imports> <{url}> . ex:S sh:shapesGraph <{url}> ; sh:entailment <{url}> ."
    check(
        tmp_path,
        f"{DATA}<{url}> <http://www.w3.org/2002/07/owl#imports> <{url}>; <http://www.w3.org/ns/shacl#shapesGraph> <{url}> .",
        engine=engine,
    )
    for more in (
        imports,
        f"ex:S sh:targetClass ex:C ; sh:sparql [ sh:select 'SELECT $this {{ SERVICE <{url}> {{ ?a ?b ?c }} }}' ] .",
        f"ex:S sh:targetClass ex:C ; sh:sparql [ sh:select 'SELECT $this FROM <{url}> {{ $this ?b ?c }}' ] .",
        f"ex:S sh:targetClass ex:C ; sh:js [ sh:jsLibrary [ sh:jsLibraryURL <{url}> ] ; sh:jsFunctionName 'f' ] .",
    ):
        try:
            check(tmp_path, DATA, SHAPES + more, engine=engine)
        except ShapesError as error:
            assert error.hint
    assert asked == []


def test_own_graph_is_checked_with_the_reference_data(tmp_path: Path) -> None:
    for example in (catalogue()["role-list"].good, catalogue()["role-list"].bad):
        (tmp_path / example.file).write_bytes(example.content)
    report = pipeline.check_rdf(tmp_path, language="fr")
    [found] = [found for found in report.findings if found.rule == catalogue()["role-list"].iri]
    assert (found.file, found.line) == ("role-list-bad.ttl", 2)
    assert found.message == "Ce rôle n’est pas dans la liste des rôles."
    assert report.as_of


@pytest.mark.parametrize("options", [("--shapes", "s.ttl"), ("--fix",), ("--among", ".")])
def test_rules_that_do_not_apply_to_a_graph_are_listed(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "a.ttl").write_text(DATA, encoding="utf-8")
    result = run("check", "--graph", tmp_path / "a.ttl", *options)
    assert result.returncode == 2
    assert b"--graph" in result.stderr
    assert b"Traceback" not in result.stderr


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


def test_own_shapes_and_ontology_have_no_unknown_terms() -> None:
    for path in (*(ROOT / "shapes").glob("*.ttl"), *(ROOT / "ontology").glob("*.ttl")):
        assert not list(unknown_shape_terms(Input(path.name, path))), path
        assert not list(unknown_terms(Input(path.name, path))), path


@pytest.mark.slow
def test_unknown_term_of_the_ontology_is_located_once_with_a_suggestion(tmp_path: Path) -> None:
    text = f"""@prefix cyb: <{CYB.iri}> .
<http://e/a> a cyb:Projct ; cyb:fundr <http://e/b> .
<http://e/c> cyb:fundr <http://e/d> ; cyb:qwxz <http://e/d>, <{CYB.iri}> ; <http://e/fundr> 1 .
"""
    (tmp_path / "a.ttl").write_text(text, encoding="utf-8")
    found = json.loads(run("check", "--graph", "a.ttl", "-f", "json", cwd=tmp_path).stdout)["findings"]
    unknown = [each for each in found if each["rule"].endswith("#unknown-term")]
    assert [(each["line"], each["column"], each["text"], each["suggestion"]) for each in unknown] == [
        (2, 16, "cyb:Projct", "Did you mean cyb:Project?"),
        (2, 29, "cyb:fundr", "Did you mean cyb:funder?"),
        (3, 39, "cyb:qwxz", "Use a term of the ontology, or one from another namespace."),
    ]


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
