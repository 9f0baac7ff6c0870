"""Checking records over HTTP: reports, the page without scripts, limits, and hostile uploads."""

from __future__ import annotations

import io
import json
import re
import select
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from html import escape
from http.client import HTTPResponse
from pathlib import Path

import openpyxl
import pytest

from cybilgraph.model.rules import LANGUAGES, catalogue
from cybilgraph.web.checker import MAX_UPLOAD_BYTES
from tests.conftest import SEED, run
from tests.support.check_requests import BAD, FORM, Controls, form, part, post, rules, submit
from tests.support.hostile import ANY, GOOD, cases
from tests.support.http_client import BROWSER, Response, http, send
from tests.support.operations import until
from tests.support.workbooks import MISTAKES, workbook_with_mistakes

pytestmark = pytest.mark.slow

PAGE = SEED.read_bytes()
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def test_report_equals_that_of_the_command_line(portal: str, tmp_path: Path) -> None:
    (tmp_path / "record.txt").write_bytes(BAD)
    there = json.loads(run("check", "record.txt", "-f", "json", cwd=tmp_path).stdout)
    here = json.loads(post(portal, BAD, "text/plain").body)
    assert here["findings"] == there["findings"]
    assert here["counts"] == there["counts"]


def test_fix_is_applied(portal: str) -> None:
    asked = {"text": BAD.decode(), "fix": "5:9"}
    report = json.loads(post(portal, json.dumps(asked).encode(), "application/json").body)
    assert report["text"] == BAD.decode().replace("Finishd", "Finished")
    assert "near-name" not in [found["rule"].rpartition("#")[2] for found in report["findings"]]
    nothing = json.loads(post(portal, json.dumps(asked | {"fix": "1:1"}).encode(), "application/json").body)
    assert nothing["text"] == BAD.decode()


@pytest.mark.parametrize(
    ("accept", "query", "status", "content_type"),
    [
        ("application/json", "", 200, "application/json"),
        ("text/csv;q=0.1, application/json", "", 200, "application/json"),
        ("text/plain", "", 200, "text/plain; charset=utf-8"),
        ("*/*", "?format=text", 200, "text/plain; charset=utf-8"),
        ("application/sarif+json", "", 200, "application/sarif+json"),
        ("text/turtle", "", 200, "text/turtle; charset=utf-8"),
        ("*/*", "?format=junit", 200, "application/xml"),
        ("*/*", "?format=html", 200, "text/html; charset=utf-8"),
        ("image/png", "", 406, "application/problem+json"),
        ("*/*", "?format=docx", 406, "application/problem+json"),
    ],
)
def test_report_format_is_negotiated(portal: str, accept: str, query: str, status: int, content_type: str) -> None:
    reply = post(portal, BAD, "text/plain", accept, f"/api/check{query}")
    assert (reply.status, reply.content_type) == (status, content_type)
    if content_type.startswith("text/html"):
        assert "frame-ancestors 'none'; sandbox" in reply.headers["content-security-policy"]


def test_cross_origin_requests_are_allowed(portal: str) -> None:
    reply = http(f"{portal}/api/check", "OPTIONS", Origin="https://example.org", Access_Control_Request_Method="POST")
    assert reply.status == 200
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "Content-Type" in reply.headers["access-control-allow-headers"]


# ---- hostile uploads: they get a problem or a report, and the server keeps answering others


def hostile(name: str) -> Callable[[], tuple[str, bytes]]:
    """Return an upload of a file of the hostile corpus."""
    return lambda: (FORM, form(part("file", cases()[name](), name)))


def sent(content_type: str, body: bytes | str) -> Callable[[], tuple[str, bytes]]:
    return lambda: (content_type, body if isinstance(body, bytes) else body.encode())


def named(file: str, content: bytes = PAGE) -> Callable[[], tuple[str, bytes]]:
    return lambda: (FORM, form(part("file", content, file)))


UNREAD, BAD_REQUEST, TOO_LARGE, READ = 422, 400, 413, 200
UPLOADS: dict[str, tuple[Callable[[], tuple[str, bytes]], int]] = {
    # not a record
    "entity bomb": (hostile("bomb.xml"), UNREAD),
    "entity bomb in an activity": (hostile("own-bomb-inside.xml"), UNREAD),
    "entity bomb in RDF/XML": (hostile("own-bomb-inside.rdf"), UNREAD),
    "entity from a file": (hostile("own-outside-inside.xml"), UNREAD),
    "zip bomb": (hostile("own-bomb.xlsx"), UNREAD),
    "zip that lies": (hostile("own-lying.xlsx"), UNREAD),
    "locked workbook": (hostile("own-encrypted.xlsx"), UNREAD),
    "workbook with entities": (hostile("own-entities.xlsx"), UNREAD),
    "half a workbook": (hostile("own-cut.xlsx"), UNREAD),
    "no workbook": (named("a.xlsx"), UNREAD),
    "picture": (hostile("jpeg.txt"), UNREAD),
    "compressed": (hostile("gzip.txt"), UNREAD),
    "PDF": (hostile("pdf.txt"), UNREAD),
    "random bytes": (hostile("random.txt"), UNREAD),
    "random bytes as Turtle": (hostile("random.ttl"), UNREAD),
    "NUL": (hostile("nul.txt"), UNREAD),
    "remote context": (
        sent("application/ld+json", '{"@context":"https://example.org/context.jsonld","@id":"x:y"}'),
        UNREAD,
    ),
    "context in itself": (hostile("own-context-in-itself.jsonld"), UNREAD),
    "Turtle with 10,000 nested brackets": (sent("text/turtle", "<x:s> <x:p> " + "[ <x:p> " * 10_000), UNREAD),
    "Turtle with 10,000 nested lists": (sent("text/turtle", "<x:s> <x:p> " + "( " * 10_000), UNREAD),
    "nested triple terms": (hostile("triple-terms.ttl"), UNREAD),
    "JSON of 50,000 objects in each other": (hostile("objects.json"), UNREAD),
    "JSON of 100,000 brackets": (hostile("brackets.json"), UNREAD),
    "JSON as a request, nested": (sent("application/json", '{"text":' * 50_000), UNREAD),
    "YAML that unfolds": (hostile("own-aliases.yaml"), UNREAD),
    "YAML that is in itself": (hostile("own-itself.yaml"), UNREAD),
    "XML of 10,000 elements in each other": (hostile("own-deep.xml"), UNREAD),
    "XML with an unknown encoding": (hostile("own-broken-encoding.xml"), UNREAD),
    "XML cut off": (hostile("own-cut.xml"), UNREAD),
    "HTML of 20,000 elements in each other": (hostile("own-deep.html"), UNREAD),
    "table without names": (hostile("own-no-names.csv"), UNREAD),
    "table of commas": (hostile("commas.csv"), UNREAD),
    "text over its limit": (sent("text/plain", b"A project\n" * 60_000), UNREAD),
    "UTF-16 without its mark": (hostile("utf16-no-mark.txt"), UNREAD),
    "RDF without a project": (sent("text/turtle", "<x:s> <x:p> <x:o> ."), UNREAD),
    # not a valid request
    "nothing": (sent("text/plain", b""), BAD_REQUEST),
    "blank": (sent("text/plain", b" \r\n\t"), BAD_REQUEST),
    "empty form": (sent(FORM, form()), BAD_REQUEST),
    "form without its boundary": (sent("multipart/form-data", form(part("file", PAGE, "a.txt"))), BAD_REQUEST),
    "form with another boundary": (sent("multipart/form-data; boundary=other", form(part("text", PAGE))), BAD_REQUEST),
    "form that is cut off": (sent(FORM, part("file", PAGE, "a.txt")[:60]), BAD_REQUEST),
    "form of 5,000 parts": (sent(FORM, form(*(part(f"n{n}", b"x") for n in range(5_000)))), TOO_LARGE),
    "part without a name": (sent(FORM, b"--xyz\r\n\r\nx\r\n--xyz--\r\n"), BAD_REQUEST),
    "a text that is a number": (sent("application/json", '{"text": 5}'), BAD_REQUEST),
    "a text that is a list": (sent("application/json", '{"text": ["a"]}'), BAD_REQUEST),
    "unknown format": (sent("application/json", '{"text": "a", "format": "docx"}'), BAD_REQUEST),
    "format that is an object": (sent("application/json", '{"text": "a", "format": {"a": 1}}'), BAD_REQUEST),
    "unknown language": (sent("application/json", '{"text": "a", "lang": "xx"}'), BAD_REQUEST),
    "day that is none": (sent("application/json", '{"text": "a", "as_of": "2026-02-30"}'), BAD_REQUEST),
    "extra that is none": (sent("application/json", '{"text": "a", "include": ["secrets"]}'), BAD_REQUEST),
    "extra that is a number": (sent("application/json", '{"text": "a", "include": 7}'), BAD_REQUEST),
    "picture by its type": (sent("image/png", b"\x89PNG"), 415),
    "program": (named("a.exe", b"MZ\x90\x00\x03"), UNREAD),
    "half a letter": (sent("text/plain", b"\xff\xfe\x00"), UNREAD),
    "update by its type": (sent("application/sparql-update", b"CLEAR ALL"), 415),
    "encoding that is none": (sent("text/csv; charset=rot13", b"title\nA\n"), 415),
    "encoding by an odd name": (sent('text/csv; charset="../x"', b"title\nA\n"), 415),
    "not in its encoding": (sent("text/csv; charset=euc-jp", b"title\n\xff\xff\n"), BAD_REQUEST),
    "huge": (sent("text/plain", b"x" * (MAX_UPLOAD_BYTES + 1)), TOO_LARGE),
    "huge file": (named("a.csv", b"title\n" + b"x\n" * MAX_UPLOAD_BYTES), TOO_LARGE),
    "huge field": (sent(FORM, form(part("text", b"x" * (MAX_UPLOAD_BYTES + 1)))), TOO_LARGE),
    "huge by far": (sent("text/plain", b"x" * 15_000_000), TOO_LARGE),
    # unusual, but a record
    "path as a name": (named("../../../etc/passwd"), READ),
    "path of another system": (named("C:\\Windows\\win.ini"), READ),
    "name of many letters": (named("a" * 50_000 + ".txt"), READ),
    "name that steers": (named("\x1b[31m\u202e.txt"), READ),
    "name with a NUL": (named("a\0.txt"), READ),
    "name of a device": (named("/dev/zero"), READ),
    "wrong suffix": (named("a.ttl.txt"), READ),
    "Windows' code page": (hostile("cp1252.txt"), READ),
    "UTF-16": (hostile("utf16.txt"), READ),
    "surrogates": (sent("application/json", '{"text": "A \\ud800 project\\n\\nSummary\\n\\nIt helps \\udfff."}'), READ),
    "broken UTF-8": (hostile("overlong.txt"), READ),
    "direction": (hostile("direction.txt"), READ),
    "one word": (hostile("one-word.txt"), READ),
    "markup": (hostile("templates.txt"), READ),
    "text with another encoding declared": (
        sent(
            "application/json",
            json.dumps({"text": '<?xml version="1.0" encoding="utf-16"?>' + GOOD()[".xml"].decode()[21:]}),
        ),
        READ,
    ),
    "wrong media type": (sent("text/plain", GOOD()[".ttl"]), READ),
    "formulas": (hostile("own-formulas.csv"), READ),
}


@pytest.fixture(scope="module")
def other_client(portal: str) -> Iterator[list[tuple[int, float]]]:
    """Run a second client in the background; yield the status and seconds of its responses."""
    answers: list[tuple[int, float]] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.2):
            started = time.monotonic()
            status = post(portal, PAGE, "text/plain").status if len(answers) % 2 else http(f"{portal}/").status
            answers.append((status, time.monotonic() - started))

    thread = threading.Thread(target=ask)
    thread.start()
    yield answers
    stop.set()
    thread.join()


@pytest.mark.parametrize("name", UPLOADS)
def test_broken_upload_gets_a_report_or_a_problem(
    portal: str, other_client: list[tuple[int, float]], name: str
) -> None:
    make, status = UPLOADS[name]
    content_type, body = make()
    reply = post(portal, body, content_type)
    assert reply.status == status, reply.body[:500]
    found = json.loads(reply.body)
    if status == READ:
        assert found["records"] >= 1
        assert "/" not in found["findings"][0]["file"] if found["findings"] else True
    else:
        assert reply.content_type == "application/problem+json"
        assert found["status"] == status
        assert len(found["detail"]) > 10
        if status == UNREAD:
            assert rules(reply)[0] == "unreadable"
        if status == TOO_LARGE:
            assert f"{MAX_UPLOAD_BYTES:,} bytes" in found["detail"] or "parts" in name
    assert b"root:" not in reply.body
    assert b"Traceback" not in reply.body


def test_other_clients_were_answered_meanwhile(other_client: list[tuple[int, float]]) -> None:
    assert len(UPLOADS) >= 50
    until(lambda: len(other_client) > 5)  # the uploads may have been distributed over several processes
    assert {status for status, _ in other_client} == {200}


@pytest.mark.parametrize("name", ["templates", "direction", "escape-sequences", "not-characters", "nul", "paths"])
def test_page_shows_hostile_text_as_text(portal: str, name: str) -> None:
    body = form(part("text", ANY[name]()), part("lang", b"en"), part("format", b""))
    reply = post(portal, body, FORM, BROWSER, "/check")
    assert reply.status in (200, 422)
    assert b"<script>alert" not in reply.body
    assert reply.body.count(b"<script") == 1


def raw(portal: str, head: str, *chunks: bytes) -> socket.socket:
    address = urllib.parse.urlsplit(portal)
    connection = socket.create_connection((address.hostname, address.port), timeout=20)
    connection.sendall(f"POST /api/check HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n{head}\r\n\r\n".encode())
    for chunk in chunks:
        connection.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
    return connection


def status_of(connection: socket.socket) -> int:
    with HTTPResponse(connection) as answer:
        answer.begin()
        return answer.status


def test_chunked_body_is_accepted(portal: str) -> None:
    with raw(portal, "Transfer-Encoding: chunked", PAGE[:1000], PAGE[1000:]) as connection:
        connection.sendall(b"0\r\n\r\n")
        assert status_of(connection) == 200
    with raw(portal, "Transfer-Encoding: chunked", *[b"x" * 500_000] * 5) as connection:
        connection.sendall(b"0\r\n\r\n")
        assert status_of(connection) == 413


def test_endless_bodies_do_not_delay_others(portal: str) -> None:
    """The server waits for them without a thread, and only for some seconds."""
    with ExitStack() as held:
        for number in range(8):
            endless = number % 2
            head = "Transfer-Encoding: chunked" if endless else "Content-Length: 5000"
            held.enter_context(raw(portal, head, *[b"A project"] * endless))
        for _ in range(3):
            assert post(portal, PAGE, "text/plain").status == 200
        assert http(f"{portal}/").status == 200
        assert http(f"{portal}/sparql?query=ASK%7B%7D").status == 200
    with closing(raw(portal, "Content-Length: 5000")) as slow:
        slow.settimeout(40)
        assert slow.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_bodies_of_one_client_leave_capacity_for_others(portal: str) -> None:
    """Of twenty nearly complete bodies, those over the limit are rejected."""
    head = b"POST /api/check HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2000000\r\n\r\n"
    with ExitStack() as held:
        clients = []
        for _ in range(20):
            clients.append(held.enter_context(socket.create_connection(("127.0.0.1", int(portal.rpartition(":")[2])))))
            clients[-1].sendall(head + 1_900_000 * b" ")
        refused = [client for client in select.select(clients, [], [], 30)[0] if b" 429 " in client.recv(100)]
        assert refused
        reply = send(portal, "POST", "/api/check", PAGE, source="127.0.0.2", Content_Type="text/plain")
        assert reply.status == 200


def test_checks_of_one_client_do_not_delay_another(portal: str) -> None:
    """One client sends four large tables, and disconnects when the other has been answered."""
    table = b"title,summary\n" + b"".join(b"Project %d,It helps Belize and UNODC.\n" % n for n in range(20_000))
    head = f"POST /api/check HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: {len(table)}"
    with ExitStack() as held:
        for _ in range(4):
            client = held.enter_context(socket.create_connection(("127.0.0.1", int(portal.rpartition(":")[2]))))
            client.sendall(f"{head}\r\n\r\n".encode() + table)
        for _ in range(5):
            reply = send(portal, "POST", "/api/check", PAGE, source="127.0.0.2", Content_Type="text/plain")
            assert reply.status == 200


def test_client_over_its_rate_gets_retry_after(server: str) -> None:
    let_in = 0
    while (reply := post(server, b"", "text/plain")).status == 400:
        let_in += 1
    assert reply.status == 429
    assert let_in >= 60, "typing users stay within the limit"
    assert reply.headers["retry-after"] == "1"
    until(lambda: post(server, PAGE, "text/plain").status == 200)
    assert json.loads(reply.body)["detail"].startswith("Too many requests")
    assert http(f"{server}/").status == 200


# ---- the page, without scripts


def test_empty_page_has_labels_and_a_strict_policy(portal: str) -> None:
    reply = http(f"{portal}/check", Accept=BROWSER)
    assert reply.status == http(f"{portal}/check", "HEAD", Accept=BROWSER).status == 200
    assert "script-src 'self'" in reply.headers["content-security-policy"]
    assert "unsafe" not in reply.headers["content-security-policy"]
    page = reply.body.decode()
    assert not re.search(r"<script(?![^>]* src=)|\son\w+=|\sstyle=|javascript:", page)
    for control in ("text", "format", "lang", "file"):
        assert f'for="{control}"' in page
    assert 'role="status"' in page
    assert "script-src" not in http(f"{portal}/", Accept=BROWSER).headers["content-security-policy"]


def test_page_shows_findings_and_marks_lines(portal: str) -> None:
    reply = submit(portal, "/check", text=BAD.decode(), format="", lang="es")
    assert reply.status == 200
    page, controls = reply.body.decode(), Controls(reply.body)
    assert controls.fields["text"] == BAD.decode()
    assert '<li id="L9" class="violation">To: Mar 2017 <a href="#F' in page
    assert 'lang="es">«Finishd» se leyó como Finished.' in page
    assert "1 record: " in page
    assert re.search(r"violation, \d+ warnings?, \d+ info\n", page)
    worst = re.findall(r'<li class="finding (\w+)" id="F\d+"', page)
    assert worst == sorted(worst, key=("violation", "warning", "info").index)
    assert len(set(worst)) == 3
    assert "a cyb:Project" in page or "cyb:Project" in page
    assert "<q>UNODC helped Belize.</q>" in page
    inside = [link[1:] for link in controls.links if link.startswith("#")]
    assert set(inside) <= set(controls.ids), "findings and lines link to each other"
    to_rules = [link for link in controls.links if link.startswith("/rules/") and not link.startswith("/rules/?")]
    assert len(to_rules) >= 2
    for link in to_rules:
        assert http(f"{portal}{link}", Accept=BROWSER).status == 200


def test_fix_is_applied_without_scripts(portal: str) -> None:
    page = submit(portal, "/check", text=BAD.decode(), format="", lang="en").body.decode()
    assert 'name="fix" value="5:9"' in page
    reply = submit(portal, "/check", text=BAD.decode(), format="", lang="en", fix="5:9")
    assert "Status: Finished" in Controls(reply.body).fields["text"]
    assert "near-name" not in reply.body.decode().partition("<template")[0]


def test_uploaded_text_file_fills_the_text_area(portal: str) -> None:
    reply = post(portal, form(part("text", b"x"), part("file", BAD, "page.txt")), FORM, BROWSER, "/check")
    assert Controls(reply.body).fields["text"] == BAD.decode()
    book = post(portal, form(part("text", b""), part("file", GOOD()[".xlsx"], "a.xlsx")), FORM, BROWSER, "/check")
    assert book.status == 200
    assert Controls(book.body).fields["text"] == ""


@pytest.mark.parametrize("name", ["source", "csv", "xlsx", "json", "yaml", "turtle", "jsonld"])
def test_record_can_be_downloaded(portal: str, name: str) -> None:
    reply = submit(portal, "/check", text=BAD.decode(), format="text", lang="en", download=name)
    assert reply.status == 200
    assert reply.content_type == "application/octet-stream"
    found = re.fullmatch(r'attachment; filename="record\.(\w+)"', reply.headers["content-disposition"])
    assert found
    again = post(portal, form(part("file", reply.body, f"again.{found[1]}")), FORM)
    assert (again.status, json.loads(again.body)["records"]) == (200, 1)


def test_invalid_download_is_rejected(portal: str) -> None:
    assert submit(portal, "/check", text="x y", format="", lang="en", download="../x").status == 400
    assert submit(portal, "/check", text="{", format="json", lang="en", download="csv").status == 422


def test_unreadable_record_is_returned_with_the_line_marked(portal: str) -> None:
    reply = submit(portal, "/check", text='{\n "title": \n}', format="json", lang="en")
    assert reply.status == 422
    assert b'<li id="L3" class="violation">' in reply.body
    assert b"No project record was found" in reply.body


def upload(portal: str, content: bytes, name: str, **fields: str) -> Response:
    parts = [part("text", b""), *(part(key, value.encode()) for key, value in fields.items())]
    return post(portal, form(*parts, part("file", content, name)), FORM, BROWSER, "/check")


def test_workbook_is_shown_as_a_table_with_marked_cells(portal: str) -> None:
    reply = upload(portal, workbook_with_mistakes(), "mistakes.xlsx")
    assert reply.status == 200
    page = reply.body.decode()
    for cell, rule, words in MISTAKES.values():
        assert escape(words) in page
        assert f'href="#cell-{cell}">{cell}</a>' in page or not cell, rule
    assert re.search(r'<td id="cell-C3" class="violation">Sleeping <a href="#F\d+"', page)
    assert '<td id="cell-A3">Judges of Fiji</td>' in page
    assert '<th scope="row" id="L5">5</th>' in page
    assert 'value="marked" class="of-workbook">XLSX with marked cells' in page
    report = json.loads(post(portal, workbook_with_mistakes(), XLSX, path="/api/check?include=table").body)
    assert report["table"][2] == {
        "number": 3,
        "cells": ["Judges of Fiji", "G0001", "Sleeping", *report["table"][2]["cells"][3:]],
    }


def test_large_workbook_is_shown_in_part(portal: str) -> None:
    book = openpyxl.Workbook()
    book.active.append(["title", *(f"column {number}" for number in range(60))])
    for number in range(400):
        book.active.append([f"Project {number} {'x' * 200}", *["y"] * (60 if number == 0 else 1)])
    content = io.BytesIO()
    book.save(content)
    report = json.loads(post(portal, content.getvalue(), XLSX, path="/api/check?include=table").body)
    assert len(report["table"]) <= 400
    assert max(len(row["cells"]) for row in report["table"]) == 50
    assert max(len(row["cells"][0]) for row in report["table"]) == 120


def test_workbook_with_marked_cells_is_a_report_and_a_download(portal: str) -> None:
    reply = post(portal, workbook_with_mistakes(), XLSX, "*/*", "/api/check?format=xlsx&lang=es")
    assert (reply.status, reply.content_type) == (200, XLSX)
    sheet = openpyxl.load_workbook(io.BytesIO(reply.body))["projects"]
    assert "Este estado no está en la lista." in sheet["C3"].comment.text
    download = upload(portal, workbook_with_mistakes(), "mistakes.xlsx", download="marked")
    assert download.headers["content-disposition"] == 'attachment; filename="mistakes-checked.xlsx"'
    assert openpyxl.load_workbook(io.BytesIO(download.body))["projects"]["F2"].comment
    for refused in (
        post(portal, BAD, "text/plain", "*/*", "/api/check?format=xlsx"),
        submit(portal, "/check", text=BAD.decode(), format="text", lang="en", download="marked"),
    ):
        assert refused.status == 406
        assert b"Only a workbook" in refused.body


@pytest.mark.parametrize("language", LANGUAGES)
def test_rules_about_files_are_reported_by_the_api(portal: str, language: str) -> None:
    """Every rule that its example breaks on the command line is also broken through the API."""
    tested = 0
    for rule in catalogue().values():
        sample = rule.bad
        if sample.command != f"cybilgraph check {sample.file}" or sample.record or sample.file.endswith(".ttl"):
            continue
        body = form(part("lang", language.encode()), part("file", sample.content, sample.file))
        reply = json.loads(post(portal, body, FORM).body)
        found = reply.get("report", reply)["findings"]
        own = [each for each in found if (each["advice"] == rule.name if rule.is_advice else each["rule"] == rule.iri)]
        assert own, rule.name
        assert sample.line in [each["line"] for each in own], rule.name
        assert all(each["message"] for each in own)
        tested += 1
    assert tested > 50


def test_proposal_is_applied_without_scripts(portal: str) -> None:
    text = "Training for Tonga\n\nCountries\n\nTongo\n"
    page = submit(portal, "/check", text=text, format="text", lang="en").body.decode()
    assert 'name="fix" value="5:1"' in page
    reply = submit(portal, "/check", text=text, format="text", lang="en", fix="5:1")
    assert Controls(reply.body).fields["text"] == text.replace("Tongo", "Tonga")
