"""What a site lists for people and programs (start page, sitemap, releases, files), held against what it has."""

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
#: Of the releases, and of the last numbers that none of them has, so many are asked for, by chance.
_SAMPLE_RELEASES, _MAX_MISSING_NUMBER = 20, 1_000
#: A list for search engines has at most so many addresses (sitemaps.org).
_MAX_SITEMAP_ENTRIES = 50_000
#: Of other pages than those of projects, so many are asked for.
_SAMPLE_OTHER_PAGES = 50


def wrong_numbers(client: SiteClient, page: Element, quads: int, created: str) -> Iterator[str]:
    """What the start page prints in figures otherwise than the endpoint counts."""
    [counted] = client.rows(queries.load_query("page-numbers").text)
    said = {_LABELS.get(name, name): f"{int(number):,}" for name, number in counted.items()}
    said["statements"] = f"{quads:,}"
    shown = {}
    for row in (item for part in page.all("ul", "numbers") for item in part.all("li")):
        if found := _NUMBER.match(row.text):
            shown[row.text[found.end() :].split()[0]] = found[0]
    for name, number in said.items():
        if shown.get(name) != number:
            yield f"{shown.get(name, 'no number of')} {name}, and the endpoint counts {number}"
    footer = _FOOTER.search(" ".join(part.text for part in page.all("footer")))
    ours = (str(client.release), created[:10], f"{quads:,}")
    if (told := footer.groups() if footer else ()) != ours:
        yield f"{' / '.join(told) or 'nothing'} at its foot, and this is release {' / '.join(ours)}"


def wrong_downloads(
    client: SiteClient, data: Any, sums: dict[str, str], fetch_headers: Mapping[str, HttpResponse]
) -> Iterator[str]:
    """What the start page tells search engines of the files (schema.org) otherwise than they are."""
    missing = {name for name in sums if syntax_of(name) or is_table(name)}
    for file in data.get("distribution", ()):
        path = client.own_path(str(file.get("contentUrl", "")), "contentUrl")
        name = path.rpartition("/")[2]
        if path != _file(client, name) or name not in sums:
            yield f"contentUrl {path}, which is no file of release {client.release}"
            continue
        missing.discard(name)
        for what, ours in (
            ("contentSize", f"{fetch_headers[name].headers.get('Content-Length')} B"),
            ("sha256", sums[name]),
            ("encodingFormat", media_type_of(name)),
        ):
            if (told := file.get(what)) != ours:
                yield f"{what} of {name} as {told}, and it is {ours}"
    if missing:
        yield f"no contentUrl of {len(missing)} files ({min(missing)})"


def check_start_page(
    client: SiteClient, quads: int, sums: dict[str, str], fetch_headers: Mapping[str, HttpResponse]
) -> str:
    """The start page: its figures, and what it tells search engines."""
    page = parse_page(client.ok("/", {"Accept": BROWSER}).body.decode())
    created = str(client.json(f"/release/{client.release}.json")["created"])
    data = json_ld_of(page)
    wrong = [f"/ prints {how}" for how in wrong_numbers(client, page, quads, created)]
    for what, ours in (("version", str(client.release)), ("dateModified", created)):
        if data.get(what) != ours:
            wrong.append(f"/ tells search engines {what} {data.get(what)}, and it is {ours}")
    wrong += [f"/ tells search engines {how}" for how in wrong_downloads(client, data, sums, fetch_headers)]
    require_that(not wrong, f"{first_differences(wrong)}: {STALE_CACHE_HINT}")
    return f"its figures are those of the endpoint, and {len(data['distribution'])} addresses of files lead to them"


def fetch_headers(client: SiteClient, names: Iterable[str]) -> dict[str, HttpResponse]:
    """What is told of each file of the release before it is sent."""
    return {name: client.ok(_file(client, name), method="HEAD") for name in names}


def check_media_types(client: SiteClient, fetch_headers: Mapping[str, HttpResponse]) -> str:
    """Each file is sent with its type and its name, and as it is."""
    wrong = []
    for name, head in fetch_headers.items():
        path, coding = _file(client, name), head.headers.get("Content-Encoding")
        if head.type != media_type_of(name):
            wrong.append(f"{path} is sent as {head.type}, and is {media_type_of(name)}")
        if coding:
            wrong.append(f"{path} is packed once more on its way ({coding}): its checksum and parts do not hold")
        if f'filename="{name}"' not in (told := head.headers.get("Content-Disposition", "nothing")):
            wrong.append(f"{path} is to be saved under its name, and is told to be {told}")
    require_that(not wrong, f"{first_differences(wrong)}: see what a proxy in front of the site does to headers")
    return f"{len(fetch_headers)} files are sent as what they are, and under their names"


def _file(client: SiteClient, name: str) -> str:
    return f"/release/{client.release}/{quote(name)}"


def check_sitemap(client: SiteClient, projects: Iterable[str], folder: Path) -> str:
    """All projects are listed for search engines, each once, and nothing that is not there."""
    ours = Counter(f"/{project.removeprefix(BASE)}" for project in projects)
    told: Counter[str] = Counter()
    for part in list(_locations(client, "/sitemap.xml", folder))[: 1 + ours.total()]:
        told.update(_locations(client, part, folder))
    listed = Counter({path: count for path, count in told.items() if path.startswith(f"/{_PROJECTS}")})
    lacks, more = sorted((ours - listed).elements()), sorted((listed - ours).elements())
    wrong = [f"it lacks {len(lacks):,} projects ({lacks[0]})"] if lacks else []
    wrong += [f"it has {len(more):,} projects that are not there, or are there twice ({more[0]})"] if more else []
    others = sorted(told.keys() - listed.keys())
    wrong += [
        f"it names {path}, which is answered with {status}"
        for path in others[:_SAMPLE_OTHER_PAGES]
        if (status := client.site.get(path, {"Accept": BROWSER}, "HEAD").status) != 200
    ]
    require_that(not wrong, f"of /sitemap.xml: {first_differences(wrong)}: {STALE_CACHE_HINT}")
    return f"all {len(ours):,} projects, and {len(others)} other pages, each of which is there"


def _locations(client: SiteClient, path: str, folder: Path) -> Iterator[str]:
    """The addresses in a list. Raises Wrong where it has more than search engines read."""
    file = client.file(path, folder / "sitemap")
    try:
        for number, element in enumerate(iterate_elements(file, _LOCATION)):
            require_that(
                number < _MAX_SITEMAP_ENTRIES,
                f"{path} has more than {_MAX_SITEMAP_ENTRIES:,} addresses, and search engines read no more",
            )
            yield client.own_path((element.text or "").strip(), path)
    except ValueError as error:
        raise SiteCheckFailed(f"{path} cannot be read: {error}") from error


def check_release_list(client: SiteClient) -> str:
    """The releases are listed as they tell of themselves, the newest first, and none is left out."""
    rows: list[dict[str, Any]] = client.json("/releases.json")
    numbers = [int(row["release"]) for row in rows]
    require_that(client.release in numbers, "/releases.json does not name the current release")
    wrong = [] if numbers == sorted(set(numbers), reverse=True) else ["its order is not from the newest to the oldest"]
    current = [row["release"] for row in rows if row["current"]]
    if current != [client.release]:
        wrong.append(f"as the current one it tells {current}, and release {client.release} is served")
    for row in random.sample(rows, min(_SAMPLE_RELEASES, len(rows))):
        path = f"/release/{row['release']}.json"
        manifest = client.json(path)
        ours = {"release": manifest["release"], "created": manifest["created"], **manifest["counts"]}
        wrong += [
            f"{what} of release {row['release']} is {row.get(what, 'not there')}, and {path} says {value}"
            for what, value in ours.items()
            if row.get(what) != value
        ]
    between = [
        number for number in range(max(1, max(numbers) - _MAX_MISSING_NUMBER), max(numbers)) if number not in numbers
    ]
    wrong += [
        f"it does not name release {number}, which is there"
        for number in random.sample(between, min(_SAMPLE_RELEASES, len(between)))
        if client.site.get(f"/release/{number}.json").status == 200
    ]
    require_that(not wrong, f"of /releases.json: {first_differences(wrong)}: {STALE_CACHE_HINT}")
    return f"{len(rows)} releases, as they tell of themselves"
