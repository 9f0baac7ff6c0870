"""The query page in a real browser: write, run, correct, view and share queries; also without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlparse

import pytest
from selenium.webdriver.common.keys import Keys

from cybilgraph.web.application import BUNDLE
from tests.conftest import ROOT
from tests.support.browsers import Browser, needs_chromium
from tests.support.http_client import BROWSER, http

pytestmark = [
    pytest.mark.slow,
    needs_chromium,
    pytest.mark.skipif(not BUNDLE.is_file(), reason="the scripts were not bundled: no npm (make setup tells)"),
]
COUNTRIES = "SELECT ?country (COUNT(?project) AS ?projects) { ?project cyb:country ?country } GROUP BY ?country"
AXE = ROOT / "tests" / "clients" / "node_modules" / "axe-core" / "axe.min.js"


class Page(Browser):
    """A browser with helpers for the query page."""

    def open(self, address: str) -> None:
        self.driver.get(address)
        self.until(lambda: self.all(".cm-content"))

    @property
    def text(self) -> str:
        """The text that the form would send."""
        return str(self.one("#query").get_property("value"))

    def write(self, text: str) -> None:
        """Replace the text by pasting."""
        self.one(".cm-content").click()
        self.one(".cm-content").send_keys(Keys.CONTROL, "a")
        self.driver.execute_script(
            """const given = new DataTransfer(); given.setData("text/plain", arguments[0]);
            document.querySelector(".cm-content").dispatchEvent(
              new ClipboardEvent("paste", { clipboardData: given, bubbles: true, cancelable: true }))""",
            text,
        )

    def run(self, text: str) -> None:
        self.write(text)
        self.one("#query-form button").click()
        self.until(lambda: not self.all("#answer[aria-busy]"))

    def rows(self) -> list[str]:
        return [row.text for row in self.all(".answer-table tbody tr")]

    def complaints(self) -> list[str]:
        """Return the browser's errors, except responses with status 400, which are expected."""
        return [message for message in self.errors() if " 400 " not in message]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    page = Page()
    page.driver.execute_cdp_cmd("Network.enable", {})
    yield page
    page.driver.quit()


def test_query_can_be_run_edited_and_shared(page: Page, server: str) -> None:
    page.open(f"{server}/sparql")
    page.run("SELECT ?title { project:G0020 dcterms:title ?title }")
    page.until(lambda: page.rows() == ["Support to Belize National Cyber Security Strategy"])
    page.write("SELECT ?code { project:G0020 dcterms:identifier ?code }")
    page.one(".cm-content").send_keys(Keys.CONTROL, Keys.ENTER)
    page.until(lambda: page.rows() == ["G0020"])
    shared = page.driver.current_url
    assert parse_qs(urlparse(shared).query)["query"] == ["SELECT ?code { project:G0020 dcterms:identifier ?code }"]
    page.open(shared)
    page.until(lambda: page.rows() == ["G0020"])
    page.until(lambda: page.all("#permalink"))
    permalink = str(page.one("#permalink").get_attribute("href"))
    assert parse_qs(urlparse(permalink).query)["release"] == ["1"]
    page.open(permalink)
    page.until(lambda: page.rows() == ["G0020"])
    assert page.one("#release").get_property("value") == "1"
    page.driver.back()
    page.until(lambda: page.driver.current_url == shared)
    assert not page.complaints()


def test_syntax_error_is_marked_until_corrected(page: Page, server: str) -> None:
    page.open(f"{server}/sparql")
    page.run("SELECT ?title {\n  ?project dcterms:title ?title\n  FILTR(?title)\n}")
    page.until(lambda: page.all(".cm-faulty"))
    assert "FILTR" in page.one(".cm-faulty").text
    assert "Line 3" in page.one("#answer .notice").text
    page.one("#answer .notice a").click()
    page.until(lambda: page.driver.switch_to.active_element.get_attribute("class") == "cm-content cm-lineWrapping")
    page.run("SELECT ?title {\n  ?project dcterms:title ?title\n}")
    page.until(lambda: len(page.rows()) > 5)
    assert not page.all(".cm-faulty")
    assert not page.complaints()


def test_shared_query_with_syntax_error_opens_marked(page: Page, server: str) -> None:
    page.open(f"{server}/sparql?query={quote('SELECT ?x {' + chr(10) + '  ?x FILTR ?y }')}")
    page.until(lambda: page.all(".cm-faulty"))
    assert "FILTR" in page.one(".cm-faulty").text
    assert "FILTR" in page.text


@pytest.mark.parametrize(
    ("before", "typed", "offered"),
    [
        ("SELECT * { ?x a ", "Proj", "cyb:Project"),
        ("SELECT * { ?x ", "cyb:impl", "cyb:implementer"),
        ("SELECT * { ?x cyb:country ", "Beli", "country:BZ"),
        ("SELECT * { ?x cyb:funder ", "OAS", "actor:oas"),
        ("SELECT * { ?x cyb:theme ", "cybercr", "theme:cybercrime"),
        ("SELECT ?title { ?x dcterms:title ", "?t", "?title"),
        ("SELECT * { ?x cyb:funder ", "European Un", "actor:eu"),
        ("SELECT * { ?x cyb:country ", "United King", "country:GB"),
    ],
)
def test_completion_offers_matching_terms(page: Page, server: str, before: str, typed: str, offered: str) -> None:
    page.open(f"{server}/sparql")
    page.write(before)
    page.one(".cm-content").send_keys(typed)
    page.until(lambda: offered in [item.text for item in page.all(".cm-completionLabel")])
    place = [item.text for item in page.all(".cm-completionLabel")].index(offered)
    page.one(".cm-content").send_keys(*[Keys.DOWN] * place)
    assert place == 0 or typed != "European Un", "a name that begins with the text comes before longer and other names"
    page.until(lambda: page.one("li[aria-selected] .cm-completionLabel").text == offered)
    page.one(".cm-content").send_keys(Keys.ENTER)
    page.until(lambda: page.text == before + offered)


@pytest.mark.parametrize(
    ("before", "typed", "first"),
    [
        ("SELECT * { ?x a cyb:Outcome ; ", "pos", "schema:position"),
        ("SELECT * { ?x a cyb:Project ; ", "act", "cyb:activity"),
        ("SELECT * { ?x a cyb:Participation ; ", "act", "cyb:actor"),
        ("SELECT * { ?p cyb:country ", "Georg", "country:GE"),
        ("SELECT * { ?p cyb:participation ?claim . ?claim ", "act", "cyb:actor"),
    ],
)
def test_completion_begins_with_what_fits_the_subject(
    page: Page, server: str, before: str, typed: str, first: str
) -> None:
    page.open(f"{server}/sparql")
    page.write(before)
    page.one(".cm-content").send_keys(typed)
    page.until(lambda: page.all(".cm-completionLabel"))
    page.until(lambda: page.one(".cm-completionLabel").text == first)


def test_tabs_and_history_keep_queries_in_the_browser(page: Page, server: str) -> None:
    def tabs() -> list[str]:
        return [tab.text for tab in page.all("[aria-label=Queries] [role=tab]")]

    def press(words: str) -> None:
        next(button for button in page.all("button") if button.text == words).click()

    page.open(f"{server}/sparql")
    page.driver.execute_script("localStorage.clear(); location.reload()")
    page.until(lambda: tabs() == ["Project titles and thei…"])
    first = "# Code\nSELECT ?code { project:G0020 dcterms:identifier ?code }"
    page.run(first)
    page.until(lambda: page.rows() == ["G0020"])
    assert tabs() == ["Code"]
    press("New tab")
    assert (page.text, page.rows()) == ("", [])
    page.run("# Title\nSELECT ?title { project:G0020 dcterms:title ?title }")
    page.until(lambda: page.rows() == ["Support to Belize National Cyber Security Strategy"])
    assert tabs() == ["Code", "Title"]
    page.one("[aria-label=Queries] [aria-selected=true]").send_keys(Keys.ARROW_LEFT)
    page.until(lambda: page.text == first)
    assert page.rows() == ["G0020"], "each tab keeps its results"
    page.open(f"{server}/sparql")
    page.until(lambda: page.text == first)
    assert tabs() == ["Code", "Title"]
    press("Close tab")
    page.until(lambda: tabs() == ["Title"])
    page.one("details.more summary").click()
    press("Code")
    page.until(lambda: page.text == first)
    assert tabs() == ["Title", "Code"]
    page.open(f"{server}/sparql?query={quote('SELECT ?x { VALUES ?x { 1 } }')}")
    page.until(lambda: page.rows() == ["1"])
    assert tabs() == ["Title", "Code", "Query 3"], "a shared query does not replace another one"
    page.one("details.more summary").click()
    press("Clear history")
    assert "History (0)" in page.one("details.more").text
    page.driver.execute_script("localStorage.clear()")
    assert not page.complaints()


def test_format_changes_only_white_space(page: Page, server: str) -> None:
    page.open(f"{server}/sparql")
    button = next(button for button in page.all("#query-form button") if button.text == "Format query")
    page.write(
        'SELECT ?t WHERE{?p a cyb:Project;dcterms:title ?t.FILTER(?t != "a. {b;") OPTIONAL{?p cyb:end ?e}}LIMIT 3'
    )
    button.click()
    assert page.text.splitlines() == [
        "SELECT ?t", "WHERE {", "  ?p a cyb:Project;", "    dcterms:title ?t.", '  FILTER(?t != "a. {b;")',
        "  OPTIONAL {", "    ?p cyb:end ?e", "  }", "}", "LIMIT 3",
    ]  # fmt: skip
    for path in sorted((ROOT / "queries").glob("*.rq")):
        before = path.read_text(encoding="utf-8")
        page.write(before)
        button.click()
        formatted = page.text
        assert "".join(formatted.split()) == "".join(before.split()), path.name
        button.click()
        assert page.text == formatted, path.name
    assert not page.complaints()


def test_named_query_has_one_run_button_and_results_have_names(page: Page, server: str) -> None:
    page.open(f"{server}/queries/example-projects-in-country")
    assert [button.text for button in page.all("button") if button.is_displayed() and "Run" in button.text] == ["Run"]
    page.open(f"{server}/sparql?query={quote('SELECT ?projectCode { VALUES ?projectCode { project:G0020 } }')}")
    page.until(lambda: page.rows() == ["Support to Belize National Cyber Security Strategy"])
    assert page.one(".answer-table th").text == "Project code"
    link = page.one(".answer-table td a")
    assert link.get_attribute("href") == f"{server}/id/project/G0020"
    assert link.find_element("css selector", "span").get_attribute("title").endswith("/id/project/G0020")
    assert "format=csv" in str(page.one("a[download='results.csv']").get_attribute("href"))


@pytest.mark.parametrize(
    ("kind", "query", "marks"),
    [
        ("map", COUNTRIES, ".picture [class*=shade-]"),
        ("chart", COUNTRIES, ".picture .bar-mark"),
        ("timeline", "SELECT ?title ?start { ?p dcterms:title ?title ; cyb:start ?start }", ".picture .bar-mark"),
        ("network", "SELECT ?funder ?country { ?p cyb:funder ?funder ; cyb:country ?country }", ".picture .node"),
    ],
)
def test_result_is_drawn_as_a_chart_with_its_table(page: Page, server: str, kind: str, query: str, marks: str) -> None:
    page.open(f"{server}/sparql?query={quote(query)}")
    page.until(lambda: page.all(f"#tab-{kind}"))
    page.one(f"#tab-{kind}").click()
    page.until(lambda: len(page.all(marks)) > 4)
    assert page.rows()
    assert page.one(".picture svg").get_attribute("aria-label")
    assert not page.complaints()


@pytest.mark.parametrize(
    ("query", "kind", "repeated"),
    [
        ("who-funds-whom", "chart", "European Union"),
        ("funder-country-pairs", "chart", "European Union"),
        ("funder-country-pairs", "map", "Belize"),
    ],
)
def test_values_of_several_rows_are_not_added_up(page: Page, server: str, query: str, kind: str, repeated: str) -> None:
    page.open(f"{server}/api/queries/example-{query}?format=html&evidence=possible")
    page.until(lambda: page.all(f"#tab-{kind}"))
    page.one(f"#tab-{kind}").click()
    page.until(lambda: page.all(".notice"))
    assert "has several rows" in page.one(".notice").text
    assert not page.all(".picture svg")
    assert repeated in [cell.text for cell in page.all(".answer-table td")]
    options = page.all(".choices option[value='']")
    options[0].click()
    page.until(lambda: page.all(".picture figcaption"))
    assert page.one(".picture figcaption").text.lower().startswith("rows by")


def test_chart_labels_rows_by_name_rather_than_by_code(page: Page, server: str) -> None:
    page.open(f"{server}/api/queries/example-regional-coverage?format=html")
    page.until(lambda: page.all("#tab-chart"))
    page.one("#tab-chart").click()
    page.until(lambda: page.all(".picture figcaption"))
    assert page.one(".picture figcaption").text.startswith("projects by name")


def test_map_has_no_shade_without_a_value(page: Page, server: str) -> None:
    page.open(f"{server}/sparql?query={quote('SELECT ?c ?x {VALUES (?c ?x) {(country:KE 1)(country:NG 2)}}')}")
    page.until(lambda: page.all("#tab-map"))
    page.one("#tab-map").click()
    page.until(lambda: page.all(".picture figcaption"))
    assert len(page.all(".picture svg rect.land")) == 2


def test_map_reports_countries_without_a_shape(page: Page, server: str) -> None:
    page.open(f"{server}/sparql?query={quote('SELECT ?c ?x {VALUES (?c ?x) {(country:KE 1)(country:ZZ 2)}}')}")
    page.until(lambda: page.all("#tab-map"))
    page.one("#tab-map").click()
    page.until(lambda: page.all(".picture figcaption"))
    assert "1 country; 1 more in the table cannot be shown on the map" in page.one(".picture figcaption").text
    assert len(page.all(".picture svg a")) == 1


def test_network_labels_do_not_overlap_and_timeline_uses_titles(page: Page, server: str) -> None:
    ties = "SELECT ?a ?b { ?p cyb:funder|cyb:implementer|cyb:partner ?a ; cyb:country ?b }"
    page.open(f"{server}/sparql?query={quote(ties)}")
    page.until(lambda: page.all("#tab-network"))
    page.one("#tab-network").click()
    page.until(lambda: len(page.all(".picture .name")) > 10)
    boxes = [name.rect for name in page.all(".picture .name")]
    for place, a in enumerate(boxes):
        for b in boxes[place + 1 :]:
            across = min(a["x"] + a["width"], b["x"] + b["width"]) - max(a["x"], b["x"])
            along = min(a["y"] + a["height"], b["y"] + b["height"]) - max(a["y"], b["y"])
            assert across <= 1 or along <= 1
    page.open(f"{server}/api/queries/example-actor-portfolio?actor=coe&format=html")
    page.until(lambda: page.all("#tab-timeline"))
    page.one("#tab-timeline").click()
    page.until(lambda: page.all(".picture figcaption"))
    assert "by title" in page.one(".picture figcaption").text


def test_chart_and_rows_can_be_downloaded(page: Page, server: str, tmp_path: Path) -> None:
    page.driver.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    page.open(f"{server}/sparql?query={quote(COUNTRIES)}")
    page.until(lambda: page.all("#tab-map"))
    page.one("#tab-map").click()
    page.until(lambda: page.all(".picture figcaption button"))
    page.one(".picture figcaption button").click()
    page.until(lambda: (tmp_path / "cybilgraph-map.svg").is_file())
    page.one("#tab-raw").click()
    page.one(".files a[download='results.csv']").click()
    page.until(lambda: (tmp_path / "results.csv").is_file())
    assert (tmp_path / "results.csv").read_text().startswith("country,projects")
    picture = (tmp_path / "cybilgraph-map.svg").read_text()
    assert 'xmlns="http://www.w3.org/2000/svg"' in picture
    assert "var(" not in picture


def test_rows_are_sorted_by_value_and_paged(page: Page, server: str) -> None:
    many = "SELECT ?n { VALUES ?a {0 1 2 3 4 5 6 7 8 9} VALUES ?b {0 1 2 3 4 5 6 7 8 9} VALUES ?c {0 1 2} BIND(?a + 10 * ?b + 100 * ?c AS ?n) }"
    page.open(f"{server}/sparql?query={quote(many)}")
    page.until(lambda: len(page.rows()) == 100)
    page.one(".sort").click()
    assert page.rows()[:3] == ["0", "1", "2"]
    page.one(".sort").click()
    assert page.rows()[:2] == ["299", "298"]
    [last] = [button for button in page.all(".paging button") if button.text == "Last"]
    last.click()
    assert page.rows()[-1] == "0"
    assert "201 to 300 of 300" in page.one(".paging").text


def test_empty_result_is_explained(page: Page, server: str) -> None:
    page.open(f"{server}/sparql")
    page.run("SELECT * { ?project cyb:aime ?aim }")
    page.until(lambda: page.all(".advice"))
    assert "cyb:aim" in page.one(".advice").text
    page.write("SELECT * { ?project cyb:aim ?aim }")
    page.one("[name=explain]").click()
    page.until(lambda: page.all("#advice"))


def test_keyboard_can_leave_the_editor(page: Page, server: str) -> None:
    page.open(f"{server}/sparql")
    page.one(".cm-content").click()
    page.one(".cm-content").send_keys(Keys.CONTROL, "a")
    page.one(".cm-content").send_keys("x")
    page.one(".cm-content").send_keys(Keys.ESCAPE)
    assert page.driver.switch_to.active_element.text == "Run"
    assert page.text == "x"
    assert not page.complaints()


def test_page_requests_nothing_from_other_hosts(page: Page, server: str) -> None:
    page.open(f"{server}/sparql?query={quote(COUNTRIES)}")
    page.until(lambda: page.all("#tab-map"))
    page.one("#tab-map").click()
    page.until(lambda: page.all(".picture svg"))
    asked = page.driver.execute_script("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert any("/static/built/" in address for address in asked)
    assert [address for address in asked if not address.startswith(server)] == []
    policy = http(f"{server}/sparql", Accept=BROWSER).headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy


def test_hostile_text_stays_text(page: Page, server: str) -> None:
    hostile = """SELECT ?x ?y { BIND("<img src=x onerror=alert(1)>" AS ?x) BIND(<javascript:alert(1)> AS ?y) }"""
    page.open(f"{server}/sparql?query={quote(hostile)}")
    page.until(lambda: page.rows())
    assert "<img src=x" in page.rows()[0]
    assert not page.all("#answer img")
    assert not page.all("#answer a[href^='javascript']")
    assert not page.complaints()


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed (make clients)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(page: Page, server: str, scheme: str) -> None:
    page.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    for query, tab in (("", ""), (COUNTRIES, "map"), (COUNTRIES, "raw"), ("SELECT ?x {\n ?x FILTR }", "")):
        page.open(f"{server}/sparql" + (f"?query={quote(query)}" if query else ""))
        if tab:
            page.until(lambda tab=tab: page.all(f"#tab-{tab}"))
            page.one(f"#tab-{tab}").click()
            page.until(lambda: page.all("#stage > div"))
            page.until(lambda: page.all("#usage"))
        page.driver.execute_script(AXE.read_text(encoding="utf-8"))
        found = page.driver.execute_async_script("const done = arguments[0]; axe.run().then((said) => done(said))")
        bad = [
            (fault["id"], [node["html"][:200] for node in fault["nodes"]])
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
        ]
        assert bad == [], (query, tab)


def test_page_works_without_scripts(server: str) -> None:
    plain = Page(scripts=False)
    try:
        plain.driver.get(f"{server}/sparql")
        plain.one("#query").clear()
        plain.one("#query").send_keys("SELECT ?p ?code { ?p dcterms:identifier ?code }")
        plain.one("#query-form button").click()
        plain.until(lambda: "G0020" in plain.one("#answer table").text)
        assert plain.one("#answer td a").get_attribute("href").startswith(f"{server}/id/project/")
        assert plain.all("#usage pre")
        plain.driver.get(f"{server}/sparql?query={quote('SELECT ?x { FILTR }')}")
        assert "FILTR" in str(plain.one("#query").get_property("value"))
        assert "line 1" in plain.one("#answer").text.lower()
    finally:
        plain.driver.quit()


def test_entities_are_shown_by_name_and_sorted_by_it(page: Page, server: str) -> None:
    page.open(f"{server}/sparql")
    page.run("SELECT ?place ?class { VALUES (?place ?class) { (country:CH cyb:Country) (country:BZ cyb:Country) } }")
    page.until(lambda: page.rows() == ["Switzerland cyb:Country", "Belize cyb:Country"])
    [switzerland, _] = page.all(".answer-table tbody td:first-child span")
    assert switzerland.get_attribute("title") == "https://w3id.org/cybilgraph/id/country/CH"
    page.one(".answer-table th .sort").click()
    page.until(lambda: page.rows() == ["Belize cyb:Country", "Switzerland cyb:Country"])
    assert not page.complaints()
