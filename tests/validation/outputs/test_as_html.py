"""HTML reports are self-contained, translated pages."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from cybilgraph.model.findings import (
    Report,
)
from tests.support.reports import hostile, written


class Tags(HTMLParser):
    """Collects the tags of a page, and everything that would run or be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_html_is_self_contained_without_scripts(report: Report) -> None:
    known: set[str] | None = None
    for each in (report, hostile()):
        tags = Tags()
        page = written(each, "html")
        tags.feed(page)
        assert not tags.tags & {"script", "img", "link", "iframe", "base", "form"}
        assert not tags.attributes & {"src", "onload", "onclick", "style"}
        assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)"', page))
        assert "url(" not in page
        assert "@import" not in page
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x1b]", page)
        assert "49" not in re.findall(r"\{\{.*?\}\}", page)
        known = known or tags.tags
        assert tags.tags <= known
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in written(hostile(), "html")


def test_html_is_translated() -> None:
    for language, says in (("en", "By rule"), ("es", "Por regla"), ("fr", "Par règle")):
        page = written(replace(hostile(), language=language), "html")
        assert f'<html lang="{language}">' in page
        assert says in page


def test_chromium_shows_the_page_offline(report: Report, tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    page = tmp_path / "report.html"
    page.write_text(written(report, "html"), encoding="utf-8")
    options: list[Any] = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom"]
    options += ["--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}"]
    shown = subprocess.run([chromium, *options, page.as_uri()], capture_output=True, timeout=60).stdout.decode()
    assert shown.count("<mark>") == page.read_text(encoding="utf-8").count("<mark>") > 20
