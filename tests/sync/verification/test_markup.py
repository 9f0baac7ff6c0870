"""Untrusted HTML and XML is parsed without downloads and entities."""

from __future__ import annotations

from pathlib import Path

import pytest

from cybilgraph.sync.verification.markup import iterate_elements, parse_page


def test_elements_are_found_by_tag_and_class() -> None:
    page = parse_page('<ul><li class="a">One\n  <b>and</b> two<li><a href="/x">link</a><a href="/y">other</a></ul>')
    assert [item.text for item in page.all("li")] == ["One and two", "linkother"]
    [item] = page.all("li", "a")
    assert (item.own("class"), item.own("id"), item.href) == ("a", "", "")
    assert page.all("ul")[0].href == "/x"


def test_empty_page_is_not_html() -> None:
    with pytest.raises(ValueError, match="invalid HTML"):
        parse_page("")


def test_elements_of_xml_are_read_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<u><loc>1</loc><x/><loc>2</loc></u>", encoding="utf-8")
    assert [element.text for element in iterate_elements(tmp_path / "a.xml", "loc")] == ["1", "2"]
    (tmp_path / "a.xml").write_text("<u><loc>1</loc>", encoding="utf-8")
    with pytest.raises(ValueError, match="invalid XML"):
        list(iterate_elements(tmp_path / "a.xml", "loc"))


def test_external_entities_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a secret", encoding="utf-8")
    entity = f'<!DOCTYPE u [<!ENTITY e SYSTEM "{(tmp_path / "secret").as_uri()}">]>'
    (tmp_path / "a.xml").write_text(f"{entity}<u><loc>&e;</loc></u>", encoding="utf-8")
    assert not any("secret" in "".join(one.itertext()) for one in iterate_elements(tmp_path / "a.xml", "loc"))
