"""The head of an HTML page gives its address, date and language."""

from __future__ import annotations

from cybilgraph.model.record import Place, Record
from tests.support.html_pages import FORMATS, text_record


def sample(stem: str) -> Record:
    [path] = FORMATS.glob(f"{stem}.*htm*")
    return text_record(path)


def test_reads_metadata_of_page() -> None:
    record = sample("belize-G0020")
    assert record.address
    assert record.address.text.endswith("/projects/support-to-belize-national-cyber-security-strategy/")
    assert record.updated
    assert (record.updated.text, record.language.text) == ("2024-05-31", "en")
    assert record.links[0].url == "https://cybilportal.org/podcast?a=1&b=2"
    by_data = sample("caribbean-electronic-evidence-training-and-embedding")
    assert by_data.address
    assert by_data.updated
    assert (by_data.updated.text, by_data.address.place) == ("2023-02-01", Place(5))
