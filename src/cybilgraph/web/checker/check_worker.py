"""One check worker: a process of its own that checks one submission at a time.

Run as ``python -m cybilgraph.web.checker.check_worker MEMORY_BYTES``. It reads what it needs before it takes
the first submission: afterwards it can open no file, and what a record names is never fetched.
"""

from __future__ import annotations

import codecs
import encodings.aliases
import io
import json
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

from cybilgraph.errors import SuggestionError
from cybilgraph.model.formats import BY_NAME, GRAPH_FORMATS
from cybilgraph.model.record import Text
from cybilgraph.model.rules import LANGUAGES, translate
from cybilgraph.pipeline import CheckedInput, check_input
from cybilgraph.rdf.forms import WRITERS, example_record
from cybilgraph.rdf.serialisation import serialise
from cybilgraph.readers import READERS, Input
from cybilgraph.runtime.sandbox import Policy
from cybilgraph.runtime.spill import keep_in_memory
from cybilgraph.runtime.worker import Handler, run_fork_server
from cybilgraph.validation.outputs import OUTPUTS
from cybilgraph.web.checker import DERIVED_OUTPUT, EDIT, FAILED, FORM_OUTPUT, HEAVY, RDF_OUTPUT, REPORT_OUTPUT
from cybilgraph.web.checker.derived_claims import derived_claims
from cybilgraph.web.suggestions.admission import ensure_same_project


def answer(request: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
    """The head and the parts of an answer, or the head of a failure and nothing."""
    try:
        as_of = date.fromisoformat(request["as_of"]) if request["as_of"] else None
        checked = check_input(Input(request["name"], given=content), as_of)
        report = checked.report
        report.language = request["language"]
        report.findings = [translate(found, report.language) for found in report.findings]
        parts = [
            _render_output(checked, output_name) if output_name != EDIT else _edit(checked, request)
            for output_name in request["wishes"]
        ]
    except (MemoryError, RecursionError):
        return {"error": HEAVY}, b""
    except OSError as error:  # all that a check needs is in memory: whatever wants more than that is our mistake
        return {"error": FAILED, "message": f"{type(error).__name__}: {error}"}, b""
    return {"records": checked.report.records, "sizes": [len(part) for part in parts]}, b"".join(parts)


def _edit(checked: CheckedInput, request: dict[str, Any]) -> bytes:
    """Say why the records are no edit of the base, as JSON; nothing where they are one."""
    try:
        ensure_same_project(request["name"], request["base"], checked.records)
    except SuggestionError as error:
        return json.dumps([error.what, error.hint]).encode()
    return b""


def _render_output(checked: CheckedInput, output_name: str) -> bytes:
    """One thing that was wished for; nothing where no record was read."""
    kind, slash, name = output_name.partition("/")
    if kind + slash == REPORT_OUTPUT:
        text = io.StringIO()
        OUTPUTS[name](checked.report, text)
        return text.getvalue().encode(errors="replace")
    if not checked.records:
        return b""
    if output_name == DERIVED_OUTPUT:
        return json.dumps(list(derived_claims(checked.records))).encode()
    if kind + slash == RDF_OUTPUT:
        output = io.BytesIO()
        serialise(checked.blocks, BY_NAME[name], output)
        return output.getvalue()
    return WRITERS[name](checked.records)


def _preload() -> None:
    """Do all kinds of work once: what is imported, read or looked up when it is first needed, is needed now."""
    for encoding in set(encodings.aliases.aliases.values()):
        with suppress(LookupError):  # those of another system
            codecs.lookup(encoding)
    record = replace(example_record(), code=Text("G0001"))
    page = b"<!doctype html><title>T</title><h1>A project</h1><h2>Summary</h2><p>It helps Belize.</p>"
    iati = (
        b"<?xml version='1.0'?><iati-activities version='2.03'><iati-activity><iati-identifier>X-1</iati-identifier>"
        b"<title><narrative>A project</narrative></title><recipient-region code='998'/></iati-activity>"
        b"</iati-activities>"
    )
    text = (
        "A project of UNODC\n\nStatus: Ongong 北京\n\nFunders\n\nFundação Ítaca\n\nSummary\n\n"
        "Funded by the Łódź Institute and the Government of Peru, it helps Belize since May 2019. Ana Smith leads it.\n"
    ).encode()
    outputs = [f"{REPORT_OUTPUT}{name}" for name in OUTPUTS] + [f"{RDF_OUTPUT}{fmt.name}" for fmt in GRAPH_FORMATS]
    outputs += [DERIVED_OUTPUT, EDIT, *(f"{FORM_OUTPUT}{name}" for name in WRITERS)]
    form = WRITERS["yaml"]([record])
    request = {"as_of": "", "language": LANGUAGES[-1], "wishes": outputs, "base": form.decode()}
    head, _ = answer({**request, "name": "a.yaml"}, form)
    assert head["records"] == 1, head
    answer({**request, "name": "a.txt"}, text)  # with findings that quote a wide character
    samples = {"html": page, "xhtml": page, "xml": iati, "iati": iati}
    # Two records of one code, which are then compared with each other.
    samples |= {name: WRITERS[name]([record, record]) for name in ("csv", "xlsx", "json")}
    samples |= {fmt.suffix: _rdf(record, fmt.name) for fmt in GRAPH_FORMATS}
    for suffix in READERS:
        answer({**request, "wishes": [], "name": f"a{suffix}"}, samples.get(suffix[1:], text))


def _rdf(record: Any, name: str) -> bytes:
    checked = check_input(Input("a.json", given=WRITERS["json"]([record])))
    return _render_output(checked, f"{RDF_OUTPUT}{name}")


def _prepare() -> Handler:
    """Get ready in the worker itself: the engine of shapes has threads, which do not survive a fork."""
    keep_in_memory()
    _preload()
    return lambda request, content, _: answer(request, content)


def main(memory: str) -> None:
    """Fork workers that can do nothing but check."""
    run_fork_server(_prepare, int(memory), Policy())


if __name__ == "__main__":
    main(*sys.argv[1:])
