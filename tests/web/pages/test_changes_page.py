"""Changes between releases over HTTP: as a page, a patch, JSON, Atom and an event stream."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pyshacl
import pytest
import rdflib
from lxml import etree

from cybilgraph import pipeline
from cybilgraph.model.vocabulary import ACTIVITY, BASE, CYB, DCTERMS, LDES, RDF, SH, TREE
from cybilgraph.release import Releases
from cybilgraph.sync.changes import prune
from cybilgraph.sync.patches import apply_patch, read_patch
from cybilgraph.web.api.protocol import PINNED
from tests.conftest import RECORDS, SAMPLES, SEED, graph_of, running_server
from tests.support.http_client import BROWSER, PROBLEM, send

pytestmark = pytest.mark.slow

ATOM = "{http://www.w3.org/2005/Atom}"
RECORD = f"{BASE}record/"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build four releases: one that is removed; the seed and another record; the seed changed; without the other record."""
    folder, sources = tmp_path_factory.mktemp("shelf"), tmp_path_factory.mktemp("sources")
    seed, another = sources / SEED.name, sources / "cmm-review-samoa.txt"
    shutil.copy(SEED, seed)
    pipeline.build([sources], folder)
    shutil.copy(RECORDS / another.name, another)
    pipeline.build([sources], folder)
    text = seed.read_text(encoding="utf-8").replace("Finished", "Ongoing").replace("A Way", "<b>&A Way")
    seed.write_text(text, encoding="utf-8")
    pipeline.build([sources], folder)
    another.unlink()
    pipeline.build([sources], folder)
    prune(Releases(folder), 3)
    return folder


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[str]:
    with running_server(folder) as url:
        yield url


def test_patch_is_exact_and_has_checksums(site: str, folder: Path) -> None:
    reply = send(site, "GET", "/changes.rdfp?since=2")
    assert reply.type == "text/x-rdf-patch; charset=utf-8"
    digest = base64.b64encode(hashlib.sha256(reply.body).digest()).decode()
    assert reply.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert reply.headers["cybilgraph-release"] == "4"
    header, changes = read_patch(reply.body.splitlines(keepends=True))
    before, after = (sorted(graph_of(folder / name).splitlines(True)) for name in ("0002", "0004"))
    assert list(apply_patch(before, changes)) == after
    assert header.sha256 == hashlib.sha256(b"".join(after)).hexdigest()
    for target, accept in (("/changes?since=2&format=rdfp", "*/*"), ("/changes?since=2", "text/x-rdf-patch")):
        assert send(site, "GET", target, Accept=accept).body == reply.body


def test_json_lists_changed_records_with_their_fields(site: str) -> None:
    changes = json.loads(send(site, "GET", "/changes.json?since=2&until=4").body)
    assert (changes["since"]["release"], changes["until"]["release"]) == (2, 4)
    changed, removed = changes["records"]
    assert changed["record"] == f"{RECORD}G0020"
    assert changed["fields"] == [{"name": "status", "old": ["Finished"], "new": ["Ongoing"]}]
    assert changed["words"] == "status: Finished → Ongoing."
    assert (removed["kind"], removed["title"]) == ("removed", "CMM Review - Samoa")
    assert changed["modified"] <= removed["modified"] == changes["until"]["created"]


def test_atom_has_entries_and_tombstones(site: str) -> None:
    reply = send(site, "GET", "/changes", Accept="application/atom+xml")
    assert reply.type == "application/atom+xml; charset=utf-8"
    feed = etree.fromstring(reply.body)
    [entry] = feed.findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}id") == f"{RECORD}G0020"
    assert entry.findtext(f"{ATOM}summary") == "status: Finished → Ongoing."
    [gone] = feed.findall("{http://purl.org/atompub/tombstones/1.0}deleted-entry")
    assert gone.get("ref") == f"{RECORD}cmm-review-samoa"
    assert gone.get("when") == feed.findtext(f"{ATOM}updated")
    assert all(feed.find(f"{ATOM}{name}") is not None for name in ("title", "author", "link"))


def test_formats_describe_the_same_changes(site: str) -> None:
    for span in ("since=2&until=3", "since=2&until=4", "since=4&until=4"):
        found = json.loads(send(site, "GET", f"/changes.json?{span}").body)
        _, quads = read_patch(send(site, "GET", f"/changes.rdfp?{span}").body.splitlines(keepends=True))
        kinds = [kind for kind, _ in quads]
        counts = found["counts"]
        assert (counts["added_quads"], counts["removed_quads"]) == (kinds.count(b"A"), kinds.count(b"D"))
        feed = etree.fromstring(send(site, "GET", f"/changes.atom?{span}").body)
        entries = {entry.findtext(f"{ATOM}id"): entry.findtext(f"{ATOM}summary") for entry in feed.iter(f"{ATOM}entry")}
        gone = {entry.get("ref") for entry in feed.iter("{http://purl.org/atompub/tombstones/1.0}deleted-entry")}
        records = found["records"]
        assert entries == {record["record"]: record["words"] for record in records if record["kind"] != "removed"}
        assert gone == {record["record"] for record in records if record["kind"] == "removed"}
        assert [counts[kind] for kind in ("added", "changed", "removed")] == [
            sum(record["kind"] == kind for record in records) for kind in ("added", "changed", "removed")
        ]


def test_page_describes_changes(site: str) -> None:
    page = send(site, "GET", "/changes", Accept=BROWSER).body.decode()
    assert "<del>Finished</del> → <ins>Ongoing</ins>" in page
    assert "<del>CMM Review - Samoa</del>" in page
    assert 'href="/id/project/cmm-review-samoa?release=2"' in page
    assert "No records changed" in send(site, "GET", "/changes?since=4", Accept=BROWSER).body.decode()


@pytest.mark.parametrize(
    "target", ["/changes.rdfp?since=2", "/changes.json", "/changes.atom?since=3", "/feed", "/feed/4"]
)
def test_matching_etag_gets_304(site: str, target: str) -> None:
    reply = send(site, "GET", target)
    etag = reply.headers["etag"]
    assert etag.startswith('"')
    again = send(site, "GET", target, If_None_Match=etag)
    assert (again.status, again.body) == (304, b"")
    assert send(site, "HEAD", target).headers["etag"] == etag


@pytest.mark.parametrize(
    ("target", "status", "says"),
    [
        ("/changes?since=1", 410, "Download the full dump"),
        ("/changes.rdfp?since=9", 404, "Available releases: 2, 3, 4."),
        ("/changes?since=2&until=9", 404, "There is no release 9"),
        ("/changes?since=two", 400, "since=1"),
        ("/changes?since=²", 400, "since=1"),
        ("/changes?format=parquet", 406, "rdfp"),
        ("/changes.parquet", 406, "rdfp"),
        ("/feed/1", 410, "no longer available"),
        ("/feed/77/all", 404, "There is no release 77"),
        ("/record/G0020?release=1", 410, "no longer available"),
        ("/record/G0020?release=x", 400, "is not a release number"),
    ],
)
def test_missing_release_or_format_is_reported(site: str, target: str, status: int, says: str) -> None:
    reply = send(site, "GET", target.replace("²", "%C2%B2"))
    assert (reply.status, reply.type) == (status, PROBLEM)
    assert says in f"{reply.problem['detail']} {reply.problem['hint']}"


def test_event_stream_links_to_every_version(site: str) -> None:
    node = rdflib.URIRef
    root = rdflib.Graph().parse(data=send(site, "GET", "/feed.nt").body, format="nt")
    stream = node(f"{BASE}feed")
    assert (stream, node(RDF.type), node(LDES.EventStream)) in root
    pages = sorted(str(page) for page in root.objects(None, node(TREE.node)))
    assert pages == [f"{site}/feed/2/all", f"{site}/feed/3", f"{site}/feed/4"]
    members, dates = {}, {}
    for page in pages:
        reply = send(site, "GET", urlsplit(page).path, Accept="text/turtle")
        assert reply.headers["cache-control"] == PINNED
        graph = rdflib.Graph().parse(data=reply.body, format="turtle")
        assert (node(page), node(RDF.type), node(TREE.Node)) in graph
        for member in graph.objects(stream, node(TREE.member)):
            members[str(member).removeprefix(RECORD)] = graph.value(member, node(RDF.type))
            dates[str(member)] = str(graph.value(member, node(DCTERMS.created)))
            assert str(member).startswith(str(graph.value(member, node(DCTERMS.isVersionOf))))
    assert members == {
        "G0020?release=1": node(ACTIVITY.Create),  # unchanged since release 1, which is no longer kept
        "cmm-review-samoa?release=2": node(ACTIVITY.Create),
        "G0020?release=3": node(ACTIVITY.Update),
        "cmm-review-samoa?release=4": node(ACTIVITY.Delete),
    }
    first = root.value(node(f"{site}/feed#release-2"), node(TREE.value))
    assert str(first) == min(dates.values()) == dates[f"{RECORD}G0020?release=1"]
    assert send(site, "GET", "/feed/2").headers["location"] == "/feed/2/all"
    assert send(site, "GET", "/feed", Accept=BROWSER).headers["location"] == "/changes"


def dataset(url: str, path: str) -> rdflib.Dataset:
    reply = send(url, "GET", path, Accept="application/n-quads")
    assert reply.status == 200
    return rdflib.Dataset().parse(data=reply.body, format="nquads")


def test_event_stream_has_the_statements_of_each_version(site: str) -> None:
    status = rdflib.URIRef(CYB.status)
    for page, member, value in (
        ("/feed/2/all", "G0020?release=1", "finished"),
        ("/feed/2/all", "cmm-review-samoa?release=2", ""),
        ("/feed/3", "G0020?release=3", "ongoing"),
    ):
        found = dataset(site, page)
        graph = found.graph(rdflib.URIRef(f"{RECORD}{member}"))
        key, _, release = member.partition("?release=")
        stated = graph.value(rdflib.URIRef(f"{BASE}id/project/{key}"), status)
        assert str(stated or "").rpartition("/")[2] == value
        then = send(site, "GET", f"/id/project/{key}.nt?release={max(int(release), 2)}").body
        own = {triple for triple in rdflib.Graph().parse(data=then, format="nt") if f"project/{key}" in triple[0]}
        assert own
        assert own <= set(graph)
    assert {str(graph.identifier) for graph in dataset(site, "/feed/4").graphs()} == {"urn:x-rdflib:default"}, "removed"
    assert send(site, "GET", "/feed/3?page=2").status == 404


@pytest.mark.parametrize("path", ["/feed", "/feed/2/all", "/feed/3", "/feed/4"])
def test_event_stream_conforms_to_the_shapes_of_tree_and_ldes(site: str, path: str) -> None:
    for name in ("turtle", "nquads"):
        stream = rdflib.Dataset().parse(data=send(site, "GET", f"{path}?format={name}").body, format=name)
        conforms, _, text = pyshacl.validate(stream.default_graph, shacl_graph=str(SAMPLES / "feed.ttl"))
        assert conforms, text


@pytest.mark.parametrize("page", ["/feed/2/all", "/feed/3", "/feed/4"])
def test_members_of_the_event_stream_conform_to_its_own_shape(site: str, page: str) -> None:
    node = rdflib.URIRef
    root, members = (dataset(site, path).default_graph for path in ("/feed", page))
    [shape] = root.objects(node(f"{BASE}feed"), node(TREE.shape))
    root.add((shape, node(SH.targetObjectsOf), node(TREE.member)))
    conforms, _, text = pyshacl.validate(members, shacl_graph=root)
    assert conforms, text
    members.remove((None, node(DCTERMS.created), None))
    assert not pyshacl.validate(members, shacl_graph=root)[0]


def test_text_of_a_removed_record_leaves_the_site_with_its_last_release(folder: Path, tmp_path: Path) -> None:
    releases = Releases(shutil.copytree(folder, tmp_path / "pruned"))
    prune(releases, 1)
    with running_server(releases.folder) as url:
        names = [path.name for path in (releases.folder / "0004" / "public").iterdir()]
        files = [f"/release/4/{name}" for name in names if not name.endswith((".zst", ".parquet"))]
        feeds = [f"/feed/4/all?format={name}" for name in ("turtle", "jsonld", "nquads", "trig", "xml")]
        pages = ["/feed", *feeds, "/changes", "/changes.json", "/changes.atom", "/changes.rdfp", "/releases.json"]
        for path in [*pages, *files]:
            reply = send(url, "GET", path)
            assert reply.status == 200, path
            body = gzip.decompress(reply.body) if path.endswith(".gz") else reply.body
            assert b"CMM Review - Samoa" not in body, path
        stream = dataset(url, "/feed/4/all").default_graph
        [deletion] = stream.subjects(rdflib.RDF.type, rdflib.URIRef(ACTIVITY.Delete))
        assert set(stream.predicates(deletion)) == set(
            map(rdflib.URIRef, (RDF.type, DCTERMS.isVersionOf, DCTERMS.created))
        )
        assert pyshacl.validate(stream, shacl_graph=str(SAMPLES / "feed.ttl"))[0]


def test_event_stream_splits_long_pages(demo_server: str) -> None:
    pages, members = ["/feed/1/all"], list[str]()
    for page in pages:
        stream = dataset(demo_server, page).default_graph
        assert pyshacl.validate(stream, shacl_graph=str(SAMPLES / "feed.ttl"))[0]
        found = list(map(str, stream.objects(None, rdflib.URIRef(TREE.member))))
        assert 0 < len(found) <= 500
        members += found
        pages += [str(node).removeprefix(demo_server) for node in stream.objects(None, rdflib.URIRef(TREE.node))]
    projects = json.loads(send(demo_server, "GET", "/releases.json").body)[0]["projects"]
    assert len(members) == len(set(members)) == projects > 500


def test_earlier_version_of_a_record_stays_readable(site: str) -> None:
    then, now = (send(site, "GET", f"/record/G0020.nt{pinned}") for pinned in ("?release=2", ""))
    assert then.headers["cybilgraph-release"] == "2"
    text = {status: send(site, "GET", f"/id/project/G0020.nt?release={status}").body for status in (2, 3)}
    assert b"status/finished" in text[2]
    assert b"status/ongoing" in text[3]
    assert then.body != now.body
    page = send(site, "GET", "/record/G0020?release=2", Accept=BROWSER)
    assert page.headers["location"] == "/id/project/G0020?release=2"
    page = send(site, "GET", page.headers["location"], Accept=BROWSER)
    assert "You are viewing release 2" in page.body.decode()


def test_links_of_other_pages_name_no_release(site: str) -> None:
    for path in ("/id/group", "/id/country/BZ"):
        page = send(site, "GET", path, Accept=BROWSER).body.decode()
        assert 'href="/id/country"' in page
        assert not re.search(r'href="[^"]*release=', page), path


@pytest.mark.parametrize("path", ["/id/project/cmm-review-samoa", "/id/project/G0020", "/id/country/WS", "/id/group"])
def test_links_of_pinned_pages_work(site: str, path: str) -> None:
    gone = send(site, "GET", path, Accept=BROWSER)
    assert gone.status == (410 if "cmm" in path else 200)
    address = f"{path}?release=3"
    assert ("cmm" in path) == (f'<a href="{address}">View the page of that release</a>' in gone.body.decode())
    page = send(site, "GET", address, Accept=BROWSER).body.decode()
    assert (
        ("cmm" in path)
        == ("The current release no longer has this page." in page)
        != ("View the current version" in page)
    )
    for link in dict.fromkeys(re.findall(r'href="(/(?:id|record|graph|suggest)/[^"]*)"', page)):
        there = send(site, "GET", unescape(link))
        assert there.status == 200, link
        assert there.headers.get("cybilgraph-release") == ("3" if link != path else None), link
