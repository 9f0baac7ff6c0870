"""Curation from end to end, as curators and visitors see it: decide on the site, build, and look at the site again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import openpyxl
import pytest
from lxml import html

from cybilgraph.identity.decisions import kind_of
from cybilgraph.model.vocabulary import BASE, CYB, thing_iri
from cybilgraph.pipeline.review_queue import OpenClaim, open_claims
from cybilgraph.release import Releases
from cybilgraph.web.review_desk import claim_id
from tests.conftest import PAGES, run, running_server
from tests.support.check_requests import submit
from tests.support.curators import PASSWORDS, Curator, CuratorFile, Site
from tests.support.http_client import BROWSER, get, http, send
from tests.support.operations import until

pytestmark = pytest.mark.slow


class Decided(NamedTuple):
    """A claim, and how a curator answered the question about it."""

    claim: OpenClaim
    answer: str

    @property
    def field(self) -> str:
        """The field that has the claim after the decision."""
        return self.claim.claim.field if self.answer in ("yes", "no") else self.answer

    @property
    def project(self) -> str:
        return thing_iri("project", self.claim.record)

    @property
    def target(self) -> str:
        return thing_iri(kind_of(self.claim.claim.field), self.claim.claim.key)

    def node(self, field: str) -> str:
        kind = "participation" if kind_of(field) == "actor" else "scope"
        parts = (self.target.rpartition("/")[2], field)
        return "/".join((self.project, kind, *(parts if kind == "participation" else reversed(parts))))

    def link(self, field: str) -> str:
        """Return the direct link of a claim as SPARQL; an unspecified role has none."""
        return f"<{self.project}> cyb:{field} <{self.target}> ." if field != "unspecified" else ""


class Curated(NamedTuple):
    """A site with curators, its server, and the folder of its records."""

    site: Site
    records: Path
    server: running_server

    @property
    def url(self) -> str:
        return self.server.url

    def build(self) -> None:
        """Build a release with the decisions, and wait until the server shows it."""
        built = run("build", self.records, "--into", self.site.releases, "--decisions", self.site.decisions)
        assert built.returncode == 0, built.stderr
        number = Releases(self.site.releases).current().number
        until(lambda: f"Release {number:04} is now being served" in self.server.log)

    def to_review(self) -> set[tuple[str, str]]:
        """Return record and field of the decisions that a check asks to review."""
        checked = run("check", self.records, "--decisions", self.site.decisions, "-f", "json")
        found = [one for one in json.loads(checked.stdout)["findings"] if "#decision-" in one["rule"]]
        assert {one["rule"].partition("#")[2] for one in found} <= {"decision-review"}
        return {(one["record"].rpartition("/")[2], one["label"]) for one in found}

    def knows(self, one: Decided, field: str) -> str:
        """Ask the SPARQL endpoint how a claim is known; empty if the graph has no link for it."""
        query = f"SELECT ?basis {{ {one.link(field)} <{one.node(field)}> cyb:basis ?basis }}"
        return get(self.url, query, "text/csv").body.decode().removeprefix("basis").rpartition("/")[2].strip()

    def shows(self, one: Decided, field: str) -> str:
        """Return the basis by the mark of a link among the facts of the project page; empty if it is not there."""
        page = html.fromstring(http(one.project.replace(BASE, f"{self.url}/"), Accept=BROWSER).body)
        label = "role not specified" if field == "unspecified" else field.replace("_", " ")
        for name in page.xpath("//dl[@class='facts']//dt"):
            if name.text_content().casefold() == label:
                for fact in name.getnext().xpath("span[@class='one']"):
                    if fact.xpath("bdi/a/@href") == [one.target.replace(BASE, "/")]:
                        return str((fact.xpath("span/@class") or ["stated"])[0].split()[-1])
        return ""


def save_workbook(path: Path, updated: str) -> None:
    """Save a workbook with a project, as on a later date."""
    book = openpyxl.Workbook()
    assert book.active
    book.active.append(["code", "title", "end", "funders", "updated"])
    book.active.append(["G0901", "Courses for police", "2024-05", "CTO", updated])
    book.save(path)


@pytest.fixture
def curated(tmp_path: Path) -> Iterator[Curated]:
    """A site with one curator and the saved pages."""
    records, site = (
        tmp_path / "records",
        Site(*(tmp_path / name for name in ("releases", "curators", "decisions", "queue"))),
    )
    records.mkdir()
    save_workbook(records / "projects.xlsx", "2025-01-01")
    for path in PAGES:
        (records / path.name).write_bytes(path.read_bytes())
    CuratorFile(site.curators).add("Ana", PASSWORDS["Ana"])
    assert run("build", records, "--into", site.releases).returncode == 0
    server = running_server(site.releases, *site.options)
    with server:
        yield Curated(site, records, server)


def decide_twenty(curated: Curated) -> list[Decided]:
    """Answer twenty questions on the site."""
    ana = Curator(curated.url)
    assert ana.log_in().status == 303
    queue = open_claims(Releases(curated.site.releases).current(), curated.site.decisions, 1_000, 0)
    claims = {claim_id(one): one for one in queue}
    made: list[Decided] = []
    ana.get("/curate/claims")
    while len(made) < 20:
        one, shown = claims[ana.claim], ana.claim
        roles = [role for role in ("partner", "implementer") if role != one.claim.field]
        answer = ("yes", "no", roles[0] if kind_of(one.claim.field) == "actor" else "yes")[len(made) % 3]
        if (one.record, one.claim.key) not in {(other.claim.record, other.claim.claim.key) for other in made}:
            assert ana.answer(answer).status == 303
            made.append(Decided(one, answer))
        ana.get(f"/curate/claims?after={shown}")
    return made


def verify(curated: Curated, made: list[Decided]) -> None:
    """Check that endpoint and pages show each decision."""
    for one in made:
        own = one.claim.claim.field
        if one.answer != "no":
            assert curated.knows(one, one.field) == "confirmed", one
            assert curated.shows(one, one.field) == "confirmed", one
        if one.answer != "yes":
            assert curated.knows(one, own) == curated.shows(one, own) == "", one


def test_twenty_decisions_are_seen_on_the_site_and_hold(curated: Curated) -> None:
    made = decide_twenty(curated)
    assert {one.answer for one in made} >= {"yes", "no", "partner"}
    curated.build()
    verify(curated, made)
    assert curated.to_review() == set()

    patch = send(curated.url, "GET", "/changes.rdfp?since=1").body.decode().splitlines()
    for one in made:
        before, after = (f"<{one.node(field)}> <{CYB.basis}> " for field in (one.claim.claim.field, one.field))
        rows = [row for row in patch if row[2:].startswith((before, after))]
        assert any(row.startswith(f"D {before}") for row in rows)
        assert any(row.startswith(f"A {after}<{BASE}id/basis/confirmed>") for row in rows) is (one.answer != "no")
    assert sum(f"<{CYB.verdict}>" in row for row in patch) == 20

    changes = json.loads(send(curated.url, "GET", "/changes.json?since=1").body)["records"]
    assert {one["record"].rpartition("/")[2] for one in changes} == {one.claim.record for one in made}
    assert any("confirmed" in one["words"] for one in changes)

    for number, path in enumerate(sorted(curated.records.glob("*.txt"))):  # saved again, on another date
        head, _, rest = path.read_text(encoding="utf-8").partition("\n")
        again = path.with_name(f"again-{path.name}") if number % 2 else path
        again.write_text(f"{head}\nRetrieved: 2026-11-01\n{rest}", encoding="utf-8")
    curated.build()
    verify(curated, made)
    assert curated.to_review() == set()

    changed = [  # from the title, a key may be made
        next(one for one in made if one.answer == answer and one.claim.claim.sentences[0] not in one.claim.title)
        for answer in ("yes", "no")
    ]
    for path in curated.records.glob("*.txt"):
        text = path.read_text(encoding="utf-8")
        for sentence in (one.claim.claim.sentences[0] for one in changed):
            text = text.replace(sentence, f"In this project, {sentence}")
        path.write_text(text, encoding="utf-8")
    assert curated.to_review() >= {(one.claim.record, one.claim.claim.field) for one in changed}
    curated.build()
    verify(curated, made)

    ana = Curator(curated.url)
    assert ana.log_in().status == 303
    ids = html.fromstring(ana.get("/curate/changed")).xpath("//input[@name='decision']/@value")
    assert len(ids) == len(curated.to_review())
    assert ana.post("/curate/changed", decision=ids[0], answer="perhaps").status == 422
    for one in ids:
        assert ana.post("/curate/changed", decision=one, answer="keep").status == 303
        assert ana.post("/curate/changed", decision=one, answer="keep").status == 409
    assert "no such decisions" in ana.get("/curate/changed")
    assert curated.to_review() == set()
    curated.build()
    verify(curated, made)


def test_accepted_edit_of_a_workbook_holds_when_it_is_saved_again(curated: Curated) -> None:
    path = "/suggest/G0901"
    page = html.fromstring(http(f"{curated.url}{path}", Accept=BROWSER).body)
    [form] = [one for one in page.forms if one.get("action") == path]
    changes = {"cell-end": "2026-09", "cell-funders": "CTO\r\nITU", "send": "yes"}
    assert submit(curated.url, path, **dict(form.form_values()) | changes).status == 202
    ana = Curator(curated.url)
    assert ana.log_in().status == 303
    address = html.fromstring(ana.get("/curate/suggestions")).xpath("//a/@href[contains(., '/suggestions/')]")[0]
    choices = html.fromstring(ana.get(address)).xpath("//input[@name='accept']/@value")
    assert ana.post(address, accept=choices).status == 303

    def verify() -> None:
        query = "SELECT ?end ?funder { project:G0901 cyb:end ?end ; cyb:funder ?funder } ORDER BY ?funder"
        rows = get(curated.url, query, "text/csv").body.decode().split()[1:]
        assert rows == [f"2026-09,{BASE}id/actor/{name}" for name in ("cto", "itu")]
        assert curated.to_review() == set()

    curated.build()
    verify()
    save_workbook(curated.records / "projects.xlsx", "2026-11-01")
    curated.build()
    verify()
