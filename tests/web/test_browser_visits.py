"""The site in a real browser: typical visits, with and without scripts, and accessibility checks with axe-core."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import combinations
from urllib.parse import unquote

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait

from tests.conftest import ROOT
from tests.support.browsers import CHROMIUM, DRIVER, QUIET, needs_chromium
from tests.support.http_client import http
from tests.support.site_pages import KINDS

AXE = ROOT / "tests" / "clients" / "node_modules" / "axe-core" / "axe.min.js"
#: Finds words that wrap in the middle, except at a hyphen; long ones such as IRIs may.
BROKEN = r"""
const found = [];
for (const cell of document.querySelectorAll("td, th, h1, h2, h3, nav a, footer a, .facts dt")) {
  const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
  for (let text; (text = texts.nextNode()); ) for (const word of text.data.matchAll(/[\p{L}\p{N}]{2,20}/gu)) {
    const range = document.createRange();
    range.setStart(text, word.index);
    range.setEnd(text, word.index + word[0].length);
    if (!cell.querySelector("code") && !text.data.includes("://") && range.getClientRects().length > 1) found.push(word[0]);
  }
}
return found;
"""
#: Counts the quotes that are not entirely on the screen when their link has the focus.
OUTSIDE = """
return [...document.querySelectorAll(".evidence > a")].filter(link => {
  link.focus();
  const tip = link.parentElement.querySelector(".tip")?.getBoundingClientRect();
  return tip && (!tip.width || tip.left < 0 || tip.right > innerWidth);
}).length;
"""
#: The left edge of the content, the computed typeface, and the sizes of all visible texts outside of charts.
LAYOUT = """
const sizes = new Set();
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let text; (text = texts.nextNode()); ) {
  const place = text.parentElement;
  if (text.data.trim() && !place.closest("svg, script, .skip") && place.checkVisibility()) sizes.add(getComputedStyle(place).fontSize);
}
const main = document.querySelector("main");
return [main.getBoundingClientRect().left + parseFloat(getComputedStyle(main).paddingLeft),
  document.querySelector("header .brand").getBoundingClientRect().left, getComputedStyle(main).fontFamily, [...sizes]];
"""
#: The boxes of the labels of the network that are visible.
BOXES = """
return [...document.querySelectorAll(".explorer text")].filter(one => getComputedStyle(one).opacity === "1")
  .map(one => one.getBoundingClientRect().toJSON());
"""
#: What identifies each node of the network: its text, its name, and the list of the names of the numbered nodes.
NODE_NAMES = """
return [[...document.querySelectorAll(".explorer a")].map(
    one => [one.querySelector("text").textContent, one.getAttribute("aria-label").replace(/: [a-z]+$/, "")]),
  [...document.querySelectorAll(".numbered li")].map(one => one.textContent)];
"""
#: The number of elements in the tab order before the cards of the home page, and how far down these begin and end.
STOPS = """
const cards = document.querySelector(".cards");
const stops = [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex]")].filter(
  one => one.tabIndex >= 0 && cards.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_PRECEDING);
return [stops.length, cards.getBoundingClientRect().bottom, document.querySelector("svg.map").getBoundingClientRect().bottom];
"""
pytestmark = [pytest.mark.slow, needs_chromium]


class Visitor:
    """A browser, with helpers to interact with a page."""

    def __init__(self, scripts: bool) -> None:
        self.scripts = scripts
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM or ""
        for argument in (*QUIET, "--window-size=1200,900"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        if not scripts:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def follow(self, words: str) -> None:
        self.driver.find_element(By.PARTIAL_LINK_TEXT, words).click()

    def submit(self, selector: str, words: str) -> None:
        """Type the words, press Enter, and wait for the next page: unlike a click, a key does not wait for it."""
        field, address = self.one(selector), self.driver.current_url
        field.send_keys(words, Keys.ENTER)
        WebDriverWait(self.driver, 10).until(expected_conditions.url_changes(address))

    def text(self, selector: str) -> str:
        """Return the text; if the page is being replaced, that of the new page."""
        wait = WebDriverWait(self.driver, 10, ignored_exceptions=[StaleElementReferenceException])
        return wait.until(lambda _: self.one(selector).text)

    @property
    def title(self) -> str:
        return self.text("h1")


@pytest.fixture(scope="module", params=[True, False], ids=["scripts", "no scripts"])
def visitor(request: pytest.FixtureRequest) -> Iterator[Visitor]:
    visitor = Visitor(request.param)
    yield visitor
    visitor.driver.quit()


def test_navigation_from_search_to_project_organisation_and_country(server: str, visitor: Visitor) -> None:
    visitor.driver.get(f"{server}/")
    visitor.submit("#q", "hygeine")
    assert visitor.title == "Projects"
    visitor.one('aside a[href*="country=UA"]').click()
    assert "1 project" in visitor.text(".tally")
    visitor.follow("Cyber Hygiene")
    assert visitor.title == "Cyber Hygiene Essentials in Ukraine"
    tip = visitor.one(".tip")
    assert not tip.is_displayed()
    ActionChains(visitor.driver).move_to_element(visitor.one(".evidence")).perform()
    assert tip.is_displayed()
    assert "implemented by the OSCE Project Co-ordinator" in tip.text
    ActionChains(visitor.driver).move_by_offset(0, 300).perform()
    visitor.follow("OSCE Project Co-ordinator")
    assert visitor.title == "OSCE Project Co-ordinator in Ukraine"
    visitor.one('.bars a[href="/id/country/UA"]').click()
    assert visitor.title == "Ukraine"


def test_map_countries_and_matrix_cells_link_to_pages(server: str, visitor: Visitor) -> None:
    visitor.driver.get(f"{server}/pictures/map")
    visitor.one('svg a[href="/id/country/NG"]').click()
    if visitor.scripts:
        wait = WebDriverWait(visitor.driver, 10)
        wait.until(lambda driver: driver.find_elements(By.PARTIAL_LINK_TEXT, "More about Nigeria"))
        visitor.follow("More about Nigeria")
    assert visitor.title == "Nigeria"
    visitor.driver.get(f"{server}/pictures/coverage")
    visitor.one('.matrix a[aria-label^="Belize, Cyber Security Policy and Strategy: 1"]').click()
    assert "1 project" in visitor.text(".tally")


def test_chart_can_be_downloaded_and_its_query_opened(server: str, visitor: Visitor) -> None:
    visitor.driver.get(f"{server}/pictures/years")
    links = {
        link.text: link.get_attribute("href") or "" for link in visitor.driver.find_elements(By.CSS_SELECTOR, ".button")
    }
    svg = http(links["Download SVG"])
    assert svg.content_type.startswith("image/svg+xml")
    rows = list(csv.DictReader(io.StringIO(http(links["Download CSV"]).body.decode())))
    assert rows[0].keys() >= {"year", "active"}
    assert f">{rows[-4]['active']}</text>" in svg.body.decode()
    visitor.follow("Open as SPARQL query")
    assert "/sparql?query=" in visitor.driver.current_url
    assert "openEnded" in visitor.one("main").text


def test_network_is_expanded_twice(server: str, visitor: Visitor) -> None:
    """With scripts in the chart and by keyboard, without them in the lists."""
    visitor.driver.get(f"{server}/id/actor/eu")
    visitor.follow("Explore the network")
    assert visitor.title == "Network: European Union"
    for path in ("actor/coe", "country/CL"):
        chart = visitor.driver.find_elements(By.CSS_SELECTOR, f'.explorer a[data-id="{path}"]')
        link = chart[0] if chart else visitor.one(f'details[open] a[data-turn="{path}"]')
        visitor.driver.execute_script("arguments[0].focus()", link)
        ActionChains(visitor.driver).send_keys(Keys.ENTER).perform()
        WebDriverWait(visitor.driver, 10).until(
            lambda _, path=path: f"expand={path}" in unquote(visitor.driver.current_url)
        )
        assert visitor.text("details[open] summary").startswith("Council of Europe" if path == "actor/coe" else "Chile")
    lists = [
        one.get_attribute("data-node") for one in visitor.driver.find_elements(By.CSS_SELECTOR, "details[data-node]")
    ]
    assert lists == ["actor/eu", "actor/coe", "country/CL"]
    shared = visitor.driver.current_url
    if nodes := visitor.driver.find_elements(By.CSS_SELECTOR, ".explorer a"):
        assert visitor.driver.switch_to.active_element.get_attribute("data-id") == "country/CL"
        assert 10 < len(nodes) <= 150
        boxes = visitor.driver.execute_script(BOXES)
        assert len(boxes) > 10
        assert not [(one, other) for one, other in combinations(boxes, 2) if overlap(one, other)]
        visitor.driver.back()
        WebDriverWait(visitor.driver, 10).until(lambda _: visitor.text("details[open] summary").startswith("Council"))
    visitor.driver.get(shared)
    assert visitor.text("details[open] summary").startswith("Chile")
    number = visitor.one('details[open] tr[data-node="actor/eu"] td.number a')
    expected = number.text
    number.click()
    assert visitor.text(".tally").startswith(f"{expected} project")
    set_screen(visitor, 390, 844)
    visitor.driver.get(shared)
    assert not visitor.one("#network").is_displayed()
    set_screen(visitor, 1200, 900)
    assert not visitor.driver.get_log("browser")


def test_every_node_of_a_large_network_has_its_name_or_a_number_of_the_list(demo_server: str, visitor: Visitor) -> None:
    visitor.driver.get(f"{demo_server}/pictures/network?start=eu&expand=actor/coe&expand=country/GE&expand=actor/un")
    nodes, numbered = visitor.driver.execute_script(NODE_NAMES)
    if not nodes:
        return  # without scripts, the chart has three columns
    assert len(nodes) > 60
    for text, name in nodes:
        assert name == numbered[int(text) - 1] if text.isdigit() else name.startswith(text.rstrip("…")), (text, name)
    assert len(numbered) == sum(text.isdigit() for text, _ in nodes) < len(nodes) / 3
    boxes = visitor.driver.execute_script(BOXES)
    assert len(boxes) == len(nodes)
    assert not [(one, other) for one, other in combinations(boxes, 2) if overlap(one, other)]


def test_two_organisations_are_compared_from_the_page_of_one(server: str, visitor: Visitor) -> None:
    visitor.driver.get(f"{server}/id/actor/eu")
    visitor.submit("form.compare input[name=b]", "Council of Europe")
    assert visitor.title == "European Union and Council of Europe"
    [role] = [row for row in visitor.driver.find_elements(By.CSS_SELECTOR, ".pair tr") if "As implementer" in row.text]
    link = role.find_element(By.CSS_SELECTOR, "td:last-child a")
    expected = link.text
    link.click()
    assert visitor.text(".tally").startswith(f"{expected} project")
    assert "implementer=coe" in visitor.driver.current_url


def overlap(one: dict[str, float], other: dict[str, float]) -> bool:
    across = min(one["right"], other["right"]) - max(one["left"], other["left"])
    return across > 1 and min(one["bottom"], other["bottom"]) - max(one["top"], other["top"]) > 1


def test_suggestion_form_opens_with_the_record(portal: str, visitor: Visitor) -> None:
    visitor.driver.get(f"{portal}/id/project/G0020")
    visitor.follow("Suggest an edit")
    assert visitor.title == "Suggest an edit"
    assert "Belize" in (visitor.one("#text").get_attribute("value") or "")


def test_pages_request_nothing_from_other_hosts_and_log_no_errors(server: str, visitor: Visitor) -> None:
    visitor.driver.get_log("performance")
    visitor.driver.get_log("browser")
    for path in KINDS:
        visitor.driver.get(f"{server}{path}")
    errors = [line for line in visitor.driver.get_log("browser") if "404 (Not Found)" not in line["message"]]
    assert not errors
    asked = [
        line["message"]
        for line in visitor.driver.get_log("performance")
        if '"Network.requestWillBeSent"' in line["message"]
    ]
    assert len(asked) >= len(KINDS)
    assert not [line for line in asked if f'"url":"{server}/' not in line and '"url":"data:' not in line]


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed (make clients)")
@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 390)])
def test_axe_finds_no_serious_violation(server: str, scheme: str, width: int) -> None:
    """Also check that nothing exceeds the screen, no word is broken, and all pages have the same header."""
    visitor = Visitor(scripts=True)
    driver = visitor.driver
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    faults = []
    heads = set()
    for path in KINDS:
        driver.get(f"{server}{path}")
        # The driver sometimes returns before the style sheet has loaded.
        WebDriverWait(driver, 10).until(lambda _: driver.execute_script("return document.readyState") == "complete")
        heads.add(
            driver.execute_script(
                "const [head, nav] = document.querySelectorAll('body > header, header nav');"
                "return `${head.offsetWidth} wide, links ${nav.offsetHeight} high`"
            )
        )
        if driver.execute_script("return document.documentElement.scrollWidth") > width:
            faults.append(f"{path}: wider than {width}")
        if outside := driver.execute_script(OUTSIDE):
            faults.append(f"{path}: {outside} quotes are not on the screen")
        faults += [f"{path}: {word!r} is broken" for word in driver.execute_script(BROKEN)]
        driver.execute_script(AXE.read_text(encoding="utf-8"))
        found = driver.execute_async_script(
            "axe.run({resultTypes: ['violations']}).then(arguments[arguments.length - 1])"
        )
        faults += [
            f"{path}: {fault['id']}: {fault['nodes'][0]['html'][:200]}"
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
        ]
    driver.quit()
    assert not faults, "\n".join(faults)
    assert len(heads) == 1, heads


@pytest.mark.timeout(900)  # it may wait for a build of all sample data
def test_home_page_shows_the_essentials_at_once(server: str, demo_server: str, visitor: Visitor) -> None:
    set_screen(visitor, 1280, 800)
    for url in (demo_server, server):  # with and without the text about the sample
        visitor.driver.get(f"{url}/")
        stops, cards, chart = visitor.driver.execute_script(STOPS)
        assert stops <= 20
        assert chart < cards <= 800
    assert [item.text for item in visitor.driver.find_elements(By.CSS_SELECTOR, ".cards.three h2")] == [
        "For researchers", "For data partners", "For curators"
    ]  # fmt: skip


def test_pages_share_one_left_edge_typeface_and_seven_sizes(server: str, visitor: Visitor) -> None:
    set_screen(visitor, 1600, 900)
    edges = set()
    for path in KINDS:
        visitor.driver.get(f"{server}{path}")
        # The driver sometimes returns before the style sheet has loaded.
        WebDriverWait(visitor.driver, 10).until(
            lambda driver: driver.execute_script("return document.readyState") == "complete"
        )
        left, brand, family, sizes = visitor.driver.execute_script(LAYOUT)
        edges |= {left, brand}
        assert family.startswith('"Source Sans 3"'), path
        assert set(sizes) <= {"13px", "14px", "16px", "18px", "22px", "28px", "36px"}, (path, sizes)
    assert len(edges) == 1, edges


def test_filters_are_near_on_a_phone_and_facts_on_a_project_page(server: str, visitor: Visitor) -> None:
    set_screen(visitor, 390, 844)
    visitor.driver.get(f"{server}/search?q=cyber")
    assert visitor.one("aside").rect["y"] + visitor.one("aside").rect["height"] <= 844
    country = visitor.one('aside a[href*="country="]')
    assert not country.is_displayed()
    visitor.one("aside label").click()
    assert country.is_displayed()
    set_screen(visitor, 1280, 800)
    visitor.driver.get(f"{server}/search?q=cyber")
    assert visitor.one('aside a[href*="country="]').is_displayed()


@pytest.mark.timeout(900)  # it may wait for a build of all sample data
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("project", ["G0020", "caribbean-digital-transformation-project-cardtp"])
def test_first_screen_of_a_project_has_facts_map_and_timeline(
    demo_server: str, visitor: Visitor, project: str, width: int
) -> None:
    """Check with a project of few facts and one of many, whose map and timeline have legends too."""
    set_screen(visitor, width, 844)
    visitor.driver.get(f"{demo_server}/id/project/{project}")
    for selector in (".facts .evidence", 'a[href="#cite"]', 'a[href="#download"]'):
        assert visitor.one(selector).rect["y"] < 800, selector
    for selector in (".facts", ".small-map", ".timeline"):
        box = visitor.one(selector).rect
        assert box["y"] + box["height"] <= 800, selector


@pytest.mark.timeout(900)  # it may wait for a build of all sample data
def test_long_facts_of_a_project_are_shown_in_full_on_a_phone(demo_server: str, visitor: Visitor) -> None:
    set_screen(visitor, 390, 844)
    visitor.driver.get(f"{demo_server}/id/project/caribbean-digital-transformation-project-cardtp")
    implementers = visitor.one(".facts div:nth-child(4)")
    assert implementers.text.startswith("Implementer")
    assert implementers.find_element(By.TAG_NAME, "dt").get_attribute("data-number") == "5"
    line = implementers.rect["height"]
    below = visitor.one(".facts div:nth-child(5) a")
    place = below.rect
    implementers.find_elements(By.TAG_NAME, "a")[-1].send_keys("")  # focus scrolls the row, and nothing moves
    assert implementers.find_elements(By.TAG_NAME, "a")[-1].rect["x"] < 390
    overflow = visitor.driver.execute_script(
        "return getComputedStyle(arguments[0].querySelector('dd')).textOverflow", implementers
    )
    assert overflow == "clip", "an ellipsis would hide what comes into view"
    assert below.rect == place
    visitor.one(".short label").click()
    assert implementers.rect["height"] >= 2 * line
    last = implementers.find_elements(By.TAG_NAME, "a")[-1].rect
    assert last["x"] + last["width"] <= 390
    visitor.driver.get(f"{demo_server}/id/project/G0020")  # has no fact with several values
    assert not visitor.driver.find_elements(By.CSS_SELECTOR, ".short label")


@pytest.mark.timeout(900)  # it may wait for a build of all sample data
def test_quote_of_a_fact_is_on_the_screen_of_a_phone(demo_server: str, visitor: Visitor) -> None:
    set_screen(visitor, 390, 844)
    visitor.driver.get(f"{demo_server}/id/project/caribbean-digital-transformation-project-cardtp")
    ActionChains(visitor.driver).move_to_element(visitor.one(".facts .evidence")).perform()
    tip = visitor.one(".facts .evidence .tip")
    assert tip.is_displayed()
    assert "Caribbean" in tip.text
    assert visitor.driver.execute_script(
        "const box = arguments[0].getBoundingClientRect();"
        "return arguments[0].contains(document.elementFromPoint(box.x + 20, box.y + box.height / 2))",
        tip,
    )
    quote = visitor.driver.execute_script("return arguments[0].querySelector('q').textContent", tip)
    visitor.one(".facts .evidence a").click()
    assert quote in visitor.one("tr:target").text


@pytest.mark.timeout(900)  # it may wait for a build of all sample data
def test_evidence_switch_changes_numbers(demo_server: str, visitor: Visitor) -> None:
    visitor.driver.get(f"{demo_server}/id/region/002")
    numbers = []
    for words in ("stated and confirmed", "plus sure", "plus possible"):
        if links := visitor.driver.find_elements(By.LINK_TEXT, words):
            links[0].click()
        assert visitor.one(".levels [aria-current]").text == words
        numbers.append(int(re.search(r"(\d+) projects", visitor.one("main").text)[1]))
    assert numbers[0] < numbers[1] <= numbers[2]


@pytest.mark.timeout(900)  # it may wait for a build of all sample data
@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_longer_than_6000_pixels_without_paging(demo_server: str, visitor: Visitor, width: int) -> None:
    set_screen(visitor, width, 800)
    lists = ("country", "region", "group", "actor", "theme")
    largest = (
        "country/UA",
        "region/002",
        "region/142",
        "group/commonwealth",
        "group/acp",
        "actor/eu",
        "theme/cybercrime",
    )
    paths = [f"/id/{path}" for path in (*lists, *largest)]
    for path in (*paths, "/outcomes", "/queries", "/pictures/coverage?all=1", "/compare?a=Africa&b=Asia"):
        visitor.driver.get(f"{demo_server}{path}")
        height = visitor.driver.execute_script("return document.documentElement.scrollHeight")
        assert height <= 6000, path


def set_screen(visitor: Visitor, width: int, height: int) -> None:
    """Set the size of the page, which may be smaller than the smallest window."""
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    visitor.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
