"""SHACL engines that know nothing of us report with our shapes what ``check`` reports."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pyshacl
import pytest
import rdflib
import shacl
from rdflib import RDF, SH

from cybilgraph.model.resources import SAMPLE_TABLE
from cybilgraph.model.vocabulary import CYB, RULES, XSD
from cybilgraph.rdf.ntriples import term_text
from tests.conftest import PAGES, SAMPLES, run

DAY = ("--as-of", "2026-01-31")
TABLE = SAMPLES / "table.csv"
#: All pages but the older of the two captures of one project, which "convert" merges and "check" does not.
NEWEST_PAGES = tuple(page for page in PAGES if page.name != "belize-G0020-older.txt")
#: What "check" reports once for a table, which has no column for these fields, and a date that is not readable.
NO_COLUMN = {
    TABLE: {"finished-has-outcome", "has-implementer", "has-outcome", "has-rights"},
    SAMPLE_TABLE: {"finished-has-outcome", "has-capture-date", "has-outcome"},
}
UNREADABLE_DATE = ("https://w3id.org/cybilgraph/id/project/G0105", f"{RULES}has-start", "warning", "")

#: Focus node, source shape, severity and value.
Results = set[tuple[str, str, str, str]]


def with_pyshacl(data: Path, shapes: Path) -> Results:
    _, report, _ = pyshacl.validate(rdflib.Graph().parse(data), shacl_graph=rdflib.Graph().parse(shapes))
    terms = (SH.focusNode, SH.sourceShape, SH.resultSeverity, SH.value)
    top = report.objects(report.value(None, RDF.type, SH.ValidationReport), SH.result)
    found = ([str(report.value(result, term) or "") for term in terms] for result in top)
    return {(focus, shape, severity(level), value) for focus, shape, level, value in found}


def with_rust(data: Path, shapes: Path) -> Results:
    engine = shacl.Shapes.from_text(shapes.read_text(encoding="utf-8"), format="turtle")
    found = engine.validate_text(data.read_text(encoding="utf-8"), format="turtle").results
    return {
        (
            *(term_text(one.focus_node), term_text(one.source_shape)),
            *(severity(one.severity_iri), term_text(one.value or "")),
        )
        for one in found
    }


def severity(iri: str) -> str:
    return iri.removeprefix(str(SH)).lower()


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shapes") / "shapes.ttl"
    assert run("shapes", "--publisher", *DAY, "-o", path).returncode == 0
    return path


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[tuple[Path, ...]], tuple[Path, Results]]:
    """Return a function that returns sources as Turtle, and what ``check`` reports about them."""

    @cache
    def convert_and_check(sources: tuple[Path, ...]) -> tuple[Path, Results]:
        data = tmp_path_factory.mktemp("data") / "data.ttl"
        assert run("convert", *sources, "--reference", *DAY, "-o", data).returncode == 0
        found = json.loads(run("check", *sources, *DAY, "-f", "json").stdout)["findings"]
        return data, {(one["focus"], one["rule"], one["severity"], one["value"]) for one in found if one["result"]}

    return convert_and_check


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("sources", "engine"),
    [
        pytest.param(NEWEST_PAGES, with_pyshacl, id="pages-pyshacl"),
        pytest.param(NEWEST_PAGES, with_rust, id="pages-rust"),
        pytest.param((TABLE,), with_pyshacl, id="table-pyshacl"),
        pytest.param((TABLE,), with_rust, id="table-rust"),
        pytest.param((SAMPLE_TABLE,), with_rust, id="sample table-rust"),  # too long for pySHACL
    ],
)
def test_stock_engine_reports_what_check_reports(
    sources: tuple[Path, ...],
    engine: Callable[[Path, Path], Results],
    shapes: Path,
    checked: Callable[[tuple[Path, ...]], tuple[Path, Results]],
) -> None:
    data, expected = checked(sources)
    found = engine(data, shapes)
    assert expected <= found
    min_rules = 9 if sources == (SAMPLE_TABLE,) else 11  # its records break fewer rules
    assert len({rule for _, rule, _, _ in expected}) >= min_rules
    left_out = found - expected
    if sources == (TABLE,):
        left_out.remove(UNREADABLE_DATE)
    no_column = NO_COLUMN.get(sources[0], set())
    assert {rule for _, rule, _, _ in left_out} == {f"{RULES}{name}" for name in no_column}


@pytest.mark.slow
def test_shapes_leave_out_those_of_the_publisher_unless_asked() -> None:
    checksum = f"{RULES}source-checksum"
    public, all_of_them = (rdflib.Graph().parse(data=run("shapes", *more).stdout) for more in ((), ("--publisher",)))
    assert (rdflib.URIRef(checksum), None, None) not in public
    assert (rdflib.URIRef(checksum), SH.path, None) in all_of_them
    assert (rdflib.URIRef(f"{RULES}title"), SH.path, None) in public
    assert (None, rdflib.URIRef(CYB.asOf), None) in public
    assert XSD.date in {str(day.datatype) for day in public.objects(None, rdflib.URIRef(CYB.asOf))}
