"""HTML pages: every page of the data written as HTML in different styles, metadata, and hostile files."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cybilgraph.errors import SourceError
from cybilgraph.extraction import derive
from cybilgraph.model.fields import BY_LABEL, FIELDS, FieldKind
from cybilgraph.model.record import Place, Record
from cybilgraph.rdf.description import describe
from tests.conftest import RECORDS, SAMPLES
from tests.support.html_pages import FORMATS, read, text_record

#: Pages saved as text with one blank line per lost heading ("dense") have no equivalent in HTML.
PAGES = sorted(
    [*RECORDS.glob("*.txt"), *(page for page in (SAMPLES / "labelled").glob("*.txt") if "dense" not in page.stem)]
)


def without_addresses(record: Record) -> Record:
    """Remove link addresses, which the text of a page does not contain."""
    return replace(record, links=tuple(replace(link, url="") for link in record.links))


def assert_same(record: Record, expected: Record) -> None:
    """Compare records, including labels, findings and rights, which equality ignores."""
    assert without_addresses(record) == without_addresses(expected)
    assert record.labels.keys() - {"address", "updated", "language"} == expected.labels.keys()
    assert [found.rule for found in record.findings] == [found.rule for found in expected.findings]
    assert (record.rights and record.rights.text) == (expected.rights and expected.rights.text)


class Style:
    """How a template prints the parts of a page."""

    def __init__(
        self,
        heading: str = "<h3>{}</h3>",
        fact: str = "<p>{}: {}</p>",
        paragraph: str = "<p>{}</p>",
        lost: str = "<h3></h3>",
        end: str = "\n",
        facts: tuple[str, str] = ("", ""),
    ) -> None:
        self.heading, self.fact, self.paragraph = heading, fact, paragraph
        self.lost, self.end, self.facts = lost, end, facts

    def write(self, text: str) -> str:
        """Return the body of the page: title, facts, sections."""
        lines = text.replace("\u00a0", " ").splitlines()
        parts: list[str] = []
        listed = blank = wrapped = 0
        titled = "Summary" in lines[:1]
        for line in lines:
            bare = html.unescape(line).strip()
            if not bare:
                blank += 1
                continue
            item = re.match(r"(•|\d{1,2}\.(?!.*:$)) ", bare)  # "6. Funded by:" is a label with a number
            if listed and (not item or blank > 1):
                parts.append("</ul>" if listed == 1 else "</ol>")
                listed = 0
            parts += [self.lost] * ((blank - 1) // 2)
            blank, wrapped = 0, wrapped and not blank
            if item:
                if not listed:
                    listed = 1 if item[1] == "•" else 2
                    parts.append("<ul>" if listed == 1 else "<ol>")
                parts.append(f"<li>{self.inline(bare[item.end() :])}</li>")
                continue
            label, colon, value = bare.partition(":")
            row = BY_LABEL.get(label.casefold())
            if row and not value:
                parts.append(
                    self.heading.format(self.inline(label) + colon)
                    if row.kind is not FieldKind.LAYOUT
                    else f"<div>{label}</div>"
                )
            elif (
                row
                and len(label) < 30
                and row.kind in (FieldKind.VALUE, FieldKind.CHOICE, FieldKind.DATE)
                and self.facts[0]
            ):
                parts.append(f"{self.facts[0]}{self.fact.format(label, self.inline(value.strip()))}{self.facts[1]}")
            elif row and row.kind in (FieldKind.VALUE, FieldKind.CHOICE, FieldKind.DATE):
                parts.append(self.fact.format(label, self.inline(value.strip())))
            elif not titled:
                parts.append(f'<h1 class="entry-title">{self.inline(bare)}</h1>')
                titled = True
            elif wrapped:  # continues the line before
                parts[-1] = f"{parts[-1].removesuffix(self.paragraph.partition('{}')[2])}<br>{self.inline(bare)}"
                continue
            else:
                wrapped = True
                parts.append(self.paragraph.format(self.inline(bare)))
        parts += ["</ul>"] if listed == 1 else ["</ol>"] if listed else []
        return (
            self.end.join(parts).replace(f"{self.facts[1]}{self.end}{self.facts[0]}", self.end)
            if self.facts[0]
            else self.end.join(parts)
        )

    @staticmethod
    def inline(text: str) -> str:
        return html.escape(text, quote=False).replace("–", "&ndash;").replace("’", "&#8217;")


class Noisy(Style):
    """Words divided by tags, wrapped lines, and spaces of all kinds."""

    @staticmethod
    def inline(text: str) -> str:
        words = html.escape(text).split(" ")
        for at, word in enumerate(words):
            if at % 5 == 1 and word.isalpha():
                words[at] = f"<em>{word[:1]}</em><span style='color:red'>{word[1:]}</span><wbr>"
            elif at % 7 == 3 and word.isalpha():
                words[at] = f'<a href="javascript:go()"><!-- x -->{word}</a>'
        return "\n   ".join(words[:6]) + ("&nbsp;" + " ".join(words[6:]) if words[6:] else "")


STYLES = {
    "headings": Style(),
    "bold": Style("<p><strong>{}</strong></p>", "<p><strong>{}:</strong> {}</p>", lost="<p>&nbsp;</p>"),
    "bold-no-colon": Style("<p><b>{}</b></p>", "<p><b>{}</b> {}</p>", lost="<p><br></p>"),
    "list": Style("<h2>{}</h2>", "<dt>{}</dt><dd>{}</dd>", facts=("<dl>", "</dl>")),
    "table": Style("<h4>{}</h4>", "<tr><th>{}</th><td>{}</td></tr>", facts=("<table><tbody>", "</tbody></table>")),
    "table-of-td": Style("<h4>{}</h4>", "<tr><td>{}:</td><td><p>{}</p></td></tr>", facts=("<table>", "</table>")),
    "facts-in-a-list": Style(fact="<li><span>{}:</span> {}</li>", facts=("<ul>", "</ul>")),
    "spans": Style(
        "<div class='x'><div>{}</div></div>",
        '<div><span class="label">{}</span> <span>{}</span></div>',
        "<div>{}</div>",
    ),
    "one-line": Style(end=""),
    "noisy": Noisy("<h3><span>{}</span></h3>"),
    "no-end-tags": Style("<h3>{}</h3>", "<p>{}: {}", "<p>{}"),
}
MENUS = """<a class="skip-link screen-reader-text" href="#content">Skip to content</a>
<div id="cookie-law-info-bar"><h4>Details</h4><p>We use cookies.</p><button>Accept all</button></div>
<header id="masthead" class="site-header"><div class="logo"><a href="/"><img src="l.svg" alt="Cybil Portal logo"></a></div>
<nav class="main-navigation"><ul><li><a href="/projects/">Projects</a></li><li><a>Funders</a></li><li>Countries</li></ul></nav>
<form role="search"><label>Search</label><input name="s"><button>Go</button></form></header>
<div class="breadcrumb"><a href="/">Home</a> » <a href="/projects/">Projects</a> » Here</div>"""
FOOT = """<aside class="widget-area sidebar"><h2>Countries</h2><ul><li>Kenya</li><li>Mali</li></ul><h3>Themes</h3></aside>
<footer class="site-footer"><p>Contact</p><p>Jane Roe</p><p>© Cybil Portal</p></footer>
<script>var a = "<p>Funders</p>";</script><noscript><img src="https://example.org/pixel"></noscript>
<div style="display: none">Funders<p>Nobody</p></div><template><p>Countries</p><p>Chad</p></template>"""


def page(body: str, record: Record, main: str = "<main>{}</main>") -> str:
    """Return a complete page around a body, as content management systems generate it."""
    title = f"{html.escape(record.title.text)} - Cybil Portal" if record.title else "Cybil Portal"
    slug = record.slug.text if record.slug else ""
    canonical = f'<link rel="canonical" href="https://cybilportal.org/projects/{slug}/">' if slug else ""
    return f"""<!DOCTYPE html>
<html lang="en-GB" class="no-js">
<head><meta charset="UTF-8"><title>{title}</title>{canonical}
<meta property="og:site_name" content="Cybil Portal"><meta property="article:modified_time" content="2024-05-31T10:11:12+00:00">
<style>.a:before {{ content: "<h1>" }}</style><script type="application/ld+json">{{"@graph": [{{"@type": "WebPage"}}]}}</script></head>
<body class="project-template single has-sidebar cookies-not-set">
{MENUS}
{main.format(body)}
{FOOT}
</body></html>"""


MAINS = {
    "main": "<main id='main'>{}</main>",
    "article": "<div class='content-sidebar-wrap'><article class='project type-project'>{}</article></div>",
    "content": '<div id="page"><div class="entry-content"><svg><text>x</text></svg>{}</div></div>',
    "body": "<div><div><center>{}</center></div></div>",
}


#: Each page in four of the styles, and each style in one of the main elements, so that all combinations of page
#: types occur early.
CASES = [
    (page, name, list(MAINS)[(at + no) % len(MAINS)])
    for at, page in enumerate(PAGES)
    for no, name in enumerate(STYLES)
    if (at - no) % 3 == 0
]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "style", "main"), CASES, ids=[f"{page.stem}-{name}" for page, name, _ in CASES])
def test_html_page_is_read_like_its_text(path: Path, style: str, main: str) -> None:
    expected = text_record(path)
    body = STYLES[style].write(path.read_text(encoding="utf-8"))
    assert_same(read(body), expected)
    assert_same(read(page(body, expected, MAINS[main])), expected)


BREAKS: list[Callable[[str], str]] = [
    lambda text: f"<pre>{text}</pre>",
    lambda text: "<p>" + text.replace("\n", "<br>") + "</p>",
    lambda text: "<div>" + text.replace("\n", "<br />\n") + "</div>",
]


@pytest.mark.parametrize(("at", "path"), list(enumerate(PAGES)), ids=[page.stem for page in PAGES])
def test_reads_page_with_manual_line_breaks(at: int, path: Path) -> None:
    write = BREAKS[at % len(BREAKS)]
    assert_same(read(write(path.read_text(encoding="utf-8"))), text_record(path))


@pytest.mark.parametrize("path", sorted(FORMATS.glob("*.*htm*")), ids=lambda path: path.stem)
def test_reads_handwritten_pages(path: Path) -> None:
    [text] = [page for page in PAGES if page.stem == path.stem]
    record, expected = text_record(path), text_record(text)
    if path.stem == "belize-G0020":  # its e-mail address is hidden from harvesters and remains hidden
        expected = replace(expected, contacts=(replace(expected.contacts[0], email=""),))
    assert_same(record, expected)
    assert len(record.findings) == len(expected.findings)


def test_logos_are_names_only_in_lists_of_names() -> None:
    record = read(
        "<h1>A project</h1><img alt='A river'><h2>Funders</h2><div><img alt='European Union'><br><img alt='x.png'></div>"
        "<p><img alt='Flag of Norway'> Norway</p><h2>Summary</h2><p><img alt='A chart'></p><p>Text.</p>"
    )
    assert [link.actor.key for link in record.participations] == ["eu", "government-of-norway"]
    assert [text.text for text in record.summary] == ["Text."]
    assert not record.description


def test_single_value_may_be_in_a_list() -> None:
    record = read(
        "<h1>A project</h1><h2>Status</h2><ul><li>Ongoing</li></ul><h2>From</h2><ul><li>Jan 2015</li></ul>"
        "<h2>Summary</h2><p>Text.</p>"
    )
    assert record.status
    assert record.start
    assert (record.status.key, record.start.value, record.findings) == ("ongoing", "2015-01", ())


def test_links_in_prose_keep_their_addresses() -> None:
    page = (
        "<h1>T</h1><h2>Summary</h2>\n<p>Read the <a href='https://example.org/r'>report</a>, its"
        " <a href='mailto:a@example.org'>author</a> and <a href='https://example.org/s'>https://example.org/s</a>,"
        " or <a href='https://example.org/o'>this</a>.</p>"
        "<h2>Other website links</h2><ul><li><a href='https://example.org/o'>One</a></li></ul>"
    )
    record = read(page)
    assert [text.text for text in record.summary] == ["Read the report, its author and https://example.org/s, or this."]
    assert [(link.text, link.url) for link in record.links] == [
        ("report", "https://example.org/r"),
        ("One", "https://example.org/o"),
    ]
    assert record.links[0].place == Place(2, page.split("\n")[1].index("report<") + 1)
    assert not [blank for blank in record.left_blank if blank.name == "links"]


def test_reads_links_of_page() -> None:
    record = read(
        "<base href='https://example.org/a/'><h1>A project</h1><h2>Summary</h2><p>See <a href='/x'>this</a>.</p>"
        "<h2>Other website links</h2><ul><li><a href='b.html'>One</a> (in French)</li>"
        "<li><a href='/c'>Two</a>, <a href='//example.net/d e'>Three</a> and <a href='?q=(1)'>Four</a>.</li>"
        "<li><a href='javascript:alert(1)'>Five</a></li><li><a href='data:text/html,x'>Six</a></li>"
        "<li><a href='http://[::1'>Seven</a></li><li><a href='#top'>Eight</a></li>"
        "<li><a href='https://example.org/nine'>https://example.org/nine</a></li></ul>"
    )
    assert [text.text for text in record.summary] == ["See this."]
    assert [(link.text, link.url) for link in record.links] == [
        ("this", "https://example.org/x"),
        ("One (in French)", "https://example.org/a/b.html"),
        ("Two", "https://example.org/c"),
        ("Three", "https://example.net/d%20e"),
        ("Four.", "https://example.org/a/?q=(1%29"),
        ("Five", ""),
        ("Six", ""),
        ("Seven", ""),
        ("Eight", ""),
        ("https://example.org/nine", "https://example.org/nine"),
    ]


def test_reads_contacts() -> None:
    record = read(
        "<h1>A project</h1><h2>Contact</h2><p><a href='mailto:ann@example.org'>Ann Roe</a>, Project Manager</p>"
        "<p><a href='mailto:ben@example.org'>ben@example.org</a></p><p>Cy Doe: <a class='__cf_email__' "
        "href='/cdn-cgi/l/email-protection' data-cfemail='00'>[email&#160;protected]</a></p>"
    )
    assert [contact.email for contact in record.contacts] == ["ann@example.org", "ben@example.org", ""]
    assert [contact.name for contact in record.contacts] == ["Ann Roe", "", "Cy Doe"]
    assert record.contacts[0].note == "Project Manager"


def test_title_outside_main_element_and_missing_title() -> None:
    record = read(
        "<title>A project - Cybil Portal</title><header><h1>Cybil Portal</h1></header><div class=hero><h1>A project</h1>"
        "</div><main><h2>Summary</h2><p>Text.</p></main>"
    )
    assert record.title
    assert record.title.text == "A project"
    record = read("<title>A project | Cybil Portal</title><nav>Home</nav><p>A project</p><h2>Summary</h2><p>Text.</p>")
    assert record.title
    assert (record.title.text, record.description) == ("A project", ())


def test_page_text_in_file_named_html() -> None:
    assert read("A project\n\nSummary\n\nText.\n").summary


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"<html><body><script>x</script></body></html>", "no text"),
        (b"<p>\0\0\0\0</p>", "not a text file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a text file"),
        (b"<html><title>Just a moment...</title><body><h1>example.org</h1><p>Checking</p>", "error page"),
        (b"<html><title>404 Not Found</title><body><center><h1>404 Not Found</h1></center><hr>nginx", "error page"),
        (b"<frameset><frame src='a.html'></frameset>", "frames"),
        (b"<h1>Log in</h1><form><label>Name</label><input name=u><input type=password></form>", "login"),
        (b"<div>" * 90_000 + b"x", "deeper"),
        (b"<p>x" * 250_001, "limit|larger|more"),
        (b"<p " + b" ".join(b"a%d=1" % number for number in range(40_000)) + b">x", "attributes"),
        (b"x<br>" * 60_000, "lines"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_file_without_record_gives_clear_error(content: bytes, says: str) -> None:
    with pytest.raises(SourceError, match=says) as error:
        read(content)
    assert error.value.hint


def test_page_cut_anywhere_gives_record_or_error() -> None:
    content = (FORMATS / "belize-G0020.html").read_bytes()
    for stop in range(0, len(content), 97):
        try:
            read(content[:stop])
        except SourceError as error:
            assert error.hint


def test_page_over_the_size_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("<h1>A project</h1><!--" + "x" * 4_000_000 + "--><p>Text.</p>", encoding="utf-8")
    assert text_record(path).title
    larger = tmp_path / "larger.html"
    larger.write_text("<h1>A project</h1>" + "x" * 6_000_000, encoding="utf-8")
    with pytest.raises(SourceError, match="larger than 5,000,000"):
        text_record(larger)


_FILLERS = [
    *(
        "<p>x",
        "<b>Aim</b>",
        "<br>",
        "x<br>",
        "<h1>x</h1>",
        "<h3></h3>",
        "<img alt=x>",
        "<a href=/x>y</a>",
        "<li>Status: x",
    ),
    *("<td>Funders", "<dt>Links<dd><a href=http://x/>y</a>", "<div class='nav content'>x</div>", "<main>Aim</main>"),
    *(
        "<meta name=a content=b>",
        "<link rel=canonical href=x>",
        "<title>x</title>",
        "<!--",
        "<a href='",
        "&",
        "<",
        "\u00a0",
    ),
    *("<p a b c d>", "<script type='application/ld+json'>[</script>", "<ol><li>x</ol>", "<html><body>x</body></html>"),
]


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("filler", _FILLERS)
def test_pages_take_bounded_time(filler: str) -> None:
    try:
        read("<h1>T</h1><h2>Other website links</h2>" + filler * (400_000 // len(filler.encode())))
    except SourceError as error:
        assert error.hint


_TAGS = (
    "html head body title main article div p h1 h2 h3 ul ol li dl dt dd table tr td th a b strong span br img pre nav"
)
_WORDS = [
    "Funders",
    "European Union",
    "Aim",
    "Status: Finished",
    "&nbsp;",
    "&#0;",
    "x",
    " ",
    "\n",
    "From: 2018",
    "<!--",
]
_SOUP = st.lists(
    st.one_of(
        st.sampled_from(_TAGS.split()).flatmap(
            lambda tag: st.sampled_from([f"<{tag}>", f"</{tag}>", f"<{tag} hidden>"])
        ),
        st.sampled_from(
            [*_WORDS, "<a href='/x'>", "<img alt='EU'>", "<a href='mailto:a@example.org'>", "<base href=x>"]
        ),
        st.sampled_from([label.title() for row in FIELDS for label in row.labels]),
        st.text(max_size=8),
    ),
    max_size=40,
).map("".join)


@given(st.one_of(st.binary(max_size=400), _SOUP.map(lambda text: text.encode(errors="replace"))))
def test_arbitrary_bytes_give_record_or_clear_error(content: bytes) -> None:
    try:
        record = read(content)
    except SourceError as error:
        assert error.hint
    else:
        assert describe(derive(record))


def sample(stem: str) -> Record:
    [path] = FORMATS.glob(f"{stem}.*htm*")
    return text_record(path)


def test_reads_metadata_of_page() -> None:
    record = sample("belize-G0020")
    assert record.address
    assert record.address.text.endswith("/projects/support-to-belize-national-cyber-security-strategy/")
    assert record.updated
    assert (record.updated.text, record.language.text) == ("2024-05-31", "en")
    assert record.links[0].url == "https://cybilportal.org/podcast?a=1&b=2"
    by_data = sample("caribbean-electronic-evidence-training-and-embedding")
    assert by_data.address
    assert by_data.updated
    assert (by_data.updated.text, by_data.address.place) == ("2023-02-01", Place(5))
