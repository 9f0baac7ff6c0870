"""The documentation pages of the site."""

from __future__ import annotations

import posixpath
import re
import urllib.request

import pytest

from cybilgraph.web.pages import documentation
from cybilgraph.web.pages.documentation import addresses, load
from tests.conftest import ROOT
from tests.support.documents import DOCUMENTS
from tests.support.http_client import BROWSER, http
from tests.support.site_pages import Page

pytestmark = pytest.mark.slow

#: Documents that code hosts show and the site does not.
_NOT_SHOWN = {"README.md"}


def test_every_document_has_a_page() -> None:
    assert set(addresses().values()) == {str(path.relative_to(ROOT)) for path in DOCUMENTS} - _NOT_SHOWN


@pytest.mark.parametrize("address", addresses())
def test_document_links_work_in_the_tree_and_on_the_site(server: str, address: str) -> None:
    path = addresses()[address]
    for link in re.findall(r"(?<!\!)\]\(([^)]+)\)", (ROOT / path).read_text(encoding="utf-8")):
        target = documentation.address_of(link, path)
        assert target, f"{path}: the site does not show {link}"
        if target.startswith(("https://", "#")):
            continue
        file, _, anchor = link.partition("#")
        if not link.startswith(documentation.SITE):
            assert (ROOT / posixpath.join(posixpath.dirname(path), file)).exists(), f"{path}: {link}"
        site_path, _, fragment = target.partition("#")
        reply = http(f"{server}{site_path}", Accept=BROWSER)
        assert reply.status == 200, f"{path}: {link} leads to {target}, which is {reply.status}"
        if anchor:
            assert fragment in Page(reply.body.decode()).names, f"{path}: there is no heading {anchor!r} in {file}"


@pytest.mark.parametrize("address", addresses())
def test_fragment_links_target_existing_headings(server: str, address: str) -> None:
    page = Page(http(f"{server}/docs/{address}", Accept=BROWSER).body.decode())
    assert all(link[1:] in page.names for link in page.links if link.startswith("#"))
    assert {heading.anchor for heading in load(address).headings} <= page.names


def test_readme_links_exist() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert link.startswith("https://") or (ROOT / link.partition("#")[0]).exists(), link


def test_page_has_title_contents_and_navigation(server: str) -> None:
    text = http(f"{server}/docs/guides/operators", Accept=BROWSER).body.decode()
    assert "<title>Guide for operators · cybilgraph</title>" in text
    assert 'href="#monitor-it">Monitor it</a>' in text
    assert '<a href="/docs/guides/operators" aria-current="page">' in text
    assert '<a href="/docs/decisions">Decisions</a>' in text
    decision = http(f"{server}/docs/decisions/01-publish-records-that-break-rules", Accept=BROWSER).body.decode()
    assert '› <a href="/docs/decisions">Decisions</a>' in decision


def test_index_reaches_every_document() -> None:
    reached = set(documentation.listed())
    indexes = [load(address) for address in ("recipes", "decisions")]
    reached |= {link.removeprefix("/docs/") for index in indexes for links in index.links.values() for link in links}
    assert reached >= set(addresses())


def test_page_shows_the_url_of_its_site(server: str) -> None:
    text = http(f"{server}/docs/reference/api", Accept=BROWSER).body.decode()
    assert documentation.SITE not in text
    assert f"curl -s {server}/api/check" in text


@pytest.mark.parametrize(
    ("old", "new"),
    [("/help", "/docs/tutorial"), ("/help/cookbook", "/docs/guides/researchers#use-your-own-tools")],
)
def test_old_addresses_redirect(server: str, old: str, new: str) -> None:
    with urllib.request.urlopen(f"{server}{old}") as reply:
        assert reply.url == f"{server}{new}"
    _, _, anchor = new.partition("#")
    assert not anchor or anchor in Page(http(f"{server}{new}", Accept=BROWSER).body.decode()).names


@pytest.mark.parametrize("address", ["nope", "../README", "guides", "guides/operators.md", "%2e%2e/README"])
def test_unknown_document_gets_404(server: str, address: str) -> None:
    assert http(f"{server}/docs/{address}", Accept=BROWSER).status == 404


def test_html_in_a_document_is_escaped() -> None:
    hostile = (
        "# <b>T\n\n<script>alert(1)</script>\n\n<img src=x onerror=alert(1)> [x](javascript:alert(1)) `</code><i>`\n"
    )
    body = documentation.render(hostile, "docs/hostile.md").body
    assert {tag for tag, _ in Page(body).tags} == {"p", "code"}
    assert "&lt;script&gt;" in body


@pytest.mark.parametrize(("path", "status"), [("/sitemap-4611686018427387904.xml", 404), ("/iati.xyz", 406)])
def test_odd_address_is_an_error_of_the_client(server: str, path: str, status: int) -> None:
    assert http(f"{server}{path}").status == status


def test_sitemap_lists_the_documents(server: str) -> None:
    text = http(f"{server}/sitemap-1.xml").body.decode()
    assert all(f"<loc>{server}/docs/{address}".rstrip("/") + "</loc>" in text for address in documentation.listed())
    assert f"{server}/docs/guides/operators" in text
