"""Convert labelled sections to a record, for all formats with labels and values.

A reader divides its input into sections: a field, the printed label, and the lines below it.
``RecordBuilder`` reads each section by the kind of its field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from itertools import zip_longest
from typing import Any, TypeVar

from cybilgraph.model.classifications import split_share
from cybilgraph.model.dates import find_periods, is_quarter, possible_days, read_date, read_duration, read_range
from cybilgraph.model.fields import BY_NAME, Field, FieldKind
from cybilgraph.model.findings import Finding
from cybilgraph.model.gazetteer import load_gazetteer, slug
from cybilgraph.model.links import split_details
from cybilgraph.model.money import DEFAULT_KIND, find_currency, find_kind
from cybilgraph.model.record import (
    Basis,
    Date,
    Evidence,
    Funding,
    Identifier,
    LeftBlank,
    Named,
    Participation,
    Place,
    Record,
    Relation,
    Scope,
    Source,
    Text,
    WebLink,
)
from cybilgraph.model.rules import finding
from cybilgraph.model.state_bodies import find_actor, is_state_body, parse_actor_name, qualify
from cybilgraph.readers import printed_names as names
from cybilgraph.readers.contacts import find_malformed_addresses, is_email_address, may_be_person, read_contacts
from cybilgraph.readers.funding import PrintedFunding, funding_text, read_funding, split_funding
from cybilgraph.readers.inputs import MAX_PAGE_BYTES, Input
from cybilgraph.readers.printed_names import BULLET, without_bullet

# All repetitions are bounded, so that no line takes long to search.
_URL = re.compile(r"https?://[^\s<>\"“”]{0,2000}[^\s<>\"“”.,;:)]")
#: A malformed address: htp://example.org, <www.example.org>.
_MALFORMED_URL = re.compile(
    r"(?<![^\s<(])[a-z]{1,12}(?:[:;]//?|//)[^\s<>\"“”]{1,2000}|(?<=<)[^\s<>@]{1,2000}(?=>$)", re.IGNORECASE
)
#: Text that is not a title: the end of a sentence, a whole sentence, or a long paragraph.
_NOT_A_TITLE = re.compile(
    r"[a-z].{40,}[.;!?][”\"’]?|(?:\S+ ){45,}\S*|(?:\S+ ){9,}\S*[.!?][”\"’]?"
    r"|(?=.* (?:is|are|was|were|will|has|have|aims|aimed) )(?:\S+ ){11,}\S*"
)
_UNTIL = re.compile(r"(?<=\w)[, ]+(?:until|till|to) (?=\S)")
_BEGINNING = re.compile(r",? (?:from|since|(?:starting|beginning)(?: in| on| from)?) (?=\S)", re.IGNORECASE)
_ARTICLE = re.compile(r"\Athe ", re.IGNORECASE)
#: A time in UTC, as web archives record it.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8}){0,3}", re.IGNORECASE)
#: A project code: G0020, GI-07.
CODE = re.compile(r"G(?:\d{4}|I-?\d{2,3})")
_CODE_LABEL = re.compile(r"(?:(?:cybil|gfce) )?(?:code|project):? ", re.IGNORECASE)
#: The address of a project page, as in the Cybil Portal; its last part is the slug, unless it has other characters.
_PAGE = re.compile(
    r"https?://[^/\s]{1,255}/projects?/(?=[a-z0-9-]{1,200}(?:[/?#]|\Z))((?:[a-z0-9]++-)*+[a-z0-9]++)/?(?:[?#].*)?"
)
#: "Net EU contribution": the label names who pays.
_LABEL_OF_PAYER = re.compile(
    r"(?:total |net )*(?P<who>.{1,60}?)(?:['’]s)? (?:contribution|funding|grant)", re.IGNORECASE
)
_VERB = re.compile(r"\b(?:is|are|was|were|has|have|had|will|been)\b", re.IGNORECASE)
#: Text that marks a missing value.
_PLACEHOLDER = (
    r"(?:n/?a|yes|no|nil|none|ninguno|aucun|néant|tb[acd]|unknown|not (?:known|applicable|available)"
    r"|to be (?:confirmed|determined|announced)|-+)\.?"
)
_CURRENCY = r"(?:USD|EUR|GBP|CHF|AUD|CAD|NZD|SEK|NOK|DKK|JPY|euros?|dollars?|pounds?|francs?)"
_AMOUNT = (
    rf"(?:[a-z]{{0,3}} ?[$€£¥] ?[0-9]|{_CURRENCY} ?[0-9]"
    rf"|[0-9][0-9.,’']*(?: (?:thousand|million|billion))? {_CURRENCY}\b)"
)
#: Text under "Funders" or "Countries" that is not a name: a sentence, an amount, or words for nobody in particular.
_NOT_A_NAME = re.compile(
    rf"{_VERB.pattern}|\b(?:including|along with)\b"
    r"|^(?!(?:\S+ ){0,2}(?:Ministry|Department|Office|Centre|Center|Agency|Authority|Service)\b)(?:\S+ ){9}"
    rf"|^(?:(?:up to|over|more than|about|some) )?{_AMOUNT}"
    r"|^(?:(?:up to|over|more than|about|some) )?[0-9]+(?: (?:\S+ )?(?:countries|states|economies|islands))?$"
    rf"|^(?:(?:voluntary contributions?|various)\.?|{_PLACEHOLDER})$"
    # "Cooperative Agreement 72062423CA00006", "Grant D7090", but not "H2020"
    r"|\b[A-Z]{0,8}[0-9]{5}[A-Z0-9]*$|\b(?:grant|credit|loan|contract) [A-Z]?[0-9]{4}$"
    r"|^\([^()]+\)$",
    re.IGNORECASE,
)
_NOT_A_DATE = re.compile(_PLACEHOLDER, re.IGNORECASE)
#: A sentence, if it ends with a full stop.
_PROSE = re.compile(rf"{_VERB.pattern}|^(?:The|This|Our) (?:project|programme|program|initiative)\b", re.IGNORECASE)
#: Words without capitals after the first are not a name: "Young people in the two provinces".
_LOWER_CASE_WORDS = re.compile(r"\W*\w[^A-ZÀ-ÖØ-Þ\s]*(?: [^A-ZÀ-ÖØ-Þ\s]+){5,}")
_LOWER_CASE_GROUP = re.compile(r"\W*\w[^A-ZÀ-ÖØ-Þ\s]*,?(?: [^A-ZÀ-ÖØ-Þ\s]+){2,}")
#: The sign before the only value of a list: "• Jan 2015".
_LIST_ITEM = re.compile(r"[•◦▪●‣]\s+")
#: The footnote to "Kosovo*" is not part of the list above it.
_FOOTNOTE = re.compile(r"\*{1,2} ?(?:This|All references|References)\b")
#: The maximum length of a subheading, and of a name.
_MAX_SUBHEADING_CHARACTERS, _MAX_NAME_CHARACTERS = 60, 120
#: A ministry with its state may have a longer name, up to the length of a key.
_MAX_BODY_CHARACTERS = 200
#: The size of a value in addition to its characters, to limit the number of short values.
_CHARACTERS_PER_VALUE = 100
_T = TypeVar("_T")


@dataclass(slots=True)
class Section:
    """A printed label with the lines below it.

    ``label`` is empty for the head of a page. If the lines are ``whole``, they are not split at semicolons.
    """

    row: Field
    label: str
    place: Place
    lines: list[Text] = field(default_factory=list)
    whole: bool = False


class RecordBuilder:
    """Collects the values of a record, section by section, up to a size limit.

    The limit keeps one excessive record from affecting the others.
    """

    def __init__(self, input_file: Input, findings: list[Finding], line: int = 0) -> None:
        """Begin a record; ``line`` is its first line in a file with several records."""
        self._input_file = input_file
        self._line = line
        self._findings = findings
        self._values: dict[str, Any] = {}
        #: Dates implied by a range under another label.
        self._implied: dict[str, Date] = {}
        self._labels: dict[str, tuple[str, Place]] = {}
        self._blank: list[LeftBlank] = []
        #: Sums of money, which wait for their currency; it may have a column of its own.
        self._sums: list[tuple[Text, Section]] = []
        self._currency = ""
        self._remaining_characters = MAX_PAGE_BYTES

    def take(self, section: Section) -> None:
        """Read one section by the kind of its field."""
        row = section.row
        if row.kind is FieldKind.LAYOUT:
            return
        if section.label:
            self._labels.setdefault(row.name, (section.label, section.place))
        if section.lines:
            if lines := self.fit(section.lines, section.place):
                if not row.is_multivalued and (match := _LIST_ITEM.match(lines[0].text)):
                    lines[0] = lines[0].part(match.end())
                take = _READERS[row.kind] if section.label or row.name != "title" else RecordBuilder._head
                take(self, replace(section, lines=lines))
        elif section.label and row.name not in ("description", "currency"):
            # "Details" comes directly above "Aim" in the page layout, and is not a blank field there.
            self._blank.append(LeftBlank(row.name, section.label, section.place))

    @property
    def is_full(self) -> bool:
        """Whether the size limit was exceeded; all further values are left out."""
        return self._remaining_characters < 0

    def fit(self, values: Iterable[_T], place: Place) -> list[_T]:
        """Return the values that fit into the record, up to the first one that does not, which is reported."""
        found: list[Any] = []
        for value in values:
            weight = _CHARACTERS_PER_VALUE + _count_characters(value)
            if weight > self._remaining_characters:
                if isinstance(value, Text) and self._remaining_characters > _CHARACTERS_PER_VALUE:
                    found.append(value.part(0, self._remaining_characters - _CHARACTERS_PER_VALUE))
                if not self.is_full:
                    limits = {"most": f"{MAX_PAGE_BYTES:,}", "weight": _CHARACTERS_PER_VALUE}
                    place = getattr(value, "place", None) or place
                    self._findings.append(finding("too-much", self._input_file.name, limits, place=place))
                self._remaining_characters = -1
                break
            self._remaining_characters -= weight
            found.append(value)
        return found

    def record(self, extracted: Container[tuple[Place | None, str]] = ()) -> Record:
        """Return the finished record. ``extracted`` has the places and texts of values from prose."""
        self._read_sums()
        values = self._implied | self._values
        if "slug" not in values and (derived := derive_slug(values.get("title"), values.get("address"))):
            values["slug"] = derived
        # A field that is blank in one place but filled in another is not blank.
        filled = {name for name, value in self._values.items() if value}
        filled.update(link.role for link in self._values.get("participations", ()))
        filled.update(link.concept.kind for link in self._values.get("scopes", ()))
        filled.update(link.kind for link in self._values.get("relations", ()))
        source = self._input_file.source
        attributes: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        if links := attributes.get("participations"):

            def is_stated(named: Named) -> bool:
                return (named.printed.place, named.printed.text) not in extracted

            scopes = [scope for scope in attributes.get("scopes", ()) if is_stated(scope.concept)]
            stated = tuple(link for link in links if is_stated(link.actor))
            others = tuple(link for link in links if not is_stated(link.actor))
            attributes["participations"] = qualify(stated, scopes) + others
            if sums := attributes.get("funding"):
                actors = {link.actor.printed.text: link.actor for link in attributes["participations"]}
                attributes["funding"] = tuple(
                    replace(one, provider=_same(one.provider, actors), receiver=_same(one.receiver, actors))
                    for one in sums
                )
        return Record(
            source=Source(source.name, source.sha256, self._line) if self._line else source,
            labels=self._labels,
            findings=tuple(self._findings),
            left_blank=tuple(entry for entry in self._blank if entry.name not in filled),
            **attributes,
        )

    def _extend(self, name: str, values: list[Any]) -> None:
        """Add values to a multivalued field. Paragraphs lose their bullets."""
        if BY_NAME.get(name, BY_NAME["title"]).kind is FieldKind.PROSE:
            values = [line.part(match.end()) if (match := BULLET.match(line.text)) else line for line in values]
            values = [line for line in values if line.text]
        self._values.setdefault(name, []).extend(values)

    def _head(self, section: Section) -> None:
        """Read the head of a page: the title, then fields that older pages print without a heading."""
        title, *rest = section.lines
        # A capture that begins in the middle has no title, and a title may have a label.
        if is_text(title.text) or self._values.setdefault("title", title) is not title:
            rest = section.lines
        body: list[Text] = []
        for line in rest:
            # On older pages, a contact is below the code and before the text: "Ana Lopez, Head of Training".
            name = line.text if line.text.endswith(".") else line.text.partition(", ")[0]
            is_below_code = "contacts" not in self._values and "code" in self._labels
            if dates := read_range(line):
                self._set_dates(dates)
            elif "code" not in self._values and not body and CODE.fullmatch(line.text):
                self._values["code"] = line
            elif "status" not in self._values and (status := load_gazetteer().find("status", line.text)):
                self._values["status"] = Named("status", status.key, line)
            elif not body and (is_email_address(line.text) or (is_below_code and may_be_person(name))):
                self._contacts(Section(BY_NAME["contacts"], "", section.place, [line]))
            else:
                body.append(line)
        if body:
            self._extend("description", [*body, *self._values.pop("description", [])])

    def _keep(self, name: str, value: Text | Named | Date, label: str = "") -> None:
        """Keep the first value of a single-valued field, and report a conflicting one. A second title is text."""
        kept = self._values.setdefault(name, value)
        if kept is not value and _are_in_conflict(kept, value):
            label, other = label or BY_NAME[name].column, _printed(value)
            texts = {"other": shorten_quote(other.text), "kept": shorten_quote(_printed(kept).text)}
            self.find("second-value", other, label, {"label": label, **texts})
            if name == "title":
                self._extend("description", [other])
        elif isinstance(value, Date) and (both := possible_days(value)):
            self.find("ambiguous-date", value.printed, label, {"year": value.value, "one": both[0], "other": both[1]})
        elif isinstance(value, Date) and is_quarter(value):
            self.find("part-of-year", value.printed, label, {"printed": value.printed.text, "year": value.value})

    def _set_dates(self, dates: tuple[Date, Date], label: str = "") -> None:
        self._keep("start", dates[0], label)
        self._keep("end", dates[1], label)

    def _value(self, section: Section) -> None:
        value, *rest = section.lines
        self._keep(section.row.name, value, section.label)
        self._extend("description", rest)

    def _choice(self, section: Section) -> None:
        printed, *rest = section.lines
        if (until := _UNTIL.search(printed.text)) and (date := read_date(printed.part(until.end()))) and date.value:
            self._keep("end", date, section.label)  # "Ongoing until 31 August 2025"
            printed = printed.part(0, until.start())
        self._keep(section.row.name, self._resolve(section.row.name, printed, section.label), section.label)
        self._extend("description", rest)

    def _date(self, section: Section) -> None:
        printed, *rest = section.lines
        name = section.row.name
        if name == "duration":
            self._duration(printed, section.label)
        elif date := read_date(printed):
            self._keep(name, date, section.label)
        elif dates := read_range(printed):  # "From: FY21/22" also gives the end, unless another field does
            own, other = dates if name == "start" else dates[::-1]
            self._keep(name, own, section.label)
            self._implied.setdefault("end" if name == "start" else "start", other)
        else:
            self._values.setdefault(name, Date("", printed))
            if not _NOT_A_DATE.fullmatch(printed.text):
                self.find("date-form", printed, section.label)
        self._extend("description", rest)

    def _duration(self, printed: Text, label: str) -> None:
        """Read "36 months", two dates, both, or a duration and its start: "18 months from March 2019"."""
        periods = ((period.start, period.end) for period in find_periods(printed) if period.end)
        if dates := read_range(printed) or next(periods, None):
            self._set_dates(dates, label)
        length = read_duration(printed)
        if (begin := _BEGINNING.search(printed.text)) and (start := read_date(printed.part(begin.end()))):
            length = read_duration(printed.part(0, begin.start()))
            self._keep("start", start, label)
        for part in re.finditer(r"[^(),;]+", printed.text):
            length = length or read_duration(printed.part(*part.span()))
        if length or not dates:
            self._keep("duration", Date(length.value if length else "", printed), label)

    def _items(self, section: Section) -> None:
        """Read each paragraph or list item. A short line with a colon before a list is its subheading."""
        under = ""
        for line, following in zip_longest(section.lines, section.lines[1:], fillvalue=Text("")):
            is_bulleted = BULLET.match(line.text)
            short = line.text.endswith(":") and len(line.text) <= _MAX_SUBHEADING_CHARACTERS
            if short and not is_bulleted and BULLET.match(following.text):
                under = line.text.rstrip(": ")
            elif _FOOTNOTE.match(line.text):
                self._extend("description", [line])
            else:
                under = under if is_bulleted else ""
                item = without_bullet(line)
                self._extend(section.row.name, [replace(item, subheading=under) if under else item])

    def _actors(self, section: Section) -> None:
        for item in self._names(section, ("actor",)):
            if self._is_audience(section, item):
                audience = self._resolve("audience", item, section.label)
                self._extend("scopes", [Scope(audience, Basis.STATED)])
                continue
            if split := split_funding(item):
                item, amount = split
                way = "from" if section.row.name == "funder" else "to"
                kind = find_kind(section.label) or "commitment"
                self._sums.append((Text(f"{amount} ({kind}, {way} {item.text})", item.place), section))
            actor = self._resolve("actor", item, section.label)
            self._extend("participations", [Participation(actor, section.row.name, Basis.STATED)])

    @staticmethod
    def _is_audience(section: Section, item: Text) -> bool:
        """Return whether a beneficiary is a group of people or organisations rather than an organisation."""
        if section.row.name == "audience":
            return True
        return section.row.name == "beneficiary" and names.is_audience(item.text)

    def _scopes(self, section: Section) -> None:
        for item in self._names(section, names.kinds_for_field(section.row.name)):
            bare, share = split_share(item.text)
            concept = self._resolve_scope(section.row.name, item.part(0, len(bare)), section.label)
            self._extend("scopes", [Scope(concept, Basis.STATED, share=share)])
        for line in section.lines:
            if match := names.LIST_HEADING.fullmatch(
                line.text
            ):  # a region that introduces a part of the list: "In Africa:"
                name = line.part(*match.span("name"))
                entries = (load_gazetteer().find(kind, name.text) for kind in ("region", "group"))
                scopes = [Scope(Named(entry.kind, entry.key, name), Basis.STATED) for entry in entries if entry]
                self._extend("scopes", scopes)

    def _names(self, section: Section, kinds: tuple[str, ...]) -> Iterator[Text]:
        """Yield the names in a list, up to prose after a name.

        Items too long for a name are sentences; consecutive ones are reported once.
        """
        small = _LOWER_CASE_WORDS if section.row.name != "beneficiary" else _LOWER_CASE_GROUP
        named = reported = False
        for number, line in enumerate(section.lines):
            # "The project has three priority countries (…), which serve as hubs."
            is_prose = line.text.endswith(".") and bool(_PROSE.search(line.text))
            if is_prose and named and not BULLET.match(line.text):  # the text of the page continues
                self._keep_as_text(section.lines[number:], section, reported)
                return
            for item in [line] if is_prose else names.split_list([line], kinds, section.whole):
                text = item.text
                is_long = len(text) > _MAX_NAME_CHARACTERS and not _is_body_with_state(text)
                odd = is_long or _NOT_A_NAME.search(text) or small.fullmatch(text)
                if is_prose or (odd and not (names.is_known(text, kinds) or self._is_audience(section, item))):
                    self._keep_as_text([item], section, reported)
                    reported = True
                else:
                    yield item
                    named, reported = True, False

    def _keep_as_text(self, lines: list[Text], section: Section, reported: bool) -> None:
        """Keep text that is not a name in the description, and report it unless the item before it was."""
        self._extend("description", lines)
        if not reported:
            self.find("not-a-name", lines[0], section.label, {"label": section.label})

    def _projects(self, section: Section) -> None:
        """Read other projects, given by code, title or page address."""
        for line in section.lines:
            named = without_bullet(line)
            for item in [named] if section.whole else names.split_parts(named, r" ?; ?"):
                bare = item.text.strip("“”\"' ")
                bare = bare[match.end() :] if (match := _CODE_LABEL.match(bare)) else bare
                page = _PAGE.fullmatch(bare)
                key = bare if CODE.fullmatch(bare) else page[1] if page else slug(bare)
                project = Named("project", key or "unnamed", item)
                self._extend("relations", [Relation(section.row.name, project, Basis.STATED)])

    def _money(self, section: Section) -> None:
        self._sums += [(without_bullet(line), section) for line in section.lines]

    def _take_currency(self, section: Section) -> None:
        printed = section.lines[0]
        if code := find_currency(printed.text):
            self._currency = code
        else:
            self._extend("description", [printed])
            self.find("amount-form", printed, section.label)

    def _read_sums(self) -> None:
        """Read the sums of money. What cannot be read is kept in the description, and reported once per section.

        Sentences are not reported: the text of a page may continue below a sum.
        """
        reported: set[int] = set()
        for printed, section in self._sums:
            read, label = read_funding(printed), section.label
            currency = (read.currency or self._currency) if read else ""
            if read is None or not currency or read.unread:
                kept = f"{label}: {printed.text}" if len(section.lines) == 1 else printed.text
                self._extend("description", [Text(kept, printed.place)])
                is_prose = printed.text.endswith(".") and _PROSE.search(printed.text)
                if not (is_prose or _NOT_A_DATE.fullmatch(printed.text) or id(section) in reported):
                    self.find("amount-form", (read and read.unread) or printed, label)
                    reported.add(id(section))
            if read and currency:
                payer = _LABEL_OF_PAYER.fullmatch(label)
                if payer and not read.provider and (entry := names.find("actor", payer["who"])):
                    read.provider = Text(entry.name, printed.place)
                read.kind = read.kind or find_kind(label) or DEFAULT_KIND
                read.currency = currency
                self.add_funding(read, printed, label)
        self._sums = []

    def add_funding(
        self,
        read: PrintedFunding,
        printed: Text,
        label: str,
        basis: Basis = Basis.STATED,
        evidence: tuple[Evidence, ...] = (),
    ) -> None:
        """Add a sum of money with its organisations; its line is printed like all others if ``printed`` is empty."""
        funding = Funding(
            *(read.kind, read.amount, read.currency, printed, basis, read.start, read.end, read.value_date),
            transactions=read.transactions,
            provider=self._resolve("actor", read.provider, label) if read.provider else None,
            receiver=self._resolve("actor", read.receiver, label) if read.receiver else None,
            evidence=evidence,
        )
        if not printed.text:
            funding = replace(funding, printed=replace(printed, text=funding_text(funding)))
        self._extend("funding", self.fit([funding], printed.place or Place(0)))

    def _record_value(self, section: Section) -> None:
        """Read a value about the record itself, and report it if invalid."""
        value, name = section.lines[0], section.row.name
        if name == "retrieved" and _INSTANT.fullmatch(value.text) and read_date(value.part(0, 10)):
            value = replace(value, text=value.text.removesuffix("T00:00:00Z"))  # a day in RDF
        elif name in ("updated", "retrieved"):
            date = read_date(value)
            value = Text(date.value if date and len(date.value) == 10 else "", value.place)
        elif name == "language":
            value = Text(value.text.lower() if _LANGUAGE.fullmatch(value.text) else "", value.place)
        elif name == "address":
            value = value if _URL.fullmatch(value.text) else Text("", value.place)
        if value.text:
            self._keep(name, value, section.label)
        else:
            self.find("record-value", section.lines[0], section.label, {"label": section.label})

    def _contacts(self, section: Section) -> None:
        for line in section.lines:
            for match in find_malformed_addresses(line.text):
                self.find("contact-email-form", line.part(match.start(), match.end()), section.label)
        self._values["contacts"] = read_contacts(section.lines, self._values.get("contacts", []))

    def _identifiers(self, section: Section) -> None:
        """Read one identifier per line: "World Bank: P161086", "World Bank P161086" or "P161086 (World Bank)"."""
        for line in section.lines:
            item = without_bullet(line)
            notation, register = _split_identifier(item.text)
            if not register:
                self.find("no-register", item, section.label)
            self._extend("other_ids", [Identifier(notation, register, item.place)])

    def _links(self, section: Section) -> None:
        """Read one link per line: a text, an address, or "Text <address>"."""
        for line in section.lines:
            item = without_bullet(line)
            address = _URL.search(item.text)
            text = item.text
            if address and text.endswith(f"<{address[0]}>"):
                text = text.removesuffix(f"<{address[0]}>").strip() or address[0]
            elif not address and (other := _MALFORMED_URL.search(text)):
                self.find("web-link-address", item.part(other.start(), other.end()), section.label)
            text, details = split_details(text)
            self._extend("links", [WebLink(text, address[0] if address else "", item.place, details)])

    def _resolve_scope(self, kind: str, printed: Text, label: str) -> Named:
        """Return the entry of a place or theme. A value under "Countries" may also be a group ("ASEAN")."""
        for other in names.kinds_for_field(kind):
            if entry := load_gazetteer().find(other, printed.text):
                if other == "country" and (also := load_gazetteer().find_namesake(printed.text)):
                    values = {"printed": printed.text, "name": entry.name, "other": also.name}
                    self.find("ambiguous-name", printed, label, values=values)
                return Named(other, entry.key, printed)
        return self._resolve(kind, printed, label)

    def _resolve(self, kind: str, printed: Text, label: str) -> Named:
        """Return the entry with this name, or a new one."""
        entry = names.find(kind, printed.text)
        if entry is None and (entry := names.find_near(kind, printed.text)):
            values = {"printed": printed.text, "name": entry.closest_name(printed.text)}
            self.find("near-name", printed, label, values)
        if entry is None and kind == "actor":
            entry = find_actor(printed.text)  # it may be listed without its abbreviation
        key = entry.key if entry else slug(_ARTICLE.sub("", printed.text))
        return Named(kind, key or "unnamed", printed, load_gazetteer().get(kind, key) is not None)

    def find(self, rule: str, printed: Text, label: str = "", values: Mapping[str, object] | None = None) -> None:
        """Report words of the record. They count towards its size limit."""
        place = printed.place or Place(0, 0)
        for text in self.fit([printed.text], place):
            self._findings.append(finding(rule, self._input_file.name, values, place=place, label=label, text=text))


def _same(actor: Named | None, actors: Mapping[str, Named]) -> Named | None:
    """Return the participant of the same printed name, whose country may be known."""
    return actor and actors.get(actor.printed.text, actor)


def derive_slug(title: Text | None, address: Text | None) -> Text | None:
    """Return the slug of a record that states none: that of the address of its page, or else that of its title."""
    if address and (page := _PAGE.fullmatch(address.text)):
        return Text(page[1], address.place)
    return Text(derived, title.place) if title and (derived := slug(title.text)) else None


def is_text(line: str) -> bool:
    """Return whether a line is too much like a sentence to be a title."""
    return _NOT_A_TITLE.fullmatch(line) is not None


def _are_in_conflict(kept: Text | Named | Date, other: Text | Named | Date) -> bool:
    """Return whether two values of a field contradict each other. A date may be a more precise form of another."""
    if isinstance(kept, Date) and isinstance(other, Date) and kept.value and other.value:
        return not (kept.value.startswith(other.value) or other.value.startswith(kept.value))
    if isinstance(kept, Named) and isinstance(other, Named):
        return kept.key != other.key
    return _printed(kept).text.casefold() != _printed(other).text.casefold()


def _printed(value: Text | Named | Date) -> Text:
    return value if isinstance(value, Text) else value.printed


def shorten_quote(text: str, most: int = _MAX_NAME_CHARACTERS) -> str:
    """Return a text with at most this many characters, for a message."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _is_body_with_state(text: str) -> bool:
    """Return whether this is a body of a state, with the state in brackets behind it."""
    if len(text) > _MAX_BODY_CHARACTERS or not text.endswith(")"):
        return False
    parsed = parse_actor_name(text)
    return parsed.country is not None and is_state_body(parsed.bare, owned=True)


def _split_identifier(text: str) -> tuple[str, str]:
    """Return an identifier and the name of its register, which may be before it or, in brackets, behind it."""
    register, separator, notation = text.partition(": ")
    if separator and register and notation:
        return notation.strip(), register
    notation, _, register = text.removesuffix(")").rpartition(" (")
    if text.endswith(")") and any(map(str.isdigit, notation)):
        return notation, register
    register, _, notation = text.rpartition(" ")
    return (notation, register) if register and any(map(str.isdigit, notation)) else (text, "")


def _count_characters(value: Any) -> int:
    """Return the length of all texts in a value."""
    if isinstance(value, Text):
        return len(value.text) + len(value.subheading)
    if isinstance(value, str):
        return len(value)
    if isinstance(value, tuple):
        return sum(map(_count_characters, value))
    return sum(_count_characters(getattr(value, each.name)) for each in fields(value)) if is_dataclass(value) else 0


_READERS: dict[FieldKind, Callable[[RecordBuilder, Section], None]] = {
    FieldKind.VALUE: RecordBuilder._value,
    FieldKind.CHOICE: RecordBuilder._choice,
    FieldKind.DATE: RecordBuilder._date,
    FieldKind.PROSE: lambda values, section: values._extend(section.row.name, section.lines),
    FieldKind.ITEMS: RecordBuilder._items,
    FieldKind.ACTORS: RecordBuilder._actors,
    FieldKind.SCOPES: RecordBuilder._scopes,
    FieldKind.CONTACTS: RecordBuilder._contacts,
    FieldKind.IDENTIFIERS: RecordBuilder._identifiers,
    FieldKind.LINKS: RecordBuilder._links,
    FieldKind.PROJECTS: RecordBuilder._projects,
    FieldKind.MONEY: RecordBuilder._money,
    FieldKind.CURRENCY: RecordBuilder._take_currency,
    FieldKind.RECORD: RecordBuilder._record_value,
}
