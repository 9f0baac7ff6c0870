"""`cybilgraph collect` downloads the project pages of a portal once, politely, and resumes."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from warcio.archiveiterator import ArchiveIterator

from tests.conftest import ROOT, run
from tests.support.servers import certificate
from tests.support.simulated_portal import (
    SimulatedPortal,
    busy_at_first,
    dripping,
    project_page,
    redirect,
    truncated_at_first,
    wordpress,
)

pytestmark = pytest.mark.slow

#: Tests assert what is requested and stored, not how long it takes.
FAST = ("--rate", "1000", "--timeout", "2")


def collect(portal: SimulatedPortal, into: Path, *options: object, path: str = "/", code: int = 0) -> str:
    done = run("collect", portal.url + path, "--into", into, *FAST, *options)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout.decode()


def records(into: Path, kind: str = "response") -> list[str]:
    """Return the addresses of the records of a kind, in order."""
    found = []
    for path in sorted(into.glob("*.warc.gz")):
        with path.open("rb") as file:
            found += [
                record.rec_headers.get_header("WARC-Target-URI")
                for record in ArchiveIterator(file, check_digests="raise")
                if record.rec_type == kind and record.raw_stream.read() is not None
            ]
    return found


def stored_projects(portal: SimulatedPortal, into: Path) -> Counter[str]:
    paths = (url.removeprefix(portal.url) for url in records(into))
    return Counter(path for path in paths if path in portal.projects)


def counts(output: str) -> str:
    """Return the counts in the first line of the output."""
    return output.partition(": ")[2].partition(" (")[0]


def test_every_project_page_is_stored_once(tmp_path: Path) -> None:
    with SimulatedPortal(12) as portal:
        output = collect(portal, tmp_path)
        assert counts(output) == "12 new, 0 changed, 0 unchanged, 0 gone, 0 failed; 0 other pages"
        assert stored_projects(portal, tmp_path) == dict.fromkeys(portal.projects, 1)
        paths = [one.path for one in portal.log]
        assert paths[0] == "/robots.txt"
        assert len(paths) == len(set(paths))
        assert not any(path.startswith(("/projects/private", "/wp-admin")) for path in paths)
        assert {one.user_agent.partition(" ")[2] for one in portal.log} == {"(+https://w3id.org/cybilgraph)"}


def test_records_of_collected_pages_have_address_and_capture_time(tmp_path: Path) -> None:
    with SimulatedPortal(2) as portal:
        collect(portal, tmp_path)
    turtle = run("convert", tmp_path, "-f", "ntriples").stdout.decode()
    assert '"Cyber project 001 for Samoa"' in turtle
    assert f"<http://purl.org/dc/terms/source> <{portal.url}/projects/project-001/>" in turtle
    assert turtle.count("#generatedAtTime>") == 2
    assert f"{time.strftime('%Y-%m-%d', time.gmtime())}T" in turtle


def test_contact_is_sent(tmp_path: Path) -> None:
    with SimulatedPortal(1) as portal:
        collect(portal, tmp_path, "--contact", "data@example.org")
        assert all(one.user_agent.endswith("(+data@example.org)") for one in portal.log)


def test_second_run_downloads_only_what_has_changed(tmp_path: Path) -> None:
    with SimulatedPortal(40) as portal:
        collect(portal, tmp_path)
        size = sum(one.size for one in portal.log)
        portal.projects["/projects/project-003/"] = project_page(3, "It goes on.")
        portal.projects["/projects/project-041/"] = project_page(41)
        del portal.projects["/projects/project-005/"]
        portal.log.clear()
        output = collect(portal, tmp_path)
        assert counts(output) == "1 new, 1 changed, 38 unchanged, 1 gone, 0 failed; 0 other pages"
        assert f"  new: {portal.url}/projects/project-041/\n" in output
        assert f"  changed: {portal.url}/projects/project-003/\n" in output
        assert f"  gone: {portal.url}/projects/project-005/ (status 404)\n" in output
        statuses = Counter(one.status for one in portal.requests())
        assert statuses == {304: 38, 200: 2, 404: 1}
        assert sum(one.size for one in portal.log) < 0.15 * size
        revisits = records(tmp_path, "revisit")
        assert len({url for url in revisits if "/projects/" in url}) == 38
        portal.log.clear()
        assert counts(collect(portal, tmp_path)).endswith("40 unchanged, 0 gone, 0 failed; 0 other pages")
        assert not portal.requests("/projects/project-005/")


def test_project_of_a_page_that_is_gone_remains_with_a_finding(tmp_path: Path) -> None:
    with SimulatedPortal(3) as portal:
        collect(portal, tmp_path)
        del portal.projects["/projects/project-002/"]
        collect(portal, tmp_path)
    report = json.loads(run("check", tmp_path, "-f", "json").stdout)
    [gone] = [finding for finding in report["findings"] if finding["rule"].endswith("#page-gone")]
    assert (gone["record"], report["records"]) == ("project-002", 3)
    assert f"{portal.url}/projects/project-002/ was no longer available" in gone["message"]


@pytest.mark.parametrize("has_lastmod", [True, False])
def test_server_without_validators_sends_unchanged_pages_at_most_again(tmp_path: Path, has_lastmod: bool) -> None:
    with SimulatedPortal(4, has_validators=False) as portal:
        portal.lastmod = portal.lastmod if has_lastmod else ""
        collect(portal, tmp_path)
        portal.log.clear()
        portal.changed_at["/projects/project-002/"] = "2999-01-01" if has_lastmod else ""
        portal.projects["/projects/project-002/"] = project_page(2, "More.")
        output = collect(portal, tmp_path)
        assert counts(output).startswith("0 new, 1 changed, 3 unchanged")
        assert len(portal.requests()) == (1 if has_lastmod else 4)
        assert stored_projects(portal, tmp_path).total() == 5


def test_page_with_other_markup_but_the_same_text_is_unchanged(tmp_path: Path) -> None:
    with SimulatedPortal(1, has_validators=False) as portal:
        portal.lastmod = ""
        collect(portal, tmp_path)
        portal.projects["/projects/project-001/"] += b"<!-- Generated in 0.3 seconds --><script>nonce='7'</script>"
        assert counts(collect(portal, tmp_path)).startswith("0 new, 0 changed, 1 unchanged")
        assert stored_projects(portal, tmp_path).total() == 1


def test_soft_404_and_redirect_count_as_gone(tmp_path: Path) -> None:
    with SimulatedPortal(4) as portal:
        collect(portal, tmp_path)
        portal.projects["/projects/project-001/"] = wordpress("Page not found", "<h1>Sorry</h1>", "page")
        portal.pages["/projects/project-002/"] = redirect("/")
        output = collect(portal, tmp_path)
        assert "2 unchanged, 2 gone, 0 failed" in output
        assert "project-001/ (its URL no longer shows a project (error page))" in output
        assert f"project-002/ (redirects to {portal.url}/)" in output


def test_links_are_followed_without_sitemap_and_calendar_is_left(tmp_path: Path) -> None:
    with SimulatedPortal(25, has_sitemap=False) as portal:
        output = collect(portal, tmp_path)
        assert stored_projects(portal, tmp_path) == dict.fromkeys(portal.projects, 1)
        assert len([one for one in portal.log if "calendar" in one.path]) < 10
        assert "links not followed, because they seem endless: 1, such as" in output
        assert not portal.requests("/news/launch/")
        portal.projects["/projects/project-026/"] = project_page(26)
        assert counts(collect(portal, tmp_path)).startswith("1 new, 0 changed, 25 unchanged, 0 gone, 0 failed")


@pytest.mark.parametrize(
    "links",
    [("{n}a/", "{n}b/"), ("?sid={random}",), tuple(f"{{random}}-{n}/" for n in range(100))],
    ids=["tree", "session", "many random"],
)
def test_endless_links_are_left_and_a_long_list_is_not(tmp_path: Path, links: tuple[str, ...]) -> None:
    with SimulatedPortal(80, has_sitemap=False) as portal:
        number = count()

        def endless(page: Any) -> None:
            own = page.path.rpartition("/projects/trap/")[2].rstrip("/")
            given = (link.format(n=own, random=next(number)) for link in links)
            page.send(wordpress("Trap", "".join(f'<a href="/projects/trap/{link}">x</a>' for link in given), "page"))

        portal.answer_below["/projects/trap/"] = endless
        portal.projects["/projects/project-001/"] += b'<a href="/projects/trap/">Trap</a>'
        output = collect(portal, tmp_path)
        assert counts(output).startswith("80 new")
        assert "links not followed, because they seem endless" in output
        assert len([one for one in portal.log if "trap" in one.path]) <= 600


def test_page_with_several_addresses_is_stored_once(tmp_path: Path) -> None:
    with SimulatedPortal(3, has_sitemap=False) as portal:
        first = "/projects/project-001/"
        links = (f'<a href="{first}{suffix}">x</a>' for suffix in ("?share=mail", "#top", "print/", "?a=ñ"))
        portal.projects[first] = project_page(1).replace(b"</main>", "".join(links).encode() + b"</main>")
        portal.pages[f"{first}print/"] = lambda page: page.send(portal.projects[first] + b"<!-- for printers -->")
        portal.pages["/projects/"] = lambda page: page.send(
            portal.listing(1).replace(
                b"</main>", b'<a href="/projects/old/">Old</a><a rel=nofollow href="/projects/no/">'
            )
        )
        portal.pages["/projects/old/"] = redirect(first, 301)
        for _ in range(2):
            portal.log.clear()
            output = collect(portal, tmp_path, path="/projects/")
            assert stored_projects(portal, tmp_path) == dict.fromkeys(portal.projects, 1)
            assert "0 failed" in output
        assert [one.status for one in portal.requests(f"{first}print/")] == [304]
        assert not portal.requests(f"{first}?share=mail")
        assert not portal.requests("/projects/no/")
        assert len(list(run("convert", tmp_path, "-f", "turtle").stdout.decode().split("a cyb:Project"))) == 4


def test_busy_and_interrupted_responses_are_retried(tmp_path: Path) -> None:
    with SimulatedPortal(4) as portal:
        pages = list(portal.projects.items())
        portal.pages[pages[0][0]] = busy_at_first(429, pages[0][1], "2")
        portal.pages[pages[1][0]] = busy_at_first(503, pages[1][1], "0", times=2)
        portal.pages[pages[2][0]] = truncated_at_first(pages[2][1])
        assert counts(collect(portal, tmp_path)).startswith("4 new, 0 changed, 0 unchanged, 0 gone, 0 failed")
        assert stored_projects(portal, tmp_path) == dict.fromkeys(portal.projects, 1)
        first, second = portal.requests(pages[0][0])
        assert second.time - first.time > 1.9  # Retry-After
        first, second, third = portal.requests(pages[1][0])
        assert second.time - first.time > 0.9  # whatever the rate
        assert third.time - second.time > 1.9


def test_unavailable_pages_are_reported_with_reason(tmp_path: Path) -> None:
    with SimulatedPortal(7) as portal:
        answers = {
            1: lambda page: page.send(b"x" * 12_000_000),
            2: dripping(b"x" * 100_000, 60),
            3: redirect("http://elsewhere.invalid/x"),
            4: redirect("/projects/project-004/"),
            5: redirect("/wp-admin/"),
            6: lambda page: page.send(b"no", 403),
        }
        for number, answer in answers.items():
            portal.pages[f"/projects/project-{number:03}/"] = answer
        output = collect(portal, tmp_path, "--timeout", "1", code=1)
        assert counts(output).startswith("1 new, 0 changed, 0 unchanged, 0 gone, 6 failed")
        for number, reason in (
            (1, "has 12,000,000 bytes, over the limit of 5,000,000"),
            (2, "is too slow"),
            (3, "redirects to another host: http://elsewhere.invalid/x"),
            (4, "more than 5 redirects"),
            (5, f"redirects to {portal.url}/wp-admin/, which robots.txt disallows"),
            (6, "status 403"),
        ):
            assert f"  failed: {portal.url}/projects/project-{number:03}/ ({reason}" in output
        assert not portal.requests("/wp-admin/")
        assert len(portal.requests("/projects/project-004/")) == 1


def test_slow_page_may_take_four_times_the_timeout(tmp_path: Path) -> None:
    with SimulatedPortal(1) as portal:
        [(path, content)] = portal.projects.items()
        portal.pages[path] = dripping(content, 1.5)
        assert counts(collect(portal, tmp_path, "--timeout", "1")).startswith("1 new")


def test_failed_page_keeps_its_project(tmp_path: Path) -> None:
    with SimulatedPortal(2) as portal:
        collect(portal, tmp_path)
        portal.pages["/projects/project-001/"] = lambda page: page.send(b"no", 403)
        collect(portal, tmp_path, code=1)
        del portal.pages["/projects/project-001/"]
        assert counts(collect(portal, tmp_path)).startswith("0 new, 0 changed, 2 unchanged")


@pytest.mark.parametrize("has_sitemap", [True, False])
def test_site_that_has_moved_to_https_is_followed(tmp_path: Path, has_sitemap: bool) -> None:
    files = certificate(tmp_path)
    with SimulatedPortal(3, certificate=files, has_sitemap=has_sitemap) as portal:
        for count in ("3 new, 0 changed, 0 unchanged", "0 new, 0 changed, 3 unchanged"):
            command = ("collect", portal.url, "--into", tmp_path / "pages", *FAST)
            done = run(*command, SSL_CERT_FILE=str(files[0]))
            assert done.returncode == 0, done.stderr
            assert counts(done.stdout.decode()).startswith(f"{count}, 0 gone, 0 failed")
        secure = portal.url.replace("http:", "https:")
        assert all(records(tmp_path / "pages").count(f"{secure}{path}") == 1 for path in portal.projects)
        assert Counter(one.path for one in portal.log if one.status == 301).keys() <= {"/robots.txt"}


def test_site_that_goes_down_is_left_alone(tmp_path: Path) -> None:
    with SimulatedPortal(40) as portal:
        for path in portal.projects:
            portal.pages[path] = lambda page: page.send(b"no", 403)
        output = collect(portal, tmp_path, code=1)
        assert len(portal.requests()) == 20
        assert "stopped after 20 failures in a row; 20 pages were not requested" in output


def test_page_takes_the_place_of_its_original(tmp_path: Path) -> None:
    with SimulatedPortal(2, has_sitemap=False) as portal:
        first, other = "/projects/project-001/", "/projects/project-001/print/"
        link = f'<a href="{other}">For printers</a></main>'.encode()
        content = portal.projects[first]
        portal.pages[other] = lambda page: page.send(content)
        portal.pages["/projects/"] = lambda page: page.send(portal.listing(1).replace(b"</main>", link))
        assert counts(collect(portal, tmp_path, path="/projects/")).startswith("2 new")
        del portal.projects[first]
        output = collect(portal, tmp_path, path="/projects/")
        assert counts(output).startswith("1 new, 0 changed, 1 unchanged, 1 gone")
        assert f"new: {portal.url}{other}\n" in output


def test_variant_of_an_unchanged_page_is_not_new(tmp_path: Path) -> None:
    """The server has no validators, so that only the sitemap says that the page is unchanged."""
    with SimulatedPortal(3, has_validators=False) as portal:
        del portal.pages["/post-sitemap.xml"]  # so that links are followed, too
        link = b'<a href="/projects/project-001/?ref=list">x</a></main>'
        portal.pages["/projects/"] = lambda page: page.send(portal.listing(1).replace(b"</main>", link))
        assert counts(collect(portal, tmp_path, path="/projects/")).startswith("3 new")
        assert counts(collect(portal, tmp_path, path="/projects/")).startswith("0 new, 0 changed, 3 unchanged")


def add_links(portal: SimulatedPortal, *paths: str) -> None:
    """Add links at the start of the list of projects."""
    links = "".join(f'<a href="{path}">x</a>' for path in paths).encode()
    portal.pages["/projects/"] = lambda page: page.send(
        portal.listing(1).replace(b'<main id="content">', b'<main id="content">' + links)
    )


@pytest.mark.parametrize("other", ["?ref=1", "print/"])
@pytest.mark.parametrize("has_validators", [True, False])
def test_order_of_the_addresses_of_a_page_does_not_matter(tmp_path: Path, other: str, has_validators: bool) -> None:
    with SimulatedPortal(3, has_sitemap=False, has_validators=has_validators) as portal:
        first, second = "/projects/project-001/", f"/projects/project-001/{other}"
        portal.pages[second] = lambda page: page.send(portal.projects[first])
        orders = ([second, first], [first, second], [second, first], [first])
        for order, expected in zip(orders, ("3 new, 0 changed, 0", *["0 new, 0 changed, 3"] * 3), strict=True):
            add_links(portal, *order)
            output = collect(portal, tmp_path, path="/projects/")
            assert counts(output) == f"{expected} unchanged, 0 gone, 0 failed; 7 other pages"
        pages = [url for url in records(tmp_path) if "/project-001/" in url]
        assert len(pages) == 1
        assert len(portal.requests(second)) == (0 if "?" in other else 4)


def test_page_known_by_an_address_with_a_query_is_not_new_without_it(tmp_path: Path) -> None:
    with SimulatedPortal(2, has_sitemap=False) as portal:
        content = project_page(3)
        portal.pages["/projects/x/?ref=1"] = portal.pages["/projects/x/"] = lambda page: page.send(content)
        for paths, expected in (
            (["/projects/x/?ref=1"], "3 new, 0 changed, 0 unchanged, 0 gone"),
            (["/projects/x/"], "0 new, 0 changed, 3 unchanged, 0 gone"),
            (["/projects/x/", "/projects/x/?ref=1"], "0 new, 0 changed, 3 unchanged, 0 gone"),
        ):
            add_links(portal, *paths)
            output = collect(portal, tmp_path, path="/projects/")
            assert counts(output) == f"{expected}, 0 failed; 7 other pages"
        del portal.pages["/projects/x/?ref=1"], portal.pages["/projects/x/"]
        assert "2 unchanged, 1 gone, 0 failed" in collect(portal, tmp_path, path="/projects/")


def test_page_that_is_gone_has_not_failed_at_its_other_addresses(tmp_path: Path) -> None:
    with SimulatedPortal(2, has_sitemap=False) as portal:
        first = "/projects/project-001/"
        portal.pages[f"{first}print/"] = lambda page: page.send(portal.projects[first])
        add_links(portal, f"{first}?ref=1", f"{first}print/", first)
        collect(portal, tmp_path, path="/projects/")
        del portal.projects[first], portal.pages[f"{first}print/"]
        for gone in (1, 0):
            output = collect(portal, tmp_path, path="/projects/")
            assert counts(output).startswith(f"0 new, 0 changed, 1 unchanged, {gone} gone, 0 failed")


def test_page_over_the_limit_is_requested_again_only_if_it_has_changed(tmp_path: Path) -> None:
    with SimulatedPortal(2) as portal:
        huge = "/projects/huge/"
        portal.projects[huge] = b""  # for the sitemap
        portal.pages[huge] = lambda page: page.send(b" " * 6_000_000)
        for requests in (1, 0):
            portal.log.clear()
            output = collect(portal, tmp_path, code=1)
            assert len(portal.requests(huge)) == requests
            assert f"failed: {portal.url}{huge} (has 6,000,000 bytes, over the limit" in output
        portal.changed_at[huge] = "2999-01-01"
        portal.pages[huge] = lambda page: page.send(project_page(9))
        assert "1 new" in collect(portal, tmp_path)


@pytest.mark.parametrize(
    ("robots", "rate", "seconds"),
    [("", "25", 0.04), ("User-agent: cybilgraph\nCrawl-delay: 0.05", "1000", 0.05)],
    ids=["--rate", "Crawl-delay"],
)
def test_requests_keep_their_distance(tmp_path: Path, robots: str, rate: str, seconds: float) -> None:
    with SimulatedPortal(10) as portal:
        portal.robots = (
            f"{robots or 'User-agent: *'}\nDisallow: /projects/private\nSitemap: {portal.url}/project-sitemap.xml.gz\n"
        )
        collect(portal, tmp_path, "--rate", rate)
        times = [one.time for one in portal.log]
        gaps = [second - first for first, second in pairwise(times)]
        assert len(gaps) > 9
        # A server may notice a request late, and the next one early.
        assert sum(gaps) > 0.9 * seconds * len(gaps)
        assert min(gaps) > 0.3 * seconds


def test_delay_of_robots_txt_and_longest_time_are_announced(tmp_path: Path) -> None:
    with SimulatedPortal(4) as portal:
        portal.robots += "Crawl-delay: 0.05\n"
        command = ("collect", portal.url, "--into", tmp_path, "--timeout", "2")
        for options, expected in (
            (("--rate", "1000"), (f"{portal.host}: robots.txt asks for 0.05 seconds between requests", "4 pages")),
            (("--rate", "10"), ()),
            (("--rate", "1000", "--quiet"), ()),
        ):
            lines = run(*command, *options).stderr.decode().splitlines()
            assert len(lines) == len(expected)
            assert all(part in line for part, line in zip(expected, lines, strict=True))


def test_delay_is_announced_before_the_first_wait(tmp_path: Path) -> None:
    with SimulatedPortal(2) as portal:
        portal.robots += "Crawl-delay: 86400\n"
        command = [sys.executable, "-m", "cybilgraph.cli", "collect", portal.url, "--into", tmp_path]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr
            line = process.stderr.readline()
            process.kill()
        assert (
            line
            == f"{portal.host}: robots.txt asks for 86,400 seconds between requests, which is slower than --rate.\n"
        )
        assert [one.path for one in portal.log] == ["/robots.txt"]


def test_charset_of_the_response_header_is_observed(tmp_path: Path) -> None:
    with SimulatedPortal(2) as portal:
        greek = wordpress("Έργο", "<h1>Έργο για την Κύπρο</h1><p>Status: Finished</p>", "single-project", "utf-8")
        greek = greek.decode().replace('<meta charset="utf-8">', "").encode("iso-8859-7")
        portal.pages["/projects/project-001/"] = lambda page: page.send(
            greek, media_type="text/html; charset=ISO-8859-7"
        )
        portal.projects["/projects/project-002/"] = project_page(2, "Sécurité à l’école", "windows-1252")
        collect(portal, tmp_path)
    text = run("convert", tmp_path, "-f", "ntriples").stdout.decode()
    assert '"Έργο για την Κύπρο"' in text
    assert "Sécurité à l’école" in text


def test_ten_killed_runs_are_resumed_without_downloading_again(tmp_path: Path) -> None:
    with SimulatedPortal(60) as portal:
        command = [sys.executable, "-m", "cybilgraph.cli", "collect", portal.url, "--into", tmp_path, "--rate", "40"]
        for number in range(1, 11):
            before = len(portal.requests())
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
            while len(portal.requests()) < before + 4:
                assert process.poll() is None
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert len(list(tmp_path.glob(".*.warc.gz"))) == 1, number
        output = collect(portal, tmp_path)
        assert counts(output).startswith("60 new, 0 changed, 0 unchanged, 0 gone, 0 failed")
        assert "continued after an interruption" in output
        assert stored_projects(portal, tmp_path) == dict.fromkeys(portal.projects, 1)
        # A page is requested again only if the process was killed before it was stored.
        assert len(portal.requests()) <= 60 + 10
        assert all(times <= 2 for times in Counter(one.path for one in portal.log).values())


def test_torn_record_is_downloaded_again(tmp_path: Path) -> None:
    with SimulatedPortal(3) as portal:
        collect(portal, tmp_path)
        [path] = tmp_path.glob("*.warc.gz")
        torn = path.with_name(f".{path.name}")
        torn.write_bytes(path.read_bytes()[:-20])
        path.unlink()
        portal.log.clear()
        assert "continued after an interruption" in collect(portal, tmp_path)
        assert [one.path for one in portal.log] == ["/projects/project-003/"]
        assert stored_projects(portal, tmp_path) == dict.fromkeys(portal.projects, 1)


def test_interrupted_run_of_another_day_becomes_an_archive(tmp_path: Path) -> None:
    with SimulatedPortal(3) as portal:
        collect(portal, tmp_path)
        [path] = tmp_path.glob("*.warc.gz")
        old = path.with_name(f".{path.name[: -len('20261129024832887599.warc.gz')]}20200101000000000000.warc.gz")
        path.rename(old)
        assert counts(collect(portal, tmp_path)).startswith("0 new, 0 changed, 3 unchanged")
        assert len(list(tmp_path.glob("*.warc.gz"))) == 2


def test_full_disk_is_reported_and_the_run_can_continue(tmp_path: Path) -> None:
    with SimulatedPortal(40) as portal:
        line = 'ulimit -f 8; exec "$@"'  # kilobytes
        command = (sys.executable, "-m", "cybilgraph.cli", "collect", portal.url, "--into", tmp_path, *FAST)
        done = subprocess.run(["bash", "-c", line, "bash", *command], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 2, done.stdout
        assert "Cannot write the output: File too large" in done.stderr
        stored = len(portal.requests())
        assert 3 < stored < 40
        portal.log.clear()
        assert counts(collect(portal, tmp_path)).startswith("40 new")
        assert len(portal.requests()) == 41 - stored


def test_site_that_cannot_be_collected_is_an_error(tmp_path: Path) -> None:
    with SimulatedPortal(2) as portal:
        portal.pages["/robots.txt"] = lambda page: page.send(b"busy", 503)
        done = run("collect", portal.url, "--into", tmp_path, *FAST, "--attempts", "1")
        assert done.returncode == 2
        assert f"{portal.url}/robots.txt is not available: status 503" in done.stderr.decode()
        assert not portal.requests()
        portal.pages["/robots.txt"] = lambda page: page.send(b"User-agent: *\nDisallow: /")
        done = run("collect", f"{portal.url}/projects/", "--into", tmp_path, *FAST)
        assert done.returncode == 2
        assert f"robots.txt of {portal.host} disallows {portal.url}/projects/" in done.stderr.decode()
        portal.pages["/robots.txt"] = redirect("https://elsewhere.invalid/robots.txt")
        done = run("collect", portal.url, "--into", tmp_path, *FAST)
        assert done.returncode == 2
        assert b"robots.txt redirects to another host: https://elsewhere.invalid/robots.txt" in done.stderr
        del portal.pages["/robots.txt"]
        done = run("collect", portal.url, "--into", tmp_path, *FAST, "--match", "*/nothing/*")
        assert done.returncode == 2
        assert b"no page with a path like */nothing/* was found" in done.stderr
        portal.pages["/robots.txt"] = lambda page: page.send(b"User-agent: *\nCrawl-delay: 1e300")
        done = run("collect", portal.url, "--into", tmp_path, *FAST)
        assert done.returncode == 2
        assert b"robots.txt asks for 1e+300 seconds between requests" in done.stderr
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        done = run("collect", address, "--into", tmp_path, *FAST, "--attempts", "1")
    assert done.returncode == 2
    assert b"/robots.txt is not available: no connection (Connection refused)" in done.stderr
    done = run("collect", address, "--into", "/proc/pages")
    assert done.returncode == 2
    assert b"/proc/pages: cannot be written: No such file or directory" in done.stderr
    done = run("collect", "example.org/projects", "--into", tmp_path)
    assert done.returncode == 2
    assert b"is not an absolute URL" in done.stderr


def test_pages_that_are_no_projects_are_pointed_out(tmp_path: Path) -> None:
    with SimulatedPortal(1) as portal:
        output = collect(portal, tmp_path, "--match", "/news/*", "--match", "/actors/*")
    assert counts(output) == "0 new, 0 changed, 0 unchanged, 0 gone, 0 failed; 2 other pages"
    assert "none of these pages was recognised as a project page" in output


def test_second_process_is_refused(tmp_path: Path) -> None:
    with SimulatedPortal(1) as portal, FileLock(tmp_path / f".{portal.host.replace(':', '_')}.lock"):
        done = run("collect", portal.url, "--into", tmp_path, *FAST)
        assert done.returncode == 2
        assert f"Another process is collecting {portal.host}".encode() in done.stderr
        assert not portal.log


def test_other_sites_are_collected_although_one_is_down(tmp_path: Path) -> None:
    with SimulatedPortal(1) as down, SimulatedPortal(1) as portal:
        down.pages["/robots.txt"] = lambda page: page.send(b"busy", 503)
        done = run("collect", down.url, portal.url, "--into", tmp_path, *FAST, "--attempts", "1", "--quiet")
        assert done.returncode == 2
        assert done.stdout == b""
        assert stored_projects(portal, tmp_path).total() == 1


def test_damaged_archive_is_named(tmp_path: Path) -> None:
    with SimulatedPortal(1) as portal:
        name = f"{portal.host.replace(':', '_')}-20200101000000000000.warc.gz"
        (tmp_path / name).write_bytes(b"no archive")
        done = run("collect", portal.url, "--into", tmp_path, *FAST)
        assert done.returncode == 2
        assert f"{name} is damaged".encode() in done.stderr
