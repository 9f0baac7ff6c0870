"""The documentation: renders the Markdown files in ``docs/`` as pages under ``/docs``."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from flask import Blueprint, redirect, render_template, request, url_for
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape
from mdit_py_plugins.anchors import anchors_plugin
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from cybilgraph.model import resources

blueprint = Blueprint("documentation", __name__)

#: The URL of the site in the documents, replaced by the URL of the server that sends the page.
SITE = "http://127.0.0.1:8000"
#: Redirects from former addresses.
_MOVED = {"/help": ("tutorial", None), "/help/cookbook": ("guides/researchers", "use-your-own-tools")}
_PREFIX = "/docs"
#: Documents outside ``docs/``, by their address under ``/docs``.
_OTHERS = {
    "contributing": "CONTRIBUTING.md",
    "changelog": "CHANGELOG.md",
    "security": "SECURITY.md",
    "data": "data/README.md",
}
#: Files and folders that documents link to and for which the site has its own page.
_ELSEWHERE = {
    "ontology/cybilgraph.ttl": "/ontology",
    "ontology/rules.ttl": "/ontology",
    "shapes": "/rules",
    "queries": "/queries",
}

_BREAK = re.compile(r"(_|(?<=[\w-])/(?=\w))")


class Heading(NamedTuple):
    """A heading; ``anchor`` is its URL fragment."""

    level: int
    anchor: str
    title: str


class RenderedDocument(NamedTuple):
    """A document: its title, its other headings, its link targets by section, and its HTML without the title.

    URLs in the HTML begin with ``SITE``.
    """

    title: str
    headings: Sequence[Heading]
    links: Mapping[str, Sequence[str]]
    body: str


@blueprint.get("/docs", defaults={"address": ""})
@blueprint.get("/docs/<path:address>")
def page(address: str) -> str:
    """Show one document; the address of the index is empty."""
    address = address.rstrip("/")
    if address not in addresses():
        raise NotFound(f"There is no document {address!r}; see {_PREFIX} for the list")
    return show(load(address), address, address.rpartition("/")[0])


def show(document: RenderedDocument, address: str, parent: str) -> str:
    """Return the page of a document, with a link to its ``parent`` if there is one at that address."""
    body = document.body.replace(SITE, str(escape(request.host_url.rstrip("/"))))
    index = (parent, load(parent).title) if parent and parent in addresses() else None
    return render_template(
        "document.html", document=document, body=Markup(body), address=address, navigation=navigation(), index=index  # noqa: S704
    )  # fmt: skip


@blueprint.get("/help")
@blueprint.get("/help/cookbook")
def moved() -> Response:
    """Redirect to the new address of a page that has moved."""
    address, anchor = _MOVED[request.path.rstrip("/")]
    return redirect(url_for("documentation.page", address=address, _anchor=anchor), 301)


@cache
def addresses() -> Mapping[str, str]:
    """Return the path of each document in the source tree, by its address under ``/docs``."""
    found = {}
    for path in sorted(resources.DOCS.rglob("*.md")):
        address = path.relative_to(resources.DOCS).with_suffix("").as_posix()
        address = address.removesuffix("README").rstrip("/")
        found[address] = path.relative_to(resources.ROOT).as_posix()
    return found | _OTHERS


@cache
def load(address: str) -> RenderedDocument:
    """Return the document at one of ``addresses()``. Raises KeyError if there is none."""
    path = addresses()[address]
    return render((resources.ROOT / path).read_text(encoding="utf-8"), path)


def render(text: str, path: str) -> RenderedDocument:
    """Render a Markdown document that begins with its title; its links are relative to ``path``.

    Links lead to pages of the site, and table cells have the names of their columns, for narrow screens.
    """
    tokens = _MARKDOWN.parse(text)
    headings: list[Heading] = []
    links: dict[str, list[str]] = {}
    section, columns, column = "", [""], 0
    for token, inline in zip(tokens, [*tokens[1:], Token("", "", 0)], strict=True):
        match token.type:
            case "heading_open" if "id" in token.attrs:
                headings.append(Heading(int(token.tag[1]), str(token.attrs["id"]), _text(inline)))
                section = _text(inline) if token.tag == "h2" else section
            case "table_open":
                columns = []
            case "tr_open":
                column = 0
            case "th_open":
                token.attrSet("scope", "col")
                columns.append(_text(inline))
            case "td_open":
                token.attrSet("data-label", columns[column])
                column += 1
            case "inline":
                for link in (child for child in token.children or () if child.type == "link_open"):
                    if target := address_of(str(link.attrs["href"]), path):
                        link.attrSet("href", target)
                        links.setdefault(section, []).append(target)
                    else:  # the site has no page for it
                        del link.attrs["href"]
    start = next(number for number, token in enumerate(tokens, 1) if token.type == "heading_close")
    body = _MARKDOWN.renderer.render(tokens[start:], _MARKDOWN.options, {})
    return RenderedDocument(headings[0].title, headings[1:], links, body)


@cache
def navigation() -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
    """Return address and title of the documents that the index links to, by its headings."""
    sections = []
    for heading, links in load("").links.items():
        found = [link.removeprefix(_PREFIX).strip("/") for link in links if link.startswith(_PREFIX)]
        if entries := [(address, load(address).title) for address in found if address in addresses()]:
            sections.append((heading, entries))
    return sections


def listed() -> Sequence[str]:
    """Return the addresses of the index and of the documents that it links to."""
    return ["", *(address for _, entries in navigation() for address, _ in entries)]


def _text(inline: Token) -> str:
    return "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))


def address_of(link: str, path: str) -> str:
    """Return the target on the site of a link in the document at ``path``; empty if the site has no page for it."""
    if link.startswith(SITE):
        return link.removeprefix(SITE) or "/"
    if link.startswith("#") or ":" in link.partition("#")[0]:
        return link
    file, mark, anchor = link.partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
    documents = {own: f"{_PREFIX}/{address}".rstrip("/") for address, own in addresses().items()}
    found = documents.get(target) or documents.get(f"{target}/README.md") or _ELSEWHERE.get(target, "")
    return f"{found}{mark}{anchor}" if found else ""


def _table_open(renderer: RendererHTML, tokens: Sequence[Token], index: int, *rest: Any) -> str:
    return '<div class="scroll" tabindex="0">' + renderer.renderToken(tokens, index, *rest)


def _table_close(renderer: RendererHTML, tokens: Sequence[Token], index: int, *rest: Any) -> str:
    return renderer.renderToken(tokens, index, *rest) + "</div>\n"


def _fence(_: RendererHTML, tokens: Sequence[Token], index: int, *_rest: Any) -> str:
    token = tokens[index]
    language = token.info.split(" ", 1)[0]
    text = _console(token.content) if language == "console" else escape(token.content)
    return f'<pre tabindex="0"><code class="language-{escape(language)}">{text}</code></pre>\n'


def _code_inline(_: RendererHTML, tokens: Sequence[Token], index: int, *_rest: Any) -> str:
    """Render inline code with line-break opportunities after underscores and slashes, for narrow columns."""
    text = _BREAK.sub(r"\1<wbr>", str(escape(tokens[index].content)))
    return f"<code>{text}</code>"


def _console(content: str) -> str:
    """Mark up commands and their output in a console example."""
    text = ""
    is_command = False
    for line in content.splitlines():
        is_start = line.startswith("$ ")
        is_command = is_start or is_command
        prompt = '<span class="prompt">$ </span>' if is_start else ""
        kind = "command" if is_command else "output"
        text += f'{prompt}<span class="{kind}">{escape(line.removeprefix("$ "))}</span>\n'
        is_command = is_command and line.endswith("\\")
    return text


#: Renders tables and heading anchors; shows HTML as text.
_MARKDOWN = MarkdownIt("js-default").use(anchors_plugin, max_level=3)
for _rule in (_table_open, _table_close, _fence, _code_inline):
    _MARKDOWN.add_render_rule(_rule.__name__.removeprefix("_"), _rule)
