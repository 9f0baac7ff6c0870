"""The curator area over HTTP: logins, forms, claims, suggestions and history, and attacks on them."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from html import unescape
from pathlib import Path

import pytest
from lxml import html

from cybilgraph import pipeline
from cybilgraph.identity.decisions import Decision, Decisions, Verdict, append_decisions, read_decisions
from cybilgraph.release import Releases
from cybilgraph.release.graph_file import GRAPH, open_lines
from cybilgraph.web.suggestions import REMOVAL, EditBase, Suggestion, SuggestionQueue
from tests.conftest import SEED, running_server
from tests.support.check_requests import Controls
from tests.support.curators import PASSWORDS, Curator, Site, Terminal, curated_site
from tests.support.http_client import BROWSER, http, send
from tests.support.suggestions import EDITED, TEXT, suggestion

pytestmark = pytest.mark.slow

PATHS = (
    "",
    "/login",
    "/logout",
    "/claims",
    "/suggestions",
    "/suggestions/x",
    "/history",
    "/undo",
    "/findings",
    "/changed",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return curated_site(tmp_path_factory.mktemp("site"), 4)


@pytest.fixture(scope="module")
def served(site: Site) -> Iterator[running_server]:
    server = running_server(site.releases, *site.options)
    with server:
        yield server


@pytest.fixture(scope="module")
def logged_in(served: running_server) -> tuple[Curator, Curator]:
    """Log in once: the server limits the attempts of an address."""
    curators = Curator(served.url), Curator(served.url, "Bea")
    for one in curators:
        assert one.log_in().status == 303
        one.get("/curate")
    return curators


@pytest.fixture
def ana(logged_in: tuple[Curator, Curator]) -> Curator:
    logged_in[0].get("/curate/claims")
    return logged_in[0]


@pytest.fixture
def bea(logged_in: tuple[Curator, Curator]) -> Curator:
    logged_in[1].get("/curate/claims")
    return logged_in[1]


def stored_decisions(folder: Path) -> list[Decision]:
    found = list(read_decisions(folder))
    assert all(isinstance(one, Decision) for one in found), found
    return sorted((one for one in found if isinstance(one, Decision)), key=lambda one: (one.when, one.line))


def test_area_is_absent_without_the_option(server: str) -> None:
    for path in PATHS:
        assert send(server, "GET", f"/curate{path}", Accept=BROWSER).status == 404
        assert send(server, "POST", f"/curate{path}", b"").status == 404
    for path in ("/", "/contribute", "/id/project/G0020", "/search", "/robots.txt", "/sitemap.xml"):
        assert b"/curate" not in http(f"{server}{path}", Accept=BROWSER).body


def test_nothing_is_shown_or_stored_without_login(served: running_server, site: Site) -> None:
    before = stored_decisions(site.decisions)
    stranger = Curator(served.url)
    for cookie in ("", "curator=", "curator=x", "curator=" + "A" * 43, "__Secure-curator=x"):
        stranger.cookie = cookie
        for path in set(PATHS) - {"/login"}:
            for method in ("GET", "POST"):
                reply = stranger.request(f"/curate{path}", method, {"answer": "yes"} if method == "POST" else None)
                if reply.status != 405:
                    assert (reply.status, reply.headers["location"]) == (303, "/curate/login")
                assert b"G00" not in reply.body
    assert stored_decisions(site.decisions) == before


def test_responses_are_private(ana: Curator) -> None:
    for path in ("", "/claims", "/history", "/suggestions", "/nowhere", "/login"):
        reply = ana.request(f"/curate{path}")
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-robots-tag"] == "noindex, nofollow"
        assert "access-control-allow-origin" not in reply.headers
        assert "etag" not in reply.headers
        assert "script-src 'self';" in reply.headers["content-security-policy"]


def test_cookie_is_restricted(ana: Curator, served: running_server, site: Site) -> None:
    other = Curator(served.url)
    attributes = other.log_in().headers["set-cookie"].split("; ")
    assert set(attributes[1:]) == {"HttpOnly", "Path=/curate", "SameSite=Strict"}
    assert other.cookie != ana.cookie
    with running_server(site.releases, *site.options, "--public-url", "https://data.example.org") as url:
        over_tls = Curator(url)
        cookie = over_tls.log_in().headers["set-cookie"]
        assert set(cookie.split("; ")[1:]) == {"HttpOnly", "Path=/curate", "SameSite=Strict", "Secure"}
        assert cookie.startswith("__Secure-curator=")
        assert "Inbox" in over_tls.get("/curate")


def test_passwords_are_not_accepted_without_tls_on_other_hosts(served: running_server) -> None:
    visitor = Curator(served.url)
    for host in ("data.example.org", "localhost.example.org", "192.0.2.1:80", "[:::]", "127.0.0.1.example.org"):
        for method, fields in (("GET", None), ("POST", {"name": "Ana", "password": PASSWORDS["Ana"]})):
            reply = visitor.request("/curate/login", method, fields, Host=host)
            assert reply.status == 403
            assert b"HTTPS" in reply.body
    assert not visitor.cookie


def test_login_changes_the_session_and_copied_cookies_end_with_it(site: Site) -> None:
    with running_server(site.releases, *site.options) as url:
        ana = Curator(url)
        ana.log_in()
        first = ana.cookie
        assert ana.log_in().status == 303
        assert ana.cookie != first
        thief = Curator(url)
        thief.cookie = first
        assert thief.request("/curate").status == 303, "the session before the second login has ended"
        thief.cookie = copied = ana.cookie
        assert "Inbox" in thief.get("/curate")
        ana.get("/curate")
        reply = ana.post("/curate/logout")
        assert (reply.status, ana.cookie) == (303, "")
        thief.cookie = copied
        assert thief.request("/curate").headers["location"] == "/curate/login"
        assert thief.answer("yes", "0" * 16).headers["location"] == "/curate/login"


def test_wrong_names_and_passwords_get_the_same_response_until_there_are_too_many(site: Site) -> None:
    server = running_server(site.releases, *site.options)
    with server as url:
        replies = []
        for name, password in (("Ana", "wrong"), ("Nobody", "wrong"), ("Ana", ""), ("", ""), ("Ana", "x" * 5_000)):
            reply = Curator(url, name).request("/curate/login", "POST", {"name": name, "password": password})
            replies.append((reply.status, reply.body))
        assert replies == [(403, replies[0][1])] * 5
        assert b"The name or the password is wrong" in replies[0][1]
        assert not any("set-cookie" in Curator(url).log_in("wrong").headers for _ in range(3))
        statuses = Counter(Curator(url).log_in(f"wrong {number}").status for number in range(1_000))
        assert statuses[429] >= 990
        refused = Curator(url).log_in()
        assert (refused.status, "set-cookie" in refused.headers) == (429, False)
        assert int(refused.headers["retry-after"]) <= 30
        while "Login refused: Ana from 127.0.0.1" not in server.log:  # written by a thread
            time.sleep(0.05)
        assert "wrong" not in server.log
        assert "Nobody" not in server.log


#: Forged requests: the token (OWN is the curator's), headers, and the status.
FORGED: tuple[tuple[str | None, dict[str, str], int], ...] = (
    (None, {}, 403),
    ("", {}, 403),
    ("x", {}, 403),
    ("ñ", {}, 403),
    ("BEA", {}, 403),
    ("OWN", {"Sec_Fetch_Site": "cross-site"}, 403),
    ("OWN", {"Sec_Fetch_Site": "same-site"}, 403),
    ("OWN", {"Origin": "https://attacker.example"}, 403),
    ("OWN", {"Origin": "null"}, 403),
)


def test_forged_forms_store_nothing(ana: Curator, bea: Curator, site: Site) -> None:
    before = stored_decisions(site.decisions)
    for token, headers, status in FORGED:
        given = {None: None, "OWN": ana.token, "BEA": bea.token}.get(token, token)
        fields = {"claim": ana.claim, "answer": "yes"} | ({} if given is None else {"token": given})
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        for path in ("/claims", "/undo", "/logout", "/suggestions/x"):
            assert Curator.request(ana, f"/curate{path}", "POST", fields, **names).status == status, (token, path)
        ana.get("/curate/claims")
    assert stored_decisions(site.decisions) == before
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://attacker.example"}):
        assert Curator(ana.url).log_in(**headers).status == 403


def test_claim_is_shown_and_each_answer_becomes_a_decision(ana: Curator, site: Site) -> None:
    page = ana.get("/curate/claims")
    assert "<mark>" in page
    assert "Decisions take effect with the next build" in page
    while "Another role" not in page:
        page = ana.get(f"/curate/claims?after={ana.claim}")
    for answer, verdict, role in (
        ("yes", Verdict.YES, ""),
        ("no", Verdict.NO, ""),
        ("funder", Verdict.INSTEAD, "funder"),
    ):
        claim, count = ana.claim, len(stored_decisions(site.decisions))
        assert ana.answer(answer).headers["location"] == f"/curate/claims?after={claim}"
        found = stored_decisions(site.decisions)[-1]
        assert (found.verdict, found.new_field, found.who) == (verdict, role, "Ana")
        assert found.sentence
        assert ana.answer(answer, claim).status == 303, "sent twice, as by a double click"
        assert len(stored_decisions(site.decisions)) == count + 1
        page = ana.get("/curate/claims")
        assert "Decided: " in page
        while "Another role" not in page:
            page = ana.get(f"/curate/claims?after={ana.claim}")
    for answer in ("", "maybe", "<b>", "undo"):
        assert ana.answer(answer).status == 422
        ana.get("/curate/claims")
    assert ana.answer("yes", "0" * 16).status == 409
    assert len(stored_decisions(site.decisions)) == count + 1


def test_own_decisions_can_be_undone(ana: Curator, bea: Curator, site: Site) -> None:
    claim = ana.claim
    ana.answer("no")
    page = ana.get("/curate/claims")
    decision = stored_decisions(site.decisions)[-1].id
    assert decision in page
    count = len(stored_decisions(site.decisions))
    refused = bea.post("/curate/undo", decision=decision)
    assert refused.status == 409
    assert "another curator’s" in refused.body.decode()
    assert len(stored_decisions(site.decisions)) == count, "only its curator withdraws a decision"
    reply = ana.post("/curate/undo", decision=decision, claim=claim)
    assert reply.headers["location"] == f"/curate/claims?claim={claim}"
    ana.get(reply.headers["location"])
    assert ana.claim == claim
    assert ana.post("/curate/undo", decision=decision, claim=claim).status == 409
    assert len(stored_decisions(site.decisions)) == count + 1
    assert "withdrawn by <bdi>Ana</bdi>" in ana.get("/curate/history")


def test_claim_that_another_curator_decided_meanwhile_is_shown_as_such(ana: Curator, bea: Curator, site: Site) -> None:
    claim = ana.claim
    bea.get(f"/curate/claims?claim={claim}")
    bea.answer("no", claim)
    count = len(stored_decisions(site.decisions))
    reply = ana.answer("yes", claim)
    assert reply.status == 409
    assert b"Bea has already decided on this claim" in reply.body
    assert ana.claim not in ("", claim), "the next one follows"
    assert len(stored_decisions(site.decisions)) == count
    bea.get("/curate/claims")
    claim = bea.claim
    ana.get(f"/curate/claims?claim={claim}")
    ana.answer("no", claim)
    own = stored_decisions(site.decisions)[-1]
    terminal = replace(own, id="", when="", who="Cy", verdict=Verdict.YES)
    append_decisions(site.decisions, [own.undo(), terminal])
    assert b"Cy has already decided on this claim" in bea.answer("no", claim).body
    assert len(stored_decisions(site.decisions)) == count + 3


def test_names_and_reasons_are_text(ana: Curator, site: Site) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}"
    given = Decision(record=evil, field="partner", value=evil, verdict=Verdict.YES, who=f"Eve {evil}", why=evil)
    append_decisions(site.decisions, [given, replace(given, record="G0020", value="itu", who="Ana", suggested_by=evil)])
    for path in ("", "/history"):
        page = ana.get(f"/curate{path}")
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "{{ 7*7 }}" in page
        assert evil in unescape(page)


def test_history_has_the_newest_first_in_pages(ana: Curator, site: Site) -> None:
    for number in range(60):
        append_decisions(
            site.decisions,
            [
                Decision(
                    record="G0020",
                    field="partner",
                    value="itu",
                    verdict=Verdict.YES,
                    who="Old",
                    why=f"reason {number:02}",
                    when=f"2020-01-01T00:00:{number:02}.000+00:00",
                )
            ],
        )
    first = ana.get("/curate/history")
    pages = [first, ana.get("/curate/history?page=2")]
    assert 'rel="next nofollow" href="/curate/history?page=2"' in first
    found = [number for page in pages for number in range(60) if f"reason {number:02}" in page]
    assert len(found) >= 50
    assert first.index("reason 59") < first.index("reason 58")
    for strange in ("0", "-1", "x", "99999", "9" * 50, "%C2%B2"):
        ana.get(f"/curate/history?page={strange}")


def test_findings_are_listed_by_severity(ana: Curator, site: Site) -> None:
    counts = Releases(site.releases).current().manifest["counts"]["findings"]
    inbox = ana.get("/curate")
    for severity, count in counts.items():
        page = html.fromstring(ana.get(f"/curate/findings?severity={severity}"))
        rows = page.xpath("//table/tbody/tr")
        assert len(rows) == min(count, 50)
        assert {row.xpath(".//td[3]/strong/text()")[0] for row in rows} <= {severity}
        [tab] = page.xpath("//nav[@aria-label='Severity']/a[@aria-current]")
        assert tab.text == f"{severity.capitalize()} ({count:,})"
        assert f'href="/curate/findings?severity={severity}"><strong>{count:,}</strong>' in inbox
    assert f"{sum(counts.values()):,} in the current release" in ana.get("/curate/findings?severity=none")
    [record, *_] = html.fromstring(ana.get("/curate/findings")).xpath("//td[2]/a/@href")
    assert send(ana.url, "GET", record).status in (200, 303)
    assert "no findings" in ana.get("/curate/findings?page=999")


def test_request_for_a_removal_says_what_to_do(site: Site, tmp_path: Path) -> None:
    pipeline.build([SEED], tmp_path / "releases", dumps=False)
    base = EditBase("", "", "", is_source=False)
    request = Suggestion(project="", title="", name=REMOVAL, base=base, text="", field=REMOVAL, value="Jane <b>Doe")
    one = SuggestionQueue(site.suggestions).send(request)
    with running_server(tmp_path / "releases", *site.options) as url:
        ana = Curator(url)
        ana.log_in()
        assert "Request for a removal: " in ana.get("/curate/suggestions")
        page = ana.get(f"/curate/suggestions/{one.id}")
        assert "<b>Doe" not in page
        assert "cybilgraph forget RELEASES &#39;Jane &lt;b&gt;Doe&#39; --suggestions SUGGESTIONS" in page
        assert 'name="accept"' not in page
        assert ana.post(f"/curate/suggestions/{one.id}", accept="x").status == 422
        assert ana.post(f"/curate/suggestions/{one.id}", reject="yes", reason="Nobody").status == 303


def test_suggestion_is_accepted_field_by_field(site: Site, tmp_path: Path) -> None:
    pipeline.build([SEED], tmp_path / "releases", dumps=False)
    queue = SuggestionQueue(site.suggestions)
    text = EDITED.replace("Finished", "Ongoing")
    evil = "<script>alert(1)</script>"
    one = queue.send(suggestion(text=text, comment=evil, sender=evil, title=evil))
    with running_server(tmp_path / "releases", *site.options) as url:
        ana = Curator(url)
        ana.log_in()
        assert "<strong>1</strong> suggestions" in ana.get("/curate")
        assert "<script>alert" not in ana.get("/curate/suggestions")
        address = f"/curate/suggestions/{one.id}"
        page = ana.get(address)
        assert "<del>-To: Mar 2020" in page
        assert "<ins>+To: Apr 2020" in page
        assert "<script>alert" not in page
        choices = [part.partition('"')[0] for part in page.split('name="accept" value="')[1:]]
        assert len(choices) == 2
        for wrong in ({}, {"accept": "x"}, {"accept": [choices[0], "x"]}, {"reject": "yes", "reason": " "}):
            assert ana.post(address, **wrong).status == 422
        assert queue.ids() == [one.id]
        before = stored_decisions(site.decisions)
        accepted = next(key for key in choices if "status" in page.split(key)[1].split("</label>")[0])
        assert ana.post(address, accept=accepted).headers["location"] == "/curate/suggestions"
        [added] = [one for one in stored_decisions(site.decisions) if one not in before]
        assert (added.field, added.new_value, added.who, added.suggested_by) == ("status", "Ongoing", "Ana", evil)
        assert queue.ids() == []
        assert ana.post(address, accept=accepted).status == 404, "accepted already"
        other = queue.send(suggestion(text=EDITED))
        page = ana.get(f"/curate/suggestions/{other.id}")
        assert "Changed elsewhere" not in page
        append_decisions(
            site.decisions,
            [Decision(record="G0020", field="end", verdict=Verdict.INSTEAD, new_value="2022", who="Bea")],
        )
        choice = page.split('name="accept" value="')[1].partition('"')[0]
        refused = ana.post(f"/curate/suggestions/{other.id}", accept=choice)
        assert refused.status == 422
        assert b"another curator has since decided on this" in refused.body
        assert b"Changed elsewhere" in refused.body
        assert ana.post(f"/curate/suggestions/{other.id}", reject="yes", reason="No source").status == 303
        assert json.loads((site.suggestions / "rejected" / f"{other.id}.json").read_text())["reason"] == "No source"


#: Makes a number of decisions one after the other, as `cybilgraph review` does.
def test_no_decision_is_lost_with_two_curators_the_terminal_and_a_killed_server(tmp_path: Path) -> None:
    site = curated_site(tmp_path, 40)
    server = running_server(site.releases, *site.options)
    promised: list[tuple[str, str]] = []
    conflicts: list[str] = []

    def decide(one: Curator, count: int) -> None:
        """Answer questions until the server is killed or ``count`` are answered; both curators see the same ones."""
        for _ in range(count):
            try:
                one.get("/curate/claims")
                claim, reply = one.claim, one.answer("no")
            except OSError:
                return
            if reply.status == 303:
                promised.append((one.name, claim))
            else:
                assert reply.status == 409
                conflicts.append(claim)

    def decide_in_terminal() -> None:
        terminal = Terminal(site, "Cy", "--limit", 60)
        while terminal.ask():
            terminal.press("n")

    terminal = threading.Thread(target=decide_in_terminal)
    terminal.start()
    for is_killed in (True, False):
        with running_server(site.releases, *site.options) if not is_killed else server as url:
            curators = Curator(url), Curator(url, "Bea")
            for one in curators:
                assert one.log_in().status == 303
            threads = [threading.Thread(target=decide, args=(one, 30)) for one in curators]
            for thread in threads:
                thread.start()
            if is_killed:
                while len(promised) < 20:
                    threads[0].join(0.05)
                os.killpg(server.process.pid, signal.SIGKILL)
            for thread in threads:
                thread.join()
    terminal.join()
    found = stored_decisions(site.decisions)
    assert len({one.id for one in found}) == len(found)
    assert {one.who for one in found} == {"Ana", "Bea", "Cy"}
    by_claim = Counter((one.record, one.field, one.value) for one in found)
    assert set(by_claim.values()) == {1}, "each claim is decided once"
    by_site = [one for one in found if one.who != "Cy"]
    assert len(promised) <= len(by_site) <= len(promised) + 2, "a killed server may have stored what it did not confirm"
    with Decisions(site.decisions) as decided:
        assert not decided.findings
    release, _ = pipeline.build([tmp_path / "records"], tmp_path / "releases", dumps=False, decisions=site.decisions)
    with open_lines(release.folder / GRAPH) as lines:
        graph = lines.read().decode()
    record, field, value = next(iter(by_claim))
    assert f"/project/{record}/participation/{value}/{field}>" not in graph


def test_area_is_linked_for_contributors(served: running_server) -> None:
    page = http(f"{served.url}/contribute", Accept=BROWSER)
    assert "/curate" in Controls(page.body).links


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            TEXT.replace("Funders\n", "".join(["Funders\n", *(f"Funder {one}\n" for one in range(310))])),
            "more than 300",
        ),
        (TEXT.replace("G0020", "G0021"), "no longer describes the same project"),
        ("[" * 100_000, "The format changed"),
        ("x\n\n" * 10_000, "no longer describes"),
    ],
)
def test_hostile_suggestion_can_only_be_rejected(ana: Curator, site: Site, text: str, problem: str) -> None:
    """It may be in the folder although the form refuses it."""
    queue = SuggestionQueue(site.suggestions)
    edit = replace(queue.send(suggestion()), text=text)
    content = json.dumps(asdict(edit) | {"id": ""})
    (site.suggestions / f"{edit.id}.json").write_text(content)
    page = unescape(ana.get(f"/curate/suggestions/{edit.id}"))
    assert problem in page
    assert 'name="accept"' not in page
    assert ana.post(f"/curate/suggestions/{edit.id}", accept="x").status == 422
    assert ana.post(f"/curate/suggestions/{edit.id}", reject="yes", reason="Spam").status == 303


def test_visitors_answer_becomes_a_suggestion_and_then_a_decision(tmp_path: Path) -> None:
    site = curated_site(tmp_path)
    with running_server(site.releases, *site.options) as url:
        page = http(f"{url}/id/project/G0020", Accept=BROWSER).body.decode()
        assert "Is this right?" in page
        visitor = Curator(url)
        possible = page.partition('id="possible"')[2]
        claim = possible.partition('name="claim" value="participation/')[2].partition('"')[0]
        claim = f"participation/{claim}"
        fields = {"claim": claim, "answer": "no"}
        assert visitor.request("/answer/G0020", "POST", fields, Origin="https://attacker.example").status == 403
        assert visitor.request("/answer/G0020", "POST", fields | {"answer": "<b>"}).status == 422
        for wrong in ("", "participation/x/funder", f"{claim}x", "../G0021/" + claim):
            assert visitor.request("/answer/G0020", "POST", fields | {"claim": wrong}).status == 404
        assert visitor.request("/answer/NOPE", "POST", fields).status == 404
        reply = visitor.request("/answer/G0020", "POST", fields)
        assert reply.status == 202
        assert b"A curator will review it" in reply.body
        [edit] = SuggestionQueue(site.suggestions).pending()
        ana = Curator(url)
        ana.log_in()
        page = ana.get(f"/curate/suggestions/{edit.id}")
        assert edit.base.text.split("\n")[0] in unescape(page)
        choice = page.split('name="accept" value="')[1].partition('"')[0]
        assert ana.post(f"/curate/suggestions/{edit.id}", accept=choice).status == 303
    [one] = stored_decisions(site.decisions)
    assert (one.record, one.verdict, one.who, one.basis) == ("G0020", Verdict.NO, "Ana", "possible")
    assert claim == f"participation/{one.value}/{one.field}"
    release, report = pipeline.build([tmp_path / "records"], site.releases, dumps=False, decisions=site.decisions)
    with open_lines(release.folder / GRAPH) as lines:
        assert claim not in lines.read().decode()
    assert not [found for found in report.findings if "decision" in found.rule]
