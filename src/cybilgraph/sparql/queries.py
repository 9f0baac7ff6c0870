"""The named queries of queries/ with their parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import unquote

from cybilgraph.errors import QueryError, UnknownQuery
from cybilgraph.model.gazetteer import MIN_SUGGESTION_SCORE, REFERENCE_FILES, Gazetteer, closest_match, load_gazetteer
from cybilgraph.model.record import DEFAULT_LEVEL, EvidenceLevel
from cybilgraph.model.resources import QUERIES
from cybilgraph.model.vocabulary import PREFIXES, XSD, thing_iri, with_own_base
from cybilgraph.rdf.ntriples import iri, is_iri, literal
from cybilgraph.sparql.lexer import tokens

#: Longer names get no "Did you mean" suggestion.
_MAX_FUZZY_NAME_CHARS = 200
_HEADER = re.compile(r"#\s*(?:(?P<key>title|description):|(?P<param>param)\s)\s*(?P<rest>[^\n]*)")
_BLOCK = re.compile(r"(VALUES\s++\?(\w++)\s*+\{)[^{}\n]*+\}")
#: Kinds of things that a parameter of a kind accepts, too.
_ALSO = {"region": ("group",)}
#: Matches a line that is removed if its parameter is not given.
_ONLY_WITH = re.compile(r"^(.*)# only with (\w++)\n", re.MULTILINE)
_PARAM = re.compile(r"(?P<name>\w++)\s++(?P<type>[\w-]++)\s*+:\s*+(?P<description>.+)")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a named query: ``type`` is a kind of reference entity, or year, date, text, checksum, iri,
    evidence; ``default`` is the value in the text of the query.
    """

    name: str
    type: str
    description: str
    default: str = ""

    @property
    def allows_multiple(self) -> bool:
        """Whether it may have several values. Years may not, as the ends of a range; one level includes another."""
        return self.type not in ("year", "evidence")

    @property
    def choices(self) -> tuple[str, ...]:
        """All of its values; empty if there are too many to list."""
        return tuple(EvidenceLevel) if self.type == "evidence" else ()


@dataclass(frozen=True, slots=True)
class Query:
    """A named query: its text, and the title, description and parameters from its header."""

    name: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    text: str

    def bind(self, values: Mapping[str, Sequence[str]]) -> str:
        """Return the text with these values instead of the parameters' defaults.

        Values become RDF terms first, and only serialised terms enter the text, so a value can never become SPARQL.
        Duplicates are ignored. Raises QueryError for unknown names and values, and for more than one value where only
        one is allowed.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        terms = {}
        for name, given in values.items():
            if name not in known:
                have = ", ".join(known) or "none"
                raise QueryError(f"{self.name} has no parameter {name!r}", f"Its parameters: {have}.")
            distinct = dict.fromkeys(_term(known[name], value) for value in given)
            if len(distinct) > 1 and not known[name].allows_multiple:
                raise QueryError(f"More than one {name} was given", "Give only one.")
            terms[name] = " ".join(distinct)
        text = self.text
        if bases := terms.pop("evidence", ""):
            text = text.replace(_bases(DEFAULT_LEVEL), bases)
        # Substitute in one pass, so that an inserted value is never searched for blocks of other parameters.
        return _BLOCK.sub(
            lambda match: f"{match[1]} {terms[match[2]]} }}" if match[2] in terms else match[0],
            _ONLY_WITH.sub(lambda match: f"{match[1].rstrip(' ')}\n" if match[2] in values else "", text),
        )

    def check_range(self, values: Mapping[str, Sequence[str]]) -> None:
        """Raise QueryError if the range of years, given or default, is empty."""
        defaults = {parameter.name: parameter.default for parameter in self.parameters if parameter.type == "year"}
        if {"from", "to"} <= defaults.keys() and {"from", "to"} & values.keys():
            first, last = (values.get(name, [defaults[name]])[0] for name in ("from", "to"))
            if int(first) > int(last):
                raise QueryError(f"from={first} is later than to={last}", "Give both years, the earlier one as from.")


def load_query(name: str, folder: Path = QUERIES) -> Query:
    """Load a named query. Raises UnknownQuery, with a list of the known ones, if there is none."""
    path = next((path for path in folder.glob("*.rq") if path.stem == name), None)
    if path is None:
        known = [query.name for query in example_queries(folder)]
        meant = closest_match(name, known, MIN_SUGGESTION_SCORE) if len(name) < _MAX_FUZZY_NAME_CHARS else ""
        did = f"Did you mean {meant}? " if meant else ""
        have = "\n  ".join(known)
        raise UnknownQuery(f"There is no query {name[:_MAX_FUZZY_NAME_CHARS]!r}", f"{did}Available queries:\n  {have}")
    return _read(path)


def find_query(query: str) -> Query:
    """Return a query given as a file, as the name of a query, or as text. Raises QueryError."""
    if _is_file(query):
        try:
            return parse_named_query(Path(query).stem, Path(query).read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise QueryError(f"{query}: not UTF-8 text", "A query is a text file, usually named *.rq.") from error
    if re.fullmatch(r"[\w-]+", query):
        return load_query(query)
    if query.endswith(".rq"):
        raise QueryError(f"{query}: no such file", "To list the named queries: cybilgraph queries")
    return parse_named_query("the query", query)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a file name, or contains a null byte: query text
        return False


def example_queries(folder: Path = QUERIES) -> list[Query]:
    """Return all example queries, sorted by name."""
    return [_read(path) for path in sorted(folder.glob("example-*.rq"))]


def _read(path: Path) -> Query:
    return parse_named_query(path.stem, with_own_base(path.read_text(encoding="utf-8")))


def parse_named_query(name: str, text: str) -> Query:
    """Parse a query and its header comments. Raises QueryError if a param line is malformed."""
    header = {"title": name, "description": ""}
    parameters = []
    key = ""
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if match := _HEADER.match(line):
            key, rest = match["key"] or match["param"], match["rest"].strip()
            if key == "param":
                param = _PARAM.fullmatch(rest)
                if not param:
                    raise QueryError(f"{name}: cannot read {line!r}", "Write: # param NAME TYPE: description")
                default = DEFAULT_LEVEL if param["type"] == "evidence" else _default(text, param["name"])
                parameters.append(Parameter(**param.groupdict(), default=default))
            else:
                header[key] = rest
        elif key in header:
            header[key] += f" {line.lstrip('# ')}"
    return Query(name, header["title"], header["description"].strip(), tuple(parameters), text)


def evidence_level(value: str) -> EvidenceLevel:
    """Return the level of evidence with this name; the default one for an empty name. Raises QueryError."""
    try:
        return EvidenceLevel(value or DEFAULT_LEVEL)
    except ValueError as error:
        hint = f"Use one of: {', '.join(EvidenceLevel)}."
        raise QueryError(f"evidence: {value[:_MAX_FUZZY_NAME_CHARS]!r} is not a level of evidence", hint) from error


def _bases(level: EvidenceLevel) -> str:
    """Return the bases that count at a level, as queries list them after IN."""
    return ", ".join(f"basis:{basis}" for basis in level.bases)


def _default(text: str, name: str) -> str:
    block = next((match for match in _BLOCK.finditer(text) if match[2] == name), None)
    term = next(tokens(block[0].partition("{")[2]), None) if block else None
    if term and term.kind in ("iri", "name"):
        return re.split("[:/]", term.text.strip("<>"))[-1]
    return term.text.strip("\"'") if term and term.kind in ("string", "number") else ""


def _term(parameter: Parameter, value: str) -> str:
    names = load_gazetteer()
    match parameter.type:
        case "year":
            if not re.fullmatch(r"\d{4}", value):
                raise QueryError(f"{parameter.name}: {value!r} is not a year", "Write four digits: 2018.")
            return literal(str(int(value)), datatype=XSD.integer)
        case "date":
            try:
                return literal(date.fromisoformat(value).isoformat(), datatype=XSD.date)
            except ValueError as error:
                raise QueryError(f"{parameter.name}: {value!r} is not a date", "Write it as 2021-07-01.") from error
        case "evidence":
            return _bases(evidence_level(value))
        case "text":
            return literal(value)
        case "checksum":
            return literal(value, datatype=XSD.hexBinary)
        case "iri":
            if not is_iri(value):
                raise QueryError(f"{parameter.name}: {value!r} is not an IRI")
            return iri(value)
        case kind if kind in REFERENCE_FILES:
            prefix, _, rest = value.partition(":")
            written_out = f"{PREFIXES[prefix]}{rest}" if prefix in PREFIXES else value
            kinds = (kind, *_ALSO.get(kind, ()))
            for one in kinds:
                if _is_thing(one, written_out, names):
                    return iri(written_out)
                if entry := names.find_by_name_or_code(one, value):
                    return iri(thing_iri(one, entry.key))
            hint = f"{did_you_mean(kind, value, names)} Or use its IRI: {thing_iri(kind, '')}…"
            raise QueryError(f"{parameter.name}: no {' or '.join(kinds)} is called {value!r}", hint)
    raise QueryError(f"{parameter.name}: unknown type {parameter.type!r}")


def _is_thing(kind: str, value: str, names: Gazetteer) -> bool:
    """Return whether a value is the IRI of an entity of this kind; actors need not be in the reference data."""
    root = thing_iri(kind, "")
    key = value.removeprefix(root)
    if kind == "actor":
        return value.startswith(root) and is_iri(value) and re.fullmatch("[^/?#]+", key) is not None
    return unquote(key) in names.entries[kind] and value == thing_iri(kind, unquote(key))


def did_you_mean(kind: str, value: str, names: Gazetteer) -> str:
    """Return a hint for a name that no entity of this kind has."""
    near = names.suggest(kind, value)
    return f"Did you mean {near.name} ({near.key})?" if near else "Give its code or its name."
