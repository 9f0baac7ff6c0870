"""Prepare IATI activities for publication: they conform to the schema and the rulesets of IATI 2.03.

https://iatistandard.org/en/iati-standard/203/rulesets/standard-ruleset/. Two things that are required, but rarely
stated, are added, marked (``cyb:basis="derived"``) and not read back: a status, which follows from the dates, and
percentages, which are equal shares. An activity that lacks anything else, or whose identifier another one has, is left
out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from lxml import etree

from cybilgraph.model.identifiers import ORG_ID
from cybilgraph.model.money import format_amount
from cybilgraph.model.site_profile import SiteProfile
from cybilgraph.rdf.iati_activities import END, HEAD, make_activity, read_graph_records, to_xml
from cybilgraph.readers.iati import BASIS, DERIVED
from cybilgraph.runtime.clock import build_time

#: The file of activities in a release.
ACTIVITIES = "cybilgraph.iati.xml"
#: The identifier and the text of each activity.
Activities = Iterable[tuple[str, bytes]]
#: What an activity lacks if an earlier one in the file has its identifier.
_OWN_IDENTIFIER = "identifier of its own"
#: The types of activity dates, planned and actual, as XPath.
_STARTS, _ENDS = "@type='1' or @type='2'", "@type='3' or @type='4'"
#: What the schema and the rulesets require of an activity, and the XPath of the elements that meet it.
_REQUIRED = {
    "identifier without / & | ?": "iati-identifier[translate(., '/&|?', '') = .]",
    "title": "title/narrative",
    "description": "description/narrative",
    "organisation": "participating-org",
    "start": f"activity-date[{_STARTS}]",
    "country or region": "recipient-country | recipient-region",
    "theme": "sector",
}
#: Elements that the rulesets reject, and without which the activity conforms.
_REJECTED = etree.XPath(
    "participating-org[not(@ref) and not(narrative)] | title[not(narrative)] | description[not(narrative)]"
    " | sector[(@vocabulary='98' or @vocabulary='99') and not(narrative)]"
    " | policy-marker[@vocabulary='99' and not(narrative)]"
    " | policy-marker[(not(@vocabulary) or @vocabulary='1') and not(@significance)]"
    " | document-link[not(title/narrative)] | result[not(title/narrative)] | result/indicator[not(title/narrative)]"
    " | result/indicator/baseline[not(@value and @year)]"
    " | result/indicator/period[not(period-start and period-end)]"
    " | result/indicator/period[number(translate(period-start/@iso-date, '-', '')) >"
    " number(translate(period-end/@iso-date, '-', ''))]"
)
#: Codes of ActivityStatus: pipeline, implementation, closed.
_PLANNED, _ONGOING, _CLOSED = "1", "2", "4"
#: The default vocabulary of sectors and regions.
_DAC = "1"
_SHARE, _ALL, _CENT = "percentage", Decimal(100), Decimal("0.01")


def can_publish(profile: SiteProfile) -> bool:
    """Return whether the publisher has an identifier of org-id.guide, without which nobody can report activities."""
    return ORG_ID.fullmatch(profile.publisher_org_id) is not None


@contextmanager
def open_activities(path: Path) -> Iterator[Callable[[Activities, Counter[str]], None]]:
    """Open a new file, and yield a function that adds activities to it. Raises OSError.

    The function leaves out activities whose identifier the file has already, and corrects the counts of projects by
    what they lack.
    """
    identifiers = set[str]()
    with path.open("xb") as file:

        def add(activities: Activities, lacking: Counter[str]) -> None:
            for identifier, text in activities:
                if identifier in identifiers:
                    lacking.subtract([""])
                    lacking[_OWN_IDENTIFIER] += 1
                else:
                    identifiers.add(identifier)
                    file.write(text)

        file.write(HEAD)
        yield add
        file.write(END)


def publish_activities(
    block: bytes, names: Mapping[bytes, bytes], profile: SiteProfile
) -> tuple[list[tuple[str, bytes]], Counter[str]]:
    """Return the activities of the projects in N-Triples lines, and the number of projects by what they lack.

    The number of activities is under an empty text. ``names`` are those of the actors.
    """
    written, lacking = [], Counter[str]()
    for record in read_graph_records([block], names):
        activity = make_activity(record, profile)
        lacks = _complete(activity)
        lacking[lacks] += 1
        if not lacks:
            written.append((activity.findtext("iati-identifier"), to_xml(activity)))
    return written, lacking


def _complete(activity: Any) -> str:
    """Complete an activity, and return what it still lacks."""
    for element in _REJECTED(activity):
        element.getparent().remove(element)
    for what, path in _REQUIRED.items():
        if not activity.xpath(path):
            return what
    start, end = ("".join(activity.xpath(f"activity-date[{kinds}]/@iso-date")) for kinds in (_STARTS, _ENDS))
    if end and start > end:
        return "end after its start"
    if activity.find("activity-status") is None and not _add_status(activity, start, end):
        return "status or end"
    return "" if _add_shares(activity) else "percentages that add up to 100"


def _add_status(activity: Any, start: str, end: str) -> bool:
    """Add the status that follows from the dates, if one does."""
    today = build_time().date().isoformat()
    code = _PLANNED if start > today else "" if not end else _CLOSED if end < today else _ONGOING
    if code:
        status = etree.SubElement(activity, "activity-status", {"code": code, BASIS: DERIVED})
        activity.find("activity-date").addprevious(status)
    return bool(code)


def _add_shares(activity: Any) -> bool:
    """Add missing percentages of sectors and places, and return whether all add up to 100.

    Sectors add up in each vocabulary, and regions of each vocabulary together with the countries. If no source states
    a percentage, named countries share everything. An earlier version of the ruleset adds up all places.
    """
    countries = activity.findall("recipient-country")
    sectors, regions = (_by_vocabulary(activity, tag) for tag in ("sector", "recipient-region"))
    if countries and regions and not activity.xpath("(recipient-country | recipient-region)/@percentage"):
        _share(countries)
    groups = [*sectors, *([*countries, *found] for found in regions or [[]])]
    adds_up = all(_share(group) for group in groups if len(group) > 1 or any(one.get(_SHARE) for one in group))
    places = activity.xpath("(recipient-country | recipient-region)/@percentage")
    return adds_up and (not places or sum(map(Decimal, places)) == _ALL)


def _by_vocabulary(activity: Any, tag: str) -> list[list[Any]]:
    found: dict[str, list[Any]] = {}
    for element in activity.iterchildren(tag):
        found.setdefault(element.get("vocabulary", _DAC), []).append(element)
    return list(found.values())


def _share(elements: list[Any]) -> bool:
    """Give elements without a percentage equal parts of what the others leave, and return whether all are 100."""
    rest = _ALL - sum((Decimal(element.get(_SHARE, "0")) for element in elements), Decimal())
    if rest < 0:
        return False
    missing = [element for element in elements if not element.get(_SHARE)]
    for count, element in zip(range(len(missing), 0, -1), missing, strict=True):
        part = (rest / count).quantize(_CENT, "ROUND_DOWN") if count > 1 else rest
        element.attrib.update({_SHARE: format_amount(part), BASIS: DERIVED})
        rest -= part
    return not rest
