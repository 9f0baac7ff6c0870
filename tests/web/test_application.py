"""The application sets the headers of every page, unless the page sets its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2
import pytest

from cybilgraph.web.application import BUNDLE, CompiledTemplates
from tests.support.http_client import BROWSER, http

pytestmark = pytest.mark.slow


@pytest.mark.skipif(not BUNDLE.is_file(), reason="the scripts were not bundled: no npm")
def test_each_response_with_the_editor_has_its_own_nonce(server: str) -> None:
    nonces = set()
    for _ in range(2):
        reply = http(f"{server}/sparql", Accept=BROWSER)
        [nonce] = re.findall("'nonce-([^']+)'", reply.headers["content-security-policy"])
        assert f'nonce="{nonce}"' in reply.body.decode()
        nonces.add(nonce)
    assert len(nonces) == 2


def test_other_sites_may_read_pages_but_not_frame_them(server: str) -> None:
    reply = http(f"{server}/", Accept=BROWSER)
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["cache-control"] == "no-cache"
    policy = reply.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "nonce" not in policy


def test_responses_vary_by_accept(server: str) -> None:
    for path in ("/", "/id/project/G0020", "/nowhere"):
        assert "Accept" in re.split(r",\s*", http(f"{server}{path}", Accept=BROWSER).headers["vary"])


class _Site(jinja2.Environment):
    """A site with one template; ``compiled`` is the number of times that it was compiled."""

    compiled = 0

    def __init__(self, text: str, folder: Path) -> None:
        super().__init__(loader=jinja2.DictLoader({"page": text}), bytecode_cache=CompiledTemplates(str(folder)))

    def compile(self, *arguments: Any, **options: Any) -> Any:
        self.compiled += 1
        return super().compile(*arguments, **options)

    def page(self) -> str:
        return self.get_template("page").render()


def test_templates_are_compiled_again_only_when_they_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    for text, compiled in (("a{# #}", 1), ("a{# #}", 0), ("b{# #}", 1), ("b{# #}", 0)):
        site = _Site(text, tmp_path)
        assert (site.page(), site.compiled) == (text[0], compiled)


def test_damaged_compiled_templates_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    _Site("a", tmp_path).page()
    [file] = tmp_path.iterdir()
    whole = file.read_bytes()
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        site = _Site("a", tmp_path)
        assert (site.page(), site.compiled, file.read_bytes()) == ("a", 1, whole)


def test_templates_need_no_writable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    assert _Site("a", tmp_path / "missing").page() == "a"
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    assert _Site("a", tmp_path).page() == "a"
    assert list(tmp_path.iterdir()) == []
