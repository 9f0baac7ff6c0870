"""Curators who use their area of the site, without a browser."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from http.cookies import SimpleCookie
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from cybilgraph import pipeline
from cybilgraph.web.curator_logins import CuratorFile
from tests.conftest import CYBILGRAPH
from tests.support.decided import POSSIBLE_PAGE
from tests.support.http_client import BROWSER, Reply, send
from tests.support.operations import until

PASSWORDS = {"Ana": "correct horse battery", "Bea": "a long way to Belize"}
_CLAIM = re.compile(r'name="claim" value="(\w+)"')
_TOKEN = re.compile(r'name="token" value="([\w-]+)"')


class Site(NamedTuple):
    """The folders and the file of a site with curators."""

    releases: Path
    curators: Path
    decisions: Path
    suggestions: Path

    @property
    def options(self) -> tuple[object, ...]:
        places = ("--curators", self.curators, "--decisions", self.decisions, "--suggestions", self.suggestions)
        return (*places, "--rate", 100_000)


def curated_site(folder: Path, projects: int = 1, page: str = POSSIBLE_PAGE) -> Site:
    """Build a site with two curators and some projects, each with claims to review."""
    records = folder / "records"
    records.mkdir()
    for number in range(projects):
        code = f"G{number + 20:04}"
        text = page.replace("G0020", code).replace("for Belize", f"for Belize {number}")
        (records / f"{code}.txt").write_text(text, encoding="utf-8")
    pipeline.build([records], folder / "releases", dumps=False)
    file = CuratorFile(folder / "curators.json")
    for name, password in PASSWORDS.items():
        file.add(name, password)
    return Site(folder / "releases", folder / "curators.json", folder / "decisions", folder / "suggestions")


class Terminal:
    """``cybilgraph review`` in a terminal of its own."""

    def __init__(self, site: Site, name: str, *options: object) -> None:
        self._lead, follow = pty.openpty()
        fcntl.ioctl(follow, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        command = [*CYBILGRAPH, "review", str(site.releases), "--decisions", str(site.decisions), "--who", name]
        given = {"stdin": follow, "stdout": follow, "stderr": follow}
        self.process = subprocess.Popen([*command, *map(str, options)], start_new_session=True, **given)  # type: ignore[call-overload]
        os.close(follow)
        self.shown = ""

    def ask(self) -> bool:
        """Wait for the next question; return whether there is one."""
        self.shown = ""
        with contextlib.suppress(OSError):  # reading a closed terminal raises this
            while not re.search(r"\[q\]uit\S*\s*$", self.shown):
                self.shown += os.read(self._lead, 65536).decode(errors="replace")
            # Keys that are pressed before the program waits for one are dropped.
            until(lambda: not termios.tcgetattr(self._lead)[3] & termios.ICANON)
            return True
        os.close(self._lead)
        self.process.wait()
        return False

    def press(self, key: str) -> None:
        os.write(self._lead, key.encode())


class Curator:
    """A client with a cookie, which sends the token of the last page with each form."""

    def __init__(self, url: str, name: str = "Ana") -> None:
        self.url, self.name = url, name
        self.cookie = self.token = self.claim = ""

    def request(self, path: str, method: str = "GET", fields: object = None, **headers: str) -> Reply:
        more = {"Accept": BROWSER, "Cookie": self.cookie} | headers
        body = None
        if fields is not None:
            body, more["Content-Type"] = urlencode(fields, doseq=True).encode(), "application/x-www-form-urlencoded"  # type: ignore[arg-type]
        reply = send(self.url, method, path, body, **more)
        if given := reply.headers.get("set-cookie"):
            [(name, morsel)] = SimpleCookie(given).items()
            self.cookie = f"{name}={morsel.value}" if morsel.value else ""
        text = reply.body.decode()
        if found := _TOKEN.search(text):
            self.token = found[1]
        claims = _CLAIM.findall(text.partition('id="claim"')[2].partition("</article>")[0])
        self.claim = claims[0] if claims else ""
        return reply

    def log_in(self, password: str = "", **headers: str) -> Reply:
        fields = {"name": self.name, "password": password or PASSWORDS.get(self.name, "")}
        return self.request("/curate/login", "POST", fields, **headers)

    def get(self, path: str) -> str:
        reply = self.request(path)
        assert reply.status == 200, (reply.status, reply.headers)
        return reply.body.decode()

    def post(self, path: str, **fields: object) -> Reply:
        return self.request(path, "POST", {"token": self.token} | fields)

    def answer(self, answer: str, claim: str = "") -> Reply:
        """Answer the question of the last page."""
        return self.post("/curate/claims", claim=claim or self.claim, answer=answer)
