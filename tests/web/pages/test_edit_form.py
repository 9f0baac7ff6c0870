"""The form for suggesting an edit to a record that is not a project page: a labelled field for each value."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from lxml import html

from cybilgraph import pipeline
from cybilgraph.identity.decisions import Decision, Verdict
from cybilgraph.web.suggestions import SuggestionQueue
from tests.conftest import SAMPLES, SEED, running_server
from tests.support.check_requests import submit
from tests.support.http_client import BROWSER, Response, http

pytestmark = pytest.mark.slow

TABLE = """code,title,status,start,funders,countries,summary,outcomes
G0101,A project,Ongoing,2020,CTO; Council of Europe,Belize,It helps.,
G0102,Another one,,,,,,
"""


class Forms(NamedTuple):
    """A site that accepts suggestions, its records and its queue."""

    url: str
    records: Path
    queue: SuggestionQueue

    def open(self, key: str, source: str = "") -> html.FormElement:
        reply = http(f"{self.url}/suggest/{key}{source}", Accept=BROWSER)
        assert reply.status == 200, reply.body
        return form_of(reply)

    def send(self, key: str, form: html.FormElement, button: str = "send", **changes: str) -> Response:
        changed = {f"cell-{name}": text for name, text in changes.items()}
        return submit(self.url, f"/suggest/{key}", **dict(form.form_values()) | changed | {button: "yes"})


def form_of(reply: Response) -> html.FormElement:
    return next(form for form in html.fromstring(reply.body).forms if form.get("method") == "post")


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forms]:
    folder = tmp_path_factory.mktemp("forms")
    records = folder / "records"
    records.mkdir()
    (records / "all.csv").write_text(TABLE, encoding="utf-8")
    (records / "one.xml").write_bytes((SAMPLES / "one-project" / "project.xml").read_bytes())
    (records / SEED.name).write_bytes(SEED.read_bytes())
    pipeline.build([records], folder / "releases", dumps=False)
    with running_server(folder / "releases", "--suggestions", folder / "queue") as url:
        yield Forms(url, records, SuggestionQueue(folder / "queue"))


@pytest.fixture(params=["G0101", "iati"])
def key(request: pytest.FixtureRequest, forms: Forms) -> str:
    """The key of a project from a table, and of one from an IATI file."""
    if request.param != "iati":
        return str(request.param)
    [record] = pipeline.check_input(pipeline.Input("one.xml", path=forms.records / "one.xml")).records
    return record.key


def accepted(forms: Forms, tmp_path: Path) -> list[tuple[str, str, Verdict, str]]:
    """Accept the last suggestion, and return its decisions."""
    made: list[Decision] = forms.queue.accept(forms.queue.ids()[-1], forms.records, tmp_path / "decisions", "Ana")
    return [(one.field, one.value, one.verdict, one.new_value) for one in made]


def test_each_field_has_a_label_and_a_description(forms: Forms, key: str) -> None:
    form = forms.open(key)
    shown = [one for one in form.inputs if (one.name or "").startswith("cell-")]
    assert {one.name for one in shown} > {"cell-title", "cell-status", "cell-end", "cell-funders", "cell-summary"}
    for one in shown:
        assert form.xpath("//label[@for=$id]", id=one.get("id"))
        for about in one.get("aria-describedby").split():
            assert form.get_element_by_id(about).text_content().strip()


def test_unchanged_form_is_refused_and_a_change_decides_only_its_field(forms: Forms, key: str, tmp_path: Path) -> None:
    form = forms.open(key)
    assert b"The record is unchanged" in forms.send(key, form).body
    before = form.fields["cell-end"]
    assert forms.send(key, form, end="2031-05").status == 202
    assert accepted(forms, tmp_path) == [("end", before, Verdict.INSTEAD, "2031-05")]


def test_each_kind_of_field_is_edited(forms: Forms, tmp_path: Path) -> None:
    form = forms.open("G0101")
    assert form.fields["cell-funders"].strip() == "Council of Europe\nCTO"
    changes = {"status": "Finished", "start": "", "funders": "Council of Europe\r\nITU", "summary": "One.\r\nTwo."}
    assert forms.send("G0101", form, outcomes="• Courses; books", **changes).status == 202
    assert accepted(forms, tmp_path) == [
        ("status", "Ongoing", Verdict.INSTEAD, "Finished"),
        ("start", "2020", Verdict.NO, ""),
        ("funder", "cto", Verdict.NO, ""),
        ("funder", "itu", Verdict.YES, ""),
        ("summary", "", Verdict.INSTEAD, "One.\nTwo."),
        ("outcomes", "", Verdict.INSTEAD, "• Courses; books"),
    ]


def test_errors_are_at_their_fields_and_nothing_typed_is_lost(forms: Forms) -> None:
    before = forms.queue.ids()
    reply = forms.send("G0101", forms.open("G0101"), "check", end="31/02/2020", countries="Tongo", summary="<b>It</b>")
    form = form_of(reply)
    for name, typed, words in (
        ("end", "31/02/2020", "cannot read this date"),
        ("countries", "Tongo", "Write the right one"),
    ):
        given = form.get_element_by_id(name)
        assert form.fields[f"cell-{name}"].strip() == typed
        assert given.get("aria-invalid") == "true"
        assert f"found-{name}" in given.get("aria-describedby")
        assert words in form.get_element_by_id(f"found-{name}").text_content()
    assert form.fields["cell-summary"].strip() == "<b>It</b>"
    assert forms.queue.ids() == before


def test_refused_edit_keeps_what_was_typed(forms: Forms) -> None:
    reply = forms.send("G0101", forms.open("G0101"), code="G0999", end="2031")
    assert reply.status == 422
    assert b"no longer describes the same project" in reply.body
    assert form_of(reply).fields["cell-end"] == "2031"


def test_raw_source_is_one_click_away(forms: Forms, key: str, tmp_path: Path) -> None:
    form = forms.open(key)
    [source] = form.xpath("//a[.='Edit the raw source instead']/@href")
    assert source == f"/suggest/{key}?source=yes"
    raw = forms.open(key, "?source=yes")
    text = raw.fields["text"]
    assert ("<iati-activity" in text) is (key != "G0101")
    assert raw.action.endswith("?source=yes")
    assert raw.xpath("//a[.='edit its fields instead']/@href") == [f"/suggest/{key}"]
    if key == "G0101":
        fields = dict(raw.form_values()) | {"text": text.replace("It helps.", "It helped."), "send": "yes"}
        assert submit(forms.url, source, **fields).status == 202
        assert accepted(forms, tmp_path) == [("summary", "", Verdict.INSTEAD, "It helped.")]


def test_page_is_edited_as_text(forms: Forms) -> None:
    assert "Status: Finished" in forms.open("G0020").fields["text"]
