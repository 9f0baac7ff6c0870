"""Compares what a site lists for people and programs (start page, sitemap, releases, files) with its content."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cybilgraph.model.formats import media_type_of
from cybilgraph.model.vocabulary import BASE
from cybilgraph.sparql import queries
from cybilgraph.sync.fetch import HttpResponse
from cybilgraph.sync.verification.file_contents import is_table, syntax_of
from cybilgraph.sync.verification.markup import Element, iterate_elements, parse_page
from cybilgraph.sync.verification.project_page import json_ld_of
from cybilgraph.sync.verification.site_client import (
    BROWSER,
    STALE_CACHE_HINT,
    SiteCheckFailed,
    SiteClient,
    first_differences,
    require_that,
)

_NUMBER = re.compile(r"[0-9][0-9,]*")
#: The words of the home page for columns of page-numbers, where they differ.
_LABELS = {"actors": "organisations"}
_FOOTER = re.compile(r"Release ([0-9]+) of ([0-9-]+) · ([0-9,]+) statements")
_LOCATION = "{http://www.sitemaps.org/schemas/sitemap/0.9}loc"
_PROJECTS = f"{BASE}id/project/".removeprefix(BASE)
#: Sample size of releases and of missing numbers, and how far back to look for missing numbers.
_SAMPLE_RELEASES, _MAX_MISSING_NUMBER = 20, 1_000
#: Maximum number of URLs in a sitemap (sitemaps.org).
_MAX_SITEMAP_ENTRIES = 50_000
#: Sample size of pages that are not project pages.
_SAMPLE_OTHER_PAGES = 50


def wrong_numbers(client: SiteClient, page: Element, quads: int, created: str) -> Iterator[str]:
    """Yield the numbers on the start page that differ from the endpoint's counts."""
    [counted] = client.rows(queries.load_query("page-numbers").text)
    expected = {_LABELS.get(name, name): f"{int(number):,}" for name, number in counted.items()}
    expected["statements"] = f"{quads:,}"
    shown = {}
    for row in (item for part in page.all("ul", "numbers") for item in part.all("li")):
        if found := _NUMBER.match(row.text):
            shown[row.text[found.end() :].split()[0]] = found[0]
    for name, number in expected.items():
        if shown.get(name) != number:
            yield f"{shown.get(name, 'no number of')} {name}, but the endpoint counts {number}"
    footer = _FOOTER.search(" ".join(part.text for part in page.all("footer")))
    ours = (str(client.release), created[:10], f"{quads:,}")
    if (printed := footer.groups() if footer else ()) != ours:
        yield f"{' / '.join(printed) or 'nothing'} in its footer, but this is release {' / '.join(ours)}"


def wrong_downloads(
    client: SiteClient, data: Any, sums: dict[str, str], fetch_headers: Mapping[str, HttpResponse]
) -> Iterator[str]:
    """Yield the differences between the files and their description for search engines (schema.org)."""
    missing = {name for name in sums if syntax_of(name) or is_table(name)}
    for file in data.get("distribution", ()):
        path = client.own_path(str(file.get("contentUrl", "")), "contentUrl")
        name = path.rpartition("/")[2]
        if path != _file(client, name) or name not in sums:
            yield f"contentUrl {path}, which is not a file of release {client.release}"
            continue
        missing.discard(name)
        for key, ours in (
            ("contentSize", f"{fetch_headers[name].headers.get('Content-Length')} B"),
            ("sha256", sums[name]),
            ("encodingFormat", media_type_of(name)),
        ):
            if (described := file.get(key)) != ours:
                yield f"{key} {described} of {name} instead of {ours}"
    if missing:
        yield f"no contentUrl for {len(missing)} files ({min(missing)})"


def check_start_page(
    client: SiteClient, quads: int, sums: dict[str, str], fetch_headers: Mapping[str, HttpResponse]
) -> str:
    """Check the numbers on the start page, and its description for search engines."""
    page = parse_page(client.ok("/", {"Accept": BROWSER}).body.decode())
    created = str(client.json(f"/release/{client.release}.json")["created"])
    data = json_ld_of(page)
    wrong = [f"/ shows {how}" for how in wrong_numbers(client, page, quads, created)]
    for key, ours in (("version", str(client.release)), ("dateModified", created)):
        if data.get(key) != ours:
            wrong.append(f"/ gives search engines {key} {data.get(key)} instead of {ours}")
    wrong += [f"/ gives search engines {how}" for how in wrong_downloads(client, data, sums, fetch_headers)]
    require_that(not wrong, f"{first_differences(wrong)}: {STALE_CACHE_HINT}")
    return f"its numbers match the endpoint, and its {len(data['distribution'])} download URLs match the files"


def fetch_headers(client: SiteClient, names: Iterable[str]) -> dict[str, HttpResponse]:
    """Return the response headers of each file of the release."""
    return {name: client.ok(_file(client, name), method="HEAD") for name in names}


def check_media_types(client: SiteClient, fetch_headers: Mapping[str, HttpResponse]) -> str:
    """Check that each file is sent unchanged, with its type and name."""
    wrong = []
    for name, head in fetch_headers.items():
        path, coding = _file(client, name), head.headers.get("Content-Encoding")
        if head.type != media_type_of(name):
            wrong.append(f"{path} is sent as {head.type} instead of {media_type_of(name)}")
        if coding:
            wrong.append(f"{path} is compressed again in transit ({coding}): its checksum and ranges are wrong")
        if f'filename="{name}"' not in (disposition := head.headers.get("Content-Disposition", "nothing")):
            wrong.append(f"{path} should be saved under its name, but has Content-Disposition {disposition}")
    require_that(not wrong, f"{first_differences(wrong)}: check how a proxy in front of the site changes headers")
    return f"{len(fetch_headers)} files are sent with their types and names"


def _file(client: SiteClient, name: str) -> str:
    return f"/release/{client.release}/{quote(name)}"


def check_sitemap(client: SiteClient, projects: Iterable[str], folder: Path) -> str:
    """Check that the sitemap lists each project once, and no missing pages."""
    ours = Counter(f"/{project.removeprefix(BASE)}" for project in projects)
    listed: Counter[str] = Counter()
    for part in list(_locations(client, "/sitemap.xml", folder))[: 1 + ours.total()]:
        listed.update(_locations(client, part, folder))
    listed_projects = Counter({path: count for path, count in listed.items() if path.startswith(f"/{_PROJECTS}")})
    missing, extra = sorted((ours - listed_projects).elements()), sorted((listed_projects - ours).elements())
    wrong = [f"it lacks {len(missing):,} projects ({missing[0]})"] if missing else []
    wrong += [f"it lists {len(extra):,} projects that do not exist or are listed twice ({extra[0]})"] if extra else []
    others = sorted(listed.keys() - listed_projects.keys())
    wrong += [
        f"it lists {path}, which returns status {status}"
        for path in others[:_SAMPLE_OTHER_PAGES]
        if (status := client.site.get(path, {"Accept": BROWSER}, "HEAD").status) != 200
    ]
    require_that(not wrong, f"/sitemap.xml: {first_differences(wrong)}: {STALE_CACHE_HINT}")
    return f"all {len(ours):,} projects and {len(others)} other pages are listed and exist"


def _locations(client: SiteClient, path: str, folder: Path) -> Iterator[str]:
    """Yield the paths in a sitemap. Raises SiteCheckFailed if there are more than search engines read."""
    file = client.file(path, folder / "sitemap")
    try:
        for number, element in enumerate(iterate_elements(file, _LOCATION)):
            require_that(
                number < _MAX_SITEMAP_ENTRIES,
                f"{path} has more than {_MAX_SITEMAP_ENTRIES:,} URLs, the maximum that search engines read",
            )
            yield client.own_path((element.text or "").strip(), path)
    except ValueError as error:
        raise SiteCheckFailed(f"{path} cannot be read: {error}") from error


def check_release_list(client: SiteClient) -> str:
    """Check that all releases are listed, newest first, as their manifests describe them."""
    rows: list[dict[str, Any]] = client.json("/releases.json")
    numbers = [int(row["release"]) for row in rows]
    require_that(client.release in numbers, "/releases.json does not list the current release")
    wrong = [] if numbers == sorted(set(numbers), reverse=True) else ["the order is not newest first"]
    current = [row["release"] for row in rows if row["current"]]
    if current != [client.release]:
        wrong.append(f"the current release is {current}, but release {client.release} is served")
    for row in random.sample(rows, min(_SAMPLE_RELEASES, len(rows))):
        path = f"/release/{row['release']}.json"
        manifest = client.json(path)
        ours = {"release": manifest["release"], "created": manifest["created"], **manifest["counts"]}
        wrong += [
            f"{key} of release {row['release']} is {row.get(key, 'missing')}, but {value} in {path}"
            for key, value in ours.items()
            if row.get(key) != value
        ]
    between = [
        number for number in range(max(1, max(numbers) - _MAX_MISSING_NUMBER), max(numbers)) if number not in numbers
    ]
    wrong += [
        f"release {number} exists but is not listed"
        for number in random.sample(between, min(_SAMPLE_RELEASES, len(between)))
        if client.site.get(f"/release/{number}.json").status == 200
    ]
    require_that(not wrong, f"/releases.json: {first_differences(wrong)}: {STALE_CACHE_HINT}")
    return f"{len(rows)} releases match their manifests"
