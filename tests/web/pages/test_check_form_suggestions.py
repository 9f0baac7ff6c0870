"""Suggesting edits over HTTP, without scripts."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest

from cybilgraph import pipeline
from cybilgraph.web.suggestions import MAX_OF_CLIENT, SuggestionQueue
from tests.conftest import ROOT, SEED, running_server
from tests.support.check_requests import Controls, submit
from tests.support.http_client import BROWSER, Response, http

pytestmark = pytest.mark.slow

TEXT = SEED.read_text(encoding="utf-8")


def waiting(queue: Path) -> list[dict[str, str]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(queue.glob("*.json"))]


def opened(portal: str, key: str = "G0020") -> dict[str, str]:
    reply = http(f"{portal}/suggest/{key}", Accept=BROWSER)
    assert reply.status == 200, reply.body
    return Controls(reply.body).fields


def send(portal: str, fields: dict[str, str], key: str = "G0020", **more: str) -> Response:
    return submit(portal, f"/suggest/{key}", **fields | {"lang": "en", "send": "yes"} | more)


def test_form_opens_with_the_source_and_its_findings(portal: str) -> None:
    page = http(f"{portal}/id/project/G0020", Accept=BROWSER).body.decode()
    assert '<a class="button" href="/suggest/G0020" rel="nofollow">Suggest an edit</a>' in page
    fields = opened(portal)
    assert fields["text"].rstrip() == TEXT.rstrip()
    reply = http(f"{portal}/suggest/G0020", Accept=BROWSER)
    assert '<li id="L17" class="warning">Funders' in reply.body.decode()
    assert "script-src 'self'" in reply.headers["content-security-policy"]
    assert http(f"{portal}/suggest/G0020", "HEAD", Accept=BROWSER).status == 200
    assert http(f"{portal}/suggest/NOPE", Accept=BROWSER).status == 404


def test_suggestion_is_queued_without_changing_the_graph(portal: str, queue: Path) -> None:
    before = sorted(http(f"{portal}/id/project/G0020.nt").body.splitlines())
    fields = opened(portal)
    edited = fields["text"].replace("Mar 2020", "Apr 2020")
    reply = send(portal, fields, text=edited, comment="See page 3", sender="A Visitor", email="a@example.org")
    assert reply.status == 202
    assert b"A curator will review it" in reply.body
    found = waiting(queue)[-1]
    assert found["text"] == edited
    assert (found["project"], found["comment"], found["email"]) == ("G0020", "See page 3", "a@example.org")
    assert found["base"]["file"] == SEED.name  # type: ignore[index]
    assert found["id"].encode() in reply.body
    assert sorted(http(f"{portal}/id/project/G0020.nt").body.splitlines()) == before


@pytest.mark.parametrize(
    ("more", "status", "reason"),
    [
        ({}, 422, "The record is unchanged"),
        ({"text": "<<<", "format": "text"}, 422, "no longer describes the same project"),
        ({"text": TEXT.replace("G0020", "G0021")}, 422, "it was G0020, and would be G0021"),
        ({"text": TEXT.replace("Mar 2020", "Mar\a 2020")}, 422, "an invisible character (U+0007)"),
        ({"text": '{"title": "Support", "code": "G0020"}'}, 422, "changed from Text of a project page to JSON"),
        ({"text": TEXT.replace("Mar 2020", "May 2020")}, 202, ""),
        ({"text": "\0\0\0\0\0"}, 400, "must be text"),
        ({"text": "%PDF-1.7"}, 422, "can no longer be read"),
        ({"text": ""}, 400, "file is empty"),
        ({"text": TEXT + "x", "base": "another"}, 422, "has changed since you opened it"),
        ({"text": TEXT + "x", "comment": "x" * 3_000}, 422, "comment is longer"),
        ({"text": "A project\n" * 60_000}, 422, "larger than 500,000 bytes"),
    ],
)
def test_invalid_suggestion_is_returned_with_the_reason(
    portal: str, queue: Path, more: dict[str, str], status: int, reason: str
) -> None:
    before = len(waiting(queue))
    reply = send(portal, opened(portal), **more)
    assert reply.status == status
    assert reason in reply.body.decode()
    assert len(waiting(queue)) == before + (status == 202)
    if status == 422:
        assert Controls(reply.body).fields["text"].rstrip() == more.get("text", TEXT).rstrip()


#: Headers of a submitted form (OWN is the server's origin), and the expected status.
ORIGINS: tuple[tuple[dict[str, str], int], ...] = (
    ({}, 202),  # not a browser
    ({"Sec_Fetch_Site": "same-origin", "Origin": "null"}, 202),
    ({"Sec_Fetch_Site": "cross-site"}, 403),
    ({"Sec_Fetch_Site": "same-site"}, 403),
    ({"Sec_Fetch_Site": "cross-site", "Origin": "OWN"}, 403),
    ({"Origin": "OWN"}, 202),
    ({"Origin": "https://attacker.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "http://127.0.0.1.attacker.example"}, 403),
)


def test_forms_of_other_sites_are_rejected(releases: Path, tmp_path: Path) -> None:
    with running_server(releases, "--suggestions", tmp_path / "queue") as url:
        page = http(f"{url}/suggest/G0020", Accept=BROWSER)
        assert page.headers["referrer-policy"] == "same-origin", (
            "otherwise browsers send Origin: null with our own forms"
        )
        fields = Controls(page.body).fields | {"send": "yes", "text": TEXT.replace("Mar 2020", "Apr 2020")}
        body = urlencode(fields).encode()
        for headers, status in ORIGINS:
            before = len(waiting(tmp_path / "queue"))
            given = {name: value.replace("OWN", url) for name, value in headers.items()}
            given |= {"Content_Type": "application/x-www-form-urlencoded", "Accept": BROWSER}
            reply = http(f"{url}/suggest/G0020", "POST", body, **given)
            assert reply.status == status, headers
            assert len(waiting(tmp_path / "queue")) == before + (status == 202)
            assert (b"was submitted from another site" in reply.body) == (status == 403)


def test_sender_over_quota_is_rejected_and_folder_is_private(releases: Path, tmp_path: Path) -> None:
    (tmp_path / "queue").mkdir(mode=0o755)
    queue = SuggestionQueue(tmp_path / "queue")
    with running_server(releases, "--suggestions", queue.folder) as url:
        assert queue.folder.stat().st_mode & 0o777 == 0o700
        fields = opened(url)
        edited = fields["text"].replace("Mar 2020", "Apr 2020")
        assert send(url, fields, text=edited).status == 202
        [taken] = queue.pending()
        for number in range(MAX_OF_CLIENT - 1):
            queue.send(replace(taken, project=f"G{number:04}"), "127.0.0.0/24")
        refused = send(url, fields, text=edited)
        assert refused.status == 429
        assert f"{MAX_OF_CLIENT} suggestions from your network are already waiting" in refused.body.decode()
        assert Controls(refused.body).fields["text"].rstrip() == edited.rstrip()
        assert len(list(queue.pending())) == MAX_OF_CLIENT


def test_only_the_sandboxed_checker_reads_records() -> None:
    web = ROOT / "src" / "cybilgraph" / "web"
    # The checker and the command line call suggestions.py; pages call only its queue.
    paths = [web / "__init__.py", *(path for name in ("pages", "api", "server") for path in (web / name).glob("*.py"))]
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom | ast.Import) else set()
            assert not names & {"read_input", "records_in", "ensure_same_project", "pipeline", "check_input"}, path


def test_names_and_paths_in_the_form_are_ignored(portal: str, queue: Path) -> None:
    fields = opened(portal) | {"name": "../../x.txt", "id": "x", "project": "y", "file": "/etc/passwd"}
    send(portal, fields, text=fields["text"] + "\nMore\n", title="z")
    found = waiting(queue)[-1]
    assert (found["project"], found["name"], found["base"]["file"]) == ("G0020", SEED.name, SEED.name)  # type: ignore[index]


def test_findings_fixes_and_downloads_work(portal: str) -> None:
    fields = opened(portal)
    bad = fields["text"].replace("Status: Finished", "Status: Finishd")
    reply = submit(portal, "/suggest/G0020", **fields | {"text": bad, "lang": "es"})
    assert "se leyó como Finished".encode() in reply.body
    fixed = submit(portal, "/suggest/G0020", **fields | {"text": bad, "lang": "es", "fix": "11:9"})
    assert Controls(fixed.body).fields["text"].rstrip() == TEXT.rstrip()
    taken = submit(portal, "/suggest/G0020", **fields | {"text": bad, "lang": "en", "download": "source"})
    assert taken.headers["content-disposition"] == 'attachment; filename="belize-G0020.txt"'
    both = submit(portal, "/suggest/G0020", **fields | {"text": bad, "send": "", "download": "source"})
    assert both.headers["content-disposition"] == taken.headers["content-disposition"]


def test_record_without_its_own_file_becomes_a_form(tmp_path: Path) -> None:
    """A sender over the rate limit is rejected."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "several.csv").write_text(
        "title,code,funders,countries,summary\nA project,G0101,UNODC,Belize,It helps.\nB,G0102,,,\n", encoding="utf-8"
    )
    pipeline.build([tmp_path / "in"], tmp_path / "into")
    with running_server(tmp_path / "into", "--suggestions", tmp_path / "queue") as url:
        fields = opened(url, "G0101?source=yes")
        for line in ("title: 'A project'", "- 'UNODC'", "- 'Belize'", "- 'It helps.'"):
            assert line.replace("'", "") in fields["text"].replace("'", ""), fields["text"]
        edited = fields["text"].replace("It helps.", "It helped.")
        statuses = [send(url, fields, "G0101?source=yes", text=edited).status for _ in range(7)]
        assert statuses == [202] * 5 + [429] * 2
    found = waiting(tmp_path / "queue")[0]
    assert found["name"] == "record.yaml"
    assert found["base"]["is_source"] is False  # type: ignore[index]


def test_server_without_folder_disables_suggestions(server: str) -> None:
    reply = http(f"{server}/suggest/G0020", Accept=BROWSER)
    assert reply.status == 404
    assert b"Suggestions are disabled" in reply.body
    assert b"Suggest an edit" not in http(f"{server}/id/project/G0020", Accept=BROWSER).body
