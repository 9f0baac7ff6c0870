"""The texts of reports in each language, and the counts at their end."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from cybilgraph.model.findings import SEVERITIES, Excerpt, Finding, Report, Severity, escape_controls
from cybilgraph.model.rules import LANGUAGES, general_message
from cybilgraph.model.vocabulary import RULES

#: Singular and plural of the counted nouns in each of LANGUAGES.
_NOUNS = {
    "violation": (("violation", "violations"), ("infracción", "infracciones"), ("infraction", "infractions")),
    "warning": (("warning", "warnings"), ("advertencia", "advertencias"), ("avertissement", "avertissements")),
    "info": (("info", "infos"), ("información", "informaciones"), ("information", "informations")),
    "record": (("record", "records"), ("registro", "registros"), ("fiche", "fiches")),
    "statement": (("statement", "statements"), ("enunciado", "enunciados"), ("énoncé", "énoncés")),
    "source": (("source", "sources"), ("fuente", "fuentes"), ("source", "sources")),
}
#: Phrases in each of LANGUAGES.
_PHRASES = {
    "summary": ("{records} from {sources}{unread}: {found}", "{records} de {sources}{unread}: {found}",
                "{records} de {sources}{unread} : {found}"),
    "unread": (", {sources} unread", ", {sources} sin leer", ", dont {sources} illisible(s)"),
    "empty": ("empty", "sin contenido", "sans contenu"),
    "fix": ("Replace “{old}” with “{new}”.", "Reemplace «{old}» por «{new}».", "Remplacez « {old} » par « {new} »."),
    "report": ("Check report", "Informe de comprobación", "Rapport de vérification"),
    "as of": ("as of {day}", "a fecha de {day}", "au {day}"),
    "by rule": ("By rule", "Por regla", "Par règle"),
    "by file": ("By file", "Por archivo", "Par fichier"),
    "rule": ("Rule", "Regla", "Règle"),
    "file": ("File", "Archivo", "Fichier"),
    "line": ("line", "línea", "ligne"),
    "times": ("Count", "Veces", "Fois"),
    "clean": ("No problems found.", "No se encontraron problemas.", "Aucun problème trouvé."),
    "omitted": ("{number} more findings are not listed. To list all of them, run: cybilgraph check FILE",
                "No se muestran {number} hallazgos más. Para verlos todos, ejecute: cybilgraph check ARCHIVO",
                "{number} autres constats non affichés. Pour les voir tous, lancez : cybilgraph check FICHIER"),
    "unmet value": ("This value violates {constraint}.", "Este valor no cumple {constraint}.",
                    "Cette valeur ne respecte pas {constraint}."),
    "unmet property": ("The values of {property} violate {constraint}.",
                       "Los valores de {property} no cumplen {constraint}.",
                       "Les valeurs de {property} ne respectent pas {constraint}."),
    "unmet node": ("This node violates {constraint}.", "Este nodo no cumple {constraint}.",
                   "Ce nœud ne respecte pas {constraint}."),
}  # fmt: skip


def phrase_for(language: str, key: str, **values: str) -> str:
    """Return the phrase with this key, or the singular of a noun."""
    number = LANGUAGES.index(language)
    return _NOUNS[key][number][0] if key in _NOUNS else _PHRASES[key][number].format(**values)


def count_of(language: str, number: int, key: str) -> str:
    """Return a number with its noun: "1 record", "2 records"."""
    singular, plural = _NOUNS[key][LANGUAGES.index(language)]
    # French uses the singular for zero.
    return f"{number:,} {singular if number == 1 or (language == 'fr' and not number) else plural}"


def summary(report: Report) -> str:
    """Return one line with the number of records and of findings of each severity; "info" only if there are any."""
    language = report.language
    number, unit = (report.statements, "statement") if report.statements else (report.records, "record")
    unread = phrase_for(language, "unread", sources=count_of(language, report.unread, "source"))
    found = (
        count_of(language, number, severity.value)
        for severity, number in report.counts.items()
        if number or severity is not Severity.INFO
    )
    return phrase_for(
        language,
        "summary",
        records=count_of(language, number, unit),
        sources=count_of(language, report.sources, "source"),
        unread=unread if report.unread else "",
        found=", ".join(found),
    )


def omission_note(report: Report) -> str:
    """Say how many findings a truncated report does not list, and how to list them; empty for a complete one."""
    number = sum(omitted.count for omitted in report.omitted)
    return phrase_for(report.language, "omitted", number=f"{number:,}") if number else ""


def by_rule(report: Report) -> list[tuple[int, Finding]]:
    """Return the number of findings of each rule with a representative finding, most severe first."""
    first: dict[tuple[Severity, str, str], Finding] = {}
    numbers: Counter[tuple[Severity, str, str]] = Counter()
    varying: set[tuple[Severity, str, str]] = set()
    for finding in report.findings:
        # Messages of our rules differ only in their variables; those of other shapes may differ completely.
        key = (finding.severity, finding.rule, general_message(finding, report.language) or finding.message)
        if first.setdefault(key, finding).message != finding.message:
            varying.add(key)
        numbers[key] += 1
    for omitted in report.omitted:
        example = Finding(severity=omitted.severity, rule=omitted.rule, message="", file="")
        message = general_message(example, report.language)
        key = (omitted.severity, omitted.rule, message)
        if key not in numbers:
            # A rule without a general message has one key per message; use the first for all.
            key = next((known for known in numbers if known[:2] == key[:2]), key)
        first.setdefault(key, replace(example, message=key[2]))
        varying.add(key)
        numbers[key] += omitted.count
    ordered = sorted(numbers.items(), key=lambda item: (SEVERITIES.index(item[0][0]), -item[1], item[0][1:]))
    return [(number, replace(first[key], message=key[2]) if key in varying else first[key]) for key, number in ordered]


def tally(report: Report) -> list[str]:
    """Return a line with count and message for each rule with findings, most severe first."""
    return [
        escape_controls(f"{number:>5,} × {finding.message} [{rule_name(finding)}]")
        for number, finding in by_rule(report)
    ]


def rule_name(finding: Finding) -> str:
    """Return the name of a finding's rule, the same in every format."""
    return finding.rule.removeprefix(RULES)


def place_of(finding: Finding) -> str:
    """Return the position of a finding: "15:5" or "15", in a workbook the cell "C7", or "" if unknown."""
    if finding.cell_name:
        return finding.cell_name
    return ":".join(str(number) for number in (finding.line, finding.column if finding.line else 0) if number)


def cell_of(finding: Finding) -> str:
    """Return the name of a workbook's cell with that of its column, "C7 (status)"; "" in other files."""
    name = finding.label if finding.cell_name else ""
    return f"{finding.cell_name} ({name})" if name else finding.cell_name


def parts_of(excerpt: Excerpt) -> tuple[str, str, str]:
    """Return the text of an excerpt before, in and after its mark."""
    begin = max(excerpt.mark - 1, 0)
    end = begin + excerpt.length
    return excerpt.text[:begin], excerpt.text[begin:end], excerpt.text[end:]
