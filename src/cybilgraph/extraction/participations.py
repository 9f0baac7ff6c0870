"""Find the actors that take part in a project, with their roles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from cybilgraph.extraction.name_spans import ACTOR, BODY, DEMONYM, MARKS, NAME, PLACE
from cybilgraph.extraction.phrases import (
    ACTING,
    ROLES,
    Phrase,
    find_losses,
    has_phrase,
    names_near_money,
    phrase_claims,
)
from cybilgraph.extraction.role_model import (
    MIN_SURE_CONFIDENCE,
    PURPOSE_SECTIONS,
    Candidate,
    clearest_sentence,
    decide_roles,
    is_helped_authority,
    role_features,
    role_probabilities,
)
from cybilgraph.extraction.sentences import Name, Sentence
from cybilgraph.model.fields import Content, sections
from cybilgraph.model.gazetteer import Gazetteer, GazetteerEntry, slug
from cybilgraph.model.record import Basis, Named, Participation, Record, Scope, Text
from cybilgraph.model.state_bodies import parse_actor_name

#: Sections that are not searched for actors.
_IGNORED_SECTIONS = ("links",)
#: Sections that also describe other projects and actors.
_BACKGROUND_SECTIONS = sections(Content.BACKGROUND, Content.RESULTS, Content.ACTIVITIES)
#: Confidence that an authority of a beneficiary country is a beneficiary if no role is given.
_LOCAL_AUTHORITY_CONFIDENCE = 0.75
#: Confidence that the only actor in a clause about money is the funder.
_PAYER_CONFIDENCE = 0.75
#: Text before an organisation that does not exist yet: "to set up the new Agency", "a National Centre for".
_PLANNED_BODY_BEFORE = re.compile(
    r"\b(?:(?:set(?:s|ting)? up|establish(?:es|ed|ing)?|creat(?:es?|ed|ing)|build(?:s|ing)?|launch(?:es|ed|ing)?"
    r"|establishment of|creation of|formation of) (?:the |its |their |an? )?(?:new |first |national |governmental )*"
    rf"(?:(?:an? )?[^{MARKS},.;]{{1,50}}, )?"
    r"|(?P<kind>an? (?:new |first )?))\Z"
)
#: Text after a complete name that follows "a". In "a Ministry team", the name only modifies a noun.
_NAME_ENDS_AFTER = re.compile(
    r"(?: \([^)]{1,30}\))?(?:[.,;:)]|\Z| (?:in|for|of|to|that|which|with|by|and|at|on|under|within)\b)"
)
#: How far to look back from a name.
_MAX_LOOKBEHIND_CHARACTERS = 100
#: Text before an organisation that only provides the venue; ``_HOST_AFTER`` matches the text after it.
_VENUE_BEFORE = (
    *("hosted by ", "hosted by the "),
    *("housed in ", "housed in the ", "housed at ", "housed at the ", "housed by ", "housed by the "),
)
_HOST_AFTER = re.compile(r"(?: \([^)]{1,30}\))?(?: in \S+)? (?:will )?host(?:s|ed)?\b")
#: Text before an organisation whose members or staff are meant, or before a list of such organisations.
_MEMBERS_BEFORE = re.compile(
    r"\b(?:members of|member states of|belong(?:s|ing) to|subordinate to|who works? (?:for|at)"
    rf"|employed (?:by|at)|whose) (?:the )?"
    rf"(?:[{ACTOR}{BODY}{NAME}](?: \([^)]{{1,30}}\))?(?:,? and |, )(?:the )?){{0,9}}\Z"
)
#: Text before an actor whose part is denied: "not funded by A but by B".
_NEGATION_BEFORE = re.compile(r"\b(?:not|never) \w+ (?:for )?by (?:the )?\Z")
#: Bodies whose members act for them.
_BODY_OF_MEMBERS = re.compile(r"\b(?:Police|Forces?|Judiciary|Parliament|Army|Gendarmerie)\b")
_OWNER = (
    re.compile(rf"[{ACTOR}{BODY}{NAME}](?: \([^)]{{1,30}}\))?, (?:the )?\Z"),
    re.compile(r"['’]s? (?:\w+ ){0,3}(?:cent(?:re|er)|agency|arm|body|branch|hub|institute|school)\b"),
)
#: Text after an organisation that is mentioned only for its rules ("the UN framework of responsible
#: behaviour"), that only watches or declines, or that the sentence only defines.
_INDIRECT_AFTER = re.compile(
    r"(?:'s?)? (?:framework|norms|charter|conventions?|resolutions?|principles|standards|guidelines|accession|candidate"
    r"|directives?|recommendations?|member states?|confidence-building)\b"
    r"| (?:only |also )?(?:observed|watched|looked on|could not|cannot|(?:declined|refused|(?:was|were) unable) to)\b"
    r"|['’]s? (?:partners|beneficiaries|grantees|clients)\b"
    r"| (?:page|account|post)s?\b"
    rf"|['’]s? (?:[\w{NAME}-]+ ){{0,2}}(?:building|premises|campus|headquarters|auditorium|hall)(?:[.,;]|\Z)"
    rf"|(?<=[{BODY}{NAME}])(?: \([^)]{{1,30}}\))?,? (?:(?:which|that) )?(?:is |was |will be |being )?(?:jointly )?"
    r"(?:delivered|implemented|executed|carried out) by\b"
    r"|(?: \([^)]{1,30}\))? is an? (?:[\w-]+ ){0,4}(?:network|cent(?:re|er)|community|platform|pool|forum)"
    r" (?:of|where|for)\b"
)
#: Text between a country or organisation and the body that acts for it: "Australia, through its ◈, pays".
_THROUGH_BEFORE = re.compile(rf"[{MARKS}](?:'s? government)?,? through (?:its|their) \Z")
#: Text before the country of a seat: "the Office of the ◆ (Bucharest, Romania)".
_SEAT_BEFORE = re.compile(rf"\((?:{NAME}|[\w -]{{3,30}}), \Z")
#: The start of a quotation.
_QUOTATION = re.compile("[“\"‘']")
#: The roles of those with whom, or for whom, others work, unless they are beneficiaries.
_COUNTERPART_ROLES = {"counterpart": "partner", "client": "funder"}
#: Roles that the government of a beneficiary country may have.
_BENEFICIARY_GOVERNMENT_ROLES = ("funder", "implementer", "beneficiary")
#: The project itself is usually described in its first sentences.
_FIRST_SENTENCE_COUNT = 3


#: For each actor and role, the supporting sentences, with the entry, confidence and name in each.
_Quotes = dict[Sentence, tuple[GazetteerEntry, float, Name]]
RoleQuotes = dict[str, dict[str, _Quotes]]


def find_participations(
    record: Record, sentences: list[Sentence], scopes: Iterable[Scope], names: Gazetteer
) -> tuple[Participation, ...]:
    """Return the participations found only in sentences.

    ``scopes`` give the beneficiary countries of the project.
    """
    beneficiary_countries = {link.concept.key for link in scopes if link.concept.kind == "country"}
    found = find_phrase_roles(record, sentences, beneficiary_countries, names)
    present = {link.actor.key for link in record.participations}
    links = []
    for candidate in find_candidates(record, sentences, found, beneficiary_countries, names):
        if _is_stated(candidate.actor, present):
            continue
        key, actor = candidate.actor.key, candidate.actor
        by_role = _decide_roles(candidate, found.get(key, {}), beneficiary_countries)
        for role, quotes in sorted(by_role.items()):
            first = next(iter(quotes))
            printed = Text(actor.name, first.text.place)
            evidence = tuple(sentence.evidence(confidence) for sentence, (_, confidence, _) in quotes.items())
            known = names.get("actor", key) is not None
            home = "" if known else _state(actor)
            links.append(Participation(Named("actor", key, printed, known, home), role, Basis.DERIVED, evidence))
    return tuple(links)


def _state(actor: GazetteerEntry) -> str:
    """Return the country of an unlisted body of a state whose name does not contain it, or an empty string."""
    labels = () if parse_actor_name(actor.name).country else actor.aliases
    countries = (parse_actor_name(label).country for label in labels)
    return next((country.key for country in countries if country), "")


def find_phrase_roles(
    record: Record, sentences: list[Sentence], beneficiary_countries: set[str], names: Gazetteer
) -> RoleQuotes:
    """Return the roles of each actor according to phrases, or inferred where no phrase gives a role."""
    stated = {link.actor.key for link in _stated_participations(record)}
    found = _collect_phrase_roles(sentences, stated, beneficiary_countries, names)
    _infer_roles(found, sentences, stated, beneficiary_countries)
    _settle_local_authority(found, any(link.role == "implementer" for link in _stated_participations(record)))
    for key, by_role in found.items():
        _drop_unlikely(by_role, names.get("actor", key), beneficiary_countries)
    return {key: _drop_weaker_roles(by_role) for key, by_role in found.items()}


def _decide_roles(
    candidate: Candidate, by_role: dict[str, _Quotes], beneficiary_countries: set[str]
) -> dict[str, _Quotes]:
    """Return the roles that the model accepts, with their sentences and confidence.

    A role that no phrase supports gets the sentence that supports it most.
    """
    kept: dict[str, _Quotes] = {}
    for role, probability in decide_roles(
        candidate.phrase_roles, role_probabilities(role_features(candidate, beneficiary_countries))
    ).items():
        confidence = min(round(probability * 20) / 20, MIN_SURE_CONFIDENCE)
        if role in by_role:
            kept[role] = {sentence: (actor, confidence, name) for sentence, (actor, _, name) in by_role[role].items()}
        else:
            sentence, name = clearest_sentence(candidate, role)
            kept[role] = {sentence: (candidate.actor, confidence, name)}
    return kept


def find_candidates(
    record: Record, sentences: list[Sentence], found: RoleQuotes, beneficiary_countries: set[str], names: Gazetteer
) -> list[Candidate]:
    """Return the actors that may take part, apart from those that the page states.

    They have a role from a phrase, or are named where the text may be about participants. Governments of
    beneficiary countries need a phrase.
    """
    stated = {link.actor.key for link in _stated_participations(record)}
    listed: dict[str, Candidate] = {}
    for sentence in sentences:
        if _is_skipped(sentence):
            continue
        marks = _candidate_marks(sentence)
        for name in sentence.names:
            actor = _acting_entry(name, "funder", beneficiary_countries, names)
            if not actor or _is_stated(actor, stated):
                continue
            known = actor.key in found or actor.key in listed
            named = known or (name.mark in marks and _acting_entry(name, "", beneficiary_countries, names))
            if named and not _is_indirect(sentence, name):
                listed.setdefault(actor.key, Candidate(actor)).names.append((sentence, name))
    roles_of = frozenset(link.role for link in _stated_participations(record))
    for key, candidate in listed.items():
        candidate.first = candidate.names[0][0] in sentences[:_FIRST_SENTENCE_COUNT]
        candidate.stated = roles_of
        candidate.phrase_roles = {
            role: max(confidence for _, confidence, _ in quotes.values()) for role, quotes in found.get(key, {}).items()
        }
        candidate.phrase_sections = frozenset(
            (role, sentence.section) for role, quotes in found.get(key, {}).items() for sentence in quotes
        )
        candidate.others = roles_of.union(*(by_role for other, by_role in found.items() if other != key))
    return list(listed.values())


def _stated_participations(record: Record) -> list[Participation]:
    """Return the stated participations; derived ones that were read back add no information."""
    return [link for link in record.participations if link.basis is Basis.STATED]


def _collect_phrase_roles(
    sentences: Iterable[Sentence], stated: set[str], beneficiary_countries: set[str], names: Gazetteer
) -> RoleQuotes:
    """Collect the roles that phrases give."""
    found: RoleQuotes = {}
    for sentence in sentences:
        for phrase, name in phrase_roles(sentence):
            actor = _acting_entry(name, phrase.claim, beneficiary_countries, names)
            if actor and not _is_stated(actor, stated) and not _is_indirect(sentence, name):
                quotes = found.setdefault(actor.key, {}).setdefault(
                    _role(phrase.claim, name, beneficiary_countries), {}
                )
                quotes.setdefault(sentence, (actor, phrase.confidence, name))
    return found


def _infer_roles(
    found: RoleQuotes, sentences: list[Sentence], stated: set[str], beneficiary_countries: set[str]
) -> None:
    """Add likely roles of actors to which no phrase gives a role."""
    for sentence, name, actor in _find_payers(sentences, beneficiary_countries):
        acts = found.get(actor.key, {})
        if acts.keys() <= {"acts"} and sentence not in acts.get("acts", ()) and not _is_stated(actor, stated):
            found[actor.key] = {"funder": {sentence: (actor, _PAYER_CONFIDENCE, name)}}
    for sentence, name, actor in _find_helped_authorities(sentences, beneficiary_countries):
        if actor.key not in found and not _is_stated(actor, stated | found.keys()):
            found[actor.key] = {"beneficiary": {sentence: (actor, _LOCAL_AUTHORITY_CONFIDENCE, name)}}


def _settle_local_authority(found: RoleQuotes, stated: bool) -> None:
    """Decide whether an active authority of a beneficiary country delivers the project or benefits from it.

    It is an implementer if it acts together with implementers, or if nobody else delivers; otherwise a
    beneficiary. ``stated``: whether the page states the implementers.
    """
    delivered = {
        sentence for by_role in found.values() for role in ("implementer", "acts") for sentence in by_role.get(role, ())
    }
    for by_role in found.values():
        if quotes := by_role.pop("acts at home", None):
            alone = not stated and delivered <= quotes.keys()
            role = "acts" if alone or delivered & quotes.keys() else "beneficiary"
            by_role.setdefault(role, {}).update(quotes)


def _drop_unlikely(by_role: dict[str, _Quotes], known: GazetteerEntry | None, beneficiary_countries: set[str]) -> None:
    """Drop roles that are probably wrong if the actor has others: a listed actor from elsewhere as a
    beneficiary, and roles found only in quotations.
    """
    weak = {role for role, quotes in by_role.items() if all(_QUOTATION.match(sentence.marked) for sentence in quotes)}
    if known and known.row["country"] not in beneficiary_countries:
        weak.add("beneficiary")
    if not by_role.keys() <= weak:
        for role in weak & by_role.keys():
            del by_role[role]


def _is_stated(actor: GazetteerEntry, stated: set[str]) -> bool:
    """Return whether an actor is stated, possibly with its country: "Ministry of Health of Fiji" for "Ministry
    of Health".
    """
    if actor.key in stated or actor.row:
        return actor.key in stated
    if slug(parse_actor_name(actor.name).bare) in stated:
        return True
    longer = f"{actor.key}-of-"
    return any(key.startswith(longer) for key in stated)


def _role(stated_role: str, name: Name, beneficiary_countries: set[str]) -> str:
    """Return the role for a claim: a local authority with whom or for whom others work is a beneficiary."""
    if stated_role in ROLES:
        return stated_role
    if stated_role in _COUNTERPART_ROLES:
        at_home = is_helped_authority(name, beneficiary_countries) or (
            stated_role == "client" and _country(name) in beneficiary_countries
        )
        return "beneficiary" if at_home else _COUNTERPART_ROLES[stated_role]
    return "acts at home" if is_helped_authority(name, beneficiary_countries) else stated_role


def _country(name: Name) -> str:
    """Return the actor's country according to the reference data, or an empty string."""
    actor = name.of("actor")
    return actor.row.get("country", "") if actor else ""


def _find_payers(
    sentences: Iterable[Sentence], beneficiary_countries: set[str]
) -> Iterator[tuple[Sentence, Name, GazetteerEntry]]:
    """Yield the only actor in a clause about money, unless it is from a beneficiary country."""
    for sentence in _purpose_sentences(sentences):
        acting = [name for name in names_near_money(sentence) if name.mark == ACTOR and name.of("actor")]
        if (
            len(acting) == 1
            and (actor := acting[0].of("actor"))
            and actor.row.get("country") not in beneficiary_countries
        ):
            yield sentence, acting[0], actor


def _find_helped_authorities(
    sentences: Iterable[Sentence], beneficiary_countries: set[str]
) -> Iterator[tuple[Sentence, Name, GazetteerEntry]]:
    """Yield the authorities of beneficiary countries in sentences about the project. They are beneficiaries
    unless the text gives them another role.
    """
    for sentence in _purpose_sentences(sentences):
        for name in sentence.names:
            if (actor := name.of("actor")) and is_helped_authority(name, beneficiary_countries):
                elsewhere = _HOST_AFTER.match(sentence.marked, name.at + 1) or sentence.marked.endswith(
                    _VENUE_BEFORE, 0, name.at
                )
                if not (elsewhere or _is_planned(sentence, name)):
                    yield sentence, name, actor


def _is_planned(sentence: Sentence, name: Name) -> bool:
    """Return whether an unlisted organisation is yet to be created, or stands for any of its kind."""
    if name.mark != BODY:
        return False
    before = _PLANNED_BODY_BEFORE.search(sentence.marked, max(0, name.at - _MAX_LOOKBEHIND_CHARACTERS), name.at)
    return before is not None and not (before["kind"] and not _NAME_ENDS_AFTER.match(sentence.marked, name.at + 1))


def _is_indirect(sentence: Sentence, name: Name) -> bool:
    """Return whether the sentence is not about the organisation itself: about its members or rules, about a
    body yet to be created, or about a victim of fraud.
    """
    if _INDIRECT_AFTER.match(sentence.marked, name.at + 1):
        return True
    if _MEMBERS_BEFORE.search(sentence.marked, max(0, name.at - _MAX_LOOKBEHIND_CHARACTERS), name.at):
        return not (name.entries and _BODY_OF_MEMBERS.search(name.entries[-1].name))
    if _NEGATION_BEFORE.search(sentence.marked, max(0, name.at - _MAX_LOOKBEHIND_CHARACTERS), name.at):
        return True
    if name.mark == PLACE and _SEAT_BEFORE.search(
        sentence.marked, max(0, name.at - _MAX_LOOKBEHIND_CHARACTERS), name.at
    ):
        return True
    if name.mark == BODY and _THROUGH_BEFORE.search(
        sentence.marked, max(0, name.at - _MAX_LOOKBEHIND_CHARACTERS), name.at
    ):
        return True
    if any(low < name.at < high for low, high in find_losses(sentence.marked)):
        return True
    before, behind = _OWNER
    if behind.match(sentence.marked, name.at + 1) and before.search(sentence.marked, 0, name.at):
        return True
    return _is_planned(sentence, name)


def _purpose_sentences(sentences: Iterable[Sentence]) -> Iterator[Sentence]:
    """Yield the sentences about the project itself."""
    for sentence in sentences:
        if sentence.section in PURPOSE_SECTIONS and not (
            has_phrase(sentence, "aside") or has_phrase(sentence, "compare")
        ):
            yield sentence


def _is_skipped(sentence: Sentence) -> bool:
    return not sentence.names or sentence.section in _IGNORED_SECTIONS or has_phrase(sentence, "aside")


def _candidate_marks(sentence: Sentence) -> str:
    """Return the marks of the names that may be participants although no phrase says so.

    In sections about the project, these are all names. In background sections, they are organisations,
    except in comparisons and sentences about other places.
    """
    if sentence.section in PURPOSE_SECTIONS:
        return ACTOR + BODY + NAME + PLACE
    aside = (
        sentence.section not in _BACKGROUND_SECTIONS
        or has_phrase(sentence, "compare")
        or has_phrase(sentence, "elsewhere")
    )
    return "" if aside else ACTOR + BODY


def phrase_roles(sentence: Sentence) -> tuple[tuple[Phrase, Name], ...]:
    """Return the roles that phrases give to names. Sentences about other projects give none."""
    if sentence.roles is None:
        silent = _is_skipped(sentence)
        sentence.roles = () if silent else tuple(phrase_claims(sentence, *ACTING))
    found: tuple[tuple[Phrase, Name], ...] = sentence.roles
    return found


def _drop_weaker_roles(by_role: dict[str, _Quotes]) -> dict[str, _Quotes]:
    """Keep an actor's most informative role, or both funder and implementer.

    An actor that only does something (``acts``) becomes an implementer if nothing else is known.
    """
    best = min(by_role, key=ACTING.index)
    kept = {best} if best == "extending" else {best, *(by_role.keys() & {"funder", "implementer"})}
    if best == "funder" and by_role.get("acts", {}).keys() - by_role["funder"].keys():
        kept.add("acts")
    quotes: dict[str, _Quotes] = {}
    for role in sorted(kept):
        quotes.setdefault("implementer" if role == "acts" else role, {}).update(by_role[role])
    return quotes


def _acting_entry(name: Name, role: str, beneficiary_countries: set[str], names: Gazetteer) -> GazetteerEntry | None:
    """Return the named actor, or the government of a named country.

    A beneficiary country can only be a funder, implementer or beneficiary.
    """
    if actor := name.of("actor"):
        return actor
    if name.mark not in (PLACE, DEMONYM):
        return None
    country = name.of("country") or name.of("demonym")
    if country is None or (country.key in beneficiary_countries and role not in _BENEFICIARY_GOVERNMENT_ROLES):
        return None
    return names.government(country)
