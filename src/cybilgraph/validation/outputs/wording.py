"""The words around findings, in each language that rules speak; and the sums at the end of a report."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import PurePath

from cybilgraph.model.findings import SEVERITIES, Finding, Report, Severity, escape_controls
from cybilgraph.model.rules import general_message
from cybilgraph.model.vocabulary import RULES
from cybilgraph.readers.excerpts import WORKBOOKS

#: One and several of what is counted.
_NOUNS = {
    "en": {
        "violation": ("violation", "violations"),
        "warning": ("warning", "warnings"),
        "info": ("info", "infos"),
        "record": ("record", "records"),
        "statement": ("statement", "statements"),
        "source": ("source", "sources"),
    },
    "es": {
        "violation": ("infracción", "infracciones"),
        "warning": ("advertencia", "advertencias"),
        "info": ("información", "informaciones"),
        "record": ("registro", "registros"),
        "statement": ("enunciado", "enunciados"),
        "source": ("fuente", "fuentes"),
    },
    "fr": {
        "violation": ("infraction", "infractions"),
        "warning": ("avertissement", "avertissements"),
        "info": ("information", "informations"),
        "record": ("fiche", "fiches"),
        "statement": ("énoncé", "énoncés"),
        "source": ("source", "sources"),
    },
}
#: What else a report says.
_WORDS = {
    "en": {
        "summary": "{records} from {sources}{unread}: {found}",
        "unread": ", {sources} unread",
        "empty": "nothing under it",
        "fix": "Write “{new}” for “{old}”.",
        "report": "Report of a check",
        "as of": "as of {day}",
        "by rule": "By rule",
        "by file": "By file",
        "rule": "Rule",
        "file": "File",
        "line": "line",
        "times": "Times",
        "clean": "Nothing was found wrong or missing.",
        "omitted": "{number} more findings are not listed. To list all of them, run: cybilgraph check FILE",
        "unmet value": "This value does not meet {constraint}.",
        "unmet property": "What is said by {property} does not meet {constraint}.",
        "unmet node": "This node does not meet {constraint}.",
    },
    "es": {
        "summary": "{records} de {sources}{unread}: {found}",
        "unread": ", {sources} sin leer",
        "empty": "sin contenido",
        "fix": "Escriba «{new}» en lugar de «{old}».",
        "report": "Informe de una comprobación",
        "as of": "a fecha de {day}",
        "by rule": "Por regla",
        "by file": "Por archivo",
        "rule": "Regla",
        "file": "Archivo",
        "line": "línea",
        "times": "Veces",
        "clean": "No se encontró nada incorrecto ni ausente.",
        "omitted": "No se muestran {number} hallazgos más. Para verlos todos, ejecute: cybilgraph check ARCHIVO",
        "unmet value": "Este valor no cumple {constraint}.",
        "unmet property": "Lo que dice {property} no cumple {constraint}.",
        "unmet node": "Este nodo no cumple {constraint}.",
    },
    "fr": {
        "summary": "{records} de {sources}{unread} : {found}",
        "unread": ", dont {sources} illisible(s)",
        "empty": "sans contenu",
        "fix": "Écrivez « {new} » au lieu de « {old} ».",
        "report": "Rapport de vérification",
        "as of": "au {day}",
        "by rule": "Par règle",
        "by file": "Par fichier",
        "rule": "Règle",
        "file": "Fichier",
        "line": "ligne",
        "times": "Fois",
        "clean": "Rien d’incorrect ni de manquant n’a été trouvé.",
        "omitted": "{number} autres constats non affichés. Pour les voir tous, lancez : cybilgraph check FICHIER",
        "unmet value": "Cette valeur ne respecte pas {constraint}.",
        "unmet property": "Ce que dit {property} ne respecte pas {constraint}.",
        "unmet node": "Ce nœud ne respecte pas {constraint}.",
    },
}


def phrase_for(language: str, rule_name: str, **gaps: str) -> str:
    """What a report says under this name; of what can be counted, the word for one."""
    nouns = _NOUNS[language]
    return nouns[rule_name][0] if rule_name in nouns else _WORDS[language][rule_name].format(**gaps)


def count_of(language: str, number: int, rule_name: str) -> str:
    """So many of a thing: "1 record", "2 records"."""
    one, several = _NOUNS[language][rule_name]
    # In French, nothing is singular.
    return f"{number:,} {one if number == 1 or (language == 'fr' and not number) else several}"


def summary(report: Report) -> str:
    """One line: what was read, and how much was found of each severity; of information, if there is any."""
    language = report.language
    return phrase_for(
        language,
        "summary",
        records=count_of(language, report.statements, "statement")
        if report.statements
        else count_of(language, report.records, "record"),
        sources=count_of(language, report.sources, "source"),
        unread=phrase_for(language, "unread", sources=count_of(language, report.unread, "source"))
        if report.unread
        else "",
        found=", ".join(
            count_of(language, number, severity.value)
            for severity, number in report.counts.items()
            if number or severity is not Severity.INFO
        ),
    )


def omission_note(report: Report) -> str:
    """Say how many findings a truncated report does not list, and how to list them; empty for a complete one."""
    number = sum(omitted.count for omitted in report.omitted)
    return phrase_for(report.language, "omitted", number=f"{number:,}") if number else ""


def by_rule(report: Report) -> list[tuple[int, Finding]]:
    """How often each rule was broken, with the finding that tells what it says; the worst first."""
    first: dict[tuple[Severity, str, str], Finding] = {}
    numbers: Counter[tuple[Severity, str, str]] = Counter()
    several: set[tuple[Severity, str, str]] = set()
    for finding in report.findings:
        # What differs between the findings of a rule of ours is a gap; rules of others may say anything.
        key = (finding.severity, finding.rule, general_message(finding, report.language) or finding.message)
        if first.setdefault(key, finding).message != finding.message:
            several.add(key)
        numbers[key] += 1
    for omitted in report.omitted:
        example = Finding(severity=omitted.severity, rule=omitted.rule, message="", file="")
        message = general_message(example, report.language)
        key = (omitted.severity, omitted.rule, message)
        if key not in numbers:
            # A rule without general words has a key for each message; the first stands for all.
            key = next((known for known in numbers if known[:2] == key[:2]), key)
        first.setdefault(key, replace(example, message=key[2]))
        several.add(key)
        numbers[key] += omitted.count
    ordered = sorted(numbers.items(), key=lambda item: (SEVERITIES.index(item[0][0]), -item[1], item[0][1:]))
    return [(number, replace(first[key], message=key[2]) if key in several else first[key]) for key, number in ordered]


def tally(report: Report) -> list[str]:
    """A line for each rule that found something: how often, and what it says; the worst first."""
    return [
        escape_controls(f"{number:>5,} × {finding.message} [{rule_name(finding)}]")
        for number, finding in by_rule(report)
    ]


def rule_name(finding: Finding) -> str:
    """The name of a finding's rule: the same in every format."""
    return finding.rule.removeprefix(RULES)


def place_of(finding: Finding) -> str:
    """The line, and the character where it is known: "15:5"; of a workbook, the cell: "C7"; empty where
    not even the line is known.
    """
    if cell := cell_of(finding):
        return cell
    return ":".join(str(number) for number in (finding.line, finding.column if finding.line else 0) if number)


def cell_of(finding: Finding) -> str:
    """The cell of a workbook as spreadsheet programs name it: "C7"; empty where it is none, or not known."""
    if not finding.cell or PurePath(finding.file).suffix.lower() not in WORKBOOKS:
        return ""
    letters, number = "", finding.cell
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{finding.line}"
