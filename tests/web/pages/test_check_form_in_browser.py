"""The check form in a real browser: paste a record, see marked lines, fix them; also without scripts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.conftest import SEED
from tests.support.browsers import Browser, needs_chromium
from tests.support.hostile import GOOD
from tests.support.workbooks import MISTAKES, workbook_with_mistakes

BAD = (
    "A project for Belize\n\nCybil code: G0999\n\nStatus: Finishd\n\nFrom: Apr 2018\n\nTo: Mar 2017\n\n"
    "Summary\n\nUNODC helped Belize.\n"
)
pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.driver.quit()


@pytest.fixture
def form(browser: Browser, portal: str) -> Browser:
    browser.driver.get(f"{portal}/check")
    browser.until(lambda: browser.driver.execute_script("return document.readyState") == "complete")
    return browser


def test_pasted_record_is_checked_live(form: Browser) -> None:
    form.paste(BAD)
    form.until(lambda: form.marked().get(9) == "violation")
    assert form.marked()[5] == "info"
    assert form.one(".marks > div.violation mark").get_attribute("textContent") == "Mar 2017"
    assert "1 violation" in form.tally
    assert "violation" in str(form.one(".finding").get_attribute("class")), "the most severe comes first"
    [found] = [item for item in form.all(".finding.violation") if "line 9" in item.text]
    assert "violation" in found.text
    assert (
        found.find_element(By.CSS_SELECTOR, ".which").get_attribute("href").endswith("/rules/end-after-start?lang=en")
    )
    found.find_element(By.CSS_SELECTOR, ".place").click()
    chosen = "const t = document.activeElement; return t.value.slice(t.selectionStart, t.selectionEnd)"
    assert form.driver.execute_script(chosen) == "Mar 2017"
    form.driver.switch_to.active_element.send_keys("Mar 2020")
    form.until(lambda: 9 not in form.marked())
    form.until(lambda: "0 violations" in form.tally)
    assert "To: Mar 2020" in form.one("#text").get_property("value")
    assert form.errors() == []


def test_fix_is_applied_by_click_and_can_be_undone(form: Browser) -> None:
    form.paste(BAD)
    form.until(lambda: form.all(".apply:not([hidden])"))
    form.one(".apply:not([hidden])").click()
    form.until(lambda: "Status: Finished" in form.one("#text").get_property("value"))
    form.until(lambda: 5 not in form.marked())
    form.one("#text").send_keys(Keys.CONTROL, "z")
    assert form.one("#text").get_property("value") == BAD
    form.until(lambda: 5 in form.marked())
    assert form.errors() == []


def test_marks_align_with_their_lines(form: Browser) -> None:
    """The marked lines wrap where the text wraps, so that they have the same height."""
    form.paste("A title\n\nTo: Mar 2017\n\n" + "A long word or two of prose, again and again. " * 60 + "\n\n\tx\n" * 3)
    height = """const t = document.getElementById("text"); t.style.height = "0"; const own = t.scrollHeight;
        t.style.height = ""; return [own, document.querySelector(".marks").offsetHeight]"""
    own, behind = form.driver.execute_script(height)
    assert abs(own - behind) <= 2
    form.until(lambda: "record" in form.tally)


def test_graph_and_evidence_are_shown(form: Browser) -> None:
    form.paste(SEED.read_text(encoding="utf-8"))
    form.until(lambda: form.one("#turtle").is_displayed())
    form.one("#turtle summary").click()
    assert "project:G0020" in form.one("#turtle pre").text
    assert "GPD supported the process" in form.one("#derived").text
    Select(form.one("#lang")).select_by_value("fr")
    form.until(lambda: form.all('.finding .message[lang="fr"]'))
    assert form.errors() == []


def test_selected_files_are_checked(form: Browser, tmp_path: Path) -> None:
    page = tmp_path / "page.txt"
    page.write_text(BAD, encoding="cp1252")
    form.one("#file").send_keys(str(page))
    form.until(lambda: form.marked().get(9) == "violation")
    assert form.one("#text").get_property("value") == BAD
    book = tmp_path / "book.xlsx"
    book.write_bytes(GOOD()[".xlsx"])
    form.one("#file").send_keys(str(book))
    form.until(lambda: form.tally.startswith("1 record"))
    assert form.one("#text").get_property("value") == ""
    assert form.errors() == []


def test_workbook_is_shown_as_a_table_with_marked_cells(form: Browser, tmp_path: Path) -> None:
    book = tmp_path / "mistakes.xlsx"
    book.write_bytes(workbook_with_mistakes())
    form.one("#file").send_keys(str(book))
    form.until(lambda: form.one("#sheet").is_displayed())
    cell = form.one("#cell-C3")
    assert cell.text.startswith("Sleeping")
    assert cell.get_attribute("class") == "violation"
    places = {place.text for place in form.all(".finding .place") if place.is_displayed()}
    assert {cell for cell, *_ in MISTAKES.values() if cell} <= places
    assert form.one(".of-workbook").is_displayed()
    assert form.marked() == {}, "the empty text has no lines to mark"
    assert form.one("#editor").size["height"] < 100
    form.paste(BAD)
    form.until(lambda: not form.one("#sheet").is_displayed())
    assert not form.one(".of-workbook").is_displayed()
    assert form.errors() == []


def test_workbook_stays_a_table_on_a_phone(form: Browser, tmp_path: Path) -> None:
    book = tmp_path / "mistakes.xlsx"
    book.write_bytes(workbook_with_mistakes())
    phone = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    form.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        form.one("#file").send_keys(str(book))
        form.until(lambda: form.one("#sheet").is_displayed())
        [letter] = [head for head in form.all("#sheet thead th") if head.text == "C"]
        cell, neighbour = form.one("#cell-C3"), form.one("#cell-B3")
        assert letter.rect["x"] == cell.rect["x"], "the cell is below its letter"
        assert neighbour.rect["y"] == cell.rect["y"], "the cells of a row are side by side"
        assert form.driver.execute_script("return document.documentElement.scrollWidth") == phone["width"]
    finally:
        form.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_dropped_yaml_file_is_checked(form: Browser) -> None:
    drop = """const data = new DataTransfer();
        data.items.add(new File([arguments[0]], "dropped.yaml"));
        const at = {dataTransfer: data, bubbles: true, cancelable: true};
        const editor = document.getElementById("editor");
        for (const name of ["dragenter", "dragover", "drop"]) editor.dispatchEvent(new DragEvent(name, at));"""
    form.driver.execute_script(drop, "projects:\n- title: A project\n  status: Finishd\n  summary: It helps Fiji.\n")
    form.until(lambda: form.marked().get(3) == "info")
    assert form.errors() == []


def test_latest_input_determines_the_findings(form: Browser) -> None:
    form.paste('{"title": "A project", ')
    form.until(lambda: "No project record was found" in form.tally)
    assert form.marked() == {1: "violation"}
    form.one("#text").send_keys(Keys.CONTROL, Keys.END)
    for part in ('"status": "Fin', 'ished"', ', "countries": ["BZ"]', ', "summary": "It helps Belize."}'):
        form.one("#text").send_keys(part)
        time.sleep(0.2)
    form.until(lambda: "1 record: 0 violations" in form.tally)
    form.paste("")
    form.until(lambda: form.tally == "Nothing checked yet.")
    assert form.all(".finding") == []


def test_page_is_accessible_and_fits_a_phone(form: Browser) -> None:
    form.paste(BAD)
    form.until(lambda: form.all(".finding"))
    assert form.one("#tally").get_attribute("role") == "status"
    for control in form.all("form textarea, form select, form input:not([type=hidden])"):
        assert control.accessible_name, control.get_attribute("outerHTML")
    for button in form.all("form button"):
        assert not button.is_displayed() or button.accessible_name or button.get_attribute("aria-hidden")
    form.driver.set_window_size(400, 800)
    try:
        wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert form.driver.execute_script(wide) <= 0
    finally:
        form.driver.set_window_size(1200, 900)


CONTRAST = """
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    const rgb = (colour, under) => {
      canvas.fillStyle = `rgb(${under})`; canvas.fillRect(0, 0, 1, 1);
      canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const ground = (element) => {
      const below = element.parentElement ? ground(element.parentElement) : [255, 255, 255];
      return rgb(getComputedStyle(element).backgroundColor, below);
    };
    const light = (colour) => {
      const [r, g, b] = colour.map((part) => part / 255).map((p) => p <= 0.04045 ? p / 12.92 : ((p + 0.055) / 1.055) ** 2.4);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    return [...document.querySelectorAll("main p, main a, main strong, main label, main button, main summary, .sign")]
      .filter((element) => element.checkVisibility() && element.textContent.trim())
      .map((element) => {
        const behind = ground(element);
        const [a, b] = [light(rgb(getComputedStyle(element).color, behind)), light(behind)].sort((x, y) => y - x);
        return [element.className || element.tagName, (a + 0.05) / (b + 0.05)];
      });
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_contrast_is_sufficient(form: Browser, scheme: str) -> None:
    """WCAG 2.2, success criterion 1.4.3."""
    feature = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    form.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", feature)
    form.paste(BAD)
    form.until(lambda: form.all(".finding.violation") and form.all(".apply:not([hidden])"))
    found: list[tuple[str, float]] = form.driver.execute_script(CONTRAST)
    assert len(found) > 10
    assert [(name, ratio) for name, ratio in found if ratio < 4.5] == []


def test_edit_can_be_suggested(browser: Browser, portal: str, queue: Path) -> None:
    browser.driver.get(f"{portal}/id/project/G0020")
    browser.driver.find_element(By.LINK_TEXT, "Suggest an edit").click()
    browser.until(lambda: browser.marked().get(17) == "warning")
    script = """const t = document.getElementById("text"); const at = t.value.indexOf("Funders") + 8;
        t.focus(); t.setSelectionRange(at, at)"""
    browser.driver.execute_script(script)
    browser.one("#text").send_keys("\nUNODC\n")
    browser.until(lambda: 17 not in browser.marked())
    browser.one("#comment").send_keys("See the last page")
    browser.one("button[name=send]").click()
    browser.until(lambda: "Thank you" in browser.one("h1").text)
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(queue.glob("*.json"))][-1]
    assert (found["project"], found["comment"]) == ("G0020", "See the last page")
    assert "Funders\n\nUNODC\n" in found["text"]
    assert browser.errors() == []


def test_form_works_without_scripts(portal: str) -> None:
    browser = Browser(scripts=False)
    try:
        browser.driver.get(f"{portal}/check")
        browser.one("#text").send_keys(BAD)
        browser.one(".actions button").click()
        browser.until(lambda: browser.all(".listing li.violation"))
        assert browser.one(".listing li.violation").text.startswith("To: Mar 2017")
        assert not browser.one(".marks").is_displayed()
        browser.one(".finding.violation .place").click()
        assert browser.driver.current_url.endswith("#L9")
        browser.one(".apply:not([hidden])").click()
        browser.until(lambda: "Status: Finished" in browser.one("#text").get_property("value"))
        text = browser.one("#text")
        text.clear()
        text.send_keys(BAD.replace("Mar 2017", "Mar 2020"))
        text.send_keys(Keys.TAB)
        browser.one(".actions button").click()
        browser.until(lambda: "0 violations" in browser.tally)
        assert browser.errors() == []
    finally:
        browser.driver.quit()


# ---- on a phone ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/id/project/G0020", "/id/project/cybercrime-octopus", "/check", "/rules", "/rules/near-name"),
        *("/suggest/G0020", "/id/country/BZ", "/id/actor/gpd", "/sparql?query=SELECT+*+{?s+?p+?o}LIMIT+9"),
        *("/queries/example-who-funds-whom", "/nowhere"),
    ],
)
def test_page_fits_the_width_of_a_phone(browser: Browser, portal: str, path: str) -> None:
    width = 360
    size = {"width": width, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        browser.driver.get(f"{portal}{path}")
        wide = browser.driver.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
        assert wide == [width, width], browser.driver.execute_script(
            "return [...document.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > arguments[0])"
            ".map(e => e.outerHTML.slice(0, 120))",
            width,
        )
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


# ---- dropped files -------------------------------------------------------------------------

DROP = """
const [content, name] = arguments;
const transfer = new DataTransfer();
transfer.items.add(new File([Uint8Array.from(content)], name));
const editor = document.getElementById("editor");
const over = new DragEvent("dragover", { dataTransfer: transfer, bubbles: true, cancelable: true });
editor.dispatchEvent(over);
const shown = editor.classList.contains("drop");
editor.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
return [shown, over.defaultPrevented, editor.classList.contains("drop")];
"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", BAD.encode()),
        ("a.csv", b"title,status\r\nA project,Finishd\r\n"),
        ("a.yaml", "title: Über\nstatus: Finishd\n".encode("utf-16")),
        ("a.html", "<h1>Café</h1><h2>Status</h2><p>Finishd</p>".encode("cp1252")),
    ],
)
def test_dropped_text_file_fills_the_text_area(form: Browser, name: str, content: bytes) -> None:
    assert form.driver.execute_script(DROP, list(content), name) == [True, True, False]
    form.until(lambda: "near-name" in form.one("#findings").text)
    assert "Finishd" in (form.one("#text").get_attribute("value") or "")
    form.one("#findings .apply:not([hidden])").click()
    form.until(lambda: "Finished" in (form.one("#text").get_attribute("value") or ""))


def test_dropped_workbook_is_checked(form: Browser) -> None:
    form.driver.execute_script(DROP, list(GOOD()[".xlsx"]), "a.xlsx")
    form.until(lambda: "1 record" in form.one("#tally").text)
    assert form.one("#text").get_attribute("value") == ""
