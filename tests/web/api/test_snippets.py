"""The code snippets of the query page, run as a visitor would run them."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from cybilgraph.web.api import snippets
from tests.support.browsers import Browser, needs_chromium
from tests.support.http_client import BROWSER, http

pytestmark = pytest.mark.slow

#: Queries that must reach the endpoint unchanged.
QUERIES = {
    "table": "SELECT ?code { project:G0020 dcterms:identifier ?code }",
    "quotes": """SELECT (CONCAT('"', ?c, "'") AS ?code) { project:G0020 dcterms:identifier ?c } # `$HOME ${x} """
    + "\"\"\"'''",
    "escapes": r"""SELECT ("G0020\t\\)-\"" AS ?code) {}""",
    "lines": "SELECT ?code\n{ project:G0020 dcterms:identifier ?code }\n# ÿ ✓\n\n",
    "graph": "CONSTRUCT { project:G0020 dcterms:identifier ?code } { project:G0020 dcterms:identifier ?code }",
}


def code(server: str, query: str) -> dict[str, str]:
    page = http(f"{server}/sparql/use?{urlencode({'query': query})}", Accept=BROWSER).body.decode()
    found = re.findall(r'<pre data-code="(.*?)"[^>]*>(.*?)</pre>', page, re.DOTALL)
    return {name: html.unescape(text) for name, text in found}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
@pytest.mark.parametrize(
    ("language", "command"),
    [
        ("curl", ("sh", "-c")),
        ("Python", (sys.executable, "-c")),
        ("JavaScript", ("node", "--input-type=module", "-e")),
        ("R", ("Rscript", "-e")),
    ],
)
def test_snippet_runs(server: str, query: str, language: str, command: tuple[str, ...]) -> None:
    needed = "curl" if language == "curl" else command[0]
    if not shutil.which(needed):
        pytest.skip(f"no {needed} on this machine")
    text = code(server, query)[language]
    result = subprocess.run([*command, text], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    counted = {"Python": "1 statements", "R": "1"} if query.startswith("CONSTRUCT") else {}
    assert counted.get(language, "G0020") in result.stdout


def test_usage_page_has_all_languages_without_running_the_query(server: str) -> None:
    given = code(server, "SELECT ?x { ?x ?y ?z . ?a ?b ?c . ?d ?e ?f }")
    assert given.keys() == {"citation", *snippets.LANGUAGES}
    assert "release 1" in given["citation"]


def test_missing_query_and_updates_are_refused(server: str) -> None:
    assert http(f"{server}/sparql/use").status == 400
    assert http(f"{server}/sparql/use?query=CLEAR+ALL").status == 403


#: Queries as a hostile link could contain them. PLANT is a command that creates a file, one per language.
HOSTILE = {
    "carriage return": 'SELECT ("""\rQUERY\rPLANT\r""" AS ?x) {}',
    "both line ends": 'SELECT ("""\r\nQUERY\r\nPLANT\r\n\rQUERY_\rPLANT\r""" AS ?x) {}',
    "single quotes": "SELECT * {} # ' \n PLANT \n ' ; PLANT ; '\"'\"' PLANT #'",
    "double quotes": 'SELECT * {} # " \n PLANT \n " ; PLANT ; """ PLANT r""" PLANT """ \nPLANT\n"""',
    "backslashes": "SELECT * {} # \\' ; PLANT ; \\'\" ; PLANT ; \" \\\nPLANT\n\\\\' \nPLANT\n \\",
    "expansions": "SELECT * {} # $(PLANT) `PLANT` ${PLANT} $PLANT <(PLANT) !! !PLANT %s",
    "raw strings": 'SELECT * {} # )" ; PLANT ; )-" \n PLANT \n )--" PLANT `; PLANT ; ` //',
    "NUL": "SELECT * {} #\0\nPLANT\n'\0PLANT",
    "line separators": "SELECT * {} #\u2028QUERY\u2028PLANT\u2029\x85PLANT\x0bPLANT\x0cPLANT",
    "keys of a terminal": "SELECT * {} #\x03\nPLANT\n\x04\nPLANT\n\x1b[201~\rPLANT\r\x15PLANT\r\x7f",
    "turned round": "SELECT * {} # \u202ePLANT\u2066 \u200f",
}


class Recorder(ThreadingHTTPServer):
    """An endpoint that records the queries it receives and returns no results."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Recording)
        self.received: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Recording(BaseHTTPRequestHandler):
    server: Recorder

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode() or urlsplit(self.path).query
        self.server.received += parse_qs(body)["query"]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"results": {"bindings": []}}' if "json" in self.headers.get("Accept", "") else b"x\n")

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def meant(query: str) -> str:
    """Return a query with its escapes decoded and its line ends normalised."""
    plain = re.sub(r"\r\n?", "\n", query)
    return re.sub(r"\\u([0-9A-F]{4})", lambda found: chr(int(found[1], 16)), plain).strip()


@pytest.mark.parametrize("query", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(
    ("language", "command", "plant"),
    [
        *(("curl", (shell,), "touch planted") for shell in ("sh", "bash", "zsh", "fish")),
        ("Python", (sys.executable, "-"), "open('planted', 'w')"),
        ("JavaScript", ("node", "--input-type=module", "-"), "(await import('fs')).writeFileSync('planted', '')"),
        ("R", ("R", "--no-save", "--quiet"), "file.create('planted')"),
    ],
)
def test_query_text_cannot_inject_code(
    server: str, recorder: Recorder, tmp_path: Path, query: str, language: str, command: tuple[str, ...], plant: str
) -> None:
    for program in (command[0], "curl") if language == "curl" else command[:1]:
        if not shutil.which(program):
            pytest.skip(f"no {program} on this machine")
    hostile = query.replace("PLANT", plant)
    # A browser normalises line ends to line feeds (HTML, section 13.2.3.5) before it copies the text.
    text = re.sub(r"\r\n?", "\n", code(server, hostile)[language]).replace(server, recorder.url)
    # Send it line by line, as if pasted into a terminal.
    done = subprocess.run(command, input=text.encode() + b"\n", cwd=tmp_path, capture_output=True, timeout=60)
    assert not list(tmp_path.iterdir())
    assert done.returncode == 0, done.stderr.decode()
    assert [meant(received) for received in recorder.received] == [meant(hostile)]
    assert not re.search(r"[^\S \n]|[\x00-\x08\x0e-\x1f\x7f\u2028\u2029\u202e\u2066]", text)


def test_escaping_preserves_the_meaning_of_a_query(server: str) -> None:
    query = 'SELECT ("a\x07b\u2028c\u202ed\x7f" AS ?x) {}'
    found = [
        http(f"{server}/sparql?{urlencode({'query': sent, 'format': 'json'})}").body
        for sent in (query, snippets.portable(query))
    ]
    assert b"bindings" in found[0]
    assert found[0] == found[1]


@needs_chromium
def test_copied_snippet_cannot_run_commands(server: str, recorder: Recorder, tmp_path: Path) -> None:
    if not shutil.which("curl"):
        pytest.skip("no curl on this machine")
    hostile = HOSTILE["carriage return"].replace("PLANT", "touch planted")
    browser = Browser()
    try:
        browser.driver.get(f"{server}/sparql?{urlencode({'query': hostile})}")
        browser.until(lambda: browser.all('button[aria-label="Copy: curl"]'))
        browser.driver.execute_script(
            "navigator.clipboard.writeText = async (text) => { window.copied = text; };"
            "document.querySelector('button[aria-label=\"Copy: curl\"]').click();"
        )
        browser.until(lambda: browser.driver.execute_script("return window.copied"))
        copied = browser.driver.execute_script("return window.copied").replace(server, recorder.url)
    finally:
        browser.driver.quit()
    subprocess.run(["sh"], input=copied.encode() + b"\n", cwd=tmp_path, check=True, timeout=60)
    assert not list(tmp_path.iterdir())
    assert [meant(received) for received in recorder.received] == [meant(hostile)]


def test_query_text_cannot_end_a_raw_string_of_r(server: str) -> None:
    query = """ASK { ?s ?p 'a)"b)-"' }"""
    page = http(f"{server}/sparql?{urlencode({'query': query})}", Accept=BROWSER).body.decode()
    assert 'r"--(' in unescape(page)
