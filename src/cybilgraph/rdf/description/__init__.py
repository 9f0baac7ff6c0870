"""Describe records and reference data as lines of canonical N-Triples, and locate the source of a statement."""

from cybilgraph.rdf.description.projects import describe, project_iri
from cybilgraph.rdf.description.reference_data import (
    describe_code_lists,
    describe_day,
    describe_reference,
    describe_used_reference,
)
from cybilgraph.rdf.description.statement_fields import MIN_STATED, certainty, field_of
from cybilgraph.rdf.description.statement_places import StatementPlace, locate_statement

__all__ = [
    "MIN_STATED",
    "StatementPlace",
    "certainty",
    "describe",
    "describe_code_lists",
    "describe_day",
    "describe_reference",
    "describe_used_reference",
    "field_of",
    "locate_statement",
    "project_iri",
]
