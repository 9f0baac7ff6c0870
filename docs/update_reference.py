"""Write the generated parts of ``docs/reference`` (commands, settings, formats, fields, tables, endpoints, the
alignment of the ontology) and of ``shapes`` (lists of the properties of fields).

Run ``make docs`` after changing what they describe. In Markdown, a generated part is between the lines
``[//]: # (generated: NAME)`` and ``[//]: # (end)``, which are invisible; in Turtle, between the comments
``# (generated: NAME)`` and ``# (end)``. The text around it is written by hand. ``update_reference.py --check`` only
lists the files that are out of date, and exits with 1 if there are any.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click
import rdflib
from arro3.core import DataType
from rdflib import OWL, RDF, RDFS

from cybilgraph.cli import main as command_line
from cybilgraph.model import rules
from cybilgraph.model.fields import FIELDS, NARRATIVE_FIELDS, FieldKind
from cybilgraph.model.formats import FORMATS, Format
from cybilgraph.model.formats import FormatKind as Carries
from cybilgraph.model.money import currency_codes
from cybilgraph.model.resources import read_ontology, shape_files
from cybilgraph.model.site_profile import REQUIRED_KEYS, profile_keys
from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, PREFIXES
from cybilgraph.rdf.dumps.tables import COLUMNS, column_type
from cybilgraph.readers import READERS
from cybilgraph.readers.iati.elements import BECOMES
from cybilgraph.readers.input_formats import INPUT_FORMATS
from cybilgraph.validation.outputs import OUTPUTS
from cybilgraph.web.api.openapi import operations

#: The command whose options are settings.
_SERVER = "serve"
REFERENCE = Path(__file__).parent / "reference"
FILES = (*sorted(REFERENCE.glob("*.md")), *shape_files())
_PART = re.compile(r"(\[//\]: # \(generated: ([\w-]+)\)\n).*?(\n\[//\]: # \(end\)\n)", re.DOTALL)
_TURTLE_PART = re.compile(r"( *# \(generated: ([\w-]+)\)\n).*?( *# \(end\)\n)", re.DOTALL)
_TURTLE_INDENT = " " * 8

#: The meaning of table columns that are not fields of a record.
_COLUMNS = {
    "project": "IRI of the project.",
    "actor": "IRI of the organisation.",
    "actor_name": "Name of the organisation.",
    "role": "Role of the organisation in the project.",
    "concept": "IRI of the country, region, group, theme or audience.",
    "concept_name": "Name of the country, region, group, theme or audience.",
    "basis": "Evidence for the link: stated in the record; or found in its prose, and confirmed, derived or possible.",
    "confidence": "Estimated probability that a link found in prose is correct, from 0 to 1; empty for stated links.",
    "quote": "The sentence in which a link was found; empty for stated links.",
    "concept_code": "Code of the concept: ISO 3166-1 for countries, UN M49 for regions, our own for others.",
    "country_codes": "Codes of `countries` (ISO 3166-1), in no particular order.",
    "start_earliest": "First day on which the project may have started.",
    "start_latest": "Last day on which it may have started.",
    "end_earliest": "First day on which it may have ended.",
    "end_latest": "Last day on which it may have ended.",
    "start": "First day on which the project may have started.",
    "end": "Last day on which it may have ended.",
    "node": "IRI of the project, organisation, country, region or group.",
    "label": "Its title or name.",
    "type": "Type of the organisation, such as Government.",
    "country": "Code of the country, or of the organisation’s seat (ISO 3166-1).",
    "source": "IRI of the organisation; for places, of the project.",
    "target": "IRI of the project; for places, of the place.",
    "kind": "What kind of thing the row describes, such as country, outcome or project.",
    "number": "Position in the record, from 1.",
    "description": "The text.",
    "amount": "Exact decimal number. Add up only amounts of the same kind and currency whose periods do not overlap.",
    "currency": "Code of the currency (ISO 4217). Amounts are not converted.",
    "funding_kind": "Budget, commitment, planned disbursement or disbursement.",
    "period_start": "First day of the period that the sum covers; empty if unknown.",
    "period_end": "Last day of that period; empty if unknown.",
    "value_date": "Day whose exchange rate applies; empty if unknown.",
    "share": "Percentage of the project attributed to the place or theme; empty if not stated.",
    "transactions": "Number of IATI transactions that were added up to give the sum; empty for other sums.",
    "provider": "IRI of the organisation that pays; empty if unknown.",
    "provider_name": "Name of the organisation that pays.",
    "receiver": "IRI of the organisation that receives the sum; empty if unknown.",
    "receiver_name": "Name of the organisation that receives the sum.",
}
_REPORTS = {
    "text": "Terminals",
    "html": "Browsers: a single page that works offline",
    "json": "Scripts; `cybilgraph check --json-schema` prints the schema",
    "csv": "Spreadsheets: one finding per row",
    "xlsx": "Workbooks: a copy of the checked workbook, with coloured cells and comments",
    "sarif": "Code scanning (SARIF 2.1.0), with fixes",
    "junit": "Test reports in CI services (JUnit XML)",
    "github": "Pull-request annotations (GitHub)",
    "turtle": "RDF: a SHACL validation report",
}
_VALUE_TYPES = {
    FieldKind.VALUE: "text",
    FieldKind.DATE: "date",
    FieldKind.CHOICE: "list entry",
    FieldKind.PROSE: "paragraphs",
    FieldKind.ITEMS: "texts",
    FieldKind.ACTORS: "organisations",
    FieldKind.SCOPES: "list entries",
    FieldKind.CONTACTS: "contacts",
    FieldKind.IDENTIFIERS: "identifiers",
    FieldKind.LINKS: "links",
    FieldKind.PROJECTS: "projects",
    FieldKind.MONEY: "sums of money",
    FieldKind.RECORD: "text (about the record)",
}


def commands() -> Iterator[str]:
    """Yield each command with its usage, help and options."""
    for path, command in _commands(command_line, ()):
        name = " ".join(("cybilgraph", *path))
        context = click.Context(command, info_name=name)
        pieces = " ".join(command.collect_usage_pieces(context))
        yield from (f"## {name}", "", "```text", f"{name} {pieces}", "```", "")
        yield from _help(command.help or "")
        if path == (_SERVER,):
            yield from ("Options: [settings](settings.md).", "")
        elif rows := [row for parameter in command.params if (row := _option(parameter, context))]:
            yield from (*_table(("Option", "Default", "Meaning"), rows), "")


def settings() -> Iterator[str]:
    """Yield a table of the options that can be set by flag, environment or file."""
    command = command_line.commands[_SERVER]
    prefix = command.context_settings["auto_envvar_prefix"]
    rows = []
    for option in command.params:
        if isinstance(option, click.Option) and option.name and option.expose_value:
            flags = _codes((*option.opts, *option.secondary_opts))
            rows.append((flags, f"`{prefix}_{option.name.upper()}`", _default(option), _meaning(option)))
    return _table(("Flag", "Environment", "Default", "Meaning"), rows)


def site() -> Iterator[str]:
    """Yield a table of the keys of a site file, with an example of each value."""
    rows = []
    for key, row in profile_keys().items():
        form = row.metadata["form"]
        example = f'"{form.example}"' if form else "true"
        value = f"[{example}]" if isinstance(row.default, tuple) else example
        required = " Required." if key in REQUIRED_KEYS else ""
        rows.append((f"`{key}`", f"`{value}`", f"{row.metadata['what']}{required}"))
    return _table(("Key", "Example", "Meaning"), rows)


def inputs() -> Iterator[str]:
    """Yield a table of the input formats with their suffixes and media types."""
    suffixes: dict[str, list[str]] = {kind.suffix: [] for kind in INPUT_FORMATS}
    last = ""
    for suffix in READERS:  # alternative suffixes of a format follow its main one
        last = suffix if suffix in suffixes else last
        if suffix:
            suffixes[last].append(suffix)
    rows = (
        (f"`{kind.name}`", kind.title, _codes(suffixes[kind.suffix]), _codes(kind.media_types))
        for kind in INPUT_FORMATS
    )
    return _table(("Name", "Format", "Suffixes", "Media types"), rows)


def rdf_formats() -> Iterator[str]:
    """Yield a table of the RDF formats."""
    return _formats(fmt for fmt in FORMATS if fmt.kind is not Carries.RESULTS)


def result_formats() -> Iterator[str]:
    """Yield a table of the formats of SELECT and ASK results."""
    return _formats(fmt for fmt in FORMATS if fmt.kind is Carries.RESULTS)


def reports() -> Iterator[str]:
    """Yield a table of the formats of check reports."""
    return _table(("`-f`", "For"), ((f"`{name}`", _REPORTS[name]) for name in (*OUTPUTS, "xlsx")))


def fields() -> Iterator[str]:
    """Yield a table of the fields of a record."""
    rows = []
    for row in FIELDS:
        if row.column:
            repeatable = "yes" if row.is_multivalued else ""
            property_ = f"`{_curie(row.term)}`" if row.term else ""
            rows.append((f"`{row.column}`", _VALUE_TYPES[row.kind], repeatable, property_, row.about))
    return _table(("Field", "Values", "Repeatable", "Property", "Meaning"), rows)


def iati_elements() -> Iterator[str]:
    """Yield a table of what the elements of an IATI activity become."""
    yield "| Element | Imported as |"
    yield "| --- | --- |"
    for path, becomes in BECOMES.items():
        yield f"| `{path}` | {becomes} |"


def tables() -> Iterator[str]:
    """Yield the codebook: a table of the columns of each table of a release."""
    by_column = {row.column: row for row in FIELDS if row.column}
    for table, columns in COLUMNS.items():
        yield from (f"### {table}", "")
        rows = []
        for column in columns:
            row = by_column.get(column) if table == "projects" else None
            term, meaning = (f"`{_curie(row.term)}`", row.about) if row else ("", _COLUMNS[column])
            rows.append((f"`{column}`", _column_type(table, column), term, meaning))
        yield from _table(("Column", "Type", "Property", "Meaning"), rows)
        yield ""


def _column_type(table: str, column: str) -> str:
    kind = column_type(table, column)
    if DataType.is_list(kind):
        return "list"
    if DataType.is_date(kind):
        return "date"
    return "number" if DataType.is_numeric(kind) or DataType.is_decimal(kind) else "text"


def endpoints() -> Iterator[str]:
    """Yield a table of the API endpoints; one row stands for all named queries."""
    rows = [
        (f"`{row.method.upper()} {row.path}`", row.summary, _answers(row.answers))
        for row in operations()
        if not row.path.startswith("/api/queries/")
    ]
    named = "Run an example query with parameters; suffixes such as `.csv` select the format"
    rows.append(("`GET /api/queries/{name}`", named, "tables, HTML"))
    return _table(("Endpoint", "Purpose", "Formats"), rows)


def rule_groups() -> Iterator[str]:
    """Yield a table of the groups of rules and their severities."""
    groups: dict[str, set[str]] = {}
    for rule in rules.catalogue().values():
        groups.setdefault(rule.category, set()).add(rule.severity.value)
    about = {
        "publisher": "Names and checksums of source files, and line numbers: only the publisher can correct them",
        "must-hold": "Required: values and links that must be correct in every record",
        "controlled-lists": "Values that must come from a controlled vocabulary",
        "consistency": "Consistency within a record",
        "across": "Consistency between records",
        "recommended": "Information that a good record contains",
        "portal": "Records of the Cybil Portal; not applied on a site with a base of its own",
        "text-quality": "Quality of the text",
        "reading": "Problems that only a reader can detect, such as an unreadable date",
    }
    order = ("violation", "warning", "info")
    return _table(("Group", "Subject", "Severities"), (
        (f"`{name}`", about[name], ", ".join(one for one in order if one in found)) for name, found in groups.items()
    ))  # fmt: skip


def field_terms() -> Iterator[str]:
    """Yield the properties of all fields, for a shape."""
    return (_curie(row.term) for row in FIELDS if row.term)


def text_terms() -> Iterator[str]:
    """Yield the properties of the title and of all prose fields, for a shape."""
    return (_curie(term) for term in (DCTERMS.title, *(row.term for row in NARRATIVE_FIELDS)))


def paragraph_terms() -> Iterator[str]:
    """Yield the same properties, without those that link to nodes."""
    prose = (row.term for row in NARRATIVE_FIELDS if row.kind is FieldKind.PROSE)
    return (_curie(term) for term in (DCTERMS.title, *prose))


def link_terms() -> Iterator[str]:
    """Yield the properties that link a project to a resource with a claim, separated by commas, for a query."""
    kinds = (FieldKind.ACTORS, FieldKind.SCOPES, FieldKind.PROJECTS, FieldKind.MONEY)
    yield ", ".join(_curie(row.term) for row in FIELDS if row.kind in kinds)


def currencies() -> Iterator[str]:
    """Yield the codes of currencies, for a shape."""
    return (f'"{code}"' for code in currency_codes())


def alignments() -> Iterator[str]:
    """Yield the table of our terms with the terms of other vocabularies that generalise them."""
    graph = rdflib.Graph().parse(data=read_ontology(), format="turtle")
    rows = []
    for kind, generalises in ((OWL.Class, RDFS.subClassOf), (OWL.ObjectProperty, RDFS.subPropertyOf),
                              (OWL.DatatypeProperty, RDFS.subPropertyOf)):  # fmt: skip
        for term in sorted(map(str, graph.subjects(RDF.type, kind))):
            general = sorted(str(one) for one in graph.objects(rdflib.URIRef(term), generalises))
            if general := [_curie(one) for one in general if not one.startswith(CYB.iri)]:
                rows.append((f"`{_curie(term)}`", ", ".join(f"`{one}`" for one in general)))
    yield from _table(("Term", "Is a kind of"), rows)


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "commands": commands,
    "settings": settings,
    "site": site,
    "inputs": inputs,
    "rdf-formats": rdf_formats,
    "result-formats": result_formats,
    "reports": reports,
    "fields": fields,
    "iati-elements": iati_elements,
    "tables": tables,
    "endpoints": endpoints,
    "rule-groups": rule_groups,
    "alignments": alignments,
}
TURTLE_PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "field-terms": field_terms,
    "text-terms": text_terms,
    "paragraph-terms": paragraph_terms,
    "link-terms": link_terms,
    "currencies": currencies,
}


def updated(path: Path) -> str:
    """Return the text of a file with its generated parts updated. Raises KeyError for an unknown part."""
    text = path.read_text("utf-8")
    if path.suffix == ".ttl":
        return _TURTLE_PART.sub(lambda part: f"{part[1]}{_wrapped(TURTLE_PARTS[part[2]]())}\n{part[3]}", text)
    return _PART.sub(lambda part: f"{part[1]}\n{_joined(PARTS[part[2]]())}\n{part[3]}", text)


def _wrapped(terms: Iterable[str]) -> str:
    indent = {"initial_indent": _TURTLE_INDENT, "subsequent_indent": _TURTLE_INDENT}
    return textwrap.fill(" ".join(terms), 110, break_long_words=False, break_on_hyphens=False, **indent)


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(lines).strip()


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        for name, inner in sorted(command.commands.items()):
            yield from _commands(inner, (*path, name))
    else:
        yield path, command


def _help(text: str) -> Iterator[str]:
    """Yield the help of a command as paragraphs, with its examples as code."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        lines = paragraph.splitlines()
        if lines[0].strip() == "\b":
            yield from (f"{lines[1].strip()}", "", "```text", *(line.strip() for line in lines[2:]), "```", "")
        else:
            yield from (_escaped(" ".join(line.strip() for line in lines)), "")


def _option(parameter: click.Parameter, context: click.Context) -> tuple[str, str, str] | None:
    """Return a row about an option; None for an argument."""
    if not isinstance(parameter, click.Option):
        return None
    flags = ", ".join(f"`{flag}`" for flag in (*parameter.opts, *parameter.secondary_opts))
    if not parameter.is_flag and not isinstance(parameter.type, click.Choice):
        flags += f" `{parameter.make_metavar(context)}`"
    return flags, "required" if parameter.required else _default(parameter), _meaning(parameter)


def _meaning(option: click.Option) -> str:
    """Return the help of an option and its choices."""
    choices = (
        f" One of {', '.join(f'`{choice}`' for choice in option.type.choices)}."
        if isinstance(option.type, click.Choice)
        else ""
    )
    return _escaped(option.help or "") + choices


def _default(option: click.Option) -> str:
    if isinstance(option.show_default, str):
        return option.show_default
    match option.to_info_dict()["default"]:
        case bool(value):
            return ("on" if value else "off") if option.secondary_opts else ""
        case None | "" | () | []:
            return ""
        case int() | float() as value:
            return f"{value:,g}" if isinstance(value, float) else f"{value:,}" if value > 65_535 else f"{value}"
        case tuple() | list() as values:
            return ", ".join(f"`{value}`" for value in values)
        case value:
            return str(value)


def _escaped(text: str) -> str:
    """Escape everything that Markdown would interpret, except code."""
    return re.sub(r"(?<!`)([*_<\[])(?!`)", r"\\\1", text)


def _formats(chosen: Iterable[Format]) -> Iterator[str]:
    rows = ((f"`{fmt.name}`", fmt.title, f"`.{fmt.suffix}`", f"`{fmt.media_type}`") for fmt in chosen)
    return _table(("Name", "Format", "Suffix", "Media type"), rows)


def _answers(media_types: Iterable[str]) -> str:
    """Return the formats of a response; all RDF formats become “RDF”, all result formats “tables”."""
    left = list(dict.fromkeys(media_type.partition(";")[0] for media_type in media_types))
    words = []
    for word, kinds in (("tables", (Carries.RESULTS,)), ("RDF", (Carries.GRAPH, Carries.DATASET))):
        whole = {fmt.media_type for fmt in FORMATS if fmt.kind in kinds}
        if whole <= set(left):
            words.append(word)
            left = [media_type for media_type in left if media_type not in whole]
    return ", ".join([*words, *("HTML" if media_type == "text/html" else f"`{media_type}`" for media_type in left)])


def _codes(texts: Iterable[str]) -> str:
    return " ".join(f"`{text}`" for text in texts)


def _curie(iri: str) -> str:
    """Shorten the IRI of a property to a prefixed name."""
    for prefix, namespace in PREFIXES.items():
        if iri.startswith(namespace) and namespace != BASE:
            return f"{prefix}:{iri.removeprefix(namespace)}"
    return iri


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        cells = (cell.replace("|", r"\|") for cell in row)
        yield f"| {' | '.join(cells)} |"


def run() -> int:
    """Update the files that are out of date, or only list them with ``--check``; return the exit code."""
    only_check = "--check" in sys.argv[1:]
    stale = [path for path in FILES if updated(path) != path.read_text("utf-8")]
    for path in stale:
        if not only_check:
            path.write_text(updated(path), encoding="utf-8")
        sys.stdout.write(f"{path.name} {'is out of date: run make docs' if only_check else 'updated'}\n")
    return 1 if stale and only_check else 0


if __name__ == "__main__":
    sys.exit(run())
