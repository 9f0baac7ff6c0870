"""The documentation: the Markdown files of ``docs/`` as pages below ``/docs``, as a code host shows them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from flask import Blueprint, redirect, render_template, request, url_for
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape
from mdit_py_plugins.anchors import anchors_plugin
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from cybilgraph.model import resources

blueprint = Blueprint("documentation", __name__)

#: The address that documents give to the site. A page shows that of the server that sends it.
SITE = "http://127.0.0.1:8000"
#: Pages that stood at other addresses before.
_MOVED = {"/help": ("tutorial", None), "/help/cookbook": ("guides/researchers", "use-your-own-tools")}
_PREFIX = "/docs"
#: Documents outside ``docs/``, by their address below ``/docs``.
_OTHERS = {
    "contributing": "CONTRIBUTING.md",
    "changelog": "CHANGELOG.md",
    "security": "SECURITY.md",
    "data": "data/README.md",
}
#: What documents link to that the site shows in its own way.
_ELSEWHERE = {
    "ontology/cybilgraph.ttl": "/ontology",
    "shapes": "/rules",
    "queries": "/queries",
}

_BREAK = re.compile(r"(_|(?<=[\w-])/(?=\w))")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: ``anchor`` is the fragment of its address."""

    level: int
    anchor: str
    title: str


@dataclass(frozen=True, slots=True)
class RenderedDocument:
    """A rendered document: its title, its other headings, the addresses it links to by the heading they are under,
    and what follows the title as HTML, which still names the site as ``SITE``.
    """

    title: str
    headings: tuple[Heading, ...]
    links: Mapping[str, Sequence[str]]
    body: str


@blueprint.get("/docs", defaults={"address": ""})
@blueprint.get("/docs/<path:address>")
def page(address: str) -> str:
    """One document; the index has the empty address."""
    address = address.rstrip("/")
    if address not in addresses():
        raise NotFound(f"There is no document {address!r}; {_PREFIX} lists them all")
    document = load(address)
    body = document.body.replace(SITE, str(escape(request.host_url.rstrip("/"))))
    index = address.rpartition("/")[0]
    return render_template(
        "document.html", document=document, body=Markup(body), address=address, navigation=navigation(),  # noqa: S704
        index=(index, load(index).title) if index in addresses() and index else None,
    )  # fmt: skip


@blueprint.get("/help")
@blueprint.get("/help/cookbook")
def moved() -> Response:
    """The present address of a page that has moved."""
    address, anchor = _MOVED[request.path.rstrip("/")]
    return redirect(url_for("documentation.page", address=address, _anchor=anchor), 301)


@cache
def addresses() -> Mapping[str, str]:
    """The path of each document in the source tree, by its address below ``/docs``."""
    found = {}
    for path in sorted(resources.DOCS.rglob("*.md")):
        address = path.relative_to(resources.DOCS).with_suffix("").as_posix()
        address = address.removesuffix("README").rstrip("/")
        found[address] = path.relative_to(resources.ROOT).as_posix()
    return found | _OTHERS


@cache
def load(address: str) -> RenderedDocument:
    """The document at an address of ``addresses()``. Raises KeyError where there is none."""
    path = addresses()[address]
    return render((resources.ROOT / path).read_text(encoding="utf-8"), path)


def render(text: str, path: str) -> RenderedDocument:
    """A document from its Markdown, which begins with its title; links in it are relative to ``path``."""
    tokens = _MARKDOWN.parse(text)
    _adapt(tokens, path)
    title, *headings = _headings(tokens)
    start = next(number for number, token in enumerate(tokens, 1) if token.type == "heading_close")
    body = _MARKDOWN.renderer.render(tokens[start:], _MARKDOWN.options, {})
    return RenderedDocument(title.title, tuple(headings), _links(tokens), body)


@cache
def navigation() -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
    """The documents that the index links to, with their titles, by its headings."""
    sections = []
    for heading, links in load("").links.items():
        found = [link.removeprefix(_PREFIX).strip("/") for link in links if link.startswith(_PREFIX)]
        if entries := [(address, load(address).title) for address in found if address in addresses()]:
            sections.append((heading, entries))
    return sections


def listed() -> Sequence[str]:
    """The addresses of the index and of the documents that it links to."""
    return ["", *(address for _, entries in navigation() for address, _ in entries)]


def _headings(tokens: Sequence[Token]) -> list[Heading]:
    return [
        Heading(int(token.tag[1]), str(token.attrs["id"]), _text(inline))
        for token, inline in pairwise(tokens)
        if token.type == "heading_open" and "id" in token.attrs
    ]


def _links(tokens: Sequence[Token]) -> dict[str, list[str]]:
    """Where a document leads, by the title of its section."""
    found: dict[str, list[str]] = {}
    section = ""
    for token, inline in pairwise(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            section = _text(inline)
        for child in inline.children or ():
            if child.type == "link_open" and "href" in child.attrs:
                found.setdefault(section, []).append(str(child.attrs["href"]))
    return found


def _text(inline: Token) -> str:
    return "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))


def _adapt(tokens: Sequence[Token], path: str) -> None:
    """Make links lead to pages of the site, and name the column in each cell, which narrow screens show."""
    columns: list[str] = []
    column = 0
    for token, inline in zip(tokens, [*tokens[1:], Token("", "", 0)], strict=True):
        match token.type:
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
                for child in token.children or ():
                    if child.type == "link_open":
                        _lead(child, path)


def _lead(link: Token, path: str) -> None:
    target = address_of(str(link.attrs["href"]), path)
    if target:
        link.attrSet("href", target)
    else:  # what the site does not show is no link there
        del link.attrs["href"]


def address_of(link: str, path: str) -> str:
    """Where a link in the document at ``path`` leads on the site; empty where the site does not show it."""
    if link.startswith(SITE):
        return link.removeprefix(SITE) or "/"
    if link.startswith("#") or ":" in link.partition("#")[0]:
        return link
    file, mark, anchor = link.partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
    documents = {own: f"{_PREFIX}/{address}".rstrip("/") for address, own in addresses().items()}
    found = documents.get(target) or documents.get(f"{target}/README.md") or _ELSEWHERE.get(target, "")
    return f"{found}{mark}{anchor}" if found else ""


def _table_open(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    return '<div class="scroll" tabindex="0">' + renderer.renderToken(tokens, index, options, env)


def _table_close(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return renderer.renderToken(tokens, index, options, env) + "</div>\n"


def _fence(_: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType) -> str:
    token = tokens[index]
    language = token.info.split(" ", 1)[0]
    text = _console(token.content) if language == "console" else escape(token.content)
    return f'<pre tabindex="0"><code class="language-{escape(language)}">{text}</code></pre>\n'


def _code_inline(_: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType) -> str:
    """Code that may be broken behind an underscore or a slash: names and addresses are long, and columns narrow."""
    text = _BREAK.sub(r"\1<wbr>", str(escape(tokens[index].content)))
    return f"<code>{text}</code>"


def _console(content: str) -> str:
    """Commands and their output, told apart by class."""
    parts = []
    continued = False
    for line in content.splitlines():
        is_start = line.startswith("$ ")
        if is_start:
            parts.append(f'<span class="prompt">$ </span><span class="command">{escape(line[2:])}</span>\n')
        elif continued:
            parts.append(f'<span class="command">{escape(line)}</span>\n')
        else:
            parts.append(f'<span class="output">{escape(line)}</span>\n')
        continued = (is_start or continued) and line.endswith("\\")
    return "".join(parts)


def _markdown() -> MarkdownIt:
    """Tables and headings with anchors; HTML in a document is shown as text."""
    markdown = MarkdownIt("js-default").use(anchors_plugin, max_level=3)
    rules = {"table_open": _table_open, "table_close": _table_close, "fence": _fence, "code_inline": _code_inline}
    for name, rule in rules.items():
        markdown.add_render_rule(name, rule)
    return markdown


_MARKDOWN = _markdown()
