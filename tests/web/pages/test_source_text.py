"""The stored text of sources, to which quotes lead, and links to sentences of live pages."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.identity.decisions import Verdict, append_decisions
from cybilgraph.web.pages.resource_view import text_fragment
from tests.conftest import running_server
from tests.support.decided import decision
from tests.support.hostile import warc_record
from tests.support.http_client import BROWSER, Response, http
from tests.support.iati_files import activity, wrapped

QUOTE = "The training was funded by the Government of Canada."
SCRIPT = "<script>alert(1)</script>"
TITLES = {f"G{number:04d}": f"Cybercrime training number {number}" for number in range(1, 10)}
#: The row of the second project is on the second page of its source.
FILLER = "".join(f'"Another project of the year {year}",,\n' for year in range(1400, 2000))


def as_html(title: str, code: str) -> str:
    return (
        f"<!DOCTYPE html><html><head><title>{title}</title></head><body class='single-project'>\n<h1>{title}</h1>\n"
        f"<p>Cybil Code: {code}</p>\n<p>From: Apr 2018</p><p>To: May 2019</p>\n<h2>Summary</h2>\n\n<p>{QUOTE}</p>\n"
        f"</body></html>"
    )


def sources() -> dict[str, bytes]:
    """Return one source in each text format; the CSV table and the activities have two projects."""
    titles = list(TITLES.items())
    (g1, one), (g2, two), (g3, three), (g4, four), (g5, five), (g6, _), (g7, _), (g8, eight), (g9, nine) = titles
    escaped = html.escape(SCRIPT)
    activities = (
        activity(
            f'<other-identifier ref="{code}" type="A1"/>\n<description><narrative>{QUOTE}</narrative></description>'
        )
        for code in (g6, g7)
    )
    return {
        "a.txt": f"{one}\nCybil Code: {g1}\nSummary\n\n{QUOTE}\n\n{SCRIPT}\n".encode(),
        "b.html": as_html(two, g2).replace("<h2>", f"<p>{escaped}</p><h2>").encode(),
        "c.csv": f'title,code,summary\n"{three}",{g3},"{QUOTE}"\n{FILLER}"{four}",{g4},"{QUOTE}"\n'.encode(),
        "d.yaml": f"title: {five}\ncode: {g5}\nsummary: {QUOTE}\n".encode(),
        "e.xml": wrapped(*activities).encode(),
        "f.json": json.dumps({"title": eight, "code": g8, "summary": QUOTE}, indent=1).encode(),
        "g.warc": warc_record("https://example.org/projects/nine/", as_html(nine, g9).encode()),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for name, content in sources().items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def built(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("sources")
    pipeline.build([folder], into)
    return into


@pytest.fixture(scope="module")
def site(built: Path) -> Iterator[str]:
    with running_server(built) as url:
        yield url


def page(site: str, path: str) -> str:
    reply: Response = http(f"{site}{path}", Accept=BROWSER)
    assert reply.status == 200
    return reply.body.decode()


def stored_links(shown: str) -> list[str]:
    return [html.unescape(link) for link in re.findall(r'href="(/record/[^"]+#L[0-9]+)"', shown)]


@pytest.mark.slow
@pytest.mark.parametrize("key", TITLES)
def test_quote_opens_the_stored_text_at_its_line(site: str, key: str) -> None:
    link = stored_links(page(site, f"/id/project/{key}"))[0]
    path, _, anchor = link.partition("#")
    text = page(site, path)
    [line] = re.findall(rf'<li id="{anchor}"><bdi>(.*?)</bdi></li>', text)
    assert QUOTE in line or (key in ("G0006", "G0007") and "<description>" in html.unescape(line))
    assert "noindex" in text
    assert SCRIPT not in text
    assert ("page=2" in path) == (key == "G0004")


@pytest.mark.slow
def test_source_text_is_escaped_and_paged(site: str) -> None:
    assert f'<li id="L7"><bdi>{html.escape(SCRIPT)}</bdi></li>' in page(site, "/record/G0001/source")
    first, last = page(site, "/record/G0003/source"), page(site, "/record/G0003/source?page=99")
    assert (first.count("<li id="), last.count("<li id=")) == (500, 103)
    assert "Page 2 of 2" in last
    assert 'rel="next nofollow" href="/record/G0003/source?page=2#L501"' in first
    assert http(f"{site}/record/G0001/source", Accept="text/turtle").content_type.startswith("text/turtle")
    assert http(f"{site}/record/NOPE/source", Accept=BROWSER).status == 404


@pytest.mark.slow
def test_quote_leads_to_the_sentence_on_the_live_page(site: str) -> None:
    shown = page(site, "/id/project/G0009")
    words = "The%20training%20was%20funded%20by%20the%20Government%20of%20Canada."
    assert f'href="https://example.org/projects/nine/#:~:text={words}"' in shown
    assert ":~:" not in page(site, "/id/project/G0001")  # its page is unknown


@pytest.mark.slow
def test_no_text_is_shown_without_the_setting(built: Path, tmp_path: Path) -> None:
    with running_server(built, "--no-source-texts", "--suggestions", tmp_path) as site:
        assert "Cybil Code:" not in page(site, "/suggest/G0001")
        assert not stored_links(page(site, "/id/project/G0001"))
        text = page(site, "/record/G0001/source")
        assert "does not show source texts" in text
        assert "<li id=" not in text
        assert QUOTE in page(site, "/id/project/G0001")


@pytest.mark.slow
def test_text_is_not_shown_after_a_rejection_in_its_file(folder: Path, tmp_path: Path) -> None:
    """The text would repeat the rejected value, also on the page of another record of the file."""
    decisions = tmp_path / "decisions"
    append_decisions(decisions, [decision("funder", "government-of-canada", Verdict.NO, record="G0003")])
    pipeline.build([folder], tmp_path / "releases", decisions=decisions)
    with running_server(tmp_path / "releases") as site:
        for key in ("G0003", "G0004"):
            assert not stored_links(page(site, f"/id/project/{key}"))
            assert QUOTE not in page(site, f"/record/{key}/source")
        assert stored_links(page(site, "/id/project/G0001"))


@pytest.mark.slow
def test_texts_that_may_name_persons_are_not_stored_without_contacts(folder: Path, tmp_path: Path) -> None:
    release, _ = pipeline.build([folder], tmp_path / "releases", contacts=False)
    with running_server(release.folder.parent) as site:
        assert stored_links(page(site, "/id/project/G0001"))
        assert not stored_links(page(site, "/id/project/G0003"))
        assert "does not contain the text" in page(site, "/record/G0003/source")


@pytest.mark.parametrize(
    ("address", "words", "expected"),
    [
        ("https://example.org/p/", "Up-to-date, safe & sound", "#:~:text=Up%2Dto%2Ddate%2C%20safe%20%26%20sound"),
        ("http://example.org/p#top", "Café #1", ":~:text=Caf%C3%A9%20%231"),
        (
            "https://example.org/p",
            "one two three four five six seven eight nine ten eleven twelve thirteen",
            "#:~:text=one%20two%20three%20four%20five,nine%20ten%20eleven%20twelve%20thirteen",
        ),
    ],
)
def test_text_fragment_escapes_its_own_syntax(address: str, words: str, expected: str) -> None:
    assert text_fragment(address, words) == f"{address}{expected}"


@pytest.mark.parametrize(
    ("address", "words"),
    [("ftp://example.org", "Words"), ("", "Words"), ("javascript:1", "a"), ("https://example.org", " ")],
)
def test_text_fragment_needs_a_web_page_and_words(address: str, words: str) -> None:
    assert text_fragment(address, words) == ""
