"""The curator area in a real browser: by mouse, by keyboard, and without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from cybilgraph.identity.decisions import Decision, Verdict, read_decisions
from tests.conftest import running_server
from tests.support.browsers import Browser, needs_chromium
from tests.support.curators import PASSWORDS, Site, curated_site

pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return curated_site(tmp_path_factory.mktemp("site"), 4)


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    with running_server(site.releases, *site.options) as url:
        yield url


@pytest.fixture
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.driver.quit()


def verdicts(folder: Path) -> list[tuple[str, Verdict, str]]:
    return [(one.who, one.verdict, one.new_field) for one in read_decisions(folder) if isinstance(one, Decision)]


def log_in(browser: Browser, url: str, name: str) -> None:
    browser.driver.get(f"{url}/curate")
    assert browser.driver.current_url.endswith("/curate/login")
    browser.one("#name").send_keys(name, Keys.TAB, PASSWORDS[name], Keys.ENTER)
    browser.until(lambda: browser.driver.current_url.endswith("/curate"))
    assert f"Logged in as {name}" in browser.one("main").text


def claim(browser: Browser) -> str:
    return str(browser.one("#claim [name=claim]").get_attribute("value"))


def press(browser: Browser, key: str) -> None:
    """Press a key, or click its button if the browser has no scripts, and wait for the next claim."""
    before = claim(browser)
    browser.one("body").send_keys(key)
    browser.until(lambda: claim(browser) != before)


def test_curator_decides_by_keyboard(browser: Browser, address: str, site: Site) -> None:
    log_in(browser, address, "Ana")
    browser.driver.find_element(By.LINK_TEXT, "Claims").send_keys(Keys.ENTER)
    browser.until(lambda: browser.all("#claim mark"))
    before = len(verdicts(site.decisions))
    press(browser, "y")
    press(browser, "n")
    undone = claim(browser)
    press(browser, "s")
    while not browser.all("[data-key='2']"):
        press(browser, "s")
    press(browser, "2")
    found = verdicts(site.decisions)[before:]
    assert found == [("Ana", Verdict.YES, ""), ("Ana", Verdict.NO, ""), ("Ana", Verdict.INSTEAD, "implementer")]
    press(browser, "u")
    assert verdicts(site.decisions)[-1] == ("Ana", Verdict.UNDO, "")
    assert undone != claim(browser), "the claim whose decision was withdrawn is shown again, not a skipped one"
    browser.driver.get(f"{address}/curate/claims")
    assert claim(browser) == undone, "a skipped claim comes again"
    browser.driver.get(f"{address}/curate/login")
    browser.one("#name").send_keys("yn")
    assert len(verdicts(site.decisions)) == before + 4, "keys in a field are text"
    assert browser.errors() == []


@pytest.mark.parametrize("scripts", [True, False])
def test_curator_decides_by_mouse(address: str, site: Site, scripts: bool) -> None:
    browser = Browser(scripts=scripts)
    try:
        log_in(browser, address, "Bea")
        browser.driver.find_element(By.LINK_TEXT, "Claims").click()
        before = len(verdicts(site.decisions))
        for selector in ("[value=yes]", "[value=no]", "a[data-key=s]"):
            shown = claim(browser)
            browser.one(f"#claim {selector}").click()
            browser.until(lambda shown=shown: claim(browser) != shown)
        assert verdicts(site.decisions)[before:] == [("Bea", Verdict.YES, ""), ("Bea", Verdict.NO, "")]
        shown = claim(browser)
        browser.one("[data-key=u]").click()
        browser.until(lambda: claim(browser) != shown)
        assert verdicts(site.decisions)[-1] == ("Bea", Verdict.UNDO, "")
        browser.driver.find_element(By.LINK_TEXT, "History").click()
        browser.until(lambda: "withdrawn by Bea" in browser.one("table").text)
        browser.driver.set_window_size(500, 844)
        assert browser.one("main").size["width"] <= 500
        browser.driver.find_element(By.XPATH, "//button[.='Log out']").click()
        browser.until(lambda: browser.driver.current_url.endswith("/curate/login"))
        browser.driver.back()
        browser.until(lambda: browser.driver.current_url.endswith("/curate/login"))
        assert browser.all("#password"), "going back shows the login again"
        assert browser.errors() == []
    finally:
        browser.driver.quit()
