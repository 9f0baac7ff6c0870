"""How each element of an IATI activity is imported, and a count of the elements that are not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from cybilgraph.model.findings import Finding
from cybilgraph.model.rules import finding
from cybilgraph.readers.iati.xml import Element

#: How the elements of IATI 2.03 are imported, by path below iati-activity. Elements that are not listed, and those
#: below them, are not imported.
BECOMES = {
    "iati-identifier": "The IATI identifier",
    "reporting-org": "A participant without a role if there are no others, unless it is a secondary reporter",
    "title": "The title",
    "description": "Summary (type 1), aim (2) or description (3 and 4)",
    "participating-org": "A participant in its role; the name may be missing if `ref` is that of a listed organisation",
    "other-identifier": "The Cybil code, or an identifier in another register",
    "other-identifier/owner-org": "The register",
    "activity-status": "The status; finalisation (3) counts as finished",
    "activity-date": "Start and end: the actual date, or else the planned one",
    "contact-info": "A contact",
    "contact-info/organisation": "The contact, if no person is named",
    "contact-info/department": "The contact, if neither a person nor an organisation is named",
    "contact-info/person-name": "The contact",
    "contact-info/job-title": "A note on the contact",
    "contact-info/telephone": "A note on the contact",
    "contact-info/email": "The e-mail address of the contact",
    "contact-info/website": "A link",
    "activity-scope": "A classification",
    "recipient-country": "A country, with its percentage",
    "recipient-region": "A region or group, with its percentage",
    "sector": "A theme if the publisher's own sector names one, otherwise a classification; with its percentage",
    "tag": "A theme if the publisher's own tag names one, otherwise a classification",
    "humanitarian-scope": "A classification",
    "policy-marker": "A classification, with its significance",
    "collaboration-type": "A classification",
    "default-flow-type": "A classification",
    "default-finance-type": "A classification",
    "default-aid-type": "A classification",
    "default-tied-status": "A classification",
    "budget": "A sum of money",
    "budget/period-start": "The period of the sum",
    "budget/period-end": "The period of the sum",
    "budget/value": "The sum",
    "planned-disbursement": "A sum of money",
    "planned-disbursement/period-start": "The period of the sum",
    "planned-disbursement/period-end": "The period of the sum",
    "planned-disbursement/value": "The sum",
    "planned-disbursement/provider-org": "Who pays",
    "planned-disbursement/receiver-org": "Who receives",
    "transaction": "Part of a sum of money, if its type is 2, 3 or 4",
    "transaction/transaction-type": "The kind of the sum",
    "transaction/transaction-date": "The year of the sum",
    "transaction/value": "Part of the sum",
    "transaction/provider-org": "Who pays",
    "transaction/receiver-org": "Who receives",
    "transaction/recipient-country": "A country, if the activity gives none",
    "transaction/recipient-region": "A region or group, if the activity gives none",
    "document-link": "A link",
    "document-link/title": "The text of the link",
    "document-link/category": "The category of the document",
    "document-link/language": "The language of the document",
    "activity-website": "A link (version 1)",
    "related-activity": "Part of (type 1), includes (2) or related (3, 4 and 5)",
    "result": "An outcome (type 2, and others), an output (1), or an outcome under “Impact” (3)",
    "result/title": "The text of the result",
    "result/description": "The text of the result",
    "result/indicator": "An indicator",
    "result/indicator/title": "The text of the indicator",
    "result/indicator/baseline": "The baseline of the indicator, with its year or day",
    "result/indicator/baseline/comment": "The baseline, if it has no value",
    "result/indicator/period": "A period of the indicator",
    "result/indicator/period/period-start": "The period of targets and actual values",
    "result/indicator/period/period-end": "The period of targets and actual values",
    "result/indicator/period/target": "A target of the indicator",
    "result/indicator/period/target/comment": "The target, if it has no value",
    "result/indicator/period/actual": "An actual value of the indicator",
    "result/indicator/period/actual/comment": "The actual value, if it has no value",
}
#: The types of transactions that are part of a sum.
_SUMMED_TYPES = ("2", "3", "4")
_MAX_PATH_CHARS, _MAX_PATHS, _MAX_REPORTED = 80, 1_000, 30
#: The attribute with the language of an activity or a text.
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def full_text(element: Element) -> str:
    """Return the text of an element and of what is below it."""
    return "".join(element.itertext())


def narratives(element: Element, language: str) -> list[Element]:
    """Return the narratives in the language of the activity, or else in the language of the first."""
    texts = _written(element)
    if not texts:  # text directly in the element, as before version 2 and in some elements
        return [element] if element.find("narrative") is None else []
    wanted = language.lower()
    languages = [(found.get(LANGUAGE) or wanted).lower() for found in texts]
    best = min(languages, key=lambda language: (language != wanted, language[:2] != wanted[:2]))
    return [found for found, language in zip(texts, languages, strict=True) if language == best]


def _written(element: Element) -> list[Element]:
    return [found for found in element.iterfind("narrative") if full_text(found).strip()]


@dataclass(slots=True)
class NotImported:
    """Counts the elements of a file that are not imported, by path, with the line of the first.

    Memory does not grow with the file: an invented path beyond the thousandth counts as "others".
    """

    counts: Counter[str]
    line: int = 0

    def add(self, activity: Element, language: str) -> None:
        """Count the elements of an activity in a language, and its texts in others. Takes linear time."""
        waiting = [(child, child.tag) for child in reversed(activity)]
        while waiting:
            element, path = waiting.pop()
            if element.tag.startswith("{"):  # of another namespace: ours, or the publisher's own
                continue
            if path in BECOMES and not _is_unused(element, path):
                waiting += [(child, f"{path}/{child.tag}") for child in reversed(element) if child.tag != "narrative"]
                if (texts := _written(element)) and (unread := len(texts) - len(narratives(element, language))):
                    self._count(texts[-1], f"{path}/narrative", unread)
                continue
            self._count(element, path)

    def _count(self, element: Element, path: str, number: int = 1) -> None:
        self.line = self.line or element.sourceline or 0
        path = path[:_MAX_PATH_CHARS]
        known = path in self.counts or len(self.counts) < _MAX_PATHS
        self.counts[path if known else "others"] += number

    def findings(self, file: str) -> list[Finding]:
        """Return one finding for the file, if any element was not imported."""
        if not self.counts:
            return []
        most = self.counts.most_common(_MAX_REPORTED)
        rest = len(self.counts) - len(most)
        listed = ", ".join(f"{count:,} × {path}" for path, count in most) + (f", … ({rest:,} more)" if rest else "")
        return [finding("not-imported", file, {"elements": listed}, line=self.line)]


def _is_unused(element: Element, path: str) -> bool:
    """Return whether an element with this path is not imported because of its content."""
    if path.endswith("/comment"):
        return bool((element.getparent().get("value") or "").strip())
    if path == "transaction":
        kind = element.find("transaction-type")
        return kind is None or kind.get("code", "").strip() not in _SUMMED_TYPES
    return False
