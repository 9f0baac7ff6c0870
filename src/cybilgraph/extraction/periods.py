"""Find the start, end and duration of a project in sentences."""

from __future__ import annotations

import re
from dataclasses import replace

from cybilgraph.extraction.phrases import has_phrase
from cybilgraph.extraction.sentences import Sentence
from cybilgraph.model.dates import Period, find_periods, read_duration
from cybilgraph.model.fields import Content, sections
from cybilgraph.model.record import Date, Record, Text

_SECTIONS = ("title", *sections(Content.PURPOSE, Content.DETAILS))
#: Sections searched only for durations, because their dates are those of other events.
_DURATION_ONLY = sections(Content.BACKGROUND)
#: Confidence in a period that is a whole sentence, or that follows an introductory word.
_ALONE_CONFIDENCE, _INTRODUCED_CONFIDENCE = 0.95, 0.9
_BOTH = {"start", "end"}
_PERIOD_BEFORE = re.compile(
    r"(?:\b(?:from|between|during|over|ran|runs|running|lasted|lasts|for|period|duration|dates?|implemented|in|of|covers)"
    r"(?: of the project)?(?: the)?(?: (?:period|years?|fiscal years?))?(?: from| of)?[:,]? ?|[(\[] ?|^|, )\Z",
    re.IGNORECASE,
)
_START_BEFORE = re.compile(
    r"\b(?:since|start(?:s|ed|ing)?(?: date)?(?: was| is)?|began|begins|beginning|launched|kicked off|initiated"
    r"|commenced"
    r"|(?:planned|due|expected) to (?:begin|start))"
    r"(?: [a-z]+){0,2}? ?(?:in|on|at)? ?\Z",
    re.IGNORECASE,
)
_END_BEFORE = re.compile(
    r"(?:\b(?:until|till|end(?:s|ed|ing)?|clos(?:es|ed)|conclud(?:es|ed)|finish(?:es|ed)|complet(?:ed|es)|through)"
    r"|(?:planned|due|expected) to (?:close|end|finish))"
    r"(?: [a-z]+){0,2}? ?(?:in|on|by|at)? ?\Z",
    re.IGNORECASE,
)
_UNTIL_BEFORE = re.compile(r"\b(?:until|till) (?:the )?\Z", re.IGNORECASE)
_UNTIL_AFTER = re.compile(r" (?:until|till|to) (?:the )?(?:FY|[A-Z0-9])")
#: "From 3 to 5 May 2019 a workshop took place": a period of an event, not of the project.
_EVENT_AFTER = re.compile(
    r",? (?:an? |the |its )?(?:[\w-]+ ){0,2}"
    r"(?:workshop|meeting|conference|seminar|event|hackathon|visit|ceremony|webinar)\b"
)
#: "A strategy for 2021–2024", "seven by the end of 2019", "after its start in 2016", "it may end in 2023".
_NOT_OF_PROJECT_BEFORE = re.compile(
    r"\b(?:strateg(?:y|ies)|plans?|agenda|roadmap|vision|policy|law)\b[^.;]{0,30}\Z"
    r"|\b(?:by|before) the end of \Z|\bafter (?:its|their) (?:start|launch) in \Z"
    r"|\b(?-i:may|might|could)(?: [a-z]+)? (?:start|begin|end|close|conclude|finish)(?: [a-z]+){0,2} \Z",
    re.IGNORECASE,
)
#: "What the OAS has done since 2020".
_SINCE_BEFORE = re.compile(r"\bsince (?:early |late |mid-)?\Z", re.IGNORECASE)
#: Sentences about the project itself: "The project ran …", "It began …", "Duration: …"; not "The previous project",
#: "The project team".
_OF_PROJECT = re.compile(
    r"(?:(?:the|this|our) (?:(?!previous|earlier|former|preceding|other|wider|larger|parent|sister)[\w-]+ ){0,3}?"
    r"(?:project|programme|program|initiative|action|training|course)\b"
    r"(?!['’]| (?:that|of which|under|with which|team|office|unit|partner|cent(?:re|er)|staff|manager)\b)|it\b"
    r"|(?:project )?(?:period|duration|dates?|timeline|timeframe|implementation)\b)",
    re.IGNORECASE,
)
_PROJECT = re.compile(r"\b(?:project|programme|program|initiative|action|phase)\b", re.IGNORECASE)
_DIGITS = re.compile(r"\d\d")
_DURATION = re.compile(
    r"\b(?:runs?|ran|lasts?|lasted|duration(?: of)?|period of|over|takes?|took) (?:for |of |about |a period of )?"
    r"(?P<length>(?:[0-9]{1,3}|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)[ -](?:year|month|week)s?)\b",
    re.IGNORECASE,
)


def find_dates(record: Record, sentences: list[Sentence]) -> dict[str, Date]:
    """Return those of start, end and duration that the record does not state."""
    found: dict[str, Date] = {}
    stated = record.start or record.end
    has_fields = bool(record.code or record.status)
    if stated and record.duration:
        return found
    for sentence in sentences:
        if sentence.section not in (*_SECTIONS, *_DURATION_ONLY):
            continue
        low = sentence.text.text.lower()
        lasts = "year" in low or "month" in low or "week" in low
        dated = _DIGITS.search(low) is not None
        if not (lasts or dated):
            continue
        if has_phrase(sentence, "aside"):
            continue
        if lasts and "duration" not in found and not record.duration:
            match = _DURATION.search(sentence.text.text)
            length = match and read_duration(sentence.text.part(*match.span("length")))
            if length:
                found["duration"] = replace(length, evidence=(sentence.evidence(_INTRODUCED_CONFIDENCE),))
        if dated and stated is None and sentence.section in _SECTIONS:
            for period in find_periods(sentence.text):
                _read_period(found, sentence, period, has_fields)
    return found


def _read_period(found: dict[str, Date], sentence: Sentence, period: Period, has_fields: bool) -> None:
    """Add the dates of a period, if the sentence is about the project.

    On pages without fields of their own, half of the periods in other sentences are those of other events.
    """
    text = sentence.text.text
    before, after = text[: period.at], text[period.stop :]
    alone = len(text) - (period.stop - period.at) < 4
    is_own = alone or _OF_PROJECT.match(text) is not None
    if not is_own and (period.end is None or not (has_fields or sentence.section == "summary")):
        return
    if _NOT_OF_PROJECT_BEFORE.search(before) or (_SINCE_BEFORE.search(before) and not _PROJECT.search(before)):
        return
    if period.end is not None and _UNTIL_BEFORE.search(before):
        _set_dates(found, sentence, _INTRODUCED_CONFIDENCE, end=period.end)
    elif period.end is not None and _UNTIL_AFTER.match(after):
        _set_dates(found, sentence, _INTRODUCED_CONFIDENCE, start=period.start)
    elif _EVENT_AFTER.match(after):
        return
    elif period.end is not None:
        if not found.keys() & _BOTH and _PERIOD_BEFORE.search(before):
            _set_dates(
                found,
                sentence,
                _ALONE_CONFIDENCE if alone else _INTRODUCED_CONFIDENCE,
                start=period.start,
                end=period.end,
            )
    elif _START_BEFORE.search(before) or (_UNTIL_AFTER.match(after) and re.search(r"\bfrom \Z", before)):
        _set_dates(found, sentence, _INTRODUCED_CONFIDENCE, start=period.start)
    elif _END_BEFORE.search(before):
        _set_dates(found, sentence, _INTRODUCED_CONFIDENCE, end=period.start)


def _set_dates(found: dict[str, Date], sentence: Sentence, confidence: float, **dates: Date) -> None:
    for name, date in dates.items():
        if date.value:
            printed = Text(date.printed.text, date.printed.place)
            found.setdefault(name, replace(date, printed=printed, evidence=(sentence.evidence(confidence),)))
