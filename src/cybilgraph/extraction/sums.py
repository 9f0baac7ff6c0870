"""Find sums of money in sentences: what the project costs, or what somebody gives to it.

Most sums in prose are something else: losses, other projects, equipment. The labelled texts have too few sums to
measure how often they are correct, so all sums are possible claims until a curator confirms them.
"""

from __future__ import annotations

import re

from cybilgraph.extraction.phrases import has_phrase
from cybilgraph.extraction.sentences import Sentence
from cybilgraph.model.fields import Content, sections
from cybilgraph.model.money import DEFAULT_KIND, Amount, find_amounts
from cybilgraph.model.record import Basis, Funding, Record, Text

_SECTIONS = ("title", *sections(Content.PURPOSE, Content.DETAILS))
#: The estimated probability that a sum is correct, if the sentence says what the project costs and if it does not
#: (docs/reference/measurements.md).
_COST_CONFIDENCE, _OTHER_CONFIDENCE = 0.85, 0.7
#: More sums are unlikely to be those of one project.
_MAX_SUMS = 3
_PROJECT = r"(?:project|programme|program|initiative|action|operation|measure)"
_ABOUT = r"(?:about |approximately |around |some |nearly |almost )?"
_BUDGET = r"(?:(?:total|overall|entire|project) )*(?:budget|costs?|value)"
#: The words before a sum that say that the project costs it.
_COST_BEFORE = re.compile(
    rf"^(?:The|This|Our) (?:[\w’'-]+ ){{0,3}}{_PROJECT}\b[^.;]{{0,80}} (?:(?:has|had|with) an? (?:\w+ )?{_BUDGET} of"
    rf"|(?:is|was) worth|costs?|runs? on a budget of) {_ABOUT}\Z"
    rf"|^(?:The|Its|Of its) {_BUDGET}(?: (?:of|for) (?:the|this|our) {_PROJECT})?"
    rf" (?:is|was|of|amounts? to|amounted to|totals?|totalled) {_ABOUT}\Z",
    re.IGNORECASE,
)
_WORTH_BEFORE = re.compile(rf"\b(?:worth|valued at) {_ABOUT}\Z", re.IGNORECASE)
_OVER_YEARS_AFTER = re.compile(r",? (?:over|for|in) (?:[0-9]{1,3}|[a-z]+) (?:months|years)\b", re.IGNORECASE)
#: "The £310,000 project", but not "as part of a £3 million programme".
_THE_BEFORE, _PROJECT_AFTER = re.compile(r"^(?:The|This|Our) \Z"), re.compile(rf"[ -](?:[\w-]+ )?{_PROJECT}\b")
_IS_PROJECT = re.compile(rf"\b{_PROJECT}\b|^It\b", re.IGNORECASE)
#: Words about payment shortly before a sum that may belong to the project.
_PAID_BEFORE = re.compile(
    r"\b(?:budget|costs?|worth|grants?|granted|contribut\w+|financ\w+|fund(?:ed|ing|s)?|provid\w+|committed|invested"
    r"|loan|credit|support\w*)\b[^.;]{0,40}\Z",
    re.IGNORECASE,
)
_COST = re.compile("budget|costs?|worth", re.IGNORECASE)
_OTHER = re.compile(
    r"\b(?:loss|losses|lost|stolen|stole|fraud\w*|ransom\w*|damages?|defraud\w*|per year|a year|annually|GDP"
    r"|state budget|portfolio|equipment|each)\b",
    re.IGNORECASE,
)


def find_funding(record: Record, sentences: list[Sentence]) -> tuple[Funding, ...]:
    """Return the sums of money found in sentences; none if the record states a sum."""
    if record.funding:
        return ()
    found: dict[str, tuple[bool, Funding]] = {}
    for sentence in sentences:
        if sentence.section in _SECTIONS and any(map(str.isdigit, sentence.text.text)):
            for amount in find_amounts(sentence.text.text):
                if one := _funding(sentence, amount):
                    found.setdefault(one[1].key, one)
    costs = [funding for is_cost, funding in found.values() if is_cost]
    if len(costs) > 1:  # at most one of them is that of the project
        return ()
    return tuple(costs or [funding for _, funding in found.values()][:_MAX_SUMS])


def _funding(sentence: Sentence, amount: Amount) -> tuple[bool, Funding] | None:
    """Return whether the sentence says that the project costs the sum, and the sum; None for other sums."""
    text = sentence.text.text
    before, after = text[: amount.start], text[amount.stop :]
    if not amount.currency or _OTHER.search(text) or has_phrase(sentence, "aside"):
        return None
    is_cost = bool(
        _COST_BEFORE.search(before)
        or (_WORTH_BEFORE.search(before) and _OVER_YEARS_AFTER.match(after) and _IS_PROJECT.search(text))
        or (_THE_BEFORE.search(before) and _PROJECT_AFTER.match(after))
    )
    paid = _PAID_BEFORE.search(before)
    if not (is_cost or paid or _PROJECT_AFTER.match(after)):
        return None
    kind = DEFAULT_KIND if is_cost or not paid or _COST.match(paid[0]) else "commitment"
    printed = sentence.text.part(amount.start, amount.stop)
    return is_cost, Funding(
        *(kind, amount.amount, amount.currency, Text(printed.text, printed.place), Basis.POSSIBLE),
        evidence=(sentence.evidence(_COST_CONFIDENCE if is_cost else _OTHER_CONFIDENCE),),
    )
