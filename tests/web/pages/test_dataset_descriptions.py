"""Descriptions of the dataset have the fields that search engines and portals read."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars
import pytest

from tests.conftest import running_server
from tests.support.http_client import BROWSER, http

pytestmark = pytest.mark.slow

SITE = """
title = "Pacific Cyber Projects: who works where"
description = "Projects that build cyber capacity in the Pacific and its neighbours."
licence = "https://creativecommons.org/licenses/by/4.0/"
publisher = {name = "Pacific Cyber Hub", iri = "https://hub.example/about#hub"}
contact.email = "data@example.org"
doi = "10.5281/zenodo.1234567"
"""
#: Of https://developers.google.com/search/docs/appearance/structured-data/dataset. Left out are funder, citation,
#: hasPart, isPartOf, measurementTechnique and variableMeasured, of which we know nothing.
REQUIRED = {"name", "description"}
RECOMMENDED = {
    *("alternateName", "creator", "identifier", "isAccessibleForFree", "keywords", "license", "sameAs"),
    *("spatialCoverage", "temporalCoverage", "version", "url", "includedInDataCatalog", "distribution"),
}
#: Of https://resources.data.gov/resources/dcat-us, without bureauCode and programCode of federal agencies.
POD_REQUIRED = {
    "title", "description", "keyword", "modified", "publisher", "contactPoint", "identifier", "accessLevel",
}  # fmt: skip
#: Of Croissant, by type in Parquet.
DATATYPES = {
    polars.String: "Text",
    polars.List: "Text",
    polars.Int32: "Integer",
    polars.Float64: "Float",
    polars.Decimal: "Float",
    polars.Date: "Date",
}


@pytest.fixture(scope="module")
def site(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file = tmp_path_factory.mktemp("described") / "site.toml"
    file.write_text(SITE, encoding="utf-8")
    with running_server(releases, "--site", file) as url:
        yield url


def are_days(interval: str) -> bool:
    first, last = map(date.fromisoformat, interval.split("/"))
    return first <= last


@pytest.mark.parametrize("path", ["/", "/releases", "/release/1"])
def test_pages_have_the_fields_of_dataset_search(site: str, path: str) -> None:
    page = http(f"{site}{path}", Accept=BROWSER).body.decode()
    [text] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)
    found: dict[str, Any] = json.loads(text)
    assert not (REQUIRED | RECOMMENDED) - found.keys()
    assert all(found.values())
    assert 50 <= len(found["description"]) <= 5000
    assert {"Belize", "Samoa", "Ukraine"} <= set(found["spatialCoverage"])
    assert are_days(found["temporalCoverage"])
    assert found["creator"]["@type"] == "Organization"
    for file in found["distribution"]:
        assert http(file["contentUrl"], "HEAD").status == 200
        assert "/" in file["encodingFormat"]


def test_portals_of_the_united_states_find_their_fields(site: str, server: str) -> None:
    reply = http(f"{site}/data.json")
    assert (reply.status, reply.content_type) == (200, "application/json")
    catalogue = json.loads(reply.body)
    assert catalogue["conformsTo"] == "https://project-open-data.cio.gov/v1.1/schema"
    [found] = catalogue["dataset"]
    assert not POD_REQUIRED - found.keys()
    assert all(found.values())
    assert found["accessLevel"] == "public"
    assert found["contactPoint"]["hasEmail"] == "mailto:data@example.org"
    assert are_days(found["temporal"])
    assert len({file["downloadURL"] for file in found["distribution"]}) > 20
    for file in found["distribution"]:
        reply = http(file["downloadURL"], "HEAD")
        assert (reply.status, reply.content_type) == (200, file["mediaType"])
    [without] = json.loads(http(f"{server}/data.json").body)["dataset"]
    assert without.keys() >= POD_REQUIRED
    assert not without.keys() & {"license"}
    assert "hasEmail" not in without["contactPoint"]


def test_croissant_describes_every_column_of_the_tables(site: str) -> None:
    found = json.loads(http(f"{site}/croissant.json").body)
    assert found["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert {"name", "description", "license", "url", "datePublished", "creator"} <= found.keys()
    files = {file["@id"]: file for file in found["distribution"]}
    assert {file["encodingFormat"] for file in files.values()} == {"application/x-parquet"}, (
        "mlcroissant reads no other"
    )
    assert {table["@id"] for table in found["recordSet"]} == {name.removesuffix(".parquet") for name in files}
    for table in found["recordSet"]:
        [name] = {field["source"]["fileObject"]["@id"] for field in table["field"]}
        content = http(files[name]["contentUrl"]).body
        assert hashlib.sha256(content).hexdigest() == files[name]["sha256"]
        described = {
            field["source"]["extract"]["column"]: (field["dataType"], field.get("repeated", False))
            for field in table["field"]
        }
        assert described == {
            column: (f"sc:{DATATYPES[kind.base_type()]}", kind.base_type() == polars.List)
            for column, kind in polars.read_parquet(io.BytesIO(content)).schema.items()
        }
