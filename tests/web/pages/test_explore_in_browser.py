"""Charts in a real browser: zoom, tooltips, panel, paths, sorting and choosing years, with the keyboard where it counts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from cybilgraph import pipeline
from tests.conftest import running_server
from tests.support.browsers import Browser, needs_chromium

pytestmark = [pytest.mark.slow, needs_chromium]
EU, COE, UN = "European Union", "Council of Europe", "United Nations"
PROJECTS = [
    {"title": "One", "funders": [EU], "implementers": [COE], "countries": ["Jamaica"], "start": "2015", "end": "2016"},
    {"title": "Two", "funders": [EU], "implementers": [COE], "countries": ["Jamaica", "Barbados"], "start": "2018"},
    {"title": "Three", "funders": ["Government of Japan"], "implementers": [UN], "countries": ["Kenya"]},
    {
        "title": "Four",
        "funders": ["Government of Japan"],
        "implementers": [COE],
        "countries": ["Kenya"],
        "start": "2019",
    },
]


@pytest.fixture(scope="module")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a release of a few projects, and return the URL of the charts."""
    folder = tmp_path_factory.mktemp("charts")
    projects = [{**project, "themes": ["Cybercrime"] * (number % 2)} for number, project in enumerate(PROJECTS)]
    (folder / "records.json").write_text(json.dumps({"projects": projects}))
    pipeline.build([folder / "records.json"], folder / "into", dumps=False)
    with running_server(folder / "into") as url:
        yield f"{url}/pictures"


@pytest.fixture(scope="module")
def shared() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.driver.quit()


@pytest.fixture
def browser(shared: Browser) -> Iterator[Browser]:
    shared.driver.get_log("browser")
    yield shared
    assert not shared.driver.get_log("browser"), "errors, or violations of the policy"


def focused(browser: Browser) -> str:
    return browser.driver.switch_to.active_element.get_attribute("aria-label") or ""


def press(browser: Browser, *keys: str) -> None:
    ActionChains(browser.driver).send_keys(*keys).perform()


def test_keyboard_zooms_to_the_caribbean_and_reads_its_countries(charts: str, browser: Browser) -> None:
    browser.driver.get(f"{charts}/map")
    for _ in range(40):
        if browser.driver.switch_to.active_element.text == "Caribbean":
            break
        press(browser, Keys.TAB)
    press(browser, Keys.ENTER)
    browser.until(lambda: browser.one(".presets [aria-current]").text == "Caribbean")
    browser.until(lambda: browser.all(".zoom button"))
    tip = browser.one(".hint")
    browser.one(".presets a:last-child").send_keys(Keys.TAB)
    assert (focused(browser), tip.text) == ("Barbados: 1", "Barbados: 1 project")
    press(browser, Keys.ARROW_RIGHT)
    assert focused(browser) == "Barbados: 1", "nothing to the right is on the screen"
    press(browser, Keys.ARROW_LEFT)
    gap = "Saint Vincent and the Grenadines: 0"
    assert (focused(browser), tip.text) == (gap, f"{gap} projects"), "countries without projects can be read, too"
    press(browser, Keys.ARROW_RIGHT)
    assert focused(browser) == "Barbados: 1"

    def zoom() -> float:
        """Return the factor of the map, after checking that dots keep their size on the screen."""
        factor = float(re.findall(r"scale\(([\d.]+)\)", browser.one(".map > g").get_attribute("transform") or "")[0])
        dot = browser.one('.map a[href="/id/country/BB"] circle').get_attribute("r") or ""
        assert factor * float(dot) == pytest.approx(9, abs=0.2)
        return factor

    near = zoom()
    assert near > 5
    press(browser, "+")
    assert zoom() == min(2 * near, 16)
    press(browser, "-")
    assert zoom() < near + 0.1
    press(browser, "0")
    assert zoom() == 1
    press(browser, Keys.ARROW_RIGHT)
    assert focused(browser) == "Cabo Verde: 0", "the whole world is on the screen"
    press(browser, Keys.ESCAPE)
    assert not tip.is_displayed()


def test_button_shows_the_whole_world_again(charts: str, browser: Browser) -> None:
    browser.driver.get(f"{charts}/map?region=029")
    browser.until(lambda: browser.all(".zoom button"))
    browser.until(lambda: "scale(1)" not in (browser.one(".map > g").get_attribute("transform") or "scale(1)"))
    [reset] = [one for one in browser.all(".zoom button") if one.text == "Reset"]
    reset.click()
    browser.until(lambda: "scale(1)" in (browser.one(".map > g").get_attribute("transform") or ""))


def focus_country(charts: str, browser: Browser, code: str) -> WebElement:
    browser.driver.get(f"{charts}/map")
    browser.until(lambda: browser.all(".zoom button"))
    link = browser.one(f'.map a[href="/id/country/{code}"]')
    browser.driver.execute_script("arguments[0].focus()", link)
    return link


@pytest.mark.parametrize("code", ["FR", "US", "NL"])
def test_tooltip_of_a_focused_country_lies_on_its_largest_piece(charts: str, browser: Browser, code: str) -> None:
    """The middle of all pieces of France, with French Guiana, lies in Senegal."""
    link = focus_country(charts, browser, code)
    at_tip = browser.driver.execute_script(
        "const { left, top } = document.querySelector('.hint').getBoundingClientRect();"
        "return document.elementFromPoint(left - 12, top - 16).closest('a')"
    )
    assert at_tip == link


@pytest.mark.parametrize(
    ("code", "key", "neighbour"),
    [
        ("FR", Keys.ARROW_RIGHT, "Switzerland"),
        ("FR", Keys.ARROW_UP, "Belgium"),
        ("NO", Keys.ARROW_RIGHT, "Sweden"),
        ("ES", Keys.ARROW_LEFT, "Portugal"),
        ("US", Keys.ARROW_UP, "Canada"),
        ("KE", Keys.ARROW_DOWN, "Tanzania"),
    ],
)
def test_arrow_keys_lead_to_neighbours(charts: str, browser: Browser, code: str, key: str, neighbour: str) -> None:
    focus_country(charts, browser, code)
    press(browser, key)
    assert focused(browser).startswith(neighbour)


def test_enter_lists_the_projects_of_a_country_beside_the_map(charts: str, browser: Browser) -> None:
    browser.driver.get(f"{charts}/map?region=029&evidence=stated")
    browser.until(lambda: browser.all(".zoom button"))
    country = browser.one('.map a[aria-label="Jamaica: 2"]')
    country.send_keys(Keys.ENTER)
    browser.until(lambda: browser.one(".panel").is_displayed())
    assert browser.one(".panel h2").text == "Jamaica"
    assert "2 projects" in browser.one(".panel").text
    links = {link.text: link.get_attribute("href") or "" for link in browser.all(".panel li a")}
    assert links.keys() == {"One", "Two"}
    assert all("/id/project/" in href and href.endswith("?evidence=stated") for href in links.values())
    press(browser, Keys.ESCAPE)
    assert not browser.one(".panel").is_displayed()
    assert focused(browser) == "Jamaica: 2"
    browser.one('.map a[aria-label="Jamaica: 2"]').send_keys(Keys.ENTER)
    browser.until(lambda: browser.one(".panel").is_displayed())
    browser.driver.find_element(By.LINK_TEXT, "One").click()
    browser.until(lambda: browser.one("h1").text == "One")


def test_pointer_or_focus_highlights_a_path_of_flows_and_dims_the_rest(charts: str, browser: Browser) -> None:
    browser.driver.get(f"{charts}/flows")

    def lit(kind: str) -> set[str]:
        return {one.get_attribute("data-tip") or "" for one in browser.all(f".sankey.dimmed .{kind}.lit")}

    browser.until(lambda: browser.all(".hint"))
    japan = browser.one('.sankey a[href$="/government-of-japan"]')
    ActionChains(browser.driver).move_to_element(japan).perform()
    assert browser.one(".hint").text == "Government of Japan: 2 projects"
    assert lit("stop") == {
        "Government of Japan: 2 projects", f"{COE}: 3 projects", f"{UN}: 1 project", "Kenya: 2 projects"
    }  # fmt: skip
    assert lit("ribbon") == {
        f"Government of Japan → {COE}: 1 project", f"Government of Japan → {UN}: 1 project",
        f"{COE} → Kenya: 1 project", f"{UN} → Kenya: 1 project",
    }  # fmt: skip
    browser.driver.execute_script("document.querySelector('.sankey a[href$=\"/BB\"]').focus()")
    assert lit("ribbon") == {f"{EU} → {COE}: 2 projects", f"{COE} → Barbados: 1 project"}
    browser.driver.execute_script("document.activeElement.blur()")
    assert not browser.all(".dimmed")


def test_pointer_highlights_the_links_of_a_name_of_the_network(charts: str, browser: Browser) -> None:
    browser.driver.get(f"{charts}/network")
    browser.until(lambda: browser.all(".hint"))
    ActionChains(browser.driver).move_to_element(browser.one('.network a[href$="start=un"]')).perform()
    lit = {one.get_attribute("data-tip") for one in browser.all(".network.dimmed .flow.lit")}
    assert lit == {f"Government of Japan – {UN}: 1", f"{UN} – Kenya: 1"}


@pytest.mark.parametrize(
    ("start", "legend"),
    [
        ("eu", ["Organisation", "Country", "Link from a funder"]),
        ("un", ["Organisation", "Country", "Link from a funder", "Link from an implementer"]),
    ],
)
def test_legend_of_the_explorer_lists_what_it_shows(
    charts: str, browser: Browser, start: str, legend: list[str]
) -> None:
    browser.driver.get(f"{charts}/network?start={start}")
    browser.until(lambda: browser.all("#network .key li"))
    assert [one.text for one in browser.all("#network .key li")] == legend


def test_phone_gets_lists_instead_of_the_flows(charts: str, browser: Browser) -> None:
    screen = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.driver.get(f"{charts}/flows")
    assert not browser.one(".sankey").is_displayed()
    assert f"{EU} → {COE}\n2" in browser.one(".narrow").text
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_matrix_is_sorted_without_loading_the_page(charts: str, browser: Browser) -> None:
    browser.driver.get(f"{charts}/coverage")
    browser.until(lambda: browser.all(".hint"))
    browser.driver.execute_script("window.isSame = true")
    assert [one.text for one in browser.all(".matrix tbody th")] == ["Barbados", "Jamaica", "Kenya"]
    browser.driver.find_element(By.LINK_TEXT, "No theme given").click()
    assert [one.text for one in browser.all(".matrix tbody th")][-1] == "Barbados"
    assert browser.one('[aria-sort="descending"]').text.startswith("No theme given")
    assert "sort=No" in browser.driver.current_url
    assert "sort=No" in (browser.one("#svg").get_attribute("href") or "")
    assert browser.driver.execute_script("return window.isSame")


def test_dragging_across_the_overview_chooses_years(charts: str, browser: Browser) -> None:
    browser.driver.get(f"{charts}/timeline")
    browser.until(lambda: browser.all(".brush .overlay"))
    assert len(browser.all(".timeline a")) == 3
    area = browser.one(".overview .brush .overlay")
    wide = int(area.rect["width"])
    drag = ActionChains(browser.driver).move_to_element_with_offset(area, -wide // 2 + 5, 0).click_and_hold()
    drag.move_by_offset(wide // 10, 0).move_by_offset(wide // 10, 0).release().perform()
    browser.until(lambda: "from=2015&to=2016" in browser.driver.current_url)
    assert [one.text for one in browser.all(".timeline a text")] == ["One"]
    assert browser.one(".brush .selection").rect["width"] > wide / 4


@pytest.mark.parametrize("name", ["map?region=029", "flows", "timeline"])
def test_image_can_be_downloaded_as_png(charts: str, browser: Browser, name: str) -> None:
    browser.driver.get(f"{charts}/{name}")
    browser.until(lambda: len(browser.all("button.button")) == 1)
    browser.driver.execute_script(
        "URL.createObjectURL = (blob) => { window.saved = blob; return '#'; };"
        "HTMLAnchorElement.prototype.click = function () { window.savedAs = this.download; };"
    )
    browser.one("button.button").click()
    browser.until(lambda: browser.driver.execute_script("return window.savedAs"))
    assert browser.driver.execute_script("return window.savedAs") == f"{name.partition('?')[0]}.png"
    size = browser.driver.execute_async_script(
        "createImageBitmap(window.saved).then((image) => arguments[0]([window.saved.type, image.width, image.height]))"
    )
    assert size[0] == "image/png"
    assert size[1] >= 1_900
    assert size[2] >= 150
