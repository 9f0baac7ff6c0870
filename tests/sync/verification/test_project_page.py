"""A project page that differs from the endpoint is found."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cybilgraph.sync.fetch import Site
from cybilgraph.sync.verification.site_checks import SiteChecks
from cybilgraph.sync.verification.site_client import SiteCheckFailed
from tests.support.publisher import FaultyProxy

pytestmark = pytest.mark.slow

_FUNDER = b'<div><dt>Funder</dt><dd><span class="one"><bdi>%s</bdi></span></dd></div>'

#: Problems reported for a project page, and the changes to the page that cause them.
_PAGES: dict[str, Callable[[bytes], bytes]] = {
    "the title is 'Support of Belize": lambda page: page.replace(b"<h1><bdi>Support to", b"<h1><bdi>Support of"),
    "the status is 'Ongoing', but 'Finished' in the endpoint": lambda page: page.replace(b">Finished<", b">Ongoing<"),
    "the period is 'May 2018 – Mar 2020', but 'Apr 2018 – Mar 2020' in the endpoint": lambda page: page.replace(
        b"<dd>Apr 2018", b"<dd>May 2018"
    ),
    "the period is 'missing', but": lambda page: page.replace(b"<dt>Dates</dt>", b"<dt>Place</dt>"),
    "foundingDate in its JSON-LD is '2018-05'": lambda page: page.replace(b'"2018-04"', b'"2018-05"'),
    "links: 1 missing (https://w3id.org/cybilgraph/id/country/BZ as Country)": lambda page: page.replace(
        b'<a href="/id/country/BZ">', b"<a>"
    ),
    "links: 1 not in the endpoint (https://w3id.org/cybilgraph/id/actor/dfat as Funder)": lambda page: page.replace(
        b"<div><dt>Beneficiary", _FUNDER % b'<a href="/id/actor/dfat">DFAT</a>' + b"<div><dt>Beneficiary"
    ),
    "links: 1 not in the endpoint (The Lottery as Funder)": lambda page: page.replace(
        b"<div><dt>Beneficiary", _FUNDER % b"The Lottery" + b"<div><dt>Beneficiary"
    ),
    "links: 2 missing (https://w3id.org/cybilgraph/id/actor/gpd as Implementer)": (
        lambda page: page.replace(b"<dt>Implementer<", b"<dt>Funder<")
    ),
    "the name of https://w3id.org/cybilgraph/id/actor/gpd is 'Global Digital Partners', but": lambda page: page.replace(
        b'"/id/actor/gpd">Global Partners Digital', b'"/id/actor/gpd">Global Digital Partners', 1
    ),
    "other projects: 1 not in the endpoint (https://w3id.org/cybilgraph/id/project/GI-07)": lambda page: page.replace(
        b"<div><dt>Beneficiary",
        b'<div><dt>Part of</dt><dd><a href="/id/project/GI-07">GLACY+</a></dd></div><div><dt>Beneficiary',
    ),
    "evidence in the text: 1 missing (https://w3id.org/cybilgraph/id/actor/gpd: GPD": (
        lambda page: page.replace(b'data-label="Quote"><q><bdi>GPD supported', b'data-label="Quote"><q><bdi>GPD led')
    ),
    "the summary: 1 missing (Belize developed its first": lambda page: page.replace(
        b"<p><bdi>Belize developed its first", b"<p><bdi>Belize developed its second"
    ),
    "the context: 1 missing": lambda page: page.replace(b"<h2>Context</h2>", b"<h2>Why</h2>"),
    "the outcomes: 1 not in the endpoint (Nothing has changed.)": lambda page: re.sub(
        rb"(<h2>Outcomes</h2>\s*<ul>)", rb"\1<li><bdi>Nothing has changed.</bdi></li>", page
    ),
    "contacts: 1 not in the endpoint (Jane Doe)": lambda page: page.replace(
        b"<h2>Contact</h2><ul>", b"<h2>Contact</h2><ul><li><bdi>Jane Doe</bdi></li>"
    ),
    "addresses of contacts: 1 missing (mailto:daniela": lambda page: page.replace(b"mailto:daniela@", b"mailto:jane@"),
    "links to other sites: 1 not in the endpoint (Prize <https://evil.example/>)": lambda page: page.replace(
        b"<h2>Links</h2><ul>", b'<h2>Links</h2><ul><li><bdi><a href="https://evil.example/">Prize</a></bdi></li>'
    ),
    "description in its JSON-LD is 'Belize bought its first": lambda page: page.replace(
        b'"description": "Belize developed', b'"description": "Belize bought'
    ),
    "knowsAbout in its JSON-LD: 1 missing": lambda page: page.replace(b'"knowsAbout": [', b'"keywords": ['),
    "member in its JSON-LD: 1 not in the endpoint": lambda page: page.replace(
        b'"member": [', b'"member": [{"@id": "https://w3id.org/cybilgraph/id/actor/dfat"}, '
    ),
}


@pytest.mark.parametrize("problem", _PAGES)
def test_wrong_project_page_is_found(way: FaultyProxy, tmp_path: Path, problem: str) -> None:
    way.harmed["/id/project/G0020"] = _PAGES[problem]
    with Site(way.url, attempts=2, pause=0.001) as site:
        printed = dict(SiteChecks(site, tmp_path, quick=True).checks())["page values"]
        with pytest.raises(SiteCheckFailed, match=f"^/id/project/G0020: {re.escape(problem)}"):
            printed()
