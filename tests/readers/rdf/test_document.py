"""RDF files are parsed in any syntax and within limits, and problems have their place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cybilgraph.errors import SourceError
from cybilgraph.model.vocabulary import CYB
from cybilgraph.readers import Input, read_input
from cybilgraph.readers.rdf import read_rdf
from tests.support.rdf_files import read, turtle


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16le", "utf-16be", "utf-32"])
def test_other_encodings_are_reported(encoding: str) -> None:
    given = '<urn:a> <urn:b> "a text of some length" .'.encode(encoding)
    with pytest.raises(SourceError, match=f"this is {encoding.upper()}") as error:
        read(given)
    assert "iconv -f" in error.value.hint


@pytest.mark.parametrize(
    "text", ["<urn:а> <urn:б> 'только по-русски и больше ничего' .", "<urn:a> <urn:b> '\x01\x02\x03\x04' ."]
)
def test_byte_order_mark_is_trusted(text: str) -> None:
    with pytest.raises(SourceError, match="this is UTF-16LE"):
        read(text.encode("utf-16"))


def test_rdf_xml_in_other_encoding_is_reported() -> None:
    given = '<?xml version="1.0" encoding="klingon"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'
    with pytest.raises(SourceError, match="an encoding other than UTF-8") as error:
        read(given, "x.rdf")
    assert error.value.hint.startswith("Save it as UTF-8")


def test_syntax_error_has_line_and_column() -> None:
    with pytest.raises(SourceError, match=r"^file.ttl:2:1: invalid Turtle: "):
        read("<urn:a> <urn:b> 1 .\nab ab ab .\n")


@pytest.mark.parametrize("context", ['"http://127.0.0.1:9/c"', '["x.jsonld"]', '{"@import": "http://127.0.0.1:9/c"}'])
def test_remote_context_is_never_fetched(context: str) -> None:
    with pytest.raises(SourceError, match="nothing is fetched") as error:
        read(f'{{"@context": {context}, "@id": "urn:a", "b": 1}}', "x.jsonld")
    assert "into the file" in error.value.hint


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["ttl", "nt", "jsonld"])
def test_token_beyond_parser_buffer_gives_clear_error(suffix: str) -> None:
    long = b"y" * 16_800_000
    content = b'{"@id": "' + long + b'"}' if suffix == "jsonld" else b"# " + long + b"\n"
    with pytest.raises(SourceError, match="16 MB"):
        list(read_rdf(Input(f"a.{suffix}", data=content)))


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
