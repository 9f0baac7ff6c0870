"""Write the generated parts of ``docs/reference`` (commands, settings, formats, fields, tables, addresses) and of
``shapes`` (lists of the properties of fields).

Run ``make docs`` after a change of what they describe. A generated part is between the lines
``[//]: # (generated: NAME)`` and ``[//]: # (end)``, which are invisible in Markdown, in Turtle between the comments
``# (generated: NAME)`` and ``# (end)``; the text around it is written by hand. ``update_reference.py --check``
writes nothing, names each file that is out of date, and exits with 1.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click

from cybilgraph.cli import main as command_line
from cybilgraph.model import rules
from cybilgraph.model.fields import FIELDS, NARRATIVE_FIELDS, FieldKind
from cybilgraph.model.formats import FORMATS, Format
from cybilgraph.model.formats import FormatKind as Carries
from cybilgraph.model.resources import shape_files
from cybilgraph.model.vocabulary import BASE, DCTERMS, PREFIXES
from cybilgraph.rdf.dumps.tables import COLUMNS
from cybilgraph.readers import READERS
from cybilgraph.readers.input_kinds import KINDS
from cybilgraph.validation.outputs import OUTPUTS
from cybilgraph.web.api.openapi import OPERATIONS

#: The command whose options are settings.
_SERVER = "serve"
REFERENCE = Path(__file__).parent / "reference"
FILES = (*sorted(REFERENCE.glob("*.md")), *shape_files())
_PART = re.compile(r"(\[//\]: # \(generated: ([\w-]+)\)\n).*?(\n\[//\]: # \(end\)\n)", re.DOTALL)
_TURTLE_PART = re.compile(r"( *# \(generated: ([\w-]+)\)\n).*?( *# \(end\)\n)", re.DOTALL)
_TURTLE_INDENT = " " * 8

#: What a column of the tables holds, where it is not a field of a record.
_COLUMNS = {
    "project": "IRI of the project.",
    "actor": "IRI of the organisation.",
    "actor_name": "Name of the organisation.",
    "role": "Role of the organisation in the project.",
    "basis": "How the link is known: stated in the record, or derived from its prose.",
    "confidence": "Estimated probability that a derived link is right, from 0 to 1; empty where it is stated.",
    "quote": "The sentence that a derived link was read from; empty where it is stated.",
    "kind": "outcome, output or activity.",
    "number": "Position in the record, from 1.",
    "description": "Text of the outcome, output or activity.",
}
_REPORTS = {
    "text": "People, in a terminal",
    "html": "People: one page that works offline",
    "json": "Programs; `cybilgraph check --json-schema` prints the schema",
    "csv": "Spreadsheets: one finding a row",
    "sarif": "Code scanning (SARIF 2.1.0), with fixes",
    "junit": "Test reports of CI services (JUnit XML)",
    "github": "Annotations of a pull request",
    "turtle": "RDF: a SHACL validation report",
}
_HOLDS = {
    FieldKind.VALUE: "text",
    FieldKind.DATE: "date",
    FieldKind.CHOICE: "one of a list",
    FieldKind.PROSE: "paragraphs",
    FieldKind.ITEMS: "list of texts",
    FieldKind.ACTORS: "organisations",
    FieldKind.SCOPES: "names from a list",
    FieldKind.CONTACTS: "contacts",
    FieldKind.LINKS: "links",
    FieldKind.PROJECTS: "projects",
    FieldKind.RECORD: "text, about the record",
}


def commands() -> Iterator[str]:
    """Every command with its usage, its help and its options."""
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
    """Every option that can be set by flag, environment or file."""
    command = command_line.commands[_SERVER]
    prefix = command.context_settings["auto_envvar_prefix"]
    rows = []
    for option in command.params:
        if isinstance(option, click.Option) and option.name and option.expose_value:
            flags = _codes((*option.opts, *option.secondary_opts))
            rows.append((flags, f"`{prefix}_{option.name.upper()}`", _default(option), _meaning(option)))
    return _table(("Flag", "Environment", "Default", "Meaning"), rows)


def inputs() -> Iterator[str]:
    """The kinds of files that can be read, with their suffixes and media types."""
    suffixes: dict[str, list[str]] = {kind.suffix: [] for kind in KINDS}
    last = ""
    for suffix in READERS:  # other suffixes of a kind follow its own
        last = suffix if suffix in suffixes else last
        if suffix:
            suffixes[last].append(suffix)
    rows = ((f"`{kind.name}`", kind.title, _codes(suffixes[kind.suffix]), _codes(kind.media_types)) for kind in KINDS)
    return _table(("Name", "What it is", "Suffixes", "Media types"), rows)


def rdf_formats() -> Iterator[str]:
    """The formats of graphs."""
    return _formats(fmt for fmt in FORMATS if fmt.kind is not Carries.RESULTS)


def result_formats() -> Iterator[str]:
    """The formats of answers to SELECT and ASK."""
    return _formats(fmt for fmt in FORMATS if fmt.kind is Carries.RESULTS)


def reports() -> Iterator[str]:
    """The formats of check reports."""
    return _table(("`-f`", "For"), ((f"`{name}`", _REPORTS[name]) for name in OUTPUTS))


def fields() -> Iterator[str]:
    """The fields of a record."""
    rows = []
    for row in FIELDS:
        if row.column:
            several = "several" if row.is_multivalued else ""
            rows.append(
                (f"`{row.column}`", _HOLDS[row.kind], several, f"`{_curie(row.term)}`" if row.term else "", row.about)
            )
    return _table(("Field", "Holds", "Repeatable", "Property", "Meaning"), rows)


def tables() -> Iterator[str]:
    """The codebook: each column of each table of a release."""
    by_column = {row.column: row for row in FIELDS if row.column}
    for table, columns in COLUMNS.items():
        yield from (f"### {table}", "")
        rows = []
        for column in columns:
            row = by_column.get(column) if table == "projects" else None
            many = (
                " Several are separated by “; ”."
                if row and row.is_multivalued and row.kind is not FieldKind.PROSE
                else ""
            )
            rows.append(
                (f"`{column}`", f"`{_curie(row.term)}`" if row else "", (row.about if row else _COLUMNS[column]) + many)
            )
        yield from _table(("Column", "Property", "Meaning"), rows)
        yield ""


def addresses() -> Iterator[str]:
    """Every address that programs may call, but for those of single queries."""
    rows = [
        (f"`{row.method.upper()} {row.path}`", row.summary, _answers(row.answers))
        for row in OPERATIONS
        if not row.path.startswith("/api/queries/")
    ]
    named = "One of the example queries, with its parameters; suffixes such as `.csv` choose the format"
    rows.append(("`GET /api/queries/{name}`", named, "tables, HTML"))
    return _table(("Address", "Answers with", "Formats"), rows)


def rule_groups() -> Iterator[str]:
    """How severe the rules of each group are."""
    groups: dict[str, set[str]] = {}
    for rule in rules.catalogue().values():
        groups.setdefault(rule.category, set()).add(rule.severity.value)
    about = {
        "must-hold": "Values and links that every record must have right",
        "controlled-lists": "Values that must come from a list",
        "consistency": "What must fit together in one record",
        "across": "What must hold between records",
        "recommended": "What a good record has",
        "text-quality": "How a text reads",
        "reading": "What only a reader can find, such as an unreadable date",
    }
    order = ("violation", "warning", "info")
    return _table(("Group", "What it is about", "Severities"), (
        (f"`{name}`", about[name], ", ".join(one for one in order if one in found)) for name, found in groups.items()
    ))  # fmt: skip


def field_terms() -> Iterator[str]:
    """The properties of all fields, for a shape."""
    return (_curie(row.term) for row in FIELDS if row.term)


def text_terms() -> Iterator[str]:
    """The properties of the title and of all prose, for a shape."""
    return (_curie(term) for term in (DCTERMS.title, *(row.term for row in NARRATIVE_FIELDS)))


def paragraph_terms() -> Iterator[str]:
    """The same without those that link to nodes."""
    prose = (row.term for row in NARRATIVE_FIELDS if row.kind is FieldKind.PROSE)
    return (_curie(term) for term in (DCTERMS.title, *prose))


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "commands": commands,
    "settings": settings,
    "inputs": inputs,
    "rdf-formats": rdf_formats,
    "result-formats": result_formats,
    "reports": reports,
    "fields": fields,
    "tables": tables,
    "addresses": addresses,
    "rule-groups": rule_groups,
}
TURTLE_PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "field-terms": field_terms,
    "text-terms": text_terms,
    "paragraph-terms": paragraph_terms,
}


def updated(path: Path) -> str:
    """The text of a file with each of its generated parts as it is now. Raises KeyError for a part of unknown name."""
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
    """The help of a command: paragraphs, and its examples as code."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        lines = paragraph.splitlines()
        if lines[0].strip() == "\b":
            yield from (f"{lines[1].strip()}", "", "```text", *(line.strip() for line in lines[2:]), "```", "")
        else:
            yield from (_escaped(" ".join(line.strip() for line in lines)), "")


def _option(parameter: click.Parameter, context: click.Context) -> tuple[str, str, str] | None:
    """A row about an option; None for an argument."""
    if not isinstance(parameter, click.Option):
        return None
    flags = ", ".join(f"`{flag}`" for flag in (*parameter.opts, *parameter.secondary_opts))
    if not parameter.is_flag and not isinstance(parameter.type, click.Choice):
        flags += f" `{parameter.make_metavar(context)}`"
    return flags, "required" if parameter.required else _default(parameter), _meaning(parameter)


def _meaning(option: click.Option) -> str:
    """The help of an option, and what may be chosen."""
    choices = (
        f" One of {', '.join(f'`{choice}`' for choice in option.type.choices)}."
        if isinstance(option.type, click.Choice)
        else ""
    )
    return _escaped(option.help or "") + choices


def _default(option: click.Option) -> str:
    match option.to_info_dict()["default"]:
        case bool(value):
            return ("on" if value else "off") if option.secondary_opts else ""
        case None | "" | () | []:
            return ""
        case int() | float() as value:
            return f"{value:,g}" if isinstance(value, float) else f"{value:,}" if value > 65_535 else f"{value}"
        case value:
            return str(value)


def _escaped(text: str) -> str:
    """A text in which Markdown sees nothing but words and code."""
    return re.sub(r"(?<!`)([*_<\[])(?!`)", r"\\\1", text)


def _formats(chosen: Iterable[Format]) -> Iterator[str]:
    rows = ((f"`{fmt.name}`", fmt.title, f"`.{fmt.suffix}`", f"`{fmt.media_type}`") for fmt in chosen)
    return _table(("Name", "Format", "Suffix", "Media type"), rows)


def _answers(media_types: Iterable[str]) -> str:
    """The formats of an answer; those of graphs and of tables by one word."""
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
    """A property with its prefix."""
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
    """Write what is out of date, or only name it; the exit code."""
    only_check = "--check" in sys.argv[1:]
    stale = [path for path in FILES if updated(path) != path.read_text("utf-8")]
    for path in stale:
        if not only_check:
            path.write_text(updated(path), encoding="utf-8")
        sys.stdout.write(f"{path.name} {'is out of date: run make docs' if only_check else 'updated'}\n")
    return 1 if stale and only_check else 0


if __name__ == "__main__":
    sys.exit(run())
