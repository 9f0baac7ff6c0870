"""RDF files are parsed in any syntax, and problems have their place."""

from __future__ import annotations

import pytest

from cybilgraph.errors import SourceError
from cybilgraph.readers import Input
from cybilgraph.readers.rdf import read_rdf
from tests.support.rdf_files import read


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


@pytest.mark.parametrize("suffix", ["ttl", "nt", "jsonld"])
def test_token_beyond_parser_buffer_gives_clear_error(suffix: str) -> None:
    long = b"y" * 16_800_000
    content = b'{"@id": "' + long + b'"}' if suffix == "jsonld" else b"# " + long + b"\n"
    with pytest.raises(SourceError, match="16 MB"):
        list(read_rdf(Input(f"a.{suffix}", data=content)))
