"""Web archives give the record of each project page, and report everything else, whoever wrote them."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from cybilgraph.errors import SourceError
from cybilgraph.model.findings import Report
from cybilgraph.model.record import Record
from cybilgraph.pipeline.preparation import read_derived_records
from cybilgraph.readers import Input, read_input, web_archives
from tests.conftest import SAMPLES, run
from tests.support.hostile import warc_record
from tests.support.simulated_portal import project_page, wordpress

SITE = "https://portal.example.org"


def read(content: bytes, name: str = "pages.warc") -> list[Record]:
    return list(read_input(Input(name, data=content)))


def titles(content: bytes) -> list[str]:
    return [record.title.text if record.title else "" for record in read(content)]


def others(content: bytes, name: str = "pages.warc") -> str:
    given = Input(name, data=content)
    list(read_input(given))
    return "".join(found.message for found in given.notes)


def project(number: int = 1, headers: str = "", date: str = "2026-01-31") -> bytes:
    address = f"{SITE}/projects/project-{number:03}/"
    return warc_record(address, project_page(number), headers, date=date)


def test_record_has_address_and_time_of_its_capture() -> None:
    [record] = read(project())
    assert record.address
    assert record.address.text == f"{SITE}/projects/project-001/"
    assert record.retrieved
    assert record.retrieved.text == record.as_of == "2026-01-31T10:00:00Z"
    assert record.key == "project-001"
    assert record.source.name == f"pages.warc#{SITE}/projects/project-001/"


def test_address_of_the_page_comes_before_that_of_the_capture() -> None:
    page = project_page(1).replace(b"<title>", f'<link rel=canonical href="{SITE}/projects/own/"><title>'.encode())
    [record] = read(warc_record(f"{SITE}/projects/own/?print=1", page))
    assert record.address
    assert record.address.text == f"{SITE}/projects/own/"


@pytest.mark.slow
def test_captures_of_one_page_are_not_reported_as_second_records(tmp_path: Path) -> None:
    (tmp_path / "a.warc").write_bytes(project(date="2025-01-31"))
    (tmp_path / "b.warc").write_bytes(project())
    (tmp_path / "c.html").write_bytes(project_page(1))
    report = json.loads(run("check", tmp_path, "-f", "json").stdout)
    found = [finding for finding in report["findings"] if finding["rule"].endswith(("#second-capture", "#same-title"))]
    assert len(found) == 1  # the page that was saved by hand


@pytest.mark.slow
def test_captures_are_ordered_by_time_not_by_position(tmp_path: Path) -> None:
    old = warc_record(f"{SITE}/projects/a/", project_page(1).replace(b"Finished", b"Ongoing"), date="2025-01-31")
    new = warc_record(f"{SITE}/projects/a/", project_page(1), date="2026-01-31")
    (tmp_path / "a.warc").write_bytes(new + old)
    graph = run("convert", tmp_path, "-f", "turtle").stdout.decode()
    assert "cyb:status status:finished" in graph or "/id/status/finished" in graph
    assert "status:ongoing" not in graph


@pytest.mark.slow
def test_time_of_capture_survives_every_format(tmp_path: Path) -> None:
    (tmp_path / "a.warc").write_bytes(project())
    for name, suffix in (("turtle", "ttl"), ("jsonld", "jsonld"), ("iati", "xml")):
        output = tmp_path / "out" / f"a.{suffix}"
        output.parent.mkdir(exist_ok=True)
        assert run("convert", tmp_path / "a.warc", "-f", name, "-o", output).returncode == 0
        [record] = read_input(Input(output.name, output))
        assert record.retrieved
        assert record.retrieved.text == "2026-01-31T10:00:00Z", name


NOT_PROJECTS = {
    "news": ("/news/launch/", wordpress("A launch", f"<h1>Launch</h1><p>{'News. ' * 60}</p>", "single single-post")),
    "actor": ("/actors/gfce/", wordpress("GFCE", "<h1>GFCE</h1><h3>Countries</h3><p>Fiji</p>", "single single-actor")),
    "soft 404": ("/projects/gone/", wordpress("Page not found", "<h1>Oops!</h1>", "page")),
    "soft 404 of another wording": (
        "/projects/gone/",
        wordpress("Sorry", "<h1>This project no longer exists</h1><p>Try the search.</p>", "page"),
    ),
    "soft 404 with filters": (
        "/projects/gone/",
        wordpress(
            "Page not found", "<h1>Page not found</h1><h3>Countries</h3><p>Fiji</p><h3>Themes</h3><p>CMM</p>", ""
        ),
    ),
    "listing": (
        "/projects/page/2/",
        wordpress(
            "Projects", "".join('<article class="type-project"><h2>A</h2></article>' for _ in range(9)), "archive"
        ),
    ),
    "listing without classes": (
        "/projects/",
        wordpress("Projects", "".join(f"<h2>P{n}</h2><p>Status: Finished</p><p>From: 2019</p>" for n in range(9)), ""),
    ),
    "taxonomy": ("/projects/africa/", wordpress("Africa", "".join('<a href="/projects/p">A project</a>' * 9), "page")),
    "news with labels": (
        "/news/x/",
        b"<h1>News</h1><p>Date: 3 May 2024</p><h3>Countries</h3><p>Fiji</p><h3>Themes</h3>",
    ),
    "almost empty": ("/projects/x/", b"<h1>X</h1><p>Coming soon.</p>"),
    "home": ("/", wordpress("Portal", "<h1>Portal</h1><p>Welcome</p>", "home page")),
}


@pytest.mark.parametrize("name", NOT_PROJECTS)
def test_other_pages_are_counted_not_read(name: str) -> None:
    path, page = NOT_PROJECTS[name]
    content = project() + warc_record(f"{SITE}{path}", page)
    assert titles(content) == ["Cyber project 001 for Samoa"]
    assert "Project pages captured in this web archive: 1. Other captures" in others(content)


PROJECTS = {
    "class of WordPress": ("/x/y/", project_page(1)),
    "address": ("/en/projects/one/", b"<h1>One</h1><p>" + b"It trained judges of Fiji. " * 9 + b"</p>"),
    "address and label": ("/projets/un/", b"<h1>Un projet</h1><p>Status: Finished</p>"),
    "labels": (
        "/what-we-do/one/",
        b"<h1>One</h1><p>Status: Finished</p><h3>Funders</h3><p>NATO</p><h3>Countries</h3><p>Fiji</p>",
    ),
    "class without labels": ("/x/y/", wordpress("One", "<h1>One</h1><p>It trains.</p>", "single single-project")),
    "many labels in news": ("/news/one/", (SAMPLES / "one-project" / "project.html").read_bytes()),
    "cards of related projects": (
        "/projects/one/",
        b"<h1>One</h1><p>Status: Finished</p>" + b"<article class='project type-project'><h2>Two</h2></article>" * 4,
    ),
    "title like an error": ("/projects/lost/", b"<h1>Lost and not found</h1><p>Status: Finished</p>"),
}


@pytest.mark.parametrize("name", PROJECTS)
def test_project_pages_are_recognised(name: str) -> None:
    path, page = PROJECTS[name]
    assert len(read(warc_record(f"{SITE}{path}", page))) == 1


def test_scheme_of_an_address_may_be_in_upper_case() -> None:
    [record] = read(project().replace(b"https://portal", b"HTTPS://portal", 1))
    assert record.source.name == f"pages.warc#{SITE}/projects/project-001/"


@pytest.mark.parametrize(
    ("kind", "address", "count"),
    [("resource", f"{SITE}/a.pdf", "other files: 1"), ("request", f"{SITE}/", "0"), ("warcinfo", "", "0")],
)
def test_archive_without_pages_is_reported(kind: str, address: str, count: str) -> None:
    """Otherwise the file would be neither in the graph nor in the report."""
    assert f"Other captures, which were not read: {count}." in others(warc_record(address, b"", kind=kind))


def wget_record() -> bytes:
    """Return a record as wget 1.19 wrote it: version 1.0, angle brackets, chunked content."""
    page = project_page(1)
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (page[:500], page[500:])) + b"0\r\n\r\n"
    record = warc_record(f"<{SITE}/projects/a/>", chunks, "Transfer-Encoding: chunked\r\n")
    return record.replace(b"WARC/1.1", b"WARC/1.0")


def _deflated(page: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(page) + compressor.flush()


#: Archives of one project as other programs write them.
FOREIGN: dict[str, Callable[[], bytes]] = {
    "wget": wget_record,
    "Internet Archive": lambda: warc_record(
        f"{SITE}/projects/a/", gzip.compress(project_page(1)), "Content-Encoding: gzip\r\n"
    ),
    "Browsertrix": lambda: (
        warc_record("urn:pageinfo:x", b"{}", kind="resource")
        + warc_record(f"{SITE}/projects/a/", project_page(1), "Content-Encoding: br\r\n")
    ),  # stored decoded
    "Common Crawl": lambda: (
        warc_record(f"{SITE}/robots.txt", b"", kind="request")
        + warc_record(f"{SITE}/projects/a/", project_page(1), "X-Crawl-Content-Encoding: gzip\r\n")
        + warc_record(f"{SITE}/projects/a/", b"", kind="metadata")
    ),
    "deflate": lambda: warc_record(f"{SITE}/projects/a/", _deflated(project_page(1)), "Content-Encoding: deflate\r\n"),
    "fractions of seconds": lambda: project().replace(b"T10:00:00Z", b"T10:00:00.123456Z"),
    "HTTP/2": lambda: project().replace(b"HTTP/1.1 200 OK", b"HTTP/2.0 200   "),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "compressed"])
def test_archives_of_other_programs_are_read(name: str, compress: Callable[[bytes], bytes]) -> None:
    [record] = read(compress(FOREIGN[name]()), "a.warc.gz" if compress is not bytes else "a.warc")
    assert record.title
    assert record.title.text == "Cyber project 001 for Samoa"
    assert record.retrieved
    assert record.retrieved.text.startswith("2026-01-31T10:00:00")


def test_one_compressed_member_with_all_records_is_read() -> None:
    assert len(titles(gzip.compress(project(1) + project(2)))) == 2
    assert len(titles(gzip.compress(project(1)) + gzip.compress(project(2)))) == 2


def test_charset_of_the_response_is_observed() -> None:
    page = "<h1>Проект для Молдовы</h1><p>Status: Finished</p>".encode("windows-1251")
    record = warc_record(f"{SITE}/projects/a/", page).replace(b"text/html", b"text/html; charset=windows-1251")
    record = record.replace(b"Content-Length: ", b"X-Length: ")
    length = len(record.partition(b"\r\n\r\n")[2]) - 4
    [found] = read(record.replace(b"X-Length: ", b"Content-Length: %d\r\nX-Length: " % length))
    assert found.title
    assert found.title.text == "Проект для Молдовы"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"hello", "not a web archive"),
        (b"", "not a web archive"),
        (gzip.compress(b"hello"), "not a web archive"),
        (b"WARC/1.0\r\nWARC-Type: response\r\n" + b"x" * 2_000_000, "not a web archive"),
        (b"WARC/1.0\r\nContent-Length: -5\r\n\r\n", "not a web archive"),
        (project(1) + project(2)[:-9], "damaged at record 2"),
        (project(1) + project(2)[:60], "damaged at record 2"),
        (project(1) + b"\0" * 2_000_000, "damaged at record 2"),
        (project(1) + b"WARC/1.1\r\nX: " + b"x" * 2_000_000, "damaged at record 2"),
        (project(1).replace(b"Content-Length: ", b"Content-Length: 9"), "damaged at record 1"),
        ((gzip.compress(project(1)) + gzip.compress(project(2)))[:-300], "truncated or damaged at record 2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_damaged_archive_is_reported_after_the_records_before(content: bytes, message: str) -> None:
    found = []
    with pytest.raises(SourceError, match=message):
        found.extend(read_input(Input("a.warc", data=content)))
    assert len(found) == (" 2" in message)


def test_archive_that_expands_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_archives, "_FREE_BYTES", 10_000_000)
    bomb = gzip.compress(warc_record(f"{SITE}/video", bytes(40_000_000)))
    with pytest.raises(SourceError, match="expands to more than 100 times its size"):
        read(gzip.compress(project()) + bomb)


@pytest.mark.slow
def test_page_that_expands_too_much_is_counted() -> None:
    bomb = warc_record(f"{SITE}/projects/b/", gzip.compress(bytes(200_000_000)), "Content-Encoding: gzip\r\n")
    tracemalloc.start()
    assert "oversized or undecodable pages: 1" in others(bomb + project())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40_000_000


@pytest.mark.slow
def test_memory_does_not_grow_with_the_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    with path.open("wb") as file:
        for number in range(40):
            file.write(warc_record(f"{SITE}/video/{number}", bytes(2_500_000)))
        file.write(project())
    tracemalloc.start()
    assert len(list(read_input(Input("a.warc", path)))) == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12_000_000


def test_number_of_records_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_archives, "MAX_ARCHIVE_RECORDS", 2)
    with pytest.raises(SourceError, match="more than 2 records"):
        read(project(1) + project(2) + project(3))
    assert len(read(project(1) + project(2))) == 2


@pytest.mark.slow
def test_pages_in_an_archive_are_files_of_the_report(tmp_path: Path) -> None:
    (tmp_path / "a.warc").write_bytes(project(1) + project(2) + warc_record(f"{SITE}/news/x/", b"<h1>News</h1>"))
    for fmt in ("json", "sarif", "junit", "text", "github"):
        done = run("check", tmp_path, "-f", fmt)
        assert done.returncode == 0
        assert b"portal.example.org/projects/project-001/" in done.stdout, fmt
    report = json.loads(run("check", tmp_path, "-f", "json").stdout)
    assert (report["sources"], report["records"]) == (1, 2)
    assert sum(finding["rule"].endswith("#other-pages") for finding in report["findings"]) == 1


@pytest.mark.slow
def test_build_with_an_archive_that_has_no_project_succeeds(tmp_path: Path) -> None:
    (tmp_path / "a.warc").write_bytes(project(1))
    (tmp_path / "b.warc").write_bytes(warc_record(f"{SITE}/news/x/", b"<h1>News</h1>"))
    done = run("build", tmp_path, "--into", tmp_path / "releases")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_archive_of_a_thousand_pages_yields_exactly_the_projects(tmp_path: Path) -> None:
    pages = list(NOT_PROJECTS.values())
    with (tmp_path / "a.warc.gz").open("wb") as file:
        for number in range(1_000):
            path, page = pages[number % len(pages)]
            is_project = number % 10 >= 3
            record = project(number) if is_project else warc_record(f"{SITE}{path}?{number}", page)
            file.write(gzip.compress(record, 1))
    report = Report()
    records = list(read_derived_records([Input("a.warc.gz", tmp_path / "a.warc.gz")], 1, report))
    assert {record.key for record in records} == {f"project-{n:03}" for n in range(1_000) if n % 10 >= 3}
    [other] = [found for found in report.findings if found.rule.endswith("#other-pages")]
    assert "in this web archive: 700. Other captures" in other.message
