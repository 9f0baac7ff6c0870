"""The table of record fields: their kinds, ontology terms, column names and labels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from cybilgraph.model.vocabulary import ADMS, CYB, DCTERMS, PROV, SCHEMA


class FieldKind(StrEnum):
    """How the values of a field are stored in ``Record``, read and described."""

    VALUE = "value"  # one Text
    DATE = "date"  # one Date
    CHOICE = "choice"  # one Named from a concept scheme
    PROSE = "prose"  # paragraphs, described as one literal
    ITEMS = "items"  # one node per paragraph or list item
    ACTORS = "actors"  # in Record.participations; the role is the field name
    SCOPES = "scopes"  # in Record.scopes; the kind is the field name
    CONTACTS = "contacts"
    LINKS = "links"
    IDENTIFIERS = "identifiers"  # one node each
    PROJECTS = "projects"  # in Record.relations; the kind is the field name
    MONEY = "money"  # sums of money
    CURRENCY = "currency"  # the currency of sums that name none; not a value of its own
    RECORD = "record"  # one Text about the record itself, not about the project
    LAYOUT = "layout"  # a page heading that has no field


class Content(StrEnum):
    """The content of a prose section, which determines what extraction looks for in it."""

    PURPOSE = "purpose"  # the project and its aim
    DETAILS = "details"  # other information about the project
    BACKGROUND = "background"  # why the project is needed; also mentions neighbours and the past
    ACTIVITIES = "activities"  # what the project did, and where
    RESULTS = "results"  # its results, and who else acted on them


@dataclass(frozen=True, slots=True)
class Field:
    """One row of the table of fields.

    ``term`` is the property that links a project to the value. ``column`` is the name of the field in tables
    and documents (CSV, JSON …), ``about`` describes it to people who fill in a form. ``label_text`` lists other
    headings and labels for the field, in lower case and without a colon, separated by semicolons. A section of
    prose has its ``content``, and ``iati``: the IATI element that carries it, and its type there (code lists
    DescriptionType and ResultType).
    """

    name: str
    kind: FieldKind
    term: str = ""
    column: str = ""
    about: str = ""
    label_text: str = ""
    content: Content | None = None
    iati: tuple[str, str] | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """Other headings and labels for the field."""
        return tuple(filter(None, self.label_text.split("; ")))

    @property
    def segment(self) -> str:
        """The local name of its term, which is also a segment of the IRIs of its nodes."""
        return self.term.rpartition("#")[2].rpartition("/")[2]

    @property
    def node_class(self) -> str:
        """The class of the nodes of an ITEMS field: its term with a capital letter."""
        return f"{self.term.removesuffix(self.segment)}{self.segment[:1].upper()}{self.segment[1:]}"

    @property
    def is_multivalued(self) -> bool:
        """Return whether a project may have more than one value."""
        single = (FieldKind.VALUE, FieldKind.DATE, FieldKind.CHOICE, FieldKind.CURRENCY, FieldKind.RECORD)
        return self.kind not in single


_DATE = "Month and year (Apr 2018), or as precise as known: 2018, 2018-04, 2018-04-30."
#: The suffixes of the properties that repeat a date as printed, and as its first and last day.
DATE_FORMS = ("AsPrinted", "Earliest", "Latest")
#: To add a field, add a row here, an attribute in Record, a term in the ontology and a value in a sample.
FIELDS = (
    Field(
        "title",
        FieldKind.VALUE,
        DCTERMS.title,
        "title",
        "The project's name.",
        "project title; project name; name of the project; name of project; title of the project",
    ),
    Field(
        "code",
        FieldKind.VALUE,
        DCTERMS.identifier,
        "code",
        "The Cybil code, such as G0020 or GI-07.",
        "cybil code; gfce code; project code; cybil project code; gfce project code",
    ),
    Field("iati", FieldKind.VALUE, CYB.iatiIdentifier, "iati_identifier", "The IATI identifier.", "iati id"),
    Field(
        "other_ids",
        FieldKind.IDENTIFIERS,
        ADMS.identifier,
        "other_ids",
        "Identifiers in other registers, preceded by the name of the register: World Bank: P161086.",
        "other id; other identifiers; other identifier; other project number; other project numbers",
    ),
    Field(
        "slug",
        FieldKind.VALUE,
        CYB.slug,
        "slug",
        "The last part of the page's URL; derived from the title if empty.",
    ),
    Field(
        "status",
        FieldKind.CHOICE,
        CYB.status,
        "status",
        "Planned, Ongoing, Finished, Cancelled or Suspended.",
        "project status; current status",
    ),
    Field(
        "start",
        FieldKind.DATE,
        CYB.start,
        "start",
        f"Start date. {_DATE}",
        "from; start date; started; starting date; project start; begin",
    ),
    Field(
        "end",
        FieldKind.DATE,
        CYB.end,
        "end",
        f"End date, past or planned. {_DATE}",
        "to; end date; ended; until; project end; completion date",
    ),
    Field(
        "duration",
        FieldKind.DATE,
        CYB.duration,
        "duration",
        "Duration, such as 18 months or P18M.",
        "duration of the project; project duration; start and end date; start and end dates; period; project period; "
        "term of cooperation; period of cooperation; date; dates; when; timeframe",
    ),
    Field(
        "funder",
        FieldKind.ACTORS,
        CYB.funder,
        "funders",
        "Organisations that pay for the project.",
        "funder; donors; donor; funded by; financed by; funding; funding organisation; sponsor; "
        "funding organisations; sponsors; paid for by; paid by; who pays; who paid; source of funding",
    ),
    Field(
        "implementer",
        FieldKind.ACTORS,
        CYB.implementer,
        "implementers",
        "Organisations that deliver the project.",
        "implementors; implementor; implementer; implementing partners; implementing partner; "
        "implementing organisation; implementing organisations; implementing agency; implemented by; delivered by; "
        "done by; carried out by; run by; led by; executed by; executing agency; lead implementer; who delivers; "
        "who delivered; who did it; who does it; who implements",
    ),
    Field(
        "partner",
        FieldKind.ACTORS,
        CYB.partner,
        "partners",
        "Other organisations that take part.",
        "partner; local partner; local partners; partner organisations; together with; with",
    ),
    Field(
        "beneficiary",
        FieldKind.ACTORS,
        CYB.beneficiary,
        "beneficiaries",
        "Organisations that benefit from the project.",
        "beneficiary; beneficiary organisations; for whom; recipient; recipients; who benefits",
    ),
    Field(
        "accountable",
        FieldKind.ACTORS,
        CYB.accountable,
        "accountable",
        "Organisation responsible for the project as a whole.",
        "accountable organisation; accountable organization; lead organisation; lead organization; lead agency; "
        "lead institution; overall responsibility",
    ),
    Field(
        "extending",
        FieldKind.ACTORS,
        CYB.extending,
        "extending",
        "Organisation that manages the project for a funder.",
        "extending organisation; extending organization; managing organisation; managing organization; managed by; "
        "managing agency; fund manager; grant manager",
    ),
    Field(
        "theme",
        FieldKind.SCOPES,
        CYB.theme,
        "themes",
        "Themes or topics of the Cybil Portal.",
        "themes & topics; themes and topics; theme; topics; topic; thematic focus; theme & topic; thematic area; "
        "thematic areas; focus area; focus areas; subject",
    ),
    Field(
        "country",
        FieldKind.SCOPES,
        CYB.country,
        "countries",
        "Beneficiary countries: names or ISO 3166-1 codes.",
        "country; priority countries; beneficiary countries; beneficiary country; country of activity; "
        "partner countries; participating countries; target countries; target country; where; recipient countries; "
        "recipient country; countries covered",
    ),
    Field("region", FieldKind.SCOPES, CYB.region, "regions", "UN M49 regions.", "region; geographic scope"),
    Field("group", FieldKind.SCOPES, CYB.group, "groups", "Groups of countries, such as ASEAN or SADC.", "group"),
    Field(
        "audience",
        FieldKind.SCOPES,
        CYB.audience,
        "audiences",
        "Groups of people or organisations that the project serves, such as women diplomats or small businesses.",
        "audience; target audience; target audiences",
    ),
    Field(
        "funding",
        FieldKind.MONEY,
        SCHEMA.amount,
        "budget",
        "Sums of money with the code of their currency: EUR 3,350,000. In brackets, if known: the kind (budget, "
        "commitment, planned disbursement or disbursement), the period, who pays and who receives: EUR 3,350,000 "
        "(commitment, 2019–2021, from European Union, to Council of Europe).",
        "total budget; total cost; total costs; cost; costs; overall budget; budget amount; amount; total amount; "
        "project value; total value; contract value; value of the contract; eu contribution; net eu contribution; "
        "eu funding; ec contribution; total eu contribution; commitment; commitments; contribution; contributions; "
        "grant amount; grant; grant value; funding amount; total funding; disbursement; disbursements; expenditure; "
        "total expenditure; planned disbursement; planned disbursements; amount spent",
    ),
    Field("currency", FieldKind.CURRENCY, label_text="currency"),
    Field(
        "contacts",
        FieldKind.CONTACTS,
        CYB.contact,
        "contacts",
        "Contacts: Name <e-mail>. They are published.",
        "contact; contact person; contact persons; contact details; contact point; point of contact",
    ),
    Field(
        "summary",
        FieldKind.PROSE,
        DCTERMS.abstract,
        "summary",
        "The project in a few sentences.",
        "short introduction on the project; short introduction; short description; in short; abstract",
        content=Content.PURPOSE,
        iati=("description", "1"),
    ),
    Field(
        "description",
        FieldKind.PROSE,
        DCTERMS.description,
        "description",
        "Any other text about the project.",
        "details; general information; target groups; target group; project description; about the project; "
        "further information; more information; project site; project sites",
        content=Content.DETAILS,
        iati=("description", "4"),
    ),
    Field(
        "aim",
        FieldKind.PROSE,
        CYB.aim,
        "aim",
        "What the project aims to achieve.",
        "aims; aims / objectives; aims/objectives; aims and objectives; objectives; objective; project objective; "
        "project objectives; overall objective; specific objective; goal; goals; "
        "what did the project want to achieve; what does the project want to achieve; what do you want to achieve; "
        "specific objectives; purpose; aim / objectives; main objective",
        content=Content.PURPOSE,
        iati=("description", "2"),
    ),
    Field(
        "context",
        FieldKind.PROSE,
        CYB.context,
        "context",
        "Why the project is needed.",
        "background; rationale; why; why this project; the problem; why is it needed",
        content=Content.BACKGROUND,
        iati=("description", "4"),
    ),
    Field(
        "outcomes",
        FieldKind.ITEMS,
        CYB.outcome,
        "outcomes",
        "What has changed, or is meant to change.",
        "outcome; what has changed; what changed; what was achieved; results; result; expected outcomes; "
        "expected results; main results; impact",
        content=Content.RESULTS,
        iati=("result", "2"),
    ),
    Field(
        "outputs",
        FieldKind.ITEMS,
        CYB.output,
        "outputs",
        "What the project produced.",
        "output; what was made; what was produced; deliverables; expected outputs; main outputs; products",
        content=Content.RESULTS,
        iati=("result", "1"),
    ),
    Field(
        "activities",
        FieldKind.ITEMS,
        CYB.activity,
        "activities",
        "What the project did.",
        "activity; what was done; what is done; what has been done; what did the project do; what does it do; "
        "examples of activities; main activities; key activities; project activities",
        content=Content.ACTIVITIES,
        iati=("description", "4"),
    ),
    Field(
        "indicators",
        FieldKind.ITEMS,
        CYB.indicator,
        "indicators",
        "How results are measured, with baseline, targets and actual values: Analysts trained (result: Teams answer "
        "incidents): baseline 0 in 2018; target 12 from 2019-01-01 to 2019-12-31.",
        "indicator; performance indicators; key performance indicators",
    ),
    Field(
        "classifications",
        FieldKind.ITEMS,
        CYB.classification,
        "classifications",
        "Codes of other vocabularies, such as the sectors of the OECD DAC: DAC sector 15210: Security system "
        "management (60%).",
        "classification",
    ),
    Field(
        "links",
        FieldKind.LINKS,
        CYB.link,
        "links",
        "Related web pages: Text <URL>.",
        "other website links; other relevant links; relevant links; useful links; link; website; websites; "
        "read more; related links; other links",
    ),
    Field(
        "part_of",
        FieldKind.PROJECTS,
        DCTERMS.isPartOf,
        "part_of",
        "Larger projects that include this one, by code or title.",
        "part of; parent project; programme",
    ),
    Field(
        "includes",
        FieldKind.PROJECTS,
        DCTERMS.hasPart,
        "includes",
        "Smaller projects that are part of this one, by code or title.",
        "sub-projects; subprojects",
    ),
    Field(
        "follows",
        FieldKind.PROJECTS,
        CYB.follows,
        "follows",
        "Earlier projects that this one continues, by code or title.",
        "previous phase; follow-up of; follow-up to",
    ),
    Field(
        "related",
        FieldKind.PROJECTS,
        DCTERMS.relation,
        "related",
        "Other related projects, by code or title.",
        "related projects; related project; see also",
    ),
    Field(
        "address",
        FieldKind.RECORD,
        DCTERMS.source,
        "address",
        "The URL of the project's page.",
        "page address; url",
    ),
    Field(
        "updated",
        FieldKind.RECORD,
        DCTERMS.modified,
        "updated",
        "Date of the last change to the record: 2024-05-31.",
        "last updated; last update; page updated",
    ),
    Field(
        "retrieved",
        FieldKind.RECORD,
        PROV.generatedAtTime,
        "retrieved",
        "Date or time at which the page was saved: 2024-05-31, or 2024-05-31T10:00:00Z.",
        "date retrieved; retrieved on; captured; date captured; saved on",
    ),
    Field("rights", FieldKind.RECORD, DCTERMS.rights, "rights", "Terms of use of the record."),
    Field("language", FieldKind.RECORD, DCTERMS.language, "language", "Language of the text, such as en, fr or es."),
    Field("page", FieldKind.LAYOUT, label_text="project; about; suggest a page edit"),
)
BY_NAME = {row.name: row for row in FIELDS}


def role_property(role: str) -> str:
    """Return the property that a participation in a role states; an unspecified role has no field."""
    return BY_NAME[role].term if role in BY_NAME else CYB.involved


#: Each heading, label and column name with its field.
BY_LABEL = {
    label: row
    for row in FIELDS
    for label in (*((row.column, row.column.replace("_", " ")) if row.column else ()), *row.labels)
}
#: Word stems that assign an unlisted label to a field: "Funding agency", "Delivery partner". The order matters:
#: a funding partner is a funder, and a delivery partner an implementer.
LABEL_STEMS = tuple(
    (re.compile(rf"\b(?:{stems})"), BY_NAME[name])
    for name, stems in (
        ("country", "countr|geographical? coverage"),
        ("activities", "activit"),
        ("duration", "financial year|fiscal year|period|duration|time ?frame|timeline"),
        ("funding", r"budget|\bcosts?\b|amount"),
        ("funder", "fund|donor|grant|financ|sponsor|paid|money"),
        (
            "implementer",
            "implement|consultant|contractor|deliver(?!ables?)|project lead|execut|carried out|led by|run by|responsib",
        ),
        ("partner", "partner|counterpart|collaborat|cooperat|co-operat|supported by|support from"),
        ("beneficiary", "benefici|recipient"),
        ("region", "region"),
        ("theme", "theme|topic|thematic"),
        ("contacts", "contact"),
        ("aim", "aim|objective|goal|purpose"),
        ("outcomes", "outcome|result|impact|achievement"),
        ("outputs", "output|deliverable|product"),
        ("context", "context|background|rationale"),
        ("links", "link|web ?site|documents|read more|further reading"),
        ("status", "status|state of"),
        ("summary", "summary|short description|introduction|abstract"),
    )
)
#: The fields that describe the project in sentences, in page order.
NARRATIVE_FIELDS = tuple(row for row in FIELDS if row.kind in (FieldKind.PROSE, FieldKind.ITEMS))
NARRATIVE = tuple(row.name for row in NARRATIVE_FIELDS)


def sections(*contents: Content) -> tuple[str, ...]:
    """Return the names of the sections with any of these contents, in page order."""
    return tuple(row.name for row in NARRATIVE_FIELDS if row.content in contents)
