"""Turn an edited record into decisions, one for each field or link that the edit changes."""

from __future__ import annotations

from collections.abc import Iterator

from cybilgraph.identity.decision_layer import field_lines, subject_value, value_checksum
from cybilgraph.identity.decisions import LINK_KINDS, Decision, Verdict
from cybilgraph.model.fields import BY_NAME, FieldKind
from cybilgraph.model.gazetteer import slug
from cybilgraph.model.record import Basis, Named, Participation, Record, Relation, Scope
from cybilgraph.rdf.description import describe, project_iri
from cybilgraph.rdf.forms import COLUMNS, cell_text
from cybilgraph.readers.cells import LEFT_BLANK

_TITLE = BY_NAME["title"]
#: Kinds whose values are short enough to repeat in a decision.
_SHORT = (FieldKind.VALUE, FieldKind.DATE, FieldKind.CHOICE, FieldKind.RECORD)


def decide_edit(
    project: str, before: Record, after: Record, now: Record, who: str, suggested_by: str = "", why: str = ""
) -> tuple[list[Decision], list[str]]:
    """Return the decisions that turn a record into the edited one, and the columns with a conflict.

    Only differences between ``before`` and ``after`` the edit are decided, unless the record has them ``now``. There is
    a conflict if a field with one value is now neither as before nor as after the edit: it was also edited elsewhere.
    """
    decisions, conflicts = [], []
    for row in COLUMNS:
        # When a page was saved is a fact about the source, and most slugs are made from the title.
        if row.name == "retrieved" or (row.name == "slug" and cell_text(after, row) == slug(cell_text(after, _TITLE))):
            continue
        if row.kind in LINK_KINDS:
            old, new, present = ({one.key: one for one in _linked(record, row.name)} for record in (before, after, now))
            found = [(key, Verdict.NO) for key in old.keys() - new.keys() if key in present]
            found += [(key, Verdict.YES) for key in new.keys() - old.keys() if key not in present]
            for key, verdict in sorted(found):
                named = old.get(key) or new[key]
                decisions.append(
                    Decision(
                        record=project,
                        field=row.name,
                        value=subject_value(named.kind, key, named.printed.text),
                        verdict=verdict,
                        who=who,
                        suggested_by=suggested_by,
                        why=why,
                        basis=Basis.STATED if verdict is Verdict.NO else "",
                    )
                )
            continue
        texts = [cell_text(record, row).replace(LEFT_BLANK, "") for record in (before, after, now)]
        if texts[0] == texts[1] or texts[1] == texts[2]:
            continue
        if texts[0] != texts[2]:
            conflicts.append(row.column)
        decisions.append(
            Decision(
                record=project,
                field=row.name,
                value=texts[2] if row.kind in _SHORT else "",
                verdict=Verdict.INSTEAD if texts[1] else Verdict.NO,
                new_value=texts[1],
                who=who,
                suggested_by=suggested_by,
                why=why,
                sha256=value_checksum(field_lines(row.name, describe(now), now.key), project_iri(now)),
            )
        )
    return decisions, conflicts


def _linked(record: Record, name: str) -> Iterator[Named]:
    """Yield what a record states under a field."""
    for link in record.values(name):
        if link.basis is Basis.STATED:
            match link:
                case Participation(actor=named) | Scope(concept=named) | Relation(project=named):
                    yield named
