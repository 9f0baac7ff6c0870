"""Every rule has an IRI, a message, and graphs that conform to it and break it; two independent engines agree."""

from __future__ import annotations

import re
from functools import cache

import pyoxigraph as ox
import pytest
from rdflib import RDF, SH, Graph, URIRef

from cybilgraph.errors import ShapesError
from cybilgraph.model.findings import Severity
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.resources import REFERENCE, shape_files
from cybilgraph.model.rules import catalogue
from cybilgraph.model.vocabulary import BASE, CYB, PREFIXES, RULES, shorten
from cybilgraph.rdf.description import describe_reference
from cybilgraph.validation import BOTH_ENGINES, ENGINES, validate
from tests.conftest import SAMPLES

FOLDER = SAMPLES / "rules"
SHAPES = Graph()


for _path in shape_files():
    SHAPES.parse(_path)


TARGETS = (SH.targetClass, SH.targetSubjectsOf, SH.targetObjectsOf)


def rules() -> list[str]:
    """The shapes that reports can name: those with a target, and their property shapes."""
    found = set()
    for shape in {shape for target in TARGETS for shape in SHAPES.subjects(target)}:
        own = set(SHAPES.predicates(shape)) - {RDF.type, *TARGETS, SH.property, SH.message}
        found |= {shape} if own else set()
        found |= set(SHAPES.objects(shape, SH.property))
    return sorted(str(shape).removeprefix(RULES) for shape in found)


@cache
def others() -> str:
    """Only the reference data that the graphs and updates here use, because pySHACL is slow."""
    named = "".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.iterdir()))
    lines = describe_reference(load_gazetteer())
    return "\n".join(line for line in lines if shorten(line[1 : line.index(">")]) in named)


def ntriples(store: ox.Store) -> str:
    lines = ox.serialize((quad.triple for quad in store), format=ox.RdfFormat.N_TRIPLES)
    return f"{lines.decode()}\n{others()}"


def test_tables_named_in_suggestions_exist() -> None:
    suggestions = dict(SHAPES.subject_objects(URIRef(CYB.suggestion)))
    tables = {name for text in suggestions.values() for name in re.findall(r"data/reference/([\w-]+\.csv)", text)}
    assert {"actors.csv", "groups.csv", "roles.csv", "themes.csv"} <= tables
    assert all((REFERENCE / name).is_file() for name in tables)


def good() -> ox.Store:
    store = ox.Store()
    store.load(path=FOLDER / "good.ttl", format=ox.RdfFormat.TURTLE)
    return store


@pytest.mark.parametrize("engine", ENGINES)
def test_good_graph_conforms(engine: str) -> None:
    assert validate(ntriples(good()), engine=engine) == []


def file_with(rule: str) -> str:
    """Return the shapes of the file that has a rule, because pySHACL takes a second for those of all files."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in shape_files()}
    [name] = [name for name, text in texts.items() if f"\nrule:{rule} a " in text]
    shared = texts["consistency"] if name == "text-quality" else ""  # rule:is-finished
    return shared + texts[name]


@pytest.mark.slow
@pytest.mark.parametrize("rule", rules())
def test_bad_graph_breaks_its_rule(rule: str) -> None:
    store = good()
    store.update((FOLDER / f"{rule}.ru").read_text(encoding="utf-8"), prefixes=PREFIXES)
    results = validate(ntriples(store), file_with(rule), BOTH_ENGINES)
    hits = [result for result in results if result.rule == f"{RULES}{rule}"]
    assert hits, results
    assert all(result.messages for result in hits)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("basis", "is_reported"), [("derived", True), ("possible", True), ("stated", False), ("confirmed", False)]
)
def test_claim_found_in_prose_needs_a_quote(basis: str, is_reported: bool) -> None:
    store = ox.Store()
    claim = f"<{BASE}id/project/P/participation/gpd/implementer>"
    store.update(f"INSERT DATA {{ {claim} a cyb:Participation ; cyb:basis basis:{basis} }}", prefixes=PREFIXES)
    results = validate(ntriples(store), file_with("derived-evidence"), BOTH_ENGINES)
    assert (f"{RULES}derived-evidence" in {result.rule for result in results}) == is_reported


@pytest.mark.slow
@pytest.mark.parametrize(("confidence", "is_reported"), [("", True), ("; cyb:confidence 0.9", False)])
def test_claim_found_in_prose_needs_a_confidence(confidence: str, is_reported: bool) -> None:
    store = ox.Store()
    claim = f"<{BASE}id/project/P/participation/gpd/implementer>"
    store.update(
        f"INSERT DATA {{ {claim} a cyb:Participation ; cyb:basis basis:derived ; cyb:evidence <{claim[1:-1]}/evidence/1>"
        f" {confidence} }}",
        prefixes=PREFIXES,
    )
    results = validate(ntriples(store), file_with("derived-evidence"), BOTH_ENGINES)
    assert (f"{RULES}derived-evidence" in {result.rule for result in results}) == is_reported


@pytest.mark.parametrize("rule", ["actor-of-two-names", "actor-of-two-qualifiers"])
def test_finding_about_an_actor_has_the_property_of_its_role(rule: str) -> None:
    store = good()
    update = (FOLDER / f"{rule}.ru").read_text(encoding="utf-8").replace("cyb:funder", "cyb:partner")
    store.update(update, prefixes=PREFIXES)
    results = validate(ntriples(store), file_with(rule))
    assert [result.first for result in results if result.rule == f"{RULES}{rule}"] == [CYB.partner]


_DRC = "Democratic Republic of the Congo"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "is_reported"),
    [
        ({"Ministry of Justice (Spain)", "Kosovo's Ministry of Justice"}, True),
        ({"Ministry of Justice", "Ministry of Justice of Spain", "Ministry of Justice (Kosovo)"}, True),
        ({"Ministry of Justice of Spain", "Kosovo Ministry of Justice"}, True),
        ({"Ministry of Justice, Spain", "Ministry of Justice of the Republic of the Congo"}, True),
        ({"National Guard (Congo, Spain)", "National Guard (Congo)"}, True),
        ({"Ministry of Justice, Spain", "Spain Ministry of Justice"}, False),
        ({"Institute of Law (ILA)", "Institute of Law (IOLA)"}, True),
        ({"Institute of Law (ILA)", "Institute of Law"}, False),
        ({"Ministry of Justice (Spain)", "Ministry of Justice (Kingdom of Spain)"}, False),
        ({"Ministry of Justice (Spain)", "Spain's Ministry of Justice (MoJ)"}, False),
        ({f"Ministry of Justice ({_DRC})", f"Ministry of Justice of the {_DRC}"}, False),
        ({"Ministry of Justice (Republic of the Congo)", f"Ministry of Justice of the {_DRC}"}, True),
    ],
)
def test_two_qualifiers_are_found_whichever_name_is_preferred(names: set[str], is_reported: bool) -> None:
    for preferred in names:
        others = "".join(f'actor:a skos:altLabel "{name}"@en . ' for name in names - {preferred})
        store = ox.Store()
        store.update(
            f"INSERT DATA {{ project:P a cyb:Project ; cyb:partner actor:a . {others} actor:a a cyb:Actor ; "
            f'skos:prefLabel "{preferred}"@en . country:XK cyb:alpha3 "XKX" ; skos:prefLabel "Kosovo"@en . '
            f'country:CD cyb:alpha3 "COD" ; skos:prefLabel "{_DRC}"@en . country:CG cyb:alpha3 "COG" ; '
            'skos:prefLabel "Republic of the Congo"@en ; skos:altLabel "Congo"@en . '
            'country:ES cyb:alpha3 "ESP" ; skos:prefLabel "Spain"@en ; skos:altLabel "Kingdom of Spain"@en }',
            prefixes=PREFIXES,
        )
        results = validate(ntriples(store), file_with("actor-of-two-qualifiers"), BOTH_ENGINES)
        assert len(results) == is_reported, preferred


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrong", "value"),
    [
        *(("cyb:actor", "actor:gfce"), ("cyb:concept", "country:WS"), ("cyb:project", "project:G0007")),
        *(("cyb:property", "cyb:duration"), ("cyb:role", "role:partner"), ("rdf:predicate", "cyb:aim")),
    ],
)
def test_claim_that_contradicts_itself_is_reported(wrong: str, value: str) -> None:
    store = good()
    store.update(
        f"DELETE {{ ?claim {wrong} ?value }} INSERT {{ ?claim {wrong} {value} }} "
        f"WHERE {{ SELECT * {{ ?claim a ?class ; {wrong} ?value }} ORDER BY ?claim LIMIT 1 }}",
        prefixes=PREFIXES,
    )
    results = validate(ntriples(store), file_with("claim-agrees"), BOTH_ENGINES)
    assert [result.rule for result in results].count(f"{RULES}claim-agrees") == 1


@pytest.mark.slow
@pytest.mark.parametrize("other", ["cyb:scope <http://x/s>", "a cyb:Project . <http://x/s> rdf:subject project:Q"])
def test_claim_of_two_projects_is_reported(other: str) -> None:
    store = ox.Store()
    store.update(
        "INSERT DATA { <http://x/s> a cyb:Scope . project:P a cyb:Project ; cyb:scope <http://x/s> . "
        f"project:Q {other} }}",
        prefixes=PREFIXES,
    )
    results = validate(ntriples(store), file_with("claim-agrees"), BOTH_ENGINES)
    assert [result.rule for result in results].count(f"{RULES}claim-agrees") == 1


@pytest.mark.parametrize(
    ("text", "is_reported"), [('"It trains."', True), ('"It trains."@en', False), ("<http://x>", True)]
)
def test_text_without_a_language_is_reported(text: str, is_reported: bool) -> None:
    store = ox.Store()
    store.update(f"INSERT DATA {{ project:P a cyb:Project ; dcterms:abstract {text} }}", prefixes=PREFIXES)
    results = validate(ntriples(store), file_with("summary-text"), BOTH_ENGINES)
    assert (f"{RULES}summary-text" in {result.rule for result in results}) is is_reported


@pytest.mark.parametrize(
    ("links", "count"),
    [
        *(("actor:a dcterms:isReplacedBy actor:a", 1), ("actor:a dcterms:isReplacedBy actor:b", 0)),
        ("actor:a dcterms:isReplacedBy actor:b . actor:b dcterms:isReplacedBy actor:c, actor:b", 1),
        (
            "project:A dcterms:isReplacedBy project:B . project:B dcterms:isReplacedBy project:C . "
            "project:C dcterms:isReplacedBy project:A",
            3,
        ),
    ],
)
def test_loop_of_replacements_is_reported_for_each_link(links: str, count: int) -> None:
    store = ox.Store()
    store.update(f"INSERT DATA {{ {links} }}", prefixes=PREFIXES)
    results = validate(ntriples(store), file_with("replaced-loop"), BOTH_ENGINES)
    assert [result.rule for result in results] == [f"{RULES}replaced-loop"] * count


def test_every_update_belongs_to_a_rule() -> None:
    assert {path.stem for path in FOLDER.glob("*.ru")} == set(rules())


def test_every_shape_has_an_iri_and_every_rule_a_message() -> None:
    for shape in {*SHAPES.subjects(RDF.type, SH.NodeShape), *SHAPES.subjects(RDF.type, SH.PropertyShape)}:
        assert isinstance(shape, URIRef)
        assert str(shape).startswith(RULES)
    assert set(rules()) == {rule.name for rule in catalogue().values() if rule.category != "reading"}


def test_severity_follows_the_category() -> None:
    severities = {"must-hold": Severity.VIOLATION, "recommended": Severity.WARNING, "text-quality": Severity.INFO}
    for rule in catalogue().values():
        expected = severities.get(rule.category, rule.severity)
        assert rule.severity is expected, (
            f"every rule in shapes/{rule.category}.ttl has severity {expected.value}, but {rule.name} has "
            f"{rule.severity.value}: change its sh:severity, or move it to another file"
        )


@pytest.mark.parametrize(
    ("start", "end", "duration", "fits"),
    [
        *(
            ("2020-01", "2021-07", "P18M", True),
            ("2021-03", "2024-11", "P3Y8M", True),
            ("2020-01", "2021-06", "P18M", True),
        ),
        *(("2020-01", "2021-06", "P30M", False), ("2018-01", "2021-01", "P1Y2M", False)),
    ],
)
def test_duration_is_compared_with_the_months_between(start: str, end: str, duration: str, fits: bool) -> None:
    xsd = "http://www.w3.org/2001/XMLSchema#"
    graph = "".join(
        f'<http://x/p> <{PREFIXES["cyb"]}{name}> "{value}"^^<{xsd}{kind}> .\n'
        for name, value, kind in (
            *(("start", start, "gYearMonth"), ("end", end, "gYearMonth"), ("duration", duration, "duration")),
        )
    )
    assert (f"{RULES}duration-fits" in {result.rule for result in validate(graph)}) is not fits


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statements", "rules"),
    [
        ('cyb:startEarliest "2018-01-01"^^xsd:date ; cyb:startLatest "2018-12-31"^^xsd:date', set()),
        ('cyb:startEarliest "2018-12-31"^^xsd:date ; cyb:startLatest "2018-01-01"^^xsd:date', {"bounds-fit"}),
        ('cyb:endEarliest "2018-12-31"^^xsd:date ; cyb:endLatest "2018-01-01"^^xsd:date', {"bounds-fit"}),
        (
            'cyb:end "2018-04"^^xsd:gYearMonth ; cyb:endEarliest "2018-04-01"^^xsd:date ; cyb:endLatest '
            '"2018-12-31"^^xsd:date',
            {"bounds-fit"},
        ),
        (
            'cyb:start "2018-04"^^xsd:gYearMonth ; cyb:startLatest "2018-04-30"^^xsd:date ; '
            'cyb:startEarliest "2018-04-01"^^xsd:date, "2018-04-02"^^xsd:date',
            {"bounds-fit"},
        ),
        *(
            (
                f'cyb:end "2020{month}"^^xsd:{kind} ; cyb:endEarliest "{f"2020{month}-01-01"[:10]}"^^xsd:date ; '
                f'cyb:endLatest "2020-{last}"^^xsd:date',
                rules,
            )
            for month, kind, last, rules in (
                ("-03", "gYearMonth", "03-30", {"bounds-fit"}),
                ("-03", "gYearMonth", "03-31", set()),
                ("-02", "gYearMonth", "02-28", {"bounds-fit"}),
                ("-02", "gYearMonth", "02-29", set()),
                ("-04", "gYearMonth", "04-30", set()),
                ("-12-02", "date", "12-02", set()),
                ("-03-04", "date", "03-04", set()),
                ("", "gYear", "12-30", {"bounds-fit"}),
                ("", "gYear", "12-31", set()),
            )
        ),
        ('cyb:startEarliest "2018-04-01"^^xsd:date ; cyb:endLatest "2018-03-31"^^xsd:date', {"end-after-start"}),
        ('cyb:startEarliest "2018-04-01"^^xsd:date ; cyb:endLatest "2018-04-01"^^xsd:date', set()),
    ],
)
def test_first_and_last_days_are_in_order_and_fit(statements: str, rules: set[str]) -> None:
    store = ox.Store()
    store.update(f"INSERT DATA {{ project:P a cyb:Project ; {statements} }}", prefixes=PREFIXES)
    results = validate(ntriples(store), file_with("bounds-fit"), BOTH_ENGINES)
    assert {result.rule.removeprefix(RULES) for result in results} == rules


@pytest.mark.parametrize(
    ("expression", "value"),
    [("10 - 2 - 3", 5), ("10 - 2 + 3", 11), ("10 - 2 * 3 - 1", 3), ("ABS(3 - 2 - 9) - 1 - 1", 6), ("?n - -2 - 3", 0)],
)
def test_arithmetic_is_left_associative(expression: str, value: int) -> None:
    query = f"SELECT $this WHERE {{ $this <http://x/n> ?n FILTER ({expression} = {value}) }}"
    shapes = (
        f'<http://x/s> a <{SH}NodeShape> ; <{SH}targetNode> <http://x/a> ; <{SH}sparql> [ <{SH}select> "{query}" ] .'
    )
    number = '<http://x/a> <http://x/n> "1"^^<http://www.w3.org/2001/XMLSchema#integer> .\n'
    assert len(validate(number, shapes, BOTH_ENGINES)) == 1


@pytest.mark.parametrize(
    "expression", ["?n / 4 / 2", "8 / ?n * 2", "STRLEN(?n) / ABS(?n) / 2", "(?n + 1) / (?n) / (?n)"]
)
def test_chained_division_is_refused(expression: str) -> None:
    query = f"SELECT $this WHERE {{ $this <http://x/n> ?n FILTER ({expression} > 1) }}"
    with pytest.raises(ShapesError, match="divides"):
        validate("", f'<http://x/s> a <{SH}NodeShape> ; <{SH}sparql> [ <{SH}select> "{query}" ] .')


@pytest.mark.parametrize("path", ["<p:a>/<p:b>/<p:c>", "<p:a>*/<p:b>+/^<p:c>", "(<p:a>|<p:b>)/(<p:b>|<p:c>)/<p:c>"])
def test_property_path_is_not_a_division(path: str) -> None:
    query = f"SELECT $this WHERE {{ $this {path} ?n FILTER (?n / 2 > 1) }}"
    assert validate("", f'<http://x/s> a <{SH}NodeShape> ; <{SH}sparql> [ <{SH}select> "{query}" ] .') == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("titles", "count"),
    [('"Training"@en, "Formación"@es', 0), ('"Training"@en, "Course"@en', 1), ('"Training"', 1)],
)
def test_project_has_one_tagged_title_in_each_language(titles: str, count: int) -> None:
    data = f'<http://x/p> a cyb:Project ; cyb:slug "p" ; dcterms:title {titles} .'
    store = ox.Store()
    store.update(f"INSERT DATA {{ {data} }}", prefixes=PREFIXES)
    results = validate(ntriples(store), engine=BOTH_ENGINES)
    assert sum(result.rule == f"{RULES}one-title" for result in results) == count
