"""A real browser, for the tests of pages and scripts."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
# Without these, a browser contacts its vendor at every start.
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
)
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="no chromium with chromedriver on this machine (Debian: apt-get install chromium chromium-driver)",
)


class Browser:
    """A browser with helpers for the check form."""

    def __init__(self, scripts: bool = True) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM or ""
        for argument in (*QUIET, "--window-size=1200,900"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        if not scripts:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def until(self, what: Callable[[], object]) -> None:
        # Retry while the page is being replaced.
        wait = WebDriverWait(self.driver, 20, poll_frequency=0.05, ignored_exceptions=[StaleElementReferenceException])
        wait.until(lambda _: what())

    def marked(self) -> dict[int, str]:
        """Return number and severity of the marked lines."""
        script = """return [...document.querySelectorAll(".marks > div")].map((row) => row.className)"""
        rows: list[str] = self.driver.execute_script(script)
        return {number: name for number, name in enumerate(rows, start=1) if name}

    def paste(self, text: str) -> None:
        """Replace the text at once, as pasting from the clipboard does."""
        self.one("#text").click()
        script = """document.execCommand("selectAll"); document.execCommand("insertText", false, arguments[0])"""
        self.driver.execute_script(script, text)

    @property
    def tally(self) -> str:
        return self.one("#tally").text

    def errors(self) -> list[str]:
        """Return the browser's errors, except responses with status 422, which are expected."""
        log = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in log if " 422 " not in entry["message"]]
