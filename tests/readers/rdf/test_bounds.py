"""RDF that would crash the parser is rejected before parsing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cybilgraph.errors import SourceError
from cybilgraph.model.vocabulary import CYB
from cybilgraph.readers import Input, read_input
from tests.support.rdf_files import read, turtle

R = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:u="urn:"'
N = 200_000


#: Each would crash the parser, or make it use gigabytes or hours.
BOMBS = {
    "blank.ttl": "<urn:a> <urn:b> " + "[ <urn:b> " * N,
    "list.trig": "<urn:a> <urn:b> " + "( " * N + ") " * N + ".",
    "term.ttl": "<urn:a> <urn:b> " + "<<( <urn:a> <urn:b> " * N + "<urn:c>" + " )>>" * N + " .",
    "term.nt": "<urn:a> <urn:b> " + "<<( <urn:a> <urn:b> " * N + "<urn:c>" + " )>>" * N + " .",
    "term.nq": "<urn:a> <urn:b> " + "<<( <urn:a> <urn:b> " * N + "<urn:c>" + " )>>" * N + " .",
    "hidden.nt": '<urn:a> <urn:b> "<<)>>)>>" .\n<urn:a> <urn:b> ' + "<<( <urn:a> <urn:b> " * N + "<urn:c>" + " )>>" * N,
    "object.jsonld": '{"@id":"urn:a","urn:b":' * 10_000 + "1" + "}" * 10_000,
    "array.jsonld": "[" * N + "]" * N,
    "context.jsonld": '{"@context":{' + ",".join(f'"t{i}":"t{i + 1}:a"' for i in range(9_000)) + '},"t0":1}',
    "escaped.jsonld": '{"\\u0040context":{' + ",".join(f'"t{i}":"t{i + 1}:a"' for i in range(9_000)) + '},"t0":1}',
    "scoped.jsonld": '{"@context":{"a":{"@id":"urn:a","@context":{"b":"urn:b"}}}}',
    "contexts.jsonld": "[" + ",".join(['{"@context":{"a":"urn:a"},"a":1}'] * 50_000) + "]",
    "depth.rdf": R + ">" + "<u:a><u:b>" * N,
    "depth.owl": R + ">" + "<u:a><u:b>" * N + "</u:b></u:a>" * N + "</rdf:RDF>",
    "entity.rdf": '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]>'
    + R
    + "><u:a><u:b>&b;</u:b></u:a></rdf:RDF>",
    "file.rdf": '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + R + "><u:a><u:b>&a;</u:b></u:a></rdf:RDF>",
    "names.rdf": R + "".join(f' xmlns:n{i}="urn:n{i}"' for i in range(9_000)) + ">" + "<u:a/>" * N + "</rdf:RDF>",
    "attributes.rdf": R + "><u:a " + "".join(f' u:n{i}="1"' for i in range(N)) + "/></rdf:RDF>",
}


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", BOMBS)
def test_input_that_would_crash_the_parser_is_rejected(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(BOMBS[name], encoding="utf-8")
    program = (
        "import sys; from cybilgraph.errors import SourceError; from cybilgraph.readers import find_inputs, read_input\n"
        "try: list(read_input(next(find_inputs([sys.argv[1]]))))\n"
        "except SourceError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / name], capture_output=True, text=True, timeout=25)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{name}: not parsed, because " in done.stdout


def test_brackets_in_strings_iris_and_comments_do_not_count() -> None:
    brackets = "[(<<{" * 200
    record = turtle(
        f'project:a a cyb:Project ; cyb:aim "{brackets}", """{brackets}""" . # {brackets}\n<urn:((> a <urn:x> .'
    )
    assert record.aim
    text = '{"@id":"https://w3id.org/cybilgraph/id/project/a","https://w3id.org/cybilgraph/ontology#aim":"%s"}'
    assert read(text % ("[{" * 200), "x.jsonld")[0].aim
    empty = '<u:x u:y="/>"/>'
    xml = (
        f'{R} xmlns:c="{CYB.iri}"><c:Project rdf:about="id/project/a" c:aim="{">" * 200}"><!--{"<a>" * 200}-->'
        f"<c:context><![CDATA[{'<a>' * 200}]]></c:context></c:Project>{empty * 200}</rdf:RDF>"
    )
    assert read(xml, "x.rdf")[0].context


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.rdf", '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'), ("a.ttl", "<urn:a> <urn:b> " + "[ <urn:c> " * 200)],
)
def test_hint_fits_every_rejected_syntax(name: str, content: str) -> None:
    with pytest.raises(SourceError, match="not parsed, because") as error:
        list(read_input(Input(name, data=content.encode())))
    assert error.value.hint == "Avoid this, for example by writing N-Triples."
