"""A visitor requests a removal; the request waits for a curator, and ``forget`` fulfils and deletes it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest

from cybilgraph.errors import SuggestionError
from cybilgraph.web.suggestions import REMOVAL, EditBase, Suggestion, SuggestionQueue, ensure_valid
from tests.conftest import graph_of, run, running_server
from tests.support.erasure import EMAIL, NAME
from tests.support.http_client import BROWSER, Reply, http, send

pytestmark = pytest.mark.slow

PAGE = f"""A course

Cybil code: G0020

Status: Finished

Summary

It helps Belize.

Contact

{NAME}
Email: {EMAIL}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a release that contains a contact, and a queue for suggestions."""
    folder = tmp_path_factory.mktemp("removal")
    (folder / "course.txt").write_text(PAGE, encoding="utf-8")
    assert run("build", folder / "course.txt", "--into", folder / "releases", "--no-dumps").returncode == 0
    assert EMAIL.encode() in graph_of(folder / "releases" / "0001")
    return folder


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[str]:
    with running_server(folder / "releases", "--suggestions", folder / "queue") as url:
        yield url


def request_removal(site: str, path: str = "/removal/G0020", **given: str) -> Reply:
    form = "application/x-www-form-urlencoded"
    return send(site, "POST", path, urlencode(given).encode(), Content_Type=form, Accept=BROWSER)


def test_pages_link_to_the_form(site: str) -> None:
    project = http(f"{site}/id/project/G0020", Accept=BROWSER).body.decode()
    assert 'href="/removal/G0020"' in project
    assert 'href="/removal"' in http(f"{site}/about", Accept=BROWSER).body.decode()
    form = http(f"{site}/removal/G0020", Accept=BROWSER).body.decode()
    assert "A course" in form
    assert 'name="value"' in form
    assert http(f"{site}/removal/NOPE", Accept=BROWSER).status == 404


def test_request_ends_in_forget(site: str, folder: Path) -> None:
    sent = request_removal(site, value=f"  {NAME} ", comment="I have left", email="me@example.org")
    assert sent.status == 202
    [name] = re.findall("<code>([^<]+)</code>", sent.body.decode())
    assert b"Request for a removal: A course" in run("suggestions", "list", folder / "queue").stdout
    shown = run("suggestions", "show", folder / "queue", name, "--records", folder).stdout.decode()
    assert f"Asks to remove the name or address {NAME}." in shown
    [command] = re.findall("^Run: cybilgraph (.*)$", shown, re.MULTILINE)
    arguments = [str(folder / "releases") if word == "RELEASES" else word for word in shlex.split(command)]
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert f"Suggestion {name}: removed." in done.stdout.decode()
    graph = graph_of(folder / "releases" / "0001")
    assert NAME.encode() not in graph
    assert EMAIL.encode() not in graph
    assert not list(SuggestionQueue(folder / "queue").pending())


def test_request_is_kept_if_no_release_contains_the_spelling(tmp_path: Path) -> None:
    (tmp_path / "course.txt").write_text(PAGE.replace(NAME, "Ängela O'Nasau-Łukacs"), encoding="utf-8")
    assert run("build", tmp_path / "course.txt", "--into", tmp_path / "R", "--no-dumps").returncode == 0
    queue, base = SuggestionQueue(tmp_path / "queue"), EditBase("", "", "", is_source=False)
    request = Suggestion(project="", title="", name=REMOVAL, base=base, text="", field=REMOVAL)
    sent = queue.send(replace(request, value="Angela O'Nasau-Lukacs", email="me@example.org"))
    done = run("forget", tmp_path / "R", sent.value, "--suggestions", queue.folder).stdout.decode()
    assert "No release contains this contact" in done
    assert (
        f"Suggestion {sent.id}: kept, because nothing was erased, or not everything. "
        "Reject it when the removal is complete." in done
    )
    assert [one.email for one in queue.pending()] == ["me@example.org"]
    other = queue.send(replace(request, value="Ängela O'Nasau-Łukacs"))
    done = run("forget", tmp_path / "R", other.value.upper(), "--suggestions", queue.folder).stdout.decode()
    assert f"Suggestion {other.id}: removed." in done
    assert [one.id for one in queue.pending()] == [sent.id], "another spelling may be another person"


def test_request_is_kept_while_a_name_remains_in_prose_and_parts_of_words_are_no_names(tmp_path: Path) -> None:
    text = PAGE.replace(NAME, "Mere Tuilagi").replace("It helps Belize.", "Mere Tuilagi merely helps Belize.")
    (tmp_path / "course.txt").write_text(text, encoding="utf-8")
    assert run("build", tmp_path / "course.txt", "--into", tmp_path / "R", "--no-dumps").returncode == 0
    queue, base = SuggestionQueue(tmp_path / "queue"), EditBase("", "", "", is_source=False)
    request = Suggestion(project="", title="", name=REMOVAL, base=base, text="", field=REMOVAL)
    other = queue.send(replace(request, value="Jane Doe", reason="It is merely a draft."))
    sent = queue.send(replace(request, value="Mere Tuilagi"))
    for name in ("mere", "Mere Tuilagi"):
        done = run("forget", tmp_path / "R", name, "--suggestions", queue.folder)
        assert done.returncode == 1, "the summary contains the name"
        assert f"Suggestion {sent.id}: kept, because" in done.stdout.decode()
        assert other.id not in done.stdout.decode()
    assert {one.id for one in queue.pending()} == {other.id, sent.id}


def test_request_about_a_project_is_not_a_decision(site: str, folder: Path, tmp_path: Path) -> None:
    assert request_removal(site, comment="It never took place").status == 202
    [one] = SuggestionQueue(folder / "queue").pending()
    shown = run("suggestions", "show", folder / "queue", one.id, "--records", folder).stdout.decode()
    assert "Asks to remove the project." in shown
    assert "prune the releases" in shown
    options = ("--records", folder, "--decisions", tmp_path, "--who", "Ana")
    refused = run("suggestions", "accept", folder / "queue", one.id, *options)
    assert (refused.returncode, list(tmp_path.iterdir())) == (2, [])
    assert b"request for a removal" in refused.stderr
    assert run("suggestions", "reject", folder / "queue", one.id, "--reason", "Removed").returncode == 0


def test_incomplete_request_is_explained(site: str, folder: Path) -> None:
    for path, given in (("/removal", {"comment": "Remove me"}), ("/removal/G0020", {})):
        reply = request_removal(site, path, **given)
        assert reply.status == 422
        assert "The request does not say what to remove" in reply.body.decode()
    assert not list(SuggestionQueue(folder / "queue").pending())


@pytest.mark.parametrize(
    "given",
    [
        *({"value": value} for value in ("J.", "-name", "Jane\nDoe", "Jane \u202e Doe", "x" * 201)),
        {"value": "Jane Doe", "comment": "x" * 2_001},
        {"value": "Jane Doe", "email": "x" * 201},
    ],
)
def test_name_that_cannot_be_erased_is_refused(given: dict[str, str]) -> None:
    base = EditBase("", "", "", is_source=False)
    with pytest.raises(SuggestionError):
        ensure_valid(Suggestion(project="", title="", name=REMOVAL, base=base, text="", field=REMOVAL, **given))


def test_request_from_another_site_is_refused(site: str) -> None:
    form = "application/x-www-form-urlencoded"
    body = urlencode({"value": NAME}).encode()
    assert send(site, "POST", "/removal", body, Content_Type=form, Sec_Fetch_Site="cross-site").status == 403


def test_site_without_suggestions_has_no_form(server: str) -> None:
    assert http(f"{server}/removal", Accept=BROWSER).status == 404
    assert b"/removal" not in http(f"{server}/about", Accept=BROWSER).body


def test_project_page_says_whether_it_may_be_reused(server: str) -> None:
    page = http(f"{server}/id/project/G0020", Accept=BROWSER).body.decode()
    section = page.partition('<section id="reuse">')[2].partition("</section>")[0]
    assert "Data, texts and quotes: <bdi>" in section
    assert "publicly available" in section
    assert "This site gives no licence for all of them" in http(f"{server}/data", Accept=BROWSER).body.decode()
    page = http(f"{server}/id/project/GI-08", Accept=BROWSER).body.decode()
    section = page.partition('<section id="reuse">')[2].partition("</section>")[0]
    assert "this site gives no licence. Texts" in section, "and names nobody to ask without an address"
    assert "the source does not say who may reuse them" in section
