"""Write records as IATI activities, one per project (IATI Activity Standard 2.03).

https://iatistandard.org/en/iati-standard/203/activity-standard/. Reading the file again restores everything
that IATI can represent. The rest is in attributes and elements of our own namespace, which IATI allows:
``cyb:field`` for the field of a text or the kind of a relation, ``cyb:evidence`` for quotes,
``cyb:participant`` for roles without an IATI code, ``cyb:stated`` for fields without an IATI element,
``cyb:leftBlank`` for blank fields, and ``cyb:printed`` for printed forms.

IATI requires a date, a status, a description and a participating organisation. If a record lacks one of
them, so does its activity, since nothing is invented. Such activities violate the schema and can be left
out.
"""

from __future__ import annotations

import mimetypes
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import IO, Any

from lxml import etree

from cybilgraph.errors import SiteError
from cybilgraph.model.classifications import ELEMENTS as CLASSIFYING
from cybilgraph.model.classifications import Classification, read_classification
from cybilgraph.model.dates import date_bounds
from cybilgraph.model.gazetteer import GazetteerEntry, load_gazetteer
from cybilgraph.model.indicators import MEASURES, Indicator, Measurement, read_indicator
from cybilgraph.model.links import CATEGORY, FORMAT, LANGUAGE, kind_of_detail, link_text
from cybilgraph.model.record import Basis, Date, Funding, Named, Participation, Record, Relation, Scope, Text
from cybilgraph.model.site_profile import DEFAULT_PROFILE, SiteProfile
from cybilgraph.model.state_bodies import label
from cybilgraph.model.vocabulary import CYB, SKOS, own_byte_pattern, scheme_iri
from cybilgraph.rdf.serialisation import project_key, to_xml_text
from cybilgraph.readers import Input, read_input
from cybilgraph.readers import iati as codes
from cybilgraph.readers.funding import funding_text
from cybilgraph.readers.iati.activity_sums import ELEMENTS, TRANSACTIONS
from cybilgraph.readers.record_builder import derive_slug
from cybilgraph.runtime.clock import build_time

#: The text before and after the activities of a file.
HEAD, END = b'<?xml version="1.0" encoding="UTF-8"?>\n<iati-activities version="2.03">\n', b"</iati-activities>\n"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_ACTOR = "<OWNid/actor/[^>]+>"
_ACTOR_NAME_OR_SEAT = rf"(?m)^({_ACTOR}) <(?:{SKOS.prefLabel}|{CYB.seat})> .*\n"
_IS_PROJECT = f" <{CYB.Project}> .\n".encode()
#: Code lists DescriptionType "other", ActivityDateType (planned and actual).
_OTHER = "4"
_START, _END = ("1", "2"), ("3", "4")
#: Code lists OrganisationType "other", Vocabulary "reporting organisation", IndicatorMeasure "qualitative",
#: DocumentCategory "activity web page", OtherIdentifierType "internal" and "other".
_ORG_OTHER, _OWN, _M49, _QUALITATIVE, _PAGE, _INTERNAL, _OTHER_ID = "90", "99", "2", "5", "A12", "A1", "A9"
#: Code lists IndicatorMeasure "unit", ResultType "other".
_UNIT, _OTHER_RESULT = "1", "9"


def actor_names(blocks: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return those N-Triples lines that state names and seats of actors, by actor."""
    names: dict[bytes, bytes] = defaultdict(bytes)
    for block in blocks:
        for found in own_byte_pattern(_ACTOR_NAME_OR_SEAT).finditer(block):
            names[found[1]] += found[0]
    return dict(names)


def names_within(block: bytes, names: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return those names (``actor_names``) whose actors occur in N-Triples lines."""
    return {actor: names[actor] for actor in sorted(set(own_byte_pattern(_ACTOR).findall(block))) if actor in names}


def read_graph_records(blocks: Iterable[bytes], names: Mapping[bytes, bytes] | None = None) -> Iterator[Record]:
    """Yield the records of N-Triples lines that are grouped by project, as in a release.

    ``names`` are those of actors in the shared part of the graph. Memory does not grow with the number of records.
    """
    lines = (line for block in blocks for line in block.splitlines(keepends=True))
    for key, group in groupby(lines, key=project_key):
        block = b"".join(group) if key else b""
        if _IS_PROJECT in block:
            block += b"".join(names_within(block, names or {}).values())
            yield from read_input(Input("graph.nt", data=block))


def require_publisher_id(profile: SiteProfile) -> None:
    """Raise SiteError if the publisher has no identifier, which IATI requires of reporting organisations."""
    if not profile.publisher_org_id:
        raise SiteError(
            "IATI requires an identifier for the publisher",
            "Add org-id to [publisher] in the site file, for example GB-COH-01234567. See https://org-id.guide.",
        )


def write_activities(records: Iterable[Record], output: IO[bytes], profile: SiteProfile = DEFAULT_PROFILE) -> None:
    """Write an activity file, record by record, reported by the publisher of the ``profile``.

    Links that are only possible are left out.
    """
    output.write(HEAD)
    for record in records:
        output.write(to_xml(make_activity(record, profile)))
    output.write(END)


def to_xml(activity: Any) -> bytes:
    """Return the text of an activity in a file."""
    etree.indent(activity, level=1)
    return b"  %b\n" % etree.tostring(activity, encoding="utf-8")


def make_activity(record: Record, profile: SiteProfile) -> Any:
    """Return one activity, without links that are only possible, with its elements in the order of the schema."""
    record = record.counted()
    about = {_LANG: record.language.text} if record.language.text else {}
    if record.updated:
        day = record.updated.text
        about["last-updated-datetime"] = f"{day}T00:00:00Z" if len(day) == len("2024-05-31") else day
    activity = etree.Element("iati-activity", about, {"cyb": CYB.iri})
    # Our own attribute marks an identifier that we generate for a project without one.
    generated = {} if record.iati else {codes.FIELD: "slug"}
    identifier = record.iati.text if record.iati else f"{profile.publisher_org_id}-{record.key}"
    _add(activity, "iati-identifier", attributes=generated).text = to_xml_text(identifier)
    listed = load_gazetteer().find_by_identifier("org-id", profile.publisher_org_id)
    about = {"ref": profile.publisher_org_id, "type": (_type_code(listed) if listed else "") or _ORG_OTHER}
    reporter = _add(activity, "reporting-org", profile.publisher_name, about)
    _add(activity, "title", record.title.text if record.title else "")
    _descriptions(activity, record)
    _organisations(activity, record)
    if not any(one.get("ref") == profile.publisher_org_id for one in activity.iterchildren("participating-org")):
        reporter.set("secondary-reporter", "1")  # it does not take part, and only passes on information
    _other_identifiers(activity, record)
    if record.status and (entry := load_gazetteer().get("status", record.status.key)):
        element = _add(activity, "activity-status", attributes={"code": entry.row["iati"]})
        _add_printed(element, "status", record.status.printed, entry.name)
    _dates(activity, record)
    _contacts(activity, record)
    found = [(text, read_classification(text.text)) for text in record.classifications]
    classified = [(text, one) for text, one in found if one]
    _classifications(activity, classified, ("activity-scope",))
    for kind in ("country", "region", "group", "theme"):
        for scope in record.scopes:
            # An unlisted place or theme has no code that IATI would accept.
            if scope.concept.kind == kind and scope.concept.known:
                _scope(activity, scope)
    _classifications(activity, classified, [tag for tag in CLASSIFYING if tag != "activity-scope"])
    for kind in (*ELEMENTS, *dict.fromkeys(TRANSACTIONS.values())):  # in the order of the schema
        for one in record.funding:
            if one.kind == kind and _has_element(one):
                _sum(activity, one)
    _links(activity, record)
    for relation in record.relations:
        kind = {"part_of": codes.PARENT, "includes": codes.CHILD}.get(relation.kind, codes.SIBLING)
        about = {"ref": relation.project.printed.text, "type": kind}
        element = _add(activity, "related-activity", attributes=about)
        etree.SubElement(element, codes.FIELD).text = relation.kind
        _add_evidence(element, relation)
    _results(activity, record)
    for link in record.participations:
        if not load_gazetteer().entries["role"][link.role].row["iati"]:
            _add_evidence(_add(activity, codes.PARTICIPANT, _name(link.actor), {"role": link.role}), link)
    _without_element(activity, record)
    return activity


def _without_element(activity: Any, record: Record) -> None:
    """Add fields without an IATI element, and blank fields. A slug that a reader derives is not needed."""
    for name in codes.WITHOUT_ELEMENT:
        for value in record.values(name):
            printed = value.printed if isinstance(value, Date) else value
            if isinstance(value, Scope):
                printed = value.concept.printed
            if isinstance(value, Funding):
                if _has_element(value):
                    continue
                printed = Text(funding_text(value))
            if name == "classifications" and read_classification(value.text):
                continue
            if name != "slug" or printed != derive_slug(record.title, record.address):
                element = _add(activity, codes.STATED, printed.text, {codes.FIELD_ATTRIBUTE: name})
                if isinstance(value, Date | Funding):
                    _add_evidence(element, value)
    for blank in record.left_blank:
        _add(activity, codes.LEFT_BLANK, attributes={codes.FIELD_ATTRIBUTE: blank.name})


def _descriptions(activity: Any, record: Record) -> None:
    for row, kind in codes.fields_of("description"):
        if paragraphs := record.values(row.name):
            own = {codes.FIELD: row.name} if kind == _OTHER else {}
            _add(activity, "description", "\n\n".join(text.text for text in paragraphs), {"type": kind, **own})


def _other_identifiers(activity: Any, record: Record) -> None:
    if record.code:
        _add(activity, "other-identifier", attributes={"ref": record.code.text, "type": _INTERNAL, codes.FIELD: "code"})
    for other in record.other_ids:
        element = _add(activity, "other-identifier", attributes={"ref": other.notation, "type": _OTHER_ID})
        if other.register:
            _add(element, "owner-org", other.register)


def _organisations(activity: Any, record: Record) -> None:
    for row in load_gazetteer().entries["role"].values():
        code = row.row["iati"]
        for link in record.values(row.key) if code else ():
            entry = load_gazetteer().get("actor", link.actor.key)
            kind = _type_code(entry) if entry else ""
            attributes = {"type": kind, "role": code} if kind else {"role": code}
            ref = next((one.text for one in entry.identifiers if one.register == "org-id"), "") if entry else ""
            attributes = {"ref": ref, **attributes} if ref else attributes
            _add_evidence(_add(activity, "participating-org", _name(link.actor), attributes), link)
        if code and record.blank(row.key):
            _add(activity, "participating-org", attributes={"role": code})


def _type_code(actor: GazetteerEntry) -> str:
    """Return the code of an actor's type in the code list OrganisationType, or an empty string."""
    kind = load_gazetteer().get("actor-type", actor.row["type"])
    return kind.row["iati"] if kind else ""


def _dates(activity: Any, record: Record) -> None:
    """Add full dates, as IATI requires: the first or last day of a period, with the known precision as narrative.

    Days in the future are planned, whatever the status.
    """
    planned = record.status is not None and record.status.key == "planned"
    ended = record.status is not None and record.status.key in ("finished", "cancelled")
    for date, kinds, actual, last in ((record.start, _START, not planned, False), (record.end, _END, ended, True)):
        if date and date.value:
            day = date_bounds(date.value)[last]
            stated = date.value if day != date.value else ""
            about = {"type": kinds[actual and day <= _today()], "iso-date": day}
            _add_evidence(_add(activity, "activity-date", stated, about), date)


def _contacts(activity: Any, record: Record) -> None:
    for contact in record.contacts:
        element = _add(activity, "contact-info")
        for tag, text in (("person-name", contact.name), ("job-title", contact.note)):
            if text:
                _add(element, tag, text)
        if contact.email:
            _add(element, "email").text = to_xml_text(contact.email)


def _classifications(activity: Any, found: Iterable[tuple[Text, Classification]], tags: Iterable[str]) -> None:
    """Add classifications whose elements have these tags, in their order."""
    for tag in tags:
        for text, one in found:
            if one.element == tag:
                kind = one.vocabulary.partition("-")[0] if tag == "humanitarian-scope" else ""
                about = {"type": kind, "vocabulary": one.vocabulary, "code": one.code}
                about |= {"percentage": one.share, "significance": one.significance}
                element = _add(activity, tag, one.name, {name: value for name, value in about.items() if value})
                if one.text != text.text:
                    etree.SubElement(element, codes.PRINTED).text = to_xml_text(text.text)


def _scope(activity: Any, scope: Scope) -> None:
    concept, share = scope.concept, {"percentage": scope.share} if scope.share else {}
    match concept.kind:
        case "country":
            element = _add(activity, "recipient-country", attributes={"code": concept.key, **share})
        case "region":
            about = {"vocabulary": _M49, "code": concept.key, **share}
            element = _add(activity, "recipient-region", attributes=about)
        case kind:
            tag = "recipient-region" if kind == "group" else "sector"
            own = {"vocabulary": _OWN, "vocabulary-uri": scheme_iri(kind), "code": concept.key, **share}
            element = _add(activity, tag, _name(concept), own)
    _add_evidence(element, scope)


def _has_element(one: Funding) -> bool:
    """Return whether IATI has an element for a sum with these dates, all of which it requires.

    A budget covers a year at most, a period ends after its start, and a transaction is not in the future.
    """
    if one.kind not in ELEMENTS:
        return bool(one.value_date) and one.value_date <= _today()
    return bool(one.value_date and one.start) and (
        one.start <= one.end and (one.kind != "budget" or one.end <= _year_after(one.start))
    )


def _sum(activity: Any, one: Funding) -> None:
    """Add a sum of money; details that the element does not have are in its printed form."""
    tag = one.kind if one.kind in ELEMENTS else "transaction"
    element = _add(activity, tag)
    if tag == "transaction":
        code = next(code for code, kind in TRANSACTIONS.items() if kind == one.kind)
        _add(element, "transaction-type", attributes={"code": code})
        _add(element, "transaction-date", attributes={"iso-date": one.value_date})
    else:
        _add(element, "period-start", attributes={"iso-date": one.start})
        _add(element, "period-end", attributes={"iso-date": one.end})
    value = _add(element, "value", attributes={"currency": one.currency, "value-date": one.value_date})
    value.text = one.amount
    for name, named in (("provider-org", one.provider), ("receiver-org", one.receiver)):
        if named and tag != "budget":
            _add(element, name, _name(named))
    if tag == "transaction" or one.provider or one.receiver or one.transactions:
        etree.SubElement(element, codes.PRINTED).text = to_xml_text(funding_text(one))
    _add_evidence(element, one)


def _today() -> str:
    return build_time().date().isoformat()


def _year_after(day: str) -> str:
    return f"{int(day[:4]) + 1:04}{day[4:]}"


def _links(activity: Any, record: Record) -> None:
    for link in record.links:
        if link.url:
            by_kind = {
                kind: [one for one in link.details if kind_of_detail(one) == kind]
                for kind in (FORMAT, CATEGORY, LANGUAGE)
            }
            kind = next(iter(by_kind[FORMAT]), mimetypes.guess_type(link.url)[0] or "text/html")
            element = _add(activity, "document-link", attributes={"format": kind, "url": to_xml_text(link.url)})
            _add(element, "title", link.text)
            for code in by_kind[CATEGORY] or [_PAGE]:
                _add(element, "category", attributes={"code": code})
            for code in by_kind[LANGUAGE]:
                _add(element, "language", attributes={"code": code})
            if not (by_kind[FORMAT] and by_kind[CATEGORY]):  # IATI requires more than is known
                etree.SubElement(element, codes.PRINTED).text = to_xml_text(link_text(link.text, link.details))


def _results(activity: Any, record: Record) -> None:
    """Add results with their indicators. An indicator whose result is unknown gets one of our own."""
    indicators = [(text, read_indicator(text.text)) for text in record.indicators]
    results: dict[str, Any] = {}
    for row, kind in codes.fields_of("result"):
        for item in record.values(row.name):
            result = _add(
                activity, "result", attributes={"type": codes.IMPACT if item.subheading == "Impact" else kind}
            )
            _add(result, "title", item.text)
            results[item.text] = result
            if not any(item.text.startswith(one.result or one.title) for _, one in indicators):
                indicator = _add(result, "indicator", attributes={"measure": _QUALITATIVE})  # required by the schema
                _add(indicator, "title", item.text)
    for text, one in indicators:
        name = one.result or one.title
        title = name if name in results else next((title for title in results if title.startswith(name)), "")
        if (result := results.get(title)) is None:
            result = results[name] = _add(
                activity, "result", attributes={"type": _OTHER_RESULT, codes.FIELD: "indicators"}
            )
            _add(result, "title", name)
        _indicator(result, text, one)


def _indicator(result: Any, text: Text, one: Indicator) -> None:
    """Add an indicator. Its text is in its printed form, for what IATI has no place for."""
    measure = next((code for code, name in MEASURES.items() if name == one.measure), _UNIT)
    element = _add(result, "indicator", attributes={"measure": measure})
    _add(element, "title", one.title)
    for value in one.values:
        if value.kind == "baseline":
            dated = {"year": value.start[:4], "iso-date": value.start if value.start[4:] else ""}
            about = {name: text for name, text in {**dated, "value": value.value}.items() if text}
            _add(element, "baseline", attributes=about)
    periods: dict[tuple[str, str], list[Measurement]] = {}
    for value in one.values:
        if value.kind != "baseline":
            periods.setdefault((value.start, value.end), []).append(value)
    for (start, end), values in periods.items():
        period = _add(element, "period")
        for tag, day, last in (("period-start", start, False), ("period-end", end, True)):
            if day:
                _add(period, tag, attributes={"iso-date": date_bounds(day)[last]})
        for value in sorted(values, key=lambda value: value.kind != "target"):  # in the order of the schema
            _add(period, value.kind, attributes={"value": value.value})
    etree.SubElement(element, codes.PRINTED).text = to_xml_text(text.text)


def _add_printed(element: Any, kind: str, printed: Text, stated: str) -> None:
    """Add the printed form of a value if it differs from the stated one but has the same meaning."""
    text = to_xml_text(printed.text)
    if text != stated and codes.is_same_meaning(kind, text, stated):
        etree.SubElement(element, codes.PRINTED).text = text


def _add_evidence(element: Any, link: Participation | Scope | Relation | Funding | Date) -> None:
    """Add the evidence of a derived value, or the printed form of a stated one."""
    if not link.evidence or (not isinstance(link, Date) and link.basis is Basis.STATED):
        match link:
            case Date():
                _add_printed(element, "date", link.printed, link.value)
            case Participation():
                _add_printed(element, "actor", link.actor.printed, _name(link.actor))
            case Scope():
                place, key = link.concept, link.concept.kind in ("country", "region")
                _add_printed(element, place.kind, place.printed, place.key if key else _name(place))
        return
    for one in link.evidence:
        about = {codes.SECTION: one.section, codes.CONFIDENCE: f"{one.confidence:g}"}
        etree.SubElement(element, codes.EVIDENCE, about).text = to_xml_text(one.quote)


def _name(named: Named) -> str:
    entry = load_gazetteer().get(named.kind, named.key) if named.known else None
    return entry.name if entry else label(named) if named.home else named.printed.text


def _add(parent: Any, tag: str, text: str = "", attributes: dict[str, str] | None = None) -> Any:
    """Add a child element, with a narrative if there is a text."""
    found = etree.SubElement(parent, tag, {name: to_xml_text(value) for name, value in (attributes or {}).items()})
    if text:
        etree.SubElement(found, "narrative").text = to_xml_text(text)
    return found
