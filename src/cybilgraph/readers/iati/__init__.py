"""Read activity files of the International Aid Transparency Initiative: one record per activity.

IATI Activity Standard 2.03, https://iatistandard.org/en/iati-standard/203/activity-standard/. ``elements`` lists what
each element becomes; elements without a corresponding field are counted in a finding.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

from cybilgraph.errors import SourceError
from cybilgraph.model.classifications import DEFAULTS, Classification, read_classification, read_share
from cybilgraph.model.classifications import ELEMENTS as CLASSIFYING
from cybilgraph.model.dates import read_date
from cybilgraph.model.fields import BY_NAME, NARRATIVE_FIELDS, Field, FieldKind
from cybilgraph.model.findings import Finding
from cybilgraph.model.gazetteer import GazetteerEntry, load_gazetteer
from cybilgraph.model.indicators import MEASURES, Indicator, Measurement, indicator_text, read_indicator
from cybilgraph.model.links import link_text
from cybilgraph.model.money import format_amount
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
from cybilgraph.model.resources import read_reference
from cybilgraph.model.rules import finding
from cybilgraph.model.vocabulary import CYB
from cybilgraph.readers.funding import read_funding
from cybilgraph.readers.iati.activity_sums import period_of, read_day, read_sums
from cybilgraph.readers.iati.elements import LANGUAGE, NotImported, full_text, narratives
from cybilgraph.readers.iati.xml import HINT, Element, find_misdeclared_line, read_activities
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.page_layout import ENDED
from cybilgraph.readers.printed_names import BULLET, find, kinds_for_field
from cybilgraph.readers.record_builder import CODE, RecordBuilder, Section
from cybilgraph.readers.text import WINDOWS, normalise, unwrap


def fields_of(element: str) -> list[tuple[Field, str]]:
    """Return the fields that an IATI element carries, each with the type of the element, in page order."""
    return [(row, row.iati[1]) for row in NARRATIVE_FIELDS if row.iati and row.iati[0] == element]


#: Code lists DescriptionType and ResultType with their fields.
_DESCRIPTIONS, _RESULTS = (
    {kind: row.name for row, kind in reversed(fields_of(element))} for element in ("description", "result")
)
IMPACT = "3"
#: Code list RelatedActivityType.
PARENT, CHILD, SIBLING = "1", "2", "3"
#: Percentages may be rounded.
_ROUNDING = Decimal("0.5")
#: Code list ActivityDateType: the actual date, or else the planned one.
_DATES = {"start": ("2", "start-actual", "1", "start-planned"), "end": ("4", "end-actual", "3", "end-planned")}
#: Version 1 has words in place of some codes, here and in ``_DATES``.
_ROLES_OF_VERSION_1 = {"funding": "1", "accountable": "2", "extending": "3", "implementing": "4"}
_VOCABULARIES_OF_VERSION_1 = {"DAC": "1", "DAC-3": "2", "RO": "99"}
#: Code list RegionVocabulary.
_DAC, _M49 = "1", "2"
#: Our extensions, as the standard allows: the field of a description (attribute) or related activity (element),
#: and for derived values each quote with its section and confidence.
FIELD, EVIDENCE, SECTION, CONFIDENCE = f"{{{CYB.iri}}}field", f"{{{CYB.iri}}}evidence", "section", "confidence"
#: Our elements for a participant in a role without an IATI code, for a field without an IATI element, for a field
#: left blank, and for the printed form of a value.
PARTICIPANT, STATED, LEFT_BLANK, PRINTED = (
    f"{{{CYB.iri}}}{name}" for name in ("participant", "stated", "leftBlank", "printed")
)
FIELD_ATTRIBUTE = "field"
#: Our attribute of an element whose percentage or code we added because IATI requires one, and its value.
BASIS, DERIVED = f"{{{CYB.iri}}}basis", "derived"
WITHOUT_ELEMENT = ("slug", "duration", "audience", "funding", "classifications", "address", "retrieved", "rights")
#: The prefix of identifiers that earlier versions generated for projects without one.
GENERATED_PREFIX = "cybilgraph-"
_UNSPECIFIED = "unspecified"

_ZONE = re.compile(r"(?<=\d\d-\d\d)(?:Z|[+-]\d\d:\d\d)$")
_YEAR = re.compile(r"\d{4}")
_PARTIAL_DATE = re.compile(r"\d{4}(?:-\d\d)?")
#: Fields that ``cyb:field`` may give where one IATI code covers several.
_TEXT_FIELDS = frozenset(row.name for row, _ in fields_of("description"))
_RELATIONS = frozenset(row.name for row in BY_NAME.values() if row.kind is FieldKind.PROJECTS)
_CONFIDENCE = re.compile(r"0(?:\.\d{1,6})?|1(?:\.0{1,6})?")
_EMAIL = re.compile(r"[^\s@<>();,]{1,64}@[^\s@<>();,]{1,255}")
#: The minimum length of a line that an editor wrapped; shorter lines were ended by their author.
_MIN_WRAPPED_CHARACTERS = 60
#: The maximum number of lines of a text; the rest counts as one line.
_MAX_LINES = 20_000
#: Values that may have evidence, and the attribute of each link that has the printed name.
_DERIVABLE = ("start", "end", "duration", "participations", "scopes", "relations", "funding")
_NAMED_IN = {Participation: "actor", Scope: "concept", Relation: "project"}


def read_iati(input_file: Input) -> Iterator[Record]:
    """Yield a record for each activity in a file.

    Raises SourceError if it is not IATI, is empty or too large; if it is damaged, after the records before.
    """
    findings: list[Finding] = []
    odd = find_misdeclared_line(input_file)
    if odd:
        findings.append(finding("encoding", input_file.name, line=odd))
    number, left = 0, NotImported(Counter())
    elements = read_activities(input_file, WINDOWS if odd else None)
    try:
        for number, element in enumerate(elements, start=1):
            activity = _Activity(element, input_file, findings if number == 1 else [])
            if number == 1:
                activity.check_version()
            left.add(element, activity.language)
            yield activity.record()
    finally:  # also if the file is damaged
        input_file.notes.extend(left.findings(input_file.name))
    if not number:
        raise SourceError(f"{input_file.name}: contains no activity", HINT)


class _Activity:
    """Converts the elements of one iati-activity to sections."""

    def __init__(self, element: Element, input_file: Input, findings: list[Finding]) -> None:
        named = next(element.iterfind("title/narrative"), element)
        self._element = element
        self._sections = RecordBuilder(input_file, findings, _place(element).line)
        self.language = element.get(LANGUAGE) or element.getparent().get(LANGUAGE) or named.get(LANGUAGE) or ""
        self._contacts: dict[Contact, Element] = {}
        #: The evidence of derived texts, by place and text.
        self._derived: dict[tuple[Place | None, str], tuple[Evidence, ...]] = {}
        #: The percentages of places and themes, by place and text.
        self._shares: dict[tuple[Place | None, str], str] = {}

    def check_version(self) -> None:
        """Report versions other than 2, which have other codes."""
        root = self._element.getparent()
        version = root.get("version", "").strip()
        if not version.startswith("2."):
            self._find("iati-version", root, version[:40], {"version": version[:40] or "?"})

    def record(self) -> Record:
        """Return the finished record."""
        self._read()
        record = self._sections.record(self._derived)
        record = replace(record, **{name: self._with_evidence(getattr(record, name)) for name in _DERIVABLE})
        record = replace(record, scopes=tuple(map(self._with_share, record.scopes)))
        record = replace(record, left_blank=(*record.left_blank, *self._left_blank(record)))
        if not self._contacts:
            return record
        first = next(iter(self._contacts.values()))
        labels = record.labels | {"contacts": (first.tag, _place(first))}
        return replace(record, contacts=tuple(self._contacts), labels=labels)

    def _read(self) -> None:
        element = self._element
        for name, label, value in (
            ("language", "xml:lang", self.language),
            ("updated", "last-updated-datetime", element.get("last-updated-datetime", "")),
        ):
            if lines := _texts(value, element):
                self._take(name, element, lines, label)
        for child in element:
            if (read := _ELEMENTS.get(child.tag)) and not self._sections.is_full and self._is_read(child):
                read(self, child)
        self._dates()
        self._places("country", self._country)
        self._places("region", self._region)
        self._sums()
        self._check_percentages()
        # Fields without an IATI element come last: a duration may also imply dates.
        for child in element.iterfind(STATED):
            if (name := child.get(FIELD_ATTRIBUTE, "")) in WITHOUT_ELEMENT and self._is_read(child):
                self._take(name, child, self._name(child))
        if element.find("participating-org") is None:
            for child in element.iterfind("reporting-org"):
                if child.get("secondary-reporter") not in ("1", "true"):
                    self._take(_UNSPECIFIED, child, self._organisation(child))

    def _left_blank(self, record: Record) -> Iterator[LeftBlank]:
        """Yield the fields that were left blank and have no stated value; derived values do not count."""
        for child in self._element.iterfind(LEFT_BLANK):
            name = child.get(FIELD_ATTRIBUTE, "")
            if name in BY_NAME and all(getattr(value, "evidence", ()) for value in record.values(name)):
                yield LeftBlank(name, child.tag, _place(child))

    # Evidence of derived values.

    def _is_read(self, child: Element) -> bool:
        """Return whether to read an element. Without valid evidence, a value is derived again from the prose."""
        return child.find(EVIDENCE) is None or any(self._quotes(child))

    def _quotes(self, child: Element) -> Iterator[tuple[str, float, list[Text]]]:
        """Yield section, confidence and words of each valid quote that we wrote as evidence."""
        for one in child.iterfind(EVIDENCE):
            section, confidence = one.get(SECTION, ""), one.get(CONFIDENCE, "")
            quote = _texts(full_text(one), one)
            if quote and section in BY_NAME and _CONFIDENCE.fullmatch(confidence):
                yield section, float(confidence), quote

    def _evidence(self, child: Element) -> tuple[Evidence, ...]:
        return tuple(
            Evidence(section, text.text, text.place, confidence)
            for section, confidence, quote in self._quotes(child)
            for text in self._sections.fit(quote, _place(child))
        )

    def _with_evidence(self, value: Any) -> Any:
        """Return a value or link, or a tuple of them, with the evidence of its element."""
        if isinstance(value, tuple):
            return tuple(map(self._with_evidence, value))
        if value is None:
            return None
        is_link = not isinstance(value, Date)
        printed = (getattr(value, _NAMED_IN[type(value)]) if type(value) in _NAMED_IN else value).printed
        evidence = self._derived.get((printed.place, printed.text))
        basis = {"basis": Basis.DERIVED} if is_link else {}
        return replace(value, evidence=evidence, **basis) if evidence else value

    # Texts in the language of the activity: ``narrative`` elements contain them, one or more per language.

    def _name(self, element: Element) -> list[Text]:
        """Return the text of an element on one line; an empty list if it has none."""
        return [text for found in narratives(element, self.language)[:1] for text in _texts(full_text(found), found)]

    def _names(self, element: Element, *tags: str) -> list[Text]:
        """Return the texts of the child elements with these tags, one line each."""
        return [text for tag in tags for found in element.iterfind(tag) for text in self._name(found)]

    def _paragraphs(self, element: Element) -> list[Text]:
        paragraphs = (unwrap(_lines(found), _is_continuation) for found in narratives(element, self.language))
        return [text for part in paragraphs for text in part if text.text]

    # One method for each element of an activity.

    def _title(self, child: Element) -> None:
        self._take("title", child, self._name(child))

    def _identifier(self, child: Element) -> None:
        found = self._name(child)
        is_generated = child.get(FIELD) == "slug" or (found and found[0].text.startswith(GENERATED_PREFIX))
        if not is_generated:
            self._take("iati", child, found)

    def _other_identifier(self, child: Element) -> None:
        """Read a portal code or another identifier. An unusual code is recognised by our own attribute."""
        code = _attribute(child, "ref")
        if code and (CODE.fullmatch(code[0].text) or _field_name(child, frozenset({"code"}))):
            self._take("code", child, code)
        elif code and not child.get("type", "").startswith("B"):  # B: an identifier of the reporting organisation
            owner = child.find("owner-org")
            register = self._organisation(owner) if owner is not None else []
            text = f"{register[0].text}: {code[0].text}" if register else code[0].text
            self._take("other_ids", child, [replace(code[0], text=text)])

    def _description(self, child: Element) -> None:
        kind = _DESCRIPTIONS.get(child.get("type", "1"), "description")
        self._take(_field_name(child, _TEXT_FIELDS) or kind, child, self._paragraphs(child))

    def _status(self, child: Element) -> None:
        if child.get(BASIS) == DERIVED:
            return
        code = child.get("code", "").strip()
        # In "Finalisation" (3), the work is done but the accounts are still open.
        status = _find_by_code("status", "4" if code == "3" else code)
        self._take("status", child, _texts(status.name if status else code, child))

    def _participant(self, child: Element) -> None:
        """Read a participating organisation. Roles without a field are kept in the participation only."""
        code = child.get("role", "").strip()
        entry = _find_by_code("role", _ROLES_OF_VERSION_1.get(code.lower(), code))
        role = entry.key if entry else _UNSPECIFIED
        name = self._organisation(child)
        if role == _UNSPECIFIED:
            self._find("role", child, name[0].text if name else "", {"code": code[:40]})
        if name or role in BY_NAME:
            self._take(role, child, name)

    def _own_participant(self, child: Element) -> None:
        if (role := child.get("role", "")) in load_gazetteer().entries["role"]:
            self._take(role, child, self._organisation(child))

    def _organisation(self, child: Element) -> list[Text]:
        """Return the name of an organisation; without one, the name that belongs to its identifier, if it is listed."""
        if name := self._name(child):
            return name
        listed = ((ref, load_gazetteer().find_by_identifier("org-id", ref.text)) for ref in _attribute(child, "ref"))
        return [replace(ref, text=entry.name) if entry else ref for ref, entry in listed]

    def _sector(self, child: Element) -> None:
        """Read a theme from the publisher's own sector or tag; any other sector or tag is a classification."""
        if _vocabulary(child) in ("98", "99"):
            names = [*self._name(child), *_attribute(child, "code")]
            if theme := next((name for name in names if load_gazetteer().find("theme", name.text)), None):
                self._take("theme", child, [theme])
                return
            if names:
                self._find("no-theme", child, names[0].text, {"tag": child.tag})
        self._classification(child)

    def _classification(self, child: Element) -> None:
        """Read a code of another vocabulary."""
        name, code = self._name(child), _attribute(child, "code")
        if code or name:
            one = Classification(
                child.tag,
                _vocabulary(child),
                (code or name)[0].text,
                name[0].text if code and name else "",
                _share(child),
                child.get("significance", "").strip()[:1],
            )
            printed = normalise(child.findtext(PRINTED, ""))
            text = printed if read_classification(printed) == one else one.text
            self._take("classifications", child, [Text(text, _place(child))])

    def _contact(self, child: Element) -> None:
        names = self._names(child, "person-name", "organisation", "department")
        emails = [email.text for email in self._names(child, "email")]
        email = next(filter(_EMAIL.fullmatch, emails), "")
        notes = [note.text for note in self._names(child, "job-title", "telephone")]
        notes += [other for other in emails if other != email]
        if names or email or notes:
            contact = Contact(names[0].text if names else "", email, ", ".join(notes), _place(child))
            if contact not in self._contacts:
                self._contacts.update((kept, child) for kept in self._sections.fit([contact], _place(child)))
        for website in child.iterfind("website"):
            self._link(website)

    def _link(self, child: Element) -> None:
        """Read a link; what we have written has its format, language and category as printed, if they are known."""
        title = self._names(child, "title")
        url = _attribute(child, "url") or ([] if title else self._name(child))
        text = normalise(child.findtext(PRINTED, ""))
        if not text and (title or url):
            listed = (one.get("code", "") for one in child.iterchildren("language", "category"))
            text = link_text((title or url)[0].text, map(str.strip, (child.get("format", ""), *listed)))
        if text:
            place = (title or url or [Text("", _place(child))])[0].place
            self._take("links", child, [Text(f"{text} <{url[0].text}>" if url else text, place)])

    def _relation(self, child: Element) -> None:
        kind = {PARENT: "part_of", CHILD: "includes"}.get(child.get("type", "").strip(), "related")
        self._take(_field_name(child, _RELATIONS) or kind, child, _attribute(child, "ref"))

    def _result(self, child: Element) -> None:
        """Read a result as one item: its title and description."""
        kind = child.get("type", "")
        for indicator in child.iterfind("indicator"):
            self._indicator(indicator, child)
        if child.get(FIELD) == "indicators":  # we had no result for its indicators
            return
        parts = self._names(child, "title", "description")
        words = list(dict.fromkeys(part.text for part in parts))
        joint = " " if words and words[0].endswith((".", "!", "?", ":", ";")) else ": "
        under = "Impact" if kind == IMPACT else ""
        items = [replace(part, text=joint.join([words[0], *words[1:]]), subheading=under) for part in parts[:1]]
        self._take(_RESULTS.get(kind, "outcomes"), child, items)

    def _indicator(self, child: Element, result: Element) -> None:
        """Read an indicator: as printed if we have written it. One that only the schema requires has no values."""
        names = [part[0].text if (part := self._names(one, "title")) else "" for one in (child, result)]
        values = [
            Measurement("baseline", value, start, start)
            for one in child.iterfind("baseline")
            if (value := self._measured(one))
            for start in (read_day(one.get("iso-date", "")) or _year(one.get("year", "")),)
        ]
        for period in child.iterfind("period"):
            start, end = period_of(period)
            values += (
                Measurement(kind, value, start if end else "", end if start else "")
                for kind in ("target", "actual")
                for one in period.iterfind(kind)
                if (value := self._measured(one))
            )
        measure = MEASURES.get(child.get("measure", "").strip(), "")
        one = Indicator(names[0], names[1] if names[1] != names[0] else "", measure, tuple(values))
        printed = normalise(child.findtext(PRINTED, ""))
        if printed and read_indicator(printed).title == one.title:
            self._take("indicators", child, [Text(printed, _place(child))])
        elif one.title and (values or one.result):
            self._take("indicators", child, [Text(indicator_text(one), _place(child))])

    def _measured(self, child: Element) -> str:
        """Return a value of an indicator; that of a qualitative one may be its comment."""
        return normalise(child.get("value", "")) or " ".join(text.text for text in self._names(child, "comment")[:1])

    # Fields from several elements.

    def _check_percentages(self) -> None:
        """Report percentages that do not add up to 100: of sectors by vocabulary, and of places together."""
        groups: dict[str, list[Element]] = {}
        for child in self._element.iterchildren("sector", "recipient-country", "recipient-region"):
            group = (
                f"sector (vocabulary {_vocabulary(child)})"
                if child.tag == "sector"
                else "recipient-country and -region"
            )
            groups.setdefault(group, []).append(child)
        for group, children in groups.items():
            stated = [Decimal(share) for child in children if (share := _share(child))]
            total = sum(stated, Decimal())
            if stated and abs(total - 100) > _ROUNDING:
                self._find("percentages", children[0], "", {"group": group, "total": format_amount(total)})

    def _with_share(self, scope: Scope) -> Scope:
        printed = scope.concept.printed
        share = self._shares.get((printed.place, printed.text))
        return replace(scope, share=share) if share else scope

    def _dates(self) -> None:
        for name, kinds in _DATES.items():
            for kind in kinds:
                found = self._element.find(f"activity-date[@type='{kind}']")
                if found is not None and self._is_read(found) and (value := found.get("iso-date", "").strip()):
                    precise = next((text.text for text in self._name(found)), "")
                    if _PARTIAL_DATE.fullmatch(precise) and value.startswith(precise):  # printed with lower precision
                        value = precise
                    self._take(name, found, _texts(_ZONE.sub("", value), found))
                    break

    def _sums(self) -> None:
        """Read the sums of money. One that we have written has all its details in its printed form."""
        for child, one in read_sums(self._element, self._is_read, self._organisation):
            text = normalise(child.findtext(PRINTED, ""))
            printed = read_funding(Text(text, _place(child)))
            if printed and (printed.amount, printed.currency, printed.kind) == (one.amount, one.currency, one.kind):
                one = printed
            if not one.amount:
                self._find("amount-form", child, normalise(child.findtext("value", "")), {})
                continue
            evidence = self._evidence(child)
            basis = Basis.DERIVED if evidence else Basis.STATED
            self._sections.add_funding(one, Text("", _place(child)), child.tag, basis, evidence)

    def _places(self, name: str, read: Callable[[Element], list[Text]]) -> None:
        """Read the places of the activity, or else those of its transactions, without duplicates."""
        tag = f"recipient-{name}"
        found = list(filter(self._is_read, self._element.iterfind(tag))) or self._element.iterfind(f"transaction/{tag}")
        once: dict[tuple[str | None, ...], Element] = {}
        for child in found:
            once.setdefault((child.get("vocabulary"), child.get("code"), child.findtext("narrative")), child)
        for child in once.values():
            self._take(name, child, read(child))

    def _country(self, child: Element) -> list[Text]:
        code = _attribute(child, "code")
        known = [text for text in code if load_gazetteer().find("country", text.text)]
        return known or self._name(child) or code

    def _region(self, child: Element) -> list[Text]:
        """Return a region or group. "South & Central Asia" of the OECD DAC is two regions of UN M49."""
        code, vocabulary = child.get("code", "").strip(), child.get("vocabulary", "").strip()
        regions, name = _dac().get(code.lstrip("0"), ((), "")) if vocabulary in ("", _DAC) else ((), "")
        if vocabulary == _M49 and (entry := load_gazetteer().get("region", code.zfill(3))):
            regions = (entry.key,)
        known = [text for region in regions for text in _texts(region, child)]
        return known or self._name(child) or _texts(name or code, child)

    def _take(self, name: str, child: Element, lines: list[Text], label: str = "") -> None:
        """Add a value, in its printed form if that has the same meaning, and keep its evidence for later."""
        row = BY_NAME.get(name) or Field(name, FieldKind.ACTORS)
        place = _place(child)
        if printed := normalise(child.findtext(PRINTED, "")):
            kinds = {
                FieldKind.DATE: ("date",),
                FieldKind.ACTORS: ("actor",),
                FieldKind.CHOICE: (name,),
                FieldKind.SCOPES: kinds_for_field(name),
            }.get(row.kind, ())
            lines = [
                replace(line, text=printed)
                if any(is_same_meaning(kind, printed, line.text) for kind in kinds)
                else line
                for line in lines
            ]
        if row.kind is FieldKind.SCOPES and (share := _share(child)):
            self._shares |= {(line.place, line.text): share for line in lines if len(lines) == 1}
        if evidence := self._evidence(child):
            self._derived |= {(line.place, line.text): evidence for line in lines}
        self._sections.take(Section(row, label or child.tag, place, lines))

    def _find(self, rule: str, child: Element, words: str, values: Mapping[str, object]) -> None:
        self._sections.find(rule, Text(words, _place(child)), child.tag, values)


def _place(element: Element) -> Place:
    """Return the place of an element; the parser gives only the line."""
    return Place(element.sourceline or 0)


def _texts(value: str, element: Element) -> list[Text]:
    """Return a list with one text, or an empty list for a blank value."""
    text = normalise(value)
    return [Text(text, _place(element))] if text else []


def _share(element: Element) -> str:
    """Return the percentage of an element that its source states, or an empty string."""
    return "" if element.get(BASIS) == DERIVED else read_share(element.get("percentage", "").strip())


def _vocabulary(element: Element) -> str:
    given = element.get("vocabulary", "").strip()
    return _VOCABULARIES_OF_VERSION_1.get(given, given) or DEFAULTS.get(element.tag, "")


def _year(text: str) -> str:
    return text.strip() if _YEAR.fullmatch(text.strip()) else ""


def _attribute(element: Element, name: str) -> list[Text]:
    return _texts(element.get(name, ""), element)


def _field_name(element: Element, names: frozenset[str]) -> str:
    """Return the field that ``cyb:field`` names, or an empty string if it is not one of these names."""
    name = element.get(FIELD) or element.findtext(FIELD, "")
    return name if name in names else ""


def _lines(element: Element) -> Iterator[Text]:
    for number, line in enumerate(full_text(element).split("\n", _MAX_LINES), start=element.sourceline or 0):
        yield Text(normalise(line), Place(number, len(line) - len(line.lstrip()) + 1))


def _is_continuation(line: Text, following: Text) -> bool:
    """Return whether neither a blank line nor a line end by the author separates two lines."""
    if not line.text or not following.text or ENDED.search(line.text) or BULLET.match(following.text):
        return False
    return following.text[0].islower() or len(line.text) >= _MIN_WRAPPED_CHARACTERS


def _find_by_code(kind: str, code: str) -> GazetteerEntry | None:
    entries = load_gazetteer().entries[kind].values()
    return next((entry for entry in entries if code and entry.row["iati"] == code), None)


def is_same_meaning(kind: str, printed: str, stated: str) -> bool:
    """Return whether a printed name of this kind, or date, means the same as a stated one."""
    if kind == "date":
        date = read_date(Text(printed))
        return date is not None and date.value == stated
    entry, other = find(kind, printed), find(kind, stated)
    return entry is not None and other is not None and entry.key == other.key


@cache
def _dac() -> dict[str, tuple[tuple[str, ...], str]]:
    """Return the regions or groups of each code of the OECD DAC, and its official name."""
    return {
        row["code"]: (tuple(part for part in row["means"].split(";") if part), row["name"])
        for row in read_reference("dac-regions.csv")
    }


#: Other elements are skipped, or read together with similar ones.
_ELEMENTS: dict[str, Callable[[_Activity, Element], None]] = {
    "iati-identifier": _Activity._identifier,
    "title": _Activity._title,
    "description": _Activity._description,
    "other-identifier": _Activity._other_identifier,
    "activity-status": _Activity._status,
    "participating-org": _Activity._participant,
    "contact-info": _Activity._contact,
    **dict.fromkeys(CLASSIFYING, _Activity._classification),
    "sector": _Activity._sector,
    "tag": _Activity._sector,
    "activity-website": _Activity._link,
    "document-link": _Activity._link,
    "related-activity": _Activity._relation,
    "result": _Activity._result,
    PARTICIPANT: _Activity._own_participant,
}
