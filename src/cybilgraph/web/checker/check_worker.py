"""A worker process that checks one submission at a time.

Run as ``python -m cybilgraph.web.checker.check_worker BASE MEMORY_BYTES``. Everything it needs is loaded before it is
forked. It cannot open files, and URLs in a record are never fetched.
"""

from __future__ import annotations

import codecs
import encodings.aliases
import hashlib
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from werkzeug.exceptions import BadRequest, HTTPException, NotAcceptable

from cybilgraph.errors import SourceError, SuggestionError
from cybilgraph.identity.decisions import COLUMNS
from cybilgraph.model.findings import SEVERITIES, Report
from cybilgraph.model.formats import BY_NAME, GRAPH_FORMATS
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Basis, Participation, Record, Relation, Scope, Text
from cybilgraph.model.rules import LANGUAGES, translate
from cybilgraph.model.vocabulary import use_base
from cybilgraph.pipeline import CheckedInput, check_input
from cybilgraph.rdf.forms import COLUMNS as FORM_COLUMNS
from cybilgraph.rdf.forms import WRITERS, cell_text, example_record
from cybilgraph.rdf.serialisation import serialise
from cybilgraph.readers import READERS, Input
from cybilgraph.readers.excerpts import SUFFIXES_WITH_CELLS, WORKBOOKS
from cybilgraph.readers.workbooks import read_sheet
from cybilgraph.runtime.sandbox import Policy
from cybilgraph.runtime.spill import keep_in_memory
from cybilgraph.runtime.worker import Handler, run_fork_server
from cybilgraph.validation.fixes import apply_fixes
from cybilgraph.validation.marked_workbook import mark_workbook
from cybilgraph.validation.outputs import OUTPUTS
from cybilgraph.validation.outputs.as_json import fields_of
from cybilgraph.validation.outputs.wording import omission_note
from cybilgraph.web.checker import MAX_FINDINGS, MAX_REPORT_CHARS, Refusal
from cybilgraph.web.checker.submissions import MARKED, Output, Submission, Upload, decode_upload, submitted_cells
from cybilgraph.web.suggestions import (
    MAX_COMMENT_CHARS,
    MAX_NAME_CHARS,
    EditBase,
    Suggestion,
    decide_suggestion,
    ensure_same_project,
    ensure_valid,
    record_of,
    records_in,
    unified_diff,
)

#: Maximum size of an answer.
_MAX_ANSWER_BYTES = 20_000_000
#: What the page shows at most: characters of the record, of the graph, of a message and of a quotation, and claims.
_MAX_TEXT_CHARS, _MAX_TURTLE_CHARS, _MAX_MESSAGE_CHARS, _MAX_QUOTE_CHARS = 1_000_000, 200_000, 1_000, 300
_MAX_CLAIMS = 1_000
#: What the page shows of a workbook: rows (and as many again with findings), columns, and characters of a cell.
_MAX_TABLE_ROWS, _MAX_TABLE_COLUMNS, _MAX_CELL_CHARS = 200, 50, 120
#: The most lines of the diff of a suggestion, and the most decisions, which one form can select.
_MAX_DIFF_LINES, _MAX_DECISIONS = 2_000, 300
#: Fields of the form that the page of the result repeats, and how many characters of each it shows.
_SHOWN_FIELDS = {
    "comment": MAX_COMMENT_CHARS,
    **dict.fromkeys(("sender", "email", "format", "send"), MAX_NAME_CHARS),
}


def answer(request: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header and the parts of an answer; for a failure, only a header."""
    outputs, upload = request["outputs"], request.get("upload")
    try:
        if upload:
            sent = decode_upload(Upload(content, **upload))
        else:
            sent = Submission(content=content, **request["submission"])
        sent, checked = _check(sent)
        parts = [_render_output(sent, checked, output_name) for output_name in outputs]
        about = _about(sent, checked.report) if upload or Output.PAGE in outputs else {}
    except HTTPException as error:
        return {"error": Refusal.REFUSED, "status": error.code, "message": error.description}, b""
    except (MemoryError, RecursionError):
        return {"error": Refusal.HEAVY}, b""
    except OSError as error:  # a check needs no files: this is a bug
        return {"error": Refusal.FAILED, "message": f"{type(error).__name__}: {error}"}, b""
    if sum(map(len, parts)) > _MAX_ANSWER_BYTES:
        return {"error": Refusal.HEAVY}, b""
    return {"records": checked.report.records, "sizes": [len(part) for part in parts], "about": about}, b"".join(parts)


def _check(sent: Submission) -> tuple[Submission, CheckedInput]:
    """Check a record, after applying the requested fix if there is one at that position."""
    as_of = date.fromisoformat(sent.as_of) if sent.as_of else None
    checked = check_input(Input(sent.name, data=sent.content), as_of)
    fixes = [fix for found in checked.report.findings if (fix := found.fix or found.proposal)]
    if chosen := [fix for fix in fixes if f"{fix.line}:{fix.column}" == sent.fix]:
        sent = replace(sent, content=apply_fixes(sent.name, sent.content, chosen).content)
        checked = check_input(Input(sent.name, data=sent.content), as_of)
    report = checked.report
    report.language = sent.language
    report.truncate(
        MAX_FINDINGS, MAX_REPORT_CHARS, lambda found: len(json.dumps(found, ensure_ascii=False, default=fields_of))
    )
    report.findings = [translate(found, report.language) for found in report.findings]
    return sent, checked


def _about(sent: Submission, report: Report) -> dict[str, Any]:
    problem: dict[str, Any] = {}
    if not report.records:
        problem = {"message": "No project record was found", "suggestion": ""}
        for first in list(report.findings)[:1]:
            place = {key: number for key in ("line", "column") if (number := getattr(first, key))}
            problem = {"message": first.message or problem["message"], "suggestion": first.suggestion, **place}
    fields = {key: value.strip()[: _SHOWN_FIELDS[key]] for key, value in sent.fields.items() if key in _SHOWN_FIELDS}
    return {
        "name": sent.name,
        "language": sent.language,
        "kind": sent.kind.name,
        "title": sent.kind.title,
        "is_text": sent.text is not None,
        "file": sent.file_name,
        "is_readable": bool(report.records) or not sent.file_output,
        "fields": fields,
        "problem": problem,
    }


def _render_output(sent: Submission, checked: CheckedInput, output_name: str) -> bytes:
    """Render one output. If no record was read, graph and form are empty."""
    if output_name in _OUTPUTS:
        return _OUTPUTS[output_name](sent, checked)
    kind, slash, name = output_name.partition("/")
    if kind + slash == Output.API:
        return _api_report(sent, checked, name)
    if not checked.records:
        return b""
    if kind + slash == Output.RDF:
        output = io.BytesIO()
        serialise(checked.blocks, BY_NAME[name], output)
        return output.getvalue()
    return WRITERS[name](checked.records)


def _report(report: Report, name: str) -> bytes:
    text = io.StringIO()
    OUTPUTS[name](report, text)
    return text.getvalue().encode(errors="replace")


def _api_report(sent: Submission, checked: CheckedInput, name: str) -> bytes:
    """Return the report in the requested format; as JSON if no record was read."""
    if name == MARKED and Input(sent.name).suffix not in WORKBOOKS:
        raise NotAcceptable("Only a workbook can be returned with marked cells. Send an .xlsx file, or ask for json")
    if not checked.report.records:
        return _report(checked.report, "json")
    if name == MARKED:
        return mark_workbook(sent.content, checked.report)
    content = _report(checked.report, name)
    if name != "json" or not (sent.extras or sent.fix):
        return content
    document = json.loads(content)
    if sent.fix:
        document["text"] = sent.text
    if "derived" in sent.extras:
        document["derived"] = list(derived_claims(checked.records))
    if "table" in sent.extras and (table := _table(sent, checked.report)):
        document["table"] = table
    if "turtle" in sent.extras:
        document["turtle"] = _render_output(sent, checked, f"{Output.RDF}turtle").decode()
    return json.dumps(document, ensure_ascii=False).encode(errors="replace")


def _table(sent: Submission, report: Report) -> list[dict[str, Any]]:
    """Return rows of a workbook with their numbers: the first ones, and others with findings. Empty for other files."""
    if Input(sent.name).suffix not in WORKBOOKS or not report.records:
        return []
    marked = {found.line for found in report.findings}
    _, rows = read_sheet(Input(sent.name, data=sent.content), max(*marked, _MAX_TABLE_ROWS))
    shown = [
        number
        for number, cells in enumerate(rows, start=1)
        if number in marked or (number <= _MAX_TABLE_ROWS and any(cells))
    ]
    return [
        {"number": number, "cells": [cell[:_MAX_CELL_CHARS] for cell in rows[number - 1][:_MAX_TABLE_COLUMNS]]}
        for number in shown[: 2 * _MAX_TABLE_ROWS]
    ]


def derived_claims(records: Iterable[Record]) -> Iterator[dict[str, object]]:
    """Yield each link or date derived from a sentence: its project, field and name, and the sentence."""
    for record in records:
        has_cells = Input(record.source.name).suffix in SUFFIXES_WITH_CELLS
        values: list[tuple[Any, str]] = [
            *((link, "") for link in (*record.participations, *record.scopes, *record.relations)),
            *((link, "funding") for link in record.funding),
            *((record.start, "start"), (record.end, "end"), (record.duration, "duration")),
        ]
        for value, field in values:
            for evidence in value.evidence if value else ():
                place = evidence.place
                yield {
                    "project": record.key,
                    **_claim_text(value, field),
                    "quote": evidence.quote,
                    "line": place.line if place else 0,
                    "column": place.column if place and not has_cells else 0,
                    "basis": getattr(value, "basis", Basis.DERIVED),
                    "confidence": evidence.confidence,
                }


def _claim_text(value: Any, name: str) -> dict[str, str]:
    match value:
        case Participation(actor=thing, role=field):
            pass
        case Scope(concept=thing):
            field = thing.kind
        case Relation(kind=field, project=thing):
            return {"field": field, "name": thing.printed.text}
        case _:
            return {"field": name, "name": value.printed.text}
    entry = load_gazetteer().entries.get(thing.kind, {}).get(thing.key)
    return {"field": field, "name": entry.name if entry else thing.printed.text}


def _page(sent: Submission, checked: CheckedInput) -> bytes:
    """Return the parts of a report that the page shows, as JSON, cut so that the page renders quickly."""
    if sent.file_name:
        return b""
    report = checked.report
    findings = [
        {key: getattr(found, key) for key in ("severity", "rule", "line", "cell_name", "fix", "proposal")}
        | {key: getattr(found, key)[:_MAX_MESSAGE_CHARS] for key in ("label", "message", "suggestion", "text")}
        for found in sorted(report.findings, key=lambda found: SEVERITIES.index(found.severity))  # stable
    ]
    derived = [
        claim | {"quote": str(claim["quote"])[:_MAX_QUOTE_CHARS]}
        for claim in islice(derived_claims(checked.records), _MAX_CLAIMS)
    ]
    turtle = _render_output(sent, checked, f"{Output.RDF}turtle").decode()
    if len(turtle) > _MAX_TURTLE_CHARS:
        turtle = turtle[:_MAX_TURTLE_CHARS].rpartition("\n")[0] + "\n# …"
    page = {
        "records": report.records,
        "counts": report.counts,
        "note": omission_note(report),
        "findings": findings,
        "derived": derived,
        "turtle": turtle,
        "table": _table(sent, report),
    }
    return json.dumps(page, default=fields_of).encode()


def _text(sent: Submission, _: CheckedInput) -> bytes:
    """Return the text of a record for the page; empty if it is too long or a file was requested."""
    text = "" if sent.file_name else sent.text or ""
    return text.encode(errors="replace") if len(text) <= _MAX_TEXT_CHARS else b""


def _cells(sent: Submission, checked: CheckedInput) -> bytes:
    """Return the text of each field, as it was submitted or as the record has it."""
    cells = submitted_cells(sent.fields)
    for record in checked.records[:1] if not cells else ():
        cells = {row.column: cell_text(record, row) for row in FORM_COLUMNS}
    return json.dumps(cells).encode()


def _file(sent: Submission, checked: CheckedInput) -> bytes:
    """Return the file that a button of the form requests; the report as JSON if no record was read."""
    if not sent.file_name:
        return b""
    if not sent.file_output:
        return sent.content
    if not checked.report.records:
        return _report(checked.report, "json")
    return _render_output(sent, checked, sent.file_output)


def _edit(sent: Submission, checked: CheckedInput) -> bytes:
    """Return why the record is not a valid edit of the base, as JSON; empty if it is valid or was not sent as an edit.

    Raises BadRequest if the record is not text.
    """
    fields = sent.fields
    if fields and "send" not in fields:
        return b""
    text = sent.text
    if text is None:
        raise BadRequest("The record must be text, not a binary file")
    if fields and fields.get("base") != hashlib.sha256(sent.base.encode()).hexdigest():
        what = "The record has changed since you opened it"
        return json.dumps([what, "Copy your text, open the form again, and paste it there."]).encode()
    sender = {key: fields.get(key, "").strip() for key in ("comment", "sender", "email")}
    base = EditBase("", "", sent.base, is_source=False)
    try:
        ensure_valid(Suggestion(project="", title="", name=sent.name, base=base, text=text, **sender))
        ensure_same_project(sent.name, sent.base, checked.records)
    except SuggestionError as error:
        return json.dumps([error.what, error.hint]).encode()
    return b""


def _decisions(sent: Submission, checked: CheckedInput) -> bytes:  # noqa: ARG001
    """Return what a suggested edit changes, as JSON: diff, decisions and conflicts, and the problem if there is one."""
    if not (given := dict(sent.edit)):
        return b""
    current, current_name = given.pop("current", ""), given.pop("current_name", sent.name)
    base = EditBase("", "", sent.base, is_source=True)
    suggestion = Suggestion(name=sent.name, base=base, text=sent.content.decode(errors="replace"), **given)

    def now(before: Record) -> Record:
        if found := record_of(suggestion, before, records_in(current_name, current)):
            return found
        raise SuggestionError("The current release no longer has this record", "Reject the suggestion.")

    diff = unified_diff(sent.base, suggestion.text, "", "")[2:_MAX_DIFF_LINES]
    result: dict[str, Any] = {"diff": diff, "decisions": [], "conflicts": [], "problem": ""}
    try:
        found, result["conflicts"] = decide_suggestion(suggestion, now, "")
        if len(found) > _MAX_DECISIONS:
            others = "Reject the suggestion, or use cybilgraph suggestions accept."
            result["problem"] = f"The suggestion changes more than {_MAX_DECISIONS} values. {others}"
        else:
            result["decisions"] = [{name: getattr(one, name) for name in COLUMNS} for one in found]
    except SourceError as error:
        result["problem"] = f"The text can no longer be read as a record. {error.what}"
    except SuggestionError as error:
        result["problem"] = f"{error.what}. {error.hint}"
    return json.dumps(result).encode()


_OUTPUTS: dict[str, Callable[[Submission, CheckedInput], bytes]] = {
    Output.PAGE: _page,
    Output.CELLS: _cells,
    Output.TEXT: _text,
    Output.FILE: _file,
    Output.EDIT: _edit,
    Output.DECISIONS: _decisions,
}


def _preload() -> None:
    """Run every kind of work once, so that everything that is loaded lazily is in memory."""
    for encoding in set(encodings.aliases.aliases.values()):
        with suppress(LookupError):  # those of other operating systems
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
    outputs = [f"{Output.API}{name}" for name in OUTPUTS] + [f"{Output.RDF}{fmt.name}" for fmt in GRAPH_FORMATS]
    outputs += [*_OUTPUTS, *(f"{Output.FORM}{name}" for name in WRITERS)]
    form = WRITERS["yaml"]([record])
    submission = {"as_of": "", "language": LANGUAGES[-1], "base": form.decode()}
    head, _ = answer({"submission": submission | {"name": "a.yaml"}, "outputs": outputs}, form)
    assert head["records"] == 1, head
    # A record with findings that quote wide characters.
    answer({"submission": submission | {"name": "a.txt"}, "outputs": outputs}, text)
    edit = {"project": "G0001", "title": "", "current": form.decode()}
    edited = submission | {"name": "a.yaml", "base": form.decode(), "edit": edit}
    head, _ = answer({"submission": edited, "outputs": [Output.DECISIONS]}, form.replace(b"Finished", b"Ongoing"))
    assert "error" not in head, head
    part = b'--x\r\nContent-Disposition: form-data; name="%b"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%b\r\n'
    uploads = {
        "multipart/form-data; boundary=x": (part % (b'file"; filename="a.txt', text)) + b"--x--\r\n",
        "application/x-www-form-urlencoded": urlencode({"text": text, "include": "turtle,derived"}).encode(),
    }
    for content_type, body in uploads.items():
        upload = {"content_type": content_type}
        head, _ = answer({"upload": upload | {"is_form": True}, "outputs": [Output.PAGE]}, body)
        assert head["records"] == 1, head
        answer({"upload": upload, "outputs": [f"{Output.API}json"]}, body)
    samples = {"html": page, "xhtml": page, "xml": iati, "iati": iati}
    # Two records with the same code, so that they are compared.
    samples |= {name: WRITERS[name]([record, record]) for name in ("csv", "xlsx", "json")}
    checked = check_input(Input("a.json", data=WRITERS["json"]([record])))
    sent = Submission("", b"")
    samples |= {fmt.suffix: _render_output(sent, checked, f"{Output.RDF}{fmt.name}") for fmt in GRAPH_FORMATS}
    book = {"submission": submission | {"name": "a.xlsx"}, "outputs": [Output.PAGE, f"{Output.API}{MARKED}"]}
    head, _ = answer(book, samples["xlsx"])
    assert head["records"] == 2, head
    for suffix in READERS:
        answer({"submission": submission | {"name": f"a{suffix}"}, "outputs": []}, samples.get(suffix[1:], text))


def _prepare() -> Handler:
    return lambda request, content, _: answer(request, content)


def main(base: str, memory: str) -> None:
    """Load everything and fork sandboxed check workers, which then start at once."""
    use_base(base)
    keep_in_memory()
    _preload()
    run_fork_server(_prepare, int(memory), Policy())


if __name__ == "__main__":
    main(*sys.argv[1:])
