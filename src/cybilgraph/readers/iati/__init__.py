"""Read activity files of the International Aid Transparency Initiative: one record per activity.

IATI Activity Standard 2.03, https://iatistandard.org/en/iati-standard/203/activity-standard/. Elements
without a corresponding field (budgets, transactions, locations, classifications) are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from cybilgraph.errors import SourceError
from cybilgraph.model.fields import BY_NAME, Field, FieldKind
from cybilgraph.model.findings import Finding
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import (
    Basis,
    Contact,
    Date,
    Evidence,
    LeftBlank,
    Participation,
    Place,
    Record,
    Relation,
    Scope,
    Text,
)
from cybilgraph.readers.iati import codes
from cybilgraph.readers.iati.narratives import LANG, Narratives, place
from cybilgraph.readers.iati.xml import Element, find_undecodable_line, read_elements
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.page.names import kinds_for_field
from cybilgraph.readers.page.sections import CODE, RecordBuilder, Section
from cybilgraph.readers.text import WINDOWS, normalise, not_utf8_finding

_HINT = "The root element of an IATI activity file is iati-activities. Other XML is not supported."
_ZONE = re.compile(r"(?<=\d\d-\d\d)(?:Z|[+-]\d\d:\d\d)$")
_PARTIAL_DATE = re.compile(r"\d{4}(?:-\d\d)?")
#: Fields that ``cyb:field`` may give where one IATI code covers several.
_TEXT_FIELDS = frozenset(row.name for row, _ in codes.fields_of("description"))
_CODE = frozenset({"code"})
_RELATIONS = frozenset(row.name for row in BY_NAME.values() if row.kind is FieldKind.PROJECTS)
_CONFIDENCE = re.compile(r"0(?:\.\d{1,6})?|1(?:\.0{1,6})?")
_Link = TypeVar("_Link", Participation, Scope, Relation, Date)
_EMAIL = re.compile(r"[^\s@<>();,]{1,64}@[^\s@<>();,]{1,255}")


def read_iati(input_file: Input) -> Iterator[Record]:
    """Yield a record for each activity in a file.

    Raises SourceError if it is not IATI, is empty or too large; in a damaged file, after the records before
    the damage.
    """
    number = 0
    odd = find_undecodable_line(input_file)
    encoding = WINDOWS if odd else None
    for element in read_elements(input_file, "iati-activities", "iati-activity", _HINT, encoding):
        number += 1
        activity = _Activity(element, input_file)
        if number == 1:
            if odd:
                activity.add_finding(not_utf8_finding(input_file, odd))
            activity.check_version()
        yield activity.record()
    if not number:
        raise SourceError(f"{input_file.name}: contains no activity", _HINT)


class _Activity:
    """Converts the elements of one iati-activity to sections."""

    def __init__(self, element: Element, input_file: Input) -> None:
        named = next(element.iterfind("title/narrative"), element)
        language = element.get(LANG) or element.getparent().get(LANG) or named.get(LANG) or ""
        self._element = element
        self._input_file = input_file
        self._findings: list[Finding] = []
        self._sections = RecordBuilder(input_file, self._findings, place(element).line)
        self._texts = Narratives(language)
        self._language = language
        self._contacts: dict[Contact, Element] = {}
        #: The evidence of derived texts, by place and text.
        self._derived: dict[tuple[Place | None, str], tuple[Evidence, ...]] = {}

    def add_finding(self, finding: Finding) -> None:
        """Add a finding about the whole file."""
        self._findings.append(finding)

    def check_version(self) -> None:
        """Report versions other than 2, which have other codes."""
        root = self._element.getparent()
        version = root.get("version", "").strip()
        if not version.startswith("2."):
            self._find("iati-version", root, version[:40], {"version": version[:40] or "?"})

    def record(self) -> Record:
        """Return the finished record."""
        self._read()
        record = self._sections.record()
        if self._derived:
            record = replace(
                record,
                start=record.start and self._with_evidence(record.start),
                end=record.end and self._with_evidence(record.end),
                duration=record.duration and self._with_evidence(record.duration),
                participations=tuple(map(self._with_evidence, record.participations)),
                scopes=tuple(map(self._with_evidence, record.scopes)),
                relations=tuple(map(self._with_evidence, record.relations)),
            )
        if blank := tuple(self._left_blank(record)):
            record = replace(record, left_blank=(*record.left_blank, *blank))
        if not self._contacts:
            return record
        first = next(iter(self._contacts.values()))
        labels = record.labels | {"contacts": (first.tag, place(first))}
        return replace(record, contacts=tuple(self._contacts), labels=labels)

    def _read(self) -> None:
        element, texts = self._element, self._texts
        for name, label, value in (
            ("language", "xml:lang", self._language),
            ("updated", "last-updated-datetime", element.get("last-updated-datetime", "")),
        ):
            if lines := texts.text(value, element):
                self._take(BY_NAME[name], element, lines, label)
        for child in element:
            if (read := _ELEMENTS.get(child.tag)) and not self._sections.is_full and self._is_read(child):
                read(self, child)
        self._dates()
        self._places("recipient-country", self._country)
        self._places("recipient-region", self._region)
        self._fields_without_element()
        if element.find("participating-org") is None:
            for child in element.iterfind("reporting-org"):
                if child.get("secondary-reporter") not in ("1", "true"):
                    self._take(Field(codes.UNSPECIFIED, FieldKind.ACTORS), child, self._organisation(child))

    def _fields_without_element(self) -> None:
        """Read fields without an IATI element. This comes last: a duration may also imply dates."""
        for child in self._element.iterfind(codes.STATED):
            if (name := child.get(codes.FIELD_ATTRIBUTE, "")) in codes.WITHOUT_ELEMENT and self._is_read(child):
                self._take(BY_NAME[name], child, self._texts.name(child))

    def _left_blank(self, record: Record) -> Iterator[LeftBlank]:
        """Yield the fields that were left blank and have no stated value; derived values do not count."""
        for child in self._element.iterfind(codes.LEFT_BLANK):
            name = child.get(codes.FIELD_ATTRIBUTE, "")
            if name in BY_NAME and all(getattr(value, "evidence", ()) for value in record.values(name)):
                yield LeftBlank(name, child.tag, place(child))

    def _is_read(self, child: Element) -> bool:
        """Return whether to read an element: a derived one without valid evidence is derived again from the
        prose.
        """
        return child.find(codes.EVIDENCE) is None or any(self._quotes(child))

    def _quotes(self, child: Element) -> Iterator[tuple[str, float, list[Text]]]:
        """Yield section, confidence and words of each valid quote that we wrote as evidence."""
        for one in child.iterfind(codes.EVIDENCE):
            section, sure = one.get(codes.SECTION, ""), one.get(codes.CONFIDENCE, "")
            quote = self._texts.text("".join(one.itertext()), one)
            if quote and section in BY_NAME and _CONFIDENCE.fullmatch(sure):
                yield section, float(sure), quote

    def _evidence(self, child: Element) -> tuple[Evidence, ...]:
        """Return the evidence, within the size limit of the record."""
        return tuple(
            Evidence(section, text.text, text.place, sure)
            for section, sure, quote in self._quotes(child)
            for text in self._sections.fit(quote, place(child))
        )

    def _with_evidence(self, link: _Link) -> _Link:
        """Return a value or link with the evidence of its element."""
        printed = link.printed if isinstance(link, Date) else _printed(link)
        evidence = self._derived.get((printed.place, printed.text), ())
        if not evidence:
            return link
        if isinstance(link, Date):
            return replace(link, evidence=evidence)
        return replace(link, basis=Basis.DERIVED, evidence=evidence)

    @staticmethod
    def _field_name(child: Element, names: frozenset[str]) -> str:
        """Return the field that ``cyb:field`` names, or an empty string if it is not one of these names."""
        name = child.get(codes.FIELD) or child.findtext(codes.FIELD, "")
        return name if name in names else ""

    # One method for each element of an activity.

    def _title(self, child: Element) -> None:
        self._take(BY_NAME["title"], child, self._texts.name(child))

    def _identifier(self, child: Element) -> None:
        found = self._texts.name(child)
        if not (found and found[0].text.startswith(codes.GENERATED_PREFIX)):  # not an identifier that we generated
            self._take(BY_NAME["iati"], child, found)

    def _other_identifier(self, child: Element) -> None:
        """Read a portal code among the other identifiers. An unusual code is recognised by our own attribute."""
        code = self._texts.attribute(child, "ref")
        if code and (CODE.fullmatch(code[0].text) or self._field_name(child, _CODE)):
            self._take(BY_NAME["code"], child, code)

    def _description(self, child: Element) -> None:
        name = self._field_name(child, _TEXT_FIELDS) or codes.DESCRIPTIONS.get(
            child.get("type", "1"), codes.DESCRIPTION
        )
        self._take(BY_NAME[name], child, self._texts.paragraphs(child))

    def _status(self, child: Element) -> None:
        name = codes.status_name(child.get("code", "").strip())
        self._take(BY_NAME["status"], child, self._texts.text(name, child))

    def _participant(self, child: Element) -> None:
        """Read a participating organisation. Roles without a field are kept in the participation only."""
        code = child.get("role", "").strip()
        role = codes.role_key(code)
        name = self._organisation(child)
        if role == codes.UNSPECIFIED:
            self._find("role", child, name[0].text if name else "", {"code": code[:40]})
        if name or role in BY_NAME:
            self._take(BY_NAME.get(role) or Field(role, FieldKind.ACTORS), child, name)

    def _own_participant(self, child: Element) -> None:
        if child.get("role", "") in load_gazetteer().entries["role"]:
            role = child.get("role", "")
            self._take(BY_NAME.get(role) or Field(role, FieldKind.ACTORS), child, self._organisation(child))

    def _organisation(self, child: Element) -> list[Text]:
        return self._texts.name(child) or self._texts.attribute(child, "ref")

    def _sector(self, child: Element) -> None:
        """Read a theme from the publisher's own sector or tag; DAC sectors are skipped."""
        if child.get("vocabulary") not in codes.OWN_VOCABULARIES:
            return
        names = [*self._texts.name(child), *self._texts.attribute(child, "code")]
        if theme := next((name for name in names if load_gazetteer().find("theme", name.text)), None):
            self._take(BY_NAME["theme"], child, [theme])
        elif names:
            self._find("no-theme", child, names[0].text, {"tag": child.tag})

    def _contact(self, child: Element) -> None:
        texts = self._texts
        names = texts.names(child, "person-name", "organisation", "department")
        emails = [email.text for email in texts.names(child, "email")]
        email = next((email for email in emails if _EMAIL.fullmatch(email)), "")
        notes = [note.text for note in texts.names(child, "job-title", "telephone")]
        notes += [other for other in emails if other != email]
        if names or email or notes:
            contact = Contact(names[0].text if names else "", email, ", ".join(notes), place(child))
            if contact not in self._contacts:
                self._contacts.update((kept, child) for kept in self._sections.fit([contact], place(child)))
        for website in child.iterfind("website"):
            self._link(website)

    def _link(self, child: Element) -> None:
        """Read a document or web page."""
        title = self._texts.names(child, "title")
        url = self._texts.attribute(child, "url") or ([] if title else self._texts.name(child))
        line = [replace(title[0], text=f"{title[0].text} <{url[0].text}>")] if title and url else title or url
        self._take(BY_NAME["links"], child, line)

    def _relation(self, child: Element) -> None:
        name = self._field_name(child, _RELATIONS) or codes.RELATIONS.get(child.get("type", ""), codes.RELATION)
        self._take(BY_NAME[name], child, self._texts.attribute(child, "ref"))

    def _result(self, child: Element) -> None:
        """Read a result as one item: its title and description."""
        kind = child.get("type", "")
        parts = self._texts.names(child, "title", "description")
        words = list(dict.fromkeys(part.text for part in parts))
        joint = " " if words and words[0].endswith((".", "!", "?", ":", ";")) else ": "
        under = "Impact" if kind == codes.IMPACT else ""
        items = [replace(part, text=joint.join([words[0], *words[1:]]), subheading=under) for part in parts[:1]]
        self._take(BY_NAME[codes.RESULTS.get(kind, codes.RESULT)], child, items)

    # Fields from several elements.

    def _dates(self) -> None:
        for name, kinds in codes.DATES.items():
            for kind in kinds:
                found = self._element.find(f"activity-date[@type='{kind}']")
                if found is not None and self._is_read(found) and (value := found.get("iso-date", "").strip()):
                    precise = next((text.text for text in self._texts.name(found)), "")
                    if _PARTIAL_DATE.fullmatch(precise) and value.startswith(precise):  # printed with lower precision
                        value = precise
                    self._take(BY_NAME[name], found, self._texts.text(_ZONE.sub("", value), found))
                    break

    def _places(self, tag: str, read: Callable[[Element], list[Text]]) -> None:
        """Read the places of the activity, or else those of its transactions, without duplicates."""
        row = BY_NAME[tag.removeprefix("recipient-")]
        found = list(filter(self._is_read, self._element.iterfind(tag))) or self._element.iterfind(f"transaction/{tag}")
        once: dict[tuple[str | None, ...], Element] = {}
        for child in found:
            once.setdefault((child.get("vocabulary"), child.get("code"), child.findtext("narrative")), child)
        for child in once.values():
            self._take(row, child, read(child))

    def _country(self, child: Element) -> list[Text]:
        code = self._texts.attribute(child, "code")
        known = [text for text in code if load_gazetteer().find("country", text.text)]
        return known or self._texts.name(child) or code

    def _region(self, child: Element) -> list[Text]:
        code = child.get("code", "").strip()
        means, name = codes.find_regions(child.get("vocabulary", "").strip(), code)
        known = [text for region in means for text in self._texts.text(region, child)]
        return known or self._texts.name(child) or self._texts.text(name or code, child)

    def _as_printed(self, row: Field, child: Element, line: Text) -> Text:
        """Return the printed form of a value if it has the same meaning."""
        own = {FieldKind.DATE: ("date",), FieldKind.ACTORS: ("actor",), FieldKind.CHOICE: (row.name,)}
        kinds = own.get(row.kind) or kinds_for_field(row.name)
        printed = normalise(child.findtext(codes.PRINTED, ""))
        same = any(codes.is_same_meaning(kind, printed, line.text) for kind in kinds)
        return replace(line, text=printed) if same else line

    def _take(self, row: Field, child: Element, lines: list[Text], label: str = "") -> None:
        if child.find(codes.PRINTED) is not None and row.kind in (
            FieldKind.DATE,
            FieldKind.ACTORS,
            FieldKind.SCOPES,
            FieldKind.CHOICE,
        ):
            lines = [self._as_printed(row, child, line) for line in lines]
        if evidence := self._evidence(child):
            self._derived |= {(line.place, line.text): evidence for line in lines}
        self._sections.take(Section(row, label or child.tag, place(child), lines))

    def _find(self, rule: str, child: Element, words: str, values: Mapping[str, object]) -> None:
        self._sections.find(rule, Text(words, place(child)), child.tag, values)


def _printed(link: Participation | Scope | Relation) -> Text:
    match link:
        case Participation():
            return link.actor.printed
        case Scope():
            return link.concept.printed
    return link.project.printed


#: Other elements are skipped, or read together with similar ones.
_ELEMENTS: dict[str, Callable[[_Activity, Element], None]] = {
    "iati-identifier": _Activity._identifier,
    "title": _Activity._title,
    "description": _Activity._description,
    "other-identifier": _Activity._other_identifier,
    "activity-status": _Activity._status,
    "participating-org": _Activity._participant,
    "contact-info": _Activity._contact,
    "sector": _Activity._sector,
    "tag": _Activity._sector,
    "activity-website": _Activity._link,
    "document-link": _Activity._link,
    "related-activity": _Activity._relation,
    "result": _Activity._result,
    codes.PARTICIPANT: _Activity._own_participant,
}
